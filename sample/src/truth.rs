//! The known answer: what each profile has to find, from the model and from nothing else.
//!
//! Rows are judged in the order of their ids. Aligned order knows every identifier of every row;
//! in shuffled order an identifier of several rows counts in the first of them alone. An
//! identifier that too many rows carry counts nowhere.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::draw::Lexicographic;
use super::person::{Found, Persona};
use super::row::Row;
use super::{CrmFile, Flavour, Generator, GraphFiles, Identifier, Kind, STOP_EVERY};
use crate::{Context, Stop};

/// The known answer, and where the files lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The advertiser's files.
    pub crm: Vec<CrmFile>,
    /// The provider's file.
    pub links_file: PathBuf,
    /// The map of the provider's graph.
    pub graph_map: PathBuf,
    /// The provider's feed of objections, if anybody objected.
    pub objections: Option<PathBuf>,
    /// Matched rows and kinds, sorted by row id.
    pub matched_rows: PathBuf,
    /// Digital IDs of a delivery to the advertiser.
    pub delivered: IdFiles,
    /// Digital IDs of a delivery of the provider to platforms.
    pub activated: IdFiles,
    /// Rows of persons whom the provider publishes, with consent, and why a run misses some.
    pub known_rows: PathBuf,
    /// Digital IDs of those persons.
    pub known_ids: PathBuf,
    /// Distinct rows.
    pub rows: u64,
    /// Rows with consent and a usable identifier.
    pub eligible: u64,
    /// Eligible rows with a match, as aligned order counts them.
    pub matched: u64,
    /// Eligible rows by identifiers that match in shuffled order, from none to the row width.
    pub rows_by_hits: Vec<u64>,
    /// Digital IDs of the matched records, at least and at most.
    pub digital_ids: [u64; 2],
    /// Persons written.
    pub persons: u64,
    /// Lines of the provider's file.
    pub links: u64,
    /// Identifiers that a row can hold.
    pub row_width: u64,
}

/// Files of digital IDs of the matched records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdFiles {
    /// Digital IDs that a delivery must hold.
    pub least: PathBuf,
    /// Digital IDs that it may hold; others than the above in crossed samples only.
    pub most: PathBuf,
}

impl Truth {
    /// Rows that match in shuffled order, where an identifier of several rows stays with the
    /// first.
    pub fn matched_shuffled(&self) -> u64 {
        self.rows_by_hits.iter().skip(1).sum()
    }

    /// Slots of a session in shuffled order: all that the other side sees of the size.
    pub fn slots(&self) -> u64 {
        (self.eligible + CANARY_ROWS).next_multiple_of(PADDED_TO) * self.row_width
    }

    /// Number of digital IDs that a delivery has to hold, in words.
    pub fn digital_ids_text(&self) -> String {
        let [least, most] = self.digital_ids;
        if least == most { least.to_string() } else { format!("{least} to {most}") }
    }
}

/// Reason why a run misses a row of somebody whom the provider knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// Nothing in the row can be used.
    Unusable,
    /// Both sides have a number, and one of them has it so that no rule can read it.
    Unreadable,
    /// The two sides have nothing in common.
    NothingInCommon,
}

impl Lost {
    /// Every reason, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::Unusable, Self::Unreadable, Self::NothingInCommon];

    /// Name of the reason in `known-rows.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unusable => "unusable",
            Self::Unreadable => "unreadable",
            Self::NothingInCommon => "nothing_in_common",
        }
    }
}

/// The answer while rows are judged.
struct Answer<'a> {
    generator: &'a Generator<'a>,
    shared: HashSet<u64>,
    /// Identifiers of earlier rows; stays empty where no two rows share one.
    seen: HashSet<u64>,
    matched_rows: Lines,
    known_rows: Lines,
    /// Content of each row, canonical: for people who look into a difference.
    rows: Option<Lines>,
    delivered: Ids,
    activated: Ids,
    known: BTreeSet<String>,
    eligible: u64,
    matched: u64,
    rows_by_hits: Vec<u64>,
}

