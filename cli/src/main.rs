//! `if`, also installed as `ifctl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    if_cli::main(std::env::args_os().collect())
}
