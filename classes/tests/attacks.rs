//! Attacks by programs that keep to the protocol, and what they learn now.

mod support;

use std::collections::BTreeSet;

use classes::Rule;
use support::{Bag, Dice, Group, Id, Identifier, World, hold, rule};

const K: u32 = 100;

/// A graph of `people` persons with one digital ID each.
fn world(people: usize) -> (World, Vec<Identifier>) {
    let mut world = World::default();
    let all = world.people(people);
    (world, all)
}

fn list(parts: &[&[Identifier]]) -> BTreeSet<Identifier> {
    parts.iter().copied().flatten().copied().collect()
}

fn ids(world: &World, identifiers: &[Identifier]) -> BTreeSet<Id> {
    identifiers.iter().flat_map(|one| world.ids_of(*one)).collect()
}

#[test]
fn ninety_nine_known_rows_and_a_target_show_nothing() {
    let (world, all) = world(1_000);
    for rows in [1, 99] {
        let mut group = Group::new(rule(K));
        for day in 1..60 {
            let hold = hold(&mut Dice(day.into()), 0.25, 55);
            let known = list(&[&all[..rows], &all[500..501]]);
            assert!(group.ask(&world, &known, day, hold, day.into()).is_empty());
        }
        assert_eq!(group.counts.held, rows as u64 + 1);
    }
}

#[test]
fn a_target_among_newcomers_changes_the_bag_by_one_step_of_the_draw_and_nothing_else() {
    // 149 + 1: whatever the draw, one more person with one more waiting gives the same sizes.
    let (world, all) = world(1_000);
    for rows in [99, 149, 150, 209, 210, 400] {
        for hold in 0..=110 {
            let mut with = Group::new(rule(K));
            let mut without = Group::new(rule(K));
            let bag = without.ask(&world, &list(&[&all[..rows]]), 1, hold, 7);
            let more = with.ask(&world, &list(&[&all[..=rows]]), 1, hold + 1, 7);
            assert_eq!(bag.len(), more.len());
            assert_eq!(with.counts.delivered, without.counts.delivered);
        }
    }
}

#[test]
fn runs_that_differ_by_a_target_differ_by_no_digital_id() {
    // A + B, then A + target; S, then S + target: a newcomer waits for a batch.
    let (world, all) = world(2_000);
    let (a, b, target) = (&all[..100], &all[100..1_200], &all[1_500..1_501]);
    let target_ids = ids(&world, target);
    let mut group = Group::new(rule(K));
    let first = group.ask(&world, &list(&[a, b]), 1, 0, 1);
    assert_eq!(first.len(), 1_200);
    let second = group.ask(&world, &list(&[a, target]), 2, 3, 2);
    assert_eq!(second, ids(&world, a), "B leaves in one piece of 1,100, the target waits");
    let third = group.ask(&world, &list(&[a, b, target]), 3, 5, 3);
    assert_eq!(third, first, "both classes are on again");
    let mut other = Group::new(rule(K));
    let bag = other.ask(&world, &list(&[a, b]), 1, 55, 1);
    assert_eq!(other.ask(&world, &list(&[a, b, target]), 2, 9, 2), bag);
    assert!(group.watch.splits > 0 && target_ids.is_disjoint(&third));
}

#[test]
fn a_target_that_leaves_leaves_with_cover() {
    // Waiting out the window: after the delay at least K persons leave, and none comes back alone.
    let (world, all) = world(2_000);
    let (known, target) = (&all[..999], &all[999..1_000]);
    let mut group = Group::new(rule(K));
    let full = group.ask(&world, &list(&[known, target]), 1, 0, 1);
    for day in 2..16 {
        assert_eq!(group.ask(&world, &list(&[known]), day, 50, day.into()), full);
        assert_eq!(group.counts.kept, 1);
    }
    let after = group.ask(&world, &list(&[known]), 16, 50, 16);
    assert_eq!((full.len() - after.len(), group.counts.covered), (100, 99));
    let back = group.ask(&world, &list(&[known, target]), 17, 50, 17);
    assert!(back == full, "the part that left comes back whole");
    let gone = group.ask(&world, &list(&[known]), 18, 50, 18);
    assert!(gone == after, "and leaves whole");
}

