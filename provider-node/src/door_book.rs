//! Account of the door: connections of the day, and the addresses that partners came from.
//!
//! The service writes it now and then, `status` reads it beside, and the next start takes the
//! addresses up again, so that partners keep their places among the handshakes. It decides nothing
//! else: one that is absent or cannot be read is an empty one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use store::StoreError;
use store::os;

use crate::Home;

/// Account of one day (UTC).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DoorBook {
    /// Days since 1970.
    pub(crate) day: u32,
    /// Handshakes that ended without an authenticated partner.
    pub(crate) failed: u64,
    /// Handshakes that found no place.
    pub(crate) turned_away: u64,
    /// Connections of each party.
    pub(crate) partners: BTreeMap<String, Connections>,
    /// Addresses used with each TLS key, the latest last.
    pub(crate) addresses: BTreeMap<String, Vec<IpAddr>>,
}

/// Connections of one partner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connections {
    /// Admitted.
    pub(crate) admitted: u64,
    /// Admitted, and asked to come back before anything counted.
    pub(crate) come_back: u64,
    /// Closed at once, because there were too many.
    pub(crate) refused: u64,
}

impl DoorBook {
    /// Reads the account.
    pub(crate) fn read(home: &Home) -> Self {
        let Ok(bytes) = std::fs::read(home.path(FILE)) else { return Self::default() };
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Writes the account.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the one that was there stays.
    pub(crate) fn write(&self, home: &Home) -> Result<(), StoreError> {
        let path = home.path(FILE);
        Ok(os::publish_atomically(&path, os::PRIVATE_MODE, |out| {
            serde_json::to_writer_pretty(out, self).map_err(std::io::Error::from)
        })?)
    }

    /// Connections of a partner on `day`.
    pub(crate) fn of(&self, party: &[u8; 32], day: u32) -> Connections {
        let of_day = (self.day == day).then(|| self.partners.get(&store::hex(party)));
        of_day.flatten().copied().unwrap_or_default()
    }

    /// Adds connections of a partner.
    pub(crate) fn add(&mut self, party: &[u8; 32], more: Connections) {
        let of_party = self.partners.entry(store::hex(party)).or_default();
        // The file may hold any number.
        of_party.admitted = of_party.admitted.wrapping_add(more.admitted);
        of_party.come_back = of_party.come_back.wrapping_add(more.come_back);
        of_party.refused = of_party.refused.wrapping_add(more.refused);
    }

    /// Turns to a day; counts of another are gone, addresses stay.
    pub(crate) fn turn_to(&mut self, day: u32) {
        if self.day != day {
            *self = Self { day, addresses: std::mem::take(&mut self.addresses), ..Self::default() };
        }
    }

    /// Addresses with the TLS keys that came from them.
    pub(crate) fn known(&self) -> Vec<([u8; 32], IpAddr)> {
        let keys = self.addresses.iter().filter_map(|(key, at)| Some((store::from_hex(key)?, at)));
        keys.flat_map(|(key, at)| at.iter().map(move |address| (key, *address))).collect()
    }

    /// Takes over the addresses of an endpoint.
    pub(crate) fn know(&mut self, known: Vec<([u8; 32], IpAddr)>) {
        self.addresses.clear();
        for (key, address) in known {
            self.addresses.entry(store::hex(&key)).or_default().push(address);
        }
    }
}

const FILE: &str = "door.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_is_of_one_day_and_addresses_stay() {
        let (_dir, home, _) = crate::tenant::tests::home();
        assert_eq!(DoorBook::read(&home), DoorBook::default());
        let mut book = DoorBook::default();
        book.turn_to(7);
        book.failed = 3;
        book.add(&[1; 32], Connections { admitted: 2, come_back: 1, refused: 0 });
        book.add(&[1; 32], Connections { admitted: 1, ..Connections::default() });
        let known =
            vec![([9; 32], "192.0.2.1".parse().unwrap()), ([9; 32], "2001:db8::".parse().unwrap())];
        book.know(known.clone());
        book.write(&home).unwrap();
        let mut read = DoorBook::read(&home);
        assert_eq!((&read, read.known()), (&book, known.clone()));
        let connections = read.of(&[1; 32], 7);
        assert_eq!((connections.admitted, connections.come_back), (3, 1));
        assert_eq!(read.of(&[1; 32], 8), Connections::default());
        read.turn_to(8);
        assert_eq!((read.failed, read.partners.len(), read.known()), (0, 0, known));
    }

    #[test]
    fn damaged_account_is_an_empty_one() {
        let (_dir, home, _) = crate::tenant::tests::home();
        for text in ["", "{", "[]", "{\"day\":\"x\"}", "\u{0}"] {
            std::fs::write(home.path(FILE), text).unwrap();
            assert_eq!(DoorBook::read(&home), DoorBook::default());
        }
        let bad = "{\"day\":1,\"failed\":0,\"turned_away\":0,\"partners\":{},\
                   \"addresses\":{\"zz\":[\"192.0.2.1\"],\"\u{e9}\":[]}}";
        std::fs::write(home.path(FILE), bad).unwrap();
        assert!(DoorBook::read(&home).known().is_empty());
    }
}
