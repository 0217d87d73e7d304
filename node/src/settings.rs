//! The settings of a node: one TOML file, foreign and unknown names refused.
//!
//! `init` writes it with every setting and its meaning; one that is absent has its default. The two
//! roles have settings of their own, so that a restriction written into the file of the wrong node
//! is refused instead of ignored. A value here never discloses more: what a run tells whom is in
//! signed terms alone.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use protocol::transcript::Role;
use report::{Code, Diagnose, Text};

use crate::toml_file::{self, Fault};
use channel::quic::{Congestion, QuicOptions};
use normalize::{Normalizer, Options, Ruleset};

/// Declares the settings of a file, each absent or not, and the list of their names.
#[macro_export]
macro_rules! settings {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct $name {
            $($field: Option<$type>),+
        }

        impl $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];
        }
    };
}

/// The settings of one role, valid by construction.
pub trait Settings: Sized {
    /// The role of the node.
    const ROLE: Role;

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// [`Fault`], which names the setting, its line, and what it may be.
    fn parse(text: &str) -> Result<Self, Fault>;

    /// Settings of this role with their defaults, as a file would set them; `unset` where there is
    /// none.
    const DEFAULTS: &'static [(&'static str, &'static str)];

    /// The file that `init` writes.
    fn template() -> String;

    /// The settings that both roles have.
    fn common(&self) -> &CommonSettings;

    /// Reads the settings of a node.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the setting and what it may be.
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
        Self::parse(&text).map_err(|fault| ConfigError::Invalid { path: path.to_path_buf(), fault })
    }
}

/// Settings that nodes of both roles have.
#[derive(Debug)]
pub struct CommonSettings {
    /// Normalization rules and their options.
    pub ruleset: Ruleset,
    /// Options of the rules.
    pub options: Options,
    /// The map of input files, from the node's directory on.
    pub map: Option<PathBuf>,
    /// Digest of the only map that is used.
    pub map_digest: Option<[u8; 32]>,
    /// Bytes that sorting may hold in memory.
    pub memory_bytes: usize,
    /// Threads for arithmetic, and for the preparation of files; 0 for one per core.
    pub threads: usize,
    /// QUIC.
    pub quic: QuicOptions,
}

impl CommonSettings {
    /// The normalizer these settings describe.
    #[must_use]
    pub fn normalizer(&self) -> Normalizer {
        Normalizer::new(self.ruleset, self.options.clone())
    }

    /// Reads the settings of both roles out of a file.
    ///
    /// # Errors
    ///
    /// [`Fault`], which names the setting, its line, and what it may be.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let file: CommonFile = toml_file::parse(text, &[])?;
        let wrong = |setting: &str, allowed: Text| wrong(text, setting, allowed);
        let ruleset = match &file.ruleset {
            None => Ruleset::CrmFr1,
            Some(name) => Ruleset::parse(name)
                .ok_or_else(|| wrong("ruleset", allowed::one_of(&["crm-fr/1", "crm-intl/1"])))?,
        };
        let map_digest = match &file.map_digest {
            None => None,
            Some(digits) => {
                let bytes = HEXLOWER.decode(digits.as_bytes()).ok();
                let digest = bytes.and_then(|bytes| bytes.try_into().ok());
                Some(digest.ok_or_else(|| wrong("map_digest", Text::new("allowed-digest")))?)
            }
        };
        if file.map.as_deref() == Some(Path::new("")) {
            return Err(wrong("map", Text::new("allowed-path")));
        }
        let congestion = match &file.congestion {
            None => QuicOptions::default().congestion,
            Some(name) => Congestion::from_name(name)
                .ok_or_else(|| wrong("congestion", allowed::one_of(&["cubic", "bbr"])))?,
        };
        let memory_mib = file.memory_mib.unwrap_or(MEMORY_MIB_DEFAULT);
        if !(MEMORY_MIB_LEAST..=MEMORY_MIB_MOST).contains(&memory_mib) {
            return Err(wrong("memory_mib", allowed::range(MEMORY_MIB_LEAST, MEMORY_MIB_MOST)));
        }
        let threads = file.threads.unwrap_or(0);
        if threads > THREADS_MAX {
            return Err(wrong("threads", allowed::most(THREADS_MAX.into())));
        }
        Ok(Self {
            ruleset,
            options: Options::defaults(ruleset),
            map: file.map,
            map_digest,
            memory_bytes: usize::try_from(memory_mib).unwrap_or(16) << 20,
            threads: usize::from(threads),
            quic: QuicOptions { congestion, ..QuicOptions::default() },
        })
    }
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not readable.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A setting is unknown, of the other role, or out of range.
    Invalid {
        /// The file.
        path: PathBuf,
        /// The fault.
        fault: Fault,
    },
}

impl Diagnose for ConfigError {
    fn code(&self) -> Code {
        Code::Node
    }

    fn text(&self) -> Text {
        match self {
            Self::Unreadable { path, source } => {
                Text::new("settings-unreadable").with("path", path).with("why", source)
            }
            Self::Invalid { path, fault } => {
                Text::new("settings-invalid").with("path", path).with("fault", fault.text())
            }
        }
    }

