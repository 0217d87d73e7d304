//! The advertiser's longest state, shuffled order: rows out in an order of their own, answers back
//! in another, canaries first, then a count.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::advertiser::{AdvertiserSession, Core};
use crate::arranger::{Arranger, RowPlan};
use crate::canary::{Canaries, CanariesAnswered};
use crate::close::Closing;
use crate::delivery::ExpectIds;
use crate::disclosure::{self, MatchCount, Outcome, ShuffledCounts, Withheld};
use crate::merge::{Framer, Reread, RowsChanged, SortedRows, spill};
use crate::row_task::{RESPONSE_LEN, UnblindTask};
use crate::tally::{Counted, Counting, Tally};
use crate::task::Done;
use crate::wire::Received;
use crate::{Input, Outbox, Output, RunChunk, RunContent, RunName, Task};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Refusal, Violation};
use protocol::ledger::Reservation;
use protocol::rows::RowOrder;
use protocol::seed::Select;
use protocol::suite::Profile;
use protocol::terms::SignedTerms;
use protocol::transcript::result::ResultCommitment;

/// Sends every row, waits for the answers to all of them, and counts.
///
/// Rows leave in strict order of their encodings, so that nothing of the input's order is in them.
/// No answer is unblinded before both sides have signed EVAL and every canary row is among it
/// [M-44]. Leaves to [`crate::advertiser::ExpectReceipt`], or to [`ExpectIds`] once the operator
/// has approved a release.
#[derive(Debug)]
pub struct ExpectAnswers {
    pub(crate) core: Core,
    terms: SignedTerms,
    reservation: Reservation,
    canaries: Canaries,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Real rows are blinded and canary rows made.
    Arrange(Arranger),
    /// Rows go out.
    Send(SortedRows, Framer),
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
    /// Whether a frame has been asked for.
    wanted: bool,
    ended: bool,
    /// Rows read that are no canaries.
    rows: u64,
    /// Tasks out.
    pending: u32,
    /// Records of [`RunName::ResponseTags`].
    outputs: u64,
}

impl ExpectAnswers {
    pub(crate) fn start(
        mut core: Core,
        terms: SignedTerms,
        reservation: Reservation,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        let frame_elements = core.width.frame_elements(core.wire.limits());
        core.wire.open(StreamId::Blind, frame_elements);
        core.wire.open(StreamId::Eval, frame_elements);
        let stream = core.sample_stream.take();
        let plan = RowPlan {
            width: core.width,
            rows: core.rows,
            drawn: core.drawn,
            padded: core.padded_rows(),
            distinct: core.distinct,
            sample: stream.map(|stream| Select::new(stream, core.rows, core.drawn)),
            ruleset: core.ruleset,
            kinds: core.kinds.clone(),
            public_key: core.hello.manifest.body.public_key,
            keys: core.keys.clone(),
            frame_rows: core.width.frame_rows(core.wire.limits()),
        };
        let canaries = Canaries::new(core.width, core.padded_rows().saturating_sub(core.drawn))?;
        let phase = Phase::Arrange(Arranger::new(plan)?);
        Self { core, terms, reservation, canaries, phase }.advance(out)
    }

