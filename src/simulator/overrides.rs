//! Overrides: a test decides how one ticket, publish task, package or file ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dataarts::package::ForcedPackageOutcome;
use super::dataworks::file::ForcedFileOutcome;
use super::dms::ticket::ForcedOutcome;
use super::settings::SimulatorSettings;
use super::store::Store;

/// Changes how one thing ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Override {
    /// A ticket, by its OrderId.
    Ticket { id: i64, outcome: ForcedOutcome },
    /// A publish task, by its TaskId. `precheck_fail` has no meaning here.
    Publish { id: i64, outcome: ForcedOutcome },
    /// The deployments of a release package, by its package_id.
    Package { id: String, outcome: ForcedPackageOutcome },
    /// All later deployments of a DataWorks file, by its FileId.
    File { id: i64, outcome: ForcedFileOutcome },
}

impl Override {
    /// Returns the status after the change, or why the change is not possible.
    pub(super) fn apply(
        self,
        store: &mut Store,
        settings: &SimulatorSettings,
        now: Timestamp,
    ) -> Result<Value, String> {
        match self {
            Override::Ticket { id, outcome } => {
                let ticket = store.ticket(id, settings);
                let ticket = ticket.ok_or_else(|| format!("there is no ticket {id}"))?;
                ticket.force(outcome, now)?;
                Ok(json!({"ticket": id, "stage": ticket.stage(now)}))
            }
            Override::Publish { id, outcome } => {
                let task = store.publish_tasks.iter_mut().find(|task| task.task_id == id);
                let task = task.ok_or_else(|| format!("there is no publish task {id}"))?;
                task.force(outcome, now)?;
                Ok(json!({"publish": id, "status": task.status(now)}))
            }
            Override::Package { id, outcome } => {
                let package = store.package(&id, settings);
                let package = package.ok_or_else(|| format!("{id:?} is not a package id"))?;
                package.force(outcome, now);
                Ok(json!({"package": id, "deploy_status": package.deploy_status(now)}))
            }
            Override::File { id, outcome } => {
                store.file(id, settings).outcome = outcome;
                Ok(json!({"file": id, "outcome": outcome}))
            }
        }
    }
}
