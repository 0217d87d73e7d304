//! Accusations of failing checks: signers of a contradiction, and nobody else [T-18].
//!
//! Packages are edited as their holder could: freely, and with the keys of one party at most. An
//! edit without a key accuses nobody, an edit with one's own key never accuses the other party.

#[path = "../../session/tests/support/mod.rs"]
mod support;

use protocol::codec::{RawFrame, StreamId};
use protocol::group::Portable;
use protocol::limits::Limits;
use protocol::message::{Checkpoint, Control, SessionBinding};
use protocol::suite::Profile;
use protocol::transcript::merkle::leaf_hash;
use protocol::transcript::{Record, Role, Transcript};
use support::words::sign_over;
use support::*;
use verify::rules::T0;
use verify::{
    CheckResult, Conclusion, Expected, FrameSource, FrameUnreadable, Signers, Verdict, verify,
};

const A: Role = Role::Advertiser;
const P: Role = Role::Provider;

#[test]
fn frames_and_leaves_altered_without_a_key_accuse_nobody() {
    for stream in [StreamId::Table, StreamId::Blind, StreamId::Eval] {
        let mut package = Package::aligned();
        package.swap_elements(stream);
        assert_eq!(package.accused(), Signers::NOBODY);
        package.follow(stream);
        assert_eq!(package.accused(), Signers::NOBODY);
    }
}

#[test]
fn recorded_headers_altered_without_a_key_accuse_nobody() {
    for package in [Package::aligned(), Package::shuffled()] {
        for at in 0..package.transcript.records.len() {
            for edit in 0..4 {
                let mut altered = package.clone();
                let Record::Bulk { header, .. } = &mut altered.transcript.records[at] else {
                    continue;
                };
                match edit {
                    0 => header.kind ^= 1,
                    1 => header.elements ^= 1,
                    2 => header.payload_len ^= 1,
                    _ => header.index ^= 1,
                }
                let verdict = altered.judge();
                assert_eq!(verdict.accused(), Signers::NOBODY, "record {at}, edit {edit}");
            }
        }
    }
}

#[test]
fn a_wrong_answer_accuses_the_provider_that_signed_it() {
    let mut package = Package::aligned();
    package.swap_elements(StreamId::Eval);
    package.follow(StreamId::Eval);
    package.sign(StreamId::Eval, P);
    let verdict = package.judge();
    assert_eq!(by(&verdict, "T0-23"), Some(Signers::of(P)), "{verdict:?}");
    // Its receipt has another head than its checkpoint; the advertiser's has the one it signed.
    assert_eq!(by(&verdict, "T0-10"), Some(Signers::of(P)));
    assert_eq!(verdict.accused(), Signers::of(P));
}

#[test]
fn another_question_under_an_honest_answer_does_not_accuse_who_answered() {
    for package in [Package::aligned(), Package::shuffled()] {
        let mut package = package;
        package.swap_elements(StreamId::Blind);
        package.follow(StreamId::Blind);
        package.sign(StreamId::Blind, A);
        let verdict = package.judge();
        assert_eq!(verdict.conclusion(), Conclusion::NotAccepted);
        assert!(!verdict.accused().provider, "{verdict:?}");
    }
}

#[test]
fn rows_out_of_order_accuse_the_side_that_signed_them() {
    for (stream, role) in [(StreamId::Blind, A), (StreamId::Eval, P)] {
        let mut package = Package::shuffled();
        package.swap_elements(stream);
        package.follow(stream);
        package.sign(stream, role);
        let verdict = package.judge();
        assert_eq!(by(&verdict, "T0-23"), Some(Signers::of(role)), "{verdict:?}");
        assert_eq!(verdict.accused(), Signers::of(role));
    }
}

