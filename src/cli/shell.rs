//! `ticketd completions` and `ticketd man`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Command;
use clap_complete::Shell;

const NAME: &str = "ticketd";

#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// bash, elvish, fish, powershell or zsh
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// The folder for the pages of all commands; without it, the main page goes to standard output
    folder: Option<PathBuf>,
}

pub(super) fn completions(arguments: Completions, mut program: Command) -> ExitCode {
    clap_complete::generate(arguments.shell, &mut program, NAME, &mut std::io::stdout());
    ExitCode::SUCCESS
}

pub(super) fn man(arguments: Man, program: Command) -> Result<ExitCode> {
    match arguments.folder {
        Some(folder) => {
            std::fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(program, &folder))
                .with_context(|| format!("cannot write the pages to {}", folder.display()))?;
        }
        None => clap_mangen::Man::new(program)
            .render(&mut std::io::stdout())
            .context("cannot write the page")?,
    }
    Ok(ExitCode::SUCCESS)
}
