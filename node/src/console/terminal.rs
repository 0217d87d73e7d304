//! Standard output and standard error.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use report::{Code, Failure, Line, Reader, Text};

use super::lock;
use super::progress::above_bar;

/// Standard output and standard error, for text that people read.
///
/// A pipe that is closed ends the text and not the program; clones write to the same place.
#[derive(Clone)]
pub struct Terminal(Arc<Streams>);

struct Streams {
    reader: Reader,
    text_aside: AtomicBool,
    quiet: AtomicBool,
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
            quiet: AtomicBool::new(false),
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
        if !self.is_quiet() {
            self.ask(text);
        }
    }

    /// Writes a question, which is put however quiet a program is.
    pub fn ask(&self, text: &Text) {
        self.error(&text.render(&self.0.reader));
    }

    /// Writes the three lines of a failure to standard error.
    pub fn failure(&self, failure: &Failure) {
        self.error(&failure.lines(&self.0.reader));
    }

    /// Writes a line of the result to standard output, unless the program is quiet.
    pub fn line(&self, text: &str) {
        if !self.is_quiet() {
            self.data(text);
        }
    }

    /// Writes a line that a command is run for, and no text about it, to standard output.
    pub fn data(&self, text: &str) {
        match self.0.text_aside.load(Ordering::Relaxed) {
            true => self.error(text),
            false => above_bar(|| lock(&self.0.out).line(text)),
        }
    }

    /// Leaves standard output to an output that claimed it: text goes to standard error from now
    /// on.
    pub fn put_text_aside(&self) {
        self.0.text_aside.store(true, Ordering::Relaxed);
    }

    /// Prints nothing from now on but errors, questions, and what a command is run for.
    pub fn be_quiet(&self) {
        self.0.quiet.store(true, Ordering::Relaxed);
    }

    fn is_quiet(&self) -> bool {
        self.0.quiet.load(Ordering::Relaxed)
    }

    /// Writes a line about the work to standard error.
    pub fn error(&self, text: &str) {
        above_bar(|| lock(&self.0.error).line(text));
    }

    /// True if standard output takes nothing more: what only writes to it may stop.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.0.out).failed.is_some()
    }

    /// Fails if standard output did not take everything, unless its reader had enough; for
    /// commands whose result is this text, and not a file.
    ///
    /// # Errors
    ///
    /// [`report::Code::Output`].
    pub fn written(&self) -> Result<(), Failure> {
        let failed = lock(&self.0.out).failed.filter(|kind| *kind != io::ErrorKind::BrokenPipe);
        failed.map_or(Ok(()), |kind| {
            let text = Text::new("standard-output-failed").with("why", kind.to_string());
            Err(Failure::new(Code::Output, text))
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[derive(Clone, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(crate) fn text(&self) -> String {
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
    fn a_quiet_program_prints_errors_questions_and_data() {
        let (out, error) = (Kept::default(), Kept::default());
        let terminal = Terminal::to(out.clone(), error.clone());
        terminal.be_quiet();
        terminal.line("result");
        terminal.tell(&Text::new("output-standard"));
        assert_eq!((out.text(), error.text()), (String::new(), String::new()));
        terminal.data("data");
        terminal.ask(&Text::new("output-standard"));
        terminal.error("failure");
        assert_eq!(out.text(), "data\n");
        assert_eq!(error.text().lines().count(), 2);
    }

    #[test]
    fn results_and_remarks_have_their_own_stream() {
        let (out, error) = (Kept::default(), Kept::default());
        let terminal = Terminal::to(out.clone(), error.clone());
        terminal.line("result");
        terminal.clone().error("remark");
        assert_eq!((out.text().as_str(), error.text().as_str()), ("result\n", "remark\n"));
    }
}
