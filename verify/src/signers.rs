//! Signers of a part of a session: the only ones whom a failure inside it can accuse [T-18].

use protocol::transcript::Role;

/// The parties that signed something; none of them if whoever holds a package may have made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signers {
    /// The advertiser signed it.
    pub advertiser: bool,
    /// The provider signed it.
    pub provider: bool,
}

impl Signers {
    /// Neither party: anybody who holds the package may have made it.
    pub const NOBODY: Self = Self { advertiser: false, provider: false };

    /// Both parties.
    pub const BOTH: Self = Self { advertiser: true, provider: true };

    /// The party of this role.
    #[must_use]
    pub const fn of(role: Role) -> Self {
        match role {
            Role::Advertiser => Self { advertiser: true, provider: false },
            Role::Provider => Self { advertiser: false, provider: true },
        }
    }

    /// The party of this role if it signed, else nobody.
    pub(crate) const fn only(role: Role, signed: bool) -> Self {
        if signed { Self::of(role) } else { Self::NOBODY }
    }

    /// Signers of both of two things that contradict each other.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            advertiser: self.advertiser && other.advertiser,
            provider: self.provider && other.provider,
        }
    }

    /// Signers of at least one of two things.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            advertiser: self.advertiser || other.advertiser,
            provider: self.provider || other.provider,
        }
    }

    /// True if a party is among them.
    #[must_use]
    pub const fn contains(self, role: Role) -> bool {
        match role {
            Role::Advertiser => self.advertiser,
            Role::Provider => self.provider,
        }
    }

    /// True if neither party is among them.
    #[must_use]
    pub const fn is_nobody(self) -> bool {
        !self.advertiser && !self.provider
    }

    /// Word for machines: `advertiser`, `provider`, `both` or `holder`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match (self.advertiser, self.provider) {
            (true, true) => "both",
            (true, false) => "advertiser",
            (false, true) => "provider",
            (false, false) => "holder",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contradiction_accuses_whoever_signed_both_sides_of_it() {
        let (a, p) = (Signers::of(Role::Advertiser), Signers::of(Role::Provider));
        assert_eq!(a.and(p), Signers::NOBODY);
        assert_eq!(a.and(Signers::BOTH), a);
        assert_eq!(a.or(p), Signers::BOTH);
        assert!(Signers::only(Role::Provider, false).is_nobody());
        let names = [a, p, Signers::BOTH, Signers::NOBODY].map(Signers::name);
        assert_eq!(names, ["advertiser", "provider", "both", "holder"]);
    }
}
