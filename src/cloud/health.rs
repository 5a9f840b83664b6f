//! Which of an account's services are away. Each service has a breaker of its own: they stand on
//! different hosts, and one that is down is no reason to stop asking another.

use std::fmt;

use jiff::Timestamp;
use tracing::{info, warn};

use super::breaker::{Breaker, Broken, Pass};
use super::metrics::Metrics;
use super::protocol::Service;
use crate::job::{AccountName, Failure};

/// Failures in a row after which a service counts as away.
const PATIENCE: u32 = 5;

/// Somebody who may be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Party {
    /// A service of the provider's.
    Service(Service),
    /// Where tokens are fetched.
    Tokens,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Party::Service(service) => service.key(),
            Party::Tokens => "iam",
        })
    }
}

/// The health of everybody an account asks.
#[derive(Debug)]
pub(super) struct Health {
    account: AccountName,
    metrics: Metrics,
    dms: Breaker,
    dataworks: Breaker,
    factory: Breaker,
    tasks: Breaker,
    tokens: Breaker,
}

/// The right to ask somebody once.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    health: &'a Health,
    party: Party,
    pass: Pass<'a>,
}

impl Health {
    /// Everybody is taken to be there; `parties` are those an account has.
    pub fn of(
        account: &AccountName,
        parties: impl IntoIterator<Item = Party>,
        metrics: Metrics,
    ) -> Self {
        for party in parties {
            metrics.up(account, party, true);
        }
        let [dms, dataworks, factory, tasks, tokens] = [(); 5].map(|()| Breaker::new(PATIENCE));
        Self { account: account.clone(), metrics, dms, dataworks, factory, tasks, tokens }
    }

    /// Whether a request would be let through just now.
    pub fn check(&self, party: Party) -> Result<(), (Failure, Timestamp)> {
        match self.breaker(party).holds_back(Timestamp::now(), rand::random()) {
            Some(until) => Err((self.away(party), until)),
            None => Ok(()),
        }
    }

    /// Lets a request through, or says why not, and when to come back.
    pub fn admit(&self, party: Party) -> Result<Permit<'_>, (Failure, Timestamp)> {
        match self.breaker(party).admit(Timestamp::now(), rand::random()) {
            Ok(pass) => Ok(Permit { health: self, party, pass }),
            Err(until) => Err((self.away(party), until)),
        }
    }

    fn breaker(&self, party: Party) -> &Breaker {
        match party {
            Party::Service(Service::Dms) => &self.dms,
            Party::Service(Service::Dataworks) => &self.dataworks,
            Party::Service(Service::Factory) => &self.factory,
            Party::Service(Service::Tasks) => &self.tasks,
            Party::Tokens => &self.tokens,
        }
    }

    fn away(&self, party: Party) -> Failure {
        let message = format!("nothing is sent to {party} of account {}: it is away", self.account);
        Failure::retryable("ServiceAway", message)
    }
}

impl Permit<'_> {
    /// They answered, whatever they said.
    pub fn answered(self) {
        if let Some(since) = self.pass.answered() {
            let (account, service) = (&self.health.account, self.party);
            info!(account, %service, %since, "the service is back; its jobs go on");
            self.health.metrics.up(account, service, true);
        }
    }

    /// They could not be reached, or broke down.
    pub fn failed(self, cause: &Failure) -> Broken {
        let broken = self.pass.failed(Timestamp::now(), rand::random());
        if let Broken::Opened(until) = broken {
            let (account, service) = (&self.health.account, self.party);
            warn!(account, %service, %cause, %until, "the service is away; its jobs wait for it");
            self.health.metrics.up(account, service, false);
        }
        broken
    }
}
