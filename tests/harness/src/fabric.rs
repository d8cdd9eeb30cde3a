//! A whole fabric of real processes in a home directory of its own, driven through the command line as a user would.

use crate::{nats::wait_for, secrets::Secrets};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

/// How long a daemon may take to do what is asked of it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Directory of the binaries under test: where this test's own binary is, one up.
pub fn bin_dir() -> anyhow::Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let mut dir = exe.parent().context("no directory")?.to_path_buf();
    if dir.ends_with("deps") {
        dir.pop();
    }
    ensure!(dir.join("if").exists(), "{} has no `if`: run `cargo build --workspace` first", dir.display());
    Ok(dir)
}

pub struct Fabric {
    home: tempfile::TempDir,
    bin: PathBuf,
    up: bool,
    secrets: Secrets,
}

/// What a command printed and how it ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no JSON: {}\n{}", self.stdout, self.stderr))
    }
    /// Fails unless the exit code is `code`, showing everything printed.
    pub fn expect(self, code: i32) -> anyhow::Result<Self> {
        ensure!(
            self.code == code,
            "exit {} instead of {code}\nstdout: {}\nstderr: {}",
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }
}

impl Fabric {
    /// A home made by `init`; nothing runs yet.
    pub fn new() -> anyhow::Result<Self> {
        let fabric = Self { home: tempfile::tempdir()?, bin: bin_dir()?, up: false, secrets: Secrets::default() };
        fabric.run(&["init"])?.expect(0)?;
        Ok(fabric)
    }

    /// A home with everything running.
    pub fn up() -> anyhow::Result<Self> {
        let mut fabric = Self::new()?;
        fabric.start()?;
        Ok(fabric)
    }

    pub fn start(&mut self) -> anyhow::Result<()> {
        self.up = true;
        self.run(&["up", "--detach"])?.expect(0)?;
        Ok(())
    }

    /// Stops everything; no secret that a command line has named may have been left behind anywhere.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        if !self.secrets.is_empty() {
            self.secrets.not_in("the metrics", self.metrics()?.as_bytes())?;
        }
        self.run(&["down"])?.expect(0)?;
        self.up = false;
        self.secrets.not_in_home(self.home())
    }

    /// The secrets it has been given; every output is searched for them, and in the end the home directory.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The broker's metrics page.
    pub fn metrics(&self) -> anyhow::Result<String> {
        let text = std::fs::read_to_string(self.home.path().join("run/fabric.json"))?;
        let file: Value = serde_json::from_str(&text)?;
        let mut stream = TcpStream::connect(file["http_addr"].as_str().context("no address")?)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn bin(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// `if ARGS…` in this home.
    pub fn run(&self, args: &[&str]) -> anyhow::Result<Ran> {
        self.run_binary("if", args)
    }

    pub fn run_binary(&self, binary: &str, args: &[&str]) -> anyhow::Result<Ran> {
        self.secrets.add_from(args);
        let Output { status, stdout, stderr } = self.command(binary).args(args).output()?;
        self.secrets.not_in("what was printed", &stdout)?;
        self.secrets.not_in("what was printed", &stderr)?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Ran { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) })
    }

    pub fn command(&self, binary: &str) -> Command {
        let mut command = Command::new(self.bin.join(binary));
        command.env("IF_HOME", self.home.path()).env("NO_COLOR", "1").env_remove("IF_NATS");
        command
    }

    /// Runs with `--json` and gives the document.
    pub fn json(&self, args: &[&str]) -> anyhow::Result<Value> {
        let mut all = args.to_vec();
        all.push("--json");
        self.run(&all)?.expect(0)?.json()
    }

    /// pid of `nats`, `broker` or `worker` as the running fabric has it.
    pub fn pid(&self, which: &str) -> anyhow::Result<i32> {
        let text = std::fs::read_to_string(self.home.path().join("run/fabric.json"))?;
        let pid = serde_json::from_str::<Value>(&text)?["pids"][which].as_i64().context("no pid")?;
        Ok(i32::try_from(pid)?)
    }

    /// SIGKILL to one part; the supervisor starts it again.
    pub fn kill_9(&self, which: &str) -> anyhow::Result<()> {
        let pid = self.pid(which)?.to_string();
        ensure!(Command::new("kill").args(["-9", &pid]).status()?.success(), "{which} (pid {pid}) was not there");
        Ok(())
    }

    /// Waits until the instance is in `state`.
    pub fn wait_instance(&self, provider: &str, instance: &str, state: &str) -> anyhow::Result<()> {
        wait_for(&format!("{provider}/{instance} {state}"), PATIENCE, || {
            let nodes = self.json(&["node", "list"]).ok()?.to_string();
            let wanted = serde_json::from_str::<Value>(&nodes).ok()?;
            let mut found = false;
            visit(&wanted, &mut |v| {
                found |= v["provider"] == provider && v["instance"] == instance && v["state"] == state;
            });
            found.then_some(())
        })
    }
}

fn visit(value: &Value, f: &mut impl FnMut(&Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(|v| visit(v, f)),
        Value::Object(map) => {
            f(value);
            map.values().for_each(|v| visit(v, f));
        }
        _ => {}
    }
}

impl Drop for Fabric {
    fn drop(&mut self) {
        if self.up {
            let _ = self.run(&["down"]);
        }
    }
}
