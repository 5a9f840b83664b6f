//! Params: their JSON Schema, their reading, and the rules that several operations share.

use jiff::civil::DateTime;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::job::spec::{JsonPath, Problems};
use crate::job::{Failure, Job, Problem};

/// The JSON Schema of a type. Subschemas are inlined, so that a failed keyword finds the
/// annotations beside it.
pub(super) fn schema_of<P: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<P>().to_value()
}

/// A job's params, which were validated when the message was read.
pub(super) fn params_of<P: DeserializeOwned>(job: &Job) -> Result<P, Failure> {
    serde_json::from_value(job.params.clone())
        .map_err(|error| Failure::permanent("InvalidParams", format!("params: {error}")))
}

/// Reports fractions and integers beyond 64 bits. JSON Schema accepts `17.0` as an integer, the
/// providers do not.
pub(super) fn only_integers(params: &Value, found: &mut Problems) {
    only_integers_at(&JsonPath::Path("$.params"), params, found);
}

/// The same for the value at a path.
pub(super) fn only_integers_at(path: &JsonPath<'_>, value: &Value, found: &mut Problems) {
    match value {
        Value::Number(number) if number.as_i64().is_none() => found.add(|| {
            // The wording of the schema's own message: equal problems are reported once.
            let must = match number.as_f64() {
                Some(large) if large >= i64::MAX as f64 => format!("at most {}", i64::MAX),
                Some(low) if low < i64::MIN as f64 => format!("at least {}", i64::MIN),
                Some(_) | None => "an integer".to_owned(),
            };
            Problem::new(path.to_truncated_string(), format!("must be {must}, not {number}"))
        }),
        Value::Array(items) => (items.iter().enumerate()).for_each(|(index, item)| {
            only_integers_at(&JsonPath::Item(path, index), item, found);
        }),
        Value::Object(fields) => (fields.iter()).for_each(|(name, field)| {
            only_integers_at(&JsonPath::Field(path, name), field, found);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Reports a time of the documented form that no calendar has.
pub(super) fn existing_time(path: &str, value: &Value, found: &mut Problems) {
    let text = value.as_str().filter(|text| text.len() == "yyyy-MM-dd HH:mm:ss".len());
    if let Some(text) = text.filter(|text| DateTime::strptime("%Y-%m-%d %H:%M:%S", text).is_err()) {
        found
            .add(|| Problem::new(path, format!("must be an existing date and time, not `{text}`")));
    }
}
