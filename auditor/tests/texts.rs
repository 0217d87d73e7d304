//! Words for everything that `verify` and the auditor may say, in both languages.

use std::path::Path;

use report::{Lang, Text};

#[test]
fn every_id_in_the_sources_has_its_words_in_both_languages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = 0;
    for (sources, prefix) in [("verify/src", "verify-"), ("auditor/src", "audit-")] {
        for entry in std::fs::read_dir(root.join(sources)).unwrap() {
            let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for id in source.split('"').filter(|word| word.starts_with(prefix)) {
                // Ids of a family are put together.
                if id.contains('{') {
                    continue;
                }
                found += 1;
                for lang in Lang::ALL {
                    assert!(Text::named(id.to_owned()).exists(lang), "{id} in {}", lang.name());
                }
            }
        }
    }
    assert!(found > 150, "{found} ids");
}
