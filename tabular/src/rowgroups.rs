//! Parquet: the columns that are read, a few rows at a time.
//!
//! Every value becomes the text that CSV would have ([`physical`](crate::physical)); a type that
//! has none is refused with the name of its column. Before a column is decoded its pages are looked
//! at ([`pages`]), and a panic of the decoder is an error of the file.

use std::collections::BTreeSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use csv::StringRecord;
use parquet::basic::{Compression, ConvertedType, LogicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::{BasicTypeInfo, SchemaDescriptor, Type};

use crate::csv::Record;
use crate::error::{Found, InputError};
use crate::names::{ColumnName, looks_like_data};
use crate::pages;
use crate::physical::{Kind, Value};
use crate::plan::{TypedTimes, Want, Wanted};

/// Reads the rows of one file: a record has the columns that were selected, in the file's order.
pub(crate) struct ParquetReader {
    file: SerializedFileReader<File>,
    handle: File,
    columns: Vec<Selected>,
    group: usize,
    group_rows_left: usize,
    batch_rows: usize,
    batch_at: usize,
    row: u64,
    record: StringRecord,
    failure: Option<InputError>,
}

impl ParquetReader {
    /// Opens a file; none of its columns is selected yet.
    pub(crate) fn open(file: File) -> Result<Self, InputError> {
        check_footer(&file)?;
        let handle = file.try_clone().map_err(read_error)?;
        let file = guarded(|| SerializedFileReader::new(file))?;
        let schema = file.metadata().file_metadata().schema_descr_ptr();
        let fields = schema.root_schema().get_fields();
        if fields.is_empty() {
            return Err(InputError::Empty);
        }
        let distinct: BTreeSet<&str> = fields.iter().map(|field| field.name()).collect();
        if distinct.len() < fields.len() {
            return Err(unreadable(Found::NAME_TWICE));
        }
        if fields.iter().any(|field| looks_like_data(field.name())) {
            return Err(unreadable(Found::DATA_FOR_NAMES_OF_COLUMNS));
        }
        Ok(Self {
            file,
            handle,
            columns: Vec::new(),
            group: 0,
            group_rows_left: 0,
            batch_rows: 0,
            batch_at: 0,
            row: 0,
            record: StringRecord::new(),
            failure: None,
        })
    }

    /// Rows of the file, as its footer has them.
    pub(crate) fn rows(&self) -> u64 {
        self.file.metadata().file_metadata().num_rows().unsigned_abs()
    }

    /// Names of all columns, in the order of the file.
    pub(crate) fn columns(&self) -> Vec<String> {
        let schema = self.file.metadata().file_metadata().schema_descr();
        schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect()
    }

    /// Selects the columns that are wanted.
    pub(crate) fn select(&mut self, wanted: &impl Wanted) -> Result<(), InputError> {
        let schema = self.file.metadata().file_metadata().schema_descr_ptr();
        for (root, name) in self.columns().iter().enumerate() {
            if let Some(want) = wanted.want(name, None)? {
                self.columns.push(Selected::new(&schema, root, name, want)?);
            }
        }
        Ok(())
    }

    /// Place of a column in a record, if it is selected.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Times or days that a selected column holds by its type.
    pub(crate) fn times(&self, place: usize) -> TypedTimes {
        match self.columns.get(place).map(|column| column.kind) {
            Some(Kind::Day | Kind::Time(..)) => TypedTimes::Stated,
            Some(Kind::OldTime) => TypedTimes::Int96,
            _ => TypedTimes::None,
        }
    }

    /// Reads the next row; false at the end of the file.
    pub(crate) fn advance(&mut self) -> Result<bool, InputError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let read = self.read();
        self.failure = read.as_ref().err().cloned();
        read
    }

    /// The row read last; its line is its number.
    pub(crate) const fn current(&self) -> Record<'_> {
        Record::of(self.row, &self.record)
    }

    /// Exchanges the record read last for another, whose room serves the next ones; its line.
    pub(crate) const fn swap(&mut self, record: &mut StringRecord) -> u64 {
        core::mem::swap(&mut self.record, record);
        self.row
    }

    fn read(&mut self) -> Result<bool, InputError> {
        while self.batch_at >= self.batch_rows {
            if self.group_rows_left == 0 && !self.open_group()? {
                return Ok(false);
            }
            self.read_batch()?;
        }
        self.record.clear();
        self.row += 1;
        let mut bytes = 0_usize;
        for column in &self.columns {
            let text = column.batch.get(self.batch_at);
            bytes += text.len();
            self.record.push_field(text);
        }
        if bytes > ROW_BYTES_MAX {
            return Err(InputError::RecordTooLong { line: self.row });
        }
        self.batch_at += 1;
        Ok(true)
    }

    /// Opens the columns of the next group that has rows; false if there is none.
    fn open_group(&mut self) -> Result<bool, InputError> {
        while self.group < self.file.num_row_groups() {
            let group = guarded(|| self.file.get_row_group(self.group))?;
            self.group += 1;
            let rows = usize::try_from(group.metadata().num_rows()).map_err(|_| damaged())?;
            if rows == 0 {
                continue;
            }
            for column in &mut self.columns {
                column.check_pages(&self.handle, group.metadata(), rows)?;
                column.reader = Some(guarded(|| group.get_column_reader(column.leaf))?);
            }
            self.group_rows_left = rows;
            return Ok(true);
        }
        Ok(false)
    }

    /// Decodes the next rows of the group.
    fn read_batch(&mut self) -> Result<(), InputError> {
        let rows = self.group_rows_left.min(BATCH_ROWS);
        for column in &mut self.columns {
            column.read_batch(rows, self.row)?;
        }
        self.group_rows_left -= rows;
        self.batch_rows = rows;
        self.batch_at = 0;
        Ok(())
    }
}

