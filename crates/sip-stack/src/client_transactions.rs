//! Client side of many non-INVITE transactions at once, without a stored message: the NOTIFYs of a shard.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::time::Timestamp;

/// Estimate of the round trip: the first retransmission comes after it, RFC 3261 §17.1.2.2.
pub const T1: Duration = Duration::from_millis(500);
/// Retransmissions are never further apart than this.
pub const T2: Duration = Duration::from_secs(4);
/// Timer F, 64*T1: after it the transaction has failed.
pub const TIMER_F: Duration = Duration::from_secs(32);

/// Names a transaction; goes into the branch. Never used twice by one shard in one life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionId(pub u64);

/// What a transaction whose deadline has come asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Timer E: send the same request again.
    Retransmit,
    /// Timer F: nobody answered; the transaction is over.
    TimedOut,
}

/// Open non-INVITE client transactions, each on behalf of an owner `K` who can print its request again.
///
/// All start with the same wait of T1, and nearly all are answered before it ends, so the young ones lie in a queue
/// in order of age: opening and answering touch one entry and no timer. Only what is older than T1 moves to a tree.
#[derive(Debug)]
pub struct ClientTransactions<K> {
    /// Id of the first entry of `young`.
    base: u64,
    young: VecDeque<Young<K>>,
    old: BTreeMap<u64, Old<K>>,
    /// Deadlines of `old`.
    deadlines: BTreeSet<(Timestamp, u64)>,
    open: usize,
}

#[derive(Debug)]
struct Young<K> {
    owner: Option<K>,
    began: Timestamp,
    reliable: bool,
    proceeding: bool,
}

#[derive(Debug)]
struct Old<K> {
    owner: K,
    ends: Timestamp,
    due: Timestamp,
    interval: Duration,
}

impl<K: Copy> Default for ClientTransactions<K> {
    fn default() -> Self {
        Self { base: 1, young: VecDeque::new(), old: BTreeMap::new(), deadlines: BTreeSet::new(), open: 0 }
    }
}

