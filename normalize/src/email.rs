//! E-mail: the strict form of every address, and the Gmail form of the Gmail family.
//!
//! Both forms are emitted for every Gmail address, even where they are equal: a party that
//! holds `janedoe@gmail.com` could not otherwise meet `jane.doe+news@gmail.com`. Dots and plus
//! signs are significant everywhere else, and no address is ever corrected.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use zeroize::Zeroizing;

use super::decode::{self, Miss};
use super::generic;
use super::options::{ListAction, Options};
use super::reason::{Reason, Repair, Warning};
use super::shape;
use super::{Canonical, Draft, Kind, Level};

/// Inputs of the e-mail rules beside the value.
pub(super) struct Context<'a> {
    pub(super) options: &'a Options,
    /// True if the lists of role mailboxes, throw-away domains and placeholders apply.
    pub(super) lists: bool,
    /// True if the row is flagged synthetic, for the truth test.
    pub(super) synthetic: bool,
}

/// Normalizes one address by section 4 of the rules.
pub(super) fn normalize(raw: &str, context: &Context<'_>) -> Result<Vec<Draft>, Miss> {
    let (cleaned, repair) = clean(decode::checked(raw)?);
    let (local, domain) = split(&cleaned)?;
    let local = local_part(local)?;
    let domain = ascii_domain(domain)?;
    let warnings = judge(&local, &domain, context)?;

    let strict = joined(&local, &domain);
    let gmail = GMAIL_DOMAINS.contains(&domain.as_str()).then(|| gmail_local(&local));
    let gmail = gmail.map(|local| local.map(|local| joined(&local, GMAIL_DOMAIN)));
    let generic = |address: &str| context.lists && generic::is_generic_email(address);
    if generic(&strict) || matches!(&gmail, Some(Some(address)) if generic(address)) {
        return Err(Reason::GenericValue.into());
    }

    let mut warnings = warnings;
    if matches!(gmail, Some(None)) {
        warnings.push(Warning::EmailGmailEmptyLocal);
    }
    let mut found = vec![draft(Kind::EmailStrict, strict, warnings, repair)];
    if let Some(Some(address)) = gmail {
        found.push(draft(Kind::EmailGmail, address, Vec::new(), None));
    }
    Ok(found)
}

/// Steps 1 and 2: stray characters, NFC, white space, the mark of text, `mailto:`.
///
/// Joiners stay: in a domain they may tell one name from another, and elsewhere they are refused.
fn clean(value: &str) -> (Zeroizing<String>, Option<Repair>) {
    if value.is_ascii() {
        return bare(value);
    }
    bare(&decode::nfc(&decode::without_stray(value)))
}

fn bare(composed: &str) -> (Zeroizing<String>, Option<Repair>) {
    let (trimmed, repair) = decode::without_text_mark(decode::trim(composed));
    let rest = match trimmed.get(..MAILTO.len()) {
        Some(scheme) if scheme.eq_ignore_ascii_case(MAILTO) => trimmed.get(MAILTO.len()..),
        _ => None,
    };
    (Zeroizing::new(rest.unwrap_or(trimmed).to_owned()), repair)
}

/// Steps 3 to 5: what is not one bare address.
fn split(address: &str) -> Result<(&str, &str), Reason> {
    if shape::is_formula(address) {
        return Err(Reason::SpreadsheetFormula);
    }
    if address.contains(['<', '>', '"']) {
        return Err(Reason::EmailDisplayName);
    }
    if address.contains([',', ';', '|']) {
        return Err(Reason::EmailMultipleValues);
    }
    let Some((local, domain)) = address.split_once('@') else {
        let digest = shape::is_digest(address);
        return Err(if digest { Reason::EmailIsDigest } else { Reason::EmailNoAt });
    };
    if domain.contains('@') {
        return Err(Reason::EmailMultipleAt);
    }
    if local.is_empty() || domain.is_empty() {
        return Err(Reason::EmailEmptyPart);
    }
    if address.chars().any(decode::is_white_space) {
        return Err(Reason::EmailInnerSpace);
    }
    Ok((local, domain))
}

