//! Starting the three parts, each one only once the one before it answers.

use super::{
    BROKER_READY_TIMEOUT, Event, LOOK_INTERVAL, NATS_READY_TIMEOUT, NatsPlan, Plan, WORKER_READY_TIMEOUT, ports,
    service::Service,
};
use crate::{CliError, client::Client, context};
use if_home::FabricFile;
use if_home::fabric::Pids;
use if_schemas::query::{self, NodesAnswer, StatusAnswer};
use std::time::Duration;
use tokio::time::Instant;

/// Ports tried when somebody takes the one that was free a moment ago.
const PORT_ATTEMPTS: usize = 3;

/// What runs. Stopped in the reverse order of starting.
#[derive(Default)]
pub struct Running {
    pub nats: Option<Service>,
    pub broker: Option<Service>,
    pub worker: Option<Service>,
}

impl Running {
    pub fn fabric_file(&self, plan: &Plan) -> FabricFile {
        let pid = |s: &Option<Service>| s.as_ref().and_then(Service::pid);
        let pids = Pids { nats: pid(&self.nats), broker: pid(&self.broker), worker: pid(&self.worker) };
        FabricFile { nats_url: plan.nats.url(), http_addr: plan.http, pids }
    }

    /// Worker, broker, NATS. Names of those that had to be killed.
    pub async fn stop(&mut self) -> Vec<&'static str> {
        let mut killed = Vec::new();
        for service in [self.worker.take(), self.broker.take(), self.nats.take()].into_iter().flatten() {
            let name = service.name;
            if !service.stop().await {
                killed.push(name);
            }
        }
        killed
    }
}

/// Starts everything. On an error whatever runs already is in `running` and has to be stopped.
pub async fn start(plan: &mut Plan, running: &mut Running, say: &dyn Fn(Event)) -> Result<(), CliError> {
    let mut client = start_nats(plan, running, say).await?;
    start_broker(plan, running, &mut client).await?;
    say(Event::Progress(format!("if-broker ready, metrics on http://{}/metrics", plan.http)));
    start_worker(plan, running, &mut client).await?;
    say(Event::Progress(format!("if-worker ready as node {}", plan.node)));
    Ok(())
}

async fn start_nats(plan: &mut Plan, running: &mut Running, say: &dyn Fn(Event)) -> Result<Client, CliError> {
    let NatsPlan::Own { server, version, port, fixed } = plan.nats.clone() else {
        let url = plan.nats.url();
        let client = connect(plan).await?;
        say(Event::Progress(format!("NATS {} at {url}", client.bus.server_version())));
        return Ok(client);
    };
    let mut port = port;
    let mut attempts = 1;
    loop {
        let args = [
            "-c".into(),
            plan.home.nats_dir().join("nats.conf").display().to_string(),
            "-a".into(),
            "127.0.0.1".into(),
            "-p".into(),
            port.to_string(),
        ];
        let mut service = Service::start("nats", &server, args.into(), &plan.home.run_dir())?;
        let ready = until_ready(&mut service, NATS_READY_TIMEOUT, async || connect(plan).await).await;
        match ready {
            Ok(client) => {
                say(Event::Progress(format!("nats-server {version} ready on {}", plan.nats.url())));
                running.nats = Some(service);
                return Ok(client);
            }
            Err(_) if !fixed && attempts < PORT_ATTEMPTS => {
                service.stop().await;
                attempts += 1;
                port = ports::free_port()?;
                plan.nats = NatsPlan::Own { server: server.clone(), version: version.clone(), port, fixed };
            }
            Err(e) => {
                running.nats = Some(service);
                return Err(e);
            }
        }
    }
}

async fn connect(plan: &Plan) -> Result<Client, CliError> {
    Client::connect(&plan.home, &context::operator(&plan.home, plan.nats.url())?).await
}

async fn start_broker(plan: &Plan, running: &mut Running, client: &mut Client) -> Result<(), CliError> {
    if matches!(plan.nats, NatsPlan::Existing { .. }) && client.query::<StatusAnswer>(query::STATUS).await.is_ok() {
        return Err(CliError::failed(format!("a broker answers on {} already", plan.nats.url()))
            .hint("a fabric has one broker; here run a worker alone: `if-worker --home DIR --nats URL --node NAME`"));
    }
    let mut args = common(plan);
    args.extend(["--http".into(), plan.http.to_string()]);
    let service = running.broker.insert(Service::start("broker", &plan.programs.broker, args, &plan.home.run_dir())?);
    until_ready(service, BROKER_READY_TIMEOUT, async || client.query::<StatusAnswer>(query::STATUS).await).await?;
    Ok(())
}

async fn start_worker(plan: &Plan, running: &mut Running, client: &mut Client) -> Result<(), CliError> {
    let mut args = common(plan);
    args.extend(["--node".into(), plan.node.to_string()]);
    let service = running.worker.insert(Service::start("worker", &plan.programs.worker, args, &plan.home.run_dir())?);
    until_ready(service, WORKER_READY_TIMEOUT, async || {
        let answer: NodesAnswer = client.query(query::NODES).await?;
        let there = answer.nodes.iter().any(|n| n.node == plan.node);
        there.then_some(()).ok_or_else(|| CliError::failed("the node has not announced itself"))
    })
    .await
}

fn common(plan: &Plan) -> Vec<String> {
    vec!["--home".into(), plan.home.root().display().to_string(), "--nats".into(), plan.nats.url()]
}

/// Asks again and again until the service answers; an ended process or a passed deadline is an error with its log.
async fn until_ready<T>(
    service: &mut Service,
    timeout: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, CliError>,
) -> Result<T, CliError> {
    let give_up = Instant::now() + timeout;
    loop {
        let answer = tokio::select! {
            ended = service.ended() => return Err(service.failure(ended?)),
            answer = ask() => answer,
        };
        match answer {
            Ok(value) => return Ok(value),
            Err(e) if Instant::now() > give_up => {
                let tail = service.tail();
                return Err(CliError::failed(format!(
                    "{} is not ready after {} s: {}\n{tail}",
                    service.name,
                    timeout.as_secs(),
                    e.message
                ))
                .hint(format!("its log is {}", service.log().display())));
            }
            Err(_) => tokio::time::sleep(LOOK_INTERVAL).await,
        }
    }
}
