//! The anchor: heads of the chains, kept outside the ledger's own file.
//!
//! Whoever puts back an older ledger, or loses it, would otherwise go on with a chain that charged
//! less. So `keys/ledger.anchor` holds, for each partner, the number and hash of the last entry. It
//! is written after the commit of that entry and before anything follows from it: it may lag by an
//! entry after a crash and is never ahead, hence a lower bound of every whole ledger [L-12].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use protocol::ledger::LedgerHead;

use super::{LedgerError, Partner};
use store::os::{self, Action};
use store::seal::{KeyedHash, StorageKey};

/// The anchor of one node.
#[derive(Debug)]
pub(super) struct Anchor {
    path: PathBuf,
    check: KeyedHash,
    writing: Mutex<()>,
}

/// Heads by partner.
pub(super) type Heads = BTreeMap<Partner, LedgerHead>;

impl Anchor {
    pub(super) fn at(path: &Path, key: &StorageKey) -> Result<Self, LedgerError> {
        let check =
            key.keyed_hash(PURPOSE).map_err(|_| LedgerError::Anchor { path: path.into() })?;
        Ok(Self { path: path.into(), check, writing: Mutex::default() })
    }

    /// The heads it holds; none if there is no anchor.
    pub(super) fn read(&self) -> Result<Option<Heads>, LedgerError> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(self.damaged()),
            Err(error) => return Err(os::at(Action::Read, &self.path)(error).into()),
        };
        self.parse(&text).map(Some).ok_or_else(|| self.damaged())
    }

    /// Notes the head of a chain that is on disk; a later one that is noted already stays.
    pub(super) fn raise(&self, partner: &Partner, head: LedgerHead) -> Result<(), LedgerError> {
        // What a poisoned lock guards is a file that is always whole.
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut heads = self.read()?.unwrap_or_default();
        let noted = heads.entry(*partner).or_insert(LedgerHead::EMPTY);
        if noted.seq >= head.seq {
            return Ok(());
        }
        *noted = head;
        self.write(&heads)
    }

    /// Writes the anchor anew.
    pub(super) fn write(&self, heads: &Heads) -> Result<(), LedgerError> {
        let mut text = format!("{TITLE}\n");
        for (partner, head) in heads {
            let (partner, hash) = (store::hex(partner), store::hex(&head.hash));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{partner} {} {hash}", head.seq);
        }
        let check = store::hex(&self.check.of(&[text.as_bytes()]));
        text.push_str(&format!("{CHECK}{check}\n"));
        Ok(os::publish_atomically(&self.path, os::PRIVATE_MODE, |out| {
            out.write_all(text.as_bytes())
        })?)
    }

    fn damaged(&self) -> LedgerError {
        LedgerError::Anchor { path: self.path.clone() }
    }

    fn parse(&self, text: &str) -> Option<Heads> {
        let (body, check) = text.strip_suffix('\n')?.rsplit_once('\n')?;
        let body = text.get(..body.len().checked_add(1)?)?;
        if check.strip_prefix(CHECK)? != store::hex(&self.check.of(&[body.as_bytes()])) {
            return None;
        }
        let mut lines = body.lines();
        if lines.next()? != TITLE {
            return None;
        }
        let head = |line: &str| {
            let mut words = line.split(' ');
            let (partner, seq, hash) = (words.next()?, words.next()?, words.next()?);
            let head = LedgerHead { seq: seq.parse().ok()?, hash: store::from_hex(hash)? };
            words.next().is_none().then_some((store::from_hex(partner)?, head))
        };
        lines.map(head).collect()
    }
}

const TITLE: &str = "veilmatch ledger anchor 3";
const CHECK: &str = "check ";
const PURPOSE: &str = "ledger-anchor";

#[cfg(test)]
mod tests {
    use super::*;
    use store::os::testing::{private_tempdir, with_fault};

    fn anchor(dir: &Path) -> Anchor {
        Anchor::at(&dir.join("ledger.anchor"), &StorageKey::from_bytes([1; 32])).unwrap()
    }

    #[test]
    fn head_is_raised_and_never_lowered() {
        let dir = private_tempdir();
        let anchor = anchor(dir.path());
        assert!(anchor.read().unwrap().is_none());
        let head = |seq: u64| LedgerHead { seq, hash: [seq as u8; 32] };
        for seq in [1, 3, 2] {
            anchor.raise(&[7; 32], head(seq)).unwrap();
        }
        anchor.raise(&[8; 32], head(1)).unwrap();
        let expected = Heads::from([([7; 32], head(3)), ([8; 32], head(1))]);
        assert_eq!(anchor.read().unwrap().unwrap(), expected);
    }

    #[test]
    fn any_changed_byte_or_other_key_is_found() {
        let dir = private_tempdir();
        let anchor = anchor(dir.path());
        anchor.raise(&[7; 32], LedgerHead { seq: 12, hash: [9; 32] }).unwrap();
        let whole = std::fs::read(&anchor.path).unwrap();
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            std::fs::write(&anchor.path, altered).unwrap();
            assert!(matches!(anchor.read(), Err(LedgerError::Anchor { .. })), "byte {at}");
        }
        for len in 0..whole.len() {
            std::fs::write(&anchor.path, &whole[..len]).unwrap();
            assert!(anchor.read().is_err(), "cut at {len}");
        }
        std::fs::write(&anchor.path, whole).unwrap();
        let other = Anchor::at(&anchor.path, &StorageKey::from_bytes([2; 32])).unwrap();
        assert!(other.read().is_err());
    }

    #[test]
    fn anchor_is_old_or_new_at_every_failure() {
        let dir = private_tempdir();
        let anchor = anchor(dir.path());
        let head = |seq| LedgerHead { seq, hash: [1; 32] };
        anchor.raise(&[7; 32], head(1)).unwrap();
        for at in 0.. {
            let (raised, reached) = with_fault(at, || anchor.raise(&[7; 32], head(2)));
            let seq = anchor.read().unwrap().unwrap()[&[7; 32]].seq;
            if !reached {
                raised.unwrap();
                assert_eq!(seq, 2);
                break;
            }
            assert!(raised.is_err() && (1..=2).contains(&seq));
            anchor.write(&Heads::from([([7; 32], head(1))])).unwrap();
        }
    }
}
