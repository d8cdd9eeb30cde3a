//! What the HTTP engine adds to a call: the same server, request and connection reuse, with and without it.

use crate::report::{Report, Series};
use anyhow::{Result, bail, ensure};
use if_engine::{
    Call, Execution, InstanceConfig, ProgressSink, Secret, Transport,
    auth::{Authenticator, MemoryTokenStore, SystemClock},
    http::{Client, Engine, LoginRequests, TlsSettings},
};
use if_manifest::plan::{Plan, context_of};
use if_schemas::CommandId;
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
    let bare = reqwest::Client::builder().tls_backend_preconfigured(tls()?).no_proxy().http1_only().build()?;
    let (mut ours, mut theirs) = (Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES));
    // Turn by turn, so that whatever else the machine does meets both.
    for n in 0..WARM_UP + SAMPLES {
        let start = Instant::now();
        let request = bare.post(format!("{url}/charges")).header("content-type", "application/x-www-form-urlencoded");
        let response = request.body("amount=1000&currency=usd").send().await?;
        let body = response.bytes().await?;
        let bare_took = start.elapsed();
        ensure!(body == ANSWER.as_bytes(), "{body:?}");
        let start = Instant::now();
        let (execution, _) = engine.execute(&call(n)?, &ProgressSink::none()).await;
        let took = start.elapsed();
        let Execution::Succeeded(_) = execution else { bail!("{execution:?}") };
        if n >= WARM_UP {
            theirs.push(bare_took);
            ours.push(took);
        }
    }
    let (ours, theirs) = (Series::new(ours), Series::new(theirs));
    for (name, q, limit) in [("p50", 0.5, Duration::from_millis(1)), ("p99", 0.99, Duration::from_millis(3))] {
        let (with, without) = (ours.quantile(q), theirs.quantile(q));
        let over = with.saturating_sub(without);
        let what = format!("HTTP engine over the bare client, one call, {name}");
        let baseline = format!("engine {with:.1?}, bare client {without:.1?}");
        report.row(&what, format!("{over:.1?}"), baseline, &format!("≤ {limit:?}"), over <= limit);
    }
    Ok(())
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
                    if bytes.ends_with(b"currency=usd") {
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
