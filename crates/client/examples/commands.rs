//! The commands of the client as a program of their own: `cargo run -p rollcall-client --example commands -- --help`.

use std::process::ExitCode;

use clap::Parser;

#[derive(clap::Parser)]
struct Program {
    #[command(subcommand)]
    command: client::commands::Command,
}

fn main() -> ExitCode {
    client::commands::main(Program::parse().command)
}
