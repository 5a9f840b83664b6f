//! What is known of an operation without asking anyone: its name, its kind, and the shape of its
//! parameters. The values are made in `cloud::operations`; this is the form they take.

mod json_path;
mod problems;
mod schema_errors;

use serde_json::Value;

use super::suggest::nearest;
use super::{Kind, Provider, Until};
pub(super) use json_path::cut;
pub use json_path::{JsonPath, child};
pub use problems::Problems;
pub(super) use problems::{MOST_PROBLEMS, bound};

/// One thing wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Problem {
    /// Where, as a JSON path: `$.params.PluginParam.dbItemList[0].dbId`.
    pub path: String,
    /// What is wrong and, where it can be told, what to write instead.
    pub message: String,
}

impl Problem {
    /// A problem at a path.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// With more values than this, only the first thing that the schema finds is told: the validator
/// makes all it finds before it hands out any, and that may be something about every value.
const MANY_VALUES: usize = 50_000;

/// What a JSON Schema can't say about parameters, as a check of its own. It is given whatever the
/// message holds, valid or not, and stays silent about what the schema already reports.
pub type Rule = fn(&Value, &mut Problems);

/// An operation as producers see it.
#[derive(Debug)]
pub struct OperationSpec {
    /// Its full name: `dms.CreateOrder`.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// Whose account it needs.
    pub provider: Provider,
    /// How far a job is followed that does not say.
    pub default_until: Until,
    /// JSON Schema of `params`, as `ticketd schema job` prints it and messages are checked by it.
    pub schema: Value,
    validator: Result<jsonschema::Validator, String>,
    rules: Vec<Rule>,
}

impl OperationSpec {
    /// An operation whose parameters have this JSON Schema. A schema that can't be used makes
    /// every job a rejected one, so a mistake in it can't let an unchecked call through.
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

    /// The same with one more rule.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Everything wrong with a job's `params`, ordered by path; empty when they are valid.
    pub fn check_params(&self, params: &Value) -> Vec<Problem> {
        let validator = match &self.validator {
            Ok(validator) => validator,
            Err(error) => {
                let message = format!("can't be checked: the schema of {} {error}", self.name);
                return vec![Problem::new("$.params", message)];
            }
        };
        let mut problems = Problems::default();
        let mut tell = |error| schema_errors::tell(&self.schema, &error, &mut problems);
        if values(params) > MANY_VALUES {
            validator.validate(params).err().into_iter().for_each(&mut tell);
        } else {
            validator.iter_errors(params).for_each(&mut tell);
        }
        for rule in &self.rules {
            rule(params, &mut problems);
        }
        problems.in_order("$.params")
    }
}

/// How many values there are in one, itself included.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(fields) => fields.values().map(values).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Every operation there is.
#[derive(Debug)]
pub struct Catalogue {
    operations: Vec<OperationSpec>,
}

impl Catalogue {
    /// A catalogue of these operations, in the order they are shown.
    pub fn new(operations: Vec<OperationSpec>) -> Self {
        Self { operations }
    }

    /// The operation with this full name.
    pub fn get(&self, name: &str) -> Option<&OperationSpec> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &OperationSpec> {
        self.operations.iter()
    }

    /// The operation somebody may have meant who wrote this name.
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
