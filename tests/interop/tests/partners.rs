//! Two advertisers at one provider, at the same time: each has its own keys, tables and budget, and
//! nothing of the other.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use support::{Done, Pair, borrowed, crm, links, numbered, run};

/// Every file under a directory, with its bytes.
fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(path) = pending.pop() {
        match path.is_dir() {
            true => {
                pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()))
            }
            false => found.push((path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    found
}

fn holds(files: &[(PathBuf, Vec<u8>)], text: &str) -> bool {
    let text = text.as_bytes();
    files.iter().any(|(_, bytes)| bytes.windows(text.len()).any(|window| window == text))
}

/// Rows of every `step`-th person; those of the first 600 are known.
fn customers(step: usize) -> String {
    let rows = numbered(1_200, |i| format!("customer.{}@exemple.fr", i * step));
    crm(borrowed(&rows))
}

/// The result for them: each matched row, in order.
fn expected(step: usize) -> String {
    let rows = (0..600_usize.div_ceil(step)).map(|i| format!("r{i:05},email.strict\n"));
    core::iter::once("row_id,kinds\n".to_owned()).chain(rows).collect()
}

/// A match of the advertiser in `dir`.
fn matched(pair: &Pair, dir: &str) -> Done {
    let file = |name: &str| pair.path(&format!("{dir}-{name}"));
    let (home, input, output) = (pair.path(dir), file("crm.csv"), file("result.csv"));
    let args = ["run", "--dir", &home, "--profile", "matched-rows", "--input", &input];
    run("advertiser-node", &[&args[..], &["--output", &output]].concat())
}

#[test]
fn two_advertisers_at_once_have_nothing_of_each_other() {
    let mut pair = Pair::introduced();
    let (home, invitation) = (pair.path("b"), pair.path("invitation.toml"));
    run("advertiser-node", &["init", "--dir", &home]).expect(0);
    pair.invite("second", "b", &["--profile", "matched-rows"]).expect(0);
    run("advertiser-node", &["accept", "--dir", &home, &invitation]).expect(0);
    // The second has a budget for one session and not for two.
    let policy = "p/partners/second/partner.toml";
    let text = pair.read(policy);
    let small = text.replace("evaluations_per_day = 1048576", "evaluations_per_day = 40000");
    assert_ne!(text, small);
    pair.write(policy, &small);

    let persons = numbered(600, |i| format!("customer.{i}@exemple.fr"));
    pair.write("links.csv", &links(borrowed(&persons)));
    pair.provider(&["ingest", &pair.path("links.csv")]).expect(0);
    pair.serve();
    pair.write("a-crm.csv", &customers(2));
    pair.write("b-crm.csv", &customers(3));
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| matched(&pair, "b"));
        (matched(&pair, "a"), other.join().unwrap())
    });
    first.expect(0);
    second.expect(0);
    assert_eq!(pair.read("a-result.csv"), expected(2));
    assert_eq!(pair.read("b-result.csv"), expected(3));

    // The budget of one is not that of the other.
    matched(&pair, "b").expect(82).says(&["V0305"]);
    matched(&pair, "a").expect(0);
    pair.stop();

    let (a, b) = (files(Path::new(&pair.path("a"))), files(Path::new(&pair.path("b"))));
    let tenant = |name: &str| files(Path::new(&pair.path(&format!("p/partners/{name}"))));
    let (retailer, other) = (tenant("retailer"), tenant("second"));
    let line = |text: String| text.lines().next().unwrap().to_owned();
    let identity = |dir: &str| line(pair.read(&format!("{dir}/identity.txt")));
    let (of_a, of_b) = (identity("a"), identity("b"));
    assert!(
        holds(&a, &of_a) && holds(&b, &of_b) && holds(&retailer, &of_a) && holds(&other, &of_b)
    );
    for (mine, theirs) in [(&a, &of_b), (&b, &of_a), (&retailer, &of_b), (&other, &of_a)] {
        assert!(!holds(mine, theirs));
    }
    assert!(pair.sessions("a").iter().all(|own| !pair.sessions("b").contains(own)));
    // No key, table or quota is common to them.
    let contents = |files: &[(PathBuf, Vec<u8>)]| -> BTreeSet<Vec<u8>> {
        files.iter().map(|(_, bytes)| bytes.clone()).filter(|bytes| bytes.len() > 16).collect()
    };
    let (retailer, other) = (contents(&retailer), contents(&other));
    assert!(retailer.len() > 2 && other.len() > 2);
    assert!(retailer.is_disjoint(&other));
}
