//! Two sessions against each other: the honest run, and every way to leave it.
//!
//! The first comment line of a test names the cases of the design it shows: A of the abuse cases,
//! M of the malicious peer, D of data, G of the guards in the code. A cheating peer is the same
//! session with its outgoing frames altered on the way.

mod support;

use std::sync::Arc;

use std::collections::BTreeMap;

use protocol::attestation::Signature;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Blame, Bug, Error, Incompatibility, Location, Refusal, Violation, WireCode};
use protocol::identifier::{IdentifierKind, RulesetId};
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::limits::{ALIGNED_EPOCH_S_MAX, Limits, TERMS_LIFETIME_S_MAX};
use protocol::manifest::{KnownKey, ManifestBody, MetKey, SignedManifest};
use protocol::message::FramePlace;
use protocol::message::{
    Checkpoint, Control, HelloA, HelloP, Released, SignedReceipt, TableDescriptor, TermsAccept,
};
use protocol::oprf::PrfKey;
use protocol::purpose::Purpose;
use protocol::seed::KeySeed;
use protocol::suite::{Aligned, Profile};
use protocol::terms::MatchTerms;
use protocol::transcript::merkle::{Tree, leaf_hash};
use protocol::transcript::receipt::Receipt;
use protocol::transcript::{Record, Role};
use session::advertiser::AdvertiserSession;
use session::disclosure::{Outcome, Withheld};
use session::provider::MatchKey;
use session::provider::Prepared;
use session::{
    ChannelFacts, Input, Outbox, Output, SpillChunk, SpillContent, SpillName, VerifiedPeer,
};
use support::*;
use verify::CheckResult;

#[test]
fn an_honest_run_discloses_the_join_and_both_sides_agree() {
    // D6, D8
    let ended = run(World::five_by_seven().setup());
    ended.expect_honest();
    // Row 0 by e-mail; row 2 by telephone; row 3 by both; rows 1 and 4 not at all.
    assert_eq!(ended.advertiser.matched_rows(), [(0, 0b01), (2, 0b10), (3, 0b11)]);
    match ended.advertiser.outcome {
        Some(Outcome::Rows(rows)) => assert_eq!((rows.rows(), rows.matched()), (5, 3)),
        ref other => panic!("{other:?}"),
    }
    assert!(matches!(ended.provider.outcome, Some(Outcome::Served)));
    let names = |side: &Side| side.controls().iter().map(Control::name).collect::<Vec<_>>();
    let expected = [
        ["HELLO_A", "HELLO_P", "TERMS", "TERMS_ACCEPT"],
        ["CHECKPOINT", "CHECKPOINT_ACK", "CHECKPOINT", "CHECKPOINT_ACK"],
        ["CHECKPOINT", "CHECKPOINT_ACK", "RECEIPT", "RECEIPT_ACK"],
    ];
    assert_eq!(names(&ended.advertiser).len(), 12);
    assert_eq!(names(&ended.provider)[..4], expected[0]);
    assert_eq!(names(&ended.provider)[10..], expected[2][2..]);
    for side in [&ended.advertiser, &ended.provider] {
        let verdict = side.verdict();
        assert!(verdict.is_accepted(), "{verdict:#?}");
    }
}

#[test]
fn a_result_below_the_match_minimum_is_withheld_and_the_provider_cannot_tell() {
    // G43, M19
    let world = World { k_min: 4, ..World::five_by_seven() };
    let withheld = run(world.setup());
    withheld.expect_honest();
    let below = Withheld::BelowMatchMinimum { k_min: 4 };
    match &withheld.advertiser.outcome {
        Some(Outcome::Withheld(why)) => assert_eq!(*why, below),
        other => panic!("{other:?}"),
    }
    let released = run(World::five_by_seven().setup());
    let seen = |ended: &Ended| -> Vec<_> {
        ended.sent.iter().map(|frame| (frame.header, frame.payload.len())).collect()
    };
    assert_eq!(seen(&withheld), seen(&released));
    assert!(withheld.provider.verdict().is_accepted());
}

#[test]
fn a_second_session_continues_the_ledger_under_the_same_key() {
    // A46, A47
    let world = World::five_by_seven();
    let first = run(world.setup());
    let second_world = world.after(&first);
    let second = run(second_world.setup());
    second.expect_honest();
    assert!(second.advertiser.verdict().is_accepted());
    let entries: Vec<LedgerEntry> =
        [first.provider.entries, second.provider.entries.clone()].concat();
    let mut head = LedgerHead::EMPTY;
    for (entry, kind) in entries.iter().zip([1, 2, 1, 2]) {
        assert!(entry.follows(&head));
        assert_eq!((entry.kind, entry.evaluations), (kind, 64));
        head = LedgerHead::of(entry).unwrap();
    }
    assert_eq!(second.advertiser.entries, second.provider.entries);
    assert_eq!(head.seq, 4);
}

#[test]
fn a_cached_table_is_not_sent_again() {
    let world = World::five_by_seven();
    let first = run(world.setup());
    let (prepared, frames) = prepare(&world);
    let cached =
        World { cached: frames, cached_table: Some(prepared.table), ..world.after(&first) };
    let second = run(cached.setup());
    second.expect_honest();
    assert_eq!(second.terms().terms.table_delivery, 0);
    assert!(second.stream(StreamId::Table).is_empty());
    assert_eq!(second.advertiser.matched_rows(), first.advertiser.matched_rows());
    // The auditor says that it could not see the table, and finds nothing else to say.
    for check in second.provider.verdict().checks {
        match check.rule {
            "T0-24" => assert!(matches!(check.result, CheckResult::NotChecked(_))),
            rule => assert_eq!(check.result, CheckResult::Passed, "{rule}"),
        }
    }
}

#[test]
fn a_table_that_differs_from_the_cached_one_is_sent() {
    let announced = prepare(&World::five_by_seven()).0.table;
    for other in [
        TableDescriptor { root: [7; 32], ..announced },
        TableDescriptor { tag_count: 128, ..announced },
    ] {
        let world = World { cached_table: Some(other), ..World::five_by_seven() };
        let ended = run(world.setup());
        ended.expect_honest();
        assert_eq!(ended.stream(StreamId::Table).len(), 1);
    }
}

#[test]
fn many_frames_complete_in_every_order_of_work() {
    // D8: one below, at, and above a whole number of frames
    for distinct in [63, 64, 65, 191, 193] {
        let rows = (0..distinct).map(|person| vec![email(person)]).collect();
        let mut world = World::new(rows, (0..100).step_by(2).map(email).collect());
        let expected: Vec<(u64, u16)> =
            (0..distinct.min(100)).step_by(2).map(|row| (row, 1)).collect();
        for (window, schedule) in [(1, 0), (2, 1), (64, 2)] {
            world = World { window, schedule: Schedule::Hostile(schedule), ..world };
            let ended = run(world.setup());
            ended.expect_honest();
            assert_eq!(ended.advertiser.matched_rows(), expected, "{distinct} {window}");
            assert_eq!(ended.stream(StreamId::Eval).len() as u64, distinct.div_ceil(64));
        }
    }
}

#[test]
#[ignore = "computes 65,536 elements of real frames: a minute on one core"]
fn a_session_of_two_frames_of_full_size_keeps_the_real_limits() {
    // D8: one element above a whole frame
    let distinct = 32_769;
    let rows = (0..distinct).map(|person| vec![email(person)]).collect();
    let people = (0..distinct).step_by(300).map(email).collect();
    let world = World { limits: Limits::STANDARD, ..World::new(rows, people) };
    let ended = run(world.setup());
    ended.expect_honest();
    let expected: Vec<(u64, u16)> = (0..distinct).step_by(300).map(|row| (row, 1)).collect();
    assert_eq!(ended.advertiser.matched_rows(), expected);
    assert_eq!((ended.provider.openings, ended.advertiser.openings), (1, 0));
    let sizes = |stream| -> Vec<_> {
        ended.stream(stream).iter().map(|frame| frame.payload.len()).collect()
    };
    assert_eq!(sizes(StreamId::Blind), [1_048_576; 2]);
    assert_eq!(sizes(StreamId::Eval), [1_048_640; 2]);
    assert_eq!(ended.stream(StreamId::Table)[0].header.elements, 32_768);
    let verdict = ended.advertiser.verdict();
    assert!(verdict.is_accepted(), "{verdict:#?}");
}

// HELLO_A

#[test]
fn the_provider_refuses_hellos_that_its_policy_excludes() {
    // M13, M14, A40, G45, G46, G52
    type Change = fn(&mut Setup);
    let cases: [(Change, WireCode); 9] = [
        (|s| s.provider.busy = Some((Refusal::SessionBusy, 60)), refusal(Refusal::SessionBusy)),
        (
            |s| s.provider.rules_digest = [9; 32],
            WireCode::Incompatibility(Incompatibility::Ruleset),
        ),
        (
            |s| s.provider.ledger = LedgerHead { seq: 4, hash: [9; 32] },
            WireCode::Incompatibility(Incompatibility::LedgerHeadsDiffer),
        ),
        (|s| s.provider.policy.profiles.clear(), refusal(Refusal::ProfileNotAllowed)),
        (|s| s.provider.policy.offer.evaluations_left = 63, refusal(Refusal::BudgetExceeded)),
        (|s| s.provider.policy.elements_max = 63, refusal(Refusal::SizeOutOfRange)),
        (|s| s.provider.prepared.clear(), refusal(Refusal::TableNotReady)),
        (
            |s| s.provider.prepared[0].manifest.body.evaluations_max = 63,
            refusal(Refusal::KeyExhausted),
        ),
        (|s| s.provider.prepared[0].profile = Profile::MatchRate, refusal(Refusal::TableNotReady)),
    ];
    for (change, code) in cases {
        let mut setup = World::five_by_seven().setup();
        change(&mut setup);
        let ended = run(setup);
        expect_refused(&ended, code);
        assert!(ended.provider.entries.is_empty() && ended.advertiser.holds.is_empty());
        assert_eq!(ended.provider.openings, 0, "a refusal is no opening");
    }
}

