//! Tables: rows of text out of files of every accepted form.
//!
//! [`RowSource`] reads CSV, NDJSON and Parquet, packed or not, as rows of text by the fields of a
//! [`Schema`], under our own names or as a [`Reading`] says; [`batch`] reads ahead and looks at
//! rows on all cores; [`parts`] finds the files of a directory. [`cell`] knows the words of cells
//! that decide about a person. Every refusal names the file, the place and the fault, never the
//! content of a field.

#![forbid(unsafe_code)]

pub mod batch;
mod bytes;
pub mod cell;
mod csv;
mod error;
pub mod look;
mod names;
mod ndjson;
mod pages;
pub mod parts;
mod physical;
mod plan;
mod reading;
mod row;
mod rowgroups;
mod schema;
mod source;
pub mod tally;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod text;
mod watch;
pub mod write;

pub use self::csv::{CsvOptions, CsvReader, Delimiter, Record};
pub use self::error::{Astray, ColumnFaults, Found, InputError, MappingError, SourceError};
pub use self::names::{ColumnName, near_misses};
pub use self::plan::FileColumn;
pub use self::reading::{Dates, Field, FieldSource, Ignore, Input, Reading, ValueMap};
pub use self::row::{Cell, Row};
pub use self::schema::{Column, Holds, Need, Role, Schema};
pub use self::source::{Format, InputFile, RowSource, is_tag};
pub use self::text::{Encoding, Form};
pub use self::watch::{Step, Watch, Watched};
