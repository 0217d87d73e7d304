//! The columns of a CRM file, each with its meaning.

use protocol::error::Bug;
use protocol::identifier::IdentifierKind;
use report::{Arg, Text};

use super::counts::ColumnUse;
use super::{InputRules, SharedLimits};
use crate::error::{CrmError, Undeclared};
use tabular::{Column, FieldSource, FileColumn, Holds, Ignore, Reading, Role, RowSource, Schema};

/// The columns of a CRM file; those that are read come first, in the order of the constants below.
pub static SCHEMA: Schema = Schema {
    columns: &[
        Column::required("row_id", Holds::Name),
        Column::required("consent_purposes", Holds::Purposes),
        Column::required("consent_ref", Holds::Name),
        Column::required("consent_at", Holds::Time),
        Column::required("consent_notice", Holds::Text),
        Column::optional("source", Holds::Text),
        Column::optional("objections", Holds::Objections),
        Column::optional("updated_at", Holds::Time),
        Column::optional("country", Holds::Text),
        Column::optional("postcode", Holds::Text),
        Column::optional("email", Holds::Email),
        Column::optional("email_2", Holds::Email).further(),
        Column::optional("email_3", Holds::Email).further(),
        Column::optional("email_sha256", Holds::EmailDigest),
        Column::optional("phone", Holds::Phone),
        Column::optional("phone_2", Holds::Phone).further(),
        Column::optional("phone_sha256", Holds::PhoneDigest),
        Column::unused("population"),
        Column::unused("stage"),
        Column::unused("persona"),
        Column::unused("first_name"),
        Column::unused("last_name"),
        Column::unused("last_name_alt"),
        Column::unused("street"),
        Column::unused("city"),
        Column::unused("idfa"),
        Column::unused("aaid"),
        Column::unused("consent_channel"),
        Column::unused("own_last_seen"),
        Column::unused("segments"),
        Column::unused("suppress"),
    ],
    families: &["custom."],
    one_of: &[EMAIL, 11, 12, EMAIL_SHA256, 14, 15, PHONE_SHA256],
    program: "advertiser-node",
};

pub(super) const ROW_ID: usize = 0;
pub(super) const CONSENT_PURPOSES: usize = 1;
pub(super) const CONSENT_REF: usize = 2;
pub(super) const CONSENT_AT: usize = 3;
pub(super) const CONSENT_NOTICE: usize = 4;
pub(super) const SOURCE: usize = 5;
pub(super) const OBJECTIONS: usize = 6;
pub(super) const UPDATED_AT: usize = 7;
pub(super) const COUNTRY: usize = 8;
pub(super) const POSTCODE: usize = 9;
const EMAIL: usize = 10;
const EMAIL_SHA256: usize = 13;
const PHONE_SHA256: usize = 16;

/// The columns of identifiers, in the order in which a row keeps their values.
pub(super) const IDENTIFIERS: [(usize, Values); 7] = [
    (EMAIL, Values::Email),
    (11, Values::Email),
    (12, Values::Email),
    (EMAIL_SHA256, Values::EmailDigest),
    (14, Values::Phone),
    (15, Values::Phone),
    (PHONE_SHA256, Values::PhoneDigest),
];

/// Content of a column of identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    Email,
    EmailDigest,
    Phone,
    PhoneDigest,
}

impl Values {
    /// Number of these kinds that a value can give.
    fn agreed(self, kinds: &[u8]) -> usize {
        let given = match self {
            Self::Email | Self::EmailDigest => {
                [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL]
            }
            Self::Phone | Self::PhoneDigest => {
                [IdentifierKind::PHONE, IdentifierKind::PHONE_DIGITS]
            }
        };
        given.iter().filter(|kind| kinds.contains(&kind.code())).count()
    }
}

/// Text of the meaning of each column, by its position.
const MEANINGS: [&str; 17] = [
    "column-row-id",
    "column-consent-purposes",
    "column-consent-ref",
    "column-consent-at",
    "column-consent-notice",
    "column-source",
    "column-objections",
    "column-updated-at",
    "column-country",
    "column-postcode",
    "column-email",
    "column-email",
    "column-email",
    "column-email-digest",
    "column-phone",
    "column-phone",
    "column-phone-digest",
];

