//! `up`: start NATS, broker and worker, keep them running; in the foreground or detached.

use crate::{
    CliError, Exit,
    client::read_genesis,
    context::{Context, NATS_VARIABLE},
    nats_conf,
    output::table,
    supervise::{self, Event, Lock, NatsPlan, Plan, Programs, process},
};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use if_home::{Config, FabricFile, Home, keys};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

/// How long to wait for a fabric somebody else is starting.
const OTHER_START_TIMEOUT: Duration = Duration::from_secs(60);

pub fn tree(command: Command) -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    command
        .arg(flag("detach").help("return once everything is ready, keep running in the background"))
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("PORT")
                .value_parser(value_parser!(u16))
                .help("port of the embedded NATS, 0 for any free one [default: 4222, or a free one]"),
        )
        .arg(
            Arg::new("http")
                .long("http")
                .value_name("ADDR")
                .value_parser(value_parser!(SocketAddr))
                .help("address of metrics and health [default: 127.0.0.1:9464, or a free port]"),
        )
        .arg(flag("supervise").hide(true))
        .after_help(
            "With --nats URL the fabric runs on an existing NATS; otherwise `up` starts a nats-server on loopback.",
        )
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let home = context.home()?;
    if matches.get_flag("supervise") {
        return supervised(context, matches, &home);
    }
    read_genesis(&home.genesis_file())?;
    let Some(lock) = Lock::try_take(&home)? else { return already(context, &home) };
    if matches.get_flag("detach") {
        drop(lock);
        return detach(context, matches, &home);
    }
    foreground(context, matches, &home, lock)
}

fn plan(context: &Context, matches: &ArgMatches, home: &Home) -> Result<Plan, CliError> {
    let config = context.config(home)?;
    let key = home.key_file("broker");
    if !key.exists() {
        return Err(CliError::config(
            format!("{} is not there: this home directory has joined a fabric that runs elsewhere", key.display()),
            "run a worker with `if-worker --home DIR --nats URL --node NAME`, or use another --home for a fabric of its own",
        ));
    }
    // Found here, a wrong key file is one clear error instead of the log of a child that ended.
    keys::read(&key)?;
    keys::read(&home.key_file("worker"))?;
    let node = match &config.worker.node {
        Some(node) => node.clone(),
        None => super::init::LOCAL_NODE.parse()?,
    };
    let http = matches.get_one::<SocketAddr>("http").copied().or(config.broker.http_addr);
    let (http, http_fixed) = supervise::choose_http(http)?;
    Ok(Plan {
        home: home.clone(),
        nats: nats_plan(context, matches, home, &config)?,
        http,
        http_fixed,
        node,
        programs: Programs::find()?,
    })
}

fn nats_plan(context: &Context, matches: &ArgMatches, home: &Home, config: &Config) -> Result<NatsPlan, CliError> {
    let said = context.globals.nats.clone().or_else(|| std::env::var(NATS_VARIABLE).ok().filter(|u| !u.is_empty()));
    let configured = config.nats.url.clone();
    let asked_port = matches.get_one::<u16>("port").copied();
    let wanted = match (said, configured.as_deref().map(loopback_port)) {
        (Some(url), _) => return Ok(NatsPlan::Existing { url }),
        // A configured server elsewhere is somebody else's to run.
        (None, Some(None)) => return Ok(NatsPlan::Existing { url: configured.unwrap_or_default() }),
        (None, Some(Some(port))) => asked_port.or(Some(port)),
        (None, None) => asked_port,
    };
    if nats_conf::bring_up_to_date(home)? {
        context.out.note(&format!("{} was brought up to date", nats_conf::file(home).display()));
    }
    let (server, version) = supervise::nats_server(home)?;
    let (port, fixed) = supervise::choose_nats(wanted)?;
    Ok(NatsPlan::Own { server, version, port, fixed })
}

/// The port of a loopback URL; `None` if it is another machine's.
fn loopback_port(url: &str) -> Option<u16> {
    let address = url.strip_prefix("nats://")?.trim_end_matches('/');
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "4222"));
    ["127.0.0.1", "localhost", "[::1]"].contains(&host).then(|| port.parse().ok()).flatten()
}

fn foreground(context: &Context, matches: &ArgMatches, home: &Home, lock: Lock) -> Result<(), CliError> {
    lock.sign(home)?;
    let plan = plan(context, matches, home)?;
    let out = context.out;
    let say = |event: Event| match event {
        Event::Progress(text) => out.note(&text),
        Event::Ready(fabric) => {
            // The fabric runs whether or not somebody reads that it does.
            let _ = ready(context, home, &fabric);
            out.note("Ctrl-C stops it.");
        }
        Event::Failed { message, .. } => out.note(&message),
    };
    context.block_on(supervise::run(plan, &say))
}

