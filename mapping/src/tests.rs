use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use report::{Code, Diagnose};
use tabular::{
    Cell, Column, Dates, FieldSource, Holds, Ignore, InputFile, RowSource, Schema, Watched,
};

use super::*;

/// Fields as a CRM file has them, in short.
pub(crate) static SCHEMA: Schema = Schema {
    columns: &[
        Column::required("row_id", Holds::Name),
        Column::required("consent_purposes", Holds::Purposes),
        Column::required("consent_ref", Holds::Name),
        Column::required("consent_at", Holds::Time),
        Column::required("consent_notice", Holds::Text),
        Column::optional("objections", Holds::Objections),
        Column::optional("country", Holds::Text),
        Column::optional("postcode", Holds::Text),
        Column::optional("email", Holds::Email),
        Column::optional("email_2", Holds::Email).further(),
        Column::optional("email_sha256", Holds::EmailDigest),
        Column::optional("phone", Holds::Phone),
        Column::optional("phone_sha256", Holds::PhoneDigest),
        Column::optional("updated_at", Holds::Time),
        Column::unused("segments"),
    ],
    families: &["custom."],
    one_of: &[8, 10, 11, 12],
    program: "advertiser-node",
};

/// A map with these lines of the section, and these of its fields.
fn text(section: &str, fields: &str) -> String {
    format!(
        "map = 1\n[[input]]\n{section}\n[input.fields]\nrow_id = \"id\"\nconsent_ref = \"ref\"\n\
         consent_at = \"at\"\nconsent_notice = \"notice\"\n{fields}\n"
    )
}

const STATEMENT: &str = "statement = \"Box partners, names matching with providers. DPO.\"";
const PLAIN: &str = "email = \"mail\"\nconsent_purposes = \"consent\"";

fn parse(text: &str) -> Result<Map, MapFaults> {
    Map::parse(text, &SCHEMA)
}

fn faults(text: &str) -> Vec<String> {
    let found = parse(text).map(|_| ()).expect_err(text);
    found.faults.iter().map(|fault| fault.text().to_string()).collect()
}

/// The only fault of a map, with its remedy.
fn fault(section: &str, fields: &str) -> (String, String) {
    let found = parse(&text(section, fields)).map(|_| ()).expect_err(fields);
    assert_eq!((found.faults.len(), found.open.len()), (1, 0), "{found:?}");
    (found.faults[0].text().to_string(), found.faults[0].advice().to_string())
}

fn reading(section: &str, fields: &str) -> std::sync::Arc<tabular::Reading> {
    let map = parse(&text(section, fields)).unwrap_or_else(|faults| panic!("{faults:?}"));
    std::sync::Arc::clone(&map.inputs[0].reading)
}

fn digest(section: &str, fields: &str) -> MapDigest {
    parse(&text(section, fields)).unwrap_or_else(|faults| panic!("{faults:?}")).digest()
}

#[test]
fn every_fault_is_told_at_once_with_its_line() {
    let wrong = "map = 2\nmaps = 3\n[[input]]\ntag = \"a b\"\nencodng = \"utf-8\"\n\
        delimiter = \"::\"\nzone = \"Europe/Pariss\"\nregion = \"fr\"\nnulls = \"x\"\n\
        dates = \"%d/%m/%y\"\ndigests = { email_sha = \"plain\" }\n[input.fields]\n\
        row_id = { const = \"1\" }\nemial = \"a\"\nemail_2 = \"b\"\nconsent_at = 5\n\
        country = [\"a\", \"b\"]\nupdated_at = { column = \"u\", values = { a = \"b\" } }\n";
    let told = faults(wrong);
    let expected = [
        "`maps` is no key of a map",
        "line 1: `map` is the number of the form of this file, which is 1",
    ];
    assert!(told.iter().any(|line| line.ends_with(expected[0])), "{told:#?}");
    assert!(told.contains(&expected[1].to_owned()), "{told:#?}");
    for (line, what) in [
        (4, "is no tag"),
        (5, "`encodng` is no key of an input"),
        (6, "`delimiter` must be"),
        (7, "`Europe/Pariss` is no zone"),
        (8, "written in capitals"),
        (9, "`nulls` is a list"),
        (10, "year of two digits"),
        (11, "`email_sha` is no key of `digests`"),
        (13, "`row_id` cannot be the same in every row"),
        (14, "`emial` is no field"),
        (15, "no field `email_2`"),
        (16, "`consent_at` is a column, or a table"),
        (17, "`country` has several columns"),
        (18, "`updated_at` has no `values`"),
        (12, "`consent_ref` is missing"),
    ] {
        let start = format!("line {line}: ");
        let found = told.iter().any(|one| one.starts_with(&start) && one.contains(what));
        assert!(found, "{line} {what} {told:#?}");
    }
}

