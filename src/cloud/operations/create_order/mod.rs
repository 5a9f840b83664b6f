//! `dms.CreateOrder`: creates a ticket of any of the seven plugin types.

mod params;

pub use params::{
    CronClear, CronClearItem, DataChange, DataExport, DbItem, LockFreeChange, Params, SchemaDesign,
};

use serde_json::Value;

use super::operation::{Operation, OperationContext, PollResult, ProbeResult};
use super::operator_input::OperatorInput;
use super::replay::{Replay, Replayed};
use super::request::{Query, check_url_length, json, rpc};
use super::schema::{only_integers_at, schema_of};
use super::ticket::{self, TicketKind};
use crate::cloud::account::Account;
use crate::cloud::request::Body;
use crate::cloud::service::Service;
use crate::job::machine::Capabilities;
use crate::job::spec::{JsonPath, Problems};
use crate::job::{Accepted, Job, Kind, OperationSpec, Provider, Until};

/// Alibaba DMS Enterprise 2018-11-01, `CreateOrder`.
#[derive(Debug)]
pub struct CreateOrder;

impl Operation for CreateOrder {
    fn spec(&self) -> OperationSpec {
        let schema = schema_of::<Params>();
        let (kind, provider) = (Kind::Create, Provider::Alibaba);
        OperationSpec::new("dms.CreateOrder", kind, provider, Until::Accepted, schema)
            .with_rule(only_documented_integers)
            .with_rule(|params, found| {
                let names = ["Comment", "RelatedUserList", "AttachmentKey", "RealLoginUserUid"];
                check_url_length(params, &names, "shorten it", found);
            })
    }

    fn capabilities(&self, account: &Account) -> Capabilities {
        ticket::capabilities(account)
    }

    fn call(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<Accepted> {
        let params: Params = cx.params()?;
        let query = Query::default()
            .with("Comment", ticket::comment(cx, params.comment))
            .with("PluginType", params.plugin_type)
            .with_some("RelatedUserList", params.related_user_list)
            .with_some("Tid", params.tid)
            .with_some("AttachmentKey", params.attachment_key)
            .with_some("RealLoginUserUid", params.real_login_user_uid);
        let mut request = rpc(Service::Dms, "CreateOrder", query);
        // Only this parameter travels in the body: it holds the SQL.
        request.body = Body::Form(vec![("PluginParam".into(), json(&params.plugin_param))]);
        Ok(ticket::accepted(http.send(request)?)?)
    }

    fn probe(&self, cx: &OperationContext<'_>, http: &mut Replay<'_>) -> Replayed<ProbeResult> {
        ticket::probe(cx, &ticket_kind(&cx.params()?), http)
    }

    fn poll(
        &self,
        cx: &OperationContext<'_>,
        handle: &Value,
        http: &mut Replay<'_>,
    ) -> Replayed<PollResult> {
        ticket::poll(cx, &ticket_kind(&cx.params()?), handle, http)
    }

    fn adopt(&self, _: &Job, input: OperatorInput<'_>) -> Result<Accepted, String> {
        ticket::adopt(input)
    }
}

fn ticket_kind(params: &Params) -> TicketKind<'_> {
    TicketKind {
        plugin_type: &params.plugin_type,
        tid: params.tid,
        for_another_user: params.real_login_user_uid.is_some(),
        starts_itself: !params::is_started_by_a_person(&params.plugin_type),
    }
}

/// Undocumented plugin types are sent unchanged, with any numbers in them.
fn only_documented_integers(params: &Value, found: &mut Problems) {
    let documented = params["PluginType"].as_str().is_some_and(params::is_documented);
    for (name, field) in params.as_object().into_iter().flatten() {
        if documented || name != "PluginParam" {
            only_integers_at(&JsonPath::Field(&JsonPath::Path("$.params"), name), field, found);
        }
    }
}

#[cfg(test)]
mod tests;
