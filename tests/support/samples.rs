//! Sample jobs of every operation, `until` finished by default.

use serde_json::{Value, json};
use ticketd::job::Kind;

/// The seven plugin types, each with a valid `PluginParam`.
pub(crate) fn plugin_params() -> [(&'static str, Value); 7] {
    let databases = json!([{ "dbId": 17, "logic": false }]);
    let rows = json!([{ "tableName": "t", "columnName": "made_at", "remainDays": 30 }]);
    let design = json!({ "title": "t", "description": "d", "dbId": 17, "logic": false });
    [
        ("DC_COMMON", json!({ "execSQL": "delete from t", "dbItemList": databases })),
        ("DC_CHUNK", json!({ "execSQL": "delete from t", "dbItemList": databases })),
        (
            "DC_CRON_CLEAR",
            json!({ "cronFormat": "0 1 21 * * ?", "dbItemList": databases,
                    "cronClearItemList": rows }),
        ),
        ("NDDL", design),
        ("DATA_EXPORT", json!({ "exeSQL": "select 1", "dbId": 17, "logic": false })),
        ("PERM_APPLY", json!({ "anything": true })),
        ("OWNER_APPLY", json!({ "anything": true })),
    ]
}

/// A ticket of a plugin type.
pub(crate) fn ticket(id: &str, plugin_type: &str, comment: &str) -> Value {
    let (_, param) = plugin_params().into_iter().find(|(name, _)| *name == plugin_type).unwrap();
    let params = json!({ "Comment": comment, "PluginType": plugin_type, "PluginParam": param });
    job(id, "dms.CreateOrder", params)
}

/// A ticket that changes data.
pub(crate) fn change(id: &str, comment: &str) -> Value {
    ticket(id, "DC_COMMON", comment)
}

/// A ticket that changes data without locking.
pub(crate) fn free_lock(id: &str, comment: &str) -> Value {
    let databases = json!([{ "DbId": 17, "Logic": false }]);
    let change = json!({ "ExecSQL": "delete from t", "SqlType": "TEXT", "DbItemList": databases });
    job(id, "dms.CreateFreeLockCorrectOrder", json!({ "Comment": comment, "Param": change }))
}

/// A publish of a schema design that the simulator has from its start: 70001 to 79999.
pub(crate) fn publish(id: &str, order: i64, database: i64) -> Value {
    let params = json!({
        "OrderId": order, "DbId": database, "Logic": false, "PublishStrategy": "IMMEDIATELY",
    });
    job(id, "dms.CreatePublishGroupTask", params)
}

/// A deploy of a DataWorks file: `DI_REALTIME` or `DI_SOLUTION`.
pub(crate) fn file(id: &str, task_type: &str, file: i64) -> Value {
    let params = json!({ "ProjectId": 10_000, "TaskType": task_type, "FileId": file });
    job(id, "dataworks.DeployDISyncTask", params)
}

/// A deploy of DataArts packages.
pub(crate) fn packages(id: &str, ids: &[&str]) -> Value {
    job(id, "dataarts.DeployReleasePackages", json!({ "package_ids": ids }))
}

/// The same job, `until` accepted.
pub(crate) fn accepted(job: Value) -> Value {
    with(job, "until", "accepted".into())
}

/// The same job with another value of a field.
pub(crate) fn with(mut job: Value, field: &str, value: Value) -> Value {
    job[field] = value;
    job
}

/// The kind of a job's operation.
pub(crate) fn kind(job: &Value) -> Kind {
    match job["operation"].as_str().unwrap() {
        "dms.CreatePublishGroupTask" => Kind::Publish,
        name if name.starts_with("dms.") => Kind::Create,
        _ => Kind::Deploy,
    }
}

fn job(id: &str, operation: &str, params: Value) -> Value {
    json!({ "id": id, "operation": operation, "until": "finished", "params": params })
}
