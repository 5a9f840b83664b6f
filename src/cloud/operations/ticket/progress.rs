//! Following the tickets of one job until all of them have ended.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::TicketKind;
use super::standing::{Stage, Standing, standing};
use crate::cloud::operations::conversation::converse;
use crate::cloud::operations::reply::{integer, items, words};
use crate::cloud::operations::tally::tally;
use crate::cloud::protocol::{Next, OperationContext, Replies};
use crate::job::{Answer, Ended, Failure, Running};

/// Tickets asked about in one poll, at most; the others come when these have ended.
const MOST_ASKED: usize = 100;

/// Asks about every ticket that has not ended yet. What ended stays so: whether a finished ticket
/// can still be closed is not documented, and the first end is the one that counts.
pub(in super::super) fn poll(
    inquiry: &OperationContext<'_>,
    handle: &Value,
    nature: &TicketKind<'_>,
    replies: Replies<'_>,
) -> Result<Next, Failure> {
    let orders: Vec<i64> = items(&handle["order_ids"]).iter().filter_map(integer).collect();
    if orders.is_empty() {
        return Err(Failure::permanent("InvalidHandle", "the saved handle names no ticket"));
    }
    let ended = ended(&inquiry.execution.result);
    converse(replies, |talk| {
        let mut standings = Vec::new();
        let mut asked = 0;
        for order in orders {
            let standing = match ended.get(&order) {
                Some(standing) => standing.clone(),
                None if asked == MOST_ASKED => {
                    Standing { seen: "not asked yet".into(), stage: Stage::Running }
                }
                None => {
                    asked += 1;
                    standing(talk, order, nature)?
                }
            };
            standings.push((order, standing));
        }
        Ok(summary(&inquiry.execution.result, &standings))
    })
}

fn summary(before: &Value, standings: &[(i64, Standing)]) -> Answer {
    let mut result = before.as_object().cloned().unwrap_or_default();
    let orders: Vec<i64> = standings.iter().map(|(order, _)| *order).collect();
    result.insert("order_ids".into(), json!(orders));
    result.insert("tickets".into(), standings.iter().map(shown).collect());
    let result = Value::Object(result);

    let is = |test: fn(&Stage) -> bool| standings.iter().any(|(_, s)| test(&s.stage));
    let waits_for_person = is(|stage| *stage == Stage::WaitsForPerson);
    let seen = tally(standings.iter().map(|(_, standing)| standing.seen.as_str()));
    if waits_for_person || is(|stage| *stage == Stage::Running) {
        return Answer::Running(Running { seen, waits_for_person, result });
    }
    let failure = standings.iter().find_map(|(order, standing)| match &standing.stage {
        Stage::Failed { code, message } => {
            Some((code.clone(), format!("ticket {order}: {message}")))
        }
        Stage::Running | Stage::WaitsForPerson | Stage::Succeeded => None,
    });
    Answer::Ended(Ended { result, failure })
}

fn shown((order, standing): &(i64, Standing)) -> Value {
    let mut ticket = json!({"order_id": order, "status": standing.seen});
    match &standing.stage {
        Stage::Running | Stage::WaitsForPerson => {}
        Stage::Succeeded => ticket["ended"] = json!("succeeded"),
        Stage::Failed { code, message } => {
            ticket["ended"] = json!("failed");
            ticket["error"] = json!({"code": code, "message": message});
        }
    }
    ticket
}

/// The tickets that earlier polls saw end; the other way round of [`shown`].
fn ended(result: &Value) -> BTreeMap<i64, Standing> {
    let read = |ticket: &Value| {
        let text = |value: &Value| words(value).unwrap_or_default();
        let stage = match ticket["ended"].as_str()? {
            "succeeded" => Stage::Succeeded,
            _ => Stage::Failed {
                code: text(&ticket["error"]["code"]),
                message: text(&ticket["error"]["message"]),
            },
        };
        Some((integer(&ticket["order_id"])?, Standing { seen: text(&ticket["status"]), stage }))
    };
    items(&result["tickets"]).iter().filter_map(read).collect()
}
