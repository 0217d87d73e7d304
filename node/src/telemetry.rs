//! What the programs print: results, errors, progress, and the log.
//!
//! Text for people goes through one [`Terminal`] that survives a closed pipe; the standard print
//! macros end a process that cannot write, so nothing here or above uses them. The log goes to
//! standard error through `tracing`, and a lost line never stops a run. Neither holds a value of
//! anybody's data.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use protocol::codec::StreamId;
use report::{Line, Reader, Text};
use serde_json::json;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::failure::{Failure, Inline as _};
use crate::world::{Clock, SystemClock};

/// Options of both programs on what they print.
#[derive(Debug, Clone, clap::Args)]
pub struct OutputOptions {
    /// Level of the log.
    #[arg(long, global = true, value_enum, default_value = "warn", value_name = "LEVEL")]
    pub log: LogLevel,
    /// True for a log of JSON objects.
    #[arg(long, global = true)]
    pub log_json: bool,
    /// Form of progress on standard error.
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "FORM")]
    pub progress: ProgressForm,
}

/// How much the log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What needs attention.
    Warn,
    /// One line for each session.
    Info,
    /// Steps of a session.
    Debug,
    /// Everything, libraries included.
    Trace,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressForm {
    /// A bar on a terminal, lines elsewhere.
    Auto,
    /// A line every 30 seconds, the first one after 30.
    Lines,
    /// One JSON object a line.
    Json,
    /// Nothing.
    Off,
}

/// Starts the log on standard error; a second call in one process changes nothing.
pub fn start_log(options: &OutputOptions) {
    let level = match options.log {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let libraries = if level == LevelFilter::TRACE { level } else { level.min(LevelFilter::WARN) };
    let targets =
        Targets::new().with_default(libraries).with_targets(OURS.map(|name| (name, level)));
    // Without this the library reports a failed write with a macro that panics.
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(targets);
    let _ = if options.log_json {
        registry.with(layer.json()).try_init()
    } else {
        registry.with(layer).try_init()
    };
}

/// Standard output and standard error, for text that people read.
///
/// A pipe that is closed ends the text and not the program; clones write to the same place.
#[derive(Clone)]
pub struct Terminal(Arc<Streams>);

struct Streams {
    reader: Reader,
    text_aside: AtomicBool,
    out: Mutex<Sink>,
    error: Mutex<Sink>,
}

struct Sink {
    to: Box<dyn Write + Send>,
    failed: Option<io::ErrorKind>,
}

impl Terminal {
    /// The streams of the process, for an English reader.
    #[must_use]
    pub fn new() -> Self {
        Self::for_reader(Reader::LOG)
    }

    /// The streams of the process.
    #[must_use]
    pub fn for_reader(reader: Reader) -> Self {
        Self::on(reader, io::stdout(), io::stderr())
    }

    /// Streams of the caller's choice, for an English reader.
    #[must_use]
    pub fn to(out: impl Write + Send + 'static, error: impl Write + Send + 'static) -> Self {
        Self::on(Reader::LOG, out, error)
    }

    fn on(
        reader: Reader,
        out: impl Write + Send + 'static,
        error: impl Write + Send + 'static,
    ) -> Self {
        let sink = |to: Box<dyn Write + Send>| Mutex::new(Sink { to, failed: None });
        Self(Arc::new(Streams {
            reader,
            text_aside: AtomicBool::new(false),
            out: sink(Box::new(out)),
            error: sink(Box::new(error)),
        }))
    }

    /// The reader of the texts.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.0.reader
    }

    /// Writes a message of the result to standard output.
    pub fn say(&self, text: &Text) {
        self.line(&text.render(&self.0.reader));
    }

    /// Writes the lines of the result to standard output.
    pub fn list(&self, lines: impl IntoIterator<Item = Line>) {
        for line in lines {
            self.line(&line.render(&self.0.reader));
        }
    }

    /// Writes a message about the work to standard error.
    pub fn tell(&self, text: &Text) {
        self.error(&text.render(&self.0.reader));
    }

    /// Writes the three lines of a failure to standard error.
    pub fn failure(&self, failure: &Failure) {
        self.error(&failure.lines(&self.0.reader));
    }

    /// Writes a line of the result to standard output.
    pub fn line(&self, text: &str) {
        match self.0.text_aside.load(Ordering::Relaxed) {
            true => self.error(text),
            false => lock(&self.0.out).line(text),
        }
    }

    /// Leaves standard output to an output that claimed it: text goes to standard error from now
    /// on.
    pub fn put_text_aside(&self) {
        self.0.text_aside.store(true, Ordering::Relaxed);
    }

    /// Writes a line about the work to standard error.
    pub fn error(&self, text: &str) {
        lock(&self.0.error).line(text);
    }

    /// Whether standard output takes nothing more: what only writes to it may stop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.0.out).failed.is_some()
    }

    /// Fails if standard output did not take everything, unless its reader had enough; for
    /// commands whose result is this text, and not a file.
    ///
    /// # Errors
    ///
    /// [`Failure::Output`].
    pub fn written(&self) -> Result<(), Failure> {
        let failed = lock(&self.0.out).failed.filter(|kind| *kind != io::ErrorKind::BrokenPipe);
        failed.map_or(Ok(()), |kind| {
            let what = format!("cannot write to standard output: {kind}");
            Err(Failure::output(&what, "look at what reads it"))
        })
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terminal(..)")
    }
}

