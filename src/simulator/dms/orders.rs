//! Creating tickets.

use serde_json::{Value, json};

use super::params::Params;
use super::plugin_params;
use super::ticket::NewTicket;
use crate::simulator::effects::{Effect, marker_of};
use crate::simulator::reply::ErrorReply;
use crate::simulator::request::CallContext;
use crate::simulator::store::Store;

/// CreateOrder. PluginParam is read from the form, and from the query as in the vendor's sample.
pub(crate) fn create(store: &mut Store, call: &CallContext<'_>) -> Result<Value, ErrorReply> {
    let params = Params::of_all(&call.request.raw);
    let comment = params.required("Comment")?;
    let plugin_type = params.required("PluginType")?;
    let param = params.required_object("PluginParam")?;
    plugin_params::check(plugin_type, &param)?;
    params.number("Tid")?;
    let related = params.text("RelatedUserList").unwrap_or_default();
    let related: Result<Vec<i64>, _> =
        related.split(',').filter(|id| !id.is_empty()).map(|id| id.trim().parse()).collect();
    let new = NewTicket {
        plugin_type: plugin_type.to_owned(),
        comment: comment.to_owned(),
        related: related
            .map_err(|_| ErrorReply::invalid("RelatedUserList", "use ids separated by commas"))?,
        attachment: params.text("AttachmentKey").map(str::to_owned),
        param,
    };
    let id = add_ticket(store, call, new);
    Ok(json!({"CreateOrderResult": {"OrderIds": [id]}}))
}

/// CreateFreeLockCorrectOrder. All parameters are in the query; RelatedUserList is a JSON array.
pub(crate) fn create_free_lock(
    store: &mut Store,
    call: &CallContext<'_>,
) -> Result<Value, ErrorReply> {
    let params = Params::of_query(&call.request.raw);
    let comment = params.required("Comment")?;
    let param = params.required_object("Param")?;
    check_free_lock(&param)?;
    params.number("Tid")?;
    let related = params.text("RelatedUserList").unwrap_or("[]");
    let new = NewTicket {
        plugin_type: "DC_CHUNK".to_owned(),
        comment: comment.to_owned(),
        related: serde_json::from_str(related)
            .map_err(|_| ErrorReply::invalid("RelatedUserList", "use a JSON array of ids"))?,
        attachment: params.text("AttachmentKey").map(str::to_owned),
        param,
    };
    let id = add_ticket(store, call, new);
    Ok(json!({"CreateOrderResult": [id]}))
}

fn check_free_lock(param: &Value) -> Result<(), ErrorReply> {
    let invalid = |reason: &str| Err(ErrorReply::invalid("Param", reason));
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

fn add_ticket(store: &mut Store, call: &CallContext<'_>, new: NewTicket) -> i64 {
    let comment = new.comment.clone();
    let id = store.add_ticket(new, call);
    store.record_effect(
        call,
        Effect {
            marker: marker_of(&comment),
            comment: Some(comment),
            order_ids: vec![id],
            ..Effect::default()
        },
    );
    id
}
