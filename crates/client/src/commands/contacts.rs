//! `rollcall contacts`: the lists of a user, without writing XML.

use documents::resource_lists::{List, Member, ResourceLists};
use xml::edit::{attribute, text};

use super::archive::{Archive, Opened};
use super::terminal::{Terminal, Tone, harmless};
use super::{Exit, Surroundings, exit};
use crate::Identity;
use crate::xdm::{Condition, Resource, XdmError};

/// The list that OMA clients show as the buddies.
const USUAL: &str = "oma_buddylist";

/// What is done.
#[derive(Clone, Debug, clap::Subcommand)]
#[command(after_help = exit::CODES)]
pub enum Arguments {
    /// Show the lists and who is on them
    List(Show),
    /// Put somebody on a list; the list is made if there is none
    Add(Add),
    /// Take somebody off a list
    Remove(Remove),
}

/// Show the lists and who is on them.
#[derive(Clone, Debug, clap::Args)]
pub struct Show {
    /// One JSON object per contact
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    archive: Archive,
}

/// Put somebody on a list.
#[derive(Clone, Debug, clap::Args)]
pub struct Add {
    /// Who, as user@domain
    contact: Identity,
    /// How the contact is called
    #[arg(long)]
    name: Option<String>,
    /// On which list
    #[arg(long, default_value = USUAL)]
    list: String,
    #[command(flatten)]
    archive: Archive,
}

/// Take somebody off a list.
#[derive(Clone, Debug, clap::Args)]
pub struct Remove {
    /// Who, as user@domain
    contact: Identity,
    /// Off which list
    #[arg(long, default_value = USUAL)]
    list: String,
    #[command(flatten)]
    archive: Archive,
}

pub(super) async fn run(
    arguments: Arguments,
    terminal: &mut Terminal<'_>,
    mut surroundings: Surroundings<'_>,
) -> Exit {
    let outcome = match arguments {
        Arguments::List(Show { json, archive }) => match archive.open(terminal, &mut surroundings) {
            Ok(opened) => show(&opened, json, terminal).await,
            Err(exit) => Err(exit),
        },
        Arguments::Add(add) => match add.archive.clone().open(terminal, &mut surroundings) {
            Ok(opened) => self::add(&opened, &add, terminal).await,
            Err(exit) => Err(exit),
        },
        Arguments::Remove(Remove { contact, list, archive }) => {
            match archive.open(terminal, &mut surroundings) {
                Ok(opened) => remove(&opened, &contact, &list, terminal).await,
                Err(exit) => Err(exit),
            }
        }
    };
    outcome.err().unwrap_or(Exit::Done)
}

fn document() -> Resource {
    Resource::own("resource-lists", "index")
}

fn list_node(list: &str) -> String {
    // A quote in a name would end the test; as an escape it is decoded only after the selector was taken apart.
    format!("resource-lists/list[@name=\"{}\"]", list.replace('&', "&amp;").replace('"', "&quot;"))
}

async fn show(opened: &Opened, json: bool, terminal: &mut Terminal<'_>) -> Result<(), Exit> {
    let found = opened.client.get(&document()).await.map_err(|error| opened.tell(&error, terminal))?;
    let Some(found) = found else {
        terminal.remark("no lists yet; rollcall contacts add makes one");
        return Ok(());
    };
    let lists = ResourceLists::parse(&found.body, &xml::Limits::default()).map_err(|error| {
        terminal.remark(&format!("error: the lists cannot be read: {error}"));
        Exit::Failure
    })?;
    for list in &lists.lists {
        tell(list, "", json, terminal).map_err(|_| Exit::Failure)?;
    }
    Ok(())
}

fn tell(list: &List, within: &str, json: bool, terminal: &mut Terminal<'_>) -> std::io::Result<()> {
    let name = list.name.as_deref().unwrap_or("(without a name)");
    let path = if within.is_empty() { name.to_owned() } else { format!("{within} / {name}") };
    if !json {
        let title = terminal.paint(Tone::Strong, &harmless(&path));
        terminal.line(&title)?;
    }
    for member in &list.members {
        match member {
            Member::Entry(entry) => {
                let called = entry.display_name.as_ref().map(|name| &*name.text);
                if json {
                    let line = serde_json::json!({ "list": path, "uri": &*entry.uri, "name": called });
                    terminal.line(&line.to_string())?;
                } else {
                    let called = called.map(|called| format!("  {}", harmless(called))).unwrap_or_default();
                    terminal.line(&format!("  {}{called}", harmless(&entry.uri)))?;
                }
            }
            Member::List(list) => tell(list, &path, json, terminal)?,
            Member::EntryRef(reference) if !json => {
                terminal.line(&format!("  the entry {}", harmless(&reference.reference)))?;
            }
            Member::External(external) if !json => {
                terminal.line(&format!("  all of {}", harmless(&external.anchor)))?;
            }
            Member::EntryRef(_) | Member::External(_) => {}
        }
    }
    Ok(())
}

/// Puts the entry; where the list or the document is missing, that first.
async fn add(opened: &Opened, add: &Add, terminal: &mut Terminal<'_>) -> Result<(), Exit> {
    let uri = add.contact.aor().as_str();
    let node = format!("{}/entry[@uri=\"{uri}\"]", list_node(&add.list));
    let name = add.name.as_ref().map(|name| format!("<display-name>{}</display-name>", text(name)));
    let entry = format!("<entry uri=\"{}\">{}</entry>", attribute(uri), name.unwrap_or_default());
    let list = format!("<list name=\"{}\">{entry}</list>", attribute(&add.list));
    let whole = document().skeleton().replacen(">\n", &format!(">\n{list}\n"), 1);
    let steps = [
        (document().node(&node), entry, Condition::None),
        (document().node(&list_node(&add.list)), list, Condition::None),
        (document(), whole, Condition::Absent),
    ];
    for (resource, body, condition) in steps {
        match opened.client.put(&resource, body, &condition).await {
            Ok(put) => {
                terminal.remark(&format!(
                    "{} {} {}",
                    add.contact,
                    if put.created { "is now on" } else { "was already on" },
                    harmless(&add.list)
                ));
                return Ok(());
            }
            // Its place is not there: one level up.
            Err(
                XdmError::Conflict(Some(xcap::Conflict::NoParent { .. }))
                | XdmError::Refused { status: 404, .. },
            ) => {}
            Err(error) => return Err(opened.tell(&error, terminal)),
        }
    }
    Err(opened.tell(&XdmError::Changed, terminal))
}

async fn remove(
    opened: &Opened,
    contact: &Identity,
    list: &str,
    terminal: &mut Terminal<'_>,
) -> Result<(), Exit> {
    let node = format!("{}/entry[@uri=\"{}\"]", list_node(list), contact.aor());
    let removed = opened.client.delete(&document().node(&node), &Condition::None).await;
    if removed.map_err(|error| opened.tell(&error, terminal))? {
        terminal.remark(&format!("{contact} is no longer on {}", harmless(list)));
        return Ok(());
    }
    terminal.remark(&format!(
        "error: {contact} is not on {}; rollcall contacts list shows who is",
        harmless(list)
    ));
    Err(Exit::Refused)
}
