//! What the packages were before the call. A package may be deployed again and again, so only what
//! has moved since can be this job's doing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Params;
use super::package::{self, Package, Stage};
use crate::cloud::operations::conversation::converse;
use crate::cloud::protocol::{Next, OperationContext, Replies};
use crate::job::{Answer, Failure, FailureClass};

/// The packages as the baseline read them, by id. Those it could not read are left out.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Before(BTreeMap<String, Seen>);

#[derive(Serialize, Deserialize)]
struct Seen {
    stage: Stage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deployed_at: Option<Timestamp>,
}

/// What has become of a package since the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// It is as it was.
    Unmoved,
    /// It has been deployed, or is being deployed.
    Moved,
    /// Somebody was deploying it even then: whose doing this is can't be told.
    Mixed,
    /// Nobody knows what it was before.
    Unknown,
}

impl Before {
    /// The baseline of a turn; knows nothing where there is none.
    pub(super) fn of(inquiry: &OperationContext<'_>) -> Self {
        let baseline = inquiry.execution.baseline.clone();
        baseline.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
    }

    pub(super) fn since(&self, id: &str, now: &Package) -> Since {
        match self.0.get(id) {
            None => Since::Unknown,
            Some(Seen { stage: Stage::Deploying, .. }) => Since::Mixed,
            Some(seen) if seen.stage == now.stage && seen.deployed_at == now.deployed_at => {
                Since::Unmoved
            }
            Some(_) => Since::Moved,
        }
    }
}

/// Reads every package once: even a hundred take seconds, where the deploy takes minutes.
pub(super) fn baseline(
    inquiry: &OperationContext<'_>,
    params: &Params,
    replies: Replies<'_>,
) -> Result<Next, Failure> {
    converse(replies, |talk| {
        let mut before = BTreeMap::new();
        for id in &params.package_ids {
            match talk.try_ask(package::detail(inquiry.account.project_id(), id))? {
                Ok(reply) => before.extend(package::read(&reply.body, id).ok().map(|package| {
                    let Package { stage, deployed_at, .. } = package;
                    (id, Seen { stage, deployed_at })
                })),
                // Whoever may not see packages may still deploy them; but one refusal is enough.
                Err(failure) if failure.meaning == FailureClass::Permanent => break,
                Err(failure) => return Err(failure.clone().into()),
            }
        }
        Ok(Answer::Baseline(json!(before)))
    })
}
