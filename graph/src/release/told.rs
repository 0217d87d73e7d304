//! Attributes that may be told of the digital IDs of a bag: values that at least K persons of a
//! class have in common.

use std::collections::{BTreeMap, BTreeSet};

/// Attributes of one digital ID, by their codes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attributes {
    pub(crate) device_class: u8,
    pub(crate) age_bucket: u8,
    pub(crate) days_valid: u16,
}

/// Attributes of the bag of one release, as they are gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    classes: BTreeMap<u32, Class>,
}

/// Persons of a class by the values that their digital IDs have.
#[derive(Debug, Default)]
struct Class {
    devices: BTreeMap<u8, BTreeSet<u32>>,
    ages: BTreeMap<u8, BTreeSet<u32>>,
    days: BTreeMap<u16, BTreeSet<u32>>,
}

/// Values that may be told, class by class.
#[derive(Debug, Default)]
pub(crate) struct Told {
    classes: BTreeMap<u32, ToldOfClass>,
}

#[derive(Debug, Default)]
struct ToldOfClass {
    devices: BTreeSet<u8>,
    ages: BTreeSet<u8>,
    /// Days that are told in place of days.
    days: BTreeMap<u16, u16>,
}

impl Gathered {
    /// Notes the attributes of a digital ID.
    pub(crate) fn add(&mut self, class: u32, person: u32, attributes: Attributes) {
        let class = self.classes.entry(class).or_default();
        class.devices.entry(attributes.device_class).or_default().insert(person);
        class.ages.entry(attributes.age_bucket).or_default().insert(person);
        class.days.entry(attributes.days_valid).or_default().insert(person);
    }

    /// The values that may be told where a value has to have `least` persons.
    pub(crate) fn told(self, least: usize) -> Told {
        let told = |(number, class): (u32, Class)| {
            let devices = kept(&class.devices, DEVICE_UNKNOWN, least);
            let ages = kept(&class.ages, AGE_UNKNOWN, least);
            (number, ToldOfClass { devices, ages, days: coarse(&class.days, least) })
        };
        Told { classes: self.classes.into_iter().map(told).collect() }
    }
}

impl Told {
    /// The attributes of a digital ID as they may be told.
    pub(crate) fn of(&self, class: u32, attributes: Attributes) -> Option<Attributes> {
        let class = self.classes.get(&class)?;
        let Attributes { device_class, age_bucket, days_valid } = attributes;
        Some(Attributes {
            device_class: match class.devices.contains(&device_class) {
                true => device_class,
                false => DEVICE_UNKNOWN,
            },
            age_bucket: if class.ages.contains(&age_bucket) { age_bucket } else { AGE_UNKNOWN },
            days_valid: *class.days.get(&days_valid)?,
        })
    }
}

/// Values that at least `least` persons have, without the rarest of them as long as the unknown
/// would be fewer.
fn kept(values: &BTreeMap<u8, BTreeSet<u32>>, unknown: u8, least: usize) -> BTreeSet<u8> {
    let enough =
        |(value, persons): &(&u8, &BTreeSet<u32>)| **value != unknown && persons.len() >= least;
    let mut kept: BTreeSet<u8> = values.iter().filter(enough).map(|(value, _)| *value).collect();
    loop {
        let hidden = values.iter().filter(|(value, _)| !kept.contains(value));
        let persons: BTreeSet<u32> = hidden.flat_map(|(_, persons)| persons).copied().collect();
        let shown = values.iter().filter(|(value, _)| kept.contains(value));
        let rarest = shown.min_by_key(|(_, persons)| persons.len()).map(|(value, _)| *value);
        match rarest {
            Some(rarest) if !persons.is_empty() && persons.len() < least => kept.remove(&rarest),
            _ => return kept,
        };
    }
}

/// Days told in place of each number of days: the fewest of a group of at least `least` persons,
/// formed from the most days on. Nobody is told to use a digital ID for longer than it is valid.
fn coarse(days: &BTreeMap<u16, BTreeSet<u32>>, least: usize) -> BTreeMap<u16, u16> {
    let mut groups: Vec<(Vec<u16>, BTreeSet<u32>)> = Vec::new();
    for (days, persons) in days.iter().rev() {
        match groups.last_mut() {
            Some((group, of_group)) if of_group.len() < least => {
                group.push(*days);
                of_group.extend(persons);
            }
            _ => groups.push((vec![*days], persons.clone())),
        }
    }
    // The last group may be small: it goes with the one before.
    if groups.last().is_some_and(|(_, persons)| persons.len() < least)
        && let Some((days, persons)) = groups.pop()
    {
        match groups.last_mut() {
            Some((group, of_group)) => {
                group.extend(days);
                of_group.extend(persons);
            }
            None => groups.push((days, persons)),
        }
    }
    let told = groups.into_iter().flat_map(|(group, _)| {
        let least = group.last().copied();
        group.into_iter().filter_map(move |days| Some((days, least?)))
    });
    told.collect()
}

/// Code of a device that is not told.
pub(crate) const DEVICE_UNKNOWN: u8 = 6;
/// Code of an age that is not told.
pub(crate) const AGE_UNKNOWN: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_few_persons_are_unknown_and_the_unknown_are_many() {
        let mut gathered = Gathered::default();
        // Devices 1, 2, 3 of 5, 4, 1 persons in class 7; K is 3.
        for person in 0..10 {
            let device_class = [1, 1, 1, 1, 1, 2, 2, 2, 2, 3][person as usize];
            let age_bucket = if person < 7 { 1 } else { 2 };
            let attributes = Attributes { device_class, age_bucket, days_valid: 30 };
            gathered.add(7, person, attributes);
            // The same person again counts once.
            gathered.add(7, person, attributes);
        }
        gathered.add(8, 1, Attributes { device_class: 1, age_bucket: 1, days_valid: 9 });
        let told = gathered.told(3);
        let of = |class, device_class, age_bucket| {
            let told = told.of(class, Attributes { device_class, age_bucket, days_valid: 30 });
            told.map(|told| (told.device_class, told.age_bucket))
        };
        assert_eq!(of(7, 1, 1), Some((1, 1)));
        // One person with device 3 would be alone among the unknown.
        assert_eq!((of(7, 2, 2), of(7, 3, 2)), (Some((6, 2)), Some((6, 2))));
        let few = told.of(8, Attributes { device_class: 1, age_bucket: 1, days_valid: 9 }).unwrap();
        assert_eq!((few.device_class, few.age_bucket), (6, 4));
    }

    #[test]
    fn days_are_told_as_the_least_of_a_group() {
        let of = |days: &[(u16, u32)]| {
            let mut next = 0;
            let mut persons = BTreeMap::new();
            for (days, count) in days {
                persons.insert(*days, (next..next + count).collect::<BTreeSet<u32>>());
                next += count;
            }
            coarse(&persons, 3).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(of(&[(30, 5), (20, 3), (9, 4)]), [(9, 9), (20, 20), (30, 30)]);
        assert_eq!(of(&[(30, 2), (20, 2), (9, 4)]), [(9, 9), (20, 20), (30, 20)]);
        assert_eq!(of(&[(30, 5), (20, 1), (9, 1)]), [(9, 9), (20, 9), (30, 9)]);
        assert_eq!(of(&[(30, 1)]), [(30, 30)]);
    }
}
