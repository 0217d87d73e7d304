//! The rule of a release: a class file and today's sightings in, a bag and the next class file out.

use alloc::vec::Vec;

use disclosure::noise::Noise;
use protocol::error::Bug;
use protocol::rows::RowWidth;
use protocol::seed::Stream;
use zeroize::Zeroizing;

use crate::file::{ClassFile, ClassId, Entry, Marks, UNWANTED_MAX, grow};
use crate::members::{self, Member};

/// Parameters of the rule, which a group has in its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// K: persons whom any list tells apart, at least.
    pub group_min: u32,
    /// Days that an unwanted digital ID stays with its class, at most.
    pub drop_delay: u32,
    /// Persons who leave together when one of them departs for a reason of rights.
    pub objection_cover: u32,
    /// Days without a sighting after which a digital ID is forgotten; a pause between two releases
    /// counts for a week at most.
    pub forget_after: u32,
    /// Digital IDs of a bag, at most.
    pub ids_max: u64,
    /// False where nobody on the advertiser's side is shown digital IDs: then unwanted ones leave
    /// at once and without cover, and count as never released.
    pub covered: bool,
}

/// Standing of a digital ID in today's snapshot, under the conditions of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// May be delivered.
    Live,
    /// Listed, but outside the conditions of the group; counts as missing.
    Resting,
    /// Objected to at the provider; is closed at once, outside the rule.
    Objected,
}

/// Digital ID of today's snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Sighting {
    /// Keyed name.
    pub id: ClassId,
    /// Number of the person, who owns every digital ID and identifier that the person's records
    /// share.
    pub person: u32,
    /// Standing today.
    pub standing: Standing,
    /// True if a record of the digital ID matched; says nothing unless live.
    pub wanted: bool,
}

/// Digital ID of a bag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Place of its sighting among those given.
    pub sighting: usize,
    /// Number of its class; persons of one class share what is said of their digital IDs.
    pub class: u32,
}

/// Counts of a release for the provider's operator and the auditor; never on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Persons of the bag.
    pub delivered: u64,
    /// Persons with wanted new digital IDs, who wait.
    pub held: u64,
    /// Persons whose unwanted digital IDs stay.
    pub kept: u64,
    /// Persons with a live digital ID who left as cover of others.
    pub covered: u64,
    /// Digital IDs closed.
    pub closed: u64,
}

/// Result of a release.
#[derive(Debug, Clone)]
pub struct Release {
    /// The class file after it; on disk before anything of the bag leaves.
    pub file: ClassFile,
    /// The bag, in the order of the sightings.
    pub bag: Vec<Delivered>,
    /// Counts for the operator.
    pub counts: Counts,
}

impl Rule {
    /// Decides a release to.
    ///
    /// Sightings are strictly increasing by name. They hold every digital ID of the snapshot that
    /// is wanted or that the class file knows; others are passed over. One that the class file
    /// knows and that is left out counts as in no snapshot. `hold` is the number of new persons who
    /// wait, drawn for this release alone.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the sightings are out of order.
    pub fn release(
        &self,
        before: ClassFile,
        today: u32,
        sightings: &[Sighting],
        hold: u64,
        choices: &mut Stream,
    ) -> Result<Release, Bug> {
        if !sightings.is_sorted_by(|one, next| one.id < next.id) {
            return Err(Bug::misuse());
        }
        let today = today.max(1);
        let delivered_before = before.persons_delivered;
        let mut decision = Decision {
            rule: self,
            today,
            // A clock that goes back makes nothing older, and one that jumped holds nothing up.
            days: if before.last_day == 0 { 0 } else { today - today.min(before.last_day) },
            items: gather(before.entries, sightings),
            next_class: before.next_class.max(1),
            counts: Counts::default(),
        };
        decision.number_persons()?;
        decision.judge_classes(choices)?;
        let room = decision.fit_into_bag()?;
        decision.admit_newcomers(delivered_before, hold, room, choices)?;
        decision.finish()
    }

    fn group_min(&self) -> Result<usize, Bug> {
        usize::try_from(self.group_min).map_err(|_| Bug::invariant())
    }

    /// Number g of new persons who wait, from uniform bytes: the noise of one identifier at the
    /// epsilon of the session, or that of 0.25 where its noise is off; `None` for another epsilon.
    #[must_use]
    pub fn hold(epsilon_milli: u32, bytes: &Zeroizing<[u8; 16]>) -> Option<u64> {
        let epsilon_milli = if epsilon_milli == 0 { EPSILON_DEFAULT } else { epsilon_milli };
        let (noise, width) = (Noise::of(epsilon_milli, 1)?, RowWidth::new(1)?);
        Some(noise.draw(width, |_| bytes.clone()).rows_with(1))
    }

