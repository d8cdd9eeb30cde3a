//! `if-sim`: simulated peers as a program, one JSON line per event on stdout.

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use if_harness::vmix::{Faults, FunctionFault, SimOptions, VmixSim, WireFault};
use serde_json::{Value, json};
use std::{
    io::{self, Write as _},
    time::Duration,
};

/// Pause after each byte with `--tcp-fault slow-drip`.
const SLOW_DRIP_PAUSE: Duration = Duration::from_millis(200);

#[derive(Parser)]
#[command(name = "if-sim", version, about = "Simulated peers for tests and demonstrations, on loopback only")]
struct Cli {
    #[command(subcommand)]
    peer: Peer,
}

#[derive(Subcommand)]
enum Peer {
    /// A vMix: the TCP API and the HTTP API. Prints the ports, then one JSON line per function received.
    Vmix(VmixArgs),
}

#[derive(Args)]
struct VmixArgs {
    /// HTTP port; 0 takes any free one.
    #[arg(long, default_value_t = 8088)]
    http_port: u16,
    /// TCP API port; 0 takes any free one.
    #[arg(long, default_value_t = 8099)]
    tcp_port: u16,
    /// Number of inputs.
    #[arg(long, default_value_t = 4)]
    inputs: usize,
    /// Milliseconds between the answer to a function and its effect.
    #[arg(long, default_value_t = 40)]
    delay_ms: u64,
    /// Input on program at the start.
    #[arg(long, default_value_t = 1)]
    program: usize,
    /// Input on preview at the start.
    #[arg(long, default_value_t = 2)]
    preview: usize,
    /// Version the simulator claims.
    #[arg(long, default_value = "29.0.0.49")]
    vmix_version: String,
    /// Do not push between a request and its reply.
    #[arg(long)]
    no_interleave: bool,
    /// Write in pieces of this many bytes.
    #[arg(long)]
    chunk_bytes: Option<usize>,
    /// What goes wrong with functions.
    #[arg(long, value_enum, default_value_t = FunctionFlag::None)]
    function_fault: FunctionFlag,
    /// What goes wrong on the TCP port.
    #[arg(long, value_enum, default_value_t = WireFlag::None)]
    tcp_fault: WireFlag,
    /// What goes wrong on the HTTP port.
    #[arg(long, value_enum, default_value_t = WireFlag::None)]
    http_fault: WireFlag,
}

#[derive(Clone, Copy, ValueEnum)]
enum FunctionFlag {
    None,
    Ignored,
    WrongEffect,
    Refused,
    Unanswered,
    DropAfter,
    DropBefore,
}

#[derive(Clone, Copy, ValueEnum)]
enum WireFlag {
    None,
    NeverAnswer,
    HalfOpen,
    SlowDrip,
    Garbage,
    Flood,
    HugeBody,
    Drop,
}

impl From<FunctionFlag> for FunctionFault {
    fn from(flag: FunctionFlag) -> Self {
        match flag {
            FunctionFlag::None => FunctionFault::None,
            FunctionFlag::Ignored => FunctionFault::Ignored,
            FunctionFlag::WrongEffect => FunctionFault::WrongEffect,
            FunctionFlag::Refused => FunctionFault::Refused,
            FunctionFlag::Unanswered => FunctionFault::Unanswered,
            FunctionFlag::DropAfter => FunctionFault::DropAfter,
            FunctionFlag::DropBefore => FunctionFault::DropBefore,
        }
    }
}

impl From<WireFlag> for WireFault {
    fn from(flag: WireFlag) -> Self {
        match flag {
            WireFlag::None => WireFault::None,
            WireFlag::NeverAnswer => WireFault::NeverAnswer,
            WireFlag::HalfOpen => WireFault::HalfOpen,
            WireFlag::SlowDrip => WireFault::SlowDrip(SLOW_DRIP_PAUSE),
            WireFlag::Garbage => WireFault::Garbage,
            WireFlag::Flood => WireFault::Flood,
            WireFlag::HugeBody => WireFault::HugeBody,
            WireFlag::Drop => WireFault::Drop,
        }
    }
}

impl From<VmixArgs> for SimOptions {
    fn from(args: VmixArgs) -> Self {
        Self {
            tcp_port: args.tcp_port,
            http_port: args.http_port,
            inputs: args.inputs,
            delay: Duration::from_millis(args.delay_ms),
            version: args.vmix_version,
            program: args.program,
            preview: args.preview,
            interleave: !args.no_interleave,
            chunk_bytes: args.chunk_bytes,
            faults: Faults {
                function: args.function_fault.into(),
                tcp: args.tcp_fault.into(),
                http: args.http_fault.into(),
                xml: Default::default(),
            },
        }
    }
}

fn print_line(line: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().peer {
        Peer::Vmix(args) => vmix(args.into()).await,
    }
}

async fn vmix(options: SimOptions) -> anyhow::Result<()> {
    let observer = |received: &_| {
        let mut line = json!({"event": "function"});
        if let (Some(line), Ok(Value::Object(fields))) =
            (line.as_object_mut(), serde_json::to_value::<&if_harness::vmix::Received>(received))
        {
            line.extend(fields);
        }
        // Nobody reading any more is no reason to stop simulating.
        let _ = print_line(&line);
    };
    let sim = VmixSim::start_with(options, observer).context("the vMix simulator did not start")?;
    print_line(&json!({
        "event": "listening",
        "peer": "vmix",
        "simulated": true,
        "host": "127.0.0.1",
        "http_port": sim.http_addr.port(),
        "tcp_port": sim.tcp_addr.port(),
    }))?;
    tokio::signal::ctrl_c().await.context("cannot wait for an interrupt")
}
