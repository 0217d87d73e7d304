//! `cargo xtask pages`: pages of the manual in both languages, and completions for shells.
//!
//! The programs write them from their own command lines; the auditor's come from an example beside
//! it, because the program itself stays small.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::tool::{self, Context as _, Done};

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    /// Directory for `man1/`, `fr/man1/` and `completions/`.
    #[arg(long)]
    out: PathBuf,
}

/// Writes the pages of all three programs.
pub(crate) fn run(options: &Options) -> Result<Done, String> {
    std::fs::create_dir_all(&options.out).at("create", &options.out)?;
    let out = std::path::absolute(&options.out).at("find", &options.out)?;
    let build = ["build", "--quiet", "-p", "veilmatch-advertiser-node", "-p"];
    tool::succeed(tool::cargo(&build).arg("veilmatch-provider-node"))?;
    let programs = tool::target_directory()?.join("debug");
    for program in ["advertiser-node", "provider-node"] {
        let mut command = Command::new(programs.join(program));
        tool::succeed(command.args(["pages", "--overwrite", "--mode", "644", "-o"]).arg(&out))?;
    }
    let example = ["run", "--quiet", "-p", "veilmatch-auditor", "--example", "pages", "--"];
    tool::succeed(tool::cargo(&example).arg(&out))?;
    say!("pages: {}", out.display());
    Ok(Done::Passed)
}
