//! E-mail addresses and names as files have them, and what cannot be used at all.

use super::{Flavour, Generator, Identifier, Kind};

/// An e-mail address in its ways of being written.
pub(super) struct Address {
    /// The Gmail form, for addresses that have one.
    pub(super) gmail: Option<String>,
    /// The local part with its dot, and without.
    pub(super) local: [String; 2],
    pub(super) domain: String,
}

impl Address {
    /// The strict form; Gmail delivers forms 0 to 3 to the same mailbox.
    pub(super) fn canonical(&self, form: u8) -> String {
        let [dotted, plain] = &self.local;
        match form {
            1 => format!("{plain}@{}", self.domain),
            2 => format!("{dotted}+boutique@{}", self.domain),
            3 => format!("{dotted}@googlemail.com"),
            _ => format!("{dotted}@{}", self.domain),
        }
    }

    /// Identifiers that the rules make of the address in this form.
    pub(super) fn identifiers(&self, form: u8) -> Vec<Identifier> {
        let strict = Identifier { kind: Kind::Strict, value: self.canonical(form) };
        let gmail = self.gmail.clone().map(|value| Identifier { kind: Kind::Gmail, value });
        [Some(strict), gmail].into_iter().flatten().collect()
    }
}

impl Generator<'_> {
    /// One address of an individual; no two individuals share one in any form.
    pub(super) fn address(&self, individual: u64, which: u8) -> Address {
        let draw = self.draw("address", individual * 8 + u64::from(which));
        let name = FAMILY_NAMES[usize::from(draw[1]) % FAMILY_NAMES.len()];
        let gmail = self.sample.flavour != Flavour::Bench && which == 0 && draw[2] < 77;
        let odd = self.sample.is_dirty() && !gmail;
        let first = if odd && draw[3] < 8 {
            ACCENTED
        } else {
            FIRST_NAMES[usize::from(draw[0]) % FIRST_NAMES.len()]
        };
        let domain = match draw[4] {
            _ if gmail => "gmail.com".to_owned(),
            _ if which == WORK_ADDRESS => format!("entreprise-{:02}.fr", draw[5] % 80),
            0..8 if odd => ASCII_DOMAIN.to_owned(),
            byte => {
                let ending = ["fr", "com", "net", "eu", "be", "de", "es", "uk"];
                format!("exemple-{:02}.{}", draw[5] % 60, ending[usize::from(byte) % 8])
            }
        };
        let number = match which {
            0 => individual.to_string(),
            _ => format!("{individual}-{which}"),
        };
        Address {
            gmail: gmail.then(|| format!("{first}{name}{number}@gmail.com")),
            local: [format!("{first}.{name}{number}"), format!("{first}{name}{number}")],
            domain,
        }
    }

    /// The address as somebody typed it; normalization gives back its canonical form.
    pub(super) fn soiled(&self, address: &Address, form: u8, draw: u8) -> String {
        let written = address.canonical(form);
        if !self.sample.is_dirty() {
            return written;
        }
        let (local, domain) = written.split_once('@').unwrap_or((&written, ""));
        match draw % 16 {
            0 => written.to_uppercase(),
            1 => format!(" {written}  "),
            2 => format!("{}@{domain}", capitalised(local)),
            3 => format!("{local}@{}", domain.to_uppercase()),
            4 => format!("mailto:{written}"),
            5 => format!("{written}."),
            6 => format!("{local}\u{200b}@{domain}"),
            7 => format!("{written}\t"),
            8 => written.replace(ASCII_DOMAIN, UNICODE_DOMAIN),
            9 => written.replace(ACCENTED, DECOMPOSED),
            10 => format!("\u{a0}{written}\u{a0}"),
            _ => written,
        }
    }
}

/// Text in the address column of a row without a usable address.
pub(super) fn unusable(address: &Address, draw: u8) -> String {
    match draw % 12 {
        0..3 => String::new(),
        3 => "null".to_owned(),
        4 => address.local[0].clone(),
        5 => format!("contact@{}", address.domain),
        6 => format!("{}@@{}", address.local[0], address.domain),
        7 => format!("{} @{}", address.local[0], address.domain),
        8 => "test@test.com".to_owned(),
        9 => "aucun@aucun.fr".to_owned(),
        10 => format!("{}@yopmail.com", address.local[0]),
        _ => format!("{0}@{1};{0}-b@{1}", address.local[0], address.domain),
    }
}

/// First and last name of a row; no rule of this version reads them.
pub(super) fn names(draw: &[u8; 32]) -> [&'static str; 2] {
    [
        GIVEN_NAMES[usize::from(draw[20]) % GIVEN_NAMES.len()],
        SURNAMES[usize::from(draw[21]) % SURNAMES.len()],
    ]
}

/// The text with its first letter in upper case.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Number of an address that only the provider knows.
pub(super) const EXTRA_ADDRESS: u8 = 3;

/// Number of an address at work.
pub(super) const WORK_ADDRESS: u8 = 4;

/// A name with accents, composed and decomposed.
const ACCENTED: &str = "éloïse";
const DECOMPOSED: &str = "e\u{301}loi\u{308}se";

/// An internationalised domain, as DNS writes it and as people do.
const ASCII_DOMAIN: &str = "xn--t-9fab.fr";
const UNICODE_DOMAIN: &str = "été.fr";

/// Names as people write them, beside those in addresses.
const GIVEN_NAMES: [&str; 12] = [
    "Éloïse",
    "François",
    "Zoé",
    "JÜRGEN",
    "Siân",
    "Iñaki",
    "Anne-Marie",
    "Léa",
    "Noël",
    "Ömer",
    "Chloé",
    "jean luc",
];
const SURNAMES: [&str; 12] = [
    "Exemple",
    "MODÈLE",
    "D'Esempio",
    "Müller",
    "Voorbeeld",
    "Ejemplo, hijo",
    "O\"Sample",
    "Le Goût",
    "Châtelain",
    "Strauß",
    "Peña",
    "Łukasz",
];

const FIRST_NAMES: [&str; 24] = [
    "adele", "alain", "amina", "basile", "camille", "chloe", "denis", "elise", "farid", "gabriel",
    "helene", "ines", "jules", "karim", "lea", "louis", "manon", "marie", "noe", "olivia", "paul",
    "rose", "theo", "yasmine",
];

const FAMILY_NAMES: [&str; 20] = [
    "arnaud",
    "benoit",
    "carpentier",
    "dubois",
    "exemple",
    "faure",
    "garnier",
    "henry",
    "jacquet",
    "klein",
    "lambert",
    "modele",
    "nguyen",
    "olivier",
    "perrin",
    "quentin",
    "renard",
    "schmitt",
    "tessier",
    "vidal",
];