impl Sink {
    fn line(&mut self, text: &str) {
        if self.failed.is_some() {
            return;
        }
        // One write a line, so that lines of several threads do not mix.
        let line = format!("{text}\n");
        if let Err(error) = self.to.write_all(line.as_bytes()).and_then(|()| self.to.flush()) {
            self.failed = Some(error.kind());
        }
    }
}

/// What a run is doing, shown on standard error (F8).
///
/// Each stage has a name, what is done of it, its rate, and the time that remains where the total
/// is known. Counts are of frames and elements, never of matches.
pub struct Progress {
    work: Arc<Work>,
    /// Writes the lines, until it is dropped.
    lines: Mutex<Option<Sender<()>>>,
}

/// What is shown, and how.
struct Work {
    shape: Shape,
    /// Whose session it is, where a node serves several at once.
    partner: Option<String>,
    terminal: Terminal,
    clock: Box<dyn Clock>,
    state: Mutex<State>,
    /// Whether no line may be written: a person is asked something, or all is done.
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
    done: u64,
    total: Option<u64>,
    /// Seconds that the peer asks to wait, while we do.
    waiting: Option<u64>,
    /// Elements of the session, once its terms are signed.
    session: Option<u64>,
    started: Duration,
    /// When an event was last written; never for the stage as long as it is `None`.
    told: Option<Duration>,
}

impl Progress {
    /// Progress in the form that was asked for.
    #[must_use]
    pub fn new(options: &OutputOptions) -> Self {
        let shape = match options.progress {
            ProgressForm::Auto if io::stderr().is_terminal() => {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                bar.enable_steady_tick(BAR_TICK);
                Shape::Bar(bar)
            }
            ProgressForm::Auto | ProgressForm::Lines => Shape::Lines,
            ProgressForm::Json => Shape::Json,
            ProgressForm::Off => Shape::Off,
        };
        Self::of(Work::new(shape, None, Terminal::new(), Box::new(SystemClock::new())), LINE_EVERY)
    }

    /// Progress of one session of several, each line with the partner's name.
    ///
    /// There is no bar for several sessions at once; by default lines are written to a terminal
    /// and to nothing else.
    #[must_use]
    pub fn of_session(options: &OutputOptions, partner: &str) -> Self {
        let shape = match options.progress {
            ProgressForm::Auto if io::stderr().is_terminal() => Shape::Lines,
            ProgressForm::Lines => Shape::Lines,
            ProgressForm::Json => Shape::Json,
            ProgressForm::Auto | ProgressForm::Off => Shape::Off,
        };
        let (partner, clock) = (Some(partner.to_owned()), Box::new(SystemClock::new()));
        Self::of(Work::new(shape, partner, Terminal::new(), clock), LINE_EVERY)
    }

    /// Progress that nobody sees.
    #[must_use]
    pub fn silent() -> Self {
        let terminal = Terminal::to(io::sink(), io::sink());
        let work = Work::new(Shape::Off, None, terminal, Box::new(SystemClock::new()));
        Self::of(work, LINE_EVERY)
    }

    /// Begins a stage whose size is not known.
    pub fn stage(&self, name: &'static str) {
        self.begin(name, None);
    }

    /// Begins a stage of `total` steps.
    pub fn stage_of(&self, name: &'static str, total: u64) {
        self.begin(name, Some(total));
    }

    /// Tells that `done` steps of the stage are done in all.
    pub fn done(&self, done: u64) {
        let mut state = lock(&self.work.state);
        state.done = done;
        self.work.tell(&mut state, false);
    }

