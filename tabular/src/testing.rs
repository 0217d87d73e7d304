//! One table in every form, for tests.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// A column of a test table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Text,
    List,
    Time,
    /// A time without a zone, as `2026-11-15T17:00:00`.
    LocalTime,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
}

/// A table of texts, empty where absent; lists have `|` between entries.
#[derive(Debug, Clone)]
pub struct Table {
    pub columns: Vec<(&'static str, Holds)>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn csv(&self) -> Vec<u8> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(|column| column.0)).unwrap();
        for row in &self.rows {
            writer.write_record(row).unwrap();
        }
        writer.into_inner().unwrap()
    }

    pub fn ndjson(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for (number, row) in self.rows.iter().enumerate() {
            let mut object = serde_json::Map::new();
            for ((name, holds), value) in self.columns.iter().zip(row) {
                let json = match holds {
                    _ if value.is_empty() && number % 2 == 0 => continue,
                    _ if value.is_empty() => serde_json::Value::Null,
                    Holds::List => value.split('|').collect(),
                    Holds::Flag => (value == "true").into(),
                    Holds::Number => value.parse::<i64>().unwrap().into(),
                    Holds::Text | Holds::Time | Holds::LocalTime => value.as_str().into(),
                };
                object.insert((*name).to_owned(), json);
            }
            serde_json::to_writer(&mut text, &object).unwrap();
            text.push(b'\n');
        }
        text
    }

    /// Parquet with groups of `group_rows` rows.
    pub fn parquet(&self, group_rows: usize, zstd: bool) -> Vec<u8> {
        let codec =
            if zstd { Compression::ZSTD(ZstdLevel::default()) } else { Compression::SNAPPY };
        self.parquet_as(group_rows, WriterProperties::builder().set_compression(codec).build())
    }

    /// Parquet as these properties say.
    pub fn parquet_as(&self, group_rows: usize, properties: WriterProperties) -> Vec<u8> {
        let field = |(name, holds): &(&str, Holds)| match holds {
            Holds::Text => format!("optional binary {name} (STRING);"),
            Holds::Time => format!("optional int64 {name} (TIMESTAMP(MILLIS,true));"),
            Holds::LocalTime => format!("optional int64 {name} (TIMESTAMP(MICROS,false));"),
            Holds::Flag => format!("optional boolean {name};"),
            Holds::Number => format!("optional int64 {name};"),
            Holds::List => format!(
                "optional group {name} (LIST) {{ repeated group list {{ optional binary element \
                 (STRING); }} }}"
            ),
        };
        let fields: String = self.columns.iter().map(field).collect();
        let schema = parse_message_type(&format!("message table {{ {fields} }}")).unwrap();
        let mut file =
            SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).unwrap();
        for rows in self.rows.chunks(group_rows) {
            let mut group = file.next_row_group().unwrap();
            for (at, (_, holds)) in self.columns.iter().enumerate() {
                let texts: Vec<&str> = rows.iter().map(|row| row[at].as_str()).collect();
                let there: Vec<i16> =
                    texts.iter().map(|text| i16::from(!text.is_empty())).collect();
                let mut column = group.next_column().unwrap().unwrap();
                match holds {
                    Holds::Flag => {
                        let set = texts.iter().filter(|text| !text.is_empty());
                        let values: Vec<bool> = set.map(|text| *text == "true").collect();
                        column.typed::<BoolType>().write_batch(&values, Some(&there), None)
                    }
                    Holds::Number => {
                        let values: Vec<i64> =
                            texts.iter().filter_map(|text| text.parse().ok()).collect();
                        column.typed::<Int64Type>().write_batch(&values, Some(&there), None)
                    }
                    Holds::LocalTime => {
                        let time = |text: &&str| format!("{text}Z").parse::<jiff::Timestamp>().ok();
                        let times = texts.iter().filter_map(time);
                        let values: Vec<i64> = times.map(|time| time.as_microsecond()).collect();
                        column.typed::<Int64Type>().write_batch(&values, Some(&there), None)
                    }
                    Holds::Text => {
                        let levels: Vec<i16> =
                            texts.iter().map(|text| i16::from(!text.is_empty())).collect();
                        let values = present(&texts);
                        column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)
                    }
                    Holds::Time => {
                        let levels: Vec<i16> =
                            texts.iter().map(|text| i16::from(!text.is_empty())).collect();
                        let time = |text: &&&str| text.parse::<jiff::Timestamp>().ok();
                        let values: Vec<i64> = texts
                            .iter()
                            .filter_map(|text| time(&text))
                            .map(|t| t.as_millisecond())
                            .collect();
                        column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)
                    }
                    Holds::List => {
                        let (values, levels, repeated) = lists(&texts);
                        column.typed::<ByteArrayType>().write_batch(
                            &values,
                            Some(&levels),
                            Some(&repeated),
                        )
                    }
                }
                .unwrap();
                column.close().unwrap();
            }
            group.close().unwrap();
        }
        file.into_inner().unwrap()
    }
}

fn present(texts: &[&str]) -> Vec<ByteArray> {
    texts.iter().filter(|text| !text.is_empty()).map(|text| (*text).into()).collect()
}

fn lists(texts: &[&str]) -> (Vec<ByteArray>, Vec<i16>, Vec<i16>) {
    let (mut values, mut levels, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for text in texts {
        if text.is_empty() {
            // Null here, an empty list there.
            levels.push(i16::from(values.len() % 2 == 0));
            repeated.push(0);
            continue;
        }
        for (at, entry) in text.split('|').enumerate() {
            values.push(entry.into());
            levels.push(3);
            repeated.push(i16::from(at > 0));
        }
    }
    (values, levels, repeated)
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 0).unwrap()
}

/// The advice of an error, in English.
#[cfg(test)]
pub(crate) fn advice(error: &impl report::Diagnose) -> String {
    error.advice().map(|advice| advice.to_string()).unwrap_or_default()
}
