//! The advertiser's release: one signed batch of handles out, digital IDs in.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::advertiser::{AdvertiserSession, Core};
use crate::close::Closing;
use crate::disclosure::{self, MatchCount, Withheld};
use crate::merge::{Framer, Sorted};
use crate::wire::{Received, refused_by_peer};
use crate::{Input, Outbox, Output, RunContent, RunName, unexpected};
use protocol::codec::{RawFrame, StreamId};
use protocol::digital_id::DigitalId;
use protocol::error::{Bug, Error, Refusal, Violation};
use protocol::ledger::Reservation;
use protocol::limits::{IDS_PAYLOAD_MAX, UNKNOWN_HANDLES_MAX};
use protocol::message::{Control, Released};
use protocol::suite::Profile;
use protocol::terms::{MatchTerms, SignedTerms};
use protocol::transcript::result::ResultCommitment;

/// Sends the handles of the matched rows, then waits for what the provider releases for them.
///
/// The provider learns which of its records matched, never through which row. In `digital-ids` the
/// IDs come back as one sorted bag. Leaves to [`crate::advertiser::ExpectReceipt`].
#[derive(Debug)]
pub struct ExpectIds {
    pub(crate) core: Core,
    terms: SignedTerms,
    reservation: Reservation,
    count: MatchCount,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Handles go out.
    Send(Sorted<16>, Framer),
    /// The provider decides.
    Decide,
    /// Digital IDs come in.
    Receive(Released, IdReader),
}

impl ExpectIds {
    pub(crate) fn start(
        mut core: Core,
        terms: SignedTerms,
        reservation: Reservation,
        count: MatchCount,
        handles: u64,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        let frame_elements = core.wire.limits().frame_elements;
        core.wire.open(StreamId::Handles, frame_elements);
        out.push(Output::WantRun(RunName::MatchedHandles));
        let sorted = Sorted::new(RunName::MatchedHandles, handles);
        let framer = Framer::new(StreamId::Handles, 16, frame_elements);
        let phase = Phase::Send(sorted, framer);
        Ok(AdvertiserSession::ExpectIds(Self { core, terms, reservation, count, phase }))
    }

    pub(crate) fn handle(
        mut self,
        input: Input,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        match input {
            Input::Time(now) => self.core.now = now,
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(Control::Released(released), frame) => {
                    return self.take_released(released, &frame, out);
                }
                Received::Control(Control::Refuse(refuse), frame) => {
                    let now = self.core.now;
                    let Error::RefusedByPeer { why, .. } = refused_by_peer(&refuse, now) else {
                        return Err(unexpected(&frame));
                    };
                    self.expect_decision(&frame)?;
                    let closing = Closing::withheld(&self.core, Withheld::Refused(why));
                    return self.core.close(&self.terms, &self.reservation, closing, out);
                }
                Received::Control(control, frame) => self.core.take_control(control, &frame)?,
                Received::Bulk(frame) => self.take_ids(&frame, out)?,
            },
            Input::Run(chunk) => match (&mut self.phase, chunk.run, chunk.content) {
                (
                    Phase::Send(handles, framer),
                    RunName::MatchedHandles,
                    RunContent::Records(records),
                ) => {
                    if self.core.now >= self.terms.terms().expires_at {
                        return Err(Refusal::TermsExpired.into());
                    }
                    handles.take(records.clone(), chunk.last)?;
                    handles.drain();
                    let wire = &mut self.core.wire;
                    framer.push(&records, chunk.last, |frame| wire.send_bulk(frame, out))?;
                    if chunk.last {
                        self.core.send_checkpoint(StreamId::Handles, out)?;
                        self.phase = Phase::Decide;
                    } else {
                        out.push(Output::WantRun(RunName::MatchedHandles));
                    }
                }
                _ => return Err(Bug::misuse().into()),
            },
            _ => return Err(Bug::misuse().into()),
        }
        self.advance(out)
    }

    pub(crate) fn stage(&self) -> &'static str {
        match self.phase {
            // The provider looks up.
            Phase::Decide => "release",
            Phase::Receive(..) if self.core.wire.elements(StreamId::Ids) == 0 => "release",
            Phase::Send(..) | Phase::Receive(..) => "handles",
        }
    }

    /// Whether digital IDs may be read now.
    pub(crate) const fn accepts_ids(&self) -> bool {
        matches!(self.phase, Phase::Receive(..))
    }

    /// RELEASED and REFUSE answer a batch that both sides have signed.
    fn expect_decision(&self, frame: &RawFrame) -> Result<(), Error> {
        let signed = self.core.wire.is_settled(StreamId::Handles);
        if matches!(self.phase, Phase::Decide) && signed { Ok(()) } else { Err(unexpected(frame)) }
    }

    fn take_released(
        mut self,
        released: Released,
        frame: &RawFrame,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        self.expect_decision(frame)?;
        let sent = self.core.wire.elements(StreamId::Handles);
        let told = released.handles_known.checked_add(u64::from(released.handles_unknown));
        let enough = released.handles_known >= u64::from(self.terms.terms().k_min);
        // [G43] [G47]
        if told != Some(sent) || !enough || released.handles_unknown > UNKNOWN_HANDLES_MAX {
            let at = (frame.header.stream.code(), frame.header.index);
            return Err(Error::peer(Violation::CountMismatch, at.0, at.1));
        }
        if self.core.profile == Profile::Activation {
            return self.close(released, 0, out);
        }
        let frame_elements = self.core.wire.limits().frame_elements;
        self.core.wire.open(StreamId::Ids, frame_elements);
        let reader = IdReader::new(self.terms.terms(), released.handles_known);
        self.phase = Phase::Receive(released, reader);
        Ok(AdvertiserSession::ExpectIds(self))
    }

    fn take_ids(&mut self, frame: &RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let Phase::Receive(_, reader) = &mut self.phase else {
            return Err(unexpected(frame));
        };
        reader.read(frame, self.core.wire.limits().frame_elements)?;
        if !frame.payload.is_empty() {
            let records = Zeroizing::new(frame.payload.to_vec());
            out.push(Output::Spill { run: RunName::DigitalIds, records });
        }
        Ok(())
    }

    fn advance(mut self, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        if let Phase::Receive(released, reader) = &self.phase {
            let (released, ids) = (*released, reader.entries);
            if self.core.settle_checkpoint(StreamId::Ids, out)? {
                return self.close(released, ids, out);
            }
        }
        Ok(AdvertiserSession::ExpectIds(self))
    }

    fn close(
        self,
        released: Released,
        ids: u64,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        let Self { core, terms, reservation, count, .. } = self;
        let Released { handles_known, handles_unknown, ids_suppressed } = released;
        let outcome =
            disclosure::release_delivery(&terms, &reservation, count, ids, ids_suppressed)?;
        // Zeros for IDS in `activation`, which has none.
        let root = |stream| core.wire.head(stream).map_or([0; 32], |head| head.root);
        let mut result = ResultCommitment::released(&core.keys.result_salt(), core.profile);
        result.update(&root(StreamId::Handles));
        result.update(&root(StreamId::Ids));
        let closing = Closing {
            handles_known,
            handles_unknown,
            ids_suppressed,
            ..Closing::without_handles(result.finish(), outcome)
        };
        core.close(&terms, &reservation, closing, out)
    }
}

