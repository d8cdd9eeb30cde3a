//! One supervisor per home directory: a file lock that the operating system releases when its holder dies.

use crate::CliError;
use if_home::{Home, private};
use std::{
    fs::{self, File, TryLockError},
    path::PathBuf,
};

/// Held for as long as the supervisor lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

fn lock_file(home: &Home) -> PathBuf {
    home.run_dir().join("up.lock")
}

fn pid_file(home: &Home) -> PathBuf {
    home.run_dir().join("up.pid")
}

impl Lock {
    /// `None` if another process holds it.
    pub fn try_take(home: &Home) -> Result<Option<Self>, CliError> {
        private::create_dir(&home.run_dir())?;
        let path = lock_file(home);
        let shown = path.display().to_string();
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|e| CliError::io(format!("{shown} cannot be opened"), &e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(CliError::io(format!("{shown} cannot be locked"), &e)),
        }
    }

    /// Says who supervises, for `down`.
    pub fn sign(&self, home: &Home) -> Result<(), CliError> {
        private::replace(&pid_file(home), format!("{}\n", std::process::id()).as_bytes())?;
        Ok(())
    }
}

/// The process that holds the lock, as far as it said so.
pub fn supervisor_pid(home: &Home) -> Option<u32> {
    fs::read_to_string(pid_file(home)).ok()?.trim().parse().ok()
}
