//! Looking up a lost create by the marker in the ticket's comment.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::ticket_kind::TicketKind;
use crate::cloud::operations::json::{full_text, integer, wrapped_list};
use crate::cloud::operations::marker::Marker;
use crate::cloud::operations::operation::{OperationContext, ProbeResult, adopted};
use crate::cloud::operations::replay::{Replay, Replayed};
use crate::cloud::operations::request::{Query, rpc};
use crate::cloud::request::Request;
use crate::cloud::service::Service;
use crate::job::Failure;

/// The provider's times have no zone. The window covers every time zone, and an hour of clock skew.
const BEFORE_CALL: SignedDuration = SignedDuration::from_hours(13);
const AFTER_CALL: SignedDuration = SignedDuration::from_hours(15);

const PAGE_SIZE: usize = 50;
const MAX_PAGES: usize = 200;

/// Shortest listed comment that may be a cut one, in characters. How many characters the provider
/// keeps is not documented.
const MIN_CUT_COMMENT: usize = 200;

/// What the listed tickets show.
#[derive(Default)]
struct Search {
    found: BTreeSet<i64>,
    listed: usize,
    /// Tickets that may be the lost one, but do not show it.
    unclear: usize,
    /// The whole list was read.
    complete: bool,
}

/// Lists the account's tickets around the call and compares their comments. The provider's keyword
/// search is not used: the fields it covers are not documented.
pub(in crate::cloud::operations) fn probe(
    cx: &OperationContext<'_>,
    kind: &TicketKind<'_>,
    http: &mut Replay<'_>,
) -> Replayed<ProbeResult> {
    let undecided = |why: String| Ok(ProbeResult::Undecided(why));
    if !cx.account.marker() {
        return undecided("tickets of this account carry no marker".to_owned());
    }
    let Search { found, listed, unclear, complete } = search(cx, kind, http)?;
    if !found.is_empty() {
        // One call may create several tickets, and only this job's calls carry this marker.
        return Ok(ProbeResult::Found(adopted(json!({"order_ids": found}))));
    }
    if unclear > 0 {
        return undecided(format!("{unclear} of the listed tickets may be this job's"));
    }
    if !complete {
        return undecided(format!("the provider lists only {listed} tickets of a longer list"));
    }
    if kind.for_another_user {
        let why = "a ticket created for another user may be missing from the account's own list";
        return undecided(why.to_owned());
    }
    Ok(ProbeResult::Absent)
}

fn search(
    cx: &OperationContext<'_>,
    kind: &TicketKind<'_>,
    http: &mut Replay<'_>,
) -> Replayed<Search> {
    let marker = Marker::of(&cx.job.id);
    let signed = marker.append_to(cx.job.params["Comment"].as_str().unwrap_or_default());
    let is_cut = |listed: &str| {
        let head = listed.trim_end_matches(['.', '…']);
        head.chars().count() >= MIN_CUT_COMMENT && signed.trim_start().starts_with(head)
    };
    let mut search = Search::default();
    for page in 1..=MAX_PAGES {
        let reply = http.send(list_orders(kind, cx.called_at(), page))?;
        let total = integer(&reply.body["TotalCount"]);
        if total.is_none() && reply.body["Orders"].is_null() {
            return Err(Failure::ambiguous("UnreadableReply", "the reply has no Orders").into());
        }
        let orders = wrapped_list(&reply.body["Orders"], "Order");
        search.listed += orders.len();
        for order in orders {
            match (full_text(&order["Comment"]), integer(&order["OrderId"])) {
                (Some(comment), Some(id)) if marker.is_in(&comment) => {
                    search.found.insert(id);
                }
                (Some(comment), _) if !marker.is_in(&comment) && !is_cut(&comment) => {}
                // No comment, one cut before its marker, or our marker without an id.
                (Some(_) | None, _) => search.unclear += 1,
            }
        }
        let listed = i64::try_from(search.listed).unwrap_or(i64::MAX);
        search.complete = match total {
            Some(total) => listed >= total,
            None => orders.is_empty(),
        };
        if search.complete || orders.is_empty() {
            break;
        }
    }
    Ok(search)
}

fn list_orders(kind: &TicketKind<'_>, called_at: Timestamp, page: usize) -> Request {
    let from = called_at.saturating_sub(BEFORE_CALL).unwrap_or(called_at);
    let to = called_at.saturating_add(AFTER_CALL).unwrap_or(called_at);
    let query = Query::default()
        .with("PluginType", kind.plugin_type)
        .with("OrderResultType", "AS_COMMITTER")
        .with("OrderStatus", "ALL")
        .with("SearchDateType", "CREATE_TIME")
        .with("StartTime", from.strftime("%Y-%m-%d %H:%M:%S"))
        .with("EndTime", to.strftime("%Y-%m-%d %H:%M:%S"))
        .with("PageNumber", page)
        .with("PageSize", PAGE_SIZE)
        .with_some("Tid", kind.tid);
    rpc(Service::Dms, "ListOrders", query)
}
