//! Shuffled order: when the advertiser's work after EVAL shows, and the provider's after HANDLES,
//! on clocks that the tests move.
//!
//! Each step of a node takes a time, and each record of a spill adds to it, so that work on many
//! matches takes longer than work on none.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use protocol::error::{Error, Violation};
use protocol::identifier::Identifier;
use protocol::purpose::Purpose;
use protocol::rows::RowWidth;
use protocol::suite::Profile;
use session::SpillName;
use session::disclosure::{Outcome, Withheld};
use support::*;

/// Twenty rows of two identifiers against as many records, all of them theirs or none.
fn world(profile: Profile, matching: bool) -> World {
    let rows: Vec<Vec<Identifier>> = (0..20).map(|row| vec![email(row), phone(row)]).collect();
    let people = match matching {
        true => rows.concat(),
        false => (1_000..1_040).map(email).collect(),
    };
    World { k_min: 2, ..World::new(rows, people) }.shuffled(profile, 2)
}

/// Time of the work on the answers, and the slot before which no frame left.
fn times(ended: &Ended) -> (Duration, Duration) {
    let Side { worked, slot, after_answers, .. } = &ended.advertiser;
    let (worked, slot) = (worked.expect("the work ended"), slot.expect("a slot came"));
    assert!(!after_answers.is_empty() && after_answers.iter().all(|left| *left >= slot));
    (worked, slot)
}

/// The first slot of 64 padded rows of two, under small limits: 128 answers, 64 tags, 3,232 µs.
const FIRST_SLOT: Duration = Duration::from_millis(4);

#[test]
fn an_input_without_a_match_shows_when_one_of_matches_alone_does() {
    for profile in [Profile::MatchRate, Profile::Activation, Profile::DigitalIds] {
        let [none, all] = [false, true].map(|matching| run(world(profile, matching).setup()));
        let below = Withheld::BelowMatchMinimum { k_min: 2 };
        assert!(matches!(&none.advertiser.outcome, Some(Outcome::Withheld(why)) if *why == below));
        assert!(!matches!(&all.advertiser.outcome, None | Some(Outcome::Withheld(_))));
        let ((quick, first), (slow, second)) = (times(&none), times(&all));
        assert!(quick < slow, "{profile}: the work does not depend on the matches: {quick:?}");
        assert_eq!((first, second), (FIRST_SLOT, FIRST_SLOT), "{profile}");
        // The receipt leaves in that very moment; handles have to be read first, and tell their
        // number anyway.
        let receipts = if profile.sends_handles() { vec![&none] } else { vec![&none, &all] };
        for Ended { advertiser, .. } in receipts {
            assert_eq!(advertiser.after_answers.first(), Some(&FIRST_SLOT), "{profile}");
        }
    }
}

#[test]
fn a_release_that_is_declined_shows_when_an_approved_one_does() {
    let world = world(Profile::DigitalIds, true);
    let approved = run(world.setup());
    let declined = run(Setup { approves: false, ..world.setup() });
    let refused = Some(Outcome::Withheld(Withheld::Declined));
    assert_eq!(format!("{:?}", declined.advertiser.outcome), format!("{refused:?}"));
    assert_eq!((times(&approved).1, times(&declined).1), (FIRST_SLOT, FIRST_SLOT));
}

#[test]
fn a_tag_that_answers_twice_shows_when_a_count_does() {
    let world = world(Profile::MatchRate, true);
    let twice = run(Setup { alter_spill: Some(answer_twice), ..world.setup() });
    let found = matches!(
        twice.advertiser.error,
        Some(Error::PeerMisbehaved { violation: Violation::TagHitTwice, .. })
    );
    assert!(found, "{:?}", twice.advertiser.error);
    assert_eq!(times(&twice).1, FIRST_SLOT);
    assert_eq!(twice.advertiser.after_answers, [FIRST_SLOT], "an ABORT and nothing else");
}

/// Gives the first answer again in the place of the second.
fn answer_twice(spill: SpillName, records: &mut Vec<Vec<u8>>) {
    if spill != SpillName::ResponseTags {
        return;
    }
    let (tag, output, row) = (0..9, 9..25, 25..33);
    let [first, second, ..] = records.as_mut_slice() else { panic!("two answers") };
    second[tag.clone()].copy_from_slice(&first[tag]);
    second[output.clone()].copy_from_slice(&first[output]);
    if first[row.clone()] > second[row.clone()] {
        std::mem::swap(first, second);
    }
}

#[test]
fn a_slow_machine_shows_at_a_doubling_of_the_first_slot() {
    for factor in [1, 2, 4, 64] {
        let step_takes = Duration::from_micros(300) * factor;
        let setup = world(Profile::MatchRate, true).setup();
        let (worked, slot) = times(&run(Setup { step_takes, ..setup }));
        let doublings: Vec<Duration> = (0..10).map(|n| FIRST_SLOT * (1 << n)).collect();
        let first = doublings.iter().find(|slot| **slot >= worked);
        assert_eq!(Some(&slot), first, "{worked:?} of work");
        assert!(factor < 64 || slot > FIRST_SLOT, "{worked:?} is not slow");
    }
}

