//! What a session says of itself, for people: who, when, why, how much, under which terms.
//!
//! Every line comes from signed messages, and says so; what only the holder of the package claims
//! is told as a claim. Counts of matched records are rounded as the terms say: a paper of an
//! auditor must not show exact ones. They stay in the package.

use std::fmt::Write as _;

use protocol::error::WireCode;
use protocol::identifier::{IdentifierKind, RulesetId};
use protocol::message::Program;
use protocol::terms::{LinkFilter, MatchTerms, Relaxation};
use protocol::transcript::{BuildFlags, Role};
use verify::{Account, Ending, Signers};

use crate::finding::hex;
use crate::moment;
use crate::parties::{Names, identity_line};

/// The head of every report: a few lines on the session, ending with what is signed.
#[must_use]
pub fn head(account: &Account, names: &Names) -> String {
    let mut text = String::new();
    line(&mut text, "session", &account.sid.map_or_else(|| NO_TERMS.to_string(), |sid| hex(&sid)));
    line(&mut text, "time", &time(account));
    let [advertiser, provider] = [Role::Advertiser, Role::Provider].map(|role| {
        let party = Party::of(account, role);
        (names.short(party.id.as_ref()), party)
    });
    let both = format!("{} (advertiser), {} (provider)", advertiser.0, provider.0);
    line(&mut text, "parties", &both);
    for (role, (_, party)) in [(Role::Advertiser, &advertiser), (Role::Provider, &provider)] {
        party.tell(&mut text, role);
    }
    let profile = account.profile().map_or("unknown profile", |profile| profile.name());
    match &account.terms {
        None => line(&mut text, "purpose", &format!("not agreed  profile {profile}")),
        Some(terms) => {
            let kinds = kinds(terms).join(", ");
            let purpose = terms.purpose.name();
            line(&mut text, "purpose", &format!("{purpose}  profile {profile}  kinds {kinds}"));
            tell_terms(&mut text, terms);
            line(&mut text, "relaxed:", &relaxed(&relaxations(account)));
        }
    }
    line(&mut text, "sizes", &sizes(account));
    line(&mut text, "signed", &signed(account));
    let role = account.opening.role.name();
    let channel = match account.session.is_nobody() {
        true => ", and which certificates its channel had",
        false => "",
    };
    let claimed = format!("by whoever holds this package: that it is the {role}'s{channel}");
    line(&mut text, "claimed", &claimed);
    text
}

/// How the records end, in words.
#[must_use]
pub fn ending(account: &Account, torn: Option<u64>) -> String {
    match (&account.ending, torn) {
        (Ending::Closed, None) => "closed by a receipt".to_string(),
        (Ending::Closed, Some(record)) => {
            format!("closed by a receipt; record {record}, after it, is cut")
        }
        (Ending::Cut { after }, None) => format!("the records end {after}"),
        (Ending::Cut { after }, Some(record)) => {
            format!("the records end {after}, in the middle of record {record}")
        }
        (Ending::Word { name, by, signed, code }, _) => {
            let whose = match signed {
                true => format!("the {}'s signed word", by.name()),
                false => {
                    let by = by.name();
                    format!("the {by}'s word, as whoever holds this package claims it")
                }
            };
            let why = WireCode::from_code(*code);
            let why =
                why.map_or_else(|| "a reason unknown here".to_string(), |why| why.to_string());
            format!("ended by {whose}: {name}, V{code:04X}, {why}")
        }
        (Ending::Broken { why }, _) => format!("a record does not belong where it stands: {why}"),
    }
}

/// One party as the session shows it.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) id: Option<protocol::attestation::PartyId>,
    /// Both keys as partners exchange them.
    pub(crate) identity: Option<String>,
    pub(crate) spki: [u8; 32],
    pub(crate) program: Option<Program>,
}

