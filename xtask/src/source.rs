//! Rust source seen by lines: what is code, what is a test, and how long functions are.
//!
//! Not a parser. Comments are blanked and the insides of literals filled, so that words and
//! braces found afterwards are code; that is enough for rules about words, lengths, and places.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// One file.
pub(crate) struct Source {
    /// Path from the workspace's root, with forward slashes.
    pub(crate) path: String,
    /// The file as it is.
    pub(crate) text: String,
    /// The same lines with comments blanked and literals filled.
    masked: String,
    /// Per line: whether it belongs to a test.
    test: Vec<bool>,
    /// Modules that exist in tests only and live in files of their own.
    test_modules: Vec<String>,
    /// The quoted texts, in order.
    literals: Vec<Literal>,
}

/// A quoted text outside comments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// The line it begins on, from 1.
    pub(crate) line: usize,
    /// Byte of the masked text at which it begins.
    pub(crate) start: usize,
    /// The text between the quotation marks, escapes as they stand.
    pub(crate) text: String,
}

/// A function outside tests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Name of the function.
    pub(crate) name: String,
    /// First line, from 1.
    pub(crate) line: usize,
    /// Lines from `fn` to the closing brace.
    pub(crate) lines: usize,
    /// True if a trait asks for it.
    pub(crate) of_trait: bool,
}

impl Source {
    /// Reads the text of a file.
    pub(crate) fn new(path: String, text: String) -> Self {
        let (masked, literals) = mask(&text);
        let (ranges, test_modules) = test_items(&masked);
        let whole = path.split('/').any(|part| matches!(part, "tests" | "benches" | "tests.rs"));
        let mut test = vec![whole; text.lines().count()];
        for lines in ranges {
            let last = lines.end.min(test.len());
            test[lines.start.min(last)..last].fill(true);
        }
        Self { path, text, masked, test, test_modules, literals }
    }

    /// The files of modules that exist in tests only.
    pub(crate) fn test_files(&self) -> Vec<String> {
        let file = PathBuf::from(&self.path);
        let parent = file.parent().unwrap_or(Path::new("")).to_path_buf();
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let own = match stem.as_str() {
            "lib" | "main" | "mod" => parent,
            _ => parent.join(stem),
        };
        let mut files = Vec::new();
        for module in &self.test_modules {
            for name in [format!("{module}.rs"), format!("{module}/mod.rs")] {
                files.push(own.join(name).to_string_lossy().into_owned());
            }
        }
        files
    }

    /// Declares the whole file to be a test.
    pub(crate) fn set_test(&mut self) {
        self.test.fill(true);
    }

    /// Lines outside tests with their numbers from 1, as code only.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.all_code().filter(|(number, _)| !self.test[number - 1])
    }

    /// All lines with their numbers from 1, as code only.
    pub(crate) fn all_code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.masked.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The crate's directory, if the file is part of a crate's own code.
    pub(crate) fn room(&self) -> Option<&str> {
        self.path.split_once("/src/").map(|(room, _)| room)
    }

    /// Doc comments outside tests: the number of their first line, and what stands on it.
    pub(crate) fn doc_comments(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut before = None;
        self.text.lines().enumerate().filter_map(move |(index, line)| {
            let marked = |marker| line.trim_start().strip_prefix(marker).map(|rest| (marker, rest));
            let found = marked("//!").or_else(|| marked("///")).filter(|(_, rest)| {
                // Four slashes are a plain comment.
                !rest.starts_with('/')
            });
            let first = found.filter(|(marker, _)| before != Some(*marker));
            before = found.map(|(marker, _)| marker);
            let (_, rest) = first?;
            (!self.test[index]).then(|| (index + 1, rest.trim()))
        })
    }

    /// Quoted texts outside tests.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &Literal> {
        self.literals.iter().filter(|literal| !self.test[literal.line - 1])
    }

    /// All code before a quoted text.
    pub(crate) fn before(&self, literal: &Literal) -> &str {
        self.masked[..literal.start].trim_end()
    }

    /// Names of the calls, macros and attributes around a position, innermost first.
    pub(crate) fn around(&self, position: usize) -> Vec<&str> {
        let before = &self.masked[..position];
        let (mut depth, mut found) = (0_usize, Vec::new());
        for (at, c) in before.char_indices().rev() {
            match c {
                ')' | ']' | '}' => depth += 1,
                '(' | '[' | '{' if depth > 0 => depth -= 1,
                '(' | '[' => {
                    let head = before[..at].trim_end_matches('!');
                    let part = |c: char| c.is_alphanumeric() || c == '_';
                    found.push(&head[head.trim_end_matches(part).len()..]);
                }
                // A body begins: what stands before it is no call around this.
                '{' | ';' if depth == 0 => break,
                _ => {}
            }
        }
        found
    }

    /// Identifiers outside tests and imports.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = &str> {
        let mut import = false;
        let code = self.code().filter(move |(_, line)| {
            let line = line.trim();
            let begins = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "];
            import |= begins.iter().any(|begin| line.starts_with(begin));
            let kept = !import;
            import &= !line.ends_with(';');
            kept
        });
        code.flat_map(|(_, line)| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
            .filter(|word| !word.is_empty())
    }

    /// Lines that hold code outside tests.
    pub(crate) fn code_lines(&self) -> usize {
        self.code().filter(|(_, line)| !line.trim().is_empty()).count()
    }

    /// Functions with a body, outside tests.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let bytes = self.masked.as_bytes();
        let traits = trait_impls(&self.masked);
        let mut found = Vec::new();
        for start in words(&self.masked, "fn") {
            let name: String = self.masked[start + 2..]
                .trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let line = line_of(bytes, start);
            if name.is_empty() || self.test.get(line).copied().unwrap_or(false) {
                continue;
            }
            let open = item_end(bytes, start);
            if bytes.get(open) == Some(&b'{') {
                let lines = line_of(bytes, closing(bytes, open)) - line + 1;
                let of_trait = traits.iter().any(|range| range.contains(&start));
                found.push(Function { name, line: line + 1, lines, of_trait });
            }
        }
        found
    }
}

