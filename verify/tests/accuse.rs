//! Accusations of failing checks: signers of a contradiction, and nobody else [T-18].
//!
//! Packages are edited as their holder could: freely, and with the keys of one party at most. An
//! edit without a key accuses nobody, an edit with one's own key never accuses the other party.

#[path = "../../session/tests/support/mod.rs"]
mod support;

mod package;

use package::{A, P, Package, by};
use protocol::attestation::Signature;
use protocol::codec::StreamId;
use protocol::commitment::InputOpening;
use protocol::message::{Control, SessionBlind, SignedReceipt};
use protocol::seed::SessionSeed;
use protocol::transcript::Record;
use support::words::sign_over;
use support::*;
use verify::{Conclusion, Input, Signers};

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
fn handles_counted_otherwise_by_the_advertiser_alone_do_not_accuse_who_answered_them() {
    let mut package = Package::shuffled();
    for record in &mut package.transcript.records {
        if let Record::Bulk { header, .. } = record
            && header.stream == StreamId::Handles
        {
            header.elements += 1;
        }
    }
    package.edit(package.control(8), |message| {
        let Control::Receipt(SignedReceipt { receipt, signature }) = message else { panic!() };
        let handles = receipt.streams.iter_mut().find(|head| head.stream == 19).unwrap();
        handles.elements += 1;
        *signature = receipt.sign(&advertiser_key()).unwrap();
    });
    let verdict = package.judge();
    assert_eq!(by(&verdict, "T0-10"), Some(Signers::of(A)), "{verdict:?}");
    assert_eq!(verdict.accused(), Signers::of(A));
}

#[test]
fn a_release_that_answers_other_handles_accuses_its_provider() {
    // The provider counts one handle more than it signed that it was sent.
    let mut package = Package::shuffled();
    let (sid, handles) = (package.sid(), package.roots(StreamId::Handles).pop().unwrap());
    package.edit(package.control(13), |message| {
        let Control::Released(released) = message else { panic!("{}", message.name()) };
        released.handles_known += 1;
    });
    let unsigned = package.judge();
    assert_eq!(by(&unsigned, "T0-16"), Some(Signers::NOBODY), "{unsigned:?}");
    assert_eq!(unsigned.accused(), Signers::NOBODY);
    package.edit(package.control(13), |message| {
        let Control::Released(released) = message else { panic!("{}", message.name()) };
        *released = released.signed(&provider_key(), &sid, &handles).unwrap();
    });
    // Its receipt says something else.
    let verdict = package.judge();
    assert_eq!(by(&verdict, "T0-10"), Some(Signers::of(P)), "{verdict:?}");
    // So does the one that it never signed.
    package.edit(package.control(8), |message| {
        let Control::Receipt(SignedReceipt { receipt, signature }) = message else { panic!() };
        receipt.handles_known += 1;
        *signature = receipt.sign(&advertiser_key()).unwrap();
    });
    let verdict = package.judge();
    assert_eq!(by(&verdict, "T0-10"), Some(Signers::BOTH), "{verdict:?}");
}

#[test]
fn a_blind_that_is_no_element_accuses_the_advertiser_that_signed_it() {
    for (k_a, expected) in [([0; 32], Signers::of(A)), ([0xFF; 32], Signers::of(A))] {
        let mut package = Package::shuffled();
        let sid = package.sid();
        package.edit(package.control(14), |message| {
            let Control::SessionBlind(blind) = message else { panic!("{}", message.name()) };
            blind.k_a = k_a;
        });
        assert_eq!(package.accused(), Signers::NOBODY);
        package.edit(package.control(14), |message| {
            let Control::SessionBlind(blind) = message else { panic!("{}", message.name()) };
            *blind = SessionBlind::sign(k_a, &advertiser_key(), &sid);
        });
        let verdict = package.judge();
        assert_eq!(by(&verdict, "T0-15"), Some(expected), "{verdict:?}");
        assert_eq!(verdict.accused(), expected);
    }
}

#[test]
fn rows_before_a_commitment_to_the_blind_are_no_session() {
    let mut package = Package::shuffled();
    package.transcript.records.remove(package.control(14));
    package.renumber();
    let verdict = package.judge();
    assert_eq!(by(&verdict, "T0-02"), Some(Signers::NOBODY), "{verdict:?}");
    assert_eq!(verdict.accused(), Signers::NOBODY);
}

#[test]
fn a_frame_without_its_senders_signature_is_found_and_accuses_nobody() {
    for honest in [Package::aligned(), Package::shuffled()] {
        for at in 0..honest.transcript.records.len() {
            let mut package = honest.clone();
            let Record::Bulk { signature, .. } = &mut package.transcript.records[at] else {
                continue;
            };
            *signature = Signature::NONE;
            let verdict = package.judge();
            assert_eq!(by(&verdict, "T0-14"), Some(Signers::NOBODY), "{at}: {verdict:?}");
            assert_eq!(verdict.accused(), Signers::NOBODY, "{at}");
        }
    }
}

#[test]
fn the_map_of_the_input_is_shown_by_an_opening_and_by_nothing_else() {
    let world = World::five_by_seven();
    let mut package = Package::aligned();
    assert_eq!(package.judge().account.input, Input::NotShown);
    let salt = *SessionSeed::from_bytes(world.session_seed()).input_salt();
    let opening = InputOpening { salt, input: input_root(&world.rows) };
    package.opening = Some(opening.encode());
    let verdict = package.judge();
    assert!(verdict.is_accepted(), "{verdict:?}");
    assert_eq!(verdict.account.input, Input::Opened(opening.input));
    // Before its HELLO nothing could be opened.
    let mut cut = package.clone();
    cut.transcript.records.clear();
    let verdict = cut.judge();
    assert_eq!(verdict.account.input, Input::NotShown);
    assert_eq!(verdict.conclusion(), Conclusion::Interrupted, "{verdict:?}");
    let mut other = opening;
    other.input.map[0] ^= 1;
    for bytes in [other.encode(), opening.encode()[1..].to_vec(), Vec::new()] {
        package.opening = Some(bytes);
        let verdict = package.judge();
        assert_eq!(by(&verdict, "T0-17"), Some(Signers::NOBODY), "{verdict:?}");
        assert_eq!((verdict.account.input, verdict.accused()), (Input::Other, Signers::NOBODY));
    }
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
    let at = package.checkpoint(StreamId::Blind, A).unwrap();
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
