//! The advertiser's CRM file: scan, gate, digest, order, commit.
//!
//! Rows are committed in the byte order of their row id, whatever the order of the file, and an
//! identifier that several rows hold is evaluated once. Three external sorts find both without
//! holding the file in memory; everything they spill is sealed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use protocol::commitment::{InputCommitter, InputLeaf, InputRoot, identifier_from_parts};
use protocol::identifier::IdentifierKind;
use protocol::seed::InputSeed;
use protocol::session::RowSlot;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::data::csv::{ColumnName, CsvOptions, CsvReader, Record};
use crate::data::sealed::{
    SealedFile, SealedOut, create_sealed, fill, finish_sealed, hex, open_sealed, read_or_end,
};
use crate::data::{DataError, Workspace};
use crate::normalize::{EmailPrehash, Normalizer, Outcome, Reason};
use crate::runs::{FixedSorter, VarSorter};
use crate::seal::{self, StorageKey};
use crate::world;

/// What the scan of a CRM file needs to know.
#[derive(Debug)]
pub struct InputRules<'a> {
    /// Rules that turn values into digests.
    pub normalizer: &'a Normalizer,
    /// Form of the file.
    pub csv: CsvOptions,
    /// Purpose code a row must carry evidence for, such as `ads.match`.
    pub purpose: &'a str,
    /// Kinds of identifiers that the terms will list; others are left out and counted.
    pub kinds: &'a [u8],
    /// Rules that made a column of e-mail digests; none means such a column is refused.
    pub email_sha256: Option<EmailPrehash>,
}

/// Populations of a file, as the report defines them; no value of any row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputCounts {
    /// Rows in the file.
    pub rows_read: u64,
    /// Rows merged into another with the same row id.
    pub rows_merged: u64,
    /// Distinct rows.
    pub rows: u64,
    /// Rows left out for an objection in scope.
    pub excluded_optout: u64,
    /// Rows left out without evidence for the purpose.
    pub excluded_consent: u64,
    /// Rows left out because no identifier of an agreed kind is usable.
    pub excluded_no_usable_identifier: u64,
    /// Rows that may be used.
    pub eligible: u64,
    /// Values by reason code.
    pub identifiers_rejected: BTreeMap<String, u64>,
    /// Eligible rows with at least one identifier of a kind.
    pub eligible_with: BTreeMap<String, u64>,
    /// Values in columns of identifiers, absent ones left out.
    #[serde(default)]
    pub values_read: u64,
    /// Accepted values by warning.
    #[serde(default)]
    pub warnings: BTreeMap<String, u64>,
    /// Accepted values by repair.
    #[serde(default)]
    pub repairs: BTreeMap<String, u64>,
    /// Identifiers of eligible rows by kind.
    #[serde(default)]
    pub identifiers: BTreeMap<String, u64>,
    /// Identifiers that several eligible rows hold, by kind.
    #[serde(default)]
    pub shared: BTreeMap<String, SharedIdentifiers>,
}

/// How identifiers of one kind are shared between rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedIdentifiers {
    /// Distinct identifiers held by more than one row.
    pub identifiers: u64,
    /// Most rows that hold one of them.
    pub rows_max: u64,
}

/// What is known of a file before a run; nothing of it is kept.
#[derive(Debug)]
pub struct Survey {
    /// The columns, in file order.
    pub columns: Vec<ColumnUse>,
    /// Populations.
    pub counts: InputCounts,
    /// Distinct identifiers of eligible rows.
    pub distinct: u64,
    /// Identifiers that a row can have at most, by the columns and the kinds alone.
    pub row_identifiers_max: usize,
}

/// How a column of a file is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnUse {
    /// Its name, as it may be printed.
    pub name: String,
    /// What it is read as; `None` for a column that is ignored.
    pub meaning: Option<&'static str>,
}

/// Takes the reason for each value or row that is left out, for the owner of the file.
pub trait RowReasons {
    /// Notes one reason; `column` is empty for a reason of the whole row.
    ///
    /// # Errors
    ///
    /// An error ends the scan.
    fn note(
        &mut self,
        row_id: &str,
        line: u64,
        column: &str,
        reason: Reason,
    ) -> std::io::Result<()>;
}

/// A committed input, kept sealed in a directory of its own.
#[derive(Debug)]
pub struct PreparedInput {
    directory: PathBuf,
    key: StorageKey,
    root: InputRoot,
    distinct: u64,
    counts: InputCounts,
    row_identifiers_max: Option<usize>,
}

impl PreparedInput {
    /// Reads a CRM file and keeps it as a committed input under `store`.
    ///
    /// The same content under the same rules gives the same root and directory, whatever the order
    /// of its rows.
    ///
    /// # Errors
    ///
    /// [`DataError`]; a file that cannot be used is named with line and column.
    pub fn prepare(
        file: &Path,
        rules: &InputRules<'_>,
        store: &Path,
        key: &StorageKey,
        workspace: &Workspace,
    ) -> Result<Self, DataError> {
        let none = &mut Reasons(None);
        let Scanned { rows, mut counts, row_identifiers_max, .. } =
            scan(file, rules, workspace, none)?;
        let staging = Staging::create(store)?;
        let by_identifier = commit_rows(rows, rules, &staging, key, workspace, &mut counts, none)?;
        if counts.eligible == 0 {
            return Err(DataError::Empty { file: file.to_path_buf() });
        }
        let (ordered, distinct) = number_elements(by_identifier, workspace, &mut counts)?;
        let content = write_identifiers(ordered, &staging, key, counts.eligible)?;
        let seed = seed_of(store, &content, key)?;
        let root = commit(&staging.directory, key, &seed, counts.eligible)?;
        let meta = Meta { root: root.root, leaves: root.leaves, rows: root.rows, distinct, counts };
        let text =
            serde_json::to_vec(&meta).map_err(|_| DataError::contradiction(&staging.directory))?;
        let sealed = seal::seal_bytes(key, META, &text)?;
        let path = staging.directory.join(META);
        world::publish_atomically(&path, world::PRIVATE_MODE, |out| out.write_all(&sealed))?;
        let directory = staging.publish(store, &root.root)?;
        let row_identifiers_max = Some(row_identifiers_max);
        Ok(Self { row_identifiers_max, ..Self::open(&directory, key)? })
    }

