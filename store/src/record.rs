//! Records of one layout: what sorters, sealed files and merges hold.
//!
//! A layout is a struct of bytes and of numbers in a stated byte order, one field after the other
//! without gaps, so that no offset is written by hand. Records are ordered by their bytes: the
//! fields of a record that is sorted stand in the order in which they decide, and its numbers are
//! big-endian.
//!
//! ```
//! use store::record::{BigEndian, Record, U64, record};
//!
//! record! {
//!     /// A row that somebody objected to.
//!     pub struct Hit {
//!         /// Place of the row.
//!         pub row: U64<BigEndian>,
//!         /// 1 if the objection is to all of its household.
//!         pub household: u8,
//!     }
//! }
//!
//! assert_eq!(Hit::LEN, 9);
//! let hit = Hit { row: 7.into(), household: 1 };
//! assert_eq!(hit.bytes(), [0, 0, 0, 0, 0, 0, 0, 7, 1]);
//! assert_eq!(Hit::read(hit.bytes()).unwrap().row.get(), 7);
//! ```

use std::ops::{Deref, DerefMut};

pub use zerocopy;
pub use zerocopy::byteorder::{BigEndian, LittleEndian, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};
use zeroize::Zeroize as _;

/// A layout of fixed length; [`record!`] declares one.
pub trait Record:
    FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned + Copy + 'static
{
    /// Bytes of a record.
    const LEN: usize = size_of::<Self>();

    /// The record as it lies in a file.
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    /// The record in exactly these bytes.
    fn read(bytes: &[u8]) -> Option<&Self> {
        Self::ref_from_bytes(bytes).ok()
    }

    /// The record in front of what has another length each time, and that rest.
    fn split(bytes: &[u8]) -> Option<(&Self, &[u8])> {
        Self::ref_from_prefix(bytes).ok()
    }

    /// The record at the end of what has another length each time, and what stands before it.
    fn split_end(bytes: &[u8]) -> Option<(&[u8], &Self)> {
        Self::ref_from_suffix(bytes).ok()
    }

    /// Whole records one after the other.
    fn slice(bytes: &[u8]) -> Option<&[Self]> {
        <[Self]>::ref_from_bytes(bytes).ok()
    }
}

impl<T> Record for T where
    T: FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned + Copy + 'static
{
}

/// Declares a layout: a struct whose fields are bytes, arrays of them, and numbers such as
/// `U64<BigEndian>`.
///
/// It cannot be printed, because most layouts hold what no log may.
#[macro_export]
macro_rules! record {
    ($(#[$about:meta])* $vis:vis struct $name:ident { $($fields:tt)* }) => {
        $(#[$about])*
        #[derive(
            Clone,
            Copy,
            PartialEq,
            Eq,
            $crate::record::zerocopy::FromBytes,
            $crate::record::zerocopy::IntoBytes,
            $crate::record::zerocopy::Immutable,
            $crate::record::zerocopy::KnownLayout,
            $crate::record::zerocopy::Unaligned,
        )]
        #[zerocopy(crate = "store::record::zerocopy")]
        #[repr(C)]
        $vis struct $name { $($fields)* }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}
pub use record;

/// A record that is erased when it is dropped.
pub struct Erased<R: Record>(R);

impl<R: Record> From<R> for Erased<R> {
    fn from(record: R) -> Self {
        Self(record)
    }
}

impl<R: Record> Deref for Erased<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.0
    }
}

impl<R: Record> DerefMut for Erased<R> {
    fn deref_mut(&mut self) -> &mut R {
        &mut self.0
    }
}

impl<R: Record> Drop for Erased<R> {
    fn drop(&mut self) {
        self.0.as_mut_bytes().zeroize();
    }
}

opaque!(Erased<R: Record>);
