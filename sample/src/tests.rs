//! The known answer against a join of the files, by rules written again from their text.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::draw::hex;
use super::*;

/// A line of a table by the names of its columns.
type Fields = BTreeMap<String, String>;
type Table = Vec<Fields>;

/// Splits one CSV line; enough for files without line ends inside fields.
fn fields(line: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let (mut quoted, mut last) = (false, ' ');
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                if quoted && last == '"' {
                    found.last_mut().unwrap().push('"');
                }
            }
            ',' if !quoted => found.push(String::new()),
            _ => found.last_mut().unwrap().push(c),
        }
        last = c;
    }
    found
}

fn table(path: &Path) -> Table {
    let text = fs::read_to_string(path).unwrap();
    if path.extension().is_some_and(|form| form == "ndjson") {
        return text.lines().map(object).collect();
    }
    let mut lines = text.lines();
    let names = fields(lines.next().unwrap());
    lines
        .map(|line| {
            let values = fields(line);
            assert_eq!(values.len(), names.len(), "{line}");
            names.iter().cloned().zip(values).collect()
        })
        .collect()
}

fn object(line: &str) -> Fields {
    let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
    let text = |value: &serde_json::Value| match value.as_array() {
        Some(list) => list.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join("|"),
        None => value.as_str().unwrap().to_owned(),
    };
    value.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The e-mail rules for the forms that occur here.
fn addresses(raw: &str) -> Vec<(Kind, String)> {
    let text = raw.replace('\u{200b}', "").replace("e\u{301}", "é").replace("i\u{308}", "ï");
    let text = text.replace("E\u{301}", "é").trim().to_lowercase();
    let text = text.strip_prefix("mailto:").unwrap_or(&text);
    let Some((local, domain)) = text.split_once('@') else { return Vec::new() };
    let odd = |c: char| c.is_whitespace() || c == ';';
    let refused = ["contact", "test", "aucun"].contains(&local) || domain == "yopmail.com";
    if refused || domain.contains('@') || local.is_empty() || text.contains(odd) {
        return Vec::new();
    }
    let domain = domain.strip_suffix('.').unwrap_or(domain).replace("été.fr", "xn--t-9fab.fr");
    let mut found = vec![(Kind::Strict, format!("{local}@{domain}"))];
    if matches!(domain.as_str(), "gmail.com" | "googlemail.com") {
        let bare = local.split('+').next().unwrap().replace('.', "");
        found.push((Kind::Gmail, format!("{bare}@gmail.com")));
    }
    found
}

/// The telephone rules for the forms that occur here.
fn number(raw: &str, country: &str, postcode: &str) -> Option<String> {
    let text: String = raw
        .trim()
        .trim_start_matches("tel:")
        .chars()
        .map(|c| {
            char::from_u32(u32::from(c).wrapping_sub(0xff10) + 48)
                .filter(|_| c >= '０')
                .unwrap_or(c)
        })
        .filter(|c| !c.is_whitespace() && !".-()".contains(*c))
        .collect();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix("00").map_or(text.clone(), |rest| format!("+{rest}"));
    if text.len() < 5 || !digits(text.strip_prefix('+').unwrap_or(&text)) {
        return None;
    }
    let place = country.trim().to_uppercase();
    let overseas = [("974", "RE", "262"), ("971", "GP", "590"), ("972", "MQ", "596")];
    let by_code =
        overseas.iter().find(|(head, ..)| postcode.len() == 5 && postcode.starts_with(head));
    let french = ["", "FR", "FRA", "FRANCE"].contains(&place.as_str());
    let by_code = by_code.filter(|(_, own, _)| french || place == *own);
    let code = match (text.starts_with('+'), by_code) {
        (true, _) => {
            let codes = ["33", "262", "590", "596", "32", "49", "44", "34"];
            *codes.iter().find(|code| text[1..].starts_with(**code))?
        }
        (_, Some((.., code))) => code,
        _ if french => "33",
        _ => {
            [("RE", "262"), ("GP", "590"), ("MQ", "596"), ("BE", "32"), ("DE", "49")]
                .iter()
                .chain(&[("GB", "44"), ("ES", "34")])
                .find(|(own, _)| place == *own)?
                .1
        }
    };
    let rest = text.strip_prefix(&format!("+{code}")).unwrap_or(&text);
    let rest = rest.strip_prefix('0').unwrap_or(rest);
    let (mut code, long) = (code, matches!(code, "49" | "44"));
    if rest.len() != if long { 10 } else { 9 } {
        return None;
    }
    if code == "33" && ["690", "692", "696"].contains(&&rest[..3]) {
        code = by_code.filter(|_| text.starts_with('+'))?.2;
    }
    let nobody = ["639981234", "606060606", "612345678", "123456789", "801234567"];
    (!nobody.contains(&rest)).then(|| format!("+{code}{rest}"))
}

/// Rows that may be used and their identifiers, by row id: of versions of a row the latest, and
/// none that holds what a person holds who objects.
fn rows(truth: &Truth) -> BTreeMap<String, BTreeSet<(Kind, String)>> {
    let mut versions: BTreeMap<String, Vec<(String, Fields)>> = BTreeMap::new();
    for file in &truth.crm {
        for line in table(&file.path) {
            let updated = line.get("updated_at").cloned().unwrap_or_default();
            versions.entry(line["row_id"].clone()).or_default().push((updated, line));
        }
    }
    assert_eq!(versions.len() as u64, truth.rows);
    let mut objected = BTreeSet::new();
    let mut rows = BTreeMap::new();
    for (id, mut versions) in versions {
        versions.sort();
        let (_, latest) = versions.last().unwrap();
        if objects(latest) || (!consents(latest) && versions.iter().any(|one| objects(&one.1))) {
            objected.extend(versions.iter().flat_map(|(_, line)| held(line)));
        } else if consents(latest) {
            rows.insert(id, held(latest));
        }
    }
    rows.retain(|_, held| held.is_disjoint(&objected));
    let mut holders: BTreeMap<(Kind, String), u64> = BTreeMap::new();
    for one in rows.values().flatten() {
        *holders.entry(one.clone()).or_default() += 1;
    }
    rows.values_mut().for_each(|held| held.retain(|one| holders[one] <= 5));
    rows.retain(|_, held| !held.is_empty());
    rows
}

fn get<'a>(line: &'a Fields, name: &str) -> &'a str {
    line.get(name).map_or("", String::as_str)
}

