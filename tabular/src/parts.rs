//! Directories of part files, as engines write a table.
//!
//! A directory is its part files in the order of their names. Markers beside them are not data and
//! are passed over: hidden files, checksums, `_SUCCESS`, summaries of metadata. Every other file is
//! read, because one left out may be the list of those who object. Directories named `key=value`
//! are gone into; any other has to be given by its own name. The log of a table that keeps deleted
//! rows in its files, and the files of a job that has not ended, are refused.

use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use report::{Code, Text};

use crate::error::SourceError;
use crate::names::ColumnName;
use crate::source::InputFile;

/// Puts the part files of each directory in its place, under the tag that it has.
///
/// # Errors
///
/// [`SourceError`] if a directory cannot be read, has no data, or holds more than part files.
pub fn expand(inputs: &[InputFile]) -> Result<Vec<InputFile>, SourceError> {
    let mut files = Vec::new();
    for input in inputs {
        // A file that is not there is told when it is opened.
        if input.is_standard_input() || !input.path.is_dir() {
            files.push(input.clone());
            continue;
        }
        let before = files.len();
        walk(input, &input.path, 0, &mut files)?;
        if files.len() == before {
            return Err(refuse(&input.path, PartsFault::NoData));
        }
    }
    Ok(files)
}

/// Fault of a directory of part files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartsFault {
    /// Nothing in it is data.
    NoData,
    /// The job that writes it has not ended.
    Unfinished,
    /// Rows that the log of the table has deleted are in its files.
    Logged,
    /// A directory within whose name is no `key=value`.
    Directory,
    /// Directories within directories, too many for a table.
    Deep,
}

impl PartsFault {
    pub(crate) const fn code(self) -> Code {
        match self {
            Self::NoData | Self::Unfinished => Code::InputAbsent,
            Self::Logged | Self::Directory | Self::Deep => Code::InputForm,
        }
    }

    pub(crate) fn text(self) -> Text {
        Text::new(match self {
            Self::NoData => "parts-no-data",
            Self::Unfinished => "parts-unfinished",
            Self::Logged => "parts-logged",
            Self::Directory => "parts-directory",
            Self::Deep => "parts-deep",
        })
    }
}

fn refuse(directory: &Path, fault: PartsFault) -> SourceError {
    SourceError::Parts { directory: directory.to_path_buf(), fault }
}

fn walk(
    input: &InputFile,
    directory: &Path,
    depth: usize,
    files: &mut Vec<InputFile>,
) -> Result<(), SourceError> {
    if depth > DEPTH_MAX {
        return Err(refuse(directory, PartsFault::Deep));
    }
    let open = SourceError::open(directory);
    let entries: Result<Vec<DirEntry>, _> = fs::read_dir(directory).map_err(&open)?.collect();
    let mut paths: Vec<PathBuf> = entries.map_err(&open)?.iter().map(DirEntry::path).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match Nature::of(&name, path.is_dir()) {
            Nature::Marker => {}
            Nature::Fault(fault) => return Err(refuse(&path, fault)),
            Nature::Partition => walk(input, &path, depth + 1, files)?,
            Nature::Data => files.push(InputFile { path, tag: input.tag.clone() }),
        }
    }
    Ok(())
}

/// Nature of an entry of a directory of part files.
enum Nature {
    Data,
    Partition,
    Marker,
    Fault(PartsFault),
}

impl Nature {
    fn of(name: &str, is_directory: bool) -> Self {
        let marker = MARKERS.contains(&name)
            || MARKERS_BEGIN.iter().any(|start| name.starts_with(start))
            || name.ends_with(".crc");
        let unfinished = UNFINISHED_ENDS.iter().any(|end| name.ends_with(end))
            || UNFINISHED.iter().any(|part| name.contains(part));
        match (name, is_directory) {
            ("_delta_log" | ".hoodie", true) => Self::Fault(PartsFault::Logged),
            ("_temporary", true) => Self::Fault(PartsFault::Unfinished),
            (_, false) if unfinished => Self::Fault(PartsFault::Unfinished),
            _ if marker => Self::Marker,
            (name, true) if name.contains('=') => Self::Partition,
            (_, true) => Self::Fault(PartsFault::Directory),
            (_, false) => Self::Data,
        }
    }
}

/// Names of columns that stand in the names of the directories just above a file, as in
/// `day=2026-11-21/part-0.parquet`. They are not columns of the file.
pub(crate) fn partition_keys(file: &Path) -> impl Iterator<Item = ColumnName> {
    let above = file.ancestors().skip(1).map(|directory| {
        let name = directory.file_name()?.to_str()?;
        name.split_once('=').map(|(key, _)| ColumnName::new(key))
    });
    above.map_while(|key| key)
}

