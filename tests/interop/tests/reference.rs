//! `docs/reference/commands.md` and its French twin are what the programs say of themselves.
//!
//! `VEILMATCH_WRITE_REFERENCE=1 cargo test -p interop reference::` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use crate::support::run;

/// A page of the manual: language, file, head, and the heading above the names of commands.
struct Page {
    lang: &'static str,
    file: &'static str,
    head: &'static str,
    commands: &'static str,
}

const ENGLISH: Page = Page {
    lang: "en",
    file: "docs/reference/commands.md",
    head: "\
# Commands and options

In [French](commands.fr.md).

What `--help` says for every command of the three programs, word for word; options that a program
shows beside its commands belong to each of them and are not repeated there. What the commands do in
the order of a day's work stands in the guides: [start](../start.md),
[advertiser](../operating/advertiser.md), [provider](../operating/provider.md),
[auditing](../auditing/README.md). Settings are in [node](node.md).

This page is compared with the programs by a test, and written anew by
`VEILMATCH_WRITE_REFERENCE=1 cargo test -p interop reference::`.
",
    commands: "Commands:",
};

const FRENCH: Page = Page {
    lang: "fr",
    file: "docs/reference/commands.fr.md",
    head: "\
# Commandes et options

En [anglais](commands.md).

Ce que dit `--help` de chaque commande des trois programmes, mot pour mot\u{202F}; les options qu’un
programme montre à côté de ses commandes valent pour chacune d’elles et n’y sont pas répétées. Ce
que font les commandes dans l’ordre d’une journée de travail est dans les guides, en anglais\u{A0}:
[start](../start.md), [advertiser](../operating/advertiser.md),
[provider](../operating/provider.md), [auditing](../auditing/README.md). Les réglages sont dans
[node](node.md).

Un test compare cette page aux programmes\u{202F};
`VEILMATCH_WRITE_REFERENCE=1 cargo test -p interop reference::` l’écrit de nouveau.
",
    commands: "Commandes\u{A0}:",
};

#[test]
fn pages_of_commands_are_what_the_programs_say() {
    for page in [ENGLISH, FRENCH] {
        page.compare();
    }
}

impl Page {
    fn compare(&self) {
        let mut page = self.head.to_owned();
        for program in ["advertiser-node", "provider-node", "auditor"] {
            let overview = run(program, &["--lang", self.lang, "--help"]).expect(0).stdout;
            section(&mut page, "##", program, &overview, &[]);
            let shared = options(&overview);
            for command in self.commands(&overview) {
                let arguments = [command, "--lang", self.lang, "--help"];
                let help = run(program, &arguments).expect(0).stdout;
                section(&mut page, "###", &format!("{program} {command}"), &help, &shared);
            }
        }
        let path = format!("{}/../../{}", env!("CARGO_MANIFEST_DIR"), self.file);
        if std::env::var_os("VEILMATCH_WRITE_REFERENCE").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        for (number, (written, said)) in written.lines().zip(page.lines()).enumerate() {
            assert_eq!(written, said, "line {} of {}", number + 1, self.file);
        }
        assert_eq!(written.lines().count(), page.lines().count(), "{}", self.file);
    }

    /// The names of the commands but for `help`, which says what `--help` says.
    fn commands<'a>(&self, overview: &'a str) -> Vec<&'a str> {
        let lines = overview.lines().skip_while(|line| *line != self.commands).skip(1);
        let named = lines.take_while(|line| !line.is_empty());
        let names: Vec<&str> = named
            .filter(|line| line.strip_prefix("  ").is_some_and(|rest| !rest.starts_with(' ')))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .collect();
        assert!(!names.is_empty(), "{overview}");
        names
    }
}

/// Adds what one command says, without the options `left_out`.
fn section(page: &mut String, level: &str, title: &str, help: &str, left_out: &[&str]) {
    let _ = write!(page, "\n{level} `{title}`\n\n```text\n");
    let (mut text, mut skipped) = (String::new(), false);
    for line in help.lines().map(str::trim_end) {
        if is_option(line) {
            skipped = left_out.contains(&line);
        }
        if !skipped {
            let _ = writeln!(text, "{line}");
        }
    }
    let _ = writeln!(page, "{}\n```", text.trim_end());
}

