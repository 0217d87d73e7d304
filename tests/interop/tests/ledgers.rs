//! Ledgers that were lost, restored from a copy or changed, and how the programs mend them.

use crate::support::{Pair, borrowed, crm, links, numbered};

fn pair() -> Pair {
    let persons = numbered(1_100, |i| format!("customer.{i}@exemple.fr"));
    let pair = Pair::serving(&links(borrowed(&persons)));
    pair.write("crm.csv", &crm(borrowed(&persons)));
    pair
}

/// The ledger of a node with its anchor and marks, as a backup of the directory has them.
fn copy(pair: &Pair, node: &str) -> [Vec<u8>; 2] {
    ["ledger.sqlite", "keys/ledger.anchor"]
        .map(|name| std::fs::read(pair.path(&format!("{node}/{name}"))).unwrap())
}

fn put_back(pair: &Pair, node: &str, [ledger, anchor]: &[Vec<u8>; 2]) {
    std::fs::write(pair.path(&format!("{node}/ledger.sqlite")), ledger).unwrap();
    std::fs::write(pair.path(&format!("{node}/keys/ledger.anchor")), anchor).unwrap();
    let _ = std::fs::remove_dir_all(pair.path(&format!("{node}/sessions")));
}

#[test]
fn advertiser_that_was_restored_adopts_from_its_provider() {
    let mut pair = pair();
    pair.run().expect(0);
    let older = copy(&pair, "a");
    pair.run().expect(0);
    put_back(&pair, "a", &older);
    pair.run().expect(69).says(&["V0207", "ends at 2", "ledger adopt"]);
    let file = pair.path("theirs");
    pair.provider(&["ledger", "export", "-o", &file]).expect(0);
    // Like every output it replaces nothing, and does not lie in a node.
    pair.provider(&["ledger", "export", "-o", &file]).expect(73).says(&["V0403"]);
    pair.provider(&["ledger", "export", "-o", &pair.path("p/entries")]).expect(73).says(&["V0403"]);
    let told = pair.advertiser(&["ledger", "compare", &file]).expect(0);
    assert!(told.stdout.contains("this ledger ends at 2, theirs at 4"), "{}", told.stdout);
    let told = pair.advertiser(&["ledger", "adopt", &file]).expect(0);
    assert!(told.stdout.contains("adopted entries 3 to 4"), "{}", told.stdout);
    pair.run().expect(0);
    let shown = pair.advertiser(&["ledger", "show"]).expect(0);
    assert_eq!(shown.stdout.matches("signed by both").count(), 6, "{}", shown.stdout);
    // An older ledger beside the anchor of the newer one is noticed before anybody is asked.
    std::fs::write(pair.path("a/ledger.sqlite"), &older[0]).unwrap();
    pair.run().expect(74).says(&["V0428", "ends at 2", "ledger adopt"]);
    // None at all is not a new one.
    std::fs::remove_file(pair.path("a/ledger.sqlite")).unwrap();
    pair.run().expect(74).says(&["V0428", "is gone"]);
    let newer = pair.path("newer");
    pair.provider(&["ledger", "export", "-o", &newer]).expect(0);
    pair.advertiser(&["ledger", "adopt", &newer]).expect(0);
    pair.run().expect(0);
    assert_eq!(pair.stop(), Some(0));
}

#[test]
fn provider_that_was_restored_adopts_from_its_advertiser() {
    let mut pair = pair();
    pair.run().expect(0);
    assert_eq!(pair.stop(), Some(0));
    let older = copy(&pair, "p");
    pair.serve();
    pair.run().expect(0);
    assert_eq!(pair.stop(), Some(0));
    put_back(&pair, "p", &older);
    pair.serve();
    pair.run().expect(69).says(&["V0207", "ends at 4, theirs at 2", "ledger export"]);
    let file = pair.path("theirs");
    pair.advertiser(&["ledger", "export", "-o", &file]).expect(0);
    assert_eq!(pair.stop(), Some(0));
    pair.provider(&["ledger", "adopt", &file]).expect(0);
    pair.serve();
    pair.run().expect(0);
    // A row that somebody changed is found.
    assert_eq!(pair.stop(), Some(0));
    let connection = rusqlite::Connection::open(pair.path("p/ledger.sqlite")).unwrap();
    connection.execute("UPDATE hellos SET count = 0", []).unwrap();
    drop(connection);
    pair.provider(&["status"]).expect(74).says(&["V0417", "hellos"]);
}
