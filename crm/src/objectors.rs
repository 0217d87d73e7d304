//! Identifiers of the persons who object, and the rows of others that hold them too.
//!
//! An objection is of a person, and a person may stand in a file under several ids. So an address
//! or a mobile number of a row that objects takes every row out that holds it; a number of a
//! household, which may be another person's, is only taken off the other rows. This is one step:
//! rows that are taken out this way take no others out [N-68].
//!
//! Two sorted streams are merged, of which neither is held in memory. Nothing is sorted again
//! unless a row is hit.

use protocol::error::Bug;

use super::columns::Names;
use super::counts::Tally;
use super::departures::Ground;
use super::merge::{ByValue, Kept, KeptHead, Merged};
use super::scan::{Found, HOUSEHOLD, Reasons, ScannedRow};
use crate::error::CrmError;
use normalize::Reason;
use store::record::{BigEndian, Record as _, U64, record};
use store::spill::Workspace;
use store::spill::{SealedLog, SealedRecords, Sorted, Sorter};

/// Identifiers of ids, until it is known of each whether it counts.
pub(super) struct Holding {
    /// [`Held`] one after the other.
    held: SealedLog,
    /// [`Standing`] ids, in the order of their numbers.
    standing: SealedLog,
    number: u64,
    any_held: bool,
}

impl Holding {
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
            let Found { kind, digest, household, .. } = found;
            let (number, personal) = (self.number.into(), u8::from(!household));
            self.held.push(Held { number, kind, digest, personal }.bytes())?;
        }
        Ok(())
    }

    /// Number of the id at hand.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Ends the id at hand, which counts on a ground and with the time of a consent, or not.
    pub(super) fn close(&mut self, counts: Option<(Ground, u64)>) -> Result<(), CrmError> {
        if let Some((ground, at)) = counts.filter(|_| self.any_held) {
            let (number, at) = (self.number.into(), at.into());
            self.standing.push(Standing { number, ground: ground.code(), at }.bytes())?;
        }
        self.number += u64::from(self.any_held);
        self.any_held = false;
        Ok(())
    }

    /// Gives the identifiers of the ids that count.
    pub(super) fn each(
        self,
        mut each: impl FnMut(&Standing, &Held) -> Result<(), CrmError>,
    ) -> Result<(), CrmError> {
        let (held, standing) = (self.held.finish()?, self.standing.finish()?);
        if standing.records() == 0 || held.records() == 0 {
            return Ok(());
        }
        let (mut held, mut standing) = (held.read()?, standing.read()?);
        let mut next_standing = || match standing.next_record()? {
            Some(record) => {
                Ok::<_, CrmError>(Some(*Standing::read(record).ok_or(Bug::invariant())?))
            }
            None => Ok(None),
        };
        let mut next = next_standing()?;
        while let Some(record) = held.next_record()? {
            let held = Held::read(record).ok_or(Bug::invariant())?;
            while next.is_some_and(|next| next.number < held.number) {
                next = next_standing()?;
            }
            if let Some(standing) = next.filter(|next| next.number == held.number) {
                each(&standing, held)?;
            }
        }
        Ok(())
    }

    /// Identifiers of the ids whose objection stands, by value; `None` if there are none.
    fn values(self, workspace: &Workspace) -> Result<Option<Sorted<Value>>, CrmError> {
        let Workspace { directory, memory_bytes } = workspace;
        let mut values = Sorter::new(directory, memory_bytes / 4)?;
        let mut any = false;
        self.each(|_, held| {
            let Held { number, kind, digest, personal } = *held;
            any = true;
            Ok(values.push(&Value { kind, digest, personal, number })?)
        })?;
        Ok(if any { Some(values.finish()?) } else { None })
    }
}

/// Rows that are left once the objections of others are applied, with their identifiers by value.
pub(super) struct Unobjected {
    pub(super) rows: SealedRecords,
    pub(super) by_value: Sorted<ByValue>,
}

/// Takes rows out that hold what an objecting row holds, and household numbers off the others.
pub(super) fn apply(
    merged: Merged,
    objectors: Holding,
    workspace: &Workspace,
    (tally, names): (&mut Tally, &Names),
    reasons: &mut Reasons<'_>,
) -> Result<Unobjected, CrmError> {
    let Merged { rows, by_value } = merged;
    let mut by_value = by_value.finish()?;
    let Some(mut values) = objectors.values(workspace)? else {
        return Ok(Unobjected { rows, by_value });
    };
    if let Some(left_out) = &mut tally.left_out {
        let mut of: Option<Value> = None;
        while let Some(value) = values.next_record()? {
            let first = *of.filter(|of| of.is_of(&value)).get_or_insert(value);
            of = Some(first);
            if first.personal == 1 {
                left_out.objected(value.number.get(), value.kind, &value.digest)?;
            }
        }
        values.rewind()?;
    }
    let hits = hits(&mut by_value, values, workspace)?;
    if hits.records() == 0 {
        by_value.rewind()?;
        return Ok(Unobjected { rows, by_value });
    }
    drop(by_value);
    let kept = Kept::new(workspace)?;
    let striking = Striking { hits, ordinal: 0, kept, tally, names, reasons };
    let Merged { rows, by_value } = striking.all(&rows, workspace)?;
    Ok(Unobjected { rows, by_value: by_value.finish()? })
}

