//! Persons whose rows were delivered, and those of them who leave for a reason of rights.
//!
//! Leaving a row out takes back nothing that a provider was given: its digital IDs stay in use
//! until somebody says so. So the node remembers the rows of delivered inputs, as keyed hashes
//! with their identifier digests, until the audit window of their session is over. A row of them
//! that a file of today leaves out for a reason of rights makes its person a *leaver*, who is in no
//! input from then on and whom the node sends through the match by itself [D-31]. A row that is
//! just absent is a customer who left, and nothing more.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use protocol::group::BatchArithmetic;
use protocol::identifier::IdentifierKind;
use protocol::limits::{DROP_DELAY_DAYS_DEFAULT, REMOVAL_ROWS_MAX, REMOVAL_SPAN_S};
use protocol::purpose::Purpose;
use serde::{Deserialize, Serialize};
use store::hex;
use store::os::{self, Action};
use store::record::{BigEndian, Record as _, U16, U64, record};
use store::seal;
use store::seal::StorageKey;
use store::sealed::{SealedFile, SealedOut};
use store::spill::{Sorted, Sorter, Workspace};
use tabular::Input;

use crate::departures::{Ground, LeftNames};
use crate::{
    CrmError, Departed, GatheredInput, InputRules, Leaver, PersonHash, PersonHashes, PreparedInput,
};

/// Memory of what was delivered, and of who left.
#[derive(Debug)]
pub struct Departures {
    directory: PathBuf,
    storage: StorageKey,
    workspace: Workspace,
}

/// State of the removals at one provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removals {
    /// Unix time of the last one.
    last: Option<u64>,
    /// True until the list was released anew, and the bags before are destroyed.
    pub release_due: bool,
    /// Persons who left and were never named to the provider.
    pub waiting: u64,
    /// Unix time since which the first of them waits.
    pub waiting_since: u64,
    /// Unix time since which the last of them waits.
    waiting_newest: u64,
}

impl Removals {
    /// True if one has been made so lately that another has to wait.
    #[must_use]
    pub fn must_wait(&self, now: u64) -> bool {
        let age_s = self.last.and_then(|last| now.checked_sub(last));
        age_s.is_some_and(|age_s| age_s < REMOVAL_SPAN_S)
    }

    /// True if a bag that was sealed at a time may hold somebody who left since.
    #[must_use]
    pub fn outdate(&self, sealed_at: u64) -> bool {
        let named = self.release_due && self.last.is_some_and(|last| sealed_at < last);
        named || (self.waiting > 0 && sealed_at <= self.waiting_newest)
    }
}

impl Departures {
    /// Opens the memory in a private directory of the node, sealed by its key.
    #[must_use]
    pub const fn open(directory: PathBuf, storage: StorageKey, workspace: Workspace) -> Self {
        Self { directory, storage, workspace }
    }

    /// Persons who are in no input any more. A consent that is too old is judged in every file.
    pub fn departed(&self) -> Result<Departed, CrmError> {
        let known = self.known()?.into_iter().filter(|known| !known.is_aged());
        let hashes = known.map(|known| known.hash).collect();
        Ok(Departed::new(PersonHashes::new(&self.storage)?, hashes))
    }

