//! Canary rows: padding rows whose answers the advertiser knows beforehand, shuffled order.
//!
//! A canary element is w_j·G, uniform like everything else on the wire, and its answer is w_j·K.
//! Every canary row must be among the answers before any other answer is unblinded [M-44]. With q
//! canary rows a provider that answers a share f of the rows wrongly is caught with probability
//! 1 − (1 − f)^q; the auditor's proofs catch all of it.
//!
//! A canary never stands inside a real row: its owner would recognise that row in the answers.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::order::Evidence;
use protocol::codec::StreamId;
use protocol::error::{Bug, Error, Violation};
use protocol::group::{BatchArithmetic, Encoded};
use protocol::rows::RowWidth;
use protocol::seed::SessionKeys;

/// Elements of canary rows, and their answers under one public key.
///
/// The encodings are public once they are sent; which rows of the wire they are is secret until
/// the session is over.
pub(crate) struct CanaryRows {
    /// w_j·G, sorted inside each row.
    pub(crate) blinded: Zeroizing<Vec<Encoded>>,
    /// w_j·K, sorted inside each row.
    pub(crate) answers: Zeroizing<Vec<Encoded>>,
}

impl CanaryRows {
    /// Makes `count` rows, the first of which is row `first_row` of the list before sorting.
    ///
    /// # Errors
    ///
    /// [`Bug::invariant`] for a scalar that happens with probability 2^-249, or a public
    /// key that does not decode, which was checked before.
    pub(crate) fn make(
        keys: &SessionKeys,
        public_key: &Encoded,
        width: RowWidth,
        first_row: u64,
        count: u32,
        arithmetic: &dyn BatchArithmetic,
    ) -> Result<Self, Bug> {
        let slots = u64::from(width.get());
        let first = first_row.checked_mul(slots).ok_or(Bug::invariant())?;
        let elements = u64::from(count).checked_mul(slots).ok_or(Bug::invariant())?;
        let end = first.checked_add(elements).ok_or(Bug::invariant())?;
        let scalars = keys.canaries(arithmetic, first..end)?;
        let mut blinded = Zeroizing::new(alloc::vec![[0; 32]; scalars.len()]);
        arithmetic.multiply_base_each(&scalars, &mut blinded);
        let mut answers = Zeroizing::new(alloc::vec![[0; 32]; scalars.len()]);
        let key = alloc::vec![*public_key; scalars.len()];
        arithmetic.multiply_each(&scalars, &key, &mut answers).map_err(|_| Bug::invariant())?;
        width.sort_inside(&mut blinded);
        width.sort_inside(&mut answers);
        Ok(Self { blinded, answers })
    }
}

/// The answers that every canary row must get, in the order in which they must come.
pub(crate) struct Canaries {
    width: RowWidth,
    /// Whole rows of answers, by first encoding once sealed.
    rows: Zeroizing<Vec<u8>>,
    /// Rows already met.
    met: usize,
}

impl Canaries {
    /// Room for the answers of `rows` canary rows.
    pub(crate) fn new(width: RowWidth, rows: u64) -> Result<Self, Bug> {
        let rows = usize::try_from(rows).map_err(|_| Bug::invariant())?;
        let len = rows.checked_mul(width.row_len()).ok_or(Bug::invariant())?;
        Ok(Self { width, rows: Zeroizing::new(Vec::with_capacity(len)), met: 0 })
    }

    /// Adds the answers of further canary rows.
    pub(crate) fn add(&mut self, answers: &[Encoded]) {
        self.rows.extend_from_slice(answers.as_flattened());
    }

    /// Puts the answers in the order in which rows come back.
    pub(crate) fn seal(&mut self) {
        let mut rows: Vec<&[u8]> = self.rows.chunks(self.width.row_len()).collect();
        rows.sort_unstable();
        self.rows = Zeroizing::new(rows.concat());
    }

    /// Starts from the first row again, for a second reading of the same answers.
    pub(crate) fn rewind(&mut self) {
        self.met = 0;
    }

