//! JSON Schema of a job message.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::embeddable::embeddable;
use crate::job::{AccountName, Catalogue, JobId, OperationSpec, Until};

/// RFC 3339, for validators that ignore `format`.
const TIME: &str = r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$";

/// A ticket job, the body of a message with content type `application/json`.
///
/// The worker also checks what a schema cannot express: `metadata` is at most 4 KiB of compact JSON,
/// a body at most 1 MiB unless configured otherwise; `deadline` is after `not_before`; no top-level
/// field occurs twice; numbers in `params` are integers of at most 64 bits; times in `params` exist
/// in the calendar; the account is configured; the routing key is the kind of the operation.
#[expect(dead_code, reason = "messages are parsed field by field; this type only describes them")]
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Job", extend("required" = ["operation", "params"]))]
struct JobFields {
    /// The idempotency key: the same id with the same content is the same job. Optional if the
    /// message's `message_id` property is set.
    id: JobId,
    /// The operation to perform.
    operation: String,
    /// The configured account that makes the call. Optional if exactly one account has the
    /// operation's provider.
    account: AccountName,
    /// The provider's documented request, with its names and nesting.
    params: Map<String, Value>,
    /// The state in which the job ends. Each operation has its own default.
    until: Until,
    /// The earliest time of the call.
    #[schemars(extend("pattern" = TIME))]
    not_before: Timestamp,
    /// After this time, no call is made and nothing is polled.
    #[schemars(extend("pattern" = TIME))]
    deadline: Timestamp,
    /// Any JSON up to 4 KiB, echoed in every event.
    metadata: Value,
}

/// A job with the parameters of each operation.
pub(super) fn schema(catalogue: &Catalogue) -> Value {
    let mut schema = embeddable().into_generator().into_root_schema_for::<JobFields>().to_value();
    let names: Vec<&str> = catalogue.iter().map(|operation| operation.name).collect();
    schema["properties"]["operation"]["enum"] = json!(names);
    schema["allOf"] = catalogue.iter().map(rule).collect();
    schema
}

/// The parameters of one operation.
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
