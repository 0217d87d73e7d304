//! What reviews found, one test for each finding that the other programs do not hold.
//!
//! Most are about the auditor's verdict: a package is altered record by record, and the rule that
//! must notice is named.

mod support;

use protocol::attestation::PartyId;
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::{Error, Incompatibility, RefuseCode, Violation};
use protocol::group::Portable;
use protocol::limits::Limits;
use protocol::message::{Checkpoint, Control};
use protocol::oprf::MatchTag;
use protocol::transcript::{Record, Role, Transcript};
use session::advertiser::AdvertiserSession;
use session::{Outbox, Output, SpillContent, SpillName};
use support::*;
use verify::rules::T0;
use verify::{
    CheckResult, Conclusion, Ending, Expected, FrameSource, FrameUnreadable, Signers, Verdict,
    verify,
};

#[test]
fn a_verdict_names_the_parties_and_fails_for_others() {
    let ended = run(World::five_by_seven().setup());
    for side in [&ended.advertiser, &ended.provider] {
        let package = Package::of(side);
        let verdict = package.judge();
        assert!(verdict.is_accepted(), "{verdict:?}");
        assert_eq!(verdict.parties.advertiser, Some(advertiser_key().party()));
        assert_eq!(verdict.parties.provider, Some(provider_key().party()));
        let channel = World::five_by_seven().channel();
        assert_eq!(verdict.parties.spki_advertiser, channel.spki_advertiser);
        assert_eq!(verdict.parties.spki_provider, channel.spki_provider);
        let (us, other) = (Some(advertiser_key().party()), Some(PartyId([9; 32])));
        let unknown = Expected::default();
        for (expected, accepted) in [
            (unknown, true),
            (Expected { advertiser: us, ..unknown }, true),
            (Expected { provider: us, ..unknown }, false),
            (Expected { advertiser: other, ..unknown }, false),
            (Expected { provider: other, ..unknown }, false),
        ] {
            let verdict = package.judge_for(&expected);
            assert_eq!(verdict.is_accepted(), accepted);
            assert_eq!(result(&verdict, "T0-03") == CheckResult::Passed, accepted);
        }
    }
}

#[test]
fn each_stream_is_signed_once_by_each_side_and_by_the_right_one() {
    let ended = run(World::five_by_seven().setup());
    let sid = ended.terms().sid;
    for side in [&ended.advertiser, &ended.provider] {
        let package = Package::of(side);
        for at in package.controls_of_kind(&[6, 7]) {
            // Once more, at the next place.
            let mut twice = package.clone();
            let again = twice.records()[at].clone();
            twice.records().insert(at + 1, again);
            twice.renumber();
            assert_fails(&twice.judge(), "T0-09");
            // Not at all.
            let mut never = package.clone();
            never.records().remove(at);
            never.renumber();
            let verdict = never.judge();
            // It is not shown, unless what follows it cannot stand without it.
            let unshown = matches!(result(&verdict, "T0-09"), CheckResult::NotChecked(_));
            assert!(unshown || is_failed(&verdict, "T0-02"), "{verdict:?}");
            assert!(!verdict.is_accepted());
            // By the other side, whose key signs it well.
            let mut swapped = package.clone();
            swapped.edit_checkpoint(at, |checkpoint, header| {
                sign_checkpoint(checkpoint, 13 - header.kind, &sid);
                header.stream = match header.stream {
                    StreamId::ControlAdvertiser => StreamId::ControlProvider,
                    _ => StreamId::ControlAdvertiser,
                };
            });
            swapped.renumber();
            assert_fails(&swapped.judge(), "T0-02");
        }
        // Of a stream that nobody sent, signed as it should be.
        for (kind, stream) in [(6, 19), (6, 20)] {
            let mut extra = package.clone();
            let at = package.controls_of_kind(&[kind])[0];
            let record = extra.records()[at].clone();
            extra.records().insert(at, record);
            extra.edit_checkpoint(at, |checkpoint, header| {
                checkpoint.stream = stream;
                header.stream = match stream {
                    19 => StreamId::ControlAdvertiser,
                    _ => StreamId::ControlProvider,
                };
            });
            extra.renumber();
            assert_fails(&extra.judge(), "T0-09");
        }
    }
}

#[test]
fn a_recorded_header_is_the_stored_frames_header() {
    let ended = run(World::five_by_seven().setup());
    for side in [&ended.advertiser, &ended.provider] {
        let mut package = Package::of(side);
        for record in package.records() {
            // Of EVAL the length follows from the number of elements, which T0-08 looks at.
            if let Record::Bulk { header, .. } = record
                && header.stream != StreamId::Eval
            {
                header.payload_len += 1;
            }
        }
        let verdict = package.judge();
        assert_fails(&verdict, "T0-20");
        assert_eq!(verdict.checks.iter().filter(|c| c.result != CheckResult::Passed).count(), 1);
    }
}