#[test]
fn a_failure_lists_faults_and_open_questions_line_by_line() {
    let faults = parse("map = 1\nx = 1\n[[input]]\nzone = \"?\"\ntag = \"!\"").unwrap_err();
    let error = MapError::faulty(std::path::Path::new("crm.map.toml"), faults);
    assert_eq!(
        error.text().to_string(),
        "crm.map.toml: 2 faults, 1 open question\n  line 2: `x` is no key of a map; delete the line\
         \n  line 5: `!` is no tag; write letters, digits, `-` and `_`, 32 at most\
         \n  line 4, open: Times without a zone: by which place's clock?"
    );
    assert_eq!((error.code(), error.code().exit().code()), (Code::Map, 78));
    let alone = parse("map = 1\n[[input]]\ntag = \"!\"").unwrap_err();
    let error = MapError::faulty(std::path::Path::new("m"), alone);
    assert_eq!(error.text().to_string(), "m, line 3: `!` is no tag");
    assert!(report::advice(&error).to_string().starts_with("write letters"));
}

#[test]
fn what_is_no_toml_is_told_and_nothing_after_it_is_judged() {
    assert_eq!(faults("map = 1\n[[input]\nx = 1\n").len(), 1);
    assert_eq!(faults("map = 1\n[[input]]\nÉTÉ = 1\nb = \n").len(), 2);
    let told = faults(&text("tag = \"a\"\ntag = \"b\"\nfoo = 1", PLAIN));
    assert_eq!(told, ["line 4: `tag` is set twice", "line 5: `foo` is no key of an input"]);
}

#[test]
fn a_map_has_a_number_and_sections() {
    assert_eq!(faults("[[input]]")[0], "the line `map = 1` is missing");
    assert_eq!(faults("map = 1"), ["no input is described"]);
    assert_eq!(faults("map = 1\ninput = []"), ["line 2: no input is described"]);
    assert_eq!(faults("map = 1\n[input]\ntag = \"a\""), ["line 2: `input` is no list of sections"]);
    assert!(parse("map = 1\n[[input]]").is_ok(), "our own names");
    for number in ["\"1\"", "2", "1.0", "true", "0x2"] {
        assert_eq!(faults(&format!("map = {number}\n[[input]]")).len(), 1, "{number}");
    }
}

#[test]
fn fields_have_every_form_that_the_grammar_has() {
    let reading = reading(
        "",
        "email = [\"a\", \"b\"]\nphone = { column = \"p\", split = \";\" }\n\
         consent_purposes = { column = \"consent\", split = \" \" }\n\
         country = { const = \"FR\" }\nsegments = { column = \"s\", split = \",\" }\n\
         updated_at = { columns = [\"d\", \"t\"], join = \" \", dates = \"%F %R\",\
         zone = \"UTC\" }\n\
         \"custom.shop\" = \"card\"",
    );
    let fields = reading.fields.as_ref().unwrap();
    let source = |name: &str| fields[&SCHEMA.find(name).unwrap()].source.clone();
    let columns = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(source("row_id"), FieldSource::Columns(columns(&["id"])));
    assert_eq!(source("email"), FieldSource::Columns(columns(&["a", "b"])));
    assert_eq!(source("country"), FieldSource::Constant("FR".into()));
    let joined = FieldSource::Joined { columns: columns(&["d", "t"]), join: " ".into() };
    assert_eq!(source("updated_at"), joined);
    let updated = &fields[&SCHEMA.find("updated_at").unwrap()];
    assert_eq!(updated.dates, Some(Dates::Pattern("%F %R".into())));
    assert_eq!(updated.zone.as_ref().unwrap().iana_name(), Some("UTC"));
    let split = |name: &str| fields[&SCHEMA.find(name).unwrap()].split.clone();
    assert_eq!([split("phone"), split("segments")], [Some(";".into()), Some(",".into())]);
    assert_eq!(reading.ignore, Ignore::Named(["card".to_owned()].into()));
}

