//! `ticketd jobs list`.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::cli::show::{cut, moment, print};
use crate::job::{Kind, Status};
use crate::ledger::{Filter, JobSummary, Ledger};

/// Which jobs are listed.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only jobs that stand there, separated by commas: waiting, retrying, probing, polling,
    /// asking, reporting, succeeded, failed, unknown, expired, cancelled
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
    /// How many at most
    #[arg(long, default_value_t = 50, conflicts_with = "all")]
    limit: u32,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Write JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Lists jobs.
pub async fn run(arguments: Arguments, ledger: &dyn Ledger) -> Result<ExitCode> {
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
    print(&table(&found));
    if limit.is_some_and(|limit| found.len() == limit as usize) {
        eprintln!("these are the last changed; --limit or --all shows more");
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

fn table(jobs: &[JobSummary]) -> String {
    if jobs.is_empty() {
        return "no such jobs\n".to_owned();
    }
    let widest = jobs.iter().map(|job| job.id.as_str().len()).max().unwrap_or_default();
    let width = widest.clamp(2, 36);
    let mut table =
        format!("{:<width$}  {:<9}  {:<19}  {:<19}  operation\n", "id", "status", "changed", "due");
    for job in jobs {
        let due = job.due.map(moment).unwrap_or_default();
        let line = format!(
            "{:<width$}  {:<9}  {:<19}  {due:<19}  {} ({})",
            job.id.as_str(),
            job.status.as_str(),
            moment(job.changed_at),
            job.operation,
            job.account
        );
        // Writing to a text does not fail.
        let _ = writeln!(table, "{}", cut(&line));
    }
    table
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::cli::show::WIDTH;

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
    fn a_table_says_where_each_job_stands_within_the_width() {
        let table = table(&[summary("chg-1"), summary(&"x".repeat(128))]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].contains("polling    2027-01-15 07:59:50  2027-01-15 08:00:00  dms."));
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{table}");
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn machines_get_the_same_facts_as_people() {
        let json: serde_json::Value = serde_json::from_str(&as_json(&summary("chg-1"))).unwrap();
        let expected = json!({
            "id": "chg-1", "status": "polling", "operation": "dms.CreateFreeLockCorrectOrder",
            "kind": "create", "account": "dms-prod", "due": "2027-01-15T08:00:00Z",
            "changed_at": "2027-01-15T07:59:50Z",
        });
        assert_eq!(json, expected);
    }
}
