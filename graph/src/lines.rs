//! The lines of a graph file: plaintext goes in, digests come out, sorted by persona.

use std::collections::BTreeSet;
use std::mem;

use jiff::civil::Time;
use jiff::tz::Offset;
use zeroize::Zeroizing;

use super::{GraphCounts, GraphRules, LineReasons, NAMESPACES_MAX, PER_PERSONA_MAX};
use crate::GraphError;
use crate::ties::{Holder, Tie, person_name, persona_name};
use normalize::digital::{DigitalId, DigitalKind};
use normalize::{Level, Normalized, Outcome, PhoneContext, Reason};
use protocol::error::Bug;
use rights::consent::{self, Scheme};
use store::StoreError;
use store::record::{BigEndian, Record as _, U16, U32, record};
use store::spill::Workspace;
use store::spill::{Sorter, VarSorter, grow};
use tabular::batch::{RowBatch, look_ahead};
use tabular::cell::{self, TimeFault};
use tabular::{
    Cell, Column, Holds, Input, MappingError, Reading, Row, RowSource, Schema, SourceError,
};

/// Files after their scan.
pub(super) struct Scanned<'a> {
    /// Lines, to be sorted by persona.
    pub(super) lines: VarSorter,
    /// Ties of all lines.
    pub(super) ties: Sorter<Tie>,
    pub(super) counts: GraphCounts,
    /// Namespaces of cookies.
    pub(super) namespaces: BTreeSet<String>,
    /// Holders with an identifier that was objected to.
    pub(super) objected: BTreeSet<Holder>,
    reasons: Option<&'a mut dyn LineReasons>,
    /// True if lines have their numbers in one file alone.
    numbered: bool,
}

/// Reads every line, digests its identifier, and sorts what is left by persona.
pub(super) fn scan<'a>(
    inputs: &[Input],
    rules: &GraphRules<'_>,
    workspace: &Workspace,
    reasons: Option<&'a mut dyn LineReasons>,
) -> Result<Scanned<'a>, GraphError> {
    let mut scanned = Scanned {
        lines: VarSorter::new(&workspace.directory, workspace.memory_bytes)?,
        ties: Sorter::new(&workspace.directory, workspace.memory_bytes)?,
        counts: GraphCounts::default(),
        namespaces: BTreeSet::new(),
        objected: BTreeSet::new(),
        reasons,
        numbered: inputs.len() == 1,
    };
    rules.watched.began_reading(inputs);
    for input in inputs {
        scanned.read(input, rules)?;
    }
    Ok(scanned)
}

impl Scanned<'_> {
    fn read(&mut self, input: &Input, rules: &GraphRules<'_>) -> Result<(), GraphError> {
        let file = input.file.shown();
        let refused = |fault| GraphError::from(SourceError::input(&file)(fault));
        let mut source = RowSource::open(input, &SCHEMA, rules.watched)?;
        if source.has_header() {
            check(&source, input)?;
        }
        let look = Look {
            rules,
            reading: &input.reading,
            numbered: self.numbered,
            typed: source.may_have(VALUE),
            consent: source.may_have(CONSENT_STRING) || source.may_have(CONSENT_SCHEME),
            captured: source.may_have(CAPTURED_AT),
        };
        look_ahead(
            &mut source,
            refused,
            |batch| Digested::of(batch, look),
            |digested| self.take(digested?, input),
        )?;
        check(&source, input)
    }

    /// Takes what a batch gave, but for cookies of more namespaces than a file may have.
    fn take(&mut self, mut digested: Digested, input: &Input) -> Result<(), GraphError> {
        self.counts.absorb(mem::take(&mut digested.counts));
        self.objected.append(&mut digested.objected);
        self.ties.extend(&digested.ties)?;
        let mut start = 0;
        for Place { number, end, namespace } in digested.places {
            let line = digested.lines.get(start..end).ok_or(Bug::invariant())?;
            start = end;
            let namespace = namespace.and_then(|at| digested.namespaces.get(at));
            if namespace.is_none_or(|namespace| self.admits(namespace)) {
                self.lines.push(line)?;
            } else {
                let reason = "cookie_namespace_surplus";
                self.counts.drop_line(reason, self.numbered.then_some(number));
                digested.noted.push(Noted { line: number, origin: None, reason });
            }
        }
        let Some(reasons) = &mut self.reasons else { return Ok(()) };
        digested.noted.sort_by_key(|noted| noted.line);
        for Noted { line, origin, reason } in digested.noted {
            let column = origin.map_or("", |origin| origin.column(&input.reading));
            reasons.note(&input.file.tag, line, column, reason).map_err(|source| {
                GraphError::Store(StoreError::Io { path: REASONS.into(), source })
            })?;
        }
        Ok(())
    }

    fn admits(&mut self, namespace: &str) -> bool {
        if !self.namespaces.contains(namespace) {
            if self.namespaces.len() >= NAMESPACES_MAX {
                return false;
            }
            self.namespaces.insert(namespace.to_owned());
        }
        true
    }
}

