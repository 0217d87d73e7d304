//! The map of a command, and what is told of it.

use std::path::Path;
use std::sync::Arc;

use report::{Arg, Failure, Text, shown};
use tabular::{Holds, Input, InputFile, Schema, parts};

use crate::choose::own_names;
use crate::digest::MapDigest;
use crate::error::{ChoiceError, MapError};
use crate::file::Map;

/// The map that a command reads files by, or none.
#[derive(Debug)]
pub struct MapOfCommand(Option<Map>);

impl MapOfCommand {
    /// Reads the map at `path`, if one is named, and holds it against the pinned digest.
    ///
    /// # Errors
    ///
    /// [`MapError`]: faults, open questions, another map than the pinned one, or none where one is
    /// pinned.
    pub fn open(
        path: Option<&Path>,
        pinned: Option<[u8; 32]>,
        schema: &'static Schema,
    ) -> Result<Self, MapError> {
        let pinned = pinned.map(MapDigest::from);
        let Some(path) = path else {
            return match pinned {
                None => Ok(Self(None)),
                Some(pinned) => Err(MapError::Unnamed { pinned: pinned.to_string() }),
            };
        };
        let map = Map::read(path, schema)?;
        if let Some(pinned) = pinned.filter(|pinned| *pinned != map.digest()) {
            let digests = Box::new([map.digest(), pinned].map(|digest| digest.to_string()));
            return Err(MapError::OtherDigest { path: path.to_path_buf(), digests });
        }
        Ok(Self(Some(map)))
    }

    /// The inputs of a run. A directory is read by the section that its own name or tag has, and is
    /// its part files.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the first file that no section fits, or more than one, and of a directory
    /// that is no table.
    pub fn inputs(&self, files: &[InputFile]) -> Result<Vec<Input>, Failure> {
        let chosen = match &self.0 {
            Some(map) => map.for_files(files)?,
            None => own_names(files),
        };
        let mut inputs = Vec::new();
        for Input { file, reading } in chosen {
            let part = |file| Input { file, reading: Arc::clone(&reading) };
            inputs.extend(parts::expand(&[file])?.into_iter().map(part));
        }
        Ok(inputs)
    }

    /// A file with its reading.
    ///
    /// # Errors
    ///
    /// [`ChoiceError`] if no section of the map fits, or more than one.
    pub fn input(&self, file: &InputFile) -> Result<Input, ChoiceError> {
        let reading = match &self.0 {
            Some(map) => Arc::clone(&map.choose(file)?.reading),
            None => Arc::default(),
        };
        Ok(Input { file: file.clone(), reading })
    }

    /// Digest of the map, if there is one.
    #[must_use]
    pub fn digest(&self) -> Option<MapDigest> {
        self.0.as_ref().map(Map::digest)
    }

    /// The map for a person: its digest in short, and the columns that its consent is from.
    #[must_use]
    pub fn told(&self, schema: &Schema) -> Option<Text> {
        let map = self.0.as_ref()?;
        let consent = schema.columns.iter().position(|column| column.holds == Holds::Purposes);
        let fields = map.inputs.iter().filter_map(|input| input.reading.fields.as_ref());
        let sources = fields.filter_map(|fields| Some(&fields.get(&consent?)?.source));
        let mut columns: Vec<&str> =
            sources.flat_map(|source| source.columns()).map(String::as_str).collect();
        columns.dedup();
        let digest = Arg::Word(map.digest().short());
        if columns.is_empty() {
            return Some(Text::new("map-used").with("digest", digest));
        }
        let names = columns.iter().map(|name| Text::new("map-name").with("name", shown(name)));
        let text = Text::new("map-used-for-consent").with("digest", digest);
        Some(text.with("columns", Arg::List(names.collect())))
    }
}
