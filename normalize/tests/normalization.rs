//! Conformance of the normalizer with the vector files of the specification.
//!
//! Reading rules: a row that expects `reject` passes with any rejection or an absent outcome;
//! where it names a reason, the reason must be that one. Rows of `crm-fr/1`, `crm-intl/1` and
//! `libphonenumber/FR` are read with the lists off, rows labelled `+lists` with the lists on.
//! Names, streets, post codes and cities have no rules yet and are skipped; so are the rows of
//! platform rulesets, which belong to the writers.

use normalize::{
    EmailPrehash, Explained, Explanation, IdentifierDigest, Kind, Normalizer, Options, Outcome,
    PhoneContext, PhonePrehash, Reason, Ruleset, Warning,
};
use serde_json::Value;

#[test]
fn public_vectors_of_our_rulesets_pass() {
    let rows = read(PUBLIC);
    let mut phones = 0;
    for row in &rows {
        if text(row, "field") != Some("phone") || text(row, "expect") == Some("unknown") {
            continue;
        }
        let normalizer = match text(row, "ruleset") {
            Some("libphonenumber/FR" | "crm-fr/1") => vectors(Ruleset::CrmFr1),
            Some("crm-intl/1") => vectors(Ruleset::CrmIntl1),
            _ => continue,
        };
        let input = text(row, "input").unwrap();
        let context =
            PhoneContext { country: text(row, "country"), postcode: text(row, "postcode") };
        check(row, normalizer.explain_phone(input, &context));
        phones += 1;
    }
    assert!(phones >= 30, "{phones} telephone rows of our rulesets");
}

#[test]
fn telephone_vectors_cover_the_reasons_of_what_would_be_another_number() {
    let rows = read(PUBLIC);
    let coded = |reason: &Reason| reason.code().starts_with("phone_");
    let options = [Reason::PhoneFixedExcluded, Reason::PhoneMobileUnknown];
    for reason in Reason::ALL.into_iter().filter(coded).filter(|one| !options.contains(one)) {
        let code = reason.code();
        assert!(rows.iter().any(|row| text(row, "reason") == Some(code)), "no vector for {code}");
    }
}

#[test]
fn email_vectors_pass() {
    let rows = read(EMAIL);
    assert!(rows.len() >= 60);
    for row in &rows {
        let label = text(row, "ruleset").unwrap();
        let (name, lists) = match label.strip_suffix("+lists") {
            Some(name) => (name, true),
            None => (label, false),
        };
        let ruleset = Ruleset::parse(name).unwrap();
        let normalizer = if lists {
            Normalizer::new(ruleset, Options::defaults(ruleset))
        } else {
            vectors(ruleset)
        };
        let explanation = normalizer.explain_email(text(row, "input").unwrap());
        let gmail = check(row, explanation);
        assert_eq!(gmail.as_deref(), text(row, "gmail"), "{}", named(row));
    }
}

#[test]
fn email_vectors_cover_every_code_of_the_kind() {
    let rows = read(EMAIL);
    let listed = |code: &str| {
        let warned = |row: &Value| {
            let warnings = row.get("warnings").and_then(Value::as_array);
            warnings.is_some_and(|warnings| warnings.iter().any(|warning| warning == code))
        };
        rows.iter().any(|row| text(row, "reason") == Some(code) || warned(row))
    };
    let reasons = Reason::ALL.into_iter().map(Reason::code);
    let decoding =
        ["encoding_mojibake", "control_character", "too_long", "generic_value", "absent"];
    for code in reasons.filter(|code| code.starts_with("email_")).chain(decoding) {
        assert!(listed(code), "no vector for {code}");
    }
    for warning in Warning::ALL {
        assert!(listed(warning.code()), "no vector for {}", warning.code());
    }
}

#[test]
fn published_prf_input_digests_are_reproduced() {
    // The digest part of the PRF inputs printed in the rules, section 13.
    let normalizer = Normalizer::new(Ruleset::CrmFr1, Options::defaults(Ruleset::CrmFr1));
    let email = found(normalizer.explain_email("Marie.Exemple+Promo@GMail.com"));
    let phone = found(normalizer.explain_phone("01 99 00 12 34", &PhoneContext::default()));
    let expected = [
        "c34aab1ea62b2711e687b2928492f1eca5b52cc7542df841649abad691c0e0bc",
        "1ebf7674963ff822a61a51cc67c7b2c4e71bdb025a53b047ac7fcd66066a83d5",
        "28496b4a5adb864805ece27a9c3ff87b5a0be3732fd166a9ae76820d76d2b301",
    ];
    let digests: Vec<String> =
        email.iter().chain(&phone).map(|form| hex(form.normalized().digest())).collect();
    assert_eq!(digests, expected);
    let kinds: Vec<u8> = email.iter().chain(&phone).map(|form| form.kind().code()).collect();
    assert_eq!(kinds, [1, 2, 3]);
}

