//! Entry 0: the genesis envelope that `ifctl init` made, written once into an empty log.

use crate::{BrokerError, clock};
use if_core::State;
use if_home::Home;
use if_schemas::{Body, Entry, Envelope, SigningKey, Trust};

/// Reads `genesis.bin` and checks that this broker's key is the one it names.
pub fn read(home: &Home, key: &SigningKey) -> Result<Envelope, BrokerError> {
    let path = home.genesis_file();
    let bytes = std::fs::read(&path).map_err(|e| BrokerError::Config {
        what: format!("{} cannot be read: {e}", path.display()),
        hint: "make it with `ifctl init`".into(),
    })?;
    let envelope = Envelope::decode(&bytes)?;
    let trust = Trust::from_genesis(&envelope)?;
    if trust.broker() != Some(key.public()) {
        return Err(BrokerError::Config {
            what: format!("{} names another broker key than {}", path.display(), home.key_file("broker").display()),
            hint: "restore the key that belongs to this log".into(),
        });
    }
    Ok(envelope)
}

/// Entry 0 for an empty log.
pub fn entry(envelope: Envelope) -> Entry {
    State::default().draft(clock::now(), Body::Genesis { envelope })
}
