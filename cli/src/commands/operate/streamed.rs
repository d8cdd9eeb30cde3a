//! Text that appears as it is generated.

use crate::{
    CliError,
    output::{Output, value},
};
use if_schemas::outcome::Progress;
use serde_json::Value;

/// Field of progress data and of the result that holds the text.
const TEXT: &str = "text";

/// What of a text was shown already. Progress may be lost, the result never is: at the end it decides.
#[derive(Debug, Default)]
pub struct Streamed {
    shown: String,
    closed: bool,
}

impl Streamed {
    /// Shows the text this report brings. False if it brings none.
    pub fn take(&mut self, out: &Output, progress: &Progress) -> bool {
        let Some(text) = progress.data.as_ref().and_then(|d| d.get(TEXT)).and_then(Value::as_str) else { return false };
        if !out.is_json() && !self.closed {
            // Nobody reading any more ends the show, not the command.
            self.closed = !out.raw(&value::printable_lines(text)).unwrap_or(false);
            self.shown.push_str(text);
        }
        true
    }

    /// Shows what is missing of the text of a result, and takes it out of the document. A text that differs from what was
    /// shown stays in it. Without a result the line that was begun is ended.
    pub fn finish(self, out: &Output, result: Option<&mut Value>) -> Result<(), CliError> {
        if self.shown.is_empty() {
            return Ok(());
        }
        let whole = result.as_ref().and_then(|r| r.get(TEXT)).and_then(Value::as_str).unwrap_or_default();
        let rest = whole.strip_prefix(self.shown.as_str()).map(str::to_string);
        let ended = format!("{}{}", self.shown, rest.as_deref().unwrap_or_default()).ends_with('\n');
        let tail = value::printable_lines(rest.as_deref().unwrap_or_default());
        out.raw(&format!("{tail}{}", if ended { "" } else { "\n" }))?;
        if let (Some(_), Some(document)) = (rest, result.and_then(Value::as_object_mut)) {
            document.remove(TEXT);
        }
        Ok(())
    }
}
