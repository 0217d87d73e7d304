//! A proposal of a map out of the files themselves.
//!
//! What the data or a preset settle is settled; everything else is an open question. Nothing here
//! decides what a person agreed to.

use std::collections::BTreeMap;

use tabular::{Delimiter, Encoding, cell};

use crate::draft::{Draft, Field, Meaning, Section, Side, Slot, Source, Value};
use crate::look::{Column, Dates, Encodings, Look, Order};
use crate::names::{self, Subject, is_of};
use crate::presets::Preset;

/// Proposes a map for files that were looked at.
///
/// Files with the same header share a section; files of different tools have one each.
#[must_use]
pub fn propose(looks: &[Look], side: Side, preset: Option<&'static Preset>) -> Draft {
    let mut groups: Vec<Vec<&Look>> = Vec::new();
    for look in looks {
        let same = |group: &&mut Vec<&Look>| {
            group.first().is_some_and(|first| {
                first.names().eq(look.names())
                    && first.delimiter == look.delimiter
                    && first.encodings == look.encodings
            })
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(look),
            None => groups.push(vec![look]),
        }
    }
    let mut sections: Vec<Section> =
        groups.iter().filter_map(|group| Proposal::of(group, side, preset)).collect();
    distinct_tags(&mut sections);
    if side == Side::Advertiser {
        for section in sections.iter_mut().skip(1) {
            section.row_prefix = Some(Slot::Open);
        }
    }
    Draft { sections }
}

/// Gives each section a tag of its own.
fn distinct_tags(sections: &mut [Section]) {
    let mut taken: Vec<String> = Vec::new();
    for section in sections {
        let base = section.tag.clone();
        let mut number = 2;
        while taken.contains(&section.tag) {
            section.tag = format!("{base}-{number}");
            number += 1;
        }
        taken.push(section.tag.clone());
    }
}

/// Columns of files of one form, seen together, while a section is made of them.
struct Proposal<'a> {
    look: &'a Look,
    /// Other files of the form.
    others: Vec<&'a Look>,
    preset: Option<&'static Preset>,
    section: Section,
}

impl<'a> Proposal<'a> {
    fn of(group: &[&'a Look], side: Side, preset: Option<&'static Preset>) -> Option<Section> {
        let (look, others) = group.split_first()?;
        let found = match side {
            Side::Advertiser => preset.or_else(|| Preset::of(look.names())),
            Side::Provider => None,
        };
        let mut proposal =
            Self { look, others: others.to_vec(), preset: found, section: start(group, found) };
        match side {
            Side::Advertiser => proposal.rows_of_a_crm(),
            Side::Provider => proposal.lines_of_a_graph(),
        }
        proposal.times(side);
        proposal.region();
        proposal.ignored();
        Some(proposal.section)
    }

    /// The columns that hold something in some file.
    fn filled(&self) -> Vec<&'a Column> {
        let filled = |column: &&Column| self.of_all(&column.name, |column| !column.is_empty());
        self.look.columns.iter().filter(filled).collect()
    }

    /// True if the test holds in one of the files at least.
    fn of_all(&self, name: &str, test: impl Fn(&Column) -> bool) -> bool {
        let files = std::iter::once(&self.look).chain(&self.others);
        files.filter_map(|look| look.column(name)).any(test)
    }

