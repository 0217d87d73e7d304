//! Brings the ledger up to what the provider has already written.
//!
//! A connection may be lost after the provider wrote an entry and before its answer came: it is
//! then one or two entries ahead, and would refuse every further run. Those entries are ones we
//! signed ourselves, and the transcript of the lost session holds them; if the head that the
//! provider names is theirs, we adopt them. An entry that we did not sign is never adopted [L-09]:
//! only frames of our own control stream count, and each entry is computed again from them.

use std::path::Path;

use node::failure::Failure;
use node::identity::PublicIdentity;
use node::journal;
use node::ledger::Ledger;
use protocol::codec::{RawFrame, StreamId};
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::message::{Control, HelloA, SignedReceipt, Terms};
use protocol::suite::Profile;
use protocol::transcript::{Record, Role};

/// Adopts the entries of a lost session if they lead to `provider_head`; true if they do.
///
/// # Errors
///
/// [`Failure`] of storage. A transcript that cannot be read is passed over.
pub(crate) fn adopt(
    ledger: &Ledger,
    provider: &PublicIdentity,
    sessions: &Path,
    provider_head: &[u8; 32],
) -> Result<bool, Failure> {
    let partner = provider.party().0;
    let head = ledger.head(&partner)?;
    let last = ledger.entry(&partner, head.seq)?.map(|stored| stored.entry);
    let Ok(directories) = std::fs::read_dir(sessions) else { return Ok(false) };
    for directory in directories.flatten() {
        let Some(lost) = Lost::read(&directory.path(), provider) else { continue };
        let entries = lost.entries_after(&head, last.as_ref());
        let reached =
            entries.iter().position(|(entry, _)| entry.hash().as_ref() == Ok(provider_head));
        let Some(reached) = reached else { continue };
        for (entry, evidence) in entries.iter().take(reached.saturating_add(1)) {
            ledger.append(&partner, entry, evidence)?;
        }
        return Ok(true);
    }
    Ok(false)
}

/// What we said in a session with this provider.
struct Lost {
    hello: HelloA,
    terms: (Terms, RawFrame),
    receipt: Option<(SignedReceipt, RawFrame)>,
}

impl Lost {
    /// Reads our own half of a session; the transcript is only read.
    fn read(directory: &Path, provider: &PublicIdentity) -> Option<Self> {
        let transcript = journal::read_ended(directory).ok()?;
        let opening = &transcript.opening;
        if opening.role != Role::Advertiser || opening.spki_provider != provider.spki {
            return None;
        }
        let (mut hello, mut terms, mut receipt) = (None, None, None);
        for record in transcript.records {
            let Record::Control(frame) = record else { continue };
            // What stands on the other stream is the provider's word, not ours.
            if frame.header.stream != StreamId::ControlAdvertiser {
                continue;
            }
            match Control::decode(&frame).ok()? {
                Control::HelloA(message) => hello = hello.or(Some(message)),
                Control::Terms(message) => terms = terms.or(Some((message, frame))),
                Control::Receipt(message) => receipt = receipt.or(Some((message, frame))),
                _ => {}
            }
        }
        Some(Self { hello: hello?, terms: terms?, receipt })
    }

    /// Entries of this session that our chain lacks, in order, each with the frame we signed.
    fn entries_after(
        &self,
        head: &LedgerHead,
        last: Option<&LedgerEntry>,
    ) -> Vec<(LedgerEntry, RawFrame)> {
        let (terms, terms_frame) = &self.terms;
        let mut entries = Vec::new();
        let reserve = if self.hello.ledger_head == head.hash {
            let Some(profile) = Profile::from_code(self.hello.profile) else { return entries };
            let Some(slots) = self.hello.elements() else { return entries };
            match LedgerEntry::reserve(head, &terms.sid, profile, &terms.terms, slots) {
                Ok(reserve) => {
                    entries.push((reserve.clone(), terms_frame.clone()));
                    reserve
                }
                Err(_) => return entries,
            }
        } else {
            // TERMS_ACCEPT came, RECEIPT_ACK did not: our chain ends with this session's reserve.
            match last {
                Some(entry) if entry.sid == terms.sid && entry.kind == LedgerEntry::RESERVE => {
                    entry.clone()
                }
                _ => return entries,
            }
        };
        if let Some((signed, frame)) = &self.receipt {
            let receipt = &signed.receipt;
            let own = receipt.verify(&self.hello.attestation_key, &signed.signature).is_ok();
            let settle = reserve.settle(0, 0, receipt.closed_at);
            if own && receipt.sid == terms.sid && settle.as_ref() == Ok(&receipt.ledger) {
                entries.push((receipt.ledger.clone(), frame.clone()));
            }
        }
        entries
    }
}
