//! The ruleset manifest: everything two nodes must share for their digests to meet.
//!
//! A text file of a few lines: versions of Unicode and of the numbering plans, digests of the
//! data tables and of the vector files, the result of a self-test, and the options. The file
//! itself travels in the invitation; [`RulesManifest::rules_digest`] travels in the handshake.
//! Both are compared before any key material or data is touched.
//!
//! The self-test runs the normalizer over the rows of the pinned vector files whose kinds have
//! rules in this version. Rows of other kinds (names, streets, post codes, cities, advertising
//! ids) are outside it for now, and the lines `kinds` and `selftest-fields` of the manifest say
//! so; the digest of a vector file is over all its bytes. Rows of platform rulesets are never
//! part of it. Rows labelled with the ruleset are read with the lists of role mailboxes,
//! throw-away domains and placeholders off; rows labelled `crm-fr/1+lists` with the lists on.

use data_encoding::HEXLOWER;
use report::{Arg, Code, Diagnose, Text, told_in_english};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::decode::{self, UNICODE_VERSION};
use super::generic;
use super::options::{Options, Ruleset};
use super::phone::METADATA_VERSION;
use super::{Explanation, Kind, Normalizer, PhoneContext};

/// The manifest of one ruleset with its options, as this build carries it out.
///
/// Exists only after the self-test of this build has given the pinned result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesManifest {
    text: String,
    self_test_digest: [u8; 32],
}

impl RulesManifest {
    /// Runs the self-test and writes the manifest.
    ///
    /// # Errors
    /// [`ManifestError`]: this build does not carry out the rules it names, and must not run.
    /// Nobody is to blame but the build.
    pub fn build(ruleset: Ruleset, options: &Options) -> Result<Self, ManifestError> {
        if !decode::unicode_version_holds() {
            return Err(ManifestError::UnicodeVersion);
        }
        let self_test_digest = self_test_digest(ruleset)?;
        if HEXLOWER.encode(&self_test_digest) != pinned_self_test(ruleset) {
            return Err(ManifestError::SelfTest);
        }
        Ok(Self { text: text(ruleset, options), self_test_digest })
    }

    /// The bytes of the file `ruleset.manifest`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the manifest's bytes.
    #[must_use]
    pub fn ruleset_digest(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// The result of the self-test.
    #[must_use]
    pub fn self_test_digest(&self) -> [u8; 32] {
        self.self_test_digest
    }

    /// The digest that both sides send in the handshake and that the terms bind.
    #[must_use]
    pub fn rules_digest(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.ruleset_digest());
        hasher.update(self.self_test_digest);
        hasher.finalize().into()
    }

    /// Compares this manifest with a peer's, and names the first line in which they differ.
    ///
    /// `None` means the same bytes. What the peer wrote comes back escaped and capped.
    #[must_use]
    pub fn first_difference(&self, theirs: &str) -> Option<Difference> {
        if self.text == theirs {
            return None;
        }
        let mut ours = self.text.split('\n');
        let mut theirs = theirs.split('\n');
        let mut line = 0_u64;
        loop {
            line += 1;
            let (our_line, their_line) = (ours.next(), theirs.next());
            if our_line != their_line {
                let (ours, theirs) = (our_line.map(shown), their_line.map(shown));
                return Some(Difference { line, ours, theirs });
            }
            our_line?;
        }
    }
}

/// The first line in which two manifests differ: the two nodes normalize by different rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Difference {
    /// Number of the line, from 1.
    pub line: u64,
    /// The line in our manifest; `None` if ours ends before.
    pub ours: Option<String>,
    /// The line in the peer's manifest, escaped and capped; `None` if theirs ends before.
    pub theirs: Option<String>,
}

impl Diagnose for Difference {
    fn code(&self) -> Code {
        Code::Ruleset
    }

    fn text(&self) -> Text {
        let side = |line: &Option<String>| match line {
            Some(line) => Arg::from(line),
            None => Text::new("rules-no-line").into(),
        };
        Text::new("rules-differ")
            .with("line", Arg::Number(self.line))
            .with("ours", side(&self.ours))
            .with("theirs", side(&self.theirs))
    }
}

/// A build that does not carry out the rules it names, and must not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The Unicode tables of this build are not of the version the rules name.
    UnicodeVersion,
    /// A vector file of this build cannot be read.
    Vectors,
    /// The normalizer of this build does not give the pinned results.
    SelfTest,
}

impl Diagnose for ManifestError {
    fn code(&self) -> Code {
        Code::RulesBroken
    }

    fn text(&self) -> Text {
        Text::new(match self {
            Self::UnicodeVersion => "rules-unicode",
            Self::Vectors => "rules-vectors",
            Self::SelfTest => "rules-self-test",
        })
    }
}

told_in_english!(Difference, ManifestError);

