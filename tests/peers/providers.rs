//! The product owner's lines for HTTP providers, as typed, through the whole fabric: real binaries against servers that
//! others wrote. Afterwards no secret that was used is anywhere but where it belongs.

use anyhow::{Context, Result};
use if_harness::{
    fabric::{Fabric, Ran},
    peers::{AiMock, LocalStripe, Moto, TelegramApi},
};
use serde_json::Value;
use std::cell::RefCell;

const ALL_OF_EC2: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#;
const BOT_TOKEN: &str = "123456:token-of-the-whole-fabric-test";

/// A fabric that remembers everything it printed.
struct Told {
    fabric: Fabric,
    said: RefCell<String>,
}

impl Told {
    fn run(&self, args: &[&str], code: i32) -> Result<Ran> {
        let ran = self.fabric.run(args)?;
        self.said.borrow_mut().push_str(&format!("{}\n{}\n", ran.stdout, ran.stderr));
        ran.expect(code)
    }

    fn json(&self, args: &[&str], code: i32) -> Result<Value> {
        self.run(&[args, &["--json"]].concat(), code)?.json()
    }
}

#[test]
#[ignore = "needs moto, localstripe, telegram-test-api and aimock: make test-peers"]
fn the_owners_lines_work_as_typed_and_no_secret_leaks() -> Result<()> {
    let (moto, users) = Moto::start(&[ALL_OF_EC2])?;
    let (stripe, telegram, ai) = (LocalStripe::start()?, TelegramApi::start()?, AiMock::start()?);
    let owner = users.first().context("a user")?;
    let mut told = Told { fabric: Fabric::up()?, said: RefCell::default() };

    ai_completes_within_its_budget(&told, &ai)?;
    chat_sends(&told, &telegram)?;
    payment_charges(&told, &stripe)?;
    cloud_makes_a_machine(&told, &moto, &owner.access_key_id, &owner.secret_access_key)?;
    a_provider_of_ones_own_appears_without_a_restart(&told, &ai)?;
    report_adds_up(&told)?;
    told.run(&["witness", "verify"], 0)?;

    let export = told.fabric.home().join("run/log.ifw").to_string_lossy().into_owned();
    told.run(&["witness", "export", "--out", &export], 0)?;
    // Named again, so that one that was given in some other way is searched for too.
    for secret in [ai.key(), BOT_TOKEN, stripe.key(), &owner.secret_access_key] {
        told.fabric.secrets().add(secret);
    }
    told.fabric.secrets().not_in("what was printed", told.said.borrow().as_bytes())?;
    told.fabric.stop()
}

fn ai_completes_within_its_budget(told: &Told, ai: &AiMock) -> Result<()> {
    let base_url = format!("{}/v1", ai.url());
    let line = ["ai", "complete", "openai", "mygpt4", "--prompt", "Explain IF"];
    told.run(
        &[
            "ai",
            "add",
            "openai",
            "mygpt4",
            "--api-key",
            ai.key(),
            "--model",
            "gpt-4",
            "--max-tokens",
            "2000",
            "--base-url",
            &base_url,
        ],
        0,
    )?;
    told.fabric.wait_instance("openai", "mygpt4", "ok")?;
    told.run(&["optimise", "budget", "set", "--daily", "50", "--monthly", "1000"], 0)?;

    let estimate = told.json(&[&["optimise", "estimate"], &line[..]].concat(), 0)?;
    let most = estimate["estimate"]["reserved"]["amount_micros"].as_i64().context("an estimate")?;
    // 2,000 tokens of the answer at $60 per million, and the prompt.
    assert!(most > 120_000 && most < 130_000, "{estimate}");

    let done = told.json(&line, 0)?;
    assert_eq!(
        done["result"]["text"],
        "IF runs a command, confirms what it did, and keeps a record that anybody can check."
    );
    // 11 tokens in at $30 and 17 out at $60 per million.
    assert_eq!(done["cost"]["amount_micros"], 11 * 30 + 17 * 60, "{done}");
    assert_eq!(done["budget"]["remaining"]["amount_micros"], 50_000_000 - 1_350, "{done}");

    let human = told.run(&line, 0)?;
    assert!(human.stdout.starts_with("IF runs a command"), "the text comes first: {}", human.stdout);
    assert!(human.stdout.contains("Cost: $0.00135\n"), "{}", human.stdout);
    assert!(human.stdout.contains("Budget: $49.9973 remaining / $50.00 daily limit\n"), "{}", human.stdout);

    told.run(&["optimise", "budget", "set", "--daily", "0.10", "--instance", "openai/mygpt4"], 0)?;
    let refused = told.json(&line, 3)?;
    assert_eq!(refused["error"]["code"], "budget_exceeded", "{refused}");
    told.run(&["optimise", "budget", "remove", "--daily", "--instance", "openai/mygpt4"], 0)?;
    let unpriced = told.json(&[&line[..], &["--model", "a-model-nobody-knows"]].concat(), 3)?;
    assert_eq!(unpriced["error"]["code"], "price_unknown", "{unpriced}");
    let status = told.run(&["optimise", "budget", "status"], 0)?;
    assert!(status.stdout.contains("global") && status.stdout.contains("$50.00"), "{}", status.stdout);
    Ok(())
}

