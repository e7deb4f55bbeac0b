//! An address with the sources and watchers behind it.

use core::net::SocketAddr;
use core::time::Duration;

use sip_stack::{Connection, Flow, Local, Protocol, Timestamp};

use super::source::Source;
use super::watcher::{Heard, Watcher};
use crate::random::Random;
use crate::wire::Message;

/// One address.
#[derive(Debug)]
pub(super) struct Peer {
    number: u8,
    pub(super) stream: bool,
    /// Whether a stream to its datagram address can be opened.
    pub(super) takes_streams: bool,
    /// The number and port of its stream, if there is one.
    pub(super) connection: Option<(u32, u16)>,
    /// It hears and says nothing until then.
    pub(super) cut_until: Timestamp,
    /// A stream is not opened before this.
    connect_at: Timestamp,
    pub(super) sources: Vec<Source>,
    pub(super) watchers: Vec<Watcher>,
}

impl Peer {
    pub(super) fn new(number: u8, random: &mut Random) -> Self {
        Self {
            number,
            stream: random.chance(30),
            takes_streams: random.chance(50),
            connection: None,
            cut_until: Timestamp::ZERO,
            connect_at: Timestamp::ZERO,
            sources: Vec::new(),
            watchers: Vec::new(),
        }
    }

    pub(super) fn contact(&self) -> String {
        let transport = if self.stream { ";transport=tcp" } else { "" };
        format!("sip:p{0}@10.0.0.{0}:5060{transport}", self.number)
    }

    pub(super) fn ip(&self) -> core::net::IpAddr {
        self.address(0).ip()
    }

    fn address(&self, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, self.number], port))
    }

    /// Its flow, unless it has no stream where it should.
    pub(super) fn flow(&self) -> Option<Flow> {
        if !self.stream {
            let remote = self.address(5060);
            return Some(Flow {
                protocol: Protocol::Udp,
                local: Local(0),
                remote,
                connection: Connection::NONE,
            });
        }
        let (number, port) = self.connection?;
        Some(Flow {
            protocol: Protocol::Tcp,
            local: Local(1),
            remote: self.address(port),
            connection: Connection(number),
        })
    }

    /// Opens a stream if it wants one and the node is there.
    pub(super) fn connect(&mut self, now: Timestamp, up: bool, connections: &mut u32) -> Option<Flow> {
        if self.stream && self.connection.is_none() {
            if !up {
                self.connect_at = now + Duration::from_secs(1);
                return None;
            }
            *connections += 1;
            let port = 10_000 + u16::try_from(*connections % 50_000).expect("below 50000");
            self.connection = Some((*connections, port));
        }
        self.flow()
    }

    pub(super) fn wake_at(&self) -> Timestamp {
        let sources = self.sources.iter().map(Source::wake_at);
        let next = sources.chain(self.watchers.iter().map(Watcher::wake_at)).min();
        let hold = if self.stream && self.connection.is_none() { self.connect_at } else { Timestamp::ZERO };
        next.unwrap_or(Timestamp::NEVER).max(hold)
    }

    pub(super) fn wake(&mut self, now: Timestamp, random: &mut Random) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        for source in &mut self.sources {
            said.extend(source.wake(now, self.stream, random));
        }
        for watcher in &mut self.watchers {
            said.extend(watcher.wake(now, self.stream, random));
        }
        said
    }

    /// Takes a message of the node; gives the answer to a NOTIFY.
    pub(super) fn hear(
        &mut self,
        now: Timestamp,
        message: &Message,
        random: &mut Random,
    ) -> Result<Option<Message>, String> {
        for source in &mut self.sources {
            if source.hear(now, message, random) {
                return Ok(None);
            }
        }
        for watcher in &mut self.watchers {
            match watcher.hear(now, message, random)? {
                Heard::NotMine => {}
                Heard::Taken => return Ok(None),
                Heard::Answer(answer) => return Ok(Some(answer)),
            }
        }
        let unknown =
            message.method().map(|_| message.answer(481, "Subscription does not exist").close(Vec::new()));
        Ok(unknown)
    }

    /// Its stream is gone.
    pub(super) fn disconnected(&mut self, now: Timestamp) {
        self.connection = None;
        self.sources.iter_mut().for_each(|source| source.unheard(now));
        self.watchers.iter_mut().for_each(|watcher| watcher.disconnected(now));
    }
}
