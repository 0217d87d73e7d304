//! Writes the outcome of a run: row ids and kinds, in the order of the row ids, whole or not at
//! all.

use std::path::Path;

use node::data::columns::{self, Cell, TableColumn};
use node::data::input::PreparedInput;
use node::failure::Failure;
use node::runs::RunStore;
use protocol::disclosure::MatchedRows;
use protocol::identifier::IdentifierKind;
use protocol::session::{RunContent, RunName};

/// Writes matched rows as `row_id,kinds`, kinds joined by `|`.
///
/// The count is checked against the outcome that the session released: a file that differs from the
/// receipt is never published.
///
/// # Errors
///
/// [`Failure`] of storage.
pub(crate) fn write_matched_rows(
    path: &Path,
    outcome: &MatchedRows,
    runs: &mut RunStore,
    input: &PreparedInput,
    kinds: &[u8],
) -> Result<(), Failure> {
    let mut ids = input.row_ids()?;
    let mut next_row = 0_u64;
    let mut written = 0_u64;
    columns::write_table(path, &COLUMNS, |table| {
        loop {
            let chunk = runs.next_chunk(RunName::MatchedRows)?;
            let RunContent::Records(records) = chunk.content else { break };
            for record in records.as_chunks::<10>().0 {
                let (row, bits) = record.split_at(8);
                let row = u64::from_be_bytes(row.try_into().unwrap_or_default());
                let bits = u16::from_be_bytes(bits.try_into().unwrap_or_default());
                let mut id = None;
                while next_row <= row {
                    id = ids.next_id()?;
                    next_row += 1;
                }
                let id = id.and_then(|id| String::from_utf8(id).ok());
                let id = id.ok_or_else(Failure::input_changed)?;
                table.row(&[Cell::Text(&id), Cell::Text(&names(bits, kinds))])?;
                written += 1;
            }
            if chunk.last {
                break;
            }
        }
        if written == outcome.matched() { Ok(()) } else { Err(Failure::input_changed()) }
    })
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

const COLUMNS: [TableColumn; 2] = [TableColumn::text("row_id"), TableColumn::text("kinds")];