/// Checks digital IDs as they come [G49]: order, namespaces, attributes, number, full frames.
struct IdReader {
    namespaces: Vec<u16>,
    attributes: bool,
    entries_max: u64,
    entries: u64,
    /// Encoding of the last entry.
    last: Vec<u8>,
    /// Payload bytes of the frame before, if it closed with room for further entries.
    short: Option<usize>,
}

impl IdReader {
    fn new(terms: &MatchTerms, handles_known: u64) -> Self {
        Self {
            namespaces: terms.namespaces.clone(),
            attributes: terms.flags & 1 != 0,
            entries_max: handles_known.saturating_mul(u64::from(terms.ids_per_record_max)),
            entries: 0,
            last: Vec::new(),
            short: None,
        }
    }

    fn read(&mut self, frame: &RawFrame, frame_elements: u32) -> Result<(), Error> {
        let fail = |violation| Error::peer(violation, StreamId::Ids.code(), frame.header.index);
        let mut rest: &[u8] = &frame.payload;
        let mut in_frame = 0_u32;
        while let Some((id, after)) = DigitalId::decode(rest) {
            let entry = rest.get(..id.encoded_len()).unwrap_or(rest);
            // A frame closes early only before an entry that would not fit.
            let short = self.short.take();
            if short.is_some_and(|len| len.saturating_add(entry.len()) <= IDS_PAYLOAD_MAX as usize)
            {
                return Err(fail(Violation::FrameMalformed));
            }
            let after_last = self.entries == 0 || entry > self.last.as_slice();
            let allowed = self.namespaces.contains(&id.namespace)
                && (self.attributes || !id.has_attributes());
            if !after_last || !allowed || self.entries >= self.entries_max {
                return Err(fail(Violation::IdListMalformed));
            }
            self.last = entry.to_vec();
            self.entries = self.entries.saturating_add(1);
            in_frame = in_frame.saturating_add(1);
            rest = after;
        }
        if !rest.is_empty() || in_frame != frame.header.elements {
            return Err(fail(Violation::IdListMalformed));
        }
        // An empty frame can only be the one frame of an empty bag.
        if in_frame == 0 && !(frame.header.is_last() && frame.header.index == 0) {
            return Err(fail(Violation::FrameMalformed));
        }
        self.short = (in_frame < frame_elements).then(|| frame.payload.len());
        Ok(())
    }
}

crate::task::opaque_debug!(IdReader);
