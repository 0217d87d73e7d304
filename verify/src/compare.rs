//! Comparison of packages: agreement of what they share, and contradictions with their signers.
//!
//! Two packages of one session are held against each other item by item; packages of different
//! sessions by what their parties have signed for good: keys, snapshots, ledgers, releases. An
//! item that only one of them has is told as that. A difference accuses whoever signed both
//! versions of it, and nobody else [T-23].

use alloc::vec::Vec;
use core::cmp::Ordering;

use protocol::codec::StreamId;
use protocol::error::Bug;
use protocol::ledger::LedgerEntry;
use protocol::transcript::receipt::StreamHead;
use protocol::transcript::{Role, Transcript};

use crate::account::Account;
use crate::evidence::{Evidence, Question, SignedFrames, is_signed};
use crate::finding::Finding;
use crate::outline::Outline;
use crate::signers::Signers;

/// Package of a session, read for a comparison.
pub struct Exhibit {
    /// The session by its own words.
    pub account: Account,
    outline: Outline,
}

/// Comparison of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The item; of a stream, with the number of frames that are the same in both.
    pub item: Finding,
    /// Result of the comparison.
    pub result: Agreement,
}

/// Result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Both have the same.
    Same,
    /// The first one alone has it, or has more of it.
    OnlyFirst,
    /// The second one alone has it, or has more of it.
    OnlySecond,
    /// Two versions, inside what these parties signed in both; nobody if either may be edited.
    Other(Signers),
}

impl Exhibit {
    /// Reads a package.
    ///
    /// # Errors
    ///
    /// [`Bug`] for a state that the design excludes.
    pub fn of(transcript: &Transcript) -> Result<Self, Bug> {
        let (mut outline, read) = Outline::read(transcript)?;
        outline.evidence.frames = SignedFrames::read(&outline);
        let account = Account::from_outline(&outline, &read, transcript, None);
        Ok(Self { account, outline })
    }

    const fn evidence(&self) -> &Evidence {
        &self.outline.evidence
    }

    /// The leaves of a stream, each with the root of what it answers.
    fn leaves(&self, stream: StreamId) -> Vec<([u8; 32], Option<[u8; 32]>)> {
        let mut question = Question::of(stream, &self.outline);
        let frames = self.outline.record(stream).map_or(&[][..], |record| &record.frames);
        frames.iter().map(|frame| (frame.leaf, question.next())).collect()
    }

    /// Heads of streams, each with its signers, and true for one that is the end of its stream.
    fn heads(&self) -> Vec<(Signers, StreamHead, bool)> {
        let evidence = self.evidence();
        let signed = evidence.heads.iter().map(|(role, head)| (Signers::of(*role), *head, true));
        let mut heads: Vec<_> = signed.collect();
        if let Some(message) = &self.outline.receipt {
            let listed = message.receipt.streams.iter();
            heads.extend(listed.map(|head| (evidence.receipt, *head, true)));
        }
        for word in &self.outline.last_words {
            let by = Signers::only(word.by, is_signed(&self.outline, word));
            heads.extend(word.heads().iter().map(|head| (by, *head, false)));
        }
        heads
    }
}

/// True for packages of one session: of one channel, or of one session id.
#[must_use]
pub fn is_one_session(one: &Account, other: &Account) -> bool {
    one.opening.exporter == other.opening.exporter || (one.sid.is_some() && one.sid == other.sid)
}

/// Holds two packages of one session against each other, item by item.
#[must_use]
pub fn session(one: &Exhibit, other: &Exhibit) -> Vec<Compared> {
    let mut pair = Pair { one, other, found: Vec::new() };
    pair.opening();
    StreamId::BULK.into_iter().for_each(|stream| pair.stream(stream));
    pair.close();
    pair.contradictions();
    pair.found
}

struct Pair<'a> {
    one: &'a Exhibit,
    other: &'a Exhibit,
    found: Vec<Compared>,
}

