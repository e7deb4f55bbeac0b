//! How many SUBSCRIBEs of ours are under way to each next hop: the others wait in line.

use std::collections::{HashMap, VecDeque};

use foldhash::quality::FixedState;

/// Where a back-end subscription stands before the gate of a next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    /// The next hop.
    pub(crate) hop: String,
    /// It is through: its request is under way, or about to be.
    pub(crate) is_through: bool,
}

/// What tells one next hop from another: the URI without its user.
pub(crate) fn hop_of(uri: &str) -> &str {
    uri.split_once('@').map_or(uri, |(_, host)| host)
}

/// The gates of all next hops with something under way. After a restart everybody subscribes anew: no peer shall be asked
/// more at once than it can answer.
#[derive(Debug)]
pub(crate) struct Gates(HashMap<String, Gate, FixedState>);

#[derive(Debug, Default)]
struct Gate {
    through: usize,
    /// Place and serial number of those that wait.
    waiting: VecDeque<(u32, u32)>,
}

impl Gates {
    /// No table of `seed` is like that of another, since peers choose the hops.
    pub(crate) fn new(seed: u64) -> Self {
        Self(HashMap::with_hasher(FixedState::with_seed(seed)))
    }

    /// Goes through if fewer than `max` are; else waits in line.
    pub(crate) fn enter(&mut self, hop: &str, max: usize, who: (u32, u32)) -> Pass {
        let gate = self.0.entry(hop.to_owned()).or_default();
        let is_through = gate.through < max;
        if is_through {
            gate.through += 1;
        } else {
            gate.waiting.push_back(who);
        }
        Pass { hop: hop.to_owned(), is_through }
    }

    /// One that went through is done. Whoever only waited is passed over when its turn comes.
    pub(crate) fn leave(&mut self, pass: &Pass) {
        if let Some(gate) = self.0.get_mut(&pass.hop) {
            gate.through -= usize::from(pass.is_through);
        }
    }

    /// Lets the next one of the line through, if fewer than `max` are.
    pub(crate) fn admit(&mut self, hop: &str, max: usize) -> Option<(u32, u32)> {
        let gate = self.0.get_mut(hop)?;
        let next = if gate.through < max { gate.waiting.pop_front() } else { None };
        gate.through += usize::from(next.is_some());
        if gate.through == 0 && gate.waiting.is_empty() {
            self.0.remove(hop);
        }
        next
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.values().map(|gate| gate.waiting.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_first_goes_first_and_nothing_is_kept_of_an_empty_gate() {
        let mut gates = Gates::new(1);
        let first = gates.enter("a", 1, (1, 1));
        let second = gates.enter("a", 1, (2, 1));
        let third = gates.enter("a", 1, (3, 1));
        assert!(first.is_through && !second.is_through && !third.is_through);
        assert!(gates.enter("b", 1, (4, 1)).is_through, "another hop has another gate");
        assert_eq!((gates.admit("a", 1), gates.waiting()), (None, 2));
        gates.leave(&second); // it gave up while it waited
        gates.leave(&first);
        assert_eq!(gates.admit("a", 1), Some((2, 1)), "the caller sees that it wants no more");
        gates.leave(&Pass { is_through: true, ..second });
        assert_eq!(gates.admit("a", 1), Some((3, 1)));
        gates.leave(&Pass { is_through: true, ..third });
        assert_eq!(gates.admit("a", 1), None);
        assert_eq!(gates.0.len(), 1, "only b is left");
    }
}
