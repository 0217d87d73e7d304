//! Values of Parquet and JSON as text: what CSV would say of them.
//!
//! A value has one text, whatever the form of the file. A whole number is its digits, and so is a
//! number with a fraction of nothing but zeros, as a column of numbers that once had a gap holds
//! it; only where a telephone number may stand does its fraction stay, because zeros at its front
//! were lost on the way. A time without a zone is written without one.

use jiff::{SignedDuration, Timestamp};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as PhysicalType};
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::schema::types::ColumnDescriptor;
use serde_json::value::RawValue;

use crate::error::Found;
use crate::plan::Want;

/// Meaning of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// UTF-8, as the file declares.
    Text,
    /// A value of JSON, as text.
    Json,
    /// Bytes of which the file does not say that they are text.
    Bytes,
    Whole {
        signed: bool,
    },
    Float,
    /// A whole number with so many digits behind the point.
    Decimal {
        scale: usize,
    },
    Boolean,
    Day,
    /// A time of day.
    Clock(TimeUnit, Zone),
    Time(TimeUnit, Zone),
    /// A time of the old form INT96, which states no zone.
    OldTime,
    Uuid,
    /// A column that holds nothing in any row.
    Nothing,
}

/// Zone that a column of times states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    Utc,
    /// None: the time is written without a zone, as other forms of file have it.
    None,
}

impl Kind {
    /// The meaning of a column, or what it is that has no text.
    pub(crate) fn of(column: &ColumnDescriptor) -> Result<Self, Found> {
        match column.logical_type_ref() {
            Some(logical) => Self::of_logical(column, logical),
            None => Self::of_converted(column, column.converted_type()),
        }
    }

    fn of_logical(column: &ColumnDescriptor, logical: &LogicalType) -> Result<Self, Found> {
        use PhysicalType as P;
        let zone = |utc| if utc { Zone::Utc } else { Zone::None };
        Ok(match (logical, column.physical_type()) {
            (LogicalType::Unknown, _) => Self::Nothing,
            (LogicalType::String | LogicalType::Enum, P::BYTE_ARRAY) => Self::Text,
            (LogicalType::Json, P::BYTE_ARRAY) => Self::Json,
            (LogicalType::Decimal(decimal), physical) => decimal_of(physical, decimal.scale)?,
            (LogicalType::Date, P::INT32) => Self::Day,
            (LogicalType::Time(time), P::INT32 | P::INT64) => {
                Self::Clock(time.unit, zone(time.is_adjusted_to_u_t_c))
            }
            (LogicalType::Timestamp(time), P::INT64) => {
                Self::Time(time.unit, zone(time.is_adjusted_to_u_t_c))
            }
            (LogicalType::Integer(whole), P::INT32 | P::INT64) => {
                Self::Whole { signed: whole.is_signed }
            }
            (LogicalType::Uuid, P::FIXED_LEN_BYTE_ARRAY) => Self::Uuid,
            (LogicalType::Bson, _) => return Err(Found::BSON),
            (LogicalType::Float16, _) => return Err(Found::FLOAT16),
            (LogicalType::Variant(_), _) => return Err(Found::VARIANT),
            (LogicalType::Geometry(_) | LogicalType::Geography(_), _) => {
                return Err(Found::GEOMETRY);
            }
            _ => return Err(Found::OTHER_TYPE),
        })
    }

    fn of_converted(column: &ColumnDescriptor, converted: ConvertedType) -> Result<Self, Found> {
        use {ConvertedType as C, PhysicalType as P};
        Ok(match (converted, column.physical_type()) {
            (C::NONE, P::BOOLEAN) => Self::Boolean,
            (C::NONE, P::INT96) => Self::OldTime,
            (C::NONE, P::FLOAT | P::DOUBLE) => Self::Float,
            (C::NONE, P::INT32 | P::INT64) => Self::Whole { signed: true },
            (C::NONE, P::BYTE_ARRAY | P::FIXED_LEN_BYTE_ARRAY) => Self::Bytes,
            (C::INT_8 | C::INT_16 | C::INT_32, P::INT32) | (C::INT_64, P::INT64) => {
                Self::Whole { signed: true }
            }
            (C::UINT_8 | C::UINT_16 | C::UINT_32, P::INT32) | (C::UINT_64, P::INT64) => {
                Self::Whole { signed: false }
            }
            (C::UTF8 | C::ENUM, P::BYTE_ARRAY) => Self::Text,
            (C::JSON, P::BYTE_ARRAY) => Self::Json,
            (C::DECIMAL, physical) => decimal_of(physical, column.type_scale())?,
            (C::DATE, P::INT32) => Self::Day,
            (C::TIME_MILLIS, P::INT32) => Self::Clock(TimeUnit::MILLIS, Zone::Utc),
            (C::TIME_MICROS, P::INT64) => Self::Clock(TimeUnit::MICROS, Zone::Utc),
            (C::TIMESTAMP_MILLIS, P::INT64) => Self::Time(TimeUnit::MILLIS, Zone::Utc),
            (C::TIMESTAMP_MICROS, P::INT64) => Self::Time(TimeUnit::MICROS, Zone::Utc),
            (C::BSON, _) => return Err(Found::BSON),
            (C::INTERVAL, _) => return Err(Found::INTERVAL),
            _ => return Err(Found::OTHER_TYPE),
        })
    }
}

