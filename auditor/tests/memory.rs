//! Memory of the auditor: bounded, whatever a package holds.
//!
//! The largest transcripts that are read, in the shapes that take most memory, go to the program
//! under a limit of the system. A program that asks for more is killed, and has no verdict.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Output};

use protocol::attestation::Signature;
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::identifier::{IdentifierKind, RulesetId};
use protocol::manifest::{ManifestBody, SignedManifest, SignedSnapshot, SnapshotBody};
use protocol::message::{Control, HelloA, HelloP, Program, TableDescriptor, Terms, TermsAccept};
use protocol::suite::{PROTOCOL_VERSION, Profile};
use protocol::terms::{MatchTerms, Offer};
use protocol::transcript::{BuildFlags, Opening, Record, Role, Writer};

/// The bound that `docs/auditing` states, in KiB.
const BOUND_KIB: u64 = 256 << 10;
/// Bytes of the largest transcript that is read.
const TRANSCRIPT_MAX: u64 = 1 << 25;

#[test]
fn the_largest_transcripts_are_judged_within_the_bound() {
    for (name, records) in [
        // Smallest records, each with an allocation of its own.
        ("messages", Shape { opening: false, bulk: false }),
        // Frames that belong to no session.
        ("frames", Shape { opening: false, bulk: true }),
        // Frames of a session, of which more is remembered.
        ("session", Shape { opening: true, bulk: true }),
    ] {
        let package = tempfile::tempdir().unwrap();
        write(&package.path().join("RUN.transcript"), &records);
        for command in [&["verify"][..], &["show"], &["show", "--messages"]] {
            let output = limited(command, package.path());
            let errors = String::from_utf8_lossy(&output.stderr);
            let expected = if command == ["verify"] { 1 } else { 0 };
            assert_eq!(output.status.code(), Some(expected), "{name} {command:?}: {errors}");
        }
        // Two at a time, of one session.
        let package = package.path().display().to_string();
        let output = limited(&["compare", &package], package.as_ref());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{name} compare: {errors}");
    }
}

#[test]
fn a_transcript_above_the_limit_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("RUN.transcript");
    write(&path, &Shape { opening: false, bulk: true });
    // As sparse as a file can be: nothing of it is read to find out.
    File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let output = limited(&["verify"], directory.path());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(74), "{errors}");
    assert!(errors.contains("32 MiB"), "{errors}");
}

struct Shape {
    /// Begins with the messages that open a session.
    opening: bool,
    /// Goes on with frames, else with messages.
    bulk: bool,
}

/// Runs the auditor with the bound as the limit of its address space.
fn limited(command: &[&str], package: &Path) -> Output {
    Command::new("sh")
        .args(["-c", &format!("ulimit -v {BOUND_KIB} && exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_auditor"))
        .args(command)
        .arg(package)
        .env("VEILMATCH_LANG", "en")
        .output()
        .unwrap()
}

fn write(path: &Path, shape: &Shape) {
    let opening = Opening {
        protocol: PROTOCOL_VERSION,
        role: Role::Provider,
        exporter: [1; 32],
        spki_advertiser: [2; 32],
        spki_provider: [3; 32],
    };
    let mut file = BufWriter::new(File::create(path).unwrap());
    let (mut writer, mut bytes) = Writer::open(&opening).unwrap();
    if shape.opening {
        for (stream, index, message) in messages() {
            let record = Record::Control(message.encode(stream, index).unwrap());
            bytes.extend(writer.append(&record).unwrap());
        }
    }
    file.write_all(&bytes).unwrap();
    let mut written = bytes.len() as u64;
    for index in 0.. {
        let bytes = writer.append(&record(shape.bulk, index)).unwrap();
        written += bytes.len() as u64;
        if written > TRANSCRIPT_MAX {
            break;
        }
        file.write_all(&bytes).unwrap();
    }
    file.flush().unwrap();
}

fn record(bulk: bool, index: u32) -> Record {
    let header = match bulk {
        true => {
            FrameHeader { stream: StreamId::Table, kind: 0, elements: 1, index, payload_len: 10 }
        }
        false => FrameHeader {
            stream: StreamId::ControlProvider,
            kind: 12,
            elements: 0,
            index,
            payload_len: 0,
        },
    };
    match bulk {
        true => Record::Bulk { header, leaf: [7; 32], signature: Signature::NONE },
        false => Record::Control(RawFrame::new(header, [].into()).unwrap()),
    }
}

/// Messages that open a session, with signatures of nobody.
fn messages() -> [(StreamId, u32, Control); 4] {
    let signature = Signature { r: [5; 32], s: [6; 32] };
    let program = |role| Program::new(role, BuildFlags::default(), 1, [0; 32]);
    let hello_a = HelloA {
        protocol_min: PROTOCOL_VERSION,
        protocol_max: PROTOCOL_VERSION,
        suite: Profile::MatchedRows.suite().code(),
        profile: Profile::MatchedRows.code(),
        row_width: 1,
        row_slots: 1 << 30,
        sample_rows: 0,
        attestation_key: [1; 32],
        seed_commitment: [2; 32],
        input_commitment: [3; 32],
        rules_digest: [4; 32],
        suppression_epoch: [0; 32],
        ledger_head: [0; 32],
        sent_at: 1,
        program: program(Role::Advertiser),
        signature,
    };
    let manifest = ManifestBody {
        provider: [1; 32],
        partner: [2; 32],
        suite: hello_a.suite,
        key_id: [3; 16],
        public_key: [4; 32],
        key_seed_commitment: [5; 32],
        not_before: 1,
        not_after: 2,
        evaluations_max: 1,
    };
    let snapshot = SnapshotBody {
        provider: [1; 32],
        day: 1,
        edition: 0,
        commitment: [2; 32],
        previous: [0; 32],
    };
    let offer = Offer {
        n_min: 1_000,
        k_min: 100,
        group_min: 1_000,
        epsilon_left_milli: 0,
        evaluations_left: 1,
        expires_at: 2,
    };
    let hello_p = HelloP {
        protocol: PROTOCOL_VERSION,
        attestation_key: [9; 32],
        nonce: [1; 32],
        manifest: SignedManifest { body: manifest, signature },
        snapshot: SignedSnapshot { body: snapshot, signature },
        table: TableDescriptor { tag_count: 1 << 31, root: [1; 32] },
        rules_digest: [4; 32],
        suppression_epoch: [0; 32],
        ledger_head: [0; 32],
        offer,
        sent_at: 1,
        program: program(Role::Provider),
        signature,
    };
    let kinds = [IdentifierKind::EMAIL_STRICT];
    let terms = MatchTerms {
        table_delivery: 1,
        ..MatchTerms::defaults(Profile::MatchedRows, RulesetId::CRM_FR_1, &kinds)
    };
    let (a, p) = (StreamId::ControlAdvertiser, StreamId::ControlProvider);
    let sid = [8; 32];
    [
        (a, 0, Control::HelloA(hello_a)),
        (p, 0, Control::HelloP(Box::new(hello_p))),
        (a, 1, Control::Terms(Terms { terms, sid, signature })),
        (p, 1, Control::TermsAccept(TermsAccept { sid, signature })),
    ]
}