#[test]
fn help_completions_pages_of_the_manual_and_reference_have_the_same_options() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().display().to_string();
    for program in ["advertiser-node", "provider-node"] {
        run(program, &["pages", "-o", &out]).expect(0);
    }
    let example = ["run", "--quiet", "-p", "veilmatch-auditor", "--example", "pages", "--", &out];
    assert!(Command::new(env!("CARGO")).args(example).status().unwrap().success());
    let mut compared = 0;
    for page in [ENGLISH, FRENCH] {
        let reference = format!("{}/../../{}", env!("CARGO_MANIFEST_DIR"), page.file);
        let reference = std::fs::read_to_string(reference).unwrap();
        let manual = dir.path().join(if page.lang == "en" { "man1" } else { "fr/man1" });
        for program in ["advertiser-node", "provider-node", "auditor"] {
            let overview = run(program, &["--lang", page.lang, "--help"]).expect(0).stdout;
            let shared = named(&overview);
            let bash = dir.path().join(format!("completions/{program}.bash"));
            let bash = std::fs::read_to_string(bash).unwrap();
            for command in page.commands(&overview) {
                let help = run(program, &[command, "--lang", page.lang, "--help"]).expect(0).stdout;
                // Commands under a command say their own options.
                if help.contains(&format!("\n{}\n", page.commands)) {
                    continue;
                }
                let said = named(&help);
                let text = manual.join(format!("{program}-{command}.1"));
                let text = std::fs::read_to_string(text).unwrap().replace("\\-", "-");
                assert_eq!(of_text(&text), said, "page of {program} {command}");
                let label = format!(" {program}-{command})\n").replace('-', "__subcmd__");
                let (_, opts) = bash.split_once(&label).unwrap_or_else(|| panic!("{label} {bash}"));
                let (_, opts) = opts.split_once("opts=\"").unwrap();
                let (opts, _) = opts.split_once('"').unwrap();
                let completed: BTreeSet<String> = opts
                    .split_whitespace()
                    .filter(|word| word.starts_with("--"))
                    .map(str::to_owned)
                    .collect();
                assert_eq!(completed, said, "completions of {program} {command}");
                let heading = format!("### `{program} {command}`\n");
                let (_, section) = reference.split_once(&heading).unwrap();
                let section = section.split("\n### ").next().unwrap();
                let section = section.split("\n## ").next().unwrap();
                let own: BTreeSet<String> = said.difference(&shared).cloned().collect();
                let written: BTreeSet<String> =
                    named(section).difference(&shared).cloned().collect();
                assert_eq!(written, own, "reference of {program} {command}");
                compared += 1;
            }
        }
    }
    assert!(compared > 20, "{compared}");
}

/// Names of the options that a help shows.
fn named(help: &str) -> BTreeSet<String> {
    let words = options(help).into_iter().flat_map(str::split_whitespace);
    let long = words.filter(|word| word.starts_with("--"));
    long.map(|word| word.trim_end_matches(',').to_owned()).collect()
}

/// Names of the options that head an entry of a page for `man`.
fn of_text(page: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line == ".TP" {
            let entry = lines.next().unwrap_or_default().replace("\\fB", " ").replace("\\fR", " ");
            names.extend(
                entry.split([' ', ',']).filter(|word| word.starts_with("--")).map(str::to_owned),
            );
        }
    }
    names
}

/// The lines that name an option.
fn options(help: &str) -> Vec<&str> {
    help.lines().map(str::trim_end).filter(|line| is_option(line)).collect()
}

/// Explanations are indented further than the options they belong to.
fn is_option(line: &str) -> bool {
    let named = line.trim_start();
    named.starts_with('-') && line.len() - named.len() <= 6
}
