//! Numbers of digital-ID namespaces on the wire: given once, and never given again.
//!
//! Terms and IDS frames name a namespace by a u16. Advertising ids have fixed numbers; the cookie
//! namespaces of this node's graph get theirs in the order in which they are met. The table is the
//! node's, so that all partners read the same numbers, and the part that concerns a partner
//! travels in its invitation.

use std::collections::BTreeMap;

use node::failure::Failure;
use node::invite::COOKIE_NAMESPACE_MIN;
use normalize::digital::{DigitalKind, is_listed_name};
use protocol::error::Bug;
use report::{Code, Text};
use serde::{Deserialize, Serialize};
use store::os::{self, Action, DirectoryLock, OsError};

use crate::Home;

/// Every namespace of this node with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Namespaces {
    codes: BTreeMap<String, u16>,
}

impl Namespaces {
    /// Reads the table; advertising ids are always in it.
    pub(crate) fn read(home: &Home) -> Result<Self, Failure> {
        let path = home.path(DIRECTORY).join(FILE);
        let mut codes: BTreeMap<String, u16> = match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                let text = Text::new("namespaces-unusable").with("path", &path);
                Failure::new(Code::ToDoFirst, text.with("why", error.message()))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => {
                return Err(OsError::Io { action: Action::Read, path, source }.into());
            }
        };
        if codes.keys().any(|name| !is_listed_name(name)) {
            let text = Text::new("namespaces-name").with("path", &path);
            return Err(Failure::new(Code::ToDoFirst, text));
        }
        for kind in DigitalKind::ALL {
            codes.extend(kind.number().map(|number| (kind.name().to_owned(), number)));
        }
        Ok(Self { codes })
    }

    /// Gives numbers to names that have none yet.
    pub(crate) fn learn<'a>(
        home: &Home,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<Self, Failure> {
        let directory = home.private_dir(DIRECTORY)?;
        let _lock = DirectoryLock::wait(&directory)?;
        let mut known = Self::read(home)?;
        let before = known.codes.len();
        for name in names {
            if !known.codes.contains_key(name) {
                let last = known.codes.values().copied().max().unwrap_or(0);
                let code = last
                    .max(COOKIE_NAMESPACE_MIN - 1)
                    .checked_add(1)
                    .ok_or_else(|| Failure::new(Code::ToDoFirst, Text::new("namespaces-full")))?;
                known.codes.insert(name.clone(), code);
            }
        }
        if known.codes.len() > before {
            let text = toml::to_string(&known).map_err(|_| Bug::invariant())?;
            os::publish_atomically(&directory.join(FILE), os::PRIVATE_MODE, |out| {
                out.write_all(text.as_bytes())
            })?;
        }
        Ok(known)
    }

    /// The number of a namespace, or of a type of advertising id.
    pub(crate) fn code(&self, name: &str) -> Option<u16> {
        self.codes.get(name).copied()
    }

    /// Every namespace, by its number.
    pub(crate) fn by_code(&self) -> BTreeMap<u16, String> {
        self.codes.iter().map(|(name, code)| (*code, name.clone())).collect()
    }
}

const DIRECTORY: &str = "namespaces";
const FILE: &str = "codes.toml";

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn numbers_are_given_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        Home::create(&dir.path().join("p")).unwrap();
        let home = Home::open(&dir.path().join("p")).unwrap();
        assert_eq!(Namespaces::read(&home).unwrap().code("idfa"), Some(1));
        let first = Namespaces::learn(&home, &["b.example".to_owned()]).unwrap();
        assert_eq!(first.code("b.example"), Some(0x0100));
        let both = ["a.example".to_owned(), "b.example".to_owned(), "aaid".to_owned()];
        let second = Namespaces::learn(&home, &both).unwrap();
        assert_eq!(
            (second.code("a.example"), second.code("b.example")),
            (Some(0x0101), Some(0x0100))
        );
        assert_eq!(second.code("aaid"), Some(2));
        assert_eq!(Namespaces::read(&home).unwrap(), second);
        assert_eq!(second.by_code().len(), 4);
        for text in ["x = \"y\"", "\"A.example\" = 256", "uid2 = 256"] {
            std::fs::write(home.path(DIRECTORY).join(FILE), text).unwrap();
            assert!(Namespaces::read(&home).is_err(), "{text}");
        }
    }
}
