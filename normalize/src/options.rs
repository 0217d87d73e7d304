//! Rulesets and their options: which rules a run uses, and the few things it may set.
//!
//! A ruleset is numbered and, once frozen, never changes. Options are part of the ruleset
//! manifest and hence equal on both sides of a session; see [`super::manifest`].

use super::country::Country;

/// A complete, numbered set of normalization rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ruleset {
    /// `crm-fr/1`: all kinds, French postal rules, inference of French overseas numbers.
    CrmFr1,
    /// `crm-intl/1`: all countries, no French inference.
    CrmIntl1,
}

impl Ruleset {
    /// Every ruleset, in the order of their codes.
    pub const ALL: [Self; 2] = [Self::CrmFr1, Self::CrmIntl1];

    /// Reads a ruleset name such as `crm-fr/1`; `None` if there is none of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ruleset| ruleset.name() == name.trim())
    }

    /// Returns the ruleset of a wire code, if the code is known.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|ruleset| ruleset.code() == code)
    }

    /// The name used in configurations, manifests and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CrmFr1 => "crm-fr/1",
            Self::CrmIntl1 => "crm-intl/1",
        }
    }

    /// The code that enters every PRF input; 0 is reserved by the protocol.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::CrmFr1 => 1,
            Self::CrmIntl1 => 2,
        }
    }

    /// State of the rules under this name: `unfrozen` while they may change, else `frozen`.
    #[must_use]
    pub const fn status(self) -> &'static str {
        match self {
            Self::CrmFr1 | Self::CrmIntl1 => "unfrozen",
        }
    }
}

/// Treatment of a fixed-line number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedLine {
    /// Kept, at household level.
    Household,
    /// Rejected with `phone_fixed_excluded`.
    Exclude,
}

/// Treatment of a value found in a list of shared or throw-away addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListAction {
    /// The value is rejected.
    Refuse,
    /// The value is kept, with a warning.
    Warn,
}

/// The options of a run, fixed by the terms through the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(super) pad4: bool,
    pub(super) default_country: Option<Country>,
    pub(super) phone_region: PhoneRegion,
    pub(super) fixed_line: FixedLine,
    pub(super) role_mailbox: ListAction,
    pub(super) disposable: ListAction,
}

impl Options {
    /// The defaults of a ruleset.
    #[must_use]
    pub fn defaults(ruleset: Ruleset) -> Self {
        let default_country = match ruleset {
            Ruleset::CrmFr1 => Some(Country::FR),
            Ruleset::CrmIntl1 => None,
        };
        Self {
            pad4: false,
            default_country,
            phone_region: PhoneRegion::AsCountry,
            fixed_line: FixedLine::Household,
            role_mailbox: ListAction::Refuse,
            disposable: ListAction::Refuse,
        }
    }

    /// Sets one option by name; `None`, and nothing is changed, if there is no such option or it
    /// does not take the value.
    #[must_use]
    pub fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "pad4" => self.pad4 = switch(value)?,
            "default_country" => self.default_country = country(value)?,
            "default_phone_region" => self.phone_region = PhoneRegion::Own(country(value)?),
            "fixed_line" => {
                self.fixed_line = match value {
                    "household" => FixedLine::Household,
                    "exclude" => FixedLine::Exclude,
                    _ => return None,
                }
            }
            "role_mailbox" => self.role_mailbox = action(value)?,
            "disposable" => self.disposable = action(value)?,
            _ => return None,
        }
        Some(())
    }

    /// Every option with its effective value, in the order of the manifest.
    #[must_use]
    pub fn pairs(&self) -> [(&'static str, String); 6] {
        [
            ("pad4", if self.pad4 { "on" } else { "off" }.to_owned()),
            ("default_country", country_text(self.default_country)),
            ("default_phone_region", country_text(self.default_phone_region())),
            (
                "fixed_line",
                match self.fixed_line {
                    FixedLine::Household => "household",
                    FixedLine::Exclude => "exclude",
                }
                .to_owned(),
            ),
            ("role_mailbox", action_text(self.role_mailbox).to_owned()),
            ("disposable", action_text(self.disposable).to_owned()),
        ]
    }

    /// The region of a national number without other evidence.
    #[must_use]
    pub fn default_phone_region(&self) -> Option<Country> {
        match self.phone_region {
            PhoneRegion::AsCountry => self.default_country,
            PhoneRegion::Own(region) => region,
        }
    }

    /// The country of rows without a country column.
    #[must_use]
    pub fn default_country(&self) -> Option<Country> {
        self.default_country
    }

    /// Treatment of a fixed-line number.
    #[must_use]
    pub fn fixed_line(&self) -> FixedLine {
        self.fixed_line
    }
}

