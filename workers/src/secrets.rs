//! From references in instance files to secrets in memory. No text of a secret is ever in an error or a log line.

mod keychain;

use if_engine::Secret;
use if_home::{HomeError, SecretRef};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{io::AsyncReadExt, process::Command};
use zeroize::Zeroizing;

/// Largest secret, bytes.
pub const SECRET_MAX_BYTES: u64 = 64 * 1024;
/// Longest run of a command that prints a secret.
pub const EXEC_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("the environment variable {0} is not set for the worker")]
    NotSet(String),
    #[error("the environment variable {0} is not UTF-8 text")]
    NotText(String),
    #[error(transparent)]
    File(Box<HomeError>),
    #[error("{keychain} has no {name:?} of {service:?}; {how}", keychain = keychain::NAME, how = keychain::how_to_add(.service, .name))]
    NotInKeychain { service: String, name: String },
    #[error("{keychain} cannot be read: {0}", keychain = keychain::NAME)]
    Keychain(String),
    #[error("the secret command {program} cannot be started: {why}")]
    Start { program: String, why: String },
    #[error("the secret command {0} has an unclosed quote")]
    Quote(String),
    #[error("the secret command {program} did not end within {} ms", .limit.as_millis())]
    Slow { program: String, limit: Duration },
    #[error("the secret command {program} ended with {status}")]
    Status { program: String, status: String },
    #[error("the secret command {0} printed more than {SECRET_MAX_BYTES} bytes or no UTF-8 text")]
    Output(String),
    #[error("{0} gives an empty secret")]
    Empty(String),
}

/// Resolves one reference. Bounded in time and size.
pub async fn resolve(reference: &SecretRef) -> Result<Secret, SecretError> {
    resolve_within(reference, EXEC_TIMEOUT).await
}

async fn resolve_within(reference: &SecretRef, exec: Duration) -> Result<Secret, SecretError> {
    match reference {
        SecretRef::Literal(text) => Ok(Secret::new(text.to_string())),
        SecretRef::Env(name) => from_env(name),
        SecretRef::File(path) => from_file(path).await,
        SecretRef::Keychain { service, name } => keychain::read(service, name).await,
        SecretRef::Exec(command) => from_command(command, exec).await,
    }
}

fn from_env(name: &str) -> Result<Secret, SecretError> {
    match std::env::var(name) {
        Ok(text) => not_empty(Zeroizing::new(text), || format!("env:{name}")),
        Err(std::env::VarError::NotPresent) => Err(SecretError::NotSet(name.into())),
        Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::NotText(name.into())),
    }
}

async fn from_file(path: &Path) -> Result<Secret, SecretError> {
    let owned = path.to_path_buf();
    // A file may be on a network drive; a blocking read must not stop other instances.
    let read = tokio::task::spawn_blocking(move || if_home::private::read_secret(&owned, "it holds a secret"));
    let text =
        read.await.map_err(|e| SecretError::Start { program: path.display().to_string(), why: e.to_string() })?;
    let text = text.map_err(|e| SecretError::File(e.into()))?;
    not_empty(text, || format!("file:{}", path.display()))
}

async fn from_command(command: &str, limit: Duration) -> Result<Secret, SecretError> {
    let words = split_words(command).ok_or_else(|| SecretError::Quote(program_of(command)))?;
    let program = words.first().cloned().unwrap_or_default();
    let started = Command::new(&program)
        .args(words.get(1..).unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let mut child = started.map_err(|e| SecretError::Start { program: program.clone(), why: e.to_string() })?;
    let output = async {
        let mut bytes = Zeroizing::new(Vec::new());
        if let Some(stdout) = child.stdout.take() {
            stdout.take(SECRET_MAX_BYTES + 1).read_to_end(&mut bytes).await?;
        }
        if bytes.len() as u64 > SECRET_MAX_BYTES {
            return Ok((bytes, None));
        }
        let status = child.wait().await?;
        Ok::<_, std::io::Error>((bytes, Some(status)))
    };
    let ended =
        tokio::time::timeout(limit, output).await.map_err(|_| SecretError::Slow { program: program.clone(), limit })?;
    let (bytes, status) = ended.map_err(|e| SecretError::Start { program: program.clone(), why: e.to_string() })?;
    let Some(status) = status else { return Err(SecretError::Output(program)) };
    if !status.success() {
        return Err(SecretError::Status { program, status: status.to_string() });
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::Output(program.clone()))?;
    let line = text.lines().next().unwrap_or_default().trim_end();
    not_empty(Zeroizing::new(line.into()), || format!("exec:{program}"))
}

fn not_empty(text: Zeroizing<String>, what: impl Fn() -> String) -> Result<Secret, SecretError> {
    if text.is_empty() {
        return Err(SecretError::Empty(what()));
    }
    Ok(Secret::new(text.to_string()))
}

fn program_of(command: &str) -> String {
    command.split_whitespace().next().unwrap_or_default().to_string()
}

/// Splits at spaces; single and double quotes hold words together. There is no shell and nothing is expanded.
/// `None` if a quote stays open.
pub(crate) fn split_words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    for c in text.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => word.push(c),
            None if c == '\'' || c == '"' => (quote, any) = (Some(c), true),
            None if c.is_whitespace() => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            None => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests;
