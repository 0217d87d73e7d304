//! Results that were paid for, sealed before the receipt leaves and kept for as long as they may
//! be used.
//!
//! A result lies under the party that answered and under the key of its question: profile, input,
//! sample, snapshot, and terms without their times; and how its rows are called, if it names rows.
//! Output files are written from here, so that a kill, a full disk or a wrong path loses none; and
//! an equal question is answered from here, which costs nothing and tells the provider nothing
//! further.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use protocol::commitment::InputRoot;
use protocol::error::Bug;
use protocol::suite::Profile;
use protocol::terms::MatchTerms;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::StoreError;
use crate::hex;
use crate::os::{self, DraftDir, OsError};
use crate::record::zerocopy::IntoBytes as _;
use crate::record::{BigEndian, Record as _, U32, record};
use crate::seal::{self, KeyedHash, StorageKey};
use crate::sealed::{
    RawSealedFile, RawSealedOut, create_sealed, finish_sealed, open_sealed, read_or_end,
    verify_sealed,
};

/// The results of a node, of which the caller holds the lock.
#[derive(Debug)]
pub struct Results {
    directory: PathBuf,
    storage: StorageKey,
    names: KeyedHash,
}

/// Question of a run: two runs that agree in all of it ask the same.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Profile, which says what is to be learned.
    pub profile: Profile,
    /// The committed input.
    pub input: &'a InputRoot,
    /// Rows drawn for a sample; 0 for all.
    pub sample_rows: u64,
    /// Commitment of the provider's snapshot.
    pub snapshot: &'a [u8; 32],
    /// Head of the provider's list of objections. A result that names persons is the answer for as
    /// long as nobody else objects; a count names nobody.
    pub objections: &'a [u8; 32],
    /// The terms; their times are no part of the question, nor is how the table comes.
    pub terms: &'a MatchTerms,
}

/// Place of a result, whether one is there or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuestionKey {
    party: [u8; 32],
    key: [u8; 32],
}

/// Facts of a result beside its records.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct About<T> {
    /// Session that gave it.
    pub sid: [u8; 32],
    /// Unix time at which it was sealed.
    pub sealed_at: u64,
    /// Unix time until which it may be used.
    pub kept_until: u64,
    /// Answer as the program keeps it.
    pub answer: T,
}