#[test]
fn a_class_is_never_worn_down_below_k() {
    // One notice after the other: one known person leaves in each release, without any delay.
    let (world, all) = world(150);
    let mut group = Group::new(rule(K));
    group.rule.drop_delay = 0;
    assert_eq!(group.ask(&world, &list(&[&all]), 1, 0, 1).len(), 150);
    for left in 1..50 {
        let bag = group.ask(&world, &list(&[&all[left..]]), 1 + left as u32, 0, left as u64);
        assert!(bag.is_empty(), "with cover for one, fewer than K would remain");
    }
}

#[test]
fn a_shared_digital_id_makes_one_person_of_two_records() {
    let (mut world, all) = world(1_000);
    let target: Id = *ids(&world, &all[500..501]).first().unwrap();
    // The target's digital ID becomes one of a known record as well.
    let known = world.records.values_mut().next().unwrap();
    known.0.insert(target);
    let mut group = Group::new(rule(K));
    let first = group.ask(&world, &list(&[&all[..100]]), 1, 0, 1);
    assert_eq!((first.len(), group.counts.delivered), (101, 100));
    let second = group.ask(&world, &list(&[&all[1..100], &all[500..501]]), 2, 0, 2);
    // The known record's own digital ID is unwanted now and waits; nothing is told apart.
    assert_eq!(second, first);
    let mut narrow = Group::new(rule(K));
    assert!(narrow.ask(&world, &list(&[&all[..99], &all[500..501]]), 1, 0, 1).is_empty());
}

#[test]
fn merged_records_bring_no_digital_id_in_or_out_alone() {
    let (mut world, all) = world(1_000);
    let mut group = Group::new(rule(K));
    let first = group.ask(&world, &list(&[&all[..300]]), 1, 0, 1);
    // A record that was never asked for merges into a known one.
    let records: Vec<u32> = world.records.keys().copied().collect();
    let (merged_ids, merged) = world.records.remove(&records[600]).unwrap();
    let into = world.records.get_mut(&records[0]).unwrap();
    into.0.extend(merged_ids);
    into.1.extend(merged);
    assert_eq!(group.ask(&world, &list(&[&all[..300]]), 2, 0, 2), first);
    assert_eq!(group.counts.held, 1, "its digital ID is new and waits");
    // Without the known row both are unwanted; with it again nothing has changed.
    assert_eq!(group.ask(&world, &list(&[&all[1..300]]), 3, 0, 3), first);
    assert_eq!(group.ask(&world, &list(&[&all[..300]]), 4, 0, 4), first);
}

#[test]
fn two_partners_of_a_group_at_once_see_one_history() {
    let (world, all) = world(1_000);
    let (s, target) = (&all[..200], &all[600..601]);
    let mut group = Group::new(rule(K));
    let one = group.ask(&world, &list(&[s]), 1, 20, 1);
    let other = group.ask(&world, &list(&[s, target]), 1, 20, 2);
    assert_eq!(one, other);
    // The partner that is removed and invited again finds the same class file.
    let invited = group.ask(&world, &list(&[s, target]), 90, 20, 3);
    assert_eq!(one, invited);
}

#[test]
fn two_small_disjoint_audiences_are_released() {
    let (world, all) = world(1_000);
    let (one, two) = (&all[..250], &all[250..537]);
    let mut group = Group::new(rule(K));
    for (day, hold) in [(1, 61), (40, 47)] {
        let first = group.ask(&world, &list(&[one]), day, hold, day.into());
        let second = group.ask(&world, &list(&[two]), day + 1, hold, u64::from(day) + 1);
        assert!(first.len() >= 139 && second.len() >= 190);
        assert!(first.is_disjoint(&second));
    }
}

#[test]
fn who_ended_rests_or_objected_covers_nobody() {
    for hidden in 0..3 {
        let (mut world, all) = world(300);
        let mut group = Group::new(rule(K));
        let full = group.ask(&world, &list(&[&all]), 1, 0, 1);
        let gone = ids(&world, &all[200..280]);
        match hidden {
            0 => world.away.extend(&gone),
            1 => world.resting.extend(&gone),
            _ => world.objected.extend(&gone),
        }
        group.rule.drop_delay = 0;
        // One row less and 80 gone: 99 others cover.
        let bag = group.ask(&world, &list(&[&all[1..]]), 2, 0, 2);
        assert_eq!((full.len() - bag.len(), group.counts.covered), (180, 99));
    }
}

