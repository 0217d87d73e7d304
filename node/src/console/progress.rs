//! Progress of a command on standard error: a bar, lines, or events for machines.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use protocol::codec::StreamId;
use report::{Arg, Exit, Failure, Text};
use serde_json::{Value, json};

use super::{OutputOptions, ProgressForm, Terminal, lock};
use crate::engine::Spent;
use store::os::{Clock, SystemClock};
use tabular::{Watch, Watched};

/// Work of a command, shown on standard error (F8).
///
/// The stage that is shown is the one that works: each has a name, what is done of it, its rate of
/// late, and the time that remains where the total is known. Counts are of what is read, padded or
/// multiplied, never of matches.
pub struct Progress {
    work: Arc<Work>,
    /// Keeps the thread that writes alive, until it is dropped.
    writing: Mutex<Option<Sender<()>>>,
}

/// Things that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Bytes of files, as they lie on disk.
    Bytes,
    /// Rows of files.
    Rows,
    /// Identifiers.
    Identifiers,
    /// Elements of the group.
    #[default]
    Elements,
    /// Tags of a table.
    Tags,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Rows => "rows",
            Self::Identifiers => "identifiers",
            Self::Elements => "elements",
            Self::Tags => "tags",
        }
    }

    fn count(self, n: u64) -> Arg {
        match self {
            Self::Bytes => Arg::Size(n),
            _ => Arg::Count(n),
        }
    }
}

/// Form in which progress is shown.
struct Work {
    shape: Shape,
    /// Name of the run.
    run_id: String,
    /// Partner of the session, where a node serves several at once.
    partner: Option<String>,
    terminal: Terminal,
    clock: Box<dyn Clock>,
    state: Mutex<State>,
    /// True if nothing may be written: a person is asked something, or all is done.
    quiet: AtomicBool,
}

enum Shape {
    Bar(ProgressBar),
    Lines,
    Json,
    Off,
}

#[derive(Default)]
struct State {
    stage: &'static str,
    unit: Unit,
    done: u64,
    total: Option<u64>,
    /// Words and seconds of a wait, of the run because the peer asks for it or of the session for
    /// its slot.
    waiting: Option<(&'static str, u64)>,
    /// Elements of the session, and tags of its table, once its terms are signed.
    session: Option<[u64; 2]>,
    /// The step of the session that was counted last.
    step: Option<Step>,
    /// Counts of each step of the session.
    steps: BTreeMap<Step, u64>,
    /// Times and counts of late, the oldest first.
    seen: VecDeque<(Duration, u64)>,
    /// Time of the last event written; none for the stage as long as it is `None`.
    told: Option<Duration>,
}

/// Steps of a session that are counted, in the order in which an element passes through them.
///
/// In aligned order all work at once, and the last of them says how far the session is; in shuffled
/// order one follows the other. Handles and digital IDs are not counted: their number is the count
/// of matched rows, which the terms may not let be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    SendTable,
    ReceiveTable,
    Blind,
    SendRows,
    Evaluate,
    SendAnswers,
    ReceiveAnswers,
    Finalize,
}

impl Step {
    fn sent(stream: StreamId) -> Option<Self> {
        match stream {
            StreamId::Table => Some(Self::SendTable),
            StreamId::Blind => Some(Self::SendRows),
            StreamId::Eval => Some(Self::SendAnswers),
            _ => None,
        }
    }

    fn received(stream: StreamId) -> Option<Self> {
        match stream {
            StreamId::Table => Some(Self::ReceiveTable),
            StreamId::Eval => Some(Self::ReceiveAnswers),
            _ => None,
        }
    }

    /// Step of a kind of task; canaries are made beside the others.
    fn of_task(name: &str) -> Option<Self> {
        match name {
            "blind" => Some(Self::Blind),
            "evaluate" => Some(Self::Evaluate),
            "finalize" => Some(Self::Finalize),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::SendTable => "send table",
            Self::ReceiveTable => "receive table",
            Self::Blind => "blind",
            Self::SendRows => "send rows",
            Self::Evaluate => "evaluate",
            Self::SendAnswers => "send answers",
            Self::ReceiveAnswers => "receive answers",
            Self::Finalize => "finalize",
        }
    }