#[test]
fn names_of_persons_and_proofs_are_read_from_the_file_or_absent() {
    for name in ["row_id", "consent_ref", "consent_at", "email", "phone", "updated_at"] {
        for form in ["const = \"1\"", "column = \"x\", values = { a = \"b\" }"] {
            let line = format!("{name} = {{ {form} }}");
            let fields = format!("{PLAIN}\n{line}");
            let fields: Vec<&str> =
                fields.lines().filter(|one| *one == line || !one.starts_with(name)).collect();
            let whole = text("", &fields.join("\n"));
            let whole: Vec<&str> = whole
                .lines()
                .filter(|one| *one == line || !one.starts_with(&format!("{name} =")))
                .collect();
            let told = faults(&whole.join("\n"));
            assert_eq!(told.len(), 1, "{told:?}");
            let expected = ["cannot be the same in every row", "has no `values`"];
            assert!(expected.iter().any(|what| told[0].contains(what)), "{told:?}");
        }
    }
}

#[test]
fn consent_by_values_or_by_constant_needs_a_statement_in_words() {
    let by_values = "email = \"mail\"\n\
        consent_purposes = { column = \"Optin\", values = { OUI = [\"ads.match\"] } }";
    let constant = "email = \"mail\"\nconsent_purposes = { const = [\"ads.match\"] }";
    for fields in [by_values, constant] {
        let (told, advice) = fault("", fields);
        assert!(told.contains("That is not consent to matching for advertising"), "{told}");
        assert!(advice.contains("data protection officer"));
        for short in ["\"n/a\"", "\"yes\"", "\"oui oui oui\"", "\"123 456 789\""] {
            assert!(fault(&format!("statement = {short}"), fields).0.contains("no sentence"));
        }
        assert!(parse(&text(STATEMENT, fields)).is_ok());
    }
    assert!(fault("", by_values).0.contains("`Optin` looks like consent"));
    let open = parse(&text("statement = \"?\"", by_values)).unwrap_err();
    assert!(open.faults.is_empty() && open.open[0].text().to_string().contains("`Optin`"));
    // A column that names purposes itself states what these people agreed to.
    assert!(parse(&text("", PLAIN)).is_ok());
}

#[test]
fn right_sides_are_purposes_and_only_objections_may_be_to_all() {
    let consent = |right: &str| {
        format!(
            "email = \"m\"\nconsent_purposes = {{ column = \"c\", values = {{ A = {right} }} }}"
        )
    };
    let objection = |right: &str| {
        format!("{PLAIN}\nobjections = {{ column = \"o\", values = {{ A = {right} }} }}")
    };
    for right in ["[]", "\"ads.match\"", "[\"ads.suppress\", \"site.personalise\"]"] {
        assert!(parse(&text(STATEMENT, &consent(right))).is_ok(), "{right}");
        assert!(parse(&text("", &objection(right))).is_ok(), "{right}");
    }
    assert!(parse(&text("", &objection("[\"all\"]"))).is_ok());
    assert!(fault(STATEMENT, &consent("\"all\"")).0.contains("nobody agrees to `all`"));
    for right in ["\"yes\"", "\"ads.remove\"", "[\"ads.match\", \"x\"]", "\"ads.match|all\""] {
        assert!(fault(STATEMENT, &consent(right)).0.contains("is no purpose"), "{right}");
        assert!(fault("", &objection(right)).0.contains("no purpose to object to"), "{right}");
    }
    for right in ["true", "1", "{ a = 1 }"] {
        assert!(fault(STATEMENT, &consent(right)).0.contains("is text in quotes"), "{right}");
    }
}

#[test]
fn values_that_fold_to_one_are_refused_and_nothing_is_no_consent() {
    let consent = |values: &str| {
        format!("email = \"m\"\nconsent_purposes = {{ column = \"c\", values = {{ {values} }} }}")
    };
    let told = fault(STATEMENT, &consent("OUI = [\"ads.match\"], \" oui \" = []")).0;
    assert!(told.contains("`oui` is listed twice"), "{told}");
    let told = fault(STATEMENT, &consent("\"ÉTÉ\" = [], \"été\" = [\"ads.match\"]")).0;
    assert!(told.contains("listed twice"), "{told}");
    for word in ["\"\"", "\"  \""] {
        let told = fault(STATEMENT, &consent(&format!("{word} = [\"ads.match\"]"))).0;
        assert!(told.contains("empty cell is absent"), "{told}");
    }
    for word in ["NULL", "\"N/A\"", "none", "\"(vide)\""] {
        let told = fault(STATEMENT, &consent(&format!("{word} = [\"ads.match\"]"))).0;
        assert!(told.contains("nothing is no consent"), "{told}");
        let map = parse(&text(STATEMENT, &consent(&format!("{word} = [], OUI = \"ads.match\""))));
        assert!(map.is_ok(), "{word}");
    }
    assert!(fault(STATEMENT, &consent("")).0.contains("`values` is empty"));
}

