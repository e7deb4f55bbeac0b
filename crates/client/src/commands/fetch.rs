//! `rollcall fetch`.

use super::connection::Connection;
use super::exit::{self, explain_fetch};
use super::publish::patiently;
use super::terminal::Terminal;
use super::{Exit, Surroundings, show};
use crate::Identity;

/// Show somebody's presence once.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = exit::CODES)]
pub struct Arguments {
    /// Whose presence, as user@domain
    target: Identity,
    /// Who you are, as user@domain
    #[arg(long = "as", value_name = "IDENTITY")]
    identity: Identity,
    /// One JSON object
    #[arg(long, conflicts_with = "xml")]
    json: bool,
    /// The document as it came
    #[arg(long)]
    xml: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(
    arguments: Arguments,
    terminal: &mut Terminal<'_>,
    mut surroundings: Surroundings<'_>,
) -> Exit {
    let who = arguments.identity;
    let connected = match arguments.connection.open(who.clone(), None, terminal, &mut surroundings).await {
        Ok(connected) => connected,
        Err(exit) => return exit,
    };
    let target = arguments.target;
    let update = tokio::select! {
        update = patiently(connected.client.fetch(target.clone()), &connected.server, terminal) => update,
        () = surroundings.interrupt.as_mut() => return Exit::Done,
    };
    let update = match update {
        Ok(update) => update,
        Err(error) => {
            let (text, exit) =
                explain_fetch(&error, &target, &who, connected.has_password, &connected.server);
            terminal.remark(&format!("error: {text}"));
            return exit;
        }
    };
    let shown = match &update.presence {
        Some(presence) if arguments.xml => terminal.bytes(presence.bytes()),
        None if arguments.xml => {
            terminal.remark("the server told no presence document");
            Ok(())
        }
        Some(_) | None if arguments.json => terminal.line(&show::json(&update)),
        Some(_) | None => {
            let text = show::details(&update, terminal);
            terminal.line(&text)
        }
    };
    connected.client.close().await;
    if shown.is_ok() { Exit::Done } else { Exit::Failure }
}
