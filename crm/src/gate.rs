//! Admission of a row: no objection, consent to the purpose, and evidence of it.
//!
//! Every column has a closed vocabulary, and a cell outside it never lets a row through [N-62].

use jiff::Timestamp;
use protocol::purpose::Purpose;

use super::columns;
use normalize::Reason;
use tabular::cell::{self, TimeFault};
use tabular::{Cell, Row};

/// Purpose that a row must carry evidence for, and the age that evidence may have.
#[derive(Debug, Clone, Copy)]
pub struct GateRules {
    /// The purpose, which the terms of a run on these rows name too [D-28].
    pub purpose: Purpose,
    /// Days for which evidence of consent counts.
    pub consent_max_age_days: u16,
    /// The time of the clock, in seconds since 1970.
    pub now: u64,
}

/// Admission of a row, or the reason against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Eligible,
    NoConsent,
    ConsentUnknown,
    NoReference,
    NoNotice,
    NoTime,
    TimeUnreadable,
    TimeImplausible,
    TooOld,
    ObjectionUnknown,
    Objection,
    Restricted,
    Erased,
}

impl Gate {
    /// In the order of their codes in a scanned row.
    const ALL: [Self; 13] = [
        Self::Eligible,
        Self::NoConsent,
        Self::ConsentUnknown,
        Self::NoReference,
        Self::NoNotice,
        Self::NoTime,
        Self::TimeUnreadable,
        Self::TimeImplausible,
        Self::TooOld,
        Self::ObjectionUnknown,
        Self::Objection,
        Self::Restricted,
        Self::Erased,
    ];

    /// Judges a row, and reads the time of its consent if it is one.
    pub(super) fn of(row: &Row<'_>, rules: &GateRules) -> (Self, Option<Timestamp>) {
        let at = row.time(columns::CONSENT_AT, rules.now).map(|time| time.at);
        let objection = match row.cell(columns::OBJECTIONS) {
            Cell::Unlisted => Some(Self::ObjectionUnknown),
            cell => objection(&cell.text(), rules.purpose),
        };
        let consent = || match row.cell(columns::CONSENT_PURPOSES) {
            Cell::Unlisted => Some(Self::ConsentUnknown),
            cell => consent(&cell.text(), rules.purpose),
        };
        let gate = objection
            .or_else(consent)
            .or_else(|| evidence(row, at.as_ref(), rules))
            .unwrap_or(Self::Eligible);
        (gate, at.ok())
    }

    /// True if the person objects, or asked for restriction or erasure, as far as can be told.
    pub(super) const fn objects(self) -> bool {
        matches!(self, Self::ObjectionUnknown | Self::Objection | Self::Restricted | Self::Erased)
    }

    pub(super) const fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Reason why a row is left out; `None` for one that may be used.
    pub(super) const fn reason(self) -> Option<Reason> {
        Some(match self {
            Self::Eligible => return None,
            Self::NoConsent => Reason::RowNoConsent,
            Self::ConsentUnknown => Reason::ConsentValueUnknown,
            Self::NoReference => Reason::ConsentRefMissing,
            Self::NoNotice => Reason::ConsentNoticeMissing,
            Self::NoTime => Reason::ConsentAtMissing,
            Self::TimeUnreadable => Reason::ConsentAtUnreadable,
            Self::TimeImplausible => Reason::ConsentAtImplausible,
            Self::TooOld => Reason::ConsentTooOld,
            Self::ObjectionUnknown => Reason::ObjectionValueUnknown,
            Self::Objection => Reason::RowOptout,
            Self::Restricted => Reason::RowRestricted,
            Self::Erased => Reason::RowErased,
        })
    }
}

/// Statement of a cell of objections against the purpose, if there is any [N-63].
fn objection(cell: &str, purpose: Purpose) -> Option<Gate> {
    if cell::says_nothing(cell) || cell::answer(cell) == Some(false) {
        return None;
    }
    let mut said = None;
    for entry in cell.split('|') {
        let against_all =
            cell::answer(entry) == Some(true) || cell::is_one_of(entry.trim(), &EVERYTHING);
        let found = match purpose_of(entry) {
            _ if cell::is_one_of(entry.trim(), &ERASED) => Gate::Erased,
            _ if cell::is_one_of(entry.trim(), &RESTRICTED) => Gate::Restricted,
            _ if against_all => Gate::Objection,
            Some(named) if named == purpose => Gate::Objection,
            Some(_) => continue,
            None => Gate::ObjectionUnknown,
        };
        // The word that asks for most stands for all of them.
        said = said.max(Some(found.code()));
    }
    said.and_then(Gate::from_code)
}

/// Reason why a cell of purposes is no consent to this one, if it is none [N-64].
fn consent(cell: &str, purpose: Purpose) -> Option<Gate> {
    if cell::is_null(cell) || cell::answer(cell) == Some(false) {
        return Some(Gate::NoConsent);
    }
    let mut agreed = false;
    for entry in cell.split('|') {
        match purpose_of(entry) {
            Some(named) => agreed |= named == purpose,
            None => return Some(Gate::ConsentUnknown),
        }
    }
    (!agreed).then_some(Gate::NoConsent)
}