#[test]
fn words_for_nothing_say_nothing() {
    for word in ["OUI", "yes", "1", "x", "ads.match", "all"] {
        let told = fault(&format!("nulls = [\"{word}\"]"), PLAIN).0;
        assert!(told.contains("cannot stand for an absent value"), "{word} {told}");
    }
    let objections = "objections = { column = \"o\", values = { REFUS = [\"all\"] } }";
    let told = fault("nulls = [\" Refus\"]", &format!("{PLAIN}\n{objections}")).0;
    assert!(told.contains("`refus` stands under `nulls` and in a list of values"), "{told}");
    let reading = reading("nulls = [\" Non Renseigné \"]", PLAIN);
    assert_eq!(reading.nulls, ["non renseigné".to_owned()].into());
}

#[test]
fn objections_are_neither_joined_nor_ignored() {
    let joined = "objections = { columns = [\"a\", \"b\"], join = \"\" }";
    assert!(fault("", &format!("{PLAIN}\n{joined}")).0.contains("objections cannot be joined"));
    assert!(fault("ignore = [\"objections\"]", PLAIN).0.contains("never ignored"));
}

#[test]
fn a_join_makes_no_name_of_two_and_holds_no_control_character() {
    let of = |field: &str, join: &str| {
        format!("{PLAIN}\n{field} = {{ columns = [\"a\", \"b\"], join = \"{join}\" }}")
    };
    let names = |join: &str| {
        text("", &of("x", join)).replace("row_id = \"id\"\n", "").replace("\nx = ", "\nrow_id = ")
    };
    for join in ["", "x", "0"] {
        let told = faults(&names(join));
        assert!(told.len() == 1 && told[0].contains("one name of two"), "{join}: {told:?}");
        // A country code and a number are one number.
        assert!(parse(&text("", &of("phone", join))).is_ok(), "{join}");
    }
    // A zero byte ends an id where rows are sorted.
    for join in ["/\\u0000", "\\t", "\\n"] {
        assert_eq!(faults(&names(join)).len(), 1, "{join}");
        assert!(fault("", &of("phone", join)).0.contains("control character"), "{join}");
    }
    for join in ["/", " - ", "x/x"] {
        assert!(parse(&names(join)).is_ok(), "{join}");
    }
}

/// Fields as a line of a graph has them, in short.
static GRAPH: Schema = Schema {
    columns: &[
        Column::required("person_ref", Holds::Name),
        Column::optional("value", Holds::Identifier),
        Column::required("id_value", Holds::Name),
    ],
    families: &[],
    one_of: &[],
    program: "provider-node",
};

#[test]
fn a_graph_has_no_ids_of_rows_and_its_identifiers_are_of_the_file() {
    let graph = |section: &str, fields: &str| {
        let text = format!(
            "map = 1\n[[input]]\n{section}\n[input.fields]\nperson_ref = \"p\"\n{fields}\n"
        );
        let found = Map::parse(&text, &GRAPH).map(drop).err();
        let faults = found.iter().flat_map(|found| &found.faults);
        faults.map(|fault| fault.text().to_string()).collect::<Vec<_>>()
    };
    let fields = "id_value = \"v\"\nvalue = [\"m\", \"n\"]";
    assert_eq!(graph("", fields), [""; 0]);
    let told = graph("row_prefix = \"eu:\"", fields);
    assert!(told.len() == 1 && told[0].contains("no ids of rows"), "{told:?}");
    for fields in [
        "id_value = { const = \"v\" }",
        "id_value = \"v\"\nvalue = { const = \"a@exemple.fr\" }",
        "id_value = { column = \"v\", values = { a = \"b\" } }",
    ] {
        assert_eq!(graph("", fields).len(), 1, "{fields}");
    }
}