/// Time of the provider's look-up, and the slot before which no frame left.
fn release_times(ended: &Ended) -> (Duration, Duration) {
    let Side { worked, slot, after_answers, .. } = &ended.provider;
    let (worked, slot) = (worked.expect("a look-up"), slot.expect("a slot came"));
    assert_eq!(after_answers.first(), Some(&slot), "the answer leaves at that moment");
    assert!(after_answers.iter().all(|left| *left >= slot));
    (worked, slot)
}

/// Slot 0 of a release for so many rows of EVAL and tags: 2 µs each, in whole milliseconds under
/// small limits [M-53].
fn release_slot(rows: u64, tags: u64) -> Duration {
    Duration::from_millis((2 * (rows + tags)).div_ceil(1_000))
}

#[test]
fn an_answer_to_handles_shows_at_a_slot_of_the_sizes_whatever_is_behind_them() {
    let noise = disclosure::noise::Noise::of(1_000, 1).unwrap();
    for profile in [Profile::Activation, Profile::DigitalIds] {
        // Wide enough in noise that most handles name nobody.
        let world = World { noise: Some(noise), ..world(profile, true) };
        let honest = run(world.setup());
        honest.expect_honest();
        let rows = 64 + noise.rows(RowWidth::new(2).unwrap());
        let first = release_slot(rows, honest_tags(&world));
        let (worked, slot) = release_times(&honest);
        assert!(worked <= first && slot == first, "{profile}: {worked:?} {slot:?} {first:?}");

        let known: Vec<[u8; 16]> = world.setup().graph.handles.into_keys().collect();
        // Records of so many handles are gone, or become those of noise: the batch is as long as
        // before, and a chosen handle is in it or not.
        for (unknown, of_noise) in [(0, 1), (0, 30), (1, 0), (4, 0), (4, 30)] {
            let mut setup = world.setup();
            for handle in known.iter().take(unknown + of_noise) {
                setup.graph.handles.remove(handle);
            }
            setup.graph.noise.extend(known.iter().skip(unknown).take(of_noise));
            let ended = run(setup);
            assert!(ended.provider.error.is_none(), "{:?}", ended.provider.error);
            let (other, slot) = release_times(&ended);
            assert!(other <= worked && slot == first, "{profile}, {unknown} {of_noise}: {slot:?}");
            assert!(of_noise < 30 || other < worked, "the work does not depend on the records");
        }
        // A batch that is refused for its unknown handles.
        let mut setup = world.setup();
        setup.graph.handles.clear();
        let ended = run(setup);
        let error = &ended.provider.error;
        let violation = Violation::UnknownHandles;
        assert!(
            matches!(error, Some(Error::PeerMisbehaved { violation: v, .. }) if *v == violation),
            "{error:?}"
        );
        assert_eq!(release_times(&ended).1, first, "{profile}");
        assert_eq!(ended.provider.after_answers, [first], "an ABORT and nothing else");
    }
}

#[test]
fn an_empty_release_and_departures_show_when_a_release_does() {
    let full = run(world(Profile::DigitalIds, true).setup());
    let (_, first) = release_times(&full);
    let mut setup = world(Profile::DigitalIds, true).setup();
    // All of them wait, or their classes are left out.
    setup.graph.releases = Some(Rc::new(RefCell::new(|_: &_| (Vec::new(), [7; 32]))));
    let empty = run(setup);
    empty.expect_honest();
    match (&full.provider.outcome, &empty.provider.outcome) {
        (Some(Outcome::Released(full)), Some(Outcome::Released(empty))) => {
            assert!(full.ids > 0 && empty.ids == 0 && full.handles_known == empty.handles_known);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(release_times(&empty).1, first);
    // Departures are told like a release of `activation`.
    let activation = world(Profile::Activation, true);
    let (_, first) = release_times(&run(activation.setup()));
    let mut setup = activation.setup();
    setup.advertiser.terms.purpose = Purpose::Remove;
    let removal = run(setup);
    removal.expect_honest();
    assert_eq!(removal.advertiser.outcome, Some(Outcome::Removed));
    assert_eq!(release_times(&removal).1, first);
}

#[test]
fn a_slow_look_up_shows_at_a_doubling_of_the_slot_of_a_release() {
    let world = world(Profile::DigitalIds, true);
    let first = release_times(&run(world.setup())).1;
    for factor in [1, 2, 8, 64] {
        let look_up_takes = Duration::from_micros(40) * factor;
        let (worked, slot) = release_times(&run(Setup { look_up_takes, ..world.setup() }));
        let doublings: Vec<Duration> = (0..10).map(|n| first * (1 << n)).collect();
        assert_eq!(Some(&slot), doublings.iter().find(|slot| **slot >= worked), "{worked:?}");
        assert!(factor < 64 || slot > first, "{worked:?} is not slow");
    }
}

/// Tags of the table of a world, padding and noise among them.
fn honest_tags(world: &World) -> u64 {
    world.setup().provider.prepared[0].table.tag_count
}
