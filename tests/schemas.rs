//! The schemas in `deploy/schema/` are what the program prints.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

/// Set, the files are written anew.
const RENEW: &str = "RENEW";

/// With the built-in settings: the names of exchanges and queues, and the broker's address, are
/// settings.
fn printed(schema: &str) -> String {
    let program = env!("CARGO_BIN_EXE_ticketd");
    let output = Command::new(program).args(["schema", schema]).env_clear().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_schemas_that_are_shipped_are_the_current_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/schema");
    for schema in ["job", "event", "asyncapi"] {
        let file = folder.join(schema).with_extension("json");
        let current = printed(schema);
        if std::env::var_os(RENEW).is_some() {
            std::fs::write(&file, current).unwrap();
            continue;
        }
        let shipped = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            shipped == current,
            "{} is out of date: {RENEW}=1 cargo test --locked --test schemas",
            file.display()
        );
    }
}
