//! Counts that may only fall, by crate, kept in one file.
//!
//! A count that rose over the whole tree fails. One that fell, or moved from crate to crate, fails
//! too until `cargo xtask tidy --write` has written it down, so that nobody uses up what another
//! has won. Bars that are reached stand in [`BARS`] and hold by themselves.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::source::{Literal, Source, has_word};
use crate::tool::Context;

/// The counts of one kind by crate; a crate that has none is left out.
type Rooms = BTreeMap<String, usize>;

/// Compares the counts with the file, or writes it.
pub(super) fn falling(root: &Path, sources: &[Source], write: bool) -> Result<Vec<String>, String> {
    let path = root.join(FILE);
    let before = parse(&fs::read_to_string(&path).unwrap_or_default())?;
    let now = count(sources);
    let mut findings = bars(&now, sources);
    let mut stale = false;
    for kind in KINDS {
        let empty = Rooms::new();
        let new = now.get(kind.name).unwrap_or(&empty);
        let Some(old) = before.get(kind.name) else {
            stale = true;
            continue;
        };
        let [was, is] = [old, new].map(|rooms| rooms.values().sum::<usize>());
        if is > was {
            findings.push(format!("{}: {was} became {is}: {}", kind.name, kind.what));
            findings.extend(risen(kind, old, new, sources));
        } else if old != new {
            stale = true;
        }
    }
    if write && findings.is_empty() {
        let text = shown(&now);
        fs::write(&path, text).at("write", &path)?;
    } else if stale && !write {
        findings.push(format!("{FILE} is behind: run `cargo xtask tidy --write`"));
    }
    Ok(findings)
}

/// A thing that is counted.
struct Kind {
    name: &'static str,
    what: &'static str,
    /// Lines on which it stands, once for each time.
    lines: fn(&Source) -> Vec<usize>,
    /// Crates in which it is no fault.
    except: &'static [&'static str],
}

/// All counts.
fn count(sources: &[Source]) -> BTreeMap<&'static str, Rooms> {
    let mut counts = BTreeMap::new();
    for kind in KINDS {
        let mut rooms = Rooms::new();
        for source in sources {
            let Some(room) = source.room().filter(|room| !kind.except.contains(room)) else {
                continue;
            };
            let found = (kind.lines)(source).len();
            if found > 0 {
                *rooms.entry(room.to_owned()).or_default() += found;
            }
        }
        counts.insert(kind.name, rooms);
    }
    counts
}

/// Places in the crates whose count rose, a few.
fn risen(kind: &Kind, old: &Rooms, new: &Rooms, sources: &[Source]) -> Vec<String> {
    let more = |room: &str| new.get(room) > old.get(room);
    let places =
        sources.iter().filter(|source| source.room().is_some_and(more)).flat_map(|source| {
            let place = |line| format!("{}:{line}: {}", source.path, kind.name);
            (kind.lines)(source).into_iter().map(place)
        });
    places.take(SHOWN_MAX).collect()
}

/// Counts above a bar that was reached once.
fn bars(counts: &BTreeMap<&'static str, Rooms>, sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for bar in BARS {
        let rooms = counts.get(bar.kind);
        let in_room = |room: &&str| rooms.and_then(|rooms| rooms.get(*room)).copied();
        let found: usize = match bar.rooms {
            [] => rooms.map_or(0, |rooms| rooms.values().sum()),
            rooms => rooms.iter().filter_map(in_room).sum(),
        };
        let own = |source: &&Source| source.room().is_some_and(|room| bar.rooms.contains(&room));
        let lines: usize = sources.iter().filter(own).map(Source::code_lines).sum();
        let most = bar.per_thousand * lines / 1_000;
        if found > most {
            let rooms =
                if bar.rooms.is_empty() { "all crates".into() } else { bar.rooms.join(", ") };
            findings.push(format!("{}: {found} in {rooms}, at most {most}", bar.kind));
        }
    }
    findings
}

/// The file's text.
fn shown(counts: &BTreeMap<&'static str, Rooms>) -> String {
    let mut text = String::from(
        "# Counts that may only fall. Written by `cargo xtask tidy --write`, compared by `tidy`.\n",
    );
    for kind in KINDS {
        let _ = write!(text, "\n# {}\n[{}]\n", kind.what, kind.name);
        for (room, count) in counts.get(kind.name).into_iter().flatten() {
            let _ = writeln!(text, "{room} = {count}");
        }
    }
    text
}

