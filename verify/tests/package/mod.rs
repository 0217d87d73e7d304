//! A package in the hands of somebody who edits it, freely or with the keys of one party.

// Each test program uses a part of this.
#![allow(dead_code)]

use protocol::codec::{RawFrame, StreamId};
use protocol::group::Portable;
use protocol::limits::Limits;
use protocol::message::{Checkpoint, Control, FramePlace, SessionBinding};
use protocol::suite::Profile;
use protocol::transcript::merkle::leaf_hash;
use protocol::transcript::{Record, Role, Transcript};
use verify::compare::Exhibit;
use verify::rules::T0;
use verify::{CheckResult, Expected, FrameSource, FrameUnreadable, Signers, Verdict, verify};

use crate::support::*;

pub(crate) const A: Role = Role::Advertiser;
pub(crate) const P: Role = Role::Provider;

/// A transcript and the frames beside it, in the hands of somebody who edits them.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) transcript: Transcript,
    pub(crate) frames: Vec<RawFrame>,
    /// The file of the opening of the input commitment.
    pub(crate) opening: Option<Vec<u8>>,
}

impl Package {
    pub(crate) fn aligned() -> Self {
        let ended = run(World::five_by_seven().setup());
        ended.expect_honest();
        Self::of(&ended.advertiser)
    }

    pub(crate) fn shuffled() -> Self {
        let ended = run(World::five_by_seven().shuffled(Profile::DigitalIds, 2).setup());
        ended.expect_honest();
        Self::of(&ended.advertiser)
    }

    pub(crate) fn of(side: &Side) -> Self {
        let transcript = Transcript::parse(&side.transcript).unwrap();
        Self { transcript, frames: side.frames.clone(), opening: None }
    }

    pub(crate) fn judge(&self) -> Verdict {
        let mut frames = self;
        let expected = Expected::default();
        verify(&T0, &self.transcript, &mut frames, &Portable, &Limits::SMALL, 1 << 10, &expected)
            .unwrap()
    }

    pub(crate) fn exhibit(&self) -> Exhibit {
        Exhibit::of(&self.transcript).unwrap()
    }

    /// The accused of a verdict, which accepts nothing that was edited.
    pub(crate) fn accused(&self) -> Signers {
        let verdict = self.judge();
        assert!(!verdict.is_accepted());
        verdict.accused()
    }

    /// The message at a place, if there is one and it decodes.
    pub(crate) fn message(&self, at: usize) -> Option<Control> {
        match self.transcript.records.get(at)? {
            Record::Control(frame) => Control::decode(frame).ok(),
            Record::Bulk { .. } => None,
        }
    }

    /// The first message that is picked.
    pub(crate) fn find<T>(&self, pick: impl Fn(Control) -> Option<T>) -> Option<T> {
        (0..self.transcript.records.len()).filter_map(|at| self.message(at)).find_map(pick)
    }

    /// The session id that TERMS states; zeros without TERMS.
    pub(crate) fn sid(&self) -> [u8; 32] {
        let sid = self.find(|message| match message {
            Control::Terms(terms) => Some(terms.sid),
            _ => None,
        });
        sid.unwrap_or([0; 32])
    }

    /// Puts a message in the place of another.
    pub(crate) fn put(&mut self, at: usize, message: &Control) {
        let header = self.frame_at(at).header;
        let frame = message.encode(header.stream, header.index).unwrap();
        self.transcript.records[at] = Record::Control(frame);
    }

    /// Place of the first control message of a kind.
    pub(crate) fn control(&self, kind: u8) -> usize {
        let of_kind = |record: &Record| match record {
            Record::Control(frame) => frame.header.kind == kind,
            Record::Bulk { .. } => false,
        };
        self.transcript.records.iter().position(of_kind).unwrap()
    }

    pub(crate) fn frame_at(&self, at: usize) -> &RawFrame {
        match &self.transcript.records[at] {
            Record::Control(frame) => frame,
            Record::Bulk { .. } => panic!("a control message"),
        }
    }

