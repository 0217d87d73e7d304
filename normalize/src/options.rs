//! Rulesets and their options: which rules a run uses, and the few things it may set.
//!
//! A ruleset is numbered and, once frozen, never changes. Options are part of the ruleset
//! manifest and hence equal on both sides of a session; see [`super::manifest`].

use core::fmt;

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

    /// Reads a ruleset name such as `crm-fr/1`.
    ///
    /// # Errors
    /// [`OptionError::UnknownRuleset`]; ours to correct, in the configuration.
    pub fn parse(name: &str) -> Result<Self, OptionError> {
        let found = Self::ALL.into_iter().find(|ruleset| ruleset.name() == name.trim());
        found.ok_or(OptionError::UnknownRuleset)
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

    /// Whether the rules may still change under this name: `unfrozen` or `frozen`.
    #[must_use]
    pub const fn status(self) -> &'static str {
        match self {
            Self::CrmFr1 | Self::CrmIntl1 => "unfrozen",
        }
    }
}

/// What is done with a fixed-line number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedLine {
    /// Kept, at household level.
    Household,
    /// Rejected with `phone_fixed_excluded`.
    Exclude,
}

/// What is done with a value found in a list of shared or throw-away addresses.
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

    /// Reads options from text: one `name value` pair a line, `#` starts a comment line.
    ///
    /// A line may begin with the word `option`, so that the lines of a manifest are accepted
    /// as they stand. An option that is not named keeps its default.
    ///
    /// # Errors
    /// [`OptionError`]; ours to correct, in the configuration.
    pub fn parse(ruleset: Ruleset, text: &str) -> Result<Self, OptionError> {
        let mut options = Self::defaults(ruleset);
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            let mut name = words.next();
            if name == Some("option") {
                name = words.next();
            }
            match (name, words.next(), words.next()) {
                (Some(name), Some(value), None) => options.set(name, value)?,
                _ => return Err(OptionError::Malformed),
            }
        }
        Ok(options)
    }

    /// Sets one option by name.
    ///
    /// # Errors
    /// [`OptionError`]; ours to correct, in the configuration. The options are unchanged.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), OptionError> {
        match name {
            "pad4" => self.pad4 = switch("pad4", value)?,
            "default_country" => self.default_country = country("default_country", value)?,
            "default_phone_region" => {
                let region = country("default_phone_region", value)?;
                self.phone_region = PhoneRegion::Own(region);
            }
            "fixed_line" => {
                self.fixed_line = match value {
                    "household" => FixedLine::Household,
                    "exclude" => FixedLine::Exclude,
                    _ => return Err(bad_value("fixed_line", "household or exclude")),
                }
            }
            "role_mailbox" => self.role_mailbox = action("role_mailbox", value)?,
            "disposable" => self.disposable = action("disposable", value)?,
            _ => return Err(OptionError::UnknownOption),
        }
        Ok(())
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

    /// What is done with a fixed-line number.
    #[must_use]
    pub fn fixed_line(&self) -> FixedLine {
        self.fixed_line
    }
}

/// Where the default region of telephone numbers comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PhoneRegion {
    /// Follows `default_country`.
    AsCountry,
    /// Was set by itself.
    Own(Option<Country>),
}

/// Why a ruleset name or an option was not understood; names the option, never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionError {
    /// No ruleset of that name exists in this version.
    UnknownRuleset,
    /// No option of that name exists.
    UnknownOption,
    /// A line is not a `name value` pair.
    Malformed,
    /// The option exists, the value does not suit it.
    BadValue {
        /// The option.
        option: &'static str,
        /// The values it takes.
        expected: &'static str,
    },
}

impl fmt::Display for OptionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRuleset => formatter.write_str("unknown ruleset"),
            Self::UnknownOption => formatter.write_str("unknown option"),
            Self::Malformed => formatter.write_str("an option line is not a name and a value"),
            Self::BadValue { option, expected } => {
                write!(formatter, "option {option} takes {expected}")
            }
        }
    }
}

impl std::error::Error for OptionError {}

fn switch(option: &'static str, value: &str) -> Result<bool, OptionError> {
    match value {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(bad_value(option, "on or off")),
    }
}

fn action(option: &'static str, value: &str) -> Result<ListAction, OptionError> {
    match value {
        "refuse" => Ok(ListAction::Refuse),
        "warn" => Ok(ListAction::Warn),
        _ => Err(bad_value(option, "refuse or warn")),
    }
}

fn country(option: &'static str, value: &str) -> Result<Option<Country>, OptionError> {
    if value == "none" {
        return Ok(None);
    }
    match Country::from_code(value) {
        Some(country) => Ok(Some(country)),
        None => Err(bad_value(option, "a country code of two letters, or none")),
    }
}

fn bad_value(option: &'static str, expected: &'static str) -> OptionError {
    OptionError::BadValue { option, expected }
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
            assert_eq!(Ruleset::parse(ruleset.name()), Ok(ruleset));
            assert_eq!(Ruleset::from_code(ruleset.code()), Some(ruleset));
        }
        assert_eq!(Ruleset::from_code(0), None);
        assert_eq!(Ruleset::parse("pair/1"), Err(OptionError::UnknownRuleset));
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
    fn reads_the_option_lines_of_a_manifest() {
        let text = "option pad4 on\n# comment\n\nfixed_line exclude\nrole_mailbox warn\n";
        let options = Options::parse(Ruleset::CrmFr1, text).unwrap();
        assert_eq!(value_of(&options, "pad4"), "on");
        assert_eq!(value_of(&options, "fixed_line"), "exclude");
        assert_eq!(value_of(&options, "role_mailbox"), "warn");
        assert_eq!(value_of(&options, "disposable"), "refuse");
    }

    #[test]
    fn written_options_read_back_equal() {
        let mut options = Options::defaults(Ruleset::CrmIntl1);
        options.set("default_phone_region", "CH").unwrap();
        options.set("disposable", "warn").unwrap();
        let text: String = options
            .pairs()
            .iter()
            .map(|(name, value)| format!("option {name} {value}\n"))
            .collect();
        assert_eq!(Options::parse(Ruleset::CrmIntl1, &text).unwrap().pairs(), options.pairs());
    }

    #[test]
    fn refuses_unknown_names_and_values() {
        let parse = |text| Options::parse(Ruleset::CrmFr1, text);
        assert_eq!(parse("pad5 on"), Err(OptionError::UnknownOption));
        assert_eq!(parse("pad4"), Err(OptionError::Malformed));
        assert_eq!(parse("pad4 on off"), Err(OptionError::Malformed));
        for text in ["pad4 maybe", "default_country XX", "default_country fr", "disposable no"] {
            assert!(matches!(parse(text), Err(OptionError::BadValue { .. })), "{text}");
        }
    }
}