    /// The first of these columns that is there and holds something.
    fn first(&self, names: &[&str]) -> Option<&'a Column> {
        names.iter().find_map(|name| self.named(name))
    }

    /// The filled column of a name, whatever its case.
    fn named(&self, name: &str) -> Option<&'a Column> {
        let filled = self.filled();
        filled.into_iter().find(|column| names::folded(&column.name) == names::folded(name))
    }

    fn push(&mut self, field: Field) {
        self.section.fields.push(field);
    }

    fn rows_of_a_crm(&mut self) {
        let preset = self.preset;
        let of = |names: fn(&Preset) -> &'static [&'static str]| preset.map_or(&[][..], names);
        self.row_id(of(|preset| preset.row_id));
        self.identifiers(of(|preset| preset.email), of(|preset| preset.phone), true);
        self.country(of(|preset| preset.country));
        let postcode = self.first(of(|preset| preset.postcode));
        let postcode = postcode.or_else(|| self.of_subject(Subject::Postcode));
        if let Some(column) = postcode {
            self.push(Field::of("postcode", Source::Column(column.name.clone())));
        }
        self.consent(of(|preset| preset.consent), of(|preset| preset.consent_at));
        self.objections(of(|preset| preset.objections));
        let updated = self.first(of(|preset| preset.updated_at));
        let updated = updated.or_else(|| self.of_subject(Subject::Updated));
        if let Some(column) = updated.filter(|column| column.dates(true).is_some()) {
            self.push(Field::of("updated_at", Source::Column(column.name.clone())));
        }
    }

    /// The only filled column of a subject.
    fn of_subject(&self, subject: Subject) -> Option<&'a Column> {
        let filled = self.filled();
        let mut found = filled.into_iter().filter(|column| is_of(&column.name, subject));
        found.next().filter(|_| found.next().is_none())
    }

    fn row_id(&mut self, preset: &[&str]) {
        let whole = |column: &&Column| {
            let full = |look: &&Look| {
                look.column(&column.name).is_none_or(|column| column.filled == look.rows)
            };
            let files: Vec<&Look> = self.others.iter().copied().chain([self.look]).collect();
            files.iter().all(full) && column.is_unique()
        };
        let contact = |column: &Column| column.has_emails() || column.has_phones();
        let filled = self.filled();
        let unique: Vec<&Column> =
            filled.into_iter().filter(whole).filter(|column| !contact(column)).collect();
        let settled = self.first(preset).or_else(|| {
            let customer = |column: &&&Column| is_of(&column.name, Subject::Customer);
            let mut named = unique.iter().filter(customer);
            named.next().copied().filter(|_| named.next().is_none())
        });
        let settled = settled.or_else(|| {
            let mut ids = unique.iter().filter(|column| is_of(&column.name, Subject::Id));
            ids.next().copied().filter(|_| ids.next().is_none())
        });
        let field = match settled {
            Some(column) => Field::of("row_id", Source::Column(column.name.clone())),
            None => {
                let time = |column: &&&Column| column.dates(false).is_none();
                let candidates = unique.iter().filter(time).map(|column| column.name.clone());
                Field::open("row_id", candidates.take(CANDIDATES_MAX).collect())
            }
        };
        self.push(field);
    }

    /// Maps columns of identifiers: those of the preset first, then those whose cells say so.
    fn identifiers(&mut self, emails: &[&str], phones: &[&str], digests_of_phones: bool) {
        let mut found: [Vec<&Column>; 4] = [
            emails.iter().filter_map(|name| self.named(name)).filter(|c| c.has_emails()).collect(),
            phones.iter().filter_map(|name| self.named(name)).filter(|c| c.has_phones()).collect(),
            Vec::new(),
            Vec::new(),
        ];
        for column in self.filled() {
            let name = column.name.as_str();
            let someone_else = names::is_of_someone_else(name);
            let of_phone = names::speaks_of_phone(name);
            let at = if column.has_digests() && !someone_else {
                usize::from(of_phone && digests_of_phones) + 2
            } else if column.has_emails() && !someone_else {
                0
            } else if column.has_phones() && of_phone
                || column.has_international_phones() && !someone_else && !name.ends_with("id")
            {
                1
            } else {
                continue;
            };
            let known = |list: &Vec<&Column>| list.iter().any(|known| known.name == column.name);
            if let Some(list) = found.get_mut(at)
                && !known(list)
            {
                list.push(column);
            }
        }
        for (name, columns) in ["email", "phone", "email_sha256", "phone_sha256"].iter().zip(found)
        {
            let mut columns: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
            let source = match columns.pop() {
                None => continue,
                Some(only) if columns.is_empty() => Source::Column(only),
                Some(last) => {
                    columns.push(last);
                    Source::Columns(columns)
                }
            };
            if name.ends_with("sha256") {
                self.section.digests.insert(*name, Slot::Open);
            }
            self.push(Field::of(name, source));
        }
    }

    fn country(&mut self, preset: &[&str]) {
        let filled = self.filled();
        let named = self.first(preset).into_iter();
        let subject = |column: &&&Column| is_of(&column.name, Subject::Country);
        let mut known = named.chain(filled.iter().filter(subject).copied());
        let Some((column, names)) = known.find_map(|column| {
            if column.has_countries() {
                return Some((column, Vec::new()));
            }
            let values = column.values.as_ref()?;
            let names: Vec<Value> = values
                .iter()
                .filter_map(|(theirs, rows)| {
                    let ours = Slot::Settled(Meaning::Text(country(theirs)?.to_owned()));
                    Some(Value { theirs: theirs.clone(), rows: *rows, ours })
                })
                .collect();
            (!names.is_empty()).then_some((column, names))
        }) else {
            return;
        };
        let field = Field::of("country", Source::Column(column.name.clone()));
        self.push(Field { values: names, ..field });
    }

    fn consent(&mut self, consent: &[&str], times: &[&str]) {
        let purposes = self.filled().into_iter().find(|column| column.has_purposes());
        let column = purposes.or_else(|| self.consent_column(consent));
        let field = match column {
            Some(column) if purposes.is_some() => {
                Field::of("consent_purposes", Source::Column(column.name.clone()))
            }
            Some(column) => {
                let field = Field::of("consent_purposes", Source::Column(column.name.clone()));
                self.section.statement = Some(Slot::Open);
                Field { values: open_values(column), ..field }
            }
            // Whoever is in such a file has subscribed: that is all it says, hence the question.
            None if self.preset.is_some_and(|preset| preset.subscribers_only) => {
                self.section.statement = Some(Slot::Open);
                Field::of("consent_purposes", Source::Constant(Slot::Open))
            }
            None => {
                self.section.statement = Some(Slot::Open);
                let few = |column: &&Column| {
                    column.values.as_ref().is_some_and(|values| values.len() <= 6)
                        && !column.has_countries()
                };
                let few = self.filled().into_iter().filter(few).map(|column| column.name.clone());
                Field::open("consent_purposes", few.take(CANDIDATES_MAX).collect())
            }
        };
        let at = self.consent_time(times, column);
        let row_id = self.section.field("row_id").and_then(Field::column).map(str::to_owned);
        let proof = self.of_subject(Subject::ConsentProof).map(|column| column.name.clone());
        let reference = match (proof, row_id, at.column()) {
            (Some(proof), ..) => Field::of("consent_ref", Source::Column(proof)),
            (None, Some(id), Some(at)) => {
                Field::of("consent_ref", Source::Joined(vec![id, at.to_owned()], "/"))
            }
            (None, Some(id), None) => Field::of("consent_ref", Source::Column(id)),
            (None, None, _) => Field::open("consent_ref", Vec::new()),
        };
        let notice = match self.of_subject(Subject::Notice) {
            Some(column) => Source::Column(column.name.clone()),
            None => Source::Constant(Slot::Open),
        };
        self.push(field);
        self.push(reference);
        self.push(at);
        self.push(Field::of("consent_notice", notice));
    }

    /// The column that looks like consent, if there is one and no other.
    fn consent_column(&self, preset: &[&str]) -> Option<&'a Column> {
        let filled = self.filled();
        let named = |name: &&str| {
            let same = |column: &&&Column| names::folded(&column.name) == names::folded(name);
            filled.iter().find(same).copied().filter(|column| column.values.is_some())
        };
        let alone = |subject: Subject| {
            let fits = |column: &&&Column| {
                is_of(&column.name, subject)
                    && column.values.is_some()
                    && column.dates(false).is_none()
                    && !column.has_emails()
            };
            let mut found = filled.iter().filter(fits);
            found.next().copied().filter(|_| found.next().is_none())
        };
        alone(Subject::PartnerConsent)
            .or_else(|| preset.iter().find_map(named))
            .or_else(|| alone(Subject::Consent))
    }

    /// The field of the time of a consent.
    fn consent_time(&self, preset: &[&str], consent: Option<&Column>) -> Field {
        let filled = self.filled();
        let times: Vec<&&Column> =
            filled.iter().filter(|column| column.dates(true).is_some()).collect();
        let partners = consent.is_some_and(|c| is_of(&c.name, Subject::PartnerConsent));
        let of_partners = |column: &&&&Column| {
            let name = names::folded(&column.name);
            is_of(&column.name, Subject::ConsentTime)
                && (name.contains("partenaire") || name.contains("partner"))
        };
        let mut own = times.iter().filter(|column| is_of(&column.name, Subject::ConsentTime));
        let own = own.next().filter(|_| own.next().is_none()).map(|column| column.name.clone());
        let beside = times.iter().find(of_partners).filter(|_| partners);
        let found = beside
            .map(|column| column.name.clone())
            .or_else(|| self.first(preset).map(|column| column.name.clone()))
            .or(own);
        match found {
            Some(column) => Field::of("consent_at", Source::Column(column)),
            None => {
                let names = times.iter().map(|column| column.name.clone());
                Field::open("consent_at", names.take(CANDIDATES_MAX).collect())
            }
        }
    }

    fn objections(&mut self, preset: &[&str]) {
        let filled = self.filled();
        let subject =
            |column: &&&Column| is_of(&column.name, Subject::Objection) && column.values.is_some();
        let candidates: Vec<&Column> = filled.iter().filter(subject).copied().collect();
        let alone = match candidates.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        let field = match self.first(preset).or(alone) {
            Some(column) => {
                let consent = self.section.field("consent_purposes").and_then(Field::column);
                let same = consent == Some(column.name.as_str());
                let field = Field::of("objections", Source::Column(column.name.clone()));
                // The state of a subscription may end in an objection; which value does is asked.
                let values = if same {
                    open_values(column)
                } else {
                    settled_objections(open_values(column))
                };
                Field { values, ..field }
            }
            None => {
                let names = candidates.iter().map(|column| column.name.clone());
                Field::open("objections", names.take(CANDIDATES_MAX).collect())
            }
        };
        self.push(field);
    }

    fn lines_of_a_graph(&mut self) {
        let filled = self.filled();
        let find = |words: &[&str]| {
            let mut found = words.iter();
            found.find_map(|word| filled.iter().find(|c| names::folded(&c.name) == *word)).copied()
        };
        let column = |name: &'static str, words: &[&str]| {
            find(words).map(|column| Field::of(name, Source::Column(column.name.clone())))
        };
        let open = |name: &'static str| {
            let names = filled.iter().map(|column| column.name.clone());
            Field::open(name, names.take(CANDIDATES_MAX).collect())
        };
        let or_open = |found: Option<Field>, name: &'static str| match found {
            Some(field) => field,
            None => open(name),
        };
        let person = column("person_ref", &PERSON);
        let persona = column("persona_ref", &PERSONA).or_else(|| {
            // Without personas, each person is one.
            let person = person.as_ref().and_then(Field::column)?;
            Some(Field::of("persona_ref", Source::Column(person.to_owned())))
        });
        let typed = column("type", &["type", "identifiertype", "typeidentifiant"]);
        let value = column("value", &["value", "identifier", "identifiant", "valeur"]);
        let device = ["idfa", "aaid"].into_iter().find_map(|kind| {
            let device = column("id_value", if kind == "idfa" { &["idfa"] } else { &ANDROID })?;
            let kind = Source::Constant(Slot::Settled(kind.to_owned()));
            Some((Field::of("id_type", kind), device))
        });
        let id = (column("id_type", &["idtype", "typeid"]), column("id_value", &DIGITAL_ID));
        let (id_type, id_value) = match (id, device) {
            ((Some(kind), Some(value)), _) => (kind, value),
            (_, Some(device)) => device,
            ((kind, value), None) => {
                let kind = or_open(kind, "id_type");
                (kind, or_open(value, "id_value"))
            }
        };
        let evidence = find(&EVIDENCE).map(|column| {
            let field = Field::of("evidence", Source::Column(column.name.clone()));
            Field { values: words(column, &EVIDENCE_CLASSES), ..field }
        });
        let day = column("day", &DAY).or_else(|| {
            let mut days =
                filled.iter().filter(|c| c.dates(names::speaks_of_time(&c.name)).is_some());
            let only = days.next().filter(|_| days.next().is_none())?;
            Some(Field::of("day", Source::Column(only.name.clone())))
        });
        let further = [
            column("id_namespace", &["idnamespace", "namespace", "domain", "domaine"]),
            column("class", &["class", "deviceclass", "devicetype", "device"]),
            column("consent_scheme", &["consentscheme", "scheme", "framework"]),
            column("consent_string", &["consentstring", "tcstring", "tcf", "gpp", "consent"]),
            column("captured_at", &["capturedat", "consentat", "consenttime", "consentdate"]),
        ];
        self.push(or_open(person, "person_ref"));
        self.push(or_open(persona, "persona_ref"));
        match (typed, value) {
            (Some(typed), Some(value)) => {
                self.push(typed);
                self.push(value);
            }
            _ => {
                self.identifiers(&[], &[], false);
                let any = ["email", "phone", "email_sha256"].iter().any(|n| self.section.has(n));
                if !any {
                    self.push(open("email"));
                }
            }
        }
        self.push(id_type);
        self.push(id_value);
        self.push(or_open(evidence, "evidence"));
        self.push(or_open(day, "day"));
        further.into_iter().flatten().for_each(|field| self.push(field));
    }

    /// Settles the form and the zone of the times that are mapped.
    fn times(&mut self, side: Side) {
        let mapped: Vec<(&'static str, &'a Column)> = self
            .section
            .fields
            .iter()
            .filter(|field| TIMES.contains(&field.name))
            .filter_map(|field| Some((field.name, self.look.column(field.column()?)?)))
            .collect();
        let order = self.look.columns.iter().find_map(|column| column.times.order());
        let mut needs_zone = false;
        for (field, column) in mapped {
            let Some(dates) = column.dates(true) else { continue };
            needs_zone |= side == Side::Advertiser && column.times.needs_zone(&dates)
                || side == Side::Provider && field != "day" && column.times.needs_zone(&dates);
            let declared = match (dates, order) {
                (Dates::Iso | Dates::ShortYear, _) => None,
                (Dates::Declared(form), _) => Some(Slot::Settled(form)),
                // One program wrote the file, in one order of day and month.
                (Dates::Either { day_first, .. }, Some(Order::DayFirst)) => {
                    Some(Slot::Settled(day_first))
                }
                (Dates::Either { month_first, .. }, Some(Order::MonthFirst)) => {
                    Some(Slot::Settled(month_first))
                }
                (Dates::Either { day_first, month_first }, None) => {
                    let forms = [day_first, month_first];
                    self.section.either = Some((column.name.clone(), forms));
                    Some(Slot::Open)
                }
            };
            if let Some(field) = self.section.field_mut(field) {
                field.dates = declared;
            }
        }
        self.one_form_for_all();
        if needs_zone {
            let zone = self.preset.and_then(|preset| preset.zone);
            self.section.zone =
                Some(zone.map_or(Slot::Open, |zone| Slot::Settled(zone.to_owned())));
        }
    }

    /// Says a form once for the section where every time has it.
    fn one_form_for_all(&mut self) {
        let times = self.section.fields.iter().filter(|field| TIMES.contains(&field.name));
        let mut forms = times.filter(|field| field.column().is_some()).map(|field| &field.dates);
        let Some(first) = forms.next().cloned().flatten() else { return };
        if forms.all(|form| form.as_ref() == Some(&first)) {
            for field in &mut self.section.fields {
                field.dates = None;
            }
            self.section.dates = Some(first);
        }
    }

    /// Asks for the country of national numbers, unless the rows tell it.
    fn region(&mut self) {
        let phones: Vec<String> = match self.section.field("phone").map(|field| &field.source) {
            Some(Source::Column(column)) => vec![column.clone()],
            Some(Source::Columns(columns)) => columns.clone(),
            _ => Vec::new(),
        };
        let national = phones.iter().any(|name| self.of_all(name, Column::has_national_phones));
        if national && !self.section.has("country") {
            self.section.region = Some(Slot::Open);
        }
    }

    fn ignored(&mut self) {
        let mut used: Vec<&str> = Vec::new();
        for field in &self.section.fields {
            match &field.source {
                Source::Column(column) => used.push(column),
                Source::Columns(columns) | Source::Joined(columns, _) => {
                    used.extend(columns.iter().map(String::as_str));
                }
                Source::Constant(_) | Source::Open => {}
            }
        }
        let left = self.look.columns.iter().filter(|c| !used.contains(&c.name.as_str()));
        let (filled, empty): (Vec<&Column>, Vec<&Column>) =
            left.partition(|column| self.of_all(&column.name, |column| !column.is_empty()));
        let names = |columns: Vec<&Column>| columns.iter().map(|c| c.name.clone()).collect();
        (self.section.ignored, self.section.empty) = (names(filled), names(empty));
        for name in self.others.iter().chain([&self.look]).flat_map(|look| &look.unread) {
            if !self.section.ignored.contains(name) {
                self.section.ignored.push(name.clone());
            }
        }
    }
}

