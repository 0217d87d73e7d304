//! A small graph that lives, a group that asks it, and an observer who has every bag.
#![allow(dead_code, reason = "every test program uses a part")]

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;

use classes::{ClassFile, ClassId, Counts, Delivered, Rule, Sighting, Standing};
use protocol::seed::{KeySeed, Stream};

/// SplitMix64.
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(crate) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.below(from.len() as u64) as usize])
    }
}

fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// First seed of a test: `VEILMATCH_TEST_SEED`, or a new one.
pub(crate) fn first_seed() -> u64 {
    given_seed().unwrap_or_else(|| RandomState::new().hash_one(0))
}

/// Seed in `VEILMATCH_TEST_SEED`.
pub(crate) fn given_seed() -> Option<u64> {
    std::env::var("VEILMATCH_TEST_SEED").ok().and_then(|seed| seed.parse().ok())
}

/// Draws of one release.
pub(crate) fn stream(seed: u64) -> Stream {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    KeySeed::from_bytes(bytes)
        .key_derivation(&[1; 16], &[2; 32], &[3; 32])
        .release_choices(&[4; 32])
}

/// Two-sided geometric of parameter exp(-epsilon), clamped to `mu` and shifted by it.
pub(crate) fn hold(dice: &mut Dice, epsilon: f64, mu: u64) -> u64 {
    let mut side = || {
        let unit = (dice.below(1 << 53) as f64 + 0.5) / (1_u64 << 53) as f64;
        (unit.ln() / -epsilon).floor() as i64
    };
    let drawn = side() - side();
    (drawn.clamp(-(mu as i64), mu as i64) + mu as i64) as u64
}

pub(crate) type Id = u32;
pub(crate) type Record = u32;
pub(crate) type Identifier = u32;

/// Keyed name of a digital ID of the world; not in the order of their numbers.
pub(crate) fn name(id: Id) -> ClassId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&mix(u64::from(id) + 1).to_be_bytes());
    bytes[8..12].copy_from_slice(&id.to_be_bytes());
    ClassId(bytes)
}

#[derive(Default, Clone)]
pub(crate) struct World {
    pub(crate) records: BTreeMap<Record, (BTreeSet<Id>, BTreeSet<Identifier>)>,
    /// Digital IDs that records still hold but no snapshot lists.
    pub(crate) away: BTreeSet<Id>,
    /// Digital IDs that today's snapshot does not list; others tomorrow.
    pub(crate) flapping: BTreeSet<Id>,
    /// Digital IDs outside the conditions of the group.
    pub(crate) resting: BTreeSet<Id>,
    pub(crate) objected: BTreeSet<Id>,
    pub(crate) next: u32,
}

impl World {
    pub(crate) fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// A record with `ids` digital IDs and one identifier, which is returned.
    pub(crate) fn add(&mut self, ids: usize) -> (Record, Identifier) {
        let (record, identifier) = (self.fresh(), self.fresh());
        let ids = (0..ids).map(|_| self.fresh()).collect();
        self.records.insert(record, (ids, [identifier].into()));
        (record, identifier)
    }

    pub(crate) fn people(&mut self, count: usize) -> Vec<Identifier> {
        (0..count).map(|_| self.add(1).1).collect()
    }

    pub(crate) fn ids_of(&self, identifier: Identifier) -> BTreeSet<Id> {
        let holders = self.records.values().filter(|(_, own)| own.contains(&identifier));
        holders.flat_map(|(ids, _)| ids).copied().collect()
    }

    fn is_listed(&self, id: Id) -> bool {
        !self.away.contains(&id) && !self.flapping.contains(&id)
    }

    fn is_live(&self, id: Id) -> bool {
        self.is_listed(id) && !self.resting.contains(&id) && !self.objected.contains(&id)
    }

    pub(crate) fn ids(&self) -> BTreeSet<Id> {
        self.records.values().flat_map(|(ids, _)| ids).copied().collect()
    }

    /// Lists other digital IDs than yesterday: each is missing with probability `share` of 1,000.
    pub(crate) fn flap(&mut self, share: u64, dice: &mut Dice) {
        let ids = if share == 0 { BTreeSet::new() } else { self.ids() };
        self.flapping = ids.into_iter().filter(|_| dice.below(1_000) < share).collect();
    }