/// Yield of a batch of lines, until its turn comes.
#[derive(Default)]
struct Digested {
    /// Encoded lines one after the other.
    lines: Zeroizing<Vec<u8>>,
    places: Vec<Place>,
    /// Namespaces of cookies, in the order in which they are met.
    namespaces: Vec<String>,
    counts: GraphCounts,
    objected: BTreeSet<Holder>,
    /// Ties, each once.
    ties: Vec<Tie>,
    /// Lines and values that are left out.
    noted: Vec<Noted>,
}

/// A line or value that is left out.
struct Noted {
    line: u64,
    origin: Option<Origin>,
    reason: &'static str,
}

/// Origin of a value: a field, and which of its columns.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    position: usize,
    which: usize,
}

impl Origin {
    const fn of(position: usize) -> Self {
        Self { position, which: 0 }
    }

    /// Name of the column in the file; our own where no map names it.
    fn column(self, reading: &Reading) -> &str {
        let field = reading.fields.as_ref().and_then(|fields| fields.get(&self.position));
        let column = field.and_then(|field| field.source.columns().get(self.which));
        column.map_or(SCHEMA.name(self.position), String::as_str)
    }
}

/// Knowledge by which the lines of one file are looked at.
#[derive(Clone, Copy)]
struct Look<'a> {
    rules: &'a GraphRules<'a>,
    reading: &'a Reading,
    numbered: bool,
    /// True if values come with their type.
    typed: bool,
    /// True if the file has columns of consent.
    consent: bool,
    captured: bool,
}

/// Refuses a file whose values have no type.
fn check(source: &RowSource, input: &Input) -> Result<(), GraphError> {
    if !source.has(VALUE) || source.has(TYPE) {
        return Ok(());
    }
    Err(match &input.reading.fields {
        Some(_) => SourceError::Mapping(MappingError::NoField { name: SCHEMA.name(TYPE) }),
        None => SourceError::input(&input.file.shown())(source.missing(TYPE)),
    }
    .into())
}

/// End of a line, and the namespace of its cookie.
struct Place {
    /// Number of the line in the file.
    number: u64,
    end: usize,
    namespace: Option<usize>,
}

impl Digested {
    fn of(batch: &RowBatch, look: Look<'_>) -> Result<Self, Bug> {
        let mut digested = Self::default();
        for row in batch.rows() {
            digested.counts.lines_read += 1;
            let (number, found) = (row.line(), Found::read(&row, look));
            digested.note(&row, &found, look.rules);
            let reason = match Line::read(&row, look, found) {
                Ok((line, _)) if look.rules.objections.has_digital_id(&line.digital_id) => {
                    "digital_id_objected"
                }
                Ok((line, kept)) => {
                    digested.push(&line, number)?;
                    digested.counts.surplus += kept.surplus;
                    digested.counts.keep(&kept);
                    let told = kept.rejected.iter().chain(&kept.warnings);
                    digested.noted.extend(told.map(|(origin, reason)| Noted {
                        line: number,
                        origin: Some(*origin),
                        reason,
                    }));
                    continue;
                }
                Err(reason) => reason,
            };
            digested.counts.drop_line(reason, look.numbered.then_some(number));
            digested.noted.push(Noted { line: number, origin: None, reason });
        }
        digested.ties.sort_unstable();
        digested.ties.dedup();
        Ok(digested)
    }

