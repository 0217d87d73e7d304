//! Fictional CRM files, a fictional identity graph, and the known answer.
//!
//! Every row and every person is a pure function of the seed and a number, so any number of rows
//! streams to disk. A permutation sends the advertiser's rows into one population of individuals,
//! the first of whom are the provider's persons; whether a row matches, by which kinds, and which
//! digital IDs come of it is known by construction, and the known answer is written without
//! running any part of Veilmatch.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

mod address;
mod context;
mod crm;
mod day;
mod draw;
mod person;
mod phone;
mod row;
#[cfg(test)]
mod tests;
mod truth;

pub use self::context::Context;
pub use self::day::Day;
use self::draw::{Permutation, draw};
pub use self::person::NAMESPACES;
pub use self::truth::{IdFiles, Lost, Truth};

/// Asks if the work is still wanted, now and then; an error ends it.
pub type Stop<'a> = &'a dyn Fn() -> Result<(), String>;

/// Everything that a sample is a function of.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Rows of the advertiser's files.
    pub rows: u64,
    /// Persons of the provider's graph.
    pub persons: u64,
    /// Source of every choice.
    pub seed: u64,
    /// E-mail addresses per row and per person, 1 to 3.
    pub identifiers: u8,
    /// Tidiness of the data.
    pub flavour: Flavour,
    /// The day of the export: every date lies before it.
    pub as_of: Day,
}

/// Tidiness of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Flavour {
    /// Four files with telephone numbers, corrections, objections, and everything badly written,
    /// as in real life.
    Dirty,
    /// Dirty, and some rows carry the number of a second person, so that the digital IDs of
    /// these rows depend on keys: the known answer is a least and a largest set.
    Crossed,
    /// Every address and number in canonical form, every row usable.
    Clean,
    /// Exactly the addresses asked for, once each, with one device a person: for measuring.
    Bench,
}

/// A file of rows, and the tag that names where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmFile {
    /// The tag; a single file has none.
    pub tag: Option<&'static str>,
    /// Path of the file.
    pub path: PathBuf,
}

impl Sample {
    /// A dirty sample with one address a row, as of the default day.
    pub fn new(rows: u64, persons: u64, seed: u64) -> Self {
        let as_of = Day::DEFAULT;
        Self { rows, persons, seed, identifiers: 1, flavour: Flavour::Dirty, as_of }
    }

    /// Writes the CRM files, `flat_links.csv` with its map, `objections.csv`, and `truth/` under
    /// `dir`.
    pub fn generate(&self, dir: &Path, stop: Stop<'_>) -> Result<Truth, String> {
        if self.rows == 0 || self.persons == 0 {
            return Err("a sample needs at least one row and one person".to_owned());
        }
        // The population is at most two and a half times this, and must stay a u64.
        if self.rows.max(self.persons) > COUNT_MAX {
            return Err(format!("a sample has at most {COUNT_MAX} rows or persons"));
        }
        if !(1..=3).contains(&self.identifiers) {
            return Err("a row carries 1 to 3 addresses".to_owned());
        }
        fs::create_dir_all(dir.join("truth")).at("create", dir)?;
        let everybody = self.persons.saturating_mul(5).div_ceil(2).max(self.rows);
        let population = Permutation::new(everybody, self.seed, "population");
        let generator = Generator { sample: self, population, everybody };
        let files = generator.write_rows(dir, stop)?;
        let graph = generator.write_graph(dir, stop)?;
        generator.write_truth(dir, files, graph, stop)
    }

    /// True if values are written as badly as in real files.
    fn is_dirty(&self) -> bool {
        matches!(self.flavour, Flavour::Dirty | Flavour::Crossed)
    }

    /// True if rows and persons have telephone numbers.
    pub fn has_phones(&self) -> bool {
        self.flavour != Flavour::Bench
    }

    /// Identifiers that a row can hold by the columns of the files: an address has two forms.
    pub fn row_width(&self) -> u64 {
        let phones = if self.has_phones() { 2 } else { 0 };
        u64::from(self.identifiers) * 2 + phones
    }
}

/// A sample being written.
struct Generator<'a> {
    sample: &'a Sample,
    /// Rows are drawn from everybody; the provider knows the first `persons` of them, 40 % at
    /// most.
    population: Permutation,
    everybody: u64,
}

/// The provider's files.
struct GraphFiles {
    links: PathBuf,
    map: PathBuf,
    lines: u64,
    objections: Option<PathBuf>,
}

impl Generator<'_> {
    /// The provider's files: one line per identifier, device, digital ID, and day of evidence, and
    /// the feed of objections.
    fn write_graph(&self, dir: &Path, stop: Stop<'_>) -> Result<GraphFiles, String> {
        let path = dir.join("flat_links.csv");
        let mut out = BufWriter::new(File::create(&path).at("create", &path)?);
        writeln!(
            out,
            "person_ref,persona_ref,kind,type,value,device_ref,class,id_type,id_namespace,\
             id_value,source,evidence,day,consent_scheme,consent_string,captured_at"
        )
        .at("write", &path)?;
        let order = Permutation::new(self.sample.persons, self.sample.seed, "person-order");
        let (mut lines, mut feed) = (0, String::from("type,value,scope,recorded_at\n"));
        let header = feed.len();
        for position in 0..self.sample.persons {
            if position % STOP_EVERY == 0 {
                stop()?;
            }
            let person = order.at(position);
            for line in self.person_lines(person) {
                writeln!(out, "{line}").at("write", &path)?;
                lines += 1;
            }
            if let Some(line) = self.objection(person) {
                feed.push_str(&line);
                feed.push('\n');
            }
        }
        out.flush().at("write", &path)?;
        let map = dir.join("graph.map.toml");
        fs::write(&map, GRAPH_MAP).at("write", &map)?;
        let objections = dir.join("objections.csv");
        let any = feed.len() > header;
        if any {
            fs::write(&objections, feed).at("write", &objections)?;
        }
        Ok(GraphFiles { links: path, map, lines, objections: any.then_some(objections) })
    }

    /// 32 bytes that depend on the seed, the subject, and its number only.
    fn draw(&self, subject: &str, number: u64) -> [u8; 32] {
        draw(self.sample.seed, subject, number)
    }
}

/// The map of the provider's graph: our own names, and digests of trimmed addresses in lower case.
const GRAPH_MAP: &str = "map = 1\n\n[[input]]\ntag = \"graph\"\nfiles = [\"flat_links.csv\"]\n\
    digests = { email_sha256 = \"plain\" }\n";

/// An identifier in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identifier {
    kind: Kind,
    value: String,
}

/// Kinds of identifiers, in the terms' order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Strict,
    Gmail,
    Phone,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Strict, Self::Gmail, Self::Phone];

    fn name(self) -> &'static str {
        match self {
            Self::Strict => "email.strict",
            Self::Gmail => "email.gmail",
            Self::Phone => "phone",
        }
    }
}

/// Appends a CSV field, quoted where RFC 4180 or a trimming reader needs it.
fn push_field(line: &mut String, field: &str) {
    let special = |c: char| matches!(c, ',' | '"' | '\n' | '\r');
    if field.contains(special) || field.trim() != field {
        line.push('"');
        line.push_str(&field.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(field);
    }
}

/// Most rows, and most persons.
const COUNT_MAX: u64 = 1 << 40;

/// Rounds of a long loop between two looks whether it should stop.
const STOP_EVERY: u64 = 1 << 14;
