//! The log: events on standard error, for operators and collectors.

use std::io::{self, IsTerminal, Write};

use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Format, Full, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::progress::above_bar;
use super::{ColorUse, LogLevel, OutputOptions};

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
        .with_writer(|| AboveBar)
        .with_ansi(options.color.colors(io::stderr().is_terminal()))
        .log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(targets);
    let run_id = options.run_id.clone();
    let _ = if options.log_json {
        let form = OfRun { run_id, inner: Format::default().json() };
        registry.with(layer.fmt_fields(JsonFields::new()).event_format(form)).try_init()
    } else {
        let form = OfRun { run_id, inner: Format::default() };
        registry.with(layer.event_format(form)).try_init()
    };
}

/// Form of events that says first which run they are of.
struct OfRun<F> {
    run_id: String,
    inner: F,
}

impl<S, N> FormatEvent<S, N> for OfRun<Format<Full>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        if !self.run_id.is_empty() {
            write!(to, "run={} ", self.run_id)?;
        }
        self.inner.format_event(context, to, event)
    }
}

impl<S, N> FormatEvent<S, N> for OfRun<Format<Json>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        // An object that has at least a time.
        match line.strip_prefix('{').filter(|_| !self.run_id.is_empty()) {
            Some(rest) => write!(to, "{{\"run_id\":\"{}\",{rest}", self.run_id),
            None => to.write_str(&line),
        }
    }
}

impl ColorUse {
    /// True if a stream is coloured that is a terminal or is none.
    fn colors(self, is_terminal: bool) -> bool {
        let plain = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self {
            Self::Auto => is_terminal && !plain(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Standard error, with a bar that is drawn there out of the way.
struct AboveBar;

impl Write for AboveBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above_bar(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Targets of the log that are ours.
const OURS: [&str; 8] =
    ["veilmatch", "node", "channel", "store", "crm", "graph", "advertiser_node", "provider_node"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_can_be_started_twice() {
        let options =
            OutputOptions { log: LogLevel::Error, log_json: true, ..OutputOptions::default() };
        start_log(&options);
        start_log(&options);
        tracing::error!(target: "veilmatch::test", "a line that may be lost");
    }
}
