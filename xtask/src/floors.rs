//! `cargo xtask floors`: what may depend on what.
//!
//! The tables below are the architecture's floors, read against what cargo says. A crate gains
//! an edge by a change to this file, which a reviewer sees. Trees are asked of `cargo tree` per
//! package, because features that another member switches on are not part of a crate's own tree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::tool;

/// Compares everything and names each difference.
pub(crate) fn run() -> Result<(), String> {
    let members = members(&tool::metadata()?)?;
    let mut faults = table(ROOMS);
    faults.extend(edges(&members));
    faults.extend(outside(&members));
    let mut trees = BTreeMap::new();
    for cap in CAPS {
        if members.iter().any(|member| member.name == cap.package) {
            trees.insert(cap.package, tree(cap.package)?);
        }
    }
    for cap in CAPS {
        let Some(tree) = trees.get(cap.package) else {
            continue;
        };
        say!(
            "floors: {:<25} {:>3} packages of at most {}",
            cap.package,
            tree.len(),
            cap.packages_max
        );
        faults.extend(size(cap, tree, &members));
    }
    faults.extend(trees.iter().flat_map(|(package, tree)| contents(package, tree)));
    if faults.is_empty() {
        return Ok(());
    }
    for fault in &faults {
        say!("floors: {fault}");
    }
    Err(format!("floors: {} faults", faults.len()))
}

/// A workspace member and what its manifest names.
struct Member {
    name: String,
    /// Our own crates it uses, tests apart.
    own: BTreeSet<String>,
    /// Our own crates its build script uses.
    own_in_build: BTreeSet<String>,
    /// Our own crates its tests use.
    own_in_tests: BTreeSet<String>,
    /// Outside crates it uses, tests apart.
    outside: BTreeSet<String>,
}

/// Name and version of a package in a tree.
type Package = (String, String);

/// Largest tree of one package.
struct Cap {
    package: &'static str,
    packages_max: usize,
    direct_max: usize,
}

/// Reads the members from `cargo metadata --no-deps`.
fn members(metadata: &Value) -> Result<Vec<Member>, String> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    let packages = packages.ok_or("cargo metadata lists no packages")?;
    packages
        .iter()
        .map(|package| {
            let name =
                package.get("name").and_then(Value::as_str).ok_or("a package has no name")?;
            let mut member = Member {
                name: name.to_owned(),
                own: BTreeSet::new(),
                own_in_build: BTreeSet::new(),
                own_in_tests: BTreeSet::new(),
                outside: BTreeSet::new(),
            };
            let dependencies = package.get("dependencies").and_then(Value::as_array);
            for dependency in dependencies.into_iter().flatten() {
                let name = dependency.get("name").and_then(Value::as_str).unwrap_or_default();
                let kind = dependency.get("kind").and_then(Value::as_str);
                let own = dependency.get("path").is_some_and(Value::is_string);
                let set = match (own, kind) {
                    (true, Some("dev")) => &mut member.own_in_tests,
                    (true, Some("build")) => &mut member.own_in_build,
                    (true, _) => &mut member.own,
                    (false, Some("dev")) => continue,
                    (false, _) => &mut member.outside,
                };
                set.insert(name.to_owned());
            }
            Ok(member)
        })
        .collect()
}

/// The table of rooms against its own floors: no arrow it allows runs up.
fn table(rooms: &[Room]) -> Vec<String> {
    let mut faults = Vec::new();
    for room in rooms {
        let mut judge = |used: &str, test: bool| {
            let Some(below) = rooms.iter().find(|room| room.package == used) else {
                faults.push(format!("{} names {used}, which has no room", room.package));
                return;
            };
            let sideways = SIDEWAYS.contains(&(room.package, used));
            if below.floor > room.floor || (below.floor == room.floor && !test && !sideways) {
                faults.push(format!(
                    "{} on floor {} must not name {used} on floor {}",
                    room.package, room.floor, below.floor
                ));
            }
        };
        room.uses.iter().for_each(|used| judge(used, false));
        room.in_tests.iter().for_each(|used| judge(used, true));
    }
    faults
}

