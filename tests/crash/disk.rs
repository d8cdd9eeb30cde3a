//! A disk that does not take writes: the broker ends with a clear error, and works again once the disk does.

use crate::processes::broker_ends;
use anyhow::Result;
use if_harness::nats::NatsServer;
use if_tests::{Keys, world};

#[test]
fn a_data_directory_that_cannot_be_written_is_a_clear_error() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let home = world::make_home(dir.path(), &Keys::default())?;
    let nats = NatsServer::start()?;
    // A file where the directory should be: refused whoever runs the test, root included.
    std::fs::write(home.witness_dir(), b"not a directory")?;
    let (code, text) = broker_ends(home.root(), &nats.url(), &[])?;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("witness") && text.contains("hint:"), "{text}");
    Ok(())
}

#[test]
fn a_log_of_another_broker_is_refused() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let home = world::make_home(dir.path(), &Keys::default())?;
    let nats = NatsServer::start()?;
    let key = home.key_file("broker");
    std::fs::remove_file(&key)?;
    std::fs::remove_file(if_home::keys::public_file(&key))?;
    if_home::keys::write_new(&key, &world::seed(77))?;
    let (code, text) = broker_ends(home.root(), &nats.url(), &[])?;
    assert_eq!(code, 64, "{text}");
    assert!(text.contains("names another broker key") && text.contains("hint:"), "{text}");
    Ok(())
}
