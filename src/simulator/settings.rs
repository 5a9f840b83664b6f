//! The settings of a simulator. The default keys are complete, and recognizable as test keys.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::faults::FaultPlan;

/// How a simulator behaves. Every key has a default; durations are written as `"250ms"` or `"2s"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatorSettings {
    /// Accepted Alibaba key pairs: a permanent one and a temporary (STS) one.
    pub alibaba: Vec<AccessKeyPair>,
    /// Accepted Huawei key pairs: a permanent one and a temporary one.
    pub huawei: Vec<AccessKeyPair>,
    /// The Huawei IAM user who may request tokens.
    pub user: TestUser,
    /// The only Huawei project.
    pub project_id: String,
    /// If set, Huawei requests need this `workspace` header.
    pub workspace: Option<String>,
    /// How long a ticket, a publish task or a subtask of a deployment stays in one stage.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub pace: Duration,
    /// How long after an effect lists and system tasks show it.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub lag: Duration,
    /// How far the server's clock is ahead of the machine's clock, in milliseconds; may be negative.
    pub clock_offset_ms: i64,
    /// How long an IAM token is valid. At the real provider: 24 hours.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub token_lifetime: Duration,
    /// How long a Huawei key is locked after more than five bad signatures in a row.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub lockout: Duration,
    /// NDDL tickets that exist from the start and stay at a publish node (first id, last id).
    pub design_orders: (i64, i64),
    /// Ids of release packages, DataWorks files and databases whose deployments and publishes fail
    /// (first id, last id).
    pub failing_ids: (i64, i64),
    /// Number of subtasks in the deployment of one package.
    pub subtasks: usize,
    /// The fault plan after the start and after a reset.
    pub faults: FaultPlan,
}

/// A key pair for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKeyPair {
    /// The access key id.
    pub id: String,
    /// The access key secret; it is valid at simulators only.
    pub secret: String,
    /// The security token that a temporary key pair needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_token: Option<String>,
}

/// An IAM user for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestUser {
    pub name: String,
    /// The domain (account) that the user belongs to.
    pub domain: String,
    /// The password; it is valid at simulators only.
    pub password: String,
}

impl AccessKeyPair {
    fn new(id: &str, secret: &str, token: Option<&str>) -> Self {
        let security_token = token.map(str::to_owned);
        Self { id: id.to_owned(), secret: secret.to_owned(), security_token }
    }
}

impl Default for SimulatorSettings {
    fn default() -> Self {
        Self {
            alibaba: vec![
                AccessKeyPair::new("sim-alibaba-key", "sim-alibaba-secret", None),
                AccessKeyPair::new(
                    "sim-alibaba-sts",
                    "sim-alibaba-sts-secret",
                    Some("sim-alibaba-token"),
                ),
            ],
            huawei: vec![
                AccessKeyPair::new("sim-huawei-key", "sim-huawei-secret", None),
                AccessKeyPair::new(
                    "sim-huawei-sts",
                    "sim-huawei-sts-secret",
                    Some("sim-huawei-token"),
                ),
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
            lockout: Duration::from_secs(5 * 60),
            design_orders: (70_001, 79_999),
            failing_ids: (9_000, 9_999),
            subtasks: 3,
            faults: FaultPlan::default(),
        }
    }
}

impl SimulatorSettings {
    /// Whether deployments and publishes of this id fail.
    pub(super) fn fails(&self, id: i64) -> bool {
        (self.failing_ids.0..=self.failing_ids.1).contains(&id)
    }

    /// Whether an NDDL ticket with this id exists from the start.
    pub(super) fn has_design_order(&self, id: i64) -> bool {
        (self.design_orders.0..=self.design_orders.1).contains(&id)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_default_and_durations_have_units() {
        let settings: SimulatorSettings = serde_json::from_str(r#"{"pace": "250ms"}"#).unwrap();
        assert_eq!(settings.pace, Duration::from_millis(250));
        assert_eq!(settings.lockout, Duration::from_secs(300));
        let text = serde_json::to_string(&SimulatorSettings::default()).unwrap();
        assert!(text.contains(r#""pace":"2s""#), "{text}");
        assert!(serde_json::from_str::<SimulatorSettings>(&text).is_ok());
        assert!(serde_json::from_str::<SimulatorSettings>(r#"{"pase": "1s"}"#).is_err());
    }
}