#[test]
fn answers_to_repeated_elements_do_not_accuse_who_answered() {
    // The advertiser asks twice, the provider answers both, and signs question and answer.
    let mut package = Package::aligned();
    for stream in [StreamId::Blind, StreamId::Eval] {
        package.repeat_element(stream);
        package.follow(stream);
        package.sign(stream, A);
        package.sign(stream, P);
    }
    let verdict = package.judge();
    assert_eq!(by(&verdict, "T0-22"), Some(Signers::of(A)), "{verdict:?}");
    // Nor for a proof that does not hold under such a question.
    assert_eq!(by(&verdict, "T0-23"), Some(Signers::NOBODY));
    // The receipts are of other heads than the checkpoints, on both sides.
    assert_eq!(by(&verdict, "T0-10"), Some(Signers::BOTH));
    // Shown with distinct elements that the asker signs afterwards, the answer still repeats one.
    let honest = Package::aligned();
    package.take(StreamId::Blind, &honest);
    package.follow(StreamId::Blind);
    package.sign(StreamId::Blind, A);
    let verdict = package.judge();
    assert_eq!(by(&verdict, "T0-22"), Some(Signers::NOBODY), "{verdict:?}");
    assert_eq!(by(&verdict, "T0-23"), Some(Signers::NOBODY));
}

#[test]
fn terms_that_break_a_rule_accuse_whoever_signed_them() {
    let mut package = Package::aligned();
    let terms = package.control(3);
    package.transcript.records.truncate(terms + 1);
    let honest = package.judge();
    assert_eq!((honest.conclusion(), honest.accused()), (Conclusion::Interrupted, Signers::NOBODY));
    for role in [None, Some(A), Some(P)] {
        let mut altered = package.clone();
        altered.relax_terms(role);
        let verdict = altered.judge();
        let by_advertiser = Signers::of(A);
        let expected = if role == Some(A) { by_advertiser } else { Signers::NOBODY };
        assert_eq!(by(&verdict, "T0-07"), Some(expected), "{role:?}");
        assert_eq!(verdict.accused(), expected, "{role:?}");
    }
}

#[test]
fn a_hello_that_breaks_a_rule_accuses_its_signer() {
    for signed in [false, true] {
        let mut package = Package::aligned();
        package.transcript.records.truncate(2);
        let exporter = package.transcript.opening.exporter;
        package.edit(1, |message| {
            let Control::HelloP(hello) = message else { panic!("{}", message.name()) };
            hello.table.tag_count = 7;
        });
        if signed {
            let payload = package.payload(1);
            package.edit(1, |message| {
                let Control::HelloP(hello) = message else { panic!("{}", message.name()) };
                let key = provider_signing_key();
                hello.signature = sign_over(&key, "sign-hello", &payload, &exporter);
            });
        }
        let verdict = package.judge();
        let expected = if signed { Signers::of(P) } else { Signers::NOBODY };
        assert_eq!(by(&verdict, "T0-03"), Some(expected), "{verdict:?}");
        assert_eq!(verdict.accused(), expected);
    }
}

#[test]
fn hellos_that_do_not_fit_are_no_failure_before_somebody_agreed_to_both() {
    let mut package = Package::aligned();
    package.transcript.records.truncate(2);
    let exporter = package.transcript.opening.exporter;
    package.edit(1, |message| {
        let Control::HelloP(hello) = message else { panic!("{}", message.name()) };
        hello.rules_digest = [9; 32];
    });
    let payload = package.payload(1);
    package.edit(1, |message| {
        let Control::HelloP(hello) = message else { panic!("{}", message.name()) };
        hello.signature = sign_over(&provider_signing_key(), "sign-hello", &payload, &exporter);
    });
    let verdict = package.judge();
    assert_eq!(verdict.conclusion(), Conclusion::Interrupted, "{verdict:?}");
}

