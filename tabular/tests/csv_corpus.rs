//! A corpus of small input files, each with its expected class [D1..D5].
//!
//! A sound file gives its number of rows; a refused one gives the id of its first error and
//! the line that the error names (0 where it is of the whole file). The same table checks that
//! no message repeats a field, and that every error says what to try.

use report::Diagnose;
use tabular::{CsvOptions, CsvReader, Delimiter, Encoding, InputError};

use Class::{Refused, Rows};
use Delimiter::{Comma, Semicolon, Tab};
use Encoding::{Iso8859_1, Iso8859_15, Utf8, Utf16, Utf16Be, Utf16Le, Windows1252};

#[test]
fn every_file_of_the_corpus_has_its_class() {
    for (name, encoding, delimiter, bytes, expected) in CORPUS {
        let options =
            CsvOptions { encoding: *encoding, delimiter: *delimiter, open_last_line: true };
        assert_eq!(class(bytes, options), *expected, "{name}");
    }
}

#[test]
fn corpus_is_large_enough_and_names_are_distinct() {
    let mut names: Vec<&str> = CORPUS.iter().map(|case| case.0).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CORPUS.len());
    assert!(names.len() >= 60);
}

#[test]
fn errors_say_what_to_try_and_never_repeat_a_field() {
    for (name, encoding, delimiter, bytes, _) in CORPUS {
        let options =
            CsvOptions { encoding: *encoding, delimiter: *delimiter, open_last_line: true };
        let Err(error) = read(bytes, options) else {
            continue;
        };
        let advice = error.text().attribute("try").to_string();
        let printed = [error.to_string(), advice, format!("{error:?}")];
        for text in printed {
            assert!(!text.is_empty() && !text.contains('\n'), "{name}");
            assert!(!text.contains("canary"), "{name}: a field in {text}");
        }
    }
}

/// Row order, line ends, quoting and column order are no part of the content [D4].
#[test]
fn same_content_reads_the_same_in_every_spelling() {
    let spellings: [&[u8]; 8] = [
        b"id,x\n1,a\n2,b\n",
        b"id,x\r\n1,a\r\n2,b\r\n",
        b"id,x\r1,a\r2,b\r",
        b"id,x\n1,a\r\n2,b\r",
        b"id,x\n1,a\n2,b",
        b"id,x\n1,a\n2,b\n\n\r\n  \n",
        b"\"id\",\"x\"\n\"1\",\"a\"\n\"2\",\"b\"\n",
        b"\xEF\xBB\xBFx,id\na,1\nb,2\n",
    ];
    for bytes in spellings {
        let mut reader = CsvReader::new(bytes, open()).unwrap();
        let (id, x) = (reader.column("id").unwrap(), reader.column("x").unwrap());
        let mut rows = Vec::new();
        while let Some(record) = reader.next_record().unwrap() {
            let field = |column| record.get(column).unwrap().to_owned();
            rows.push((field(id), field(x)));
        }
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(rows, [pair("1", "a"), pair("2", "b")]);
    }
}

/// A file whose rows are sound, but for the end of its last line, is refused with that line.
#[test]
fn a_file_that_may_be_cut_is_refused_unless_that_is_allowed() {
    let mut refused = 0;
    for (name, encoding, delimiter, bytes, expected) in CORPUS {
        let options =
            CsvOptions { encoding: *encoding, delimiter: *delimiter, ..CsvOptions::default() };
        // Half of a line end in UTF-16 is zero.
        let last = bytes.iter().rfind(|byte| **byte != 0);
        let ends = matches!(last, Some(b'\n' | b'\r'));
        match class(bytes, options) {
            Refused("open-last-line", _) => {
                assert!(!ends, "{name} {expected:?}");
                refused += 1;
            }
            other => assert_eq!(other, *expected, "{name}"),
        }
    }
    assert!(refused >= 2, "{refused}");
}

fn open() -> CsvOptions {
    CsvOptions { open_last_line: true, ..CsvOptions::default() }
}

