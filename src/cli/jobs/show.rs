//! `ticketd jobs show`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::show::{WIDTH, cut, cut_to, moment, print, result, wrapped};
use crate::job::{ExecutionState, Job, JobId, Outcome, State, Status};
use crate::ledger::{JobRecord, Ledger};

/// Which job is shown.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The job's id
    id: JobId,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Shows a job.
pub async fn run(arguments: Arguments, ledger: &dyn Ledger) -> Result<ExitCode> {
    let Some(record) = ledger.find(&arguments.id).await? else {
        bail!(
            "job {} is not in the ledger: it is still in its queue, was rejected, or was \
             forgotten after ledger.retention",
            arguments.id
        );
    };
    if arguments.json {
        print(&format!("{:#}\n", as_json(&record)));
    } else {
        print(&text(&record, Timestamp::now()));
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(record: &JobRecord) -> Value {
    json!({
        "id": record.job.id, "status": record.state.status(), "job": record.job,
        "state": record.state, "due": record.due, "held_until": record.held_until,
        "cancelled": record.cancelled, "history": record.history,
        "crashes": {"shared": record.crashes.shared, "exclusive": record.crashes.exclusive},
    })
}

/// The first column of facts.
const NAMES: usize = 11;

fn text(record: &JobRecord, now: Timestamp) -> String {
    let JobRecord { job, state, .. } = record;
    let mut lines = vec![cut(&format!("{}  {}", job.id, state.status()))];
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            let value = match name {
                // What a person has to read to the end.
                "error" | "advice" | "in doubt" | "failing" => wrapped(&value, NAMES + 2),
                _ => cut_to(WIDTH - NAMES - 2, &value),
            };
            lines.push(format!("  {name:<width$}{value}", width = NAMES));
        }
    };
    fact("operation", format!("{} on {}", job.operation, job.account));
    fact("waits", waits(record, now));
    if record.cancelled && record.due.is_some() {
        fact("cancelled", "it is to end as soon as nothing is being asked".to_owned());
    }
    match state {
        State::Waiting { execution, .. } | State::Asking { execution, .. } => {
            of_turn(execution, &mut fact)
        }
        State::Reporting { outcome } | State::Done { outcome } => of_outcome(outcome, &mut fact),
    }
    of_job(job, &mut fact);
    lines.push("history".to_owned());
    lines.push(format!("  {}  received", moment(job.received_at)));
    for note in &record.history {
        let line = format!("  {}  {:<9}  {}", moment(note.at), note.what, note.detail);
        lines.push(cut(line.trim_end()));
    }
    lines.join("\n") + "\n"
}

/// What a job waits for, and until when.
fn waits(record: &JobRecord, now: Timestamp) -> String {
    let what = match record.state.status() {
        Status::Waiting => "for the moment of its call",
        Status::Retrying => "to make its call again",
        Status::Probing => "to look whether its call took effect",
        Status::Polling => "to look how far it is",
        Status::Asking => "for the provider's answer",
        Status::Reporting => "for the broker to take its outcome",
        Status::Succeeded
        | Status::Failed
        | Status::Unknown
        | Status::Expired
        | Status::Cancelled
        | Status::Rejected => return String::new(),
    };
    match (record.held_until.filter(|until| *until > now), record.due) {
        (Some(until), _) => format!("{what}; a worker has it until {}", moment(until)),
        (None, Some(due)) => format!("{what}, due {}", moment(due)),
        (None, None) => what.to_owned(),
    }
}

fn of_turn(execution: &ExecutionState, fact: &mut impl FnMut(&str, String)) {
    fact("calls", execution.calls.to_string());
    fact("seen", execution.seen.clone().unwrap_or_default());
    let doubt = execution.doubt.as_ref();
    fact("in doubt", doubt.map(|doubt| doubt.cause.clone()).unwrap_or_default());
    let failure = execution.last_failure.as_ref().filter(|_| execution.failures > 0);
    fact("failing", failure.map(ToString::to_string).unwrap_or_default());
    fact("result", result(&execution.result));
    fact("handle", execution.handle.as_ref().map(Value::to_string).unwrap_or_default());
}

