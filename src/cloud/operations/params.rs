//! What the parameters of several operations have in common.

use jiff::civil::DateTime;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::job::spec::{JsonPath, Problems};
use crate::job::{Failure, Job, Problem};

/// The JSON Schema of a type, complete in itself, so that what stands beside a keyword can be read
/// where the keyword failed.
pub(super) fn schema_of<P: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<P>().to_value()
}

/// A job's parameters, which were checked when its message was read.
pub(super) fn read<P: DeserializeOwned>(job: &Job) -> Result<P, Failure> {
    serde_json::from_value(job.params.clone())
        .map_err(|error| Failure::permanent("InvalidParams", format!("params: {error}")))
}

/// Numbers that no documented request takes: fractions, and what 64 bits don't hold. JSON Schema
/// takes `17.0` for an integer, the providers do not.
pub(super) fn unfit_numbers(params: &Value, found: &mut Problems) {
    unfit_numbers_at(&JsonPath::Path("$.params"), params, found);
}

/// The same of a value at a place.
pub(super) fn unfit_numbers_at(place: &JsonPath<'_>, value: &Value, found: &mut Problems) {
    match value {
        Value::Number(number) if number.as_i64().is_none() => found.add(|| {
            // In the schema's own words where it has some: said twice, it is told once.
            let must = match number.as_f64() {
                Some(large) if large >= i64::MAX as f64 => format!("at most {}", i64::MAX),
                Some(low) if low < i64::MIN as f64 => format!("at least {}", i64::MIN),
                Some(_) | None => "an integer".to_owned(),
            };
            Problem::new(place.path(), format!("must be {must}, not {number}"))
        }),
        Value::Array(items) => (items.iter().enumerate())
            .for_each(|(index, item)| unfit_numbers_at(&JsonPath::Item(place, index), item, found)),
        Value::Object(fields) => (fields.iter()).for_each(|(name, field)| {
            unfit_numbers_at(&JsonPath::Field(place, name), field, found)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A time of the documented form that is on no calendar.
pub(super) fn impossible_time(path: &str, value: &Value, found: &mut Problems) {
    let text = value.as_str().filter(|text| text.len() == "yyyy-MM-dd HH:mm:ss".len());
    if let Some(text) = text.filter(|text| DateTime::strptime("%Y-%m-%d %H:%M:%S", text).is_err()) {
        found.add(|| Problem::new(path, format!("is no time on the calendar: `{text}`")));
    }
}
