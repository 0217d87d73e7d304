//! Persons who left for a reason of rights, and persons who leave with an input.
//!
//! A person who was delivered once and then objects, withdraws a consent or lets it run out is in
//! no input from then on, whatever a later file says [D-31]. Of such persons keyed hashes are
//! kept: of the id of the row and of the identifiers that were delivered.

use std::path::Path;

use protocol::commitment::InputCommitter;
use protocol::group::BatchArithmetic;
use protocol::limits::ROW_WIDTH_MAX;
use protocol::purpose::Purpose;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

use crate::error::CrmError;
use crate::objectors::{Held, Standing};
use crate::scan::{Found, ScannedRow};
use crate::{
    IDENTIFIERS, InputCounts, Meta, Place, PreparedInput, ROWS, RowIdHead, Staging, map_or_none,
    seed_of,
};
use normalize::Reason;
use protocol::error::Bug;
use store::record::{BigEndian, Record as _, U64, record};
use store::seal::{KeyedHash, StorageKey};
use store::sealed::{SealedOut, create_sealed, finish_sealed};
use store::spill::{SealedLog, SealedRecords, Sorted, Sorter, Workspace};

/// Keyed hash of the id of a row, or of an identifier.
pub type PersonHash = [u8; 16];

/// Names of persons that nobody can read without the key of the node.
#[derive(Debug)]
pub struct PersonHashes(KeyedHash);

impl PersonHashes {
    /// The names under the key of a node.
    ///
    /// # Errors
    ///
    /// [`CrmError`] of the key.
    pub fn new(key: &StorageKey) -> Result<Self, CrmError> {
        Ok(Self(key.keyed_hash(CONTEXT)?))
    }

    /// Name of the row with this id.
    #[must_use]
    pub fn row(&self, id: &[u8]) -> PersonHash {
        cut(self.0.of(&[b"row", id]))
    }

    /// Name of whoever holds this identifier.
    #[must_use]
    pub fn identifier(&self, kind: u8, digest: &[u8; 32]) -> PersonHash {
        cut(self.0.of(&[b"identifier", &[kind], digest]))
    }
}

fn cut(hash: [u8; 32]) -> PersonHash {
    let mut name = PersonHash::default();
    name.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    name
}

/// Persons who are in no input.
#[derive(Debug)]
pub struct Departed {
    names: PersonHashes,
    /// Names of the persons, increasing.
    hashes: Vec<PersonHash>,
}

impl Departed {
    /// Persons of these names.
    #[must_use]
    pub fn new(names: PersonHashes, mut hashes: Vec<PersonHash>) -> Self {
        hashes.sort_unstable();
        Self { names, hashes }
    }

    /// True if a row of this id, or with one of these identifiers, is of such a person.
    pub(crate) fn holds<'i>(
        &self,
        row_id: &[u8],
        identifiers: impl IntoIterator<Item = (u8, &'i [u8; 32])>,
    ) -> bool {
        let known = |hash: &PersonHash| self.hashes.binary_search(hash).is_ok();
        !self.hashes.is_empty()
            && (known(&self.names.row(row_id))
                || identifiers
                    .into_iter()
                    .any(|(kind, digest)| known(&self.names.identifier(kind, digest))))
    }
}

/// Ground of rights on which a row is left out, the one that weighs most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ground {
    /// An objection, an erasure or a restriction of the row: it is of the person, with all that is
    /// hers.
    Objection,
    /// An identifier that somebody objected by: it takes the rows out that hold it, and these take
    /// no others out [N-68].
    Identifier,
    /// A consent that is missing: it is of the row and its purpose.
    Withdrawn,
    /// A consent that is older than some terms allow. It is no statement of the person, and ends
    /// with a newer consent.
    Aged,
}

impl Ground {
    const ALL: [Self; 4] = [Self::Objection, Self::Identifier, Self::Withdrawn, Self::Aged];

