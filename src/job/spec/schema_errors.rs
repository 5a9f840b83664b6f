//! Turns the errors of the JSON Schema validator into problems: where, what, and what to write instead.
//!
//! Our schemas may have two extra keywords. `x-expects` beside `pattern` or `enum` describes the
//! expected value. `x-because` beside `required` gives the reason.

use std::collections::HashSet;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as ErrorKind};
use jsonschema::paths::LocationSegment;
use serde_json::Value;

use super::json_path::{child, truncate};
use super::problems::{Problem, Problems};
use crate::job::suggest::nearest;

/// Limit of the field names listed in a message; a longer list does not help.
const MAX_NAMES: usize = 16;

/// Adds the problems of one validation error.
pub(super) fn add(schema: &Value, error: &ValidationError<'_>, problems: &mut Problems) {
    match error.kind() {
        ErrorKind::AdditionalProperties { unexpected } => {
            let at = path(error);
            let allowed = names(siblings(schema, error).and_then(|node| node.get("properties")));
            for name in unexpected {
                problems.add(|| Problem::new(child(&at, name), unknown_field(name, &allowed)));
            }
        }
        ErrorKind::UniqueItems => repeated(&path(error), error.instance(), problems),
        _ => problems.add(|| problem(schema, error)),
    }
}

fn problem(schema: &Value, error: &ValidationError<'_>) -> Problem {
    let at = path(error);
    let node = siblings(schema, error);
    let word = |name: &str| node.and_then(|node| node.get(name)).and_then(Value::as_str);
    let message = match error.kind() {
        ErrorKind::Required { property } => {
            let reason = word("x-because").map(|why| format!(": {why}")).unwrap_or_default();
            let name = property.as_str().unwrap_or_default();
            return Problem::new(child(&at, name), format!("is missing{reason}"));
        }
        ErrorKind::Type { kind } => format!(
            "must be {}, not {}",
            word("x-expects").map_or_else(|| types(kind), str::to_owned),
            described(error.instance())
        ),
        ErrorKind::Enum { options } => not_an_option(error.instance(), options, word("x-expects")),
        ErrorKind::Pattern { pattern } => match word("x-expects") {
            Some(words) => format!("must be {words}, not {}", quoted(error.instance())),
            None => format!("must match `{pattern}`, not {}", quoted(error.instance())),
        },
        ErrorKind::Constant { expected_value } => format!("must be {expected_value}"),
        ErrorKind::Minimum { limit } => {
            format!("must be at least {limit}, not {}", error.instance())
        }
        ErrorKind::Maximum { limit } => {
            format!("must be at most {limit}, not {}", error.instance())
        }
        ErrorKind::MinLength { limit: 1 } => "is empty".into(),
        ErrorKind::MinLength { limit } => format!("must have at least {limit} characters"),
        ErrorKind::MaxLength { limit } => format!(
            "has {} characters; at most {limit} are allowed",
            error.instance().as_str().map_or(0, |text| text.chars().count())
        ),
        ErrorKind::MinItems { limit } => format!("must have at least {limit} {}", items(*limit)),
        ErrorKind::MaxItems { limit } => format!(
            "has {} items; at most {limit} are allowed",
            error.instance().as_array().map_or(0, Vec::len)
        ),
        _ => error.masked().to_string(),
    };
    Problem::new(at, message)
}

fn unknown_field(name: &str, allowed: &[&str]) -> String {
    let hint = match nearest(name, allowed.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if allowed.is_empty() || allowed.len() > MAX_NAMES => String::new(),
        None => format!("; allowed are {}", allowed.join(", ")),
    };
    format!("is not a field of this request{hint}")
}

fn not_an_option(value: &Value, options: &Value, expects: Option<&str>) -> String {
    let options: Vec<String> = options
        .as_array()
        .into_iter()
        .flatten()
        .filter(|option| !option.is_null())
        .map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned))
        .collect();
    let near = value.as_str().and_then(|text| nearest(text, options.iter().map(String::as_str)));
    let choice = expects.map_or_else(|| format!("one of {}", options.join(", ")), str::to_owned);
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("must be {choice}, not {}{hint}", quoted(value))
}

/// JSON Schema also treats `1` and `1.0` as equal, which differ here.
fn repeated(at: &str, value: &Value, problems: &mut Problems) {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut seen = HashSet::with_capacity(items.len());
    let mut again = items.iter().enumerate().filter(|(_, item)| !seen.insert(*item)).peekable();
    if again.peek().is_none() {
        problems.add(|| Problem::new(at, "has equal items; each may occur once"));
    }
    for (index, item) in again {
        problems.add(|| {
            let message = format!("is {} again; each may occur once", quoted(item));
            Problem::new(format!("{at}[{index}]"), message)
        });
    }
}

/// The schema object that contains the failed keyword.
fn siblings<'a>(schema: &'a Value, error: &ValidationError<'_>) -> Option<&'a Value> {
    let keyword = error.schema_path().as_str();
    let (parent, _) = keyword.rsplit_once('/')?;
    // `required` is reported either at the keyword or at the name inside its list.
    match schema.pointer(parent)? {
        Value::Array(_) => schema.pointer(parent.rsplit_once('/')?.0),
        node => Some(node),
    }
}

fn names(properties: Option<&Value>) -> Vec<&str> {
    properties
        .and_then(Value::as_object)
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

fn path(error: &ValidationError<'_>) -> String {
    error.instance_path().segments().fold("$.params".to_owned(), |path, segment| match segment {
        LocationSegment::Property(name) => child(&path, &name),
        LocationSegment::Index(index) => format!("{path}[{index}]"),
    })
}

fn types(kind: &TypeKind) -> String {
    let named = |name: String| match name.as_str() {
        "array" | "integer" | "object" => format!("an {name}"),
        _ => format!("a {name}"),
    };
    match kind {
        TypeKind::Single(kind) => named(kind.to_string()),
        TypeKind::Multiple(kinds) => kinds
            .iter()
            .map(|kind| kind.to_string())
            .filter(|name| name != "null")
            .map(named)
            .collect::<Vec<_>>()
            .join(" or "),
    }
}

fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
        Value::String(_) => format!("the string {}", quoted(value)),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", truncate(text)),
        other => truncate(&other.to_string()),
    }
}

fn items(count: u64) -> &'static str {
    if count == 1 { "item" } else { "items" }
}
