//! Values of `--mode` and `--group`: who beside the owner may have the files that are written.

use std::fs;

/// Permission bits: octal digits that leave the owner reading and writing, and nobody executing.
pub(super) fn mode(text: &str) -> Result<u32, &'static str> {
    let mode = u32::from_str_radix(text, 8).map_err(|_| "digits")?;
    match mode & 0o600 == 0o600 && mode & !0o666 == 0 {
        true => Ok(mode),
        false => Err("bits"),
    }
}

/// A group by its number, or by its name in `/etc/group`.
pub(super) fn group(text: &str) -> Result<u32, &'static str> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let groups = fs::read_to_string(GROUPS).map_err(|_| "list")?;
    named(&groups, text).ok_or("group")
}

fn named(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut parts = line.split(':');
        let found = parts.next()? == name;
        // Name, password, number, members.
        found.then(|| parts.nth(1)?.parse().ok()).flatten()
    })
}

const GROUPS: &str = "/etc/group";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_reads_and_writes_and_nobody_executes() {
        for (text, expected) in [("600", 0o600), ("640", 0o640), ("0664", 0o664), ("666", 0o666)] {
            assert_eq!(mode(text), Ok(expected));
        }
        for text in ["400", "755", "1640", "4600", "9", "", "rw-r-----", "-640"] {
            mode(text).unwrap_err();
        }
    }

    #[test]
    fn groups_are_known_by_number_and_name() {
        let groups = "root:x:0:\nadm:x:4:syslog\nbroken:x\nadmin:x:1004:a,b\n";
        assert_eq!(named(groups, "adm"), Some(4));
        assert_eq!(named(groups, "admin"), Some(1004));
        assert_eq!((named(groups, "ad"), named(groups, "broken")), (None, None));
        assert_eq!(group("1004"), Ok(1004));
        group("no-such-group-here").unwrap_err();
    }
}
