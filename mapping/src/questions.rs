//! Questions of a proposal: what the files do not settle, asked all at once.

use jiff::tz::TimeZoneDatabase;
use report::{Text, shown};

use crate::draft::{Draft, Field, Meaning, Section, Slot, Source};
use crate::propose::{EVIDENCE_CLASSES, settled_objections};

/// A question, and the part of the draft that its answer settles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Place of the section.
    section: usize,
    about: About,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Statement,
    /// Values of this column, whatever fields it feeds.
    Values(String),
    Column(&'static str),
    Constant(&'static str),
    Alike,
    Dates,
    Zone,
    Region,
    Encoding,
    Digests(&'static str),
}

/// Fault of an answer: the part stays open.
#[derive(Debug, Clone, PartialEq)]
pub struct Unclear(pub Text);

impl Draft {
    /// The questions that are open, in the order in which they are asked.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let mut found = Vec::new();
        for (at, section) in self.sections.iter().enumerate() {
            found.extend(section.open().into_iter().map(|about| Question { section: at, about }));
        }
        found
    }

    /// Number of the open questions.
    #[must_use]
    pub fn open(&self) -> usize {
        self.questions().len()
    }

    /// Words of a question, and lines of what there is to choose from.
    pub fn words(&self, question: &Question) -> (Text, Vec<Text>) {
        let Some(section) = self.sections.get(question.section) else {
            return (Text::new("map-question-zone"), Vec::new());
        };
        let candidates = |field: &'static str| {
            let names = section.field(field).map(|field| field.candidates.as_slice());
            numbered(
                names.into_iter().flatten().map(|name| Text::new("map-word").with("word", name)),
            )
        };
        match &question.about {
            About::Statement => (statement(section), Vec::new()),
            About::Values(column) => (values_of(section, column), Vec::new()),
            About::Column(name) => (
                section.field(name).map_or_else(|| Text::new("map-question-row-id"), column),
                candidates(name),
            ),
            About::Constant(name) => (
                section.field(name).map_or_else(|| Text::new("map-question-notice"), constant),
                Vec::new(),
            ),
            About::Alike => (alike(self, section), Vec::new()),
            About::Dates => match &section.either {
                Some((column, _)) => (dates(column), Vec::new()),
                None => (dates(""), Vec::new()),
            },
            About::Zone => (Text::new("map-question-zone"), Vec::new()),
            About::Region => (Text::new("map-question-region"), Vec::new()),
            About::Encoding => (encoding(section), Vec::new()),
            About::Digests(field) => (digests(section, field), Vec::new()),
        }
    }

    /// Words on the answer that a question takes at a terminal.
    pub fn hint(&self, question: &Question) -> Text {
        Text::new(match question.about {
            About::Statement => "map-hint-words",
            About::Values(_) => "map-hint-values",
            About::Column("objections") => "map-hint-objections",
            About::Column(_) => "map-hint-column",
            About::Constant("consent_purposes") | About::Alike => "map-hint-yes-no",
            About::Constant(_) => "map-hint-constant",
            About::Dates => "map-hint-dates",
            About::Zone => "map-hint-zone",
            About::Region => "map-hint-region",
            About::Encoding => "map-hint-encoding",
            About::Digests("email_sha256") => "map-answer-digests-email",
            About::Digests(_) => "map-answer-digests-phone",
        })
    }

    /// Values that a question asks about one by one, with the number of rows that have them.
    #[must_use]
    pub fn values_of(&self, question: &Question) -> Vec<(String, u64)> {
        let About::Values(column) = &question.about else { return Vec::new() };
        let section = self.sections.get(question.section);
        let fields = section.into_iter().flat_map(|section| &section.fields);
        let mut found: Vec<(String, u64)> = Vec::new();
        for field in fields.filter(|field| field.column() == Some(column)) {
            for value in field.values.iter().filter(|value| value.ours.is_open()) {
                if !found.iter().any(|(known, _)| *known == value.theirs) {
                    found.push((value.theirs.clone(), value.rows));
                }
            }
        }
        found
    }

    /// Takes the answer to a question that has one; an empty answer leaves it open.
    ///
    /// # Errors
    ///
    /// [`Unclear`] if the answer is none of this question.
    pub fn answer(&mut self, question: &Question, answer: &str) -> Result<(), Unclear> {
        let answer = answer.trim();
        if answer.is_empty() {
            return Ok(());
        }
        let tag = self.sections.get(question.section).map(|section| section.tag.clone());
        let Some(section) = self.sections.get_mut(question.section) else { return Ok(()) };
        let settled = || Some(Slot::Settled(answer.to_owned()));
        match &question.about {
            About::Statement => {
                if words(answer) < STATEMENT_WORDS_MIN {
                    return Err(Unclear(Text::new("map-unclear-statement")));
                }
                let said = match &section.statement {
                    // How objections are applied may be said already.
                    Some(Slot::Settled(said)) => format!("{answer} {said}"),
                    _ => answer.to_owned(),
                };
                section.statement = Some(Slot::Settled(said));
            }
            About::Column(name) => section.settle_column(name, answer)?,
            About::Constant("consent_purposes") => match yes_or_no(answer) {
                Some(true) => {
                    if let Some(field) = section.field_mut("consent_purposes") {
                        let agreed = Slot::Settled("ads.match".to_owned());
                        field.source = Source::Constant(agreed);
                    }
                }
                // Who did not agree is not used, and nobody else is in the file.
                Some(false) => {}
                None => return Err(Unclear(Text::new("map-unclear-yes-no"))),
            },
            About::Constant(name) => {
                if let Some(field) = section.field_mut(name) {
                    field.source = Source::Constant(Slot::Settled(answer.to_owned()));
                }
            }
            About::Alike => match (yes_or_no(answer), tag) {
                (Some(true), _) => section.row_prefix = None,
                (Some(false), Some(tag)) => {
                    section.row_prefix = Some(Slot::Settled(format!("{tag}:")));
                }
                _ => return Err(Unclear(Text::new("map-unclear-yes-no"))),
            },
            About::Dates => section.settle_dates(answer)?,
            About::Zone => {
                let zone = TimeZoneDatabase::bundled().get(answer).ok();
                let name = zone.as_ref().and_then(|zone| zone.iana_name());
                let Some(name) = name else { return Err(Unclear(Text::new("map-unclear-zone"))) };
                section.zone = Some(Slot::Settled(name.to_owned()));
            }
            About::Region => {
                let code = answer.to_ascii_uppercase();
                let known = normalize::Country::from_code(&code);
                let Some(known) = known else {
                    return Err(Unclear(Text::new("map-unclear-region")));
                };
                section.region = Some(Slot::Settled(known.as_str().to_owned()));
            }
            About::Encoding => {
                let known = tabular::Encoding::parse(answer);
                let Some(known) = known else {
                    return Err(Unclear(Text::new("map-unclear-encoding")));
                };
                section.encoding = Some(Slot::Settled(known.name().to_owned()));
            }
            About::Digests(field) => {
                let known = match *field {
                    "email_sha256" => normalize::EmailPrehash::parse(answer).is_some(),
                    _ => normalize::PhonePrehash::parse(answer).is_some(),
                };
                if !known {
                    return Err(Unclear(self.hint(question)));
                }
                if let Some(rule) = settled() {
                    section.digests.insert(field, rule);
                }
            }
            About::Values(_) => {}
        }
        Ok(())
    }

    /// Takes the meaning of one value.
    ///
    /// # Errors
    ///
    /// [`Unclear`] if the answer is no meaning.
    pub fn answer_value(
        &mut self,
        question: &Question,
        value: &str,
        answer: &str,
    ) -> Result<(), Unclear> {
        let About::Values(column) = &question.about else { return Ok(()) };
        let answer = answer.trim();
        let Some(section) = self.sections.get_mut(question.section) else { return Ok(()) };
        if answer.is_empty() {
            return Ok(());
        }
        // No row would object by it, and what such a person holds would stay in other rows.
        let elsewhere = section
            .field("objections")
            .filter(|field| field.source != Source::Open && field.column() != Some(column));
        if let Some(field) = elsewhere.filter(|_| answer == "3") {
            let name = shown(field.column().map_or(field.name, |column| column));
            return Err(Unclear(Text::new("map-unclear-objection").with("name", name)));
        }
        for field in section.fields.iter_mut().filter(|field| field.column() == Some(column)) {
            let ours = match (field.name, answer) {
                ("consent_purposes", "1") => Meaning::Match,
                ("consent_purposes", "2" | "3") | ("objections", "1" | "2") => Meaning::Nothing,
                ("objections", "3") => Meaning::All,
                ("consent_purposes" | "objections", _) => {
                    return Err(Unclear(Text::new("map-hint-values")));
                }
                ("evidence", _) => {
                    let known =
                        EVIDENCE_CLASSES.iter().find(|word| word.eq_ignore_ascii_case(answer));
                    let Some(word) = known else { return Err(Unclear(values(field))) };
                    Meaning::Text((*word).to_owned())
                }
                _ => Meaning::Text(answer.to_owned()),
            };
            let open = field.values.iter_mut().find(|known| known.theirs == value);
            if let Some(known) = open {
                known.ours = Slot::Settled(ours);
            }
        }
        Ok(())
    }

    /// Draws consequences of the answers: a column none of whose values is an objection holds none,
    /// and values that object without a field for it get one.
    pub fn settle(&mut self, question: &Question, objecting: &[String]) {
        let About::Values(column) = &question.about else { return };
        let Some(section) = self.sections.get_mut(question.section) else { return };
        let holds = section.field("objections").and_then(Field::column) == Some(column);
        if holds
            && section.field("objections").is_some_and(|field| {
                field.values.iter().all(|value| value.ours == Slot::Settled(Meaning::Nothing))
            })
        {
            if let Some(field) = section.field_mut("objections") {
                *field = Field::open("objections", Vec::new());
            }
            return;
        }
        let open = section.field("objections").is_some_and(|field| field.source == Source::Open);
        if objecting.is_empty() || holds || !open {
            return;
        }
        let Some(consent) = section.field("consent_purposes").cloned() else { return };
        if let Some(field) = section.field_mut("objections") {
            field.source = consent.source;
            field.values = consent.values;
            for value in &mut field.values {
                let objects = objecting.contains(&value.theirs);
                value.ours = Slot::Settled(if objects { Meaning::All } else { Meaning::Nothing });
            }
        }
    }
}

