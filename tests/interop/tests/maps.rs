//! Maps at the command line: read, pinned, told, and kept with what was read by them.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::{Done, Pair, borrowed, days_ago, links, node_command, numbered, run};

/// The worked examples of the reference, as it shows them.
fn examples() -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/map.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    blocks.map(|(block, _)| block.to_owned()).filter(|block| block.contains("[[input]]")).collect()
}

/// An advertiser's node of its own.
struct Node {
    dir: tempfile::TempDir,
}

impl Node {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let node = Self { dir };
        node.run(&["init"]).expect(0);
        node
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn run(&self, args: &[&str]) -> Done {
        run("advertiser-node", &[args, &["--dir", &self.path("a")]].concat())
    }

    fn check(&self, args: &[&str]) -> Done {
        let json = self.path("report.json");
        let rejects = self.path("rejects.csv");
        let outputs = ["--json", &json, "--rejects", &rejects, "--overwrite"];
        self.run(&[&["check"], args, &outputs].concat())
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path("report.json")).unwrap()).unwrap()
    }

    /// Adds settings in front of those that `init` wrote.
    fn set(&self, lines: &str) {
        let settings = self.path("a/advertiser.toml");
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, format!("{lines}\n{text}")).unwrap();
    }
}

fn klaviyo() -> String {
    let time = format!("{} 10:14:00", days_ago(100));
    let mut text = "Email,Klaviyo ID,First Name,Phone Number,Email Marketing Consent,\
                    Email Marketing Consent Timestamp\n"
        .to_owned();
    for (id, consent) in
        [("01", "SUBSCRIBED"), ("02", " subscribed"), ("03", "UNSUBSCRIBED"), ("04", "PENDING")]
    {
        let _ = writeln!(text, "k.{id}@exemple.fr,{id},Jane,,{consent},{time}");
    }
    text
}

