//! The provider's persons: what its graph says of them, and what of that a run can find.
//!
//! A person has a private persona and, now and then, one at work; a record of the protocol is a
//! persona. Whatever makes a run leave a persona or a digital ID out is decided here, so the known
//! answer knows it: old or weak evidence, missing consent, objections, digital IDs that are not
//! any, namespaces that the partner policy does not list, more digital IDs than a delivery takes.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::address::{Address, EXTRA_ADDRESS, WORK_ADDRESS};
use super::draw::hex;
use super::phone::{self, Number};
use super::{Flavour, Generator, Identifier, Kind, push_field};

/// Life of a person: private or at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persona {
    /// At home.
    Private,
    /// At work.
    Work,
}

/// Reason why a persona is found, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Seen lately, by evidence that counts, with consent.
    Live,
    /// Seen more than ninety days ago.
    Old,
    /// Seen in forms only.
    Weak,
    /// Seen on devices whose digital IDs are not any.
    WithoutId,
    /// Without consent.
    Unconsented,
    /// Objected, at the provider.
    Objected,
}

/// Part of a persona that a run can find.
#[derive(Default)]
pub(super) struct Found {
    /// Identifiers in the partner's table.
    pub(super) identifiers: Vec<Identifier>,
    /// Digital IDs of a delivery in which all of them have one end, as `type,namespace,value`.
    pub(super) ids: Vec<String>,
    /// Digital IDs of a delivery in which each has its own end.
    pub(super) ids_to_their_end: Vec<String>,
    /// True if the graph has a mobile number, readable or not.
    pub(super) has_mobile: bool,
}

/// A persona as the graph holds it.
struct Held {
    standing: Standing,
    entries: Vec<Entry>,
    sightings: Vec<Sighting>,
    has_mobile: bool,
}

/// An identifier as the file gives it.
struct Entry {
    kind: &'static str,
    written: String,
    /// Identifiers that the rules make of it.
    identifiers: Vec<Identifier>,
}

/// A digital ID on a device, and the days on which it was seen.
#[derive(Clone)]
struct Sighting {
    device: String,
    class: &'static str,
    id_type: &'static str,
    namespace: &'static str,
    written: String,
    /// The digital ID in canonical form; none if it is not any.
    key: Option<String>,
    habit: Habit,
}

/// Manner in which a device was seen.
#[derive(Clone)]
struct Habit {
    evidence: &'static str,
    /// Days before the export.
    ages: Vec<u64>,
    /// Deliveries that take it.
    delivered: Delivered,
}

/// Deliveries that take a digital ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Delivered {
    /// None: its evidence is too old or too weak.
    Never,
    /// Deliveries in which each has its own end: less than thirty days of use are left.
    ToItsEnd,
    /// All.
    Always,
}

impl Sighting {
    /// The digital ID, if these deliveries take it.
    fn delivered(&self, by: Delivered) -> Option<&String> {
        let listed = self.id_type != "cookie" || NAMESPACES.contains(&self.namespace);
        self.key.as_ref().filter(|_| listed && self.habit.delivered >= by)
    }
}