impl Section {
    /// Open parts in the order of the questions.
    fn open(&self) -> Vec<About> {
        let mut open = Vec::new();
        if self.encoding.as_ref().is_some_and(Slot::is_open) {
            open.push(About::Encoding);
        }
        if self.statement.as_ref().is_some_and(Slot::is_open) {
            open.push(About::Statement);
        }
        for field in &self.fields {
            let asks = field.values.iter().any(|value| value.ours.is_open());
            let known = |about: &About| match about {
                About::Values(column) => field.column() == Some(column),
                _ => false,
            };
            if let Some(column) = field.column()
                && asks
                && !open.iter().any(known)
            {
                open.push(About::Values(column.to_owned()));
            }
        }
        let mut columns: Vec<About> = self
            .fields
            .iter()
            .filter_map(|field| match field.source {
                Source::Open => Some(About::Column(field.name)),
                Source::Constant(Slot::Open) => Some(About::Constant(field.name)),
                _ => None,
            })
            .collect();
        // Objections are asked for before the key, as the questions are numbered.
        columns.sort_by_key(|about| *about != About::Column("objections"));
        open.extend(columns);
        let rules = self.digests.iter().filter(|(_, rule)| rule.is_open());
        open.extend(rules.map(|(field, _)| About::Digests(field)));
        if self.row_prefix.as_ref().is_some_and(Slot::is_open) {
            open.push(About::Alike);
        }
        let forms = self.fields.iter().filter_map(|field| field.dates.as_ref());
        if forms.chain(&self.dates).any(Slot::is_open) {
            open.push(About::Dates);
        }
        if self.zone.as_ref().is_some_and(Slot::is_open) {
            open.push(About::Zone);
        }
        if self.region.as_ref().is_some_and(Slot::is_open) {
            open.push(About::Region);
        }
        open
    }

