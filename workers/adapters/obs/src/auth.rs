//! The answer to obs-websocket's password challenge. Pure.

use base64::{Engine, engine::general_purpose::STANDARD};
use if_engine::Secret;
use sha2::{Digest, Sha256};

/// `base64(sha256(base64(sha256(password + salt)) + challenge))`, as obs-websocket's protocol.md gives it.
pub fn answer(password: &Secret, salt: &str, challenge: &str) -> String {
    let secret = STANDARD.encode(Sha256::new().chain_update(password.expose()).chain_update(salt).finalize());
    STANDARD.encode(Sha256::new().chain_update(secret).chain_update(challenge).finalize())
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
