//! DMS tickets: what the operations that create them share.

mod detail_source;
mod marker_search;
mod order_ids;
mod ticket_kind;

pub(super) use marker_search::probe;
pub(super) use order_ids::{accepted, adopt};
pub(super) use ticket_kind::TicketKind;

use serde_json::{Value, json};

use self::detail_source::DetailSource;
use super::items::{self, ItemKind, ItemStatus};
use super::json::{integer, list, text};
use super::marker::Marker;
use super::operation::{OperationContext, PollResult};
use super::replay::{Replay, Replayed};
use crate::cloud::account::Account;
use crate::job::Failure;
use crate::job::machine::Capabilities;

const TICKETS: ItemKind =
    ItemKind { noun: "ticket", list: "tickets", id: "order_id", max_per_poll: 100 };

/// A lost create is looked up by its marker, so only where tickets carry one.
pub(super) fn capabilities(account: &Account) -> Capabilities {
    Capabilities { baseline: false, probe: account.marker(), may_repeat_lost_call: false }
}

/// The comment that is sent, with the marker unless the account turns it off.
pub(super) fn comment(cx: &OperationContext<'_>, comment: String) -> String {
    match cx.account.marker() {
        true => Marker::of(&cx.job.id).append_to(&comment),
        false => comment,
    }
}

/// Asks about every ticket that has not ended.
pub(super) fn poll(
    cx: &OperationContext<'_>,
    kind: &TicketKind<'_>,
    handle: &Value,
    http: &mut Replay<'_>,
) -> Replayed<PollResult> {
    let orders = list(&handle["order_ids"]).iter().filter_map(integer);
    let tickets: Vec<Value> = orders.map(|order| json!({"order_id": order})).collect();
    items::follow(&TICKETS, &tickets, &cx.execution.result, |order, _| status(kind, order, http))
}

/// Asks for a ticket's status, and for its details where the status does not show everything: a
/// ticket has no status for "failed".
fn status(kind: &TicketKind<'_>, order: &str, http: &mut Replay<'_>) -> Replayed<ItemStatus> {
    let reply = http.send(kind.request("GetOrderBaseInfo", order))?;
    let info = &reply.body["OrderBaseInfo"];
    let Some(code) = text(&info["StatusCode"]) else {
        let message = format!("the reply about ticket {order} has no StatusCode");
        return Err(Failure::ambiguous("UnreadableReply", message).into());
    };
    let code = code.to_lowercase();
    let description = text(&info["StatusDesc"]);
    let details = DetailSource::of(kind.plugin_type);
    let waits_for_person = match code.as_str() {
        "reject" | "closed" => {
            let message = description.unwrap_or_else(|| format!("the ticket is {code}"));
            return Ok(ItemStatus::failed(&code, &code, message));
        }
        "success" => {
            return Ok(match details.read(kind, order, &code, http)? {
                Some(failed @ ItemStatus::Failed { .. }) => failed.with_status(code),
                Some(ItemStatus::Running { .. } | ItemStatus::Succeeded { .. }) | None => {
                    ItemStatus::succeeded(code)
                }
            });
        }
        "toaudit" => return Ok(ItemStatus::waiting(code)),
        "new" => true,
        "approved" => !kind.starts_itself,
        _ => false,
    };
    let own_status = match (code.as_str(), description) {
        ("new" | "approved" | "processing", _) | (_, None) => code.clone(),
        (_, Some(description)) => format!("{code} ({description})"),
    };
    Ok(match details.read(kind, order, &code, http)? {
        Some(detail) => {
            let status = format!("{own_status}, {}", detail.status());
            detail.with_status(status)
        }
        None => ItemStatus::Running { status: own_status, waits_for_person },
    })
}

#[cfg(test)]
mod tests;
