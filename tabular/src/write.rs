//! Tables out: rows of text, numbers and days, as CSV or as Parquet.
//!
//! The name of the file chooses the form: `.parquet` is Parquet, with zstd; anything else is CSV.
//! Rows are written as they come and a file is there whole or not at all, for its owner alone.
//! Parquet is written one group of rows at a time, so that memory does not grow with the table.

use core::fmt;
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use csv::QuoteStyle;
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use protocol::error::Bug;
use report::{Code, Diagnose, Text, told_in_english};
use store::output::{Output, OutputError};

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableColumn {
    name: &'static str,
    holds: Holds,
    optional: bool,
}

impl TableColumn {
    /// Text: STRING in Parquet.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self { name, holds: Holds::Text, optional: false }
    }

    /// A number: INT64 in Parquet.
    #[must_use]
    pub const fn number(name: &'static str) -> Self {
        Self { name, holds: Holds::Number, optional: false }
    }

    /// A day: DATE in Parquet, `2026-11-21` in CSV.
    #[must_use]
    pub const fn day(name: &'static str) -> Self {
        Self { name, holds: Holds::Day, optional: false }
    }

    /// The same column, whose fields may be absent: null in Parquet, empty in CSV.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Number,
    Day,
}

/// A field of a row. `Debug` shows no content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing; for optional columns only.
    Absent,
    /// Text.
    Text(&'a str),
    /// A number.
    Number(i64),
    /// Days since 1970-01-01.
    Day(i32),
}

impl fmt::Debug for Cell<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cell")
    }
}

/// A table that was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The output.
    Output(#[from] OutputError),
    /// A row that does not fit the columns; a defect.
    Bug(#[from] Bug),
}

impl WriteError {
    fn inner(&self) -> &dyn Diagnose {
        match self {
            Self::Output(error) => error,
            Self::Bug(bug) => bug,
        }
    }
}

impl Diagnose for WriteError {
    fn code(&self) -> Code {
        self.inner().code()
    }

    fn text(&self) -> Text {
        self.inner().text()
    }

    fn advice(&self) -> Option<Text> {
        self.inner().advice()
    }
}

told_in_english!(WriteError);

/// Writes a table to an output, and gives the SHA-256 of its bytes.
///
/// `rows` writes the rows in their order; an error of it, or of the disk, leaves no file.
///
/// # Errors
///
/// The error of `rows`; [`WriteError::Output`]; [`WriteError::Bug`] if a row does not fit the
/// columns.
pub fn write_table<E: From<WriteError>>(
    output: &Output,
    columns: &[TableColumn],
    rows: impl FnOnce(&mut TableWriter<'_>) -> Result<(), E>,
) -> Result<[u8; 32], E> {
    let mut failure: Option<E> = None;
    let published = output.publish(|out| {
        let write = || {
            let mut table = TableWriter::new(output, columns, out)?;
            rows(&mut table)?;
            Ok(table.finish()?)
        };
        write().map_err(|error| {
            failure = Some(error);
            io::ErrorKind::Other.into()
        })
    });
    match (failure, published) {
        (Some(failure), _) => Err(failure),
        (None, Ok(sha256)) => Ok(sha256),
        (None, Err(error)) => Err(WriteError::from(error).into()),
    }
}

/// True if a table under this name is written as Parquet.
#[must_use]
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

/// Takes the rows of a table; made by [`write_table`].
pub struct TableWriter<'a> {
    output: &'a Output,
    columns: &'a [TableColumn],
    form: Form<'a>,
}

type Out<'a> = &'a mut (dyn Write + Send);

enum Form<'a> {
    Csv(Box<csv::Writer<Out<'a>>>),
    Parquet(Box<ParquetTable<'a>>),
}

impl<'a> TableWriter<'a> {
    fn new(
        output: &'a Output,
        columns: &'a [TableColumn],
        out: Out<'a>,
    ) -> Result<Self, WriteError> {
        let form = if is_parquet(output.name()) {
            let table = ParquetTable::new(columns, out).map_err(unwritten(output))?;
            Form::Parquet(Box::new(table))
        } else {
            // Fields come quoted, see `csv_text`.
            let mut csv = csv::WriterBuilder::new().quote_style(QuoteStyle::Never).from_writer(out);
            csv.write_record(columns.iter().map(|column| column.name))
                .map_err(|error| output.failed()(error.into()))?;
            Form::Csv(Box::new(csv))
        };
        Ok(Self { output, columns, form })
    }

    /// Writes one row, with a cell for each column.
    ///
    /// # Errors
    ///
    /// [`WriteError`] of the file system; [`WriteError::Bug`] if the cells do not fit the columns.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), WriteError> {
        let fits = cells.len() == self.columns.len()
            && cells.iter().zip(self.columns).all(|(cell, column)| fits(*cell, *column));
        if !fits {
            return Err(Bug::misuse().into());
        }
        match &mut self.form {
            Form::Csv(csv) => {
                csv_row(csv, cells).map_err(|error| self.output.failed()(error.into()).into())
            }
            Form::Parquet(table) => table.row(cells).map_err(unwritten(self.output)),
        }
    }

    fn finish(self) -> Result<(), WriteError> {
        match self.form {
            Form::Csv(mut csv) => csv.flush().map_err(|error| self.output.failed()(error).into()),
            Form::Parquet(table) => table.finish().map_err(unwritten(self.output)),
        }
    }
}

impl fmt::Debug for TableWriter<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TableWriter({} columns)", self.columns.len())
    }
}

