//! Following the items of one job until all have ended: tickets, release packages. The job's
//! result lists them, so an item that ended is not asked about again.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::json::{list, text};
use super::operation::PollResult;
use super::replay::Replayed;
use crate::job::Failure;

/// Longest summary of the provider's statuses, in characters.
const MAX_SUMMARY: usize = 3000;

/// How one ticket, package or publish record is doing, and the provider's `status` for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ItemStatus {
    Running { status: String, waits_for_person: bool },
    Succeeded { status: String, warning: Option<String> },
    Failed { status: String, code: String, message: String },
}

impl ItemStatus {
    pub(super) fn running(status: impl Into<String>) -> Self {
        ItemStatus::Running { status: status.into(), waits_for_person: false }
    }

    /// Running, but only a person can make it continue.
    pub(super) fn waiting(status: impl Into<String>) -> Self {
        ItemStatus::Running { status: status.into(), waits_for_person: true }
    }

    pub(super) fn succeeded(status: impl Into<String>) -> Self {
        ItemStatus::Succeeded { status: status.into(), warning: None }
    }

    pub(super) fn failed(status: &str, code: &str, message: impl Into<String>) -> Self {
        let (status, code) = (status.to_owned(), code.to_owned());
        ItemStatus::Failed { status, code, message: message.into() }
    }

    pub(super) fn status(&self) -> &str {
        match self {
            ItemStatus::Running { status, .. }
            | ItemStatus::Succeeded { status, .. }
            | ItemStatus::Failed { status, .. } => status,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        match self {
            ItemStatus::Running { .. } => true,
            ItemStatus::Succeeded { .. } | ItemStatus::Failed { .. } => false,
        }
    }

    /// The same with another text for the status.
    pub(super) fn with_status(mut self, text: String) -> Self {
        match &mut self {
            ItemStatus::Running { status, .. }
            | ItemStatus::Succeeded { status, .. }
            | ItemStatus::Failed { status, .. } => *status = text,
        }
        self
    }

    /// The answer to a poll if this status is the job's.
    pub(super) fn into_poll_result(self, result: Value) -> PollResult {
        match self {
            ItemStatus::Running { status, waits_for_person } => {
                PollResult::Running { provider_status: status, waits_for_person, result }
            }
            ItemStatus::Succeeded { .. } => PollResult::Succeeded { result },
            ItemStatus::Failed { code, message, .. } => {
                PollResult::Failed { code, message, result }
            }
        }
    }

    /// Reads what [`Self::write_to`] wrote, if the item had ended.
    fn read_ended(item: &Value) -> Option<Self> {
        let field = |value: &Value| text(value).unwrap_or_default();
        let status = field(&item["status"]);
        Some(match item["ended"].as_str()? {
            "succeeded" => ItemStatus::Succeeded { status, warning: text(&item["warning"]) },
            _ => ItemStatus::Failed {
                status,
                code: field(&item["error"]["code"]),
                message: field(&item["error"]["message"]),
            },
        })
    }

    /// The item with its status, as the result lists it.
    fn write_to(&self, item: &Value) -> Value {
        let mut item = item.clone();
        item["status"] = json!(self.status());
        match self {
            ItemStatus::Running { .. } => {}
            ItemStatus::Succeeded { warning, .. } => {
                item["ended"] = json!("succeeded");
                if let Some(warning) = warning {
                    item["warning"] = json!(warning);
                }
            }
            ItemStatus::Failed { code, message, .. } => {
                item["ended"] = json!("failed");
                item["error"] = json!({"code": code, "message": message});
            }
        }
        item
    }
}

/// What the items of an operation are called, and how many one poll asks about.
pub(super) struct ItemKind {
    pub(super) noun: &'static str,
    /// The field of the result that lists the items.
    pub(super) list: &'static str,
    /// The field of an item that holds its id.
    pub(super) id: &'static str,
    pub(super) max_per_poll: usize,
}

/// Asks about every item that has not ended yet. The first end of an item is final, whatever the
/// provider shows of it later.
pub(super) fn follow(
    kind: &ItemKind,
    items: &[Value],
    known: &Value,
    mut ask: impl FnMut(&str, &Value) -> Replayed<ItemStatus>,
) -> Replayed<PollResult> {
    let id_of = |item: &Value| text(&item[kind.id]).unwrap_or_default();
    if items.is_empty() {
        let message = format!("the saved handle names no {}", kind.noun);
        return Err(Failure::permanent("InvalidHandle", message).into());
    }
    let ended: BTreeMap<String, ItemStatus> = list(&known[kind.list])
        .iter()
        .filter_map(|item| Some((id_of(item), ItemStatus::read_ended(item)?)))
        .collect();
    let mut statuses = Vec::new();
    let mut asked = 0;
    for item in items {
        let id = id_of(item);
        statuses.push(match ended.get(&id) {
            Some(status) => status.clone(),
            None if asked == kind.max_per_poll => ItemStatus::running("not asked yet"),
            None => {
                asked += 1;
                ask(&id, item)?
            }
        });
    }
    let listed = items.iter().zip(&statuses).map(|(item, status)| status.write_to(item));
    let result = json!({ kind.list: listed.collect::<Value>() });
    let ids = items.iter().map(|item| format!("{} {}", kind.noun, id_of(item)));
    Ok(overall(ids.zip(statuses).collect()).into_poll_result(result))
}

/// Running while any item runs. Otherwise failed with the first failure, or succeeded.
fn overall(items: Vec<(String, ItemStatus)>) -> ItemStatus {
    let status = summarize(items.iter().map(|(_, item)| item.status()));
    let mut running = false;
    let mut waits = false;
    let mut failed = None;
    for (name, item) in items {
        match item {
            ItemStatus::Running { waits_for_person, .. } => {
                running = true;
                waits |= waits_for_person;
            }
            ItemStatus::Failed { code, message, .. } => {
                failed.get_or_insert((code, format!("{name}: {message}")));
            }
            ItemStatus::Succeeded { .. } => {}
        }
    }
    match failed {
        _ if running => ItemStatus::Running { status, waits_for_person: waits },
        Some((code, message)) => ItemStatus::Failed { status, code, message },
        None => ItemStatus::succeeded(status),
    }
}

/// The status of the one item, or how many items have each status: `2 success; 1 toaudit`.
fn summarize<'a>(statuses: impl ExactSizeIterator<Item = &'a str>) -> String {
    let single = statuses.len() == 1;
    let mut counts = BTreeMap::<&str, usize>::new();
    for status in statuses {
        *counts.entry(status).or_default() += 1;
    }
    let entry = |(status, count): (&str, usize)| match single {
        true => status.to_owned(),
        false => format!("{count} {status}"),
    };
    let mut summary = counts.into_iter().map(entry).collect::<Vec<_>>().join("; ");
    if let Some((end, _)) = summary.char_indices().nth(MAX_SUMMARY) {
        summary.truncate(end);
    }
    summary
}