    /// Person of each live digital ID: records joined by live digital IDs and identifiers.
    pub(crate) fn persons(&self) -> BTreeMap<Id, u32> {
        let mut parent: BTreeMap<Record, Record> =
            self.records.keys().map(|record| (*record, *record)).collect();
        fn root(parent: &mut BTreeMap<Record, Record>, record: Record) -> Record {
            let up = parent[&record];
            if up == record {
                return record;
            }
            let top = root(parent, up);
            parent.insert(record, top);
            top
        }
        let mut holders = BTreeMap::<(bool, u32), Record>::new();
        for (record, (ids, identifiers)) in &self.records {
            let live = ids.iter().filter(|id| self.is_live(**id)).map(|id| (true, *id));
            for shared in live.chain(identifiers.iter().map(|one| (false, *one))) {
                let holder = *holders.entry(shared).or_insert(*record);
                let (a, b) = (root(&mut parent, holder), root(&mut parent, *record));
                parent.insert(a.max(b), a.min(b));
            }
        }
        let live = holders.into_iter().filter(|((is_id, _), _)| *is_id);
        live.map(|((_, id), record)| (id, root(&mut parent, record))).collect()
    }

    pub(crate) fn wanted(&self, list: &BTreeSet<Identifier>) -> BTreeSet<Id> {
        let matched = self.records.values().filter(|(_, own)| !own.is_disjoint(list));
        matched.flat_map(|(ids, _)| ids).copied().filter(|id| self.is_live(*id)).collect()
    }

    pub(crate) fn sightings(&self, list: &BTreeSet<Identifier>) -> (Vec<Id>, Vec<Sighting>) {
        let (persons, wanted) = (self.persons(), self.wanted(list));
        let listed = self.ids().into_iter().filter(|id| self.is_listed(*id));
        let mut seen: Vec<(Id, Sighting)> = listed
            .map(|id| {
                let standing = match (self.objected.contains(&id), self.resting.contains(&id)) {
                    (true, _) => Standing::Objected,
                    (false, true) => Standing::Resting,
                    (false, false) => Standing::Live,
                };
                let person = persons.get(&id).copied().unwrap_or_default();
                let wanted = wanted.contains(&id);
                (id, Sighting { id: name(id), person, standing, wanted })
            })
            .collect();
        seen.sort_by_key(|(_, sighting)| sighting.id);
        seen.into_iter().unzip()
    }
}

pub(crate) fn rule(group_min: u32) -> Rule {
    Rule {
        group_min,
        drop_delay: 14,
        objection_cover: (group_min / 5).max(2),
        forget_after: 1_000,
        ids_max: 1_000_000,
        covered: true,
    }
}

pub(crate) type Bag = BTreeSet<Id>;

/// The class file of a group, and the observer who pools what its members get.
pub(crate) struct Group {
    pub(crate) rule: Rule,
    pub(crate) file: ClassFile,
    pub(crate) counts: Counts,
    pub(crate) watch: Observer,
}

impl Group {
    pub(crate) fn new(rule: Rule) -> Self {
        Self {
            rule,
            file: ClassFile::default(),
            counts: Counts::default(),
            watch: Observer::default(),
        }
    }

    pub(crate) fn ask(
        &mut self,
        world: &World,
        list: &BTreeSet<Identifier>,
        day: u32,
        hold: u64,
        seed: u64,
    ) -> Bag {
        self.ask_departing(world, list, &BTreeSet::new(), day, hold, seed)
    }

    pub(crate) fn ask_departing(
        &mut self,
        world: &World,
        list: &BTreeSet<Identifier>,
        departing: &BTreeSet<Id>,
        day: u32,
        hold: u64,
        seed: u64,
    ) -> Bag {
        let known = departing.iter().filter(|id| self.file.knows(&name(**id))).copied();
        let known: BTreeSet<Id> = known.collect();
        self.file.depart(departing.iter().map(|id| name(*id))).unwrap();
        let release = self.decide(world, list, day, hold, seed);
        let bag = release.ids();
        self.watch.see(&self.rule, world, list, &known, day, &bag, &release.file);
        (self.file, self.counts) = (release.file, release.counts);
        bag
    }

    /// A release that changes nothing here and that nobody watches.
    pub(crate) fn decide(
        &self,
        world: &World,
        list: &BTreeSet<Identifier>,
        day: u32,
        hold: u64,
        seed: u64,
    ) -> Decided {
        let (ids, sightings) = world.sightings(list);
        let before = ClassFile::from_bytes(&self.file.to_bytes()).unwrap();
        assert_eq!(before, self.file);
        let release = self.rule.release(before, day, &sightings, hold, &mut stream(seed)).unwrap();
        let bag: Bag = release.bag.iter().map(|one| ids[one.sighting]).collect();
        assert_eq!(bag.len(), release.bag.len());
        Decided { file: release.file, bag: release.bag, counts: release.counts, ids }
    }
}

