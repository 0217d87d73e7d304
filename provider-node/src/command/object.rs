//! `object`: reads a feed of objections into the node's store.

use std::path::Path;

use node::data::objections::{FeedRules, import_feed};
use node::failure::Failure;
use node::telemetry::Terminal;
use node::world::{Clock, SystemClock};

use crate::Home;

pub(crate) fn run(dir: &Path, file: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let now = SystemClock::new().now_unix();
    let normalizer = home.config.common.normalizer();
    let rules = FeedRules {
        normalizer: &normalizer,
        csv: home.config.common.csv,
        email_sha256: home.config.common.email_sha256,
    };
    let counts = import_feed(&home.path(OBJECTIONS), file, &rules, &home.storage, now)?;
    terminal.line(&format!("{} lines, {} objections new", counts.lines_read, counts.added));
    if !counts.rejected.is_empty() {
        let listed: Vec<String> =
            counts.rejected.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        terminal.line(&format!("not carried out, mend these lines: {}", listed.join(", ")));
    }
    terminal
        .line("Deliveries leave these persons out from now on; tables do from the next ingest.");
    terminal.line("The feed holds personal data: destroy it.");
    Ok(())
}

/// Directory of the store inside the node's.
pub(crate) const OBJECTIONS: &str = "objections";