    /// Persons a new class has, at least.
    fn batch_min(&self, delivered_before: u64) -> u64 {
        let group_min = u64::from(self.group_min);
        (delivered_before / 5).clamp(group_min, 10 * group_min)
    }
}

/// A digital ID in the course of a decision.
struct Item {
    id: ClassId,
    /// State before; `None` if never released.
    before: Option<Entry>,
    /// Place of its sighting; `None` if the snapshot does not list it.
    sighting: Option<usize>,
    /// Person, as the caller counts at first, then from 1: those of live digital IDs by their first
    /// appearance, then others. 0 if nobody counts it.
    person: u32,
    standing: Option<Standing>,
    wanted: bool,
    /// Live and unwanted today, or when it was last live.
    unwanted: bool,
    /// Class after; 0 if it has none.
    class: u32,
    closed: bool,
    delivered: bool,
}

impl Item {
    fn is_live(&self) -> bool {
        self.standing == Some(Standing::Live)
    }

    fn had(&self, mark: Marks) -> bool {
        self.before.is_some_and(|entry| entry.marks.has(mark))
    }

    /// Count of days since the first release that did not want it, after `days` more.
    fn unwanted_for(&self, days: u32) -> u32 {
        let before = self.before.map_or(0, |entry| u32::from(entry.unwanted));
        match (self.wanted, before) {
            (true, _) => 0,
            (false, 0) => 1,
            (false, before) => {
                let most = u32::from(UNWANTED_MAX);
                (before + days.min(most)).min(most)
            }
        }
    }
}

/// Merges entries with sightings, both sorted.
fn gather(entries: Vec<Entry>, sightings: &[Sighting]) -> Vec<Item> {
    let mut items = Vec::with_capacity(entries.len());
    let mut seen = sightings.iter().enumerate().peekable();
    let item = |before: Option<Entry>, sighting: Option<(usize, &Sighting)>, id| Item {
        id,
        before,
        sighting: sighting.map(|(at, _)| at),
        person: sighting
            .filter(|(_, sighting)| sighting.standing == Standing::Live)
            .map_or(0, |(_, sighting)| sighting.person),
        standing: sighting.map(|(_, sighting)| sighting.standing),
        wanted: sighting
            .is_some_and(|(_, sighting)| sighting.wanted && sighting.standing == Standing::Live),
        unwanted: match sighting {
            Some((_, sighting)) if sighting.standing == Standing::Live => !sighting.wanted,
            _ => before.is_some_and(|before| before.marks.has(Marks::DROPPED)),
        },
        class: before.map_or(0, |entry| entry.class),
        closed: before.is_some_and(|entry| entry.marks.has(Marks::CLOSED)),
        delivered: false,
    };
    let fresh = |(at, sighting): (usize, &Sighting)| {
        let wanted = sighting.wanted && sighting.standing == Standing::Live;
        wanted.then(|| item(None, Some((at, sighting)), sighting.id))
    };
    for entry in entries {
        while let Some(one) = seen.next_if(|(_, sighting)| sighting.id < entry.id) {
            items.extend(fresh(one));
        }
        let own = seen.next_if(|(_, sighting)| sighting.id == entry.id);
        items.push(item(Some(entry), own, entry.id));
    }
    items.extend(seen.filter_map(fresh));
    items
}

/// A release on its way.
struct Decision<'a> {
    rule: &'a Rule,
    today: u32,
    /// Days since the last release.
    days: u32,
    /// Strictly increasing by name.
    items: Vec<Item>,
    next_class: u32,
    counts: Counts,
}

/// Fate of the rest of a class, once its departures have left.
enum Fate {
    /// Released by the bag.
    Delivered,
    /// Not in the bag; the class stays whole.
    LeftOut,
    /// Divided: the members leave, the rest is in the bag.
    Divided { leaving: Vec<usize> },
    /// Released: the members count as never released; the rest is in the bag if it is large enough.
    Released { fresh: Vec<usize>, delivered: bool },
}

