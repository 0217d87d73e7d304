//! The ordered record of a session, and its form on disk.
//!
//! A transcript opens with what the session id binds of the channel, then holds every control
//! message whole and every bulk frame as its leaf hash; the frames themselves lie beside it or are
//! re-derived. A message is appended before it is sent, so an unrecorded message cannot exist
//! [T-01]. Records carry a checksum against torn and damaged files; what protects against a liar
//! is the signatures and roots inside, which the crate `verify` checks.

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::attestation::Signature;
use crate::bytes::part;
use crate::codec::{FrameHeader, RawFrame};
use crate::error::Bug;
use crate::limits::CONTROL_BODY_MAX;
use crate::suite::PROTOCOL_VERSION;

pub mod merkle;
pub mod receipt;
pub mod result;

/// Opening of a transcript: its owner, and the facts of the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Version of the protocol.
    pub protocol: u16,
    /// Owner of the transcript.
    pub role: Role,
    /// The TLS exporter of the connection.
    pub exporter: [u8; 32],
    /// SHA-256 of the advertiser's SubjectPublicKeyInfo.
    pub spki_advertiser: [u8; 32],
    /// SHA-256 of the provider's SubjectPublicKeyInfo.
    pub spki_provider: [u8; 32],
}

/// Role of a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Brings CRM rows.
    Advertiser,
    /// Brings the identity graph.
    Provider,
}

impl Role {
    /// The number in HELLOs and transcripts.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Advertiser => 0,
            Self::Provider => 1,
        }
    }

    /// The other party.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Advertiser => Self::Provider,
            Self::Provider => Self::Advertiser,
        }
    }

    /// Name in prose and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advertiser => "advertiser",
            Self::Provider => "provider",
        }
    }
}

/// Build features that no release has; a HELLO that shows one is a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BuildFlags {
    /// Small limits were in force.
    pub small_limits: bool,
    /// X25519 without ML-KEM was offered.
    pub classical_kx: bool,
}

impl BuildFlags {
    /// The flags in a HELLO.
    #[must_use]
    pub const fn bits(self) -> u16 {
        (self.small_limits as u16) | ((self.classical_kx as u16) << 1)
    }

    /// The flags of a HELLO; `None` if a bit has no meaning.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Option<Self> {
        match bits {
            0..=3 => Some(Self { small_limits: bits & 1 != 0, classical_kx: bits & 2 != 0 }),
            _ => None,
        }
    }
}

/// One record of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A control message, whole.
    Control(RawFrame),
    /// A bulk frame: its header and leaf hash. The frame itself is written beside the transcript.
    Bulk {
        /// Header of the frame.
        header: FrameHeader,
        /// Merkle leaf over header and payload.
        leaf: merkle::Hash,
        /// Signature of its sender, outside the leaf [T-20].
        signature: Signature,
    },
}

/// Writes the records of one transcript.
#[derive(Debug)]
pub struct Writer {
    next: u64,
}

impl Writer {
    /// The bytes a transcript file starts with.
    ///
    /// # Errors
    ///
    /// As [`Self::append`].
    pub fn open(opening: &Opening) -> Result<(Self, Vec<u8>), Bug> {
        let body = [
            &opening.protocol.to_le_bytes()[..],
            &[opening.role.code()],
            &opening.exporter,
            &opening.spki_advertiser,
            &opening.spki_provider,
        ]
        .concat();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(encode_record(TYPE_OPENING, 0, &body)?);
        Ok((Self { next: 1 }, bytes))
    }

    /// The bytes to append for a record.
    ///
    /// # Errors
    ///
    /// [`Bug`] past the last number or length that a record can state.
    pub fn append(&mut self, record: &Record) -> Result<Vec<u8>, Bug> {
        let (kind, body) = match record {
            Record::Control(frame) => {
                (TYPE_CONTROL, [&frame.header.encode()[..], &frame.payload].concat())
            }
            Record::Bulk { header, leaf, signature } => {
                let parts = [&header.encode()[..], &leaf[..], &signature.to_bytes()];
                (TYPE_BULK, parts.concat())
            }
        };
        let bytes = encode_record(kind, self.next, &body)?;
        self.next = self.next.checked_add(1).ok_or(Bug::invariant())?;
        Ok(bytes)
    }
}