    /// The ground behind a reason. A cell of consent that nobody can read is none: the row is not
    /// used, and leaves like any other.
    pub(crate) const fn of(reason: Reason) -> Option<Self> {
        match reason {
            Reason::RowOptout
            | Reason::RowErased
            | Reason::RowRestricted
            | Reason::ObjectionValueUnknown => Some(Self::Objection),
            Reason::RowOptoutByIdentifier => Some(Self::Identifier),
            Reason::RowNoConsent => Some(Self::Withdrawn),
            Reason::ConsentTooOld => Some(Self::Aged),
            _ => None,
        }
    }

    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_code(code: u8) -> Result<Self, Bug> {
        Self::ALL.get(usize::from(code)).copied().ok_or(Bug::invariant())
    }

    const fn is_of_consent(self) -> bool {
        matches!(self, Self::Withdrawn | Self::Aged)
    }
}

/// Rows that are left out for a reason of rights, as they are found.
pub(crate) struct LeftOut(SealedLog);

impl LeftOut {
    pub(crate) fn new(directory: &Path) -> Result<Self, CrmError> {
        Ok(Self(SealedLog::new(directory)?))
    }

    /// Keeps what names the person of a row, if the reason is one of rights, and whatever says that
    /// the row has a consent of its own.
    ///
    /// The identifiers name who lacks a consent, or the id of a row that has none of its own: rows
    /// of two systems have equal ids, and one may lack the consent that the other has.
    pub(crate) fn note(&mut self, row: &ScannedRow<'_>, reason: Reason) -> Result<(), CrmError> {
        let Some(ground) = Ground::of(reason) else {
            return self.push(Ground::Aged, ROW_STAYS, u64::MAX, row.row_id);
        };
        let own = row.identifiers.iter().map(Found::decode).filter(|found| !found.household);
        let mut own = own.filter(|_| ground.is_of_consent()).peekable();
        match (ground, own.peek().is_some()) {
            (_, false) => self.push(ground, ROW, row.consent_at, row.row_id)?,
            (Ground::Withdrawn, true) => self.push(ground, ROW_WITHDREW, 0, row.row_id)?,
            _ => {}
        }
        if ground == Ground::Aged {
            self.push(ground, ROW_STAYS, row.consent_at.max(1), row.row_id)?;
        }
        own.try_for_each(|found| self.push(ground, found.kind, row.consent_at, &found.digest))
    }

    /// Keeps the id of a row whose person objects, with the number of the id. Its identifiers are
    /// known together with those of all rows that object, at [`Self::objected`].
    pub(crate) fn objects(&mut self, number: u64, row_id: &[u8]) -> Result<(), CrmError> {
        self.push(Ground::Objection, ROW, number, row_id)
    }

    /// Keeps an identifier that the id of this number holds, whose person objects.
    pub(crate) fn objected(
        &mut self,
        number: u64,
        kind: u8,
        digest: &[u8; 32],
    ) -> Result<(), CrmError> {
        self.push(Ground::Identifier, kind, number, digest)
    }

    /// Keeps an identifier of a further row of an id that is left out for a consent.
    pub(crate) fn lacks(&mut self, of: &Standing, held: &Held) -> Result<(), CrmError> {
        match held.personal {
            1 => self.push(Ground::from_code(of.ground)?, held.kind, of.at.get(), &held.digest),
            _ => Ok(()),
        }
    }

    fn push(&mut self, ground: Ground, kind: u8, at: u64, name: &[u8]) -> Result<(), CrmError> {
        let head = LeftHead { ground: ground.code(), kind, at: at.into() };
        Ok(self.0.push_parts(&[head.bytes(), name])?)
    }

    pub(crate) fn finish(self) -> Result<SealedRecords, CrmError> {
        Ok(self.0.finish()?)
    }
}