/// A column that is read.
struct Selected {
    name: String,
    leaf: usize,
    kind: Kind,
    /// Wishes of the fields that it feeds.
    want: Want,
    /// Definition level of a value that is there.
    present: i16,
    list: bool,
    reader: Option<ColumnReader>,
    levels: Vec<i16>,
    repeated: Vec<i16>,
    batch: Batch,
}

impl Selected {
    fn new(
        schema: &SchemaDescriptor,
        root: usize,
        name: &str,
        want: Want,
    ) -> Result<Self, InputError> {
        let refuse = |found| InputError::ParquetColumn { name: ColumnName::new(name), found };
        let of_root = |leaf: &usize| schema.get_column_root_idx(*leaf) == root;
        let mut leaves = (0..schema.num_columns()).filter(of_root);
        let (Some(leaf), None) = (leaves.next(), leaves.next()) else {
            return Err(refuse(Found::SEVERAL_VALUES));
        };
        let column = schema.column(leaf);
        let list = column.max_rep_level() > 0;
        let field = schema.root_schema().get_fields().get(root).ok_or_else(damaged)?;
        let depth = column.path().parts().len();
        let one = if list { is_list(field, depth) } else { depth == 1 };
        if column.max_rep_level() > 1 || !one {
            return Err(refuse(Found::NESTED));
        }
        let kind = Kind::of(&column).map_err(refuse)?;
        if list && !want.list {
            return Err(refuse(Found::LIST));
        }
        Ok(Self {
            name: name.to_owned(),
            leaf,
            kind,
            want,
            present: column.max_def_level(),
            list,
            reader: None,
            levels: Vec::new(),
            repeated: Vec::new(),
            batch: Batch::default(),
        })
    }

    /// Refuses a column whose pages would take more memory than any honest one.
    fn check_pages(
        &self,
        file: &File,
        group: &RowGroupMetaData,
        rows: usize,
    ) -> Result<(), InputError> {
        let chunk = group.columns().get(self.leaf).ok_or_else(damaged)?;
        if chunk.compression() == Compression::LZO {
            return Err(unreadable(Found::COMPRESSION));
        }
        let range = guarded(|| Ok(chunk.byte_range()))?;
        let claims =
            pages::claims(file, range.0, range.1, chunk.compression()).ok_or_else(damaged)?;
        if claims.page_bytes_max > pages::PAGE_BYTES_MAX {
            return Err(unreadable(Found::LONG_PAGE));
        }
        let rows = rows as u64;
        let fits = if self.list {
            let most = rows.checked_mul(LIST_ENTRIES_USUAL);
            let most = most.and_then(|most| most.checked_add(LEVELS_SPARE)).ok_or_else(damaged)?;
            (rows..=most).contains(&claims.values)
        } else {
            claims.values == rows
        };
        if fits { Ok(()) } else { Err(damaged()) }
    }

    /// Decodes `rows` rows; `before` of the file are behind.
    fn read_batch(&mut self, rows: usize, before: u64) -> Result<(), InputError> {
        self.batch.clear();
        self.levels.clear();
        self.repeated.clear();
        let mut reader = self.reader.take().ok_or_else(damaged)?;
        let read = match &mut reader {
            ColumnReader::BoolColumnReader(reader) => self.texts(reader, rows),
            ColumnReader::Int32ColumnReader(reader) => self.texts(reader, rows),
            ColumnReader::Int64ColumnReader(reader) => self.texts(reader, rows),
            ColumnReader::Int96ColumnReader(reader) => self.texts(reader, rows),
            ColumnReader::FloatColumnReader(reader) => self.texts(reader, rows),
            ColumnReader::DoubleColumnReader(reader) => self.texts(reader, rows),
            ColumnReader::ByteArrayColumnReader(reader) => self.texts(reader, rows),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => self.texts(reader, rows),
        }?;
        self.reader = Some(reader);
        read.map_err(|(row, found)| {
            let row = before + row as u64 + 1;
            InputError::ParquetField { row, name: ColumnName::new(&self.name), found }
        })?;
        if self.batch.ends.len() == rows { Ok(()) } else { Err(damaged()) }
    }

