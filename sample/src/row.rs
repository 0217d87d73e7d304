//! The advertiser's rows: what somebody wrote, and what the rules make of it.

use super::address::{self, Address, WORK_ADDRESS};
use super::person::Persona;
use super::phone::{self, ELSEWHERE, Number};
use super::{Flavour, Generator, Identifier, Kind};

/// One line of the advertiser's files.
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) individual: u64,
    pub(super) persona: Persona,
    pub(super) emails: Vec<String>,
    pub(super) phones: [String; 2],
    pub(super) country: &'static str,
    pub(super) postcode: String,
    pub(super) purposes: &'static [&'static str],
    pub(super) objections: &'static [&'static str],
    /// Identifiers that the rules make of addresses and numbers, each once.
    pub(super) identifiers: Vec<Identifier>,
    /// True if the person's mobile number stands there, readable or not.
    pub(super) has_mobile: bool,
    /// Days before the export.
    pub(super) age: u64,
    pub(super) draw: [u8; 32],
}

impl Row {
    /// The row id: without leading zeros, so that its order as bytes is not its order as number.
    pub(super) fn id(&self) -> String {
        format!("C-{}", self.number)
    }

    /// True if the row may be used, if it has anything to be used and nobody who objects has it.
    pub(super) fn admitted(&self) -> bool {
        self.purposes.contains(&"ads.match") && !self.objects()
    }

    /// True if the person objects to matching.
    pub(super) fn objects(&self) -> bool {
        ["ads.match", "all"].iter().any(|one| self.objections.contains(one))
    }

    /// Index of the file that holds the row.
    pub(super) fn file(&self) -> usize {
        match self.draw[11] {
            0..100 => 0,
            100..180 => 1,
            180..230 => 2,
            _ => 3,
        }
    }
}

impl Generator<'_> {
    /// The row of this number, counted from 1.
    pub(super) fn row(&self, number: u64) -> Row {
        let source = if self.is_twin(number) { number - 1 } else { number };
        let draw = self.draw("row", number);
        let age = 5 + u64::from(draw[29]) % 40;
        self.compose(number, self.population.at(source - 1), age, draw)
    }

    /// Content of the row of this number before it was corrected, in some export: somebody else's
    /// addresses, and another consent. The later version replaces all of it.
    pub(super) fn older(&self, number: u64) -> Option<Row> {
        let draw = self.draw("older", number);
        if !self.sample.is_dirty() || draw[0] >= 8 {
            return None;
        }
        let draw = self.draw("old-row", number);
        let somebody = self.population.at(number % self.everybody);
        Some(self.compose(number, somebody, 60 + u64::from(draw[29]), draw))
    }

    fn compose(&self, number: u64, individual: u64, age: u64, draw: [u8; 32]) -> Row {
        let dirty = self.sample.is_dirty();
        let persona = if dirty && draw[12] < 10 { Persona::Work } else { Persona::Private };
        let mut row = Row {
            number,
            individual,
            persona,
            emails: Vec::new(),
            phones: [String::new(), String::new()],
            country: "",
            postcode: String::new(),
            purposes: match draw[1] {
                0..8 if dirty => &["ads.suppress"],
                _ if draw[9].is_multiple_of(2) => &["ads.match"],
                _ => &["ads.match", "ads.suppress"],
            },
            objections: match draw[13] {
                0..3 if dirty => &["all"],
                3..5 if dirty => &["ads.suppress", "ads.match"],
                5..9 if dirty => &["ads.suppress"],
                _ => &[],
            },
            identifiers: Vec::new(),
            has_mobile: false,
            age,
            draw,
        };
        for which in 0..self.sample.identifiers {
            let written = self.written_address(&mut row, which);
            row.emails.push(written);
        }
        if self.sample.flavour != Flavour::Bench {
            self.write_phones(&mut row);
        }
        row
    }

    /// Text of an address column; keeps what the rules make of it.
    fn written_address(&self, row: &mut Row, which: u8) -> String {
        let source = match (row.persona, which) {
            (Persona::Private, which) => which,
            (Persona::Work, 0) => WORK_ADDRESS,
            (Persona::Work, _) => return String::new(),
        };
        let address = self.address(row.individual, source);
        let spoilt = [row.draw[0], row.draw[14], row.draw[15]][usize::from(which)];
        if self.sample.is_dirty() && spoilt < 40 {
            return address::unusable(&address, row.draw[3]);
        }
        let form = row_form(&address, &row.draw);
        row.identifiers.extend(address.identifiers(form));
        self.soiled(&address, form, row.draw[2].wrapping_add(which))
    }

    /// Fills the columns for telephone numbers, country and post code.
    fn write_phones(&self, row: &mut Row) {
        let mobile = self.mobile(row.individual);
        let Some(mobile) = mobile.filter(|_| row.persona == Persona::Private) else {
            row.country = "FR";
            return;
        };
        let plan = mobile.plan();
        let draw = row.draw;
        let said = !self.sample.is_dirty() || !draw[22].is_multiple_of(6);
        row.country = match plan.code {
            "33" => FRANCE[usize::from(draw[22]) % FRANCE.len()],
            _ if plan.overseas.is_some() && draw[23] < 128 => "FR",
            _ if said || plan.overseas.is_some() => plan.country,
            _ => "",
        };
        row.postcode = match plan.overseas {
            Some(head) if said => format!("{head}{:02}", 10 + draw[23] % 50),
            Some(_) => String::new(),
            None if plan.code == "33" => POSTCODES[usize::from(draw[23]) % POSTCODES.len()].into(),
            None => ["1000", "10115", "SW1A 1AA", ""][usize::from(draw[23]) % 4].into(),
        };
        if self.sample.flavour == Flavour::Clean {
            row.phones[0] = mobile.canonical();
            row.keep_mobile(Some(mobile.canonical()));
            return;
        }
        row.phones[0] = match draw[26] {
            0..170 => row.written_mobile(&mobile),
            170..205 => phone::unusable(draw[24], plan.code == "33").to_owned(),
            _ => String::new(),
        };
        let second = self.second_number(row);
        row.phones[1] = match second {
            // Elsewhere a French national number would be read as one of that place.
            Some(number) if plan.code == "33" && number.plan().code == "33" => {
                number.national(draw[28])
            }
            Some(number) => number.international(draw[28]),
            None if draw[27] < 100 => phone::unusable(draw[28], plan.code == "33").to_owned(),
            None => String::new(),
        };
    }

    /// The second number of a row: of a shop, of a household, of somebody near, or a fixed line.
    fn second_number(&self, row: &mut Row) -> Option<Number> {
        let shop = self.shop(row.number);
        let number = match row.draw[27] {
            _ if shop.is_some() => phone::SHOP.number(shop?),
            0..70 if self.sample.flavour == Flavour::Crossed => self.mobile(row.individual ^ 1),
            0..40 => phone::LANDLINE.number(row.individual),
            40..70 => phone::HOUSEHOLD.number(row.individual / 2),
            _ => None,
        }?;
        row.keep_number(number.canonical());
        Some(number)
    }

    /// The mobile number of an individual; nobody shares one.
    pub(super) fn mobile(&self, individual: u64) -> Option<Number> {
        let draw = self.draw("mobile", individual);
        let plan = match usize::from(draw[0]) {
            at if at < ELSEWHERE.len() * 12 => &ELSEWHERE[at / 12],
            _ => &phone::MOBILE,
        };
        plan.number(individual)
    }

    /// The shop whose number a row carries: the same one in 25 of each 800 rows.
    fn shop(&self, number: u64) -> Option<u64> {
        let block = (number - 1) / SHOP_ROWS;
        (self.sample.is_dirty() && number % 32 == 5 && self.has_shop(block)).then_some(block)
    }

    /// True if there is a shop of this number: its keeper is the person of the same number.
    pub(super) fn has_shop(&self, shop: u64) -> bool {
        self.sample.is_dirty() && shop < self.sample.rows / SHOP_ROWS
    }

    /// True if this row repeats the individual of the row numbered one less.
    fn is_twin(&self, number: u64) -> bool {
        self.sample.flavour != Flavour::Bench
            && number.is_multiple_of(2)
            && self.draw("twin", number)[0] < 24
    }
}

