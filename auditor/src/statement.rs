//! The statement of a session, for people: who, when, why, how much, under which terms.
//!
//! Every line comes from signed messages, and names the signers; a claim of the holder of the
//! package is told as a claim. Counts of matched records are rounded as the terms say: a paper of
//! an auditor must not show exact ones. They stay in the package.

use data_encoding::HEXLOWER;
use protocol::attestation::PartyId;
use protocol::error::WireCode;
use protocol::identifier::{IdentifierKind, RulesetId};
use protocol::message::Program;
use protocol::suite::Profile;
use protocol::terms::{LinkFilter, MatchTerms};
use protocol::transcript::{BuildFlags, Role};
use report::{Arg, Reader, Text};
use verify::{Account, Ending, Input, Relaxation, Signers};

use crate::page::{Page, chain, list, told};
use crate::parties::{Names, identity_line};

/// The head of every report: a few lines on the session, ending with its signers.
#[must_use]
pub fn head(account: &Account, names: &Names, reader: &Reader) -> String {
    let mut head = Head::new(reader);
    let sid = account.sid.map_or_else(|| Text::new("audit-no-terms"), |sid| word(&hex(&sid)));
    head.line("audit-label-session", &sid);
    head.line("audit-label-time", &time(account));
    let [advertiser, provider] = ROLES.map(|role| Party::of(account, role));
    head.line("audit-label-parties", &parties(account, names));
    head.parties([&advertiser, &provider]);
    let profile = account.profile().map_or_else(unknown, |profile| word(profile.name()));
    match &account.terms {
        None => {
            let none = Text::new("audit-purpose-none").with("profile", profile);
            head.line("audit-label-purpose", &none);
        }
        Some(terms) => {
            let purpose = Text::new("audit-purpose")
                .with("purpose", terms.purpose.name())
                .with("profile", profile)
                .with("kinds", kinds(terms).join(", "));
            head.line("audit-label-purpose", &purpose);
            head.terms(terms);
            head.line("audit-label-relaxed", &relaxed(&relaxations(account)));
        }
    }
    head.line("audit-label-map", &map(account));
    head.line("audit-label-sizes", &sizes(account));
    if let Some(profile) = account.profile() {
        let [advertiser, provider] = ROLES.map(|role| learned(role, profile));
        let of_advertiser = Text::new("audit-learned-advertiser").with("learned", advertiser);
        head.line("audit-label-learned", &of_advertiser);
        head.more(&Text::new("audit-learned-provider").with("learned", provider));
        head.more(&Text::new("audit-personal"));
    }
    head.line("audit-label-signed", &signed(account));
    let claimed = match account.session.is_nobody() {
        true => "audit-claimed-channel",
        false => "audit-claimed",
    };
    head.line("audit-label-claimed", &Text::new(claimed).with("party", account.opening.role));
    head.page.finish()
}

/// Session, time and parties in one line.
pub(crate) fn session(account: &Account, names: &Names) -> Text {
    let sid = account.sid.map_or_else(|| Text::new("audit-no-terms"), |sid| word(&hex(&sid)));
    let about = Text::new("audit-session").with("session", sid).with("time", time(account));
    about.with("parties", parties(account, names))
}

/// Both parties by the reader's names.
fn parties(account: &Account, names: &Names) -> Text {
    let [advertiser, provider] =
        [account.parties.advertiser, account.parties.provider].map(|party| match party {
            None => unknown(),
            Some(id) => word(&names.short(&id)),
        });
    Text::new("audit-parties").with("advertiser", advertiser).with("provider", provider)
}

/// The line of `show` that says how the records end.
#[must_use]
pub fn end(account: &Account, torn: Option<u64>, reader: &Reader) -> String {
    let mut head = Head::new(reader);
    head.line("audit-label-ended", &ending(account, torn));
    head.page.finish()
}