#[test]
fn the_draw_of_cover_is_blind_to_who_is_missing() {
    let (mut world, all) = world(1_000);
    let mut group = Group::new(rule(K));
    let full = group.ask(&world, &list(&[&all]), 1, 0, 1);
    let missing = ids(&world, &all[700..]);
    world.away.extend(&missing);
    group.rule.drop_delay = 0;
    let bags: Vec<Bag> = (1..21)
        .map(|seed| {
            let mut group = Group { file: group.file.clone(), ..Group::new(group.rule) };
            let after = group.decide(&world, &list(&[&all[1..]]), 2, 0, seed);
            assert_eq!(after.bag.len(), 600, "100 of 700 left");
            group.file = after.file;
            let here = World { away: BTreeSet::new(), ..world.clone() };
            // All are back, and those who were not drawn are delivered.
            group.decide(&here, &list(&[&all[1..]]), 3, 0, 1).ids()
        })
        .collect();
    let left: Vec<Bag> = bags.iter().map(|bag| full.difference(bag).copied().collect()).collect();
    let of_missing: usize = left.iter().map(|left| left.intersection(&missing).count()).sum();
    // 849 are expected, with a deviation of 35.
    assert!((690..1_010).contains(&of_missing), "{of_missing} of those who left were missing");
    let drawn: BTreeSet<&Id> = left.iter().flatten().collect();
    assert!(drawn.len() > 900, "only {} were ever drawn", drawn.len());
    assert!(left.iter().zip(&left[1..]).all(|(one, other)| one != other));
}

#[test]
fn the_persons_who_wait_are_drawn_anew_from_all() {
    let (world, all) = world(300);
    let group = Group::new(rule(K));
    let bag = |seed| group.decide(&world, &list(&[&all]), 1, 50, seed).ids();
    let waiting: Vec<Bag> =
        (0..40).map(|seed| ids(&world, &all).difference(&bag(seed)).copied().collect()).collect();
    let ever: BTreeSet<&Id> = waiting.iter().flatten().collect();
    assert!(ever.len() > 290 && waiting.iter().all(|one| one.len() == 50));
    assert!(waiting.iter().zip(&waiting[1..]).all(|(one, other)| one != other));
}

/// A class of `people` persons, all on the list but the last one, from day 2 on; every day `share`
/// of 1,000 digital IDs are missing. Returns the digital ID of that person and a bag a day.
fn leave_one_out(people: usize, least: u32, share: u64, days: u32, seed: u64) -> (Id, Vec<Bag>) {
    let (mut world, all) = world(people);
    let mut dice = Dice(seed);
    let mut group = Group::new(rule(least));
    let target = *ids(&world, &all[people - 1..]).first().unwrap();
    let mut bags = vec![group.ask(&world, &list(&[&all]), 1, 0, seed)];
    for day in 2..=days {
        world.flap(share, &mut dice);
        let known = list(&[&all[..people - 1]]);
        bags.push(group.ask(&world, &known, day, 0, dice.next()));
    }
    (target, bags)
}

#[test]
fn who_never_comes_back_are_at_least_k_persons() {
    // The row is left out for 13 days and put back; then for good.
    for seed in 1..6 {
        let (mut world, all) = world(1_000);
        let mut dice = Dice(seed);
        let mut group = Group::new(rule(K));
        let target = ids(&world, &all[500..501]);
        let without = list(&[&all[..500], &all[501..]]);
        let full = group.ask(&world, &list(&[&all]), 1, 0, seed);
        let mut last = Bag::new();
        for day in 2..=60 {
            world.flap(100, &mut dice);
            let back = (15..25).contains(&day);
            let now = if back { list(&[&all]) } else { without.clone() };
            let bag = group.ask(&world, &now, day, 55, dice.next());
            if back || day > 45 {
                last.extend(&bag);
            }
            if day == 25 || day == 60 {
                let never: Bag = full.difference(&last).copied().collect();
                assert!(never.is_disjoint(&target) || never.len() >= 100, "seed {seed}, day {day}");
                last.clear();
            }
        }
    }
}

#[test]
fn a_class_that_one_person_keeps_out_does_not_come_back_while_that_one_is_missing() {
    for seed in 0..10 {
        let (_, bags) = leave_one_out(150, K, 100, 60, seed);
        let last = bags.iter().rposition(|bag| !bag.is_empty()).unwrap();
        assert!(bags[..last].iter().all(|bag| !bag.is_empty()), "seed {seed}");
        assert!(last < 20);
    }
}

