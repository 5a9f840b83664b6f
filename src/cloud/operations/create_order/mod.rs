//! `dms.CreateOrder`: a ticket of any of the seven plugin types.

mod params;
mod plugins;

pub use params::Params;
pub use plugins::{
    CronClear, CronClearItem, DataChange, DataExport, DbItem, LockFreeChange, SchemaDesign,
};

use serde_json::Value;

use super::conversation::converse;
use super::marker::Marker;
use super::params::{read, schema_of, unfit_numbers_at};
use super::request::{Query, json, rpc, too_long_for_url};
use super::ticket::{self, TicketKind};
use crate::cloud::account::Account;
use crate::cloud::protocol::{Body, Next, Operation, OperationContext, Replies, Service};
use crate::job::machine::Capabilities;
use crate::job::spec::{JsonPath, Problems};
use crate::job::{Accepted, Answer, Failure, Job, Kind, OperationSpec, Provider, Until};

/// The operation. Alibaba DMS Enterprise 2018-11-01, `CreateOrder`.
#[derive(Debug)]
pub struct CreateOrder;

impl Operation for CreateOrder {
    fn operation(&self) -> OperationSpec {
        let schema = schema_of::<Params>();
        let (kind, provider) = (Kind::Create, Provider::Alibaba);
        OperationSpec::new("dms.CreateOrder", kind, provider, Until::Accepted, schema)
            .with_rule(whole_numbers)
            .with_rule(|params, found| {
                let names = ["Comment", "RelatedUserList", "AttachmentKey", "RealLoginUserUid"];
                too_long_for_url(params, &names, "shorten it", found);
            })
    }

    fn capabilities(&self, account: &Account) -> Capabilities {
        Capabilities { baseline: false, probe: account.marker(), may_repeat_lost_call: false }
    }

    fn baseline(&self, _: &OperationContext<'_>, _: Replies<'_>) -> Result<Next, Failure> {
        Ok(Next::Tell(Answer::Baseline(Value::Null)))
    }

    fn call(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure> {
        let params: Params = read(inquiry.job)?;
        let comment = match inquiry.account.marker() {
            true => Marker::of(&inquiry.job.id).sign(&params.comment),
            false => params.comment,
        };
        let query = Query::default()
            .with("Comment", comment)
            .with("PluginType", params.plugin_type)
            .with_some("RelatedUserList", params.related_user_list)
            .with_some("Tid", params.tid)
            .with_some("AttachmentKey", params.attachment_key)
            .with_some("RealLoginUserUid", params.real_login_user_uid);
        let mut request = rpc(Service::Dms, "CreateOrder", query);
        // Only this one travels in the body: it holds the SQL.
        request.body = Body::Form(vec![("PluginParam".into(), json(&params.plugin_param))]);
        converse(replies, |talk| Ok(ticket::accepted(talk.ask(request)?)?))
    }

    fn probe(&self, inquiry: &OperationContext<'_>, replies: Replies<'_>) -> Result<Next, Failure> {
        ticket::look_up(inquiry, &nature(&read(inquiry.job)?), replies)
    }

    fn adopt(&self, _: &Job, text: &str) -> Result<Accepted, String> {
        ticket::adopted(text)
    }

    fn poll(
        &self,
        inquiry: &OperationContext<'_>,
        handle: &Value,
        replies: Replies<'_>,
    ) -> Result<Next, Failure> {
        ticket::poll(inquiry, handle, &nature(&read(inquiry.job)?), replies)
    }
}

fn nature(params: &Params) -> TicketKind<'_> {
    TicketKind {
        plugin_type: &params.plugin_type,
        tid: params.tid,
        for_another_user: params.real_login_user_uid.is_some(),
        runs_itself: !plugins::waits_for_execution(&params.plugin_type),
    }
}

/// The undocumented plugin types pass through as they are, whatever numbers they hold.
fn whole_numbers(params: &Value, found: &mut Problems) {
    let documented = params["PluginType"].as_str().is_some_and(plugins::is_documented);
    for (name, field) in params.as_object().into_iter().flatten() {
        if documented || name != "PluginParam" {
            unfit_numbers_at(&JsonPath::Field(&JsonPath::Path("$.params"), name), field, found);
        }
    }
}

#[cfg(test)]
mod tests;
