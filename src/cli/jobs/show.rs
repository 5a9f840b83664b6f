//! `ticketd jobs show`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::output::{LineWidth, format_result, format_time, print};
use crate::job::{ExecutionState, Job, JobId, Outcome, State, Status};
use crate::ledger::{JobRecord, Ledger};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The id of the job
    id: JobId,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments, ledger: &dyn Ledger) -> Result<ExitCode> {
    let Some(record) = ledger.find(&arguments.id).await? else {
        bail!(
            "job {} is not in the ledger: it is still in its queue, was rejected, or was \
             deleted after ledger.retention",
            arguments.id
        );
    };
    if arguments.json {
        print(&format!("{:#}\n", as_json(&record)));
    } else {
        print(&text(&record, Timestamp::now(), LineWidth::of_stdout()));
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

/// The width of a fact's name.
const NAME_WIDTH: usize = 11;

/// Facts that are wrapped, not truncated: a person has to read the whole text.
const WHOLE: [&str; 4] = ["error", "advice", "in doubt", "failing"];

fn text(record: &JobRecord, now: Timestamp, width: LineWidth) -> String {
    let JobRecord { job, state, .. } = record;
    let mut lines = vec![width.truncate(&format!("{}  {}", job.id, state.status()))];
    let mut fact = |name: &str, value: String| {
        let label = format!("  {name:<NAME_WIDTH$}");
        if value.is_empty() {
            return;
        }
        if WHOLE.contains(&name) {
            lines.push(width.wrap(&label, label.len(), &value));
        } else {
            lines.push(format!("{label}{}", width.beside(&label).truncate(&value)));
        }
    };
    fact("operation", format!("{} on {}", job.operation, job.account));
    fact("waits", waits(record, now));
    if record.cancelled && record.due.is_some() {
        fact("cancelled", "it ends when no request is in progress".to_owned());
    }
    match state {
        State::Waiting { execution, .. } | State::Asking { execution, .. } => {
            execution_facts(execution, &mut fact);
        }
        State::Reporting { outcome } | State::Done { outcome } => outcome_facts(outcome, &mut fact),
    }
    job_facts(job, &mut fact);
    lines.push("history".to_owned());
    lines.push(format!("  {}  received", format_time(job.received_at)));
    for entry in &record.history {
        let line = format!("  {}  {:<9}  {}", format_time(entry.at), entry.what, entry.detail);
        lines.push(width.truncate(line.trim_end()));
    }
    lines.join("\n") + "\n"
}

fn waits(record: &JobRecord, now: Timestamp) -> String {
    let what = match record.state.status() {
        Status::Waiting => "for its call",
        Status::Retrying => "for the next try of its call",
        Status::Probing => "to check whether its call took effect",
        Status::Polling => "to check its progress",
        Status::Asking => "for the provider's answer",
        Status::Reporting => "for the broker to confirm its outcome",
        Status::Succeeded
        | Status::Failed
        | Status::Unknown
        | Status::Expired
        | Status::Cancelled
        | Status::Rejected => return String::new(),
    };
    match (record.held_until.filter(|until| *until > now), record.due) {
        (Some(until), _) => format!("{what}; claimed by a worker until {}", format_time(until)),
        (None, Some(due)) => format!("{what}, due {}", format_time(due)),
        (None, None) => what.to_owned(),
    }
}

fn execution_facts(execution: &ExecutionState, fact: &mut impl FnMut(&str, String)) {
    fact("calls", execution.calls.to_string());
    fact("status", execution.seen.clone().unwrap_or_default());
    let doubt = execution.doubt.as_ref();
    fact("in doubt", doubt.map(|doubt| doubt.cause.clone()).unwrap_or_default());
    let failure = execution.last_failure.as_ref().filter(|_| execution.failures > 0);
    fact("failing", failure.map(ToString::to_string).unwrap_or_default());
    fact("result", format_result(&execution.result));
    fact("handle", execution.handle.as_ref().map(Value::to_string).unwrap_or_default());
}

fn outcome_facts(outcome: &Outcome, fact: &mut impl FnMut(&str, String)) {
    fact("calls", outcome.attempts.to_string());
    fact("result", format_result(&outcome.result));
    fact("handle", outcome.handle.as_ref().map(Value::to_string).unwrap_or_default());
    if let Some(error) = &outcome.error {
        fact("error", format!("{}: {}", error.code, error.message));
        fact("advice", error.advice.clone());
    }
    fact("requests", outcome.provider_reply.request_ids.join(", "));
}

fn job_facts(job: &Job, fact: &mut impl FnMut(&str, String)) {
    fact("not before", job.not_before.map(format_time).unwrap_or_default());
    fact("deadline", job.deadline.map(format_time).unwrap_or_default());
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
    fn a_job_is_shown_with_what_it_waits_for_and_its_history() {
        let text = text(&polling(), at(10), LineWidth::Columns(100));
        for line in [
            "chg-1  polling",
            "  operation  dms.CreateOrder on dms-prod",
            "  waits      to check its progress, due 2027-01-15 08:01:00",
            "  result     order 17",
            "  handle     {\"order_id\":17}",
            "  2027-01-15 08:00:02  progress   \\u001bé",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
        }
        assert!(text.contains("  cancelled  it ends when"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    fn unknown(text: &str) -> JobRecord {
        let outcome = json!({
            "kind": "unknown", "attempts": 1, "result": null, "times": {},
            "error": { "code": "Lost", "message": text, "class": "ambiguous", "advice": text },
        });
        let state = json!({ "phase": "done", "outcome": outcome });
        JobRecord { state: serde_json::from_value(state).unwrap(), ..polling() }
    }

    #[test]
    fn an_error_and_its_advice_are_shown_whole() {
        let words = "word ".repeat(60) + "\u{1b}end.";
        let text = text(&unknown(&words), at(10), LineWidth::Columns(100));
        assert_eq!(text.matches("word").count(), 120, "{text}");
        assert_eq!(text.matches("\\u001bend.").count(), 2, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn a_chinese_error_fits_the_terminal_and_is_one_line_in_a_pipe() {
        let refusal = "您没有权限执行该操作,请联系数据库管理员申请变更权限".repeat(5);
        for width in [80, 100, 200] {
            let text = text(&unknown(&refusal), at(10), LineWidth::Columns(width));
            for line in text.lines() {
                assert!(textwrap::core::display_width(line) <= width, "{width}: {line}");
            }
            assert_eq!(text.matches('您').count(), 10, "{text}");
        }
        let piped = text(&unknown(&refusal), at(10), LineWidth::Unlimited);
        assert!(piped.lines().any(|line| line.ends_with(&refusal)), "{piped}");
    }

    #[test]
    fn a_claim_is_shown_until_it_expires() {
        let held = JobRecord { held_until: Some(at(30)), ..polling() };
        let text = |now| text(&held, now, LineWidth::Columns(100));
        assert!(text(at(29)).contains("claimed by a worker until 2027-01-15 08:00:30"));
        assert!(!text(at(31)).contains("claimed by a worker"));
    }

    #[test]
    fn json_has_the_same_facts_as_the_text() {
        let json = as_json(&polling());
        assert_eq!(json["status"], "polling");
        assert_eq!(json["state"]["execution"]["handle"]["order_id"], 17);
        assert_eq!(json["history"][0]["what"], "started");
    }
}
