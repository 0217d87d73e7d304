//! Persons who leave, by files of CRM and by time.

use crate::{GateRules, SharedLimits};
use normalize::{Normalizer, Options, Ruleset};
use protocol::group::Portable;
use protocol::purpose::Purpose;
use store::os::testing::private_tempdir;
use store::spill::Workspace;

use super::*;

const NOW: u64 = 1_796_040_000;
const PROVIDER: [u8; 32] = [3; 32];

struct Bench {
    dir: tempfile::TempDir,
    storage: StorageKey,
}

impl Bench {
    fn new() -> Self {
        Self { dir: private_tempdir(), storage: StorageKey::from_bytes([7; 32]) }
    }

    /// A private directory of the bench.
    fn private_dir(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        os::create_private_dir(&path).unwrap();
        path
    }

    fn departures(&self) -> Departures {
        let workspace = Workspace { directory: self.private_dir("work"), memory_bytes: 1 << 20 };
        Departures::open(self.private_dir("delivered"), self.storage.clone(), workspace)
    }

    /// Prepares rows of id, address, purposes, objections and day of consent.
    fn prepare(&self, rows: &[Row]) -> PreparedInput {
        self.with(rows, Purpose::Match, |gathered| gathered.commit(&Portable).unwrap())
    }

    /// Finds who leaves by these rows, and keeps them out; their number.
    fn detect(&self, rows: &[Row], now: u64) -> u64 {
        self.detect_for(Purpose::Match, rows, now)
    }

    /// The same by a run of a purpose.
    fn detect_for(&self, purpose: Purpose, rows: &[Row], now: u64) -> u64 {
        let departures = self.departures();
        let found =
            self.with(rows, purpose, |gathered| departures.detect(&gathered, false).unwrap());
        departures.keep_out(&found, now).unwrap();
        found.rows.len() as u64
    }

