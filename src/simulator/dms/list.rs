//! ListOrders.

use serde_json::{Value, json};

use super::params::Params;
use super::queries::{summary, ticket_status};
use super::ticket::Ticket;
use crate::simulator::reply::ErrorReply;
use crate::simulator::request::CallContext;
use crate::simulator::store::Store;

/// The provider's limit is not documented.
const MAX_PAGE_SIZE: i64 = 100;

/// ListOrders, newest first. A new ticket is listed after `lag`.
pub(crate) fn orders(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let params = Params::of_query(&call.request.raw);
    let plugin_type = params.text("PluginType");
    let search = params.text("SearchContent");
    let order_status = params.one_of("OrderStatus", &["ALL", "FINISHED", "RUNNING"])?;
    let role = params.one_of(
        "OrderResultType",
        &["AS_ADMIN", "AS_COMMITTER", "AS_HANDLER", "AS_OWNER", "AS_Related"],
    )?;
    let date_type = params.one_of("SearchDateType", &["CREATE_TIME", "MODIFY_TIME"])?;
    let (start, end) =
        (params.time("StartTime", call.offset)?, params.time("EndTime", call.offset)?);
    let number = params.number("PageNumber")?.unwrap_or(1);
    let size = params.number("PageSize")?.unwrap_or(20);
    if number < 1 {
        return Err(ErrorReply::invalid("PageNumber", "pages are counted from 1"));
    }
    if !(1..=MAX_PAGE_SIZE).contains(&size) {
        return Err(ErrorReply::invalid("PageSize", "use 1 to 100"));
    }

    let has_ended = |ticket: &Ticket| {
        matches!(
            ticket_status(&store.publish_tasks, ticket, call.now).0,
            "success" | "reject" | "closed"
        )
    };
    let is_listed = |ticket: &&Ticket| {
        let time = match date_type {
            Some("MODIFY_TIME") => ticket.modified(call.now),
            Some(_) | None => ticket.created,
        };
        let status_matches = match order_status {
            Some("FINISHED") => has_ended(ticket),
            Some("RUNNING") => !has_ended(ticket),
            Some(_) | None => true,
        };
        let role_matches = match role {
            Some("AS_ADMIN") => true,
            Some("AS_HANDLER" | "AS_OWNER" | "AS_Related") => false,
            Some(_) | None => ticket.committer == call.request.caller.key,
        };
        status_matches
            && role_matches
            && plugin_type.is_none_or(|wanted| ticket.is(wanted))
            && search.is_none_or(|text| ticket.content.comment.contains(text))
            // Times have whole seconds, so both ends of the window are inclusive seconds.
            && start.is_none_or(|start| time.as_second() >= start.as_second())
            && end.is_none_or(|end| time.as_second() <= end.as_second())
            && call.is_visible(ticket.created)
    };
    let listed: Vec<&Ticket> = store.tickets.values().rev().filter(is_listed).collect();
    let skipped = usize::try_from((number - 1).saturating_mul(size)).unwrap_or(usize::MAX);
    let count = usize::try_from(size).unwrap_or_default();
    let page: Vec<Value> = listed
        .iter()
        .skip(skipped)
        .take(count)
        .map(|ticket| summary(&store.publish_tasks, ticket, call))
        .collect();
    Ok(json!({"Orders": {"Order": page}, "TotalCount": listed.len()}))
}
