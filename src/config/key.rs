//! The key of a setting: `accounts.dms-prod.region`.

use std::fmt;

/// The names of the tables, then the name of the setting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SettingKey(Vec<String>);

impl SettingKey {
    pub(super) fn child(&self, name: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push(name.to_owned());
        Self(parts)
    }

    /// The table that contains this key.
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

    /// Whether `other` is in this table or in a table below it.
    pub(super) fn is_above(&self, other: &SettingKey) -> bool {
        other.0.len() > self.0.len() && other.0.starts_with(&self.0)
    }
}

/// Splits at the dots; for names that contain none.
impl From<&str> for SettingKey {
    fn from(dotted: &str) -> Self {
        Self(dotted.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }
}

impl From<Vec<String>> for SettingKey {
    fn from(parts: Vec<String>) -> Self {
        Self(parts)
    }
}

/// As in TOML: parts that are not plain words are quoted.
impl fmt::Display for SettingKey {
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