impl Generator<'_> {
    /// Part of a persona that a run can find; none if the graph does not have or publish it.
    pub(super) fn found(&self, individual: u64, persona: Persona) -> Option<Found> {
        let held = self.held(individual, persona).filter(|held| held.standing == Standing::Live)?;
        let delivered = |by| -> Vec<String> {
            let ids = held.sightings.iter().filter_map(|one| one.delivered(by).cloned());
            ids.take(IDS_PER_PERSONA).collect()
        };
        let (ids, ids_to_their_end) =
            (delivered(Delivered::Always), delivered(Delivered::ToItsEnd));
        let identifiers = held.entries.into_iter().flat_map(|entry| entry.identifiers).collect();
        Some(Found { identifiers, ids, ids_to_their_end, has_mobile: held.has_mobile })
    }

    /// The lines of one person, both personas.
    pub(super) fn person_lines(&self, person: u64) -> Vec<String> {
        let mut lines = Vec::new();
        for persona in [Persona::Private, Persona::Work] {
            if let Some(held) = self.held(person, persona) {
                self.persona_lines(person, persona, &held, &mut lines);
            }
        }
        lines
    }

    /// The line of the provider's objection feed, for persons who objected there.
    pub(super) fn objection(&self, person: u64) -> Option<String> {
        let held = self.held(person, Persona::Private)?;
        let first = held.entries.first()?.identifiers.first()?;
        let day = self.sample.as_of.before(20);
        (held.standing == Standing::Objected)
            .then(|| format!("email,{},all,{day}T10:00:00Z", first.value))
    }

    fn persona_lines(&self, person: u64, persona: Persona, held: &Held, lines: &mut Vec<String>) {
        let (mark, kind) = match persona {
            Persona::Private => ("", "private"),
            Persona::Work => ("-W", "professional"),
        };
        let draw = self.draw("person", person);
        let captured = self.sample.as_of.before(200 + u64::from(draw[3]));
        let consent = match held.standing {
            Standing::Unconsented => String::new(),
            // From one: eight zeros are a placeholder, which a node does not take for a receipt.
            _ => format!("K-{:08}{mark}", person + 1),
        };
        let first = held.sightings.iter().position(|one| one.key.is_some()).unwrap_or(0);
        for (which, entry) in held.entries.iter().enumerate() {
            // The first identifier is seen with every digital ID; the others with one only.
            let seen =
                if which == 0 { &held.sightings[..] } else { &held.sightings[first..=first] };
            for one in seen {
                for age in &one.habit.ages {
                    let mut line = format!("H-{person},P-{person}{mark},{kind},{},", entry.kind);
                    push_field(&mut line, &entry.written);
                    let Sighting { device, class, id_type, namespace, written, .. } = one;
                    let day = self.sample.as_of.before(*age);
                    let _ = write!(
                        line,
                        ",{device},{class},{id_type},{namespace},{written},s-{:02},{},{day},\
                         receipt,{consent},{captured}T09:30:00Z",
                        1 + draw[5] % 8,
                        one.habit.evidence
                    );
                    lines.push(line);
                }
            }
        }
    }

    fn held(&self, individual: u64, persona: Persona) -> Option<Held> {
        if individual >= self.sample.persons {
            return None;
        }
        match persona {
            Persona::Private => Some(self.private(individual)),
            Persona::Work => self.at_work(individual),
        }
    }

    fn private(&self, person: u64) -> Held {
        let draw = self.draw("person", person);
        let standing = self.standing(person);
        let mut entries: Vec<Entry> = (0..self.sample.identifiers)
            .map(|which| self.provided(&self.address(person, which), &draw, which))
            .collect();
        let mut has_mobile = false;
        if self.sample.flavour != Flavour::Bench {
            if draw[2].is_multiple_of(10) {
                entries.push(in_clear(&self.address(person, EXTRA_ADDRESS)));
            }
            if draw[10] < 160 {
                entries.extend(self.mobile(person).map(|number| self.numbered(&number, &draw)));
                has_mobile = true;
            }
            let shop = self.has_shop(person).then(|| phone::SHOP.number(person)).flatten();
            entries.extend(shop.map(|number| self.numbered(&number, &draw)));
            entries.extend(self.household_entry(person));
        }
        if self.sample.is_dirty() && draw[11] < 16 {
            let written = phone::unusable(draw[12], true).to_owned();
            entries.push(Entry { kind: "phone", written, identifiers: Vec::new() });
        }
        Held { standing, entries, sightings: self.sightings(person, standing), has_mobile }
    }

    /// The persona at work, which some persons have; on a device of its own, or seen on one of
    /// the private persona's by evidence of its own.
    fn at_work(&self, person: u64) -> Option<Held> {
        let draw = self.draw("work", person);
        if !self.sample.is_dirty() || draw[0] >= 40 {
            return None;
        }
        let private = self.standing(person);
        let standing = match private {
            Standing::Objected => Standing::Objected,
            _ => Standing::Live,
        };
        let mut shared = self.sightings(person, private).into_iter();
        let shared = shared.find(|one| one.delivered(Delivered::Always).is_some());
        let habit = habit("purchase", vec![2 + u64::from(draw[1]) % 30], Delivered::Always);
        let sighting = match shared.filter(|_| draw[2] < 128) {
            Some(one) => Sighting { habit, ..one },
            None => self.cookie(format!("D-{person}-w"), "desktop", &draw, 0, habit),
        };
        let entries = vec![in_clear(&self.address(person, WORK_ADDRESS))];
        Some(Held { standing, entries, sightings: vec![sighting], has_mobile: false })
    }

    /// Most personas can be found.
    fn standing(&self, person: u64) -> Standing {
        if !self.sample.is_dirty() {
            return Standing::Live;
        }
        match self.draw("person", person)[9] {
            0..14 => Standing::Old,
            14..20 => Standing::Weak,
            20..26 => Standing::WithoutId,
            26..34 => Standing::Unconsented,
            34..40 => Standing::Objected,
            _ => Standing::Live,
        }
    }

    /// One address as the provider's file gives it.
    fn provided(&self, address: &Address, draw: &[u8; 32], which: u8) -> Entry {
        let form = if address.gmail.is_some() { draw[8] % 2 } else { 0 };
        let identifiers = address.identifiers(form);
        // A digest has only the strict form, so Gmail addresses always come in clear.
        if self.sample.flavour != Flavour::Bench && address.gmail.is_none() && draw[6] < 50 {
            let written = hex(&Sha256::digest(address.canonical(0)));
            return Entry { kind: "email_sha256", written, identifiers };
        }
        let written = self.soiled(address, form, draw[7].wrapping_add(which));
        Entry { kind: "email", written, identifiers }
    }

    /// A telephone number as the provider's file gives it, without country and post code.
    fn numbered(&self, number: &Number, draw: &[u8; 32]) -> Entry {
        let plan = number.plan();
        let misdialled = self.sample.is_dirty() && plan.overseas.is_some() && draw[13] < 64;
        let at_home = self.sample.is_dirty() && plan.code == "33" && draw[14] < 128;
        let written = match (misdialled, at_home) {
            (true, _) => number.misdialled(),
            (_, true) => number.national(draw[15]),
            _ if self.sample.is_dirty() => number.international(draw[15]),
            _ => number.canonical(),
        };
        let read = Identifier { kind: Kind::Phone, value: number.canonical() };
        let identifiers = if misdialled { Vec::new() } else { vec![read] };
        Entry { kind: "phone", written, identifiers }
    }

    /// The fixed line of a household, which both persons give: an identifier of two persons names
    /// nobody and is not published.
    fn household_entry(&self, person: u64) -> Option<Entry> {
        let household = person / 2;
        let draw = self.draw("household", household);
        let both = person | 1;
        let live = |person| self.standing(person) == Standing::Live;
        if !self.sample.is_dirty() || draw[0] >= 80 || both >= self.sample.persons {
            return None;
        }
        let number = phone::HOUSEHOLD.number(household).filter(|_| live(both) && live(both - 1))?;
        let written = number.national(draw[1]);
        Some(Entry { kind: "phone", written, identifiers: Vec::new() })
    }

    /// The digital IDs of a private persona.
    fn sightings(&self, person: u64, standing: Standing) -> Vec<Sighting> {
        let draw = self.draw("person", person);
        let dirty = self.sample.is_dirty();
        if dirty && standing == Standing::Live && draw[16] < 7 {
            return self.many_cookies(person);
        }
        let several = self.sample.flavour != Flavour::Bench;
        let count = if several && draw[4].is_multiple_of(4) { 2 } else { 1 };
        let mut found = Vec::new();
        for device in 0..count {
            let draw = self.draw("device", person * 2 + device);
            let habit = self.habit(standing, device, &draw);
            let (class, types): (&str, &[&'static str]) = match draw[0] % 5 {
                0 | 1 => ("smartphone", &["aaid", "cookie"]),
                2 => ("smartphone", &["idfa", "cookie"]),
                3 => ("tablet", &["aaid", "cookie"]),
                _ => ("desktop", &["cookie"]),
            };
            let types = if several && draw[1].is_multiple_of(3) { types } else { &types[..1] };
            for (which, id_type) in types.iter().enumerate() {
                let device = format!("D-{person}-{device}");
                found.push(match *id_type {
                    "cookie" => self.cookie(device, class, &draw, which, habit.clone()),
                    maid => self.maid(device, class, maid, &draw, habit.clone()),
                });
            }
        }
        if standing == Standing::WithoutId {
            found
                .iter_mut()
                .enumerate()
                .for_each(|(which, one)| one.spoil(draw[17] as usize + which));
        } else if dirty && draw[17] < 40 {
            let mut zeros = found[0].clone();
            zeros.spoil(draw[18].into());
            found.push(zeros);
        }
        found
    }

    /// Manner in which a device was seen; its evidence passes the rules on links, if any does.
    fn habit(&self, standing: Standing, device: u64, draw: &[u8; 32]) -> Habit {
        let last = 1 + u64::from(draw[3]) % 40;
        let old = || habit("purchase", vec![100 + u64::from(draw[3]) % 90], Delivered::Never);
        let weak = || habit("form", vec![last, last + 2, last + 5], Delivered::Never);
        let second = self.sample.is_dirty() && device == 1;
        match standing {
            _ if self.sample.flavour == Flavour::Bench => {
                habit("purchase", vec![last], Delivered::Always)
            }
            Standing::Old => old(),
            Standing::Weak => weak(),
            _ if second && draw[6] < 40 => weak(),
            _ if second && draw[6] < 80 => old(),
            // Found, and yet too near its end for a delivery that may be used for thirty days.
            _ if self.sample.is_dirty() && draw[6] >= 232 => {
                habit("purchase", vec![64 + u64::from(draw[3]) % 12], Delivered::ToItsEnd)
            }
            // A login or a loyalty card counts from its second day, a click from its third.
            _ => match draw[2] % 8 {
                0 | 1 => habit("login", vec![last, last + 7], Delivered::Always),
                2 => habit("loyalty", vec![last, last + 4], Delivered::Always),
                3 => habit("email_click", vec![last, last + 3, last + 7], Delivered::Always),
                _ => habit("purchase", vec![last], Delivered::Always),
            },
        }
    }

    /// More digital IDs than a delivery takes of one record: the last three stay behind.
    fn many_cookies(&self, person: u64) -> Vec<Sighting> {
        (0..IDS_PER_PERSONA as u64 + 3)
            .map(|which| {
                let draw = self.draw("cookies", person * 16 + which);
                let late = which >= IDS_PER_PERSONA as u64;
                let age = if late { 12 + which } else { 1 + u64::from(draw[3]) % 6 };
                let habit = habit("purchase", vec![age], Delivered::Always);
                let namespace = NAMESPACES[usize::from(draw[7]) % NAMESPACES.len()];
                let one = self.cookie(format!("D-{person}-0"), "smartphone", &draw, 0, habit);
                Sighting {
                    key: one.key.map(|_| key("cookie", namespace, &one.written)),
                    namespace,
                    ..one
                }
            })
            .collect()
    }

    fn cookie(
        &self,
        device: String,
        class: &'static str,
        draw: &[u8; 32],
        which: usize,
        habit: Habit,
    ) -> Sighting {
        let namespace = match draw[7] {
            _ if !self.sample.is_dirty() => NAMESPACES[0],
            0..170 => NAMESPACES[0],
            170..205 => NAMESPACES[1],
            205..232 => NAMESPACES[2],
            _ => UNLISTED,
        };
        let mut word = [0; 8];
        word.copy_from_slice(&draw[16 + which..24 + which]);
        let written = format!("{:019}", u64::from_le_bytes(word) >> 2);
        let key = Some(key("cookie", namespace, &written));
        Sighting { device, class, id_type: "cookie", namespace, written, key, habit }
    }

    fn maid(
        &self,
        device: String,
        class: &'static str,
        id_type: &'static str,
        draw: &[u8; 32],
        habit: Habit,
    ) -> Sighting {
        let digits = hex(&draw[8..24]);
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        let value = parts.join("-");
        let written = match draw[24] % 8 {
            0 | 1 if self.sample.is_dirty() => value.to_uppercase(),
            2 if self.sample.is_dirty() => format!("{{{value}}}"),
            _ => value.clone(),
        };
        let key = Some(key(id_type, "", &value));
        Sighting { device, class, id_type, namespace: "", written, key, habit }
    }
}

