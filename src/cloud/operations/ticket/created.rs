//! What a create answers: the ids of its tickets.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cloud::operations::reply::integer;
use crate::cloud::protocol::Reply;
use crate::job::{Accepted, Answer, Failure};

/// Ids taken from one reply, at most; one call makes one ticket, or a few.
const MOST_IDS: usize = 1000;

/// Reads the reply to a create. A success that names no ticket may still have made one.
pub(in super::super) fn accepted(reply: &Reply) -> Result<Answer, Failure> {
    let mut ids = BTreeSet::new();
    collect(&reply.body["CreateOrderResult"], &mut ids);
    if ids.is_empty() {
        let message = "the provider reported success and named no ticket";
        return Err(Failure::ambiguous("NoOrderId", message));
    }
    Ok(Answer::Accepted(tickets(ids)))
}

/// Tickets as the rest of the program knows them.
pub(super) fn tickets(ids: BTreeSet<i64>) -> Accepted {
    let ids: Vec<i64> = ids.into_iter().collect();
    Accepted { handle: json!({"order_ids": ids}), result: json!({"order_ids": ids}) }
}

/// The documents and clients of the provider show at least five shapes of this value, with ids as
/// numbers or strings; every whole number in it is an id.
fn collect(value: &Value, ids: &mut BTreeSet<i64>) {
    if ids.len() >= MOST_IDS {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, ids)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, ids)),
        Value::Number(_) | Value::String(_) => ids.extend(integer(value).filter(|id| *id > 0)),
        Value::Null | Value::Bool(_) => {}
    }
}
