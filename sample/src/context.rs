//! Errors that say what was being done, and to which file.

use std::fmt::Display;
use std::path::Path;

/// Adds to an error what was being done, and to what.
pub trait Context<T> {
    /// Prefixes the error with `doing` and the path.
    ///
    /// # Errors
    ///
    /// The error that was there, as text.
    fn at(self, doing: &str, path: &Path) -> Result<T, String>;
}

impl<T, E: Display> Context<T> for Result<T, E> {
    fn at(self, doing: &str, path: &Path) -> Result<T, String> {
        self.map_err(|error| format!("cannot {doing} {}: {error}", path.display()))
    }
}
