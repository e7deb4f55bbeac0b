//! Messages that wait until the rows before them are on disk.

use std::collections::VecDeque;

use node::Effects;

/// Batches of messages in the order they were made, each behind the last row that was handed to the store before it.
///
/// With `publish-ack = "memory"` nothing waits. With `"durable"` all messages wait, in order, also those of turns
/// without rows: they may speak of state that an earlier row keeps. A batch is freed by the commit of its row.
#[derive(Debug, Default)]
pub struct Held {
    batches: VecDeque<(u64, Effects)>,
    spare: Vec<Effects>,
    committed: u64,
}

/// Batches whose memory is kept for the next.
const SPARE_MAX: usize = 8;

impl Held {
    /// Whether messages behind row `last` may go at once.
    pub fn is_free(&self, last: u64) -> bool {
        self.batches.is_empty() && last <= self.committed
    }

    /// Takes the messages of `effects` and leaves it empty.
    pub fn hold(&mut self, last: u64, effects: &mut Effects) {
        let spare = self.spare.pop().unwrap_or_default();
        self.batches.push_back((last, core::mem::replace(effects, spare)));
    }

    /// Rows up to `row` are on disk.
    pub fn commit(&mut self, row: u64) {
        self.committed = self.committed.max(row);
    }

    /// The next batch that may go.
    pub fn free(&mut self) -> Option<Effects> {
        if self.batches.front().is_some_and(|(last, _)| *last <= self.committed) {
            return self.batches.pop_front().map(|(_, effects)| effects);
        }
        None
    }

    /// Gives a batch's memory back.
    pub fn give_back(&mut self, mut effects: Effects) {
        effects.clear();
        if self.spare.len() < SPARE_MAX {
            self.spare.push(effects);
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use sip_stack::{Connection, Flow, Local, Protocol};

    use super::*;

    fn batch(text: &str) -> Effects {
        let remote = "127.0.0.1:1".parse().unwrap();
        let flow = Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE };
        let mut effects = Effects::default();
        effects.send(flow, None, |bytes| bytes.extend_from_slice(text.as_bytes()));
        effects
    }

    fn freed(held: &mut Held) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(effects) = held.free() {
            texts.extend(effects.outgoing().map(|message| String::from_utf8(message.head.to_vec()).unwrap()));
            held.give_back(effects);
        }
        texts
    }

    #[test]
    fn messages_go_in_order_and_not_before_their_rows() {
        let mut held = Held::default();
        assert!(held.is_free(0));
        held.hold(1, &mut batch("a"));
        held.hold(1, &mut batch("b"));
        held.hold(2, &mut batch("c"));
        assert!(!held.is_free(0), "what comes later may not overtake");
        assert_eq!(freed(&mut held), [""; 0]);
        held.commit(1);
        assert_eq!(freed(&mut held), ["a", "b"]);
        held.commit(2);
        assert_eq!(freed(&mut held), ["c"]);
        assert!(held.is_free(2) && held.is_empty());
        assert!(!held.is_free(3));
    }
}
