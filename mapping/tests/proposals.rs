//! Proposals for exports of every preset: what is settled, what is asked, what is written.

use std::path::{Path, PathBuf};

use mapping::dialogue::{Person, ask};
use mapping::draft::{Draft, Side, Slot, Source};
use mapping::look::Look;
use mapping::propose;
use report::{Lang, Reader, Text};
use tabular::InputFile;

fn export(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/interop/exports").join(name)
}

fn draft(names: &[&str], side: Side) -> Draft {
    let look = |name: &&str| Look::at(&InputFile::new(&export(name)), None).unwrap();
    let looks: Vec<Look> = names.iter().map(look).collect();
    propose(&looks, side, None)
}

fn questions(draft: &Draft, lang: Lang) -> Vec<String> {
    let reader = Reader { lang, ..Reader::LOG };
    draft.questions().iter().map(|question| draft.words(question).0.render(&reader)).collect()
}

const KLAVIYO: &str = "klaviyo-2026-11-30.csv";
const CRM: &str = "crm_20261130.csv";

/// Somebody who types these lines.
struct Typist {
    lines: std::vec::IntoIter<&'static str>,
    seen: Vec<String>,
    reader: Reader,
}

impl Typist {
    fn new(lines: &[&'static str], lang: Lang) -> Self {
        let lines: Vec<&'static str> = lines.to_vec();
        let lines = lines.into_iter();
        Self { lines, seen: Vec::new(), reader: Reader { lang, ..Reader::LOG } }
    }
}

impl Person for Typist {
    fn show(&mut self, line: &Text) {
        self.seen.push(line.render(&self.reader));
    }

