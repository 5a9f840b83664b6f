//! `ticketd events`.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use super::output::{LineWidth, OutputRow, escape, print_error};
use crate::broker::{Broker, Error};
use crate::config::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A topic pattern over KIND.OPERATION.STATE, such as "#.failed"
    #[arg(default_value = "#")]
    key: String,
    /// Print each event as JSON on one line
    #[arg(long)]
    json: bool,
}

/// Follows events until interrupted.
pub(super) async fn run(arguments: Arguments, settings: Settings) -> Result<ExitCode> {
    let broker = Broker::connect(&settings.broker).await?;
    let mut stream = broker.follow_events(&arguments.key).await?;
    loop {
        let received = tokio::select! {
            received = stream.next() => received,
            _ = tokio::signal::ctrl_c() => break,
        };
        let message = match received {
            Ok(message) => message,
            Err(error @ Error::Lost { .. }) => {
                print_error(format!("{error}; events may be missing here"));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if arguments.json {
            println!("{}", one_line(&message.body));
        } else {
            let event: Value = serde_json::from_slice(&message.body).unwrap_or_default();
            let row = OutputRow::from_event(&event).render(LineWidth::of_stdout());
            anstream::println!("{row}");
        }
    }
    broker.close().await;
    Ok(ExitCode::SUCCESS)
}

/// JSON on one line. Line ends outside of strings are spaces; inside, JSON escapes them already.
fn one_line(body: &[u8]) -> String {
    escape(&String::from_utf8_lossy(body).replace(['\n', '\r', '\t'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formatted_event_becomes_one_line_of_the_same_json() {
        let body = "{\n\t\"a\": \"\u{9b}2J\\n\"\r\n}";
        let line = one_line(body.as_bytes());
        assert!(!line.contains(char::is_control), "{line:?}");
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        assert_eq!(parse(&line), parse(body));
        assert_eq!(parse(&line)["a"], "\u{9b}2J\n");
    }
}
