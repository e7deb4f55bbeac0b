//! The composed document of a presentity, and what a class of watchers sees of it.

use core::cell::OnceCell;
use std::sync::Arc;

use documents::pidf::{self, Outline, Presence};
use documents::rules::{Permissions, SubHandling};
use sip::Aor;
use sip_stack::subscriptions::Content;

use super::decision::Decision;
use super::filter::{Removal, Usage, filtered};

/// What a presence document needs besides itself.
const PIDF_FIELDS: &str = "Content-Type: application/pidf+xml\r\n";

/// The composed document of a presentity. What its watchers need besides is made when the first of them is told: most
/// changes of most presentities are told to nobody.
#[derive(Clone, Debug)]
pub struct Composed {
    body: Arc<[u8]>,
    /// All of it, printed and named once per change.
    whole: OnceCell<View>,
    /// Made when a class of watchers must not see all of it.
    parts: OnceCell<(Presence, Outline)>,
}

impl Composed {
    /// Keeps a document for its views.
    pub fn new(document: &Presence) -> Self {
        Self { body: Arc::clone(document.bytes()), whole: OnceCell::new(), parts: OnceCell::new() }
    }

    /// Whether the document is the same, octet for octet.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.body, &other.body) || self.body == other.body
    }

    /// What watchers see of whom this was decided, RFC 5025 §3.2.1; `None` if they see no document at all.
    ///
    /// A politely blocked watcher sees what it would see if nothing was known of `presentity`. One that may see everything
    /// shares the composed document. For the others it is filtered: time linear in the document, once per class.
    pub fn view(&self, presentity: &Aor, decision: &Decision) -> Option<View> {
        match decision.handling {
            SubHandling::Block | SubHandling::Confirm => None,
            SubHandling::PoliteBlock => Some(View::of(pidf::empty(presentity.as_str()).bytes())),
            SubHandling::Allow if decision.permissions.is_everything() => {
                Some(self.whole.get_or_init(|| View::of(&self.body)).clone())
            }
            SubHandling::Allow => Some(View::of(self.filtered(&decision.permissions, None).bytes())),
        }
    }

    /// What permissions leave out of the document.
    pub fn removals(&self, permissions: &Permissions) -> Vec<Removal> {
        let mut removals = Vec::new();
        if !permissions.is_everything() {
            self.filtered(permissions, Some(&mut removals));
        }
        removals
    }

    fn filtered(&self, permissions: &Permissions, removed: Option<&mut Vec<Removal>>) -> Presence {
        let (document, outline) = self.parts.get_or_init(|| {
            let document = Presence::from_shared(Arc::clone(&self.body), &xml::Limits::NONE);
            let document = document.expect("it was composed of accepted documents");
            let outline = document.shape();
            (document, outline)
        });
        filtered(document, outline, permissions, Usage::Presence, removed)
    }
}

/// What one class of watchers may see. Only [`Composed::view`] makes one, by a [`Decision`].
#[derive(Clone, Debug)]
pub struct View {
    content: Arc<Content>,
    fingerprint: u64,
}

impl View {
    fn of(body: &Arc<[u8]>) -> Self {
        let content = Arc::new(Content::of_state(PIDF_FIELDS, Arc::clone(body)));
        Self { content, fingerprint: pidf::fingerprint(body) }
    }

    /// The document as it goes out: `application/pidf+xml`.
    pub fn content(&self) -> &Arc<Content> {
        &self.content
    }

    /// Equal for equal documents, in this process and the next.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}