/// Directories within one another in the largest table.
const DEPTH_MAX: usize = 8;

/// Files beside the parts that hold no rows.
const MARKERS: [&str; 3] = ["_SUCCESS", "_metadata", "_common_metadata"];
const MARKERS_BEGIN: [&str; 3] = [".", "_started_", "_committed_"];

/// Parts of names, and ends of them, of files that are being written: copied, loaded, or kept open
/// by a stream. Without their rows the table is another one.
const UNFINISHED: [&str; 2] = [".inprogress", ".pending"];
const UNFINISHED_ENDS: [&str; 7] =
    [".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download"];

#[cfg(test)]
mod tests {
    use report::Diagnose;

    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        dir
    }

    fn expanded(dir: &Path, tag: &str) -> Result<Vec<(String, String)>, SourceError> {
        let inputs = [InputFile { path: dir.join("crm"), tag: tag.to_owned() }];
        let shown = |file: InputFile| {
            let path = file.path.strip_prefix(dir).unwrap().display().to_string();
            (path, file.tag)
        };
        Ok(expand(&inputs)?.into_iter().map(shown).collect())
    }

    #[test]
    fn a_directory_is_its_part_files_in_order_under_its_tag() {
        let dir = tree(&[
            "crm/part-00010.csv",
            "crm/part-00002.csv",
            "crm/_SUCCESS",
            "crm/._SUCCESS.crc",
            "crm/.part-00002.csv.crc",
            "crm/part-00002.csv.crc",
            "crm/_metadata",
            "crm/_common_metadata",
            "crm/_started_123",
            "crm/_committed_123",
            "crm/.hidden/part.csv",
            "crm/day=2026-11-21/part-1.csv",
            "crm/day=2026-11-21/country=FR/part-1.csv",
            "crm/_objectors.csv",
        ]);
        let paths = [
            "crm/_objectors.csv",
            "crm/day=2026-11-21/country=FR/part-1.csv",
            "crm/day=2026-11-21/part-1.csv",
            "crm/part-00002.csv",
            "crm/part-00010.csv",
        ];
        let expected = paths.map(|path| (path.to_owned(), "shop".to_owned()));
        assert_eq!(expanded(dir.path(), "shop").unwrap(), expected);
    }

    #[test]
    fn files_absent_files_and_standard_input_stay_as_they_are() {
        let dir = tree(&["crm.csv"]);
        let inputs = ["-".into(), dir.path().join("crm.csv"), dir.path().join("no.csv")];
        let inputs = inputs.map(|path: PathBuf| InputFile::new(&path));
        assert_eq!(expand(&inputs).unwrap(), inputs);
    }

    #[test]
    fn a_directory_that_is_no_table_is_refused_with_its_cause() {
        for (files, code, words) in [
            (&["crm/_SUCCESS"][..], Code::InputAbsent, "no part file"),
            (&["crm/a.csv", "crm/_temporary/0/a.csv"], Code::InputAbsent, "has not ended"),
            (&["crm/a.csv", "crm/b.csv.tmp"], Code::InputAbsent, "has not ended"),
            (&["crm/a.csv", "crm/b.csv.gz.part"], Code::InputAbsent, "has not ended"),
            (&["crm/a.csv", "crm/.part-0-1.inprogress.7f3a"], Code::InputAbsent, "has not ended"),
            (&["crm/a.csv", "crm/d=1/_part-0-1.pending"], Code::InputAbsent, "has not ended"),
            (&["crm/a.parquet", "crm/_delta_log/0.json"], Code::InputForm, "deleted rows"),
            (&["crm/a.parquet", "crm/.hoodie/x"], Code::InputForm, "deleted rows"),
            (&["crm/a.csv", "crm/archive/a.csv"], Code::InputForm, "archive"),
            (&["crm/a=1/b=1/c=1/d=1/e=1/f=1/g=1/h=1/i=1/x.csv"], Code::InputForm, "too deep"),
        ] {
            let error = expanded(tree(files).path(), "t").unwrap_err();
            assert_eq!(error.code(), code, "{files:?}");
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.advice().is_some(), "{error}");
        }
    }

    #[test]
    fn keys_of_partitions_are_those_just_above_the_file() {
        let keys = |path: &str| -> Vec<String> {
            partition_keys(Path::new(path)).map(|key| key.to_string()).collect()
        };
        assert_eq!(keys("in/x=1/crm/day=2026-11-21/country=FR/p.csv"), ["country", "day"]);
        assert_eq!(keys("crm.csv"), [""; 0]);
        assert_eq!(keys("/a=b.csv"), [""; 0]);
    }
}
