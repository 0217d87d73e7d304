//! Guardrails of its runs that an operator sets itself, in the settings of its node.
//!
//! A setting that is absent is the default of the product, which a partner alone cannot relax: a
//! value below it holds only where both sides have set it.

use protocol::limits::{
    CELL_MIN_DEFAULT, CONSENT_MAX_AGE_DAYS_MAX, COUNT_ROUNDING_DEFAULT, IDS_PER_RECORD_DEFAULT,
    Limits, RATE_CAP_DEFAULT, TERMS_LIST_MAX,
};
use report::{Arg, Text};
use serde::Deserialize;

use node::settings::allowed;
use normalize::digital::deserialize_names_if_any;

/// The table `[guardrails]`; every setting may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardrailSettings {
    /// Least eligible rows.
    pub n_min: Option<u32>,
    /// Least matched rows.
    pub k_min: Option<u32>,
    /// Least difference to an earlier file, in rows.
    pub group_min: Option<u32>,
    /// Step of released rates, in percent points.
    pub rate_precision: Option<u8>,
    /// Percentage above which a rate is shown as "over".
    pub rate_cap: Option<u8>,
    /// Step of released counts.
    pub count_rounding: Option<u32>,
    /// Least matched rows in a breakdown cell.
    pub cell_min: Option<u32>,
    /// Most days after which a consent is no longer taken.
    pub consent_max_age_days: Option<u16>,
    /// Most digital IDs of one person.
    pub ids_per_person: Option<u16>,
    /// Most days that a delivered digital ID is used.
    pub ids_valid_days: Option<u16>,
    /// Names of the namespaces of digital IDs to take, in canonical form.
    #[serde(default, deserialize_with = "deserialize_names_if_any")]
    pub namespaces: Option<Vec<String>>,
    /// Permission to deliver attributes of digital IDs.
    pub attributes: Option<bool>,
}

impl GuardrailSettings {
    /// Refuses values that no run may have.
    ///
    /// # Errors
    ///
    /// The name of the setting, and the values it may have.
    pub fn check(&self) -> Result<(), (&'static str, Text)> {
        let floors = Limits::STANDARD;
        for (name, value, least) in [
            ("n_min", self.n_min, floors.n_min_floor),
            ("k_min", self.k_min, floors.k_min_floor),
            ("group_min", self.group_min, floors.group_min_floor),
            ("count_rounding", self.count_rounding, COUNT_ROUNDING_DEFAULT),
            ("cell_min", self.cell_min, CELL_MIN_DEFAULT),
        ] {
            if value.is_some_and(|value| value < least) {
                return Err((name, allowed::at_least(least.into())));
            }
        }
        for (name, value, least, most) in [
            ("rate_precision", self.rate_precision.map(u16::from), 1, 100),
            ("rate_cap", self.rate_cap.map(u16::from), 1, u16::from(RATE_CAP_DEFAULT)),
            ("consent_max_age_days", self.consent_max_age_days, 1, CONSENT_MAX_AGE_DAYS_MAX),
            ("ids_per_person", self.ids_per_person, 1, IDS_PER_RECORD_DEFAULT),
            ("ids_valid_days", self.ids_valid_days, 1, IDS_VALID_DAYS_MOST),
        ] {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                return Err((name, allowed::range(least.into(), most.into())));
            }
        }
        let many = self.namespaces.as_ref().is_some_and(|names| names.len() > TERMS_LIST_MAX);
        if many {
            let most = Arg::Number(TERMS_LIST_MAX as u64);
            return Err(("namespaces", Text::new("allowed-list").with("most", most)));
        }
        Ok(())
    }
}

/// Days above which a digital ID is as good as dead.
const IDS_VALID_DAYS_MOST: u16 = 90;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<GuardrailSettings, String> {
        let settings: GuardrailSettings =
            toml::from_str(text).map_err(|error| error.to_string())?;
        settings.check().map_err(|(name, allowed)| format!("{name} must be {allowed}"))?;
        Ok(settings)
    }

    #[test]
    fn settings_may_be_absent_and_stricter() {
        assert_eq!(parse(""), Ok(GuardrailSettings::default()));
        let text = "k_min = 200\nrate_cap = 60\ncount_rounding = 500\nnamespaces = [\"A.Example\"]";
        let settings = parse(text).unwrap();
        assert_eq!((settings.k_min, settings.rate_cap), (Some(200), Some(60)));
        assert_eq!(settings.namespaces, Some(vec!["a.example".to_owned()]));
    }

    #[test]
    fn values_no_run_may_have_are_named() {
        for (text, name) in [
            ("n_min = 999", "n_min"),
            ("k_min = 49", "k_min"),
            ("group_min = 49", "group_min"),
            ("rate_precision = 0", "rate_precision"),
            ("rate_cap = 86", "rate_cap"),
            ("count_rounding = 99", "count_rounding"),
            ("cell_min = 49", "cell_min"),
            ("consent_max_age_days = 0", "consent_max_age_days"),
            ("consent_max_age_days = 3651", "consent_max_age_days"),
            ("ids_per_person = 11", "ids_per_person"),
            ("ids_valid_days = 91", "ids_valid_days"),
            ("nmin = 1000", "nmin"),
            ("namespaces = [\"a b\"]", "namespaces"),
            ("namespaces = [\"a.example\", \"A.Example\"]", "namespaces"),
        ] {
            assert!(parse(text).unwrap_err().contains(name), "{text}");
        }
    }
}
