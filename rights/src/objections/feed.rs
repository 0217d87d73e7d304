//! A feed of objections: what can be carried out is, and what cannot is told line by line.
//!
//! A line that cannot be used is a person who goes on to be matched, so that none may be lost: each
//! is named with its line and its reason, and kept until it is written to a file of what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use normalize::digital::DigitalId;
use normalize::{Country, Normalizer, Outcome, PhoneContext};
use protocol::error::Bug;
use serde::Serialize;
use store::os::{self, DirectoryLock};
use store::output::Output;
use store::seal::StorageKey;
use store::spill::{SealedLog, SealedRecords};
use tabular::cell::TimeFault;
use tabular::write::csv_text;
use tabular::{
    Cell, Column, CsvOptions, Format, Holds, Ignore, Input, InputError, Reading, Row, RowSource,
    Schema, SourceError, Watched,
};

use super::{Entry, OBJECTIONS_MAX, Objections, Tombstone, write};
use crate::RightsError;

/// Rules by which a feed is read.
#[derive(Debug)]
pub struct FeedRules<'a> {
    /// Rules that turn values into digests.
    pub normalizer: &'a Normalizer,
    /// Private directory for lines that are left, sealed.
    pub spills: &'a Path,
}

/// The fields of a feed; those of the file of what is left are read again.
pub static SCHEMA: Schema = Schema {
    columns: &[
        Column::required("type", Holds::Code),
        Column::required("value", Holds::Identifier),
        Column::optional("scope", Holds::Text),
        Column::optional("recorded_at", Holds::Time),
        Column::unused("line"),
        Column::unused("reason"),
        Column::unused(SOURCE),
    ],
    families: &[],
    one_of: &[],
    program: "provider-node",
};

const TYPE: usize = 0;
const VALUE: usize = 1;
const SCOPE: usize = 2;
const RECORDED_AT: usize = 3;

/// Counts of a feed's lines by their end; no value of any line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FeedCounts {
    /// Lines in the feed.
    pub lines_read: u64,
    /// Lines that brought an objection which the store did not have.
    pub new: u64,
    /// Lines whose objections the store had.
    pub known: u64,
    /// Tombstones that were not in the store before.
    pub added: u64,
    /// Lines that could not be used, by reason: these objections are not carried out.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Objections whose date cannot be read: carried out as if they had always been there.
    pub undated: u64,
}

impl FeedCounts {
    /// Lines that are not carried out.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// A line that is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftLine {
    /// Tag of its file, where there are several.
    pub file: Option<String>,
    /// Number of the line.
    pub line: u64,
    /// Reason.
    pub reason: &'static str,
}

/// A feed after its import.
#[derive(Debug)]
pub struct Feed {
    counts: FeedCounts,
    first: Vec<LeftLine>,
    left: SealedRecords,
    unread: Vec<SourceError>,
    form: Form,
}

/// Form of the file of what is left.
#[derive(Debug, Clone, Copy)]
struct Form {
    csv: CsvOptions,
    /// True if the lines are of several files, which a column tells.
    several: bool,
}

impl Form {
    /// The form that the files have in common. What a map names otherwise is written under our own
    /// names, which need no map, and so in the form that needs none.
    fn of(inputs: &[Input]) -> Self {
        let mut common = None;
        for Input { reading, .. } in inputs {
            let one = if reading.fields.is_none() { reading.csv } else { CsvOptions::default() };
            common = match common {
                Some(form) if form != one => Some(CsvOptions::default()),
                _ => Some(one),
            };
        }
        Self { csv: common.unwrap_or_default(), several: inputs.len() > 1 }
    }

    /// A line of CSV.
    fn row(&self, fields: &[&str]) -> String {
        let fields: Vec<_> = fields
            .iter()
            .map(|field| match *field {
                "" => "".into(),
                field => csv_text(field),
            })
            .collect();
        let mut delimiter = [0; 4];
        fields.join(&*self.csv.delimiter.character().encode_utf8(&mut delimiter)) + "\n"
    }
}

impl Feed {
    /// True if the file of what is left has the whole of each line: one whose bytes or fields do
    /// not fit its columns is in the feed alone.
    #[must_use]
    pub fn left_is_whole(&self) -> bool {
        ![ENCODING_INVALID, COLUMNS_RAGGED].iter().any(|why| self.counts.rejected.contains_key(why))
    }

    /// Counts of the lines by their end.
    #[must_use]
    pub const fn counts(&self) -> &FeedCounts {
        &self.counts
    }

    /// The first lines that are not carried out, with the reason of each.
    #[must_use]
    pub fn first_left(&self) -> &[LeftLine] {
        &self.first
    }

    /// Reason for each file that could not be read to its end: what comes after that place is not
    /// carried out, and not counted.
    #[must_use]
    pub fn unread(&self) -> &[SourceError] {
        &self.unread
    }

