//! The configuration of the replicas: with short waits and short leases.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use ticketd::simulator;
use url::Url;

use crate::jobs::Group;

/// Timeout of a request to a provider.
pub(crate) const HTTP_TIMEOUT: Duration = Duration::from_secs(2);

/// Time that a replica has for a clean stop.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Lease of a claim. Other replicas notice an expired lease within one more lease.
pub(crate) const LEASE: Duration = Duration::from_secs(5);

/// `settle` covers a call that is sent up to 5 s after it was saved and takes up to the HTTP timeout.
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

/// Writes a group's configuration into a folder. The URLs of broker and ledger are set by environment
/// variables.
pub(crate) fn write(
    group: Group,
    folder: &Path,
    providers: &Url,
    settings: &simulator::SimulatorSettings,
) -> Result<PathBuf> {
    let (alibaba, huawei) = (&settings.alibaba[0], &settings.huawei[0]);
    let secret_file = |name: &str, text: &str| {
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
        project = settings.project_id,
        alibaba_id = secret_file("alibaba-id", &alibaba.id)?,
        alibaba_secret = secret_file("alibaba-secret", &alibaba.secret)?,
        huawei_id = secret_file("huawei-id", &huawei.id)?,
        huawei_secret = secret_file("huawei-secret", &huawei.secret)?,
    );
    let path = folder.join(format!("{}.toml", group.prefix()));
    fs::write(&path, text)?;
    Ok(path)
}
