//! Tickets that a person has found at the provider.

use std::collections::BTreeSet;

use serde_json::json;

use super::created::tickets;
use crate::cloud::operations::adoption::{OperatorInput, unexpected};
use crate::cloud::operations::reply::{integer, items};
use crate::job::Accepted;

/// Reads their order ids.
pub(in super::super) fn adopted(text: &str) -> Result<Accepted, String> {
    let ids: Option<BTreeSet<i64>> = match OperatorInput::read(text) {
        Some(OperatorInput::Handle(handle)) => {
            items(&handle["order_ids"]).iter().map(positive).collect()
        }
        Some(OperatorInput::Words(words)) => {
            words.iter().map(|word| positive(&json!(word))).collect()
        }
        None => None,
    };
    match ids {
        Some(ids) if !ids.is_empty() => {
            let mut accepted = tickets(ids);
            accepted.result["adopted"] = true.into();
            Ok(accepted)
        }
        Some(_) | None => Err(unexpected(text, "the ticket's number, such as 406")),
    }
}

fn positive(value: &serde_json::Value) -> Option<i64> {
    integer(value).filter(|id| *id > 0)
}
