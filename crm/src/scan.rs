//! The scan: plaintext goes in, and rows of digests come out, sorted by row id.

use std::borrow::Cow;
use std::io;
use std::mem;

use jiff::Timestamp;
use protocol::error::Bug;
use sha2::{Digest, Sha256};
use store::StoreError;
use zeroize::Zeroizing;

use super::columns::{self, IdentifierField, InputColumns, Names, SCHEMA, Values};
use super::counts::{FileUse, Tally};
use super::departures::Departed;
use super::gate::Gate;
use super::sources::{Sources, set_of};
use super::{InputRules, RowReasons};
use crate::error::CrmError;
use normalize::{Country, Kind, Level, Line, Normalized, Outcome, PhoneContext, Reason};
use store::record::zerocopy::FromBytes as _;
use store::record::{BigEndian, Record as _, U16, U64, record};
use store::spill::Workspace;
use store::spill::{VarSorter, grow};
use tabular::batch::{self, RowBatch, look_ahead};
use tabular::cell::{self, TimeFault};
use tabular::tally::add;
use tabular::{Cell, Input, InputError, InputFile, Reading, Row, RowSource, SourceError};

/// Every row of an input after the scan.
pub(super) struct Scanned {
    pub(super) rows: VarSorter,
    pub(super) tally: Tally,
    pub(super) sources: Sources,
    pub(super) files: Vec<FileUse>,
    pub(super) names: Names,
}

/// Reads every row, normalizes its identifiers, and sorts what is left by row id.
pub(super) fn scan(
    inputs: &[Input],
    rules: &InputRules<'_>,
    workspace: &Workspace,
    reasons: &mut Reasons<'_>,
) -> Result<Scanned, CrmError> {
    columns::check_rules(rules)?;
    let mut scanned = Scanned {
        rows: VarSorter::new(&workspace.directory, workspace.memory_bytes)?,
        tally: Tally::default(),
        sources: Sources::default(),
        files: Vec::new(),
        names: Names::default(),
    };
    for Input { reading, .. } in inputs {
        columns::check_reading(reading)?;
    }
    rules.watched.began_reading(inputs);
    for input in inputs {
        scanned.read(input, rules, reasons)?;
    }
    Ok(scanned)
}

impl Scanned {
    fn read(
        &mut self,
        input: &Input,
        rules: &InputRules<'_>,
        reasons: &mut Reasons<'_>,
    ) -> Result<(), CrmError> {
        let Input { file, reading } = input;
        let columns = InputColumns::of(reading, rules, &mut self.names)?;
        let look = Look { rules, reading, columns: &columns };
        let refused = |fault| CrmError::from(SourceError::input(&file.shown())(fault));
        let mut source = RowSource::open(input, &SCHEMA, rules.watched)?;
        columns::check(&source, reading)?;
        look_ahead(
            &mut source,
            refused,
            |batch| Digested::of(batch, look),
            |mut digested| {
                self.take(&mut digested, file, reasons)?;
                digested.failure.map_or(Ok(()), |failure| Err(refused(failure)))
            },
        )?;
        // Columns may have appeared on the way.
        columns::check(&source, reading)?;
        self.tally.counts.open_last_lines += u64::from(source.ended_open());
        if reading.fields.as_ref().is_some_and(|map| !map.contains_key(&columns::OBJECTIONS)) {
            add(&mut self.tally.counts.warnings, OBJECTIONS_UNMAPPED);
        }
        let mut row_identifiers_max = 0;
        for (number, slots) in columns.present(&source) {
            row_identifiers_max += slots;
            let counts = self.tally.columns.entry(number).or_default();
            counts.slots = slots.max(counts.slots);
        }
        self.files.push(FileUse {
            tag: file.tag.clone(),
            format: source.format().name(),
            columns: columns::uses(&source),
            row_identifiers_max,
        });
        Ok(())
    }