    /// Writes the lines that are left as a feed of their own, with the line and the reason of each:
    /// in the form of the one they come from, unless a map names its columns.
    ///
    /// # Errors
    ///
    /// [`RightsError`] of the output, or of the lines that are left.
    pub fn write_left(&self, output: &Output) -> Result<(), RightsError> {
        let mut failed = None;
        let several = self.form.several.then_some(SOURCE);
        let header: Vec<&str> = COLUMNS.into_iter().chain(several).collect();
        let written = output.publish(|out| {
            // What fails here is not the output.
            let mut keep = |error: RightsError| {
                failed = Some(error);
                io::Error::from(ErrorKind::Other)
            };
            let encoding = self.form.csv.encoding;
            let mut bytes = encoding.mark().to_vec();
            encoding.encode_into(&self.form.row(&header), &mut bytes);
            out.write_all(&bytes)?;
            let mut rows = self.left.read().map_err(|error| keep(error.into()))?;
            while let Some(row) = rows.next_record().map_err(|error| keep(error.into()))? {
                let row = str::from_utf8(row).map_err(|_| keep(Bug::invariant().into()))?;
                bytes.clear();
                encoding.encode_into(row, &mut bytes);
                out.write_all(&bytes)?;
            }
            Ok(())
        });
        written.map(drop).map_err(|error| failed.take().unwrap_or_else(|| error.into()))
    }
}

/// Reads feeds of `type, value, scope, recorded_at` into the store in `directory`.
///
/// A scope narrower than the provider as a whole is taken as the whole, and a date that cannot be
/// read, or is none, takes nothing from an objection: both err on the side of the person. The store
/// is replaced whole or not at all. Where the file cannot be read to its end, what stands before
/// that place is carried out.
///
/// # Errors
///
/// [`RightsError`]; a feed that cannot be read at all is named with line and column.
pub fn import_feed(
    directory: &Path,
    inputs: &[Input],
    rules: &FeedRules<'_>,
    key: &StorageKey,
    now: u64,
) -> Result<Feed, RightsError> {
    os::create_private_dir(directory)?;
    let _lock = DirectoryLock::acquire(directory)?;
    let known = Objections::all(directory, key)?;
    // One that cannot be read at all is told before anything is carried out.
    let mut sources = Vec::new();
    for mut input in inputs.iter().cloned() {
        if input.reading.fields.is_none() {
            // A feed has columns of its sender besides ours; none makes an objection weaker.
            Arc::make_mut(&mut input.reading).ignore = Ignore::Others;
        }
        if inputs.iter().filter(|other| other.file.tag == input.file.tag).count() > 1 {
            // A line is found by the name of its file: parts of a directory have one tag.
            input.file.tag = input.file.shown().display().to_string();
        }
        sources.push((RowSource::open(&input, &SCHEMA, &Watched::default())?, input));
    }
    let form = Form::of(inputs);
    let mut scan = Scan {
        rules,
        known: &known,
        now,
        form,
        counts: FeedCounts::default(),
        added: Vec::new(),
        fresh: BTreeSet::new(),
        first: Vec::new(),
        left: SealedLog::new(rules.spills)?,
    };
    let mut unread = Vec::new();
    for (mut source, input) in sources {
        let fault = scan.read(&mut source, &input)?;
        unread.extend(fault.map(SourceError::input(&input.file.shown())));
    }
    scan.counts.added = scan.added.len() as u64;
    let Scan { counts, added, first, left, .. } = scan;
    if !added.is_empty() {
        write(directory, key, &added)?;
    }
    Ok(Feed { counts, first, left: left.finish()?, unread, form })
}

/// Feeds while they are read.
struct Scan<'a> {
    rules: &'a FeedRules<'a>,
    known: &'a Objections,
    now: u64,
    form: Form,
    counts: FeedCounts,
    /// Tombstones that the store does not have yet, in the order of the feed.
    added: Vec<Entry>,
    fresh: BTreeSet<Tombstone>,
    first: Vec<LeftLine>,
    left: SealedLog,
}

