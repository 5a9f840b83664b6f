//! Keeps the file to one machine. SQLite's log is shared by memory, which ends at the machine:
//! workers on two of them would read old pages, and damage the file.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::file::Unusable;

/// How often a machine says that it has the file open.
pub(super) const REFRESH: Duration = Duration::from_secs(30);

/// How long it is believed, in milliseconds.
const VALID: i64 = 2 * 60 * 1000;

/// File systems behind a network, by the number the kernel gives them.
const REMOTE: [(u32, &str); 8] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x7375_7245, "Coda"),
];

/// A machine, as it shows itself to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostLock {
    boot: String,
    machine: String,
    host: String,
}

impl HostLock {
    /// The one this process runs on.
    pub(super) fn here() -> Self {
        let text = |path| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let host = text("/proc/sys/kernel/hostname");
        let machine = Some(text("/etc/machine-id")).filter(|id| !id.is_empty());
        let boot = text("/proc/sys/kernel/random/boot_id");
        Self { boot, machine: machine.unwrap_or_else(|| host.clone()), host }
    }

    /// Makes a file this machine's, unless another one has had it open a moment ago.
    pub(super) fn move_in(&self, connection: &Connection) -> Result<(), Unusable> {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        if let Some((holder, seen_at)) = holder(&transaction)? {
            let ago = Timestamp::now().as_millisecond() - seen_at;
            if self.is_another(&holder) && ago.abs() < VALID {
                return Err(Unusable::Elsewhere { host: holder.host, ago });
            }
        }
        transaction.execute(
            "INSERT OR REPLACE INTO home (only, boot, machine, host, seen_at)
             VALUES (1, ?1, ?2, ?3, ?4)",
            params![self.boot, self.machine, self.host, Timestamp::now().as_millisecond()],
        )?;
        Ok(transaction.commit()?)
    }

    /// Says once more that this machine has the file open. Whoever has come since then believed
    /// that it was left: by a machine that slept, or a disk that was slow.
    pub(super) fn stay(&self, connection: &Connection) -> rusqlite::Result<()> {
        match holder(connection)? {
            Some((holder, _)) if self.is_another(&holder) => {
                let other = holder.host;
                tracing::error!(other, "another machine has opened the ledger's file as well");
                Ok(())
            }
            Some(_) | None => {
                let now = Timestamp::now().as_millisecond();
                connection.execute("UPDATE home SET seen_at = ?1", [now]).map(drop)
            }
        }
    }

    /// A machine that was started anew is the same, and so is what another container sees of it.
    fn is_another(&self, other: &Self) -> bool {
        self.boot != other.boot && self.machine != other.machine
    }
}

fn holder(connection: &Connection) -> rusqlite::Result<Option<(HostLock, i64)>> {
    connection
        .prepare_cached("SELECT boot, machine, host, seen_at FROM home")?
        .query_row([], |row| {
            let machine = HostLock { boot: row.get(0)?, machine: row.get(1)?, host: row.get(2)? };
            Ok((machine, row.get(3)?))
        })
        .optional()
}

/// The network file system a file would be on, if it is one that is known as such.
pub(super) fn network(path: &Path) -> Option<&'static str> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    named(kind(folder.unwrap_or(Path::new(".")))?)
}

#[cfg(target_os = "linux")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "32 bits of a number")]
fn kind(folder: &Path) -> Option<u32> {
    rustix::fs::statfs(folder).ok().map(|found| found.f_type as u32)
}

#[cfg(not(target_os = "linux"))]
fn kind(_folder: &Path) -> Option<u32> {
    None
}

fn named(kind: u32) -> Option<&'static str> {
    REMOTE.into_iter().find(|(number, _)| *number == kind).map(|(_, name)| name)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::ledger::sqlite::file;

    fn machine(boot: &str, machine: &str) -> HostLock {
        HostLock { boot: boot.into(), machine: machine.into(), host: format!("host-{machine}") }
    }

    /// A file that a machine had open so many seconds ago.
    fn left_by(machine: &HostLock, seconds: i64) -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ticketd.db");
        let connection = file::open(&path, Duration::from_millis(20)).unwrap();
        connection.execute("DELETE FROM home", []).unwrap();
        machine.move_in(&connection).unwrap();
        let then = Timestamp::now().as_millisecond() - seconds * 1000;
        connection.execute("UPDATE home SET seen_at = ?1", [then]).unwrap();
        (folder, connection)
    }

    #[test]
    fn a_file_that_another_machine_has_open_is_refused() {
        let (_folder, connection) = left_by(&machine("b1", "m1"), 100);
        let refused = machine("b2", "m2").move_in(&connection).unwrap_err();
        let Unusable::Elsewhere { host, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(host, "host-m1");
        assert_eq!(holder(&connection).unwrap().unwrap().0, machine("b1", "m1"));
    }

    #[test]
    fn a_file_that_another_machine_has_left_is_taken_over() {
        let (_folder, connection) = left_by(&machine("b1", "m1"), 130);
        machine("b2", "m2").move_in(&connection).unwrap();
        assert_eq!(holder(&connection).unwrap().unwrap().0, machine("b2", "m2"));
    }

    #[test]
    fn a_machine_that_was_started_anew_and_its_containers_share_the_file() {
        let (_folder, connection) = left_by(&machine("b1", "m1"), 1);
        machine("b2", "m1").move_in(&connection).unwrap();
        machine("b2", "container").move_in(&connection).unwrap();
    }

    #[test]
    fn who_stays_says_so_and_leaves_another_machines_word_alone() {
        let (_folder, connection) = left_by(&machine("b1", "m1"), 100);
        let seen = || holder(&connection).unwrap().unwrap().1;
        let before = seen();
        machine("b2", "m2").stay(&connection).unwrap();
        assert_eq!(seen(), before);
        machine("b1", "m1").stay(&connection).unwrap();
        assert!(seen() > before + 90_000);
    }

    #[test]
    fn a_network_is_known_by_its_number() {
        assert_eq!(named(0x6969), Some("NFS"));
        assert_eq!(named(0xff53_4d42), Some("CIFS"));
        // ext4 and tmpfs.
        assert_eq!((named(0xef53), named(0x0102_1994)), (None, None));
        assert_eq!(network(Path::new("ticketd.db")), None);
    }
}
