//! Telephone numbers as files have them: national and international, spaced and dotted, with the
//! traps of French overseas numbers, and what cannot be read at all.
//!
//! Numbers are made up from blocks that mobile and fixed-line plans use; nobody is called.

/// A block of a numbering plan, from which numbers are drawn.
pub(super) struct Plan {
    /// Country as a country column has it.
    pub(super) country: &'static str,
    /// Calling code.
    pub(super) code: &'static str,
    /// Digits that precede a national number.
    trunk: &'static str,
    /// Beginnings of national numbers; digits that no placeholder has, and no other plan reads.
    heads: &'static [&'static str],
    /// Digits after the beginning.
    tail: u32,
    /// Beginning of the post codes, for French departments and territories overseas.
    pub(super) overseas: Option<&'static str>,
}

/// A telephone number, canonical or written in one of many ways.
#[derive(Clone)]
pub(super) struct Number {
    plan: &'static Plan,
    /// The national number without its trunk prefix.
    national: String,
}

impl Plan {
    /// The number of this plan that belongs to a subject; none beyond its capacity.
    pub(super) fn number(&'static self, subject: u64) -> Option<Number> {
        let heads = self.heads.len() as u64;
        let size = 10_u64.pow(self.tail);
        let (head, rest) = (self.heads[(subject % heads) as usize], subject / heads);
        // Odd and no multiple of five: every tail comes once.
        let tail = (rest % size * 7_919 + 271_828) % size;
        let national = format!("{head}{tail:0width$}", width = self.tail as usize);
        (rest < size).then_some(Number { plan: self, national })
    }
}

impl Number {
    /// E.164.
    pub(super) fn canonical(&self) -> String {
        format!("+{}{}", self.plan.code, self.national)
    }

    /// Numbering plan of the country.
    pub(super) fn plan(&self) -> &'static Plan {
        self.plan
    }

    /// Written for use at home.
    pub(super) fn national(&self, style: u8) -> String {
        let digits = format!("{}{}", self.plan.trunk, self.national);
        match style % 6 {
            0 => digits,
            1 => grouped(&digits, "."),
            2 => grouped(&digits, "-"),
            3 => format!(" {} ", grouped(&digits, " ")),
            4 => digits.chars().map(full_width).collect(),
            _ => grouped(&digits, " "),
        }
    }

    /// Written so that it can be dialled from anywhere.
    pub(super) fn international(&self, style: u8) -> String {
        let (code, national) = (self.plan.code, &self.national);
        let trunk = self.plan.trunk;
        match style % 7 {
            0 => format!("+{code}{national}"),
            1 if !trunk.is_empty() => format!("+{code} ({trunk}){}", grouped(national, " ")),
            2 => format!("00{code}{national}"),
            3 => format!("00 {code} {}", grouped(national, ".")),
            4 => format!("tel:+{code}{national}"),
            5 => format!("+{code}\u{a0}{}", grouped(national, "\u{a0}")),
            _ => format!("+{code} {}", grouped(national, " ")),
        }
    }

    /// A number of an overseas department, with the calling code of metropolitan France: a common
    /// defect, and no number unless the post code mends it.
    pub(super) fn misdialled(&self) -> String {
        format!("+33 {}", grouped(&self.national, " "))
    }

    /// Number that the rules read where a national one comes without its country, so that France is
    /// taken for granted: another number, or none.
    pub(super) fn taken_for_french(&self) -> Option<String> {
        let abroad = self.plan.overseas.is_none() && self.plan.code != "33";
        (abroad && self.national.len() == 9).then(|| format!("+33{}", self.national))
    }
}

/// True if a canonical number is a fixed line, which names a household: no table of individuals
/// holds it. Of the plans here only those of metropolitan France have any.
pub(super) fn is_fixed(canonical: &str) -> bool {
    canonical.strip_prefix("+33").is_some_and(|national| !national.starts_with(['6', '7']))
}

/// Digits in pairs, the odd one first.
fn grouped(digits: &str, between: &str) -> String {
    let (head, rest) = digits.split_at(digits.len() % 2);
    let mut groups: Vec<&str> = if head.is_empty() { Vec::new() } else { vec![head] };
    groups.extend((0..rest.len()).step_by(2).map(|at| &rest[at..at + 2]));
    groups.join(between)
}

/// The digit as East Asian keyboards write it.
fn full_width(digit: char) -> char {
    digit.to_digit(10).and_then(|digit| char::from_u32(0xff10 + digit)).unwrap_or(digit)
}