impl Party {
    pub(crate) fn of(account: &Account, role: Role) -> Self {
        let parties = &account.parties;
        let (id, spki, key, program) = match role {
            Role::Advertiser => {
                let hello = account.hello_a.as_ref();
                let key = hello.map(|hello| hello.attestation_key);
                let program = hello.map(|hello| hello.program);
                (parties.advertiser, parties.spki_advertiser, key, program)
            }
            Role::Provider => {
                let hello = account.hello_p.as_ref();
                let key = hello.map(|hello| hello.attestation_key);
                let program = hello.map(|hello| hello.program);
                (parties.provider, parties.spki_provider, key, program)
            }
        };
        Self { id, identity: key.map(|key| identity_line(&key, &spki)), spki, program }
    }

    fn tell(&self, text: &mut String, role: Role) {
        let role = role.name();
        let id = self.id.map_or_else(|| "unknown".to_string(), |id| hex(&id.0));
        let _ = writeln!(text, "  {role:<10}  party    {id}");
        if let Some(identity) = &self.identity {
            let _ = writeln!(text, "              identity {identity}");
        }
        if let Some(program) = &self.program {
            let (version, digest) = (version(program), hex(&program.digest));
            let _ = writeln!(text, "              program  {version}, SHA-256 {digest}");
        }
    }
}

/// The version of a program, with what it says of its build.
pub(crate) fn version(program: &Program) -> String {
    let (major, minor, patch) = program.version_parts();
    let build = BuildFlags::from_bits(program.flags).unwrap_or_default();
    let test = if build.small_limits { ", test limits" } else { "" };
    let exchange = if build.classical_kx { ", key exchange without ML-KEM" } else { "" };
    format!("{major}.{minor}.{patch}{test}{exchange}")
}

/// What the terms relax, by the profile of the session.
pub(crate) fn relaxations(account: &Account) -> Vec<Relaxation> {
    match (&account.terms, account.profile()) {
        (Some(terms), Some(profile)) => terms.relaxations(profile),
        _ => Vec::new(),
    }
}

/// The names of the kinds in terms.
pub(crate) fn kinds(terms: &MatchTerms) -> Vec<&'static str> {
    let name = |code: &u8| IdentifierKind::from_code(*code).map_or("unknown", IdentifierKind::name);
    terms.kinds.iter().map(name).collect()
}

/// A count rounded to the nearest step of the terms; without terms there is no step and no count.
pub(crate) fn rounded(count: u64, terms: Option<&MatchTerms>) -> Option<u64> {
    let step = u64::from(terms?.count_rounding.max(1));
    (count.saturating_add(step / 2) / step).checked_mul(step)
}

/// A number with a comma at every thousand.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of matched records in words.
pub(crate) fn about(number: u64, terms: Option<&MatchTerms>, one: &str, many: &str) -> String {
    match rounded(number, terms) {
        None => format!("no agreed rounding for its {many}"),
        Some(_) if number == 0 => format!("no {one}"),
        Some(0) => format!("few {many}"),
        Some(number) if terms.is_some_and(|terms| terms.count_rounding > 1) => {
            format!("about {} {many}", count(number))
        }
        Some(number) => format!("{} {many}", count(number)),
    }
}

fn time(account: &Account) -> String {
    let opened = account.terms.as_ref().map(|terms| terms.opened_at);
    match (opened, &account.receipt, &account.hello_a) {
        (Some(opened), Some(receipt), _) => moment::span(opened, receipt.closed_at),
        (Some(opened), None, _) => format!("{} UTC, without a close", moment::text(opened)),
        (None, _, Some(hello)) => {
            format!("{} UTC by the advertiser's clock, no terms", moment::text(hello.sent_at))
        }
        (None, _, None) => "unknown: nobody said hello".to_string(),
    }
}

