//! One event as one line.

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::escape::escape;
use super::line_width::{LineWidth, pad};

/// The states that end a job.
pub(crate) const OUTCOMES: [&str; 6] =
    ["succeeded", "failed", "unknown", "expired", "cancelled", "rejected"];

const TIME_WIDTH: usize = 8;
const JOB_WIDTH: usize = 14;
const STATE_WIDTH: usize = 9;

/// Longer job ids are truncated on a terminal, so that the state stays visible.
const MAX_JOB_WIDTH: usize = 24;

/// Where the operation and the summary begin, unless the job's id is long.
pub(crate) const SUMMARY_COLUMN: usize = TIME_WIDTH + 2 + JOB_WIDTH + 2 + STATE_WIDTH + 2;

/// An event of a job, as a person reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutputRow {
    /// The time of day, or the seconds since a start.
    pub time: String,
    pub job: String,
    pub state: String,
    /// Empty where an earlier row of the job has it.
    pub operation: String,
    /// The error, the provider's status or the result.
    pub summary: String,
}

impl OutputRow {
    pub(crate) fn from_event(event: &Value) -> Self {
        let data = &event["data"];
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        Self {
            time: event["time"].as_str().and_then(|t| t.get(11..19)).unwrap_or("-").to_owned(),
            job: text(&data["job_id"]),
            state: text(&data["state"]),
            operation: text(&data["operation"]),
            summary: summary(data),
        }
    }

    /// The row on one line, truncated to the width.
    pub(crate) fn render(&self, width: LineWidth) -> String {
        let job = width.at_most(MAX_JOB_WIDTH).truncate(&self.job);
        let time = width.at_most(TIME_WIDTH).truncate(&self.time);
        let (style, state) = (state_style(&self.state), escape(&self.state));
        let state = pad(&format!("{style}{state}{style:#}"), STATE_WIDTH);
        let before = format!("{time:>TIME_WIDTH$}  {}  {state}  ", pad(&job, JOB_WIDTH));
        let gap = if self.operation.is_empty() { "" } else { "  " };
        let rest = format!("{}{gap}{}", self.operation, self.summary);
        let rest = width.beside(&before).truncate(&rest);
        format!("{before}{rest}").trim_end().to_owned()
    }
}

/// Green for success, red for a failure, yellow for what was retried or stopped.
pub(crate) fn state_style(state: &str) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match state {
        "succeeded" => colour(AnsiColor::Green),
        "failed" | "unknown" | "rejected" => colour(AnsiColor::Red),
        "retrying" | "doubtful" | "expired" | "cancelled" => colour(AnsiColor::Yellow),
        "sent" | "started" => Style::new().dimmed(),
        _ => Style::new(),
    }
}

/// The most important part of an event: its error, else the provider's status, else its result.
fn summary(data: &Value) -> String {
    if let Some(code) = data["error"]["code"].as_str() {
        let message = data["error"]["message"].as_str().unwrap_or_default();
        return format!("{code}: {message}");
    }
    if let Some(status) = data["provider"]["status"].as_str() {
        return status.to_owned();
    }
    format_result(&data["result"])
}

/// A result in words, not in JSON: `order 17`, `packages 23 deployed, 24 deployed`.
pub(crate) fn format_result(result: &Value) -> String {
    let Value::Object(fields) = result else { return String::new() };
    // The tickets contain the order ids.
    let repeated = |name: &str| name == "order_ids" && fields.contains_key("tickets");
    let phrases = fields.iter().filter(|(name, _)| !repeated(name)).map(|(name, value)| {
        let name = name.replace('_', " ");
        let noun = name.strip_suffix(" ids").or(name.strip_suffix(" id")).unwrap_or(&name);
        match value {
            Value::Bool(true) => name,
            Value::Array(items) => {
                let singular = noun.strip_suffix('s').unwrap_or(noun);
                let ending = if items.len() == 1 { "" } else { "s" };
                let items: Vec<String> =
                    items.iter().map(|item| format_item(item, singular)).collect();
                format!("{singular}{ending} {}", items.join(", "))
            }
            other => format!("{noun} {}", format_item(other, noun)),
        }
    });
    phrases.collect::<Vec<_>>().join(", ")
}

/// A value of a result. Of an object, its id and its status.
fn format_item(value: &Value, noun: &str) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let own = fields.get(&format!("{noun}_id"));
            let id = own.or_else(|| Some(fields.iter().find(|(name, _)| name.ends_with("_id"))?.1));
            let parts = [id, fields.get("status")].into_iter().flatten();
            parts.map(|part| format_item(part, noun)).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}
