//! Shuffled order: any rows, any records, and peers that cheat.
//!
//! The reference is a few lines over sets; a failing case prints its smallest form, which is whole.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use protocol::attestation::Signature;
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::digital_id::DigitalId;
use protocol::error::{Bug, Error, Incompatibility, Refusal, Violation, WireCode};
use protocol::group::{Element, SecretScalar};
use protocol::identifier::{Identifier, IdentifierKind, PrfInput};
use protocol::limits::Limits;
use protocol::manifest::MetKey;
use protocol::message::{Control, SessionBlind};
use protocol::oprf::Blind;
use protocol::rows::{RowOrder, RowWidth};
use protocol::seed::{Select, SessionSeed};
use protocol::suite::{Profile, Shuffled};
use protocol::terms::MatchTerms;
use protocol::transcript::receipt::Receipt;
use session::SpillName;
use session::disclosure::{MatchCount, Outcome, Rate, Withheld};
use support::*;
use verify::{CheckResult, Finding};

/// Sets of both sides, and everything else that may vary.
#[derive(Debug, Clone)]
struct Case {
    width: u8,
    rows: Vec<Vec<(u8, u64)>>,
    /// Identifiers of the provider, each with its record.
    people: Vec<((u8, u64), u64)>,
    profile: Profile,
    k_min: u32,
    window: u32,
    schedule: u64,
}

impl Case {
    fn world(&self) -> World {
        let rows = self.rows.iter().map(|row| row.iter().map(person).collect()).collect();
        // An identifier is published once; the first record has it.
        let mut people: BTreeMap<(u8, u64), u64> = BTreeMap::new();
        for (identifier, record) in &self.people {
            people.entry(*identifier).or_insert(*record);
        }
        let mut world = World::new(rows, people.keys().map(person).collect());
        world.records = people.values().copied().collect();
        world.kinds = KINDS.to_vec();
        world.k_min = self.k_min;
        world.window = self.window;
        world.schedule = Schedule::Hostile(self.schedule);
        world.shuffled(self.profile, self.width)
    }

    /// Hits of every row, an identifier counted in the first row that has it.
    fn hits(&self) -> Vec<u64> {
        let people: BTreeSet<&(u8, u64)> = self.people.iter().map(|(id, _)| id).collect();
        let mut seen = BTreeSet::new();
        let mut hits = |row: &Vec<(u8, u64)>| {
            let first = row.iter().filter(|id| seen.insert(**id));
            first.filter(|id| people.contains(id)).count() as u64
        };
        self.rows.iter().map(&mut hits).collect()
    }

    fn histogram(&self) -> Vec<u64> {
        let mut bins = vec![0; usize::from(self.width) + 1];
        self.hits().into_iter().for_each(|hits| bins[hits as usize] += 1);
        bins
    }

    fn matched(&self) -> u64 {
        self.hits().iter().filter(|hits| **hits > 0).count() as u64
    }
}

proptest! {
    #![proptest_config(cases(48))]

    /// D6, D8, F2 to F5, F8: both sides are honest.
    #[test]
    fn histogram_and_bag_equal_the_reference(case in any_case()) {
        let world = case.world();
        let ended = run(world.setup());
        ended.expect_honest();
        check_outcome(&case, &world, &ended)?;
        check_wire(&case, &world, &ended)?;
        check_agreement(&ended)?;
    }
}

/// The outcome is what the reference says, at the precision of the terms.
fn check_outcome(case: &Case, world: &World, ended: &Ended) -> Result<(), TestCaseError> {
    let matched = case.matched();
    if matched < u64::from(case.k_min) {
        let why = Withheld::BelowMatchMinimum { k_min: case.k_min };
        let withheld = matches!(&ended.advertiser.outcome, Some(Outcome::Withheld(w)) if *w == why);
        prop_assert!(withheld, "{:?}", ended.advertiser.outcome);
        prop_assert!(ended.stream(StreamId::Handles).is_empty());
        prop_assert!(ended.advertiser.asked.is_none());
        return Ok(());
    }
    let count = match (&ended.advertiser.outcome, case.profile) {
        (Some(Outcome::Count(count)), Profile::MatchRate) => count,
        (Some(Outcome::Handles(handles)), Profile::Activation) => handles.count(),
        (Some(Outcome::DigitalIds(ids)), Profile::DigitalIds) => ids.count(),
        (other, profile) => panic!("{other:?} in {profile}"),
    };
    check_count(case, count)?;
    if case.profile == Profile::MatchRate {
        let served = matches!(ended.provider.outcome, Some(Outcome::Served));
        prop_assert!(served, "{:?}", ended.provider.outcome);
        prop_assert!(ended.stream(StreamId::Handles).is_empty());
        return Ok(());
    }
    prop_assert_eq!(ended.advertiser.asked.as_ref(), Some(count));
    prop_assert!(ended.provider.recorded_release);
    check_release(case, world, ended)
}

fn check_count(case: &Case, count: &MatchCount) -> Result<(), TestCaseError> {
    let matched = case.matched();
    prop_assert_eq!(count.rows(), case.rows.len() as u64);
    prop_assert_eq!(count.matched(), Some(matched));
    prop_assert!(matches!(count.rate(), Rate::Percent(_)));
    let shown: Vec<u64> = count.rows_by_hits().iter().map(|cell| cell.unwrap()).collect();
    prop_assert_eq!(shown, &case.histogram()[1..]);
    Ok(())
}

/// One handle per matched row, the smallest; the bag is the union over the named records.
fn check_release(case: &Case, world: &World, ended: &Ended) -> Result<(), TestCaseError> {
    let graph = world.graph();
    let (key, _) = run_key(world.session);
    let mut seen = BTreeSet::new();
    let mut expected: BTreeSet<[u8; 16]> = BTreeSet::new();
    for row in &case.rows {
        let fresh: Vec<(u8, u64)> = row.iter().copied().filter(|id| seen.insert(*id)).collect();
        let handles =
            fresh.iter().map(|id| *key.output(&PrfInput::of(&person(id))).handle().expose_bytes());
        expected.extend(handles.filter(|handle| graph.handles.contains_key(handle)).min());
    }
    let sent: Vec<[u8; 16]> = ended
        .stream(StreamId::Handles)
        .iter()
        .flat_map(|frame| frame.payload.as_chunks::<16>().0.to_vec())
        .collect();
    prop_assert_eq!(&sent, &expected.iter().copied().collect::<Vec<_>>());
    let records: BTreeSet<u64> = expected.iter().map(|handle| graph.handles[handle]).collect();
    let released = match &ended.provider.outcome {
        Some(Outcome::Released(released)) => released,
        other => panic!("{other:?}"),
    };
    prop_assert_eq!(released.records, records.len() as u64);
    prop_assert_eq!(released.handles_known, expected.len() as u64);
    let mut bag: BTreeSet<Vec<u8>> = BTreeSet::new();
    if case.profile == Profile::DigitalIds {
        bag.extend(records.iter().flat_map(|record| digital_ids(*record)).map(|id| entry(&id)));
    }
    prop_assert_eq!(ended.advertiser.digital_ids(), bag.iter().cloned().collect::<Vec<_>>());
    prop_assert_eq!(released.ids, bag.len() as u64);
    Ok(())
}