/// End of the records, in words; `torn` is the record that the file ends in the middle of.
pub fn ending(account: &Account, torn: Option<u64>) -> Text {
    let record = torn.map(Arg::Number);
    match &account.ending {
        Ending::Closed => match record {
            None => Text::new("audit-ended-closed"),
            Some(record) => Text::new("audit-ended-closed-torn").with("record", record),
        },
        Ending::Cut { after } => {
            let ended = match after {
                None => Text::new("audit-ended-nothing"),
                Some(place) => match place.frame {
                    None => Text::new("audit-ended-message").with("name", place.name),
                    Some(frame) => Text::new("audit-ended-frame")
                        .with("name", place.name)
                        .with("frame", Arg::Number(frame.into())),
                },
            };
            match record {
                None => ended,
                Some(record) => {
                    Text::new("audit-ended-torn").with("ended", ended).with("record", record)
                }
            }
        }
        Ending::Word { name, by, signed, code } => {
            let why = WireCode::from_code(*code).map(|code| report::Code::of(code).meaning());
            let id = if *signed { "audit-ended-word-signed" } else { "audit-ended-word-claimed" };
            Text::new(id)
                .with("party", *by)
                .with("name", *name)
                .with("code", format!("V{code:04X}"))
                .with("why", why.unwrap_or(Text::new("audit-reason-unknown")))
        }
        Ending::Broken { why } => Text::new("audit-ended-broken").with("why", told(why)),
    }
}

/// Party as the session shows it.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) id: Option<PartyId>,
    /// Both keys as partners exchange them.
    pub(crate) identity: Option<String>,
    pub(crate) spki: [u8; 32],
    pub(crate) program: Option<Program>,
}

impl Party {
    pub(crate) fn of(account: &Account, role: Role) -> Self {
        let parties = &account.parties;
        let (id, spki, said) = match role {
            Role::Advertiser => {
                let hello = account.hello_a.as_ref();
                let said = hello.map(|hello| (hello.attestation_key, hello.program));
                (parties.advertiser, parties.spki_advertiser, said)
            }
            Role::Provider => {
                let hello = account.hello_p.as_ref();
                let said = hello.map(|hello| (hello.attestation_key, hello.program));
                (parties.provider, parties.spki_provider, said)
            }
        };
        let identity = said.and_then(|(key, _)| identity_line(&key, &spki));
        Self { id, identity, spki, program: said.map(|(_, program)| program) }
    }
}

/// Lines with a label in front.
struct Head<'a> {
    page: Page<'a>,
    /// Characters of the longest label.
    width: usize,
}

impl<'a> Head<'a> {
    fn new(reader: &'a Reader) -> Self {
        let page = Page::new(reader);
        let width = widest(&page, &LABELS);
        Self { page, width }
    }

    fn line(&mut self, label: &'static str, content: &Text) {
        let (width, label) = (self.width, self.page.words(&Text::new(label)));
        let content = self.page.words(content);
        self.page.line(0, &format!("{label:<width$} {content}"));
    }

    /// A line that goes on with the label above.
    fn more(&mut self, content: &Text) {
        let content = self.page.words(content);
        self.page.line(self.width + 1, &content);
    }

    /// Three lines on each party: its id, its keys, its program.
    fn parties(&mut self, parties: [&Party; 2]) {
        let roles = widest(&self.page, &ROLE_LABELS);
        let labels = widest(&self.page, &PARTY_LABELS);
        for (role, party) in ROLE_LABELS.into_iter().zip(parties) {
            let id = party.id.as_ref().map_or_else(unknown, |id| word(&hex(&id.0)));
            let lines = [
                Some(id),
                party.identity.as_deref().map(word),
                party.program.as_ref().map(|program| {
                    let digest = Text::new("audit-program-digest");
                    let mut words = version(program);
                    words.push(digest.with("digest", hex(&program.digest)));
                    list(words)
                }),
            ];
            let mut role = self.page.words(&Text::new(role));
            for (label, content) in PARTY_LABELS.into_iter().zip(lines) {
                let Some(content) = content else { continue };
                let [label, content] = [Text::new(label), content].map(|it| self.page.words(&it));
                self.page.line(2, &format!("{role:<roles$}  {label:<labels$} {content}"));
                role.clear();
            }
        }
    }

