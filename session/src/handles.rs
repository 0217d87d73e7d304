//! The provider's release: one signed batch of handles in, a judgement, digital IDs out.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::disclosure::{self, Outcome, Released, Resolution, Withheld};
use crate::provider::{Closing, Core, ExpectReceipt, ProviderSession};
use crate::task::opaque_debug;
use crate::wire::Received;
use crate::{Input, Outbox, Output, RunChunk, RunContent, RunName, unexpected};
use protocol::codec::{RawFrame, StreamId};
use protocol::digital_id::DigitalId;
use protocol::error::{Bug, Error, Refusal, RefuseCode, Violation};
use protocol::ledger::Reservation;
use protocol::limits::IDS_PAYLOAD_MAX;
use protocol::message::{self, Control, SignedReceipt};
use protocol::suite::Profile;
use protocol::terms::SignedTerms;
use protocol::transcript::receipt::Receipt;

/// Waits for one batch of handles, or for a receipt that says there is none.
///
/// A handle names a match without naming a row. The batch is signed by both sides before anything
/// is looked up for it, and nothing is released that the rules of the terms do not allow [D-13].
/// Leaves to [`ExpectReceipt`].
pub struct ExpectHandles {
    pub(crate) core: Core,
    terms: SignedTerms,
    reservation: Reservation,
    phase: Phase,
    last: Option<[u8; 16]>,
}

enum Phase {
    /// Handles are coming.
    Batch,
    /// Our node looks them up.
    Resolving,
    /// Digital IDs go out.
    Delivering(Delivery),
}

struct Delivery {
    resolution: Resolution,
    packer: IdPacker,
}

impl ExpectHandles {
    pub(crate) fn new(mut core: Core, terms: SignedTerms, reservation: Reservation) -> Self {
        let frame_elements = core.wire.limits().frame_elements;
        core.wire.open(StreamId::Handles, frame_elements);
        Self { core, terms, reservation, phase: Phase::Batch, last: None }
    }

    pub(crate) fn handle(
        mut self,
        input: Input,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        match input {
            Input::Time(now) => self.core.now = now,
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(Control::Receipt(message), frame) => {
                    return self.take_receipt(message, &frame, out);
                }
                Received::Control(control, frame) => self.core.take_control(control, &frame)?,
                Received::Bulk(frame) => self.take_handles(&frame, out)?,
            },
            Input::Resolved(resolution) => return self.judge(resolution, out),
            Input::Run(chunk) => return self.deliver(chunk, out),
            _ => return Err(Bug::misuse().into()),
        }
        // The batch is ours to look at once both have signed its head.
        if matches!(self.phase, Phase::Batch)
            && self.core.settle_checkpoint(StreamId::Handles, out)?
        {
            // Nothing is released for answers that the advertiser has not signed for.
            if !self.core.wire.all_settled() {
                let handles = StreamId::Handles.code();
                return Err(Error::peer(Violation::UnexpectedMessage, handles, 0));
            }
            self.phase = Phase::Resolving;
            out.push(Output::Resolve);
        }
        Ok(ProviderSession::ExpectHandles(self))
    }

    pub(crate) fn stage(&self) -> &'static str {
        match self.phase {
            // The advertiser looks up, and may ask its operator.
            Phase::Batch if self.core.wire.elements(StreamId::Handles) == 0 => "release",
            _ => "handles",
        }
    }

    /// Whether handles may be read now.
    pub(crate) const fn accepts_handles(&self) -> bool {
        matches!(self.phase, Phase::Batch)
    }

    /// Without a handle the advertiser's result stays withheld; that is all we learn.
    fn take_receipt(
        self,
        message: SignedReceipt,
        frame: &RawFrame,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        if !matches!(self.phase, Phase::Batch) || self.core.wire.elements(StreamId::Handles) != 0 {
            return Err(unexpected(frame));
        }
        let outcome = Outcome::Withheld(Withheld::ByAdvertiser);
        let closing = Closing::without_handles(Receipt::WITHHELD, outcome);
        let Self { core, terms, reservation, .. } = self;
        ExpectReceipt { core, terms, reservation, closing }.accept(message, frame, out)
    }

    fn take_handles(&mut self, frame: &RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let malformed = || {
            let at = (StreamId::Handles.code(), frame.header.index);
            Error::peer(Violation::HandleMalformed, at.0, at.1)
        };
        let (handles, rest) = frame.payload.as_chunks::<16>();
        let after = self.last.as_ref().is_none_or(|last| handles.first() > Some(last));
        let in_order = after && handles.is_sorted_by(|a, b| a < b);
        let within = self.core.wire.elements(StreamId::Handles) <= self.terms.terms().handles_max;
        // [G48]
        if !rest.is_empty() || !in_order || !within {
            return Err(malformed());
        }
        self.last = handles.last().copied();
        let records = Zeroizing::new(frame.payload.to_vec());
        out.push(Output::Spill { run: RunName::Handles, records });
        Ok(())
    }

    /// Releases, or refuses and goes on to a receipt that says so.
    fn judge(mut self, resolution: Resolution, out: &mut Outbox) -> Result<ProviderSession, Error> {
        let asked = self.core.wire.elements(StreamId::Handles);
        let told = resolution.handles_known.saturating_add(u64::from(resolution.handles_unknown));
        if !matches!(self.phase, Phase::Resolving) || told != asked {
            return Err(Bug::misuse().into());
        }
        let expired = self.core.now >= self.terms.terms().expires_at;
        let judged = match expired {
            true => Err(Refusal::TermsExpired),
            false => disclosure::judge_handles(&self.terms, &self.reservation, &resolution)?,
        };
        if let Err(refusal) = judged {
            out.refuse(refusal.code(), 0, self.reservation.entry().hash()?)?;
            let outcome = Outcome::Withheld(Withheld::Refused(RefuseCode::Refusal(refusal)));
            let closing = Closing::without_handles(Receipt::WITHHELD, outcome);
            return Ok(self.leave(closing));
        }
        out.push(Output::RecordRelease);
        let Resolution { handles_known, handles_unknown, ids_suppressed, .. } = resolution;
        let released = message::Released { handles_known, handles_unknown, ids_suppressed };
        out.send_control(&Control::Released(released))?;
        if self.core.profile == Profile::Activation {
            return Ok(self.leave(completed(&resolution, 0)));
        }
        let frame_elements = self.core.wire.limits().frame_elements;
        self.core.wire.open(StreamId::Ids, frame_elements);
        out.push(Output::WantRun(RunName::DigitalIds));
        let packer = IdPacker::new(frame_elements);
        self.phase = Phase::Delivering(Delivery { resolution, packer });
        Ok(ProviderSession::ExpectHandles(self))
    }

    /// Sends the next digital IDs.
    fn deliver(mut self, chunk: RunChunk, out: &mut Outbox) -> Result<ProviderSession, Error> {
        let (Phase::Delivering(delivery), RunContent::Ids(ids), RunName::DigitalIds) =
            (&mut self.phase, chunk.content, chunk.run)
        else {
            return Err(Bug::misuse().into());
        };
        let terms = self.terms.terms();
        let most =
            delivery.resolution.handles_known.saturating_mul(terms.ids_per_record_max.into());
        for id in &ids {
            // Our own node is to give what the terms allow and nothing else [G49].
            let listed = terms.namespaces.contains(&id.namespace);
            let within = delivery.packer.entries < most;
            if !listed || !within || (terms.flags == 0 && id.has_attributes()) {
                return Err(Bug::misuse().into());
            }
            if let Some(frame) = delivery.packer.push(id)? {
                self.core.wire.send_bulk(frame, out)?;
            }
        }
        if !chunk.last {
            out.push(Output::WantRun(RunName::DigitalIds));
            return Ok(ProviderSession::ExpectHandles(self));
        }
        self.core.wire.send_bulk(delivery.packer.cut(true)?, out)?;
        let closing = completed(&delivery.resolution, delivery.packer.entries);
        self.core.send_checkpoint(StreamId::Ids, out)?;
        Ok(self.leave(closing))
    }

    fn leave(self, closing: Closing) -> ProviderSession {
        let Self { core, terms, reservation, .. } = self;
        ProviderSession::ExpectReceipt(ExpectReceipt { core, terms, reservation, closing })
    }
}