/// In the background process: says everything on the pipe to its parent, as JSON lines, until the parent has gone.
fn supervised(context: &Context, matches: &ArgMatches, home: &Home) -> Result<(), CliError> {
    process::leave_session();
    let say = |event: Event| {
        if let Event::Progress(text) = &event {
            context.out.note(text);
        }
        if let Ok(line) = serde_json::to_string(&event) {
            // A parent that has seen `ready` closes its end; from then on the log has it all.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    };
    let outcome = Lock::try_take(home).and_then(|lock| {
        let lock = lock
            .ok_or_else(|| CliError::failed("another process is starting this fabric").hint("run `ifctl up` again"))?;
        lock.sign(home)?;
        let plan = plan(context, matches, home)?;
        let result = context.block_on(supervise::run(plan, &say));
        drop(lock);
        result
    });
    outcome.map_err(|e| {
        say(Event::Failed {
            exit: e.exit.code(),
            code: e.code.clone(),
            message: e.message.clone(),
            hint: e.hint.clone(),
        });
        e.printed()
    })
}

fn detach(context: &Context, matches: &ArgMatches, home: &Home) -> Result<(), CliError> {
    let log = home.run_dir().join("up.log");
    let program = std::env::current_exe().map_err(|e| CliError::io("this program cannot be found", &e))?;
    let log_from = supervise::length(&log);
    let errors = std::fs::File::options().create(true).append(true).open(&log);
    let errors = errors.map_err(|e| CliError::io(format!("{} cannot be opened", log.display()), &e))?;
    let mut command = std::process::Command::new(program);
    command.args(["up", "--supervise", "--home"]).arg(home.root());
    if let Some(url) = &context.globals.nats {
        command.args(["--nats", url]);
    }
    if let Some(port) = matches.get_one::<u16>("port") {
        command.args(["--port", &port.to_string()]);
    }
    if let Some(http) = matches.get_one::<SocketAddr>("http") {
        command.args(["--http", &http.to_string()]);
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
    let mut child = child.map_err(|e| CliError::io("the supervisor cannot be started", &e))?;
    let pipe = child.stdout.take().ok_or_else(|| CliError::failed("the supervisor has no output"))?;
    match follow(context, BufReader::new(pipe))? {
        Some(fabric) => ready(context, home, &fabric),
        None => {
            let status = child.wait().map_err(|e| CliError::io("the supervisor cannot be waited for", &e))?;
            Err(CliError::failed(format!("the supervisor ended ({status}):\n{}", supervise::tail(&log, log_from)))
                .hint(format!("its log is {}", log.display())))
        }
    }
}

/// Relays what the supervisor says until it is ready (`Some`), fails (the error), or ends without a word (`None`).
fn follow(context: &Context, lines: impl BufRead) -> Result<Option<FabricFile>, CliError> {
    for line in lines.lines() {
        let line = line.map_err(|e| CliError::io("the supervisor cannot be heard", &e))?;
        match serde_json::from_str::<Event>(&line) {
            Ok(Event::Progress(text)) => context.out.note(&text),
            Ok(Event::Ready(fabric)) => return Ok(Some(fabric)),
            Ok(Event::Failed { exit, code, message, hint }) => {
                let exits =
                    [Exit::Usage, Exit::Rejected, Exit::NoResult, Exit::Unreachable, Exit::Damaged, Exit::Config];
                let exit = exits.into_iter().find(|e| e.code() == exit).unwrap_or(Exit::Failed);
                return Err(CliError::new(exit, message).code(code).hint_opt(hint));
            }
            Err(_) => context.out.note(&line),
        }
    }
    Ok(None)
}

/// Somebody else holds the lock: wait until what they start is ready.
fn already(context: &Context, home: &Home) -> Result<(), CliError> {
    let give_up = Instant::now() + OTHER_START_TIMEOUT;
    loop {
        if let Some(fabric) = FabricFile::load(&home.fabric_file())? {
            if !context.out.is_json() {
                context.out.note("The fabric is up already.");
            }
            return ready(context, home, &fabric);
        }
        if Instant::now() > give_up {
            let log = home.run_dir().join("up.log");
            return Err(CliError::failed("another process is starting this fabric and is not getting ready")
                .hint(format!("stop it with `ifctl down`; its log is {}", log.display())));
        }
        std::thread::sleep(supervise::LOOK_INTERVAL);
    }
}

fn ready(context: &Context, home: &Home, fabric: &FabricFile) -> Result<(), CliError> {
    if context.out.is_json() {
        let mut document = document(home, fabric);
        document["status"] = json!("up");
        return context.out.document(&document);
    }
    let style = context.out.style();
    let rows = [
        ("NATS", fabric.nats_url.clone()),
        ("metrics", format!("http://{}/metrics", fabric.http_addr)),
        ("logs", home.run_dir().display().to_string()),
    ];
    let rows = rows.map(|(name, value)| (name.to_string(), value));
    context.out.text(&format!("{}\n{}", style.green("The fabric is up."), table::fields(style, "  ", &rows)))
}

fn document(home: &Home, fabric: &FabricFile) -> Value {
    let run: &Path = &home.run_dir();
    json!({"home": home.root(), "nats_url": fabric.nats_url, "http_addr": fabric.http_addr, "pids": fabric.pids, "logs": run})
}

#[cfg(test)]
mod tests {
    use super::loopback_port;

    #[test]
    fn only_loopback_urls_are_ours_to_serve() {
        assert_eq!(loopback_port("nats://127.0.0.1:4222"), Some(4222));
        assert_eq!(loopback_port("nats://localhost"), Some(4222));
        assert_eq!(loopback_port("nats://[::1]:5000"), Some(5000));
        assert_eq!(loopback_port("nats://10.0.0.5:4222"), None);
        assert_eq!(loopback_port("tls://127.0.0.1:4222"), None);
    }
}