    /// Reads CRM files and keeps them as one committed input under a directory, as
    /// [`PreparedInput::prepare`] does. Whoever leaves by them is kept out of them and of all later
    /// ones; `many_allowed` says whether that may be many, and `now` is the time.
    ///
    /// # Errors
    ///
    /// [`CrmError`]; a file that cannot be used is named with line and column.
    pub fn prepare(
        &self,
        inputs: &[Input],
        rules: &InputRules<'_>,
        (store, workspace): (&Path, &Workspace),
        arithmetic: &dyn BatchArithmetic,
        (many_allowed, now): (bool, u64),
    ) -> Result<PreparedInput, CrmError> {
        let read = |rules| GatheredInput::read(inputs, rules, store, &self.storage, workspace);
        let gathered = read(rules)?;
        let found = self.detect(&gathered, many_allowed)?;
        self.keep_out(&found, now)?;
        let commit = |mut gathered: GatheredInput<'_>| {
            gathered.warn(CONSENT_ENDED_ELSEWHERE, found.doubtful());
            gathered.commit(arithmetic)
        };
        if found.is_empty() {
            return commit(gathered);
        }
        // They may stand in further rows, which can be read again but from a pipe.
        let departed = self.departed()?;
        let in_a_pipe = inputs.iter().any(|input| input.file.is_standard_input());
        match in_a_pipe && gathered.holds(&departed)? {
            true => Err(CrmError::LeaverInPipe),
            false if in_a_pipe => commit(gathered),
            false => {
                drop(gathered);
                commit(read(&InputRules { departed: Some(&departed), ..*rules })?)
            }
        }
    }

    /// Finds the delivered rows whose persons this input left out for a reason of rights, under
    /// whatever id; nothing is kept yet.
    ///
    /// An objection is of a person, whatever she was delivered for; a consent that is missing is of
    /// a row and a purpose, so that a delivered row that may still be used stays; and a consent
    /// that is too old is older than the terms allowed that the row was delivered under.
    ///
    /// # Errors
    ///
    /// [`CrmError::ManyLeavers`] for a file that takes more persons out at once than files of
    /// customers do, unless `many_allowed`; [`CrmError`] of the file system.
    fn detect(
        &self,
        input: &GatheredInput<'_>,
        many_allowed: bool,
    ) -> Result<NewLeavers, CrmError> {
        let names = PersonHashes::new(&self.storage)?;
        let mut left = LeftNames::of(input.left_out(), &names, &self.workspace)?;
        let (purpose, now) = (purpose_bit(input.purpose()), input.now());
        let mut found = NewLeavers::among(self.delivered_rows()?, self.known()?, many_allowed)?;
        let Workspace { directory, memory_bytes } = &self.workspace;
        let mut missing = Sorter::new(directory, memory_bytes / 8)?;
        for party in self.parties()? {
            left.rewind()?;
            let mut holders = Sorter::new(directory, memory_bytes / 8)?;
            let mut delivered = self.delivered(&party)?;
            while let Some(one) = next(&mut delivered)? {
                if found.before(&one.row) == Some(Ground::Objection) {
                    continue;
                }
                let Delivered { row, purposes, consent_days, .. } = one;
                let own_at = left.stays.of(&row)?.map_or(0, |(_, at)| at).into();
                let held = Holder { hash: row, row, purposes, consent_days, own_at };
                let leaves = left.rows.of(&row)?.and_then(|by| held.leaves_by(by, purpose, now));
                leaves.into_iter().for_each(|by| found.add(row, by));
                let withdrew = left.withdrew.of(&row)?;
                if withdrew.and_then(|by| held.leaves_by(by, purpose, now)).is_some() {
                    found.doubt(row);
                }
                // What somebody else objects by is hers to name, whatever took the row out.
                let objects = leaves.is_some_and(|(ground, _)| ground == Ground::Objection);
                if one.personal == 1 && !objects {
                    let hash = names.identifier(one.kind, &one.digest);
                    holders.push(&Holder { hash, ..held })?;
                }
            }
            let mut holders = holders.finish()?;
            while let Some(held) = holders.next_record()? {
                let by = left.identifiers.of(&held.hash)?;
                match by.and_then(|by| held.leaves_by(by, purpose, now)) {
                    Some((Ground::Objection | Ground::Identifier, at)) => {
                        found.add(held.row, (Ground::Identifier, at));
                        found.object_by(held.hash);
                    }
                    Some((ground, at)) if found.is_more(&held.row, ground) => {
                        let (row, ground) = (held.row, ground.code());
                        missing.push(&Missing { row, ground, at: at.into() })?;
                    }
                    _ => {}
                }
            }
        }
        Self::settle(input, &names, missing.finish()?, &mut found)?;
        let (persons, delivered) = (found.persons(), found.delivered);
        match persons > found.most {
            true => Err(CrmError::ManyLeavers { persons, delivered }),
            false => Ok(found),
        }
    }

    /// Takes those out whose consent is missing in another row, unless their own may be used; and
    /// finds who has a newer consent than the one that was too old.
    fn settle(
        input: &GatheredInput<'_>,
        names: &PersonHashes,
        mut missing: Sorted<Missing>,
        found: &mut NewLeavers,
    ) -> Result<(), CrmError> {
        let mut look_for_newer = found.any_aged();
        loop {
            let mut without: HashMap<PersonHash, (Ground, u64)> = HashMap::new();
            while without.len() < MISSING_AT_ONCE
                && let Some(Missing { row, ground, at }) = missing.next_record()?
            {
                // The first of a row has the ground that weighs most.
                without.entry(row).or_insert((Ground::from_code(ground)?, at.get()));
            }
            if without.is_empty() && !look_for_newer {
                return Ok(());
            }
            let mut usable = input.usable_rows()?;
            while let Some((id, consent_at)) = usable.next_row()? {
                let row = names.row(&id);
                without.remove(&row);
                if look_for_newer {
                    found.renew(row, consent_at);
                }
            }
            without.into_iter().for_each(|(row, by)| found.add(row, by));
            look_for_newer = false;
        }
    }

    /// Keeps persons out of every input from now on.
    ///
    /// # Errors
    ///
    /// [`CrmError`] of the file system.
    fn keep_out(&self, leavers: &NewLeavers, now: u64) -> Result<(), CrmError> {
        let mut known = self.known()?;
        if leavers.rows.is_empty() && known.is_empty() {
            return Ok(());
        }
        known.retain(|known| !(known.is_aged() && leavers.returned.contains(&known.hash)));
        let names = PersonHashes::new(&self.storage)?;
        let since = U64::from(now);
        let mut add = |hash, (ground, at): (Ground, u64)| {
            known.push(Known { hash, ground: ground.code(), since, at: at.into() });
        };
        leavers.rows.iter().for_each(|(row, by)| add(*row, *by));
        leavers.identifiers.iter().for_each(|hash| add(*hash, (Ground::Identifier, 0)));
        for party in self.parties()? {
            let mut delivered = self.delivered(&party)?;
            while let Some(one) = next(&mut delivered)? {
                // All that is hers goes with her own objection, and with nothing else.
                let by = leavers.rows.get(&one.row);
                if one.personal == 1 && by.is_some_and(|(by, _)| *by == Ground::Objection) {
                    add(names.identifier(one.kind, &one.digest), (Ground::Objection, 0));
                }
            }
        }
        known.sort_by_key(|known| (known.hash, known.ground, known.since));
        known.dedup_by(|other, kept| {
            let is_same = other.hash == kept.hash;
            if is_same && !other.is_aged() {
                // She was in no input since the first of the grounds that keep her out.
                kept.since = other.since.min(kept.since);
            }
            is_same
        });
        let bytes: Vec<u8> = known.iter().flat_map(|known| known.bytes().to_vec()).collect();
        self.keep(&self.directory.join(DEPARTED), DEPARTED, &bytes)?;
        for party in self.parties()? {
            self.count_waiting(&party, self.removals_at(&party)?, now)?;
        }
        Ok(())
    }

    /// Rows that the largest delivery memory of a provider holds.
    fn delivered_rows(&self) -> Result<u64, CrmError> {
        let mut most = 0;
        for party in self.parties()? {
            let (mut rows, mut last) = (0, None);
            let mut delivered = self.delivered(&party)?;
            while let Some(one) = next(&mut delivered)? {
                rows += u64::from(last.replace(one.row) != Some(one.row));
            }
            most = rows.max(most);
        }
        Ok(most)
    }

    /// Persons who are to leave a provider's deliveries by the next removal: those who were never
    /// named first, then who left first; at most so many as one removal may have.
    ///
    /// A provider may not have known a person on the day she was named, so she is named again with
    /// whoever leaves in the next days, and by herself on two of them.
    ///
    /// # Errors
    ///
    /// [`CrmError`] of the file system.
    pub fn leavers(
        &self,
        party: &[u8; 32],
        sendable: &Sendable<'_>,
        now: u64,
    ) -> Result<Leavers, CrmError> {
        let mut leavers = Leavers::default();
        let mut rows: Vec<(u64, Leaver)> = Vec::new();
        self.each_person(&hex(party), now, |person| {
            let names: Vec<&Delivered> = person.names().filter(|one| sendable.takes(one)).collect();
            let Some(last_named) = names.iter().map(|one| one.last_named.get()).min() else {
                leavers.unnameable += 1;
                return;
            };
            let first_named = names.iter().map(|one| one.first_named.get()).min();
            if last_named > 0 && first_named.is_some_and(|first| is_past(first, REPEATED_S, now)) {
                return;
            }
            leavers.due |= last_named == 0 || is_past(last_named, REPEAT_S, now);
            // A person of more identifiers than a row has slots leaves by several rows.
            rows.extend(names.chunks(sendable.width.max(1).into()).map(|names| {
                let identifiers = names.iter().map(|one| (one.kind, one.ruleset, one.digest));
                let (row, identifiers) = (person.row, identifiers.collect());
                (last_named, Leaver { row, identifiers, since: person.since })
            }));
        })?;
        rows.sort_by_key(|(named, leaver)| (*named, leaver.since, leaver.row));
        leavers.rows = rows.into_iter().map(|(_, leaver)| leaver).collect();
        cut_between_persons(&mut leavers.rows, LEAVERS_MAX);
        leavers.persons = persons_of(&leavers.rows);
        Ok(leavers)
    }

    /// State of the removals at every provider, by its party in hexadecimal.
    ///
    /// # Errors
    ///
    /// [`CrmError`] of the file system.
    pub fn all_removals(&self) -> Result<Vec<(String, Removals)>, CrmError> {
        let parties = self.parties()?.into_iter();
        parties.map(|party| Ok((party.clone(), self.removals_at(&party)?))).collect()
    }

    /// Counts the persons who left and were never named to a provider.
    fn count_waiting(&self, party: &str, removals: Removals, now: u64) -> Result<(), CrmError> {
        let (mut waiting, mut waiting_since, mut waiting_newest) = (0, u64::MAX, 0);
        self.each_person(party, now, |person| {
            if person.names().all(|one| one.last_named.get() == 0) {
                waiting += 1;
                waiting_since = person.since.min(waiting_since);
                waiting_newest = person.since.max(waiting_newest);
            }
        })?;
        self.note(party, &Removals { waiting, waiting_since, waiting_newest, ..removals })
    }

    /// Gives every person of a provider's deliveries who left. Who left by the age of a consent
    /// did so where the terms take none so old.
    fn each_person(
        &self,
        party: &str,
        now: u64,
        mut take: impl FnMut(Person),
    ) -> Result<(), CrmError> {
        let known: HashMap<PersonHash, Known> =
            self.known()?.into_iter().map(|known| (known.hash, known)).collect();
        let mut person: Option<Person> = None;
        let mut delivered = self.delivered(party)?;
        while let Some(one) = next(&mut delivered)? {
            let Some(left) = known.get(&one.row) else { continue };
            if left.is_aged() && !is_past(left.at.get(), one.consent_age_s(), now) {
                continue;
            }
            match &mut person {
                Some(person) if person.row == one.row => person.delivered.push(one),
                _ => {
                    let since = left.since.get();
                    let next = Person { row: one.row, since, delivered: vec![one] };
                    person.replace(next).into_iter().for_each(&mut take);
                }
            }
        }
        person.into_iter().for_each(take);
        Ok(())
    }

    /// Rows of an input that were in no delivery to a provider; `None` if there was none.
    pub fn new_rows(
        &self,
        party: &[u8; 32],
        input: &PreparedInput,
    ) -> Result<Option<u64>, CrmError> {
        let mut delivered = self.delivered(&hex(party))?;
        if delivered.is_none() {
            return Ok(None);
        }
        let mut rows: Vec<PersonHash> = Vec::new();
        while let Some(one) = next(&mut delivered)? {
            if rows.last() != Some(&one.row) {
                rows.push(one.row);
            }
        }
        let names = PersonHashes::new(&self.storage)?;
        let (mut ids, mut new) = (input.row_ids()?, 0);
        while let Some(id) = ids.next_id()? {
            new += u64::from(rows.binary_search(&names.row(&id)).is_err());
        }
        Ok(Some(new))
    }

    /// Remembers the rows of an input whose handles are about to leave.
    pub fn record(
        &self,
        party: &[u8; 32],
        input: &PreparedInput,
        phones_are_personal: bool,
        (now, until): (u64, u64),
    ) -> Result<(), CrmError> {
        let names = PersonHashes::new(&self.storage)?;
        let workspace = &self.workspace;
        let mut sorter = Sorter::new(&workspace.directory, workspace.memory_bytes)?;
        let mut delivered = self.delivered(&hex(party))?;
        while let Some(one) = next(&mut delivered)? {
            if one.until.get() > now {
                sorter.push(&one)?;
            }
        }
        let (mut ids, mut identifiers) = (input.row_ids()?, input.identifiers()?);
        let mut at: Option<(u64, PersonHash)> = None;
        let mut next_row = 0;
        loop {
            let chunk = identifiers.next_chunk(CHUNK)?;
            if chunk.is_empty() {
                break;
            }
            for slot in chunk {
                while at.is_none_or(|(row, _)| row < slot.row) {
                    let id = ids.next_id()?.ok_or(protocol::error::Bug::stored_data_changed())?;
                    at = Some((next_row, names.row(&id)));
                    next_row += 1;
                }
                let Some((_, row)) = at else { continue };
                let kind = slot.identifier.kind;
                let email =
                    [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL].contains(&kind);
                sorter.push(&Delivered {
                    row,
                    kind: kind.code(),
                    digest: *slot.identifier.digest.expose_bytes(),
                    ruleset: slot.identifier.ruleset.code(),
                    personal: u8::from(email || phones_are_personal),
                    purposes: purpose_bit(input.purpose()),
                    consent_days: input.consent_max_age_days().into(),
                    since: now.into(),
                    until: until.into(),
                    first_named: 0.into(),
                    last_named: 0.into(),
                })?;
            }
        }
        let mut sorted = sorter.finish()?;
        let mut held: Option<Delivered> = None;
        self.rewrite(party, || {
            while let Some(one) = sorted.next_record()? {
                match &mut held {
                    Some(last) if last.is_of(&one) => last.join(&one),
                    _ => {
                        if let Some(whole) = held.replace(one) {
                            return Ok(Some(whole));
                        }
                    }
                }
            }
            Ok(held.take())
        })
    }

    /// Notes that a removal named these rows, and forgets those whose audit window is over. The
    /// list waits for its next release.
    ///
    /// # Errors
    ///
    /// [`CrmError`] of the file system.
    pub fn removed(&self, party: &[u8; 32], leavers: &[Leaver], now: u64) -> Result<(), CrmError> {
        let rows: HashSet<PersonHash> = leavers.iter().map(|leaver| leaver.row).collect();
        let named: HashSet<(PersonHash, u8, [u8; 32])> = leavers
            .iter()
            .flat_map(|leaver| {
                leaver.identifiers.iter().map(|(kind, _, digest)| (leaver.row, *kind, *digest))
            })
            .collect();
        let mut delivered = self.delivered(&hex(party))?;
        self.rewrite(party, || {
            while let Some(mut one) = next(&mut delivered)? {
                // The number of a household has no removal of its own beside what is the person's.
                let of_household = one.personal == 0 && rows.contains(&one.row);
                if of_household || named.contains(&(one.row, one.kind, one.digest)) {
                    if one.first_named.get() == 0 {
                        one.first_named = now.into();
                    }
                    one.last_named = now.into();
                }
                // Who was named for long enough may object yet, with all that is hers.
                if one.until.get() > now {
                    return Ok(Some(one));
                }
            }
            Ok(None)
        })?;
        let removals = Removals { last: Some(now), release_due: true, ..Removals::default() };
        self.count_waiting(&hex(party), removals, now)
    }

    /// Notes that the list was released anew, and the older bags are gone.
    pub fn released(&self, party: &[u8; 32]) -> Result<(), CrmError> {
        let removals = Removals { release_due: false, ..self.removals(party)? };
        self.note(&hex(party), &removals)
    }

    /// State of the removals at a provider.
    pub fn removals(&self, party: &[u8; 32]) -> Result<Removals, CrmError> {
        self.removals_at(&hex(party))
    }

    fn removals_at(&self, party: &str) -> Result<Removals, CrmError> {
        let path = self.directory.join(party).join(REMOVALS);
        let Some(text) = self.read(&path, REMOVALS)? else { return Ok(Removals::default()) };
        serde_json::from_slice(&text).map_err(|_| CrmError::contradiction(&path))
    }

    fn note(&self, party: &str, removals: &Removals) -> Result<(), CrmError> {
        let text = serde_json::to_vec(removals).map_err(|_| protocol::error::Bug::invariant())?;
        let directory = self.directory.join(party);
        os::create_private_dir(&directory)?;
        self.keep(&directory.join(REMOVALS), REMOVALS, &text)
    }

    /// Writes the delivered rows of a provider anew.
    fn rewrite(
        &self,
        party: &[u8; 32],
        mut rows: impl FnMut() -> Result<Option<Delivered>, CrmError> + Send,
    ) -> Result<(), CrmError> {
        let directory = self.directory.join(hex(party));
        os::create_private_dir(&directory)?;
        let mut failure: Option<CrmError> = None;
        let published = os::publish_atomically(&directory.join(ROWS), os::PRIVATE_MODE, |out| {
            let write = || -> Result<(), CrmError> {
                let mut sealed = SealedOut::over(out, &self.storage, ROWS)?;
                while let Some(row) = rows()? {
                    sealed.push(&row)?;
                }
                sealed.into_inner()?;
                Ok(())
            };
            write().map_err(|error| {
                failure = Some(error);
                io::ErrorKind::Other.into()
            })
        });
        match failure {
            Some(failure) => Err(failure),
            None => Ok(published?),
        }
    }

    fn delivered(&self, party: &str) -> Result<Option<SealedFile<Delivered>>, CrmError> {
        let path = self.directory.join(party).join(ROWS);
        match path.try_exists().map_err(os::at(Action::Read, &path))? {
            true => Ok(Some(SealedFile::open(&path, &self.storage, ROWS)?)),
            false => Ok(None),
        }
    }

    /// Names of the directories of providers.
    fn parties(&self) -> Result<Vec<String>, CrmError> {
        let at = os::at(Action::Read, &self.directory);
        let entries = fs::read_dir(&self.directory).map_err(at)?.flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter(|name| name.len() == 64).collect())
    }

    fn known(&self) -> Result<Vec<Known>, CrmError> {
        let path = self.directory.join(DEPARTED);
        let Some(bytes) = self.read(&path, DEPARTED)? else { return Ok(Vec::new()) };
        let known = Known::slice(&bytes).ok_or_else(|| CrmError::contradiction(&path))?;
        Ok(known.to_vec())
    }

    fn read(&self, path: &Path, context: &str) -> Result<Option<Vec<u8>>, CrmError> {
        match fs::read(path) {
            Ok(sealed) => {
                let opened = seal::open_bytes(&self.storage, context, &sealed);
                Ok(Some(opened.map_err(CrmError::sealed(path))?.to_vec()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(os::at(Action::Read, path)(error).into()),
        }
    }

    fn keep(&self, path: &Path, context: &str, bytes: &[u8]) -> Result<(), CrmError> {
        let sealed = seal::seal_bytes(&self.storage, context, bytes)?;
        Ok(os::publish_atomically(path, os::PRIVATE_MODE, |out| out.write_all(&sealed))?)
    }
}

/// Persons who are found to leave, by the rows that were delivered.
#[derive(Debug)]
pub struct NewLeavers {
    /// Ground on which each of them leaves, and the time of the consent.
    rows: HashMap<PersonHash, (Ground, u64)>,
    /// Names of the identifiers by which somebody objects, as far as they are new.
    identifiers: HashSet<PersonHash>,
    /// Rows with a newer consent than the one that was too old.
    returned: HashSet<PersonHash>,
    /// Rows without a consent under an id that was delivered.
    doubtful: HashSet<PersonHash>,
    /// Whoever left before, and who of them left by the age of a consent, with its time.
    before: HashMap<PersonHash, Ground>,
    aged: HashMap<PersonHash, u64>,
    /// Persons who were in the inputs until now.
    new: u64,
    delivered: u64,
    /// Rows at most: more than a fifth of a small delivery, or than a twentieth of a large one,
    /// look like a mistake in the file.
    most: u64,
}

impl NewLeavers {
    fn among(delivered: u64, known: Vec<Known>, many_allowed: bool) -> Result<Self, CrmError> {
        // Of a small delivery a fifth, of a large one a twentieth.
        let few = (delivered / 5).clamp(LEAVERS_FEW, LEAVERS_USUAL);
        let usual = few.max(delivered / LEAVERS_USUAL_SHARE);
        let aged = known.iter().filter(|known| known.is_aged());
        let aged = aged.map(|known| (known.hash, known.at.get())).collect();
        let before = known.into_iter().map(|known| Ok((known.hash, known.ground()?)));
        Ok(Self {
            rows: HashMap::new(),
            identifiers: HashSet::new(),
            returned: HashSet::new(),
            doubtful: HashSet::new(),
            before: before.collect::<Result<_, CrmError>>()?,
            aged,
            new: 0,
            delivered,
            most: if many_allowed { u64::MAX } else { usual },
        })
    }

    fn before(&self, row: &PersonHash) -> Option<Ground> {
        self.before.get(row).copied()
    }

    /// True if a ground says more of a row than what it left by: who withdrew a consent may object
    /// later, with all that is hers.
    fn is_more(&self, row: &PersonHash, ground: Ground) -> bool {
        self.before(row).is_none_or(|before| ground < before)
    }

    fn add(&mut self, row: PersonHash, by: (Ground, u64)) {
        if !self.is_more(&row, by.0) || self.persons() > self.most {
            return;
        }
        let is_in_inputs = self.before(&row).is_none_or(|before| before == Ground::Aged);
        let of = self.rows.entry(row).or_insert_with(|| {
            self.new += u64::from(is_in_inputs);
            by
        });
        *of = by.min(*of);
    }

    /// Keeps an identifier that somebody objects by.
    fn object_by(&mut self, identifier: PersonHash) {
        if self.is_more(&identifier, Ground::Identifier) {
            self.identifiers.insert(identifier);
        }
    }

    /// Keeps a row that may have withdrawn, unless it is found by an identifier.
    fn doubt(&mut self, row: PersonHash) {
        if self.before(&row).is_none() && self.doubtful.len() < MISSING_AT_ONCE {
            self.doubtful.insert(row);
        }
    }

    /// True if anybody left by the age of a consent.
    fn any_aged(&self) -> bool {
        !self.aged.is_empty()
    }

    /// Takes a row that may be used, with the time of its consent.
    fn renew(&mut self, row: PersonHash, consent_at: u64) {
        if self.aged.get(&row).is_some_and(|before| *before < consent_at) {
            self.returned.insert(row);
        }
    }

    /// Persons who leave the inputs.
    #[must_use]
    pub const fn persons(&self) -> u64 {
        self.new
    }

    /// True if rows may be usable that are of somebody who left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.identifiers.is_empty()
    }

    /// Rows that lack a consent today under an id that was delivered, of which nobody can tell
    /// whether they are of the same person: no identifier is the same.
    #[must_use]
    pub fn doubtful(&self) -> u64 {
        let known = |row: &&PersonHash| !self.rows.contains_key(*row);
        self.doubtful.iter().filter(known).count() as u64
    }
}

/// Identifiers that the terms with a provider take.
#[derive(Debug, Clone, Copy)]
pub struct Sendable<'a> {
    /// Codes of the kinds.
    pub kinds: &'a [u8],
    /// Code of the normalization rules.
    pub ruleset: u8,
    /// Identifiers of a row, at most.
    pub width: u8,
}