    /// Reads a CRM file as [`Self::prepare`] does, tells what it holds, and keeps nothing.
    ///
    /// A file without an eligible row is no error here. `reasons` gets one note for each value and
    /// row that is left out.
    ///
    /// # Errors
    ///
    /// [`DataError`]; a file that cannot be used is named with line and column.
    pub fn survey(
        file: &Path,
        rules: &InputRules<'_>,
        store: &Path,
        key: &StorageKey,
        workspace: &Workspace,
        reasons: Option<&mut dyn RowReasons>,
    ) -> Result<Survey, DataError> {
        let reasons = &mut Reasons(reasons);
        let Scanned { rows, mut counts, columns, row_identifiers_max } =
            scan(file, rules, workspace, reasons)?;
        // Removed when it is dropped.
        let staging = Staging::create(store)?;
        let by_identifier =
            commit_rows(rows, rules, &staging, key, workspace, &mut counts, reasons)?;
        let (_, distinct) = number_elements(by_identifier, workspace, &mut counts)?;
        Ok(Survey { columns, counts, distinct, row_identifiers_max })
    }

    /// Opens an input that was prepared before.
    ///
    /// # Errors
    ///
    /// [`DataError`] if it is damaged or sealed under another key.
    pub fn open(directory: &Path, key: &StorageKey) -> Result<Self, DataError> {
        let path = directory.join(META);
        let sealed = std::fs::read(&path).map_err(DataError::io(&path))?;
        let text = seal::open_bytes(key, META, &sealed)?;
        let meta: Meta =
            serde_json::from_slice(&text).map_err(|_| DataError::contradiction(&path))?;
        Ok(Self {
            directory: directory.to_path_buf(),
            key: key.clone(),
            root: InputRoot { root: meta.root, leaves: meta.leaves, rows: meta.rows },
            distinct: meta.distinct,
            counts: meta.counts,
            row_identifiers_max: None,
        })
    }

    /// The committed root.
    #[must_use]
    pub const fn root(&self) -> InputRoot {
        self.root
    }

    /// Distinct identifiers.
    #[must_use]
    pub const fn distinct(&self) -> u64 {
        self.distinct
    }

    /// Identifiers that a row can have at most, by the columns of the file and the agreed kinds
    /// alone and whatever the rows hold; `None` for an input that was opened again.
    #[must_use]
    pub const fn row_identifiers_max(&self) -> Option<usize> {
        self.row_identifiers_max
    }

    /// Populations.
    #[must_use]
    pub const fn counts(&self) -> &InputCounts {
        &self.counts
    }

    /// The identifiers in (row, slot) order.
    ///
    /// # Errors
    ///
    /// [`DataError`] if the sealed file does not open.
    pub fn identifiers(&self) -> Result<Identifiers, DataError> {
        let path = self.directory.join(IDENTIFIERS);
        Ok(Identifiers { reader: open_sealed(&path, &self.key, IDENTIFIERS)?, path })
    }

    /// The row ids in committed order.
    ///
    /// # Errors
    ///
    /// [`DataError`] if the sealed file does not open.
    pub fn row_ids(&self) -> Result<RowIds, DataError> {
        let path = self.directory.join(ROWS);
        Ok(RowIds { reader: open_sealed(&path, &self.key, ROWS)?, path })
    }
}

/// Identifiers of a committed input, read from its sealed file.
#[derive(Debug)]
pub struct Identifiers {
    reader: SealedFile,
    path: PathBuf,
}

impl Identifiers {
    /// At most `identifiers_max` further identifiers; empty at the end.
    ///
    /// # Errors
    ///
    /// [`DataError`] if the file is damaged.
    pub fn next_chunk(&mut self, identifiers_max: usize) -> Result<Vec<RowSlot>, DataError> {
        let mut chunk = Vec::new();
        while chunk.len() < identifiers_max {
            let Some(place) = Place::read(&mut self.reader, &self.path)? else { break };
            let damaged = || DataError::contradiction(&self.path);
            let identifier = identifier_from_parts(place.kind, place.ruleset, place.digest)
                .ok_or_else(damaged)?;
            let Place { row, slot, element, .. } = place;
            chunk.push(RowSlot { row, slot, element, identifier });
        }
        Ok(chunk)
    }
}

/// Row ids of a committed input, read from its sealed file.
#[derive(Debug)]
pub struct RowIds {
    reader: SealedFile,
    path: PathBuf,
}

impl RowIds {
    /// The next row id, if any.
    ///
    /// # Errors
    ///
    /// [`DataError`] if the file is damaged.
    pub fn next_id(&mut self) -> Result<Option<Vec<u8>>, DataError> {
        let mut len = [0; 2];
        if !read_or_end(&mut self.reader, &mut len, &self.path)? {
            return Ok(None);
        }
        let mut id = vec![0; usize::from(u16::from_be_bytes(len))];
        match read_or_end(&mut self.reader, &mut id, &self.path)? {
            true => Ok(Some(id)),
            false => Err(DataError::contradiction(&self.path)),
        }
    }
}

