//! Making tickets.

use serde_json::{Value, json};

use super::params::Params;
use super::plugin;
use super::ticket::NewTicket;
use crate::simulator::reply::Refusal;
use crate::simulator::stand::Call;
use crate::simulator::truth::{Effect, marker_in};
use crate::simulator::world::World;

/// CreateOrder. PluginParam is taken from the form, and from the query as well, as the vendor's
/// sample has it.
pub(in crate::simulator) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let params = Params::of_all(&call.visit.asked);
    let comment = params.required("Comment")?;
    let plugin_type = params.required("PluginType")?;
    let param = params.required_object("PluginParam")?;
    plugin::check(plugin_type, &param)?;
    params.number("Tid")?;
    let related = params.text("RelatedUserList").unwrap_or_default();
    let related: Result<Vec<i64>, _> =
        related.split(',').filter(|id| !id.is_empty()).map(|id| id.trim().parse()).collect();
    let new = NewTicket {
        plugin_type: plugin_type.to_owned(),
        comment: comment.to_owned(),
        related: related
            .map_err(|_| Refusal::invalid("RelatedUserList", "write ids joined with commas"))?,
        attachment: params.text("AttachmentKey").map(str::to_owned),
        param,
    };
    let id = make(world, call, new);
    Ok(json!({"CreateOrderResult": {"OrderIds": [id]}}))
}

/// CreateFreeLockCorrectOrder. All of it is in the query, and RelatedUserList is a JSON array.
pub(in crate::simulator) fn create_free_lock(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, Refusal> {
    let params = Params::of_query(&call.visit.asked);
    let comment = params.required("Comment")?;
    let param = params.required_object("Param")?;
    check_free_lock(&param)?;
    params.number("Tid")?;
    let related = params.text("RelatedUserList").unwrap_or("[]");
    let new = NewTicket {
        plugin_type: "DC_CHUNK".to_owned(),
        comment: comment.to_owned(),
        related: serde_json::from_str(related)
            .map_err(|_| Refusal::invalid("RelatedUserList", "write a JSON array of ids"))?,
        attachment: params.text("AttachmentKey").map(str::to_owned),
        param,
    };
    let id = make(world, call, new);
    Ok(json!({"CreateOrderResult": [id]}))
}

fn check_free_lock(param: &Value) -> Result<(), Refusal> {
    let invalid = |what: &str| Err(Refusal::invalid("Param", what));
    if param["ExecSQL"].as_str().is_none_or(str::is_empty) {
        return invalid("ExecSQL is missing");
    }
    if param["SqlType"] != "TEXT" {
        return invalid("SqlType must be TEXT; ATTACHMENT is not supported");
    }
    if !matches!(param["RollbackSqlType"].as_str(), None | Some("" | "TEXT")) {
        return invalid("RollbackSqlType must be TEXT; ATTACHMENT is not supported");
    }
    if !matches!(param["ExecMode"].as_str(), None | Some("" | "COMMITOR" | "AUTO" | "LAST_AUDITOR"))
    {
        return invalid("ExecMode is not one of COMMITOR, AUTO, LAST_AUDITOR");
    }
    let database = |item: &Value| item["DbId"].is_i64() && item["Logic"].is_boolean();
    match param["DbItemList"].as_array() {
        Some(list) if !list.is_empty() && list.iter().all(database) => Ok(()),
        Some(_) | None => invalid("DbItemList must be a list of {DbId, Logic}"),
    }
}

fn make(world: &mut World, call: &Call<'_>, new: NewTicket) -> i64 {
    let comment = new.comment.clone();
    let id = world.add_ticket(new, call);
    world.note(
        call,
        Effect {
            marker: marker_in(&comment),
            comment: Some(comment),
            order_ids: vec![id],
            ..Effect::default()
        },
    );
    id
}
