//! `watch PROVIDER/INSTANCE` and `<provider> watch INSTANCE`: the live state of an instance, value by value, as it changes.

mod board;

use super::{instance::live_of_nodes, name};
use crate::{
    CliError, Exit,
    client::{Client, SNAPSHOT_TIMEOUT},
    context::Context,
    output::{Output, value},
};
use board::{Board, Change};
use clap::{Arg, ArgAction, ArgMatches, Command};
use if_bus::StateWatch;
use if_schemas::{
    Name,
    presence::InstanceState,
    query::{self, NodesAnswer},
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How often the nodes are asked whether anybody still serves the instance.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What `watch` takes besides the instance.
pub fn options(command: Command) -> Command {
    command
        .arg(
            Arg::new("path")
                .long("path")
                .value_name("PATH")
                .help("only this path and what is below it: tally, inputs.1"),
        )
        .arg(Arg::new("once").long("once").action(ArgAction::SetTrue).help("print what is known now, then end"))
}

pub fn tree(command: Command) -> Command {
    let target = Arg::new("target").value_name("PROVIDER/INSTANCE").required(true).help("like vmix/myvmix");
    options(command.arg(target)).after_help("With --json: one document a line; with --once, one document in all.")
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let said = matches.get_one::<String>("target").map(String::as_str).unwrap_or_default();
    let Some((provider, instance)) = said.split_once('/') else {
        return Err(CliError::usage(format!("{said:?} is no instance"), "say it as PROVIDER/INSTANCE: vmix/myvmix"));
    };
    watch(context, name("provider", provider)?, name("instance name", instance)?, matches)
}

/// Shows the live state of one instance until stopped, or once.
pub fn watch(context: &Context, provider: Name, instance: Name, matches: &ArgMatches) -> Result<(), CliError> {
    let below = matches.get_one::<String>("path").cloned();
    let once = matches.get_flag("once");
    context.with_client(async |client| {
        let board = Board::new(below);
        let mut watching = Watching { out: context.out, client, provider, instance, board, standing: None };
        match once {
            true => watching.once().await,
            false => watching.follow().await,
        }
    })
}

/// Who serves the instance, and how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    node: Name,
    state: InstanceState,
    detail: Option<String>,
}

struct Watching<'a> {
    out: &'a Output,
    client: &'a mut Client,
    provider: Name,
    instance: Name,
    board: Board,
    standing: Option<Standing>,
}

