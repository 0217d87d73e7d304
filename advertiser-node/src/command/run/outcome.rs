//! What a session released: files, lines for a person, and the words of `status`.
//!
//! In shuffled order everything that is shown comes from the outcome, rounded and cut as the terms
//! say; there is no other count in the program.

use std::collections::BTreeMap;
use std::path::Path;

use node::data::columns::{self, Cell, TableColumn};
use node::data::delivery::{self, Delivery, DeliveryError};
use node::driver::Ended;
use node::error::protocol_report;
use node::failure::Failure;
use node::world::{Clock as _, SystemClock};
use protocol::codec::StreamId;
use protocol::disclosure::{Interval, MatchCount, Outcome, Rate, Withheld};
use protocol::error::{Error, Violation};
use protocol::transcript::Role;

use super::session::Run;
use crate::audience;
use crate::cli::RunOptions;
use crate::partner::kinds;

/// Writes the files of an outcome, none for one that is withheld.
///
/// # Errors
///
/// [`Failure`] of storage; of the provider, for digital IDs that none may deliver.
pub(super) fn write(run: &Run<'_>, ended: &mut Ended, options: &RunOptions) -> Result<(), Failure> {
    let Some(output) = &options.output else { return Ok(()) };
    match &ended.outcome {
        Outcome::Rows(rows) => {
            let kinds = kinds(run.invitation);
            audience::write_matched_rows(output, rows, &mut ended.runs, run.input, &kinds)
        }
        Outcome::Count(count) => write_count(output, count),
        Outcome::Handles(activated) => write_count(output, activated.count()),
        Outcome::DigitalIds(_) => write_ids(run, ended, options.segment.as_deref(), output),
        Outcome::Withheld(_) | Outcome::Served | Outcome::Released(_) => Ok(()),
    }
}

fn write_ids(
    run: &Run<'_>,
    ended: &mut Ended,
    segment: Option<&str>,
    output: &Path,
) -> Result<(), Failure> {
    let named = run.invitation.namespaces.iter();
    let namespaces: BTreeMap<u16, String> =
        named.map(|(name, code)| (*code, name.clone())).collect();
    let today = SystemClock::new().now_unix() / 86_400;
    let delivery = Delivery {
        sid: &ended.sid,
        profile: run.request.profile,
        purpose: run.terms.purpose,
        segment,
        day: i32::try_from(today).unwrap_or(i32::MAX),
        valid_days: run.terms.ids_valid_days,
        namespaces: &namespaces,
        rules_digest: &run.rules_digest,
    };
    let records = ended.runs.take_digital_ids()?;
    let workspace = run.home.workspace()?;
    match delivery::write_digital_ids(output, &delivery, &records, &workspace) {
        Ok(_) => Ok(()),
        Err(DeliveryError::Data(error)) => Err(error.into()),
        Err(DeliveryError::NotCanonical) => {
            let violation = Violation::IdListMalformed;
            Err(Error::peer(violation, StreamId::Ids.code(), 0).into())
        }
    }
}

/// Writes a count as `figure,value`; a figure that is not shown has no value.
fn write_count(path: &Path, count: &MatchCount) -> Result<(), Failure> {
    columns::write_table(path, &COUNT_COLUMNS, |table| {
        for (figure, value) in figures(count) {
            let value = value.and_then(|value| i64::try_from(value).ok());
            table.row(&[Cell::Text(&figure), value.map_or(Cell::Absent, Cell::Number)])?;
        }
        Ok(())
    })
}

fn figures(count: &MatchCount) -> Vec<(String, Option<u64>)> {
    let (percent, over) = match count.rate() {
        Rate::Percent(percent) => (Some(percent.into()), None),
        Rate::Over(cap) => (None, Some(cap.into())),
    };
    let mut figures = vec![
        ("rows".to_owned(), Some(count.rows())),
        ("matched".to_owned(), count.matched()),
        ("rate_percent".to_owned(), percent),
        ("rate_over_percent".to_owned(), over),
    ];
    if let Some(Interval { low, high }) = count.interval() {
        figures.push(("interval_low_percent".to_owned(), Some(low.into())));
        let high = match high {
            Rate::Percent(percent) => Some(percent.into()),
            Rate::Over(_) => None,
        };
        figures.push(("interval_high_percent".to_owned(), high));
    }
    let by_hits = (1..).zip(count.rows_by_hits());
    figures.extend(by_hits.map(|(hits, rows)| (format!("rows_with_{hits}_hits"), *rows)));
    figures
}

