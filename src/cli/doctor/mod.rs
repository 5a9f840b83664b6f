//! `ticketd doctor`: checks everything a worker needs.

mod check_result;
mod checks;

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use self::check_result::CheckStatus;
use super::output::LineWidth;
use crate::config::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs every check, also after an error. Exit code 1 if there is an error.
pub(super) async fn run(arguments: Arguments, settings: Settings) -> Result<ExitCode> {
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
