//! The invitation: how a provider tells one advertiser where it is and what it may run.
//!
//! One TOML file that both operators can read. It holds nothing secret, but whoever can replace it
//! in transit replaces the provider, so the identity in it is compared over a second path. What a
//! run discloses is decided by signed terms; the invitation only says which terms have a chance.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use protocol::identifier::{IdentifierKind, RulesetId};
use protocol::limits::{
    CELL_MIN_DEFAULT, CONSENT_MAX_AGE_DAYS_DEFAULT, CONSENT_MAX_AGE_DAYS_MAX,
    COUNT_ROUNDING_DEFAULT, DROP_DELAY_DAYS_DEFAULT, DROP_DELAY_DAYS_MAX, EPSILON_EPOCH_MILLI_MAX,
    EPSILON_MILLI, EPSILON_MILLI_DEFAULT, EVALUATIONS_PER_KEY_MAX, IDS_PER_RECORD_DEFAULT,
    IDS_VALID_DAYS_DEFAULT, NOISE_UNIT_DEFAULT, NOISE_UNIT_MAX, RATE_CAP_DEFAULT,
    RATE_PRECISION_DEFAULT, ROW_WIDTH_MAX, TABLE_TAGS_MAX, TERMS_LIST_MAX,
};
use protocol::purpose::Purpose;
use protocol::suite::{PROTOCOL_VERSION, Profile};
use protocol::terms::LinkFilter;
use protocol::transcript::Role;
use report::{Arg, Code, Diagnose, Text, shown};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::settings::allowed;
use channel::identity::{IdentityTextError, Introduction, PublicIdentity};
use normalize::digital::{DigitalKind, is_listed_name};
use store::os::{self, OsError};
use store::output::Output;

/// Offer of a provider to one advertiser; every name in it is one that this version knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Address of the provider, `host:port`.
    pub address: String,
    /// Identity that the advertiser pins.
    pub provider: PublicIdentity,
    /// Proof that one party holds both keys of the provider's identity [K-11].
    pub provider_proof: String,
    /// Identity that the invitation is for.
    pub advertiser: PublicIdentity,
    /// Name of this partner at the provider.
    pub name: String,
    /// Profiles that the partner may run, by name.
    pub profiles: Vec<String>,
    /// Purposes that terms may name.
    pub purposes: Vec<Purpose>,
    /// Kinds of identifiers in the partner's tables, by name.
    pub kinds: Vec<String>,
    /// Normalization rules, by name.
    pub ruleset: String,
    /// Text whose digest both nodes compare before any data.
    pub rules_manifest: String,
    /// Digital-ID namespaces and their numbers on the wire.
    pub namespaces: BTreeMap<String, u16>,
    /// Least eligible rows.
    pub n_min: u32,
    /// Least matched rows.
    pub k_min: u32,
    /// Least difference to an earlier set.
    pub group_min: u32,
    /// Conditions on the links behind the prepared tables.
    pub link_filter: LinkFilter,
    /// Limits on the precision of results and on what a delivery may hold.
    pub guardrails: InvitedGuardrails,
    /// Hash of the human contract, if one is bound to the terms.
    pub notice: Option<[u8; 32]>,
    /// Tags that a table of the provider has today, if it has a graph.
    pub table_tags: Option<u64>,
}

