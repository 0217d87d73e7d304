//! A page of text: lines with labels in a column, in the language of its reader.

use report::{Arg, Reader, Text};
use verify::Finding;

/// Page under construction.
pub(crate) struct Page<'a> {
    reader: &'a Reader,
    text: String,
}

impl<'a> Page<'a> {
    pub(crate) const fn new(reader: &'a Reader) -> Self {
        Self { reader, text: String::new() }
    }

    /// The words of a message.
    pub(crate) fn words(&self, text: &Text) -> String {
        text.render(self.reader)
    }

    /// Adds a line after an indentation.
    pub(crate) fn line(&mut self, indent: usize, line: &str) {
        self.text.extend(std::iter::repeat_n(' ', indent));
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Adds a message as a line after an indentation.
    pub(crate) fn say(&mut self, indent: usize, text: &Text) {
        let words = self.words(text);
        self.line(indent, &words);
    }

    /// The lines so far; the page goes on without them.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The page as it is printed.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Messages in a row, with commas between them.
pub(crate) fn list(items: Vec<Text>) -> Text {
    Text::new("audit-list").with("items", Arg::List(items))
}

/// Messages in a row, with semicolons between them; `None` of no message.
pub(crate) fn chain(items: impl IntoIterator<Item = Text>) -> Option<Text> {
    items
        .into_iter()
        .reduce(|all, next| Text::new("audit-and").with("first", all).with("second", next))
}

/// The words of a finding.
pub(crate) fn told(finding: &Finding) -> Text {
    let args = finding.args.iter();
    args.fold(Text::new(finding.id), |text, (name, arg)| match arg {
        verify::Arg::Number(number) => text.with(name, Arg::Number(*number)),
        verify::Arg::Name(word) => text.with(name, *word),
        verify::Arg::Wire(code) => text.with(name, report::Code::of(*code).meaning()),
    })
}