/// Sizes follow from public numbers, order from the elements, and nothing is recognisable.
fn check_wire(case: &Case, world: &World, ended: &Ended) -> Result<(), TestCaseError> {
    let width = RowWidth::new(case.width).unwrap();
    let padded = RowWidth::padded_rows(case.rows.len() as u64, &world.limits).unwrap();
    let elements = padded * u64::from(case.width);
    for stream in [StreamId::Blind, StreamId::Eval] {
        let mut order = RowOrder::new(width);
        let mut all = BTreeSet::new();
        for frame in ended.stream(stream) {
            prop_assert!(order.check(frame.encodings()).is_ok());
            all.extend(frame.encodings().iter().copied());
        }
        // Pairwise distinct, or the set were smaller.
        prop_assert_eq!(all.len() as u64, elements);
        let sizes: Vec<u32> = ended.stream(stream).iter().map(|f| f.header.elements).collect();
        let full = width.frame_elements(&world.limits);
        let (last, others) = sizes.split_last().unwrap();
        prop_assert!(others.iter().all(|size| *size == full) && *last <= full);
    }
    check_evaluations(world, ended)?;
    let entry = ended.advertiser.entries.last().unwrap();
    prop_assert_eq!(entry.evaluations, elements);
    Ok(())
}

/// EVAL is k times BLIND, row by row, and BLIND is what the committed seed says.
fn check_evaluations(world: &World, ended: &Ended) -> Result<(), TestCaseError> {
    let (key, _) = run_key(world.session);
    let width = usize::from(world.width);
    let rows_of = |stream| -> Vec<Vec<[u8; 32]>> {
        let elements =
            ended.stream(stream).iter().flat_map(|f| f.encodings().to_vec()).collect::<Vec<_>>();
        elements.chunks(width).map(<[_]>::to_vec).collect()
    };
    let mut expected: Vec<Vec<[u8; 32]>> = rows_of(StreamId::Blind)
        .iter()
        .map(|row| {
            let evaluate = |c: &[u8; 32]| {
                key.evaluate(&protocol::oprf::BlindedElement::<Shuffled>::decode(c).unwrap())
                    .encode()
            };
            let mut row: Vec<[u8; 32]> = row.iter().map(evaluate).collect();
            row.sort_unstable();
            row
        })
        .collect();
    expected.sort_unstable();
    prop_assert_eq!(rows_of(StreamId::Eval), expected);
    let sid = ended.terms().sid;
    let keys = SessionSeed::from_bytes(world.session_seed()).session_keys(&sid);
    let blind = Blind::<Shuffled>::from_scalar(keys.session_blind().unwrap());
    let mut seen = BTreeSet::new();
    let mut rows: Vec<Vec<[u8; 32]>> = Vec::new();
    for (row, identifiers) in (0_u64..).zip(&world.rows) {
        let mut elements = Vec::new();
        for slot in 0..world.width {
            let real = identifiers.get(usize::from(slot)).filter(|id| seen.insert((*id).clone()));
            let input = real.map_or_else(|| keys.row_dummy(row, slot), PrfInput::of);
            elements.push(blind.blind(&input).encode());
        }
        elements.sort_unstable();
        rows.push(elements);
    }
    let padded = RowWidth::padded_rows(world.rows.len() as u64, &world.limits).unwrap();
    for row in world.rows.len() as u64..padded {
        let first = row * u64::from(world.width);
        let mut elements: Vec<[u8; 32]> = (first..first + u64::from(world.width))
            .map(|j| Element::multiply_base(&keys.canary(j).unwrap()).encode())
            .collect();
        elements.sort_unstable();
        rows.push(elements);
    }
    rows.sort_unstable();
    prop_assert_eq!(rows_of(StreamId::Blind), rows);
    Ok(())
}

/// Receipt, ledger and both verdicts.
fn check_agreement(ended: &Ended) -> Result<(), TestCaseError> {
    prop_assert_eq!(&ended.advertiser.entries, &ended.provider.entries);
    for side in [&ended.advertiser, &ended.provider] {
        let verdict = side.verdict();
        prop_assert!(verdict.is_accepted(), "{:?}", verdict.checks);
    }
    let (ours, theirs) = (&ended.advertiser.keys, &ended.provider.keys);
    prop_assert_eq!(ours.len(), 1);
    prop_assert_eq!(
        ours.iter().map(|met| met.key).collect::<Vec<_>>(),
        theirs.iter().map(|met| met.key).collect::<Vec<_>>()
    );
    prop_assert!(ours.iter().all(|met| met.answered));
    Ok(())
}

/// A session under no hostile schedule, with rows as wide as they may be and enough that match.
fn plain(profile: Profile, width: u8) -> World {
    let kinds = [email, |person| phone(person + 100)];
    let rows = (0..12)
        .map(|row| kinds.iter().take(width.into()).map(|identifier| identifier(row)).collect())
        .collect();
    let people = (0..6).map(email).chain((104..109).map(phone)).collect();
    World { k_min: 2, ..World::new(rows, people).shuffled(profile, width) }
}

#[test]
fn a_row_of_one_identifier_looks_like_a_row_of_w_on_the_wire() {
    // A35
    let sizes = |rows: Vec<Vec<Identifier>>| {
        let world = World::new(rows, (0..6).map(email).collect()).shuffled(Profile::DigitalIds, 3);
        let ended = run(world.setup());
        ended.expect_honest();
        let blind_and_eval =
            |frame: &&RawFrame| matches!(frame.header.stream, StreamId::Blind | StreamId::Eval);
        let sizes = ended.sent.iter().filter(blind_and_eval).map(|f| f.header.encode());
        sizes.collect::<Vec<_>>()
    };
    let one = sizes((0..10).map(|row| vec![email(row)]).collect());
    let three = sizes((0..10).map(|row| vec![email(row), phone(row), phone(row + 50)]).collect());
    assert_eq!(one, three);
}

