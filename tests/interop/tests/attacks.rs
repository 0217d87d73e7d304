//! Attacks of one party on the other through unmodified programs: what is asked for and in which
//! order, and what comes of it. `spec/threat-model.md` lists them with the rules that answer.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Done, Pair, borrowed, crm, days_ago, run};

/// Pages of a directory, and of those in it.
fn pages(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => pages(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .collect()
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut named = 0;
    for page in ["spec", "docs"].into_iter().flat_map(|directory| pages(&root.join(directory))) {
        let text = std::fs::read_to_string(&page).unwrap();
        for (file, test) in text.split('`').filter_map(|one| one.split_once(".rs::")) {
            let code = std::fs::read_to_string(root.join(format!("{file}.rs"))).unwrap_or_default();
            let found = code.contains(&format!("fn {test}("));
            assert!(found, "{} names {file}.rs::{test}", page.display());
            named += 1;
        }
    }
    assert!(named > 50, "{named}");
}

/// A provider alone with its graph, before anybody is invited for it; it keeps one table ready.
fn provider(graph: &str) -> Pair {
    let pair = Pair::introduced();
    std::fs::remove_dir_all(pair.path("p/partners/retailer")).unwrap();
    let settings = pair.read("p/provider.toml");
    pair.write("p/provider.toml", &settings.replace("prepared = 2", "prepared = 1"));
    ingest(&pair, graph);
    pair
}

fn ingest(pair: &Pair, graph: &str) {
    pair.write("links.csv", graph);
    pair.provider(&["ingest", &pair.path("links.csv")]).expect(0);
}

/// An advertiser of default settings in a directory, invited with default settings but for these
/// options and lines of the policy, which the invitation and its own settings state too; what
/// `invite` said.
fn newcomer(pair: &Pair, dir: &str, options: &[&str], policy: &[(&str, u32)]) -> String {
    let (home, invitation) = (pair.path(dir), pair.path(&format!("{dir}.invitation.toml")));
    run("advertiser-node", &["init", "--dir", &home]).expect(0);
    let identity = pair.path(&format!("{dir}/identity.txt"));
    let who = ["invite", dir, "--identity", &identity, "--address", &pair.address];
    let invited =
        pair.provider(&[&who[..], &["--output", &invitation], options].concat()).expect(0);
    let files = [format!("p/partners/{dir}/partner.toml"), format!("{dir}.invitation.toml")];
    for (name, value) in policy {
        for file in &files {
            let set = |line: &str| match line.split(" = ").next() == Some(name) {
                true => format!("{name} = {value}\n"),
                false => format!("{line}\n"),
            };
            let text = pair.read(file);
            pair.write(file, &text.lines().map(set).collect::<String>());
        }
        let settings = format!("{dir}/advertiser.toml");
        if pair.read(&settings).contains(&format!("# {name} = ")) {
            pair.write(&settings, &format!("{}{name} = {value}\n", pair.read(&settings)));
        }
    }
    run("advertiser-node", &["accept", "--dir", &home, &invitation]).expect(0);
    invited.stdout
}

/// Asks anew, and again while the next table is on its way.
fn ask(pair: &Pair, dir: &str, list: &str, options: &[&str]) -> Done {
    let file = format!("{dir}-crm.csv");
    pair.write(&file, list);
    let (home, file) = (pair.path(dir), pair.path(&file));
    let json = pair.path(&format!("{dir}.json"));
    // What is said depends on no time.
    let quiet = ["--progress", "off", "--overwrite"];
    let args = [&["run", "--dir", &home, &file, "--json", &json], &quiet[..], options].concat();
    let started = Instant::now();
    loop {
        let _ = std::fs::remove_dir_all(pair.path(&format!("{dir}/results")));
        let done = run("advertiser-node", &args);
        if done.code != Some(75) || started.elapsed() > Duration::from_secs(240) {
            return done;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn summary(pair: &Pair, dir: &str) -> Value {
    serde_json::from_str(&pair.read(&format!("{dir}.json"))).unwrap()
}

/// Directories of the sessions of a node in which a stream has frames.
fn with_frames(pair: &Pair, node: &str, stream: &str) -> Vec<PathBuf> {
    let frames = |dir: &PathBuf| dir.join("frames").join(stream).exists();
    pair.sessions(node).into_iter().filter(frames).collect()
}

/// Mobile number of a running number.
fn mobile(number: usize) -> String {
    format!("+336{:08}", 10_000_000 + number)
}

/// A graph of one person for each of these numbers, counted through.
fn numbers(range: impl Iterator<Item = usize>) -> String {
    let today = days_ago(0);
    let header = "person_ref,persona_ref,type,value,device_ref,class,id_type,id_namespace,\
                  id_value,evidence,day\n";
    let line = |n| {
        let cookie = format!("cookie,exemple-regie.fr,cookie-of-{n:07}");
        format!("p{n},p{n},phone,{},d{n},tablet,{cookie},login,{today}\n", mobile(n))
    };
    core::iter::once(header.to_owned()).chain(range.map(line)).collect()
}

/// A list of numbers, one a row.
fn phones(numbers: impl Iterator<Item = usize>) -> String {
    phone_rows("", numbers.map(mobile))
}

/// A list of the numbers of a range, two a row with three addresses of nobody, which makes rows of
/// eight identifiers.
fn wide_rows(range: Range<usize>) -> String {
    let half = range.len() / 2;
    let rows = range.clone().take(half).map(|number| {
        let address = |n| format!("nobody.{n}.{number}@gmail.com");
        let [one, two, three] = [1, 2, 3].map(address);
        format!("{},{},{one},{two},{three}", mobile(number), mobile(number + half))
    });
    phone_rows(",phone_2,email,email_2,email_3", rows)
}

fn phone_rows(columns: &str, rows: impl Iterator<Item = String>) -> String {
    let consent = "country,consent_purposes,consent_ref,consent_at,consent_notice";
    let day = days_ago(270);
    let row = |(n, row): (usize, String)| {
        format!("r{n:05},{row},FR,ads.match,R-{n},{day}T10:14:00Z,N-1\n")
    };
    let header = format!("row_id,phone{columns},{consent}\n");
    core::iter::once(header).chain(rows.enumerate().map(row)).collect()
}

/// What is shown of a run is a count on the grid of its rounding, no further from `exact` than the
/// noise may be, or that it is below the least that is shown; and no number or row of the list.
#[track_caller]
fn is_one_noisy_count(pair: &Pair, dir: &str, done: &Done, exact: u64) {
    let shown = summary(pair, dir);
    let matched = shown["matched"].as_u64();
    match done.code {
        Some(0) => {
            let matched = matched.unwrap();
            let clamp = shown["epsilon"]["clamp_rows"].as_u64().unwrap();
            assert_eq!(clamp, 244, "the bound for four identifiers at 0.25");
            assert!(
                matched.is_multiple_of(100) && matched.abs_diff(exact) <= clamp + 50,
                "{matched}"
            );
            assert_eq!(shown["interval"]["confidence"], 95);
            assert!(done.stdout.contains("the count carries noise"), "{}", done.stdout);
        }
        // The least number is judged on the count with its noise.
        Some(81) => assert!(matched.is_none() && exact < 100 + 244, "{exact}"),
        _ => panic!("{done:?}"),
    }
    let told = format!("{}{}{shown}", done.stdout, done.stderr);
    assert!(!told.contains("+336") && !told.contains("r00"), "{told}");
}

#[test]
fn numbers_counted_through_bring_one_noisy_count_until_the_budget_ends() {
    // 900 of the numbers asked for below are in the graph.
    let mut pair = provider(&numbers((0..450).chain(30_000..30_450)));
    let entity = ["--rows", "1000", "--legal-entity", "Enseigne Nationale SAS"];
    let invited = newcomer(&pair, "b", &entity, &[]);
    // [L-14], [L-17]: a few full runs of what was declared, and no more of the plan in 30 days.
    for part in [
        "may run: match-rate for ads.match\n",
        "524,288 evaluations a day, 1,048,576 in 30 days",
        "0.3 % of the mobile numbers of France a day, 0.5 % in 30 days",
        "262,144 a day, 524,288 in 30 days",
    ] {
        assert!(invited.contains(part), "no {part:?} in:\n{invited}");
    }
    pair.serve();
    // Which number matched is asked of a profile that nobody was invited for.
    let rows = ["--profile", "matched-rows", "--output", &pair.path("rows.csv")];
    ask(&pair, "b", &phones(0..1_000), &rows).expect(77).says(&["V0302"]);
    // As many identifiers a row as there can be: a full run, half of the budget of the day.
    let done = ask(&pair, "b", &wide_rows(0..2_000), &[]);
    is_one_noisy_count(&pair, "b", &done, 450);
    let done = ask(&pair, "b", &phones(0..32_768), &[]);
    is_one_noisy_count(&pair, "b", &done, 900);
    // 327,680 evaluations are spent: other numbers have to wait, whoever asks for them.
    let answered = with_frames(&pair, "p", "EVAL").len();
    let other = wide_rows(40_000..42_000);
    ask(&pair, "b", &other, &[]).expect(82).says(&["V0305"]);
    // Nor does another day help, once the runs of the epoch are spent.
    let policy = "p/partners/b/partner.toml";
    let text = pair.read(policy);
    let set = |lines: &[(&str, u64, u64)]| {
        let of = |text: String, (name, from, to): &(&str, u64, u64)| {
            let line = format!("\n{name} = {from}\n");
            assert!(text.contains(&line), "no {line} in {text}");
            text.replace(&line, &format!("\n{name} = {to}\n"))
        };
        pair.write(policy, &lines.iter().fold(text.clone(), of));
    };
    let day = ("evaluations_per_day", 524_288, 1 << 30);
    set(&[day, ("evaluations_per_epoch", 1_048_576, 524_288)]);
    ask(&pair, "b", &other, &[]).expect(82).says(&["V0305"]);
    // Numbers have a budget of their own [L-17]: two runs have declared a frame of them each.
    set(&[day, ("phones_per_day", 262_144, 90_000)]);
    let few = phones(40_000..41_000);
    ask(&pair, "b", &few, &[]).expect(82).says(&["V0305"]);
    assert_eq!(with_frames(&pair, "p", "EVAL").len(), answered, "nothing was answered");
    // More of them than terms may declare are not sent.
    let settings = pair.read("b/advertiser.toml");
    pair.write("b/advertiser.toml", &format!("{settings}phones_per_run = 900\n"));
    ask(&pair, "b", &few, &[]).expect(78).says(&["1,000 telephone numbers", "900"]);
}

#[test]
fn a_counted_through_table_gets_no_handle_of_the_customers() {
    let mut pair = provider(&numbers(0..2_000));
    let entity = ["--rows", "50000", "--legal-entity", "Enseigne Nationale SAS"];
    let exact = [("epsilon_milli", 0)];
    let profile = ["--profile", "activation"];
    newcomer(&pair, "b", &[&entity[..], &profile].concat(), &exact);
    let list = phones(300..1_500);
    let activate = [&profile[..], &["--approve"]].concat();
    // [D-30]: four times the table that the invitation states, which is more than it may be larger
    // by, at the first run.
    ingest(&pair, &numbers(0..63_000));
    pair.serve();
    ask(&pair, "b", &list, &activate).expect(77).says(&["V0312", "table"]);
    for (node, stream) in [("b", "BLIND"), ("b", "EVAL"), ("p", "BLIND"), ("p", "EVAL")] {
        assert!(with_frames(&pair, node, stream).is_empty(), "{stream} of {node}");
    }
    // Within the cap all customers match, and none of them is named.
    tomorrow(&pair);
    ingest(&pair, &numbers(0..2_000));
    let deliveries = pair.path("p/partners/b/deliveries");
    ask(&pair, "b", &list, &activate).expect(77).says(&["V0312", "--allow high-rate"]);
    assert_eq!(with_frames(&pair, "b", "EVAL").len(), 1);
    for node in ["b", "p"] {
        assert!(with_frames(&pair, node, "HANDLES").is_empty(), "{node} has handles");
    }
    assert!(!Path::new(&deliveries).exists());
    // An approval is not enough; the name of the risk is.
    let allowed = [&activate[..], &["--allow", "high-rate"]].concat();
    ask(&pair, "b", &list, &allowed).expect(0);
    for node in ["b", "p"] {
        assert_eq!(with_frames(&pair, node, "HANDLES").len(), 1, "{node}");
    }
    assert!(Path::new(&deliveries).exists());
}

/// Lets the provider ingest again: what a partner was shown today stands until tomorrow.
fn tomorrow(pair: &Pair) {
    let graph = std::fs::read_dir(pair.path("p/graph")).unwrap().flatten();
    let shown: Vec<PathBuf> =
        graph.map(|entry| entry.path().join("shown")).filter(|path| path.exists()).collect();
    assert_eq!(shown.len(), 1);
    std::fs::remove_file(&shown[0]).unwrap();
}

/// A graph of persons under the names of one day: `persona_ref` and device change, the digital IDs
/// stay.
fn persons(range: impl Iterator<Item = usize>, day: &str) -> String {
    let today = days_ago(0);
    let header = "person_ref,persona_ref,type,value,device_ref,class,id_type,id_namespace,\
                  id_value,evidence,day\n";
    let line = |n| {
        format!(
            "{day}{n},{day}-{n},email,customer.{n}@exemple.fr,{day}d{n},tablet,cookie,\
             exemple-regie.fr,cookie-of-{n:07},login,{today}\n"
        )
    };
    core::iter::once(header.to_owned()).chain(range.map(line)).collect()
}

/// A list of these persons, and of nobody up to so many rows.
fn list(persons: impl Iterator<Item = usize>, rows: usize) -> String {
    let mut all: Vec<(String, String)> =
        persons.map(|n| (format!("r{n:05}"), format!("customer.{n}@exemple.fr"))).collect();
    for n in all.len()..rows {
        all.push((format!("x{n:05}"), format!("nobody.{n}@exemple.fr")));
    }
    crm(borrowed(&all))
}

#[test]
fn known_rows_and_a_target_show_a_count_with_noise() {
    // The target of one partner is in the graph, that of the other one is not.
    let (known, target, nobody) = (0..500, 700, 900);
    let mut pair = provider(&numbers(known.chain([target])));
    for (dir, company) in [("b", "Enseigne B SAS"), ("c", "Enseigne C SAS")] {
        let narrow = [("row_width_max", 2)];
        newcomer(&pair, dir, &["--rows", "1000", "--legal-entity", company], &narrow);
    }
    pair.serve();
    std::thread::scope(|scope| {
        for (dir, asked, is_known) in [("b", target, 1), ("c", nobody, 0)] {
            let pair = &pair;
            scope.spawn(move || {
                // The last is far enough from the least number to be shown whatever the draw.
                for known in [149, 99, 500] {
                    let invented = (10_000..11_000).take(999 - known);
                    let rows = phones((0..known).chain([asked]).chain(invented));
                    let done = ask(pair, dir, &rows, &[]);
                    is_one_noisy_count(pair, dir, &done, known as u64 + is_known);
                }
                // The number of noise rows is public, 488 for rows of one identifier [E-07].
                let answers = with_frames(pair, dir, "EVAL");
                assert_eq!(answers.len(), 3);
                for session in answers {
                    let len = std::fs::metadata(session.join("frames/EVAL")).unwrap().len();
                    assert_eq!(len, (32_768 + 488) * 32 + 2 * 16);
                }
            });
        }
    });
}

/// Digital IDs of a delivered bag, by the numbers of their persons.
fn bag(pair: &Pair, name: &str) -> BTreeSet<usize> {
    let text = pair.read(name);
    let values = text.lines().skip(1).filter_map(|line| line.split(',').nth(6));
    values.map(|value| value.strip_prefix("cookie-of-").unwrap().parse().unwrap()).collect()
}

/// What a run says, and its exit status: numbers and paths are all one.
fn told(done: &Done) -> (Option<i32>, Vec<String>) {
    let all = format!("{}{}", done.stdout, done.stderr);
    let word = |word: &str| match word.contains(|one: char| one.is_ascii_digit() || one == '/') {
        true => "#".to_owned(),
        false => word.to_owned(),
    };
    (done.code, all.split_whitespace().map(word).collect())
}

#[test]
fn lists_with_and_without_a_target_say_nothing_of_it_whatever_the_graph_holds() {
    // Classes of 50 and the least noise, so that the small audiences below are always released:
    // g is 28 at most.
    const G_MAX: usize = 28;
    let policy = [
        ("group_min", 50),
        ("k_min", 50),
        ("epsilon_milli", 1_000),
        ("noise_unit", 1),
        ("row_width_max", 2),
    ];
    let entity = ["--rows", "50000", "--legal-entity", "Enseigne Nationale SAS"];
    let profile = ["--profile", "digital-ids"];
    let (first, target, other, few) = (0..101, 500, 200..337, 600..620);
    let through = |is_known: bool| {
        let audiences = || first.clone().chain(other.clone()).chain(few.clone());
        let known = || audiences().chain(is_known.then_some(target));
        let mut pair = provider(&persons(known(), "a"));
        for dir in ["b", "c"] {
            newcomer(&pair, dir, &[&entity[..], &profile].concat(), &policy);
        }
        pair.serve();
        let ids = |dir: &str, list: &str| {
            let name = format!("{dir}.ids.csv");
            let output = pair.path(&name);
            let more = [&profile[..], &["--approve", "--output", &output]].concat();
            let done = ask(&pair, dir, list, &more).expect(0);
            (told(&done), bag(&pair, &name))
        };
        let (alone, delivered) = ids("b", &list(first.clone(), 1_100));
        assert!(delivered.len() >= first.len() - G_MAX, "{}", delivered.len());
        assert!(delivered.iter().all(|one| first.contains(one)));
        tomorrow(&pair);
        ingest(&pair, &persons(known(), "b"));
        // On another day, through another partner of the company: S with the target and a few
        // others, too few to be a class with those who wait. And at the same time a second small
        // audience, which has nobody of the first.
        let more = first.clone().chain([target]).chain(few.clone());
        let ((with_target, again), (small, disjoint)) = std::thread::scope(|scope| {
            let disjoint = scope.spawn(|| ids("b", &list(other.clone(), 1_100)));
            (ids("c", &list(more, 1_100)), disjoint.join().unwrap())
        });
        assert!(again == delivered, "the target makes {} of {}", again.len(), delivered.len());
        assert!(disjoint.len() >= other.len() - G_MAX, "{}", disjoint.len());
        assert!(disjoint.iter().all(|one| other.contains(one)));
        [alone, with_target, small]
    };
    let [absent, known] = std::thread::scope(|scope| {
        let both = [false, true].map(|is_known| scope.spawn(move || through(is_known)));
        both.map(|one| one.join().unwrap())
    });
    assert_eq!(known, absent, "the target shows in what the programs say");
    assert_eq!(known[0], known[1], "S, and S and the target, are not told apart");
}