    /// Takes note of what a line says of its holder, whatever becomes of the line. What was rounded
    /// on the way would make one person of several.
    fn note(&mut self, row: &Row<'_>, found: &Found, rules: &GraphRules<'_>) {
        let person = found.person.filter(|_| !row.is_rounded(PERSON_REF));
        let persona = found.persona.as_deref().filter(|_| !row.is_rounded(PERSONA_REF));
        let persona = persona.map(persona_name);
        let Some(holder) = person.or(persona) else { return };
        let mut tie = |kind, mark| self.ties.push(Tie { holder, kind, mark });
        let mason = rules.objections.mason();
        persona.into_iter().for_each(|persona| tie(Tie::PERSONA, persona));
        if let Some(id) = found.digital_id.as_ref().ok().filter(|_| !row.is_rounded(ID_VALUE)) {
            tie(Tie::DIGITAL_ID, mason.digital_id(id).0);
        }
        for one in &found.identifiers {
            let tombstone = mason.identifier(one.kind, &one.digest);
            tie(if one.level == 0 { Tie::PERSONAL } else { Tie::HOUSEHOLD }, tombstone.0);
            if rules.objections.has(tombstone) {
                self.objected.insert(holder);
            }
        }
    }

    /// Takes a line and its number in the file.
    fn push(&mut self, line: &Line, number: u64) -> Result<(), Bug> {
        let cookie = line.digital_id.kind() == DigitalKind::Cookie;
        let namespace = cookie.then(|| self.namespace(line.digital_id.namespace()));
        line.encode(&mut self.lines)?;
        self.places.push(Place { number, end: self.lines.len(), namespace });
        Ok(())
    }

    /// The place of a namespace among those of the batch.
    fn namespace(&mut self, namespace: &str) -> usize {
        self.namespaces.iter().position(|known| known == namespace).unwrap_or_else(|| {
            self.namespaces.push(namespace.to_owned());
            self.namespaces.len() - 1
        })
    }
}

/// The columns of the flat form: a value with its type, or columns of one type each.
pub static SCHEMA: Schema = Schema {
    columns: &[
        Column::required("person_ref", Holds::Name),
        Column::required("persona_ref", Holds::Name),
        Column::optional("type", Holds::Code),
        Column::optional("value", Holds::Identifier),
        Column::required("id_type", Holds::Code),
        Column::required("id_value", Holds::Name),
        Column::required("evidence", Holds::Code),
        Column::required("day", Holds::Day),
        Column::optional("id_namespace", Holds::Text),
        Column::optional("class", Holds::Code),
        Column::optional("consent_scheme", Holds::Code),
        Column::optional("consent_string", Holds::Name),
        Column::optional("captured_at", Holds::Time),
        Column::optional("email", Holds::Email),
        Column::optional("phone", Holds::Phone),
        Column::optional("email_sha256", Holds::EmailDigest),
        Column::unused("kind"),
        Column::unused("device_ref"),
        Column::unused("source"),
    ],
    families: &[],
    one_of: &[VALUE, EMAIL, PHONE, EMAIL_SHA256],
    program: "provider-node",
};

const PERSON_REF: usize = 0;
const PERSONA_REF: usize = 1;
const TYPE: usize = 2;
const VALUE: usize = 3;
const ID_TYPE: usize = 4;
const ID_VALUE: usize = 5;
const EVIDENCE: usize = 6;
const DAY: usize = 7;
const ID_NAMESPACE: usize = 8;
const CLASS: usize = 9;
const CONSENT_SCHEME: usize = 10;
const CONSENT_STRING: usize = 11;
const CAPTURED_AT: usize = 12;
const EMAIL: usize = 13;
const PHONE: usize = 14;
const EMAIL_SHA256: usize = 15;

