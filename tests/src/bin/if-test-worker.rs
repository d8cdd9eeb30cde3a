//! The real worker runtime around a provider that only writes down what it executes, and vMix: for the crash suites.
//! `if-test-worker HOME NATS_URL EXECUTIONS_FILE`

use anyhow::Context;
use if_adapter_vmix::VmixProvider;
use if_bus::{BusRole, ConnectOptions};
use if_home::Home;
use if_tests::noop::{Memory, NoopProvider};
use if_worker::WorkerOptions;
use std::{fs::OpenOptions, sync::Arc};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, home, url, file] = args.as_slice() else { anyhow::bail!("HOME NATS_URL EXECUTIONS_FILE") };
    let file = OpenOptions::new().create(true).append(true).open(file).context("executions file")?;
    let options = WorkerOptions {
        home: Home::at(home),
        node: "node".parse()?,
        bus: ConnectOptions { url: url.clone(), name: "crash worker".into(), role: BusRole::Worker, nkey_seed: None },
        providers: vec![Arc::new(NoopProvider::new(Memory::File(Arc::new(file)))), Arc::new(VmixProvider::new())],
    };
    Ok(if_worker::run(options, CancellationToken::new()).await?)
}