fn fits(cell: Cell<'_>, column: TableColumn) -> bool {
    match cell {
        Cell::Absent => column.optional,
        Cell::Text(_) => column.holds == Holds::Text,
        Cell::Number(_) => column.holds == Holds::Number,
        Cell::Day(day) => column.holds == Holds::Day && written_day(day).is_some(),
    }
}

fn csv_row(csv: &mut csv::Writer<Out<'_>>, cells: &[Cell<'_>]) -> Result<(), csv::Error> {
    for cell in cells {
        match cell {
            Cell::Absent => csv.write_field("")?,
            Cell::Text(text) => csv.write_field(&*csv_text(text))?,
            Cell::Number(number) => csv.write_field(number.to_string())?,
            Cell::Day(day) => csv.write_field(written_day(*day).unwrap_or_default())?,
        }
    }
    csv.write_record(None::<&[u8]>)
}

/// A text as a field of CSV: in quotes if it could not be read back without them, and if it begins
/// like a formula.
///
/// Nothing is put before a formula or taken away: a value is read back as it was. Quotes tell a
/// reader of CSV that it is text; a spreadsheet that opens the file may calculate it all the same.
#[must_use]
pub fn csv_text(text: &str) -> Cow<'_, str> {
    let begins = text.starts_with(['=', '+', '-', '@', '\t', ' ']) || text.ends_with(' ');
    match begins || text.is_empty() || text.contains([',', ';', '"', '\r', '\n', '\t']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")).into(),
        false => text.into(),
    }
}

/// A day as ISO 8601 writes it; `None` outside the years 0 to 9999.
fn written_day(day: i32) -> Option<String> {
    let span = jiff::Span::new().try_days(day).ok()?;
    let date = jiff::civil::date(1970, 1, 1).checked_add(span).ok()?;
    (date.year() >= 0).then(|| date.to_string())
}

/// A Parquet file, of which one group of rows is in memory.
struct ParquetTable<'a> {
    file: SerializedFileWriter<Out<'a>>,
    buffers: Vec<Buffer>,
    rows: usize,
    bytes: usize,
}

