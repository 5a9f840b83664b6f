//! Messages as we see them, on their way in and out.

use std::collections::BTreeMap;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::error::PublishError;

/// A message to publish. It is always persistent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// The body's media type.
    pub content_type: Option<String>,
    /// How the body is packed; kept for dead letters, which we don't unpack.
    pub content_encoding: Option<String>,
    /// What a repeat of the message is recognised by.
    pub message_id: Option<String>,
    /// What the receiver matches the message with.
    pub correlation_id: Option<String>,
    /// The queue an answer goes to.
    pub reply_to: Option<String>,
    /// Our own user, if the receiver wants to know it; the broker takes no other.
    pub user_id: Option<String>,
    /// Headers with text in them.
    pub headers: BTreeMap<String, String>,
}

/// What a received message says beside its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// The body's media type.
    pub content_type: Option<String>,
    /// How the body is packed.
    pub content_encoding: Option<String>,
    /// The sender's id of the message.
    pub message_id: Option<String>,
    /// What the sender matches answers with.
    pub correlation_id: Option<String>,
    /// The queue the sender wants answers in.
    pub reply_to: Option<String>,
    /// The sender's user, vouched for by the broker.
    pub user_id: Option<String>,
    /// The headers with text in them: `traceparent`, `tracestate` and our own. What the broker
    /// itself adds (`x-death`, `x-delivery-count`) is not text and so not here; nothing is
    /// decided by it.
    pub headers: BTreeMap<String, String>,
}

impl Message {
    pub(super) fn properties(&self) -> Result<BasicProperties, PublishError> {
        let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        if let Some(text) = &self.content_type {
            properties = properties.with_content_type(short("content_type", text)?);
        }
        if let Some(text) = &self.content_encoding {
            properties = properties.with_content_encoding(short("content_encoding", text)?);
        }
        if let Some(text) = &self.message_id {
            properties = properties.with_message_id(short("message_id", text)?);
        }
        if let Some(text) = &self.correlation_id {
            properties = properties.with_correlation_id(short("correlation_id", text)?);
        }
        if let Some(text) = &self.reply_to {
            properties = properties.with_reply_to(short("reply_to", text)?);
        }
        if let Some(text) = &self.user_id {
            properties = properties.with_user_id(short("user_id", text)?);
        }
        let mut headers = FieldTable::default();
        for (name, text) in &self.headers {
            headers.insert(short("header name", name)?, AMQPValue::LongString(text.clone().into()));
        }
        Ok(properties.with_headers(headers))
    }
}

impl From<&BasicProperties> for Properties {
    fn from(properties: &BasicProperties) -> Self {
        let text = |field: &Option<ShortString>| field.as_ref().map(|text| text.to_string());
        let headers = properties.headers().as_ref().map(texts).unwrap_or_default();
        Self {
            content_type: text(properties.content_type()),
            content_encoding: text(properties.content_encoding()),
            message_id: text(properties.message_id()),
            correlation_id: text(properties.correlation_id()),
            reply_to: text(properties.reply_to()),
            user_id: text(properties.user_id()),
            headers,
        }
    }
}

const PERSISTENT: u8 = 2;

/// A name as AMQP sends it. The library's own conversion panics when it is too long.
pub(super) fn short(what: &'static str, text: &str) -> Result<ShortString, PublishError> {
    ShortString::try_new(text).map_err(|_| PublishError::TooLong(what))
}

fn texts(table: &FieldTable) -> BTreeMap<String, String> {
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
    fn what_is_sent_is_what_is_received() {
        let message = Message {
            body: b"{}".to_vec(),
            content_type: Some("application/json".into()),
            content_encoding: Some("gzip".into()),
            message_id: Some("m".into()),
            correlation_id: Some("c".into()),
            reply_to: Some("r".into()),
            user_id: Some("someone".into()),
            headers: BTreeMap::from([("traceparent".to_owned(), "00-ab".to_owned())]),
        };
        let sent = message.properties().unwrap();
        let received = Properties::from(&sent);
        assert_eq!(sent.delivery_mode(), &Some(PERSISTENT));
        assert_eq!(received.message_id.as_deref(), Some("m"));
        assert_eq!(received.correlation_id.as_deref(), Some("c"));
        assert_eq!(received.reply_to.as_deref(), Some("r"));
        assert_eq!(received.content_encoding.as_deref(), Some("gzip"));
        assert_eq!(received.headers, message.headers);
        assert_eq!(received.user_id, message.user_id);
    }

    #[test]
    fn headers_of_the_broker_are_left_out() {
        let mut table = FieldTable::default();
        table.insert("x-delivery-count".into(), AMQPValue::LongLongInt(3));
        table.insert("x-death".into(), AMQPValue::FieldArray(Default::default()));
        table.insert("tracestate".into(), AMQPValue::LongString("k=v".into()));
        let properties = BasicProperties::default().with_headers(table);
        let received = Properties::from(&properties);
        assert_eq!(received.headers.into_keys().collect::<Vec<_>>(), ["tracestate"]);
    }

    #[test]
    fn a_name_too_long_for_amqp_is_an_error_and_no_panic() {
        let message = Message { message_id: Some("x".repeat(256)), ..Message::default() };
        let error = message.properties().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the message's message_id is longer than the 255 bytes that AMQP allows"
        );
    }
}