#[test]
fn frame_sizes_do_not_depend_on_the_overlap() {
    let sizes = |people: Vec<Identifier>| {
        let rows = (0..10).map(|row| vec![email(row), phone(row)]).collect();
        let ended = run(World { k_min: 0, ..World::new(rows, people) }
            .shuffled(Profile::MatchRate, 2)
            .setup());
        ended.sent.iter().map(|frame| frame.header.encode()).collect::<Vec<_>>()
    };
    let none = sizes((1_000..1_010).map(email).collect());
    let all = sizes((0..10).map(email).collect());
    // The table's payload varies by a few bytes with its tags; everything else is equal.
    let without_table = |headers: &[[u8; 16]]| -> Vec<[u8; 16]> {
        headers.iter().filter(|header| header[0] != 16).copied().collect()
    };
    assert_eq!(without_table(&none), without_table(&all));
}

#[test]
fn equal_identifiers_of_two_rows_give_one_real_element() {
    // A34
    let rows = vec![vec![email(1)], vec![email(1)], vec![email(1), phone(2)]];
    let world = World::new(rows, vec![email(1), phone(2)]).shuffled(Profile::MatchRate, 2);
    let ended = run(world.setup());
    ended.expect_honest();
    let Some(Outcome::Count(count)) = &ended.advertiser.outcome else { panic!("a count") };
    // The first row keeps it; the third still has its own.
    assert_eq!((count.rows(), count.matched()), (3, Some(2)));
}

#[test]
fn a_rate_above_the_cap_sends_no_handles_unless_it_is_named() {
    // G63
    let rows = (0..10).map(|row| vec![email(row)]).collect();
    let world = World::new(rows, (0..10).map(email).collect());
    for profile in [Profile::DigitalIds, Profile::Activation, Profile::MatchRate] {
        for (cap, named) in [(85, false), (85, true), (100, false)] {
            let mut setup = world.clone().shuffled(profile, 2).setup();
            setup.advertiser.terms.rate_cap = cap;
            setup.advertiser.high_rate = named;
            let ended = run(setup);
            ended.expect_honest();
            let outcome = ended.advertiser.outcome.clone();
            let stopped = matches!(outcome, Some(Outcome::Withheld(Withheld::Implausible)));
            assert_eq!(stopped, profile.sends_handles() && cap == 85 && !named, "{outcome:?}");
            let handles = !ended.stream(StreamId::Handles).is_empty();
            assert_eq!(handles, profile.sends_handles() && !stopped);
            // The provider is told what it would be told of any release that was declined.
            let by_advertiser = Some(Outcome::Withheld(Withheld::ByAdvertiser));
            assert_eq!(ended.provider.outcome == by_advertiser, stopped);
        }
    }
}

#[test]
fn a_declined_release_leaves_the_provider_with_that_bit() {
    let world = plain(Profile::DigitalIds, 2);
    let ended = run(Setup { approves: false, ..world.setup() });
    ended.expect_honest();
    let declined = matches!(ended.advertiser.outcome, Some(Outcome::Withheld(Withheld::Declined)));
    assert!(declined);
    let by_advertiser = Some(Outcome::Withheld(Withheld::ByAdvertiser));
    assert_eq!(format!("{:?}", ended.provider.outcome), format!("{by_advertiser:?}"));
    assert!(ended.stream(StreamId::Handles).is_empty() && ended.stream(StreamId::Ids).is_empty());
    assert!(ended.advertiser.verdict().is_accepted());
    assert!(ended.provider.verdict().is_accepted());
}

#[test]
fn a_count_below_the_minimum_sends_no_handle_and_match_rate_does_not_even_say_so() {
    for profile in [Profile::MatchRate, Profile::DigitalIds, Profile::Activation] {
        let ended = run(World { k_min: 10, ..plain(profile, 2) }.setup());
        ended.expect_honest();
        let why = Withheld::BelowMatchMinimum { k_min: 10 };
        assert!(matches!(&ended.advertiser.outcome, Some(Outcome::Withheld(w)) if *w == why));
        assert!(ended.stream(StreamId::Handles).is_empty());
        let Ok(Control::Receipt(message)) = Control::decode(ended.control(8)) else {
            panic!("a receipt")
        };
        let told = message.receipt.outcome == Receipt::WITHHELD;
        assert_eq!(told, profile.sends_handles(), "{profile}");
    }
}

#[test]
fn nothing_is_refused_for_smallness_or_closeness_and_a_release_may_be_empty() {
    // A43: many handles of one record; which digital IDs leave is no matter of the session.
    for profile in [Profile::DigitalIds, Profile::Activation] {
        let mut world = World { k_min: 3, ..plain(profile, 2) };
        world.records = vec![7; world.people.len()];
        let mut setup = world.setup();
        setup.graph.alter_ids = Some(Vec::clear);
        let ended = run(setup);
        ended.expect_honest();
        let Some(Outcome::Released(released)) = ended.provider.outcome else { panic!("released") };
        assert_eq!((released.records, released.ids), (1, 0));
        assert!(ended.provider.recorded_release);
        assert!(ended.advertiser.digital_ids().is_empty());
        assert!(ended.advertiser.verdict().is_accepted());
        let settle = ended.provider.entries.last().unwrap();
        assert!(settle.handles > 0 && settle.ids == 0);
    }
}

#[test]
fn objections_after_the_snapshot_leave_digital_ids_out() {
    let world = plain(Profile::DigitalIds, 2);
    let mut setup = world.setup();
    setup.graph.objected = (0..20).step_by(2).collect();
    let ended = run(setup);
    ended.expect_honest();
    assert!(matches!(ended.advertiser.outcome, Some(Outcome::DigitalIds(_))));
    assert!(ended.advertiser.verdict().is_accepted());
    let kept: BTreeSet<Vec<u8>> =
        (1..20).step_by(2).flat_map(digital_ids).map(|id| entry(&id)).collect();
    assert!(ended.advertiser.digital_ids().iter().all(|id| kept.contains(id)));
}

#[test]
fn a_sample_is_the_committed_draw_and_comes_with_an_interval() {
    let rows = (0..40).map(|row| vec![email(row)]).collect();
    let mut world = World::new(rows, (0..20).map(email).collect()).shuffled(Profile::MatchRate, 1);
    world.sample_rows = 12;
    let ended = run(world.setup());
    ended.expect_honest();
    let Some(Outcome::Count(count)) = &ended.advertiser.outcome else { panic!("a count") };
    let nonce = match Control::decode(ended.control(2)) {
        Ok(Control::HelloP(hello)) => hello.nonce,
        _ => panic!("HELLO_P"),
    };
    let stream = SessionSeed::from_bytes(world.session_seed()).sample_stream(&nonce);
    let drawn: Vec<bool> = Select::new(stream, 40, 12).collect();
    let matched = drawn.iter().take(20).filter(|drawn| **drawn).count() as u64;
    assert_eq!((count.rows(), count.matched()), (12, Some(matched)));
    let interval = count.interval().expect("a sample");
    assert!(count.is_sample() && Rate::Percent(interval.low) != interval.high);
    assert!(ended.advertiser.verdict().is_accepted());
}

