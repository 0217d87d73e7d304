//! The advertiser's release: one signed batch of handles out, digital IDs in.

use alloc::vec::Vec;

use zerocopy::IntoBytes;
use zeroize::Zeroizing;

use crate::advertiser::{AdvertiserSession, Asking, Next};
use crate::count::Count;
use crate::disclosure::{self, MatchCount, Withheld};
use crate::merge::{Framer, Sorted};
use crate::spills::NamedMatch;
use crate::state::{Agreed, Closing, State, unexpected};
use crate::wire::refused_by_peer;
use crate::{Outbox, Output, SpillChunk, SpillName, Stage};
use protocol::codec::{RawFrame, StreamId};
use protocol::digital_id::DigitalId;
use protocol::error::{Bug, Error, Violation};
use protocol::limits::{IDS_PAYLOAD_MAX, UNKNOWN_HANDLES_MAX};
use protocol::message::{Refuse, Released};
use protocol::oprf::Handle;
use protocol::suite::Profile;
use protocol::terms::MatchTerms;
use protocol::transcript::result::ResultCommitment;

/// Sends the handles of the matched rows, then waits for what the provider releases for them.
///
/// The provider learns which of its records matched, never through which row. In `digital-ids` the
/// IDs come back as one sorted bag. Leaves to [`crate::advertiser::ExpectReceipt`].
#[derive(Debug)]
pub struct ExpectIds {
    pub(crate) core: Agreed<Asking>,
    /// None of persons who are to leave.
    count: Option<MatchCount>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Handles go out.
    Send(Sorted<NamedMatch>, Framer),
    /// The provider decides.
    Decide,
    /// Digital IDs come in.
    Receive(Released, IdReader),
}

impl ExpectIds {
    pub(crate) fn start(
        mut core: Agreed<Asking>,
        count: Option<MatchCount>,
        handles: u64,
        out: &mut Outbox,
    ) -> Self {
        core.open(StreamId::Handles);
        out.push(Output::WantSpill(SpillName::MatchedHandles));
        let frame_elements = core.wire.limits().frame_elements;
        let framer = Framer::new(StreamId::Handles, Handle::LEN, frame_elements);
        Self { core, count, phase: Phase::Send(Sorted::new(handles), framer) }
    }

    /// RELEASED and REFUSE answer a batch that both sides have signed.
    fn expect_decision(&self, frame: &RawFrame) -> Result<(), Error> {
        let signed = self.core.wire.is_settled(StreamId::Handles);
        if matches!(self.phase, Phase::Decide) && signed { Ok(()) } else { Err(unexpected(frame)) }
    }

    fn close(self, released: Released, ids: u64, out: &mut Outbox) -> Next {
        let Self { core, count, .. } = self;
        let Released { handles_known, handles_unknown, release_head, .. } = released;
        let (terms, reservation) = (&core.terms, &core.reservation);
        let outcome = disclosure::release_delivery(terms, reservation, count, ids)?;
        // Zeros for IDS in `activation`, which has none.
        let root = |stream| core.wire.head(stream).map_or([0; 32], |head| head.root);
        let mut result = ResultCommitment::released(&core.own.keys.result_salt(), core.profile);
        result.update(&root(StreamId::Handles));
        result.update(&root(StreamId::Ids));
        let completed = Closing::completed(outcome);
        let closing = Closing { handles_known, handles_unknown, release_head, ..completed };
        core.close(closing, result.finish(), out)
    }
}

impl State for ExpectIds {
    type Session = AdvertiserSession;

    const STREAMS_OPEN: bool = true;

    fn stage(&self) -> Stage {
        match self.phase {
            // The provider looks up.
            Phase::Decide => Stage::Release,
            Phase::Receive(..) if self.core.wire.elements(StreamId::Ids) == 0 => Stage::Release,
            Phase::Send(..) | Phase::Receive(..) => Stage::Handles,
        }
    }

    fn accepts(&self, stream: StreamId) -> bool {
        stream == StreamId::Ids && matches!(self.phase, Phase::Receive(..))
    }