/// True if a line holds the word, not as part of a longer one.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    words(line, word).next().is_some()
}

/// Places of a word in a text.
fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).map(|(start, _)| start).filter(move |&start| {
        let end = start + word.len();
        !part(text[..start].chars().next_back()) && !part(text[end..].chars().next())
    })
}

/// Ranges of the implementations of traits.
fn trait_impls(masked: &str) -> Vec<Range<usize>> {
    let bytes = masked.as_bytes();
    let heads = words(masked, "impl").filter_map(|start| {
        let open = item_end(bytes, start);
        let head = masked.get(start..open)?;
        (bytes.get(open) == Some(&b'{') && words(head, "for").next().is_some())
            .then(|| open..closing(bytes, open))
    });
    heads.collect()
}

/// Lines of items that exist in tests only, and names of such modules in other files.
fn test_items(masked: &str) -> (Vec<Range<usize>>, Vec<String>) {
    let bytes = masked.as_bytes();
    let (mut ranges, mut modules) = (Vec::new(), Vec::new());
    for attribute in ["#[cfg(test)]", "#[cfg(all(test,", "#[cfg(any(test,", "#[test]"] {
        for (start, _) in masked.match_indices(attribute) {
            let after = closing(bytes, start + 1) + 1;
            let end = item_end(bytes, after);
            let last = if bytes.get(end) == Some(&b'{') { closing(bytes, end) } else { end };
            let item = masked.get(after..end).unwrap_or_default();
            if bytes.get(end) == Some(&b';')
                && let Some((_, name)) = item.split_once("mod ")
            {
                modules.push(name.trim().to_owned());
            }
            ranges.push(line_of(bytes, start)..line_of(bytes, last) + 1);
        }
    }
    (ranges, modules)
}

/// The brace or semicolon that ends the head of an item.
fn item_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in bytes[start.min(bytes.len())..].iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' | b';' if depth == 0 => return start + offset,
            _ => {}
        }
    }
    bytes.len()
}

/// The bracket that closes the one at `open`; the end of the text if none does.
fn closing(bytes: &[u8], open: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in bytes[open.min(bytes.len())..].iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return open + offset;
                }
            }
            _ => {}
        }
    }
    bytes.len().saturating_sub(1)
}

