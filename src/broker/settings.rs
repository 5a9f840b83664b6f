//! What has to be known to reach a broker.

use std::path::PathBuf;

use crate::job::access::matches;
use crate::secret::Secret;

/// Whether the topology is declared or only verified at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopologyMode {
    /// Declare what is missing; a mismatch is an error.
    Apply,
    /// Only verify.
    Check,
}

/// A broker as configured, checked.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// `amqp://` or `amqps://`, with the password in it.
    pub url: Secret,
    /// What every exchange and queue name begins with.
    pub prefix: String,
    /// What is done about the topology at start.
    pub topology: TopologyMode,
    /// PEM file with the certificates that may sign the broker's.
    pub ca: Option<PathBuf>,
    /// PEM files of our own certificate and its key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// Whether messages without the user who sent them are rejected.
    pub require_user: bool,
    /// Name patterns (`*` stands for any characters) of queues that may be a `reply_to`.
    pub reply_allowed: Vec<String>,
    /// The largest job message, in bytes.
    pub max_message_bytes: usize,
    /// How many messages `ticketd.unrouted` keeps before it drops the oldest.
    pub unrouted_max: u32,
}

impl BrokerSettings {
    /// Whether an outcome may be sent to this `reply_to` queue. Our own queues never: a producer
    /// could make an outcome look like a job.
    pub fn may_reply_to(&self, queue: &str) -> bool {
        let ours = queue.strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with('.'));
        !ours && !queue.is_empty() && self.reply_allowed.iter().any(|name| matches(name, queue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_queues_are_never_replied_to() {
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
