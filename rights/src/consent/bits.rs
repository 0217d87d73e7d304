//! The bits of a text in the URL-safe alphabet of Base64, six a character, without padding.

/// A reader of bits, the most significant first.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    text: &'a [u8],
    /// Bits read.
    at: usize,
}

impl<'a> Bits<'a> {
    /// `None` for an empty text, and for one with another character.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        let text = text.as_bytes();
        let sound = !text.is_empty() && text.iter().all(|byte| sextet(*byte).is_some());
        sound.then_some(Self { text, at: 0 })
    }

    /// The next bits as a number, at most 64 of them.
    pub(super) fn number(&mut self, bits: usize) -> Option<u64> {
        let mut number = 0_u64;
        for _ in 0..bits {
            number = (number << 1) | u64::from(self.bit()?);
        }
        Some(number)
    }

    /// Passes over bits that are there.
    pub(super) fn skip(&mut self, bits: usize) -> Option<()> {
        let at = self.at.checked_add(bits)?;
        (at <= self.text.len().checked_mul(6)?).then(|| self.at = at)
    }

    /// A number of at least 1 in Fibonacci coding, which ends with two bits of 1.
    pub(super) fn fibonacci(&mut self) -> Option<u64> {
        let (mut one, mut next) = (1_u64, 2_u64);
        let (mut number, mut last) = (0_u64, 0);
        loop {
            let bit = self.bit()?;
            if bit == 1 && last == 1 {
                return Some(number);
            }
            if bit == 1 {
                number = number.checked_add(one)?;
            }
            last = bit;
            (one, next) = (next, one.checked_add(next)?);
        }
    }

    /// Only zeros are left, and no more than fill the last three bytes.
    pub(super) fn end(mut self) -> Option<()> {
        let left = self.text.len().checked_mul(6)?.checked_sub(self.at)?;
        (left < FILL_BITS_MAX && self.number(left)? == 0).then_some(())
    }

    fn bit(&mut self) -> Option<u8> {
        let sextet = sextet(*self.text.get(self.at / 6)?)?;
        let bit = (sextet >> (5 - self.at % 6)) & 1;
        self.at += 1;
        Some(bit)
    }
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    })
}

/// Writers fill up to whole characters, bytes, or characters that hold whole bytes.
const FILL_BITS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_bit_by_bit() {
        let mut bits = Bits::new("D_A").unwrap();
        assert_eq!((bits.number(6), bits.number(3), bits.number(3)), (Some(3), Some(7), Some(7)));
        assert_eq!(bits.clone().end(), Some(()));
        assert_eq!((bits.skip(6), bits.number(1), bits.skip(1)), (Some(()), None, None));
        assert_eq!(Bits::new("").is_none(), Bits::new("a=").is_none());
        assert_eq!(Bits::new("AB").unwrap().end(), None);
    }

    #[test]
    fn fibonacci_codes_are_those_of_the_specification() {
        // 011 and 1011 and 11, then zeros: `0111 0111 1100` is `d8` in the alphabet.
        let mut bits = Bits::new("d8").unwrap();
        assert_eq!(
            [bits.fibonacci(), bits.fibonacci(), bits.fibonacci()],
            [Some(2), Some(4), Some(1)]
        );
        assert_eq!(bits.fibonacci(), None);
    }
}
