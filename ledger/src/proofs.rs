//! The signed messages behind the entries: kept with them, given to the other side, taken from it.

use crate::evidence::{ProvenChain, SessionEvidence};
use protocol::codec::{FrameHeader, RawFrame};
use protocol::error::Bug;
use protocol::identity::ChannelFacts;
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::message::Control;
use protocol::transcript::Role;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::chain::{entry_of, holds, joins, last_entry};
use super::error::Step;
use super::{Ledger, LedgerError, Partner, short};

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The entry.
    pub entry: LedgerEntry,
    /// Parties that signed it, as far as the messages are here.
    pub signed: SignedBy,
}

/// Parties whose signatures under an entry are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedBy {
    /// Both parties'.
    Both,
    /// Ours only: the answer to it was lost, and the other side named it as its head.
    Us,
}

/// Numbers of the entries that were taken from the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adopted {
    /// Number of the last entry before.
    pub from: u64,
    /// Number of the last entry now.
    pub to: u64,
    /// Number of the last entry of the other side that both parties agreed to.
    pub theirs: u64,
}

impl Ledger {
    /// Keeps our RECEIPT before it leaves: if its answer is lost, the settle can still be joined
    /// [L-09].
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn keep_receipt(
        &self,
        partner: &Partner,
        sid: &[u8; 32],
        receipt: &RawFrame,
    ) -> Result<(), LedgerError> {
        self.transact(|tx| self.add_to_proof(tx, partner, sid, receipt)).map(|_| ())
    }