/// A section with what the form of the files says.
fn start(group: &[&Look], preset: Option<&'static Preset>) -> Section {
    let first = group.first();
    let (encoding, encodings) = match first.and_then(|look| look.encodings.as_ref()) {
        None | Some(Encodings::Settled(Encoding::Utf8)) => (None, Vec::new()),
        Some(Encodings::Settled(one)) => (Some(Slot::Settled(one.name().to_owned())), Vec::new()),
        Some(Encodings::Open(some)) => {
            (Some(Slot::Open), some.iter().map(|one| one.name().to_owned()).collect())
        }
    };
    let delimiter = first.and_then(|look| look.delimiter);
    let delimiter = delimiter.filter(|one| *one != Delimiter::Comma);
    let mut files: Vec<String> = group.iter().map(|look| pattern(look)).collect();
    files.sort();
    files.dedup();
    Section {
        tag: first.map_or_else(String::new, |look| tag(look, preset)),
        files,
        preset: preset.map(|preset| preset.name),
        encoding,
        encodings,
        delimiter: delimiter.map(|one| one.character().to_string()),
        dates: None,
        either: None,
        zone: None,
        region: None,
        row_prefix: None,
        columns: first.iter().flat_map(|look| &look.columns).map(values_if_few).collect(),
        empty: Vec::new(),
        ignored: Vec::new(),
        statement: None,
        digests: BTreeMap::new(),
        fields: Vec::new(),
    }
}

