//! The whole configuration, from layers to settings.
#![expect(clippy::unwrap_used, reason = "tests")]

mod complete;
mod layered;
mod secret;
mod wrong;
mod wrong_accounts;

use super::{Examined, Layer, Settings, examine};

const OPERATIONS: [&str; 5] = [
    "dms.CreateOrder",
    "dms.CreateFreeLockCorrectOrder",
    "dms.CreatePublishGroupTask",
    "dataworks.DeployDISyncTask",
    "dataarts.DeployReleasePackages",
];

/// An account of each provider, complete.
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

/// Examines one file, `a.toml`, with the secrets `ID` and `SECRET` and these variables.
fn look(toml: &str, variables: &[(&str, &str)]) -> Examined {
    look_at(&[file("a.toml", toml)], variables)
}

fn look_at(layers: &[Layer], variables: &[(&str, &str)]) -> Examined {
    let secrets = [("ID", "the-id"), ("SECRET", "the-secret")];
    let environment = secrets.iter().chain(variables);
    let environment = environment.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    examine(layers, environment, &OPERATIONS)
}

fn fine(toml: &str, variables: &[(&str, &str)]) -> Settings {
    look(toml, variables).settings.unwrap()
}

fn lines(examined: &Examined) -> Vec<String> {
    match &examined.settings {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}
