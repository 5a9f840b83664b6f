//! No output contains a secret.

use super::super::as_toml;
use super::{ACCOUNTS, LoadReport, load_file, load_layers};

const CANARY: &str = "c4n4ry";

fn all_output(report: &LoadReport) -> String {
    let values = serde_json::to_string(&report.values).unwrap();
    let toml = as_toml(&report.values, Some(100));
    let result = match &report.settings {
        Ok(settings) => format!("{settings:?}{settings:#?}"),
        Err(problems) => {
            format!("{problems}{problems:?}{}", serde_json::to_string(problems).unwrap())
        }
    };
    format!("{toml}\n{values}\n{result}\n{report:?}")
}

#[test]
fn valid_secrets_are_masked_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, CANARY).unwrap();
    let toml = format!(
        "[broker]\nurl = \"amqp://guest:{CANARY}@127.0.0.1:5672/%2f\"\n\
         [ledger]\nurl = \"postgres://u:{CANARY}@h/d?password={CANARY}&sslmode=require\"\n\
         [accounts.a]\nprovider = \"alibaba\"\nregion = \"cn-hangzhou\"\n\
         access_key_id = {{ env = \"C\" }}\naccess_key_secret = {{ file = {path:?} }}\n\
         security_token = {{ env = \"C\" }}\n\
         [accounts.b]\nprovider = \"huawei\"\nregion = \"cn-north-4\"\nproject_id = \"p\"\n\
         iam = {{ user = \"u\", domain = \"d\", password = {{ env = \"C\" }} }}\n"
    );
    let report = load_file(&toml, &[("C", CANARY)]);
    assert!(report.settings.is_ok(), "{:?}", report.settings);
    let output = all_output(&report);
    assert!(!output.contains(CANARY), "{output}");
    assert!(output.contains("amqp://guest:***@127.0.0.1:5672/%2f"), "{output}");
    assert!(output.contains("postgres://u:***@h/d?password=***&sslmode=require"), "{output}");
    assert!(output.contains("access_key_id = \"***\""), "{output}");
}

#[test]
fn misplaced_secrets_are_not_quoted_in_messages() {
    let account =
        |line: &str| ACCOUNTS.replacen("cn-hangzhou\"\n", &format!("cn-hangzhou\"\n{line}\n"), 1);
    let files = [
        account(&format!("security_token = \"{CANARY}\"")),
        account(&format!("security_token = [\"{CANARY}\"]")),
        account(&format!("security_token = {CANARY}")),
        account(&format!("security_token = \"{CANARY}")),
        account(&format!("security_token = {{ value = \"{CANARY}\" }}")),
        account(&format!("security_token = {{ env = \"{CANARY} \" }}")),
        account(&format!("security_tokn = \"{CANARY}\"")),
        account(&format!("endpoints.dms = \"https://u:{CANARY}@h\"")),
        account(&format!("endpoints.dms = \"https://h?token={CANARY}\"")),
        account("security_token = { env = \"SPACED\" }"),
        account("security_token = { env = \"LINES\" }"),
        format!("[broker]\nurl = \"http://guest:{CANARY}@h\""),
        format!("[broker]\nurl = \"amqp://guest:{CANARY}#@h\""),
        format!("[broker]\nurl = \"{CANARY}\""),
        format!("[broker]\nurl = {{ password = \"{CANARY}\" }}"),
        format!("[broker]\npassword = \"{CANARY}\""),
        format!("[ledger]\nurl = \"mysql://u:{CANARY}@h/d\""),
        format!("[ledger]\nurl = \"postgres://u:{CANARY}@:/d\""),
        format!("accounts = \"{CANARY}\""),
        format!("[accounts]\na = \"{CANARY}\""),
    ];
    let spaced = format!("{CANARY} x");
    let two_lines = format!("{CANARY}\nx");
    for toml in &files {
        let report = load_file(toml, &[("SPACED", &spaced), ("LINES", &two_lines)]);
        assert!(report.settings.is_err(), "{toml}");
        let output = all_output(&report);
        assert!(!output.contains(CANARY), "{toml}\n{output}");
    }
    let url = format!("amqp:{CANARY}");
    for name in ["TICKETD_ACCOUNTS__A__ACCESS_KEY_SECRET", "TICKETD_SECRET", "TICKETD_BROKER__URL"]
    {
        let report = load_layers(&[], &[(name, &url)]);
        assert!(report.settings.is_err(), "{name}");
        assert!(!all_output(&report).contains(CANARY), "{name}");
    }
}