fn lists(line: &Fields, name: &str, code: &str) -> bool {
    get(line, name).split('|').any(|one| one == code)
}

fn objects(line: &Fields) -> bool {
    lists(line, "objections", "all") || lists(line, "objections", "ads.match")
}

fn consents(line: &Fields) -> bool {
    lists(line, "consent_purposes", "ads.match")
}

/// The identifiers that a line of the advertiser's files gives.
fn held(line: &Fields) -> BTreeSet<(Kind, String)> {
    let mut held = BTreeSet::new();
    for name in ["email", "email_2", "email_3"] {
        held.extend(addresses(get(line, name)));
    }
    for name in ["phone", "phone_2"] {
        let found = number(get(line, name), get(line, "country"), get(line, "postcode"));
        // The tables are of individuals, and hold no fixed line.
        let fixed = |one: &String| one.starts_with("+33") && !"67".contains(&one[3..4]);
        held.extend(found.filter(|one| !fixed(one)).map(|one| (Kind::Phone, one)));
    }
    held
}

/// A persona of the graph.
#[derive(Default)]
struct Record {
    person: String,
    identifiers: BTreeSet<(Kind, String)>,
    /// By digital ID: its last day, and whether it was seen by evidence that counts.
    ids: BTreeMap<String, (u64, bool)>,
}

