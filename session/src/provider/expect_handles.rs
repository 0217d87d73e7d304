//! The provider's release: one signed batch of handles in, a judgement, digital IDs out.

use alloc::vec::Vec;

use zerocopy::{FromBytes, IntoBytes};
use zeroize::Zeroizing;

use crate::count::Count;
use crate::disclosure::{self, Outcome, Released, Resolution, Withheld};
use crate::provider::{ExpectReceipt, Next, ProviderSession, Serving};
use crate::spills::NamedMatch;
use crate::state::{Agreed, Closing, State, unexpected};
use crate::task::opaque_debug;
use crate::{Outbox, Output, SpillChunk, SpillContent, SpillName, Stage};
use protocol::attestation::Signature;
use protocol::codec::{RawFrame, StreamId};
use protocol::digital_id::DigitalId;
use protocol::error::{Bug, Error, RefuseCode, Violation};
use protocol::limits::IDS_PAYLOAD_MAX;
use protocol::message::{self, Control, SignedReceipt};
use protocol::slots::Slots;
use protocol::suite::Profile;

/// Waits for one batch of handles, or for a receipt that says there is none.
///
/// A handle names a match without naming a row. The batch is signed by both sides before anything
/// is looked up for it, and nothing is released that the rules of the terms do not allow [D-13].
/// Leaves to [`ExpectReceipt`].
pub struct ExpectHandles {
    pub(crate) core: Agreed<Serving>,
    phase: Phase,
    last: Option<[u8; 16]>,
}

enum Phase {
    /// Handles are coming.
    Batch,
    /// Our node looks them up.
    Resolving,
    /// The answer is judged and waits for its slot.
    Judged(Result<Resolution, Error>),
    /// Digital IDs go out.
    Delivering(Delivery),
    /// Everything is sent.
    Delivered(Closing),
}

struct Delivery {
    resolution: Resolution,
    packer: IdPacker,
}

impl ExpectHandles {
    pub(crate) fn start(mut core: Agreed<Serving>) -> Self {
        core.open(StreamId::Handles);
        Self { core, phase: Phase::Batch, last: None }
    }

    /// Sends the next digital IDs.
    fn deliver(&mut self, ids: &[DigitalId], last: bool, out: &mut Outbox) -> Result<(), Error> {
        let Phase::Delivering(Delivery { resolution, packer }) = &mut self.phase else {
            return Err(Bug::misuse().into());
        };
        let terms = self.core.terms.terms();
        let most = terms.ids_released_max().ok_or(Bug::invariant())?;
        let mut frames = Vec::new();
        for id in ids {
            // Our own node is to give IDs that the terms allow and nothing else [G49].
            let listed = terms.namespaces.contains(&id.namespace);
            let within = packer.entries < most;
            if !listed || !within || (terms.flags == 0 && id.has_attributes()) {
                return Err(Bug::misuse().into());
            }
            frames.extend(packer.push(id)?);
        }
        if last {
            frames.push(packer.cut(true)?);
        }
        for frame in frames {
            self.core.wire.send_bulk(frame, out)?;
        }
        if !last {
            out.push(Output::WantSpill(SpillName::DigitalIds));
            return Ok(());
        }
        self.phase = Phase::Delivered(completed(resolution, packer.entries));
        self.core.wire.send_checkpoint(StreamId::Ids, out)
    }

    fn leave(self, closing: Closing) -> ProviderSession {
        ExpectReceipt { core: self.core, closing }.into()
    }
}

impl State for ExpectHandles {
    type Session = ProviderSession;

    const STREAMS_OPEN: bool = true;

    fn stage(&self) -> Stage {
        match self.phase {
            // The advertiser looks up, and may ask its operator.
            Phase::Batch if self.core.wire.elements(StreamId::Handles) == 0 => Stage::Release,
            _ => Stage::Handles,
        }
    }

    fn accepts(&self, stream: StreamId) -> bool {
        stream == StreamId::Handles && matches!(self.phase, Phase::Batch)
    }

    /// Accepts a receipt without handles: the advertiser's result stays withheld, and we learn
    /// nothing else.
    fn receipt(self, message: SignedReceipt, frame: RawFrame, out: &mut Outbox) -> Next {
        if !matches!(self.phase, Phase::Batch) || self.core.wire.elements(StreamId::Handles) != 0 {
            return Err(unexpected(&frame));
        }
        let closing = Closing::withheld(Outcome::Withheld(Withheld::ByAdvertiser));
        ExpectReceipt { core: self.core, closing }.receipt(message, frame, out)
    }

    fn bulk(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let handles = <[NamedMatch]>::ref_from_bytes(&frame.payload).unwrap_or_default();
        let whole = handles.as_bytes().len() == frame.payload.len();
        let in_order = self.last.iter().chain(handles.iter().map(|one| &one.handle));
        let in_order = in_order.is_sorted_by(|a, b| a < b);
        let terms = self.core.terms.terms();
        // Noise rows send their handle too, and the advertiser cannot tell them from the others.
        let most = terms.handles_cap(self.core.noise_rows(), self.core.width);
        let most = most.ok_or(Bug::invariant())?;
        let within = self.core.wire.elements(StreamId::Handles) <= most;
        // [G48]
        if !whole || !in_order || !within {
            let at = (StreamId::Handles.code(), frame.header.index);
            return Err(Error::peer(Violation::HandleMalformed, at.0, at.1));
        }
        self.last = handles.last().map(|one| one.handle);
        let records = Zeroizing::new(frame.payload.to_vec());
        out.push(Output::Spill { spill: SpillName::Handles, records });
        Ok(())
    }