#[test]
fn two_heads_of_one_stream_accuse_whoever_signed_both() {
    let mut package = Package::aligned();
    let at = package.checkpoint(StreamId::Blind, A);
    let mut second = package.transcript.records[at].clone();
    let sid = package.sid();
    if let Record::Control(frame) = &mut second {
        let header = frame.header;
        let mut message = Control::decode(frame).unwrap();
        if let Control::Checkpoint(checkpoint) = &mut message {
            checkpoint.root = [7; 32];
            sign_checkpoint(checkpoint, 6, &sid);
        }
        *frame = message.encode(header.stream, header.index).unwrap();
    }
    package.transcript.records.insert(at + 1, second);
    package.renumber();
    let verdict = package.judge();
    assert_eq!(by(&verdict, "T0-09"), Some(Signers::of(A)), "{verdict:?}");

    // Two show it; a package with any number of them is not read to its end.
    let third = package.transcript.records[at + 1].clone();
    package.transcript.records.insert(at + 2, third);
    package.renumber();
    let verdict = package.judge();
    assert_eq!(by(&verdict, "T0-02"), Some(Signers::NOBODY), "{verdict:?}");
    assert_eq!(by(&verdict, "T0-09"), Some(Signers::of(A)), "{verdict:?}");
}

#[test]
fn a_word_put_in_ones_mouth_accuses_nobody_and_is_not_accepted() {
    let mut setup = World::five_by_seven().setup();
    setup.provider.policy.profiles.clear();
    let ended = run(setup);
    let mut package = Package::of(&ended.provider);
    let verdict = package.judge();
    assert_eq!(verdict.conclusion(), Conclusion::Interrupted, "{verdict:?}");
    let last = package.transcript.records.len() - 1;
    package.edit(last, |message| match message {
        Control::Refuse(refuse) => refuse.code = 0x0305,
        other => panic!("{}", other.name()),
    });
    // Before HELLO_P the provider has no key here: anybody may have said it.
    let verdict = package.judge();
    assert_eq!(verdict.accused(), Signers::NOBODY);

    let altered = cheat(on_bulk(StreamId::Eval, 0, |_, payload| payload.swap(0, 32)));
    let ended = run_altered(World::five_by_seven().setup(), altered);
    let mut package = Package::of(&ended.advertiser);
    let last = package.transcript.records.len() - 1;
    package.edit(last, |message| match message {
        Control::Abort(abort) => abort.code = 0x0401,
        other => panic!("{}", other.name()),
    });
    let verdict = package.judge();
    assert_eq!(by(&verdict, "T0-13"), Some(Signers::NOBODY), "{verdict:?}");
    assert_eq!(verdict.conclusion(), Conclusion::NotAccepted);
}

/// A transcript and the frames beside it, in the hands of somebody who edits them.
#[derive(Clone)]
struct Package {
    transcript: Transcript,
    frames: Vec<RawFrame>,
}

impl Package {
    fn aligned() -> Self {
        let ended = run(World::five_by_seven().setup());
        ended.expect_honest();
        Self::of(&ended.advertiser)
    }

    fn shuffled() -> Self {
        let ended = run(World::five_by_seven().shuffled(Profile::DigitalIds, 2).setup());
        ended.expect_honest();
        Self::of(&ended.advertiser)
    }

    fn of(side: &Side) -> Self {
        let transcript = Transcript::parse(&side.transcript).unwrap();
        Self { transcript, frames: side.frames.clone() }
    }

    fn judge(&self) -> Verdict {
        let mut frames = self;
        let expected = Expected::default();
        verify(&T0, &self.transcript, &mut frames, &Portable, &Limits::SMALL, 1 << 10, &expected)
            .unwrap()
    }

    /// The accused of a verdict, which accepts nothing that was edited.
    fn accused(&self) -> Signers {
        let verdict = self.judge();
        assert!(!verdict.is_accepted());
        verdict.accused()
    }

    fn sid(&self) -> [u8; 32] {
        match Control::decode(self.frame_at(self.control(3))).unwrap() {
            Control::Terms(terms) => terms.sid,
            other => panic!("{}", other.name()),
        }
    }

    /// Place of the first control message of a kind.
    fn control(&self, kind: u8) -> usize {
        let of_kind = |record: &Record| match record {
            Record::Control(frame) => frame.header.kind == kind,
            Record::Bulk { .. } => false,
        };
        self.transcript.records.iter().position(of_kind).unwrap()
    }

    fn frame_at(&self, at: usize) -> &RawFrame {
        match &self.transcript.records[at] {
            Record::Control(frame) => frame,
            Record::Bulk { .. } => panic!("a control message"),
        }
    }