/// Runs the normalizer over the pinned vectors and hashes what it gives, in file order.
///
/// Each identifier of a row adds: the row's index in its file, 4 bytes; one byte 0; the length
/// of the canonical string, 4 bytes; the string. A row that gives none adds the byte 1 with its
/// reason code or the byte 2 with the code of absence instead. Integers are big-endian. Options
/// are the defaults of the ruleset, whatever the run's are.
///
/// # Errors
/// [`ManifestError::Vectors`]; a defect of the build.
pub fn self_test_digest(ruleset: Ruleset) -> Result<[u8; 32], ManifestError> {
    let mut hasher = Sha256::new();
    for file in &VECTORS {
        let rows: Value = serde_json::from_str(file.text).map_err(|_| ManifestError::Vectors)?;
        let rows = rows.as_array().ok_or(ManifestError::Vectors)?;
        for (index, row) in rows.iter().enumerate() {
            let index = u32::try_from(index).map_err(|_| ManifestError::Vectors)?;
            if let Some(explanation) = explain_row(ruleset, row)? {
                add_row(&mut hasher, index, &explanation)?;
            }
        }
    }
    Ok(hasher.finalize().into())
}

/// Normalizes one row of a vector file; `None` if the row is not part of the self-test.
fn explain_row(ruleset: Ruleset, row: &Value) -> Result<Option<Explanation>, ManifestError> {
    let text = |field: &str| row.get(field).and_then(Value::as_str);
    let (Some(field), Some(label), Some(expect)) = (text("field"), text("ruleset"), text("expect"))
    else {
        return Err(ManifestError::Vectors);
    };
    let Some(normalizer) = normalizer_for(ruleset, label) else {
        return Ok(None);
    };
    let Some(input) = text("input").filter(|_| expect != "unknown") else {
        return Ok(None);
    };
    Ok(match field {
        "email" => Some(normalizer.explain_email(input)),
        "phone" => {
            let context = PhoneContext { country: text("country"), postcode: text("postcode") };
            Some(normalizer.explain_phone(input, &context))
        }
        _ => None,
    })
}

/// The normalizer that rows of a ruleset label are read with; `None` for other rulesets.
///
/// Conformance rows are read with the lists off, rows labelled `+lists` with the lists on.
fn normalizer_for(ruleset: Ruleset, label: &str) -> Option<Normalizer> {
    if label == LIBPHONENUMBER_FR {
        let rules = Ruleset::CrmFr1;
        return Some(Normalizer::for_vectors(rules, Options::defaults(rules)));
    }
    let options = Options::defaults(ruleset);
    if label == ruleset.name() {
        return Some(Normalizer::for_vectors(ruleset, options));
    }
    let with_lists = label.strip_suffix("+lists") == Some(ruleset.name());
    with_lists.then(|| Normalizer::new(ruleset, options))
}

fn add_row(
    hasher: &mut Sha256,
    index: u32,
    explanation: &Explanation,
) -> Result<(), ManifestError> {
    let mut add = |outcome: u8, text: &str| {
        let length = u32::try_from(text.len()).map_err(|_| ManifestError::Vectors)?;
        hasher.update(index.to_be_bytes());
        hasher.update([outcome]);
        hasher.update(length.to_be_bytes());
        hasher.update(text.as_bytes());
        Ok(())
    };
    match explanation {
        Explanation::Ok(found) => found.iter().try_for_each(|form| add(0, form.canonical())),
        Explanation::Reject(reason) => add(1, reason.code()),
        Explanation::Absent => add(2, super::ABSENT),
    }
}

