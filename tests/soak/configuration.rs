//! What the replicas are configured with: minutes become moments, and leases run out quickly.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use ticketd::simulator;
use url::Url;

use crate::jobs::Group;

/// How long a request to a provider may take.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a stop may take.
pub const GRACE: Duration = Duration::from_secs(10);

/// How long a claim holds. One that has run out is noticed within as much again.
pub const LEASE: Duration = Duration::from_secs(5);

/// A call may leave 5 s after it was saved, and be on its way for as long as a request may take: so
/// long it is left to settle.
const SETTINGS: &str = r#"
[http]
connect_timeout = "1s"
timeout = "2s"
[retry]
initial = "50ms"
max_interval = "2s"
max_attempts = 30
[probe]
settle = "7500ms"
interval = "300ms"
tries = 3
[poll]
interval = "300ms"
max_interval = "1500ms"
people_interval = "500ms"
[worker]
concurrency = 12
"#;

/// Writes a group's configuration into a folder. The addresses of broker and ledger go into the
/// environment of whoever uses it.
pub fn write(
    group: Group,
    folder: &Path,
    providers: &Url,
    known: &simulator::Settings,
) -> Result<PathBuf> {
    let (alibaba, huawei) = (&known.alibaba[0], &known.huawei[0]);
    let secret = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text)?;
        anyhow::Ok(json!({ "file": path }).to_string().replacen(':', " =", 1))
    };
    let text = format!(
        r#"{SETTINGS}grace = "{grace}s"
[ledger]
lease = "{lease}s"
[broker]
prefix = "{prefix}"
[admin]
address = "off"
[accounts.alibaba]
provider = "alibaba"
region = "cn-hangzhou"
access_key_id = {alibaba_id}
access_key_secret = {alibaba_secret}
[accounts.alibaba.endpoints]
dms = "{providers}"
dataworks = "{providers}"
[accounts.huawei]
provider = "huawei"
region = "cn-north-4"
project_id = "{project}"
access_key_id = {huawei_id}
access_key_secret = {huawei_secret}
[accounts.huawei.endpoints]
factory = "{providers}"
tasks = "{providers}"
"#,
        grace = GRACE.as_secs(),
        lease = LEASE.as_secs(),
        prefix = group.prefix(),
        project = known.project_id,
        alibaba_id = secret("alibaba-id", &alibaba.id)?,
        alibaba_secret = secret("alibaba-secret", &alibaba.secret)?,
        huawei_id = secret("huawei-id", &huawei.id)?,
        huawei_secret = secret("huawei-secret", &huawei.secret)?,
    );
    let path = folder.join(format!("{}.toml", group.prefix()));
    fs::write(&path, text)?;
    Ok(path)
}
