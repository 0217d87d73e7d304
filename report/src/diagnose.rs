//! Failures: what every room says of its errors, and what a program prints of them.

use std::error::Error;
use std::fmt;

use serde_json::{Value, json};

use crate::code::{Code, Whose};
use crate::exit::Exit;
use crate::lang::Reader;
use crate::text::Text;

/// An error that can be told to people and machines.
///
/// The message of [`Self::text`] is the first line. Its attribute `.note` is the sentence after
/// whose move it is, its attribute `.try` the third line; a message without `.try` takes that of
/// its code.
pub trait Diagnose: Error + Send + Sync + 'static {
    /// The row of the table of codes.
    fn code(&self) -> Code;

    /// The fact, by id.
    fn text(&self) -> Text;

    /// Whose move it is.
    fn whose(&self) -> Whose {
        self.code().whose()
    }

    /// The exit status; another one than the code's only where a situation needs it.
    fn exit(&self) -> Exit {
        self.code().exit()
    }

    /// The sentence after whose move it is, if it is not the attribute of the text.
    fn note(&self) -> Option<Text> {
        None
    }

    /// The advice, if it is not the attribute of the text.
    fn advice(&self) -> Option<Text> {
        None
    }

    /// Seconds after which the same command may be repeated, where that is known.
    fn retry_after_s(&self) -> Option<u64> {
        None
    }

    /// Unix time at which a spent budget renews, where that is known.
    fn renews_at(&self) -> Option<u64> {
        None
    }
}

/// The end of a command that did not do what was asked.
pub struct Failure(Box<dyn Diagnose>);

impl Failure {
    /// A failure of a command itself: a row of the table and a text.
    #[must_use]
    pub fn new(code: Code, text: Text) -> Self {
        Said { code, text }.into()
    }

    /// The error inside, if it is of this type.
    #[must_use]
    pub fn get<E: Diagnose>(&self) -> Option<&E> {
        let error: &(dyn Error + 'static) = &*self.0;
        error.downcast_ref()
    }

    /// The row of the table of codes.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code()
    }

    /// The exit status of the program.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.0.exit()
    }

    /// The fact, without its number.
    pub fn text(&self) -> Text {
        self.0.text()
    }

    /// The advice.
    pub fn advice(&self) -> Text {
        advice(&*self.0)
    }

    /// The error inside.
    #[must_use]
    pub fn diagnosis(&self) -> &dyn Diagnose {
        &*self.0
    }

    /// The three lines a person reads.
    #[must_use]
    pub fn lines(&self, reader: &Reader) -> String {
        lines(&*self.0, reader)
    }

    /// The object `error` that a machine reads; its texts are English.
    #[must_use]
    pub fn json(&self, reader: &Reader) -> Value {
        let (error, reader) = (&*self.0, reader.in_english());
        let text = error.text();
        json!({
            "code": error.code().shown(),
            "exit": error.exit().code(),
            "whose_move": error.whose().name(),
            "id": text.id(),
            "args": text.json(),
            "text": text.render(&reader),
            "try": advice(error).render(&reader),
            "retry_after_s": error.retry_after_s(),
            "renews_at": error.renews_at().map(crate::format::instant),
        })
    }
}

impl<E: Diagnose> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.code().shown(), self.0)
    }
}

/// Number and fact in English, in one line, for the log.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code().shown(), self.0.text())
    }
}

/// A failure that no error type stands for.
#[derive(Debug)]
pub struct Said {
    code: Code,
    text: Text,
}

impl Diagnose for Said {
    fn code(&self) -> Code {
        self.code
    }

    fn text(&self) -> Text {
        self.text.clone()
    }
}

impl Error for Said {}
crate::told_in_english!(Said);

/// Three lines for people: the fact, whose move it is, and what to try.
fn lines(error: &dyn Diagnose, reader: &Reader) -> String {
    let text = error.text();
    let note = error.note().or_else(|| {
        let note = text.clone().attribute("note");
        note.exists(reader.lang).then_some(note)
    });
    let whose = error.whose().text();
    let whose = match note {
        None => whose,
        Some(note) => Text::new("whose-and-note").with("whose", whose).with("note", note),
    };
    let code = error.code().shown();
    let what = Text::new("failure-what").with("code", code).with("what", text);
    let whose = Text::new("failure-whose").with("whose", whose);
    let advice = Text::new("failure-try").with("advice", advice(error));
    let [what, whose, advice] = [what, whose, advice].map(|line| line.render(reader));
    format!("{what}\n  {whose}\n  {advice}")
}

fn advice(error: &dyn Diagnose) -> Text {
    error.advice().unwrap_or_else(|| {
        let own = error.text().attribute("try");
        if own.exists(crate::Lang::En) {
            return own;
        }
        Text::new(error.code().id()).attribute("try").with_all_of(&error.text())
    })
}

/// Implements `Display` of an error as its English text, for logs and for errors inside errors.
#[macro_export]
macro_rules! told_in_english {
    ($($error:ty),+ $(,)?) => { $(
        impl ::std::fmt::Display for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&$crate::Diagnose::text(self), f)
            }
        }
    )+ };
}
