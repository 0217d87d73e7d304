//! `cargo xtask sample`: the files of [`sample`], written to a directory.

use std::path::PathBuf;

use clap::Args;
use sample::{Day, Flavour, Sample};

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    /// Rows of the advertiser's files.
    #[arg(long, default_value_t = 20_000)]
    rows: u64,
    /// Persons of the provider's graph.
    #[arg(long, default_value_t = 40_000)]
    persons: u64,
    /// E-mail addresses per row and per person, 1 to 3.
    #[arg(long, default_value_t = 1)]
    identifiers: u8,
    /// The same seed gives the same files.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tidiness of the data.
    #[arg(long, value_enum, default_value_t = Flavour::Dirty)]
    flavour: Flavour,
    /// The day on which the data are taken to be exported, as 2026-11-21.
    #[arg(long, default_value = "2026-11-21")]
    as_of: Day,
    /// Directory to write to.
    #[arg(long)]
    dir: PathBuf,
}

/// Writes the files and says where they lie.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let sample = Sample {
        identifiers: options.identifiers,
        flavour: options.flavour,
        as_of: options.as_of,
        ..Sample::new(options.rows, options.persons, options.seed)
    };
    let truth = sample.generate(&options.dir, &|| Ok(()))?;
    say!("{} rows, {} eligible, {} matched", truth.rows, truth.eligible, truth.matched);
    say!("{} lines of links for {} persons", truth.links, truth.persons);
    say!("{} digital IDs of the matched", truth.digital_ids_text());
    say!("written to {}", options.dir.display());
    Ok(())
}
