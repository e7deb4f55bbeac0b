//! How many NOTIFYs are under way to each address: a bound that follows the answers.

use std::collections::{HashMap, VecDeque};

use foldhash::quality::FixedState;
use sip_stack::Flow;

use crate::owners::Watching;

/// A watcher whose turn has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// The watcher.
    pub(crate) watching: Watching,
    /// The line in which it stood: if it does not take the place it was let go for, the next one may.
    pub(crate) line: Option<Flow>,
}

/// NOTIFYs without an answer that an address gets at first.
const WINDOW_START: u16 = 32;

/// Addresses with NOTIFYs under way. A phone, a proxy and a loopback receiver overflow alike: what they have not
/// answered is bounded, one more for each window answered, half as many when one is lost. An address without
/// anything under way takes no memory.
#[derive(Debug)]
pub(crate) struct Destinations {
    limit: u16,
    waiting: u64,
    by_flow: HashMap<Flow, Destination, FixedState>,
}

#[derive(Debug)]
struct Destination {
    window: u16,
    in_flight: u16,
    /// Answers since the window last grew.
    answered: u16,
    waiting: VecDeque<Watching>,
}

impl Destinations {
    /// No window grows over `limit`.
    pub(crate) fn new(limit: u16, seed: u64) -> Self {
        Self { limit: limit.max(1), waiting: 0, by_flow: HashMap::with_hasher(FixedState::with_seed(seed)) }
    }

    /// Takes a place in the window; if there is none, the watcher waits in line and gets the word later.
    pub(crate) fn enter(&mut self, flow: Flow, watching: Watching) -> bool {
        let window = WINDOW_START.min(self.limit);
        let destination = self.by_flow.entry(flow).or_insert_with(|| Destination {
            window,
            in_flight: 0,
            answered: 0,
            waiting: VecDeque::new(),
        });
        if destination.in_flight < destination.window {
            destination.in_flight += 1;
            return true;
        }
        destination.waiting.push_back(watching);
        self.waiting += 1;
        false
    }

    /// Gives a place back: the NOTIFY was answered, lost (`answered` false), or not sent after all.
    pub(crate) fn leave(&mut self, flow: Flow, answered: Option<bool>, ready: &mut VecDeque<Ready>) {
        let Some(destination) = self.by_flow.get_mut(&flow) else { return };
        destination.in_flight = destination.in_flight.saturating_sub(1);
        match answered {
            Some(true) => {
                destination.answered += 1;
                if destination.answered >= destination.window && destination.window < self.limit {
                    destination.window += 1;
                    destination.answered = 0;
                }
            }
            Some(false) => destination.window = (destination.window / 2).max(1),
            None => {}
        }
        self.admit(flow, ready);
    }

    /// Lets those at the head of the line go for the places that are free.
    pub(crate) fn admit(&mut self, flow: Flow, ready: &mut VecDeque<Ready>) {
        let Some(destination) = self.by_flow.get_mut(&flow) else { return };
        let free = usize::from(destination.window.saturating_sub(destination.in_flight));
        let next = destination.waiting.drain(..free.min(destination.waiting.len()));
        self.waiting -= next.len() as u64;
        ready.extend(next.map(|watching| Ready { watching, line: Some(flow) }));
        if destination.waiting.is_empty() && destination.in_flight == 0 {
            self.by_flow.remove(&flow);
        }
    }

    /// A NOTIFY had to be sent again: the address gets less at once until it answers.
    pub(crate) fn lost(&mut self, flow: Flow) {
        if let Some(destination) = self.by_flow.get_mut(&flow) {
            destination.window = (destination.window / 2).max(1);
            destination.answered = 0;
        }
    }

    /// How many watchers wait for a place.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting
    }
}
