//! What a run gave its operator: as figures that can be kept, as lines, as a table, and as JSON.
//!
//! In shuffled order everything that is shown comes from the outcome, rounded and cut as the terms
//! say; there is no other count in the program. What is kept is what is shown, so that a result
//! that is written again is the same to the byte.

use std::collections::BTreeMap;

use crate::crm::InputCounts;
use protocol::error::Error;
use protocol::purpose::Purpose;
use report::Diagnose as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use session::disclosure::{self, MatchCount, Outcome, Withheld};

/// The result of a run and what its files and summaries say of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) profile: String,
    pub(crate) purpose: Purpose,
    pub(crate) consent_max_age_days: u16,
    /// Rows of the files.
    pub(crate) rows: u64,
    pub(crate) eligible: u64,
    pub(crate) populations: InputCounts,
    pub(crate) distinct: u64,
    pub(crate) row_width: u8,
    pub(crate) elements: u64,
    pub(crate) changed_rows: Option<u64>,
    /// Kinds of identifiers in the order of the terms.
    pub(crate) kinds: Vec<u8>,
    pub(crate) namespaces: BTreeMap<u16, String>,
    pub(crate) rules_digest: [u8; 32],
    pub(crate) valid_days: u16,
    /// Day of the delivery, in days since 1970.
    pub(crate) day: i32,
    pub(crate) segment: Option<String>,
    pub(crate) figures: Figures,
}

/// An outcome in the released form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Figures {
    Rows { matched: u64 },
    Count(Count),
    Handles(Count),
    DigitalIds { count: Count, ids: u64, suppressed: u64 },
    Withheld(Reason),
    Served,
}

/// How many rows matched, as far as the terms let it be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    rows: u64,
    sampled: bool,
    matched: Option<u64>,
    rate: Rate,
    interval: Option<Interval>,
    rows_by_hits: Vec<Option<u64>>,
}

/// A rate at the precision of the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Rate {
    Percent(u8),
    Over(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Interval {
    low: u8,
    high: Rate,
}

/// Why a result is withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// Follows from the input and the terms, so that asking again gives the same.
    BelowMatchMinimum {
        k_min: u32,
    },
    AboveHandlesMaximum,
    /// Somebody's decision of the day, in words.
    Decided(String),
}

impl Figures {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Rows(rows) => Self::Rows { matched: rows.matched() },
            Outcome::Count(count) => Self::Count(count.into()),
            Outcome::Handles(activated) => Self::Handles(activated.count().into()),
            Outcome::DigitalIds(found) => Self::DigitalIds {
                count: found.count().into(),
                ids: found.ids(),
                suppressed: found.suppressed(),
            },
            Outcome::Withheld(why) => Self::Withheld(Reason::of(*why)),
            Outcome::Served | Outcome::Released(_) => Self::Served,
        }
    }

    /// Whether asking the same again would give the same.
    pub(crate) const fn is_answer(&self) -> bool {
        !matches!(self, Self::Withheld(Reason::Decided(_)) | Self::Served)
    }

    /// The reason for which an answer is withheld.
    pub(crate) const fn withheld(&self) -> Option<Withheld> {
        match self {
            Self::Withheld(Reason::BelowMatchMinimum { k_min }) => {
                Some(Withheld::BelowMatchMinimum { k_min: *k_min })
            }
            Self::Withheld(Reason::AboveHandlesMaximum) => Some(Withheld::AboveHandlesMaximum),
            _ => None,
        }
    }

    /// How a session ended, in the released form and as far as its profile lets this side know.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Rows { matched } => format!("matched {matched}"),
            Self::Count(count) => format!("matched {}", count.shown()),
            Self::Handles(count) => format!("matched {}, activated by the provider", count.shown()),
            Self::DigitalIds { count, ids, .. } => {
                format!("matched {}, {ids} digital IDs", count.shown())
            }
            Self::Withheld(Reason::Decided(how)) => how.clone(),
            Self::Withheld(_) => "withheld".to_owned(),
            Self::Served => "served".to_owned(),
        }
    }

    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Rows { .. } => "rows",
            Self::Count(_) => "count",
            Self::Handles(_) => "handles",
            Self::DigitalIds { .. } => "digital-ids",
            Self::Withheld(_) => "withheld",
            Self::Served => "served",
        }
    }

    /// The count, in the profiles that have one.
    pub(crate) const fn count(&self) -> Option<&Count> {
        match self {
            Self::Count(count) | Self::Handles(count) | Self::DigitalIds { count, .. } => {
                Some(count)
            }
            Self::Rows { .. } | Self::Withheld(_) | Self::Served => None,
        }
    }
}

