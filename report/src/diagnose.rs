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

    /// Party whose move it is.
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
pub struct Failure {
    error: Box<dyn Diagnose>,
    /// The session that it ended.
    session: Option<[u8; 32]>,
}

impl Failure {
    /// A failure of a command itself: a row of the table and a text.
    #[must_use]
    pub fn new(code: Code, text: Text) -> Self {
        Said { code, text }.into()
    }

    /// The same failure as the end of a session.
    #[must_use]
    pub const fn in_session(mut self, sid: [u8; 32]) -> Self {
        self.session = Some(sid);
        self
    }

    /// The session that it ended, if there was one.
    #[must_use]
    pub const fn session(&self) -> Option<&[u8; 32]> {
        self.session.as_ref()
    }

    /// The error inside, if it is of this type.
    #[must_use]
    pub fn get<E: Diagnose>(&self) -> Option<&E> {
        let error: &(dyn Error + 'static) = &*self.error;
        error.downcast_ref()
    }

    /// The row of the table of codes.
    #[must_use]
    pub fn code(&self) -> Code {
        self.error.code()
    }

    /// The exit status of the program.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.error.exit()
    }

    /// The fact, without its number.
    pub fn text(&self) -> Text {
        self.error.text()
    }

    /// The advice.
    pub fn advice(&self) -> Text {
        advice(&*self.error)
    }

    /// The error inside.
    #[must_use]
    pub fn diagnosis(&self) -> &dyn Diagnose {
        &*self.error
    }

    /// The three lines a person reads.
    #[must_use]
    pub fn lines(&self, reader: &Reader) -> String {
        lines(&*self.error, reader)
    }

    /// The object `error` that a machine reads; its texts are English.
    #[must_use]
    pub fn json(&self, reader: &Reader) -> Value {
        let (error, reader) = (&*self.error, reader.in_english());
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
        Self { error: Box::new(error), session: None }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.code().shown(), self.error)
    }
}

/// Number and fact in English, in one line, for the log.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code().shown(), self.error.text())
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

/// The advice of an error: its own, or that of its code.
pub fn advice(error: &dyn Diagnose) -> Text {
    error.advice().unwrap_or_else(|| {
        let own = error.text().attribute("try");
        if own.exists(crate::Lang::En) {
            return own;
        }
        Text::new(error.code().id()).attribute("try").with_all_of(&error.text())
    })
}

/// Tells an error by its rows: the pattern of a variant, its code, the id of its message and the
/// arguments of that. Variants that are `inner` tell themselves; those `within` keep their message
/// under another code.
#[macro_export]
macro_rules! diagnose {
    (
        $error:ident: inner [$($inner:ident),*] $(, within [$within:ident => $as:ident])?;
        $($variant:pat => $code:ident, $id:literal $({ $($name:ident: $value:expr),+ })?;)*
    ) => {
        impl $crate::Diagnose for $error {
            #[allow(unused_variables, reason = "a code is chosen by the variant alone")]
            fn code(&self) -> $crate::Code {
                match self {
                    $(Self::$inner(error) => $crate::Diagnose::code(error),)*
                    $(Self::$within(_) => $crate::Code::$as,)?
                    $($variant => $crate::Code::$code,)*
                }
            }

            fn text(&self) -> $crate::Text {
                match self {
                    $(Self::$inner(error) => $crate::Diagnose::text(error),)*
                    $(Self::$within(error) => $crate::Diagnose::text(error),)?
                    $($variant => {
                        $crate::Text::new($id)$($(.with(stringify!($name), $value))+)?
                    })*
                }
            }
        }
        $crate::told_in_english!($error);
    };
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
