//! Fault injection: which requests fail, and how. The same plan with the same seed hits the same
//! requests.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A list of faults. A request is hit by the first fault that is due for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// The seed of the random numbers for `probability`.
    #[serde(default)]
    pub seed: u64,
    /// The faults, by precedence.
    #[serde(default)]
    pub faults: Vec<FaultRule>,
}

/// One fault and the requests that it hits: those of an action, narrowed by `matching` and by at most
/// one of `probability`, `nth` and `first`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// `CreateOrder`, `dms.CreateOrder`, `dms.*` or `*`.
    pub action: String,
    pub fault: Fault,
    /// Only requests whose parameters (query, body or path, decoded) contain this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<String>,
    /// The share of requests that are hit, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// The numbers of the requests that are hit, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<Vec<u64>>,
    /// The number of requests that are hit, from the first on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
}

/// What happens to a request. Only authenticated requests are hit, so their nonce counts as used.
/// Written as `"cut_after"` or `{"slow": {"delay": "300ms"}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The request takes effect at once; its normal reply is delayed.
    Slow {
        #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
        delay: Duration,
    },
    /// An error reply without an effect. Status 200 gives Alibaba's `Success: false`.
    Refuse {
        status: u16,
        code: String,
        #[serde(default)]
        message: String,
    },
    /// The provider's error reply for too many requests.
    Throttle {
        /// The delay that the reply asks for.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional"
        )]
        retry_after: Option<Duration>,
    },
    /// A server error without an effect.
    ErrorBefore {
        /// 500 to 599.
        status: u16,
    },
    /// A server error after the effect.
    ErrorAfter {
        /// 500 to 599.
        status: u16,
    },
    /// The connection is closed without a reply and without an effect.
    CutBefore,
    /// The connection is closed without a reply, after the effect.
    CutAfter,
    /// The connection is closed without a reply; the effect follows after a delay.
    Late {
        #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
        delay: Duration,
    },
    /// After the effect, the body of the reply is not a reply of the provider.
    Garbage,
    /// After the effect, the connection is closed in the middle of the body.
    CutBody,
    /// The reply shows the state of one stage earlier. For reads.
    Backwards,
}

impl FaultRule {
    /// Hits every request of an action.
    pub fn always(action: &str, fault: Fault) -> Self {
        let action = action.to_owned();
        Self { action, fault, matching: None, probability: None, nth: None, first: None }
    }

    /// Narrows the rule to the first requests.
    pub fn first(self, count: u64) -> Self {
        Self { first: Some(count), ..self }
    }

    fn applies_to(&self, action: &str, params: &str) -> bool {
        let name = action.split_once('.').map_or(action, |(_, name)| name);
        let by_name = self.action == "*"
            || self.action == action
            || self.action == name
            || self.action.strip_suffix('*').is_some_and(|service| action.starts_with(service));
        by_name && self.matching.as_ref().is_none_or(|text| params.contains(text))
    }

    fn error(&self) -> Option<String> {
        let given = [self.probability.is_some(), self.nth.is_some(), self.first.is_some()];
        if given.into_iter().filter(|given| *given).count() > 1 {
            return Some("set at most one of probability, nth and first".to_owned());
        }
        if self.probability.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Some("probability must be from 0 to 1".to_owned());
        }
        let (Fault::ErrorBefore { status } | Fault::ErrorAfter { status }) = self.fault else {
            return None;
        };
        let is_server_error = (500..600).contains(&status);
        (!is_server_error).then(|| format!("status {status} is not a server error; use 500 to 599"))
    }
}

/// A fault plan in use, with the number of requests that each rule applied to.
#[derive(Debug, Default)]
pub(super) struct Faults {
    plan: FaultPlan,
    counts: Vec<u64>,
}

impl Faults {
    /// Returns the first error of an invalid plan.
    pub(super) fn new(plan: FaultPlan) -> Result<Self, String> {
        for (index, rule) in plan.faults.iter().enumerate() {
            if let Some(error) = rule.error() {
                return Err(format!("faults[{index}]: {error}"));
            }
        }
        let counts = vec![0; plan.faults.len()];
        Ok(Self { plan, counts })
    }

