//! The advertiser's longest state, shuffled order: rows out in an order of their own, answers back
//! in another, canaries first, then a count.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::advertiser::arranger::Arranger;
use crate::advertiser::canary::{Canaries, CanariesAnswered};
use crate::advertiser::tally::{Counted, Tally};
use crate::advertiser::{AdvertiserSession, Asking, ExpectIds, Next};
use crate::count::Count;
use crate::disclosure::{self, MatchCount, Outcome, Withheld};
use crate::merge::{Reread, RowsOut};
use crate::row_task::UnblindTask;
use crate::state::{Agreed, State};
use crate::task::{Computed, Done};
use crate::{Outbox, Output, RowSlot, SpillChunk, SpillContent, SpillName, Stage, Task};
use ::disclosure::count::Counts;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Violation};
use protocol::group::Encoded;
use protocol::rows::RowOrder;
use protocol::slots::Slots;
use protocol::suite::Profile;
use protocol::transcript::result::ResultCommitment;

/// Sends every row, waits for the answers to all of them, and counts.
///
/// Rows leave in strict order of their encodings, so that nothing of the input's order is in them.
/// No answer is unblinded before both sides have signed EVAL and every canary row is among it
/// [M-44], and nothing of the work after that shows but at a slot [M-52]. Leaves to
/// [`crate::advertiser::ExpectReceipt`], or to [`ExpectIds`] once the operator has approved a
/// release.
#[derive(Debug)]
pub struct ExpectAnswers {
    pub(crate) core: Agreed<Asking>,
    canaries: Canaries,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Real rows are blinded and canary rows made.
    Arrange(Arranger),
    /// Rows go out.
    Send(RowsOut),
    /// Answers come in.
    Receive(Receiving),
    /// Answers that are no canaries are unblinded.
    Unblind(Unblinding),
    /// Unblinded answers are looked up.
    Count(CanariesAnswered, Tally),
    /// Every row is counted.
    Counted(CanariesAnswered, Counted),
    /// The operator is asked.
    Approve { count: MatchCount, handles: u64 },
    /// The end is known, and its slot is awaited.
    Wait(Ending),
}

/// End of the work after EVAL.
#[derive(Debug)]
enum Ending {
    /// The count is the result.
    Count { count: MatchCount, result: [u8; 32] },
    /// Handles of a release that the operator approved, or of persons who are to leave.
    Handles { count: Option<MatchCount>, handles: u64 },
    /// The result stays withheld.
    Withheld(Withheld),
    /// An error of the answers that was found while they were compared.
    Failed(Error),
}

#[derive(Debug)]
struct Receiving {
    order: RowOrder,
    /// A canary row that was not there. Told once the provider has signed the stream: then the
    /// stream is evidence.
    missing: Option<Violation>,
}

#[derive(Debug)]
struct Unblinding {
    evidence: CanariesAnswered,
    reread: Reread,
    /// A frame has been asked for.
    wanted: bool,
    ended: bool,
    /// Rows read that are no canaries.
    rows: u64,
    /// Tasks out.
    pending: u32,
    /// Tags that were spilled.
    outputs: u64,
}

impl ExpectAnswers {
    pub(crate) fn start(mut core: Agreed<Asking>, out: &mut Outbox) -> Next {
        core.open_exchange();
        let canaries = core.padded_rows().checked_sub(core.own.drawn).ok_or(Bug::invariant())?;
        let canaries = Canaries::new(core.width, canaries)?;
        let phase = Phase::Arrange(Arranger::new(&mut core)?);
        Self { core, canaries, phase }.advance(out)
    }

    fn arranger(&mut self) -> Result<&mut Arranger, Bug> {
        match &mut self.phase {
            Phase::Arrange(arranger) => Ok(arranger),
            _ => Err(Bug::misuse()),
        }
    }

    /// Has rows on their way to BLIND kept until all are made.
    fn keep(&self, encodings: &[Encoded], out: &mut Outbox) {
        let records = Zeroizing::new(encodings.as_flattened().to_vec());
        out.push(Output::Spill { spill: SpillName::BlindedRows(self.core.width), records });
    }

