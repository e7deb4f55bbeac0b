//! The documents of a simulated installation: the memory engine of the store, in virtual time, that outlives a node. And
//! where names lead.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use documents::rls_services::Services;
use node::{Answer, Question};
use sip::{Aor, Uri, canonical_text};
use sip_stack::{Protocol, Timestamp};
use store::docs::{Commit, DocStore, MemoryDocs, Operation, Precondition, Write, wait};
use xcap::{Change, DocumentSelector, ETag, Found, Unavailable, Version, Want};

/// Documents, and how readily they are read. A clone is the same library.
#[derive(Clone)]
pub struct Library {
    docs: Arc<MemoryDocs>,
    state: Arc<Mutex<State>>,
    /// How long a reader waits.
    pub delay: Duration,
    /// Whether readers get an answer at all.
    pub healthy: bool,
}

#[derive(Default)]
struct State {
    changes: Vec<Change>,
    /// Versions so far.
    written: u32,
    /// By host name, best first.
    names: BTreeMap<String, Vec<(Protocol, SocketAddr)>>,
}

impl Default for Library {
    fn default() -> Self {
        let docs = Arc::new(MemoryDocs::default());
        let state = Arc::new(Mutex::new(State::default()));
        let heard = Arc::clone(&state);
        docs.listen(Box::new(move |committed| {
            locked(&heard).changes.extend(committed.iter().map(|committed| committed.change.clone()))
        }));
        Self { docs, state, delay: Duration::ZERO, healthy: true }
    }
}

impl Library {
    /// One whose readers wait so long.
    pub fn with_delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// Puts a document, or deletes it without a body. Versions are `v1`, `v2` and so on over all documents.
    pub fn write(&self, now: Timestamp, document: &DocumentSelector, body: Option<&[u8]>) {
        let write = match body {
            Some(body) => {
                let mut state = locked(&self.state);
                state.written += 1;
                let etag = ETag(format!("v{}", state.written).into());
                Write::Put { etag, mime: None, body: body.into() }
            }
            None => Write::Delete,
        };
        let (auid, name) = (Arc::clone(&document.auid), Arc::clone(&document.name));
        let operation = Operation { auid, name, precondition: Precondition::None, write };
        let commit = Commit { tree: document.tree.clone(), at: now, operations: vec![operation], room: None };
        wait(self.docs.commit(commit)).expect("memory does not fail");
    }

    /// A host name leads to these places, best first.
    pub fn name(&self, host: &str, places: Vec<(Protocol, SocketAddr)>) {
        locked(&self.state).names.insert(host.to_owned(), places);
    }

    /// Where a SIP URI leads.
    pub(crate) fn locate(&self, uri: &str) -> Vec<(Protocol, SocketAddr)> {
        let Ok(Uri::Sip(uri)) = Uri::parse(uri) else { return Vec::new() };
        let host = uri.host.to_string();
        let is_tcp =
            uri.params.get("transport").is_some_and(|transport| transport.eq_ignore_ascii_case("tcp"));
        let protocol = if is_tcp { Protocol::Tcp } else { Protocol::Udp };
        match host.trim_matches(['[', ']']).parse() {
            Ok(ip) => vec![(protocol, SocketAddr::new(ip, uri.port.unwrap_or(5060)))],
            Err(_) => locked(&self.state).names.get(&host).cloned().unwrap_or_default(),
        }
    }

    /// What there is now.
    pub fn read(&self, want: &Want) -> Result<Found, Unavailable> {
        if !self.healthy {
            return Err(Unavailable);
        }
        let documents = match want {
            Want::Document(document) => vec![document.clone()],
            Want::Collection { auid, tree } => {
                let listed = wait(self.docs.list(auid, tree)).map_err(|_| Unavailable)?;
                listed.into_iter().map(|listed| listed.document).collect()
            }
        };
        let mut found = Vec::new();
        for document in documents {
            if let Some(doc) = wait(self.docs.get(&document)).map_err(|_| Unavailable)? {
                found.push((document, Version { etag: doc.etag, body: doc.body }));
            }
        }
        Ok(found)
    }

    /// What there is now of what is asked.
    pub fn answer(&self, question: &Question) -> Result<Answer, Unavailable> {
        match question {
            Question::Documents(want) => self.read(want).map(Answer::Documents),
            Question::Services(aor) => self.services(aor).map(Answer::Services),
            Question::Release(_) => Err(Unavailable), // nobody waits for it
        }
    }

    /// All services of all users, one after another.
    fn services(&self, aor: &Aor) -> Result<Vec<(String, Aor)>, Unavailable> {
        let mut services = Vec::new();
        for user in wait(self.docs.users("rls-services")).map_err(|_| Unavailable)? {
            let Ok(owner) = Aor::parse(&user) else { continue };
            let index = DocumentSelector::of_user("rls-services", owner.as_str(), "index");
            for (_, version) in self.read(&Want::Document(index))? {
                let Ok(document) = Services::parse(&version.body, &xml::Limits::default()) else { continue };
                let uris = document.services.iter().filter_map(|service| canonical_text(&service.uri));
                let uris = uris.filter(|uri| Aor::parse(uri).is_ok_and(|named| named == *aor));
                services.extend(uris.map(|uri| (uri, owner.clone())));
            }
        }
        if self.healthy { Ok(services) } else { Err(Unavailable) }
    }

    /// The changes since the last call, in order.
    pub(crate) fn take_changes(&self) -> Vec<Change> {
        core::mem::take(&mut locked(&self.state).changes)
    }
}

impl core::fmt::Debug for Library {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Library").field("delay", &self.delay).finish_non_exhaustive()
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
