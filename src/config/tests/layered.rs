//! Which layer overrides which.

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::LedgerUrl;
use super::{ACCOUNTS, file, load_file, load_layers, load_valid, problems};
use crate::cloud::account::{Credentials, ProviderSettings};
use crate::cloud::service::Service;

#[test]
fn the_built_in_settings_are_complete() {
    let settings = load_valid("", &[]);
    assert_eq!(settings.http.timeout, Duration::from_secs(20));
    assert_eq!(settings.worker.concurrency, 64);
    assert_eq!(settings.broker.reply_allowed, ["*"]);
    assert_eq!(settings.policies.of("dms.CreateOrder").retry.max_attempts, 12);
    assert!(settings.accounts.is_empty());
    assert!(
        matches!(settings.ledger.url, LedgerUrl::Sqlite(path) if path == Path::new("ticketd.db"))
    );
}

#[test]
fn later_files_override_earlier_ones_and_variables_override_files() {
    let layers = [
        file(
            "a.toml",
            "[http]\ntimeout = \"8s\"\nconnect_timeout = \"2s\"\n[worker]\nconcurrency = 5",
        ),
        file("b.toml", "[http]\ntimeout = \"9s\"\n[worker]\ngrace = \"7s\""),
    ];
    let settings = load_layers(&layers, &[("TICKETD_WORKER__CONCURRENCY", "6")]).settings.unwrap();
    assert_eq!(settings.http.timeout, Duration::from_secs(9));
    assert_eq!(settings.http.connect_timeout, Duration::from_secs(2));
    assert_eq!(settings.worker.grace, Duration::from_secs(7));
    assert_eq!(settings.worker.concurrency, 6);
}

#[test]
fn variables_set_nested_keys_of_every_type() {
    let variables = [
        ("TICKETD_HTTP__TIMEOUT", "7s"),
        ("TICKETD_BROKER__PREFIX", "007"),
        ("TICKETD_RETRY__MULTIPLIER", "3"),
        ("TICKETD_REPLIES__ALLOWED", "a.*, b"),
        ("TICKETD_ACCOUNTS__DMS_PROD__MARKER", "false"),
        ("TICKETD_ACCOUNTS__DMS_PROD__ENDPOINTS__DMS", "http://127.0.0.1:99"),
        ("TICKETD_ACCOUNTS__DMS_PROD__RATE_LIMIT", "120/m"),
        ("TICKETD_OPERATIONS__DMS_CREATEORDER__RETRY__INITIAL", "2s"),
        ("TICKETD_LEDGER", "{lease = \"3m\", retention = \"1d\"}"),
    ];
    let settings = load_valid(ACCOUNTS, &variables);
    assert_eq!(settings.http.timeout, Duration::from_secs(7));
    assert_eq!(settings.broker.prefix, "007");
    assert_eq!(settings.policies.of("dms.CreatePublishGroupTask").retry.multiplier, 3.0);
    assert_eq!(settings.broker.reply_allowed, ["a.*", "b"]);
    assert_eq!(settings.ledger.lease, Duration::from_secs(180));
    let [_, dms] = settings.accounts.as_slice() else { panic!("{:?}", settings.accounts) };
    assert!(matches!(dms.provider, ProviderSettings::Alibaba { marker: false, .. }));
    assert_eq!(dms.rate_limit, Some(2.0));
    assert_eq!(dms.endpoints[&Service::Dms].as_str(), "http://127.0.0.1:99/");
    assert_eq!(settings.policies.of("dms.CreateOrder").retry.initial, Duration::from_secs(2));
    assert_eq!(settings.policies.of("dms.CreateOrder").retry.multiplier, 3.0);
}

#[test]
fn an_account_can_come_from_the_environment_alone() {
    let variables = [
        ("TICKETD_ACCOUNTS__A__PROVIDER", "huawei"),
        ("TICKETD_ACCOUNTS__A__REGION", "cn-north-4"),
        ("TICKETD_ACCOUNTS__A__PROJECT_ID", "12345"),
        ("TICKETD_ACCOUNTS__A__IAM__USER", "u"),
        ("TICKETD_ACCOUNTS__A__IAM__DOMAIN", "d"),
        ("TICKETD_ACCOUNTS__A__IAM__PASSWORD", "{env = \"SECRET\"}"),
    ];
    let settings = load_valid("", &variables);
    assert_eq!(settings.accounts[0].project_id(), "12345");
    let Credentials::Iam { password, endpoint, .. } = &settings.accounts[0].credentials else {
        panic!("{:?}", settings.accounts)
    };
    assert_eq!(password.current().expose_secret(), "the-secret");
    assert_eq!(endpoint.as_str(), "https://iam.cn-north-4.myhuaweicloud.com/");
}

