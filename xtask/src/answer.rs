//! A result against the known answer.
//!
//! What a profile releases is rounded and cut; here the known answer is rounded and cut again,
//! from the words of the product's rules and not by its code. Then the result is held against the
//! persons behind the data: who was found, who was missed, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::{Value, json};

use crate::pair::Summary;
use crate::tool::Context;
use sample::{IdFiles, Lost, Truth};

/// Release profile: the rule of who learns what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// The advertiser learns how many rows matched.
    MatchRate,
    /// The advertiser learns the digital IDs of the matched records.
    DigitalIds,
    /// The advertiser learns which rows matched.
    MatchedRows,
    /// The provider learns which records matched.
    Activation,
}

impl Profile {
    /// Every profile.
    pub(crate) const ALL: [Self; 4] =
        [Self::MatchRate, Self::DigitalIds, Self::MatchedRows, Self::Activation];

    /// Profiles that `all` stands for: each tells the advertiser something, one after the other.
    const IN_TURN: [Self; 3] = [Self::MatchRate, Self::DigitalIds, Self::MatchedRows];

    /// The name on command lines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MatchRate => "match-rate",
            Self::DigitalIds => "digital-ids",
            Self::MatchedRows => "matched-rows",
            Self::Activation => "activation",
        }
    }

    /// True if rows are evaluated in shuffled order, by rows of one width.
    pub(crate) fn is_shuffled(self) -> bool {
        self != Self::MatchedRows
    }

    /// Reads a name, or `all`.
    pub(crate) fn several(name: &str) -> Result<Vec<Self>, String> {
        if name == "all" {
            return Ok(Self::IN_TURN.to_vec());
        }
        let found = Self::ALL.into_iter().find(|profile| profile.name() == name);
        let names = Self::ALL.map(Self::name).join(", ");
        Ok(vec![found.ok_or(format!("`{name}` is none of {names}, all"))?])
    }
}

/// The files of a result.
pub(crate) struct Results<'a> {
    /// File that the advertiser's node wrote.
    pub(crate) advertiser: &'a Path,
    /// File that the provider's node wrote, in `activation`.
    pub(crate) provider: Option<&'a Path>,
}

/// Differences of result and summary from the known answer; the first few places.
pub(crate) fn compare(
    profile: Profile,
    truth: &Truth,
    summary: &Summary,
    results: &Results<'_>,
) -> Result<Vec<String>, String> {
    let mut differences = Vec::new();
    let mut equal = |name: &str, found: String, expected: String| {
        if found != expected {
            differences.push(format!("{name}: {found}, expected {expected}"));
        }
    };
    equal("rows", summary.rows.to_string(), truth.rows.to_string());
    equal("eligible rows", summary.eligible.to_string(), truth.eligible.to_string());
    if profile.is_shuffled() {
        match summary.clamp {
            Some(clamp) => differences.extend(beyond_noise(truth, summary, clamp)),
            None => {
                let expected = Released::of(truth);
                equal("matched rows, rounded", shown(summary.matched), shown(expected.matched));
                equal("active match rate", summary.rate.clone(), expected.rate());
                let cells = |rows: &[Option<u64>]| cells(rows);
                let expected = cells(&expected.rows_by_hits);
                equal("rows by identifiers that matched", cells(&summary.rows_by_hits), expected);
            }
        }
        let mut equal = |name: &str, found: String, expected: String| {
            if found != expected {
                differences.push(format!("{name}: {found}, expected {expected}"));
            }
        };
        equal("slots", shown(summary.elements), truth.slots().to_string());
    } else {
        equal("matched rows", shown(summary.matched), truth.matched.to_string());
    }
    match profile {
        Profile::MatchedRows => {
            differences.extend(compare_lines(results.advertiser, &truth.matched_rows)?);
        }
        Profile::DigitalIds => {
            differences.extend(compare_ids(&read_ids(results.advertiser)?, &truth.delivered)?);
        }
        Profile::Activation => {
            let file = results.provider.ok_or("the provider wrote no delivery of the session")?;
            differences.extend(compare_ids(&read_ids(file)?, &truth.activated)?);
        }
        Profile::MatchRate => {}
    }
    Ok(differences)
}

