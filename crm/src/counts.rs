//! Counts of a CRM file: populations, reasons, sharing; never a value of a row.

use std::collections::BTreeMap;

use report::Text;
use serde::{Deserialize, Serialize};

use normalize::{Normalized, Reason};
use tabular::Input;
use tabular::tally::add;
use tabular::tally::add_all;

use crate::columns::Values;
use crate::departures::LeftOut;
use crate::error::CrmError;
use crate::scan::ScannedRow;
use crate::words::{UnknownWords, Words};

/// Populations of an input, as the report defines them; no value of any row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputCounts {
    /// Rows in all files.
    pub rows_read: u64,
    /// Rows merged into another with the same row id.
    pub rows_merged: u64,
    /// Distinct rows.
    pub rows: u64,
    /// Rows left out for an objection in scope, or one that is not understood.
    pub excluded_optout: u64,
    /// Rows left out because a row that objects holds an address or mobile number of theirs.
    #[serde(default)]
    pub excluded_optout_by_identifier: u64,
    /// Rows left out without consent to the purpose, or without evidence of it.
    pub excluded_consent: u64,
    /// Rows left out because no identifier of an agreed kind is usable.
    pub excluded_no_usable_identifier: u64,
    /// Rows left out, by reason code.
    #[serde(default)]
    pub rows_left_out: BTreeMap<String, u64>,
    /// Files whose last line has no line end, which the operator allowed.
    #[serde(default)]
    pub open_last_lines: u64,
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
    /// Telephone numbers that were read, by their line: `mobile`, `fixed`, `unknown` where the plan
    /// does not tell, `digest` where nobody can see it.
    #[serde(default)]
    pub line_types: BTreeMap<String, u64>,
    /// Identifiers of eligible rows by kind.
    #[serde(default)]
    pub identifiers: BTreeMap<String, u64>,
    /// Identifiers that several eligible rows hold, by kind.
    #[serde(default)]
    pub shared: BTreeMap<String, SharedIdentifiers>,
    /// Identifiers refused because more rows hold them than their kind allows, by kind.
    #[serde(default)]
    pub shared_refused: BTreeMap<String, SharedIdentifiers>,
    /// Rows by where they come from; a row of two sources counts in both.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceCounts>,
}

impl InputCounts {
    /// The error of files without an eligible row, with the reason that most rows were left out
    /// for.
    #[must_use]
    pub fn empty(&self, inputs: &[Input]) -> CrmError {
        let most = self.rows_left_out.iter().max_by_key(|(_, rows)| **rows);
        let most = most.map(|(code, rows)| (code.clone(), *rows));
        CrmError::Empty { file: crate::shown(inputs), rows: self.rows, most }
    }
}

/// Sharing of identifiers of one kind between rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedIdentifiers {
    /// Distinct identifiers held by more than one row.
    pub identifiers: u64,
    /// Most rows that hold one of them.
    pub rows_max: u64,
}

/// Rows of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceCounts {
    /// Rows read of it.
    pub rows_read: u64,
    /// Distinct rows it holds.
    pub rows: u64,
    /// Rows among them that may be used.
    pub eligible: u64,
}

/// Counts of the values of one column, by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ColumnCounts {
    /// Values that gave an identifier of an agreed kind.
    pub valid: u64,
    /// Empty fields and null markers.
    pub absent: u64,
    /// Values left out, by reason code.
    pub rejected: BTreeMap<String, u64>,
    /// Slots that the column costs every row of a session.
    pub slots: usize,
}

impl ColumnCounts {
    /// True if no row has a value in the column.
    #[must_use]
    pub fn is_always_empty(&self) -> bool {
        self.valid == 0 && self.rejected.is_empty()
    }
}

/// Knowledge of an input before a run; nothing of it is kept.
#[derive(Debug)]
pub struct Survey {
    /// The files, in the order they were named.
    pub files: Vec<FileUse>,
    /// Populations.
    pub counts: InputCounts,
    /// Values by column of identifiers, under the names of the files.
    pub columns: BTreeMap<String, ColumnCounts>,
    /// Distinct identifiers of eligible rows.
    pub distinct: u64,
    /// Words of the columns that decide about a row, where nobody explained them.
    pub unknown: Vec<UnknownWords>,
}

/// Understanding of a file: its form and its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct FileUse {
    /// The tag of its rows, unless they have their own.
    pub tag: String,
    /// Form of the file: `csv`, `ndjson` or `parquet`.
    pub format: &'static str,
    /// Columns of the file, in its order.
    pub columns: Vec<ColumnUse>,
    /// Identifiers that a row of it can have at most: by its columns and the agreed kinds alone,
    /// whatever its rows hold.
    pub row_identifiers_max: usize,
}