impl Reason {
    fn of(why: Withheld) -> Self {
        match why {
            Withheld::BelowMatchMinimum { k_min } => Self::BelowMatchMinimum { k_min },
            Withheld::AboveHandlesMaximum => Self::AboveHandlesMaximum,
            Withheld::Declined => Self::Decided("declined".to_owned()),
            Withheld::Refused(why) => {
                let error = Error::RefusedByPeer { why, retry_after_s: 0, ledger_head: [0; 32] };
                let code = error.code().shown();
                Self::Decided(format!("refused by the provider, {code}"))
            }
            Withheld::ByAdvertiser => Self::Decided("withheld".to_owned()),
        }
    }
}

impl From<&MatchCount> for Count {
    fn from(count: &MatchCount) -> Self {
        Self {
            rows: count.rows(),
            sampled: count.is_sample(),
            matched: count.matched(),
            rate: count.rate().into(),
            interval: count
                .interval()
                .map(|interval| Interval { low: interval.low, high: interval.high.into() }),
            rows_by_hits: count.rows_by_hits().to_vec(),
        }
    }
}

impl From<disclosure::Rate> for Rate {
    fn from(rate: disclosure::Rate) -> Self {
        match rate {
            disclosure::Rate::Percent(percent) => Self::Percent(percent),
            disclosure::Rate::Over(cap) => Self::Over(cap),
        }
    }
}

impl Rate {
    fn json(self) -> Value {
        match self {
            Self::Percent(percent) => json!({"percent": percent, "over": false}),
            Self::Over(cap) => json!({"percent": cap, "over": true}),
        }
    }
}

impl Count {
    /// A count in one line.
    pub(crate) fn shown(&self) -> String {
        let of = if self.sampled { "rows drawn" } else { "eligible rows" };
        let rows = self.rows;
        match (self.rate, self.matched) {
            (Rate::Percent(percent), Some(matched)) => {
                format!("about {matched} of {rows} {of} ({percent} %)")
            }
            (Rate::Over(cap), _) => format!("over {cap} % of {rows} {of}"),
            (Rate::Percent(percent), None) => format!("{percent} % of {rows} {of}"),
        }
    }

    /// The table of a count; a figure that is not shown has no value.
    pub(crate) fn figures(&self) -> Vec<(String, Option<u64>)> {
        let (percent, over) = match self.rate {
            Rate::Percent(percent) => (Some(percent.into()), None),
            Rate::Over(cap) => (None, Some(cap.into())),
        };
        let mut figures = vec![
            ("rows".to_owned(), Some(self.rows)),
            ("matched".to_owned(), self.matched),
            ("rate_percent".to_owned(), percent),
            ("rate_over_percent".to_owned(), over),
        ];
        if let Some(Interval { low, high }) = self.interval {
            figures.push(("interval_low_percent".to_owned(), Some(low.into())));
            let high = match high {
                Rate::Percent(percent) => Some(percent.into()),
                Rate::Over(_) => None,
            };
            figures.push(("interval_high_percent".to_owned(), high));
        }
        let by_hits = (1..).zip(&self.rows_by_hits);
        figures.extend(by_hits.map(|(hits, rows)| (format!("rows_with_{hits}_hits"), *rows)));
        figures
    }

    fn lines(&self, eligible: u64, rows: u64) -> Vec<String> {
        let mut lines = vec![format!("matched {}", self.shown())];
        if let Some(file) = self.file_rate(eligible, rows) {
            lines.push(format!("file match rate: about {file} % of {rows} rows"));
        }
        if let Some(Interval { low, high }) = self.interval {
            let high = match high {
                Rate::Percent(percent) => format!("{percent} %"),
                Rate::Over(cap) => format!("more than {cap} %"),
            };
            lines.push(format!("with 95 % confidence between {low} % and {high} of all rows"));
        }
        lines.push("rows by identifiers that matched:".to_owned());
        lines.extend((1..).zip(&self.rows_by_hits).map(|(hits, cell)| match cell {
            Some(rows) => format!("  {hits}: about {rows}"),
            None => format!("  {hits}: fewer than the minimum, or hidden beside one that is"),
        }));
        lines
    }

