//! Other processes, by id. A pid from a file is only ever signalled after a look at what the process is.

/// Asks a process to stop.
#[cfg(unix)]
pub fn terminate(pid: u32) -> bool {
    signal(pid, rustix::process::Signal::TERM)
}

/// Stops a process that does not listen.
#[cfg(unix)]
pub fn kill(pid: u32) -> bool {
    signal(pid, rustix::process::Signal::KILL)
}

#[cfg(unix)]
fn signal(pid: u32, signal: rustix::process::Signal) -> bool {
    unix_pid(pid).is_some_and(|pid| rustix::process::kill_process(pid, signal).is_ok())
}

/// Whether it still runs. One that has ended and that nobody has waited for does not.
#[cfg(unix)]
pub fn is_alive(pid: u32) -> bool {
    unix_pid(pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()) && !is_zombie(pid)
}

#[cfg(target_os = "linux")]
fn is_zombie(pid: u32) -> bool {
    // The state follows the program's name, which is in brackets and may hold anything.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn is_zombie(_: u32) -> bool {
    false
}

#[cfg(unix)]
fn unix_pid(pid: u32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)
}

/// Leaves the terminal's session, so that closing the terminal stops nothing.
#[cfg(unix)]
pub fn leave_session() {
    // Fails only for a session leader, which needs it no more.
    let _ = rustix::process::setsid();
}

#[cfg(not(unix))]
pub fn leave_session() {}

#[cfg(not(unix))]
pub fn terminate(pid: u32) -> bool {
    taskkill(&["/PID", &pid.to_string()])
}

#[cfg(not(unix))]
pub fn kill(pid: u32) -> bool {
    taskkill(&["/F", "/PID", &pid.to_string()])
}

#[cfg(not(unix))]
fn taskkill(args: &[&str]) -> bool {
    std::process::Command::new("taskkill").args(args).output().is_ok_and(|o| o.status.success())
}

#[cfg(not(unix))]
pub fn is_alive(pid: u32) -> bool {
    command_line(pid).is_some()
}

/// The words a process was started with, joined by spaces; `None` if there is no such process.
#[cfg(target_os = "linux")]
pub fn command_line(pid: u32) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<_> = bytes.split(|b| *b == 0).map(String::from_utf8_lossy).collect();
    Some(words.join(" ").trim_end().to_string()).filter(|w| !w.is_empty())
}

#[cfg(all(unix, not(target_os = "linux")))]
pub fn command_line(pid: u32) -> Option<String> {
    let output = std::process::Command::new("ps").args(["-o", "args=", "-p", &pid.to_string()]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_string()).filter(|w| !w.is_empty())
}

#[cfg(not(unix))]
pub fn command_line(pid: u32) -> Option<String> {
    let query = format!("(Get-CimInstance Win32_Process -Filter 'ProcessId={pid}').CommandLine");
    let output = std::process::Command::new("powershell").args(["-NoProfile", "-Command", &query]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_string()).filter(|w| !w.is_empty())
}
