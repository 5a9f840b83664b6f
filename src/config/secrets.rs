//! Secrets, which are in environment variables or files and never in the configuration itself.

use std::path::Path;

use figment::value::{Dict, Value};
use secrecy::ExposeSecret;

use super::display::{MASK, masked};
use super::key::SettingKey;
use super::reader::Reader;
use super::value::{ConfigValue, mismatch};
use crate::secret::{Secret, usable};

const SYNTAX: &str = r#"write it as { env = "NAME" } or { file = "PATH" }"#;

impl Reader<'_> {
    /// Reads an optional secret.
    pub(super) fn secret(&mut self, key: &SettingKey) -> Option<Secret> {
        let value = self.find(key)?;
        let layer = self.layers.source(value).unwrap_or_default();
        let fetched = match value {
            Value::Dict(_, reference) => self.fetch(reference),
            Value::String(..) => Err(format!("a secret must not be written here; {SYNTAX}")),
            Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => Err(format!("is not a secret; {SYNTAX}")),
        };
        match fetched {
            Ok((secret, from)) => {
                self.record(key, MASK.into(), Some(format!("{from}, {layer}")));
                Some(secret)
            }
            Err(message) => {
                self.reject(key, message);
                None
            }
        }
    }

    /// Reads a required secret.
    pub(super) fn need_secret(&mut self, key: &SettingKey) -> Option<Secret> {
        self.require(key);
        self.secret(key)
    }

    /// Reads a required URL that can contain a password: as text, or as a reference to a secret.
    /// Returns it with the result of `check`.
    pub(super) fn need_url<T>(
        &mut self,
        key: &SettingKey,
        check: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<(Secret, T)> {
        self.require(key);
        let value = self.find(key)?;
        let read = match value {
            Value::Dict(_, reference) => self.fetch(reference).map(|(url, _)| url),
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => String::from_toml(value).map(Secret::from),
        };
        let checked = read.and_then(|url| {
            let checked = check(url.current().expose_secret())?;
            Ok((url, checked))
        });
        match checked {
            Ok((url, checked)) => {
                let masked = masked(url.current().expose_secret());
                self.record(key, masked.into(), self.layers.source(value));
                Some((url, checked))
            }
            // Any part of an invalid URL can be the password, so nothing of it is recorded.
            Err(message) => {
                self.reject(key, message);
                None
            }
        }
    }

    /// Follows a reference. Returns the secret and a description of its place.
    fn fetch(&mut self, reference: &Dict) -> Result<(Secret, String), String> {
        if let Some(other) = reference.keys().find(|name| *name != "env" && *name != "file") {
            return Err(format!("has the unknown key {other:?}; {SYNTAX}"));
        }
        match (reference.get("env"), reference.get("file")) {
            (Some(name), None) => self.in_variable(name),
            (None, Some(path)) => in_file(path),
            // A later layer can override the place of a secret.
            (Some(name), Some(path)) => {
                let (env, file) = (self.layers.layer_index(name), self.layers.layer_index(path));
                match env.cmp(&file) {
                    std::cmp::Ordering::Greater => self.in_variable(name),
                    std::cmp::Ordering::Less => in_file(path),
                    std::cmp::Ordering::Equal => {
                        Err(format!("has both env and file; choose one: {SYNTAX}"))
                    }
                }
            }
            (None, None) => Err(format!("is an empty table; {SYNTAX}")),
        }
    }

    fn in_variable(&mut self, name: &Value) -> Result<(Secret, String), String> {
        let name = name.as_str().ok_or_else(|| mismatch("env = \"NAME\"", name))?;
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(legal) {
            return Err("env must be the name of an environment variable".into());
        }
        self.secret_variables.insert(name.to_owned());
        let secret = self.environment.get(name).ok_or_else(|| {
            format!("needs the environment variable {name}, which is not set; export it")
        })?;
        let secret =
            usable(secret).map_err(|what| format!("the environment variable {name} {what}"))?;
        Ok((Secret::from(secret), format!("variable {name}")))
    }
}

fn in_file(path: &Value) -> Result<(Secret, String), String> {
    let path = path.as_str().ok_or_else(|| mismatch("file = \"PATH\"", path))?;
    Ok((Secret::from_file(Path::new(path))?, format!("file {path}")))
}
