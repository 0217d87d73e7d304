//! A look at the pages of a Parquet column before they are decoded.
//!
//! The header of a page says how large it is once unpacked and how many values it holds, and the
//! decoder takes memory as the header says. Headers are therefore read first, with a parser that
//! takes no memory, and a column whose pages claim too much is refused. The unpackers of some
//! codecs do not stop at what the header says: pages in these are unpacked once before, into
//! nothing, and one that holds more than it claims is refused.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use parquet::basic::Compression;

/// Claims of the pages of one column in one group of rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// Values of all data pages, absent ones included.
    pub(crate) values: u64,
    /// Bytes of the largest page, unpacked.
    pub(crate) page_bytes_max: u64,
}

/// Reads the headers of the pages in a range of the file; `None` if they make no sense, or if a
/// page holds more than its header says.
pub(crate) fn claims(file: &File, start: u64, len: u64, codec: Compression) -> Option<Claims> {
    let mut source = BufReader::new(file);
    source.seek(SeekFrom::Start(start)).ok()?;
    let end = start.checked_add(len)?;
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
        if page.unpacked <= PAGE_BYTES_MAX {
            unpack(source.by_ref().take(page.packed), &page, codec)?;
        }
        let next = end.checked_sub(left)?;
        let at = source.stream_position().ok()?;
        source.seek_relative(i64::try_from(next.checked_sub(at)?).ok()?).ok()?;
    }
    Some(claims)
}

/// Unpacks a page into nothing, where its codec has no bound of its own; `None` if it holds more
/// than it claims.
fn unpack(mut source: impl Read, page: &Page, codec: Compression) -> Option<()> {
    let claimed = page.unpacked.checked_sub(page.levels)?;
    if !page.is_packed || claimed == 0 {
        return Some(());
    }
    let most = claimed.checked_add(1)?;
    let mut levels = source.by_ref().take(page.levels);
    let unpacked: Box<dyn Read + '_> = match codec {
        Compression::GZIP(_) | Compression::BROTLI(_) | Compression::LZ4 => {
            io::copy(&mut levels, &mut io::sink()).ok()?;
            match codec {
                Compression::GZIP(_) => Box::new(flate2::read::MultiGzDecoder::new(source)),
                Compression::LZ4 => Box::new(lz4_flex::frame::FrameDecoder::new(source)),
                _ => {
                    let mut first = [0];
                    source.read_exact(&mut first).ok()?;
                    if matches!(first, [byte] if byte & 0x7F == BROTLI_LARGE_WINDOW) {
                        return None;
                    }
                    let whole = io::Cursor::new(first).chain(source);
                    Box::new(brotli::Decompressor::new(whole, UNPACKED_BYTES))
                }
            }
        }
        _ => return Some(()),
    };
    // A fault in the packing is found again by the decoder, which has other ways to read LZ4.
    let mut unpacked = unpacked.take(most);
    let fault = io::copy(&mut unpacked, &mut io::sink()).is_err();
    (fault || unpacked.limit() > 0).then_some(())
}

#[derive(Default)]
struct Page {
    packed: u64,
    unpacked: u64,
    values: u64,
    /// Bytes at its start that are never packed: the levels of a page of version 2.
    levels: u64,
    is_packed: bool,
}

/// Reads Thrift's compact protocol, no more of it than page headers need.
struct Compact<R> {
    source: R,
}

