//! A verdict for people and for machines; every line names its rule.

use std::fmt::Write as _;

use protocol::codec::StreamId;
use protocol::message::Control;
use protocol::terms::MatchTerms;
use protocol::transcript::{Record, Role, Transcript};
use serde_json::{Value, json};
use verify::{Account, CheckResult, Conclusion, Signers, Verdict};

use crate::moment;
use crate::parties::Names;
use crate::statement::{self, Party, count, rounded};

/// The verdict as text: what the session says, one line for each check, one with the conclusion.
///
/// A failing check says who signed what fails, or that anybody who holds the package may have made
/// it [T-18].
#[must_use]
pub fn checklist(verdict: &Verdict, names: &Names, torn: Option<u64>) -> String {
    let mut text = statement::head(&verdict.account, names);
    for check in &verdict.checks {
        let mark = match check.result {
            CheckResult::Passed => "ok  ",
            CheckResult::Failed(_) => "FAIL",
            CheckResult::NotChecked(_) => "--  ",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{mark} {}  {}", check.rule, check.title);
        match &check.result {
            CheckResult::Passed => {}
            CheckResult::Failed(why) => {
                let _ = writeln!(text, "            FAILED: {why}\n            {}", check.by);
            }
            unchecked @ CheckResult::NotChecked(_) => {
                let _ = writeln!(text, "            {unchecked}");
            }
        }
    }
    text.push_str(&conclusion(verdict, torn));
    text
}

/// The verdict as JSON; counts of matched records are rounded, and nothing is personal data.
#[must_use]
pub fn json(verdict: &Verdict, names: &Names, torn: Option<u64>) -> Value {
    let checks: Vec<Value> = verdict
        .checks
        .iter()
        .map(|check| {
            let (result, detail, by) = match &check.result {
                CheckResult::Passed => ("passed", "", None),
                CheckResult::Failed(why) => ("failed", why.as_str(), Some(check.by.name())),
                CheckResult::NotChecked(why) => ("not_checked", *why, None),
            };
            json!({
                "rule": check.rule, "title": check.title, "result": result, "detail": detail,
                "by": by,
            })
        })
        .collect();
    let account = &verdict.account;
    let relaxations: Vec<Value> = statement::relaxations(account)
        .iter()
        .map(|one| json!({"name": one.name, "value": one.value, "default": one.default}))
        .collect();
    json!({
        "schema": SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "verify",
        "level": "T0",
        "verdict": verdict.conclusion().name(),
        "accused": accused(verdict.accused()),
        "ended": statement::ending(account, torn),
        "session": account.sid.map(|sid| hex(&sid)),
        "transcript_of": account.opening.role.name(),
        "parties": {
            "advertiser": party(account, names, Role::Advertiser),
            "provider": party(account, names, Role::Provider),
        },
        "signed": {
            "hellos": account.hellos.name(),
            "terms": account.session.name(),
            "receipt": account.receipt_by.name(),
        },
        "profile": account.profile().map(|profile| profile.name()),
        "purpose": account.terms.as_ref().map(|terms| terms.purpose.name()),
        "terms": account.terms.as_ref().map(terms),
        "relaxations": relaxations,
        "sizes": sizes(account),
        "checks": checks,
    })
}

/// The messages and streams of a transcript, one line each, for reading along.
#[must_use]
pub fn outline(transcript: &Transcript, terms: Option<&MatchTerms>) -> String {
    let opening = &transcript.opening;
    let mut text =
        format!("transcript of the {}, protocol {}\n", opening.role.name(), opening.protocol);
    let mut bulk: Option<(StreamId, u32, u64)> = None;
    for record in &transcript.records {
        match record {
            Record::Bulk { header, .. } => match &mut bulk {
                Some((stream, frames, elements)) if *stream == header.stream => {
                    *frames = frames.saturating_add(1);
                    *elements = elements.saturating_add(u64::from(header.elements));
                }
                _ => {
                    flush(&mut text, bulk.take(), terms);
                    bulk = Some((header.stream, 1, u64::from(header.elements)));
                }
            },
            Record::Control(frame) => {
                flush(&mut text, bulk.take(), terms);
                let name = Control::decode(frame).map_or("undecodable", |message| message.name());
                let from = if frame.header.stream.from_advertiser() { "A ->" } else { "<- P" };
                let _ = writeln!(text, "  {from}  {name}, {} bytes", frame.payload.len());
            }
        }
    }
    flush(&mut text, bulk, terms);
    text
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// 32 bytes from 64 hexadecimal digits of either case; `None` for anything else.
#[must_use]
pub fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        *byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    }
    Some(bytes)
}

