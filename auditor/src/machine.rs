//! The verdict for machines, in English whatever the language of its reader.

use protocol::terms::MatchTerms;
use protocol::transcript::Role;
use report::{Failure, Reader, Text, instant};
use serde_json::{Value, json};
use verify::{Account, Check, CheckResult, Finding, Input, Verdict};

use crate::checklist::{accused, title};
use crate::page::{list, told};
use crate::parties::Names;
use crate::statement::{self, Party, hex};

/// The form of the JSON.
pub const SCHEMA: &str = "veilmatch.verdict/1";

/// The verdict as JSON; counts of matched records are rounded, and nothing is personal data.
#[must_use]
pub fn verdict(verdict: &Verdict, names: &Names, torn: Option<u64>) -> Value {
    let account = &verdict.account;
    let relaxations: Vec<Value> = statement::relaxations(account)
        .iter()
        .map(|one| json!({"name": one.name, "value": one.value, "default": one.default}))
        .collect();
    json!({
        "schema": SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "verify",
        "level": verdict.level,
        "verdict": verdict.conclusion().name(),
        "accused": accused(verdict.accused()),
        "ended": english(&statement::ending(account, torn)),
        "session": account.sid.map(|sid| hex(&sid)),
        "transcript_of": account.opening.role.name(),
        "parties": parties(account, names),
        "signed": {
            "hellos": account.hellos.name(),
            "terms": account.session.name(),
            "receipt": account.receipt_by.name(),
        },
        "profile": account.profile().map(|profile| profile.name()),
        "purpose": account.terms.as_ref().map(|terms| terms.purpose.name()),
        "terms": account.terms.as_ref().map(terms),
        "relaxations": relaxations,
        "map": map(account),
        "sizes": sizes(account),
        "checks": verdict.checks.iter().map(check).collect::<Vec<_>>(),
    })
}

/// A failure that leaves no verdict.
#[must_use]
pub fn failure(command: &str, schema: &str, failure: &Failure) -> Value {
    json!({
        "schema": schema,
        "version": env!("CARGO_PKG_VERSION"),
        "command": command,
        "error": failure.json(&Reader::LOG),
    })
}

/// The digest of the map; nothing where the package does not show it.
fn map(account: &Account) -> Option<String> {
    match &account.input {
        Input::Opened(input) => Some(hex(&input.map)),
        Input::NotShown | Input::Other => None,
    }
}

fn check(check: &Check) -> Value {
    let (result, finding, by) = match &check.result {
        CheckResult::Passed => ("passed", None, None),
        CheckResult::Failed(why) => ("failed", Some(why), Some(check.by.name())),
        CheckResult::NotChecked(why) => ("not_checked", Some(why), None),
    };
    let detail = finding.map(told);
    json!({
        "rule": check.rule,
        "name": check.name,
        "title": english(&title(check.name)),
        "result": result,
        "detail": detail.as_ref().map(english).unwrap_or_default(),
        "finding": finding.map(id),
        "by": by,
    })
}

/// A finding without its words.
fn id(finding: &Finding) -> Value {
    json!({ "id": finding.id, "args": told(finding).json() })
}

/// Both parties.
pub(crate) fn parties(account: &Account, names: &Names) -> Value {
    json!({
        "advertiser": party(account, names, Role::Advertiser),
        "provider": party(account, names, Role::Provider),
    })
}

fn party(account: &Account, names: &Names, role: Role) -> Value {
    let party = Party::of(account, role);
    json!({
        "name": party.id.as_ref().and_then(|id| names.of(id)),
        "party": party.id.map(|id| hex(&id.0)),
        "identity": party.identity,
        "spki": hex(&party.spki),
        "program": party.program.map(|program| json!({
            "version": english(&list(statement::version(&program))),
            "digest": hex(&program.digest),
        })),
    })
}

fn terms(terms: &MatchTerms) -> Value {
    let filter = &terms.link_filter;
    json!({
        "opened_at": instant(terms.opened_at),
        "expires_at": instant(terms.expires_at),
        "audit_until": instant(terms.audit_until),
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
    let handles = receipt.and_then(statement::handles);
    json!({
        "padded_rows": account.hello_a.as_ref().map(|hello| hello.row_slots),
        "slots": account.hello_a.as_ref().map(|hello| hello.row_width),
        "tags": account.hello_p.as_ref().map(|hello| hello.table.tag_count),
        "closed_at": receipt.map(|receipt| instant(receipt.closed_at)),
        "handles_about": handles.and_then(|handles| statement::rounded(handles, terms)),
        "ids_about": receipt.and_then(|receipt| statement::rounded(receipt.ids_returned, terms)),
    })
}

/// Verdicts on several packages, in their order, each with the path of its package.
#[must_use]
pub fn verdicts(all: Vec<Value>) -> Value {
    json!({
        "schema": "veilmatch.verdicts/1",
        "version": env!("CARGO_PKG_VERSION"),
        "command": "verify",
        "verdicts": all,
    })
}

pub(crate) fn english(text: &Text) -> String {
    text.render(&Reader::LOG)
}