    const fn unit(self) -> Unit {
        match self {
            Self::SendTable | Self::ReceiveTable => Unit::Tags,
            _ => Unit::Elements,
        }
    }
}

impl Progress {
    /// Progress in the form that was asked for.
    #[must_use]
    pub fn new(options: &OutputOptions, terminal: &Terminal) -> Self {
        let shape = match options.progress {
            _ if options.quiet => Shape::Off,
            ProgressForm::Auto if io::stderr().is_terminal() => Shape::Bar(new_bar()),
            ProgressForm::Auto | ProgressForm::Lines => Shape::Lines,
            ProgressForm::Json => Shape::Json,
            ProgressForm::Off => Shape::Off,
        };
        let clock = Box::new(SystemClock::new());
        Self::of(Work::new(shape, (&options.run_id, None), terminal.clone(), clock), LINE_EVERY)
    }

    /// Progress of one session of several, each line with the partner's name.
    ///
    /// There is no bar for several sessions at once; by default lines are written to a terminal
    /// and to nothing else.
    #[must_use]
    pub fn of_session(options: &OutputOptions, partner: &str, terminal: &Terminal) -> Self {
        let shape = match options.progress {
            _ if options.quiet => Shape::Off,
            ProgressForm::Auto if io::stderr().is_terminal() => Shape::Lines,
            ProgressForm::Lines => Shape::Lines,
            ProgressForm::Json => Shape::Json,
            ProgressForm::Auto | ProgressForm::Off => Shape::Off,
        };
        let (partner, clock) = (Some(partner.to_owned()), Box::new(SystemClock::new()));
        Self::of(Work::new(shape, (&options.run_id, partner), terminal.clone(), clock), LINE_EVERY)
    }

