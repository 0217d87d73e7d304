//! Command lines in the language of their reader: help texts by id, and mistakes as three lines.
//!
//! Programs declare commands and options without words. The words of a command are the message
//! `help-PROGRAM-COMMAND`, those of an option or argument `help-PROGRAM-COMMAND--OPTION`; where
//! that is missing, `help-command-COMMAND` and `help-option-OPTION` serve every program. A value
//! that may be chosen is `help-value-OPTION-VALUE`.

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::builder::{PossibleValuesParser, Resettable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, Parser};

use crate::code::Code;
use crate::diagnose::Failure;
use crate::exit::Exit;
use crate::lang::{Lang, Reader};
use crate::text::Text;

/// End of a program before its command began.
#[derive(Debug)]
pub enum Unparsed {
    /// Help or the version, to be printed by its own means: asked for on standard output with
    /// status 0, in place of a missing command on standard error with status 2.
    Shown(clap::Error),
    /// A command line that makes no sense.
    Mistake(Failure),
}

impl Unparsed {
    /// Prints what there is to say, a mistake by `tell`, and returns the status to end with.
    pub fn end(self, tell: impl FnOnce(&Failure)) -> Exit {
        match self {
            Self::Shown(error) => {
                // A reader that has gone is no failure.
                let _ = error.print();
                if error.use_stderr() { Exit::Usage } else { Exit::Done }
            }
            Self::Mistake(failure) => {
                tell(&failure);
                failure.exit()
            }
        }
    }
}

/// The arguments of the process, parsed.
///
/// # Errors
///
/// [`Unparsed`] if there is nothing to carry out.
pub fn parse<C: Parser>(reader: &Reader) -> Result<C, Unparsed> {
    parse_from(std::env::args_os(), reader)
}

/// Parses these arguments; the first is the name of the program.
///
/// # Errors
///
/// [`Unparsed`] if there is nothing to carry out.
pub fn parse_from<C: Parser>(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    reader: &Reader,
) -> Result<C, Unparsed> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let parsed = command::<C>(reader)
        .try_get_matches_from_mut(&arguments)
        .and_then(|mut matches| C::from_arg_matches_mut(&mut matches));
    parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Unparsed::Shown(error),
        _ => Unparsed::Mistake(Failure::new(Code::Usage, mistake(&error, &arguments))),
    })
}

/// The command line of a program with its words in one language.
#[must_use]
pub fn command<C: CommandFactory>(reader: &Reader) -> Command {
    // The language is known before the parser runs; the option is here to be allowed and explained.
    let lang = Arg::new("lang")
        .long("lang")
        .value_name("LANG")
        .global(true)
        .value_parser(PossibleValuesParser::new(Lang::ALL.map(Lang::name)))
        // Every command has a long help, which the parser decides before it has its words.
        .long_help("lang");
    let mut command = C::command().arg(lang);
    // From here on the parser's own options and commands are there too, and get their words.
    command.build();
    let words = Words { reader, program: command.get_name().to_owned() };
    words.dress(command, &[])
}

/// Ids that the command line of a program needs and a language lacks, and messages under the name
/// of the program that no command or option has.
#[must_use]
pub fn faults<C: CommandFactory>(own: &Reader) -> Vec<String> {
    let mut faults = Vec::new();
    for lang in Lang::ALL {
        let reader = Reader { lang, ..*own };
        let mut command = command::<C>(&reader);
        command.build();
        let words = Words { reader: &reader, program: command.get_name().to_owned() };
        let mut used = Vec::new();
        words.check(&command, &[], &mut used, &mut faults);
        let own = format!("help-{}", words.program);
        let stale = ids().filter(|id| id.starts_with(&own) && !used.iter().any(|used| used == id));
        faults.extend(stale.map(|id| format!("{id}: no such command or option")));
    }
    faults
}

/// Words of one program for one reader.
struct Words<'a> {
    reader: &'a Reader,
    program: String,
}

