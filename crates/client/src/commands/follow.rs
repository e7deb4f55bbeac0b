//! `rollcall xcap watch`.

use documents::xcap_diff::{Change, Found};
use serde_json::{Value, json};

use super::connection::{Connected, Connection};
use super::exit::{excuse, explain_end};
use super::terminal::{Terminal, Tone, harmless};
use super::time::{date_time, time_of_day};
use super::{Exit, Surroundings};
use crate::xdm::Resource;
use crate::{Followed, Following, Identity, Timestamp};

/// Follow documents, one line per change.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Documents; one that ends with a slash is all below it, such as resource-lists/users/sip:bob@example.com/
    #[arg(required = true)]
    documents: Vec<String>,
    /// Who you are, as user@domain
    #[arg(long = "as", value_name = "IDENTITY", env = "ROLLCALL_IDENTITY")]
    identity: Identity,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(
    arguments: Arguments,
    terminal: &mut Terminal<'_>,
    mut surroundings: Surroundings<'_>,
) -> Exit {
    let who = arguments.identity.clone();
    let mut selectors = Vec::new();
    for document in &arguments.documents {
        let Some(resource) = Resource::read(document) else {
            terminal.remark(&format!(
                "error: {document:?} names no document: write usage, usage/name or a whole path"
            ));
            return Exit::Failure;
        };
        selectors.push(resource.selector(&who));
    }
    let connected = match arguments.connection.open(who.clone(), None, terminal, &mut surroundings).await {
        Ok(connected) => connected,
        Err(exit) => return exit,
    };
    let following = connected.client.follow(who, &selectors);
    let exit = follow(following, &connected, arguments.json, terminal, &mut surroundings).await;
    connected.client.close().await;
    exit
}

async fn follow(
    mut following: Following,
    connected: &Connected,
    is_json: bool,
    terminal: &mut Terminal<'_>,
    surroundings: &mut Surroundings<'_>,
) -> Exit {
    loop {
        let told = tokio::select! {
            told = following.next() => told,
            () = surroundings.interrupt.as_mut() => return Exit::Done,
        };
        match told {
            Some(Followed::Told { diff, at, .. }) => {
                for change in diff.iter().flat_map(|diff| &diff.changes) {
                    let line = if is_json { as_json(change, at) } else { as_line(change, at, terminal) };
                    if terminal.line(&line).is_err() {
                        return Exit::Failure; // nobody reads any more
                    }
                }
            }
            Some(Followed::Retrying { failure, at, .. }) => {
                let why = failure.map_or_else(
                    || "the server asks for a new subscription".to_owned(),
                    |failure| excuse(&failure, &connected.server),
                );
                terminal.remark(&format!("{why}; trying again at {}", time_of_day(at)));
            }
            Some(Followed::Missed(count)) => {
                terminal.remark(&format!("{count} changes came too fast to be shown"));
            }
            Some(Followed::Over(why)) => {
                let who = connected.client.identity();
                let (text, exit) = explain_end(&why, who, who, connected.has_password, &connected.server);
                if !text.is_empty() {
                    terminal.remark(&format!("error: {text}"));
                }
                return exit;
            }
            None => return Exit::Failure,
        }
    }
}

fn as_line(change: &Change, at: Timestamp, terminal: &Terminal<'_>) -> String {
    let (selector, what) = match change {
        Change::Document(document) => {
            let what = match (&document.previous, &document.current) {
                (None, Some(etag)) => format!("is at {etag}"),
                (Some(before), Some(etag)) => format!("changed from {before} to {etag}"),
                (_, None) => "is gone".to_owned(),
            };
            (&document.selector, what)
        }
        Change::Element { selector, found } => {
            let what = match found {
                Found::Missing => "is not there".to_owned(),
                Found::Untold => "is there".to_owned(),
                Found::Shown(element) => element.text.clone(),
            };
            (selector, what)
        }
        Change::Attribute { selector, value } => (
            selector,
            value.as_ref().map_or_else(|| "is not there".to_owned(), |value| format!("is {value:?}")),
        ),
    };
    format!(
        "{} {}  {}",
        terminal.paint(Tone::Quiet, &time_of_day(at)),
        terminal.paint(Tone::Strong, &harmless(selector)),
        harmless(&what)
    )
}

fn as_json(change: &Change, at: Timestamp) -> String {
    let told = match change {
        Change::Document(document) => json!({
            "document": document.selector, "previous": document.previous, "etag": document.current,
        }),
        Change::Element { selector, found } => json!({
            "element": selector,
            "exists": !matches!(found, Found::Missing),
            "content": match found { Found::Shown(element) => Value::from(element.text.as_str()), Found::Missing | Found::Untold => Value::Null },
        }),
        Change::Attribute { selector, value } => json!({ "attribute": selector, "value": value }),
    };
    let mut told = told;
    told["at"] = Value::from(date_time(at));
    told.to_string()
}