/// Merges both orders of values: a hit for each identifier that is held by an objecting row too, in
/// the order of the ordinals.
fn hits(
    by_value: &mut Sorted<ByValue>,
    mut values: Sorted<Value>,
    workspace: &Workspace,
) -> Result<Sorted<Hit>, CrmError> {
    let Workspace { directory, memory_bytes } = workspace;
    let mut hits = Sorter::new(directory, memory_bytes / 4)?;
    let mut objected: Option<Value> = None;
    while let Some(ByValue { kind, digest, ordinal, flags }) = by_value.next_record()? {
        let is_passed = |next: &Value| (next.kind, &next.digest) <= (kind, &digest);
        while let Some(next) = values.next_if(is_passed)? {
            if objected.is_none_or(|first| !first.is_of(&next)) {
                objected = Some(next);
            }
        }
        if let Some(objected) = objected.filter(|one| (one.kind, one.digest) == (kind, digest)) {
            let household = objected.personal == 0 || flags & HOUSEHOLD != 0;
            hits.push(&Hit { ordinal, household: household.into() })?;
        }
    }
    Ok(hits.finish()?)
}

/// A pass over the rows that takes out what was hit.
struct Striking<'a, 'b> {
    hits: Sorted<Hit>,
    /// Number of the next identifier.
    ordinal: u64,
    kept: Kept,
    tally: &'a mut Tally,
    names: &'a Names,
    reasons: &'a mut Reasons<'b>,
}

impl Striking<'_, '_> {
    fn all(mut self, rows: &SealedRecords, workspace: &Workspace) -> Result<Merged, CrmError> {
        let mut rows = rows.read()?;
        while let Some(bytes) = rows.next_record()? {
            let kept = KeptHead::split(bytes);
            let kept = kept.and_then(|(head, row)| Some((head, ScannedRow::decode(row)?)));
            let (head, row) = kept.ok_or_else(|| CrmError::contradiction(&workspace.directory))?;
            self.row(&row, head.sources.get())?;
        }
        self.kept.finish()
    }

    fn row(&mut self, row: &ScannedRow<'_>, sources: u64) -> Result<(), CrmError> {
        let mut left = Vec::with_capacity(row.identifiers.len());
        let mut households = Vec::new();
        let mut objected = false;
        for encoded in row.identifiers {
            let ordinal = self.ordinal;
            self.ordinal += 1;
            match self.hits.next_if(|hit| hit.ordinal.get() == ordinal)? {
                None => left.push(*encoded),
                Some(Hit { household: 1, .. }) => households.push(Found::decode(encoded)),
                Some(_) => objected = true,
            }
        }
        if objected {
            self.tally.counts.excluded_optout_by_identifier += 1;
            self.tally.leave_out(row, Reason::RowOptoutByIdentifier)?;
            return self.reasons.note(row.row_id, row.line, "", Reason::RowOptoutByIdentifier);
        }
        for found in households.iter().filter(|found| found.used) {
            let name = self.names.of(found.column);
            self.tally.reject(found.column, Reason::IdentifierObjected);
            self.reasons.note(row.row_id, row.line, name, Reason::IdentifierObjected)?;
        }
        let row = ScannedRow { identifiers: &left, ..*row };
        if row.is_usable() {
            return self.kept.push(&row, sources);
        }
        self.tally.counts.excluded_no_usable_identifier += 1;
        self.tally.leave_out(&row, Reason::RowNoUsableIdentifier)?;
        self.reasons.note(row.row_id, row.line, "", Reason::RowNoUsableIdentifier)
    }
}

record! {
    /// An identifier that an objecting row holds, and the number of the id; of one value the first
    /// says whether any row knows it for a household's.
    #[derive(PartialOrd, Ord)]
    struct Value {
        kind: u8,
        digest: [u8; 32],
        personal: u8,
        number: U64<BigEndian>,
    }
}

impl Value {
    fn is_of(&self, other: &Self) -> bool {
        (self.kind, self.digest) == (other.kind, other.digest)
    }
}

record! {
    /// An identifier with the number of the id that holds it.
    pub(super) struct Held {
        number: U64<BigEndian>,
        pub(super) kind: u8,
        pub(super) digest: [u8; 32],
        /// 0 if the row knows it for a household's.
        pub(super) personal: u8,
    }
}

record! {
    /// Number of an id that counts, the code of the ground, and the time of a consent.
    pub(super) struct Standing {
        number: U64<BigEndian>,
        pub(super) ground: u8,
        pub(super) at: U64<BigEndian>,
    }
}

record! {
    /// An identifier of another row that an objecting row holds too.
    struct Hit {
        ordinal: U64<BigEndian>,
        household: u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objections_and_hits_have_their_bytes() {
        let (kind, digest, personal) = (2, [0xdd; 32], 1);
        let number = 0x0102_0304_0506_0708.into();
        let counted = [1, 2, 3, 4, 5, 6, 7, 8];
        let expected = [&counted[..], &[2], &[0xdd; 32], &[1]].concat();
        assert_eq!(Held { number, kind, digest, personal }.bytes(), expected);
        let expected = [&[2][..], &[0xdd; 32], &[1], &counted].concat();
        assert_eq!(Value { kind, digest, personal, number }.bytes(), expected);
        let expected = [&counted[..], &[3], &counted].concat();
        assert_eq!(Standing { number, ground: 3, at: number }.bytes(), expected);
        assert_eq!(Hit { ordinal: number, household: 1 }.bytes(), [1, 2, 3, 4, 5, 6, 7, 8, 1]);
    }
}