impl Results {
    /// Opens the store, and removes what is past its time and what interrupted runs left.
    ///
    /// `ledger_time` is the latest time both parties put into a chain; a clock that jumps removes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open(
        node: &Path,
        storage: &StorageKey,
        ledger_time: Option<u64>,
    ) -> Result<Self, StoreError> {
        let directory = node.join(DIRECTORY);
        os::create_private_dir(&directory)?;
        let store = Self { directory, storage: storage.clone(), names: storage.keyed_hash(NAMES)? };
        for (party, _) in entries(&store.directory)? {
            for (path, name) in entries(&party)? {
                let past = |until: u64| ledger_time.is_some_and(|time| time > until);
                let expired = || {
                    let found = store.read::<IgnoredAny>(&path);
                    found.is_ok_and(|found| past(found.about.kept_until))
                };
                if os::is_partial(Path::new(&name)) || expired() {
                    fs::remove_dir_all(&path).map_err(StoreError::io(&path))?;
                }
            }
        }
        Ok(store)
    }

    /// The key of a question to a party.
    ///
    /// # Errors
    ///
    /// [`Bug`] if the terms do not encode.
    pub fn key(&self, party: &[u8; 32], question: &Question<'_>) -> Result<QuestionKey, Bug> {
        let Question { profile, input, sample_rows, snapshot, objections, terms } = question;
        let timeless = MatchTerms {
            opened_at: 0,
            expires_at: 0,
            audit_until: 0,
            table_delivery: 0,
            ..(*terms).clone()
        };
        let terms = serde_json::to_vec(&timeless).map_err(|_| Bug::invariant())?;
        let (profile, sample) = (profile.code().to_be_bytes(), sample_rows.to_be_bytes());
        let rows = input.rows.to_be_bytes();
        let objections = match question.profile {
            Profile::MatchedRows | Profile::DigitalIds => *objections,
            Profile::MatchRate | Profile::Activation => &[0; 32],
        };
        let parts: [&[u8]; 7] =
            [&profile, &input.root, &rows, &sample, *snapshot, objections, &terms];
        Ok(QuestionKey { party: *party, key: self.names.of(&parts) })
    }

    /// The result of a question that may be used at `now`, if one is kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the file system. A result that is damaged answers nothing: it is asked
    /// again.
    pub fn find<T: for<'de> Deserialize<'de>>(
        &self,
        key: &QuestionKey,
        now: u64,
    ) -> Result<Option<StoredResult<T>>, StoreError> {
        let directory = self.place(key);
        if !directory.exists() {
            return Ok(None);
        }
        match self.read_whole(&directory) {
            Ok(found) => Ok(Some(found).filter(|found| now <= found.about.kept_until)),
            Err(error) => {
                tracing::warn!(target: "veilmatch::results", %error, "not read");
                Ok(None)
            }
        }
    }

    /// Every result that can be read, the latest last.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the file system.
    pub fn all<T: for<'de> Deserialize<'de>>(&self) -> Result<Vec<StoredResult<T>>, StoreError> {
        let mut all = Vec::new();
        for (party, _) in entries(&self.directory)? {
            for (path, _) in entries(&party)? {
                match self.read(&path) {
                    Ok(found) => all.push(found),
                    Err(error) => {
                        tracing::warn!(target: "veilmatch::results", %error, "not read");
                    }
                }
            }
        }
        all.sort_by_key(|found| (found.about.sealed_at, found.about.sid));
        Ok(all)
    }

    /// Seals a result, with records that `write` gives, and has it on disk.
    ///
    /// # Errors
    ///
    /// That of `write`, or [`StoreError`]; nothing is there in part.
    pub fn seal<T: Serialize + for<'de> Deserialize<'de>, E: From<StoreError>>(
        &self,
        key: &QuestionKey,
        about: &About<T>,
        write: impl FnOnce(&mut RecordWriter) -> Result<(), E>,
    ) -> Result<StoredResult<T>, E> {
        let (draft, mut records) = self.draft(key)?;
        write(&mut records)?;
        Ok(self.publish(key, about, draft, records)?)
    }

    fn draft(&self, key: &QuestionKey) -> Result<(DraftDir, RecordWriter), StoreError> {
        let directory = self.place(key);
        let party = os::parent(&directory);
        os::create_private_dir(party)?;
        let draft = DraftDir::create(party, "result")?;
        let path = draft.path(RECORDS);
        let out = create_sealed(&path, &self.storage, &context(RECORDS, key))?;
        Ok((draft, RecordWriter { out, path }))
    }

    fn publish<T: Serialize + for<'de> Deserialize<'de>>(
        &self,
        key: &QuestionKey,
        about: &About<T>,
        draft: DraftDir,
        records: RecordWriter,
    ) -> Result<StoredResult<T>, StoreError> {
        finish_sealed(records.out, &records.path)?;
        let text = serde_json::to_vec(about).map_err(|_| Bug::invariant())?;
        let sealed = seal::seal_bytes(&self.storage, &context(ABOUT, key), &Zeroizing::new(text))?;
        os::publish_new(&draft.path(ABOUT), os::PRIVATE_MODE, |out| out.write_all(&sealed))?;
        let directory = self.place(key);
        // One that is there is past its time or damaged, or it would have been the answer.
        if directory.exists() {
            let aside = DraftDir::create(os::parent(&directory), "result")?;
            fs::rename(&directory, aside.path("old")).map_err(StoreError::io(&directory))?;
        }
        draft.publish(&hex(&key.key))?;
        self.read(&directory)
    }

    fn place(&self, key: &QuestionKey) -> PathBuf {
        self.directory.join(hex(&key.party)).join(hex(&key.key))
    }

    /// Reads a result of which every record can be read too: one that answers a question stands in
    /// the way of asking it.
    fn read_whole<T: for<'de> Deserialize<'de>>(
        &self,
        directory: &Path,
    ) -> Result<StoredResult<T>, StoreError> {
        let context = context_at(RECORDS, directory);
        verify_sealed(&directory.join(RECORDS), &self.storage, &context)?;
        self.read(directory)
    }

    fn read<T: for<'de> Deserialize<'de>>(
        &self,
        directory: &Path,
    ) -> Result<StoredResult<T>, StoreError> {
        let path = directory.join(ABOUT);
        let sealed = fs::read(&path).map_err(StoreError::io(&path))?;
        let text = seal::open_bytes(&self.storage, &context_at(ABOUT, directory), &sealed)?;
        let about = serde_json::from_slice(&text).map_err(|_| StoreError::contradiction(&path))?;
        Ok(StoredResult { directory: directory.into(), storage: self.storage.clone(), about })
    }
}

