//! The digital IDs of a snapshot's records, sealed, in increasing order of records.
//!
//! A release reads them once beside the sorted records that it names.

use std::path::{Path, PathBuf};

use crate::GraphError;
use normalize::digital::DigitalId;
use protocol::error::Bug;
use store::record::zerocopy::IntoBytes as _;
use store::record::{BigEndian, Record as _, U16, U32, U64, record};
use store::seal::StorageKey;
use store::sealed::{
    RawSealedFile as SealedFile, RawSealedOut as SealedOut, create_sealed, finish_sealed,
    open_sealed, read_or_end,
};

/// A record with its digital IDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Number of the record in the snapshot.
    pub record: u64,
    /// Digital IDs of the bundle.
    pub ids: Vec<BundleId>,
}

/// A digital ID of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleId {
    /// The ID.
    pub id: DigitalId,
    /// Last day it was seen, in days since 1970.
    pub last_day: u32,
    /// Device classes it was seen with, as bits.
    pub devices: u16,
    /// Evidence classes it was seen with, as bits.
    pub evidence: u16,
}

impl Bundle {
    /// For each ID its length, the ID and [`Sighting`].
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Bug> {
        for one in &self.ids {
            let id = one.id.encoded();
            // At most 6 + 1 + 64 + 1 + 255 bytes by the canonical form.
            let len = u16::try_from(id.len()).map_err(|_| Bug::invariant())?;
            let head = IdHead { len: len.into() };
            let sighting = Sighting {
                last_day: one.last_day.into(),
                devices: one.devices.into(),
                evidence: one.evidence.into(),
            };
            [head.bytes(), id, sighting.bytes()].into_iter().for_each(|part| out.extend(part));
        }
        Ok(())
    }

    fn decode(record: u64, bytes: &[u8]) -> Option<Self> {
        let (mut rest, mut ids) = (bytes, Vec::new());
        while let Some((IdHead { len }, after)) = IdHead::split(rest) {
            let (id, after) = after.split_at_checked(len.get().into())?;
            let (sighting, after) = Sighting::split(after)?;
            ids.push(BundleId {
                id: DigitalId::decode(id)?,
                last_day: sighting.last_day.get(),
                devices: sighting.devices.get(),
                evidence: sighting.evidence.get(),
            });
            rest = after;
        }
        rest.is_empty().then_some(Self { record, ids })
    }
}

record! {
    /// Start of a bundle in its file; the body follows.
    struct BundleHead {
        record: U64<BigEndian>,
        body_len: U32<BigEndian>,
    }
}

record! {
    /// Length of a digital ID, in front of it.
    struct IdHead {
        len: U16<BigEndian>,
    }
}

record! {
    /// Sighting of a digital ID, behind it.
    struct Sighting {
        last_day: U32<BigEndian>,
        devices: U16<BigEndian>,
        evidence: U16<BigEndian>,
    }
}

/// Writes the bundles of a snapshot, record by record.
#[derive(Debug)]
pub(crate) struct BundleWriter {
    out: SealedOut,
    path: PathBuf,
    /// Room for an encoded body.
    body: Vec<u8>,
}

impl BundleWriter {
    pub(crate) fn create(directory: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        let path = directory.join(BUNDLES);
        Ok(Self { out: create_sealed(&path, key, BUNDLES)?, path, body: Vec::new() })
    }

    /// Appends a bundle, whose record is above the last one.
    pub(crate) fn push(&mut self, bundle: &Bundle) -> Result<(), GraphError> {
        self.body.clear();
        bundle.encode(&mut self.body)?;
        let len = u32::try_from(self.body.len()).ok().filter(|len| *len <= BODY_BYTES_MAX);
        let len = len.ok_or(Bug::invariant())?;
        let head = BundleHead { record: bundle.record.into(), body_len: len.into() };
        self.out.append(head.bytes())?;
        Ok(self.out.append(&self.body)?)
    }

    pub(crate) fn finish(self) -> Result<(), GraphError> {
        Ok(finish_sealed(self.out, &self.path)?)
    }
}

/// The bundles of a snapshot, read from their start.
#[derive(Debug)]
pub struct StoredBundles {
    reader: SealedFile,
    path: PathBuf,
    body: Vec<u8>,
}

impl StoredBundles {
    pub(crate) fn open(directory: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        let path = directory.join(BUNDLES);
        Ok(Self { reader: open_sealed(&path, key, BUNDLES)?, path, body: Vec::new() })
    }

