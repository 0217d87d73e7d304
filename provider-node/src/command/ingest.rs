//! `ingest`: today's snapshot, and the tables of all partners.

use std::path::Path;

use node::data::graph::GraphRules;
use node::data::objections::Objections;
use node::engine::Engine;
use node::failure::Failure;
use node::telemetry::{OutputOptions, Progress, Terminal};
use node::world::{Clock, SystemClock};

use crate::Home;
use crate::command::object::OBJECTIONS;
use crate::namespaces::Namespaces;
use crate::partners::Partners;
use crate::publish::Published;
use crate::tables;

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
    let objections = Objections::all(&home.path(OBJECTIONS), &home.storage)?;
    let rules = GraphRules {
        normalizer: &normalizer,
        source: home.config.common.source(),
        email_sha256: home.config.common.email_sha256,
        objections: &objections,
    };
    let progress = Progress::new(output);
    progress.stage("ingest");
    let snapshot = Published::ingest(&home, file, &rules, day)?;
    Namespaces::learn(&home, snapshot.stored.namespaces())?;
    let engine = Engine::start(home.config.common.threads);
    let partners = Partners::load(&home)?;
    partners.keep_good()?;
    for tenant in partners.with_tables() {
        for profile in tenant.policy.profiles() {
            progress.stage_of("table", snapshot.stored.root().leaves);
            let done = |done| progress.done(done);
            tables::ensure(&home, tenant, &snapshot, profile, &engine, now, &done)?;
        }
    }
    progress.finish();
    let counts = snapshot.stored.counts();
    terminal.line(&format!(
        "{} lines, {} personas, {} published with {} identifiers and {} digital IDs",
        counts.lines_read, counts.personas, counts.records, counts.identifiers, counts.digital_ids,
    ));
    let reasons = |what: &str, counts: &std::collections::BTreeMap<String, u64>| {
        let listed: Vec<String> =
            counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        if !listed.is_empty() {
            terminal.line(&format!("{what}: {}", listed.join(", ")));
        }
    };
    reasons("lines left out", &counts.lines_dropped);
    reasons("personas left out", &counts.personas_dropped);
    reasons("values rejected", &counts.identifiers_rejected);
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
    terminal.line(&format!("tables ready for {} partners", partners.with_tables().count()));
    for line in partners.warnings() {
        terminal.line(&line);
    }
    Ok(())
}