/// Understanding of a column of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnUse {
    /// Name of the column, as it may be printed.
    pub name: String,
    /// Meaning under which it is read; `None` for a column that is not read.
    pub meaning: Option<Text>,
    /// True if the settings list it as ignored; other columns that are not read are known, and not
    /// used in this version.
    pub ignored: bool,
}

/// Counts of one scan, gathered as it goes.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) counts: InputCounts,
    /// Values by the number of their column.
    pub(super) columns: BTreeMap<u16, ColumnCounts>,
    /// Cells of purposes, and of objections, that nobody explained.
    pub(super) unknown: [Words; 2],
    /// Rows that are left out for a reason of rights.
    pub(super) left_out: Option<LeftOut>,
}

impl Tally {
    /// Adds what the scan of further rows counted; it does not count rows by their use.
    pub(super) fn absorb(&mut self, other: Self) {
        let (to, from) = (&mut self.counts, other.counts);
        to.rows_read += from.rows_read;
        to.values_read += from.values_read;
        for (to, from) in [
            (&mut to.identifiers_rejected, from.identifiers_rejected),
            (&mut to.warnings, from.warnings),
            (&mut to.repairs, from.repairs),
            (&mut to.line_types, from.line_types),
        ] {
            add_all(to, from);
        }
        for (to, from) in self.unknown.iter_mut().zip(other.unknown) {
            to.absorb(from);
        }
        for (number, from) in other.columns {
            let to = self.columns.entry(number).or_default();
            to.valid += from.valid;
            to.absent += from.absent;
            add_all(&mut to.rejected, from.rejected);
        }
    }

    /// Counts a value or an identifier that is left out.
    pub(super) fn reject(&mut self, column: u16, reason: Reason) {
        add(&mut self.counts.identifiers_rejected, reason.code());
        add(&mut self.columns.entry(column).or_default().rejected, reason.code());
    }

    /// Counts a row that is left out under its reason.
    pub(super) fn leave_out(
        &mut self,
        row: &ScannedRow<'_>,
        reason: Reason,
    ) -> Result<(), CrmError> {
        self.count_left_out(reason);
        self.left_out.as_mut().map_or(Ok(()), |left_out| left_out.note(row, reason))
    }

    /// Counts a row that is left out because it objects, with the number of its id.
    pub(super) fn object(
        &mut self,
        row: &ScannedRow<'_>,
        reason: Reason,
        number: u64,
    ) -> Result<(), CrmError> {
        self.count_left_out(reason);
        self.left_out.as_mut().map_or(Ok(()), |left_out| left_out.objects(number, row.row_id))
    }

    /// Counts a row that is left out for what an earlier file said.
    pub(super) fn count_left_out(&mut self, reason: Reason) {
        add(&mut self.counts.rows_left_out, reason.code());
    }

    /// Counts the warnings and repairs of a value that was accepted.
    pub(super) fn accept(&mut self, normalized: &Normalized) {
        for warning in normalized.warnings() {
            add(&mut self.counts.warnings, warning.code());
        }
        if let Some(repair) = normalized.repair() {
            add(&mut self.counts.repairs, repair.code());
        }
    }

    /// Counts the line of a telephone number that was read.
    pub(super) fn count_line(&mut self, values: Values, found: &[Normalized]) {
        let line = match (values, found.first().and_then(Normalized::line)) {
            (_, None) => return,
            (Values::PhoneDigest, Some(_)) => "digest",
            (_, Some(line)) => line.name(),
        };
        add(&mut self.counts.line_types, line);
    }

    /// Counts the identifiers of a row that may be used, which are in the order of their kinds.
    pub(super) fn count_kinds(&mut self, kinds: impl IntoIterator<Item = u8>) {
        let mut last = None;
        for kind in kinds {
            add(&mut self.counts.identifiers, kind_name(kind));
            if last != Some(kind) {
                add(&mut self.counts.eligible_with, kind_name(kind));
                last = Some(kind);
            }
        }
    }

    /// Counts an identifier that `rows` rows hold; a row holds each once.
    pub(super) fn count_shared(&mut self, kind: u8, rows: u64, refused: bool) {
        if rows < 2 {
            return;
        }
        let counts = &mut self.counts;
        let by_kind = if refused { &mut counts.shared_refused } else { &mut counts.shared };
        let shared = by_kind.entry(kind_name(kind).to_owned()).or_default();
        shared.identifiers += 1;
        shared.rows_max = shared.rows_max.max(rows);
    }
}

fn kind_name(code: u8) -> &'static str {
    protocol::identifier::IdentifierKind::from_code(code).map_or("unknown", |kind| kind.name())
}
