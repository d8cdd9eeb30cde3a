//! Running the binary on a home directory of its own.
#![allow(dead_code)] // Each test binary uses a part of it.

pub mod fabric;
pub mod log;

use serde_json::Value;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

pub struct Cli {
    pub dir: tempfile::TempDir,
}

/// What a run left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("stdout is not one JSON document ({e}): {self:?}"))
    }
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

impl Default for Cli {
    fn default() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }
}

impl Cli {
    pub fn initialised() -> Self {
        let cli = Self::default();
        cli.run(["init", "--name", "danny"]).expect(0);
        cli
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `ifctl` with this home directory and nothing of the caller's environment that could change what it does.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(binary());
        command.args(args).env("IF_HOME", self.home()).env("HOME", self.dir.path()).current_dir(self.dir.path());
        command.env_remove("IF_NATS").env_remove("NO_COLOR").env("COLUMNS", "100").stdin(Stdio::null());
        command
    }

    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        ran(self.command(args).output().unwrap())
    }

    /// Paths of this test replaced by names, for golden files.
    pub fn portable(&self, text: &str) -> String {
        let root = self.dir.path().canonicalize().unwrap();
        text.replace(&root.display().to_string(), "DIR").replace(&self.dir.path().display().to_string(), "DIR")
    }
}

pub fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_if"))
}

/// Compares with `tests/golden/<name>`; `UPDATE_GOLDEN=1` writes it instead.
#[track_caller]
pub fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(text, expected, "{} differs; if that is right: UPDATE_GOLDEN=1 cargo test -p if-cli", path.display());
}
