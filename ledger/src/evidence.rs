//! Proof of a chain of entries to somebody who lacks it: the messages that both parties signed.
//!
//! The entries themselves do not travel, because each follows from signed messages: a reserve from
//! both HELLOs, TERMS and the channel, by the sid that both sign; a settle from RECEIPT. A session
//! id covers both HELLOs, and each HELLO names the head before it, so whoever signed one session
//! agreed to the whole chain before it. What only one side signed, at the end of a chain, proves
//! nothing to the other [L-11].

use std::sync::Arc;

use protocol::attestation::{AttestationKey, PartyId};
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::Bug;
use protocol::identity::ChannelFacts;
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::limits::EVIDENCE_SESSIONS_MAX;
use protocol::manifest::KnownKey;
use protocol::message::{
    Control, HelloA, HelloP, ReceiptAck, SessionBinding, SignedReceipt, Terms, TermsAccept,
};
use protocol::suite::{Profile, SuiteId};
use protocol::terms;
use protocol::transcript::merkle;
use report::Arg;

/// The two parties of a ledger, by their party ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The advertiser.
    pub advertiser: [u8; 32],
    /// The provider.
    pub provider: [u8; 32],
}

/// Messages of one session from which its entries follow, as they were sent.
#[derive(Debug, Clone)]
pub struct SessionEvidence {
    /// HELLO_A.
    pub hello_a: RawFrame,
    /// HELLO_P.
    pub hello_p: RawFrame,
    /// TERMS, with the advertiser's signature over the sid.
    pub terms: RawFrame,
    /// TERMS_ACCEPT, with the provider's signature over the sid.
    pub accept: Option<RawFrame>,
    /// RECEIPT, with the advertiser's signature.
    pub receipt: Option<RawFrame>,
    /// RECEIPT_ACK, with the provider's signature.
    pub receipt_ack: Option<RawFrame>,
    /// Both certificates and the exporter.
    pub channel: ChannelFacts,
}

/// An entry with the signatures that were found under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenEntry {
    /// The entry.
    pub entry: LedgerEntry,
    /// True if the provider signed the entry too; the advertiser always did.
    pub by_both: bool,
}

/// Fault of evidence that does not prove its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceFault {
    /// A message does not decode, or is not the one that belongs in its place.
    Malformed,
    /// A HELLO names another party.
    Party,
    /// The session was opened on another head than the entry before it.
    Head,
    /// The terms are for another session.
    Session,
    /// A signature does not verify.
    Signature,
    /// The receipt is not of this session.
    Receipt,
}

diagnose! { EvidenceFault: inner [];
    Self::Malformed => Evidence, "evidence-malformed";
    Self::Party => Evidence, "evidence-party";
    Self::Head => Evidence, "evidence-head";
    Self::Session => Evidence, "evidence-session";
    Self::Signature => Evidence, "evidence-signature";
    Self::Receipt => Evidence, "evidence-receipt";
}