record! {
    /// An identifier of a persona: its kind, its digest, and whom it names.
    #[derive(PartialOrd, Ord)]
    pub(super) struct Identifier {
        pub(super) kind: u8,
        pub(super) digest: [u8; 32],
        /// Level as `LinkFilter::level` has it: 0 individual, 1 household.
        pub(super) level: u8,
    }
}

record! {
    /// Fields after the reference of a line's persona; its identifiers and digital ID come after.
    pub(super) struct LineHead {
        /// Ends the reference.
        zero: u8,
        /// Name of the person.
        pub(super) person: Holder,
        pub(super) evidence: U16<BigEndian>,
        pub(super) device: U16<BigEndian>,
        /// Days since 1970.
        pub(super) day: U32<BigEndian>,
        pub(super) consent: [u8; 32],
        /// Number of identifiers.
        identifiers: u8,
    }
}

impl Identifier {
    fn of(found: &Normalized) -> Self {
        let level = match found.level() {
            Level::Individual => 0,
            Level::Household => 1,
        };
        Self { kind: found.kind().code(), digest: *found.digest().expose_bytes(), level }
    }
}

/// One line after the scan: no plaintext but the provider's own references and digital IDs.
struct Line {
    persona: Vec<u8>,
    person: Holder,
    evidence: u16,
    device: u16,
    /// Days since 1970.
    day: u32,
    consent: [u8; 32],
    identifiers: Vec<Identifier>,
    digital_id: DigitalId,
}

/// A line where it lies in the sorted set.
pub(super) struct SortedLine<'b> {
    pub(super) persona: &'b [u8],
    pub(super) head: &'b LineHead,
    pub(super) identifiers: &'b [Identifier],
    /// Form of [`DigitalId::encoded`].
    pub(super) digital_id: &'b [u8],
}

impl<'b> SortedLine<'b> {
    pub(super) fn split(bytes: &'b [u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let (persona, rest) = bytes.split_at_checked(end)?;
        let (head, rest) = LineHead::split(rest)?;
        let len = usize::from(head.identifiers).checked_mul(Identifier::LEN)?;
        let (identifiers, digital_id) = rest.split_at_checked(len)?;
        Some(Self { persona, head, identifiers: Identifier::slice(identifiers)?, digital_id })
    }
}

/// The person of a line, and what it says of them.
struct Found {
    /// None if the reference stands for nothing.
    person: Option<Holder>,
    /// Reference of the persona, if it stands for something.
    persona: Option<Vec<u8>>,
    identifiers: Vec<Identifier>,
    digital_id: Result<DigitalId, &'static str>,
    /// Reasons why values gave no identifier.
    rejected: Vec<(Origin, &'static str)>,
    kind_known: bool,
}

impl Found {
    fn read(row: &Row<'_>, look: Look<'_>) -> Self {
        let digital_id = DigitalId::parse(
            row.cell(ID_TYPE).text().trim(),
            row.cell(ID_NAMESPACE).text().trim(),
            row.text(ID_VALUE).trim(),
        );
        let persona = row.text(PERSONA_REF);
        // A zero byte ends the reference where lines are sorted.
        let persona = cell::reference(&persona).filter(|reference| !reference.contains('\0'));
        let mut found = Self {
            person: cell::reference(&row.text(PERSON_REF)).map(|text| person_name(text.as_bytes())),
            persona: persona.map(|reference| reference.as_bytes().to_vec()),
            identifiers: Vec::new(),
            digital_id,
            rejected: Vec::new(),
            kind_known: true,
        };
        if look.typed {
            let kind = row.cell(TYPE).text();
            let kind = kind.trim();
            let types = [("email", EMAIL), ("phone", PHONE), ("email_sha256", EMAIL_SHA256)];
            match types.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(kind)) {
                Some((_, kind)) => {
                    for (which, value) in row.values(VALUE) {
                        found.add(&value, kind, Origin { position: VALUE, which }, look);
                    }
                }
                None => found.kind_known = false,
            }
        }
        for position in [EMAIL, PHONE, EMAIL_SHA256] {
            for (which, value) in row.values(position) {
                found.add(&value, position, Origin { position, which }, look);
            }
        }
        found
    }

