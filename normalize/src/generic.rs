//! Lists of values that name nobody in particular, and the pinned tables that hold them.
//!
//! Role mailboxes, throw-away domains and placeholders are refused or marked; top-level
//! domains, misspelt domains and relay domains only explain a low rate. Every table is a text
//! file compiled into the program, and its digest stands in the ruleset manifest.

use std::collections::HashSet;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::decode::NULL_MARKERS;

/// A data table of the ruleset.
pub(super) struct Table {
    /// The name in the manifest.
    pub(super) name: &'static str,
    /// The whole file.
    pub(super) text: &'static str,
}

impl Table {
    /// The first column of every row, in file order.
    fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.rows().map(|row| row.split('\t').next().unwrap_or_default())
    }

    /// The rows, comments left out.
    fn rows(&self) -> impl Iterator<Item = &'static str> {
        self.text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
    }
}

/// True if a canonical local part, up to its first `+`, is a mailbox of a function.
pub(super) fn is_role_mailbox(local: &str) -> bool {
    let name = local.split('+').next().unwrap_or_default();
    LISTS.roles.contains(name)
}

/// True if a domain, or one it belongs to, gives throw-away addresses.
pub(super) fn is_disposable(domain: &str) -> bool {
    has_domain(&LISTS.disposable, domain)
}

/// True if a domain, or one it belongs to, gives private relay aliases.
pub(super) fn is_relay(domain: &str) -> bool {
    has_domain(&LISTS.relays, domain)
}

/// True if a domain is a frequent misspelling of a large mailbox provider.
pub(super) fn is_typo_domain(domain: &str) -> bool {
    LISTS.typos.contains(domain)
}

/// True if the last label of a domain is in the pinned list of top-level domains.
pub(super) fn is_known_tld(domain: &str) -> bool {
    LISTS.tlds.contains(domain.rsplit('.').next().unwrap_or_default())
}

/// True if a canonical e-mail address, strict or Gmail form, is a placeholder.
pub(super) fn is_generic_email(canonical: &str) -> bool {
    LISTS.generic_emails.contains(canonical)
}

/// True if a canonical telephone number is a placeholder: listed, or one digit repeated.
///
/// `national` is its national significant number. One repeated digit means that all digits
/// after the first are equal or, in the French overseas plans, where the first three digits
/// name the place, all after the third.
pub(super) fn is_generic_phone(canonical: &str, national: &str) -> bool {
    let overseas = ["+590", "+594", "+596", "+262"].iter().any(|code| canonical.starts_with(code));
    let repeats = |prefix: usize| {
        let same = |rest: &[u8]| {
            let first = rest.first();
            rest.len() >= REPEATED_DIGITS_MIN && rest.iter().all(|digit| Some(digit) == first)
        };
        national.as_bytes().get(prefix..).is_some_and(same)
    };
    LISTS.generic_phones.contains(canonical) || repeats(1) || (overseas && repeats(3))
}

/// True if a digest is that of a placeholder, of a null marker, or of the empty string.
pub(super) fn is_generic_digest(digest: &[u8; 32]) -> bool {
    LISTS.digests.contains(digest)
}

type Texts = HashSet<&'static str>;

/// The tables as sets.
struct Lists {
    roles: Texts,
    disposable: Texts,
    relays: Texts,
    typos: Texts,
    tlds: Texts,
    generic_emails: Texts,
    generic_phones: Texts,
    digests: HashSet<[u8; 32]>,
}

impl Lists {
    fn read() -> Self {
        Self {
            roles: ROLE_MAILBOX.keys().collect(),
            disposable: DISPOSABLE.keys().collect(),
            relays: RELAY_DOMAIN.keys().collect(),
            typos: TYPO_DOMAIN.keys().collect(),
            tlds: TLD.keys().collect(),
            generic_emails: generic("email").collect(),
            generic_phones: generic("phone").collect(),
            digests: digests(),
        }
    }
}

/// Digests of everything that a careless export hashes instead of leaving the field empty.
///
/// A repeated digit can only be recognised here where it can be listed: French numbers.
fn digests() -> HashSet<[u8; 32]> {
    let mut found = HashSet::new();
    let mut add = |text: &str| {
        found.insert(Sha256::digest(text.as_bytes()).into());
    };
    NULL_MARKERS.into_iter().chain(generic("email")).for_each(&mut add);
    for phone in generic("phone") {
        add(phone);
        add(phone.trim_start_matches('+'));
    }
    for first in 1..=9_u8 {
        for digit in 0..=9_u8 {
            let national = format!("{first}{}", digit.to_string().repeat(8));
            add(&format!("+33{national}"));
            add(&format!("33{national}"));
            add(&format!("0{national}"));
        }
    }
    found
}

/// The placeholders of one kind.
fn generic(kind: &str) -> impl Iterator<Item = &'static str> {
    let rows = GENERIC.rows().filter_map(|row| row.split_once('\t'));
    rows.filter(move |(key, _)| *key == kind).map(|(_, value)| value)
}

