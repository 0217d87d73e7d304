//! TOML files that people write: every fault with its line, in words, and what to write instead.

use report::{Arg, Text, shown};
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue, Error};

/// A fault in a file, for its author.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// The line, where one is known.
    pub line: Option<usize>,
    /// The problem, without the line; its attribute `.try` is the remedy.
    pub what: Text,
}

impl Fault {
    /// A fault without a line.
    #[must_use]
    pub const fn new(what: Text) -> Self {
        Self { line: None, what }
    }

    /// A remedy.
    pub fn advice(&self) -> Text {
        self.what.clone().attribute("try")
    }

    /// The problem with its line, as it follows the name of the file.
    pub fn text(&self) -> Text {
        match self.line {
            Some(line) => Text::new("fault-at-line")
                .with("line", Arg::Number(line as u64))
                .with("fault", self.what.clone()),
            None => self.what.clone(),
        }
    }

    /// The fault with the line on which a name is set, if it is.
    #[must_use]
    pub fn at(mut self, text: &str, name: &str) -> Self {
        self.line = line_of(text, name);
        self
    }
}

/// A name that a file may not have: one of another file, or one that left.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// The name.
    pub name: &'static str,
    /// Id of the text that says why.
    pub text: &'static str,
}

/// Names that left, in whichever file they stood.
pub const LEFT: &[Refused] = &[Refused { name: "delta_min", text: "setting-renamed-group-min" }];

/// The top-level names of a file, in the order of their lines.
///
/// # Errors
///
/// [`Fault`] if the text is not TOML.
pub fn names(text: &str) -> Result<Vec<String>, Fault> {
    let table = DeTable::parse(text).map_err(|error| fault(&error, text, &[]))?;
    let mut names: Vec<_> = table.get_ref().keys().collect();
    names.sort_by_key(|name| name.span().start);
    Ok(names.into_iter().map(|name| name.get_ref().to_string()).collect())
}

/// The text and the line of what a name is set to, top level or `table.name`; `None` if it is not.
///
/// # Errors
///
/// [`Fault`] if the text is not TOML.
pub fn value(text: &str, name: &str) -> Result<Option<(String, usize)>, Fault> {
    let parsed = DeTable::parse(text).map_err(|error| fault(&error, text, &[]))?;
    let (table, key) = name.rsplit_once('.').unwrap_or(("", name));
    let mut at = parsed.get_ref();
    if !table.is_empty() {
        match at.get(table).map(|table| table.get_ref()) {
            Some(DeValue::Table(inner)) => at = inner,
            _ => return Ok(None),
        }
    }
    Ok(at.get_key_value(key).map(|(found, value)| {
        let set = text.get(value.span()).unwrap_or_default().trim();
        let line = line_at(text, found.span().start);
        // A table of its own stands on lines of its own.
        let set = if set.contains('\n') || set.starts_with('[') && !set.ends_with(']') {
            "set".to_owned()
        } else {
            shown(set)
        };
        (set, line)
    }))
}

/// Reads a file; names that are refused with their own words come with them.
///
/// # Errors
///
/// [`Fault`], for the author of the file.
pub fn parse<T: DeserializeOwned>(text: &str, refused: &[Refused]) -> Result<T, Fault> {
    toml::from_str(text).map_err(|error| fault(&error, text, refused))
}

/// The line on which a name is set, top level or not, counted from 1.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let (table, key) = name.rsplit_once('.').unwrap_or(("", name));
    let parsed = DeTable::parse(text).ok()?;
    let mut at = parsed.get_ref();
    if !table.is_empty() {
        let DeValue::Table(inner) = at.get(table)?.get_ref() else { return None };
        at = inner;
    }
    let (found, _) = at.get_key_value(key)?;
    Some(line_at(text, found.span().start))
}

fn line_at(text: &str, at: usize) -> usize {
    text.get(..at).map_or(1, |before| before.matches('\n').count() + 1)
}

/// The library's error in our words.
fn fault(error: &Error, text: &str, refused: &[Refused]) -> Fault {
    let message = error.message();
    let span = error.span();
    let line = span.as_ref().map(|span| line_at(text, span.start));
    let quoted = |after: &str| {
        let rest = message.strip_prefix(after)?;
        rest.split_once('`').map(|(name, _)| name)
    };
    let what = if let Some(name) = quoted("unknown field `") {
        match refused.iter().find(|refused| refused.name == name) {
            Some(refused) => Text::new(refused.text).with("name", name),
            None => unknown(name),
        }
    } else if let Some(name) = quoted("missing field `") {
        // The span of what is missing is that of the whole table.
        return Fault::new(Text::new("setting-missing").with("name", name));
    } else if message == "duplicate key" {
        let name = span.and_then(|span| text.get(span)).unwrap_or_default();
        Text::new("setting-twice").with("name", shown(name))
    } else if let Some((_, expected)) = typed(message) {
        let given = span.and_then(|span| text.get(span)).unwrap_or_default();
        let name = line.and_then(|line| name_on(text, line));
        mistyped(name.as_deref(), given, expected)
    } else {
        Text::new("setting-not-toml").with("why", shown(message.lines().next().unwrap_or_default()))
    };
    Fault { line, what }
}

