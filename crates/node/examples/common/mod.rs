//! A shard that is driven by hand, for measuring: open to everybody, with a store without documents.

use std::sync::Arc;
use std::time::Duration;

use node::door::{Entry, ShardId, enter};
use node::{Answer, Effects, Epoch, Limits, Listener, Lists, Place, Question, Settings, Shard};
use presence::{Policy, PublishPolicy, Watch};
use sip::{Message, Name};
use sip_stack::{Connection, Flow, Local, Protocol, Timestamp};

/// What every message takes of the time inside.
const STEP: Duration = Duration::from_micros(20);

pub(crate) struct World {
    pub(crate) shard: Shard,
    settings: Arc<Settings>,
    pub(crate) out: Effects,
    pub(crate) now: Timestamp,
    pub(crate) flow: Flow,
}

impl World {
    pub(crate) fn new(lists: Option<Lists>) -> Self {
        let settings = Arc::new(Settings {
            domains: vec!["example.com".into()],
            listeners: [Protocol::Udp, Protocol::Tcp]
                .map(|protocol| Listener { protocol, sent_by: "127.0.0.1:5060".into() })
                .to_vec(),
            authentication: sip_stack::auth::Settings { open: true, ..Default::default() },
            policy: Policy { watch: Watch::Everyone, publish: PublishPolicy::Everyone, ..Policy::default() },
            pace: Duration::ZERO,
            lists,
            limits: Limits { watcher: usize::MAX, ..Limits::default() }, // a few watch everybody
            ..Settings::default()
        });
        let place = Place { shard: ShardId(0), shards: 1, epoch: Epoch(1) };
        let remote = "127.0.0.1:7000".parse().unwrap();
        Self {
            shard: Shard::new(Arc::clone(&settings), place, [7; 32]),
            settings,
            out: Effects::default(),
            now: Timestamp::from_secs(1_700_000_000),
            flow: Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE },
        }
    }

    /// Lets the node handle a message; what it says waits for [`World::flush`]. By this name its instructions are counted.
    #[inline(never)]
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.now = self.now + STEP;
        if let Entry::Deliver { message, .. } = enter(bytes, self.flow, &self.settings, 1, &mut self.out) {
            self.shard.receive(self.now, self.flow, &message, &mut self.out);
        }
        for enquiry in self.out.take_enquiries() {
            self.shard.documents(self.now, &enquiry, Ok(nothing(&enquiry.question)), &mut self.out);
        }
    }

    /// All messages of the batch, whole; the batch is empty then.
    pub(crate) fn flush(&mut self) -> Vec<Vec<u8>> {
        let sent = self.out.outgoing().map(|message| [message.head, message.body].concat()).collect();
        self.out.clear();
        sent
    }
}

/// The 200 to a NOTIFY; none to a response.
pub(crate) fn ok(notify: &[u8]) -> Option<Vec<u8>> {
    let message = Message::parse(notify, &sip::Limits::default()).unwrap();
    message.method()?;
    let mut bytes = Vec::new();
    sip::respond(&mut bytes, &message, 200, None, None).finish(&[]);
    Some(bytes)
}

/// A field of a message that has it.
pub(crate) fn field(message: &[u8], name: Name) -> String {
    Message::parse(message, &sip::Limits::default()).unwrap().get(name).unwrap().to_owned()
}

/// Processor time of this thread so far: what other programs do on the machine does not count, but for the caches.
pub(crate) fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// Memory of this process that is in use, octets.
pub(crate) fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// The answer of a store without documents.
fn nothing(question: &Question) -> Answer {
    match question {
        Question::Documents(_) => Answer::Documents(Vec::new()),
        Question::Services(_) | Question::Release(_) => Answer::Services(Vec::new()),
    }
}