/// A result as it is kept.
#[derive(Debug)]
pub struct StoredResult<T> {
    directory: PathBuf,
    storage: StorageKey,
    /// Facts of the result.
    pub about: About<T>,
}

impl<T> StoredResult<T> {
    /// Records of the result, from the first.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn records(&self) -> Result<Records, StoreError> {
        let path = self.directory.join(RECORDS);
        let reader = open_sealed(&path, &self.storage, &context_at(RECORDS, &self.directory))?;
        Ok(Records { reader, path })
    }

    /// Notes that the provider signed the receipt of the session.
    ///
    /// # Errors
    ///
    /// [`OsError`].
    pub fn note_receipt(&self) -> Result<(), OsError> {
        os::publish_atomically(&self.directory.join(RECEIPT), os::PRIVATE_MODE, |_| Ok(()))
    }

    /// Removes it with all of its records.
    ///
    /// # Errors
    ///
    /// [`StoreError`] of the file system.
    pub fn destroy(self) -> Result<(), StoreError> {
        fs::remove_dir_all(&self.directory).map_err(StoreError::io(&self.directory))
    }

    /// Tells if the provider signed the receipt of the session, as far as this node saw.
    #[must_use]
    pub fn has_receipt(&self) -> bool {
        self.directory.join(RECEIPT).exists()
    }
}

/// Takes the records of a result that is being sealed.
#[derive(Debug)]
pub struct RecordWriter {
    out: RawSealedOut,
    path: PathBuf,
}

impl RecordWriter {
    /// Adds a record.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn push(&mut self, parts: &[&[u8]]) -> Result<(), StoreError> {
        let len = parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(part.len()));
        let len =
            len.and_then(|len| u32::try_from(len).ok()).filter(|len| *len <= RECORD_BYTES_MAX);
        let len = len.ok_or_else(|| StoreError::contradiction(&self.path))?;
        self.out.append(Head { len: len.into() }.bytes())?;
        parts.iter().try_for_each(|part| Ok(self.out.append(part)?))
    }
}

/// Reads the records of a result in their order.
#[derive(Debug)]
pub struct Records {
    reader: RawSealedFile,
    path: PathBuf,
}

impl Records {
    /// The next record, if there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file is damaged.
    pub fn next_record(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let mut head = Head { len: 0.into() };
        if !read_or_end(&mut self.reader, head.as_mut_bytes(), &self.path)? {
            return Ok(None);
        }
        let damaged = || StoreError::contradiction(&self.path);
        let len =
            Some(head.len.get()).filter(|len| *len <= RECORD_BYTES_MAX).ok_or_else(damaged)?;
        let len = usize::try_from(len).map_err(|_| damaged())?;
        let mut record = Zeroizing::new(vec![0; len]);
        let whole = len == 0 || read_or_end(&mut self.reader, &mut record, &self.path)?;
        if whole { Ok(Some(record)) } else { Err(damaged()) }
    }
}