impl Sighting {
    /// Makes the digital ID one that is not any.
    fn spoil(&mut self, draw: usize) {
        let (id_type, namespace, written) = SPOILT[draw % SPOILT.len()];
        self.key = None;
        (self.id_type, self.namespace, self.written) = (id_type, namespace, written.to_owned());
    }
}

fn in_clear(address: &Address) -> Entry {
    Entry { kind: "email", written: address.canonical(0), identifiers: address.identifiers(0) }
}

fn habit(evidence: &'static str, ages: Vec<u64>, delivered: Delivered) -> Habit {
    Habit { evidence, ages, delivered }
}

fn key(id_type: &str, namespace: &str, value: &str) -> String {
    format!("{id_type},{namespace},{value}")
}

/// Namespaces of cookies that the partner policy lists.
pub const NAMESPACES: [&str; 3] = ["exemple-regie.fr", "mesure-exemple.com", "plateforme-7"];

/// Namespace that it does not list.
const UNLISTED: &str = "exemple-prive.fr";

/// Digital IDs of one record in a delivery, at most.
const IDS_PER_PERSONA: usize = 10;

/// Texts in place of a digital ID: permission refused, opted out, cut, or nowhere from.
const SPOILT: [(&str, &str, &str); 5] = [
    ("idfa", "", "00000000-0000-0000-0000-000000000000"),
    ("aaid", "", "00000000-0000-0000-0000-000000000000"),
    ("cookie", NAMESPACES[0], "OPT_OUT"),
    ("cookie", NAMESPACES[1], "5727816"),
    ("cookie", "", "5727816213491965430"),
];
