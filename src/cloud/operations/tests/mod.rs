#![expect(clippy::unwrap_used, reason = "tests")]

pub(super) mod harness;
mod operator_input;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{catalogue, operations};

#[test]
fn every_operation_has_a_name_of_its_own_and_a_strict_schema() {
    let catalogue = catalogue();
    let names: BTreeSet<&str> = catalogue.iter().map(|operation| operation.name).collect();
    assert_eq!(names.len(), operations().len());
    for operation in catalogue.iter() {
        let problems = operation.check_params(&json!({}));
        assert!(!problems.is_empty(), "{} accepts anything", operation.name);
        for problem in problems {
            assert!(problem.message.starts_with("is missing"), "{}: {problem:?}", operation.name);
        }
        assert_eq!(operation.schema["additionalProperties"], json!(false));
    }
}

#[test]
fn params_that_name_an_action_a_key_or_a_host_are_rejected() {
    for operation in catalogue().iter() {
        for smuggled in ["Action", "AccessKeyId", "Signature", "RegionId", "endpoint", "Host"] {
            let problems = operation.check_params(&json!({smuggled: "x"}));
            let path = format!("$.params.{smuggled}");
            let found = problems.iter().find(|problem| problem.path == path);
            assert!(
                found.is_some_and(|p| p.message.starts_with("is not a field of this request")),
                "{} accepts {smuggled}: {problems:?}",
                operation.name
            );
        }
    }
}

#[test]
fn every_field_has_a_description() {
    fn undescribed(path: &str, schema: &serde_json::Value, found: &mut Vec<String>) {
        let Some(schema) = schema.as_object() else { return };
        for (name, property) in
            schema.get("properties").and_then(|p| p.as_object()).into_iter().flatten()
        {
            let path = format!("{path}.{name}");
            if property.get("description").is_none() {
                found.push(path.clone());
            }
            undescribed(&path, property, found);
            undescribed(&path, &property["items"], found);
        }
    }
    let mut found = vec![];
    for operation in catalogue().iter() {
        undescribed(operation.name, &operation.schema, &mut found);
    }
    assert_eq!(found, [""; 0]);
}

/// Params with a value in known and in unknown fields.
fn params_with(value: &Value) -> [Value; 4] {
    [
        json!({"PluginType": "DC_COMMON", "PluginParam": value}),
        json!({"PluginType": "DC_COMMON", "PluginParam": {"dbItemList": value}}),
        json!({"package_ids": value, "Param": {"DbItemList": value}}),
        value.clone(),
    ]
}

#[test]
fn the_problems_of_a_hostile_message_are_few_and_found_fast() {
    let fractions: Value = vec![json!(1.5); 250_000].into();
    let deep = (0..120).fold(fractions, |inner, n| json!({format!("{n:048}"): inner}));
    let wrong: Value = vec![json!({}); 250_000].into();
    for value in [deep, wrong] {
        for params in params_with(&value) {
            for operation in catalogue().iter() {
                let started = Instant::now();
                let problems = operation.check_params(&params);
                let took = started.elapsed();
                assert!(took < Duration::from_secs(5), "{} took {took:?}", operation.name);
                assert!(!problems.is_empty() && problems.len() <= 51, "{}", problems.len());
                let size: usize = problems.iter().map(|p| p.path.len() + p.message.len()).sum();
                assert!(size < 64 * 1024, "{} reports {size} bytes", operation.name);
            }
        }
    }
}
