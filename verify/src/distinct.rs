//! Distinctness of the elements of a stream, in memory that no package can enlarge.
//!
//! Elements are compared by keyed fingerprints, one part of their range at a time. The key is the
//! root of the stored frames: whoever makes the elements cannot know it before the last of them is
//! there, so none can be chosen to fall into one part.

use alloc::vec::Vec;

use protocol::error::Bug;
use protocol::transcript::merkle::{self, Hash};

/// Place for the fingerprints of one part.
pub(crate) struct Sieve {
    key: [u8; 16],
    parts: u64,
    part: u64,
    room: usize,
    kept: Vec<u128>,
}

/// Reason to end the pass over a part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// An element is there twice.
    Twice,
    /// More different elements fall into the part than there is room for.
    Full,
}

impl Sieve {
    /// Sieve for so many elements, with room for some of them, under the root of their frames.
    ///
    /// Parts are planned a sixteenth below the room, which none exceeds by chance unless the room
    /// is small.
    pub(crate) fn new(root: &Hash, elements: u64, room: usize) -> Result<Self, Bug> {
        let room = room.max(ROOM_MIN);
        let planned = room.checked_sub(room / 16).ok_or(Bug::invariant())?;
        let parts = elements.div_ceil(planned as u64).max(1);
        let most = usize::try_from(elements).map_or(room, |elements| elements.min(room));
        let kept = Vec::with_capacity(most);
        Ok(Self { key: first_half(root), parts, part: 0, room, kept })
    }

    /// Number of parts, each of which takes one pass over all elements.
    pub(crate) const fn parts(&self) -> u64 {
        self.parts
    }

    /// Divides every part in two.
    pub(crate) fn divide(&mut self) -> Result<(), Bug> {
        self.parts = self.parts.checked_mul(2).ok_or(Bug::invariant())?;
        Ok(())
    }

    /// Begins the pass over a part.
    pub(crate) fn begin(&mut self, part: u64) {
        self.part = part;
        self.kept.clear();
    }

    /// Takes an element, if it falls into the part.
    pub(crate) fn take(&mut self, encoded: &[u8; 32]) -> Result<(), Stop> {
        let print = self.fingerprint(encoded);
        // The upper half of a fingerprint, scaled to the number of parts.
        if (print >> 64).checked_mul(self.parts.into()).map(|part| part >> 64)
            != Some(self.part.into())
        {
            return Ok(());
        }
        if self.kept.len() == self.room {
            self.end()?;
            return Err(Stop::Full);
        }
        self.kept.push(print);
        Ok(())
    }

    /// Ends the pass over a part.
    pub(crate) fn end(&mut self) -> Result<(), Stop> {
        self.kept.sort_unstable();
        // [G13]
        if self.kept.is_sorted_by(|one, next| one < next) { Ok(()) } else { Err(Stop::Twice) }
    }

    /// 16 bytes of a hash: two of 2^30 elements share one by chance in 1 of 2^69 streams.
    fn fingerprint(&self, encoded: &[u8; 32]) -> u128 {
        u128::from_be_bytes(first_half(&merkle::leaf_hash(&[&self.key, encoded])))
    }
}

fn first_half(hash: &Hash) -> [u8; 16] {
    hash.first_chunk().map_or([0; 16], |half| *half)
}

/// Room below which most parts would be full by chance.
const ROOM_MIN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a sieve over elements, and tells the passes it took.
    fn run(elements: &[[u8; 32]], room: usize) -> (Result<(), Stop>, u64) {
        let mut sieve = Sieve::new(&[7; 32], elements.len() as u64, room).unwrap();
        let (mut passes, most) = (0, sieve.kept.capacity());
        let result = 'again: loop {
            for part in 0..sieve.parts() {
                passes += 1;
                sieve.begin(part);
                let taken = elements.iter().try_for_each(|element| sieve.take(element));
                match taken.and_then(|()| sieve.end()) {
                    Ok(()) => {}
                    Err(Stop::Twice) => break 'again Err(Stop::Twice),
                    Err(Stop::Full) => {
                        sieve.divide().unwrap();
                        continue 'again;
                    }
                }
                assert_eq!(sieve.kept.capacity(), most, "the memory of a sieve never grows");
            }
            break Ok(());
        };
        assert_eq!(sieve.kept.capacity(), most);
        (result, passes)
    }

    fn numbered(count: u32) -> Vec<[u8; 32]> {
        let element = |number: u32| {
            let mut element = [0; 32];
            element[..4].copy_from_slice(&number.to_be_bytes());
            element
        };
        (0..count).map(element).collect()
    }

    #[test]
    fn equal_elements_are_found_wherever_they_stand_and_in_any_room() {
        for room in [0, 16, 17, 100, 1 << 20] {
            for count in [2, 15, 16, 17, 500] {
                let honest = numbered(count);
                assert_eq!(run(&honest, room).0, Ok(()), "{count} in {room}");
                for (first, second) in [(0, 1), (0, count - 1), (count / 2, count - 1)] {
                    let mut elements = honest.clone();
                    elements[second as usize] = elements[first as usize];
                    let expected = if first == second { Ok(()) } else { Err(Stop::Twice) };
                    assert_eq!(run(&elements, room).0, expected, "{count} in {room}");
                }
            }
        }
    }

    #[test]
    fn elements_that_are_all_equal_fill_no_more_than_the_room() {
        let (result, passes) = run(&[[5; 32]; 10_000], 64);
        assert_eq!(result, Err(Stop::Twice));
        assert!(passes <= 10_000_u64.div_ceil(60));
    }

    #[test]
    fn elements_that_share_any_bytes_are_spread_over_the_parts() {
        // Their encodings differ in one place only: no part is full, so no pass is repeated.
        for place in 0..28 {
            let elements: Vec<[u8; 32]> = numbered(4_000)
                .into_iter()
                .map(|mut element| {
                    element.rotate_right(place);
                    element
                })
                .collect();
            let (result, passes) = run(&elements, 1_024);
            assert_eq!((result, passes), (Ok(()), 5), "{place}");
        }
    }

    #[test]
    fn parts_that_are_full_by_chance_are_divided_until_none_is() {
        let (result, passes) = run(&numbered(4_000), 16);
        assert_eq!(result, Ok(()));
        assert!(passes > 4_000 / 15, "{passes}");
    }

    #[test]
    fn parts_depend_on_the_root_of_all_frames() {
        let place = |root: &Hash| {
            let mut sieve = Sieve::new(root, 1 << 20, 1 << 10).unwrap();
            let part = (0..sieve.parts()).find(|part| {
                sieve.begin(*part);
                sieve.take(&[9; 32]).unwrap();
                sieve.kept.len() == 1
            });
            part.unwrap()
        };
        let places: Vec<u64> = (0..8).map(|root| place(&[root; 32])).collect();
        assert!(places.iter().any(|other| *other != places[0]), "{places:?}");
    }
}