    fn with<T>(
        &self,
        rows: &[Row],
        purpose: Purpose,
        take: impl FnOnce(GatheredInput<'_>) -> T,
    ) -> T {
        self.read(rows, (purpose, 1_095), take)
    }

    /// Reads rows under terms that take consents of at most so many days.
    fn with_age<T>(&self, rows: &[Row], days: u16, take: impl FnOnce(GatheredInput<'_>) -> T) -> T {
        self.read(rows, (Purpose::Match, days), take)
    }

    fn read<T>(
        &self,
        rows: &[Row],
        (purpose, consent_max_age_days): (Purpose, u16),
        take: impl FnOnce(GatheredInput<'_>) -> T,
    ) -> T {
        let mut text = "row_id,email,consent_purposes,objections,consent_at,consent_ref,\
                        consent_notice\n"
            .to_owned();
        for (id, email, purposes, objections, at) in rows {
            text += &format!("{id},{email}@exemple.fr,{purposes},{objections},{at},R,N\n");
        }
        let path = self.dir.path().join("crm.csv");
        fs::write(&path, text).unwrap();
        let terms = (Ruleset::CrmFr1, &[1, 2][..], 0);
        self.gathered(&path, terms, (purpose, consent_max_age_days), take)
    }

    /// Reads a file under rules as [`Bench::with_rules`] gives them.
    fn gathered<T>(
        &self,
        path: &Path,
        terms: (Ruleset, &[u8], u8),
        gate: (Purpose, u16),
        take: impl FnOnce(GatheredInput<'_>) -> T,
    ) -> T {
        let (files, key) = ([Input::own(path)], &self.storage);
        let (store, workspace) = (self.private_dir("inputs"), self.workspace());
        self.with_rules(terms, gate, |rules| {
            take(GatheredInput::read(&files, rules, &store, key, &workspace).unwrap())
        })
    }

    /// Room for spills.
    fn workspace(&self) -> Workspace {
        Workspace { directory: self.private_dir("work"), memory_bytes: 1 << 20 }
    }

    /// Gives rules by which files are read, under terms of normalization rules, kinds and level,
    /// for a purpose and consents of at most so many days.
    fn with_rules<T>(
        &self,
        (ruleset, kinds, level): (Ruleset, &[u8], u8),
        (purpose, consent_max_age_days): (Purpose, u16),
        take: impl FnOnce(&InputRules<'_>) -> T,
    ) -> T {
        let departed = self.departures().departed().unwrap();
        let rules = InputRules {
            normalizer: &Normalizer::new(ruleset, Options::defaults(ruleset)),
            gate: GateRules { purpose, consent_max_age_days, now: NOW },
            kinds,
            level,
            row_width: 8,
            shared: SharedLimits::default(),
            not_for_purpose: &[],
            watched: &tabular::Watched::default(),
            map: None,
            departed: Some(&departed),
        };
        take(&rules)
    }
}

const DAY: &str = "2026-03-02";

/// Id, address, purposes, objections and day of consent.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

fn customers() -> [Row; 6] {
    ["a", "b", "c", "d", "e", "f"].map(|id| (id, id, "ads.match", "", DAY))
}

#[test]
fn who_objects_withdraws_or_lets_consent_run_out_leaves_and_who_is_absent_does_not() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let names = PersonHashes::new(&bench.storage).unwrap();
    assert_eq!(departures.new_rows(&[4; 32], &input).unwrap(), None);
    let grown = [customers().to_vec(), vec![("n", "n", "ads.match", "", DAY)]].concat();
    let grown = departures.new_rows(&PROVIDER, &bench.prepare(&grown)).unwrap();
    assert_eq!(grown, Some(1));
    // Everything is as it was.
    assert_eq!(bench.detect(&customers(), NOW), 0);
    let later = [
        ("a", "a", "ads.match", "all", DAY),
        ("b", "b", "ads.suppress", "", DAY),
        ("c", "c", "ads.match", "", "2019-03-02"),
        // A cell that nobody can read is no reason of rights.
        ("d", "d", "whatever", "", DAY),
        ("e", "e", "ads.match", "", DAY),
        // Never delivered.
        ("z", "z", "ads.match", "all", DAY),
    ];
    assert_eq!(bench.detect(&later, NOW + 1), 3);
    assert_eq!(bench.detect(&later, NOW + 9), 0, "they are known");
    let leavers = leavers(&departures, NOW + 9).rows;
    let mut rows: Vec<PersonHash> = leavers.iter().map(|leaver| leaver.row).collect();
    let mut expected = [b"a", b"b", b"c"].map(|id| names.row(id)).to_vec();
    rows.sort_unstable();
    expected.sort_unstable();
    assert_eq!(rows, expected);
    assert!(leavers.iter().all(|leaver| leaver.since == NOW + 1));
    assert!(leavers.iter().all(|leaver| leaver.identifiers.len() == 1));
    let other = departures.leavers(&[4; 32], &EMAILS, NOW + 9).unwrap();
    assert!(other.rows.is_empty(), "another provider");
    // Named once, they wait for another day; and a release is due.
    departures.removed(&PROVIDER, &leavers, NOW + 2).unwrap();
    let removals = departures.removals(&PROVIDER).unwrap();
    assert!(removals.must_wait(NOW + 3) && !removals.must_wait(NOW + 2 + REMOVAL_SPAN_S));
    assert!(!removals.must_wait(NOW), "a clock that went back holds nobody");
    assert!(removals.release_due);
    departures.released(&PROVIDER).unwrap();
    let removals = departures.removals(&PROVIDER).unwrap();
    assert!(removals.must_wait(NOW + 3) && !removals.release_due);
}

/// Addresses, in rows of the widest kind.
const EMAILS: Sendable<'_> = Sendable { kinds: &[1, 2], ruleset: 1, width: 8 };

fn leavers(departures: &Departures, now: u64) -> Leavers {
    departures.leavers(&PROVIDER, &EMAILS, now).unwrap()
}

#[test]
fn an_objection_under_another_id_is_of_the_person_who_was_delivered() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let others: Vec<Row> = customers()[1..].to_vec();
    // Her row is gone, and a list of objections names her address.
    let listed = [others.clone(), vec![("opp-17", "a", "", "all", "")]].concat();
    assert_eq!(bench.detect(&listed, NOW), 1);
    // The row is still there, without the objection.
    let both = [others.clone(), vec![("opp-18", "b", "", "unsubscribed", "")]].concat();
    assert_eq!(bench.detect(&both, NOW), 1);
    let names = PersonHashes::new(&bench.storage).unwrap();
    let mut rows: Vec<_> = leavers(&departures, NOW).rows.iter().map(|of| of.row).collect();
    rows.sort_unstable();
    let mut expected = [b"a", b"b"].map(|id| names.row(id)).to_vec();
    expected.sort_unstable();
    assert_eq!(rows, expected);
}

#[test]
fn further_rows_of_somebody_who_leaves_are_found_before_they_are_committed_to() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let listed: Row = ("opp-1", "b", "", "all", "");
    // Her row is gone, or has another address today, under which nobody knows her.
    let gone: Vec<Row> = customers().into_iter().filter(|row| row.0 != "b").collect();
    let moved = [gone.clone(), vec![("b", "bb", "ads.match", "", DAY)]].concat();
    for (rows, stands) in [(gone, false), (moved, true)] {
        let rows = [rows, vec![listed]].concat();
        let holds = bench.with(&rows, Purpose::Match, |gathered| {
            let found = departures.detect(&gathered, false).unwrap();
            departures.keep_out(&found, NOW).unwrap();
            gathered.holds(&departures.departed().unwrap()).unwrap()
        });
        assert_eq!(holds, stands, "{rows:?}");
        // Read again, she is not in it.
        assert_eq!(bench.prepare(&rows).counts().eligible, 5);
        std::fs::remove_file(departures.directory.join(DEPARTED)).unwrap();
    }
}

/// Names of the persons who are to leave, as rows, in the order of the alphabet.
fn rows_to_leave(bench: &Bench) -> Vec<&'static str> {
    let names = PersonHashes::new(&bench.storage).unwrap();
    let rows = leavers(&bench.departures(), NOW).rows;
    let all = ["a", "b", "c", "d", "e", "f", "y", "z"];
    let leaves = |id: &&str| rows.iter().any(|of| of.row == names.row(id.as_bytes()));
    all.into_iter().filter(leaves).collect()
}

#[test]
fn a_ground_takes_out_whoever_it_names_and_no_further_rows_on_later_days() {
    // Rows a and y have an address in common, and y and z another.
    let bench = Bench::new();
    let deliver = |departures: &Departures, rows: &[(&str, u8)]| {
        let names = PersonHashes::new(&bench.storage).unwrap();
        let mut delivered: Vec<Delivered> = rows
            .iter()
            .map(|(id, digest)| Delivered {
                row: names.row(id.as_bytes()),
                kind: 1,
                digest: [*digest; 32],
                ruleset: 1,
                personal: 1,
                purposes: purpose_bit(Purpose::Match),
                consent_days: 1_095.into(),
                since: NOW.into(),
                until: (NOW + 99 * DAY_S).into(),
                first_named: 0.into(),
                last_named: 0.into(),
            })
            .collect();
        delivered.sort();
        let mut delivered = delivered.into_iter();
        departures.rewrite(&PROVIDER, || Ok(delivered.next())).unwrap();
    };
    let departures = bench.departures();
    deliver(&departures, &[("a", 1), ("y", 1), ("y", 2), ("z", 2)]);
    let names = PersonHashes::new(&bench.storage).unwrap();
    let mut found = NewLeavers::among(3, Vec::new(), false).unwrap();
    found.add(names.row(b"a"), (Ground::Objection, 0));
    found.add(names.row(b"y"), (Ground::Identifier, 0));
    found.identifiers.insert(names.identifier(1, &[1; 32]));
    departures.keep_out(&found, NOW).unwrap();
    let departed = departures.departed().unwrap();
    assert!(departed.holds(b"a", []) && departed.holds(b"y", []));
    assert!(departed.holds(b"new", [(1, &[1; 32])]), "her address, under any id");
    assert!(!departed.holds(b"z", [(1, &[2; 32])]), "an address of y takes nobody out");
}

#[test]
fn consents_that_run_out_one_day_after_the_other_take_out_nobody_else() {
    let bench = Bench::new();
    let departures = bench.departures();
    let shared = [("a", "s", "ads.match", "", DAY), ("y", "s", "ads.match", "", DAY)];
    let mut rows = [customers()[2..].to_vec(), shared.to_vec()].concat();
    let input = bench.prepare(&rows);
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    // The consent of a is gone; y has her own, for the same address.
    rows[4].2 = "";
    for _ in 0..3 {
        bench.detect(&rows, NOW);
        assert_eq!(bench.prepare(&rows).counts().eligible, 5, "y is in the run");
        assert!(!rows_to_leave(&bench).contains(&"y"));
    }
}

#[test]
fn a_consent_is_too_old_by_the_terms_of_the_delivery_and_a_newer_one_brings_back() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    // Another provider takes consents of half a year: nobody leaves the first one for that.
    let strict = bench.with_age(&customers(), 180, |gathered| {
        departures.detect(&gathered, false).unwrap().persons()
    });
    assert_eq!(strict, 0);
    let mut rows = customers();
    rows[0].4 = "2019-03-02";
    assert_eq!(bench.detect(&rows, NOW), 1);
    assert_eq!(rows_to_leave(&bench), ["a"]);
    // She consents anew.
    assert_eq!(bench.detect(&customers(), NOW), 0);
    assert!(rows_to_leave(&bench).is_empty());
    assert_eq!(bench.prepare(&customers()).counts().eligible, 6);
}

