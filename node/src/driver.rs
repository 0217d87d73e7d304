//! One loop for both roles: the only place where session, transport, journal, ledger, spills and
//! engine meet.
//!
//! The loop carries out what a session asks for, in order, and feeds it what happened. It decides
//! nothing: it keeps the contract of [`session`], which is to write before it sends.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ledger::evidence::SessionEvidence;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Refusal};
use protocol::ledger::LedgerEntry;
use protocol::message::Control;
use protocol::slots::Slots;
use protocol::transcript::Record;
use report::Signal;
use session::advertiser::KnownKey;
use session::disclosure::Outcome;
use session::{Input, Outbox, Output, SpillChunk, SpillContent, SpillName};
use tokio::time::Instant as Moment;

use crate::console::Progress;
use crate::engine::{Spent, TaskPanicked, Workbench};
use crate::failure::Failure;
use crate::room::{Demand, NoRoom};
use crate::stop::Stop;
use channel::{Channel, Close, TransportError};
use ledger::{LedgerError, ReserveError};
use store::journal::{Frames, JournalError, SessionJournal};
use store::keyring::KeyringError;
use store::os::{self, Clock};
use store::spill::{SpillError, SpillStore};

mod party;

pub use party::{Advertiser, AdvertiserDuties, Duties, Party, Provider, ProviderDuties};

/// Statement of a provider in HELLO_P on the data that it answers from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown {
    /// Commitment of its snapshot.
    pub snapshot: [u8; 32],
    /// Head of its list of objections.
    pub objections: [u8; 32],
}

/// Everything a session runs on.
pub struct Driver<'a, 'd, R: Party> {
    /// The session.
    pub session: R::Session,
    /// Box in which it puts what it wants done.
    pub outbox: Outbox,
    /// The wire.
    pub channel: Channel,
    /// Arithmetic of the session.
    pub bench: Workbench,
    /// Record of the session.
    pub journal: SessionJournal,
    /// Directory that holds the records of all sessions.
    pub sessions: PathBuf,
    /// Spills of the session.
    pub spills: SpillStore,
    /// The answers being read again; `None` before the session asks for the first.
    pub evaluations: Option<Frames>,
    /// Party of the session.
    pub duties: &'a mut R::Duties<'d>,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Watcher of the progress.
    pub progress: &'a Progress,
    /// Head of the ledger, for a REFUSE.
    pub ledger_head: [u8; 32],
    /// Seconds after which a refusal of ours may be asked again.
    pub retry_after_s: u32,
    /// The wish of our operator to end it before its end.
    pub stop: Stop,
}

/// A session that both sides signed.
#[derive(Debug)]
pub struct Ended {
    /// Outcome that our operator may see.
    pub outcome: Outcome,
    /// The session.
    pub sid: [u8; 32],
    /// Directory of its transcript.
    pub directory: PathBuf,
    /// Spills of the session, the outcome's among them.
    pub spills: SpillStore,
    /// Measurements.
    pub figures: Figures,
}

/// Measurements of a session.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Costs of each stage, in order.
    pub stages: Vec<Stage>,
    /// Processor time by kind of task.
    pub tasks: BTreeMap<&'static str, Spent>,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
}

impl Figures {
    /// A figure of every kind of task, added up.
    #[must_use]
    pub fn seconds_of(&self, figure: impl Fn(&Spent) -> f64) -> f64 {
        self.tasks.values().map(figure).sum()
    }
}

/// Cost of a stage.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// Name of the stage, as progress tells it.
    pub name: &'static str,
    /// Seconds of wall time.
    pub seconds: f64,
    /// Seconds of processor time of the whole process, other sessions included.
    pub cpu_seconds: f64,
}

/// Measures stages that follow one another.
#[derive(Debug)]
pub struct Stopwatch {
    since: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { since: Instant::now(), cpu: os::process_cpu() }
    }

    /// Cost of the stage that ends now; the next one starts.
    pub fn lap(&mut self, name: &'static str) -> Stage {
        let before = std::mem::replace(self, Self::start());
        Stage {
            name,
            seconds: self.since.duration_since(before.since).as_secs_f64(),
            cpu_seconds: self.cpu.saturating_sub(before.cpu).as_secs_f64(),
        }
    }
}

