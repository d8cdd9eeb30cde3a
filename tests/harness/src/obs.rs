//! A real OBS Studio under Xvfb on a free loopback port, in a home of its own. Several may run at once.
//!
//! `ops/peers/obs/install.sh` brings what is needed. Everything is stopped by process group on drop.

use crate::process::{Group, Output, cache, free_port};
use anyhow::{Context, bail, ensure};
use rustix::process::{Signal, WaitOptions, waitpid};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// How long Xvfb may take to open its display.
const DISPLAY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long OBS may take to listen. It takes 1.5 s on a quiet machine, far more beside a compiler.
const START_TIMEOUT: Duration = Duration::from_secs(90);
/// How long the greeting on a listening websocket may take.
const HELLO_TIMEOUT: Duration = Duration::from_secs(20);
/// How long OBS may take to quit when asked. It takes a second on a quiet machine.
const QUIT_TIMEOUT: Duration = Duration::from_secs(20);
/// A free port may be taken by somebody else before OBS has it: so many are tried.
const PORT_ATTEMPTS: usize = 4;
/// Most bytes read while looking for the greeting.
const HELLO_MAX_BYTES: usize = 16 << 10;

const GLOBAL_INI: &str = include_str!("../../../ops/peers/obs/global.ini");
const BASIC_INI: &str = include_str!("../../../ops/peers/obs/basic.ini");
const INSTALL: &str = "run ops/peers/obs/install.sh";

/// A running OBS Studio. Blocking: from async tests use it before the first await, or in `spawn_blocking`.
pub struct RealObs {
    // Dropped in this order: OBS, its display, its files.
    obs: Group,
    _display: Group,
    home: tempfile::TempDir,
    port: u16,
    password: Option<String>,
    log: Output<ServerLine>,
}

impl RealObs {
    /// Starts OBS with that password, or with authentication off, and waits until its websocket greets.
    pub fn start(password: Option<&str>) -> anyhow::Result<Self> {
        Self::start_recording(password, "Stream")
    }

    /// The same with another quality of recordings (`Small`, `HQ`): they have an encoder of their own then, and can be paused.
    pub fn start_recording(password: Option<&str>, quality: &str) -> anyhow::Result<Self> {
        let (display_process, display) = start_display()?;
        let home = tempfile::Builder::new().prefix("if-obs-").tempdir()?;
        let mut last = None;
        for _ in 0..PORT_ATTEMPTS {
            let port = free_port()?;
            write_settings(home.path(), port, password, quality)?;
            match start_obs(home.path(), &display, port) {
                Ok((obs, log)) => {
                    let password = password.map(str::to_owned);
                    return Ok(Self { obs, _display: display_process, home, port, password, log });
                }
                Err(StartError::PortTaken(error)) => last = Some(error),
                Err(StartError::Other(error)) => return Err(error),
            }
        }
        Err(last.context("no port was tried")?)
    }

    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }
    pub fn port(&self) -> u16 {
        self.port
    }
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }
    /// Where it writes recordings.
    pub fn recordings(&self) -> PathBuf {
        self.home.path().join("recordings")
    }
    /// A folder that is removed with it.
    pub fn scratch(&self) -> &Path {
        self.home.path()
    }
    /// The last lines of its log.
    pub fn log(&self) -> String {
        self.log.tail()
    }

    /// Stops every thread of it: connections stay open and nothing answers.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.obs.signal(Signal::STOP)?;
        // The signal is on its way only: returns once the threads have stopped.
        waitpid(Some(self.obs.pid()), WaitOptions::UNTRACED)?
            .filter(|(_, status)| status.stopped())
            .map(|_| ())
            .context("OBS ended instead of stopping")
    }
    /// Ends [`freeze`](Self::freeze).
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.obs.signal(Signal::CONT)
    }
    /// Asks it to quit and waits until it is gone. False where it hung on the way out and was killed: with software
    /// rendering OBS 29 does so about once in twelve times, its main thread waiting for ever in `xcb_take_socket`.
    pub fn quit(&mut self) -> anyhow::Result<bool> {
        self.obs.signal(Signal::INT)?;
        let quit = self.log.wait_end(QUIT_TIMEOUT);
        let told = self.log().contains("==== Shutting down ====");
        self.obs.stop();
        ensure!(quit || told, "OBS did not begin to quit in {QUIT_TIMEOUT:?}\n{}", self.log());
        Ok(quit)
    }
    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.obs.stop();
    }
    /// After [`quit`](Self::quit) or [`kill`](Self::kill): starts it again on the same port with the same files.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.obs.stop();
        let display = fs::read_to_string(self.home.path().join("display"))?;
        match start_obs(self.home.path(), &display, self.port) {
            Ok((obs, log)) => {
                self.obs = obs;
                self.log = log;
                Ok(())
            }
            Err(StartError::PortTaken(error) | StartError::Other(error)) => Err(error),
        }
    }
}

