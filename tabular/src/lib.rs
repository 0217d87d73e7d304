//! Tables: rows of text out of files of every accepted form.
//!
//! [`RowSource`] reads CSV, NDJSON and Parquet, packed or not, as records of text in the order of
//! a [`Schema`]; [`batch`] reads ahead and looks at rows on all cores. [`cell`] knows the words of
//! cells that decide about a person. Every refusal names the file, the place and the fault, never
//! the content of a field.

#![forbid(unsafe_code)]

pub mod batch;
mod bytes;
pub mod cell;
mod csv;
mod error;
mod names;
mod ndjson;
mod pages;
mod reading;
mod rowgroups;
mod schema;
mod source;
pub mod tally;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod text;
pub mod write;

pub use self::csv::{CsvOptions, CsvReader, Delimiter, Record};
pub use self::error::{Found, InputError, MappingError, SourceError};
pub use self::names::ColumnName;
pub use self::reading::{Dates, Field, FieldSource, Ignore, Input, Reading, ValueMap};
pub use self::schema::{Column, Need, Role, Schema};
pub use self::source::{Format, InputFile, Row, RowSource, SourceOptions, is_tag};
pub use self::text::{Encoding, Form};
