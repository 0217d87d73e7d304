//! The provider a command is about: its invitation, and the consequences of it.

use std::path::PathBuf;

use node::failure::Failure;
use node::invite::Invitation;
use normalize::manifest::RulesManifest;
use protocol::identifier::IdentifierKind;
use report::{Arg, Code, Text};

use crate::Home;

/// Both nodes must normalize alike, or equal customers would not meet.
pub(crate) fn rules_must_agree(
    home: &Home,
    invitation: &Invitation,
) -> Result<RulesManifest, Failure> {
    let own = RulesManifest::build(home.config.common.ruleset, &home.config.common.options)?;
    match own.first_difference(&invitation.rules_manifest) {
        None => Ok(own),
        Some(difference) => Err(difference.into()),
    }
}

/// The one accepted provider, or the one that was named.
pub(crate) fn invitation(home: &Home, wanted: Option<&str>) -> Result<Invitation, Failure> {
    let found = providers(home);
    let path = match (wanted, found.as_slice()) {
        (_, []) => return Err(Failure::new(Code::ToDoFirst, Text::new("provider-none"))),
        (None, [(_, only)]) => only,
        (None, _) => {
            let text = Text::new("provider-several").with("names", names(&found));
            return Err(Failure::new(Code::Usage, text));
        }
        (Some(wanted), _) => named(&found, wanted)?,
    };
    Ok(Invitation::read(path)?)
}

/// The one provider of this name, or whose name begins so.
fn named<'a>(found: &'a [(String, PathBuf)], wanted: &str) -> Result<&'a PathBuf, Failure> {
    let unclear = |id| {
        let text = Text::new(id).with("name", wanted).with("names", names(found));
        Err(Failure::new(Code::Usage, text))
    };
    let begins: Vec<_> = found.iter().filter(|(name, _)| name.starts_with(wanted)).collect();
    let exact = begins.iter().find(|(name, _)| name == wanted);
    match (exact, &begins[..]) {
        (Some((_, path)), _) | (None, [(_, path)]) => Ok(path),
        (None, []) => unclear("provider-unknown"),
        (None, _) => unclear("provider-ambiguous"),
    }
}

fn names(found: &[(String, PathBuf)]) -> Arg {
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    Arg::Word(names.join(", "))
}

/// The accepted invitations of this node, by the name that `--provider` takes.
pub(crate) fn providers(home: &Home) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(home.path("providers"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let name = path.file_stem()?.to_str()?.to_owned();
            // Copies that an editor or a backup left are no providers.
            let plain = !name.starts_with('.') && path.is_file();
            (plain && path.extension()? == "toml").then_some((name, path))
        })
        .collect();
    found.sort();
    found
}

/// Codes of the kinds the invitation lists, in the order of the terms.
pub(crate) fn kinds(invitation: &Invitation) -> Vec<u8> {
    let known = invitation.kinds.iter().filter_map(|name| IdentifierKind::from_name(name));
    let mut kinds: Vec<u8> = known.map(IdentifierKind::code).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_of_a_name_has_to_mean_one_provider() {
        let found = ["abc", "abcd", "xyz"].map(|name| (name.to_owned(), PathBuf::from(name)));
        for (wanted, path) in [("abc", "abc"), ("abcd", "abcd"), ("x", "xyz")] {
            assert_eq!(named(&found, wanted).unwrap(), &PathBuf::from(path));
        }
        for wanted in ["ab", "", "q", "abcde"] {
            let refused = named(&found, wanted).unwrap_err();
            assert_eq!(refused.exit().code(), 2, "{wanted}");
        }
    }
}
