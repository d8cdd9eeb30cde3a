//! Why a command ended without a success.

use crate::adapter::Execution;

/// The end of a command, and whether the provider may have charged for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    pub execution: Execution,
    pub may_be_charged: bool,
}

impl Stop {
    /// Nothing was done: nothing was sent, or the provider clearly refused.
    pub fn refused(code: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { execution: Execution::failed(code, message, hint), may_be_charged: false }
    }
    /// It failed, and the provider may have worked.
    pub fn failed(code: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { execution: Execution::failed(code, message, hint), may_be_charged: true }
    }
    /// Nobody can know.
    pub fn unknown(code: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { execution: Execution::indeterminate(code, message, hint), may_be_charged: true }
    }
    pub fn bad_config(message: impl Into<String>) -> Self {
        Self::refused("bad_config", message, Some("correct the settings of the instance"))
    }
    pub fn bad_argument(message: impl Into<String>) -> Self {
        Self::refused("bad_argument", message, None)
    }
    pub fn code(&self) -> &str {
        match &self.execution {
            Execution::Failed(f) | Execution::Indeterminate(f) => &f.code,
            Execution::Succeeded(_) => "",
        }
    }
    pub fn message(&self) -> &str {
        match &self.execution {
            Execution::Failed(f) | Execution::Indeterminate(f) => &f.message,
            Execution::Succeeded(_) => "",
        }
    }
}

/// Longest text of a provider that is kept, characters.
pub const TEXT_MAX_CHARS: usize = 500;

/// A provider's words on one line and of bounded length.
pub fn shortened(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_MAX_CHARS + 1).collect();
    match line.char_indices().nth(TEXT_MAX_CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.trim().to_string(),
    }
}
