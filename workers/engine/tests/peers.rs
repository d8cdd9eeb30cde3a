//! Providers against servers that others wrote. Run by `make test-peers`.

#![cfg(unix)]

use anyhow::{Context, Result, bail};
use if_engine::{
    Adapter, Call, Execution, InstanceConfig, Metered, ProgressSink, Secret,
    auth::{Authenticator, MemoryTokenStore, SystemClock},
    http::{Client, Engine, HttpAdapter, LoginRequests, TlsSettings},
};
use if_harness::peers::{AiMock, LocalStripe, Moto, TelegramApi};
use if_manifest::plan::{Plan, context_of};
use if_schemas::{CommandId, presence::InstanceState, price::Unit};
use serde_json::{Map, Value, json};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Far more than any call takes.
const TIME: Duration = Duration::from_secs(60);

fn plan(id: &str) -> Result<Arc<Plan>> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../providers").join(id).join("manifest.yaml");
    let text = std::fs::read_to_string(&file)?;
    let plan = if_manifest::compile_as(id, "manifest.yaml", &text);
    plan.map(Arc::new).map_err(|errors| anyhow::anyhow!("{id}: {}", errors[0]))
}

/// An instance of a provider: its engine, and its adapter.
struct Instance {
    plan: Arc<Plan>,
    engine: Arc<Engine>,
    adapter: HttpAdapter,
    /// Different for every call, as the idempotency keys are.
    calls: std::sync::atomic::AtomicU64,
}

impl Instance {
    fn new(id: &str, settings: Value) -> Result<Self> {
        let plan = plan(id)?;
        Ok(Self {
            engine: Arc::new(engine(&plan, &settings)?),
            adapter: HttpAdapter::of_engine(engine(&plan, &settings)?),
            plan,
            calls: 1.into(),
        })
    }

    fn call(&self, operation: &str, args: Value) -> Result<Call> {
        let spec = self.plan.spec.operation(operation).with_context(|| format!("no {operation}"))?;
        let args = spec.check(&args.as_object().cloned().unwrap_or_default())?;
        let n = self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let operation = operation.parse()?;
        Ok(Call { command: CommandId::new(n, [7; 10]), operation, args, deadline: Instant::now() + TIME })
    }

    async fn run(&self, operation: &str, args: Value) -> Result<(Execution, Metered)> {
        Ok(self.engine.execute(&self.call(operation, args)?, &ProgressSink::none()).await)
    }

    /// The result of a call that must succeed.
    async fn ok(&self, operation: &str, args: Value) -> Result<Value> {
        match self.run(operation, args).await?.0 {
            Execution::Succeeded(result) => Ok(result),
            other => bail!("{operation}: {other:?}"),
        }
    }

    /// The code of a call that must fail.
    async fn fails(&self, operation: &str, args: Value) -> Result<String> {
        match self.run(operation, args).await?.0 {
            Execution::Failed(failure) => Ok(failure.code),
            other => bail!("{operation}: {other:?}"),
        }
    }
}

fn engine(plan: &Arc<Plan>, settings: &Value) -> Result<Engine> {
    let checked = plan.spec.check_instance(settings.as_object().context("settings")?)?;
    let secret = |name: &str| plan.spec.field(name).is_some_and(|f| f.secret);
    let (secrets, settings): (Map<_, _>, Map<_, _>) = checked.into_iter().partition(|(name, _)| secret(name));
    let names = |secret: bool| plan.spec.instance.iter().filter(move |f| f.secret == secret).map(|f| f.name.as_str());
    let all = |names: Vec<&str>, values: &Map<String, Value>| -> Value {
        names.into_iter().map(|name| (name.to_owned(), values.get(name).cloned().unwrap_or_default())).collect()
    };
    let instance = all(names(false).collect(), &settings);
    let context = context_of(json!({"instance": instance, "secret": all(names(true).collect(), &secrets)}));
    let secrets = secrets.into_iter().filter_map(|(k, v)| Some((k, Secret::new(v.as_str()?.to_owned()))));
    let secrets = secrets.collect();
    let config = InstanceConfig { provider: plan.spec.id.parse()?, name: "one".parse()?, settings, secrets };
    let transport = Arc::new(Client::new(&plan.limits, &TlsSettings::default())?);
    let auth = Authenticator::new(
        plan.clone(),
        context,
        transport.clone(),
        Arc::new(SystemClock),
        Arc::new(MemoryTokenStore::default()),
        Arc::new(LoginRequests),
    )?;
    Ok(Engine::new(plan.clone(), config, transport, Arc::new(auth)))
}

const ALL_OF_EC2: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#;
const LOOK_ONLY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}"#;

