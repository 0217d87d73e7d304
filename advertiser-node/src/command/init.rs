//! `init`: makes a node.

use std::path::Path;

use node::console::Terminal;
use node::failure::Failure;

use crate::Home;

pub(crate) fn run(dir: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let identity = Home::create(dir)?;
    terminal.line(&format!("identity: {identity}"));
    terminal.line("");
    let file = dir.join("identity.txt");
    terminal.line(&format!("Next: send {} to your provider, then", file.display()));
    terminal.line(&format!("  advertiser-node accept --dir {} INVITATION", dir.display()));
    Ok(())
}