record! {
    /// Length of a record, in front of it.
    struct Head {
        len: U32<BigEndian>,
    }
}

/// Paths and names in a directory, hidden ones included; none if there is no directory.
fn entries(directory: &Path) -> Result<Vec<(PathBuf, std::ffi::OsString)>, StoreError> {
    let read = match fs::read_dir(directory) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        read => read.map_err(StoreError::io(directory))?,
    };
    let mut found = Vec::new();
    for entry in read {
        let entry = entry.map_err(StoreError::io(directory))?;
        found.push((entry.path(), entry.file_name()));
    }
    Ok(found)
}

/// Purpose of a file, bound into it, so that none stands in for another.
fn context(name: &str, key: &QuestionKey) -> String {
    format!("result {name} {}", hex(&key.key))
}

fn context_at(name: &str, directory: &Path) -> String {
    let key = directory.file_name().map_or_else(Default::default, |key| key.to_string_lossy());
    format!("result {name} {key}")
}

/// Inside the node's directory.
const DIRECTORY: &str = "results";
/// Purpose of the keyed hash that names questions.
const NAMES: &str = "questions";
const ABOUT: &str = "about";
const RECORDS: &str = "records";
const RECEIPT: &str = "receipt";
/// A frame of digital IDs is the longest.
const RECORD_BYTES_MAX: u32 = 64 << 20;

#[cfg(test)]
mod tests {
    use protocol::identifier::{IdentifierKind, RulesetId};
    use protocol::purpose::Purpose;

    use super::*;
    use crate::os::testing::private_tempdir;

    const NOTHING: Result<(), StoreError> = Ok(());
    const PARTY: [u8; 32] = [7; 32];
    const OTHER: InputRoot = InputRoot { root: [2; 32], leaves: 10, rows: 5, map: [0; 32] };
    const ROOT: InputRoot = InputRoot { root: [1; 32], leaves: 10, rows: 5, map: [0; 32] };

    fn terms() -> MatchTerms {
        let ruleset = RulesetId::from_code(1).unwrap();
        MatchTerms::defaults(Profile::MatchedRows, ruleset, &[IdentifierKind::EMAIL_STRICT])
    }

    fn about(sid: u8, kept_until: u64) -> About<String> {
        About { sid: [sid; 32], sealed_at: 100, kept_until, answer: "found".to_owned() }
    }