impl<'a> ParquetTable<'a> {
    fn new(columns: &[TableColumn], out: Out<'a>) -> Result<Self, ParquetError> {
        let properties = WriterProperties::builder()
            .set_created_by("veilmatch".to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            // The least and the greatest of random ids help no reader.
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let file = SerializedFileWriter::new(out, schema(columns)?, Arc::new(properties))?;
        let buffers = columns.iter().map(|column| Buffer::new(*column)).collect();
        Ok(Self { file, buffers, rows: 0, bytes: 0 })
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), ParquetError> {
        for (buffer, cell) in self.buffers.iter_mut().zip(cells) {
            self.bytes += buffer.push(*cell);
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS_MAX || self.bytes >= GROUP_BYTES_MAX {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for buffer in &mut self.buffers {
            buffer.write(&mut group)?;
        }
        group.close()?;
        self.rows = 0;
        self.bytes = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<(), ParquetError> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.file.close().map(drop)
    }
}

fn schema(columns: &[TableColumn]) -> Result<TypePtr, ParquetError> {
    let field = |column: &TableColumn| {
        let (physical, logical) = match column.holds {
            Holds::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            Holds::Number => (PhysicalType::INT64, None),
            Holds::Day => (PhysicalType::INT32, Some(LogicalType::Date)),
        };
        let repetition = if column.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        Type::primitive_type_builder(column.name, physical)
            .with_logical_type(logical)
            .with_repetition(repetition)
            .build()
            .map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<_, _>>()?;
    Type::group_type_builder("table").with_fields(fields).build().map(Arc::new)
}

/// The fields of one column in a group of rows: those present, and which are.
struct Buffer {
    values: Values,
    present: Vec<i16>,
    optional: bool,
}

enum Values {
    Text(Vec<ByteArray>),
    Number(Vec<i64>),
    Day(Vec<i32>),
}

impl Buffer {
    fn new(column: TableColumn) -> Self {
        let values = match column.holds {
            Holds::Text => Values::Text(Vec::new()),
            Holds::Number => Values::Number(Vec::new()),
            Holds::Day => Values::Day(Vec::new()),
        };
        Self { values, present: Vec::new(), optional: column.optional }
    }

    /// Keeps a cell that fits the column and tells about how many bytes it takes.
    fn push(&mut self, cell: Cell<'_>) -> usize {
        self.present.push(i16::from(cell != Cell::Absent));
        match (&mut self.values, cell) {
            (Values::Text(values), Cell::Text(text)) => {
                values.push(text.into());
                text.len() + TEXT_OVERHEAD_BYTES
            }
            (Values::Number(values), Cell::Number(number)) => {
                values.push(number);
                size_of::<i64>()
            }
            (Values::Day(values), Cell::Day(day)) => {
                values.push(day);
                size_of::<i32>()
            }
            _ => 0,
        }
    }

    /// Writes the column as the next of a group and forgets its fields.
    fn write(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, Out<'_>>,
    ) -> Result<(), ParquetError> {
        let present = self.optional.then_some(self.present.as_slice());
        match &mut self.values {
            Values::Text(values) => write_column::<ByteArrayType, _>(group, values, present)?,
            Values::Number(values) => write_column::<Int64Type, _>(group, values, present)?,
            Values::Day(values) => write_column::<Int32Type, _>(group, values, present)?,
        }
        self.present.clear();
        Ok(())
    }
}

fn write_column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &mut Vec<T::T>,
    present: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("no column left".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, present, None)?;
    values.clear();
    column.close()
}

/// The system's answer, if the disk was the cause.
fn unwritten(output: &Output) -> impl Fn(ParquetError) -> WriteError + '_ {
    move |error| {
        let source = match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(source) => *source,
                Err(other) => io::Error::other(other.to_string()),
            },
            other => io::Error::other(other.to_string()),
        };
        output.failed()(source).into()
    }
}

/// Rows of one group, unless their text is long.
const GROUP_ROWS_MAX: usize = 128 * 1024;

/// Bytes of one group in memory, before encoding.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// Bytes of memory that a text takes besides its own.
const TEXT_OVERHEAD_BYTES: usize = 64;

#[cfg(test)]
mod tests {

    use std::fs::{self, File};
    use std::os::unix::fs::PermissionsExt;

    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;
    use store::output::Outputs;

    const COLUMNS: [TableColumn; 4] = [
        TableColumn::text("run_id"),
        TableColumn::number("seq"),
        TableColumn::text("namespace").optional(),
        TableColumn::day("expires_on").optional(),
    ];

