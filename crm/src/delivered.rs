//! Persons whose rows were delivered, and those of them who leave for a reason of rights.
//!
//! Leaving a row out takes back nothing that a provider was given: its digital IDs stay in use
//! until somebody says so. So the node remembers the rows of delivered inputs, as keyed hashes
//! with their identifier digests, until the audit window of their session is over. A row of them
//! that a file of today leaves out for a reason of rights makes its person a *leaver*, who is in no
//! input from then on and whom the node sends through the match by itself [D-31]. A row that is
//! just absent is a customer who left, and nothing more.

use std::collections::{HashMap, HashSet, VecDeque};
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

use crate::departures::{Ground, LeftNames, each_objector};
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
        let named = self.release_due && self.last.is_some_and(|last| sealed_at <= last);
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
        let is_pipe = |input: &Input| {
            let is_named = || input.file.path.is_file() || input.file.path.is_dir();
            input.file.is_standard_input() || !is_named()
        };
        let in_a_pipe = inputs.iter().any(is_pipe);
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
        for party in self.parties()? {
            left.rewind()?;
            self.detect_rows(&party, &mut left, (purpose, now), &names, &mut found)?;
        }
        let mut missing = Sorter::new(directory, memory_bytes / 8)?;
        for party in self.parties()? {
            left.rewind()?;
            let mut holders = Sorter::new(directory, memory_bytes / 8)?;
            let mut delivered = self.delivered(&party)?;
            while let Some(one) = next(&mut delivered)? {
                if one.personal == 0 || found.before(&one.row) == Some(Ground::Objection) {
                    continue;
                }
                let own_at = left.stays.of(&one.row)?.map_or(0, |(_, at)| at);
                let hash = names.identifier(one.kind, &one.digest);
                holders.push(&Holder { hash, ..Holder::of(&one, own_at) })?;
            }
            let mut holders = holders.finish()?;
            while let Some(held) = holders.next_record()? {
                let by = left.identifiers.of(&held.hash)?;
                let by = by.and_then(|by| held.leaves_by(by, purpose, now));
                match by {
                    _ if found.is_objected(&held.hash) => {
                        found.add(held.row, (Ground::Identifier, 0));
                    }
                    Some((Ground::Objection | Ground::Identifier, at)) => {
                        found.add(held.row, (Ground::Identifier, at));
                        found.object_by(held.hash);
                    }
                    Some((ground, at)) if found.is_more(&held.row, (ground, at)) => {
                        let (row, ground) = (held.row, ground.code());
                        missing.push(&Missing { row, ground, at: at.into() })?;
                    }
                    _ => {}
                }
            }
        }
        Self::settle(input, &names, missing.finish()?, &mut found)?;
        Self::object_with_all(input, &names, &mut found)?;
        let (persons, delivered) = (found.persons(), found.delivered);
        match persons > found.most {
            true => Err(CrmError::ManyLeavers { persons, delivered }),
            false => Ok(found),
        }
    }

    /// Finds the delivered rows of a provider that this input leaves out by their ids.
    fn detect_rows(
        &self,
        party: &str,
        left: &mut LeftNames,
        (purpose, now): (u8, u64),
        names: &PersonHashes,
        found: &mut NewLeavers,
    ) -> Result<(), CrmError> {
        let mut alone: Option<Alone> = None;
        let mut delivered = self.delivered(party)?;
        while let Some(one) = next(&mut delivered)? {
            let row = one.row;
            if found.before(&row) == Some(Ground::Objection) {
                continue;
            }
            let own_at = left.stays.of(&row)?.map_or(0, |(_, at)| at);
            let held = Holder::of(&one, own_at);
            let leaves = left.rows.of(&row)?.and_then(|by| held.leaves_by(by, purpose, now));
            leaves.into_iter().for_each(|by| found.add(row, by));
            let withdrew = left.withdrew.of(&row)?;
            let withdrew = withdrew.and_then(|by| held.leaves_by(by, purpose, now));
            if withdrew.is_some() {
                found.doubt(row);
            }
            let objects = leaves.is_some_and(|(ground, _)| ground == Ground::Objection);
            if one.personal == 1 && objects {
                // All that is hers goes with her own objection, and with nothing else.
                found.hers.insert(names.identifier(one.kind, &one.digest));
            }
            if alone.as_ref().is_some_and(|alone| alone.row != row) {
                alone.take().into_iter().for_each(|alone| alone.close(found));
            }
            let alone = alone.get_or_insert(Alone { row, by: None, has_own: false });
            let aged = held.leaves_by((Ground::Aged, u64::MAX), purpose, now);
            alone.by = alone.by.or(withdrew).or(aged);
            alone.has_own |= one.personal == 1;
        }
        alone.into_iter().for_each(|alone| alone.close(found));
        Ok(())
    }

    /// Keeps out, of whoever objects and left, whatever stands in her rows today, too.
    fn object_with_all(
        input: &GatheredInput<'_>,
        names: &PersonHashes,
        found: &mut NewLeavers,
    ) -> Result<(), CrmError> {
        if found.rows.is_empty() && found.before.is_empty() {
            return Ok(());
        }
        let mut numbers = HashSet::new();
        each_objector(input.left_out(), names, |is_row, name, number| {
            let left = if is_row { found.objects(&name) } else { found.is_objected(&name) };
            if left {
                numbers.insert(number);
            }
        })?;
        if numbers.is_empty() {
            return Ok(());
        }
        each_objector(input.left_out(), names, |is_row, name, number| {
            if !is_row && numbers.contains(&number) {
                found.object_by(name);
            }
        })
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
        let since = U64::from(now);
        let mut add = |hash, (ground, at): (Ground, u64)| {
            known.push(Known { hash, ground: ground.code(), since, at: at.into() });
        };
        leavers.rows.iter().for_each(|(row, by)| add(*row, *by));
        leavers.identifiers.iter().for_each(|hash| add(*hash, (Ground::Identifier, 0)));
        leavers.hers.iter().for_each(|hash| add(*hash, (Ground::Objection, 0)));
        known.sort_by_key(|known| (known.hash, known.ground, known.since));
        known.dedup_by(|other, kept| {
            let is_same = other.hash == kept.hash;
            if is_same && kept.is_aged() {
                kept.at = other.at.get().min(kept.at.get()).into();
                kept.since = other.since.max(kept.since);
            } else if is_same && !other.is_aged() {
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
                    // By age she left this provider when its own terms took the consent no more.
                    let mut since = left.since.get();
                    if left.is_aged() {
                        let age_s = one.consent_age_s();
                        since = left.at.get().checked_add(age_s).map_or(since, |at| at.max(since));
                    }
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
        // What was delivered of one row.
        let mut person: VecDeque<Delivered> = VecDeque::new();
        self.rewrite(party, || {
            if person.is_empty() {
                let mut anew = false;
                let is_hers = |one: &Delivered, person: &VecDeque<Delivered>| {
                    person.front().is_none_or(|first| first.row == one.row)
                };
                while let Some(one) = sorted.next_if(|one| is_hers(one, &person))? {
                    anew |= one.since.get() == now;
                    match person.back_mut() {
                        Some(last) if last.is_of(&one) => last.join(&one),
                        _ => person.push_back(one),
                    }
                }
                // Whoever is delivered again was not named since, by whatever is hers.
                for one in person.iter_mut().filter(|_| anew) {
                    (one.first_named, one.last_named) = (0.into(), 0.into());
                }
            }
            Ok(person.pop_front())
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
struct NewLeavers {
    /// Ground on which each of them leaves, and the time of the consent.
    rows: HashMap<PersonHash, (Ground, u64)>,
    /// Names of the identifiers by which somebody objects, as far as they are new.
    identifiers: HashSet<PersonHash>,
    /// Names of the identifiers that were delivered of rows that object.
    hers: HashSet<PersonHash>,
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
            hers: HashSet::new(),
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
    fn is_more(&self, row: &PersonHash, (ground, at): (Ground, u64)) -> bool {
        let is_older = self.aged.get(row).is_some_and(|before| at < *before);
        let is_aged = ground == Ground::Aged;
        self.before(row).is_none_or(|before| ground < before || (is_aged && is_older))
    }

    fn add(&mut self, row: PersonHash, by: (Ground, u64)) {
        if !self.is_more(&row, by) || self.persons() > self.most {
            return;
        }
        let is_in_inputs = self.before(&row).is_none_or(|before| before == Ground::Aged);
        let of = self.rows.entry(row).or_insert_with(|| {
            self.new += u64::from(is_in_inputs);
            by
        });
        *of = by.min(*of);
    }

    /// True if somebody objects, or objected, by an identifier.
    fn is_objected(&self, identifier: &PersonHash) -> bool {
        let is_of_objection = |ground: Ground| ground < Ground::Withdrawn;
        self.hers.contains(identifier)
            || self.identifiers.contains(identifier)
            || self.before(identifier).is_some_and(is_of_objection)
    }

    /// True if a row objects, or objected.
    fn objects(&self, row: &PersonHash) -> bool {
        let ground = self.rows.get(row).map(|(ground, _)| *ground).or(self.before(row));
        ground == Some(Ground::Objection)
    }

    /// Keeps an identifier that somebody objects by.
    fn object_by(&mut self, identifier: PersonHash) {
        if self.is_more(&identifier, (Ground::Identifier, 0)) {
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
    const fn persons(&self) -> u64 {
        self.new
    }

    /// True if rows may be usable that are of somebody who left.
    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.identifiers.is_empty()
    }

    /// Rows that lack a consent today under an id that was delivered, of which nobody can tell
    /// whether they are of the same person: no identifier is the same.
    fn doubtful(&self) -> u64 {
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

/// Delivered row, until it is known whether anything that was delivered of it is of its person
/// alone: if not, she is found by her row.
struct Alone {
    row: PersonHash,
    /// Ground on which the row is left out for a consent.
    by: Option<(Ground, u64)>,
    has_own: bool,
}

impl Alone {
    fn close(self, found: &mut NewLeavers) {
        self.by.into_iter().filter(|_| !self.has_own).for_each(|by| found.add(self.row, by));
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
        if other.since.get() > self.since.get() {
            self.ruleset = other.ruleset;
        }
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
    /// A delivered row, by its own name.
    fn of(one: &Delivered, own_at: u64) -> Self {
        let Delivered { row, purposes, consent_days, .. } = *one;
        Self { hash: row, row, purposes, consent_days, own_at: own_at.into() }
    }

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
mod tests;