/// Figures that are further from the known answer than noise, which moves the number of rows with
/// so many hits or more by `clamp` at most, and rounding can bring them.
fn beyond_noise(truth: &Truth, summary: &Summary, clamp: u64) -> Vec<String> {
    let mut differences = Vec::new();
    let exact = truth.matched_shuffled();
    let mut within = |name: &str, found: u64, exact: u64, most: u64| {
        if found.abs_diff(exact) > most {
            differences.push(format!("{name}: {found}, expected {exact} within {most}"));
        }
    };
    let cap = truth.eligible * RATE_CAP / 100;
    match summary.matched {
        Some(found) => within("matched rows", found, exact, clamp + 50),
        // Above the cap of the rate nothing is told.
        None => within("matched rows", cap, exact.min(cap), clamp + 50),
    }
    for (hits, (found, exact)) in
        (1..).zip(summary.rows_by_hits.iter().zip(truth.rows_by_hits.iter().skip(1)))
    {
        if let Some(found) = found {
            within(&format!("rows with {hits} hits"), *found, *exact, 2 * clamp + 50);
        }
    }
    if let (Some(matched), true) = (summary.matched, truth.eligible > 0) {
        let percent = ((matched * 200 + truth.eligible) / (truth.eligible * 2)).min(100);
        if summary.rate != rate(percent, false) {
            differences.push(format!("active match rate: {}, of {matched} rows", summary.rate));
        }
    }
    differences
}

/// Count as far as the terms let it out.
#[derive(Debug, PartialEq, Eq)]
struct Released {
    matched: Option<u64>,
    percent: u64,
    over: bool,
    rows_by_hits: Vec<Option<u64>>,
}

impl Released {
    /// Counts to the nearest hundred, the rate of that count to the nearest percent, nothing but
    /// "over 85 %" above that; no cell below fifty rows, nor those that would give such cells away.
    fn of(truth: &Truth) -> Self {
        let (matched, rows) = (truth.matched_shuffled(), truth.eligible.max(1));
        let hundreds = |count: u64| (count + 50) / 100 * 100;
        let percent = ((hundreds(matched) * 200 + rows) / (rows * 2)).min(100);
        if matched * 100 > rows * RATE_CAP || percent > RATE_CAP {
            let rows_by_hits = vec![None; truth.rows_by_hits.len() - 1];
            return Self { matched: None, percent: RATE_CAP, over: true, rows_by_hits };
        }
        let counts: Vec<u64> = truth.rows_by_hits.iter().skip(1).copied().collect();
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|cell| counts[*cell]);
        // The smallest cells are hidden: each below fifty, then as many as make two, and fifty.
        let mut hidden = order.iter().filter(|cell| counts[**cell] < CELL_MIN).count();
        let told_away = |hidden: usize| {
            let sum: u64 = order[..hidden].iter().map(|cell| counts[*cell]).sum();
            hidden == 1 || (hidden > 1 && sum < CELL_MIN)
        };
        while told_away(hidden) && hidden < counts.len() {
            hidden += 1;
        }
        let shown = |cell: usize| !order[..hidden].contains(&cell);
        let cells = counts.iter().enumerate();
        Self {
            matched: Some(hundreds(matched)),
            percent,
            over: false,
            rows_by_hits: cells
                .map(|(cell, count)| shown(cell).then(|| hundreds(*count)))
                .collect(),
        }
    }

    fn rate(&self) -> String {
        rate(self.percent, self.over)
    }
}

/// A released rate as it is compared and shown.
pub(crate) fn rate(percent: u64, over: bool) -> String {
    format!("{}{percent} %", if over { "over " } else { "" })
}

fn shown(count: Option<u64>) -> String {
    count.map_or("hidden".to_owned(), |count| count.to_string())
}

/// Cells of a histogram.
pub(crate) fn cells(cells: &[Option<u64>]) -> String {
    cells.iter().map(|cell| shown(*cell)).collect::<Vec<_>>().join(", ")
}

/// Recall and precision of a result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Quality {
    /// Name of the things that are counted.
    pub(crate) unit: &'static str,
    /// Found.
    pub(crate) found: u64,
    /// Found, and rightly so.
    pub(crate) right: u64,
    /// There, in the eyes of somebody who knows every person.
    pub(crate) known: u64,
    /// Rows missed, by reason.
    pub(crate) lost: Vec<(&'static str, u64)>,
}

