//! `cargo xtask bench kernel`: the arithmetic of each backend against curve25519-dalek.
//!
//! Starts the bench `paired` of ristretto-batch, which alternates both sides in one process, and
//! relays what it prints. It is a bench there and not code here, because nothing outside the
//! kernel may touch curve25519-dalek, and because cargo builds it optimised, whatever build of
//! this program starts it. With `--native`, the rounds of two builds follow.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::native;
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
    /// Compare with curve25519-dalek's native build too, by two binaries in turns.
    #[arg(long)]
    native: bool,
}

/// Runs the measurement.
pub(crate) fn run(options: &KernelOptions) -> Result<(), String> {
    let mut command = tool::cargo(&["bench", "-p", "ristretto-batch", "--bench", "paired", "--"]);
    if options.quick {
        command.arg("--quick");
    }
    let file = options.json.as_deref().map(absolute).transpose()?;
    if let Some(file) = &file {
        command.arg("--json").arg(file);
    }
    tool::succeed(&mut command)?;
    if !options.native {
        return Ok(());
    }
    let mut report = match &file {
        Some(file) => read(file)?,
        None => Value::Object(serde_json::Map::new()),
    };
    native::run(if options.quick { ROUNDS_QUICK } else { ROUNDS }, &mut report)?;
    match &file {
        Some(file) => fs::write(file, format!("{report:#}\n")).at("write", file),
        None => Ok(()),
    }
}

/// Reads the figures that the bench has written.
fn read(file: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(file).at("read", file)?;
    serde_json::from_str(&text).at("read", file)
}

/// The file from wherever it is looked at: cargo starts a bench in the directory of its package.
fn absolute(file: &Path) -> Result<PathBuf, String> {
    std::path::absolute(file).at("find", file)
}

const ROUNDS: usize = 11;

const ROUNDS_QUICK: usize = 3;

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