    /// The next bundle, if any.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if the file is damaged.
    pub fn next_bundle(&mut self) -> Result<Option<Bundle>, GraphError> {
        let mut head = BundleHead { record: 0.into(), body_len: 0.into() };
        if !read_or_end(&mut self.reader, head.as_mut_bytes(), &self.path)? {
            return Ok(None);
        }
        let damaged = || GraphError::contradiction(&self.path);
        let len = head.body_len.get();
        if !(1..=BODY_BYTES_MAX).contains(&len) {
            return Err(damaged());
        }
        self.body.resize(usize::try_from(len).map_err(|_| damaged())?, 0);
        if !read_or_end(&mut self.reader, &mut self.body, &self.path)? {
            return Err(damaged());
        }
        Bundle::decode(head.record.get(), &self.body).map(Some).ok_or_else(damaged)
    }
}

/// Snapshots of earlier versions have `digital-ids`, with values of 64 bytes at most,
/// `digital-ids-2`, in which each record has a name across snapshots, or `digital-ids-3`, in which
/// each has the reference of its person.
pub(crate) const BUNDLES: &str = "digital-ids-4";
/// A persona has at most 64 digital IDs.
const BODY_BYTES_MAX: u32 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(record: u64) -> Bundle {
        let value = format!("={record:03}{}", "v".repeat(251));
        let id = DigitalId::parse("cookie", "a.example", &value).unwrap();
        Bundle {
            record,
            ids: vec![
                BundleId { id: id.clone(), last_day: 20_000, devices: 2, evidence: 1 },
                BundleId { id, last_day: 20_001, devices: 1, evidence: 4 },
            ],
        }
    }

    #[test]
    fn layout_of_a_bundle_is_fixed() {
        let bundle = bundle(7);
        let mut expected = Vec::new();
        for (day, devices, evidence) in [(20_000_u32, 2_u16, 1_u16), (20_001, 1, 4)] {
            let id = bundle.ids[0].id.encoded();
            expected.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
            expected.extend(id);
            expected.extend(day.to_be_bytes());
            expected.extend([devices.to_be_bytes(), evidence.to_be_bytes()].concat());
        }
        let mut body = Vec::new();
        bundle.encode(&mut body).unwrap();
        assert_eq!(body, expected);
        let head = BundleHead { record: 1.into(), body_len: 2.into() };
        assert_eq!(head.bytes(), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
    }

    #[test]
    fn bundle_is_a_head_and_for_each_id_its_length_the_id_and_its_sighting() {
        let dir = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        let mut writer = BundleWriter::create(dir.path(), &key).unwrap();
        let cookie = DigitalId::parse("cookie", "a.example", "value-01").unwrap();
        let aaid = "6d92078a-8246-4ba4-ae5b-76104861e7dc";
        let bundle = Bundle {
            record: 0x0102_0304_0506_0708,
            ids: vec![
                BundleId { id: cookie, last_day: 0x0405_0607, devices: 0x0809, evidence: 0x0a0b },
                BundleId {
                    id: DigitalId::parse("aaid", "", aaid).unwrap(),
                    last_day: 0x1415_1617,
                    devices: 0x1819,
                    evidence: 0x1a1b,
                },
            ],
        };
        writer.push(&bundle).unwrap();
        writer.finish().unwrap();
        let expected: [&[u8]; 9] = [
            &[1, 2, 3, 4, 5, 6, 7, 8],
            // 2 + 25 + 8, and 2 + 42 + 8.
            &[0, 0, 0, 87],
            &[0, 25],
            b"cookie\0a.example\0value-01",
            &[4, 5, 6, 7, 8, 9, 10, 11],
            &[0, 42],
            b"aaid\0\0",
            aaid.as_bytes(),
            &[0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b],
        ];
        let path = dir.path().join(BUNDLES);
        assert_eq!(crate::tests::unsealed(&path, &key, BUNDLES), expected.concat());
        let mut stored = StoredBundles::open(dir.path(), &key).unwrap();
        assert_eq!(stored.next_bundle().unwrap(), Some(bundle));
    }

    #[test]
    fn bundles_come_in_the_order_of_their_records() {
        let dir = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        let mut writer = BundleWriter::create(dir.path(), &key).unwrap();
        for record in 0..50 {
            writer.push(&bundle(record)).unwrap();
        }
        writer.finish().unwrap();
        let mut stored = StoredBundles::open(dir.path(), &key).unwrap();
        for record in 0..50 {
            assert_eq!(stored.next_bundle().unwrap(), Some(bundle(record)));
        }
        assert!(stored.next_bundle().unwrap().is_none());
    }
}
