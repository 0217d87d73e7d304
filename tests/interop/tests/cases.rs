//! Files as people export them, each the cause of a fault that was found in use, and what must
//! become of them: through the programs, with the options that a user would give.
//!
//! The files lie in `cases/NN-name/` as they came. Days in them are moved to the same distance
//! from today, because evidence of consent grows too old.

use std::path::Path;

use crate::support::{Done, Pair, crm, days_ago, run};

/// An advertiser's node of its own, and the files of a case beside it.
struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    /// Copies the files of `cases/NAME` and makes a node.
    fn advertiser(name: &str) -> Self {
        let case = Self { dir: tempfile::tempdir().unwrap() };
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(name);
        for file in std::fs::read_dir(&files).unwrap().flatten() {
            let mut bytes = std::fs::read(file.path()).unwrap();
            // Files that are no text stay as they are.
            if let Ok(text) = String::from_utf8(bytes.clone()) {
                bytes = recent(&text).into_bytes();
            }
            std::fs::write(case.dir.path().join(file.file_name()), bytes).unwrap();
        }
        run("advertiser-node", &["init", "--dir", &case.path("node")]).expect(0);
        case
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Runs `check` on files of the case, with further options.
    fn check(&self, files: &[&str], more: &[&str]) -> Done {
        let paths: Vec<String> = files.iter().map(|file| self.path(file)).collect();
        let (node, rejects, json) =
            (self.path("node"), self.path("rejects.out"), self.path("report.json"));
        let mut args = vec!["check", "--dir", &node, "--rejects", &rejects, "--json", &json];
        args.push("--overwrite");
        paths.iter().for_each(|path| args.push(path));
        args.extend(more);
        run("advertiser-node", &args)
    }

    /// Makes identifiers of each line of a file, and gives what became of each: the first
    /// identifier with its level where it is the household's, or the reason.
    fn normalized(&self, args: &[&str], file: &str) -> Vec<String> {
        let path = self.path(file);
        let done = run("advertiser-node", &[&["normalize"], args, &[&path]].concat()).expect(0);
        let told = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let of_identifier = |name: &str| line["identifiers"][0][name].as_str();
            let told = of_identifier("normalized").or(line["reason"].as_str()).unwrap();
            let repair = of_identifier("repair");
            let level = of_identifier("level").filter(|level| *level == "household");
            [Some(told), repair, level].into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        done.stdout.lines().map(told).collect()
    }

    /// The lines of `--rejects`, without its header.
    fn rejects(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("rejects.out")).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    }
}

/// Moves the days that the cases hold to the same distance from today.
fn recent(text: &str) -> String {
    let days = [("2026-03-02", 270), ("2026-06-01", 180), ("2026-11-15", 15)];
    days.into_iter().fold(text.to_owned(), |text, (day, ago)| text.replace(day, &days_ago(ago)))
}

#[test]
fn case_01_objections_are_understood_as_they_are_spelt() {
    let case = Case::advertiser("01-objection-spelling");
    let done = case.check(&["crm.csv"], &[]).expect(65).says(&[" rows eligible; "]);
    assert!(done.stdout.contains("16 objected"), "{}", done.stdout);
    let rejects = case.rejects();
    assert_eq!(rejects.len(), 16, "{rejects:?}");
    let unknown = ["O-05,7", "O-06,8", "O-07,9"];
    for row in unknown.map(|row| format!("{row},,objection_value_unknown")) {
        assert!(rejects.contains(&row), "no {row} in {rejects:?}");
    }
    assert_eq!(rejects.iter().filter(|line| line.ends_with(",row_optout")).count(), 13);
}

#[test]
fn case_03_an_objection_without_an_age_wins() {
    let case = Case::advertiser("03-objection-file-without-age");
    let done = case.check(&["crm.csv", "opposants.csv"], &[]).expect(0);
    assert!(done.stdout.contains("rows eligible: 4"), "{}", done.stdout);
    assert!(done.stdout.contains("1 objected"), "{}", done.stdout);
    assert_eq!(case.rejects(), ["C-1,2,,row_optout", "C-1,3,,row_duplicate_id"]);
    case.check(&["opposants.csv", "crm.csv"], &[]).expect(0);
    assert_eq!(case.rejects(), ["C-1,2,,row_optout", "C-1,3,,row_duplicate_id"]);
}

