//! `check`: what a CRM file holds and what a run on it will cost, before anything leaves.
//!
//! Reads the file as `run` does, with the same code, and prints counts by reason and never a value.
//! The reasons of single rows go to a file that its owner alone can read.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use crm::{
    ColumnCounts, ColumnUse, FileUse, InputCounts, InputRules, PreparedInput, RowReasons,
    SharedIdentifiers, SourceCounts, Survey, UnknownWords, Unmatchable, WidelyShared,
};
use mapping::MapDigest;
use node::console::{Object, OutputOptions, Progress, Terminal};
use node::failure::Failure;
use node::invite::Invitation;
use normalize::Reason;
use protocol::error::Bug;
use protocol::identifier::IdentifierKind;
use protocol::limits::N_MIN_DEFAULT;
use protocol::suite::{Profile, SuiteId};
use protocol::terms::LinkFilter;
use report::{Arg, Line, Text};
use serde_json::{Value, json};
use store::output::Output;
use tabular::{Input, Watched};

use super::forecast::{Forecast, decimal};
use super::run::{input_rules, normalizer};
use crate::Home;
use crate::cli::{CheckOptions, Mapped};
use crate::departures;
use crate::partner::{invitation, kinds, providers, rules_must_agree};
use crate::places::outputs;
use crate::policy::consent_max_age_days;
use crate::request::Request;

pub(crate) fn run(
    dir: &Path,
    options: &CheckOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let request = Request::parse(&options.profile, None)?;
    let home = Home::open(dir)?;
    let _lock = home.lock()?;
    let invitation = match (providers(&home).is_empty(), &options.provider) {
        (true, None) => None,
        (_, wanted) => Some(invitation(&home, wanted.as_deref())?),
    };
    let Mapped { inputs, map } = options.inputs.read(&home)?;
    let mut outputs = outputs(&home, &options.inputs.reads()?, output);
    let json = output.claim_json(&mut outputs)?;
    let rejects = options.rejects.as_deref().map(|path| outputs.claim(path)).transpose()?;
    if outputs.take_standard_output() {
        terminal.put_text_aside();
    }
    let progress = Progress::new(output, terminal);
    let started = Instant::now();
    let (rejects, watched) = (rejects.as_ref(), progress.watched());
    let slots = request.slots(invitation.as_ref());
    let survey = survey(&home, &inputs, (rejects, &watched), (invitation.as_ref(), slots))?;
    let scan_s = started.elapsed().as_secs_f64();
    let forecast = forecast(&home, invitation.as_ref(), request, &survey, scan_s, &progress);
    let (forecast, too_large) = match forecast {
        Ok(forecast) => (forecast, None),
        Err(failure) => (None, Some(failure)),
    };
    progress.finish();
    let n_min = invitation.as_ref().map_or(N_MIN_DEFAULT, |invitation| invitation.n_min);
    let agreed = match &invitation {
        Some(invitation) => rules_must_agree(&home, invitation).map(drop),
        None => Ok(()),
    };
    let refused = match survey.counts.eligible {
        0 => agreed.err().or_else(|| Some(survey.counts.empty(&inputs).into())),
        _ => agreed.err().or(too_large),
    };
    if let Some(json) = &json {
        let object = Object::done("check", output);
        let object = match &refused {
            Some(refused) => {
                object.ended("failed", refused.exit()).failed(refused, terminal.reader())
            }
            None => object,
        };
        let report = report(&survey, map.digest(), forecast.as_ref(), n_min);
        json.publish_text(&object.with(report).pretty())?;
    }
    outputs.done();
    terminal.list(map.told(&crm::SCHEMA).map(Line::of));
    terminal.list(file_lines(&survey, n_min));
    let only = providers(&home).into_iter().next().map(|(name, _)| name);
    let provider = options.provider.as_deref().or(only.as_deref());
    if let Some(forecast) = &forecast {
        terminal.list(forecast.check_lines(provider));
        terminal.list(wasted(&survey, request.profile, slots).map(Line::under));
    }
    if let Some(invitation) = invitation.as_ref().filter(|it| request.allowed_by(it).is_err()) {
        let text = Text::new("check-profile-not-invited").with("profile", request.profile.name());
        let allowed = invitation.profiles.join(", ");
        terminal.list([Line::under(text.with("allowed", allowed))]);
    }
    if let Some(rejects) = rejects {
        terminal.say(&Text::new("check-rejects").with("file", rejects.shown()));
    }
    if invitation.is_none() {
        terminal.say(&Text::new("check-no-provider"));
    }
    refused.map_or(Ok(()), Err)
}

