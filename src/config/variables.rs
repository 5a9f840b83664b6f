//! Settings from the environment: `TICKETD_HTTP__TIMEOUT` is `http.timeout`.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};

use super::key::Key;

/// What the names of all our variables begin with.
pub(super) const PREFIX: &str = "TICKETD_";

/// The variables that are settings. Kubernetes gives every container variables that are named
/// after the services beside it; those of a service called `ticketd` are not settings.
pub(super) fn settings(
    environment: &BTreeMap<String, String>,
) -> impl Iterator<Item = (&String, &String)> {
    environment.iter().filter(|(name, _)| {
        name.strip_prefix(PREFIX).is_some_and(|rest| {
            let of_kubernetes = rest == "PORT"
                || rest == "SERVICE_HOST"
                || rest.starts_with("SERVICE_PORT")
                || (rest.starts_with("PORT_") && !rest.contains("__"));
            !rest.is_empty() && !of_kubernetes
        })
    })
}

/// The key a variable sets. Names that a variable can't spell (`dms-prod`, `dms.CreateOrder`) are
/// found by their likeness: case does not count, and `_` stands for `-` and `.` too.
pub(super) fn key(name: &str, root: &Dict, known_operations: &[&str]) -> Key {
    let mut table = Some(root);
    let mut parts: Vec<String> = Vec::new();
    for part in name.strip_prefix(PREFIX).unwrap_or(name).split("__") {
        let in_table = table.into_iter().flat_map(|table| table.keys().map(String::as_str));
        let operations = if parts == ["operations"] { known_operations } else { &[] };
        let names: Vec<&str> = in_table.chain(operations.iter().copied()).collect();
        let plain = part.to_lowercase();
        let exact = names.iter().find(|name| **name == plain);
        let alike = || names.iter().find(|name| likeness(name) == likeness(part));
        let chosen = exact.or_else(alike).map_or(plain.clone(), |name| (*name).to_owned());
        table = table.and_then(|table| table.get(&chosen)).and_then(Value::as_dict);
        parts.push(chosen);
    }
    Key::from(parts)
}

fn likeness(name: &str) -> String {
    name.to_lowercase().replace(['-', '.'], "_")
}

/// The tree a variable stands for. Text in braces is an inline table; all other text is kept as
/// it is, for the setting's own form decides how to read it.
pub(super) fn nest(key: &Key, text: &str) -> Dict {
    let parsed = text.trim_start().starts_with('{').then(|| text.parse::<Value>());
    let table = parsed.and_then(Result::ok).filter(|value| value.as_dict().is_some());
    let mut value = table.unwrap_or_else(|| Value::from(text));
    for part in key.parts().iter().skip(1).rev() {
        value = Value::from(Dict::from([(part.clone(), value)]));
    }
    Dict::from([(key.parts()[0].clone(), value)])
}