/// What the receipt of a release must say.
const fn completed(resolution: &Resolution, ids: u64) -> Closing {
    let Resolution { handles_known, handles_unknown, records, ids_suppressed, .. } = *resolution;
    let suppressed = ids_suppressed;
    let released = Released { records, handles_known, handles_unknown, ids, suppressed };
    let (code, outcome) = (Receipt::COMPLETED, Outcome::Released(released));
    Closing { code, handles_known, handles_unknown, ids_suppressed, outcome }
}

/// Packs digital IDs into IDS frames: full at a number of entries, or when the next one would not
/// fit the payload.
struct IdPacker {
    frame_elements: u32,
    payload: Vec<u8>,
    in_frame: u32,
    next: u32,
    entries: u64,
    /// Encoding of the last entry.
    last: Vec<u8>,
}

impl IdPacker {
    const fn new(frame_elements: u32) -> Self {
        Self {
            frame_elements,
            payload: Vec::new(),
            in_frame: 0,
            next: 0,
            entries: 0,
            last: Vec::new(),
        }
    }

    /// Appends an entry; the frame before comes out when there is no room for it.
    fn push(&mut self, id: &DigitalId) -> Result<Option<RawFrame>, Bug> {
        let mut entry = Vec::with_capacity(id.encoded_len());
        id.encode_into(&mut entry).ok_or(Bug::misuse())?;
        if self.entries > 0 && entry <= self.last {
            return Err(Bug::misuse());
        }
        let fits = self.payload.len().saturating_add(entry.len()) <= IDS_PAYLOAD_MAX as usize;
        let full = !fits || self.in_frame == self.frame_elements;
        let frame = full.then(|| self.cut(false)).transpose()?;
        self.payload.extend_from_slice(&entry);
        self.in_frame = self.in_frame.saturating_add(1);
        self.entries = self.entries.saturating_add(1);
        self.last = entry;
        Ok(frame)
    }

    fn cut(&mut self, last: bool) -> Result<RawFrame, Bug> {
        let payload = core::mem::take(&mut self.payload);
        let frame = RawFrame::bulk(StreamId::Ids, self.next, last, self.in_frame, payload)?;
        self.in_frame = 0;
        self.next = self.next.checked_add(1).ok_or(Bug::invariant())?;
        Ok(frame)
    }
}

opaque_debug!(ExpectHandles, IdPacker);