/// Names of columns whose values are told, over all inputs, each with a number.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    fn number(&mut self, name: &str) -> Result<u16, Bug> {
        let at = match self.0.iter().position(|known| known == name) {
            Some(at) => at,
            None => {
                self.0.push(name.to_owned());
                self.0.len() - 1
            }
        };
        u16::try_from(at).map_err(|_| Bug::invariant())
    }

    /// The name of a number.
    pub(super) fn of(&self, number: u16) -> &str {
        self.0.get(usize::from(number)).map_or("", String::as_str)
    }
}

/// Columns of one input whose values are told; known without a look at its files.
#[derive(Debug)]
pub(super) struct InputColumns {
    /// Fields of identifiers, in the order in which a row keeps their values.
    pub(super) identifiers: Vec<IdentifierField>,
    /// Numbers of the columns of notice, source, country and post code.
    pub(super) notice: u16,
    pub(super) source: u16,
    pub(super) country: u16,
    pub(super) postcode: u16,
    /// Identifiers that a row can have at most, by its columns and the agreed kinds.
    pub(super) row_identifiers_max: usize,
}

/// A field of identifiers.
#[derive(Debug)]
pub(super) struct IdentifierField {
    pub(super) position: usize,
    pub(super) values: Values,
    /// Numbers of its columns.
    pub(super) columns: Vec<u16>,
    /// False if the purpose does not allow it.
    pub(super) allowed: bool,
    /// Slots of a row that each of its columns costs.
    pub(super) slots: usize,
}

impl InputColumns {
    /// The columns of an input, as its reading names them; without a map by our own names.
    pub(super) fn of(
        reading: &Reading,
        rules: &InputRules<'_>,
        names: &mut Names,
    ) -> Result<Self, Bug> {
        let field = |at: usize| reading.fields.as_ref().and_then(|fields| fields.get(&at));
        let shown = |at: usize| -> Vec<String> {
            match field(at).map(|field| &field.source) {
                Some(FieldSource::Columns(columns)) => columns.clone(),
                Some(FieldSource::Joined { columns, .. }) => vec![columns.join(" + ")],
                Some(FieldSource::Constant(_)) => Vec::new(),
                None if reading.fields.is_some() => Vec::new(),
                None => vec![name(at).to_owned()],
            }
        };
        let mut number = |at: usize| match shown(at).first() {
            Some(name) => names.number(name),
            None => names.number(name(at)),
        };
        let (source, country, postcode) = (number(SOURCE)?, number(COUNTRY)?, number(POSTCODE)?);
        let notice = number(CONSENT_NOTICE)?;
        let mut identifiers = Vec::new();
        for (position, values) in IDENTIFIERS {
            let columns = shown(position);
            if columns.is_empty() {
                continue;
            }
            let columns =
                columns.iter().map(|name| names.number(name)).collect::<Result<_, _>>()?;
            let allowed = !rules.not_for_purpose.iter().any(|field| field == name(position));
            let several = field(position).is_some_and(|field| field.split.is_some());
            let values_max = if several { ENTRIES_COUNTED } else { 1 };
            let kinds = if allowed { values.agreed(rules.kinds) } else { 0 };
            let slots = kinds * values_max;
            identifiers.push(IdentifierField { position, values, columns, allowed, slots });
        }
        let slots = |field: &IdentifierField| field.slots * field.columns.len();
        let row_identifiers_max = identifiers.iter().map(slots).sum();
        Ok(Self { identifiers, notice, source, country, postcode, row_identifiers_max })
    }

    /// The columns of identifiers that a file has, and the slots that each of them costs.
    pub(super) fn present(&self, source: &RowSource) -> impl Iterator<Item = (u16, usize)> {
        let fields = self.identifiers.iter().filter(|field| source.has(field.position));
        fields.flat_map(|field| field.columns.iter().map(|number| (*number, field.slots)))
    }
}

/// Our name of a field.
pub(super) fn name(position: usize) -> &'static str {
    SCHEMA.name(position)
}

/// Use of each column of a file.
pub(super) fn uses(source: &RowSource) -> Vec<ColumnUse> {
    let one = |column: &FileColumn| ColumnUse {
        name: column.name().as_str().to_owned(),
        meaning: match column.role() {
            Role::Used => meaning(column.feeds()),
            Role::Unused | Role::Ignored => None,
        },
        ignored: column.role() == Role::Ignored,
    };
    source.columns().iter().map(one).collect()
}