fn file_name(look: &Look) -> String {
    let name = look.file.path.file_name();
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Tag of a section: the operator's, the tool's, or the letters that the name of the file begins
/// with.
fn tag(look: &Look, preset: Option<&'static Preset>) -> String {
    let name = file_name(look);
    let given = &look.file.tag;
    if tabular::is_tag(given) && *given != name {
        return given.clone();
    }
    let letters: String = name.chars().take_while(char::is_ascii_alphabetic).take(16).collect();
    match preset {
        Some(preset) => preset.name.to_ascii_lowercase(),
        None if letters.is_empty() => "crm".to_owned(),
        None => letters.to_ascii_lowercase(),
    }
}

/// Pattern of the names of exports like this one: digits, such as a day, may be others.
fn pattern(look: &Look) -> String {
    let name = file_name(look);
    let (stem, ending) = match name.split_once('.') {
        Some((stem, ending)) => (stem, format!(".{ending}")),
        None => (name.as_str(), String::new()),
    };
    let (mut pattern, mut between, mut starred) = (String::new(), "", false);
    for part in stem.split_inclusive(SEPARATORS) {
        let word = part.trim_end_matches(SEPARATORS);
        let letters = word.trim_end_matches(|c: char| !c.is_alphabetic() || !c.is_ascii());
        let start: String = word.chars().take_while(|c| c.is_ascii_alphabetic()).collect();
        let varies = word.bytes().any(|byte| byte.is_ascii_digit())
            && (letters.is_empty() || word.len() >= DATED_BYTES_MIN);
        // The parts of a day, `2026-11-30`, are one star.
        if !(varies && starred && start.is_empty()) {
            pattern.push_str(between);
            match varies {
                true if start.len() >= NAME_BYTES_MIN => pattern.push_str(&format!("{start}*")),
                true => pattern.push('*'),
                false => pattern.push_str(word),
            }
        }
        between = part.strip_prefix(word).map_or("", |between| between);
        starred = varies;
    }
    if pattern == "*" { name } else { pattern + between + &ending }
}

fn values_if_few(column: &Column) -> (String, Option<Vec<Value>>) {
    (column.name.clone(), column.values.is_some().then(|| open_values(column)))
}

/// The values of a column, as they are compared: without case.
fn open_values(column: &Column) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for (theirs, rows) in column.values.iter().flatten() {
        let same = |value: &&mut Value| value.theirs.to_lowercase() == theirs.to_lowercase();
        match found.iter_mut().find(same) {
            Some(value) => value.rows += rows,
            None => found.push(Value { theirs: theirs.clone(), rows: *rows, ours: Slot::Open }),
        }
    }
    found
}

