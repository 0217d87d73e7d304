//! Parts of `status` on either node: times, parties, and the last sessions.
//!
//! Everything is read beside a running service and nothing is changed. Counts that a profile hides
//! are not in the ledger's rows of sessions, so they cannot be shown here.

use std::collections::BTreeMap;

use report::{Arg, Exit, Line, Text};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::home::Home;
use crate::settings::Settings;
use ledger::{Ledger, Partner, SessionRow, SessionState};

/// The ledger of a node for reading; none before the first run.
///
/// # Errors
///
/// [`Failure`] of storage, or a chain that does not hold.
pub fn ledger(home: &Home<impl Settings>) -> Result<Option<Ledger>, Failure> {
    let place = home.ledger();
    if place.trace_of_lost()?.is_none() && !place.exists()? {
        return Ok(None);
    }
    Ok(Some(Ledger::open_read_only(&place)?))
}

/// The state of a session that ended so.
#[must_use]
pub fn state_after(failure: &Failure) -> SessionState {
    match failure.exit() {
        Exit::Hangup | Exit::Interrupt | Exit::Terminate => SessionState::Interrupted,
        _ => SessionState::Failed,
    }
}

/// The row of a run that came to no session, from `begun` to `now`, under an id that is drawn.
#[must_use]
pub fn unopened(
    id: [u8; 32],
    partner: Partner,
    profile: u16,
    (begun, now): (u64, u64),
    why: String,
) -> SessionRow {
    SessionRow {
        sid: id,
        partner,
        profile,
        state: SessionState::Unopened,
        started_at: begun,
        ended_at: Some(now),
        elements: 0,
        outcome: Some(why),
    }
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
    /// A session runs only as long as its program holds the node's directory (`in_use`): one whose
    /// program died, or could not note its end on a full disk, is shown as interrupted.
    ///
    /// # Errors
    ///
    /// [`Failure`] of storage.
    pub fn last(
        ledger: Option<&Ledger>,
        names: BTreeMap<Partner, String>,
        in_use: bool,
    ) -> Result<Self, Failure> {
        let mut rows = ledger.map_or(Ok(Vec::new()), |ledger| ledger.sessions(SESSIONS_SHOWN))?;
        for row in rows.iter_mut().filter(|row| !in_use && row.state == SessionState::Running) {
            row.state = SessionState::Interrupted;
        }
        Ok(Self { rows, names })
    }

    /// A line for each.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        if self.rows.is_empty() {
            return vec![Line::of(Text::new("sessions-none"))];
        }
        let mut lines = vec![Line::of(Text::new("sessions-last"))];
        lines.extend(self.rows.iter().map(|row| {
            let sid = if is_session(row) { short(&row.sid) } else { "-".to_owned() };
            let text = Text::new("sessions-row")
                .with("started", Arg::Instant(row.started_at))
                .with("state", row.state.name())
                .with("profile", Arg::Word(format!("{:<12}", profile(row.profile))))
                .with("elements", Arg::Word(format!("{:>10}", row.elements)))
                .with("session", Arg::Word(format!("{sid:<8}")))
                .with("partner", self.name(&row.partner))
                .with("outcome", row.outcome.as_deref().unwrap_or("-"));
            Line::under(text)
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
                    "session": is_session(row).then(|| store::hex(&row.sid)),
                    "partner": self.name(&row.partner),
                    "profile": profile(row.profile),
                    "state": row.state.name(),
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
    store::hex(id.first_chunk::<4>().unwrap_or(&[0; 4]))
}

/// True if a row is about a session: a run that came to none has a row too.
fn is_session(row: &SessionRow) -> bool {
    row.state != SessionState::Unopened
}

pub(crate) fn profile(code: u16) -> String {
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
    fn session_of_a_program_that_is_gone_is_not_shown_as_running() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("keys")).unwrap();
        let key = store::seal::StorageKey::from_bytes([1; 32]);
        let place = ledger::LedgerPlace::of(dir.path(), &key);
        let ledger = Ledger::open(&place).unwrap();
        let why = "V0417".to_owned();
        let begun = SessionRow {
            state: SessionState::Running,
            ..unopened([1; 32], [2; 32], 2, (1, 2), why)
        };
        ledger.record_session(&begun).unwrap();
        for (in_use, state) in [(true, "running"), (false, "interrupted")] {
            let sessions = Sessions::last(Some(&ledger), BTreeMap::new(), in_use).unwrap();
            assert_eq!(sessions.json()[0]["state"], state);
        }
    }

    #[test]
    fn sessions_are_shown_by_the_name_of_the_partner() {
        let row = SessionRow {
            sid: [0xAB; 32],
            partner: [1; 32],
            profile: 2,
            state: SessionState::Running,
            started_at: 86_400,
            ended_at: None,
            elements: 32_768,
            outcome: None,
        };
        let names = BTreeMap::from([([1; 32], "retailer".to_owned())]);
        let sessions = Sessions { rows: vec![row], names };
        let line = sessions.lines().pop().unwrap().render(&report::Reader::LOG);
        for part in ["1970-01-02T00:00:00Z", "running", "matched-rows", "32768", "retailer", "ab"] {
            assert!(line.contains(part), "{line}");
        }
        assert_eq!(sessions.json()[0]["ended_at"], Value::Null);
        let why = "V0422 no connection to 192.0.2.1:4433: no answer".to_owned();
        let row = unopened([7; 32], [1; 32], 2, (86_400, 86_401), why);
        let sessions = Sessions { rows: vec![row], names: sessions.names };
        let line = sessions.lines().pop().unwrap().render(&report::Reader::LOG);
        for part in ["1970-01-02T00:00:00Z", "unopened", "retailer", "V0422", "192.0.2.1:4433"] {
            assert!(line.contains(part), "{line}");
        }
        assert!(!line.contains("07070707"), "no session has that id: {line}");
        assert_eq!(sessions.json()[0]["session"], Value::Null);
        let none = Sessions { rows: Vec::new(), names: BTreeMap::new() };
        assert_eq!(none.lines(), [Line::of(Text::new("sessions-none"))]);
    }
}