impl Row {
    /// The mobile number as somebody typed it; keeps what the rules make of that.
    fn written_mobile(&mut self, number: &Number) -> String {
        let plan = number.plan();
        let (style, way) = (self.draw[24], self.draw[25] % 3);
        let read = Some(number.canonical());
        let (written, read) = match plan.overseas {
            _ if plan.code == "33" && way == 0 => (number.international(style), read),
            _ if plan.code == "33" => (number.national(style), read),
            Some(_) if way == 0 => {
                let proved = !self.postcode.is_empty() || self.country == plan.country;
                (number.national(style), read.filter(|_| proved))
            }
            Some(_) if way == 1 => {
                (number.misdialled(), read.filter(|_| !self.postcode.is_empty()))
            }
            None if way == 0 && self.country.is_empty() => {
                (number.national(style), number.taken_for_french())
            }
            None if way == 0 => (number.national(style), read),
            _ => (number.international(style), read),
        };
        self.keep_mobile(read);
        written
    }

    fn keep_mobile(&mut self, read: Option<String>) {
        self.has_mobile = true;
        if let Some(value) = read {
            self.keep_number(value);
        }
    }

    fn keep_number(&mut self, value: String) {
        if !phone::is_fixed(&value) {
            self.identifiers.push(Identifier { kind: Kind::Phone, value });
        }
    }
}

/// Way of writing a Gmail address that a row uses.
fn row_form(address: &Address, draw: &[u8; 32]) -> u8 {
    if address.gmail.is_some() { draw[4] % 4 } else { 0 }
}

/// Rows to one shop.
const SHOP_ROWS: u64 = 800;

/// Ways in which files name France; nothing means it, too.
const FRANCE: [&str; 8] = ["FR", "", "France", " fr ", "FRA", "FR", "FRANCE", "FR"];

/// Post codes of metropolitan France, and what does for one.
const POSTCODES: [&str; 8] =
    ["75011", "69 003", "F-33000", "06000", "6900", "", "59000 CEDEX", "13.001"];