/// Calls `each` with every row and identifier of the ids that object: true for a row, the name, and
/// the number of the id.
pub(crate) fn each_objector(
    left_out: &SealedRecords,
    names: &PersonHashes,
    mut each: impl FnMut(bool, PersonHash, u64),
) -> Result<(), CrmError> {
    let mut kept = left_out.read()?;
    while let Some(record) = kept.next_record()? {
        let (LeftHead { ground, kind, at }, name) =
            LeftHead::split(record).ok_or(Bug::invariant())?;
        match (Ground::from_code(*ground)?, *kind, name.try_into()) {
            (Ground::Objection, ROW, _) => each(true, names.row(name), at.get()),
            (Ground::Identifier, kind, Ok(digest)) if kind != ROW => {
                each(false, names.identifier(kind, digest), at.get());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Names of rows, and of identifiers, that a reason of rights leaves out.
pub(crate) struct LeftNames {
    pub(crate) rows: Grounds,
    pub(crate) identifiers: Grounds,
    /// Rows that withdrew nothing, with the time of a consent that is too old.
    pub(crate) stays: Grounds,
    /// Rows without a consent that have identifiers of their own.
    pub(crate) withdrew: Grounds,
}

impl LeftNames {
    /// Names what [`LeftOut`] kept.
    pub(crate) fn of(
        left_out: &SealedRecords,
        names: &PersonHashes,
        workspace: &Workspace,
    ) -> Result<Self, CrmError> {
        let sorter = || Sorter::new(&workspace.directory, workspace.memory_bytes / 8);
        let (mut rows, mut identifiers) = (sorter()?, sorter()?);
        let (mut stays, mut withdrew) = (sorter()?, sorter()?);
        let mut kept = left_out.read()?;
        while let Some(record) = kept.next_record()? {
            let (LeftHead { ground, kind, at }, name) =
                LeftHead::split(record).ok_or(Bug::invariant())?;
            let named = |hash| LeftName { hash, ground: *ground, at: *at };
            match (*kind, name.try_into()) {
                (ROW, _) => rows.push(&named(names.row(name)))?,
                (ROW_STAYS, _) => stays.push(&named(names.row(name)))?,
                (ROW_WITHDREW, _) => withdrew.push(&named(names.row(name)))?,
                (kind, Ok(digest)) => identifiers.push(&named(names.identifier(kind, digest)))?,
                _ => return Err(Bug::invariant().into()),
            }
        }
        let of = |names| Grounds { names, at: None };
        Ok(Self {
            rows: of(rows.finish()?),
            identifiers: of(identifiers.finish()?),
            stays: of(stays.finish()?),
            withdrew: of(withdrew.finish()?),
        })
    }

    /// Begins again with the first names.
    pub(crate) fn rewind(&mut self) -> Result<(), CrmError> {
        let all = [&mut self.rows, &mut self.identifiers, &mut self.stays, &mut self.withdrew];
        all.into_iter().try_for_each(Grounds::rewind)
    }
}

/// Names in increasing order, each with its ground.
pub(crate) struct Grounds {
    names: Sorted<LeftName>,
    at: Option<LeftName>,
}

impl Grounds {
    /// Ground on which a name is left out, and the time of the consent; names are asked for in
    /// increasing order.
    pub(crate) fn of(&mut self, hash: &PersonHash) -> Result<Option<(Ground, u64)>, CrmError> {
        while let Some(next) = self.names.next_if(|next| next.hash <= *hash)? {
            // The first record of a name has the ground that weighs most.
            if self.at.is_none_or(|at| at.hash != next.hash) {
                self.at = Some(next);
            }
        }
        let found = self.at.filter(|at| at.hash == *hash);
        let found = found.map(|at| Ground::from_code(at.ground).map(|of| (of, at.at.get())));
        Ok(found.transpose()?)
    }

    /// Begins again with the first name.
    fn rewind(&mut self) -> Result<(), CrmError> {
        self.at = None;
        Ok(self.names.rewind()?)
    }
}

record! {
    /// Start of what [`LeftOut`] keeps; an id or a digest follows.
    struct LeftHead {
        ground: u8,
        kind: u8,
        at: U64<BigEndian>,
    }
}

record! {
    /// Name that is left out, the code of its ground, and the time of the consent.
    #[derive(PartialOrd, Ord)]
    struct LeftName {
        hash: [u8; 16],
        ground: u8,
        at: U64<BigEndian>,
    }
}

/// Mark of a row's id in the place of a kind.
const ROW: u8 = 0;
/// Mark of a row that withdrew nothing, with the time of its consent.
const ROW_STAYS: u8 = 0xFE;
/// Mark of a row that withdrew, and whose identifiers stand beside it.
const ROW_WITHDREW: u8 = 0xFF;

/// Person who is to leave: digests that were delivered of one row.
pub struct Leaver {
    /// Name of the row.
    pub row: PersonHash,
    /// Kind, ruleset and digest of each identifier.
    pub identifiers: Vec<(u8, u8, [u8; 32])>,
    /// Unix time since which the person is known to leave.
    pub since: u64,
}

impl PreparedInput {
    /// Commits to persons who are to leave, as an input of its own: gated by the departure, and by
    /// no consent [D-31].
    ///
    /// # Errors
    ///
    /// [`CrmError`] of the file system, or if there is nobody.
    pub fn of_leavers(
        leavers: &[Leaver],
        store: &Path,
        key: &StorageKey,
        arithmetic: &dyn BatchArithmetic,
    ) -> Result<Self, CrmError> {
        let staging = Staging::create(store)?;
        let (path, rows) = (staging.directory.join(IDENTIFIERS), staging.directory.join(ROWS));
        let mut places = SealedOut::create(&path, key, IDENTIFIERS)?;
        let mut row_ids = create_sealed(&rows, key, ROWS)?;
        let mut content = Sha256::new();
        content.update(Purpose::Remove.code().to_be_bytes());
        let mut elements: HashMap<(u8, [u8; 32]), u64> = HashMap::new();
        let (mut counts, mut most) = (InputCounts::default(), 0);
        for leaver in leavers {
            let evidence: [u8; 32] = Sha256::digest(EVIDENCE).into();
            let mut slot = 0;
            for (kind, ruleset, digest) in leaver.identifiers.iter().take(ROW_WIDTH_MAX.into()) {
                let next = elements.len() as u64;
                let place = Place {
                    row: counts.eligible.into(),
                    slot,
                    element: (*elements.entry((*kind, *digest)).or_insert(next)).into(),
                    kind: *kind,
                    digest: *digest,
                    ruleset: *ruleset,
                    evidence,
                    time: leaver.since.into(),
                };
                content.update(place.bytes());
                places.push(&place)?;
                let name = protocol::identifier::IdentifierKind::from_code(*kind);
                let name = name.map_or("unknown", |kind| kind.name());
                tabular::tally::add(&mut counts.identifiers, name);
                slot += 1;
            }
            most = most.max(usize::from(slot));
            let head = RowIdHead { len: (leaver.row.len() as u16).into() };
            row_ids.append(head.bytes())?;
            row_ids.append(&leaver.row)?;
            content.update(leaver.row);
            counts.eligible += 1;
        }
        (counts.rows_read, counts.rows) = (counts.eligible, counts.eligible);
        places.finish()?;
        finish_sealed(row_ids, &rows)?;
        if counts.eligible == 0 {
            return Err(Bug::misuse().into());
        }
        let seed = seed_of(store, &content.finalize().into(), key)?;
        let quiet = tabular::Watched::default();
        let committed = crate::commit(&staging.directory, key, &seed, (arithmetic, &quiet))?;
        let root: protocol::commitment::InputRoot =
            InputCommitter::finish(committed, counts.eligible, map_or_none(None));
        let meta = Meta {
            root: root.root,
            leaves: root.leaves,
            rows: root.rows,
            purpose: Purpose::Remove.code(),
            consent_max_age_days: 1,
            map: None,
            distinct: elements.len() as u64,
            counts,
        };
        let directory = meta.publish(staging, store, key)?;
        Ok(Self { row_identifiers_max: Some(most), ..Self::open(&directory, key)? })
    }
}

const CONTEXT: &str = "departed";
/// Consent evidence of a row that leaves: there is none.
const EVIDENCE: &[u8] = b"departure";
