//! Wake-ups. ticketd writes them, but everyone with access to the exchange can send others.

use std::sync::Arc;

use serde_json::json;
use ticketd::job::WakeUp;

use super::replies::{ScriptedProvider, parts};
use super::schedule::run_job;

/// A wake-up that can be parsed can be written, and its job continues. The other parts of the input are
/// the provider's replies.
pub(crate) fn wakeup(bytes: &[u8]) {
    let parts = parts(bytes);
    let (wakeup, replies) = parts.split_first().unwrap();
    let Ok(wakeup) = serde_json::from_slice::<WakeUp>(wakeup) else { return };
    let text = json!(wakeup).to_string();
    let again: WakeUp = serde_json::from_str(&text).expect("a written wake-up can be read");
    assert_eq!(again, wakeup);
    run_job(&wakeup.job, wakeup.state, &Arc::new(ScriptedProvider::new(replies, false)));
}
