//! Completions for shells and pages for `man`, from the same command line and words as the help.

use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory, ValueEnum as _};
use clap_complete::Shell;
use clap_mangen::Man;
use report::{Code, Failure, Lang, Reader, Text};

use crate::console::OutputOptions;

/// Option of `completions`.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct CompletionsOptions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Option of `pages`, which packages are made with.
#[derive(Debug, Clone, clap::Args)]
pub struct PagesOptions {
    /// Directory of the pages.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// The completions of a program for one shell.
#[must_use]
pub fn completions<C: CommandFactory>(options: CompletionsOptions, reader: &Reader) -> String {
    script::<C>(options.shell, reader)
}

fn script<C: CommandFactory>(shell: Shell, reader: &Reader) -> String {
    let mut command = report::cli::command::<C>(reader);
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes the pages of a program and its commands in both languages, and the completions for every
/// shell, into a directory.
///
/// # Errors
///
/// [`Code::Output`] for what cannot be written.
pub fn write<C: CommandFactory>(
    options: &PagesOptions,
    output: &OutputOptions,
    reader: &Reader,
) -> Result<(), Failure> {
    let mut pages = Vec::new();
    for lang in Lang::ALL {
        let reader = Reader { lang, ..*reader };
        let place = match lang {
            Lang::En => PathBuf::from("man1"),
            Lang::Fr => PathBuf::from("fr/man1"),
        };
        let mut found = Vec::new();
        of_command(report::cli::command::<C>(&reader), "", lang, &mut found)?;
        pages.extend(found.into_iter().map(|(name, text)| (place.join(name), text)));
    }
    for shell in Shell::value_variants() {
        let name = format!("{}.{shell}", C::command().get_name());
        pages.push((Path::new("completions").join(name), script::<C>(*shell, reader)));
    }
    let mut outputs = output.outputs();
    for (name, text) in pages {
        let path = options.output.join(name);
        let parent = path.parent().unwrap_or(&options.output);
        std::fs::create_dir_all(parent).map_err(|error| unwritten(parent, &error))?;
        outputs.claim(&path)?.publish_text(&text)?;
    }
    Ok(())
}

/// Adds the page of a command, and those of the commands under it.
fn of_command(
    command: Command,
    above: &str,
    lang: Lang,
    pages: &mut Vec<(String, String)>,
) -> Result<(), Failure> {
    let name = match above {
        "" => command.get_name().to_owned(),
        above => format!("{above}-{}", command.get_name()),
    };
    let shown = |one: &&Command| !one.is_hide_set() && one.get_name() != "help";
    let below: Vec<Command> = command.get_subcommands().filter(shown).cloned().collect();
    let page = page(command, &name, lang)?;
    pages.push((format!("{name}.1"), page));
    below.into_iter().try_for_each(|one| of_command(one, &name, lang, pages))
}

/// One page; its headings are in the language of the texts, which the library does not speak.
fn page(command: Command, name: &str, lang: Lang) -> Result<String, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let mut bytes = Vec::new();
    Man::new(command.name(name.to_owned()).display_name(name.to_owned()).version(version))
        .title(name)
        .render(&mut bytes)
        .map_err(|error| unwritten(Path::new(name), &error))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let heading = |line: &str| match (lang, line.strip_prefix(".SH ")) {
        (Lang::Fr, Some("NAME")) => ".SH NOM\n".to_owned(),
        (Lang::Fr, Some("SUBCOMMANDS")) => ".SH COMMANDES\n".to_owned(),
        // Values of an option, each on a line of its own.
        _ if line.starts_with("\\- ") => format!(".br\n{line}\n"),
        _ => format!("{line}\n"),
    };
    Ok(text.lines().map(heading).collect())
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::Output, Text::new("output-place").with("path", path).with("why", error))
}
