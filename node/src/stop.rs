//! Signals, and the wish to stop that they stand for.
//!
//! A command that talks to a peer does not die of a signal: it is told through a [`Stop`], ends the
//! session with a word to the peer, and leaves with the status of the signal. A second signal ends
//! the process at once, as does the first one while nobody else is concerned.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use report::{Code, Exit, Signal, Text};
use tokio::runtime::Runtime;
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::watch;

use crate::console::Terminal;
use crate::failure::Failure;

/// A wish to stop, shared by everything that has to hear of it.
#[derive(Debug, Clone)]
pub struct Stop(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    signal: watch::Sender<Option<Signal>>,
    /// True if somebody ends things in good order, so that the first signal need not end them.
    heeded: AtomicBool,
}

impl Stop {
    /// A wish that nobody has yet.
    #[must_use]
    pub fn new() -> Self {
        let signal = watch::Sender::new(None);
        Self(Arc::new(Shared { signal, heeded: AtomicBool::new(false) }))
    }

    /// Listens to the signals that end a command, on the threads of `runtime`.
    ///
    /// Until [`Self::heed`], and from the second signal on, the process ends at once.
    ///
    /// # Errors
    ///
    /// [`report::Code::Storage`] if the system does not let us listen.
    pub fn on_signals(runtime: &Runtime, terminal: &Terminal) -> Result<Self, Failure> {
        let stop = Self::new();
        let (heard, terminal) = (stop.clone(), terminal.clone());
        let _context = runtime.enter();
        let mut signals = Signals::listen()?;
        runtime.spawn(async move {
            loop {
                let signal = signals.next().await;
                let first = heard.requested().is_none();
                if first && heard.0.heeded.load(Ordering::SeqCst) {
                    heard.request(signal);
                    continue;
                }
                terminal.failure(&crate::failure::Stopped(signal).into());
                std::process::exit(Exit::from(signal).code().into());
            }
        });
        Ok(stop)
    }

    /// Takes the first signal over: whoever calls this looks at [`Self::requested`] from now on.
    pub fn heed(&self) {
        self.0.heeded.store(true, Ordering::SeqCst);
    }

    /// Asks everybody to stop; the first reason stays.
    pub fn request(&self, signal: Signal) {
        self.0.signal.send_if_modified(|asked| {
            let first = asked.is_none();
            if first {
                *asked = Some(signal);
            }
            first
        });
    }

    /// The signal that asked to stop, if one did.
    #[must_use]
    pub fn requested(&self) -> Option<Signal> {
        *self.0.signal.borrow()
    }

    /// Resolves once somebody asks to stop.
    pub async fn wait(&self) -> Signal {
        let mut asked = self.0.signal.subscribe();
        loop {
            if let Some(signal) = *asked.borrow_and_update() {
                return signal;
            }
            // Cannot fail: the sender lives in `self`.
            if asked.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

/// The signals of a process, one after the other.
#[derive(Debug)]
pub struct Signals {
    hangup: Option<unix::Signal>,
    interrupt: Option<unix::Signal>,
    terminate: Option<unix::Signal>,
}

impl Signals {
    /// Starts to listen; has to be called inside a Tokio runtime.
    ///
    /// A signal that was ignored when the program started stays ignored, as `nohup` and the
    /// background jobs of a shell expect.
    ///
    /// # Errors
    ///
    /// [`report::Code::Storage`] if the system does not let us listen.
    pub fn listen() -> Result<Self, Failure> {
        let ignored = ignored_signals();
        let listen = |kind: SignalKind| -> io::Result<Option<unix::Signal>> {
            let bit = u32::try_from(kind.as_raw_value() - 1).ok();
            let is_ignored = bit.is_some_and(|bit| ignored & (1_u64 << bit.min(63)) != 0);
            if is_ignored { Ok(None) } else { unix::signal(kind).map(Some) }
        };
        let all = || -> io::Result<Self> {
            Ok(Self {
                hangup: listen(SignalKind::hangup())?,
                interrupt: listen(SignalKind::interrupt())?,
                terminate: listen(SignalKind::terminate())?,
            })
        };
        all().map_err(|error| {
            Failure::new(Code::Storage, Text::new("signals-unheard").with("why", &error))
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            () = one(&mut self.terminate) => Signal::Terminate,
            () = one(&mut self.interrupt) => Signal::Interrupt,
            () = one(&mut self.hangup) => Signal::Hangup,
        }
    }
}

async fn one(signal: &mut Option<unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The signals that whoever started this process told it to ignore, signal n as bit n - 1; none
/// where the system does not say.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    parse_ignored(&status)
}

fn parse_ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_wish_stays_and_everybody_hears_of_it() {
        let stop = Stop::new();
        assert_eq!(stop.requested(), None);
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.wait().await }
        });
        stop.request(Signal::Interrupt);
        stop.request(Signal::Terminate);
        assert_eq!(waiting.await.unwrap(), Signal::Interrupt);
        assert_eq!(stop.wait().await, Signal::Interrupt, "also whoever asks later");
    }

    #[test]
    fn ignored_signals_are_read_from_what_the_system_says() {
        // D18: SIGHUP under `nohup`, SIGPIPE as every program of ours.
        let status = "Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert_eq!(parse_ignored(status), 0x1001);
        assert_eq!(parse_ignored("Name:\tx\n"), 0);
    }
}
