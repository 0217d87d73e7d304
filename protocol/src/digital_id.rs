//! Digital IDs as they travel: cookies and mobile advertising IDs of matched records, in one sorted
//! bag without rows and without records.

use alloc::vec::Vec;
use core::fmt;

use crate::limits::DIGITAL_ID_MAX;

/// One entry of an IDS frame; personal data of the provider's, so `Debug` shows its size only.
#[derive(Clone, PartialEq, Eq)]
pub struct DigitalId {
    /// What kind of value it is: 1 IDFA, 2 AAID, from 0x0100 cookies by namespace.
    pub namespace: u16,
    /// Class of the device, 0 unless the terms ask for attributes.
    pub device_class: u8,
    /// How long ago it was seen, as a bucket, 0 unless the terms ask for attributes.
    pub age_bucket: u8,
    /// Days it may be used, 0 unless the terms ask for attributes.
    pub days_valid: u16,
    /// The value, 1 to 64 bytes.
    pub value: Vec<u8>,
}

impl DigitalId {
    /// Bytes of an entry beside its value.
    pub const OVERHEAD: usize = 7;

    /// Appends `BE u16 namespace ‖ u8 class ‖ u8 bucket ‖ BE u16 days ‖ u8 len ‖ value`.
    ///
    /// `None`, with nothing appended, for an empty or too long value. Entries are ordered by these
    /// bytes.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Option<()> {
        let len = u8::try_from(self.value.len()).ok()?;
        if len == 0 || len > DIGITAL_ID_MAX {
            return None;
        }
        out.extend_from_slice(&self.namespace.to_be_bytes());
        out.extend_from_slice(&[self.device_class, self.age_bucket]);
        out.extend_from_slice(&self.days_valid.to_be_bytes());
        out.push(len);
        out.extend_from_slice(&self.value);
        Some(())
    }

    /// Reads the first entry of a run of entries, and returns what follows it.
    ///
    /// `None` for a cut entry, or a value that is empty or too long.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_first_chunk::<{ Self::OVERHEAD }>()?;
        let [n0, n1, device_class, age_bucket, d0, d1, len] = *head;
        if len == 0 || len > DIGITAL_ID_MAX {
            return None;
        }
        let (value, rest) = rest.split_at_checked(usize::from(len))?;
        let id = Self {
            namespace: u16::from_be_bytes([n0, n1]),
            device_class,
            age_bucket,
            days_valid: u16::from_be_bytes([d0, d1]),
            value: value.to_vec(),
        };
        Some((id, rest))
    }

    /// Bytes of the entry.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        Self::OVERHEAD + self.value.len()
    }

    /// Whether the entry says anything beside namespace and value.
    #[must_use]
    pub const fn has_attributes(&self) -> bool {
        self.device_class != 0 || self.age_bucket != 0 || self.days_valid != 0
    }
}

impl fmt::Debug for DigitalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DigitalId({} bytes)", self.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(len: usize) -> DigitalId {
        DigitalId {
            namespace: 0x0102,
            device_class: 3,
            age_bucket: 4,
            days_valid: 0x0506,
            value: vec![7; len],
        }
    }

    #[test]
    fn entries_round_trip_and_what_follows_is_returned() {
        for len in [1, 63, 64] {
            let mut bytes = Vec::new();
            id(len).encode_into(&mut bytes).unwrap();
            assert_eq!(bytes.len(), id(len).encoded_len());
            bytes.push(9);
            assert_eq!(DigitalId::decode(&bytes), Some((id(len), &[9][..])));
        }
    }

    #[test]
    fn empty_long_and_cut_entries_are_refused() {
        let mut bytes = Vec::new();
        assert_eq!(id(0).encode_into(&mut bytes), None);
        assert_eq!(id(65).encode_into(&mut bytes), None);
        assert!(bytes.is_empty());
        id(5).encode_into(&mut bytes).unwrap();
        for len in 0..bytes.len() {
            assert_eq!(DigitalId::decode(&bytes[..len]), None);
        }
        for wrong in [0, 65, 255] {
            let mut altered = bytes.clone();
            altered[6] = wrong;
            altered.resize(300, 0);
            assert_eq!(DigitalId::decode(&altered), None);
        }
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", id(5)), "DigitalId(5 bytes)");
    }
}