    /// Tells the size of the session, once its terms are signed.
    pub fn session(&self, sid: &[u8; 32], elements: u64) {
        lock(&self.work.state).session = Some(elements);
        if let Shape::Json = self.work.shape {
            let sid = sid.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
            let event = json!({ "event": "session", "session": sid, "elements": elements });
            self.work.tell_event(event);
        }
    }

    /// Tells that a frame of this many elements was sent; of handles only that they were, since
    /// their number is the exact count of matched rows, which the terms may not let be shown.
    pub fn sent(&self, stream: StreamId, elements: u32) {
        let name = match stream {
            StreamId::ControlAdvertiser | StreamId::ControlProvider => return,
            StreamId::Table => "send table",
            StreamId::Blind => "blind",
            StreamId::Eval => "evaluate",
            StreamId::Handles => "send handles",
            StreamId::Ids => "send digital IDs",
        };
        let mut state = lock(&self.work.state);
        if state.stage != name {
            let total = match stream {
                StreamId::Blind | StreamId::Eval => state.session,
                _ => None,
            };
            self.work.restart(&mut state, name, total);
        }
        if stream != StreamId::Handles {
            state.done = state.done.saturating_add(elements.into());
            self.work.tell(&mut state, false);
        }
    }

    /// Tells that the run waits for the peer this many seconds, then goes on by itself.
    pub fn waiting(&self, seconds: u64) {
        match &self.work.shape {
            Shape::Bar(bar) => bar.set_message(format!("waiting {seconds} s, as the peer asks")),
            Shape::Lines => lock(&self.work.state).waiting = Some(seconds),
            Shape::Json => self.work.tell_event(json!({ "event": "waiting", "seconds": seconds })),
            Shape::Off => {}
        }
    }

    /// Writes nothing while a person is asked something.
    pub fn aside<T>(&self, ask: impl FnOnce() -> T) -> T {
        if let Shape::Bar(bar) = &self.work.shape {
            return bar.suspend(ask);
        }
        // Whoever writes a line looks again once it has the state.
        let state = lock(&self.work.state);
        self.work.quiet.store(true, Ordering::SeqCst);
        drop(state);
        let answer = ask();
        self.work.quiet.store(false, Ordering::SeqCst);
        answer
    }

    /// Ends the last stage and takes the bar away.
    pub fn finish(&self) {
        drop(lock(&self.lines).take());
        let mut state = lock(&self.work.state);
        match &self.work.shape {
            Shape::Bar(bar) => bar.finish_and_clear(),
            Shape::Json if state.total.is_some() || state.done > 0 => {
                self.work.tell(&mut state, true);
            }
            Shape::Lines => self.work.quiet.store(true, Ordering::SeqCst),
            Shape::Json | Shape::Off => {}
        }
    }

    /// Progress that writes its lines after so much time each.
    fn of(work: Work, every: Duration) -> Self {
        let work = Arc::new(work);
        let lines = match work.shape {
            Shape::Lines => Work::start_lines(&work, every),
            _ => None,
        };
        Self { work, lines: Mutex::new(lines) }
    }

    fn begin(&self, name: &'static str, total: Option<u64>) {
        let mut state = lock(&self.work.state);
        self.work.restart(&mut state, name, total);
        self.work.tell(&mut state, true);
    }
}

impl Work {
    fn new(
        shape: Shape,
        partner: Option<String>,
        terminal: Terminal,
        clock: Box<dyn Clock>,
    ) -> Self {
        let (state, quiet) = (Mutex::new(State::default()), AtomicBool::new(false));
        Self { shape, partner, terminal, clock, state, quiet }
    }