/// Source of the default region of telephone numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhoneRegion {
    /// Follows `default_country`.
    AsCountry,
    /// Was set by itself.
    Own(Option<Country>),
}

fn switch(value: &str) -> Option<bool> {
    match value {
        "on" | "true" => Some(true),
        "off" | "false" => Some(false),
        _ => None,
    }
}

fn action(value: &str) -> Option<ListAction> {
    match value {
        "refuse" => Some(ListAction::Refuse),
        "warn" => Some(ListAction::Warn),
        _ => None,
    }
}

/// A country code of two letters, or `none`.
fn country(value: &str) -> Option<Option<Country>> {
    if value == "none" { Some(None) } else { Country::from_code(value).map(Some) }
}

fn country_text(country: Option<Country>) -> String {
    country.map_or_else(|| "none".to_owned(), |country| country.to_string())
}

fn action_text(action: ListAction) -> &'static str {
    match action {
        ListAction::Refuse => "refuse",
        ListAction::Warn => "warn",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(options: &Options, name: &str) -> String {
        options.pairs().into_iter().find(|(key, _)| *key == name).unwrap().1
    }

    #[test]
    fn rulesets_keep_their_names_and_codes() {
        for ruleset in Ruleset::ALL {
            assert_eq!(Ruleset::parse(ruleset.name()), Some(ruleset));
            assert_eq!(Ruleset::from_code(ruleset.code()), Some(ruleset));
        }
        assert_eq!(Ruleset::from_code(0), None);
        assert_eq!(Ruleset::parse("pair/1"), None);
    }

    #[test]
    fn phone_region_follows_the_country_until_it_is_set() {
        let mut options = Options::defaults(Ruleset::CrmFr1);
        options.set("default_country", "BE").unwrap();
        assert_eq!(value_of(&options, "default_phone_region"), "BE");
        options.set("default_phone_region", "FR").unwrap();
        options.set("default_country", "none").unwrap();
        assert_eq!(value_of(&options, "default_phone_region"), "FR");
        assert_eq!(value_of(&options, "default_country"), "none");
    }

    #[test]
    fn international_ruleset_has_no_default_country() {
        let options = Options::defaults(Ruleset::CrmIntl1);
        assert_eq!(options.default_country(), None);
        assert_eq!(options.default_phone_region(), None);
    }

    #[test]
    fn written_options_read_back_equal() {
        let mut options = Options::defaults(Ruleset::CrmIntl1);
        options.set("default_phone_region", "CH").unwrap();
        options.set("disposable", "warn").unwrap();
        let mut read = Options::defaults(Ruleset::CrmIntl1);
        for (name, value) in options.pairs() {
            read.set(name, &value).unwrap();
        }
        assert_eq!(read.pairs(), options.pairs());
    }

    #[test]
    fn refuses_unknown_names_and_values() {
        let mut options = Options::defaults(Ruleset::CrmFr1);
        for (name, value) in [
            ("pad5", "on"),
            ("pad4", "maybe"),
            ("default_country", "XX"),
            ("default_country", "fr"),
            ("fixed_line", "keep"),
            ("disposable", "no"),
        ] {
            assert_eq!(options.set(name, value), None, "{name} {value}");
        }
        assert_eq!(options, Options::defaults(Ruleset::CrmFr1));
    }
}
