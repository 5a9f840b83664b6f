//! The job and the policy that the machine's tests decide about.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::super::Job;
use super::super::policy::{self, Policy};

pub(super) const NOW: Timestamp = Timestamp::UNIX_EPOCH;
pub(super) fn policy() -> Policy {
    Policy {
        retry: policy::Retry {
            initial: Duration::from_secs(1),
            multiplier: 2.0,
            jitter: 0.5,
            max_interval: Duration::from_secs(300),
            max_attempts: 3,
            max_elapsed: Duration::from_secs(3600),
        },
        probe: policy::Probe {
            settle: Duration::from_secs(30),
            interval: Duration::from_secs(15),
            tries: 2,
        },
        poll: policy::Poll {
            interval: Duration::from_secs(5),
            max_interval: Duration::from_secs(300),
            people_interval: Duration::from_secs(60),
        },
    }
}

pub(super) fn job() -> Job {
    serde_json::from_value(json!({
        "id": "chg-1", "operation": "dms.CreateOrder", "kind": "create", "account": "a",
        "params": {}, "until": "finished", "trace": {}, "received_at": NOW,
    }))
    .unwrap()
}