    fn released(mut self, released: Released, frame: RawFrame, out: &mut Outbox) -> Next {
        self.expect_decision(&frame)?;
        let at = (frame.header.stream.code(), frame.header.index);
        let wire = &self.core.wire;
        let handles = wire.head(StreamId::Handles).ok_or(Bug::invariant())?.root;
        released
            .verify(wire.peer().key(), wire.bound()?, &handles)
            .map_err(|violation| Error::peer(violation, at.0, at.1))?;
        let sent = self.core.wire.elements(StreamId::Handles);
        let told = released.handles_known.checked_add(u64::from(released.handles_unknown));
        // [G47]
        if told != Some(sent) || released.handles_unknown > UNKNOWN_HANDLES_MAX {
            return Err(Error::peer(Violation::CountMismatch, at.0, at.1));
        }
        if self.core.profile == Profile::Activation {
            return self.close(released, 0, out);
        }
        self.core.open(StreamId::Ids);
        let reader = IdReader::new(self.core.terms.terms())?;
        self.phase = Phase::Receive(released, reader);
        Ok(self.into())
    }

    fn refuse(self, refuse: Refuse, frame: RawFrame, out: &mut Outbox) -> Next {
        let Error::RefusedByPeer { why, .. } = refused_by_peer(&refuse, out.now()) else {
            return Err(unexpected(&frame));
        };
        self.expect_decision(&frame)?;
        self.core.withhold(Withheld::Refused(why), out)
    }

    fn bulk(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let Phase::Receive(_, reader) = &mut self.phase else {
            return Err(unexpected(&frame));
        };
        reader.read(&frame, self.core.wire.limits().frame_elements)?;
        if !frame.payload.is_empty() {
            let records = Zeroizing::new(frame.payload.to_vec());
            out.push(Output::Spill { spill: SpillName::DigitalIds, records });
        }
        Ok(())
    }

    fn spilled(&mut self, chunk: SpillChunk, out: &mut Outbox) -> Result<(), Error> {
        let Phase::Send(handles, framer) = &mut self.phase else {
            return Err(Bug::misuse().into());
        };
        self.core.check_open(out)?;
        let (last, wire) = (chunk.last, &mut self.core.wire);
        let records = handles.take(chunk)?;
        framer.push(records.as_bytes(), last, |frame| wire.send_bulk(frame, out))?;
        handles.drain();
        if last {
            wire.send_checkpoint(StreamId::Handles, out)?;
            self.phase = Phase::Decide;
        } else {
            out.push(Output::WantSpill(SpillName::MatchedHandles));
        }
        Ok(())
    }

    fn advance(mut self, out: &mut Outbox) -> Next {
        if let Phase::Receive(released, reader) = &self.phase {
            let (released, ids) = (*released, reader.entries);
            if self.core.wire.settle_checkpoint(StreamId::Ids, out)? {
                return self.close(released, ids, out);
            }
        }
        Ok(self.into())
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
    fn new(terms: &MatchTerms) -> Result<Self, Bug> {
        Ok(Self {
            namespaces: terms.namespaces.clone(),
            attributes: terms.flags & 1 != 0,
            entries_max: terms.ids_released_max().ok_or(Bug::invariant())?,
            entries: 0,
            last: Vec::new(),
            short: None,
        })
    }

    fn read(&mut self, frame: &RawFrame, frame_elements: u32) -> Result<(), Error> {
        let fail = |violation| Error::peer(violation, StreamId::Ids.code(), frame.header.index);
        let mut rest: &[u8] = &frame.payload;
        let mut in_frame = 0_u32;
        while let Some((id, after)) = DigitalId::decode(rest) {
            let entry = rest.get(..id.encoded_len()).ok_or(Bug::invariant())?;
            // A frame closes early only before an entry that would not fit.
            let short = self.short.take();
            if short.is_some_and(|len| len + entry.len() <= IDS_PAYLOAD_MAX as usize) {
                return Err(fail(Violation::FrameMalformed));
            }
            let after_last = self.entries == 0 || entry > self.last.as_slice();
            let allowed = self.namespaces.contains(&id.namespace)
                && (self.attributes || !id.has_attributes());
            if !after_last || !allowed || self.entries >= self.entries_max {
                return Err(fail(Violation::IdListMalformed));
            }
            self.last = entry.to_vec();
            self.entries.grow(1)?;
            in_frame.grow(1)?;
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