#[test]
fn a_refusal_names_the_head_of_the_ledger() {
    let mut setup = World::five_by_seven().setup();
    setup.provider.ledger = LedgerHead { seq: 4, hash: [9; 32] };
    let ended = run(setup);
    match Control::decode(ended.control(5)) {
        Ok(Control::Refuse(refuse)) => assert_eq!(refuse.ledger_head, [9; 32]),
        other => panic!("{other:?}"),
    }
    match ended.advertiser.error {
        Some(Error::RefusedByPeer { ledger_head, .. }) => assert_eq!(ledger_head, [9; 32]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_names_the_time_to_try_again() {
    // N16
    let mut setup = World::five_by_seven().setup();
    setup.provider.busy = Some((Refusal::SessionBusy, 90));
    let mut reserve = World::five_by_seven().setup();
    reserve.refuse_reserve = Some(Refusal::BudgetExceeded);
    reserve.hold_allowed = true;
    for (setup, expected) in [(setup, 90), (reserve, 60)] {
        match run(setup).advertiser.error {
            Some(Error::RefusedByPeer { retry_after_s, .. }) => assert_eq!(retry_after_s, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_provider_refuses_hellos_it_does_not_serve() {
    // A10, A24, A40, G32, G45
    type Edit = fn(&mut HelloA);
    let suite = WireCode::Incompatibility(Incompatibility::Suite);
    let parameters = WireCode::Incompatibility(Incompatibility::Parameters);
    let size = refusal(Refusal::SizeOutOfRange);
    let cases: [(Edit, WireCode); 14] = [
        (
            |h| (h.protocol_min, h.protocol_max) = (4, 5),
            WireCode::Incompatibility(Incompatibility::Version),
        ),
        (
            |h| (h.protocol_min, h.protocol_max) = (0, 2),
            WireCode::Incompatibility(Incompatibility::Version),
        ),
        (|h| h.suite = 2, suite),
        (|h| h.suite = 0x0101, suite),
        (|h| h.suite = 0xF000, suite),
        (|h| h.profile = 1, suite),
        (|h| h.profile = 5, WireCode::Incompatibility(Incompatibility::Profile)),
        (|h| (h.profile, h.suite) = (1, 2), refusal(Refusal::ProfileNotAllowed)),
        (|h| h.row_width = 2, parameters),
        (|h| h.sample_rows = 100_000, parameters),
        (|h| h.row_slots = 0, size),
        (|h| h.row_slots = 65, size),
        (|h| h.row_slots = (1 << 20) + 64, size),
        (|h| h.row_slots = u64::MAX - 63, size),
    ];
    for (edit, code) in cases {
        let alter = on_control(1, |message| match message {
            Control::HelloA(hello) => edit(hello),
            _ => unreachable!(),
        });
        expect_refused(&run_altered(World::five_by_seven().setup(), alter), code);
    }
}

#[test]
fn a_hello_of_another_party_ends_the_session() {
    // A22, G28
    let other = VerifiedPeer::assertion([9; 32], World::five_by_seven().channel());
    let mut setup = World::five_by_seven().setup();
    setup.provider.peer = other;
    expect_blames_advertiser(&run(setup), Violation::SessionBindingMismatch, (1, 0));
    let mut setup = World::five_by_seven().setup();
    setup.advertiser.peer = other;
    expect_blames_provider(&run(setup), Violation::SessionBindingMismatch, (2, 0));
}

#[test]
fn an_input_that_is_empty_or_below_the_minimum_is_refused_before_anything_is_sent() {
    // D8, G42
    for (rows, n_min) in [(vec![], 1), (vec![vec![]; 3], 1), (vec![vec![email(1)]; 3], 4)] {
        let mut setup = World::new(rows, vec![email(1)]).setup();
        setup.advertiser.terms.n_min = n_min;
        let ended = run(setup);
        assert_eq!(ended.advertiser.error, Some(Error::Refused(Refusal::SizeOutOfRange)));
        assert!(ended.sent.iter().all(|frame| frame.header.kind == 12), "an ABORT at most");
    }
}

#[test]
fn a_purpose_that_cannot_be_run_is_refused_before_anything_is_sent() {
    // D-28
    for purpose in Purpose::ALL.into_iter().filter(|purpose| !purpose.is_runnable()) {
        let mut setup = World::five_by_seven().setup();
        setup.advertiser.terms.purpose = purpose;
        setup.provider.policy.purposes = Purpose::ALL.to_vec();
        let ended = run(setup);
        let refused = Error::Refused(Refusal::PurposeNotAllowed);
        assert_eq!(ended.advertiser.error, Some(refused), "{purpose}");
        assert!(ended.sent.iter().all(|frame| frame.header.kind == 12), "an ABORT at most");
    }
}

#[test]
fn a_run_has_the_purpose_of_terms_policy_and_table_alike() {
    // D-28, D-21
    let both = [Purpose::Match, Purpose::Suppress];
    for terms in both {
        for table in both {
            for allowed in [&both[..1], &both[1..], &both] {
                let mut setup = World::five_by_seven().setup();
                setup.advertiser.terms.purpose = terms;
                setup.provider.policy.purposes = allowed.to_vec();
                setup.provider.prepared[0].purpose = table;
                let ended = run(setup);
                match (allowed.contains(&terms), terms == table) {
                    (true, true) => {
                        ended.expect_honest();
                        assert_eq!(ended.terms().terms.purpose, terms);
                    }
                    (false, _) => expect_refused(&ended, refusal(Refusal::PurposeNotAllowed)),
                    (true, false) => expect_refused(&ended, refusal(Refusal::TableNotReady)),
                }
            }
        }
    }
}

#[test]
fn terms_keep_to_the_policy_on_consents_and_telephone_numbers() {
    // D-15
    let parameters = WireCode::Incompatibility(Incompatibility::Parameters);
    for (days, numbers, refused) in
        [(1_095, 64, false), (2_000, 1 << 30, false), (1_094, 64, true), (1_095, 63, true)]
    {
        let mut setup = World::five_by_seven().setup();
        setup.provider.policy.guardrails.consent_max_age_days = days;
        setup.provider.policy.guardrails.phone_evaluations_max = numbers;
        let ended = run(setup);
        match refused {
            true => expect_refused(&ended, parameters),
            false => ended.expect_honest(),
        }
    }
}

// HELLO_P

#[test]
fn the_advertiser_judges_what_the_provider_announces() {
    // M13, A10, G45, G52
    type Edit = fn(&mut HelloP);
    let incompatible = WireCode::Incompatibility;
    let size = refusal(Refusal::SizeOutOfRange);
    let cases: [(Edit, WireCode); 11] = [
        (|h| h.offer.evaluations_left = 63, refusal(Refusal::BudgetExceeded)),
        (|h| h.protocol = 1, incompatible(Incompatibility::Version)),
        (|h| h.protocol = 4, incompatible(Incompatibility::Version)),
        (|h| h.rules_digest = [9; 32], incompatible(Incompatibility::Ruleset)),
        (|h| h.ledger_head = [9; 32], incompatible(Incompatibility::LedgerHeadsDiffer)),
        (|h| h.table.tag_count = 0, size),
        (|h| h.table.tag_count = 65, size),
        (|h| h.table.tag_count = (1 << 20) + 64, refusal(Refusal::Implausible)),
        (|h| h.table.tag_count = u64::MAX - 63, size),
        (|h| h.offer.n_min = 6, size),
        (|h| h.offer.expires_at = NOW, refusal(Refusal::TermsExpired)),
    ];
    for (edit, code) in cases {
        let alter = on_control(2, |message| match message {
            Control::HelloP(hello) => edit(hello),
            _ => unreachable!(),
        });
        let ended = run_altered(World::five_by_seven().setup(), alter);
        assert_eq!(ended.advertiser.error.map(|error| error.wire().0), Some(code));
        expect_told(&ended.provider, code);
        assert!(ended.advertiser.holds.is_empty() && ended.provider.entries.is_empty());
    }
}

#[test]
fn a_manifest_that_does_not_fit_the_session_is_refused() {
    // A15, A17, G20, G22
    type Edit = fn(&mut ManifestBody);
    let cases: [(Edit, Violation); 10] = [
        (|m| m.provider = [9; 32], Violation::ManifestMismatch),
        (|m| m.partner = [9; 32], Violation::ManifestMismatch),
        (|m| m.suite = 2, Violation::ManifestMismatch),
        (|m| m.not_before = NOW + 301, Violation::ManifestMismatch),
        (|m| m.not_after = NOW, Violation::ManifestMismatch),
        (|m| m.not_after = m.not_before + ALIGNED_EPOCH_S_MAX + 1, Violation::ManifestMismatch),
        (|m| m.not_before = m.not_after + 1, Violation::ManifestMismatch),
        (|m| m.evaluations_max = (1 << 30) + 1, Violation::ManifestMismatch),
        (|m| m.public_key = [0; 32], Violation::ElementIdentity),
        (|m| m.public_key = [0xFF; 32], Violation::ElementNotCanonical),
    ];
    for (edit, violation) in cases {
        let ended = run_altered(World::five_by_seven().setup(), listed(edit));
        expect_blames_provider(&ended, violation, (2, 0));
        assert!(ended.advertiser.holds.is_empty());
    }
    let ended = run_altered(World::five_by_seven().setup(), listed(|m| m.evaluations_max = 63));
    assert_eq!(ended.advertiser.error, Some(Error::Refused(Refusal::KeyExhausted)));
}

/// HELLO_P with another manifest, signed by the provider.
fn listed(edit: fn(&mut ManifestBody)) -> impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>> {
    on_control(2, move |message| match message {
        Control::HelloP(hello) => {
            edit(&mut hello.manifest.body);
            let body = hello.manifest.body.clone();
            hello.manifest = SignedManifest::sign(body, &provider_key()).unwrap();
        }
        _ => unreachable!(),
    })
}

#[test]
fn a_provider_does_not_offer_a_key_out_of_its_time_or_bounds() {
    // G20, K-05
    type Edit = fn(&mut ManifestBody);
    let not_ready = Error::Refused(Refusal::TableNotReady);
    let misuse = Error::Bug(Bug::misuse());
    let cases: [(Edit, Error); 5] = [
        (|m| m.not_after = NOW, not_ready),
        (|m| (m.not_before, m.not_after) = (NOW + 301, NOW + 400), not_ready),
        (|m| m.not_after = m.not_before + ALIGNED_EPOCH_S_MAX + 1, misuse),
        (|m| m.not_after = m.not_before, misuse),
        (|m| m.evaluations_max = (1 << 30) + 1, misuse),
    ];
    for (edit, error) in cases {
        let mut setup = World::five_by_seven().setup();
        let mut body = setup.provider.prepared[0].manifest.body.clone();
        edit(&mut body);
        setup.provider.prepared[0].manifest = SignedManifest::sign(body, &provider_key()).unwrap();
        assert_eq!(run(setup).provider.error, Some(error));
    }
}

#[test]
fn unsigned_manifests_and_snapshots_are_refused() {
    // G25, G60
    type Edit = fn(&mut HelloP);
    let edits: [Edit; 4] = [
        |h| h.manifest.signature.s[0] ^= 1,
        |h| h.manifest.body.evaluations_max += 1,
        |h| h.snapshot.signature.r[0] ^= 1,
        |h| h.snapshot.body.day += 1,
    ];
    for edit in edits {
        let alter = on_control(2, |message| match message {
            Control::HelloP(hello) => edit(hello),
            _ => unreachable!(),
        });
        let ended = run_altered(World::five_by_seven().setup(), alter);
        expect_blames_provider(&ended, Violation::SignatureInvalid, (2, 0));
    }
}

#[test]
fn a_key_that_comes_back_under_another_name_or_manifest_is_refused() {
    // G21, A16
    let same = prepare(&World::five_by_seven()).0.manifest.known_key().unwrap();
    for known in [
        KnownKey { key_id: [9; 16], ..same },
        KnownKey { public_key: [9; 32], ..same },
        KnownKey { manifest: [9; 32], ..same },
        KnownKey { public_key: [9; 32], manifest: [9; 32], ..same },
        KnownKey { key_id: [9; 16], manifest: [9; 32], ..same },
    ] {
        let known_keys = [same, known].map(|key| MetKey { key, answered: false }).to_vec();
        let world = World { known_keys, ..World::five_by_seven() };
        expect_blames_provider(&run(world.setup()), Violation::KeyReused, (2, 0));
    }
    let other = KnownKey { key_id: [9; 16], public_key: [9; 32], manifest: [9; 32] };
    let known_keys = [other, same].map(|key| MetKey { key, answered: true }).to_vec();
    let world = World { known_keys, ..World::five_by_seven() };
    run(world.setup()).expect_honest();
}

#[test]
fn a_table_above_the_advertisers_cap_is_refused() {
    // A10, G45
    let mut setup = World::five_by_seven().setup();
    setup.advertiser.table_tags_max = 63;
    let ended = run(setup);
    assert_eq!(ended.advertiser.error, Some(Error::Refused(Refusal::Implausible)));
}

// TERMS and TERMS_ACCEPT

#[test]
fn terms_altered_on_the_way_break_the_binding() {
    // A24, G27
    type Edit = fn(&mut MatchTerms);
    let edits: [Edit; 4] =
        [|t| t.k_min = 0, |t| t.notice = [9; 32], |t| t.expires_at += 1, |t| t.auditor = [9; 32]];
    for edit in edits {
        let alter = on_control(3, |message| match message {
            Control::Terms(terms) => edit(&mut terms.terms),
            _ => unreachable!(),
        });
        let ended = run_altered(World::five_by_seven().setup(), alter);
        expect_blames_advertiser(&ended, Violation::SessionBindingMismatch, (1, 1));
        assert!(ended.provider.entries.is_empty());
    }
}

#[test]
fn the_provider_judges_terms_that_a_cheating_advertiser_signed() {
    // M13, M19, M25, A40, G36, G42, G44
    type Edit = fn(&mut MatchTerms);
    let parameters = WireCode::Incompatibility(Incompatibility::Parameters);
    let kinds = WireCode::Incompatibility(Incompatibility::Kinds);
    let expired = refusal(Refusal::TermsExpired);
    let clocks = refusal(Refusal::ClocksDiffer);
    let cases: [(Edit, WireCode); 40] = [
        (|t| t.ruleset = 2, WireCode::Incompatibility(Incompatibility::Ruleset)),
        (|t| t.notice = [9; 32], parameters),
        (|t| t.auditor = [9; 32], parameters),
        (|t| t.audit_levels = 0b0011, parameters),
        (|t| t.audit_sample_max += 1, parameters),
        (|t| t.audit_until += 1, parameters),
        (|t| (t.opened_at, t.expires_at) = (NOW - 301, NOW + 400), clocks),
        (
            |t| {
                t.expires_at = t.opened_at + TERMS_LIFETIME_S_MAX;
                t.audit_until = t.expires_at;
            },
            expired,
        ),
        (|t| t.n_min = 0, parameters),
        (|t| t.k_min = 0, parameters),
        (|t| t.group_min = 0, parameters),
        (|t| t.flags = 1, parameters),
        (|t| t.flags = 2, parameters),
        (|t| t.ruleset = 9, parameters),
        (|t| t.handles_max = 1, parameters),
        (|t| t.ids_per_record_max = 1, parameters),
        (|t| t.audit_levels = 0x10, parameters),
        (|t| t.rate_precision = 0, parameters),
        (|t| t.count_rounding = 0, parameters),
        (|t| (t.kinds, t.phone_evaluations_max) = (vec![1], 0), kinds),
        (|t| t.kinds = vec![1], parameters),
        (|t| t.kinds = vec![1, 3, 0x0C], kinds),
        (|t| t.kinds = vec![], kinds),
        (|t| t.purpose = Purpose::Suppress, refusal(Refusal::PurposeNotAllowed)),
        (|t| t.link_filter.max_age_days = 91, refusal(Refusal::TableNotReady)),
        (|t| (t.opened_at, t.expires_at) = (NOW + 301, NOW + 400), clocks),
        (|t| t.epsilon_milli = 250, parameters),
        (|t| t.epsilon_epoch_milli = 8_000, parameters),
        (|t| t.noise_unit = 4, parameters),
        (|t| t.consent_max_age_days = 0, parameters),
        (|t| t.consent_max_age_days = 3_651, parameters),
        // Allowed by the rules, and less strict than the provider's policy.
        (|t| t.consent_max_age_days = 1_096, parameters),
        (|t| t.phone_evaluations_max = 0, parameters),
        (|t| t.phone_evaluations_max = 65, parameters),
        (|t| t.purpose = Purpose::Measure, refusal(Refusal::PurposeNotAllowed)),
        (|t| t.purpose = Purpose::Personalise, refusal(Refusal::PurposeNotAllowed)),
        (|t| t.purpose = Purpose::Remove, refusal(Refusal::PurposeNotAllowed)),
        (|t| t.expires_at = NOW, expired),
        (|t| t.expires_at = t.opened_at + TERMS_LIFETIME_S_MAX + 1, expired),
        (|t| t.audit_until = t.expires_at - 1, expired),
    ];
    for (edit, code) in cases {
        let world = World::five_by_seven();
        let mut setup = world.setup();
        // The key ends before terms of the longest life would.
        let manifest = &mut setup.provider.prepared[0].manifest;
        manifest.body.not_after = NOW + 5 * 86_400;
        *manifest = SignedManifest::sign(manifest.body.clone(), &provider_key()).unwrap();
        let ended = run_altered(setup, signed_terms(&world, edit));
        expect_refused(&ended, code);
        assert!(ended.provider.entries.is_empty());
    }
    // The same path with terms that may stand.
    let world = World::five_by_seven();
    let higher = run_altered(world.setup(), signed_terms(&world, |t| t.k_min += 1));
    assert!(!matches!(higher.provider.error, Some(Error::PeerIncompatible(_))));
    assert_eq!(higher.provider.entries.len(), 1);
}

#[test]
fn terms_below_the_offer_are_refused_even_above_the_floor() {
    // M19
    let world = World::five_by_seven();
    let mut setup = world.setup();
    setup.provider.policy.offer.k_min = 3;
    let ended = run_altered(setup, signed_terms(&world, |t| t.k_min = 2));
    expect_refused(&ended, WireCode::Incompatibility(Incompatibility::Parameters));
    let mut setup = world.setup();
    setup.provider.policy.offer.k_min = 3;
    let raised = run(setup);
    raised.expect_honest();
    assert_eq!(raised.terms().terms.k_min, 3, "an honest advertiser raises its terms");
}

#[test]
fn terms_that_another_key_signed_are_refused() {
    // G25
    let alter = on_control(3, |message| match message {
        Control::Terms(terms) => {
            terms.signature = sign(&provider_signing_key(), "sign-terms", &[&terms.sid]);
        }
        _ => unreachable!(),
    });
    let ended = run_altered(World::five_by_seven().setup(), alter);
    expect_blames_advertiser(&ended, Violation::SignatureInvalid, (1, 1));
}

#[test]
fn terms_that_expire_on_the_way_are_refused() {
    // G36
    let mut setup = World::five_by_seven().setup();
    setup.provider.policy.offer.expires_at = NOW + 100;
    let clock = setup.clock.clone();
    let alter = on_control(3, move |_| clock.set(NOW + 200));
    let ended = run_altered(setup, alter);
    expect_refused(&ended, refusal(Refusal::TermsExpired));
    assert!(ended.provider.entries.is_empty());
}

#[test]
fn nothing_is_evaluated_under_expired_terms_and_the_charge_stands() {
    // G36, M17
    let setup = World::five_by_seven().setup();
    let clock = setup.clock.clone();
    let ended = run_altered(setup, move |frame| {
        if frame.header.stream == StreamId::Blind {
            clock.set(NOW + 86_400);
        }
        None
    });
    assert_eq!(ended.provider.error, Some(Error::Refused(Refusal::TermsExpired)));
    // Terms were accepted, so this is no refusal any more.
    expect_told(&ended.advertiser, refusal(Refusal::TermsExpired));
    assert!(ended.stream(StreamId::Eval).is_empty());
    assert_eq!(ended.provider.entries.len(), 1);
    let [spent] = ended.advertiser.keys[..] else { panic!("one key") };
    assert_eq!(ended.provider.keys, [spent], "the terms spend the key on both sides");
    assert!(!spent.answered);
}

#[test]
fn a_reserve_that_the_budget_refuses_ends_the_session_before_the_acceptance() {
    // A27, A39, M15, G39
    for refused in [Refusal::BudgetExceeded, Refusal::SessionBusy] {
        let mut setup = World::five_by_seven().setup();
        setup.refuse_reserve = Some(refused);
        setup.hold_allowed = true;
        expect_refused(&run(setup), refusal(refused));
        // The advertiser's own hold is refused: its TERMS never leave.
        let mut setup = World::five_by_seven().setup();
        setup.refuse_reserve = Some(refused);
        let ended = run(setup);
        assert_eq!(ended.advertiser.error, Some(Error::Refused(refused)));
        expect_told(&ended.provider, refusal(refused));
        assert!(ended.provider.entries.is_empty());
    }
}

#[test]
fn an_old_hello_does_not_serve_a_new_session() {
    // A20, G27, M24
    let world = World::five_by_seven();
    let old = run(world.setup()).control(2).clone();
    let next = World { session: 2, ..world };
    let replay = |frame: &RawFrame| (frame.header.kind == 2).then(|| vec![bytes(&old)]);
    let ended = run_altered(next.setup(), only_control(replay));
    expect_blames_provider(&ended, Violation::SignatureInvalid, (2, 0));
}

#[test]
fn old_terms_and_old_acceptances_do_not_serve_a_new_session() {
    // A20, G27
    let world = World::five_by_seven();
    let old = run(world.setup());
    let next = World { session: 2, ..world };
    let replay = |kind: u8| {
        let frame = old.control(kind).clone();
        only_control(move |sent| (sent.header.kind == kind).then(|| vec![bytes(&frame)]))
    };
    let ended = run_altered(next.setup(), replay(3));
    expect_blames_advertiser(&ended, Violation::SessionBindingMismatch, (1, 1));
    let ended = run_altered(next.setup(), replay(4));
    expect_blames_provider(&ended, Violation::SessionBindingMismatch, (2, 1));
}

#[test]
fn a_relay_on_another_channel_is_noticed() {
    // A21, G27, N24
    let channel = World::five_by_seven().channel();
    let (hello, sid) = (Violation::SignatureInvalid, Violation::SessionBindingMismatch);
    for (other, violation, index) in [
        (ChannelFacts { exporter: [9; 32], ..channel }, hello, 0),
        (ChannelFacts { spki_advertiser: [9; 32], ..channel }, sid, 1),
        (ChannelFacts { spki_provider: [9; 32], ..channel }, sid, 1),
    ] {
        let mut setup = World::five_by_seven().setup();
        setup.provider.peer = VerifiedPeer::assertion(advertiser_key().public(), other);
        let ended = run(setup);
        expect_blames_advertiser(&ended, violation, (1, index));
        assert!(ended.provider.entries.is_empty());
    }
}

#[test]
fn a_hello_altered_on_the_way_breaks_the_binding() {
    // A24
    let edits: [fn(&mut Control); 3] = [
        |message| match message {
            Control::HelloA(hello) => hello.protocol_max = 9,
            _ => unreachable!(),
        },
        |message| match message {
            Control::HelloA(hello) => hello.input_commitment = [9; 32],
            _ => unreachable!(),
        },
        |message| match message {
            Control::HelloP(hello) => hello.offer.evaluations_left += 1,
            _ => unreachable!(),
        },
    ];
    for (kind, edit) in [1, 1, 2].into_iter().zip(edits) {
        let ended = run_altered(World::five_by_seven().setup(), on_control(kind, edit));
        expect_blames_advertiser(&ended, Violation::SessionBindingMismatch, (1, 1));
    }
}

#[test]
fn an_acceptance_must_be_signed_and_for_this_session() {
    // G25, G27
    type Edit = fn(&mut TermsAccept);
    let cases: [(Edit, Violation); 2] = [
        (|accept| accept.sid[0] ^= 1, Violation::SessionBindingMismatch),
        (|accept| accept.signature.s[0] ^= 1, Violation::SignatureInvalid),
    ];
    for (edit, violation) in cases {
        let alter = on_control(4, |message| match message {
            Control::TermsAccept(accept) => edit(accept),
            _ => unreachable!(),
        });
        let ended = run_altered(World::five_by_seven().setup(), alter);
        expect_blames_provider(&ended, violation, (2, 1));
        // The provider is one entry ahead; the advertiser's hold is that very entry.
        assert_eq!(ended.advertiser.holds, ended.provider.entries);
        assert!(ended.advertiser.entries.is_empty());
    }
}

// TABLE

#[test]
fn an_altered_table_is_never_looked_up() {
    // A9, A19, G14, G16
    let frame = prepare(&World::five_by_seven()).1[0].clone();
    let mut seen = BTreeMap::new();
    let mut draw = Draw(7);
    for _ in 0..60 {
        let bit = draw.below(frame.payload.len() * 8);
        let alter = on_bulk(StreamId::Table, 0, |_, payload| payload[bit / 8] ^= 0x80 >> (bit % 8));
        let ended = run_altered(World::five_by_seven().setup(), alter);
        let violation = expect_advertiser_blames(&ended);
        assert!(ended.stream(StreamId::Blind).is_empty(), "a blinded element left, bit {bit}");
        *seen.entry(violation.name()).or_insert(0) += 1;
    }
    let names: Vec<&str> = seen.into_keys().collect();
    assert_eq!(names, ["TableMalformed", "TableRootMismatch"]);
}

#[test]
fn a_table_other_than_the_announced_one_is_refused_even_when_signed() {
    // A19
    let world = World::five_by_seven();
    let (key, derivation) = prf_key();
    let other = table(&key, &derivation, &[email(77)], &[], &Limits::SMALL).1[0].clone();
    let alter = cheat(move |frame: &RawFrame| {
        (frame.header.stream == StreamId::Table).then(|| vec![bytes(&other)])
    });
    let ended = run_altered(world.setup(), alter);
    expect_blames_provider(&ended, Violation::TableRootMismatch, (16, 0));
    assert!(ended.stream(StreamId::Blind).is_empty());
}

#[test]
fn tables_that_are_short_long_or_wrongly_ended_are_refused() {
    // A8, A9, M4, M6
    let world = World::new(vec![vec![email(1)]], (0..100).map(email).collect());
    let (_, frames) = prepare(&world);
    let [first, second] = frames.try_into().expect("two frames");
    let ended_at = |frame: &RawFrame, kind: u8| {
        let mut frame = frame.clone();
        frame.header.kind = kind;
        frame
    };
    let renumbered = |frame: &RawFrame, index: u32| {
        let mut frame = frame.clone();
        frame.header.index = index;
        frame
    };
    let cases: [(Vec<RawFrame>, Violation); 7] = [
        (vec![ended_at(&first, 1)], Violation::CountMismatch),
        (vec![first.clone(), ended_at(&second, 0)], Violation::CountMismatch),
        (vec![second.clone()], Violation::FrameOutOfSequence),
        (vec![renumbered(&second, 0)], Violation::CountMismatch),
        (vec![first.clone(), first.clone()], Violation::FrameOutOfSequence),
        (vec![first.clone(), renumbered(&ended_at(&first, 1), 1)], Violation::TableMalformed),
        (vec![first.clone(), second.clone(), renumbered(&second, 2)], Violation::FrameMalformed),
    ];
    for (frames, violation) in cases {
        let mut frames = Some(frames);
        let mut setup = world.setup();
        setup.unheld = &StreamId::BULK;
        // The whole stream takes the place of its first frame.
        let ended = run_altered(setup, move |frame| match frame.header.stream {
            StreamId::Table => Some(frames.take().unwrap_or_default().iter().map(bytes).collect()),
            _ => None,
        });
        assert_eq!(expect_advertiser_blames(&ended), violation);
        assert!(ended.stream(StreamId::Blind).is_empty());
    }
}

#[test]
fn of_all_orders_of_six_frames_one_is_accepted() {
    // M7, G15
    let many = World::new(Vec::new(), (0..370).map(email).collect());
    let (prepared, frames) = prepare(&many);
    assert_eq!(frames.len(), 6);
    let mut accepted = 0;
    for order in permutations(6) {
        let mut setup = World::new(vec![vec![email(1)]], Vec::new()).setup();
        setup.provider.prepared =
            vec![Prepared { kinds: setup.provider.prepared[0].kinds.clone(), ..prepared.clone() }];
        setup.table = frames.clone();
        let mut all = Some(order.iter().map(|at| bytes(&frames[*at])).collect::<Vec<_>>());
        let ended = run_altered(setup, |frame| match frame.header.stream {
            StreamId::Table => Some(all.take().unwrap_or_default()),
            _ => None,
        });
        match ended.advertiser.error {
            None => accepted += 1,
            Some(_) => {
                assert_eq!(expect_advertiser_blames(&ended), Violation::FrameOutOfSequence);
            }
        }
    }
    assert_eq!(accepted, 1);
}

// BLIND

#[test]
fn a_blinded_element_that_is_not_one_ends_the_session() {
    // A1, A2, M1, M2, G01, G02
    let mut cases = vec![([0; 32], Violation::ElementIdentity)];
    cases.extend(invalid_encodings().into_iter().map(|e| (e, Violation::ElementNotCanonical)));
    assert_eq!(cases.len(), 30);
    for (element, violation) in cases {
        let alter = cheat(on_bulk(StreamId::Blind, 0, |_, p| {
            p[5 * 32..6 * 32].copy_from_slice(&element);
        }));
        let ended = run_altered(World::five_by_seven().setup(), alter);
        expect_blames_advertiser(&ended, violation, (17, 0));
        assert!(ended.stream(StreamId::Eval).is_empty());
        assert_eq!(ended.provider.entries.len(), 1, "the charge stands");
    }
}

#[test]
fn blinded_streams_that_are_short_long_or_wrongly_numbered_are_refused() {
    // A3, A8, A11, M3, M4, M6, M7, G03, G06, G07, G15
    for (edit, violation) in bulk_edits() {
        let mut setup = three_frames().setup();
        setup.unheld = &StreamId::BULK;
        let ended = run_altered(setup, edit(StreamId::Blind));
        assert_eq!(expect_provider_blames(&ended), violation);
        assert!(ended.advertiser.outcome.is_none());
    }
}

#[test]
fn a_blinded_frame_before_the_table_is_whole_is_refused() {
    // A18
    let world = World::new(vec![vec![email(1)]], (0..300).map(email).collect());
    let blind = run(world.setup()).stream(StreamId::Blind)[0].clone();
    let mut stages = BTreeMap::new();
    for seed in 0..20 {
        let mut setup = World { schedule: Schedule::Hostile(seed), ..world.clone() }.setup();
        setup.unheld = &[StreamId::Blind];
        let early = only_control(|frame| {
            (frame.header.kind == 3).then(|| vec![bytes(frame), bytes(&blind)])
        });
        let ended = run_altered(setup, early);
        let violation = expect_provider_blames(&ended);
        *stages.entry(ended.provider.stage).or_insert(0) += 1;
        if ended.provider.stage != "match" {
            assert_eq!(violation, Violation::UnexpectedMessage);
        }
    }
    assert!(stages["terms"] > 0 && stages["table"] > 0, "{stages:?}");
}

// EVAL

#[test]
fn an_evaluation_that_is_not_an_element_ends_the_session() {
    // A1, A2, M1, M2, G01, G02
    let mut cases = vec![([0; 32], Violation::ElementIdentity)];
    cases.extend(invalid_encodings().into_iter().map(|e| (e, Violation::ElementNotCanonical)));
    for (element, violation) in cases {
        let alter = cheat(on_bulk(StreamId::Eval, 0, |_, p| {
            p[5 * 32..6 * 32].copy_from_slice(&element);
        }));
        let ended = run_altered(World::five_by_seven().setup(), alter);
        expect_blames_provider(&ended, violation, (18, 0));
        expect_nothing_used(&ended);
    }
}

#[test]
fn evaluations_that_are_not_all_under_the_listed_key_fail_their_proof() {
    // A12, A14, M8, M9, G19
    let world = World::five_by_seven();
    let honest = run(world.setup());
    let blinded = honest.stream(StreamId::Blind)[0].payload.clone();
    type Edit = Box<dyn Fn(&mut Vec<u8>)>;
    let edits: Vec<Edit> = vec![
        // Two evaluations swapped.
        Box::new(|p| {
            let (left, right) = p.split_at_mut(9 * 32);
            left[2 * 32..3 * 32].swap_with_slice(&mut right[..32]);
        }),
        // One evaluation is another element.
        Box::new(|p| p.copy_within(0..32, 32)),
        // The first, the last, and every element comes back as it was sent.
        Box::new({
            let blinded = blinded.clone();
            move |p| p[..32].copy_from_slice(&blinded[..32])
        }),
        Box::new({
            let blinded = blinded.clone();
            move |p| p[63 * 32..64 * 32].copy_from_slice(&blinded[63 * 32..])
        }),
        Box::new(move |p| p[..64 * 32].copy_from_slice(&blinded)),
        // The proof is altered in either half.
        Box::new(|p| p[64 * 32] ^= 1),
        Box::new(|p| p[64 * 32 + 32] ^= 1),
    ];
    for edit in edits {
        let ended = run_altered(world.setup(), cheat(on_bulk(StreamId::Eval, 0, |_, p| edit(p))));
        expect_blames_provider(&ended, Violation::ProofInvalid, (18, 0));
        expect_nothing_used(&ended);
    }
}

#[test]
fn one_evaluation_under_another_key_fails_the_proof_of_its_frame() {
    // A12, M9, G19, G20
    let world = three_frames();
    let honest = run(world.setup());
    let mut other = three_frames().setup();
    let derivation = KeySeed::from_bytes([9; 32]).key_derivation(&KEY_ID, &[1; 32], &[2; 32]);
    let key = PrfKey::<Aligned>::derive(&derivation, &[1; 32], &[2; 32], &KEY_ID).unwrap();
    other.provider.prepared[0].key = MatchKey::Aligned(std::sync::Arc::new(key));
    // The same session but for the key: same blinded frames, other evaluations.
    let forged = run_altered(other, |_| None);
    expect_blames_provider(&forged, Violation::ProofInvalid, (18, 0));
    expect_nothing_used(&forged);
    assert_eq!(honest.stream(StreamId::Blind)[0], forged.stream(StreamId::Blind)[0]);
    let wrong = forged.stream(StreamId::Eval)[0].payload.clone();
    for at in [0, 31, 63] {
        let (from, to) = (at * 32, (at + 1) * 32);
        let alter = cheat(on_bulk(StreamId::Eval, 0, |_, p| {
            p[from..to].copy_from_slice(&wrong[from..to]);
        }));
        let ended = run_altered(world.setup(), alter);
        expect_blames_provider(&ended, Violation::ProofInvalid, (18, 0));
    }
}

#[test]
fn a_proof_of_another_frame_or_session_is_refused() {
    // A13, G23
    let world = World { window: 64, ..three_frames() };
    let honest = run(world.setup());
    let frames: Vec<RawFrame> = honest.stream(StreamId::Eval).into_iter().cloned().collect();
    let second = frames[1].payload[64 * 32..].to_vec();
    let alter = cheat(on_bulk(StreamId::Eval, 0, |_, p| p[64 * 32..].copy_from_slice(&second)));
    let ended = run_altered(world.setup(), alter);
    expect_blames_provider(&ended, Violation::ProofInvalid, (18, 0));
    // The whole frame of an earlier session, and its proof alone.
    let next = World { session: 2, ..world };
    for from in [0, 64 * 32] {
        let old = frames[0].payload[from..].to_vec();
        let alter = cheat(on_bulk(StreamId::Eval, 0, |_, p| p[from..].copy_from_slice(&old)));
        let ended = run_altered(next.setup(), alter);
        expect_blames_provider(&ended, Violation::ProofInvalid, (18, 0));
    }
}

#[test]
fn proof_scalars_that_are_zero_or_not_canonical_are_refused() {
    // A4, G04
    let mut order = [0; 32];
    order[..16].copy_from_slice(&unhex("edd3f55c1a631258d69cf7a2def9de14"));
    order[31] = 0x10;
    for half in [64 * 32, 65 * 32] {
        for scalar in [[0; 32], order, [0xFF; 32]] {
            let alter = cheat(on_bulk(StreamId::Eval, 0, |_, p| {
                p[half..half + 32].copy_from_slice(&scalar);
            }));
            let ended = run_altered(World::five_by_seven().setup(), alter);
            expect_blames_provider(&ended, Violation::ScalarNotCanonical, (18, 0));
        }
    }
}

#[test]
fn a_frame_of_evaluations_without_its_proof_is_refused() {
    // A12, G03
    let alter = cheat(on_bulk(StreamId::Eval, 0, |_, payload| payload.truncate(64 * 32)));
    let ended = run_altered(World::five_by_seven().setup(), alter);
    expect_blames_provider(&ended, Violation::FrameMalformed, (18, 0));
}

#[test]
fn evaluated_streams_that_are_short_long_or_wrongly_numbered_are_refused() {
    // A3, A8, A11, M4, M6, M7
    for (edit, violation) in bulk_edits() {
        let mut setup = three_frames().setup();
        setup.unheld = &StreamId::BULK;
        let ended = run_altered(setup, edit(StreamId::Eval));
        assert_eq!(expect_advertiser_blames(&ended), violation);
        assert!(ended.advertiser.outcome.is_none());
    }
}

#[test]
fn evaluations_before_the_terms_or_before_their_question_are_refused() {
    // A18
    let honest = run(World::five_by_seven().setup());
    let eval = bytes(honest.stream(StreamId::Eval)[0]);
    for (kind, violation) in [(2, Violation::UnexpectedMessage), (4, Violation::UnexpectedMessage)]
    {
        let mut setup = World::five_by_seven().setup();
        setup.unheld = &StreamId::BULK;
        let eval = eval.clone();
        let early = only_control(move |frame| {
            (frame.header.kind == kind).then(|| vec![bytes(frame), eval.clone()])
        });
        expect_blames_provider(&run_altered(setup, early), violation, (18, 0));
    }
    // An answer to a frame that was not sent yet; some orders of work have sent it by then.
    let world = World { window: 1, ..three_frames() };
    let second = bytes(run(world.setup()).stream(StreamId::Eval)[1]);
    let mut seen = BTreeMap::new();
    for seed in 0..20 {
        let mut setup = World { schedule: Schedule::Hostile(seed), ..world.clone() }.setup();
        setup.unheld = &[StreamId::Eval];
        let ended = run_altered(setup, |frame| {
            let first = frame.header.stream == StreamId::Eval && frame.header.index == 0;
            first.then(|| vec![bytes(frame), second.clone()])
        });
        *seen.entry(expect_advertiser_blames(&ended).name()).or_insert(0) += 1;
    }
    let names: Vec<&str> = seen.into_keys().collect();
    // Nobody can sign the answer to a question that was not asked yet.
    assert_eq!(names, ["SignatureInvalid", "UnexpectedMessage"]);
}

#[test]
fn after_an_abort_the_full_charge_stands_on_both_sides() {
    // A28, M17
    let world = World { window: 1, ..three_frames() };
    let alter = cheat(on_bulk(StreamId::Eval, 1, |_, payload| payload[0] ^= 1));
    let ended = run_altered(world.setup(), alter);
    expect_advertiser_blames(&ended);
    assert_eq!(ended.advertiser.entries, ended.provider.entries);
    assert_eq!(ended.provider.entries.len(), 1);
    assert_eq!(ended.provider.entries[0].evaluations, 192);
    // The same pair cannot open a session as if nothing had happened.
    let mut next = World { session: 2, ..world }.setup();
    next.provider.ledger = LedgerHead::of(&ended.provider.entries[0]).unwrap();
    let refused = WireCode::Incompatibility(Incompatibility::LedgerHeadsDiffer);
    expect_refused(&run(next), refused);
}

// CHECKPOINT and CHECKPOINT_ACK

#[test]
fn checkpoints_that_differ_from_their_stream_are_refused() {
    // G16, G17, M7
    type Edit = fn(&mut Checkpoint);
    let edits: [Edit; 3] = [|c| c.root[0] ^= 1, |c| c.frames += 1, |c| c.elements -= 1];
    for (kind, stream) in [(6, 16), (6, 17), (6, 18), (7, 16), (7, 17), (7, 18)] {
        for edit in edits {
            for signed in [false, true] {
                let world = World::five_by_seven();
                let sid = run(world.setup()).terms().sid;
                let alter = on_checkpoint(kind, stream, |checkpoint| {
                    edit(checkpoint);
                    if signed {
                        sign_checkpoint(checkpoint, kind, &sid);
                    }
                });
                let ended = run_altered(world.setup(), alter);
                expect_checkpoint_refused(&ended, kind, stream, Violation::CheckpointMismatch);
            }
        }
        let alter = on_checkpoint(kind, stream, |checkpoint| checkpoint.signature.s[0] ^= 1);
        let ended = run_altered(World::five_by_seven().setup(), alter);
        expect_checkpoint_refused(&ended, kind, stream, Violation::SignatureInvalid);
    }
}

#[test]
fn checkpoints_of_other_streams_and_second_checkpoints_are_unexpected() {
    for (kind, stream) in [(6, 16), (6, 17), (6, 18), (7, 16), (7, 17), (7, 18)] {
        for other in [19, 20, if kind == 6 { stream ^ 3 } else { 19 }] {
            let alter = on_checkpoint(kind, stream, |checkpoint| checkpoint.stream = other);
            let ended = run_altered(World::five_by_seven().setup(), alter);
            expect_checkpoint_refused(&ended, kind, stream, Violation::UnexpectedMessage);
        }
        let mut next = BTreeMap::new();
        let ended = run_altered(World::five_by_seven().setup(), move |frame| {
            // Every later message moves up by one.
            if !frame.header.stream.is_control() {
                return None;
            }
            let index = next.entry(frame.header.stream).or_insert(0);
            let mut numbered = frame.clone();
            numbered.header.index = *index;
            *index += 1;
            let mut all = vec![bytes(&numbered)];
            let message = Control::decode(frame).unwrap();
            if frame.header.kind == kind && checkpoint_stream(&message) == Some(stream) {
                numbered.header.index = *index;
                *index += 1;
                all.push(bytes(&numbered));
            }
            Some(all)
        });
        expect_checkpoint_refused(&ended, kind, stream, Violation::UnexpectedMessage);
    }
}

// RECEIPT and RECEIPT_ACK

#[test]
fn a_receipt_that_says_anything_else_is_refused_even_when_signed() {
    // G17, M12
    type Edit = fn(&mut Receipt);
    let edits: [Edit; 19] = [
        |r| r.sid[0] ^= 1,
        |r| r.outcome = 2,
        |r| r.streams[1].root[0] ^= 1,
        |r| r.streams[1].elements -= 64,
        |r| r.streams[2].frames += 1,
        |r| r.streams.truncate(2),
        |r| r.streams.clear(),
        |r| r.report_commitment = [0; 32],
        |r| r.handles_known = 1,
        |r| r.handles_unknown = 1,
        |r| r.ids_returned = 1,
        |r| r.release_head = [1; 32],
        |r| (r.closed_at, r.ledger.at) = (NOW - 1, NOW - 1),
        |r| r.ledger.seq += 1,
        |r| r.ledger.previous[0] ^= 1,
        |r| r.ledger.kind = 1,
        |r| r.ledger.evaluations -= 64,
        |r| r.ledger.handles = 1,
        |r| r.ledger.at += 1,
    ];
    for edit in edits {
        let alter = on_control(8, |message| match message {
            Control::Receipt(message) => {
                edit(&mut message.receipt);
                resign_receipt(message);
            }
            _ => unreachable!(),
        });
        let ended = run_altered(World::five_by_seven().setup(), alter);
        let at = ended.control(8).header.index;
        expect_blames_advertiser(&ended, Violation::ReceiptMismatch, (1, at));
        assert_eq!(ended.provider.entries.len(), 1, "no settle");
        assert!(ended.advertiser.outcome.is_none());
    }
}

#[test]
fn a_receipt_before_every_stream_is_acknowledged_is_refused() {
    // G16, G33
    let mut dropped = false;
    let ended = run_altered(World::five_by_seven().setup(), |frame| {
        if frame.header.stream != StreamId::ControlAdvertiser {
            return None;
        }
        let message = Control::decode(frame).unwrap();
        if frame.header.kind == 7 && checkpoint_stream(&message) == Some(18) {
            dropped = true;
            return Some(vec![]);
        }
        let mut moved = frame.clone();
        moved.header.index -= u32::from(dropped);
        Some(vec![bytes(&moved)])
    });
    assert_eq!(expect_provider_blames(&ended), Violation::ReceiptMismatch);
}

#[test]
fn a_receipt_altered_on_the_way_fails_its_signature() {
    // G25, G60
    type Edit = fn(&mut SignedReceipt);
    let edits: [Edit; 3] = [
        |m| m.receipt.result_commitment[0] ^= 1,
        |m| m.receipt.report_commitment[0] ^= 1,
        |m| m.signature.r[0] ^= 1,
    ];
    for edit in edits {
        let alter = on_control(8, |message| match message {
            Control::Receipt(message) => edit(message),
            _ => unreachable!(),
        });
        let ended = run_altered(World::five_by_seven().setup(), alter);
        let at = ended.control(8).header.index;
        expect_blames_advertiser(&ended, Violation::SignatureInvalid, (1, at));
    }
}

#[test]
fn an_acknowledgement_must_sign_the_same_receipt() {
    // G25, G60
    let alter = on_control(9, |message| match message {
        Control::ReceiptAck(ack) => ack.signature.s[0] ^= 1,
        _ => unreachable!(),
    });
    let ended = run_altered(World::five_by_seven().setup(), alter);
    assert_eq!(expect_advertiser_blames(&ended), Violation::SignatureInvalid);
    // The provider has settled; the advertiser keeps its reserve, and no outcome.
    assert_eq!((ended.advertiser.entries.len(), ended.provider.entries.len()), (1, 2));
    assert!(ended.advertiser.outcome.is_none());
}

// Any message at any time

#[test]
fn every_message_in_the_wrong_state_is_unexpected() {
    // A18, M6, G33
    let honest = run(World::five_by_seven().setup());
    let other = run(World { session: 2, ..World::five_by_seven() }.setup());
    let samples = sample_messages(&other);
    for stream in [StreamId::ControlAdvertiser, StreamId::ControlProvider] {
        for (position, sent) in honest.stream(stream).iter().enumerate() {
            for message in &samples {
                if message.kind() == sent.header.kind {
                    continue;
                }
                let replacement = message.encode(stream, position as u32).unwrap();
                let ended = run_altered(World::five_by_seven().setup(), |frame| {
                    let header = frame.header;
                    let here = header.stream == stream && header.index == position as u32;
                    here.then(|| vec![bytes(&replacement)])
                });
                let receiver = match stream {
                    StreamId::ControlAdvertiser => &ended.provider,
                    _ => &ended.advertiser,
                };
                let what = format!("{} at {position} of {}", message.name(), stream.name());
                match (receiver.error, message) {
                    (Some(Error::AbortedByPeer { .. }), Control::Abort(_)) => {}
                    // Streams are open: a checkpoint may come, and is judged by its content.
                    (
                        Some(Error::PeerMisbehaved { violation, .. }),
                        Control::Checkpoint(_) | Control::CheckpointAck(_),
                    ) => assert!(
                        matches!(
                            violation,
                            Violation::UnexpectedMessage
                                | Violation::CheckpointMismatch
                                | Violation::SignatureInvalid
                        ),
                        "{what}: {violation:?}"
                    ),
                    // The last acknowledgement may be missing, but not for the receipt to hold.
                    (Some(Error::PeerMisbehaved { violation, .. }), Control::Receipt(_))
                        if violation == Violation::ReceiptMismatch && position == 4 => {}
                    (Some(Error::PeerMisbehaved { violation, at }), _) => {
                        // A refusal of another session is not signed for this one.
                        let forged = message.kind() == 5 && stream == StreamId::ControlProvider;
                        let expected = match forged {
                            true => Violation::SignatureInvalid,
                            false => Violation::UnexpectedMessage,
                        };
                        assert_eq!(violation, expected, "{what}");
                        assert_eq!((at.stream, at.index), (stream.code(), position as u32));
                    }
                    (other, _) => panic!("{what}: {other:?}"),
                }
                assert!(ended.advertiser.outcome.is_none(), "{what}");
            }
        }
    }
}

#[test]
fn a_frame_of_every_bulk_stream_before_the_terms_is_unexpected() {
    // A18
    let honest = run(World::five_by_seven().setup());
    for (kind, stream) in
        [(1, StreamId::Blind), (3, StreamId::Blind), (2, StreamId::Table), (2, StreamId::Eval)]
    {
        let early = bytes(honest.stream(stream)[0]);
        let mut setup = World::five_by_seven().setup();
        setup.unheld = &StreamId::BULK;
        // In the first case the frame comes before the hello, in the others after the message.
        let alter = only_control(move |frame| {
            (frame.header.kind == kind).then(|| vec![bytes(frame), early.clone()])
        });
        let ended = run_altered(setup, alter);
        let sides = (ended.provider.error, ended.advertiser.error);
        let misbehaved = |error: Option<Error>| {
            matches!(error, Some(Error::PeerMisbehaved { violation, at })
                if violation == Violation::UnexpectedMessage && at.stream == stream.code())
        };
        assert!(misbehaved(sides.0) || misbehaved(sides.1), "{stream:?}: {sides:?}");
    }
}

#[test]
fn streams_of_ones_own_and_streams_of_other_profiles_are_unexpected() {
    // A18, A40
    let honest = run(World::five_by_seven().setup());
    let handles = [&[19, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0][..], &[0; 16]].concat();
    let ids = vec![20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let cases = [
        (3, bytes(honest.stream(StreamId::Table)[0]), true),
        (3, bytes(honest.stream(StreamId::Eval)[0]), true),
        (3, handles, true),
        (4, bytes(honest.stream(StreamId::Blind)[0]), false),
        (4, ids, false),
    ];
    for (kind, extra, to_provider) in cases {
        let mut setup = World::five_by_seven().setup();
        setup.unheld = &StreamId::BULK;
        let alter = only_control(move |frame| {
            (frame.header.kind == kind).then(|| vec![bytes(frame), extra.clone()])
        });
        let ended = run_altered(setup, alter);
        let violation = match to_provider {
            true => expect_provider_blames(&ended),
            false => expect_advertiser_blames(&ended),
        };
        assert_eq!(violation, Violation::UnexpectedMessage);
    }
}

#[test]
fn control_messages_out_of_sequence_are_refused() {
    // M7, G15
    let honest = run(World::five_by_seven().setup());
    for stream in [StreamId::ControlAdvertiser, StreamId::ControlProvider] {
        for position in 0..honest.stream(stream).len() as u32 {
            for repeat in [false, true] {
                let ended = run_altered(World::five_by_seven().setup(), |frame| {
                    if frame.header.stream != stream || frame.header.index != position {
                        return None;
                    }
                    let mut moved = frame.clone();
                    moved.header.index += 1;
                    Some(match repeat {
                        true => vec![bytes(frame), bytes(frame)],
                        false => vec![bytes(&moved)],
                    })
                });
                let last = position + 1 == honest.stream(stream).len() as u32;
                let error = match stream {
                    StreamId::ControlAdvertiser => ended.provider.error,
                    _ => ended.advertiser.error,
                };
                let at = Location { stream: stream.code(), index: position + u32::from(!repeat) };
                let violation = match last && repeat {
                    // Closed: nothing is read any more, whatever its number.
                    true => Violation::UnexpectedMessage,
                    false => Violation::FrameOutOfSequence,
                };
                assert_eq!(error, Some(Error::PeerMisbehaved { violation, at }));
            }
        }
    }
}

#[test]
fn malformed_control_messages_are_refused_in_every_state() {
    // G09, G10, M5
    let honest = run(World::five_by_seven().setup());
    type Edit = fn(&mut RawFrame);
    let edits: [Edit; 3] = [
        |frame| {
            frame.payload = [&frame.payload[..], &[0]].concat().into();
            frame.header.payload_len += 1;
        },
        |frame| {
            frame.payload = frame.payload[1..].into();
            frame.header.payload_len -= 1;
        },
        |frame| frame.header.kind = 15,
    ];
    for stream in [StreamId::ControlAdvertiser, StreamId::ControlProvider] {
        for position in 0..honest.stream(stream).len() as u32 {
            for edit in edits {
                let mut malformed = None;
                let ended = run_altered(World::five_by_seven().setup(), |frame| {
                    let header = frame.header;
                    let here = header.stream == stream && header.index == position;
                    here.then(|| {
                        let mut frame = frame.clone();
                        edit(&mut frame);
                        malformed = Some(frame.clone());
                        vec![bytes(&frame)]
                    })
                });
                let (judge, peer) = match stream {
                    StreamId::ControlAdvertiser => (&ended.provider, &ended.advertiser),
                    _ => (&ended.advertiser, &ended.provider),
                };
                let violation = Violation::EncodingNotCanonical;
                let at = Location { stream: stream.code(), index: position };
                assert_eq!(judge.error, Some(Error::PeerMisbehaved { violation, at }));
                // What it is blamed for is on record.
                let evidence = Record::Control(malformed.expect("the message was replaced"));
                assert!(judge.parsed().records.contains(&evidence));
                let closed = position + 1 == honest.stream(stream).len() as u32;
                if !(closed && stream == StreamId::ControlProvider) {
                    let code = WireCode::Violation(violation);
                    let Some(Error::AbortedByPeer { code: told, at: place, signed }) = peer.error
                    else {
                        panic!("{:?}", peer.error);
                    };
                    assert_eq!((told, place), (code, at));
                    // Said over a HELLO that the peer has not sent, it need not hold.
                    assert!(signed || position == 0);
                }
            }
        }
    }
}

#[test]
fn an_abort_of_the_peer_ends_the_session_without_an_answer() {
    // M17
    let abort = Control::Abort(layout::abort(0x0401, 0, 0));
    for (kind, stream) in [(3, StreamId::ControlAdvertiser), (4, StreamId::ControlProvider)] {
        let mut replaced = false;
        let ended = run_altered(World::five_by_seven().setup(), |frame| {
            if frame.header.stream == stream && frame.header.kind == kind {
                replaced = true;
                let frame = abort.encode(stream, frame.header.index).unwrap();
                return Some(vec![bytes(&frame)]);
            }
            None
        });
        assert!(replaced);
        let receiver = match stream {
            StreamId::ControlAdvertiser => &ended.provider,
            _ => &ended.advertiser,
        };
        let at = Location { stream: 0, index: 0 };
        let error = Error::AbortedByPeer { code: WireCode::Operator, at, signed: false };
        assert_eq!(receiver.error, Some(error));
        // It is not signed for this session: it ends it, and accuses nobody.
        assert_eq!(error.blame(), Blame::Both);
        assert!(ended.sent.iter().all(|f| !f.header.stream.is_control() || f.header.kind != 12));
    }
}

// The driver's side of the contract

#[test]
fn a_driver_that_breaks_the_contract_gets_a_defect_and_no_outcome() {
    let misuse = |input: Input| {
        let setup = World::five_by_seven().setup();
        let mut out = Outbox::new(Role::Advertiser, setup.advertiser.key.clone(), [1; 32]);
        let session = AdvertiserSession::open(setup.advertiser, &mut out).unwrap();
        session.handle(NOW, input, &mut out).err()
    };
    let chunk = SpillChunk {
        spill: SpillName::Hits,
        content: SpillContent::Records(vec![].into()),
        last: true,
    };
    for input in [
        Input::Rows(vec![]),
        Input::EndOfRows,
        Input::Approved,
        Input::Declined,
        Input::Spilled(chunk),
    ] {
        assert_eq!(misuse(input), Some(Error::Bug(Bug::misuse())));
    }
}

#[test]
fn a_reservation_of_another_entry_does_not_count() {
    // G39
    let changes: [fn(&mut LedgerEntry); 3] =
        [|e| e.evaluations -= 64, |e| e.sid[0] ^= 1, |e| e.kind = LedgerEntry::SETTLE];
    for role in [Role::Advertiser, Role::Provider] {
        for change in changes {
            let mut setup = World::five_by_seven().setup();
            setup.alter_reserve = Some((role, change));
            let ended = run(setup);
            let side = match role {
                Role::Advertiser => &ended.advertiser,
                Role::Provider => &ended.provider,
            };
            assert_eq!(side.error, Some(Error::Bug(Bug::misuse())));
            assert!(ended.stream(StreamId::Table).is_empty());
        }
    }
}

#[test]
fn an_input_that_changed_since_it_was_committed_is_a_defect() {
    // G53: rows may neither come, go, nor move
    let changes: [fn(&mut Setup); 7] = [
        |s| s.rows[0].identifier.ruleset = RulesetId::CRM_INTL_1,
        |s| drop(s.rows.pop()),
        |s| s.rows.swap(0, 1),
        |s| s.rows[0].row = 5,
        |s| s.rows[0].element = 1,
        |s| s.rows[0].identifier = identifier(IdentifierKind::CUSTOM, 1),
        |s| s.advertiser.distinct += 1,
    ];
    for change in changes {
        let mut setup = World::new(vec![vec![email(1), email(2)], vec![email(3)]], vec![]).setup();
        change(&mut setup);
        let ended = run(setup);
        assert_eq!(ended.advertiser.error, Some(Error::Bug(Bug::misuse())));
        assert!(ended.advertiser.outcome.is_none());
    }
}

#[test]
fn a_sorter_that_does_not_sort_is_noticed() {
    for spill_name in
        [SpillName::OwnTags, SpillName::Hits, SpillName::Placements, SpillName::RowHits]
    {
        let mut setup = World::five_by_seven().setup();
        setup.alter_spill = Some(match spill_name {
            SpillName::OwnTags => |run, records| reverse(run, records, SpillName::OwnTags),
            SpillName::Hits => |run, records| reverse(run, records, SpillName::Hits),
            SpillName::Placements => |run, records| reverse(run, records, SpillName::Placements),
            _ => |run, records| reverse(run, records, SpillName::RowHits),
        });
        let ended = run(setup);
        assert_eq!(ended.advertiser.error, Some(Error::Bug(Bug::invariant())));
        assert!(ended.advertiser.outcome.is_none(), "{spill_name:?}");
    }
}

#[test]
fn a_run_that_lost_or_gained_a_record_gives_no_outcome() {
    // D13, F3
    let changes: [AlterSpill; 5] = [
        |run, records| records.truncate(without_last(run == SpillName::OwnTags, records)),
        |run, records| records.extend((run == SpillName::OwnTags).then(|| vec![0xFF; 17])),
        |run, records| records.truncate(without_last(run == SpillName::Placements, records)),
        |run, records| records.truncate(without_last(run == SpillName::Hits, records)),
        |run, records| records.truncate(without_last(run == SpillName::RowHits, records)),
    ];
    for change in changes {
        let mut setup = World::five_by_seven().setup();
        setup.alter_spill = Some(change);
        let ended = run(setup);
        assert_eq!(ended.advertiser.error, Some(Error::Bug(Bug::stored_data_changed())));
        assert!(ended.advertiser.outcome.is_none());
    }
}

#[test]
fn an_identifier_that_was_numbered_twice_is_a_defect_once_it_matches() {
    // G18
    let world = World::new(vec![vec![email(1)], vec![email(1)]], vec![email(1)]);
    let mut setup = world.setup();
    setup.rows[1].element = 1;
    setup.advertiser.distinct = 2;
    let ended = run(setup);
    assert_eq!(ended.advertiser.error, Some(Error::Bug(Bug::invariant())));
    assert!(ended.advertiser.outcome.is_none());
}

#[test]
fn a_stored_table_that_changed_gives_no_outcome_and_blames_nobody() {
    // D13, G58: frames come back from our own disk, after the root over them was checked.
    let world = World::five_by_seven();
    let (prepared, frames) = prepare(&world);
    let (key, derivation) = prf_key();
    let mut damaged = frames[0].payload.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let damaged = RawFrame { payload: damaged.into(), ..frames[0].clone() };
    for stored in [table(&key, &derivation, &[email(2)], &[], &Limits::SMALL).1, vec![damaged]] {
        let cached_table = Some(prepared.table);
        let cached = World { cached: stored, cached_table, ..world.clone() };
        let ended = run(cached.setup());
        assert_eq!(ended.advertiser.error, Some(Error::Bug(Bug::stored_data_changed())));
        assert!(ended.advertiser.outcome.is_none());
    }
}

#[test]
fn a_provider_never_sends_a_table_it_did_not_announce() {
    let mut setup = World::five_by_seven().setup();
    let (key, derivation) = prf_key();
    setup.table = table(&key, &derivation, &[email(77)], &[], &Limits::SMALL).1;
    let ended = run(setup);
    assert_eq!(ended.provider.error, Some(Error::Bug(Bug::invariant())));
    // The advertiser sees for itself, before the provider's ABORT and before it signs anything.
    let at = Location { stream: StreamId::Table.code(), index: 0 };
    let seen = Error::PeerMisbehaved { violation: Violation::TableRootMismatch, at };
    assert_eq!(ended.advertiser.error, Some(seen));
}

#[test]
fn secrets_have_no_readable_debug() {
    // A37
    let world = World::five_by_seven();
    let mut out = Outbox::new(Role::Advertiser, Arc::new(advertiser_key()), [1; 32]);
    let session = AdvertiserSession::open(world.setup().advertiser, &mut out).unwrap();
    let outputs: Vec<Output> = out.drain().collect();
    let shown = format!("{session:?}");
    let seed = format!("{:?}", world.session_seed());
    assert!(!shown.contains(seed.trim_matches(['[', ']'])));
    assert!(shown.contains("SessionSeed(..)"));
    assert!(!outputs.is_empty());
}

fn without_last(here: bool, records: &[Vec<u8>]) -> usize {
    records.len() - usize::from(here)
}

fn reverse(run: SpillName, records: &mut [Vec<u8>], only: SpillName) {
    if run == only {
        records.reverse();
    }
}

/// Ways to send a stream of three full frames wrongly, and what its receiver says.
fn bulk_edits() -> Vec<(AlterStream, Violation)> {
    fn element_bytes(stream: StreamId) -> usize {
        if stream == StreamId::Eval { 64 } else { 0 }
    }
    vec![
        // The second frame is missing, doubled, or numbered wrongly.
        (|s| on_frame(s, 1, |_| vec![]), Violation::FrameOutOfSequence),
        (|s| on_frame(s, 1, |f| vec![f.clone(), f]), Violation::FrameOutOfSequence),
        (
            |s| {
                on_frame(s, 1, |mut f| {
                    f.header.index = u32::MAX;
                    vec![f]
                })
            },
            Violation::FrameOutOfSequence,
        ),
        // The last flag is early or missing.
        (
            |s| {
                on_frame(s, 1, |mut f| {
                    f.header.kind = 1;
                    vec![f]
                })
            },
            Violation::CountMismatch,
        ),
        (
            |s| {
                on_frame(s, 2, |mut f| {
                    f.header.kind = 0;
                    vec![f]
                })
            },
            Violation::CountMismatch,
        ),
        // One element less, in the middle and at the end; one more.
        (
            |s| on_frame(s, 1, move |f| vec![resized(&f, 63, element_bytes(s))]),
            Violation::FrameMalformed,
        ),
        (
            |s| on_frame(s, 2, move |f| vec![resized(&f, 63, element_bytes(s))]),
            Violation::CountMismatch,
        ),
        (
            |s| on_frame(s, 2, move |f| vec![resized(&f, 65, element_bytes(s))]),
            Violation::FrameMalformed,
        ),
        // Frames above the limit, and bytes that are no whole elements.
        (
            |s| on_frame(s, 0, move |f| vec![resized(&f, 32_769, element_bytes(s))]),
            Violation::FrameTooLarge,
        ),
        (
            |s| on_frame(s, 0, move |f| vec![resized(&f, 65_537, element_bytes(s))]),
            Violation::FrameTooLarge,
        ),
        (
            |s| {
                on_frame(s, 0, |mut f| {
                    f.payload = f.payload[1..].into();
                    f.header.payload_len -= 1;
                    vec![f]
                })
            },
            Violation::FrameMalformed,
        ),
        (
            |s| {
                on_frame(s, 0, |mut f| {
                    f.header.payload_len = u32::MAX;
                    vec![f]
                })
            },
            Violation::FrameTooLarge,
        ),
        // A frame after the last one.
        (
            |s| {
                on_frame(s, 2, |f| {
                    let mut more = f.clone();
                    more.header.index += 1;
                    vec![f, more]
                })
            },
            Violation::FrameMalformed,
        ),
    ]
}

type AlterStream = fn(StreamId) -> Alter;
type Alter = Box<dyn FnMut(&RawFrame) -> Option<Vec<Vec<u8>>>>;

fn on_frame(
    stream: StreamId,
    index: u32,
    edit: impl Fn(RawFrame) -> Vec<RawFrame> + 'static,
) -> Alter {
    Box::new(move |frame| {
        let here = frame.header.stream == stream && frame.header.index == index;
        here.then(|| edit(frame.clone()).iter().map(bytes).collect())
    })
}

/// The frame with another number of elements, its proof kept.
fn resized(frame: &RawFrame, elements: usize, tail: usize) -> RawFrame {
    let (run, proof) = frame.payload.split_at(frame.payload.len() - tail);
    let run: Vec<u8> = run.iter().copied().cycle().take(elements * 32).collect();
    let mut header = frame.header;
    header.elements = elements as u32;
    header.payload_len = (run.len() + tail) as u32;
    RawFrame { header, payload: [&run, proof].concat().into(), signature: Signature::NONE }
}

fn only_control(
    mut edit: impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>>,
) -> impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>> {
    move |frame| if frame.header.stream.is_control() { edit(frame) } else { None }
}

/// Terms changed, bound and signed by a cheating advertiser.
fn signed_terms(
    world: &World,
    edit: fn(&mut MatchTerms),
) -> impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>> {
    let world = world.clone();
    let mut hellos = Vec::new();
    only_control(move |frame| {
        let Ok(Control::Terms(mut message)) = Control::decode(frame) else {
            hellos.push(frame.clone());
            return None;
        };
        edit(&mut message.terms);
        message.sid = world.sid(&hellos[0], &hellos[1], &message.terms);
        message.signature = sign(&advertiser_signing_key(), "sign-terms", &[&message.sid]);
        let header = frame.header;
        Some(vec![bytes(&Control::Terms(message).encode(header.stream, header.index).unwrap())])
    })
}

fn on_checkpoint(
    kind: u8,
    stream: u8,
    mut edit: impl FnMut(&mut Checkpoint),
) -> impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>> {
    on_control(kind, move |message| match message {
        Control::Checkpoint(checkpoint) | Control::CheckpointAck(checkpoint)
            if checkpoint.stream == stream =>
        {
            edit(checkpoint);
        }
        _ => {}
    })
}

fn checkpoint_stream(message: &Control) -> Option<u8> {
    match message {
        Control::Checkpoint(checkpoint) | Control::CheckpointAck(checkpoint) => {
            Some(checkpoint.stream)
        }
        _ => None,
    }
}

fn resign_receipt(message: &mut SignedReceipt) {
    let digest = message.receipt.digest().unwrap();
    message.signature = sign(&advertiser_signing_key(), "sign-receipt", &[&digest]);
}

/// One valid message of every kind, from another session of the same pair.
fn sample_messages(ended: &Ended) -> Vec<Control> {
    let mut samples: BTreeMap<u8, Control> = BTreeMap::new();
    for frame in ended.sent.iter().filter(|frame| frame.header.stream.is_control()) {
        samples.entry(frame.header.kind).or_insert_with(|| Control::decode(frame).unwrap());
    }
    let released = Released {
        handles_known: 0,
        handles_unknown: 0,
        release_head: [0; 32],
        signature: Signature::NONE,
    };
    let more = [
        Control::Refuse(layout::refuse(0x0305, 1)),
        Control::Abort(layout::abort(0x010B, 18, 0)),
        Control::Released(released),
    ];
    let all: Vec<Control> = samples.into_values().chain(more).collect();
    assert_eq!(all.len(), 11, "every kind of aligned order but RESUME and RESUME_ACK");
    all
}

/// A hundred and sixty rows of one identifier each: three frames.
fn three_frames() -> World {
    World::new((0..160).map(|person| vec![email(person)]).collect(), vec![email(3)])
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for shorter in permutations(count - 1) {
        for at in 0..count {
            let mut longer = shorter.clone();
            longer.insert(at, count - 1);
            all.push(longer);
        }
    }
    all
}

fn refusal(why: Refusal) -> WireCode {
    WireCode::Refusal(why)
}

/// The provider refused with this code, and the advertiser was told.
fn expect_refused(ended: &Ended, code: WireCode) {
    assert_eq!(ended.provider.error.map(|error| error.wire().0), Some(code));
    assert!(!matches!(ended.provider.error, Some(Error::PeerMisbehaved { .. })));
    let told = ended.advertiser.error.expect("the advertiser was told");
    assert_eq!(told.wire().0, code);
    assert!(!matches!(told, Error::AbortedByPeer { .. }), "a REFUSE, not an ABORT: {told:?}");
    assert!(ended.advertiser.outcome.is_none());
}

fn expect_told(side: &Side, code: WireCode) {
    match side.error {
        Some(Error::AbortedByPeer { code: told, .. }) => assert_eq!(told, code),
        ref other => panic!("not told {code:?}: {other:?}"),
    }
}

fn expect_blames_advertiser(ended: &Ended, violation: Violation, (stream, index): (u8, u32)) {
    let at = Location { stream, index };
    assert_eq!(ended.provider.error, Some(Error::PeerMisbehaved { violation, at }));
    assert_eq!(expect_provider_blames(ended), violation);
}

fn expect_blames_provider(ended: &Ended, violation: Violation, (stream, index): (u8, u32)) {
    let at = Location { stream, index };
    assert_eq!(ended.advertiser.error, Some(Error::PeerMisbehaved { violation, at }));
    assert_eq!(expect_advertiser_blames(ended), violation);
}

/// What the provider blames the advertiser for; the advertiser was told the same code.
fn expect_provider_blames(ended: &Ended) -> Violation {
    blamed(&ended.provider, &ended.advertiser)
}

/// What the advertiser blames the provider for; the provider was told, unless it had closed.
fn expect_advertiser_blames(ended: &Ended) -> Violation {
    assert!(ended.advertiser.outcome.is_none());
    blamed(&ended.advertiser, &ended.provider)
}

fn blamed(judge: &Side, other: &Side) -> Violation {
    let Some(Error::PeerMisbehaved { violation, at }) = judge.error else {
        panic!("nobody is blamed: {:?}, {:?}", judge.error, other.error);
    };
    let code = WireCode::Violation(violation);
    match other.error {
        Some(Error::AbortedByPeer { code: told, at: place, .. }) => {
            assert_eq!((told, place), (code, at));
        }
        // It had closed, so it does not listen any more.
        Some(Error::PeerMisbehaved { violation: Violation::UnexpectedMessage, .. }) => {}
        ref unexpected => panic!("told {code:?}: {unexpected:?}"),
    }
    violation
}

fn expect_checkpoint_refused(ended: &Ended, kind: u8, stream: u8, violation: Violation) {
    let by_advertiser = (stream == 17) == (kind == 6);
    let found = match by_advertiser {
        true => expect_provider_blames(ended),
        false => expect_advertiser_blames(ended),
    };
    assert_eq!(found, violation, "kind {kind}, stream {stream}");
}

/// No output of an unproved frame was used.
fn expect_nothing_used(ended: &Ended) {
    assert!(!ended.advertiser.spills.contains_key(&SpillName::OwnTags));
    assert!(!ended.advertiser.spills.contains_key(&SpillName::MatchedRows));
}

/// The invalid encodings of RFC 9496 A.2.
fn invalid_encodings() -> Vec<[u8; 32]> {
    let file = include_str!("../../spec/vectors/rfc9496/invalid-encodings.json");
    let vector: serde_json::Value = serde_json::from_str(file).unwrap();
    let groups = vector["encodings"].as_object().unwrap().values();
    groups
        .flat_map(|group| group.as_array().unwrap())
        .map(|text| unhex(text.as_str().unwrap()).try_into().unwrap())
        .collect()
}

#[test]
fn a_bulk_frame_without_its_senders_signature_is_refused_before_it_is_used() {
    for stream in [StreamId::Table, StreamId::Blind, StreamId::Eval] {
        let honest = run(three_frames().setup());
        let frames = honest.stream(stream).len() as u32;
        for index in 0..frames {
            let mut setup = three_frames().setup();
            setup.spoil = Some((stream, index));
            let ended = run(setup);
            let (judge, peer) = match stream.from_advertiser() {
                true => (&ended.provider, &ended.advertiser),
                false => (&ended.advertiser, &ended.provider),
            };
            let at = Location { stream: stream.code(), index };
            let violation = Violation::SignatureInvalid;
            assert_eq!(judge.error, Some(Error::PeerMisbehaved { violation, at }));
            assert!(peer.outcome.is_none());
            // Nothing answers a frame that nobody signed; its record is there all the same.
            let records = judge.parsed().records;
            let here = |record: &Record| {
                matches!(record, Record::Bulk { header, .. }
                if header.stream == stream && header.index == index)
            };
            assert_eq!(records.iter().filter(|record| here(record)).count(), 1);
            if stream == StreamId::Blind {
                assert!(ended.stream(StreamId::Eval).len() <= index as usize);
            }
        }
    }
}

#[test]
fn a_frame_signature_names_the_place_and_the_question_it_answers() {
    let ended = run(three_frames().setup());
    let sid = ended.terms().sid;
    let mut trees: BTreeMap<StreamId, Tree> = BTreeMap::new();
    let mut blind = Vec::new();
    let bulk = ended.sent.iter().filter(|frame| !frame.header.stream.is_control());
    let mut seen = 0;
    for frame in bulk.clone().filter(|frame| frame.header.stream == StreamId::Blind) {
        let tree = trees.entry(StreamId::Blind).or_default();
        tree.push(leaf_hash(&[&frame.header.encode(), &frame.payload]));
        blind.push(tree.root());
    }
    trees.clear();
    for frame in bulk {
        let (stream, index) = (frame.header.stream, frame.header.index);
        let tree = trees.entry(stream).or_default();
        tree.push(leaf_hash(&[&frame.header.encode(), &frame.payload]));
        let answers = match stream {
            StreamId::Eval => blind[index as usize],
            _ => [0; 32],
        };
        let place = FramePlace { sid: &sid, stream, index, root: tree.root(), answers };
        let key = match stream.from_advertiser() {
            true => advertiser_key().public(),
            false => provider_key().public(),
        };
        place.verify(&key, &frame.signature).unwrap();
        // By hand, as the specification says it.
        let parts: [&[u8]; 5] =
            [&sid, &[stream.code()], &index.to_le_bytes(), &place.root, &answers];
        let signer = match stream.from_advertiser() {
            true => advertiser_signing_key(),
            false => provider_signing_key(),
        };
        assert_eq!(sign(&signer, "sign-frame", &parts), frame.signature);
        for other in [
            FramePlace { sid: &[9; 32], ..place },
            FramePlace { index: index + 1, ..place },
            FramePlace { root: [9; 32], ..place },
            FramePlace { answers: [9; 32], ..place },
            FramePlace { stream: StreamId::Handles, ..place },
        ] {
            assert_eq!(other.verify(&key, &frame.signature), Err(Violation::SignatureInvalid));
        }
        seen += 1;
    }
    assert_eq!(seen, ended.stream(StreamId::Table).len() + 2 * 3);
}