    fn answer(&mut self) -> Option<String> {
        self.lines.next().map(str::to_owned)
    }
}

#[test]
fn every_preset_is_recognised_and_asks_little() {
    for (name, preset, open) in [
        (KLAVIYO, "Klaviyo", 3),
        ("shopify_customers.csv", "Shopify", 3),
        ("shopify_admin.csv", "Shopify", 5),
        ("subscribed_email_audience_export_4f3a2b1c9d.csv", "Mailchimp", 4),
        ("hubspot-crm-exports-all-contacts-2026-11-30.csv", "HubSpot", 4),
        ("Contact.csv", "Salesforce", 2),
        ("splio_contacts_20261130.csv", "Splio", 4),
        (CRM, "crm-fr", 3),
    ] {
        let draft = draft(&[name], Side::Advertiser);
        assert_eq!(draft.sections[0].preset, Some(preset), "{name}");
        assert_eq!(draft.open(), open, "{name}: {:#?}", questions(&draft, Lang::En));
        // Whatever the preset, nobody is held to have agreed to anything.
        assert_eq!(draft.sections[0].statement, Some(Slot::Open), "{name}");
        let consent = draft.sections[0].field("consent_purposes").unwrap();
        let decided = consent.values.iter().any(|value| value.ours != Slot::Open)
            || matches!(consent.source, Source::Constant(Slot::Settled(_)));
        assert!(!decided, "{name}: {consent:?}");
    }
}

#[test]
fn text_of_a_proposal_is_toml_with_its_questions_above_the_marks() {
    let text = draft(&[CRM], Side::Advertiser).write(&Reader::LOG);
    let table: toml::Table = toml::from_str(&text).unwrap();
    let input = &table["input"][0];
    assert_eq!(table["map"].as_integer(), Some(1));
    assert_eq!(input["encoding"].as_str(), Some("windows-1252"));
    assert_eq!(input["delimiter"].as_str(), Some(";"));
    assert_eq!(input["zone"].as_str(), Some("?"));
    assert_eq!(input["files"][0].as_str(), Some("crm_*.csv"));
    let fields = &input["fields"];
    assert_eq!(fields["email"].as_array().map(Vec::len), Some(3), "the fourth is always empty");
    assert_eq!(fields["consent_at"]["dates"].as_str(), Some("%d/%m/%Y"));
    assert_eq!(fields["consent_purposes"]["values"]["OUI"].as_str(), Some("?"));
    assert_eq!(fields["objections"]["values"]["OUI"][0].as_str(), Some("all"));
    assert!(text.contains("# Always empty, so not mapped: `E-mail 4`."), "{text}");
    assert!(text.contains("# In the file: `NON` in 10 rows, `OUI` in 30 rows."), "{text}");
    assert!(text.lines().all(|line| !line.starts_with('#') || line.chars().count() <= 100));
    let marks = text.lines().filter(|line| line.contains("\"?\"")).count();
    assert_eq!(marks, 3, "zone, statement, values");
}

#[test]
fn questions_are_those_of_the_design_in_both_languages() {
    let draft = draft(&[CRM], Side::Advertiser);
    assert_eq!(
        questions(&draft, Lang::En),
        [
            "`Optin partenaires` looks like consent to receive e-mail. That is not consent to \
             matching for advertising (ads.match). Which text did these people accept, and does it \
             name that use? One sentence, kept in the map; without it these rows are not used.",
            "What does each value of `Optin partenaires` mean? 1 agreed, 2 not agreed, 3 objects \
             to all use",
            "Times without a zone: by which place's clock?",
        ]
    );
    let french = questions(&draft, Lang::Fr);
    let french: Vec<String> =
        french.iter().map(|text| text.replace(['\u{202F}', '\u{A0}'], " ")).collect();
    assert_eq!(
        french,
        [
            "`Optin partenaires` ressemble à un accord pour recevoir des e-mails. Ce n’est pas un \
             consentement à la mise en correspondance publicitaire (ads.match). Quel texte a été \
             accepté, et nomme-t-il cet usage ? Une phrase, gardée dans le fichier ; sans elle, \
             ces fiches ne servent pas.",
            "Que signifie chaque valeur de `Optin partenaires` ? 1 accord, 2 pas d’accord, 3 \
             opposition à tout usage",
            "Les heures sans fuseau sont celles de quel lieu ?",
        ]
    );
}

#[test]
fn answers_at_a_terminal_settle_the_map() {
    let mut draft = draft(&[KLAVIYO], Side::Advertiser);
    let mut typist = Typist::new(
        &["yes", "Box 'partner advertising', names matching.", "2", "4", "1", "3", "N-2026-02"],
        Lang::En,
    );
    ask(&mut draft, &mut typist);
    assert_eq!(draft.open(), 0, "{:?}", typist.seen);
    let seen = typist.seen.join("\n");
    assert!(seen.contains("a sentence of three words or more"), "a mere yes is no answer: {seen}");
    assert!(seen.contains("Question 1 of 3: `Email Marketing Consent` looks like"), "{seen}");
    assert!(seen.contains("`SUBSCRIBED` (18 rows):"), "{seen}");
    let table: toml::Table = toml::from_str(&draft.write(&Reader::LOG)).unwrap();
    let input = &table["input"][0];
    assert_eq!(input["statement"].as_str(), Some("Box 'partner advertising', names matching."));
    let values = |field: &str, value: &str| {
        let list = input["fields"][field]["values"][value].as_array().unwrap();
        list.iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values("consent_purposes", "SUBSCRIBED"), ["ads.match"]);
    assert!(values("consent_purposes", "UNSUBSCRIBED").is_empty());
    assert_eq!(values("objections", "UNSUBSCRIBED"), ["all"]);
    assert!(values("objections", "NEVER_SUBSCRIBED").is_empty());
    assert_eq!(input["fields"]["consent_notice"]["const"].as_str(), Some("N-2026-02"));
}

#[test]
fn dialogue_is_held_in_french_too() {
    let mut draft = draft(&[CRM], Side::Advertiser);
    let lines = ["Case « partenaires », mention MI-2026-02.", "2", "1", "Europe/Paris"];
    let mut typist = Typist::new(&lines, Lang::Fr);
    ask(&mut draft, &mut typist);
    assert_eq!(draft.open(), 0, "{:?}", typist.seen);
    let seen = typist.seen.join("\n").replace(['\u{202F}', '\u{A0}'], " ");
    assert!(seen.contains("Question 3 sur 3 : Les heures sans fuseau"), "{seen}");
    assert!(seen.contains("`OUI` (30 fiches) :"), "{seen}");
    let text = draft.write(&Reader { lang: Lang::Fr, ..Reader::LOG });
    assert!(text.contains("# Toujours vides, donc non affectées"), "{text}");
    assert!(text.contains("zone = \"Europe/Paris\""), "{text}");
}

#[test]
fn an_empty_answer_and_the_end_of_typing_leave_questions_open() {
    let mut asked = draft(&[CRM], Side::Advertiser);
    ask(&mut asked, &mut Typist::new(&["", "2", "1", "Europe/Paris"], Lang::En));
    assert_eq!(questions(&asked, Lang::En).len(), 1);
    let mut ended = draft(&[CRM], Side::Advertiser);
    ask(&mut ended, &mut Typist::new(&[], Lang::En));
    assert_eq!(ended.open(), 3);
    let text = ended.write(&Reader::LOG);
    assert_eq!(text, draft(&[CRM], Side::Advertiser).write(&Reader::LOG));
}

#[test]
fn objections_without_a_column_are_told_in_words() {
    let mut draft = draft(&["splio_contacts_20261130.csv"], Side::Advertiser);
    let lines = [
        "Box for partners, text MI-2026-02.",
        "2",
        "1",
        "no such column",
        "Objectors are taken out nightly.",
        "Europe/Paris",
    ];
    ask(&mut draft, &mut Typist::new(&lines, Lang::En));
    let section = &draft.sections[0];
    // Three words are an answer, and no column has that name.
    let said = "Box for partners, text MI-2026-02. no such column";
    assert_eq!(section.statement, Some(Slot::Settled(said.to_owned())));
    assert!(section.field("objections").is_none());
}

#[test]
fn a_column_of_no_objection_asks_for_objections() {
    let mut draft = draft(&[KLAVIYO], Side::Advertiser);
    let lines = ["Box for partners, text N-2026-02.", "2", "1", "2", "Email Suppressions", ""];
    let mut typist = Typist::new(&lines, Lang::En);
    ask(&mut draft, &mut typist);
    let seen = typist.seen.join("\n");
    assert!(seen.contains("Which column holds objections? If none:"), "{seen}");
}

/// Such a person would be left out, but not what others share with them.
#[test]
fn no_value_objects_where_objections_are_read_from_another_column() {
    let mut draft = draft(&[CRM], Side::Advertiser);
    let column = |name: &str| draft.sections[0].field(name).unwrap().source.clone();
    assert_eq!(column("consent_purposes"), Source::Column("Optin partenaires".to_owned()));
    assert_eq!(column("objections"), Source::Column("Opposition".to_owned()));
    let asked = draft.questions().into_iter().find(|one| !draft.values_of(one).is_empty());
    let question = asked.unwrap();
    let why = draft.answer_value(&question, "NON", "3").unwrap_err().0.to_string();
    assert!(why.contains("read from `Opposition` alone"), "{why}");
    assert_eq!(draft.values_of(&question).len(), 2, "nothing is settled");
    draft.answer_value(&question, "NON", "2").unwrap();
    assert_eq!(draft.values_of(&question).len(), 1);
}

#[test]
fn two_tools_give_two_sections_and_one_question_between_them() {
    let draft = draft(&[KLAVIYO, CRM], Side::Advertiser);
    let asked = questions(&draft, Lang::En);
    assert!(
        asked.contains(&"Do `klaviyo` and `crm-fr` number customers alike?".to_owned()),
        "{asked:#?}"
    );
    let mut alike = draft.clone();
    let question = alike
        .questions()
        .into_iter()
        .find(|question| alike.words(question).0.id() == "map-question-alike");
    let question = question.unwrap();
    alike.answer(&question, "y").unwrap();
    assert_eq!(alike.sections[1].row_prefix, None);
    let mut other = draft;
    assert!(other.answer(&question, "perhaps").is_err());
    other.answer(&question, "non").unwrap();
    assert_eq!(other.sections[1].row_prefix, Some(Slot::Settled("crm-fr:".to_owned())));
}

#[test]
fn a_graph_of_own_columns_is_mapped_to_its_fields() {
    let draft = draft(&["graph_links.csv"], Side::Provider);
    let text = draft.write(&Reader::LOG);
    let table: toml::Table = toml::from_str(&text).unwrap();
    let fields = &table["input"][0]["fields"];
    for (field, column) in [
        ("person_ref", "person_id"),
        ("persona_ref", "person_id"),
        ("email", "email"),
        ("phone", "telephone"),
        ("id_value", "cookie_id"),
        ("id_namespace", "domain"),
        ("day", "event_time"),
        ("class", "device_type"),
    ] {
        assert_eq!(fields[field].as_str(), Some(column), "{text}");
    }
    let values = &fields["evidence"]["values"];
    assert_eq!((values["login"].as_str(), values["order"].as_str()), (Some("login"), Some("?")));
    assert_eq!(questions(&draft, Lang::En).len(), 2, "{text}");
}
