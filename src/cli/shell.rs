//! `ticketd completions` and `ticketd man`: what shells and people are told of the program.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::Cli;

/// For which shell.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// bash, elvish, fish, powershell or zsh
    shell: Shell,
}

/// Where manual pages go.
#[derive(Debug, clap::Args)]
pub struct Man {
    /// A folder for the pages of all commands; without it the main page goes to standard output
    folder: Option<PathBuf>,
}

/// Prints a script that completes commands and options.
pub fn completions(arguments: Completions) -> ExitCode {
    let mut command = Cli::command();
    clap_complete::generate(arguments.shell, &mut command, NAME, &mut std::io::stdout());
    ExitCode::SUCCESS
}

/// Writes the manual.
pub fn man(arguments: Man) -> Result<ExitCode> {
    let command: Command = Cli::command();
    match arguments.folder {
        Some(folder) => {
            std::fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(command, &folder))
                .with_context(|| format!("pages can't be written to {}", folder.display()))?;
        }
        None => clap_mangen::Man::new(command)
            .render(&mut std::io::stdout())
            .context("the page can't be written")?,
    }
    Ok(ExitCode::SUCCESS)
}

const NAME: &str = "ticketd";