impl Quality {
    /// Judges the rows or the digital IDs of a result against the persons behind the data: rows
    /// with consent of persons whom the provider publishes, and their digital IDs.
    pub(crate) fn of(
        profile: Profile,
        truth: &Truth,
        results: &Results<'_>,
    ) -> Result<Option<Self>, String> {
        match profile {
            Profile::MatchedRows => Self::of_rows(results.advertiser, &truth.known_rows).map(Some),
            Profile::DigitalIds => {
                let (found, known) = (read_ids(results.advertiser)?, read_ids(&truth.known_ids)?);
                let right = found.intersection(&known).count() as u64;
                let (found, known) = (found.len() as u64, known.len() as u64);
                let lost = lost(&read(&truth.known_rows)?, |_, why| !why.is_empty());
                Ok(Some(Self { unit: "digital IDs", found, right, known, lost }))
            }
            Profile::MatchRate | Profile::Activation => Ok(None),
        }
    }

    fn of_rows(found: &Path, known: &Path) -> Result<Self, String> {
        let found: BTreeSet<String> =
            read(found)?.into_iter().map(|line| first_field(&line).to_owned()).collect();
        let known = read(known)?;
        let lost = lost(&known, |row, _| !found.contains(row));
        let missed: u64 = lost.iter().map(|(_, rows)| rows).sum();
        let right = known.len() as u64 - missed;
        let (found, known) = (found.len() as u64, known.len() as u64);
        Ok(Self { unit: "rows", found, right, known, lost })
    }

    /// Both shares, exact.
    pub(crate) fn lines(&self) -> [String; 2] {
        let Self { unit, found, right, known, .. } = self;
        [
            format!("{} ({right} of {known} {unit} of known persons)", share(*right, *known)),
            format!("{} ({right} of {found} {unit} found)", share(*right, *found)),
        ]
    }

    /// Returns the figures as a machine reads them.
    pub(crate) fn to_json(&self) -> Value {
        let lost: BTreeMap<&str, u64> = self.lost.iter().copied().collect();
        json!({
            "unit": self.unit, "found": self.found, "right": self.right, "known": self.known,
            "lost": lost,
        })
    }
}

/// Rows of known persons that are missed, by the reason that the known answer gives.
fn lost(known: &[String], missed: impl Fn(&str, &str) -> bool) -> Vec<(&'static str, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for line in known {
        let (row, why) = line.split_once(',').unwrap_or((line, ""));
        if missed(row, why) {
            *counts.entry(why).or_default() += 1;
        }
    }
    let named = Lost::ALL.map(|why| (why.name(), counts.remove(why.name()).unwrap_or(0)));
    let rest = counts.into_values().sum::<u64>();
    named.into_iter().chain((rest > 0).then_some(("found in the known answer", rest))).collect()
}

/// A share in percent with two decimals, cut and not rounded up.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "none".to_owned();
    }
    let hundredths = part as u128 * 10_000 / whole as u128;
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// Digital IDs of the persons who wait at most, 110 at the least privacy loss that the run has.
const WAITING_MAX: usize = 110 * 5;

/// Compares two text files line by line; tells the first few places and a count.
fn compare_lines(found: &Path, expected: &Path) -> Result<Vec<String>, String> {
    let open = |path: &Path| Ok::<_, String>(BufReader::new(File::open(path).at("read", path)?));
    let (mut left, mut right) = (open(found)?.lines(), open(expected)?.lines());
    let mut differences = Vec::new();
    let mut count = 0_u64;
    for number in 1_u64.. {
        let (left, right) = (left.next().transpose(), right.next().transpose());
        let (left, right) = (left.at("read", found)?, right.at("read", expected)?);
        if left.is_none() && right.is_none() {
            break;
        }
        if left == right {
            continue;
        }
        count += 1;
        if differences.len() < DIFFERENCES_SHOWN {
            let show = |line: Option<String>| line.map_or("nothing".into(), |l| format!("`{l}`"));
            differences.push(format!("line {number}: {}, expected {}", show(left), show(right)));
        }
    }
    if count > differences.len() as u64 {
        differences.push(format!("{count} lines differ in all"));
    }
    Ok(differences)
}

