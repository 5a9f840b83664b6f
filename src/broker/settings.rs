//! The checked settings of the broker.

use std::path::PathBuf;

use crate::job::access::matches;
use crate::secret::Secret;

/// Whether the topology is declared or only verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopologyMode {
    /// Declare what is missing. A difference is an error.
    Apply,
    /// Verify only. What is missing is an error too.
    Check,
}

#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// `amqp://` or `amqps://`, including the password.
    pub url: Secret,
    /// The first part of every exchange and queue name.
    pub prefix: String,
    pub topology: TopologyMode,
    /// PEM file with the certificates that the broker's may be signed by.
    pub ca: Option<PathBuf>,
    /// PEM files of our client certificate and its key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// Whether messages without a `user_id` are rejected.
    pub require_user: bool,
    /// Patterns of queue names that `reply_to` may name; `*` matches any characters.
    pub reply_allowed: Vec<String>,
    /// Largest job message, in bytes.
    pub max_message_bytes: usize,
    /// How many messages the unrouted queue keeps before it drops the oldest.
    pub unrouted_max: u32,
}

impl BrokerSettings {
    /// Whether an outcome may be sent to this `reply_to` queue. Never to our own queues: a producer
    /// could have an outcome read as a job.
    pub fn may_reply_to(&self, queue: &str) -> bool {
        let ours = queue.strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with('.'));
        !ours && !queue.is_empty() && self.reply_allowed.iter().any(|name| matches(name, queue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_to_never_names_our_own_queues() {
        let settings = BrokerSettings {
            url: Secret::from(""),
            prefix: "ticketd".into(),
            topology: TopologyMode::Apply,
            ca: None,
            client_certificate: None,
            require_user: false,
            reply_allowed: vec!["*".into()],
            max_message_bytes: 1,
            unrouted_max: 1,
        };
        for (queue, expected) in [
            ("ticketd.jobs.create", false),
            ("ticketd.dead", false),
            ("", false),
            ("ticketd-answers", true),
            ("answers", true),
        ] {
            assert_eq!(settings.may_reply_to(queue), expected, "{queue}");
        }
        let none = BrokerSettings { reply_allowed: Vec::new(), ..settings };
        assert!(!none.may_reply_to("answers"));
    }
}
