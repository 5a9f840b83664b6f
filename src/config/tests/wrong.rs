//! Invalid configurations and their messages.

use super::wrong_accounts::{DMS, WHOLE_ACCOUNTS};
use super::{ACCOUNTS, file, load_file, load_layers, load_valid, problems};

/// The content of `a.toml`, and its only message.
const TABLE: &[(&str, &str)] = &[
    (
        "[http]\ntimeot = \"5s\"",
        "http.timeot (a.toml): is not a setting; did you mean http.timeout?",
    ),
    ("[htpp]\ntimeout = \"5s\"", "htpp (a.toml): is not a setting; did you mean http?"),
    ("[broker]\ncolour = \"red\"", "broker.colour (a.toml): is not a setting"),
    ("[http]\ntimeout = 5", "http.timeout (a.toml): must be a duration like \"5s\", not a number"),
    (
        "[http]\ntimeout = \"5 s\"",
        "http.timeout (a.toml): \"5 s\" is not a duration; \
         write it like \"250ms\", \"5s\", \"2m\", \"1h\", \"30d\"",
    ),
    ("[worker]\ngrace = \"0s\"", "worker.grace (a.toml): must be longer than 0s"),
    (
        "[worker]\nconcurrency = \"64\"",
        "worker.concurrency (a.toml): must be a whole number, not text",
    ),
    (
        "[worker]\nconcurrency = 2001",
        "worker.concurrency (a.toml): is 2001; must be from 1 to 2000",
    ),
    ("[worker]\nconcurrency = -1", "worker.concurrency (a.toml): -1 is out of range"),
    ("[worker]\nconcurrency = 0", "worker.concurrency (a.toml): is 0; must be from 1 to 2000"),
    ("[retry]\njitter = 1.5", "retry.jitter (a.toml): is 1.5; must be from 0 to 1"),
    ("[retry]\njitter = nan", "retry.jitter (a.toml): is NaN; must be from 0 to 1"),
    ("[retry]\nmultiplier = 0.5", "retry.multiplier (a.toml): is 0.5; must be 1 or more"),
    (
        "[retry]\ninitial = \"10m\"",
        "retry.initial (a.toml): initial (10m) must not be longer than max_interval (5m)",
    ),
    (
        "[operations.\"dms.CreateOrder\".poll]\nmax_interval = \"1s\"",
        "operations.\"dms.CreateOrder\".poll.max_interval (a.toml): \
         interval (5s) must not be longer than max_interval (1s)",
    ),
    (
        "[operations.\"dms.CreateOrdr\".retry]\ninitial = \"1s\"",
        "operations.\"dms.CreateOrdr\" (a.toml): \
         is not an operation; did you mean \"dms.CreateOrder\"?",
    ),
    (
        "[operations.dms.CreateOrder.retry]\ninitial = \"1s\"",
        "operations.dms (a.toml): needs quotes: [operations.\"dms.CreateOrder\".retry]",
    ),
    (
        "[operations.\"dms.CreateOrder\".retry]\nintial = \"1s\"",
        "operations.\"dms.CreateOrder\".retry.intial (a.toml): is not a setting; \
         did you mean operations.\"dms.CreateOrder\".retry.initial?",
    ),
    (
        "[probe]\nsettle = \"19s\"",
        "probe.settle (a.toml): must be at least http.timeout (20s): \
         the lost call may still be on its way",
    ),
    (
        "[operations.\"dms.CreateOrder\".probe]\nsettle = \"1s\"",
        "operations.\"dms.CreateOrder\".probe.settle (a.toml): must be at least http.timeout \
         (20s): the lost call may still be on its way",
    ),
    ("[probe]\ntries = 0", "probe.tries (a.toml): is 0; must be from 1 to 4294967295"),
    (
        "[ledger]\nlease = \"25s\"",
        "ledger.lease (a.toml): must be longer than http.timeout and connect_timeout \
         together (25s)",
    ),
    (
        "[ledger]\nretention = \"59m\"",
        "ledger.retention (a.toml): must be at least 1h: \
         a message still on its way would run a deleted job again",
    ),
    (
        "[http]\nconnect_timeout = \"21s\"",
        "http.connect_timeout (a.toml): must not be longer than http.timeout (20s)",
    ),
    (
        "[ledger]\nurl = \"sqlite:\"",
        "ledger.url (a.toml): names no file; write it like \"sqlite:ticketd.db\"",
    ),
    (
        "[ledger]\nurl = \"sqlite::memory:\"",
        "ledger.url (a.toml): would lose every job at a restart; name a file",
    ),
    (
        "[ledger]\nurl = \"mysql://h/d\"",
        "ledger.url (a.toml): must begin with sqlite: or postgres://",
    ),
    ("[broker]\nurl = \"http://h\"", "broker.url (a.toml): must begin with amqp:// or amqps://"),
    (
        "[broker]\nurl = \"rabbit\"",
        "broker.url (a.toml): is not a URL: relative URL without a base",
    ),
    (
        "[broker]\nurl = \"amqp://h/a/b\"",
        "broker.url (a.toml): has a '/' in its virtual host; write it as %2f",
    ),
    (
        "[broker]\nprefix = \"amq.x\"",
        "broker.prefix (a.toml): begins with \"amq\", which is reserved for RabbitMQ",
    ),
    ("[broker]\nprefix = \"\"", "broker.prefix (a.toml): is empty"),
    (
        "[broker]\nprefix = \"a b\"",
        "broker.prefix (a.toml): has the character ' '; allowed are A-Za-z0-9._:-",
    ),
    (
        "[broker]\ntopology = \"aply\"",
        "broker.topology (a.toml): \"aply\" is not one of \"apply\", \"check\"",
    ),
    (
        "[broker]\nurl = \"amqps://h\"\nclient_key = \"/dev/null\"",
        "broker.client_key (a.toml): also needs broker.client_certificate",
    ),
    (
        "[broker]\nca = \"/dev/null\"",
        "broker.ca (a.toml): is for amqps:// only; change broker.url to amqps://",
    ),
    (
        "[broker]\nurl = \"amqps://h\"\nca = \"/no/ca.pem\"",
        "broker.ca (a.toml): names \"/no/ca.pem\", which can't be read: \
         No such file or directory (os error 2)",
    ),
    (
        "[broker]\nmax_message_bytes = 10",
        "broker.max_message_bytes (a.toml): is 10; must be from 1024 to 134217728",
    ),
    ("[events]\nsource = \"\"", "events.source (a.toml): is empty"),
    (
        "[events]\nsource = \"/a b\"",
        "events.source (a.toml): has the character ' ', which a URI can't have; write it as %XX",
    ),
    (
        "[events]\nsource = \"/a%2\"",
        "events.source (a.toml): has a '%' without two hexadecimal digits after it",
    ),
    (
        "[replies]\nallowed = \"*\"",
        "replies.allowed (a.toml): must be a list like [\"*\"], not text",
    ),
    ("http = 5", "http (a.toml): must be a table, not a number"),
    ("accounts = 5", "accounts (a.toml): must be a table, not a number"),
    ("[http]\n\ntimeout = 5s", "a.toml: is not TOML: line 3: expected newline, `#`"),
    (
        "[http]\n[http]",
        "a.toml: is not TOML: line 2: invalid table header, duplicate key `http` in document root",
    ),
];