#[test]
fn an_address_that_a_list_named_stays_out_without_the_list() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let mut withdrew = customers();
    withdrew[2].2 = "";
    assert_eq!(bench.detect(&withdrew, NOW), 1);
    // The rows of b and c stand beside the list that names their addresses.
    let list = [("opp-1", "b", "", "all", ""), ("opp-2", "c", "", "all", "")];
    assert_eq!(bench.detect(&[&withdrew[..], &list].concat(), NOW), 2);
    let others = [("g", "b", "ads.match", "", DAY), ("h", "c", "ads.match", "", DAY)];
    let later = [&customers()[..], &others].concat();
    assert_eq!(bench.prepare(&later).counts().eligible, 4, "a, d, e and f");
}

#[test]
fn who_was_delivered_after_she_was_named_is_named_anew() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    let until = NOW + 90 * DAY_S;
    departures.record(&PROVIDER, &input, true, (NOW, until)).unwrap();
    let mut rows = customers();
    rows[0].4 = "2019-03-02";
    assert_eq!(bench.detect(&rows, NOW), 1);
    departures.removed(&PROVIDER, &leavers(&departures, NOW).rows, NOW).unwrap();
    assert_eq!(departures.removals(&PROVIDER).unwrap().waiting, 0);
    // She consents anew, is delivered again, and objects when the first removal is long over.
    assert_eq!(bench.detect(&customers(), NOW), 0);
    departures.record(&PROVIDER, &input, true, (NOW, until)).unwrap();
    rows[0].3 = "all";
    let later = NOW + 30 * DAY_S;
    assert_eq!(bench.detect(&rows, later), 1);
    assert_eq!(departures.removals(&PROVIDER).unwrap().waiting, 1);
    let leaving = leavers(&departures, later);
    assert!(leaving.due && leaving.persons == 1);
}

#[test]
fn who_was_named_for_long_enough_may_object_with_all_that_is_hers() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 90 * DAY_S)).unwrap();
    let mut rows = customers();
    rows[0].2 = "";
    assert_eq!(bench.detect(&rows, NOW), 1);
    for day in [0, 7, 14, 20] {
        let at = NOW + day * DAY_S;
        departures.removed(&PROVIDER, &leavers(&departures, at).rows, at).unwrap();
    }
    rows[0].3 = "all";
    assert_eq!(bench.detect(&rows, NOW + 21 * DAY_S), 1);
    let again = [&customers()[..], &[("g", "a", "ads.match", "", DAY)]].concat();
    assert_eq!(bench.prepare(&again).counts().eligible, 5, "her address, under another id");
}

#[test]
fn a_consent_that_another_row_withdraws_takes_out_no_row_that_is_left_out_for_less() {
    let bench = Bench::new();
    let departures = bench.departures();
    let shared = [("a", "s", "ads.match", "", DAY), ("y", "s", "ads.match", "", DAY)];
    let mut rows = [customers()[2..].to_vec(), shared.to_vec()].concat();
    let input = bench.prepare(&rows);
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    rows[4].2 = "";
    // Another provider takes consents of half a year, so that y is too old for this run.
    let found = |rows: &[Row], days| {
        let names = PersonHashes::new(&bench.storage).unwrap();
        let found =
            bench.with_age(rows, days, |gathered| departures.detect(&gathered, false).unwrap());
        found.rows.get(&names.row(b"y")).map(|(ground, _)| *ground)
    };
    assert_eq!(found(&rows, 180), None);
    // Too old by the terms of the delivery, she leaves as that: a newer one brings her back.
    rows[5].4 = "2019-03-02";
    assert_eq!(found(&rows, 180), Some(Ground::Aged));
    // Nobody can read her cell today.
    (rows[5].2, rows[5].4) = ("whatever", DAY);
    assert_eq!(found(&rows, 1_095), None);
    // Both withdrew, or y is gone.
    rows[5].2 = "";
    assert_eq!(found(&rows, 180), Some(Ground::Withdrawn));
    assert_eq!(found(&rows[..5], 180), Some(Ground::Withdrawn));
}

#[test]
fn a_consent_too_old_for_one_provider_is_none_for_a_provider_that_takes_it() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.with_age(&customers(), 365, |gathered| gathered.commit(&Portable).unwrap());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let (lenient, input) = ([4; 32], bench.prepare(&customers()));
    departures.record(&lenient, &input, true, (NOW, NOW + 100)).unwrap();
    let leaving = || {
        let at = |party| departures.leavers(party, &EMAILS, NOW).unwrap().persons;
        let waiting = departures.removals(&lenient).unwrap().waiting;
        (at(&PROVIDER), at(&lenient), waiting)
    };
    let mut rows = customers();
    rows[0].4 = "2025-03-02";
    let run = |rows: &[Row], days| {
        let found =
            bench.with_age(rows, days, |gathered| departures.detect(&gathered, false).unwrap());
        departures.keep_out(&found, NOW).unwrap();
    };
    run(&rows, 365);
    assert_eq!(leaving(), (1, 0, 0));
    // A run with the other provider, which may use the row, brings her back to nobody.
    run(&rows, 1_095);
    assert_eq!(leaving(), (1, 0, 0));
    run(&customers(), 1_095);
    assert_eq!(leaving(), (0, 0, 0));
}