/// The provider's guardrails; the stricter value of the two sides belongs into the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InvitedGuardrails {
    /// Least step of released rates, in percent points.
    pub rate_precision: u8,
    /// Rates above this many percent are not released.
    pub rate_cap: u8,
    /// Least step of released counts.
    pub count_rounding: u32,
    /// Least matched rows in a breakdown cell.
    pub cell_min: u32,
    /// Days after which a consent behind a row is no longer taken, at most.
    pub consent_max_age_days: u16,
    /// Digital IDs of one record, at most.
    pub ids_per_person: u16,
    /// Days that a delivered digital ID may be used, at most.
    pub ids_valid_days: u16,
    /// Permission to ask for attributes of digital IDs.
    pub attributes: bool,
    /// Days that a table key lives, at most.
    pub scope_days: u16,
    /// Telephone numbers that one run may ask for.
    pub phones_per_run: u64,
    /// Privacy loss of one run, in thousandths; 0 if a run may have no noise.
    pub epsilon_milli: u32,
    /// Privacy loss of an epoch of 30 days, in thousandths.
    pub epsilon_epoch_milli: u32,
    /// Identifiers of one person that noise hides.
    pub noise_unit: u8,
    /// Identifiers of one row, at most.
    pub row_width_max: u8,
    /// Days that who left the list stays in deliveries, at most.
    pub drop_delay_days: u32,
}

impl Default for InvitedGuardrails {
    fn default() -> Self {
        Self {
            rate_precision: RATE_PRECISION_DEFAULT,
            rate_cap: RATE_CAP_DEFAULT,
            count_rounding: COUNT_ROUNDING_DEFAULT,
            cell_min: CELL_MIN_DEFAULT,
            consent_max_age_days: CONSENT_MAX_AGE_DAYS_DEFAULT,
            ids_per_person: IDS_PER_RECORD_DEFAULT,
            ids_valid_days: IDS_VALID_DAYS_DEFAULT,
            attributes: false,
            scope_days: SCOPE_DAYS_MAX,
            phones_per_run: EVALUATIONS_PER_KEY_MAX,
            epsilon_milli: EPSILON_MILLI_DEFAULT,
            epsilon_epoch_milli: EPSILON_EPOCH_MILLI_MAX,
            noise_unit: NOISE_UNIT_DEFAULT,
            row_width_max: ROW_WIDTH_MAX,
            drop_delay_days: DROP_DELAY_DAYS_DEFAULT,
        }
    }
}

impl InvitedGuardrails {
    /// The first value that no guardrail may have: its name, and the values it may have.
    #[must_use]
    pub fn wrong(&self) -> Option<(&'static str, Text)> {
        let product = Self::default();
        let between = |least: u16, most: u16, value: u16| {
            (!(least..=most).contains(&value)).then(|| allowed::between(least, most))
        };
        let least = |least: u32, value: u32| (value < least).then(|| allowed::least(least));
        let epoch_of = |milli: u32| {
            let (least, most) = (EPSILON_EPOCH_LEAST, EPSILON_EPOCH_MOST);
            let allowed = (least.into()..=most.into()).contains(&milli);
            (!allowed).then(|| allowed::between(least, most))
        };
        let rules = [
            ("rate_precision", between(1, 100, self.rate_precision.into())),
            ("rate_cap", between(1, product.rate_cap.into(), self.rate_cap.into())),
            ("count_rounding", least(product.count_rounding, self.count_rounding)),
            ("cell_min", least(product.cell_min, self.cell_min)),
            (
                "consent_max_age_days",
                between(1, CONSENT_MAX_AGE_DAYS_MAX, self.consent_max_age_days),
            ),
            ("ids_per_person", between(1, product.ids_per_person, self.ids_per_person)),
            ("ids_valid_days", between(1, IDS_VALID_DAYS_MOST, self.ids_valid_days)),
            ("scope_days", between(SCOPE_DAYS_MIN, SCOPE_DAYS_MAX, self.scope_days)),
            ("phones_per_run", (self.phones_per_run == 0).then(|| allowed::least(1))),
            ("epsilon_milli", (!is_epsilon(self.epsilon_milli)).then(allowed_epsilon)),
            ("epsilon_epoch_milli", epoch_of(self.epsilon_epoch_milli)),
            ("noise_unit", between(1, NOISE_UNIT_MAX.into(), self.noise_unit.into())),
            ("row_width_max", between(1, ROW_WIDTH_MAX.into(), self.row_width_max.into())),
            (
                "drop_delay_days",
                (self.drop_delay_days > DROP_DELAY_DAYS_MAX)
                    .then(|| allowed::between(0, DROP_DELAY_DAYS_MOST)),
            ),
        ];
        rules.into_iter().find_map(|(name, allowed)| Some((name, allowed?)))
    }
}