    /// Progress that nobody sees.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn silent() -> Self {
        let terminal = Terminal::to(io::sink(), io::sink());
        let work = Work::new(Shape::Off, ("", None), terminal, Box::new(SystemClock::new()));
        Self::of(work, LINE_EVERY)
    }

    /// Begins a stage that is not counted.
    pub fn stage(&self, name: &'static str) {
        self.stage_of(name, Unit::default(), None);
    }

    /// Begins a stage, of so many units if that is known.
    pub fn stage_of(&self, name: &'static str, unit: Unit, total: Option<u64>) {
        self.work.begin((name, unit, total));
    }

    /// Tells how much of the stage is done in all.
    pub fn done(&self, done: u64) {
        self.work.done(done);
    }

    /// Watch over work on files, whose steps are stages.
    #[must_use]
    pub fn watched(&self) -> Watched {
        Watched::by(OnFiles(Arc::clone(&self.work)))
    }

    /// Tells that a session has entered one of its stages; those that are counted show by their
    /// counts.
    pub fn entered(&self, stage: session::Stage) {
        use session::Stage;
        if stage == Stage::Hello {
            let mut state = lock(&self.work.state);
            (state.session, state.step, state.steps) = (None, None, BTreeMap::new());
        }
        match stage {
            Stage::Table | Stage::Blind | Stage::Match | Stage::Finalize | Stage::Closed => {}
            Stage::Hello
            | Stage::Terms
            | Stage::Rows
            | Stage::Answers
            | Stage::LookUp
            | Stage::Approval
            | Stage::Slot
            | Stage::Release
            | Stage::Handles
            | Stage::Receipt
            | Stage::Closing => self.stage(stage.name()),
        }
    }

    /// Tells the sizes of the session, once its terms are signed.
    pub fn session(&self, sid: &[u8; 32], elements: u64, table_tags: u64) {
        let mut state = lock(&self.work.state);
        state.session = Some([elements, table_tags]);
        if let Shape::Json = self.work.shape {
            let sid = store::hex(sid);
            let event = json!({ "event": "session", "session": sid, "elements": elements });
            self.work.tell_event(event);
        }
    }

    /// Tells that a frame of this many elements was sent.
    pub fn sent(&self, stream: StreamId, elements: u32) {
        self.frame(Step::sent(stream), elements);
    }

    /// Tells that a frame of this many elements has come.
    pub fn received(&self, stream: StreamId, elements: u32) {
        self.frame(Step::received(stream), elements);
    }

    /// Tells how many elements the tasks of the session have worked on, by kind of task.
    pub fn worked(&self, spent: &BTreeMap<&'static str, Spent>) {
        let mut state = lock(&self.work.state);
        for (name, spent) in spent {
            if let Some(step) = Step::of_task(name) {
                self.work.step(&mut state, step, spent.elements);
            }
        }
    }

    fn frame(&self, step: Option<Step>, elements: u32) {
        let Some(step) = step else { return };
        let mut state = lock(&self.work.state);
        let before = state.steps.get(&step).map_or(0, |before| *before);
        self.work.step(&mut state, step, before + u64::from(elements));
    }

    /// Tells that the run waits this many seconds, then goes on by itself.
    pub fn waiting(&self, reason: &str, seconds: u64) {
        self.wait("progress-waiting", reason, seconds);
    }

    /// Tells that the session waits this many seconds, so that the time at which it goes on says
    /// nothing to the peer.
    pub fn waiting_for_slot(&self, seconds: u64) {
        self.wait("progress-slot", session::Stage::Slot.name(), seconds);
    }

    fn wait(&self, words: &'static str, reason: &str, seconds: u64) {
        let mut state = lock(&self.work.state);
        state.waiting = Some((words, seconds));
        if let Shape::Json = self.work.shape {
            let event = json!({ "event": "waiting", "reason": reason, "seconds": seconds });
            self.work.tell_event(event);
        }
    }

    /// Writes nothing while a person is asked something.
    pub fn aside<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.work.hush();
        let answer = ask();
        self.work.speak();
        answer
    }

    /// Ends the last stage and takes the bar away; nothing is written from now on.
    pub fn finish(&self) {
        drop(lock(&self.writing).take());
        let mut state = lock(&self.work.state);
        if state.total.is_some() || state.done > 0 {
            self.work.tell(&mut state, true);
        }
        drop(state);
        self.work.hush();
    }

    /// Progress that writes its lines after so much time each.
    fn of(work: Work, every: Duration) -> Self {
        let work = Arc::new(work);
        let writing = match work.shape {
            Shape::Lines => Work::start(&work, every, Work::write_line),
            Shape::Bar(_) => Work::start(&work, BAR_TICK, Work::draw),
            Shape::Json | Shape::Off => None,
        };
        Self { work, writing: Mutex::new(writing) }
    }
}

impl Drop for Progress {
    /// Stops writing: a failure is told next, and nothing of the work may follow it.
    fn drop(&mut self) {
        drop(lock(&self.writing).take());
        self.work.hush();
    }
}

impl Work {
    fn new(
        shape: Shape,
        (run_id, partner): (&str, Option<String>),
        terminal: Terminal,
        clock: Box<dyn Clock>,
    ) -> Self {
        let (state, quiet) = (Mutex::new(State::default()), AtomicBool::new(false));
        let run_id = run_id.to_owned();
        Self { shape, run_id, partner, terminal, clock, state, quiet }
    }