/// A count in one line.
pub(super) fn released(count: &MatchCount) -> String {
    let of = if count.is_sample() { "rows drawn" } else { "eligible rows" };
    let rows = count.rows();
    match (count.rate(), count.matched()) {
        (Rate::Percent(percent), Some(matched)) => {
            format!("about {matched} of {rows} {of} ({percent} %)")
        }
        (Rate::Over(cap), _) => format!("over {cap} % of {rows} {of}"),
        (Rate::Percent(percent), None) => format!("{percent} % of {rows} {of}"),
    }
}

/// How a session ended, in the released form and as far as its profile lets this side know.
pub(super) fn text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Rows(rows) => format!("matched {}", rows.matched()),
        Outcome::Count(count) => format!("matched {}", released(count)),
        Outcome::Handles(activated) => {
            format!("matched {}, activated by the provider", released(activated.count()))
        }
        Outcome::DigitalIds(ids) => {
            format!("matched {}, {} digital IDs", released(ids.count()), ids.ids())
        }
        Outcome::Withheld(Withheld::Declined) => "declined".to_owned(),
        Outcome::Withheld(Withheld::Refused(why)) => {
            let error = Error::RefusedByPeer { why: *why, retry_after_s: 0, ledger_head: [0; 32] };
            format!("refused by the provider, {}", protocol_report(&error, Role::Advertiser).code)
        }
        Outcome::Withheld(_) => "withheld".to_owned(),
        Outcome::Served | Outcome::Released(_) => "served".to_owned(),
    }
}

/// The result for a person; empty for one that is withheld, which has a report of its own.
pub(super) fn lines(run: &Run<'_>, outcome: &Outcome) -> Vec<String> {
    let counts = run.input.counts();
    match outcome {
        Outcome::Rows(rows) => {
            let matched = rows.matched();
            let percent = |of: u64| 100.0 * matched as f64 / of.max(1) as f64;
            vec![format!(
                "matched {matched} of {} eligible rows (active match rate {:.1} %, file match \
                 rate {:.1} %)",
                counts.eligible,
                percent(counts.eligible),
                percent(counts.rows),
            )]
        }
        Outcome::Count(count) => count_lines(count, counts.eligible, counts.rows),
        Outcome::Handles(activated) => {
            let mut lines = count_lines(activated.count(), counts.eligible, counts.rows);
            lines.push("the provider activates the matched records".to_owned());
            lines
        }
        Outcome::DigitalIds(ids) => {
            let mut lines = count_lines(ids.count(), counts.eligible, counts.rows);
            lines.push(format!(
                "digital IDs: {}; left out for objections since the snapshot: {}",
                ids.ids(),
                ids.suppressed()
            ));
            lines
        }
        Outcome::Withheld(_) | Outcome::Served | Outcome::Released(_) => Vec::new(),
    }
}

fn count_lines(count: &MatchCount, eligible: u64, rows: u64) -> Vec<String> {
    let mut lines = vec![format!("matched {}", released(count))];
    if let Some(file) = file_rate(count, eligible, rows) {
        lines.push(format!("file match rate: about {file} % of {rows} rows"));
    }
    if let Some(Interval { low, high }) = count.interval() {
        let high = match high {
            Rate::Percent(percent) => format!("{percent} %"),
            Rate::Over(cap) => format!("more than {cap} %"),
        };
        lines.push(format!("with 95 % confidence between {low} % and {high} of all rows"));
    }
    lines.push("rows by identifiers that matched:".to_owned());
    lines.extend((1..).zip(count.rows_by_hits()).map(|(hits, cell)| match cell {
        Some(rows) => format!("  {hits}: about {rows}"),
        None => format!("  {hits}: fewer than the minimum, or hidden beside one that is"),
    }));
    lines
}

/// The rate over all rows of the file, from the released one and nothing more exact.
pub(super) fn file_rate(count: &MatchCount, eligible: u64, rows: u64) -> Option<u8> {
    let Rate::Percent(percent) = count.rate() else { return None };
    let (eligible, rows) = (u128::from(eligible), u128::from(rows.max(1)));
    let rate = (u128::from(percent) * eligible * 2 + rows) / (rows * 2);
    Some(u8::try_from(rate).unwrap_or(100).min(100))
}

const COUNT_COLUMNS: [TableColumn; 2] =
    [TableColumn::text("figure"), TableColumn::number("value").optional()];
