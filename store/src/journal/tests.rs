use std::fs;
use std::os::unix::fs::MetadataExt;

use protocol::transcript::merkle;

use super::recovery::records_end;
use super::*;
use crate::os::testing::{dirs_synced_in, private_tempdir, with_fault};

fn opening() -> Opening {
    Opening {
        protocol: PROTOCOL_VERSION,
        role: Role::Advertiser,
        exporter: [1; 32],
        spki_advertiser: [2; 32],
        spki_provider: [3; 32],
    }
}

fn frame(stream: StreamId, index: u32, elements: u32, last: bool) -> RawFrame {
    let (kind, payload) = if stream.is_control() {
        (9, vec![index as u8; 40])
    } else {
        let payload = (0..elements * 32).map(|at| (at * 7 + index) as u8);
        (u8::from(last), payload.collect())
    };
    let header = FrameHeader { stream, kind, elements, index, payload_len: payload.len() as u32 };
    RawFrame::new(header, payload.into()).unwrap()
}

fn record(frame: &RawFrame) -> Record {
    if frame.header.stream.is_control() {
        return Record::Control(frame.clone());
    }
    Record::Bulk {
        header: frame.header,
        leaf: merkle::leaf_hash(&[&frame.header.encode(), &frame.payload]),
        signature: frame.signature,
    }
}

/// A short session as it reaches the journal.
fn session() -> Vec<RawFrame> {
    vec![
        frame(StreamId::ControlAdvertiser, 0, 0, false),
        frame(StreamId::ControlProvider, 0, 0, false),
        frame(StreamId::Blind, 0, 3, false),
        frame(StreamId::Eval, 0, 3, false),
        frame(StreamId::Blind, 1, 2, true),
        frame(StreamId::Eval, 1, 2, true),
        frame(StreamId::ControlAdvertiser, 1, 0, false),
    ]
}

fn take(journal: &mut SessionJournal, frame: &RawFrame) -> Result<(), JournalError> {
    let beside = (!frame.header.stream.is_control()).then_some(frame);
    journal.append(&record(frame), beside)
}

/// A synced journal of the whole session.
fn written(dir: &Path) {
    let mut journal = SessionJournal::create(dir, &opening()).unwrap();
    for frame in session() {
        take(&mut journal, &frame).unwrap();
    }
    journal.sync().unwrap();
}

fn records() -> Vec<Record> {
    session().iter().map(record).collect()
}

fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    [TRANSCRIPT_NAME, "frames/BLIND", "frames/EVAL"]
        .iter()
        .map(|name| (name.to_string(), fs::read(dir.join(name)).unwrap()))
        .collect()
}

#[test]
fn crowd_of_unopened_sessions_removes_none_that_may_be_open() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = dir.path();
    let before = |seconds: u64| {
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
        let name = unopened(sessions).unwrap();
        fs::create_dir(&name).unwrap();
        File::open(&name).unwrap().set_modified(time).unwrap();
        name
    };
    let ended = before(301);
    let open = before(200);
    for _ in 0..UNOPENED_KEPT + 10 {
        fs::create_dir(unopened(sessions).unwrap()).unwrap();
    }
    assert!(open.exists(), "somebody's session may be about to get its id");
    assert!(!ended.exists());
}

#[test]
fn journal_reads_back_and_everything_is_private() {
    let dir = private_tempdir();
    let run = dir.path().join("5f0c");
    written(&run);
    let bytes = fs::read(run.join(TRANSCRIPT_NAME)).unwrap();
    let transcript = Transcript::parse(&bytes).unwrap();
    assert_eq!(transcript.opening, opening());
    assert_eq!(transcript.records, records());
    let blinds: Vec<RawFrame> =
        Frames::open(&run, StreamId::Blind).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(blinds, [session()[2].clone(), session()[4].clone()]);
    let (header, payload) = (blinds[0].header.encode(), &blinds[0].payload);
    let (_, file) = &files(&run)[1];
    assert!(file.starts_with(&[&header[..], payload].concat()));
    for (name, mode) in [
        ("", 0o700),
        ("frames", 0o700),
        (TRANSCRIPT_NAME, 0o600),
        ("frames/BLIND", 0o600),
        ("frames/EVAL", 0o600),
    ] {
        let found = fs::metadata(run.join(name)).unwrap().mode() & 0o7777;
        assert_eq!(found, mode, "{name}");
    }
    assert!(Frames::open(&run, StreamId::Table).is_err(), "not kept");
    assert!(SessionJournal::create(&run, &opening()).is_err());
}