#[test]
fn nothing_is_blinded_before_the_table_was_whole_and_acknowledged() {
    let ended = run(World::five_by_seven().setup());
    for side in [&ended.advertiser, &ended.provider] {
        let mut never = Package::of(side);
        never.records().retain(|record| !is_of(record, StreamId::Table));
        assert_fails(&never.judge(), "T0-02");
        let mut open = Package::of(side);
        for record in open.records() {
            match record {
                Record::Bulk { header, .. } if header.stream == StreamId::Table => header.kind = 0,
                _ => {}
            }
        }
        assert_fails(&open.judge(), "T0-02");
    }
    // The advertiser says that it has the table before it blinds; the provider may hear it later.
    for (side, accepted) in [(&ended.advertiser, false), (&ended.provider, true)] {
        let mut late = Package::of(side);
        let acknowledged = late.controls_of_kind(&[7])[0];
        let record = late.records().remove(acknowledged);
        let blind = late.records().iter().position(|record| is_of(record, StreamId::Blind));
        late.records().insert(blind.unwrap() + 1, record);
        late.renumber();
        assert_eq!(late.judge().is_accepted(), accepted);
    }
}

#[test]
fn a_session_cut_at_any_record_is_judged_as_far_as_it_went() {
    let ended = run(World::five_by_seven().setup());
    for side in [&ended.advertiser, &ended.provider] {
        let whole = Package::of(side);
        for cut in 0..whole.transcript.records.len() {
            let mut package = whole.clone();
            package.records().truncate(cut);
            let verdict = package.judge();
            let failed: Vec<&str> = verdict
                .checks
                .iter()
                .filter(|check| matches!(check.result, CheckResult::Failed(_)))
                .map(|check| check.rule)
                .collect();
            // What is there is all right; what is not there is no failure.
            assert_eq!(failed, [""; 0], "cut at {cut}");
            assert_eq!(verdict.conclusion(), Conclusion::Interrupted, "cut at {cut}");
            assert!(matches!(verdict.account.ending, Ending::Cut { .. }), "cut at {cut}");
            assert_eq!(verdict.checks.len(), whole.judge().checks.len());
            if cut >= 4 {
                for rule in ["T0-03", "T0-04", "T0-05", "T0-06", "T0-07"] {
                    assert_eq!(result(&verdict, rule), CheckResult::Passed, "cut at {cut}");
                }
            }
        }
    }
}

#[test]
fn an_aborted_session_shows_what_was_wrong_in_it() {
    let altered = cheat(on_bulk(StreamId::Eval, 0, |_, payload| payload.swap(0, 32)));
    let ended = run_altered(World::five_by_seven().setup(), altered);
    assert!(matches!(ended.advertiser.error, Some(Error::PeerMisbehaved { .. })));
    let verdict = Package::of(&ended.advertiser).judge();
    assert!(matches!(result(&verdict, "T0-02"), CheckResult::NotChecked(_)));
    assert_eq!(verdict.conclusion(), Conclusion::NotAccepted);
    assert!(is_failed(&verdict, "T0-21") || is_failed(&verdict, "T0-23"), "{verdict:?}");
    // The provider signed the wrong answer, and the question that it answered by it.
    assert_eq!(verdict.accused(), Signers::of(Role::Provider));
    assert!(matches!(
        verdict.account.ending,
        Ending::Word { name: "ABORT", by: Role::Advertiser, signed: true, .. }
    ));
    assert_eq!(result(&verdict, "T0-24"), CheckResult::Passed);
    for rule in ["T0-10", "T0-11"] {
        assert!(matches!(result(&verdict, rule), CheckResult::NotChecked(_)));
    }
}

#[test]
fn a_refused_session_has_no_frames_to_check() {
    let mut setup = World::five_by_seven().setup();
    setup.provider.rules_digest = [9; 32];
    let ended = run(setup);
    let told = ended.advertiser.error.unwrap();
    let why = RefuseCode::Incompatibility(Incompatibility::Ruleset);
    assert_eq!(told, Error::RefusedByPeer { why, retry_after_s: 0, ledger_head: [0; 32] });
    assert_eq!(told.refusal(), None);
    // What the peer refused is not said back to it.
    assert_eq!(ended.advertiser.controls().len(), 2);
    let verdict = Package::of(&ended.advertiser).judge();
    assert_eq!(verdict.conclusion(), Conclusion::Interrupted);
    let code = Incompatibility::Ruleset.code();
    // The provider has not said who it is, so this is the word of whoever holds the package.
    let word = Ending::Word { name: "REFUSE", by: Role::Provider, signed: false, code };
    assert_eq!(verdict.account.ending, word);
    for check in &verdict.checks {
        assert!(matches!(check.result, CheckResult::NotChecked(_)), "{}", check.rule);
    }
}

#[test]
fn a_cached_table_is_recomputed_when_its_frames_are_shown() {
    let world = World::five_by_seven();
    let first = run(world.setup());
    let (prepared, frames) = prepare(&world);
    let cached =
        World { cached: frames.clone(), cached_table: Some(prepared.table), ..world.after(&first) };
    let second = run(cached.setup());
    second.expect_honest();
    let without = Package::of(&second.advertiser);
    assert!(matches!(result(&without.judge(), "T0-24"), CheckResult::NotChecked(_)));
    let mut with = without.clone();
    with.frames.extend(frames);
    assert!(with.judge().is_accepted());
    let (key, derivation) = prf_key();
    let other = table(&key, &derivation, &[email(7)], &[], &Limits::SMALL).1;
    let mut with_other = without.clone();
    with_other.frames.extend(other);
    assert_fails(&with_other.judge(), "T0-24");
}

