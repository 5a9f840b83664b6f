//! `[broker]`, `[replies]` and `[events]`.

use std::fs::File;
use std::path::PathBuf;

use figment::value::Value;
use serde_json::json;

use super::addresses;
use super::forms::{Form, text};
use super::key::Key;
use super::reader::Reader;
use crate::broker::settings::{BrokerSettings, TopologyMode};

/// Names get up to 25 bytes after the prefix, and the protocol allows 255; nobody needs more.
const LONGEST_PREFIX: usize = 100;

/// The largest message any RabbitMQ takes.
const LARGEST_MESSAGE: u64 = 128 * 1024 * 1024;

/// What events say about where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// The CloudEvents `source` of every event, a URI reference.
    pub source: String,
}

pub(super) fn broker(reader: &mut Reader<'_>) -> Option<BrokerSettings> {
    let at = Key::from("broker");
    let url = reader.need_guarded_url(&at.child("url"), addresses::broker);
    let prefix = reader.need_if(&at.child("prefix"), prefix);
    let topology = reader.need(&at.child("topology"));
    let ca = reader.get_if(&at.child("ca"), readable);
    let certificate = reader.get_if(&at.child("client_certificate"), readable);
    let key = reader.get_if(&at.child("client_key"), readable);
    for (one, other) in [("client_certificate", "client_key"), ("client_key", "client_certificate")]
    {
        if reader.is_set(&at.child(one)) && !reader.is_set(&at.child(other)) {
            reader.reject(&at.child(one), format!("needs broker.{other} beside it"));
        }
    }
    if let Some((_, url)) = &url
        && url.scheme() == "amqp"
    {
        for name in ["ca", "client_certificate"] {
            if reader.is_set(&at.child(name)) {
                reader
                    .reject(&at.child(name), "has no use with amqp://; set broker.url to amqps://");
            }
        }
    }
    let require_user = reader.need(&at.child("require_user"));
    let max_message_bytes = reader.need_if(&at.child("max_message_bytes"), |bytes: &u64| {
        within(*bytes, 1024, LARGEST_MESSAGE)
    });
    let unrouted_max = reader
        .need_if(&at.child("unrouted_max"), |count: &u64| within(*count, 1, u64::from(u32::MAX)));
    let allowed = reader.need::<Vec<String>>(&Key::from("replies.allowed"));
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

pub(super) fn events(reader: &mut Reader<'_>) -> Option<Events> {
    let source = reader
        .need_if(&Key::from("events.source"), |source: &String| addresses::uri_reference(source));
    Some(Events { source: source? })
}

/// Checks a number that has limits, both included.
pub(super) fn within(number: u64, least: u64, most: u64) -> Result<(), String> {
    if (least..=most).contains(&number) {
        Ok(())
    } else {
        Err(format!("is {number}; must be from {least} to {most}"))
    }
}

fn prefix(name: &String) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if let Some(c) = name.chars().find(|c| !legal(*c)) {
        return Err(format!("has the character {c:?}; allowed are A-Za-z0-9._:-"));
    }
    if name == "amq" || name.starts_with("amq.") {
        return Err("begins with \"amq\", which RabbitMQ keeps for itself".into());
    }
    if name.len() > LONGEST_PREFIX {
        return Err(format!("is {} characters long; {LONGEST_PREFIX} at most", name.len()));
    }
    Ok(())
}

fn readable(path: &PathBuf) -> Result<(), String> {
    match File::open(path) {
        Ok(_) => Ok(()),
        Err(cause) => Err(format!("names {path:?}, which can't be read: {cause}")),
    }
}

impl Form for TopologyMode {
    fn read(value: &Value) -> Result<Self, String> {
        Self::read_text(text(value)?)
    }

    fn read_text(text: &str) -> Result<Self, String> {
        match text {
            "apply" => Ok(TopologyMode::Apply),
            "check" => Ok(TopologyMode::Check),
            other => Err(format!("{other:?} is not one of \"apply\", \"check\"")),
        }
    }

    fn show(&self) -> serde_json::Value {
        match self {
            TopologyMode::Apply => json!("apply"),
            TopologyMode::Check => json!("check"),
        }
    }
}
