//! Where each file of the home directory is.

use crate::HomeError;
use if_schemas::Name;
use std::{
    env,
    path::{Path, PathBuf},
};

/// Environment variable naming the home directory.
pub const HOME_VARIABLE: &str = "IF_HOME";
/// Directory under the user's own where nothing else is said.
pub const DEFAULT_DIRECTORY: &str = ".if";

/// A home directory. Only paths: nothing is created or checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// `flag`, else `IF_HOME`, else `~/.if`. Relative paths are taken from the current directory, `~/` from the user's.
    pub fn locate(flag: Option<PathBuf>) -> Result<Self, HomeError> {
        Self::locate_in(flag, env::var_os(HOME_VARIABLE).map(PathBuf::from), user_directory())
    }

    pub(crate) fn locate_in(
        flag: Option<PathBuf>,
        variable: Option<PathBuf>,
        user: Option<PathBuf>,
    ) -> Result<Self, HomeError> {
        let said = flag.or(variable).filter(|p| !p.as_os_str().is_empty());
        let root = match (said, user) {
            (Some(path), Some(user)) => path.strip_prefix("~").map(|rest| user.join(rest)).unwrap_or(path),
            (Some(path), None) => path,
            (None, Some(user)) => user.join(DEFAULT_DIRECTORY),
            (None, None) => return Err(HomeError::NoHome),
        };
        let root = std::path::absolute(&root).map_err(|e| HomeError::io(&root, "make an absolute path", e))?;
        Ok(Self(root))
    }

    /// A home directory known already.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    pub fn root(&self) -> &Path {
        &self.0
    }
    pub fn config_file(&self) -> PathBuf {
        self.0.join("config.yaml")
    }
    /// The trust anchor: first entry's envelope. Public.
    pub fn genesis_file(&self) -> PathBuf {
        self.0.join("genesis.bin")
    }
    pub fn keys_dir(&self) -> PathBuf {
        self.0.join("keys")
    }
    /// Key `name`: `ed25519` (the operator's), `broker` or `worker`.
    pub fn key_file(&self, name: &str) -> PathBuf {
        self.keys_dir().join(format!("{name}.key"))
    }
    pub fn providers_dir(&self) -> PathBuf {
        self.0.join("providers")
    }
    /// Instances of one provider.
    pub fn provider_file(&self, provider: &Name) -> PathBuf {
        self.providers_dir().join(format!("{provider}.yaml"))
    }
    /// What is done by itself when something is seen.
    pub fn triggers_file(&self) -> PathBuf {
        self.0.join("triggers.yaml")
    }
    /// Profiles of this home directory's own, `<name>.yaml` each.
    pub fn profiles_dir(&self) -> PathBuf {
        self.0.join("profiles")
    }
    /// Providers of this home directory's own, one folder each.
    pub fn plans_dir(&self) -> PathBuf {
        self.0.join("plans")
    }
    /// The plan that a trigger orders, as it was when its key was let in.
    pub fn trigger_plan_file(&self, member: &Name) -> PathBuf {
        self.plans_dir().join(format!("{member}.json"))
    }
    pub fn plugins_dir(&self) -> PathBuf {
        self.0.join("plugins")
    }
    /// Where the worker keeps tokens that providers have rotated.
    pub fn tokens_dir(&self) -> PathBuf {
        self.worker_dir().join("tokens")
    }
    /// Working directories of plugins: `<plugin>/<instance>`.
    pub fn plugins_data_dir(&self) -> PathBuf {
        self.0.join("plugins-data")
    }
    /// The log's RocksDB.
    pub fn witness_dir(&self) -> PathBuf {
        self.0.join("witness")
    }
    /// The worker's inbox journal.
    pub fn worker_dir(&self) -> PathBuf {
        self.0.join("worker")
    }
    pub fn nats_dir(&self) -> PathBuf {
        self.0.join("nats")
    }
    /// nkey seed of one NATS user: `broker`, `worker` or `operator`.
    pub fn nats_seed_file(&self, user: &str) -> PathBuf {
        self.nats_dir().join(format!("{user}.nk"))
    }
    pub fn run_dir(&self) -> PathBuf {
        self.0.join("run")
    }
    /// What `if up` started.
    pub fn fabric_file(&self) -> PathBuf {
        self.run_dir().join("fabric.json")
    }
    /// Binaries of this home directory: an own `nats-server`.
    pub fn bin_dir(&self) -> PathBuf {
        self.0.join("bin")
    }
}

/// The user's own directory: `HOME`, on Windows `USERPROFILE`.
pub(crate) fn user_directory() -> Option<PathBuf> {
    let variable = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    env::var_os(variable).filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// A path written in a file of the home directory `root`: `~/.if/…` is inside `root` wherever that is, any other
/// `~/…` is in the user's directory, and a relative path is inside `root`.
pub(crate) fn expand(text: &str, root: &Path, user: Option<&Path>) -> Option<PathBuf> {
    let path = Path::new(text);
    if let Ok(rest) = path.strip_prefix(Path::new("~").join(DEFAULT_DIRECTORY)) {
        return Some(join(root, rest));
    }
    match path.strip_prefix("~") {
        Ok(rest) => user.map(|user| join(user, rest)),
        Err(_) => Some(root.join(path)),
    }
}

/// `join` without the trailing separator an empty rest would leave.
fn join(base: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { base.to_path_buf() } else { base.join(rest) }
}