    /// Takes the column of a field: its name, or its number among those to choose from.
    fn settle_column(&mut self, name: &'static str, answer: &str) -> Result<(), Unclear> {
        let Some(field) = self.field(name) else { return Ok(()) };
        let by_number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let chosen = by_number.and_then(|at| field.candidates.get(at)).cloned().or_else(|| {
            let mut all = self.columns.iter().map(|(name, _)| name);
            all.find(|column| column.trim().eq_ignore_ascii_case(answer)).cloned()
        });
        match chosen {
            Some(column) => {
                let listed = self.columns.iter().find(|(known, _)| *known == column);
                let values = match (name, listed.and_then(|(_, values)| values.clone())) {
                    ("consent_purposes", Some(values)) => values,
                    ("objections", Some(values)) => settled_objections(values),
                    // Nobody can say what each of so many values means.
                    ("consent_purposes" | "objections", None) => {
                        let many = Text::new("map-unclear-many").with("name", shown(&column));
                        return Err(Unclear(many));
                    }
                    _ => Vec::new(),
                };
                self.ignored.retain(|ignored| *ignored != column);
                self.empty.retain(|empty| *empty != column);
                if let Some(field) = self.field_mut(name) {
                    field.source = Source::Column(column);
                    field.values = values;
                }
                self.name_the_proof();
                Ok(())
            }
            None if name == "objections" => {
                if words(answer) < STATEMENT_WORDS_MIN {
                    return Err(Unclear(Text::new("map-hint-objections")));
                }
                self.fields.retain(|field| field.name != name);
                let said = match self.statement.take() {
                    Some(Slot::Settled(said)) => Slot::Settled(format!("{said} {answer}")),
                    // The first question comes before this one and was left open.
                    Some(Slot::Open) => Slot::Open,
                    None => Slot::Settled(answer.to_owned()),
                };
                self.statement = Some(said);
                Ok(())
            }
            None => Err(Unclear(Text::new("map-unclear-column").with("name", shown(answer)))),
        }
    }

