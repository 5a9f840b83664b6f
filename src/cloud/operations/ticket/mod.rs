//! DMS tickets: what both ways of creating them have in common.

mod adopted;
mod created;
mod lookup;
mod progress;
mod standing;
mod task;

pub(super) use adopted::adopted;
pub(super) use created::accepted;
pub(super) use lookup::look_up;
pub(super) use progress::poll;

use super::request::{Query, rpc};
use crate::cloud::protocol::{Request, Service};

/// What reading a ticket back depends on.
pub(super) struct TicketKind<'a> {
    /// The provider's PluginType.
    pub(super) plugin_type: &'a str,
    /// The tenant, where the job names one.
    pub(super) tid: Option<i64>,
    /// Whether the ticket is made in the name of another user than the account's.
    pub(super) for_another_user: bool,
    /// Whether it runs by itself once it is approved.
    pub(super) runs_itself: bool,
}

/// A read about one ticket.
fn read(action: &'static str, order: i64, nature: &TicketKind<'_>) -> Request {
    rpc(Service::Dms, action, Query::default().with("OrderId", order).with_some("Tid", nature.tid))
}

#[cfg(test)]
mod tests;
