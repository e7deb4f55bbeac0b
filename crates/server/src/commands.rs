//! The command line: what each command does with its arguments.

mod documents;

use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sip_stack::auth::Algorithm;

use crate::config::example::example;
use crate::config::{Config, Sources};
use crate::demo::{DemoArguments, demo};
use crate::{explain, serve};

/// The configuration is wrong; nothing was started.
pub const WRONG_CONFIGURATION: u8 = 2;

/// Rollcall, a SIP presence server: PUBLISH in, NOTIFY out.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show it: a server with users, a robot that changes its mind every second, and a live roster.
    Demo(DemoArguments),
    /// Run the server.
    Serve(ConfigArguments),
    /// Read the configuration and say what the server would do.
    Check(ConfigArguments),
    /// Print a commented configuration file with every key at its default.
    Config,
    /// Print hashes to put in the place of a plain-text password. Reads the password from standard input.
    Hash(HashArguments),
    /// Say why a watcher sees what it sees of a presentity: asks the running server.
    Explain(explain::ExplainArguments),
    /// Copy all documents of the store into a folder, also while the server runs.
    Backup(documents::BackUpArguments),
    /// Put the documents of a back-up into a store that has none. The server must not run.
    Restore(documents::RestoreArguments),
    /// Make a damaged log of documents readable again, and say what is given up for it. The server must not run; copy
    /// the folder first.
    Repair(documents::RepairArguments),
    /// Write the documents of one user as plain files, also while the server runs.
    Export(documents::ExportArguments),
    /// Put plain files into the store as documents of one user, unchecked. The server must not run.
    Import(documents::ImportArguments),
    #[command(flatten)]
    Client(Box<client::commands::Command>),
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct ConfigArguments {
    /// The configuration file. Without one the defaults hold: loopback only, authentication on.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one key, such as --set presence-server.pace=0s. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl ConfigArguments {
    /// The file and the overrides.
    pub fn sources(self) -> Sources {
        Sources { file: self.config, set: self.set }
    }
}

#[derive(Debug, Args)]
struct HashArguments {
    /// The user as the phone names it, such as alice.
    user: String,
    /// The realm: authentication.realm of the server, by default its first domain.
    realm: String,
}

/// Runs one command line. Writes to `out` what was asked for and to `err` what went wrong.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(WRONG_CONFIGURATION));
        }
    };
    let result = match arguments.command {
        Command::Client(command) => return client::commands::main(*command),
        Command::Demo(arguments) => demo(&arguments, out, err),
        Command::Serve(arguments) => serve::serve(&arguments.sources(), err),
        Command::Check(arguments) => check(&arguments.sources(), out, err),
        Command::Config => out.write_all(example(&Config::default()).as_bytes()).map(|()| ExitCode::SUCCESS),
        Command::Explain(arguments) => explain::run(arguments, out, err),
        Command::Backup(arguments) => documents::run_back_up(arguments, out, err),
        Command::Restore(arguments) => documents::run_restore(arguments, out, err),
        Command::Repair(arguments) => documents::run_repair(arguments, out, err),
        Command::Export(arguments) => documents::run_export(arguments, out, err),
        Command::Import(arguments) => documents::run_import(arguments, out, err),
        Command::Hash(arguments) => hash(&arguments, &mut io::stdin().lock(), out, err),
    };
    // Whoever closed the pipe does not want to read more.
    result.unwrap_or(ExitCode::FAILURE)
}

fn check(sources: &Sources, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
    let config = match sources.load().and_then(|config| config.check().map(|()| config)) {
        Ok(config) => config,
        Err(problems) => {
            writeln!(err, "{problems}")?;
            return Ok(ExitCode::from(WRONG_CONFIGURATION));
        }
    };
    for line in config.summary() {
        writeln!(out, "{line}")?;
    }
    for warning in config.warnings(sources) {
        writeln!(out, "warning: {warning}")?;
    }
    writeln!(out, "ok")?;
    Ok(ExitCode::SUCCESS)
}

fn hash(
    arguments: &HashArguments,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let HashArguments { user, realm } = arguments;
    let mut password = String::new();
    input.read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        writeln!(
            err,
            "no password on standard input; try: rollcall hash {user} {realm} < file-with-the-password"
        )?;
        return Ok(ExitCode::FAILURE);
    }
    let ha1 = |algorithm: Algorithm| algorithm.ha1(user, realm, password);
    let key = crate::config::values::quoted(user);
    let (md5, sha256) = (ha1(Algorithm::Md5), ha1(Algorithm::Sha256));
    writeln!(out, "{key} = {{ md5 = \"{}\", sha256 = \"{}\" }}", md5.as_str(), sha256.as_str())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(arguments: &[&str]) -> (ExitCode, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = ["rollcall"].iter().chain(arguments).map(OsString::from);
        let code = run(arguments, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn check_says_what_the_server_would_do() {
        let (code, out, err) = ran(&["check", "--set", "authentication.open=true"]);
        assert_eq!((code, err.as_str()), (ExitCode::SUCCESS, ""));
        assert!(out.contains("listen          udp:127.0.0.1:5060, tcp:127.0.0.1:5060"), "{out}");
        assert!(out.contains("warning: authentication.open"), "{out}");
        assert!(out.ends_with("ok\n"));
    }

    #[test]
    fn check_refuses_what_serve_would_refuse() {
        let (code, _, err) = ran(&["check", "--set", "shards=9999"]);
        assert_eq!(code, ExitCode::from(WRONG_CONFIGURATION));
        assert_eq!(err, "configuration: shards: at most 1024\n");
        let (code, _, err) = ran(&["check", "--config", "/nonexistent/rollcall.toml"]);
        assert_eq!(code, ExitCode::from(WRONG_CONFIGURATION));
        assert!(err.starts_with("/nonexistent/rollcall.toml: cannot be read"), "{err}");
    }

    #[test]
    fn config_prints_the_example() {
        assert_eq!(ran(&["config"]).1, example(&Config::default()));
    }

    #[test]
    fn a_hash_is_what_the_server_takes() {
        let arguments = HashArguments { user: "alice".to_owned(), realm: "localhost".to_owned() };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        hash(&arguments, &mut "her password\n".as_bytes(), &mut out, &mut err).unwrap();
        let line = String::from_utf8(out).unwrap();
        let mut problems = Vec::new();
        let mut config = Config::default();
        config.apply("hash", &format!("[authentication.users]\n{line}"), &mut problems);
        assert_eq!(problems, []);
        assert!(!line.contains("her password") && config.authentication.users.contains_key("alice"));
        hash(&arguments, &mut "".as_bytes(), &mut Vec::new(), &mut err).unwrap();
        assert!(String::from_utf8(err).unwrap().starts_with("no password"));
    }
}
