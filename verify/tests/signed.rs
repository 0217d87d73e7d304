//! Statements of a side about itself, its clock and its end: signed, and judged without accusing
//! anybody of words that another could have written.

#[path = "../../session/tests/support/mod.rs"]
mod support;

use proptest::prelude::*;
use protocol::attestation::Signature;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Blame, Clocks, Error, Refusal, Violation, WireCode};
use protocol::group::Portable;
use protocol::identifier::Identifier;
use protocol::limits::Limits;
use protocol::manifest::SignedManifest;
use protocol::message::{Abort, Control};
use protocol::suite::Profile;
use protocol::transcript::{Record, Transcript};
use support::*;
use verify::rules::T0;
use verify::{CheckResult, Expected, FrameSource, FrameUnreadable, Verdict, verify};

// HELLO

#[test]
fn a_hello_without_its_senders_signature_ends_the_session() {
    // G28
    type Edit = fn(&mut Control);
    let edits: [(u8, Edit); 4] = [
        (1, |message| match message {
            Control::HelloA(hello) => hello.signature.s[0] ^= 1,
            _ => unreachable!(),
        }),
        (1, |message| match message {
            // Signed well, by the other party.
            Control::HelloA(hello) => {
                hello.signature = sign(&provider_signing_key(), "sign-hello", &[b"anything"]);
            }
            _ => unreachable!(),
        }),
        (2, |message| match message {
            Control::HelloP(hello) => hello.signature.r[0] ^= 1,
            _ => unreachable!(),
        }),
        (2, |message| match message {
            Control::HelloP(hello) => hello.signature = hello.manifest.signature,
            _ => unreachable!(),
        }),
    ];
    for (kind, edit) in edits {
        let ended = run_altered(World::five_by_seven().setup(), on_control(kind, edit));
        let judge = if kind == 1 { &ended.provider } else { &ended.advertiser };
        assert_eq!(judge.error, Some(Error::peer(Violation::SignatureInvalid, kind, 0)));
        assert!(ended.advertiser.holds.is_empty() && ended.provider.entries.is_empty());
    }
}

#[test]
fn a_cleared_flag_of_a_test_build_does_not_pass() {
    // T-02: whoever holds the package can edit it, and cannot sign for both.
    let ended = run(World::five_by_seven().setup());
    let honest = ended.provider.parsed();
    assert_eq!(result(&judge(&honest, &Limits::SMALL), "T0-01"), CheckResult::Passed);
    let standard = judge(&honest, &Limits::STANDARD);
    assert!(is_failed(&standard, "T0-01"), "a test shows itself");
    for edited in [&[1][..], &[2], &[1, 2]] {
        let mut transcript = honest.clone();
        for message in transcript.records.iter_mut().filter_map(control) {
            let kind = message.header.kind;
            if edited.contains(&kind) {
                edit(message, |message| match message {
                    Control::HelloA(hello) => hello.program.flags = 0,
                    Control::HelloP(hello) => hello.program.flags = 0,
                    _ => {}
                });
            }
        }
        let verdict = judge(&transcript, &Limits::STANDARD);
        assert!(is_failed(&verdict, "T0-12"), "{edited:?}");
        assert_eq!(is_failed(&verdict, "T0-01"), edited.len() < 2, "{edited:?}");
    }
}

#[test]
fn a_session_says_itself_which_limits_it_runs_with() {
    // T-02: whatever the driver claims.
    let mut setup = World::five_by_seven().setup();
    setup.advertiser.program.flags = 0;
    setup.provider.program.flags = 0;
    let ended = run(setup);
    let verdict = judge(&ended.provider.parsed(), &Limits::STANDARD);
    assert!(is_failed(&verdict, "T0-01"));
}

#[test]
fn every_byte_of_the_hellos_and_terms_enters_the_sid() {
    // K-07
    let world = World::five_by_seven();
    let ended = run(world.setup());
    let terms = ended.terms();
    let (hello_a, hello_p) = (ended.control(1).clone(), ended.control(2).clone());
    assert_eq!(world.sid(&hello_a, &hello_p, &terms.terms), terms.sid);
    for (at, hello) in [&hello_a, &hello_p].into_iter().enumerate() {
        for byte in 0..hello.payload.len() {
            let mut payload = hello.payload.to_vec();
            payload[byte] ^= 1;
            let altered = RawFrame { payload: payload.into(), ..hello.clone() };
            let sid = match at {
                0 => world.sid(&altered, &hello_p, &terms.terms),
                _ => world.sid(&hello_a, &altered, &terms.terms),
            };
            assert_ne!(sid, terms.sid, "byte {byte} of HELLO {at}");
        }
    }
    let bytes = layout::terms_bytes(&terms.terms);
    let digest = h("terms", &[&bytes]);
    for byte in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[byte] ^= 1;
        assert_ne!(h("terms", &[&altered]), digest, "byte {byte}");
    }
}

