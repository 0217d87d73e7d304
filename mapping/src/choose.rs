//! Choice of the section of a map that a file is read by [C-02].

use std::ffi::OsStr;
use std::sync::Arc;

use tabular::{Input, InputFile, Reading};

use crate::error::ChoiceError;
use crate::file::{InputMap, Map};

impl Map {
    /// The section for a file: by its tag, else by its name; a single one fits every file.
    ///
    /// # Errors
    ///
    /// [`ChoiceError`] if no section fits, or more than one.
    pub fn choose(&self, file: &InputFile) -> Result<&InputMap, ChoiceError> {
        if let [alone] = self.inputs.as_slice() {
            return Ok(alone);
        }
        let tagged = self.inputs.iter().find(|input| input.tag.as_ref() == Some(&file.tag));
        if let Some(input) = tagged {
            return Ok(input);
        }
        let name = file.path.file_name().map_or("".into(), OsStr::to_string_lossy);
        let mut fitting = self
            .inputs
            .iter()
            .filter(|input| input.files.iter().any(|pattern| pattern.fits(&name)));
        match (fitting.next(), fitting.next()) {
            (Some(input), None) => Ok(input),
            (None, _) => Err(ChoiceError::None { file: file.shown() }),
            (Some(a), Some(b)) => {
                Err(ChoiceError::Several { file: file.shown(), lines: [a.line, b.line] })
            }
        }
    }

    /// The inputs of a run: each file with its reading, and the tag of its section unless the
    /// operator gave one.
    ///
    /// # Errors
    ///
    /// [`ChoiceError`] of the first file that no section fits, or more than one.
    pub fn for_files(&self, files: &[InputFile]) -> Result<Vec<Input>, ChoiceError> {
        let input = |file: &InputFile| {
            let section = self.choose(file)?;
            let mut file = file.clone();
            if let Some(tag) = &section.tag
                && file.tag == InputFile::new(&file.path).tag
            {
                file.tag.clone_from(tag);
            }
            Ok(Input { file, reading: Arc::clone(&section.reading) })
        };
        files.iter().map(input).collect()
    }
}

/// The inputs of a run without a map: our own names, UTF-8, commas.
#[must_use]
pub fn own_names(files: &[InputFile]) -> Vec<Input> {
    let reading = Arc::new(Reading::default());
    let input = |file: &InputFile| Input { file: file.clone(), reading: Arc::clone(&reading) };
    files.iter().map(input).collect()
}