#[test]
fn every_invalid_configuration_has_exactly_its_message() {
    let mut wrong = Vec::new();
    let dms = DMS.iter().map(|(toml, line)| {
        let toml = ACCOUNTS.replacen("cn-hangzhou\"\n", &format!("cn-hangzhou\"\n{toml}\n"), 1);
        (toml, format!("accounts.dms-prod.{line}"))
    });
    let plain = TABLE.iter().chain(WHOLE_ACCOUNTS);
    let plain = plain.map(|(toml, line)| ((*toml).to_owned(), (*line).to_owned()));
    for (toml, line) in plain.chain(dms) {
        let found = problems(&load_file(&toml, &[]));
        if found != [line.clone()] {
            wrong.push(format!(
                "{toml}\n  expected {line}\n  found    {}",
                found.join("\n           ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn all_problems_are_reported_at_once() {
    let bad = "[http]\ntimeout = \"x\"\n[retry]\njitter = 2\n[nonsense]\na = 1\n\
               [accounts.a]\nprovider = \"alibaba\"\naccess_key_id = \"inline\"";
    let layers = [file("a.toml", bad), file("b.toml", "not toml")];
    let found = problems(&load_layers(&layers, &[("TICKETD_WORKER__CONCURRENCY", "many")]));
    let keys: Vec<&str> = found.iter().map(|line| line.split(": ").next().unwrap()).collect();
    let expected = [
        "b.toml",
        "http.timeout (a.toml)",
        "worker.concurrency (TICKETD_WORKER__CONCURRENCY)",
        "retry.jitter (a.toml)",
        "accounts.a.region (a.toml)",
        "accounts.a.access_key_id (a.toml)",
        "accounts.a.access_key_secret (a.toml)",
        "nonsense (a.toml)",
    ];
    assert_eq!(keys, expected, "{found:#?}");
}

#[test]
fn a_missing_file_is_reported() {
    let found = problems(&load_layers(&[super::Layer::File("/no/such.toml".into())], &[]));
    assert_eq!(found, ["/no/such.toml: can't be read: No such file or directory (os error 2)"]);
}

#[test]
fn a_contradiction_names_both_settings() {
    let found = problems(&load_file("", &[("TICKETD_HTTP__TIMEOUT", "1m")]));
    assert_eq!(
        found,
        ["probe.settle (default.toml, built in): must be at least http.timeout \
          (1m in TICKETD_HTTP__TIMEOUT): the lost call may still be on its way"]
    );
}

#[test]
fn plain_http_is_allowed_on_this_machine() {
    for host in ["127.0.0.1:1", "127.9.9.9", "[::1]:80", "localhost:8600"] {
        let set = format!("cn-hangzhou\"\nendpoints.dms = \"http://{host}\"\n");
        load_valid(&ACCOUNTS.replacen("cn-hangzhou\"\n", &set, 1), &[]);
    }
}
