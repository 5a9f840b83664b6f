//! Following a deploy until all of its packages have ended.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Params;
use super::before::Before;
use super::standing::{Deployment, Standing};
use crate::cloud::operations::conversation::converse;
use crate::cloud::operations::reply::{items, words};
use crate::cloud::operations::tally::tally;
use crate::cloud::protocol::{Next, OperationContext, Replies};
use crate::job::{Answer, Ended, Failure, Running};

/// Packages asked about in one poll, at most; the others come when these have ended. Each takes
/// two requests, and the provider allows a user ten a second.
const MOST_ASKED: usize = 25;

/// Asks about every package that has not ended yet.
pub(super) fn poll(
    inquiry: &OperationContext<'_>,
    params: &Params,
    handle: &Value,
    replies: Replies<'_>,
) -> Result<Next, Failure> {
    let packages: Vec<&Value> =
        items(&handle["packages"]).iter().filter(|package| package.is_object()).collect();
    if packages.is_empty() {
        return Err(Failure::permanent("InvalidHandle", "the saved handle names no package"));
    }
    let ended: BTreeMap<String, Standing> =
        items(&inquiry.execution.result["packages"]).iter().filter_map(ended).collect();
    let deployment = Deployment {
        project: inquiry.account.project_id(),
        starts: params.startup_mode == 1,
        before: Before::of(inquiry),
    };
    converse(replies, |talk| {
        let mut standings = Vec::new();
        let mut asked = 0;
        for package in packages {
            let id = words(&package["package_id"]).unwrap_or_default();
            let standing = match ended.get(&id) {
                Some(standing) => standing.clone(),
                None if asked == MOST_ASKED => Standing::running("not asked yet"),
                None => {
                    asked += 1;
                    deployment.standing(talk, package, &id)?
                }
            };
            standings.push((package, id, standing));
        }
        Ok(summary(&inquiry.execution.result, &standings))
    })
}

fn summary(before: &Value, standings: &[(&Value, String, Standing)]) -> Answer {
    let mut result = before.as_object().cloned().unwrap_or_default();
    result.insert("packages".into(), standings.iter().map(shown).collect());
    let result = Value::Object(result);
    if standings.iter().any(|(_, _, standing)| standing.end.is_none()) {
        let seen = tally(standings.iter().map(|(_, _, standing)| standing.seen.as_str()));
        let waits_for_person = standings.iter().any(|(_, _, standing)| standing.waits_for_person);
        return Answer::Running(Running { seen, waits_for_person, result });
    }
    let failure = standings.iter().find_map(|(_, _, standing)| standing.end.clone().flatten());
    Answer::Ended(Ended { result, failure })
}

fn shown((handle, _, standing): &(&Value, String, Standing)) -> Value {
    let mut package = (*handle).clone();
    package["status"] = json!(standing.seen);
    if let Some(warning) = &standing.warning {
        package["warning"] = json!(warning);
    }
    match &standing.end {
        None => {}
        Some(None) => package["ended"] = json!("succeeded"),
        Some(Some((code, message))) => {
            package["ended"] = json!("failed");
            package["error"] = json!({"code": code, "message": message});
        }
    }
    package
}

/// The packages that earlier polls saw end; the other way round of [`shown`].
fn ended(package: &Value) -> Option<(String, Standing)> {
    let text = |value: &Value| words(value).unwrap_or_default();
    let standing = match package["ended"].as_str()? {
        "succeeded" => Standing::succeeded(words(&package["warning"])),
        _ => Standing::failed(&text(&package["error"]["code"]), text(&package["error"]["message"])),
    };
    Some((words(&package["package_id"])?, standing))
}