impl SessionEvidence {
    /// The entries of this session after `head`: the reserve, and the settle if there is a receipt.
    ///
    /// Every signature that is here is verified.
    ///
    /// # Errors
    ///
    /// [`EvidenceFault`].
    pub fn prove(&self, pair: &Pair, head: &LedgerHead) -> Result<Vec<ProvenEntry>, EvidenceFault> {
        let (hello_a, hello_p, terms) = self.opening()?;
        let keys = [hello_a.attestation_key, hello_p.attestation_key];
        if keys.map(|key| PartyId::of(&key).0) != [pair.advertiser, pair.provider] {
            return Err(EvidenceFault::Party);
        }
        let exporter = &self.channel.exporter;
        hello_a.verify(exporter).and(hello_p.verify(exporter)).or(Err(EvidenceFault::Signature))?;
        if hello_a.ledger_head != head.hash || hello_p.ledger_head != head.hash {
            return Err(EvidenceFault::Head);
        }
        let sid = SessionBinding {
            hello_a: &self.hello_a.payload,
            hello_p: &self.hello_p.payload,
            spki_advertiser: &self.channel.spki_advertiser,
            spki_provider: &self.channel.spki_provider,
            exporter: &self.channel.exporter,
        }
        .sid(&terms.terms)
        .map_err(|_| EvidenceFault::Malformed)?;
        if sid != terms.sid {
            return Err(EvidenceFault::Session);
        }
        let [advertiser, provider] = &keys;
        terms::verify_sid(advertiser, &sid, &terms.signature).or(Err(EvidenceFault::Signature))?;
        let accept = match read(self.accept.as_ref())? {
            Some(Control::TermsAccept(accept)) if accept.sid == sid => Some(accept),
            None => None,
            Some(_) => return Err(EvidenceFault::Session),
        };
        if let Some(accept) = &accept {
            terms::verify_sid(provider, &sid, &accept.signature)
                .or(Err(EvidenceFault::Signature))?;
        }
        let profile = Profile::from_code(hello_a.profile).ok_or(EvidenceFault::Malformed)?;
        let elements = hello_a.elements().ok_or(EvidenceFault::Malformed)?;
        let reserve = LedgerEntry::reserve(head, &sid, profile, &terms.terms, elements)
            .map_err(|_| EvidenceFault::Malformed)?;
        let mut proven = Vec::from([ProvenEntry { entry: reserve, by_both: accept.is_some() }]);
        proven.extend(self.settle(&proven, &keys)?);
        Ok(proven)
    }

    /// The settle that the receipt signs.
    fn settle(
        &self,
        reserve: &[ProvenEntry],
        [advertiser, provider]: &[[u8; 32]; 2],
    ) -> Result<Option<ProvenEntry>, EvidenceFault> {
        let (Some(frame), [ProvenEntry { entry: reserve, .. }]) = (&self.receipt, reserve) else {
            return Ok(None);
        };
        let Some(Control::Receipt(SignedReceipt { receipt, signature })) = read(Some(frame))?
        else {
            return Err(EvidenceFault::Malformed);
        };
        let entry = receipt.ledger.clone();
        let settle = reserve.settle(entry.handles, entry.ids, receipt.closed_at);
        if receipt.sid != reserve.sid || settle.as_ref() != Ok(&entry) {
            return Err(EvidenceFault::Receipt);
        }
        receipt.verify(advertiser, &signature).or(Err(EvidenceFault::Signature))?;
        let by_both = match read(self.receipt_ack.as_ref())? {
            None => false,
            Some(Control::ReceiptAck(ack)) => {
                receipt.verify(provider, &ack.signature).or(Err(EvidenceFault::Signature))?;
                true
            }
            Some(_) => return Err(EvidenceFault::Malformed),
        };
        Ok(Some(ProvenEntry { entry, by_both }))
    }

    /// The key of the provider that the session was to use, and its suite.
    ///
    /// # Errors
    ///
    /// [`EvidenceFault::Malformed`].
    pub fn key(&self) -> Result<(KnownKey, SuiteId), EvidenceFault> {
        let (_, hello_p, _) = self.opening()?;
        let suite = SuiteId::from_code(hello_p.manifest.body.suite);
        let key = hello_p.manifest.known_key().map_err(|_| EvidenceFault::Malformed)?;
        Ok((key, suite.ok_or(EvidenceFault::Malformed)?))
    }

    /// Adds the provider's own signatures where they are missing: it gives them to whoever asks for
    /// its entries, as it would have given them in the session.
    ///
    /// # Errors
    ///
    /// [`Bug`] if a message of ours does not encode.
    pub fn sign_as_provider(&mut self, key: &AttestationKey) -> Result<(), Bug> {
        let stream = StreamId::ControlProvider;
        if let (None, Ok(Control::Terms(terms))) = (&self.accept, Control::decode(&self.terms)) {
            let signature = terms::sign_sid(key, &terms.sid);
            let accept = Control::TermsAccept(TermsAccept { sid: terms.sid, signature });
            self.accept = Some(accept.encode(stream, 1)?);
        }
        let receipt = self.receipt.as_ref().map(Control::decode);
        if let (None, Some(Ok(Control::Receipt(signed)))) = (&self.receipt_ack, receipt) {
            let signature = signed.receipt.sign(key)?;
            self.receipt_ack =
                Some(Control::ReceiptAck(ReceiptAck { signature }).encode(stream, 2)?);
        }
        Ok(())
    }