/// Values of a column of objections: what our own vocabulary knows is settled.
pub(crate) fn settled_objections(mut values: Vec<Value>) -> Vec<Value> {
    for value in &mut values {
        value.ours = match cell::answer(&value.theirs) {
            Some(true) => Slot::Settled(Meaning::All),
            Some(false) => Slot::Settled(Meaning::Nothing),
            None => Slot::Open,
        };
    }
    values
}

/// Values of a column with a closed list of words; none if all of them are in it.
fn words(column: &Column, known: &[&str]) -> Vec<Value> {
    let is_known = |text: &str| known.iter().find(|word| word.eq_ignore_ascii_case(text));
    let mut values = open_values(column);
    if values.iter().all(|value| is_known(&value.theirs).is_some()) {
        return Vec::new();
    }
    for value in &mut values {
        if let Some(word) = is_known(&value.theirs) {
            value.ours = Slot::Settled(Meaning::Text((*word).to_owned()));
        }
    }
    values
}

/// Code of a country by its name.
fn country(name: &str) -> Option<&'static str> {
    let name = names::folded(name);
    let found = COUNTRIES.iter().find(|(_, names)| names.contains(&name.as_str()));
    found.map(|(code, _)| *code)
}

const CANDIDATES_MAX: usize = 12;
const SEPARATORS: [char; 3] = ['-', '_', ' '];
/// Shortest word with a digit that is taken for a day, a number or a digest.
const DATED_BYTES_MIN: usize = 6;
/// Shortest word that names a kind of export.
const NAME_BYTES_MIN: usize = 3;

