//! Class files as bytes, and the history of two groups that became one.

mod support;

use std::collections::BTreeSet;

use classes::{ClassFile, FileFault};
use support::{Group, World, name, rule, stream};

/// A class file with a history: two classes, one of them divided, ends, a departure.
fn with_history() -> (World, Vec<u32>, Group) {
    let mut world = World::default();
    let all = world.people(600);
    let mut group = Group::new(rule(100));
    let lists = [&all[..400], &all[..200], &all[..600], &all[1..600]];
    for (day, list) in (20_000..).zip(lists) {
        let list: BTreeSet<u32> = list.iter().copied().collect();
        group.ask(&world, &list, day, 0, day.into());
        world.away.extend(world.ids_of(all[day as usize % 600]));
    }
    (world, all, group)
}

#[test]
fn bytes_are_canonical_and_damaged_ones_are_refused() {
    let (.., group) = with_history();
    let bytes = group.file.to_bytes();
    let again = ClassFile::from_bytes(&bytes).unwrap();
    assert_eq!(
        (again.to_bytes(), again.digest(&[5; 32])),
        (bytes.clone(), group.file.digest(&[5; 32]))
    );
    assert_eq!(ClassFile::from_bytes(&[]), Err(FileFault::Form));
    assert_eq!(ClassFile::from_bytes(&bytes[..bytes.len() - 1]), Err(FileFault::Form));
    assert_eq!(ClassFile::from_bytes(&bytes[1..]), Err(FileFault::Form));
    let head = bytes.len() - group.file.len() * 28;
    let mut swapped = bytes.clone();
    swapped[head..head + 56].rotate_left(28);
    assert_eq!(ClassFile::from_bytes(&swapped), Err(FileFault::Entry));
    // Of the first, which was wanted: a class that was never made, or none; a person that is not
    // the first, or none; missing although wanted; more days than are counted; marks: closed in a
    // class, dropped although wanted, an unknown one. Of the head: no day, more persons than
    // entries.
    let changes =
        [(16, 0xff), (16, 0), (20, 2), (20, 0), (24, 1), (26, 41), (27, 1), (27, 4), (27, 0x10)];
    let changes = changes.map(|(at, value)| (head + at, value));
    for (at, value) in changes.into_iter().chain([(head - 1, 1), (head - 7, 0xff)]) {
        let mut changed = bytes.clone();
        changed[at] = value;
        assert_eq!(ClassFile::from_bytes(&changed), Err(FileFault::Entry), "byte {at}");
    }
    let mut changed = bytes.clone();
    changed[head - 16..head - 12].fill(0);
    assert_eq!(ClassFile::from_bytes(&changed), Err(FileFault::Entry), "the day");
    let empty = ClassFile::default();
    let united = ClassFile::default().unite(ClassFile::default()).unwrap();
    for none in [&empty, &united] {
        assert_eq!(ClassFile::from_bytes(&none.to_bytes()).as_ref(), Ok(none));
    }
    assert_ne!(empty.digest(&[5; 32]), group.file.digest(&[5; 32]));
}

#[test]
fn equal_inputs_give_equal_releases() {
    let (world, all, group) = with_history();
    let list: BTreeSet<u32> = all[5..500].iter().copied().collect();
    let (_, mut sightings) = world.sightings(&list);
    let decide = |sightings: &[_], seed| {
        let before = group.file.clone();
        group.rule.release(before, 20_100, sightings, 3, &mut stream(seed)).unwrap()
    };
    let release = decide(&sightings, 1);
    // Persons may be numbered in any way.
    sightings.iter_mut().for_each(|one| one.person = u32::MAX - one.person);
    let other = decide(&sightings, 1);
    assert_eq!((release.file.to_bytes(), release.bag), (other.file.to_bytes(), other.bag));
    sightings.swap(0, 1);
    let before = group.file.clone();
    assert!(group.rule.release(before, 20_100, &sightings, 3, &mut stream(1)).is_err());
}