#[test]
fn an_objection_after_a_withdrawal_is_no_further_person_and_begins_no_wait_anew() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 90 * DAY_S)).unwrap();
    let mut rows = customers();
    rows[0].2 = "";
    assert_eq!(bench.detect(&rows, NOW), 1);
    rows[0].3 = "all";
    let found =
        bench.with(&rows, Purpose::Match, |gathered| departures.detect(&gathered, false).unwrap());
    assert_eq!((found.persons(), found.is_empty()), (0, false));
    departures.keep_out(&found, NOW + DAY_S).unwrap();
    assert_eq!(departures.removals(&PROVIDER).unwrap().waiting_since, NOW);
    // Whose consent was too old may have been in an input since.
    rows[1].4 = "2019-03-02";
    assert_eq!(bench.detect(&rows, NOW + DAY_S), 1);
    rows[1].3 = "all";
    assert_eq!(bench.detect(&rows, NOW + 2 * DAY_S), 1);
    assert_eq!(departures.removals(&PROVIDER).unwrap().waiting_newest, NOW + 2 * DAY_S);
}

#[test]
fn who_withdrew_and_objects_later_takes_all_that_is_hers_out() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let mut rows = customers();
    rows[0].2 = "";
    assert_eq!(bench.detect(&rows, NOW), 1);
    let (row, address) = (("g", "a", "ads.match", "", DAY), customers());
    let under_another_id = [address.to_vec(), vec![row]].concat();
    assert_eq!(bench.prepare(&under_another_id).counts().eligible, 6, "her other row consents");
    rows[0].3 = "all";
    assert_eq!(bench.detect(&rows, NOW), 1, "an objection weighs more");
    assert_eq!(bench.detect(&rows, NOW), 0);
    assert_eq!(bench.prepare(&under_another_id).counts().eligible, 5);
}

#[test]
fn an_equal_row_id_of_another_system_withdraws_no_consent() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let other = [("a", "somebody", "", "", DAY), ("b", "else", "ads.match", "", DAY)];
    let doubtful = bench.with(&other, Purpose::Match, |gathered| {
        departures.detect(&gathered, false).unwrap().doubtful()
    });
    assert_eq!(doubtful, 1, "told: she may have another address, and withdrew");
    assert_eq!(bench.detect(&other, NOW), 0);
    // An objection under the id counts: better a person too many than one too few.
    let objects = [("a", "somebody", "ads.match", "all", DAY)];
    assert_eq!(bench.detect(&[&objects[..], &other[1..]].concat(), NOW), 1);
}

#[test]
fn a_bag_is_outdated_by_whoever_left_after_it_and_no_bag_by_what_is_over() {
    let with = |last, release_due, waiting, waiting_newest| {
        let (last, waiting_since) = (Some(last), 0);
        Removals { last, release_due, waiting, waiting_since, waiting_newest }
    };
    assert!(with(10, true, 0, 0).outdate(10) && !with(10, true, 0, 0).outdate(11));
    assert!(!with(10, false, 0, 0).outdate(9), "it was destroyed, or released since");
    assert!(with(10, false, 1, 20).outdate(20) && !with(10, false, 1, 20).outdate(21));
}

#[test]
fn a_consent_that_another_row_lacks_takes_a_row_out_that_is_gone_and_no_other() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let without = vec![("x", "a", "", "", DAY)];
    let beside = [customers().to_vec(), without.clone()].concat();
    assert_eq!(bench.detect(&beside, NOW), 0, "the row has a consent of its own");
    let moved = [customers()[1..].to_vec(), without].concat();
    assert_eq!(bench.detect(&moved, NOW), 1);
}

#[test]
fn a_consent_is_missed_for_the_purpose_of_the_delivery_alone_and_an_objection_for_all() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let mut rows = customers();
    rows[0].3 = "all";
    // For this purpose nobody consented, and one objected.
    assert_eq!(bench.detect_for(Purpose::Suppress, &rows, NOW), 1);
}

#[test]
fn a_file_that_takes_many_out_at_once_takes_nobody_out_unless_that_is_meant() {
    let bench = Bench::new();
    let departures = bench.departures();
    let ids: Vec<&'static str> =
        (0..1_200).map(|n| &*Box::leak(format!("p{n}").into_boxed_str())).collect();
    let rows: Vec<Row> = ids.iter().map(|id| (*id, *id, "ads.match", "", DAY)).collect();
    let input = bench.prepare(&rows);
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    // The column of consents is the wrong one.
    let wrong: Vec<Row> = ids.iter().map(|id| (*id, *id, "", "", DAY)).collect();
    let find = |allowed| {
        bench.with(&wrong, Purpose::Match, |gathered| departures.detect(&gathered, allowed))
    };
    let refused = find(false).unwrap_err();
    let told = matches!(refused, CrmError::ManyLeavers { persons: 241, delivered: 1_200 });
    assert!(told, "{refused:?}");
    assert!(leavers(&departures, NOW).rows.is_empty(), "finding keeps nothing");
    let meant = find(true).unwrap();
    assert_eq!(meant.persons(), 1_200);
    departures.keep_out(&meant, NOW).unwrap();
    assert_eq!(leavers(&departures, NOW).persons, 1_200);
    assert_eq!(departures.removals(&PROVIDER).unwrap().waiting, 1_200);
}

#[test]
fn whoever_was_named_is_named_again_until_the_list_has_taken_her_out() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    let until = NOW + 90 * DAY_S;
    departures.record(&PROVIDER, &input, true, (NOW, until)).unwrap();
    let mut rows = customers();
    rows[0].3 = "all";
    assert_eq!(bench.detect(&rows, NOW), 1);
    let first = leavers(&departures, NOW);
    assert!(first.due && first.persons == 1);
    departures.removed(&PROVIDER, &first.rows, NOW).unwrap();
    assert_eq!(departures.removals(&PROVIDER).unwrap().waiting, 0);
    let due_on = |day: u64| leavers(&departures, NOW + day * DAY_S).due;
    let due: Vec<u64> = (0..30).filter(|day| due_on(*day)).collect();
    assert_eq!(due, (7..15).collect::<Vec<_>>());
    // Somebody else leaves on the third day: both are named.
    rows[1].3 = "all";
    assert_eq!(bench.detect(&rows, NOW + 3 * DAY_S), 1);
    let both = leavers(&departures, NOW + 3 * DAY_S);
    assert!(both.due && both.persons == 2);
    let names = PersonHashes::new(&bench.storage).unwrap();
    assert_eq!(both.rows[0].row, names.row(b"b"), "who was never named goes first");
    departures.removed(&PROVIDER, &both.rows, NOW + 3 * DAY_S).unwrap();
    assert_eq!(leavers(&departures, NOW + 14 * DAY_S).persons, 2);
    assert_eq!(leavers(&departures, NOW + 15 * DAY_S).persons, 1);
    assert_eq!(leavers(&departures, NOW + 18 * DAY_S).persons, 0);
}