// Clocks

#[test]
fn clocks_that_differ_are_told_with_both_times_and_accuse_nobody() {
    // A slow clock here made a key made just now there "not valid yet", and the provider a liar.
    for ahead in [-10_800, -600, -360, -301, 301, 360, 600, 86_400] {
        let mut setup = World::five_by_seven().setup();
        set_clock(&mut setup, ahead);
        key_made_now(&mut setup);
        let ended = run(setup);
        let here = NOW.saturating_add_signed(ahead);
        let at_provider = Clocks { local: NOW, peer: here };
        let at_advertiser = Clocks { local: here, peer: NOW };
        let found = Error::ClocksDiffer { clocks: at_provider, by_peer: false };
        assert_eq!(ended.provider.error, Some(found));
        let told = Error::ClocksDiffer { clocks: at_advertiser, by_peer: true };
        assert_eq!(ended.advertiser.error, Some(told));
        assert_eq!((found.blame(), told.blame()), (Blame::Both, Blame::Both));
        assert!(ended.advertiser.holds.is_empty() && ended.provider.entries.is_empty());
    }
    for ahead in [-300, -1, 0, 299, 300] {
        let mut setup = World::five_by_seven().setup();
        set_clock(&mut setup, ahead);
        key_made_now(&mut setup);
        run(setup).expect_honest();
    }
}

#[test]
fn a_provider_whose_clock_jumped_is_told_before_its_key_is_judged() {
    for sent_at in [NOW - 301, NOW + 301, 0, u64::MAX] {
        let mut setup = World::five_by_seven().setup();
        key_made_now(&mut setup);
        let alter = on_control(2, move |message| match message {
            Control::HelloP(hello) => hello.sent_at = sent_at,
            _ => unreachable!(),
        });
        let ended = run_altered(setup, alter);
        let clocks = Clocks { local: NOW, peer: sent_at };
        let found = Error::ClocksDiffer { clocks, by_peer: false };
        assert_eq!(ended.advertiser.error, Some(found));
        expect_told(&ended.provider, Refusal::ClocksDiffer);
    }
}

#[test]
fn a_key_that_ends_between_two_clocks_is_nobodys_fault() {
    // By the provider's clock it is valid, by the advertiser's it has just ended.
    let mut setup = World::five_by_seven().setup();
    set_clock(&mut setup, 200);
    let manifest = &mut setup.provider.prepared[0].manifest;
    manifest.body.not_after = NOW + 100;
    *manifest = SignedManifest::sign(manifest.body.clone(), &provider_key()).unwrap();
    let ended = run(setup);
    assert_eq!(ended.advertiser.error, Some(Error::Refused(Refusal::TermsExpired)));
    expect_told(&ended.provider, Refusal::TermsExpired);
}

