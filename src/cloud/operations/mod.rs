//! The operations: what producers may ask for, and how each operation asks its provider.
//!
//! An operation is one file (a folder if it is long) and two lines here: its module, and its entry
//! in [`operations`]. Nothing else in the program knows its name.

mod items;
mod json;
mod marker;
mod operation;
mod operator_input;
mod replay;
mod request;
mod schema;
mod ticket;

pub mod create_free_lock_correct_order;
pub mod create_order;
pub mod create_publish_group_task;
pub mod deploy_di_sync_task;
pub mod deploy_release_packages;

pub use operation::{Operation, OperationContext, PollResult, ProbeResult};
pub use operator_input::OperatorInput;
pub use replay::{Replay, Replayed, Suspend};

use crate::job::Catalogue;

/// Every operation, in the order of the documentation.
pub fn operations() -> Vec<Box<dyn Operation>> {
    vec![
        Box::new(create_order::CreateOrder),
        Box::new(create_free_lock_correct_order::CreateFreeLockCorrectOrder),
        Box::new(create_publish_group_task::CreatePublishGroupTask),
        Box::new(deploy_di_sync_task::DeployDiSyncTask),
        Box::new(deploy_release_packages::DeployReleasePackages),
    ]
}

/// The operations as producers see them.
pub fn catalogue() -> Catalogue {
    Catalogue::new(operations().iter().map(|operation| operation.spec()).collect())
}

#[cfg(test)]
mod tests;
