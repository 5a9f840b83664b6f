//! Reads settings one by one, and keeps what was asked for, what was found and what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use figment::value::Value;

use super::durations;
use super::forms::{Form, mismatch};
use super::key::Key;
use super::layers::{Found, Layers};
use super::problem::Problem;
use super::show::Setting;

/// Goes through the layers on behalf of the sections, which say what they need.
pub(super) struct Reader<'a> {
    pub(super) layers: &'a Layers,
    /// What secrets may be taken from.
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) asked: BTreeSet<Key>,
    /// Keys that are known and have no place where they stand; not suggested to anyone.
    pub(super) refused: BTreeSet<Key>,
    /// Variables that hold secrets; their names may begin like a setting's.
    pub(super) secret_variables: BTreeSet<String>,
    pub(super) settings: Vec<Setting>,
    pub(super) problems: Vec<Problem>,
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

    /// A setting that may be left out.
    pub(super) fn get<T: Form>(&mut self, key: &Key) -> Option<T> {
        self.get_if(key, |_| Ok(()))
    }

    /// A setting that may be left out and has to pass a check.
    pub(super) fn get_if<T: Form>(
        &mut self,
        key: &Key,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> Option<T> {
        let layers = self.layers;
        let value = self.find(key)?;
        let read = match value.as_str().filter(|_| layers.is_of_environment(value)) {
            Some(text) => T::read_text(text),
            None => T::read(value),
        };
        match read.and_then(|read| check(&read).map(|()| read)) {
            Ok(read) => {
                self.record(key, read.show(), layers.place(value));
                Some(read)
            }
            Err(message) => {
                self.reject(key, message);
                None
            }
        }
    }

    /// A setting that may be left out and then has this value.
    pub(super) fn get_or<T: Form>(&mut self, key: &Key, default: T) -> T {
        let set = self.is_set(key);
        let read = self.get(key);
        if !set {
            self.record(key, default.show(), None);
        }
        read.unwrap_or(default)
    }

    /// A setting that has to be there.
    pub(super) fn need<T: Form>(&mut self, key: &Key) -> Option<T> {
        self.need_if(key, |_| Ok(()))
    }

    /// A setting that has to be there and to pass a check.
    pub(super) fn need_if<T: Form>(
        &mut self,
        key: &Key,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> Option<T> {
        self.insist(key);
        self.get_if(key, check)
    }

    /// Reports a setting that is not there.
    pub(super) fn insist(&mut self, key: &Key) {
        if matches!(self.layers.find(key), Found::Nothing) {
            self.reject(key, "is missing");
        }
    }

    /// Whether anything stands at a key.
    pub(super) fn is_set(&self, key: &Key) -> bool {
        matches!(self.layers.find(key), Found::Value(_))
    }

    /// How high the layer lies that set a key; none if nothing did.
    pub(super) fn height(&self, key: &Key) -> Option<usize> {
        match self.layers.find(key) {
            Found::Value(value) => self.layers.height(value),
            Found::Nothing | Found::Blocked(..) => None,
        }
    }

    /// Another setting that a problem has to do with, with its value and who set it.
    pub(super) fn told(&self, key: &str, value: Duration) -> String {
        let value = durations::format(value);
        match self.layers.find(&Key::from(key)) {
            Found::Value(found) if self.height(&Key::from(key)) > Some(0) => {
                let place = self.layers.place(found).unwrap_or_default();
                format!("{key} ({value} in {place})")
            }
            Found::Value(_) | Found::Nothing | Found::Blocked(..) => format!("{key} ({value})"),
        }
    }

    /// The names of the tables in a table.
    pub(super) fn names(&mut self, key: &Key) -> Vec<String> {
        self.refused.insert(key.clone());
        match self.layers.find(key) {
            Found::Value(Value::Dict(_, table)) => table.keys().cloned().collect(),
            Found::Value(other) => {
                self.reject(key, mismatch("a table", other));
                Vec::new()
            }
            Found::Nothing | Found::Blocked(..) => Vec::new(),
        }
    }

    /// What stands at a key; a value where a table should be is reported once.
    pub(super) fn find(&mut self, key: &Key) -> Option<&'a Value> {
        self.asked.insert(key.clone());
        match self.layers.find(key) {
            Found::Value(value) => Some(value),
            Found::Nothing => None,
            Found::Blocked(above, value) => {
                if self.refused.insert(above.clone()) {
                    self.reject(&above, mismatch("a table", value));
                }
                None
            }
        }
    }

    /// A setting that is known, and wrong where it stands.
    pub(super) fn refuse(&mut self, key: &Key, message: &str) {
        self.refused.insert(key.clone());
        if self.is_set(key) {
            self.reject(key, message);
        }
    }

    /// Reports what is wrong with a setting.
    pub(super) fn reject(&mut self, key: &Key, message: impl Into<String>) {
        let set_in = match self.layers.find(key) {
            Found::Value(value) => self.layers.place(value),
            Found::Nothing | Found::Blocked(..) => match self.layers.find(&key.table()) {
                Found::Value(table) => self.layers.place(table),
                Found::Nothing | Found::Blocked(..) => None,
            },
        };
        self.problems.push(Problem { key: key.to_string(), set_in, message: message.into() });
    }

    /// Keeps a value for `config print`; without a place, it is a default of the program.
    pub(super) fn record(&mut self, key: &Key, value: serde_json::Value, place: Option<String>) {
        let set_in = place.unwrap_or_else(|| "default".to_owned());
        self.settings.push(Setting { key: key.clone(), value, set_in });
    }
}
