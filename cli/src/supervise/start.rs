//! Starting the three parts, each one only once the one before it answers.

use super::{
    BROKER_READY_TIMEOUT, Event, LOOK_INTERVAL, NATS_READY_TIMEOUT, NatsPlan, Plan, WORKER_READY_TIMEOUT, ports,
    service::Service,
};
use crate::{CliError, Exit, client::Client, context, nats_conf};
use if_home::FabricFile;
use if_home::fabric::Pids;
use if_schemas::{
    Name,
    presence::{InstancePresence, InstanceState},
    query::{self, NodesAnswer, StatusAnswer},
};
use std::{net::SocketAddr, time::Duration};
use tokio::time::Instant;

/// Ports tried when somebody takes the one that was free a moment ago.
const PORT_ATTEMPTS: usize = 3;

/// How long the instances of this home directory may keep `up` waiting: a command typed right after it should find them.
const INSTANCES_TIMEOUT: Duration = Duration::from_secs(3);

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
            nats_conf::file(&plan.home).display().to_string(),
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

async fn start_broker(plan: &mut Plan, running: &mut Running, client: &mut Client) -> Result<(), CliError> {
    if matches!(plan.nats, NatsPlan::Existing { .. }) && client.query::<StatusAnswer>(query::STATUS).await.is_ok() {
        return Err(CliError::failed(format!("a broker answers on {} already", plan.nats.url()))
            .hint("a fabric has one broker; here run a worker alone: `if-worker --home DIR --nats URL --node NAME`"));
    }
    let mut attempts = 1;
    loop {
        let mut args = common(plan);
        args.extend(["--http".into(), plan.http.to_string()]);
        let service = Service::start("broker", &plan.programs.broker, args, &plan.home.run_dir())?;
        let service = running.broker.insert(service);
        let ready = async || client.query::<StatusAnswer>(query::STATUS).await;
        match until_ready(service, BROKER_READY_TIMEOUT, ready).await {
            Ok(_) => return Ok(()),
            // It ended before it answered, and not over its files: somebody may have taken the port since it was found free.
            Err(e)
                if e.exit == Exit::Failed
                    && service.pid().is_none()
                    && !plan.http_fixed
                    && attempts < PORT_ATTEMPTS =>
            {
                attempts += 1;
                plan.http = SocketAddr::new(plan.http.ip(), ports::free_port()?);
            }
            Err(e) => return Err(e),
        }
    }
}

async fn start_worker(plan: &Plan, running: &mut Running, client: &mut Client) -> Result<(), CliError> {
    let mut args = common(plan);
    args.extend(["--node".into(), plan.node.to_string()]);
    let service = running.worker.insert(Service::start("worker", &plan.programs.worker, args, &plan.home.run_dir())?);
    until_ready(service, WORKER_READY_TIMEOUT, async || match announced(plan, client).await? {
        Some(_) => Ok(()),
        None => Err(CliError::failed("the node has not announced itself")),
    })
    .await?;
    let expected = enabled_instances(plan);
    let give_up = Instant::now() + INSTANCES_TIMEOUT;
    while Instant::now() < give_up {
        let live = tokio::select! {
            ended = service.ended() => return Err(service.failure(ended?)),
            // That the worker is ready is known; a question without answer is asked again.
            live = announced(plan, client) => live.ok().flatten().unwrap_or_default(),
        };
        let settled = |(provider, instance): &(Name, Name)| {
            let found = live.iter().find(|i| i.provider == *provider && i.instance == *instance);
            found.is_some_and(|i| i.state != InstanceState::Connecting)
        };
        if expected.iter().all(settled) {
            break;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    Ok(())
}

/// What the node says it serves; `None` before it has said anything.
async fn announced(plan: &Plan, client: &mut Client) -> Result<Option<Vec<InstancePresence>>, CliError> {
    let answer: NodesAnswer = client.query(query::NODES).await?;
    Ok(answer.nodes.into_iter().find(|n| n.node == plan.node).map(|n| n.instances))
}

/// What the files of this home directory ask the worker to serve. A wrong file is the worker's to report.
fn enabled_instances(plan: &Plan) -> Vec<(Name, Name)> {
    let scan = if_home::instances::scan(&plan.home.providers_dir(), &if_manifest::providers()).unwrap_or_default();
    let mut enabled = Vec::new();
    for (provider, file) in scan.providers {
        for (name, instance) in file.unwrap_or_default() {
            if instance.is_ok_and(|i| i.enabled) {
                enabled.push((provider.clone(), name));
            }
        }
    }
    enabled
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
