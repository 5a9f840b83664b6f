//! Secrets, which stand in the environment or in files of their own and never in ours.

use std::path::Path;

use figment::value::{Dict, Value};
use secrecy::ExposeSecret;

use super::forms::{Form, mismatch};
use super::key::Key;
use super::reader::Reader;
use super::show::{MASK, masked};
use crate::secret::{Secret, usable};

const HOW: &str = r#"write it as { env = "NAME" } or { file = "PATH" }"#;

impl Reader<'_> {
    /// A secret that may be left out.
    pub(super) fn secret(&mut self, key: &Key) -> Option<Secret> {
        let value = self.find(key)?;
        let place = self.layers.place(value);
        let source = place.as_deref().unwrap_or_default();
        let fetched = match value {
            Value::Dict(_, reference) => self.fetch(reference),
            Value::String(..) => Err(format!("a secret must not stand here; {HOW}")),
            Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => Err(format!("is not a secret; {HOW}")),
        };
        match fetched {
            Ok((secret, from)) => {
                self.record(key, MASK.into(), Some(format!("{from}, {source}")));
                Some(secret)
            }
            Err(message) => {
                self.reject(key, message);
                None
            }
        }
    }

    /// A secret that has to be there.
    pub(super) fn need_secret(&mut self, key: &Key) -> Option<Secret> {
        self.insist(key);
        self.secret(key)
    }

    /// A URL that may have a password in it: plain text, or kept like a secret. Comes with what
    /// `check` makes of it.
    pub(super) fn need_guarded_url<T>(
        &mut self,
        key: &Key,
        check: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<(Secret, T)> {
        self.insist(key);
        let value = self.find(key)?;
        let read = match value {
            Value::Dict(_, reference) => self.fetch(reference).map(|(url, _)| url),
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => String::read(value).map(Secret::from),
        };
        let checked = read.and_then(|url| {
            let checked = check(url.current().expose_secret())?;
            Ok((url, checked))
        });
        match checked {
            Ok((url, checked)) => {
                let shown = masked(url.current().expose_secret());
                self.record(key, shown.into(), self.layers.place(value));
                Some((url, checked))
            }
            // In a URL that is wrong, anything may be the password: it is not shown at all.
            Err(message) => {
                self.reject(key, message);
                None
            }
        }
    }

    /// Follows a reference; returns the secret and, for people, where it was.
    fn fetch(&mut self, reference: &Dict) -> Result<(Secret, String), String> {
        if let Some(other) = reference.keys().find(|name| *name != "env" && *name != "file") {
            return Err(format!("knows env and file, not {other:?}; {HOW}"));
        }
        match (reference.get("env"), reference.get("file")) {
            (Some(name), None) => self.in_variable(name),
            (None, Some(path)) => in_file(path),
            // A later layer may well keep a secret elsewhere.
            (Some(name), Some(path)) => {
                let (env, file) = (self.layers.height(name), self.layers.height(path));
                match env.cmp(&file) {
                    std::cmp::Ordering::Greater => self.in_variable(name),
                    std::cmp::Ordering::Less => in_file(path),
                    std::cmp::Ordering::Equal => {
                        Err(format!("has both env and file; choose one: {HOW}"))
                    }
                }
            }
            (None, None) => Err(format!("names no place; {HOW}")),
        }
    }

    fn in_variable(&mut self, name: &Value) -> Result<(Secret, String), String> {
        let name = name.as_str().ok_or_else(|| mismatch("env = \"NAME\"", name))?;
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(legal) {
            return Err("env has to be the name of an environment variable".into());
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
