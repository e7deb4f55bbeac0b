//! The handle of one who follows documents.

use core::time::Duration;
use std::sync::Arc;

use documents::resource_lists;
use documents::xcap_diff::XcapDiff;
use sip_stack::Timestamp;
use sip_stack::endpoint::{Document, Failure};
use sip_stack::subscriber::{State, Termination};
use tokio::sync::{broadcast, mpsc};

use crate::Identity;
use crate::engine::Order;
use crate::leash::Leash;
use crate::publication::BACKLOG;

/// What one who follows documents hears.
#[derive(Clone, Debug)]
pub enum Followed {
    /// The server notified us. The first time it tells what there is, from then on what changed.
    Told {
        /// What it told; `None` if nothing, or nothing that can be read.
        diff: Option<Arc<XcapDiff>>,
        /// The state of the subscription.
        state: State,
        /// When it came.
        at: Timestamp,
    },
    /// The subscription was lost or its refresh failed; another attempt follows.
    Retrying {
        /// Why; `None` if the server asked for a new subscription.
        failure: Option<Failure>,
        /// When.
        at: Timestamp,
        /// Whether the subscription lives on meanwhile.
        live: bool,
    },
    /// So many events were not read in time, and are gone.
    Missed(u64),
    /// Nothing more will come.
    Over(Termination),
}

/// A subscription to changes of documents, RFC 5875. Dropping the handle unsubscribes without waiting for the answer.
#[derive(Debug)]
pub struct Following {
    leash: Leash,
    changes: broadcast::Receiver<Followed>,
}

impl Following {
    pub(crate) fn start(
        target: Identity,
        documents: &[String],
        expires: Duration,
        manner: Manner,
        orders: &mpsc::UnboundedSender<Order>,
    ) -> Self {
        let (sender, changes) = broadcast::channel(BACKLOG);
        let documents = named(documents);
        let event = if manner.patches { PATCHES } else { PACKAGE };
        let asserted = manner.asserted.map(|identity| format!("<{}>", identity.aor()));
        let order =
            |usage| Order::Follow { target, expires, event, asserted, documents, changes: sender, usage };
        Self { leash: Leash::order(orders, order), changes }
    }

    /// Follows these documents from now on, and no others; everything is told anew (RFC 5875 §4.4, §4.7).
    pub async fn change(&mut self, documents: &[String]) {
        let documents = named(documents);
        self.leash.say(|usage| Order::Say { usage, documents }).await;
    }

    /// What happens next; `None` after [`Followed::Over`], or if the client was closed.
    pub async fn next(&mut self) -> Option<Followed> {
        match self.changes.recv().await {
            Ok(change) => Some(change),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Followed::Missed(count)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// How documents are followed.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// Changes are told as patches from one version to the next, as far as the server knows how (RFC 5875 §4.3).
    pub patches: bool,
    /// Who asks, for a server that takes our word for it (RFC 3325).
    pub asserted: Option<Identity>,
}

const PACKAGE: &str = "xcap-diff";
const PATCHES: &str = "xcap-diff;diff-processing=aggregate";

/// The list that names the documents, RFC 5875 §4.4.
fn named(documents: &[String]) -> Document {
    let mut body = format!("<resource-lists xmlns=\"{}\"><list>", resource_lists::NAMESPACE).into_bytes();
    for document in documents {
        body.extend_from_slice(b"<entry uri=\"");
        xml::push_attribute(&mut body, document);
        body.extend_from_slice(b"\"/>");
    }
    body.extend_from_slice(b"</list></resource-lists>");
    Document { content_type: resource_lists::MEDIA_TYPE.to_owned(), body: body.into() }
}