#[test]
fn a_division_happens_on_its_day_whether_the_leaver_is_there_or_not() {
    for missing in [vec![], vec![15, 16], vec![5, 6, 7, 14, 15, 16, 17], (3..40).collect()] {
        let (mut world, all) = world(400);
        let mut group = Group::new(rule(K));
        let target = ids(&world, &all[..1]);
        let full = group.ask(&world, &list(&[&all]), 1, 0, 1);
        for day in 2..30 {
            world.away = if missing.contains(&day) { target.clone() } else { BTreeSet::new() };
            let bag = group.ask(&world, &list(&[&all[1..]]), day, 0, day.into());
            let left = full.difference(&bag).count();
            let away = usize::from(!world.away.is_empty());
            // The day of the leaver's absence adds nobody to those who leave as live.
            assert_eq!(
                left,
                if day < 16 { away } else { 100 + usize::from(missing.contains(&16)) }
            );
        }
    }
}

#[test]
fn an_unwanted_digital_id_that_was_missing_has_its_delay_from_the_first_day_it_was_missing() {
    for (back, leaves) in [(4, 16), (15, 16), (20, 20)] {
        let (mut world, all) = world(400);
        let mut group = Group::new(rule(K));
        group.ask(&world, &list(&[&all]), 1, 0, 1);
        let mut divided = None;
        for day in 2..30 {
            world.away = if day < back { ids(&world, &all[..1]) } else { BTreeSet::new() };
            group.ask(&world, &list(&[&all[1..]]), day, 0, day.into());
            divided = divided.or((group.counts.covered > 0).then_some(day));
        }
        assert_eq!(divided, Some(leaves));
    }
}

#[test]
fn the_leaver_is_absent_as_often_as_those_who_cover() {
    // Of those who never come back the leaver is not the one who was missing most, or least.
    let (mut more, mut others) = (0, 0);
    let (mut on_the_day, worlds) = (0, 300);
    for seed in 0..worlds {
        let (target, bags) = leave_one_out(80, 20, 100, 26, seed);
        let Some(day) =
            (2..bags.len()).find(|day| !bags[*day..].iter().any(|b| b.contains(&target)))
        else {
            continue;
        };
        on_the_day += u32::from((14..17).contains(&day));
        let absent = |id: Id| bags[..day].iter().filter(|bag| !bag.contains(&id)).count();
        let later: Bag = bags[16..].iter().flatten().copied().collect();
        for one in bags[0].difference(&later).filter(|one| **one != target) {
            let (own, other) = (absent(target), absent(*one));
            more += 2 * u32::from(own > other) + u32::from(own == other);
            others += 2;
        }
    }
    let share = f64::from(more) / f64::from(others);
    assert!((0.4..0.6).contains(&share), "absent more often than {share} of the others");
    assert!(u64::from(on_the_day) > worlds / 2);
}

#[test]
fn a_person_leaves_with_all_digital_ids_of_the_class() {
    let mut world = World::default();
    let all: Vec<Identifier> = (0..400).map(|at| world.add(1 + at % 4).1).collect();
    let mut group = Group::new(rule(K));
    group.rule.drop_delay = 0;
    let full = group.ask(&world, &list(&[&all]), 1, 0, 1);
    let mut dice = Dice(5);
    world.flap(200, &mut dice);
    group.ask(&world, &list(&[&all[1..]]), 2, 0, 2);
    world.flapping.clear();
    let bag = group.ask(&world, &list(&[&all[1..]]), 3, 0, 3);
    assert!(bag.len() < full.len() && !bag.is_empty());
    for one in &all {
        let own = world.ids_of(*one);
        assert!(own.is_subset(&bag) || own.is_disjoint(&bag), "a person is in both parts");
    }
}

#[test]
fn two_partners_who_ask_in_turn_lose_nothing_to_digital_ids_that_flap() {
    let (mut world, all) = world(1_000);
    let (one, two) = (list(&[&all[..500]]), list(&[&all[450..]]));
    let mut group = Group::new(rule(K));
    let mut dice = Dice(3);
    group.ask(&world, &one, 1, 0, 1);
    group.ask(&world, &two, 1, 0, 2);
    for day in 2..40 {
        world.flap(20, &mut dice);
        assert_eq!(group.ask(&world, &one, day, 0, dice.next()), world.wanted(&one));
        group.ask(&world, &two, day, 0, dice.next());
    }
    world.flapping.clear();
    assert_eq!(group.ask(&world, &one, 41, 0, 1).len(), 500);
}