    /// Tells if the next row of EVAL, in strict order, is a canary row.
    ///
    /// # Errors
    ///
    /// [`Violation::CanaryMissing`] when a canary row should have come before or in its place.
    pub(crate) fn is_canary(&mut self, row: &[Encoded]) -> Result<bool, Violation> {
        let Some(expected) = self.rows.chunks(self.width.row_len()).nth(self.met) else {
            return Ok(false);
        };
        let row = row.as_flattened();
        let first = |row: &[u8]| row.first_chunk::<32>().copied();
        match first(row).cmp(&first(expected)) {
            core::cmp::Ordering::Less => Ok(false),
            core::cmp::Ordering::Equal if row == expected => {
                // Below the number of rows, one of which this is.
                self.met += 1;
                Ok(true)
            }
            // [G24]
            _ => Err(Violation::CanaryMissing),
        }
    }

    /// The evidence that every canary row was answered, among `elements` answers in all.
    ///
    /// # Errors
    ///
    /// [`Violation::CanaryMissing`]; the provider is to blame. Its place is never told.
    pub(crate) fn finish(&self, elements: u64) -> Result<CanariesAnswered, Error> {
        let all = self.rows.chunks(self.width.row_len()).len();
        if self.met == all {
            return Ok(CanariesAnswered { elements, rows: all as u64 });
        }
        Err(Error::peer(Violation::CanaryMissing, StreamId::Eval.code(), 0))
    }
}

impl fmt::Debug for Canaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canaries(..)")
    }
}

/// Every canary row of a session came back as it had to; the evidence of shuffled order.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct CanariesAnswered {
    elements: u64,
    rows: u64,
}

impl CanariesAnswered {
    /// Canary rows answered; the more, the smaller the share of wrong answers that may have passed.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }
}

impl Evidence for CanariesAnswered {
    fn covers(&self, elements: u64) -> bool {
        self.elements == elements
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::group::{Element, Portable, SecretScalar};
    use protocol::seed::SessionSeed;

    fn keys() -> SessionKeys {
        SessionSeed::from_bytes([7; 32]).session_keys(&[9; 32])
    }

    fn key() -> SecretScalar {
        SecretScalar::from_wide_bytes(&[3; 64]).unwrap()
    }

    fn canaries(width: RowWidth, rows: u32) -> (Canaries, Vec<Vec<Encoded>>) {
        let public = Element::multiply_base(&key()).encode();
        let made = CanaryRows::make(&keys(), &public, width, 5, rows, &Portable).unwrap();
        let mut answers: Vec<Vec<Encoded>> = made
            .blinded
            .chunks(width.slots())
            .map(|row| {
                let mut row: Vec<Encoded> = row
                    .iter()
                    .map(|encoded| Element::decode(encoded).unwrap().multiply(&key()).encode())
                    .collect();
                row.sort_unstable();
                row
            })
            .collect();
        answers.sort_unstable();
        let mut canaries = Canaries::new(width, u64::from(rows)).unwrap();
        canaries.add(&made.answers);
        canaries.seal();
        (canaries, answers)
    }

    #[test]
    fn honest_answers_are_recognised_row_by_row() {
        for slots in 1..=8 {
            let (mut canaries, answers) = canaries(RowWidth::new(slots).unwrap(), 6);
            assert!(answers.iter().all(|row| canaries.is_canary(row).unwrap()));
            assert!(canaries.finish(12).unwrap().covers(12));
            canaries.rewind();
            assert!(canaries.finish(12).is_err());
        }
    }

    #[test]
    fn a_missing_altered_or_half_answered_row_is_found() {
        // M16
        let width = RowWidth::new(2).unwrap();
        let (_, answers) = canaries(width, 6);
        for victim in 0..6 {
            let (mut canaries, _) = canaries(width, 6);
            let missing = answers.iter().enumerate().filter(|(at, _)| *at != victim);
            let result = missing.map(|(_, row)| canaries.is_canary(row)).find(Result::is_err);
            let found = result.is_some() || canaries.finish(12).is_err();
            assert!(found, "row {victim} missing");
        }
        let (mut canaries, _) = canaries(width, 6);
        let mut half = answers[0].clone();
        half[1] = [0xFF; 32];
        assert_eq!(canaries.is_canary(&half), Err(Violation::CanaryMissing));
    }
}
