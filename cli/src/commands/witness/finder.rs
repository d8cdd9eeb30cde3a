//! Picks the entries of one operation out of a stream of verified ones.

use crate::CliError;
use if_schemas::{Body, Command, CommandId, Entry, Envelope, Hash, KeyId, Kind, ResultEvent, Timestamp, TrustChange};

/// Least digits of a command id that make a search.
const PREFIX_MIN_DIGITS: usize = 4;

/// One entry of the operation, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub index: u64,
    pub hash: Hash,
    pub prev: Hash,
    pub at: Timestamp,
    pub kind: &'static str,
    pub command: CommandId,
    /// None where the broker itself settled.
    pub signer: Option<KeyId>,
}

#[derive(Debug, Clone)]
pub struct Finder {
    text: String,
    /// Hex digits of the id, without hyphens, lower case.
    prefix: String,
    found: Vec<Found>,
}

impl Finder {
    /// `text` is a command id or the start of one.
    pub fn new(text: &str) -> Result<Self, CliError> {
        let prefix: String = text.chars().filter(|c| *c != '-').collect::<String>().to_lowercase();
        if prefix.len() < PREFIX_MIN_DIGITS || !prefix.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(CliError::usage(
                format!("{text:?} is no command id"),
                format!("give at least {PREFIX_MIN_DIGITS} digits of one"),
            ));
        }
        Ok(Self { text: text.into(), prefix, found: Vec::new() })
    }

    pub fn note(&mut self, entry: &Entry, hash: Hash) {
        let Some(command) = command_of(&entry.body) else { return };
        if !hex::encode(command.as_bytes()).starts_with(&self.prefix) {
            return;
        }
        let signer = entry.body.envelope().map(Envelope::key);
        self.found.push(Found {
            index: entry.index,
            hash,
            prev: entry.prev,
            at: entry.at,
            kind: entry.body.name(),
            command,
            signer,
        });
    }

    /// The entries of exactly one operation, oldest first.
    pub fn done(self) -> Result<Vec<Found>, CliError> {
        let Some(first) = self.found.first() else {
            return Err(CliError::usage(
                format!("the log is intact, but nothing in it is named {:?}", self.text),
                "see `ifctl witness log`",
            )
            .code("not_found"));
        };
        if self.found.iter().any(|f| f.command != first.command) {
            return Err(CliError::usage(
                format!("{:?} is the start of more than one command id", self.text),
                "give more of it",
            ));
        }
        Ok(self.found)
    }
}

/// The command (or trust change) an entry is about.
pub fn command_of(body: &Body) -> Option<CommandId> {
    if let Body::Unresolved { command, .. } = body {
        return Some(*command);
    }
    let envelope = body.envelope()?;
    match envelope.kind() {
        Kind::Command => envelope.read_unverified::<Command>().ok().map(|c| c.id),
        Kind::Trust => envelope.read_unverified::<TrustChange>().ok().map(|t| t.id),
        Kind::Result => envelope.read_unverified::<ResultEvent>().ok().map(|r| r.command),
        _ => None,
    }
}
