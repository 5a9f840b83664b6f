//! `ticketd config check|print`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::output::{self, LineWidth};
use crate::config::{self, ConfigProblem, EX_CONFIG, Layer, LoadReport, Settings};

/// Check or print the configuration; secrets are never printed.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Report every problem of the configuration
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print every effective setting with the file or variable that set it
    Print {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Reads the environment of this process. A wrong configuration ends in exit code [`EX_CONFIG`].
pub fn run(command: &Command, files: &[PathBuf], known_operations: &[&str]) -> Result<ExitCode> {
    let layers: Vec<Layer> = files.iter().cloned().map(Layer::File).collect();
    let report = config::load_with_report(&layers, config::process_environment(), known_operations);
    let printed = format(command, &report, LineWidth::of_stdout());
    output::print(&printed.stdout);
    output::print_error(printed.stderr);
    Ok(if report.settings.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(EX_CONFIG) })
}

struct Printed {
    stdout: String,
    stderr: String,
}

fn format(command: &Command, report: &LoadReport, width: LineWidth) -> Printed {
    let found: &[ConfigProblem] = report.settings.as_ref().err().map_or(&[], |found| &found.0);
    let problems = report.settings.as_ref().err().map(ToString::to_string).unwrap_or_default();
    match command {
        Command::Check { json: true } => {
            let accounts = report.settings.as_ref().map(names).unwrap_or_default();
            let ok = report.settings.is_ok();
            let whole = json!({ "ok": ok, "accounts": accounts, "problems": found });
            Printed { stdout: format!("{whole:#}\n"), stderr: String::new() }
        }
        Command::Print { json: true } => {
            let whole = json!({ "settings": report.values, "problems": found });
            Printed { stdout: format!("{whole:#}\n"), stderr: String::new() }
        }
        Command::Check { json: false } => {
            let line = |settings| {
                width.wrap("", 4, &format!("configuration is valid: {}", summary(settings)))
            };
            let valid = report.settings.as_ref().map(|settings| line(settings) + "\n");
            Printed { stdout: valid.unwrap_or_default(), stderr: problems }
        }
        Command::Print { json: false } => {
            let toml = config::as_toml(&report.values, width.columns());
            Printed { stdout: toml, stderr: problems }
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

    const WIDTH: LineWidth = LineWidth::Columns(100);

    fn print_in(width: LineWidth, command: &Command, toml: &str) -> Printed {
        let layer = Layer::Text { name: "a.toml".to_owned(), toml: toml.to_owned() };
        let secret = [("SECRET".to_owned(), "c4n4ry".to_owned())];
        let report = config::load_with_report(&[layer], secret, &["dms.CreateOrder"]);
        format(command, &report, width)
    }

    fn print(command: &Command, toml: &str) -> Printed {
        print_in(WIDTH, command, toml)
    }

    const ACCOUNT: &str = "[accounts.dms]\nprovider = \"alibaba\"\nregion = \"cn-hangzhou\"\n\
        access_key_id = { env = \"SECRET\" }\naccess_key_secret = { env = \"SECRET\" }\n";

    #[test]
    fn a_valid_configuration_is_reported_with_its_accounts() {
        let check = Command::Check { json: false };
        let none = print(&check, "");
        assert_eq!(none.stdout, "configuration is valid: no accounts\n");
        let one = print(&check, ACCOUNT);
        assert_eq!(one.stdout, "configuration is valid: 1 account (dms)\n");
        assert_eq!(one.stderr, "");
    }

    #[test]
    fn problems_are_printed_as_lines_or_as_json() {
        let toml = "[http]\ntimeout = 5\n[nonsense]";
        let lines = print(&Command::Check { json: false }, toml);
        assert_eq!((lines.stdout.as_str(), lines.stderr.lines().count()), ("", 2));
        let printed = print(&Command::Check { json: true }, toml);
        assert_eq!(printed.stderr, "");
        let json: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
        assert_eq!(json["ok"], false);
        assert_eq!(json["problems"][0]["key"], "http.timeout");
        assert_eq!(json["problems"][0]["set_in"], "a.toml");
    }

    #[test]
    fn printed_settings_are_toml_without_secrets_that_fits_a_terminal() {
        let command = Command::Print { json: false };
        let toml = print(&command, ACCOUNT).stdout;
        assert!(toml.contains("[accounts.dms]\nprovider = \"alibaba\""), "{toml}");
        assert!(toml.contains("amqp://guest:***@127.0.0.1:5672/%2f"), "{toml}");
        assert!(toml.contains("# variable SECRET, a.toml"), "{toml}");
        assert!(!toml.contains("c4n4ry"), "{toml}");
        for width in [80, 100, 200] {
            let toml = print_in(LineWidth::Columns(width), &command, ACCOUNT).stdout;
            assert!(toml.lines().all(|line| line.len() <= width), "{toml}");
        }
        // It can be read again, except for the secrets.
        let again = print(&Command::Check { json: false }, &toml);
        assert_eq!(again.stderr.lines().count(), 2, "{}", again.stderr);
        let json = print(&Command::Print { json: true }, ACCOUNT).stdout;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let lease = serde_json::json!(
            { "key": "ledger.lease", "value": "2m", "set_in": "default.toml, built in" }
        );
        assert!(json["settings"].as_array().unwrap().contains(&lease), "{json}");
    }
}