/// Fields that hold times.
const TIMES: [&str; 4] = ["consent_at", "updated_at", "day", "captured_at"];

const PERSON: [&str; 8] = [
    "personref",
    "personid",
    "person",
    "customerid",
    "userid",
    "hhpersonid",
    "idpersonne",
    "personne",
];
const PERSONA: [&str; 4] = ["personaref", "personaid", "persona", "profileid"];
const ANDROID: [&str; 4] = ["aaid", "gaid", "adid", "androidid"];
const DIGITAL_ID: [&str; 8] =
    ["idvalue", "digitalid", "cookieid", "cookie", "deviceid", "maid", "idappareil", "iddigital"];
const EVIDENCE: [&str; 6] =
    ["evidence", "evidencetype", "eventtype", "preuve", "observation", "signal"];
const DAY: [&str; 9] = [
    "day",
    "eventday",
    "eventdate",
    "date",
    "lastseen",
    "jour",
    "seenat",
    "eventtime",
    "observedat",
];

/// Classes of evidence that the graph knows.
pub(crate) const EVIDENCE_CLASSES: [&str; 6] =
    ["login", "purchase", "loyalty", "email_click", "form", "crm_import"];

/// Names of countries in exports, folded: English, French, own.
const COUNTRIES: [(&str, &[&str]); 24] = [
    ("FR", &["france", "fra", "francemetropolitaine"]),
    ("BE", &["belgium", "belgique", "belgie", "bel"]),
    ("CH", &["switzerland", "suisse", "schweiz", "che"]),
    ("LU", &["luxembourg", "lux"]),
    ("DE", &["germany", "allemagne", "deutschland", "deu"]),
    ("ES", &["spain", "espagne", "espana", "esp"]),
    ("IT", &["italy", "italie", "italia", "ita"]),
    ("PT", &["portugal", "prt"]),
    ("NL", &["netherlands", "paysbas", "nederland", "thenetherlands", "nld"]),
    ("GB", &["unitedkingdom", "royaumeuni", "greatbritain", "england", "gbr", "uk"]),
    ("IE", &["ireland", "irlande", "irl"]),
    ("AT", &["austria", "autriche", "osterreich", "aut"]),
    ("DK", &["denmark", "danemark", "danmark", "dnk"]),
    ("SE", &["sweden", "suede", "sverige", "swe"]),
    ("NO", &["norway", "norvege", "norge", "nor"]),
    ("FI", &["finland", "finlande", "suomi", "fin"]),
    ("PL", &["poland", "pologne", "polska", "pol"]),
    ("CZ", &["czechia", "czechrepublic", "tchequie", "republiquetcheque", "cze"]),
    ("RO", &["romania", "roumanie", "rou"]),
    ("GR", &["greece", "grece", "grc"]),
    ("MC", &["monaco", "mco"]),
    ("CA", &["canada", "can"]),
    ("US", &["unitedstates", "unitedstatesofamerica", "etatsunis", "usa"]),
    ("MA", &["morocco", "maroc", "mar"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn look(name: &str, text: &str) -> Look {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        Look::at(&tabular::InputFile::new(&path), None).unwrap()
    }

    fn section(text: &str) -> Section {
        let looks = [look("crm.csv", text)];
        propose(&looks, Side::Advertiser, None).sections.remove(0)
    }

    #[test]
    fn a_pattern_fits_the_next_export() {
        for (name, expected) in [
            ("crm_20261130.csv", "crm_*.csv"),
            ("klaviyo-2026-11-30.csv.gz", "klaviyo-*.csv.gz"),
            ("subscribed_export_4f3a2b1c9d.csv", "subscribed_export_*.csv"),
            ("crm20261130.csv", "crm*.csv"),
            ("Contact.csv", "Contact.csv"),
            ("20261130.csv", "20261130.csv"),
            ("export_v2.csv", "export_v2.csv"),
            ("all-2026-11-30-paris.csv", "all-*-paris.csv"),
        ] {
            assert_eq!(pattern(&look(name, "a\n1\n")), expected, "{name}");
        }
    }

    #[test]
    fn a_key_is_settled_only_if_it_is_unique_and_alone() {
        let row_id = |text: &str| section(text).field("row_id").unwrap().source.clone();
        let settled = |name: &str| Source::Column(name.to_owned());
        assert_eq!(row_id("id,mail\n1,a@exemple.fr\n2,b@exemple.fr\n"), settled("id"));
        assert_eq!(row_id("id,mail\n1,a@exemple.fr\n1,b@exemple.fr\n"), Source::Open);
        assert_eq!(row_id("id,client_id\n1,7\n2,8\n"), Source::Open, "two of them");
        assert_eq!(row_id("mail\na@exemple.fr\n"), Source::Open, "an address is no key");
    }

    #[test]
    fn national_numbers_ask_for_a_country_unless_the_rows_tell_it() {
        let region = |text: &str| section(text).region;
        assert_eq!(region("id,tel\n1,06 39 98 00 01\n"), Some(Slot::Open));
        assert_eq!(region("id,tel\n1,+33 6 39 98 00 01\n"), None);
        assert_eq!(region("id,tel,pays\n1,06 39 98 00 01,FR\n"), None);
        assert_eq!(region("id,tel,pays\n1,06 39 98 00 01,France\n"), None);
    }

    #[test]
    fn one_settled_day_settles_the_order_for_its_file() {
        let text = "id,date_optin,date_maj\n1,03/04/2026,25/12/2025\n";
        let section = section(text);
        assert_eq!(section.dates, Some(Slot::Settled("%d/%m/%Y".to_owned())));
        let open = super::tests::section("id,date_optin\n1,03/04/2026\n");
        assert_eq!((open.dates, open.either.is_some()), (Some(Slot::Open), true));
    }

    #[test]
    fn no_opt_in_is_consent_without_words() {
        let text = "id,newsletter\n1,oui\n2,non\n";
        let section = section(text);
        assert_eq!(section.statement, Some(Slot::Open));
        let consent = section.field("consent_purposes").unwrap();
        assert!(consent.values.iter().all(|value| value.ours == Slot::Open));
        // Our own codes are an answer by themselves.
        let own = super::tests::section("row_id,consent_purposes\n1,ads.match\n2,\n");
        assert_eq!(own.statement, None);
        assert_eq!(own.field("consent_purposes").unwrap().values, []);
    }

    #[test]
    fn known_words_of_objections_are_settled_and_others_asked_for() {
        let values = |text: &str| section(text).field("objections").unwrap().values.clone();
        let known = values("id,opposition\n1,OUI\n2,non\n");
        assert!(known.iter().all(|value| !value.ours.is_open()), "{known:?}");
        let other = values("id,opposition\n1,peut-être\n2,non\n");
        assert_eq!(other.iter().filter(|value| value.ours.is_open()).count(), 1);
    }

    #[test]
    fn files_of_one_form_share_a_section_and_others_are_asked_about() {
        let same = [look("a_2026.csv", "id\n1\n"), look("b_2026.csv", "id\n2\n")];
        let draft = propose(&same, Side::Advertiser, None);
        assert_eq!(draft.sections.len(), 1);
        assert_eq!(draft.sections[0].files, ["a_*.csv", "b_*.csv"]);
        let other = [look("a.csv", "id\n1\n"), look("b.csv", "number;mail\n2;x@exemple.fr\n")];
        let draft = propose(&other, Side::Advertiser, None);
        let prefixes = draft.sections.iter().map(|section| section.row_prefix.clone());
        assert_eq!(prefixes.collect::<Vec<_>>(), [None, Some(Slot::Open)]);
    }
}
