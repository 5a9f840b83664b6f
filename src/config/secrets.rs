//! Secrets, which stand in the environment or in files of their own and never in ours.

use std::fs;

use figment::value::{Dict, Value};
use secrecy::SecretString;

use super::forms::{Form, mismatch};
use super::key::Key;
use super::reader::Reader;
use super::show::{MASK, masked};

const HOW: &str = r#"write it as { env = "NAME" } or { file = "PATH" }"#;

impl Reader<'_> {
    /// A secret that may be left out.
    pub(super) fn secret(&mut self, key: &Key) -> Option<SecretString> {
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
                Some(SecretString::from(secret))
            }
            Err(message) => {
                self.reject(key, message);
                None
            }
        }
    }

    /// A secret that has to be there.
    pub(super) fn need_secret(&mut self, key: &Key) -> Option<SecretString> {
        self.insist(key);
        self.secret(key)
    }

    /// A URL that may have a password in it: plain text, or kept like a secret. Comes with what
    /// `check` makes of it.
    pub(super) fn need_guarded_url<T>(
        &mut self,
        key: &Key,
        check: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<(String, T)> {
        self.insist(key);
        let value = self.find(key)?;
        let read = match value {
            Value::Dict(_, reference) => self.fetch(reference).map(|(url, _)| url),
            Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => String::read(value),
        };
        match read.and_then(|url| check(&url).map(|checked| (url, checked))) {
            Ok((url, checked)) => {
                self.record(key, masked(&url).into(), self.layers.place(value));
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
    fn fetch(&mut self, reference: &Dict) -> Result<(String, String), String> {
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

    fn in_variable(&mut self, name: &Value) -> Result<(String, String), String> {
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
        Ok((secret, format!("variable {name}")))
    }
}

fn in_file(path: &Value) -> Result<(String, String), String> {
    let path = path.as_str().ok_or_else(|| mismatch("file = \"PATH\"", path))?;
    let text = fs::read_to_string(path)
        .map_err(|cause| format!("needs the file {path:?}, which can't be read: {cause}"))?;
    let secret = usable(&text).map_err(|what| format!("the file {path:?} {what}"))?;
    Ok((secret, format!("file {path}")))
}

/// Editors and `echo` end a file with a line break that is no part of the secret.
fn usable(text: &str) -> Result<String, &'static str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        return Err("is empty");
    }
    if text.chars().any(char::is_control) {
        return Err("has more than one line or a control character");
    }
    Ok(text.to_owned())
}
