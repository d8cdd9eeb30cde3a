//! The keychain of the operating system: of the user the worker runs as.

use super::{EXEC_TIMEOUT, SecretError, not_empty};
use if_engine::Secret;
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
pub fn how_to_add(service: &str, name: &str) -> String {
    if cfg!(target_os = "linux") {
        format!(
            "add it as the worker's user with `keyctl padd user 'keyring:{name}@{service}' @u`; see docs/secrets.md"
        )
    } else {
        "add it with the keychain program of the system, as the worker's user".into()
    }
}

/// What was found: nothing, or why it cannot be known. The text never has what was read.
enum Unread {
    NotThere,
    Failed(String),
}

/// Bounded in time: a keychain may ask the user, and a daemon has nobody to answer.
pub async fn read(service: &str, name: &str) -> Result<Secret, SecretError> {
    let (wanted, user) = (service.to_string(), name.to_string());
    let reading = tokio::task::spawn_blocking(move || system::read(&wanted, &user));
    let read = match tokio::time::timeout(EXEC_TIMEOUT, reading).await {
        Ok(Ok(read)) => read,
        Ok(Err(ended)) => Err(Unread::Failed(ended.to_string())),
        Err(_) => Err(Unread::Failed(format!("no answer within {} ms", EXEC_TIMEOUT.as_millis()))),
    };
    match read {
        Ok(text) => not_empty(text, || format!("keychain:{service}/{name}")),
        Err(Unread::NotThere) => Err(SecretError::NotInKeychain { service: service.into(), name: name.into() }),
        Err(Unread::Failed(why)) => Err(SecretError::Keychain(why)),
    }
}

/// What a key of the kernel keyring is called: as other programs of this kind call theirs.
#[cfg(target_os = "linux")]
pub(super) fn description(service: &str, name: &str) -> String {
    format!("keyring:{name}@{service}")
}

#[cfg(target_os = "linux")]
mod system {
    use super::{Unread, Zeroizing, description};
    use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};

    /// In the keyring of the session, which usually leads to the user's, then in the user's.
    pub fn read(service: &str, name: &str) -> Result<Zeroizing<String>, Unread> {
        let description = description(service, name);
        let mut not_read = Unread::NotThere;
        for place in [KeyRingIdentifier::Session, KeyRingIdentifier::User] {
            let found = KeyRing::from_special_id(place, false).and_then(|ring| ring.search(&description));
            match found.and_then(|key| key.read_to_vec()) {
                Ok(bytes) => {
                    let bytes = Zeroizing::new(bytes);
                    let text = std::str::from_utf8(&bytes).map_err(|_| Unread::Failed("it is no UTF-8 text".into()))?;
                    return Ok(Zeroizing::new(text.into()));
                }
                Err(KeyError::KeyDoesNotExist | KeyError::KeyRevoked | KeyError::KeyExpired) => {}
                Err(error) => not_read = Unread::Failed(error.to_string()),
            }
        }
        Err(not_read)
    }
}

#[cfg(any(target_os = "macos", target_os = "windows"))]
mod system {
    use super::{Unread, Zeroizing};
    use keyring_core::{CredentialStore, Error, Result as KeyringResult};
    use std::sync::Arc;

    pub fn read(service: &str, name: &str) -> Result<Zeroizing<String>, Unread> {
        let entry = store().and_then(|store| store.build(service, name, None));
        entry.and_then(|entry| entry.get_password()).map(Zeroizing::new).map_err(|error| match error {
            Error::NoEntry => Unread::NotThere,
            // The display of these says what is wrong and never what was read.
            error => Unread::Failed(error.to_string()),
        })
    }

    #[cfg(target_os = "macos")]
    fn store() -> KeyringResult<Arc<CredentialStore>> {
        Ok(apple_native_keyring_store::keychain::Store::new()?)
    }

    #[cfg(target_os = "windows")]
    fn store() -> KeyringResult<Arc<CredentialStore>> {
        Ok(windows_native_keyring_store::Store::new()?)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "windows")))]
mod system {
    use super::{Unread, Zeroizing};

    pub fn read(_: &str, _: &str) -> Result<Zeroizing<String>, Unread> {
        Err(Unread::Failed("no keychain is known for this system".into()))
    }
}
