//! `ticketd schema job|event|asyncapi`: made from the types, so it says what the program does.

mod asyncapi;
mod event;
mod job;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::config::{EX_CONFIG, Problems, Settings};
use crate::job::Catalogue;

/// Which document.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub enum Command {
    /// JSON Schema of a job message
    Job,
    /// JSON Schema of a result event
    CloudEvent,
    /// AsyncAPI 3 document of exchanges, queues and messages, under the names configured here
    Asyncapi,
}

/// Prints a document. Only one of them depends on the configuration, so only that one reads it.
pub fn run(
    command: Command,
    catalogue: &Catalogue,
    settings: impl FnOnce() -> std::result::Result<Settings, Problems>,
) -> Result<ExitCode> {
    let document = match command {
        Command::Job => standalone(job::schema(catalogue)),
        Command::CloudEvent => standalone(event::schema()),
        Command::Asyncapi => match settings() {
            Ok(settings) => asyncapi::document(catalogue, &settings.broker)?,
            Err(problems) => {
                eprintln!("{problems}");
                return Ok(ExitCode::from(EX_CONFIG));
            }
        },
    };
    writeln!(std::io::stdout(), "{document:#}")?;
    Ok(ExitCode::SUCCESS)
}

/// A schema that says by itself which JSON Schema it is written in.
fn standalone(mut schema: Value) -> Value {
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema
}

/// No `$ref` and no `$schema`, so that a schema means the same wherever it is put.
fn plain() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    })
}
