//! Wake-ups. They are our own, but whoever may write to the exchange can send others.

use std::sync::Arc;

use serde_json::json;
use ticketd::job::WakeUp;

use super::life::live;
use super::script::{Script, parts};

/// A wake-up that can be read can be written, and its job goes on from its state; the parts after
/// it are what the provider says.
pub fn wakeup(bytes: &[u8]) {
    let parts = parts(bytes);
    let (wakeup, replies) = parts.split_first().unwrap();
    let Ok(wakeup) = serde_json::from_slice::<WakeUp>(wakeup) else { return };
    let text = json!(wakeup).to_string();
    let again: WakeUp = serde_json::from_str(&text).expect("a written wake-up can be read");
    assert_eq!(again, wakeup);
    live(&wakeup.job, wakeup.state, &Arc::new(Script::new(replies, false)));
}
