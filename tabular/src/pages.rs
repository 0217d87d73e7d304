//! A look at the pages of a Parquet column before they are decoded.
//!
//! The header of a page says how large it is once unpacked and how many values it holds, and the
//! decoder takes memory as the header says. Headers are therefore read first, with a parser that
//! takes no memory, and a column whose pages claim too much is refused.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

/// Claims of the pages of one column in one group of rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// Values of all data pages, absent ones included.
    pub(crate) values: u64,
    /// Bytes of the largest page, unpacked.
    pub(crate) page_bytes_max: u64,
}

/// Reads the headers of the pages in a range of the file; `None` if they make no sense.
pub(crate) fn claims(file: &File, start: u64, len: u64) -> Option<Claims> {
    let mut source = BufReader::new(file);
    source.seek(SeekFrom::Start(start)).ok()?;
    let mut left = len;
    let mut claims = Claims::default();
    while left > 0 {
        let mut header = Compact { source: source.by_ref().take(left.min(HEADER_BYTES_MAX)) };
        let before = header.source.limit();
        let page = header.page()?;
        left = left.checked_sub(before.checked_sub(header.source.limit())?)?;
        left = left.checked_sub(page.packed)?;
        claims.values = claims.values.checked_add(page.values)?;
        claims.page_bytes_max = claims.page_bytes_max.max(page.unpacked);
        source.seek_relative(i64::try_from(page.packed).ok()?).ok()?;
    }
    Some(claims)
}

#[derive(Default)]
struct Page {
    packed: u64,
    unpacked: u64,
    values: u64,
}

/// Reads Thrift's compact protocol, no more of it than page headers need.
struct Compact<R> {
    source: R,
}

impl<R: Read> Compact<R> {
    fn page(&mut self) -> Option<Page> {
        let mut page = Page::default();
        let mut sizes = (false, false);
        let mut id = 0;
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (2, I32) => {
                    page.unpacked = self.count()?;
                    sizes.0 = true;
                }
                (3, I32) => {
                    page.packed = self.count()?;
                    sizes.1 = true;
                }
                // Data pages of both versions begin with their number of values.
                (5 | 8, STRUCT) => page.values = self.values()?,
                _ => self.skip(kind, DEPTH_MAX)?,
            }
        }
        (sizes == (true, true)).then_some(page)
    }

    fn values(&mut self) -> Option<u64> {
        let (mut values, mut id) = (None, 0);
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (1, I32) => values = Some(self.count()?),
                _ => self.skip(kind, DEPTH_MAX)?,
            }
        }
        values
    }

    /// The type of the next field, and its id; `Some(None)` at the end of a struct.
    fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        let step = i64::from(byte >> 4);
        *id = if step == 0 { self.number()? } else { id.checked_add(step)? };
        Some(Some(byte & 0x0F))
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // A boolean field is its own value.
            1 | 2 => Some(()),
            3 => self.byte().map(drop),
            4..=6 => self.number().map(drop),
            7 => self.pass(8),
            8 => {
                let len = self.varint()?;
                self.pass(len)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let size = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
                let kind = byte & 0x0F;
                for _ in 0..size {
                    // Inside a list a boolean takes a byte.
                    if matches!(kind, 1 | 2) {
                        self.byte().map(drop)
                    } else {
                        self.skip(kind, depth)
                    }?;
                }
                Some(())
            }
            STRUCT => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn count(&mut self) -> Option<u64> {
        u64::try_from(self.number()?).ok()
    }

    /// A signed number, zigzag.
    fn number(&mut self) -> Option<i64> {
        let raw = self.varint()?;
        let half = i64::try_from(raw >> 1).ok()?;
        Some(if raw & 1 == 0 { half } else { !half })
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn pass(&mut self, bytes: u64) -> Option<()> {
        let mut part = self.source.by_ref().take(bytes);
        let passed = std::io::copy(&mut part, &mut std::io::sink()).ok()?;
        (passed == bytes).then_some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        self.source.read_exact(&mut byte).ok()?;
        let [byte] = byte;
        Some(byte)
    }
}

const I32: u8 = 5;
const STRUCT: u8 = 12;
const DEPTH_MAX: u8 = 8;

/// The longest header of a page; the statistics in it may hold long texts.
const HEADER_BYTES_MAX: u64 = 1 << 20;
