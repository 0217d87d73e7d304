//! Messages by id, with arguments that are rendered for their reader.
//!
//! Fluent selects variants and fills in; it formats no number, so that a count travels twice: as
//! `$n`, which selects a plural, and as `$n_text`, which is shown.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use protocol::transcript::Role;
use serde_json::{Map, Value, json};

use crate::format;
use crate::lang::{Lang, Reader};
use crate::shown::shown_long;

/// A message by its id, or one of its attributes, with arguments.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Text {
    id: Cow<'static, str>,
    attribute: Option<&'static str>,
    args: Vec<(&'static str, Arg)>,
}

/// A line of a longer answer: a message, and its indent, which the files of texts cannot hold.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Line {
    depth: usize,
    text: Text,
}

impl Line {
    /// A line of its own.
    pub const fn of(text: Text) -> Self {
        Self { depth: 0, text }
    }

    /// A line that belongs to the one before it.
    pub const fn under(text: Text) -> Self {
        Self { depth: 1, text }
    }

    /// The same line one step further in.
    pub fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    /// The line in the language of its reader.
    #[must_use]
    pub fn render(&self, reader: &Reader) -> String {
        format!("{:blank$}{}", "", self.text.render(reader), blank = 2 * self.depth)
    }
}

/// An argument of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// A count: its thousands are set apart, and it selects plural forms.
    Count(u64),
    /// A number that is never grouped: a line, a port, a year, a value to type.
    Number(u64),
    /// A number of decimals, as a whole number of its last place.
    Decimal(u64, u32),
    /// Bytes.
    Size(u64),
    /// A Unix time, shown to the minute.
    Time(u64),
    /// A Unix time, shown as its day.
    Day(u64),
    /// A Unix time to the second, as evidence and machines need it.
    Instant(u64),
    /// A word that has no language: a path, a column, an option, a code. It is escaped and cut.
    Word(String),
    /// Another message.
    Text(Box<Text>),
    /// Messages in a row, with commas between them.
    List(Vec<Text>),
}

impl Text {
    /// The message of this id.
    pub const fn new(id: &'static str) -> Self {
        Self { id: Cow::Borrowed(id), attribute: None, args: Vec::new() }
    }

    /// A message whose id is put together out of a family of ids, such as `exit-65`.
    pub const fn named(id: String) -> Self {
        Self { id: Cow::Owned(id), attribute: None, args: Vec::new() }
    }

    /// The same message with this argument; a later one of the name replaces an earlier one.
    pub fn with(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.args.retain(|(known, _)| *known != name);
        self.args.push((name, value.into()));
        self
    }

    /// The same message with the arguments of another one that it has not itself.
    pub fn with_all_of(mut self, other: &Self) -> Self {
        for (name, value) in &other.args {
            if !self.args.iter().any(|(known, _)| known == name) {
                self.args.push((name, value.clone()));
            }
        }
        self
    }

    /// Takes this attribute of the message instead of its value.
    pub fn attribute(mut self, name: &'static str) -> Self {
        self.attribute = Some(name);
        self
    }

    /// The id of the message.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// True if the language has this message, and the attribute if one is meant.
    #[must_use]
    pub fn exists(&self, lang: Lang) -> bool {
        let message = bundle(lang).get_message(&self.id);
        message.is_some_and(|message| match self.attribute {
            None => message.value().is_some(),
            Some(name) => message.get_attribute(name).is_some(),
        })
    }

    /// The message in the language of its reader.
    #[must_use]
    pub fn render(&self, reader: &Reader) -> String {
        let bundle = bundle(reader.lang);
        let message = bundle.get_message(&self.id);
        let pattern = message.as_ref().and_then(|message| match self.attribute {
            None => message.value(),
            Some(name) => message.get_attribute(name).map(|attribute| attribute.value()),
        });
        let Some(pattern) = pattern else {
            debug_assert!(
                false,
                "no text {} {:?} in {}",
                self.id,
                self.attribute,
                reader.lang.name()
            );
            return self.id.clone().into_owned();
        };
        let mut errors = Vec::new();
        let args = self.fluent(reader);
        let text = bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        debug_assert!(errors.is_empty(), "{} in {}: {errors:?}", self.id, reader.lang.name());
        if reader.plain { plain(&text) } else { text }
    }

    /// The arguments for machines, by name.
    #[must_use]
    pub fn json(&self) -> Value {
        let args = self.args.iter().map(|(name, arg)| ((*name).to_owned(), arg.json()));
        Value::Object(args.collect::<Map<_, _>>())
    }