    /// Takes what a batch gave, and numbers the sources of its rows.
    fn take(
        &mut self,
        digested: &mut Digested,
        file: &InputFile,
        reasons: &mut Reasons<'_>,
    ) -> Result<(), CrmError> {
        self.tally.absorb(mem::take(&mut digested.tally));
        let mut numbers = Vec::with_capacity(digested.tags.len());
        for (tag, rows) in &digested.tags {
            let number = self.sources.of(tag, &file.tag);
            let counts = &mut self.tally.counts;
            self.sources.each(set_of(number), counts, |of| of.rows_read += rows);
            numbers.push(number);
        }
        let mut start = 0;
        let mut rejected = digested.rejected.iter().peekable();
        for (at, end) in digested.ends.iter().enumerate() {
            let bytes = digested.rows.get_mut(start..*end).ok_or(Bug::invariant())?;
            let source = ScannedRow::source_mut(bytes).ok_or(Bug::invariant())?;
            *source = *numbers.get(usize::from(*source)).ok_or(Bug::invariant())?;
            if reasons.0.is_some() {
                let row =
                    ScannedRow::decode(bytes).ok_or_else(|| CrmError::contradiction(&file.path))?;
                while let Some(of) = rejected.next_if(|of| of.row == at) {
                    reasons.note(row.row_id, row.line, self.names.of(of.column), of.reason)?;
                }
                reasons.note_row(&row)?;
            }
            self.rows.push(bytes)?;
            start = *end;
        }
        Ok(())
    }
}

/// Yield of a batch of rows, until its turn comes.
#[derive(Default)]
struct Digested {
    /// Encoded rows one after the other; the source of each is the place of its tag in `tags`.
    rows: Zeroizing<Vec<u8>>,
    /// End of each row.
    ends: Vec<usize>,
    /// Statements of the column `source`, in the order of the rows, and how many rows make each.
    tags: Vec<(String, u64)>,
    tally: Tally,
    /// Values that are left out, in the order of the rows.
    rejected: Vec<Rejected>,
    /// The row that ends the scan, after those above.
    failure: Option<InputError>,
}

/// A value that is left out.
struct Rejected {
    /// Place of its row in the batch.
    row: usize,
    column: u16,
    reason: Reason,
}

/// Knowledge by which the rows of one input are looked at.
#[derive(Clone, Copy)]
struct Look<'a> {
    rules: &'a InputRules<'a>,
    reading: &'a Reading,
    columns: &'a InputColumns,
}

impl Digested {
    fn of(batch: &RowBatch, look: Look<'_>) -> Self {
        let mut digested = Self::default();
        let mut identifiers = Vec::new();
        for row in batch.rows() {
            digested.tally.counts.rows_read += 1;
            if let Err(failure) = digested.push(&row, look, &mut identifiers) {
                digested.failure = Some(failure);
                break;
            }
        }
        digested
    }

    fn push(
        &mut self,
        row: &Row<'_>,
        look: Look<'_>,
        identifiers: &mut Vec<Found>,
    ) -> Result<(), InputError> {
        let Look { rules, reading, columns } = look;
        let line = row.line();
        let row_id = row.text(columns::ROW_ID);
        let row_id = checked_id(&row_id, &reading.row_prefix, line)?;
        if row.is_rounded(columns::ROW_ID) {
            return Err(InputError::NumberForRowId { line });
        }
        self.listed(row, columns::CONSENT_NOTICE, columns.notice);
        let (source, country, postcode) = (
            self.listed(row, columns::SOURCE, columns.source),
            self.listed(row, columns::COUNTRY, columns.country),
            self.listed(row, columns::POSTCODE, columns.postcode),
        );
        let stated = reading.region.as_ref().filter(|_| is_unstated(&country));
        let country = stated.map_or(&*country, |region| region.as_str());
        let context = PhoneContext { country: Some(country), postcode: Some(&postcode) };
        let unread = self.identifiers(row, &context, look, identifiers)?;
        self.cut(identifiers, columns.row_identifiers_max.min(rules.row_width.into()));
        identifiers.sort_by_key(|found| found.kind);
        let source = self.tag(&source);
        let (gate, consent_at) = Gate::of(row, &rules.gate);
        if gate.objects() && unread > 0 {
            // Another row of this person may hold the value in a form that can be read.
            *self.tally.counts.warnings.entry(OBJECTOR_UNREAD.to_owned()).or_default() += unread;
        }
        let unexplained = match gate {
            Gate::ConsentUnknown => Some((columns::CONSENT_PURPOSES, 0)),
            Gate::ObjectionUnknown => Some((columns::OBJECTIONS, 1)),
            _ => None,
        };
        if let Some((at, which)) = unexplained
            && let Some(words) = self.tally.unknown.get_mut(which)
        {
            words.note(&row.text(at));
        }
        let (updated_at, zoned) = self.age(row, rules.gate.now, gate);
        let found = identifiers.iter();
        let found: Vec<Encoded> = found.map(Found::encode).collect();
        let encoded = ScannedRow {
            row_id: row_id.as_bytes(),
            updated_at,
            gate,
            evidence: &consent_evidence(row, consent_at),
            consent_at: consent_at.map_or(0, |at| u64::try_from(at.as_second()).unwrap_or(0)),
            identifiers: &found,
            zoned,
            source,
            line,
        };
        encoded.encode(&mut self.rows);
        self.ends.push(self.rows.len());
        Ok(())
    }

