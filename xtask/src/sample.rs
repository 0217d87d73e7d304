//! `cargo xtask sample`: fictional CRM rows, a fictional identity graph, and the known answer.
//!
//! Every row and every person is a pure function of the seed and a number, so nothing is kept
//! in memory and any number of rows streams to disk. A permutation sends the advertiser's rows
//! into one population of individuals, the first of whom are the provider's persons; whether a
//! row matches, and by which kinds, is therefore known by construction, and the known answer is
//! written without running any part of Veilmatch.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use sha2::{Digest, Sha256};

use crate::tool::{Context, Interrupt};

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    /// Rows of the advertiser's file.
    #[arg(long, default_value_t = 20_000)]
    rows: u64,
    /// Persons of the provider's graph.
    #[arg(long, default_value_t = 40_000)]
    persons: u64,
    /// Identifiers per row and per person, 1 to 3.
    #[arg(long, default_value_t = 1)]
    identifiers: u8,
    /// The same seed gives the same files.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How tidy the data are.
    #[arg(long, value_enum, default_value_t = Flavour::Dirty)]
    flavour: Flavour,
    /// The day on which the data are taken to be exported, as 2026-11-21.
    #[arg(long, default_value = "2026-11-21")]
    as_of: Day,
    /// Directory to write to.
    #[arg(long)]
    dir: PathBuf,
}

/// Writes the files and says where they lie.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let sample = Sample {
        identifiers: options.identifiers,
        flavour: options.flavour,
        as_of: options.as_of,
        ..Sample::new(options.rows, options.persons, options.seed)
    };
    let truth = sample.generate(&options.dir, &Interrupt::never())?;
    say!("{} rows, {} eligible, {} matched", truth.rows, truth.eligible, truth.matched);
    say!("{} lines of links for {} persons", truth.links, truth.persons);
    say!("written to {}", options.dir.display());
    Ok(())
}

/// What to generate.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Rows of the advertiser's file.
    pub(crate) rows: u64,
    /// Persons of the provider's graph.
    pub(crate) persons: u64,
    /// Source of every choice.
    pub(crate) seed: u64,
    /// Identifiers per row and per person, 1 to 3.
    pub(crate) identifiers: u8,
    /// How tidy the data are.
    pub(crate) flavour: Flavour,
    /// The day of the export: every date lies before it.
    pub(crate) as_of: Day,
}

/// How tidy the data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Flavour {
    /// Spaces, capitals, accents, unusable addresses, and rows without consent, as in real life.
    Dirty,
    /// Every address in canonical form, every row usable.
    Clean,
    /// Exactly the identifiers asked for, once each, with one device a person: for measuring.
    Bench,
}

/// The known answer, and where the files lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    /// The advertiser's file.
    pub(crate) crm: PathBuf,
    /// The provider's file.
    pub(crate) links_file: PathBuf,
    /// Matched rows and kinds, sorted by row id.
    pub(crate) matched_rows: PathBuf,
    /// Rows written.
    pub(crate) rows: u64,
    /// Rows with consent and a usable identifier.
    pub(crate) eligible: u64,
    /// Eligible rows with a match, as aligned order counts them.
    pub(crate) matched: u64,
    /// The same in shuffled order, where an identifier of several rows stays with the first.
    pub(crate) matched_shuffled: u64,
    /// Persons written.
    pub(crate) persons: u64,
    /// Lines of the provider's file.
    pub(crate) links: u64,
}

impl Sample {
    /// A dirty sample with one address a row, as of the default day.
    pub(crate) fn new(rows: u64, persons: u64, seed: u64) -> Self {
        let as_of = Day::DEFAULT;
        Self { rows, persons, seed, identifiers: 1, flavour: Flavour::Dirty, as_of }
    }

