//! What is wrong with a profile, and where.

use if_manifest::yaml::Place;
use serde::Serialize;
use std::fmt;

/// One thing wrong. Lines and columns count from 1, columns in characters; 0 where no line of a file is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    pub file: String,
    pub line: u64,
    pub column: u64,
    pub severity: Severity,
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is not run.
    Error,
    /// It is run, but perhaps not as meant.
    Warning,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        let word = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(f, ": {word}{}", self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for Problem {}

/// Something wrong whose place is known by whoever asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub message: String,
    pub hint: Option<String>,
}

impl Fault {
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
    pub fn bare(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }
    pub fn of(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }
}

impl From<if_schemas::watch::WatchError> for Fault {
    fn from(e: if_schemas::watch::WatchError) -> Self {
        Self::new(e.what, e.hint)
    }
}

/// Everything found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    pub fn add(&mut self, file: &str, at: Place, fault: Fault) {
        self.push(file, (at.line, at.column), Severity::Error, fault);
    }
    pub fn warn(&mut self, file: &str, at: Place, fault: Fault) {
        self.push(file, (at.line, at.column), Severity::Warning, fault);
    }
    /// Of no line.
    pub fn whole(&mut self, file: &str, fault: Fault) {
        self.push(file, (0, 0), Severity::Error, fault);
    }
    pub fn at(&mut self, file: &str, at: (u64, u64), fault: Fault) {
        self.push(file, at, Severity::Error, fault);
    }
    pub fn wrong(&self) -> bool {
        self.found.iter().any(|p| p.severity == Severity::Error)
    }
    /// In the order of the files and their lines, each once: one line may have been read for many steps.
    pub fn sorted(mut self) -> Vec<Problem> {
        self.found.sort();
        self.found.dedup();
        self.found
    }

    fn push(&mut self, file: &str, (line, column): (u64, u64), severity: Severity, fault: Fault) {
        let Fault { message, hint } = fault;
        self.found.push(Problem { file: file.into(), line, column, severity, message, hint });
    }
}
