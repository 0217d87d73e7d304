//! Errors of this crate, told by their English sentences.

use report::{Arg, Code, Diagnose, Text};

use crate::{InputError, SourceError};

impl Diagnose for SourceError {
    fn code(&self) -> Code {
        match self {
            Self::Input { source: InputError::Empty, .. } => Code::InputAbsent,
            Self::Input { .. } => Code::InputForm,
            Self::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Code::InputAbsent
            }
            Self::Open { .. } => Code::Storage,
            Self::Mapping(_) => Code::DigestsUndeclared,
        }
    }

    fn text(&self) -> Text {
        Text::new("inline").with("what", Arg::Word(self.to_string()))
    }

    fn advice(&self) -> Option<Text> {
        let advice = match self {
            Self::Input { source, .. } => source.try_this(),
            Self::Open { .. } => "name a file that exists and that you may read".into(),
            Self::Mapping(_) => {
                "write `[columns]` as ours = \"yours\", for example `email = \"MAIL\"`".into()
            }
        };
        Some(Text::new("inline").with("what", Arg::Word(advice)))
    }
}