/// Edges between our own crates.
fn edges(members: &[Member]) -> Vec<String> {
    let mut faults = Vec::new();
    for member in members {
        let name = &member.name;
        let Some(room) = ROOMS.iter().find(|room| room.package == name) else {
            faults.push(format!("{name} has no line in the table of rooms"));
            continue;
        };
        for used in member.own.iter().filter(|used| !room.uses.contains(&used.as_str())) {
            faults.push(format!("{name} must not depend on {used}"));
        }
        for used in member.own_in_build.iter().filter(|used| *used != STAMP) {
            faults.push(format!("the build script of {name} must not use {used}"));
        }
        let fine = |used: &str| room.uses.contains(&used) || room.in_tests.contains(&used);
        // Cargo lets a crate's tests ask for its own test-only features by naming itself.
        let itself = |used: &str| used == name;
        for used in member.own_in_tests.iter().filter(|used| !fine(used) && !itself(used)) {
            faults.push(format!("the tests of {name} must not depend on {used}"));
        }
    }
    faults
}

/// Direct outside crates of `protocol` and of the narrow rooms.
fn outside(members: &[Member]) -> Vec<String> {
    let mut faults = Vec::new();
    let find = |name: &str| members.iter().find(|member| member.name == name);
    if let Some(protocol) = find(PROTOCOL) {
        let expected: BTreeSet<String> = OF_PROTOCOL.iter().map(ToString::to_string).collect();
        for name in protocol.outside.difference(&expected) {
            faults.push(format!("{PROTOCOL} must not use {name}"));
        }
        for name in expected.difference(&protocol.outside) {
            faults.push(format!("{PROTOCOL} no longer uses {name}: shorten its table"));
        }
    }
    for (narrow, besides) in NARROW {
        let Some(member) = find(narrow) else {
            continue;
        };
        let allowed = |name: &str| besides.contains(&name) || OF_PROTOCOL.contains(&name);
        for name in member.outside.iter().filter(|name| !allowed(name)) {
            faults.push(format!("{narrow} must not use {name}"));
        }
    }
    faults
}

/// The packages of one crate's own tree, tests apart, on the platform releases are built for.
fn tree(package: &str) -> Result<BTreeSet<Package>, String> {
    let text = tool::output(&mut tool::cargo(&[
        "tree",
        "--package",
        package,
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--target",
        "x86_64-unknown-linux-gnu",
    ]))?;
    Ok(parse_tree(&text))
}

/// Reads lines such as `subtle v2.6.1` and `serde_derive v1.0.228 (proc-macro) (*)`.
fn parse_tree(text: &str) -> BTreeSet<Package> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?.to_owned();
            Some((name, words.next()?.strip_prefix('v')?.to_owned()))
        })
        .collect()
}

/// Compares the number of packages, and of those we chose ourselves, with the cap.
fn size(cap: &Cap, tree: &BTreeSet<Package>, members: &[Member]) -> Vec<String> {
    let mut faults = Vec::new();
    if tree.len() > cap.packages_max {
        faults.push(format!(
            "{} has {} packages, at most {}",
            cap.package,
            tree.len(),
            cap.packages_max
        ));
    }
    let ours = |member: &&Member| tree.iter().any(|(name, _)| *name == member.name);
    let direct: BTreeSet<&String> =
        members.iter().filter(ours).flat_map(|member| &member.outside).collect();
    if direct.len() > cap.direct_max {
        faults.push(format!(
            "{} names {} outside crates, its own libraries included; at most {}",
            cap.package,
            direct.len(),
            cap.direct_max
        ));
    }
    faults
}

/// Packages that must not be there, must not be old, or must not be there twice.
fn contents(package: &str, tree: &BTreeSet<Package>) -> Vec<String> {
    let mut faults = Vec::new();
    if package == PROTOCOL || NARROW.iter().any(|(narrow, _)| *narrow == package) {
        for (name, _) in tree.iter().filter(|(name, _)| WORLD.contains(&name.as_str())) {
            faults.push(format!("the tree of {package} contains {name}"));
        }
    }
    for (name, version) in tree {
        let floors: Vec<_> = FLOORS.iter().filter(|(crate_, _)| crate_ == name).collect();
        if floors.is_empty() {
            continue;
        }
        let fixed = floors.iter().any(|(_, floor)| at_least(version, floor));
        if !fixed {
            faults.push(format!("{package}: {name} {version} is below the floor of an advisory"));
        }
    }
    for single in SINGLE {
        let versions = tree.iter().filter(|(name, _)| name == single).count();
        if versions > 1 {
            faults.push(format!("the tree of {package} holds {versions} versions of {single}"));
        }
    }
    faults
}

