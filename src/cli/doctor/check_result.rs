//! The result of one check, as a line and as JSON.

use anstyle::Style;
use serde::Serialize;

use crate::cli::output::{LineWidth, pad, state_style};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckStatus {
    Ok,
    /// Workers run, but a person should look at it.
    Warning,
    /// Workers do not run, or cannot run some of their jobs.
    Error,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct CheckResult {
    pub status: CheckStatus,
    /// What was checked.
    name: String,
    /// What was found and, if something is wrong, what to do.
    message: String,
}

impl CheckResult {
    fn new(status: CheckStatus, name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, name: name.into(), message: message.into() }
    }

    pub(super) fn ok(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CheckStatus::Ok, name, message)
    }

    pub(super) fn warning(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CheckStatus::Warning, name, message)
    }

    pub(super) fn error(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CheckStatus::Error, name, message)
    }

    pub(super) fn render(&self, width: LineWidth) -> String {
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
