//! The message that wakes a parked job. It carries a copy of the job's state.

use serde::{Deserialize, Serialize};

use super::{Job, State};

/// Media type of a wake-up.
pub const CONTENT_TYPE: &str = "application/vnd.ticketd.wakeup+json";

/// A wake-up. It may be lost, doubled or early: the ledger's row decides. The state in a wake-up
/// counts only if the row is lost, so that even then no call is made twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WakeUp {
    /// The complete job.
    pub job: Job,
    /// Hash of the job's content.
    pub fingerprint: String,
    /// The job's state when it was parked.
    pub state: State,
    /// Whether a cancel request exists, so that the job wakes before its state is due.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Wake-ups as stored in queues. From 0.1.0 on only add to them: a wake-up may wait for months.
    const STORED: &str = include_str!("../../tests/fixtures/wakeups.json");

    /// Whether `whole` has everything that `part` has.
    fn contains(whole: &Value, part: &Value) -> bool {
        match (whole, part) {
            (Value::Object(whole), Value::Object(part)) => part
                .iter()
                .all(|(name, value)| whole.get(name).is_some_and(|it| contains(it, value))),
            (Value::Array(whole), Value::Array(part)) => {
                whole.len() == part.len() && whole.iter().zip(part).all(|(a, b)| contains(a, b))
            }
            (whole, part) => whole == part,
        }
    }

    #[test]
    fn a_stored_wakeup_is_read_without_loss() {
        let stored: Vec<Value> = serde_json::from_str(STORED).unwrap();
        assert_eq!(stored.len(), 6);
        for wakeup in stored {
            let read: WakeUp = serde_json::from_value(wakeup.clone()).unwrap();
            let again = serde_json::to_value(&read).unwrap();
            assert!(contains(&again, &wakeup), "{wakeup:#}\n{again:#}");
        }
    }

    #[test]
    fn unknown_fields_of_a_wakeup_are_ignored() {
        let mut stored: Vec<Value> = serde_json::from_str(STORED).unwrap();
        for wakeup in &mut stored {
            wakeup["added"] = 1.into();
            wakeup["job"]["added"] = 2.into();
            wakeup["state"]["added"] = 3.into();
            serde_json::from_value::<WakeUp>(wakeup.clone()).unwrap();
        }
    }
}
