//! `[broker]`, `[replies]` and `[events]`.

use std::fs::File;
use std::path::PathBuf;

use figment::value::Value;
use serde_json::json;

use super::addresses;
use super::key::SettingKey;
use super::reader::Reader;
use super::value::{ConfigValue, text};
use crate::broker::settings::{BrokerSettings, TopologyMode};

/// The protocol allows 255 bytes, and names add up to 25 to the prefix.
const MAX_PREFIX_LENGTH: usize = 100;

/// The largest message that RabbitMQ can accept.
const MAX_MESSAGE_BYTES: u64 = 128 * 1024 * 1024;

pub(super) fn broker(reader: &mut Reader<'_>) -> Option<BrokerSettings> {
    let at = SettingKey::from("broker");
    let url = reader.need_url(&at.child("url"), addresses::broker);
    let prefix = reader.need_if(&at.child("prefix"), prefix);
    let topology = reader.need(&at.child("topology"));
    let ca = reader.get_if(&at.child("ca"), readable);
    let certificate = reader.get_if(&at.child("client_certificate"), readable);
    let key = reader.get_if(&at.child("client_key"), readable);
    for (one, other) in [("client_certificate", "client_key"), ("client_key", "client_certificate")]
    {
        if reader.is_set(&at.child(one)) && !reader.is_set(&at.child(other)) {
            reader.reject(&at.child(one), format!("also needs broker.{other}"));
        }
    }
    if let Some((_, url)) = &url
        && url.scheme() == "amqp"
    {
        for name in ["ca", "client_certificate"] {
            if reader.is_set(&at.child(name)) {
                reader
                    .reject(&at.child(name), "is for amqps:// only; change broker.url to amqps://");
            }
        }
    }
    let require_user = reader.need(&at.child("require_user"));
    let max_message_bytes = reader.need_if(&at.child("max_message_bytes"), |bytes: &u64| {
        within(*bytes, 1024, MAX_MESSAGE_BYTES)
    });
    let unrouted_max = reader
        .need_if(&at.child("unrouted_max"), |count: &u64| within(*count, 1, u64::from(u32::MAX)));
    let allowed = reader.need::<Vec<String>>(&SettingKey::from("replies.allowed"));
    Some(BrokerSettings {
        url: url?.0,
        prefix: prefix?,
        topology: topology?,
        ca,
        client_certificate: certificate.zip(key),
        require_user: require_user?,
        reply_allowed: allowed?,
        max_message_bytes: usize::try_from(max_message_bytes?).ok()?,
        unrouted_max: u32::try_from(unrouted_max?).ok()?,
    })
}

pub(super) fn event_source(reader: &mut Reader<'_>) -> Option<String> {
    let key = SettingKey::from("events.source");
    reader.need_if(&key, |source: &String| addresses::uri_reference(source))
}

/// Checks a number against limits, both included.
pub(super) fn within(number: u64, min: u64, max: u64) -> Result<(), String> {
    if (min..=max).contains(&number) {
        Ok(())
    } else {
        Err(format!("is {number}; must be from {min} to {max}"))
    }
}

fn prefix(name: &String) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if let Some(c) = name.chars().find(|c| !legal(*c)) {
        return Err(format!("has the character {c:?}; allowed are A-Za-z0-9._:-"));
    }
    if name == "amq" || name.starts_with("amq.") {
        return Err("begins with \"amq\", which is reserved for RabbitMQ".into());
    }
    if name.len() > MAX_PREFIX_LENGTH {
        return Err(format!("is {} characters long; {MAX_PREFIX_LENGTH} at most", name.len()));
    }
    Ok(())
}

fn readable(path: &PathBuf) -> Result<(), String> {
    match File::open(path) {
        Ok(_) => Ok(()),
        Err(cause) => Err(format!("names {path:?}, which can't be read: {cause}")),
    }
}

impl ConfigValue for TopologyMode {
    fn from_toml(value: &Value) -> Result<Self, String> {
        Self::from_text(text(value)?)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "apply" => Ok(TopologyMode::Apply),
            "check" => Ok(TopologyMode::Check),
            other => Err(format!("{other:?} is not one of \"apply\", \"check\"")),
        }
    }

    fn display(&self) -> serde_json::Value {
        match self {
            TopologyMode::Apply => json!("apply"),
            TopologyMode::Check => json!("check"),
        }
    }
}