    fn opening(&self) -> Result<(HelloA, HelloP, Terms), EvidenceFault> {
        let frames = [&self.hello_a, &self.hello_p, &self.terms].map(|frame| read(Some(frame)));
        match frames {
            [
                Ok(Some(Control::HelloA(a))),
                Ok(Some(Control::HelloP(p))),
                Ok(Some(Control::Terms(t))),
            ] => Ok((a, *p, t)),
            _ => Err(EvidenceFault::Malformed),
        }
    }

    fn frames(&self) -> [Option<&RawFrame>; 6] {
        let Self { hello_a, hello_p, terms, accept, receipt, receipt_ack, .. } = self;
        let [a, p, t] = [hello_a, hello_p, terms].map(Some);
        [a, p, t, accept.as_ref(), receipt.as_ref(), receipt_ack.as_ref()]
    }
}

fn read(frame: Option<&RawFrame>) -> Result<Option<Control>, EvidenceFault> {
    frame.map(Control::decode).transpose().or(Err(EvidenceFault::Malformed))
}

/// A whole chain as one party holds it, with its evidence.
#[derive(Debug, Clone)]
pub struct ChainEvidence {
    /// The two parties of the chain.
    pub pair: Pair,
    /// Sessions of the chain, first to last.
    pub sessions: Vec<SessionEvidence>,
}

/// A chain every session of which was verified.
#[derive(Debug, Clone)]
pub struct ProvenChain {
    /// Entries from the first on.
    pub entries: Vec<ProvenEntry>,
    /// Sessions of the entries, in the same order.
    pub sessions: Vec<SessionEvidence>,
}

/// Evidence that does not prove its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct NotProven {
    /// Number of the session, from 1.
    pub session: usize,
    /// Fault of the session.
    pub fault: EvidenceFault,
}

/// Bytes that are no evidence of a chain, or were changed on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEvidenceFile {
    /// Something else, or of another version.
    Other,
    /// Cut, or changed.
    Damaged,
}

diagnose! { NotProven: inner [];
    Self { session, fault } => Evidence, "evidence-not-proven" {
        session: Arg::Number(*session as u64), fault: fault.text()
    };
}

diagnose! { BadEvidenceFile: inner [];
    Self::Other => Evidence, "evidence-file-other";
    Self::Damaged => Evidence, "evidence-file-damaged";
}

impl ChainEvidence {
    /// Verifies every session against the end of the one before it.
    ///
    /// # Errors
    ///
    /// [`NotProven`], at the first session that proves nothing.
    pub fn verify(self) -> Result<ProvenChain, NotProven> {
        let mut head = LedgerHead::EMPTY;
        let mut entries: Vec<ProvenEntry> = Vec::new();
        for (session, number) in self.sessions.iter().zip(1..) {
            let failed = |fault| NotProven { session: number, fault };
            let proven = session.prove(&self.pair, &head).map_err(failed)?;
            if let Some(last) = proven.last() {
                head = LedgerHead::of(&last.entry).or(Err(failed(EvidenceFault::Malformed)))?;
            }
            entries.extend(proven);
        }
        Ok(ProvenChain { entries, sessions: self.sessions })
    }

