//! `ticketd completions` and `ticketd man`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::Cli;

const NAME: &str = "ticketd";

#[derive(Debug, clap::Args)]
pub struct Completions {
    /// bash, elvish, fish, powershell or zsh
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub struct Man {
    /// The folder for the pages of all commands; without it, the main page goes to standard output
    folder: Option<PathBuf>,
}

pub fn completions(arguments: Completions) -> ExitCode {
    let mut command = Cli::command();
    clap_complete::generate(arguments.shell, &mut command, NAME, &mut std::io::stdout());
    ExitCode::SUCCESS
}

pub fn man(arguments: Man) -> Result<ExitCode> {
    let command: Command = Cli::command();
    match arguments.folder {
        Some(folder) => {
            std::fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(command, &folder))
                .with_context(|| format!("cannot write the pages to {}", folder.display()))?;
        }
        None => clap_mangen::Man::new(command)
            .render(&mut std::io::stdout())
            .context("cannot write the page")?,
    }
    Ok(ExitCode::SUCCESS)
}
