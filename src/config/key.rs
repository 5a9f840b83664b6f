//! The place of a setting: `accounts.dms-prod.region`.

use std::fmt;

/// A path of table names that ends in a setting's own name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<String>);

impl Key {
    /// The key one level below this one.
    pub(super) fn child(&self, name: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push(name.to_owned());
        Self(parts)
    }

    /// The table this key stands in; the top has none above it.
    pub(super) fn table(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// The last part.
    pub(super) fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The parts, outermost first.
    pub(super) fn parts(&self) -> &[String] {
        &self.0
    }

    /// Whether `self` is a table somewhere above `other`.
    pub(super) fn is_above(&self, other: &Key) -> bool {
        other.0.len() > self.0.len() && other.0.starts_with(&self.0)
    }
}

/// Takes the parts apart at the dots; for names without dots of their own.
impl From<&str> for Key {
    fn from(dotted: &str) -> Self {
        Self(dotted.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }
}

impl From<Vec<String>> for Key {
    fn from(parts: Vec<String>) -> Self {
        Self(parts)
    }
}

/// As it is written in TOML: parts that are not plain words stand in quotes.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.0.iter().enumerate() {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let dot = if i == 0 { "" } else { "." };
            if !part.is_empty() && part.chars().all(plain) {
                write!(f, "{dot}{part}")?;
            } else {
                write!(f, "{dot}{part:?}")?;
            }
        }
        Ok(())
    }
}