/// A transcript read back: whole, in order, every checksum right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// The facts of the channel.
    pub opening: Opening,
    /// The records in the order they were appended.
    pub records: Vec<Record>,
}

impl Transcript {
    /// Parses the bytes of a transcript file.
    ///
    /// # Errors
    ///
    /// [`Unreadable::OtherVersion`] by the first line or record; [`Unreadable::Damaged`] at the
    /// first record that is torn, altered, or out of sequence.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        match Self::parse_prefix(bytes)? {
            (transcript, None) => Ok(transcript),
            (_, Some(record)) => Err(Damaged { record }.into()),
        }
    }

    /// Parses the bytes of a transcript file as far as they go, and says which record they end in
    /// the middle of, if they do.
    ///
    /// A writer that was cut leaves a file like that, so it is the beginning of a transcript and
    /// not a damaged one [T-05]. Every byte of the torn record has to fit what it says of itself.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`], without a torn last record; a file that ends within its first record
    /// says nothing and is damaged.
    pub fn parse_prefix(bytes: &[u8]) -> Result<(Self, Option<u64>), Unreadable> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(|| unread(bytes))?;
        let mut seq = 0_u64;
        let mut opening = None;
        let mut torn = None;
        let mut records = Vec::new();
        while !rest.is_empty() {
            let damaged = Damaged { record: seq };
            let Some((kind, body, tail)) = decode_record(seq, rest) else {
                if opening.is_some() && is_torn(seq, rest) {
                    torn = Some(seq);
                    break;
                }
                return Err(damaged.into());
            };
            rest = tail;
            match (kind, opening) {
                (TYPE_OPENING, None) => {
                    opening = Some(parse_opening(body).ok_or(damaged)?);
                }
                (TYPE_CONTROL | TYPE_BULK, Some(_)) => {
                    records.push(parse_record(kind, body).ok_or(damaged)?);
                }
                _ => return Err(damaged.into()),
            }
            seq = seq.checked_add(1).ok_or(damaged)?;
        }
        let opening = opening.ok_or(Damaged { record: 0 })?;
        if opening.protocol != PROTOCOL_VERSION {
            return Err(Unreadable::OtherVersion);
        }
        Ok((Self { opening, records }, torn))
    }
}

/// Fault of a transcript file that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The file is of another version of the protocol; none is converted.
    #[error("OtherVersion")]
    OtherVersion,
    /// A record is torn or altered, or the file is no transcript.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// Transcript file that is torn, altered, or not a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Damaged({record})")]
pub struct Damaged {
    /// Number of the first bad record.
    pub record: u64,
}

