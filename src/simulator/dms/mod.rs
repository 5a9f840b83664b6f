//! DMS Enterprise: tickets, what is published from them, and the questions about both.

pub(super) mod details;
pub(super) mod list;
pub(super) mod orders;
pub(super) mod params;
pub(super) mod plugin;
pub(super) mod publish;
pub(super) mod ticket;
