//! `init`: makes a node.

use std::path::Path;

use node::console::Terminal;
use node::failure::Failure;

use crate::Home;

pub(crate) fn run(dir: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let identity = Home::create(dir)?;
    terminal.line(&format!("identity: {identity}"));
    terminal.line("");
    terminal.line("Next: read a graph, and invite an advertiser by the identity.txt of its node.");
    terminal.line(&format!("  provider-node ingest --dir {} flat_links.csv", dir.display()));
    Ok(())
}