/// Text in the column of a row without a usable number; abroad only what is unusable
/// everywhere.
pub(super) fn unusable(draw: u8, in_france: bool) -> &'static str {
    let count = if in_france { UNUSABLE.len() } else { UNUSABLE_ANYWHERE };
    UNUSABLE[usize::from(draw) % count]
}

/// Nothing, null markers, two numbers in one field, numbers of nobody; then placeholders and
/// numbers that are no person's in France.
const UNUSABLE: [&str; 16] = [
    "",
    "",
    "null",
    "n/a",
    "0000000000",
    "+33612345678",
    "1234",
    "06 12 34 56 78;01 23 45 67 89",
    "6.12345678E8",
    "06 23 45 67 89 (bureau)",
    "01 45 00 00 12 poste 214",
    "voir fiche",
    "0606060606",
    "01 23 45 67 89",
    "0801 23 45 67",
    "06 39 98 12 34",
];
const UNUSABLE_ANYWHERE: usize = 12;

const fn french(heads: &'static [&'static str]) -> Plan {
    Plan { country: "FR", code: "33", trunk: "0", heads, tail: 6, overseas: None }
}

const fn overseas(
    country: &'static str,
    code: &'static str,
    heads: &'static [&'static str],
    postcode: &'static str,
) -> Plan {
    Plan { country, code, trunk: "0", heads, tail: 5, overseas: Some(postcode) }
}

/// Mobile numbers of metropolitan France.
pub(super) static MOBILE: Plan =
    french(&["623", "645", "656", "678", "689", "745", "756", "767", "778"]);
/// Mobile numbers of shops, which many rows carry.
pub(super) static SHOP: Plan = french(&["734"]);
/// Fixed lines of persons.
pub(super) static LANDLINE: Plan = french(&["145", "234", "329", "482", "561"]);
/// Fixed lines of two persons.
pub(super) static HOUSEHOLD: Plan = french(&["254", "387"]);

/// Mobile numbers from elsewhere.
pub(super) static ELSEWHERE: [Plan; 7] = [
    overseas("RE", "262", &["6920", "6921", "6922", "6923", "6924", "6926", "6927"], "974"),
    overseas("GP", "590", &["6900", "6901", "6903", "6904", "6905", "6906", "6907"], "971"),
    overseas("MQ", "596", &["6960", "6961", "6962", "6963", "6964", "6966", "6967"], "972"),
    Plan {
        country: "BE",
        code: "32",
        trunk: "0",
        heads: &["470", "471", "472", "473", "474", "475", "476", "479"],
        tail: 6,
        overseas: None,
    },
    Plan {
        country: "DE",
        code: "49",
        trunk: "0",
        heads: &["1701", "1702", "1703", "1704", "1705"],
        tail: 6,
        overseas: None,
    },
    Plan {
        country: "GB",
        code: "44",
        trunk: "0",
        heads: &["7400", "7401", "7402", "7403", "7404"],
        tail: 6,
        overseas: None,
    },
    Plan {
        country: "ES",
        code: "34",
        trunk: "",
        heads: &["650", "651", "652", "653", "654", "657", "658", "659"],
        tail: 6,
        overseas: None,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_of_one_plan_are_distinct_and_end_with_its_capacity() {
        for plan in [&MOBILE, &SHOP, &LANDLINE, &HOUSEHOLD].into_iter().chain(&ELSEWHERE) {
            let numbers: BTreeSet<String> =
                (0..20_000).map(|subject| plan.number(subject).unwrap().canonical()).collect();
            assert_eq!(numbers.len(), 20_000);
            let capacity = plan.heads.len() as u64 * 10_u64.pow(plan.tail);
            assert!(plan.number(capacity - 1).is_some() && plan.number(capacity).is_none());
        }
    }

    #[test]
    fn a_number_is_written_in_many_ways() {
        let number = Number { plan: &MOBILE, national: "623456789".to_owned() };
        assert_eq!(number.national(1), "06.23.45.67.89");
        assert_eq!(number.national(4), "０６２３４５６７８９");
        assert_eq!(number.international(1), "+33 (0)6 23 45 67 89");
        assert_eq!(number.international(3), "00 33 6.23.45.67.89");
        assert_eq!(number.misdialled(), "+33 6 23 45 67 89");
        assert_eq!(number.taken_for_french(), None);
    }

    #[test]
    fn only_foreign_numbers_of_french_length_are_taken_for_french() {
        let read = |at: usize| ELSEWHERE[at].number(0).unwrap().taken_for_french();
        assert!(read(0).is_none() && read(4).is_none());
        assert!(read(3).unwrap().starts_with("+33470") && is_fixed(&read(3).unwrap()));
        assert!(read(6).unwrap().starts_with("+33650"));
    }
}
