//! Texts for people in two languages: same messages, words of the glossary, typography.
//!
//! Files lie in pairs under `report/texts/en` and `report/texts/fr`. Every message has a user in
//! the code or in another message, and every id that the code names has a message. Whether the
//! sentences say the same thing is for a reader to judge.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser::parse;

use crate::source::Source;

/// Checks all texts, which come as path and content, and their use in the code.
pub(super) fn texts(files: &[(String, String)], sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut languages: BTreeMap<&str, BTreeMap<String, Message>> = BTreeMap::new();
    for (path, text) in files {
        let Some((language, _)) = path.strip_prefix(PLACE).and_then(|rest| rest.split_once('/'))
        else {
            findings.push(format!("{path}: texts lie under {PLACE}LANGUAGE/"));
            continue;
        };
        let messages = languages.entry(language).or_default();
        for message in read(path, text, &mut findings) {
            findings.extend(style(language, &message));
            if let Some(other) = messages.insert(message.id.clone(), message) {
                findings.push(format!("{path}: {} stands in {} too", other.id, other.path));
            }
        }
    }
    let empty = BTreeMap::new();
    let [english, french] = ["en", "fr"].map(|name| languages.get(name).unwrap_or(&empty));
    findings.extend(pairs(english, french));
    findings.extend(used(english, sources));
    findings
}

/// A message, or an attribute of one, in one language.
struct Message {
    /// `id`, or `id.attribute`.
    id: String,
    path: String,
    /// Variables, without those that every message has.
    variables: BTreeSet<String>,
    /// Other messages it holds, as `id` or `id.attribute`.
    refers: BTreeSet<String>,
    /// The text and its variants, a placeable shown as [`HOLE`].
    texts: Vec<String>,
}

/// The messages of a file.
fn read(path: &str, text: &str, findings: &mut Vec<String>) -> Vec<Message> {
    let resource = match parse(text) {
        Ok(resource) => resource,
        Err((resource, errors)) => {
            for error in errors {
                let line = text[..error.pos.start.min(text.len())].matches('\n').count() + 1;
                findings.push(format!("{path}:{line}: {}", error.kind));
            }
            resource
        }
    };
    let mut found = Vec::new();
    for entry in &resource.body {
        let (id, value, attributes) = match entry {
            Entry::Message(one) => (one.id.name.to_owned(), one.value.as_ref(), &one.attributes),
            Entry::Term(one) => (format!("-{}", one.id.name), Some(&one.value), &one.attributes),
            _ => continue,
        };
        let own = value.map(|value| (id.clone(), value));
        let attributes = attributes.iter().map(|one| (format!("{id}.{}", one.id.name), &one.value));
        for (id, pattern) in own.into_iter().chain(attributes) {
            let mut message = Message {
                id,
                path: path.to_owned(),
                variables: BTreeSet::new(),
                refers: BTreeSet::new(),
                texts: Vec::new(),
            };
            message.add(pattern);
            found.push(message);
        }
    }
    found
}

impl Message {
    fn add(&mut self, pattern: &Pattern<&str>) {
        let mut text = String::new();
        for element in &pattern.elements {
            match element {
                PatternElement::TextElement { value } => text.push_str(value),
                PatternElement::Placeable { expression } => {
                    match expression {
                        Expression::Inline(InlineExpression::StringLiteral { value }) => {
                            text.push_str(value);
                        }
                        _ => text.push(HOLE),
                    }
                    self.expression(expression);
                }
            }
        }
        self.texts.push(text);
    }

    fn expression(&mut self, expression: &Expression<&str>) {
        match expression {
            Expression::Inline(inline) => self.inline(inline),
            Expression::Select { selector, variants } => {
                self.inline(selector);
                variants.iter().for_each(|variant| self.add(&variant.value));
            }
        }
    }

