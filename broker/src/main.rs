//! `if-broker`: run the broker, or check its log.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("if-broker: {}", failure.text);
            ExitCode::from(failure.code)
        }
    }
}
