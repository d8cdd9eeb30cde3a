//! What a plugin's process is given: nothing of the worker but pipes, a few variables, a directory and limits.

use if_plugin_files::Folder;
use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::{Child, Command};

/// Where programs are looked for if the worker itself has no `PATH`.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";
/// Sets the limits in the process itself before it becomes the plugin, so that the plugin never runs without them.
/// Arguments: open files, 512-byte blocks of a file, seconds of processor time, KiB of address space (0: not limited here),
/// then the program. A limit that cannot be set is one that is lower already. What the worker opens it does not pass on;
/// what it was itself started with is closed as far as every shell can name it.
#[cfg(unix)]
const LIMITS: &str = "ulimit -c 0; ulimit -n \"$1\" 2>/dev/null || :; ulimit -f \"$2\" 2>/dev/null || :
ulimit -t \"$3\" 2>/dev/null || :; [ \"$4\" = 0 ] || ulimit -v \"$4\" 2>/dev/null || :
shift 4; unset PWD OLDPWD SHLVL; exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec \"$@\"";

/// What Windows needs to start a program at all.
const SYSTEM: &[&str] = if cfg!(windows) { &["SystemRoot"] } else { &[] };

/// Where a plugin's standard error goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// To the log.
    Logged,
    /// To the standard error of this process: for somebody who looks at it.
    Shown,
}

/// Makes `work` (mode 0700) with a `tmp` in it, and starts the plugin there, in a process group of its own.
pub fn spawn(folder: &Folder, work: &Path, errors: Errors) -> io::Result<(Child, Group)> {
    let tmp = work.join("tmp");
    if_home::private::create_dir(&tmp).map_err(io::Error::other)?;
    let allowed = folder.plugin.environment.iter().map(String::as_str);
    let mut command = program(folder);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| PATH_DEFAULT.into()))
        .env("HOME", work)
        .env("TMPDIR", &tmp)
        .env("LANG", "C.UTF-8")
        // Compiled copies beside the sources would change the plugin.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(SYSTEM.iter().copied().chain(allowed).filter_map(|name| Some((name, std::env::var_os(name)?))))
        .current_dir(work)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(if errors == Errors::Shown { Stdio::inherit() } else { Stdio::piped() })
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let child = command.spawn()?;
    let group = Group::of(&child);
    Ok((child, group))
}

/// `<data>/<plugin>/<place>`
pub fn work_dir(data: &Path, folder: &Folder, place: &str) -> PathBuf {
    data.join(folder.plugin.id.as_str()).join(place)
}

#[cfg(unix)]
fn program(folder: &Folder) -> Command {
    let r = folder.plugin.resources;
    // Only Linux keeps a limit of the address space.
    let memory_kib = if cfg!(target_os = "linux") { u64::from(r.memory_mib) * 1_024 } else { 0 };
    let limits = [u64::from(r.files), u64::from(r.file_mib) * 2_048, u64::from(r.cpu_seconds), memory_kib];
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(LIMITS).arg(folder.plugin.id.as_str());
    command.args(limits.map(|l| l.to_string())).args(folder.argv());
    command
}

/// No limits there: nothing safe sets them.
#[cfg(not(unix))]
fn program(folder: &Folder) -> Command {
    let argv = folder.argv();
    let mut command = Command::new(argv.first().cloned().unwrap_or_default());
    command.args(argv.iter().skip(1));
    command
}

/// The process group of a plugin. Killed when dropped, with whatever the plugin started.
pub struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Self {
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: pid.and_then(rustix::process::Pid::from_raw) }
    }

    /// SIGKILL to every process in it, once. To be called at the latest right after the leader was waited for: the kernel
    /// gives its number to nobody else while the group lives.
    pub fn kill(&mut self) {
        let Some(leader) = self.leader.take() else { return };
        match rustix::process::kill_process_group(leader, rustix::process::Signal::KILL) {
            // Nobody is left in it.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => tracing::error!(%error, group = leader.as_raw_nonzero().get(), "a plugin cannot be ended"),
        }
    }
}

/// Elsewhere the child is killed when it is dropped, and what it started is not known.
#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Self {
        Self {}
    }
    pub fn kill(&mut self) {}
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
