//! Packages held against each other: two of one session, and those of several sessions.
//!
//! Only the records are compared, two packages at a time; whether each of them stands by itself is
//! for `verify` to say.

use std::path::PathBuf;

use report::{Failure, Reader, Text};
use serde_json::{Value, json};
use verify::compare::{self, Agreement, Compared, Exhibit};
use verify::{Account, Signers};

use crate::checklist::{DETAIL, accused};
use crate::machine::{self, english};
use crate::package::Package;
use crate::page::{Page, told};
use crate::parties::Names;
use crate::statement::{self, hex};

/// The form of the JSON.
pub const SCHEMA: &str = "veilmatch.comparison/1";

/// Packages, and what a comparison of each two of them found.
pub struct Comparison {
    packages: Vec<(PathBuf, Account)>,
    found: Vec<Found>,
}

/// Comparison of an item of two packages, by their places.
struct Found {
    one: usize,
    other: usize,
    one_session: bool,
    compared: Compared,
}

/// Sum of all comparisons [T-23].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// Everything is in common, and the same.
    Agrees,
    /// Nothing differs, and not all could be compared.
    Incomplete,
    /// Something differs.
    Contradicts,
}

impl Comparison {
    /// Reads packages, and compares each two of them.
    ///
    /// # Errors
    ///
    /// [`Failure`] for a package that cannot be read.
    pub fn of(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut packages = Vec::new();
        for path in paths {
            let package = Package::open(path)?;
            packages.push((path.clone(), Account::of(package.transcript(), None)?));
        }
        let mut found = Vec::new();
        for (one, (path, account)) in packages.iter().enumerate() {
            for (other, (beside, next)) in packages.iter().enumerate().skip(one + 1) {
                let one_session = compare::is_one_session(account, next);
                let compared = match one_session {
                    true => compare::session(&exhibit(path)?, &exhibit(beside)?),
                    false => compare::sessions(account, next)?,
                };
                let pair = |compared| Found { one, other, one_session, compared };
                found.extend(compared.into_iter().map(pair));
            }
        }
        Ok(Self { packages, found })
    }

    /// Sum of all comparisons.
    #[must_use]
    pub fn sum(&self) -> Sum {
        let is = |wanted: fn(&Agreement) -> bool| {
            self.found.iter().any(|found| wanted(&found.compared.result))
        };
        if is(|result| matches!(result, Agreement::Other(_))) {
            Sum::Contradicts
        } else if self.found.is_empty() || is(|result| *result != Agreement::Same) {
            Sum::Incomplete
        } else {
            Sum::Agrees
        }
    }

    /// Signers of both versions of something that differs.
    fn accused(&self) -> Vec<&'static str> {
        let by = self.found.iter().map(|found| match found.compared.result {
            Agreement::Other(by) => by,
            _ => Signers::NOBODY,
        });
        accused(by.fold(Signers::NOBODY, Signers::or))
    }

    /// The comparison as text: the packages, one line for each item, one for all of them.
    #[must_use]
    pub fn text(&self, names: &Names, reader: &Reader) -> String {
        let mut page = Page::new(reader);
        for (number, (path, account)) in (1_usize..).zip(&self.packages) {
            let package = Text::new("audit-package").with("number", number).with("path", path);
            page.say(0, &package.with("party", account.opening.role));
            page.say(DETAIL, &statement::session(account, names));
        }
        let mut last = None;
        for found in &self.found {
            let Found { one, other, one_session, compared } = found;
            if last != Some((one, other)) {
                let id = if *one_session { "audit-one-session" } else { "audit-two-sessions" };
                page.say(0, &Text::new(id).with("one", one + 1).with("other", other + 1));
                last = Some((one, other));
            }
            let title = page.words(&told(&compared.item));
            let (mark, detail) = match compared.result {
                Agreement::Same => ("ok  ", None),
                Agreement::OnlyFirst => ("--  ", Some(only(*one))),
                Agreement::OnlySecond => ("--  ", Some(only(*other))),
                Agreement::Other(by) => {
                    let by = Text::new("audit-by").with("by", by.name());
                    ("FAIL", Some(Text::new("audit-differs").with("by", by)))
                }
            };
            page.line(0, &format!("{mark} {title}"));
            if let Some(detail) = detail {
                page.say(DETAIL, &detail);
            }
        }
        let result = match self.sum() {
            Sum::Agrees => "agrees",
            Sum::Contradicts => "contradicts",
            Sum::Incomplete if self.found.is_empty() => "nothing",
            Sum::Incomplete => "incomplete",
        };
        page.say(0, &Text::new("audit-verdict-compared").with("result", result));
        page.finish()
    }

    /// The comparison for machines.
    #[must_use]
    pub fn json(&self, names: &Names) -> Value {
        let packages: Vec<Value> =
            self.packages.iter().map(|package| about(package, names)).collect();
        json!({
            "schema": SCHEMA,
            "version": env!("CARGO_PKG_VERSION"),
            "command": "compare",
            "verdict": match self.sum() {
                Sum::Agrees => "agrees",
                Sum::Incomplete => "incomplete",
                Sum::Contradicts => "contradicts",
            },
            "accused": self.accused(),
            "packages": packages,
            "compared": self.found.iter().map(line).collect::<Vec<_>>(),
        })
    }
}