/// Step 6: length, then characters, then lower case.
///
/// The rest of a label, a bracket or a quotation mark is another mailbox than the one meant,
/// or none.
fn local_part(local: &str) -> Result<Zeroizing<String>, Reason> {
    if local.len() > LOCAL_BYTES_MAX {
        return Err(Reason::EmailLocalTooLong);
    }
    let escape =
        |three: &[u8]| matches!(three, [b'%', hex @ ..] if hex.iter().all(u8::is_ascii_hexdigit));
    if local.as_bytes().windows(3).any(escape) {
        return Err(Reason::EmailPercentEscape);
    }
    let allowed = |c: char| decode::is_word(c) || c == '.' || ATEXT_SIGNS.contains(c);
    let quoted = local.starts_with(QUOTES) || local.ends_with(QUOTES);
    if quoted || !local.chars().all(allowed) {
        return Err(Reason::EmailLocalCharacter);
    }
    Ok(decode::lower(local))
}

/// Step 7: the domain in ASCII, by the strict settings of UTS 46.
///
/// The crate's default settings accept `a..b.fr`, `-ex.fr`, spaces and underscores; the strict
/// ones refuse them and a trailing dot too, which is why one is removed before [trap-17].
fn ascii_domain(domain: &str) -> Result<Zeroizing<String>, Reason> {
    if domain.starts_with('[') && domain.ends_with(']') {
        return Err(Reason::EmailDomainLiteral);
    }
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::Check,
        DnsLength::Verify,
    );
    let Ok(ascii) = ascii else {
        return Err(Reason::EmailDomainInvalid);
    };
    let ascii = Zeroizing::new(ascii.into_owned());
    if holds_punctuation(&ascii) {
        return Err(Reason::EmailDomainInvalid);
    }
    let Some((_, last)) = ascii.rsplit_once('.') else {
        return Err(Reason::EmailDomainNoTld);
    };
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reason::EmailDomainNumeric);
    }
    Ok(ascii)
}

/// True if a domain holds a quotation mark or the like, which UTS 46 admits and no registry does.
fn holds_punctuation(ascii: &str) -> bool {
    if !ascii.contains("xn--") {
        return false;
    }
    let (unicode, _) =
        Uts46::new().to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    Zeroizing::new(unicode.into_owned()).chars().any(decode::is_foreign_punctuation)
}

/// Steps 8 and 9, up to placeholders: reserved domains, lists, warnings.
fn judge(local: &str, domain: &str, context: &Context<'_>) -> Result<Vec<Warning>, Reason> {
    let last = domain.rsplit('.').next().unwrap_or_default();
    let truth_test = context.synthetic && domain == SYNTHETIC_DOMAIN;
    if RESERVED_TLDS.contains(&last) && !truth_test {
        return Err(Reason::EmailDomainReserved);
    }
    let mut warnings = Vec::new();
    if context.lists && generic::is_role_mailbox(local) {
        match context.options.role_mailbox {
            ListAction::Refuse => return Err(Reason::EmailRoleMailbox),
            ListAction::Warn => warnings.push(Warning::EmailRoleMailbox),
        }
    }
    if context.lists && generic::is_disposable(domain) {
        match context.options.disposable {
            ListAction::Refuse => return Err(Reason::EmailDisposable),
            ListAction::Warn => warnings.push(Warning::EmailDisposable),
        }
    }
    if local.starts_with(is_odd_end) || local.ends_with(is_odd_end) || local.contains("..") {
        warnings.push(Warning::EmailOddLocal);
    }
    if generic::is_relay(domain) {
        warnings.push(Warning::EmailRelayDomain);
    }
    if !generic::is_known_tld(domain) && !truth_test {
        warnings.push(Warning::EmailUnknownTld);
    }
    if generic::is_typo_domain(domain) {
        warnings.push(Warning::EmailTypoDomain);
    }
    Ok(warnings)
}

/// True if a character is rarely the first or last of a local part.
fn is_odd_end(c: char) -> bool {
    !decode::is_word(c) && !"_-+".contains(c)
}

