//! Parameters of Alibaba's requests, parsed as its gateway parses them.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::simulator::reply::ErrorReply;
use crate::simulator::request::RawRequest;

/// Times in DMS parameters and replies have no zone; they are Beijing time.
const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// Eight hours ahead of UTC, all year.
const BEIJING: Offset = jiff::tz::offset(8);

/// The parameters of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params<'a> {
    query: &'a [(String, String)],
    form: &'a [(String, String)],
}

impl<'a> Params<'a> {
    /// The query parameters, which is all that most actions read.
    pub(crate) fn of_query(raw: &'a RawRequest) -> Self {
        Self { query: &raw.query, form: &[] }
    }

    /// The query and form parameters.
    pub(crate) fn of_all(raw: &'a RawRequest) -> Self {
        Self { query: &raw.query, form: &raw.form }
    }

    /// The value of a parameter; an empty value counts as missing.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        let pairs = self.form.iter().chain(self.query);
        pairs
            .filter(|(other, _)| other == name)
            .map(|(_, text)| text.as_str())
            .find(|text| !text.is_empty())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'a str, ErrorReply> {
        self.text(name).ok_or_else(|| ErrorReply::missing_parameter(name))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ErrorReply> {
        let number = |text: &str| {
            text.parse().map_err(|_| ErrorReply::invalid(name, "it is not a whole number"))
        };
        self.text(name).map(number).transpose()
    }

    pub(crate) fn required_number(&self, name: &str) -> Result<i64, ErrorReply> {
        self.number(name)?.ok_or_else(|| ErrorReply::missing_parameter(name))
    }

    /// `true` or `false`. The vendor's Python client sends `True` and `False`.
    pub(crate) fn required_bool(&self, name: &str) -> Result<bool, ErrorReply> {
        match self.required(name)? {
            "true" | "True" => Ok(true),
            "false" | "False" => Ok(false),
            _ => Err(ErrorReply::invalid(name, "it must be true or false")),
        }
    }

    pub(crate) fn one_of(
        &self,
        name: &str,
        allowed: &[&str],
    ) -> Result<Option<&'a str>, ErrorReply> {
        match self.text(name) {
            Some(text) if !allowed.contains(&text) => {
                Err(ErrorReply::invalid(name, &format!("it is not one of {}", allowed.join(", "))))
            }
            text => Ok(text),
        }
    }

    pub(crate) fn required_object(&self, name: &str) -> Result<Value, ErrorReply> {
        let value: Option<Value> = serde_json::from_str(self.required(name)?).ok();
        value
            .filter(Value::is_object)
            .ok_or_else(|| ErrorReply::invalid(name, "it is not a JSON object"))
    }

    /// A time of the server's clock, converted to the machine's clock, which is behind by `offset`.
    pub(crate) fn time(
        &self,
        name: &str,
        offset: SignedDuration,
    ) -> Result<Option<Timestamp>, ErrorReply> {
        let parse = |text: &str| {
            let time =
                DateTime::strptime(TIME_FORMAT, text).and_then(|time| BEIJING.to_timestamp(time));
            let time = time.and_then(|time| time.checked_sub(offset));
            time.map_err(|_| ErrorReply::invalid(name, "use yyyy-MM-dd HH:mm:ss"))
        };
        self.text(name).map(parse).transpose()
    }
}

/// A time in DMS's format.
pub(crate) fn format_time(time: Timestamp) -> String {
    BEIJING.to_datetime(time).strftime(TIME_FORMAT).to_string()
}