impl Pair<'_> {
    fn opening(&mut self) {
        let channel = |it: &Exhibit| {
            let opening = it.account.opening;
            Some([opening.exporter, opening.spki_advertiser, opening.spki_provider])
        };
        self.hold(Finding::new("compare-channel"), channel, |it| it.account.session);
        // A HELLO is signed over the channel, before there is a session id.
        let hello =
            |it: &Exhibit| it.outline.hello_a.as_ref().map(|(_, frame)| frame.payload.clone());
        self.hold(message("HELLO_A"), hello, |it| it.evidence().hello_a);
        let hello =
            |it: &Exhibit| it.outline.hello_p.as_ref().map(|(_, frame)| frame.payload.clone());
        self.hold(message("HELLO_P"), hello, |it| it.evidence().hello_p);
        let terms = |it: &Exhibit| it.account.sid.zip(it.account.terms.clone());
        self.hold(message("TERMS"), terms, |it| it.account.session);
        let accept = |it: &Exhibit| it.outline.accept.map(|accept| accept.sid);
        let provider = Signers::of(Role::Provider);
        self.hold(message("TERMS_ACCEPT"), accept, |it| it.account.session.and(provider));
        let blind = |it: &Exhibit| it.outline.blind.map(|blind| blind.k_a);
        self.hold_signed(message("SESSION_BLIND"), blind, |it| it.evidence().blind);
    }

    /// The frames of a stream, and the heads that were signed of it.
    fn stream(&mut self, stream: StreamId) {
        let (one, other) = (self.one.leaves(stream), self.other.leaves(stream));
        let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
        let result = match one.len().cmp(&other.len()) {
            _ if same < one.len() && same < other.len() => {
                // Each of them binds all before it, and what it answers.
                let through = u32::try_from(same).ok().and_then(|same| same.checked_add(1));
                let signed = |it: &Exhibit| {
                    through.map_or(Signers::NOBODY, |count| it.evidence().of_frames(stream, count))
                };
                Agreement::Other(self.of_session(signed))
            }
            Ordering::Equal => Agreement::Same,
            Ordering::Greater => Agreement::OnlyFirst,
            Ordering::Less => Agreement::OnlySecond,
        };
        if !one.is_empty() || !other.is_empty() {
            let item = Finding::new("compare-frames").with("stream", stream.name());
            self.found.push(Compared { item: item.with_number("same", same as u64), result });
        }
        for (name, by_sender) in [("CHECKPOINT", true), ("CHECKPOINT_ACK", false)] {
            let head = |it: &Exhibit| {
                let mut all = it.outline.checkpoints.iter();
                let own = all.find(|(c, sender)| c.stream == stream.code() && *sender == by_sender);
                own.map(|(checkpoint, _)| checkpoint.head())
            };
            let by = |it: &Exhibit| head(it).map_or(Signers::NOBODY, |h| it.evidence().of_head(&h));
            let item =
                Finding::new("compare-head").with("name", name).with("stream", stream.name());
            self.hold_signed(item, head, by);
        }
    }

    fn close(&mut self) {
        let told = |it: &Exhibit| {
            let released = it.outline.released.as_ref();
            released.map(|r| (r.handles_known, r.handles_unknown, r.release_head))
        };
        self.hold_signed(message("RELEASED"), told, |it| it.evidence().released);
        let receipt = |it: &Exhibit| it.account.receipt.clone();
        self.hold_signed(message("RECEIPT"), receipt, |it| it.account.receipt_by);
        let closed = |it: &Exhibit| it.outline.acknowledgement.map(drop);
        self.hold(message("RECEIPT_ACK"), closed, |_| Signers::NOBODY);
        for (name, by) in
            [("REFUSE", Role::Provider), ("ABORT", Role::Advertiser), ("ABORT", Role::Provider)]
        {
            let word = |it: &Exhibit| {
                let mut words = it.outline.last_words.iter();
                let own = words.find(|word| word.message.name() == name && word.by == by);
                own.map(|word| (word.code(), word.heads().to_vec()))
            };
            let item = Finding::new("compare-word").with("name", name).with("party", by.name());
            self.hold(item, word, |_| Signers::NOBODY);
        }
    }

    /// Heads that a party signed in one package, of streams whose frames or heads it signed
    /// otherwise in the other.
    fn contradictions(&mut self) {
        for (one, other) in [(self.one, self.other), (self.other, self.one)] {
            if !self.is_bound() {
                continue;
            }
            for (by, head, last) in one.heads() {
                let by = by.and(other.evidence().of_other(&other.outline, &head, last));
                let stream = StreamId::from_code(head.stream).filter(|_| !by.is_nobody());
                if let Some(stream) = stream {
                    let item = Finding::new("compare-two-heads").with("stream", stream.name());
                    let found = Compared { item, result: Agreement::Other(by) };
                    if !self.found.contains(&found) {
                        self.found.push(found);
                    }
                }
            }
        }
    }

    /// Compares an item whose signature is over more than the session id.
    fn hold<T: PartialEq>(
        &mut self,
        item: Finding,
        of: impl Fn(&Exhibit) -> Option<T>,
        by: impl Fn(&Exhibit) -> Signers,
    ) {
        let result = match (of(self.one), of(self.other)) {
            (None, None) => return,
            (Some(_), None) => Agreement::OnlyFirst,
            (None, Some(_)) => Agreement::OnlySecond,
            (Some(one), Some(other)) if one == other => Agreement::Same,
            (Some(_), Some(_)) => Agreement::Other(by(self.one).and(by(self.other))),
        };
        self.found.push(Compared { item, result });
    }

    /// Compares an item that is signed over the session id.
    fn hold_signed<T: PartialEq>(
        &mut self,
        item: Finding,
        of: impl Fn(&Exhibit) -> Option<T>,
        by: impl Fn(&Exhibit) -> Signers,
    ) {
        let bound = self.is_bound();
        self.hold(item, of, |it| if bound { by(it) } else { Signers::NOBODY });
    }

    /// Signers of something in both packages, over one session id.
    fn of_session(&self, by: impl Fn(&Exhibit) -> Signers) -> Signers {
        match self.is_bound() {
            true => by(self.one).and(by(self.other)),
            false => Signers::NOBODY,
        }
    }

    /// True if one session id follows from the messages of both.
    fn is_bound(&self) -> bool {
        let sid = self.one.evidence().sid;
        sid.is_some() && sid == self.other.evidence().sid
    }
}