fn tell_terms(text: &mut String, terms: &MatchTerms) {
    let minima = format!(
        "n_min {}  k_min {}  group_min {}  cell_min {}",
        count(terms.n_min.into()),
        count(terms.k_min.into()),
        count(terms.group_min.into()),
        count(terms.cell_min.into()),
    );
    line(text, "terms", &minima);
    let shown = format!(
        "counts rounded to {}, rates in steps of {} %, over {} % only as \"over\"",
        count(terms.count_rounding.into()),
        terms.rate_precision,
        terms.rate_cap,
    );
    line(text, "", &shown);
    let rules = RulesetId::from_code(terms.ruleset).map_or("unknown", RulesetId::name);
    let phones = match terms.phone_evaluations_max {
        0 => "no telephone numbers".to_string(),
        most => format!("at most {} telephone numbers", count(most)),
    };
    let days = count(terms.consent_max_age_days.into());
    line(text, "", &format!("rules {rules}, consent at most {days} days old, {phones}"));
    line(text, "", &links(&terms.link_filter));
    if terms.handles_max > 0 {
        let ids = format!(
            "at most {} handles, {} digital IDs of a record, to be used for {} days{}",
            count(terms.handles_max),
            terms.ids_per_record_max,
            terms.ids_valid_days,
            if terms.flags & 1 == 1 { ", with attributes" } else { "" },
        );
        line(text, "", &ids);
    }
    let until = moment::text(terms.audit_until);
    line(text, "", &format!("evidence kept for audit until {until} UTC"));
}

/// The conditions on the links behind the table, in words.
fn links(filter: &LinkFilter) -> String {
    let LinkFilter { max_age_days, evidence_mask, device_mask, level, min_logins, max_persons } =
        *filter;
    let level = if level == 0 { "individual links" } else { "individual and household links" };
    let mut text = format!("{level} seen within {max_age_days} days");
    let devices = match device_mask {
        u16::MAX => "any device".to_string(),
        mask => format!("devices of class {}", numbers(mask)),
    };
    let _ = write!(text, " by {}, {devices}", evidence(evidence_mask));
    if min_logins > 0 {
        let _ = write!(text, ", logins on {min_logins} days or more");
    }
    if max_persons < u8::MAX {
        let _ = write!(text, ", at most {max_persons} persons on a device");
    }
    text
}

/// The evidence classes of a mask, by the names of the provider's file.
fn evidence(mask: u16) -> String {
    let named = (0_u16..).zip(EVIDENCE).filter(|(bit, _)| mask >> bit & 1 == 1);
    let mut told: Vec<String> = named.map(|(_, name)| (*name).to_string()).collect();
    let known = EVIDENCE.len() as u32;
    let others = mask.checked_shr(known).unwrap_or_default();
    if others != 0 {
        told.push(format!("class {}", numbers(others << known)));
    }
    if told.is_empty() { "no evidence".to_string() } else { told.join(", ") }
}

/// The numbers of the bits of a mask.
fn numbers(mask: u16) -> String {
    let set = (0..u16::BITS).filter(|bit| mask >> bit & 1 == 1);
    let set: Vec<String> = set.map(|bit| bit.to_string()).collect();
    if set.is_empty() { "none".to_string() } else { set.join(" ") }
}

fn relaxed(relaxations: &[Relaxation]) -> String {
    if relaxations.is_empty() {
        return "none".to_string();
    }
    let told = relaxations.iter().map(|Relaxation { name, value, default }| {
        format!("{name} {} (default {})", count(*value), count(*default))
    });
    told.collect::<Vec<_>>().join(", ")
}

fn sizes(account: &Account) -> String {
    let Some(hello) = &account.hello_a else {
        return "unknown: nobody said hello".to_string();
    };
    let slots = if hello.row_width == 1 { "slot" } else { "slots" };
    let rows = count(hello.row_slots);
    let mut text = format!("{rows} padded rows of {} {slots}", hello.row_width);
    if hello.sample_rows > 0 {
        let _ = write!(text, ", a sample of {} rows", count(hello.sample_rows));
    }
    if let Some(hello) = &account.hello_p {
        let _ = write!(text, ", {} tags", count(hello.table.tag_count));
    }
    match &account.receipt {
        None => text.push_str("; no receipt that counts handles and digital IDs"),
        Some(receipt) => {
            let terms = account.terms.as_ref();
            let handles = receipt.handles_known.saturating_add(receipt.handles_unknown.into());
            let handles = about(handles, terms, "handle", "handles");
            let ids = about(receipt.ids_returned, terms, "digital ID", "digital IDs");
            let _ = write!(text, "; {handles}, {ids}");
        }
    }
    text
}

