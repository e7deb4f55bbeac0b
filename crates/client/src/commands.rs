//! The command line of the client: presence (`publish`, `watch`, `fetch`), watchers (`watchers`, `approve`, `block`,
//! `polite-block`) and documents (`xcap`, `contacts`).

mod archive;
mod connection;
mod contacts;
mod credentials;
mod decide;
mod exit;
mod fetch;
mod follow;
mod publish;
mod roster;
mod show;
mod terminal;
pub(crate) mod time;
mod watch;
mod watchers;
mod xcap;

use core::pin::Pin;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use documents::rules::SubHandling;

pub use exit::Exit;
pub use terminal::Terminal;

/// A command of the client, for a program whose command line it is a part of (`#[command(flatten)]`).
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Say that you are there, or not
    Publish(publish::Arguments),
    /// Follow somebody's presence, one line per change
    Watch(watch::Arguments),
    /// Show somebody's presence once
    Fetch(fetch::Arguments),
    /// See who watches you, and who waits for you to decide
    Watchers(watchers::Arguments),
    /// Let somebody watch you
    Approve(decide::Arguments),
    /// Let somebody not watch you, and have it told so
    Block(decide::Arguments),
    /// Let somebody believe that you are not there
    PoliteBlock(decide::Arguments),
    /// Read and change documents: lists, rules and the like
    #[command(subcommand)]
    Xcap(xcap::Arguments),
    /// Look after your contacts
    #[command(subcommand)]
    Contacts(contacts::Arguments),
}

/// What a command finds around it.
pub struct Surroundings<'a> {
    /// The password of the environment, `ROLLCALL_PASSWORD`.
    pub password: Option<String>,
    /// Ready when the user wants it to end: Ctrl-C.
    pub interrupt: Pin<&'a mut (dyn Future<Output = ()> + Send)>,
}

/// The commands as `clap` knows them, for a program that puts its command line together by hand.
pub fn commands() -> clap::Command {
    <Command as clap::Subcommand>::augment_subcommands(clap::Command::new("rollcall"))
}

/// Runs a command to its end. Must be called within a tokio runtime with IO and time.
pub async fn run(command: Command, terminal: &mut Terminal<'_>, surroundings: Surroundings<'_>) -> Exit {
    match command {
        Command::Publish(arguments) => publish::run(arguments, terminal, surroundings).await,
        Command::Watch(arguments) => watch::run(arguments, terminal, surroundings).await,
        Command::Fetch(arguments) => fetch::run(arguments, terminal, surroundings).await,
        Command::Watchers(arguments) => watchers::run(arguments, terminal, surroundings).await,
        Command::Approve(arguments) => {
            decide::run(arguments, SubHandling::Allow, terminal, surroundings).await
        }
        Command::Block(arguments) => decide::run(arguments, SubHandling::Block, terminal, surroundings).await,
        Command::PoliteBlock(arguments) => {
            decide::run(arguments, SubHandling::PoliteBlock, terminal, surroundings).await
        }
        Command::Xcap(arguments) => xcap::run(arguments, terminal, surroundings).await,
        Command::Contacts(arguments) => contacts::run(arguments, terminal, surroundings).await,
    }
}

/// Runs a command on the terminal of the process, with colors if it is one and `NO_COLOR` is not set, until it ends or
/// Ctrl-C is pressed. Starts a runtime of its own.
pub fn main(command: Command) -> ExitCode {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let is_colorless = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colors = out.is_terminal() && !is_colorless;
    let mut terminal = Terminal::new(&mut out, &mut err, colors);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal.remark(&format!("error: no runtime: {error}"));
            return Exit::Failure.into();
        }
    };
    let exit = runtime.block_on(async {
        let mut interrupt = Box::pin(async {
            if tokio::signal::ctrl_c().await.is_err() {
                core::future::pending::<()>().await; // no signals here: the command ends by itself or not at all
            }
        });
        let password = std::env::var("ROLLCALL_PASSWORD").ok().filter(|password| !password.is_empty());
        run(command, &mut terminal, Surroundings { password, interrupt: interrupt.as_mut() }).await
    });
    exit.into()
}

impl core::fmt::Debug for Surroundings<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive() // not the password
    }
}