/// Holds what parties signed for good in two different sessions against each other; an item that
/// the two have nothing of in common is left out.
///
/// # Errors
///
/// [`Bug`] for a statement that does not encode.
pub fn sessions(one: &Account, other: &Account) -> Result<Vec<Compared>, Bug> {
    let mut found = Vec::new();
    let mut tell = |id, by: Signers, contradict| {
        let result = if contradict { Agreement::Other(by) } else { Agreement::Same };
        found.push(Compared { item: Finding::new(id), result });
    };
    let (Some(first), Some(second)) = (&one.hello_p, &other.hello_p) else {
        return Ok(found);
    };
    let key = &first.attestation_key;
    if *key != second.attestation_key {
        return Ok(found);
    }
    let provider = Signers::of(Role::Provider);
    let (a, b) = (&first.manifest, &second.manifest);
    if a.verify(key).is_ok() && b.verify(key).is_ok() {
        tell("compare-keys", provider, a.known_key()?.contradicts(&b.known_key()?));
    }
    let (a, b) = (&first.snapshot, &second.snapshot);
    if a.verify(key).is_ok() && b.verify(key).is_ok() {
        let (a, b) = (&a.body, &b.body);
        let one_day = (a.day, a.edition) == (b.day, b.edition);
        let one_before = a.previous == b.previous && a.previous != [0; 32];
        tell("compare-snapshots", provider, (one_day || one_before) && a.hash()? != b.hash()?);
    }
    let by = one.receipt_by.and(other.receipt_by);
    let (Some(a), Some(b)) = (&one.receipt, &other.receipt) else {
        return Ok(found);
    };
    if by.is_nobody() || one.parties.advertiser != other.parties.advertiser {
        return Ok(found);
    }
    let chain = a.ledger.seq != b.ledger.seq
        && follows(&a.ledger, other, &b.ledger)?
        && follows(&b.ledger, one, &a.ledger)?;
    tell("compare-ledger", by, !chain);
    let released = a.release_head != [0; 32] && b.release_head != [0; 32];
    if released && by.provider {
        tell("compare-releases", provider, a.release_head == b.release_head);
    }
    Ok(found)
}

/// True unless the next session of a chain begins at another entry than its last.
fn follows(settle: &LedgerEntry, next: &Account, entry: &LedgerEntry) -> Result<bool, Bug> {
    let is_next = settle.seq.checked_add(2) == Some(entry.seq);
    let head = next.hello_a.as_ref().map(|hello| hello.ledger_head);
    Ok(!is_next || head == Some(settle.hash()?))
}

fn message(name: &'static str) -> Finding {
    Finding::new("compare-message").with("name", name)
}
