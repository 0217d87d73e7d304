//! Choices as pure functions of a seed: nothing is kept, and any number of rows streams to disk.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// SHA-256 over seed, subject, and number.
pub(super) fn draw(seed: u64, subject: &str, number: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(number.to_le_bytes());
    hash.update(subject.as_bytes());
    hash.finalize().into()
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A permutation of 0 to size - 1 that needs no table.
pub(super) struct Permutation {
    size: u64,
    factor: u64,
    offset: u64,
}

impl Permutation {
    /// The permutation that seed and label choose.
    pub(super) fn new(size: u64, seed: u64, label: &str) -> Self {
        let mut word = [0; 8];
        word.copy_from_slice(&draw(seed, label, 0)[..8]);
        let start = u64::from_le_bytes(word);
        let mut factor = start % size;
        while gcd(factor, size) != 1 {
            factor = (factor + 1) % size.max(2);
        }
        word.copy_from_slice(&draw(seed, label, 1)[..8]);
        Self { size, factor, offset: u64::from_le_bytes(word) % size }
    }

    /// Position to which this one is sent.
    pub(super) fn at(&self, position: u64) -> u64 {
        let sent = u128::from(position) * u128::from(self.factor) + u128::from(self.offset);
        (sent % u128::from(self.size)) as u64
    }
}

/// 1 to the last number, in the order of their decimal digits as text: 1, 10, 100, 11, 2.
pub(super) struct Lexicographic {
    next: Option<u64>,
    last: u64,
}

impl Lexicographic {
    /// Every number from 1 up to the last.
    pub(super) fn up_to(last: u64) -> Self {
        Self { next: (last > 0).then_some(1), last }
    }
}

impl Iterator for Lexicographic {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let current = self.next?;
        let mut next = current;
        self.next = if next.saturating_mul(10) <= self.last {
            Some(next * 10)
        } else {
            while next % 10 == 9 || next + 1 > self.last {
                next /= 10;
            }
            (next > 0).then_some(next + 1)
        };
        Some(current)
    }
}

/// Greatest common divisor.
fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_come_in_the_order_of_their_text() {
        for last in [0, 1, 9, 10, 11, 99, 100, 1_234] {
            let mut expected: Vec<String> = (1..=last).map(|n: u64| n.to_string()).collect();
            expected.sort();
            let found: Vec<String> =
                Lexicographic::up_to(last).map(|number| number.to_string()).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn permutation_visits_every_position_once() {
        for size in [1, 2, 3, 10, 97, 1_000] {
            let order = Permutation::new(size, 5, "test");
            let visited: BTreeSet<u64> = (0..size).map(|position| order.at(position)).collect();
            assert_eq!(visited.len() as u64, size);
        }
    }
}