fn chat_sends(told: &Told, telegram: &TelegramApi) -> Result<()> {
    told.run(
        &["chat", "add", "telegram", "mychannel", "--token", BOT_TOKEN, "--chat", "42", "--base-url", telegram.url()],
        0,
    )?;
    told.fabric.wait_instance("telegram", "mychannel", "ok")?;
    let sent = told.json(&["chat", "send", "telegram", "mychannel", "Hello"], 0)?;
    assert_eq!(
        (&sent["result"]["chat"], &sent["cost"]["amount_micros"]),
        (&Value::from(42), &Value::from(0)),
        "{sent}"
    );
    assert_eq!(telegram.said(BOT_TOKEN)?[0]["text"], "Hello");
    told.run(&["chat", "test", "telegram", "mychannel"], 0)?;
    Ok(())
}

fn payment_charges(told: &Told, stripe: &LocalStripe) -> Result<()> {
    let (customer, card) = stripe.customer_with_card("4242424242424242")?;
    told.run(
        &[
            "payment",
            "add",
            "stripe",
            "mypayments",
            "--secret-key",
            stripe.key(),
            "--currency",
            "usd",
            "--customer",
            &customer,
            "--payment-method",
            &card,
            "--base-url",
            stripe.url(),
        ],
        0,
    )?;
    told.fabric.wait_instance("stripe", "mypayments", "ok")?;
    let dry = told.run(&["payment", "charge", "stripe", "mypayments", "--amount", "1000", "--dry-run"], 0)?;
    assert!(dry.stderr.contains("10.00") && dry.stderr.contains(&customer), "what is charged to whom: {}", dry.stderr);
    assert_eq!(stripe.charges()?.len(), 0, "a dry run charges nothing");
    let charged = told.json(&["payment", "charge", "stripe", "mypayments", "--amount", "1000"], 0)?;
    assert_eq!(charged["result"]["amount"], 1000, "{charged}");
    assert!(charged["cost"]["amount_micros"].as_i64().is_some_and(|fee| fee > 0), "the fee: {charged}");
    assert_eq!(stripe.charges()?.len(), 1);
    let listed = told.json(&["payment", "list", "stripe", "mypayments"], 0)?;
    assert_eq!(listed["result"]["items"].as_array().map(Vec::len), Some(1), "{listed}");
    told.run(&["payment", "charge", "stripe", "mypayments", "--amount", "ten"], 2)?;
    Ok(())
}