    /// Decodes rows into the batch; the row in it and the fault where a value has no text.
    fn texts<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        rows: usize,
    ) -> Result<Result<(), (usize, Found)>, InputError>
    where
        T::T: Value,
    {
        let values = self.decode(reader, rows)?;
        Ok(self.fill(rows, &values))
    }

    /// Reads the values that are present, and the levels that say which are.
    fn decode<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        rows: usize,
    ) -> Result<Vec<T::T>, InputError> {
        let mut values = Vec::new();
        let (records, levels, _) = guarded(|| {
            reader.read_records(rows, Some(&mut self.levels), Some(&mut self.repeated), &mut values)
        })?;
        if self.present == 0 {
            // A column without absent values has no levels.
            self.levels.resize(levels, 0);
        }
        if records == rows { Ok(values) } else { Err(damaged()) }
    }

    /// Puts values and absences into the batch, one text a row.
    fn fill<T: Value>(&mut self, rows: usize, values: &[T]) -> Result<(), (usize, Found)> {
        let mut values = values.iter();
        let Batch { text, ends } = &mut self.batch;
        let mut start = text.len();
        let mut entries = 0_usize;
        for (at, level) in self.levels.iter().enumerate() {
            let begins = !self.list || self.repeated.get(at).is_none_or(|level| *level == 0);
            if begins && at > 0 {
                ends.push(text.len());
                start = text.len();
                entries = 0;
            }
            let row = ends.len();
            if *level < self.present {
                continue;
            }
            if entries > 0 {
                text.push('|');
            }
            let entry = text.len();
            let value = values.next().ok_or((row, Found::LEVELS))?;
            value.append(self.kind, self.want, text).map_err(|found| (row, found))?;
            let added = text.get(entry..).unwrap_or_default();
            if self.list && added.contains('|') {
                return Err((row, Found::BAR_IN_ENTRY));
            }
            if text.len() - start > ROW_BYTES_MAX {
                return Err((row, Found::LONG_FIELD));
            }
            entries += 1;
        }
        if ends.len() < rows {
            ends.push(text.len());
        }
        Ok(())
    }
}

/// True if a field is one list, in one of the shapes that writers use: a list of a repeated group
/// with one member, whatever its name, or of repeated values; or a repeated field alone.
fn is_list(field: &Type, depth: usize) -> bool {
    let info: &BasicTypeInfo = field.get_basic_info();
    let declared = info.logical_type_ref() == Some(&LogicalType::List)
        || info.converted_type() == ConvertedType::LIST;
    depth == 1 || (declared && (2..=3).contains(&depth))
}

/// The texts of one column in a few rows, in one piece of memory.
#[derive(Default)]
struct Batch {
    text: String,
    ends: Vec<usize>,
}

impl Batch {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn get(&self, row: usize) -> &str {
        let before = row.checked_sub(1).and_then(|row| self.ends.get(row));
        let start = before.copied().unwrap_or_default();
        self.ends.get(row).and_then(|end| self.text.get(start..*end)).unwrap_or_default()
    }
}

/// Checks the end of the file, whose length decides how much is read of it at once.
fn check_footer(file: &File) -> Result<(), InputError> {
    use std::os::unix::fs::FileExt;
    let len = file.metadata().map_err(read_error)?.len();
    let mut end = [0; 8];
    let at = len.checked_sub(8).ok_or_else(damaged)?;
    file.read_exact_at(&mut end, at).map_err(read_error)?;
    let [a, b, c, d, magic @ ..] = end;
    match &magic {
        b"PAR1" => {}
        b"PARE" => return Err(unreadable(Found::ENCRYPTED)),
        _ => return Err(damaged()),
    }
    if u32::from_le_bytes([a, b, c, d]) > FOOTER_BYTES_MAX {
        return Err(unreadable(Found::LONG_DESCRIPTION));
    }
    Ok(())
}

/// Runs a part of the decoder, whose panics are errors of the file.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, InputError> {
    // What the panic leaves half-done is not used again: the file stays refused.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        // The decoder's own words may quote the file.
        Ok(Err(_)) | Err(_) => Err(damaged()),
    }
}

fn damaged() -> InputError {
    unreadable(Found::DAMAGED)
}

const fn unreadable(found: Found) -> InputError {
    InputError::Parquet { found }
}

fn read_error(error: std::io::Error) -> InputError {
    InputError::Read { line: 0, kind: error.kind() }
}

/// Rows decoded at a time.
const BATCH_ROWS: usize = 256;

/// The longest row, and the longest field of one.
const ROW_BYTES_MAX: usize = 64 * 1024;

/// The longest description of a file.
const FOOTER_BYTES_MAX: u32 = 64 << 20;

/// Entries of lists in a group of rows: so many a row on average, and some to spare.
const LIST_ENTRIES_USUAL: u64 = 32;
const LEVELS_SPARE: u64 = 1 << 16;