#[test]
fn a_later_layer_can_override_the_place_of_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "from-file\n").unwrap();
    let later = format!("[accounts.dms-prod]\naccess_key_secret = {{ file = {path:?} }}");
    let layers = [file("a.toml", ACCOUNTS), file("b.toml", &later)];
    let secret = |variables: &[(&str, &str)]| {
        let settings = load_layers(&layers, variables).settings.unwrap();
        match &settings.accounts[1].credentials {
            Credentials::Key { secret, .. } => secret.current().expose_secret().to_owned(),
            Credentials::Iam { .. } => panic!("{:?}", settings.accounts),
        }
    };
    assert_eq!(secret(&[]), "from-file");
    assert_eq!(secret(&[("TICKETD_ACCOUNTS__DMS_PROD__ACCESS_KEY_SECRET__ENV", "ID")]), "the-id");
}

#[test]
fn an_operation_inherits_the_policy_keys_it_does_not_set() {
    let settings = load_valid(
        "[retry]\ninitial = \"2s\"\n[operations.\"dms.CreateOrder\".retry]\nmax_attempts = 3",
        &[],
    );
    let own = *settings.policies.of("dms.CreateOrder");
    assert_eq!((own.retry.initial, own.retry.max_attempts), (Duration::from_secs(2), 3));
    assert_eq!(own.poll, settings.policies.of("dataarts.DeployReleasePackages").poll);
    assert_eq!(settings.policies.of("dataarts.DeployReleasePackages").retry.max_attempts, 12);
}

#[test]
fn a_problem_names_the_variable_that_set_it() {
    let wrong = |name: &str, value: &str| problems(&load_file("", &[(name, value)])).join("\n");
    assert_eq!(
        wrong("TICKETD_HTTP__TIMEOT", "7s"),
        "http.timeot (TICKETD_HTTP__TIMEOT): is not a setting; did you mean http.timeout?"
    );
    assert_eq!(
        wrong("TICKETD_BROKER_URL", "amqp://h"),
        "broker_url (TICKETD_BROKER_URL): is not a setting; did you mean TICKETD_BROKER__URL?"
    );
    assert_eq!(wrong("TICKETD_HTTP", "7s"), "http (TICKETD_HTTP): must be a table, not text");
    assert_eq!(
        wrong("TICKETD_WORKER__CONCURRENCY", "many"),
        "worker.concurrency (TICKETD_WORKER__CONCURRENCY): must be a whole number, not \"many\""
    );
    assert!(!wrong("TICKETD___", "x").is_empty());
}

#[test]
fn a_variable_with_a_secret_can_be_named_like_a_setting() {
    let toml = ACCOUNTS.replace("\"SECRET\"", "\"TICKETD_SECRET\"");
    load_valid(&toml, &[("TICKETD_SECRET", "s")]);
    assert_eq!(problems(&load_file("", &[("TICKETD_SECRET", "s")])).len(), 1);
}

#[test]
fn variables_that_kubernetes_sets_for_a_service_are_ignored() {
    let added = [
        ("TICKETD_PORT", "tcp://10.0.0.1:80"),
        ("TICKETD_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("TICKETD_SERVICE_HOST", "10.0.0.1"),
        ("TICKETD_SERVICE_PORT_HTTP", "80"),
    ];
    load_valid("", &added);
}

#[test]
fn ledger_addresses_are_read() {
    for (url, path) in [
        ("sqlite:a.db", "a.db"),
        ("sqlite:/var/a.db", "/var/a.db"),
        ("sqlite:///var/a.db", "/var/a.db"),
    ] {
        let settings = load_valid("", &[("TICKETD_LEDGER__URL", url)]);
        assert!(
            matches!(settings.ledger.url, LedgerUrl::Sqlite(found) if found == Path::new(path))
        );
    }
    let settings = load_valid("", &[("TICKETD_LEDGER__URL", "postgres://u:p@h/d")]);
    assert!(matches!(settings.ledger.url, LedgerUrl::Postgres(_)));
}

#[test]
fn a_region_without_a_known_dataworks_endpoint_has_dms_only() {
    let settings = load_valid(&ACCOUNTS.replace("cn-hangzhou", "cn-heyuan"), &[]);
    let endpoints = settings.accounts.iter().flat_map(|account| account.endpoints.keys());
    let services: Vec<&Service> = endpoints.collect();
    assert!(services.contains(&&Service::Dms) && !services.contains(&&Service::Dataworks));
}
