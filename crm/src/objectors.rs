//! Identifiers of the persons who object, and the rows of others that hold them too.
//!
//! An objection is of a person, and a person may stand in a file under several ids. So an address
//! or a mobile number of a row that objects takes every row out that holds it; a number of a
//! household, which may be another person's, is only taken off the other rows. This is one step:
//! rows that are taken out this way take no others out [N-68].
//!
//! Two sorted streams are merged, of which neither is held in memory. Nothing is sorted again
//! unless a row is hit.

use super::columns;
use super::counts::Tally;
use super::merge::{BY_VALUE_LEN, Kept, Merged, value};
use super::order::Stream;
use super::scan::{Found, HOUSEHOLD, Reasons, ScannedRow};
use crate::error::CrmError;
use normalize::Reason;
use store::sealed::fill;
use store::spill::Workspace;
use store::spill::{FixedSorted, FixedSorter, SealedLog, SealedRecords};

/// Gathers the identifiers of the ids that object.
pub(super) struct Objectors {
    /// Number of the id ‖ kind ‖ digest ‖ household.
    held: SealedLog,
    /// Numbers of the ids whose objection stands, in order.
    standing: SealedLog,
    number: u64,
    any_held: bool,
}

impl Objectors {
    pub(super) fn new(workspace: &Workspace) -> Result<Self, CrmError> {
        Ok(Self {
            held: SealedLog::new(&workspace.directory)?,
            standing: SealedLog::new(&workspace.directory)?,
            number: 0,
            any_held: false,
        })
    }

    /// Takes what a row of the id at hand holds, of whatever kind the terms list.
    pub(super) fn hold(&mut self, row: &ScannedRow<'_>) -> Result<(), CrmError> {
        self.any_held = true;
        for found in row.identifiers.iter().map(Found::decode) {
            let mut value = [0; VALUE_LEN];
            fill(&mut value, &[&[found.kind], &found.digest, &[found.household.into()]]);
            self.held.push_parts(&[&self.number.to_be_bytes(), &value])?;
        }
        Ok(())
    }

    /// Ends the id at hand.
    pub(super) fn close(&mut self, objects: bool) -> Result<(), CrmError> {
        if objects {
            self.standing.push(&self.number.to_be_bytes())?;
        }
        self.number += u64::from(self.any_held);
        self.any_held = false;
        Ok(())
    }

    /// Identifiers of the ids whose objection stands, by value; `None` if there are none.
    fn values(self, workspace: &Workspace) -> Result<Option<FixedSorted>, CrmError> {
        let (held, standing) = (self.held.finish()?, self.standing.finish()?);
        if standing.records() == 0 || held.records() == 0 {
            return Ok(None);
        }
        let Workspace { directory, memory_bytes } = workspace;
        let mut values = FixedSorter::new(directory, VALUE_LEN, memory_bytes / 4)?;
        let (mut held, mut standing) = (held.read()?, standing.read()?);
        let number = |record: &[u8]| record.first_chunk::<8>().copied();
        let mut next = standing.next_record()?.and_then(number);
        while let Some(record) = held.next_record()? {
            let Some((of, value)) = record.split_first_chunk::<8>() else { break };
            while next.is_some_and(|next| next < *of) {
                next = standing.next_record()?.and_then(number);
            }
            if next == Some(*of) {
                values.push(value)?;
            }
        }
        Ok(Some(values.finish()?))
    }
}

/// Rows that are left once the objections of others are applied, with their identifiers by value.
pub(super) struct Unobjected {
    pub(super) rows: SealedRecords,
    pub(super) by_value: FixedSorted,
}

/// Takes rows out that hold what an objecting row holds, and household numbers off the others.
pub(super) fn apply(
    merged: Merged,
    objectors: Objectors,
    workspace: &Workspace,
    tally: &mut Tally,
    reasons: &mut Reasons<'_>,
) -> Result<Unobjected, CrmError> {
    let Merged { rows, by_value } = merged;
    let mut by_value = by_value.finish()?;
    let Some(values) = objectors.values(workspace)? else {
        return Ok(Unobjected { rows, by_value });
    };
    let hits = hits(&mut by_value, values, workspace)?;
    if hits.records() == 0 {
        by_value.rewind()?;
        return Ok(Unobjected { rows, by_value });
    }
    drop(by_value);
    let striking = Striking {
        hits: Stream::of(hits),
        ordinal: 0,
        kept: Kept::new(workspace)?,
        tally,
        reasons,
    };
    let Merged { rows, by_value } = striking.all(&rows, workspace)?;
    Ok(Unobjected { rows, by_value: by_value.finish()? })
}