fn of_outcome(outcome: &Outcome, fact: &mut impl FnMut(&str, String)) {
    fact("calls", outcome.attempts.to_string());
    fact("result", result(&outcome.result));
    fact("handle", outcome.handle.as_ref().map(Value::to_string).unwrap_or_default());
    if let Some(error) = &outcome.error {
        fact("error", format!("{}: {}", error.code, error.message));
        fact("advice", error.advice.clone());
    }
    fact("requests", outcome.provider_reply.request_ids.join(", "));
}

fn of_job(job: &Job, fact: &mut impl FnMut(&str, String)) {
    fact("not before", job.not_before.map(moment).unwrap_or_default());
    fact("deadline", job.deadline.map(moment).unwrap_or_default());
    fact("params", job.params.to_string());
    fact("metadata", job.metadata.as_ref().map(Value::to_string).unwrap_or_default());
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::job::HistoryEntry;
    use crate::ledger::CrashCount;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn polling() -> JobRecord {
        let job = json!({
            "id": "chg-1", "operation": "dms.CreateOrder", "kind": "create", "account": "dms-prod",
            "params": {"Comment": "x".repeat(200)}, "until": "finished", "received_at": at(0),
        });
        let execution = json!({
            "request": {"poll": 17}, "calls": 1, "handle": {"order_id": 17}, "seen": "toaudit",
            "result": {"order_ids": [17]},
        });
        JobRecord {
            job: serde_json::from_value(job).unwrap(),
            fingerprint: "f".to_owned(),
            state: serde_json::from_value(
                json!({ "phase": "waiting", "execution": execution, "due": at(60) }),
            )
            .unwrap(),
            held_until: None,
            due: Some(at(60)),
            crashes: CrashCount::default(),
            cancelled: true,
            history: vec![
                HistoryEntry::new(at(1), "started", ""),
                HistoryEntry::new(at(2), "progress", "\u{1b}é"),
            ],
        }
    }

    #[test]
    fn a_job_is_shown_with_what_it_waits_for_and_what_happened() {
        let text = text(&polling(), at(10));
        for line in [
            "chg-1  polling",
            "  operation  dms.CreateOrder on dms-prod",
            "  waits      to look how far it is, due 2027-01-15 08:01:00",
            "  result     order 17",
            "  handle     {\"order_id\":17}",
            "  2027-01-15 08:00:02  progress   \\u001bé",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
        }
        assert!(text.contains("  cancelled  it is to end"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn what_went_wrong_is_told_to_its_end() {
        let told = "word ".repeat(60) + "\u{1b}end.";
        let outcome = json!({
            "kind": "unknown", "attempts": 1, "result": null, "times": {},
            "error": { "code": "Lost", "message": told, "class": "ambiguous", "advice": told },
        });
        let state = json!({ "phase": "done", "outcome": outcome });
        let done = JobRecord { state: serde_json::from_value(state).unwrap(), ..polling() };
        let text = text(&done, at(10));
        assert_eq!(text.matches("word").count(), 120, "{text}");
        assert_eq!(text.matches("\\u001bend.").count(), 2, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn a_claim_is_shown_while_it_holds() {
        let held = JobRecord { held_until: Some(at(30)), ..polling() };
        assert!(text(&held, at(29)).contains("a worker has it until 2027-01-15 08:00:30"));
        assert!(!text(&held, at(31)).contains("a worker has it"));
    }

    #[test]
    fn machines_get_the_same_facts_as_people() {
        let json = as_json(&polling());
        assert_eq!(json["status"], "polling");
        assert_eq!(json["state"]["execution"]["handle"]["order_id"], 17);
        assert_eq!(json["history"][0]["what"], "started");
    }
}