    /// Writes each time so much has passed, also where a stage does not get on, until what comes
    /// back is dropped; never if the system has no thread for it.
    fn start(work: &Arc<Self>, every: Duration, write: fn(&Self)) -> Option<Sender<()>> {
        let (alive, ended) = mpsc::channel();
        let work = Arc::clone(work);
        let writing = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                write(&work);
            }
        };
        std::thread::Builder::new().name("progress".to_owned()).spawn(writing).ok().map(|_| alive)
    }

    /// Writes nothing from now on.
    fn hush(&self) {
        // Whoever writes looks again once it has the state.
        let state = lock(&self.state);
        self.quiet.store(true, Ordering::SeqCst);
        if let Shape::Bar(bar) = &self.shape {
            bar.finish_and_clear();
        }
        drop(state);
    }

    /// Writes again.
    fn speak(&self) {
        let state = lock(&self.state);
        if let Shape::Bar(bar) = &self.shape {
            bar.reset();
        }
        self.quiet.store(false, Ordering::SeqCst);
        drop(state);
    }

    /// Draws the bar anew, with the figures of now.
    fn draw(&self) {
        let Shape::Bar(bar) = &self.shape else { return };
        let state = lock(&self.state);
        if state.stage.is_empty() || self.quiet.load(Ordering::SeqCst) {
            return;
        }
        let template = if state.total.is_some() { BAR } else { SPINNER };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        match state.total {
            Some(total) => bar.set_length(total),
            None => bar.unset_length(),
        }
        bar.set_position(state.done);
        bar.set_message(state.line(self.clock.monotonic()).render(self.terminal.reader()));
        bar.tick();
    }

    fn write_line(&self) {
        let state = lock(&self.state);
        if state.stage.is_empty() || self.quiet.load(Ordering::SeqCst) {
            return;
        }
        let line = state.line(self.clock.monotonic());
        self.terminal.tell(&match &self.partner {
            Some(partner) => Text::new("progress-of").with("partner", partner).with("line", line),
            None => line,
        });
    }

    fn begin(&self, stage: (&'static str, Unit, Option<u64>)) {
        let mut state = lock(&self.state);
        self.restart(&mut state, stage);
        self.tell(&mut state, true);
    }

    fn done(&self, done: u64) {
        let mut state = lock(&self.state);
        self.count(&mut state, done);
    }

    fn restart(&self, state: &mut State, (stage, unit, total): (&'static str, Unit, Option<u64>)) {
        (state.stage, state.unit, state.total) = (stage, unit, total);
        (state.done, state.waiting, state.told) = (0, None, None);
        state.seen = VecDeque::from([(self.clock.monotonic(), 0)]);
    }

    /// Counts a step of the session, which is shown unless a later one is.
    fn step(&self, state: &mut State, step: Step, count: u64) {
        let is_new = state.steps.insert(step, count) != Some(count);
        // The last frames of a step may leave while its session waits already.
        let is_over = state.step == Some(step) && state.stage != step.name();
        if !is_new || is_over || state.step.is_some_and(|shown| shown > step) {
            return;
        }
        state.step = Some(step);
        if state.stage != step.name() {
            let unit = step.unit();
            let total = state.session.map(|[elements, table_tags]| match unit {
                Unit::Tags => table_tags,
                _ => elements,
            });
            self.restart(state, (step.name(), unit, total));
        }
        self.count(state, count);
    }

    fn count(&self, state: &mut State, done: u64) {
        let now = self.clock.monotonic();
        state.done = done;
        state.waiting = None;
        if state.seen.back().is_none_or(|(last, _)| now.saturating_sub(*last) >= SEEN_EVERY) {
            state.seen.push_back((now, done));
        }
        // The oldest one kept is as old as the rate looks back, so that it covers all of that time.
        while state.seen.get(1).is_some_and(|(seen, _)| now.saturating_sub(*seen) >= LOOKS_BACK) {
            state.seen.pop_front();
        }
        self.tell(state, false);
    }

    fn tell(&self, state: &mut State, now_or_never: bool) {
        if !matches!(self.shape, Shape::Json) || self.quiet.load(Ordering::SeqCst) {
            return;
        }
        let now = self.clock.monotonic();
        let due = state.told.is_none_or(|told| now.saturating_sub(told) >= EVENT_EVERY);
        if due || now_or_never {
            state.told = Some(now);
            self.tell_event(state.event(now));
        }
    }

    fn tell_event(&self, mut event: Value) {
        if let (Some(partner), Some(fields)) = (&self.partner, event.as_object_mut()) {
            fields.insert("partner".to_owned(), json!(partner));
        }
        tell_event(event, &self.run_id, self.clock.as_ref(), &self.terminal);
    }
}

/// Tells machines that a command begins.
pub(crate) fn tell_start(options: &OutputOptions, command: &str, terminal: &Terminal) {
    if options.progress == ProgressForm::Json && !options.quiet {
        let event = json!({ "event": "start", "command": command });
        tell_event(event, &options.run_id, &SystemClock::new(), terminal);
    }
}

/// Tells machines how a command has ended: its exit status, and the code of its failure.
pub(crate) fn tell_end(options: &OutputOptions, failure: Option<&Failure>, terminal: &Terminal) {
    if options.progress == ProgressForm::Json && !options.quiet {
        let exit = failure.map_or(Exit::Done, Failure::exit).code();
        let code = failure.map(|failure| failure.code().shown());
        let event = json!({ "event": "end", "exit": exit, "code": code });
        tell_event(event, &options.run_id, &SystemClock::new(), terminal);
    }
}

fn tell_event(mut event: Value, run_id: &str, clock: &dyn Clock, terminal: &Terminal) {
    if let Some(fields) = event.as_object_mut() {
        let now = i64::try_from(clock.now_unix()).ok();
        let at = now.and_then(|now| jiff::Timestamp::from_second(now).ok());
        fields.insert("at".to_owned(), json!(at.map(|at| at.to_string())));
        fields.insert("run_id".to_owned(), json!(run_id));
    }
    terminal.error(&event.to_string());
}

/// Shows the steps of work on files as stages.
struct OnFiles(Arc<Work>);

impl Watch for OnFiles {
    fn began(&self, step: tabular::Step, total: Option<u64>) {
        self.0.begin(match step {
            tabular::Step::Read => ("read", Unit::Bytes, total),
            tabular::Step::Sort => ("sort", Unit::Rows, total),
            tabular::Step::Commit => ("commit", Unit::Identifiers, total),
        });
    }

    fn done(&self, done: u64) {
        self.0.done(done);
    }
}

impl State {
    /// Rate of late, a second, if anything is done, and seconds that remain at that rate.
    fn figures(&self, now: Duration) -> (Option<u64>, Option<u64>) {
        let since = self.seen.front().map(|(seen, done)| (now.saturating_sub(*seen), *done));
        let rate = since.and_then(|(elapsed, before)| {
            let done = u128::from(self.done.checked_sub(before)?);
            u64::try_from((done * 1_000).checked_div(elapsed.as_millis())?).ok()
        });
        let rate = rate.filter(|rate| *rate > 0);
        let left = self.total.and_then(|total| total.checked_sub(self.done));
        (rate, left.zip(rate).map(|(left, rate)| left.div_ceil(rate)))
    }

    fn line(&self, now: Duration) -> Text {
        if let Some((words, seconds)) = &self.waiting {
            return Text::new(words).with("seconds", Arg::Number(*seconds));
        }
        let (rate, left) = self.figures(now);
        let unit = self.unit;
        let mut parts = vec![
            match self.total {
                Some(total) => {
                    let percent = u128::from(self.done) * 100 / u128::from(total.max(1));
                    // More than was expected is not more than all.
                    let percent = u64::try_from(percent.min(100)).ok().map(Arg::Number);
                    Text::new("progress-of-total")
                        .with("percent", percent.unwrap_or(Arg::Number(100)))
                        .with("total", unit.count(total))
                }
                None if self.done > 0 => Text::new("progress-done"),
                None => Text::new("progress-stage"),
            }
            .with("stage", self.stage)
            .with("done", unit.count(self.done))
            .with("unit", unit.name()),
        ];
        parts.extend(rate.map(|rate| {
            Text::new("progress-rate").with("rate", unit.count(rate)).with("unit", unit.name())
        }));
        let left = left
            .filter(|left| *left > 0)
            .map(|seconds| Text::new("progress-left").with("seconds", Arg::Number(seconds)));
        parts.extend(left);
        Text::new("progress-line").with("parts", Arg::List(parts))
    }

    fn event(&self, now: Duration) -> Value {
        let (rate, remaining_s) = self.figures(now);
        json!({
            "event": "progress",
            "stage": self.stage,
            "done": self.done,
            "total": self.total,
            "unit": self.unit.name(),
            "rate_per_s": rate,
            "remaining_s": remaining_s,
        })
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Progress({})", lock(&self.work.state).stage)
    }
}

/// The bar on standard error, of which a process has one at most; whatever else writes there writes
/// above it.
static ON_TERMINAL: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    *lock(&ON_TERMINAL) = Some(bar.clone());
    bar
}

