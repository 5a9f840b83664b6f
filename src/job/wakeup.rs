//! A parked job's message to whoever works next: a wake-up call, and a second copy of the state.

use serde::{Deserialize, Serialize};

use super::{Job, State};

/// The media type of a wake-up.
pub const CONTENT_TYPE: &str = "application/vnd.ticketd.wakeup+json";

/// A wake-up. The ledger's row is the truth: a wake-up may be lost, doubled or early. Its state
/// counts only when the row is lost, so that even then no call is made twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WakeUp {
    /// The job, whole.
    pub job: Job,
    /// The hash of its content.
    pub fingerprint: String,
    /// Its state when it was parked.
    pub state: State,
    /// Somebody wants it to end, so it wakes whatever its state waits for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Wake-ups that a released version wrote. They may wait for months; add to them, and change
    /// none.
    const KEPT: &str = include_str!("../../tests/fixtures/wakeups.json");

    /// Whether everything in one value is in another, too.
    fn is_within(part: &Value, whole: &Value) -> bool {
        match (part, whole) {
            (Value::Object(part), Value::Object(whole)) => part
                .iter()
                .all(|(name, value)| whole.get(name).is_some_and(|it| is_within(value, it))),
            (Value::Array(part), Value::Array(whole)) => {
                part.len() == whole.len() && part.iter().zip(whole).all(|(a, b)| is_within(a, b))
            }
            (part, whole) => part == whole,
        }
    }

    #[test]
    fn what_an_earlier_version_parked_is_read_whole() {
        let kept: Vec<Value> = serde_json::from_str(KEPT).unwrap();
        assert_eq!(kept.len(), 6);
        for wakeup in kept {
            let read: WakeUp = serde_json::from_value(wakeup.clone()).unwrap();
            let again = serde_json::to_value(&read).unwrap();
            assert!(is_within(&wakeup, &again), "{wakeup:#}\n{again:#}");
        }
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let mut kept: Vec<Value> = serde_json::from_str(KEPT).unwrap();
        for wakeup in &mut kept {
            wakeup["news"] = 1.into();
            wakeup["job"]["news"] = 2.into();
            wakeup["state"]["news"] = 3.into();
            serde_json::from_value::<WakeUp>(wakeup.clone()).unwrap();
        }
    }
}