    fn inline(&mut self, inline: &InlineExpression<&str>) {
        match inline {
            InlineExpression::VariableReference { id } => {
                // A count selects in one language and is only shown in the other.
                let name = id.name.strip_suffix("_text").unwrap_or(id.name);
                if !ALWAYS_THERE.contains(&name) && !self.id.starts_with('-') {
                    self.variables.insert(name.to_owned());
                }
            }
            InlineExpression::MessageReference { id, attribute } => {
                let attribute = attribute.as_ref().map(|one| format!(".{}", one.name));
                self.refers.insert(format!("{}{}", id.name, attribute.unwrap_or_default()));
            }
            InlineExpression::Placeable { expression } => self.expression(expression),
            _ => {}
        }
    }
}

/// Messages of one language alone, and variables of one language alone.
fn pairs(english: &BTreeMap<String, Message>, french: &BTreeMap<String, Message>) -> Vec<String> {
    let mut findings = Vec::new();
    for (one, other, name) in [(english, french, "French"), (french, english, "English")] {
        // A term belongs to the grammar of its language.
        for (id, message) in one.iter().filter(|(id, _)| !id.starts_with('-')) {
            let Some(twin) = other.get(id) else {
                findings.push(format!("{}: {id} is missing in {name}", message.path));
                continue;
            };
            for variable in message.variables.difference(&twin.variables) {
                findings.push(format!("{}: {id} has no ${variable} in {name}", message.path));
            }
        }
    }
    findings
}

/// Messages that nothing uses, and ids that have no message.
fn used(messages: &BTreeMap<String, Message>, sources: &[Source]) -> Vec<String> {
    if messages.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let (mut named, mut families) = (BTreeSet::new(), BTreeSet::new());
    for source in sources.iter().filter(|source| source.room().is_some_and(|room| room != "xtask"))
    {
        for literal in source.literals() {
            let text = literal.text.as_str();
            named.insert(text);
            // `format!("exit-{status}")` names a family.
            if let Some((family, _)) = text.split_once('{')
                && family.len() > 2
                && family.ends_with('-')
                && family.chars().all(of_an_id)
            {
                families.insert(family);
            }
            if source.before(literal).ends_with("Text::new(") && !messages.contains_key(text) {
                let (path, line) = (&source.path, literal.line);
                findings.push(format!("{path}:{line}: there is no text `{text}`"));
            }
        }
    }
    let referred: BTreeSet<&str> =
        messages.values().flat_map(|one| &one.refers).map(String::as_str).collect();
    for (id, message) in messages.iter().filter(|(id, _)| !id.starts_with('-')) {
        let (own, attribute) = match id.split_once('.') {
            Some((own, attribute)) => (own, Some(attribute)),
            None => (id.as_str(), None),
        };
        let by_family = families.iter().any(|family| own.starts_with(family));
        let mut found = referred.contains(id.as_str()) || named.contains(own) || by_family;
        if let Some(attribute) = attribute {
            found &= named.contains(attribute) || referred.contains(id.as_str());
        }
        // Somebody may use an attribute of a message alone.
        let whole = || referred.iter().any(|one| one.split('.').next() == Some(own));
        found |= attribute.is_none() && whole();
        if !found {
            findings.push(format!("{}: nothing uses {id}", message.path));
        }
    }
    for message in messages.values() {
        for other in message.refers.iter().filter(|other| !messages.contains_key(*other)) {
            let Message { path, id, .. } = message;
            findings.push(format!("{path}: {id} holds {other}, which does not exist"));
        }
    }
    findings
}

fn of_an_id(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// Faults of words and signs.
fn style(language: &str, message: &Message) -> Vec<String> {
    let mut findings = Vec::new();
    let Message { path, id, .. } = message;
    let forbidden = if language == "fr" { NEVER_FRENCH } else { NEVER_ENGLISH };
    for text in &message.texts {
        let plain = without_code(text);
        let lower = plain.to_lowercase();
        for (word, say) in forbidden.iter().filter(|(word, _)| stands_in(&lower, word)) {
            findings.push(format!("{path}: {id}: `{word}`; say {say}"));
        }
        let alone = lower.replace("active match rate", "").replace("file match rate", "");
        if language == "en" && alone.contains("match rate") {
            findings.push(format!("{path}: {id}: `match rate` alone; say which one"));
        }
        if language == "fr" {
            findings.extend(signs(&plain).into_iter().map(|sign| format!("{path}: {id}: {sign}")));
        }
    }
    findings
}

/// The text without what stands between backticks or quotation marks; their places stay visible.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 0 {
            out.push_str(part);
        } else {
            out.push(HOLE);
        }
    }
    out
}

