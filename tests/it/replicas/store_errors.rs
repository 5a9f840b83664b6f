//! A ledger that fails briefly: no answer, no attempt and no delivery is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use serde_json::json;
use ticketd::job::State;
use ticketd::ledger::{Claim, ClaimRequest, Claimed, Error, Ledger, Save};

use crate::harness::samples::{file, kind};
use crate::harness::{Intercept, LedgerProxy, TestEnv, TestWorker};

/// A ledger that fails the first requests.
struct Hiccups {
    ledger: Arc<dyn Ledger>,
    claims: AtomicU32,
    saves: AtomicU32,
}

impl Hiccups {
    fn refuse(&self, left: &AtomicU32) -> Result<(), Error> {
        let refused =
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match refused {
            Ok(_) => {
                let (location, problem) = ("ledger.db".into(), "is busy: try again".into());
                Err(Error::Store { location, problem, source: None })
            }
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Intercept for Hiccups {
    fn ledger(&self) -> &dyn Ledger {
        self.ledger.as_ref()
    }

    async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claimed, Error> {
        self.refuse(&self.claims)?;
        self.ledger.claim(request).await
    }

    async fn save(&self, claim: &Claim, save: Save<'_>) -> Result<(), Error> {
        // The save before the call succeeds. The saves of its result fail at first.
        if !matches!(save.state, State::Asking { .. }) {
            self.refuse(&self.saves)?;
        }
        self.ledger.save(claim, save).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_briefly_failing_store_loses_no_answer_and_no_attempt() {
    let mut env = TestEnv::new("").await;
    let mut worker = env.worker();
    let (claims, saves) = (AtomicU32::new(1), AtomicU32::new(2));
    worker.ledger = Arc::new(LedgerProxy(Hiccups { ledger: worker.ledger, claims, saves }));
    let _worker = TestWorker::of(worker);
    // A deploy that cannot be looked up: a lost answer would make it `unknown`.
    let job = file("file", "DI_REALTIME", 1);
    env.submit(kind(&job), &job).await;
    let outcome = env.outcome("file").await;
    assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
    assert_eq!(outcome["data"]["attempts"], json!(1));
    assert_eq!(env.states("file"), ["started", "submitted", "succeeded"]);
    assert_eq!(env.simulator.effects().len(), 1);
}
