//! The audit trail: who changed which rules, and what was decided about whom. It names users, so it is a file of its own and
//! off unless `log.audit` names one.
//!
//! A JSON object per line. All have `at` (RFC 3339, UTC) and `event`:
//!
//! - `rules`: a rules document was put or removed. `usage` and `document` name it, `user` is whose it is, `by` who did it (a
//!   user, `provider`, `element`, `anonymous`), `previous` and `etag` are its versions before and after; null for none.
//!   `rules` says which rules were `added`, `removed` and `changed`: by their ids, and of changed ones which `parts` mean
//!   something else now (`conditions`, `actions`, `transformations`), but not what they say; 50 of each at most, `unnamed`
//!   says how many more. It is null if one of the versions cannot be read.
//! - `decision`: another decision than before about a watcher. `presentity` and `watcher` are both, `anonymous` says that
//!   the presentity was not told who it is, `before` and `decision` are `block`, `confirm` (it waits), `polite-block` or
//!   `allow`; `before` is null if the watcher has only just asked.
//!
//! What is done to the store while the server does not run (`rollcall import`, `restore`) is not in it.
//!
//! A trail that cannot be written stops nothing: what is lost is counted (`rollcall_audit_lost_total`), and the next line is
//! tried again.

mod amendment;

use core::sync::atomic::{AtomicU64, Ordering};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

pub use amendment::Amendment;
use client::date_time;
use presence::Ruling;
use serde_json::{Value, json};
use sip_stack::Timestamp;
use xcap::{DocumentSelector, ETag, Tree};
use xdm::Principal;

/// Lines that may wait for the disk. Above it they are lost, and counted.
const WAITING_MAX: usize = 4096;

/// The usages that say who may watch and publish.
const RULES: [&str; 3] =
    ["org.openmobilealliance.pres-rules", "pres-rules", "org.openmobilealliance.pub-rules"];

/// What became of lines.
#[derive(Debug, Default)]
pub struct Counts {
    /// Written.
    pub written: AtomicU64,
    /// Lost: the disk did not take them, or too many waited.
    pub lost: AtomicU64,
}

/// The way to the trail, for whoever has something to say. Costs nothing while it is off.
#[derive(Clone, Debug)]
pub struct Audit {
    lines: Option<SyncSender<Line>>,
    counts: Arc<Counts>,
}

#[derive(Debug)]
enum Line {
    Text(String),
    /// The file was moved away, perhaps: open it by its name again.
    Reopen,
    /// Nothing more will come.
    End,
}

impl Audit {
    /// No trail.
    pub fn off() -> Self {
        Self { lines: None, counts: Arc::default() }
    }

    /// A trail into a file, which is made if need be, for its owner only; and who writes it.
    pub fn open(path: PathBuf, counts: Arc<Counts>) -> io::Result<(Self, Writer)> {
        let file = append(&path)?;
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let writer = Writer { path, file, waiting, counts: Arc::clone(&counts), torn: false, failing: false };
        Ok((Self { lines: Some(lines), counts }, writer))
    }

    /// Whether there is one.
    pub fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    /// A decision about a watcher.
    pub fn decision(&self, at: Timestamp, ruling: &Ruling) {
        self.say(|| {
            json!({
                "at": date_time(at),
                "event": "decision",
                "presentity": ruling.presentity.as_str(),
                "watcher": ruling.watcher.as_str(),
                "anonymous": ruling.anonymous,
                "before": ruling.before.map(|handling| handling.as_str()),
                "decision": ruling.decision.as_str(),
            })
        });
    }

    /// A document was changed; told if it is one of rules.
    pub fn document(
        &self,
        at: Timestamp,
        document: &DocumentSelector,
        by: &Principal,
        previous: Option<&ETag>,
        etag: Option<&ETag>,
        amendment: Amendment<'_>,
    ) {
        if !RULES.contains(&&*document.auid) {
            return;
        }
        self.say(|| {
            let user = match &document.tree {
                Tree::User(user) => Some(&**user),
                Tree::Global => None,
            };
            let by = match by {
                Principal::User(identities) => identities.first().map_or("", |user| user.as_str()),
                Principal::Anonymous => "anonymous",
                Principal::Element => "element",
                Principal::Provider => "provider",
            };
            json!({
                "at": date_time(at),
                "event": "rules",
                "usage": *document.auid,
                "document": *document.name,
                "user": user,
                "by": by,
                "previous": previous.map(|etag| &*etag.0),
                "etag": etag.map(|etag| &*etag.0),
                "rules": amendment.to_json(),
            })
        });
    }

    /// Opens the file by its name again, after it was moved away.
    pub fn reopen(&self) {
        if let Some(lines) = &self.lines {
            // One that is overwhelmed is asked again with the next reload.
            let _ = lines.try_send(Line::Reopen);
        }
    }

    /// Lets the writer end when all is written.
    pub fn end(&self) {
        if let Some(lines) = &self.lines {
            let _ = lines.send(Line::End);
        }
    }

