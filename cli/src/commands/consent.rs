//! Asking a person before something is done.

use crate::{CliError, context::Context};
use std::io::{BufRead, IsTerminal, Read};

/// Longest answer that is read, bytes.
const ANSWER_MAX_BYTES: u64 = 64;

/// Did the person at the terminal say yes? Errors: there is none; `otherwise` says what to do then.
pub fn given(context: &Context, question: &str, otherwise: &str) -> Result<bool, CliError> {
    let mut stdin = std::io::stdin().lock();
    if !stdin.is_terminal() {
        return Err(CliError::usage("nobody is there to ask", otherwise));
    }
    context.out.note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    stdin.by_ref().take(ANSWER_MAX_BYTES).read_line(&mut answer).map_err(|e| CliError::io("stdin", &e))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
