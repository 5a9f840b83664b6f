//! JSON Schema of a job message.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::plain;
use crate::job::{AccountName, Catalogue, JobId, OperationSpec, Until};

/// RFC 3339, for validators that take no notice of `format`.
const TIME: &str = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$";

/// A ticket job, the body of a message with content type `application/json`.
///
/// A schema can't say everything: `metadata` is at most 4 KiB of compact JSON, a body 1 MiB unless
/// configured otherwise; `deadline` is after `not_before`; no field of the top level stands twice;
/// numbers in `params` are integers of at most 64 bits; times in `params` are on the calendar; and
/// which accounts there are, and which routing key an operation goes by, is known to the worker.
#[expect(dead_code, reason = "messages are read field by field; this is their form")]
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Job", extend("required" = ["operation", "params"]))]
struct Job {
    /// The idempotency key: the same id with the same content is the same job. May be left out if
    /// the message's `message_id` property is set.
    id: JobId,
    /// What to do.
    operation: String,
    /// The configured account that makes the call. May be left out when exactly one is of the
    /// operation's provider.
    account: AccountName,
    /// The provider's documented request, in its own names and nesting.
    params: Map<String, Value>,
    /// How far the job is followed. Each operation has its own default.
    until: Until,
    /// The earliest moment of the call.
    #[schemars(extend("pattern" = TIME))]
    not_before: Timestamp,
    /// The moment after which no call is made and nothing is followed any more.
    #[schemars(extend("pattern" = TIME))]
    deadline: Timestamp,
    /// Any JSON up to 4 KiB, echoed in every event.
    metadata: Value,
}

/// The form of a job, with each operation's parameters.
pub(super) fn schema(catalogue: &Catalogue) -> Value {
    let mut schema = plain().into_generator().into_root_schema_for::<Job>().to_value();
    let names: Vec<&str> = catalogue.iter().map(|operation| operation.name).collect();
    schema["properties"]["operation"]["enum"] = json!(names);
    schema["allOf"] = catalogue.iter().map(rule).collect();
    schema
}

/// What one operation asks of a job.
fn rule(operation: &OperationSpec) -> Value {
    json!({
        "if": { "properties": { "operation": { "const": operation.name } },
            "required": ["operation"] },
        "then": { "properties": {
            "params": operation.schema,
            "until": { "default": operation.default_until },
        } },
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