#[test]
fn a_sample_below_the_least_size_or_of_every_row_is_refused() {
    let rows: Vec<Vec<Identifier>> = (0..40).map(|row| vec![email(row)]).collect();
    let attempt = |sample_rows, profile| {
        let world = World::new(rows.clone(), vec![email(1)]).shuffled(profile, 1);
        run(World { sample_rows, ..world }.setup()).advertiser.error
    };
    let parameters = Some(Error::PeerIncompatible(Incompatibility::Parameters));
    assert_eq!(attempt(3, Profile::MatchRate), parameters);
    assert_eq!(attempt(12, Profile::DigitalIds), parameters);
    assert_eq!(attempt(40, Profile::MatchRate), Some(Error::Refused(Refusal::SizeOutOfRange)));
    assert_eq!(attempt(12, Profile::MatchRate), None);
}

#[test]
fn a_run_key_serves_one_run() {
    // M21, A16
    let world = plain(Profile::MatchRate, 2);
    let first = run(world.setup());
    first.expect_honest();
    let again = World { session: world.session, ..world.after(&first) };
    let refused = run(again.setup());
    let reused = Violation::KeyReused;
    assert!(matches!(refused.advertiser.error,
        Some(Error::PeerMisbehaved { violation, .. }) if violation == reused));
    // Spent by terms, but with no answer under it: nobody broke a rule, and another key will do.
    let mut spent = world.setup();
    spent.refuse_reserve = Some(Refusal::BudgetExceeded);
    spent.hold_allowed = true;
    let spent = run(spent);
    let keys = spent.advertiser.keys.clone();
    assert!(matches!(keys[..], [MetKey { answered: false, .. }]));
    let again = run(World { known_keys: keys.clone(), ..world.clone() }.setup());
    assert_eq!(again.advertiser.error, Some(Error::Refused(Refusal::KeySpent)));
    let told = WireCode::Refusal(Refusal::KeySpent);
    assert!(matches!(again.provider.error,
        Some(Error::AbortedByPeer { code, .. }) if code == told));
    assert!(again.advertiser.holds.is_empty(), "told before anything is reserved");
    let next = World { known_keys: keys, session: world.session + 1, ..world.clone() };
    run(next.setup()).expect_honest();
    // Offered, and no terms signed: the key may come again.
    let mut unspent = world.setup();
    unspent.refuse_reserve = Some(Refusal::BudgetExceeded);
    assert_eq!(run(unspent).provider.keys, []);
    run(world.setup()).expect_honest();
    // The next run has another key, and nothing on the wire is like the first.
    let second = run(world.after(&first).setup());
    second.expect_honest();
    let elements = |ended: &Ended| -> BTreeSet<[u8; 32]> {
        let frames = ended.stream(StreamId::Blind).into_iter().chain(ended.stream(StreamId::Eval));
        frames.flat_map(|frame| frame.encodings().to_vec()).collect()
    };
    assert!(elements(&first).is_disjoint(&elements(&second)));
}

/// One way to cheat, and the error that the design names for it.
fn expect_violation(
    world: &World,
    victim_is_advertiser: bool,
    expected: Violation,
    alter: impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>>,
) -> Ended {
    let ended = run_altered(world.setup(), cheat(alter));
    let victim = if victim_is_advertiser { &ended.advertiser } else { &ended.provider };
    match &victim.error {
        Some(Error::PeerMisbehaved { violation, .. }) => assert_eq!(*violation, expected),
        other => panic!("{expected:?} expected, {other:?} found"),
    }
    ended
}

/// All answers as rows, changed, and put in order again.
fn rewrite_rows(
    width: usize,
    stream: StreamId,
    mut edit: impl FnMut(&mut Vec<Vec<[u8; 32]>>),
) -> impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>> {
    let mut rows: Vec<Vec<[u8; 32]>> = Vec::new();
    move |frame| {
        if frame.header.stream != stream {
            return None;
        }
        rows.extend(frame.encodings().chunks(width).map(<[_]>::to_vec));
        if !frame.header.is_last() {
            return Some(Vec::new());
        }
        edit(&mut rows);
        let full = RowWidth::new(width as u8).unwrap().frame_rows(&Limits::SMALL) as usize;
        let frames = rows.chunks(full).zip(0..).map(|(rows, index)| {
            let payload = rows.concat().as_flattened().to_vec();
            let header = FrameHeader {
                kind: 0,
                index,
                elements: (payload.len() / 32) as u32,
                payload_len: payload.len() as u32,
                ..frame.header
            };
            (header, payload)
        });
        let mut frames: Vec<(FrameHeader, Vec<u8>)> = frames.collect();
        frames.last_mut().unwrap().0.kind = 1;
        Some(
            frames
                .iter()
                .map(|(header, payload)| [&header.encode()[..], payload].concat())
                .collect(),
        )
    }
}

fn in_order(rows: &mut [Vec<[u8; 32]>]) {
    rows.iter_mut().for_each(|row| row.sort_unstable());
    rows.sort_unstable();
}

#[test]
fn answers_under_another_key_miss_a_canary() {
    // M16, [G24]
    let other = SecretScalar::from_wide_bytes(&[9; 64]).unwrap();
    for profile in [Profile::MatchRate, Profile::DigitalIds] {
        let ended = expect_violation(
            &plain(profile, 1),
            true,
            Violation::CanaryMissing,
            rewrite_rows(1, StreamId::Eval, |rows| {
                for element in rows.iter_mut().flatten() {
                    *element = Element::decode(element).unwrap().multiply(&other).encode();
                }
                in_order(rows);
            }),
        );
        // Nothing was unblinded, and the place is not told.
        assert!(!ended.advertiser.spills.contains_key(&SpillName::ResponseTags));
        let Ok(Control::Abort(abort)) = Control::decode(ended.control(12)) else { panic!("ABORT") };
        assert_eq!(abort.index, 0);
    }
}

