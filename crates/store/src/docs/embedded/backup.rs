//! Back-up while commits go on, and restore: a beginning of the log, with a manifest that says what it must be.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crc32fast::Hasher;
use xcap::{DocumentSelector, Tree};

use super::log::{segment_name, segment_number};
use super::read::read_body;
use super::recover::{self, Replayed};
use super::view::{Held, View};
use crate::disk::{Disk, DiskFile, RealDisk};
use crate::docs::{Doc, FEED_MAX, Listed};
use crate::{OpenError, StoreError};

/// The file that makes a directory a back-up; written last.
const MANIFEST: &str = "manifest";
const TITLE: &str = "rollcall documents, back-up, version 1";
/// In the directory while a restore is under way: what is there is not whole, and must not be opened.
pub(crate) const RESTORING: &str = "docs-restoring";
/// How much is copied at a time, in bytes.
const CHUNK: usize = 1 << 20;

/// What a back-up holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many documents.
    pub documents: u64,
    /// Their bytes.
    pub document_bytes: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Documents whose bytes have decayed: file, offset and finding. They are in the back-up as they are in the store.
    pub damaged: Vec<String>,
}

/// Why a back-up or a restore was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There are documents where some are to be put.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// There is nothing that could be copied.
    #[error("{0} holds no documents")]
    Nothing(PathBuf),
    /// A back-up that is not what was written.
    #[error("{0} is not a whole back-up: {1}")]
    NotWhole(PathBuf, String),
    /// The documents are damaged, or in use where they must not be.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A document cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies the documents of a store's directory into another one, made if it is not there, and reads the copy. A process
/// may have the store open and commit meanwhile: all that was answered before the call is in the copy.
pub fn back_up(from: &Path, to: &Path) -> Result<Summary, BackupError> {
    if !from.is_dir() {
        return Err(BackupError::Nothing(from.into()));
    }
    let (source, target) = (directory(from)?, directory(to)?);
    if !names(&target)?.is_empty() {
        return Err(BackupError::NotEmpty(to.into()));
    }
    let view = io("open the files of the store", View::of(&source))?;
    if names(&view)?.is_empty() {
        return Err(BackupError::Nothing(from.into()));
    }
    let plan = recover::parts(&view).map_err(OpenError::from)?;
    let mut manifest = format!("{TITLE}\n");
    let mut bytes = 0;
    for (number, length) in plan {
        let name = segment_name(number);
        let (length, sum) = copy(&view, &target, &name, Some(u64::from(length)))?;
        manifest.push_str(&format!("{name} {length} {sum:08x}\n"));
        bytes += length;
    }
    let replayed = replay(&target)?;
    let sum = crc32fast::hash(manifest.as_bytes());
    manifest.push_str(&format!("{MANIFEST} {sum:08x}\n"));
    let file = io("create the manifest", target.create(MANIFEST))?;
    io("write the manifest", file.append(manifest.as_bytes()))?;
    io("sync the manifest", file.sync())?;
    io("sync the directory", target.sync_names())?;
    Ok(summary(&replayed, bytes))
}

/// Copies a back-up into the directory of a store that holds no documents, made if it is not there, checks every byte,
/// and reads the copy. A restore that does not end leaves a directory that will not open, and can be begun again.
pub fn restore(from: &Path, to: &Path) -> Result<Summary, BackupError> {
    let not_whole = |why: &str| BackupError::NotWhole(from.into(), why.to_owned());
    if !from.is_dir() {
        return Err(not_whole("there is no such directory"));
    }
    let source = directory(from)?;
    let parts = read_manifest(&source).ok_or_else(|| not_whole("its manifest is missing or damaged"))?;
    let target = directory(to)?;
    let _lock = target.lock().map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked,
        _ => OpenError::Io { doing: "lock the directory", source },
    })?;
    let standing = names(&target)?;
    if standing.iter().any(|name| name == RESTORING) {
        for name in standing.iter().filter(|name| segment_number(name).is_some()) {
            io("remove what an unfinished restore has left", target.remove(name))?;
        }
    } else if standing.iter().any(|name| segment_number(name).is_some()) {
        return Err(BackupError::NotEmpty(to.into()));
    }
    io("mark the beginning of a restore", target.create(RESTORING))?;
    io("sync the directory", target.sync_names())?;
    let mut bytes = 0;
    for part in parts {
        let (length, sum) = copy(&source, &target, &part.name, None)?;
        if (length, sum) != (part.length, part.sum) {
            return Err(not_whole(&format!("the checksum of {} does not match", part.name)));
        }
        bytes += length;
    }
    io("sync the directory", target.sync_names())?;
    let replayed = replay(&target)?;
    io("mark the end of a restore", target.remove(RESTORING))?;
    io("sync the directory", target.sync_names())?;
    Ok(summary(&replayed, bytes))
}