#[test]
fn a_message_that_does_not_decode_is_recorded_before_it_ends_the_session() {
    let broken = |frame: &RawFrame| {
        let kind = frame.header.kind;
        (frame.header.stream == StreamId::ControlAdvertiser && kind == 3).then(|| {
            let mut bytes = bytes(frame);
            *bytes.last_mut().unwrap() ^= 1;
            // One byte of the length of a list.
            bytes[16 + 2 + 4 + 32 + 1] ^= 0x80;
            vec![bytes]
        })
    };
    let ended = run_altered(World::five_by_seven().setup(), broken);
    let at = protocol::error::Location { stream: 1, index: 1 };
    let violation = Violation::EncodingNotCanonical;
    assert_eq!(ended.provider.error, Some(Error::PeerMisbehaved { violation, at }));
    let records = Transcript::parse(&ended.provider.transcript).unwrap().records;
    let undecodable = records.iter().filter(
        |record| matches!(record, Record::Control(frame) if Control::decode(frame).is_err()),
    );
    assert_eq!(undecodable.count(), 1);
}

#[test]
fn nothing_that_passes_through_the_driver_shows_its_content() {
    let secret = vec![0xAB; 17];
    let spill = Output::Spill { spill: SpillName::OwnTags, records: secret.clone().into() };
    let content = SpillContent::Records(secret.into());
    let tag = MatchTag([0xAB; 9]);
    let shown = format!("{spill:?} {content:?} {tag:?}");
    assert_eq!(shown, "Spill(OwnTags, 17 bytes) Records(17 bytes) MatchTag(..)");
    let config = World::five_by_seven().setup().advertiser;
    let exporter = config.peer.channel().exporter;
    let mut out = Outbox::new(Role::Advertiser, config.key.clone(), exporter);
    let session = AdvertiserSession::open(config, &mut out);
    assert_eq!(session.unwrap().sid(), None);
    let shown: Vec<String> = out.drain().map(|output| format!("{output:?}")).collect();
    assert_eq!(shown, ["Append(control A->P 0)", "Send(control A->P 0)"]);
}

/// A transcript and the frames beside it, to be altered.
#[derive(Clone)]
struct Package {
    transcript: Transcript,
    frames: Vec<RawFrame>,
}

impl Package {
    fn of(side: &Side) -> Self {
        let transcript = Transcript::parse(&side.transcript).unwrap();
        Self { transcript, frames: side.frames.clone() }
    }

    fn judge(&self) -> Verdict {
        self.judge_for(&Expected::default())
    }

    fn judge_for(&self, expected: &Expected) -> Verdict {
        let mut frames = self;
        verify(&T0, &self.transcript, &mut frames, &Portable, &Limits::SMALL, 16, expected).unwrap()
    }

    fn records(&mut self) -> &mut Vec<Record> {
        &mut self.transcript.records
    }

    /// Places of the control messages of these kinds.
    fn controls_of_kind(&self, kinds: &[u8]) -> Vec<usize> {
        let records = self.transcript.records.iter().enumerate();
        records
            .filter(|(_, record)| {
                matches!(record, Record::Control(frame) if kinds.contains(&frame.header.kind))
            })
            .map(|(at, _)| at)
            .collect()
    }

    fn edit_checkpoint(&mut self, at: usize, edit: impl Fn(&mut Checkpoint, &mut FrameHeader)) {
        let Record::Control(frame) = &mut self.records()[at] else { panic!("a control message") };
        let mut message = Control::decode(frame).unwrap();
        let mut header = frame.header;
        match &mut message {
            Control::Checkpoint(checkpoint) | Control::CheckpointAck(checkpoint) => {
                edit(checkpoint, &mut header);
            }
            other => panic!("{}", other.name()),
        }
        *frame = message.encode(header.stream, header.index).unwrap();
    }

    /// Gives control messages the indices of their places.
    fn renumber(&mut self) {
        let mut next = [0, 0];
        for record in self.records() {
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

fn is_of(record: &Record, stream: StreamId) -> bool {
    matches!(record, Record::Bulk { header, .. } if header.stream == stream)
}

fn result(verdict: &Verdict, rule: &str) -> CheckResult {
    let check = verdict.checks.iter().find(|check| check.rule == rule);
    check.expect("a rule of T0").result.clone()
}

fn is_failed(verdict: &Verdict, rule: &str) -> bool {
    matches!(result(verdict, rule), CheckResult::Failed(_))
}

fn assert_fails(verdict: &Verdict, rule: &str) {
    assert!(is_failed(verdict, rule), "{rule} holds: {verdict:?}");
    assert!(!verdict.is_accepted());
}
