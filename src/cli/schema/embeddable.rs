//! Settings for schemas that are part of other documents.

use schemars::generate::SchemaSettings;

/// Without `$ref` and `$schema`, so that a schema can be part of another document.
pub(super) fn embeddable() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    })
}