impl Words<'_> {
    fn dress(&self, command: Command, path: &[String]) -> Command {
        let template = self.template(&command);
        let (short, long) = match is_help(path) {
            true => (self.frame("help-frame-help-command"), None),
            false => self.both(&self.ids_of_command(path)),
        };
        let mut command = command
            .about(short.clone())
            .long_about(paragraphs(&short, long, []))
            .help_template(template)
            .mut_args(|arg| self.dress_arg(arg, path));
        // The parser's own command repeats the names of the others, without their options.
        if !is_help(path) {
            command = command.mut_subcommands(|one| {
                let path = below(path, &one);
                self.dress(one, &path)
            });
        }
        command
    }

    /// Order and headings of a help page; the parser's own headings are English.
    fn template(&self, command: &Command) -> String {
        let styles = command.get_styles();
        let (usage, header) = (styles.get_usage(), styles.get_header());
        let word = self.frame("help-frame-usage");
        let mut template = format!("{{about-with-newline}}\n{usage}{word}{usage:#} {{usage}}");
        let positionals = command.get_positionals().next().is_some();
        for (is_there, id, tag) in [
            (command.has_subcommands(), "help-frame-commands", "subcommands"),
            (positionals, "help-frame-arguments", "positionals"),
            (true, "help-frame-options", "options"),
        ] {
            if is_there {
                let word = self.frame(id);
                let _ = write!(template, "\n\n{header}{word}{header:#}\n{{{tag}}}");
            }
        }
        template
    }

    fn dress_arg(&self, arg: Arg, path: &[String]) -> Arg {
        let id = arg.get_id().as_str().to_owned();
        if id == "help" {
            let id = Text::new("help-frame-help");
            let [short, long] =
                ["short", "long"].map(|length| id.clone().attribute(length).render(self.reader));
            return arg.help(short).long_help(long);
        }
        if id == "version" {
            let word = self.frame("help-frame-version");
            return arg.help(word.clone()).long_help(word);
        }
        if is_help(path) {
            let word = self.frame("help-frame-help-command");
            return arg.help(word.clone()).long_help(word);
        }
        let (short, long) = self.both(&self.ids_of_arg(path, &id));
        let default = self.default(&arg);
        let variable = arg.get_env().map(|name| {
            let name = name.to_string_lossy().into_owned();
            Text::new("help-frame-variable").with("variable", name).render(self.reader)
        });
        let values = arg.get_possible_values();
        let (names, listed) = match arg.get_action().takes_values() && !values.is_empty() {
            true => (Some(self.names(&values)), Some(self.listed(&id, &values))),
            false => (None, None),
        };
        let mut brief = short.clone();
        for word in default.iter().chain(&names) {
            let _ = write!(brief, " {word}");
        }
        // What holds for every command comes after what a command has of its own.
        let arg = if arg.is_global_set() { arg.display_order(GLOBAL_ORDER) } else { arg };
        // A variable that is empty is none.
        let arg = match arg.get_env().and_then(std::env::var_os) {
            Some(value) if value.is_empty() => arg.env(Resettable::Reset),
            _ => arg,
        };
        arg.help(brief)
            .long_help(paragraphs(&short, long, [listed, default, variable]))
            .hide_env(true)
            .hide_default_value(true)
            .hide_possible_values(true)
    }

    fn default(&self, arg: &Arg) -> Option<String> {
        let values: Vec<_> =
            arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let shown = arg.get_action().takes_values() && !values.is_empty();
        shown.then(|| {
            Text::new("help-frame-default").with("values", values.join(", ")).render(self.reader)
        })
    }

    fn names(&self, values: &[clap::builder::PossibleValue]) -> String {
        let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
        Text::new("help-frame-values").with("values", names.join(", ")).render(self.reader)
    }

    /// The values of an option, one a line, with what each of them means.
    fn listed(&self, option: &str, values: &[clap::builder::PossibleValue]) -> String {
        let width = values.iter().fold(0, |width, value| width.max(value.get_name().len()));
        let mut listed = self.frame("help-frame-values-heading");
        for value in values {
            let name = value.get_name();
            let (meaning, _) = self.both(&[id_of_value(option, name)]);
            let _ = write!(listed, "\n- {name:width$}  {meaning}");
        }
        listed
    }

    fn frame(&self, id: &'static str) -> String {
        Text::new(id).render(self.reader)
    }

    /// The first message there is, and its long form; nothing where none is.
    fn both(&self, ids: &[String]) -> (String, Option<String>) {
        let texts = ids.iter().map(|id| Text::named(id.clone()));
        let Some(text) = texts.into_iter().find(|text| text.exists(self.reader.lang)) else {
            return (String::new(), None);
        };
        let long = text.clone().attribute("long");
        let long = long.exists(self.reader.lang).then(|| long.render(self.reader));
        (text.render(self.reader), long)
    }

    fn ids_of_command(&self, path: &[String]) -> Vec<String> {
        let program = &self.program;
        match path.is_empty() {
            true => vec![format!("help-{program}")],
            false => {
                let path = path.join("-");
                vec![format!("help-{program}-{path}"), format!("help-command-{path}")]
            }
        }
    }

    fn ids_of_arg(&self, path: &[String], arg: &str) -> Vec<String> {
        let arg = arg.replace('_', "-");
        let mut ids: Vec<String> =
            self.ids_of_command(path).into_iter().map(|id| format!("{id}--{arg}")).collect();
        ids.push(format!("help-option-{arg}"));
        ids
    }

    fn check(
        &self,
        command: &Command,
        path: &[String],
        used: &mut Vec<String>,
        faults: &mut Vec<String>,
    ) {
        if is_help(path) {
            return;
        }
        let mut need = |ids: Vec<String>| {
            let found = ids.iter().find(|id| Text::named((*id).clone()).exists(self.reader.lang));
            match found {
                Some(id) => used.push(id.clone()),
                None => faults.push(format!("{}: no text of {ids:?}", self.reader.lang.name())),
            }
        };
        need(self.ids_of_command(path));
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            if ["help", "version"].contains(&id) {
                continue;
            }
            need(self.ids_of_arg(path, id));
            if arg.get_action().takes_values() {
                for value in arg.get_possible_values() {
                    need(vec![id_of_value(id, value.get_name())]);
                }
            }
        }
        for one in command.get_subcommands() {
            self.check(one, &below(path, one), used, faults);
        }
    }
}

