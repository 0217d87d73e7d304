//! Exports of tools that companies have, as a new user takes them to eligible rows: `map`, one edit
//! of the file that it writes, `check`.
//!
//! The files lie in `exports/`, made by `make.py`: the headers are the tools' own, the persons are
//! fictional. Days in them are moved to the same distance from today, because evidence of consent
//! grows too old.

use std::path::Path;

use crate::support::{Done, days_ago, node_command, programs, run, tool};

/// An advertiser's node, and exports beside it.
struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn with(names: &[&str]) -> Self {
        let desk = Self { dir: tempfile::tempdir().unwrap() };
        for name in names {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("exports").join(name);
            let bytes = std::fs::read(file).unwrap();
            std::fs::write(desk.path(name), moved(&bytes)).unwrap();
        }
        run("advertiser-node", &["init", "--dir", &desk.path("node")]).expect(0);
        desk
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Runs a program in the directory of the exports.
    fn run(&self, program: &str, args: &[&str]) -> Done {
        let output = node_command(program)
            .args(args)
            .current_dir(self.dir.path())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Done {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Edits the map as its owner would: each first text by the second.
    fn edit(&self, map: &str, answers: &[(&str, &str)]) {
        let mut text = std::fs::read_to_string(self.path(map)).unwrap();
        for (from, to) in answers {
            assert!(text.contains(from), "no {from:?} in:\n{text}");
            text = text.replace(from, to);
        }
        assert!(!text.contains("= \"?\""), "a question is open in:\n{text}");
        std::fs::write(self.path(map), text).unwrap();
    }

    /// `check` of files by a map; the numbers of the rows that are eligible and of all.
    fn eligible(&self, map: &str, files: &[&str]) -> u64 {
        let mut args = vec!["check", "--dir", "node", "--map", map, "--json", "check.json"];
        args.push("--overwrite");
        args.extend(files);
        let done = self.run("advertiser-node", &args).expect(0);
        let (_, rest) = done.stdout.split_once("rows eligible: ").expect(&done.stdout);
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }
}

/// Moves every day of 2025 and 2026 by as many days as have passed since 1 December 2026.
fn moved(bytes: &[u8]) -> Vec<u8> {
    // Of one byte a character where it is no UTF-8, so that all other bytes stay.
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let day = rest.get(..10).and_then(day_of);
        match day {
            Some((age, slashes)) => {
                let day = days_ago(age);
                let parts: Vec<&str> = day.split('-').collect();
                match slashes {
                    true => out.push_str(&format!("{}/{}/{}", parts[2], parts[1], parts[0])),
                    false => out.push_str(&day),
                }
                rest = &rest[10..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// Age of a day on 1 December 2026, and if it is written as `15/11/2026`.
fn day_of(text: &str) -> Option<(u32, bool)> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let slashes = text.get(2..3) == Some("/") && text.get(5..6) == Some("/");
    let dashes = text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let (year, month, day) = match (slashes, dashes) {
        (true, _) => (number(6, 10)?, number(3, 5)?, number(0, 2)?),
        (_, true) => (number(0, 4)?, number(5, 7)?, number(8, 10)?),
        _ => return None,
    };
    let age = days(2026, 12, 1) - days(year, month, day);
    (matches!(year, 2025 | 2026)).then(|| (u32::try_from(age).unwrap(), slashes))
}

/// Days of the calendar from some day on.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day
}

const STATEMENT: (&str, &str) = (
    "statement = \"?\"",
    "statement = \"Box 'partner advertising', text N-2026-02, names matching with providers.\"",
);
const NOTICE: (&str, &str) = ("const = \"?\"", "const = \"N-2026-02\"");
const ZONE: (&str, &str) = ("zone = \"?\"", "zone = \"Europe/Paris\"");
const NO_OBJECTIONS: (&str, &str) = ("objections = \"?\"\n", "");

/// Takes one export to eligible rows in two commands and one edit.
fn goes_through(file: &str, preset: &str, answers: &[(&str, &str)], expected: u64) {
    let desk = Desk::with(&[file]);
    let done = desk.run("advertiser-node", &["map", file]).expect(80);
    assert!(done.stdout.contains(&format!("preset {preset}")), "{}", done.stdout);
    desk.edit("crm.map.toml", answers);
    assert_eq!(desk.eligible("crm.map.toml", &[file]), expected, "{file}");
}

const SUBSCRIBED: [(&str, &str); 2] = [
    (
        "values = { NEVER_SUBSCRIBED = \"?\", SUBSCRIBED = \"?\", UNSUBSCRIBED = \"?\" }\n\n\
         [input.fields.objections]",
        "values = { NEVER_SUBSCRIBED = [], SUBSCRIBED = [\"ads.match\"], UNSUBSCRIBED = [] }\n\n\
         [input.fields.objections]",
    ),
    (
        "values = { NEVER_SUBSCRIBED = \"?\", SUBSCRIBED = \"?\", UNSUBSCRIBED = \"?\" }",
        "values = { NEVER_SUBSCRIBED = [], SUBSCRIBED = [], UNSUBSCRIBED = [\"all\"] }",
    ),
];

#[test]
fn klaviyo_goes_from_file_to_eligible_rows() {
    let [agreed, objected] = SUBSCRIBED;
    goes_through("klaviyo-2026-11-30.csv", "Klaviyo", &[STATEMENT, NOTICE, agreed, objected], 18);
}

#[test]
fn shopify_goes_from_file_to_eligible_rows() {
    let values = "values = { not_subscribed = \"?\", subscribed = \"?\", unsubscribed = \"?\" }";
    let agreed = format!("{values}\n\n[input.fields.objections]");
    let answers = [
        STATEMENT,
        NOTICE,
        (
            agreed.as_str(),
            "values = { not_subscribed = [], subscribed = [\"ads.match\"], unsubscribed = [] }\n\n\
             [input.fields.objections]",
        ),
        (values, "values = { not_subscribed = [], subscribed = [], unsubscribed = [\"all\"] }"),
    ];
    goes_through("shopify_customers.csv", "Shopify", &answers, 17);
}

#[test]
fn mailchimp_goes_from_file_to_eligible_rows() {
    let everybody =
        ("consent_purposes = { const = \"?\" }", "consent_purposes = { const = \"ads.match\" }");
    let answers = [STATEMENT, everybody, NOTICE, NO_OBJECTIONS];
    goes_through("subscribed_email_audience_export_4f3a2b1c9d.csv", "Mailchimp", &answers, 25);
}

#[test]
fn hubspot_goes_from_file_to_eligible_rows() {
    let values =
        ("values = { No = \"?\", Yes = \"?\" }", "values = { No = [], Yes = [\"ads.match\"] }");
    let answers = [STATEMENT, NOTICE, ZONE, values];
    goes_through("hubspot-crm-exports-all-contacts-2026-11-30.csv", "HubSpot", &answers, 24);
}

#[test]
fn salesforce_goes_from_file_to_eligible_rows() {
    let values = ("values = { 0 = \"?\", 1 = \"?\" }", "values = { 0 = [], 1 = [\"ads.match\"] }");
    goes_through("Contact.csv", "Salesforce", &[STATEMENT, values], 19);
}

#[test]
fn splio_goes_from_file_to_eligible_rows() {
    let values = ("values = { 0 = \"?\", 1 = \"?\" }", "values = { 0 = [], 1 = [\"ads.match\"] }");
    let answers = [STATEMENT, ZONE, values, NO_OBJECTIONS];
    goes_through("splio_contacts_20261130.csv", "Splio", &answers, 17);
}

const OPTIN: (&str, &str) =
    ("values = { NON = \"?\", OUI = \"?\" }", "values = { NON = [], OUI = [\"ads.match\"] }");

#[test]
fn a_french_crm_goes_from_file_to_eligible_rows() {
    goes_through("crm_20261130.csv", "crm-fr", &[STATEMENT, ZONE, OPTIN], 27);
}

#[test]
fn two_tools_files_are_read_in_one_run() {
    let files = ["klaviyo-2026-11-30.csv", "crm_20261130.csv"];
    let desk = Desk::with(&files);
    let tagged = ["web=klaviyo-2026-11-30.csv", "crm=crm_20261130.csv"];
    let args = [&["map", "-o", "both.toml"][..], &tagged].concat();
    let done = desk.run("advertiser-node", &args).expect(80);
    assert!(done.stdout.contains("7 questions"), "{}", done.stdout);
    let [agreed, objected] = SUBSCRIBED;
    let prefix = ("row_prefix = \"?\"", "row_prefix = \"crm:\"");
    desk.edit("both.toml", &[STATEMENT, NOTICE, agreed, objected, prefix, ZONE, OPTIN]);
    assert_eq!(desk.eligible("both.toml", &tagged), 18 + 27);
}

#[test]
fn a_map_answered_at_a_terminal_is_whole() {
    let desk = Desk::with(&["crm_20261130.csv"]);
    let program = programs().join("advertiser-node").display().to_string();
    for (lang, map, words) in [
        ("en", "en.toml", "Question 3 of 3: Times without a zone: by which place's clock?"),
        ("fr", "fr.toml", "Les heures sans fuseau sont celles de quel lieu"),
    ] {
        let line = format!("{program} map --lang {lang} -o {map} crm_20261130.csv");
        let mut child = tool("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(desk.dir.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let typed = "Case partenaires, mention MI-2026-02, nomme la mise en correspondance\n2\n1\n\
                     Europe/Paris\n";
        std::io::Write::write_all(&mut stdin, typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        let shown = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{shown}");
        assert!(shown.contains(words), "{shown}");
        assert_eq!(desk.eligible(map, &["crm_20261130.csv"]), 27);
    }
    // Comments are in the language of whoever answered; what the maps say is the same.
    let said = |map: &str| {
        let text = std::fs::read_to_string(desk.path(map)).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(said("en.toml"), said("fr.toml"));
}

#[test]
fn a_map_replaces_no_file_and_no_export() {
    let desk = Desk::with(&["Contact.csv"]);
    desk.run("advertiser-node", &["map", "Contact.csv"]).expect(80);
    let before = std::fs::read_to_string(desk.path("crm.map.toml")).unwrap();
    desk.run("advertiser-node", &["map", "Contact.csv"]).expect(73).says(&["it exists"]);
    assert_eq!(std::fs::read_to_string(desk.path("crm.map.toml")).unwrap(), before);
    let args = ["map", "--overwrite", "-o", "Contact.csv", "Contact.csv"];
    desk.run("advertiser-node", &args).expect(73);
    assert!(std::fs::read_to_string(desk.path("Contact.csv")).unwrap().starts_with("\"Id\""));
}

#[test]
fn an_export_without_a_time_of_consent_says_so() {
    let desk = Desk::with(&["shopify_admin.csv"]);
    let done = desk.run("advertiser-node", &["map", "shopify_admin.csv"]).expect(80);
    assert!(done.stdout.contains("preset Shopify"), "{}", done.stdout);
    let map = std::fs::read_to_string(desk.path("crm.map.toml")).unwrap();
    assert!(map.contains("consent_at = \"?\""), "{map}");
    assert!(map.contains("An export without it has to be made"), "{map}");
}

#[test]
fn a_refused_export_is_called_by_the_name_of_its_tool() {
    let desk = Desk::with(&["klaviyo-2026-11-30.csv"]);
    let done = desk.run("advertiser-node", &["check", "--dir", "node", "klaviyo-2026-11-30.csv"]);
    done.expect(65).says(&[
        "none of 32 columns has a name known here; it looks like Klaviyo",
        "advertiser-node map klaviyo-2026-11-30.csv",
    ]);
}

#[test]
fn a_graph_of_own_columns_is_mapped_by_the_provider() {
    let desk = Desk::with(&["graph_links.csv"]);
    desk.run("provider-node", &["map", "graph_links.csv"]).expect(80);
    let answers =
        [("region = \"?\"", "region = \"FR\""), ("order = \"?\"", "order = \"purchase\"")];
    desk.edit("graph.map.toml", &answers);
    run("provider-node", &["init", "--dir", &desk.path("graph")]).expect(0);
    let args = ["ingest", "--dir", "graph", "--map", "graph.map.toml", "graph_links.csv"];
    let done = desk.run("provider-node", &args).expect(0);
    assert!(done.stdout.contains("24 lines, 24 personas"), "{}", done.stdout);
}
