use std::collections::BTreeMap;

use jiff::Timestamp;
use jsonschema::Validator;
use serde_json::{Value, json};

use super::schema;
use crate::cloud::operations;
use crate::job::AccessPolicy;
use crate::job::message::{Envelope, MessageValidator, Rejection, Submission};
use crate::job::{Kind, Provider, Trace};

fn validator() -> Validator {
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema(&operations::catalogue()))
        .unwrap()
}

fn read(job: &Value) -> Result<Submission, Box<Rejection>> {
    let accounts = [("ali", Provider::Alibaba), ("hw", Provider::Huawei)];
    let accounts: BTreeMap<String, Provider> =
        accounts.into_iter().map(|(name, provider)| (name.to_owned(), provider)).collect();
    let validator = MessageValidator {
        catalogue: operations::catalogue(),
        accounts,
        users: AccessPolicy::default(),
        max_bytes: 1 << 20,
    };
    let kind = job["operation"].as_str().and_then(|name| validator.catalogue.get(name));
    let kind = kind.map_or(Kind::Create, |operation| operation.kind);
    let body = job.to_string();
    let envelope = Envelope {
        body: body.as_bytes(),
        content_type: None,
        content_encoding: None,
        message_id: None,
        correlation_id: None,
        reply_to: None,
        user_id: None,
        trace: Trace::default(),
    };
    validator.read(kind, &envelope, Timestamp::UNIX_EPOCH)
}

fn ticket() -> Value {
    of(
        "dms.CreateOrder",
        json!({
            "Comment": "c", "PluginType": "NDDL",
            "PluginParam": { "title": "t", "dbId": 1, "logic": false },
        }),
    )
}

fn of(operation: &str, params: Value) -> Value {
    json!({ "id": "chg-1", "operation": operation, "params": params })
}

fn with(fields: Value) -> Value {
    let mut job = ticket();
    job.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    job
}

fn without(field: &str) -> Value {
    let mut job = ticket();
    job.as_object_mut().unwrap().remove(field);
    job
}

fn plugin(kind: &str, param: Value) -> Value {
    of("dms.CreateOrder", json!({ "Comment": "c", "PluginType": kind, "PluginParam": param }))
}

fn publish(fields: Value) -> Value {
    let mut params =
        json!({ "OrderId": 1, "DbId": 2, "Logic": false, "PublishStrategy": "IMMEDIATELY" });
    params.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    of("dms.CreatePublishGroupTask", params)
}

fn deploy(ids: Value) -> Value {
    of("dataarts.DeployReleasePackages", json!({ "package_ids": ids }))
}

fn di(file: Value) -> Value {
    let params = json!({ "ProjectId": 1, "TaskType": "DI_REALTIME", "FileId": file });
    of("dataworks.DeployDISyncTask", params)
}

fn good() -> Vec<Value> {
    let db = json!([{ "dbId": 1, "logic": false }]);
    let many: Vec<String> = (1..=100).map(|id: u32| id.to_string()).collect();
    vec![
        ticket(),
        with(json!({ "id": "A-Za-z0-9._:/-" })),
        with(json!({ "id": "x".repeat(128) })),
        with(json!({ "account": "ali", "until": "finished", "metadata": null })),
        with(json!({ "not_before": "2026-12-01t02:00:00.25z" })),
        with(
            json!({ "not_before": "2026-12-01T02:00:00Z", "deadline": "2026-12-02T00:00:00+08:00" }),
        ),
        with(json!({ "metadata": [1, "a", { "b": false }] })),
        plugin("DC_COMMON", json!({ "execSQL": "x", "dbItemList": db })),
        plugin(
            "DC_COMMON",
            json!({ "sqlType": "ATTACHMENT", "attachmentName": "k", "dbItemList": db }),
        ),
        plugin("DC_CHUNK", json!({ "execSQL": "x", "dbItemList": db })),
        plugin("DATA_EXPORT", json!({ "exeSQL": "x", "dbId": 1, "logic": true })),
        plugin("PERM_APPLY", json!({ "whatever": [1.5] })),
        plugin("OWNER_APPLY", json!({})),
        of(
            "dms.CreateFreeLockCorrectOrder",
            json!({
                "Comment": "c", "RelatedUserList": [1, 2],
                "Param": { "ExecSQL": "x", "SqlType": "TEXT", "DbItemList": [{ "DbId": 1, "Logic": false }] },
            }),
        ),
        publish(json!({})),
        publish(json!({ "PublishStrategy": "REGULARLY", "PlanTime": "2026-10-10 00:00:00" })),
        di(json!(7)),
        deploy(json!(["23"])),
        deploy(json!(many)),
    ]
}

