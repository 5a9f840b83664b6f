//! A secret that may come from a file. The file is read again when it changes, because keys are
//! rotated while jobs run.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use tracing::{info, warn};

/// A secret that may change. Clones share it.
#[derive(Clone)]
pub struct Secret(Arc<SecretCell>);

struct SecretCell {
    file: Option<PathBuf>,
    value: Mutex<SecretValue>,
}

struct SecretValue {
    current: SecretString,
    /// Responses to requests made with the previous value may still arrive, and must be redacted.
    previous: Option<SecretString>,
    /// How often the value has changed.
    version: u64,
    changed_at: Option<Instant>,
    /// The file's stamp at the last attempt to read it.
    stamp: Option<FileStamp>,
}

/// Device, inode, modification time (seconds and nanoseconds) and size. Differs after a file was
/// written or replaced.
type FileStamp = (u64, u64, i64, i64, u64);

impl Secret {
    /// Reads a file, and again whenever it changes. The error does not contain the secret.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let secret = Self::new(Some(path.to_owned()), read(path)?.into());
        secret.lock().stamp = stamp(path);
        Ok(secret)
    }

    fn new(file: Option<PathBuf>, current: SecretString) -> Self {
        let value =
            SecretValue { current, previous: None, version: 0, changed_at: None, stamp: None };
        Self(Arc::new(SecretCell { file, value: Mutex::new(value) }))
    }

    /// The current value. While the file can't be read, the value stays as it was.
    pub fn current(&self) -> SecretString {
        self.refresh().current.clone()
    }

    /// How often the value has changed so far.
    pub fn version(&self) -> u64 {
        self.refresh().version
    }

    /// Whether the value has changed within this time.
    pub fn changed_within(&self, time: Duration) -> bool {
        self.refresh().changed_at.is_some_and(|changed_at| changed_at.elapsed() < time)
    }

    /// The values that must be redacted: the previous one and the current one.
    pub fn all(&self) -> Vec<SecretString> {
        let value = self.lock();
        value.previous.iter().chain([&value.current]).cloned().collect()
    }

    /// Reads the file again if its stamp has changed. Reading the stamp costs microseconds, so every
    /// access does it.
    fn refresh(&self) -> MutexGuard<'_, SecretValue> {
        let mut value = self.lock();
        let Some(path) = &self.0.file else { return value };
        let stamp = stamp(path);
        if stamp == value.stamp {
            return value;
        }
        match read(path) {
            Ok(text) if text == value.current.expose_secret() => {}
            Ok(text) => {
                info!(file = %path.display(), "a secret has changed and is used from now on");
                value.previous = Some(std::mem::replace(&mut value.current, text.into()));
                value.version += 1;
                value.changed_at = Some(Instant::now());
            }
            Err(problem) => warn!("a secret can't be read again and stays unchanged: {problem}"),
        }
        value.stamp = stamp;
        value
    }

    fn lock(&self) -> MutexGuard<'_, SecretValue> {
        self.0.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A secret that never changes, such as one from a variable.
impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self::new(None, value.into())
    }
}

/// A secret that never changes.
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

fn stamp(path: &Path) -> Option<FileStamp> {
    let metadata = fs::metadata(path).ok()?;
    let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
    Some((metadata.dev(), metadata.ino(), seconds, nanoseconds, metadata.size()))
}

fn read(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path)
        .map_err(|cause| format!("needs the file {path:?}, which can't be read: {cause}"))?;
    usable(&text).map_err(|what| format!("the file {path:?} {what}"))
}

/// Validates the text of a file or variable. A final line break is removed, because editors and
/// `echo` add one. The error does not contain the text.
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

    fn value(secret: &Secret) -> String {
        secret.current().expose_secret().to_owned()
    }

    #[test]
    fn a_written_or_replaced_file_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "one\n").unwrap();
        let secret = Secret::from_file(&path).unwrap();
        assert_eq!((value(&secret).as_str(), secret.version()), ("one", 0));
        fs::write(&path, "another\n").unwrap();
        assert_eq!((value(&secret).as_str(), secret.version()), ("another", 1));
        // Orchestrators replace the file instead of writing to it.
        let next = folder.path().join("next");
        fs::write(&next, "thethird").unwrap();
        fs::rename(&next, &path).unwrap();
        assert_eq!((value(&secret.clone()).as_str(), secret.version()), ("thethird", 2));
        let known: Vec<_> = secret.all().iter().map(|it| it.expose_secret().to_owned()).collect();
        assert_eq!(known, ["another", "thethird"]);
    }

    #[test]
    fn an_empty_or_missing_file_leaves_the_secret_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "one").unwrap();
        let secret = Secret::from_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(value(&secret), "one");
        fs::remove_file(&path).unwrap();
        assert_eq!((value(&secret).as_str(), secret.version()), ("one", 0));
        fs::write(&path, "two").unwrap();
        assert_eq!((value(&secret).as_str(), secret.version()), ("two", 1));
    }

    #[test]
    fn debug_output_does_not_contain_the_secret() {
        let secret = Secret::from("c4n4ry");
        assert!(!format!("{secret:?}{secret:#?}").contains("c4n4ry"));
    }
}
