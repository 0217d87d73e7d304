//! Leak canary: marked identifiers occur in no log, transcript, frame, error or kept file.
//!
//! Allowed homes are the parties' own input files. The positive control plants one leak of every
//! form and expects the scanner to find each.

mod support;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use support::{Pair, borrowed, crm, links, numbered};

const TOKEN: &str = "canary7f3a91c4e2";

fn address(i: usize) -> String {
    format!("{TOKEN}.{i}@exemple-{}.fr", i % 5)
}

/// Every form in which a marked identifier could leak.
fn needles() -> Vec<(String, Vec<u8>)> {
    let mut needles = vec![
        ("raw".to_owned(), TOKEN.as_bytes().to_vec()),
        ("upper case".to_owned(), TOKEN.to_uppercase().into_bytes()),
        ("utf-16".to_owned(), TOKEN.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("hex of the raw form".to_owned(), hex(TOKEN.as_bytes()).into_bytes()),
    ];
    for i in [0, 1, 2, 700, 1_199] {
        let digest: [u8; 32] = Sha256::digest(address(i)).into();
        needles.push((format!("digest {i}"), digest.to_vec()));
        needles.push((format!("hex digest {i}"), hex(&digest).into_bytes()));
        needles.push((format!("upper hex digest {i}"), hex(&digest).to_uppercase().into_bytes()));
        needles.push((format!("base64 digest {i}"), base64(&digest).into_bytes()));
    }
    needles
}

fn scan(bytes: &[u8], place: &str, found: &mut Vec<String>) {
    for (name, needle) in needles() {
        if bytes.windows(needle.len()).any(|window| window == needle) {
            found.push(format!("{name} in {place}"));
        }
    }
}

fn scan_tree(root: &Path, found: &mut Vec<String>) -> usize {
    let mut files = 0;
    let mut pending: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files += 1;
            scan(&std::fs::read(&path).unwrap(), &path.display().to_string(), found);
        }
    }
    files
}

#[test]
fn marked_identifiers_occur_nowhere() {
    let rows = numbered(1_200, address);
    let persons: Vec<(String, String)> =
        (0..1_500).map(|i| (format!("p{i}"), address(i))).collect();
    let mut pair = Pair::serving(&links(borrowed(&persons)));
    pair.write("crm.csv", &crm(borrowed(&rows)));
    let mut found = Vec::new();

    // An honest run, and failures of every class, all at the most talkative level.
    let mut outputs = vec![pair.run_with(&["--log", "trace"]).expect(0)];
    let good = pair.read("crm.csv");
    for bad in [
        good.replacen("R-r00700,", "", 1),
        good.replacen(&format!("{TOKEN}.9@"), &format!("\"{TOKEN}.9@"), 1),
        good.replacen("email,", "mail,", 1),
        good.replace(',', ";"),
        good.replace("ads.match", "other"),
        format!("{good}{TOKEN},\u{fffd}{TOKEN}@exemple.fr,x\n"),
        good.lines().take(400).map(|line| format!("{line}\n")).collect(),
    ] {
        pair.write("crm.csv", &bad);
        let done = pair.run_with(&["--log", "trace"]);
        assert_ne!(done.code, Some(0));
        outputs.push(done);
    }
    pair.write("crm.csv", &good);
    pair.write("links.csv", &links(borrowed(&persons)).replacen("cookie-of", "", 3));
    outputs.push(pair.provider(&["ingest", &pair.path("links.csv"), "--log", "trace"]));
    pair.kill();
    outputs.push(pair.run_with(&["--log", "trace"]).expect(75));

    for (i, done) in outputs.iter().enumerate() {
        scan(done.stdout.as_bytes(), &format!("stdout {i}"), &mut found);
        scan(done.stderr.as_bytes(), &format!("stderr {i}"), &mut found);
    }
    scan(pair.log().as_bytes(), "the provider's log", &mut found);
    // Both directories whole: keys, ledgers, prepared sets, spills, transcripts, frames, tables.
    let files = scan_tree(Path::new(&pair.path("a")), &mut found)
        + scan_tree(Path::new(&pair.path("p")), &mut found);
    scan(pair.read("summary.json").as_bytes(), "the summary", &mut found);
    scan(pair.read("result.csv").as_bytes(), "the result", &mut found);
    assert!(files > 20, "{files} files scanned");
    assert!(pair.log().len() > 1_000, "the provider logged nothing: {}", pair.log());
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn scanner_finds_every_planted_leak() {
    let dir = tempfile::tempdir().unwrap();
    for (name, needle) in needles() {
        let file = dir.path().join("leak");
        std::fs::write(&file, [b"...".as_slice(), &needle, b"..."].concat()).unwrap();
        let mut found = Vec::new();
        scan_tree(dir.path(), &mut found);
        assert!(found.iter().any(|leak| leak.starts_with(&name)), "{name}: {found:?}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
        let word = word << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * i)) as usize & 63]));
        }
    }
    text.push_str(&"=".repeat((3 - bytes.len() % 3) % 3));
    text
}