#[test]
fn a_removal_names_what_the_terms_take_and_no_household_beside_what_is_the_person_s() {
    let bench = Bench::new();
    let departures = bench.departures();
    let names = PersonHashes::new(&bench.storage).unwrap();
    let row = names.row(b"a");
    let of = |kind: u8, digest: u8, personal: u8| Delivered {
        row,
        kind,
        digest: [digest; 32],
        ruleset: 1,
        personal,
        purposes: 1,
        consent_days: 1_095.into(),
        since: NOW.into(),
        until: (NOW + 99 * DAY_S).into(),
        first_named: 0.into(),
        last_named: 0.into(),
    };
    let deliver = |delivered: &[Delivered]| {
        let mut sorted = delivered.to_vec();
        sorted.sort();
        let mut sorted = sorted.into_iter();
        departures.rewrite(&PROVIDER, || Ok(sorted.next())).unwrap();
    };
    deliver(&[of(1, 1, 1)]);
    let mut found = NewLeavers::among(1, Vec::new(), false).unwrap();
    found.add(row, (Ground::Objection, 0));
    departures.keep_out(&found, NOW).unwrap();
    let named = |sendable: &Sendable<'_>| {
        let leavers = departures.leavers(&PROVIDER, sendable, NOW).unwrap();
        let digests = |of: &Leaver| of.identifiers.iter().map(|one| one.2[0]).collect();
        let rows: Vec<Vec<u8>> = leavers.rows.iter().map(digests).collect();
        (rows, leavers.persons, leavers.unnameable)
    };
    let all = Sendable { kinds: &[1, 2, 3], ruleset: 1, width: 8 };
    // A line of the household beside an address of her own, and alone.
    deliver(&[of(1, 1, 1), of(3, 9, 0)]);
    assert_eq!(named(&all), (vec![vec![1]], 1, 0));
    deliver(&[of(3, 9, 0)]);
    assert_eq!(named(&all), (vec![vec![9]], 1, 0));
    // A kind that the terms no longer take, and other rules: told, and in nobody's way.
    deliver(&[of(1, 1, 1), of(3, 9, 0)]);
    assert_eq!(named(&Sendable { kinds: &[3], ..all }), (vec![], 0, 1));
    assert_eq!(named(&Sendable { ruleset: 2, ..all }), (vec![], 0, 1));
    // Narrow rows, and what waits for its kind to come back.
    deliver(&[of(1, 1, 1), of(1, 2, 1), of(1, 3, 1), of(2, 4, 1)]);
    let narrow = Sendable { kinds: &[1], width: 2, ..all };
    assert_eq!(named(&narrow), (vec![vec![1, 2], vec![3]], 1, 0));
    let rows = departures.leavers(&PROVIDER, &narrow, NOW).unwrap().rows;
    departures.removed(&PROVIDER, &rows, NOW).unwrap();
    assert!(!departures.leavers(&PROVIDER, &narrow, NOW + 1).unwrap().due);
    assert!(departures.leavers(&PROVIDER, &all, NOW + 1).unwrap().due);
}

#[test]
fn whoever_left_is_in_no_input_under_any_id_whatever_a_later_file_says() {
    let bench = Bench::new();
    let departures = bench.departures();
    let first = bench.prepare(&customers());
    departures.record(&PROVIDER, &first, true, (NOW, NOW + 100)).unwrap();
    let mut rows = customers();
    rows[0].3 = "all";
    assert_eq!(bench.detect(&rows, NOW), 1);
    // The objection is gone, and the address stands under another id, too.
    let again = [customers().to_vec(), vec![("g", "a", "ads.match", "", DAY)]].concat();
    let input = bench.prepare(&again);
    assert_eq!((input.counts().rows, input.counts().eligible), (7, 5));
    assert_eq!(input.counts().rows_left_out["row_optout"], 2);
    // The address of the row may have changed since: the row is still of the person.
    let mut moved = customers();
    moved[0].1 = "other";
    assert_eq!(bench.prepare(&moved).counts().eligible, 5);
}

#[test]
fn who_left_first_goes_first_and_the_audit_window_ends_it() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    // Delivered again, a row stands once, for as long as the later of both windows.
    departures.record(&PROVIDER, &input, true, (NOW + 1, NOW + 300)).unwrap();
    for (at, row) in [(1, 5), (0, 9), (2, 3)] {
        let mut rows = customers();
        rows[at].3 = "all";
        assert_eq!(bench.detect(&rows, NOW + row), 1);
    }
    let names = PersonHashes::new(&bench.storage).unwrap();
    let rows = leavers(&departures, NOW).rows;
    let order: Vec<PersonHash> = rows.iter().map(|leaver| leaver.row).collect();
    assert_eq!(order, [b"c", b"b", b"a"].map(|id| names.row(id)));
    departures.removed(&PROVIDER, &rows[..1], NOW + 200).unwrap();
    let rows = leavers(&departures, NOW + 200).rows;
    let order: Vec<PersonHash> = rows.iter().map(|leaver| leaver.row).collect();
    assert_eq!(order, [b"b", b"a", b"c"].map(|id| names.row(id)));
    departures.removed(&PROVIDER, &[], NOW + 301).unwrap();
    assert!(leavers(&departures, NOW + 301).rows.is_empty());
}

#[test]
fn removal_names_a_person_by_all_rows_or_by_none() {
    // Person 2 has three rows, because her identifiers do not fit in one.
    let rows = [1_u8, 2, 2, 2, 3];
    let kept = [(0, 0), (1, 1), (2, 1), (3, 1), (4, 4), (5, 5), (6, 5)];
    for (most, expected) in kept {
        let leaver = |n| Leaver { row: [n; 16], identifiers: Vec::new(), since: NOW };
        let mut leavers = Vec::from(rows.map(leaver));
        cut_between_persons(&mut leavers, most);
        let named: Vec<u8> = leavers.iter().map(|leaver| leaver.row[0]).collect();
        assert_eq!(named, rows[..expected], "at most {most}");
    }
}

