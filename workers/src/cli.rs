//! Command line of the worker.

use crate::asked;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use if_bus::{BusRole, ConnectOptions};
use if_engine::{Provider, Scan};
use if_home::{FabricFile, Home, HomeError, config::Config};
use if_schemas::Name;
use if_worker::{WorkerError, WorkerOptions, manifests};
use std::{path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Where NATS is looked for when nothing says otherwise.
const NATS_URL: &str = "nats://127.0.0.1:4222";
/// Name of this node when neither the user nor the machine gives a usable one.
const NODE: &str = "worker";

pub struct Failure {
    pub text: String,
    pub code: u8,
}

impl From<WorkerError> for Failure {
    fn from(e: WorkerError) -> Self {
        Self { text: e.to_string(), code: e.exit() }
    }
}

impl From<HomeError> for Failure {
    fn from(e: HomeError) -> Self {
        WorkerError::from(e).into()
    }
}

fn command() -> Command {
    Command::new("if-worker")
        .version(env!("CARGO_PKG_VERSION"))
        .about("An InfraFabric worker node: serves the instances of its home directory")
        .arg(
            Arg::new("home")
                .long("home")
                .env("IF_HOME")
                .value_parser(value_parser!(PathBuf))
                .help("home directory [default: ~/.if]"),
        )
        .arg(Arg::new("nats").long("nats").env("IF_NATS").help("NATS server, nats://host:port"))
        .arg(
            Arg::new("node")
                .long("node")
                .value_parser(|text: &str| text.parse::<Name>())
                .help("name of this node [default: the machine's]"),
        )
        .arg(Arg::new("log-format").long("log-format").value_parser(["text", "json"]).default_value("text"))
        .subcommands(asked::commands())
        .arg(Arg::new("check-config").long("check-config").action(ArgAction::SetTrue).help("read every file, then end"))
}

pub fn main() -> Result<(), Failure> {
    let matches = command().get_matches();
    if let Some(answer) = asked::answer(&matches) {
        println!("{answer}");
        return Ok(());
    }
    let options = options(&matches)?;
    if matches.get_flag("check-config") {
        for warning in if_worker::check(&options)? {
            eprintln!("if-worker: warning: {warning}");
        }
        println!("configuration ok: {}", options.home.root().display());
        return Ok(());
    }
    init_logging(matches.get_one::<String>("log-format").is_some_and(|f| f == "json"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|e| Failure { text: format!("the runtime cannot be started: {e}"), code: HomeError::EXIT })?;
    let ended = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        tokio::spawn(cancel_on_signal(shutdown.clone()));
        if_worker::run(options, shutdown).await
    });
    // What an adapter left running in the background is not waited for.
    runtime.shutdown_background();
    Ok(ended?)
}

/// Everything that can be wrong with files is found here or at the start of `run`, before any socket opens.
fn options(matches: &ArgMatches) -> Result<WorkerOptions, Failure> {
    let home = Home::locate(matches.get_one::<PathBuf>("home").cloned())?;
    let config = Config::load(&home.config_file())?;
    let running = FabricFile::load(&home.fabric_file())?.map(|f| f.nats_url);
    let said = matches.get_one::<String>("nats").cloned();
    let url = said.or(running).or(config.nats.url).unwrap_or_else(|| NATS_URL.into());
    let node = matches.get_one::<Name>("node").cloned().or(config.worker.node);
    let node = match node {
        Some(node) => node,
        None => machine_name()?,
    };
    let nkey_seed = match if_home::private::read_secret(&home.nats_seed_file("worker"), "it holds a NATS credential") {
        Ok(seed) => Some(seed.to_string()),
        Err(e) if e.is_missing() => None,
        Err(e) => return Err(e.into()),
    };
    let bus = ConnectOptions { url, name: format!("if-worker {node}"), role: BusRole::Worker, nkey_seed };
    let providers = providers(&home);
    Ok(WorkerOptions { home, node, bus, providers })
}

/// Every provider of this build: those with an adapter of their own, and the manifests.
fn providers(home: &Home) -> Vec<Arc<dyn Provider>> {
    let native: [Arc<dyn Provider>; 3] = [
        Arc::new(if_adapter_vmix::VmixProvider::new()),
        Arc::new(if_adapter_obs::ObsProvider::new()),
        Arc::new(if_adapter_home_assistant::HomeAssistantProvider::new()),
    ];
    let Scan { providers, complaints } = manifests::built_in(&home.tokens_dir());
    complaints.iter().for_each(|c| tracing::error!("a built-in provider is left out: {c}"));
    native.into_iter().chain(providers).collect()
}

/// The machine's name in the form of a node name.
fn machine_name() -> Result<Name, Failure> {
    let text = std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok();
    let text = text.or_else(|| std::fs::read_to_string("/etc/hostname").ok()).unwrap_or_default();
    let first = text.trim().split('.').next().unwrap_or_default().to_ascii_lowercase();
    let token: String = first.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(63).collect();
    let token = token.trim_start_matches('-');
    let name = if token.is_empty() { NODE } else { token };
    name.parse().map_err(|e| Failure { text: format!("{e}\nhint: pass --node NAME"), code: HomeError::EXIT })
}

fn init_logging(json: bool) {
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("IF_LOG").unwrap_or_else(|_| "info,async_nats=warn".into());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    if json { log.json().init() } else { log.init() }
}

async fn cancel_on_signal(shutdown: CancellationToken) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
            }
            Err(error) => {
                tracing::error!(%error, "SIGTERM cannot be handled");
                let _ = tokio::signal::ctrl_c().await;
            }
        }
    }
    #[cfg(not(unix))]
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::error!(%error, "Ctrl-C cannot be handled");
    }
    shutdown.cancel();
}
