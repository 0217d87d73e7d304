//! `expand_message_xmd` of RFC 9380 over SHA-512, one message at a time.
//!
//! The vector backends hash several messages side by side and are tested against this.

use sha2::{Digest, Sha512};
use zeroize::Zeroize;

/// A domain separation tag as it enters the hash: at most 255 bytes, and its length.
pub(crate) struct DstPrime {
    bytes: [u8; 256],
    len: usize,
}

impl DstPrime {
    /// Takes a tag of any length; one over 255 bytes is hashed first (RFC 9380, 5.3.3).
    pub(crate) fn new(dst: &[u8]) -> Self {
        let mut bytes = [0u8; 256];
        let len = match u8::try_from(dst.len()) {
            Ok(len) => {
                bytes[..dst.len()].copy_from_slice(dst);
                len
            }
            Err(_) => {
                let digest = Sha512::new().chain_update(OVERSIZE).chain_update(dst).finalize();
                bytes[..64].copy_from_slice(&digest);
                64
            }
        };
        bytes[usize::from(len)] = len;
        DstPrime { bytes, len: usize::from(len) + 1 }
    }

    /// The tag followed by one byte, its length.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Expands `message` to 64 uniform bytes.
pub(crate) fn expand(message: &[u8], dst: &DstPrime) -> [u8; 64] {
    let mut uniform = [0u8; 64];
    expand_into(message, dst, &mut uniform);
    uniform
}

/// Fills `out`, of at most 65,535 bytes; its length enters the hash.
fn expand_into(message: &[u8], dst: &DstPrime, out: &mut [u8]) {
    let len = u16::try_from(out.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut first = Sha512::new()
        .chain_update([0u8; 128])
        .chain_update(message)
        .chain_update(len)
        .chain_update([0u8])
        .chain_update(dst.as_bytes())
        .finalize();
    let mut block = sha2::digest::Output::<Sha512>::default();
    for (counter, part) in (1u8..).zip(out.chunks_mut(64)) {
        for (byte, constant) in block.iter_mut().zip(&first) {
            *byte ^= constant;
        }
        block = Sha512::new()
            .chain_update(block)
            .chain_update([counter])
            .chain_update(dst.as_bytes())
            .finalize();
        part.copy_from_slice(&block[..part.len()]);
    }
    first.as_mut_slice().zeroize();
    block.as_mut_slice().zeroize();
}

const OVERSIZE: &[u8] = b"H2C-OVERSIZE-DST-";

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9380, appendix K.3.
    #[test]
    fn matches_rfc_9380() {
        let dst = DstPrime::new(b"QUUX-V01-CS02-with-expander-SHA512-256");
        let short: [(&str, &str); 3] = [
            ("", "6b9a7312411d92f921c6f68ca0b6380730a1a4d982c507211a90964c394179ba"),
            ("abc", "0da749f12fbe5483eb066a5f595055679b976e93abe9be6f0f6318bce7aca8dc"),
            (
                "abcdef0123456789",
                "087e45a86e2939ee8b91100af1583c4938e0f5fc6c9db4b107b83346bc967f58",
            ),
        ];
        for (message, expected) in short {
            let mut out = [0u8; 32];
            expand_into(message.as_bytes(), &dst, &mut out);
            assert_eq!(hex(&out), expected);
        }
        let mut out = [0u8; 128];
        expand_into(b"", &dst, &mut out);
        assert_eq!(
            hex(&out),
            "41b037d1734a5f8df225dd8c7de38f851efdb45c372887be655212d07251b921\
             b052b62eaed99b46f72f2ef4cc96bfaf254ebbbec091e1a3b9e4fb5e5b619d2e\
             0c5414800a1d882b62bb5cd1778f098b8eb6cb399d5d9d18f5d5842cf5d13d7e\
             b00a7cff859b605da678b318bd0e65ebff70bec88c753b159a805d2c89c55961"
        );
    }

    #[test]
    fn hashes_an_oversize_tag_first() {
        let long = [0x61u8; 256];
        let digest = Sha512::new().chain_update(OVERSIZE).chain_update(long).finalize();
        let hashed = DstPrime::new(&digest);
        assert_eq!(expand(b"message", &DstPrime::new(&long)), expand(b"message", &hashed));
        assert_eq!(DstPrime::new(&long[..255]).as_bytes().len(), 256);
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
