//! Key files: one line `ifkey1:` and the 64 hex digits of an Ed25519 seed, mode 0600; the public key in hex beside it.

use crate::{
    HomeError, Place,
    private::{self, SECRET_FILE_MAX_BYTES},
};
use if_schemas::{PublicKey, SigningKey};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Start of every key file: what it is, and its format version.
pub const KEY_PREFIX: &str = "ifkey1:";
/// Bytes of an Ed25519 seed.
pub const SEED_BYTES: usize = 32;

/// A fresh seed from the operating system.
pub fn random_seed() -> Result<Zeroizing<[u8; SEED_BYTES]>, HomeError> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    getrandom::fill(&mut *seed).map_err(|e| {
        HomeError::io(Path::new("random numbers"), "get them from the operating system", std::io::Error::other(e))
    })?;
    Ok(seed)
}

/// The key of a random seed.
pub fn generate(random_seed: [u8; SEED_BYTES]) -> SigningKey {
    SigningKey::from_seed(&random_seed)
}

/// Reads a private key. Refused where other users can read the file.
pub fn read(path: &Path) -> Result<SigningKey, HomeError> {
    let text = private::read_secret(path, "it holds a private key")
        .map_err(|e| if e.is_missing() { e.or_hint("run `ifctl init`, or copy the key file there") } else { e })?;
    let bad = || {
        HomeError::invalid(Place::at(path, 1, 1), "not a private key file")
            .or_hint(format!("it must be one line, `{KEY_PREFIX}` and 64 hex digits"))
    };
    let digits = text.strip_prefix(KEY_PREFIX).ok_or_else(bad)?;
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    hex::decode_to_slice(digits, &mut *seed).map_err(|_| bad())?;
    Ok(SigningKey::from_seed(&seed))
}

/// Writes a new key file and the public key beside it. An existing key is refused and kept.
pub fn write_new(path: &Path, seed: &[u8; SEED_BYTES]) -> Result<SigningKey, HomeError> {
    let key = SigningKey::from_seed(seed);
    let line = Zeroizing::new(format!("{KEY_PREFIX}{}\n", Zeroizing::new(hex::encode(seed)).as_str()));
    private::write_new(path, line.as_bytes()).map_err(keep_hint)?;
    // The private key decides; a `.pub` left over from a removed key says nothing true.
    private::replace(&public_file(path), format!("{}\n", key.public()).as_bytes())?;
    Ok(key)
}

fn keep_hint(e: HomeError) -> HomeError {
    match &e {
        HomeError::Io { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => {
            e.or_hint("a key is never overwritten: move the old file away, or use `ifctl key rotate`")
        }
        _ => e,
    }
}

/// Where the public half of a key file is: `worker.pub` beside `worker.key`.
pub fn public_file(key_file: &Path) -> PathBuf {
    key_file.with_extension("pub")
}

/// Reads a public key, given the `.pub` file or the key file it is beside.
pub fn read_public(path: &Path) -> Result<PublicKey, HomeError> {
    let path = public_file(path);
    let (text, _) = private::read(&path, SECRET_FILE_MAX_BYTES)?;
    text.trim().parse::<PublicKey>().ok().filter(PublicKey::is_usable).ok_or_else(|| {
        HomeError::invalid(Place::at(&path, 1, 1), "not a public key file")
            .or_hint("it must be one line of 64 hex digits")
    })
}
