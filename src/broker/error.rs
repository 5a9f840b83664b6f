//! What can go wrong with the broker, in one line each.

use std::path::PathBuf;
use std::time::Duration;

use super::topology::Problem;

/// Trouble with the broker. Addresses in it never hold a password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can't be read.
    #[error("broker.url is not usable: {0}; write amqp://user:password@host:5672/%2f")]
    Address(String),
    /// A certificate or key file can't be read.
    #[error("the file {} named in the broker's settings can't be read", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody answers, or not as a broker.
    #[error("no broker answers at {address}: start RabbitMQ there, or correct broker.url")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        source: Cause,
    },
    /// Somebody answers, but one of us does not trust the other's certificate.
    #[error("no TLS with the broker at {address}: correct the ca and client certificate files")]
    Tls {
        /// Where.
        address: String,
        /// Why.
        source: Cause,
    },
    /// The user or its password is wrong.
    #[error("the broker at {address} refuses the user's credentials: correct them in broker.url")]
    Credentials {
        /// Where.
        address: String,
        /// What the broker said.
        source: Cause,
    },
    /// The virtual host does not exist, or the user may not enter it.
    #[error(
        "the broker at {address} does not let us into virtual host {vhost:?}: create it, give the \
         user permissions on it, or correct the path in broker.url"
    )]
    VirtualHost {
        /// Where.
        address: String,
        /// The virtual host.
        vhost: String,
        /// What the broker said.
        source: Cause,
    },
    /// The topology is not as it should be; everything wrong with it, at once.
    #[error("the broker's topology does not fit: {}", joined(.0))]
    Topology(Vec<Problem>),
    /// The broker answered a request of ours with a refusal.
    #[error("the broker refused to {what}")]
    Refused {
        /// What we asked for.
        what: String,
        /// What it said.
        source: Cause,
    },
    /// The connection or channel is gone; it is being rebuilt.
    #[error("the connection to the broker was lost while we tried to {what}")]
    Lost {
        /// What we were doing.
        what: String,
        /// Why, where it is known.
        source: Option<Cause>,
    },
}

/// Why a message is not known to be with the broker. It may be; publish it again under the same
/// message id.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There was no connection for as long as we wait for one.
    #[error("no message could be published for {} s: the broker can't be reached", .0.as_secs())]
    Unreachable(Duration),
    /// The connection was lost, or the exchange is gone.
    #[error("the channel was lost before the broker confirmed the message")]
    Lost(#[source] Option<Cause>),
    /// The broker did not take it.
    #[error("the broker did not take the message: a queue it goes to is full or not available")]
    Refused,
    /// The broker did not confirm in time.
    #[error("the broker did not confirm the message within {} s", .0.as_secs())]
    Unconfirmed(Duration),
    /// A name is too long for AMQP.
    #[error("the message's {0} is longer than the 255 bytes that AMQP allows")]
    TooLong(&'static str),
}

/// The cause of an error, of whatever library it came from.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

fn joined(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}