impl Scan<'_> {
    /// Reads every line; the reason why the file could not be read to its end, if it could not.
    fn read(
        &mut self,
        source: &mut RowSource,
        input: &Input,
    ) -> Result<Option<InputError>, RightsError> {
        loop {
            match source.advance() {
                Ok(false) => return Ok(None),
                Ok(true) => self.take(&source.current(), input)?,
                Err(InputError::Ragged { .. }) => {
                    self.counts.lines_read += 1;
                    self.leave(&source.current(), input, COLUMNS_RAGGED)?;
                }
                // Nobody knows what stands in its cells.
                Err(InputError::InvalidEncoding { line, .. }) if source.format() == Format::Csv => {
                    self.counts.lines_read += 1;
                    self.keep([""; 4], (input, line), ENCODING_INVALID)?;
                }
                Err(error) => return Ok(Some(error)),
            }
        }
    }

    fn take(&mut self, row: &Row<'_>, input: &Input) -> Result<(), RightsError> {
        self.counts.lines_read += 1;
        let tombstones = match self.tombstones(row, &input.reading) {
            Ok(tombstones) => tombstones,
            Err(reason) => return self.leave(row, input, reason),
        };
        let before = self.added.len();
        for tombstone in tombstones {
            if !self.known.has(tombstone) && self.fresh.insert(tombstone) {
                self.added.push(Entry { tombstone: tombstone.0, taken_at: self.now.into() });
            }
        }
        match self.added.len() > before {
            true => self.counts.new += 1,
            false => self.counts.known += 1,
        }
        let fault = row.time(RECORDED_AT, self.now).err();
        self.counts.undated += u64::from(fault.is_some_and(|fault| fault != TimeFault::Absent));
        let all = self.known.recorded().checked_add(self.added.len() as u64);
        match all.is_some_and(|all| all <= OBJECTIONS_MAX) {
            true => Ok(()),
            false => Err(RightsError::Full { most: OBJECTIONS_MAX }),
        }
    }

    /// Notes a line that is not carried out, and keeps it.
    fn leave(
        &mut self,
        row: &Row<'_>,
        input: &Input,
        reason: &'static str,
    ) -> Result<(), RightsError> {
        let [mut kind, value, scope, mut at] =
            [TYPE, VALUE, SCOPE, RECORDED_AT].map(|field| row.text(field));
        if input.reading.fields.is_some() {
            // In our own words, as far as the map has them.
            if let Cell::Text(ours) = row.cell(TYPE) {
                kind = ours;
            }
            if let Ok(time) = row.time(RECORDED_AT, self.now) {
                at = time.at.to_string().into();
            }
        }
        self.keep([&kind, &value, &scope, &at], (input, row.line()), reason)
    }

    fn keep(
        &mut self,
        [kind, value, scope, recorded_at]: [&str; 4],
        (input, line): (&Input, u64),
        reason: &'static str,
    ) -> Result<(), RightsError> {
        *self.counts.rejected.entry(reason).or_default() += 1;
        let file = self.form.several.then(|| input.file.tag.clone());
        let number = line.to_string();
        let fields = [kind, value, scope, recorded_at, &number, reason];
        let fields: Vec<&str> = fields.into_iter().chain(file.as_deref()).collect();
        self.left.push(self.form.row(&fields).as_bytes())?;
        if self.first.len() < FIRST_LEFT {
            self.first.push(LeftLine { file, line, reason });
        }
        Ok(())
    }

    /// The tombstones of a line; the reason if it cannot be used.
    fn tombstones(&self, row: &Row<'_>, reading: &Reading) -> Result<Vec<Tombstone>, &'static str> {
        let (rules, mason) = (self.rules, self.known.mason());
        let kind = match row.cell(TYPE) {
            Cell::Text(kind) => kind.trim().to_ascii_lowercase(),
            Cell::Absent | Cell::Unlisted => return Err("type_unknown"),
        };
        let value = row.text(VALUE);
        let value = value.trim();
        let digital = |kind, namespace| {
            DigitalId::parse(kind, namespace, value).map(|id| vec![mason.digital_id(&id)])
        };
        let outcome = match kind.as_str() {
            "email" => rules.normalizer.email(value),
            "phone" => {
                let country = reading.region.as_ref().map(Country::as_str);
                rules.normalizer.phone(value, &PhoneContext { country, postcode: None })
            }
            "email_sha256" => rules.normalizer.email_sha256(value, reading.email_sha256),
            "idfa" | "aaid" => return digital(&kind, ""),
            _ => match kind.split_once(':') {
                // It would be an objection of somebody else, or of nobody.
                Some((cookie, _)) if cookie.trim() == "cookie" && row.is_rounded(VALUE) => {
                    return Err("reference_rounded");
                }
                Some((cookie, namespace)) if cookie.trim() == "cookie" => {
                    return digital("cookie", namespace);
                }
                _ => return Err("type_unknown"),
            },
        };
        match outcome {
            Outcome::Ok(found) => Ok(found
                .iter()
                .map(|one| mason.identifier(one.kind().code(), one.digest().expose_bytes()))
                .collect()),
            Outcome::Reject(reason) => Err(reason.code()),
            Outcome::Absent => Err("absent"),
        }
    }
}

/// Columns of the file of what is left: those of a feed, which are read again, and two that are
/// not.
const COLUMNS: [&str; 6] = ["type", "value", "scope", "recorded_at", "line", "reason"];
/// Column of the file of what is left that tells the file of a line, where there are several.
const SOURCE: &str = "source";
/// Lines that are named where they are counted.
const FIRST_LEFT: usize = 20;