/// Forecast of a run of this profile, if there is a row to run on.
fn forecast(
    home: &Home,
    invitation: Option<&Invitation>,
    request: Request,
    survey: &Survey,
    scan_s: f64,
    progress: &Progress,
) -> Result<Option<Forecast>, Failure> {
    if survey.counts.eligible == 0 {
        return Ok(None);
    }
    let widest = widest(survey).min(request.slots(invitation).into());
    let shape = request.shape_of(survey.counts.eligible, survey.distinct, widest)?;
    let asked = (request.profile, shape);
    Forecast::make(home, invitation, asked, scan_s, progress).map(Some)
}

/// Identifiers that a row can have at most, by the columns of its file.
fn widest(survey: &Survey) -> usize {
    survey.files.iter().map(|file| file.row_identifiers_max).fold(0, usize::max)
}

/// Columns of identifiers that cost a run something, or are there, for nothing.
fn wasted(survey: &Survey, profile: Profile, slots: u8) -> impl Iterator<Item = Text> {
    let (widest, most) = (widest(survey), usize::from(slots));
    let shuffled = profile.suite() == SuiteId::Shuffled;
    let mut texts = Vec::new();
    for (name, column) in &survey.columns {
        // Slots that a session would do without: of a row that is too wide anyway there are none.
        let narrower = widest.checked_sub(column.slots).map(|left| left.clamp(1, most));
        let saved = narrower.and_then(|narrower| widest.clamp(1, most).checked_sub(narrower));
        let costs = saved.filter(|saved| *saved > 0 && shuffled && column.is_always_empty());
        texts.extend(
            costs.map(|slots| {
                Text::new("check-column-empty").with("name", name).with("slots", slots)
            }),
        );
    }
    let not_agreed = |column: &(&String, &ColumnCounts)| {
        column.1.slots == 0 && column.1.rejected.contains_key(Reason::KindNotInTerms.code())
    };
    let unused: Vec<Text> = survey
        .columns
        .iter()
        .filter(not_agreed)
        .map(|(name, _)| Text::new("word").with("word", name))
        .collect();
    if !unused.is_empty() {
        texts.push(Text::new("check-columns-not-agreed").with("columns", Arg::List(unused)));
    }
    let beyond = Reason::IdentifierBeyondWidth.code();
    if let Some(n) = survey.counts.identifiers_rejected.get(beyond) {
        let text = Text::new("check-beyond-width").with("n", *n);
        texts.push(text.with("slots", Arg::Number(slots.into())));
    }
    texts.into_iter()
}

fn survey(
    home: &Home,
    inputs: &[Input],
    (rejects, watched): (Option<&Output>, &Watched),
    (invitation, slots): (Option<&Invitation>, u8),
) -> Result<Survey, Failure> {
    let kinds = invitation.map_or_else(all_kinds, kinds);
    let normalizer = normalizer(home, &kinds, inputs);
    let level = invitation.map_or(LinkFilter::DEFAULT, |invitation| invitation.link_filter).level;
    let max_age_days = consent_max_age_days(&home.config.guardrails, invitation);
    let departed = departures::open(home)?.departed()?;
    let rules = InputRules {
        departed: Some(&departed),
        ..input_rules(home, &normalizer, &kinds, (level, slots), max_age_days, watched)
    };
    let store = home.private_dir("inputs")?;
    let workspace = home.workspace()?;
    let read = |reasons: Option<&mut dyn RowReasons>| {
        PreparedInput::survey(inputs, &rules, &store, &home.storage, &workspace, reasons)
    };
    let Some(output) = rejects else { return Ok(read(None)?) };
    let mut done = None;
    let published = output.publish(|out| {
        let mut rejects = Rejects(csv::Writer::from_writer(out));
        rejects.0.write_record(["row_id", "line", "column", "reason"])?;
        let surveyed = done.insert(read(Some(&mut rejects)));
        rejects.0.flush()?;
        // Nothing is published of a file that could not be read to its end.
        if surveyed.is_ok() { Ok(()) } else { Err(std::io::ErrorKind::Other.into()) }
    });
    match (done, published) {
        (Some(Err(error)), _) => Err(error.into()),
        (Some(Ok(survey)), Ok(_)) => Ok(survey),
        (_, Err(error)) => Err(error.into()),
        (None, Ok(_)) => Err(Bug::invariant().into()),
    }
}

