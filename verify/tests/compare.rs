//! Packages held against each other: two of one session, and those of different sessions.

#[path = "../../session/tests/support/mod.rs"]
mod support;

mod package;

use package::{A, P, Package};
use protocol::codec::StreamId;
use protocol::manifest::{SignedManifest, SignedSnapshot};
use protocol::message::{Control, SessionBlind, SignedReceipt};
use protocol::suite::Profile;
use protocol::transcript::Record;
use support::*;
use verify::compare::{self, Agreement, Compared, Exhibit};
use verify::{Arg, Signers};

#[test]
fn both_packages_of_an_honest_session_are_the_same_item_by_item() {
    for world in [
        World::five_by_seven(),
        World::five_by_seven().shuffled(Profile::DigitalIds, 2),
        World::five_by_seven().shuffled(Profile::MatchRate, 2),
    ] {
        let [one, other] = both(&world);
        let found = compared(&one, &other);
        assert!(found.len() >= 15, "{found:?}");
        assert!(found.iter().all(|found| found.result == Agreement::Same), "{found:?}");
    }
}

#[test]
fn an_item_that_one_package_lacks_is_told_and_is_no_contradiction() {
    let [one, other] = both(&World::five_by_seven().shuffled(Profile::DigitalIds, 2));
    for count in 0..other.transcript.records.len() {
        let mut cut = other.clone();
        cut.transcript.records.truncate(count);
        let found = compared(&one, &cut);
        let kept =
            |found: &Compared| matches!(found.result, Agreement::Same | Agreement::OnlyFirst);
        assert!(found.iter().all(kept), "{count}: {found:?}");
        assert!(found.iter().any(|found| found.result == Agreement::OnlyFirst), "{count}");
        let found = compared(&cut, &one);
        assert!(found.iter().all(|found| found.result != Agreement::OnlyFirst), "{count}");
    }
}

#[test]
fn two_versions_of_what_a_party_signed_accuse_that_party_alone() {
    for (stream, role) in
        [(StreamId::Blind, A), (StreamId::Eval, P), (StreamId::Handles, A), (StreamId::Table, P)]
    {
        let [one, other] = both(&World::five_by_seven().shuffled(Profile::DigitalIds, 2));
        let mut edited = one.clone();
        edited.swap_elements(stream);
        edited.follow(stream);
        // Without a signature of its own nobody is accused.
        let found = compared(&edited, &other);
        let differs = Agreement::Other(Signers::NOBODY);
        assert_eq!(of_stream(&found, "compare-frames", stream), Some(differs), "{found:?}");
        assert_eq!(accused(&found), Signers::NOBODY);
        edited.sign(stream, role);
        let found = compared(&edited, &other);
        let by = Agreement::Other(Signers::of(role));
        assert_eq!(of_stream(&found, "compare-frames", stream), Some(by), "{found:?}");
        assert_eq!(of_stream(&found, "compare-two-heads", stream), Some(by), "{found:?}");
        assert_eq!(accused(&found), Signers::of(role));
    }
}

#[test]
fn one_answer_to_two_questions_accuses_whoever_signed_it_for_both() {
    let [one, other] = both(&World::five_by_seven().shuffled(Profile::DigitalIds, 2));
    let mut edited = one;
    edited.swap_elements(StreamId::Blind);
    edited.follow(StreamId::Blind);
    edited.sign(StreamId::Blind, A);
    // An honest answer is not signed for the question that its asker made afterwards.
    assert_eq!(accused(&compared(&edited, &other)), Signers::of(A));
    edited.sign(StreamId::Eval, P);
    let found = compared(&edited, &other);
    let by = Agreement::Other(Signers::of(P));
    assert_eq!(of_stream(&found, "compare-frames", StreamId::Eval), Some(by), "{found:?}");
    assert_eq!(accused(&found), Signers::BOTH);
}

#[test]
fn messages_that_a_party_signed_twice_accuse_it() {
    let [one, other] = both(&World::five_by_seven().shuffled(Profile::DigitalIds, 2));
    let sid = one.sid();
    let handles = one.roots(StreamId::Handles).pop().unwrap();
    let mut edited = one.clone();
    edited.edit(edited.control(14), |message| {
        let Control::SessionBlind(blind) = message else { panic!("{}", message.name()) };
        *blind = SessionBlind::sign([7; 32], &advertiser_key(), &sid);
    });
    assert_eq!(accused(&compared(&edited, &other)), Signers::of(A));
    let mut edited = one.clone();
    edited.edit(edited.control(13), |message| {
        let Control::Released(released) = message else { panic!("{}", message.name()) };
        released.release_head = [7; 32];
        *released = released.signed(&provider_key(), &sid, &handles).unwrap();
    });
    assert_eq!(accused(&compared(&edited, &other)), Signers::of(P));
    let mut edited = one.clone();
    edited.edit(edited.control(8), |message| {
        let Control::Receipt(SignedReceipt { receipt, signature }) = message else { panic!() };
        receipt.closed_at += 1;
        *signature = receipt.sign(&advertiser_key()).unwrap();
    });
    assert_eq!(accused(&compared(&edited, &other)), Signers::of(A));
}

