//! The layers of the configuration, laid over each other: built in, files, environment.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::key::Key;
use super::problem::Problem;
use super::variables;

/// Where the built-in defaults are said to come from.
const BUILT_IN: &str = "default.toml, built in";

/// Settings that lie over the built-in ones; later layers win.
#[derive(Clone, Debug)]
pub enum Layer {
    /// A TOML file.
    File(PathBuf),
    /// TOML text the program brings along, under a name for messages.
    Text {
        /// The name.
        name: String,
        /// The text.
        toml: String,
    },
}

/// All layers in one tree, where every value knows who set it.
pub(super) struct Layers {
    root: Dict,
    figment: Figment,
    /// In the order they were laid, the lowest first.
    places: Vec<String>,
    /// How many of them are not from the environment.
    files: usize,
}

/// What is found at a key.
pub(super) enum Found<'a> {
    /// A value or a table.
    Value(&'a Value),
    /// Nothing.
    Nothing,
    /// A table above it is not a table but this value.
    Blocked(Key, &'a Value),
}

struct Sheet {
    place: String,
    data: Dict,
}

impl Provider for Sheet {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.place.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.data.clone())]))
    }
}

impl Layers {
    /// Lays `layers` over the built-in defaults and `environment` over them. What can't be read
    /// is left out and reported.
    pub(super) fn lay(
        layers: &[Layer],
        environment: &BTreeMap<String, String>,
        known_operations: &[&str],
    ) -> (Self, Vec<Problem>) {
        let mut all = Self { root: Dict::new(), figment: Figment::new(), places: vec![], files: 0 };
        let mut problems = Vec::new();
        let built_in = (BUILT_IN.to_owned(), Ok(super::DEFAULT.to_owned()));
        for (place, text) in std::iter::once(built_in).chain(layers.iter().map(Layer::open)) {
            match text.and_then(|text| parse(&text)) {
                Ok(data) => all.add(Sheet { place, data }),
                Err(message) => problems.push(Problem { key: place, set_in: None, message }),
            }
        }
        all.files = all.places.len();
        for (name, text) in variables::settings(environment) {
            let key = variables::key(name, &all.root, known_operations);
            all.add(Sheet { place: name.clone(), data: variables::nest(&key, text) });
        }
        (all, problems)
    }

    fn add(&mut self, sheet: Sheet) {
        self.places.push(sheet.place.clone());
        self.figment = std::mem::take(&mut self.figment).merge(sheet);
        let mut profiles = self.figment.data().unwrap_or_default();
        self.root = profiles.remove(&Profile::Default).unwrap_or_default();
    }

    /// Everything, as a tree.
    pub(super) fn root(&self) -> &Dict {
        &self.root
    }

    /// What stands at a key.
    pub(super) fn find(&self, key: &Key) -> Found<'_> {
        let mut table = &self.root;
        for (depth, part) in key.parts().iter().enumerate() {
            match table.get(part) {
                None => return Found::Nothing,
                Some(value) if depth + 1 == key.parts().len() => return Found::Value(value),
                Some(Value::Dict(_, below)) => table = below,
                Some(value) => {
                    return Found::Blocked(Key::from(key.parts()[..=depth].to_vec()), value);
                }
            }
        }
        Found::Nothing
    }

    /// Which file or variable set a value.
    pub(super) fn place(&self, value: &Value) -> Option<String> {
        Some(self.place_of(tag(value))?.to_owned())
    }

    /// How high the layer of a value lies.
    pub(super) fn height(&self, value: &Value) -> Option<usize> {
        let place = self.place_of(value.tag())?;
        self.places.iter().rposition(|known| known == place)
    }

    /// Whether a value is the text of an environment variable.
    pub(super) fn is_of_environment(&self, value: &Value) -> bool {
        self.height(value).is_some_and(|height| height >= self.files)
    }

    fn place_of(&self, tag: Tag) -> Option<&str> {
        Some(self.figment.get_metadata(tag)?.name.as_ref())
    }
}

/// A table is made of several layers; its first value tells best where it is.
fn tag(value: &Value) -> Tag {
    match value {
        Value::Dict(own, table) => table.values().next().map_or(*own, tag),
        Value::String(..)
        | Value::Char(..)
        | Value::Bool(..)
        | Value::Num(..)
        | Value::Empty(..)
        | Value::Array(..) => value.tag(),
    }
}

impl Layer {
    fn open(&self) -> (String, Result<String, String>) {
        match self {
            Layer::File(path) => {
                let text = fs::read_to_string(path);
                (path.display().to_string(), text.map_err(|e| format!("can't be read: {e}")))
            }
            Layer::Text { name, toml } => (name.clone(), Ok(toml.clone())),
        }
    }
}

/// The parser's own report quotes the line, which may hold a secret; this one only names it.
fn parse(text: &str) -> Result<Dict, String> {
    Toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("is not TOML: line {line}: {}", error.message().replace('\n', ", "))
    })
}
