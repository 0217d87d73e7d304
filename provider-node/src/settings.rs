//! Settings of a provider's node.

use protocol::transcript::Role;

use node::settings::{
    CommonSettings, Settings, TEMPLATE_FILES, TEMPLATE_MACHINE, allowed, check_names, wrong,
};
use node::toml_file::{self, Fault};

/// Settings of a provider's node, valid by construction.
///
/// Guardrails are not among them: they are each partner's, in its policy.
#[derive(Debug)]
pub struct ProviderSettings {
    /// Settings that both roles have.
    pub common: CommonSettings,
    /// Seconds that sessions in progress get to end when the service is told to stop.
    pub drain_s: u16,
    /// Tables of run keys held ready for each partner and profile.
    pub prepared: u8,
}

impl Settings for ProviderSettings {
    const ROLE: Role = Role::Provider;
    const DEFAULTS: &'static [(&'static str, &'static str)] =
        &[("drain_s", "30"), ("prepared", "2")];

    fn parse(text: &str) -> Result<Self, Fault> {
        check_names(text, Self::ROLE)?;
        let common = CommonSettings::parse(text)?;
        let file: ProviderFile = toml_file::parse(text, &[])?;
        let drain_s = file.drain_s.unwrap_or(DRAIN_S_DEFAULT);
        if drain_s > DRAIN_S_MAX {
            return Err(wrong(text, "drain_s", allowed::most(DRAIN_S_MAX.into())));
        }
        let prepared = file.prepared.unwrap_or(PREPARED_DEFAULT);
        if !(1..=PREPARED_MAX).contains(&prepared) {
            return Err(wrong(text, "prepared", allowed::range(1, PREPARED_MAX.into())));
        }
        Ok(Self { common, drain_s, prepared })
    }

    fn template() -> String {
        [TEMPLATE_FILES, TEMPLATE_MACHINE, TEMPLATE_SERVICE].concat()
    }

    fn common(&self) -> &CommonSettings {
        &self.common
    }
}

node::settings! {
    /// Settings of a provider alone, as its file has them.
    ProviderFile {
        drain_s: u16,
        prepared: u8,
    }
}

const TEMPLATE_SERVICE: &str = "\n\
    # Seconds that sessions in progress get to end when `serve` is told to stop.\n\
    drain_s = 30\n\
    \n\
    # Tables held ready for each partner and shuffled profile; every run uses one up.\n\
    prepared = 2\n";

const DRAIN_S_DEFAULT: u16 = 30;
const DRAIN_S_MAX: u16 = 3_600;
const PREPARED_DEFAULT: u8 = 2;
const PREPARED_MAX: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_settings_have_defaults_and_bounds() {
        let parse = |text: &str| {
            ProviderSettings::parse(text).map(|settings| (settings.drain_s, settings.prepared))
        };
        assert_eq!(parse(""), Ok((30, 2)));
        assert_eq!(parse("drain_s = 0\nprepared = 16"), Ok((0, 16)));
        for text in ["drain_s = 3601", "prepared = 0", "prepared = 17"] {
            assert!(parse(text).unwrap_err().what.to_string().contains("must be"), "{text}");
        }
    }

    fn refused(text: &str) -> Fault {
        ProviderSettings::parse(text).map(|_| ()).expect_err(text)
    }

    #[test]
    fn names_are_those_that_the_other_role_refuses() {
        assert_eq!(ProviderFile::NAMES, node::settings::names_of(Role::Provider));
        let defaults = ProviderSettings::DEFAULTS;
        let named: Vec<_> = defaults.iter().map(|(name, _)| *name).collect();
        assert_eq!(named, ProviderFile::NAMES);
        let lines = defaults.iter().map(|(name, value)| format!("{name} = {value}\n"));
        let shown = ProviderSettings::parse(&lines.collect::<String>()).unwrap();
        let absent = ProviderSettings::parse("").unwrap();
        assert_eq!(format!("{shown:?}"), format!("{absent:?}"));
    }

    #[test]
    fn template_is_valid_and_says_the_defaults() {
        let written = ProviderSettings::parse(&ProviderSettings::template()).unwrap();
        let absent = ProviderSettings::parse("").unwrap();
        assert_eq!(format!("{written:?}"), format!("{absent:?}"));
    }

    #[test]
    fn restrictions_that_a_provider_does_not_apply_are_refused() {
        for text in [
            "purpose = \"nonsense\"",
            "purpose = \"ads.match\"",
            "not_for_purpose = [\"email\"]",
            "table_tags_max = 5",
            "[shared]\nemail = 1",
            "[guardrails]\nk_min = 200",
            "shared.email = 1",
        ] {
            let fault = refused(text);
            assert!(
                fault.what.to_string().ends_with("is a setting of the advertiser's node"),
                "{text}"
            );
        }
    }

    #[test]
    fn misspelt_and_wrong_settings_are_refused_with_their_line() {
        let template = ProviderSettings::template();
        let fault = refused(&template.replace("memory_mib", "memory_mb"));
        assert_eq!(fault.what.to_string(), "`memory_mb` is no setting of this file");
        let at = template.lines().position(|line| line.starts_with("memory_mib")).unwrap() + 1;
        assert_eq!(fault.line, Some(at));
        let fault = refused(&template.replace("\"cubic\"", "\"reno\""));
        assert!(fault.what.to_string().starts_with("`congestion` must be"), "{}", fault.what);
        assert!(fault.line.is_some());
        let fault = refused(&template.replace("threads = 0", "threads = \"2\""));
        assert_eq!(
            [fault.what.to_string(), fault.advice().to_string()],
            ["`threads` is a number of 0 to 65535", "write `threads = 2`"]
        );
    }
}