#[test]
fn a_clock_that_jumps_during_the_session_is_told_as_a_clock() {
    // At TERMS and at RECEIPT, in either direction.
    for (kind, jump) in [(3, 400), (3, -400), (8, 301), (8, -301)] {
        let setup = World::five_by_seven().setup();
        let clock = setup.clock.clone();
        let alter = on_control(kind, move |_| clock.set(NOW.saturating_add_signed(jump)));
        let ended = run_altered(setup, alter);
        let local = NOW.saturating_add_signed(jump);
        let found = Error::ClocksDiffer { clocks: Clocks { local, peer: NOW }, by_peer: false };
        assert_eq!(ended.provider.error, Some(found), "kind {kind}, jump {jump}");
        assert_eq!(ended.advertiser.error.unwrap().refusal(), Some(Refusal::ClocksDiffer));
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// Two honest nodes with any two clocks: the session ends well, or the clocks are told.
    #[test]
    fn no_clock_makes_a_peer_a_liar(ahead in -100_000_i64..100_000, shuffled: bool) {
        let world = World::five_by_seven();
        let world = if shuffled { world.shuffled(Profile::MatchRate, 2) } else { world };
        let mut setup = world.setup();
        set_clock(&mut setup, ahead);
        key_made_now(&mut setup);
        let ended = run(setup);
        for error in [ended.advertiser.error, ended.provider.error].into_iter().flatten() {
            prop_assert_eq!(error.refusal(), Some(Refusal::ClocksDiffer));
            prop_assert_eq!(error.blame(), Blame::Both);
        }
        prop_assert_eq!(ended.advertiser.error.is_none(), ahead.abs() <= 300);
    }
}

// REFUSE and ABORT

#[test]
fn a_refusal_is_signed_over_what_it_answers() {
    // At HELLO, at TERMS, and of handles.
    let at_hello = {
        let mut setup = World::five_by_seven().setup();
        setup.provider.rules_digest = [9; 32];
        run(setup)
    };
    let at_terms = {
        let mut setup = World::five_by_seven().setup();
        setup.refuse_reserve = Some(Refusal::BudgetExceeded);
        setup.hold_allowed = true;
        run(setup)
    };
    let of_handles = {
        let world = World::five_by_seven().shuffled(Profile::DigitalIds, 2);
        let setup = world.setup();
        let clock = setup.clock.clone();
        // The terms expire while the batch is on its way.
        run_altered(setup, |frame| {
            if frame.header.stream == StreamId::Handles {
                clock.set(NOW + 30 * 86_400);
            }
            None
        })
    };
    for (ended, stage, streams) in [(at_hello, 1, 0), (at_terms, 2, 0), (of_handles, 3, 4)] {
        let Ok(Control::Refuse(refuse)) = Control::decode(ended.control(5)) else {
            panic!("a REFUSE")
        };
        let sent_at = if stage == 3 { NOW + 30 * 86_400 } else { NOW };
        assert_eq!((refuse.sent_at, refuse.streams.len()), (sent_at, streams));
        let channel = World::five_by_seven().channel();
        let shared = match stage {
            1 => h("hello-a", &[&ended.control(1).payload]),
            _ => ended.terms().sid,
        };
        let expected = words::sign_over(
            &provider_signing_key(),
            "sign-refuse",
            &ended.control(5).payload,
            &shared,
        );
        assert_eq!(refuse.signature, expected, "{channel:?}");
        for side in [&ended.advertiser, &ended.provider] {
            let verdict = side.verdict();
            match stage {
                // Who refused a HELLO has not introduced itself.
                1 => assert!(is_unchecked(&verdict, "T0-13")),
                _ => assert_eq!(result(&verdict, "T0-13"), CheckResult::Passed),
            }
        }
        if stage > 1 {
            every_byte_of_a_word_is_signed(&ended.advertiser.parsed(), 5);
        }
    }
}

#[test]
fn a_refusal_that_is_not_signed_for_this_session_is_not_believed() {
    let mut setup = World::five_by_seven().setup();
    setup.provider.rules_digest = [9; 32];
    let honest = run(setup);
    let edits: [fn(&mut protocol::message::Refuse); 6] = [
        |refuse| refuse.code = 0x0305,
        |refuse| refuse.retry_after = 9,
        |refuse| refuse.ledger_head[0] ^= 1,
        |refuse| refuse.sent_at += 1,
        |refuse| refuse.streams = vec![layout::receipt().streams[0]],
        |refuse| refuse.signature.r[0] ^= 1,
    ];
    for edit in edits {
        let mut setup = World::five_by_seven().setup();
        setup.provider.rules_digest = [9; 32];
        let alter = on_control(5, |message| match message {
            Control::Refuse(refuse) => edit(refuse),
            _ => unreachable!(),
        });
        let ended = run_altered(setup, alter);
        let forged = Error::peer(Violation::SignatureInvalid, 2, 0);
        assert_eq!(ended.advertiser.error, Some(forged));
    }
    // The same words of another session of the pair.
    let mut setup = World { session: 2, ..World::five_by_seven() }.setup();
    setup.provider.rules_digest = [9; 32];
    let old = bytes(honest.control(5));
    let ended = run_altered(setup, |frame| {
        (frame.header.kind == 5 && frame.header.stream.is_control()).then(|| vec![old.clone()])
    });
    let forged = Error::peer(Violation::SignatureInvalid, 2, 0);
    assert_eq!(ended.advertiser.error, Some(forged));
}

#[test]
fn nobody_but_an_advertiser_before_its_terms_has_nothing_to_ask() {
    // Said by a provider it would end a run well, without a result.
    let mut setup = World::five_by_seven().setup();
    setup.provider.busy = Some((Refusal::NothingToAsk, 0));
    let ended = run(setup);
    let misplaced = Error::peer(Violation::UnexpectedMessage, 2, 0);
    assert_eq!(ended.advertiser.error, Some(misplaced));
    // Said when evaluations are charged it would hide that a session failed.
    let alter = |frame: &RawFrame| {
        let header = frame.header;
        let signature = Signature { r: [0; 32], s: [0; 32] };
        let abort = Abort { code: 0x0314, stream: 0, index: 0, streams: Vec::new(), signature };
        (header.stream == StreamId::ControlAdvertiser && header.kind == 8)
            .then(|| Control::Abort(abort).encode(header.stream, header.index).unwrap())
            .map(|abort| vec![bytes(&abort)])
    };
    let ended = run_altered(World::five_by_seven().setup(), alter);
    let error = ended.provider.error.unwrap();
    assert_eq!(error.blame(), Blame::Peer, "{error}");
    assert_eq!(error.wire().0, WireCode::Violation(Violation::UnexpectedMessage));
}

#[test]
fn an_abort_is_signed_with_the_heads_of_all_streams_so_far() {
    // The terms expire with the first blinded frame, while more are on their way.
    let rows: Vec<Vec<Identifier>> = (0..160).map(|person| vec![email(person)]).collect();
    let mut heard = 0;
    for seed in 0..20 {
        let schedule = Schedule::Hostile(seed);
        let world = World { schedule, ..World::new(rows.clone(), vec![email(3)]) };
        let setup = world.setup();
        let clock = setup.clock.clone();
        let ended = run_altered(setup, move |frame| {
            if frame.header.stream == StreamId::Blind && frame.header.index == 1 {
                clock.set(NOW + 86_400);
            }
            None
        });
        let aborted: Vec<&Side> = [&ended.advertiser, &ended.provider]
            .into_iter()
            .filter(|side| matches!(side.error, Some(Error::AbortedByPeer { .. })))
            .collect();
        for side in &aborted {
            let Some(Error::AbortedByPeer { signed, code, .. }) = side.error else {
                unreachable!()
            };
            assert_eq!((signed, code), (true, WireCode::Refusal(Refusal::TermsExpired)));
            let honest = side.parsed();
            let verdict = side.verdict();
            assert_eq!(result(&verdict, "T0-13"), CheckResult::Passed, "{seed}: {verdict:?}");
            every_byte_of_a_word_is_signed(&honest, 12);
        }
        // Where both had found it, neither listened any more.
        heard += aborted.len();
        let Ok(Control::Abort(abort)) = Control::decode(ended.control(12)) else { panic!() };
        assert!(abort.streams.iter().any(|head| head.stream == StreamId::Table.code()));
    }
    assert!(heard > 5, "{heard}");
}

#[test]
fn an_abort_that_is_not_signed_for_this_session_is_told_as_such() {
    let shared: [&[u8]; 3] = [&[7; 32], &[], &[1; 32]];
    for (shared, holds) in shared.into_iter().zip([false, false, true]) {
        // The last one is what both share at any time: the channel.
        let abort = Control::Abort(layout::abort(0x0501, 0, 0));
        let ended = run_altered(World::five_by_seven().setup(), |frame| {
            let here = frame.header.stream == StreamId::ControlProvider && frame.header.index == 1;
            here.then(|| {
                let Control::Abort(mut abort) = abort.clone() else { unreachable!() };
                abort.streams.clear();
                let unsigned =
                    Control::Abort(abort.clone()).encode(StreamId::ControlProvider, 1).unwrap();
                let key = provider_signing_key();
                abort.signature = words::sign_over(&key, "sign-abort", &unsigned.payload, shared);
                let frame = Control::Abort(abort).encode(StreamId::ControlProvider, 1).unwrap();
                vec![bytes(&frame)]
            })
        });
        let Some(Error::AbortedByPeer { signed, code, .. }) = ended.advertiser.error else {
            panic!("{:?}", ended.advertiser.error)
        };
        assert_eq!((signed, code), (holds, WireCode::Bug));
        let blame = ended.advertiser.error.unwrap().blame();
        assert_eq!(blame, if holds { Blame::Peer } else { Blame::Both });
        let verdict = ended.advertiser.verdict();
        assert_eq!(is_failed(&verdict, "T0-13"), !holds);
    }
}

#[test]
fn an_abort_about_other_frames_than_were_exchanged_does_not_hold() {
    // Signed well by the provider, over heads that contradict what the advertiser has.
    for (frames, elements, root, holds) in [
        (1, 64, None, true),
        (1, 64, Some([9; 32]), false),
        (1, 63, None, false),
        (0, 0, Some([9; 32]), false),
        // More frames of the table may be on their way.
        (2, 128, Some([9; 32]), true),
    ] {
        let mut sid = [0; 32];
        let mut own = None;
        let ended = run_altered(World::five_by_seven().setup(), |frame| {
            if frame.header.stream == StreamId::Table {
                own = Some(protocol::transcript::merkle::leaf_hash(&[&bytes(frame)]));
            }
            if let Ok(Control::Terms(terms)) = Control::decode(frame)
                && frame.header.stream == StreamId::ControlAdvertiser
                && frame.header.kind == 3
            {
                sid = terms.sid;
            }
            // In the place of the acknowledgement of BLIND.
            let here = frame.header.stream == StreamId::ControlProvider && frame.header.index == 3;
            here.then(|| {
                let mut abort = layout::abort(0x0401, 0, 0);
                abort.streams.truncate(1);
                abort.streams[0].stream = StreamId::Table.code();
                abort.streams[0].frames = frames;
                abort.streams[0].elements = elements;
                abort.streams[0].root = root.or(own).unwrap();
                let encode =
                    |abort| Control::Abort(abort).encode(StreamId::ControlProvider, 3).unwrap();
                let unsigned = encode(abort.clone());
                let key = provider_signing_key();
                abort.signature = words::sign_over(&key, "sign-abort", &unsigned.payload, &sid);
                vec![bytes(&encode(abort))]
            })
        });
        match ended.advertiser.error {
            Some(Error::AbortedByPeer { signed, .. }) => assert_eq!(signed, holds, "{frames}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Whatever byte of a REFUSE or ABORT is edited in a package, T0-13 fails or T0-02 stops before.
fn every_byte_of_a_word_is_signed(honest: &Transcript, kind: u8) {
    let at = honest
        .records
        .iter()
        .position(|record| match record {
            Record::Control(frame) => frame.header.kind == kind,
            Record::Bulk { .. } => false,
        })
        .expect("the word is recorded");
    let Record::Control(word) = &honest.records[at] else { unreachable!() };
    for byte in 0..word.payload.len() {
        let mut transcript = honest.clone();
        let mut payload = word.payload.to_vec();
        payload[byte] ^= 1 << (byte % 8);
        transcript.records[at] =
            Record::Control(RawFrame { payload: payload.into(), ..word.clone() });
        let Record::Control(altered) = &transcript.records[at] else { unreachable!() };
        let decodes = Control::decode(altered).is_ok();
        let verdict = judge(&transcript, &Limits::SMALL);
        let rule = if decodes { "T0-13" } else { "T0-02" };
        assert!(is_failed(&verdict, rule), "byte {byte}");
    }
}

fn set_clock(setup: &mut Setup, ahead: i64) {
    setup.ahead.set(ahead);
    setup.advertiser.now = NOW.saturating_add_signed(ahead);
}

/// The provider's key is valid from this second on.
fn key_made_now(setup: &mut Setup) {
    let manifest = &mut setup.provider.prepared[0].manifest;
    manifest.body.not_before = NOW;
    manifest.body.not_after = NOW + 20 * 86_400;
    *manifest = SignedManifest::sign(manifest.body.clone(), &provider_key()).unwrap();
}

fn expect_told(side: &Side, refusal: Refusal) {
    match side.error {
        Some(Error::AbortedByPeer { code, .. }) => assert_eq!(code, WireCode::Refusal(refusal)),
        ref other => panic!("{other:?}"),
    }
}

fn control(record: &mut Record) -> Option<&mut RawFrame> {
    match record {
        Record::Control(frame) => Some(frame),
        Record::Bulk { .. } => None,
    }
}

fn edit(frame: &mut RawFrame, edit: impl Fn(&mut Control)) {
    let mut message = Control::decode(frame).unwrap();
    edit(&mut message);
    *frame = message.encode(frame.header.stream, frame.header.index).unwrap();
}

fn judge(transcript: &Transcript, limits: &Limits) -> Verdict {
    let mut none = NoFrames;
    verify(&T0, transcript, &mut none, &Portable, limits, 1 << 10, &Expected::default()).unwrap()
}

struct NoFrames;

impl FrameSource for NoFrames {
    fn frame(&mut self, _: StreamId, _: u32) -> Result<Option<RawFrame>, FrameUnreadable> {
        Ok(None)
    }
}

fn result(verdict: &Verdict, rule: &str) -> CheckResult {
    let check = verdict.checks.iter().find(|check| check.rule == rule);
    check.expect("the rule is checked").result.clone()
}

fn is_failed(verdict: &Verdict, rule: &str) -> bool {
    matches!(result(verdict, rule), CheckResult::Failed(_))
}

fn is_unchecked(verdict: &Verdict, rule: &str) -> bool {
    matches!(result(verdict, rule), CheckResult::NotChecked(_))
}