/// Part that is missing of the evidence of a consent, if any [N-65].
fn evidence(row: &Row<'_>, at: Result<&Timestamp, &TimeFault>, rules: &GateRules) -> Option<Gate> {
    if cell::reference(&row.text(columns::CONSENT_REF)).is_none() {
        return Some(Gate::NoReference);
    }
    if cell::reference(&row.cell(columns::CONSENT_NOTICE).text()).is_none() {
        return Some(Gate::NoNotice);
    }
    match at {
        Err(TimeFault::Absent) => Some(Gate::NoTime),
        Err(TimeFault::Unreadable) => Some(Gate::TimeUnreadable),
        Err(TimeFault::Early | TimeFault::Future) => Some(Gate::TimeImplausible),
        Ok(at) => {
            let age_s = u64::from(rules.consent_max_age_days).saturating_mul(86_400);
            let ends = u64::try_from(at.as_second()).unwrap_or(0).saturating_add(age_s);
            (ends < rules.now).then_some(Gate::TooOld)
        }
    }
}

fn purpose_of(entry: &str) -> Option<Purpose> {
    let entry = entry.trim();
    Purpose::ALL.into_iter().find(|purpose| purpose.name().eq_ignore_ascii_case(entry))
}

/// Words for an erasure, which is of the person and of every purpose.
const ERASED: [&str; 6] = ["erased", "erasure", "efface", "effacé", "effacée", "effacement"];
/// Words for a restriction of processing.
const RESTRICTED: [&str; 6] =
    ["restricted", "restriction", "limite", "limité", "limitée", "limitation"];
/// Words for an objection to every purpose, besides those that say yes.
const EVERYTHING: [&str; 6] = ["all", "*", "any", "tout", "tous", "toutes"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_places_and_every_reason_is_another() {
        let mut reasons = Vec::new();
        for (at, gate) in Gate::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(gate.code()), at);
            assert_eq!(Gate::from_code(gate.code()), Some(gate));
            reasons.extend(gate.reason().map(Reason::code));
        }
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), Gate::ALL.len() - 1);
        assert_eq!(Gate::from_code(13), None);
    }

    #[test]
    fn objections_are_understood_as_people_spell_them_and_else_exclude() {
        let said = |cell: &str| objection(cell, Purpose::Match);
        for cell in [
            "ads.match",
            "all",
            "ALL",
            " All ",
            "Ads.Match",
            "ads.suppress|ads.match",
            "oui",
            "yes",
            "1",
            "1.0",
            "true",
            "TRUE",
            "opt-out",
            "*",
            "tout",
            "X",
            "Unsubscribed",
            "what|all",
        ] {
            assert_eq!(said(cell), Some(Gate::Objection), "{cell}");
        }
        for cell in [
            "ads.match,ads.suppress",
            "ads.match;ads.suppress",
            "ads.match ads.suppress",
            "nein",
            "2",
            "unknown",
            "?",
            "#REF!",
            "ads.matches",
            "|",
            "ads.suppress|",
            "not false",
            "FALSE|",
            "email.newsletter",
            "false|false",
            "\u{200b}",
            ".",
            "no, thanks",
        ] {
            assert_eq!(said(cell), Some(Gate::ObjectionUnknown), "{cell}");
        }
        for cell in [
            "",
            "  ",
            "NULL",
            "\\N",
            "#N/A",
            "-",
            "0",
            "0.0",
            "False",
            "no",
            "NON",
            "ads.suppress",
            "ads.suppress|ads.measure",
            "[]",
        ] {
            assert_eq!(said(cell), None, "{cell}");
        }
        assert_eq!(objection("ads.suppress", Purpose::Suppress), Some(Gate::Objection));
        for cell in ["erased", "Effacement", "all|ERASURE", "effacé|restricted", "what|erased"] {
            assert_eq!(said(cell), Some(Gate::Erased), "{cell}");
        }
        for cell in ["restricted", "LIMITATION", "ads.match|restriction", "?|limité"] {
            assert_eq!(said(cell), Some(Gate::Restricted), "{cell}");
        }
    }

    #[test]
    fn consent_is_a_list_of_purposes_and_nothing_else() {
        let lacks = |cell: &str| consent(cell, Purpose::Match);
        for cell in ["ads.match", " ADS.MATCH ", "ads.suppress|ads.match"] {
            assert_eq!(lacks(cell), None, "{cell}");
        }
        for cell in ["", "NULL", "FALSE", "0", "no", "ads.suppress"] {
            assert_eq!(lacks(cell), Some(Gate::NoConsent), "{cell}");
        }
        for cell in [
            "TRUE",
            "yes",
            "1",
            "all",
            "ads.match,ads.suppress",
            "ads.match|email.newsletter",
            "ads.match|",
            "not ads.match",
            "email.newsletter",
        ] {
            assert_eq!(lacks(cell), Some(Gate::ConsentUnknown), "{cell}");
        }
    }
}