/// Reads the file's text.
fn parse(text: &str) -> Result<BTreeMap<String, Rooms>, String> {
    let mut counts: BTreeMap<String, Rooms> = BTreeMap::new();
    let mut section = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let wrong = || format!("{FILE}:{}: not a count", index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
            counts.entry(section.clone()).or_default();
            continue;
        }
        let (room, count) = line.split_once(" = ").ok_or_else(wrong)?;
        let count = count.parse().map_err(|_| wrong())?;
        counts.entry(section.clone()).or_default().insert(room.to_owned(), count);
    }
    Ok(counts)
}

/// Doc comments whose first sentence hides its noun.
fn openers(source: &Source) -> Vec<usize> {
    let hidden = |comment: &str| {
        let mut words = comment.split(|c: char| !c.is_alphanumeric() && c != '\'');
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        OPENERS.contains(&first) || (first == "One" && AFTER_ONE.contains(&second))
    };
    source.doc_comments().filter(|(_, comment)| hidden(comment)).map(|(line, _)| line).collect()
}

/// Lines on which such a piece of code stands, once for each time.
fn pieces(source: &Source, piece: &str) -> Vec<usize> {
    source
        .code()
        .flat_map(|(line, code)| code.matches(piece).map(move |_| line).collect::<Vec<_>>())
        .collect()
}

/// Defects of our own that carry no place in the source.
fn bugs(source: &Source) -> Vec<usize> {
    let named = |code: &str| {
        let after = code.match_indices("Bug::").map(|(at, name)| &code[at + name.len()..]);
        after.filter(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())).count()
    };
    source
        .code()
        .filter(|(_, code)| has_word(code, "Bug"))
        .flat_map(|(line, code)| vec![line; named(code)])
        .collect()
}

/// Lines of the quoted texts for which this holds.
fn quoted(source: &Source, holds: impl Fn(&Literal) -> bool) -> Vec<usize> {
    source.literals().filter(|literal| holds(literal)).map(|literal| literal.line).collect()
}

/// Codes in quotation marks.
fn codes(source: &Source) -> Vec<usize> {
    quoted(source, |literal| {
        let digits = literal.text.strip_prefix("V0").unwrap_or_default();
        digits.len() >= 3 && digits.chars().take(3).all(|c| c.is_ascii_hexdigit())
    })
}

/// Texts of errors that stand in the code.
fn errors(source: &Source) -> Vec<usize> {
    quoted(source, |literal| {
        source.around(literal.start).first() == Some(&"error") && literal.text.contains(' ')
    })
}

/// Other sentences that stand in the code: three words, not in a log nor for developers.
fn sentences(source: &Source) -> Vec<usize> {
    quoted(source, |literal| {
        let word = |word: &&str| word.chars().filter(|c| c.is_alphabetic()).count() >= 2;
        let words: Vec<&str> = literal.text.split_whitespace().filter(word).collect();
        let sql = words
            .first()
            .is_some_and(|first| first.len() > 3 && first.chars().all(|c| c.is_ascii_uppercase()));
        words.len() >= 3
            && !sql
            && !source.around(literal.start).iter().any(|name| FOR_DEVELOPERS.contains(name))
    })
}

/// A bar that a count must not pass again.
struct Bar {
    kind: &'static str,
    /// The crates together; all of them if none is named.
    rooms: &'static [&'static str],
    /// Most for every thousand lines of code.
    per_thousand: usize,
}

/// Bars that are reached.
const BARS: &[Bar] = &[
    Bar { kind: "openers", rooms: &[], per_thousand: 0 },
    Bar {
        kind: "saturating",
        rooms: &["protocol", "disclosure", "policy", "session", "verify", "classes"],
        per_thousand: 2,
    },
    Bar { kind: "bugs", rooms: &[], per_thousand: 0 },
    Bar { kind: "codes", rooms: &[], per_thousand: 0 },
    Bar { kind: "error-sentences", rooms: &[], per_thousand: 0 },
];

/// File of the counts.
const FILE: &str = "xtask/falling.toml";

/// Places shown of a count that rose.
const SHOWN_MAX: usize = 20;

/// Crates whose texts only developers read, and the crate of all texts.
const NOT_FOR_PEOPLE: &[&str] = &["report", "xtask", "sample", "tests/interop", "ristretto-batch"];

