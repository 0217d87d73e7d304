//! The result of a run: as figures that can be kept, as lines, as a table, and as JSON.
//!
//! In shuffled order everything that is shown comes from the outcome, rounded and cut as the terms
//! say; there is no other count in the program. What is kept is what is shown, so that a result
//! that is written again is the same to the byte.

use std::collections::BTreeMap;

use ::disclosure::noise::DELTA_ONE_IN;
use crm::InputCounts;
use node::console::{Object, OutputOptions};
use protocol::error::Error;
use protocol::purpose::Purpose;
use report::{Arg, Diagnose as _, Exit, Line, Text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use session::disclosure::{self, MatchCount, Outcome, Withheld};

use crate::runs::Asked;

/// The result of a run and what its files and summaries say of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) profile: String,
    pub(crate) purpose: Purpose,
    pub(crate) consent_max_age_days: u16,
    /// Digest of the map by which the files were read.
    pub(crate) map: Option<[u8; 32]>,
    /// Rows of the files.
    pub(crate) rows: u64,
    pub(crate) eligible: u64,
    pub(crate) populations: InputCounts,
    pub(crate) distinct: u64,
    pub(crate) row_width: u8,
    pub(crate) elements: u64,
    /// Kinds of identifiers in the order of the terms.
    pub(crate) kinds: Vec<u8>,
    pub(crate) namespaces: BTreeMap<u16, String>,
    pub(crate) rules_digest: [u8; 32],
    pub(crate) valid_days: u16,
    /// Day of the delivery, in days since 1970.
    pub(crate) day: i32,
    pub(crate) segment: Option<String>,
    /// The run that asked.
    pub(crate) run_id: String,
    /// Question that it answers; none of a result of an earlier build.
    #[serde(default)]
    pub(crate) asked: Option<Asked>,
    pub(crate) figures: Figures,
}

/// An outcome in the released form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Figures {
    Rows {
        matched: u64,
    },
    Count(Count),
    Handles(Count),
    DigitalIds {
        count: Count,
        ids: u64,
    },
    /// Persons who left were named; nothing is counted.
    Removed,
    Withheld(Reason),
    Served,
}

/// Number of rows that matched, as far as the terms let it be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    rows: u64,
    sampled: bool,
    matched: Option<u64>,
    rate: Rate,
    interval: Option<Interval>,
    rows_by_hits: Vec<Option<u64>>,
    noise: Option<CountNoise>,
}

/// Noise that a count carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct CountNoise {
    epsilon_milli: u32,
    /// Identifiers of one person that it hides.
    unit: u8,
    /// Rows by which it moves the count, at most, in 95 of 100 runs.
    interval_rows: u64,
    /// Rows by which it moves the count, at most.
    clamp_rows: u64,
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

/// Reason why a result is withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// Follows from the input and the terms, so that asking again gives the same.
    BelowMatchMinimum {
        k_min: u32,
    },
    AboveHandlesMaximum,
    /// A rate that the operator has to allow by name.
    Implausible,
    /// The operator's decision of the day.
    Declined,
    /// The provider's decision of the day, with its code.
    Refused(String),
    /// The advertiser's decision of the day, as the provider sees it.
    ByAdvertiser,
}

