//! Looks for the bytes of secrets wherever none may be: what was printed, the log, NATS storage, log files, metrics.

use anyhow::ensure;
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Options of `add` whose value is a secret.
const FLAGS: [&str; 6] = ["--password", "--token", "--api-key", "--secret-key", "--secret-access-key", "--auth-token"];
/// How a reference to a secret begins, which is none itself.
const REFERENCES: [&str; 4] = ["env:", "file:", "keychain:", "exec:"];
/// Folders of a home directory that hold secrets because that is what they are for.
const KEEPERS: [&str; 2] = ["providers", "keys"];
/// A shorter text may be anywhere by chance.
const LENGTH_MIN: usize = 8;

/// The secrets a test has used.
#[derive(Debug, Default)]
pub struct Secrets(Mutex<BTreeSet<String>>);

impl Secrets {
    pub fn add(&self, secret: &str) {
        let reference = REFERENCES.iter().any(|r| secret.starts_with(r));
        if !reference && secret.len() >= LENGTH_MIN {
            self.all().insert(secret.into());
        }
    }

    /// Those that a command line holds.
    pub fn add_from(&self, args: &[&str]) {
        args.windows(2).filter(|two| FLAGS.contains(&two[0])).for_each(|two| self.add(two[1]));
    }

    pub fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Fails if `bytes` hold one; `what` names them.
    pub fn not_in(&self, what: &str, bytes: &[u8]) -> anyhow::Result<()> {
        for secret in self.all().iter() {
            ensure!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "a secret is in {what}");
        }
        Ok(())
    }

    /// Fails if a file of a home directory holds one, except those that are there to keep secrets.
    pub fn not_in_home(&self, dir: &Path) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(dir)? {
            let (path, kind) = entry.and_then(|e| Ok((e.path(), e.file_type()?)))?;
            let keeps = path.file_name().and_then(|n| n.to_str()).is_some_and(|name| KEEPERS.contains(&name));
            if kind.is_dir() && !keeps {
                self.not_in_home(&path)?;
            } else if kind.is_file() {
                self.not_in(&path.display().to_string(), &std::fs::read(&path)?)?;
            }
        }
        Ok(())
    }

    fn all(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret of this test";

    #[test]
    fn a_secret_is_found_in_any_file_but_those_that_keep_secrets() {
        let home = tempfile::tempdir().unwrap();
        let secrets = Secrets::default();
        secrets.add_from(&["obs", "add", "a", "--password", SECRET, "--token", "env:SOME_TOKEN", "--api-key", "short"]);
        for folder in ["providers", "witness/deep"] {
            std::fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        std::fs::write(home.path().join("providers/obs.yaml"), SECRET).unwrap();
        std::fs::write(home.path().join("witness/deep/log"), "env:SOME_TOKEN short").unwrap();
        secrets.not_in_home(home.path()).unwrap();
        std::fs::write(home.path().join("witness/deep/log"), format!("\0\x01{SECRET}\u{fe}")).unwrap();
        let found = secrets.not_in_home(home.path()).unwrap_err().to_string();
        assert!(found.ends_with("witness/deep/log") && !found.contains(SECRET), "{found}");
        assert!(secrets.not_in("the output", format!("x{SECRET}").as_bytes()).is_err());
    }
}
