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
        let (q, a) = (format!("q128_{}", "q".repeat(128)), format!("a512_{}", "a".repeat(512)));
        let messages = ["", "abc", "abcdef0123456789", &q, &a];
        for (message, (short, long)) in messages.into_iter().zip(EXPANDED) {
            let mut out = [0u8; 32];
            expand_into(message.as_bytes(), &dst, &mut out);
            assert_eq!(hex(&out), short);
            let mut out = [0u8; 128];
            expand_into(message.as_bytes(), &dst, &mut out);
            assert_eq!(hex(&out), long);
        }
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

    /// 32 and 128 bytes of each message.
    const EXPANDED: [(&str, &str); 5] = [
        (
            "6b9a7312411d92f921c6f68ca0b6380730a1a4d982c507211a90964c394179ba",
            "41b037d1734a5f8df225dd8c7de38f851efdb45c372887be655212d07251b921\
             b052b62eaed99b46f72f2ef4cc96bfaf254ebbbec091e1a3b9e4fb5e5b619d2e\
             0c5414800a1d882b62bb5cd1778f098b8eb6cb399d5d9d18f5d5842cf5d13d7e\
             b00a7cff859b605da678b318bd0e65ebff70bec88c753b159a805d2c89c55961",
        ),
        (
            "0da749f12fbe5483eb066a5f595055679b976e93abe9be6f0f6318bce7aca8dc",
            "7f1dddd13c08b543f2e2037b14cefb255b44c83cc397c1786d975653e36a6b11\
             bdd7732d8b38adb4a0edc26a0cef4bb45217135456e58fbca1703cd6032cb134\
             7ee720b87972d63fbf232587043ed2901bce7f22610c0419751c065922b48843\
             1851041310ad659e4b23520e1772ab29dcdeb2002222a363f0c2b1c972b3efe1",
        ),
        (
            "087e45a86e2939ee8b91100af1583c4938e0f5fc6c9db4b107b83346bc967f58",
            "3f721f208e6199fe903545abc26c837ce59ac6fa45733f1baaf0222f8b7acb04\
             24814fcb5eecf6c1d38f06e9d0a6ccfbf85ae612ab8735dfdf9ce84c372a77c8\
             f9e1c1e952c3a61b7567dd0693016af51d2745822663d0c2367e3f4f0bed827f\
             eecc2aaf98c949b5ed0d35c3f1023d64ad1407924288d366ea159f46287e61ac",
        ),
        (
            "7336234ee9983902440f6bc35b348352013becd88938d2afec44311caf8356b3",
            "b799b045a58c8d2b4334cf54b78260b45eec544f9f2fb5bd12fb603eaee70db7\
             317bf807c406e26373922b7b8920fa29142703dd52bdf280084fb7ef69da78af\
             df80b3586395b433dc66cde048a258e476a561e9deba7060af40adf30c64249c\
             a7ddea79806ee5beb9a1422949471d267b21bc88e688e4014087a0b592b695ed",
        ),
        (
            "57b5f7e766d5be68a6bfe1768e3c2b7f1228b3e4b3134956dd73a59b954c66f4",
            "05b0bfef265dcee87654372777b7c44177e2ae4c13a27f103340d9cd11c86cb2\
             426ffcad5bd964080c2aee97f03be1ca18e30a1f14e27bc11ebbd650f305269c\
             c9fb1db08bf90bfc79b42a952b46daf810359e7bc36452684784a64952c343c5\
             2e5124cd1f71d474d5197fefc571a92929c9084ffe1112cf5eea5192ebff330b",
        ),
    ];
}
