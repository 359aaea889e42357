#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

use super::{policy_from_str, policy_schema};
use crate::diagnostics::Sink;
use crate::schema::tests::value;
use crate::yaml;

const GOOD: &str = include_str!("../../tests/common/policy.yaml");

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&policy_schema()).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn as_json(source: &str) -> Value {
    value(&yaml::read(source, &mut Sink::new("policy.yaml", source)).unwrap())
}

/// `DEED_WRITE_SCHEMA=1` writes the file; without it, the two are compared.
#[test]
fn the_file_is_the_printed_schema() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/policy.schema.json");
    if std::env::var_os("DEED_WRITE_SCHEMA").is_some() {
        std::fs::write(&file, policy_schema()).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(written, policy_schema(), "write it again: DEED_WRITE_SCHEMA=1 cargo test -p deed-recipes schema");
}

#[test]
fn the_schema_takes_what_the_reader_takes_and_refuses_what_it_can() {
    let validator = validator();
    let errors: Vec<String> = validator.iter_errors(&as_json(GOOD)).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    for (from, to) in [
        ("  autonomy: manual\n", "  autonmy: manual\n"),
        ("autonomy: manual", "autonomy: automatic"),
        ("per_hour: 2,", "per_hour: -2,"),
        ("per_hour: 2,", "per_hour: two,"),
        ("allow: [publish.post,", "allow: [publish.psot,"),
        ("    publish.post: { per_hour", "    publish.pots: { per_hour"),
        ("    sun: [", "    sunday: ["),
        ("confidence_min: 0.6", "confidence_min: 60"),
        ("{ days: 7, max: 0.8 }", "{ max: 0.8 }"),
        ("text_max: 280", "text_maximum: 280"),
        ("22:00-07:00", "10 pm"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let source = GOOD.replacen(from, to, 1);
        assert!(!validator.is_valid(&as_json(&source)), "{to}");
        assert!(policy_from_str("policy.yaml", &source).is_err(), "{to}");
    }
}
