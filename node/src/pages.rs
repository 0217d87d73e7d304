//! Completions for shells and pages for `man`, from the same command line and words as the help.

use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory, ValueEnum as _};
use clap_complete::Shell;
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
        of_command(&report::cli::command::<C>(&reader), "", &reader, &mut found);
        pages.extend(found.into_iter().map(|(name, text)| (place.join(name), text)));
    }
    for shell in Shell::value_variants() {
        let name = format!("{}.{shell}", C::command().get_name());
        pages.push((Path::new("completions").join(name), script::<C>(*shell, reader)));
    }
    let mut outputs = output.outputs();
    for (name, text) in pages {
        let path = options.output.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| unwritten(parent, &error))?;
        }
        outputs.claim(&path)?.publish_text(&text)?;
    }
    Ok(())
}

/// Adds the page of a command, and those of the commands under it.
fn of_command(command: &Command, above: &str, reader: &Reader, pages: &mut Vec<(String, String)>) {
    let name = match above {
        "" => command.get_name().to_owned(),
        above => format!("{above}-{}", command.get_name()),
    };
    pages.push((format!("{name}.1"), page(command, &name, reader)));
    below(command).for_each(|one| of_command(one, &name, reader, pages));
}

/// Commands under a command that are told of.
fn below(command: &Command) -> impl Iterator<Item = &Command> {
    let commands = command.get_subcommands();
    commands.filter(|one| !one.is_hide_set() && one.get_name() != "help")
}

/// A page, in the markup of `man`.
fn page(command: &Command, name: &str, reader: &Reader) -> String {
    let heading = |part| format!(".SH {}\n", Text::new(part).render(reader));
    let mut page = format!(".TH {} 1 \"\" \"Veilmatch {VERSION}\"\n", escaped(name));
    page.push_str(&heading("page-name"));
    let about = command.get_about().map_or_else(String::new, ToString::to_string);
    page.push_str(&format!("{} \\- {}\n", escaped(name), escaped(&about)));
    page.push_str(&heading("page-synopsis"));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.split_once(": ").map_or(usage.as_str(), |(_, usage)| usage);
    page.push_str(&format!("{}\n", escaped(usage)));
    if let Some(long) = command.get_long_about() {
        page.push_str(&heading("page-description"));
        page.push_str(&paragraphs(&long.to_string()));
    }
    let shown = |arg: &&Arg| !arg.is_hide_set();
    let (named, positional): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().filter(shown).partition(|arg| !arg.is_positional());
    // What holds for every command comes last.
    let (shared, own): (Vec<&Arg>, Vec<&Arg>) =
        named.into_iter().partition(|arg| arg.is_global_set());
    for (part, args) in
        [("page-arguments", positional), ("page-options", own.into_iter().chain(shared).collect())]
    {
        if !args.is_empty() {
            page.push_str(&heading(part));
            args.into_iter().for_each(|arg| page.push_str(&entry(arg)));
        }
    }
    if below(command).next().is_some() {
        page.push_str(&heading("page-commands"));
    }
    for one in below(command) {
        let about = one.get_about().map_or_else(String::new, ToString::to_string);
        let title = format!("{name}-{}", one.get_name());
        page.push_str(&format!(".TP\n\\fB{}\\fR(1)\n{}\n", escaped(&title), escaped(&about)));
    }
    page
}

/// An option or argument, and what it does.
fn entry(arg: &Arg) -> String {
    let bold = |text: String| format!("\\fB{}\\fR", escaped(&text));
    let short = arg.get_short().map(|short| bold(format!("-{short}")));
    let long = arg.get_long().map(|long| bold(format!("--{long}")));
    let mut title = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    let values = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    for value in values.into_iter().flatten() {
        title.push_str(&format!(" \\fI{}\\fR", escaped(value)));
    }
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let help = help.map_or_else(String::new, ToString::to_string);
    format!(".TP\n{}\n{}", title.trim_start(), paragraphs(&help))
}

/// Lines of a text, each as a line; a blank one begins a paragraph.
fn paragraphs(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        // Values of an option stand below one another.
        let list = if line.starts_with("- ") { ".br\n" } else { "" };
        lines.push_str(&format!("{list}{}\n", escaped(line)));
    }
    lines
}

/// A text without meaning to `man`.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::Output, Text::new("output-place").with("path", path).with("why", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_no_markup_but_its_own() {
        let arg = Arg::new("x").short('x').long("x-y").value_name("FILE").help(".TH\n- a\\b");
        let command = Command::new("p")
            .about("does - it")
            .arg(arg)
            .subcommand(Command::new("hidden").hide(true));
        for (lang, options) in [(Lang::En, ".SH OPTIONS\n"), (Lang::Fr, ".SH OPTIONS\n")] {
            let page = page(&command, "p", &Reader { lang, ..Reader::LOG });
            assert!(page.contains("p \\- does \\- it\n") && !page.contains("hidden"), "{page}");
            let entry = ".TP\n\\fB\\-x\\fR, \\fB\\-\\-x\\-y\\fR \\fIFILE\\fR\n";
            let help = "\\&.TH\n.br\n\\- a\\eb\n";
            assert!(page.contains(&format!("{options}{entry}{help}")), "{page}");
        }
    }
}