    fn advice(&self) -> Option<Text> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Invalid { fault, .. } => Some(fault.advice()),
        }
    }
}
report::told_in_english!(ConfigError);

/// Refuses names that are neither of both roles nor of this one, and tells those of the other.
///
/// # Errors
///
/// [`Fault`] of the first such name.
pub fn check_names(text: &str, role: Role) -> Result<(), Fault> {
    for name in toml_file::names(text)? {
        let known = |names: &[&str]| names.contains(&name.as_str());
        if known(CommonFile::NAMES) || known(names_of(role)) {
            continue;
        }
        let what = if known(names_of(role.peer())) {
            Text::new("setting-of-other-node").with("name", &name).with("role", role.peer())
        } else if known(&OF_MAPS) {
            Text::new("setting-of-map").with("name", &name).with("role", role)
        } else {
            toml_file::unknown(&name)
        };
        return Err(Fault::new(what).at(text, &name));
    }
    Ok(())
}

/// A setting in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Name of the setting; `table.name` inside a table.
    pub name: &'static str,
    /// Value of the setting, as a file sets it.
    pub value: String,
    /// The line of the file that sets it; none for a default.
    pub line: Option<usize>,
}

/// Every setting of a file of this role in force, those of both roles first.
///
/// # Errors
///
/// [`Fault`] if the text is not TOML.
pub fn effective<S: Settings>(text: &str) -> Result<Vec<Effective>, Fault> {
    let all = COMMON_DEFAULTS.iter().chain(S::DEFAULTS);
    all.map(|&(name, default)| {
        Ok(match toml_file::value(text, name)? {
            Some((value, line)) => Effective { name, value, line: Some(line) },
            None => Effective { name, value: default.to_owned(), line: None },
        })
    })
    .collect()
}

/// The names of settings that only this role has.
#[must_use]
pub const fn names_of(role: Role) -> &'static [&'static str] {
    match role {
        Role::Advertiser => {
            &["not_for_purpose", "purpose", "table_tags_max", "shared", "guardrails"]
        }
        Role::Provider => &["drain_s", "prepared"],
    }
}

/// Names that left the settings: maps say it, for each input.
const OF_MAPS: [&str; 6] =
    ["delimiter", "encoding", "email_sha256", "phone_sha256", "ignore", "columns"];

/// The fault of a setting whose value is not allowed.
#[must_use]
pub fn wrong(text: &str, setting: &str, allowed: Text) -> Fault {
    let what = Text::new("setting-must-be").with("name", setting).with("allowed", allowed);
    Fault::new(what).at(text, setting)
}

/// Values that a setting may have.
pub mod allowed {
    use report::{Arg, Text};

    /// Choice between these words, two or three, in quotes.
    pub fn one_of(words: &[&str]) -> Text {
        let mut text = Text::new(if words.len() < 3 { "allowed-two" } else { "allowed-three" });
        for (name, word) in ["a", "b", "c"].into_iter().zip(words) {
            text = text.with(name, Arg::Word((*word).to_owned()));
        }
        text
    }

    /// A number within these bounds, as the sentence on the setting goes on.
    pub fn range(least: u64, most: u64) -> Text {
        Text::new("allowed-range").with("least", Arg::Number(least)).with("most", Arg::Number(most))
    }

    /// A number of at least this.
    pub fn at_least(least: u64) -> Text {
        Text::new("allowed-at-least").with("least", Arg::Number(least))
    }

    /// A number of at most this.
    pub fn most(most: u64) -> Text {
        Text::new("allowed-most").with("most", Arg::Number(most))
    }

    /// Numbers to write within these bounds.
    pub fn between(least: u16, most: u16) -> Text {
        Text::new("write-between")
            .with("least", Arg::Number(least.into()))
            .with("most", Arg::Number(most.into()))
    }

    /// Numbers to write from this one on.
    pub fn least(least: u32) -> Text {
        Text::new("write-least").with("least", Arg::Number(least.into()))
    }
}

settings! {
    /// Settings of both roles, as a file has them.
    CommonFile {
        ruleset: String,
        map: PathBuf,
        map_digest: String,
        memory_mib: u64,
        threads: u16,
        congestion: String,
    }
}

/// Settings of both roles with their defaults.
const COMMON_DEFAULTS: &[(&str, &str)] = &[
    ("ruleset", "\"crm-fr/1\""),
    ("map", UNSET),
    ("map_digest", UNSET),
    ("memory_mib", "192"),
    ("threads", "0"),
    ("congestion", "\"cubic\""),
];

/// Value of a setting without a default.
pub const UNSET: &str = "unset";

/// First lines of the file that `init` writes.
pub const TEMPLATE_FILES: &str = "\
    # Settings of this node. Unknown names are refused; one that is absent has its default.\n\
    \n\
    # Normalization rules; both nodes of a run must have the same.\n\
    ruleset = \"crm-fr/1\"\n\
    \n\
    # The map of your files, which says how their columns become ours; without one a file has our\n\
    # own names, UTF-8 and commas. The command `map` writes one.\n\
    # map = \"crm.map.toml\"\n\
    # Its digest, if no other map may be used.\n\
    # map_digest = \"26aa83543a45e377b392f18883fe12ac036f46f838582fe1e903fd8e2fc8860e\"\n";