    fn terms(&mut self, terms: &MatchTerms) {
        let minima = Text::new("audit-minima")
            .with("n", terms.n_min)
            .with("k", terms.k_min)
            .with("group", terms.group_min)
            .with("cell", terms.cell_min);
        self.line("audit-label-terms", &minima);
        let shown = Text::new("audit-shown")
            .with("step", terms.count_rounding)
            .with("precision", Arg::Number(terms.rate_precision.into()))
            .with("cap", Arg::Number(terms.rate_cap.into()));
        self.more(&shown);
        let rules = RulesetId::from_code(terms.ruleset).map(|rules| word(rules.name()));
        self.more(&list(vec![
            Text::new("audit-rules").with("rules", rules.unwrap_or_else(unknown)),
            Text::new("audit-consent").with("days", u64::from(terms.consent_max_age_days)),
            Text::new("audit-phones").with("n", terms.phone_evaluations_max),
        ]));
        if terms.epsilon_milli > 0 {
            let milli = |value: u32| Arg::Decimal(value.into(), 3);
            let noise = Text::new("audit-noise").with("run", milli(terms.epsilon_milli));
            let noise = noise.with("epoch", milli(terms.epsilon_epoch_milli));
            self.more(&noise.with("unit", u64::from(terms.noise_unit)));
        }
        self.more(&links(&terms.link_filter));
        if terms.handles_max > 0 {
            let mut release = vec![
                Text::new("audit-release-handles").with("n", terms.handles_max),
                Text::new("audit-release-ids").with("n", u64::from(terms.ids_per_record_max)),
                Text::new("audit-release-days").with("days", u64::from(terms.ids_valid_days)),
            ];
            if terms.flags & 1 == 1 {
                release.push(Text::new("audit-release-attributes"));
            }
            self.more(&list(release));
        }
        self.more(&Text::new("audit-kept").with("until", Arg::Time(terms.audit_until)));
    }
}

/// The version of a program, with its own words on its build.
pub(crate) fn version(program: &Program) -> Vec<Text> {
    let (major, minor, patch) = program.version_parts();
    // Other bits do not decode.
    let build = BuildFlags::from_bits(program.flags).unwrap_or_default();
    let mut words = vec![word(&format!("{major}.{minor}.{patch}"))];
    words.extend(build.small_limits.then_some(Text::new("audit-program-limits")));
    words.extend(build.classical_kx.then_some(Text::new("audit-program-exchange")));
    words
}

