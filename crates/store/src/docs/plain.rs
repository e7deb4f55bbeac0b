//! The documents of a user as plain files: a folder per AUID, a file per document, and a list with what files do not say.
//!
//! A name becomes a file name with `%XX` for everything but letters, digits and `-_.~@+`, and for a dot at its beginning.
//! The list, `documents.tsv`, has a line for each file: its path, AUID and name, version, media type, the second of its last
//! change, and a checksum by which it is seen whether the file was changed since. A folder without the list, made by hand,
//! can be imported too.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sip_stack::Timestamp;
use xcap::{DocumentSelector, ETag, Tree};

use super::{Commit, Doc, DocStore, Operation, Outcome, Precondition, Write};
use crate::StoreError;

/// The name of the list.
const LIST: &str = "documents.tsv";
const TITLE: &str = "rollcall documents, export, version 1";
/// The longest file name that is made from a name, in bytes; file systems take 255.
const FILE_NAME_MAX: usize = 200;

/// Why documents were not exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum PlainError {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
    /// There are files where some are to be put.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// A path or a line of the list that names no document.
    #[error("{0} is not what an export writes")]
    Strange(PathBuf),
    /// The document is there already.
    #[error("{0} is there already")]
    Exists(DocumentSelector),
    /// The store would not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes documents and their list into a folder, made if it is not there.
pub fn export(documents: &[(DocumentSelector, Doc)], to: &Path) -> Result<(), PlainError> {
    // Documents tell who knows whom: nobody else on this machine is to read them.
    io(to, fs::DirBuilder::new().recursive(true).mode(0o700).create(to))?;
    if io(to, fs::read_dir(to))?.next().is_some() {
        return Err(PlainError::NotEmpty(to.into()));
    }
    let mut list = format!("{TITLE}\n");
    for (DocumentSelector { auid, name, .. }, doc) in documents {
        let path = format!("{}/{}", file_name(auid), file_name(name));
        let file = to.join(&path);
        let folder = to.join(file_name(auid));
        io(&folder, fs::create_dir_all(&folder))?;
        io(&file, fs::write(&file, &doc.body))?;
        let mime = doc.mime.as_deref().unwrap_or_default();
        let texts = [auid, name, &doc.etag.0, mime].map(escape).join("\t");
        let (seconds, sum) = (doc.modified.as_secs(), crc32fast::hash(&doc.body));
        list.push_str(&format!("{path}\t{texts}\t{seconds}\t{sum:08x}\n"));
    }
    let path = to.join(LIST);
    io(&path, fs::write(&path, list))
}

/// Puts the documents in a folder into a tree, as one commit. Without `replace` none of them may be there yet; documents
/// that the folder does not have stay as they are. A file that is as it was exported keeps its version. Gives how many
/// documents there were.
pub async fn import<S: DocStore>(
    docs: &S,
    tree: &Tree,
    from: &Path,
    replace: bool,
    now: Timestamp,
) -> Result<usize, PlainError> {
    let listed = read_list(&from.join(LIST))?;
    let mut operations = Vec::new();
    for (path, file) in files(from)? {
        let body = io(&file, fs::read(&file))?;
        let known = listed.get(&path);
        let named = match known {
            Some(line) => Some((line.auid.clone(), line.name.clone())),
            None => path.split_once('/').and_then(|(auid, name)| Some((unescape(auid)?, unescape(name)?))),
        };
        let (auid, name) = named.ok_or(PlainError::Strange(file))?;
        let sum = crc32fast::hash(&body);
        let etag = match known {
            Some(line) if line.sum == sum => line.etag.clone(),
            _ => format!("{sum:08x}-{:x}", now.as_micros()),
        };
        let mime = known.and_then(|line| line.mime.as_deref()).map(Arc::from);
        let precondition = if replace { Precondition::None } else { Precondition::Absent };
        let write = Write::Put { etag: ETag(etag.into()), mime, body: body.into() };
        operations.push(Operation { auid: auid.into(), name: name.into(), precondition, write });
    }
    let count = operations.len();
    match docs.commit(Commit { tree: tree.clone(), at: now, operations, room: None }).await? {
        Outcome::Done { .. } => Ok(count),
        Outcome::Failed { document, .. } => Err(PlainError::Exists(document)),
        Outcome::NoRoom => unreachable!("no bound was given"),
    }
}

/// A line of the list.
struct Line {
    auid: String,
    name: String,
    etag: String,
    mime: Option<String>,
    sum: u32,
}

/// The list by paths; empty if there is none.
fn read_list(path: &Path) -> Result<BTreeMap<String, Line>, PlainError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        other => io(path, other)?,
    };
    let read = |line: &str| {
        let mut fields = line.split('\t');
        let file = fields.next()?.to_owned();
        let mut text = || unescape(fields.next()?);
        let (auid, name, etag, mime) = (text()?, text()?, text()?, text()?);
        let sum = u32::from_str_radix(fields.nth(1)?, 16).ok()?;
        Some((file, Line { auid, name, etag, mime: Some(mime).filter(|mime| !mime.is_empty()), sum }))
    };
    let strange = || PlainError::Strange(path.into());
    let lines = text.strip_prefix(TITLE).and_then(|rest| rest.strip_prefix('\n')).ok_or_else(strange)?;
    lines.lines().map(|line| read(line).ok_or_else(strange)).collect()
}

/// The files in the folders of a folder, as `folder/file` and where they are, in order.
fn files(from: &Path) -> Result<Vec<(String, PathBuf)>, PlainError> {
    let mut found = Vec::new();
    for folder in entries(from)? {
        if folder.file_name().is_some_and(|name| name == LIST) {
            continue;
        }
        if !folder.is_dir() {
            return Err(PlainError::Strange(folder));
        }
        for file in entries(&folder)? {
            let path = file.strip_prefix(from).ok().and_then(Path::to_str);
            match path {
                Some(path) if file.is_file() => found.push((path.to_owned(), file)),
                Some(_) | None => return Err(PlainError::Strange(file)),
            }
        }
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, PlainError> {
    let entries: io::Result<Vec<_>> =
        io(folder, fs::read_dir(folder))?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = io(folder, entries)?;
    entries.sort_unstable();
    Ok(entries)
}

/// The file or folder name for a name. One that would be too long is cut, and told from its like by a checksum.
fn file_name(name: &str) -> String {
    let escaped = escape(name);
    if escaped.len() <= FILE_NAME_MAX {
        return escaped;
    }
    format!("{}~{:08x}", &escaped[..FILE_NAME_MAX - 9], crc32fast::hash(name.as_bytes()))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.~@+".contains(&byte);
        if is_plain && !(at == 0 && byte == b'.') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        if *byte == b'%' {
            let digits = after.get(..2).and_then(|digits| str::from_utf8(digits).ok())?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

fn io<T>(path: &Path, outcome: io::Result<T>) -> Result<T, PlainError> {
    outcome.map_err(|source| PlainError::Io { path: path.into(), source })
}
