//! Settings of a provider's node.

use protocol::transcript::Role;

use super::{
    CommonSettings, Settings, TEMPLATE_FILES, TEMPLATE_IGNORE, TEMPLATE_MACHINE, check_names, wrong,
};
use crate::toml_file::{self, Fault};

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

impl ProviderSettings {
    /// Names that only this role has.
    pub(super) const NAMES: &'static [&'static str] = ProviderFile::NAMES;
}

impl Settings for ProviderSettings {
    const ROLE: Role = Role::Provider;

    fn parse(text: &str) -> Result<Self, Fault> {
        check_names(text, Self::ROLE, Self::NAMES, super::AdvertiserSettings::NAMES)?;
        let common = CommonSettings::parse(text)?;
        let file: ProviderFile = toml_file::parse(text, &[])?;
        let drain_s = file.drain_s.unwrap_or(DRAIN_S_DEFAULT);
        if drain_s > DRAIN_S_MAX {
            return Err(wrong(text, "drain_s", "at most 3600"));
        }
        let prepared = file.prepared.unwrap_or(PREPARED_DEFAULT);
        if !(1..=PREPARED_MAX).contains(&prepared) {
            return Err(wrong(text, "prepared", "between 1 and 16"));
        }
        Ok(Self { common, drain_s, prepared })
    }

    fn template() -> String {
        [
            TEMPLATE_FILES,
            TEMPLATE_DIGESTS,
            TEMPLATE_IGNORE,
            TEMPLATE_MACHINE,
            TEMPLATE_SERVICE,
            TEMPLATE_COLUMNS,
        ]
        .concat()
    }

    fn common(&self) -> &CommonSettings {
        &self.common
    }
}

settings! {
    /// Settings of a provider alone, as its file has them.
    ProviderFile {
        drain_s: u16,
        prepared: u8,
    }
}

const TEMPLATE_DIGESTS: &str = "email_sha256 = \"plain\"\n";

const TEMPLATE_SERVICE: &str = "\n\
    # Seconds that sessions in progress get to end when `serve` is told to stop.\n\
    drain_s = 30\n\
    \n\
    # Tables held ready for each partner and shuffled profile; every run uses one up.\n\
    prepared = 2\n";

const TEMPLATE_COLUMNS: &str = "\n\
    # The names of columns in your files, where they differ: ours = \"yours\".\n\
    # [columns]\n\
    # value = \"IDENTIFIER\"\n";

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
            assert!(parse(text).unwrap_err().what.contains("must be"), "{text}");
        }
    }
}
