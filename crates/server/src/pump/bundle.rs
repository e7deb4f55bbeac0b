//! Messages for one shard in one piece: handing over costs the same for one and for sixty.

use sip_stack::Flow;

/// A bundle whose buffer has grown beyond this is not kept for the next messages, in octets.
const KEPT: usize = 256 << 10;
/// Spent bundles kept.
const SPARE: usize = 8;

/// Messages for one shard, each with where it came from, in the order of their arrival.
#[derive(Debug, Default)]
pub struct Bundle {
    /// Each flow with the end of its message in `bytes`.
    messages: Vec<(Flow, usize)>,
    bytes: Vec<u8>,
}

impl Bundle {
    /// A bundle of one message.
    pub fn of(flow: Flow, bytes: &[u8]) -> Self {
        Self { messages: vec![(flow, bytes.len())], bytes: bytes.to_vec() }
    }

    /// Adds a copy of a message.
    pub fn push(&mut self, flow: Flow, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.messages.push((flow, self.bytes.len()));
    }

    /// How many messages.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The messages, first come first.
    pub fn iter(&self) -> impl Iterator<Item = (Flow, &[u8])> {
        let mut start = 0;
        self.messages.iter().map(move |&(flow, end)| {
            let message = &self.bytes[start..end];
            start = end;
            (flow, message)
        })
    }
}

/// Bundles that have been read: their buffers carry the next messages, whoever those are for.
#[derive(Debug, Default)]
pub struct Spare(Vec<Bundle>);

impl Spare {
    /// An empty bundle.
    pub fn take(&mut self) -> Bundle {
        self.0.pop().unwrap_or_default()
    }

    /// Keeps the buffers of a bundle that has been read.
    pub fn give_back(&mut self, mut bundle: Bundle) {
        if self.0.len() < SPARE && bundle.bytes.capacity() <= KEPT {
            bundle.messages.clear();
            bundle.bytes.clear();
            self.0.push(bundle);
        }
    }
}

#[cfg(test)]
mod tests {
    use sip_stack::{Connection, Local, Protocol};

    use super::*;

    fn flow(port: u16) -> Flow {
        let remote = ([127, 0, 0, 1], port).into();
        Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE }
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let mut spare = Spare::default();
        for _ in 0..2 {
            let mut bundle = spare.take();
            assert!(bundle.is_empty());
            bundle.push(flow(1), b"one");
            bundle.push(flow(2), b"");
            bundle.push(flow(1), b"three");
            let read: Vec<_> = bundle.iter().map(|(flow, bytes)| (flow.remote.port(), bytes)).collect();
            assert_eq!(read, [(1, &b"one"[..]), (2, b""), (1, b"three")]);
            assert_eq!(bundle.len(), 3);
            spare.give_back(bundle);
        }
    }

    #[test]
    fn a_large_buffer_is_not_kept() {
        let mut spare = Spare::default();
        spare.give_back(Bundle::of(flow(1), &vec![0; KEPT + 1]));
        assert_eq!(spare.take().bytes.capacity(), 0);
    }
}