#[test]
fn a_provider_that_answers_half_of_the_rows_wrongly_is_caught() {
    // A31: 52 of 64 rows are canaries here, so half of the rows hit one surely enough.
    expect_violation(
        &plain(Profile::MatchRate, 1),
        true,
        Violation::CanaryMissing,
        rewrite_rows(1, StreamId::Eval, |rows| {
            let known = rows[0].clone();
            for row in rows.iter_mut().step_by(2) {
                let by = SecretScalar::from_wide_bytes(&{
                    let mut w = [3; 64];
                    w[..32].copy_from_slice(&row[0]);
                    w
                })
                .unwrap();
                row[0] = Element::decode(&known[0]).unwrap().multiply(&by).encode();
            }
            in_order(rows);
        }),
    );
}

#[test]
fn an_answer_repeated_or_out_of_order_is_refused() {
    // M6, M7
    let world = plain(Profile::MatchRate, 2);
    let swap = |rows: &mut Vec<Vec<[u8; 32]>>| rows.swap(3, 4);
    let inside = |rows: &mut Vec<Vec<[u8; 32]>>| rows[5].swap(0, 1);
    let twice = |rows: &mut Vec<Vec<[u8; 32]>>| rows[6] = rows[5].clone();
    for edit in [swap as fn(&mut Vec<Vec<[u8; 32]>>), inside, twice] {
        for (stream, advertiser) in [(StreamId::Eval, true), (StreamId::Blind, false)] {
            expect_violation(
                &world,
                advertiser,
                Violation::OrderNotStrict,
                rewrite_rows(2, stream, edit),
            );
        }
    }
}

#[test]
fn an_element_repeated_in_the_middle_of_two_rows_is_found_at_the_barrier_and_by_t0() {
    // M13: an advertiser that repeats an element could recognise its rows, and one identifier in
    // many rows would outweigh the noise.
    let world = plain(Profile::MatchRate, 2);
    let mut found = 0;
    for at in 0..20 {
        let repeat = move |rows: &mut Vec<Vec<[u8; 32]>>| {
            // The second element of one row becomes that of another, where order allows it.
            let value = rows[at][1];
            if rows[at + 7][0] < value {
                rows[at + 7][1] = value;
            }
        };
        let ended = run_altered(world.setup(), cheat(rewrite_rows(2, StreamId::Blind, repeat)));
        let changed = ended.provider.frames.iter().filter(|f| f.header.stream == StreamId::Blind);
        let all: Vec<[u8; 32]> = changed.flat_map(|f| f.encodings().to_vec()).collect();
        let distinct = all.iter().collect::<BTreeSet<_>>().len();
        if distinct == all.len() {
            continue;
        }
        found += 1;
        let by_t0 = ended.provider.verdict().checks.iter().any(|check| {
            let twice = |why: &Finding| why.id == "verify-element-twice";
            check.rule == "T0-22" && matches!(&check.result, CheckResult::Failed(why) if twice(why))
        });
        assert!(by_t0, "{at}");
        match ended.provider.error {
            Some(Error::PeerMisbehaved { violation, at }) => {
                assert_eq!((violation, at.index), (Violation::OrderNotStrict, 0));
            }
            other => panic!("{other:?}"),
        }
        assert!(ended.stream(StreamId::Eval).is_empty(), "an answer left");
    }
    assert!(found > 5, "{found}");
}

#[test]
fn too_many_or_too_few_rows_are_a_count_mismatch() {
    // M8
    let world = plain(Profile::MatchRate, 2);
    for (stream, advertiser) in [(StreamId::Eval, true), (StreamId::Blind, false)] {
        expect_violation(
            &world,
            advertiser,
            Violation::CountMismatch,
            rewrite_rows(2, stream, |rows| drop(rows.pop())),
        );
    }
}

#[test]
fn identity_and_non_canonical_elements_are_refused_on_both_sides() {
    // M1, M2
    let world = plain(Profile::MatchRate, 1);
    let mut odd = [0; 32];
    odd[0] = 1;
    let cases = [([0; 32], Violation::ElementIdentity), (odd, Violation::ElementNotCanonical)];
    for (element, expected) in cases {
        for (stream, advertiser) in [(StreamId::Blind, false), (StreamId::Eval, true)] {
            // The places of real rows among the answers are not known: in front of all of them.
            let in_front = move |rows: &mut Vec<Vec<[u8; 32]>>| {
                let real = real_answer(&plain(Profile::MatchRate, 1));
                rows.retain(|row| stream == StreamId::Blind || row[0] != real);
                rows.truncate(63);
                rows.push(vec![element]);
                in_order(rows);
            };
            expect_violation(&world, advertiser, expected, rewrite_rows(1, stream, in_front));
        }
    }
}

/// The answer to the first real row of the world.
fn real_answer(world: &World) -> [u8; 32] {
    let ended = run(world.setup());
    let keys = SessionSeed::from_bytes(world.session_seed()).session_keys(&ended.terms().sid);
    let blind = Blind::<Shuffled>::from_scalar(keys.session_blind().unwrap());
    let (key, _) = run_key(world.session);
    key.evaluate(&blind.blind(&PrfInput::of(&world.rows[0][0]))).encode()
}

#[test]
fn one_person_answered_twice_ends_the_session_whether_it_matched_or_not() {
    // M18, [G18]. The provider copies the answer of one row into another: if the session ended
    // only where the table has the tag, it would have learned that bit.
    let world = plain(Profile::MatchRate, 2);
    let ended = run(world.setup());
    let keys = SessionSeed::from_bytes(world.session_seed()).session_keys(&ended.terms().sid);
    let blind = Blind::<Shuffled>::from_scalar(keys.session_blind().unwrap());
    let (key, _) = run_key(world.session);
    let answer = |identifier| key.evaluate(&blind.blind(&PrfInput::of(identifier))).encode();
    let (mut matched, mut unmatched) = (0, 0);
    for (row, identifiers) in world.rows.iter().enumerate() {
        let [first, second] = [answer(&identifiers[0]), answer(&identifiers[1])];
        let (low, high) = (first.min(second), first.max(second));
        // Into the second place of another real row that stays in order.
        let Some(other) = world.rows.iter().enumerate().find(|(at, other)| {
            let [a, b] = [answer(&other[0]), answer(&other[1])];
            *at != row && a.min(b) < high && a.min(b) != low
        }) else {
            continue;
        };
        let [a, b] = [answer(&other.1[0]), answer(&other.1[1])];
        let place = a.min(b);
        let copied = if first == high { &identifiers[0] } else { &identifiers[1] };
        match world.people.contains(copied) {
            true => matched += 1,
            false => unmatched += 1,
        }
        expect_violation(
            &world,
            true,
            Violation::TagHitTwice,
            rewrite_rows(2, StreamId::Eval, move |rows| {
                let row = rows.iter_mut().find(|row| row[0] == place).unwrap();
                row[1] = high;
            }),
        );
    }
    assert!(matched > 1 && unmatched > 1, "{matched} matched, {unmatched} did not");
}

