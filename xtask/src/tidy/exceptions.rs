//! Exceptions of the supply chain and their dates of review.

use sample::Day;

/// Exceptions of the supply chain: each carries a date of review, and the date lies ahead.
pub(super) fn exceptions(path: &str, text: &str, today: Day) -> Vec<String> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let exception = line.contains("\"RUSTSEC-");
        let date = line.split_once("review by ").map(|(_, rest)| rest.get(..10).unwrap_or(rest));
        match date.map(str::parse::<Day>) {
            None if exception => {
                findings.push(format!("{path}:{number}: an exception without `review by DATE`"));
            }
            Some(Err(reason)) => findings.push(format!("{path}:{number}: {reason}")),
            Some(Ok(day)) if day < today => {
                findings.push(format!("{path}:{number}: review was due by {day}"));
            }
            _ => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_expire() {
        let line = |date: &str| {
            format!("    {{ id = \"RUSTSEC-2025-0141\", reason = \"x; review by {date}\" }},\n")
        };
        let today: Day = "2026-11-21".parse().unwrap();
        assert_eq!(exceptions("deny.toml", &line("2027-05-31"), today).len(), 0);
        assert_eq!(exceptions("deny.toml", &line("2026-11-20"), today).len(), 1);
        assert_eq!(exceptions("deny.toml", &line("soon"), today).len(), 1);
        assert_eq!(exceptions("deny.toml", "ignore = [\"RUSTSEC-2025-0141\"]\n", today).len(), 1);
    }
}
