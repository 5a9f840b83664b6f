//! The ids of a job's tickets, from the provider's reply or from an operator.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cloud::operations::json::{list, positive};
use crate::cloud::operations::operation;
use crate::cloud::operations::operator_input::{OperatorInput, OperatorValue};
use crate::cloud::request::Reply;
use crate::job::{Accepted, Failure};

/// Most ids taken from one reply; one call creates one ticket, or a few.
const MAX_IDS: usize = 1000;

/// Reads the reply to a create. A success without an id may still have created a ticket.
pub(in crate::cloud::operations) fn accepted(reply: &Reply) -> Result<Accepted, Failure> {
    let mut ids = BTreeSet::new();
    collect(&reply.body["CreateOrderResult"], &mut ids);
    if ids.is_empty() {
        let message = "the provider reported success, but the reply holds no ticket number";
        return Err(Failure::ambiguous("NoOrderId", message));
    }
    Ok(operation::accepted(json!({"order_ids": ids})))
}

/// The tickets that an operator found.
pub(in crate::cloud::operations) fn adopt(input: OperatorInput<'_>) -> Result<Accepted, String> {
    let ids: Option<BTreeSet<i64>> = match input.value() {
        OperatorValue::Handle(handle) => list(&handle["order_ids"]).iter().map(positive).collect(),
        OperatorValue::Words(words) => words.iter().map(|word| positive(&json!(word))).collect(),
    };
    match ids {
        Some(ids) if !ids.is_empty() => Ok(operation::adopted(json!({"order_ids": ids}))),
        Some(_) | None => Err(input.unexpected("the ticket's number, such as 406")),
    }
}

/// Collects every integer above zero. The provider's documents and clients show five shapes of
/// this value, with ids as numbers or strings.
fn collect(value: &Value, ids: &mut BTreeSet<i64>) {
    if ids.len() >= MAX_IDS {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, ids)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, ids)),
        Value::Number(_) | Value::String(_) => ids.extend(positive(value)),
        Value::Null | Value::Bool(_) => {}
    }
}