    fn output(path: &Path) -> Output {
        Outputs::new(true).claim(path).unwrap()
    }

    fn write(path: &Path, rows: i64) -> Result<[u8; 32], WriteError> {
        write_table(&output(path), &COLUMNS, |table| {
            for seq in 0..rows {
                let odd = seq % 2 == 1;
                table.row(&[
                    Cell::Text("r,1"),
                    Cell::Number(seq),
                    if odd { Cell::Text("adnxs.example") } else { Cell::Absent },
                    if odd { Cell::Day(20_485) } else { Cell::Absent },
                ])?;
            }
            Ok(())
        })
    }

    #[test]
    fn csv_has_a_header_quotes_and_iso_days() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.csv");
        write(&path, 2).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "run_id,seq,namespace,expires_on\n\
             \"r,1\",0,,\n\
             \"r,1\",1,adnxs.example,2026-02-01\n"
        );
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_field_is_quoted_where_it_must_be_or_begins_like_a_formula() {
        for plain in ["abc", "a=b", "5727816213491965430", "a|b'c"] {
            assert_eq!(csv_text(plain), plain);
        }
        for (text, quoted) in [
            ("=1+1", "\"=1+1\""),
            ("-1", "\"-1\""),
            ("@a", "\"@a\""),
            ("a\"b", "\"a\"\"b\""),
            ("a,b", "\"a,b\""),
            ("", "\"\""),
        ] {
            assert_eq!(csv_text(text), quoted);
        }
    }

    #[test]
    fn parquet_reads_back_with_its_types_over_several_groups() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.Parquet");
        let rows = i64::try_from(GROUP_ROWS_MAX).unwrap() + 3;
        write(&path, rows).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.num_row_groups(), 2);
        let mut seq = 0;
        for row in reader.get_row_iter(None).unwrap() {
            let fields: Vec<Field> = row.unwrap().into_columns().into_iter().map(|c| c.1).collect();
            let odd = seq % 2 == 1;
            let namespace = if odd { Field::Str("adnxs.example".into()) } else { Field::Null };
            let day = if odd { Field::Date(20_485) } else { Field::Null };
            assert_eq!(fields, [Field::Str("r,1".into()), Field::Long(seq), namespace, day]);
            seq += 1;
        }
        assert_eq!(seq, rows);
    }

    #[test]
    fn a_table_without_rows_is_a_file_with_its_columns() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["out.csv", "out.parquet"] {
            write(&dir.path().join(name), 0).unwrap();
        }
        let file = File::open(dir.path().join("out.parquet")).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        assert_eq!(reader.metadata().file_metadata().schema().get_fields().len(), 4);
        assert_eq!(reader.get_row_iter(None).unwrap().count(), 0);
    }

    #[test]
    fn a_row_that_does_not_fit_publishes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let wrong: [&[Cell<'_>]; 4] = [
            &[Cell::Text("r"), Cell::Number(1), Cell::Absent],
            &[Cell::Absent, Cell::Number(1), Cell::Absent, Cell::Absent],
            &[Cell::Text("r"), Cell::Text("1"), Cell::Absent, Cell::Absent],
            &[Cell::Text("r"), Cell::Number(1), Cell::Absent, Cell::Day(i32::MAX)],
        ];
        for name in ["out.csv", "out.parquet"] {
            let path = dir.path().join(name);
            for cells in wrong {
                let result = write_table(&output(&path), &COLUMNS, |table| table.row(cells));
                assert!(matches!(result, Err(WriteError::Bug(_))));
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_error_of_the_rows_is_given_back_and_keeps_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["out.csv", "out.parquet"] {
            let path = dir.path().join(name);
            fs::write(&path, b"old").unwrap();
            let result = write_table(&output(&path), &COLUMNS, |_| {
                Err(WriteError::from(Bug::stored_data_changed()))
            });
            assert!(matches!(result, Err(WriteError::Bug(_))));
            assert_eq!(fs::read(&path).unwrap(), b"old");
        }
    }
}