/// Writes reasons as `row_id,line,column,reason`.
struct Rejects<W: std::io::Write>(csv::Writer<W>);

impl<W: std::io::Write> RowReasons for Rejects<W> {
    fn note(
        &mut self,
        row_id: &str,
        line: u64,
        column: &str,
        reason: Reason,
    ) -> std::io::Result<()> {
        Ok(self.0.write_record([row_id, &line.to_string(), column, reason.code()])?)
    }
}

/// Every kind that a CRM file is read for.
fn all_kinds() -> Vec<u8> {
    let kinds = [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL, IdentifierKind::PHONE];
    kinds.map(IdentifierKind::code).to_vec()
}

/// Contents of the files, in lines for a person.
fn file_lines(survey: &Survey, n_min: u32) -> Vec<Line> {
    let counts = &survey.counts;
    let mut lines = Vec::new();
    for file in &survey.files {
        let form = match survey.files.len() {
            1 => Text::new("check-form"),
            _ => Text::new("check-form-of").with("file", &file.tag),
        };
        lines.push(Line::of(form.with("format", file.format)));
        lines.extend(column_lines(file));
    }
    lines.extend(row_lines(counts, &survey.unknown, n_min));
    lines.push(Line::of(Text::new("check-values").with("n", counts.values_read)));
    let rejected = shares(&counts.identifiers_rejected, counts.values_read);
    lines.push(Line::of(Text::new("check-rejected").with("reasons", rejected)));
    lines.extend(Unmatchable::find(counts).lines().map(Line::under));
    lines.extend(survey.columns.iter().map(|(name, column)| {
        let text = Text::new("check-column")
            .with("name", name)
            .with("valid", column.valid)
            .with("absent", column.absent);
        Line::under(text.with("reasons", numbers(&column.rejected)))
    }));
    let phones = counts.line_types.values().sum();
    let identifiers = Text::new("check-identifiers").with("kinds", numbers(&counts.identifiers));
    for text in [
        Text::new("check-warnings").with("reasons", numbers(&counts.warnings)),
        Text::new("check-repairs").with("reasons", numbers(&counts.repairs)),
        Text::new("check-line-types").with("kinds", shares(&counts.line_types, phones)),
        identifiers.with("distinct", survey.distinct),
        Text::new("check-eligible-with").with("kinds", numbers(&counts.eligible_with)),
        Text::new("check-shared").with("kinds", sharing(&counts.shared)),
    ] {
        lines.push(Line::of(text));
    }
    if !counts.shared_refused.is_empty() {
        let refused = sharing(&counts.shared_refused);
        lines.push(Line::of(Text::new("check-shared-refused").with("kinds", refused)));
    }
    if let Some(shared) = WidelyShared::find(counts) {
        lines.push(Line::under(shared.told()));
        lines.push(Line::under(Text::new("check-stops")));
    }
    lines
}

/// Rows that are read, left out and eligible.
fn row_lines(counts: &InputCounts, unknown: &[UnknownWords], n_min: u32) -> Vec<Line> {
    let rows = Text::new("check-rows")
        .with("read", counts.rows_read)
        .with("merged", counts.rows_merged)
        .with("rows", counts.rows);
    let left_out = Text::new("check-left-out")
        .with("consent", counts.excluded_consent)
        .with("objected", counts.excluded_optout + counts.excluded_optout_by_identifier)
        .with("unusable", counts.excluded_no_usable_identifier);
    let mut lines = vec![Line::of(rows), Line::of(left_out)];
    if !counts.rows_left_out.is_empty() {
        let reasons = numbers(&counts.rows_left_out);
        lines.push(Line::under(Text::new("check-by-reason").with("reasons", reasons)));
    }
    if counts.open_last_lines > 0 {
        let open = Text::new("check-open-last-lines").with("n", counts.open_last_lines);
        lines.push(Line::of(open));
    }
    lines.push(Line::of(Text::new("check-eligible").with("n", counts.eligible)));
    lines.extend(unknown.iter().map(|of| Line::under(of.told())));
    lines.extend(source_lines(counts));
    if counts.eligible < u64::from(n_min) {
        lines.push(Line::under(Text::new("check-too-few").with("n_min", n_min)));
    }
    lines
}