pub(crate) struct Decided {
    pub(crate) file: ClassFile,
    pub(crate) bag: Vec<Delivered>,
    pub(crate) counts: Counts,
    ids: Vec<Id>,
}

impl Decided {
    pub(crate) fn ids(&self) -> Bag {
        self.bag.iter().map(|one| self.ids[one.sighting]).collect()
    }

    pub(crate) fn classes(&self) -> impl Iterator<Item = (Id, u32)> {
        self.bag.iter().map(|one| (self.ids[one.sighting], one.class))
    }
}

/// Digital IDs that a class file holds, by name, and whether each is closed.
pub(crate) fn entries(file: &ClassFile) -> BTreeMap<[u8; 16], bool> {
    let bytes = file.to_bytes();
    let entries = bytes[bytes.len() - 28 * file.len()..].chunks(28);
    entries.map(|entry| (entry[..16].try_into().unwrap(), entry[27] & 1 != 0)).collect()
}

/// A set of small numbers.
#[derive(Clone, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
    }

    /// Takes the others out; true if there were any.
    fn remove(&mut self, others: &Self) -> bool {
        let mut any = false;
        for (own, other) in self.0.iter_mut().zip(&others.0) {
            any |= *own & other != 0;
            *own &= !other;
        }
        any
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                (word != 0).then(|| {
                    word &= word - 1;
                    at * 64 + bit
                })
            })
        })
    }
}

/// Observer of every bag, with the truth about the graph beside it; knows nothing of classes.
///
/// Every digital ID that the observer could meet has a number. A digital ID that was in no snapshot
/// for the window, and that the class file has forgotten, gets another number when it is back.
#[derive(Default)]
pub(crate) struct Observer {
    number: BTreeMap<Id, usize>,
    count: usize,
    /// Digital IDs that no bag told apart from each one while both were live, by its number.
    alike: Vec<Bits>,
    /// Digital IDs that some bag held.
    ever: Bits,
    /// Person of each digital ID at each release, 0 unless live.
    persons: Vec<Vec<u32>>,
    /// Day on which a snapshot listed it last.
    listed: BTreeMap<Id, u32>,
    unwanted_since: BTreeMap<Id, u32>,
    last_bag: Bag,
    last_live: BTreeSet<Id>,
    departed: BTreeSet<Id>,
    objected: BTreeSet<Id>,
    /// Histories that were two may have small parts: only what is delivered is judged.
    pub(crate) united: bool,
    pub(crate) splits: u64,
    pub(crate) switches: u64,
}

impl Observer {
    #[expect(clippy::too_many_arguments, reason = "it knows everything")]
    pub(crate) fn see(
        &mut self,
        rule: &Rule,
        world: &World,
        list: &BTreeSet<Identifier>,
        departing: &BTreeSet<Id>,
        day: u32,
        bag: &Bag,
        file: &ClassFile,
    ) {
        let (persons, wanted, entries) = (world.persons(), world.wanted(list), entries(file));
        self.departed.extend(departing);
        self.objected.extend(&world.objected);
        assert!(bag.is_disjoint(&self.departed), "who departed is delivered");
        let objected =
            |id: &&Id| self.objected.contains(*id) && entries.contains_key(&name(**id).0);
        assert!(!bag.iter().any(|id| objected(&id)), "who objected is delivered");
        self.judge_wishes(rule, &persons, &wanted, day, bag);
        self.number(world, day);
        let (mut within, mut without, mut today) =
            (Bits::default(), Bits::default(), vec![0; self.count]);
        let mut fresh = Vec::new();
        for (id, person) in &persons {
            let at = self.number[id];
            today[at] = *person;
            if bag.contains(id) {
                within.set(at);
                if !self.ever.has(at) {
                    fresh.push(at);
                }
            } else {
                without.set(at);
            }
        }
        fresh.iter().for_each(|at| self.ever.set(*at));
        let mut changed = Bits::default();
        fresh.into_iter().for_each(|at| changed.set(at));
        for at in within.iter() {
            if self.alike[at].remove(&without) {
                changed.set(at);
            }
        }
        for at in without.iter() {
            if self.alike[at].remove(&within) && self.ever.has(at) {
                changed.set(at);
            }
        }
        self.splits += u64::from(changed.iter().any(|at| without.has(at)));
        self.switches += u64::from(bag.is_empty() != self.last_bag.is_empty());
        self.persons.push(today);
        let closed = |id: &Id| entries.get(&name(*id).0).copied();
        for (id, at) in self.number.clone() {
            let now = self.persons.len() - 1;
            if within.has(at) {
                let alike = self.count_alike(at, now);
                assert!(alike >= rule.group_min as usize, "{alike} persons like one delivered");
            } else if changed.has(at) && !self.united {
                let least = match closed(&id) {
                    _ if self.objected.contains(&id) => 1,
                    Some(true) => rule.objection_cover,
                    _ => rule.group_min,
                };
                let most = || (0..=now).rev().map(|then| self.count_alike(at, then));
                assert!(
                    most().any(|alike| alike >= least as usize),
                    "{:?} persons like one left out, not {least}",
                    most().max()
                );
            }
            if self.ever.has(at) && closed(&id).is_none() {
                let missing = day - self.listed.get(&id).copied().unwrap_or_default();
                assert!(missing > rule.forget_after, "forgotten after {missing} days");
                self.number.remove(&id);
            }
        }
        (self.last_bag, self.last_live) = (bag.clone(), persons.into_keys().collect());
    }

