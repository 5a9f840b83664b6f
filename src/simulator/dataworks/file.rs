//! A DataWorks file that can be deployed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How the deployment of a DataWorks file ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForcedFileOutcome {
    #[default]
    Succeed,
    /// The reply to the deploy call says that the deployment failed.
    Fail,
    /// The reply to the deploy call says that the deployment succeeded; later queries show a failed
    /// solution.
    FailLater,
}

#[derive(Debug)]
pub(crate) struct SyncFile {
    pub(crate) outcome: ForcedFileOutcome,
    /// The time of the last deployment.
    pub(crate) deployed: Option<Timestamp>,
}