/// The published personas: identifiers by a digest for addresses, since files hold digests too.
fn graph(truth: &Truth) -> Vec<Record> {
    let digest = |text: &str| hex(&Sha256::digest(text));
    let hashed = |(kind, value): (Kind, String)| (kind, digest(&value));
    let mut objected = BTreeSet::new();
    for line in truth.objections.iter().flat_map(|path| table(path)) {
        objected.extend(addresses(&line["value"]).into_iter().map(hashed));
    }
    let mut records: BTreeMap<String, Record> = BTreeMap::new();
    let mut gone = BTreeSet::new();
    for line in table(&truth.links_file) {
        let get = |name: &str| line[name].as_str();
        let maid = get("id_value").trim_matches(['{', '}']).to_lowercase();
        let (id, usable) = match get("id_type") {
            "cookie" => (get("id_value").to_owned(), get("id_value").len() > 7),
            _ => (maid.clone(), !maid.starts_with("00000000-")),
        };
        let nowhere = get("id_type") == "cookie" && get("id_namespace").is_empty();
        if get("consent_string").is_empty() || !usable || nowhere {
            continue;
        }
        let found: Vec<(Kind, String)> = match get("type") {
            "email_sha256" => vec![(Kind::Strict, get("value").to_owned())],
            "email" => addresses(get("value")).into_iter().map(hashed).collect(),
            _ => {
                number(get("value"), "", "").into_iter().map(|n| hashed((Kind::Phone, n))).collect()
            }
        };
        if found.iter().any(|one| objected.contains(one)) {
            gone.insert(get("person_ref").to_owned());
        }
        let record = records.entry(get("persona_ref").to_owned()).or_default();
        record.person = get("person_ref").to_owned();
        record.identifiers.extend(found);
        let id = format!("{},{},{id}", get("id_type"), get("id_namespace"));
        let seen = record.ids.entry(id).or_default();
        seen.0 = seen.0.max(get("day").parse::<Day>().unwrap().0);
        seen.1 |= get("evidence") != "form";
    }
    let mut owners: BTreeMap<(Kind, String), BTreeSet<String>> = BTreeMap::new();
    records.retain(|_, record| !gone.contains(&record.person));
    for record in records.values() {
        for one in &record.identifiers {
            owners.entry(one.clone()).or_default().insert(record.person.clone());
        }
    }
    let recent = |record: &Record| {
        record.ids.values().any(|(day, _)| day + 90 >= Day::DEFAULT.0)
            && record.ids.values().any(|(_, counts)| *counts)
    };
    let mut records: Vec<Record> = records.into_values().filter(recent).collect();
    for record in &mut records {
        record.identifiers.retain(|one| owners[one].len() == 1);
    }
    records
}

/// The digital IDs of a record in a delivery that may be used for so many days.
fn delivered(record: &Record, days: u64) -> Vec<&String> {
    let listed = |id: &str| {
        let namespace = id.split(',').nth(1).unwrap();
        namespace.is_empty() || NAMESPACES.contains(&namespace)
    };
    let mut ids: Vec<(u64, &String)> = record
        .ids
        .iter()
        .filter(|(id, (day, counts))| *counts && listed(id) && day + 90 >= Day::DEFAULT.0 + days)
        .map(|(id, (day, _))| (*day, id))
        .collect();
    ids.sort_by_key(|(day, _)| std::cmp::Reverse(*day));
    ids.into_iter().take(10).map(|(_, id)| id).collect()
}

/// A data line of each file of digital IDs.
fn ids(path: &Path) -> BTreeSet<String> {
    fs::read_to_string(path).unwrap().lines().skip(1).map(str::to_owned).collect()
}

/// Generates, joins the files, and compares with the known answer.
fn check(sample: &Sample) -> Truth {
    let dir = tempfile::tempdir().unwrap();
    let truth = sample.generate(dir.path(), &|| Ok(())).unwrap();
    let (rows, records) = (rows(&truth), graph(&truth));
    let owners: BTreeMap<&(Kind, String), usize> = records
        .iter()
        .enumerate()
        .flat_map(|(at, record)| record.identifiers.iter().map(move |one| (one, at)))
        .collect();
    let owner = |one: &(Kind, String)| owners.get(&(one.0, hex(&Sha256::digest(&one.1)))).copied();
    let mut lines = vec!["row_id,kinds".to_owned()];
    let mut by_hits = vec![0; sample.row_width() as usize + 1];
    let mut seen = BTreeSet::new();
    let mut sets = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for (id, held) in &rows {
        let kinds: BTreeSet<Kind> =
            held.iter().filter(|one| owner(one).is_some()).map(|one| one.0).collect();
        if !kinds.is_empty() {
            let kinds: Vec<&str> = kinds.into_iter().map(Kind::name).collect();
            lines.push(format!("{id},{}", kinds.join("|")));
        }
        let left = held.iter().filter(|one| seen.insert((*one).clone()));
        let hits: Vec<usize> = left.filter_map(owner).collect();
        by_hits[hits.len()] += 1;
        for at in &hits {
            let record = &records[*at];
            sets[1].extend(delivered(record, 30).into_iter().cloned());
            if hits.iter().all(|other| other == at) {
                sets[0].extend(delivered(record, 30).into_iter().cloned());
                sets[2].extend(delivered(record, 1).into_iter().cloned());
            }
        }
    }
    let written = fs::read_to_string(&truth.matched_rows).unwrap();
    let differing = written.lines().zip(&lines).find(|(written, line)| written != line);
    assert_eq!(differing, None);
    assert_eq!(written.lines().count(), lines.len());
    assert_eq!((truth.eligible, truth.matched), (rows.len() as u64, lines.len() as u64 - 1));
    assert_eq!(truth.rows_by_hits, by_hits);
    assert_eq!(ids(&truth.delivered.least), sets[0]);
    assert_eq!(ids(&truth.delivered.most), sets[1]);
    assert_eq!(ids(&truth.activated.least), sets[2]);
    truth
}