    fn start_sending(&mut self, out: &mut Outbox) {
        self.canaries.seal();
        let (core, rows) = (&self.core, self.core.padded_rows());
        let spill = SpillName::BlindedRows(core.width);
        let rows = RowsOut::start(spill, StreamId::Blind, core, rows, out);
        self.phase = Phase::Send(rows);
    }

    fn start_unblinding(&mut self, out: &mut Outbox) -> Result<(), Error> {
        let Phase::Receive(Receiving { missing, .. }) = &self.phase else {
            return Err(Bug::invariant().into());
        };
        // [G24]
        if let Some(violation) = missing {
            return Err(Error::peer(*violation, StreamId::Eval.code(), 0));
        }
        let answers = self.core.wire.elements(StreamId::Eval);
        let evidence = self.canaries.finish(self.core.elements)?;
        self.canaries.rewind();
        let table_tags = self.core.own.hello.table.tag_count;
        let slots = Slots::of(answers, table_tags, self.core.wire.limits())?;
        out.push(Output::StartSlots(slots));
        let root = self.core.wire.head(StreamId::Eval).ok_or(Bug::invariant())?.root;
        let mut unblinding = Unblinding {
            evidence,
            reread: Reread::new(root),
            wanted: false,
            ended: false,
            rows: 0,
            pending: 0,
            outputs: 0,
        };
        unblinding.want(self.core.own.frames_in_flight, out);
        self.phase = Phase::Unblind(unblinding);
        Ok(())
    }

    /// Releases the count, or withholds it; where handles follow, asks the operator first.
    fn judge(mut self, evidence: CanariesAnswered, counted: Counted, out: &mut Outbox) -> Next {
        let Counted { histogram, handles } = counted;
        let core = &self.core;
        let counts = Counts {
            rows: core.own.drawn,
            sampled: core.own.is_sampled(),
            width: core.width,
            histogram,
            noise: core.noise(),
        };
        let (terms, reservation) = (&core.terms, &core.reservation);
        if terms.terms().purpose.removes() {
            let judged = (&counts, core.own.high_rate);
            let withheld = disclosure::release_removal(terms, reservation, evidence, judged)?;
            let named = Ending::Handles { count: None, handles };
            return Ok(self.wait(withheld.map_or(named, Ending::Withheld), out).into());
        }
        let count = match disclosure::release_count(terms, reservation, evidence, &counts)? {
            Err(why) => return Ok(self.wait(Ending::Withheld(why), out).into()),
            Ok(count) => count,
        };
        if core.profile.sends_handles() {
            // Judged before anybody is asked: an approval is for a count that means something.
            if let Err(why) = disclosure::plausible(&count, core.own.high_rate) {
                return Ok(self.wait(Ending::Withheld(why), out).into());
            }
            out.push(Output::WantApproval { count: count.clone() });
            self.phase = Phase::Approve { count, handles };
            return Ok(self.into());
        }
        let salt = core.own.keys.result_salt();
        let mut result = ResultCommitment::released(&salt, Profile::MatchRate);
        for bin in histogram.bins(core.width) {
            result.update(&bin.to_le_bytes());
        }
        let result = result.finish();
        Ok(self.wait(Ending::Count { count, result }, out).into())
    }

    /// Keeps an end until its slot comes.
    fn wait(self, ending: Ending, out: &mut Outbox) -> Self {
        out.push(Output::WantSlot);
        Self { phase: Phase::Wait(ending), ..self }
    }
}

impl State for ExpectAnswers {
    type Session = AdvertiserSession;

    const STREAMS_OPEN: bool = true;

    fn stage(&self) -> Stage {
        match self.phase {
            // The provider evaluates every row before the first answer leaves.
            Phase::Receive(_) if self.core.wire.elements(StreamId::Eval) == 0 => Stage::Answers,
            Phase::Arrange(_) => Stage::Blind,
            Phase::Send(_) | Phase::Receive(_) => Stage::Match,
            Phase::Unblind(_) => Stage::Finalize,
            Phase::Count(..) | Phase::Counted(..) => Stage::LookUp,
            Phase::Approve { .. } => Stage::Approval,
            Phase::Wait(_) => Stage::Slot,
        }
    }

