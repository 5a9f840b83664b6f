//! What a simulator is told at its start. The defaults are a complete set of obviously false keys.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::faults::FaultPlan;

/// How a simulator behaves. Every key has a default; durations are written `"250ms"`, `"2s"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Alibaba key pairs it believes: a lasting one and a temporary (STS) one.
    pub alibaba: Vec<TestKey>,
    /// Huawei key pairs it believes: a lasting one and a temporary one.
    pub huawei: Vec<TestKey>,
    /// The Huawei IAM user that may fetch tokens.
    pub user: TestUser,
    /// The one Huawei project there is.
    pub project_id: String,
    /// When set, Huawei requests must carry this `workspace` header.
    pub workspace: Option<String>,
    /// How long a ticket, a publish record, a package or a subtask stays in one stage.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub pace: Duration,
    /// How long lists and system tasks lag behind what took effect.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub lag: Duration,
    /// How far this server's clock is ahead of the machine's, in milliseconds; may be negative.
    pub clock_offset_ms: i64,
    /// How long an IAM token is good for. The real one: 24 hours.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub token_lifetime: Duration,
    /// How long a Huawei key is locked after more than five bad signatures in a row.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub lock: Duration,
    /// NDDL tickets with these ids exist from the start and stay at a publish node (first, last).
    pub design_orders: (i64, i64),
    /// What has an id in this range fails (first, last): release packages, DataWorks files, and
    /// publishing to databases.
    pub failing_ids: (i64, i64),
    /// How many subtasks the deployment of one package has.
    pub subtasks: usize,
    /// The faults it starts with, and goes back to on a reset.
    pub faults: FaultPlan,
}

/// A key pair for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestKey {
    /// The public half.
    pub id: String,
    /// The secret half; not a secret, since it opens nothing but a simulator.
    pub secret: String,
    /// The token a temporary pair must come with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_token: Option<String>,
}

/// An IAM user for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestUser {
    /// The user's name.
    pub name: String,
    /// The name of the domain (account) the user belongs to.
    pub domain: String,
    /// The password; opens nothing but a simulator.
    pub password: String,
}

impl TestKey {
    fn new(id: &str, secret: &str, token: Option<&str>) -> Self {
        let security_token = token.map(str::to_owned);
        Self { id: id.to_owned(), secret: secret.to_owned(), security_token }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alibaba: vec![
                TestKey::new("sim-alibaba-key", "sim-alibaba-secret", None),
                TestKey::new(
                    "sim-alibaba-sts",
                    "sim-alibaba-sts-secret",
                    Some("sim-alibaba-token"),
                ),
            ],
            huawei: vec![
                TestKey::new("sim-huawei-key", "sim-huawei-secret", None),
                TestKey::new("sim-huawei-sts", "sim-huawei-sts-secret", Some("sim-huawei-token")),
            ],
            user: TestUser {
                name: "sim-user".to_owned(),
                domain: "sim-domain".to_owned(),
                password: "sim-password".to_owned(),
            },
            project_id: "5e000000000000000000000000000517".to_owned(),
            workspace: None,
            pace: Duration::from_secs(2),
            lag: Duration::ZERO,
            clock_offset_ms: 0,
            token_lifetime: Duration::from_secs(24 * 60 * 60),
            lock: Duration::from_secs(5 * 60),
            design_orders: (70_001, 79_999),
            failing_ids: (9_000, 9_999),
            subtasks: 3,
            faults: FaultPlan::default(),
        }
    }
}

impl Settings {
    /// Whether what bears this id is meant to fail.
    pub(super) fn fails(&self, id: i64) -> bool {
        (self.failing_ids.0..=self.failing_ids.1).contains(&id)
    }

    /// Whether an NDDL ticket of this id has been there from the start.
    pub(super) fn has_design_order(&self, id: i64) -> bool {
        (self.design_orders.0..=self.design_orders.1).contains(&id)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_default_and_durations_are_written_in_words() {
        let settings: Settings = serde_json::from_str(r#"{"pace": "250ms"}"#).unwrap();
        assert_eq!(settings.pace, Duration::from_millis(250));
        assert_eq!(settings.lock, Duration::from_secs(300));
        let text = serde_json::to_string(&Settings::default()).unwrap();
        assert!(text.contains(r#""pace":"2s""#), "{text}");
        assert!(serde_json::from_str::<Settings>(&text).is_ok());
        assert!(serde_json::from_str::<Settings>(r#"{"pase": "1s"}"#).is_err());
    }
}
