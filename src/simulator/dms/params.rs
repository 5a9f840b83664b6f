//! Parameters of Alibaba's requests, read the way its gateway reads them.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::simulator::gateway::asked::Asked;
use crate::simulator::reply::Refusal;

/// Times in DMS parameters and replies: no zone, Beijing's clock.
const TIME: &str = "%Y-%m-%d %H:%M:%S";

/// Eight hours ahead of UTC, all year.
pub(in crate::simulator) const BEIJING: Offset = jiff::tz::offset(8);

/// The parameters of one request.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulator) struct Params<'a> {
    query: &'a [(String, String)],
    form: &'a [(String, String)],
}

impl<'a> Params<'a> {
    /// Query parameters alone: what most actions look at.
    pub(in crate::simulator) fn of_query(asked: &'a Asked) -> Self {
        Self { query: &asked.query, form: &[] }
    }

    /// Query and form parameters.
    pub(in crate::simulator) fn of_all(asked: &'a Asked) -> Self {
        Self { query: &asked.query, form: &asked.form }
    }

    /// A parameter, or none; an empty one counts as none.
    pub(in crate::simulator) fn text(&self, name: &str) -> Option<&'a str> {
        let pairs = self.form.iter().chain(self.query);
        pairs
            .filter(|(other, _)| other == name)
            .map(|(_, text)| text.as_str())
            .find(|text| !text.is_empty())
    }

    pub(in crate::simulator) fn required(&self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::missing(name))
    }

    pub(in crate::simulator) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let number = |text: &str| {
            text.parse().map_err(|_| Refusal::invalid(name, "it is not a whole number"))
        };
        self.text(name).map(number).transpose()
    }

    pub(in crate::simulator) fn required_number(&self, name: &str) -> Result<i64, Refusal> {
        self.number(name)?.ok_or_else(|| Refusal::missing(name))
    }

    /// `true` or `false`; the vendor's own Python client writes `True` and `False`.
    pub(in crate::simulator) fn required_truth(&self, name: &str) -> Result<bool, Refusal> {
        match self.required(name)? {
            "true" | "True" => Ok(true),
            "false" | "False" => Ok(false),
            _ => Err(Refusal::invalid(name, "it is neither true nor false")),
        }
    }

    pub(in crate::simulator) fn one_of(
        &self,
        name: &str,
        allowed: &[&str],
    ) -> Result<Option<&'a str>, Refusal> {
        match self.text(name) {
            Some(text) if !allowed.contains(&text) => {
                Err(Refusal::invalid(name, &format!("it is not one of {}", allowed.join(", "))))
            }
            text => Ok(text),
        }
    }

    pub(in crate::simulator) fn required_object(&self, name: &str) -> Result<Value, Refusal> {
        let value: Option<Value> = serde_json::from_str(self.required(name)?).ok();
        value.filter(Value::is_object).ok_or_else(|| Refusal::invalid(name, "it is no JSON object"))
    }

    /// A time without a zone, by the clock of a server that is so far ahead of ours.
    pub(in crate::simulator) fn time(
        &self,
        name: &str,
        ahead: SignedDuration,
    ) -> Result<Option<Timestamp>, Refusal> {
        let read = |text: &str| {
            let time = DateTime::strptime(TIME, text).and_then(|time| BEIJING.to_timestamp(time));
            let time = time.and_then(|time| time.checked_sub(ahead));
            time.map_err(|_| Refusal::invalid(name, "write yyyy-MM-dd HH:mm:ss"))
        };
        self.text(name).map(read).transpose()
    }
}

/// A moment the way DMS writes it.
pub(in crate::simulator) fn written(moment: Timestamp) -> String {
    BEIJING.to_datetime(moment).strftime(TIME).to_string()
}
