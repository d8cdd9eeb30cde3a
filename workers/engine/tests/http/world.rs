//! A provider made for one test, and the engine of one instance of it.

use crate::server::Server;
use if_engine::{
    Call, Execution, InstanceConfig, Metered, ProgressSink, Secret, Transport,
    auth::{Authenticator, MemoryTokenStore, SystemClock},
    http::{Client, Clock, Engine, LoginRequests, TlsSettings},
};
use if_manifest::plan::{Plan, context_of};
use if_schemas::CommandId;
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

pub const SECRET: &str = "hunter2-hunter2";
/// Far more than any test takes.
pub const LONG: Duration = Duration::from_secs(60);
/// What a loaded machine may need to wake up a task: without a deadline it would be for ever.
pub const GRACE: Duration = Duration::from_secs(5);

/// A manifest with `limits` and `retry` in YAML flow form and `operations` as YAML, indented by two.
pub fn plan(limits: &str, retry: &str, operations: &str) -> Arc<Plan> {
    let text = format!(
        r#"manifest: 1
id: acme
display_name: Acme
category: chat
summary: made for a test
docs_url: https://acme.example/docs
checked_on: 2026-11-01
maturity: documented
allowed_hosts: []
base_url: "{{{{ instance.url }}}}"
instance:
  url: {{ type: string, format: uri, required: true, help: where it is }}
  other: {{ type: string, format: uri, help: another server }}
  token: {{ type: string, secret: true, required: true, help: its token }}
auth:
  bearer: {{ token: "{{{{ secret.token }}}}" }}
limits: {limits}
retry: {retry}
verify: me
operations:
  me:
    summary: who it is
    effect: read
    price: free
    request: {{ method: GET, path: /me }}
    response:
      result:
        name: {{ path: $.name, required: true }}
{operations}"#
    );
    match if_manifest::compile("test.yaml", &text) {
        Ok(plan) => Arc::new(plan),
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

pub fn config(server: &Server, other: Option<&Server>) -> InstanceConfig {
    let mut settings = Map::from_iter([("url".to_string(), json!(server.url))]);
    if let Some(other) = other {
        settings.insert("other".into(), json!(other.url));
    }
    InstanceConfig {
        provider: "acme".parse().expect("a name"),
        name: "one".parse().expect("a name"),
        settings,
        secrets: [("token".to_string(), Secret::new(SECRET.into()))].into(),
    }
}

pub fn engine_at(plan: &Arc<Plan>, config: InstanceConfig) -> Engine {
    let transport: Arc<dyn Transport> = Arc::new(Client::new(&plan.limits, &TlsSettings::default()).expect("a client"));
    let context = context_of(json!({"instance": config.settings, "secret": {"token": SECRET}}));
    let auth = Authenticator::new(
        plan.clone(),
        context,
        transport.clone(),
        Arc::new(SystemClock),
        Arc::new(MemoryTokenStore::default()),
        Arc::new(LoginRequests),
    );
    Engine::new(plan.clone(), config, transport, Arc::new(auth.expect("credentials")))
}

pub fn engine(plan: &Arc<Plan>, server: &Server) -> Engine {
    engine_at(plan, config(server, None))
}

pub fn with_clock(engine: Engine, clock: Arc<dyn Clock>) -> Engine {
    engine.with_clock(clock)
}

pub fn call(operation: &str, args: Value, time: Duration) -> Call {
    Call {
        command: CommandId::new(1, [7; 10]),
        operation: operation.parse().expect("an operation"),
        args: args.as_object().cloned().unwrap_or_default(),
        deadline: Instant::now() + time,
    }
}

pub async fn run(engine: &Engine, operation: &str, args: Value) -> (Execution, Metered) {
    engine.execute(&call(operation, args, LONG), &ProgressSink::none()).await
}

/// `succeeded`, `failed code` or `indeterminate code`.
pub fn told(execution: &Execution) -> String {
    match execution {
        Execution::Succeeded(_) => "succeeded".into(),
        Execution::Failed(f) => format!("failed {}", f.code),
        Execution::Indeterminate(f) => format!("indeterminate {}", f.code),
    }
}

pub fn message(execution: &Execution) -> String {
    match execution {
        Execution::Succeeded(v) => v.to_string(),
        Execution::Failed(f) | Execution::Indeterminate(f) => f.message.clone(),
    }
}