#[test]
fn names_of_new_files_are_synced_once() {
    // G57
    let dir = private_tempdir();
    let run = dir.path().join("run");
    let frames = run.join(FRAMES_DIR);
    let synced = dirs_synced_in(|| written(&run));
    assert_eq!(synced.iter().filter(|dir| **dir == frames).count(), 2);
    // Once for the name of `frames`, once for that of the transcript.
    assert_eq!(synced.iter().filter(|dir| **dir == run).count(), 2);
    assert!(synced.contains(&dir.path().into()));
}

#[test]
fn digital_ids_are_never_written() {
    let dir = private_tempdir();
    let mut journal = SessionJournal::create(dir.path(), &opening()).unwrap();
    let header =
        FrameHeader { stream: StreamId::Ids, kind: 1, elements: 1, index: 0, payload_len: 20 };
    let ids = RawFrame::new(header, [0x5a; 20].into()).unwrap();
    take(&mut journal, &ids).unwrap();
    journal.sync().unwrap();
    drop(journal);
    assert_eq!(fs::read_dir(dir.path().join(FRAMES_DIR)).unwrap().count(), 0);
    let transcript = fs::read(dir.path().join(TRANSCRIPT_NAME)).unwrap();
    assert!(!transcript.windows(20).any(|window| window == [0x5a; 20]));
    let recovered = SessionJournal::recover(dir.path()).unwrap();
    assert_eq!(recovered.transcript.records, [record(&ids)]);
}

#[test]
fn unsynced_records_are_gone_after_a_crash_and_the_session_goes_on() {
    let (dir, other) = (private_tempdir(), private_tempdir());
    let mut journal = SessionJournal::create(dir.path(), &opening()).unwrap();
    let session = session();
    for (at, frame) in session.iter().enumerate() {
        take(&mut journal, frame).unwrap();
        if at == 2 {
            journal.sync().unwrap();
        }
    }
    drop(journal);
    let mut recovered = SessionJournal::recover(dir.path()).unwrap();
    assert_eq!(recovered.transcript.records, records()[..3]);
    assert_eq!(recovered.dropped_bytes, 0);
    for frame in &session[3..] {
        take(&mut recovered.journal, frame).unwrap();
    }
    recovered.journal.sync().unwrap();
    let evals = recovered.journal.read_frames(StreamId::Eval).unwrap();
    assert_eq!(evals.count(), 2);
    written(other.path());
    assert_eq!(files(dir.path()), files(other.path()), "as if nothing happened");
    // Nothing is left to cut off, and a stream keeps being kept whole.
    let again = SessionJournal::recover(dir.path()).unwrap();
    assert_eq!(again.transcript.records, records());
}

#[test]
fn torn_tail_is_dropped_at_every_length() {
    // D13
    let dir = private_tempdir();
    written(dir.path());
    let files = files(dir.path());
    let whole = &files[0].1;
    let mut lengths = Vec::new();
    for cut in 0..whole.len() {
        fs::write(dir.path().join(TRANSCRIPT_NAME), &whole[..cut]).unwrap();
        for (name, bytes) in &files[1..] {
            os::publish_atomically(&dir.path().join(name), 0o600, |out| out.write_all(bytes))
                .unwrap();
        }
        match SessionJournal::recover(dir.path()) {
            Err(JournalError::Damaged { record, .. }) => assert_eq!(record, 0, "{cut}"),
            Err(error) => panic!("{cut}: {error}"),
            Ok(recovered) => {
                let found = recovered.transcript.records;
                assert_eq!(found, records()[..found.len()]);
                let left = fs::metadata(dir.path().join(TRANSCRIPT_NAME)).unwrap().len();
                assert_eq!(left + recovered.dropped_bytes, cut as u64);
                lengths.push(found.len());
            }
        }
    }
    assert!(lengths.is_sorted());
    assert_eq!((lengths.first(), lengths.last()), (Some(&0), Some(&6)));
}

#[test]
fn flipped_bits_and_zeroed_pages_are_never_misread() {
    // D13, G56
    let dir = private_tempdir();
    written(dir.path());
    let path = dir.path().join(TRANSCRIPT_NAME);
    let whole = fs::read(&path).unwrap();
    let ends: Vec<usize> = (1..=8).map(|count| records_end(&whole, count).unwrap()).collect();
    // Only an end in which nothing sound is left may be taken for torn.
    let check = |altered: &[u8], damage: std::ops::Range<usize>| {
        fs::write(&path, altered).unwrap();
        if let Ok(recovered) = SessionJournal::recover(dir.path()) {
            let found = recovered.transcript.records;
            assert_eq!(found, records()[..found.len()], "{damage:?}");
            assert!(found.len() < records().len(), "{damage:?} goes unnoticed");
            for lost in ends.windows(2).skip(found.len()) {
                assert!(damage.start < lost[1] && lost[0] < damage.end, "{damage:?}");
            }
        }
        restore(dir.path());
    };
    for at in 0..whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 1 << (at % 8);
        check(&altered, at..at + 1);
    }
    for start in (0..whole.len()).step_by(5) {
        let mut altered = whole.clone();
        let end = (start + 64).min(whole.len());
        altered[start..end].fill(0);
        check(&altered, start..end);
    }
}