#[test]
fn no_answer_leaves_before_the_rows_are_signed_and_none_is_opened_before_the_answers_are() {
    // [M-43], [M-44]
    let world = plain(Profile::DigitalIds, 2);
    let without = |stream: StreamId| {
        move |frame: &RawFrame| match Control::decode(frame) {
            Ok(Control::Checkpoint(checkpoint)) if frame.header.stream.is_control() => {
                (checkpoint.stream == stream.code()).then(Vec::new)
            }
            _ => None,
        }
    };
    let ended = run_altered(world.setup(), without(StreamId::Blind));
    assert!(ended.stream(StreamId::Blind).last().unwrap().header.is_last());
    assert!(ended.stream(StreamId::Eval).is_empty());
    // The canaries are missing, and nothing says so before the stream that lacks them is signed.
    let wrong = SecretScalar::from_wide_bytes(&[9; 64]).unwrap();
    let mut spoil = rewrite_rows(2, StreamId::Eval, move |rows| {
        for element in rows.iter_mut().flatten() {
            *element = Element::decode(element).unwrap().multiply(&wrong).encode();
        }
        in_order(rows);
    });
    let hold = without(StreamId::Eval);
    let ended = run_altered(world.setup(), |frame| hold(frame).or_else(|| spoil(frame)));
    assert_eq!(ended.advertiser.error, None);
    assert_eq!(ended.advertiser.stage, "match");
    assert!(!ended.advertiser.spills.contains_key(&SpillName::ResponseTags));
}

#[test]
fn handles_for_answers_that_were_not_signed_release_nothing() {
    let world = plain(Profile::DigitalIds, 2);
    for unsigned in [StreamId::Table, StreamId::Eval] {
        let ended = run_altered(world.setup(), |frame| match Control::decode(frame) {
            Ok(Control::CheckpointAck(ack)) if frame.header.stream.is_control() => {
                (ack.stream == unsigned.code()).then(Vec::new)
            }
            _ => None,
        });
        assert!(!ended.provider.recorded_release, "{unsigned:?}");
        assert!(ended.stream(StreamId::Ids).is_empty());
    }
}

#[test]
fn secrets_of_every_state_print_their_type_only() {
    // A37
    let world = plain(Profile::DigitalIds, 2);
    let ended = run(world.setup());
    let handles = ended.stream(StreamId::Handles);
    let (handle, _) = handles[0].payload.split_first_chunk::<16>().unwrap();
    let ids = ended.stream(StreamId::Ids);
    let value = DigitalId::decode(&ids[0].payload).unwrap().0.value;
    let shown = format!("{:?} {:?}", handles[0], ids[0]);
    for secret in [&handle[..], &value] {
        let list = format!("{secret:?}");
        assert!(!shown.contains(list.trim_matches(['[', ']'])), "{shown}");
    }
}

#[test]
fn handles_out_of_order_repeated_or_above_the_number_agreed_are_malformed() {
    let world = plain(Profile::DigitalIds, 2);
    let swap = |payload: &mut Vec<u8>| {
        let (first, second) = payload.split_at_mut(16);
        first.swap_with_slice(&mut second[..16]);
    };
    let twice = |payload: &mut Vec<u8>| {
        let first = payload[..16].to_vec();
        payload[16..32].copy_from_slice(&first);
    };
    for edit in [swap as fn(&mut Vec<u8>), twice] {
        expect_violation(
            &world,
            false,
            Violation::HandleMalformed,
            on_bulk(StreamId::Handles, 0, |_, payload| edit(payload)),
        );
    }
    // Our own node withholds what the terms do not allow; a peer that sends it is to blame.
    let mut setup = world.setup();
    setup.advertiser.terms.handles_max = 3;
    setup.provider.policy.guardrails.handles_max = 3;
    let mut setup_of_more = world.setup();
    setup_of_more.advertiser.terms.handles_max = 11;
    setup_of_more.provider.policy.guardrails.handles_max = 11;
    let many = on_bulk(StreamId::Handles, 0, move |header, payload| {
        *payload = (0..12_u8).flat_map(|at| [at; 16]).collect();
        header.elements = 12;
    });
    let ended = run_altered(setup_of_more, cheat(many));
    assert!(matches!(
        ended.provider.error,
        Some(Error::PeerMisbehaved { violation: Violation::HandleMalformed, .. })
    ));
    let ended = run(setup);
    ended.expect_honest();
    let above = Withheld::AboveHandlesMaximum;
    assert!(matches!(&ended.advertiser.outcome, Some(Outcome::Withheld(w)) if *w == above));
}

#[test]
fn a_second_batch_of_handles_is_refused() {
    // [G48]
    let world = plain(Profile::DigitalIds, 2);
    let mut alter = |frame: &RawFrame| {
        if frame.header.stream != StreamId::Handles {
            return None;
        }
        let mut second = frame.clone();
        second.header.index += 1;
        Some(vec![bytes(frame), bytes(&second)])
    };
    let mut setup = world.setup();
    setup.unheld = &[StreamId::Handles];
    let ended = run_altered(setup, &mut alter);
    assert!(
        matches!(
            ended.provider.error,
            Some(Error::PeerMisbehaved { violation: Violation::SecondHandleBatch, .. })
        ),
        "{:?}",
        ended.provider.error
    );
}

#[test]
fn four_unknown_handles_are_dropped_and_the_fifth_ends_the_session() {
    // A42
    let world = plain(Profile::DigitalIds, 2);
    for (unknown, tolerated) in [(1, true), (4, true), (5, false)] {
        let mut setup = world.setup();
        let gone: Vec<[u8; 16]> = {
            let ended = run(world.setup());
            let sent = ended.stream(StreamId::Handles);
            let handles = sent.iter().flat_map(|frame| frame.payload.as_chunks::<16>().0.to_vec());
            handles.take(unknown).collect()
        };
        setup.graph.handles.retain(|handle, _| !gone.contains(handle));
        let ended = run(setup);
        match tolerated {
            true => {
                ended.expect_honest();
                let Ok(Control::Released(released)) = Control::decode(ended.control(13)) else {
                    panic!("RELEASED")
                };
                assert_eq!(released.handles_unknown, unknown as u32);
                assert!(ended.advertiser.verdict().is_accepted());
            }
            false => assert!(matches!(
                ended.provider.error,
                Some(Error::PeerMisbehaved { violation: Violation::UnknownHandles, .. })
            )),
        }
    }
}

