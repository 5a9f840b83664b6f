//! Keys nobody asks for, and the one that was probably meant.

use std::collections::BTreeSet;

use figment::value::{Dict, Value};

use super::key::Key;
use super::reader::Reader;
use super::variables;
use crate::job::suggest::nearest;

impl Reader<'_> {
    /// Reports every key that no section asked for.
    pub(super) fn reject_unknown(&mut self) {
        let root = self.layers.root();
        self.walk(&Key::from(""), root);
    }

    fn walk(&mut self, table_key: &Key, table: &Dict) {
        for (name, value) in table {
            let key = table_key.child(name);
            let is_table = self.asked.iter().chain(&self.refused).any(|other| key.is_above(other));
            match value {
                _ if self.asked.contains(&key) || self.is_secret_variable(value) => {}
                Value::Dict(_, below) if is_table => self.walk(&key, below),
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
        self.layers.place(value).is_some_and(|place| self.secret_variables.contains(&place))
    }

    fn hint(&self, table: &Key, name: &str) -> String {
        let depth = table.parts().len();
        let beside = self.asked.iter().filter(|key| table.is_above(key));
        let names: BTreeSet<&str> = beside.map(|key| key.parts()[depth].as_str()).collect();
        // `TICKETD_BROKER_URL` is the likeliest slip of all.
        let slip = self.asked.iter().find(|key| depth == 0 && key.parts().join("_") == name);
        if let Some(meant) = slip {
            let variable = meant.parts().join("__").to_uppercase();
            return format!("; did you mean {}{variable}?", variables::PREFIX);
        }
        let close = nearest(name, names);
        close.map_or(String::new(), |close| format!("; did you mean {}?", table.child(close)))
    }
}