fn decimal_of(physical: PhysicalType, scale: i32) -> Result<Kind, Found> {
    use PhysicalType as P;
    let whole = matches!(physical, P::INT32 | P::INT64 | P::BYTE_ARRAY | P::FIXED_LEN_BYTE_ARRAY);
    let scale = usize::try_from(scale).ok().filter(|scale| whole && *scale <= SCALE_MAX);
    Ok(Kind::Decimal { scale: scale.ok_or(Found::OTHER_TYPE)? })
}

/// A value as the decoder gives it.
pub(crate) trait Value {
    /// Appends the text of the value.
    fn append(&self, kind: Kind, want: Want, text: &mut String) -> Result<(), Found>;
}

impl Value for bool {
    fn append(&self, kind: Kind, _: Want, text: &mut String) -> Result<(), Found> {
        match kind {
            Kind::Boolean => text.push_str(if *self { "true" } else { "false" }),
            _ => return Err(other(kind)),
        }
        Ok(())
    }
}

impl Value for i32 {
    fn append(&self, kind: Kind, want: Want, text: &mut String) -> Result<(), Found> {
        match kind {
            // A number without a sign takes the bits of one with it.
            Kind::Whole { signed: false } => {
                text.push_str(&u32::from_ne_bytes(self.to_ne_bytes()).to_string());
                Ok(())
            }
            Kind::Day => day(*self, text),
            _ => i64::from(*self).append(kind, want, text),
        }
    }
}

impl Value for i64 {
    fn append(&self, kind: Kind, want: Want, text: &mut String) -> Result<(), Found> {
        match kind {
            Kind::Whole { signed: true } => text.push_str(&self.to_string()),
            Kind::Whole { signed: false } => {
                text.push_str(&u64::from_ne_bytes(self.to_ne_bytes()).to_string());
            }
            Kind::Decimal { scale } => decimal((*self).into(), scale, want.keep_decimals, text),
            Kind::Clock(unit, zone) => clock(nanoseconds(*self, unit), zone, text)?,
            Kind::Time(unit, zone) => time(nanoseconds(*self, unit), zone, text)?,
            _ => return Err(other(kind)),
        }
        Ok(())
    }
}

impl Value for Int96 {
    fn append(&self, kind: Kind, _: Want, text: &mut String) -> Result<(), Found> {
        let &[low, high, day] = self.data() else { return Err(Found::OUT_OF_RANGE) };
        if kind != Kind::OldTime {
            return Err(other(kind));
        }
        let of_day = i128::from((u64::from(high) << 32) | u64::from(low));
        let days = i128::from(day) - JULIAN_DAY_1970;
        time(days * DAY_NANOSECONDS + of_day, Zone::None, text)
    }
}

impl Value for f32 {
    fn append(&self, kind: Kind, want: Want, text: &mut String) -> Result<(), Found> {
        match kind {
            Kind::Float => {
                let whole = self.fract() == 0.0 && self.abs() < F32_EXACT_END;
                float(&format!("{self:?}"), whole, want.keep_decimals, text);
                Ok(())
            }
            _ => Err(other(kind)),
        }
    }
}

impl Value for f64 {
    fn append(&self, kind: Kind, want: Want, text: &mut String) -> Result<(), Found> {
        match kind {
            Kind::Float => {
                let whole = self.fract() == 0.0 && self.abs() < F64_EXACT_END;
                float(&format!("{self:?}"), whole, want.keep_decimals, text);
                Ok(())
            }
            _ => Err(other(kind)),
        }
    }
}

impl Value for ByteArray {
    fn append(&self, kind: Kind, want: Want, text: &mut String) -> Result<(), Found> {
        bytes(self.data(), kind, want, text)
    }
}

impl Value for FixedLenByteArray {
    fn append(&self, kind: Kind, want: Want, text: &mut String) -> Result<(), Found> {
        bytes(self.data(), kind, want, text)
    }
}

/// A value that the meaning of its column has no place for.
const fn other(kind: Kind) -> Found {
    match kind {
        Kind::Nothing => Found::NOT_NOTHING,
        _ => Found::LEVELS,
    }
}

fn bytes(value: &[u8], kind: Kind, want: Want, text: &mut String) -> Result<(), Found> {
    match kind {
        Kind::Text | Kind::Json | Kind::Bytes => {
            let not_text = if kind == Kind::Bytes { Found::NOT_TEXT } else { Found::NOT_UTF8 };
            let value = core::str::from_utf8(value).map_err(|_| not_text)?;
            let start = text.len();
            match serde_json::from_str::<&RawValue>(value) {
                Ok(json) if kind == Kind::Json => match Json::of(json.get(), want) {
                    Json::Absent => {}
                    Json::Of(of) => text.push_str(&of),
                    Json::No(found) => return Err(found),
                },
                _ => text.push_str(value),
            }
            if text.get(start..).is_some_and(|added| added.contains('\0')) {
                return Err(Found::NUL);
            }
        }
        Kind::Uuid => {
            let groups = [0..4, 4..6, 6..8, 8..10, 10..16];
            for (at, group) in groups.into_iter().enumerate() {
                if at > 0 {
                    text.push('-');
                }
                let group = value.get(group).ok_or(Found::OUT_OF_RANGE)?;
                group.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
            }
        }
        Kind::Decimal { scale } => {
            let unscaled = whole_of(value).ok_or(Found::OUT_OF_RANGE)?;
            decimal(unscaled, scale, want.keep_decimals, text);
        }
        _ => return Err(other(kind)),
    }
    Ok(())
}

