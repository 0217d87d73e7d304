//! Spills: records that a session gives its driver to keep outside memory, and gets back sorted.
//!
//! Each spill has one layout, the struct that [`SpillName`] names. Integers are big-endian, so that
//! records in the order of their bytes are in the order of their fields.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use zerocopy::big_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};
use zeroize::Zeroizing;

use crate::{Outbox, Output};
use protocol::codec::RawFrame;
use protocol::digital_id::DigitalId;
use protocol::error::Bug;
use protocol::oprf::{Handle, MatchTag};
use protocol::rows::RowWidth;

/// Names of the spills of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpillName {
    /// The received table, chunk by chunk as frames, in stream order.
    Table,
    /// Aligned order, the advertiser's: [`OwnTag`]. PRF outputs, to be kept sealed.
    OwnTags,
    /// Aligned order, the advertiser's: [`Placement`].
    Placements,
    /// Aligned order, the advertiser's: [`Hit`].
    Hits,
    /// Aligned order, the advertiser's: [`RowHit`].
    RowHits,
    /// The outcome of `matched-rows`: [`MatchedRow`].
    MatchedRows,
    /// Shuffled order, the advertiser's: rows of blinded encodings, canary rows among them. The
    /// order in which the records came is secret.
    BlindedRows(RowWidth),
    /// Shuffled order, the advertiser's: the received EVAL, as frames, in stream order.
    Evaluations,
    /// Shuffled order, the advertiser's: [`ResponseTag`]. PRF outputs, to be kept sealed.
    ResponseTags,
    /// Shuffled order, the advertiser's: [`RowHandle`].
    RowHandles,
    /// Shuffled order, the advertiser's: [`NamedMatch`], one for each matched row.
    MatchedHandles,
    /// Shuffled order, the provider's: [`AskedElement`].
    AskedElements,
    /// Shuffled order, the provider's: rows of evaluated encodings, noise rows among them. The
    /// order in which the records came is the permutation, which only an auditor may see.
    EvaluatedRows(RowWidth),
    /// The provider's: [`NamedMatch`], one for each handle received, increasing as they come.
    Handles,
    /// Digital IDs. The provider's node gives them as [`SpillContent::Ids`], strictly increasing by
    /// their encoding; the advertiser's session spills them in that order, encoded one after the
    /// other, to be kept as they come.
    DigitalIds,
}

impl SpillName {
    /// Bytes of a record; `None` for frames and for digital IDs, which vary.
    #[must_use]
    pub const fn record_len(self) -> Option<usize> {
        Some(match self {
            Self::Table | Self::Evaluations | Self::DigitalIds => return None,
            Self::OwnTags => size_of::<OwnTag>(),
            Self::Placements => size_of::<Placement>(),
            Self::Hits => size_of::<Hit>(),
            Self::RowHits => size_of::<RowHit>(),
            Self::MatchedRows => size_of::<MatchedRow>(),
            Self::AskedElements => size_of::<AskedElement>(),
            Self::BlindedRows(width) | Self::EvaluatedRows(width) => width.row_len(),
            Self::ResponseTags => size_of::<ResponseTag>(),
            Self::RowHandles => size_of::<RowHandle>(),
            Self::MatchedHandles | Self::Handles => size_of::<NamedMatch>(),
        })
    }
}

/// Record of a spill.
pub trait Record:
    FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + Copy + 'static
{
    /// Spill whose records these are.
    const SPILL: SpillName;

    /// True if equal records may stand in the spill.
    const REPEATS: bool = false;
}