/// True if the word stands in the text, not inside a longer word; `*` at its end lets it go on.
fn stands_in(text: &str, word: &str) -> bool {
    let (stem, open) = word.strip_suffix('*').map_or((word, false), |stem| (stem, true));
    text.match_indices(stem).any(|(start, _)| {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let after = &text[start + stem.len()..];
        let cryptography = stem.starts_with("crypt") && after.starts_with("ograph");
        !letter(text[..start].chars().next_back())
            && (open || !letter(after.chars().next()))
            && !cryptography
    })
}

/// Signs of French that are written as in ASCII.
fn signs(text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let after = chars.get(at + 1).copied();
        let ends = after.is_none_or(char::is_whitespace);
        let wrong = match c {
            '\'' => Some("an ASCII apostrophe; write ’"),
            '"' => Some("ASCII quotation marks; write « »"),
            ':' if ends && before.is_some_and(|c| c != NBSP) => Some("no U+00A0 before `:`"),
            ';' | '!' | '?' | '%' if before.is_some_and(|c| c != NARROW) => {
                Some("no U+202F before `;`, `!`, `?` or `%`")
            }
            '«' if after != Some(NBSP) => Some("no U+00A0 after «"),
            '»' if before != Some(NBSP) => Some("no U+00A0 before »"),
            ' ' if between_digits(&chars, at) => Some("thousands apart by a blank; write U+202F"),
            ' ' if text_before(&chars, at, "art.") => Some("no U+00A0 in `art. 21`"),
            NBSP | NARROW if before == Some(' ') || after == Some(' ') => Some("two blanks"),
            _ => None,
        };
        findings.extend(wrong.map(str::to_owned));
    }
    findings
}

fn between_digits(chars: &[char], at: usize) -> bool {
    let digit = |index: usize| chars.get(index).is_some_and(char::is_ascii_digit);
    at > 0 && digit(at - 1) && (1..=3).all(|offset| digit(at + offset))
}

fn text_before(chars: &[char], at: usize, word: &str) -> bool {
    let count = word.chars().count();
    at >= count
        && chars[at - count..at].iter().copied().eq(word.chars())
        && chars.get(at + 1).is_some_and(char::is_ascii_digit)
}

/// Directory of the texts.
const PLACE: &str = "report/texts/";

/// Character in place of a placeable or a piece of code.
const HOLE: char = '\u{FFFC}';

/// Blanks that break no line: the full one, and the narrow one.
const NBSP: char = '\u{A0}';
const NARROW: char = '\u{202F}';

/// Variables that every message has.
const ALWAYS_THERE: &[&str] = &["own", "peer"];

/// Words that say the wrong thing, and what to say; a star lets a word go on.
const NEVER_ENGLISH: &[(&str, &str)] = &[
    (concat!("anonym", "*"), "pseudonymised"),
    ("encrypted element*", "blinded element"),
    ("encrypted digest*", "hashed digest"),
    ("unsubscribe*", "objection"),
    ("consent flag*", "consent evidence"),
    (concat!("hit ", "rate*"), "active match rate or file match rate"),
    ("please", "what to do"),
    ("sorry", "what happened"),
    ("guaranteed", "what was checked"),
    ("we", "this node"),
    ("our", "this node's"),
];

