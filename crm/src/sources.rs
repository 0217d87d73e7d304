//! Origins of rows: tags of files, or what their column `source` says.

use super::counts::{InputCounts, SourceCounts};
use tabular::is_tag;

/// The sources of one input, numbered in the order they are met.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<String>);

impl Sources {
    /// The number of a row's source: its own tag if it is one, else that of its file.
    ///
    /// A column `source` that holds something else than tags, or more of them than a report can
    /// show, is not repeated: its rows count under `other`.
    pub(super) fn of(&mut self, tag: &str, file: &str) -> u8 {
        let tag = tag.trim();
        let name = match tag {
            "" => file,
            tag if is_tag(tag) => tag,
            _ => OTHER,
        };
        self.number(name)
    }

    fn number(&mut self, name: &str) -> u8 {
        let known = self.0.iter().position(|known| known == name);
        let at = known.unwrap_or_else(|| {
            let last = self.0.len() >= SOURCES_MAX - 1;
            let name = if last { OTHER } else { name };
            match self.0.iter().position(|known| known == name) {
                Some(at) => at,
                None => {
                    self.0.push(name.to_owned());
                    self.0.len() - 1
                }
            }
        });
        u8::try_from(at).unwrap_or(u8::MAX)
    }

    /// The counts of every source in a set of them.
    pub(super) fn each(
        &self,
        set: u64,
        counts: &mut InputCounts,
        mut change: impl FnMut(&mut SourceCounts),
    ) {
        for (at, name) in self.0.iter().enumerate() {
            if set >> at & 1 == 1 {
                change(counts.sources.entry(name.clone()).or_default());
            }
        }
    }
}

/// A set of one source.
pub(super) fn set_of(source: u8) -> u64 {
    1_u64.checked_shl(source.into()).unwrap_or_default()
}

const OTHER: &str = "other";

/// Sources of one input, as many as a set has bits.
const SOURCES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_own_tag_or_that_of_its_file() {
        let mut sources = Sources::default();
        assert_eq!(sources.of("shop", "crm.csv"), 0);
        assert_eq!(sources.of("", "crm.csv"), 1);
        assert_eq!(sources.of(" shop ", "web.csv"), 0);
    }

    #[test]
    fn what_is_no_tag_is_not_repeated() {
        let mut sources = Sources::default();
        sources.of("canary@exemple.fr", "crm.csv");
        assert_eq!(sources.0, ["other"]);
    }

    #[test]
    fn sources_are_at_most_as_many_as_bits() {
        let mut sources = Sources::default();
        for at in 0..500 {
            assert!(sources.of(&format!("s{at}"), "f") < 64);
        }
        assert_eq!(sources.0.len(), 64);
        assert_eq!(sources.0.last().unwrap(), "other");
    }
}
