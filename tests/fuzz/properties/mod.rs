//! Properties of all input from outside. Each function accepts any bytes and panics if a property does
//! not hold.

mod fixtures;
mod message;
mod refusal;
mod replies;
mod schedule;
mod wakeup;

pub(crate) use message::message;
pub(crate) use refusal::refusal;
pub(crate) use replies::SEPARATOR;
#[allow(unused_imports, reason = "only the fuzz targets mutate single parts")]
pub(crate) use replies::parts;
pub(crate) use schedule::{Scenario, run_scenario};
pub(crate) use wakeup::wakeup;

pub(crate) type Property = fn(&[u8]);

/// Every fuzz target and its property.
pub(crate) const TARGETS: [(&str, Property); 9] = [
    ("job_message", message),
    ("wakeup", wakeup),
    ("refusals", refusal),
    ("tokens", |bytes| run_scenario(Scenario::Tokens, bytes)),
    ("replies_create_order", |bytes| run_scenario(Scenario::Order, bytes)),
    ("replies_create_free_lock_correct_order", |bytes| run_scenario(Scenario::FreeLock, bytes)),
    ("replies_create_publish_group_task", |bytes| run_scenario(Scenario::Publish, bytes)),
    ("replies_deploy_di_sync_task", |bytes| run_scenario(Scenario::File, bytes)),
    ("replies_deploy_release_packages", |bytes| run_scenario(Scenario::Packages, bytes)),
];

/// Checks the property of a target.
pub(crate) fn check(target: &str, bytes: &[u8]) {
    let (_, property) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    property(bytes);
}