/// Everything that is counted.
const KINDS: &[Kind] = &[
    Kind {
        name: "openers",
        what: "Doc comments that open with a pronoun, a conjunction or a bare preposition.",
        lines: openers,
        except: &[],
    },
    Kind {
        name: "saturating",
        what: "Clamps of arithmetic: say why, or check and report a defect with its place.",
        lines: |source| pieces(source, "saturating_"),
        except: &[],
    },
    Kind {
        name: "unwrap-or",
        what: "Values in place of what is missing.",
        lines: |source| pieces(source, ".unwrap_or"),
        except: &[],
    },
    Kind {
        name: "bugs",
        what: "Defects of our own without a place in the source.",
        lines: bugs,
        except: &[],
    },
    Kind {
        name: "codes",
        what: "Codes in quotation marks; the one table of them is in `report`.",
        lines: codes,
        except: NOT_FOR_PEOPLE,
    },
    Kind {
        name: "error-sentences",
        what: "Texts of errors in the code instead of in `report/texts`.",
        lines: errors,
        except: NOT_FOR_PEOPLE,
    },
    Kind {
        name: "sentences",
        what: "Other sentences in the code, logs apart.",
        lines: sentences,
        except: NOT_FOR_PEOPLE,
    },
];

/// First words of a comment that makes no sense with the identifier covered.
const OPENERS: &[&str] = &[
    "As", "How", "It", "Its", "Of", "So", "Such", "That", "Their", "Them", "These", "They", "This",
    "Those", "What", "When", "Where", "Whether", "Which", "Who", "Whom", "Whose", "Why",
];

/// Words after which `One` stands for a noun that is not there.
const AFTER_ONE: &[&str] = &["as", "at", "by", "from", "in", "of", "that", "to", "which", "who"];

/// Calls and attributes whose texts people do not read, or that are counted by themselves.
const FOR_DEVELOPERS: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "cfg",
    "cfg_attr",
    "debug",
    "debug_assert",
    "debug_span",
    "deprecated",
    "doc",
    "error",
    "event",
    "expect",
    "info",
    "info_span",
    "must_use",
    "panic",
    "span",
    "trace",
    "unreachable",
    "warn",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("node/src/a.rs".to_owned(), text.to_owned())
    }

    fn counted(text: &str, kind: &str) -> usize {
        let counts = count(&[source(text)]);
        counts[kind].values().sum()
    }

    #[test]
    fn each_kind_counts_its_faults() {
        let docs = "/// What it is.\nconst A: u8 = 1;\n/// One of them.\nconst B: u8 = 1;\n\
                    /// One frame.\nconst C: u8 = 1;\n/// Asks.\nconst D: u8 = 1;\n";
        assert_eq!(counted(docs, "openers"), 2);
        let code = "fn f() {\n    a.saturating_sub(1).saturating_add(b.unwrap_or_default());\n    \
                    Err(Bug::Unreachable)?;\n    Err(Bug::invariant())?;\n    \
                    g(\"V0304\", \"V03\");\n    \
                    warn!(\"of three words\");\n    \
                    say(\"of three words\", \"SELECT a FROM bb\");\n}\n\
                    #[error(\"no room\")]\nstruct E;\n";
        let expected = [("saturating", 2), ("unwrap-or", 1), ("bugs", 1), ("codes", 1)];
        for (kind, most) in expected.into_iter().chain([("error-sentences", 1), ("sentences", 1)]) {
            assert_eq!(counted(code, kind), most, "{kind}");
        }
    }

    #[test]
    fn the_file_is_read_as_it_is_written() {
        let counts = count(&[source("/// What.\nfn f() { a.saturating_sub(1) }\n")]);
        let read = parse(&shown(&counts)).unwrap();
        assert_eq!(read["openers"]["node"], 1);
        assert_eq!(read.len(), KINDS.len());
        assert!(parse("[a]\nb: 1\n").is_err() && parse("[a]\nb = x\n").is_err());
    }

    #[test]
    fn a_count_may_fall_and_move_but_not_rise() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("xtask")).unwrap();
        let run = |text: &str, write| falling(dir.path(), &[source(text)], write).unwrap().len();
        let [two, one] = [
            "fn f() { a.saturating_sub(b.saturating_sub(1)) }\n",
            "fn f() { a.saturating_sub(1) }\n",
        ];
        assert_eq!((run(two, false), run(two, true), run(two, false)), (1, 0, 0));
        // Fell: fails until it is written; then it may not rise, even when asked to write.
        assert_eq!((run(one, false), run(one, true), run(one, false)), (1, 0, 0));
        assert_eq!((run(two, false), run(two, true), run(one, false)), (3, 3, 0));
    }
}
