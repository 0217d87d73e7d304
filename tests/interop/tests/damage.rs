//! A bit that flips in a file of a node: found by its owner, and never a fault of the other side.

use std::path::{Path, PathBuf};

use crate::support::{Done, Pair, borrowed, crm, links, numbered};

/// Files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// Flips a bit in the middle of a file; what it was.
fn flip(path: &Path) -> Vec<u8> {
    let whole = std::fs::read(path).unwrap();
    let mut altered = whole.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    std::fs::write(path, altered).unwrap();
    whole
}

/// Ended as if nothing were, or with 74 and a file to blame; never a panic or an accusation.
fn judge(done: Done, path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(!done.stderr.contains("panicked"), "{name}: {}", done.stderr);
    match done.code {
        Some(0) => false,
        Some(74) => {
            let named = done.stderr.contains(name) || done.stderr.contains("keys/");
            assert!(named, "{name} is not named: {}", done.stderr);
            true
        }
        other => panic!("{name}: {other:?}\n{}", done.stderr),
    }
}

#[test]
fn flipped_bit_in_any_file_of_an_advertiser_is_found_by_itself() {
    let persons = numbered(1_100, |i| format!("customer.{i}@exemple.fr"));
    let mut pair = Pair::serving(&links(borrowed(&persons)));
    pair.write("crm.csv", &crm(borrowed(&persons)));
    pair.run().expect(0);
    let directory = PathBuf::from(pair.path("a"));
    let (mut tried, mut found) = (0, Vec::new());
    for path in files(&directory) {
        let text = path.display().to_string();
        let kept = [
            // Each run here forgets them, so a flip would cost two openings of the day for nothing.
            "/results/",
            "/sessions/",
            "/work/",
            "/providers/",
            ".toml",
            "/lock",
            "/format",
            "-wal",
            "-shm",
        ];
        // A run prunes what an earlier one left.
        let absent = path.metadata().map_or(true, |found| found.len() == 0);
        if absent || kept.iter().any(|part| text.contains(part)) {
            continue;
        }
        // Runs add entries, so the files are those of the moment.
        let whole = flip(&path);
        let done = judge(pair.run(), &path);
        tried += 1;
        if done {
            found.push(path.strip_prefix(&directory).unwrap().display().to_string());
            std::fs::write(&path, whole).unwrap();
        }
    }
    pair.run().expect(0);
    assert!(tried >= 8, "{tried}");
    for name in ["keys/attestation.key", "keys/storage.key", "keys/ledger.anchor"] {
        assert!(found.iter().any(|one| one == name), "{name} among {found:?}");
    }
    assert_eq!(pair.stop(), Some(0));
}

#[test]
fn provider_with_a_flipped_bit_is_never_accused() {
    let persons = numbered(1_100, |i| format!("customer.{i}@exemple.fr"));
    let mut pair = Pair::serving(&links(borrowed(&persons)));
    pair.write("crm.csv", &crm(borrowed(&persons)));
    pair.run().expect(0);
    // While it serves: the table is built again under its key, and the run waits for it.
    let tables = files(Path::new(&pair.path("p/partners/retailer/tables")));
    for name in ["frames", "table.json"] {
        let path = tables.iter().find(|path| path.ends_with(name)).unwrap();
        let _ = flip(path);
        pair.run().expect(0);
    }
    assert_eq!(pair.stop(), Some(0));
    // Before it serves: what nothing can be rebuilt from is named.
    for name in ["leaves", "digital-ids", "snapshot.meta", "snapshot.signed"] {
        let graph = files(Path::new(&pair.path("p/graph")));
        let is = |path: &&PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(name);
        let path = graph.iter().find(is).unwrap();
        let whole = flip(path);
        let done = pair.provider(&["serve", "--listen", &pair.address]);
        assert!(judge(done, path), "{name}");
        std::fs::write(path, whole).unwrap();
    }
    for name in ["p/keys/attestation.key", "p/keys/ledger.anchor"] {
        let path = PathBuf::from(pair.path(name));
        let whole = flip(&path);
        let done = pair.provider(&["serve", "--listen", &pair.address]);
        assert!(judge(done, &path), "{name}");
        std::fs::write(path, whole).unwrap();
    }
    pair.serve();
    pair.run().expect(0);
}