/// The line of a position, from 0.
fn line_of(bytes: &[u8], position: usize) -> usize {
    bytes[..position.min(bytes.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// The text with comments blanked and the insides of literals filled, and the literals; lines stay
/// where they are.
fn mask(text: &str) -> (String, Vec<Literal>) {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut literals = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let (end, kind) = token(&chars, at);
        if matches!(kind, Kind::Literal) && chars[at] != '\'' {
            let text: String = chars[at..end].iter().collect();
            let text = text.trim_start_matches(['r', '#']).trim_end_matches('#');
            let text = text.strip_prefix('"').unwrap_or(text);
            let text = text.strip_suffix('"').unwrap_or(text).to_owned();
            literals.push(Literal { line, start: out.len(), text });
        }
        for (offset, &c) in chars[at..end].iter().enumerate() {
            line += usize::from(c == '\n');
            out.push(match kind {
                _ if c == '\n' => c,
                Kind::Code => c,
                Kind::Comment => ' ',
                Kind::Literal if offset == 0 || at + offset + 1 == end => '"',
                Kind::Literal => '_',
            });
        }
        at = end;
    }
    (out, literals)
}

/// Nature of a stretch of text.
#[derive(Clone, Copy)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// The stretch that starts here, by its end.
fn token(chars: &[char], at: usize) -> (usize, Kind) {
    let next = |offset: usize| chars.get(at + offset).copied();
    match (chars[at], next(1)) {
        ('/', Some('/')) => {
            let length = chars[at..].iter().position(|c| *c == '\n');
            (length.map_or(chars.len(), |length| at + length), Kind::Comment)
        }
        ('/', Some('*')) => (comment_end(chars, at), Kind::Comment),
        ('"', _) => (quoted_end(chars, at, '"'), Kind::Literal),
        ('\'', Some('\\')) => (quoted_end(chars, at, '\''), Kind::Literal),
        ('\'', Some(_)) if next(2) == Some('\'') => (at + 3, Kind::Literal),
        ('r', Some('"' | '#')) if !continues(chars, at) => {
            raw_end(chars, at).map_or((at + 1, Kind::Code), |end| (end, Kind::Literal))
        }
        _ => (at + 1, Kind::Code),
    }
}

/// True if the `r` here ends a longer word; `br` and `cr` open raw strings too.
fn continues(chars: &[char], at: usize) -> bool {
    let before = |offset: usize| at.checked_sub(offset).map(|index| chars[index]);
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let start = if matches!(before(1), Some('b' | 'c')) { 2 } else { 1 };
    word(before(start))
}

/// The end of a block comment, which may hold others.
fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// The end of a literal with escapes.
fn quoted_end(chars: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of a raw string, if one starts here.
fn raw_end(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let ends = |at: &usize| {
        chars[*at] == '"'
            && chars.get(at + 1..=at + hashes).is_some_and(|rest| rest.iter().all(|c| *c == '#'))
    };
    Some((open + 1..chars.len()).find(ends).map_or(chars.len(), |at| at + 1 + hashes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("node/src/thing.rs".to_owned(), text.to_owned())
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let text = "let a = \"unsafe {\"; // unsafe\n/* unsafe /* } */ } */ let b = 'x';\n\
                    let c = r#\"unsafe \" \"#; let d = '\\''; fn e<'a>(x: &'a str) {}\n";
        let found = source(text);
        assert!(found.all_code().all(|(_, line)| !has_word(line, "unsafe")));
        assert_eq!(found.functions().len(), 1);
        assert_eq!(mask(text).0.lines().count(), text.lines().count());
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("unsafe { }", "unsafe"));
        assert!(!has_word("forbid(unsafe_code)", "unsafe"));
        assert!(has_word("use bincode::config;", "bincode"));
    }

    #[test]
    fn test_items_are_set_apart() {
        let text = "fn a() {\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n\
                    #[cfg(test)]\nuse x::{y, z};\nfn d() {}\n#[cfg(test)]\nmod other;\n";
        let found = source(text);
        let names: Vec<String> = found.functions().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["a", "d"]);
        assert_eq!(found.code_lines(), 4);
        assert_eq!(found.test_files(), ["node/src/thing/other.rs", "node/src/thing/other/mod.rs"]);
    }

    #[test]
    fn functions_are_measured_from_name_to_brace() {
        let text = "trait T {\n    fn declared(&self) -> [u8; 3];\n}\nfn long(\n    a: u8,\n\
                    ) -> u8\n\
                    where\n    u8: Copy,\n{\n    a\n}\nstatic F: fn(u8) -> u8 = long;\n";
        let found = source(text).functions();
        assert_eq!(
            found,
            [Function { name: "long".to_owned(), line: 4, lines: 8, of_trait: false }]
        );
    }

    #[test]
    fn doc_comments_are_found_by_their_first_lines() {
        let text = "//! A module.\n//! More.\n\n/// A thing.\n/// More.\nstruct A {\n    \
                    /// A part.\n    a: u8,\n}\n//// no\n#[cfg(test)]\nmod tests {\n    \
                    /// One.\n}\n";
        let found = source(text);
        let docs: Vec<_> = found.doc_comments().collect();
        assert_eq!(docs, [(1, "A module."), (4, "A thing."), (7, "A part.")]);
    }

    #[test]
    fn literals_know_what_stands_around_them() {
        let text = "fn f() {\n    warn!(\"one {}\", g(r#\"t\"wo\"#));\n    let c = '\"';\n    \
                    say(&[\"three\"]);\n}\n#[error(\"four\")]\nstruct E;\n";
        let found = source(text);
        let literals: Vec<_> = found
            .literals()
            .map(|one| (one.line, one.text.as_str(), found.around(one.start)))
            .collect();
        let expected: [(usize, &str, Vec<&str>); 4] = [
            (2, "one {}", vec!["warn"]),
            (2, "t\"wo", vec!["g", "warn"]),
            (4, "three", vec!["", "say"]),
            (6, "four", vec!["error", ""]),
        ];
        assert_eq!(literals, expected);
    }

    #[test]
    fn imports_and_tests_name_nothing() {
        let text = "use a::{\n    b,\n};\nfn c() { d() }\nimpl E for F { fn g() {} }\n\
                    #[cfg(test)]\nmod tests { fn h() {} }\n";
        let found = source(text);
        let names: Vec<_> = found.identifiers().collect();
        assert_eq!(names, ["fn", "c", "d", "impl", "E", "for", "F", "fn", "g"]);
        assert_eq!(found.functions().iter().filter(|one| one.of_trait).count(), 1);
    }
}
