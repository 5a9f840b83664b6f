//! Where one ticket stands: its own status, and what its task says beyond that.

use super::task::Look;
use super::{TicketKind, read};
use crate::cloud::operations::conversation::{Conversation, Pause};
use crate::cloud::operations::reply::words;
use crate::job::Failure;

/// How a ticket or its task is doing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stage {
    Running,
    WaitsForPerson,
    Succeeded,
    Failed { code: String, message: String },
}

/// A stage and the words the provider has for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) seen: String,
    pub(super) stage: Stage,
}

/// Asks for a ticket's status, and for its task's where the ticket's alone is not the whole truth:
/// a ticket has no status for "failed".
pub(super) fn standing(
    talk: &mut Conversation<'_>,
    order: i64,
    nature: &TicketKind<'_>,
) -> Result<Standing, Pause> {
    let reply = talk.ask(read("GetOrderBaseInfo", order, nature))?;
    let info = &reply.body["OrderBaseInfo"];
    let Some(code) = words(&info["StatusCode"]) else {
        let message = format!("the reply about ticket {order} has no StatusCode");
        return Err(Failure::ambiguous("UnreadableReply", message).into());
    };
    let code = code.to_lowercase();
    let description = words(&info["StatusDesc"]);
    let look = Look::of(nature.plugin_type);
    let stage = match code.as_str() {
        "reject" | "closed" => {
            let said = description.unwrap_or_else(|| format!("the ticket is {code}"));
            let stage = Stage::Failed { code: code.clone(), message: said };
            return Ok(Standing { seen: code, stage });
        }
        "success" => {
            let stage = match look.after_success(talk, order, nature)? {
                Some(Standing { stage: failed @ Stage::Failed { .. }, .. }) => failed,
                Some(_) | None => Stage::Succeeded,
            };
            return Ok(Standing { seen: code, stage });
        }
        "toaudit" => return Ok(Standing { seen: code, stage: Stage::WaitsForPerson }),
        "new" => Stage::WaitsForPerson,
        "approved" if !nature.runs_itself => Stage::WaitsForPerson,
        _ => Stage::Running,
    };
    let seen = match (code.as_str(), description) {
        ("new" | "approved" | "processing", _) | (_, None) => code.clone(),
        (_, Some(description)) => format!("{code} ({description})"),
    };
    Ok(match look.before_end(talk, order, nature, &code)? {
        Some(task) => Standing { seen: format!("{seen}, {}", task.seen), stage: task.stage },
        None => Standing { seen, stage },
    })
}
