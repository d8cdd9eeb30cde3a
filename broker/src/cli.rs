//! Command line of the broker.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use if_broker::{BrokerError, BrokerOptions};
use if_bus::{BusRole, ConnectOptions};
use if_home::{Home, config::Config};
use if_witness::fsck;
use std::{net::SocketAddr, path::PathBuf};
use tokio_util::sync::CancellationToken;

/// Where NATS is looked for when nothing says otherwise.
const NATS_URL: &str = "nats://127.0.0.1:4222";
/// Tampering or damage found.
const EXIT_DAMAGED: u8 = 6;

pub struct Failure {
    pub text: String,
    pub code: u8,
}

impl From<BrokerError> for Failure {
    fn from(e: BrokerError) -> Self {
        Self { text: e.to_string(), code: e.exit_code() }
    }
}

fn command() -> Command {
    let home = Arg::new("home").long("home").env("IF_HOME").value_parser(value_parser!(PathBuf)).global(true);
    Command::new("if-broker")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The InfraFabric broker: admits signed commands into the log and hands them to workers")
        .args_conflicts_with_subcommands(true)
        .arg(home.help("home directory [default: ~/.if]"))
        .arg(Arg::new("nats").long("nats").env("IF_NATS").help("NATS server, nats://host:port"))
        .arg(
            Arg::new("http")
                .long("http")
                .value_parser(value_parser!(SocketAddr))
                .help("loopback address of /metrics and /healthz"),
        )
        .arg(
            Arg::new("data")
                .long("data")
                .value_parser(value_parser!(PathBuf))
                .help("directory of the log [default: HOME/witness]"),
        )
        .arg(Arg::new("log-format").long("log-format").value_parser(["text", "json"]).default_value("text"))
        .arg(Arg::new("check-config").long("check-config").action(ArgAction::SetTrue).help("read every file, then end"))
        .subcommand(
            Command::new("fsck").about("Check the whole log while the broker is stopped").arg(
                Arg::new("rebuild")
                    .long("rebuild")
                    .action(ArgAction::SetTrue)
                    .help("make the indexes again from the entries"),
            ),
        )
}

pub fn main() -> Result<(), Failure> {
    let matches = command().get_matches();
    let home = Home::locate(matches.get_one::<PathBuf>("home").cloned()).map_err(BrokerError::from)?;
    if let Some(("fsck", sub)) = matches.subcommand() {
        return check_log(&home, sub.get_flag("rebuild"));
    }
    let options = options(&matches, home)?;
    if matches.get_flag("check-config") {
        println!("configuration ok: {}", options.home.root().display());
        return Ok(());
    }
    init_logging(matches.get_one::<String>("log-format").is_some_and(|f| f == "json"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| BrokerError::Io { what: "the runtime cannot be started".into(), source })?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        tokio::spawn(cancel_on_signal(shutdown.clone()));
        if_broker::run(options, shutdown).await
    })?;
    Ok(())
}

/// Everything that can be wrong with files is found here, before any socket opens.
fn options(matches: &ArgMatches, home: Home) -> Result<BrokerOptions, BrokerError> {
    let config = Config::load(&home.config_file())?;
    if_home::keys::read(&home.key_file("broker"))?;
    let url = matches.get_one::<String>("nats").cloned().or(config.nats.url).unwrap_or_else(|| NATS_URL.into());
    let seed_file = home.nats_seed_file("broker");
    let nkey_seed = match std::fs::read_to_string(&seed_file) {
        Ok(seed) => Some(seed),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(source) => return Err(BrokerError::Io { what: format!("{} cannot be read", seed_file.display()), source }),
    };
    let bus = ConnectOptions { url, name: "if-broker".into(), role: BusRole::Broker, nkey_seed };
    let http = matches.get_one::<SocketAddr>("http").copied().or(config.broker.http_addr);
    let data_dir = matches.get_one::<PathBuf>("data").cloned().or(config.broker.data_dir);
    Ok(BrokerOptions { home, bus, data_dir, http })
}

fn check_log(home: &Home, rebuild: bool) -> Result<(), Failure> {
    let dir = home.witness_dir();
    let report = if rebuild { fsck::rebuild(&dir) } else { fsck::fsck(&dir, |_, _| {}) };
    let report = report.map_err(BrokerError::from)?;
    for problem in &report.problems {
        eprintln!("{problem}");
    }
    let entries = report.entries;
    if report.problems.is_empty() {
        println!("{}: {entries} entries, no problem found", dir.display());
        return Ok(());
    }
    let text = format!(
        "{}: {} problems in {entries} entries\nhint: see the runbook fsck-failure",
        dir.display(),
        report.problems.len()
    );
    Err(Failure { text, code: EXIT_DAMAGED })
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
            Err(error) => tracing::error!(%error, "SIGTERM cannot be handled"),
        }
    }
    #[cfg(not(unix))]
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::error!(%error, "Ctrl-C cannot be handled");
    }
    tracing::info!("stopping");
    shutdown.cancel();
}