/// Where reasons go, if anybody asked for them.
struct Reasons<'a>(Option<&'a mut dyn RowReasons>);

impl Reasons<'_> {
    fn note(
        &mut self,
        row_id: &str,
        line: u64,
        column: &str,
        reason: Reason,
    ) -> Result<(), DataError> {
        match &mut self.0 {
            Some(to) => to
                .note(row_id, line, column, reason)
                .map_err(|source| DataError::Io { path: REASONS.into(), source }),
            None => Ok(()),
        }
    }

    /// Notes why a row and values of it are left out.
    fn note_row(
        &mut self,
        row: &ScannedRow,
        rejected: &[(usize, Reason)],
        names: &[ColumnUse],
    ) -> Result<(), DataError> {
        if self.0.is_none() {
            return Ok(());
        }
        let id = String::from_utf8_lossy(&row.row_id);
        for (column, reason) in rejected {
            let name = names.get(*column).map_or("", |column| column.name.as_str());
            self.note(&id, row.line, name, *reason)?;
        }
        let reason = match row.gate {
            Gate::OptOut => Reason::RowOptout,
            Gate::Consent => Reason::RowNoConsent,
            Gate::Eligible if row.identifiers.is_empty() => Reason::RowNoUsableIdentifier,
            Gate::Eligible => return Ok(()),
        };
        self.note(&id, row.line, "", reason)
    }
}

/// Every row of a file after the scan.
struct Scanned {
    rows: VarSorter,
    counts: InputCounts,
    columns: Vec<ColumnUse>,
    row_identifiers_max: usize,
}

/// Reads every row, normalizes its identifiers, and sorts what is left by row id.
fn scan(
    file: &Path,
    rules: &InputRules<'_>,
    workspace: &Workspace,
    reasons: &mut Reasons<'_>,
) -> Result<Scanned, DataError> {
    let input = |source| DataError::Input { file: file.to_path_buf(), source };
    let handle =
        File::open(file).map_err(|source| DataError::Open { file: file.to_path_buf(), source })?;
    let mut reader = CsvReader::new(BufReader::new(handle), rules.csv).map_err(input)?;
    let columns = Columns::find(&reader, rules, file)?;
    let uses = columns.uses(reader.columns());
    let mut rows = VarSorter::new(&workspace.directory, workspace.memory_bytes)?;
    let mut counts = InputCounts::default();
    let mut rejected = Vec::new();
    while let Some(record) = reader.next_record().map_err(input)? {
        counts.rows_read += 1;
        rejected.clear();
        let row = ScannedRow::read(&record, &columns, rules, &mut counts, &mut rejected);
        reasons.note_row(&row, &rejected, &uses)?;
        rows.push(&row.encode())?;
    }
    let row_identifiers_max = columns.row_identifiers_max(rules.kinds);
    Ok(Scanned { rows, counts, columns: uses, row_identifiers_max })
}

/// Where the columns of `identity-graph` 7.2 stand in this file.
struct Columns {
    row_id: usize,
    emails: Vec<usize>,
    email_sha256: Option<usize>,
    consent_purposes: usize,
    consent_ref: usize,
    consent_at: usize,
    consent_notice: usize,
    objections: Option<usize>,
    updated_at: Option<usize>,
}

impl Columns {
    fn find<R: Read>(
        reader: &CsvReader<R>,
        rules: &InputRules<'_>,
        file: &Path,
    ) -> Result<Self, DataError> {
        let required = |name: &str| {
            reader
                .column(name)
                .map_err(|source| DataError::Input { file: file.to_path_buf(), source })
        };
        let emails: Vec<usize> =
            ["email", "email_2", "email_3"].iter().filter_map(|name| reader.find(name)).collect();
        let email_sha256 = reader.find("email_sha256");
        if email_sha256.is_some() && rules.email_sha256.is_none() {
            return Err(DataError::Declared {
                what: "column email_sha256 holds digests, but not which rules made them".into(),
                try_this:
                    "declare them, for example `email_sha256 = \"plain\"`, in advertiser.toml"
                        .into(),
            });
        }
        // Without any column of identifiers the error names the plain one.
        let emails = match (emails.is_empty(), email_sha256) {
            (true, None) => vec![required("email")?],
            _ => emails,
        };
        Ok(Self {
            row_id: required("row_id")?,
            emails,
            email_sha256,
            consent_purposes: required("consent_purposes")?,
            consent_ref: required("consent_ref")?,
            consent_at: required("consent_at")?,
            consent_notice: required("consent_notice")?,
            objections: reader.find("objections"),
            updated_at: reader.find("updated_at"),
        })
    }

    /// Identifiers that a row can have: of each column, one of each agreed kind it can give.
    fn row_identifiers_max(&self, kinds: &[u8]) -> usize {
        let emails = [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL];
        let agreed = emails.iter().filter(|kind| kinds.contains(&kind.code())).count();
        (self.emails.len() + usize::from(self.email_sha256.is_some())) * agreed
    }

    /// What each column of the file is read as.
    fn uses(&self, names: &[String]) -> Vec<ColumnUse> {
        let meaning = |at: usize| match at {
            at if at == self.row_id => Some("row id"),
            at if self.emails.contains(&at) => Some("e-mail address"),
            at if Some(at) == self.email_sha256 => Some("digest of an e-mail address"),
            at if at == self.consent_purposes => Some("purposes consented to"),
            at if at == self.consent_ref => Some("reference of the consent"),
            at if at == self.consent_at => Some("time of the consent"),
            at if at == self.consent_notice => Some("notice shown"),
            at if Some(at) == self.objections => Some("purposes objected to"),
            at if Some(at) == self.updated_at => Some("age of the row, for rows of one id"),
            _ => None,
        };
        let shown = |name: &String| ColumnName::new(name).as_str().to_owned();
        let uses = names.iter().enumerate();
        uses.map(|(at, name)| ColumnUse { name: shown(name), meaning: meaning(at) }).collect()
    }
}