/// True for a privacy loss that a run may have, and for 0, a run without noise.
#[must_use]
pub fn is_epsilon(milli: u32) -> bool {
    milli == 0 || EPSILON_MILLI.contains(&milli)
}

/// Privacy losses that a run may have, in words.
pub fn allowed_epsilon() -> Text {
    Text::new("allowed-epsilon")
}

impl Invitation {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`InvitationError::Field`] for a value that [`Self::read`] would refuse, and storage errors.
    pub fn write(&self, path: &Path) -> Result<(), InvitationError> {
        let text = self.to_text()?;
        os::publish_atomically(path, 0o644, |to| to.write_all(text.as_bytes()))?;
        Ok(())
    }

    /// Writes the file to an output that the operator named.
    ///
    /// # Errors
    ///
    /// [`Failure`] as [`Self::write`].
    pub fn publish(&self, output: &Output) -> Result<(), Failure> {
        Ok(output.publish_text(&self.to_text()?)?)
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// [`InvitationError`], which names the field and what to do.
    pub fn read(path: &Path) -> Result<Self, InvitationError> {
        let unreadable = |source| InvitationError::Unreadable { path: path.into(), source };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(InvitationError::TooLarge { path: path.into() });
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| unreadable(io::Error::new(io::ErrorKind::InvalidData, "not UTF-8")))?;
        Self::parse(&text)
    }

    /// Reads and checks the text of a file.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Result<Self, InvitationError> {
        // The version is looked at first, so that a newer file is not refused for its fields.
        let Version { format } =
            toml::from_str(text).map_err(|error| InvitationError::syntax(&error, text))?;
        if format != FORMAT {
            return Err(InvitationError::Version { format });
        }
        let body: Body =
            toml::from_str(text).map_err(|error| InvitationError::syntax(&error, text))?;
        let invitation = body.into_invitation()?;
        invitation.check()?;
        Ok(invitation)
    }

    /// The text of the file.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub fn to_text(&self) -> Result<String, InvitationError> {
        self.check()?;
        let body = toml::to_string_pretty(&Body::of(self))
            .map_err(|error| InvitationError::Syntax { line: 0, what: error.to_string() })?;
        Ok(format!("{HEADING}{body}"))
    }

    fn check(&self) -> Result<(), InvitationError> {
        let port = self.address.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
        if !matches!(port, Some((host, Ok(1..))) if !host.is_empty()) || self.address.len() > 261 {
            let problem = Text::new("invitation-address").with("value", shown(&self.address));
            return wrong("address", problem);
        }
        if self.name.is_empty()
            || self.name.len() > NAME_BYTES_MAX
            || self.name != shown(&self.name)
        {
            return wrong("name", Text::new("invitation-name").with("value", shown(&self.name)));
        }
        if self.provider == self.advertiser {
            return wrong("advertiser", Text::new("invitation-own-identity"));
        }
        if let Err(why) = Introduction::verify(self.provider, &self.provider_proof, Role::Provider)
        {
            return Err(InvitationError::Identity { field: "provider_proof", why });
        }
        if let Some(tags) = self.table_tags.filter(|tags| !(1..=TABLE_TAGS_MAX).contains(tags)) {
            return wrong(
                "table_tags",
                Text::new("invitation-table").with("tags", Arg::Number(tags)),
            );
        }
        self.check_lists()?;
        if self.rules_manifest.is_empty() || self.rules_manifest.len() > MANIFEST_BYTES_MAX {
            let bytes = self.rules_manifest.len();
            return wrong("rules_manifest", Text::new("invitation-bytes").with("bytes", bytes));
        }
        if self.k_min == 0 || self.group_min == 0 || self.n_min < self.k_min {
            let problem = Text::new("invitation-minima")
                .with("n_min", Arg::Number(self.n_min.into()))
                .with("k_min", Arg::Number(self.k_min.into()))
                .with("group_min", Arg::Number(self.group_min.into()));
            return wrong("minima", problem);
        }
        if self.link_filter.level > 1 {
            let level = Arg::Number(self.link_filter.level.into());
            return wrong("link_filter.level", Text::new("invitation-level").with("level", level));
        }
        if let Some((name, allowed)) = self.guardrails.wrong() {
            let problem = Text::new("invitation-guardrail").with("name", name);
            return wrong("guardrails", problem.with("allowed", allowed));
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<(), InvitationError> {
        if let Some(name) = self.profiles.iter().find(|name| Profile::from_name(name).is_none()) {
            return wrong("profiles", unknown(name));
        }
        let kind = |name: &&String| IdentifierKind::from_name(name).is_none();
        if let Some(name) = self.kinds.iter().find(kind) {
            return wrong("kinds", unknown(name));
        }
        if let Some(purpose) = self.purposes.iter().find(|purpose| !purpose.is_runnable()) {
            let problem = Text::new("invitation-no-run").with("value", purpose.name());
            return wrong("purposes", problem);
        }
        let mut rulesets = (0..=u8::MAX).filter_map(RulesetId::from_code);
        if !rulesets.any(|ruleset| ruleset.name() == self.ruleset) {
            return wrong("ruleset", unknown(&self.ruleset));
        }
        for (field, len, distinct) in [
            ("profiles", self.profiles.len(), distinct(&self.profiles)),
            ("purposes", self.purposes.len(), distinct(&self.purposes)),
            ("kinds", self.kinds.len(), distinct(&self.kinds)),
        ] {
            if len == 0 || len > TERMS_LIST_MAX || !distinct {
                return wrong(field, Text::new("invitation-entries").with("entries", len));
            }
        }
        let numbers: Vec<u16> = self.namespaces.values().copied().collect();
        if numbers.len() > TERMS_LIST_MAX || !distinct(&numbers) {
            let problem = Text::new("invitation-numbers").with("entries", numbers.len());
            return wrong("namespaces", problem);
        }
        if let Some(name) = self.namespaces.keys().find(|name| !is_listed_name(name)) {
            let problem = Text::new("invitation-namespace").with("value", shown(name));
            return wrong("namespaces", problem);
        }
        let numbered = |(name, code): &(&String, &u16)| {
            let fixed = DigitalKind::from_name(name).and_then(DigitalKind::number);
            fixed.map_or(**code >= COOKIE_NAMESPACE_MIN, |fixed| **code == fixed)
        };
        if let Some((name, code)) = self.namespaces.iter().find(|entry| !numbered(entry)) {
            let problem = Text::new("invitation-number")
                .with("value", shown(name))
                .with("number", Arg::Number((*code).into()));
            return wrong("namespaces", problem);
        }
        Ok(())
    }
}

fn wrong(field: &'static str, problem: Text) -> Result<(), InvitationError> {
    Err(InvitationError::Field { field, problem })
}

/// A name that belongs to no version, or to a later one.
fn unknown(name: &str) -> Text {
    Text::new("invitation-unknown").with("value", shown(name))
}

/// An invitation that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// A field has a value that is not allowed.
    Field {
        /// The field.
        field: &'static str,
        /// The problem, with its value made safe to show.
        problem: Text,
    },
    /// An identity line is damaged.
    Identity {
        /// The field.
        field: &'static str,
        /// The damage.
        why: IdentityTextError,
    },
    /// A field is unknown, missing, or of another type; or the file is not TOML.
    Syntax {
        /// The line, 0 if it is not known.
        line: usize,
        /// Words of the parser, made safe to show.
        what: String,
    },
    /// The file is of another format.
    Version {
        /// Format that the file names.
        format: u32,
    },
    /// The file is larger than any invitation.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The file cannot be written.
    Os(#[from] OsError),
}

impl Diagnose for InvitationError {
    fn code(&self) -> Code {
        match self {
            Self::Os(error) => error.code(),
            _ => Code::Invitation,
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Field { field, problem } => {
                Text::new("invitation-field").with("field", *field).with("problem", problem.clone())
            }
            Self::Identity { field, why } => {
                Text::new("invitation-identity").with("field", *field).with("why", why.text())
            }
            Self::Syntax { line, what } => Text::new("invitation-syntax")
                .with("line", Arg::Number(*line as u64))
                .with("why", Arg::Word(what.clone())),
            Self::Version { format } => Text::new("invitation-version")
                .with("format", Arg::Number((*format).into()))
                .with("ours", Arg::Number(FORMAT.into())),
            Self::TooLarge { path } => Text::new("invitation-too-large").with("path", path),
            Self::Unreadable { path, source } => {
                Text::new("invitation-unreadable").with("path", path).with("why", source)
            }
            Self::Os(error) => error.text(),
        }
    }

    fn advice(&self) -> Option<Text> {
        match self {
            Self::Field { problem, .. } => Some(problem.clone().attribute("try")),
            _ => None,
        }
    }
}
report::told_in_english!(InvitationError);

impl InvitationError {
    fn syntax(error: &toml::de::Error, text: &str) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        Self::Syntax {
            line: before.map_or(0, |before| before.matches('\n').count() + 1),
            what: shown(error.message()),
        }
    }
}

