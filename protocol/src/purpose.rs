//! Purposes of processing: the closed list that settings, consent, terms and policy share.
//!
//! One list for the gate of rows and for the signed terms, so that a row that consents to one
//! purpose cannot be in a run that was signed for another [D-28].

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suite::Profile;

/// A purpose that a person can agree or object to.
///
/// Signed terms carry its code. Only some can be run between two nodes: see
/// [`Purpose::is_runnable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
#[repr(u16)]
pub enum Purpose {
    /// Matching customer records with a provider for advertising.
    Match = 1,
    /// Excluding existing customers from acquisition.
    Suppress = 2,
    /// Measuring campaigns. Reserved: no run yet.
    Measure = 3,
    /// Personalising the advertiser's own properties. No run between nodes.
    Personalise = 4,
    /// Removing persons who were delivered earlier and objected since: runs of `activation` that a
    /// node makes by itself.
    Remove = 5,
}

impl Purpose {
    /// Every purpose, in the order of the codes.
    pub const ALL: [Self; 5] =
        [Self::Match, Self::Suppress, Self::Measure, Self::Personalise, Self::Remove];

    /// The code in signed terms.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The purpose with this code; `None` for a code without a meaning.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code)
    }

    /// The name in settings, files, invitations and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Match => "ads.match",
            Self::Suppress => "ads.suppress",
            Self::Measure => "ads.measure",
            Self::Personalise => "site.personalise",
            Self::Remove => "ads.remove",
        }
    }

    /// True for a purpose that operators and policies may choose. The others are reserved, or a
    /// node's own matter.
    #[must_use]
    pub const fn is_runnable(self) -> bool {
        matches!(self, Self::Match | Self::Suppress)
    }

    /// True if terms of this profile may carry the purpose [D-31].
    #[must_use]
    pub const fn runs_as(self, profile: Profile) -> bool {
        self.is_runnable() || (self.removes() && matches!(profile, Profile::Activation))
    }

    /// True for the purpose whose rows are those of persons who are to leave: no threshold applies
    /// to them, and no count of them is shown.
    #[must_use]
    pub const fn removes(self) -> bool {
        matches!(self, Self::Remove)
    }

    /// The bit of the purpose in a set of purposes, such as that of a snapshot leaf.
    #[must_use]
    pub const fn bit(self) -> u32 {
        1 << self.code()
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Purpose> for u16 {
    fn from(purpose: Purpose) -> Self {
        purpose.code()
    }
}

impl TryFrom<u16> for Purpose {
    type Error = UnknownPurpose;

    fn try_from(code: u16) -> Result<Self, UnknownPurpose> {
        Self::from_code(code).ok_or(UnknownPurpose)
    }
}

/// Name or code of no purpose, which it does not repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("UnknownPurpose")]
pub struct UnknownPurpose;

impl FromStr for Purpose {
    type Err = UnknownPurpose;

    /// Reads the exact name, in lower case and without space.
    fn from_str(name: &str) -> Result<Self, UnknownPurpose> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name).ok_or(UnknownPurpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_name_one_purpose_each() {
        for (at, purpose) in Purpose::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(purpose.code()), at + 1);
            assert_eq!(Purpose::from_code(purpose.code()), Some(purpose));
            assert_eq!(purpose.name().parse(), Ok(purpose));
        }
        assert_eq!(Purpose::from_code(0), None);
        assert_eq!(Purpose::from_code(6), None);
        for name in ["", "ADS.MATCH", " ads.match", "email.newsletter", "all"] {
            assert_eq!(name.parse::<Purpose>(), Err(UnknownPurpose));
        }
    }

    #[test]
    fn only_two_purposes_can_be_run() {
        let runnable = Purpose::ALL.into_iter().filter(|purpose| purpose.is_runnable());
        assert!(runnable.eq([Purpose::Match, Purpose::Suppress]));
    }

    #[test]
    fn persons_are_removed_by_activation_and_by_no_other_profile() {
        use Profile::{Activation, DigitalIds, MatchRate, MatchedRows};
        for profile in [MatchRate, MatchedRows, Activation, DigitalIds] {
            assert_eq!(Purpose::Remove.runs_as(profile), profile == Activation, "{profile}");
            assert!(Purpose::Match.runs_as(profile) && !Purpose::Measure.runs_as(profile));
        }
    }
}