/// Puts the whole session back.
fn restore(dir: &Path) {
    fs::remove_dir_all(dir.join(FRAMES_DIR)).unwrap();
    fs::remove_file(dir.join(TRANSCRIPT_NAME)).unwrap();
    written(dir);
}

#[test]
fn altered_or_missing_recorded_frames_are_refused() {
    // G56
    let dir = private_tempdir();
    written(dir.path());
    let path = dir.path().join("frames/BLIND");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 1 << (at % 8);
        for damaged in [&altered[..], &whole[..at]] {
            fs::write(&path, damaged).unwrap();
            let outcome = SessionJournal::recover(dir.path());
            assert!(matches!(outcome, Err(JournalError::FrameDamaged { .. })), "byte {at}");
        }
    }
    // A frame that was written but not recorded is cut off.
    fs::write(&path, [&whole[..], &whole].concat()).unwrap();
    assert!(SessionJournal::recover(dir.path()).is_ok());
    assert_eq!(fs::read(&path).unwrap(), whole);
    // Without its file a stream counts as not kept.
    fs::remove_file(&path).unwrap();
    assert!(SessionJournal::recover(dir.path()).is_ok());
}

#[test]
fn every_failing_storage_operation_keeps_what_was_synced() {
    // D10
    for at in 0.. {
        let dir = private_tempdir();
        let mut synced = None;
        let (outcome, reached) = with_fault(at, || {
            let mut journal = SessionJournal::create(dir.path(), &opening())?;
            synced = Some(0);
            for (number, frame) in session().iter().enumerate() {
                let step = take(&mut journal, frame).and_then(|()| journal.sync());
                if let Err(error) = step {
                    let after = journal.sync();
                    assert!(matches!(after, Err(JournalError::Failed)));
                    return Err(error);
                }
                synced = Some(number + 1);
            }
            Ok(())
        });
        assert_eq!(outcome.is_err(), reached, "operation {at}");
        if let Some(synced) = synced {
            let found = SessionJournal::recover(dir.path()).unwrap();
            let found = found.transcript.records;
            assert!(found.len() >= synced, "operation {at}");
            assert_eq!(found, records()[..found.len()]);
        }
        if !reached {
            assert!(at > 20, "{at} operations");
            break;
        }
    }
}

#[test]
fn stream_is_kept_whole_or_not_at_all() {
    let dir = private_tempdir();
    let mut journal = SessionJournal::create(dir.path(), &opening()).unwrap();
    let session = session();
    take(&mut journal, &session[2]).unwrap();
    let gap = journal.append(&record(&session[4]), None);
    assert!(matches!(gap, Err(JournalError::Bug(_))));
    assert!(matches!(take(&mut journal, &session[4]), Err(JournalError::Failed)));
    let dir = private_tempdir();
    let mut journal = SessionJournal::create(dir.path(), &opening()).unwrap();
    journal.append(&record(&session[2]), None).unwrap();
    journal.append(&record(&session[4]), None).unwrap();
    journal.sync().unwrap();
    let other = journal.append(&record(&session[3]), Some(&session[5]));
    assert!(matches!(other, Err(JournalError::Bug(_))));
}

#[test]
fn journal_moves_to_a_free_name_and_goes_on_there() {
    let dir = private_tempdir();
    let (early, run) = (dir.path().join("early"), dir.path().join("5f0c"));
    let mut journal = SessionJournal::create(&early, &opening()).unwrap();
    take(&mut journal, &session()[2]).unwrap();
    let synced = dirs_synced_in(|| journal.rename(&run).unwrap());
    assert_eq!(synced, [dir.path()]);
    assert_eq!(journal.directory(), run);
    take(&mut journal, &session()[3]).unwrap();
    journal.sync().unwrap();
    assert!(!early.exists());
    let found = SessionJournal::recover(&run).unwrap().transcript.records;
    assert_eq!(found, records()[2..4]);
    let mut other = SessionJournal::create(&early, &opening()).unwrap();
    assert!(other.rename(&run).is_err());
}

#[test]
fn many_records_are_written_without_being_asked() {
    let dir = private_tempdir();
    let mut journal = SessionJournal::create(dir.path(), &opening()).unwrap();
    for index in 0..20_000 {
        let frame = frame(StreamId::ControlAdvertiser, index, 0, false);
        take(&mut journal, &frame).unwrap();
        assert!(journal.pending.len() < PENDING_BYTES_MAX);
    }
}