/// Reason for which a session ended before its receipt.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The protocol says so; [`Error::blame`] says who must act.
    Protocol(#[from] Error),
    /// The channel is gone or was never there.
    Transport(#[from] TransportError),
    /// The peer owed something and did not send it in time.
    Silent {
        /// Stage of the session.
        stage: &'static str,
        /// Seconds that this node waited.
        seconds: u64,
    },
    /// Our data.
    Duty(Failure),
    /// Our spills.
    Spill(#[from] SpillError),
    /// Our record of the session.
    Journal(#[from] JournalError),
    /// Our ledger.
    Ledger(#[from] LedgerError),
    /// The key of the session could not be marked as used.
    Key(#[from] KeyringError),
    /// A defect of ours.
    Panicked(#[from] TaskPanicked),
    /// Too little room on our disk for what the session would write; nothing is charged.
    NoRoom(#[from] NoRoom),
    /// Our operator ended it; the peer was told.
    Stopped(Signal),
}
report::told_in_english!(DriveError);

/// A reserve that was not written, or whose key was not spent with it.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    /// Budget, chain or key do not allow it; nothing failed.
    #[error("{refusal:?}")]
    Refused {
        /// Reason for the peer.
        refusal: Refusal,
        /// Seconds after which the same request may succeed, 0 for never.
        retry_after_s: u32,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The key could not be marked as used.
    #[error(transparent)]
    Key(#[from] KeyringError),
}

impl From<ChargeError> for DriveError {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::Refused { refusal, .. } => Self::Protocol(refusal.into()),
            ChargeError::Ledger(error) => error.into(),
            ChargeError::Key(error) => error.into(),
        }
    }
}

impl From<ReserveError> for ChargeError {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Refused { refusal, retry_after_s } => {
                Self::Refused { refusal, retry_after_s }
            }
            ReserveError::Storage(error) => Self::Ledger(error),
        }
    }
}

impl From<Failure> for DriveError {
    fn from(failure: Failure) -> Self {
        Self::Duty(failure)
    }
}

impl DriveError {
    /// True if the peer asks to come back later and nothing has been agreed: the same HELLO_A may
    /// be sent again, and there is nothing to keep of it.
    #[must_use]
    pub fn is_come_back_later(&self) -> bool {
        use Refusal::{CannotServe, SessionBusy, TableNotReady, TooManyHellos};
        match self {
            Self::Protocol(error) => matches!(
                error.refusal(),
                Some(CannotServe | SessionBusy | TableNotReady | TooManyHellos)
            ),
            Self::Transport(error) => error.is_overload(),
            _ => false,
        }
    }

    /// True if the record of a session that ended so before it had an id is of no use to anybody.
    fn leaves_nothing(&self) -> bool {
        self.is_come_back_later() || matches!(self, Self::NoRoom(_) | Self::Stopped(_))
    }
}

impl<R: Party> Driver<'_, '_, R> {
    /// Runs the session to its end.
    ///
    /// Whatever happens, the peer hears a code if it is to hear one, and what was recorded stays.
    ///
    /// # Errors
    ///
    /// [`DriveError`].
    pub async fn run(mut self) -> Result<Ended, DriveError> {
        let mut state = State {
            sid: None,
            stage: R::stage(&self.session),
            watch: Stopwatch::start(),
            figures: Figures::default(),
            outcome: None,
            inputs: VecDeque::new(),
            hellos: [None, None],
            table_tags: 0,
            shown: Shown::default(),
            slots: None,
            slot: None,
            cut_short: false,
        };
        self.progress.entered(state.stage);
        match self.advance(&mut state).await {
            Ok((outcome, sid)) => {
                state.enter(session::Stage::Closed);
                let figures = self.figures(state);
                let directory = self.journal.directory().to_path_buf();
                // The last message is sent and recorded; a peer that vanishes now harms itself.
                let closed = self.channel.finish().await;
                if let Err(error) = closed {
                    tracing::debug!(target: "veilmatch::session", %error, "close");
                }
                Ok(Ended { outcome, sid, directory, spills: self.spills, figures })
            }
            Err(error) => {
                let unopened = state.sid.is_none();
                let journal = self.close(&error, &state).await;
                if unopened && error.leaves_nothing() {
                    journal.discard();
                }
                Err(error)
            }
        }
    }

    async fn advance(&mut self, state: &mut State) -> Result<(Outcome, [u8; 32]), DriveError> {
        self.perform(state).await?;
        loop {
            if let Some(outcome) = state.outcome.take() {
                let sid = state.sid.ok_or(Error::from(Bug::invariant()))?;
                return Ok((outcome, sid));
            }
            if let Some(signal) = self.stop.requested() {
                return Err(DriveError::Stopped(signal));
            }
            let input = match state.inputs.pop_front() {
                Some(input) => input,
                None => self.wait(state).await?,
            };
            self.note_work(&input);
            self.step(input)?;
            let stage = R::stage(&self.session);
            if state.enter(stage) {
                self.progress.entered(stage);
            }
            self.perform(state).await?;
        }
    }

    /// Shows the work of which an input is the end.
    fn note_work(&self, input: &Input) {
        match input {
            Input::Frame(frame) => {
                self.progress.received(frame.header.stream, frame.header.elements);
            }
            Input::Computed(_) => self.progress.worked(self.bench.spent()),
            _ => {}
        }
    }

    fn step(&mut self, input: Input) -> Result<(), DriveError> {
        // A session is consumed by its error; what is left in its place accepts nothing.
        let session = std::mem::replace(&mut self.session, R::closed());
        self.session = R::handle(session, self.clock.now_unix(), input, &mut self.outbox)?;
        Ok(())
    }

    /// Waits for a finished task, a slot or a frame, whichever comes first.
    async fn wait(&mut self, state: &mut State) -> Result<Input, DriveError> {
        let Self { session, bench, channel, stop, .. } = self;
        // Nobody owes us anything until the slot, but a peer may end the session.
        if let Some(slot) = state.slot {
            return tokio::select! {
                biased;
                signal = stop.wait() => Err(DriveError::Stopped(signal)),
                () = tokio::time::sleep_until(slot) => {
                    state.slot = None;
                    Ok(Input::Slot)
                }
                frame = channel.next(|stream| R::accepts(session, stream)) => {
                    Ok(Input::Frame(frame?))
                }
            };
        }
        // While we compute ourselves the peer owes us nothing.
        if bench.pending() > 0 {
            return tokio::select! {
                biased;
                signal = stop.wait() => Err(DriveError::Stopped(signal)),
                computed = bench.next() => Ok(Input::Computed(computed?)),
                frame = channel.next(|stream| R::accepts(session, stream)) => {
                    Ok(Input::Frame(frame?))
                }
            };
        }
        let next = channel.next(|stream| R::accepts(session, stream));
        in_time(stop, Duration::ZERO, state.stage, next).await.map(Input::Frame)
    }

    /// Carries out everything the session asked for, in order.
    async fn perform(&mut self, state: &mut State) -> Result<(), DriveError> {
        let mut outputs: VecDeque<Output> = self.outbox.drain().collect();
        while let Some(output) = outputs.pop_front() {
            let is_sent = |output: &Output| matches!(output, Output::Send(_));
            let sends = is_sent(&output);
            if let Err(error) = self.carry_out(output, state).await {
                state.cut_short = sends || outputs.iter().any(is_sent);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self, output: Output, state: &mut State) -> Result<(), DriveError> {
        match output {
            Output::Append { record, frame } => {
                state.note_table(&record);
                if let Some(key) = state.note_hello(&record) {
                    R::offered(self.duties, &key);
                }
                self.journal.append(&record, frame.as_ref())?;
            }
            Output::Send(frame) => {
                self.journal.sync()?;
                R::leaving(self.duties, state.sid.as_ref(), &frame)?;
                self.progress.sent(frame.header.stream, frame.header.elements);
                // A peer that does not read is as silent as one that does not send.
                let sent = self.channel.send(frame);
                in_time(&self.stop, LAST_WORD, state.stage, sent).await?;
            }
            Output::Compute(task) => self.bench.submit(task),
            Output::Spill { spill, records } => self.spills.spill(spill, records)?,
            Output::WantSpill(run) => state.inputs.push_back(Input::Spilled(self.chunk(run)?)),
            Output::Reserve { entry, terms } => {
                if R::knows_answer(self.duties, &terms, &state.shown)? {
                    self.open_session(&entry, state)?;
                    let refusal = Refusal::NothingToAsk;
                    state.inputs.push_back(Input::ReserveRefused { refusal, retry_after_s: 0 });
                    return Ok(());
                }
                self.has_room(&entry, state)?;
                self.open_session(&entry, state)?;
                let opening = self.opening(terms, state)?;
                state.inputs.push_back(match self.duties.reserve(&entry, &opening) {
                    Ok(reservation) => Input::Reserved(reservation),
                    Err(ChargeError::Refused { refusal, retry_after_s }) => {
                        self.retry_after_s = retry_after_s;
                        Input::ReserveRefused { refusal, retry_after_s }
                    }
                    Err(ChargeError::Ledger(error)) => return Err(error.into()),
                    Err(ChargeError::Key(error)) => return Err(error.into()),
                });
            }
            Output::StartSlots(slots) => {
                let blinded = state.time_in(session::Stage::Blind);
                let slots = blinded.map_or(slots, |took| slots.blinded_in(took));
                state.slots = Some((Moment::now(), slots));
            }
            Output::WantSlot => {
                let (since, slots) = state.slots.ok_or(Error::from(Bug::invariant()))?;
                let slot = slots.next(since.elapsed()).map_err(Error::from)?;
                let at = since.checked_add(slot).ok_or(Error::from(Bug::invariant()))?;
                state.slot = Some(at);
                let left = at.duration_since(Moment::now());
                let begun = u64::from(left.subsec_nanos() > 0);
                self.progress.waiting_for_slot(left.as_secs() + begun);
            }
            Output::Ledger { entry, evidence } => self.duties.ledger(&entry, &evidence)?,
            Output::Finished(outcome) => {
                self.journal.sync()?;
                state.outcome = Some(outcome);
            }
            own => {
                state.inputs.extend(R::serve(own, self.duties, &mut self.spills)?);
            }
        }
        Ok(())
    }

    /// The messages that the reserve of this session follows from.
    fn opening(&self, terms: RawFrame, state: &State) -> Result<SessionEvidence, DriveError> {
        let [Some(hello_a), Some(hello_p)] = &state.hellos else {
            return Err(Error::from(Bug::invariant()).into());
        };
        Ok(SessionEvidence {
            hello_a: hello_a.clone(),
            hello_p: hello_p.clone(),
            terms,
            accept: None,
            receipt: None,
            receipt_ack: None,
            channel: *self.channel.peer().channel(),
        })
    }

    fn chunk(&mut self, run: SpillName) -> Result<SpillChunk, DriveError> {
        let frame = match run {
            SpillName::Table => self.duties.table_frame(self.journal.directory())?,
            SpillName::Evaluations => self.evaluation_frame()?,
            SpillName::DigitalIds => {
                let (ids, last) = R::digital_ids(self.duties)?;
                return Ok(SpillChunk { spill: run, content: SpillContent::Ids(ids), last });
            }
            _ => return Ok(self.spills.next_chunk(run)?),
        };
        let last = frame.header.is_last();
        Ok(SpillChunk { spill: run, content: SpillContent::Frame(frame), last })
    }

    /// The next frame of EVAL as it lies beside the transcript.
    fn evaluation_frame(&mut self) -> Result<RawFrame, DriveError> {
        let frames = match &mut self.evaluations {
            Some(frames) => frames,
            None => self.evaluations.insert(self.journal.read_frames(StreamId::Eval)?),
        };
        let frame = frames.next().ok_or(Error::from(Bug::stored_data_changed()))?;
        Ok(frame?)
    }

    /// The session has an id: its record moves to a directory of that name, bulk streams may open.
    fn open_session(&mut self, entry: &LedgerEntry, state: &mut State) -> Result<(), DriveError> {
        state.sid = Some(entry.sid);
        self.channel.set_sid(entry.sid);
        let target = self.sessions.join(store::hex(&entry.sid));
        self.journal.rename(&target)?;
        // More in flight now that terms are about to be signed; without it the run is only slower.
        let _ = self.channel.grant();
        self.progress.session(&entry.sid, entry.evaluations, state.table_tags);
        Ok(())
    }

    /// Looks for room for everything the session will write, before anything is charged.
    fn has_room(&self, entry: &LedgerEntry, state: &State) -> Result<(), DriveError> {
        let demand = Demand {
            elements: entry.evaluations,
            table_tags: state.table_tags,
            spill_memory: self.spills.memory_bytes(),
        };
        Ok(demand.check(&self.sessions)?)
    }

    /// Tells the peer what it is to know, records that, and gives the record back.
    ///
    /// After a message that was queued and not sent there is no last word: the reason of the close
    /// has to do.
    async fn close(mut self, error: &DriveError, state: &State) -> SessionJournal {
        if !state.cut_short {
            self.queue_last_word(error, state.stage);
            self.send_last_word().await;
        }
        if let Err(error) = self.journal.sync() {
            tracing::warn!(target: "veilmatch::session", %error, "the end is not recorded");
        }
        let reason = match error {
            DriveError::Stopped(_) => Close::ShuttingDown,
            _ => Close::Error,
        };
        self.channel.close_with_reason(reason).await;
        self.journal
    }

    fn queue_last_word(&mut self, error: &DriveError, stage: session::Stage) {
        match error {
            DriveError::Protocol(error) => {
                self.outbox.close(error, self.ledger_head, self.retry_after(error, stage));
            }
            DriveError::Transport(error) => {
                // Without one the channel is gone, and the peer with it.
                if let Some(error) = error.session_error() {
                    self.outbox.close(&error, self.ledger_head, 0);
                }
            }
            DriveError::Panicked(TaskPanicked(bug)) => {
                self.outbox.close(&Error::from(*bug), self.ledger_head, 0);
            }
            DriveError::Silent { .. }
            | DriveError::NoRoom(_)
            | DriveError::Stopped(_)
            | DriveError::Duty(_)
            | DriveError::Spill(_)
            | DriveError::Journal(_)
            | DriveError::Ledger(_)
            | DriveError::Key(_) => self.outbox.close_for_operator(),
        }
    }

    /// Records and sends what is queued.
    ///
    /// What came last is recorded whatever the error: it may be the peer's REFUSE or ABORT.
    async fn send_last_word(&mut self) {
        let outputs: Vec<Output> = self.outbox.drain().collect();
        for output in outputs {
            // What cannot be recorded is not sent.
            let done = match output {
                Output::Append { record, frame } => {
                    self.journal.append(&record, frame.as_ref()).is_ok()
                }
                Output::Send(frame) => {
                    self.journal.sync().is_ok()
                        && tokio::time::timeout(LAST_WORD, self.channel.send(frame))
                            .await
                            .is_ok_and(|sent| sent.is_ok())
                }
                _ => true,
            };
            if !done {
                break;
            }
        }
    }

    /// A table that is not ready at HELLO_A will be; one that the terms ask for in vain will not.
    fn retry_after(&self, error: &Error, stage: session::Stage) -> u32 {
        match error {
            Error::Refused(Refusal::TableNotReady) if stage != session::Stage::Hello => 0,
            Error::Refused(Refusal::TableNotReady | Refusal::SessionBusy) => {
                if self.retry_after_s == 0 { RETRY_SOON_S } else { self.retry_after_s }
            }
            Error::Refused(_) => self.retry_after_s,
            _ => 0,
        }
    }

    fn figures(&self, state: State) -> Figures {
        let (bytes_sent, bytes_received) = self.channel.bytes();
        Figures { tasks: self.bench.spent().clone(), bytes_sent, bytes_received, ..state.figures }
    }
}

/// State that the loop itself keeps.
struct State {
    sid: Option<[u8; 32]>,
    stage: session::Stage,
    watch: Stopwatch,
    figures: Figures,
    outcome: Option<Outcome>,
    inputs: VecDeque<Input>,
    /// HELLO_A and HELLO_P, as they were sent.
    hellos: [Option<RawFrame>; 2],
    /// Tags of the table that HELLO_P names.
    table_tags: u64,
    /// Data that HELLO_P names.
    shown: Shown,
    /// Slots of the session, and when their clock was started.
    slots: Option<(Moment, Slots)>,
    /// The slot that is awaited.
    slot: Option<Moment>,
    /// Something the session had queued was not sent, so that nothing may follow it [S-11].
    cut_short: bool,
}

impl State {
    /// Keeps the HELLOs as they come by; the key that HELLO_P offers.
    fn note_hello(&mut self, record: &Record) -> Option<KnownKey> {
        let (Record::Control(frame), None) = (record, self.sid) else { return None };
        let [hello_a, hello_p] = &mut self.hellos;
        match Control::decode(frame) {
            Ok(Control::HelloA(_)) => *hello_a = Some(frame.clone()),
            Ok(Control::HelloP(hello)) => {
                *hello_p = Some(frame.clone());
                return hello.manifest.known_key().ok();
            }
            _ => {}
        }
        None
    }

    /// Enters a stage; true if it is another one.
    fn enter(&mut self, stage: session::Stage) -> bool {
        let is_other = stage != self.stage;
        if is_other {
            self.figures.stages.push(self.watch.lap(self.stage.name()));
            self.stage = stage;
        }
        is_other
    }

    /// Time that a stage took, if it is over.
    fn time_in(&self, stage: session::Stage) -> Option<Duration> {
        let of_stage = self.figures.stages.iter().find(|lap| lap.name == stage.name())?;
        Duration::try_from_secs_f64(of_stage.seconds).ok()
    }

    /// Takes the size of the table from HELLO_P, the only message that is looked at here: room has
    /// to be found before the session agrees to anything.
    fn note_table(&mut self, record: &Record) {
        if let Record::Control(frame) = record
            && self.sid.is_none()
            && let Ok(Control::HelloP(hello)) = Control::decode(frame)
        {
            self.table_tags = hello.table.tag_count;
            self.shown = Shown {
                snapshot: hello.snapshot.body.commitment,
                objections: hello.suppression_epoch,
            };
        }
    }
}

/// Waits for the peer as long as the stage allows, and no longer than `grace` once our operator
/// wishes to stop.
async fn in_time<T>(
    stop: &Stop,
    grace: Duration,
    stage: session::Stage,
    waited_for: impl Future<Output = Result<T, TransportError>>,
) -> Result<T, DriveError> {
    let patience = patience(stage);
    let stopped = async {
        let signal = stop.wait().await;
        tokio::time::sleep(grace).await;
        signal
    };
    tokio::select! {
        biased;
        signal = stopped => Err(DriveError::Stopped(signal)),
        done = tokio::time::timeout(patience, waited_for) => match done {
            Ok(done) => Ok(done?),
            Err(_) => Err(DriveError::Silent { stage: stage.name(), seconds: patience.as_secs() }),
        },
    }
}

/// Longest time that the peer may owe us its next frame.
///
/// A wait of hours ends with the first frame that comes.
const fn patience(stage: session::Stage) -> Duration {
    use session::Stage;
    Duration::from_secs(match stage {
        Stage::Hello => 30,
        // The barrier of shuffled order: one side blinds every row before the first leaves, the
        // other evaluates every row before the first answer leaves.
        Stage::Rows | Stage::Answers => BARRIER_S,
        // The other side unblinds and looks up, may ask its operator, and then waits for a slot,
        // which is at most once more as long.
        Stage::Release | Stage::Closing => 2 * BARRIER_S,
        Stage::Receipt => 600,
        Stage::Terms
        | Stage::Table
        | Stage::Blind
        | Stage::Match
        | Stage::Finalize
        | Stage::LookUp
        | Stage::Approval
        | Stage::Slot
        | Stage::Handles
        | Stage::Closed => 60,
    })
}

/// Six hours.
const BARRIER_S: u64 = 6 * 3_600;
const RETRY_SOON_S: u32 = 5;
/// Longest time that a peer that does not read may hold back the code we end with.
const LAST_WORD: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
