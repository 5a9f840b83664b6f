//! Effective settings and problems as text. Every secret is `***`.

use std::fmt::{self, Write};

use serde::Serialize;
use url::Url;

use super::key::SettingKey;

/// Replaces a secret.
pub(super) const MASK: &str = "***";

/// An effective setting.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    #[serde(serialize_with = "as_text")]
    pub key: SettingKey,
    /// `***` for a secret.
    pub value: serde_json::Value,
    /// The file or environment variable that set it.
    pub set_in: String,
}

fn as_text<S: serde::Serializer>(key: &SettingKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

/// One problem of a configuration, in one line. It never contains a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// The setting as it is written in TOML, or the path of an unreadable file.
    pub key: String,
    /// The file or environment variable that set it, if any did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_in: Option<String>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.set_in {
            Some(source) => write!(f, "{} ({source}): {}", self.key, self.message),
            None => write!(f, "{}: {}", self.key, self.message),
        }
    }
}

/// All problems of a configuration, one line each. The process exits with
/// [`EX_CONFIG`](super::EX_CONFIG).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ConfigProblems(pub Vec<ConfigProblem>);

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigProblems {}

/// The settings as TOML, each with a comment that names its source. The comment goes above a line
/// that would otherwise be wider than `width`; without a width, it is always beside it.
pub fn as_toml(settings: &[Setting], width: Option<usize>) -> String {
    let mut tables: Vec<(SettingKey, Vec<&Setting>)> = Vec::new();
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
            // Strings, numbers and lists of strings are written alike in JSON and in TOML.
            let line = format!("{} = {}", row.key.name(), row.value);
            let beside = format!("{line:<44}  # {}", row.set_in);
            let _ = if width.is_none_or(|width| beside.chars().count() <= width) {
                writeln!(text, "{beside}")
            } else {
                writeln!(text, "# {}\n{line}", row.set_in)
            };
        }
    }
    text
}

/// A URL with its password and the secrets in its query masked.
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