    /// Joins entries that we signed and whose answers were lost, if they lead to the head that the
    /// provider names [L-09]; true if they do.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn join_own(&self, partner: &Partner, named: &[u8; 32]) -> Result<bool, LedgerError> {
        let joined = self.transact(|tx| {
            let last = last_entry(tx, partner)?;
            let held = holds(tx, partner)?;
            // Either the reserve of a hold, or the settle of the reserve that is the head.
            let reserves = held.iter().map(Some).chain([None]);
            for hold in reserves {
                let mut entries: Vec<LedgerEntry> = hold.into_iter().cloned().collect();
                let reserve = hold.or(last.as_ref());
                if let Some(reserve) = reserve.filter(|one| one.kind == LedgerEntry::RESERVE) {
                    entries.extend(own_settle(tx, partner, reserve)?);
                }
                let hashes =
                    entries.iter().map(LedgerEntry::hash).collect::<Result<Vec<_>, _>>()?;
                let Some(reached) = hashes.iter().position(|hash| hash == named) else { continue };
                entries.truncate(reached + 1);
                if !joins(last.as_ref(), entries.first().ok_or(Bug::invariant())?)? {
                    continue;
                }
                for entry in &entries {
                    self.insert_entry(tx, partner, entry, entry.at)?;
                }
                let head = entries.last().ok_or(Bug::invariant())?;
                self.drop_holds_below(tx, partner, head.seq)?;
                return Ok(Some(LedgerHead::of(head)?));
            }
            Ok(None)
        })?;
        match joined.0 {
            Some(head) => self.anchor.raise(partner, head).map(|()| true),
            None => Ok(false),
        }
    }

    /// The entries with a partner, first to last.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn chain(&self, partner: &Partner, role: Role) -> Result<Vec<StoredEntry>, LedgerError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT * FROM entries WHERE partner = ?1 ORDER BY seq")?;
            let entries: Vec<LedgerEntry> =
                statement.query_map(params![partner], entry_of)?.collect::<Result<_, _>>()?;
            let mut chain = Vec::with_capacity(entries.len());
            for entry in entries {
                let proof = proof_of(connection, partner, &entry.sid)?;
                let both = proof.is_some_and(|proof| match (role, entry.kind) {
                    (Role::Provider, LedgerEntry::RESERVE) => true,
                    (Role::Provider, _) => proof.receipt.is_some(),
                    (Role::Advertiser, LedgerEntry::RESERVE) => proof.accept.is_some(),
                    (Role::Advertiser, _) => proof.receipt_ack.is_some(),
                });
                let signed = if both { SignedBy::Both } else { SignedBy::Us };
                chain.push(StoredEntry { entry, signed });
            }
            Ok(chain)
        })
    }

    /// The messages behind the chain with a partner, session by session.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Altered`] if those of a session are missing; [`LedgerError::Storage`].
    pub fn evidence(&self, partner: &Partner) -> Result<Vec<SessionEvidence>, LedgerError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT sid, max(kind) FROM entries WHERE partner = ?1
                 GROUP BY sid ORDER BY min(seq)",
            )?;
            let mut rows = statement.query(params![partner])?;
            let mut sessions = Vec::new();
            while let Some(row) = rows.next()? {
                let sid: [u8; 32] = row.get(0)?;
                let proof = proof_of(connection, partner, &sid)?;
                let mut proof = proof.ok_or(Step::Altered("proofs"))?;
                // A receipt that never joined the chain is nobody's.
                if row.get::<_, u8>(1)? == LedgerEntry::RESERVE {
                    (proof.receipt, proof.receipt_ack) = (None, None);
                }
                sessions.push(proof);
            }
            Ok(sessions)
        })
    }

    /// Takes the entries that both parties signed and this ledger lacks, with what proves them and
    /// the keys they spent; takes nothing away [L-11].
    ///
    /// # Errors
    ///
    /// [`LedgerError::Contradiction`] if an entry of ours differs from theirs of that number: then
    /// nothing is changed; [`LedgerError::Storage`].
    pub fn adopt(&self, partner: &Partner, theirs: &ProvenChain) -> Result<Adopted, LedgerError> {
        let agreed = theirs.agreed();
        let committed = self.transact(|tx| {
            let mut last: Option<LedgerEntry> = None;
            let mut sessions = theirs.sessions.iter();
            let mut session = None;
            let head = last_entry(tx, partner)?.map_or(0, |entry| entry.seq);
            for proven in agreed {
                let entry = &proven.entry;
                if entry.kind == LedgerEntry::RESERVE {
                    session = sessions.next();
                }
                let own = tx
                    .prepare_cached("SELECT * FROM entries WHERE partner = ?1 AND seq = ?2")?
                    .query_row(params![partner, entry.seq.cast_signed()], entry_of)
                    .optional()?;
                if own.as_ref().is_some_and(|own| own != entry) {
                    let partner = short(partner);
                    return Err(LedgerError::Contradiction { partner, seq: entry.seq }.into());
                }
                if own.is_none() {
                    if !joins(last.as_ref(), entry)? {
                        return Err(Bug::invariant().into());
                    }
                    let proof = session.ok_or(Bug::invariant())?;
                    self.insert_proof(tx, partner, &entry.sid, proof)?;
                    self.insert_entry(tx, partner, entry, entry.at)?;
                    self.spend_key_of(tx, partner, proof, entry.at)?;
                    if entry.kind == LedgerEntry::SETTLE {
                        let (key, _) = proof.key().map_err(|_| Bug::invariant())?;
                        self.answer_key(tx, partner, &key)?;
                    }
                }
                last = Some(entry.clone());
            }
            let theirs = last.as_ref().map_or(0, |entry| entry.seq);
            self.drop_holds_below(tx, partner, theirs)?;
            Ok(Adopted { from: head, to: head.max(theirs), theirs })
        })?;
        let head = self.head(partner)?;
        self.anchor.raise(partner, head)?;
        self.leaves_behind(partner)?;
        Ok(committed.0)
    }

    pub(super) fn insert_proof(
        &self,
        tx: &Transaction<'_>,
        partner: &Partner,
        sid: &[u8; 32],
        proof: &SessionEvidence,
    ) -> Result<(), Step> {
        let place = params![partner, sid];
        self.checks.write(tx, "proofs", "partner = ?1 AND sid = ?2", place, |tx| {
            tx.prepare_cached(
                "INSERT OR REPLACE INTO proofs (partner, sid, hello_a, hello_p, terms, accept,
                 receipt, receipt_ack, spki_advertiser, spki_provider, exporter)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                partner,
                sid,
                frame_bytes(&proof.hello_a),
                frame_bytes(&proof.hello_p),
                frame_bytes(&proof.terms),
                proof.accept.as_ref().map(frame_bytes),
                proof.receipt.as_ref().map(frame_bytes),
                proof.receipt_ack.as_ref().map(frame_bytes),
                proof.channel.spki_advertiser,
                proof.channel.spki_provider,
                proof.channel.exporter,
            ])?;
            Ok(())
        })
    }

    /// Keeps a further message of a session, by what it is.
    pub(super) fn add_to_proof(
        &self,
        tx: &Transaction<'_>,
        partner: &Partner,
        sid: &[u8; 32],
        frame: &RawFrame,
    ) -> Result<(), Step> {
        let column = match Control::decode(frame) {
            Ok(Control::TermsAccept(_)) => "accept",
            Ok(Control::Receipt(_)) => "receipt",
            Ok(Control::ReceiptAck(_)) => "receipt_ack",
            _ => return Err(Bug::misuse().into()),
        };
        let place = params![partner, sid];
        self.checks.write(tx, "proofs", "partner = ?1 AND sid = ?2", place, |tx| {
            tx.prepare_cached(&format!(
                "UPDATE proofs SET {column} = ?3 WHERE partner = ?1 AND sid = ?2"
            ))?
            .execute(params![partner, sid, frame_bytes(frame)])?;
            Ok(())
        })
    }
}

