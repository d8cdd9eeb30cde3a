//! What a log says once everything that wrote it is gone.

use anyhow::{Result, ensure};
use if_core::{Auditor, State};
use if_schemas::{Body, CommandId, Entry};
use if_witness::{Log, Options};
use std::collections::BTreeMap;

/// Every entry of the log in this home directory, oldest first.
pub fn entries(home: &std::path::Path) -> Result<Vec<Vec<u8>>> {
    let log = Log::open(&home.join("witness"), Options::default())?;
    let rows = log.reader().range(0, u64::MAX, usize::MAX, false)?;
    Ok(rows.into_iter().map(|r| r.bytes).collect())
}

/// Replays everything, as an outside auditor would; the state at the end.
pub fn audit(entries: &[Vec<u8>]) -> Result<State> {
    let mut auditor = Auditor::default();
    for bytes in entries {
        auditor.push(bytes, None)?;
    }
    if let Some(batch) = auditor.take_batch(true) {
        batch.check()?;
    }
    Ok(auditor.state().clone())
}

/// Every admitted command has exactly one settlement.
pub fn each_settled_once(entries: &[Vec<u8>]) -> Result<()> {
    let mut settlements: BTreeMap<CommandId, usize> = BTreeMap::new();
    for bytes in entries {
        match Entry::decode(bytes)?.body {
            Body::Admitted { envelope, .. } => {
                let command: if_schemas::Command = envelope.read_unverified()?;
                settlements.entry(command.id).or_default();
            }
            Body::Completed { envelope, .. } => {
                let result: if_schemas::ResultEvent = envelope.read_unverified()?;
                *settlements.entry(result.command).or_default() += 1;
            }
            Body::Unresolved { command, .. } => *settlements.entry(command).or_default() += 1,
            _ => {}
        }
    }
    let wrong: Vec<_> = settlements.iter().filter(|(_, n)| **n != 1).collect();
    ensure!(wrong.is_empty(), "not settled exactly once: {wrong:?}");
    Ok(())
}