/// The local part in the Gmail form: up to the first `+`, without dots; `None` if nothing is left.
fn gmail_local(local: &str) -> Option<Zeroizing<String>> {
    let name = local.split('+').next().unwrap_or_default();
    let mut kept = Zeroizing::new(String::with_capacity(name.len()));
    kept.extend(name.chars().filter(|&c| c != '.'));
    (!kept.is_empty()).then_some(kept)
}

fn joined(local: &str, domain: &str) -> Canonical {
    let bytes = local.len() + domain.len() + 1;
    let mut address = String::with_capacity(bytes);
    address.push_str(local);
    address.push('@');
    address.push_str(domain);
    Canonical::new(address)
}

fn draft(
    kind: Kind,
    canonical: Canonical,
    warnings: Vec<Warning>,
    repair: Option<Repair>,
) -> Draft {
    Draft { kind, canonical, level: Level::Individual, line: None, warnings, repair }
}

const MAILTO: &str = "mailto:";
const LOCAL_BYTES_MAX: usize = 64;
/// Characters of an atom beside letters and digits (RFC 5322, 3.2.3).
const ATEXT_SIGNS: &str = "!#$%&'*+-/=?^_`{|}~";
/// Atom characters that are quotation marks at either end of a local part.
const QUOTES: [char; 2] = ['\'', '`'];
const GMAIL_DOMAIN: &str = "gmail.com";
const GMAIL_DOMAINS: [&str; 2] = [GMAIL_DOMAIN, "googlemail.com"];
const SYNTHETIC_DOMAIN: &str = "veilmatch.invalid";
const RESERVED_TLDS: [&str; 6] = ["test", "invalid", "localhost", "example", "local", "onion"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Normalizer, Outcome, Ruleset};
    use super::*;

    fn normalizer() -> Normalizer {
        Normalizer::new(Ruleset::CrmFr1, Options::defaults(Ruleset::CrmFr1))
    }

    fn forms(raw: &str) -> Vec<(Kind, String)> {
        let explained = normalizer().explain_email(raw).into_found().expect(raw);
        explained.iter().map(|form| (form.kind(), form.canonical().to_owned())).collect()
    }

    fn strict(raw: &str) -> String {
        forms(raw).swap_remove(0).1
    }

    fn reason(raw: &str) -> Reason {
        match normalizer().email(raw) {
            Outcome::Reject(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    fn warnings(raw: &str) -> Vec<Warning> {
        let Outcome::Ok(found) = normalizer().email(raw) else { panic!("not accepted") };
        found.iter().flat_map(|form| form.warnings().to_vec()).collect()
    }

    #[test]
    fn examples_of_the_rules() {
        let both = |raw| {
            let forms = forms(raw);
            assert_eq!(forms.len(), 2);
            assert_eq!((forms[0].0, forms[1].0), (Kind::EmailStrict, Kind::EmailGmail));
            (forms[0].1.clone(), forms[1].1.clone())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            both(" Marie.Exemple+Promo@GMail.com "),
            pair("marie.exemple+promo@gmail.com", "marieexemple@gmail.com")
        );
        assert_eq!(
            both("m.exemple@googlemail.com"),
            pair("m.exemple@googlemail.com", "mexemple@gmail.com")
        );
        assert_eq!(both("janedoe@gmail.com"), pair("janedoe@gmail.com", "janedoe@gmail.com"));
        assert_eq!(strict("ÉRIC@exemple.fr"), "éric@exemple.fr");
        assert_eq!(strict("jane.doe@été.fr"), "jane.doe@xn--t-9fab.fr");
        assert_eq!(strict("jane@exemple.fr."), "jane@exemple.fr");
        assert_eq!(forms("jane@exemple.fr").len(), 1);
        assert_eq!(reason("a b@exemple.fr"), Reason::EmailInnerSpace);
        assert_eq!(reason("jane@@exemple.fr"), Reason::EmailMultipleAt);
        assert_eq!(reason("contact@exemple.fr"), Reason::EmailRoleMailbox);
    }

    #[test]
    fn trap_t01_one_normalizer_for_dots_capitals_and_tags() {
        let spellings = ["jane.doe@gmail.com", "JaneDoe@Gmail.com", "j.a.n.e.doe+x@googlemail.com"];
        for raw in spellings {
            assert_eq!(forms(raw)[1].1, "janedoe@gmail.com", "{raw}");
        }
    }

    #[test]
    fn trap_t02_all_white_space_and_all_capitals() {
        assert_eq!(strict("\u{A0}ÉRIC@exemple.fr\u{2003}\t"), "éric@exemple.fr");
    }

    #[test]
    fn trap_t15_plus_and_dots_stay_outside_gmail() {
        assert_eq!(strict("Jane.Doe+News@exemple.fr"), "jane.doe+news@exemple.fr");
        assert_eq!(forms("jane.doe@notgmail.com").len(), 1);
        assert_eq!(forms("jane.doe@mail.gmail.com").len(), 1);
    }

    #[test]
    fn trap_t17_domains_are_strict() {
        let refused =
            ["j@a..b.fr", "j@-ex.fr", "j@ex-.fr", "j@a_b.fr", "j@ab--cd.fr", "j@exemple.fr.."];
        for raw in refused {
            assert_eq!(reason(raw), Reason::EmailDomainInvalid, "{raw}");
        }
        assert_eq!(strict("j@STRASSE.de"), "j@strasse.de");
        assert_eq!(strict("j@straße.de"), "j@xn--strae-oqa.de");
    }

    #[test]
    fn format_characters_vanish_anywhere() {
        assert_eq!(strict("ja\u{200B}ne@ex\u{AD}emple.f\u{202A}r"), "jane@exemple.fr");
        assert_eq!(strict("\u{FEFF}jane@exemple.fr"), "jane@exemple.fr");
        assert_eq!(strict("MailTo:jane@exemple.fr"), "jane@exemple.fr");
    }

    #[test]
    fn marks_and_labels_before_an_address_never_pass() {
        for raw in [
            "(jane@exemple.fr",
            "mail:jane@exemple.fr",
            "[jane@exemple.fr",
            ":jane@exemple.fr",
            "o\\'brien@exemple.fr",
            "jane\\@exemple.fr",
            "«jane@exemple.fr",
            "“jane@exemple.fr",
            "o’brien@exemple.fr",
            "''jane@exemple.fr",
            "'jane'@exemple.fr",
            "jane'@exemple.fr",
            "`jane@exemple.fr",
            "mailto:'jane@exemple.fr",
            "mailto:mailto:jane@exemple.fr",
            "ja\u{200D}ne@exemple.fr",
            "ja\u{200C}ne@exemple.fr",
            "jane\u{FE0F}@exemple.fr",
            "jane\u{3164}@exemple.fr",
            "\u{2BC}jane@exemple.fr",
            "jane¹@exemple.fr",
            "😀jane@exemple.fr",
        ] {
            assert_eq!(reason(raw), Reason::EmailLocalCharacter, "{raw}");
        }
        for raw in ["%20jane@exemple.fr", "jane%2Bnews@exemple.fr", "jane%C3%A9@exemple.fr"] {
            assert_eq!(reason(raw), Reason::EmailPercentEscape, "{raw}");
        }
        for raw in ["jane@exemple.fr»", "jane@«exemple».fr", "jane@exemple’s.fr"] {
            assert_eq!(reason(raw), Reason::EmailDomainInvalid, "{raw}");
        }
        let mut legal = ["!#$%&'*+-/=?^_`{}~".to_owned(), "o'brien".into(), "a%b".into()];
        legal[0] = format!("a{}z", legal[0]);
        for local in legal {
            assert_eq!(strict(&format!("{local}@exemple.fr")), format!("{local}@exemple.fr"));
        }
        assert_eq!(strict("अजय@exemple.fr"), "अजय@exemple.fr");
        assert_eq!(warnings("*jane@exemple.fr"), [Warning::EmailOddLocal]);
        assert_eq!(warnings("-jane_@exemple.fr"), []);
    }

    #[test]
    fn formulas_digests_and_several_addresses_are_named() {
        for raw in ["=\"jane@exemple.fr\"", "=HYPERLINK(\"mailto:jane@exemple.fr\")"] {
            assert_eq!(reason(raw), Reason::SpreadsheetFormula, "{raw}");
        }
        let digest = "039937e1bb79178632b8e4af3f0caa3f0a9fc196e8ce71ae9eeacb5d9d132337";
        for raw in [
            digest,
            &format!("\\x{digest}"),
            &digest[..32],
            &digest[..40],
            "KSFohbTYO/eoyzb5++lB2Oc/p4EF6LTr0qa6B/mrTTE=",
        ] {
            assert_eq!(reason(raw), Reason::EmailIsDigest, "{raw}");
        }
        assert_eq!(reason(&format!("{digest}@exemple.f r")), Reason::EmailInnerSpace);
        for raw in ["Marie <m@exemple.fr>", "<m@exemple.fr>", "\"Marie\" m@exemple.fr"] {
            assert_eq!(reason(raw), Reason::EmailDisplayName, "{raw}");
        }
        for raw in ["a@exemple.fr; b@exemple.fr", "a@exemple.fr,b@exemple.fr", "a@exemple.fr,"] {
            assert_eq!(reason(raw), Reason::EmailMultipleValues, "{raw}");
        }
        for raw in ["a@exemple.fr b@exemple.fr", "a@exemple.fr/b@exemple.fr"] {
            assert_eq!(reason(raw), Reason::EmailMultipleAt, "{raw}");
        }
    }

    #[test]
    fn mark_of_text_is_removed_and_counted() {
        for raw in ["'jane@exemple.fr", " 'mailto:jane@exemple.fr"] {
            let Outcome::Ok(found) = normalizer().email(raw) else { panic!("{raw}") };
            assert_eq!(found[0].repair(), Some(Repair::TextMark));
            assert_eq!(strict(raw), "jane@exemple.fr");
        }
        let Outcome::Ok(found) = normalizer().email("'jane.doe@gmail.com") else { panic!() };
        assert_eq!((found[0].repair(), found[1].repair()), (Some(Repair::TextMark), None));
    }

    #[test]
    fn joiners_tell_domains_apart() {
        let persian = "x@نامه\u{200C}ای.com";
        assert_eq!(strict(persian), "x@xn--mgba3gch31f060k.com");
        assert_eq!(strict("x@xn--mgba3gch31f060k.com"), strict(persian));
        assert_eq!(strict("x@نامهای.com"), "x@xn--mgba3gch31f.com");
        // After a virama, by the first rule of RFC 5892, A.1 and A.2.
        assert_ne!(strict("x@क्\u{200D}ष.com"), strict("x@क्ष.com"));
        for raw in [
            "x@exem\u{200C}ple.fr",
            "x@exemple.fr\u{200D}",
            "x@\u{200C}نامه.com",
            "x@ن\u{200D}امه.com",
            "x@نامه.\u{200C}com",
        ] {
            assert_eq!(reason(raw), Reason::EmailDomainInvalid, "{raw:?}");
        }
        // Visible format characters are no stray ones.
        assert_eq!(reason("x@\u{600}نامه.com"), Reason::EmailDomainInvalid);
        assert_eq!(strict("x@\u{202B}نامه\u{202C}.com"), strict("x@نامه.com"));
    }

    #[test]
    fn composed_and_decomposed_accents_agree() {
        assert_eq!(strict("re\u{301}my@exemple.fr"), strict("rémy@exemple.fr"));
    }

    #[test]
    fn synthetic_rows_may_use_the_synthetic_domain_only() {
        let normalizer = normalizer();
        let raw = "row1@veilmatch.invalid";
        assert_eq!(reason(raw), Reason::EmailDomainReserved);
        let Outcome::Ok(found) = normalizer.email_synthetic(raw) else { panic!() };
        assert!(found[0].warnings().is_empty());
        assert!(matches!(
            normalizer.email_synthetic("row1@other.invalid"),
            Outcome::Reject(Reason::EmailDomainReserved)
        ));
    }

    #[test]
    fn placeholders_are_found_in_either_form() {
        assert_eq!(reason("NoEmail@noemail.com"), Reason::GenericValue);
        assert_eq!(reason("no.mail@gmail.com"), Reason::GenericValue);
        // The role mailbox comes first in the order of the rules.
        assert_eq!(reason("test@test.com"), Reason::EmailRoleMailbox);
    }

    #[test]
    fn options_turn_lists_into_warnings() {
        let mut options = Options::defaults(Ruleset::CrmFr1);
        options.set("role_mailbox", "warn").unwrap();
        options.set("disposable", "warn").unwrap();
        let normalizer = Normalizer::new(Ruleset::CrmFr1, options);
        let Outcome::Ok(found) = normalizer.email("contact@yopmail.com") else { panic!() };
        assert_eq!(found[0].warnings(), [Warning::EmailRoleMailbox, Warning::EmailDisposable]);
        let generic = normalizer.email("test@test.com");
        assert!(matches!(generic, Outcome::Reject(Reason::GenericValue)));
    }

    #[test]
    fn warnings_are_counted_once_per_value() {
        assert_eq!(warnings("jane.@gmail.com"), [Warning::EmailOddLocal]);
        assert_eq!(warnings("+x@gmail.com"), [Warning::EmailGmailEmptyLocal]);
        assert_eq!(warnings("jane@gamil.com"), [Warning::EmailTypoDomain]);
        assert_eq!(warnings("jane@exemple.frr"), [Warning::EmailUnknownTld]);
        assert_eq!(warnings("x1@privaterelay.appleid.com"), [Warning::EmailRelayDomain]);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(raw in "\\PC{0,80}") {
            let _ = normalizer().email(&raw);
        }

        #[test]
        fn ascii_canonical_forms_are_stable(
            local in "[A-Za-z0-9.+_-]{1,20}", domain in "[A-Za-z0-9]{2,10}\\.(fr|com)"
        ) {
            let first = normalizer().explain_email(&format!("{local}@{domain}"));
            if let Some(found) = first.into_found() {
                let canonical = found[0].canonical().to_owned();
                let again = normalizer().explain_email(&canonical).into_found().unwrap();
                prop_assert_eq!(again[0].canonical(), &canonical);
            }
        }

        #[test]
        fn what_cannot_be_seen_never_gives_another_address(
            local in "[a-z]{1,8}|[а-я]{1,8}",
            domain in "[a-z]{2,8}|[а-я]{2,8}",
            unseen in prop_oneof![
                "[\\u{AD}\\u{34F}\\u{61C}\\u{115F}\\u{180B}-\\u{180F}\\u{200B}-\\u{200F}]",
                "[\\u{202A}-\\u{202E}\\u{2060}-\\u{206F}\\u{3164}\\u{FE00}-\\u{FE0F}\\u{FEFF}]",
            ],
            at in any::<prop::sample::Index>(),
        ) {
            let plain = format!("{local}@{domain}.fr");
            let places: Vec<usize> = plain.char_indices().map(|(at, _)| at).collect();
            let mut soiled = plain.clone();
            soiled.insert_str(places[at.index(places.len())], &unseen);
            let canonical = |raw: &str| {
                let found = normalizer().explain_email(raw).into_found();
                found.map(|found| found[0].canonical().to_owned())
            };
            if let Some(read) = canonical(&soiled) {
                prop_assert_eq!(Some(read), canonical(&plain));
            }
        }

        #[test]
        fn case_and_outer_space_never_matter(local in "[a-z0-9.]{1,20}") {
            let plain = format!("{local}@exemple.fr");
            let loud = format!(" \t{}\u{A0}", plain.to_uppercase());
            let digest = |raw: &str| match normalizer().email(raw) {
                Outcome::Ok(found) => Ok(*found[0].digest().expose_bytes()),
                other => Err(other.reason_code()),
            };
            prop_assert_eq!(digest(&plain), digest(&loud));
        }
    }
}
