//! JSON Schema of a result event.

use schemars::Schema;
use schemars::transform::RecursiveTransform;
use serde_json::{Value, json};

use super::embeddable::embeddable;
use crate::job::CloudEvent;

/// An event in CloudEvents' structured mode.
pub(super) fn schema() -> Value {
    let settings = embeddable()
        .for_serialize()
        .with_transform(RecursiveTransform(without_null as fn(&mut Schema)));
    let mut schema = settings.into_generator().into_root_schema_for::<CloudEvent>().to_value();
    schema["description"] = json!(
        "What happened to a job, as a CloudEvent 1.0: the body of a message with content type \
         application/cloudevents+json. Fields may be added; ignore unknown ones."
    );
    schema
}

/// Events leave out fields without a value; no field is null.
fn without_null(schema: &mut Schema) {
    let Some(Value::Array(types)) = schema.get_mut("type") else { return };
    types.retain(|name| name != "null");
    if let [only] = types.as_slice() {
        let only = only.clone();
        schema.insert("type".to_owned(), only);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