/// True if a version is compatible with the floor and not below it, or of a later series.
fn at_least(version: &str, floor: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        let plain = text.split(['-', '+']).next().unwrap_or_default();
        plain.split('.').map(|part| part.parse().unwrap_or(0)).collect()
    };
    let (version, floor) = (numbers(version), numbers(floor));
    let series = |numbers: &[u64]| match numbers {
        [0, minor, ..] => (0, *minor),
        [major, ..] => (*major, 0),
        [] => (0, 0),
    };
    version >= floor && (series(&version) == series(&floor) || is_last_series(&floor))
}

/// True if later series than the floor's are fixed too, as they are for the highest floor.
fn is_last_series(floor: &[u64]) -> bool {
    // Only `rand` has floors in several series; its 0.10 line is the highest.
    !matches!(floor, [0, 8 | 9, ..])
}

/// A crate of ours: its floor, which own crates it may use, and which its tests may use besides.
struct Room {
    package: &'static str,
    floor: u8,
    uses: &'static [&'static str],
    in_tests: &'static [&'static str],
}

/// Shorthand for a line of the table.
const fn room(
    floor: u8,
    package: &'static str,
    uses: &'static [&'static str],
    in_tests: &'static [&'static str],
) -> Room {
    Room { package, floor, uses, in_tests }
}

const STAMP: &str = "veilmatch-stamp";
const KERNEL: &str = "ristretto-batch";
const PROTOCOL: &str = "veilmatch-protocol";
const DISCLOSURE: &str = "veilmatch-disclosure";
const POLICY: &str = "veilmatch-policy";
const CLASSES: &str = "veilmatch-classes";
const SESSION: &str = "veilmatch-session";
const VERIFY: &str = "veilmatch-verify";
const REPORT: &str = "veilmatch-report";
const STORE: &str = "veilmatch-store";
const NORMALIZE: &str = "veilmatch-normalize";
const CHANNEL: &str = "veilmatch-channel";
const LEDGER: &str = "veilmatch-ledger";
const TABULAR: &str = "veilmatch-tabular";
const RIGHTS: &str = "veilmatch-rights";
const CRM: &str = "veilmatch-crm";
const MAPPING: &str = "veilmatch-mapping";
const NODE: &str = "veilmatch-node";
const GRAPH: &str = "veilmatch-graph";
const SAMPLE: &str = "veilmatch-sample";
const AUDITOR: &str = "veilmatch-auditor";

