//! Real servers that others wrote, on free loopback ports: stand-ins for the vendors' own. Several may run at once.
//!
//! `ops/peers/NAME/install.sh` brings what is needed. Everything is stopped by process group on drop.
//! Blocking: from async tests use them before the first await, or in `spawn_blocking`.

mod aimock;
mod http;
mod localstripe;
mod moto;
mod telegram;
mod vmix_clients;

pub use aimock::AiMock;
pub use http::{Answer, Request};
pub use localstripe::LocalStripe;
pub use moto::{Moto, MotoUser};
pub use telegram::TelegramApi;
pub use vmix_clients::vmix_client;

use crate::process::{Group, Output, cache};
use anyhow::{Context, ensure};
use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

/// How long a server may take to say where it listens. They take two seconds on a quiet machine, far more beside a compiler.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// A server that prints `http://127.0.0.1:PORT` once it listens.
struct Server {
    // Dropped first, so that the reader sees the end.
    _group: Group,
    output: Output<String>,
    url: String,
}

impl Server {
    fn start(peer: &str, mut command: Command) -> anyhow::Result<Self> {
        let hint = format!("run ops/peers/{peer}/install.sh");
        let (reader, writer) = std::io::pipe()?;
        command.stdout(writer.try_clone()?).stderr(writer);
        let group = Group::spawn(&mut command, &hint)?;
        // Closes this process's copies of the pipe: its end is then the end of the server.
        drop(command);
        let output = Output::follow(reader, address);
        let url = output.wait_told(Instant::now() + START_TIMEOUT);
        let url = url.with_context(|| format!("{peer} did not listen in {START_TIMEOUT:?}\n{}", output.tail()))?;
        Ok(Self { _group: group, output, url })
    }
}

/// The address in a line like `listening on http://127.0.0.1:4010`.
fn address(line: &str) -> Option<String> {
    let at = line.find("http://127.0.0.1:")?;
    let port: String =
        line[at..].trim_start_matches("http://127.0.0.1:").chars().take_while(char::is_ascii_digit).collect();
    let port: u16 = port.parse().ok()?;
    (port != 0).then(|| format!("http://127.0.0.1:{port}"))
}

/// The folder a peer is installed in.
fn home(peer: &str) -> anyhow::Result<PathBuf> {
    let home = cache()?.join("peers").join(peer);
    ensure!(home.join("installed").is_file(), "{} is missing: run ops/peers/{peer}/install.sh", home.display());
    Ok(home)
}

/// A file of `ops/peers`.
fn script(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../ops/peers").join(path)
}
