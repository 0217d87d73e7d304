//! Parties as a reader names them: party ids, identity lines, and names of the reader's own.

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use data_encoding::HEXLOWER_PERMISSIVE;
use protocol::attestation::PartyId;

use crate::statement::hex;

/// The party of an identity line (`vmid1…`, K-11): the hash of the first of its two keys.
///
/// Upper case, white space around it and the word `identity:` before it are forgiven.
///
/// # Errors
///
/// [`PartyError`], if the line is no identity or has a wrong character.
pub fn of_line(line: &str) -> Result<PartyId, PartyError> {
    let line = line.trim().trim_start_matches("identity:").trim().to_ascii_lowercase();
    if !line.starts_with(PREFIX) {
        return Err(PartyError::Neither);
    }
    let checked = CheckedHrpstring::new::<Bech32m>(&line).map_err(|_| PartyError::Checksum)?;
    let bytes: Vec<u8> = checked.byte_iter().collect();
    match bytes.as_chunks::<32>() {
        // Bits that pad the last character are zero: one identity has one text.
        ([key, spki], []) if identity_line(key, spki).as_ref() == Some(&line) => {
            Ok(PartyId::of(key))
        }
        _ => Err(PartyError::Checksum),
    }
}

/// The party of a party id of 64 hexadecimal digits, or of an identity line.
///
/// # Errors
///
/// [`PartyError`], if the text is neither or has a wrong character.
pub fn of_text(text: &str) -> Result<PartyId, PartyError> {
    let id = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok();
    match id.and_then(|id| id.try_into().ok()) {
        Some(id) => Ok(PartyId(id)),
        None => of_line(text),
    }
}

/// The identity line of two keys; `None` for one of more than 1,023 characters, which none is.
#[must_use]
pub fn identity_line(attestation_key: &[u8; 32], spki: &[u8; 32]) -> Option<String> {
    let bytes = [&attestation_key[..], spki].concat();
    bech32::encode::<Bech32m>(PART, &bytes).ok()
}

/// Names that the reader gives to parties, from a file of lines `name = "PARTY"`.
#[derive(Debug, Clone, Default)]
pub struct Names(Vec<(String, PartyId)>);

impl Names {
    /// Reads the lines of a names file. They are TOML, without tables, escapes and lists.
    ///
    /// # Errors
    ///
    /// [`NamesFault`] at the first line that is no name of a party, or that names one again.
    pub fn parse(text: &str) -> Result<Self, NamesFault> {
        let mut names = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let at = |why| NamesFault { line: number, why };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, party) = assignment(line).ok_or_else(|| at(NameFault::Form))?;
            let party = of_text(party).map_err(|why| at(NameFault::Party(why)))?;
            if names.0.iter().any(|(other, id)| other == name || *id == party) {
                return Err(at(NameFault::Again));
            }
            names.0.push((name.to_string(), party));
        }
        Ok(names)
    }

    /// The name of a party.
    #[must_use]
    pub fn of(&self, party: &PartyId) -> Option<&str> {
        self.0.iter().find(|(_, id)| id == party).map(|(name, _)| name.as_str())
    }

    /// The party that a reader names: by a name, a party id, or an identity line.
    ///
    /// # Errors
    ///
    /// [`PartyError`] if it is none of them.
    pub fn party(&self, text: &str) -> Result<PartyId, PartyError> {
        let named = self.0.iter().find(|(name, _)| name == text);
        named.map_or_else(|| of_text(text), |(_, party)| Ok(*party))
    }

    /// The name of a party, or the first digits of its id.
    #[must_use]
    pub fn short(&self, party: &PartyId) -> String {
        match self.of(party) {
            Some(name) => name.to_string(),
            None => hex(&party.0).chars().take(8).chain(['…']).collect(),
        }
    }
}

/// Fault of a text that names no party; its writer acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartyError {
    /// Something else.
    Neither,
    /// An identity line with a wrong or missing character.
    Checksum,
}

impl PartyError {
    /// Word by which a text selects its variant.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neither => "neither",
            Self::Checksum => "checksum",
        }
    }
}

/// A line of a names file that names no party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamesFault {
    /// Number of the line, from 1.
    pub line: u64,
    /// Fault of the line.
    pub why: NameFault,
}

