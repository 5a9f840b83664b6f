//! `ticketd jobs list`.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::cli::output::{LineWidth, format_time, print, print_error};
use crate::job::{Kind, Status};
use crate::ledger::{Filter, JobSummary, Ledger};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only jobs with one of these statuses, separated by commas: waiting, retrying, probing,
    /// polling, asking, reporting, succeeded, failed, unknown, expired, cancelled
    #[arg(long, value_name = "STATUS,…", value_delimiter = ',')]
    status: Vec<Status>,
    /// Only jobs of this operation, such as dms.CreateOrder
    #[arg(long)]
    operation: Option<String>,
    /// Only jobs of this kind: create, publish or deploy
    #[arg(long)]
    kind: Option<Kind>,
    /// Only jobs of this account
    #[arg(long)]
    account: Option<String>,
    /// The maximum number of jobs to list
    #[arg(long, default_value_t = 50, conflicts_with = "all")]
    limit: u32,
    /// List all jobs
    #[arg(long)]
    all: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments, ledger: &dyn Ledger) -> Result<ExitCode> {
    let json = arguments.json;
    let limit = (!arguments.all).then_some(arguments.limit);
    let filter = Filter {
        statuses: arguments.status,
        operation: arguments.operation,
        kind: arguments.kind,
        account: arguments.account,
        limit,
    };
    let found = ledger.list(&filter).await?;
    if json {
        print(&found.iter().map(|job| format!("{}\n", as_json(job))).collect::<String>());
        return Ok(ExitCode::SUCCESS);
    }
    print(&table(&found, LineWidth::of_stdout()));
    if limit.is_some_and(|limit| found.len() == limit as usize) {
        print_error("only the last changed jobs are listed; use --limit or --all");
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(job: &JobSummary) -> String {
    json!({
        "id": job.id, "status": job.status, "operation": job.operation, "kind": job.kind,
        "account": job.account, "due": job.due, "changed_at": job.changed_at,
    })
    .to_string()
}

fn table(jobs: &[JobSummary], width: LineWidth) -> String {
    if jobs.is_empty() {
        return "no jobs match\n".to_owned();
    }
    let rows = jobs.iter().map(|job| {
        [
            job.id.to_string(),
            job.status.as_str().to_owned(),
            format_time(job.changed_at),
            job.due.map(format_time).unwrap_or_default(),
            format!("{} ({})", job.operation, job.account),
        ]
    });
    width.table(["id", "status", "changed", "due", "operation"], rows)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn summary(id: &str) -> JobSummary {
        JobSummary {
            id: id.parse().unwrap(),
            operation: "dms.CreateFreeLockCorrectOrder".to_owned(),
            kind: Kind::Create,
            account: "dms-prod".to_owned(),
            status: Status::Polling,
            due: Some(Timestamp::from_second(1_800_000_000).unwrap()),
            changed_at: Timestamp::from_second(1_799_999_990).unwrap(),
        }
    }

    #[test]
    fn a_table_has_one_row_a_job_and_fits_the_terminal() {
        let jobs = [summary("chg-1"), summary(&"x".repeat(128))];
        for width in [80, 100, 200] {
            let table = table(&jobs, LineWidth::Columns(width));
            assert!(table.lines().all(|line| line.chars().count() <= width), "{table}");
        }
        let wide = table(&jobs[..1], LineWidth::Columns(100));
        let columns = "polling  2027-01-15 07:59:50  2027-01-15 08:00:00  dms.";
        assert!(wide.lines().nth(1).unwrap().contains(columns), "{wide}");
        let piped = table(&jobs, LineWidth::Unlimited);
        assert_eq!(piped.lines().count(), 3, "{piped}");
        assert!(piped.contains(&"x".repeat(128)), "{piped}");
    }

    #[test]
    fn json_has_the_same_facts_as_the_table() {
        let json: serde_json::Value = serde_json::from_str(&as_json(&summary("chg-1"))).unwrap();
        let expected = json!({
            "id": "chg-1", "status": "polling", "operation": "dms.CreateFreeLockCorrectOrder",
            "kind": "create", "account": "dms-prod", "due": "2027-01-15T08:00:00Z",
            "changed_at": "2027-01-15T07:59:50Z",
        });
        assert_eq!(json, expected);
    }
}
