//! Loads whole configurations.
#![expect(clippy::unwrap_used, reason = "tests")]

mod complete;
mod layered;
mod secret;
mod wrong;
mod wrong_accounts;

use super::{Layer, LoadReport, Settings, load_with_report};

const OPERATIONS: [&str; 5] = [
    "dms.CreateOrder",
    "dms.CreateFreeLockCorrectOrder",
    "dms.CreatePublishGroupTask",
    "dataworks.DeployDISyncTask",
    "dataarts.DeployReleasePackages",
];

/// A complete account of each provider.
const ACCOUNTS: &str = r#"
[accounts.dms-prod]
provider = "alibaba"
region = "cn-hangzhou"
access_key_id = { env = "ID" }
access_key_secret = { env = "SECRET" }
[accounts.dataarts]
provider = "huawei"
region = "cn-north-4"
project_id = "p1"
access_key_id = { env = "ID" }
access_key_secret = { env = "SECRET" }
"#;

fn file(name: &str, toml: &str) -> Layer {
    Layer::Text { name: name.to_owned(), toml: toml.to_owned() }
}

/// Loads one file, `a.toml`, with the secrets `ID` and `SECRET` and the given variables.
fn load_file(toml: &str, variables: &[(&str, &str)]) -> LoadReport {
    load_layers(&[file("a.toml", toml)], variables)
}

fn load_layers(layers: &[Layer], variables: &[(&str, &str)]) -> LoadReport {
    let secrets = [("ID", "the-id"), ("SECRET", "the-secret")];
    let environment = secrets.iter().chain(variables);
    let environment = environment.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_with_report(layers, environment, &OPERATIONS)
}

fn load_valid(toml: &str, variables: &[(&str, &str)]) -> Settings {
    load_file(toml, variables).settings.unwrap()
}

fn problems(report: &LoadReport) -> Vec<String> {
    match &report.settings {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}