impl<K: Copy> ClientTransactions<K> {
    /// How many are open.
    pub fn len(&self) -> usize {
        self.open
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Opens a transaction; its request leaves now. Over a reliable transport it is not sent again.
    pub fn begin(&mut self, now: Timestamp, owner: K, reliable: bool) -> TransactionId {
        let id = TransactionId(self.base + self.young.len() as u64);
        self.young.push_back(Young { owner: Some(owner), began: now, reliable, proceeding: false });
        self.open += 1;
        id
    }

    /// Whose transaction this is, while it is open.
    pub fn owner(&self, id: TransactionId) -> Option<K> {
        match id.0.checked_sub(self.base) {
            Some(index) => self.young.get(usize::try_from(index).ok()?)?.owner,
            None => self.old.get(&id.0).map(|old| old.owner),
        }
    }

    /// A final response came, or the owner gives up: the transaction is over. `None` if it already was.
    pub fn end(&mut self, id: TransactionId) -> Option<K> {
        let owner = match id.0.checked_sub(self.base) {
            Some(index) => self.young.get_mut(usize::try_from(index).ok()?)?.owner.take(),
            None => self.old.remove(&id.0).map(|old| {
                self.deadlines.remove(&(old.due, id.0));
                old.owner
            }),
        };
        self.open -= usize::from(owner.is_some());
        owner
    }

    /// All open transactions whose owner is as asked for, oldest first. Looks at each: for rare events.
    pub fn open_where(&self, wanted: impl Fn(&K) -> bool) -> Vec<(TransactionId, K)> {
        let old = self.old.iter().map(|(id, old)| (*id, Some(old.owner)));
        let young = (self.base..).zip(&self.young).map(|(id, entry)| (id, entry.owner));
        let open = old.chain(young).filter_map(|(id, owner)| Some((TransactionId(id), owner?)));
        open.filter(|(_, owner)| wanted(owner)).collect()
    }

    /// A provisional response came: timer E fires once more as it was set, then every T2, RFC 3261 §17.1.2.2.
    pub fn proceeding(&mut self, id: TransactionId) {
        match id.0.checked_sub(self.base) {
            Some(index) => {
                let entry = usize::try_from(index).ok().and_then(|index| self.young.get_mut(index));
                if let Some(entry) = entry {
                    entry.proceeding = true;
                }
            }
            None => {
                if let Some(old) = self.old.get_mut(&id.0) {
                    old.interval = T2;
                }
            }
        }
    }

    /// When [`ClientTransactions::due`] is next worth a call.
    pub fn deadline(&self) -> Option<Timestamp> {
        let young = self
            .young
            .front()
            .map(|entry| if entry.owner.is_some() { entry.began + T1 } else { entry.began });
        let old = self.deadlines.first().map(|(due, _)| *due);
        match (young, old) {
            (Some(young), Some(old)) => Some(young.min(old)),
            (young, old) => young.or(old),
        }
    }

    /// The next transaction whose time has come, and what for. Call until `None`.
    pub fn due(&mut self, now: Timestamp) -> Option<(TransactionId, K, Due)> {
        self.age(now);
        let &(due, id) = self.deadlines.first()?;
        if due > now {
            return None;
        }
        self.deadlines.remove(&(due, id));
        let old = self.old.get_mut(&id).expect("every deadline belongs to an old transaction");
        let owner = old.owner;
        if old.ends <= now {
            self.old.remove(&id);
            self.open -= 1;
            return Some((TransactionId(id), owner, Due::TimedOut));
        }
        old.interval = (old.interval * 2).min(T2);
        old.due = old.ends.min(now + old.interval);
        self.deadlines.insert((old.due, id));
        Some((TransactionId(id), owner, Due::Retransmit))
    }

    /// Moves what has waited for T1 from the queue to the tree, and drops what was answered.
    fn age(&mut self, now: Timestamp) {
        while let Some(entry) = self.young.front() {
            if entry.owner.is_some() && entry.began + T1 > now {
                break;
            }
            let entry = self.young.pop_front().expect("looked at above");
            let id = self.base;
            self.base += 1;
            let Some(owner) = entry.owner else { continue };
            let ends = entry.began + TIMER_F;
            let interval = if entry.proceeding { T2 } else { T1 };
            let due = if entry.reliable { ends } else { entry.began + T1 };
            self.old.insert(id, Old { owner, ends, due, interval });
            self.deadlines.insert((due, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_secs(1000) + Duration::from_millis(millis)
    }

    fn schedule(reliable: bool, proceeding_at: Option<u64>) -> Vec<(u64, Due)> {
        let mut table = ClientTransactions::default();
        let id = table.begin(at(0), 7_u32, reliable);
        let mut seen = Vec::new();
        let mut provisional = proceeding_at.map(at);
        while let Some(deadline) = table.deadline() {
            if provisional.is_some_and(|when| when <= deadline) {
                table.proceeding(id);
                provisional = None;
                continue;
            }
            while let Some((_, owner, due)) = table.due(deadline) {
                assert_eq!(owner, 7);
                seen.push((u64::try_from(deadline.since(at(0)).as_millis()).unwrap(), due));
            }
        }
        assert!(table.is_empty());
        seen
    }

    #[test]
    fn timer_e_doubles_up_to_t2_and_timer_f_ends_it() {
        let seen = schedule(false, None);
        let expected = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
            .map(|at| (at, Due::Retransmit))
            .into_iter()
            .chain([(32000, Due::TimedOut)])
            .collect::<Vec<_>>();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_reliable_transport_is_not_sent_to_again() {
        assert_eq!(schedule(true, None), [(32000, Due::TimedOut)]);
    }

    #[test]
    fn a_provisional_response_slows_timer_e_to_t2() {
        let times = |provisional| schedule(false, Some(provisional)).into_iter().map(|(at, _)| at).take(4);
        assert_eq!(times(100).collect::<Vec<_>>(), [500, 4500, 8500, 12500]);
        assert_eq!(times(600).collect::<Vec<_>>(), [500, 1500, 5500, 9500]);
    }

    #[test]
    fn an_answer_ends_it_once_young_or_old() {
        let mut table = ClientTransactions::default();
        let first = table.begin(at(0), 1, false);
        let second = table.begin(at(1), 2, false);
        assert_eq!(table.end(first), Some(1));
        assert_eq!(table.end(first), None);
        assert_eq!(table.due(at(501)), Some((second, 2, Due::Retransmit)));
        assert_eq!(table.owner(second), Some(2));
        assert_eq!(table.end(second), Some(2));
        assert_eq!(table.end(second), None);
        assert_eq!((table.len(), table.deadline()), (0, None));
    }
}
