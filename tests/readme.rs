//! The examples in README.md and deploy/README.md work as they are written.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use clap::CommandFactory;
use jiff::Timestamp;
use ticketd::cli::Cli;
use ticketd::cloud::operations;
use ticketd::config::{self, Layer};
use ticketd::job::message::{Envelope, MessageValidator};
use ticketd::job::{AccessPolicy, Kind, Provider, Trace};

const README: &str = include_str!("../README.md");
const OPERATORS_BOOK: &str = include_str!("../deploy/README.md");

fn between(text: &'static str, start: &str, end: &str) -> &'static str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

#[test]
fn the_job_in_the_readme_is_valid() {
    let rules = MessageValidator {
        catalogue: operations::catalogue(),
        accounts: BTreeMap::from([("dms-prod".to_owned(), Provider::Alibaba)]),
        users: AccessPolicy::default(),
        max_bytes: 1 << 20,
    };
    let envelope = Envelope {
        body: between(README, "<<'JOB'\n", "\nJOB").as_bytes(),
        content_type: Some("application/json"),
        content_encoding: None,
        message_id: None,
        correlation_id: None,
        reply_to: None,
        user_id: None,
        trace: Trace::default(),
    };
    let submission = rules.read(Kind::Create, &envelope, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(submission.job.id.as_str(), "chg-2041");
}

#[test]
fn the_settings_in_the_operators_book_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let toml = between(OPERATORS_BOOK, "```toml\n", "```")
        .replace("/run/secrets/ticketd/broker-url", &secret("url", "amqps://u:p@broker/%2f"))
        .replace("/run/secrets/ticketd/ak", &secret("ak", "secret"));
    let layer = Layer::Text { name: "deploy/README.md".to_owned(), toml };
    let id = ("ALIBABA_CLOUD_ACCESS_KEY_ID".to_owned(), "id".to_owned());
    let settings = config::load_with_report(&[layer], [id], &[]).settings.unwrap();
    assert_eq!(settings.accounts[0].name, "dms-prod");
}

#[test]
fn every_operation_and_command_is_documented() {
    for operation in operations::catalogue().iter() {
        assert!(README.contains(&format!("`{}`", operation.name)), "{}", operation.name);
    }
    let program = Cli::command();
    let commands: Vec<&str> = program.get_subcommands().map(|command| command.get_name()).collect();
    assert!(commands.len() > 12, "{commands:?}");
    for command in commands {
        assert!(OPERATORS_BOOK.contains(&format!("`ticketd {command}")), "{command}");
    }
}
