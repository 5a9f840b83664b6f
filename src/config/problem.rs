//! What is wrong with a configuration, all of it at once.

use std::fmt;

use serde::Serialize;

/// One thing wrong, in one line. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The setting, as it is written in TOML; a file's path if the file can't be read at all.
    pub key: String,
    /// The file or environment variable that set it; none if nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_in: Option<String>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.set_in {
            Some(place) => write!(f, "{} ({place}): {}", self.key, self.message),
            None => write!(f, "{}: {}", self.key, self.message),
        }
    }
}

/// Everything wrong with a configuration; one line each. The process exits with
/// [`EX_CONFIG`](super::EX_CONFIG).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
