//! `rollcall xcap`: documents, and parts of them.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::archive::{Archive, Opened};
use super::terminal::Terminal;
use super::{Exit, Surroundings, follow};
use crate::xdm::{Condition, Found, Resource};

const SYNTAX: &str = r#"DOCUMENT is an application usage, such as resource-lists or pres-rules: your own document of it, under
its usual name. resource-lists/work is your document of another name. A whole path names any document:
pres-rules/users/sip:bob@example.com/index, rls-services/global/index.

NODE selects a part: names of elements from the root down, parted by slashes.
  resource-lists/list                       the list, if there is one
  resource-lists/list[2]                    the second list
  resource-lists/list[@name="friends"]      the list of that name
  resource-lists/*[1]                       the first element, whatever its name
  .../entry[@uri="sip:bob@example.com"]     one entry of a list
  .../entry[@uri="sip:bob@example.com"]/display-name
  resource-lists/list[2]/@name              an attribute
Names without a prefix are in the namespace of the usage; other prefixes are told with --ns p=urn:..
Quote NODE in the shell; it is percent-escaped for you.

Examples:
  rollcall xcap get resource-lists
  rollcall xcap get resource-lists 'resource-lists/list[@name="friends"]'
  rollcall xcap put resource-lists lists.xml
  rollcall xcap put resource-lists - 'resource-lists/list[@name="friends"]' < list.xml
  rollcall xcap delete resource-lists 'resource-lists/list[2]'
  rollcall xcap edit pres-rules
  rollcall xcap watch resource-lists pres-rules
  rollcall xcap get org.openmobilealliance.xcap-directory     all your documents
  rollcall xcap get xcap-caps                                 what the server can do
"#;

/// What is done.
#[derive(Clone, Debug, clap::Subcommand)]
#[command(after_help = SYNTAX)]
pub enum Arguments {
    /// Show a document or a part of it
    #[command(after_help = SYNTAX)]
    Get(Get),
    /// Make or replace a document or a part of it
    #[command(after_help = SYNTAX)]
    Put(Put),
    /// Remove a document or a part of it
    #[command(after_help = SYNTAX)]
    Delete(Delete),
    /// Change a document in your editor ($VISUAL or $EDITOR)
    #[command(after_help = SYNTAX)]
    Edit(Edit),
    /// Follow documents, one line per change (over SIP, event package xcap-diff)
    #[command(after_help = SYNTAX)]
    Watch(follow::Arguments),
}

/// Show a document or a part of it.
#[derive(Clone, Debug, clap::Args)]
pub struct Get {
    #[command(flatten)]
    what: What,
    /// Print the version (ETag) instead
    #[arg(long)]
    etag: bool,
}

/// Make or replace a document or a part of it.
#[derive(Clone, Debug, clap::Args)]
pub struct Put {
    /// The document
    document: String,
    /// The file with what is put; - for standard input
    file: PathBuf,
    /// A part of the document
    node: Option<String>,
    /// What a prefix in NODE stands for
    #[arg(long = "ns", value_name = "PREFIX=NAMESPACE")]
    namespaces: Vec<String>,
    /// Media type, where the usual one of the usage is not meant
    #[arg(long = "type", value_name = "TYPE")]
    media_type: Option<String>,
    #[command(flatten)]
    condition: If,
    #[command(flatten)]
    archive: Archive,
}

/// Remove a document or a part of it.
#[derive(Clone, Debug, clap::Args)]
pub struct Delete {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    condition: If,
}

/// Change a document in your editor.
#[derive(Clone, Debug, clap::Args)]
pub struct Edit {
    #[command(flatten)]
    what: What,
}

/// What is meant.
#[derive(Clone, Debug, clap::Args)]
struct What {
    /// The document
    document: String,
    /// A part of the document
    node: Option<String>,
    /// What a prefix in NODE stands for
    #[arg(long = "ns", value_name = "PREFIX=NAMESPACE")]
    namespaces: Vec<String>,
    #[command(flatten)]
    archive: Archive,
}

/// What must hold of the document.
#[derive(Clone, Debug, clap::Args)]
struct If {
    /// Only if the document is at this version, as `get --etag` prints it
    #[arg(long, value_name = "ETAG", conflicts_with = "if_absent")]
    if_match: Option<String>,
    /// Only if there is no such document yet
    #[arg(long)]
    if_absent: bool,
}

impl If {
    fn condition(&self) -> Condition {
        match &self.if_match {
            Some(etag) if etag.starts_with('"') => Condition::At(etag.clone()),
            Some(etag) => Condition::At(format!("\"{etag}\"")),
            None if self.if_absent => Condition::Absent,
            None => Condition::None,
        }
    }
}

pub(super) async fn run(
    arguments: Arguments,
    terminal: &mut Terminal<'_>,
    mut surroundings: Surroundings<'_>,
) -> Exit {
    let outcome = match arguments {
        Arguments::Get(Get { what, etag }) => match what.open(terminal, &mut surroundings) {
            Ok((opened, resource)) => get(&opened, &resource, etag, terminal).await,
            Err(exit) => Err(exit),
        },
        Arguments::Delete(Delete { what, condition }) => match what.open(terminal, &mut surroundings) {
            Ok((opened, resource)) => delete(&opened, &resource, &condition.condition(), terminal).await,
            Err(exit) => Err(exit),
        },
        Arguments::Edit(Edit { what }) => match what.open(terminal, &mut surroundings) {
            Ok((opened, resource)) => edit(&opened, &resource, terminal).await,
            Err(exit) => Err(exit),
        },
        Arguments::Put(put) => self::put(put, terminal, &mut surroundings).await,
        Arguments::Watch(watch) => return follow::run(watch, terminal, surroundings).await,
    };
    outcome.err().unwrap_or(Exit::Done)
}

impl What {
    fn open(
        self,
        terminal: &mut Terminal<'_>,
        surroundings: &mut Surroundings<'_>,
    ) -> Result<(Opened, Resource), Exit> {
        let resource = resource(&self.document, self.node.as_deref(), &self.namespaces, terminal)?;
        Ok((self.archive.open(terminal, surroundings)?, resource))
    }
}

fn resource(
    document: &str,
    node: Option<&str>,
    namespaces: &[String],
    terminal: &mut Terminal<'_>,
) -> Result<Resource, Exit> {
    let wrong = |terminal: &mut Terminal<'_>, text: String| {
        terminal.remark(&format!("error: {text}"));
        Exit::Failure
    };
    let Some(mut resource) = Resource::read(document) else {
        let text =
            format!("{document:?} names no document: write usage, usage/name or usage/users/user/name");
        return Err(wrong(terminal, text));
    };
    if let Some(node) = node {
        resource = resource.node(node);
    }
    for pair in namespaces {
        let Some((prefix, namespace)) = pair.split_once('=') else {
            return Err(wrong(terminal, format!("{pair:?} tells no prefix: write --ns p=urn:..")));
        };
        resource = resource.namespace(prefix, namespace);
    }
    Ok(resource)
}

async fn fetch(
    opened: &Opened,
    resource: &Resource,
    terminal: &mut Terminal<'_>,
) -> Result<Option<Found>, Exit> {
    opened.client.get(resource).await.map_err(|error| opened.tell(&error, terminal))
}

async fn get(
    opened: &Opened,
    resource: &Resource,
    etag: bool,
    terminal: &mut Terminal<'_>,
) -> Result<(), Exit> {
    let Some(found) = fetch(opened, resource, terminal).await? else {
        terminal.remark("error: 404: not there; check the spelling of usage, user, name and node");
        return Err(Exit::Refused);
    };
    let shown = if etag {
        terminal.line(found.etag.as_deref().unwrap_or_default())
    } else {
        terminal.bytes(&found.body)
    };
    shown.map_err(|_| Exit::Failure)
}

async fn put(
    arguments: Put,
    terminal: &mut Terminal<'_>,
    surroundings: &mut Surroundings<'_>,
) -> Result<(), Exit> {
    let resource = resource(&arguments.document, arguments.node.as_deref(), &arguments.namespaces, terminal)?;
    let body = read(&arguments.file).map_err(|error| {
        terminal.remark(&format!("error: {}: {error}", arguments.file.display()));
        Exit::Failure
    })?;
    let usual = resource.media_type();
    let Some(media_type) = arguments.media_type.as_deref().or(usual) else {
        terminal.remark("error: the media type of this usage is not known here; tell it with --type");
        return Err(Exit::Failure);
    };
    let opened = arguments.archive.open(terminal, surroundings)?;
    let condition = arguments.condition.condition();
    let put = opened.client.put_as(&resource, media_type, body, &condition).await;
    let put = put.map_err(|error| opened.tell(&error, terminal))?;
    terminal.remark(if put.created { "made" } else { "replaced" });
    Ok(())
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut body = Vec::new();
    std::io::stdin().lock().read_to_end(&mut body)?;
    Ok(body)
}

async fn delete(
    opened: &Opened,
    resource: &Resource,
    condition: &Condition,
    terminal: &mut Terminal<'_>,
) -> Result<(), Exit> {
    let was_there = opened.client.delete(resource, condition).await;
    if was_there.map_err(|error| opened.tell(&error, terminal))? {
        terminal.remark("removed");
        return Ok(());
    }
    terminal.remark("error: 404: not there; check the spelling of usage, user, name and node");
    Err(Exit::Refused)
}

/// Fetches, lets the user change it, and puts it back if nobody else has changed it meanwhile. What is not taken stays in
/// its file.
async fn edit(opened: &Opened, resource: &Resource, terminal: &mut Terminal<'_>) -> Result<(), Exit> {
    let found = fetch(opened, resource, terminal).await?;
    let (before, condition) = match found {
        // A part has no version of its own; while it is edited the whole document must stay as it is.
        Some(Found { body, etag: Some(etag), .. }) => (body.to_vec(), Condition::At(etag)),
        Some(Found { body, etag: None, .. }) => (body.to_vec(), Condition::None),
        None if resource.is_part() => (Vec::new(), Condition::None),
        None => (resource.skeleton().as_bytes().to_vec(), Condition::Absent),
    };
    let failed = |terminal: &mut Terminal<'_>, text: String| {
        terminal.remark(&format!("error: {text}"));
        Exit::Failure
    };
    let file = temporary().map_err(|error| failed(terminal, format!("no temporary file: {error}")))?;
    std::fs::write(&file, &before)
        .map_err(|error| failed(terminal, format!("{}: {error}", file.display())))?;
    let editor = ["VISUAL", "EDITOR"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    // As git does it: the variable may hold arguments, so a shell reads it.
    let status = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(&file).status();
    if !status.as_ref().is_ok_and(std::process::ExitStatus::success) {
        return Err(failed(terminal, format!("the editor {editor:?} failed; nothing is changed")));
    }
    let after =
        std::fs::read(&file).map_err(|error| failed(terminal, format!("{}: {error}", file.display())))?;
    if after == before {
        let _ = std::fs::remove_file(&file);
        terminal.remark("nothing is changed");
        return Ok(());
    }
    let media_type = resource.media_type().unwrap_or("application/xml");
    match opened.client.put_as(resource, media_type, after, &condition).await {
        Ok(put) => {
            let _ = std::fs::remove_file(&file);
            terminal.remark(if put.created { "made" } else { "replaced" });
            Ok(())
        }
        Err(error) => {
            let exit = opened.tell(&error, terminal);
            terminal.remark(&format!("what you wrote is in {}", file.display()));
            Err(exit)
        }
    }
}

/// A file that nobody else may read, with a name that says XML.
fn temporary() -> std::io::Result<PathBuf> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| std::io::Error::other(error.to_string()))?;
    let path = std::env::temp_dir().join(format!("rollcall-{:016x}.xml", u64::from_ne_bytes(random)));
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok(path)
}
