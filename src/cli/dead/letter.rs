//! What a dead letter says of itself.

use std::str::FromStr;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::broker::DeadLetter;
use crate::worker::header;

/// What a dead letter is told from others by: a digest of it, so that it stays the same however
/// often the letter is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Its length, in hexadecimal digits.
    const DIGITS: usize = 12;

    /// A letter's key.
    pub fn of(letter: &DeadLetter) -> Self {
        let mut digest = Sha256::new();
        digest.update(&letter.body);
        for (name, value) in &letter.properties.headers {
            digest.update(format!("\0{name}\0{value}"));
        }
        let digest = hex::encode(digest.finalize());
        Self(digest.chars().take(Self::DIGITS).collect())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        if text.len() != Self::DIGITS || !digits {
            return Err(format!("is not a key of {} digits 0-9a-f", Self::DIGITS));
        }
        Ok(Self(text.to_owned()))
    }
}

/// What a dead letter says beside its body. Ours say it in our headers; what the broker buried
/// itself, in the broker's.
pub struct Label<'a> {
    letter: &'a DeadLetter,
}

impl<'a> Label<'a> {
    pub fn of(letter: &'a DeadLetter) -> Self {
        Self { letter }
    }

    fn header(&self, names: [&str; 2]) -> &'a str {
        let headers = &self.letter.properties.headers;
        names.iter().find_map(|name| headers.get(*name)).map_or("", String::as_str)
    }

    /// Why it is one, in a word.
    pub fn reason(&self) -> &'a str {
        self.header([header::REASON, "x-first-death-reason"])
    }

    /// The queue it came from.
    pub fn from(&self) -> &'a str {
        self.header([header::FROM, "x-first-death-queue"])
    }

    /// When it became one, as RFC 3339; empty if the broker buried it.
    pub fn at(&self) -> &'a str {
        self.header([header::AT; 2])
    }

    /// What is wrong, a line each.
    pub fn problems(&self) -> &'a str {
        self.header([header::PROBLEMS; 2])
    }

    /// The id of its job, where it can be read.
    pub fn job(&self) -> String {
        let body: Value = serde_json::from_slice(&self.letter.body).unwrap_or_default();
        let id = [&body["id"], &body["job"]["id"]].into_iter().find_map(Value::as_str);
        let message_id = || self.letter.properties.message_id.clone();
        id.map(str::to_owned).or_else(message_id).unwrap_or_default()
    }

    /// All of it, for machines.
    pub fn as_json(&self) -> Value {
        json!({
            "key": Key::of(self.letter).as_str(), "reason": self.reason(), "from": self.from(),
            "at": self.at(), "job": self.job(), "bytes": self.letter.body.len(),
            "problems": self.problems().lines().collect::<Vec<_>>(),
        })
    }
}