    /// Writes a line each time so much has passed, also where a stage does not get on, until what
    /// comes back is dropped; none if the system has no thread for it.
    fn start_lines(work: &Arc<Self>, every: Duration) -> Option<Sender<()>> {
        let (alive, ended) = mpsc::channel();
        let work = Arc::clone(work);
        let lines = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                work.write_line();
            }
        };
        std::thread::Builder::new().name("progress".to_owned()).spawn(lines).ok().map(|_| alive)
    }

    fn write_line(&self) {
        let state = lock(&self.state);
        if state.stage.is_empty() || self.quiet.load(Ordering::SeqCst) {
            return;
        }
        let line = match state.waiting {
            Some(seconds) => format!("waiting {seconds} s, as the peer asks"),
            None => Figures::of(&state, self.clock.monotonic()).line(&state),
        };
        self.terminal.error(&match &self.partner {
            Some(partner) => format!("{partner}: {line}"),
            None => line,
        });
    }

    fn restart(&self, state: &mut State, name: &'static str, total: Option<u64>) {
        let (session, started) = (state.session, self.clock.monotonic());
        *state = State { stage: name, total, session, started, ..State::default() };
        if let Shape::Bar(bar) = &self.shape {
            bar.reset();
            let template = if total.is_some() { BAR } else { SPINNER };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_prefix(name);
            bar.set_message("");
            match total {
                Some(total) => bar.set_length(total),
                None => bar.unset_length(),
            }
        }
    }

    fn tell(&self, state: &mut State, now_or_never: bool) {
        if let Shape::Bar(bar) = &self.shape {
            bar.set_position(state.done);
            return;
        }
        let Shape::Json = self.shape else { return };
        let now = self.clock.monotonic();
        let due = state.told.is_none_or(|told| now.saturating_sub(told) >= EVENT_EVERY);
        if due || now_or_never {
            state.told = Some(now);
            self.tell_event(Figures::of(state, now).event(state));
        }
    }

    fn tell_event(&self, mut event: serde_json::Value) {
        if let (Some(partner), Some(fields)) = (&self.partner, event.as_object_mut()) {
            fields.insert("partner".to_owned(), json!(partner));
        }
        self.terminal.error(&event.to_string());
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Progress({})", lock(&self.work.state).stage)
    }
}

/// Rate and remaining time of a stage so far.
struct Figures {
    rate: Option<u64>,
    remaining_s: Option<u64>,
}

impl Figures {
    fn of(state: &State, now: Duration) -> Self {
        let elapsed = now.saturating_sub(state.started).as_millis();
        let rate = (u128::from(state.done) * 1_000)
            .checked_div(elapsed)
            .and_then(|rate| u64::try_from(rate).ok())
            .filter(|rate| *rate > 0);
        let left = state.total.map(|total| total.saturating_sub(state.done));
        let remaining_s = left.zip(rate).map(|(left, rate)| left.div_ceil(rate));
        Self { rate, remaining_s }
    }

    fn line(&self, state: &State) -> String {
        let mut line = state.stage.to_owned();
        match state.total {
            Some(total) => {
                let percent = u128::from(state.done) * 100 / u128::from(total.max(1));
                let _ =
                    write!(line, ": {percent} % ({} of {})", grouped(state.done), grouped(total));
            }
            None if state.done > 0 => {
                let _ = write!(line, ": {}", grouped(state.done));
            }
            None => {}
        }
        if let Some(rate) = self.rate {
            let _ = write!(line, ", {}/s", grouped(rate));
        }
        if let Some(seconds) = self.remaining_s {
            let _ = write!(line, ", {seconds} s left");
        }
        line
    }

    fn event(&self, state: &State) -> serde_json::Value {
        json!({
            "event": "progress",
            "stage": state.stage,
            "done": state.done,
            "total": state.total,
            "rate_per_s": self.rate,
            "remaining_s": self.remaining_s,
        })
    }
}

/// A number with commas, as reports write them.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Targets of the log that are ours.
const OURS: [&str; 6] =
    ["veilmatch", "node", "protocol", "ristretto_batch", "advertiser_node", "provider_node"];
