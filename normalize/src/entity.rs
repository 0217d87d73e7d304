//! Names of companies: two spellings of one name are one, and others may be told to a person.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;

use super::decode::is_alphanumeric;

/// Letters and digits of a name, without marks, case and compatibility forms.
///
/// Spaces, dots, accents and ligatures differ from one contract, keyboard and operating system to
/// the next. Legal forms stay: an SA and an SAS of one name may be two companies.
#[must_use]
pub fn letters(name: &str) -> String {
    let folded = CaseMapper::new().fold_string(&NFKD.normalize(name)).into_owned();
    let mut letters = String::with_capacity(folded.len());
    for c in NFKD.normalize(&folded).chars() {
        match c {
            'œ' => letters.push_str("oe"),
            'æ' => letters.push_str("ae"),
            'ø' => letters.push('o'),
            'ł' => letters.push('l'),
            'đ' => letters.push('d'),
            c if is_alphanumeric(c) => letters.push(c),
            _ => {}
        }
    }
    letters
}

/// True if two names may be of one company, by their [`letters`]: they are the same but for legal
/// forms, or for one letter in five, and two at most.
#[must_use]
pub fn are_near(one: &str, other: &str) -> bool {
    let (stems, others) = (stems(one), stems(other));
    let close = |one: &&str, other: &&str| {
        let most = one.chars().count().min(other.chars().count()) / LETTERS_FOR_ONE_WRONG;
        distance(one, other) <= most.min(WRONG_MAX)
    };
    stems.iter().any(|one| others.iter().any(|other| close(one, other)))
}

/// A name, and what is left of it without a legal form at either end.
fn stems(letters: &str) -> Vec<&str> {
    let ends = FORMS.iter().filter_map(|form| letters.strip_suffix(form));
    let begins = FORMS.iter().filter_map(|form| letters.strip_prefix(form));
    let stems = ends.chain(begins).filter(|stem| stem.chars().count() >= STEM_MIN);
    std::iter::once(letters).chain(stems).collect()
}

/// Letters to insert, remove or replace to get from one name to another.
fn distance(one: &str, other: &str) -> usize {
    let mut last = other.chars().count();
    let mut row: Vec<usize> = (1..=last).collect();
    for (at, own) in (0..).zip(one.chars()) {
        let mut diagonal = at;
        last = at + 1;
        for (cell, theirs) in row.iter_mut().zip(other.chars()) {
            let replaced = diagonal + usize::from(own != theirs);
            diagonal = *cell;
            last = replaced.min(last + 1).min(*cell + 1);
            *cell = last;
        }
    }
    last
}

/// Legal forms of companies, as letters.
const FORMS: [&str; 29] = [
    "ab", "ag", "aps", "as", "asa", "bv", "co", "corp", "eurl", "gie", "gmbh", "inc", "kg",
    "limited", "llc", "llp", "ltd", "nv", "oy", "plc", "sa", "sarl", "sas", "sasu", "sca", "scs",
    "snc", "spa", "srl",
];
/// A stem of fewer letters says nothing.
const STEM_MIN: usize = 3;
/// Letters of a name, one of which may be wrong.
const LETTERS_FOR_ONE_WRONG: usize = 5;
const WRONG_MAX: usize = 2;

static NFKD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_have_the_same_letters() {
        for (spellings, expected) in [
            (
                &[
                    "Société Générale SA",
                    "Socie\u{301}te\u{301} Ge\u{301}ne\u{301}rale S.A.",
                    "SOCIETE GENERALE, SA",
                    "ＳＯＣＩＥＴＥ générale\u{a0}sa",
                ][..],
                "societegeneralesa",
            ),
            (&["Straße AG", "STRASSE AG", "straẞe a.g."], "strasseag"),
            (&["Cœur & Fils", "COEUR & FILS", "Cœur—fils"], "coeurfils"),
            (&["ﬁnance № 1", "Finance no 1"], "financeno1"),
            (&["ΟΔΟΣ ΑΕ", "οδός αε"], "οδοσαε"),
            (&["Łódź", "lodz"], "lodz"),
            (&["İstanbul", "istanbul"], "istanbul"),
        ] {
            for spelling in spellings {
                assert_eq!(letters(spelling), expected, "{spelling}");
            }
        }
        for (one, other) in [("Enseigne A SA", "Enseigne A SAS"), ("A & B", "A et B"), ("A", "B")] {
            assert_ne!(letters(one), letters(other));
        }
    }

    #[test]
    fn names_that_differ_by_a_form_or_a_letter_are_near() {
        let near = |one: &str, other: &str| are_near(&letters(one), &letters(other));
        for (one, other) in [
            ("Enseigne A SA", "Enseigne A S.A.S."),
            ("Société Générale", "Societe Generale SA"),
            ("SARL Martin", "Martin"),
            ("Martin Ltd.", "Martin GmbH"),
            ("Carrefour Hypermarchés", "Carrefour Hypermarché"),
            ("Boulanger", "Boulangers"),
            ("Durand et Fils", "Durand & Fils"),
            ("Auchan", "Auchen"),
        ] {
            assert!(near(one, other) && near(other, one), "{one}, {other}");
        }
        for (one, other) in [
            ("Auchan", "Carrefour"),
            ("Enseigne A SAS", "Boutique B SAS"),
            ("BNP", "BNB"),
            ("SA", "SAS"),
            ("", "Auchan"),
        ] {
            assert!(!near(one, other), "{one}, {other}");
        }
    }
}