    fn say(&self, line: impl FnOnce() -> Value) {
        let Some(lines) = &self.lines else { return };
        match lines.try_send(Line::Text(format!("{}\n", line()))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.counts.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Who writes the lines. It ends when nobody has anything to say any more.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    waiting: Receiver<Line>,
    counts: Arc<Counts>,
    /// The last line may stand there in part.
    torn: bool,
    failing: bool,
}

impl Writer {
    /// Writes until the end.
    pub fn run(mut self) {
        while let Ok(line) = self.waiting.recv() {
            match line {
                Line::Text(text) => self.write(&text),
                Line::End => return,
                Line::Reopen => match append(&self.path) {
                    Ok(file) => (self.file, self.torn) = (file, false),
                    Err(error) => {
                        tracing::error!(%error, "the audit trail does not open again; the old file stays")
                    }
                },
            }
        }
    }

    fn write(&mut self, text: &str) {
        // A line that was begun before is ended, so that this one can be read.
        let text = if self.torn { format!("\n{text}") } else { text.to_owned() };
        match self.file.write_all(text.as_bytes()) {
            Ok(()) => {
                self.counts.written.fetch_add(1, Ordering::Relaxed);
                if core::mem::take(&mut self.failing) {
                    tracing::info!("the audit trail is written again");
                }
                self.torn = false;
            }
            Err(error) => {
                self.counts.lost.fetch_add(1, Ordering::Relaxed);
                self.torn = true;
                // Once, not for each line.
                if !core::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the audit trail cannot be written; lines are lost");
                }
            }
        }
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use documents::rules::SubHandling;
    use sip::Aor;

    use super::*;

    fn ruling(watcher: &str) -> Ruling {
        Ruling {
            presentity: Aor::parse("sip:alice@example.com").unwrap(),
            watcher: Aor::parse(watcher).unwrap(),
            anonymous: false,
            before: Some(SubHandling::Confirm),
            decision: SubHandling::Allow,
        }
    }

    fn written(counts: &Counts) -> (u64, u64) {
        (counts.written.load(Ordering::Relaxed), counts.lost.load(Ordering::Relaxed))
    }

    #[test]
    fn a_line_is_a_json_object_with_the_fields_that_are_documented() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let counts = Arc::<Counts>::default();
        let (audit, writer) = Audit::open(path.clone(), Arc::clone(&counts)).unwrap();
        let at = Timestamp::from_secs(1_709_164_800);
        audit.decision(at, &ruling("sip:bob@example.com"));
        let moved = folder.path().join("old.jsonl");
        std::fs::rename(&path, &moved).unwrap();
        audit.reopen();
        let document = |auid: &str| DocumentSelector {
            auid: auid.into(),
            tree: Tree::User("sip:alice@example.com".into()),
            name: "index".into(),
        };
        let by = Principal::user(Aor::parse("sip:alice@example.com").unwrap());
        let rules = b"<ruleset xmlns='urn:ietf:params:xml:ns:common-policy'><rule id='r1'/></ruleset>";
        let change = Amendment { before: None, after: Some(rules) };
        audit.document(at, &document("pres-rules"), &by, None, Some(&ETag("e1".into())), change);
        audit.document(at, &document("resource-lists"), &by, None, Some(&ETag("e2".into())), change);
        drop(audit);
        writer.run();
        let read = |path: &PathBuf| -> Value {
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        assert_eq!(
            read(&moved),
            json!({
                "at": "2024-02-29T00:00:00.000Z", "event": "decision", "presentity": "sip:alice@example.com",
                "watcher": "sip:bob@example.com", "anonymous": false, "before": "confirm", "decision": "allow",
            })
        );
        assert_eq!(
            read(&path),
            json!({
                "at": "2024-02-29T00:00:00.000Z", "event": "rules", "usage": "pres-rules", "document": "index",
                "user": "sip:alice@example.com", "by": "sip:alice@example.com", "previous": null, "etag": "e1",
                "rules": { "added": ["r1"], "removed": [], "changed": [], "unnamed": 0 },
            })
        );
        assert_eq!(written(&counts), (2, 0));
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_full_disk_loses_lines_and_counts_them() {
        let counts = Arc::<Counts>::default();
        let (audit, mut writer) = Audit::open("/dev/full".into(), Arc::clone(&counts)).unwrap();
        audit.decision(Timestamp::ZERO, &ruling("sip:bob@example.com"));
        let folder = tempfile::tempdir().unwrap();
        writer.write("first\n");
        assert_eq!(written(&counts), (0, 1));
        // There is room again.
        writer.path = folder.path().join("audit.jsonl");
        writer.file = append(&writer.path).unwrap();
        let path = writer.path.clone();
        drop(audit);
        writer.run();
        assert_eq!(written(&counts), (1, 1));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(
            text.starts_with("\n{") && text.ends_with("}\n"),
            "what stood there in part is ended: {text:?}"
        );
    }

    #[test]
    fn more_than_can_wait_is_lost_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let counts = Arc::<Counts>::default();
        let (audit, writer) = Audit::open(folder.path().join("audit.jsonl"), Arc::clone(&counts)).unwrap();
        for _ in 0..WAITING_MAX + 3 {
            audit.decision(Timestamp::ZERO, &ruling("sip:bob@example.com"));
        }
        drop(audit);
        writer.run();
        assert_eq!(written(&counts), (WAITING_MAX as u64, 3));
        Audit::off().decision(Timestamp::ZERO, &ruling("sip:bob@example.com"));
    }
}
