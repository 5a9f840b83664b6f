//! Keeps messages that can't be processed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::{Error, Metrics};
use super::header;
use crate::broker::{Delivery, ExchangeName, Publisher};

/// Limit for the header that lists the problems, in bytes.
const MAX_PROBLEMS: usize = 16 * 1024;

/// Limit for the producer's headers in a dead letter, in bytes. All headers of a message share one
/// frame of 128 KiB, and the broker closes the connection if they are larger.
const MAX_HEADERS: usize = 64 * 1024;

/// Bytes of a header besides its name and value: two lengths and a type.
const HEADER_OVERHEAD: usize = 6;

/// Why a message is kept as a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetterReason {
    /// The message is not a valid job or cancel request.
    Invalid,
    /// This version can't read the wake-up.
    Unreadable,
    /// The job crashes workers.
    Poison,
}

impl DeadLetterReason {
    const ALL: [Self; 3] = [Self::Invalid, Self::Unreadable, Self::Poison];

    /// Name in the header and the metric, and routing key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unreadable => "unreadable",
            Self::Poison => "poison",
        }
    }
}

/// Publishes dead letters.
pub struct DeadLetters {
    publisher: Publisher,
    prefix: String,
    metrics: Metrics,
}

impl DeadLetters {
    /// `prefix` begins the name of every queue.
    pub fn new(publisher: Publisher, prefix: String, metrics: Metrics) -> Self {
        metrics.init_dead_letters(DeadLetterReason::ALL.map(DeadLetterReason::as_str));
        Self { publisher, prefix, metrics }
    }

    /// Keeps a message, byte for byte. Returns once the broker has confirmed.
    pub async fn keep(
        &self,
        delivery: &Delivery,
        reason: DeadLetterReason,
        problems: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        let mut headers = smallest(&delivery.properties.headers, MAX_HEADERS);
        headers.remove(header::USER);
        let own = [
            (header::REASON, Some(reason.as_str())),
            (header::PROBLEMS, Some(truncate(problems, MAX_PROBLEMS))),
            (header::AT, Some(&*at.to_string())),
            (header::FROM, Some(&*delivery.queue.full_name(&self.prefix))),
            (header::USER, header::sender(delivery)),
        ];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
        headers.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let mut message = delivery.message();
        message.properties.headers = headers;
        self.publisher.publish(ExchangeName::Dead, reason.as_str(), &message).await?;
        self.metrics.dead_letter(reason.as_str());
        Ok(())
    }
}

/// As many headers as fit into `limit` bytes, the smallest first.
fn smallest(headers: &BTreeMap<String, String>, limit: usize) -> BTreeMap<String, String> {
    let size = |(name, value): &(&String, &String)| name.len() + value.len() + HEADER_OVERHEAD;
    let mut sorted: Vec<_> = headers.iter().collect();
    sorted.sort_by_key(size);
    let mut total = 0;
    sorted
        .into_iter()
        .take_while(|header| {
            total += size(header);
            total <= limit
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The first `limit` bytes of a text, or less to end between two characters.
fn truncate(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_headers_are_kept() {
        let header = |name: &str, length| (name.to_owned(), "x".repeat(length));
        let headers = BTreeMap::from([header("a", 9), header("b", 1), header("c", 4)]);
        assert_eq!(smallest(&headers, 35), headers);
        assert_eq!(smallest(&headers, 34).into_keys().collect::<Vec<_>>(), ["b", "c"]);
        assert!(smallest(&headers, 7).is_empty());
    }

    #[test]
    fn truncating_never_splits_a_character() {
        assert_eq!(truncate("aé", 2), "a");
        assert_eq!(truncate("aé", 3), "aé");
    }
}
