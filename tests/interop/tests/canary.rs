//! Leak canary: marked identifiers occur in no log, transcript, frame, error or kept file.
//!
//! Allowed homes are the parties' own input files. The positive control plants one leak of every
//! form and expects the scanner to find each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::support::{Pair, borrowed, crm, links, numbered};

const TOKEN: &str = "canary7f3a91c4e2";
/// Marks the provider's references and, as part of their values, its digital IDs.
const DIGITAL: &str = "canaryd5e8061bf7";

fn address(i: usize) -> String {
    format!("{TOKEN}.{i}@exemple-{}.fr", i % 5)
}

/// The forms of a marked text.
fn forms(token: &str) -> Vec<(String, Vec<u8>)> {
    vec![
        (format!("{token} raw"), token.as_bytes().to_vec()),
        (format!("{token} upper case"), token.to_uppercase().into_bytes()),
        (format!("{token} utf-16"), token.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        (format!("{token} hex"), hex(token.as_bytes()).into_bytes()),
    ]
}

/// The forms of bytes that may be on the wire and in no text.
fn texts(name: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    vec![
        (name.to_owned(), bytes.to_vec()),
        (format!("hex {name}"), hex(bytes).into_bytes()),
        (format!("upper hex {name}"), hex(bytes).to_uppercase().into_bytes()),
        (format!("base64 {name}"), base64(bytes).into_bytes()),
        (format!("list {name}"), format!("{bytes:?}").into_bytes()),
    ]
}

/// Every form in which a marked identifier could leak.
fn needles() -> Vec<(String, Vec<u8>)> {
    let mut needles = [forms(TOKEN), forms(DIGITAL)].concat();
    for i in [0, 1, 2, 700, 1_199] {
        let digest: [u8; 32] = Sha256::digest(address(i)).into();
        needles.extend(texts(&format!("digest {i}"), &digest));
    }
    needles
}

/// Finds many needles in one pass; every needle has four bytes or more.
struct Scanner {
    /// Whether a needle begins with two bytes.
    begins: Vec<bool>,
    by_head: HashMap<[u8; 4], Vec<(String, Vec<u8>)>>,
}

impl Scanner {
    fn of(needles: Vec<(String, Vec<u8>)>) -> Self {
        let mut scanner = Self { begins: vec![false; 1 << 16], by_head: HashMap::new() };
        for (name, needle) in needles {
            let head = *needle.first_chunk().expect("four bytes");
            scanner.begins[usize::from(u16::from_le_bytes([head[0], head[1]]))] = true;
            scanner.by_head.entry(head).or_default().push((name, needle));
        }
        scanner
    }

    fn scan(&self, bytes: &[u8], place: &str, found: &mut Vec<String>) {
        let mut pair = 0_u16;
        for (at, byte) in bytes.iter().enumerate() {
            pair = (pair >> 8) | (u16::from(*byte) << 8);
            if at == 0 || !self.begins[usize::from(pair)] {
                continue;
            }
            let rest = &bytes[at - 1..];
            let known = rest.first_chunk::<4>().and_then(|head| self.by_head.get(head));
            for (name, needle) in known.into_iter().flatten() {
                if rest.starts_with(needle) {
                    found.push(format!("{name} in {place}"));
                }
            }
        }
    }

    /// Scans what lies under `root` and is not `allowed` to hold what is looked for; the files.
    fn scan_tree(
        &self,
        root: &Path,
        allowed: &dyn Fn(&Path) -> bool,
        found: &mut Vec<String>,
    ) -> usize {
        let mut files = 0;
        let mut pending: Vec<PathBuf> = vec![root.to_path_buf()];
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).unwrap();
                pending.extend(entries.map(|entry| entry.unwrap().path()));
            } else if !allowed(&path) {
                files += 1;
                self.scan(&std::fs::read(&path).unwrap(), &path.display().to_string(), found);
            }
        }
        files
    }
}

#[test]
fn marked_identifiers_occur_nowhere() {
    let rows = numbered(1_200, address);
    let persons: Vec<(String, String)> =
        (0..1_500).map(|i| (format!("p{i}"), address(i))).collect();
    let mut pair = Pair::serving(&links(borrowed(&persons)));
    pair.write("crm.csv", &crm(borrowed(&rows)));
    let scanner = Scanner::of(needles());
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
        scanner.scan(done.stdout.as_bytes(), &format!("stdout {i}"), &mut found);
        scanner.scan(done.stderr.as_bytes(), &format!("stderr {i}"), &mut found);
    }
    scanner.scan(pair.log().as_bytes(), "the provider's log", &mut found);
    // Both directories whole: keys, ledgers, prepared sets, spills, transcripts, frames, tables.
    let files = scanner.scan_tree(Path::new(&pair.path("a")), &|_| false, &mut found)
        + scanner.scan_tree(Path::new(&pair.path("p")), &|_| false, &mut found);
    scanner.scan(pair.read("summary.json").as_bytes(), "the summary", &mut found);
    scanner.scan(pair.read("result.csv").as_bytes(), "the result", &mut found);
    assert!(files > 20, "{files} files scanned");
    assert!(pair.log().len() > 1_000, "the provider logged nothing: {}", pair.log());
    assert_eq!(found, Vec::<String>::new());
}

