//! Guardrails of its runs that an operator sets itself, in the settings of its node.
//!
//! A setting that is absent is the default of the product, which a partner alone cannot relax: a
//! value below it holds only where both sides have set it.

use protocol::limits::{
    CELL_MIN_DEFAULT, CONSENT_MAX_AGE_DAYS_MAX, COUNT_ROUNDING_DEFAULT, Limits, RATE_CAP_DEFAULT,
};
use report::Text;
use serde::Deserialize;

use node::invite::{EPSILON_EPOCH_LEAST, EPSILON_EPOCH_MOST, allowed_epsilon, is_epsilon};
use node::settings::allowed;

/// The table `[guardrails]`; every setting may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardrailSettings {
    /// Least eligible rows.
    pub n_min: Option<u32>,
    /// Least matched rows.
    pub k_min: Option<u32>,
    /// Least persons of a class of digital IDs.
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
    /// Privacy loss of one run at most, in thousandths; 0 for no noise, if the provider agrees.
    pub epsilon_milli: Option<u32>,
    /// Privacy loss of 30 days at most, in thousandths.
    pub epsilon_epoch_milli: Option<u32>,
    /// Most telephone numbers that one run asks for.
    pub phones_per_run: Option<u64>,
    /// Most days that a delivered digital ID is used.
    pub ids_valid_days: Option<u16>,
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
            ("ids_valid_days", self.ids_valid_days, 1, IDS_VALID_DAYS_MOST),
        ] {
            if value.is_some_and(|value| !(least..=most).contains(&value)) {
                return Err((name, allowed::range(least.into(), most.into())));
            }
        }
        if self.epsilon_milli.is_some_and(|milli| !is_epsilon(milli)) {
            return Err(("epsilon_milli", allowed_epsilon()));
        }
        let (least, most) = (EPSILON_EPOCH_LEAST.into(), EPSILON_EPOCH_MOST.into());
        if self.epsilon_epoch_milli.is_some_and(|milli| !(least..=most).contains(&milli)) {
            return Err(("epsilon_epoch_milli", allowed::range(least.into(), most.into())));
        }
        if self.phones_per_run == Some(0) {
            return Err(("phones_per_run", allowed::at_least(1)));
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
        let text = "k_min = 200\nrate_cap = 60\ncount_rounding = 500";
        let settings = parse(text).unwrap();
        assert_eq!((settings.k_min, settings.rate_cap), (Some(200), Some(60)));
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
            ("epsilon_milli = 200", "epsilon_milli"),
            ("epsilon_epoch_milli = 8001", "epsilon_epoch_milli"),
            ("epsilon_epoch_milli = 124", "epsilon_epoch_milli"),
            ("phones_per_run = 0", "phones_per_run"),
            // Conditions of digital IDs are the provider's, the same for a whole group.
            ("ids_per_person = 3", "ids_per_person"),
            ("namespaces = [\"a.example\"]", "namespaces"),
            ("ids_valid_days = 91", "ids_valid_days"),
            ("nmin = 1000", "nmin"),
        ] {
            assert!(parse(text).unwrap_err().contains(name), "{text}");
        }
    }
}
