//! Commands for the documents in the store's directory: back-up, restore, repair, export, import.
//!
//! They work on the files: back-up and export beside a server that has the store open, the others without one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use store::OpenError;
use store::docs::plain::{self, PlainError};
use store::docs::{BackupError, EmbeddedDocs, Options, Summary, back_up, read_tree, restore, wait};
use xcap::Tree;

use super::{ConfigArguments, WRONG_CONFIGURATION};
use crate::clock::Clock;
use crate::config::keys::Engine;
use crate::keeper;

/// `rollcall backup`.
#[derive(Debug, Args)]
pub(super) struct BackUpArguments {
    /// The folder to make; it must be empty if it is there.
    to: PathBuf,
    #[command(flatten)]
    config: ConfigArguments,
}

/// `rollcall restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// The folder that `rollcall backup` made.
    from: PathBuf,
    #[command(flatten)]
    config: ConfigArguments,
}

/// `rollcall repair`.
#[derive(Debug, Args)]
pub(super) struct RepairArguments {
    #[command(flatten)]
    config: ConfigArguments,
}

/// `rollcall export`.
#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// Whose, such as alice@example.com.
    user: String,
    /// The folder to make; it must be empty if it is there.
    to: PathBuf,
    #[command(flatten)]
    config: ConfigArguments,
}

/// `rollcall import`.
#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// Whose, such as alice@example.com.
    user: String,
    /// The folder: a folder per application usage, a file per document.
    from: PathBuf,
    /// Replace documents that are there already. Without it nothing is imported if one is.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    config: ConfigArguments,
}

/// Why a command did not do it.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Configuration(String),
    #[error("store.engine is \"memory\": there is nothing on disk")]
    InMemory,
    #[error("{0:?} names no user; say alice@example.com, or tel:+15550100")]
    NoUser(String),
    #[error("a server has the store open: stop it first, or use rollcall xcap")]
    InUse,
    #[error(transparent)]
    Backup(BackupError),
    #[error(transparent)]
    Plain(#[from] PlainError),
    #[error(transparent)]
    Open(OpenError),
}

impl From<OpenError> for Fault {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Locked => Self::InUse,
            OpenError::Corrupt(_) | OpenError::Io { .. } => Self::Open(error),
        }
    }
}

impl From<BackupError> for Fault {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Open(error) => error.into(),
            other => Self::Backup(other),
        }
    }
}

pub(super) fn run_back_up(
    arguments: BackUpArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let BackUpArguments { to, config } = arguments;
    let made = directory(config).and_then(|from| Ok(back_up(&from, &to)?));
    told(made, "backed up", out, err)
}

pub(super) fn run_restore(
    arguments: RestoreArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let RestoreArguments { from, config } = arguments;
    let made = directory(config).and_then(|to| Ok(restore(&from, &to)?));
    told(made, "restored", out, err)
}