/// Looks a domain up, then every domain it belongs to.
fn has_domain(list: &Texts, domain: &str) -> bool {
    let mut rest = domain;
    loop {
        if list.contains(rest) {
            return true;
        }
        match rest.split_once('.') {
            Some((_, parent)) => rest = parent,
            None => return false,
        }
    }
}

/// Every table, in the order of the manifest.
pub(super) const TABLES: [&Table; 6] =
    [&ROLE_MAILBOX, &DISPOSABLE, &GENERIC, &TLD, &TYPO_DOMAIN, &RELAY_DOMAIN];

/// Fewer equal digits than this are not a placeholder.
const REPEATED_DIGITS_MIN: usize = 6;

static LISTS: LazyLock<Lists> = LazyLock::new(Lists::read);

static ROLE_MAILBOX: Table =
    Table { name: "role-mailbox.tsv", text: include_str!("tables/role-mailbox.tsv") };
static DISPOSABLE: Table =
    Table { name: "disposable.tsv", text: include_str!("tables/disposable.tsv") };
static GENERIC: Table = Table { name: "generic.tsv", text: include_str!("tables/generic.tsv") };
static TLD: Table = Table { name: "tld.tsv", text: include_str!("tables/tld.tsv") };
static TYPO_DOMAIN: Table =
    Table { name: "typo-domain.tsv", text: include_str!("tables/typo-domain.tsv") };
static RELAY_DOMAIN: Table =
    Table { name: "relay-domain.tsv", text: include_str!("tables/relay-domain.tsv") };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_clean_sorted_and_have_no_repeats() {
        for table in TABLES {
            assert!(table.text.starts_with("# "), "{}: no source and date", table.name);
            assert!(table.text.contains("date 20"), "{}", table.name);
            assert!(table.text.ends_with('\n') && !table.text.contains('\r'), "{}", table.name);
            let rows: Vec<&str> = table.rows().collect();
            assert!(rows.is_sorted_by(|a, b| a < b), "{}", table.name);
            assert!(rows.iter().all(|row| row.trim() == *row && row.is_ascii()));
            assert!(rows.iter().all(|row| !row.chars().any(|c| c.is_ascii_uppercase())));
        }
        let columns =
            |table: &Table, count| table.rows().all(|row| row.split('\t').count() == count);
        assert!(columns(&GENERIC, 2) && columns(&TYPO_DOMAIN, 2));
        assert!(columns(&TLD, 1) && columns(&ROLE_MAILBOX, 1) && columns(&DISPOSABLE, 1));
        assert!(!LISTS.generic_emails.is_empty() && !LISTS.generic_phones.is_empty());
        assert_eq!(LISTS.generic_emails.len() + LISTS.generic_phones.len(), GENERIC.rows().count());
    }

    #[test]
    fn misspelt_domains_are_not_the_real_ones() {
        for row in TYPO_DOMAIN.rows() {
            let (wrong, right) = row.split_once('\t').unwrap();
            assert!(!is_typo_domain(right), "{right}");
            assert_ne!(wrong, right);
        }
    }

    #[test]
    fn domains_are_found_with_their_subdomains_only() {
        assert!(is_disposable("yopmail.com"));
        assert!(is_disposable("a.b.yopmail.com"));
        assert!(!is_disposable("notyopmail.com"));
        assert!(!is_disposable("yopmail.com.fr"));
        assert!(is_relay("privaterelay.appleid.com"));
        assert!(!is_relay("appleid.com"));
        assert!(is_known_tld("exemple.fr") && is_known_tld("a.xn--p1ai"));
        assert!(!is_known_tld("exemple.frr"));
    }

    #[test]
    fn role_mailboxes_are_read_before_the_plus() {
        assert!(is_role_mailbox("contact"));
        assert!(is_role_mailbox("contact+news"));
        assert!(!is_role_mailbox("contactez"));
        assert!(!is_role_mailbox("+contact"));
    }

    #[test]
    fn repeated_digits_are_placeholders() {
        assert!(is_generic_phone("+33600000000", "600000000"));
        assert!(is_generic_phone("+33611111111", "611111111"));
        assert!(is_generic_phone("+33111111111", "111111111"));
        assert!(is_generic_phone("+590690000000", "690000000"));
        assert!(!is_generic_phone("+33690000000", "690000000"));
        assert!(!is_generic_phone("+33199001234", "199001234"));
        assert!(!is_generic_phone("+68711111", "11111"), "short national numbers do repeat");
    }

    #[test]
    fn digests_of_placeholders_are_known() {
        let known = |text: &str| is_generic_digest(&Sha256::digest(text.as_bytes()).into());
        let texts =
            ["", "null", "test@test.com", "+33600000000", "33600000000", "0600000000", "n/a"];
        assert!(texts.into_iter().all(known));
        assert!(!known("camille.exemple@example.net"));
    }
}