/// Writes to the terminal with the bar, if there is one, out of the way.
pub(super) fn above_bar<T>(write: impl FnOnce() -> T) -> T {
    let bar = lock(&ON_TERMINAL).clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

const LINE_EVERY: Duration = Duration::from_secs(30);
const EVENT_EVERY: Duration = Duration::from_secs(2);
const BAR_TICK: Duration = Duration::from_millis(200);
/// Time between two counts that are kept for the rate.
const SEEN_EVERY: Duration = Duration::from_millis(500);
/// Time that the rate covers, about.
const LOOKS_BACK: Duration = Duration::from_secs(15);
const BAR: &str = "{wide_bar} {msg}";
const SPINNER: &str = "{spinner} {msg}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::terminal::tests::Kept;
    use session::Stage;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Clone, Default)]
    struct Hand(Arc<AtomicU64>);

    impl Hand {
        fn at(&self, milliseconds: u64) {
            self.0.store(milliseconds, Ordering::Relaxed);
        }
    }

    impl Clock for Hand {
        fn now_unix(&self) -> u64 {
            1_796_018_400
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    fn progress(shape: Shape) -> (Progress, Kept, Hand) {
        let (kept, hand) = (Kept::default(), Hand::default());
        let terminal = Terminal::to(io::sink(), kept.clone());
        let of = ("nightly-1", Some("shop".to_owned()));
        let work = Work::new(shape, of, terminal, Box::new(hand.clone()));
        (Progress::of(work, LINE_EVERY), kept, hand)
    }

    fn events(kept: &Kept) -> Vec<Value> {
        kept.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn spent(tasks: &[(&'static str, u64)]) -> BTreeMap<&'static str, Spent> {
        let spent = |elements| Spent { elements, ..Spent::default() };
        tasks.iter().map(|(name, elements)| (*name, spent(*elements))).collect()
    }

    #[test]
    fn no_line_is_written_before_its_time() {
        let (progress, kept, hand) = progress(Shape::Lines);
        progress.stage_of("read", Unit::Bytes, Some(4_000_000));
        progress.work.write_line();
        hand.at(2_000);
        progress.done(2_000_000);
        progress.work.write_line();
        progress.stage("connect");
        progress.session(&[1; 32], 65_536, 7);
        progress.waiting("V0425", 5);
        progress.work.write_line();
        progress.entered(Stage::Slot);
        progress.waiting_for_slot(4);
        progress.work.write_line();
        progress.entered(Stage::Handles);
        progress.sent(StreamId::ControlAdvertiser, 0);
        progress.sent(StreamId::Handles, 4_711);
        progress.received(StreamId::Ids, 4_712);
        progress.work.write_line();
        progress.sent(StreamId::Blind, 32_768);
        progress.work.write_line();
        progress.finish();
        assert_eq!(
            kept.text(),
            "shop: read 0 %  0 bytes of 4.0 MB\n\
             shop: read 50 %  2.0 MB of 4.0 MB, 1.0 MB/s, 2 s left\n\
             shop: waiting 5 s, as the peer asks\n\
             shop: all is counted; waiting 4 s more, so that the time tells the peer nothing\n\
             shop: handles\n\
             shop: send rows 50 %  32,768 of 65,536 elements\n",
            "each of them because the test asked for it"
        );
        assert_eq!((LINE_EVERY, EVENT_EVERY), (Duration::from_secs(30), Duration::from_secs(2)));
    }

    #[test]
    fn lines_come_by_themselves_also_where_a_stage_stands_still_and_end_with_it() {
        let (kept, hand) = (Kept::default(), Hand::default());
        let terminal = Terminal::to(io::sink(), kept.clone());
        let work = Work::new(Shape::Lines, ("", None), terminal, Box::new(hand));
        let progress = Progress::of(work, Duration::from_millis(5));
        let lines = || kept.text().lines().count();
        let wait_for = |more: usize| {
            let (from, begun) = (lines(), std::time::Instant::now());
            while lines() < from + more {
                assert!(begun.elapsed() < Duration::from_secs(60), "{}", kept.text());
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        progress.stage("connect");
        wait_for(2);
        // Nothing is written below a question.
        progress.aside(|| {
            let before = lines();
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(lines(), before);
        });
        wait_for(1);
        // Nor below a failure, which takes the progress with it.
        drop(progress);
        let before = lines();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(lines(), before);
        assert!(kept.text().lines().all(|line| line == "connect"));
    }

    #[test]
    fn stages_and_waits_do_not_write_lines_of_their_own() {
        let (progress, kept, hand) = progress(Shape::Lines);
        progress.stage_of("prepare", Unit::Rows, Some(10));
        for step in 1..=10 {
            hand.at(step * 10_000);
            progress.done(step);
        }
        progress.stage("connect");
        progress.waiting("V0425", 5);
        progress.finish();
        assert_eq!(kept.text(), "");
    }

    #[test]
    fn nothing_is_told_below_a_question_to_machines_either() {
        let (progress, kept, hand) = progress(Shape::Json);
        progress.stage_of("table", Unit::Identifiers, Some(10));
        progress.aside(|| {
            hand.at(60_000);
            progress.done(4);
        });
        assert_eq!(events(&kept).len(), 1);
        hand.at(120_000);
        progress.done(5);
        progress.finish();
        progress.done(9);
        let done: Vec<Value> = events(&kept).iter().map(|event| event["done"].clone()).collect();
        assert_eq!(done, [json!(0), json!(5), json!(5)]);
    }

    #[test]
    fn event_of_a_session_of_several_names_its_partner() {
        let (progress, kept, _) = progress(Shape::Json);
        progress.session(&[1; 32], 20, 7);
        progress.sent(StreamId::Eval, 10);
        progress.waiting("V0425", 5);
        assert!(events(&kept).iter().all(|event| event["partner"] == "shop"));
        let names: Vec<Value> = events(&kept).iter().map(|event| event["event"].clone()).collect();
        assert_eq!(names, ["session", "progress", "waiting"]);
    }

    #[test]
    fn events_are_one_object_a_line() {
        let (progress, kept, hand) = progress(Shape::Json);
        progress.stage_of("prepare", Unit::Rows, Some(10));
        hand.at(2_000);
        progress.done(4);
        progress.session(&[0xAB; 32], 7, 7);
        let events = events(&kept);
        assert_eq!((&events[0]["total"], &events[0]["unit"]), (&json!(10), &json!("rows")));
        assert_eq!(events[1]["rate_per_s"], 2);
        assert_eq!(events[1]["remaining_s"], 3);
        assert_eq!(events[2]["session"], "ab".repeat(32));
        for event in events {
            assert_eq!(event["at"], "2026-11-30T06:00:00Z");
            assert_eq!(event["run_id"], "nightly-1");
        }
    }

    #[test]
    fn a_command_tells_its_beginning_and_its_end() {
        let kept = Kept::default();
        let terminal = Terminal::to(io::sink(), kept.clone());
        let (progress, run_id) = (ProgressForm::Json, "nightly-1".to_owned());
        let options = OutputOptions { progress, run_id, ..OutputOptions::default() };
        let failure = Failure::new(report::Code::Silent, Text::new("code-silent"));
        tell_start(&options, "run", &terminal);
        tell_end(&options, Some(&failure), &terminal);
        tell_end(&options, None, &terminal);
        tell_end(&OutputOptions { quiet: true, ..options }, None, &terminal);
        tell_end(&OutputOptions::default(), None, &terminal);
        let [start, failed, done] = events(&kept).try_into().unwrap();
        assert_eq!((&start["event"], &start["command"]), (&json!("start"), &json!("run")));
        assert_eq!((&failed["exit"], &failed["code"]), (&json!(75), &json!("V0416")));
        assert_eq!((&done["exit"], &done["code"]), (&json!(0), &Value::Null));
        assert!([start, failed, done].iter().all(|event| event["run_id"] == "nightly-1"));
    }

    #[test]
    fn the_rate_is_that_of_late_and_there_is_none_while_nothing_moves() {
        let (progress, _, hand) = progress(Shape::Off);
        progress.stage_of("read", Unit::Bytes, Some(100_000));
        let figures = || lock(&progress.work.state).figures(progress.work.clock.monotonic());
        assert_eq!(figures(), (None, None));
        // A minute of waiting, then a thousand a second.
        for second in 60..=80 {
            hand.at(second * 1_000);
            progress.done((second - 60) * 1_000);
        }
        assert_eq!(figures(), (Some(1_000), Some(80)));
        // One that stands still becomes slower and slower.
        hand.at(200_000);
        let (rate, _) = figures();
        assert!(rate.is_some_and(|rate| rate < 200), "{rate:?}");
    }

    #[test]
    fn the_last_step_of_aligned_order_says_how_far_the_session_is() {
        let (progress, kept, _) = progress(Shape::Json);
        progress.session(&[1; 32], 8, 4);
        progress.received(StreamId::Table, 4);
        progress.entered(Stage::Match);
        for finalized in [2, 4] {
            progress.worked(&spent(&[("blind", finalized + 2), ("canaries", 1)]));
            progress.sent(StreamId::Blind, 2);
            progress.received(StreamId::Eval, 2);
            progress.worked(&spent(&[("blind", finalized + 2), ("finalize", finalized)]));
        }
        progress.finish();
        let events = events(&kept);
        let stages: Vec<&str> = events.iter().filter_map(|event| event["stage"].as_str()).collect();
        let first = ["receive table", "blind", "send rows", "receive answers", "finalize"];
        assert_eq!(stages[..5], first);
        let (table, last) = (&events[1], &events[events.len() - 1]);
        assert_eq!((&table["total"], &table["unit"]), (&json!(4), &json!("tags")));
        assert_eq!((&last["stage"], &last["done"]), (&json!("finalize"), &json!(4)));
        assert_eq!((&last["total"], &last["unit"]), (&json!(8), &json!("elements")));
    }

    #[test]
    fn stages_that_wait_show_by_name_and_a_session_anew_counts_anew() {
        let (progress, kept, _) = progress(Shape::Json);
        for _ in 0..2 {
            progress.entered(Stage::Hello);
            progress.session(&[1; 32], 8, 4);
            progress.entered(Stage::Blind);
            progress.worked(&spent(&[("blind", 8)]));
            progress.sent(StreamId::Blind, 4);
            progress.entered(Stage::Answers);
            progress.sent(StreamId::Blind, 4);
            progress.received(StreamId::Eval, 8);
            progress.entered(Stage::LookUp);
        }
        let events = events(&kept);
        let stages: Vec<&str> = events.iter().filter_map(|event| event["stage"].as_str()).collect();
        let once = ["hello", "blind", "send rows", "answers", "receive answers", "look-up"];
        assert_eq!(stages, [once, once].concat());
        assert!(events.iter().all(|event| event["done"].as_u64().is_none_or(|done| done <= 8)));
    }

    #[test]
    fn nothing_is_shown_when_nothing_was_asked_for() {
        let (progress, kept, _) = progress(Shape::Off);
        progress.stage_of("prepare", Unit::Rows, Some(10));
        progress.done(4);
        progress.waiting("V0425", 3);
        progress.finish();
        assert_eq!(kept.text(), "");
        Progress::silent().stage("quiet");
    }
}
