//! Everything a running simulator knows, behind one lock, and the doors to it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::action::{Action, Cloud};
use super::faults::{Fault, FaultPlan, Faults};
use super::gateway::Visit;
use super::gateway::asked::Asked;
use super::gateway::guard::{Caller, Guard};
use super::gateway::{alibaba, huawei};
use super::reply::{Granted, Refusal};
use super::settings::Settings;
use super::truth::{Count, Counts, Effect};
use super::world::{Steer, World};
use super::{dataworks, dms, factory, iam};
use crate::cloud::signing::canonical::sha256_hex;

/// The state of a simulator.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) settings: Settings,
    clock_offset_ms: AtomicI64,
    requests: AtomicU64,
    inside: Mutex<Inside>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Inside {
    guard: Guard,
    faults: Faults,
    world: World,
    counts: Counts,
}

/// A request while it is carried out.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) visit: &'a Visit,
    pub(super) settings: &'a Settings,
    /// The moment it is carried out at, by the machine's clock.
    pub(super) now: Timestamp,
    /// How far the server's clock is ahead of the machine's.
    pub(super) offset: SignedDuration,
}

impl Stand {
    pub(super) fn new(settings: Settings, stop: CancellationToken) -> Result<Self, String> {
        let inside = Inside { faults: Faults::new(settings.faults.clone())?, ..Inside::default() };
        Ok(Self {
            clock_offset_ms: AtomicI64::new(settings.clock_offset_ms),
            requests: AtomicU64::new(0),
            inside: Mutex::new(inside),
            settings,
            stop,
        })
    }

    /// The server's clock.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.offset()).unwrap_or(Timestamp::MAX)
    }

    fn offset(&self) -> SignedDuration {
        SignedDuration::from_millis(self.clock_offset_ms.load(Ordering::Relaxed))
    }

    pub(super) fn set_clock_offset(&self, milliseconds: i64) {
        self.clock_offset_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// A request id in the providers' form.
    pub(super) fn next_request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let hex = sha256_hex(format!("request {number}").as_bytes()).to_uppercase();
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]];
        parts.join("-")
    }

    pub(super) fn count(&self, action: Action, add: impl FnOnce(&mut Count)) {
        add(self.inside().counts.entry(action.full_name().to_owned()).or_default());
    }

    pub(super) fn admit(&self, action: Action, asked: &Asked) -> Result<Caller, Refusal> {
        let now = self.now();
        let guard = &mut self.inside().guard;
        match asked.cloud() {
            Cloud::Alibaba => alibaba::admit(action, asked, &self.settings, guard, now),
            Cloud::Huawei => huawei::admit(action, asked, &self.settings, guard, now),
        }
    }

    pub(super) fn next_fault(&self, visit: &Visit) -> Option<Fault> {
        let text = visit.asked.text();
        self.inside().faults.next(visit.action.full_name(), &text)
    }

    /// Carries a request out.
    pub(super) fn perform(&self, visit: &Visit) -> Result<Granted, Refusal> {
        self.perform_at(visit, Timestamp::now())
    }

    /// Carries a request out as if it had come one stage earlier.
    pub(super) fn perform_one_stage_back(&self, visit: &Visit) -> Result<Granted, Refusal> {
        let now = Timestamp::now();
        self.perform_at(visit, now.saturating_sub(self.settings.pace).unwrap_or(now))
    }

    /// Carries a request out after a while, unless the simulator is stopped before.
    pub(super) fn perform_later(self: &Arc<Self>, visit: Arc<Visit>, delay: Duration) {
        let stand = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = stand.stop.cancelled() => {}
                () = tokio::time::sleep(delay) => {
                    let _answer_lost = stand.perform(&visit);
                }
            }
        });
    }

    fn perform_at(&self, visit: &Visit, now: Timestamp) -> Result<Granted, Refusal> {
        let call = Call { visit, settings: &self.settings, now, offset: self.offset() };
        let done = self.enforce(&call);
        if done.is_err() {
            self.count(visit.action, |count| count.refused += 1);
        }
        done
    }

    fn enforce(&self, call: &Call<'_>) -> Result<Granted, Refusal> {
        let inside = &mut *self.inside();
        let world = &mut inside.world;
        let body = match call.visit.action {
            Action::CreateOrder => dms::orders::create(world, call),
            Action::CreateFreeLockCorrectOrder => dms::orders::create_free_lock(world, call),
            Action::CreatePublishGroupTask => dms::publish::create(world, call),
            Action::ListOrders => dms::list::orders(world, call),
            Action::GetOrderBaseInfo => dms::details::base_info(world, call),
            Action::GetDataCorrectOrderDetail => dms::details::data_correct(world, call),
            Action::GetDataCorrectTaskDetail => dms::details::data_correct_task(world, call),
            Action::GetDataCronClearConfig => dms::details::cron_clear(world, call),
            Action::GetDataExportOrderDetail => dms::details::export(world, call),
            Action::GetTableDesignProjectInfo => dms::publish::project_info(world, call),
            Action::GetTableDesignProjectFlow => dms::publish::project_flow(world, call),
            Action::ListDdlPublishRecords => dms::publish::records(world, call),
            Action::DeployDiSyncTask => dataworks::deploy(world, call),
            Action::GetDiSyncTask => dataworks::task(world, call),
            Action::GetDiSyncInstanceInfo => dataworks::instance(world, call),
            Action::DeployReleasePackages => factory::deploy(world, call),
            Action::ListReleasePackages => factory::list(world, call),
            Action::GetReleasePackage => factory::package(world, call),
            Action::GetSystemTask => factory::system_task(world, call),
            Action::CreateToken => return iam::token(&mut inside.guard, call),
        };
        body.map(Granted::from)
    }

    /// What really happened so far.
    pub(super) fn effects(&self) -> Vec<Effect> {
        self.inside().world.effects.clone()
    }

    /// Requests so far, by action.
    pub(super) fn counts(&self) -> Counts {
        self.inside().counts.clone()
    }

    /// Puts another fault plan in place of the one under way.
    pub(super) fn set_faults(&self, plan: FaultPlan) -> Result<(), String> {
        self.inside().faults = Faults::new(plan)?;
        Ok(())
    }

    /// Tells one thing what becomes of it, and says where it stands then.
    pub(super) fn steer(&self, order: Steer) -> Result<Value, String> {
        self.inside().world.steer(order, &self.settings, Timestamp::now())
    }

    /// Forgets everything but the tokens that were given out, and starts the first plan again.
    pub(super) fn reset(&self) -> Result<(), String> {
        let faults = Faults::new(self.settings.faults.clone())?;
        self.set_clock_offset(self.settings.clock_offset_ms);
        let inside = &mut *self.inside();
        inside.guard.forget_requests();
        inside.faults = faults;
        inside.world = inside.world.emptied();
        inside.counts.clear();
        Ok(())
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call<'_> {
    /// A moment as this server's clock shows it.
    pub(super) fn shown(&self, moment: Timestamp) -> Timestamp {
        moment.saturating_add(self.offset).unwrap_or(moment)
    }

    /// Whether lists and system tasks show yet what began at a moment.
    pub(super) fn is_visible(&self, began: Timestamp) -> bool {
        began.saturating_add(self.settings.lag).is_ok_and(|visible| visible <= self.now)
    }
}
