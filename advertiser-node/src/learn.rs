//! What each side learns from a run; the same words stand in `docs/reference/profiles.md`.

use protocol::suite::Profile;

/// What one run tells whom, beside what both see anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learned {
    /// The advertiser.
    pub(crate) advertiser: &'static str,
    /// The provider.
    pub(crate) provider: &'static str,
}

/// What a profile tells whom.
pub(crate) const fn learned(profile: Profile) -> Learned {
    match profile {
        Profile::MatchRate => Learned {
            advertiser: "how many rows matched, rounded, and how many by how many identifiers",
            provider: "nothing about any row, not even how many matched",
        },
        Profile::MatchedRows => Learned {
            advertiser: "which of its rows matched, and by which kinds of identifiers",
            provider: "nothing about any row, not even how many matched",
        },
        Profile::Activation => Learned {
            advertiser: "how many rows matched, rounded; no digital ID",
            provider: "which of its records matched, not through which row; it activates them",
        },
        Profile::DigitalIds => Learned {
            advertiser: "how many rows matched, rounded, and one bag of the digital IDs of all \
                         matched records, without rows and without persons",
            provider: "which of its records matched, not through which row",
        },
    }
}

/// What both sides see of every run.
pub(crate) const PUBLIC: &str = "both see the profile, the padded number of rows, the slots of a \
                                 row, the size of the table, the times, and the signed terms";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_says_what_plan_says() {
        let manual = include_str!("../../docs/reference/profiles.md");
        for profile in
            [Profile::MatchRate, Profile::MatchedRows, Profile::Activation, Profile::DigitalIds]
        {
            let Learned { advertiser, provider } = learned(profile);
            let row = format!("| `{}` | {advertiser} | {provider} |", profile.name());
            assert!(manual.contains(&row), "docs/reference/profiles.md lacks:\n{row}");
        }
        assert!(manual.replace('\n', " ").to_lowercase().contains(PUBLIC));
    }
}
