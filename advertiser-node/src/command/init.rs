//! `init`: makes a node.

use std::path::Path;

use node::console::{OutputOptions, Terminal};
use node::failure::Failure;
use report::Text;

use crate::Home;

pub(crate) fn run(dir: &Path, output: &OutputOptions, terminal: &Terminal) -> Result<(), Failure> {
    output.look_at_json()?;
    let identity = Home::create(dir)?;
    terminal.say(&Text::new("init-identity").with("identity", identity.to_string()));
    terminal.line("");
    terminal.say(&Text::new("init-next-advertiser").with("path", &dir.join("identity.txt")));
    terminal.line(&format!("  advertiser-node accept --dir {} INVITATION", dir.display()));
    Ok(())
}
