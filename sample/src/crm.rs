//! The advertiser's files: one or several exports, as CSV and as NDJSON.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::draw::Permutation;
use super::row::Row;
use super::{CrmFile, Flavour, Generator, STOP_EVERY, address, push_field};
use crate::{Context, Stop};

/// The exports of a dirty sample; the third is read as NDJSON and lies there as CSV, too.
const EXPORTS: [(&str, &str); 4] = [
    ("shop", "crm-shop.csv"),
    ("web", "crm-web.csv"),
    ("newsletter", "crm-newsletter.ndjson"),
    ("after-sales", "crm-after-sales.csv"),
];
const NEWSLETTER: usize = 2;
const NEWSLETTER_CSV: &str = "crm-newsletter.csv";

/// A column and what a row has in it.
enum Cell {
    Text(String),
    List(&'static [&'static str]),
}

impl Generator<'_> {
    /// Writes the files, in an order that is not the order of row ids.
    pub(super) fn write_rows(&self, dir: &Path, stop: Stop<'_>) -> Result<Vec<CrmFile>, String> {
        let mut outputs = match self.sample.is_dirty() {
            true => EXPORTS
                .iter()
                .map(|(tag, name)| Output::create(Some(tag), dir.join(name)))
                .collect::<Result<Vec<_>, _>>()?,
            false => vec![Output::create(None, dir.join("crm.csv"))?],
        };
        let mut copy = match self.sample.is_dirty() {
            true => Some(Output::create(None, dir.join(NEWSLETTER_CSV))?),
            false => None,
        };
        let order = Permutation::new(self.sample.rows, self.sample.seed, "row-order");
        for position in 0..self.sample.rows {
            if position % STOP_EVERY == 0 {
                stop()?;
            }
            let row = self.row(order.at(position) + 1);
            let mut versions: Vec<Row> = self.older(row.number).into_iter().collect();
            versions.insert(usize::from(row.draw[10] % 2).min(versions.len()), row);
            for row in &versions {
                let at = row.file() % outputs.len();
                let cells = self.cells(row);
                outputs[at].write(&cells)?;
                if let Some(copy) = copy.as_mut().filter(|_| at == NEWSLETTER) {
                    copy.write(&cells)?;
                }
            }
        }
        let mut files = Vec::new();
        for output in outputs.into_iter().chain(copy) {
            let (file, begun) = output.finish()?;
            // The copy has no tag; and an export without rows is no file.
            let read = file.tag.is_some() || !self.sample.is_dirty();
            files.extend((read && begun).then_some(file));
        }
        Ok(files)
    }

    /// The columns of a row.
    fn cells(&self, row: &Row) -> Vec<(&'static str, Cell)> {
        let text = |text: &str| Cell::Text(text.to_owned());
        let mut cells = vec![("row_id", Cell::Text(row.id()))];
        let names = ["email", "email_2", "email_3"];
        cells.extend(names.into_iter().zip(row.emails.iter().map(|value| text(value))));
        if self.sample.flavour != Flavour::Bench {
            let [first, last] = address::names(&row.draw);
            let [phone, other] = &row.phones;
            cells.extend([
                ("phone", text(phone)),
                ("phone_2", text(other)),
                ("first_name", text(first)),
                ("last_name", text(last)),
                ("postcode", text(&row.postcode)),
                ("country", text(row.country)),
            ]);
        }
        let day = |age: u64| self.sample.as_of.before(age);
        cells.extend([
            ("consent_purposes", Cell::List(row.purposes)),
            ("consent_ref", Cell::Text(format!("R-{}", row.number))),
            ("consent_at", Cell::Text(format!("{}T08:00:00Z", day(row.age + 10)))),
            ("consent_notice", text("N-2026-02")),
        ]);
        if self.sample.flavour != Flavour::Bench {
            cells.extend([
                ("objections", Cell::List(row.objections)),
                ("updated_at", Cell::Text(format!("{}T06:30:00Z", day(row.age)))),
            ]);
        }
        cells
    }
}

/// A file being written, CSV or NDJSON by its name.
struct Output {
    file: CrmFile,
    out: BufWriter<File>,
    begun: bool,
    line: String,
}

impl Output {
    fn create(tag: Option<&'static str>, path: PathBuf) -> Result<Self, String> {
        let out = BufWriter::new(File::create(&path).at("create", &path)?);
        Ok(Self { file: CrmFile { tag, path }, out, begun: false, line: String::new() })
    }

    fn write(&mut self, cells: &[(&'static str, Cell)]) -> Result<(), String> {
        self.line.clear();
        if self.file.path.extension().is_some_and(|form| form == "ndjson") {
            let object: Map<String, Value> = cells.iter().filter_map(member).collect();
            self.line = Value::Object(object).to_string();
        } else {
            if !self.begun {
                let names: Vec<&str> = cells.iter().map(|(name, _)| *name).collect();
                self.line = names.join(",") + "\n";
            }
            for (at, (_, cell)) in cells.iter().enumerate() {
                if at > 0 {
                    self.line.push(',');
                }
                match cell {
                    Cell::Text(text) => push_field(&mut self.line, text),
                    Cell::List(entries) => self.line.push_str(&entries.join("|")),
                }
            }
        }
        self.begun = true;
        writeln!(self.out, "{}", self.line).at("write", &self.file.path)
    }

    /// The file, and whether anything stands in it.
    fn finish(mut self) -> Result<(CrmFile, bool), String> {
        self.out.flush().at("write", &self.file.path)?;
        Ok((self.file, self.begun))
    }
}

/// A member of an NDJSON object; an empty column is left out.
fn member((name, cell): &(&'static str, Cell)) -> Option<(String, Value)> {
    let value = match cell {
        Cell::Text(text) if text.is_empty() => return None,
        Cell::Text(text) => Value::from(text.as_str()),
        Cell::List(entries) => entries.iter().copied().map(Value::from).collect(),
    };
    Some(((*name).to_owned(), value))
}