#[tokio::test]
#[ignore = "needs moto: make test-peers"]
async fn aws_makes_stops_starts_and_deletes_a_machine() -> Result<()> {
    let (moto, users) = Moto::start(&[ALL_OF_EC2, LOOK_ONLY])?;
    let [owner, looker] = users.as_slice() else { bail!("two users: {users:?}") };
    let settings = |key: &str, secret: &str| json!({"access_key_id": key, "secret_access_key": secret, "region": moto.region(), "base_url": moto.url()});
    let aws = Instance::new("aws", settings(&owner.access_key_id, &owner.secret_access_key))?;
    assert!(aws.adapter.connect().await.is_ok());
    let images = aws.ok("cloud.image.list", json!({"owner": "amazon"})).await?;
    let image = images["items"][0]["id"].as_str().context("an image")?;
    let made = aws.ok("cloud.vm.create", json!({"type": "t3.medium", "image": image, "name": "web"})).await?;
    assert_eq!((&made["state"], &made["type"], &made["name"]), (&json!("running"), &json!("t3.medium"), &json!("web")));
    let listed = aws.ok("cloud.vm.list", json!({})).await?;
    assert_eq!(listed["items"][0]["id"], made["id"], "{listed}");
    let machine = json!({"id": made["id"]});
    assert_eq!(aws.ok("cloud.vm.stop", machine.clone()).await?["state"], "stopped");
    assert_eq!(aws.ok("cloud.vm.start", machine.clone()).await?["state"], "running");
    assert_eq!(aws.ok("cloud.vm.reboot", machine.clone()).await?["id"], made["id"]);
    assert_eq!(aws.ok("cloud.vm.delete", machine.clone()).await?["state"], "terminated");
    assert_eq!(aws.fails("cloud.vm.get", json!({"id": "i-00000000000000000"})).await?, "not_found");

    let looker = Instance::new("aws", settings(&looker.access_key_id, &looker.secret_access_key))?;
    assert_eq!(looker.ok("cloud.vm.get", machine.clone()).await?["state"], "terminated");
    let refused = looker.fails("cloud.vm.create", json!({"type": "t3.medium", "image": image})).await?;
    assert_eq!(refused, "refused");
    assert_eq!(aws.ok("cloud.vm.list", json!({})).await?["items"].as_array().map(Vec::len), Some(1));

    let wrong = Instance::new("aws", settings(&owner.access_key_id, "not-the-secret"))?;
    assert_eq!(wrong.fails("cloud.vm.list", json!({})).await?, "authentication_failure");
    let refused = wrong.adapter.connect().await.err().context("connected with a wrong secret")?;
    assert_eq!(refused.state, InstanceState::AuthenticationFailure);
    Ok(())
}

fn stripe(peer: &LocalStripe, customer: &str, card: &str, key: &str) -> Result<Instance> {
    let settings = json!({"secret_key": key, "currency": "usd", "customer": customer, "payment_method": card, "base_url": peer.url()});
    Instance::new("stripe", settings)
}

#[tokio::test]
#[ignore = "needs localstripe: make test-peers"]
async fn stripe_charges_refunds_and_lists() -> Result<()> {
    let peer = LocalStripe::start()?;
    let (customer, card) = peer.customer_with_card("4242424242424242")?;
    let (declined_customer, declined_card) = peer.customer_with_card("4000000000000341")?;
    let stripe_of = |customer: &str, card: &str| stripe(&peer, customer, card, peer.key());
    let account = stripe_of(&customer, &card)?;
    assert!(account.adapter.connect().await.is_ok());
    let charged = account.ok("payment.charge", json!({"amount": "1000"})).await?;
    assert_eq!((&charged["amount"], &charged["state"]), (&json!(1000), &json!("succeeded")), "{charged}");
    let more = account.ok("payment.charge", json!({"amount": "12.50", "currency": "EUR"})).await?;
    assert_eq!((&more["amount"], &more["currency"]), (&json!(1250), &json!("eur")), "{more}");
    assert_eq!(peer.charges()?.len(), 2);

    let got = account.ok("payment.get", json!({"payment": charged["id"]})).await?;
    assert_eq!((&got["id"], &got["customer"]), (&charged["id"], &json!(customer)));
    let back = account.ok("payment.refund", json!({"payment": charged["id"], "amount": "2.50"})).await?;
    assert_eq!((&back["amount"], &back["state"]), (&json!(250), &json!("succeeded")), "{back}");
    let all = account.ok("payment.refund", json!({"payment": more["id"]})).await?;
    assert_eq!(all["amount"], 1250, "{all}");
    let listed = account.ok("payment.list", json!({"limit": 10})).await?;
    let mut ids: Vec<&Value> = listed["items"].as_array().context("items")?.iter().map(|p| &p["id"]).collect();
    ids.sort_by_key(|id| id.to_string());
    let mut expected = vec![&charged["id"], &more["id"]];
    expected.sort_by_key(|id| id.to_string());
    assert_eq!(ids, expected);
    let made = account.ok("payment.customer.create", json!({"email": "a@example.org", "name": "A. Nother"})).await?;
    assert_eq!(made["email"], "a@example.org", "{made}");
    assert!(account.ok("payment.balance", json!({})).await?["available"].is_object(), "localstripe gives no list");

    let declined = stripe_of(&declined_customer, &declined_card)?;
    assert_eq!(declined.fails("payment.charge", json!({"amount": "1000"})).await?, "declined");
    let succeeded = peer.charges()?.iter().filter(|c| c["status"] == "succeeded").count();
    assert_eq!(succeeded, 2, "the declined card was not charged");
    let wrong = stripe(&peer, &customer, &card, "no-key-at-all")?;
    assert_eq!(wrong.fails("payment.charge", json!({"amount": "1000"})).await?, "authentication_failure");
    Ok(())
}