fn signed(account: &Account) -> String {
    let said = [
        account.hello_a.is_some().then_some(("hello", account.hellos.and(A))),
        account.hello_p.is_some().then_some(("answer", account.hellos.and(P))),
        account.terms.is_some().then_some(("terms and channel", account.session)),
        account.receipt.is_some().then_some(("receipt", account.receipt_by)),
    ];
    let told: Vec<String> =
        said.into_iter().flatten().map(|(what, by)| format!("{what} {by}")).collect();
    if told.is_empty() { "nothing".to_string() } else { told.join("; ") }
}

fn line(text: &mut String, label: &str, content: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{label:<8} {content}");
}

const A: Signers = Signers::of(Role::Advertiser);
const P: Signers = Signers::of(Role::Provider);
/// Evidence classes by their bits.
const EVIDENCE: &[&str] = &["login", "purchase", "loyalty", "e-mail click", "form", "CRM import"];
const NO_TERMS: &str = "none: no terms were sent";

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::suite::Profile;

    fn terms() -> MatchTerms {
        let kinds = [IdentifierKind::EMAIL_STRICT, IdentifierKind::PHONE];
        MatchTerms::defaults(Profile::DigitalIds, RulesetId::CRM_FR_1, &kinds)
    }

    #[test]
    fn counts_of_matched_records_are_rounded_as_the_terms_say() {
        let terms = terms();
        let told = |number| about(number, Some(&terms), "handle", "handles");
        assert_eq!(told(0), "no handle");
        assert_eq!(told(1), "few handles");
        assert_eq!(told(50), "about 100 handles");
        assert_eq!(told(349), "about 300 handles");
        assert_eq!(told(1_350), "about 1,400 handles");
        let exact = MatchTerms { count_rounding: 1, ..terms.clone() };
        assert_eq!(about(1_349, Some(&exact), "handle", "handles"), "1,349 handles");
        assert!(!about(1_349, None, "handle", "handles").contains("349"));
    }

    #[test]
    fn numbers_have_commas_at_thousands() {
        let told = [0, 999, 1_000, 32_768, 1_048_576].map(count);
        assert_eq!(told, ["0", "999", "1,000", "32,768", "1,048,576"]);
    }

    #[test]
    fn link_filters_are_told_in_words() {
        let filter = LinkFilter::DEFAULT;
        assert_eq!(
            links(&filter),
            "individual links seen within 90 days by login, purchase, loyalty, e-mail click, any \
             device"
        );
        let odd = LinkFilter { evidence_mask: 0x0090, device_mask: 0x0006, ..filter };
        assert!(links(&odd).ends_with("by form, class 7, devices of class 1 2"));
        let strict = LinkFilter { level: 1, min_logins: 2, max_persons: 4, ..filter };
        assert!(links(&strict).starts_with("individual and household links"));
        let end = "logins on 2 days or more, at most 4 persons on a device";
        assert!(links(&strict).ends_with(end));
    }

    #[test]
    fn every_condition_of_the_terms_is_told() {
        let mut text = String::new();
        tell_terms(&mut text, &terms());
        for words in [
            "n_min 1,000  k_min 100  group_min 1,000  cell_min 50",
            "counts rounded to 100, rates in steps of 1 %, over 85 % only as \"over\"",
            "rules crm-fr/1, consent at most 1,095 days old, at most 1,073,741,824 telephone",
            "at most 16,777,216 handles, 10 digital IDs of a record, to be used for 30 days",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        let relaxations = MatchTerms { k_min: 50, ..terms() }.relaxations(Profile::DigitalIds);
        assert!(relaxed(&relaxations).starts_with("k_min 50 (default 100)"));
        assert_eq!(relaxed(&[]), "none");
    }
}
