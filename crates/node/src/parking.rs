//! Requests that wait for documents, by the owner that must know them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sip_stack::Flow;
use sip_stack::auth::Caller;
use sip_stack::server_transactions::TransactionKey;

use crate::effects::StandingQuestion;
use crate::owners::Owner;

/// What an owner cannot decide yet.
#[derive(Debug)]
pub(crate) enum Parked {
    /// A request.
    Request(Request),
    /// A question of somebody's standing.
    Question(StandingQuestion),
}

/// A parked request. Who asks is proven; a proof is not taken twice.
#[derive(Debug)]
pub(crate) struct Request {
    /// Where it came from.
    pub(crate) flow: Flow,
    /// Where its answer goes.
    pub(crate) back: Flow,
    /// Its transaction.
    pub(crate) key: TransactionKey,
    /// Who asks.
    pub(crate) caller: Caller,
    /// The request.
    pub(crate) bytes: Box<[u8]>,
}

/// Parked requests, in order for each owner, bounded in octets.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    octets: usize,
    by_owner: BTreeMap<Owner, VecDeque<Parked>>,
    keys: BTreeSet<TransactionKey>,
}

/// What a parked request takes besides its own octets.
const OVERHEAD: usize = 256;

impl Parked {
    /// How many octets it takes.
    fn octets(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Request(request) => request.bytes.len(),
                Self::Question(question) => question.octets(),
            }
    }

    /// The transaction of a request.
    fn key(&self) -> Option<TransactionKey> {
        match self {
            Self::Request(request) => Some(request.key),
            Self::Question(_) => None,
        }
    }
}

impl Parking {
    /// How many requests wait.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether requests to this owner wait.
    pub(crate) fn is_waiting(&self, owner: Owner) -> bool {
        self.by_owner.contains_key(&owner)
    }

    /// Whether this request waits.
    pub(crate) fn holds(&self, key: TransactionKey) -> bool {
        self.keys.contains(&key)
    }

    /// Puts a request behind the others to its owner; false if all would be more than `max` octets.
    pub(crate) fn put(&mut self, owner: Owner, parked: Parked, max: usize) -> bool {
        let octets = parked.octets();
        if self.octets + octets > max {
            return false;
        }
        self.octets += octets;
        self.keys.extend(parked.key());
        self.by_owner.entry(owner).or_default().push_back(parked);
        true
    }

    /// Takes all requests to an owner, in the order in which they came.
    pub(crate) fn take(&mut self, owner: Owner) -> VecDeque<Parked> {
        let taken = self.by_owner.remove(&owner).unwrap_or_default();
        for parked in &taken {
            self.octets -= parked.octets();
            if let Some(key) = parked.key() {
                self.keys.remove(&key);
            }
        }
        taken
    }
}
