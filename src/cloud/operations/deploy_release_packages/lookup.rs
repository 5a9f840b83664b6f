//! Looking up a deploy whose answer was lost: a package that has moved since was deployed.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Params;
use super::before::{Before, Since};
use super::package::{self, Package, Stage};
use crate::cloud::operations::conversation::converse;
use crate::cloud::protocol::{Next, OperationContext, Replies};
use crate::job::{Accepted, Answer, Failure};

/// As far as the provider's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Asks for every package's detail. The call is one for all packages, so it is found only if it
/// reached them all, and absent only if it reached none.
pub(super) fn look_up(
    inquiry: &OperationContext<'_>,
    params: &Params,
    replies: Replies<'_>,
) -> Result<Next, Failure> {
    let before = Before::of(inquiry);
    let called_at = inquiry.execution.doubt.as_ref().map_or(inquiry.now, |doubt| doubt.called_at);
    converse(replies, |talk| {
        let mut reached = 0;
        for id in &params.package_ids {
            let package = package::ask(talk, inquiry.account.project_id(), id)?;
            if package.stage == Stage::Waiting {
                continue;
            }
            if let Some(doubt) = doubt(&package, before.since(id, &package), called_at) {
                return Ok(Answer::Undecided(format!("package {id} {doubt}")));
            }
            reached += 1;
        }
        let all = params.package_ids.len();
        Ok(match reached {
            0 => Answer::Absent,
            reached if reached == all => Answer::Found(adopted(params)),
            reached => Answer::Undecided(format!(
                "{reached} of {all} packages have been deployed, and one call deploys all"
            )),
        })
    })
}

/// Why it can't be told whether this job's call deployed a package; none if it did. One that was
/// deployed before may be deployed again, so one that has not moved may not yet have.
fn doubt(package: &Package, since: Since, called_at: Timestamp) -> Option<String> {
    if let Stage::Other(status) = package.stage {
        return Some(format!("has deploy_status {status}, an unknown one"));
    }
    if let Some(at) = package.deployed_at.filter(|at| *at < called_at - SKEW) {
        return Some(format!("was deployed at {at}, before this job's call"));
    }
    let ended = matches!(package.stage, Stage::Deployed | Stage::Failed);
    match since {
        Since::Moved => None,
        Since::Unmoved => Some("was deployed before, and has not moved since".into()),
        Since::Mixed => Some("was being deployed before this job's call".into()),
        Since::Unknown if ended && package.deployed_at.is_none() => {
            Some("has been deployed, and does not say when".into())
        }
        Since::Unknown => None,
    }
}

/// The system tasks' ids are lost with the reply; the packages alone are followed.
fn adopted(params: &Params) -> Accepted {
    let packages: Value = params.package_ids.iter().map(|id| json!({"package_id": id})).collect();
    Accepted {
        handle: json!({"packages": packages}),
        result: json!({"packages": packages, "adopted": true}),
    }
}