    fn fluent(&self, reader: &Reader) -> FluentArgs<'static> {
        let mut args = FluentArgs::new();
        let [own, peer] = match reader.own {
            Some(own) => [own, own.peer()].map(Role::name),
            None => ["", "peer"],
        };
        args.set("own", own);
        args.set("peer", peer);
        for (name, arg) in &self.args {
            if let Arg::Count(count) = arg {
                args.set(format!("{name}_text"), format::grouped(*count, reader.lang));
                args.set(*name, *count);
            } else {
                args.set(*name, FluentValue::from(arg.render(reader)));
            }
        }
        args
    }
}

/// The message in English, for logs and for errors inside errors.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Reader::LOG))
    }
}

impl Arg {
    fn render(&self, reader: &Reader) -> String {
        match self {
            Self::Count(number) => format::grouped(*number, reader.lang),
            Self::Number(number) => number.to_string(),
            Self::Decimal(scaled, places) => format::decimal(*scaled, *places, reader.lang),
            Self::Size(bytes) => format::size(*bytes, reader.lang),
            Self::Time(unix) => format::time(*unix, reader.lang),
            Self::Day(unix) => format::day(*unix, reader.lang),
            Self::Instant(unix) => format::instant(*unix),
            Self::Word(word) => word.clone(),
            Self::Text(text) => text.render(reader),
            Self::List(texts) => {
                texts.iter().map(|text| text.render(reader)).collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Count(number) | Self::Number(number) | Self::Size(number) => json!(number),
            Self::Decimal(..) => json!(self.render(&Reader::LOG)),
            Self::Time(unix) | Self::Instant(unix) => json!(format::instant(*unix)),
            Self::Day(unix) => json!(format::instant(*unix).get(..10)),
            Self::Word(word) => json!(word),
            Self::Text(text) => json!({ "id": text.id, "args": text.json() }),
            Self::List(texts) => {
                texts.iter().map(|text| json!({ "id": text.id, "args": text.json() })).collect()
            }
        }
    }
}

impl From<u64> for Arg {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<u32> for Arg {
    fn from(count: u32) -> Self {
        Self::Count(count.into())
    }
}

impl From<usize> for Arg {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<&str> for Arg {
    fn from(word: &str) -> Self {
        Self::Word(shown_long(word))
    }
}

impl From<String> for Arg {
    fn from(word: String) -> Self {
        word.as_str().into()
    }
}

impl From<&String> for Arg {
    fn from(word: &String) -> Self {
        word.as_str().into()
    }
}

impl From<&Path> for Arg {
    fn from(path: &Path) -> Self {
        path.to_string_lossy().as_ref().into()
    }
}

impl From<&std::path::PathBuf> for Arg {
    fn from(path: &std::path::PathBuf) -> Self {
        path.as_path().into()
    }
}

/// The words of the system, which have the language of the system.
impl From<&std::io::Error> for Arg {
    fn from(error: &std::io::Error) -> Self {
        error.to_string().into()
    }
}

impl From<Text> for Arg {
    fn from(text: Text) -> Self {
        Self::Text(Box::new(text))
    }
}

impl From<Role> for Arg {
    fn from(role: Role) -> Self {
        Self::Word(role.name().to_owned())
    }
}

/// Typography for outputs that are not UTF-8.
fn plain(text: &str) -> String {
    let plain = text.replace(['\u{202F}', '\u{A0}'], " ").replace('\u{2019}', "'");
    plain.replace("\u{AB} ", "\"").replace(" \u{BB}", "\"")
}

type Bundle = FluentBundle<FluentResource>;

fn bundle(lang: Lang) -> &'static Bundle {
    static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| build(Lang::En));
    static FRENCH: LazyLock<Bundle> = LazyLock::new(|| build(Lang::Fr));
    match lang {
        Lang::En => &ENGLISH,
        Lang::Fr => &FRENCH,
    }
}

/// The bundle of a language; a file that does not parse leaves its messages out, and the tests
/// tell.
fn build(lang: Lang) -> Bundle {
    let identifier = lang.name().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
    // Else invisible characters surround every value, and copied paths break.
    bundle.set_use_isolating(false);
    for (_, english, french) in FILES {
        let source = match lang {
            Lang::En => english,
            Lang::Fr => french,
        };
        let resource = match FluentResource::try_new((*source).to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// Declares the files of texts, each in both languages.
macro_rules! files {
    ($($room:literal),+ $(,)?) => {
        /// Rooms with their texts in English and French.
        pub const FILES: &[(&str, &str, &str)] = &[$((
            $room,
            include_str!(concat!("../texts/en/", $room, ".ftl")),
            include_str!(concat!("../texts/fr/", $room, ".ftl")),
        )),+];
    };
}

files!(
    "report",
    "codes",
    "store",
    "ledger",
    "normalize",
    "proposal",
    "channel",
    "tabular",
    "rights",
    "mapping",
    "node",
    "advertiser",
    "provider",
    "verify",
    "auditor",
    "help",
);
