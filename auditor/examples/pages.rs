//! Completions for shells and pages for `man` of the auditor, written into a directory when
//! packages are made, so that the program itself stands on no more than it needs.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use auditor::arguments::Cli;
use clap::{Command, ValueEnum as _};
use clap_complete::Shell;
use clap_mangen::Man;
use report::{Lang, Reader};

fn main() -> Result<(), Box<dyn Error>> {
    let place: PathBuf = std::env::args_os().nth(1).ok_or("name a directory")?.into();
    for lang in Lang::ALL {
        let manual = match lang {
            Lang::En => place.join("man1"),
            Lang::Fr => place.join("fr/man1"),
        };
        fs::create_dir_all(&manual)?;
        let command = report::cli::command::<Cli>(&Reader { lang, ..Reader::LOG });
        for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
            write(one.clone(), &format!("auditor-{}", one.get_name()), lang, &manual)?;
        }
        write(command, "auditor", lang, &manual)?;
    }
    let completions = place.join("completions");
    fs::create_dir_all(&completions)?;
    for shell in Shell::value_variants() {
        let mut command = report::cli::command::<Cli>(&Reader::LOG);
        let mut file = fs::File::create(completions.join(format!("auditor.{shell}")))?;
        clap_complete::generate(*shell, &mut command, "auditor", &mut file);
    }
    Ok(())
}

fn write(command: Command, name: &str, lang: Lang, place: &Path) -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    let version = env!("CARGO_PKG_VERSION");
    let command = command.name(name.to_owned()).display_name(name.to_owned()).version(version);
    Man::new(command).title(name).render(&mut bytes)?;
    // Values of an option, each on a line of its own.
    let text = String::from_utf8(bytes)?.replace("\n\\- ", "\n.br\n\\- ");
    let text = match lang {
        Lang::En => text,
        Lang::Fr => text
            .replace("\n.SH NAME\n", "\n.SH NOM\n")
            .replace("\n.SH SUBCOMMANDS\n", "\n.SH COMMANDES\n"),
    };
    Ok(fs::write(place.join(format!("{name}.1")), text)?)
}
