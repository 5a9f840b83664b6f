//! The errors of the broker folder, one line each.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

/// An error of the broker or of the way to it. Addresses in it never contain a password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can't be parsed.
    #[error("broker.url is not usable: {0}; write amqp://user:password@host:5672/%2f")]
    Address(String),
    /// A certificate or key file can't be read.
    #[error("the file {} named in the broker's settings can't be read", path.display())]
    Certificate { path: PathBuf, source: std::io::Error },
    /// Nothing listens at the address, or what listens there does not speak AMQP.
    #[error("no broker answers at {address}: start RabbitMQ there, or correct broker.url")]
    Unreachable { address: String, source: Cause },
    /// One side rejected the other's certificate.
    #[error(
        "the TLS handshake with the broker at {address} failed: correct the ca and client \
         certificate files"
    )]
    Tls { address: String, source: Cause },
    /// The user or its password is wrong.
    #[error("the broker at {address} refuses the user's credentials: correct them in broker.url")]
    Credentials { address: String, source: Cause },
    /// The virtual host does not exist, or the user has no access to it.
    #[error(
        "the broker at {address} refuses access to virtual host {vhost:?}: create it, give the user \
         permissions on it, or correct the path in broker.url"
    )]
    VirtualHost { address: String, vhost: String, source: Cause },
    /// The topology differs from the one we need. Lists every problem.
    #[error("the broker's topology does not match: {}", joined(.0))]
    Topology(Vec<TopologyProblem>),
    /// The broker refused a request.
    #[error("the broker refused to {what}")]
    Refused { what: String, source: Cause },
    /// The connection or channel is gone; it is being rebuilt.
    #[error("the connection to the broker was lost while we tried to {what}")]
    Lost { what: String, source: Option<Cause> },
}

impl Error {
    /// The connection or channel ended during a request.
    pub(super) fn lost(what: &str, source: impl Into<Option<lapin::Error>>) -> Self {
        Error::Lost { what: what.into(), source: source.into().map(Into::into) }
    }

    /// A request failed: a soft error refuses the request alone, every other error ends the
    /// connection.
    pub(super) fn request(what: &str, error: lapin::Error) -> Self {
        if error.is_amqp_soft_error() {
            Error::Refused { what: what.into(), source: error.into() }
        } else {
            Error::lost(what, error)
        }
    }
}

/// Why the broker may not have a message. Publishing it again under the same message id is safe.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No connection became available within the time-out.
    #[error("the message could not be published within {} s: the broker can't be reached", .0.as_secs())]
    Unreachable(Duration),
    /// The connection was lost, or the exchange does not exist.
    #[error("the channel was lost before the broker confirmed the message")]
    Lost(#[source] Option<Cause>),
    /// The broker answered with `basic.nack`.
    #[error("the broker rejected the message: a queue that it is routed to is full or unavailable")]
    Nacked,
    /// The broker sent no confirm within the time-out.
    #[error("the broker did not confirm the message within {} s", .0.as_secs())]
    ConfirmTimeout(Duration),
    /// A property or name exceeds AMQP's limit.
    #[error("the message's {0} is longer than the 255 bytes that AMQP allows")]
    TooLong(&'static str),
}

impl From<lapin::Error> for PublishError {
    fn from(error: lapin::Error) -> Self {
        PublishError::Lost(Some(error.into()))
    }
}

/// The underlying error, from any library.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A difference between the broker's topology and ours. `object` names an exchange or queue, for
/// example `queue ticketd.jobs.create`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum TopologyProblem {
    /// It does not exist.
    Missing { object: String },
    /// It exists with another property. A value of `None` means that the argument is not set.
    Differs {
        object: String,
        /// For example `argument x-delivery-limit`.
        property: String,
        broker: Option<String>,
        ours: Option<String>,
    },
    /// The broker refused to declare it for another reason.
    Refused { object: String, reason: String },
    /// A feature flag that we need is off.
    FlagOff { flag: String },
}

impl fmt::Display for TopologyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_unset = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".into());
        match self {
            TopologyProblem::Missing { object } => {
                write!(f, "{object} is missing: run `ticketd topology apply`")
            }
            TopologyProblem::Differs { object, property, broker, ours } => write!(
                f,
                "{object}: {property} is {} on the broker, ours is {}: delete it when it is empty \
                 and run `ticketd topology apply`, or choose another broker.prefix",
                or_unset(broker),
                or_unset(ours)
            ),
            TopologyProblem::Refused { object, reason } => write!(f, "{object}: {reason}"),
            TopologyProblem::FlagOff { flag } => write!(
                f,
                "the feature flag {flag} is off, without which waiting jobs can be lost: run \
                 `rabbitmqctl enable_feature_flag {flag}`"
            ),
        }
    }
}

fn joined(problems: &[TopologyProblem]) -> String {
    problems.iter().map(TopologyProblem::to_string).collect::<Vec<_>>().join("; ")
}
