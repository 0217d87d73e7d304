//! The mistakes of the manual: what the program says of each, and its exit status.

use crate::support::{Done, Pair, borrowed, crm, links, numbered};

/// Status and words must stand in one line of the manual, and be what the program says first.
#[track_caller]
fn told(done: Done, code: i32, words: &str) {
    let plain = |text: &str| text.replace('`', "");
    let done = done.expect(code).says(&[]);
    let first = done.stderr.lines().find(|line| line.starts_with("error V")).unwrap();
    assert!(plain(first).contains(&plain(words)), "no {words:?} in {first:?}");
    let manual = include_str!("../../../docs/reference/mistakes.md");
    let row = manual.lines().find(|line| plain(line).contains(&plain(words)));
    let row = row.unwrap_or_else(|| panic!("{words:?} is not in the manual"));
    assert!(row.contains(&format!("| {code} |")), "{row}");
    let number = first.trim_start_matches("error ").split(':').next().unwrap();
    assert!(row.contains(number), "{number} in {row}");
}

fn rows(count: usize) -> String {
    crm(borrowed(&numbered(count, |i| format!("customer.{i}@exemple.fr"))))
}

#[test]
fn mistakes_in_a_file_are_told_as_in_the_manual() {
    let pair = Pair::introduced();
    let good = rows(1_200);
    let run = |text: &[u8]| {
        std::fs::write(pair.path("crm.csv"), text).unwrap();
        pair.run()
    };
    told(pair.run(), 66, "cannot open");
    let single = "the header is a single column; the file seems to use the semicolon `;`";
    told(run(good.replace(',', ";").as_bytes()), 65, single);
    let at = good.find("customer.5@").unwrap();
    let mut latin = good.clone().into_bytes();
    latin[at] = 0xE9;
    told(run(&latin), 65, "not valid utf-8");
    let wide: Vec<u8> = [0xFF, 0xFE].into_iter().chain(good.bytes().flat_map(|b| [b, 0])).collect();
    told(run(&wide), 65, "its declared encoding is utf-8");
    let changed = |from: &str, to: &str| good.replacen(from, to, 1).into_bytes();
    told(run(&changed("customer.9@", "\"customer.9@")), 65, "a quote opens here and never closes");
    told(run(&changed("row_id", "ID")), 65, "there is no column `row_id`");
    told(run(&changed("R-r00005,", "")), 65, "has 5 fields; the header has 6");
    told(run(&changed("email", "mail")), 65, "the column `mail` is not known");
    told(run(good.trim_end().as_bytes()), 65, "the last one, has no line end");
    told(run(&changed("r00005,", "NULL,")), 65, "the row has no id, or a null marker for one");
    told(run(&changed("r00005,", "1.23457E+15,")), 65, "is a number that was rounded on its way");
    let digests = "column email_sha256 holds digests, but not which rules made them";
    told(run(&changed("email", "email_sha256")), 78, digests);
    let subscribed = good.replace("ads.match", "SUBSCRIBED");
    std::fs::write(pair.path("crm.csv"), &subscribed).unwrap();
    // The word that nobody explained is for the owner who looks, never in an error.
    let checked = pair.advertiser(&["check", &pair.path("crm.csv")]);
    let word = "`consent_purposes` names no purpose in 1,200 rows; most often `SUBSCRIBED` (1,200)";
    assert!(checked.stdout.contains(word), "{}", checked.stdout);
    assert!(!checked.stderr.contains("SUBSCRIBED"), "{}", checked.stderr);
    let none = "0 of 1,200 rows eligible; consent_value_unknown in 1,200 of them";
    told(checked, 65, none);
    let done = run(subscribed.as_bytes());
    assert!(done.stderr.contains("advertiser-node map /") && !done.stderr.contains("SUBSCRIBED"));
    told(done, 65, none);
    told(run(b""), 66, "the file is empty");
    told(run(rows(500).as_bytes()), 65, "eligible rows; a match needs at least");
    let shop = numbered(40, |_| "shop@exemple.fr".to_owned());
    let shop = crm(borrowed(&shop)).replace("\nr", "\ns");
    let shared = format!("{good}{}", shop.split_once('\n').unwrap().1);
    told(run(shared.as_bytes()), 78, "rows, more than 0.5 % of the");
    // Meant, it goes on to the provider, of whom nobody answers. So does a byte order mark.
    told(pair.run_with(&["--allow", "shared-identifiers"]), 75, "no connection to");
    told(run(format!("\u{feff}{good}").as_bytes()), 75, "no connection to");
}