fn bad() -> Vec<Value> {
    let many: Vec<String> = (1..=101).map(|id: u32| id.to_string()).collect();
    vec![
        json!([]),
        json!("x"),
        json!({}),
        without("operation"),
        without("params"),
        with(json!({ "id": "" })),
        with(json!({ "id": "a b" })),
        with(json!({ "id": "x".repeat(129) })),
        with(json!({ "id": null })),
        with(json!({ "id": 1 })),
        with(json!({ "operation": "dms.CreateOrdr" })),
        with(json!({ "operation": ["dms.CreateOrder"] })),
        with(json!({ "account": null })),
        with(json!({ "account": 1 })),
        with(json!({ "params": null })),
        with(json!({ "params": [] })),
        with(json!({ "until": "done" })),
        with(json!({ "until": null })),
        with(json!({ "not_before": null })),
        with(json!({ "not_before": 1 })),
        with(json!({ "not_before": "2026-12-01T02:00:00" })),
        with(json!({ "not_before": "2026-12-01" })),
        with(json!({ "deadline": "20261201T020000Z" })),
        with(json!({ "deadline": "2026-12-01 02:00:00Z" })),
        with(json!({ "deadline": "2026-02-30T02:00:00Z" })),
        with(json!({ "deadline": "tomorrow" })),
        with(json!({ "notBefore": "2026-12-01T02:00:00Z" })),
        with(json!({ "host": "evil.example" })),
        with(json!({ "Action": "DeleteUser" })),
        plugin("NDLD", json!({})),
        plugin("NDDL", json!({ "title": "", "dbId": 0, "logic": "no" })),
        plugin("DC_COMMON", json!({ "dbItemList": [] })),
        plugin("DATA_EXPORT", json!({ "execSQL": "x", "dbId": 1, "logic": true })),
        publish(json!({ "PublishStrategy": "REGULARLY" })),
        publish(json!({ "PlanTime": "soon" })),
        publish(json!({ "OrderId": 1.5 })),
        publish(json!({ "AccessKeyId": "x" })),
        di(json!("7")),
        di(json!(0)),
        deploy(json!([])),
        deploy(json!([23])),
        deploy(json!(["7", "7"])),
        deploy(json!(many)),
    ]
}

#[test]
fn the_schema_accepts_exactly_the_jobs_that_the_worker_accepts() {
    let validator = validator();
    for (jobs, accepted) in [(good(), true), (bad(), false)] {
        for job in jobs {
            let read = read(&job);
            assert_eq!(read.is_ok(), accepted, "{job:#}: {:?}", read.err().map(|r| r.problems));
            let errors: Vec<String> =
                validator.iter_errors(&job).map(|error| error.to_string()).collect();
            assert_eq!(errors.is_empty(), accepted, "{job:#}: {errors:?}");
        }
    }
}

#[test]
fn the_worker_also_rejects_what_a_schema_cannot_express() {
    let validator = validator();
    let backwards =
        json!({ "not_before": "2026-12-02T00:00:00Z", "deadline": "2026-12-01T00:00:00Z" });
    let beyond = [
        ("accounts are configured", with(json!({ "account": "missing" }))),
        ("providers of accounts are configured", with(json!({ "account": "hw" }))),
        ("a schema does not compare fields", with(backwards)),
        ("a schema does not measure JSON", with(json!({ "metadata": "m".repeat(4095) }))),
        ("17.0 is an integer in a schema", publish(json!({ "OrderId": 17.0 }))),
        (
            "integers in a schema have no size",
            publish(json!({ "Tid": 10_000_000_000_000_000_000_u64 })),
        ),
        ("this time format has no `format`", publish(json!({ "PlanTime": "2026-02-30 00:00:00" }))),
        ("message_id can replace it", without("id")),
    ];
    for (why, job) in beyond {
        assert!(read(&job).is_err(), "accepted ({why}): {job:#}");
        assert!(validator.is_valid(&job), "rejected by the schema ({why}): {job:#}");
    }
}

#[test]
fn every_field_of_the_schema_is_a_described_field_of_a_job() {
    let schema = schema(&operations::catalogue());
    let fields = schema["properties"].as_object().unwrap();
    assert_eq!(fields.len(), 8);
    for (name, field) in fields {
        assert!(field["description"].is_string(), "{name}");
        let rejection = read(&with(json!({ name.as_str(): [] }))).err().into_iter();
        let unknown =
            rejection.flat_map(|r| r.problems).find(|p| p.message.contains("not a field"));
        assert_eq!(unknown, None);
    }
    assert_eq!(schema["additionalProperties"], false);
}