impl<R: Read> Compact<R> {
    fn page(&mut self) -> Option<Page> {
        let mut page = Page { is_packed: true, ..Page::default() };
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
                (5, STRUCT) => page.values = self.values()?,
                (8, STRUCT) => self.version_2(&mut page)?,
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

    /// The number of values of a data page of version 2, and what of it is not packed.
    fn version_2(&mut self, page: &mut Page) -> Option<()> {
        let (mut values, mut id) = (None, 0);
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (1, I32) => values = Some(self.count()?),
                (5 | 6, I32) => page.levels = page.levels.checked_add(self.count()?)?,
                // A boolean field is its own value.
                (7, TRUE | FALSE) => page.is_packed = kind == TRUE,
                _ => self.skip(kind, DEPTH_MAX)?,
            }
        }
        page.values = values?;
        Some(())
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
            TRUE | FALSE => Some(()),
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
                    if matches!(kind, TRUE | FALSE) {
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

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const STRUCT: u8 = 12;
const DEPTH_MAX: u8 = 8;

/// The longest header of a page; the statistics in it may hold long texts.
const HEADER_BYTES_MAX: u64 = 1 << 20;

/// The largest page once unpacked.
pub(crate) const PAGE_BYTES_MAX: u64 = 64 << 20;

/// Bytes unpacked at a time.
const UNPACKED_BYTES: usize = 64 * 1024;

/// The first bits of a stream whose window may be a gibibyte, which the format of Parquet does not
/// have.
const BROTLI_LARGE_WINDOW: u8 = 0x11;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use parquet::basic::{BrotliLevel, GzipLevel};

    use super::*;

    const GZIP: fn() -> Compression = || Compression::GZIP(GzipLevel::default());
    const BROTLI: fn() -> Compression = || Compression::BROTLI(BrotliLevel::default());

    fn pack(codec: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match codec {
            Compression::GZIP(_) => {
                let level = flate2::Compression::default();
                let mut encoder = flate2::write::GzEncoder::new(&mut out, level);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap();
            }
            Compression::BROTLI(_) => {
                let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 3, 22);
                encoder.write_all(bytes).unwrap();
                drop(encoder);
            }
            _ => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(&mut out);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap();
            }
        }
        out
    }

    fn varint(mut value: usize) -> Vec<u8> {
        value *= 2; // zigzag
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(u8::try_from(value & 0x7F).unwrap() | 0x80);
            value >>= 7;
        }
        out.push(u8::try_from(value).unwrap());
        out
    }

    /// A data page of version 1 with three values, that claims so many bytes.
    fn page(claimed: usize, packed: &[u8]) -> Vec<u8> {
        let sizes = [vec![0x15, 0, 0x15], varint(claimed), vec![0x15], varint(packed.len())];
        let values = [vec![0x2C, 0x15], varint(3), vec![0, 0]];
        [sizes.concat(), values.concat(), packed.to_vec()].concat()
    }

    fn claims_of(bytes: &[u8], codec: Compression) -> Option<Claims> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"PAR1").unwrap();
        file.write_all(bytes).unwrap();
        claims(&file, 4, bytes.len().try_into().unwrap(), codec)
    }

    #[test]
    fn a_page_that_holds_more_than_it_claims_is_refused() {
        let bytes = vec![b'a'; 1 << 20];
        for codec in [GZIP(), BROTLI(), Compression::LZ4] {
            let packed = pack(codec, &bytes);
            let honest = [page(bytes.len(), &packed), page(bytes.len(), &packed)].concat();
            let found = Claims { values: 6, page_bytes_max: 1 << 20 };
            assert_eq!(claims_of(&honest, codec), Some(found), "{codec:?}");
            for claimed in [1, 100, bytes.len() - 1] {
                let lying = [page(bytes.len(), &packed), page(claimed, &packed)].concat();
                assert_eq!(claims_of(&lying, codec), None, "{codec:?} {claimed}");
            }
        }
    }

    #[test]
    fn a_window_of_brotli_beyond_its_format_is_refused() {
        let bytes = page(1 << 20, &[0x11, 0x3E, 0, 0, 0, 0]);
        assert_eq!(claims_of(&bytes, BROTLI()), None);
    }

    #[test]
    fn a_cut_page_is_no_page() {
        let bytes = page(3, b"abc");
        assert!(claims_of(&bytes, Compression::UNCOMPRESSED).is_some());
        for cut in 1..bytes.len() {
            assert_eq!(claims_of(&bytes[..cut], Compression::UNCOMPRESSED), None, "{cut}");
        }
    }
}
