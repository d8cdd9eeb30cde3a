//! What every command needs: global flags, the home directory, the configuration, and where to write.

use crate::{CliError, cli::Catalog, client::Client, output::Output};
use clap::ArgMatches;
use if_bus::{BusRole, ConnectOptions};
use if_home::{Config, FabricFile, Home, private};
use if_schemas::{TraceId, limits::DEADLINE_MAX_US, time::parse_duration_us};
use std::{future::Future, path::PathBuf};

/// Environment variable naming the NATS server.
pub const NATS_VARIABLE: &str = "IF_NATS";
/// Where NATS is looked for when nothing says otherwise.
pub const NATS_URL_DEFAULT: &str = "nats://127.0.0.1:4222";
/// Deadline of a command that names none, microseconds.
const DEADLINE_DEFAULT_US: i64 = 10_000_000;

/// The global flags, checked.
#[derive(Debug, Clone, Default)]
pub struct Globals {
    pub deadline_us: Option<i64>,
    pub dry_run: bool,
    pub no_wait: bool,
    pub trace: Option<TraceId>,
    pub why: Option<String>,
    pub home: Option<PathBuf>,
    pub nats: Option<String>,
}

impl Globals {
    fn read(top: &ArgMatches) -> Result<Self, CliError> {
        let m = deepest(top);
        let text = |name: &str| m.get_one::<String>(name).cloned();
        Ok(Self {
            deadline_us: text("deadline").map(|t| deadline(&t)).transpose()?,
            dry_run: m.get_flag("dry-run"),
            no_wait: m.get_flag("no-wait"),
            trace: text("trace").map(|t| t.parse()).transpose().map_err(|e| bad_flag("--trace", &e))?,
            why: text("why"),
            home: m.get_one::<PathBuf>("home").cloned(),
            nats: text("nats"),
        })
    }
}

fn deadline(text: &str) -> Result<i64, CliError> {
    let us = parse_duration_us(text).map_err(|e| bad_flag("--deadline", &e))?;
    if (1..=DEADLINE_MAX_US).contains(&us) {
        return Ok(us);
    }
    Err(CliError::usage(format!("--deadline: {text} is out of range"), "use a time from 1us to 24h"))
}

fn bad_flag(flag: &str, e: &if_schemas::SchemaError) -> CliError {
    match e {
        if_schemas::SchemaError::Invalid { what, value, rule } => {
            CliError::usage(format!("{flag}: {what} {value:?} is not valid"), *rule)
        }
        other => CliError::usage(format!("{flag}: {other}"), "see --help"),
    }
}

/// The matches of the innermost subcommand, where clap has gathered the global flags.
pub fn deepest(top: &ArgMatches) -> &ArgMatches {
    let mut m = top;
    while let Some((_, sub)) = m.subcommand() {
        m = sub;
    }
    m
}

pub struct Context<'a> {
    /// Name the program was called by: `if` or `ifctl`.
    pub program: &'a str,
    pub globals: Globals,
    pub out: &'a Output,
    pub catalog: &'a Catalog,
}

impl<'a> Context<'a> {
    pub fn new(
        program: &'a str,
        matches: &ArgMatches,
        out: &'a Output,
        catalog: &'a Catalog,
    ) -> Result<Self, CliError> {
        Ok(Self { program, globals: Globals::read(matches)?, out, catalog })
    }

    pub fn home(&self) -> Result<Home, CliError> {
        Ok(Home::locate(self.globals.home.clone())?)
    }

    pub fn config(&self, home: &Home) -> Result<Config, CliError> {
        Ok(Config::load(&home.config_file())?)
    }

    /// `--deadline`, the configured default, or 10 s; microseconds.
    pub fn deadline_us(&self, config: &Config) -> i64 {
        self.globals.deadline_us.or(config.defaults.deadline_us).unwrap_or(DEADLINE_DEFAULT_US)
    }

    /// `--nats`, `IF_NATS`, the running fabric, the configuration, the default: the first that says something.
    pub fn nats_url(&self, home: &Home, config: &Config) -> Result<String, CliError> {
        let said = self.globals.nats.clone().or_else(|| std::env::var(NATS_VARIABLE).ok().filter(|u| !u.is_empty()));
        if let Some(url) = said {
            return Ok(url);
        }
        if let Some(fabric) = FabricFile::load(&home.fabric_file())? {
            return Ok(fabric.nats_url);
        }
        Ok(config.nats.url.clone().unwrap_or_else(|| NATS_URL_DEFAULT.into()))
    }

    /// Connects as the operator. Nothing is sent yet.
    pub async fn connect(&self, home: &Home, config: &Config) -> Result<Client, CliError> {
        let url = self.nats_url(home, config)?;
        Client::connect(home, &operator(home, url)?).await
    }

    /// Connects and runs `work`.
    pub fn with_client<T>(&self, work: impl AsyncFnOnce(&mut Client) -> Result<T, CliError>) -> Result<T, CliError> {
        let home = self.home()?;
        let config = self.config(&home)?;
        self.block_on(async {
            let mut client = self.connect(&home, &config).await?;
            work(&mut client).await
        })
    }

    /// The same for another command line, as a dry run.
    pub fn asking(&self, matches: &ArgMatches) -> Result<Self, CliError> {
        let said = self.saying(matches)?;
        Ok(Self { globals: Globals { dry_run: true, ..said.globals }, ..said })
    }

    /// The same for another command line: what that does not say this one may have said.
    pub fn saying(&self, matches: &ArgMatches) -> Result<Self, CliError> {
        let (said, ours) = (Globals::read(matches)?, self.globals.clone());
        let globals = Globals {
            deadline_us: said.deadline_us.or(ours.deadline_us),
            dry_run: said.dry_run || ours.dry_run,
            no_wait: said.no_wait || ours.no_wait,
            trace: said.trace.or(ours.trace),
            why: said.why.or(ours.why),
            home: said.home.or(ours.home),
            nats: said.nats.or(ours.nats),
        };
        Ok(Self { globals, ..*self })
    }

    /// Runs `work` on a runtime of this thread alone: starting it costs less than a tenth of a millisecond.
    pub fn block_on<T>(&self, work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| CliError::io("the runtime cannot be started", &e))?;
        let outcome = runtime.block_on(work);
        // Nothing of the connection is worth waiting for once the outcome is known.
        runtime.shutdown_background();
        outcome
    }
}

/// How an operator connects: with its nkey, if this home directory has one.
pub fn operator(home: &Home, url: String) -> Result<ConnectOptions, CliError> {
    let nkey_seed = match private::read_secret(&home.nats_seed_file("operator"), "it holds a NATS key") {
        Ok(seed) => Some(seed.to_string()),
        Err(e) if e.is_missing() => None,
        Err(e) => return Err(e.into()),
    };
    Ok(ConnectOptions { url, name: "ifctl".into(), role: BusRole::Operator, nkey_seed })
}