/// The handles of the sessions of this node, at most ten of each, as its frames have them.
fn handles(pair: &Pair, node: &str) -> Vec<[u8; 16]> {
    let mut found = Vec::new();
    for session in pair.sessions(node) {
        let Ok(frames) = std::fs::read(session.join("frames/HANDLES")) else { continue };
        // A frame is a header of 16 bytes, then handles of 16 bytes.
        found.extend(frames.as_chunks::<16>().0.iter().skip(1).take(10));
    }
    found
}

#[test]
fn marked_identifiers_and_digital_ids_occur_nowhere_in_shuffled_profiles() {
    let persons: Vec<(String, String)> =
        (0..600).map(|i| (format!("{DIGITAL}{i}"), address(i))).collect();
    let mut pair = Pair::offering_all(&links(borrowed(&persons)));
    pair.serve();
    let (input, output, json) = (pair.path("crm.csv"), pair.path("ids.csv"), pair.path("s.json"));
    let never = pair.path("never.csv");
    let args = |profile: &'static str| {
        let args = ["run", "--profile", profile, &input, "--json", &json];
        [&args[..], &["--log", "trace", "--overwrite"]].concat()
    };
    let run = |profile, more: &[&str]| pair.advertiser(&[&args(profile)[..], more].concat());
    let release = ["--approve", "--output", &output];
    let rows = numbered(1_200, address);
    pair.write("crm.csv", &crm(borrowed(&rows)));
    let mut outputs = vec![
        run("digital-ids", &release).expect(0),
        run("activation", &["--approve"]).expect(0),
        run("digital-ids", &["--approve", "--output", "/dev/null/none"]).expect(73),
        run("digital-ids", &["--output", &output]).expect(2),
    ];
    // A question that was not answered before.
    let renamed: Vec<_> =
        rows.iter().map(|(id, email)| (format!("x{id}"), email.clone())).collect();
    pair.write("crm.csv", &crm(borrowed(&renamed)));
    let asked = [&args("digital-ids")[..], &["--output", &never]].concat();
    let declined = pair.advertiser_at_terminal(&asked, "n\n");
    assert!(declined.stdout.contains("declined"), "{}", declined.stdout);
    assert!(!Path::new(&never).exists());
    outputs.push(declined);
    pair.write("crm.csv", &crm(borrowed(&rows)));
    for bad in [pair.read("crm.csv").replacen("R-r00700,", "", 1), "row_id;email\n".to_owned()] {
        pair.write("crm.csv", &bad);
        outputs.push(run("digital-ids", &release).expect(65));
    }
    // Too few matches, then more rows of one address than a person has, then nobody who answers.
    let few = numbered(2_500, |i| address(i + 580));
    pair.write("crm.csv", &crm(borrowed(&few)));
    outputs.push(run("match-rate", &[]).expect(81));
    pair.write("crm.csv", &crm(borrowed(&numbered(1_200, |i| address(i.saturating_sub(50))))));
    outputs.push(run("digital-ids", &release).expect(78));
    pair.kill();
    pair.write("crm.csv", &crm(borrowed(&rows)));
    let unanswered = [&args("activation")[..], &["--approve"]].concat();
    outputs.push(pair.advertiser(&unanswered).expect(75));

    let handles = handles(&pair, "a");
    assert!(handles.len() >= 20, "{} handles of two releases", handles.len());
    let named = handles.iter().enumerate();
    let handles = named.flat_map(|(i, handle)| texts(&format!("handle {i}"), handle));
    let scanner = Scanner::of(needles().into_iter().chain(handles).collect());
    let mut found = Vec::new();
    for (i, done) in outputs.iter().enumerate() {
        scanner.scan(done.stdout.as_bytes(), &format!("stdout {i}"), &mut found);
        scanner.scan(done.stderr.as_bytes(), &format!("stderr {i}"), &mut found);
    }
    scanner.scan(pair.log().as_bytes(), "the provider's log", &mut found);
    scanner.scan(pair.read("s.json").as_bytes(), "the summary", &mut found);
    scanner.scan(pair.read("ids.csv.manifest.json").as_bytes(), "a manifest", &mut found);
    // Handles are what these frames are for, and digital IDs what a delivery is for.
    let allowed = |path: &Path| {
        let delivered = path.parent().is_some_and(|parent| parent.ends_with("deliveries"));
        path.ends_with("frames/HANDLES")
            || (delivered && path.extension().is_some_and(|extension| extension == "csv"))
    };
    for node in ["a", "p"] {
        scanner.scan_tree(Path::new(&pair.path(node)), &allowed, &mut found);
    }
    assert_eq!(found, Vec::<String>::new());

    // The control: what was looked for is where it belongs, identifiers excepted.
    let delivery = pair.read("ids.csv");
    assert!(delivery.contains(DIGITAL) && !delivery.contains(TOKEN), "{delivery}");
}

#[test]
fn scanner_finds_every_planted_leak() {
    let dir = tempfile::tempdir().unwrap();
    let scanner = Scanner::of(needles());
    for (name, needle) in needles() {
        let file = dir.path().join("leak");
        std::fs::write(&file, [b"...".as_slice(), &needle, b"..."].concat()).unwrap();
        let mut found = Vec::new();
        scanner.scan_tree(dir.path(), &|_| false, &mut found);
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
