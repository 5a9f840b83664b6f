//! What a ticket's task says: the level that alone shows a failure.

use serde_json::Value;

use super::standing::{Stage, Standing};
use super::{TicketKind, read};
use crate::cloud::operations::conversation::{Conversation, Pause};
use crate::cloud::operations::reply::words;
use crate::cloud::protocol::Request;
use crate::job::FailureClass;

/// Where a plugin type's tickets show more than their own status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A data change.
    Change,
    /// History clearing: a schedule, without an end of its own.
    Schedule,
    /// A data export.
    Export,
    /// A schema design.
    Design,
    /// The ticket says all there is.
    Nowhere,
}

impl Look {
    /// By PluginType.
    pub(super) fn of(plugin_type: &str) -> Self {
        match plugin_type {
            "DC_COMMON" | "DC_CHUNK" => Look::Change,
            "DC_CRON_CLEAR" => Look::Schedule,
            "DATA_EXPORT" => Look::Export,
            "NDDL" => Look::Design,
            _ => Look::Nowhere,
        }
    }

    /// Looks while the ticket has this status; none if there is nothing more to learn.
    pub(super) fn before_end(
        self,
        talk: &mut Conversation<'_>,
        order: i64,
        nature: &TicketKind<'_>,
        status: &str,
    ) -> Result<Option<Standing>, Pause> {
        let mut learn = |action, fields: &[&str], read_as: fn(&str) -> Option<Stage>| {
            learn(talk, read(action, order, nature), fields, read_as, status)
        };
        match self {
            Look::Change | Look::Schedule if status == "new" => {
                learn("GetDataCorrectOrderDetail", &["DataCorrectOrderDetail", "Status"], precheck)
            }
            Look::Change => {
                let fields = ["DataCorrectTaskDetail", "jobStatus"];
                learn("GetDataCorrectTaskDetail", &fields, change)
            }
            Look::Schedule => {
                let fields = ["DataCronClearConfig", "CronStatus"];
                learn("GetDataCronClearConfig", &fields, schedule)
            }
            Look::Export => {
                let fields = ["DataExportOrderDetail", "KeyInfo", "JobStatus"];
                learn("GetDataExportOrderDetail", &fields, export)
            }
            Look::Design => learn("GetTableDesignProjectInfo", &["ProjectInfo", "Status"], design),
            Look::Nowhere => Ok(None),
        }
    }

    /// Looks once more when the ticket says success, where a task may have failed all the same.
    pub(super) fn after_success(
        self,
        talk: &mut Conversation<'_>,
        order: i64,
        nature: &TicketKind<'_>,
    ) -> Result<Option<Standing>, Pause> {
        match self {
            Look::Change | Look::Export => self.before_end(talk, order, nature, "success"),
            Look::Schedule | Look::Design | Look::Nowhere => Ok(None),
        }
    }
}

fn learn(
    talk: &mut Conversation<'_>,
    request: Request,
    fields: &[&str],
    read_as: fn(&str) -> Option<Stage>,
    status: &str,
) -> Result<Option<Standing>, Pause> {
    let reply = match talk.try_ask(request)? {
        Ok(reply) => reply,
        // A ticket may have no task yet, or none this account may see; then its status stands. Only
        // a success is not believed while its task may still be heard.
        Err(failure) if failure.meaning == FailureClass::Permanent || status != "success" => {
            return Ok(None);
        }
        Err(failure) => return Err(failure.clone().into()),
    };
    let Some(status) = words(field(&reply.body, fields)) else { return Ok(None) };
    let stage = read_as(&status.to_uppercase());
    Ok(stage.map(|stage| Standing { seen: status, stage }))
}

/// The field at the end of these names. The last one's first letter differs in case between
/// operations (`jobStatus`, `JobStatus`), and the first is left out by some.
fn field<'a>(body: &'a Value, names: &[&str]) -> &'a Value {
    let step = |value: &'a Value, name: &str| {
        let fields = value.as_object()?;
        fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let walk = |names: &[&str]| names.iter().try_fold(body, |value, name| step(value, name));
    walk(names).or_else(|| walk(names.get(1..)?)).unwrap_or(&Value::Null)
}

fn failed(status: &str, message: &str) -> Stage {
    Stage::Failed { code: status.to_owned(), message: message.to_owned() }
}

fn precheck(status: &str) -> Option<Stage> {
    Some(match status {
        "PRECHECKFAILED" | "PRECHECK_FAILED" | "PRECHECK_SUCCESS" | "TOAUDIT" => {
            Stage::WaitsForPerson
        }
        "REJECT" => failed("reject", "the ticket was rejected"),
        _ => Stage::Running,
    })
}

fn change(status: &str) -> Option<Stage> {
    Some(match status {
        // Made, and nobody has started it: the ticket's own status says who has to act.
        "INIT" => return None,
        "FAIL" | "FAILED" => failed(status, "the ticket's task failed; its job log says why"),
        "DELETE" => failed(status, "the ticket's task was deleted"),
        "PAUSE" => Stage::WaitsForPerson,
        _ => Stage::Running,
    })
}

fn schedule(status: &str) -> Option<Stage> {
    Some(match status {
        "WAITING" | "SUCCESS" => Stage::Succeeded,
        "PAUSE" => Stage::WaitsForPerson,
        _ => Stage::Running,
    })
}

fn export(status: &str) -> Option<Stage> {
    Some(match status {
        "PRE_CHECK_FAIL" => failed(status, "the export's pre-check failed"),
        "EXPORT_FAIL" => failed(status, "the export failed"),
        "EXPORT_SUCCESS" => Stage::Succeeded,
        "PRE_CHECK_SUCCESS" | "WAITING_APPLY_AUDIT" | "APPLY_AUDIT_SUCCESS" | "ENABLE_EXPORT" => {
            Stage::WaitsForPerson
        }
        _ => Stage::Running,
    })
}

fn design(status: &str) -> Option<Stage> {
    Some(match status {
        "PUBLISHED" => Stage::Succeeded,
        "CLOSE" | "CLOSED" => failed(status, "the schema design was closed"),
        "DESIGN" => Stage::WaitsForPerson,
        _ => Stage::Running,
    })
}