#[test]
fn leavers_are_an_input_of_their_own_that_nobody_had_to_consent_to() {
    let bench = Bench::new();
    let leavers = [1_u8, 2].map(|n| Leaver {
        row: [n; 16],
        // One address of both.
        identifiers: vec![(1, 1, [n; 32]), (1, 1, [9; 32])],
        since: NOW,
    });
    let store = bench.private_dir("inputs");
    let key = &bench.storage;
    let input = PreparedInput::of_leavers(&leavers, &store, key, &Portable).unwrap();
    assert_eq!(input.purpose(), Purpose::Remove);
    assert_eq!((input.root().rows, input.root().leaves, input.distinct()), (2, 4, 3));
    assert_eq!(input.row_identifiers_max(), Some(2));
    let slots = input.identifiers().unwrap().next_chunk(9).unwrap();
    let elements: Vec<_> = slots.iter().map(|s| (s.row, s.slot, s.element)).collect();
    assert_eq!(elements, [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 1)]);
    assert!(PreparedInput::of_leavers(&[], &store, key, &Portable).is_err());
}

const HEAD: &str =
    "row_id,email,phone,consent_purposes,objections,consent_at,consent_ref,consent_notice";

/// Reads lines of a file with telephone numbers, under rules and a level of links.
fn read_lines<T>(
    bench: &Bench,
    lines: &str,
    (ruleset, level, days): (Ruleset, u8, u16),
    take: impl FnOnce(GatheredInput<'_>) -> T,
) -> T {
    let path = bench.dir.path().join("lines.csv");
    fs::write(&path, format!("{HEAD}\n{lines}")).unwrap();
    bench.gathered(&path, (ruleset, &[1, 2, 3], level), (Purpose::Match, days), take)
}

const FR: (Ruleset, u8, u16) = (Ruleset::CrmFr1, 1, 1_095);

#[test]
fn who_was_delivered_by_a_mobile_number_alone_leaves_by_a_missing_or_old_consent() {
    for (from, to) in [("78,ads.match", "78,"), ("78,ads.match,,2026", "78,ads.match,,2019")] {
        let bench = Bench::new();
        let departures = bench.departures();
        let lines = "a,,+33642371978,ads.match,,2026-03-02,R,N\n\
                     b,,+33642371979,ads.match,,2026-03-02,R,N\n";
        let input = read_lines(&bench, lines, FR, |gathered| gathered.commit(&Portable).unwrap());
        assert_eq!(input.counts().eligible, 2);
        // Terms of level 1.
        departures.record(&PROVIDER, &input, false, (NOW, NOW + 100)).unwrap();
        let (found, doubtful) = read_lines(&bench, &lines.replace(from, to), FR, |gathered| {
            let found = departures.detect(&gathered, false).unwrap();
            (found.persons(), found.doubtful())
        });
        assert_eq!((found, doubtful), (1, 0), "{to}");
    }
}

#[test]
fn who_was_delivered_after_she_was_named_outdates_the_bag_of_that_delivery() {
    let bench = Bench::new();
    let departures = bench.departures();
    let until = NOW + 90 * DAY_S;
    // She was delivered by two addresses, one after the other.
    let mut rows = customers();
    departures.record(&PROVIDER, &bench.prepare(&rows), true, (NOW, until)).unwrap();
    rows[0].1 = "new";
    departures.record(&PROVIDER, &bench.prepare(&rows), true, (NOW, until)).unwrap();
    let mut old = rows;
    old[0].4 = "2019-03-02";
    assert_eq!(bench.detect(&old, NOW), 1);
    departures.removed(&PROVIDER, &leavers(&departures, NOW).rows, NOW).unwrap();
    departures.released(&PROVIDER).unwrap();
    // She consents anew, and is delivered again by one of them.
    assert_eq!(bench.detect(&rows, NOW + DAY_S), 0);
    let sealed_at = NOW + DAY_S;
    departures.record(&PROVIDER, &bench.prepare(&rows), true, (sealed_at, until)).unwrap();
    rows[0].3 = "all";
    let later = NOW + 30 * DAY_S;
    assert_eq!(bench.detect(&rows, later), 1);
    assert!(leavers(&departures, later).due);
    let removals = departures.removals(&PROVIDER).unwrap();
    assert!(removals.outdate(sealed_at), "the bag holds her");
    assert_eq!(removals.waiting, 1);
}

#[test]
fn who_leaves_one_provider_by_age_later_than_another_outdates_its_later_bags() {
    let bench = Bench::new();
    let departures = bench.departures();
    let until = NOW + 2_000 * DAY_S;
    let strict = bench.with_age(&customers(), 365, |gathered| gathered.commit(&Portable).unwrap());
    departures.record(&PROVIDER, &strict, true, (NOW, until)).unwrap();
    let (lenient, input) = ([4; 32], bench.prepare(&customers()));
    departures.record(&lenient, &input, true, (NOW, until)).unwrap();
    let mut rows = customers();
    rows[0].4 = "2025-03-02";
    let found =
        |days| bench.with_age(&rows, days, |gathered| departures.detect(&gathered, false).unwrap());
    departures.keep_out(&found(365), NOW).unwrap();
    // A bag of the lenient provider with her, which is right: three years are not over.
    let sealed_at = NOW + 10;
    assert_eq!(bench.prepare(&rows).counts().eligible, 6);
    departures.record(&lenient, &bench.prepare(&rows), true, (sealed_at, until)).unwrap();
    // They are now.
    let later = NOW + 700 * DAY_S;
    departures.keep_out(&found(365), later).unwrap();
    let removals = departures.removals(&lenient).unwrap();
    assert_eq!(removals.waiting, 1);
    assert!(removals.outdate(sealed_at), "{removals:?}");
}

#[test]
fn a_consent_that_is_older_than_the_one_known_is_judged_by_each_provider() {
    let bench = Bench::new();
    let departures = bench.departures();
    let strict = bench.with_age(&customers(), 365, |gathered| gathered.commit(&Portable).unwrap());
    departures.record(&PROVIDER, &strict, true, (NOW, NOW + 100)).unwrap();
    let (lenient, input) = ([4; 32], bench.prepare(&customers()));
    departures.record(&lenient, &input, true, (NOW, NOW + 100)).unwrap();
    let run = |at, days| {
        let mut rows = customers();
        rows[0].4 = at;
        let found =
            bench.with_age(&rows, days, |gathered| departures.detect(&gathered, false).unwrap());
        departures.keep_out(&found, NOW).unwrap();
    };
    run("2025-03-02", 365);
    run("2019-03-02", 1_095);
    assert_eq!(departures.leavers(&lenient, &EMAILS, NOW).unwrap().persons, 1);
}

#[test]
fn who_withdrew_in_one_of_two_rows_of_her_id_is_not_excused_by_the_other() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let withdrew = ("a", "a", "", "", DAY);
    let others = customers()[1..].to_vec();
    let with = |other: Row| {
        let rows = [others.clone(), vec![withdrew, other]].concat();
        let names = PersonHashes::new(&bench.storage).unwrap();
        let found =
            bench.with_age(&rows, 1_095, |gathered| departures.detect(&gathered, false).unwrap());
        found.rows.get(&names.row(b"a")).map(|(ground, _)| *ground)
    };
    assert_eq!(with(("a", "a", "ads.match", "", DAY)), Some(Ground::Withdrawn));
    let of =
        [with(("a", "a", "whatever", "", DAY)), with(("a", "a", "ads.match", "", "2019-03-02"))];
    assert_eq!(of, [Some(Ground::Withdrawn); 2]);
}

