//! telegram-test-api: the Bot API in memory, for any token. Not faithful: it checks no token, and answers editing and deleting
//! with `null` where Telegram gives the message or true.

use super::{Request, Server, home, script};
use anyhow::Context;
use serde_json::{Value, json};
use std::process::Command;

pub struct TelegramApi {
    server: Server,
}

impl TelegramApi {
    pub fn start() -> anyhow::Result<Self> {
        let mut command = Command::new("node");
        command.arg(script("telegram/serve.js")).arg(home("telegram")?);
        Ok(Self { server: Server::start("telegram", command)? })
    }

    pub fn url(&self) -> &str {
        &self.server.url
    }
    pub fn log(&self) -> String {
        self.server.output.tail()
    }

    /// What the bot of that token has said and not deleted, the oldest first.
    pub fn said(&self, token: &str) -> anyhow::Result<Vec<Value>> {
        let answer = Request::json("/getUpdatesHistory", &json!({"token": token})).send(self.url())?;
        let history = answer.json(200)?["result"].as_array().cloned().context("no history")?;
        Ok(history.into_iter().map(|update| update["message"].clone()).collect())
    }
}
