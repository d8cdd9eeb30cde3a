//! The studio: how long a cut takes to reach the mixer, quiet and under load, and what many instances cost while nothing
//! happens. vMix is the simulator, Home Assistant a script: both answer at once.

use crate::{
    process::{release_bin, resident_mib},
    report::{Report, Series},
};
use anyhow::{Context, Result, ensure};
use if_adapter_vmix::VmixProvider;
use if_harness::{
    fabric::Fabric,
    vmix::{SimOptions, VmixSim},
};
use if_schemas::{Command, Effect, Payload, Status, head::Verdict, presence::InstanceState};
use if_tests::InProcess;
use serde_json::json;
use std::{
    fmt::Write as _,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

#[path = "../../workers/adapters/home-assistant/tests/support/fake.rs"]
#[allow(dead_code, unreachable_pub, clippy::unwrap_used)]
mod fake;

const CUTS: usize = 1_000;
const WARM_UP: usize = 100;
/// Longest wait for one cut.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Other commands a second while cuts are measured under load.
const OTHER_PER_SECOND: u32 = 100;
const LATE_MAX: Duration = Duration::from_millis(5);

const INSTANCES: usize = 49;
const INPUTS: usize = 8;
const INPUTS_MANY: usize = 200;
const ENTITIES: usize = 2_000;
/// How long the idle worker is watched.
const IDLE: Duration = Duration::from_secs(10);
/// Jiffies a second in `/proc/PID/stat`: the same on every Linux.
const TICKS_PER_SECOND: u64 = 100;

/// A simulator that answers at once and says when each function arrived.
fn simulator() -> Result<(VmixSim, mpsc::Receiver<Instant>)> {
    let (arrived, arrivals) = mpsc::channel();
    let options = SimOptions { delay: Duration::ZERO, ..SimOptions::default() };
    let sim = VmixSim::start_with(options, move |_| {
        // Nobody listens once the measuring is over.
        let _ = arrived.send(Instant::now());
    })?;
    Ok((sim, arrivals))
}

pub async fn cut(report: &mut Report) -> Result<()> {
    let (sim, arrivals) = simulator()?;
    let direct = direct(&sim, &arrivals).await?;
    let mut fabric = InProcess::start(false).await?;
    let (http, tcp) = (sim.http_addr.port(), sim.tcp_addr.port());
    let instance = format!("instances:\n  bench: {{host: 127.0.0.1, port: {http}, tcp_port: {tcp}}}\n");
    std::fs::write(fabric.home.providers_dir().join("vmix.yaml"), instance)?;
    fabric.providers.push(Arc::new(VmixProvider::new()));
    fabric.start_worker().await?;
    fabric.wait_instance("vmix", "bench", InstanceState::Ok).await?;
    let quiet = cuts(&fabric, &arrivals).await?;
    let other = other_traffic(&fabric);
    let loaded = cuts(&fabric, &arrivals).await?;
    ensure!(!other.is_finished(), "the other traffic ended early");
    other.abort();
    let late = quiet.quantile(0.99).saturating_sub(direct.quantile(0.99));
    let both = |s: &Series| format!("p50 {:.1?}, p99 {:.1?}", s.quantile(0.5), s.quantile(0.99));
    report.row(
        "cut through the fabric reaches the mixer later than by direct TCP, p99",
        format!("{late:.1?} ({})", both(&quiet)),
        format!("direct TCP {}", both(&direct)),
        "<= 5 ms",
        late <= LATE_MAX,
    );
    let ratio = loaded.quantile(0.99).as_secs_f64() / quiet.quantile(0.99).as_secs_f64();
    report.row(
        "the same under 100 other commands a second, p99",
        format!("{ratio:.1} x ({})", both(&loaded)),
        format!("quiet {}", both(&quiet)),
        "<= 2 x",
        ratio <= 2.0,
    );
    fabric.stop().await?;
    Ok(())
}

/// What anybody could do with a socket.
async fn direct(sim: &VmixSim, arrivals: &mpsc::Receiver<Instant>) -> Result<Series> {
    let stream = tokio::net::TcpStream::connect(sim.tcp_addr).await?;
    stream.set_nodelay(true)?;
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    lines.next_line().await?.context("no greeting")?;
    let mut took = Vec::with_capacity(CUTS);
    for n in 0..WARM_UP + CUTS {
        let start = Instant::now();
        writing.write_all(format!("FUNCTION Cut Input={}\r\n", 1 + n % 2).as_bytes()).await?;
        let arrived = tokio::task::block_in_place(|| arrivals.recv_timeout(ARRIVAL))?;
        lines.next_line().await?.context("no answer")?;
        if n >= WARM_UP {
            took.push(arrived.saturating_duration_since(start));
        }
    }
    Ok(Series::new(took))
}

async fn cuts(fabric: &InProcess, arrivals: &mpsc::Receiver<Instant>) -> Result<Series> {
    let mut events = fabric.client.events(&a_cut(fabric, 1)?.0).await?;
    let mut took = Vec::with_capacity(CUTS);
    for n in 0..WARM_UP + CUTS {
        let start = Instant::now();
        let (command, payload) = a_cut(fabric, 1 + n % 2)?;
        let receipt = fabric.client.send(&command, payload, &fabric.keys.admin).await?;
        ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
        let (_, status) = fabric.client.result(&mut events, &command.id).await?;
        ensure!(status == Status::Succeeded, "{status:?}");
        // It was confirmed, so it has arrived.
        let arrived = arrivals.recv_timeout(ARRIVAL)?;
        if n >= WARM_UP {
            took.push(arrived.saturating_duration_since(start));
        }
    }
    Ok(Series::new(took))
}

fn a_cut(fabric: &InProcess, input: usize) -> Result<(Command, Payload)> {
    let (mut command, payload) = fabric.client.command_with("vmix.cut", Effect::Once, &json!({"input": input}))?;
    (command.provider, command.instance) = ("vmix".parse()?, "bench".parse()?);
    Ok((command, payload))
}

fn other_traffic(fabric: &InProcess) -> tokio::task::JoinHandle<Result<()>> {
    let (client, key) = (fabric.client.clone(), if_tests::Keys::default().operator);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / OTHER_PER_SECOND);
        loop {
            ticks.tick().await;
            let (command, payload) = client.command("noop.set", Effect::Idempotent)?;
            client.send(&command, payload, &key).await?;
        }
    })
}

