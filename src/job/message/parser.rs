//! Parses a message and collects its problems.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::Value;

use super::super::Problem;
use super::super::spec::{MAX_PROBLEMS, child, truncate, truncate_problems};
use super::super::suggest::{did_you_mean, name_of_type};
use super::json::JsonFields;
use super::rejection::{Envelope, Rejection};
use super::validator::MessageValidator;

/// Parses one message. Problems are collected in the rejection that the message may become.
pub(super) struct MessageParser<'a> {
    pub(super) validator: &'a MessageValidator,
    pub(super) envelope: &'a Envelope<'a>,
    pub(super) rejection: Rejection,
}

impl MessageParser<'_> {
    /// The parsed value, or the rejection if there is any problem.
    pub(super) fn finish<T>(mut self, read: Option<T>) -> Result<T, Box<Rejection>> {
        match read {
            Some(read) if self.rejection.problems.is_empty() => Ok(read),
            Some(_) | None => {
                truncate_problems(&mut self.rejection.problems, "$");
                Err(Box::new(self.rejection))
            }
        }
    }

    /// The fields of the body, if it is a JSON object within the size limit.
    pub(super) fn fields(&mut self) -> Option<JsonFields> {
        self.properties();
        let (size, limit) = (self.envelope.body.len(), self.validator.max_bytes);
        if size > limit {
            self.problem("$", format!("is {size} bytes long; the limit is {limit}"));
            return None;
        }
        match JsonFields::read(self.envelope.body) {
            Ok((fields, repeated)) => {
                for name in repeated {
                    self.problem(child("$", &name), "is given more than once");
                }
                Some(fields)
            }
            Err(why) => {
                self.problem("$", why);
                None
            }
        }
    }

    /// Adds a problem if the message's user may not use an account.
    pub(super) fn check_access(&mut self, account: &str) {
        let user = self.envelope.user_id;
        if self.validator.users.may_use(user, account) {
            return;
        }
        match user {
            Some(user) => {
                let user = truncate(user);
                self.problem("user_id", format!("is {user:?}, who may not use {account:?}"));
            }
            // `properties` has already reported it.
            None if self.validator.users.required => {}
            None => {
                self.problem("user_id", format!("is missing: only named users may use {account:?}"))
            }
        }
    }

    fn properties(&mut self) {
        if self.validator.users.required && self.envelope.user_id.is_none() {
            self.problem("user_id", "is missing: set it to the user of your connection");
        }
        if let Some(given) = self.envelope.content_type {
            let media = given.split(';').next().unwrap_or_default().trim();
            if !media.eq_ignore_ascii_case("application/json") {
                let given = truncate(given);
                self.problem("content_type", format!("is {given:?}; send application/json"));
            }
        }
        if let Some(given) = self.envelope.content_encoding
            && !["", "utf-8", "utf8", "identity"].contains(&given.to_ascii_lowercase().as_str())
        {
            let given = truncate(given);
            self.problem("content_encoding", format!("is {given:?}; send plain JSON in UTF-8"));
        }
    }

    /// Adds a problem for every field that was not taken.
    pub(super) fn reject_unknown(&mut self, fields: JsonFields, known: &[&'static str], of: &str) {
        for (index, name) in fields.rest().keys().enumerate() {
            // Suggestions are costly, so a hostile message gets only as many as are reported.
            let known = if index < MAX_PROBLEMS { known } else { &[] };
            let hint = did_you_mean(name, known.iter().copied());
            self.problem(child("$", name), format!("is not a field of {of}{hint}"));
        }
    }

    pub(super) fn text(
        &mut self,
        fields: &mut JsonFields,
        name: &str,
        required: bool,
    ) -> Option<String> {
        match fields.take(name) {
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.wrong_type(&format!("$.{name}"), "a string", &other);
                None
            }
            None => {
                if required {
                    self.problem(format!("$.{name}"), "is missing");
                }
                None
            }
        }
    }

    pub(super) fn parse<T: FromStr<Err: Display>>(&mut self, path: &str, text: &str) -> Option<T> {
        text.parse().map_err(|why: T::Err| self.problem(path, why.to_string())).ok()
    }

    pub(super) fn wrong_type(&mut self, path: &str, expected: &str, found: &Value) {
        self.problem(path, format!("must be {expected}, is {}", name_of_type(found)));
    }

    pub(super) fn problem(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.rejection.problems.push(Problem { path: path.into(), message: message.into() });
    }
}
