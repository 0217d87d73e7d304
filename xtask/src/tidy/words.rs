//! Words and lines of everything that people write.

/// Rules for everything that people write in a language with comments.
pub(super) fn every_text(path: &str, text: &str) -> Vec<String> {
    let script = path.starts_with(".ci/");
    let comment = match path.rsplit_once('.') {
        Some((_, "rs")) => "//",
        Some((_, "toml" | "yml" | "py")) => "#",
        _ if script => "#",
        _ => return Vec::new(),
    };
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in UNFINISHED {
            if line.contains(word) {
                findings.push(format!("{path}:{}: `{word}`", index + 1));
            }
        }
        if is_banner(line, comment) {
            findings.push(format!("{path}:{}: a banner instead of a sentence", index + 1));
        }
    }
    findings
}

/// True if a comment line draws a line.
fn is_banner(line: &str, comment: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix(comment) else {
        return false;
    };
    let rest = rest.trim_start_matches(['/', '!']).trim();
    let full = line.trim().len() >= 6 && line.trim().chars().all(|c| c == '/' || c == '#');
    let drawn = rest.chars().next().is_some_and(|first| {
        BANNERS.contains(first) && rest.chars().take_while(|c| *c == first).count() >= 4
    });
    full || drawn
}

/// Rules on words for a document; quotations, code, and tables may name what not to say.
pub(super) fn document(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        if start.starts_with("```") {
            fenced = !fenced;
        }
        if fenced || start.starts_with('|') || start.starts_with('>') {
            continue;
        }
        let plain = unquoted(line, &[('`', '`'), ('"', '"'), ('“', '”'), ('«', '»')]);
        findings.extend(words(path, index + 1, &plain));
    }
    findings
}

/// Words that say the wrong thing.
pub(super) fn words(path: &str, number: usize, line: &str) -> Vec<String> {
    let line = line.to_lowercase();
    let found = FORBIDDEN.iter().filter(|(word, _)| line.contains(word));
    found.map(|(word, say)| format!("{path}:{number}: `{word}`; say {say}")).collect()
}

/// The line without what stands between such pairs.
pub(super) fn unquoted(line: &str, pairs: &[(char, char)]) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((at, close)) = rest.char_indices().find_map(|(at, c)| {
        pairs.iter().find(|(open, _)| *open == c).map(|(_, close)| (at, *close))
    }) {
        let (before, quoted) = rest.split_at(at);
        out.push_str(before);
        let mut inner = quoted.chars();
        let open = inner.next();
        match inner.as_str().split_once(close) {
            Some((_, after)) => rest = after,
            None => {
                out.extend(open);
                rest = inner.as_str();
            }
        }
    }
    out.push_str(rest);
    out
}

/// Spelt so that this file does not hold them itself.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
];

/// Characters that banners are drawn with.
const BANNERS: &str = "-=*~_#─═";

/// Words of the glossary that mean something else here, and what to say instead.
pub(super) const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("anonym", "ous"), "pseudonymised, or what is meant"),
    (concat!("anonym", "ise"), "pseudonymised"),
    (concat!("anonym", "ize"), "pseudonymised"),
    (concat!("re-en", "crypt"), "evaluate"),
    (concat!("hit ", "rate"), "active match rate or file match rate"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banners_are_found_and_headings_are_not() {
        for line in ["// ------", "//////////", "# ==== Group ====", "    //! *****"] {
            assert!(is_banner(line, if line.starts_with('#') { "#" } else { "//" }), "{line}");
        }
        for line in ["/// # Errors", "/// | --- | --- |", "// a - b", "let x = 4; // ok", "//"] {
            assert!(!is_banner(line, "//"), "{line}");
        }
    }

    #[test]
    fn words_are_found_outside_quotations_and_tables() {
        let (word, _) = FORBIDDEN[0];
        assert_eq!(document("a.md", &format!("The result is {word}.\n")).len(), 1);
        assert_eq!(document("a.md", &format!("Never say \"{word}\" or `{word}`.\n")).len(), 0);
        assert_eq!(document("a.md", &format!("| never say | {word} |\n> {word}\n")).len(), 0);
        assert_eq!(document("a.md", &format!("```\n{word}\n```\n{word}\n")).len(), 1);
    }

    #[test]
    fn unfinished_work_is_found() {
        let later = format!("// {} later\n", UNFINISHED[0]);
        assert_eq!(every_text("node/src/a.rs", &later).len(), 1);
        assert_eq!(every_text("README.md", &later).len(), 0);
    }
}
