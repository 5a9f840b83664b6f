//! What a ticket's details show beyond its status. Only the details show a failed execution.

use serde_json::Value;

use super::ticket_kind::TicketKind;
use crate::cloud::operations::items::ItemStatus;
use crate::cloud::operations::json::text;
use crate::cloud::operations::replay::{Replay, Replayed};
use crate::job::FailureClass;

/// Where a plugin type shows more than the ticket's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DetailSource {
    DataChange,
    /// History clearing: a schedule, which has no end of its own.
    Schedule,
    Export,
    SchemaDesign,
    TicketOnly,
}

/// One read of the details: its action, the path to the status field, and how the status, in upper
/// case, is read.
type Lookup = (&'static str, &'static [&'static str], fn(&str) -> Option<ItemStatus>);

impl DetailSource {
    pub(super) fn of(plugin_type: &str) -> Self {
        match plugin_type {
            "DC_COMMON" | "DC_CHUNK" => DetailSource::DataChange,
            "DC_CRON_CLEAR" => DetailSource::Schedule,
            "DATA_EXPORT" => DetailSource::Export,
            "NDDL" => DetailSource::SchemaDesign,
            _ => DetailSource::TicketOnly,
        }
    }

    /// Reads the details of a ticket that has this status. None if they show nothing more.
    pub(super) fn read(
        self,
        kind: &TicketKind<'_>,
        order: &str,
        ticket_status: &str,
        http: &mut Replay<'_>,
    ) -> Replayed<Option<ItemStatus>> {
        let Some((action, path, parse)) = self.lookup(ticket_status) else { return Ok(None) };
        let reply = match http.try_send(kind.request(action, order))? {
            Ok(reply) => reply,
            // The details may not exist yet, or this account may not read them: the ticket's own
            // status counts. A success counts only once it is known that the details stay hidden.
            Err(failure)
                if failure.class == FailureClass::Permanent || ticket_status != "success" =>
            {
                return Ok(None);
            }
            Err(failure) => return Err(failure.clone().into()),
        };
        let Some(status) = text(field(&reply.body, path)) else { return Ok(None) };
        Ok(parse(&status.to_uppercase()).map(|item| item.with_status(status)))
    }

    /// What to read while the ticket has this status.
    fn lookup(self, ticket_status: &str) -> Option<Lookup> {
        Some(match self {
            // Of these, a ticket that reports success has nothing left that can fail.
            DetailSource::Schedule | DetailSource::SchemaDesign if ticket_status == "success" => {
                return None;
            }
            DetailSource::DataChange | DetailSource::Schedule if ticket_status == "new" => {
                ("GetDataCorrectOrderDetail", &["DataCorrectOrderDetail", "Status"], precheck)
            }
            DetailSource::DataChange => {
                ("GetDataCorrectTaskDetail", &["DataCorrectTaskDetail", "jobStatus"], data_change)
            }
            DetailSource::Schedule => {
                ("GetDataCronClearConfig", &["DataCronClearConfig", "CronStatus"], schedule)
            }
            DetailSource::Export => {
                let path = &["DataExportOrderDetail", "KeyInfo", "JobStatus"];
                ("GetDataExportOrderDetail", path, export)
            }
            DetailSource::SchemaDesign => {
                ("GetTableDesignProjectInfo", &["ProjectInfo", "Status"], schema_design)
            }
            DetailSource::TicketOnly => return None,
        })
    }
}

/// The field at the end of a path. Names differ in case between operations (`jobStatus`,
/// `JobStatus`), and some operations leave out the first object.
fn field<'a>(body: &'a Value, path: &[&str]) -> &'a Value {
    let step = |value: &'a Value, name: &str| {
        let fields = value.as_object()?;
        fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let walk = |path: &[&str]| path.iter().try_fold(body, |value, name| step(value, name));
    walk(path).or_else(|| walk(path.get(1..)?)).unwrap_or(&Value::Null)
}

fn failed(code: &str, message: &str) -> ItemStatus {
    ItemStatus::failed(code, code, message)
}

fn precheck(status: &str) -> Option<ItemStatus> {
    Some(match status {
        "PRECHECKFAILED" | "PRECHECK_FAILED" | "PRECHECK_SUCCESS" | "TOAUDIT" => {
            ItemStatus::waiting(status)
        }
        "REJECT" => failed("reject", "the ticket was rejected"),
        _ => ItemStatus::running(status),
    })
}

fn data_change(status: &str) -> Option<ItemStatus> {
    Some(match status {
        // Not started: the ticket's own status shows who has to act.
        "INIT" => return None,
        "FAIL" | "FAILED" => failed(status, "the ticket's task failed; its job log shows why"),
        "DELETE" => failed(status, "the ticket's task was deleted"),
        "PAUSE" => ItemStatus::waiting(status),
        _ => ItemStatus::running(status),
    })
}

fn schedule(status: &str) -> Option<ItemStatus> {
    Some(match status {
        "WAITING" | "SUCCESS" => ItemStatus::succeeded(status),
        "PAUSE" => ItemStatus::waiting(status),
        _ => ItemStatus::running(status),
    })
}

fn export(status: &str) -> Option<ItemStatus> {
    Some(match status {
        "PRE_CHECK_FAIL" => failed(status, "the export's pre-check failed"),
        "EXPORT_FAIL" => failed(status, "the export failed"),
        "EXPORT_SUCCESS" => ItemStatus::succeeded(status),
        "PRE_CHECK_SUCCESS" | "WAITING_APPLY_AUDIT" | "APPLY_AUDIT_SUCCESS" | "ENABLE_EXPORT" => {
            ItemStatus::waiting(status)
        }
        _ => ItemStatus::running(status),
    })
}

fn schema_design(status: &str) -> Option<ItemStatus> {
    Some(match status {
        "PUBLISHED" => ItemStatus::succeeded(status),
        "CLOSE" | "CLOSED" => failed(status, "the schema design was closed"),
        "DESIGN" => ItemStatus::waiting(status),
        _ => ItemStatus::running(status),
    })
}