/// Fault of a file without our first line.
fn unread(bytes: &[u8]) -> Unreadable {
    let version = bytes.strip_prefix(MAGIC_OF_ANY).and_then(|rest| {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        rest.get(..end)
    });
    let numbered =
        |digits: &[u8]| (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    match version {
        Some(digits) if numbered(digits) => Unreadable::OtherVersion,
        _ => Damaged { record: 0 }.into(),
    }
}

/// `u32 length ‖ u8 type ‖ u64 sequence ‖ body ‖ checksum`, the length counting the body.
fn encode_record(kind: u8, seq: u64, body: &[u8]) -> Result<Vec<u8>, Bug> {
    // Bodies are control frames, headers and hashes: below 66 kB.
    let len = u32::try_from(body.len()).map_err(|_| Bug::invariant())?;
    let head = [&len.to_le_bytes()[..], &[kind], &seq.to_le_bytes()].concat();
    let sum = checksum(&head, body);
    Ok([&head[..], body, &sum].concat())
}

fn decode_record(seq: u64, bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(RECORD_HEAD_LEN)?;
    let (len, kind_and_seq) = head.split_first_chunk::<4>()?;
    let (kind, stored_seq) = kind_and_seq.split_first()?;
    if stored_seq != seq.to_le_bytes() {
        return None;
    }
    let (body, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
    let (sum, rest) = rest.split_first_chunk::<CHECKSUM_LEN>()?;
    // [G56]
    (*sum == checksum(head, body)).then_some((*kind, body, rest))
}

/// True for bytes that are the beginning of record `seq`, and not all of it.
///
/// Lengths stand in a record twice, as its own and in the frame header, so that an altered one is
/// seen.
fn is_torn(seq: u64, bytes: &[u8]) -> bool {
    let begins =
        |at: usize, whole: &[u8]| bytes.iter().skip(at).zip(whole).all(|(one, other)| one == other);
    let kind = bytes.get(4);
    let is_record = kind.is_none_or(|kind| [TYPE_CONTROL, TYPE_BULK].contains(kind));
    if !is_record || !begins(5, &seq.to_le_bytes()) {
        return false;
    }
    let Some((len, _)) = bytes.split_first_chunk::<4>() else {
        return true;
    };
    let (least, most) = match kind {
        Some(&TYPE_BULK) => (BULK_BODY_LEN, BULK_BODY_LEN),
        _ => (FrameHeader::LEN, CONTROL_RECORD_LEN_MAX),
    };
    let Ok(len) = usize::try_from(u32::from_le_bytes(*len)) else {
        return false;
    };
    let whole = len.checked_add(RECORD_HEAD_LEN + CHECKSUM_LEN);
    let ends_early = whole.is_none_or(|whole| bytes.len() < whole);
    let body = bytes.get(RECORD_HEAD_LEN..);
    let header_fits = match body.and_then(<[u8]>::split_first_chunk::<{ FrameHeader::LEN }>) {
        None => true,
        Some((header, _)) => {
            FrameHeader::parse(header).is_ok_and(|header| match header.stream.is_control() {
                true => {
                    let payload = usize::try_from(header.payload_len).ok();
                    kind == Some(&TYPE_CONTROL) && payload == len.checked_sub(FrameHeader::LEN)
                }
                false => kind == Some(&TYPE_BULK),
            })
        }
    };
    (least..=most).contains(&len) && ends_early && header_fits
}

fn checksum(head: &[u8], body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let hash: [u8; 32] = Sha256::new().chain_update(head).chain_update(body).finalize().into();
    part::<0, CHECKSUM_LEN, 32>(&hash)
}

fn parse_opening(body: &[u8]) -> Option<Opening> {
    let (protocol, rest) = body.split_first_chunk::<2>()?;
    let (role, rest) = rest.split_first()?;
    let (exporter, rest) = rest.split_first_chunk::<32>()?;
    let (spki_advertiser, rest) = rest.split_first_chunk::<32>()?;
    let spki_provider: [u8; 32] = rest.try_into().ok()?;
    let role = match role {
        0 => Role::Advertiser,
        1 => Role::Provider,
        _ => return None,
    };
    Some(Opening {
        protocol: u16::from_le_bytes(*protocol),
        role,
        exporter: *exporter,
        spki_advertiser: *spki_advertiser,
        spki_provider,
    })
}

fn parse_record(kind: u8, body: &[u8]) -> Option<Record> {
    let (header, rest) = body.split_first_chunk::<{ FrameHeader::LEN }>()?;
    let header = FrameHeader::parse(header).ok()?;
    match (kind, header.stream.is_control()) {
        (TYPE_CONTROL, true) => Some(Record::Control(RawFrame::new(header, rest.into()).ok()?)),
        (TYPE_BULK, false) => {
            let (leaf, signature) = rest.split_first_chunk::<32>()?;
            let signature = Signature::from_bytes(signature.try_into().ok()?);
            Some(Record::Bulk { header, leaf: *leaf, signature })
        }
        _ => None,
    }
}

/// The first line carries the version of the protocol.
const MAGIC: &[u8] = b"VEILMATCH-TRANSCRIPT-3\n";
const MAGIC_OF_ANY: &[u8] = b"VEILMATCH-TRANSCRIPT-";
const _: () = assert!(PROTOCOL_VERSION == 3, "the first line carries this number");
const RECORD_HEAD_LEN: usize = 13;
const CHECKSUM_LEN: usize = 8;
/// Header and leaf hash.
const BULK_BODY_LEN: usize = FrameHeader::LEN + 32 + Signature::LEN;
/// Header and the longest body of a control message.
const CONTROL_RECORD_LEN_MAX: usize = FrameHeader::LEN + CONTROL_BODY_MAX as usize;
const TYPE_OPENING: u8 = 1;
const TYPE_CONTROL: u8 = 2;
const TYPE_BULK: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::StreamId;

    fn sample() -> (Transcript, Vec<u8>) {
        let opening = Opening {
            protocol: 3,
            role: Role::Provider,
            exporter: [1; 32],
            spki_advertiser: [2; 32],
            spki_provider: [3; 32],
        };
        let header = FrameHeader {
            stream: StreamId::Blind,
            kind: 1,
            elements: 1,
            index: 0,
            payload_len: 32,
        };
        let control = FrameHeader {
            stream: StreamId::ControlAdvertiser,
            kind: 9,
            elements: 0,
            index: 0,
            payload_len: 3,
        };
        let records = vec![
            Record::Control(RawFrame::new(control, [7, 8, 9].into()).unwrap()),
            Record::Bulk { header, leaf: [4; 32], signature: Signature { r: [5; 32], s: [6; 32] } },
        ];
        let (mut writer, mut bytes) = Writer::open(&opening).unwrap();
        for record in &records {
            bytes.extend(writer.append(record).unwrap());
        }
        (Transcript { opening, records }, bytes)
    }

    #[test]
    fn a_writer_without_numbers_left_reports_a_defect() {
        let (transcript, _) = sample();
        let mut writer = Writer { next: u64::MAX };
        assert_eq!(writer.append(&transcript.records[0]), Err(Bug::invariant()));
    }

    #[test]
    fn transcript_round_trips() {
        let (transcript, bytes) = sample();
        assert_eq!(Transcript::parse(&bytes), Ok(transcript));
    }

    #[test]
    fn a_transcript_of_another_version_is_told_from_a_damaged_one() {
        let (_, bytes) = sample();
        for (line, expected) in [
            ("VEILMATCH-TRANSCRIPT-1\n", Unreadable::OtherVersion),
            ("VEILMATCH-TRANSCRIPT-30\n", Unreadable::OtherVersion),
            ("VEILMATCH-TRANSCRIPT-\n", Damaged { record: 0 }.into()),
            ("VEILMATCH-TRANSCRIPT-3", Damaged { record: 0 }.into()),
            ("VEILMATCH-TRANSCRIPT-x\n", Damaged { record: 0 }.into()),
            ("", Damaged { record: 0 }.into()),
        ] {
            let altered = [line.as_bytes(), bytes.strip_prefix(MAGIC).unwrap()].concat();
            assert_eq!(Transcript::parse(&altered), Err(expected), "{line}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_after_its_opening_is_the_beginning_of_a_transcript() {
        let (transcript, bytes) = sample();
        let (_, opening) = Writer::open(&transcript.opening).unwrap();
        for cut in 0..=bytes.len() {
            let read = Transcript::parse_prefix(&bytes[..cut]);
            if cut < opening.len() {
                assert_eq!(read, Err(Damaged { record: 0 }.into()), "cut at {cut}");
                continue;
            }
            let (beginning, torn) = read.unwrap();
            assert!(transcript.records.starts_with(&beginning.records), "cut at {cut}");
            let whole = Transcript::parse(&bytes[..cut]).is_ok();
            let next = beginning.records.len() as u64 + 1;
            assert_eq!(torn, (!whole).then_some(next), "cut at {cut}");
        }
    }

    #[test]
    fn an_altered_bit_is_damage_and_never_a_torn_end() {
        let (transcript, bytes) = sample();
        let (_, opening) = Writer::open(&transcript.opening).unwrap();
        for bit in opening.len() * 8..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let read = Transcript::parse_prefix(&altered);
            assert!(matches!(read, Err(Unreadable::Damaged(_))), "bit {bit}");
        }
    }

    #[test]
    fn a_record_of_another_protocol_is_told_from_a_damaged_one() {
        let (transcript, _) = sample();
        let (_, bytes) = Writer::open(&Opening { protocol: 4, ..transcript.opening }).unwrap();
        assert_eq!(Transcript::parse(&bytes), Err(Unreadable::OtherVersion));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_record_is_noticed() {
        let (transcript, bytes) = sample();
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(Transcript::parse(&altered).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            match Transcript::parse(&bytes[..cut]) {
                Err(_) => {}
                // A cut between records parses; its missing receipt is the verifier's finding.
                Ok(shorter) => assert!(shorter.records.len() < transcript.records.len()),
            }
        }
    }
}