    pub(crate) fn payload(&self, at: usize) -> Vec<u8> {
        self.frame_at(at).payload.to_vec()
    }

    pub(crate) fn edit(&mut self, at: usize, edit: impl FnOnce(&mut Control)) {
        let mut message = self.message(at).unwrap();
        edit(&mut message);
        self.put(at, &message);
    }

    /// Place of a side's signature of the head of a stream.
    pub(crate) fn checkpoint(&self, stream: StreamId, role: Role) -> Option<usize> {
        (0..self.transcript.records.len()).find(|at| match self.message(*at) {
            Some(Control::Checkpoint(c) | Control::CheckpointAck(c)) => {
                let by_advertiser = self.frame_at(*at).header.stream.from_advertiser();
                c.stream == stream.code() && by_advertiser == (role == A)
            }
            _ => false,
        })
    }

    /// Exchanges two elements of the first stored frame of a stream.
    pub(crate) fn swap_elements(&mut self, stream: StreamId) {
        let element = if stream == StreamId::Handles { 16 } else { 32 };
        self.alter(stream, |payload| {
            for byte in 0..element.min(payload.len() / 2) {
                payload.swap(byte, element + byte);
            }
        });
    }

    /// Repeats the first element of the first stored frame of a stream.
    pub(crate) fn repeat_element(&mut self, stream: StreamId) {
        self.alter(stream, |payload| payload.copy_within(0..32, 32));
    }

    pub(crate) fn alter(&mut self, stream: StreamId, edit: impl Fn(&mut Vec<u8>)) {
        let frame = self.frames.iter_mut().find(|frame| frame.header.stream == stream).unwrap();
        let mut payload = frame.payload.to_vec();
        edit(&mut payload);
        frame.payload = payload.into();
    }

    /// Puts the frames of another package in the place of a stream's.
    pub(crate) fn take(&mut self, stream: StreamId, other: &Self) {
        self.frames.retain(|frame| frame.header.stream != stream);
        let theirs = other.frames.iter().filter(|frame| frame.header.stream == stream);
        self.frames.extend(theirs.cloned());
    }

    /// Records the frames of a stream as they are stored.
    pub(crate) fn follow(&mut self, stream: StreamId) {
        for record in &mut self.transcript.records {
            let Record::Bulk { header, leaf, .. } = record else { continue };
            let stored = |frame: &&RawFrame| {
                frame.header.stream == stream && header.index == frame.header.index
            };
            if header.stream == stream {
                // Digital IDs are stored nowhere.
                let Some(frame) = self.frames.iter().find(stored) else { continue };
                *leaf = leaf_hash(&[&frame.header.encode(), &frame.payload]);
            }
        }
    }

    /// Has a side sign a stream as it is recorded: its frames, if it sends it, and its head.
    pub(crate) fn sign(&mut self, stream: StreamId, role: Role) {
        assert!(self.sign_all(stream, role), "a head that is signed");
    }

    /// Signs as [`Self::sign`] does, in a package that may lack anything; true if there is a head.
    pub(crate) fn sign_all(&mut self, stream: StreamId, role: Role) -> bool {
        if stream.from_advertiser() == (role == A) {
            self.sign_frames(stream);
        }
        let (sid, root) = (self.sid(), self.roots(stream).pop());
        let (Some(root), Some(at)) = (root, self.checkpoint(stream, role)) else {
            return false;
        };
        let again = |checkpoint: &mut Checkpoint, kind| {
            checkpoint.root = root;
            sign_checkpoint(checkpoint, kind, &sid);
        };
        self.edit(at, |message| match message {
            Control::Checkpoint(checkpoint) => again(checkpoint, 6),
            Control::CheckpointAck(checkpoint) => again(checkpoint, 7),
            other => panic!("{}", other.name()),
        });
        true
    }

