//! Releases of lists that differ by one person, in one company: nobody is told apart.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::support::{Done, Pair, borrowed, crm, links, numbered, run};

/// Persons of the graph, and rows of every list: some hundred are known.
const PERSONS: usize = 1_400;
const ROWS: usize = 1_100;

/// Two partners of one company, each with digital IDs.
fn pair() -> Pair {
    let persons = numbered(PERSONS, |i| format!("customer.{i}@exemple.fr"));
    let mut pair = Pair::offering_all(&links(borrowed(&persons)));
    run("advertiser-node", &["init", "--dir", &pair.path("b")]).expect(0);
    let (identity, invitation) = (pair.path("b/identity.txt"), pair.path("invitation.toml"));
    let who = ["invite", "sister", "--identity", &identity, "--rows", "50000", "--overwrite"];
    let entity = ["--legal-entity", "Enseigne Retailer S.A.S.", "--address", &pair.address];
    let more = ["--profile", "digital-ids", "--allow", "wide-budget", "--output", &invitation];
    pair.provider(&[&who[..], &entity, &more].concat()).expect(0);
    run("advertiser-node", &["accept", "--dir", &pair.path("b"), &invitation]).expect(0);
    pair.serve();
    pair
}

/// Runs `digital-ids` for these persons, and as many invented ones as a list needs; the numbers of
/// the persons whose digital IDs came.
fn release(pair: &Pair, node: &str, persons: &[Range<usize>]) -> BTreeSet<usize> {
    let known: Vec<usize> = persons.iter().cloned().flatten().collect();
    let mut rows: Vec<(String, String)> =
        known.iter().map(|i| (format!("r{i:05}"), format!("customer.{i}@exemple.fr"))).collect();
    for i in rows.len()..ROWS {
        rows.push((format!("x{i:05}"), format!("nobody.{i}@exemple.fr")));
    }
    pair.write("crm.csv", &crm(borrowed(&rows)));
    let (input, output) = (pair.path("crm.csv"), pair.path("ids.csv"));
    let started = Instant::now();
    let done = loop {
        let _ = std::fs::remove_dir_all(pair.path(&format!("{node}/results")));
        let args = ["run", "--dir", &pair.path(node), "--profile", "digital-ids", "--approve"];
        let files = [input.as_str(), "--output", &output, "--overwrite"];
        let done: Done = run("advertiser-node", &[&args[..], &files].concat());
        // The next table is on its way.
        if done.code != Some(75) || started.elapsed() > Duration::from_secs(240) {
            break done.expect(0);
        }
        std::thread::sleep(Duration::from_millis(500));
    };
    assert!(!done.stdout.contains("refused"), "{}", done.stdout);
    let text = pair.read("ids.csv");
    let graph = pair.read("links.csv");
    let values: BTreeSet<&str> = text.lines().skip(1).flat_map(|line| line.split(',')).collect();
    let header = graph.lines().next().unwrap().split(',').position(|name| name == "id_value");
    let column = header.expect("a column of digital IDs");
    (0..PERSONS)
        .zip(graph.lines().skip(1))
        .filter(|(_, line)| values.contains(line.split(',').nth(column).unwrap()))
        .map(|(person, _)| person)
        .collect()
}

/// Fails with what is in one bag and not in the other.
#[track_caller]
fn same(one: &BTreeSet<usize>, other: &BTreeSet<usize>) {
    let more: Vec<_> = one.difference(other).collect();
    let fewer: Vec<_> = other.difference(one).collect();
    assert!(one == other, "{} here, {} there: {more:?}, {fewer:?}", one.len(), other.len());
}

fn of(bag: &BTreeSet<usize>, persons: Range<usize>) -> BTreeSet<usize> {
    bag.iter().copied().filter(|person| persons.contains(person)).collect()
}

#[test]
fn lists_that_differ_by_one_person_bring_bags_that_do_not() {
    let pair = pair();
    let (a, b, target) = (0..240, 240..740, 1_000..1_001);
    let first = release(&pair, "a", &[a.clone(), b.clone()]);
    // 110 persons wait at most.
    assert!(first.len() >= 630 && first.iter().all(|person| *person < 740), "{}", first.len());
    // A + B, then A + target: B leaves in one piece, and the target waits.
    let second = release(&pair, "a", &[a.clone(), target.clone()]);
    same(&second, &of(&first, a.clone()));
    // Through the other partner of the company, S + target.
    let third = release(&pair, "b", &[a.clone(), b.clone(), target.clone()]);
    same(&third, &first);
    // S without one person: nobody leaves yet.
    let fourth = release(&pair, "b", &[a.start + 1..a.end, b.clone(), target.clone()]);
    same(&fourth, &first);
    // An audience that is disjoint and small is released all the same.
    let fifth = release(&pair, "a", std::slice::from_ref(&(1_100..1_400)));
    assert!(fifth.len() >= 190 && fifth.iter().all(|person| *person >= 1_100));
    // What the operator sees of it, in one group.
    assert_eq!(std::fs::read_dir(pair.path("p/groups")).unwrap().count(), 1);
    let annexes = std::fs::read_dir(pair.path("p/groups")).unwrap().flatten();
    let annexes = annexes.map(|group| group.path().join("annexes")).filter(|path| path.exists());
    let count: usize = annexes.map(|path| std::fs::read_dir(path).unwrap().count()).sum();
    assert_eq!(count, 5);
}
