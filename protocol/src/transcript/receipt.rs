//! The two-party receipt: the account of a session that both sides sign.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::attestation::{AttestationKey, Signature};
use crate::codec;
use crate::error::{Bug, Violation};
use crate::ledger::LedgerEntry;
use crate::limits::RECEIPT_STREAMS_MAX;
use crate::suite::{self, h, sig};

/// The close of a session, signed by both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The session.
    pub sid: [u8; 32],
    /// 1 completed, 2 withheld; always 1 in profiles without handles, so that the provider does
    /// not learn whether a threshold held.
    pub outcome: u16,
    /// Heads of every bulk stream that was sent, by increasing stream number.
    #[serde(deserialize_with = "codec::list::<_, _, RECEIPT_STREAMS_MAX>")]
    pub streams: Vec<StreamHead>,
    /// Commitment to the advertiser's outcome.
    pub result_commitment: [u8; 32],
    /// Commitment to the advertiser's report; of no bytes if none was written.
    pub report_commitment: [u8; 32],
    /// Handles the provider knew.
    pub handles_known: u64,
    /// Handles the provider did not know.
    pub handles_unknown: u32,
    /// Digital IDs returned.
    pub ids_returned: u64,
    /// Head of the provider's chain of releases after this one, as RELEASED told it; zeros without
    /// RELEASED.
    pub release_head: [u8; 32],
    /// The settle that joins the ledger.
    pub ledger: LedgerEntry,
    /// Unix time of the close.
    pub closed_at: u64,
}

/// Head of one bulk stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamHead {
    /// Stream number.
    pub stream: u8,
    /// Frames sent.
    pub frames: u32,
    /// Elements in them.
    pub elements: u64,
    /// Merkle root over them.
    pub root: [u8; 32],
}

impl Receipt {
    /// Outcome code of a completed session.
    pub const COMPLETED: u16 = 1;
    /// Outcome code of a session whose release was withheld.
    pub const WITHHELD: u16 = 2;

    /// `H("receipt"; body)`, which names the receipt in reports and challenges.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the receipt does not encode.
    pub fn digest(&self) -> Result<[u8; 32], Bug> {
        Ok(suite::hash(h::RECEIPT, &[&codec::encode(self)?]))
    }

    /// Signs the receipt.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the receipt does not encode.
    pub fn sign(&self, key: &AttestationKey) -> Result<Signature, Bug> {
        Ok(key.sign(sig::RECEIPT, &[&self.digest()?]))
    }

    /// Verifies one party's signature.
    ///
    /// # Errors
    ///
    /// [`Violation::SignatureInvalid`]; the signer is to blame.
    pub fn verify(&self, key: &[u8; 32], signature: &Signature) -> Result<(), Violation> {
        let digest = self.digest().map_err(|_| Violation::SignatureInvalid)?;
        signature.verify(key, sig::RECEIPT, &[&digest])
    }
}
