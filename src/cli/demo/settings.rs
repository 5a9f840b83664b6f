//! The configuration of the demo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use url::Url;

use crate::config::{ConfigProblems, DEMO, Layer, Settings, load_with_report};
use crate::simulator;

const PREFIX_VARIABLE: &str = "TICKETD_BROKER__PREFIX";

/// Merges the built-in settings, `config/demo.toml`, `files` and the variables of `environment`.
///
/// The isolating settings override all of them: the accounts' endpoints and keys are the
/// simulator's, the ledger is in `folder`. The prefix is random unless a variable sets it.
pub(super) fn settings(
    files: &[PathBuf],
    environment: impl IntoIterator<Item = (String, String)>,
    simulated: (&Url, &simulator::SimulatorSettings),
    folder: &Path,
    known_operations: &[&str],
) -> Result<Settings, ConfigProblems> {
    let mut layers = vec![Layer::Text { name: "demo.toml, built in".into(), toml: DEMO.into() }];
    layers.extend(files.iter().cloned().map(Layer::File));
    let mut environment: BTreeMap<String, String> = environment.into_iter().collect();
    let prefix = format!("ticketd-demo-{:08x}", rand::random::<u32>());
    environment.entry(PREFIX_VARIABLE.to_owned()).or_insert(prefix);
    for (name, value) in isolating(simulated, folder) {
        environment.insert(name.to_owned(), value);
    }
    load_with_report(&layers, environment, known_operations).settings
}

fn isolating(
    (url, simulated): (&Url, &simulator::SimulatorSettings),
    folder: &Path,
) -> impl IntoIterator<Item = (&'static str, String)> {
    let (alibaba, huawei) = (&simulated.alibaba[0], &simulated.huawei[0]);
    [
        ("TICKETD_BROKER__TOPOLOGY", "apply".to_owned()),
        ("TICKETD_LEDGER__URL", format!("sqlite:{}", folder.join("ledger.db").display())),
        ("TICKETD_WORKER__GRACE", "3s".to_owned()),
        ("TICKETD_ADMIN__ADDRESS", "off".to_owned()),
        ("TICKETD_ACCOUNTS__DEMO_ALIBABA__ENDPOINTS__DMS", url.to_string()),
        ("TICKETD_ACCOUNTS__DEMO_ALIBABA__ENDPOINTS__DATAWORKS", url.to_string()),
        ("TICKETD_ACCOUNTS__DEMO_HUAWEI__ENDPOINTS__FACTORY", url.to_string()),
        ("TICKETD_ACCOUNTS__DEMO_HUAWEI__ENDPOINTS__TASKS", url.to_string()),
        ("SIMULATOR_ALIBABA_ACCESS_KEY_ID", alibaba.id.clone()),
        ("SIMULATOR_ALIBABA_ACCESS_KEY_SECRET", alibaba.secret.clone()),
        ("SIMULATOR_HUAWEI_ACCESS_KEY_ID", huawei.id.clone()),
        ("SIMULATOR_HUAWEI_ACCESS_KEY_SECRET", huawei.secret.clone()),
    ]
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(environment: &[(&str, &str)]) -> Settings {
        let url = Url::parse("http://127.0.0.1:8601").unwrap();
        let environment = environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let simulated = simulator::SimulatorSettings::default();
        settings(&[], environment, (&url, &simulated), Path::new("/tmp/x"), &[]).unwrap()
    }

    #[test]
    fn the_environment_cannot_point_the_demo_at_a_real_ledger_or_cloud() {
        let settings = read(&[
            ("TICKETD_LEDGER__URL", "sqlite:/var/lib/ticketd.db"),
            ("TICKETD_ACCOUNTS__DEMO_ALIBABA__ENDPOINTS__DMS", "https://dms.example.com"),
        ]);
        let ledger = format!("{:?}", settings.ledger.url);
        assert!(ledger.contains("/tmp/x/ledger.db"), "{ledger}");
        let endpoints = settings.accounts.iter().flat_map(|account| account.endpoints.values());
        assert!(endpoints.into_iter().all(|url| url.port() == Some(8601)));
    }

    #[test]
    fn the_prefix_is_random_unless_a_variable_sets_it() {
        assert_ne!(read(&[]).broker.prefix, read(&[]).broker.prefix);
        assert_eq!(read(&[(PREFIX_VARIABLE, "mine")]).broker.prefix, "mine");
    }
}
