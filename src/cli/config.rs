//! `ticketd config check|print`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::config::{self, EX_CONFIG, Examined, Layer, Settings};

/// Look at the configuration; secrets are never printed.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Say whether the configuration is fine, or everything that is wrong with it
    Check {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Show every setting that takes effect, and which file or variable set it
    Print {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the subcommand on this process's environment. A configuration that is wrong ends in the
/// exit code [`EX_CONFIG`]; an error means that nothing could be written.
pub fn run(command: &Command, files: &[PathBuf], known_operations: &[&str]) -> Result<ExitCode> {
    let layers: Vec<Layer> = files.iter().cloned().map(Layer::File).collect();
    let examined = config::examine(&layers, config::process_environment(), known_operations);
    write(command, &examined, &mut std::io::stdout(), &mut std::io::stderr())?;
    Ok(if examined.settings.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(EX_CONFIG) })
}

fn write(
    command: &Command,
    examined: &Examined,
    out: &mut impl Write,
    trouble: &mut impl Write,
) -> std::io::Result<()> {
    let problems = examined.settings.as_ref().err();
    match command {
        Command::Check { json: true } => {
            let accounts = examined.settings.as_ref().map(names).unwrap_or_default();
            let ok = problems.is_none();
            let problems = problems.map(|problems| problems.0.as_slice()).unwrap_or_default();
            writeln!(out, "{:#}", json!({ "ok": ok, "accounts": accounts, "problems": problems }))
        }
        Command::Print { json: true } => {
            let problems = problems.map(|problems| problems.0.as_slice()).unwrap_or_default();
            let whole = json!({ "settings": examined.values, "problems": problems });
            writeln!(out, "{whole:#}")
        }
        Command::Check { json: false } => match &examined.settings {
            Ok(settings) => writeln!(out, "configuration is fine: {}", summary(settings)),
            Err(problems) => writeln!(trouble, "{problems}"),
        },
        Command::Print { json: false } => {
            write!(out, "{}", config::as_toml(&examined.values))?;
            match problems {
                Some(problems) => writeln!(trouble, "{problems}"),
                None => Ok(()),
            }
        }
    }
}

fn names(settings: &Settings) -> Vec<&str> {
    settings.accounts.iter().map(|account| account.name.as_str()).collect()
}

fn summary(settings: &Settings) -> String {
    match names(settings).as_slice() {
        [] => "no accounts".to_owned(),
        [only] => format!("1 account ({only})"),
        several => format!("{} accounts ({})", several.len(), several.join(", ")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// What is written to the terminal, and what is said about trouble.
    fn said(command: &Command, toml: &str) -> (String, String) {
        let layer = Layer::Text { name: "a.toml".to_owned(), toml: toml.to_owned() };
        let secret = [("SECRET".to_owned(), "c4n4ry".to_owned())];
        let examined = config::examine(&[layer], secret, &["dms.CreateOrder"]);
        let (mut out, mut trouble) = (Vec::new(), Vec::new());
        write(command, &examined, &mut out, &mut trouble).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(trouble).unwrap())
    }

    const ACCOUNT: &str = "[accounts.dms]\nprovider = \"alibaba\"\nregion = \"cn-hangzhou\"\n\
        access_key_id = { env = \"SECRET\" }\naccess_key_secret = { env = \"SECRET\" }\n";

    #[test]
    fn a_configuration_that_is_fine_is_said_to_be_so() {
        let check = Command::Check { json: false };
        let (none, _) = said(&check, "");
        assert_eq!(none, "configuration is fine: no accounts\n");
        let (one, trouble) = said(&check, ACCOUNT);
        assert_eq!(one, "configuration is fine: 1 account (dms)\n");
        assert_eq!(trouble, "");
    }

    #[test]
    fn problems_are_told_to_people_and_to_machines() {
        let toml = "[http]\ntimeout = 5\n[nonsense]";
        let (out, trouble) = said(&Command::Check { json: false }, toml);
        assert_eq!((out.as_str(), trouble.lines().count()), ("", 2));
        let (json, trouble) = said(&Command::Check { json: true }, toml);
        assert_eq!(trouble, "");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["ok"], false);
        assert_eq!(json["problems"][0]["key"], "http.timeout");
        assert_eq!(json["problems"][0]["set_in"], "a.toml");
    }

    #[test]
    fn what_is_printed_is_toml_without_secrets_that_fits_a_terminal() {
        let (toml, _) = said(&Command::Print { json: false }, ACCOUNT);
        assert!(toml.contains("[accounts.dms]\nprovider = \"alibaba\""), "{toml}");
        assert!(toml.contains("amqp://guest:***@127.0.0.1:5672/%2f"), "{toml}");
        assert!(toml.contains("# variable SECRET, a.toml"), "{toml}");
        assert!(!toml.contains("c4n4ry"), "{toml}");
        assert!(toml.lines().all(|line| line.len() <= 100), "{toml}");
        // It can be read again, but for the secrets.
        let (_, trouble) = said(&Command::Check { json: false }, &toml);
        assert_eq!(trouble.lines().count(), 2, "{trouble}");
        let (json, _) = said(&Command::Print { json: true }, ACCOUNT);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let lease = serde_json::json!(
            { "key": "ledger.lease", "value": "2m", "set_in": "default.toml, built in" }
        );
        assert!(json["settings"].as_array().unwrap().contains(&lease), "{json}");
    }
}
