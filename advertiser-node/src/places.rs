//! The places of a result and its summary, and the way there from the store.

use std::path::{Path, PathBuf};

use crate::delivery::{self, Delivery, DeliveryOutput};
use node::console::{Object, OutputOptions, Terminal};
use node::failure::Failure;
use protocol::identifier::IdentifierKind;
use protocol::suite::Profile;
use report::{Arg, Code, Text};
use store::os::{Clock as _, SystemClock};
use store::output::{Output, Outputs};
use store::results::StoredResult;

use tabular::write::{Cell, TableColumn};

use crate::Home;
use crate::answer::{Answer, Count, Figures};

/// The outputs of a command that gives a result, checked before anything is sent.
pub(crate) struct Places {
    outputs: Outputs,
    result: Option<Place>,
    summary: Option<Output>,
}

enum Place {
    Table(Output),
    Delivery(DeliveryOutput),
}

/// Outputs as the operator named them.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) result: Option<&'a Path>,
    pub(crate) options: &'a OutputOptions,
    /// Files that an earlier try of the same run wrote, as they still are.
    pub(crate) own: &'a [PathBuf],
}

/// The outputs of a command that reads these files; none is claimed yet.
pub(crate) fn outputs(home: &Home, inputs: &[PathBuf], options: &OutputOptions) -> Outputs {
    let mut outputs = options.outputs().noted_in(&home.path(""));
    inputs.iter().for_each(|input| outputs.reads(input));
    outputs
}

impl Places {
    /// Claims what is named.
    pub(crate) fn claim(
        home: &Home,
        inputs: &[PathBuf],
        profile: Profile,
        named: Named<'_>,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        let mut outputs = outputs(home, inputs, named.options);
        named.own.iter().for_each(|path| outputs.may_replace(path));
        let result = match (named.result, profile) {
            (None, _) => None,
            (Some(path), Profile::DigitalIds) => {
                Some(Place::Delivery(DeliveryOutput::claim(&mut outputs, path)?))
            }
            (Some(path), _) => Some(Place::Table(outputs.claim(path)?)),
        };
        let summary = named.options.claim_json(&mut outputs)?;
        if outputs.take_standard_output() {
            terminal.put_text_aside();
        }
        Ok(Self { outputs, result, summary })
    }

    /// The place of the result, for a person; nothing if it is not written.
    pub(crate) fn told(&self) -> Option<Arg> {
        self.result.as_ref().map(|place| match place {
            Place::Table(output) => output.told(),
            Place::Delivery(delivery) => delivery.file().told(),
        })
    }

    /// Writes a result; nothing for one that is withheld.
    pub(crate) fn write(
        &self,
        home: &Home,
        stored: &StoredResult<Answer>,
        segment: Option<&str>,
    ) -> Result<(), Failure> {
        let answer = &stored.about.answer;
        match (&self.result, &answer.figures) {
            (Some(Place::Table(output)), Figures::Rows { matched }) => {
                write_matched_rows(output, *matched, stored)
            }
            (Some(Place::Table(output)), Figures::Count(count) | Figures::Handles(count)) => {
                write_count(output, count)
            }
            (Some(Place::Delivery(output)), Figures::DigitalIds { .. }) => {
                write_ids(home, output, stored, segment)
            }
            _ => Ok(()),
        }
    }

    /// Writes the summary.
    pub(crate) fn write_summary(&self, summary: &Object) -> Result<(), Failure> {
        let Some(output) = &self.summary else { return Ok(()) };
        Ok(output.publish_text(&summary.pretty())?)
    }

    /// The files of the result, and none for what is written through.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let named = match &self.result {
            None => Vec::new(),
            Some(Place::Table(output)) => vec![output.name().to_path_buf()],
            Some(Place::Delivery(delivery)) => delivery.names(),
        };
        named.into_iter().filter(|path| path.is_file()).collect()
    }

    /// Everything is written.
    pub(crate) fn done(&self) {
        self.outputs.done();
    }
}

/// A failure to write what was paid for, which says how to have it.
pub(crate) fn kept(failure: &Failure, sid: &[u8; 32], dir: &Path) -> Failure {
    let text = Text::new("result-kept").with("what", failure.text());
    Failure::new(Code::Output, text.with("command", again(sid, dir)))
}

/// The command that writes a kept result.
pub(crate) fn again(sid: &[u8; 32], dir: &Path) -> String {
    let sid = store::hex(sid.first_chunk::<4>().unwrap_or(&[0; 4]));
    format!("advertiser-node result {sid} --dir {} --output FILE", dir.display())
}

/// Writes matched rows as `row_id,kinds`, kinds joined by `|`.
///
/// The count is checked against the outcome that the session released: a file that differs from the
/// receipt is never published.
fn write_matched_rows(
    output: &Output,
    matched: u64,
    stored: &StoredResult<Answer>,
) -> Result<(), Failure> {
    let mut records = stored.records()?;
    let damaged = || Failure::from(protocol::error::Bug::stored_data_changed());
    let mut written = 0_u64;
    tabular::write::write_table(output, &ROW_COLUMNS, |table| {
        while let Some(record) = records.next_record()? {
            let (bits, id) = record.split_first_chunk::<2>().ok_or_else(damaged)?;
            let id = str::from_utf8(id).map_err(|_| damaged())?;
            let kinds = names(u16::from_be_bytes(*bits), &stored.about.answer.kinds);
            table.row(&[Cell::Text(id), Cell::Text(&kinds)])?;
            written = written.saturating_add(1);
        }
        if written == matched { Ok(()) } else { Err(damaged()) }
    })?;
    Ok(())
}

/// Names of the kinds whose bits are set, in the terms' order.
fn names(bits: u16, kinds: &[u8]) -> String {
    let matched: Vec<&str> = kinds
        .iter()
        .enumerate()
        .filter(|(position, _)| bits & (1 << position) != 0)
        .filter_map(|(_, code)| IdentifierKind::from_code(*code).map(IdentifierKind::name))
        .collect();
    matched.join("|")
}

/// Writes a count as `figure,value`; a figure that is not shown has no value.
fn write_count(output: &Output, count: &Count) -> Result<(), Failure> {
    tabular::write::write_table(output, &COUNT_COLUMNS, |table| {
        for (figure, value) in count.figures() {
            let value = value.and_then(|value| i64::try_from(value).ok());
            table.row(&[Cell::Text(&figure), value.map_or(Cell::Absent, Cell::Number)])?;
        }
        Ok::<(), Failure>(())
    })?;
    Ok(())
}

fn write_ids(
    home: &Home,
    output: &DeliveryOutput,
    stored: &StoredResult<Answer>,
    segment: Option<&str>,
) -> Result<(), Failure> {
    let about = &stored.about;
    let answer = &about.answer;
    let delivery = Delivery {
        sid: &about.sid,
        profile: Profile::DigitalIds,
        purpose: answer.purpose,
        segment: segment.or(answer.segment.as_deref()),
        day: answer.day,
        valid_days: answer.valid_days,
        namespaces: &answer.namespaces,
        rules_digest: &answer.rules_digest,
    };
    let mut records = stored.records()?;
    let workspace = home.workspace()?;
    delivery::write_digital_ids(output, &delivery, || Ok(records.next_record()?), &workspace)?;
    Ok(())
}

/// Now, in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemClock::new().now_unix()
}

const ROW_COLUMNS: [TableColumn; 2] = [TableColumn::text("row_id"), TableColumn::text("kinds")];
const COUNT_COLUMNS: [TableColumn; 2] =
    [TableColumn::text("figure"), TableColumn::number("value").optional()];
