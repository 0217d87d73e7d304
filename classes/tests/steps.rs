//! Edges of the steps of the rule, each from both sides.

mod support;

use std::collections::BTreeSet;

use support::{Bag, Group, Id, Identifier, World, rule};

const K: u32 = 100;

/// A graph of `people` persons with one digital ID each, all of whom were delivered on day 1.
fn delivered(people: usize) -> (World, Vec<Identifier>, Group) {
    let mut world = World::default();
    let all = world.people(people);
    let mut group = Group::new(rule(K));
    assert_eq!(group.ask(&world, &list(&[&all]), 1, 0, 1).len(), people);
    (world, all, group)
}

fn list(parts: &[&[Identifier]]) -> BTreeSet<Identifier> {
    parts.iter().copied().flatten().copied().collect()
}

fn ids(world: &World, identifiers: &[Identifier]) -> BTreeSet<Id> {
    identifiers.iter().flat_map(|one| world.ids_of(*one)).collect()
}

/// a fifth of the persons delivered last, K at least.
#[test]
fn newcomers_wait_until_they_are_a_fifth_of_the_last_bag() {
    for (people, batch) in [(400, 100), (500, 100), (505, 101), (1_000, 200)] {
        for (fresh, joins) in [(batch - 1, false), (batch, true)] {
            let (mut world, all, mut group) = delivered(people);
            let fresh = world.people(fresh);
            let bag = group.ask(&world, &list(&[&all, &fresh]), 2, 0, 2);
            let expected = if joins { people + fresh.len() } else { people };
            assert_eq!(bag.len(), expected, "{} after {people}", fresh.len());
        }
    }
}

/// K wanted persons bring a class, one less does not, whatever else it has.
#[test]
fn a_class_of_which_fewer_than_k_are_wanted_is_left_out_and_stays_whole() {
    let (world, all, mut group) = delivered(300);
    assert!(group.ask(&world, &list(&[&all[..99]]), 2, 0, 2).is_empty());
    assert_eq!(group.ask(&world, &list(&[&all]), 3, 0, 3).len(), 300, "nothing was noted");
    assert_eq!(group.ask(&world, &list(&[&all[..100]]), 4, 0, 4), ids(&world, &all[..100]));
}

/// K persons leave at once, one less has its delay.
#[test]
fn a_part_of_k_persons_leaves_at_once_and_one_of_fewer_stays() {
    for (leaving, left) in [(99, 300), (100, 200), (101, 199)] {
        let (world, all, mut group) = delivered(300);
        assert_eq!(group.ask(&world, &list(&[&all[leaving..]]), 2, 0, 2).len(), left);
    }
}

/// persons who are missing are no part of the K that divide a class, and go with it.
#[test]
fn missing_persons_divide_no_class_and_leave_with_those_who_do() {
    let (mut world, all, mut group) = delivered(300);
    let (a, b, rest) = (&all[..60], &all[60..160], &all[160..]);
    assert_eq!(group.ask(&world, &list(&[b, rest]), 2, 0, 2).len(), 300);
    world.away.extend(ids(&world, a));
    // 60 of them live and unwanted, 60 missing.
    assert_eq!(group.ask(&world, &list(&[&b[60..], rest]), 3, 0, 3).len(), 240);
    assert_eq!(group.ask(&world, &list(&[rest]), 4, 0, 4), ids(&world, rest));
    world.away.clear();
    assert_eq!(group.ask(&world, &list(&[rest]), 5, 0, 5), ids(&world, rest), "one class left");
}

/// with K who leave, K have to remain.
#[test]
fn a_class_is_left_out_where_fewer_than_k_would_remain() {
    for (people, remain) in [(199, 0), (200, 100), (201, 101)] {
        let (world, all, mut group) = delivered(people);
        group.rule.drop_delay = 0;
        assert_eq!(group.ask(&world, &list(&[&all[1..]]), 2, 0, 2).len(), remain, "{people}");
        let back = group.ask(&world, &list(&[&all]), 3, 0, 3);
        assert_eq!(back.len(), if remain == 0 { people } else { remain + 100 });
    }
}

/// of a person of whom one digital ID is unwanted all leave.
#[test]
fn a_person_leaves_with_the_digital_ids_that_are_wanted_still() {
    let mut world = World::default();
    let all = world.people(300);
    // A second record of the first person, by an identifier that both have.
    let (second, named_by) = world.add(1);
    world.records.get_mut(&second).unwrap().1.insert(all[0]);
    let first = *world.records.keys().next().unwrap();
    let own = |world: &World| -> Bag {
        [first, second].iter().flat_map(|one| world.records[one].0.clone()).collect()
    };
    let mut group = Group::new(rule(K));
    group.rule.drop_delay = 0;
    let full = group.ask(&world, &list(&[&all]), 1, 0, 1);
    assert!(own(&world).is_subset(&full) && full.len() == 301);
    // The list now names the person by the second record alone, so that the first is unwanted; no
    // digital ID may say so.
    world.records.get_mut(&first).unwrap().1 = [world.next + 1].into();
    world.records.get_mut(&second).unwrap().1.insert(world.next + 1);
    world.records.get_mut(&second).unwrap().1.remove(&all[0]);
    world.next += 1;
    let left = group.ask(&world, &list(&[&all[1..], &[named_by]]), 2, 0, 2);
    assert_eq!((group.counts.delivered, left.len()), (200, 200));
    assert!(own(&world).is_disjoint(&left), "part of a person is delivered");
}

/// only who is live leaves; who is missing keeps the class.
#[test]
fn without_cover_a_missing_digital_id_keeps_its_class() {
    let (mut world, all, mut group) = delivered(300);
    assert_eq!(group.ask(&world, &list(&[&all[1..]]), 2, 0, 2).len(), 300);
    // Unwanted and missing, when the group stops to show digital IDs to anybody.
    group.rule.covered = false;
    world.away.extend(ids(&world, &all[..1]));
    assert_eq!(group.ask(&world, &list(&[&all[1..]]), 3, 0, 3).len(), 299);
    world.away.clear();
    assert_eq!(group.ask(&world, &list(&[&all]), 4, 0, 4).len(), 300);
}
