//! What exists on both clouds. Nothing here moves by itself: where a thing stands is reckoned from
//! when it began, each time somebody looks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dataworks::{File, FileFate};
use super::dms::publish::Publish;
use super::dms::ticket::{Fate, NewTicket, Ticket};
use super::factory::{Package, PackageFate};
use super::gateway::Visit;
use super::settings::Settings;
use super::stand::Call;
use super::truth::Effect;

/// Tickets are numbered from here.
const FIRST_ORDER: i64 = 1_000_001;

/// Publish tasks are numbered from here.
const FIRST_TASK: i64 = 500_001;

/// Everything there is, and everything that was done.
#[derive(Debug)]
pub(super) struct World {
    next_order: i64,
    next_task: i64,
    pub(super) tickets: BTreeMap<i64, Ticket>,
    pub(super) publishes: Vec<Publish>,
    pub(super) files: BTreeMap<i64, File>,
    pub(super) packages: BTreeMap<String, Package>,
    /// The package each system task deploys.
    pub(super) tasks: BTreeMap<String, String>,
    pub(super) effects: Vec<Effect>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            next_order: FIRST_ORDER,
            next_task: FIRST_TASK,
            tickets: BTreeMap::new(),
            publishes: Vec::new(),
            files: BTreeMap::new(),
            packages: BTreeMap::new(),
            tasks: BTreeMap::new(),
            effects: Vec::new(),
        }
    }
}

impl World {
    /// Makes a ticket, and gives its id.
    pub(super) fn add_ticket(&mut self, new: NewTicket, call: &Call<'_>) -> i64 {
        let id = self.next_order;
        self.next_order += 1;
        self.tickets.insert(id, Ticket::new(id, new, call));
        id
    }

    /// The id of the next publish task.
    pub(super) fn next_task_id(&mut self) -> i64 {
        let id = self.next_task;
        self.next_task += 1;
        id
    }

    /// A ticket; one that has been there from the start is made when it is first asked for.
    pub(super) fn ticket(&mut self, id: i64, settings: &Settings) -> Option<&mut Ticket> {
        if settings.has_design_order(id) {
            self.tickets.entry(id).or_insert_with(|| Ticket::from_the_start(id, settings.pace));
        }
        self.tickets.get_mut(&id)
    }

    /// Notes what took effect.
    pub(super) fn note(&mut self, call: &Call<'_>, effect: Effect) {
        let Visit { action, asked, caller, request_id } = call.visit;
        self.effects.push(Effect {
            sequence: self.effects.len() as u64 + 1,
            at: call.shown(call.now),
            operation: action.full_name().to_owned(),
            nonce: caller.nonce.clone(),
            key: caller.key.clone(),
            request_id: request_id.clone(),
            traceparent: asked.header("traceparent").map(str::to_owned),
            ..effect
        });
    }

    /// The same clouds with nothing on them. Ids go on, so that nothing old is taken for new.
    pub(super) fn emptied(&self) -> Self {
        Self { next_order: self.next_order, next_task: self.next_task, ..Self::default() }
    }
}

/// Tells one thing what becomes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Steer {
    /// A ticket.
    Ticket {
        /// Its OrderId.
        id: i64,
        /// What becomes of it.
        fate: Fate,
    },
    /// A publish task.
    Publish {
        /// Its TaskId.
        id: i64,
        /// What becomes of it; `precheck_fail` means nothing here.
        fate: Fate,
    },
    /// A release package.
    Package {
        /// Its package_id.
        id: String,
        /// What becomes of its deployment.
        fate: PackageFate,
    },
    /// A DataWorks file.
    File {
        /// Its FileId.
        id: i64,
        /// What becomes of its deployments from now on.
        fate: FileFate,
    },
}

impl World {
    /// Follows an order of a test; says why when it can't.
    pub(super) fn steer(
        &mut self,
        steer: Steer,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Value, String> {
        match steer {
            Steer::Ticket { id, fate } => {
                let ticket =
                    self.ticket(id, settings).ok_or_else(|| format!("there is no ticket {id}"))?;
                ticket.steer(fate, now)?;
                Ok(json!({"ticket": id, "stage": ticket.stage(now)}))
            }
            Steer::Publish { id, fate } => {
                let publish = self.publishes.iter_mut().find(|publish| publish.task_id == id);
                let publish = publish.ok_or_else(|| format!("there is no publish task {id}"))?;
                publish.steer(fate, now)?;
                Ok(json!({"publish": id, "status": publish.status(now)}))
            }
            Steer::Package { id, fate } => {
                let package = self.package(&id, settings);
                let package = package.ok_or_else(|| format!("{id:?} is no package id"))?;
                package.steer(fate, now);
                Ok(json!({"package": id, "deploy_status": package.deploy_status(now)}))
            }
            Steer::File { id, fate } => {
                self.file(id, settings).fate = fate;
                Ok(json!({"file": id, "fate": fate}))
            }
        }
    }
}
