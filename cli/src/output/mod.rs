//! The only place that writes to stdout and stderr. stdout is data, stderr is everything else.

pub mod style;
pub mod table;
pub mod value;

use crate::CliError;
use serde::Serialize;
use serde_json::json;
use std::io::{self, IsTerminal, Write};
pub use style::Style;

/// Where and how this process writes.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
    stdout_terminal: bool,
    stderr_terminal: bool,
    colour: bool,
}

impl Output {
    pub fn detect(json: bool) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        let stdout_terminal = io::stdout().is_terminal();
        let stderr_terminal = io::stderr().is_terminal();
        Self { json, stdout_terminal, stderr_terminal, colour: !no_colour && !dumb }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }
    /// Colours for stdout.
    pub fn style(&self) -> Style {
        Style::new(self.colour && self.stdout_terminal)
    }
    /// Colours for stderr.
    pub fn stderr_style(&self) -> Style {
        Style::new(self.colour && self.stderr_terminal)
    }
    /// Whether progress is worth showing: somebody is looking.
    pub fn shows_progress(&self) -> bool {
        self.stderr_terminal
    }

    /// The one JSON document of a command.
    pub fn document<T: Serialize>(&self, value: &T) -> Result<(), CliError> {
        let text =
            if self.stdout_terminal { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        self.text(&text.map_err(|e| CliError::failed(format!("the JSON document cannot be written: {e}")))?)
    }

    /// One line (or several) on stdout.
    pub fn text(&self, text: &str) -> Result<(), CliError> {
        self.try_text(text).map(|_| ())
    }

    /// Like [`Output::text`]; false once nobody reads any more, which ends a stream but fails nothing.
    pub fn try_text(&self, text: &str) -> Result<bool, CliError> {
        match text.ends_with('\n') || text.is_empty() {
            true => self.raw(text),
            false => self.raw(&format!("{text}\n")),
        }
    }

    /// A piece of text on stdout, no line end added; false once nobody reads any more.
    pub fn raw(&self, text: &str) -> Result<bool, CliError> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(e) => Err(CliError::io("stdout cannot be written", &e)),
        }
    }

    /// A line on stderr for a person.
    pub fn note(&self, text: &str) {
        // There is nowhere left to report that stderr is closed.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    pub fn warning(&self, text: &str) {
        self.note(&format!("{} {text}", self.stderr_style().yellow("warning:")));
    }

    /// How a failed command ends: text on stderr, and with `--json` a document on stdout unless there was one.
    pub fn failure(&self, error: &CliError) {
        let style = self.stderr_style();
        self.note(&format!("{} {}", style.red("error:"), error.message));
        if let Some(hint) = &error.hint {
            self.note(&format!("{} {hint}", style.cyan("hint:")));
        }
        if self.json && !error.printed {
            let error_json = json!({"code": error.code, "message": error.message, "hint": error.hint});
            // The exit code tells the same if stdout is closed.
            let _ = self.document(&json!({"status": "error", "exit": error.exit.code(), "error": error_json}));
        }
    }
}

#[cfg(test)]
mod tests;