    /// Reads all identifiers of a row; the number of values that cannot be read.
    fn identifiers(
        &mut self,
        row: &Row<'_>,
        context: &PhoneContext<'_>,
        look: Look<'_>,
        identifiers: &mut Vec<Found>,
    ) -> Result<u64, InputError> {
        let line = row.line();
        identifiers.clear();
        let mut unread = 0;
        for field in &look.columns.identifiers {
            for (which, raw) in row.values(field.position) {
                let column = field.columns.get(which).ok_or(InputError::Parser { line })?;
                let value = Value { raw: &raw, column: *column, field, context };
                unread += u64::from(!self.normalize(value, look, identifiers));
                // None may be left out, because objections see them all.
                if identifiers.len() > ROW_IDENTIFIERS_READ_MAX {
                    return Err(InputError::RecordTooLong { line });
                }
            }
        }
        Ok(unread)
    }

    /// The text of a field; a value that the map does not list is told, and is none.
    fn listed<'a>(&mut self, row: &Row<'a>, position: usize, column: u16) -> Cow<'a, str> {
        let cell = row.cell(position);
        if cell == Cell::Unlisted {
            let reason = Reason::ColumnValueUnknown;
            add(&mut self.tally.counts.warnings, reason.code());
            self.rejected.push(Rejected { row: self.ends.len(), column, reason });
        }
        cell.text()
    }

    /// Leaves identifiers out that a row has no slots for, in the order of the map [N-72].
    /// Objections still see them.
    fn cut(&mut self, identifiers: &mut [Found], slots: usize) {
        let used = identifiers.iter_mut().filter(|found| found.used);
        for found in used.skip(slots) {
            found.used = false;
            self.reject(found.column, Reason::IdentifierBeyondWidth);
        }
    }

    /// Microseconds since 1970 of a readable age, and whether its instant is known; else 0.
    ///
    /// When in a day somebody objected nobody knows: what a row restricts holds to the end of it.
    fn age(&mut self, row: &Row<'_>, now: u64, gate: Gate) -> (u64, bool) {
        match row.time(columns::UPDATED_AT, now) {
            Ok(time) => {
                let at = if gate == Gate::Eligible { time.at } else { time.until };
                (u64::try_from(at.as_microsecond()).unwrap_or(0), time.zoned)
            }
            Err(TimeFault::Absent) => (0, false),
            Err(_) => {
                add(&mut self.tally.counts.warnings, UPDATED_AT_UNREADABLE);
                (0, false)
            }
        }
    }

    /// The place of a tag among those of the batch.
    fn tag(&mut self, tag: &str) -> u8 {
        let known = self.tags.iter().position(|(known, _)| known == tag);
        let at = known.unwrap_or_else(|| {
            self.tags.push((tag.to_owned(), 0));
            self.tags.len() - 1
        });
        if let Some((_, rows)) = self.tags.get_mut(at) {
            *rows += 1;
        }
        const { assert!(batch::ROWS <= 256, "no more tags than a byte has values") };
        u8::try_from(at).unwrap_or(u8::MAX)
    }

    fn reject(&mut self, column: u16, reason: Reason) {
        self.tally.reject(column, reason);
        self.rejected.push(Rejected { row: self.ends.len(), column, reason });
    }

    /// Normalizes one value and keeps its identifiers of agreed kinds; false if it cannot be read.
    fn normalize(
        &mut self,
        value: Value<'_>,
        look: Look<'_>,
        identifiers: &mut Vec<Found>,
    ) -> bool {
        let Value { raw, column, field, context } = value;
        let (Look { rules, reading, .. }, values) = (look, field.values);
        let outcome = match values {
            _ if raw.is_empty() => Outcome::Absent,
            Values::Email => rules.normalizer.email(raw),
            Values::EmailDigest => rules.normalizer.email_sha256(raw, reading.email_sha256),
            Values::Phone => rules.normalizer.phone(raw, context),
            Values::PhoneDigest => rules.normalizer.phone_sha256(raw, reading.phone_sha256),
        };
        let read = !matches!(outcome, Outcome::Reject(_));
        match outcome {
            Outcome::Ok(found) => {
                self.tally.counts.values_read += 1;
                let allowed = field.allowed;
                if allowed {
                    self.tally.count_line(values, &found);
                } else {
                    self.reject(column, Reason::FieldNotAllowed);
                }
                let mut valid = false;
                for normalized in found {
                    let mut found = Found::of(&normalized, values, column);
                    if allowed {
                        self.tally.accept(&normalized);
                        let refused = rules.unmatchable(values, &normalized);
                        found.used = refused.is_none();
                        valid |= found.used;
                        // Of a number in clear the form without `+` is there for objections alone.
                        let extra = values == Values::Phone
                            && normalized.kind() == Kind::PhoneDigits
                            && !rules.kinds.contains(&found.kind);
                        if let Some(reason) = refused.filter(|_| !extra) {
                            self.reject(column, reason);
                        }
                    }
                    found.join(identifiers);
                }
                if allowed {
                    self.tally.columns.entry(column).or_default().valid += u64::from(valid);
                }
            }
            Outcome::Reject(reason) => {
                self.tally.counts.values_read += 1;
                self.reject(column, reason);
            }
            Outcome::Absent => self.tally.columns.entry(column).or_default().absent += 1,
        }
        read
    }
}