#[test]
fn a_united_history_tells_apart_what_either_tells_apart() {
    let mut world = World::default();
    let all = world.people(600);
    let list = |from: usize, to: usize| all[from..to].iter().copied().collect::<BTreeSet<u32>>();
    let (mut one, mut two) = (Group::new(rule(100)), Group::new(rule(100)));
    one.ask(&world, &list(0, 350), 1, 0, 1);
    two.ask(&world, &list(200, 600), 1, 0, 2);
    let mut joined = Group::new(rule(100));
    joined.file = one.file.clone().unite(two.file.clone()).unwrap();
    // Classes are numbered by their first digital ID, whoever joins whom.
    assert_eq!(joined.file, two.file.clone().unite(one.file.clone()).unwrap());
    ClassFile::from_bytes(&joined.file.to_bytes()).unwrap();
    assert_eq!(joined.file.len(), 600);
    // Classes: 0 to 200, 200 to 350, 350 to 600.
    let (ids, sightings) = world.sightings(&list(0, 350));
    let before = joined.file.clone();
    let release = joined.rule.release(before, 2, &sightings, 0, &mut stream(3)).unwrap();
    let classes: BTreeSet<u32> = release.bag.iter().map(|one| one.class).collect();
    assert_eq!((release.bag.len(), classes.len()), (350, 2));
    let second: BTreeSet<u32> = world.wanted(&list(200, 350));
    let of_second =
        release.bag.iter().filter(|one| second.contains(&ids[one.sighting])).map(|one| one.class);
    assert_eq!(of_second.collect::<BTreeSet<u32>>().len(), 1);
    // What one of them closed stays closed.
    let target = world.ids_of(all[210]);
    one.ask_departing(&world, &list(0, 350), &target, 2, 0, 4);
    let mut closed = one.file.unite(two.file).unwrap();
    assert_eq!(closed.depart(target.iter().map(|id| name(*id))).unwrap().marked, 0);
}

#[test]
fn a_united_history_keeps_absences_and_leavers_of_either() {
    let mut world = World::default();
    let all = world.people(400);
    let list: BTreeSet<u32> = all.iter().copied().collect();
    let fewer: BTreeSet<u32> = all[1..].iter().copied().collect();
    let (mut one, mut two) = (Group::new(rule(100)), Group::new(rule(100)));
    for group in [&mut one, &mut two] {
        group.rule.forget_after = 10;
        group.ask(&world, &list, 1, 0, 1);
    }
    // The first group alone saw one dropped and missing since, and another missing.
    one.ask(&world, &fewer, 2, 0, 2);
    world.away.extend(world.ids_of(all[0]).into_iter().chain(world.ids_of(all[2])));
    for day in (3..13).step_by(3) {
        one.file = one.decide(&world, &fewer, day, 0, 3).file;
    }
    let mut joined = Group::new(one.rule);
    joined.file = one.file.clone().unite(two.file.clone()).unwrap();
    assert_eq!(joined.file, two.file.clone().unite(one.file.clone()).unwrap());
    let away = world.away.clone();
    // The second group saw the missing ones on its last day: they are not forgotten yet.
    let release = joined.decide(&world, &fewer, 14, 0, 4);
    assert!(away.iter().all(|id| release.file.knows(&name(*id))));
    // The dropped one leaves with cover at once, missing as it is.
    assert_eq!(release.counts.covered, 100);
}

#[test]
fn a_departure_is_known_to_a_united_history() {
    let mut world = World::default();
    let all = world.people(400);
    let list: BTreeSet<u32> = all.iter().copied().collect();
    let mut group = Group::new(rule(100));
    group.ask(&world, &list, 1, 0, 1);
    let other = group.file.clone();
    group.file.depart(world.ids_of(all[1]).into_iter().map(name)).unwrap();
    group.file = group.file.unite(other).unwrap();
    let release = group.decide(&world, &list, 2, 0, 2);
    assert_eq!((release.counts.closed, release.counts.covered), (20, 19));
    assert!(release.ids().is_disjoint(&world.ids_of(all[1])));
}
