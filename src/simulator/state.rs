//! The state of a running simulator, behind one lock, and the execution of requests.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::action::ApiAction;
use super::auth::{self, Authenticator};
use super::effects::{Effect, RequestCount, RequestCounts};
use super::faults::{Fault, FaultPlan, Faults};
use super::overrides::Override;
use super::reply::{ErrorReply, Payload};
use super::request::{AdmittedRequest, CallContext, Caller, RawRequest};
use super::settings::SimulatorSettings;
use super::store::Store;
use super::{dataarts, dataworks, dms};
use crate::cloud::signing::canonical::sha256_hex;

#[derive(Debug)]
pub(super) struct SimulatorState {
    pub(super) settings: SimulatorSettings,
    clock_offset_ms: AtomicI64,
    next_request: AtomicU64,
    locked: Mutex<Locked>,
    stop: CancellationToken,
}

/// The part of the state that needs the lock.
#[derive(Debug, Default)]
struct Locked {
    authenticator: Authenticator,
    faults: Faults,
    store: Store,
    counts: RequestCounts,
}

impl SimulatorState {
    pub(super) fn new(
        settings: SimulatorSettings,
        stop: CancellationToken,
    ) -> Result<Self, String> {
        let locked = Locked { faults: Faults::new(settings.faults.clone())?, ..Locked::default() };
        Ok(Self {
            clock_offset_ms: AtomicI64::new(settings.clock_offset_ms),
            next_request: AtomicU64::new(0),
            locked: Mutex::new(locked),
            settings,
            stop,
        })
    }

    /// The time of the server's clock.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.offset()).unwrap_or(Timestamp::MAX)
    }

    fn offset(&self) -> SignedDuration {
        SignedDuration::from_millis(self.clock_offset_ms.load(Ordering::Relaxed))
    }

    pub(super) fn set_clock_offset(&self, milliseconds: i64) {
        self.clock_offset_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// A new request id in the providers' format.
    pub(super) fn next_request_id(&self) -> String {
        let number = self.next_request.fetch_add(1, Ordering::Relaxed);
        let hex = sha256_hex(format!("request {number}").as_bytes()).to_uppercase();
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]];
        parts.join("-")
    }

    pub(super) fn count(&self, action: ApiAction, add: impl FnOnce(&mut RequestCount)) {
        add(self.lock().counts.entry(action.full_name().to_owned()).or_default());
    }

    pub(super) fn admit(&self, action: ApiAction, raw: &RawRequest) -> Result<Caller, ErrorReply> {
        auth::admit(action, raw, &self.settings, &mut self.lock().authenticator, self.now())
    }

    pub(super) fn next_fault(&self, request: &AdmittedRequest) -> Option<Fault> {
        let text = request.raw.searchable_text();
        self.lock().faults.next(request.action.full_name(), &text)
    }

    pub(super) fn execute(&self, request: &AdmittedRequest) -> Result<Payload, ErrorReply> {
        self.execute_at(request, Timestamp::now())
    }

    /// Executes a request as if it had arrived one stage earlier.
    pub(super) fn execute_one_stage_earlier(
        &self,
        request: &AdmittedRequest,
    ) -> Result<Payload, ErrorReply> {
        let now = Timestamp::now();
        self.execute_at(request, now.saturating_sub(self.settings.pace).unwrap_or(now))
    }

    /// Executes a request after a delay, unless the simulator is stopped before.
    pub(super) fn execute_later(self: &Arc<Self>, request: Arc<AdmittedRequest>, delay: Duration) {
        let state = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = state.stop.cancelled() => {}
                () = tokio::time::sleep(delay) => {
                    let _lost = state.execute(&request);
                }
            }
        });
    }

    fn execute_at(&self, request: &AdmittedRequest, now: Timestamp) -> Result<Payload, ErrorReply> {
        let offset = self.offset();
        let result = self.dispatch(&CallContext { request, settings: &self.settings, now, offset });
        if result.is_err() {
            self.count(request.action, |count| count.refused += 1);
        }
        result
    }

    fn dispatch(&self, call: &CallContext<'_>) -> Result<Payload, ErrorReply> {
        let locked = &mut *self.lock();
        let store = &mut locked.store;
        let body = match call.request.action {
            ApiAction::CreateOrder => dms::orders::create(store, call),
            ApiAction::CreateFreeLockCorrectOrder => dms::orders::create_free_lock(store, call),
            ApiAction::CreatePublishGroupTask => dms::publishing::create(store, call),
            ApiAction::ListOrders => dms::list::orders(store, call),
            ApiAction::GetOrderBaseInfo => dms::queries::base_info(store, call),
            ApiAction::GetDataCorrectOrderDetail => dms::queries::data_correct(store, call),
            ApiAction::GetDataCorrectTaskDetail => dms::queries::data_correct_task(store, call),
            ApiAction::GetDataCronClearConfig => dms::queries::cron_clear(store, call),
            ApiAction::GetDataExportOrderDetail => dms::queries::export(store, call),
            ApiAction::GetTableDesignProjectInfo => dms::publishing::project_info(store, call),
            ApiAction::GetTableDesignProjectFlow => dms::publishing::project_flow(store, call),
            ApiAction::ListDdlPublishRecords => dms::publishing::records(store, call),
            ApiAction::DeployDiSyncTask => dataworks::deploy(store, call),
            ApiAction::GetDiSyncTask => dataworks::task(store, call),
            ApiAction::GetDiSyncInstanceInfo => dataworks::instance(store, call),
            ApiAction::DeployReleasePackages => dataarts::deploy(store, call),
            ApiAction::ListReleasePackages => dataarts::list(store, call),
            ApiAction::GetReleasePackage => dataarts::package_detail(store, call),
            ApiAction::GetSystemTask => dataarts::system_task(store, call),
            ApiAction::CreateToken => {
                return auth::iam::create_token(&mut locked.authenticator, call);
            }
        };
        body.map(Payload::from)
    }

    pub(super) fn effects(&self) -> Vec<Effect> {
        self.lock().store.effects.clone()
    }

    pub(super) fn counts(&self) -> RequestCounts {
        self.lock().counts.clone()
    }

    /// Replaces the fault plan; its counts start at zero.
    pub(super) fn set_faults(&self, plan: FaultPlan) -> Result<(), String> {
        self.lock().faults = Faults::new(plan)?;
        Ok(())
    }

    /// Applies an override and returns the status after it.
    pub(super) fn apply(&self, change: Override) -> Result<Value, String> {
        change.apply(&mut self.lock().store, &self.settings, Timestamp::now())
    }

    /// Returns to the initial state and the initial fault plan. Only issued tokens stay valid.
    pub(super) fn reset(&self) -> Result<(), String> {
        let faults = Faults::new(self.settings.faults.clone())?;
        self.set_clock_offset(self.settings.clock_offset_ms);
        let locked = &mut *self.lock();
        locked.authenticator.reset_requests();
        locked.faults = faults;
        locked.store = locked.store.emptied();
        locked.counts.clear();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