/// All rooms, floor by floor. Arrows run down; only tests, and [`SIDEWAYS`], stay on a floor.
const ROOMS: &[Room] = &[
    room(1, STAMP, &[], &[]),
    room(1, KERNEL, &[], &[]),
    room(1, PROTOCOL, &[], &[]),
    room(2, DISCLOSURE, &[PROTOCOL], &[]),
    room(2, POLICY, &[PROTOCOL], &[]),
    room(3, SESSION, &[POLICY, DISCLOSURE, PROTOCOL], &[VERIFY, CLASSES]),
    room(3, VERIFY, &[DISCLOSURE, PROTOCOL], &[SESSION]),
    room(3, CLASSES, &[DISCLOSURE, PROTOCOL], &[]),
    room(3, REPORT, &[PROTOCOL], &[]),
    room(4, STORE, &[REPORT, SESSION, PROTOCOL], &[]),
    room(4, NORMALIZE, &[REPORT, PROTOCOL], &[]),
    room(5, CHANNEL, &[STORE, REPORT, SESSION, PROTOCOL], &[]),
    room(5, LEDGER, &[STORE, REPORT, SESSION, PROTOCOL], &[]),
    room(5, TABULAR, &[STORE, NORMALIZE, REPORT, PROTOCOL], &[]),
    room(5, RIGHTS, &[TABULAR, STORE, NORMALIZE, REPORT, PROTOCOL], &[]),
    room(6, MAPPING, &[TABULAR, STORE, NORMALIZE, REPORT, PROTOCOL], &[]),
    room(6, CRM, &[TABULAR, STORE, NORMALIZE, REPORT, SESSION, PROTOCOL], &[]),
    room(
        6,
        NODE,
        &[CHANNEL, LEDGER, TABULAR, RIGHTS, STORE, NORMALIZE, REPORT, SESSION, PROTOCOL, KERNEL],
        &[VERIFY],
    ),
    room(
        6,
        GRAPH,
        &[RIGHTS, TABULAR, STORE, NORMALIZE, CLASSES, REPORT, SESSION, DISCLOSURE, PROTOCOL],
        &[],
    ),
    room(7, AUDITOR, &[VERIFY, REPORT, PROTOCOL], &[]),
    room(7, "veilmatch-advertiser-node", OF_ADVERTISER, &[VERIFY, AUDITOR]),
    room(7, "veilmatch-provider-node", OF_PROVIDER, &[VERIFY, AUDITOR]),
    room(7, SAMPLE, &[], &[]),
    room(8, "interop", &[], &[SAMPLE]),
    room(8, "xtask", &[SAMPLE], &[]),
];

/// Own crates of the provider's program: nothing of CRM files.
const OF_PROVIDER: &[&str] = &[
    NODE, MAPPING, GRAPH, CHANNEL, LEDGER, TABULAR, RIGHTS, STORE, NORMALIZE, CLASSES, REPORT,
    SESSION, DISCLOSURE, PROTOCOL,
];

/// Own crates of the advertiser's program: nothing of the graph.
const OF_ADVERTISER: &[&str] = &[
    NODE, MAPPING, CRM, CHANNEL, LEDGER, TABULAR, STORE, NORMALIZE, REPORT, SESSION, DISCLOSURE,
    PROTOCOL,
];

/// Arrows between rooms of one floor: files of objections are read as all tables are.
const SIDEWAYS: &[(&str, &str)] = &[(RIGHTS, TABULAR)];

/// Outside crates of `protocol`, exactly.
const OF_PROTOCOL: &[&str] = &[
    "bincode",
    "curve25519-dalek",
    "ed25519-dalek",
    "hkdf",
    "serde",
    "sha2",
    "subtle",
    "thiserror",
    "zeroize",
];

/// Rooms that stay narrow, and the outside crates they may use besides those of `protocol`.
const NARROW: &[(&str, &[&str])] = &[
    (DISCLOSURE, &[]),
    (POLICY, &[]),
    (CLASSES, &[]),
    (SESSION, &["zerocopy"]),
    (VERIFY, &[]),
    (REPORT, &["clap", "fluent-bundle", "fluent-syntax", "jiff", "serde_json", "unic-langid"]),
    (AUDITOR, &["bech32", "clap", "data-encoding", "serde_json"]),
];

/// Crates that reach for the world; the narrow trees hold none of them.
const WORLD: &[&str] = &[
    "arrow",
    "datafusion",
    "getrandom",
    "parquet",
    "quinn",
    "quinn-proto",
    "rustls",
    "socket2",
    "tokio",
];

/// Sizes: growth needs a reason.
const CAPS: &[Cap] = &[
    Cap { package: PROTOCOL, packages_max: 40, direct_max: 9 },
    Cap { package: SESSION, packages_max: 40, direct_max: 10 },
    Cap { package: VERIFY, packages_max: 40, direct_max: 9 },
    // Texts by id brought Fluent and its dozen of packages.
    Cap { package: AUDITOR, packages_max: 80, direct_max: 17 },
    Cap { package: "veilmatch-advertiser-node", packages_max: 300, direct_max: 50 },
    Cap { package: "veilmatch-provider-node", packages_max: 300, direct_max: 50 },
];

