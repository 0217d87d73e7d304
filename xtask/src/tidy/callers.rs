//! Functions that nothing but a test calls.
//!
//! By name alone: a function counts as called if its name stands anywhere outside tests, imports
//! and its own definition. That finds no function that shares its name with a living one, and no
//! living one is found wrongly, but for those that only a macro or another program calls.

use std::collections::HashMap;

use crate::source::Source;

/// Names the functions without a caller, and the exceptions that are none.
pub(super) fn uncalled(sources: &[Source]) -> Vec<String> {
    let mut named: HashMap<&str, usize> = HashMap::new();
    for source in sources {
        let mut before = "";
        for word in source.identifiers() {
            if before != "fn" {
                *named.entry(word).or_default() += 1;
            }
            before = word;
        }
        // Attributes name functions in quotation marks: `#[serde(default = "limit")]`.
        for literal in source.literals() {
            if source.around(literal.start).contains(&"serde") {
                *named.entry(last_part(&literal.text)).or_default() += 1;
            }
        }
    }
    let mut findings = Vec::new();
    let mut excused: Vec<&(&str, &str, &str)> = Vec::new();
    for source in sources.iter().filter(|source| source.room().is_some()) {
        for function in source.functions() {
            let name = function.name.as_str();
            if function.of_trait || name == "main" || named.contains_key(name) {
                continue;
            }
            let reason =
                EXCUSED.iter().find(|(file, excused, _)| source.path == *file && *excused == name);
            match reason {
                Some(reason) => excused.push(reason),
                None => findings.push(format!(
                    "{}:{}: nothing but tests calls {name}",
                    source.path, function.line
                )),
            }
        }
    }
    for reason in EXCUSED.iter().filter(|reason| !excused.contains(reason)) {
        findings.push(format!("{}: {} needs no excuse any more", reason.0, reason.1));
    }
    findings
}

/// The name at the end of a path.
fn last_part(path: &str) -> &str {
    path.rsplit_once("::").map_or(path, |(_, name)| name)
}

/// Functions that may stand without a caller: file, name, and why.
const EXCUSED: &[(&str, &str, &str)] = &[
    ("normalize/src/lib.rs", "email_synthetic", "rule 8 of emails; the truth test reads by it"),
    ("normalize/src/lib.rs", "reason_code", "read by the tests of conformance"),
    ("normalize/src/lib.rs", "into_found", "read by the tests of conformance"),
    ("protocol/src/oprf.rs", "of_unblinded", "the definition that the batch is tested against"),
    ("protocol/src/seed.rs", "element_blind", "the definition that the batch is tested against"),
    ("ristretto-batch/src/dispatch.rs", "with_backend", "benches and tests choose a backend"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_only_tests_call_is_found() {
        let text = "fn used() {}\nfn main() { used() }\nfn lost() {}\n\
                    impl Drop for A { fn drop(&mut self) {} }\n\
                    #[serde(default = \"limits::most\")]\nstruct B;\nfn most() {}\n\
                    #[cfg(test)]\nmod tests { fn t() { lost() } }\n";
        let source = |path: &str| Source::new(path.to_owned(), text.to_owned());
        let found = uncalled(&[source("node/src/a.rs")]);
        let lost: Vec<_> = found.iter().filter(|one| one.contains("calls")).collect();
        assert_eq!(lost, ["node/src/a.rs:3: nothing but tests calls lost"]);
        assert!(uncalled(&[source("node/tests/a.rs")]).iter().all(|one| !one.contains("calls")));
    }
}
