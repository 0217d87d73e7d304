//! Counts by reason code.

use std::collections::BTreeMap;

/// Adds one under a code.
pub fn add(counts: &mut BTreeMap<String, u64>, code: &str) {
    match counts.get_mut(code) {
        Some(count) => *count += 1,
        None => drop(counts.insert(code.to_owned(), 1)),
    }
}

/// Adds what was counted elsewhere, code by code.
pub fn add_all(to: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>) {
    for (code, count) in from {
        *to.entry(code).or_default() += count;
    }
}
