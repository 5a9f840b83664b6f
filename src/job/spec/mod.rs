//! The specification of an operation: its name, kind, provider and the schema of its params.
//! `cloud::operations` defines one for each operation.

mod json_path;
mod problems;
mod schema_errors;

use serde_json::Value;

use super::suggest::nearest;
use super::{Kind, Provider, Until};
pub(super) use json_path::truncate;
pub use json_path::{JsonPath, child};
pub(super) use problems::{MAX_PROBLEMS, truncate_problems};
pub use problems::{Problem, Problems};

/// Params with more values than this get only the first schema error: the validator collects all
/// errors before it returns any, and there may be one for every value.
const MAX_VALUES_FULLY_CHECKED: usize = 50_000;

/// A check of params that a JSON Schema cannot express. It receives any params, valid or not, and does
/// not repeat what the schema reports.
pub type Rule = fn(&Value, &mut Problems);

/// An operation as producers see it.
#[derive(Debug)]
pub struct OperationSpec {
    /// The full name, for example `dms.CreateOrder`.
    pub name: &'static str,
    /// The kind, which producers route by.
    pub kind: Kind,
    /// The provider whose account it needs.
    pub provider: Provider,
    /// The `until` of a job that does not set it.
    pub default_until: Until,
    /// The JSON Schema of `params`. Messages are validated against it, and `ticketd schema job` prints it.
    pub schema: Value,
    validator: Result<jsonschema::Validator, String>,
    rules: Vec<Rule>,
}

impl OperationSpec {
    /// An operation whose params have this JSON Schema. An invalid schema rejects every job, so that a
    /// mistake in it never lets an unchecked call through.
    pub fn new(
        name: &'static str,
        kind: Kind,
        provider: Provider,
        default_until: Until,
        schema: Value,
    ) -> Self {
        let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string());
        Self { name, kind, provider, default_until, schema, validator, rules: Vec::new() }
    }

    /// Adds a rule.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Every problem of a job's `params`, ordered by path. Empty if they are valid.
    pub fn check_params(&self, params: &Value) -> Vec<Problem> {
        let validator = match &self.validator {
            Ok(validator) => validator,
            Err(error) => {
                let message =
                    format!("cannot be checked: the schema of {} is invalid: {error}", self.name);
                return vec![Problem::new("$.params", message)];
            }
        };
        let mut problems = Problems::default();
        let mut add = |error| schema_errors::add(&self.schema, &error, &mut problems);
        if count_values(params) > MAX_VALUES_FULLY_CHECKED {
            validator.validate(params).err().into_iter().for_each(&mut add);
        } else {
            validator.iter_errors(params).for_each(&mut add);
        }
        for rule in &self.rules {
            rule(params, &mut problems);
        }
        problems.sorted("$.params")
    }
}

/// The number of values inside a value, itself included.
fn count_values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count_values).sum(),
        Value::Object(fields) => fields.values().map(count_values).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The list of all operations.
#[derive(Debug)]
pub struct Catalogue {
    operations: Vec<OperationSpec>,
}

impl Catalogue {
    /// A catalogue of these operations, in the order of display.
    pub fn new(operations: Vec<OperationSpec>) -> Self {
        Self { operations }
    }

    /// The operation with this full name.
    pub fn get(&self, name: &str) -> Option<&OperationSpec> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    /// All operations.
    pub fn iter(&self) -> impl Iterator<Item = &OperationSpec> {
        self.operations.iter()
    }

    /// The operation with the most similar name, for a name that does not exist.
    pub fn suggest(&self, name: &str) -> Option<&'static str> {
        let bare = |full: &'static str| full.rsplit('.').next().unwrap_or(full);
        let last = name.rsplit('.').next().unwrap_or(name);
        let names = || self.operations.iter().map(|operation| operation.name);
        nearest(name, names()).or_else(|| {
            let meant = nearest(last, names().map(bare))?;
            names().find(|full| bare(full) == meant)
        })
    }
}

#[cfg(test)]
mod tests;
