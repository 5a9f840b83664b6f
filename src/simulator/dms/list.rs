//! ListOrders.

use serde_json::{Value, json};

use super::details::{status, summary};
use super::params::Params;
use super::ticket::Ticket;
use crate::simulator::reply::Refusal;
use crate::simulator::stand::Call;
use crate::simulator::world::World;

/// The largest page; the real limit is not documented.
const LARGEST_PAGE: i64 = 100;

/// ListOrders, the newest first. What was made less than `lag` ago is not in it yet.
pub(in crate::simulator) fn orders(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let params = Params::of_query(&call.visit.asked);
    let plugin_type = params.text("PluginType");
    let search = params.text("SearchContent");
    let status_wanted = params.one_of("OrderStatus", &["ALL", "FINISHED", "RUNNING"])?;
    let whose = params.one_of(
        "OrderResultType",
        &["AS_ADMIN", "AS_COMMITTER", "AS_HANDLER", "AS_OWNER", "AS_Related"],
    )?;
    let by_change = params.one_of("SearchDateType", &["CREATE_TIME", "MODIFY_TIME"])?;
    let (start, end) =
        (params.time("StartTime", call.offset)?, params.time("EndTime", call.offset)?);
    let page = params.number("PageNumber")?.unwrap_or(1);
    let size = params.number("PageSize")?.unwrap_or(20);
    if page < 1 {
        return Err(Refusal::invalid("PageNumber", "pages are counted from 1"));
    }
    if !(1..=LARGEST_PAGE).contains(&size) {
        return Err(Refusal::invalid("PageSize", "write 1 to 100"));
    }

    let ended = |ticket: &Ticket| {
        matches!(status(world, ticket, call.now).0, "success" | "reject" | "closed")
    };
    let is_meant = |ticket: &&Ticket| {
        let moment = match by_change {
            Some("MODIFY_TIME") => ticket.modified(call.now),
            Some(_) | None => ticket.created,
        };
        let of_status = match status_wanted {
            Some("FINISHED") => ended(ticket),
            Some("RUNNING") => !ended(ticket),
            Some(_) | None => true,
        };
        let of_person = match whose {
            Some("AS_ADMIN") => true,
            Some("AS_HANDLER" | "AS_OWNER" | "AS_Related") => false,
            Some(_) | None => ticket.committer == call.visit.caller.key,
        };
        of_status
            && of_person
            && plugin_type.is_none_or(|wanted| ticket.is(wanted))
            && search.is_none_or(|text| ticket.what.comment.contains(text))
            // Times are written in whole seconds, so a window has whole seconds at both its ends.
            && start.is_none_or(|start| moment.as_second() >= start.as_second())
            && end.is_none_or(|end| moment.as_second() <= end.as_second())
            && call.is_visible(ticket.created)
    };
    let meant: Vec<&Ticket> = world.tickets.values().rev().filter(is_meant).collect();
    let skipped = usize::try_from((page - 1).saturating_mul(size)).unwrap_or(usize::MAX);
    let taken = usize::try_from(size).unwrap_or_default();
    let shown: Vec<Value> =
        meant.iter().skip(skipped).take(taken).map(|ticket| summary(world, ticket, call)).collect();
    Ok(json!({"Orders": {"Order": shown}, "TotalCount": meant.len()}))
}
