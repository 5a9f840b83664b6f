use std::time::{Duration, Instant};

use serde_json::json;

use super::{Catalogue, OperationSpec, Problem};
use crate::job::{Kind, Provider, Until};

fn operation(name: &'static str, schema: serde_json::Value) -> OperationSpec {
    OperationSpec::new(name, Kind::Create, Provider::Alibaba, Until::Accepted, schema)
}

fn shown(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect()
}

#[test]
fn every_problem_is_reported_with_its_path() {
    let operation = operation(
        "x.Make",
        json!({
            "type": "object", "additionalProperties": false, "required": ["Comment"],
            "properties": {
                "Comment": {"type": "string"},
                "Mode": {"enum": ["FAST", "SLOW"]},
                "Day": {"type": "string", "pattern": "^[0-9]+$", "x-expects": "digits"},
                "Items": {"type": "array", "maxItems": 3, "uniqueItems": true,
                    "items": {"type": "integer", "minimum": 1}},
            },
        }),
    );
    let params = json!({"Coment": 1, "Mode": "FSAT", "Day": "x", "Items": [2, 0, "3", 2],
        "a b": 1});
    assert_eq!(
        shown(&operation.check_params(&params)),
        [
            "$.params.Coment is not a field of this request; did you mean `Comment`?",
            "$.params.Comment is missing",
            "$.params.Day must be digits, not `x`",
            "$.params.Items has 4 items; at most 3 are allowed",
            "$.params.Items[1] must be at least 1, not 0",
            "$.params.Items[2] must be an integer, not the string `3`",
            "$.params.Items[3] is 2 again; each may occur once",
            "$.params.Mode must be one of FAST, SLOW, not `FSAT`; did you mean `FAST`?",
            "$.params[\"a b\"] is not a field of this request; \
             allowed are Comment, Day, Items, Mode",
        ]
    );
    assert_eq!(
        shown(&operation.check_params(&json!([]))),
        ["$.params must be an object, not an array"]
    );
    assert!(operation.check_params(&json!({"Comment": "fine"})).is_empty());
}

#[test]
fn the_number_of_reported_problems_is_limited() {
    let operation =
        operation("x.Make", json!({"properties": {"A": {}}, "additionalProperties": false}));
    let params: serde_json::Map<_, _> = (0..5000).map(|n| (n.to_string(), json!(n))).collect();
    let problems = operation.check_params(&params.into());
    assert_eq!(problems.len(), 51);
    assert_eq!(problems[50].message, "has 4950 more problems");
}

#[test]
fn a_repeated_item_among_49_000_is_found_quickly() {
    let operation =
        operation("x.Make", json!({"properties": {"Items": {"maxItems": 3, "uniqueItems": true}}}));
    let items: Vec<String> = (0..49_000).chain([7]).map(|number| number.to_string()).collect();
    let begun = Instant::now();
    let problems = shown(&operation.check_params(&json!({"Items": items})));
    assert!(begun.elapsed() < Duration::from_secs(5), "took {:?}", begun.elapsed());
    assert_eq!(
        problems,
        [
            "$.params.Items has 49001 items; at most 3 are allowed",
            "$.params.Items[49000] is `7` again; each may occur once",
        ]
    );
}

#[test]
fn of_very_many_values_only_the_first_error_is_reported() {
    let operation = operation("x.Make", json!({"items": {"type": "string"}}));
    let problems = operation.check_params(&vec![json!(1); 60_000].into());
    assert_eq!(shown(&problems), ["$.params[0] must be a string, not 1"]);
}

#[test]
fn items_that_only_json_schema_treats_as_equal_are_reported() {
    let operation = operation("x.Make", json!({"uniqueItems": true}));
    assert_eq!(
        shown(&operation.check_params(&json!([1, 1.0]))),
        ["$.params has equal items; each may occur once"]
    );
}

#[test]
fn an_invalid_schema_rejects_everything() {
    let operation = operation("x.Make", json!({"type": "nonsense"}));
    assert_eq!(operation.check_params(&json!({})).len(), 1);
}

#[test]
fn a_rule_adds_to_the_problems_of_the_schema() {
    let operation = operation("x.Make", json!({"required": ["A"]}))
        .with_rule(|_, found| found.add(|| Problem::new("$.params.B", "is odd")));
    assert_eq!(
        shown(&operation.check_params(&json!({}))),
        ["$.params.A is missing", "$.params.B is odd"]
    );
}

#[test]
fn the_catalogue_suggests_the_most_similar_name() {
    let catalogue = Catalogue::new(vec![
        operation("dms.CreateOrder", json!({})),
        operation("dataworks.DeployDISyncTask", json!({})),
    ]);
    assert!(catalogue.get("dms.CreateOrder").is_some());
    assert!(catalogue.get("dms.createorder").is_none());
    assert_eq!(catalogue.iter().count(), 2);
    assert_eq!(catalogue.suggest("dms.createOrdr"), Some("dms.CreateOrder"));
    assert_eq!(catalogue.suggest("CreateOrder"), Some("dms.CreateOrder"));
    assert_eq!(catalogue.suggest("DeployDiSyncTask"), Some("dataworks.DeployDISyncTask"));
    assert_eq!(catalogue.suggest("rds.DropEverything"), None);
}