/// A value of a row, with what it is read by.
#[derive(Clone, Copy)]
struct Value<'a> {
    raw: &'a str,
    /// Number of its column.
    column: u16,
    field: &'a IdentifierField,
    context: &'a PhoneContext<'a>,
}

/// True if a cell states no country.
fn is_unstated(country: &str) -> bool {
    // `NA` and `NC` are countries.
    cell::is_null(country) && Country::from_code(&country.trim().to_ascii_uppercase()).is_none()
}

/// The id of a row, without outer space, after the prefix of its input [N-66] [N-71].
fn checked_id<'a>(row_id: &'a str, prefix: &str, line: u64) -> Result<Cow<'a, str>, InputError> {
    let row_id = row_id.trim();
    if prefix.len() + row_id.len() > ROW_ID_BYTES_MAX {
        return Err(InputError::LongRowId { line });
    }
    if cell::reference(row_id).is_none() {
        return Err(InputError::NoRowId { line });
    }
    Ok(if prefix.is_empty() { row_id.into() } else { format!("{prefix}{row_id}").into() })
}

/// One row after the scan: no plaintext but its row id.
#[derive(Clone, Copy)]
pub(super) struct ScannedRow<'a> {
    pub(super) row_id: &'a [u8],
    /// Microseconds since 1970; 0 for an age that is absent or not readable.
    pub(super) updated_at: u64,
    pub(super) gate: Gate,
    pub(super) evidence: &'a [u8; 32],
    /// Seconds since 1970.
    pub(super) consent_at: u64,
    /// Encodings of [`Found`], in the order of the kinds, then of the columns, each once.
    pub(super) identifiers: &'a [Encoded],
    /// True if the instant of its age is known; without a zone it may be hours off.
    pub(super) zoned: bool,
    pub(super) source: u8,
    pub(super) line: u64,
}