/// Compares a set of digital IDs with the known one. A random number of persons who are new waits
/// for the next release: as many digital IDs may be missing as those have at most.
fn compare_ids(found: &BTreeSet<String>, expected: &IdFiles) -> Result<Vec<String>, String> {
    let (least, most) = (read_ids(&expected.least)?, read_ids(&expected.most)?);
    let mut differences = Vec::new();
    let mut missing: Vec<_> = least.difference(found).collect();
    if missing.len() <= WAITING_MAX && !found.is_empty() {
        missing.clear();
    }
    for (what, ids) in
        [("is missing", missing), ("is not expected", found.difference(&most).collect())]
    {
        let shown = ids.iter().take(DIFFERENCES_SHOWN);
        differences.extend(shown.map(|id| format!("digital ID `{id}` {what}")));
        if ids.len() > DIFFERENCES_SHOWN {
            differences.push(format!("{} digital IDs: one like them {what}", ids.len()));
        }
    }
    Ok(differences)
}

/// The digital IDs of a delivery or of the known answer, as `type,namespace,value`; nothing in
/// these columns is ever quoted.
fn read_ids(file: &Path) -> Result<BTreeSet<String>, String> {
    let reader = BufReader::new(File::open(file).at("read", file)?);
    let mut lines = reader.lines();
    let header = lines.next().transpose().at("read", file)?.unwrap_or_default();
    let at = |name: &str| {
        header
            .split(',')
            .position(|column| column == name)
            .ok_or_else(|| format!("{} has no column {name}", file.display()))
    };
    let columns = [at("id_type")?, at("namespace")?, at("id_value")?];
    let mut ids = BTreeSet::new();
    for line in lines {
        let line = line.at("read", file)?;
        let fields: Vec<&str> = line.split(',').collect();
        let id = columns.map(|at| fields.get(at).copied().unwrap_or("")).join(",");
        if !ids.insert(id) {
            return Err(format!("{} holds a digital ID twice", file.display()));
        }
    }
    Ok(ids)
}

/// The lines of a file after its header.
fn read(file: &Path) -> Result<Vec<String>, String> {
    let reader = BufReader::new(File::open(file).at("read", file)?);
    reader.lines().skip(1).map(|line| line.at("read", file)).collect()
}

fn first_field(line: &str) -> &str {
    line.split(',').next().unwrap_or(line)
}

/// Rates above this many percent are not told.
const RATE_CAP: u64 = 85;

/// Rows in the smallest cell that is told.
const CELL_MIN: u64 = 50;