fn exhibit(path: &std::path::Path) -> Result<Exhibit, Failure> {
    Ok(Exhibit::of(Package::open(path)?.transcript())?)
}

fn only(package: usize) -> Text {
    Text::new("audit-only").with("number", package + 1)
}

fn about((path, account): &(PathBuf, Account), names: &Names) -> Value {
    json!({
        "path": path.display().to_string(),
        "transcript_of": account.opening.role.name(),
        "session": account.sid.map(|sid| hex(&sid)),
        "parties": machine::parties(account, names),
    })
}

fn line(found: &Found) -> Value {
    let Found { one, other, one_session, compared } = found;
    let title = told(&compared.item);
    let (result, only_in, by) = match compared.result {
        Agreement::Same => ("same", None, None),
        Agreement::OnlyFirst => ("only", Some(one + 1), None),
        Agreement::OnlySecond => ("only", Some(other + 1), None),
        Agreement::Other(by) => ("differs", None, Some(by.name())),
    };
    json!({
        "packages": [one + 1, other + 1],
        "one_session": one_session,
        "item": { "id": compared.item.id, "args": title.json() },
        "title": english(&title),
        "result": result,
        "only_in": only_in,
        "by": by,
    })
}

#[cfg(test)]
mod tests {
    use protocol::transcript::Role;
    use report::Lang;
    use verify::{Arg, Ending, Finding};

    use super::*;
    use crate::checklist::tests::account;

    const FR: Reader = Reader { lang: Lang::Fr, own: None, plain: false };

    #[test]
    fn every_sum_has_its_words_in_both_languages_and_its_word_in_the_json() {
        let cases = [
            (vec![Agreement::Same], "agrees", "verdict: the packages agree", "concordent"),
            (vec![], "incomplete", "verdict: incomplete, the packages have nothing", "incomplet"),
            (
                vec![Agreement::Same, Agreement::OnlySecond],
                "incomplete",
                "verdict: incomplete, nothing differs",
                "incomplet",
            ),
            (
                vec![Agreement::OnlyFirst, Agreement::Other(Signers::of(Role::Provider))],
                "contradicts",
                "verdict: the packages CONTRADICT each other",
                "CONTREDISENT",
            ),
        ];
        for (results, word, english, french) in cases {
            let comparison = comparison(results);
            let text = comparison.text(&Names::default(), &Reader::LOG);
            assert!(text.contains(english), "{text}");
            let text = comparison.text(&Names::default(), &FR);
            assert!(text.contains(french), "{text}");
            assert_eq!(comparison.json(&Names::default())["verdict"], word);
        }
    }

    #[test]
    fn a_difference_says_who_signed_both_versions_and_an_absence_who_has_it() {
        let by = Agreement::Other(Signers::of(Role::Provider));
        let both = comparison(vec![by, Agreement::OnlySecond, Agreement::Other(Signers::NOBODY)]);
        let text = both.text(&Names::default(), &Reader::LOG);
        let lines =
            "FAIL EVAL, frames in common: 3\n            they differ, signed by the provider";
        assert!(text.contains(lines), "{text}");
        assert!(text.contains("only in package 2"), "{text}");
        assert!(text.contains("they differ, claimed by whoever holds"), "{text}");
        let json = both.json(&Names::default());
        assert_eq!(json["accused"], json!(["provider"]));
        assert_eq!(json["compared"][0]["by"], "provider");
        assert_eq!(json["compared"][1]["only_in"], 2);
        assert_eq!(json["compared"][2]["by"], "holder");
    }

    fn comparison(results: Vec<Agreement>) -> Comparison {
        let found = |result| Found {
            one: 0,
            other: 1,
            one_session: true,
            compared: Compared {
                item: Finding {
                    id: "compare-frames",
                    args: vec![("stream", Arg::Name("EVAL")), ("same", Arg::Number(3))],
                },
                result,
            },
        };
        let package = || (PathBuf::from("a"), account(Ending::Closed));
        let found = results.into_iter().map(found).collect();
        Comparison { packages: vec![package(), package()], found }
    }
}