/// One row after the scan: no plaintext but its row id.
struct ScannedRow {
    row_id: Vec<u8>,
    updated_at: u64,
    line: u64,
    gate: Gate,
    evidence: [u8; 32],
    consent_at: u64,
    /// (kind, digest), in the order of the columns, each once.
    identifiers: Vec<(u8, [u8; 32])>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    Eligible = 0,
    OptOut = 1,
    Consent = 2,
}

impl ScannedRow {
    fn read(
        record: &Record<'_>,
        columns: &Columns,
        rules: &InputRules<'_>,
        counts: &mut InputCounts,
        rejected: &mut Vec<(usize, Reason)>,
    ) -> Self {
        let field = |column: usize| record.get(column).unwrap_or("");
        let mut identifiers: Vec<(u8, [u8; 32])> = Vec::new();
        let mut take = |column: usize, outcome: Outcome| match outcome {
            Outcome::Ok(found) => {
                counts.values_read += 1;
                for normalized in found {
                    for warning in normalized.warnings() {
                        *counts.warnings.entry(warning.code().to_owned()).or_default() += 1;
                    }
                    if let Some(repair) = normalized.repair() {
                        *counts.repairs.entry(repair.code().to_owned()).or_default() += 1;
                    }
                    let kind = normalized.kind().code();
                    let entry = (kind, *normalized.digest().expose_bytes());
                    if !rules.kinds.contains(&kind) {
                        let code = Reason::KindNotInTerms.code().to_owned();
                        *counts.identifiers_rejected.entry(code).or_default() += 1;
                        rejected.push((column, Reason::KindNotInTerms));
                    } else if !identifiers.contains(&entry) {
                        identifiers.push(entry);
                    }
                }
            }
            Outcome::Reject(reason) => {
                counts.values_read += 1;
                rejected.push((column, reason));
                *counts.identifiers_rejected.entry(reason.code().to_owned()).or_default() += 1;
            }
            Outcome::Absent => {}
        };
        for column in &columns.emails {
            take(*column, rules.normalizer.email(field(*column)));
        }
        if let Some(column) = columns.email_sha256 {
            take(column, rules.normalizer.email_sha256(field(column), rules.email_sha256));
        }
        identifiers.sort_unstable_by_key(|(kind, _)| *kind);
        Self {
            row_id: field(columns.row_id).as_bytes().to_vec(),
            updated_at: columns.updated_at.map_or(0, |column| unix_time(field(column))),
            line: record.line(),
            gate: gate(record, columns, rules.purpose),
            evidence: consent_evidence(record, columns),
            consent_at: unix_time(field(columns.consent_at)),
            identifiers,
        }
    }

    /// `row id ‖ 0 ‖ updated ‖ line ‖ gate ‖ evidence ‖ time ‖ identifiers`: sorts by row id, then
    /// by age. No cell holds a zero byte: the reader refuses them.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.row_id.clone();
        bytes.push(0);
        bytes.extend_from_slice(&self.updated_at.to_be_bytes());
        bytes.extend_from_slice(&self.line.to_be_bytes());
        bytes.push(self.gate as u8);
        bytes.extend_from_slice(&self.evidence);
        bytes.extend_from_slice(&self.consent_at.to_be_bytes());
        for (kind, digest) in &self.identifiers {
            bytes.push(*kind);
            bytes.extend_from_slice(digest);
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let (row_id, rest) = bytes.split_at_checked(end)?;
        let (_, rest) = rest.split_first()?;
        let (updated_at, rest) = rest.split_first_chunk::<8>()?;
        let (line, rest) = rest.split_first_chunk::<8>()?;
        let (gate, rest) = rest.split_first()?;
        let (evidence, rest) = rest.split_first_chunk::<32>()?;
        let (consent_at, rest) = rest.split_first_chunk::<8>()?;
        let (identifiers, tail) = rest.as_chunks::<33>();
        tail.is_empty().then_some(())?;
        Some(Self {
            row_id: row_id.to_vec(),
            updated_at: u64::from_be_bytes(*updated_at),
            line: u64::from_be_bytes(*line),
            gate: match gate {
                0 => Gate::Eligible,
                1 => Gate::OptOut,
                _ => Gate::Consent,
            },
            evidence: *evidence,
            consent_at: u64::from_be_bytes(*consent_at),
            identifiers: identifiers
                .iter()
                .filter_map(|[kind, digest @ ..]| Some((*kind, *digest.first_chunk()?)))
                .collect(),
        })
    }
}

/// A row is used only with evidence for the purpose and without an objection to it.
fn gate(record: &Record<'_>, columns: &Columns, purpose: &str) -> Gate {
    let field = |column: usize| record.get(column).unwrap_or("");
    let lists = |list: &str, wanted: &str| list.split('|').any(|entry| entry.trim() == wanted);
    let objections = columns.objections.map_or("", field);
    if lists(objections, purpose) || lists(objections, "all") {
        return Gate::OptOut;
    }
    let evidenced = lists(field(columns.consent_purposes), purpose)
        && !field(columns.consent_ref).trim().is_empty();
    if evidenced { Gate::Eligible } else { Gate::Consent }
}

/// SHA-256 of the consent record as it stands in the file.
fn consent_evidence(record: &Record<'_>, columns: &Columns) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for column in
        [columns.consent_purposes, columns.consent_ref, columns.consent_at, columns.consent_notice]
    {
        let field = record.get(column).unwrap_or("").trim();
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field);
    }
    hasher.finalize().into()
}

