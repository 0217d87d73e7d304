//! `accept`: keeps a provider's invitation, which pins its identity.

use std::path::{Path, PathBuf};

use channel::identity::comparison_code;
use node::console::{OutputOptions, Terminal, confirm};
use node::failure::Failure;
use node::invite::Invitation;
use report::{Arg, Code, Line, Text};

use crate::Home;
use crate::cli::AcceptOptions;
use crate::partner::{providers, rules_must_agree};

pub(crate) fn run(
    dir: &Path,
    options: &AcceptOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    output.look_at_json()?;
    let invitation = Invitation::read(&options.invitation)?;
    if invitation.advertiser != home.identity.public() {
        let text = Text::new("accept-other-identity").with("path", &home.path("identity.txt"));
        return Err(Failure::new(Code::ToDoFirst, text));
    }
    rules_must_agree(&home, &invitation)?;
    let name = match &options.name {
        Some(name) if is_name(name) => name.clone(),
        Some(_) => return Err(Failure::new(Code::Usage, Text::new("accept-name"))),
        None => host(&invitation.address),
    };
    let known = providers(&home);
    let of_this = |path: &PathBuf| {
        Invitation::read(path).is_ok_and(|known| known.provider == invitation.provider)
    };
    if let Some((_, path)) = known.iter().find(|(one, _)| *one == name)
        && !of_this(path)
    {
        let text = Text::new("accept-name-taken").with("name", &name);
        return Err(Failure::new(Code::Usage, text));
    }
    let path = home.private_dir("providers")?.join(format!("{name}.toml"));
    let replaced = known.iter().find_map(|(_, old)| {
        Invitation::read(old).ok().filter(|old| old.provider == invitation.provider)
    });
    if let Some(old) = replaced {
        let differences = differences(&old, &invitation)?;
        differences.iter().for_each(|line| terminal.line(line));
        let question = Text::new("accept-replace").with("name", &name);
        if !differences.is_empty() && !confirm(&question, options.yes, terminal)? {
            return Err(Failure::new(Code::ToDoFirst, Text::new("accept-kept")));
        }
    }
    invitation.write(&path)?;
    // A second invitation of one provider replaces the first, whatever that was called.
    for (_, old) in known.iter().filter(|(_, old)| *old != path && of_this(old)) {
        std::fs::remove_file(old).map_err(store::os::at(store::os::Action::Remove, old))?;
    }
    terminal.say(&Text::new("accept-name-is").with("name", &name));
    let identity = invitation.provider.to_string();
    terminal.say(&Text::new("accept-pinned").with("identity", identity));
    terminal.say(&Text::new("accept-address").with("address", &invitation.address));
    let profiles = Arg::Word(invitation.profiles.join(", "));
    terminal.say(&Text::new("accept-profiles").with("profiles", profiles));
    let code = comparison_code(&invitation.advertiser, &invitation.provider);
    terminal.say(&Text::new("compare-code").with("code", code.to_string()));
    let paste = Text::new("accept-next-command").with("dir", dir);
    terminal.list([Line::of(Text::new("accept-next")), Line::under(paste)]);
    Ok(())
}

/// Lines of the files of two invitations that only one of them has, as a comparison shows them.
fn differences(old: &Invitation, new: &Invitation) -> Result<Vec<String>, Failure> {
    let (old, new) = (old.to_text()?, new.to_text()?);
    let only = |sign, of: &str, other: &str| -> Vec<String> {
        let missing =
            |line: &&str| !line.trim().is_empty() && !other.lines().any(|one| one == *line);
        of.lines().filter(missing).map(|line| format!("  {sign} {}", report::shown(line))).collect()
    };
    Ok([only('-', &old, &new), only('+', &new, &old)].concat())
}

/// The host of an address, as far as a name of a file may have its characters.
fn host(address: &str) -> String {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let plain = |c: char| if is_plain(c) { c.to_ascii_lowercase() } else { '-' };
    let host = host.trim_matches(['[', ']']).chars().map(plain).take(NAME_MAX).collect::<String>();
    match host.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => host,
        // Such as an address of IPv6 that begins with colons.
        false => format!("p{host}").chars().take(NAME_MAX).collect(),
    }
}

/// True if a text may be the name of a provider: letters, digits, `.`, `-` and `_`, 64 at most.
fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    starts && text.len() <= NAME_MAX && text.chars().all(is_plain)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

const NAME_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_called_by_its_host_unless_it_is_named() {
        for (address, name) in [
            ("Match.example.net:4433", "match.example.net"),
            ("127.0.0.1:4433", "127.0.0.1"),
            ("[2001:db8::1]:4433", "2001-db8--1"),
            ("[::1]:4433", "p--1"),
            ("match.example.net", "match.example.net"),
        ] {
            assert_eq!(host(address), name);
            assert!(is_name(name));
        }
        for name in ["", ".hidden", "-x", "a/b", "../a", "a b", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
