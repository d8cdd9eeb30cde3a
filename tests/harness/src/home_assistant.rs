//! A real Home Assistant with its demo integration, in a configuration of its own and, where the machine allows it, in a
//! network namespace of its own. Several may run at once.
//!
//! `ops/peers/home-assistant/install.sh` brings what is needed. Everything is stopped by process group on drop.

use crate::{
    peers::{Answer, Request},
    process::{Group, Output, cache, free_port},
    relay::Relay,
};
use anyhow::{Context, bail, ensure};
use rustix::process::{Signal, WaitOptions, waitpid};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How long Home Assistant may take to answer. It takes six seconds on a quiet machine, far more beside a compiler.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// How long it may take to stop when asked.
const QUIT_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause between two looks whether it is there.
const LOOK: Duration = Duration::from_millis(100);

const CONFIGURATION: &str = include_str!("../../../ops/peers/home-assistant/configuration.yaml");
const INSTALL: &str = "run ops/peers/home-assistant/install.sh";

/// A running Home Assistant with one user, its owner. Blocking: from async tests use it in `spawn_blocking`.
pub struct RealHomeAssistant {
    // Dropped in this order: Home Assistant, the way to it, its files.
    group: Group,
    relay: Relay,
    log: Output<()>,
    home: tempfile::TempDir,
    inner_port: u16,
    token: String,
    refresh: String,
}