    fn payload(&self, at: usize) -> Vec<u8> {
        self.frame_at(at).payload.to_vec()
    }

    fn edit(&mut self, at: usize, edit: impl FnOnce(&mut Control)) {
        let frame = self.frame_at(at);
        let header = frame.header;
        let mut message = Control::decode(frame).unwrap();
        edit(&mut message);
        let frame = message.encode(header.stream, header.index).unwrap();
        self.transcript.records[at] = Record::Control(frame);
    }

    /// Place of a side's signature of the head of a stream.
    fn checkpoint(&self, stream: StreamId, role: Role) -> usize {
        let own = |record: &Record| match record {
            Record::Control(frame) => match Control::decode(frame).unwrap() {
                Control::Checkpoint(c) | Control::CheckpointAck(c) => {
                    let by_advertiser = frame.header.stream.from_advertiser();
                    c.stream == stream.code() && by_advertiser == (role == A)
                }
                _ => false,
            },
            Record::Bulk { .. } => false,
        };
        self.transcript.records.iter().position(own).unwrap()
    }

    /// Exchanges two elements of the first stored frame of a stream.
    fn swap_elements(&mut self, stream: StreamId) {
        self.alter(stream, |payload| {
            for byte in 0..32.min(payload.len() / 2) {
                payload.swap(byte, 32 + byte);
            }
        });
    }

    /// Repeats the first element of the first stored frame of a stream.
    fn repeat_element(&mut self, stream: StreamId) {
        self.alter(stream, |payload| payload.copy_within(0..32, 32));
    }

    fn alter(&mut self, stream: StreamId, edit: impl Fn(&mut Vec<u8>)) {
        let frame = self.frames.iter_mut().find(|frame| frame.header.stream == stream).unwrap();
        let mut payload = frame.payload.to_vec();
        edit(&mut payload);
        frame.payload = payload.into();
    }

    /// Puts the frames of another package in the place of a stream's.
    fn take(&mut self, stream: StreamId, other: &Self) {
        self.frames.retain(|frame| frame.header.stream != stream);
        let theirs = other.frames.iter().filter(|frame| frame.header.stream == stream);
        self.frames.extend(theirs.cloned());
    }

    /// Records the frames of a stream as they are stored.
    fn follow(&mut self, stream: StreamId) {
        for record in &mut self.transcript.records {
            let Record::Bulk { header, leaf } = record else { continue };
            let stored = |frame: &&RawFrame| {
                frame.header.stream == stream && header.index == frame.header.index
            };
            if header.stream == stream {
                let frame = self.frames.iter().find(stored).unwrap();
                *leaf = leaf_hash(&[&frame.header.encode(), &frame.payload]);
            }
        }
    }

    /// Has a side sign the head of a stream as it is recorded.
    fn sign(&mut self, stream: StreamId, role: Role) {
        let mut tree = protocol::transcript::merkle::Tree::new();
        for record in &self.transcript.records {
            match record {
                Record::Bulk { header, leaf } if header.stream == stream => tree.push(*leaf),
                _ => {}
            }
        }
        let (sid, root) = (self.sid(), tree.root());
        let again = |checkpoint: &mut Checkpoint, kind| {
            checkpoint.root = root;
            sign_checkpoint(checkpoint, kind, &sid);
        };
        self.edit(self.checkpoint(stream, role), |message| match message {
            Control::Checkpoint(checkpoint) => again(checkpoint, 6),
            Control::CheckpointAck(checkpoint) => again(checkpoint, 7),
            other => panic!("{}", other.name()),
        });
    }

    /// Lowers a minimum below the floor, and has one side sign the session that follows.
    fn relax_terms(&mut self, role: Option<Role>) {
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
    fn renumber(&mut self) {
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
}

/// The accused of a failing check; `None` if it does not fail.
fn by(verdict: &Verdict, rule: &str) -> Option<Signers> {
    let check = verdict.checks.iter().find(|check| check.rule == rule).unwrap();
    matches!(check.result, CheckResult::Failed(_)).then_some(check.by)
}
