//! Requests that wait for documents, by the owner that must know them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sip_stack::Flow;
use sip_stack::auth::Caller;
use sip_stack::server_transactions::TransactionKey;

use crate::owners::Owner;

/// A request that its owner cannot decide yet. Who asks is proven; a proof is not taken twice.
#[derive(Debug)]
pub(crate) struct Parked {
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
        let octets = parked.bytes.len() + OVERHEAD;
        if self.octets + octets > max {
            return false;
        }
        self.octets += octets;
        self.keys.insert(parked.key);
        self.by_owner.entry(owner).or_default().push_back(parked);
        true
    }

    /// Takes all requests to an owner, in the order in which they came.
    pub(crate) fn take(&mut self, owner: Owner) -> VecDeque<Parked> {
        let taken = self.by_owner.remove(&owner).unwrap_or_default();
        for parked in &taken {
            self.octets -= parked.bytes.len() + OVERHEAD;
            self.keys.remove(&parked.key);
        }
        taken
    }
}
