//! What has to be known to reach a broker.

use std::path::PathBuf;

use secrecy::SecretString;

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
pub struct Settings {
    /// `amqp://` or `amqps://`, with the password in it.
    pub url: SecretString,
    /// What every exchange and queue name begins with.
    pub prefix: String,
    /// What is done about the topology at start.
    pub topology: TopologyMode,
    /// PEM file with the certificates that may sign the broker's.
    pub ca: Option<PathBuf>,
    /// PEM files of our own certificate and its key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// Name patterns (`*` stands for any characters) of queues that may be a `reply_to`.
    pub reply_allowed: Vec<String>,
    /// The largest job message, in bytes.
    pub max_message_bytes: usize,
    /// How many messages `ticketd.unrouted` keeps before it drops the oldest.
    pub unrouted_max: u32,
}

impl Settings {
    /// Whether an outcome may be sent to this `reply_to` queue. Our own queues never: a producer
    /// could make an outcome look like a job.
    pub fn may_reply_to(&self, queue: &str) -> bool {
        let ours = queue.strip_prefix(&self.prefix).is_some_and(|rest| rest.starts_with('.'));
        !ours && !queue.is_empty() && self.reply_allowed.iter().any(|name| fits(name, queue))
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters, or none.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| fits(after, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_with_anything_in_the_place_of_its_stars() {
        let table = [
            ("*", "anything", true),
            ("answers", "answers", true),
            ("answers", "answers.2", false),
            ("answers.*", "answers.2", true),
            ("answers.*", "answers", false),
            ("*.answers", "team.answers", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("*é", "caf\u{e9}", true),
            ("", "x", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(fits(pattern, text), expected, "{pattern} and {text}");
        }
    }

    #[test]
    fn our_own_queues_are_never_replied_to() {
        let settings = Settings {
            url: String::new().into(),
            prefix: "ticketd".into(),
            topology: TopologyMode::Apply,
            ca: None,
            client_certificate: None,
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
        let none = Settings { reply_allowed: Vec::new(), ..settings };
        assert!(!none.may_reply_to("answers"));
    }
}