/// The same for French.
const NEVER_FRENCH: &[(&str, &str)] = &[
    (concat!("anonym", "*"), "pseudonymisé"),
    ("crypté*", "masqué, haché, ou chiffré pour le stockage et le canal"),
    ("cryptage*", "masquage, hachage ou chiffrement"),
    ("taux de match", "taux de correspondance actif ou du fichier"),
    ("utilisateur*", "fiche"),
    ("contrôleur*", "responsable"),
    ("processeur*", "sous-traitant"),
    ("liste de suppression", "liste d’exclusion ou repoussoir"),
    ("désinscription*", "opposition"),
    ("case cochée", "preuve du consentement"),
    ("hash", "étiquette ou empreinte"),
    ("token*", "étiquette"),
    ("jeton*", "étiquette"),
    ("empreinte digitale", "identification par les caractéristiques de l’appareil"),
    ("courriel*", "e-mail"),
    ("gdpr", "RGPD"),
    ("veuillez", "l’impératif seul"),
    ("désolé*", "les faits"),
    ("sécurisé*", "ce qui a été contrôlé"),
    ("garanti*", "ce qui a été contrôlé"),
    ("conforme au rgpd", "ce qui a été contrôlé"),
    ("nous", "ce nœud"),
    ("notre", "de ce nœud"),
    ("je", "ce nœud"),
    ("(e)s", "un accord par variantes"),
    ("(s)", "un accord par variantes"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(english: &str, french: &str, code: &str) -> Vec<String> {
        let files = [("en", english), ("fr", french)]
            .map(|(language, text)| (format!("{PLACE}{language}/a.ftl"), text.to_owned()));
        texts(&files, &[Source::new("store/src/a.rs".to_owned(), code.to_owned())])
    }

    const CODE: &str = "fn f() {\n    Text::new(\"a\").with(\"n\", 1);\n    g(\"note\");\n}\n";

    #[test]
    fn matching_texts_pass() {
        let english = "a = { $n ->\n    [one] { $n_text } row of { $path }: { b }\n   \
                       *[other] { $n_text } rows of { $path }: { b }\n }\n    \
                       .note = it's `a: b`\nb = b\n";
        let french = "a = { $n ->\n    [one] { $n_text } fiche\u{A0}: { $path }, { b }\n   \
                      *[other] { $n_text } fiches\u{202F}; { $path }, { b }\n }\n    \
                      .note = l’«\u{A0}un\u{A0}» `a: b`\nb = b\n";
        assert_eq!(found(english, french, CODE), Vec::<String>::new());
    }

    #[test]
    fn what_one_language_lacks_is_found() {
        assert_eq!(found("a = x\n", "", CODE).len(), 1);
        assert_eq!(found("", "a = x\n", CODE).len(), 1);
        assert_eq!(found("a = { $n }\n", "a = x\n", CODE).len(), 1);
        assert_eq!(found("a = x\n", "a = { $own } { $n }\n", CODE).len(), 1);
        assert_eq!(found("a = x\n    .note = y\n", "a = x\n", CODE).len(), 1);
        assert_eq!(found("a = {\n", "a = x\n", CODE).len(), 2);
    }

    #[test]
    fn every_id_has_a_text_and_a_user() {
        let same = |text: &str, code: &str| found(text, text, code);
        assert_eq!(same("a = x\nb = y\n", CODE).len(), 1);
        assert_eq!(same("a = { b }\nb = y\n", CODE).len(), 0);
        assert_eq!(same("a = { c }\n", CODE).len(), 1);
        assert_eq!(same("b = x\n", "fn f() { Text::new(\"b\"); Text::new(\"c\"); }").len(), 1);
        assert_eq!(same("exit-65 = x\n", "fn f() { g(format!(\"exit-{n}\")) }").len(), 0);
        assert_eq!(same("a = x\n    .other = y\n", CODE).len(), 1);
    }

    #[test]
    fn words_and_signs_are_held_to_the_glossary() {
        let french = |text: &str| found("a = x\n", &format!("a = {text}\n"), CODE).len();
        for good in
            ["12\u{202F}%", "1\u{202F}200", "cryptographie", "a\u{A0}: b", "14:30", "art.\u{A0}21"]
        {
            assert_eq!(french(good), 0, "{good}");
        }
        for bad in [
            "l'un",
            "a : b",
            "a ; b",
            "12 %",
            "1 200 fiches",
            "crypté",
            "art. 21",
            "«a»",
            "votre jeton",
        ] {
            assert!(french(bad) > 0, "{bad}");
        }
        let english = |text: &str| found(&format!("a = {text}\n"), "a = x\n", CODE).len();
        assert_eq!(english("the match rate"), 1);
        assert_eq!(english("the active match rate of `please`"), 0);
        assert_eq!(english("Please repeat"), 1);
    }
}
