//! The keychain of the operating system: of the user the worker runs as.

use super::{EXEC_TIMEOUT, SecretError, not_empty};
use if_engine::Secret;
use keyring_core::{CredentialStore, Error};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What it is called here.
pub const NAME: &str = if cfg!(target_os = "linux") {
    "the kernel keyring"
} else if cfg!(target_os = "macos") {
    "the macOS keychain"
} else {
    "the Windows Credential Manager"
};

/// How something gets into it. The kernel keyring forgets at a restart of the machine.
pub const HOW_TO_ADD: &str = if cfg!(target_os = "linux") {
    "add it with `keyctl padd user keyring:NAME@SERVICE @u` (as the worker's user), or use exec: with secret-tool or pass"
} else {
    "add it with the keychain program of the system, as the worker's user"
};

/// Bounded in time: a keychain may ask the user, and a daemon has nobody to answer.
pub async fn read(service: &str, name: &str) -> Result<Secret, SecretError> {
    let (wanted, user) = (service.to_string(), name.to_string());
    let reading = tokio::task::spawn_blocking(move || store()?.build(&wanted, &user, None)?.get_password());
    let read = match tokio::time::timeout(EXEC_TIMEOUT, reading).await {
        Ok(Ok(read)) => read,
        Ok(Err(ended)) => return Err(SecretError::Keychain(ended.to_string())),
        Err(_) => return Err(SecretError::Keychain(format!("no answer within {} ms", EXEC_TIMEOUT.as_millis()))),
    };
    match read {
        Ok(text) => not_empty(Zeroizing::new(text), || format!("keychain:{service}/{name}")),
        Err(Error::NoEntry) => Err(SecretError::NotInKeychain { service: service.into(), name: name.into() }),
        // The display of these says what is wrong and never what was read.
        Err(error) => Err(SecretError::Keychain(error.to_string())),
    }
}

#[cfg(target_os = "linux")]
pub(super) fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(linux_keyutils_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(target_os = "windows")]
fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
fn store() -> keyring_core::Result<Arc<CredentialStore>> {
    Err(Error::NoDefaultStore)
}
