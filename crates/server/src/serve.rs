//! `rollcall serve`: a server from its configuration to its last row, driven by signals.

use std::io::{self, Write};
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::commands::WRONG_CONFIGURATION;
use crate::config::{Config, Problems, Sources};
use crate::keeper;
use crate::log::{self, LogHandle};
use crate::server::{Server, StartError};

/// Serves until SIGTERM or SIGINT. Exit codes: 0 stopped as asked, 1 failed, 2 wrong configuration.
pub fn serve(sources: &Sources, err: &mut dyn Write) -> io::Result<ExitCode> {
    let config = match load(sources) {
        Ok(config) => config,
        Err(problems) => {
            writeln!(err, "{problems}")?;
            return Ok(ExitCode::from(WRONG_CONFIGURATION));
        }
    };
    let log = log::start(config.log.format, config.log.level);
    for warning in config.warnings(sources) {
        tracing::warn!("{warning}");
    }
    let opened = keeper::open(&config).map_err(StartError::from);
    let server = match opened.and_then(|keeper| Server::start(config, keeper)) {
        Ok(server) => server,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return Ok(ExitCode::FAILURE);
        }
    };
    Ok(run(server, sources, &log))
}

fn load(sources: &Sources) -> Result<Config, Problems> {
    let config = sources.load()?;
    config.check()?;
    Ok(config)
}

/// What an operator asks for by a signal.
enum Asked {
    Stop(&'static str),
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            _ = self.hang_up.recv() => Asked::Reload,
        }
    }
}

fn run(mut server: Server, sources: &Sources, log: &LogHandle) -> ExitCode {
    let mut signals = match server.wait(async { Signals::new() }) {
        Ok(Ok(signals)) => signals,
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot listen for signals");
            return ExitCode::FAILURE;
        }
        Err(_) => return fail(server),
    };
    // Not before signals are heard: whoever reads that it serves may tell it to stop.
    server.announce();
    loop {
        match server.wait(signals.next()) {
            Ok(Asked::Reload) => reload(&mut server, sources, log),
            Ok(Asked::Stop(signal)) => {
                tracing::info!(signal, "stopping");
                return match server.stop() {
                    Ok(()) => {
                        tracing::info!("stopped");
                        ExitCode::SUCCESS
                    }
                    Err(alarm) => {
                        tracing::error!(why = %alarm.0, "stopped, but not in order");
                        ExitCode::FAILURE
                    }
                };
            }
            Err(_) => return fail(server),
        }
    }
}

/// A thread has failed, and has said so: what the others have is brought to the disk.
fn fail(server: Server) -> ExitCode {
    let _ = server.stop();
    tracing::error!("ended after a fault");
    ExitCode::FAILURE
}

fn reload(server: &mut Server, sources: &Sources, log: &LogHandle) {
    let new = match load(sources) {
        Ok(new) => new,
        Err(problems) => {
            for problem in &problems.0 {
                tracing::error!(problem = %problem.for_log(), "the configuration is wrong; the old one stays");
            }
            return;
        }
    };
    log.set_level(new.log.level);
    let (taken, waiting) = server.reconfigure(&new);
    tracing::info!(keys = %taken.join(","), "reloaded");
    if !waiting.is_empty() {
        tracing::warn!(keys = %waiting.join(","), "changed keys that need a restart");
    }
}
