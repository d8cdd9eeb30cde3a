//! What the HTTP engine adds to a call: the same server, request and connection reuse, with and without it.

use crate::report::{Report, Series};
use anyhow::{Result, bail, ensure};
use if_engine::{
    Call, Execution, InstanceConfig, ProgressSink, Secret, Transport,
    auth::{Authenticator, MemoryTokenStore, SystemClock},
    http::{Client, Engine, LoginRequests, TlsSettings},
};
use if_manifest::plan::{Plan, context_of};
use if_schemas::{Command, CommandId, Effect, Payload, Status, head::Verdict, presence::InstanceState};
use if_tests::InProcess;
use serde_json::{Map, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const SAMPLES: usize = 3_000;
const WARM_UP: usize = 300;
/// Longest time of one call.
const CALL_TIME: Duration = Duration::from_secs(10);
const ANSWER: &str = r#"{"id":"ch_1","amount":1000,"currency":"usd","status":"succeeded"}"#;
const MANIFEST: &str = r#"
manifest: 1
id: bench
display_name: Bench
category: payment
summary: made for a figure
docs_url: https://bench.example/docs
checked_on: 2026-11-01
maturity: documented
allowed_hosts: []
base_url: "{{ instance.url }}"
instance:
  url: { type: string, format: uri, required: true, help: where it is }
  token: { type: string, secret: true, required: true, help: its token }
auth:
  bearer: { token: "{{ secret.token }}" }
verify: balance
operations:
  balance:
    summary: a read
    effect: read
    price: free
    request: { method: GET, path: /balance }
  charge:
    summary: a charge
    effect: once
    idempotency: { header: Idempotency-Key }
    price: free
    params:
      amount: { type: integer, required: true, help: how much }
      currency: { type: string, required: true, help: of what }
    request:
      method: POST
      path: /charges
      body: { form: { amount: "{{ args.amount }}", currency: "{{ args.currency }}" } }
    response:
      result:
        id: { path: $.id, required: true }
        status: { path: $.status, required: true }
"#;

pub async fn overhead(report: &mut Report) -> Result<()> {
    let url = serve().await?;
    let engine = engine(&url)?;
    let bare = Bare::new(&url)?;
    let (mut ours, mut theirs) = (Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES));
    // Turn by turn, so that whatever else the machine does meets both.
    for n in 0..WARM_UP + SAMPLES {
        let bare_took = bare.charge().await?;
        let start = Instant::now();
        let (execution, _) = engine.execute(&call(n)?, &ProgressSink::none()).await;
        let took = start.elapsed();
        let Execution::Succeeded(_) = execution else { bail!("{execution:?}") };
        if n >= WARM_UP {
            theirs.push(bare_took);
            ours.push(took);
        }
    }
    compare(report, "HTTP engine over the bare client, one call", ours, theirs);
    Ok(())
}

/// The same call as a command: signed, admitted, logged, executed by a worker, its result logged and read.
pub async fn through_the_fabric(report: &mut Report) -> Result<()> {
    let url = serve().await?;
    let bare = Bare::new(&url)?;
    let mut fabric = InProcess::start(false).await?;
    let plugin = fabric.home.plugins_dir().join("bench");
    std::fs::create_dir_all(&plugin)?;
    std::fs::write(plugin.join("manifest.yaml"), MANIFEST)?;
    let instance = format!("instances:\n  one: {{url: \"{url}\", token: \"env:PATH\"}}\n");
    std::fs::write(fabric.home.providers_dir().join("bench.yaml"), instance)?;
    fabric.start_worker().await?;
    fabric.wait_instance("bench", "one", InstanceState::Ok).await?;
    let (mut ours, mut theirs) = (Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES));
    let mut events = fabric.client.events(&charge(&fabric)?.0).await?;
    for n in 0..WARM_UP + SAMPLES {
        let bare_took = bare.charge().await?;
        let start = Instant::now();
        let (command, payload) = charge(&fabric)?;
        let receipt = fabric.client.send(&command, payload, &fabric.keys.admin).await?;
        ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
        let (_, status) = fabric.client.result(&mut events, &command.id).await?;
        ensure!(status == Status::Succeeded, "{status:?}");
        if n >= WARM_UP {
            ours.push(start.elapsed());
            theirs.push(bare_took);
        }
    }
    compare(report, "HTTP call as a command (admission, witness, result) over the bare client", ours, theirs);
    fabric.stop().await?;
    Ok(())
}

