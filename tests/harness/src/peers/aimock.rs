//! aimock: OpenAI and Anthropic with canned answers (`ops/peers/aimock/fixtures.json`), streamed in pieces, with usage.

use super::{Request, Server, home, script};
use anyhow::Context;
use serde_json::Value;
use std::process::Command;

pub struct AiMock {
    server: Server,
}

impl AiMock {
    pub fn start() -> anyhow::Result<Self> {
        let mut command = Command::new("node");
        command.arg(home("aimock")?.join("node_modules/@copilotkit/aimock/dist/cli.js"));
        // Strict: what has no canned answer is an error, never an invented one.
        command.args(["-p", "0", "-h", "127.0.0.1", "--strict", "-f"]).arg(script("aimock/fixtures.json"));
        command.env("AIMOCK_API_KEYS", KEY);
        Ok(Self { server: Server::start("aimock", command)? })
    }

    pub fn url(&self) -> &str {
        &self.server.url
    }
    /// The only key it takes, as bearer and as `x-api-key`.
    pub fn key(&self) -> &'static str {
        KEY
    }
    pub fn log(&self) -> String {
        self.server.output.tail()
    }

    /// Requests it got, the oldest first.
    pub fn requests(&self) -> anyhow::Result<Vec<Value>> {
        let request = Request::get("/__aimock/journal").header("x-api-key", KEY);
        request.send(self.url())?.json(200)?.as_array().cloned().context("no journal")
    }
}

const KEY: &str = "key-of-the-harness";