/// Lowest versions without a known advisory; single bad versions are bans of `deny.toml`.
const FLOORS: &[(&str, &str)] = &[
    ("bytes", "1.11.1"),
    ("crossbeam-channel", "0.5.15"),
    ("curve25519-dalek", "5.0.0"),
    ("lz4_flex", "0.12.1"),
    ("memmap2", "0.9.11"),
    ("quinn-proto", "0.11.15"),
    ("rand", "0.8.6"),
    ("rand", "0.9.3"),
    ("rand", "0.10.1"),
    ("rustls", "0.23.18"),
    ("rustls-webpki", "0.103.13"),
    ("time", "0.3.47"),
    ("tracing-subscriber", "0.3.20"),
];

/// Crates of which two versions would be two implementations of one secret's handling.
const SINGLE: &[&str] = &["curve25519-dalek", "digest", "rand_core", "rustls", "zeroize"];

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, own: &[&str], outside: &[&str]) -> Member {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Member {
            name: name.to_owned(),
            own: set(own),
            own_in_build: BTreeSet::new(),
            own_in_tests: BTreeSet::new(),
            outside: set(outside),
        }
    }

    #[test]
    fn an_edge_downwards_passes_and_one_upwards_does_not() {
        assert!(edges(&[member(NODE, &[PROTOCOL], &[])]).is_empty());
        assert_eq!(edges(&[member(PROTOCOL, &[NODE], &[])]).len(), 1);
        assert_eq!(edges(&[member(AUDITOR, &[NODE, SESSION, VERIFY], &[])]).len(), 2);
        assert_eq!(edges(&[member("unknown", &[], &[])]).len(), 1);
    }

    #[test]
    fn the_table_of_rooms_has_no_arrow_up() {
        assert_eq!(table(ROOMS), Vec::<String>::new());
        let up = [room(1, PROTOCOL, &[NODE], &[]), room(5, NODE, &[], &[])];
        assert_eq!(table(&up).len(), 1);
        let beside = [room(4, TABULAR, &[RIGHTS], &[]), room(4, RIGHTS, &[TABULAR], &[])];
        assert_eq!(table(&beside).len(), 1);
        let tests = [room(2, SESSION, &[], &[VERIFY, NODE]), room(2, VERIFY, &[], &[SESSION])];
        assert_eq!(table(&tests).len(), 1);
    }

    #[test]
    fn narrow_rooms_use_their_crates_and_no_others() {
        assert!(outside(&[member(PROTOCOL, &[], OF_PROTOCOL)]).is_empty());
        let more = [OF_PROTOCOL, &["rand"]].concat();
        assert_eq!(outside(&[member(PROTOCOL, &[], &more)]).len(), 1);
        assert_eq!(outside(&[member(PROTOCOL, &[], &OF_PROTOCOL[1..])]).len(), 1);
        assert_eq!(outside(&[member(AUDITOR, &[], &["clap", "tokio"])]).len(), 1);
        assert_eq!(outside(&[member(VERIFY, &[], &["clap", "sha2"])]).len(), 1);
    }

    #[test]
    fn trees_are_read_and_searched() {
        let tree = parse_tree(
            "veilmatch-auditor v0.1.0 (/a)\nsubtle v2.6.1\nserde_derive v1.0.1 (proc-macro)\n\
             subtle v2.6.1 (*)\ngetrandom v0.4.3\nbytes v1.11.0\ndigest v0.10.7\ndigest v0.11.3\n",
        );
        assert_eq!(tree.len(), 7);
        assert_eq!(contents(AUDITOR, &tree).len(), 3);
        assert_eq!(contents(NODE, &tree).len(), 2);
    }

    #[test]
    fn floors_hold_per_series() {
        assert!(at_least("0.103.16", "0.103.13") && !at_least("0.103.9", "0.103.13"));
        assert!(at_least("1.12.1", "1.11.1") && at_least("2.0.0", "1.11.1"));
        assert!(at_least("0.4.1", "0.3.47") && at_least("1.2.1+spec-1.1.0", "1.2.1"));
        assert!(at_least("0.8.6", "0.8.6") && !at_least("0.8.5", "0.8.6"));
        assert!(!at_least("0.9.2", "0.8.6") && !at_least("0.9.2", "0.9.3"));
        assert!(!at_least("0.10.0", "0.9.3") && at_least("0.11.0", "0.10.1"));
    }
}