#[test]
fn columns_are_mapped_or_ignored_and_not_both() {
    let told = fault("ignore = [\"x\", \"mail\"]", PLAIN).0;
    assert!(told.contains("`mail` is ignored and used"), "{told}");
    assert_eq!(reading("ignore = \"*\"", PLAIN).ignore, Ignore::Others);
    assert!(fault("ignore = [\"*\"]", PLAIN).0.contains("stands alone"));
    assert!(fault("ignore = \"x\"", PLAIN).0.contains("is a list"));
    assert!(fault("ignore = [\"x\", \"x\"]", PLAIN).0.contains("lists `x` twice"));
    // One column may feed several fields.
    let shared = format!("{PLAIN}\nphone = \"mail\"\ncountry = \"id\"");
    assert!(parse(&text("", &shared)).is_ok());
}

#[test]
fn forms_of_files_have_names() {
    let csv = |section: &str| reading(section, PLAIN).csv;
    for (name, character) in [(",", ','), (";", ';'), ("tab", '\t'), ("\\t", '\t')] {
        let delimiter = csv(&format!("delimiter = \"{name}\"")).delimiter;
        assert_eq!(delimiter.character(), character);
    }
    assert_eq!(csv("encoding = \"Windows-1252\"").encoding.name(), "windows-1252");
    assert!(fault("encoding = \"windows-1251x\"", PLAIN).1.contains("`windows-125"));
    assert!(fault("delimiter = \" \"", PLAIN).0.contains("is empty"));
    assert!(fault("format = \"xlsx\"", PLAIN).0.contains("csv"));
    assert_eq!(reading("format = \"ndjson\"", PLAIN).format, Some(tabular::Format::Ndjson));
}

#[test]
fn zones_and_countries_are_of_their_lists() {
    assert!(reading("zone = \"Europe/Paris\"", PLAIN).zone.is_some());
    for zone in ["europe/paris", "CET+1", "Paris", "Etc/Unknown", "+02:00"] {
        assert!(fault(&format!("zone = \"{zone}\""), PLAIN).0.contains("is no zone"), "{zone}");
    }
    assert!(fault("zone = \"europe/paris\"", PLAIN).1.contains("did you mean `Europe/Paris`"));
    assert_eq!(reading("region = \"GP\"", PLAIN).region.unwrap().as_str(), "GP");
    for region in ["XX", "France", "UK"] {
        assert!(fault(&format!("region = \"{region}\""), PLAIN).0.contains("no country"));
    }
}

#[test]
fn digests_need_the_rules_that_made_them() {
    let digests = format!("{PLAIN}\nemail_sha256 = \"h\"\nphone_sha256 = [\"a\", \"b\"]");
    let told = faults(&text("", &digests));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|one| one.contains("nothing says which rules made them")));
    let declared = "digests = { email_sha256 = \"uid2\", phone_sha256 = \"phone-e164\" }";
    assert!(parse(&text(declared, &digests)).is_ok());
    let partly = "digests = { email_sha256 = \"uid2\" }";
    assert_eq!(faults(&text(partly, &digests)).len(), 1);
    assert!(fault("digests = { email_sha256 = \"md5\" }", PLAIN).0.contains("ruleset"));
}

#[test]
fn several_sections_can_be_told_apart() {
    let section = |head: &str| {
        let whole = text(head, PLAIN);
        whole.strip_prefix("map = 1\n").unwrap().to_owned()
    };
    let two = |a: &str, b: &str| format!("map = 1\n{}{}", section(a), section(b));
    assert!(parse(&two("tag = \"a\"", "files = [\"b*\"]")).is_ok());
    let told = faults(&two("tag = \"a\"", ""));
    assert!(told.len() == 1 && told[0].contains("needs `tag` or `files`"), "{told:?}");
    let told = faults(&two("tag = \"a\"", "tag = \"a\""));
    assert!(told.len() == 1 && told[0].contains("two sections have the tag `a`"), "{told:?}");
}

