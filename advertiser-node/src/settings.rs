//! Settings of an advertiser's node.

use protocol::purpose::Purpose;
use protocol::transcript::Role;
use report::Text;
use serde::Deserialize;

use crate::guardrails::GuardrailSettings;
use crm::SharedLimits;
use node::settings::{
    CommonSettings, Settings, TEMPLATE_FILES, TEMPLATE_MACHINE, UNSET, allowed, check_names, wrong,
};
use node::toml_file::{self, Fault, Refused};

/// Settings of an advertiser's node, valid by construction.
#[derive(Debug)]
pub struct AdvertiserSettings {
    /// Settings that both roles have.
    pub common: CommonSettings,
    /// Columns of identifiers that may not be used for the purpose.
    pub not_for_purpose: Vec<String>,
    /// Largest number of rows that may share an identifier.
    pub shared: SharedLimits,
    /// Purpose that rows need evidence for, and that the terms carry.
    pub purpose: Purpose,
    /// Largest table accepted.
    pub table_tags_max: u64,
    /// The advertiser's own guardrails.
    pub guardrails: GuardrailSettings,
}

impl Settings for AdvertiserSettings {
    const ROLE: Role = Role::Advertiser;
    const DEFAULTS: &'static [(&'static str, &'static str)] = &[
        ("not_for_purpose", "[]"),
        ("purpose", "\"ads.match\""),
        ("table_tags_max", "2147483648"),
        ("shared.email", "5"),
        ("shared.phone", "5"),
        ("shared.phone_fixed", "10"),
        ("guardrails.n_min", UNSET),
        ("guardrails.k_min", UNSET),
        ("guardrails.group_min", UNSET),
        ("guardrails.rate_precision", UNSET),
        ("guardrails.rate_cap", UNSET),
        ("guardrails.count_rounding", UNSET),
        ("guardrails.cell_min", UNSET),
        ("guardrails.consent_max_age_days", UNSET),
        ("guardrails.ids_valid_days", UNSET),
        ("guardrails.attributes", UNSET),
    ];

    fn parse(text: &str) -> Result<Self, Fault> {
        check_names(text, Self::ROLE)?;
        let common = CommonSettings::parse(text)?;
        let file: AdvertiserFile = toml_file::parse(text, LEFT)?;
        let wrong = |setting: &str, allowed: Text| wrong(text, setting, allowed);
        let purpose = match &file.purpose {
            None => Purpose::Match,
            Some(name) => {
                name.parse().ok().filter(|purpose: &Purpose| purpose.is_runnable()).ok_or_else(
                    || wrong("purpose", allowed::one_of(&["ads.match", "ads.suppress"])),
                )?
            }
        };
        let guardrails = file.guardrails.unwrap_or_default();
        guardrails
            .check()
            .map_err(|(name, allowed)| wrong(&format!("guardrails.{name}"), allowed))?;
        Ok(Self {
            common,
            not_for_purpose: file.not_for_purpose.unwrap_or_default(),
            shared: file.shared.unwrap_or_default().limits(),
            purpose,
            table_tags_max: file.table_tags_max.unwrap_or(TABLE_TAGS_MAX_DEFAULT),
            guardrails,
        })
    }

    fn template() -> String {
        [
            TEMPLATE_FILES,
            TEMPLATE_IDENTIFIERS,
            TEMPLATE_PURPOSE,
            TEMPLATE_MACHINE,
            TEMPLATE_TABLES,
            TEMPLATE_GUARDRAILS,
        ]
        .concat()
    }

    fn common(&self) -> &CommonSettings {
        &self.common
    }
}

node::settings! {
    /// Settings of an advertiser alone, as its file has them.
    AdvertiserFile {
        not_for_purpose: Vec<String>,
        purpose: String,
        table_tags_max: u64,
        shared: Shared,
        guardrails: GuardrailSettings,
    }
}

/// The limits of [`SharedLimits`], each with its default.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    email: Option<u32>,
    phone: Option<u32>,
    phone_fixed: Option<u32>,
}

impl Shared {
    fn limits(&self) -> SharedLimits {
        let usual = SharedLimits::default();
        SharedLimits {
            email: self.email.unwrap_or(usual.email),
            phone: self.phone.unwrap_or(usual.phone),
            phone_fixed: self.phone_fixed.unwrap_or(usual.phone_fixed),
        }
    }
}

const TEMPLATE_IDENTIFIERS: &str = "\n\
    # Fields of identifiers that may not be used for the purpose.\n\
    # not_for_purpose = [\"phone\"]\n";

const TEMPLATE_PURPOSE: &str = "\n\
    # Purpose of your runs, which a row needs evidence of consent for: \"ads.match\", or\n\
    # \"ads.suppress\" to exclude existing customers.\n\
    purpose = \"ads.match\"\n\
    \n\
    # Largest tag table this node accepts from a provider.\n\
    table_tags_max = 2147483648\n";