#[test]
fn digests_of_the_vectors_enter_as_pre_hashed_columns() {
    let normalizer = Normalizer::new(Ruleset::CrmFr1, Options::defaults(Ruleset::CrmFr1));
    for row in read(EMAIL) {
        let (Some(hexadecimal), Some(base64)) =
            (text(&row, "sha256_hex"), text(&row, "sha256_b64"))
        else {
            continue;
        };
        let read = |raw| match normalizer.email_sha256(raw, Some(EmailPrehash::Strict)) {
            Outcome::Ok(found) => {
                assert_eq!(found[0].kind(), Kind::EmailStrict);
                hex(found[0].digest())
            }
            Outcome::Reject(reason) => reason.code().to_owned(),
            Outcome::Absent => "absent".to_owned(),
        };
        // Placeholders are refused by digest too, whichever way the digest is written.
        let outcome = read(hexadecimal);
        assert!(outcome == hexadecimal || outcome == "prehash_generic_value", "{}", named(&row));
        assert_eq!(read(base64), outcome, "{}", named(&row));
    }
}

#[test]
fn trap_t13_base64_of_the_text_is_told_from_base64_of_the_bytes() {
    let normalizer = Normalizer::new(Ruleset::CrmFr1, Options::defaults(Ruleset::CrmFr1));
    let text = "MjkyMTY4ODViNGQ4M2JmN2E4Y2IzNmY5ZmJlOTQxZDhlNzNmYTc4MTA1ZThiNGViZDJhNmJhMDdmOWFi\
                NGQzMQ==";
    let email = normalizer.email_sha256(text, Some(EmailPrehash::Uid2));
    assert_eq!(email.reason_code(), Some("prehash_base64_of_hex"));
    let phone = normalizer.phone_sha256(text, Some(PhonePrehash::E164));
    assert_eq!(phone.reason_code(), Some("prehash_base64_of_hex"));
}

/// Checks one row and gives the Gmail form, if one was emitted.
fn check(row: &Value, explanation: Explanation) -> Option<String> {
    let row_name = named(row);
    match explanation {
        Explanation::Ok(found) => {
            assert_eq!(text(row, "expect"), Some("ok"), "{row_name}");
            let first = &found[0];
            assert_eq!(Some(first.canonical()), text(row, "normalized"), "{row_name}");
            let digest = hex(first.normalized().digest());
            assert_eq!(Some(digest.as_str()), text(row, "sha256_hex"), "{row_name}");
            let warnings: Vec<&str> =
                first.normalized().warnings().iter().map(|warning| warning.code()).collect();
            let expected = row.get("warnings").cloned().unwrap_or(Value::Array(Vec::new()));
            assert_eq!(Value::from(warnings), expected, "{row_name}");
            let gmail = found.iter().find(|form| form.kind() == Kind::EmailGmail);
            gmail.map(|form| form.canonical().to_owned())
        }
        Explanation::Reject(reason) => {
            rejected(row, reason.code());
            None
        }
        Explanation::Absent => {
            rejected(row, "absent");
            None
        }
    }
}

fn rejected(row: &Value, code: &str) {
    assert_eq!(text(row, "expect"), Some("reject"), "{}: {code}", named(row));
    if let Some(reason) = text(row, "reason") {
        assert_eq!(code, reason, "{}", named(row));
    }
}

fn found(explanation: Explanation) -> Vec<Explained> {
    explanation.into_found().unwrap()
}

fn vectors(ruleset: Ruleset) -> Normalizer {
    Normalizer::for_vectors(ruleset, Options::defaults(ruleset))
}

fn read(file: &str) -> Vec<Value> {
    serde_json::from_str(file).unwrap()
}

fn text<'a>(row: &'a Value, field: &str) -> Option<&'a str> {
    row.get(field).and_then(Value::as_str)
}

fn named(row: &Value) -> String {
    format!("{} {:?}", text(row, "source").unwrap_or("?"), text(row, "input"))
}

fn hex(digest: &IdentifierDigest) -> String {
    digest.expose_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

const PUBLIC: &str = include_str!("../vectors/normalization.json");
const EMAIL: &str = include_str!("../vectors/email.json");