impl Decision<'_> {
    /// Numbers the persons of live digital IDs by their first appearance, from 1; then those whose
    /// digital IDs are all missing. One that is missing belongs to whom it belonged with when it
    /// was last live.
    fn number_persons(&mut self) -> Result<(), Bug> {
        let mut order: Vec<(u32, usize)> = Vec::new();
        for (at, item) in self.items.iter().enumerate().filter(|(_, item)| item.is_live()) {
            order.push((item.person, at));
        }
        order.sort_unstable();
        let mut firsts: Vec<(usize, u32)> = order
            .chunk_by(|one, next| one.0 == next.0)
            .filter_map(|own| own.first().map(|(person, at)| (*at, *person)))
            .collect();
        firsts.sort_unstable();
        let mut last = u32::try_from(firsts.len()).map_err(|_| Bug::invariant())?;
        let mut numbers: Vec<(u32, u32)> =
            (1_u32..).zip(firsts).map(|(number, (_, person))| (person, number)).collect();
        numbers.sort_unstable();
        let mut numbers = numbers.into_iter().peekable();
        for (person, at) in order {
            while numbers.next_if(|(one, _)| *one < person).is_some() {}
            let (_, number) = numbers.peek().ok_or(Bug::invariant())?;
            self.items.get_mut(at).ok_or(Bug::invariant())?.person = *number;
        }
        // Person today of each person of the last release.
        let known = |item: &Item| item.before.map(|before| before.person).filter(|was| *was > 0);
        let most = self.items.iter().filter_map(known).fold(0, u32::max);
        let mut today =
            alloc::vec![0_u32; usize::try_from(most).map_err(|_| Bug::invariant())? + 1];
        for live in [true, false] {
            for item in self.items.iter_mut().filter(|item| item.is_live() == live) {
                let Some(was) = known(item).and_then(|was| usize::try_from(was).ok()) else {
                    continue;
                };
                let number = today.get_mut(was).ok_or(Bug::invariant())?;
                if *number == 0 && !live {
                    last = last.checked_add(1).ok_or(Bug::invariant())?;
                }
                match (*number, live) {
                    (0, true) => *number = item.person,
                    (0, false) => *number = last,
                    _ => {}
                }
                if !live {
                    item.person = *number;
                }
            }
        }
        Ok(())
    }

    /// Judges one class after the other, by number.
    fn judge_classes(&mut self, choices: &mut Stream) -> Result<(), Bug> {
        let mut places: Vec<(u32, usize)> = Vec::new();
        for (at, item) in self.items.iter_mut().enumerate() {
            if item.class != 0 && item.standing == Some(Standing::Objected) {
                close(item, &mut self.counts)?;
            }
            if item.class != 0 {
                places.push((item.class, at));
            }
        }
        places.sort_unstable();
        for class in places.chunk_by(|one, next| one.0 == next.0) {
            let mut members = Vec::new();
            for (_, at) in class {
                let item = self.items.get(*at).ok_or(Bug::invariant())?;
                members.push(Member {
                    person: item.person,
                    at: *at,
                    live: item.is_live(),
                    wanted: item.wanted,
                    unwanted: item.unwanted,
                    departing: item.had(Marks::DEPARTING),
                });
            }
            members::sort(&mut members);
            self.depart(&mut members, choices)?;
            let fate = self.fate(&members, choices)?;
            self.carry_out(fate, &members)?;
        }
        Ok(())
    }

    /// Lets departures leave a class with their cover; what left is closed.
    fn depart(&mut self, members: &mut Vec<Member>, choices: &mut Stream) -> Result<(), Bug> {
        if !members.iter().any(|one| one.departing) {
            return Ok(());
        }
        let places = if self.rule.covered {
            let cover = usize::try_from(self.rule.objection_cover).map_err(|_| Bug::invariant())?;
            let leaving = members::leave_with_cover(members, cover, |one| one.departing, choices)?;
            grow(&mut self.counts.covered, leaving.covering)?;
            leaving.places
        } else {
            members.iter().filter(|one| one.departing).map(|one| one.at).collect()
        };
        for at in places {
            close(self.items.get_mut(at).ok_or(Bug::invariant())?, &mut self.counts)?;
        }
        members.retain(|one| self.items.get(one.at).is_some_and(|item| !item.closed));
        Ok(())
    }

    /// Decides the fate of a class to, [R-15].
    fn fate(&mut self, members: &[Member], choices: &mut Stream) -> Result<Fate, Bug> {
        let least = self.rule.group_min()?;
        let wanted = members::persons(members, |one| one.wanted);
        if !self.rule.covered {
            let fresh = members.iter().filter(|one| one.live && one.unwanted).map(|one| one.at);
            return Ok(Fate::Released { fresh: fresh.collect(), delivered: wanted >= least });
        }
        if wanted < least {
            // A list that wants so few says nothing of the others.
            for one in members.iter().filter(|one| one.live && one.unwanted) {
                let item = self.items.get_mut(one.at).ok_or(Bug::invariant())?;
                item.unwanted = item.had(Marks::DROPPED);
            }
            return Ok(Fate::LeftOut);
        }
        if !members.iter().any(|one| one.unwanted) {
            return Ok(Fate::Delivered);
        }
        if members::persons(members, |one| one.live && one.unwanted) >= least {
            let leaving: Vec<usize> =
                members.iter().filter(|one| one.unwanted).map(|one| one.at).collect();
            // Enough of them left to be no cover for one another: they come back as any class.
            for at in &leaving {
                self.items.get_mut(*at).ok_or(Bug::invariant())?.unwanted = false;
            }
            return Ok(Fate::Divided { leaving });
        }
        if self.may_stay(members) {
            return Ok(Fate::Delivered);
        }
        let live = members::persons(members, |one| one.live);
        let leaving = members::leave_with_cover(members, least, |one| one.unwanted, choices)?;
        if live < least + leaving.live {
            return Ok(Fate::LeftOut);
        }
        grow(&mut self.counts.covered, leaving.covering)?;
        Ok(Fate::Divided { leaving: leaving.places })
    }

    /// True if unwanted members stay with their class: the last release delivered it, and none is
    /// unwanted for too long.
    fn may_stay(&self, members: &[Member]) -> bool {
        let items = || members.iter().filter_map(|one| self.items.get(one.at));
        items().any(|item| item.had(Marks::DELIVERED))
            && items()
                .filter(|item| item.unwanted)
                .all(|item| item.unwanted_for(self.days) <= self.rule.drop_delay)
    }

    fn carry_out(&mut self, fate: Fate, members: &[Member]) -> Result<(), Bug> {
        let (leaving, delivered, class) = match fate {
            Fate::LeftOut => return Ok(()),
            Fate::Delivered => (Vec::new(), true, 0),
            Fate::Released { fresh, delivered } => (fresh, delivered, 0),
            Fate::Divided { leaving } => (leaving, true, self.new_class()?),
        };
        for at in leaving {
            self.items.get_mut(at).ok_or(Bug::invariant())?.class = class;
        }
        for one in members.iter().filter(|one| one.live && delivered) {
            let item = self.items.get_mut(one.at).ok_or(Bug::invariant())?;
            item.delivered = item.before.is_some_and(|before| before.class == item.class);
        }
        Ok(())
    }

    fn new_class(&mut self) -> Result<u32, Bug> {
        let class = self.next_class;
        self.next_class = class.checked_add(1).ok_or(Bug::invariant())?;
        Ok(class)
    }

    /// Leaves out whole classes, the newest first, until the bag holds no more than it may; digital
    /// IDs for which there is room then.
    fn fit_into_bag(&mut self) -> Result<u64, Bug> {
        let mut classes: Vec<u32> =
            self.items.iter().filter(|item| item.delivered).map(|item| item.class).collect();
        classes.sort_unstable();
        let (mut ids, mut last) = (0_u64, 0);
        for class in classes.chunk_by(|one, next| one == next) {
            let mut with = ids;
            grow(&mut with, class.len())?;
            if with > self.rule.ids_max {
                break;
            }
            ids = with;
            last = class.first().copied().ok_or(Bug::invariant())?;
        }
        self.items.iter_mut().filter(|item| item.class > last).for_each(|item| {
            item.delivered = false;
        });
        self.rule.ids_max.checked_sub(ids).ok_or(Bug::invariant())
    }

    /// Makes a class of new persons, if they are enough; a random `hold` of them wait.
    fn admit_newcomers(
        &mut self,
        delivered_before: u64,
        hold: u64,
        room: u64,
        choices: &mut Stream,
    ) -> Result<(), Bug> {
        let mut fresh: Vec<Member> = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            if item.before.is_none() {
                let (unwanted, departing) = (false, false);
                let (live, wanted) = (true, true);
                fresh.push(Member { person: item.person, at, live, wanted, unwanted, departing });
            }
        }
        members::sort(&mut fresh);
        let persons = members::persons(&fresh, |_| true);
        let hold = usize::try_from(hold).map_err(|_| Bug::misuse())?;
        let joining = u64::try_from(persons - persons.min(hold)).map_err(|_| Bug::invariant())?;
        grow(&mut self.counts.held, persons)?;
        if joining < self.rule.batch_min(delivered_before) {
            return Ok(());
        }
        let wait = members::select(persons, hold, choices)?;
        let joining = members::by_person(&fresh).zip(wait).filter(|(_, wait)| !*wait);
        let places: Vec<usize> =
            joining.flat_map(|(own, _)| own.iter().map(|one| one.at)).collect();
        if u64::try_from(places.len()).map_err(|_| Bug::invariant())? > room {
            return Ok(());
        }
        self.counts.held = u64::try_from(hold).map_err(|_| Bug::invariant())?;
        let class = self.new_class()?;
        for at in places {
            let item = self.items.get_mut(at).ok_or(Bug::invariant())?;
            (item.class, item.delivered) = (class, true);
        }
        Ok(())
    }

    /// Writes the next class file.
    fn finish(mut self) -> Result<Release, Bug> {
        let lasting = self.lasting_classes();
        let size = self.items.iter().map(|item| item.person).fold(0, u32::max);
        let size = usize::try_from(size).map_err(|_| Bug::invariant())? + 1;
        // Number in the file of each person; if it is in the bag, and with an unwanted digital ID.
        let mut persons = alloc::vec![(0_u32, false, false); size];
        let (mut last, mut bag, mut entries) = (0_u32, Vec::new(), Vec::new());
        for item in &self.items {
            let Some(mut entry) = self.entry(item, &lasting)? else { continue };
            if !item.closed {
                let person = usize::try_from(item.person).map_err(|_| Bug::invariant())?;
                let person = persons.get_mut(person).ok_or(Bug::invariant())?;
                if person.0 == 0 {
                    last = last.checked_add(1).ok_or(Bug::invariant())?;
                    person.0 = last;
                }
                entry.person = person.0;
                person.1 |= item.delivered;
                person.2 |= item.delivered && !item.wanted;
            }
            entries.push(entry);
            if item.delivered {
                let sighting = item.sighting.ok_or(Bug::invariant())?;
                bag.push(Delivered { sighting, class: item.class });
            }
        }
        grow(&mut self.counts.delivered, persons.iter().filter(|person| person.1).count())?;
        grow(&mut self.counts.kept, persons.iter().filter(|person| person.2).count())?;
        let file = ClassFile {
            last_day: self.today,
            next_class: self.next_class,
            persons_delivered: self.counts.delivered,
            entries,
        };
        Ok(Release { file, bag, counts: self.counts })
    }

    /// Classes with a digital ID that is not to be forgotten, sorted.
    fn lasting_classes(&self) -> Vec<u32> {
        let lasts = |item: &&Item| item.class != 0 && !self.may_forget(self.absent(item));
        let mut lasting: Vec<u32> =
            self.items.iter().filter(lasts).map(|item| item.class).collect();
        lasting.sort_unstable();
        lasting.dedup();
        lasting
    }

    /// Count of days for which no snapshot of a release listed a digital ID.
    fn absent(&self, item: &Item) -> u32 {
        match item.before.map(|before| u32::from(before.absent)) {
            Some(0) if item.standing.is_none() => 1,
            // Snapshots between releases are not seen here, so that a pause counts for little.
            Some(before) if item.standing.is_none() => {
                (before + self.days.min(PAUSE_DAYS)).min(u32::from(u16::MAX))
            }
            _ => 0,
        }
    }

    fn may_forget(&self, absent: u32) -> bool {
        absent > 0 && absent - 1 > self.rule.forget_after
    }

    /// The entry of a digital ID after the release, its person aside; `None` if it has none.
    fn entry(&self, item: &Item, lasting: &[u32]) -> Result<Option<Entry>, Bug> {
        if item.closed {
            return Ok(Some(Entry::closed(item.id)));
        }
        if item.class == 0 {
            return Ok(None);
        }
        let absent = self.absent(item);
        // While others of a class last, its unwanted ones do: without them it would come back.
        let lasts = item.unwanted && lasting.binary_search(&item.class).is_ok();
        if self.may_forget(absent) && !lasts {
            return Ok(None);
        }
        let marks =
            Marks::NONE.set(Marks::DELIVERED, item.delivered).set(Marks::DROPPED, item.unwanted);
        let unwanted = u8::try_from(item.unwanted_for(self.days)).map_err(|_| Bug::invariant())?;
        let absent = u16::try_from(absent).map_err(|_| Bug::invariant())?;
        Ok(Some(Entry { id: item.id, class: item.class, person: 0, absent, unwanted, marks }))
    }
}

/// Closes a digital ID for good.
fn close(item: &mut Item, counts: &mut Counts) -> Result<(), Bug> {
    if !item.closed {
        item.closed = true;
        grow(&mut counts.closed, 1)?;
    }
    (item.class, item.delivered) = (0, false);
    Ok(())
}

/// Epsilon by which newcomers wait where counts have no noise, in thousandths.
const EPSILON_DEFAULT: u32 = 250;
/// Most days of a pause between two releases that count as absence.
const PAUSE_DAYS: u32 = 7;
