//! What must hold of whatever strangers send. Each function takes any bytes at all, and panics
//! where a promise is broken.

mod cast;
mod life;
mod message;
mod refusal;
mod script;
mod wakeup;

pub use life::{Play, replies};
pub use message::message;
pub use refusal::refusal;
pub use script::PART;
#[allow(unused_imports, reason = "only the fuzz targets change inputs part by part")]
pub use script::parts;
pub use wakeup::wakeup;

/// A property of any bytes.
pub type Property = fn(&[u8]);

/// Every fuzz target and its property.
pub const TARGETS: [(&str, Property); 9] = [
    ("job_message", message),
    ("wakeup", wakeup),
    ("refusals", refusal),
    ("tokens", |bytes| replies(Play::Tokens, bytes)),
    ("replies_create_order", |bytes| replies(Play::Order, bytes)),
    ("replies_create_free_lock_correct_order", |bytes| replies(Play::FreeLock, bytes)),
    ("replies_create_publish_group_task", |bytes| replies(Play::Publish, bytes)),
    ("replies_deploy_di_sync_task", |bytes| replies(Play::File, bytes)),
    ("replies_deploy_release_packages", |bytes| replies(Play::Packages, bytes)),
];

/// Looks for the property of a target by its name, and checks it.
pub fn check(target: &str, bytes: &[u8]) {
    let (_, property) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    property(bytes);
}
