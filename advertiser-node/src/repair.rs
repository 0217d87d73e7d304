//! Brings the ledger up to what the provider has already written.
//!
//! A connection may be lost after the provider wrote an entry and before its answer came: it is
//! then one or two entries ahead, and would refuse every further run. Those entries are ones we
//! signed ourselves, and the transcript of the lost session holds them; if the head that the
//! provider names is theirs, we adopt them. An entry that we did not sign is never adopted [L-09].

use std::path::Path;

use node::failure::Failure;
use node::journal::SessionJournal;
use node::ledger::Ledger;
use protocol::codec::RawFrame;
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::message::Control;
use protocol::suite::Profile;
use protocol::transcript::Record;

/// Adopts the entries of a lost session if they lead to `provider_head`; true if they do.
///
/// # Errors
///
/// [`Failure`] of storage. A transcript that cannot be read is passed over.
pub(crate) fn adopt(
    ledger: &Ledger,
    partner: &[u8; 32],
    sessions: &Path,
    provider_head: &[u8; 32],
) -> Result<bool, Failure> {
    let head = ledger.head(partner)?;
    let Ok(entries) = std::fs::read_dir(sessions) else { return Ok(false) };
    for directory in entries.flatten() {
        let Some(lost) = Lost::read(&directory.path(), &head) else { continue };
        let Some(count) = lost.entries_up_to(provider_head) else { continue };
        for (entry, evidence) in lost.entries.iter().take(count) {
            ledger.append(partner, entry, evidence)?;
        }
        return Ok(true);
    }
    Ok(false)
}

/// Entries that a session of ours leads to, in order, each with the frame that we signed.
struct Lost {
    entries: Vec<(LedgerEntry, RawFrame)>,
}

impl Lost {
    /// Reads a session that was opened on `head`.
    fn read(directory: &Path, head: &LedgerHead) -> Option<Self> {
        let transcript = SessionJournal::recover(directory).ok()?.transcript;
        let (mut opened, mut entries) = (None, Vec::new());
        for record in &transcript.records {
            let Record::Control(frame) = record else { continue };
            match Control::decode(frame).ok()? {
                Control::HelloA(hello) if hello.ledger_head == head.hash => opened = Some(hello),
                Control::Terms(terms) => {
                    let hello = opened.as_ref()?;
                    let profile = Profile::from_code(hello.profile)?;
                    let evaluations = hello.row_slots;
                    let reserve =
                        LedgerEntry::reserve(head, &terms.sid, profile, &terms.terms, evaluations);
                    entries.push((reserve.ok()?, frame.clone()));
                }
                Control::Receipt(receipt) => {
                    entries.push((receipt.receipt.ledger, frame.clone()));
                }
                _ => {}
            }
        }
        (!entries.is_empty()).then_some(Self { entries })
    }

    /// How many entries lead to this head, if any do.
    fn entries_up_to(&self, head: &[u8; 32]) -> Option<usize> {
        let at = self.entries.iter().position(|(entry, _)| entry.hash().as_ref() == Ok(head))?;
        at.checked_add(1)
    }
}