#[test]
fn case_05_an_objection_is_of_whoever_holds_the_address() {
    let case = Case::advertiser("05-suppression-list-by-address");
    let done = case.check(&["crm.csv", "opposants.csv"], &[]).expect(0);
    assert!(done.stdout.contains("rows eligible: 4"), "{}", done.stdout);
    assert!(done.stdout.contains("row_optout 1, row_optout_by_identifier 1"), "{}", done.stdout);
    assert_eq!(case.rejects(), ["S-1,2,,row_optout", "C-1,3,,row_optout_by_identifier"]);
}

#[test]
fn case_06_a_null_marker_is_no_reference() {
    let case = Case::advertiser("06-consent-ref-null-markers");
    case.check(&["crm.csv"], &[]).expect(65).says(&[" rows eligible; "]);
    let rejects = case.rejects();
    assert_eq!(rejects.len(), 10, "{rejects:?}");
    assert!(rejects.iter().all(|line| line.ends_with(",consent_ref_missing")), "{rejects:?}");
}

#[test]
fn case_08_the_zero_of_a_decimal_number_never_becomes_a_digit() {
    let case = Case::advertiser("08-phone-float-dot-zero");
    let international = ["--kind", "phone", "--ruleset", "crm-intl/1", "--region"];
    for (region, file, lines) in [("DE", "de.txt", 3), ("AT", "at.txt", 2), ("IT", "it.txt", 1)] {
        let found = case.normalized(&[&international[..], &[region]].concat(), file);
        assert_eq!(found, vec!["phone_decimal"; lines], "{file}");
    }
    assert_eq!(case.normalized(&["--kind", "phone"], "fr.txt"), ["phone_decimal"]);
}

#[test]
fn case_10_marks_and_labels_before_an_address_are_removed_or_refused() {
    let case = Case::advertiser("10-email-local-part-junk");
    let mut expected = vec!["jane.roux@exemple.fr repaired_text_mark"];
    expected.extend(["email_local_character"; 8]);
    expected.push("email_percent_escape");
    assert_eq!(case.normalized(&["--kind", "email"], "mail.txt"), expected);
}

#[test]
fn case_12_a_joiner_of_a_domain_is_part_of_it() {
    let case = Case::advertiser("12-idn-joiners");
    let found = case.normalized(&["--kind", "email", "--ruleset", "crm-intl/1"], "mail.txt");
    let own = "x@xn--mgba3gch31f060k.com";
    assert_eq!(found, [own, own, "x@xn--mgba3gch31f.com"]);
}

#[test]
fn case_13_numbers_of_north_america_are_of_a_household() {
    let case = Case::advertiser("13-nanp-phones-never-match");
    let args = ["--kind", "phone", "--ruleset", "crm-intl/1", "--region", "US"];
    let numbers = ["+14155552671", "+16135550134", "+525512345678"];
    let expected = numbers.map(|number| format!("{number} household"));
    assert_eq!(case.normalized(&args, "us.txt"), expected);
}

#[test]
fn case_17_scientific_notation_is_named() {
    let case = Case::advertiser("17-phone-sci-french-comma");
    let found = case.normalized(&["--kind", "phone"], "fr.txt");
    assert_eq!(found, ["phone_scientific", "phone_scientific", "+33637481596"]);
}

#[test]
fn case_18_what_tools_put_before_a_number_is_never_misread() {
    let case = Case::advertiser("18-phone-export-prefixes");
    let found = case.normalized(&["--kind", "phone"], "fr.txt");
    let own = "+33637481596 repaired_text_mark";
    let others = ["phone_bad_character", "spreadsheet_formula"];
    assert_eq!(found, ["phone_has_label", own, own, others[0], others[1]]);
}

#[test]
fn case_19_a_digest_is_no_address() {
    let case = Case::advertiser("19-digest-in-clear-column");
    assert_eq!(case.normalized(&["--kind", "email"], "mail.txt"), ["email_is_digest"]);
}

