//! Documents for the shards: read off their threads, and told when they change.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use node::{Answer, Enquiry, Question, ShardId};
use sip::Aor;
use store::StoreError;
use store::docs::{DocStore, wait};
use xcap::{Found, Unavailable, Version, Want};

use crate::pump::{Order, Post};
use crate::remote_xdms::Remotes;
use crate::xdms::archive::{Archive, Hearer};

/// The way of shards to the documents.
#[derive(Clone, Debug)]
pub struct Desk(Sender<(ShardId, Enquiry)>);

impl Desk {
    /// Asks for documents; the answer is an order to the shard. One that is asked when all is ending is lost.
    pub fn ask(&self, shard: ShardId, enquiry: Enquiry) {
        let _ = self.0.send((shard, enquiry));
    }
}

/// What can be read.
pub trait Shelves: Send + Sync {
    /// The documents that answer a question. Blocks until they are there.
    fn read(&self, want: &Want) -> Result<Found, StoreError>;

    /// The list services with an address-of-record by canonical URI, each with the user whose it is.
    fn services(&self, aor: &Aor) -> Vec<(String, Aor)>;
}

impl<D: DocStore> Shelves for Archive<D> {
    fn read(&self, want: &Want) -> Result<Found, StoreError> {
        wait(read(&**self.store(), want))
    }

    fn services(&self, aor: &Aor) -> Vec<(String, Aor)> {
        self.services_of(aor)
    }
}

/// Shelves for a node without document servers: there is nothing.
pub struct Empty;

impl Shelves for Empty {
    fn read(&self, _: &Want) -> Result<Found, StoreError> {
        Ok(Vec::new())
    }

    fn services(&self, _: &Aor) -> Vec<(String, Aor)> {
        Vec::new()
    }
}

/// Who reads for the shards. It ends when all desks are gone.
pub struct Reader {
    shelves: Arc<dyn Shelves>,
    remotes: Remotes,
    asked: Receiver<(ShardId, Enquiry)>,
}

/// A desk, and who reads behind it.
pub fn reader(shelves: Arc<dyn Shelves>, remotes: Remotes) -> (Desk, Reader) {
    let (desk, asked) = channel();
    (Desk(desk), Reader { shelves, remotes, asked })
}

impl Reader {
    /// Answers until nobody asks any more.
    pub fn run(&self, post: &Post) {
        for (shard, enquiry) in &self.asked {
            let Some(enquiry) = self.remotes.take(shard, enquiry) else { continue };
            let answer = match &enquiry.question {
                Question::Documents(want) => self.shelves.read(want).map(Answer::Documents),
                Question::Services(aor) => Ok(Answer::Services(self.shelves.services(aor))),
                Question::Release(_) => continue,
            };
            let answer = answer.map_err(|error| {
                tracing::warn!(%error, "documents cannot be read");
                Unavailable
            });
            post.order(shard, Order::Documents(Box::new(enquiry), answer));
        }
    }
}

/// Tells all shards of every committed change.
pub fn hearer(post: Post) -> Hearer {
    Box::new(move |committed| post.changed(committed))
}

async fn read<D: DocStore>(store: &D, want: &Want) -> Result<Found, StoreError> {
    let documents = match want {
        Want::Document(document) => vec![document.clone()],
        Want::Collection { auid, tree } => {
            store.list(auid, tree).await?.into_iter().map(|listed| listed.document).collect()
        }
    };
    let mut found = Vec::with_capacity(documents.len());
    for document in documents {
        // One that is gone by now is told of as a change.
        if let Some(doc) = store.get(&document).await? {
            found.push((document, Version { etag: doc.etag, body: doc.body }));
        }
    }
    Ok(found)
}