    /// Has the sender of a stream sign its frames as they are recorded, for the question that is.
    pub(crate) fn sign_frames(&mut self, stream: StreamId) {
        let (sid, roots) = (self.sid(), self.roots(stream));
        let mut place = 0;
        let asked = match stream {
            StreamId::Eval => self.roots(StreamId::Blind),
            StreamId::Handles => self.roots(StreamId::Eval),
            StreamId::Ids => self.roots(StreamId::Handles),
            _ => Vec::new(),
        };
        let aligned = stream == StreamId::Eval && self.is_aligned();
        let key = if stream.from_advertiser() { advertiser_key() } else { provider_key() };
        for record in &mut self.transcript.records {
            let Record::Bulk { header, signature, .. } = record else { continue };
            if header.stream != stream {
                continue;
            }
            let at = place;
            place += 1;
            let asked = if aligned { asked.get(at) } else { asked.last() };
            let answers = asked.copied().unwrap_or([0; 32]);
            let index = header.index;
            *signature =
                FramePlace { sid: &sid, stream, index, root: roots[at], answers }.sign(&key);
        }
    }

    /// Roots of a stream through each of its recorded frames.
    pub(crate) fn roots(&self, stream: StreamId) -> Vec<[u8; 32]> {
        let mut tree = protocol::transcript::merkle::Tree::new();
        let mut roots = Vec::new();
        for record in &self.transcript.records {
            match record {
                Record::Bulk { header, leaf, .. } if header.stream == stream => {
                    tree.push(*leaf);
                    roots.push(tree.root());
                }
                _ => {}
            }
        }
        roots
    }

    pub(crate) fn is_aligned(&self) -> bool {
        let aligned = self.find(|message| match message {
            Control::HelloA(hello) => Some(hello.suite == 1),
            _ => None,
        });
        aligned.unwrap_or(true)
    }

    /// Lowers a minimum below the floor, and has one side sign the session that follows.
    pub(crate) fn relax_terms(&mut self, role: Option<Role>) {
        let (hello_a, hello_p) = (self.payload(0), self.payload(1));
        let opening = self.transcript.opening;
        self.edit(self.control(3), |message| {
            let Control::Terms(message) = message else { panic!("TERMS") };
            message.terms.k_min = 0;
            let binding = SessionBinding {
                hello_a: &hello_a,
                hello_p: &hello_p,
                spki_advertiser: &opening.spki_advertiser,
                spki_provider: &opening.spki_provider,
                exporter: &opening.exporter,
            };
            message.sid = binding.sid(&message.terms).unwrap();
            let key = match role {
                Some(A) => advertiser_signing_key(),
                Some(P) => provider_signing_key(),
                None => return,
            };
            message.signature = sign(&key, "sign-terms", &[&message.sid]);
        });
    }

    /// Gives control messages the indices of their places.
    pub(crate) fn renumber(&mut self) {
        let mut next = [0, 0];
        for record in &mut self.transcript.records {
            if let Record::Control(frame) = record {
                let next = &mut next[usize::from(frame.header.stream.from_advertiser())];
                frame.header.index = *next;
                *next += 1;
            }
        }
    }
}

impl FrameSource for &Package {
    fn frame(&mut self, stream: StreamId, index: u32) -> Result<Option<RawFrame>, FrameUnreadable> {
        let mut frames = self.frames.iter();
        Ok(frames.find(|f| f.header.stream == stream && f.header.index == index).cloned())
    }

    fn input_opening(&mut self) -> Option<Vec<u8>> {
        self.opening.clone()
    }
}

/// The accused of a failing check; `None` if it does not fail.
pub(crate) fn by(verdict: &Verdict, rule: &str) -> Option<Signers> {
    let check = verdict.checks.iter().find(|check| check.rule == rule).unwrap();
    matches!(check.result, CheckResult::Failed(_)).then_some(check.by)
}