    fn key_of(
        results: &Results,
        change: impl FnOnce(&mut Question<'_>, &mut MatchTerms),
    ) -> QuestionKey {
        let (mut terms, borrowed) = (terms(), terms());
        let mut question = Question {
            profile: Profile::MatchedRows,
            input: &ROOT,
            sample_rows: 0,
            snapshot: &[3; 32],
            objections: &[0; 32],
            terms: &borrowed,
        };
        change(&mut question, &mut terms);
        let question = Question { terms: &terms, ..question };
        results.key(&PARTY, &question).unwrap()
    }

    fn store(dir: &Path, key: &StorageKey, time: Option<u64>) -> Results {
        Results::open(dir, key, time).unwrap()
    }

    #[test]
    fn a_question_is_its_profile_input_sample_snapshot_and_terms_without_their_times() {
        let dir = private_tempdir();
        let storage = StorageKey::ephemeral().unwrap();
        let results = store(dir.path(), &storage, None);
        let same = key_of(&results, |_, _| {});
        let timed = key_of(&results, |_, terms| {
            (terms.opened_at, terms.expires_at, terms.audit_until) = (1, 2, 3);
            terms.table_delivery ^= 1;
        });
        assert_eq!(timed, same);
        let others = [
            key_of(&results, |question, _| question.profile = Profile::MatchRate),
            key_of(&results, |question, _| question.input = &OTHER),
            key_of(&results, |question, _| question.sample_rows = 100_000),
            key_of(&results, |question, _| question.snapshot = &[4; 32]),
            key_of(&results, |question, _| question.objections = &[4; 32]),
            key_of(&results, |_, terms| terms.k_min += 1),
            key_of(&results, |_, terms| terms.purpose = Purpose::Suppress),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(*other, same, "{at}");
        }
        // Nobody without the storage key can make the name of a question.
        let strange = StorageKey::ephemeral().unwrap();
        let strange = store(private_tempdir().path(), &strange, None);
        assert_ne!(key_of(&strange, |_, _| {}), same);
    }

    #[test]
    fn records_come_back_in_their_order_and_nothing_is_in_clear() {
        let dir = private_tempdir();
        let storage = StorageKey::ephemeral().unwrap();
        let results = store(dir.path(), &storage, None);
        let key = key_of(&results, |_, _| {});
        assert!(results.find::<String>(&key, 0).unwrap().is_none());
        let sealed = results.seal(&key, &about(9, 500), |records| {
            records.push(&[b"\x00\x01", b"customer-1"])?;
            records.push(&[])?;
            records.push(&[b"customer-2"])
        });
        let sealed = sealed.unwrap();
        assert!(!sealed.has_receipt());
        sealed.note_receipt().unwrap();
        let found = results.find::<String>(&key, 500).unwrap().unwrap();
        assert!(found.has_receipt() && found.about.answer == "found");
        let mut records = found.records().unwrap();
        for expected in [&b"\x00\x01customer-1"[..], b"", b"customer-2"] {
            assert_eq!(records.next_record().unwrap().unwrap().as_slice(), expected);
        }
        assert!(records.next_record().unwrap().is_none());
        for file in fs::read_dir(&found.directory).unwrap().flatten() {
            let bytes = fs::read(file.path()).unwrap();
            assert!(!bytes.windows(8).any(|window| window == b"customer"));
        }
        assert_eq!(results.all::<String>().unwrap().len(), 1);
    }

    #[test]
    fn a_seal_that_fails_leaves_nothing_and_a_damaged_result_is_asked_again() {
        let dir = private_tempdir();
        let storage = StorageKey::ephemeral().unwrap();
        let results = store(dir.path(), &storage, None);
        let key = key_of(&results, |_, _| {});
        let failed = results.seal(&key, &about(1, 500), |_| Err(StoreError::Bug(Bug::misuse())));
        assert!(failed.is_err());
        assert!(results.find::<String>(&key, 0).unwrap().is_none());
        assert!(results.all::<String>().unwrap().is_empty());
        for (name, sid) in [(ABOUT, 2), (RECORDS, 3)] {
            let sealed = results.seal(&key, &about(1, 500), |out| out.push(&[b"row"])).unwrap();
            let path = sealed.directory.join(name);
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(results.find::<String>(&key, 0).unwrap().is_none(), "{name}");
            // The new one takes its place.
            results.seal(&key, &about(sid, 500), |_| NOTHING).unwrap();
            assert_eq!(results.find::<String>(&key, 0).unwrap().unwrap().about.sid, [sid; 32]);
        }
    }

    #[test]
    fn what_is_past_its_time_goes_by_the_ledger_and_never_by_a_clock() {
        let dir = private_tempdir();
        let storage = StorageKey::ephemeral().unwrap();
        let results = store(dir.path(), &storage, None);
        let key = key_of(&results, |_, _| {});
        results.seal(&key, &about(1, 500), |_| NOTHING).unwrap();
        // A clock that stands ahead finds no answer, and removes none.
        assert!(results.find::<String>(&key, 501).unwrap().is_none());
        for time in [None, Some(0), Some(500)] {
            assert_eq!(store(dir.path(), &storage, time).all::<String>().unwrap().len(), 1);
        }
        let party = dir.path().join(DIRECTORY).join(hex(&PARTY));
        fs::create_dir(party.join(".result.0123.partial")).unwrap();
        assert!(store(dir.path(), &storage, Some(501)).all::<String>().unwrap().is_empty());
        assert_eq!(fs::read_dir(&party).unwrap().count(), 0);
    }
}
