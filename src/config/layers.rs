//! The layers of the configuration, merged: built-in defaults, files, environment variables.
//!
//! `TICKETD_HTTP__TIMEOUT` is `http.timeout`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::display::ConfigProblem;
use super::key::SettingKey;

/// The built-in settings, with a comment for each: the operator's reference.
pub const DEFAULT: &str = include_str!("../../config/default.toml");

/// The source of the built-in defaults in messages.
const BUILT_IN: &str = "default.toml, built in";

/// Settings that override the built-in ones; later layers override earlier ones.
#[derive(Clone, Debug)]
pub enum Layer {
    /// A TOML file.
    File(PathBuf),
    /// TOML text with a name for messages.
    Text { name: String, toml: String },
}

/// All layers merged into one tree that keeps the source of every value.
pub(super) struct Layers {
    root: Dict,
    figment: Figment,
    /// The lowest layer first.
    sources: Vec<String>,
    /// The number of sources that are not environment variables.
    file_count: usize,
}

/// The content of the tree at a key.
pub(super) enum Found<'a> {
    /// A value or a table.
    Value(&'a Value),
    Nothing,
    /// A parent of the key is this value instead of a table.
    NotATable(SettingKey, &'a Value),
}

struct NamedLayer {
    name: String,
    data: Dict,
}

impl Provider for NamedLayer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.data.clone())]))
    }
}

impl Layers {
    /// Merges the built-in defaults, `layers` and `environment`. Unreadable layers are left out and
    /// reported.
    pub(super) fn merge(
        layers: &[Layer],
        environment: &BTreeMap<String, String>,
        known_operations: &[&str],
    ) -> (Self, Vec<ConfigProblem>) {
        let mut all =
            Self { root: Dict::new(), figment: Figment::new(), sources: vec![], file_count: 0 };
        let mut problems = Vec::new();
        let built_in = (BUILT_IN.to_owned(), Ok(DEFAULT.to_owned()));
        for (name, text) in std::iter::once(built_in).chain(layers.iter().map(Layer::open)) {
            match text.and_then(|text| parse(&text)) {
                Ok(data) => all.add(NamedLayer { name, data }),
                Err(message) => problems.push(ConfigProblem { key: name, set_in: None, message }),
            }
        }
        all.file_count = all.sources.len();
        for (name, text) in setting_variables(environment) {
            let key = variable_key(name, &all.root, known_operations);
            all.add(NamedLayer { name: name.clone(), data: nest(&key, text) });
        }
        (all, problems)
    }

    fn add(&mut self, layer: NamedLayer) {
        self.sources.push(layer.name.clone());
        self.figment = std::mem::take(&mut self.figment).merge(layer);
        let mut profiles = self.figment.data().unwrap_or_default();
        self.root = profiles.remove(&Profile::Default).unwrap_or_default();
    }

    pub(super) fn root(&self) -> &Dict {
        &self.root
    }

    pub(super) fn find(&self, key: &SettingKey) -> Found<'_> {
        let mut table = &self.root;
        for (depth, part) in key.parts().iter().enumerate() {
            match table.get(part) {
                None => return Found::Nothing,
                Some(value) if depth + 1 == key.parts().len() => return Found::Value(value),
                Some(Value::Dict(_, below)) => table = below,
                Some(value) => {
                    return Found::NotATable(
                        SettingKey::from(key.parts()[..=depth].to_vec()),
                        value,
                    );
                }
            }
        }
        Found::Nothing
    }

    /// The file or variable that set a value.
    pub(super) fn source(&self, value: &Value) -> Option<String> {
        Some(self.source_of(tag(value))?.to_owned())
    }

    /// The position of the layer that set a value; later layers have a higher index.
    pub(super) fn layer_index(&self, value: &Value) -> Option<usize> {
        let source = self.source_of(value.tag())?;
        self.sources.iter().rposition(|known| known == source)
    }

    /// Whether an environment variable set the value.
    pub(super) fn is_from_environment(&self, value: &Value) -> bool {
        self.layer_index(value).is_some_and(|index| index >= self.file_count)
    }

    fn source_of(&self, tag: Tag) -> Option<&str> {
        Some(self.figment.get_metadata(tag)?.name.as_ref())
    }
}

/// A table can come from several layers; its first value identifies one of them.
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

/// The parser's own error quotes the line, which can contain a secret; this error names its number.
fn parse(text: &str) -> Result<Dict, String> {
    Toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("is not TOML: line {line}: {}", error.message().replace('\n', ", "))
    })
}

/// The prefix of every variable that is a setting.
pub(super) const VARIABLE_PREFIX: &str = "TICKETD_";

/// The variables that are settings. Kubernetes sets variables for every service of the namespace;
/// those of a service called `ticketd` are not settings.
fn setting_variables(
    environment: &BTreeMap<String, String>,
) -> impl Iterator<Item = (&String, &String)> {
    environment.iter().filter(|(name, _)| {
        name.strip_prefix(VARIABLE_PREFIX).is_some_and(|rest| {
            let set_by_kubernetes = rest == "PORT"
                || rest == "SERVICE_HOST"
                || rest.starts_with("SERVICE_PORT")
                || (rest.starts_with("PORT_") && !rest.contains("__"));
            !rest.is_empty() && !set_by_kubernetes
        })
    })
}

/// The key a variable sets. For names that no variable can have (`dms-prod`, `dms.CreateOrder`),
/// case is ignored and `_` also matches `-` and `.`.
fn variable_key(name: &str, root: &Dict, known_operations: &[&str]) -> SettingKey {
    let mut table = Some(root);
    let mut parts: Vec<String> = Vec::new();
    for part in name.strip_prefix(VARIABLE_PREFIX).unwrap_or(name).split("__") {
        let in_table = table.into_iter().flat_map(|table| table.keys().map(String::as_str));
        let operations = if parts == ["operations"] { known_operations } else { &[] };
        let names: Vec<&str> = in_table.chain(operations.iter().copied()).collect();
        let lowercase = part.to_lowercase();
        let exact = names.iter().find(|name| **name == lowercase);
        let similar = || names.iter().find(|name| normalize(name) == normalize(part));
        let chosen = exact.or_else(similar).map_or(lowercase.clone(), |name| (*name).to_owned());
        table = table.and_then(|table| table.get(&chosen)).and_then(Value::as_dict);
        parts.push(chosen);
    }
    SettingKey::from(parts)
}

fn normalize(name: &str) -> String {
    name.to_lowercase().replace(['-', '.'], "_")
}

/// The tree that a variable sets. Text in braces is an inline table; any other text is parsed later,
/// by the type of its setting.
fn nest(key: &SettingKey, text: &str) -> Dict {
    let parsed = text.trim_start().starts_with('{').then(|| text.parse::<Value>());
    let table = parsed.and_then(Result::ok).filter(|value| value.as_dict().is_some());
    let mut value = table.unwrap_or_else(|| Value::from(text));
    for part in key.parts().iter().skip(1).rev() {
        value = Value::from(Dict::from([(part.clone(), value)]));
    }
    Dict::from([(key.parts()[0].clone(), value)])
}
