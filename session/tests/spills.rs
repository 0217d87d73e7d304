//! Layouts of spilled records, held against the table of `spec/matching.md`.

use std::collections::BTreeMap;

use session::SpillName;
use session::spills::{
    AskedElement, Hit, MatchedRow, NamedMatch, OwnTag, Placement, Record, ResponseTag, RowHandle,
    RowHit,
};

#[test]
fn records_lie_as_the_specification_says() {
    let table = table();
    let (row, handle) = (ROW.into(), NamedMatch { handle: HANDLE });
    let hit = Hit { element: ELEMENT.into() };
    let row_hit = RowHit { row, kind: KIND };
    let row_handle = RowHandle { row, handle };
    holds(&table, &OwnTag { tag: TAG, hit });
    holds(&table, &Placement { element: ELEMENT.into(), place: row_hit });
    holds(&table, &hit);
    holds(&table, &row_hit);
    holds(&table, &MatchedRow { row, kinds: KINDS.into() });
    holds(&table, &ResponseTag { tag: TAG, handle, row });
    holds(&table, &row_handle);
    holds(&table, &handle);
    holds(&table, &AskedElement { element: ENCODING });
    assert_eq!(SpillName::Handles.record_len(), Some(table["Handles"].len()));
    assert_eq!(table.len(), 10, "every line of the table was compared");
}

/// Compares a record with the fields that the specification lists.
fn holds<R: Record>(table: &BTreeMap<String, Vec<u8>>, record: &R) {
    let name = format!("{:?}", R::SPILL);
    assert_eq!(record.as_bytes(), table[&name], "{name}");
    assert_eq!(R::SPILL.record_len(), Some(table[&name].len()), "{name}");
}

/// Bytes of a record of each spill, put together from the fields that the specification lists.
fn table() -> BTreeMap<String, Vec<u8>> {
    let mut records = BTreeMap::new();
    let lines = include_str!("../../spec/matching.md").lines();
    for line in lines.skip_while(|line| *line != "## Spills").filter(|line| line.starts_with("| `"))
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, names, len, fields, _] = cells[..] else { continue };
        // A row of encodings has as many of them as the session is wide.
        let Ok(len) = len.parse::<usize>() else { continue };
        let bytes: Vec<u8> = fields.split('‖').flat_map(|field| value(field.trim())).collect();
        assert_eq!(bytes.len(), len, "{line}");
        for name in names.split(',') {
            records.insert(name.trim().trim_matches('`').to_owned(), bytes.clone());
        }
    }
    records
}

/// Value of a field in these records.
fn value(field: &str) -> Vec<u8> {
    match field {
        "tag [9]" => TAG.to_vec(),
        "u64 element" => ELEMENT.to_be_bytes().to_vec(),
        "u64 row" => ROW.to_be_bytes().to_vec(),
        "u8 kind" => vec![KIND],
        "u16 kinds" => KINDS.to_be_bytes().to_vec(),
        "handle [16]" => HANDLE.to_vec(),
        "encoding [32]" => ENCODING.to_vec(),
        other => panic!("no such field: {other}"),
    }
}

const ELEMENT: u64 = 0x0102_0304_0506_0708;
const ROW: u64 = 0x1112_1314_1516_1718;
const KIND: u8 = 0x21;
const KINDS: u16 = 0x3132;
const TAG: [u8; 9] = [0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49];
const ENCODING: [u8; 32] = [0x51; 32];
const HANDLE: [u8; 16] = *b"sixteen bytes ok";
