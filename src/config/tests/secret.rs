//! No secret is ever shown.

use super::super::as_toml;
use super::{ACCOUNTS, Examined, look, look_at};

const CANARY: &str = "c4n4ry";

fn everything_said(examined: &Examined) -> String {
    let values = serde_json::to_string(&examined.values).unwrap();
    let shown = as_toml(&examined.values);
    let told = match &examined.settings {
        Ok(settings) => format!("{settings:?}{settings:#?}"),
        Err(problems) => {
            format!("{problems}{problems:?}{}", serde_json::to_string(problems).unwrap())
        }
    };
    format!("{shown}\n{values}\n{told}\n{examined:?}")
}

#[test]
fn secrets_that_are_right_are_never_shown() {
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
    let examined = look(&toml, &[("C", CANARY)]);
    assert!(examined.settings.is_ok(), "{:?}", examined.settings);
    let said = everything_said(&examined);
    assert!(!said.contains(CANARY), "{said}");
    assert!(said.contains("amqp://guest:***@127.0.0.1:5672/%2f"), "{said}");
    assert!(said.contains("postgres://u:***@h/d?password=***&sslmode=require"), "{said}");
    assert!(said.contains("access_key_id = \"***\""), "{said}");
}

#[test]
fn secrets_in_wrong_places_are_never_shown() {
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
        let examined = look(toml, &[("SPACED", &spaced), ("LINES", &two_lines)]);
        assert!(examined.settings.is_err(), "{toml}");
        let said = everything_said(&examined);
        assert!(!said.contains(CANARY), "{toml}\n{said}");
    }
    let url = format!("amqp:{CANARY}");
    for name in ["TICKETD_ACCOUNTS__A__ACCESS_KEY_SECRET", "TICKETD_SECRET", "TICKETD_BROKER__URL"]
    {
        let examined = look_at(&[], &[(name, &url)]);
        assert!(examined.settings.is_err(), "{name}");
        assert!(!everything_said(&examined).contains(CANARY), "{name}");
    }
}
