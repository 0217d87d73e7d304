//! Part of a session's spills that is sealed with its result.

use crm::CrmError;
use crm::PreparedInput;
use protocol::error::Bug;
use session::SpillName;
use session::spills::MatchedRow;
use store::results::RecordWriter;
use store::spill::SpillStore;

/// Keeps the ids of the matched rows, each after the kinds that matched, in the order of the rows.
pub(super) fn keep_rows(
    input: &PreparedInput,
    spills: &mut SpillStore,
    kept: &mut RecordWriter,
) -> Result<(), CrmError> {
    let mut ids = input.row_ids()?;
    let mut next_row = 0_u64;
    loop {
        let chunk = spills.next_chunk(SpillName::MatchedRows)?;
        for MatchedRow { row, kinds } in chunk.records()? {
            let mut id = None;
            while next_row <= row.get() {
                id = ids.next_id()?;
                next_row = next_row.saturating_add(1);
            }
            // The input is not the committed one any more.
            let id = id.ok_or(Bug::stored_data_changed())?;
            kept.push(&[&kinds.to_bytes(), &id])?;
        }
        if chunk.last {
            break;
        }
    }
    Ok(())
}

/// Keeps the frames of digital IDs as they came.
pub(super) fn keep_ids(spills: &mut SpillStore, kept: &mut RecordWriter) -> Result<(), CrmError> {
    let mut records = spills.take_digital_ids()?.read()?;
    while let Some(record) = records.next_record()? {
        kept.push(&[record])?;
    }
    Ok(())
}