impl RealHomeAssistant {
    /// Starts it, and waits until it runs and its owner is logged in.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with("")
    }

    /// With more at the end of its configuration.
    pub fn start_with(extra: &str) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("if-ha-").tempdir()?;
        let inner_port = free_port()?;
        let text = CONFIGURATION.replace("@PORT@", &inner_port.to_string()).replace("@EXTRA@", extra);
        let config = home.path().join("config");
        fs::create_dir(&config)?;
        fs::write(config.join("configuration.yaml"), text)?;
        let (group, log) = spawn(home.path(), inner_port)?;
        let relay = Relay::start(home.path().join("socket"))?;
        let (token, refresh) = (String::new(), String::new());
        let mut started = Self { group, relay, log, home, inner_port, token, refresh };
        started.onboard()?;
        started.wait_running()?;
        Ok(started)
    }

    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }
    pub fn port(&self) -> u16 {
        self.relay.port()
    }
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }
    /// An access token of its owner.
    pub fn token(&self) -> &str {
        &self.token
    }
    /// The last lines of its log.
    pub fn log(&self) -> String {
        self.log.tail()
    }

    /// A GET of the REST API as its owner, as JSON: what the tests see effects with.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.authorized(Request::get(path)).send(&self.url())?.json(200)
    }
    /// The state document of an entity.
    pub fn state(&self, entity: &str) -> anyhow::Result<Value> {
        self.get(&format!("/api/states/{entity}"))
    }
    /// Calls a service as somebody else would.
    pub fn service(&self, domain: &str, service: &str, data: &Value) -> anyhow::Result<Answer> {
        let answer =
            self.authorized(Request::json(&format!("/api/services/{domain}/{service}"), data)).send(&self.url())?;
        ensure!(answer.status == 200, "{domain}.{service}: {} {}", answer.status, answer.body);
        Ok(answer)
    }
    /// Takes its owner's tokens back.
    pub fn revoke(&self) -> anyhow::Result<()> {
        let answer = Request::form("/auth/revoke", format!("token={}", self.refresh)).send(&self.url())?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(())
    }

    /// Stops every thread of it: connections stay open and nothing answers.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.group.signal(Signal::STOP)?;
        // The signal is on its way only: returns once the threads have stopped.
        waitpid(Some(self.group.pid()), WaitOptions::UNTRACED)?
            .filter(|(_, status)| status.stopped())
            .map(|_| ())
            .context("Home Assistant ended instead of stopping")
    }
    /// Ends [`freeze`](Self::freeze).
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.group.signal(Signal::CONT)
    }
    /// Kills it (SIGKILL).
    pub fn kill(&mut self) {
        self.group.stop();
    }
    /// Asks it to stop and waits until it has. Only then are its users and their tokens on disk for sure: for minutes after
    /// they were made, a kill would lose them.
    pub fn quit(&mut self) -> anyhow::Result<()> {
        self.group.signal(Signal::TERM)?;
        let ended = self.log.wait_end(QUIT_TIMEOUT);
        self.group.stop();
        ensure!(ended, "Home Assistant did not stop in {QUIT_TIMEOUT:?}\n{}", self.log());
        Ok(())
    }
    /// After [`quit`](Self::quit) or [`kill`](Self::kill): starts it again with the same files, and waits until it runs.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.kill();
        // The file outlives the process that listened there.
        let _ = fs::remove_file(self.home.path().join("socket"));
        let (group, log) = spawn(self.home.path(), self.inner_port)?;
        self.group = group;
        self.log = log;
        self.wait_running()
    }
    /// Starts it again with a configuration it cannot load: it goes into recovery mode, on the port it had.
    pub fn start_broken(&mut self) -> anyhow::Result<()> {
        ensure!(isolated(), "in recovery mode it may listen on all addresses: not without a network namespace");
        self.quit()?;
        fs::write(self.home.path().join("config/configuration.yaml"), "homeassistant: [not, a, mapping\n")?;
        self.start_again()
    }

    fn authorized(&self, request: Request) -> Request {
        request.header("Authorization", &format!("Bearer {}", self.token))
    }

    /// Makes its first user. There is nobody to ask yet, so this is also how to see that it listens.
    fn onboard(&mut self) -> anyhow::Result<()> {
        let url = self.url();
        self.wait("does not listen", || {
            Request::get("/api/onboarding").send(&url).ok().filter(|answer| answer.status == 200).map(|_| ())
        })?;
        let client = format!("{url}/");
        let user = json!({
            "client_id": client, "name": "Owner", "username": "owner", "password": "owner", "language": "en",
        });
        let made = Request::json("/api/onboarding/users", &user).send(&url)?.json(200)?;
        let code = made["auth_code"].as_str().context("no auth_code")?;
        let client = client.replace(':', "%3A").replace('/', "%2F");
        let form = format!("grant_type=authorization_code&code={code}&client_id={client}");
        let tokens = Request::form("/auth/token", form).send(&url)?.json(200)?;
        self.token = tokens["access_token"].as_str().context("no access_token")?.to_owned();
        self.refresh = tokens["refresh_token"].as_str().context("no refresh_token")?.to_owned();
        let config = self.get("/api/config")?;
        ensure!(config["recovery_mode"] == false, "it did not load its configuration\n{}", self.log());
        Ok(())
    }

    fn wait_running(&self) -> anyhow::Result<()> {
        self.wait("is not running", || {
            self.get("/api/config").ok().filter(|config| config["state"] == "RUNNING").map(|_| ())
        })
    }

    fn wait(&self, what: &str, look: impl Fn() -> Option<()>) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while look().is_none() {
            let ended = self.log.wait_end(LOOK);
            if ended || Instant::now() >= deadline {
                bail!("Home Assistant {what} ({})\n{}", if ended { "it ended" } else { "too slow" }, self.log());
            }
        }
        Ok(())
    }
}

/// Can this user have a network namespace?
fn isolated() -> bool {
    let probe = Command::new("unshare").args(["-rn", "true"]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

fn spawn(home: &Path, port: u16) -> anyhow::Result<(Group, Output<()>)> {
    let installed = cache()?.join("peers/home-assistant");
    ensure!(installed.join("installed").is_file(), "{} is missing: {INSTALL}", installed.display());
    let serve = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../ops/peers/home-assistant/serve.py");
    let python = installed.join("bin/python");
    let mut command = if isolated() {
        let mut command = Command::new("unshare");
        command.arg("-rn").arg(python);
        command
    } else {
        Command::new(python)
    };
    let (reader, writer) = std::io::pipe()?;
    command
        .arg(serve)
        .arg(home.join("socket"))
        .arg(port.to_string())
        .arg(installed.join("bin/hass"))
        .arg(home.join("config"))
        .env("HOME", home)
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let group = Group::spawn(&mut command, INSTALL)?;
    // Closes this process's copies of the pipe: its end is then the end of Home Assistant.
    drop(command);
    Ok((group, Output::follow(reader, |_| None)))
}
