//! Where a secret is: in the file itself, or somewhere better.

use std::{fmt, path::PathBuf};
use zeroize::Zeroizing;

/// A secret setting of an instance, not yet resolved. `Debug` never shows a literal.
///
/// A literal that begins with one of the four prefixes cannot be written directly; put it in a file and use `file:`.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// The text itself. Its file must be usable by its owner alone.
    Literal(Zeroizing<String>),
    /// `env:NAME`, a variable of the worker's environment.
    Env(String),
    /// `file:/path` (or `file:~/path`), the whole file without surrounding white space.
    File(PathBuf),
    /// `keychain:service/name` of the operating system's keychain.
    Keychain { service: String, name: String },
    /// `exec:command`, the first line the shell command prints.
    Exec(String),
}

/// Why text with a reference prefix is no reference. Never holds what follows the prefix: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretRefError {
    #[error("env: needs the name of a variable, like env:OBS_PASSWORD")]
    Env,
    #[error("file: needs an absolute path, like file:/etc/obs-password or file:~/obs-password")]
    File,
    #[error("keychain: needs service and name, like keychain:infrafabric/obs")]
    Keychain,
    #[error("exec: needs a command, like exec:pass show obs")]
    Exec,
    #[error("it is empty; leave the line out where there is no secret")]
    Empty,
}

impl SecretRef {
    pub fn parse(text: &str) -> Result<Self, SecretRefError> {
        if text.is_empty() {
            return Err(SecretRefError::Empty);
        }
        if let Some(name) = text.strip_prefix("env:") {
            return Some(name).filter(|n| is_variable(n)).map(|n| Self::Env(n.into())).ok_or(SecretRefError::Env);
        }
        if let Some(path) = text.strip_prefix("file:") {
            return file(path).map(Self::File).ok_or(SecretRefError::File);
        }
        if let Some(rest) = text.strip_prefix("keychain:") {
            return match rest.split_once('/') {
                Some((service, name)) if !service.is_empty() && !name.is_empty() => {
                    Ok(Self::Keychain { service: service.into(), name: name.into() })
                }
                _ => Err(SecretRefError::Keychain),
            };
        }
        if let Some(command) = text.strip_prefix("exec:") {
            let command = command.trim();
            return Some(command).filter(|c| !c.is_empty()).map(|c| Self::Exec(c.into())).ok_or(SecretRefError::Exec);
        }
        Ok(Self::Literal(Zeroizing::new(text.into())))
    }

    pub fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("[secret]"),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Keychain { service, name } => write!(f, "keychain:{service}/{name}"),
            // A command may hold a secret among its arguments.
            Self::Exec(_) => f.write_str("exec:…"),
        }
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn file(text: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text);
    match path.strip_prefix("~") {
        Ok(rest) => crate::home::user_directory().map(|user| user.join(rest)),
        Err(_) => Some(path).filter(|p| p.is_absolute()),
    }
}
