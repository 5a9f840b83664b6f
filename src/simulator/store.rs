//! Everything that exists at both providers. Nothing here changes with time: a status is computed
//! from its start time whenever it is read.

use std::collections::BTreeMap;

use super::dataarts::package::{ForcedPackageOutcome, ReleasePackage};
use super::dataworks::file::{ForcedFileOutcome, SyncFile};
use super::dms::publish_task::PublishTask;
use super::dms::ticket::{NewTicket, Ticket};
use super::effects::Effect;
use super::request::{AdmittedRequest, CallContext};
use super::settings::SimulatorSettings;

/// The id of the first ticket.
const FIRST_ORDER_ID: i64 = 1_000_001;

/// The id of the first publish task.
const FIRST_PUBLISH_TASK_ID: i64 = 500_001;

#[derive(Debug)]
pub(super) struct Store {
    next_order_id: i64,
    next_task_id: i64,
    pub(super) tickets: BTreeMap<i64, Ticket>,
    pub(super) publish_tasks: Vec<PublishTask>,
    files: BTreeMap<i64, SyncFile>,
    pub(super) packages: BTreeMap<String, ReleasePackage>,
    /// The package that each system task deploys.
    pub(super) system_tasks: BTreeMap<String, String>,
    pub(super) effects: Vec<Effect>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            next_order_id: FIRST_ORDER_ID,
            next_task_id: FIRST_PUBLISH_TASK_ID,
            tickets: BTreeMap::new(),
            publish_tasks: Vec::new(),
            files: BTreeMap::new(),
            packages: BTreeMap::new(),
            system_tasks: BTreeMap::new(),
            effects: Vec::new(),
        }
    }
}

impl Store {
    /// Adds a ticket and returns its id.
    pub(super) fn add_ticket(&mut self, new: NewTicket, call: &CallContext<'_>) -> i64 {
        let id = self.next_order_id;
        self.next_order_id += 1;
        self.tickets.insert(id, Ticket::new(id, new, call));
        id
    }

    /// The id of a new publish task.
    pub(super) fn next_task_id(&mut self) -> i64 {
        let id = self.next_task_id;
        self.next_task_id += 1;
        id
    }

    /// A ticket. A ticket that exists from the start is created when it is first read.
    pub(super) fn ticket(&mut self, id: i64, settings: &SimulatorSettings) -> Option<&mut Ticket> {
        if settings.has_design_order(id) {
            self.tickets.entry(id).or_insert_with(|| Ticket::initial_design(id, settings.pace));
        }
        self.tickets.get_mut(&id)
    }

    /// A DataWorks file. Every number is the id of one.
    pub(super) fn file(&mut self, id: i64, settings: &SimulatorSettings) -> &mut SyncFile {
        let outcome = match settings.fails(id) {
            true => ForcedFileOutcome::Fail,
            false => ForcedFileOutcome::Succeed,
        };
        self.files.entry(id).or_insert(SyncFile { outcome, deployed: None })
    }

    /// A release package. Every positive number is the id of one; a new one waits for deployment.
    pub(super) fn package(
        &mut self,
        id: &str,
        settings: &SimulatorSettings,
    ) -> Option<&mut ReleasePackage> {
        let number: i64 = id.parse().ok().filter(|number| *number > 0)?;
        let outcome = match settings.fails(number) {
            true => ForcedPackageOutcome::Fail,
            false => ForcedPackageOutcome::Succeed,
        };
        let new = || ReleasePackage::new(id.to_owned(), outcome);
        Some(self.packages.entry(id.to_owned()).or_insert_with(new))
    }

    /// Adds an effect, completed with what is known about the request.
    pub(super) fn record_effect(&mut self, call: &CallContext<'_>, effect: Effect) {
        let AdmittedRequest { action, raw, caller, request_id } = call.request;
        self.effects.push(Effect {
            sequence: self.effects.len() as u64 + 1,
            at: call.server_time(call.now),
            operation: action.full_name().to_owned(),
            nonce: caller.nonce.clone(),
            key: caller.key.clone(),
            request_id: request_id.clone(),
            traceparent: raw.header("traceparent").map(str::to_owned),
            ..effect
        });
    }

    /// An empty store that continues to count ids, so that no id is used twice.
    pub(super) fn emptied(&self) -> Self {
        Self {
            next_order_id: self.next_order_id,
            next_task_id: self.next_task_id,
            ..Self::default()
        }
    }
}