impl<'a> ScannedRow<'a> {
    /// The row id, a [`RowHead`], the identifiers, a [`RowTail`]: sorts by row id, rows that object
    /// first, then those that lack a consent, then by age, then by content, so that neither the
    /// order of rows nor their files decide which of one id is kept. No row id holds a zero byte:
    /// the readers refuse them.
    pub(super) fn encode(&self, out: &mut Zeroizing<Vec<u8>>) {
        let head = RowHead {
            zero: 0,
            says: match self.gate.reason() {
                Some(_) if self.gate.objects() => 0,
                Some(_) => 1,
                None => 2,
            },
            updated_at: self.updated_at.into(),
            gate: self.gate.code(),
            evidence: *self.evidence,
            consent_at: self.consent_at.into(),
        };
        let tail =
            RowTail { zoned: self.zoned.into(), source: self.source, line: self.line.into() };
        grow(out, self.row_id, usize::MAX);
        grow(out, head.bytes(), usize::MAX);
        self.identifiers.iter().for_each(|one| grow(out, one.bytes(), usize::MAX));
        grow(out, tail.bytes(), usize::MAX);
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let (row_id, rest) = bytes.split_at_checked(end)?;
        let (head, rest) = RowHead::split(rest)?;
        let (identifiers, tail) = RowTail::split_end(rest)?;
        Some(Self {
            row_id,
            updated_at: head.updated_at.get(),
            gate: Gate::from_code(head.gate)?,
            evidence: &head.evidence,
            consent_at: head.consent_at.get(),
            identifiers: Encoded::slice(identifiers)?,
            zoned: tail.zoned == 1,
            source: tail.source,
            line: tail.line.get(),
        })
    }

    /// True if it is of a person who left.
    pub(super) fn is_of(&self, departed: &Departed) -> bool {
        departed.holds(self.row_id, self.identifiers.iter().map(|one| (one.kind, &one.digest)))
    }

    /// True if it has an identifier that it may be matched by.
    pub(super) fn is_usable(&self) -> bool {
        self.identifiers.iter().any(|found| Found::decode(found).used)
    }

    /// Byte of an encoded row that holds its source.
    fn source_mut(bytes: &mut [u8]) -> Option<&mut u8> {
        RowTail::mut_from_suffix(bytes).ok().map(|(_, tail)| &mut tail.source)
    }
}

record! {
    /// Part of an encoded row between its id and its identifiers.
    struct RowHead {
        /// Ends the row id.
        zero: u8,
        /// 0 for a row that objects, 1 for one that lacks a consent.
        says: u8,
        updated_at: U64<BigEndian>,
        gate: u8,
        evidence: [u8; 32],
        consent_at: U64<BigEndian>,
    }
}

record! {
    /// End of an encoded row.
    struct RowTail {
        zoned: u8,
        source: u8,
        line: U64<BigEndian>,
    }
}

record! {
    /// A [`Found`] in an encoded row.
    pub(super) struct Encoded {
        kind: u8,
        digest: [u8; 32],
        flags: u8,
        column: U16<BigEndian>,
    }
}

/// An identifier of a row, and the column it came from.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) kind: u8,
    pub(super) digest: [u8; 32],
    /// True if it is a fixed line, which more rows may share.
    pub(super) fixed: bool,
    /// True if it names a household; a digest does not say so.
    pub(super) household: bool,
    /// True if the row may be matched by it; objections see the others too.
    pub(super) used: bool,
    pub(super) column: u16,
}

