//! Countries: ISO 3166-1 alpha-2 codes, and what a record's country column means.
//!
//! Only what telephone numbers need is here: the country of a record, and the region that a
//! French post code proves.

use core::fmt;

use zeroize::Zeroizing;

use super::decode;
use super::options::{Options, Ruleset};

/// An assigned ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(&'static str);

impl Country {
    /// France.
    pub(super) const FR: Self = Self("FR");

    /// Reads an upper-case, assigned code; anything else is `None`.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        ASSIGNED.split_ascii_whitespace().find(|assigned| *assigned == code).map(Self)
    }

    /// The two letters.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Country {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Country({self})")
    }
}

/// Country of a record, as its column states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordCountry {
    /// Empty, a null marker, or no such column.
    Unstated,
    /// A known country; French overseas codes are already folded into `FR` where due.
    Known(Country),
    /// Something else.
    Invalid,
}

/// Reads a record's country by section 7.1 of the rules.
///
/// Files differ on whether Réunion is `RE` or `FR`; with a matching post code both become `FR`
/// under `crm-fr/1` [trap-19]. The null markers `na` and `nc` are not honoured here: they are the
/// codes of Namibia and New Caledonia.
pub(super) fn record_country(
    ruleset: Ruleset,
    country: Option<&str>,
    postcode: Option<&PostCode>,
) -> RecordCountry {
    let Some(stated) = country.map(decode::trim) else {
        return RecordCountry::Unstated;
    };
    let stated = Zeroizing::new(stated.to_ascii_uppercase());
    let code = match stated.as_str() {
        "FR" | "FRA" | "FRANCE" => return RecordCountry::Known(Country::FR),
        code => code,
    };
    if let Some(country) = Country::from_code(code) {
        let overseas = OVERSEAS.split_ascii_whitespace().any(|overseas| overseas == code);
        let folds = overseas && postcode.is_some_and(PostCode::is_overseas);
        let folded = ruleset == Ruleset::CrmFr1 && folds;
        return RecordCountry::Known(if folded { Country::FR } else { country });
    }
    if decode::is_null_marker(code) {
        return RecordCountry::Unstated;
    }
    RecordCountry::Invalid
}

/// The region that the post code of a French record proves, by section 5.2 of the rules.
///
/// `None` means no evidence: another ruleset, a record that is not French, or no usable code.
pub(super) fn post_code_region(
    ruleset: Ruleset,
    options: &Options,
    country: RecordCountry,
    postcode: Option<&PostCode>,
) -> Option<&'static str> {
    if ruleset != Ruleset::CrmFr1 {
        return None;
    }
    let country = match country {
        RecordCountry::Unstated => options.default_country,
        RecordCountry::Known(country) => Some(country),
        RecordCountry::Invalid => None,
    };
    if country != Some(Country::FR) {
        return None;
    }
    let digits: &str = &postcode?.0;
    let region = match digits.get(..3)? {
        "971" => "GP",
        "972" => "MQ",
        "973" => "GF",
        "974" => "RE",
        "975" => "PM",
        "976" => "YT",
        "986" => "WF",
        "987" => "PF",
        "988" => "NC",
        _ if digits == "98000" => "MC",
        _ => "FR",
    };
    Some(region)
}

/// A French post code of five digits, erased on drop.
pub(super) struct PostCode(Zeroizing<String>);

impl PostCode {
    /// Reads a post code by section 7.2 of the rules; anything malformed is `None`.
    pub(super) fn parse(raw: &str, pad4: bool) -> Option<Self> {
        let cleaned = decode::nfkc(decode::checked(raw).ok()?);
        let upper = Zeroizing::new(cleaned.to_ascii_uppercase());
        let value = without_country_prefix(decode::trim(&upper));
        // A column of decimal numbers: `9711.0` is no 97110.
        let decimal = |(_, tail): (&str, &str)| (1..=2).contains(&tail.len());
        if value.rsplit_once('.').is_some_and(decimal) {
            return None;
        }
        let mut digits = Zeroizing::new(String::with_capacity(6));
        for c in value.chars() {
            match c {
                '0'..='9' if digits.len() < 6 => digits.push(c),
                '.' | '-' => {}
                c if decode::is_white_space(c) => {}
                _ => return None,
            }
        }
        if pad4 && digits.len() == 4 {
            digits.insert(0, '0');
        }
        let refused = ["00", "96", "99"].iter().any(|prefix| digits.starts_with(prefix));
        (digits.len() == 5 && !refused).then_some(Self(digits))
    }