const LINE_EVERY: Duration = Duration::from_secs(30);
const EVENT_EVERY: Duration = Duration::from_secs(2);
const BAR_TICK: Duration = Duration::from_millis(200);
const BAR: &str = "{prefix} {wide_bar} {percent} % {human_pos}/{human_len} {per_sec} {eta} {msg}";
const SPINNER: &str = "{prefix} {spinner} {human_pos} {per_sec} {msg}";

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(lock(&self.0).clone()).expect("UTF-8")
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[derive(Clone, Default)]
    struct Hand(Arc<AtomicU64>);

    impl Clock for Hand {
        fn now_unix(&self) -> u64 {
            0
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    fn progress(shape: Shape) -> (Progress, Kept, Hand) {
        let (kept, hand) = (Kept::default(), Hand::default());
        let terminal = Terminal::to(io::sink(), kept.clone());
        let work = Work::new(shape, Some("shop".to_owned()), terminal, Box::new(hand.clone()));
        (Progress::of(work, LINE_EVERY), kept, hand)
    }

    #[test]
    fn a_closed_pipe_ends_the_text_and_nothing_else() {
        // R5, F8
        let closed = Terminal::to(Broken(io::ErrorKind::BrokenPipe), io::sink());
        closed.line("one");
        closed.line("two");
        assert!(closed.written().is_ok());
        assert!(closed.is_closed());
        let full = Terminal::to(Broken(io::ErrorKind::StorageFull), Kept::default());
        full.line("one");
        assert_eq!(full.written().unwrap_err().exit().code(), 73);
    }

    #[test]
    fn results_and_remarks_have_their_own_stream() {
        let (out, error) = (Kept::default(), Kept::default());
        let terminal = Terminal::to(out.clone(), error.clone());
        terminal.line("result");
        terminal.clone().error("remark");
        assert_eq!((out.text().as_str(), error.text().as_str()), ("result\n", "remark\n"));
    }

    #[test]
    fn no_line_is_written_before_its_time() {
        let (progress, kept, hand) = progress(Shape::Lines);
        progress.stage_of("prepare", 4_000);
        progress.work.write_line();
        hand.0.store(2_000, Ordering::Relaxed);
        progress.done(2_000);
        progress.work.write_line();
        progress.stage("connect");
        progress.session(&[1; 32], 65_536);
        progress.waiting(5);
        progress.work.write_line();
        progress.sent(StreamId::ControlAdvertiser, 0);
        progress.sent(StreamId::Handles, 4_711);
        progress.work.write_line();
        progress.sent(StreamId::Blind, 32_768);
        progress.work.write_line();
        progress.finish();
        assert_eq!(
            kept.text(),
            "shop: prepare: 0 % (0 of 4,000)\n\
             shop: prepare: 50 % (2,000 of 4,000), 1,000/s, 2 s left\n\
             shop: waiting 5 s, as the peer asks\n\
             shop: send handles\n\
             shop: blind: 50 % (32,768 of 65,536)\n",
            "each of them because the test asked for it"
        );
        assert_eq!((LINE_EVERY, EVENT_EVERY), (Duration::from_secs(30), Duration::from_secs(2)));
    }

    #[test]
    fn lines_come_by_themselves_also_where_a_stage_stands_still_and_end_with_it() {
        let (kept, hand) = (Kept::default(), Hand::default());
        let terminal = Terminal::to(io::sink(), kept.clone());
        let work = Work::new(Shape::Lines, None, terminal, Box::new(hand));
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
        progress.finish();
        let before = lines();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(lines(), before);
        assert!(kept.text().lines().all(|line| line == "connect"));
    }

    #[test]
    fn stages_and_waits_do_not_write_lines_of_their_own() {
        let (progress, kept, hand) = progress(Shape::Lines);
        progress.stage_of("prepare", 10);
        for step in 1..=10 {
            hand.0.store(step * 10_000, Ordering::Relaxed);
            progress.done(step);
        }
        progress.stage("connect");
        progress.waiting(5);
        progress.finish();
        assert_eq!(kept.text(), "");
    }

    #[test]
    fn event_of_a_session_of_several_names_its_partner() {
        let (progress, kept, _) = progress(Shape::Json);
        progress.session(&[1; 32], 20);
        progress.sent(StreamId::Eval, 10);
        progress.waiting(5);
        assert!(kept.text().lines().all(|event| event.contains("\"partner\":\"shop\"")));
        assert_eq!(kept.text().lines().count(), 3, "{}", kept.text());
    }

    #[test]
    fn events_are_one_object_a_line() {
        let (progress, kept, hand) = progress(Shape::Json);
        progress.stage_of("prepare", 10);
        hand.0.store(2_000, Ordering::Relaxed);
        progress.done(4);
        progress.session(&[0xAB; 32], 7);
        let events: Vec<serde_json::Value> =
            kept.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(events[0]["total"], 10);
        assert_eq!(events[1]["rate_per_s"], 2);
        assert_eq!(events[1]["remaining_s"], 3);
        assert_eq!(events[2]["session"], "ab".repeat(32));
    }

    #[test]
    fn nothing_is_shown_when_nothing_was_asked_for() {
        let (progress, kept, _) = progress(Shape::Off);
        progress.stage_of("prepare", 10);
        progress.done(4);
        progress.waiting(3);
        progress.finish();
        assert_eq!(kept.text(), "");
        Progress::silent().stage("quiet");
    }

    #[test]
    fn the_log_can_be_started_twice() {
        let options =
            OutputOptions { log: LogLevel::Error, log_json: true, progress: ProgressForm::Off };
        start_log(&options);
        start_log(&options);
        tracing::error!(target: "veilmatch::test", "a line that may be lost");
    }
}