impl Sendable<'_> {
    fn takes(&self, one: &Delivered) -> bool {
        one.ruleset == self.ruleset && self.kinds.contains(&one.kind)
    }
}

/// Persons who are to leave a provider's deliveries.
#[derive(Default)]
pub struct Leavers {
    /// Rows of the next removal.
    pub rows: Vec<Leaver>,
    /// Persons of these rows.
    pub persons: u64,
    /// True if somebody was never named, or is to be named again.
    pub due: bool,
    /// Persons without an identifier that the terms still take.
    pub unnameable: u64,
}

/// Person who left, with everything that was delivered of her.
struct Person {
    row: PersonHash,
    since: u64,
    delivered: Vec<Delivered>,
}

impl Person {
    /// Identifiers that name her: the number of a household, which would remove whoever else has
    /// it, only if she has no other.
    fn names(&self) -> impl Iterator<Item = &Delivered> {
        let personal = self.delivered.iter().map(|one| one.personal).max();
        self.delivered.iter().filter(move |one| Some(one.personal) == personal)
    }
}

/// Persons of rows that stand one after the other.
fn persons_of(leavers: &[Leaver]) -> u64 {
    leavers.chunk_by(|one, other| one.row == other.row).count() as u64
}

/// True if so many seconds have passed since a time; a time to come is not past.
fn is_past(at: u64, seconds: u64, now: u64) -> bool {
    now.checked_sub(at).is_some_and(|age_s| age_s >= seconds)
}

