//! The ledger of one pair of parties: a chain of entries that both signed.
//!
//! A session writes two entries: a *reserve*, a function of both HELLOs, the terms and the sid,
//! signed by both signatures over the sid; and a *settle*, signed by both receipt signatures. So an
//! entry needs no message of its own. Storage, and the order of writes, are the node's.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::Bug;
use crate::suite::{self, Profile, h};
use crate::terms::{MatchTerms, SignedTerms};

/// One entry of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Position in the chain, from 1.
    pub seq: u64,
    /// Hash of the entry before, zeros for the first.
    pub previous: [u8; 32],
    /// The session.
    pub sid: [u8; 32],
    /// 1 reserve, 2 settle.
    pub kind: u8,
    /// The session's profile.
    pub profile: u16,
    /// Evaluations charged: E, padding included, always in full.
    pub evaluations: u64,
    /// Handles: at most (reserve), sent (settle).
    pub handles: u64,
    /// Digital IDs: at most (reserve), returned (settle).
    pub ids: u64,
    /// Privacy loss charged, in thousandths: that of the terms.
    pub epsilon_milli: u32,
    /// Unix time: terms opened (reserve), session closed (settle).
    pub at: u64,
}

impl LedgerEntry {
    /// Kind of an entry that sets evaluations aside.
    pub const RESERVE: u8 = 1;
    /// Kind of an entry that closes a reserve.
    pub const SETTLE: u8 = 2;

    /// The reserve of a session, computed alike by both sides [L-02].
    ///
    /// # Errors
    ///
    /// [`Bug::invariant`] when the chain is at the end of its numbers.
    pub fn reserve(
        head: &LedgerHead,
        sid: &[u8; 32],
        profile: Profile,
        terms: &MatchTerms,
        evaluations: u64,
    ) -> Result<Self, Bug> {
        let handles = if profile.sends_handles() { terms.handles_max } else { 0 };
        let ids = if profile == Profile::DigitalIds {
            handles.checked_mul(u64::from(terms.ids_per_record_max))
        } else {
            Some(0)
        };
        Ok(Self {
            seq: head.seq.checked_add(1).ok_or(Bug::invariant())?,
            previous: head.hash,
            sid: *sid,
            kind: Self::RESERVE,
            profile: profile.code(),
            evaluations,
            handles,
            ids: ids.ok_or(Bug::invariant())?,
            epsilon_milli: terms.epsilon_milli,
            at: terms.opened_at,
        })
    }

    /// The settle that closes this reserve. It carries the same evaluations: there is no refund.
    ///
    /// # Errors
    ///
    /// [`Bug`] if this is not a reserve.
    pub fn settle(&self, handles: u64, ids: u64, closed_at: u64) -> Result<Self, Bug> {
        if self.kind != Self::RESERVE {
            return Err(Bug::misuse());
        }
        Ok(Self {
            seq: self.seq.checked_add(1).ok_or(Bug::invariant())?,
            previous: self.hash()?,
            kind: Self::SETTLE,
            handles,
            ids,
            at: closed_at,
            ..self.clone()
        })
    }

    /// Hash that the next entry names, `H("ledger"; bytes)`.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the entry does not encode.
    pub fn hash(&self) -> Result<[u8; 32], Bug> {
        Ok(suite::hash(h::LEDGER, &[&codec::encode(self)?]))
    }

    /// True if the entry may follow `head` in a chain.
    #[must_use]
    pub fn follows(&self, head: &LedgerHead) -> bool {
        // [G62]
        head.seq.checked_add(1) == Some(self.seq)
            && self.previous == head.hash
            && matches!(self.kind, Self::RESERVE | Self::SETTLE)
    }
}

/// End of a chain, to which the next entry is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerHead {
    /// Position of the last entry, 0 for an empty chain.
    pub seq: u64,
    /// Hash of the last entry, zeros for an empty chain.
    pub hash: [u8; 32],
}

impl LedgerHead {
    /// Head of an empty chain.
    pub const EMPTY: Self = Self { seq: 0, hash: [0; 32] };

    /// Head of a chain that ends with `entry`.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the entry does not encode.
    pub fn of(entry: &LedgerEntry) -> Result<Self, Bug> {
        Ok(Self { seq: entry.seq, hash: entry.hash()? })
    }
}

/// The fact that a session's evaluations are durably set aside on this side.
///
/// Nothing is blinded, evaluated or disclosed without one [L-01].
#[derive(Debug)]
#[must_use]
pub struct Reservation {
    entry: LedgerEntry,
}

impl Reservation {
    /// Asserts that `entry` (the provider's side) or a hold for it (the advertiser's side) has been
    /// written and synced. Called in one place of `node`.
    pub const fn assertion(entry: LedgerEntry) -> Self {
        Self { entry }
    }

    /// The reserve.
    #[must_use]
    pub const fn entry(&self) -> &LedgerEntry {
        &self.entry
    }

    /// True for the reserve of these terms.
    #[must_use]
    pub fn is_for(&self, terms: &SignedTerms) -> bool {
        self.entry.sid == *terms.sid() && self.entry.kind == LedgerEntry::RESERVE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::{IdentifierKind, RulesetId};

    fn reserve(head: &LedgerHead) -> LedgerEntry {
        let kinds = [IdentifierKind::EMAIL_STRICT];
        let terms = MatchTerms::defaults(Profile::MatchedRows, RulesetId::CRM_FR_1, &kinds);
        LedgerEntry::reserve(head, &[1; 32], Profile::MatchedRows, &terms, 32_768).unwrap()
    }

    #[test]
    fn a_chain_follows_itself_and_nothing_else() {
        // A46
        let first = reserve(&LedgerHead::EMPTY);
        assert!(first.follows(&LedgerHead::EMPTY));
        let settle = first.settle(0, 0, 9).unwrap();
        let head = LedgerHead::of(&first).unwrap();
        assert!(settle.follows(&head));
        assert!(!settle.follows(&LedgerHead::EMPTY));
        let next = reserve(&LedgerHead::of(&settle).unwrap());
        assert!(!next.follows(&head), "an entry was removed");
        assert_eq!(settle.evaluations, first.evaluations);
        assert_eq!(settle.settle(0, 0, 9), Err(Bug::misuse()));
    }

    #[test]
    fn every_field_enters_the_hash() {
        let base = reserve(&LedgerHead::EMPTY);
        let changed = [
            LedgerEntry { seq: 2, ..base.clone() },
            LedgerEntry { previous: [1; 32], ..base.clone() },
            LedgerEntry { sid: [2; 32], ..base.clone() },
            LedgerEntry { kind: 2, ..base.clone() },
            LedgerEntry { profile: 1, ..base.clone() },
            LedgerEntry { evaluations: 1, ..base.clone() },
            LedgerEntry { handles: 1, ..base.clone() },
            LedgerEntry { ids: 1, ..base.clone() },
            LedgerEntry { epsilon_milli: 1, ..base.clone() },
            LedgerEntry { at: 1, ..base.clone() },
        ];
        for entry in changed {
            assert_ne!(entry.hash(), base.hash());
        }
    }
}