    /// Writes `crm.csv`, `flat_links.csv`, and `truth/` under `dir`.
    pub(crate) fn generate(&self, dir: &Path, stop: &Interrupt) -> Result<Truth, String> {
        if self.rows == 0 || self.persons == 0 {
            return Err("a sample needs at least one row and one person".to_owned());
        }
        // The population is at most two and a half times this, and must stay a u64.
        if self.rows.max(self.persons) > COUNT_MAX {
            return Err(format!("a sample has at most {COUNT_MAX} rows or persons"));
        }
        if !(1..=3).contains(&self.identifiers) {
            return Err("a row carries 1 to 3 identifiers".to_owned());
        }
        let truth_dir = dir.join("truth");
        fs::create_dir_all(&truth_dir).at("create", &truth_dir)?;
        let mut truth = Truth {
            crm: dir.join("crm.csv"),
            links_file: dir.join("flat_links.csv"),
            matched_rows: truth_dir.join("matched-rows.csv"),
            rows: self.rows,
            eligible: 0,
            matched: 0,
            matched_shuffled: 0,
            persons: self.persons,
            links: 0,
        };
        let everybody = self.persons.saturating_mul(5).div_ceil(2).max(self.rows);
        let population = Permutation::new(everybody, self.seed, "population");
        let generator = Generator { sample: self, population };
        generator.write_rows(&truth.crm, stop)?;
        truth.links = generator.write_links(&truth.links_file, stop)?;
        generator.write_truth(&mut truth, stop)?;
        let counts = serde_json::json!({
            "rows": truth.rows, "eligible": truth.eligible, "matched": truth.matched,
            "matched_shuffled": truth.matched_shuffled, "persons": truth.persons,
            "links": truth.links, "seed": self.seed, "as_of": self.as_of.to_string(),
        });
        let path = truth_dir.join("counts.json");
        fs::write(&path, format!("{counts:#}\n")).at("write", &path)?;
        Ok(truth)
    }
}

/// A sample being written.
struct Generator<'a> {
    sample: &'a Sample,
    /// Rows are drawn from everybody; the provider knows the first `persons` of them, 40 % at
    /// most.
    population: Permutation,
}