/// Differing lines shown.
const DIFFERENCES_SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn files(texts: &[(&str, &str)]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let dir = tempfile::tempdir().unwrap();
        let paths = texts
            .iter()
            .map(|(name, text)| {
                let path = dir.path().join(name);
                fs::write(&path, text).unwrap();
                path
            })
            .collect();
        (dir, paths)
    }

    fn truth(eligible: u64, rows_by_hits: &[u64]) -> Truth {
        let nowhere = PathBuf::new;
        let ids = || IdFiles { least: nowhere(), most: nowhere() };
        Truth {
            crm: Vec::new(),
            links_file: nowhere(),
            graph_map: nowhere(),
            objections: None,
            matched_rows: nowhere(),
            delivered: ids(),
            activated: ids(),
            known_rows: nowhere(),
            known_ids: nowhere(),
            rows: eligible,
            eligible,
            matched: 0,
            rows_by_hits: rows_by_hits.to_vec(),
            digital_ids: [0, 0],
            persons: 0,
            links: 0,
            row_width: rows_by_hits.len() as u64 - 1,
        }
    }

    #[test]
    fn counts_are_rounded_and_small_cells_hidden_with_a_companion() {
        let found = Released::of(&truth(1_000, &[600, 250, 101, 49]));
        assert_eq!((found.matched, found.percent, found.over), (Some(400), 40, false));
        assert_eq!(found.rows_by_hits, [Some(300), None, None]);
        let found = Released::of(&truth(2_000, &[1_191, 749, 30, 30]));
        assert_eq!((found.matched, found.rate()), (Some(800), "40 %".to_owned()));
        assert_eq!(found.rows_by_hits, [Some(700), None, None]);
        let found = Released::of(&truth(1_000, &[995, 0, 5]));
        assert_eq!((found.matched, found.rate()), (Some(0), "0 %".to_owned()));
        let found = Released::of(&truth(10_000, &[7_650, 2_349, 0, 1]));
        assert_eq!(found.rows_by_hits, [None, None, None]);
    }

    #[test]
    fn sessions_are_padded_by_rows_and_not_by_what_matched() {
        assert_eq!(truth(31_768, &[0, 0, 0]).slots(), 65_536);
        assert_eq!(truth(31_769, &[0, 0, 0]).slots(), 131_072);
    }

    #[test]
    fn a_rate_above_the_cap_tells_nothing_else() {
        assert_eq!(Released::of(&truth(1_000, &[160, 840])).matched, Some(800));
        // The rounded count is above the cap.
        assert_eq!(Released::of(&truth(1_000, &[150, 850])).matched, None);
        let found = Released::of(&truth(1_000, &[149, 851]));
        assert_eq!((found.matched, found.rate()), (None, "over 85 %".to_owned()));
        assert_eq!(found.rows_by_hits, [None]);
    }

    #[test]
    fn equal_files_do_not_differ_and_others_are_named_by_line() {
        let many = "x\n".repeat(50);
        let (_dir, paths) = files(&[
            ("truth", "row_id,kinds\nC-1,email.strict\nC-2,email.gmail\n"),
            ("short", "row_id,kinds\nC-1,email.strict\n"),
            ("empty", ""),
            ("many", &many),
        ]);
        let [truth, short, empty, many] = &paths[..] else { panic!("four files") };
        assert!(compare_lines(truth, truth).unwrap().is_empty());
        let differences = compare_lines(short, truth).unwrap();
        assert_eq!(differences, ["line 3: nothing, expected `C-2,email.gmail`"]);
        assert_eq!(compare_lines(empty, truth).unwrap().len(), 3);
        let differences = compare_lines(many, truth).unwrap();
        assert_eq!(differences.len(), DIFFERENCES_SHOWN + 1);
        assert_eq!(differences[DIFFERENCES_SHOWN], "50 lines differ in all");
    }

    #[test]
    fn delivery_lies_between_the_least_and_the_largest_set() {
        let header = "id_type,namespace,id_value";
        let (_dir, paths) = files(&[
            ("least", &format!("{header}\naaid,,a\n")),
            ("most", &format!("{header}\naaid,,a\ncookie,n,b\n")),
            ("delivery", "seq,id_type,namespace,id_value,expires_on\n1,aaid,,a,2026-12-21\n"),
            ("wrong", "seq,id_type,namespace,id_value\n1,cookie,n,b\n2,cookie,m,b\n"),
            ("twice", &format!("{header}\naaid,,a\naaid,,a\n")),
        ]);
        let [least, most, delivery, wrong, twice] = &paths[..] else { panic!("five files") };
        let expected = IdFiles { least: least.clone(), most: most.clone() };
        let compared = |file: &Path| compare_ids(&read_ids(file).unwrap(), &expected).unwrap();
        assert!(compared(delivery).is_empty() && compared(most).is_empty());
        // Who is new may wait; what nobody expects is wrong.
        assert_eq!(compared(wrong), ["digital ID `cookie,m,b` is not expected"]);
        let many: String = (0..=WAITING_MAX).map(|n| format!("aaid,,{n}\n")).collect();
        std::fs::write(least, format!("{header}\n{many}")).unwrap();
        assert!(compared(wrong).iter().any(|line| line.ends_with("is missing")));
        std::fs::write(delivery, "seq,id_type,namespace,id_value\n").unwrap();
        assert!(!compared(delivery).is_empty());
        assert!(read_ids(twice).unwrap_err().contains("twice"));
    }

    #[test]
    fn quality_counts_what_was_missed_and_why() {
        let (_dir, paths) = files(&[
            ("found", "row_id,kinds\nC-1,phone\nC-9,phone\n"),
            ("known", "row_id,lost\nC-1,\nC-2,unreadable\nC-3,unusable\n"),
        ]);
        let quality = Quality::of_rows(&paths[0], &paths[1]).unwrap();
        assert_eq!((quality.found, quality.right, quality.known), (2, 1, 3));
        assert_eq!(
            quality.lines(),
            ["33.33 % (1 of 3 rows of known persons)", "50.00 % (1 of 2 rows found)"]
        );
        let reasons = [("unusable", 1), ("unreadable", 1), ("nothing_in_common", 0)];
        assert_eq!(quality.lost, reasons);
        let rows = [String::from("C-1,")];
        assert_eq!(lost(&rows, |_, _| true)[3], ("found in the known answer", 1));
        assert_eq!(share(0, 0), "none");
    }

    #[test]
    fn profiles_are_read_by_name() {
        assert_eq!(Profile::several("activation"), Ok(vec![Profile::Activation]));
        assert_eq!(Profile::several("all").unwrap().len(), 3);
        assert!(Profile::several("everything").unwrap_err().contains("match-rate"));
    }
}
