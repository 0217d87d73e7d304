//! `ingest`: today's snapshot, and the tables of all partners.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use graph::{GraphCounts, GraphRules, LineReasons};
use mapping::{MapDigest, MapOfCommand};
use node::console::{Object, OutputOptions, Progress, Terminal, Unit};
use node::engine::{BatchEngine, Engine};
use node::failure::Failure;
use protocol::error::Bug;
use protocol::limits::{NOISE_UNIT_DEFAULT, NOISE_UNIT_MAX};
use report::{Arg, Code, Line, Text};
use rights::objections::Objections;
use serde_json::{Value, json};
use store::os::{Clock, SystemClock};
use store::output::Output;
use tabular::write::csv_text;
use tabular::{Input, InputFile};

use crate::Home;
use crate::cli::{IngestOptions, standard_input_once};
use crate::command::invite::adds_noise;
use crate::command::object::OBJECTIONS;
use crate::namespaces::Namespaces;
use crate::partners::Partners;
use crate::publish::Published;
use crate::tables;
use crate::tenant::Tenant;

pub(crate) fn run(
    dir: &Path,
    options: &IngestOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let files = options.files.iter().map(|file| InputFile::from_argument(file.as_os_str()));
    let files: Vec<InputFile> = files.collect();
    standard_input_once(&files)?;
    let mut outputs = output.outputs();
    let parts = tabular::parts::expand(&files)?;
    let read = parts.iter().map(|file| &file.path).chain(&options.map);
    read.for_each(|path| outputs.reads(path));
    let rejects = options.rejects.as_deref().map(|path| outputs.claim(path)).transpose()?;
    let json_file = output.claim_json(&mut outputs)?;
    if outputs.take_standard_output() {
        terminal.put_text_aside();
    }
    let path = home.map(options.map.as_deref());
    let pinned = home.config.common.map_digest;
    let map = MapOfCommand::open(path.as_deref(), pinned, &graph::SCHEMA)?;
    let inputs = map.inputs(&files)?;
    let now = SystemClock::new().now_unix();
    let day = u32::try_from(now / 86_400).unwrap_or(u32::MAX);
    let normalizer = home.config.common.normalizer();
    let before = Published::current(&home)?.map_or(0, |current| current.stored.objections());
    let objections = Objections::complete(&home.path(OBJECTIONS), &home.storage, before)?;
    let arithmetic = BatchEngine::detect();
    let progress = Progress::new(output, terminal);
    let rules = GraphRules {
        normalizer: &normalizer,
        objections: &objections,
        arithmetic: &arithmetic,
        now,
        watched: &progress.watched(),
        map: map.digest().map(|digest| *digest.as_bytes()),
    };
    let snapshot = publish(&home, &inputs, &rules, day, rejects.as_ref())?;
    Namespaces::learn(&home, snapshot.stored.namespaces())?;
    let engine = Engine::start(home.config.common.threads);
    let partners = Partners::read(&home)?;
    partners.keep_good();
    let mut failed = build_tables(&home, &partners, &snapshot, &engine, now, &progress);
    progress.finish();
    let counts = snapshot.stored.counts();
    let read = Text::new("ingest-counts")
        .with("lines", counts.lines_read)
        .with("personas", counts.personas)
        .with("published", counts.records)
        .with("identifiers", counts.identifiers)
        .with("ids", counts.digital_ids);
    terminal.list(map.told(&graph::SCHEMA).map(Line::of));
    terminal.say(&read);
    told(counts, terminal);
    if let Some(rejects) = &rejects {
        terminal.say(&Text::new("ingest-rejects").with("file", rejects.shown()));
    }
    for (id, n) in [
        ("ingest-conflicts", counts.identifier_conflicts),
        ("ingest-household", counts.household),
        ("ingest-surplus", counts.surplus),
        ("ingest-ids-objected", counts.ids_objected),
    ] {
        if n > 0 {
            terminal.say(&Text::new(id).with("n", n));
        }
    }
    let noisy = partners.with_tables().map(|tenant| &tenant.policy);
    let noisy = noisy.filter(|policy| adds_noise(policy));
    let mut units: BTreeSet<u8> = noisy.map(|policy| policy.noise_unit).collect();
    if units.is_empty() {
        units.insert(NOISE_UNIT_DEFAULT);
    }
    terminal.list(units.into_iter().filter_map(|unit| persons_above(counts, unit)).map(Line::of));
    if counts.largest_subject > SUBJECT_USUAL {
        terminal.say(&Text::new("ingest-large-subject").with("n", counts.largest_subject));
    }
    let ready = partners.with_tables().count().saturating_sub(failed.len());
    terminal.say(&Text::new("ingest-tables").with("n", ready));
    terminal.list(partners.warnings());
    for (name, _) in &failed {
        terminal.say(&Text::new("ingest-no-tables").with("partner", name));
    }
    if let Some(file) = json_file.filter(|_| failed.is_empty()) {
        let body = report(&snapshot, map.digest(), ready);
        file.publish_text(&Object::done("ingest", output).with(body).pretty())?;
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(failed.swap_remove(0).1),
    }
}

