//! Faults of a map, all of them at once, and the choice of a section.

use std::io;
use std::path::{Path, PathBuf};

use report::{Arg, Code, Diagnose, Text};

/// A fault in a map, for its author.
#[derive(Debug, Clone, PartialEq)]
pub struct MapFault {
    /// The line, where one is known.
    pub line: Option<usize>,
    /// The problem, without the line; its attribute `.try` is the remedy.
    pub what: Text,
}

impl MapFault {
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
}

/// A question that a map leaves open with `"?"`.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenQuestion {
    /// The line that asks.
    pub line: usize,
    /// The question.
    pub question: Text,
}

impl OpenQuestion {
    /// The question with its line.
    pub fn text(&self) -> Text {
        Text::new("map-open-at-line")
            .with("line", Arg::Number(self.line as u64))
            .with("question", self.question.clone())
    }
}

/// Everything that keeps a text from being a map.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MapFaults {
    /// Faults, in the order of their lines.
    pub faults: Vec<MapFault>,
    /// Open questions, in the order of their lines.
    pub open: Vec<OpenQuestion>,
}

/// A map that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The file is not there or not readable.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The file is larger than any map, or is not text.
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The file has faults or open questions.
    Faulty {
        /// The file.
        path: PathBuf,
        /// All of them.
        faults: MapFaults,
    },
    /// No map is named, and the settings pin one.
    Unnamed {
        /// The pinned digest.
        pinned: String,
    },
    /// The map is not the one that the settings pin.
    OtherDigest {
        /// The file.
        path: PathBuf,
        /// The digest of the file, and the pinned one.
        digests: Box<[String; 2]>,
    },
}

impl MapError {
    pub(crate) fn faulty(path: &Path, faults: MapFaults) -> Self {
        Self::Faulty { path: path.to_path_buf(), faults }
    }
}

/// Fault of a map as `check-config` lists it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The line, where one is known.
    pub line: Option<usize>,
    /// The fault, or the question that is open.
    pub text: Text,
    /// A remedy.
    pub advice: Text,
}

impl MapError {
    /// Every fault and open question by itself.
    #[must_use]
    pub fn listed(&self) -> Vec<Listed> {
        let Self::Faulty { faults: MapFaults { faults, open }, .. } = self else {
            return vec![Listed { line: None, text: self.text(), advice: report::advice(self) }];
        };
        let fault = |fault: &MapFault| Listed {
            line: fault.line,
            text: fault.what.clone(),
            advice: fault.advice(),
        };
        let open = open.iter().map(|open| Listed {
            line: Some(open.line),
            text: open.question.clone(),
            advice: Text::new("map-try-open"),
        });
        faults.iter().map(fault).chain(open).collect()
    }
}

impl Diagnose for MapError {
    fn code(&self) -> Code {
        Code::Map
    }

    fn text(&self) -> Text {
        match self {
            Self::Unreadable { path, source } => {
                Text::new("map-unreadable").with("path", path).with("why", source)
            }
            Self::NotText { path } => Text::new("map-not-text").with("path", path),
            Self::Unnamed { pinned } => Text::new("map-unnamed").with("pinned", pinned),
            Self::OtherDigest { path, digests } => {
                let [found, pinned] = &**digests;
                Text::new("map-other-digest")
                    .with("path", path)
                    .with("found", found)
                    .with("pinned", pinned)
            }
            Self::Faulty { path, faults: MapFaults { faults, open } } => {
                let alone = match (faults.as_slice(), open.as_slice()) {
                    ([fault], []) => Some(fault.text()),
                    ([], [question]) => Some(question.text()),
                    _ => None,
                };
                match alone {
                    Some(alone) => Text::new("map-faulty").with("path", path).with("what", alone),
                    None => Text::new("map-faults")
                        .with("path", path)
                        .with("faults", faults.len())
                        .with("open", open.len())
                        .with("list", listed(faults, open)),
                }
            }
        }
    }

    fn advice(&self) -> Option<Text> {
        match self {
            Self::Faulty { faults: MapFaults { faults, open }, .. } => {
                Some(match (&**faults, &**open) {
                    ([fault], []) => fault.advice(),
                    ([], _) => Text::new("map-try-open"),
                    _ => Text::new("map-try-faults"),
                })
            }
            _ => None,
        }
    }
}

/// Every fault and question, each on a line of its own.
fn listed(faults: &[MapFault], open: &[OpenQuestion]) -> Text {
    let fault = |fault: &MapFault| {
        Text::new("map-fault-and-try").with("fault", fault.text()).with("advice", fault.advice())
    };
    let all = faults.iter().map(fault).chain(open.iter().map(OpenQuestion::text));
    let mut lines = all.map(|one| Text::new("map-line").with("what", one)).rev();
    let last = lines.next();
    let and =
        |rest: Text, first: Text| Text::new("map-and").with("first", first).with("rest", rest);
    last.map_or_else(|| Text::new("map-no-line"), |last| lines.fold(last, and))
}

/// A file that no section of a map fits, or more than one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// No section fits.
    None {
        /// The file as errors name it.
        file: PathBuf,
    },
    /// More than one section fits.
    Several {
        /// The file as errors name it.
        file: PathBuf,
        /// Lines of the map on which two of them begin.
        lines: [usize; 2],
    },
}

impl Diagnose for ChoiceError {
    fn code(&self) -> Code {
        Code::InputForm
    }

    fn text(&self) -> Text {
        match self {
            Self::None { file } => Text::new("map-choice-none").with("file", file),
            Self::Several { file, lines: [a, b] } => Text::new("map-choice-several")
                .with("file", file)
                .with("a", Arg::Number(*a as u64))
                .with("b", Arg::Number(*b as u64)),
        }
    }
}

report::told_in_english!(MapError, ChoiceError);