#[test]
fn case_30_a_national_number_without_a_region_says_so() {
    let case = Case::advertiser("30-intl-without-country");
    let settings = case.path("node/advertiser.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let international = text.replace("crm-fr/1", "crm-intl/1");
    assert_ne!(international, text);
    std::fs::write(&settings, international).unwrap();
    let done = case.check(&["crm.csv"], &[]).expect(0);
    assert!(done.stdout.contains("rows eligible: 1"), "{}", done.stdout);
    let expected = ["C-1,2,phone,phone_region_missing", "C-1,2,,row_no_usable_identifier"];
    assert_eq!(case.rejects(), expected);
}

#[test]
fn case_33_a_calling_code_without_plus_is_refused_where_it_is_ambiguous() {
    let case = Case::advertiser("33-e164-digits-without-plus");
    let args = ["--kind", "phone", "--ruleset", "crm-intl/1", "--region", "DE"];
    let mut expected = ["phone_ambiguous_prefix"; 4];
    expected[3] = "+491717654321";
    assert_eq!(case.normalized(&args, "de.txt"), expected);
    assert_eq!(case.normalized(&["--kind", "phone"], "fr.txt"), ["+33637481596"]);
}

#[test]
fn case_15_a_file_that_is_still_being_written_is_refused() {
    let case = Case::advertiser("15-file-still-being-written");
    case.check(&["crm.csv"], &[]).expect(65).says(&["line 7, the last one, has no line end"]);
    let done = case.check(&["crm.csv"], &["--allow", "open-last-line"]).expect(0);
    assert!(done.stdout.contains("rows eligible: 6"), "{}", done.stdout);
    assert!(done.stdout.contains("no line end, as allowed: 1"), "{}", done.stdout);
    let report = std::fs::read_to_string(case.path("report.json")).unwrap();
    assert!(report.contains("\"open_last_lines\": 1"), "{report}");
}

#[test]
fn case_16_null_markers_and_rounded_numbers_are_no_row_ids() {
    let case = Case::advertiser("16-row-id-null-markers");
    case.check(&["null.csv"], &[]).expect(65).says(&["line 2: the row has no id"]);
    case.check(&["sci.csv"], &[]).expect(65).says(&["line 2: the id of the row is a number"]);
}

#[test]
fn case_21_a_column_that_is_always_null_is_absent() {
    let case = Case::advertiser("21-parquet-null-typed-column");
    let done = case.check(&["crm.parquet"], &[]);
    assert!(done.stdout.contains("email_2: e-mail address"), "{done:?}");
    assert!(done.stdout.contains("rows: 2 read"), "{done:?}");
}

#[test]
fn case_23_pages_in_gzip_are_read() {
    let case = Case::advertiser("23-parquet-gzip-codec");
    let done = case.check(&["crm.parquet"], &[]);
    assert!(done.stdout.contains("rows: 2 read"), "{done:?}");
}

#[test]
fn case_24_the_delimiter_that_is_advised_can_be_declared() {
    let case = Case::advertiser("24-pipe-delimiter-advice");
    let advice = "declare it, `delimiter = \"|\"`";
    case.check(&["crm.csv"], &[]).expect(65).says(&["the vertical bar `|`", advice]);
}

#[test]
fn case_25_frames_to_skip_are_skipped_and_a_long_window_is_named() {
    let case = Case::advertiser("25-zstd-skippable-and-long");
    let done = case.check(&["pzstd.csv.zst"], &[]);
    assert!(done.stdout.contains("rows: 4 read"), "{done:?}");
    let refused = case.check(&["long31.csv.zst"], &[]).expect(65);
    let line = format!("`zstd -dc --long=31 {} |", case.path("long31.csv.zst"));
    refused.says(&["packed by zstd with a window above 8 MiB, which is not read", &line]);
}

#[test]
fn case_28_shapes_of_csv_are_accepted_or_refused_with_their_line() {
    let case = Case::advertiser("28-csv-shapes");
    for file in ["blank.csv", "bom.csv"] {
        let done = case.check(&[file], &[]).expect(0);
        assert!(done.stdout.contains("rows eligible: 4"), "{}", done.stdout);
    }
    // The header of the second export among the rows of the first.
    let done = case.check(&["twice.csv"], &[]).expect(0);
    assert!(done.stdout.contains("rows eligible: 8"), "{}", done.stdout);
    let header = ["row_id,6,email,email_no_at", "row_id,6,,consent_value_unknown"];
    assert_eq!(case.rejects(), header);
    for (file, cause) in [
        ("sep.csv", "the first line is a spreadsheet's `sep=` directive"),
        ("footer.csv", "line 7 has 1 field; the header has 6"),
        ("ctrlz.csv", "line 6, the last one, has no line end"),
    ] {
        case.check(&[file], &[]).expect(65).says(&[cause]);
    }
}

#[test]
fn a_directory_of_part_files_is_one_table() {
    let case = Case::advertiser("28-csv-shapes");
    let text = std::fs::read_to_string(case.path("twice.csv")).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let dir = std::path::PathBuf::from(case.path("export"));
    std::fs::create_dir_all(dir.join("day=2026-11-21")).unwrap();
    case.check(&["export"], &[]).expect(66).says(&["the directory has no part file"]);
    let part = |name: &str, rows: &str| {
        std::fs::write(dir.join(name), format!("{header}\n{rows}\n")).unwrap();
    };
    let rows: Vec<&str> = rows.lines().collect();
    part("part-00000.csv", &rows[..2].join("\n"));
    part("day=2026-11-21/part-00001.csv", &rows[2..4].join("\n"));
    std::fs::write(dir.join("_SUCCESS"), "").unwrap();
    std::fs::write(dir.join(".part-00000.csv.crc"), [0, 1, 2]).unwrap();
    let done = case.check(&["export"], &[]).expect(0);
    assert!(done.stdout.contains("rows eligible: 4"), "{}", done.stdout);
    std::fs::create_dir(dir.join("_temporary")).unwrap();
    case.check(&["export"], &[]).expect(66).says(&["has not ended"]);
}

#[test]
fn a_packed_file_is_named_with_the_line_that_unpacks_it() {
    let case = Case::advertiser("24-pipe-delimiter-advice");
    std::fs::write(case.path("crm.csv.bz2"), b"BZh91AY&SY\x01\x02").unwrap();
    let line = format!("`bunzip2 -c {} | advertiser-node check -`", case.path("crm.csv.bz2"));
    let refused = case.check(&["crm.csv.bz2"], &[]).expect(65);
    refused.says(&["crm.csv.bz2: the file is packed by bzip2, which is not read", &line]);
}

#[test]
fn case_32_the_later_row_of_a_day_wins() {
    let case = Case::advertiser("32-sql-datetime-cut-to-day");
    let done = case.check(&["crm.csv"], &[]).expect(0);
    assert!(done.stdout.contains("rows eligible: 4"), "{}", done.stdout);
    // The lines of the mornings.
    let lost = [("V-0", 2), ("V-1", 4), ("V-2", 6), ("V-3", 8)];
    assert_eq!(case.rejects(), lost.map(|(id, line)| format!("{id},{line},,row_duplicate_id")));
}

/// What is set as purpose is what gates the rows, and is agreed or refused by its name.
#[test]
fn a_purpose_is_one_of_the_list_and_one_that_the_provider_allows() {
    let pair = Pair::introduced();
    pair.write("crm.csv", &crm([("r1", "customer.1@exemple.fr")]));
    let settings = pair.read("a/advertiser.toml");
    let set = |purpose: &str| {
        let text = settings.replace("\"ads.match\"\n", &format!("\"{purpose}\"\n"));
        assert_ne!(text, settings);
        pair.write("a/advertiser.toml", &text);
    };
    let input = pair.path("crm.csv");
    set("email.newsletter");
    let refused = pair.advertiser(&["check", &input]).expect(78);
    refused.says(&["`purpose` must be \"ads.match\" or \"ads.suppress\""]);
    set("ads.suppress");
    let done = pair.advertiser(&["check", &input]).expect(65);
    assert!(done.stdout.contains("row_no_consent 1"), "{}", done.stdout);
    let plan = ["plan", "--profile", "matched-rows", &input];
    pair.advertiser(&plan).expect(77).says(&["does not allow this purpose"]);
}