/// Persons of whom a snapshot has more identifiers than noise is made for, if there are any.
pub(crate) fn persons_above(counts: &GraphCounts, unit: u8) -> Option<Text> {
    let persons = counts.persons_above(unit);
    let text = Text::new("persons-above-unit").with("n", persons).with("unit", u64::from(unit));
    (persons > 0).then(|| text.with("most", u64::from(NOISE_UNIT_MAX)))
}

/// References that one person may well have.
const SUBJECT_USUAL: u64 = 20;

/// Counts of an ingest for machines, and the map by which the files were read.
fn report(snapshot: &Published, map: Option<MapDigest>, ready: usize) -> Value {
    let counts = snapshot.stored.counts();
    json!({
        "map": map.map(|digest| digest.to_string()),
        "lines": counts.lines_read,
        "dropped": counts.lines_dropped,
        "personas": counts.personas,
        "published": counts.records,
        "identifiers": counts.identifiers,
        "rejected": counts.identifiers_rejected,
        "digital_ids": counts.digital_ids,
        "persons_by_identifiers": counts.persons_by_identifiers,
        "largest_subject": counts.largest_subject,
        "partners_ready": ready,
    })
}

/// Makes graph files the snapshot of `day`, and writes what is left out of it.
fn publish(
    home: &Home,
    inputs: &[Input],
    rules: &GraphRules<'_>,
    day: u32,
    rejects: Option<&Output>,
) -> Result<Published, Failure> {
    let Some(output) = rejects else {
        return Published::ingest(home, inputs, rules, day, None);
    };
    let mut done = None;
    let written = output.publish(|out| {
        let mut rejects = Rejects(BufWriter::new(out));
        rejects.0.write_all(b"source,line,column,reason\n")?;
        let published = Published::ingest(home, inputs, rules, day, Some(&mut rejects));
        rejects.0.flush()?;
        // The reasons are wanted most where no link is left; of a file that could not be read to
        // its end they are not all.
        let whole = match done.insert(published) {
            Ok(_) => true,
            Err(failure) => failure.code() == Code::NoUsableRow,
        };
        if whole { Ok(()) } else { Err(ErrorKind::Other.into()) }
    });
    match (done, written) {
        (Some(Err(failure)), _) => Err(failure),
        (Some(Ok(snapshot)), Ok(_)) => Ok(snapshot),
        (_, Err(error)) => Err(error.into()),
        (None, Ok(_)) => Err(Bug::invariant().into()),
    }
}

/// Writes reasons as `source,line,column,reason`.
struct Rejects<W>(W);

impl<W: Write> LineReasons for Rejects<W> {
    fn note(&mut self, source: &str, line: u64, column: &str, reason: &str) -> io::Result<()> {
        let column = if column.is_empty() { "".into() } else { csv_text(column) };
        writeln!(self.0, "{},{line},{column},{reason}", csv_text(source))
    }
}

/// Builds the tables of every partner; what fails for one leaves those of the others.
fn build_tables(
    home: &Home,
    partners: &Partners,
    snapshot: &Published,
    engine: &Engine,
    now: u64,
    progress: &Progress,
) -> Vec<(String, Failure)> {
    let build = |tenant: &Tenant| {
        tenant.policy.served_profiles().into_iter().try_for_each(|profile| {
            let identifiers = snapshot.stored.root().leaves;
            progress.stage_of("table", Unit::Identifiers, Some(identifiers));
            let done = |done| progress.done(done);
            // The service prepares further ones while it serves.
            tables::ensure(home, tenant, snapshot, (profile, 1), engine, now, &done)
        })
    };
    let failure = |tenant: &Tenant| Some((tenant.name.clone(), build(tenant).err()?));
    partners.with_tables().filter_map(failure).collect()
}

