//! A job: one valid ticket message.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The idempotency key of a job: 1 to 128 characters of `A-Za-z0-9._:/-`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[A-Za-z0-9._:/-]+$", "maxLength" = Self::MAX_LENGTH))]
pub struct JobId(String);

impl JobId {
    /// Limit of an id, in characters, which are all ASCII.
    pub const MAX_LENGTH: usize = 128;

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for JobId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
        if text.is_empty() {
            return Err("is empty".into());
        }
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            return Err(format!("has the character {c:?}; allowed are A-Za-z0-9._:/-"));
        }
        if text.len() > Self::MAX_LENGTH {
            return Err(format!("is {} characters long; at most 128 are allowed", text.len()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for JobId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an account in the configuration. A message names an account, never a host or a key.
pub type AccountName = String;

/// What an operation does; producers route by it, and operators scale each kind on its own.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Makes a ticket.
    Create,
    /// Publishes something a ticket prepared.
    Publish,
    /// Puts something into service.
    Deploy,
}

impl Kind {
    /// Every kind, in the order queues are declared and shown.
    pub const ALL: [Kind; 3] = [Kind::Create, Kind::Publish, Kind::Deploy];

    /// The kind in routing keys and queue names.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Create => "create",
            Kind::Publish => "publish",
            Kind::Deploy => "deploy",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not one of create, publish, deploy"))
    }
}

/// A cloud provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Alibaba Cloud: DMS Enterprise and DataWorks.
    Alibaba,
    /// Huawei Cloud: DataArts Factory.
    Huawei,
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Provider::Alibaba => "alibaba",
            Provider::Huawei => "huawei",
        })
    }
}

/// When a job counts as succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// When the provider has accepted the call.
    Accepted,
    /// When what the call started has ended.
    Finished,
}

/// Where a copy of the outcome goes, besides the events exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// The queue named by the message's `reply_to` property.
    pub queue: String,
}

/// W3C trace context from the message's headers, passed on unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// W3C trace context: the `traceparent` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// W3C trace context: the `tracestate` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
}

impl Trace {
    /// The headers that are set, with their names.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let named = [("traceparent", &self.traceparent), ("tracestate", &self.tracestate)];
        named.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }
}

/// One ticket job, valid and complete. Defaults are filled in, so that it never changes later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The idempotency key.
    pub id: JobId,
    /// The operation's full name, for example `dms.CreateOrder`.
    pub operation: String,
    /// The operation's kind.
    pub kind: Kind,
    /// The account that makes the call.
    pub account: AccountName,
    /// The provider's documented request, in the provider's names, validated by the operation.
    pub params: Value,
    /// When the job counts as succeeded.
    pub until: Until,
    /// The earliest time of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The time after which no call and no poll is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Any JSON up to 4 KiB, repeated in every event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// The message's `correlation_id`, repeated in every event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// Where a copy of the outcome goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
    /// Trace context of the producer.
    #[serde(default)]
    pub trace: Trace,
    /// When a worker first read the message.
    pub received_at: Timestamp,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_id_allows_exactly_the_characters_of_the_contract() {
        let max_length = "x".repeat(JobId::MAX_LENGTH);
        for valid in ["a", "A-Za-z0-9._:/-", "urn:chg:2041", "/", "..", max_length.as_str()] {
            assert_eq!(valid.parse::<JobId>().unwrap().as_str(), valid);
        }
        let too_long = "x".repeat(JobId::MAX_LENGTH + 1);
        for invalid in ["", " ", "a b", "a\n", "a\0", "é", "a#b", "a*", "a+b", too_long.as_str()] {
            assert!(invalid.parse::<JobId>().is_err(), "{invalid:?}");
            assert!(serde_json::from_value::<JobId>(invalid.into()).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn a_kind_is_serialized_like_its_routing_key() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::json!(kind), kind.as_str());
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("Create".parse::<Kind>().is_err());
    }
}