    /// Adds the identifiers of a value, which is of the kind that this field holds.
    fn add(&mut self, value: &str, kind: usize, origin: Origin, look: Look<'_>) {
        let (normalizer, reading) = (look.rules.normalizer, look.reading);
        let value = value.trim();
        let outcome = match kind {
            EMAIL => normalizer.email(value),
            PHONE => {
                let country = reading.region.as_ref().map(|region| region.as_str());
                normalizer.phone(value, &PhoneContext { country, postcode: None })
            }
            _ => normalizer.email_sha256(value, reading.email_sha256),
        };
        match outcome {
            Outcome::Ok(found) => {
                for one in found.iter().map(Identifier::of) {
                    if !self.identifiers.contains(&one) {
                        self.identifiers.push(one);
                    }
                }
            }
            Outcome::Reject(reason) => self.rejected.push((origin, reason.code())),
            Outcome::Absent => {}
        }
    }
}

/// Counted properties of a line that is kept.
pub(super) struct Kept {
    pub(super) rejected: Vec<(Origin, &'static str)>,
    pub(super) warnings: Vec<(Origin, &'static str)>,
    /// Identifiers beyond what a persona may hold.
    surplus: u64,
    /// None where the file has no columns of consent.
    pub(super) scheme: Option<Scheme>,
}

impl Line {
    fn read(row: &Row<'_>, look: Look<'_>, found: Found) -> Result<(Self, Kept), &'static str> {
        let now = look.rules.now;
        let (Some(persona), Some(person)) = (found.persona, found.person) else {
            return Err("reference_missing");
        };
        // Of different persons it would make one, whose digital IDs are then of each of them.
        if [PERSONA_REF, PERSON_REF, ID_VALUE].into_iter().any(|at| row.is_rounded(at)) {
            return Err("reference_rounded");
        }
        let Some(evidence) = evidence_bit(row.cell(EVIDENCE).text().trim()) else {
            return Err("evidence_unknown");
        };
        let day = day(row, now)?;
        let (scheme, consent) = if look.consent {
            let scheme = match row.cell(CONSENT_SCHEME) {
                Cell::Unlisted => return Err("consent_scheme_unknown"),
                scheme => scheme.text(),
            };
            let string = row.text(CONSENT_STRING);
            let (scheme, digest) = consent::judge(scheme.trim(), string.trim(), now)?;
            (Some(scheme), digest)
        } else {
            (None, consent::no_evidence())
        };
        if look.captured {
            consent::captured(row.time(CAPTURED_AT, now).map(|time| time.at))?;
        }
        let digital_id = found.digital_id?;
        if !found.kind_known {
            return Err("type_unknown");
        }
        let class = row.cell(CLASS);
        let warnings = match class {
            Cell::Unlisted => vec![(Origin::of(CLASS), Reason::ColumnValueUnknown.code())],
            Cell::Absent | Cell::Text(_) => Vec::new(),
        };
        let mut identifiers = found.identifiers;
        let surplus = identifiers.iter().skip(PER_PERSONA_MAX).count();
        identifiers.truncate(PER_PERSONA_MAX);
        let line = Self {
            persona,
            person,
            evidence,
            device: device_bit(class.text().trim()),
            day,
            consent,
            identifiers,
            digital_id,
        };
        let (rejected, surplus) = (found.rejected, surplus as u64);
        Ok((line, Kept { rejected, warnings, surplus, scheme }))
    }

    /// The persona's reference, then a [`LineHead`], the identifiers, and the digital ID.
    fn encode(&self, out: &mut Zeroizing<Vec<u8>>) -> Result<(), Bug> {
        let head = LineHead {
            zero: 0,
            person: self.person,
            evidence: self.evidence.into(),
            device: self.device.into(),
            day: self.day.into(),
            consent: self.consent,
            // There are at most as many as a persona may hold.
            identifiers: u8::try_from(self.identifiers.len()).map_err(|_| Bug::invariant())?,
        };
        let mut add = |part: &[u8]| grow(out, part, usize::MAX);
        add(&self.persona);
        add(head.bytes());
        self.identifiers.iter().for_each(|one| add(one.bytes()));
        add(self.digital_id.encoded());
        Ok(())
    }
}

/// Bit of an evidence class, as `LinkFilter::evidence_mask` has it.
fn evidence_bit(name: &str) -> Option<u16> {
    let classes = ["login", "purchase", "loyalty", "email_click", "form", "crm_import"];
    let at = classes.iter().position(|class| class.eq_ignore_ascii_case(name))?;
    Some(1 << at)
}

/// Bit of a device class; what is not declared is `unknown`.
fn device_bit(name: &str) -> u16 {
    let classes = ["smartphone", "tablet", "desktop", "ctv", "other"];
    let at = classes.iter().position(|class| class.eq_ignore_ascii_case(name));
    1 << at.unwrap_or(classes.len())
}

/// The day of a link's evidence, in days since 1970; it is no evidence if it has not come yet
/// anywhere, is before the year 2000, or is no day.
fn day(row: &Row<'_>, now: u64) -> Result<u32, &'static str> {
    match row.day(DAY, now.saturating_add(DAY_AHEAD_S)) {
        Ok(day) => {
            let midnight = Offset::UTC.to_timestamp(day.to_datetime(Time::midnight()));
            let seconds = midnight.map_err(|_| "day_malformed")?.as_second();
            u32::try_from(seconds / 86_400).map_err(|_| "day_malformed")
        }
        Err(TimeFault::Absent | TimeFault::Unreadable) => Err("day_malformed"),
        Err(TimeFault::Early) => Err("day_early"),
        Err(TimeFault::Future) => Err("day_future"),
    }
}

/// A day begins at most 14 hours earlier somewhere than in UTC.
const DAY_AHEAD_S: u64 = 14 * 3_600;

/// Name under which a failure to write reasons is told; the caller knows the file.
const REASONS: &str = "rejects";

/// The bit of evidence that a person logged in.
pub(super) const EVIDENCE_LOGIN: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_its_persona_a_head_identifiers_and_a_digital_id() {
        let digital_id = DigitalId::parse("cookie", "a.example", "value-01").unwrap();
        let identifiers = vec![
            Identifier { kind: 1, digest: [2; 32], level: 0 },
            Identifier { kind: 3, digest: [4; 32], level: 1 },
        ];
        let line = Line {
            persona: b"P-1".to_vec(),
            person: [5; 16],
            evidence: 0x0102,
            device: 0x0304,
            day: 0x0506_0708,
            consent: [6; 32],
            identifiers: identifiers.clone(),
            digital_id: digital_id.clone(),
        };
        let mut bytes = Zeroizing::new(Vec::new());
        line.encode(&mut bytes).unwrap();
        let expected: [&[u8]; 11] = [
            b"P-1\0",
            &[5; 16],
            &[1, 2, 3, 4, 5, 6, 7, 8],
            &[6; 32],
            &[2, 1],
            &[2; 32],
            &[0, 3],
            &[4; 32],
            &[1],
            b"cookie\0a.example\0",
            b"value-01",
        ];
        assert_eq!(*bytes, expected.concat());
        let SortedLine { persona, head, identifiers: found, digital_id: id } =
            SortedLine::split(&bytes).unwrap();
        assert_eq!((persona, head.person, head.consent), (&b"P-1"[..], [5; 16], [6; 32]));
        assert_eq!((head.evidence.get(), head.device.get()), (0x0102, 0x0304));
        assert_eq!((head.day.get(), found), (0x0506_0708, &identifiers[..]));
        assert_eq!(DigitalId::decode(id).unwrap(), digital_id);
        // Cut anywhere it is no line, or one whose digital ID is none.
        for len in 0..bytes.len() - b"value-01".len() {
            let cut = SortedLine::split(&bytes[..len]);
            assert!(cut.is_none_or(|line| DigitalId::decode(line.digital_id).is_none()));
        }
    }
}
