//! NATS users: nkeys, which are Ed25519 keys in NATS's own text form. Separate from signing keys.

use crate::BusError;

/// A fresh user from 32 random bytes: `(seed "SU…", public "U…")`.
pub fn user_from_seed(random: [u8; 32]) -> Result<(String, String), BusError> {
    let pair =
        nkeys::KeyPair::new_from_raw(nkeys::KeyPairType::User, random).map_err(|e| BusError::other("nkey", e))?;
    let seed = pair.seed().map_err(|e| BusError::other("nkey", e))?;
    Ok((seed, pair.public_key()))
}

/// The public key of a seed.
pub fn public_of(seed: &str) -> Result<String, BusError> {
    let pair = nkeys::KeyPair::from_seed(seed.trim()).map_err(|e| BusError::other("nkey seed", e))?;
    Ok(pair.public_key())
}