impl Watching<'_> {
    async fn once(&mut self) -> Result<(), CliError> {
        self.look().await?;
        self.snapshot().await?;
        self.known()?;
        if self.out.is_json() {
            let values: Map<String, Value> = self.board.values().map(|(path, v)| (path.clone(), v.clone())).collect();
            return self.out.document(&json!({
                "provider": self.provider, "instance": self.instance, "fresh": self.is_fresh(),
                "state": self.standing.as_ref().map(|s| s.state), "values": values,
            }));
        }
        self.note_standing();
        let lines: Vec<String> = self.board.values().map(|(path, v)| line(path, Some(v))).collect();
        self.out.text(&lines.join("\n"))
    }

    async fn follow(&mut self) -> Result<(), CliError> {
        let mut link = self.client.bus.link();
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        loop {
            link.borrow_and_update();
            self.look().await?;
            let mut state = self.snapshot().await?;
            self.known()?;
            if !self.show_all()? {
                return Ok(());
            }
            // Until the connection is another one, or the server's side of the reading is gone: then all over again.
            loop {
                tokio::select! {
                    message = state.next() => match message {
                        Ok(message) => if let Some(change) = self.take(&message.payload).await && !self.show(&change)? {
                            return Ok(());
                        },
                        Err(_) => break,
                    },
                    _ = ticks.tick() => {
                        let before = self.is_fresh();
                        self.look().await?;
                        if before != self.is_fresh() && !self.show_freshness()? {
                            return Ok(());
                        }
                    }
                    changed = link.changed() => {
                        changed.map_err(|_| lost())?;
                        if link.borrow().up {
                            break;
                        }
                    }
                }
            }
        }
    }

    /// Reads every value there is. What the board knew and is not there any more goes.
    async fn snapshot(&mut self) -> Result<StateWatch, CliError> {
        let mut state = self.client.bus.watch_state(&self.provider, &self.instance, ">").await?;
        self.board.begin();
        let mut pending = state.pending;
        while pending > 0 {
            let next = tokio::time::timeout(SNAPSHOT_TIMEOUT, state.next()).await;
            let message =
                next.map_err(|_| CliError::new(Exit::Unreachable, "the live state did not come in time"))??;
            pending = message.pending;
            self.take(&message.payload).await;
        }
        self.board.end();
        Ok(state)
    }

    /// What a report about this instance changes.
    async fn take(&mut self, bytes: &[u8]) -> Option<Change> {
        let report = self.client.state_report(bytes).await?;
        let ours = report.provider == self.provider && report.instance == self.instance;
        if ours { self.board.take(report) } else { None }
    }

    async fn look(&mut self) -> Result<(), CliError> {
        let nodes: NodesAnswer = self.client.query(query::NODES).await?;
        let found =
            live_of_nodes(nodes).into_iter().find(|l| l.provider == self.provider && l.instance == self.instance);
        self.standing = found.map(|l| Standing { node: l.node, state: l.state, detail: l.detail });
        Ok(())
    }

    fn known(&self) -> Result<(), CliError> {
        if self.standing.is_some() || !self.board.is_empty() {
            return Ok(());
        }
        let message = format!("nobody serves {}/{}, and nothing is known of its state", self.provider, self.instance);
        Err(CliError::new(Exit::Failed, message).code("no_worker").hint("`ifctl node list` shows what is served"))
    }

    /// The values are those of now: the worker says so, and the instance is connected.
    fn is_fresh(&self) -> bool {
        self.board.is_fresh() && self.standing.as_ref().is_some_and(|s| s.state == InstanceState::Ok)
    }

    fn show_all(&self) -> Result<bool, CliError> {
        self.note_standing();
        for (path, found) in self.board.all() {
            if !self.show(&Change { path: path.clone(), value: Some(found.value.clone()), at: found.at })? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn show(&self, change: &Change) -> Result<bool, CliError> {
        if self.out.is_json() {
            return self.json_line(&json!({
                "path": change.path, "value": change.value, "at": change.at, "fresh": self.is_fresh(),
            }));
        }
        let style = self.out.style();
        let mark = if self.is_fresh() { String::new() } else { format!("  {}", style.yellow("stale")) };
        let at = style.dim(&value::time_of_day(change.at));
        self.out.try_text(&format!("{at}  {}{mark}", line(&change.path, change.value.as_ref())))
    }

    fn show_freshness(&self) -> Result<bool, CliError> {
        if self.out.is_json() {
            return self
                .json_line(&json!({"fresh": self.is_fresh(), "state": self.standing.as_ref().map(|s| s.state)}));
        }
        self.note_standing();
        Ok(true)
    }

    fn json_line(&self, document: &Value) -> Result<bool, CliError> {
        self.out.try_text(&document.to_string())
    }

    /// For people: who shows it, and whether it can be believed.
    fn note_standing(&self) {
        let target = format!("{}/{}", self.provider, self.instance);
        let Some(standing) = &self.standing else {
            return self.out.warning(&format!("nobody serves {target}: what follows is the last that was known"));
        };
        let detail = standing.detail.as_ref().map(|d| format!(", {}", value::printable(d))).unwrap_or_default();
        let text = format!("{target} on node {}: {}{detail}", standing.node, standing.state.as_str());
        match (self.is_fresh(), self.board.is_empty()) {
            (true, _) => self.out.note(&text),
            (false, true) => self.out.warning(&format!("{text}; it tells of no state yet")),
            (false, false) => self.out.warning(&format!("{text}: what is shown is the last that was known")),
        }
        if self.board.is_truncated() {
            self.out.warning("the instance has more state than is kept");
        }
    }
}

fn line(path: &str, found: Option<&Value>) -> String {
    match found {
        Some(found) => format!("{} = {}", board::readable(path), value::printable(&value::scalar(found))),
        None => format!("{} is gone", board::readable(path)),
    }
}

fn lost() -> CliError {
    CliError::new(Exit::Unreachable, "the connection to NATS was lost").hint("run it again once the fabric is up")
}
