//! The identity and the headers of a dead letter.

use std::str::FromStr;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::broker::DeadLetter;
use crate::worker::header;

/// Identifies a dead letter by a digest of its body and headers. Listing and showing it does not
/// change them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LetterKey(String);

impl LetterKey {
    /// Hexadecimal digits of a key.
    const DIGITS: usize = 12;

    pub(crate) fn of(letter: &DeadLetter) -> Self {
        let mut digest = Sha256::new();
        digest.update(&letter.body);
        for (name, value) in &letter.properties.headers {
            digest.update(format!("\0{name}\0{value}"));
        }
        let digest = hex::encode(digest.finalize());
        Self(digest.chars().take(Self::DIGITS).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LetterKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        if text.len() != Self::DIGITS || !digits {
            return Err(format!("a key has {} digits 0-9a-f", Self::DIGITS));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The headers of a dead letter: ticketd's, or RabbitMQ's if RabbitMQ dead-lettered the message.
pub(super) struct LetterHeaders<'a> {
    letter: &'a DeadLetter,
}

impl<'a> LetterHeaders<'a> {
    pub(super) fn of(letter: &'a DeadLetter) -> Self {
        Self { letter }
    }

    fn header(&self, names: [&str; 2]) -> &'a str {
        let headers = &self.letter.properties.headers;
        names.iter().find_map(|name| headers.get(*name)).map_or("", String::as_str)
    }

    /// One word, such as `invalid` or `poison`.
    pub(super) fn reason(&self) -> &'a str {
        self.header([header::REASON, "x-first-death-reason"])
    }

    /// The queue in which the message was delivered.
    pub(super) fn source_queue(&self) -> &'a str {
        self.header([header::FROM, "x-first-death-queue"])
    }

    /// RFC 3339; empty if RabbitMQ dead-lettered the message.
    pub(super) fn dead_lettered_at(&self) -> &'a str {
        self.header([header::AT; 2])
    }

    /// One problem a line.
    pub(super) fn problems(&self) -> &'a str {
        self.header([header::PROBLEMS; 2])
    }

    /// The job's id, from the body or else from the `message_id`.
    pub(super) fn job(&self) -> String {
        let body: Value = serde_json::from_slice(&self.letter.body).unwrap_or_default();
        let id = [&body["id"], &body["job"]["id"]].into_iter().find_map(Value::as_str);
        let message_id = || self.letter.properties.message_id.clone();
        id.map(str::to_owned).or_else(message_id).unwrap_or_default()
    }

    pub(super) fn as_json(&self) -> Value {
        json!({
            "key": LetterKey::of(self.letter).as_str(), "reason": self.reason(), "from": self.source_queue(),
            "at": self.dead_lettered_at(), "job": self.job(), "bytes": self.letter.body.len(),
            "problems": self.problems().lines().collect::<Vec<_>>(),
        })
    }
}