#[test]
fn known_answer_equals_a_join_of_the_files() {
    for seed in 0..3 {
        for flavour in [Flavour::Dirty, Flavour::Crossed, Flavour::Clean, Flavour::Bench] {
            let truth = check(&Sample { flavour, ..Sample::new(1_700, 900, seed) });
            assert!(truth.matched > 0 && truth.digital_ids[0] > 0);
            check(&Sample { flavour, identifiers: 3, ..Sample::new(700, 1_600, seed) });
        }
    }
    check(&Sample::new(1, 1, 9));
}

#[test]
fn every_case_occurs_and_shuffled_order_finds_less() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::new(8_000, 16_000, 7);
    let truth = sample.generate(dir.path(), &|| Ok(())).unwrap();
    let share = truth.matched * 100 / truth.eligible;
    assert!((27..=37).contains(&share), "{share} %");
    assert!(truth.eligible < truth.rows && truth.matched_shuffled() < truth.matched);
    let lines = fs::read_to_string(&truth.matched_rows).unwrap();
    for kinds in ["email.strict", "email.gmail", "email.strict|email.gmail", "phone"] {
        assert!(lines.matches(&format!(",{kinds}\n")).count() > 40, "{kinds}");
    }
    let known = fs::read_to_string(&truth.known_rows).unwrap();
    for lost in Lost::ALL {
        assert!(known.matches(lost.name()).count() > 1, "{}", lost.name());
    }
    assert!(ids(&truth.activated.least).len() > ids(&truth.delivered.least).len());
    assert_eq!(ids(&truth.delivered.least), ids(&truth.delivered.most));
    assert!(ids(&truth.known_ids).len() > ids(&truth.delivered.least).len());
    assert_eq!(truth.crm.len(), 4);
    assert!(truth.objections.is_some());
}

#[test]
fn crossed_rows_make_the_delivery_depend_on_keys() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample { flavour: Flavour::Crossed, ..Sample::new(3_000, 6_000, 7) };
    let truth = sample.generate(dir.path(), &|| Ok(())).unwrap();
    let (least, most) = (ids(&truth.delivered.least), ids(&truth.delivered.most));
    assert!(least.is_subset(&most) && most.len() > least.len() + 20);
}

#[test]
fn one_export_lies_there_in_two_forms_that_hold_the_same() {
    let dir = tempfile::tempdir().unwrap();
    Sample::new(600, 300, 2).generate(dir.path(), &|| Ok(())).unwrap();
    let full = |table: Table| -> Table {
        let filled = |mut row: BTreeMap<String, String>| {
            row.retain(|_, value| !value.is_empty());
            row
        };
        table.into_iter().map(filled).collect()
    };
    let read = |name: &str| full(table(&dir.path().join(name)));
    assert_eq!(read("crm-newsletter.ndjson"), read("crm-newsletter.csv"));
}

#[test]
fn same_seed_gives_the_same_bytes_and_another_seed_others() {
    let read = |seed| {
        let dir = tempfile::tempdir().unwrap();
        let truth = Sample::new(300, 300, seed).generate(dir.path(), &|| Ok(())).unwrap();
        let mut paths: Vec<PathBuf> = truth.crm.into_iter().map(|file| file.path).collect();
        paths.extend([truth.links_file, truth.matched_rows, truth.delivered.least]);
        paths.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(read(1), read(1));
    assert_ne!(read(1), read(2));
}
