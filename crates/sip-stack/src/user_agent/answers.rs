//! The responses that were sent, so that retransmitted requests are answered alike. RFC 3261 §17.2.2.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sip::{Message, Name};

use crate::time::Timestamp;

/// As many answers are kept at most; the oldest go first.
const CAPACITY: usize = 4096;

/// Answers, for as long as a retransmission may come (Timer J).
#[derive(Debug)]
pub(super) struct Answers {
    lifetime: Duration,
    by_request: BTreeMap<String, Arc<[u8]>>,
    by_age: VecDeque<(Timestamp, String)>,
}

impl Answers {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self { lifetime, by_request: BTreeMap::new(), by_age: VecDeque::new() }
    }

    pub(super) fn find(&mut self, now: Timestamp, request: &Message<'_>) -> Option<Arc<[u8]>> {
        self.forget(now);
        self.by_request.get(&key(request)).cloned()
    }

    pub(super) fn keep(&mut self, now: Timestamp, request: &Message<'_>, answer: Arc<[u8]>) {
        let key = key(request);
        self.by_age.push_back((now + self.lifetime, key.clone()));
        self.by_request.insert(key, answer);
        self.forget(now);
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((until, _)) = self.by_age.front() {
            if *until > now && self.by_age.len() <= CAPACITY {
                return;
            }
            if let Some((_, key)) = self.by_age.pop_front() {
                self.by_request.remove(&key);
            }
        }
    }
}

/// What a request and its retransmissions have in common and no other request has: the topmost Via with its branch
/// (RFC 3261 §17.2.3), and for peers whose branches are not unique the rest of what names a request.
fn key(request: &Message<'_>) -> String {
    let fields = [Name::Via, Name::CSeq, Name::CallId].map(|name| request.get(name).unwrap_or_default());
    fields.join("\n")
}
