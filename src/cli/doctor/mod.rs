//! `ticketd doctor`: checks everything a worker needs.

mod checks;

use std::process::ExitCode;

use anstyle::Style;
use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use super::output::{LineWidth, pad, state_style};
use crate::config::Settings;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum CheckStatus {
    Ok,
    /// Workers run, but a person should look at it.
    Warning,
    /// Workers do not run, or cannot run some of their jobs.
    Error,
}

#[derive(Clone, Debug, Serialize)]
struct CheckResult {
    status: CheckStatus,
    /// What was checked.
    name: String,
    /// What was found and, if something is wrong, what to do.
    message: String,
}

impl CheckResult {
    fn new(status: CheckStatus, name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, name: name.into(), message: message.into() }
    }

    fn ok(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CheckStatus::Ok, name, message)
    }

    fn warning(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CheckStatus::Warning, name, message)
    }

    fn error(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CheckStatus::Error, name, message)
    }

    fn render(&self, width: LineWidth) -> String {
        let (word, style): (&str, Style) = match self.status {
            CheckStatus::Ok => ("ok", state_style("succeeded")),
            CheckStatus::Warning => ("warning", state_style("expired")),
            CheckStatus::Error => ("ERROR", state_style("failed")),
        };
        let status = pad(&format!("{style}{word}{style:#}"), 7);
        let label = format!("{status}  {:<22}  ", self.name);
        let indent = pad("", 7).len() + 2 + self.name.chars().count().max(22) + 2;
        width.wrap(&label, indent, &self.message)
    }
}

/// Runs every check, also after an error. Exit code 1 if there is an error.
pub async fn run(arguments: Arguments, settings: Settings) -> Result<ExitCode> {
    let mut results = vec![checks::configuration(&settings)];
    results.extend(checks::broker(&settings).await);
    results.extend(checks::ledger(&settings).await);
    results.push(checks::admin(&settings).await);
    results.extend(checks::accounts(&settings).await?);
    let failed = results.iter().any(|result| result.status == CheckStatus::Error);
    if arguments.json {
        println!("{:#}", json!({ "ok": !failed, "checks": results }));
    } else {
        let width = LineWidth::of_stdout();
        for result in &results {
            anstream::println!("{}", result.render(width));
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    fn check(message: &str) -> CheckResult {
        CheckResult::error("broker", message)
    }

    #[test]
    fn a_long_message_is_wrapped_to_the_terminal_and_whole_in_a_pipe() {
        let message = "no broker answers at amqp://guest@127.0.0.1:1/%2f: start RabbitMQ there, or \
                       correct broker.url: IO error: connection refused by the operating system";
        for width in [80, 100] {
            let line = strip_str(&check(message).render(LineWidth::Columns(width))).to_string();
            assert!(line.lines().count() > 1, "{line}");
            assert!(line.lines().all(|line| line.chars().count() <= width), "{line}");
            assert_eq!(line.split_whitespace().collect::<Vec<_>>()[2..].join(" "), message);
        }
        let piped = strip_str(&check(message).render(LineWidth::Unlimited)).to_string();
        assert!(piped.ends_with(message) && piped.lines().count() == 1, "{piped}");
    }

    #[test]
    fn a_chinese_message_fits_the_terminal() {
        let refusal = "您没有权限执行该操作,请联系数据库管理员申请变更权限".repeat(5);
        for width in [80, 100, 200] {
            let line = check(&refusal).render(LineWidth::Columns(width));
            assert!(line.lines().all(|line| textwrap::core::display_width(line) <= width));
        }
    }
}