const TEMPLATE_TABLES: &str = "\n\
    # An identifier that more rows hold than this is refused as shared.\n\
    # [shared]\n\
    # email = 5\n\
    # phone = 5\n\
    # phone_fixed = 10\n";

const TEMPLATE_GUARDRAILS: &str = "\n\
    # Guardrails of your own; of yours and the provider's the stricter value holds, and one that\n\
    # is absent is the default shown. `plan` shows the values in force and whose they are.\n\
    [guardrails]\n\
    # n_min = 1000           # least eligible rows\n\
    # k_min = 100            # least matched rows\n\
    # group_min = 100        # least persons of a class of digital IDs\n\
    # rate_precision = 1     # step of rates, in percent points\n\
    # rate_cap = 85          # rates above are shown as over\n\
    # count_rounding = 100   # step of counts\n\
    # cell_min = 50          # least rows in a cell of a breakdown\n\
    # consent_max_age_days = 1095  # most days after which a consent is no longer taken\n\
    # epsilon_milli = 250    # privacy loss of a run, in thousandths; 0 for no noise\n\
    # epsilon_epoch_milli = 8000  # privacy loss of 30 days\n\
    # ids_valid_days = 30    # most days a digital ID is used\n\
    # attributes = false     # whether device class, age and expiry of each ID may be delivered\n";

/// Names that left, with the words for them.
const LEFT: &[Refused] = &[
    toml_file::LEFT[0],
    Refused { name: "ids_per_person", text: "setting-of-provider" },
    Refused { name: "namespaces", text: "setting-of-provider" },
];

const TABLE_TAGS_MAX_DEFAULT: u64 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_the_template_shows_can_be_set() {
        let template = AdvertiserSettings::template();
        let shown = |line: &str| match line.strip_prefix("# ") {
            Some(set) if set.starts_with('[') => set.to_owned(),
            Some(set) if set.contains(" = ") && !set.starts_with("The") => set.to_owned(),
            _ => line.to_owned(),
        };
        let text: Vec<String> = template.lines().map(shown).collect();
        let settings = AdvertiserSettings::parse(&text.join("\n")).unwrap();
        assert_eq!(settings.common.map, Some("crm.map.toml".into()));
        assert_eq!(settings.not_for_purpose, ["phone"]);
        assert_eq!(settings.shared, SharedLimits::default());
    }

    #[test]
    fn only_purposes_that_can_be_run_are_settings() {
        let parse = |text: &str| AdvertiserSettings::parse(text).map(|settings| settings.purpose);
        assert_eq!(parse("purpose = \"ads.suppress\""), Ok(Purpose::Suppress));
        assert_eq!(parse(""), Ok(Purpose::Match));
        for name in ["email.newsletter", "ads.measure", "ads.remove", "site.personalise", "all"] {
            let fault = parse(&format!("purpose = \"{name}\"")).unwrap_err();
            let told = "line 1: `purpose` must be \"ads.match\" or \"ads.suppress\"";
            assert_eq!(fault.text().to_string(), told, "{name}");
        }
    }

    #[test]
    fn faults_inside_tables_are_named_with_their_line() {
        let refused = |text: &str| AdvertiserSettings::parse(text).unwrap_err().text().to_string();
        assert_eq!(
            refused("[guardrails]\nk_min = 10\n"),
            "line 2: `guardrails.k_min` must be at least 50"
        );
        assert_eq!(refused("[shared]\nmail = 5\n"), "line 2: `mail` is no setting of this file");
        assert_eq!(refused("[guardrails]\nk_min = \"200\""), "line 2: `k_min` is a number");
        assert_eq!(
            refused("[guardrails]\ndelta_min = 1000"),
            "line 2: `delta_min` is called `group_min` now"
        );
    }

    #[test]
    fn names_are_those_that_the_other_role_refuses() {
        assert_eq!(AdvertiserFile::NAMES, node::settings::names_of(Role::Advertiser));
        let defaults = AdvertiserSettings::DEFAULTS.iter();
        let set = defaults.filter(|(_, value)| *value != UNSET);
        let lines = set.map(|(name, value)| format!("{name} = {value}\n"));
        let shown = AdvertiserSettings::parse(&lines.collect::<String>()).unwrap();
        let absent = AdvertiserSettings::parse("").unwrap();
        assert_eq!(format!("{shown:?}"), format!("{absent:?}"));
    }

    #[test]
    fn template_is_valid_and_says_the_defaults() {
        let written = AdvertiserSettings::parse(&AdvertiserSettings::template()).unwrap();
        let absent = AdvertiserSettings::parse("").unwrap();
        assert_eq!(format!("{written:?}"), format!("{absent:?}"));
    }
}
