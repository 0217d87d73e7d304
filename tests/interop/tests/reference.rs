//! `docs/reference/commands.md` is what the programs say of themselves.
//!
//! `VEILMATCH_WRITE_REFERENCE=1 cargo test -p interop --test reference` writes it anew.

mod support;

use std::fmt::Write as _;

use support::run;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/commands.md");

const HEAD: &str = "\
# Commands and options

What `--help` says for every command of the three programs, word for word; options that a program
shows beside its commands belong to each of them and are not repeated there. What the commands do in
the order of a day's work stands in the guides: [start](../start.md),
[advertiser](../operating/advertiser.md), [provider](../operating/provider.md),
[auditing](../auditing/README.md). Settings are in [node](node.md).

This page is compared with the programs by a test, and written anew by
`VEILMATCH_WRITE_REFERENCE=1 cargo test -p interop --test reference`.
";

#[test]
fn page_of_commands_is_what_the_programs_say() {
    let mut page = HEAD.to_owned();
    for program in ["advertiser-node", "provider-node", "auditor"] {
        let overview = run(program, &["--help"]).expect(0).stdout;
        section(&mut page, "##", program, &overview, &[]);
        let shared = options(&overview);
        for command in commands(&overview) {
            let help = run(program, &[command, "--help"]).expect(0).stdout;
            section(&mut page, "###", &format!("{program} {command}"), &help, &shared);
        }
    }
    if std::env::var_os("VEILMATCH_WRITE_REFERENCE").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let written = std::fs::read_to_string(PAGE).unwrap_or_default();
    for (number, (written, said)) in written.lines().zip(page.lines()).enumerate() {
        assert_eq!(written, said, "line {} of docs/reference/commands.md", number + 1);
    }
    assert_eq!(written.lines().count(), page.lines().count(), "docs/reference/commands.md");
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

/// The lines that name an option.
fn options(help: &str) -> Vec<&str> {
    help.lines().map(str::trim_end).filter(|line| is_option(line)).collect()
}

/// Explanations are indented further than the options they belong to.
fn is_option(line: &str) -> bool {
    let named = line.trim_start();
    named.starts_with('-') && line.len() - named.len() <= 6
}

/// The names under `Commands:` but for `help`, which says what `--help` says.
fn commands(overview: &str) -> Vec<&str> {
    let lines = overview.lines().skip_while(|line| *line != "Commands:").skip(1);
    let named = lines.take_while(|line| !line.is_empty());
    let names: Vec<&str> = named
        .filter(|line| line.strip_prefix("  ").is_some_and(|rest| !rest.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(!names.is_empty(), "{overview}");
    names
}