/// Writes the manifest, LF line ends, lines in their fixed order.
fn text(ruleset: Ruleset, options: &Options) -> String {
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    let mut lines = vec![
        "veilmatch-ruleset 1".to_owned(),
        format!("ruleset {} code {} {}", ruleset.name(), ruleset.code(), ruleset.status()),
        format!("unicode {UNICODE_VERSION}"),
        format!("uts46 {UNICODE_VERSION} nontransitional std3 hyphens dnslength"),
        format!("libphonenumber {METADATA_VERSION}"),
        format!("kinds {}", kinds.join(" ")),
    ];
    let digest = |text: &str| HEXLOWER.encode(&Sha256::digest(text.as_bytes()));
    for table in generic::TABLES {
        lines.push(format!("table {} {}", table.name, digest(table.text)));
    }
    for file in &VECTORS {
        lines.push(format!("vectors {} {}", file.name, digest(file.text)));
    }
    lines.push("selftest-fields email phone".to_owned());
    lines.push(format!("selftest {}", pinned_self_test(ruleset)));
    for (name, value) in options.pairs() {
        lines.push(format!("option {name} {value}"));
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// A line from a manifest, safe to print.
fn shown(line: &str) -> String {
    line.chars().take(SHOWN_CHARACTERS_MAX).flat_map(char::escape_default).collect()
}

fn pinned_self_test(ruleset: Ruleset) -> &'static str {
    match ruleset {
        Ruleset::CrmFr1 => SELF_TEST_CRM_FR_1,
        Ruleset::CrmIntl1 => SELF_TEST_CRM_INTL_1,
    }
}

/// A vector file compiled into the program.
struct VectorFile {
    name: &'static str,
    text: &'static str,
}

/// The name of the manifest's file, in invitations and state directories.
pub const FILE_NAME: &str = "ruleset.manifest";

/// The label of telephone rows made with the reference library.
const LIBPHONENUMBER_FR: &str = "libphonenumber/FR";

/// Longest part of a line shown to the operator.
const SHOWN_CHARACTERS_MAX: usize = 128;

/// Results of the self-test; they change with the rules, the tables and the vectors.
const SELF_TEST_CRM_FR_1: &str = "c4eff34e8e514379f130f8e1e1470eb25c60fa10b169b74857ef5ec1a78968aa";
const SELF_TEST_CRM_INTL_1: &str =
    "5d94232d9b595c0fb30d040954f0b247828ac1a8820efcf1a68696d875c50d89";

static VECTORS: [VectorFile; 2] = [
    VectorFile { name: "normalization.json", text: include_str!("../vectors/normalization.json") },
    VectorFile { name: "email.json", text: include_str!("../vectors/email.json") },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(ruleset: Ruleset) -> RulesManifest {
        RulesManifest::build(ruleset, &Options::defaults(ruleset)).unwrap()
    }

    #[test]
    fn self_test_gives_the_pinned_result() {
        for ruleset in Ruleset::ALL {
            let digest = HEXLOWER.encode(&self_test_digest(ruleset).unwrap());
            assert_eq!(digest, pinned_self_test(ruleset), "{}", ruleset.name());
        }
    }

    #[test]
    fn lines_stand_in_their_order() {
        let manifest = manifest(Ruleset::CrmFr1);
        let words: Vec<&str> =
            manifest.text().lines().map(|line| line.split(' ').next().unwrap()).collect();
        let expected = [
            "veilmatch-ruleset",
            "ruleset",
            "unicode",
            "uts46",
            "libphonenumber",
            "kinds",
            "table",
            "table",
            "table",
            "table",
            "table",
            "table",
            "vectors",
            "vectors",
            "selftest-fields",
            "selftest",
            "option",
            "option",
            "option",
            "option",
            "option",
            "option",
        ];
        assert_eq!(words, expected);
        assert!(manifest.text().starts_with(
            "veilmatch-ruleset 1\nruleset crm-fr/1 code 1 unfrozen\nunicode 18.0.0\n"
        ));
        assert!(manifest.text().ends_with("option disposable refuse\n"));
        assert!(!manifest.text().contains('\r'));
    }

    #[test]
    fn rules_digest_covers_ruleset_and_options() {
        let french = manifest(Ruleset::CrmFr1);
        assert_eq!(french.rules_digest(), manifest(Ruleset::CrmFr1).rules_digest());
        assert_ne!(french.rules_digest(), manifest(Ruleset::CrmIntl1).rules_digest());
        let mut options = Options::defaults(Ruleset::CrmFr1);
        options.set("pad4", "on").unwrap();
        let padded = RulesManifest::build(Ruleset::CrmFr1, &options).unwrap();
        assert_ne!(french.rules_digest(), padded.rules_digest());
        assert_eq!(french.self_test_digest(), padded.self_test_digest());

        let mut expected = Sha256::new();
        expected.update(french.ruleset_digest());
        expected.update(french.self_test_digest());
        let expected: [u8; 32] = expected.finalize().into();
        assert_eq!(french.rules_digest(), expected);
    }

    #[test]
    fn first_difference_is_named() {
        let ours = manifest(Ruleset::CrmFr1);
        assert_eq!(ours.first_difference(ours.text()), None);

        let theirs = ours.text().replace("unicode 18", "unicode 17");
        let difference = ours.first_difference(&theirs).unwrap();
        assert_eq!(difference.line, 3);
        assert_eq!(difference.ours.as_deref(), Some("unicode 18.0.0"));
        assert_eq!(difference.theirs.as_deref(), Some("unicode 17.0.0"));

        let longer = format!("{}option new on\n", ours.text());
        let difference = ours.first_difference(&longer).unwrap();
        assert_eq!(difference.line, 23);
        assert_eq!(difference.theirs.as_deref(), Some("option new on"));

        let shorter = ours.first_difference("veilmatch-ruleset 1").unwrap();
        assert_eq!((shorter.line, shorter.theirs), (2, None));

        let no_final_line_end = ours.text().trim_end();
        assert!(ours.first_difference(no_final_line_end).is_some());
    }

    #[test]
    fn what_a_peer_wrote_is_escaped_and_capped() {
        let ours = manifest(Ruleset::CrmFr1);
        let hostile = format!("\u{1b}[2J{}", "x".repeat(10_000));
        let difference = ours.first_difference(&hostile).unwrap();
        let theirs = difference.theirs.unwrap();
        assert!(theirs.starts_with("\\u{1b}[2J") && theirs.len() < 160);
    }
}
