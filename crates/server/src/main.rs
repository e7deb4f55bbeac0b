//! The `rollcall` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    server::commands::run(std::env::args_os(), &mut std::io::stdout(), &mut std::io::stderr())
}