/// The values of the terms that are less strict than the default of the session's profile.
pub(crate) fn relaxations(account: &Account) -> Vec<Relaxation> {
    match (&account.terms, account.profile()) {
        (Some(terms), Some(profile)) => verify::relaxations(terms, profile),
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
    count.checked_add(step / 2)?.checked_div(step)?.checked_mul(step)
}

/// The handles a receipt counts, known and unknown; `None` if no number holds them.
pub(crate) fn handles(receipt: &protocol::transcript::receipt::Receipt) -> Option<u64> {
    receipt.handles_known.checked_add(receipt.handles_unknown.into())
}

/// A count of matched records, rounded, by the message of its noun.
pub(crate) fn about(id: &'static str, number: Option<u64>, terms: Option<&MatchTerms>) -> Text {
    let rounds = terms.is_some_and(|terms| terms.count_rounding > 1);
    let (how, shown) = match number.and_then(|number| rounded(number, terms)) {
        None => ("hidden", 0),
        Some(_) if number == Some(0) => ("none", 0),
        Some(0) => ("few", 0),
        Some(shown) if rounds => ("about", shown),
        Some(shown) => ("exact", shown),
    };
    Text::new(id).with("how", how).with("n", shown)
}

fn time(account: &Account) -> Text {
    let opened = account.terms.as_ref().map(|terms| terms.opened_at);
    match (opened, &account.receipt, &account.hello_a) {
        (Some(opened), Some(receipt), _) => {
            let at = |id| Text::new(id).with("opened", Arg::Time(opened));
            match receipt.closed_at.checked_sub(opened) {
                None => at("audit-time-backwards"),
                Some(seconds) => at("audit-time-closed").with("length", length(seconds)),
            }
        }
        (Some(opened), None, _) => Text::new("audit-time-open").with("opened", Arg::Time(opened)),
        (None, _, Some(hello)) => {
            Text::new("audit-time-hello").with("sent", Arg::Time(hello.sent_at))
        }
        (None, _, None) => Text::new("audit-no-hello"),
    }
}

fn length(seconds: u64) -> Text {
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let id = match (hours, minutes) {
        (0, 0) => "audit-seconds",
        (0, _) => "audit-minutes",
        _ => "audit-hours",
    };
    Text::new(id)
        .with("hours", Arg::Number(hours))
        .with("minutes", Arg::Number(minutes))
        .with("seconds", Arg::Number(seconds % 60))
}

/// The conditions on the links behind the table, in words.
fn links(filter: &LinkFilter) -> Text {
    let LinkFilter { max_age_days, evidence_mask, device_mask, level, min_logins, max_persons } =
        *filter;
    let level = if level == 0 { "individual" } else { "household" };
    let mut conditions = vec![
        Text::new("audit-links")
            .with("level", level)
            .with("days", Arg::Number(max_age_days.into()))
            .with("evidence", Arg::List(evidence(evidence_mask))),
        match device_mask {
            u16::MAX => Text::new("audit-devices-any"),
            0 => Text::new("audit-devices-none"),
            mask => Text::new("audit-devices").with("numbers", numbers(mask)),
        },
    ];
    if min_logins > 0 {
        conditions.push(Text::new("audit-logins").with("days", u64::from(min_logins)));
    }
    if max_persons < u8::MAX {
        conditions.push(Text::new("audit-persons").with("n", u64::from(max_persons)));
    }
    list(conditions)
}

/// The evidence classes of a mask, by the names of the provider's file.
fn evidence(mask: u16) -> Vec<Text> {
    let is_set = |bit: u16| mask >> bit & 1 == 1;
    let named = (0..).zip(EVIDENCE).filter(|(bit, _)| is_set(*bit));
    let mut classes: Vec<Text> = named.map(|(_, id)| Text::new(id)).collect();
    let others = mask & !((1 << EVIDENCE.len()) - 1);
    if others != 0 {
        classes.push(Text::new("audit-evidence-class").with("numbers", numbers(others)));
    }
    if classes.is_empty() {
        classes.push(Text::new("audit-evidence-none"));
    }
    classes
}

/// The numbers of the bits of a mask.
fn numbers(mask: u16) -> String {
    let set = (0..u16::BITS).filter(|bit| mask >> bit & 1 == 1);
    set.map(|bit| bit.to_string()).collect::<Vec<_>>().join(" ")
}

fn relaxed(relaxations: &[Relaxation]) -> Text {
    if relaxations.is_empty() {
        return Text::new("audit-none");
    }
    let told = relaxations.iter().map(|Relaxation { name, value, default }| {
        Text::new("audit-relaxed")
            .with("name", *name)
            .with("value", *value)
            .with("default", *default)
    });
    list(told.collect())
}

/// The map by which the input was read from its files, if the package shows it.
fn map(account: &Account) -> Text {
    match &account.input {
        Input::NotShown => Text::new("audit-map-absent"),
        Input::Other => Text::new("audit-map-other"),
        Input::Opened(input) if input.map == [0; 32] => Text::new("audit-map-none"),
        Input::Opened(input) => Text::new("audit-map").with("digest", hex(&input.map)),
    }
}

fn sizes(account: &Account) -> Text {
    let Some(hello) = &account.hello_a else {
        return Text::new("audit-no-hello");
    };
    let rows = Text::new("audit-rows").with("rows", hello.row_slots);
    let mut sizes = vec![rows.with("slots", u64::from(hello.row_width))];
    if hello.sample_rows > 0 {
        sizes.push(Text::new("audit-sample").with("rows", hello.sample_rows));
    }
    if let Some(hello) = &account.hello_p {
        sizes.push(Text::new("audit-tags").with("n", hello.table.tag_count));
    }
    let counts = match &account.receipt {
        None => Text::new("audit-no-receipt"),
        Some(receipt) => {
            let terms = account.terms.as_ref();
            list(vec![
                about("audit-count-handles", handles(receipt), terms),
                about("audit-count-ids", Some(receipt.ids_returned), terms),
            ])
        }
    };
    Text::new("audit-and").with("first", list(sizes)).with("second", counts)
}

/// Knowledge that a profile gives to a party, in the words of the advertiser's `plan`.
fn learned(role: Role, profile: Profile) -> Text {
    Text::named(format!("learn-{}-{}", role.name(), profile.name()))
}

fn signed(account: &Account) -> Text {
    let by = |role| account.hellos.and(Signers::of(role));
    let said = [
        account.hello_a.is_some().then(|| ("audit-signed-hello", by(Role::Advertiser))),
        account.hello_p.is_some().then(|| ("audit-signed-answer", by(Role::Provider))),
        account.terms.is_some().then_some(("audit-signed-terms", account.session)),
        account.receipt.is_some().then_some(("audit-signed-receipt", account.receipt_by)),
    ];
    let told = said.into_iter().flatten().map(|(id, by)| Text::new(id).with("by", by.name()));
    chain(told).unwrap_or(Text::new("audit-nothing-signed"))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn word(word: &str) -> Text {
    Text::new("audit-list").with("items", word)
}

fn unknown() -> Text {
    Text::new("audit-unknown")
}

/// Characters of the longest of some labels.
fn widest(page: &Page<'_>, labels: &[&'static str]) -> usize {
    let width = |label: &&'static str| page.words(&Text::new(label)).chars().count();
    labels.iter().map(width).max().unwrap_or_default()
}

const ROLES: [Role; 2] = [Role::Advertiser, Role::Provider];
/// Labels of the head, in its order.
const LABELS: [&str; 12] = [
    "audit-label-session",
    "audit-label-time",
    "audit-label-parties",
    "audit-label-purpose",
    "audit-label-terms",
    "audit-label-relaxed",
    "audit-label-map",
    "audit-label-sizes",
    "audit-label-learned",
    "audit-label-signed",
    "audit-label-claimed",
    "audit-label-ended",
];
const ROLE_LABELS: [&str; 2] = ["audit-label-advertiser", "audit-label-provider"];
const PARTY_LABELS: [&str; 3] =
    ["audit-label-party", "audit-label-identity", "audit-label-program"];
/// Evidence classes by their bits.
const EVIDENCE: [&str; 6] = [
    "audit-evidence-login",
    "audit-evidence-purchase",
    "audit-evidence-loyalty",
    "audit-evidence-email",
    "audit-evidence-form",
    "audit-evidence-crm",
];

#[cfg(test)]
mod tests {
    use super::*;
    use report::Lang;

    const FR: Reader = Reader { lang: Lang::Fr, own: None, plain: false };

    fn terms() -> MatchTerms {
        let kinds = [IdentifierKind::EMAIL_STRICT, IdentifierKind::PHONE];
        MatchTerms {
            epsilon_milli: 250,
            epsilon_epoch_milli: 8_000,
            noise_unit: 4,
            ..MatchTerms::defaults(Profile::DigitalIds, RulesetId::CRM_FR_1, &kinds)
        }
    }

    fn english(text: &Text) -> String {
        text.render(&Reader::LOG)
    }

    #[test]
    fn counts_of_matched_records_are_rounded_as_the_terms_say() {
        let terms = terms();
        let told = |number| english(&about("audit-count-handles", Some(number), Some(&terms)));
        assert_eq!(told(0), "no handle");
        assert_eq!(told(1), "few handles");
        assert_eq!(told(50), "about 100 handles");
        assert_eq!(told(349), "about 300 handles");
        assert_eq!(told(1_350), "about 1,400 handles");
        let exact = MatchTerms { count_rounding: 1, ..terms.clone() };
        let told = |terms| english(&about("audit-count-handles", Some(1_349), terms));
        assert_eq!(told(Some(&exact)), "1,349 handles");
        assert!(!told(None).contains("349"));
    }

    #[test]
    fn link_filters_are_told_in_words() {
        let filter = LinkFilter::DEFAULT;
        assert_eq!(
            english(&links(&filter)),
            "individual links seen within 90 days by login, purchase, loyalty, e-mail click, any \
             device"
        );
        let odd = LinkFilter { evidence_mask: 0x0090, device_mask: 0x0006, ..filter };
        assert!(english(&links(&odd)).ends_with("by form, class 7, devices of class 1 2"));
        let strict = LinkFilter { level: 1, min_logins: 2, max_persons: 4, ..filter };
        let strict = english(&links(&strict));
        assert!(strict.starts_with("individual and household links"));
        assert!(strict.ends_with("logins on 2 days or more, at most 4 persons on a device"));
    }

    #[test]
    fn every_condition_of_the_terms_is_told() {
        let told = |reader: &Reader| {
            let mut head = Head::new(reader);
            head.terms(&terms());
            head.page.finish()
        };
        let text = told(&Reader::LOG);
        for words in [
            "n_min 1,000  k_min 100  group_min 100  cell_min 50",
            "counts rounded to 100, rates in steps of 1 %, over 85 % only as \"over\"",
            "noise of epsilon 0.250, at most 8.000 in 30 days, for 4 identifiers of a person",
            "rules crm-fr/1, consent at most 1,095 days old, at most 1,073,741,824 telephone",
            "at most 16,777,216 handles, 10 digital IDs of a record, to be used for 30 days",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        let text = told(&FR).replace(['\u{202F}', '\u{A0}'], " ");
        for words in [
            "conditions n_min 1 000  k_min 100  group_min 100  cell_min 50",
            "taux par pas de 1 %, au-delà de 85 % seulement « plus de 85 % »",
            "consentement d’au plus 1 095 jours, au plus 1 073 741 824 numéros de téléphone",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        let loose = MatchTerms { k_min: 50, ..terms() };
        let relaxations = verify::relaxations(&loose, Profile::DigitalIds);
        assert!(english(&relaxed(&relaxations)).starts_with("k_min 50 (default 100)"));
        assert_eq!(english(&relaxed(&[])), "none");
    }

    #[test]
    fn every_profile_says_who_learns_what() {
        use Profile::{Activation, DigitalIds, MatchRate, MatchedRows};
        for profile in [MatchRate, MatchedRows, Activation, DigitalIds] {
            for role in ROLES {
                let words = learned(role, profile);
                assert!(Lang::ALL.iter().all(|lang| words.exists(*lang)), "{profile:?}");
            }
        }
    }

    #[test]
    fn lengths_are_told_in_the_largest_units() {
        assert_eq!(english(&length(7)), "7 s");
        assert_eq!(english(&length(139)), "2 min 19 s");
        assert_eq!(english(&length(86_400)), "24 h 0 min 0 s");
    }
}