/// Columns of a file and how they are understood.
fn column_lines(file: &FileUse) -> Vec<Line> {
    let used = |column: &ColumnUse| {
        let meaning = column.meaning.clone()?;
        let text = Text::new("check-column-read").with("name", &column.name);
        Some(Line::under(text.with("meaning", meaning)))
    };
    let mut lines = vec![Line::of(Text::new("check-columns"))];
    lines.extend(file.columns.iter().filter_map(used));
    let ignored = |column: &&ColumnUse| column.meaning.is_none();
    let why = |column: &ColumnUse| match column.ignored {
        true => Text::new("word").with("word", &column.name),
        false => Text::new("check-column-unused").with("name", &column.name),
    };
    let ignored = listed(file.columns.iter().filter(ignored).map(why).collect());
    lines.push(Line::of(Text::new("check-columns-ignored").with("columns", ignored)));
    lines
}

/// Rows by source, where there are several.
fn source_lines(counts: &InputCounts) -> Vec<Line> {
    if counts.sources.len() < 2 {
        return Vec::new();
    }
    let line = |(name, of): (&String, &SourceCounts)| {
        let text = Text::new("check-source")
            .with("name", name)
            .with("read", of.rows_read)
            .with("rows", of.rows);
        Line::under(text.with("eligible", of.eligible))
    };
    let head = Line::of(Text::new("check-by-source"));
    core::iter::once(head).chain(counts.sources.iter().map(line)).collect()
}

fn sharing(by_kind: &BTreeMap<String, SharedIdentifiers>) -> Arg {
    let one = |(kind, shared): (&String, &SharedIdentifiers)| {
        let text = Text::new("kind-and-holders").with("kind", kind);
        text.with("n", shared.identifiers).with("rows", shared.rows_max)
    };
    listed(by_kind.iter().map(one).collect())
}

/// Counts by code with their shares of a total.
fn shares(counts: &BTreeMap<String, u64>, total: u64) -> Arg {
    let of = |(code, count): (&String, &u64)| {
        let share = 100.0 * *count as f64 / total.max(1) as f64;
        let text = Text::new("code-and-share").with("code", code).with("n", *count);
        text.with("share", decimal(share, 1))
    };
    listed(counts.iter().map(of).collect())
}

/// Counts by code, in the order of the codes.
fn numbers(counts: &BTreeMap<String, u64>) -> Arg {
    let one = |(code, count): (&String, &u64)| {
        Text::new("code-and-count").with("code", code).with("n", *count)
    };
    listed(counts.iter().map(one).collect())
}

fn listed(list: Vec<Text>) -> Arg {
    if list.is_empty() { Text::new("none").into() } else { Arg::List(list) }
}

fn report(
    survey: &Survey,
    map: Option<MapDigest>,
    forecast: Option<&Forecast>,
    n_min: u32,
) -> Value {
    let column = |column: &ColumnUse| {
        let ColumnUse { name, meaning, ignored } = column;
        let meaning = meaning.as_ref().map(Text::to_string);
        json!({ "name": name, "read_as": meaning, "ignored": ignored })
    };
    let file = |file: &FileUse| {
        let columns: Vec<Value> = file.columns.iter().map(column).collect();
        json!({ "tag": file.tag, "format": file.format, "columns": columns })
    };
    let files: Vec<Value> = survey.files.iter().map(file).collect();
    json!({
        "files": files,
        "map": map.map(|digest| digest.to_string()),
        "columns": survey.columns,
        "populations": survey.counts,
        "rejected": {
            "rows": survey.counts.rows_left_out,
            "values": survey.counts.identifiers_rejected,
        },
        "distinct_identifiers": survey.distinct,
        "n_min": n_min,
        "forecast": forecast.map(Forecast::json),
    })
}

#[cfg(test)]
mod tests {
    use crm::ColumnCounts;
    use report::Reader;

    use super::*;

