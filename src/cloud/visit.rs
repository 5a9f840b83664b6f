//! Asks every service of every account something that changes nothing, to see whether it would take
//! our calls.

use super::limits::Patience;
use super::line::{Errand, Line, Sent};
use super::operations::visit;
use super::protocol::Service;
use super::{Clouds, nonce};
use crate::job::{AccountName, Ask, Failure, Meaning, Trace};

/// What a service of an account made of a signed read.
#[derive(Debug)]
pub struct Visited {
    /// The account.
    pub account: AccountName,
    /// The service.
    pub service: Service,
    /// Whether it takes our signature. A service that refuses the question and not us has taken it.
    pub outcome: Result<(), Failure>,
}

impl Clouds {
    /// Asks every service of every account, one after the other.
    pub async fn visit(&self) -> Vec<Visited> {
        let mut lines: Vec<&Line> = self.lines.values().collect();
        lines.sort_by(|one, other| one.account.name.cmp(&other.account.name));
        let mut visited = Vec::new();
        for line in lines {
            for service in line.account.endpoints.keys().copied() {
                let outcome = self.visit_one(line, service).await;
                visited.push(Visited { account: line.account.name.clone(), service, outcome });
            }
        }
        visited
    }

    async fn visit_one(&self, line: &Line, service: Service) -> Result<(), Failure> {
        let request = visit::request(service, &line.account);
        let trace = Trace::default();
        let errand = Errand { operation: "visit", ask: &Ask::Probe, trace: &trace };
        let nonce = nonce::random();
        let sent =
            line.send(self.transport.as_ref(), &request, Patience::Waits, &nonce, errand).await;
        match sent {
            Sent::Done(Ok(_)) => Ok(()),
            Sent::Done(Err(failure)) => match failure.meaning {
                // There is no such thing as we asked for.
                Meaning::Permanent => Ok(()),
                Meaning::Retryable { .. } | Meaning::Ambiguous => Err(failure),
            },
            Sent::Barred(failure) | Sent::Away(failure, _) => Err(failure),
            Sent::Deferred(until) => {
                let message = format!("a limit of ours holds it back until {until:.0}");
                Err(Failure::retryable("HeldBack", message))
            }
        }
    }
}