/// Fault of a line that names no party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault {
    /// No name with a party.
    Form,
    /// The name or the party stands in an earlier line too.
    Again,
    /// The value is no party.
    Party(PartyError),
}

impl NameFault {
    /// Word by which a text selects its variant.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Again => "again",
            Self::Party(why) => why.name(),
        }
    }
}

/// Name and value of `name = "value"`; the name is bare, or quoted where it has other characters.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => {
            let end = line.find(|c: char| !is_bare(c)).unwrap_or(line.len());
            line.split_at_checked(end)?
        }
    };
    let value = rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
    let (value, rest) = value.split_once('"')?;
    let rest = rest.trim_start();
    let plain = |text: &str| !text.contains('\\') && !text.chars().any(char::is_control);
    let holds = !name.trim().is_empty() && (rest.is_empty() || rest.starts_with('#'));
    (holds && plain(name) && plain(value)).then_some((name, value))
}

const fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

const PART: Hrp = Hrp::parse_unchecked("vmid");
const PREFIX: &str = "vmid1";

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by an implementation of BIP 350 of its own, over 32 bytes 7 and 32 bytes 9.
    const FIXED: &str = "\
        vmid1qurswpc8qurswpc8qurswpc8qurswpc8qurswpc8qurswpc8qurs\
        jzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgssus2y";

    #[test]
    fn identity_lines_are_those_of_the_nodes() {
        assert_eq!(identity_line(&[7; 32], &[9; 32]).as_deref(), Some(FIXED));
        let party = Ok(PartyId::of(&[7; 32]));
        assert_eq!(of_line(FIXED), party);
        assert_eq!(of_line(&format!("identity: {}\r\n", FIXED.to_uppercase())), party);
        assert_eq!(of_text(&hex(&PartyId::of(&[7; 32]).0)), party);
        for at in 5..FIXED.len() {
            let mut changed = FIXED.as_bytes().to_vec();
            changed[at] = if changed[at] == b'q' { b'p' } else { b'q' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(of_line(&changed), Err(PartyError::Checksum), "{at}");
        }
        assert_eq!(of_line(&FIXED[..100]), Err(PartyError::Checksum));
        for other in ["Régie B", "", "00", &"00".repeat(33), &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(of_text(other), Err(PartyError::Neither), "{other}");
        }
        assert_eq!(of_text(&"aB".repeat(32)), Ok(PartyId([0xAB; 32])));
    }

    #[test]
    fn names_stand_for_parties() {
        let file = format!(
            "# partners\n\nshop-a = \"{}\"\n  \"Régie B\" = \"{FIXED}\"  # by telephone\n",
            hex(&[0xA1; 32])
        );
        let names = Names::parse(&file).unwrap();
        assert_eq!(names.party("shop-a"), Ok(PartyId([0xA1; 32])));
        assert_eq!(names.party("Régie B"), Ok(PartyId::of(&[7; 32])));
        assert_eq!(names.party(FIXED), Ok(PartyId::of(&[7; 32])));
        assert_eq!(names.party("régie b"), Err(PartyError::Neither));
        assert_eq!(names.short(&PartyId([0xA1; 32])), "shop-a");
        assert_eq!(names.short(&PartyId([0xB2; 32])), "b2b2b2b2…");
    }

    #[test]
    fn lines_that_name_nobody_are_told_by_their_number() {
        let id = hex(&[1; 32]);
        for (file, line, why) in [
            ("shop".to_string(), 1, NameFault::Form),
            ("shop = vmid1".to_string(), 1, NameFault::Form),
            (format!("\n[names]\nshop = \"{id}\""), 2, NameFault::Form),
            (format!("\"\" = \"{id}\""), 1, NameFault::Form),
            (format!("\"a\u{7}b\" = \"{id}\""), 1, NameFault::Form),
            (format!("\"a\\nb\" = \"{id}\""), 1, NameFault::Form),
            (format!("a = \"{id}\" b"), 1, NameFault::Form),
            ("a = \"b\"".to_string(), 1, NameFault::Party(PartyError::Neither)),
            (format!("a = \"{id}\"\nb = \"{id}\""), 2, NameFault::Again),
            (format!("a = \"{id}\"\na = \"{FIXED}\""), 2, NameFault::Again),
        ] {
            assert_eq!(Names::parse(&file).map(|_| ()), Err(NamesFault { line, why }), "{file}");
        }
    }
}
