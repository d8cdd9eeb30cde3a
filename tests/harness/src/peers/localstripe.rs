//! localstripe: Stripe's objects in memory. It takes every key that begins with `sk_`, and it ignores idempotency keys: what is
//! sent twice happens twice.

use super::{Answer, Request, Server, home, script};
use anyhow::Context;
use serde_json::Value;
use std::process::Command;

pub struct LocalStripe {
    server: Server,
}

impl LocalStripe {
    pub fn start() -> anyhow::Result<Self> {
        let mut command = Command::new(home("localstripe")?.join("bin/python"));
        command.arg(script("localstripe/serve.py"));
        Ok(Self { server: Server::start("localstripe", command)? })
    }

    pub fn url(&self) -> &str {
        &self.server.url
    }
    /// A key it takes.
    pub fn key(&self) -> &'static str {
        "sk_test_of_the_harness"
    }
    pub fn log(&self) -> String {
        self.server.output.tail()
    }

    /// A customer, and a payment method that belongs to it. `4000000000000341` is a card that is declined.
    pub fn customer_with_card(&self, number: &str) -> anyhow::Result<(String, String)> {
        let customer = id(&self.post("/v1/customers", "email=someone@example.org")?)?;
        let card = format!("type=card&card[number]={number}&card[exp_month]=12&card[exp_year]=2090&card[cvc]=123");
        let card = id(&self.post("/v1/payment_methods", &card)?)?;
        self.post(&format!("/v1/payment_methods/{card}/attach"), &format!("customer={customer}"))?.json(200)?;
        Ok((customer, card))
    }

    /// Every charge it knows, the newest first.
    pub fn charges(&self) -> anyhow::Result<Vec<Value>> {
        let answer = Request::get("/v1/charges?limit=100").header("Authorization", &self.bearer()).send(self.url())?;
        answer.json(200)?["data"].as_array().cloned().context("no list")
    }

    /// Sends a form with the key it takes.
    pub fn post(&self, path: &str, form: &str) -> anyhow::Result<Answer> {
        Request::form(path, form).header("Authorization", &self.bearer()).send(self.url())
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.key())
    }
}

fn id(answer: &Answer) -> anyhow::Result<String> {
    answer.json(200)?["id"].as_str().map(str::to_owned).context("no id")
}