/// Tells the reasons why lines, personas and values were left out, and the consent of the others.
fn told(counts: &GraphCounts, terminal: &Terminal) {
    let reasons = |id, counts: &BTreeMap<String, u64>, first: &Numbers| {
        let listed: Vec<Text> = counts
            .iter()
            .map(|(reason, count)| match first.get(reason) {
                Some(lines) => numbered(reason, lines, *count),
                None => counted(reason, *count),
            })
            .collect();
        if !listed.is_empty() {
            terminal.say(&Text::new(id).with("reasons", Arg::List(listed)));
        }
    };
    reasons("ingest-lines-left", &counts.lines_dropped, &counts.first_dropped);
    reasons("ingest-personas-left", &counts.personas_dropped, &Numbers::new());
    reasons("ingest-values-rejected", &counts.identifiers_rejected, &Numbers::new());
    reasons("ingest-warnings", &counts.warnings, &Numbers::new());
    if counts.consent.is_empty() {
        terminal.say(&Text::new("ingest-no-consent"));
        return;
    }
    let schemes = counts.consent.iter().map(|(scheme, count)| counted(scheme, *count));
    let schemes = Arg::List(schemes.collect());
    terminal.say(&Text::new("ingest-consent").with("schemes", schemes));
}

fn counted(code: &str, count: u64) -> Text {
    Text::new("code-and-count").with("code", code).with("n", count)
}

/// A reason with the numbers of its first lines.
fn numbered(reason: &str, lines: &[u64], count: u64) -> Text {
    let listed: Vec<String> = lines.iter().map(u64::to_string).collect();
    Text::new("ingest-reason")
        .with("code", reason)
        .with("n", count)
        .with("lines", Arg::Word(listed.join(", ")))
        .with("more", if count > lines.len() as u64 { "yes" } else { "no" })
}

type Numbers = BTreeMap<String, Vec<u64>>;

#[cfg(test)]
mod tests {
    use protocol::group::Portable;
    use store::output::Outputs;

    use super::*;

    const NOW: u64 = 1_796_040_000;

    fn ingest(lines: &str) -> (Result<Published, Failure>, Option<String>) {
        let dir = tempfile::tempdir().unwrap();
        Home::create(&dir.path().join("p")).unwrap();
        let home = Home::open(&dir.path().join("p")).unwrap();
        let file = dir.path().join("links.csv");
        let header = "person_ref,persona_ref,type,value,id_type,id_namespace,id_value,evidence,day";
        std::fs::write(&file, format!("{header}\n{lines}")).unwrap();
        let rules = GraphRules {
            normalizer: &home.config.common.normalizer(),
            objections: &Objections::none(&home.storage).unwrap(),
            arithmetic: &Portable,
            now: NOW,
            watched: &tabular::Watched::default(),
            map: None,
        };
        let left = dir.path().join("left.csv");
        let output = Outputs::new(false).claim(&left).unwrap();
        let inputs = [Input::own(&file)];
        let published = publish(&home, &inputs, &rules, 20_787, Some(&output));
        (published, std::fs::read_to_string(&left).ok())
    }

    #[test]
    fn lines_and_values_that_are_left_out_are_written_with_their_reasons() {
        let line = |value: &str, day: &str| {
            format!("P,A,email,{value},cookie,a.example,value-001,login,{day}\n")
        };
        let good = line("one@exemple.fr", "2026-11-01");
        let bad = [line("no address", "2026-11-01"), line("two@exemple.fr", "hier")].concat();
        let left = "source,line,column,reason\nlinks.csv,3,value,email_no_at\n\
                    links.csv,4,,day_malformed\n";
        let (published, written) = ingest(&format!("{good}{bad}"));
        assert_eq!(published.unwrap().stored.counts().records, 1);
        assert_eq!(written.as_deref(), Some(left));
        // Where no link is left they are wanted most.
        let (refused, written) = ingest(&bad);
        assert_eq!(refused.unwrap_err().code(), Code::NoUsableRow);
        assert_eq!(written.unwrap().lines().count(), 3);
        // A file that cannot be read to its end has no list that is whole.
        let (refused, written) = ingest(&format!("{good}{bad}P,\"A"));
        assert_eq!(refused.unwrap_err().code(), Code::InputForm);
        assert_eq!(written, None);
    }
}