/// Merges both orders of values: ordinal ‖ household of each identifier that is held by an
/// objecting row too, in the order of the ordinals.
fn hits(
    by_value: &mut FixedSorted,
    values: FixedSorted,
    workspace: &Workspace,
) -> Result<FixedSorted, CrmError> {
    let Workspace { directory, memory_bytes } = workspace;
    let mut hits = FixedSorter::new(directory, HIT_LEN, memory_bytes / 4)?;
    let mut values = Stream::<VALUE_LEN>::of(values);
    let mut objected: Option<[u8; VALUE_LEN]> = None;
    while let Some(chunk) = by_value.next_chunk(CHUNK_BYTES)? {
        for record in chunk.as_chunks::<BY_VALUE_LEN>().0 {
            let ((kind, digest), ordinal, flags) = value(record);
            let mut wanted = [0; VALUE_LEN];
            // The greatest record of this value, so that all of them are passed.
            fill(&mut wanted, &[&[kind], digest, &[1]]);
            while let Some(next) = values.next_if(|next| *next <= wanted)? {
                objected = Some(next);
            }
            // Of one value the last says whether any row knows it for a household's.
            let Some([of @ .., household]) = &objected else { continue };
            if wanted.starts_with(of) {
                let household = *household == 1 || flags & HOUSEHOLD != 0;
                let mut hit = [0; HIT_LEN];
                fill(&mut hit, &[ordinal, &[household.into()]]);
                hits.push(&hit)?;
            }
        }
    }
    Ok(hits.finish()?)
}

/// A pass over the rows that takes out what was hit.
struct Striking<'a, 'b> {
    hits: Stream<HIT_LEN>,
    /// Number of the next identifier.
    ordinal: u64,
    kept: Kept,
    tally: &'a mut Tally,
    reasons: &'a mut Reasons<'b>,
}

impl Striking<'_, '_> {
    fn all(mut self, rows: &SealedRecords, workspace: &Workspace) -> Result<Merged, CrmError> {
        let mut rows = rows.read()?;
        while let Some(bytes) = rows.next_record()? {
            let (sources, encoded) = bytes.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
            let row = ScannedRow::decode(encoded)
                .ok_or_else(|| CrmError::contradiction(&workspace.directory))?;
            self.row(&row, u64::from_be_bytes(*sources))?;
        }
        self.kept.finish()
    }

    fn row(&mut self, row: &ScannedRow<'_>, sources: u64) -> Result<(), CrmError> {
        let mut left = Vec::with_capacity(row.identifiers.len());
        let mut households = Vec::new();
        let mut objected = false;
        for encoded in row.identifiers {
            let ordinal = self.ordinal.to_be_bytes();
            self.ordinal += 1;
            match self.hits.next_of(&ordinal)? {
                None => left.push(*encoded),
                Some([.., 1]) => households.push(Found::decode(encoded)),
                Some(_) => objected = true,
            }
        }
        if objected {
            self.tally.counts.excluded_optout_by_identifier += 1;
            self.tally.leave_out(Reason::RowOptoutByIdentifier);
            return self.reasons.note(row.row_id, row.line, "", Reason::RowOptoutByIdentifier);
        }
        for found in households.iter().filter(|found| found.used) {
            let name = columns::name(found.column.into());
            self.tally.reject(name, Reason::IdentifierObjected);
            self.reasons.note(row.row_id, row.line, name, Reason::IdentifierObjected)?;
        }
        let row = ScannedRow { identifiers: &left, ..*row };
        if row.is_usable() {
            return self.kept.push(&row, sources);
        }
        self.tally.counts.excluded_no_usable_identifier += 1;
        self.tally.leave_out(Reason::RowNoUsableIdentifier);
        self.reasons.note(row.row_id, row.line, "", Reason::RowNoUsableIdentifier)
    }
}

/// kind ‖ digest ‖ household.
const VALUE_LEN: usize = 1 + 32 + 1;
/// ordinal ‖ household.
const HIT_LEN: usize = 8 + 1;
const CHUNK_BYTES: usize = 1 << 20;