#[test]
fn who_withdrew_in_one_of_two_rows_of_her_id_leaves_with_the_address_of_the_other() {
    for which in 0..2 {
        let bench = Bench::new();
        let departures = bench.departures();
        let mut both = [("a", "a", "ads.match", "", DAY), ("a", "aa", "ads.match", "", DAY)];
        let others = customers()[1..].to_vec();
        let input = bench.prepare(&[others.clone(), both.to_vec()].concat());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        both[which].2 = "";
        let rows = [others, both.to_vec()].concat();
        assert_eq!(bench.prepare(&rows).counts().eligible, 5, "she is left out");
        assert_eq!(bench.detect(&rows, NOW), 1, "row {which}");
    }
}

#[test]
fn an_address_that_she_objected_by_stays_out_though_it_was_never_delivered() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    // She has a new address, and objects.
    let mut rows = customers();
    (rows[0].1, rows[0].3) = ("new", "all");
    assert_eq!(bench.detect(&rows, NOW), 1);
    // The next file has her under another id, without the objection.
    let later = [&customers()[1..], &[("g", "new", "ads.match", "", DAY)]].concat();
    assert_eq!(bench.prepare(&later).counts().eligible, 5);
}

#[test]
fn rules_that_changed_between_two_deliveries_leave_her_nameable() {
    let bench = Bench::new();
    let departures = bench.departures();
    let lines = "a,a@exemple.fr,,ads.match,,2026-03-02,R,N\n\
                 b,b@exemple.fr,,ads.match,,2026-03-02,R,N\n";
    for (at, ruleset) in [(0, Ruleset::CrmFr1), (1, Ruleset::CrmIntl1)] {
        let input = read_lines(&bench, lines, (ruleset, 1, 1_095), |gathered| {
            gathered.commit(&Portable).unwrap()
        });
        departures.record(&PROVIDER, &input, true, (NOW + at, NOW + 100)).unwrap();
    }
    let lines = lines.replacen(",,2026", ",all,2026", 1);
    let found = read_lines(&bench, &lines, (Ruleset::CrmIntl1, 1, 1_095), |gathered| {
        departures.detect(&gathered, false).unwrap()
    });
    departures.keep_out(&found, NOW + 2).unwrap();
    let today = Sendable { ruleset: Ruleset::CrmIntl1.code(), ..EMAILS };
    let leavers = departures.leavers(&PROVIDER, &today, NOW + 2).unwrap();
    assert_eq!((leavers.persons, leavers.unnameable), (1, 0));
}

#[test]
fn an_objection_after_a_removal_names_her_address_that_another_row_delivered_since() {
    let bench = Bench::new();
    let departures = bench.departures();
    let until = NOW + 90 * DAY_S;
    departures.record(&PROVIDER, &bench.prepare(&customers()), true, (NOW, until)).unwrap();
    let mut rows = customers();
    rows[0].2 = "";
    assert_eq!(bench.detect(&rows, NOW), 1);
    departures.removed(&PROVIDER, &leavers(&departures, NOW).rows, NOW).unwrap();
    // Her address is delivered again by another row, which consents.
    let again = [&rows[..], &[("g", "a", "ads.match", "", DAY)]].concat();
    let input = bench.prepare(&again);
    assert_eq!(input.counts().eligible, 6);
    departures.record(&PROVIDER, &input, true, (NOW + DAY_S, until)).unwrap();
    // She has a new address in her row, and objects.
    let mut objects = again.clone();
    (objects[0].1, objects[0].3) = ("new", "all");
    let later = NOW + 30 * DAY_S;
    assert_eq!(bench.detect(&objects, later), 2, "the other row is out");
    assert_eq!(bench.prepare(&objects).counts().eligible, 5);
    let named = leavers(&departures, later).rows;
    let names = PersonHashes::new(&bench.storage).unwrap();
    assert_eq!(named.iter().map(|of| of.row).collect::<Vec<_>>(), [names.row(b"g")]);
}

#[test]
fn a_bag_of_the_second_in_which_she_left_is_outdated() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let mut rows = customers();
    rows[0].3 = "all";
    assert_eq!(bench.detect(&rows, NOW), 1);
    assert!(departures.removals(&PROVIDER).unwrap().outdate(NOW));
    departures.removed(&PROVIDER, &leavers(&departures, NOW).rows, NOW).unwrap();
    assert!(departures.removals(&PROVIDER).unwrap().outdate(NOW));
}

/// Runs `prepare` over files, one of which is a pipe under a path of its own.
fn prepared(bench: &Bench, files: &[Input]) -> (Result<PreparedInput, CrmError>, u64) {
    let departures = bench.departures();
    let (store, workspace) = (bench.private_dir("inputs"), bench.workspace());
    let terms = (Ruleset::CrmFr1, &[1, 2, 3][..], 0);
    let done = bench.with_rules(terms, (Purpose::Match, 1_095), |rules| {
        departures.prepare(files, rules, (&store, &workspace), &Portable, (false, NOW))
    });
    (done, leavers(&departures, NOW).persons)
}

