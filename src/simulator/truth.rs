//! What really happened, whatever was answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Something a call brought about. A call that was refused has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Counted from 1, over all operations.
    pub sequence: u64,
    /// When it took effect, by this server's clock.
    pub at: Timestamp,
    /// For example `dms.CreateOrder`.
    pub operation: String,
    /// What stands between `[tk:` and `]` in the ticket's Comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// The ticket's Comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The tickets that were made, or the one that was published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order_ids: Vec<i64>,
    /// What was published, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The release packages that were deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub package_ids: Vec<String>,
    /// The DataWorks file that was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<i64>,
    /// The tasks this started: a publish task, or one system task per package.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub task_ids: Vec<String>,
    /// The request's nonce; Huawei has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The public half of the key, or the name of the IAM user.
    pub key: String,
    /// The id of the request.
    pub request_id: String,
    /// The trace context that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// What a publish is told apart by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The NDDL ticket.
    pub order_id: i64,
    /// The database.
    pub db_id: i64,
    /// Whether the database is a logical one.
    pub logic: bool,
    /// `IMMEDIATELY` or `REGULARLY`.
    pub strategy: String,
    /// As given: `yyyy-MM-dd HH:mm:ss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_time: Option<String>,
}

/// Requests of one action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// All of them.
    pub received: u64,
    /// Those refused for what they were: signature, nonce, clock, parameters, state.
    pub refused: u64,
    /// Those a fault was done to.
    pub faulted: u64,
}

/// Requests by action, for example `dms.GetOrderBaseInfo`.
pub type Counts = BTreeMap<String, Count>;

/// The marker in a Comment.
pub(super) fn marker_in(comment: &str) -> Option<String> {
    let (_, rest) = comment.rsplit_once("[tk:")?;
    rest.split_once(']').map(|(marker, _)| marker.to_owned())
}