/// Reason of a line whose bytes are no text of its encoding.
const ENCODING_INVALID: &str = "encoding_invalid";
/// Reason of a line with other fields than its header.
const COLUMNS_RAGGED: &str = "columns_ragged";

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::BufReader;

    use proptest::prelude::*;

    use normalize::{EmailPrehash, Normalized, Options, Ruleset};
    use store::output::{OutputError, Outputs};
    use tabular::{CsvReader, Delimiter, Encoding, Field, FieldSource, InputFile, ValueMap};

    use crate::objections::{Mason, recorded, suppression_epoch};

    use super::*;

    const AAID: &str = "6d92078a-8246-4ba4-ae5b-76104861e7dc";
    /// 2026-11-30T12:00:00Z.
    const NOW: u64 = 1_796_040_000;

    fn key() -> StorageKey {
        StorageKey::from_bytes([1; 32])
    }

    fn claim(path: &Path) -> Result<Output, OutputError> {
        Outputs::new(false).claim(path)
    }

    fn normalizer() -> Normalizer {
        Normalizer::new(Ruleset::CrmFr1, Options::defaults(Ruleset::CrmFr1))
    }

    fn import_bytes(dir: &Path, csv: CsvOptions, bytes: &[u8]) -> Result<Feed, RightsError> {
        let file = dir.join("feed.csv");
        std::fs::write(&file, bytes).unwrap();
        let email_sha256 = EmailPrehash::parse("plain");
        let reading = Arc::new(Reading { csv, email_sha256, ..Reading::default() });
        import_input(dir, &Input { file: InputFile::new(&file), reading })
    }

    fn import_input(dir: &Path, input: &Input) -> Result<Feed, RightsError> {
        let rules = FeedRules { normalizer: &normalizer(), spills: &dir.join("work") };
        import_feed(&dir.join("objections"), std::slice::from_ref(input), &rules, &key(), NOW)
    }

    fn import(dir: &Path, body: &str) -> Feed {
        let bytes = format!("type,value,scope,recorded_at\n{body}");
        import_bytes(dir, CsvOptions::default(), bytes.as_bytes()).unwrap()
    }

    fn store(dir: &Path) -> Objections {
        Objections::all(&dir.join("objections"), &key()).unwrap()
    }

    fn has_identifier(objections: &Objections, one: &Normalized) -> bool {
        let (kind, digest) = (one.kind().code(), one.digest().expose_bytes());
        objections.has(objections.mason().identifier(kind, digest))
    }

    fn has_email(objections: &Objections, address: &str) -> bool {
        let Outcome::Ok(found) = normalizer().email(address) else { panic!("an address") };
        found.iter().all(|one| has_identifier(objections, one))
    }

    #[test]
    fn feed_becomes_tombstones_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let body = format!(
            "email, One@Exemple.fr ,all,2026-11-01\nidfa,{AAID},,\ncookie:a.example,AbCd1234,,\n\
             email,no address,,\nfax,12,,\n"
        );
        let feed = import(dir.path(), &body);
        let counts = feed.counts();
        assert_eq!((counts.lines_read, counts.new, counts.known, counts.left()), (5, 3, 0, 2));
        assert_eq!(counts.rejected.get("type_unknown"), Some(&1));
        assert_eq!(feed.first_left().len(), 2);
        let LeftLine { file, line, reason } = &feed.first_left()[1];
        assert_eq!((file, *line, *reason), (&None, 6, "type_unknown"));
        let objections = store(dir.path());
        assert_eq!(objections.recorded(), counts.added);
        let idfa = DigitalId::parse("idfa", "", AAID).unwrap();
        let aaid = DigitalId::parse("aaid", "", AAID).unwrap();
        assert!(objections.has_digital_id(&idfa) && !objections.has_digital_id(&aaid));
        assert!(has_email(&objections, "one@exemple.fr"));
        let bytes = std::fs::read(dir.path().join("objections").join(super::super::STORE)).unwrap();
        let Outcome::Ok(found) = normalizer().email("one@exemple.fr") else { panic!("an address") };
        let digest = found.first().unwrap().digest().expose_bytes();
        assert!(!bytes.windows(32).any(|window| window == digest));
        let again = import(dir.path(), &body);
        assert_eq!((again.counts().new, again.counts().known, again.counts().added), (0, 3, 0));
    }

    #[test]
    fn a_cookie_that_lost_digits_is_left_and_not_taken_for_carried_out() {
        let dir = tempfile::tempdir().unwrap();
        let body = "cookie:a.exemple,1.23457E+15,,\ncookie:a.exemple,1234567890,,\n";
        let feed = import(dir.path(), body);
        assert_eq!((feed.counts().new, feed.counts().rejected["reference_rounded"]), (1, 1));
        assert!(feed.left_is_whole());
    }

    #[test]
    fn a_map_names_the_columns_the_types_and_the_country_of_a_feed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("feed.csv");
        let feed = "Art;Wert;Datum\nMail;one@exemple.fr;20/11/2026\nTel;06 12 34 99 12;x\n\
            Fax;12;\n;two@exemple.fr;\n";
        std::fs::write(&file, feed).unwrap();
        let column = |name: &str| Field::of(FieldSource::Columns(vec![name.to_owned()]));
        let types = [("mail", "email"), ("tel", "phone")].map(|(a, b)| (a.into(), b.into()));
        let kind = Field { values: Some(ValueMap::from(types)), ..column("Art") };
        let dates = Some(tabular::Dates::Pattern("%d/%m/%Y".into()));
        let at = Field { dates, ..column("Datum") };
        let fields = [(TYPE, kind), (VALUE, column("Wert")), (RECORDED_AT, at)];
        let reading = Reading {
            csv: CsvOptions { delimiter: Delimiter::Semicolon, ..CsvOptions::default() },
            fields: Some(fields.into()),
            region: Country::from_code("FR"),
            ..Reading::default()
        };
        let input = Input { file: InputFile::new(&file), reading: Arc::new(reading) };
        let feed = import_input(dir.path(), &input).unwrap();
        let counts = feed.counts();
        assert_eq!((counts.new, counts.left(), counts.undated), (2, 2, 1));
        // A type that the map does not list is told, never passed over.
        assert_eq!(counts.rejected.get("type_unknown"), Some(&2));
        assert!(has_email(&store(dir.path()), "one@exemple.fr"));
    }

    #[test]
    fn feeds_of_every_form_are_carried_out_together_and_what_is_left_tells_its_file() {
        use tabular::testing::{Holds as Of, Table};
        let dir = tempfile::tempdir().unwrap();
        let table = |rows: &[[&str; 3]]| {
            let columns = ["type", "value", "NOTE"].map(|name| (name, Of::Text)).into();
            let rows = rows.iter().map(|row| row.map(str::to_owned).into()).collect();
            Table { columns, rows }
        };
        let files = [
            ("a.csv", table(&[["email", "a@exemple.fr", "x"], ["fax", "1", ""]]).csv()),
            ("b.ndjson", table(&[["email", "b@exemple.fr", "x"], ["fax", "2", "y"]]).ndjson()),
            ("c.parquet", table(&[["email", "c@exemple.fr", "x"]]).parquet(2, true)),
            ("d.csv", b"type,value\nemail,d@exemple.fr\nemail,\"d\"x\nemail,e@exemple.fr\n".into()),
        ];
        let write = |(name, bytes): &(&str, Vec<u8>)| {
            let file = dir.path().join(name);
            std::fs::write(&file, bytes).unwrap();
            Input::own(&file)
        };
        let inputs: Vec<Input> = files.iter().map(write).collect();
        let rules = FeedRules { normalizer: &normalizer(), spills: &dir.path().join("work") };
        let store_in = dir.path().join("objections");
        let feed = import_feed(&store_in, &inputs, &rules, &key(), NOW).unwrap();
        assert_eq!((feed.counts().lines_read, feed.counts().new), (6, 4));
        let objections = store(dir.path());
        assert!("abcd".chars().all(|c| has_email(&objections, &format!("{c}@exemple.fr"))));
        assert!(!has_email(&objections, "e@exemple.fr"), "beyond the place that stops the last");
        let [SourceError::Input { file, .. }] = feed.unread() else { panic!("all were read") };
        assert!(file.ends_with("d.csv"));
        let left = dir.path().join("left.csv");
        feed.write_left(&claim(&left).unwrap()).unwrap();
        let text = std::fs::read_to_string(&left).unwrap();
        let expected = "type,value,scope,recorded_at,line,reason,source\n\
                        fax,1,,,3,type_unknown,a.csv\nfax,2,,,2,type_unknown,b.ndjson\n";
        assert_eq!(text, expected);
        // One that cannot be opened stops all, before anything is carried out.
        std::fs::write(dir.path().join("b.ndjson"), "{\"type\":\"email\"}\n").unwrap();
        let rows = "type,value\nemail,new@exemple.fr\n";
        std::fs::write(dir.path().join("a.csv"), rows).unwrap();
        assert!(import_feed(&store_in, &inputs, &rules, &key(), NOW).is_err());
        assert!(!has_email(&store(dir.path()), "new@exemple.fr"));
    }

    #[test]
    fn a_line_of_ndjson_that_is_no_text_ends_its_feed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("feed.ndjson");
        let first = "{\"type\":\"email\",\"value\":\"one@exemple.fr\"}\n";
        // Found where its rows are read, not where its columns are.
        let third = "{\"type\":\"email\",\"value\":[\"two@exemple.fr\"]}\n";
        std::fs::write(&file, [first, third, first].concat()).unwrap();
        let feed = import_input(dir.path(), &Input::own(&file)).unwrap();
        assert_eq!((feed.counts().lines_read, feed.counts().new, feed.unread().len()), (1, 1, 1));
        std::fs::write(&file, [first.as_bytes(), b"{\"type\":\"\xE9\"}\n"].concat()).unwrap();
        assert!(import_input(dir.path(), &Input::own(&file)).is_err());
    }

    #[test]
    fn what_is_left_of_a_mapped_feed_is_read_again_without_its_map() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("feed.csv");
        std::fs::write(&file, "Art;Wert;Datum\nMail;one\u{e9};20/11/2026\n").unwrap();
        let column = |name: &str| Field::of(FieldSource::Columns(vec![name.to_owned()]));
        let types = ValueMap::from([("mail".into(), "email".into())]);
        let kind = Field { values: Some(types), ..column("Art") };
        let fields = [(TYPE, kind), (VALUE, column("Wert")), (RECORDED_AT, column("Datum"))];
        let reading = Reading {
            csv: CsvOptions { delimiter: Delimiter::Semicolon, ..CsvOptions::default() },
            fields: Some(fields.into()),
            dates: tabular::Dates::Pattern("%d/%m/%Y".into()),
            ..Reading::default()
        };
        let input = Input { file: InputFile::new(&file), reading: Arc::new(reading) };
        let feed = import_input(dir.path(), &input).unwrap();
        let left = dir.path().join("left.csv");
        feed.write_left(&claim(&left).unwrap()).unwrap();
        let text = std::fs::read_to_string(&left).unwrap();
        assert!(text.contains("\nemail,one\u{e9},,2026-11-20T00:00:00Z,2,"), "{text}");
        std::fs::write(&left, text.replace("one\u{e9}", "one@exemple.fr")).unwrap();
        let again = import_input(dir.path(), &Input::own(&left)).unwrap();
        assert_eq!((again.counts().new, again.counts().left(), again.counts().undated), (1, 0, 0));
    }

    #[test]
    fn types_and_namespaces_are_read_without_case_and_outer_space() {
        let dir = tempfile::tempdir().unwrap();
        let body = format!(
            "Email,p.0@exemple.fr,all,2026-11-20\n EMAIL ,p.1@exemple.fr,all,\n\
             Cookie: .AdNXS.example,AbCd1234,,\nAAID,{{{AAID}}},,\n"
        );
        let feed = import(dir.path(), &body);
        assert_eq!((feed.counts().new, feed.counts().left()), (4, 0));
        let objections = store(dir.path());
        assert!(
            has_email(&objections, "P.0@exemple.FR") && has_email(&objections, "p.1@exemple.fr")
        );
        let cookie = DigitalId::parse("cookie", "adnxs.example", "AbCd1234").unwrap();
        assert!(objections.has_digital_id(&cookie));
        assert!(objections.has_digital_id(&DigitalId::parse("aaid", "", AAID).unwrap()));
    }

    /// What earlier versions took must stay objected to: their bytes are read, and written alike.
    #[test]
    fn layout_of_the_store_and_of_its_anchor_is_fixed() {
        use std::io::Read as _;
        use store::seal::{SealedWriter, open_bytes, seal_bytes};
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("objections");
        os::create_private_dir(&directory).unwrap();
        let device = DigitalId::parse("idfa", "", AAID).unwrap();
        let mut old = Mason::new(&key()).unwrap().digital_id(&device).0.to_vec();
        old.extend(NOW.to_be_bytes());
        let chain = key().keyed_hash("objection-epoch").unwrap().of(&[&[0; 32], &old]);
        let head = [&chain[..], &1_u64.to_be_bytes()].concat();
        let mut sealed = SealedWriter::new(Vec::new(), &key(), "objections").unwrap();
        sealed.append(&[&head[..], &old].concat()).unwrap();
        let path = directory.join("objections");
        std::fs::write(&path, sealed.finish().unwrap()).unwrap();
        let anchor = dir.path().join("objections.anchor");
        let sealed = seal_bytes(&key(), "objections-anchor", &head).unwrap();
        std::fs::write(&anchor, sealed).unwrap();
        assert!(store(dir.path()).has_digital_id(&device));
        assert_eq!(suppression_epoch(&directory, &key()).unwrap(), chain);
        let added = import(dir.path(), "email,one@exemple.fr,,\n").counts().added;
        let mut bytes = Vec::new();
        let file = File::open(&path).unwrap();
        let mut reader = store::seal::SealedReader::new(file, &key(), "objections").unwrap();
        reader.read_to_end(&mut bytes).unwrap();
        let len = 24 * usize::try_from(added).unwrap();
        assert_eq!(bytes.len(), 64 + len);
        assert_eq!(bytes[32..40], (1 + added).to_be_bytes());
        assert_eq!(bytes[40..64], old);
        assert!(bytes[64..].chunks(24).all(|entry| entry[16..] == NOW.to_be_bytes()));
        let anchored = std::fs::read(&anchor).unwrap();
        let anchored = open_bytes(&key(), "objections-anchor", &anchored).unwrap();
        assert_eq!(anchored[..], bytes[..40]);
        assert!(store(dir.path()).has_digital_id(&device));
    }

    /// The graph's identifier and the feed's go through one normalizer.
    #[test]
    fn an_objection_in_any_spelling_is_of_the_identifier_of_the_graph() {
        let context = PhoneContext { country: None, postcode: None };
        for (kind, spellings) in [
            (
                "phone",
                &["+33 6 41 23 45 79", "06 41 23 45 79", "0033641234579", "06.41.23.45.79"][..],
            ),
            ("email", &["one@exemple.fr", " ONE@Exemple.FR ", "One@exemple.fr"]),
            ("email", &["jane.doe@gmail.com", "janedoe+x@gmail.com", "JaneDoe@googlemail.com"]),
        ] {
            for spelling in spellings {
                let dir = tempfile::tempdir().unwrap();
                let feed = import(dir.path(), &format!("{kind},{spelling},,\n"));
                assert_eq!(feed.counts().left(), 0, "{spelling}");
                let objections = store(dir.path());
                for &other in spellings {
                    let outcome = match kind {
                        "phone" => normalizer().phone(other, &context),
                        _ => normalizer().email(other),
                    };
                    let Outcome::Ok(found) = outcome else { panic!("{other}") };
                    // By one of its identifiers at least, which takes the person out.
                    assert!(
                        found.iter().any(|one| has_identifier(&objections, one)),
                        "{spelling} for {other}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_date_never_makes_an_objection_weaker() {
        let dir = tempfile::tempdir().unwrap();
        let dates = ["", "hier", "2126-01-01", "1970-01-01", "NULL", "31/02/2026", "2026-11-20"];
        let body: String = (0..dates.len())
            .map(|at| format!("email,p.{at}@exemple.fr,ads.match,{}\n", dates[at]))
            .collect();
        let feed = import(dir.path(), &body);
        assert_eq!((feed.counts().new, feed.counts().undated), (dates.len() as u64, 4));
        let objections = store(dir.path());
        for at in 0..dates.len() {
            assert!(has_email(&objections, &format!("p.{at}@exemple.fr")));
        }
        // The same feed with other dates brings nothing new: dates are not part of what is kept.
        let later = body.replace("2026-11-20", "2026-11-29");
        assert_eq!(import(dir.path(), &later).counts().added, 0);
    }

    #[test]
    fn lines_that_are_left_are_a_feed_of_their_own() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let body = "email,ok@exemple.fr,all,\nemail,\"a;b, c\",all,2026-11-01\nfax,=1+1,,\n\
                    email,short@exemple.fr\nemail,also@exemple.fr,,\n";
        let feed = import(dir.path(), body);
        assert_eq!((feed.counts().lines_read, feed.counts().new, feed.counts().left()), (5, 2, 3));
        let left = dir.path().join("left.csv");
        feed.write_left(&claim(&left).unwrap()).unwrap();
        let text = std::fs::read_to_string(&left).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], "type,value,scope,recorded_at,line,reason");
        assert!(rows[1].starts_with("email,\"a;b, c\",all,2026-11-01,3,email_"), "{text}");
        assert_eq!(rows[2], "fax,\"=1+1\",,,4,type_unknown");
        assert_eq!(rows[3], "email,short@exemple.fr,,,5,columns_ragged");
        assert_eq!(std::fs::metadata(&left).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(claim(&left).is_err(), "a file that is there is not replaced");
        // Mended, it is carried out as any feed is.
        let mended = text
            .replace("\"a;b, c\"", "mended@exemple.fr")
            .replace("fax,\"=1+1\"", "email,b@exemple.fr");
        let next = import_bytes(dir.path(), CsvOptions::default(), mended.as_bytes()).unwrap();
        assert_eq!((next.counts().new, next.counts().left()), (3, 0));
    }

    #[test]
    fn what_is_left_is_written_in_the_encoding_of_the_feed() {
        for encoding in Encoding::ALL {
            // No letter beyond ASCII is in every encoding.
            let written = |word: &&str| {
                let mut bytes = Vec::new();
                encoding.encode_into(word, &mut bytes);
                !bytes.contains(&b'?')
            };
            let words = ["fermé", "закрыто", "κλειστό", "סגור", "مغلق", "ปิด"];
            let closed = *words.iter().find(|word| written(word)).expect("a word of it");
            let summer = &format!("{closed} 2026");
            let text = format!("type;value\nfax;{closed}\nemail;{summer}\n");
            let dir = tempfile::tempdir().unwrap();
            let csv =
                CsvOptions { encoding, delimiter: Delimiter::Semicolon, ..CsvOptions::default() };
            let mut bytes = encoding.mark().to_vec();
            encoding.encode_into(&text, &mut bytes);
            let feed = import_bytes(dir.path(), csv, &bytes).unwrap();
            assert_eq!(feed.counts().left(), 2, "{encoding}");
            let left = dir.path().join("left.csv");
            feed.write_left(&claim(&left).unwrap()).unwrap();
            let again = import_bytes(dir.path(), csv, &std::fs::read(&left).unwrap()).unwrap();
            assert_eq!(again.counts(), feed.counts(), "{encoding}");
            let twice = dir.path().join("twice.csv");
            again.write_left(&claim(&twice).unwrap()).unwrap();
            let values = |path: &Path| {
                let mut reader =
                    CsvReader::new(BufReader::new(File::open(path).unwrap()), csv).unwrap();
                let mut values = Vec::new();
                while let Some(record) = reader.next_record().unwrap() {
                    values.push(record.get(1).unwrap().to_owned());
                }
                values
            };
            assert_eq!(values(&twice), [closed, summer.as_str()], "{encoding}");
        }
    }

    #[test]
    fn what_stands_before_an_unreadable_place_is_carried_out() {
        let dir = tempfile::tempdir().unwrap();
        let feed = import(dir.path(), "email,one@exemple.fr,,\nemail,two\"@exemple.fr,,\n");
        assert_eq!(feed.counts().new, 1);
        let [SourceError::Input { source, .. }] = feed.unread() else { panic!("read to its end") };
        assert_eq!(source.line(), Some(3));
        assert!(has_email(&store(dir.path()), "one@exemple.fr"));
    }

    #[test]
    fn epoch_moves_with_new_objections_only_and_a_lost_store_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("objections");
        let epoch = || suppression_epoch(&directory, &key()).unwrap();
        assert_eq!((epoch(), recorded(&directory, &key()).unwrap()), ([0; 32], 0));
        import(dir.path(), &format!("aaid,{AAID},,\n"));
        let first = epoch();
        assert_ne!(first, [0; 32]);
        assert_eq!(import(dir.path(), &format!("aaid,{AAID},,\n")).counts().added, 0);
        assert_eq!(epoch(), first);
        assert_eq!(import(dir.path(), &format!("idfa,{AAID},,\n")).counts().added, 1);
        assert_ne!(epoch(), first);
        let since = |recorded| Objections::since(&directory, &key(), recorded);
        let late = since(1).unwrap();
        assert!(late.has_digital_id(&DigitalId::parse("idfa", "", AAID).unwrap()));
        assert!(!late.has_digital_id(&DigitalId::parse("aaid", "", AAID).unwrap()));
        assert_eq!((late.recorded(), recorded(&directory, &key()).unwrap()), (2, 2));
        assert!(since(2).unwrap().is_empty());
        assert!(since(3).is_err(), "fewer objections than a snapshot was made with");
        let path = directory.join(super::super::STORE);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(since(0).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(since(2).is_err());
    }

    /// Also one that no snapshot knew of, and one that cannot be read.
    #[test]
    fn a_store_that_lacks_what_this_node_took_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("objections");
        let path = directory.join(super::super::STORE);
        import(dir.path(), "email,one@exemple.fr,,\n");
        let older = std::fs::read(&path).unwrap();
        import(dir.path(), "email,two@exemple.fr,,\n");
        let newer = std::fs::read(&path).unwrap();
        let refused = |put_back: &dyn Fn()| {
            put_back();
            let lost = |error| matches!(error, RightsError::Lost { least: 2, .. });
            assert!(lost(Objections::all(&directory, &key()).unwrap_err()));
            assert!(lost(recorded(&directory, &key()).unwrap_err()));
            assert!(lost(suppression_epoch(&directory, &key()).unwrap_err()));
            let feed = b"type,value\nemail,three@exemple.fr\n";
            assert!(lost(import_bytes(dir.path(), CsvOptions::default(), feed).unwrap_err()));
        };
        refused(&|| std::fs::write(&path, &older).unwrap());
        refused(&|| std::fs::remove_dir_all(&directory).unwrap());
        // Another store of as many is not the one that was.
        std::fs::remove_file(dir.path().join("objections.anchor")).unwrap();
        import(dir.path(), "email,three@exemple.fr,,\nemail,four@exemple.fr,,\n");
        std::fs::write(&path, &newer).unwrap();
        assert!(Objections::all(&directory, &key()).is_err());
        // A directory that may not be entered is not an empty one.
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("objections");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(recorded(&file, &key()).is_err(), "a file in the place of the store");
    }

    const TYPES: &str = "(?i)(email|phone|idfa|cookie:a\\.fr| aaid|[a-z]{0,6})";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever stands in its cells, a line is carried out or left, never lost.
        #[test]
        fn every_line_is_carried_out_or_left(
            lines in prop::collection::vec(
                (TYPES, "\\PC{0,24}", "\\PC{0,6}", "\\PC{0,10}"),
                0..12,
            ),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let body: String = lines
                .iter()
                .map(|(kind, value, scope, date)| {
                    let fields = [kind, value, scope, date].map(|field| csv_text(field));
                    fields.join(",") + "\n"
                })
                .collect();
            let feed = import(dir.path(), &body);
            let counts = feed.counts();
            prop_assert!(feed.unread().is_empty());
            prop_assert_eq!(counts.lines_read, lines.len() as u64);
            prop_assert_eq!(counts.new + counts.known + counts.left(), counts.lines_read);
        }
    }
}
