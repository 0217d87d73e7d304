use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use proptest::prelude::*;
use session::{SpillContent, SpillName};

use super::merge::Source;
use super::*;
use crate::os::testing::{private_tempdir, with_fault};

/// A stream of numbers that differ, from a seed that a failure prints.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

fn fixed_records(seed: u64, count: usize, record_len: usize) -> Vec<u8> {
    let bytes = numbers(seed).flat_map(u64::to_le_bytes);
    bytes.take(count * record_len).collect()
}

fn sorted(records: &[u8], record_len: usize) -> Vec<u8> {
    let mut records: Vec<&[u8]> = records.chunks(record_len).collect();
    records.sort_unstable();
    records.concat()
}

fn read_all(sorted: &mut FixedSorted, max_bytes: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = sorted.next_chunk(max_bytes).unwrap() {
        assert!(!chunk.is_empty());
        all.extend_from_slice(&chunk);
    }
    all
}

fn content(file: &File) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn sorts_as_the_standard_library_with_no_one_and_many_spills() {
    let dir = private_tempdir();
    let work = dir.path().join("work");
    for (seed, record_len) in [(1, 17), (2, 8), (3, 1), (4, 45)] {
        for (count, memory) in [(0, 4_096), (1, 4_096), (50, 1 << 16), (900, 2_048)] {
            let records = fixed_records(seed, count, record_len);
            let mut sorter = FixedSorter::new(&work, record_len, memory).unwrap();
            sorter.extend(&records).unwrap();
            let mut back = sorter.finish().unwrap();
            assert_eq!(back.records(), count as u64);
            let expected = sorted(&records, record_len);
            assert_eq!(read_all(&mut back, 100), expected, "{count} x {record_len}");
            assert!(back.is_at_end());
            assert!(back.next_chunk(100).unwrap().is_none());
            back.rewind().unwrap();
            assert_eq!(read_all(&mut back, 1), expected, "a second time");
        }
    }
}

#[test]
fn merges_in_several_passes_when_memory_holds_few_runs() {
    let dir = private_tempdir();
    let records = fixed_records(5, 5_000, 17);
    let mut sorter = FixedSorter::new(dir.path(), 17, 1_024).unwrap();
    for record in records.chunks(17) {
        sorter.push(record).unwrap();
    }
    let (spills, width) = (sorter.core.spills.len(), sorter.core.merge_width);
    assert!(spills > width * width * width, "{spills} spills, {width} at once");
    let mut back = sorter.finish().unwrap();
    assert!(back.core.spills.len() <= width);
    assert_eq!(read_all(&mut back, 4_000), sorted(&records, 17));
}

#[test]
fn keyed_records_are_ordered_by_key_then_by_the_rest() {
    let dir = private_tempdir();
    for memory in [1_024, 1 << 20] {
        let mut expected = Vec::new();
        let mut sorter = VarSorter::new(dir.path(), memory).unwrap();
        for number in numbers(6).take(700) {
            let len = usize::try_from(number % 40).unwrap();
            let record: Vec<u8> =
                numbers(number).map(|value| (value % 3) as u8).take(len).collect();
            let key_len = usize::try_from(number >> 8).unwrap() % (len + 1);
            sorter.push_keyed(&record, key_len).unwrap();
            let (key, rest) = record.split_at(key_len);
            expected.push((key.to_vec(), rest.to_vec()));
        }
        expected.sort();
        let mut back = sorter.finish().unwrap();
        for _ in 0..2 {
            for (key, rest) in &expected {
                let record = back.next_record().unwrap().unwrap();
                assert_eq!(record, [key.as_slice(), rest].concat());
            }
            assert!(back.next_record().unwrap().is_none());
            assert!(back.next_record().unwrap().is_none());
            back.rewind().unwrap();
        }
    }
}

#[test]
fn record_larger_than_memory_is_kept() {
    let dir = private_tempdir();
    let mut sorter = VarSorter::new(dir.path(), 512).unwrap();
    let large = vec![5; RECORD_LEN_MAX];
    for record in [&large[..], &[7], &[], &large, &[1, 2]] {
        sorter.push(record).unwrap();
    }
    assert!(sorter.push(&[0; RECORD_LEN_MAX + 1]).is_err());
    assert!(sorter.push_keyed(&[0; 4], 5).is_err());
    let mut back = sorter.finish().unwrap();
    for expected in [&[][..], &[1, 2], &large, &large, &[7]] {
        assert_eq!(back.next_record().unwrap().unwrap(), expected);
    }
    assert!(back.next_record().unwrap().is_none());
}

#[test]
fn plaintext_never_stands_in_a_spill_file_and_no_name_is_left() {
    let dir = private_tempdir();
    let work = dir.path().join("work");
    let records = fixed_records(7, 600, 16);
    let mut sorter = FixedSorter::new(&work, 16, 4_096).unwrap();
    let mut log = SealedLog::new(&work).unwrap();
    sorter.extend(&records).unwrap();
    records.chunks(16).for_each(|record| log.push(record).unwrap());
    assert_eq!(fs::read_dir(&work).unwrap().count(), 0, "while in use");
    let scratch = content(&sorter.core.scratch.as_ref().unwrap().file);
    let back = sorter.finish().unwrap();
    let log = log.finish().unwrap();
    for spilled in [scratch, content(&back.core.spills[0].file), content(&log.spill.file)] {
        assert!(spilled.len() > 4_096);
        for record in records.chunks(8) {
            assert!(!spilled.windows(8).any(|window| window == record));
        }
    }
    drop((back, log));
    assert_eq!(fs::read_dir(&work).unwrap().count(), 0, "after use");
}

