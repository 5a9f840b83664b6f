//! Messages as we publish and receive them.

use std::collections::BTreeMap;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::error::PublishError;
use super::names::short;

/// A message. Published, it is always persistent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub body: Vec<u8>,
    pub properties: Properties,
}

/// The AMQP properties and headers that we use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// The body's media type.
    pub content_type: Option<String>,
    /// The body's compression. Kept for dead letters, whose bodies we do not decompress.
    pub content_encoding: Option<String>,
    /// Identifies repeats of a message.
    pub message_id: Option<String>,
    /// Chosen by the sender, to match answers with.
    pub correlation_id: Option<String>,
    /// The queue that answers go to.
    pub reply_to: Option<String>,
    /// The sender's user. The broker verifies it and refuses any user but the connection's own.
    pub user_id: Option<String>,
    /// The headers with a text value: `traceparent`, `tracestate` and our own. The broker's own
    /// headers (`x-death`, `x-delivery-count`) are not text and are left out; nothing depends on
    /// them.
    pub headers: BTreeMap<String, String>,
}

/// Where the broker routed a mandatory message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteResult {
    /// To at least one queue.
    Routed,
    /// To none; the broker dropped the message.
    Unroutable,
}

impl Properties {
    pub(super) fn to_amqp(&self) -> Result<BasicProperties, PublishError> {
        let field =
            |name: &'static str, value: &str| short(value).map_err(|_| PublishError::TooLong(name));
        let mut amqp = BasicProperties::default().with_delivery_mode(PERSISTENT);
        if let Some(text) = &self.content_type {
            amqp = amqp.with_content_type(field("content_type", text)?);
        }
        if let Some(text) = &self.content_encoding {
            amqp = amqp.with_content_encoding(field("content_encoding", text)?);
        }
        if let Some(text) = &self.message_id {
            amqp = amqp.with_message_id(field("message_id", text)?);
        }
        if let Some(text) = &self.correlation_id {
            amqp = amqp.with_correlation_id(field("correlation_id", text)?);
        }
        if let Some(text) = &self.reply_to {
            amqp = amqp.with_reply_to(field("reply_to", text)?);
        }
        if let Some(text) = &self.user_id {
            amqp = amqp.with_user_id(field("user_id", text)?);
        }
        let mut headers = FieldTable::default();
        for (name, text) in &self.headers {
            headers.insert(field("header name", name)?, AMQPValue::LongString(text.clone().into()));
        }
        Ok(amqp.with_headers(headers))
    }
}

impl From<&BasicProperties> for Properties {
    fn from(amqp: &BasicProperties) -> Self {
        let text = |field: &Option<ShortString>| field.as_ref().map(|text| text.to_string());
        Self {
            content_type: text(amqp.content_type()),
            content_encoding: text(amqp.content_encoding()),
            message_id: text(amqp.message_id()),
            correlation_id: text(amqp.correlation_id()),
            reply_to: text(amqp.reply_to()),
            user_id: text(amqp.user_id()),
            headers: amqp.headers().as_ref().map(text_headers).unwrap_or_default(),
        }
    }
}

const PERSISTENT: u8 = 2;

fn text_headers(table: &FieldTable) -> BTreeMap<String, String> {
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    };
    table
        .inner()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), text(value)?)))
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn properties_are_received_as_they_were_sent() {
        let properties = Properties {
            content_type: Some("application/json".into()),
            content_encoding: Some("gzip".into()),
            message_id: Some("m".into()),
            correlation_id: Some("c".into()),
            reply_to: Some("r".into()),
            user_id: Some("someone".into()),
            headers: BTreeMap::from([("traceparent".to_owned(), "00-ab".to_owned())]),
        };
        let sent = properties.to_amqp().unwrap();
        assert_eq!(sent.delivery_mode(), &Some(PERSISTENT));
        assert_eq!(Properties::from(&sent), properties);
    }

    #[test]
    fn headers_without_a_text_value_are_left_out() {
        let mut table = FieldTable::default();
        table.insert("x-delivery-count".into(), AMQPValue::LongLongInt(3));
        table.insert("x-death".into(), AMQPValue::FieldArray(Default::default()));
        table.insert("tracestate".into(), AMQPValue::LongString("k=v".into()));
        let properties = BasicProperties::default().with_headers(table);
        let received = Properties::from(&properties);
        assert_eq!(received.headers.into_keys().collect::<Vec<_>>(), ["tracestate"]);
    }

    #[test]
    fn a_property_longer_than_amqp_allows_is_an_error() {
        let properties = Properties { message_id: Some("x".repeat(256)), ..Properties::default() };
        let error = properties.to_amqp().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the message's message_id is longer than the 255 bytes that AMQP allows"
        );
    }
}
