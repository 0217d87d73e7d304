//! Rows of sessions, for `status`.

use protocol::ledger::LedgerEntry;
use report::Text;
use rusqlite::params;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

use super::{Ledger, LedgerError, Partner, sortable};

/// Session as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub sid: [u8; 32],
    /// The partner.
    pub partner: Partner,
    /// Code of the profile.
    pub profile: u16,
    /// State of the session.
    pub state: SessionState,
    /// Unix time of its start.
    pub started_at: u64,
    /// Unix time of its end.
    pub ended_at: Option<u64>,
    /// Padded elements.
    pub elements: u64,
    /// Outcome, without figures that the profile hides.
    pub outcome: Option<String>,
}

impl SessionRow {
    /// The row of a session whose reserve or hold has just been written.
    #[must_use]
    pub fn begun(partner: Partner, entry: &LedgerEntry, now: u64) -> Self {
        Self {
            sid: entry.sid,
            partner,
            profile: entry.profile,
            state: SessionState::Running,
            started_at: now,
            ended_at: None,
            elements: entry.evaluations,
            outcome: None,
        }
    }

    /// The row of the session once it has ended.
    #[must_use]
    pub fn ended(self, state: SessionState, outcome: &str, now: u64) -> Self {
        Self { state, outcome: Some(outcome.to_owned()), ended_at: Some(now), ..self }
    }
}

/// State of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// The reserve or hold is written.
    Running,
    /// The session ended as it should.
    Done,
    /// An error ended the session.
    Failed,
    /// The program died, or was told to stop.
    Interrupted,
    /// The run came to no session: the row has an id that is drawn, and no elements.
    Unopened,
}

impl SessionState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Done, Self::Failed, Self::Interrupted, Self::Unopened];

    /// The name in the ledger and in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Unopened => "unopened",
        }
    }

    /// The word that people read.
    pub fn text(self) -> Text {
        Text::new("session-state").with("state", self.name())
    }
}

impl FromSql for SessionState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        Self::ALL.into_iter().find(|state| state.name() == name).ok_or(FromSqlError::InvalidType)
    }
}

impl Ledger {
    /// Writes the row of a session, over the one it had.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn record_session(&self, session: &SessionRow) -> Result<(), LedgerError> {
        self.transact(|tx| {
            self.checks.write(tx, "sessions", "sid = ?1", params![session.sid], |tx| {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO sessions
                     (sid, partner, profile, state, started_at, ended_at, elements, outcome)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    session.sid,
                    session.partner,
                    session.profile,
                    session.state.name(),
                    sortable(session.started_at),
                    session.ended_at.map(sortable),
                    session.elements.cast_signed(),
                    session.outcome,
                ])?;
                Ok(())
            })
        })
        .map(|_| ())
    }

    /// Marks sessions that a program left running when it died; for the holder of the node's lock.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn interrupt_sessions(&self) -> Result<(), LedgerError> {
        self.transact(|tx| {
            let sids: Vec<[u8; 32]> = tx
                .prepare_cached("SELECT sid FROM sessions WHERE state = ?1")?
                .query_map([SessionState::Running.name()], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for sid in sids {
                self.checks.write(tx, "sessions", "sid = ?1", params![sid], |tx| {
                    tx.prepare_cached("UPDATE sessions SET state = ?1 WHERE sid = ?2")?
                        .execute(params![SessionState::Interrupted.name(), sid])?;
                    Ok(())
                })?;
            }
            Ok(())
        })
        .map(|_| ())
    }

    /// Rows of the latest sessions with all partners, newest first.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn sessions(&self, most: u32) -> Result<Vec<SessionRow>, LedgerError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT * FROM sessions ORDER BY started_at DESC, sid LIMIT ?1")?;
            let rows = statement.query_map(params![most], |row| {
                Ok(SessionRow {
                    sid: row.get("sid")?,
                    partner: row.get("partner")?,
                    profile: row.get("profile")?,
                    state: row.get("state")?,
                    started_at: row.get::<_, i64>("started_at")?.cast_unsigned(),
                    ended_at: row.get::<_, Option<i64>>("ended_at")?.map(i64::cast_unsigned),
                    elements: row.get::<_, i64>("elements")?.cast_unsigned(),
                    outcome: row.get("outcome")?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