    /// Judges, and has the history of the group on disk before anything leaves.
    fn resolved(mut self, resolution: Resolution, out: &mut Outbox) -> Next {
        let asked = self.core.wire.elements(StreamId::Handles);
        let told = resolution.handles_known.checked_add(u64::from(resolution.handles_unknown));
        if !matches!(self.phase, Phase::Resolving) || told != Some(asked) {
            return Err(Bug::misuse().into());
        }
        let (terms, reservation) = (&self.core.terms, &self.core.reservation);
        let judged = disclosure::judge_handles(terms, reservation, &resolution);
        if judged.is_ok() {
            out.push(Output::RecordRelease);
        }
        out.push(Output::WantSlot);
        self.phase = Phase::Judged(judged.map(|()| resolution));
        Ok(self.into())
    }

    /// Releases, at a time that says nothing of the handles [M-53].
    fn at_slot(mut self, out: &mut Outbox) -> Next {
        let Phase::Judged(judged) = self.phase else {
            return Err(Bug::misuse().into());
        };
        let resolution = judged?;
        let Resolution { handles_known, handles_unknown, release_head, .. } = resolution;
        let handles = self.core.wire.head(StreamId::Handles).ok_or(Bug::invariant())?.root;
        let signature = Signature::NONE;
        let released =
            message::Released { handles_known, handles_unknown, release_head, signature };
        let wire = &self.core.wire;
        let released = released.signed(wire.key(), wire.bound()?, &handles)?;
        out.send_control(&Control::Released(released))?;
        if self.core.profile == Profile::Activation {
            return Ok(self.leave(completed(&resolution, 0)));
        }
        self.core.open(StreamId::Ids);
        out.push(Output::WantSpill(SpillName::DigitalIds));
        let packer = IdPacker::new(self.core.wire.limits().frame_elements);
        self.phase = Phase::Delivering(Delivery { resolution, packer });
        Ok(self.into())
    }

    fn spilled(&mut self, chunk: SpillChunk, out: &mut Outbox) -> Result<(), Error> {
        match (chunk.spill, &chunk.content) {
            (SpillName::DigitalIds, SpillContent::Ids(ids)) => self.deliver(ids, chunk.last, out),
            _ => Err(Bug::misuse().into()),
        }
    }

    fn advance(mut self, out: &mut Outbox) -> Next {
        match self.phase {
            Phase::Delivered(closing) => {
                return Ok(ExpectReceipt { core: self.core, closing }.into());
            }
            // The batch is ours to look at once both have signed its head.
            Phase::Batch if self.core.wire.settle_checkpoint(StreamId::Handles, out)? => {
                // Nothing is released for answers that the advertiser has not signed for.
                if !self.core.wire.all_settled() {
                    let handles = StreamId::Handles.code();
                    return Err(Error::peer(Violation::UnexpectedMessage, handles, 0));
                }
                // After this the history of the group goes on, whatever becomes of the session.
                if let Err(expired) = self.core.check_open(out) {
                    let reservation = &self.core.reservation;
                    out.refuse(expired.code(), 0, reservation.entry().hash()?)?;
                    let why = RefuseCode::Refusal(expired);
                    let outcome = Outcome::Withheld(Withheld::Refused(why));
                    return Ok(self.leave(Closing::withheld(outcome)));
                }
                let rows = self.core.padded_rows().checked_add(self.core.noise_rows());
                let tags = self.core.own.prepared.table.tag_count;
                let limits = self.core.wire.limits();
                let slots = Slots::of_release(rows.ok_or(Bug::invariant())?, tags, limits)?;
                out.push(Output::StartSlots(slots));
                self.phase = Phase::Resolving;
                out.push(Output::Resolve);
            }
            _ => {}
        }
        Ok(self.into())
    }
}

/// Closing of a release.
fn completed(resolution: &Resolution, ids: u64) -> Closing {
    let Resolution { handles_known, handles_unknown, records, release_head } = *resolution;
    let released = Released { records, handles_known, handles_unknown, ids };
    let completed = Closing::completed(Outcome::Released(released));
    Closing { handles_known, handles_unknown, release_head, ..completed }
}

/// Packs digital IDs into IDS frames: full at a number of entries, or when the next one would not
/// fit the payload.
#[derive(Default)]
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
    fn new(frame_elements: u32) -> Self {
        Self { frame_elements, ..Self::default() }
    }

    /// Appends an entry; the frame before comes out when there is no room for it.
    fn push(&mut self, id: &DigitalId) -> Result<Option<RawFrame>, Bug> {
        let mut entry = Vec::with_capacity(id.encoded_len());
        id.encode_into(&mut entry).ok_or(Bug::misuse())?;
        if self.entries > 0 && entry <= self.last {
            return Err(Bug::misuse());
        }
        let fits = self.payload.len() + entry.len() <= IDS_PAYLOAD_MAX as usize;
        let full = !fits || self.in_frame == self.frame_elements;
        let frame = full.then(|| self.cut(false)).transpose()?;
        self.payload.extend_from_slice(&entry);
        self.in_frame.grow(1)?;
        self.entries.grow(1)?;
        self.last = entry;
        Ok(frame)
    }

    fn cut(&mut self, last: bool) -> Result<RawFrame, Bug> {
        let payload = core::mem::take(&mut self.payload);
        let frame = RawFrame::bulk(StreamId::Ids, self.next, last, self.in_frame, payload)?;
        self.in_frame = 0;
        self.next.grow(1)?;
        Ok(frame)
    }
}

opaque_debug!(ExpectHandles, IdPacker);
