//! DMS Enterprise: tickets, publishes, and the queries about both.

pub(super) mod list;
pub(super) mod orders;
pub(super) mod params;
mod plugin_params;
pub(super) mod publish_task;
pub(super) mod publishing;
pub(super) mod queries;
pub(super) mod ticket;