#[test]
fn damaged_spill_is_an_error_and_never_a_shorter_set() {
    let dir = private_tempdir();
    let records = fixed_records(8, 400, 16);
    let mut sorter = FixedSorter::new(dir.path(), 16, 4_096).unwrap();
    sorter.extend(&records).unwrap();
    let mut back = sorter.finish().unwrap();
    let file = Arc::clone(&back.core.spills[0].file);
    let bytes = content(&file);
    for at in (0..bytes.len()).step_by(97) {
        file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
        let outcome = back.rewind().and_then(|()| {
            while back.next_chunk(64)?.is_some() {}
            Ok(())
        });
        assert!(outcome.is_err(), "byte {at}");
        if matches!(back.core.source, Source::Failed) {
            assert!(matches!(back.next_chunk(64), Err(SpillError::Failed)));
        }
        file.write_all_at(&bytes[at..=at], at as u64).unwrap();
    }
    back.rewind().unwrap();
    assert_eq!(read_all(&mut back, 64), sorted(&records, 16));
}

#[test]
fn every_failing_storage_operation_is_reported() {
    // D10
    let dir = private_tempdir();
    let records = fixed_records(9, 300, 16);
    for at in 0.. {
        let (outcome, reached) = with_fault(at, || {
            let mut sorter = FixedSorter::new(dir.path(), 16, 4_096)?;
            sorter.extend(&records)?;
            sorter.finish()
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        if !reached {
            let mut back = outcome.unwrap();
            assert_eq!(read_all(&mut back, 64), sorted(&records, 16));
            assert!(at > 10, "several spills were written");
            break;
        }
        assert!(outcome.is_err(), "operation {at}");
    }
}

#[test]
fn log_gives_records_back_in_order_any_number_of_times() {
    let dir = private_tempdir();
    let mut log = SealedLog::new(dir.path()).unwrap();
    let records: Vec<Vec<u8>> = numbers(10)
        .take(200)
        .map(|number| number.to_le_bytes().repeat((number % 2_000) as usize))
        .chain([Vec::new(), vec![3; LOG_RECORD_LEN_MAX]])
        .collect();
    records.iter().for_each(|record| log.push(record).unwrap());
    assert!(log.push(&vec![0; LOG_RECORD_LEN_MAX + 1]).is_err());
    let log = log.finish().unwrap();
    assert_eq!(log.records(), 202);
    let mut passes = [log.read().unwrap(), log.read().unwrap()];
    for record in &records {
        for pass in &mut passes {
            assert_eq!(pass.next_record().unwrap().unwrap(), record);
        }
    }
    assert!(passes[0].next_record().unwrap().is_none());
}

#[test]
fn store_marks_the_last_chunk_and_gives_an_empty_one_for_no_records() {
    let dir = private_tempdir();
    let mut store = SpillStore::new(&dir.path().join("work"), 1 << 20).unwrap();
    let chunk = store.next_chunk(SpillName::Hits).unwrap();
    assert!(chunk.last);
    assert!(matches!(chunk.content, SpillContent::Records(records) if records.is_empty()));

    let records = fixed_records(11, 40_000, 17);
    for part in records.chunks(17 * 999) {
        store.spill(SpillName::OwnTags, Zeroizing::new(part.to_vec())).unwrap();
    }
    let mut all = Vec::new();
    loop {
        let chunk = store.next_chunk(SpillName::OwnTags).unwrap();
        let SpillContent::Records(records) = chunk.content else {
            panic!("records");
        };
        assert!(!records.is_empty());
        all.extend_from_slice(&records);
        if chunk.last {
            break;
        }
    }
    assert_eq!(all, sorted(&records, 17));
    let late = store.spill(SpillName::OwnTags, Zeroizing::new(vec![0; 17]));
    assert!(matches!(late, Err(SpillError::Bug(_))));
    let mut taken = store.take(SpillName::OwnTags).unwrap();
    assert_eq!(read_all(&mut taken, 1 << 16), all);
    assert!(store.next_chunk(SpillName::Table).is_err());
    let ragged = store.spill(SpillName::RowHits, Zeroizing::new(vec![0; 10]));
    assert!(matches!(ragged, Err(SpillError::Bug(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_records_come_back_sorted(
        memory in 0_usize..20_000,
        records in prop::collection::vec(any::<[u8; 3]>(), 0..1_500),
    ) {
        let dir = private_tempdir();
        let mut sorter = FixedSorter::new(dir.path(), 3, memory).unwrap();
        let mut var = VarSorter::new(dir.path(), memory).unwrap();
        for record in &records {
            sorter.push(record).unwrap();
            var.push(record).unwrap();
        }
        let bytes = records.concat();
        let mut back = sorter.finish().unwrap();
        prop_assert_eq!(read_all(&mut back, 500), sorted(&bytes, 3));
        let mut back = var.finish().unwrap();
        for record in sorted(&bytes, 3).chunks(3) {
            prop_assert_eq!(back.next_record().unwrap().unwrap(), record);
        }
        prop_assert!(back.next_record().unwrap().is_none());
    }
}