/// The settle of the receipt that we sent in the session of this reserve.
fn own_settle(
    connection: &Connection,
    partner: &Partner,
    reserve: &LedgerEntry,
) -> Result<Option<LedgerEntry>, Step> {
    let receipt = proof_of(connection, partner, &reserve.sid)?.and_then(|proof| proof.receipt);
    let Some(Ok(Control::Receipt(signed))) = receipt.as_ref().map(Control::decode) else {
        return Ok(None);
    };
    let settle = signed.receipt.ledger;
    Ok(joins(Some(reserve), &settle)?.then_some(settle))
}

/// The messages kept of a session.
pub(super) fn proof_of(
    connection: &Connection,
    partner: &Partner,
    sid: &[u8; 32],
) -> Result<Option<SessionEvidence>, Step> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM proofs WHERE partner = ?1 AND sid = ?2")?;
    let mut rows = statement.query(params![partner, sid])?;
    rows.next()?.map(proof).transpose()
}

fn proof(row: &Row<'_>) -> Result<SessionEvidence, Step> {
    let maybe = |name: &str| -> Result<Option<RawFrame>, Step> {
        let bytes: Option<Vec<u8>> = row.get(name)?;
        match bytes.map(|bytes| parse_frame(&bytes)) {
            None => Ok(None),
            Some(Some(frame)) => Ok(Some(frame)),
            Some(None) => Err(Step::Altered("proofs")),
        }
    };
    let frame = |name: &str| maybe(name)?.ok_or(Step::Altered("proofs"));
    Ok(SessionEvidence {
        hello_a: frame("hello_a")?,
        hello_p: frame("hello_p")?,
        terms: frame("terms")?,
        accept: maybe("accept")?,
        receipt: maybe("receipt")?,
        receipt_ack: maybe("receipt_ack")?,
        channel: ChannelFacts {
            spki_advertiser: row.get("spki_advertiser")?,
            spki_provider: row.get("spki_provider")?,
            exporter: row.get("exporter")?,
        },
    })
}

fn frame_bytes(frame: &RawFrame) -> Vec<u8> {
    [&frame.header.encode()[..], &frame.payload].concat()
}

fn parse_frame(bytes: &[u8]) -> Option<RawFrame> {
    let (header, payload) = bytes.split_first_chunk::<{ FrameHeader::LEN }>()?;
    let header = FrameHeader::parse(header).ok()?;
    RawFrame::new(header, payload.into()).ok()
}