/// Seconds since 1970 of an RFC 3339 time or an ISO day; 0 for anything else.
pub(super) fn unix_time(text: &str) -> u64 {
    let text = text.trim();
    let parsed = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let day = text.parse::<jiff::civil::Date>().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    });
    parsed.map_or(0, |time| u64::try_from(time.as_second()).unwrap_or(0))
}

/// Merges rows of one id, counts exclusions, writes row ids, and sorts identifiers by value.
fn commit_rows(
    scanned: VarSorter,
    rules: &InputRules<'_>,
    staging: &Staging,
    key: &StorageKey,
    workspace: &Workspace,
    counts: &mut InputCounts,
    reasons: &mut Reasons<'_>,
) -> Result<FixedSorter, DataError> {
    let ruleset = rules.normalizer.ruleset().code();
    let path = staging.directory.join(ROWS);
    let mut row_ids = create_sealed(&path, key, ROWS)?;
    let mut by_identifier =
        FixedSorter::new(&workspace.directory, BY_IDENTIFIER_LEN, workspace.memory_bytes)?;
    let mut sorted = scanned.finish()?;
    let mut current: Option<ScannedRow> = None;
    loop {
        let next = match sorted.next_record()? {
            Some(bytes) => Some(
                ScannedRow::decode(bytes)
                    .ok_or_else(|| DataError::contradiction(&workspace.directory))?,
            ),
            None => None,
        };
        let ended = next.is_none();
        let merged = match (&current, &next) {
            (Some(current), Some(next)) => current.row_id == next.row_id,
            _ => false,
        };
        if merged {
            // Sorted by age: the later one replaces the earlier.
            counts.rows_merged += 1;
            if let Some(earlier) = &current {
                let id = String::from_utf8_lossy(&earlier.row_id);
                reasons.note(&id, earlier.line, "", Reason::RowDuplicateId)?;
            }
        } else if let Some(row) = current.take() {
            counts.rows += 1;
            match row.gate {
                Gate::OptOut => counts.excluded_optout += 1,
                Gate::Consent => counts.excluded_consent += 1,
                Gate::Eligible if row.identifiers.is_empty() => {
                    counts.excluded_no_usable_identifier += 1;
                }
                Gate::Eligible => {
                    let number = counts.eligible;
                    counts.eligible += 1;
                    write_row(&row, number, ruleset, &mut row_ids, &mut by_identifier, &path)?;
                    count_kinds(&row, counts);
                }
            }
        }
        if ended {
            break;
        }
        current = next;
    }
    finish_sealed(row_ids, &path)?;
    Ok(by_identifier)
}

fn write_row(
    row: &ScannedRow,
    number: u64,
    ruleset: u8,
    row_ids: &mut SealedOut,
    by_identifier: &mut FixedSorter,
    path: &Path,
) -> Result<(), DataError> {
    // The reader caps a field at 64 KiB, less than a u16 can say.
    let len = u16::try_from(row.row_id.len()).map_err(|_| DataError::contradiction(path))?;
    row_ids.append(&len.to_be_bytes())?;
    row_ids.append(&row.row_id)?;
    for (slot, (kind, digest)) in (0_u8..).zip(&row.identifiers) {
        let mut record = [0; BY_IDENTIFIER_LEN];
        fill(
            &mut record,
            &[
                &[*kind],
                digest,
                &number.to_be_bytes(),
                &[slot, ruleset],
                &row.evidence,
                &row.consent_at.to_be_bytes(),
            ],
        );
        by_identifier.push(&record)?;
    }
    Ok(())
}

fn count_kinds(row: &ScannedRow, counts: &mut InputCounts) {
    let mut last = None;
    for (kind, _) in &row.identifiers {
        let name = kind_name(*kind);
        *counts.identifiers.entry(name.to_owned()).or_default() += 1;
        if last != Some(*kind) {
            *counts.eligible_with.entry(name.to_owned()).or_default() += 1;
            last = Some(*kind);
        }
    }
}

fn kind_name(code: u8) -> &'static str {
    IdentifierKind::from_code(code).map_or("unknown", IdentifierKind::name)
}

/// Counts a value that `rows` rows hold; a row holds each value once.
fn count_shared(value: &[u8; 33], rows: u64, counts: &mut InputCounts) {
    if rows < 2 {
        return;
    }
    let [kind, ..] = value;
    let shared = counts.shared.entry(kind_name(*kind).to_owned()).or_default();
    shared.identifiers += 1;
    shared.rows_max = shared.rows_max.max(rows);
}