/// A whole number of two's complement, the high byte first; `None` if it takes more than 16 bytes.
fn whole_of(bytes: &[u8]) -> Option<i128> {
    let fill = if bytes.first()? & 0x80 == 0 { 0 } else { 0xFF };
    let extra = bytes.len().max(16) - 16;
    let (front, back) = bytes.split_at_checked(extra)?;
    let mut whole = [fill; 16];
    let start = whole.len().checked_sub(back.len())?;
    whole.get_mut(start..)?.copy_from_slice(back);
    let whole = i128::from_be_bytes(whole);
    // Bytes in front may only repeat the sign.
    (front.iter().all(|byte| *byte == fill) && whole.is_negative() == (fill != 0)).then_some(whole)
}

fn decimal(unscaled: i128, scale: usize, keep_decimals: bool, text: &mut String) {
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if unscaled < 0 {
        text.push('-');
    }
    text.push_str(whole);
    let zeros = fraction.bytes().all(|byte| byte == b'0');
    if !fraction.is_empty() && (keep_decimals || !zeros) {
        text.push('.');
        text.push_str(fraction);
    }
}

/// Appends a number with a fraction, out of its shortest digits.
fn float(shortest: &str, whole: bool, keep_decimals: bool, text: &mut String) {
    match shortest.split_once('e') {
        // With a sign, so that nobody takes it for a code.
        Some((mantissa, exponent)) => {
            let sign = if exponent.starts_with('-') { "" } else { "+" };
            text.extend([mantissa, "e", sign, exponent]);
        }
        None if whole && !keep_decimals => {
            let digits = shortest.strip_suffix(".0").unwrap_or(shortest);
            text.push_str(if digits == "-0" { "0" } else { digits });
        }
        None => text.push_str(shortest),
    }
}

/// A value of JSON as text, if it is one.
pub(crate) enum Json {
    Absent,
    Of(String),
    /// Something else than text.
    No(Found),
}

impl Json {
    /// The text of a value, of which the parser knows that it is sound.
    pub(crate) fn of(value: &str, want: Want) -> Self {
        match value.bytes().next() {
            Some(b'n') => Self::Absent,
            Some(b'{') => Self::No(Found::OBJECT),
            Some(b'[') if want.list => Self::of_entries(value, want),
            Some(b'[') => Self::No(Found::LIST),
            Some(b'"') => match value.get(1..value.len() - 1) {
                Some(plain) if !plain.contains('\\') => Self::Of(plain.to_owned()),
                // The halves of a character that are not together are no text.
                _ => serde_json::from_str(value).map_or(Self::No(Found::BROKEN_TEXT), Self::Of),
            },
            Some(b't' | b'f') => Self::Of(value.to_owned()),
            _ => Self::Of(json_number(value, want.keep_decimals)),
        }
    }

    fn of_entries(value: &str, want: Want) -> Self {
        let Ok(entries) = serde_json::from_str::<Vec<&RawValue>>(value) else {
            return Self::No(Found::LIST_OF_OTHERS);
        };
        let want = Want { list: false, ..want };
        let mut joined = String::new();
        let mut first = true;
        for entry in entries {
            match Self::of(entry.get(), want) {
                Self::Absent => {}
                Self::Of(text) if !text.contains('|') => {
                    if !core::mem::take(&mut first) {
                        joined.push('|');
                    }
                    joined.push_str(&text);
                }
                Self::Of(_) => return Self::No(Found::BAR_IN_ENTRY),
                Self::No(_) => return Self::No(Found::LIST_OF_OTHERS),
            }
        }
        Self::Of(joined)
    }
}

/// The text of a number as JSON writes it, judged by its digits alone.
fn json_number(written: &str, keep_decimals: bool) -> String {
    let mut text = String::with_capacity(written.len() + 1);
    if written.contains(['e', 'E']) {
        float(&written.to_ascii_lowercase().replace("e+", "e"), false, keep_decimals, &mut text);
        return text;
    }
    let Some((whole, fraction)) = written.split_once('.') else {
        text.push_str(if written == "-0" { "0" } else { written });
        return text;
    };
    let zeros = fraction.bytes().all(|byte| byte == b'0');
    let exact = whole.parse::<i64>().is_ok_and(|whole| whole.unsigned_abs() < EXACT_END);
    let cut = zeros && exact && !keep_decimals;
    text.push_str(match (cut, whole) {
        (true, "-0") => "0",
        (true, whole) => whole,
        (false, _) => written,
    });
    text
}

fn day(days: i32, text: &mut String) -> Result<(), Found> {
    let span = jiff::Span::new().try_days(days).map_err(|_| Found::OUT_OF_RANGE)?;
    let day = jiff::civil::date(1970, 1, 1).checked_add(span).map_err(|_| Found::OUT_OF_RANGE)?;
    text.push_str(&day.to_string());
    Ok(())
}

fn nanoseconds(value: i64, unit: TimeUnit) -> i128 {
    i128::from(value)
        * match unit {
            TimeUnit::MILLIS => 1_000_000,
            TimeUnit::MICROS => 1_000,
            TimeUnit::NANOS => 1,
        }
}

fn clock(nanoseconds: i128, zone: Zone, text: &mut String) -> Result<(), Found> {
    let of_day = i64::try_from(nanoseconds).map_err(|_| Found::OUT_OF_RANGE)?;
    let clock = jiff::civil::Time::midnight().checked_add(SignedDuration::from_nanos(of_day));
    text.push_str(&clock.map_err(|_| Found::OUT_OF_RANGE)?.to_string());
    if zone == Zone::Utc {
        text.push('Z');
    }
    Ok(())
}