/// The form of the JSON.
pub const SCHEMA: &str = "veilmatch.verdict/1";

fn party(account: &Account, names: &Names, role: Role) -> Value {
    let party = Party::of(account, role);
    json!({
        "name": party.id.as_ref().and_then(|id| names.of(id)),
        "party": party.id.map(|id| hex(&id.0)),
        "identity": party.identity,
        "spki": hex(&party.spki),
        "program": party.program.map(|program| json!({
            "version": statement::version(&program), "digest": hex(&program.digest),
        })),
    })
}

fn terms(terms: &MatchTerms) -> Value {
    let filter = &terms.link_filter;
    json!({
        "opened_at": moment::text(terms.opened_at),
        "expires_at": moment::text(terms.expires_at),
        "audit_until": moment::text(terms.audit_until),
        "kinds": statement::kinds(terms),
        "ruleset": terms.ruleset,
        "flags": terms.flags,
        "namespaces": terms.namespaces,
        "table_delivery": terms.table_delivery,
        "epsilon_milli": terms.epsilon_milli,
        "epsilon_epoch_milli": terms.epsilon_epoch_milli,
        "noise_unit": terms.noise_unit,
        "audit_levels": terms.audit_levels,
        "audit_sample_max": terms.audit_sample_max,
        "auditor": hex(&terms.auditor),
        "notice": hex(&terms.notice),
        "n_min": terms.n_min,
        "k_min": terms.k_min,
        "group_min": terms.group_min,
        "rate_precision": terms.rate_precision,
        "rate_cap": terms.rate_cap,
        "count_rounding": terms.count_rounding,
        "cell_min": terms.cell_min,
        "consent_max_age_days": terms.consent_max_age_days,
        "phone_evaluations_max": terms.phone_evaluations_max,
        "handles_max": terms.handles_max,
        "ids_per_record_max": terms.ids_per_record_max,
        "ids_valid_days": terms.ids_valid_days,
        "link_filter": {
            "max_age_days": filter.max_age_days,
            "evidence_mask": filter.evidence_mask,
            "device_mask": filter.device_mask,
            "level": filter.level,
            "min_logins": filter.min_logins,
            "max_persons": filter.max_persons,
        },
    })
}

fn sizes(account: &Account) -> Value {
    let terms = account.terms.as_ref();
    let receipt = account.receipt.as_ref();
    let handles =
        receipt.map(|receipt| receipt.handles_known.saturating_add(receipt.handles_unknown.into()));
    json!({
        "padded_rows": account.hello_a.as_ref().map(|hello| hello.row_slots),
        "slots": account.hello_a.as_ref().map(|hello| hello.row_width),
        "tags": account.hello_p.as_ref().map(|hello| hello.table.tag_count),
        "closed_at": receipt.map(|receipt| moment::text(receipt.closed_at)),
        "handles_about": handles.and_then(|handles| rounded(handles, terms)),
        "ids_about": receipt.and_then(|receipt| rounded(receipt.ids_returned, terms)),
    })
}

/// Parties that signed something which fails; empty for nobody.
fn accused(by: Signers) -> Vec<&'static str> {
    let roles = [Role::Advertiser, Role::Provider].into_iter();
    roles.filter(|role| by.contains(*role)).map(Role::name).collect()
}