    /// Takes a bag of a group that is not one with others yet, and judges nothing.
    pub(crate) fn pool(&mut self, world: &World, day: u32, bag: &Bag) {
        self.number(world, day);
        let (mut within, mut without) = (Bits::default(), Bits::default());
        for id in world.persons().keys() {
            let part = if bag.contains(id) { &mut within } else { &mut without };
            part.set(self.number[id]);
        }
        for at in within.iter() {
            self.ever.set(at);
            self.alike[at].remove(&without);
        }
        without.iter().for_each(|at| {
            self.alike[at].remove(&within);
        });
    }

    /// Forgets what lists wanted of two groups that become one.
    pub(crate) fn forget_wishes(&mut self) {
        self.unwanted_since.clear();
        self.last_live.clear();
    }

    fn judge_wishes(
        &mut self,
        rule: &Rule,
        persons: &BTreeMap<Id, u32>,
        wanted: &BTreeSet<Id>,
        day: u32,
        bag: &Bag,
    ) {
        assert!(bag.iter().all(|id| persons.contains_key(id)), "a missing digital ID is delivered");
        for id in self.number.keys() {
            if wanted.contains(id) {
                self.unwanted_since.remove(id);
            } else {
                self.unwanted_since.entry(*id).or_insert(day);
            }
        }
        for id in bag.difference(wanted) {
            let returns = !self.last_live.contains(id);
            assert!(self.last_bag.contains(id) || returns, "unwanted, and delivered anew");
            let since = self.unwanted_since.get(id).copied().unwrap_or(day);
            assert!(day - since < rule.drop_delay, "unwanted since {since}, delivered on {day}");
        }
        let is_new = |id: &&Id| !self.number.get(*id).is_some_and(|at| self.ever.has(*at));
        let fresh: BTreeSet<Id> = bag.iter().filter(is_new).copied().collect();
        let joining: BTreeSet<u32> = fresh.iter().map(|id| persons[id]).collect();
        assert!(fresh.is_subset(wanted), "a new digital ID is delivered unwanted");
        assert!(fresh.is_empty() || joining.len() >= rule.group_min as usize);
    }

    /// Numbers what is new in the snapshot: nothing has told it from what was out whenever it was
    /// live.
    fn number(&mut self, world: &World, day: u32) {
        for id in world.ids() {
            if world.is_listed(id) {
                self.listed.insert(id, day);
            }
            if self.number.contains_key(&id) {
                continue;
            }
            let at = self.count;
            self.count += 1;
            self.number.insert(id, at);
            for other in &mut self.alike {
                other.set(at);
            }
            let mut all = Bits::default();
            (0..=at).for_each(|one| all.set(one));
            self.alike.push(all);
        }
    }

    /// Persons with a digital ID that was live in a release and that is, up to now, like another.
    fn count_alike(&self, at: usize, then: usize) -> usize {
        let persons = &self.persons[then];
        let alike = self.alike[at].iter().filter(|one| self.ever.has(*one));
        let mut persons: Vec<u32> =
            alike.filter_map(|one| persons.get(one)).copied().filter(|one| *one > 0).collect();
        persons.sort_unstable();
        persons.dedup();
        persons.len()
    }
}
