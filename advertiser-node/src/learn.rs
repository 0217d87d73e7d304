//! Words for what each side learns from a run; the same stand in `docs/reference/profiles.md`.

use protocol::suite::Profile;
use report::Text;

/// Knowledge that each side gains of one run, beside what both see anyway.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Learned {
    /// The advertiser.
    pub(crate) advertiser: Text,
    /// The provider.
    pub(crate) provider: Text,
}

/// Knowledge that each side gains under a profile.
pub(crate) const fn learned(profile: Profile) -> Learned {
    let (advertiser, provider) = match profile {
        Profile::MatchRate => ("learn-advertiser-match-rate", "learn-provider-match-rate"),
        Profile::MatchedRows => ("learn-advertiser-matched-rows", "learn-provider-matched-rows"),
        Profile::Activation => ("learn-advertiser-activation", "learn-provider-activation"),
        Profile::DigitalIds => ("learn-advertiser-digital-ids", "learn-provider-digital-ids"),
    };
    Learned { advertiser: Text::new(advertiser), provider: Text::new(provider) }
}

/// Knowledge of both sides in every run.
pub(crate) const PUBLIC: Text = Text::new("learn-both");

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
        assert!(manual.replace('\n', " ").to_lowercase().contains(&PUBLIC.to_string()));
    }
}
