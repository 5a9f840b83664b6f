//! A deploy that a person has found at the provider.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Params;
use crate::cloud::operations::adoption::{OperatorInput, unexpected};
use crate::cloud::operations::reply::{items, words};
use crate::job::Accepted;

/// Reads the system tasks of the packages: `23/8f3e` is package 23's. A package without one, or not
/// named at all, is followed by its detail alone.
pub(super) fn adopted(params: &Params, text: &str) -> Result<Accepted, String> {
    let named: Option<BTreeMap<String, Value>> = match OperatorInput::read(text) {
        Some(OperatorInput::Handle(handle)) if items(&handle["packages"]).is_empty() => None,
        Some(OperatorInput::Handle(handle)) => items(&handle["packages"])
            .iter()
            .map(|package| Some((words(&package["package_id"])?, package.clone())))
            .collect(),
        Some(OperatorInput::Words(words)) => Some(words.iter().map(|word| package(word)).collect()),
        None => None,
    };
    match named {
        Some(named) if named.keys().all(|id| params.package_ids.contains(id)) => {
            let shown = |id: &String| named.get(id).cloned().unwrap_or(json!({"package_id": id}));
            let packages: Value = params.package_ids.iter().map(shown).collect();
            Ok(Accepted {
                handle: json!({"packages": packages}),
                result: json!({"packages": packages, "adopted": true}),
            })
        }
        Some(_) | None => {
            let ids = params.package_ids.join(", ");
            let expected = format!(
                "packages of the job ({ids}), each with its system task where it is known, such as \
                 23/8f3e, or nothing"
            );
            Err(unexpected(text, &expected))
        }
    }
}

fn package(word: &str) -> (String, Value) {
    match word.split_once('/') {
        None => (word.to_owned(), json!({"package_id": word})),
        Some((id, task)) => (id.to_owned(), json!({"package_id": id, "asy_task_id": task})),
    }
}