/// Bit of a purpose among those of a delivery.
fn purpose_bit(purpose: Purpose) -> u8 {
    1_u8.checked_shl(purpose.code().into()).map_or(0, |bit| bit)
}

/// Keeps whole persons within `most` rows. A removal forgets every person it named, so the rest of
/// one who was named by a part of her identifiers would never be removed.
fn cut_between_persons(leavers: &mut Vec<Leaver>, most: usize) {
    let Some(cut) = leavers.get(most).map(|leaver| leaver.row) else { return };
    leavers.truncate(most);
    while leavers.pop_if(|leaver| leaver.row == cut).is_some() {}
}

fn next(delivered: &mut Option<SealedFile<Delivered>>) -> Result<Option<Delivered>, CrmError> {
    match delivered {
        Some(delivered) => Ok(delivered.next_record()?),
        None => Ok(None),
    }
}

record! {
    /// An identifier of a delivered row.
    #[derive(PartialOrd, Ord)]
    struct Delivered {
        row: [u8; 16],
        kind: u8,
        digest: [u8; 32],
        ruleset: u8,
        /// 1 if nobody but the person of the row has it.
        personal: u8,
        /// Unix time of the first delivery.
        since: U64<BigEndian>,
        /// Bits of the purposes that it was delivered for.
        purposes: u8,
        /// Days that a consent counted for by its terms, at most.
        consent_days: U16<BigEndian>,
        /// Unix time until which a session with it may be audited.
        until: U64<BigEndian>,
        /// Unix time of the first removal that named it; 0 for none.
        first_named: U64<BigEndian>,
        /// Unix time of the last one.
        last_named: U64<BigEndian>,
    }
}

impl Delivered {
    fn is_of(&self, other: &Self) -> bool {
        (self.row, self.kind, self.digest) == (other.row, other.kind, other.digest)
    }

    fn join(&mut self, other: &Self) {
        self.since = self.since.get().min(other.since.get()).into();
        self.until = self.until.get().max(other.until.get()).into();
        self.personal = self.personal.min(other.personal);
        self.purposes |= other.purposes;
        self.consent_days = self.consent_days.get().max(other.consent_days.get()).into();
        // Whoever is delivered again was not named since.
        self.first_named = self.first_named.get().min(other.first_named.get()).into();
        self.last_named = self.last_named.get().min(other.last_named.get()).into();
    }

    /// Age that a consent may have by its terms.
    fn consent_age_s(&self) -> u64 {
        u64::from(self.consent_days.get()) * DAY_S
    }
}

record! {
    /// An identifier by its name, with the row that holds it.
    #[derive(PartialOrd, Ord)]
    struct Holder {
        hash: [u8; 16],
        row: [u8; 16],
        purposes: u8,
        consent_days: U16<BigEndian>,
        /// Time of the consent that the row has in the file, if it is too old there; the last of
        /// all times if the file leaves the row out for another reason; 0 if it withdrew, or is
        /// not left out.
        own_at: U64<BigEndian>,
    }
}

impl Holder {
    /// Ground on which its person leaves, if a run for a purpose leaves a name out on this one.
    fn leaves_by(&self, by: (Ground, u64), purpose: u8, now: u64) -> Option<(Ground, u64)> {
        let is_past = |at| is_past(at, u64::from(self.consent_days.get()) * DAY_S, now);
        let aged = |at| is_past(at).then_some((Ground::Aged, at));
        let same_purpose = self.purposes & purpose != 0;
        match by.0 {
            Ground::Objection | Ground::Identifier => Some(by),
            _ if !same_purpose => None,
            // What another row lacks says nothing of one that has it.
            _ if self.own_at.get() > 0 => aged(self.own_at.get()),
            Ground::Withdrawn => Some(by),
            Ground::Aged => aged(by.1),
        }
    }
}

record! {
    /// Row that leaves for a consent, unless it may be used itself.
    #[derive(PartialOrd, Ord)]
    struct Missing {
        row: [u8; 16],
        /// Code of the ground.
        ground: u8,
        /// Unix time of the consent.
        at: U64<BigEndian>,
    }
}