/// A name that no file of this kind has.
pub fn unknown(name: &str) -> Text {
    Text::new("setting-unknown").with("name", shown(name))
}

/// Found and expected, of the library's sentence about a type or a range.
fn typed(message: &str) -> Option<(&str, &str)> {
    let rest = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))?;
    rest.split_once(", expected ")
}

/// The name that is set on a line.
fn name_on(text: &str, line: usize) -> Option<String> {
    let (name, _) = text.lines().nth(line.checked_sub(1)?)?.split_once('=')?;
    Some(shown(name.trim().trim_matches('"')))
}

/// A value of another type than its setting's.
fn mistyped(name: Option<&str>, given: &str, expected: &str) -> Text {
    let bare = given.trim_matches(['"', '\'']);
    let plain = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let kind = expected.split_whitespace().last().unwrap_or_default();
    let (is, instead) = match kind {
        "u8" | "u16" | "u32" | "u64" | "usize" | "integer" => {
            let digits: String = bare.chars().filter(char::is_ascii_digit).collect();
            let whole = bare.chars().all(|c| c.is_ascii_digit() || "_, ".contains(c));
            let number = (whole && !digits.is_empty()).then_some(digits);
            (number_of(kind), number.unwrap_or_else(|| "1000".into()))
        }
        "string" => {
            (Text::new("setting-text"), format!("\"{}\"", if plain { bare } else { "text" }))
        }
        "boolean" | "bool" => {
            let truth = if bare.eq_ignore_ascii_case("true") { "true" } else { "false" };
            (Text::new("setting-truth"), truth.to_owned())
        }
        "sequence" => {
            (Text::new("setting-list"), format!("[\"{}\"]", if plain { bare } else { "one" }))
        }
        _ => (Text::new("setting-of-kind").with("kind", shown(expected)), "…".to_owned()),
    };
    let text = match name {
        Some(name) => Text::new("setting-mistyped").with("name", name),
        None => Text::new("setting-mistyped-unnamed"),
    };
    text.with("is", is).with("instead", Arg::Word(instead))
}

/// A number of this type.
fn number_of(kind: &str) -> Text {
    let most: u64 = match kind {
        "u8" => u8::MAX.into(),
        "u16" => u16::MAX.into(),
        _ => return Text::new("setting-number"),
    };
    Text::new("setting-number-to").with("most", Arg::Number(most))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its errors are looked at")]
    struct Example {
        n_min: u32,
        #[serde(default)]
        step: u8,
        #[serde(default)]
        names: Vec<String>,
        #[serde(default)]
        on: bool,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its errors are looked at")]
    struct Inner {
        text: String,
    }

    fn faulty(text: &str) -> Fault {
        let gone = Refused { name: "old_name", text: "setting-renamed-group-min" };
        parse::<Example>(text, &[gone]).unwrap_err()
    }

    #[test]
    fn faults_are_told_with_line_setting_and_remedy() {
        for (text, what, try_this) in [
            ("\nn_min = \"1000\"\n", "line 2: `n_min` is a number", "write `n_min = 1000`"),
            ("n_min = 1.5", "line 1: `n_min` is a number", "write `n_min = 1000`"),
            (
                "n_min = 1\nstep = 300",
                "line 2: `step` is a number of 0 to 255",
                "write `step = 300`",
            ),
            ("n_min = 1\nnames = \"a\"", "line 2: `names` is a list", "write `names = [\"a\"]`"),
            ("n_min = 1\non = \"true\"", "line 2: `on` is `true` or `false`", "write `on = true`"),
            (
                "n_min = 1\n[inner]\ntext = 5",
                "line 3: `text` is text in quotes",
                "write `text = \"5\"`",
            ),
            (
                "n_min = 1\nold_name = 5",
                "line 2: `old_name` is called `group_min` now",
                "write `group_min` in its place",
            ),
            (
                "n_min = 1\nn_mim = 5",
                "line 2: `n_mim` is no setting of this file",
                "delete or correct the line",
            ),
            ("step = 1", "`n_min` is missing", "add a line that begins `n_min = `"),
            ("n_min = 1\nn_min = 2", "line 2: `n_min` is set twice", "delete the line"),
        ] {
            let fault = faulty(text);
            let told = (fault.text().to_string(), fault.advice().to_string());
            assert_eq!(told, (what.to_owned(), try_this.to_owned()));
        }
        assert_eq!(faulty("n_min = 1\nnot toml").line, Some(2));
    }

    #[test]
    fn names_and_their_lines_are_found() {
        let text = "a = 1\n\nb = [\n 2,\n]\n[c]\nd = 3\n";
        assert_eq!(names(text).unwrap(), ["a", "b", "c"]);
        let line = |name| Fault::new(Text::new("setting-list")).at(text, name).line;
        assert_eq!((line("b"), line("c.d"), line("d")), (Some(3), Some(7), None));
    }
}