/// Xvfb chooses a free display number itself and tells it once it takes clients.
fn start_display() -> anyhow::Result<(Group, String)> {
    let mut command = Command::new("Xvfb");
    command.args(["-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"]);
    let mut group = Group::spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()), INSTALL)?;
    let stdout = group.stdout()?;
    let (sender, number) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        // The receiver is gone only where the wait was given up.
        let _ = sender.send(read.map(|_| line.trim().to_owned()));
    });
    let number = number.recv_timeout(DISPLAY_TIMEOUT).context("Xvfb opened no display")??;
    ensure!(!number.is_empty(), "Xvfb ended without opening a display");
    Ok((group, format!(":{number}")))
}

enum StartError {
    PortTaken(anyhow::Error),
    Other(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for StartError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

fn start_obs(home: &Path, display: &str, port: u16) -> Result<(Group, Output<ServerLine>), StartError> {
    let shim = shim()?;
    fs::write(home.join("display"), display)?;
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new("obs");
    command
        .args(["--multi", "--minimize-to-tray", "--websocket_ipv4_only"])
        .args(["--profile", "Untitled", "--collection", "Untitled"])
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join(".config"))
        .env("XDG_RUNTIME_DIR", home.join("run"))
        .env("DISPLAY", display)
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        .env("QT_QPA_PLATFORM", "xcb")
        .env("LD_PRELOAD", shim)
        // It asks its makers for updates of a list of streaming services: no test goes to the network.
        .env("https_proxy", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let group = Group::spawn(&mut command, INSTALL)?;
    // Closes this process's copies of the pipe: its end is then the end of OBS.
    drop(command);
    let deadline = Instant::now() + START_TIMEOUT;
    let log = Output::follow(reader, server_line);
    match log.wait_told(deadline) {
        Some(ServerLine::Started) => {}
        Some(ServerLine::Failed(line)) => {
            return Err(StartError::PortTaken(anyhow::anyhow!("obs-websocket did not start: {line}")));
        }
        None => return Err(anyhow::anyhow!("OBS did not listen in {START_TIMEOUT:?}\n{}", log.tail()).into()),
    }
    hello(port).with_context(|| format!("OBS listens but does not greet\n{}", log.tail()))?;
    Ok((group, log))
}

fn shim() -> anyhow::Result<PathBuf> {
    let shim = cache()?.join("peers/obs/loopback_bind.so");
    ensure!(shim.is_file(), "{} is missing: {INSTALL}", shim.display());
    Ok(shim)
}

fn write_settings(home: &Path, port: u16, password: Option<&str>, quality: &str) -> anyhow::Result<()> {
    let settings = home.join(".config/obs-studio");
    let profile = settings.join("basic/profiles/Untitled");
    let recordings = home.join("recordings");
    let run = home.join("run");
    for directory in [&profile, &recordings, &run] {
        fs::create_dir_all(directory)?;
    }
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700))?;
    let global = GLOBAL_INI
        .replace("@PORT@", &port.to_string())
        .replace("@AUTH@", if password.is_some() { "true" } else { "false" })
        .replace("@PASSWORD@", password.unwrap_or_default());
    fs::write(settings.join("global.ini"), global)?;
    let recordings = recordings.to_str().context("the temporary directory is no UTF-8")?;
    fs::write(profile.join("basic.ini"), BASIC_INI.replace("@RECORDINGS@", recordings).replace("@QUALITY@", quality))?;
    Ok(())
}

/// Upgrades to a websocket and reads until OBS's `Hello` is in what came.
fn hello(port: u16) -> anyhow::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, HELLO_TIMEOUT)?;
    stream.set_read_timeout(Some(HELLO_TIMEOUT))?;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut seen = Vec::new();
    let mut chunk = [0; 2048];
    while seen.len() < HELLO_MAX_BYTES {
        let count = stream.read(&mut chunk)?;
        ensure!(count > 0, "closed after {:?}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&chunk[..count]);
        if String::from_utf8_lossy(&seen).contains("obsWebSocketVersion") {
            return Ok(());
        }
    }
    bail!("no Hello in {HELLO_MAX_BYTES} bytes")
}

enum ServerLine {
    Started,
    Failed(String),
}

fn server_line(line: &str) -> Option<ServerLine> {
    let (_, told) = line.split_once("[WebSocketServer::Start]")?;
    let told = told.trim();
    if told.starts_with("Server started successfully") {
        return Some(ServerLine::Started);
    }
    let lower = told.to_lowercase();
    (lower.contains("fail") || lower.contains("error")).then(|| ServerLine::Failed(told.to_owned()))
}