record! {
    /// A person who left, by the row or by an identifier.
    struct Known {
        hash: [u8; 16],
        /// Code of the ground.
        ground: u8,
        since: U64<BigEndian>,
        /// Unix time of the consent that is too old.
        at: U64<BigEndian>,
    }
}

impl Known {
    fn ground(&self) -> Result<Ground, CrmError> {
        Ok(Ground::from_code(self.ground)?)
    }

    fn is_aged(&self) -> bool {
        self.ground == Ground::Aged.code()
    }
}

/// Warning of rows without a consent under an id that was delivered with other identifiers.
pub const CONSENT_ENDED_ELSEWHERE: &str = "consent_ended_elsewhere";

const DEPARTED: &str = "departed";
const ROWS: &str = "rows";
const REMOVALS: &str = "removals";
const CHUNK: usize = 1 << 13;
const DAY_S: u64 = 86_400;
/// Time after which a person who was named is a reason for a removal once more.
const REPEAT_S: u64 = 7 * DAY_S;
/// Time after which nobody is named again: by then the list has taken out whoever left it, unless
/// the provider's delay is longer than that of the product.
const REPEATED_S: u64 = (DROP_DELAY_DAYS_DEFAULT as u64 + 1) * DAY_S;
/// Persons who leave by one file without anybody wondering: of the smallest deliveries, of those up
/// to twenty thousand persons, and the share of larger ones.
const LEAVERS_FEW: u64 = 50;
const LEAVERS_USUAL: u64 = 1_000;
const LEAVERS_USUAL_SHARE: u64 = 20;
/// Persons of one removal: what its rows leave beside the canaries.
const LEAVERS_MAX: usize = REMOVAL_ROWS_MAX as usize - 1_000;
/// Rows that are looked for in one pass over those that may be used.
const MISSING_AT_ONCE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use crate::{GateRules, SharedLimits};
    use normalize::{Normalizer, Options, Ruleset};
    use protocol::group::Portable;
    use protocol::purpose::Purpose;
    use store::os::testing::private_tempdir;
    use store::spill::Workspace;

    use super::*;

    const NOW: u64 = 1_796_040_000;
    const PROVIDER: [u8; 32] = [3; 32];

    struct Bench {
        dir: tempfile::TempDir,
        storage: StorageKey,
    }

    impl Bench {
        fn new() -> Self {
            Self { dir: private_tempdir(), storage: StorageKey::from_bytes([7; 32]) }
        }

        /// A private directory of the bench.
        fn private_dir(&self, name: &str) -> PathBuf {
            let path = self.dir.path().join(name);
            os::create_private_dir(&path).unwrap();
            path
        }

        fn departures(&self) -> Departures {
            let workspace =
                Workspace { directory: self.private_dir("work"), memory_bytes: 1 << 20 };
            Departures::open(self.private_dir("delivered"), self.storage.clone(), workspace)
        }

        /// Prepares rows of id, address, purposes, objections and day of consent.
        fn prepare(&self, rows: &[Row]) -> PreparedInput {
            self.with(rows, Purpose::Match, |gathered| gathered.commit(&Portable).unwrap())
        }

        /// Finds who leaves by these rows, and keeps them out; their number.
        fn detect(&self, rows: &[Row], now: u64) -> u64 {
            self.detect_for(Purpose::Match, rows, now)
        }

        /// The same by a run of a purpose.
        fn detect_for(&self, purpose: Purpose, rows: &[Row], now: u64) -> u64 {
            let departures = self.departures();
            let found =
                self.with(rows, purpose, |gathered| departures.detect(&gathered, false).unwrap());
            departures.keep_out(&found, now).unwrap();
            found.rows.len() as u64
        }

        fn with<T>(
            &self,
            rows: &[Row],
            purpose: Purpose,
            take: impl FnOnce(GatheredInput<'_>) -> T,
        ) -> T {
            self.read(rows, (purpose, 1_095), take)
        }

        /// Reads rows under terms that take consents of at most so many days.
        fn with_age<T>(
            &self,
            rows: &[Row],
            days: u16,
            take: impl FnOnce(GatheredInput<'_>) -> T,
        ) -> T {
            self.read(rows, (Purpose::Match, days), take)
        }

        fn read<T>(
            &self,
            rows: &[Row],
            (purpose, consent_max_age_days): (Purpose, u16),
            take: impl FnOnce(GatheredInput<'_>) -> T,
        ) -> T {
            let mut text = "row_id,email,consent_purposes,objections,consent_at,consent_ref,\
                            consent_notice\n"
                .to_owned();
            for (id, email, purposes, objections, at) in rows {
                text += &format!("{id},{email}@exemple.fr,{purposes},{objections},{at},R,N\n");
            }
            let path = self.dir.path().join("crm.csv");
            fs::write(&path, text).unwrap();
            let ruleset = Ruleset::CrmFr1;
            let departed = self.departures().departed().unwrap();
            let rules = InputRules {
                normalizer: &Normalizer::new(ruleset, Options::defaults(ruleset)),
                gate: GateRules { purpose, consent_max_age_days, now: NOW },
                kinds: &[1, 2],
                level: 0,
                row_width: 8,
                shared: SharedLimits::default(),
                not_for_purpose: &[],
                watched: &tabular::Watched::default(),
                map: None,
                departed: Some(&departed),
            };
            let store = self.private_dir("inputs");
            let directory = self.dir.path().join("work");
            os::create_private_dir(&directory).unwrap();
            let workspace = Workspace { directory, memory_bytes: 1 << 20 };
            let files = [Input::own(&path)];
            let key = &self.storage;
            take(GatheredInput::read(&files, &rules, &store, key, &workspace).unwrap())
        }
    }

    const DAY: &str = "2026-03-02";

    /// Id, address, purposes, objections and day of consent.
    type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

    fn customers() -> [Row; 6] {
        ["a", "b", "c", "d", "e", "f"].map(|id| (id, id, "ads.match", "", DAY))
    }

    #[test]
    fn who_objects_withdraws_or_lets_consent_run_out_leaves_and_who_is_absent_does_not() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        let names = PersonHashes::new(&bench.storage).unwrap();
        assert_eq!(departures.new_rows(&[4; 32], &input).unwrap(), None);
        let grown = [customers().to_vec(), vec![("n", "n", "ads.match", "", DAY)]].concat();
        let grown = departures.new_rows(&PROVIDER, &bench.prepare(&grown)).unwrap();
        assert_eq!(grown, Some(1));
        // Everything is as it was.
        assert_eq!(bench.detect(&customers(), NOW), 0);
        let later = [
            ("a", "a", "ads.match", "all", DAY),
            ("b", "b", "ads.suppress", "", DAY),
            ("c", "c", "ads.match", "", "2019-03-02"),
            // A cell that nobody can read is no reason of rights.
            ("d", "d", "whatever", "", DAY),
            ("e", "e", "ads.match", "", DAY),
            // Never delivered.
            ("z", "z", "ads.match", "all", DAY),
        ];
        assert_eq!(bench.detect(&later, NOW + 1), 3);
        assert_eq!(bench.detect(&later, NOW + 9), 0, "they are known");
        let leavers = leavers(&departures, NOW + 9).rows;
        let mut rows: Vec<PersonHash> = leavers.iter().map(|leaver| leaver.row).collect();
        let mut expected = [b"a", b"b", b"c"].map(|id| names.row(id)).to_vec();
        rows.sort_unstable();
        expected.sort_unstable();
        assert_eq!(rows, expected);
        assert!(leavers.iter().all(|leaver| leaver.since == NOW + 1));
        assert!(leavers.iter().all(|leaver| leaver.identifiers.len() == 1));
        let other = departures.leavers(&[4; 32], &EMAILS, NOW + 9).unwrap();
        assert!(other.rows.is_empty(), "another provider");
        // Named once, they wait for another day; and a release is due.
        departures.removed(&PROVIDER, &leavers, NOW + 2).unwrap();
        let removals = departures.removals(&PROVIDER).unwrap();
        assert!(removals.must_wait(NOW + 3) && !removals.must_wait(NOW + 2 + REMOVAL_SPAN_S));
        assert!(!removals.must_wait(NOW), "a clock that went back holds nobody");
        assert!(removals.release_due);
        departures.released(&PROVIDER).unwrap();
        let removals = departures.removals(&PROVIDER).unwrap();
        assert!(removals.must_wait(NOW + 3) && !removals.release_due);
    }

    /// Addresses, in rows of the widest kind.
    const EMAILS: Sendable<'_> = Sendable { kinds: &[1, 2], ruleset: 1, width: 8 };

    fn leavers(departures: &Departures, now: u64) -> Leavers {
        departures.leavers(&PROVIDER, &EMAILS, now).unwrap()
    }

    #[test]
    fn an_objection_under_another_id_is_of_the_person_who_was_delivered() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        let others: Vec<Row> = customers()[1..].to_vec();
        // Her row is gone, and a list of objections names her address.
        let listed = [others.clone(), vec![("opp-17", "a", "", "all", "")]].concat();
        assert_eq!(bench.detect(&listed, NOW), 1);
        // The row is still there, without the objection.
        let both = [others.clone(), vec![("opp-18", "b", "", "unsubscribed", "")]].concat();
        assert_eq!(bench.detect(&both, NOW), 1);
        let names = PersonHashes::new(&bench.storage).unwrap();
        let mut rows: Vec<_> = leavers(&departures, NOW).rows.iter().map(|of| of.row).collect();
        rows.sort_unstable();
        let mut expected = [b"a", b"b"].map(|id| names.row(id)).to_vec();
        expected.sort_unstable();
        assert_eq!(rows, expected);
    }

    #[test]
    fn further_rows_of_somebody_who_leaves_are_found_before_they_are_committed_to() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        let listed: Row = ("opp-1", "b", "", "all", "");
        // Her row is gone, or has another address today, under which nobody knows her.
        let gone: Vec<Row> = customers().into_iter().filter(|row| row.0 != "b").collect();
        let moved = [gone.clone(), vec![("b", "bb", "ads.match", "", DAY)]].concat();
        for (rows, stands) in [(gone, false), (moved, true)] {
            let rows = [rows, vec![listed]].concat();
            let holds = bench.with(&rows, Purpose::Match, |gathered| {
                let found = departures.detect(&gathered, false).unwrap();
                departures.keep_out(&found, NOW).unwrap();
                gathered.holds(&departures.departed().unwrap()).unwrap()
            });
            assert_eq!(holds, stands, "{rows:?}");
            // Read again, she is not in it.
            assert_eq!(bench.prepare(&rows).counts().eligible, 5);
            std::fs::remove_file(departures.directory.join(DEPARTED)).unwrap();
        }
    }

    /// Names of the persons who are to leave, as rows, in the order of the alphabet.
    fn rows_to_leave(bench: &Bench) -> Vec<&'static str> {
        let names = PersonHashes::new(&bench.storage).unwrap();
        let rows = leavers(&bench.departures(), NOW).rows;
        let all = ["a", "b", "c", "d", "e", "f", "y", "z"];
        let leaves = |id: &&str| rows.iter().any(|of| of.row == names.row(id.as_bytes()));
        all.into_iter().filter(leaves).collect()
    }

    #[test]
    fn a_ground_takes_out_whoever_it_names_and_no_further_rows_on_later_days() {
        // Rows a and y have an address in common, and y and z another.
        let bench = Bench::new();
        let deliver = |departures: &Departures, rows: &[(&str, u8)]| {
            let names = PersonHashes::new(&bench.storage).unwrap();
            let mut delivered: Vec<Delivered> = rows
                .iter()
                .map(|(id, digest)| Delivered {
                    row: names.row(id.as_bytes()),
                    kind: 1,
                    digest: [*digest; 32],
                    ruleset: 1,
                    personal: 1,
                    purposes: purpose_bit(Purpose::Match),
                    consent_days: 1_095.into(),
                    since: NOW.into(),
                    until: (NOW + 99 * DAY_S).into(),
                    first_named: 0.into(),
                    last_named: 0.into(),
                })
                .collect();
            delivered.sort();
            let mut delivered = delivered.into_iter();
            departures.rewrite(&PROVIDER, || Ok(delivered.next())).unwrap();
        };
        let departures = bench.departures();
        deliver(&departures, &[("a", 1), ("y", 1), ("y", 2), ("z", 2)]);
        let names = PersonHashes::new(&bench.storage).unwrap();
        let mut found = NewLeavers::among(3, Vec::new(), false).unwrap();
        found.add(names.row(b"a"), (Ground::Objection, 0));
        found.add(names.row(b"y"), (Ground::Identifier, 0));
        found.identifiers.insert(names.identifier(1, &[1; 32]));
        departures.keep_out(&found, NOW).unwrap();
        let departed = departures.departed().unwrap();
        assert!(departed.holds(b"a", []) && departed.holds(b"y", []));
        assert!(departed.holds(b"new", [(1, &[1; 32])]), "her address, under any id");
        assert!(!departed.holds(b"z", [(1, &[2; 32])]), "an address of y takes nobody out");
    }

    #[test]
    fn consents_that_run_out_one_day_after_the_other_take_out_nobody_else() {
        let bench = Bench::new();
        let departures = bench.departures();
        let shared = [("a", "s", "ads.match", "", DAY), ("y", "s", "ads.match", "", DAY)];
        let mut rows = [customers()[2..].to_vec(), shared.to_vec()].concat();
        let input = bench.prepare(&rows);
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        // The consent of a is gone; y has her own, for the same address.
        rows[4].2 = "";
        for _ in 0..3 {
            bench.detect(&rows, NOW);
            assert_eq!(bench.prepare(&rows).counts().eligible, 5, "y is in the run");
            assert!(!rows_to_leave(&bench).contains(&"y"));
        }
    }

    #[test]
    fn a_consent_is_too_old_by_the_terms_of_the_delivery_and_a_newer_one_brings_back() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        // Another provider takes consents of half a year: nobody leaves the first one for that.
        let strict = bench.with_age(&customers(), 180, |gathered| {
            departures.detect(&gathered, false).unwrap().persons()
        });
        assert_eq!(strict, 0);
        let mut rows = customers();
        rows[0].4 = "2019-03-02";
        assert_eq!(bench.detect(&rows, NOW), 1);
        assert_eq!(rows_to_leave(&bench), ["a"]);
        // She consents anew.
        assert_eq!(bench.detect(&customers(), NOW), 0);
        assert!(rows_to_leave(&bench).is_empty());
        assert_eq!(bench.prepare(&customers()).counts().eligible, 6);
    }

    #[test]
    fn an_address_that_a_list_named_stays_out_without_the_list() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        let mut withdrew = customers();
        withdrew[2].2 = "";
        assert_eq!(bench.detect(&withdrew, NOW), 1);
        // The rows of b and c stand beside the list that names their addresses.
        let list = [("opp-1", "b", "", "all", ""), ("opp-2", "c", "", "all", "")];
        assert_eq!(bench.detect(&[&withdrew[..], &list].concat(), NOW), 2);
        let others = [("g", "b", "ads.match", "", DAY), ("h", "c", "ads.match", "", DAY)];
        let later = [&customers()[..], &others].concat();
        assert_eq!(bench.prepare(&later).counts().eligible, 4, "a, d, e and f");
    }

    #[test]
    fn who_was_delivered_after_she_was_named_is_named_anew() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        let until = NOW + 90 * DAY_S;
        departures.record(&PROVIDER, &input, true, (NOW, until)).unwrap();
        let mut rows = customers();
        rows[0].4 = "2019-03-02";
        assert_eq!(bench.detect(&rows, NOW), 1);
        departures.removed(&PROVIDER, &leavers(&departures, NOW).rows, NOW).unwrap();
        assert_eq!(departures.removals(&PROVIDER).unwrap().waiting, 0);
        // She consents anew, is delivered again, and objects when the first removal is long over.
        assert_eq!(bench.detect(&customers(), NOW), 0);
        departures.record(&PROVIDER, &input, true, (NOW, until)).unwrap();
        rows[0].3 = "all";
        let later = NOW + 30 * DAY_S;
        assert_eq!(bench.detect(&rows, later), 1);
        assert_eq!(departures.removals(&PROVIDER).unwrap().waiting, 1);
        let leaving = leavers(&departures, later);
        assert!(leaving.due && leaving.persons == 1);
    }

    #[test]
    fn who_was_named_for_long_enough_may_object_with_all_that_is_hers() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 90 * DAY_S)).unwrap();
        let mut rows = customers();
        rows[0].2 = "";
        assert_eq!(bench.detect(&rows, NOW), 1);
        for day in [0, 7, 14, 20] {
            let at = NOW + day * DAY_S;
            departures.removed(&PROVIDER, &leavers(&departures, at).rows, at).unwrap();
        }
        rows[0].3 = "all";
        assert_eq!(bench.detect(&rows, NOW + 21 * DAY_S), 1);
        let again = [&customers()[..], &[("g", "a", "ads.match", "", DAY)]].concat();
        assert_eq!(bench.prepare(&again).counts().eligible, 5, "her address, under another id");
    }

    #[test]
    fn a_consent_that_another_row_withdraws_takes_out_no_row_that_is_left_out_for_less() {
        let bench = Bench::new();
        let departures = bench.departures();
        let shared = [("a", "s", "ads.match", "", DAY), ("y", "s", "ads.match", "", DAY)];
        let mut rows = [customers()[2..].to_vec(), shared.to_vec()].concat();
        let input = bench.prepare(&rows);
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        rows[4].2 = "";
        // Another provider takes consents of half a year, so that y is too old for this run.
        let found = |rows: &[Row], days| {
            let names = PersonHashes::new(&bench.storage).unwrap();
            let found =
                bench.with_age(rows, days, |gathered| departures.detect(&gathered, false).unwrap());
            found.rows.get(&names.row(b"y")).map(|(ground, _)| *ground)
        };
        assert_eq!(found(&rows, 180), None);
        // Too old by the terms of the delivery, she leaves as that: a newer one brings her back.
        rows[5].4 = "2019-03-02";
        assert_eq!(found(&rows, 180), Some(Ground::Aged));
        // Nobody can read her cell today.
        (rows[5].2, rows[5].4) = ("whatever", DAY);
        assert_eq!(found(&rows, 1_095), None);
        // Both withdrew, or y is gone.
        rows[5].2 = "";
        assert_eq!(found(&rows, 180), Some(Ground::Withdrawn));
        assert_eq!(found(&rows[..5], 180), Some(Ground::Withdrawn));
    }

    #[test]
    fn a_consent_too_old_for_one_provider_is_none_for_a_provider_that_takes_it() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input =
            bench.with_age(&customers(), 365, |gathered| gathered.commit(&Portable).unwrap());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        let (lenient, input) = ([4; 32], bench.prepare(&customers()));
        departures.record(&lenient, &input, true, (NOW, NOW + 100)).unwrap();
        let leaving = || {
            let at = |party| departures.leavers(party, &EMAILS, NOW).unwrap().persons;
            let waiting = departures.removals(&lenient).unwrap().waiting;
            (at(&PROVIDER), at(&lenient), waiting)
        };
        let mut rows = customers();
        rows[0].4 = "2025-03-02";
        let run = |rows: &[Row], days| {
            let found =
                bench.with_age(rows, days, |gathered| departures.detect(&gathered, false).unwrap());
            departures.keep_out(&found, NOW).unwrap();
        };
        run(&rows, 365);
        assert_eq!(leaving(), (1, 0, 0));
        // A run with the other provider, which may use the row, brings her back to nobody.
        run(&rows, 1_095);
        assert_eq!(leaving(), (1, 0, 0));
        run(&customers(), 1_095);
        assert_eq!(leaving(), (0, 0, 0));
    }

    #[test]
    fn an_objection_after_a_withdrawal_is_no_further_person_and_begins_no_wait_anew() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 90 * DAY_S)).unwrap();
        let mut rows = customers();
        rows[0].2 = "";
        assert_eq!(bench.detect(&rows, NOW), 1);
        rows[0].3 = "all";
        let found = bench
            .with(&rows, Purpose::Match, |gathered| departures.detect(&gathered, false).unwrap());
        assert_eq!((found.persons(), found.is_empty()), (0, false));
        departures.keep_out(&found, NOW + DAY_S).unwrap();
        assert_eq!(departures.removals(&PROVIDER).unwrap().waiting_since, NOW);
        // Whose consent was too old may have been in an input since.
        rows[1].4 = "2019-03-02";
        assert_eq!(bench.detect(&rows, NOW + DAY_S), 1);
        rows[1].3 = "all";
        assert_eq!(bench.detect(&rows, NOW + 2 * DAY_S), 1);
        assert_eq!(departures.removals(&PROVIDER).unwrap().waiting_newest, NOW + 2 * DAY_S);
    }

    #[test]
    fn who_withdrew_and_objects_later_takes_all_that_is_hers_out() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        let mut rows = customers();
        rows[0].2 = "";
        assert_eq!(bench.detect(&rows, NOW), 1);
        let (row, address) = (("g", "a", "ads.match", "", DAY), customers());
        let under_another_id = [address.to_vec(), vec![row]].concat();
        assert_eq!(bench.prepare(&under_another_id).counts().eligible, 6, "her other row consents");
        rows[0].3 = "all";
        assert_eq!(bench.detect(&rows, NOW), 1, "an objection weighs more");
        assert_eq!(bench.detect(&rows, NOW), 0);
        assert_eq!(bench.prepare(&under_another_id).counts().eligible, 5);
    }

    #[test]
    fn an_equal_row_id_of_another_system_withdraws_no_consent() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        let other = [("a", "somebody", "", "", DAY), ("b", "else", "ads.match", "", DAY)];
        let doubtful = bench.with(&other, Purpose::Match, |gathered| {
            departures.detect(&gathered, false).unwrap().doubtful()
        });
        assert_eq!(doubtful, 1, "told: she may have another address, and withdrew");
        assert_eq!(bench.detect(&other, NOW), 0);
        // An objection under the id counts: better a person too many than one too few.
        let objects = [("a", "somebody", "ads.match", "all", DAY)];
        assert_eq!(bench.detect(&[&objects[..], &other[1..]].concat(), NOW), 1);
    }

    #[test]
    fn a_bag_is_outdated_by_whoever_left_after_it_and_no_bag_by_what_is_over() {
        let with = |last, release_due, waiting, waiting_newest| {
            let (last, waiting_since) = (Some(last), 0);
            Removals { last, release_due, waiting, waiting_since, waiting_newest }
        };
        assert!(with(10, true, 0, 0).outdate(9) && !with(10, true, 0, 0).outdate(10));
        assert!(!with(10, false, 0, 0).outdate(9), "it was destroyed, or released since");
        assert!(with(10, false, 1, 20).outdate(20) && !with(10, false, 1, 20).outdate(21));
    }

    #[test]
    fn a_consent_that_another_row_lacks_takes_a_row_out_that_is_gone_and_no_other() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        let without = vec![("x", "a", "", "", DAY)];
        let beside = [customers().to_vec(), without.clone()].concat();
        assert_eq!(bench.detect(&beside, NOW), 0, "the row has a consent of its own");
        let moved = [customers()[1..].to_vec(), without].concat();
        assert_eq!(bench.detect(&moved, NOW), 1);
    }

    #[test]
    fn a_consent_is_missed_for_the_purpose_of_the_delivery_alone_and_an_objection_for_all() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        let mut rows = customers();
        rows[0].3 = "all";
        // For this purpose nobody consented, and one objected.
        assert_eq!(bench.detect_for(Purpose::Suppress, &rows, NOW), 1);
    }

    #[test]
    fn a_file_that_takes_many_out_at_once_takes_nobody_out_unless_that_is_meant() {
        let bench = Bench::new();
        let departures = bench.departures();
        let ids: Vec<&'static str> =
            (0..1_200).map(|n| &*Box::leak(format!("p{n}").into_boxed_str())).collect();
        let rows: Vec<Row> = ids.iter().map(|id| (*id, *id, "ads.match", "", DAY)).collect();
        let input = bench.prepare(&rows);
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        // The column of consents is the wrong one.
        let wrong: Vec<Row> = ids.iter().map(|id| (*id, *id, "", "", DAY)).collect();
        let find = |allowed| {
            bench.with(&wrong, Purpose::Match, |gathered| departures.detect(&gathered, allowed))
        };
        let refused = find(false).unwrap_err();
        let told = matches!(refused, CrmError::ManyLeavers { persons: 241, delivered: 1_200 });
        assert!(told, "{refused:?}");
        assert!(leavers(&departures, NOW).rows.is_empty(), "finding keeps nothing");
        let meant = find(true).unwrap();
        assert_eq!(meant.persons(), 1_200);
        departures.keep_out(&meant, NOW).unwrap();
        assert_eq!(leavers(&departures, NOW).persons, 1_200);
        assert_eq!(departures.removals(&PROVIDER).unwrap().waiting, 1_200);
    }

    #[test]
    fn whoever_was_named_is_named_again_until_the_list_has_taken_her_out() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        let until = NOW + 90 * DAY_S;
        departures.record(&PROVIDER, &input, true, (NOW, until)).unwrap();
        let mut rows = customers();
        rows[0].3 = "all";
        assert_eq!(bench.detect(&rows, NOW), 1);
        let first = leavers(&departures, NOW);
        assert!(first.due && first.persons == 1);
        departures.removed(&PROVIDER, &first.rows, NOW).unwrap();
        assert_eq!(departures.removals(&PROVIDER).unwrap().waiting, 0);
        let due_on = |day: u64| leavers(&departures, NOW + day * DAY_S).due;
        let due: Vec<u64> = (0..30).filter(|day| due_on(*day)).collect();
        assert_eq!(due, (7..15).collect::<Vec<_>>());
        // Somebody else leaves on the third day: both are named.
        rows[1].3 = "all";
        assert_eq!(bench.detect(&rows, NOW + 3 * DAY_S), 1);
        let both = leavers(&departures, NOW + 3 * DAY_S);
        assert!(both.due && both.persons == 2);
        let names = PersonHashes::new(&bench.storage).unwrap();
        assert_eq!(both.rows[0].row, names.row(b"b"), "who was never named goes first");
        departures.removed(&PROVIDER, &both.rows, NOW + 3 * DAY_S).unwrap();
        assert_eq!(leavers(&departures, NOW + 14 * DAY_S).persons, 2);
        assert_eq!(leavers(&departures, NOW + 15 * DAY_S).persons, 1);
        assert_eq!(leavers(&departures, NOW + 18 * DAY_S).persons, 0);
    }

    #[test]
    fn a_removal_names_what_the_terms_take_and_no_household_beside_what_is_the_person_s() {
        let bench = Bench::new();
        let departures = bench.departures();
        let names = PersonHashes::new(&bench.storage).unwrap();
        let row = names.row(b"a");
        let of = |kind: u8, digest: u8, personal: u8| Delivered {
            row,
            kind,
            digest: [digest; 32],
            ruleset: 1,
            personal,
            purposes: 1,
            consent_days: 1_095.into(),
            since: NOW.into(),
            until: (NOW + 99 * DAY_S).into(),
            first_named: 0.into(),
            last_named: 0.into(),
        };
        let deliver = |delivered: &[Delivered]| {
            let mut sorted = delivered.to_vec();
            sorted.sort();
            let mut sorted = sorted.into_iter();
            departures.rewrite(&PROVIDER, || Ok(sorted.next())).unwrap();
        };
        deliver(&[of(1, 1, 1)]);
        let mut found = NewLeavers::among(1, Vec::new(), false).unwrap();
        found.add(row, (Ground::Objection, 0));
        departures.keep_out(&found, NOW).unwrap();
        let named = |sendable: &Sendable<'_>| {
            let leavers = departures.leavers(&PROVIDER, sendable, NOW).unwrap();
            let digests = |of: &Leaver| of.identifiers.iter().map(|one| one.2[0]).collect();
            let rows: Vec<Vec<u8>> = leavers.rows.iter().map(digests).collect();
            (rows, leavers.persons, leavers.unnameable)
        };
        let all = Sendable { kinds: &[1, 2, 3], ruleset: 1, width: 8 };
        // A line of the household beside an address of her own, and alone.
        deliver(&[of(1, 1, 1), of(3, 9, 0)]);
        assert_eq!(named(&all), (vec![vec![1]], 1, 0));
        deliver(&[of(3, 9, 0)]);
        assert_eq!(named(&all), (vec![vec![9]], 1, 0));
        // A kind that the terms no longer take, and other rules: told, and in nobody's way.
        deliver(&[of(1, 1, 1), of(3, 9, 0)]);
        assert_eq!(named(&Sendable { kinds: &[3], ..all }), (vec![], 0, 1));
        assert_eq!(named(&Sendable { ruleset: 2, ..all }), (vec![], 0, 1));
        // Narrow rows, and what waits for its kind to come back.
        deliver(&[of(1, 1, 1), of(1, 2, 1), of(1, 3, 1), of(2, 4, 1)]);
        let narrow = Sendable { kinds: &[1], width: 2, ..all };
        assert_eq!(named(&narrow), (vec![vec![1, 2], vec![3]], 1, 0));
        let rows = departures.leavers(&PROVIDER, &narrow, NOW).unwrap().rows;
        departures.removed(&PROVIDER, &rows, NOW).unwrap();
        assert!(!departures.leavers(&PROVIDER, &narrow, NOW + 1).unwrap().due);
        assert!(departures.leavers(&PROVIDER, &all, NOW + 1).unwrap().due);
    }

    #[test]
    fn whoever_left_is_in_no_input_under_any_id_whatever_a_later_file_says() {
        let bench = Bench::new();
        let departures = bench.departures();
        let first = bench.prepare(&customers());
        departures.record(&PROVIDER, &first, true, (NOW, NOW + 100)).unwrap();
        let mut rows = customers();
        rows[0].3 = "all";
        assert_eq!(bench.detect(&rows, NOW), 1);
        // The objection is gone, and the address stands under another id, too.
        let again = [customers().to_vec(), vec![("g", "a", "ads.match", "", DAY)]].concat();
        let input = bench.prepare(&again);
        assert_eq!((input.counts().rows, input.counts().eligible), (7, 5));
        assert_eq!(input.counts().rows_left_out["row_optout"], 2);
        // The address of the row may have changed since: the row is still of the person.
        let mut moved = customers();
        moved[0].1 = "other";
        assert_eq!(bench.prepare(&moved).counts().eligible, 5);
    }

    #[test]
    fn who_left_first_goes_first_and_the_audit_window_ends_it() {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        // Delivered again, a row stands once, for as long as the later of both windows.
        departures.record(&PROVIDER, &input, true, (NOW + 1, NOW + 300)).unwrap();
        for (at, row) in [(1, 5), (0, 9), (2, 3)] {
            let mut rows = customers();
            rows[at].3 = "all";
            assert_eq!(bench.detect(&rows, NOW + row), 1);
        }
        let names = PersonHashes::new(&bench.storage).unwrap();
        let rows = leavers(&departures, NOW).rows;
        let order: Vec<PersonHash> = rows.iter().map(|leaver| leaver.row).collect();
        assert_eq!(order, [b"c", b"b", b"a"].map(|id| names.row(id)));
        departures.removed(&PROVIDER, &rows[..1], NOW + 200).unwrap();
        let rows = leavers(&departures, NOW + 200).rows;
        let order: Vec<PersonHash> = rows.iter().map(|leaver| leaver.row).collect();
        assert_eq!(order, [b"b", b"a", b"c"].map(|id| names.row(id)));
        departures.removed(&PROVIDER, &[], NOW + 301).unwrap();
        assert!(leavers(&departures, NOW + 301).rows.is_empty());
    }

    #[test]
    fn removal_names_a_person_by_all_rows_or_by_none() {
        // Person 2 has three rows, because her identifiers do not fit in one.
        let rows = [1_u8, 2, 2, 2, 3];
        let kept = [(0, 0), (1, 1), (2, 1), (3, 1), (4, 4), (5, 5), (6, 5)];
        for (most, expected) in kept {
            let leaver = |n| Leaver { row: [n; 16], identifiers: Vec::new(), since: NOW };
            let mut leavers = Vec::from(rows.map(leaver));
            cut_between_persons(&mut leavers, most);
            let named: Vec<u8> = leavers.iter().map(|leaver| leaver.row[0]).collect();
            assert_eq!(named, rows[..expected], "at most {most}");
        }
    }

    #[test]
    fn leavers_are_an_input_of_their_own_that_nobody_had_to_consent_to() {
        let bench = Bench::new();
        let leavers = [1_u8, 2].map(|n| Leaver {
            row: [n; 16],
            // One address of both.
            identifiers: vec![(1, 1, [n; 32]), (1, 1, [9; 32])],
            since: NOW,
        });
        let store = bench.private_dir("inputs");
        let key = &bench.storage;
        let input = PreparedInput::of_leavers(&leavers, &store, key, &Portable).unwrap();
        assert_eq!(input.purpose(), Purpose::Remove);
        assert_eq!((input.root().rows, input.root().leaves, input.distinct()), (2, 4, 3));
        assert_eq!(input.row_identifiers_max(), Some(2));
        let slots = input.identifiers().unwrap().next_chunk(9).unwrap();
        let elements: Vec<_> = slots.iter().map(|s| (s.row, s.slot, s.element)).collect();
        assert_eq!(elements, [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 1)]);
        assert!(PreparedInput::of_leavers(&[], &store, key, &Portable).is_err());
    }
}