/// One worker with 50 vMix instances, one of them with 200 inputs, and a Home Assistant with 2,000 entities.
pub async fn idle(report: &mut Report) -> Result<()> {
    let sims = (0..INSTANCES).map(|_| INPUTS).chain([INPUTS_MANY]);
    let sims: Vec<VmixSim> =
        sims.map(|inputs| VmixSim::start(SimOptions { inputs, ..SimOptions::default() })).collect::<Result<_, _>>()?;
    let mut house = fake::House::new();
    house.states = (0..ENTITIES).map(|n| fake::state(&format!("light.number_{n}"), "off")).collect();
    let home_assistant =
        fake::Fake::loaded(house, |mut side, house| async move { while side.serve(&house).await.is_some() {} }).await;
    release_bin("if-worker")?;
    let mut fabric = Fabric::up()?;
    let alone = watch(&fabric).await?;
    let mut vmix = String::from("instances:\n");
    for (n, sim) in sims.iter().enumerate() {
        let (http, tcp) = (sim.http_addr.port(), sim.tcp_addr.port());
        writeln!(vmix, "  mixer{n}: {{host: 127.0.0.1, port: {http}, tcp_port: {tcp}}}")?;
    }
    let providers = fabric.home().join("providers");
    std::fs::write(providers.join("vmix.yaml"), vmix)?;
    let (port, token) = (home_assistant.port.to_string(), fake::TOKEN);
    fabric.run(&["ha", "add", "house", "--host", "127.0.0.1", "--port", &port, "--token", token])?.expect(0)?;
    fabric.wait_instance("ha", "house", "ok")?;
    for n in 0..sims.len() {
        fabric.wait_instance("vmix", &format!("mixer{n}"), "ok")?;
    }
    let busy = watch(&fabric).await?;
    let baseline = format!("no instance: {} MiB, {:.1} % of a core", alone.mib, alone.percent);
    report.row(
        "worker with 50 vMix (one of 200 inputs) and a Home Assistant of 2,000 entities, idle",
        format!("{} MiB, {:.1} % of a core", busy.mib, busy.percent),
        baseline,
        "(for information)",
        true,
    );
    fabric.stop()
}

struct Load {
    mib: u64,
    percent: f64,
}

/// Memory and CPU of the worker while nothing is asked of it.
async fn watch(fabric: &Fabric) -> Result<Load> {
    let pid = u32::try_from(fabric.pid("worker")?)?;
    let before = ticks(pid)?;
    tokio::time::sleep(IDLE).await;
    #[allow(clippy::cast_precision_loss)]
    let used = (ticks(pid)? - before) as f64 / TICKS_PER_SECOND as f64;
    Ok(Load { mib: resident_mib(pid)?, percent: 100.0 * used / IDLE.as_secs_f64() })
}

/// User and system time of a process (Linux).
fn ticks(pid: u32) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; what follows it has fixed places.
    let (_, rest) = stat.rsplit_once(')').context("no stat of a process")?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut next = || fields.next().context("a short stat")?.parse::<u64>().context("no number");
    Ok(next()? + next()?)
}