    /// Names the proof of a consent by its person and its time, where no column is a proof.
    fn name_the_proof(&mut self) {
        let column = |name| self.field(name).and_then(Field::column).map(str::to_owned);
        let (id, at) = (column("row_id"), column("consent_at"));
        let Some(id) = id else { return };
        let Some(reference) = self.field_mut("consent_ref") else { return };
        let by_person_alone = reference.column() == Some(id.as_str());
        if reference.source == Source::Open || by_person_alone {
            reference.source = match at {
                Some(at) => Source::Joined(vec![id, at], "/"),
                None => Source::Column(id),
            };
        }
    }

    fn settle_dates(&mut self, answer: &str) -> Result<(), Unclear> {
        let Some((_, [day, month])) = self.either.clone() else { return Ok(()) };
        let folded = crate::names::folded(answer);
        let form = match folded.as_str() {
            "1" | "3april" | "april" | "3avril" | "avril" => day,
            "2" | "4march" | "march" | "4mars" | "mars" => month,
            _ => return Err(Unclear(Text::new("map-hint-dates"))),
        };
        let fields = self.fields.iter_mut().filter_map(|field| field.dates.as_mut());
        for open in fields.chain(&mut self.dates).filter(|form| form.is_open()) {
            *open = Slot::Settled(form.clone());
        }
        self.either = None;
        Ok(())
    }
}

/// Question 1: words that people agreed to.
pub(crate) fn statement(section: &Section) -> Text {
    let column = section.field("consent_purposes").and_then(Field::column);
    Text::new("map-question-statement")
        .with("known", if column.is_some() { "yes" } else { "no" })
        .with("column", column.map_or_else(String::new, shown))
}

/// Question 2: meaning of values.
pub(crate) fn values(field: &Field) -> Text {
    let column = field.column().map_or_else(String::new, shown);
    match field.name {
        "consent_purposes" | "objections" => {
            Text::new("map-question-values").with("column", column)
        }
        name => Text::new("map-question-words")
            .with("column", column)
            .with("name", name)
            .with("words", EVIDENCE_CLASSES.join(", ")),
    }
}

fn values_of(section: &Section, column: &str) -> Text {
    let field = section.fields.iter().find(|field| field.column() == Some(column));
    field.map_or_else(|| Text::new("map-question-values").with("column", shown(column)), values)
}

/// Questions 3 and 4, and those for other columns.
pub(crate) fn column(field: &Field) -> Text {
    match field.name {
        "objections" => Text::new("map-question-objections"),
        "row_id" => Text::new("map-question-row-id"),
        name => Text::new("map-question-column").with("name", name),
    }
}

/// Question for a text that holds of every row.
pub(crate) fn constant(field: &Field) -> Text {
    match field.name {
        "consent_notice" => Text::new("map-question-notice"),
        "consent_purposes" => Text::new("map-question-everybody"),
        name => Text::new("map-question-other").with("name", name),
    }
}

/// Question 5: customers of two files.
pub(crate) fn alike(draft: &Draft, section: &Section) -> Text {
    let other = draft.sections.first().map_or("", |first| first.tag.as_str());
    Text::new("map-question-alike").with("a", other).with("b", &section.tag)
}

/// Question 6: day and month.
pub(crate) fn dates(column: &str) -> Text {
    Text::new("map-question-dates")
        .with("known", if column.is_empty() { "no" } else { "yes" })
        .with("column", shown(column))
}

/// Question between encodings that the bytes do not settle.
pub(crate) fn encoding(section: &Section) -> Text {
    let file = section.files.first().map_or("", String::as_str);
    Text::new("map-question-encoding")
        .with("file", shown(file))
        .with("encodings", section.encodings.join(", "))
}

/// Question about the rules that made digests.
pub(crate) fn digests(section: &Section, field: &str) -> Text {
    let column = section.field(field).and_then(Field::column);
    Text::new("map-question-digests").with("column", column.map_or_else(|| field.to_owned(), shown))
}

/// A name of a column as a comment or a message shows it.
pub(crate) fn name(column: &str) -> String {
    format!("`{}`", shown(column))
}

fn numbered(texts: impl Iterator<Item = Text>) -> Vec<Text> {
    let line = |(at, text): (usize, Text)| {
        let number = report::Arg::Number(at as u64 + 1);
        Text::new("map-choice").with("number", number).with("what", text)
    };
    texts.enumerate().map(line).collect()
}

/// An answer of yes or no, in either language.
fn yes_or_no(answer: &str) -> Option<bool> {
    match answer.to_lowercase().as_str() {
        "y" | "yes" | "o" | "oui" => Some(true),
        "n" | "no" | "non" => Some(false),
        _ => None,
    }
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count()
}

const STATEMENT_WORDS_MIN: usize = 3;