pub(super) fn run_repair(
    arguments: RepairArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let options = Options { give_up_damage: true, ..Options::default() };
    let opened = directory(arguments.config).and_then(|path| Ok(EmbeddedDocs::open(path, options)?));
    let docs = match opened {
        Ok(docs) => docs,
        Err(fault) => return failed(&fault, err),
    };
    for given_up in &docs.found().given_up {
        writeln!(out, "given up: {given_up}")?;
    }
    for damaged in &docs.found().damaged {
        writeln!(out, "not served until it is written anew: {damaged}")?;
    }
    writeln!(out, "{} documents can be read", docs.stats().documents - docs.found().damaged.len() as u64)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run_export(
    arguments: ExportArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let ExportArguments { user, to, config } = arguments;
    counted(directory(config).and_then(|from| export(&from, &user, &to)), "exported", out, err)
}

pub(super) fn run_import(
    arguments: ImportArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let ImportArguments { user, from, replace, config } = arguments;
    counted(directory(config).and_then(|to| import(&to, &user, &from, replace)), "imported", out, err)
}

fn export(directory: &Path, user: &str, to: &Path) -> Result<usize, Fault> {
    let documents = read_tree(directory, &tree(user)?)?;
    plain::export(&documents, to)?;
    Ok(documents.len())
}

fn import(directory: &Path, user: &str, from: &Path, replace: bool) -> Result<usize, Fault> {
    let tree = tree(user)?;
    let docs = EmbeddedDocs::open(directory, Options::default())?;
    Ok(wait(plain::import(&docs, &tree, from, replace, Clock::new().now()))?)
}

/// Where the configured store keeps documents.
fn directory(arguments: ConfigArguments) -> Result<PathBuf, Fault> {
    let config = arguments.sources().load().map_err(|problems| Fault::Configuration(problems.to_string()))?;
    match config.store.engine {
        Engine::Memory => Err(Fault::InMemory),
        Engine::Embedded => Ok(keeper::documents_path(&config)),
    }
}

fn tree(user: &str) -> Result<Tree, Fault> {
    let owner = xdm::owner(user).ok_or_else(|| Fault::NoUser(user.to_owned()))?;
    Ok(Tree::User(owner.as_str().into()))
}

fn told(
    made: Result<Summary, Fault>,
    what: &str,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let summary = match made {
        Ok(summary) => summary,
        Err(fault) => return failed(&fault, err),
    };
    let Summary { documents, document_bytes, .. } = summary;
    writeln!(out, "{what} and checked: {documents} documents, {document_bytes} octets")?;
    for damage in &summary.damaged {
        writeln!(err, "warning: {damage}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn counted(
    made: Result<usize, Fault>,
    what: &str,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    match made {
        Ok(count) => writeln!(out, "{what}: {count} documents").map(|()| ExitCode::SUCCESS),
        Err(fault) => failed(&fault, err),
    }
}

fn failed(fault: &Fault, err: &mut dyn Write) -> io::Result<ExitCode> {
    writeln!(err, "{fault}")?;
    let is_wrong = matches!(fault, Fault::Configuration(_));
    Ok(if is_wrong { ExitCode::from(WRONG_CONFIGURATION) } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use store::docs::suite::{commit, document, put};
    use store::docs::{DocStore, Precondition};

    use super::*;

    /// Runs `rollcall` with a store in this folder.
    fn ran(folder: &Path, arguments: &[&str]) -> (ExitCode, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let store = format!("store.path={}", folder.join("data").display());
        let settings = ["--set", &store];
        let arguments = ["rollcall"].iter().chain(arguments).chain(&settings).map(OsString::from);
        let code = super::super::run(arguments, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn open(folder: &Path) -> EmbeddedDocs {
        EmbeddedDocs::open(folder.join("data").join("documents"), Options::default()).unwrap()
    }

    fn body(folder: &Path) -> Option<Vec<u8>> {
        let it = document("alice", "resource-lists", "index");
        wait(open(folder).get(&it)).unwrap().map(|doc| doc.body.to_vec())
    }

    #[test]
    fn documents_go_out_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let docs = open(folder);
        let it = document("alice", "resource-lists", "index");
        let write = |etag: &str, body: &[u8]| commit("alice", vec![put(&it, Precondition::None, etag, body)]);
        wait(docs.commit(write("1", b"first"))).unwrap();

        // Beside a process that has the store open.
        let (code, out, err) = ran(folder, &["backup", &at("copy")]);
        assert_eq!((code, err.as_str()), (ExitCode::SUCCESS, ""));
        assert_eq!(out, "backed up and checked: 1 documents, 5 octets\n");
        let (code, out, err) = ran(folder, &["export", "alice@example.com", &at("plain")]);
        assert_eq!((code, out.as_str(), err.as_str()), (ExitCode::SUCCESS, "exported: 1 documents\n", ""));
        let (code, _, err) = ran(folder, &["import", "alice@example.com", &at("plain"), "--replace"]);
        assert_eq!(code, ExitCode::FAILURE);
        assert!(err.starts_with("a server has the store open"), "{err}");
        wait(docs.commit(write("2", b"second"))).unwrap();
        drop(docs);

        let (code, _, err) = ran(folder, &["restore", &at("copy")]);
        assert_eq!(code, ExitCode::FAILURE);
        assert!(err.ends_with("is not empty\n"), "{err}");
        assert_eq!(body(folder).as_deref(), Some(&b"second"[..]));
        let (code, _, err) = ran(folder, &["import", "alice@example.com", &at("plain")]);
        assert_eq!(
            (code, err.as_str()),
            (ExitCode::FAILURE, "resource-lists/users/sip:alice@example.com/index is there already\n")
        );
        let (code, out, _) = ran(folder, &["import", "alice@example.com", &at("plain"), "--replace"]);
        assert_eq!((code, out.as_str()), (ExitCode::SUCCESS, "imported: 1 documents\n"));
        assert_eq!(body(folder).as_deref(), Some(&b"first"[..]));

        std::fs::remove_dir_all(at("data")).unwrap();
        let (code, out, err) = ran(folder, &["restore", &at("copy")]);
        assert_eq!((code, err.as_str()), (ExitCode::SUCCESS, ""));
        assert_eq!(out, "restored and checked: 1 documents, 5 octets\n");
        assert_eq!(body(folder).as_deref(), Some(&b"first"[..]));
    }

    #[test]
    fn a_damaged_log_is_repaired_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let docs = open(folder);
        for name in ["first", "second", "third"] {
            let it = document("alice", "test", name);
            wait(docs.commit(commit("alice", vec![put(&it, Precondition::None, "1", b"x")]))).unwrap();
        }
        drop(docs);
        let segment = folder.join("data").join("documents").join("docs-0000000001.log");
        let mut bytes = std::fs::read(&segment).unwrap();
        let second = bytes.windows(6).position(|window| window == b"second").unwrap();
        bytes[second] ^= 1; // the name of a document
        std::fs::write(&segment, bytes).unwrap();
        let to = folder.join("to").to_str().unwrap().to_owned();
        let (code, _, err) = ran(folder, &["backup", &to]);
        assert_eq!(code, ExitCode::FAILURE);
        assert!(err.starts_with("stored data is damaged: docs-0000000001.log at "), "{err}");
        let (code, out, err) = ran(folder, &["repair"]);
        assert_eq!((code, err.as_str()), (ExitCode::SUCCESS, ""));
        assert!(
            out.starts_with("given up: docs-0000000001.log at ")
                && out.ends_with("\n2 documents can be read\n"),
            "{out}"
        );
        assert_eq!(ran(folder, &["repair"]).1, "2 documents can be read\n");
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let to = folder.join("to").to_str().unwrap().to_owned();
        let (code, _, err) = ran(folder, &["backup", &to, "--set", "store.engine=memory"]);
        assert_eq!(
            (code, err.as_str()),
            (ExitCode::FAILURE, "store.engine is \"memory\": there is nothing on disk\n")
        );
        let (code, _, err) = ran(folder, &["export", "nobody", &to]);
        assert_eq!(code, ExitCode::FAILURE);
        assert!(err.starts_with("\"nobody\" names no user"), "{err}");
        let (code, _, err) = ran(folder, &["backup", &to]);
        assert_eq!(code, ExitCode::FAILURE);
        assert!(err.ends_with("documents holds no documents\n"), "{err}");
        let (code, _, err) = ran(folder, &["backup", &to, "--set", "shards=many"]);
        assert_eq!(code, ExitCode::from(WRONG_CONFIGURATION), "{err}");
    }
}
