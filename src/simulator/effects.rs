//! What took effect, whatever the reply said.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The effect of one call. A refused call has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Counted from 1, over all operations.
    pub sequence: u64,
    /// When it took effect, by the server's clock.
    pub at: Timestamp,
    /// For example `dms.CreateOrder`.
    pub operation: String,
    /// The text between `[tk:` and `]` in the ticket's Comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// The ticket's Comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The tickets that were created, or the ticket that was published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order_ids: Vec<i64>,
    /// What was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<EffectTarget>,
    /// The release packages that were deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub package_ids: Vec<String>,
    /// The DataWorks file that was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<i64>,
    /// The tasks that were started: one publish task, or one system task per package.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub task_ids: Vec<String>,
    /// The nonce of the request; Huawei has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The access key id, or the name of the IAM user.
    pub key: String,
    pub request_id: String,
    /// The trace context that the request carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The parameters that identify a publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectTarget {
    /// The NDDL ticket.
    pub order_id: i64,
    /// The database.
    pub db_id: i64,
    /// Whether the database is a logical one.
    pub logic: bool,
    /// `IMMEDIATELY` or `REGULARLY`.
    pub strategy: String,
    /// As in the request: `yyyy-MM-dd HH:mm:ss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_time: Option<String>,
}

/// How many requests of one action there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCount {
    /// All requests.
    pub received: u64,
    /// Requests with a wrong signature, nonce, time, parameter or state.
    pub refused: u64,
    /// Requests hit by a fault.
    pub faulted: u64,
}

/// Requests by action, for example `dms.GetOrderBaseInfo`.
pub type RequestCounts = BTreeMap<String, RequestCount>;

/// The marker in a Comment.
pub(super) fn marker_of(comment: &str) -> Option<String> {
    let (_, rest) = comment.rsplit_once("[tk:")?;
    rest.split_once(']').map(|(marker, _)| marker.to_owned())
}