    pub(crate) fn handle(
        mut self,
        input: Input,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        match input {
            Input::Time(now) => self.core.now = now,
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(control, frame) => self.core.take_control(control, &frame)?,
                Received::Bulk(frame) => self.take_answers(&frame, out)?,
            },
            Input::Rows(rows) => self.arranger()?.take(rows)?,
            Input::EndOfRows => self.arranger()?.end_rows()?,
            Input::Computed(computed) => self.take_computed(computed.0?, out)?,
            Input::Run(chunk) => self = self.take_run(chunk, out)?,
            Input::Approved => return self.release(out),
            Input::Declined if matches!(self.phase, Phase::Approve { .. }) => {
                return self.withhold(Withheld::Declined, out);
            }
            _ => return Err(Bug::misuse().into()),
        }
        self.advance(out)
    }

    /// Whether answers may be read now.
    pub(crate) const fn accepts_answers(&self) -> bool {
        matches!(self.phase, Phase::Receive(_))
    }

    pub(crate) fn stage(&self) -> &'static str {
        match self.phase {
            // The provider evaluates every row before the first answer leaves.
            Phase::Receive(_) if self.core.wire.elements(StreamId::Eval) == 0 => "answers",
            Phase::Arrange(_) => "blind",
            Phase::Send(..) | Phase::Receive(_) => "match",
            Phase::Unblind(_) => "finalize",
            Phase::Count(..) | Phase::Counted(..) => "look-up",
            Phase::Approve { .. } => "approval",
        }
    }

    fn arranger(&mut self) -> Result<&mut Arranger, Bug> {
        match &mut self.phase {
            Phase::Arrange(arranger) => Ok(arranger),
            _ => Err(Bug::misuse()),
        }
    }

    fn take_computed(&mut self, done: Done, out: &mut Outbox) -> Result<(), Error> {
        let run = RunName::BlindedRows(self.core.width);
        let spilled = |encodings: &[[u8; 32]]| Zeroizing::new(encodings.as_flattened().to_vec());
        match (&mut self.phase, done) {
            (Phase::Arrange(arranger), Done::RowsBlinded(rows)) => {
                arranger.pending = arranger.pending.saturating_sub(1);
                out.push(Output::Spill { run, records: spilled(&rows.encodings) });
            }
            (Phase::Arrange(arranger), Done::Canaries(rows)) => {
                arranger.pending = arranger.pending.saturating_sub(1);
                self.canaries.add(&rows.answers);
                out.push(Output::Spill { run, records: spilled(&rows.blinded) });
            }
            (Phase::Unblind(unblinding), Done::Unblinded(rows)) => {
                unblinding.pending = unblinding.pending.saturating_sub(1);
                let outputs = rows.outputs.len() / RESPONSE_LEN;
                unblinding.outputs = unblinding.outputs.saturating_add(outputs as u64);
                spill(RunName::ResponseTags, rows.outputs, out);
            }
            _ => return Err(Bug::misuse().into()),
        }
        Ok(())
    }

    fn take_run(mut self, chunk: RunChunk, out: &mut Outbox) -> Result<Self, Error> {
        let RunChunk { run, content, last } = chunk;
        self.phase = match (self.phase, content) {
            (Phase::Send(mut rows, mut framer), RunContent::Records(records))
                if run == RunName::BlindedRows(self.core.width) =>
            {
                if self.core.now >= self.terms.terms().expires_at {
                    return Err(Refusal::TermsExpired.into());
                }
                // Equal elements are one identifier that our own driver numbered twice.
                rows.take(&records, last).map_err(|changed| match changed {
                    RowsChanged::Repeated => Bug::invariant(),
                    RowsChanged::Storage(bug) => bug,
                })?;
                let wire = &mut self.core.wire;
                framer.push(&records, last, |frame| wire.send_bulk(frame, out))?;
                if last {
                    self.core.send_checkpoint(StreamId::Blind, out)?;
                    let order = RowOrder::new(self.core.width);
                    Phase::Receive(Receiving { order, missing: None })
                } else {
                    out.push(Output::WantRun(run));
                    Phase::Send(rows, framer)
                }
            }
            (Phase::Unblind(unblinding), RunContent::Frame(frame))
                if run == RunName::Evaluations =>
            {
                Phase::Unblind(unblinding.take(&frame, &self.core, &mut self.canaries, out)?)
            }
            (Phase::Count(evidence, tally), content) => {
                match tally.take(RunChunk { run, content, last }, out)? {
                    Counting::Continue(tally) => Phase::Count(evidence, tally),
                    Counting::Finished(counted) => Phase::Counted(evidence, counted),
                }
            }
            _ => return Err(Bug::misuse().into()),
        };
        Ok(self)
    }

    /// Takes one frame of answers: its order, its number, and the canary rows in it.
    fn take_answers(&mut self, frame: &RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let at = |violation| Error::peer(violation, StreamId::Eval.code(), frame.header.index);
        let Phase::Receive(receiving) = &mut self.phase else {
            return Err(at(Violation::UnexpectedMessage));
        };
        let received = self.core.wire.elements(StreamId::Eval);
        let complete = received == self.core.elements;
        // [G06]
        if received > self.core.elements || frame.header.is_last() != complete {
            return Err(at(Violation::CountMismatch));
        }
        let encodings = frame.encodings();
        if encodings.len() != frame.header.elements as usize {
            return Err(at(Violation::FrameMalformed));
        }
        self.core.note_answer(frame, out)?;
        receiving.order.check(encodings).map_err(at)?;
        for row in encodings.chunks(self.core.width.slots()) {
            if receiving.missing.is_none() {
                receiving.missing = self.canaries.is_canary(row).err();
            }
        }
        Ok(())
    }

    fn advance(mut self, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        let window = self.core.frames_in_flight;
        match &mut self.phase {
            Phase::Arrange(arranger) => {
                arranger.go_on(window, out)?;
                if arranger.is_done() {
                    self.start_sending(out)?;
                }
            }
            Phase::Receive(_) => {
                self.core.settle_checkpoint(StreamId::Eval, out)?;
                let wire = &self.core.wire;
                if wire.is_settled(StreamId::Blind) && wire.is_settled(StreamId::Eval) {
                    self.start_unblinding(out)?;
                }
            }
            Phase::Unblind(unblinding) => {
                if unblinding.is_done() {
                    let (evidence, outputs) = (unblinding.evidence, unblinding.outputs);
                    return self.start_counting(evidence, outputs, out);
                }
                unblinding.want(window, out);
            }
            Phase::Counted(evidence, counted) => {
                let (evidence, counted) = (*evidence, *counted);
                return self.judge(evidence, counted, out);
            }
            Phase::Send(..) | Phase::Count(..) | Phase::Approve { .. } => {}
        }
        Ok(AdvertiserSession::ExpectAnswers(self))
    }

    fn start_sending(&mut self, out: &mut Outbox) -> Result<(), Error> {
        self.canaries.seal();
        let width = self.core.width;
        out.push(Output::WantRun(RunName::BlindedRows(width)));
        let frame_elements = width.frame_elements(self.core.wire.limits());
        let framer = Framer::new(StreamId::Blind, 32, frame_elements);
        self.phase = Phase::Send(SortedRows::new(width, self.core.padded_rows()), framer);
        Ok(())
    }

    fn start_unblinding(&mut self, out: &mut Outbox) -> Result<(), Error> {
        let Phase::Receive(Receiving { missing, .. }) = &self.phase else {
            return Err(Bug::invariant().into());
        };
        // [G24]
        if let Some(violation) = missing {
            return Err(Error::peer(*violation, StreamId::Eval.code(), 0));
        }
        let evidence = self.canaries.finish(self.core.wire.elements(StreamId::Eval))?;
        self.canaries.rewind();
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
        unblinding.want(self.core.frames_in_flight, out);
        self.phase = Phase::Unblind(unblinding);
        Ok(())
    }

    fn start_counting(
        mut self,
        evidence: CanariesAnswered,
        outputs: u64,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        let keeps_handles = self.core.profile.sends_handles();
        let table = &self.core.hello.table;
        match Tally::start(table, self.core.drawn, outputs, keeps_handles, out)? {
            Counting::Continue(tally) => self.phase = Phase::Count(evidence, tally),
            Counting::Finished(_) => return Err(Bug::invariant().into()),
        }
        Ok(AdvertiserSession::ExpectAnswers(self))
    }

    /// Releases the count, or withholds it; where handles follow, asks the operator first.
    fn judge(
        self,
        evidence: CanariesAnswered,
        counted: Counted,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        let counts = ShuffledCounts {
            rows: self.core.drawn,
            sampled: self.core.is_sampled(),
            width: self.core.width,
            histogram: counted.histogram,
        };
        let released =
            disclosure::release_count(&self.terms, &self.reservation, evidence, &counts)?;
        let handles = counted.handles;
        let count = match released {
            Err(why) => return self.withhold(why, out),
            Ok(count) if self.core.profile.sends_handles() => {
                out.push(Output::WantApproval { count: count.clone() });
                let phase = Phase::Approve { count, handles };
                return Ok(AdvertiserSession::ExpectAnswers(Self { phase, ..self }));
            }
            Ok(count) => count,
        };
        let salt = self.core.keys.result_salt();
        let mut result = ResultCommitment::released(&salt, Profile::MatchRate);
        for bin in counted.histogram.bins(self.core.width) {
            result.update(&bin.to_le_bytes());
        }
        let closing = Closing::without_handles(result.finish(), Outcome::Count(count));
        self.core.close(&self.terms, &self.reservation, closing, out)
    }

    fn withhold(self, why: Withheld, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        let closing = Closing::withheld(&self.core, why);
        self.core.close(&self.terms, &self.reservation, closing, out)
    }

    fn release(self, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        let Self { core, terms, reservation, phase, .. } = self;
        let Phase::Approve { count, handles } = phase else {
            return Err(Bug::misuse().into());
        };
        ExpectIds::start(core, terms, reservation, count, handles, out)
    }
}

impl Unblinding {
    /// Asks for the next frame while fewer than `window` tasks are out.
    fn want(&mut self, window: u32, out: &mut Outbox) {
        if !self.wanted && !self.ended && self.pending < window {
            self.wanted = true;
            out.push(Output::WantRun(RunName::Evaluations));
        }
    }

    const fn is_done(&self) -> bool {
        self.ended && self.pending == 0
    }

    /// Takes the next frame of answers as it comes back from storage, and leaves its canaries out.
    fn take(
        mut self,
        frame: &RawFrame,
        core: &Core,
        canaries: &mut Canaries,
        out: &mut Outbox,
    ) -> Result<Self, Error> {
        if !self.wanted {
            return Err(Bug::misuse().into());
        }
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
        self.rows = self.rows.saturating_add(rows);
        if rows > 0 {
            self.pending = self.pending.saturating_add(1);
            out.push(Output::Compute(Task::Unblind(UnblindTask {
                frame: frame.header.index,
                width: core.width,
                first_row,
                answers,
                public_key: core.hello.manifest.body.public_key,
                keys: core.keys.clone(),
            })));
        }
        Ok(self)
    }
}