    fn accepts(&self, stream: StreamId) -> bool {
        stream == StreamId::Eval && matches!(self.phase, Phase::Receive(_))
    }

    /// Takes one frame of answers: its order, its number, and the canary rows in it.
    fn bulk(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let at = |violation| Error::peer(violation, StreamId::Eval.code(), frame.header.index);
        let Phase::Receive(receiving) = &mut self.phase else {
            return Err(at(Violation::UnexpectedMessage));
        };
        let received = self.core.wire.elements(StreamId::Eval);
        let expected = self.core.answers()?;
        let complete = received == expected;
        // [G06]
        if received > expected || frame.header.is_last() != complete {
            return Err(at(Violation::CountMismatch));
        }
        let encodings = frame.encodings();
        if encodings.len() != frame.header.elements as usize {
            return Err(at(Violation::FrameMalformed));
        }
        self.core.note_answer(&frame, out)?;
        receiving.order.check(encodings).map_err(at)?;
        for row in encodings.chunks(self.core.width.slots()) {
            if receiving.missing.is_none() {
                receiving.missing = self.canaries.is_canary(row).err();
            }
        }
        Ok(())
    }

    fn rows(&mut self, rows: Vec<RowSlot>, _out: &mut Outbox) -> Result<(), Error> {
        Ok(self.arranger()?.take(rows)?)
    }

    fn end_of_rows(&mut self) -> Result<(), Error> {
        Ok(self.arranger()?.end_rows()?)
    }

    fn computed(&mut self, computed: Computed, out: &mut Outbox) -> Result<(), Error> {
        match (&mut self.phase, computed.0?) {
            (Phase::Arrange(arranger), Done::RowsBlinded(rows)) => {
                arranger.pending.shrink(1)?;
                self.keep(&rows.encodings, out);
            }
            (Phase::Arrange(arranger), Done::Canaries(rows)) => {
                arranger.pending.shrink(1)?;
                self.canaries.add(&rows.answers);
                self.keep(&rows.blinded, out);
            }
            (Phase::Unblind(unblinding), Done::Unblinded(rows)) => {
                unblinding.pending.shrink(1)?;
                unblinding.outputs.grow(rows.outputs.count())?;
                rows.outputs.spill(out);
            }
            _ => return Err(Bug::misuse().into()),
        }
        Ok(())
    }

    fn spilled(&mut self, chunk: SpillChunk, out: &mut Outbox) -> Result<(), Error> {
        match &mut self.phase {
            Phase::Send(rows) => {
                self.core.check_open(out)?;
                // Equal elements are one identifier that our own driver numbered twice.
                let twice = Bug::invariant().into();
                if rows.send(&chunk, &mut self.core.wire, twice, out)? {
                    let order = RowOrder::new(self.core.width);
                    self.phase = Phase::Receive(Receiving { order, missing: None });
                }
                Ok(())
            }
            Phase::Unblind(unblinding) => {
                unblinding.take(&chunk, &self.core, &mut self.canaries, out)
            }
            Phase::Count(evidence, tally) => {
                match tally.take(chunk, out) {
                    Ok(None) => {}
                    Ok(Some(counted)) => self.phase = Phase::Counted(*evidence, counted),
                    // Told at a slot like any other end.
                    Err(error) => {
                        out.push(Output::WantSlot);
                        self.phase = Phase::Wait(Ending::Failed(error));
                    }
                }
                Ok(())
            }
            _ => Err(Bug::misuse().into()),
        }
    }

    fn decided(self, approved: bool, out: &mut Outbox) -> Next {
        let Phase::Approve { count, handles } = &self.phase else {
            return Err(Bug::misuse().into());
        };
        let ending = match approved {
            true => Ending::Handles { count: Some(count.clone()), handles: *handles },
            false => Ending::Withheld(Withheld::Declined),
        };
        Ok(self.wait(ending, out).into())
    }

