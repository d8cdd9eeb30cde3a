//! The log through the command line: online, exported, tampered with.

use crate::with_vmix;
use anyhow::{Context, Result};

#[test]
fn the_log_tells_what_happened_and_verifies_online_and_offline() -> Result<()> {
    let (mut fabric, _sim) = with_vmix()?;
    let cut = fabric.json(&["vmix", "cut", "sim", "--input", "2"])?;
    let id = cut["command_id"].as_str().context("command_id")?.to_string();
    let log = fabric.run(&["witness", "log", "--operation", "vmix.cut", "--since", "1 hour ago"])?.expect(0)?;
    assert!(log.stdout.contains("vmix.cut"), "{}", log.stdout);
    let chain = fabric.run(&["witness", "chain", "--trace-from", &id])?.expect(0)?;
    assert!(chain.stdout.contains("vmix.cut"), "{}", chain.stdout);
    fabric.run(&["witness", "verify"])?.expect(0)?;
    fabric.run(&["witness", "verify", "--operation-id", &id])?.expect(0)?;

    let head = fabric.run(&["witness", "head", "--json"])?.expect(0)?.stdout;
    let dir = tempfile::tempdir()?;
    let (file, head_file) = (dir.path().join("log.ifw"), dir.path().join("head.json"));
    std::fs::write(&head_file, head)?;
    let (file, head_file) = (file.to_string_lossy().into_owned(), head_file.to_string_lossy().into_owned());
    fabric.run(&["witness", "export", "--out", &file])?.expect(0)?;
    fabric.stop()?;
    // Offline: no broker, no home directory.
    let empty = dir.path().join("no-home").to_string_lossy().into_owned();
    fabric.run(&["--home", &empty, "witness", "verify", "--file", &file, "--against", &head_file])?.expect(0)?;

    // A flipped bit in the middle is found, with exit code 6.
    let mut bytes = std::fs::read(&file)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes)?;
    let ran = fabric.run(&["--home", &empty, "witness", "verify", "--file", &file])?.expect(6)?;
    assert!(ran.stderr.contains("entry"), "{}", ran.stderr);
    Ok(())
}
