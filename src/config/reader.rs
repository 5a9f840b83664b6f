//! Reads settings one by one and collects known keys, values and problems.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use figment::value::{Dict, Value};

use super::display::{ConfigProblem, Setting};
use super::durations;
use super::key::SettingKey;
use super::layers::{Found, Layers, VARIABLE_PREFIX};
use super::value::{ConfigValue, mismatch};
use crate::job::suggest::nearest;

pub(super) struct Reader<'a> {
    pub(super) layers: &'a Layers,
    /// Contains the secrets that are written as `{ env = "NAME" }`.
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) asked: BTreeSet<SettingKey>,
    /// Keys that are known but not allowed in their place; they are never suggested.
    pub(super) refused: BTreeSet<SettingKey>,
    /// Variables that contain secrets; their names can have the prefix of settings.
    pub(super) secret_variables: BTreeSet<String>,
    pub(super) settings: Vec<Setting>,
    pub(super) problems: Vec<ConfigProblem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layers: &'a Layers, environment: &'a BTreeMap<String, String>) -> Self {
        Self {
            layers,
            environment,
            asked: BTreeSet::new(),
            refused: BTreeSet::new(),
            secret_variables: BTreeSet::new(),
            settings: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Reads an optional setting.
    pub(super) fn get<T: ConfigValue>(&mut self, key: &SettingKey) -> Option<T> {
        self.get_if(key, |_| Ok(()))
    }

    /// Reads an optional setting and checks its value.
    pub(super) fn get_if<T: ConfigValue>(
        &mut self,
        key: &SettingKey,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> Option<T> {
        let layers = self.layers;
        let value = self.find(key)?;
        let parsed = match value.as_str().filter(|_| layers.is_from_environment(value)) {
            Some(text) => T::from_text(text),
            None => T::from_toml(value),
        };
        match parsed.and_then(|parsed| check(&parsed).map(|()| parsed)) {
            Ok(parsed) => {
                self.record(key, parsed.display(), layers.source(value));
                Some(parsed)
            }
            Err(message) => {
                self.reject(key, message);
                None
            }
        }
    }

    /// Reads an optional setting with a default.
    pub(super) fn get_or<T: ConfigValue>(&mut self, key: &SettingKey, default: T) -> T {
        let set = self.is_set(key);
        let read = self.get(key);
        if !set {
            self.record(key, default.display(), None);
        }
        read.unwrap_or(default)
    }

    /// Reads a required setting.
    pub(super) fn need<T: ConfigValue>(&mut self, key: &SettingKey) -> Option<T> {
        self.need_if(key, |_| Ok(()))
    }

    /// Reads a required setting and checks its value.
    pub(super) fn need_if<T: ConfigValue>(
        &mut self,
        key: &SettingKey,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> Option<T> {
        self.require(key);
        self.get_if(key, check)
    }

    /// Reports a missing setting.
    pub(super) fn require(&mut self, key: &SettingKey) {
        if matches!(self.layers.find(key), Found::Nothing) {
            self.reject(key, "is missing");
        }
    }

    pub(super) fn is_set(&self, key: &SettingKey) -> bool {
        matches!(self.layers.find(key), Found::Value(_))
    }

    /// The index of the layer that set a key, if any did.
    pub(super) fn layer_index(&self, key: &SettingKey) -> Option<usize> {
        match self.layers.find(key) {
            Found::Value(value) => self.layers.layer_index(value),
            Found::Nothing | Found::NotATable(..) => None,
        }
    }

    /// Another setting for a message: its key, its value and, unless built in, its source.
    pub(super) fn describe_source(&self, key: &str, value: Duration) -> String {
        let value = durations::format(value);
        match self.layers.find(&SettingKey::from(key)) {
            Found::Value(found) if self.layer_index(&SettingKey::from(key)) > Some(0) => {
                let source = self.layers.source(found).unwrap_or_default();
                format!("{key} ({value} in {source})")
            }
            Found::Value(_) | Found::Nothing | Found::NotATable(..) => format!("{key} ({value})"),
        }
    }

    /// The names of the tables in a table.
    pub(super) fn names(&mut self, key: &SettingKey) -> Vec<String> {
        self.refused.insert(key.clone());
        match self.layers.find(key) {
            Found::Value(Value::Dict(_, table)) => table.keys().cloned().collect(),
            Found::Value(other) => {
                self.reject(key, mismatch("a table", other));
                Vec::new()
            }
            Found::Nothing | Found::NotATable(..) => Vec::new(),
        }
    }

    /// Finds a key. A value in the place of a table is reported once.
    pub(super) fn find(&mut self, key: &SettingKey) -> Option<&'a Value> {
        self.asked.insert(key.clone());
        match self.layers.find(key) {
            Found::Value(value) => Some(value),
            Found::Nothing => None,
            Found::NotATable(above, value) => {
                if self.refused.insert(above.clone()) {
                    self.reject(&above, mismatch("a table", value));
                }
                None
            }
        }
    }

    /// Reports a known setting that is not allowed in this place.
    pub(super) fn refuse(&mut self, key: &SettingKey, message: &str) {
        self.refused.insert(key.clone());
        if self.is_set(key) {
            self.reject(key, message);
        }
    }

    /// Reports a problem of a setting.
    pub(super) fn reject(&mut self, key: &SettingKey, message: impl Into<String>) {
        let set_in = match self.layers.find(key) {
            Found::Value(value) => self.layers.source(value),
            Found::Nothing | Found::NotATable(..) => match self.layers.find(&key.table()) {
                Found::Value(table) => self.layers.source(table),
                Found::Nothing | Found::NotATable(..) => None,
            },
        };
        self.problems.push(ConfigProblem { key: key.to_string(), set_in, message: message.into() });
    }

    /// Keeps a value for `config print`. Without a source, it is a default of the program.
    pub(super) fn record(
        &mut self,
        key: &SettingKey,
        value: serde_json::Value,
        source: Option<String>,
    ) {
        let set_in = source.unwrap_or_else(|| "default".to_owned());
        self.settings.push(Setting { key: key.clone(), value, set_in });
    }

    /// Reports every key that no section reads.
    pub(super) fn reject_unknown(&mut self) {
        let root = self.layers.root();
        self.reject_unread(&SettingKey::from(""), root);
    }

    fn reject_unread(&mut self, table_key: &SettingKey, table: &Dict) {
        for (name, value) in table {
            let key = table_key.child(name);
            let is_table = self.asked.iter().chain(&self.refused).any(|other| key.is_above(other));
            match value {
                _ if self.asked.contains(&key) || self.is_secret_variable(value) => {}
                Value::Dict(_, below) if is_table => self.reject_unread(&key, below),
                _ if self.refused.contains(&key) => {}
                Value::Dict(..)
                | Value::String(..)
                | Value::Char(..)
                | Value::Bool(..)
                | Value::Num(..)
                | Value::Empty(..)
                | Value::Array(..) => {
                    let hint = self.hint(table_key, name);
                    self.reject(&key, format!("is not a setting{hint}"));
                }
            }
        }
    }

    fn is_secret_variable(&self, value: &Value) -> bool {
        self.layers.source(value).is_some_and(|source| self.secret_variables.contains(&source))
    }

    fn hint(&self, table: &SettingKey, name: &str) -> String {
        let depth = table.parts().len();
        let siblings = self.asked.iter().filter(|key| table.is_above(key));
        let names: BTreeSet<&str> = siblings.map(|key| key.parts()[depth].as_str()).collect();
        // The most likely mistake is one underscore: `TICKETD_BROKER_URL`.
        let underscore = self.asked.iter().find(|key| depth == 0 && key.parts().join("_") == name);
        if let Some(meant) = underscore {
            let variable = meant.parts().join("__").to_uppercase();
            return format!("; did you mean {}{variable}?", VARIABLE_PREFIX);
        }
        let close = nearest(name, names);
        close.map_or(String::new(), |close| format!("; did you mean {}?", table.child(close)))
    }
}