impl Generator<'_> {
    /// Writes the known answer.
    pub(super) fn write_truth(
        &self,
        dir: &Path,
        crm: Vec<CrmFile>,
        graph: GraphFiles,
        stop: Stop<'_>,
    ) -> Result<Truth, String> {
        let dir = dir.join("truth");
        let several = self.sample.flavour != Flavour::Bench;
        let rows = several.then(|| {
            Lines::create(dir.join("rows.csv"), "row_id,eligible,kinds,hits_shuffled,identifiers")
        });
        let objected = self.objected(stop)?;
        let mut answer = Answer {
            generator: self,
            shared: self.shared(&objected, stop)?,
            seen: HashSet::new(),
            matched_rows: Lines::create(dir.join("matched-rows.csv"), "row_id,kinds")?,
            known_rows: Lines::create(dir.join("known-rows.csv"), "row_id,lost")?,
            rows: rows.transpose()?,
            delivered: Ids::default(),
            activated: Ids::default(),
            known: BTreeSet::new(),
            eligible: 0,
            matched: 0,
            rows_by_hits: vec![0; self.sample.row_width() as usize + 1],
        };
        for (position, number) in Lexicographic::up_to(self.sample.rows).enumerate() {
            if (position as u64).is_multiple_of(STOP_EVERY) {
                stop()?;
            }
            let row = self.row(number);
            if stays(&row, &objected) {
                answer.judge(&row)?;
            }
        }
        answer.finish(&dir, crm, graph)
    }

    /// Addresses and mobile numbers of persons who object, of whatever version of their rows. An
    /// objection of the older version stands unless the later one consents.
    fn objected(&self, stop: Stop<'_>) -> Result<HashSet<u64>, String> {
        let mut objected = HashSet::new();
        if !self.sample.is_dirty() {
            return Ok(objected);
        }
        for number in 1..=self.sample.rows {
            if number % STOP_EVERY == 0 {
                stop()?;
            }
            let (row, older) = (self.row(number), self.older(number));
            let earlier = older.as_ref().is_some_and(Row::objects) && !row.admitted();
            if row.objects() || earlier {
                let versions = older.iter().chain([&row]);
                objected.extend(versions.flat_map(|row| &row.identifiers).map(name_of));
            }
        }
        Ok(objected)
    }

    /// Identifiers that more rows carry than a file of persons should have.
    fn shared(&self, objected: &HashSet<u64>, stop: Stop<'_>) -> Result<HashSet<u64>, String> {
        let mut rows = HashMap::<u64, u32>::new();
        let mut shared = HashSet::new();
        if !self.sample.is_dirty() {
            return Ok(shared);
        }
        for number in 1..=self.sample.rows {
            if number % STOP_EVERY == 0 {
                stop()?;
            }
            let row = self.row(number);
            let stays = stays(&row, objected);
            for one in distinct(&row).into_iter().filter(|_| stays) {
                let count = rows.entry(name_of(one)).or_default();
                *count += 1;
                if *count > SHARED_MAX {
                    shared.insert(name_of(one));
                }
            }
        }
        Ok(shared)
    }

    /// Personas of a row's person in the graph, and of a second person in crossed samples.
    fn personas_near(&self, row: &Row) -> [Option<Found>; 2] {
        let crossed = self.sample.flavour == Flavour::Crossed;
        let neighbour = crossed.then(|| self.found(row.individual ^ 1, Persona::Private));
        [self.found(row.individual, row.persona), neighbour.flatten()]
    }
}