impl Found {
    fn of(normalized: &Normalized, values: Values, column: u16) -> Self {
        let clear = matches!(values, Values::Email | Values::Phone);
        Self {
            kind: normalized.kind().code(),
            digest: *normalized.digest().expose_bytes(),
            fixed: normalized.line() == Some(Line::Fixed),
            household: clear && normalized.level() == Level::Household,
            used: false,
            column,
        }
    }

    /// Adds it to those of its row, each of which stands there once.
    fn join(self, identifiers: &mut Vec<Self>) {
        let same = |old: &&mut Self| (old.kind, old.digest) == (self.kind, self.digest);
        match identifiers.iter_mut().find(same) {
            // A digest does not say which line it is of; the number in clear does.
            Some(same) => {
                same.fixed |= self.fixed;
                same.household |= self.household;
                if self.used && !same.used {
                    (same.used, same.column) = (true, self.column);
                }
            }
            None => identifiers.push(self),
        }
    }

    /// Flags of the row in one byte.
    pub(super) fn flags(&self) -> u8 {
        [(self.fixed, FIXED), (self.household, HOUSEHOLD), (self.used, USED)]
            .into_iter()
            .fold(0, |flags, (set, flag)| if set { flags | flag } else { flags })
    }

    fn encode(&self) -> Encoded {
        let Self { kind, digest, column, .. } = *self;
        Encoded { kind, digest, flags: self.flags(), column: column.into() }
    }

    pub(super) fn decode(encoded: &Encoded) -> Self {
        let Encoded { kind, digest, flags, column } = *encoded;
        let has = |flag| flags & flag != 0;
        let (fixed, household, used) = (has(FIXED), has(HOUSEHOLD), has(USED));
        Self { kind, digest, fixed, household, used, column: column.get() }
    }
}

/// SHA-256 of the consent record as it stands in the file, its time in the one form of RFC 3339
/// that ends with `Z`, so that the spelling of a time does not matter.
fn consent_evidence(row: &Row<'_>, at: Option<Timestamp>) -> [u8; 32] {
    let text = row.text(columns::CONSENT_AT);
    let text = text.trim();
    let at = at.filter(|_| !is_plain_time(text)).map(|time| time.to_string());
    let mut hasher = Sha256::new();
    for field in [
        row.text(columns::CONSENT_PURPOSES).trim(),
        row.text(columns::CONSENT_REF).trim(),
        at.as_deref().unwrap_or(text),
        row.text(columns::CONSENT_NOTICE).trim(),
    ] {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field);
    }
    hasher.finalize().into()
}

/// True if a time is spelt as we would spell it: `2026-11-21T09:30:00Z`.
fn is_plain_time(text: &str) -> bool {
    text.len() == PLAIN_TIME.len()
        && text.bytes().zip(PLAIN_TIME.bytes()).all(|(byte, plain)| match plain {
            b'0' => byte.is_ascii_digit(),
            plain => byte == plain,
        })
        // A leap second is spelt as the second before it.
        && !text.ends_with("60Z")
}

/// Taker of reasons, if anybody asked for them.
pub(super) struct Reasons<'a>(pub(super) Option<&'a mut dyn RowReasons>);

impl Reasons<'_> {
    pub(super) fn note(
        &mut self,
        row_id: &[u8],
        line: u64,
        column: &str,
        reason: Reason,
    ) -> Result<(), CrmError> {
        match &mut self.0 {
            Some(to) => to.note(&String::from_utf8_lossy(row_id), line, column, reason).map_err(
                |source: io::Error| {
                    CrmError::Store(StoreError::Io { path: REASONS.into(), source })
                },
            ),
            None => Ok(()),
        }
    }

    /// Notes why a row is left out.
    fn note_row(&mut self, row: &ScannedRow<'_>) -> Result<(), CrmError> {
        let none = || (!row.is_usable()).then_some(Reason::RowNoUsableIdentifier);
        let Some(reason) = row.gate.reason().or_else(none) else { return Ok(()) };
        self.note(row.row_id, row.line, "", reason)
    }
}

/// Name under which a failure to write reasons is told; the caller knows the file.
const REASONS: &str = "the file of reasons";

const PLAIN_TIME: &str = "0000-00-00T00:00:00Z";