fn conclusion(verdict: &Verdict, torn: Option<u64>) -> String {
    let count = |wanted: fn(&CheckResult) -> bool| {
        verdict.checks.iter().filter(|check| wanted(&check.result)).count()
    };
    let failed = count(|result| matches!(result, CheckResult::Failed(_)));
    let passed = count(|result| *result == CheckResult::Passed);
    let total = verdict.checks.len();
    let conclusion = verdict.conclusion();
    let name = conclusion.name();
    match conclusion {
        Conclusion::Accepted => format!("verdict: {name}, all {total} checks passed\n"),
        Conclusion::Incomplete => {
            format!("verdict: {name}, {passed} of {total} checks passed, none failed\n")
        }
        Conclusion::Interrupted => {
            let ending = statement::ending(&verdict.account, torn);
            format!(
                "verdict: {name}, {ending}\n         {passed} of {total} checks passed, none \
                 failed\n"
            )
        }
        Conclusion::NotAccepted => {
            let whom = match verdict.accused() {
                by if by.is_nobody() => {
                    "this accuses nobody: whoever holds this package could have made it".to_string()
                }
                by => format!("inside what is {by}"),
            };
            format!("verdict: {name}, {failed} of {total} checks failed\n         {whom}\n")
        }
    }
}

/// One line for consecutive frames of a stream; counts of matched records are rounded.
fn flush(text: &mut String, bulk: Option<(StreamId, u32, u64)>, terms: Option<&MatchTerms>) {
    let Some((stream, frames, elements)) = bulk else { return };
    let from = if stream.from_advertiser() { "A =>" } else { "<= P" };
    let name = stream.name();
    let elements = match stream {
        StreamId::Handles | StreamId::Ids => {
            statement::about(elements, terms, "element", "elements")
        }
        _ => format!("{} elements", count(elements)),
    };
    let _ = writeln!(text, "  {from}  {name}, {frames} frames, {elements}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::transcript::Opening;
    use verify::{Check, Ending, Parties};

    #[test]
    fn party_ids_read_back_what_the_checklist_prints() {
        let bytes = core::array::from_fn(|at| at as u8 * 8 + 3);
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex(&hex(&bytes).to_uppercase()), Some(bytes));
        for other in ["", "00", &hex(&[0; 33]), &"0g".repeat(32), &"é".repeat(32)] {
            assert_eq!(unhex(other), None, "{other}");
        }
    }

    #[test]
    fn both_forms_of_a_verdict_name_the_parties() {
        let mut verdict = verdict(Ending::Closed, []);
        verdict.account.parties.advertiser = Some(protocol::attestation::PartyId([0xA1; 32]));
        let file = format!("shop-a = \"{}\"", hex(&[0xA1; 32]));
        let names = Names::parse(&file).unwrap();
        let text = checklist(&verdict, &names, None);
        assert!(text.contains("shop-a (advertiser), unknown (provider)"), "{text}");
        assert!(text.contains(&"a1".repeat(32)), "{text}");
        let json = json(&verdict, &names, None);
        assert_eq!(json["parties"]["advertiser"]["name"], "shop-a");
        assert_eq!(json["parties"]["provider"]["party"], Value::Null);
    }

    #[test]
    fn every_conclusion_has_its_words() {
        let passed = || check(CheckResult::Passed, Signers::NOBODY);
        let absent = || check(CheckResult::NotChecked("frames are not there"), Signers::NOBODY);
        let failed = |by| check(CheckResult::Failed("BLIND frame 3".to_string()), by);
        let cut = Ending::Cut { after: "after BLIND frame 2".to_string() };
        let word =
            |signed| Ending::Word { name: "REFUSE", by: Role::Provider, signed, code: 0x0205 };
        let kinds = "REFUSE, V0205, the kinds of identifiers do not fit";
        for (ending, checks, torn, words) in [
            (
                Ending::Closed,
                [passed(), passed()],
                None,
                "accepted, all 2 checks passed".to_string(),
            ),
            (
                Ending::Closed,
                [passed(), absent()],
                None,
                "incomplete, 1 of 2 checks passed, none failed".to_string(),
            ),
            (
                cut,
                [passed(), absent()],
                Some(9),
                "interrupted, the records end after BLIND frame 2, in the middle of record 9\n"
                    .to_string(),
            ),
            (
                word(true),
                [passed(), absent()],
                None,
                format!("interrupted, ended by the provider's signed word: {kinds}\n"),
            ),
            (
                word(false),
                [passed(), absent()],
                None,
                format!(
                    "interrupted, ended by the provider's word, as whoever holds this package \
                     claims it: {kinds}\n"
                ),
            ),
            (
                Ending::Closed,
                [passed(), failed(Signers::NOBODY)],
                None,
                "NOT accepted, 1 of 2 checks failed\n         this accuses nobody".to_string(),
            ),
            (
                Ending::Closed,
                [passed(), failed(Signers::of(Role::Provider))],
                None,
                "NOT accepted, 1 of 2 checks failed\n         inside what is signed by the provider"
                    .to_string(),
            ),
        ] {
            let text = checklist(&verdict(ending, checks), &Names::default(), torn);
            let end = text.lines().position(|line| line.starts_with("verdict: ")).unwrap();
            let told = text.lines().skip(end).collect::<Vec<_>>().join("\n");
            assert!(told.starts_with(&format!("verdict: {}", words.trim_end())), "{told}");
        }
    }

    #[test]
    fn a_failure_says_who_signed_it_beside_its_line_and_in_the_json() {
        for (by, words, name, accused) in [
            (Signers::NOBODY, "claimed by whoever holds this package", "holder", json!([])),
            (
                Signers::of(Role::Advertiser),
                "signed by the advertiser",
                "advertiser",
                json!(["advertiser"]),
            ),
            (Signers::BOTH, "signed by both parties", "both", json!(["advertiser", "provider"])),
        ] {
            let failed = check(CheckResult::Failed("the place".to_string()), by);
            let verdict = verdict(Ending::Closed, [failed]);
            let text = checklist(&verdict, &Names::default(), None);
            let expected = format!("FAILED: the place\n            {words}\n");
            assert!(text.contains(&expected), "{text}");
            let report = json(&verdict, &Names::default(), None);
            assert_eq!(report["checks"][0]["by"], name);
            assert_eq!(report["accused"], accused);
            assert_eq!(report["verdict"], "NOT accepted");
        }
    }

    #[test]
    fn what_nobody_signed_is_told_as_a_claim() {
        let text = checklist(&verdict(Ending::Closed, []), &Names::default(), None);
        let claim =
            "by whoever holds this package: that it is the provider's, and which certificates";
        assert!(text.contains(claim), "{text}");
        assert!(text.contains("signed   nothing"), "{text}");
    }

    fn check(result: CheckResult, by: Signers) -> Check {
        Check { rule: "T0-00", title: "a rule", result, by }
    }

    fn verdict(ending: Ending, checks: impl IntoIterator<Item = Check>) -> Verdict {
        let opening = Opening {
            protocol: 2,
            role: Role::Provider,
            exporter: [0; 32],
            spki_advertiser: [1; 32],
            spki_provider: [2; 32],
        };
        let account = Account {
            opening,
            parties: Parties::default(),
            hello_a: None,
            hello_p: None,
            hellos: Signers::NOBODY,
            terms: None,
            sid: None,
            session: Signers::NOBODY,
            receipt: None,
            receipt_by: Signers::NOBODY,
            ending,
        };
        Verdict { parties: account.parties, account, checks: checks.into_iter().collect() }
    }
}
