//! What can be wrong with a file of the home directory.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Where in a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    /// Line and column; `None` where the whole file is meant.
    pub at: Option<(u64, u64)>,
}

impl Place {
    pub fn file(file: &Path) -> Self {
        Self { file: file.to_path_buf(), at: None }
    }
    pub fn at(file: &Path, line: u64, column: u64) -> Self {
        Self { file: file.to_path_buf(), at: Some((line, column)) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.at {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// A file that cannot be used as it is. All of them are for the user to fix: retrying changes nothing.
/// Displays as `file:line:column: what`, then `hint: …` on a line of its own.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The text of a file is not what it must be.
    #[error("{place}: {what}{}", hint_line(.hint))]
    Invalid { place: Place, what: String, hint: Option<String> },
    /// Other users of the machine can read or change a file that holds a secret.
    #[error("{file}: {what}, but other users may use the file (mode {mode:04o})\nhint: chmod 600 {file}", file = .file.display())]
    Exposed { file: PathBuf, what: &'static str, mode: u32 },
    /// The operating system refused.
    #[error("{place}: cannot {action}: {source}{}", hint_line(.hint))]
    Io { place: Place, action: &'static str, source: io::Error, hint: Option<String> },
    /// Nothing says where the home directory is.
    #[error("no home directory\nhint: pass --home DIR, or set IF_HOME or HOME")]
    NoHome,
}

fn hint_line(hint: &Option<String>) -> String {
    hint.as_ref().map(|h| format!("\nhint: {h}")).unwrap_or_default()
}

impl HomeError {
    /// Exit code of a process that cannot go on because of this.
    pub const EXIT: u8 = 64;

    pub fn exit(&self) -> u8 {
        Self::EXIT
    }

    /// What happened and to what, without the hint.
    pub fn message(&self) -> String {
        let text = self.to_string();
        text.split_once("\nhint: ").map_or(text.clone(), |(message, _)| message.to_string())
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        self.to_string().split_once("\nhint: ").map(|(_, hint)| hint.to_string())
    }

    /// True if the file does not exist, as opposed to being wrong.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    pub(crate) fn invalid(place: Place, what: impl Into<String>) -> Self {
        Self::Invalid { place, what: what.into(), hint: None }
    }

    pub(crate) fn io(file: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io { place: Place::file(file), action, source, hint: None }
    }

    /// Adds the next step, unless the kind has its own.
    #[must_use]
    pub(crate) fn or_hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Invalid { hint, .. } | Self::Io { hint, .. } = &mut self {
            hint.get_or_insert_with(|| text.into());
        }
        self
    }
}
