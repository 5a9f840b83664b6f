//! The operations: what producers may ask for, and how each speaks with its provider.
//!
//! Each operation is one file (a folder where it is long) and one line in [`operations`]; nothing
//! else in the program knows their names.

mod adoption;
mod conversation;
mod marker;
mod params;
#[cfg(test)]
mod rehearsal;
mod reply;
mod request;
mod tally;
mod ticket;

pub mod create_free_lock_correct_order;
pub mod create_order;
pub mod create_publish_group_task;
pub mod deploy_di_sync_task;
pub mod deploy_release_packages;

use super::protocol::Operation;
use crate::job::Catalogue;

/// Every operation, in the order they are shown.
pub fn operations() -> Vec<Box<dyn Operation>> {
    vec![
        Box::new(create_order::CreateOrder),
        Box::new(create_free_lock_correct_order::CreateFreeLockCorrectOrder),
        Box::new(create_publish_group_task::CreatePublishGroupTask),
        Box::new(deploy_di_sync_task::DeployDiSyncTask),
        Box::new(deploy_release_packages::DeployReleasePackages),
    ]
}

/// What producers see of them.
pub fn catalogue() -> Catalogue {
    Catalogue::new(operations().iter().map(|protocol| protocol.operation()).collect())
}

#[cfg(test)]
mod tests;