#[test]
fn an_end_without_a_list_comes_back() {
    let (mut world, all) = world(300);
    let mut group = Group::new(rule(K));
    let full = group.ask(&world, &list(&[&all]), 1, 0, 1);
    world.away.extend(ids(&world, &all[..50]));
    assert_eq!(group.ask(&world, &list(&[&all]), 2, 0, 2).len(), 250);
    world.away.clear();
    assert_eq!(group.ask(&world, &list(&[&all]), 3, 0, 3), full);
}

#[test]
fn departures_leave_with_cover_and_are_closed() {
    let (world, all) = world(1_000);
    let mut group = Group::new(rule(K));
    group.rule.objection_cover = 20;
    let full = group.ask(&world, &list(&[&all[..500]]), 1, 0, 1);
    let departing = ids(&world, &all[..1]);
    let list_after = list(&[&all[1..500]]);
    let bag = group.ask_departing(&world, &list_after, &departing, 2, 0, 2);
    assert_eq!((full.len() - bag.len(), group.counts.covered, group.counts.closed), (20, 19, 20));
    assert_eq!(group.ask(&world, &list(&[&all[..500]]), 3, 0, 3), bag);
}

#[test]
fn departures_that_are_missing_leave_with_as_much_cover() {
    let (mut world, all) = world(1_000);
    let mut group = Group::new(rule(K));
    group.rule.objection_cover = 20;
    let full = group.ask(&world, &list(&[&all]), 1, 0, 1);
    let departing = ids(&world, &all[..1]);
    world.flap(500, &mut Dice(1));
    world.away.extend(&departing);
    group.ask_departing(&world, &list(&[&all[1..]]), &departing, 2, 0, 2);
    assert_eq!(group.counts.covered, 20);
    world.flapping.clear();
    world.away.clear();
    let never = full.len() - group.ask(&world, &list(&[&all]), 3, 0, 3).len();
    assert!(never > 30, "{never}: 20 were there, and about as many were missing");
}

#[test]
fn without_cover_departures_are_closed_alone() {
    let (world, all) = world(300);
    let mut group = Group::new(rule(K));
    group.rule.covered = false;
    group.file = group.decide(&world, &list(&[&all]), 1, 0, 1).file;
    group.file.depart(ids(&world, &all[..1]).into_iter().map(support::name)).unwrap();
    let after = group.decide(&world, &list(&[&all]), 2, 0, 2);
    assert_eq!((after.bag.len(), after.counts.covered, after.counts.closed), (299, 0, 1));
}

#[test]
fn objections_at_the_provider_take_effect_at_once_and_for_good() {
    let (mut world, all) = world(1_000);
    let mut group = Group::new(rule(K));
    let full = group.ask(&world, &list(&[&all[..500]]), 1, 0, 1);
    let objected = ids(&world, &all[..1]);
    world.objected.extend(&objected);
    let bag = group.ask(&world, &list(&[&all[..500]]), 2, 0, 2);
    assert_eq!(full.difference(&bag).copied().collect::<Bag>(), objected);
    world.objected.clear();
    assert_eq!(group.ask(&world, &list(&[&all[..500]]), 3, 0, 3), bag);
}

#[test]
fn what_ended_is_forgotten_after_the_window_and_not_before() {
    let (mut world, all) = world(300);
    let mut group = Group::new(rule(K));
    group.rule.forget_after = 90;
    group.ask(&world, &list(&[&all]), 1, 0, 1);
    world.away.extend(ids(&world, &all[..150]));
    // A pause of 60 days says nothing of the snapshots in it.
    for day in [2, 7, 14].into_iter().chain((74..145).step_by(7)).chain([145]) {
        group.ask(&world, &list(&[&all]), day, 0, day.into());
        assert_eq!(group.file.len(), 300, "day {day}");
    }
    group.ask(&world, &list(&[&all]), 146, 0, 146);
    assert_eq!(group.file.len(), 150);
}