fn time(nanoseconds: i128, zone: Zone, text: &mut String) -> Result<(), Found> {
    let time = Timestamp::from_nanosecond(nanoseconds).map_err(|_| Found::OUT_OF_RANGE)?;
    let written = time.to_string();
    text.push_str(match zone {
        Zone::Utc => &written,
        Zone::None => written.trim_end_matches('Z'),
    });
    Ok(())
}

/// Digits behind the point that a decimal number may have: as many as the longest has at all.
const SCALE_MAX: usize = 38;

/// The least whole number that floating-point numbers of 32 and 64 bits have for another one too.
const F32_EXACT_END: f32 = 16_777_216.0;
const F64_EXACT_END: f64 = 9_007_199_254_740_992.0;
const EXACT_END: u64 = 1 << 53;

/// The Julian day that INT96 has for 1970-01-01.
const JULIAN_DAY_1970: i128 = 2_440_588;
const DAY_NANOSECONDS: i128 = 86_400_000_000_000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::basic::Repetition;
    use parquet::data_type::{
        BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type,
        Int64Type, Int96Type,
    };
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use proptest::prelude::*;
    use report::Diagnose;

    use super::*;
    use crate::{
        Column, Holds, Input, InputError, InputFile, Reading, RowSource, Schema, SourceError,
        Watched,
    };

    static SCHEMA: Schema = Schema {
        columns: &[
            Column::optional("value", Holds::Text),
            Column::optional("phone", Holds::Phone),
            Column::optional("list", Holds::List),
        ],
        families: &[],
        one_of: &[],
        program: "advertiser-node",
    };

    /// The first field of a file, row by row, as the schema has it.
    fn read(name: &str, bytes: &[u8]) -> Result<Vec<String>, SourceError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let input = Input { file: InputFile::new(&path), reading: Arc::default() };
        let mut source = RowSource::open(&input, &SCHEMA, &Watched::default())?;
        let at = (0..3).find(|at| source.has(*at)).unwrap();
        let mut cells = Vec::new();
        let refuse = |source| SourceError::Input { file: path.clone(), source };
        while let Some(row) = source.next_row().map_err(refuse)? {
            cells.push(row.text(at).into_owned());
        }
        Ok(cells)
    }

    /// A file of one column, with these values, levels and repetitions.
    fn file<T: DataType>(
        field: &str,
        values: &[T::T],
        levels: Option<&[i16]>,
        repeated: Option<&[i16]>,
        dictionary: bool,
    ) -> Vec<u8> {
        let schema = parse_message_type(&format!("message t {{ {field} }}")).unwrap();
        let properties = WriterProperties::builder().set_dictionary_enabled(dictionary).build();
        let mut file =
            SerializedFileWriter::new(Vec::new(), schema.into(), properties.into()).unwrap();
        let mut group = file.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<T>().write_batch(values, levels, repeated).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        file.into_inner().unwrap()
    }

    /// The cells of a column without absences, which must be the same with a dictionary.
    fn cells<T: DataType>(field: &str, values: &[T::T]) -> Vec<String> {
        let found = read("t.parquet", &file::<T>(field, values, None, None, false)).unwrap();
        if T::get_physical_type() != PhysicalType::BOOLEAN {
            let with = read("t.parquet", &file::<T>(field, values, None, None, true)).unwrap();
            assert_eq!(found, with, "{field}");
        }
        found
    }

    fn fault<T: DataType>(field: &str, values: &[T::T]) -> InputError {
        match read("t.parquet", &file::<T>(field, values, None, None, false)) {
            Err(SourceError::Input { source, .. }) => source,
            other => panic!("{field}: {other:?}"),
        }
    }

    fn bytes_of(values: &[&[u8]]) -> Vec<ByteArray> {
        values.iter().map(|value| ByteArray::from(value.to_vec())).collect()
    }

    fn fixed(values: &[&[u8]]) -> Vec<FixedLenByteArray> {
        bytes_of(values).into_iter().map(Into::into).collect()
    }

    const NAIVE: &str = "required int64 value (TIMESTAMP(MILLIS,false));";

    fn int96(nanoseconds: u64, day: u32) -> Int96 {
        let mut value = Int96::new();
        let [low, high] = [nanoseconds & 0xFFFF_FFFF, nanoseconds >> 32];
        value.set_data(low.try_into().unwrap(), high.try_into().unwrap(), day);
        value
    }

    #[test]
    fn whole_numbers_are_their_digits_with_and_without_a_sign() {
        let ends = [i32::MIN, -1, 0, 612_345_678, i32::MAX];
        let signed = ["-2147483648", "-1", "0", "612345678", "2147483647"];
        for field in ["required int32 value;", "required int32 value (INTEGER(32,true));"] {
            assert_eq!(cells::<Int32Type>(field, &ends), signed);
        }
        let unsigned = ["2147483648", "4294967295", "0", "612345678", "2147483647"];
        for field in
            ["required int32 value (UINT_32);", "required int32 value (INTEGER(32,false));"]
        {
            assert_eq!(cells::<Int32Type>(field, &ends), unsigned);
        }
        let ends = [i64::MIN, -1, i64::MAX];
        let field = "required int64 value;";
        let signed = ["-9223372036854775808", "-1", "9223372036854775807"];
        assert_eq!(cells::<Int64Type>(field, &ends), signed);
        let field = "required int64 value (INTEGER(64,false));";
        let unsigned = ["9223372036854775808", "18446744073709551615", "9223372036854775807"];
        assert_eq!(cells::<Int64Type>(field, &ends), unsigned);
        assert_eq!(cells::<Int32Type>("required int32 value (INT_8);", &[-128]), ["-128"]);
    }

    #[test]
    fn floats_are_digits_only_where_none_can_be_lost() {
        let values = [1001.0, -0.0, 12.5, 9_007_199_254_740_991.0, 1e17, 1e-7, f64::NAN];
        let expected = ["1001", "0", "12.5", "9007199254740991", "1e+17", "1e-7", "NaN"];
        assert_eq!(cells::<DoubleType>("required double value;", &values), expected);
        let values = [1001.0, 16_777_215.0, 16_777_216.0, 16_777_218.0, 0.1];
        let expected = ["1001", "16777215", "16777216.0", "16777218.0", "0.1"];
        assert_eq!(cells::<FloatType>("required float value;", &values), expected);
        // Of two numbers it would make one.
        let field = "required double value;";
        let end = [9_007_199_254_740_992.0];
        assert_eq!(cells::<DoubleType>(field, &end), ["9007199254740992.0"]);
        assert!(crate::cell::is_rounded_number("9007199254740992.0"));
        assert!(crate::cell::is_rounded_number("1e+17"));
        assert!(crate::cell::is_rounded_number("16777218.0"));
    }

    /// A number of nine digits that once had a zero at its front, and one that had not.
    #[test]
    fn a_telephone_number_out_of_a_column_of_decimals_stays_one() {
        let values = [612_345_678.0, 33_612_345_678.0];
        let expected = ["612345678.0", "33612345678.0"];
        assert_eq!(cells::<DoubleType>("required double phone;", &values), expected);
        let json = b"{\"phone\":612345678.0}\n{\"phone\":33612345678.0}\n";
        assert_eq!(read("t.ndjson", json).unwrap(), expected);
        let field = "required int64 phone (DECIMAL(12,1));";
        assert_eq!(cells::<Int64Type>(field, &[6_123_456_780]), ["612345678.0"]);
        assert_eq!(cells::<Int64Type>("required int64 phone;", &[612_345_678]), ["612345678"]);
    }

    #[test]
    fn decimals_are_read_in_every_physical_type() {
        let expected = ["12.50", "-0.05", "1001", "0"];
        let unscaled = [1250, -5, 100_100, 0];
        let field = "(DECIMAL(9,2));";
        let read = cells::<Int32Type>(&format!("required int32 value {field}"), &unscaled);
        assert_eq!(read, expected);
        let wide = unscaled.map(i64::from);
        let read = cells::<Int64Type>(&format!("required int64 value {field}"), &wide);
        assert_eq!(read, expected);
        let big: Vec<[u8; 16]> = wide.iter().map(|v| i128::from(*v).to_be_bytes()).collect();
        let all: Vec<&[u8]> = big.iter().map(|bytes| &bytes[..]).collect();
        let read =
            cells::<ByteArrayType>(&format!("required binary value {field}"), &bytes_of(&all));
        assert_eq!(read, expected);
        let last: Vec<&[u8]> = big.iter().map(|bytes| &bytes[11..]).collect();
        let fixed_field = format!("required fixed_len_byte_array(5) value {field}");
        assert_eq!(cells::<FixedLenByteArrayType>(&fixed_field, &fixed(&last)), expected);
        let ids = "required fixed_len_byte_array(16) value (DECIMAL(38,0));";
        let digits = i128::MAX.to_be_bytes();
        let read = cells::<FixedLenByteArrayType>(ids, &fixed(&[&digits]));
        assert_eq!(read, [i128::MAX.to_string()]);
        let long = bytes_of(&[&[1; 17]]);
        let error = fault::<ByteArrayType>("required binary value (DECIMAL(38,0));", &long);
        assert_eq!((error.id(), error.line()), ("input-parquet-field", Some(1)));
    }

    #[test]
    fn days_times_and_clocks_keep_their_zone_or_have_none() {
        assert_eq!(cells::<Int32Type>("required int32 value (DATE);", &[20_778]), ["2026-11-21"]);
        let second = 1_772_446_440_i64;
        for (unit, factor) in [("MILLIS", 1_000), ("MICROS", 1_000_000), ("NANOS", 1_000_000_000)] {
            let value = [second * factor + factor / 2];
            let utc = format!("required int64 value (TIMESTAMP({unit},true));");
            assert_eq!(cells::<Int64Type>(&utc, &value), ["2026-03-02T10:14:00.5Z"]);
            let naive = format!("required int64 value (TIMESTAMP({unit},false));");
            assert_eq!(cells::<Int64Type>(&naive, &value), ["2026-03-02T10:14:00.5"]);
        }
        let old = "required int64 value (TIMESTAMP_MILLIS);";
        assert_eq!(cells::<Int64Type>(old, &[second * 1_000]), ["2026-03-02T10:14:00Z"]);
        let clock = "required int32 value (TIME(MILLIS,false));";
        assert_eq!(cells::<Int32Type>(clock, &[36_840_500]), ["10:14:00.5"]);
        let clock = "required int64 value (TIME(MICROS,true));";
        assert_eq!(cells::<Int64Type>(clock, &[36_840_000_000]), ["10:14:00Z"]);
        let int96 = [int96(36_840_000_000_000, 2_461_102), int96(0, 2_440_588)];
        let expected = ["2026-03-02T10:14:00", "1970-01-01T00:00:00"];
        assert_eq!(cells::<Int96Type>("required int96 value;", &int96), expected);
        // Nobody says in which zone they are, a map of the other times of a file neither.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.parquet");
        let zone = jiff::tz::TimeZone::get("Europe/Paris").ok();
        for (field, bytes, zoned) in [
            ("int96", file::<Int96Type>("required int96 value;", &int96, None, None, false), false),
            ("naive", file::<Int64Type>(NAIVE, &[second * 1_000], None, None, false), true),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let reading = Reading { zone: zone.clone(), ..Reading::default() };
            let input = Input { file: InputFile::new(&path), reading: Arc::new(reading) };
            let mut source = RowSource::open(&input, &SCHEMA, &Watched::default()).unwrap();
            let row = source.next_row().unwrap().unwrap();
            let time = row.time(0, u64::MAX).unwrap();
            assert_eq!(
                (time.at.to_string(), time.zoned),
                ("2026-03-02T09:14:00Z".into(), zoned),
                "{field}"
            );
        }
        let errors = [
            fault::<Int64Type>("required int64 value (TIMESTAMP(MILLIS,true));", &[i64::MAX]),
            fault::<Int32Type>("required int32 value (DATE);", &[i32::MAX]),
            fault::<Int32Type>("required int32 value (TIME(MILLIS,true));", &[86_400_000]),
            fault::<Int32Type>("required int32 value (TIME(MILLIS,true));", &[-1]),
            fault::<Int96Type>("required int96 value;", &[self::int96(u64::MAX, u32::MAX)]),
        ];
        assert!(errors.iter().all(|error| error.id() == "input-parquet-field"));
    }

    #[test]
    fn text_is_text_whatever_the_file_calls_it() {
        let values = bytes_of(&["a@exemple.fr".as_bytes(), "é|x".as_bytes(), b""]);
        let expected = ["a@exemple.fr", "é|x", ""];
        for field in ["", " (STRING)", " (JSON)", " (ENUM)", " (UTF8)"] {
            let field = format!("required binary value{field};");
            assert_eq!(cells::<ByteArrayType>(&field, &values), expected);
        }
        let digest = "0f".repeat(32);
        let field = "required fixed_len_byte_array(64) value;";
        let found = cells::<FixedLenByteArrayType>(field, &fixed(&[digest.as_bytes()]));
        assert_eq!(found, [digest]);
        let uuid: Vec<u8> = (0x10..0x20).collect();
        let field = "required fixed_len_byte_array(16) value (UUID);";
        let found = cells::<FixedLenByteArrayType>(field, &fixed(&[&uuid]));
        assert_eq!(found, ["10111213-1415-1617-1819-1a1b1c1d1e1f"]);
        let flags = cells::<BoolType>("required boolean value;", &[true, false]);
        assert_eq!(flags, ["true", "false"]);
        for (field, value, words) in [
            ("required binary value;", &[0xE9][..], "bytes that are no text in UTF-8"),
            ("required binary value (STRING);", &[0xE9], "not valid UTF-8"),
            ("required binary value;", b"a\0b", "a NUL character"),
        ] {
            let error = fault::<ByteArrayType>(field, &bytes_of(&[b"ok", value]));
            assert_eq!(error.to_string(), format!("row 2, column `value`: {words}"));
            assert!(error.advice().is_some_and(|advice| !advice.to_string().is_empty()));
        }
    }

    #[test]
    fn a_column_of_json_is_read_as_json_is() {
        let found = |field: &str, values: &[&[u8]]| {
            cells::<ByteArrayType>(&format!("required binary {field} (JSON);"), &bytes_of(values))
        };
        let values: [&[u8]; 5] = [b"\"a\"", b" 12.0 ", b"null", b"true", b"no json"];
        assert_eq!(found("value", &values), ["a", "12", "", "true", "no json"]);
        assert_eq!(found("list", &[b"[\"a\", 1]", b"[]", b"a|b"]), ["a|1", "", "a|b"]);
        let object = bytes_of(&[b"{}"]);
        let error = fault::<ByteArrayType>("required binary value (JSON);", &object);
        assert_eq!(error.to_string(), "row 1, column `value`: an object");
        let nul = bytes_of(&[b"\"a\\u0000\""]);
        let error = fault::<ByteArrayType>("required binary value (JSON);", &nul);
        assert_eq!(error.to_string(), "row 1, column `value`: a NUL character");
    }

    #[test]
    fn a_column_that_is_always_null_is_absent_and_must_be() {
        let field = "optional int32 value (UNKNOWN);";
        let bytes = file::<Int32Type>(field, &[], Some(&[0, 0, 0]), None, true);
        assert_eq!(read("t.parquet", &bytes).unwrap(), ["", "", ""]);
        let error = fault::<Int32Type>("required int32 value (UNKNOWN);", &[7]);
        assert!(error.to_string().contains("declared to be always null"), "{error}");
    }

    #[test]
    fn lists_are_read_in_the_shapes_of_every_writer() {
        let group = |within: &str| format!("optional group list (LIST) {{ {within} }}");
        let shapes = [
            (group("repeated group list { optional ELEMENT element; }"), 1),
            (group("repeated group bag { optional ELEMENT array_element; }"), 1),
            (group("repeated group element { required ELEMENT str; }"), 0),
            (group("repeated ELEMENT array;"), 0),
        ];
        // Two entries, a list that is null, an empty one, one entry.
        for (shape, optional) in shapes {
            let there = 2 + optional;
            let levels = [there, there, 0, 1, there];
            let repeated = [0, 1, 0, 0, 0];
            let field = shape
                .replace("ELEMENT element;", "binary element (STRING);")
                .replace("ELEMENT array_element;", "binary array_element (UTF8);")
                .replace("ELEMENT str;", "binary str (STRING);")
                .replace("ELEMENT array;", "binary array;");
            let values = bytes_of(&[b"a", b"b", b"c"]);
            let bytes =
                file::<ByteArrayType>(&field, &values, Some(&levels), Some(&repeated), true);
            assert_eq!(read("t.parquet", &bytes).unwrap(), ["a|b", "", "", "c"], "{field}");
            let field = shape.replace("ELEMENT", "int64");
            let bytes =
                file::<Int64Type>(&field, &[1, -2, 3], Some(&levels), Some(&repeated), true);
            assert_eq!(read("t.parquet", &bytes).unwrap(), ["1|-2", "", "", "3"], "{field}");
        }
        let field = "repeated binary list (STRING);";
        let values = bytes_of(&[b"a", b"b"]);
        let bytes = file::<ByteArrayType>(field, &values, Some(&[1, 1, 0]), Some(&[0, 1, 0]), true);
        assert_eq!(read("t.parquet", &bytes).unwrap(), ["a|b", ""]);
        let field = "optional group list { repeated binary of (STRING); }";
        let bytes = file::<ByteArrayType>(field, &values, Some(&[2, 2]), Some(&[0, 1]), true);
        let Err(error) = read("t.parquet", &bytes) else { panic!("a group is no list") };
        assert!(error.to_string().contains("groups or nested lists"), "{error}");
    }

    #[test]
    fn types_without_a_text_are_refused_with_their_column_their_name_and_a_remedy() {
        for (field, words) in [
            ("required binary value (BSON);", "BSON"),
            ("required fixed_len_byte_array(12) value (INTERVAL);", "INTERVAL"),
            ("required fixed_len_byte_array(2) value (FLOAT16);", "FLOAT16"),
            ("repeated binary value (STRING);", "a list, where one text"),
            ("optional group value { optional binary a; optional binary b; }", "STRUCT or MAP"),
            ("optional group value { optional binary a (STRING); }", "groups or nested lists"),
            (
                "optional group list (LIST) { repeated group list { optional group element { \
                 optional binary a (STRING); } } }",
                "groups or nested lists",
            ),
        ] {
            let schema = parse_message_type(&format!("message t {{ {field} }}")).unwrap();
            let properties = WriterProperties::builder().build();
            let file =
                SerializedFileWriter::new(Vec::new(), schema.into(), properties.into()).unwrap();
            let bytes = file.into_inner().unwrap();
            let Err(SourceError::Input { source, .. }) = read("t.parquet", &bytes) else {
                panic!("{field}")
            };
            assert_eq!(source.id(), "input-parquet-column", "{field}");
            assert!(source.to_string().contains(words), "{source}");
            assert!(source.advice().is_some_and(|advice| !advice.to_string().is_empty()));
        }
    }

    #[test]
    fn numbers_of_json_are_judged_by_their_digits_alone() {
        for (written, plain, kept) in [
            ("0", "0", "0"),
            ("-0", "0", "0"),
            ("18446744073709551616", "18446744073709551616", "18446744073709551616"),
            ("33612345678.0", "33612345678", "33612345678.0"),
            ("-0.0", "0", "-0.0"),
            ("12.50", "12.50", "12.50"),
            ("9007199254740993.0", "9007199254740993.0", "9007199254740993.0"),
            ("1E5", "1e+5", "1e+5"),
            ("1.5e+21", "1.5e+21", "1.5e+21"),
            ("1e-7", "1e-7", "1e-7"),
        ] {
            assert_eq!(json_number(written, false), plain, "{written}");
            assert_eq!(json_number(written, true), kept, "{written}");
            let line = format!("{{\"value\":{written}}}\n");
            assert_eq!(read("t.ndjson", line.as_bytes()).unwrap(), [plain], "{written}");
        }
    }

    #[test]
    fn values_of_json_become_text_or_are_refused_by_name() {
        for (value, text) in [
            ("true", "true"),
            ("false", "false"),
            ("null", ""),
            ("\"a\\u00e9\\\"b\"", "aé\"b"),
            ("\"\"", ""),
            ("\"|\"", "|"),
        ] {
            let line = format!("{{\"value\":{value}}}\n");
            assert_eq!(read("t.ndjson", line.as_bytes()).unwrap(), [text], "{value}");
        }
        let list = b"{\"list\":[\"a\",1,2.0,null,true]}\n{\"list\":[]}\n{\"list\":\"x|y\"}\n";
        assert_eq!(read("t.ndjson", list).unwrap(), ["a|1|2|true", "", "x|y"]);
        for (line, words) in [
            ("{\"value\":{\"a\":1}}", "`value` is an object"),
            ("{\"value\":[\"a\"]}", "`value` is a list"),
            ("{\"value\":\"\\ud83d\"}", "`value` is a text with half a character"),
            ("{\"list\":[[\"a\"]]}", "`list` is a list of objects or of lists"),
            ("{\"list\":[{}]}", "`list` is a list of objects or of lists"),
            ("{\"list\":[\"a|b\"]}", "`list` is a list with `|` inside an entry"),
        ] {
            let Err(error) = read("t.ndjson", line.as_bytes()) else { panic!("{line}") };
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    /// Reads values out of Parquet, and the same as CSV and NDJSON have them.
    fn same<T: DataType>(
        field: &str,
        values: &[T::T],
        written: &[String],
        as_text: bool,
    ) -> Result<(), TestCaseError> {
        let levels: Vec<i16> = vec![1; values.len()];
        let optional = Repetition::OPTIONAL.to_string().to_lowercase();
        let bytes = file::<T>(&format!("{optional} {field}"), values, Some(&levels), None, true);
        let parquet = read("t.parquet", &bytes).unwrap();
        let csv: String = written.iter().map(|text| format!("\"{text}\"\n")).collect();
        let csv = read("t.csv", format!("value\n{csv}").as_bytes()).unwrap();
        prop_assert_eq!(&parquet, &csv, "{}", field);
        let quote = if as_text { "\"" } else { "" };
        let line = |text: &String| format!("{{\"value\":{quote}{text}{quote}}}\n");
        let json: String = written.iter().map(line).collect();
        prop_assert_eq!(&parquet, &read("t.ndjson", json.as_bytes()).unwrap(), "{}", field);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Whatever a column holds, the same value written as text gives the same cell.
        #[test]
        fn a_value_gives_the_same_cell_in_every_form(
            numbers in prop::collection::vec(any::<i64>(), 1..20),
            scale in 0_u32..6,
            nanoseconds in prop::collection::vec(0_i64..4_000_000_000_000_000_000, 1..20),
            texts in prop::collection::vec("[a-zé@. |0-9]{0,12}", 1..20),
        ) {
            let digits: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            same::<Int64Type>("int64 value;", &numbers, &digits, false)?;
            let bits = |number: &i64| u64::from_ne_bytes(number.to_ne_bytes()).to_string();
            let unsigned: Vec<String> = numbers.iter().map(bits).collect();
            same::<Int64Type>("int64 value (INTEGER(64,false));", &numbers, &unsigned, false)?;
            // Whole numbers in a column of floats, as far as it has them all.
            let whole: Vec<i64> = numbers.iter().map(|number| number >> 11).collect();
            let floats: Vec<f64> = whole.iter().map(|number| *number as f64).collect();
            let digits: Vec<String> = whole.iter().map(ToString::to_string).collect();
            same::<DoubleType>("double value;", &floats, &digits, false)?;
            // Decimal numbers, their fraction out of a division.
            let unit = 10_i64.pow(scale);
            let decimal = |number: &i64| {
                let (n, unit) = (number.unsigned_abs(), unit.unsigned_abs());
                let sign = if *number < 0 { "-" } else { "" };
                match n % unit {
                    0 => format!("{sign}{}", n / unit),
                    rest => format!("{sign}{}.{rest:0>width$}", n / unit, width = scale as usize),
                }
            };
            let short: Vec<i64> = numbers.iter().map(|number| number % 1_000_000_000_000).collect();
            let decimals: Vec<String> = short.iter().map(decimal).collect();
            let field = format!("int64 value (DECIMAL(18,{scale}));");
            same::<Int64Type>(&field, &short, &decimals, false)?;
            let wide: Vec<ByteArray> = short
                .iter()
                .map(|number| number.to_be_bytes().to_vec().into())
                .collect();
            let field = format!("binary value (DECIMAL(18,{scale}));");
            same::<ByteArrayType>(&field, &wide, &decimals, false)?;
            // Times, and the same of the old form.
            let of = |at: &i64| Timestamp::from_nanosecond((*at).into()).unwrap().to_string();
            let zoned: Vec<String> = nanoseconds.iter().map(of).collect();
            let naive: Vec<String> =
                zoned.iter().map(|text| text.trim_end_matches('Z').to_owned()).collect();
            let field = |utc| format!("int64 value (TIMESTAMP(NANOS,{utc}));");
            same::<Int64Type>(&field(true), &nanoseconds, &zoned, true)?;
            same::<Int64Type>(&field(false), &nanoseconds, &naive, true)?;
            let day = 86_400_000_000_000;
            let julian = |at: &i64| {
                int96((at % day).try_into().unwrap(), u32::try_from(at / day).unwrap() + 2_440_588)
            };
            let old: Vec<Int96> = nanoseconds.iter().map(julian).collect();
            same::<Int96Type>("int96 value;", &old, &naive, true)?;
            let days: Vec<i32> =
                nanoseconds.iter().map(|at| i32::try_from(at / day).unwrap()).collect();
            let of = |text: &String| text.get(..10).unwrap().to_owned();
            let dates: Vec<String> = zoned.iter().map(of).collect();
            same::<Int32Type>("int32 value (DATE);", &days, &dates, true)?;
            let bytes: Vec<ByteArray> = texts.iter().map(|text| text.as_str().into()).collect();
            same::<ByteArrayType>("binary value;", &bytes, &texts, true)?;
            same::<ByteArrayType>("binary value (STRING);", &bytes, &texts, true)?;
        }

        /// A decimal of any bytes has a text or a fault, and no panic.
        #[test]
        fn decimals_of_any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            scale in 0_usize..=SCALE_MAX,
            keep in any::<bool>(),
        ) {
            let mut text = String::new();
            let want = Want { list: false, keep_decimals: keep };
            let read = super::bytes(&bytes, Kind::Decimal { scale }, want, &mut text);
            if read.is_ok() {
                let digits = text.bytes().filter(u8::is_ascii_digit).count();
                prop_assert!((1..=40).contains(&digits), "{}", text);
            }
        }

        /// A number of JSON has its own digits in its text.
        #[test]
        fn numbers_of_json_keep_their_digits(
            written in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
            keep in any::<bool>(),
        ) {
            let digits = |text: &str| -> String {
                text.chars().filter(char::is_ascii_digit).collect()
            };
            let text = json_number(&written, keep);
            prop_assert!(digits(&written).starts_with(&digits(&text)), "{} {}", written, text);
            if keep && written != "-0" {
                prop_assert_eq!(digits(&written), digits(&text));
            }
        }
    }
}