impl Figures {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Rows(rows) => Self::Rows { matched: rows.matched() },
            Outcome::Count(count) => Self::Count(count.into()),
            Outcome::Handles(activated) => Self::Handles(activated.count().into()),
            Outcome::DigitalIds(found) => {
                Self::DigitalIds { count: found.count().into(), ids: found.ids() }
            }
            Outcome::Removed => Self::Removed,
            Outcome::Withheld(why) => Self::Withheld(Reason::of(*why)),
            Outcome::Served | Outcome::Released(_) => Self::Served,
        }
    }

    /// True if something was released: nothing else is remembered [D-14].
    pub(crate) const fn is_released(&self) -> bool {
        match self {
            Self::Rows { .. } | Self::Count(_) | Self::Handles(_) | Self::DigitalIds { .. } => true,
            Self::Removed | Self::Withheld(_) | Self::Served => false,
        }
    }

    /// End of a session, in the released form and as far as its profile lets this side know.
    pub(crate) fn text(&self) -> Text {
        match self {
            Self::Rows { matched } => Text::new("outcome-rows").with("matched", *matched),
            Self::Count(count) => Text::new("outcome-count").with("count", count.told()),
            Self::Handles(count) => Text::new("outcome-handles").with("count", count.told()),
            Self::DigitalIds { count, ids, .. } => {
                Text::new("outcome-digital-ids").with("count", count.told()).with("ids", *ids)
            }
            Self::Withheld(Reason::Declined) => Text::new("outcome-declined"),
            Self::Withheld(Reason::Refused(code)) => {
                Text::new("outcome-refused").with("code", code)
            }
            Self::Removed => Text::new("outcome-removed"),
            Self::Withheld(_) => Text::new("outcome-withheld"),
            Self::Served => Text::new("outcome-served"),
        }
    }

    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Rows { .. } => "rows",
            Self::Count(_) => "count",
            Self::Handles(_) => "handles",
            Self::DigitalIds { .. } => "digital-ids",
            Self::Removed => "removed",
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
            Self::Rows { .. } | Self::Removed | Self::Withheld(_) | Self::Served => None,
        }
    }
}