#[test]
fn closed_digital_ids_are_never_forgotten_and_leavers_only_with_their_class() {
    let (mut world, all) = world(1_000);
    let mut group = Group::new(rule(K));
    group.rule.forget_after = 30;
    group.ask(&world, &list(&[&all[..500]]), 1, 0, 1);
    let departing = ids(&world, &all[..1]);
    group.ask_departing(&world, &list(&[&all[2..500]]), &departing, 2, 0, 2);
    for day in 3..20 {
        group.ask(&world, &list(&[&all[2..500]]), day, 0, day.into());
    }
    let leaver = ids(&world, &all[1..2]);
    let count = group.file.len();
    world.away.extend(departing.union(&leaver));
    for day in 20..100 {
        group.ask(&world, &list(&[&all[2..500]]), day, 0, day.into());
    }
    assert_eq!(group.file.len(), count);
    world.away.extend(ids(&world, &all));
    for day in 100..150 {
        group.ask(&world, &list(&[]), day, 0, day.into());
    }
    assert_eq!(group.file.len(), 20, "what departed and its cover");
}

#[test]
fn a_clock_that_jumped_holds_nothing_up() {
    let (world, all) = world(400);
    let mut group = Group::new(rule(K));
    let full = list(&[&all]);
    let without = list(&[&all[1..]]);
    let mut sizes = Vec::new();
    for (day, list) in [(100, &full), (9_000, &full), (101, &without), (102, &without)] {
        sizes.push(group.decide(&world, list, day, 0, 1).bag.len());
        group.file = group.decide(&world, list, day, 0, 1).file;
    }
    assert_eq!(sizes, [400; 4]);
    group.file = group.decide(&world, &without, 50, 0, 1).file;
    assert_eq!(group.decide(&world, &without, 62, 0, 1).bag.len(), 400);
    assert_eq!(group.decide(&world, &without, 63, 0, 1).bag.len(), 300, "14 days of any clock");
}

#[test]
fn the_bag_never_holds_more_than_it_may() {
    let (world, all) = world(1_000);
    let mut group = Group::new(rule(K));
    group.ask(&world, &list(&[&all[..300]]), 1, 0, 1);
    group.ask(&world, &list(&[&all[300..500]]), 2, 0, 2);
    group.rule.ids_max = 450;
    let bag = group.ask(&world, &list(&[&all[..500]]), 3, 0, 3);
    assert_eq!(bag, ids(&world, &all[..300]), "the newer class is left out whole");
    group.rule.ids_max = 500;
    assert_eq!(group.ask(&world, &list(&[&all]), 4, 0, 4).len(), 500);
}

#[test]
fn without_cover_leavers_leave_at_once_and_come_back_with_a_batch() {
    let (world, all) = world(1_000);
    let mut group = Group::new(rule(K));
    group.rule.covered = false;
    assert_eq!(release(&mut group, &world, &list(&[&all[..500]]), 1).len(), 500);
    let fewer = release(&mut group, &world, &list(&[&all[1..500]]), 2);
    assert_eq!(fewer, ids(&world, &all[1..500]));
    assert_eq!(release(&mut group, &world, &list(&[&all[..500]]), 3), fewer);
    let batch = release(&mut group, &world, &list(&[&all[..650]]), 4);
    assert_eq!(batch, ids(&world, &all[..650]));
}

/// A release that no observer watches.
fn release(group: &mut Group, world: &World, list: &BTreeSet<Identifier>, day: u32) -> Bag {
    let release = group.decide(world, list, day, 0, day.into());
    let bag = release.ids();
    group.file = release.file;
    bag
}

#[test]
fn the_number_who_wait_is_the_noise_of_one_identifier() {
    let draw = |epsilon, byte| Rule::hold(epsilon, &[byte; 16].into());
    assert_eq!(draw(0, 7), draw(250, 7));
    assert_eq!((draw(250, 0xff), draw(123, 0)), (Some(55), None));
    // The farthest from the middle on either side.
    let mut least = [0; 16];
    assert_eq!(Rule::hold(250, &least.into()), Some(110));
    least[8] = 1;
    assert_eq!(Rule::hold(250, &least.into()), Some(0));
}

#[test]
fn a_part_of_k_that_left_comes_back_though_one_of_it_is_missing() {
    let (mut world, all) = world(400);
    let mut group = Group::new(rule(K));
    group.ask(&world, &list(&[&all]), 1, 0, 1);
    assert_eq!(group.ask(&world, &list(&[&all[..250]]), 2, 0, 2).len(), 250);
    world.away.extend(ids(&world, &all[399..]));
    assert_eq!(group.ask(&world, &list(&[&all]), 3, 0, 3).len(), 399);
}