impl Answer<'_> {
    /// Judges one row that may be used.
    fn judge(&mut self, row: &Row) -> Result<(), String> {
        let held: Vec<&Identifier> =
            distinct(row).into_iter().filter(|one| !self.shared.contains(&name_of(one))).collect();
        let near = self.generator.personas_near(row);
        let hit = |one: &Identifier| {
            near.iter().position(|found| {
                found.as_ref().is_some_and(|found| found.identifiers.contains(one))
            })
        };
        let kinds: Vec<&str> = Kind::ALL
            .into_iter()
            .filter(|kind| held.iter().any(|one| one.kind == *kind && hit(one).is_some()))
            .map(Kind::name)
            .collect();
        let left: Vec<&Identifier> =
            held.iter().copied().filter(|one| !self.seen.contains(&name_of(one))).collect();
        let hits: Vec<usize> = left.iter().filter_map(|one| hit(one)).collect();
        if !held.is_empty() {
            self.eligible += 1;
            self.rows_by_hits[hits.len()] += 1;
        }
        if self.generator.sample.flavour != Flavour::Bench {
            self.seen.extend(held.iter().map(|one| name_of(one)));
        }
        if !kinds.is_empty() {
            self.matched += 1;
            self.matched_rows.push(&format!("{},{}", row.id(), kinds.join("|")))?;
        }
        self.note(row, &held, &kinds, hits.len())?;
        self.keep_ids(&near, &hits);
        let Some(found) = &near[0] else { return Ok(()) };
        self.known.extend(found.ids.iter().cloned());
        let lost = match (held.is_empty(), row.has_mobile && found.has_mobile) {
            _ if !kinds.is_empty() => "",
            (true, _) => Lost::Unusable.name(),
            (_, true) => Lost::Unreadable.name(),
            _ => Lost::NothingInCommon.name(),
        };
        self.known_rows.push(&format!("{},{lost}", row.id()))
    }

    /// The digital IDs that a delivery holds for a row: of the record that its handle names. With
    /// hits in two records, which it is depends on the key.
    fn keep_ids(&mut self, near: &[Option<Found>; 2], hits: &[usize]) {
        let several = hits.iter().any(|one| *one != hits[0]);
        for found in hits.iter().filter_map(|which| near[*which].as_ref()) {
            self.delivered.add(&found.ids, several);
            self.activated.add(&found.ids_to_their_end, several);
        }
    }

    fn note(
        &mut self,
        row: &Row,
        held: &[&Identifier],
        kinds: &[&str],
        hits: usize,
    ) -> Result<(), String> {
        let Some(rows) = &mut self.rows else { return Ok(()) };
        let named: Vec<String> =
            held.iter().map(|one| format!("{}={}", one.kind.name(), one.value)).collect();
        let eligible = u8::from(!held.is_empty());
        let (kinds, named) = (kinds.join("|"), named.join(" "));
        rows.push(&format!("{},{eligible},{kinds},{hits},{named}", row.id()))
    }

    fn finish(self, dir: &Path, crm: Vec<CrmFile>, graph: GraphFiles) -> Result<Truth, String> {
        let sample = self.generator.sample;
        if let Some(rows) = self.rows {
            rows.finish()?;
        }
        let truth = Truth {
            crm,
            links_file: graph.links,
            graph_map: graph.map,
            objections: graph.objections,
            matched_rows: self.matched_rows.finish()?,
            digital_ids: [self.delivered.least.len() as u64, self.delivered.most.len() as u64],
            delivered: self.delivered.write(dir, "digital-ids")?,
            activated: self.activated.write(dir, "activated-ids")?,
            known_rows: self.known_rows.finish()?,
            known_ids: write_ids(dir.join("known-ids.csv"), &self.known)?,
            rows: sample.rows,
            eligible: self.eligible,
            matched: self.matched,
            rows_by_hits: self.rows_by_hits,
            persons: sample.persons,
            links: graph.lines,
            row_width: sample.row_width(),
        };
        let counts = serde_json::json!({
            "rows": truth.rows, "eligible": truth.eligible, "matched": truth.matched,
            "matched_shuffled": truth.matched_shuffled(), "rows_by_hits": truth.rows_by_hits,
            "digital_ids": truth.digital_ids, "persons": truth.persons, "links": truth.links,
            "seed": sample.seed, "as_of": sample.as_of.to_string(),
        });
        let path = dir.join("counts.json");
        fs::write(&path, format!("{counts:#}\n")).at("write", &path)?;
        Ok(truth)
    }
}

/// Digital IDs of the matched records.
#[derive(Default)]
struct Ids {
    least: BTreeSet<String>,
    most: BTreeSet<String>,
}

impl Ids {
    /// Adds those of a record, which may be the one that a row's handle names, or is.
    fn add(&mut self, ids: &[String], perhaps: bool) {
        self.most.extend(ids.iter().cloned());
        if !perhaps {
            self.least.extend(ids.iter().cloned());
        }
    }

    fn write(&self, dir: &Path, name: &str) -> Result<IdFiles, String> {
        let least = write_ids(dir.join(format!("{name}.csv")), &self.least)?;
        Ok(IdFiles { least, most: write_ids(dir.join(format!("{name}-most.csv")), &self.most)? })
    }
}

fn write_ids(path: PathBuf, ids: &BTreeSet<String>) -> Result<PathBuf, String> {
    let mut lines = Lines::create(path, ID_COLUMNS)?;
    ids.iter().try_for_each(|id| lines.push(id))?;
    lines.finish()
}

/// A file of lines being written.
struct Lines {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Lines {
    fn create(path: PathBuf, header: &str) -> Result<Self, String> {
        let out = BufWriter::new(File::create(&path).at("create", &path)?);
        let mut lines = Self { path, out };
        lines.push(header)?;
        Ok(lines)
    }

    fn push(&mut self, line: &str) -> Result<(), String> {
        writeln!(self.out, "{line}").at("write", &self.path)
    }

    fn finish(mut self) -> Result<PathBuf, String> {
        self.out.flush().at("write", &self.path)?;
        Ok(self.path)
    }
}

/// The identifiers of a row, each once.
/// Whether a row may be used: nobody who objects holds what it holds.
fn stays(row: &Row, objected: &HashSet<u64>) -> bool {
    row.admitted() && !row.identifiers.iter().any(|one| objected.contains(&name_of(one)))
}

fn distinct(row: &Row) -> Vec<&Identifier> {
    let mut found: Vec<&Identifier> = Vec::new();
    for one in &row.identifiers {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// A short name of an identifier; 64 bits are enough for any sample.
fn name_of(identifier: &Identifier) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(identifier)
}

/// Rows that may share an address or a mobile number.
const SHARED_MAX: u32 = 5;

/// Rows of a shuffled session that check the provider, at least.
const CANARY_ROWS: u64 = 1_000;

/// Rows of a shuffled session are padded to a multiple of this.
const PADDED_TO: u64 = 32_768;

/// Columns of the files of digital IDs.
const ID_COLUMNS: &str = "id_type,namespace,id_value";
