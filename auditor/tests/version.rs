//! Packages of another version, through the program.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn a_package_of_another_version_is_told_as_one_and_judged_in_no_way() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("another-version");
    std::fs::create_dir_all(&directory).unwrap();
    for (line, status, told) in [
        ("VEILMATCH-TRANSCRIPT-1\n", 74, "another version"),
        ("VEILMATCH-TRANSCRIPT-3\n", 74, "another version"),
        ("VEILMATCH-TRANSCRIPT-2\n", 1, "damaged"),
        ("something else\n", 1, "damaged"),
    ] {
        std::fs::write(directory.join("RUN.transcript"), line).unwrap();
        for command in ["verify", "show"] {
            let output = Command::new(env!("CARGO_BIN_EXE_auditor"))
                .arg(command)
                .arg(&directory)
                .output()
                .unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(status), "{line}{errors}");
            assert!(errors.contains(told), "{line}{errors}");
            let verdict = String::from_utf8(output.stdout).unwrap();
            assert_eq!(verdict.contains("NOT accepted"), status == 1, "{line}{verdict}");
        }
    }
}
