//! Equality of the vectors that the self-test is built from with those of the specification.

use std::fs;
use std::path::Path;

#[test]
fn vectors_of_the_self_test_are_those_of_the_specification() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let specification = own.join("../../spec/vectors");
    for name in ["normalization.json", "email.json"] {
        let same = fs::read(own.join(name)).unwrap() == fs::read(specification.join(name)).unwrap();
        assert!(same, "copy spec/vectors/{name} to normalize/vectors");
    }
}
