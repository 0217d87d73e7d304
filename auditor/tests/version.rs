//! Packages of another version, and damaged ones, given to the program.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn a_package_of_another_version_or_damaged_is_told_as_one_and_judged_in_no_way() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("another-version");
    std::fs::create_dir_all(&directory).unwrap();
    for (line, told, whose) in [
        ("VEILMATCH-TRANSCRIPT-1\n", "another version", "yours"),
        ("VEILMATCH-TRANSCRIPT-2\n", "another version", "yours"),
        ("VEILMATCH-TRANSCRIPT-3\n", "damaged", "whoever gave you the package"),
        ("something else\n", "damaged", "whoever gave you the package"),
    ] {
        std::fs::write(directory.join("RUN.transcript"), line).unwrap();
        for command in ["verify", "show"] {
            let output = Command::new(env!("CARGO_BIN_EXE_auditor"))
                .env("VEILMATCH_LANG", "en")
                .arg(command)
                .arg(&directory)
                .output()
                .unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(74), "{line}{errors}");
            assert!(errors.contains("error V0433: "), "{line}{errors}");
            assert!(errors.contains(told) && errors.contains(whose), "{line}{errors}");
            assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{line}");
        }
    }
}

#[test]
fn a_names_file_that_is_too_long_is_refused_and_not_cut() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("long-names");
    std::fs::create_dir_all(&directory).unwrap();
    let names = directory.join("names.toml");
    std::fs::write(&names, "# a comment is cut where nobody sees it\n".repeat(1 << 15)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_auditor"))
        .env("VEILMATCH_LANG", "en")
        .args(["show", "--names"])
        .arg(&names)
        .arg(&directory)
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(74), "{errors}");
    assert!(errors.contains("names.toml") && errors.contains("larger than"), "{errors}");
}
