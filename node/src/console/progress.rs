//! Progress of a run on standard error: a bar, lines, or events for machines.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use protocol::codec::StreamId;
use report::{Arg, Text};
use serde_json::json;

use super::{OutputOptions, ProgressForm, Terminal, lock};
use store::os::{Clock, SystemClock};

/// Work of a run, shown on standard error (F8).
///
/// Each stage has a name, what is done of it, its rate, and the time that remains where the total
/// is known. Counts are of frames and elements, never of matches.
pub struct Progress {
    work: Arc<Work>,
    /// Writes the lines, until it is dropped.
    lines: Mutex<Option<Sender<()>>>,
}

/// Form in which progress is shown.
struct Work {
    shape: Shape,
    /// Partner of the session, where a node serves several at once.
    partner: Option<String>,
    terminal: Terminal,
    clock: Box<dyn Clock>,
    state: Mutex<State>,
    /// True if no line may be written: a person is asked something, or all is done.
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
    /// Time of the last event written; none for the stage as long as it is `None`.
    told: Option<Duration>,
}

impl Progress {
    /// Progress in the form that was asked for.
    #[must_use]
    pub fn new(options: &OutputOptions, terminal: &Terminal) -> Self {
        let shape = match options.progress {
            _ if options.quiet => Shape::Off,
            ProgressForm::Auto if io::stderr().is_terminal() => {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                bar.enable_steady_tick(BAR_TICK);
                Shape::Bar(bar)
            }
            ProgressForm::Auto | ProgressForm::Lines => Shape::Lines,
            ProgressForm::Json => Shape::Json,
            ProgressForm::Off => Shape::Off,
        };
        Self::of(Work::new(shape, None, terminal.clone(), Box::new(SystemClock::new())), LINE_EVERY)
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
        Self::of(Work::new(shape, partner, terminal.clone(), clock), LINE_EVERY)
    }

    /// Progress that nobody sees.
    #[cfg(any(test, feature = "testing"))]
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
            let sid = store::hex(sid);
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
            Shape::Bar(bar) => {
                bar.set_message(waiting(seconds).render(self.work.terminal.reader()))
            }
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
            Some(seconds) => waiting(seconds),
            None => Figures::of(&state, self.clock.monotonic()).line(&state),
        };
        self.terminal.tell(&match &self.partner {
            Some(partner) => Text::new("progress-of").with("partner", partner).with("line", line),
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

    fn line(&self, state: &State) -> Text {
        let stage = state.stage;
        let mut parts = vec![
            match state.total {
                Some(total) => {
                    let percent = u128::from(state.done) * 100 / u128::from(total.max(1));
                    Text::new("progress-of-total")
                        .with("percent", Arg::Number(u64::try_from(percent).unwrap_or(100)))
                        .with("done", state.done)
                        .with("total", total)
                }
                None if state.done > 0 => Text::new("progress-done").with("done", state.done),
                None => Text::new("progress-stage"),
            }
            .with("stage", stage),
        ];
        parts.extend(self.rate.map(|rate| Text::new("progress-rate").with("rate", rate)));
        let left = |seconds| Text::new("progress-left").with("seconds", Arg::Number(seconds));
        parts.extend(self.remaining_s.map(left));
        Text::new("progress-line").with("parts", Arg::List(parts))
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

fn waiting(seconds: u64) -> Text {
    Text::new("progress-waiting").with("seconds", Arg::Number(seconds))
}

const LINE_EVERY: Duration = Duration::from_secs(30);
const EVENT_EVERY: Duration = Duration::from_secs(2);
const BAR_TICK: Duration = Duration::from_millis(200);
const BAR: &str = "{prefix} {wide_bar} {percent} % {human_pos}/{human_len} {per_sec} {eta} {msg}";
const SPINNER: &str = "{prefix} {spinner} {human_pos} {per_sec} {msg}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::terminal::tests::Kept;
    use std::sync::atomic::{AtomicU64, Ordering};

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
}