/// Declares the struct of a record, each field as it lies in the bytes.
macro_rules! records {
    ($(
        $(#[$meta:meta])*
        $name:ident in $spill:ident $(($repeats:ident))? {
            $($(#[$field_meta:meta])* $field:ident: $kind:ty,)+
        }
    )+) => { $(
        $(#[$meta])*
        #[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
        #[repr(C)]
        pub struct $name { $($(#[$field_meta])* pub $field: $kind,)+ }

        impl Record for $name {
            const SPILL: SpillName = SpillName::$spill;
            $(const REPEATS: bool = $repeats;)?
        }

        /// Opaque, since records are PRF outputs or tell which rows matched.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+ };
}

records! {
    /// Own tag of an element.
    OwnTag in OwnTags {
        /// Bytes that are compared with the table.
        tag: [u8; MatchTag::LEN],
        /// Element that the tag is of, as a hit would name it.
        hit: Hit,
    }

    /// Place where an element stands in the input. A row may hold one identifier twice.
    Placement in Placements (true) {
        /// Element.
        element: U64,
        /// Row in committed order, and kind of the identifier.
        place: RowHit,
    }

    /// Element that hit the table.
    Hit in Hits {
        /// Element.
        element: U64,
    }

    /// Hit of a row. Two identifiers of one kind may both match.
    RowHit in RowHits (true) {
        /// Row in committed order.
        row: U64,
        /// Position of the kind in the terms.
        kind: u8,
    }

    /// Matched row of the outcome.
    MatchedRow in MatchedRows {
        /// Row in committed order.
        row: U64,
        /// Kinds that matched, one bit for each position in the terms.
        kinds: U16,
    }

    /// Output of an answer; equal outputs stand side by side.
    ResponseTag in ResponseTags {
        /// Bytes that are compared with the table.
        tag: [u8; MatchTag::LEN],
        /// Handle of the element.
        handle: NamedMatch,
        /// Row of the answers.
        row: U64,
    }

    /// Answer that hit the table.
    RowHandle in RowHandles {
        /// Row of the answers.
        row: U64,
        /// Name of the match.
        handle: NamedMatch,
    }

    /// Element of BLIND. A peer that breaks the protocol may send one twice.
    AskedElement in AskedElements (true) {
        /// Encoding of the element.
        element: [u8; 32],
    }

    /// Handle, which names a match without naming a row.
    NamedMatch in MatchedHandles {
        /// Bytes of the handle.
        handle: [u8; Handle::LEN],
    }
}

/// Records on their way to a spill; erased when dropped.
pub(crate) struct Spilling<R> {
    records: Zeroizing<Vec<u8>>,
    kind: PhantomData<R>,
}

impl<R: Record> Spilling<R> {
    /// Room for so many records: a vector that grows leaves its secrets behind unwiped.
    pub(crate) fn with_room(records: usize) -> Self {
        // Beyond the address space no number of records is at hand to be pushed.
        let bytes = records.checked_mul(size_of::<R>()).unwrap_or(0);
        Self { records: Zeroizing::new(Vec::with_capacity(bytes)), kind: PhantomData }
    }

    pub(crate) fn push(&mut self, record: &R) {
        self.records.extend_from_slice(record.as_bytes());
    }

    /// Number of records.
    pub(crate) fn count(&self) -> u64 {
        (self.records.len() / size_of::<R>()) as u64
    }

    /// Has the driver keep the records, if there are any.
    pub(crate) fn spill(self, out: &mut Outbox) {
        if !self.records.is_empty() {
            out.push(Output::Spill { spill: R::SPILL, records: self.records });
        }
    }
}

/// The next chunk of a spill.
#[derive(Debug)]
pub struct SpillChunk {
    /// Spill that the chunk is of.
    pub spill: SpillName,
    /// Content of the chunk.
    pub content: SpillContent,
    /// True if nothing follows.
    pub last: bool,
}

impl SpillChunk {
    /// Records of the chunk.
    ///
    /// # Errors
    ///
    /// [`Bug`] for a chunk of another spill, and for a part of a record.
    pub fn records<R: Record>(&self) -> Result<&[R], Bug> {
        match &self.content {
            SpillContent::Records(bytes) if self.spill == R::SPILL => {
                <[R]>::ref_from_bytes(bytes).map_err(|_| Bug::misuse())
            }
            _ => Err(Bug::misuse()),
        }
    }
}

/// Content of a chunk.
pub enum SpillContent {
    /// Whole records in increasing order.
    Records(Zeroizing<Vec<u8>>),
    /// A frame of the table or of EVAL.
    Frame(RawFrame),
    /// Digital IDs, strictly increasing by their encoding.
    Ids(Vec<DigitalId>),
}

/// Shows sizes only: records are PRF outputs or tell which rows matched.
impl fmt::Debug for SpillContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(records) => write!(f, "Records({} bytes)", records.len()),
            Self::Frame(frame) => write!(f, "Frame({})", name_of(frame)),
            Self::Ids(ids) => write!(f, "Ids({})", ids.len()),
        }
    }
}

/// Stream and index of a frame, without its content.
pub(crate) fn name_of(frame: &RawFrame) -> String {
    format!("{} {}", frame.header.stream.name(), frame.header.index)
}