/// Meaning of a column by the fields that it feeds.
fn meaning(feeds: &[usize]) -> Option<Text> {
    let mut meanings: Vec<Text> = Vec::new();
    for id in feeds.iter().filter_map(|at| MEANINGS.get(*at)) {
        if !meanings.iter().any(|known| known.id() == *id) {
            meanings.push(Text::new(id));
        }
    }
    match meanings.len() {
        0 | 1 => meanings.pop(),
        _ => Some(Text::new("column-several").with("meanings", Arg::List(meanings))),
    }
}

/// Refuses a file with digests whose rules nobody declared, and one whose column of objections is
/// passed over because all others are ignored.
pub(super) fn check(source: &RowSource, reading: &Reading) -> Result<(), CrmError> {
    let unread = |column: &FileColumn| {
        column.role() != Role::Used
            && column.name().as_str().trim().eq_ignore_ascii_case(name(OBJECTIONS))
    };
    if !source.has(OBJECTIONS) && source.columns().iter().any(unread) {
        return Err(Undeclared::Objections.into());
    }
    let undeclared = [
        (EMAIL_SHA256, reading.email_sha256.is_none(), "plain"),
        (PHONE_SHA256, reading.phone_sha256.is_none(), "phone-e164"),
    ];
    for (at, undeclared, example) in undeclared {
        if undeclared && source.has(at) {
            return Err(Undeclared::Digests { column: name(at), example }.into());
        }
    }
    Ok(())
}

/// Refuses settings that name columns which are none of identifiers.
pub(super) fn check_rules(rules: &InputRules<'_>) -> Result<(), CrmError> {
    let known = |field: &str| IDENTIFIERS.iter().any(|(at, _)| name(*at) == field);
    let wrong = rules.not_for_purpose.iter().find(|field| !known(field));
    let SharedLimits { email, phone, phone_fixed } = rules.shared;
    let limits = [email, phone, phone_fixed];
    if wrong.is_some() {
        return Err(Undeclared::Identifiers { columns: IDENTIFIERS.map(|(at, _)| name(at)) }.into());
    }
    if limits.iter().any(|limit| !(1..=SHARED_ROWS_MAX).contains(limit)) {
        return Err(Undeclared::Shared { most: SHARED_ROWS_MAX }.into());
    }
    Ok(())
}

/// Refuses a reading that leaves objections out of sight.
pub(super) fn check_reading(reading: &Reading) -> Result<(), CrmError> {
    let fields = reading.fields.as_ref();
    let mapped = fields.is_some_and(|fields| fields.contains_key(&OBJECTIONS));
    match &reading.ignore {
        Ignore::Named(names) if !mapped && names.contains(name(OBJECTIONS)) => {
            Err(Undeclared::Objections.into())
        }
        Ignore::Named(_) | Ignore::Others => Ok(()),
    }
}

/// Values that a column counts for whose cells hold several: what a cell holds may not be seen.
const ENTRIES_COUNTED: usize = 3;

/// Rows that may share an identifier at the most generous setting; so many are held in memory.
const SHARED_ROWS_MAX: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_gives_the_agreed_kinds_it_can() {
        let agreed = |kinds: &[u8]| [Values::Email, Values::PhoneDigest].map(|v| v.agreed(kinds));
        assert_eq!(agreed(&[1]), [1, 0]);
        assert_eq!(agreed(&[1, 2, 3]), [2, 1]);
        assert_eq!(agreed(&[1, 2, 3, 4]), [2, 2]);
    }

    #[test]
    fn constants_are_positions_of_their_names() {
        let named = [
            (ROW_ID, "row_id"),
            (CONSENT_PURPOSES, "consent_purposes"),
            (CONSENT_REF, "consent_ref"),
            (CONSENT_AT, "consent_at"),
            (CONSENT_NOTICE, "consent_notice"),
            (SOURCE, "source"),
            (OBJECTIONS, "objections"),
            (UPDATED_AT, "updated_at"),
            (COUNTRY, "country"),
            (POSTCODE, "postcode"),
            (EMAIL_SHA256, "email_sha256"),
            (PHONE_SHA256, "phone_sha256"),
        ];
        assert!(named.iter().all(|(at, expected)| name(*at) == *expected));
        let identifiers = IDENTIFIERS.map(|(at, _)| name(at)).join(" ");
        assert_eq!(identifiers, "email email_2 email_3 email_sha256 phone phone_2 phone_sha256");
    }
}