#[test]
fn a_section_is_chosen_by_tag_then_by_name_and_a_single_one_fits_all() {
    let section = |head: &str| text(head, PLAIN).strip_prefix("map = 1\n").unwrap().to_owned();
    let map = parse(&format!(
        "map = 1\n{}{}{}",
        section("tag = \"web\"\nfiles = [\"kl-*.csv\"]"),
        section("tag = \"crm\"\nfiles = [\"crm_?.csv\"]"),
        section("files = [\"*_1.csv\"]"),
    ))
    .unwrap();
    let file = |argument: &str| InputFile::from_argument(argument.as_ref());
    let chosen = |argument: &str| map.choose(&file(argument)).map(|input| input.line);
    let lines: Vec<usize> = map.inputs.iter().map(|input| input.line).collect();
    assert_eq!(chosen("web=whatever.csv"), Ok(lines[0]));
    assert_eq!(chosen("in/kl-7.csv"), Ok(lines[0]));
    assert_eq!(chosen("crm_2.csv"), Ok(lines[1]));
    assert_eq!(chosen("x_1.csv"), Ok(lines[2]));
    let several = chosen("crm_1.csv").unwrap_err();
    assert_eq!(
        several,
        ChoiceError::Several { file: "crm_1.csv".into(), lines: [lines[1], lines[2]] }
    );
    let none = chosen("other.csv").unwrap_err();
    assert_eq!(none.code().exit().code(), 65);
    assert!(none.text().to_string().contains("other.csv"));

    let files = [file("web=a.csv"), file("crm_2.csv"), file("x_1.csv"), file("shop=crm_3.csv")];
    let inputs = map.for_files(&files).unwrap();
    let tags: Vec<&str> = inputs.iter().map(|input| input.file.tag.as_str()).collect();
    assert_eq!(tags, ["web", "crm", "x_1.csv", "shop"]);

    let single = parse(&text("tag = \"crm\"\nfiles = [\"crm_*.csv\"]", PLAIN)).unwrap();
    assert!(single.choose(&file("other=x.csv")).is_ok());
    let own = own_names(&[file("x.csv")]);
    assert!(own[0].reading.fields.is_none());
}

#[test]
fn open_questions_are_listed_wherever_they_stand() {
    let section = "zone = \"?\"\nregion = \"?\"\ndates = \"?\"\nstatement = \"?\"\n\
        row_prefix = \"?\"\nnulls = \"?\"\nfiles = [\"?\"]\ndelimiter = \"?\"\nencoding = \"?\"\n\
        ignore = \"?\"\ndigests = { email_sha256 = \"?\" }";
    let fields = "email = [\"a\", \"?\"]\nphone = { column = \"p\", split = \"?\" }\n\
        objections = \"?\"\ncountry = { const = \"?\" }\n\
        updated_at = { columns = [\"a\", \"b\"], join = \"?\" }\n\
        consent_purposes = { column = \"Optin\", values = { OUI = \"?\", NON = [\"?\"] } }\n\
        email_sha256 = { column = \"h\", dates = \"iso\", values = \"?\" }";
    let found = parse(&text(section, fields)).unwrap_err();
    let lines: Vec<usize> = found.open.iter().map(|open| open.line).collect();
    let expected: Vec<usize> = (3..=13).chain(19..=25).collect();
    assert_eq!(lines, expected, "{:#?}", found.open);
    let told: Vec<String> = found.open.iter().map(|open| open.text().to_string()).collect();
    assert!(told.iter().any(|one| one.contains("What does each value of `Optin` mean?")));
    assert!(told.iter().any(|one| one.contains("Which column holds objections?")));
    // A question is no fault; the form of time of a digest is one.
    assert_eq!(found.faults.len(), 1, "{:#?}", found.faults);
}