#[test]
fn digital_ids_outside_the_terms_are_refused_by_both_nodes() {
    // [G49]
    let world = plain(Profile::DigitalIds, 2);
    let namespace = |ids: &mut Vec<DigitalId>| ids.last_mut().unwrap().namespace += 1;
    let attributes = |ids: &mut Vec<DigitalId>| ids[0].age_bucket = 1;
    let order = |ids: &mut Vec<DigitalId>| ids.swap(0, 1);
    let twice = |ids: &mut Vec<DigitalId>| ids[1] = ids[0].clone();
    for alter in [namespace as fn(&mut Vec<DigitalId>), attributes, order, twice] {
        // An own node that gives what the terms do not allow sends nothing of it.
        let mut setup = world.setup();
        setup.graph.alter_ids = Some(alter);
        let ended = run(setup);
        assert_eq!(ended.provider.error, Some(Error::Bug(Bug::misuse())));
        assert!(ended.advertiser.digital_ids().is_empty());
        // A peer that sends it all the same is to blame.
        expect_violation(
            &world,
            true,
            Violation::IdListMalformed,
            on_bulk(StreamId::Ids, 0, |_, payload| {
                let mut ids = Vec::new();
                let mut rest: &[u8] = payload;
                while let Some((id, after)) = DigitalId::decode(rest) {
                    ids.push(id);
                    rest = after;
                }
                alter(&mut ids);
                *payload = ids.iter().flat_map(entry).collect();
            }),
        );
    }
}

/// A value that no graph may hold is found before a receipt is signed; any other is taken.
#[test]
fn a_digital_id_is_refused_for_its_form_alone() {
    let world = plain(Profile::DigitalIds, 2);
    let alter =
        |byte: u8| on_bulk(StreamId::Ids, 0, move |_, payload| *payload.last_mut().unwrap() = byte);
    for byte in [b' ', 0, 0x7F, 0xC3] {
        expect_violation(&world, true, Violation::IdListMalformed, alter(byte));
    }
}

#[test]
fn digital_ids_that_begin_like_formulas_and_long_ones_are_delivered() {
    let mut setup = plain(Profile::DigitalIds, 2).setup();
    setup.graph.alter_ids = Some(|ids| {
        let values = ["+3312345678", "-12345678", "=cmd|'/c'!A1", "@12345678"];
        let long = "~".repeat(255);
        for (id, value) in ids.iter_mut().zip(values.into_iter().chain([long.as_str()])) {
            id.value = value.as_bytes().to_vec();
        }
        ids.truncate(5);
        ids.sort_by_key(entry);
    });
    let ended = run(setup);
    ended.expect_honest();
    assert_eq!(ended.advertiser.digital_ids().len(), 5);
}

#[test]
fn more_digital_ids_than_the_terms_allow_are_refused() {
    let one_of_each = || {
        let mut setup = plain(Profile::DigitalIds, 2).setup();
        setup.advertiser.terms.ids_per_record_max = 1;
        setup.advertiser.terms.handles_max = 30;
        setup.provider.policy.guardrails.handles_max = 30;
        setup.provider.policy.guardrails.ids_per_record_max = 1;
        setup
    };
    run(one_of_each()).expect_honest();
    let setup = one_of_each();
    let many = on_bulk(StreamId::Ids, 0, |header, payload| {
        *payload = (0..60)
            .map(|at| DigitalId {
                namespace: NAMESPACE,
                device_class: 0,
                age_bucket: 0,
                days_valid: 0,
                value: format!("cookie-{at:03}").into_bytes(),
            })
            .flat_map(|id| entry(&id))
            .collect();
        header.elements = 60;
    });
    let ended = run_altered(setup, cheat(many));
    assert!(matches!(
        ended.advertiser.error,
        Some(Error::PeerMisbehaved { violation: Violation::IdListMalformed, .. })
    ));
}

#[test]
fn terms_with_other_conditions_of_digital_ids_than_the_group_s_are_refused() {
    // Narrower ones would be a knife: R-05.
    let edits: [fn(&mut MatchTerms); 5] = [
        |terms| terms.handles_max = 1,
        |terms| terms.handles_max = 63,
        |terms| terms.ids_per_record_max -= 1,
        |terms| terms.namespaces.push(NAMESPACE + 1),
        |terms| terms.namespaces.clear(),
    ];
    for profile in [Profile::DigitalIds, Profile::Activation] {
        for edit in edits {
            let mut setup = plain(profile, 2).setup();
            edit(&mut setup.advertiser.terms);
            let ended = run(setup);
            let parameters = Some(Error::PeerIncompatible(Incompatibility::Parameters));
            assert_eq!(ended.provider.error, parameters);
            assert!(ended.stream(StreamId::Eval).is_empty());
        }
    }
}

#[test]
fn a_receipt_that_counts_otherwise_is_refused() {
    let world = plain(Profile::DigitalIds, 2);
    let edits: [fn(&mut Receipt); 5] = [
        |receipt| receipt.handles_known += 1,
        |receipt| receipt.ids_returned += 1,
        |receipt| receipt.release_head[0] ^= 1,
        |receipt| receipt.outcome = Receipt::WITHHELD,
        |receipt| receipt.ledger.handles -= 1,
    ];
    for edit in edits {
        let ended = run_altered(
            world.setup(),
            on_control(8, |message| {
                let Control::Receipt(signed) = message else { return };
                edit(&mut signed.receipt);
                let digest = signed.receipt.digest().unwrap();
                signed.signature = sign(&advertiser_signing_key(), "sign-receipt", &[&digest]);
            }),
        );
        assert!(matches!(
            ended.provider.error,
            Some(Error::PeerMisbehaved { violation: Violation::ReceiptMismatch, .. })
        ));
    }
}

#[test]
fn released_that_counts_other_handles_than_were_sent_is_refused() {
    let world = plain(Profile::Activation, 2);
    let ended = run_altered(
        world.setup(),
        on_control(13, |message| {
            let Control::Released(released) = message else { return };
            released.handles_known += 1;
        }),
    );
    assert!(matches!(
        ended.advertiser.error,
        Some(Error::PeerMisbehaved { violation: Violation::CountMismatch, .. })
    ));
}

