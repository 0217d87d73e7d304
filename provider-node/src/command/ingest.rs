//! `ingest`: today's snapshot, and the tables of all partners.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use graph::{GraphCounts, GraphRules};
use node::console::{OutputOptions, Progress, Terminal};
use node::engine::{BatchEngine, Engine};
use node::failure::Failure;
use node::program::only;
use report::{Arg, Text};
use rights::objections::Objections;
use store::os::{Clock, SystemClock};
use tabular::{Input, InputFile, parts};

use crate::Home;
use crate::cli::IngestOptions;
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
    output.look_at_json()?;
    let file = only(&options.files)?;
    let now = SystemClock::new().now_unix();
    let day = u32::try_from(now / 86_400).unwrap_or(u32::MAX);
    let normalizer = home.config.common.normalizer();
    let before = Published::current(&home)?.map_or(0, |current| current.stored.objections());
    let objections = Objections::complete(&home.path(OBJECTIONS), &home.storage, before)?;
    let arithmetic = BatchEngine::detect();
    let rules = GraphRules {
        normalizer: &normalizer,
        objections: &objections,
        arithmetic: &arithmetic,
        now,
    };
    let progress = Progress::new(output, terminal);
    progress.stage("ingest");
    let reading = Arc::new(home.config.common.reading(&graph::SCHEMA));
    let input = |file| Input { file, reading: Arc::clone(&reading) };
    let files = parts::expand(&[InputFile::new(file)])?;
    let inputs: Vec<Input> = files.into_iter().map(input).collect();
    let snapshot = Published::ingest(&home, &inputs, &rules, day)?;
    Namespaces::learn(&home, snapshot.stored.namespaces())?;
    let engine = Engine::start(home.config.common.threads);
    let partners = Partners::load(&home)?;
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
    terminal.say(&read);
    told(counts, terminal);
    for (id, n) in [
        ("ingest-conflicts", counts.identifier_conflicts),
        ("ingest-household", counts.household),
        ("ingest-surplus", counts.surplus),
    ] {
        if n > 0 {
            terminal.say(&Text::new(id).with("n", n));
        }
    }
    let ready = partners.with_tables().count().saturating_sub(failed.len());
    terminal.say(&Text::new("ingest-tables").with("n", ready));
    terminal.list(partners.warnings());
    for (name, _) in &failed {
        terminal.say(&Text::new("ingest-no-tables").with("partner", name));
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(failed.swap_remove(0).1),
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
        tenant.policy.profiles().into_iter().try_for_each(|profile| {
            progress.stage_of("table", snapshot.stored.root().leaves);
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
