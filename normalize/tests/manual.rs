//! `docs/reference/reasons.md` and its French twin are the codes and their texts.
//!
//! `VEILMATCH_WRITE_REFERENCE=1 cargo test -p veilmatch-normalize --test manual` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use normalize::{ABSENT, Reason, Repair, Warning};
use report::{Lang, Reader, Text};

/// A page: language, file, head, and the names of its tables.
struct Page {
    lang: Lang,
    file: &'static str,
    head: &'static str,
    reasons: [&'static str; 2],
    warnings: [&'static str; 2],
    repairs: [&'static str; 2],
}

const ENGLISH: Page = Page {
    lang: Lang::En,
    file: "reasons.md",
    head: "\
# Reason codes

In [French](reasons.fr.md).

Codes by which `check`, `--rejects`, `normalize` and JSON say why a value or a row is not used. A
value has one code, the first that applies; the rules are in
[normalization](../../spec/normalization.md). To see the words beside your own values, give the
column to `advertiser-node normalize`.

This page is compared with the texts of the programs by a test, and written anew by
`VEILMATCH_WRITE_REFERENCE=1 cargo test -p veilmatch-normalize --test manual`.
",
    reasons: ["Values and rows that are not used", "| code | fact | what to do |"],
    warnings: ["Warnings: the value is used", "| code | fact |"],
    repairs: ["Repairs: the value was mended and is used", "| code | fact |"],
};

const FRENCH: Page = Page {
    lang: Lang::Fr,
    file: "reasons.fr.md",
    head: "\
# Codes de motif

En [anglais](reasons.md).

Les codes par lesquels `check`, `--rejects`, `normalize` et les fichiers JSON disent pourquoi une
valeur ou une fiche n’est pas utilisée. Une valeur a un seul code, le premier qui
s’applique\u{202F}; les règles sont dans [normalization](../../spec/normalization.md), en
anglais. Pour voir ces mots à côté de vos propres valeurs, donnez la colonne à
`advertiser-node normalize`.

Un test compare cette page aux textes des programmes\u{202F};
`VEILMATCH_WRITE_REFERENCE=1 cargo test -p veilmatch-normalize --test manual` l’écrit de nouveau.
",
    reasons: ["Valeurs et fiches qui ne sont pas utilisées", "| code | fait | à faire |"],
    warnings: ["Avertissements\u{A0}: la valeur est utilisée", "| code | fait |"],
    repairs: ["Réparations\u{A0}: la valeur corrigée est utilisée", "| code | fait |"],
};

#[test]
fn pages_of_reasons_are_the_texts_of_the_programs() {
    for page in [ENGLISH, FRENCH] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(page.file);
        let written = page.written();
        if std::env::var_os("VEILMATCH_WRITE_REFERENCE").is_some() {
            std::fs::write(&path, &written).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        for (number, (is, should)) in kept.lines().zip(written.lines()).enumerate() {
            assert_eq!(is, should, "line {} of {}", number + 1, page.file);
        }
        assert_eq!(kept.lines().count(), written.lines().count(), "{}", page.file);
    }
}

impl Page {
    fn written(&self) -> String {
        let mut page = self.head.to_owned();
        let absent = (ABSENT, Text::named(format!("reason-{ABSENT}")));
        let reasons = Reason::ALL.map(|reason| (reason.code(), reason.text()));
        self.table(&mut page, self.reasons, [absent].into_iter().chain(reasons), true);
        let warnings = Warning::ALL.map(|warning| (warning.code(), warning.text()));
        self.table(&mut page, self.warnings, warnings, false);
        let repairs = Repair::ALL.map(|repair| (repair.code(), repair.text()));
        self.table(&mut page, self.repairs, repairs, false);
        page
    }

    fn table(
        &self,
        page: &mut String,
        [title, head]: [&str; 2],
        rows: impl IntoIterator<Item = (&'static str, Text)>,
        advice: bool,
    ) {
        let rule = "---|".repeat(head.matches('|').count() - 1);
        let _ = write!(page, "\n## {title}\n\n{head}\n|{rule}\n");
        for (code, text) in rows {
            let _ = write!(page, "| `{code}` | {} |", self.words(&text));
            if advice {
                let _ = write!(page, " {} |", self.words(&text.attribute("try")));
            }
            page.push('\n');
        }
    }

    fn words(&self, text: &Text) -> String {
        text.render(&Reader { lang: self.lang, ..Reader::LOG }).replace('|', "\\|")
    }
}