#[test]
fn sessions_that_follow_each_other_agree_on_keys_data_ledger_and_releases() {
    let world = World::five_by_seven().shuffled(Profile::DigitalIds, 2);
    let first = run(world.setup());
    let second = run(world.after(&first).setup());
    let found = between(&Package::of(&first.advertiser), &Package::of(&second.provider));
    let items: Vec<_> = found.iter().map(|found| found.item.id).collect();
    let all = ["compare-keys", "compare-snapshots", "compare-ledger", "compare-releases"];
    assert_eq!(items, all);
    assert!(found.iter().all(|found| found.result == Agreement::Same), "{found:?}");
    // Of two pairs of parties nothing is in common.
    let mut other = Package::of(&second.provider);
    other.edit(1, |message| {
        let Control::HelloP(hello) = message else { panic!("{}", message.name()) };
        hello.attestation_key = [7; 32];
    });
    assert_eq!(between(&Package::of(&first.advertiser), &other), []);
}

#[test]
fn statements_for_good_that_contradict_each_other_accuse_their_signers() {
    let world = World::five_by_seven().shuffled(Profile::DigitalIds, 2);
    let first = Package::of(&run(world.setup()).advertiser);
    // Another session from the same place in the ledger.
    let fork = World { session: 2, ..world.clone() };
    let fork = Package::of(&run(fork.setup()).advertiser);
    let found = between(&first, &fork);
    let ledger = found.iter().find(|found| found.item.id == "compare-ledger").unwrap();
    assert_eq!(ledger.result, Agreement::Other(Signers::BOTH), "{found:?}");

    let second = Package::of(&run(world.after(&run(world.setup())).setup()).advertiser);
    assert_eq!(accused(&between(&first, &second)), Signers::NOBODY);
    for (edit, item) in [(0, "compare-snapshots"), (1, "compare-snapshots"), (2, "compare-keys")] {
        for signed in [false, true] {
            let (mut first, mut second) = (first.clone(), second.clone());
            let key = provider_key();
            for (at, package) in [&mut first, &mut second].into_iter().enumerate() {
                package.edit(1, |message| {
                    let Control::HelloP(hello) = message else { panic!("{}", message.name()) };
                    let snapshot = &mut hello.snapshot;
                    match edit {
                        // Two commitments of one day.
                        0 => snapshot.body.commitment[0] ^= at as u8,
                        // Two successors of one snapshot.
                        1 => {
                            snapshot.body.previous = [7; 32];
                            snapshot.body.day += at as u32;
                        }
                        // One key under two names.
                        _ => {
                            hello.manifest.body.public_key = [7; 32];
                            hello.manifest.body.key_id[0] = at as u8;
                        }
                    }
                    if signed {
                        *snapshot = SignedSnapshot::sign(snapshot.body.clone(), &key).unwrap();
                        let body = hello.manifest.body.clone();
                        hello.manifest = SignedManifest::sign(body, &key).unwrap();
                    }
                });
            }
            let found = between(&first, &second);
            let expected = signed.then_some(Agreement::Other(Signers::of(P)));
            let result = found.iter().find(|found| found.item.id == item);
            let result = result.map(|found| found.result);
            assert_eq!(result.filter(|found| *found != Agreement::Same), expected, "{edit}");
        }
    }
}

#[test]
fn a_release_head_of_two_sessions_accuses_the_provider() {
    let world = World::five_by_seven().shuffled(Profile::DigitalIds, 2);
    let first = run(world.setup());
    let mut packages =
        [Package::of(&first.advertiser), Package::of(&run(world.after(&first).setup()).advertiser)];
    for package in &mut packages {
        let mut signed = None;
        package.edit(package.control(8), |message| {
            let Control::Receipt(SignedReceipt { receipt, signature }) = message else { panic!() };
            receipt.release_head = [7; 32];
            *signature = receipt.sign(&advertiser_key()).unwrap();
            signed = Some(receipt.sign(&provider_key()).unwrap());
        });
        package.edit(package.control(9), |message| {
            let Control::ReceiptAck(ack) = message else { panic!("{}", message.name()) };
            ack.signature = signed.unwrap();
        });
    }
    let found = between(&packages[0], &packages[1]);
    let releases = found.iter().find(|found| found.item.id == "compare-releases").unwrap();
    assert_eq!(releases.result, Agreement::Other(Signers::of(P)), "{found:?}");
}

/// The packages of both parties, in which as many bulk records are.
fn both(world: &World) -> [Package; 2] {
    let ended = run(world.setup());
    ended.expect_honest();
    let packages = [&ended.advertiser, &ended.provider].map(Package::of);
    let bulk = |package: &Package| {
        let records = package.transcript.records.iter();
        records.filter(|record| matches!(record, Record::Bulk { .. })).count()
    };
    assert_eq!(bulk(&packages[0]), bulk(&packages[1]));
    packages
}

fn compared(one: &Package, other: &Package) -> Vec<Compared> {
    let [one, other] = [one, other].map(Package::exhibit);
    assert!(compare::is_one_session(&one.account, &other.account));
    compare::session(&one, &other)
}

fn between(one: &Package, other: &Package) -> Vec<Compared> {
    let [one, other] = [one, other].map(|package: &Package| package.exhibit());
    let accounts: [&Exhibit; 2] = [&one, &other];
    assert!(!compare::is_one_session(&accounts[0].account, &accounts[1].account));
    compare::sessions(&one.account, &other.account).unwrap()
}

fn of_stream(found: &[Compared], id: &str, stream: StreamId) -> Option<Agreement> {
    let named = ("stream", Arg::Name(stream.name()));
    let mut found = found.iter();
    let found = found.find(|found| found.item.id == id && found.item.args.contains(&named));
    found.map(|found| found.result)
}

fn accused(found: &[Compared]) -> Signers {
    let mut all = [false, false];
    for found in found {
        if let Agreement::Other(by) = found.result {
            all = [all[0] || by.advertiser, all[1] || by.provider];
        }
    }
    Signers { advertiser: all[0], provider: all[1] }
}