fn charge(fabric: &InProcess) -> Result<(Command, Payload)> {
    let args = json!({"amount": 1000, "currency": "usd"});
    let (mut command, payload) = fabric.client.command_with("payment.charge", Effect::Once, &args)?;
    (command.provider, command.instance) = ("bench".parse()?, "one".parse()?);
    Ok((command, payload))
}

fn compare(report: &mut Report, what: &str, ours: Vec<Duration>, theirs: Vec<Duration>) {
    let (ours, theirs) = (Series::new(ours), Series::new(theirs));
    for (name, q, limit) in [("p50", 0.5, Duration::from_millis(1)), ("p99", 0.99, Duration::from_millis(3))] {
        let (with, without) = (ours.quantile(q), theirs.quantile(q));
        let over = with.saturating_sub(without);
        let baseline = format!("with {with:.1?}, bare client {without:.1?}");
        report.row(&format!("{what}, {name}"), format!("{over:.1?}"), baseline, &format!("≤ {limit:?}"), over <= limit);
    }
}

/// The client everybody uses, keeping its connection.
struct Bare {
    client: reqwest::Client,
    url: String,
}

impl Bare {
    fn new(url: &str) -> Result<Self> {
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls()?).no_proxy().http1_only().build()?;
        Ok(Self { client, url: format!("{url}/charges") })
    }

    async fn charge(&self) -> Result<Duration> {
        let start = Instant::now();
        let request = self.client.post(&self.url).header("content-type", "application/x-www-form-urlencoded");
        let body = request.body("amount=1000&currency=usd").send().await?.bytes().await?;
        let took = start.elapsed();
        ensure!(body == ANSWER.as_bytes(), "{body:?}");
        Ok(took)
    }
}

/// Never used: the server speaks plain HTTP.
fn tls() -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

fn call(n: usize) -> Result<Call> {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&u64::try_from(n)?.to_be_bytes());
    Ok(Call {
        command: CommandId::new(1, random),
        operation: "payment.charge".parse()?,
        args: Map::from_iter([("amount".to_string(), json!(1000)), ("currency".to_string(), json!("usd"))]),
        deadline: tokio::time::Instant::now() + CALL_TIME,
    })
}

fn engine(url: &str) -> Result<Engine> {
    let compiled = if_manifest::compile("bench.yaml", MANIFEST);
    let plan: Arc<Plan> = Arc::new(compiled.map_err(|errors| anyhow::anyhow!("{errors:?}"))?);
    let token = "sk_test_of_the_figure";
    let context = context_of(json!({"instance": {"url": url}, "secret": {"token": token}}));
    let config = InstanceConfig {
        provider: "bench".parse()?,
        name: "one".parse()?,
        settings: Map::from_iter([("url".to_string(), json!(url))]),
        secrets: [("token".to_string(), Secret::new(token.into()))].into(),
    };
    let transport: Arc<dyn Transport> = Arc::new(Client::new(&plan.limits, &TlsSettings::default())?);
    let auth = Authenticator::new(
        plan.clone(),
        context,
        transport.clone(),
        Arc::new(SystemClock),
        Arc::new(MemoryTokenStore::default()),
        Arc::new(LoginRequests),
    )?;
    Ok(Engine::new(plan, config, transport, Arc::new(auth)))
}

/// Answers every request with the same bytes, connection after connection.
async fn serve() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
                while let Ok(n @ 1..) = stream.read(&mut chunk).await {
                    bytes.extend_from_slice(&chunk[..n]);
                    if bytes.ends_with(b"currency=usd") || (bytes.starts_with(b"GET ") && bytes.ends_with(b"\r\n\r\n"))
                    {
                        bytes.clear();
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    Ok(url)
}
