//! `init`: makes a node.

use std::path::Path;

use node::failure::Failure;
use node::telemetry::Terminal;

use crate::Home;

pub(crate) fn run(dir: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let identity = Home::create(dir)?;
    terminal.line(&format!("identity: {identity}"));
    terminal.line("");
    terminal.line("Give this line to your provider, who answers with an invitation file. Then:");
    terminal.line(&format!("  advertiser-node accept --dir {} INVITATION", dir.display()));
    Ok(())
}
