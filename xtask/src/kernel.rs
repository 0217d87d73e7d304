//! `cargo xtask bench kernel`: the arithmetic of each backend against curve25519-dalek.
//!
//! Starts the bench `paired` of ristretto-batch, which alternates both sides in one process, and
//! relays what it prints. It is a bench there and not code here, because nothing outside the
//! kernel may touch curve25519-dalek, and because cargo builds it optimised, whatever build of
//! this program starts it.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::tool::{self, Context};

/// Options of `bench kernel`.
#[derive(Args)]
pub(crate) struct KernelOptions {
    /// Write medians and ratios for machines to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Take three pairs per pass instead of eleven: a look, not a figure to quote.
    #[arg(long)]
    quick: bool,
}

/// Runs the measurement.
pub(crate) fn run(options: &KernelOptions) -> Result<(), String> {
    let mut command = tool::cargo(&["bench", "-p", "ristretto-batch", "--bench", "paired", "--"]);
    if options.quick {
        command.arg("--quick");
    }
    if let Some(file) = &options.json {
        command.arg("--json").arg(absolute(file)?);
    }
    tool::succeed(&mut command)
}

/// The file from wherever it is looked at: cargo starts a bench in the directory of its package.
fn absolute(file: &Path) -> Result<PathBuf, String> {
    std::path::absolute(file).at("find", file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_file_stays_where_the_caller_is() {
        let here = std::env::current_dir().expect("a directory");
        assert_eq!(absolute(Path::new("kernel.json")), Ok(here.join("kernel.json")));
        assert!(absolute(Path::new("")).is_err());
    }
}