/// A file of a back-up, as the manifest has it.
struct Part {
    name: String,
    length: u64,
    sum: u32,
}

/// The parts that a manifest lists, if it is whole.
fn read_manifest(disk: &RealDisk) -> Option<Vec<Part>> {
    let file = disk.open(MANIFEST).ok()?;
    let mut bytes = vec![0; usize::try_from(file.length().ok()?).ok()?];
    file.read(0, &mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let listed = &text[..text.trim_end().rfind('\n')? + 1];
    let sum = crc32fast::hash(listed.as_bytes());
    let list = listed.strip_prefix(TITLE)?.trim_start();
    if text[listed.len()..] != format!("{MANIFEST} {sum:08x}\n") {
        return None;
    }
    let part = |line: &str| {
        let mut words = line.split(' ');
        let (name, length, sum) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        segment_number(name)?;
        Some(Part { name: name.to_owned(), length, sum: u32::from_str_radix(sum, 16).ok()? })
    };
    list.lines().map(part).collect()
}

/// Copies so many bytes of a file, or all; on disk when it returns, but for the name. Gives the length and the sum.
fn copy<S: Disk>(from: &S, to: &RealDisk, name: &str, length: Option<u64>) -> Result<(u64, u32), OpenError> {
    let source = io("open a file to copy", from.open(name))?;
    let length = match length {
        Some(length) => length,
        None => io("measure a file to copy", source.length())?,
    };
    let target = io("create a copy", to.create(name))?;
    let mut sum = Hasher::new();
    let mut chunk = vec![0; CHUNK];
    let mut at = 0;
    while at < length {
        let size = usize::try_from(length - at).map_or(CHUNK, |left| left.min(CHUNK));
        let chunk = &mut chunk[..size];
        io("read a file to copy", source.read(at, chunk))?;
        io("write a copy", target.append(chunk))?;
        sum.update(chunk);
        at += size as u64;
    }
    io("sync a copy", target.sync())?;
    Ok((length, sum.finalize()))
}

/// Reads a copy, as far as it consists of documents.
fn replay(disk: &RealDisk) -> Result<Replayed<Held<File>>, OpenError> {
    let view = io("open the files of a copy", View::of(disk))?;
    Ok(recover::replay(&view, FEED_MAX)?)
}

/// The documents of a tree in a store's directory, with their bytes. A process may have the store open meanwhile.
pub fn read_tree(from: &Path, tree: &Tree) -> Result<Vec<(DocumentSelector, Doc)>, BackupError> {
    if !from.is_dir() {
        return Err(BackupError::Nothing(from.into()));
    }
    let view = io("open the files of the store", View::of(&directory(from)?))?;
    let state = recover::replay(&view, FEED_MAX).map_err(OpenError::from)?.state;
    let read = |listed: Listed| {
        let document = &listed.document;
        let entry = state.index.get(tree, &document.auid, &document.name).expect("what is listed is there");
        let segment = state.segment(entry.place.segment).expect("a document stands in a segment");
        let body = read_body(&*segment.file, entry.place, document)?;
        let Listed { document, etag, mime, modified, .. } = listed;
        Ok((document, Doc { etag, mime, body, modified }))
    };
    state.index.list(tree).map(read).collect()
}

fn summary<F>(replayed: &Replayed<F>, bytes: u64) -> Summary {
    let (documents, document_bytes) = replayed.state.index.size();
    Summary { documents, document_bytes, bytes, damaged: replayed.found.damaged.clone() }
}

fn directory(path: &Path) -> Result<RealDisk, OpenError> {
    io("open a directory", RealDisk::open(path))
}

fn names<D: Disk>(disk: &D) -> Result<Vec<String>, OpenError> {
    io("list a directory", disk.list())
}

fn io<T>(doing: &'static str, outcome: io::Result<T>) -> Result<T, OpenError> {
    outcome.map_err(|source| OpenError::Io { doing, source })
}