fn cloud_makes_a_machine(told: &Told, moto: &Moto, key: &str, secret: &str) -> Result<()> {
    let (region, url) = (moto.region(), moto.url());
    let add = ["cloud", "add", "aws", "myaccount", "--access-key-id", key, "--secret-access-key", secret];
    let add = [&add[..], &["--region", region, "--base-url", url]].concat();
    told.run(&add, 0)?;
    told.fabric.wait_instance("aws", "myaccount", "ok")?;
    let images = told.json(&["cloud", "image", "list", "aws", "myaccount", "--owner", "amazon"], 0)?;
    let image = images["result"]["items"][0]["id"].as_str().context("an image")?.to_string();
    told.run(&["cloud", "remove", "aws", "myaccount"], 0)?;
    told.run(&[&add[..], &["--image", &image]].concat(), 0)?;
    told.fabric.wait_instance("aws", "myaccount", "ok")?;
    // What a machine costs per hour is not in the tables of this build: it has to be said once.
    let line = ["cloud", "vm", "create", "aws", "myaccount", "--type", "t3.medium", "--deadline", "60s"];
    let refused = told.json(&line, 3)?;
    assert_eq!(refused["error"]["code"], "price_unknown", "{refused}");
    let hint = refused["error"]["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("optimise price set aws t3.medium"), "{hint}");
    told.run(&["optimise", "price", "set", "aws", "t3.medium", "--rate", "hour=0.0416", "--source", "the test"], 0)?;
    let made = told.json(&line, 0)?;
    assert_eq!(
        (&made["result"]["state"], &made["cost"]["amount_micros"]),
        (&Value::from("running"), &Value::from(41_600))
    );
    Ok(())
}

/// A manifest put into the plugins folder while everything runs.
fn a_provider_of_ones_own_appears_without_a_restart(told: &Told, ai: &AiMock) -> Result<()> {
    let folder = told.fabric.home().join("plugins/mockjournal");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("manifest.yaml"), JOURNAL)?;
    let shown = told.run(&["chat", "providers"], 0)?;
    assert!(shown.stdout.contains("mockjournal"), "{}", shown.stdout);
    told.run(&["chat", "add", "mockjournal", "here", "--key", ai.key(), "--base-url", ai.url()], 0)?;
    told.fabric.wait_instance("mockjournal", "here", "ok")?;
    let read = told.json(&["chat", "history", "mockjournal", "here"], 0)?;
    assert!(read["result"]["items"].as_array().is_some_and(|items| !items.is_empty()), "{read}");
    std::fs::write(folder.join("manifest.yaml"), JOURNAL.replace("effect:", "efect:"))?;
    let wrong = told.run(&["config", "check"], 64)?;
    assert!(wrong.stderr.contains("manifest.yaml:") && wrong.stderr.contains("effect"), "{}", wrong.stderr);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

const JOURNAL: &str = r"
manifest: 1
id: mockjournal
display_name: Journal
category: chat
summary: what a stand-in was asked
docs_url: https://example.com/docs
checked_on: 2026-11-24
maturity: documented
allowed_hosts: [journal.example.com]
base_url: '{{ instance.base_url }}'
instance:
  key: { type: string, secret: true, required: true, help: key }
  base_url: { type: string, format: uri, required: true, help: address }
auth:
  header: { name: x-api-key, value: '{{ secret.key }}' }
verify: history
operations:
  history:
    summary: every request, the oldest first
    effect: read
    price: free
    request: { method: GET, path: /__aimock/journal }
    response:
      list: { items: '$[*]', fields: { path: $.path } }
";

fn report_adds_up(told: &Told) -> Result<()> {
    let report = told.json(&["optimise", "report", "--group-by", "provider,operation"], 0)?;
    let rows = report["rows"].as_array().context("rows")?;
    let posted = |row: &Value| {
        row["posted"].as_array().into_iter().flatten().filter_map(|m| m["amount_micros"].as_i64()).sum::<i64>()
    };
    let sum: i64 = rows.iter().map(posted).sum();
    assert_eq!(sum, posted(&report["total"]), "{report}");
    let status = told.json(&["status"], 0)?;
    let ledger = status["ledger"].as_array().context("a ledger")?;
    let in_log: i64 = ledger.iter().filter_map(|row| row["posted"]["amount_micros"].as_i64()).sum();
    assert_eq!(sum, in_log, "the report and the log: {status}");
    let openai = told.run(&["optimise", "report", "--provider", "openai", "--since", "1 week ago"], 0)?;
    assert!(openai.stdout.contains("$0.0027"), "two completions: {}", openai.stdout);
    told.run(&["optimise", "report", "--format", "csv", "--group-by", "model"], 0)?;
    told.run(&["optimise", "forecast"], 0)?;
    told.run(&["optimise", "rates"], 0)?;
    Ok(())
}