#[tokio::test]
#[ignore = "needs telegram-test-api: make test-peers"]
async fn telegram_sends_edits_and_deletes() -> Result<()> {
    let peer = TelegramApi::start()?;
    let token = "123456:of-the-tests";
    let bot = Instance::new("telegram", json!({"token": token, "chat": "42", "base_url": peer.url()}))?;
    let connected = bot.adapter.connect().await.map_err(|e| anyhow::anyhow!("{e}"))?;
    assert_eq!(connected.description, "Telegram, TestNameBot");
    let sent = bot.ok("chat.send", json!({"text": "Hello"})).await?;
    assert_eq!(sent["chat"], 42, "{sent}");
    let message = sent["message"].to_string();
    assert_eq!(peer.said(token)?[0]["text"], "Hello");
    bot.ok("chat.edit", json!({"message": message, "text": "Hello again"})).await?;
    assert_eq!(peer.said(token)?[0]["text"], "Hello again");
    bot.ok("chat.delete", json!({"message": message})).await?;
    assert_eq!(peer.said(token)?, Vec::<Value>::new());
    assert_eq!(bot.fails("chat.delete", json!({"message": message})).await?, "not_found");
    Ok(())
}

/// The text of all progress reports, and how many there were.
async fn streamed(instance: &Instance, args: Value) -> Result<(Execution, Metered, usize)> {
    let (sink, mut reports) = ProgressSink::channel();
    let call = instance.call("ai.complete", args)?;
    let engine = instance.engine.clone();
    let running = tokio::spawn(async move { engine.execute(&call, &sink).await });
    let mut pieces = 0;
    while reports.recv().await.is_some() {
        pieces += 1;
    }
    let (execution, metered) = running.await?;
    Ok((execution, metered, pieces))
}

fn usage(input: u64, cached: u64, output: u64) -> Metered {
    let units = [(Unit::InputToken, input), (Unit::CachedInputToken, cached), (Unit::OutputToken, output)];
    Metered::Known(units.into())
}

#[tokio::test]
#[ignore = "needs aimock: make test-peers"]
async fn models_answer_in_pieces_and_say_what_they_used() -> Result<()> {
    let peer = AiMock::start()?;
    let openai = |key: &str| {
        let base_url = format!("{}/v1", peer.url());
        Instance::new("openai", json!({"api_key": key, "model": "gpt-4", "max_tokens": 2000, "base_url": base_url}))
    };
    let anthropic = |key: &str| {
        Instance::new("anthropic", json!({"api_key": key, "model": "claude-sonnet-4-5", "base_url": peer.url()}))
    };
    for instance in [openai(peer.key())?, anthropic(peer.key())?] {
        let id = &instance.plan.spec.id;
        let (execution, metered, pieces) = streamed(&instance, json!({"prompt": "Explain IF"})).await?;
        let Execution::Succeeded(result) = execution else { bail!("{id}: {execution:?}") };
        let text = "IF runs a command, confirms what it did, and keeps a record that anybody can check.";
        assert_eq!(result["text"], text, "{id}: {result}");
        assert_eq!((&result["input_tokens"], &result["output_tokens"]), (&json!(11), &json!(17)), "{id}: {result}");
        assert_eq!(metered, usage(11, 0, 17), "{id}");
        assert!(pieces > 1, "{id}: {pieces} pieces");
    }
    let (instance, wrong) = (openai(peer.key())?, openai("another-key")?);
    assert!(instance.adapter.connect().await.is_ok());
    let cut = instance.ok("ai.complete", json!({"prompt": "Stop at once"})).await?;
    assert_eq!((&cut["text"], &cut["finish_reason"]), (&json!("Too"), &json!("length")));
    let embedding = instance.ok("ai.embed", json!({"text": "Explain IF"})).await?;
    assert_eq!(embedding["embedding"], json!([0.25, -0.5, 0.125]), "{embedding}");
    assert_eq!(instance.fails("ai.complete", json!({"prompt": "Too many"})).await?, "rate_limited");
    assert_eq!(wrong.fails("ai.complete", json!({"prompt": "Explain IF"})).await?, "authentication_failure");
    assert_eq!(
        anthropic("another-key")?.fails("ai.complete", json!({"prompt": "Explain IF"})).await?,
        "authentication_failure"
    );
    Ok(())
}