fn crm() -> Vec<u8> {
    let day = days_ago(50);
    let [year, month, date] = [&day[..4], &day[5..7], &day[8..]];
    let mut text = "N° client;Civilité;Nom;Prénom;Ville;E-mail 1;E-mail 2;E-mail 3;E-mail 4;\
                    Tél. mobile;Tél. domicile;Tél. bureau;Pays;Code postal;Optin partenaires;\
                    Date optin;Version mentions;Opposition;Segments;Date maj\n"
        .to_owned();
    for (id, optin, opposition) in
        [("1", "OUI", "NON"), ("2", "oui", ""), ("3", "NON", "NON"), ("4", "OUI", "peut-être")]
    {
        let _ = writeln!(
            text,
            "{id};M.;Modèle;Zoé;Lyon;c.{id}@exemple.fr;;d.{id}@exemple.fr;;;;;FR;69001;{optin};\
             {date}/{month}/{year};MI-2026-02;{opposition};a,b;{date}/{month}/{year} 08:30"
        );
    }
    // Every character of this text is one byte in cp1252, with the same number.
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

#[test]
fn both_worked_examples_of_the_reference_make_one_run() {
    let node = Node::new();
    let examples = examples();
    assert_eq!(examples.len(), 2);
    let both = format!("{}{}", examples[0], examples[1].replace("map = 1\n", ""));
    let map = node.write("both.map.toml", both);
    let web = format!("web={}", node.write("export.csv", klaviyo()));
    let crm = node.write("crm_20261130.csv", crm());
    let done = node.check(&["--map", &map, &web, &crm]).expect(0);
    assert!(done.stdout.contains("rows eligible: 4"), "{}", done.stdout);
    let report = node.report();
    let digest = report["map"].as_str().unwrap();
    assert_eq!(digest.len(), 64);
    let told =
        format!("map {}, consent by `Email Marketing Consent`, `Optin partenaires`", &digest[..16]);
    assert!(done.stdout.contains(&told), "{}", done.stdout);
    assert!(!done.stdout.contains(digest), "people read 16 digits");
    assert_eq!(report["files"][0]["tag"], "web");
    assert_eq!(report["files"][1]["tag"], "crm", "the section's, since the operator gave none");
    // What is not listed lets no row through: no consent, and an objection.
    let rejects = std::fs::read_to_string(node.path("rejects.csv")).unwrap();
    for left in [
        "kl:03,4,,row_optout",
        "kl:04,5,,objection_value_unknown",
        "3,4,,row_no_consent",
        "4,5,,objection_value_unknown",
    ] {
        assert!(rejects.contains(left), "{left} {rejects}");
    }
}

#[test]
fn a_file_that_no_section_fits_is_refused() {
    let node = Node::new();
    let examples = examples();
    let both = format!("{}{}", examples[0], examples[1].replace("map = 1\n", ""));
    let map = node.write("both.map.toml", both);
    let other = node.write("other.csv", klaviyo());
    let refused = node.check(&["--map", &map, &other]).expect(65);
    refused.says(&["no section of the map fits", "other.csv", "TAG=FILE"]);
    node.check(&["--map", &map, &format!("web={other}")]).expect(0);
}

#[test]
fn faults_and_open_questions_are_told_together_before_anything_is_read() {
    let node = Node::new();
    let open = examples()[1]
        .replace("zone = \"Europe/Paris\"", "zone = \"?\"")
        .replace("OUI = [\"ads.match\"]", "OUI = \"?\"")
        .replace("region = \"FR\"", "regoin = \"FR\"");
    let map = node.write("crm.map.toml", open);
    let absent = node.path("absent.csv");
    let refused = node.check(&["--map", &map, &absent]).expect(78).says(&[
        "V0439",
        "1 fault, 2 open questions",
        "`regoin` is no key of an input; did you mean `region`?",
        "Times without a zone: by which place's clock?",
        "What does each value of `Optin partenaires` mean?",
    ]);
    assert!(!refused.stderr.contains("absent.csv"), "{}", refused.stderr);

    // Every fault by itself, with its file and line, where the settings name the map.
    std::fs::copy(&map, node.path("a/crm.map.toml")).unwrap();
    node.set("map = \"crm.map.toml\"");
    let json = node.path("config.json");
    node.run(&["check-config", "--json", &json]).expect(78);
    let told: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let faults = told["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 3, "{told:#}");
    assert!(faults.iter().all(|fault| fault["file"] == "crm.map.toml" && fault["line"].is_u64()));
}

#[test]
fn option_goes_before_variable_before_setting() {
    let node = Node::new();
    let file = node.write("crm.csv", "id|mail\n1|a@exemple.fr\n");
    let settings = node.write("a/settings.map.toml", "map = 1\n[[input]]\nsetting = 1\n");
    let variable = node.write("variable.map.toml", "map = 1\n[[input]]\nvariable = 1\n");
    let option = node.write("option.map.toml", "map = 1\n[[input]]\noption = 1\n");
    node.set("map = \"settings.map.toml\"");
    let by = |env: Option<&str>, args: &[&str]| {
        let mut command = node_command("advertiser-node");
        command.args(["check", "--dir", &node.path("a"), &file]).args(args);
        if let Some(map) = env {
            command.env("VEILMATCH_MAP", map);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(78));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(by(None, &[]).contains("`setting` is no key"), "{settings}");
    assert!(by(Some(&variable), &[]).contains("`variable` is no key"));
    assert!(by(Some(&variable), &["--map", &option]).contains("`option` is no key"));
}

#[test]
fn a_pinned_digest_takes_that_map_and_no_other() {
    let node = Node::new();
    let map = node.write("crm.map.toml", &examples()[1]);
    let file = node.write("crm_1.csv", crm());
    node.check(&["--map", &map, &file]).expect(0);
    let digest = node.report()["map"].as_str().unwrap().to_owned();
    node.set(&format!("map_digest = \"{digest}\""));
    node.check(&["--map", &map, &file]).expect(0);
    // Comments are no part of what was signed; what values mean is.
    let signed = format!("# signed on 1 December\n{}", examples()[1]);
    let signed = node.write("signed.map.toml", signed);
    node.check(&["--map", &signed, &file]).expect(0);
    let wider = examples()[1]
        .replace("NON = [] } }\nconsent_ref", "NON = [\"ads.match\"] } }\nconsent_ref");
    assert_ne!(wider, examples()[1]);
    let wider = node.write("wider.map.toml", wider);
    let absent = node.path("absent.csv");
    for command in ["check", "plan", "run"] {
        let args = [command, "--map", &wider, &absent];
        let done = node.run(&args);
        // Without a provider only `check` comes so far.
        if command == "check" {
            done.expect(78).says(&["V0439", &digest, "have this one signed"]);
        } else {
            done.expect(78);
        }
    }
    node.check(&[&file]).expect(78).says(&["no map is named"]);
}

#[test]
fn names_that_left_the_settings_are_refused_with_the_command_that_makes_a_map() {
    let node = Node::new();
    let settings = std::fs::read_to_string(node.path("a/advertiser.toml")).unwrap();
    for line in [
        "delimiter = \";\"",
        "encoding = \"utf-8\"",
        "ignore = [\"x\"]",
        "email_sha256 = \"plain\"",
        "phone_sha256 = \"phone-e164\"",
        "columns = { email = \"MAIL\" }",
    ] {
        node.write("a/advertiser.toml", format!("{line}\n{settings}"));
        let name = line.split_once(' ').unwrap().0;
        node.run(&["check", "x.csv"]).expect(78).says(&[
            &format!("line 1: `{name}` is said by a map"),
            "delete the line; `advertiser-node map FILE` writes a map",
        ]);
    }
}

#[test]
fn the_digest_stays_with_the_run_and_its_stored_result() {
    let people = numbered(1_200, |at| format!("customer.{at}@exemple.fr"));
    let pair = Pair::serving(&links(borrowed(&people)));
    let day = days_ago(40);
    let mut text = "Id|Mail|Wann|Ja\n".to_owned();
    for (id, email) in &people {
        let _ = writeln!(text, "{id}|{email}|{day}|ja");
    }
    pair.write("crm.csv", &text);
    pair.write(
        "crm.map.toml",
        "map = 1\n[[input]]\ndelimiter = \"|\"\nzone = \"Europe/Berlin\"\n\
         statement = \"Feld Partner, Text T-7, nennt den Abgleich. M. Muster, DSB.\"\n\
         [input.fields]\nrow_id = \"Id\"\nemail = \"Mail\"\nconsent_at = \"Wann\"\n\
         consent_ref = { columns = [\"Id\", \"Wann\"], join = \"/\" }\n\
         consent_notice = { const = \"T-7\" }\n\
         consent_purposes = { column = \"Ja\", values = { JA = \"ads.match\", NEIN = [] } }\n",
    );
    let map = pair.path("crm.map.toml");
    let done = pair.run_with(&["--map", &map]).expect(0);
    let read = |name: &str| -> Value { serde_json::from_str(&pair.read(name)).unwrap() };
    let digest = read("summary.json")["map"].as_str().unwrap().to_owned();
    assert!(done.stdout.contains(&format!("map {}", &digest[..16])), "{}", done.stdout);
    let session = read("summary.json")["session_id"].as_str().unwrap().to_owned();
    // The opening of the input names it, to whoever reads the package.
    let opening = pair.path(&format!("a/sessions/{session}/input.opening"));
    let mode = std::fs::metadata(&opening).unwrap().permissions().mode();
    let opening = std::fs::read(opening).unwrap();
    assert!(opening.starts_with(b"VEILMATCH-INPUT-OPENING-3\n"), "{opening:?}");
    let (named, private) = (&opening[opening.len() - 32..], mode & 0o777);
    let named: String = named.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((named, private), (digest.clone(), 0o600));
    let (again, json) = (pair.path("again.csv"), pair.path("again.json"));
    let args = ["result", &session, "-o", &again, "--json", &json];
    pair.advertiser(&args).expect(0);
    assert_eq!(read("again.json")["map"], digest);
    let plan = pair.path("plan.json");
    let args = ["plan", "--profile", "matched-rows", "--map", &map, &pair.path("crm.csv")];
    let done = pair.advertiser(&[&args[..], &["--json", &plan]].concat()).expect(0);
    assert_eq!(read("plan.json")["map"], digest);
    assert!(done.stdout.contains(&format!("map {}, consent by `Ja`", &digest[..16])));
    // No output may replace the map.
    let refused = pair.run_with(&["--map", &map, "--json", &map]);
    assert_ne!(refused.code, Some(0));
    assert_eq!(pair.read("crm.map.toml").lines().next(), Some("map = 1"));
}

#[test]
fn a_provider_reads_graphs_and_feeds_by_maps() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let write = |name: &str, text: &str| {
        std::fs::write(path(name), text).unwrap();
        path(name)
    };
    let node = path("p");
    run("provider-node", &["init", "--dir", &node]).expect(0);
    let [today, day] = [days_ago(0), days_ago(3)];
    let slashes = |day: &str| format!("{}/{}/{}", &day[8..], &day[5..7], &day[..4]);
    let graph = format!(
        "Personne;Appareil;Mail;Type;Cookie;Preuve;Jour\n\
         1;d1;one@exemple.fr;cookie;abcdefgh;login;{}\n\
         2;d2;two@exemple.fr;cookie;ijklmnop;login;{}\n",
        slashes(&today),
        slashes(&day)
    );
    let graph = write("graph.csv", &graph);
    let map = "map = 1\n[[input]]\ndelimiter = \";\"\ndates = \"%d/%m/%Y\"\n[input.fields]\n\
        person_ref = \"Personne\"\npersona_ref = \"Personne\"\ndevice_ref = \"Appareil\"\n\
        email = \"Mail\"\nclass = { const = \"desktop\" }\nid_type = \"Type\"\n\
        id_namespace = { const = \"regie.example\" }\nid_value = \"Cookie\"\n\
        evidence = \"Preuve\"\nday = \"Jour\"\n";
    let map = write("graph.map.toml", map);
    run("provider-node", &["ingest", "--dir", &node, &graph]).expect(65);
    let json = path("ingest.json");
    let args = ["ingest", "--dir", &node, "--map", &map, &graph, "--json", &json];
    let done = run("provider-node", &args).expect(0);
    let told: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let digest = told["map"].as_str().unwrap();
    assert_eq!((digest.len(), told["lines"].as_u64()), (64, Some(2)));
    assert!(done.stdout.contains(&format!("map {}", &digest[..16])), "{}", done.stdout);
    assert!(done.stdout.contains("2 lines"), "{}", done.stdout);

    let feed = write("feed.csv", "Art;Wert\nMail;one@exemple.fr\nFax;12\n");
    let map = "map = 1\n[[input]]\ndelimiter = \";\"\n[input.fields]\n\
        type = { column = \"Art\", values = { Mail = \"email\" } }\nvalue = \"Wert\"\n";
    let map = write("feed.map.toml", map);
    let left = path("left.csv");
    let object = ["object", "--dir", &node, "--map", &map, &feed, "--rejects", &left];
    let done = run("provider-node", &object).expect(80).says(&["line 3 type_unknown"]);
    assert!(done.stdout.contains("2 read: 1 new"), "{}", done.stdout);
    // What is left is told in the file's own form, and is read again.
    assert_eq!(std::fs::read_to_string(&left).unwrap().lines().count(), 2);
}