#[derive(Debug, PartialEq, Eq)]
enum Class {
    Rows(usize),
    Refused(&'static str, u64),
}

fn class(bytes: &[u8], options: CsvOptions) -> Class {
    match read(bytes, options) {
        Ok(rows) => Rows(rows),
        Err(error) => {
            let id = error.id().strip_prefix("input-").unwrap();
            Refused(id, error.line().unwrap_or(0))
        }
    }
}

fn read(bytes: &[u8], options: CsvOptions) -> Result<usize, InputError> {
    let mut reader = CsvReader::new(bytes, options)?;
    reader.column("id")?;
    let mut rows = 0;
    while reader.next_record()?.is_some() {
        rows += 1;
    }
    Ok(rows)
}

type Case = (&'static str, Encoding, Delimiter, &'static [u8], Class);

static CORPUS: &[Case] = &[
    // Sound files.
    ("plain", Utf8, Comma, b"id,x\n1,a\n2,b\n", Rows(2)),
    ("header only", Utf8, Comma, b"id,x\n", Rows(0)),
    ("header only, no line end", Utf8, Comma, b"id,x", Rows(0)),
    ("one column", Utf8, Comma, b"id\n1\n2\n", Rows(2)),
    ("empty fields", Utf8, Comma, b"id,x,y\n1,,\n,,\n", Rows(2)),
    ("spaces around names", Utf8, Comma, b" x ,\tid \na,1\n", Rows(1)),
    ("quoted header", Utf8, Comma, b"\"id\",\"x, y\"\n1,a\n", Rows(1)),
    ("line end in a quoted header", Utf8, Comma, b"id,\"x\ny\"\n1,a\n", Rows(1)),
    ("CRLF", Utf8, Comma, b"id,x\r\n1,a\r\n", Rows(1)),
    ("CR", Utf8, Comma, b"id,x\r1,a\r", Rows(1)),
    ("mixed line ends", Utf8, Comma, b"id,x\r\n1,a\n2,b\r3,c\n", Rows(3)),
    ("no final line end", Utf8, Comma, b"id,x\n1,a", Rows(1)),
    ("quote at the very end", Utf8, Comma, b"id,x\n1,\"a\"", Rows(1)),
    ("blank tail lines", Utf8, Comma, b"id,x\n1,a\n\n\r\n\n", Rows(1)),
    ("blank lines in the middle", Utf8, Comma, b"id,x\n\n1,a\n\n2,b\n", Rows(2)),
    ("blank lines before the header", Utf8, Comma, b"\n\r\nid,x\n1,a\n", Rows(1)),
    ("tail line of spaces", Utf8, Comma, b"id,x\n1,a\n   \n", Rows(1)),
    ("quoted line ends", Utf8, Comma, b"id,x\n1,\"a\nb\r\nc\rd\"\n2,e\n", Rows(2)),
    ("quoted delimiter", Utf8, Comma, b"id,x\n1,\"a,b\"\n", Rows(1)),
    ("doubled quotes", Utf8, Comma, b"id,x\n1,\"a \"\"b\"\" c\"\n2,\"\"\"\"\n", Rows(2)),
    ("empty quoted field", Utf8, Comma, b"id\n\"\"\n", Rows(1)),
    ("byte-order mark", Utf8, Comma, b"\xEF\xBB\xBFid,x\n1,a\n", Rows(1)),
    ("mark before a quote", Utf8, Comma, b"\xEF\xBB\xBF\"id\",x\n1,a\n", Rows(1)),
    ("accents", Utf8, Comma, "id,prénom\n1,Élodie\n".as_bytes(), Rows(1)),
    ("semicolon, declared", Utf8, Semicolon, b"id;x\n1;a,b\n", Rows(1)),
    ("tab, declared", Utf8, Tab, b"id\tx\n1\ta;b\n", Rows(1)),
    ("formula in a field", Utf8, Comma, b"id,x\n1,=cmd|'/c calc'!A0\n", Rows(1)),
    ("zeros at the front", Utf8, Comma, b"id,x\n00123,0612\n", Rows(1)),
    ("windows-1252, declared", Windows1252, Comma, b"id,x\n1,Fran\xE7ois \x80\n", Rows(1)),
    ("latin-1, declared", Iso8859_1, Semicolon, b"id;x\n1;Fran\xE7ois\n", Rows(1)),
    ("latin-9, declared", Iso8859_15, Comma, b"id,x\n1,\xA4\xBD\n", Rows(1)),
    ("utf-16 LE with mark, declared", Utf16, Comma, b"\xFF\xFEi\0d\0\n\0\xE9\0\n\0", Rows(1)),
    ("utf-16 BE with mark, declared", Utf16, Comma, b"\xFE\xFF\0i\0d\0\n\0\xE9\0\n", Rows(1)),
    ("utf-16 LE without mark, declared", Utf16Le, Comma, b"i\0d\0\r\0\n\x001\0", Rows(1)),
    ("utf-16 BE without mark, declared", Utf16Be, Comma, b"\0i\0d\0\n\x001", Rows(1)),
    // The whole file.
    ("empty", Utf8, Comma, b"", Refused("empty", 0)),
    ("mark only", Utf8, Comma, b"\xEF\xBB\xBF", Refused("empty", 0)),
    ("blank lines only", Utf8, Comma, b"\n\r\n\r\n", Refused("empty", 0)),
    ("undeclared utf-16 LE", Utf8, Comma, b"\xFF\xFEi\0d\0\n\x001\0", Refused("wrong-encoding", 0)),
    ("undeclared utf-16 BE", Utf8, Comma, b"\xFE\xFF\0i\0d\0\n", Refused("wrong-encoding", 0)),
    ("utf-16 without mark", Utf8, Comma, b"i\0d\0,\0x\0\n\0", Refused("wrong-encoding", 0)),
    ("utf-32", Utf8, Comma, b"\xFF\xFE\0\0i\0\0\0d\0\0\0", Refused("wrong-encoding", 0)),
    ("utf-16 declared, no mark", Utf16, Comma, b"i\0d\0\n\0", Refused("wrong-encoding", 0)),
    (
        "utf-16 declared, utf-8 found",
        Utf16,
        Comma,
        b"\xEF\xBB\xBFid\n",
        Refused("wrong-encoding", 0),
    ),
    (
        "latin-1 declared, utf-8 marked",
        Iso8859_1,
        Comma,
        b"\xEF\xBB\xBFid\n",
        Refused("wrong-encoding", 0),
    ),
    ("workbook", Utf8, Comma, b"PK\x03\x04\x14\0\x06\0", Refused("not-text", 0)),
    ("old workbook", Utf8, Comma, b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Refused("not-text", 0)),
    ("gzip", Utf8, Comma, b"\x1F\x8B\x08\0\0\0\0\0", Refused("not-text", 0)),
    ("parquet", Utf8, Comma, b"PAR1\x15\x04\x15", Refused("not-text", 0)),
    // The header.
    ("semicolons, undeclared", Utf8, Comma, b"id;x\n1;a\n", Refused("wrong-delimiter", 0)),
    ("tabs, undeclared", Utf8, Comma, b"id\tx\n1\ta\n", Refused("wrong-delimiter", 0)),
    ("commas, semicolon declared", Utf8, Semicolon, b"id,x\n1,a\n", Refused("wrong-delimiter", 0)),
    ("vertical bars", Utf8, Comma, b"id|x\n1|a\n", Refused("wrong-delimiter", 0)),
    ("separator line", Utf8, Comma, b"sep=;\nid;x\n1;a\n", Refused("separator-line", 0)),
    ("separator line, declared", Utf8, Semicolon, b"sep=;\nid;x\n", Refused("separator-line", 0)),
    ("no header, addresses", Utf8, Comma, b"1,canary@x.fr\n2,b\n", Refused("header-is-data", 0)),
    ("no header, numbers", Utf8, Comma, b"C1,01 99 00 12 34\n", Refused("header-is-data", 0)),
    ("missing column", Utf8, Comma, b"identifier,x\n1,a\n", Refused("missing-column", 0)),
    ("column in another case", Utf8, Comma, b"ID,x\n1,a\n", Refused("missing-column", 0)),
    ("duplicate column", Utf8, Comma, b"id,x,x\n1,a,b\n", Refused("duplicate-column", 0)),
    (
        "duplicate after trimming",
        Utf8,
        Comma,
        b"id,x,\" x\"\n1,a,b\n",
        Refused("duplicate-column", 0),
    ),
    ("unnamed last column", Utf8, Comma, b"id,x,\n1,a,\n", Refused("unnamed-column", 0)),
    ("latin-1 header", Utf8, Comma, b"id,pr\xE9nom\n1,a\n", Refused("invalid-encoding", 1)),
    ("open quote in the header", Utf8, Comma, b"id,\"x\n1,a\n", Refused("unclosed-quote", 1)),
    // Rows.
    ("row too short", Utf8, Comma, b"id,x\n1,a\n2\n", Refused("ragged", 3)),
    ("row too long", Utf8, Comma, b"id,x\n1,a\n2,canary,c\n", Refused("ragged", 3)),
    (
        "ragged after quoted line ends",
        Utf8,
        Comma,
        b"id,x\n1,\"a\n\nb\"\n2\n",
        Refused("ragged", 5),
    ),
    (
        "undeclared latin-1",
        Utf8,
        Comma,
        b"id,x\n1,a\n2,Fran\xE7ois\n",
        Refused("invalid-encoding", 3),
    ),
    (
        "undefined byte of 1252",
        Windows1252,
        Comma,
        b"id,x\n1,\x81\n",
        Refused("invalid-encoding", 2),
    ),
    (
        "half a surrogate pair",
        Utf16Le,
        Comma,
        b"i\0d\0\n\0\0\xD8\n\0",
        Refused("invalid-encoding", 2),
    ),
    ("cut utf-8", Utf8, Comma, b"id,x\n1,a\xC3\n", Refused("invalid-encoding", 2)),
    ("surrogate in utf-8", Utf8, Comma, b"id,x\n1,\xED\xA0\x80\n", Refused("invalid-encoding", 2)),
    ("overlong utf-8", Utf8, Comma, b"id,x\n1,\xC0\xAF\n", Refused("invalid-encoding", 2)),
    ("NUL in a field", Utf8, Comma, b"id,x\n1,a\n2,b\0c\n", Refused("nul-byte", 3)),
    ("NUL in quotes", Utf8, Comma, b"id,x\n1,\"a\n\0\"\n", Refused("nul-byte", 3)),
    ("NUL tail", Utf8, Comma, b"id,x\n1,a\n\0\0\0", Refused("nul-byte", 3)),
    ("stray quote in a field", Utf8, Comma, b"id,x\n1,12\" canary\n", Refused("stray-quote", 2)),
    ("space before a quote", Utf8, Comma, b"id,x\n1, \"a\"\n", Refused("stray-quote", 2)),
    ("text after a quote", Utf8, Comma, b"id,x\n1,\"a\"canary\n", Refused("text-after-quote", 2)),
    ("space after a quote", Utf8, Comma, b"id,x\n1,\"a\" \n", Refused("text-after-quote", 2)),
    ("backslash for a quote", Utf8, Comma, b"id,x\n1,\"a\\\"b\"\n", Refused("text-after-quote", 2)),
    (
        "open quote at the end",
        Utf8,
        Comma,
        b"id,x\n1,a\n2,\"canary\n3,c\n",
        Refused("unclosed-quote", 3),
    ),
    (
        "quote closed by the next one",
        Utf8,
        Comma,
        b"id,x\n1,\"a\n2,\"b\"\n",
        Refused("text-after-quote", 3),
    ),
    ("lone quote", Utf8, Comma, b"id,x\n1,\"", Refused("unclosed-quote", 2)),
    ("quote in a tab file", Utf8, Tab, b"id\tx\n1\ta\"b\n", Refused("stray-quote", 2)),
    ("long record", Utf8, Comma, &LONG_RECORD, Refused("record-too-long", 2)),
    ("long open quote", Utf8, Comma, &LONG_QUOTE, Refused("unclosed-quote", 2)),
    ("long sound records", Utf8, Comma, &LONG_SOUND, Rows(2)),
];

/// One record over the cap of 64 KiB.
static LONG_RECORD: [u8; 70_000] = filled(b"id,x\n1,", b'c', 0);

/// An open quote, then nothing but short lines.
static LONG_QUOTE: [u8; 70_000] = filled(b"id,x\n1,\"", b'\n', 0);

/// Two records just under the cap.
static LONG_SOUND: [u8; 131_000] = filled(b"id,x\n1,", b'c', 65_500);

/// A file that begins with `start` and goes on with one byte, or with two records of it.
const fn filled<const SIZE: usize>(start: &[u8], byte: u8, second_at: usize) -> [u8; SIZE] {
    let mut file = [byte; SIZE];
    let mut position = 0;
    while position < start.len() {
        file[position] = start[position];
        position += 1;
    }
    if second_at > 0 {
        file[second_at] = b'\n';
        file[second_at + 1] = b'2';
        file[second_at + 2] = b',';
    }
    file
}