#[test]
fn a_list_in_a_pipe_with_a_path_is_read_once_or_refused() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    let head = "row_id,email,consent_purposes,objections,consent_at,consent_ref,consent_notice\n";
    let crm = bench.dir.path().join("crm2.csv");
    let mut text = head.to_owned();
    for id in ["a", "b", "c", "d", "e", "f", "n"] {
        text += &format!("{id},{id}@exemple.fr,ads.match,,{DAY},R,N\n");
    }
    fs::write(&crm, text).unwrap();
    // As a shell does it for `<(objections)`: n was never delivered.
    let list = format!("{head}l1,a@exemple.fr,,all,,,\nl2,n@exemple.fr,,all,,,\n");
    let mut child = std::process::Command::new("printf")
        .arg("%s")
        .arg(&list)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    use std::os::fd::AsRawFd as _;
    let out = child.stdout.take().unwrap();
    child.wait().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", out.as_raw_fd()));
    let (done, persons) = prepared(&bench, &[Input::own(&crm), Input::own(&path)]);
    assert_eq!(persons, 1);
    assert_eq!(done.unwrap().counts().eligible, 5);
}

#[test]
fn a_row_that_left_one_provider_leaves_every_other_that_has_her() {
    let bench = Bench::new();
    let departures = bench.departures();
    // Each provider has one of the rows alone, the first names first and last.
    let parties = [[3; 32], [4; 32], [5; 32]];
    for (at, party) in parties.iter().enumerate() {
        let rows = [customers()[at], customers()[5 - at]];
        departures.record(party, &bench.prepare(&rows), true, (NOW, NOW + 100)).unwrap();
    }
    let rows = customers().map(|(id, email, _, _, at)| (id, email, "ads.match", "all", at));
    let rows = [rows.to_vec(), vec![("n", "n", "ads.match", "", DAY)]].concat();
    assert_eq!(bench.detect(&rows, NOW), 6);
    for party in parties {
        assert_eq!(departures.leavers(&party, &EMAILS, NOW).unwrap().persons, 2);
    }
}

#[test]
fn a_further_row_of_somebody_who_leaves_by_these_files_is_not_committed_to() {
    let bench = Bench::new();
    let departures = bench.departures();
    let input = bench.prepare(&customers());
    departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
    // Row b has another address today, under which no row objects.
    let rows = "a,a,ads.match,\nb,bb,ads.match,\nc,c,ads.match,\nopp,b,,all\n";
    let path = bench.dir.path().join("once.csv");
    let mut text = "row_id,email,consent_purposes,objections,consent_at,consent_ref,\
                    consent_notice\n"
        .to_owned();
    for row in rows.lines() {
        let (row, objections) = row.rsplit_once(',').unwrap();
        let (row, purposes) = row.rsplit_once(',').unwrap();
        text += &format!("{row}@exemple.fr,{purposes},{objections},{DAY},R,N\n");
    }
    fs::write(&path, text).unwrap();
    let (done, persons) = prepared(&bench, &[Input::own(&path)]);
    assert_eq!((done.unwrap().counts().eligible, persons), (2, 1));
}

#[test]
fn erasure_and_restriction_take_all_that_is_the_person_s_out() {
    for word in ["erased", "restricted"] {
        let bench = Bench::new();
        let departures = bench.departures();
        let input = bench.prepare(&customers());
        departures.record(&PROVIDER, &input, true, (NOW, NOW + 100)).unwrap();
        let mut rows = customers();
        rows[0].3 = word;
        assert_eq!(bench.detect(&rows, NOW), 1, "{word}");
        let again = [&customers()[1..], &[("g", "a", "ads.match", "", DAY)]].concat();
        assert_eq!(bench.prepare(&again).counts().eligible, 5, "{word}");
    }
}

#[test]
fn a_row_that_is_delivered_again_is_of_both_deliveries() {
    let first = Delivered {
        row: [1; 16],
        kind: 3,
        digest: [2; 32],
        ruleset: 1,
        personal: 1,
        since: NOW.into(),
        purposes: purpose_bit(Purpose::Match),
        consent_days: 1_095.into(),
        until: (NOW + 90).into(),
        first_named: 0.into(),
        last_named: 0.into(),
    };
    let second = Delivered {
        personal: 0,
        since: (NOW + 9).into(),
        purposes: purpose_bit(Purpose::Suppress),
        consent_days: 365.into(),
        until: (NOW + 80).into(),
        ..first
    };
    for (mut one, other) in [(first, second), (second, first)] {
        one.join(&other);
        assert_eq!((one.personal, one.since.get(), one.until.get()), (0, NOW, NOW + 90));
        let both = purpose_bit(Purpose::Match) | purpose_bit(Purpose::Suppress);
        assert_eq!((one.purposes, one.consent_days.get()), (both, 1_095));
    }
}

#[test]
fn deliveries_are_forgotten_with_their_audit_window_by_the_next_one() {
    let bench = Bench::new();
    let departures = bench.departures();
    let (old, new) = (&customers()[..3], &customers()[3..]);
    departures.record(&PROVIDER, &bench.prepare(old), true, (NOW, NOW + 100)).unwrap();
    assert_eq!(departures.delivered_rows().unwrap(), 3);
    departures.record(&PROVIDER, &bench.prepare(new), true, (NOW + 100, NOW + 900)).unwrap();
    assert_eq!(departures.delivered_rows().unwrap(), 3, "of the second delivery alone");
    let mut rows = customers();
    rows[0].3 = "all";
    assert_eq!(bench.detect(&rows, NOW + 100), 0);
}

#[test]
fn a_number_of_a_household_takes_out_nobody_but_the_row_that_objects() {
    let bench = Bench::new();
    let departures = bench.departures();
    // A fixed line of two rows, one of which has an address of her own.
    let lines = "a,,+33142371978,ads.match,,2026-03-02,R,N\n\
                 b,b@exemple.fr,+33142371978,ads.match,,2026-03-02,R,N\n\
                 c,c@exemple.fr,,ads.match,,2026-03-02,R,N\n";
    let input = read_lines(&bench, lines, FR, |gathered| gathered.commit(&Portable).unwrap());
    assert_eq!(input.counts().eligible, 3);
    departures.record(&PROVIDER, &input, false, (NOW, NOW + 100)).unwrap();
    for (from, to) in
        [("a,,+33142371978,ads.match,", "a,,+33142371978,,"), (",ads.match,,", ",ads.match,all,")]
    {
        let today = lines.replacen(from, to, 1);
        let names = PersonHashes::new(&bench.storage).unwrap();
        let found =
            read_lines(&bench, &today, FR, |gathered| departures.detect(&gathered, false).unwrap());
        let rows: Vec<_> = found.rows.keys().copied().collect();
        assert_eq!(rows, [names.row(b"a")], "{to}");
        assert!(found.identifiers.is_empty() && found.hers.is_empty(), "{to}");
    }
}