impl Generator<'_> {
    /// The advertiser's file, in an order that is not the order of row ids.
    fn write_rows(&self, path: &Path, stop: &Interrupt) -> Result<(), String> {
        let mut out = BufWriter::new(File::create(path).at("create", path)?);
        let columns = ["email", "email_2", "email_3"];
        let emails = columns[..usize::from(self.sample.identifiers)].join(",");
        writeln!(out, "row_id,{emails},consent_purposes,consent_ref,consent_at,consent_notice")
            .at("write", path)?;
        let order = Permutation::new(self.sample.rows, self.sample.seed, "row-order");
        let mut line = String::new();
        for position in 0..self.sample.rows {
            if position % STOP_EVERY == 0 {
                stop.check()?;
            }
            let row = self.row(order.at(position) + 1);
            line.clear();
            let _ = write!(line, "{}", row.id());
            for address in &row.written {
                line.push(',');
                push_field(&mut line, address);
            }
            let purposes = match (row.consented, row.draw[9] % 2) {
                (false, _) => "ads.suppress",
                (true, 0) => "ads.match",
                (true, _) => "ads.match|ads.suppress",
            };
            let day = self.sample.as_of.before(10 + u64::from(row.draw[10]) % 190);
            let number = row.number;
            let _ = write!(line, ",{purposes},R-{number},{day}T08:00:00Z,N-2026-02");
            writeln!(out, "{line}").at("write", path)?;
        }
        out.flush().at("write", path)
    }

    /// The provider's file: one line per identifier, device, digital ID, and day of evidence.
    fn write_links(&self, path: &Path, stop: &Interrupt) -> Result<u64, String> {
        let mut out = BufWriter::new(File::create(path).at("create", path)?);
        writeln!(
            out,
            "person_ref,persona_ref,kind,type,value,device_ref,class,id_type,id_namespace,\
             id_value,source,evidence,day,consent_scheme,consent_string,captured_at"
        )
        .at("write", path)?;
        let order = Permutation::new(self.sample.persons, self.sample.seed, "person-order");
        let mut lines = 0;
        for position in 0..self.sample.persons {
            if position % STOP_EVERY == 0 {
                stop.check()?;
            }
            for line in self.person_lines(order.at(position)) {
                writeln!(out, "{line}").at("write", path)?;
                lines += 1;
            }
        }
        out.flush().at("write", path)?;
        Ok(lines)
    }

    /// The lines of one person; enough evidence on every link to pass the rules on links.
    fn person_lines(&self, person: u64) -> Vec<String> {
        let draw = self.draw("person", person);
        let devices = self.devices(person, &draw);
        let mut lines = Vec::new();
        let mut values: Vec<(&str, String)> = (0..self.sample.identifiers)
            .map(|which| self.provided(&self.address(person, which), &draw, which))
            .collect();
        if self.sample.flavour != Flavour::Bench && draw[2].is_multiple_of(10) {
            values.push(("email", self.address(person, EXTRA_ADDRESS).canonical(0)));
        }
        for (which, (kind, value)) in values.iter().enumerate() {
            // The first identifier is seen on every device; the others on the first one only.
            let seen = if which == 0 { &devices[..] } else { &devices[..1] };
            for sighting in seen {
                let mut line = format!("H-{person},P-{person},private,{kind},");
                push_field(&mut line, value);
                let captured = self.sample.as_of.before(100 + u64::from(draw[3]));
                let _ = write!(line, ",{sighting},receipt,K-{person},{captured}T09:30:00Z");
                lines.push(line);
            }
        }
        lines
    }

    /// The columns from `device_ref` to `day` of each sighting of a person.
    fn devices(&self, person: u64, draw: &[u8; 32]) -> Vec<String> {
        let several = self.sample.flavour != Flavour::Bench;
        let count = if several && draw[4].is_multiple_of(4) { 2 } else { 1 };
        let mut lines = Vec::new();
        for device in 0..count {
            let draw = self.draw("device", person * 2 + device);
            let (class, types): (&str, &[&str]) = match draw[0] % 5 {
                0 | 1 => ("smartphone", &["aaid", "cookie"]),
                2 => ("smartphone", &["idfa", "cookie"]),
                3 => ("tablet", &["aaid", "cookie"]),
                _ => ("desktop", &["cookie"]),
            };
            let types = if several && draw[1].is_multiple_of(3) { types } else { &types[..1] };
            // A login counts from its second day, a purchase from its first.
            let login = several && draw[2].is_multiple_of(3);
            let evidence = if login { "login" } else { "purchase" };
            let last = 1 + u64::from(draw[3]) % 40;
            let days = if login { vec![last, last + 7] } else { vec![last] };
            for (which, id_type) in types.iter().enumerate() {
                let (namespace, value) = digital_id(id_type, &draw, which);
                for &age in &days {
                    let day = self.sample.as_of.before(age);
                    lines.push(format!(
                        "D-{person}-{device},{class},{id_type},{namespace},{value},\
                         s-{:02},{evidence},{day}",
                        1 + draw[5] % 8
                    ));
                }
            }
        }
        lines
    }

    /// One address as the provider's file gives it: its type and its value.
    fn provided(&self, address: &Address, draw: &[u8; 32], which: u8) -> (&'static str, String) {
        let form = self.provider_form(address, draw);
        // A digest has only the strict form, so Gmail addresses always come in clear.
        if self.sample.flavour != Flavour::Bench && address.gmail.is_none() && draw[6] < 50 {
            return ("email_sha256", hex(&Sha256::digest(address.canonical(0))));
        }
        ("email", self.soiled(address, form, draw[7].wrapping_add(which)))
    }

    /// Which way of writing a Gmail address this person's record uses.
    fn provider_form(&self, address: &Address, draw: &[u8; 32]) -> u8 {
        if address.gmail.is_some() { draw[8] % 2 } else { 0 }
    }

    /// The known answer, by the order of row ids.
    fn write_truth(&self, truth: &mut Truth, stop: &Interrupt) -> Result<(), String> {
        let path = truth.matched_rows.clone();
        let mut out = BufWriter::new(File::create(&path).at("create", &path)?);
        writeln!(out, "row_id,kinds").at("write", &path)?;
        for (position, number) in Lexicographic::up_to(self.sample.rows).enumerate() {
            if (position as u64).is_multiple_of(STOP_EVERY) {
                stop.check()?;
            }
            let row = self.row(number);
            if !row.eligible() {
                continue;
            }
            truth.eligible += 1;
            let held = self.identifiers_of(&row);
            let kinds: Vec<&str> = [STRICT, GMAIL]
                .into_iter()
                .filter(|kind| held.iter().any(|one| one.hit && one.kind == *kind))
                .collect();
            if kinds.is_empty() {
                continue;
            }
            truth.matched += 1;
            writeln!(out, "{},{}", row.id(), kinds.join("|")).at("write", &path)?;
            let earlier = self.earlier_twin(&row).map(|twin| self.identifiers_of(&twin));
            let taken = |one: &Held| {
                let same = |other: &Held| other.kind == one.kind && other.value == one.value;
                earlier.as_ref().is_some_and(|held| held.iter().any(same))
            };
            if held.iter().any(|one| one.hit && !taken(one)) {
                truth.matched_shuffled += 1;
            }
        }
        out.flush().at("write", &path)
    }

    /// The identifiers of a row, and whether the provider's graph holds each.
    fn identifiers_of(&self, row: &Row) -> Vec<Held> {
        let known = row.individual < self.sample.persons;
        let draw = self.draw("person", row.individual);
        let mut held = Vec::new();
        for which in 0..self.sample.identifiers {
            let address = self.address(row.individual, which);
            let form = row.form(&address);
            let same = form == self.provider_form(&address, &draw);
            let value = address.canonical(form);
            held.push(Held { kind: STRICT, value, hit: known && same });
            if let Some(value) = address.gmail {
                held.push(Held { kind: GMAIL, value, hit: known });
            }
        }
        held
    }

    /// The other row of the same individual, if it is eligible and its id comes first.
    fn earlier_twin(&self, row: &Row) -> Option<Row> {
        let number = if self.is_twin(row.number) {
            row.number - 1
        } else if self.is_twin(row.number + 1) && row.number < self.sample.rows {
            row.number + 1
        } else {
            return None;
        };
        let twin = self.row(number);
        (twin.eligible() && twin.id().as_bytes() < row.id().as_bytes()).then_some(twin)
    }

    /// Whether this row repeats the individual of the row numbered one less.
    fn is_twin(&self, number: u64) -> bool {
        self.sample.flavour != Flavour::Bench
            && number.is_multiple_of(2)
            && self.draw("twin", number)[0] < 24
    }

    /// The row of this number, counted from 1.
    fn row(&self, number: u64) -> Row {
        let draw = self.draw("row", number);
        let source = if self.is_twin(number) { number - 1 } else { number };
        let individual = self.population.at(source - 1);
        let dirty = self.sample.flavour == Flavour::Dirty;
        let usable = !dirty || draw[0] >= 6;
        let consented = !dirty || draw[1] >= 8;
        let mut row = Row { number, individual, consented, usable, written: Vec::new(), draw };
        for which in 0..self.sample.identifiers {
            let address = self.address(individual, which);
            let written = if usable {
                self.soiled(&address, row.form(&address), draw[2].wrapping_add(which))
            } else {
                unusable(&address, draw[3])
            };
            row.written.push(written);
        }
        row
    }

    /// One address of an individual; no two individuals share one in any form.
    fn address(&self, individual: u64, which: u8) -> Address {
        let draw = self.draw("address", individual * 4 + u64::from(which));
        let name = FAMILY_NAMES[usize::from(draw[1]) % FAMILY_NAMES.len()];
        let gmail = self.sample.flavour != Flavour::Bench && which == 0 && draw[2] < 77;
        let odd = self.sample.flavour == Flavour::Dirty && !gmail;
        let first = if odd && draw[3] < 8 {
            ACCENTED
        } else {
            FIRST_NAMES[usize::from(draw[0]) % FIRST_NAMES.len()]
        };
        let domain = match draw[4] {
            _ if gmail => "gmail.com".to_owned(),
            0..8 if odd => ASCII_DOMAIN.to_owned(),
            byte => {
                let ending = ["fr", "com", "net", "eu"][usize::from(byte) % 4];
                format!("exemple-{:02}.{ending}", draw[5] % 60)
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
    fn soiled(&self, address: &Address, form: u8, draw: u8) -> String {
        let written = address.canonical(form);
        if self.sample.flavour != Flavour::Dirty {
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

    /// 32 bytes that depend on the seed, the subject, and its number only.
    fn draw(&self, subject: &str, number: u64) -> [u8; 32] {
        draw(self.sample.seed, subject, number)
    }
}

/// A calendar day, as a count of days since 1 January 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(u64);

impl Day {
    /// 21 November 2026.
    pub(crate) const DEFAULT: Self = Self(20_778);

    /// Today in UTC by this machine's clock, as the programs see it.
    pub(crate) fn today() -> Self {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self(since.as_secs() / 86_400)
    }

    /// The day so many days earlier.
    fn before(self, days: u64) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// Year, month, day of the Gregorian calendar.
    fn civil(self) -> (u64, u64, u64) {
        // Counted from 1 March of year 0, so that the leap day ends its year.
        let days = self.0 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (era * 400 + year + u64::from(month <= 2), month, day)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.civil();
        write!(out, "{year:04}-{month:02}-{day:02}")
    }
}

impl std::str::FromStr for Day {
    type Err = String;

    /// Reads `2026-11-21`; days before 1970 do not exist here.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a day such as 2026-11-21");
        let parts: Vec<u64> = text.split('-').filter_map(|part| part.parse().ok()).collect();
        let &[year, month, day] = parts.as_slice() else {
            return Err(wrong());
        };
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
            return Err(wrong());
        }
        let shifted = if month > 2 { year } else { year - 1 };
        let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day;
        let of_era = (shifted % 400) * 365 + (shifted % 400) / 4 - (shifted % 400) / 100;
        let days = (shifted / 400) * 146_097 + of_era + of_year;
        let found = days.checked_sub(719_469).map(Self).ok_or_else(wrong)?;
        // A day that does not exist, such as 31 February, comes back as another one.
        if found.to_string() == text { Ok(found) } else { Err(wrong()) }
    }
}

/// One line of the advertiser's file.
struct Row {
    number: u64,
    individual: u64,
    consented: bool,
    usable: bool,
    written: Vec<String>,
    draw: [u8; 32],
}

impl Row {
    /// The row id: without leading zeros, so that its order as bytes is not its order as number.
    fn id(&self) -> String {
        format!("C-{}", self.number)
    }

    /// Whether the row may and can be matched.
    fn eligible(&self) -> bool {
        self.consented && self.usable
    }

    /// Which way of writing a Gmail address this row uses.
    fn form(&self, address: &Address) -> u8 {
        if address.gmail.is_some() { self.draw[4] % 4 } else { 0 }
    }
}

/// An e-mail address in its ways of being written.
struct Address {
    /// The Gmail form, for addresses that have one.
    gmail: Option<String>,
    /// The local part with its dot, and without.
    local: [String; 2],
    domain: String,
}

impl Address {
    /// The strict form; Gmail delivers forms 0 to 3 to the same mailbox.
    fn canonical(&self, form: u8) -> String {
        let [dotted, plain] = &self.local;
        match form {
            1 => format!("{plain}@{}", self.domain),
            2 => format!("{dotted}+boutique@{}", self.domain),
            3 => format!("{dotted}@googlemail.com"),
            _ => format!("{dotted}@{}", self.domain),
        }
    }
}

/// One identifier of a row.
struct Held {
    kind: &'static str,
    value: String,
    hit: bool,
}

/// A permutation of 0 to size - 1 that needs no table.
struct Permutation {
    size: u64,
    factor: u64,
    offset: u64,
}

impl Permutation {
    /// The permutation that seed and label choose.
    fn new(size: u64, seed: u64, label: &str) -> Self {
        let mut word = [0; 8];
        word.copy_from_slice(&draw(seed, label, 0)[..8]);
        let start = u64::from_le_bytes(word);
        let mut factor = start % size;
        while gcd(factor, size) != 1 {
            factor = (factor + 1) % size.max(2);
        }
        word.copy_from_slice(&draw(seed, label, 1)[..8]);
        Self { size, factor, offset: u64::from_le_bytes(word) % size }
    }

    /// Where this position is sent.
    fn at(&self, position: u64) -> u64 {
        let sent = u128::from(position) * u128::from(self.factor) + u128::from(self.offset);
        (sent % u128::from(self.size)) as u64
    }
}

/// 1 to the last number, in the order of their decimal digits as text: 1, 10, 100, 11, 2.
struct Lexicographic {
    next: Option<u64>,
    last: u64,
}

impl Lexicographic {
    fn up_to(last: u64) -> Self {
        Self { next: (last > 0).then_some(1), last }
    }
}

impl Iterator for Lexicographic {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let current = self.next?;
        let mut next = current;
        self.next = if next.saturating_mul(10) <= self.last {
            Some(next * 10)
        } else {
            while next % 10 == 9 || next + 1 > self.last {
                next /= 10;
            }
            (next > 0).then_some(next + 1)
        };
        Some(current)
    }
}

/// What stands in the address column of a row that cannot be matched.
fn unusable(address: &Address, draw: u8) -> String {
    match draw % 6 {
        0 => String::new(),
        1 => "null".to_owned(),
        2 => address.local[0].clone(),
        3 => format!("contact@{}", address.domain),
        4 => format!("{}@@{}", address.local[0], address.domain),
        _ => format!("{} @{}", address.local[0], address.domain),
    }
}

/// Namespace and value of a digital ID.
fn digital_id(id_type: &str, draw: &[u8; 32], which: usize) -> (&'static str, String) {
    if id_type == "cookie" {
        let mut word = [0; 8];
        word.copy_from_slice(&draw[16 + which..24 + which]);
        return (COOKIE_NAMESPACE, format!("{:019}", u64::from_le_bytes(word) >> 2));
    }
    let digits = hex(&draw[8..24]);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    ("", parts.join("-"))
}

/// Appends a CSV field, quoted where RFC 4180 or a trimming reader needs it.
fn push_field(line: &mut String, field: &str) {
    let special = |c: char| matches!(c, ',' | '"' | '\n' | '\r');
    if field.contains(special) || field.trim() != field {
        let _ = write!(line, "\"{}\"", field.replace('"', "\"\""));
    } else {
        line.push_str(field);
    }
}

/// SHA-256 over seed, subject, and number.
fn draw(seed: u64, subject: &str, number: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(number.to_le_bytes());
    hash.update(subject.as_bytes());
    hash.finalize().into()
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The text with its first letter in upper case.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Greatest common divisor.
fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Most rows, and most persons.
const COUNT_MAX: u64 = 1 << 40;

/// How often a long loop looks whether it should stop.
const STOP_EVERY: u64 = 1 << 14;

/// Number of an address that only the provider knows.
const EXTRA_ADDRESS: u8 = 3;

/// Kinds of identifier, in the terms' order.
const STRICT: &str = "email.strict";
const GMAIL: &str = "email.gmail";

/// Where the fictional cookies come from.
const COOKIE_NAMESPACE: &str = "exemple-regie.fr";

/// A name with accents, composed and decomposed.
const ACCENTED: &str = "éloïse";
const DECOMPOSED: &str = "e\u{301}loi\u{308}se";

/// An internationalised domain, as DNS writes it and as people do.
const ASCII_DOMAIN: &str = "xn--t-9fab.fr";
const UNICODE_DOMAIN: &str = "été.fr";

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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Splits one CSV line; enough for files without line ends inside fields.
    fn fields(line: &str) -> Vec<String> {
        let mut found = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => found.push(String::new()),
                _ => found.last_mut().unwrap().push(c),
            }
        }
        found
    }

    fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
        let text = fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        let names = fields(lines.next().unwrap());
        lines
            .map(|line| {
                let values = fields(line);
                assert_eq!(values.len(), names.len(), "{line}");
                names.iter().cloned().zip(values).collect()
            })
            .collect()
    }

    /// The e-mail rules, written again from their text for the forms that occur here.
    fn normalized(raw: &str) -> Option<(String, Option<String>)> {
        let text = raw.replace('\u{200b}', "").replace("e\u{301}", "é").replace("i\u{308}", "ï");
        let text = text.replace("E\u{301}", "é").trim().to_lowercase();
        let text = text.strip_prefix("mailto:").unwrap_or(&text);
        let (local, domain) = text.split_once('@')?;
        if domain.contains('@') || local.is_empty() || text.contains(char::is_whitespace) {
            return None;
        }
        if local == "contact" {
            return None;
        }
        let domain = domain.strip_suffix('.').unwrap_or(domain).replace("été.fr", "xn--t-9fab.fr");
        let gmail = matches!(domain.as_str(), "gmail.com" | "googlemail.com").then(|| {
            let bare = local.split('+').next().unwrap().replace('.', "");
            format!("{bare}@gmail.com")
        });
        Some((format!("{local}@{domain}"), gmail))
    }

    /// The answer, from the two files alone.
    fn joined(truth: &Truth) -> (u64, Vec<String>, u64) {
        let (mut strict, mut gmail) = (BTreeSet::new(), BTreeSet::new());
        for line in table(&truth.links_file) {
            if line["type"] == "email_sha256" {
                strict.insert(line["value"].clone());
                continue;
            }
            let (plain, other) = normalized(&line["value"]).unwrap();
            strict.insert(hex(&Sha256::digest(plain)));
            gmail.extend(other);
        }
        let mut rows: BTreeMap<Vec<u8>, Vec<(String, String, bool)>> = BTreeMap::new();
        let mut count = 0;
        for line in table(&truth.crm) {
            count += 1;
            if !line["consent_purposes"].split('|').any(|code| code == "ads.match") {
                continue;
            }
            let mut held = Vec::new();
            for column in ["email", "email_2", "email_3"] {
                let Some(raw) = line.get(column) else {
                    continue;
                };
                let Some((plain, other)) = normalized(raw) else {
                    continue;
                };
                let digest = hex(&Sha256::digest(&plain));
                let hit = strict.contains(&digest);
                held.push((STRICT.to_owned(), digest, hit));
                held.extend(other.map(|one| {
                    let hit = gmail.contains(&one);
                    (GMAIL.to_owned(), one, hit)
                }));
            }
            if !held.is_empty() {
                assert!(rows.insert(line["row_id"].clone().into_bytes(), held).is_none());
            }
        }
        assert_eq!(count, truth.rows);
        let mut lines = vec!["row_id,kinds".to_owned()];
        let (mut seen, mut shuffled) = (BTreeSet::new(), 0);
        for (id, held) in &rows {
            let mut kinds: Vec<&str> =
                held.iter().filter(|one| one.2).map(|one| one.0.as_str()).collect();
            kinds.sort_by_key(|kind| *kind == GMAIL);
            kinds.dedup();
            if !kinds.is_empty() {
                let id = String::from_utf8(id.clone()).unwrap();
                lines.push(format!("{id},{}", kinds.join("|")));
            }
            let mut left = false;
            for (kind, value, hit) in held {
                left |= seen.insert((kind.clone(), value.clone())) && *hit;
            }
            shuffled += u64::from(left);
        }
        (rows.len() as u64, lines, shuffled)
    }

    fn check(sample: &Sample) -> Truth {
        let dir = tempfile::tempdir().unwrap();
        let truth = sample.generate(dir.path(), &Interrupt::never()).unwrap();
        let (eligible, lines, shuffled) = joined(&truth);
        let written = fs::read_to_string(&truth.matched_rows).unwrap();
        assert_eq!(written.lines().collect::<Vec<_>>(), lines);
        assert_eq!(truth.eligible, eligible);
        assert_eq!(truth.matched, lines.len() as u64 - 1);
        assert_eq!(truth.matched_shuffled, shuffled);
        truth
    }

    #[test]
    fn known_answer_equals_a_join_of_the_two_files() {
        for seed in 0..4 {
            for flavour in [Flavour::Dirty, Flavour::Clean, Flavour::Bench] {
                let truth = check(&Sample { flavour, ..Sample::new(1_500, 900, seed) });
                assert!(truth.matched > 0);
                check(&Sample { flavour, identifiers: 3, ..Sample::new(700, 1_600, seed) });
            }
        }
        check(&Sample::new(1, 1, 9));
    }

    #[test]
    fn overlap_is_two_fifths_and_both_gmail_cases_occur() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::new(4_000, 8_000, 7);
        let truth = sample.generate(dir.path(), &Interrupt::never()).unwrap();
        let share = truth.matched * 100 / truth.eligible;
        assert!((36..=44).contains(&share), "{share} %");
        assert!(truth.eligible < truth.rows);
        assert!(truth.matched_shuffled < truth.matched);
        let lines = fs::read_to_string(&truth.matched_rows).unwrap();
        for kinds in [",email.strict\n", ",email.gmail\n", ",email.strict|email.gmail\n"] {
            assert!(lines.matches(kinds).count() > 50, "{kinds}");
        }
    }

    #[test]
    fn every_person_has_a_live_link_and_no_address_has_two_owners() {
        let dir = tempfile::tempdir().unwrap();
        let sample = Sample::new(100, 3_000, 3);
        let truth = sample.generate(dir.path(), &Interrupt::never()).unwrap();
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        let mut days: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        let mut persons = BTreeSet::new();
        for line in table(&truth.links_file) {
            let person = line["person_ref"].clone();
            persons.insert(person.clone());
            let forms = match normalized(&line["value"]) {
                Some((strict, gmail)) => [Some(hex(&Sha256::digest(strict))), gmail],
                None => [Some(line["value"].clone()), None],
            };
            for form in forms.into_iter().flatten() {
                assert_eq!(*owners.entry(form).or_insert(person.clone()), person);
            }
            assert!(!line["id_value"].is_empty());
            let day: Day = line["day"].parse().unwrap();
            assert!(day.0 < sample.as_of.0 && day.0 + 90 > sample.as_of.0);
            let link = (line["device_ref"].clone(), line["evidence"].clone());
            days.entry(link).or_default().insert(line["day"].clone());
        }
        assert_eq!(persons.len(), 3_000);
        assert!(days.iter().all(|((_, evidence), days)| evidence != "login" || days.len() > 1));
    }

    #[test]
    fn same_seed_gives_the_same_bytes_and_another_seed_others() {
        let read = |seed| {
            let dir = tempfile::tempdir().unwrap();
            let truth =
                Sample::new(300, 300, seed).generate(dir.path(), &Interrupt::never()).unwrap();
            [truth.crm, truth.links_file, truth.matched_rows].map(|path| fs::read(path).unwrap())
        };
        assert_eq!(read(1), read(1));
        assert_ne!(read(1), read(2));
    }

    #[test]
    fn numbers_come_in_the_order_of_their_text() {
        for last in [0, 1, 9, 10, 11, 99, 100, 1_234] {
            let mut expected: Vec<String> = (1..=last).map(|n: u64| n.to_string()).collect();
            expected.sort();
            let found: Vec<String> =
                Lexicographic::up_to(last).map(|number| number.to_string()).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn permutation_visits_every_position_once() {
        for size in [1, 2, 3, 10, 97, 1_000] {
            let order = Permutation::new(size, 5, "test");
            let visited: BTreeSet<u64> = (0..size).map(|position| order.at(position)).collect();
            assert_eq!(visited.len() as u64, size);
        }
    }

    #[test]
    fn days_are_read_and_written() {
        assert_eq!(Day::DEFAULT.to_string(), "2026-11-21");
        for text in ["1970-01-01", "2000-02-29", "2026-11-21", "2027-05-31", "2028-12-31"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        for text in ["", "2026-11", "2026-02-31", "1969-12-31", "2026-13-01", "2026-1-1", "x-y-z"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
