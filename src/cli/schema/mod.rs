//! `ticketd schema job|event|asyncapi`. The documents are generated from the types.

mod asyncapi;
mod embeddable;
mod event;
mod job;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use crate::cli::output::print_error;
use crate::config::{ConfigProblems, EX_CONFIG, Settings};
use crate::job::Catalogue;

#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub(super) enum Command {
    /// JSON Schema of a job message
    Job,
    /// JSON Schema of a result event
    Event,
    /// AsyncAPI 3 document of exchanges, queues and messages, with the configured names
    Asyncapi,
}

/// Prints a document. Only AsyncAPI depends on the configuration, so only there it is read.
pub(super) fn run(
    command: Command,
    catalogue: &Catalogue,
    settings: impl FnOnce() -> std::result::Result<Settings, ConfigProblems>,
) -> Result<ExitCode> {
    let document = match command {
        Command::Job => standalone(job::schema(catalogue)),
        Command::Event => standalone(event::schema()),
        Command::Asyncapi => match settings() {
            Ok(settings) => asyncapi::document(catalogue, &settings.broker)?,
            Err(problems) => {
                print_error(problems);
                return Ok(ExitCode::from(EX_CONFIG));
            }
        },
    };
    writeln!(std::io::stdout(), "{document:#}")?;
    Ok(ExitCode::SUCCESS)
}

/// Adds the JSON Schema dialect.
fn standalone(mut schema: Value) -> Value {
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema
}