/// The one field that every format has.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    format: u32,
    address: String,
    provider: String,
    provider_proof: String,
    advertiser: String,
    name: String,
    profiles: Vec<String>,
    purposes: Vec<String>,
    kinds: Vec<String>,
    ruleset: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table_tags: Option<u64>,
    rules_manifest: String,
    minima: Minima,
    link_filter: Links,
    #[serde(default)]
    guardrails: InvitedGuardrails,
    #[serde(default)]
    namespaces: BTreeMap<String, u16>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Minima {
    n_min: u32,
    k_min: u32,
    group_min: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Links {
    max_age_days: u16,
    evidence_mask: u16,
    device_mask: u16,
    level: u8,
    min_logins: u8,
    max_persons: u8,
}

impl Body {
    fn of(invitation: &Invitation) -> Self {
        let filter = invitation.link_filter;
        Self {
            format: FORMAT,
            address: invitation.address.clone(),
            provider: invitation.provider.to_string(),
            provider_proof: invitation.provider_proof.clone(),
            advertiser: invitation.advertiser.to_string(),
            name: invitation.name.clone(),
            profiles: invitation.profiles.clone(),
            purposes: invitation.purposes.iter().map(|one| one.name().to_owned()).collect(),
            kinds: invitation.kinds.clone(),
            ruleset: invitation.ruleset.clone(),
            notice: invitation.notice.map(|notice| hexadecimal(&notice)),
            table_tags: invitation.table_tags,
            rules_manifest: invitation.rules_manifest.clone(),
            minima: Minima {
                n_min: invitation.n_min,
                k_min: invitation.k_min,
                group_min: invitation.group_min,
            },
            link_filter: Links {
                max_age_days: filter.max_age_days,
                evidence_mask: filter.evidence_mask,
                device_mask: filter.device_mask,
                level: filter.level,
                min_logins: filter.min_logins,
                max_persons: filter.max_persons,
            },
            guardrails: invitation.guardrails,
            namespaces: invitation.namespaces.clone(),
        }
    }

    fn into_invitation(self) -> Result<Invitation, InvitationError> {
        let identity = |field, text: &str| {
            PublicIdentity::parse(text).map_err(|why| InvitationError::Identity { field, why })
        };
        let notice = match &self.notice {
            None => None,
            Some(text) => Some(from_hexadecimal(text).ok_or_else(|| InvitationError::Field {
                field: "notice",
                problem: Text::new("invitation-notice").with("value", shown(text)),
            })?),
        };
        let purpose = |name: &String| {
            name.parse()
                .map_err(|_| InvitationError::Field { field: "purposes", problem: unknown(name) })
        };
        let purposes: Vec<Purpose> = self.purposes.iter().map(purpose).collect::<Result<_, _>>()?;
        let Links { max_age_days, evidence_mask, device_mask, level, min_logins, max_persons } =
            self.link_filter;
        Ok(Invitation {
            provider: identity("provider", &self.provider)?,
            provider_proof: self.provider_proof,
            advertiser: identity("advertiser", &self.advertiser)?,
            address: self.address,
            name: self.name,
            profiles: self.profiles,
            purposes,
            kinds: self.kinds,
            ruleset: self.ruleset,
            rules_manifest: self.rules_manifest,
            namespaces: self.namespaces,
            n_min: self.minima.n_min,
            k_min: self.minima.k_min,
            group_min: self.minima.group_min,
            link_filter: LinkFilter {
                max_age_days,
                evidence_mask,
                device_mask,
                level,
                min_logins,
                max_persons,
            },
            guardrails: self.guardrails,
            notice,
            table_tags: self.table_tags,
        })
    }
}

fn distinct<T: Ord>(values: &[T]) -> bool {
    values.iter().collect::<BTreeSet<_>>().len() == values.len()
}

fn hexadecimal(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hexadecimal(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes?.try_into().ok()
}

/// Numbers below this are not of cookie namespaces.
pub const COOKIE_NAMESPACE_MIN: u16 = DigitalKind::COOKIE_NAMESPACE_MIN;
/// The version of the protocol that the invitation is for.
const FORMAT: u32 = PROTOCOL_VERSION as u32;
const HEADING: &str = "\
# Invitation of a Veilmatch provider. Accept it with `advertiser-node accept`, and compare the\n\
# provider's identity below over a second path: whoever replaces it replaces the provider.\n\n";
const FILE_BYTES_MAX: u64 = 1 << 20;
const MANIFEST_BYTES_MAX: usize = 1 << 18;
const NAME_BYTES_MAX: usize = 64;
/// A key must outlive the terms under it by design; see the keyring.
const SCOPE_DAYS_MIN: u16 = 3;
const SCOPE_DAYS_MAX: u16 = 30;
/// Privacy loss of an epoch that has room for a run: in thousandths, at least.
pub const EPSILON_EPOCH_LEAST: u16 = 125;
/// Privacy loss of an epoch at most.
pub const EPSILON_EPOCH_MOST: u16 = 8_000;
/// Days that who left a list stays, at most, in the type that sentences take.
const DROP_DELAY_DAYS_MOST: u16 = 30;
const _: () = assert!(DROP_DELAY_DAYS_MOST as u32 == DROP_DELAY_DAYS_MAX);
const _: () = assert!(EPSILON_EPOCH_LEAST as u32 == EPSILON_MILLI[0]);
const _: () = assert!(EPSILON_EPOCH_MOST as u32 == EPSILON_EPOCH_MILLI_MAX);
/// Days above which a digital ID is as good as dead.
const IDS_VALID_DAYS_MOST: u16 = 90;

#[cfg(test)]
mod tests {
    use protocol::attestation::AttestationKey;

    use super::*;

    fn introduction(seed: u8) -> Introduction {
        let key = |seed| AttestationKey::from_bytes(&[seed; 32]);
        Introduction::make(Role::Provider, &key(seed), &key(seed + 100))
    }

    fn sample() -> Invitation {
        let provider = introduction(1);
        Invitation {
            address: "provider.example:4433".into(),
            provider: provider.identity(),
            provider_proof: provider.proof_line(),
            advertiser: PublicIdentity { attestation_key: [3; 32], spki: [4; 32] },
            name: "retailer-fr".into(),
            profiles: vec!["matched-rows".into(), "match-rate".into()],
            purposes: vec![Purpose::Match],
            kinds: vec!["email.strict".into(), "phone".into()],
            ruleset: "crm-fr/1".into(),
            rules_manifest: "ruleset crm-fr/1\nlower = 'yes' \"quoted\" \\ \n".into(),
            namespaces: BTreeMap::from([("idfa".into(), 1), ("aaid".into(), 2)]),
            n_min: 1_000,
            k_min: 100,
            group_min: 1_000,
            link_filter: LinkFilter::DEFAULT,
            guardrails: InvitedGuardrails { rate_cap: 60, ..InvitedGuardrails::default() },
            notice: Some([0xAB; 32]),
            table_tags: Some(1 << 20),
        }
    }

    fn refused(text: &str) -> InvitationError {
        Invitation::parse(text).expect_err("refused")
    }

    #[test]
    fn file_round_trips() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("invitation.toml");
        for notice in [None, Some([7; 32])] {
            let invitation = Invitation { notice, ..sample() };
            invitation.write(&path).expect("written");
            assert_eq!(Invitation::read(&path).expect("read"), invitation);
        }
        let bare = Invitation { namespaces: BTreeMap::new(), ..sample() };
        assert_eq!(Invitation::parse(&bare.to_text().expect("text")).expect("parsed"), bare);
    }

    #[test]
    fn file_without_guardrails_has_those_of_the_product() {
        let sample = Invitation { guardrails: InvitedGuardrails::default(), ..sample() };
        let text = sample.to_text().expect("text");
        let (before, rest) = text.split_once("[guardrails]").expect("guardrails");
        let after = rest.split_once("\n[").map_or("", |(_, after)| after);
        let older = format!("{before}[{after}");
        assert_eq!(Invitation::parse(&older).expect("parsed"), sample);
    }

    #[test]
    fn unknown_missing_and_mistyped_fields_are_named_with_their_line() {
        let text = sample().to_text().expect("text");
        let error = refused(&text.replace("k_min =", "k_mini ="));
        assert!(error.to_string().contains("k_mini"), "{error}");
        let at = text.lines().position(|line| line.starts_with("k_min")).expect("a line") + 1;
        assert!(error.to_string().contains(&format!("line {at}:")), "{error}");
        let error = refused(&text.replace("name = \"retailer-fr\"\n", ""));
        assert!(error.to_string().contains("missing field `name`"), "{error}");
        let error = refused(&text.replace("purposes = [\"ads.match\"]", "purposes = [1]"));
        assert!(matches!(error, InvitationError::Syntax { .. }), "{error}");
        assert!(matches!(refused("not a file"), InvitationError::Syntax { .. }));
        let error = refused(&text.replace("format = 3", "format = 1\nold_field = 1"));
        assert!(matches!(error, InvitationError::Version { format: 1 }), "{error}");
        assert!(report::advice(&error).to_string().contains("make the invitation anew"));
    }

    #[test]
    fn wrong_values_are_named_with_a_remedy() {
        type Change = fn(&mut Invitation);
        let changes: [(&str, Change); 29] = [
            ("address", |i| i.address = "provider.example".into()),
            ("address", |i| i.address = ":4433".into()),
            ("address", |i| i.address = "provider.example:0".into()),
            ("name", |i| i.name = "a\u{1b}[2J".into()),
            ("advertiser", |i| i.advertiser = i.provider),
            ("profiles", |i| i.profiles = vec!["everything".into()]),
            ("profiles", |i| i.profiles.clear()),
            ("purposes", |i| i.purposes = vec![Purpose::Match; 2]),
            ("purposes", |i| i.purposes = vec![Purpose::Measure]),
            ("guardrails", |i| i.guardrails.consent_max_age_days = 0),
            ("kinds", |i| i.kinds.push("shoe-size".into())),
            ("ruleset", |i| i.ruleset = "crm-xx/9".into()),
            ("rules_manifest", |i| i.rules_manifest.clear()),
            ("namespaces", |i| i.namespaces = BTreeMap::from([("a".into(), 1), ("b".into(), 1)])),
            ("namespaces", |i| i.namespaces = BTreeMap::from([("idfa".into(), 2)])),
            ("namespaces", |i| i.namespaces = BTreeMap::from([("a.example".into(), 3)])),
            ("namespaces", |i| i.namespaces = BTreeMap::from([("A.example".into(), 256)])),
            ("namespaces", |i| i.namespaces = BTreeMap::from([("uid2".into(), 256)])),
            ("guardrails", |i| i.guardrails.rate_cap = 90),
            ("guardrails", |i| i.guardrails.epsilon_milli = 200),
            ("guardrails", |i| i.guardrails.epsilon_epoch_milli = 8_001),
            ("guardrails", |i| i.guardrails.noise_unit = 9),
            ("guardrails", |i| i.guardrails.row_width_max = 9),
            ("guardrails", |i| i.guardrails.drop_delay_days = 31),
            ("guardrails", |i| i.guardrails.phones_per_run = 0),
            ("table_tags", |i| i.table_tags = Some(0)),
            ("table_tags", |i| i.table_tags = Some(u64::from(u32::MAX))),
            ("minima", |i| i.k_min = 0),
            ("link_filter.level", |i| i.link_filter.level = 2),
        ];
        for (field, change) in changes {
            let mut invitation = sample();
            change(&mut invitation);
            let error = invitation.to_text().expect_err(field);
            assert!(error.to_string().starts_with(&format!("invitation: {field} ")), "{error}");
            assert!(!error.to_string().contains('\u{1b}'), "{error}");
            assert!(!report::advice(&error).to_string().is_empty());
            let file = toml::to_string_pretty(&Body::of(&invitation)).expect("text");
            assert_eq!(refused(&file).to_string(), error.to_string(), "read and write agree");
        }
    }

    #[test]
    fn provider_of_somebody_elses_key_is_refused() {
        let (own, other) = (introduction(1), introduction(2));
        for provider in [
            PublicIdentity { spki: other.identity().spki, ..own.identity() },
            PublicIdentity { spki: own.identity().spki, ..other.identity() },
        ] {
            for proof in [own, other] {
                let mixed = Invitation { provider, provider_proof: proof.proof_line(), ..sample() };
                let file = toml::to_string_pretty(&Body::of(&mixed)).expect("text");
                let error = refused(&file);
                let identity = InvitationError::Identity {
                    field: "provider_proof",
                    why: IdentityTextError::Proof,
                };
                assert_eq!(error.to_string(), identity.to_string());
            }
        }
    }

    #[test]
    fn damaged_identities_and_notices_are_told_apart() {
        let text = sample().to_text().expect("text");
        let provider = sample().provider.to_string();
        let error = refused(&text.replace(&provider, &provider[..80]));
        assert!(error.to_string().contains("provider: this identity is cut short"), "{error}");
        let error = refused(&text.replace("abab", "abag"));
        assert!(error.to_string().contains("notice"), "{error}");
    }

    #[test]
    fn hostile_files_are_bounded_and_shown_safely() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("invitation.toml");
        std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).expect("written");
        assert!(matches!(Invitation::read(&path), Err(InvitationError::TooLarge { .. })));
        std::fs::write(&path, [0xFF, 0xFE]).expect("written");
        assert!(matches!(Invitation::read(&path), Err(InvitationError::Unreadable { .. })));
        let name = format!("\"\\u001b]0;{}\" = 1\n", "x".repeat(5_000));
        let error = refused(
            &sample().to_text().expect("text").replace("[minima]", &format!("{name}[minima]")),
        );
        assert!(error.to_string().len() < 200 && !error.to_string().contains('\u{1b}'), "{error}");
    }
}
