//! Looking up a create whose answer was lost, by the marker in its Comment.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{TicketKind, created};
use crate::cloud::operations::conversation::converse;
use crate::cloud::operations::marker::Marker;
use crate::cloud::operations::reply::{integer, text, wrapped};
use crate::cloud::operations::request::{Query, rpc};
use crate::cloud::protocol::{Next, OperationContext, Replies, Service};
use crate::job::{Answer, Failure};

/// The provider's times have no zone. The window holds every wall clock on earth, and an hour of
/// skew.
const BEFORE: SignedDuration = SignedDuration::from_hours(13);
const AFTER: SignedDuration = SignedDuration::from_hours(15);
const PAGE_SIZE: usize = 50;
const MOST_PAGES: usize = 200;
/// How long a comment may be before a listed one that only begins like ours counts as cut, in
/// characters. How many the provider keeps is not documented.
const NEVER_CUT: usize = 200;

/// Lists the account's tickets of that time and compares their comments here: what the provider's
/// own keyword search looks at is not documented.
pub(in super::super) fn look_up(
    inquiry: &OperationContext<'_>,
    nature: &TicketKind<'_>,
    replies: Replies<'_>,
) -> Result<Next, Failure> {
    if !inquiry.account.marker() {
        let words = "tickets of this account carry no marker to be found by";
        return Ok(Next::Tell(Answer::Undecided(words.into())));
    }
    let marker = Marker::of(&inquiry.job.id);
    let signed = marker.sign(inquiry.job.params["Comment"].as_str().unwrap_or_default());
    let is_cut = |listed: &str| {
        let head = listed.trim_end_matches(['.', '…']);
        head.chars().count() >= NEVER_CUT && signed.trim_start().starts_with(head)
    };
    let called_at = inquiry.execution.doubt.as_ref().map_or(inquiry.now, |doubt| doubt.called_at);
    converse(replies, |talk| {
        let mut found = BTreeSet::new();
        let (mut seen, mut illegible, mut whole) = (0, 0, false);
        for page in 1..=MOST_PAGES {
            let query = Query::default()
                .with("PluginType", nature.plugin_type)
                .with("OrderResultType", "AS_COMMITTER")
                .with("OrderStatus", "ALL")
                .with("SearchDateType", "CREATE_TIME")
                .with(
                    "StartTime",
                    wall_clock(called_at.saturating_sub(BEFORE).unwrap_or(called_at)),
                )
                .with("EndTime", wall_clock(called_at.saturating_add(AFTER).unwrap_or(called_at)))
                .with("PageNumber", page)
                .with("PageSize", PAGE_SIZE)
                .with_some("Tid", nature.tid);
            let reply = talk.ask(rpc(Service::Dms, "ListOrders", query))?;
            let total = integer(&reply.body["TotalCount"]);
            if total.is_none() && reply.body["Orders"].is_null() {
                return Err(Failure::ambiguous("UnreadableReply", "it lists no Orders").into());
            }
            let orders = wrapped(&reply.body["Orders"], "Order");
            seen += orders.len();
            for order in orders {
                match (text(&order["Comment"]), integer(&order["OrderId"])) {
                    (Some(comment), Some(id)) if marker.is_in(&comment) => {
                        found.insert(id);
                    }
                    (Some(comment), _) if !marker.is_in(&comment) && !is_cut(&comment) => {}
                    // No comment, one cut before its marker, or ours without an id: one such may
                    // be the lost one.
                    (Some(_) | None, _) => illegible += 1,
                }
            }
            let complete = total.is_some_and(|total| i64::try_from(seen).is_ok_and(|n| n >= total));
            if complete || (orders.is_empty() && total.is_none_or(|total| total <= 0)) {
                whole = true;
                break;
            }
            if orders.is_empty() {
                // The list promised more than it shows: what is missing may be ours.
                break;
            }
        }
        Ok(if !found.is_empty() {
            // One call may make several tickets, and only this job's calls carry this marker.
            let mut accepted = created::tickets(found);
            accepted.result["adopted"] = true.into();
            Answer::Found(accepted)
        } else if illegible > 0 {
            Answer::Undecided(format!("{illegible} of the listed tickets can't be read"))
        } else if !whole {
            Answer::Undecided(format!("only {seen} tickets of a longer list can be read"))
        } else if nature.for_another_user {
            let words = "a ticket made for another user may not be in the account's own list";
            Answer::Undecided(words.into())
        } else {
            Answer::Absent
        })
    })
}

fn wall_clock(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