/// Numbers distinct identifiers by first occurrence, and puts all back into (row, slot) order.
///
/// Sorted by value, the first of a group is its first occurrence. Sorted by first occurrence, the
/// ordinal of a group is its number. Sorted by place, the sequence is the committed one.
fn number_elements(
    by_identifier: FixedSorter,
    workspace: &Workspace,
    counts: &mut InputCounts,
) -> Result<(FixedSorter, u64), DataError> {
    let mut by_first =
        FixedSorter::new(&workspace.directory, BY_FIRST_LEN, workspace.memory_bytes)?;
    let mut group: Option<([u8; 33], [u8; 9])> = None;
    let mut rows = 0;
    let mut sorted = by_identifier.finish()?;
    while let Some(chunk) = sorted.next_chunk(CHUNK_BYTES)? {
        for record in chunk.as_chunks::<BY_IDENTIFIER_LEN>().0 {
            let (value, rest) = record.split_first_chunk::<33>().unwrap_or((&[0; 33], &[]));
            let (place, rest) = rest.split_first_chunk::<9>().unwrap_or((&[0; 9], &[]));
            let first = match &group {
                Some((known, first)) if known == value => {
                    rows += 1;
                    *first
                }
                earlier => {
                    if let Some((known, _)) = earlier {
                        count_shared(known, rows, counts);
                    }
                    rows = 1;
                    *place
                }
            };
            group = Some((*value, first));
            let mut out = [0; BY_FIRST_LEN];
            fill(&mut out, &[&first, place, value, rest]);
            by_first.push(&out)?;
        }
    }
    if let Some((known, _)) = &group {
        count_shared(known, rows, counts);
    }
    let mut ordered = FixedSorter::new(&workspace.directory, Place::LEN, workspace.memory_bytes)?;
    let (mut last_first, mut distinct): (Option<[u8; 9]>, u64) = (None, 0);
    let mut sorted = by_first.finish()?;
    while let Some(chunk) = sorted.next_chunk(CHUNK_BYTES)? {
        for record in chunk.as_chunks::<BY_FIRST_LEN>().0 {
            let (first, rest) = record.split_first_chunk::<9>().unwrap_or((&[0; 9], &[]));
            let (place, rest) = rest.split_first_chunk::<9>().unwrap_or((&[0; 9], &[]));
            if last_first != Some(*first) {
                last_first = Some(*first);
                distinct += 1;
            }
            let element = distinct.saturating_sub(1).to_be_bytes();
            let mut out = [0; Place::LEN];
            fill(&mut out, &[place, &element, rest]);
            ordered.push(&out)?;
        }
    }
    Ok((ordered, distinct))
}

/// Writes the identifiers in committed order; the hash of the content.
fn write_identifiers(
    ordered: FixedSorter,
    staging: &Staging,
    key: &StorageKey,
    rows: u64,
) -> Result<[u8; 32], DataError> {
    let path = staging.directory.join(IDENTIFIERS);
    let mut out = create_sealed(&path, key, IDENTIFIERS)?;
    let mut content = Sha256::new().chain_update(rows.to_be_bytes());
    let mut sorted = ordered.finish()?;
    while let Some(chunk) = sorted.next_chunk(CHUNK_BYTES)? {
        content.update(&*chunk);
        out.append(&chunk)?;
    }
    finish_sealed(out, &path)?;
    Ok(content.finalize().into())
}