impl Reason {
    fn of(why: Withheld) -> Self {
        match why {
            Withheld::BelowMatchMinimum { k_min } => Self::BelowMatchMinimum { k_min },
            Withheld::AboveHandlesMaximum => Self::AboveHandlesMaximum,
            Withheld::Implausible => Self::Implausible,
            Withheld::Declined => Self::Declined,
            Withheld::Refused(why) => {
                let error = Error::RefusedByPeer { why, retry_after_s: 0, ledger_head: [0; 32] };
                Self::Refused(error.code().shown())
            }
            Withheld::ByAdvertiser => Self::ByAdvertiser,
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
            noise: count.noise().map(|noise| CountNoise {
                epsilon_milli: noise.epsilon_milli(),
                unit: noise.unit(),
                interval_rows: noise.interval_rows(),
                clamp_rows: noise.bound(),
            }),
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

impl CountNoise {
    fn json(self) -> Value {
        json!({
            "epsilon": f64::from(self.epsilon_milli) / 1_000.0,
            "delta": 1.0 / f64::from(DELTA_ONE_IN),
            "noise_unit": self.unit,
            "interval_rows": self.interval_rows,
            "confidence": 95,
            "clamp_rows": self.clamp_rows,
        })
    }
}

impl Count {
    /// A count in one line.
    pub(crate) fn told(&self) -> Text {
        let text = match (self.rate, self.matched) {
            (Rate::Percent(percent), Some(matched)) => Text::new("count-about")
                .with("matched", matched)
                .with("percent", u32::from(percent)),
            (Rate::Over(cap), _) => Text::new("count-over").with("percent", u32::from(cap)),
            (Rate::Percent(percent), None) => {
                Text::new("count-percent").with("percent", u32::from(percent))
            }
        };
        text.with("rows", self.rows).with("sampled", if self.sampled { "yes" } else { "no" })
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
        if let Some(noise) = self.noise {
            figures.push(("epsilon_milli".to_owned(), Some(noise.epsilon_milli.into())));
            figures.push(("noise_interval_rows".to_owned(), Some(noise.interval_rows)));
        }
        let by_hits = (1..).zip(&self.rows_by_hits);
        figures.extend(by_hits.map(|(hits, rows)| (format!("rows_with_{hits}_hits"), *rows)));
        figures
    }

    fn lines(&self, eligible: u64, rows: u64) -> Vec<Line> {
        let mut lines = vec![Line::of(Text::new("result-count").with("count", self.told()))];
        if let Some(file) = self.file_rate(eligible, rows) {
            let rate = Text::new("result-file-rate").with("percent", u32::from(file));
            lines.push(Line::of(rate.with("rows", rows)));
        }
        if let Some(Interval { low, high }) = self.interval {
            let (id, high) = match high {
                Rate::Percent(percent) => ("result-interval", percent),
                Rate::Over(cap) => ("result-interval-open", cap),
            };
            let interval = Text::new(id).with("low", u32::from(low));
            lines.push(Line::of(interval.with("high", u32::from(high))));
        }
        if let Some(noise) = self.noise {
            let text = Text::new("result-noise")
                .with("epsilon", Arg::Decimal(noise.epsilon_milli.into(), 3))
                .with("one_in", u64::from(DELTA_ONE_IN))
                .with("unit", u32::from(noise.unit));
            lines.push(Line::of(text.with("rows", noise.interval_rows)));
        }
        lines.push(Line::of(Text::new("result-by-hits")));
        lines.extend((1_u32..).zip(&self.rows_by_hits).map(|(hits, cell)| {
            let text = match cell {
                Some(rows) => Text::new("result-hits").with("rows", *rows),
                None => Text::new("result-hits-hidden"),
            };
            Line::under(text.with("hits", hits))
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

/// A share as a percentage with one decimal.
fn tenths_of_a_percent(part: u64, of: u64) -> Arg {
    let (part, of) = (u128::from(part), u128::from(of.max(1)));
    let tenths = (part * 1_000 + of / 2) / of;
    Arg::Decimal(u64::try_from(tenths).unwrap_or(u64::MAX), 1)
}

impl Answer {
    /// The result for a person; empty for one that is withheld, which has a report of its own.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let (eligible, rows) = (self.eligible, self.rows);
        match &self.figures {
            Figures::Rows { matched } => {
                let percent = |of: u64| tenths_of_a_percent(*matched, of);
                let text = Text::new("result-rows")
                    .with("matched", *matched)
                    .with("eligible", eligible)
                    .with("active", percent(eligible))
                    .with("file", percent(rows));
                vec![Line::of(text)]
            }
            Figures::Count(count) => count.lines(eligible, rows),
            Figures::Handles(count) => {
                let mut lines = count.lines(eligible, rows);
                lines.push(Line::of(Text::new("result-activated")));
                lines
            }
            Figures::DigitalIds { count, ids } => {
                let mut lines = count.lines(eligible, rows);
                lines.push(Line::of(Text::new("result-digital-ids").with("ids", *ids)));
                lines
            }
            Figures::Removed | Figures::Withheld(_) | Figures::Served => Vec::new(),
        }
    }

    /// The object of a command that gives this result, as far as all of them have it.
    pub(crate) fn object(
        &self,
        command: &'static str,
        sid: [u8; 32],
        to: &OutputOptions,
    ) -> Object {
        let object = Object::done(command, to).in_session(Some(sid)).with(self.summary(&sid));
        object.ended(self.figures.kind(), Exit::Done)
    }

    /// Everything a script may want of a result; counts are the released ones, or null.
    fn summary(&self, sid: &[u8; 32]) -> Value {
        let mut summary = json!({
            "profile": self.profile,
            "purpose": self.purpose.name(),
            "consent_max_age_days": self.consent_max_age_days,
            "map": self.map.as_ref().map(|digest| store::hex(digest)),
            "rows": self.rows,
            "eligible": self.eligible,
            "populations": self.populations,
            "distinct_identifiers": self.distinct,
            "row_width": self.row_width,
            "elements": self.elements,
            "session_id": store::hex(sid),
            "outcome_text": self.figures.text().to_string(),
        });
        if let Value::Object(fields) = &mut summary {
            fields.extend(self.result());
        }
        summary
    }

    /// The figures under names that every profile has.
    fn result(&self) -> Map<String, Value> {
        let (mut matched, mut rate, mut file, mut ids) =
            (Value::Null, Value::Null, Value::Null, Value::Null);
        match &self.figures {
            Figures::Rows { matched: found } => {
                let percent = |of: u64| 100.0 * *found as f64 / of.max(1) as f64;
                matched = (*found).into();
                rate = json!({"percent": percent(self.eligible), "over": false});
                file = json!({"percent": percent(self.rows), "over": false});
            }
            Figures::DigitalIds { ids: found, .. } => ids = (*found).into(),
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
            ("epsilon", json!(count.and_then(|count| count.noise).map(CountNoise::json))),
            ("rows_by_hits", json!(count.map(|count| &count.rows_by_hits))),
            ("digital_ids", ids),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