#[test]
fn stored_answers_that_changed_give_no_outcome() {
    // [I-11]
    let world = plain(Profile::DigitalIds, 2);
    for alter in CHANGES.map(|change| altered("EvaluatedRows", change)) {
        let ended = run(Setup { alter_spill: Some(alter), ..world.setup() });
        let bug = matches!(ended.provider.error, Some(Error::Bug(_)));
        assert!(bug, "{:?}", ended.provider.error);
        assert!(ended.stream(StreamId::Eval).iter().all(|frame| !frame.header.is_last()));
    }
    for name in ["BlindedRows", "Evaluations", "ResponseTags", "RowHandles", "MatchedHandles"] {
        for alter in CHANGES.map(|change| altered(name, change)) {
            let mut setup = world.setup();
            setup.alter_spill = Some(alter);
            let ended = run(setup);
            let bug = matches!(ended.advertiser.error, Some(Error::Bug(_)));
            assert!(bug, "{name}: {:?}", ended.advertiser.error);
            assert!(ended.advertiser.outcome.is_none());
        }
    }
}

/// A sorter that changes the records of the named run in one way.
fn altered(name: &str, change: Change) -> AlterSpill {
    macro_rules! alter {
        ($($name:literal),+) => { match (name, change) {
            $(
                ($name, Change::DropLast) => |run, records| {
                    if format!("{run:?}").starts_with($name) { drop(records.pop()) }
                },
                ($name, Change::RepeatFirst) => |run, records| {
                    if format!("{run:?}").starts_with($name) && !records.is_empty() {
                        records.insert(0, records[0].clone());
                    }
                },
            )+
            _ => unreachable!(),
        } };
    }
    alter!(
        "EvaluatedRows",
        "BlindedRows",
        "Evaluations",
        "ResponseTags",
        "RowHandles",
        "MatchedHandles"
    )
}

#[derive(Clone, Copy)]
enum Change {
    DropLast,
    RepeatFirst,
}

const CHANGES: [Change; 2] = [Change::DropLast, Change::RepeatFirst];

/// Rows of a shuffled run are asked for under terms that are stricter than the policy, or not.
#[test]
fn terms_less_strict_than_the_policy_are_refused() {
    let world = plain(Profile::DigitalIds, 2);
    let edits: [fn(&mut Setup); 6] = [
        |setup| setup.provider.policy.guardrails.rate_precision = 2,
        |setup| setup.provider.policy.guardrails.rate_cap = 85,
        |setup| setup.provider.policy.guardrails.count_rounding = 10,
        |setup| setup.provider.policy.guardrails.cell_min = 5,
        |setup| setup.provider.policy.guardrails.namespaces = vec![2],
        |setup| setup.advertiser.terms.flags = 1,
    ];
    for edit in edits {
        let mut setup = world.setup();
        edit(&mut setup);
        let ended = run(setup);
        let parameters = Some(Error::PeerIncompatible(Incompatibility::Parameters));
        assert_eq!(ended.provider.error, parameters);
    }
}

fn person((kind, person): &(u8, u64)) -> Identifier {
    identifier(KINDS[usize::from(*kind)], *person)
}

const KINDS: [IdentifierKind; 3] =
    [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL, IdentifierKind::PHONE];

/// Small worlds, with many collisions: duplicates inside and across rows, several identifiers of a
/// row on one record and on several, rows without any.
fn any_case() -> impl Strategy<Value = Case> {
    let person = (0_u8..3, 0_u64..14);
    (1_u8..=8).prop_flat_map(move |width| {
        let row = prop::collection::vec(person.clone(), 0..=usize::from(width));
        (
            Just(width),
            prop::collection::vec(row, 1..20),
            prop::collection::vec((person.clone(), 0_u64..6), 1..24),
            prop::sample::select(vec![
                Profile::MatchRate,
                Profile::DigitalIds,
                Profile::Activation,
            ]),
            1_u32..4,
            1_u32..5,
            any::<u64>(),
        )
            .prop_map(|(width, rows, people, profile, k_min, window, schedule)| Case {
                width,
                rows,
                people,
                profile,
                k_min,
                window,
                schedule,
            })
    })
}

#[test]
fn the_blind_is_committed_to_before_any_row_leaves() {
    for profile in [Profile::MatchRate, Profile::Activation, Profile::DigitalIds] {
        let ended = run(plain(profile, 2).setup());
        let at = |found: &dyn Fn(&RawFrame) -> bool| ended.sent.iter().position(found).unwrap();
        let control =
            |kind| move |f: &RawFrame| f.header.stream.is_control() && f.header.kind == kind;
        let (accept, blind) = (at(&control(4)), at(&control(14)));
        let first_row = at(&|frame| frame.header.stream == StreamId::Blind);
        assert!(accept < blind && blind < first_row);
    }
    let aligned = run(World::five_by_seven().setup());
    assert!(aligned.sent.iter().all(|f| !f.header.stream.is_control() || f.header.kind != 14));
}

#[test]
fn a_commitment_to_the_blind_that_does_not_hold_is_refused() {
    type Edit = fn(&mut SessionBlind);
    let cases: [(Edit, Violation); 3] = [
        (|blind| blind.signature = Signature::NONE, Violation::SignatureInvalid),
        (|blind| blind.k_a[0] ^= 2, Violation::SignatureInvalid),
        (
            |blind| {
                blind.k_a = [0; 32];
                blind.signature = Signature::NONE;
            },
            Violation::SignatureInvalid,
        ),
    ];
    for (edit, violation) in cases {
        let ended = run_altered(
            plain(Profile::MatchRate, 2).setup(),
            on_control(14, move |message| {
                if let Control::SessionBlind(blind) = message {
                    edit(blind);
                }
            }),
        );
        let Some(Error::PeerMisbehaved { violation: found, at }) = ended.provider.error else {
            panic!("{:?}", ended.provider.error);
        };
        assert_eq!((found, at.stream), (violation, StreamId::ControlAdvertiser.code()));
        assert!(ended.stream(StreamId::Eval).is_empty());
    }
    // Signed by its sender, and yet no element that blinds anything.
    let sid = [7; 32];
    let key = advertiser_key();
    for (k_a, violation) in
        [([0; 32], Violation::ElementIdentity), ([0xFF; 32], Violation::ElementNotCanonical)]
    {
        let blind = SessionBlind::sign(k_a, &key, &sid);
        assert_eq!(blind.verify(&key.public(), &sid), Err(violation));
    }
}

#[test]
fn a_second_commitment_to_the_blind_is_refused() {
    let ended = run_altered(plain(Profile::MatchRate, 2).setup(), |frame| {
        let here = frame.header.stream == StreamId::ControlAdvertiser && frame.header.kind == 14;
        here.then(|| {
            let mut again = frame.clone();
            again.header.index += 1;
            vec![bytes(frame), bytes(&again)]
        })
    });
    assert!(matches!(
        ended.provider.error,
        Some(Error::PeerMisbehaved { violation: Violation::UnexpectedMessage, .. })
    ));
}
