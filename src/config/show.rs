//! The effective settings as text, for people; every secret is `***`.

use std::fmt::Write;

use serde::Serialize;
use url::Url;

use super::key::Key;

/// What stands in the place of a secret.
pub(super) const MASK: &str = "***";

/// As wide as a line may be, in characters.
const TERMINAL: usize = 100;

/// A setting as it takes effect, fit to be shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// Where it stands.
    #[serde(serialize_with = "as_text")]
    pub key: Key,
    /// Its value; `***` for a secret.
    pub value: serde_json::Value,
    /// The file or environment variable that set it.
    pub set_in: String,
}

fn as_text<S: serde::Serializer>(key: &Key, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

/// The settings as TOML, each with a comment that tells who set it.
pub fn as_toml(settings: &[Setting]) -> String {
    let mut tables: Vec<(Key, Vec<&Setting>)> = Vec::new();
    for setting in settings {
        let table = setting.key.table();
        match tables.iter_mut().find(|(known, _)| *known == table) {
            Some((_, rows)) => rows.push(setting),
            None => tables.push((table, vec![setting])),
        }
    }
    let mut text = String::new();
    for (table, rows) in tables {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}[{table}]");
        for row in rows {
            // Text, numbers and lists of text are written alike in JSON and in TOML.
            let line = format!("{} = {}", row.key.name(), row.value);
            let beside = format!("{line:<44}  # {}", row.set_in);
            let _ = match beside.chars().count() {
                0..=TERMINAL => writeln!(text, "{beside}"),
                _ => writeln!(text, "# {}\n{line}", row.set_in),
            };
        }
    }
    text
}

/// A URL without its secrets: its password, and what its query says about passwords.
pub(super) fn masked(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return MASK.to_owned() };
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return MASK.to_owned();
    }
    if let Some(query) = url.query().map(str::to_owned) {
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
            Some(_) | None => pair.to_owned(),
        });
        url.set_query(Some(&pairs.collect::<Vec<_>>().join("&")));
    }
    url.to_string()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "secret", "token", "key"].iter().any(|word| name.contains(word))
}
