//! `ingest`: today's snapshot, and the tables of all partners.

use std::collections::BTreeMap;
use std::path::Path;

use graph::{GraphCounts, GraphRules};
use node::console::{OutputOptions, Progress, Terminal};
use node::engine::{BatchEngine, Engine};
use node::failure::Failure;
use node::world::{Clock, SystemClock};
use rights::objections::Objections;

use crate::Home;
use crate::command::object::OBJECTIONS;
use crate::namespaces::Namespaces;
use crate::partners::Partners;
use crate::publish::Published;
use crate::tables;
use crate::tenant::Tenant;

pub(crate) fn run(
    dir: &Path,
    file: &Path,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let now = SystemClock::new().now_unix();
    let day = u32::try_from(now / 86_400).unwrap_or(u32::MAX);
    let normalizer = home.config.common.normalizer();
    let before = Published::current(&home)?.map_or(0, |current| current.stored.objections());
    let objections = Objections::complete(&home.path(OBJECTIONS), &home.storage, before)?;
    let arithmetic = BatchEngine::detect();
    let rules = GraphRules {
        normalizer: &normalizer,
        source: home.config.common.source(),
        email_sha256: home.config.common.email_sha256,
        objections: &objections,
        arithmetic: &arithmetic,
        now,
    };
    let progress = Progress::new(output, terminal);
    progress.stage("ingest");
    let snapshot = Published::ingest(&home, file, &rules, day)?;
    Namespaces::learn(&home, snapshot.stored.namespaces())?;
    let engine = Engine::start(home.config.common.threads);
    let partners = Partners::load(&home)?;
    partners.keep_good();
    let mut failed = build_tables(&home, &partners, &snapshot, &engine, now, &progress);
    progress.finish();
    let counts = snapshot.stored.counts();
    terminal.line(&format!(
        "{} lines, {} personas, {} published with {} identifiers and {} digital IDs",
        counts.lines_read, counts.personas, counts.records, counts.identifiers, counts.digital_ids,
    ));
    told(counts, terminal);
    if counts.identifier_conflicts > 0 {
        terminal.line(&format!(
            "identifiers under two persons, not published: {}",
            counts.identifier_conflicts
        ));
    }
    if counts.household > 0 {
        terminal.line(&format!(
            "identifiers of households, in no table of individuals: {}",
            counts.household
        ));
    }
    if counts.surplus > 0 {
        terminal.line(&format!(
            "identifiers and digital IDs beyond what one persona may hold, left out: {}",
            counts.surplus
        ));
    }
    let ready = partners.with_tables().count().saturating_sub(failed.len());
    terminal.line(&format!("tables ready for {ready} partners"));
    for line in partners.warnings() {
        terminal.line(&line);
    }
    for (name, _) in &failed {
        terminal.line(&format!("no tables for {name}"));
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

/// Says why lines, personas and values were left out, and what their consent rests on.
fn told(counts: &GraphCounts, terminal: &Terminal) {
    let reasons = |what: &str, counts: &BTreeMap<String, u64>, first: &Numbers| {
        let listed: Vec<String> = counts
            .iter()
            .map(|(reason, count)| match first.get(reason) {
                Some(lines) => format!("{reason} {count} ({})", numbered(lines, *count)),
                None => format!("{reason} {count}"),
            })
            .collect();
        if !listed.is_empty() {
            terminal.line(&format!("{what}: {}", listed.join(", ")));
        }
    };
    reasons("lines left out", &counts.lines_dropped, &counts.first_dropped);
    reasons("personas left out", &counts.personas_dropped, &Numbers::new());
    reasons("values rejected", &counts.identifiers_rejected, &Numbers::new());
    if counts.consent.is_empty() {
        terminal.line("no columns of consent: these links are published on your own word");
        return;
    }
    let schemes: Vec<String> =
        counts.consent.iter().map(|(scheme, count)| format!("{scheme} {count}")).collect();
    terminal.line(&format!(
        "consent: {}; the form of each was checked, and not which purposes it allows",
        schemes.join(", ")
    ));
}

/// The numbers of the first lines of a reason.
fn numbered(lines: &[u64], count: u64) -> String {
    let listed: Vec<String> = lines.iter().map(u64::to_string).collect();
    let more = if count > lines.len() as u64 { ", …" } else { "" };
    let word = if count == 1 { "line" } else { "lines" };
    format!("{word} {}{more}", listed.join(", "))
}

type Numbers = BTreeMap<String, Vec<u64>>;