    /// The fault for the next request. Every rule that applies counts it.
    pub(super) fn next(&mut self, action: &str, params: &str) -> Option<Fault> {
        let mut due = None;
        for (index, rule) in self.plan.faults.iter().enumerate() {
            if !rule.applies_to(action, params) {
                continue;
            }
            self.counts[index] += 1;
            let number = self.counts[index];
            let hit = match (&rule.nth, rule.first, rule.probability) {
                (Some(numbers), _, _) => numbers.contains(&number),
                (None, Some(count), _) => number <= count,
                (None, None, Some(share)) => random(self.plan.seed, index, number) < share,
                (None, None, None) => true,
            };
            if hit && due.is_none() {
                due = Some(rule.fault.clone());
            }
        }
        due
    }
}

/// A number from 0 up to 1. A hash is the same with every version of every library.
fn random(seed: u64, rule: usize, number: u64) -> f64 {
    let digest = Sha256::digest(format!("{seed}/{rule}/{number}"));
    let bits = digest.iter().take(6).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    bits as f64 / (1_u64 << 48) as f64
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn faults_of(plan: &str) -> Result<Faults, String> {
        Faults::new(serde_json::from_str(plan).map_err(|error| error.to_string())?)
    }

    fn hits(seed: u64, count: u64) -> Vec<u64> {
        let plan = format!(
            r#"{{"seed": {seed},
                "faults": [{{"action": "*", "fault": "cut_after", "probability": 0.3}}]}}"#
        );
        let mut faults = faults_of(&plan).unwrap();
        (0..count).filter(|_| faults.next("dms.CreateOrder", "").is_some()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        assert_eq!(hits(7, 200), hits(7, 200));
        assert_ne!(hits(7, 200), hits(8, 200));
        let share = hits(7, 2000).len();
        assert!((500..700).contains(&share), "{share} of 2000 at 0.3");
    }

    #[test]
    fn nth_and_first_count_only_requests_the_rule_applies_to() {
        let mut faults = faults_of(
            r#"{"faults": [
                {"action": "CreateOrder", "matching": "tk:1", "fault": "cut_before", "nth": [2]},
                {"action": "dms.*", "fault": {"slow": {"delay": "5ms"}}, "first": 1}]}"#,
        )
        .unwrap();
        let slow = Fault::Slow { delay: Duration::from_millis(5) };
        assert_eq!(faults.next("dms.CreateOrder", "[tk:1]"), Some(slow));
        assert_eq!(faults.next("dms.CreateOrder", "[tk:2]"), None);
        assert_eq!(faults.next("dataworks.GetDISyncTask", ""), None);
        assert_eq!(faults.next("dms.CreateOrder", "[tk:1]"), Some(Fault::CutBefore));
        assert_eq!(faults.next("dms.CreateOrder", "[tk:1]"), None);
    }

    #[test]
    fn every_fault_has_a_json_form() {
        let kinds = [
            r#"{"slow":{"delay":"300ms"}}"#,
            r#"{"refuse":{"status":403,"code":"NoPermission","message":"no"}}"#,
            r#"{"throttle":{}}"#,
            r#"{"throttle":{"retry_after":"2s"}}"#,
            r#"{"error_before":{"status":503}}"#,
            r#"{"error_after":{"status":500}}"#,
            r#""cut_before""#,
            r#""cut_after""#,
            r#"{"late":{"delay":"1m"}}"#,
            r#""garbage""#,
            r#""cut_body""#,
            r#""backwards""#,
        ];
        for kind in kinds {
            let fault: Fault = serde_json::from_str(kind).unwrap();
            assert_eq!(serde_json::to_string(&fault).unwrap(), kind);
        }
    }

    #[test]
    fn an_invalid_plan_is_refused_with_the_index_of_the_fault() {
        let twice = r#"{"faults": [{"action": "*", "fault": "garbage", "first": 1, "nth": [1]}]}"#;
        assert!(faults_of(twice).unwrap_err().starts_with("faults[0]: set at most one of"));
        let kind = r#"{"faults": [{"action": "*", "fault": {"error_after": {"status": 404}}}]}"#;
        assert!(faults_of(kind).unwrap_err().contains("status 404"));
        assert!(faults_of(r#"{"faults": [{"action": "*", "fault": "explode"}]}"#).is_err());
    }
}