    fn survey() -> Survey {
        let one = |code: &str, count| BTreeMap::from([(code.to_owned(), count)]);
        let shared = SharedIdentifiers { identifiers: 2, rows_max: 9 };
        let counts = InputCounts {
            rows_read: 12,
            rows_merged: 1,
            rows: 11,
            eligible: 10,
            excluded_consent: 1,
            values_read: 12,
            identifiers_rejected: one("email_no_at", 3),
            identifiers: one("email.strict", 10),
            line_types: BTreeMap::from([("fixed".to_owned(), 1), ("mobile".to_owned(), 3)]),
            shared_refused: BTreeMap::from([("phone".to_owned(), shared)]),
            shared: BTreeMap::from([("email.strict".to_owned(), shared)]),
            ..InputCounts::default()
        };
        let column =
            |name: &str, meaning, ignored| ColumnUse { name: name.into(), meaning, ignored };
        let columns = vec![
            column("email", Some(Text::new("column-email")), false),
            column("city", None, false),
            column("COMMENT", None, true),
        ];
        let files =
            vec![FileUse { tag: "crm.csv".into(), format: "csv", columns, row_identifiers_max: 1 }];
        let email = ColumnCounts { valid: 9, absent: 0, rejected: one("email_no_at", 3), slots: 2 };
        let columns = BTreeMap::from([("email".to_owned(), email)]);
        Survey { files, counts, columns, distinct: 4, unknown: Vec::new() }
    }

    fn told(lines: Vec<Line>) -> String {
        let lines = lines.iter().map(|line| line.render(&Reader::LOG));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn report_tells_what_is_used_and_what_is_left_out() {
        let text = told(file_lines(&survey(), 1_000));
        for part in [
            "  email: e-mail address",
            "form: csv",
            "columns ignored: city (not used in this version), COMMENT",
            "  email: 9 valid, 0 absent, rejected: email_no_at 3",
            "rows: 12 read, 1 merged",
            "1 without consent evidence",
            "at least 1,000 eligible rows",
            "email_no_at 3 (25.0 %)",
            "warnings: none",
            "telephone numbers by line: fixed 1 (25.0 %), mobile 3 (75.0 %)",
            "email.strict 10; 4 distinct",
            "email.strict 2 (by at most 9 rows)",
            "held by too many rows: phone 2 (by at most 9 rows)",
            "more than 0.5 %",
        ] {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
    }

    #[test]
    fn columns_that_cost_slots_for_nothing_are_named() {
        let told = |survey: &Survey, profile| {
            wasted(survey, profile, 8).map(|text| text.to_string()).collect::<Vec<_>>()
        };
        let mut survey = survey();
        let column = |slots, rejected: &[(&str, u64)]| {
            let rejected = rejected.iter().map(|(code, n)| ((*code).to_owned(), *n)).collect();
            ColumnCounts { valid: 0, absent: 10, rejected, slots }
        };
        survey.columns.insert("E-mail 4".to_owned(), column(2, &[]));
        let phone = column(0, &[("kind_not_in_terms", 7)]);
        survey.columns.insert("Tél. mobile".to_owned(), phone);
        survey.files[0].row_identifiers_max = 8;
        let lines = told(&survey, Profile::MatchRate);
        assert_eq!(
            lines,
            [
                "`E-mail 4` is always empty and costs 2 of the slots of every row",
                "not used, since the invitation does not have their kind: Tél. mobile",
            ]
        );
        // In aligned order nothing is multiplied for an empty column; nor does a row get narrower
        // that has more identifiers than slots.
        assert_eq!(told(&survey, Profile::MatchedRows).len(), 1);
        survey.files[0].row_identifiers_max = 12;
        survey.counts.identifiers_rejected.insert("identifier_beyond_width".to_owned(), 5);
        let lines = told(&survey, Profile::MatchRate);
        assert!(lines.len() == 2 && lines[1].starts_with("5 identifiers"), "{lines:?}");
    }

    #[test]
    fn machines_get_columns_reasons_and_no_forecast_without_a_row() {
        let report = report(&survey(), None, None, 1_000);
        assert_eq!(report["populations"]["shared"]["email.strict"]["rows_max"], 9);
        assert_eq!(report["rejected"]["values"]["email_no_at"], 3);
        assert_eq!(report["columns"]["email"]["valid"], 9);
        assert_eq!(report["forecast"], Value::Null);
    }
}