/// Lines on the machine of the file that `init` writes.
pub const TEMPLATE_MACHINE: &str = "\n\
    # Memory for sorting, in MiB; larger sets are spilled to disk, sealed.\n\
    memory_mib = 192\n\
    \n\
    # Threads for arithmetic and for preparing files; 0 means one per core.\n\
    threads = 0\n\
    \n\
    # Congestion control: \"cubic\", or \"bbr\" for long or lossy paths.\n\
    congestion = \"cubic\"\n";

const MEMORY_MIB_DEFAULT: u64 = 192;
const MEMORY_MIB_LEAST: u64 = 16;
const MEMORY_MIB_MOST: u64 = 1 << 20;
const THREADS_MAX: u16 = 1_024;

/// Settings of a node with none of its own, for tests.
#[cfg(any(test, feature = "testing"))]
pub mod testing {
    use super::*;

    macro_rules! plain {
        ($name:ident, $role:ident) => {
            #[derive(Debug)]
            #[doc = concat!("Settings of the ", stringify!($role), " alone.")]
            pub struct $name(CommonSettings);

            impl Settings for $name {
                const ROLE: Role = Role::$role;
                const DEFAULTS: &'static [(&'static str, &'static str)] = &[];

                fn parse(text: &str) -> Result<Self, Fault> {
                    CommonSettings::parse(text).map(Self)
                }

                fn template() -> String {
                    [TEMPLATE_FILES, TEMPLATE_MACHINE].concat()
                }

                fn common(&self) -> &CommonSettings {
                    &self.0
                }
            }
        };
    }
    plain!(OfAdvertiser, Advertiser);
    plain!(OfProvider, Provider);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_one_role_is_refused_by_name_in_the_file_of_the_other() {
        for (role, line) in [(Role::Advertiser, 2), (Role::Provider, 2)] {
            for name in names_of(role.peer()) {
                let fault = check_names(&format!("\n{name} = 1\n"), role).unwrap_err();
                let whose = role.peer().name();
                assert_eq!(
                    fault.what.to_string(),
                    format!("`{name}` is a setting of the {whose}'s node")
                );
                assert_eq!(fault.line, Some(line), "{name}");
                assert!(fault.advice().to_string().starts_with("delete the line"));
                // A name is of one role, of both, or of none.
                assert!(!names_of(role).contains(name) && !CommonFile::NAMES.contains(name));
            }
        }
    }

    #[test]
    fn what_maps_say_is_refused_with_the_command_that_makes_one() {
        for (role, line) in [(Role::Advertiser, "columns"), (Role::Provider, "email_sha256")] {
            let fault = check_names(&format!("threads = 1\n{line} = 1\n"), role).unwrap_err();
            assert_eq!(fault.text().to_string(), format!("line 2: `{line}` is said by a map"));
            let command = format!("delete the line; `{}-node map FILE` writes a map", role.name());
            assert_eq!(fault.advice().to_string(), command);
        }
        let all = OF_MAPS.iter().all(|name| !CommonFile::NAMES.contains(name));
        assert!(all && check_names("phone_sha256 = \"plain\"", Role::Advertiser).is_err());
    }

    #[test]
    fn a_map_is_named_and_pinned() {
        let digest = "7f".repeat(32);
        let text = format!("map = \"crm.map.toml\"\nmap_digest = \"{digest}\"");
        let settings = CommonSettings::parse(&text).unwrap();
        assert_eq!(settings.map, Some("crm.map.toml".into()));
        assert_eq!(settings.map_digest, Some([0x7F; 32]));
        for wrong in ["map_digest = \"7f\"", "map_digest = \"plain\"", "map = \"\""] {
            let fault = CommonSettings::parse(wrong).unwrap_err();
            assert!(fault.text().to_string().starts_with("line 1: `map"), "{wrong}");
        }
        let upper = format!("map_digest = \"{}\"", digest.to_uppercase());
        assert!(CommonSettings::parse(&upper).is_err());
    }

    #[test]
    fn defaults_that_are_shown_are_those_in_force() {
        let set: Vec<_> = COMMON_DEFAULTS.iter().filter(|(_, value)| *value != UNSET).collect();
        let lines: String = set.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        let (shown, absent) = (CommonSettings::parse(&lines), CommonSettings::parse(""));
        assert_eq!(format!("{:?}", shown.unwrap()), format!("{:?}", absent.unwrap()));
        let names: Vec<_> = COMMON_DEFAULTS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, CommonFile::NAMES);
    }

    #[test]
    fn settings_of_a_file_are_told_with_their_lines() {
        let found = effective::<testing::OfProvider>("# text\nthreads = 2\n").unwrap();
        let threads = found.iter().find(|setting| setting.name == "threads").unwrap();
        assert_eq!((threads.value.as_str(), threads.line), ("2", Some(2)));
        let other = found.iter().find(|setting| setting.name == "memory_mib").unwrap();
        assert_eq!((other.value.as_str(), other.line), ("192", None));
    }
}