    fn at_slot(self, out: &mut Outbox) -> Next {
        match self.phase {
            Phase::Wait(Ending::Count { count, result }) => {
                self.core.complete(Outcome::Count(count), result, out)
            }
            Phase::Wait(Ending::Handles { count, handles }) => {
                Ok(ExpectIds::start(self.core, count, handles, out).into())
            }
            Phase::Wait(Ending::Withheld(why)) => self.core.withhold(why, out),
            Phase::Wait(Ending::Failed(error)) => Err(error),
            _ => Err(Bug::misuse().into()),
        }
    }

    fn advance(mut self, out: &mut Outbox) -> Next {
        let window = self.core.own.frames_in_flight;
        match &mut self.phase {
            Phase::Arrange(arranger) => {
                arranger.go_on(window, out)?;
                if arranger.is_done() {
                    self.start_sending(out);
                }
            }
            Phase::Receive(_) => {
                self.core.wire.settle_checkpoint(StreamId::Eval, out)?;
                let wire = &self.core.wire;
                if wire.is_settled(StreamId::Blind) && wire.is_settled(StreamId::Eval) {
                    self.start_unblinding(out)?;
                }
            }
            Phase::Unblind(unblinding) => {
                if unblinding.is_done() {
                    let Unblinding { evidence, outputs, .. } = *unblinding;
                    let (handles, own) = (self.core.profile.sends_handles(), &self.core.own);
                    let mut rows = own.drawn;
                    rows.grow(self.core.noise_rows())?;
                    // Whoever leaves does so by every identifier that the provider knows.
                    let all = self.core.terms.terms().purpose.removes();
                    let of_row = if all { usize::MAX } else { usize::from(handles) };
                    let tally = Tally::start(&own.hello.table, rows, outputs, of_row, out)?;
                    self.phase = Phase::Count(evidence, tally);
                } else {
                    unblinding.want(window, out);
                }
            }
            Phase::Counted(evidence, counted) => {
                let (evidence, counted) = (*evidence, *counted);
                return self.judge(evidence, counted, out);
            }
            Phase::Send(_) | Phase::Count(..) | Phase::Approve { .. } | Phase::Wait(_) => {}
        }
        Ok(self.into())
    }
}

impl Unblinding {
    /// Asks for the next frame while fewer than `window` tasks are out.
    fn want(&mut self, window: u32, out: &mut Outbox) {
        if !self.wanted && !self.ended && self.pending < window {
            self.wanted = true;
            out.push(Output::WantSpill(SpillName::Evaluations));
        }
    }

    const fn is_done(&self) -> bool {
        self.ended && self.pending == 0
    }

    /// Takes the next frame of answers as it comes back from storage, and leaves its canaries out.
    fn take(
        &mut self,
        chunk: &SpillChunk,
        core: &Agreed<Asking>,
        canaries: &mut Canaries,
        out: &mut Outbox,
    ) -> Result<(), Error> {
        let (SpillName::Evaluations, SpillContent::Frame(frame), true) =
            (chunk.spill, &chunk.content, self.wanted)
        else {
            return Err(Bug::misuse().into());
        };
        self.wanted = false;
        self.ended = frame.header.is_last();
        self.reread.take(frame)?;
        let mut answers = Vec::with_capacity(frame.encodings().len());
        for row in frame.encodings().chunks(core.width.slots()) {
            if !canaries.is_canary(row).map_err(|_| Bug::stored_data_changed())? {
                answers.extend_from_slice(row);
            }
        }
        let first_row = self.rows;
        let rows = (answers.len() / core.width.slots()) as u64;
        self.rows.grow(rows)?;
        if rows > 0 {
            self.pending.grow(1)?;
            out.push(Output::Compute(Task::Unblind(UnblindTask {
                frame: frame.header.index,
                width: core.width,
                first_row,
                answers,
                public_key: core.own.public_key(),
                keys: core.own.keys.clone(),
            })));
        }
        Ok(())
    }
}