#[test]
fn the_digest_is_of_what_a_map_says_and_not_of_how() {
    let plain = digest("delimiter = \";\"", PLAIN);
    let other_form = "email = { columns = [ \"mail\" ] }   # the address\n\
        consent_purposes = { 'column' = \"consent\" }";
    assert_eq!(
        digest("# a note\n'delimiter' = ';'\nencoding = \"UTF-8\"\ndates = \"iso\"", other_form),
        plain
    );
    let by = |values: &str| {
        let fields = format!(
            "email = \"m\"\nconsent_purposes = {{ column = \"c\", values = {{ {values} }} }}"
        );
        digest(STATEMENT, &fields)
    };
    let one = by("OUI = [\"ads.match\", \"ads.suppress\"], NON = []");
    assert_eq!(by("non = [], \" oui\" = [\"ads.suppress\", \"ads.match\"]"), one);
    assert_ne!(by("OUI = [\"ads.match\"], NON = []"), one);
    assert_ne!(by("OUI = [\"ads.match\", \"ads.suppress\"]"), one);
    for (section, fields) in [
        ("delimiter = \"tab\"", PLAIN),
        ("delimiter = \";\"\nzone = \"UTC\"", PLAIN),
        ("delimiter = \";\"\nignore = \"*\"", PLAIN),
        ("delimiter = \";\"\ntag = \"a\"", PLAIN),
        ("delimiter = \";\"\nrow_prefix = \"a\"", PLAIN),
        ("delimiter = \";\"\nnulls = [\"a\"]", PLAIN),
        ("delimiter = \";\"\nregion = \"FR\"", PLAIN),
        ("delimiter = \";\"\nformat = \"csv\"", PLAIN),
        ("delimiter = \";\"\ndigests = { email_sha256 = \"plain\" }", PLAIN),
        ("delimiter = \";\"", "email = \"Mail\"\nconsent_purposes = \"consent\""),
        ("delimiter = \";\"", "email = [\"mail\", \"b\"]\nconsent_purposes = \"consent\""),
    ] {
        assert_ne!(digest(section, fields), plain, "{section} {fields}");
    }
    let order = |fields: &str| digest("", &format!("{fields}\nconsent_purposes = \"c\""));
    assert_ne!(order("email = [\"a\", \"b\"]"), order("email = [\"b\", \"a\"]"));
}

#[test]
fn a_file_that_is_no_text_or_absent_is_no_map() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.toml");
    let read = || Map::read(&path, &SCHEMA).map(|map| map.digest());
    assert!(matches!(read(), Err(MapError::Unreadable { .. })));
    std::fs::write(&path, b"map = 1 # \xE9\n[[input]]\n").unwrap();
    assert!(matches!(read(), Err(MapError::NotText { .. })));
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(matches!(read(), Err(MapError::NotText { .. })));
    std::fs::write(&path, "\u{FEFF}map = 1\r\n[[input]]\r\n").unwrap();
    assert_eq!(read().unwrap(), parse("map = 1\n[[input]]").unwrap().digest());
}

/// Vectors of the specification; `VEILMATCH_REGENERATE=1` writes what is computed into them.
#[test]
fn maps_of_the_specification_have_its_digests_or_its_refusals() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/map");
    let mut digests = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let mut vector: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let read = parse(vector["map"].as_str().unwrap());
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if vector["expected"] != "ok" {
            let MapFaults { faults, open } = read.map(|_| ()).expect_err(&name);
            let faults = faults.iter().map(|fault| fault.what.id().to_owned());
            let open = open.iter().map(|open| open.question.id().to_owned());
            let told: Vec<String> = faults.chain(open).collect();
            assert_eq!(told, [vector["expected"].as_str().unwrap()], "{name}");
            continue;
        }
        let map = read.unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        if std::env::var_os("VEILMATCH_REGENERATE").is_some() {
            vector["canonical"] = map.canonical().into();
            vector["digest"] = map.digest().to_string().into();
            std::fs::write(&path, format!("{vector:#}\n")).unwrap();
        }
        assert_eq!(vector["canonical"], map.canonical(), "{name}");
        assert_eq!(vector["digest"], map.digest().to_string(), "{name}");
        // The digest is that of the text in the file, computed without this crate's code.
        let hashed = <sha2::Sha256 as sha2::Digest>::digest(vector["canonical"].as_str().unwrap());
        assert_eq!(data_encoding::HEXLOWER.encode(&hashed), vector["digest"], "{name}");
        digests.insert(name, map.digest());
    }
    assert_eq!(digests["crm-fr"], digests["forms-same"]);
    assert_ne!(digests["crm-fr"], digests["klaviyo"]);
}

/// Words of exports, close to each other and to those that decide.
const WORDS: &[&str] = &[
    "OUI",
    "Non",
    "SUBSCRIBED",
    "unsubscribed",
    "1",
    "0",
    "true",
    "x",
    "Peut-être",
    "ads.match",
    "all",
    "[]",
    "N/A",
    "-",
    "NULL",
    "été",
    "ÉTÉ",
    "Oui, partenaires",
    "opposé",
];

