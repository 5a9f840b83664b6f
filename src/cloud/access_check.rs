//! Asks every service of every account something that changes nothing, to see whether it would take
//! our calls.

use super::client::{AccountClient, RequestLabels, Sent};
use super::limits::WhenLimited;
use super::operations::access_check;
use super::protocol::Service;
use super::{Providers, nonce};
use crate::job::{AccountName, Failure, FailureClass, RequestKind, Trace};

/// What a service of an account made of a signed read.
#[derive(Debug)]
pub struct AccessCheck {
    /// The account.
    pub account: AccountName,
    /// The service.
    pub service: Service,
    /// Whether it takes our signature. A service that refuses the question and not us has taken it.
    pub outcome: Result<(), Failure>,
}

impl Providers {
    /// Asks every service of every account, one after the other.
    pub async fn check_access(&self) -> Vec<AccessCheck> {
        let mut lines: Vec<&AccountClient> = self.lines.values().collect();
        lines.sort_by(|one, other| one.account.name.cmp(&other.account.name));
        let mut checked = Vec::new();
        for line in lines {
            for service in line.account.endpoints.keys().copied() {
                let outcome = self.visit_one(line, service).await;
                checked.push(AccessCheck { account: line.account.name.clone(), service, outcome });
            }
        }
        checked
    }

    async fn visit_one(&self, line: &AccountClient, service: Service) -> Result<(), Failure> {
        let request = access_check::request(service, &line.account);
        let trace = Trace::default();
        let errand = RequestLabels { operation: "visit", ask: &RequestKind::Probe, trace: &trace };
        let nonce = nonce::random();
        let sent =
            line.send(self.transport.as_ref(), &request, WhenLimited::Wait, &nonce, errand).await;
        match sent {
            Sent::Done(Ok(_)) => Ok(()),
            Sent::Done(Err(failure)) => match failure.meaning {
                // There is no such thing as we asked for.
                FailureClass::Permanent => Ok(()),
                FailureClass::Retryable { .. } | FailureClass::Ambiguous => Err(failure),
            },
            Sent::Barred(failure) | Sent::Away(failure, _) => Err(failure),
            Sent::Deferred(until) => {
                let message = format!("a limit of ours holds it back until {until:.0}");
                Err(Failure::retryable("HeldBack", message))
            }
        }
    }
}
