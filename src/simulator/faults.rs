//! Faults on order: which requests go wrong, and how. The same plan with the same seed and the same
//! requests goes wrong in the same places.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A list of faults. The first one that is due for a request is done to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// What the dice of `probability` are thrown from.
    #[serde(default)]
    pub seed: u64,
    /// The faults, the more important first.
    #[serde(default)]
    pub faults: Vec<Rule>,
}

/// One fault and the requests it is for. Of `probability`, `nth` and `first` at most one is given;
/// with none, every request is meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `CreateOrder`, `dms.CreateOrder`, `dms.*` or `*`.
    pub action: String,
    /// What happens.
    pub fault: Fault,
    /// Only requests whose parameters (query, body or path, decoded) contain this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<String>,
    /// The share of requests, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// These requests of those meant, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<Vec<u64>>,
    /// So many requests from the first on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
}

/// What goes wrong, and only with requests that were let in: their signature was found good, and
/// their nonce is remembered. Written `"cut_after"` or `{"slow": {"delay": "300ms"}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Takes effect at once and answers as usual, but late.
    Slow {
        /// How late.
        #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
        delay: Duration,
    },
    /// Refuses without an effect. Status 200 gives Alibaba's `Success: false`.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The provider's error code.
        code: String,
        /// The provider's message.
        #[serde(default)]
        message: String,
    },
    /// Refuses as the provider does when there are too many requests.
    Throttle {
        /// What the reply says about trying again; nothing when left out.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional"
        )]
        retry_after: Option<Duration>,
    },
    /// A server error; nothing took effect.
    ErrorBefore {
        /// The HTTP status, 500 to 599.
        status: u16,
    },
    /// A server error after it took effect.
    ErrorAfter {
        /// The HTTP status, 500 to 599.
        status: u16,
    },
    /// The connection is closed without an answer; nothing took effect.
    CutBefore,
    /// The connection is closed without an answer, after it took effect.
    CutAfter,
    /// The connection is closed without an answer, and it takes effect some time afterwards.
    Late {
        /// How long afterwards.
        #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
        delay: Duration,
    },
    /// It took effect, and a body comes back that is no reply at all.
    Garbage,
    /// It took effect, and the connection is closed in the middle of the body.
    CutBody,
    /// The answer is the one of one stage earlier. For reads.
    Backwards,
}

impl Rule {
    /// A rule for every request of an action.
    pub fn always(action: &str, fault: Fault) -> Self {
        let action = action.to_owned();
        Self { action, fault, matching: None, probability: None, nth: None, first: None }
    }

    /// Narrowed to the first so many requests.
    pub fn first(self, count: u64) -> Self {
        Self { first: Some(count), ..self }
    }

    fn means(&self, action: &str, params: &str) -> bool {
        let name = action.split_once('.').map_or(action, |(_, name)| name);
        let by_name = self.action == "*"
            || self.action == action
            || self.action == name
            || self.action.strip_suffix('*').is_some_and(|service| action.starts_with(service));
        by_name && self.matching.as_ref().is_none_or(|text| params.contains(text))
    }

    fn problem(&self) -> Option<String> {
        let given = [self.probability.is_some(), self.nth.is_some(), self.first.is_some()];
        if given.into_iter().filter(|given| *given).count() > 1 {
            return Some("give one of probability, nth and first, not several".to_owned());
        }
        if self.probability.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Some("probability must be from 0 to 1".to_owned());
        }
        let (Fault::ErrorBefore { status } | Fault::ErrorAfter { status }) = self.fault else {
            return None;
        };
        let known = (500..600).contains(&status);
        (!known).then(|| format!("status {status} is no server error; write 500 to 599"))
    }
}

/// A plan under way: it counts, per rule, the requests that were meant.
#[derive(Debug, Default)]
pub(super) struct Faults {
    plan: FaultPlan,
    met: Vec<u64>,
}

impl Faults {
    /// Takes a plan up from its beginning; says what is wrong with one that can't be followed.
    pub(super) fn new(plan: FaultPlan) -> Result<Self, String> {
        for (index, rule) in plan.faults.iter().enumerate() {
            if let Some(problem) = rule.problem() {
                return Err(format!("faults[{index}]: {problem}"));
            }
        }
        let met = vec![0; plan.faults.len()];
        Ok(Self { plan, met })
    }

    /// What is done to the next request, if anything.
    pub(super) fn next(&mut self, action: &str, params: &str) -> Option<Fault> {
        let mut due = None;
        for (index, rule) in self.plan.faults.iter().enumerate() {
            if !rule.means(action, params) {
                continue;
            }
            self.met[index] += 1;
            let number = self.met[index];
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

/// A number from 0 up to 1, the same for the same throw. Hashed, so that it is the same with every
/// version of every library.
fn random(seed: u64, rule: usize, number: u64) -> f64 {
    let digest = Sha256::digest(format!("{seed}/{rule}/{number}"));
    let throw = digest.iter().take(6).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    throw as f64 / (1_u64 << 48) as f64
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
    fn a_seed_gives_the_same_faults_again() {
        assert_eq!(hits(7, 200), hits(7, 200));
        assert_ne!(hits(7, 200), hits(8, 200));
        let share = hits(7, 2000).len();
        assert!((500..700).contains(&share), "{share} of 2000 at 0.3");
    }

    #[test]
    fn nth_and_first_count_only_the_requests_they_are_for() {
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
    fn every_fault_can_be_written() {
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
    fn a_plan_that_cannot_be_followed_is_refused_with_the_place() {
        let twice = r#"{"faults": [{"action": "*", "fault": "garbage", "first": 1, "nth": [1]}]}"#;
        assert!(faults_of(twice).unwrap_err().starts_with("faults[0]: give one of"));
        let kind = r#"{"faults": [{"action": "*", "fault": {"error_after": {"status": 404}}}]}"#;
        assert!(faults_of(kind).unwrap_err().contains("status 404"));
        assert!(faults_of(r#"{"faults": [{"action": "*", "fault": "explode"}]}"#).is_err());
    }
}
