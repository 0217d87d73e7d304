//! Hashes of many messages on every backend, against sha2 one message at a time and the vectors of
//! the standards.

mod common;

use common::{Random, engines, unhex};
use ristretto_batch::{Engine, Hash};
use sha2::{Digest, Sha512};

/// FIPS 180-4, examples of the hash function.
#[test]
fn sha_512_of_fips_180() {
    let long: &[u8] = b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn\
        hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    let vectors: [(&[u8], &str); 3] = [
        (
            b"abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            b"",
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
             47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ),
        (
            long,
            "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018\
             501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
        ),
    ];
    for (message, digest) in vectors {
        everywhere(Hash::Sha512, message, unhex(digest));
    }
}

/// RFC 4231, 4.2 to 4.8, without the truncated one of 4.6.
#[test]
fn hmac_of_rfc_4231() {
    let ascending: [u8; 25] = core::array::from_fn(|i| i as u8 + 1);
    let vectors: [(&[u8], &[u8], &str); 6] = [
        (
            &[0x0b; 20],
            b"Hi There",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
             daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
        (
            &[0xaa; 20],
            &[0xdd; 50],
            "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39\
             bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
        ),
        (
            &ascending,
            &[0xcd; 50],
            "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db\
             a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
        ),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
             6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
        ),
        (
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size \
              data. The key needs to be hashed before being used by the HMAC algorithm.",
            "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944\
             b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
        ),
    ];
    for (key, message, expected) in vectors {
        everywhere(Hash::HmacSha512 { key }, message, unhex(expected));
    }
}

#[test]
fn messages_of_every_length_hash_like_one_at_a_time() {
    let mut random = Random::seeded("messages_of_every_length_hash_like_one_at_a_time");
    let pool: [u8; 400] = random.bytes();
    let dst = &pool[300..340];
    for len in 0..=300 {
        let messages: Vec<&[u8]> = (0..19).map(|at| &pool[at..at + len]).collect();
        for (hash, one) in hashes(&pool[..64], dst) {
            let expected: Vec<[u8; 64]> = messages.iter().map(|message| one(message)).collect();
            for engine in engines() {
                assert!(digests(engine, hash, &messages) == expected, "{engine:?} {hash:?} {len}");
            }
        }
    }
}

#[test]
fn runs_of_every_length_and_of_unlike_messages_hash_like_one_at_a_time() {
    let mut random =
        Random::seeded("runs_of_every_length_and_of_unlike_messages_hash_like_one_at_a_time");
    let pool: [u8; 700] = random.bytes();
    let messages: Vec<&[u8]> =
        (0..33).map(|at| &pool[at..at + random.word() as usize % 600]).collect();
    for (hash, one) in hashes(&pool[..64], b"runs") {
        let expected: Vec<[u8; 64]> = messages.iter().map(|message| one(message)).collect();
        for engine in engines() {
            for len in 0..=33 {
                let digests = digests(engine, hash, &messages[..len]);
                assert!(digests == expected[..len], "{engine:?} {hash:?} {len}");
            }
        }
    }
}

#[test]
fn keys_and_tags_of_every_length_hash_like_one_at_a_time() {
    let mut random = Random::seeded("keys_and_tags_of_every_length_hash_like_one_at_a_time");
    let pool: [u8; 300] = random.bytes();
    let message = &pool[7..52];
    for len in 0..=300 {
        for (hash, one) in hashes(&pool[..len], &pool[..len]) {
            everywhere(hash, message, one(message));
        }
    }
}

#[test]
fn a_hash_shows_no_key() {
    assert_eq!(format!("{:?}", Hash::HmacSha512 { key: b"secret" }), "HmacSha512(..)");
}

/// One message with one digest, in every lane of every backend.
fn everywhere(hash: Hash<'_>, message: &[u8], expected: [u8; 64]) {
    for engine in engines() {
        assert_eq!(digests(engine, hash, &[message; 9]), [expected; 9], "{engine:?} {hash:?}");
    }
}

fn digests(engine: Engine, hash: Hash<'_>, messages: &[&[u8]]) -> Vec<[u8; 64]> {
    let mut out = vec![[0xaa; 64]; messages.len()];
    engine.hash_each(hash, messages, &mut out);
    out
}

type One<'a> = Box<dyn Fn(&[u8]) -> [u8; 64] + 'a>;

/// Every hash, and its definition written apart from the crate.
fn hashes<'a>(key: &'a [u8], dst: &'a [u8]) -> [(Hash<'a>, One<'a>); 3] {
    [
        (Hash::Sha512, Box::new(|message| sha512(&[message]))),
        (Hash::HmacSha512 { key }, Box::new(|message| hmac(key, message))),
        (Hash::ExpandXmd { dst }, Box::new(|message| expand(dst, message))),
    ]
}

fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    Sha512::digest(parts.concat()).into()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 64] {
    let hashed = sha512(&[key]);
    let key = if key.len() > 128 { &hashed } else { key };
    let pad = |byte: u8| -> [u8; 128] {
        core::array::from_fn(|i| byte ^ key.get(i).copied().unwrap_or_default())
    };
    sha512(&[&pad(0x5c), &sha512(&[&pad(0x36), message])])
}

fn expand(dst: &[u8], message: &[u8]) -> [u8; 64] {
    let hashed = sha512(&[b"H2C-OVERSIZE-DST-", dst]);
    let dst = if dst.len() > 255 { &hashed } else { dst };
    let dst_len = [u8::try_from(dst.len()).expect("short tag")];
    let first = sha512(&[&[0; 128], message, &[0, 64, 0], dst, &dst_len]);
    sha512(&[&first, &[1], dst, &dst_len])
}
