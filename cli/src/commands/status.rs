//! `status`: the fabric on one screen.

use super::instance::{Live, live_of_nodes};
use crate::{
    CliError, Exit,
    context::Context,
    output::{Style, table, value},
};
use clap::{ArgMatches, Command};
use if_home::{FabricFile, Home};
use if_schemas::query::{self, NodeRow, NodesAnswer, StatusAnswer};
use serde_json::json;

pub fn tree(command: Command) -> Command {
    command
}

/// What is known of a running fabric.
struct Fabric {
    nats_url: String,
    nats_version: String,
    broker: StatusAnswer,
    nodes: Vec<NodeRow>,
}

pub fn run(context: &Context, _: &ArgMatches) -> Result<(), CliError> {
    let home = context.home()?;
    let config = context.config(&home)?;
    let fabric = context.block_on(async {
        let mut client = context.connect(&home, &config).await?;
        let broker: StatusAnswer = client.query(query::STATUS).await?;
        let NodesAnswer { nodes } = client.query(query::NODES).await?;
        Ok(Fabric { nats_url: client.bus.url().to_string(), nats_version: client.bus.server_version(), broker, nodes })
    });
    let local = FabricFile::load(&home.fabric_file())?;
    match fabric {
        Ok(fabric) if context.out.is_json() => context.out.document(&document(&home, &fabric, local.as_ref())),
        Ok(fabric) => context.out.text(&human(context.out.style(), &home, &fabric)),
        Err(e) if e.exit == Exit::Unreachable => down(context, e),
        Err(e) => Err(e),
    }
}

fn down(context: &Context, error: CliError) -> Result<(), CliError> {
    if context.out.is_json() {
        let e = json!({"code": error.code, "message": error.message, "hint": error.hint});
        context.out.document(&json!({"status": "down", "exit": error.exit.code(), "error": e}))?;
    } else {
        context.out.text(&format!("Fabric  {}", context.out.style().red("down")))?;
    }
    Err(error.printed())
}

fn document(home: &Home, fabric: &Fabric, local: Option<&FabricFile>) -> serde_json::Value {
    let counts: serde_json::Map<_, _> =
        fabric.broker.counts.iter().map(|(s, n)| (s.as_str().to_string(), json!(n))).collect();
    let b = &fabric.broker;
    json!({
        "status": "up",
        "home": home.root(),
        "nats": {"url": fabric.nats_url, "version": fabric.nats_version},
        "http_addr": local.map(|l| l.http_addr),
        "pids": local.map(|l| l.pids),
        "broker": {"version": b.version, "uptime_us": b.uptime_us},
        "log": b.log,
        "head": {"index": b.head.index, "hash": b.head.hash, "at": b.head_at},
        "admitted": b.admitted,
        "rejected": b.rejected,
        "in_flight": b.in_flight,
        "settled": counts,
        "ledger": b.ledger,
        "nodes": fabric.nodes,
    })
}

fn human(style: Style, home: &Home, fabric: &Fabric) -> String {
    let b = &fabric.broker;
    let settled = b.counts.iter().map(|(s, n)| format!("{n} {}", s.as_str())).collect::<Vec<_>>().join(", ");
    let ledger =
        b.ledger.iter().map(|l| format!("{} posted, {} reserved", l.posted, l.reserved)).collect::<Vec<_>>().join("; ");
    let or = |text: String, none: &str| if text.is_empty() { none.to_string() } else { text };
    let rows = [
        ("Fabric", style.status("up")),
        ("Home", home.root().display().to_string()),
        ("NATS", format!("{} on {}", fabric.nats_version, fabric.nats_url)),
        ("Broker", format!("{}, up {}", b.version, value::duration(b.uptime_us))),
        ("Log", format!("head #{} {}  {}", b.head.index, value::short(b.head.hash), value::time(b.head_at))),
        ("Commands", format!("{} admitted, {} rejected, {} in flight", b.admitted, b.rejected, b.in_flight)),
        ("Results", or(settled, "none yet")),
        ("Ledger", or(ledger, "nothing spent")),
    ];
    let mut out = table::fields(style, "", &rows.map(|(n, v)| (n.to_string(), v)));
    out.push('\n');
    out.push_str(&nodes(style, &fabric.nodes));
    out
}

/// Nodes and what they serve.
pub fn nodes(style: Style, nodes: &[NodeRow]) -> String {
    if nodes.is_empty() {
        return "No live worker nodes.\n".into();
    }
    let mut out = String::new();
    for node in nodes {
        let n = node.instances.len();
        out.push_str(&format!(
            "Node {}  {} instance{}, version {}, key {}\n",
            style.bold(node.node.as_str()),
            n,
            if n == 1 { "" } else { "s" },
            node.version,
            value::short(node.key_id)
        ));
        let live = live_of_nodes(NodesAnswer { nodes: vec![node.clone()] });
        if !live.is_empty() {
            let rows: Vec<Vec<String>> = live.iter().map(cells).collect();
            let table = table::table(style, &["INSTANCE", "STATE", "SINCE (UTC)", "DETAIL"], &rows, Some(1));
            out.push_str(&table.lines().map(|l| format!("  {l}\n")).collect::<String>());
        }
    }
    out
}

fn cells(live: &Live) -> Vec<String> {
    let simulated = if live.simulated { "[simulated] " } else { "" };
    let detail = live.detail.as_deref().map(value::printable).unwrap_or_default();
    vec![
        format!("{}/{}", live.provider, live.instance),
        live.state.as_str().into(),
        value::time(live.since),
        format!("{simulated}{detail}"),
    ]
}
