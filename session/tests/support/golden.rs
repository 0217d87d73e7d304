//! Vectors of `spec/vectors/` as files: read, compared, and written with
//! `VEILMATCH_REGENERATE=1`.

use std::path::PathBuf;

use protocol::codec::RawFrame;
use serde_json::{Value, json};

use super::{bytes, hex, kdf};

/// A vector as it stands in its file.
pub(crate) fn read(name: &str) -> Value {
    let path = path(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Compares one of our files with its value, or writes it.
pub(crate) fn golden(name: &str, value: Value) {
    if std::env::var_os("VEILMATCH_REGENERATE").is_some() {
        let path = path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = serde_json::to_string_pretty(&value).unwrap();
        std::fs::write(path, text + "\n").unwrap();
    }
    assert_eq!(read(name), value, "{name}");
}

/// A frame that is refused with this error.
pub(crate) fn refused(name: &str, scenario: &str, expected: &str, frame: &RawFrame) {
    let frame = hex(&bytes(frame));
    golden(name, json!({ "scenario": scenario, "expected": expected, "frame": frame }));
}

fn path(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors");
    root.join(format!("{name}.json"))
}

pub(crate) fn hexes(all: &[[u8; 32]]) -> Vec<String> {
    all.iter().map(|bytes| hex(bytes)).collect()
}

pub(crate) fn positions(taken: &[bool]) -> Vec<usize> {
    (0..taken.len()).filter(|at| taken[*at]).collect()
}

// The specification a second time

/// `Select(m, s)` over `KDF(prk, label; u8 z ‖ u64 i, 64)` read as u64.
pub(crate) fn select(prk: &[u8], label: &str, z: u8, positions: u64, take: u64) -> Vec<bool> {
    let blocks = (0_u64..).flat_map(|i| {
        let block: [u8; 64] = kdf(prk, label, &[&[z], &i.to_le_bytes()]);
        block.as_chunks::<8>().0.to_vec()
    });
    let mut words = blocks.map(u64::from_le_bytes);
    let mut picked = 0;
    (0..positions)
        .map(|i| {
            let bound = positions - i;
            let limit = (1_u128 << 64) - (1_u128 << 64) % u128::from(bound);
            let draw = words.find(|word| u128::from(*word) < limit).unwrap() % bound;
            let taken = draw < take - picked;
            picked += u64::from(taken);
            taken
        })
        .collect()
}