/// One of [`WORDS`], possibly with space around, or any short text.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(WORDS).prop_map(str::to_owned);
    let spaced = (known.clone(), 0_u8..4).prop_map(|(word, spaces)| {
        format!(
            "{:a$}{word}{:b$}",
            "",
            "",
            a = usize::from(spaces & 1),
            b = usize::from(spaces >> 1)
        )
    });
    prop_oneof![4 => known, 3 => spaced, 1 => "[a-zA-Zéè]{0,4}", 1 => Just(String::new())]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever a map lists and a cell holds: only a listed value is consent, and only a listed
    /// value, or a cell that records nothing, is no objection.
    #[test]
    fn a_cell_that_is_not_listed_lets_no_row_through(
        consents in prop::collection::btree_map(word(), prop::bool::ANY, 1..4),
        objections in prop::collection::btree_map(word(), prop::bool::ANY, 1..4),
        nulls in prop::collection::btree_set(word(), 0..3),
        split in prop::option::of(prop::sample::select(&[",", ";", " "][..])),
        cells in prop::collection::vec((word(), word()), 1..6),
    ) {
        let table = |listed: &BTreeMap<String, bool>, yes: &str| {
            let sides = listed.iter().map(|(word, on)| {
                format!("{} = {}", toml_text(word), if *on { yes } else { "[]" })
            });
            sides.collect::<Vec<_>>().join(", ")
        };
        let split = split.map_or_else(String::new, |split| format!(", split = \"{split}\""));
        let nulls: Vec<String> = nulls.iter().map(|word| toml_text(word)).collect();
        let nulls = match nulls.is_empty() {
            true => String::new(),
            false => format!("nulls = [{}]", nulls.join(", ")),
        };
        let fields = format!(
            "email = \"mail\"\nconsent_purposes = {{ column = \"c\", values = {{ {} }}{split} }}\n\
             objections = {{ column = \"o\", values = {{ {} }}{split} }}",
            table(&consents, "[\"ads.match\"]"),
            table(&objections, "[\"all\"]"),
        );
        // Many of these maps are refused: a word for nothing that consents, two words that are one.
        let whole = text(&format!("{STATEMENT}\n{nulls}"), &fields);
        let Ok(map) = parse(&whole) else { return Ok(()) };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        let mut csv = "id,ref,at,notice,mail,c,o\n".to_owned();
        for (consent, objection) in &cells {
            csv += &format!("1,r,2026-01-01,n,a@exemple.fr,\"{consent}\",\"{objection}\"\n");
        }
        std::fs::write(&path, csv).unwrap();
        let input = map.for_files(&[InputFile::new(&path)]).unwrap().remove(0);
        let mut source = RowSource::open(&input, &SCHEMA, &Watched::default()).unwrap();
        let folded = |text: &str| text.trim().to_lowercase();
        let granted = |listed: &BTreeMap<String, bool>| -> BTreeSet<String> {
            listed.iter().filter(|(_, on)| **on).map(|(word, _)| folded(word)).collect()
        };
        let known = |listed: &BTreeMap<String, bool>| -> BTreeSet<String> {
            listed.keys().map(|word| folded(word)).collect()
        };
        let entries = |cell: &str| -> Vec<String> {
            cell.split(['|', ',', ';', ' ']).map(folded).chain([folded(cell)]).collect()
        };
        for (consent, objection) in &cells {
            let row = source.next_row().unwrap().unwrap();
            let agreed = match row.cell(SCHEMA.find("consent_purposes").unwrap()) {
                Cell::Text(text) => text.contains("ads.match"),
                Cell::Absent | Cell::Unlisted => false,
            };
            if agreed {
                let yes = granted(&consents);
                let any = entries(consent).iter().any(|entry| yes.contains(entry));
                prop_assert!(any, "{consent:?}");
            }
            let passes = match row.cell(SCHEMA.find("objections").unwrap()) {
                Cell::Text(text) => text.is_empty(),
                Cell::Absent => true,
                Cell::Unlisted => false,
            };
            if passes {
                let known = known(&objections);
                let all = entries(objection);
                let nothing = |entry: &String| {
                    entry.is_empty() || tabular::cell::says_nothing(entry) || known.contains(entry)
                };
                let whole = folded(objection);
                prop_assert!(nothing(&whole) || all.iter().all(nothing), "{objection:?}");
                let no = granted(&objections);
                prop_assert!(!no.contains(&whole), "{objection:?}");
            }
        }
    }
}

fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[test]
fn the_reference_names_every_encoding() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/map.md");
    let page = std::fs::read_to_string(page).unwrap();
    let line = page.lines().find(|line| line.starts_with("| `encoding` |")).unwrap();
    for encoding in tabular::Encoding::ALL {
        assert!(line.contains(&format!("`{}`", encoding.name())), "{encoding}");
    }
}
