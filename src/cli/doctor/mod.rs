//! `ticketd doctor`: one screen of what is right and what is wrong.

mod checks;

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use super::show::{PLAIN, in_colour, paint, wrapped};
use crate::config::Settings;

/// What `ticketd doctor` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// How a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum OutcomeKind {
    /// As it should be.
    Ok,
    /// A person should look at it; workers run.
    Look,
    /// Workers can't run, or not all of their jobs.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    kind: OutcomeKind,
    /// What was looked at.
    what: String,
    /// What was found and, where something is wrong, what to do.
    said: String,
}

impl Finding {
    fn new(kind: OutcomeKind, what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { kind, what: what.into(), said: said.into() }
    }

    fn line(&self) -> String {
        let (word, like) = match self.kind {
            OutcomeKind::Ok => ("ok", "succeeded"),
            OutcomeKind::Look => ("look", "expired"),
            OutcomeKind::Wrong => ("WRONG", "failed"),
        };
        let before = format!("{word:<5}  {:<22}  ", self.what);
        let line = format!("{before}{}", wrapped(&self.said, before.chars().count()));
        match paint(like).filter(|_| in_colour()) {
            Some(paint) => line.replacen(word, &format!("{paint}{word}{PLAIN}"), 1),
            None => line,
        }
    }
}

/// Looks at everything, whatever is wrong with the rest. Exit code 1 if something is.
pub async fn run(arguments: Arguments, settings: Settings) -> Result<ExitCode> {
    let mut findings = vec![checks::configuration(&settings)];
    findings.extend(checks::broker(&settings).await);
    findings.extend(checks::ledger(&settings).await);
    findings.push(checks::admin(&settings).await);
    findings.extend(checks::accounts(&settings).await?);
    let wrong = findings.iter().any(|finding| finding.kind == OutcomeKind::Wrong);
    if arguments.json {
        println!("{:#}", json!({ "ok": !wrong, "findings": findings }));
    } else {
        for finding in &findings {
            println!("{}", finding.line());
        }
    }
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::show::WIDTH;

    #[test]
    fn a_long_finding_fits_a_terminal() {
        let said = "no broker answers at amqp://guest@127.0.0.1:1/%2f: start RabbitMQ there, or \
                    correct broker.url: IO error: connection refused by whoever is there";
        let line = Finding::new(OutcomeKind::Wrong, "broker", said).line();
        assert!(line.lines().count() > 1, "{line}");
        assert!(line.lines().all(|line| line.chars().count() <= WIDTH), "{line}");
        assert_eq!(line.split_whitespace().collect::<Vec<_>>()[2..].join(" "), said);
    }
}
