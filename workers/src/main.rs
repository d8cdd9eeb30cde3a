//! `if-worker`: run a worker node.

mod asked;
mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("if-worker: {}", failure.text);
            ExitCode::from(failure.code)
        }
    }
}
