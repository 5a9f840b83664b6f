//! A secret, and the file it is read from again when that changes: keys are rotated while jobs run.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use tracing::{info, warn};

/// A secret that may change. Clones are the same secret.
#[derive(Clone)]
pub struct Secret(Arc<Inner>);

struct Inner {
    file: Option<PathBuf>,
    kept: Mutex<Kept>,
}

struct Kept {
    value: SecretString,
    /// The one before: what was asked with it may still be answered.
    former: Option<SecretString>,
    /// How often it has changed.
    version: u64,
    /// When it last changed, if it has.
    changed: Option<Instant>,
    /// What the file looked like when it was last read, or could not be.
    seen: Option<Look>,
}

/// What shows that a file has changed, whether it was written or replaced.
type Look = (u64, u64, i64, i64, u64);

impl Secret {
    /// Reads a file, and again whenever that changes. `Err` says what is wrong with it, without
    /// showing it.
    pub fn in_file(path: &Path) -> Result<Self, String> {
        let secret = Self::new(Some(path.to_owned()), read(path)?.into());
        secret.kept().seen = look(path);
        Ok(secret)
    }

    fn new(file: Option<PathBuf>, value: SecretString) -> Self {
        let kept = Kept { value, former: None, version: 0, changed: None, seen: None };
        Self(Arc::new(Inner { file, kept: Mutex::new(kept) }))
    }

    /// What it is now. A file that can't be read leaves it as it was.
    pub fn current(&self) -> SecretString {
        self.fresh().value.clone()
    }

    /// How often it has changed until now.
    pub fn version(&self) -> u64 {
        self.fresh().version
    }

    /// Whether it changed within that time.
    pub fn changed_within(&self, time: Duration) -> bool {
        self.fresh().changed.is_some_and(|changed| changed.elapsed() < time)
    }

    /// Every text that must not be shown.
    pub fn all(&self) -> Vec<SecretString> {
        let kept = self.kept();
        kept.former.iter().chain([&kept.value]).cloned().collect()
    }

    /// A look at the file costs microseconds, and a change is seen at once.
    fn fresh(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept();
        let Some(path) = &self.0.file else { return kept };
        let seen = look(path);
        if seen == kept.seen {
            return kept;
        }
        match read(path) {
            Ok(value) if value == kept.value.expose_secret() => {}
            Ok(value) => {
                info!(file = %path.display(), "a secret has changed and is used from now on");
                kept.former = Some(std::mem::replace(&mut kept.value, value.into()));
                kept.version += 1;
                kept.changed = Some(Instant::now());
            }
            Err(what) => warn!("a secret stays as it was: {what}"),
        }
        kept.seen = seen;
        kept
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that never changes, such as that of a variable.
impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(None, value.into())
    }
}

/// The same.
impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(None, value.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

fn look(path: &Path) -> Option<Look> {
    let about = fs::metadata(path).ok()?;
    Some((about.dev(), about.ino(), about.mtime(), about.mtime_nsec(), about.size()))
}

fn read(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path)
        .map_err(|cause| format!("needs the file {path:?}, which can't be read: {cause}"))?;
    usable(&text).map_err(|what| format!("the file {path:?} {what}"))
}

/// A secret as it stands in a file or variable. Editors and `echo` end a file with a line break that
/// is no part of it.
pub fn usable(text: &str) -> Result<String, &'static str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        return Err("is empty");
    }
    if text.chars().any(char::is_control) {
        return Err("has more than one line or a control character");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn shown(secret: &Secret) -> String {
        secret.current().expose_secret().to_owned()
    }

    #[test]
    fn a_file_is_read_again_whether_it_was_written_or_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "one\n").unwrap();
        let secret = Secret::in_file(&path).unwrap();
        assert_eq!((shown(&secret).as_str(), secret.version()), ("one", 0));
        fs::write(&path, "another\n").unwrap();
        assert_eq!((shown(&secret).as_str(), secret.version()), ("another", 1));
        // As an orchestrator does it: a new folder takes the place of the old one.
        let next = folder.path().join("next");
        fs::write(&next, "thethird").unwrap();
        fs::rename(&next, &path).unwrap();
        assert_eq!((shown(&secret.clone()).as_str(), secret.version()), ("thethird", 2));
        let known: Vec<_> = secret.all().iter().map(|it| it.expose_secret().to_owned()).collect();
        assert_eq!(known, ["another", "thethird"]);
    }

    #[test]
    fn a_file_that_is_empty_or_gone_leaves_the_secret_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "one").unwrap();
        let secret = Secret::in_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(shown(&secret), "one");
        fs::remove_file(&path).unwrap();
        assert_eq!((shown(&secret).as_str(), secret.version()), ("one", 0));
        fs::write(&path, "two").unwrap();
        assert_eq!((shown(&secret).as_str(), secret.version()), ("two", 1));
    }

    #[test]
    fn it_is_never_shown() {
        let secret = Secret::from("c4n4ry");
        assert!(!format!("{secret:?}{secret:#?}").contains("c4n4ry"));
    }
}