    /// True if the code belongs to the French overseas ranges 971 to 978 and 986 to 988.
    fn is_overseas(&self) -> bool {
        let overseas = |prefix: &str| {
            matches!(prefix, "986" | "987" | "988") || ("971"..="978").contains(&prefix)
        };
        self.0.get(..3).is_some_and(overseas)
    }
}

/// Removes a leading `F` or `FR` that is followed by a digit, spaces and hyphens aside.
fn without_country_prefix(value: &str) -> &str {
    for prefix in ["FR", "F"] {
        if let Some(rest) = value.strip_prefix(prefix) {
            let rest = rest.trim_start_matches([' ', '-']);
            if rest.starts_with(|c: char| c.is_ascii_digit()) {
                return rest;
            }
        }
    }
    value
}

/// Codes that are part of the French Republic and may stand for `FR` with a post code.
const OVERSEAS: &str = "GP MQ GF RE YT PM BL MF WF PF NC";

/// ISO 3166-1 alpha-2, officially assigned codes.
const ASSIGNED: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ \
    BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM \
    DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS \
    GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN \
    KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ \
    MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM \
    PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV \
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI \
    VN VU WF WS YE YT ZA ZM ZW";

#[cfg(test)]
mod tests {
    use super::*;

    fn region(country: Option<&str>, code: &str) -> Option<&'static str> {
        let options = Options::defaults(Ruleset::CrmFr1);
        let postcode = PostCode::parse(code, false);
        let country = record_country(Ruleset::CrmFr1, country, postcode.as_ref());
        post_code_region(Ruleset::CrmFr1, &options, country, postcode.as_ref())
    }

    #[test]
    fn counts_the_assigned_codes() {
        assert_eq!(ASSIGNED.split_ascii_whitespace().count(), 249);
        let mut sorted: Vec<&str> = ASSIGNED.split_ascii_whitespace().collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 249);
        assert!(OVERSEAS.split_ascii_whitespace().all(|code| sorted.contains(&code)));
    }

    #[test]
    fn french_post_codes_prove_their_region() {
        let cases = [
            ("97110", "GP"),
            ("97133", "GP"),
            ("97150", "GP"),
            ("97200", "MQ"),
            ("97300", "GF"),
            ("97400", "RE"),
            ("97500", "PM"),
            ("97600", "YT"),
            ("98600", "WF"),
            ("98700", "PF"),
            ("98800", "NC"),
            ("98000", "MC"),
            ("75001", "FR"),
            ("20000", "FR"),
            ("69 003", "FR"),
            ("F-69003", "FR"),
            ("FR 97400", "RE"),
            ("９７４００", "RE"),
        ];
        for (code, expected) in cases {
            assert_eq!(region(Some("FR"), code), Some(expected), "{code}");
            assert_eq!(region(None, code), Some(expected), "{code} by default country");
        }
    }

    #[test]
    fn trap_t19_overseas_country_and_france_agree() {
        for country in ["RE", "FR", "FRA", "France", " fr "] {
            assert_eq!(region(Some(country), "97400"), Some("RE"), "{country}");
        }
        // Without a French overseas post code the country column keeps its own meaning.
        assert_eq!(region(Some("RE"), "75001"), None);
        assert_eq!(
            record_country(Ruleset::CrmFr1, Some("RE"), None),
            RecordCountry::Known(Country("RE"))
        );
    }

    #[test]
    fn malformed_codes_prove_nothing() {
        for code in ["", "6900", "690033", "ABCDE", "2A004", "00100", "99123", "96000", "6900x"] {
            assert_eq!(region(Some("FR"), code), None, "{code}");
        }
        let padded = PostCode::parse("6900", true);
        assert!(padded.is_some_and(|code| code.0.as_str() == "06900"));
        assert_eq!(region(Some("BE"), "97400"), None);
    }

    #[test]
    fn country_column_is_read_strictly() {
        let read = |text| record_country(Ruleset::CrmIntl1, Some(text), None);
        assert_eq!(read("NA"), RecordCountry::Known(Country("NA")));
        assert_eq!(read("nc"), RecordCountry::Known(Country("NC")));
        assert_eq!(read("MC"), RecordCountry::Known(Country("MC")));
        assert_eq!(read(" "), RecordCountry::Unstated);
        assert_eq!(read("n/a"), RecordCountry::Unstated);
        assert_eq!(read("Frankreich"), RecordCountry::Invalid);
        assert_eq!(read("ZZ"), RecordCountry::Invalid);
        assert_eq!(record_country(Ruleset::CrmFr1, None, None), RecordCountry::Unstated);
    }
}
