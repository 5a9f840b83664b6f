//! What reading a ticket back depends on.

use crate::cloud::operations::request::{Query, rpc};
use crate::cloud::request::Request;
use crate::cloud::service::Service;

pub(in crate::cloud::operations) struct TicketKind<'a> {
    pub(in crate::cloud::operations) plugin_type: &'a str,
    /// The tenant, if the job names one.
    pub(in crate::cloud::operations) tid: Option<i64>,
    /// The ticket is created for another user than the account's own.
    pub(in crate::cloud::operations) for_another_user: bool,
    /// The ticket starts by itself once it is approved.
    pub(in crate::cloud::operations) starts_itself: bool,
}

impl TicketKind<'_> {
    /// A request about one ticket.
    pub(super) fn request(&self, action: &'static str, order: &str) -> Request {
        let query = Query::default().with("OrderId", order).with_some("Tid", self.tid);
        rpc(Service::Dms, action, query)
    }
}
