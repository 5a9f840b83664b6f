//! `ticketd events`.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use super::show::{Line, in_colour, plain};
use crate::broker::{Broker, Error};
use crate::config::Settings;

/// What `ticketd events` can be told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which events: a topic pattern over KIND.OPERATION.STATE, such as "#.failed"
    #[arg(default_value = "#")]
    key: String,
    /// Write the events as they are, one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Follows events until interrupted.
pub async fn run(arguments: Arguments, settings: Settings) -> Result<ExitCode> {
    let broker = Broker::connect(&settings.broker).await?;
    let mut feed = broker.follow_events(&arguments.key).await?;
    loop {
        let published = tokio::select! {
            published = feed.next() => published,
            _ = tokio::signal::ctrl_c() => break,
        };
        let published = match published {
            Ok(published) => published,
            Err(error @ Error::Lost { .. }) => {
                eprintln!("{}", plain(&format!("{error}; events may be missing here")));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if arguments.json {
            println!("{}", one_line(&published.body));
        } else {
            let event: Value = serde_json::from_slice(&published.body).unwrap_or_default();
            println!("{}", Line::of(&event).written(in_colour()));
        }
    }
    broker.close().await;
    Ok(ExitCode::SUCCESS)
}

/// JSON on one line: outside of its texts, where they are escaped, line ends are but spaces.
fn one_line(body: &[u8]) -> String {
    plain(&String::from_utf8_lossy(body).replace(['\n', '\r', '\t'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_the_same_json() {
        let body = "{\n\t\"a\": \"\u{9b}2J\\n\"\r\n}";
        let line = one_line(body.as_bytes());
        assert!(!line.contains(char::is_control), "{line:?}");
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        assert_eq!(read(&line), read(body));
        assert_eq!(read(&line)["a"], "\u{9b}2J\n");
    }
}