/// The input seed of this content: kept, so that equal content has one root.
///
/// Seeds are kept in one sealed file, because the hash of a small file's content would let a thief
/// of the disk test guesses.
fn seed_of(store: &Path, content: &[u8; 32], key: &StorageKey) -> Result<InputSeed, DataError> {
    let path = store.join(SEEDS);
    let mut seeds = match std::fs::read(&path) {
        Ok(sealed) => seal::open_bytes(key, SEEDS, &sealed)?.to_vec(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(DataError::Io { path, source }),
    };
    let (entries, rest) = seeds.as_chunks::<64>();
    if !rest.is_empty() {
        return Err(DataError::contradiction(&path));
    }
    let known = entries.iter().find_map(|entry| {
        let (known, seed) = entry.split_first_chunk::<32>()?;
        (known == content).then_some(())?;
        seed.first_chunk::<32>().copied()
    });
    if let Some(seed) = known {
        seeds.zeroize();
        return Ok(InputSeed::from_bytes(seed));
    }
    let seed = world::entropy::<32>()?;
    seeds.extend_from_slice(content);
    seeds.extend_from_slice(&seed);
    let sealed = seal::seal_bytes(key, SEEDS, &seeds)?;
    seeds.zeroize();
    world::publish_atomically(&path, world::PRIVATE_MODE, |out| out.write_all(&sealed))?;
    Ok(InputSeed::from_bytes(seed))
}

/// Reads the identifiers back and commits to them, leaf by leaf.
fn commit(
    directory: &Path,
    key: &StorageKey,
    seed: &InputSeed,
    rows: u64,
) -> Result<InputRoot, DataError> {
    let path = directory.join(IDENTIFIERS);
    let mut reader = open_sealed(&path, key, IDENTIFIERS)?;
    let mut committer = InputCommitter::new(seed.leaf_salts());
    while let Some(place) = Place::read(&mut reader, &path)? {
        let identifier = identifier_from_parts(place.kind, place.ruleset, place.digest)
            .ok_or_else(|| DataError::contradiction(&path))?;
        committer.push(&InputLeaf {
            row: place.row,
            slot: place.slot,
            identifier,
            consent_evidence: place.evidence,
            source_time: place.time,
        });
    }
    Ok(committer.finish(rows))
}

/// One identifier at its place, as the sealed file holds it.
struct Place {
    row: u64,
    slot: u8,
    element: u64,
    kind: u8,
    ruleset: u8,
    digest: [u8; 32],
    evidence: [u8; 32],
    time: u64,
}

impl Place {
    /// row ‖ slot ‖ element ‖ kind ‖ digest ‖ ruleset ‖ evidence ‖ time.
    const LEN: usize = 8 + 1 + 8 + 1 + 32 + 1 + 32 + 8;

    fn read(reader: &mut SealedFile, path: &Path) -> Result<Option<Self>, DataError> {
        let mut bytes = [0; Self::LEN];
        if !read_or_end(reader, &mut bytes, path)? {
            return Ok(None);
        }
        Self::decode(&bytes).map(Some).ok_or_else(|| DataError::contradiction(path))
    }

    fn decode(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let (row, rest) = bytes.split_first_chunk::<8>()?;
        let (slot, rest) = rest.split_first()?;
        let (element, rest) = rest.split_first_chunk::<8>()?;
        let (kind, rest) = rest.split_first()?;
        let (digest, rest) = rest.split_first_chunk::<32>()?;
        let (ruleset, rest) = rest.split_first()?;
        let (evidence, rest) = rest.split_first_chunk::<32>()?;
        let time: [u8; 8] = rest.try_into().ok()?;
        Some(Self {
            row: u64::from_be_bytes(*row),
            slot: *slot,
            element: u64::from_be_bytes(*element),
            kind: *kind,
            ruleset: *ruleset,
            digest: *digest,
            evidence: *evidence,
            time: u64::from_be_bytes(time),
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    root: [u8; 32],
    leaves: u64,
    rows: u64,
    distinct: u64,
    counts: InputCounts,
}

/// A directory that becomes an input only when it is whole.
struct Staging {
    directory: PathBuf,
}

impl Staging {
    fn create(store: &Path) -> Result<Self, DataError> {
        world::create_private_dir(store)?;
        let directory = store.join(format!("staging-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        world::create_private_dir(&directory)?;
        Ok(Self { directory })
    }

    /// Gives the directory its name: the salted root, which says nothing about the content.
    fn publish(self, store: &Path, root: &[u8; 32]) -> Result<PathBuf, DataError> {
        let target = store.join(hex(root.first_chunk::<8>().unwrap_or(&[0; 8])));
        let _ = std::fs::remove_dir_all(&target);
        std::fs::rename(&self.directory, &target).map_err(DataError::io(&target))?;
        world::sync_dir(store)?;
        Ok(target)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After `publish` the directory is gone under this name.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// What a failure to write reasons is told of; the caller knows the file.
const REASONS: &str = "the file of reasons";
const META: &str = "input.meta";
const IDENTIFIERS: &str = "identifiers";
const ROWS: &str = "rows";
const SEEDS: &str = "seeds";
/// kind ‖ digest ‖ row ‖ slot ‖ ruleset ‖ evidence ‖ time.
const BY_IDENTIFIER_LEN: usize = 1 + 32 + 8 + 1 + 1 + 32 + 8;
/// first row ‖ first slot ‖ row ‖ slot ‖ kind ‖ digest ‖ ruleset ‖ evidence ‖ time.
const BY_FIRST_LEN: usize = 9 + BY_IDENTIFIER_LEN;
const CHUNK_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::normalize::{Options, Ruleset};

    use super::*;

    const HEADER: &str = "row_id,email,consent_purposes,consent_ref,consent_at,consent_notice\n";

    struct Bench {
        dir: tempfile::TempDir,
        key: StorageKey,
        normalizer: Normalizer,
    }

    impl Bench {
        fn new() -> Self {
            let ruleset = Ruleset::CrmFr1;
            Self {
                dir: tempfile::tempdir().unwrap(),
                key: StorageKey::from_bytes([7; 32]),
                normalizer: Normalizer::new(ruleset, Options::defaults(ruleset)),
            }
        }

        fn prepare(&self, body: &str) -> Result<PreparedInput, DataError> {
            self.with(&format!("{HEADER}{body}"), |file, rules, store, workspace| {
                PreparedInput::prepare(file, rules, store, &self.key, workspace)
            })
        }

        fn survey(&self, text: &str, noted: &mut Noted) -> Survey {
            self.with(text, |file, rules, store, workspace| {
                PreparedInput::survey(file, rules, store, &self.key, workspace, Some(noted))
            })
            .unwrap()
        }

        fn with<T>(
            &self,
            text: &str,
            work: impl FnOnce(&Path, &InputRules<'_>, &Path, &Workspace) -> Result<T, DataError>,
        ) -> Result<T, DataError> {
            let file = self.dir.path().join("crm.csv");
            std::fs::write(&file, text).unwrap();
            let rules = InputRules {
                normalizer: &self.normalizer,
                csv: CsvOptions::default(),
                purpose: "ads.match",
                kinds: &[1, 2],
                email_sha256: None,
            };
            let workspace =
                Workspace { directory: self.dir.path().join("work"), memory_bytes: 1 << 20 };
            world::create_private_dir(&workspace.directory)?;
            let store = self.dir.path().join("inputs");
            work(&file, &rules, &store, &workspace)
        }
    }

    #[derive(Default)]
    struct Noted(Vec<String>);

    impl RowReasons for Noted {
        fn note(
            &mut self,
            row_id: &str,
            line: u64,
            column: &str,
            reason: Reason,
        ) -> std::io::Result<()> {
            self.0.push(format!("{row_id} {line} {column} {}", reason.code()));
            Ok(())
        }
    }

    fn row(id: &str, email: &str, purposes: &str) -> String {
        format!("{id},{email},{purposes},R-1,2026-03-02T10:14:00Z,N-1\n")
    }

    fn all(input: &PreparedInput) -> Vec<RowSlot> {
        let mut reader = input.identifiers().unwrap();
        let mut all = Vec::new();
        loop {
            let chunk = reader.next_chunk(3).unwrap();
            if chunk.is_empty() {
                return all;
            }
            all.extend(chunk);
        }
    }

    #[test]
    fn rows_are_committed_by_row_id_whatever_the_order_of_the_file() {
        let bench = Bench::new();
        let rows = [
            row("b", "bob@exemple.fr", "ads.match"),
            row("a", "alice.x@gmail.com", "ads.match|ads.suppress"),
            row("c", "bob@exemple.fr", "ads.match"),
        ];
        let first = bench.prepare(&rows.concat()).unwrap();
        let reversed: String = rows.iter().rev().cloned().collect();
        let second = bench.prepare(&reversed).unwrap();
        assert_eq!(first.root(), second.root());
        let mut ids = first.row_ids().unwrap();
        for expected in [b"a", b"b", b"c"] {
            assert_eq!(ids.next_id().unwrap().unwrap(), expected);
        }
        assert_eq!(ids.next_id().unwrap(), None);
        // a: strict and Gmail form; b and c: one shared identifier.
        assert_eq!((first.root().leaves, first.root().rows, first.distinct()), (4, 3, 3));
    }

    #[test]
    fn elements_are_numbered_by_first_occurrence() {
        let bench = Bench::new();
        let body: String = (0..200)
            .map(|i| row(&format!("r{i:03}"), &format!("u{}@exemple.fr", i % 70), "ads.match"))
            .collect();
        let input = bench.prepare(&body).unwrap();
        assert_eq!(input.distinct(), 70);
        let mut first_seen: BTreeMap<[u8; 32], u64> = BTreeMap::new();
        let mut last = None;
        for slot in all(&input) {
            assert!(last < Some((slot.row, slot.slot)));
            last = Some((slot.row, slot.slot));
            let next = first_seen.len() as u64;
            let digest = *slot.identifier.digest.expose_bytes();
            assert_eq!(*first_seen.entry(digest).or_insert(next), slot.element);
        }
        let numbers: BTreeSet<u64> = first_seen.values().copied().collect();
        assert_eq!(numbers, (0..70).collect());
    }

    #[test]
    fn rows_without_evidence_objected_or_unusable_are_left_out_and_counted() {
        let bench = Bench::new();
        let body = [
            row("a", "a.one@exemple.fr", "ads.match"),
            row("b", "b.one@exemple.fr", "ads.suppress"),
            row("c", "not an address", "ads.match"),
            row("a", "a.two@exemple.fr", "ads.match"),
        ]
        .concat();
        let input = bench.prepare(&body).unwrap();
        let counts = input.counts();
        assert_eq!((counts.rows_read, counts.rows_merged, counts.rows), (4, 1, 3));
        assert_eq!((counts.excluded_consent, counts.excluded_no_usable_identifier), (1, 1));
        assert_eq!(counts.eligible, 1);
        assert_eq!(counts.identifiers_rejected.values().sum::<u64>(), 1);
    }

    #[test]
    fn survey_tells_reasons_and_sharing_and_keeps_nothing() {
        let bench = Bench::new();
        let body = [
            row("a", "a.one@gmail.con", "ads.match"),
            row("b", "b.one@exemple.fr", "other"),
            row("c", "not an address", "ads.match"),
            row("d", "shared@exemple.fr", "ads.match"),
            row("e", "Shared@exemple.fr", "ads.match"),
            row("f", "shared@EXEMPLE.fr", "ads.match"),
            row("a", "a.two@exemple.fr", "ads.match"),
        ]
        .concat();
        let text = format!("{HEADER}{body}").replace('\n', ",x\n").replacen(",x\n", ",phone\n", 1);
        let mut noted = Noted::default();
        let survey = bench.survey(&text, &mut noted);
        let counts = &survey.counts;
        assert_eq!((counts.rows_read, counts.rows_merged, counts.eligible), (7, 1, 4));
        assert_eq!((counts.values_read, survey.distinct), (7, 2));
        assert_eq!(counts.identifiers["email.strict"], 4);
        let shared = SharedIdentifiers { identifiers: 1, rows_max: 3 };
        assert_eq!(counts.shared, BTreeMap::from([("email.strict".to_owned(), shared)]));
        let warnings: Vec<(&str, u64)> =
            counts.warnings.iter().map(|(code, count)| (code.as_str(), *count)).collect();
        assert_eq!(warnings, [("email_typo_domain", 1), ("email_unknown_tld", 1)]);
        let ignored: Vec<&str> = survey
            .columns
            .iter()
            .filter(|column| column.meaning.is_none())
            .map(|column| column.name.as_str())
            .collect();
        assert_eq!(ignored, ["phone"]);
        let expected = [
            "b 3  row_no_consent",
            "c 4 email email_inner_space",
            "c 4  row_no_usable_identifier",
            "a 2  row_duplicate_id",
        ];
        assert_eq!(noted.0.len(), expected.len(), "{:?}", noted.0);
        assert!(noted.0.iter().all(|note| !note.contains('@')));
        for (note, expected) in noted.0.iter().zip(expected) {
            // Which reason applies first is the normalizer's.
            if !expected.contains("email_") {
                assert_eq!(note, expected);
            }
        }
        let store = bench.dir.path().join("inputs");
        assert_eq!(std::fs::read_dir(store).unwrap().count(), 0);
        let nothing = bench.survey(&format!("{HEADER}{}", row("a", "x", "y")), &mut noted);
        assert_eq!((nothing.counts.eligible, nothing.distinct), (0, 0));
    }

    #[test]
    fn file_without_eligible_row_is_refused() {
        let bench = Bench::new();
        let error = bench.prepare(&row("a", "a@exemple.fr", "other")).unwrap_err();
        assert!(matches!(error, DataError::Empty { .. }), "{error}");
    }

    #[test]
    fn nothing_kept_holds_an_identifier_or_its_digest_in_clear() {
        let bench = Bench::new();
        let canary = "canary-7f3a91c4@exemple.fr";
        bench.prepare(&row("a", canary, "ads.match")).unwrap();
        let digest: [u8; 32] = Sha256::digest(canary).into();
        let mut searched = 0;
        let mut pending = vec![bench.dir.path().join("inputs"), bench.dir.path().join("work")];
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                pending.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
                continue;
            }
            searched += 1;
            let bytes = std::fs::read(&path).unwrap();
            for needle in [canary.as_bytes(), &digest, hex(&digest).as_bytes(), b"canary-7f3a91c4"]
            {
                assert!(!bytes.windows(needle.len()).any(|w| w == needle), "{}", path.display());
            }
        }
        assert!(searched >= 3);
    }
}