    /// The rate over all rows of the file, from the released one and nothing more exact.
    fn file_rate(&self, eligible: u64, rows: u64) -> Option<u8> {
        let Rate::Percent(percent) = self.rate else { return None };
        let (eligible, rows) = (u128::from(eligible), u128::from(rows.max(1)));
        let rate = (u128::from(percent) * eligible * 2 + rows) / (rows * 2);
        Some(u8::try_from(rate).unwrap_or(100).min(100))
    }
}

impl Answer {
    /// The result for a person; empty for one that is withheld, which has a report of its own.
    pub(crate) fn lines(&self) -> Vec<String> {
        let (eligible, rows) = (self.eligible, self.rows);
        match &self.figures {
            Figures::Rows { matched } => {
                let percent = |of: u64| 100.0 * *matched as f64 / of.max(1) as f64;
                vec![format!(
                    "matched {matched} of {eligible} eligible rows (active match rate {:.1} %, \
                     file match rate {:.1} %)",
                    percent(eligible),
                    percent(rows),
                )]
            }
            Figures::Count(count) => count.lines(eligible, rows),
            Figures::Handles(count) => {
                let mut lines = count.lines(eligible, rows);
                lines.push("the provider activates the matched records".to_owned());
                lines
            }
            Figures::DigitalIds { count, ids, suppressed } => {
                let mut lines = count.lines(eligible, rows);
                lines.push(format!(
                    "digital IDs: {ids}; left out for objections since the snapshot: {suppressed}"
                ));
                lines
            }
            Figures::Withheld(_) | Figures::Served => Vec::new(),
        }
    }

    /// Everything a script may want of a result; counts are the released ones, or null.
    pub(crate) fn summary(&self, sid: &[u8; 32]) -> Map<String, Value> {
        let fields = json!({
            "profile": self.profile,
            "purpose": self.purpose.name(),
            "consent_max_age_days": self.consent_max_age_days,
            "rows": self.rows,
            "eligible": self.eligible,
            "populations": self.populations,
            "distinct_identifiers": self.distinct,
            "row_width": self.row_width,
            "elements": self.elements,
            "changed_rows": self.changed_rows,
            "session_id": node::hex(sid),
            "outcome": self.figures.kind(),
            "outcome_text": self.figures.text(),
        });
        let mut summary = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        summary.extend(self.result());
        summary
    }

    /// The figures under names that every profile has.
    fn result(&self) -> Map<String, Value> {
        let (mut matched, mut rate, mut file, mut ids, mut suppressed) =
            (Value::Null, Value::Null, Value::Null, Value::Null, Value::Null);
        match &self.figures {
            Figures::Rows { matched: found } => {
                let percent = |of: u64| 100.0 * *found as f64 / of.max(1) as f64;
                matched = (*found).into();
                rate = json!({"percent": percent(self.eligible), "over": false});
                file = json!({"percent": percent(self.rows), "over": false});
            }
            Figures::DigitalIds { ids: found, suppressed: left_out, .. } => {
                ids = (*found).into();
                suppressed = (*left_out).into();
            }
            _ => {}
        }
        let count = self.figures.count();
        if let Some(count) = count {
            matched = json!(count.matched);
            rate = count.rate.json();
            let of_file = count.file_rate(self.eligible, self.rows);
            file = json!(of_file.map(|percent| json!({"percent": percent, "over": false})));
        }
        let interval = count.and_then(|count| count.interval).map(
            |interval| json!({"low": interval.low, "high": interval.high.json(), "confidence": 95}),
        );
        let fields = [
            ("matched", matched),
            ("rate", rate),
            ("file_rate", file),
            ("rows_asked", json!(count.map(|count| count.rows))),
            ("interval", json!(interval)),
            ("rows_by_hits", json!(count.map(|count| &count.rows_by_hits))),
            ("digital_ids", ids),
            ("ids_suppressed", suppressed),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
