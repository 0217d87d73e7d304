//! The tables of `docs/reference/errors.md` are those of the code.
//!
//! `VEILMATCH_WRITE_REFERENCE=1 cargo test -p veilmatch-report --test manual` writes them anew.

use std::fmt::Write as _;

use report::{Code, Exit, Reader, Text};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/errors.md");

#[test]
fn page_of_errors_has_the_tables_of_the_code() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let tables = [
        ("exit statuses", statuses()),
        ("numbers from the wire", numbers(|code| !is_local(code))),
        ("numbers of one machine", numbers(is_local)),
    ];
    let mut written = page.clone();
    for (name, table) in tables {
        written = with_table(&written, name, &table);
    }
    if std::env::var_os("VEILMATCH_WRITE_REFERENCE").is_some() {
        std::fs::write(PAGE, &written).unwrap();
    } else {
        for (number, (is, should)) in page.lines().zip(written.lines()).enumerate() {
            assert_eq!(is, should, "line {} of docs/reference/errors.md", number + 1);
        }
        assert_eq!(page.lines().count(), written.lines().count(), "docs/reference/errors.md");
    }
}

/// The page with the table between the two markers of this name.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let marker = format!("<!-- table of {name}, generated -->\n");
    let (before, rest) = page.split_once(&marker).expect("the table begins with its marker");
    let (_, after) = rest.split_once(END).expect("the table ends with its marker");
    format!("{before}{marker}\n{table}\n{END}{after}")
}

/// Numbers that never cross the wire.
fn is_local(code: &Code) -> bool {
    matches!(code.number(), 0x0400 | 0x0402..=0x04FF)
        || matches!(code, Code::TooFewRows | Code::TooManyMatched)
}

fn statuses() -> String {
    let mut table = "| status | class | what to do |\n|---|---|---|\n".to_owned();
    for exit in Exit::ALL {
        let advice = exit.meaning().attribute("try");
        let advice = if exit == Exit::Done { String::new() } else { words(&advice) };
        let advice = if advice.is_empty() { advice } else { format!(" {advice}") };
        let _ = writeln!(table, "| {} | {} |{advice} |", exit.code(), words(&exit.meaning()));
    }
    table
}

/// Numbers with one meaning; rows that differ in their status alone share a line.
fn numbers(shown: impl Fn(&Code) -> bool) -> String {
    let mut table = "| number | meaning | whose move | status |\n|---|---|---|---|\n".to_owned();
    let mut rows: Vec<(String, String)> = Vec::new();
    for code in Code::ALL.iter().filter(|code| shown(code)) {
        let [meaning, whose] = [code.meaning(), code.whose().text()].map(|text| words(&text));
        let (row, status) =
            (format!("{} | {meaning} | {whose}", code.shown()), code.exit().code().to_string());
        match rows.last_mut() {
            Some((last, statuses)) if *last == row => {
                let _ = write!(statuses, ", {status}");
            }
            _ => rows.push((row, status)),
        }
    }
    rows.sort();
    for (row, status) in rows {
        let _ = writeln!(table, "| {row} | {status} |");
    }
    table
}

fn words(text: &Text) -> String {
    text.render(&Reader::LOG).replace('|', "\\|")
}

const END: &str = "<!-- end of table -->\n";