/// Place of the options of every command in a page of help.
const GLOBAL_ORDER: usize = 500;

/// Every message, by the lines that begin one.
fn ids() -> impl Iterator<Item = &'static str> {
    let lines = crate::FILES.iter().flat_map(|(_, english, _)| english.lines());
    lines.filter_map(|line| line.split_once(" =")).map(|(id, _)| id)
}

fn id_of_value(option: &str, value: &str) -> String {
    format!("help-value-{}-{value}", option.replace('_', "-"))
}

fn below(path: &[String], command: &Command) -> Vec<String> {
    path.iter().cloned().chain([command.get_name().to_owned()]).collect()
}

/// True for the parser's own command.
fn is_help(path: &[String]) -> bool {
    path.last().is_some_and(|name| name == "help")
}

/// The short text, a full stop if more follows, and the rest in paragraphs of their own.
fn paragraphs<const N: usize>(
    short: &str,
    long: Option<String>,
    rest: [Option<String>; N],
) -> String {
    let mut text = short.to_owned();
    if long.is_some() {
        text.push('.');
    }
    for paragraph in long.into_iter().chain(rest.into_iter().flatten()) {
        let _ = write!(text, "\n\n{paragraph}");
    }
    text
}

/// A mistake on the command line, by its kind and what the parser found.
fn mistake(error: &clap::Error, arguments: &[OsString]) -> Text {
    // Nothing is an empty word.
    let found = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => word.clone(),
        Some(ContextValue::Strings(words)) => words.join(", "),
        _ => String::new(),
    };
    let mut argument = found(ContextKind::InvalidArg);
    let long = argument.split_once(' ').map_or("", |(long, _)| long);
    let of_value = matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
    if of_value && !arguments.iter().any(|one| one.to_string_lossy().starts_with(long)) {
        // A value that no argument has comes from the variable of the option.
        argument = long.replacen("--", "VEILMATCH_", 1).replace('-', "_").to_uppercase();
    }
    let (value, values) = (found(ContextKind::InvalidValue), found(ContextKind::ValidValue));
    let about = |id| Text::new(id).with("argument", &argument);
    match error.kind() {
        ErrorKind::UnknownArgument => {
            match (argument.as_str(), found(ContextKind::SuggestedArg)) {
                // Names of earlier versions.
                ("--input" | "--file", _) => about("usage-input-positional"),
                ("--out", _) => about("usage-output-now"),
                ("--accept-shared", _) => about("usage-shared-now"),
                (_, near) if near.is_empty() => about("usage-unknown-argument"),
                (_, near) => about("usage-unknown-argument-near").with("near", near),
            }
        }
        ErrorKind::InvalidSubcommand => match found(ContextKind::SuggestedSubcommand) {
            near if near.is_empty() => Text::new("usage-unknown-command"),
            near => Text::new("usage-unknown-command-near").with("near", near),
        }
        .with("argument", found(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingSubcommand => {
            Text::new("usage-no-command").with("values", found(ContextKind::ValidSubcommand))
        }
        ErrorKind::MissingRequiredArgument => {
            Text::new("usage-missing").with("arguments", argument)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if value.is_empty() => {
            about("usage-no-value")
        }
        ErrorKind::InvalidValue if !values.is_empty() => {
            about("usage-value-unknown").with("value", value).with("values", values)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            about("usage-value").with("value", value)
        }
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            about("usage-number-of-values")
        }
        ErrorKind::ArgumentConflict => match found(ContextKind::PriorArg) {
            other if other.is_empty() || other == argument => about("usage-twice"),
            other => about("usage-conflict").with("other", other),
        },
        ErrorKind::InvalidUtf8 => Text::new("usage-not-utf8"),
        _ => Text::new("usage-other"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::Subcommand;

    use super::*;

    #[derive(Debug, Parser)]
    #[command(name = "advertiser-node", version)]
    struct Cli {
        #[command(subcommand)]
        command: Commands,
    }

    #[derive(Debug, Subcommand)]
    enum Commands {
        Init {
            #[arg(long)]
            dir: PathBuf,
        },
        Check {
            #[arg(long)]
            dir: PathBuf,
            #[arg(long, conflicts_with = "rejects")]
            overwrite: bool,
            #[arg(long)]
            rejects: bool,
            #[arg(long, default_value_t = 7)]
            sample: u64,
        },
    }

    const ENGLISH: Reader = Reader { lang: Lang::En, ..Reader::LOG };
    const FRENCH: Reader = Reader { lang: Lang::Fr, ..Reader::LOG };

    fn shown(arguments: &[&str], reader: &Reader) -> (i32, String) {
        let arguments = ["advertiser-node"].iter().chain(arguments);
        match parse_from::<Cli>(arguments, reader) {
            Err(Unparsed::Shown(error)) => (error.exit_code(), error.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn told(arguments: &[&str], reader: &Reader) -> String {
        let arguments = ["advertiser-node"].iter().chain(arguments);
        match parse_from::<Cli>(arguments, reader) {
            Err(Unparsed::Mistake(failure)) => {
                assert_eq!(failure.exit().code(), 2);
                let lines = failure.lines(reader);
                assert_eq!(lines.lines().count(), 3, "{lines}");
                lines.lines().next().unwrap_or_default().to_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn help_is_of_the_language() {
        let (status, english) = shown(&["init", "--help"], &ENGLISH);
        assert_eq!(status, 0);
        let lines: Vec<&str> = english.lines().map(str::trim).collect();
        assert_eq!(
            lines[..7],
            [
                "Make a node: keys, settings, and the identity to give to providers",
                "",
                "Usage: advertiser-node init [OPTIONS] --dir <DIR>",
                "",
                "Options:",
                "--dir <DIR>",
                "Directory of the node.",
            ]
        );
        let values = lines.iter().position(|line| *line == "Possible values:").unwrap();
        assert_eq!(
            lines[values..values + 3],
            ["Possible values:", "- en  English", "- fr  French"]
        );
        let (_, french) = shown(&["--lang", "fr", "--help"], &FRENCH);
        assert!(french.starts_with("Mettre un fichier CRM en correspondance"), "{french}");
        let usage = "\nUtilisation\u{A0}: advertiser-node [OPTIONS] <COMMAND>\n";
        assert!(french.contains(usage), "{french}");
        for heading in ["\nCommandes\u{A0}:\n", "\nOptions\u{A0}:\n"] {
            assert!(french.contains(heading), "{french}");
        }
        for english in ["Print", "Usage", "Commands", "[default", "[possible"] {
            assert!(!french.contains(english), "{english} in {french}");
        }
        let (_, brief) = shown(&["check", "-h"], &FRENCH);
        assert!(brief.contains(" (par défaut\u{A0}: 7)\n"), "{brief}");
        assert_eq!(shown(&["--version"], &FRENCH).0, 0);
        let (status, help) = shown(&[], &FRENCH);
        assert_eq!(status, 2);
        assert!(help.contains("Commandes\u{A0}:"), "{help}");
    }

    #[test]
    fn mistakes_are_told_in_the_language() {
        let cases: [(&[&str], &str, &str); 11] = [
            (
                &["check", "--dir", "x", "--input", "crm.csv"],
                "error V0400: files to read are named without --input",
                "erreur V0400\u{A0}: les fichiers à lire se nomment sans --input",
            ),
            (
                &["check", "--dir", "x", "--accept-shared"],
                "error V0400: --accept-shared is called --allow now",
                "erreur V0400\u{A0}: --accept-shared s’appelle désormais --allow",
            ),
            (
                &["chek"],
                "error V0400: there is no command chek here",
                "erreur V0400\u{A0}: il n’y a pas ici de commande chek",
            ),
            (
                &["init"],
                "error V0400: missing on the command line: --dir <DIR>",
                "erreur V0400\u{A0}: il manque sur la ligne de commande\u{A0}: --dir <DIR>",
            ),
            (
                &["init", "--dri", "x"],
                "error V0400: there is no option or argument --dri here",
                "erreur V0400\u{A0}: il n’y a pas ici d’option ni d’argument --dri",
            ),
            (
                &["init", "--dir"],
                "error V0400: --dir <DIR> needs a value",
                "erreur V0400\u{A0}: --dir <DIR> demande une valeur",
            ),
            (
                &["init", "--dir", "x", "--dir", "y"],
                "error V0400: --dir <DIR> cannot stand twice",
                "erreur V0400\u{A0}: --dir <DIR> ne peut pas figurer deux fois",
            ),
            (
                &["check", "--dir", "x", "--sample", "ten"],
                "error V0400: --sample <SAMPLE> cannot be ten",
                "erreur V0400\u{A0}: --sample <SAMPLE> ne peut pas être ten",
            ),
            (
                &["check", "--dir", "x", "--rejects", "--overwrite"],
                "error V0400: --rejects cannot stand beside --overwrite",
                "erreur V0400\u{A0}: --rejects ne peut pas figurer avec --overwrite",
            ),
            (
                &["init", "--lang", "de"],
                "error V0400: --lang <LANG> cannot be de",
                "erreur V0400\u{A0}: --lang <LANG> ne peut pas être de",
            ),
            (
                &["init", "--dir", "x", "\u{1b}[2J"],
                "error V0400: there is no option or argument \\u{1b}[2J here",
                "erreur V0400\u{A0}: il n’y a pas ici d’option ni d’argument \\u{1b}[2J",
            ),
        ];
        for (arguments, english, french) in cases {
            assert_eq!(told(arguments, &ENGLISH), english);
            assert_eq!(told(arguments, &FRENCH), french);
        }
    }

    #[test]
    fn missing_and_stale_texts_are_found() {
        let faults = faults::<Cli>(&ENGLISH);
        let stale = "help-advertiser-node-run: no such command or option";
        assert!(faults.iter().any(|fault| fault == stale), "{faults:?}");
        #[derive(Debug, Parser)]
        #[command(name = "auditor")]
        struct Unknown {
            #[arg(long)]
            unheard_of: bool,
        }
        let faults = super::faults::<Unknown>(&ENGLISH);
        assert!(faults.iter().any(|fault| fault.contains("help-option-unheard-of")), "{faults:?}");
    }
}