#[test]
fn mistakes_on_the_command_line_and_in_the_set_up_are_told_as_in_the_manual() {
    let pair = Pair::offering_all(&links([("p1", "customer.1@exemple.fr")]));
    pair.write("crm.csv", &rows(1_200));
    let input = pair.path("crm.csv");
    let run = |more: &[&str]| pair.advertiser(&[&["run", &input], more].concat());
    told(run(&["--profile", "rate"]), 2, "there is no profile");
    told(run(&["--sample", "5000"]), 2, "rows is too small");
    told(run(&["--profile", "matched-rows"]), 2, "writes a file, and none is named");
    told(run(&["--profile", "activation"]), 2, "needs --approve or a terminal to ask on");
    let nowhere = ["--profile", "matched-rows", "--output", "/dev/null/x"];
    told(run(&nowhere), 73, "cannot write to");
    let check = ["check", &input, "--rejects", &input];
    told(pair.advertiser(&check), 73, "is not written: it is an input");
    pair.write("old.csv", "");
    let over = ["--profile", "matched-rows", "--output", &pair.path("old.csv")];
    told(run(&over), 73, "is not written: it exists");
    let key = ["--profile", "matched-rows", "--output", &pair.path("a/keys/storage.key")];
    told(run(&key), 73, "is not written: it lies in the node");
    told(pair.advertiser(&["init"]), 78, "an identity is in");

    let other = Pair::introduced();
    let foreign = "the invitation is for another identity than this node's";
    told(other.advertiser(&["accept", &pair.path("invitation.toml")]), 78, foreign);
    told(other.provider(&["serve", "--listen", "127.0.0.1:0"]), 78, "this node has no graph yet");
    other.write("crm.csv", &rows(1_200));
    let rate = ["run", &other.path("crm.csv")];
    told(other.advertiser(&rate), 77, "the partner policy does not allow this profile");
    std::fs::remove_dir_all(other.path("a/providers")).unwrap();
    told(other.run(), 78, "this node has no provider yet");
}

#[test]
fn invitation_without_cookies_is_told_to_both_sides() {
    let pair = Pair::introduced();
    let invite = || {
        let done = pair.invite("retailer", "a", &["--profile", "digital-ids"]).expect(0);
        pair.advertiser(&["accept", &pair.path("invitation.toml"), "--yes"]).expect(0);
        done.stdout
    };
    let said = invite();
    assert!(said.contains("no cookie namespace") && said.contains("`ingest` your graph"), "{said}");
    pair.write("crm.csv", &rows(1_200));
    let (input, output) = (pair.path("crm.csv"), pair.path("out.csv"));
    let plan = || {
        let args = ["plan", "--profile", "digital-ids", &input];
        pair.advertiser(&args).expect(0).stdout
    };
    assert!(plan().contains("no cookie namespace is in force"), "{}", plan());
    let args = ["run", "--profile", "digital-ids", "--approve", &input];
    let done = pair.advertiser(&[&args[..], &["--output", &output]].concat()).expect(75);
    assert!(done.stderr.contains("no cookie namespace is in force"), "{}", done.stderr);

    // What the warning says helps.
    let policy = "p/partners/retailer/partner.toml";
    let text = pair.read(policy).replace("\"aaid\"", "\"aaid\", \"exemple-regie.fr\"");
    pair.write(policy, &text);
    let said = invite();
    assert!(!said.contains("warning"), "{said}");
    assert!(!plan().contains("no cookie namespace"), "{}", plan());
}
