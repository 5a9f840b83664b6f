//! Passes the commit to release builds, for `ticketd --version` and the build metric.

use std::env;
use std::process::Command;

/// The commit, if the sources are built without their repository. Not `TICKETD_*`: cargo passes it to
/// the programs that it runs, and there such a variable is a setting.
const COMMIT: &str = "BUILD_COMMIT";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={COMMIT}");
    let given = env::var(COMMIT).ok().filter(|commit| !commit.is_empty());
    // Not in development builds: each commit would make cargo build everything again.
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = given.or_else(|| if release { head() } else { None });
    let version = env!("CARGO_PKG_VERSION");
    let shown = match &commit {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    println!("cargo::rustc-env={COMMIT}={}", commit.unwrap_or_default());
    println!("cargo::rustc-env=BUILD_VERSION={shown}");
}

/// The commit of the work tree, with `-dirty` after it if files have changed since.
fn head() -> Option<String> {
    // The log of HEAD changes with every commit and checkout.
    println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    println!("cargo::rerun-if-changed=src");
    git(&["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
