//! What `status` shows on either node: times, parties, and the last sessions.
//!
//! Everything is read beside a running service and nothing is changed. Counts that a profile hides
//! are not in the ledger's rows of sessions, so they cannot be shown here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::Settings;
use crate::failure::Failure;
use crate::home::Home;
use crate::ledger::{Ledger, Partner, SessionRow};

/// The ledger of a node for reading; none before the first run.
///
/// # Errors
///
/// [`Failure`] of storage, or a chain that does not hold.
pub fn ledger(home: &Home<impl Settings>) -> Result<Option<Ledger>, Failure> {
    let path = home.path("ledger.sqlite");
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(Ledger::open_read_only(&path)?))
}

/// The last sessions of a node, newest first.
#[derive(Debug)]
pub struct Sessions {
    rows: Vec<SessionRow>,
    names: BTreeMap<Partner, String>,
}

impl Sessions {
    /// Reads the last ten; partners are shown by these names.
    ///
    /// # Errors
    ///
    /// [`Failure`] of storage.
    pub fn last(
        ledger: Option<&Ledger>,
        names: BTreeMap<Partner, String>,
    ) -> Result<Self, Failure> {
        let rows = ledger.map_or(Ok(Vec::new()), |ledger| ledger.sessions(SESSIONS_SHOWN))?;
        Ok(Self { rows, names })
    }

    /// A line for each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if self.rows.is_empty() {
            return vec!["no session yet".to_owned()];
        }
        let mut lines = vec!["last sessions, newest first:".to_owned()];
        lines.extend(self.rows.iter().map(|row| {
            format!(
                "  {}  {:<11}  {:<12}  {:>10} elements  {}  {}  {}",
                time(row.started_at),
                row.state,
                profile(row.profile),
                row.elements,
                short(&row.sid),
                self.name(&row.partner),
                row.outcome.as_deref().unwrap_or("-"),
            )
        }));
        lines
    }

    /// The same for a script.
    #[must_use]
    pub fn json(&self) -> Value {
        self.rows
            .iter()
            .map(|row| {
                json!({
                    "session": crate::hex(&row.sid),
                    "partner": self.name(&row.partner),
                    "profile": profile(row.profile),
                    "state": row.state,
                    "elements": row.elements,
                    "started_at": time(row.started_at),
                    "ended_at": row.ended_at.map(time),
                    "outcome": row.outcome,
                })
            })
            .collect()
    }

    fn name(&self, partner: &Partner) -> String {
        self.names.get(partner).cloned().unwrap_or_else(|| short(partner))
    }
}

/// A moment as RFC 3339 writes it, in UTC.
#[must_use]
pub fn time(unix: u64) -> String {
    let seconds = i64::try_from(unix).ok();
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "unknown".to_owned(), |time| time.to_string())
}

/// A day since 1970 as ISO 8601 writes it.
#[must_use]
pub fn day(day: u32) -> String {
    time(u64::from(day).saturating_mul(86_400)).chars().take_while(|c| *c != 'T').collect()
}

/// The first 8 digits of a party or session.
#[must_use]
pub fn short(id: &[u8; 32]) -> String {
    crate::hex(id.first_chunk::<4>().unwrap_or(&[0; 4]))
}

fn profile(code: u16) -> String {
    protocol::suite::Profile::from_code(code)
        .map_or_else(|| format!("profile {code}"), |profile| profile.name().to_owned())
}

const SESSIONS_SHOWN: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_days_are_in_utc() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(day(20_000), "2024-10-04");
        assert_eq!(time(u64::MAX), "unknown");
    }

    #[test]
    fn sessions_are_shown_by_the_name_of_the_partner() {
        let row = SessionRow {
            sid: [0xAB; 32],
            partner: [1; 32],
            profile: 2,
            state: SessionRow::RUNNING.into(),
            started_at: 86_400,
            ended_at: None,
            elements: 32_768,
            outcome: None,
        };
        let names = BTreeMap::from([([1; 32], "retailer".to_owned())]);
        let sessions = Sessions { rows: vec![row], names };
        let line = sessions.lines().pop().unwrap();
        for part in ["1970-01-02T00:00:00Z", "running", "matched-rows", "32768", "retailer", "ab"] {
            assert!(line.contains(part), "{line}");
        }
        assert_eq!(sessions.json()[0]["ended_at"], Value::Null);
        let none = Sessions { rows: Vec::new(), names: BTreeMap::new() };
        assert_eq!(none.lines(), ["no session yet"]);
    }
}
