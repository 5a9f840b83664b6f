//! The top level of a JSON object. Repeated names are detected.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The fields of an object that are not yet taken.
pub(super) struct JsonFields(Map<String, Value>);

impl JsonFields {
    /// Parses a body. Also returns the repeated names. `Err` says why it cannot be parsed.
    pub(super) fn read(body: &[u8]) -> Result<(Self, BTreeSet<String>), String> {
        let text = std::str::from_utf8(body)
            .map_err(|error| format!("is not UTF-8 from byte {} on", error.valid_up_to()))?;
        let TopLevel { fields, repeated } =
            serde_json::from_str(text).map_err(|error| match error.classify() {
                serde_json::error::Category::Data => "must be a JSON object".to_owned(),
                serde_json::error::Category::Io
                | serde_json::error::Category::Syntax
                | serde_json::error::Category::Eof => format!("is not JSON: {error}"),
            })?;
        Ok((Self(fields), repeated))
    }

    /// Takes the value of a field.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// The fields that were not taken.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.0
    }
}

/// An object and its repeated names, which serde_json would silently overwrite.
struct TopLevel {
    fields: Map<String, Value>,
    repeated: BTreeSet<String>,
}

impl<'de> Deserialize<'de> for TopLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopLevelVisitor;

        impl<'de> Visitor<'de> for TopLevelVisitor {
            type Value = TopLevel;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TopLevel, A::Error> {
                let mut read = TopLevel { fields: Map::new(), repeated: BTreeSet::new() };
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if read.fields.insert(name.clone(), value).is_some() {
                        read.repeated.insert(name);
                    }
                }
                Ok(read)
            }
        }

        deserializer.deserialize_map(TopLevelVisitor)
    }
}