/// Bits of an identifier.
pub(super) const FIXED: u8 = 1;
pub(super) const HOUSEHOLD: u8 = 2;
pub(super) const USED: u8 = 4;

/// Name under which a warning about the age of a row is counted.
const UPDATED_AT_UNREADABLE: &str = "updated_at_unreadable";

/// Name under which an unreadable value of a row that objects is counted besides.
/// Warning of an input whose map reads objections from no column.
const OBJECTIONS_UNMAPPED: &str = "objections_not_mapped";

const OBJECTOR_UNREAD: &str = "objector_identifier_unread";

/// The longest row id.
const ROW_ID_BYTES_MAX: usize = 1024;

/// Identifiers of a row in a file, at most: what its encoding has room for.
const ROW_IDENTIFIERS_READ_MAX: usize = 1024;
const _: () = {
    // No value gives more than both kinds of it at once.
    let identifiers = (ROW_IDENTIFIERS_READ_MAX + 2) * Encoded::LEN;
    let row = ROW_ID_BYTES_MAX + RowHead::LEN + identifiers + RowTail::LEN;
    assert!(row <= store::spill::RECORD_LEN_MAX, "a row of so many can be sorted");
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanned_row_has_its_bytes() {
        let found = |kind, flags| {
            let digest = [kind + 0x10; 32];
            Encoded { kind, digest, flags, column: 0x0809.into() }
        };
        let identifiers = [found(1, USED), found(2, FIXED | HOUSEHOLD)];
        let row = ScannedRow {
            row_id: b"r7",
            updated_at: 0x0102_0304_0506_0708,
            gate: Gate::NoTime,
            evidence: &[0xee; 32],
            consent_at: 0x1112_1314_1516_1718,
            identifiers: &identifiers,
            zoned: false,
            source: 3,
            line: 0x2122_2324_2526_2728,
        };
        let mut encoded = Zeroizing::default();
        row.encode(&mut encoded);
        let mut expected = b"r7\0\x01\x01\x02\x03\x04\x05\x06\x07\x08\x05".to_vec();
        expected.extend([0xee; 32]);
        expected.extend(b"\x11\x12\x13\x14\x15\x16\x17\x18\x01");
        expected.extend([0x11; 32]);
        expected.extend(b"\x04\x08\x09\x02");
        expected.extend([0x12; 32]);
        expected.extend(b"\x03\x08\x09\x00\x03\x21\x22\x23\x24\x25\x26\x27\x28");
        assert_eq!(*encoded, expected);

        *ScannedRow::source_mut(&mut encoded).unwrap() = 4;
        let decoded = ScannedRow::decode(&encoded).unwrap();
        assert_eq!((decoded.row_id, decoded.updated_at), (row.row_id, row.updated_at));
        assert_eq!((decoded.gate, decoded.evidence), (row.gate, row.evidence));
        assert_eq!((decoded.consent_at, decoded.line), (row.consent_at, row.line));
        assert!(decoded.identifiers == identifiers && !decoded.zoned);
        assert_eq!(decoded.source, 4);
        assert!(ScannedRow::decode(&expected[..expected.len() - 1]).is_none());
    }

    #[test]
    fn a_time_that_looks_plain_is_spelt_as_we_would() {
        let mut plain = 0;
        for day in ["0000-01-01", "1970-01-01", "2024-02-29", "2026-02-29", "2026-13-01"] {
            for hour in ["00", "09", "23", "24", "99"] {
                for second in ["00", "30", "59", "60", "61"] {
                    for end in ["Z", "z", "+00:00", ".5Z", ""] {
                        let text = format!("{day}T{hour}:15:{second}{end}");
                        let Ok(time) = text.parse::<Timestamp>() else { continue };
                        if is_plain_time(&text) {
                            assert_eq!(time.to_string(), text);
                            plain += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(plain, 3 * 3 * 3, "days, hours and seconds that there are");
        assert!(!is_plain_time("2026-11-21 09:30:00Z") && !is_plain_time("2026-11-21"));
    }
}