    /// Writes the evidence; the last 32 bytes are a checksum.
    ///
    /// # Errors
    ///
    /// [`Bug`] for more sessions than their number can state.
    pub fn encode(&self) -> Result<Vec<u8>, Bug> {
        let mut bytes = EVIDENCE_MAGIC.to_vec();
        bytes.extend_from_slice(&self.pair.advertiser);
        bytes.extend_from_slice(&self.pair.provider);
        let count = u32::try_from(self.sessions.len()).map_err(|_| Bug::invariant())?;
        bytes.extend_from_slice(&count.to_le_bytes());
        for session in &self.sessions {
            for frame in session.frames() {
                bytes.push(u8::from(frame.is_some()));
                if let Some(frame) = frame {
                    bytes.extend_from_slice(&frame.header.encode());
                    bytes.extend_from_slice(&frame.payload);
                }
            }
            let ChannelFacts { exporter, spki_advertiser, spki_provider } = &session.channel;
            for fact in [spki_advertiser, spki_provider, exporter] {
                bytes.extend_from_slice(fact);
            }
        }
        let checksum = merkle::leaf_hash(&[&bytes]);
        bytes.extend_from_slice(&checksum);
        Ok(bytes)
    }

    /// Reads evidence; nothing in it is verified yet.
    ///
    /// # Errors
    ///
    /// [`BadEvidenceFile`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BadEvidenceFile> {
        if !bytes.starts_with(EVIDENCE_MAGIC) {
            return Err(BadEvidenceFile::Other);
        }
        let damaged = BadEvidenceFile::Damaged;
        let (content, checksum) = bytes.split_last_chunk::<32>().ok_or(damaged)?;
        if merkle::leaf_hash(&[content]) != *checksum {
            return Err(damaged);
        }
        let mut rest = Rest(content.get(EVIDENCE_MAGIC.len()..).ok_or(damaged)?);
        let pair =
            Pair { advertiser: rest.take().ok_or(damaged)?, provider: rest.take().ok_or(damaged)? };
        let count = u32::from_le_bytes(rest.take().ok_or(damaged)?);
        if count > EVIDENCE_SESSIONS_MAX {
            return Err(damaged);
        }
        let mut sessions = Vec::new();
        for _ in 0..count {
            sessions.push(rest.session().ok_or(damaged)?);
        }
        if rest.0.is_empty() { Ok(Self { pair, sessions }) } else { Err(damaged) }
    }
}

impl ProvenChain {
    /// Entries that both parties agreed to: up to the last that both signed, which names all before
    /// it.
    #[must_use]
    pub fn agreed(&self) -> &[ProvenEntry] {
        let mut agreed = self.entries.as_slice();
        while let [before @ .., ProvenEntry { by_both: false, .. }] = agreed {
            agreed = before;
        }
        agreed
    }
}

/// Rest of a file that is being read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    /// `Some(None)` for a frame that is absent.
    fn frame(&mut self) -> Option<Option<RawFrame>> {
        match self.take::<1>()? {
            [0] => Some(None),
            [1] => {
                let header = FrameHeader::parse(&self.take()?).ok()?;
                let len = usize::try_from(header.payload_len).ok()?;
                let (payload, rest) = self.0.split_at_checked(len)?;
                self.0 = rest;
                RawFrame::new(header, Arc::from(payload)).ok().map(Some)
            }
            _ => None,
        }
    }

    fn session(&mut self) -> Option<SessionEvidence> {
        Some(SessionEvidence {
            hello_a: self.frame()??,
            hello_p: self.frame()??,
            terms: self.frame()??,
            accept: self.frame()?,
            receipt: self.frame()?,
            receipt_ack: self.frame()?,
            channel: ChannelFacts {
                spki_advertiser: self.take()?,
                spki_provider: self.take()?,
                exporter: self.take()?,
            },
        })
    }
}

const EVIDENCE_MAGIC: &[u8] = b"veilmatch-ledger/3\n";

#[cfg(test)]
mod tests {
    use report::{Diagnose as _, Lang, Reader};

    use super::*;

    #[test]
    fn a_session_that_proves_nothing_is_told_with_its_fault() {
        let error = NotProven { session: 1_203, fault: EvidenceFault::Signature };
        assert_eq!(error.text().to_string(), "session 1203 of it: a signature does not verify");
        let french = error.text().render(&Reader { lang: Lang::Fr, ..Reader::LOG });
        assert_eq!(french, "session 1203\u{a0}: une signature n’est pas valide");
        assert_eq!(error.to_string(), error.text().to_string());
    }
}
