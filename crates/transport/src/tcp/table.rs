//! Which connections there are, which one leads to an address, and which one goes when there are too many.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use sip_stack::{Connection, Flow, Local, Protocol};

use super::connection::Line;
use super::{StreamCounts, StreamOptions};

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The peer.
    Accepted,
    /// We.
    Opened,
}

/// A new connection, and the one that has to go for it.
pub(super) struct Admitted {
    pub(super) line: Arc<Line>,
    pub(super) displaced: Option<Arc<Line>>,
}

struct Entry {
    line: Arc<Line>,
    /// Its place in the order.
    place: (bool, u64),
    /// The address that it carries messages for besides its own.
    alias: Option<SocketAddr>,
}

/// All connections. Times are milliseconds of one clock; it is told, never read.
pub(super) struct Table {
    entries: BTreeMap<Connection, Entry>,
    by_remote: HashMap<(Local, SocketAddr), Connection>,
    by_alias: HashMap<(Local, SocketAddr), Connection>,
    accepted_of: HashMap<IpAddr, usize>,
    /// Who would go first: the silent, then those idle longest. A line stands here with the time at which it was last
    /// looked at; it moves back when its turn comes and it has been active since.
    order: BTreeSet<(bool, u64, Connection)>,
    last: u32,
    counts: StreamCounts,
    connections_max: usize,
    connections_per_address_max: usize,
    evictable_after: u64,
}

impl Table {
    pub(super) fn new(options: &StreamOptions) -> Self {
        Self {
            entries: BTreeMap::new(),
            by_remote: HashMap::new(),
            by_alias: HashMap::new(),
            accepted_of: HashMap::new(),
            order: BTreeSet::new(),
            last: 0,
            counts: StreamCounts::default(),
            connections_max: options.connections_max.max(1),
            connections_per_address_max: options.connections_per_address_max,
            evictable_after: u64::try_from(options.evictable_after.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Makes a place for a new connection, and names the one to close for it if all places were taken. `None` if the
    /// address has too many, nothing can be displaced, or the numbers are used up (after 2³² connections).
    pub(super) fn admit(
        &mut self,
        now: u64,
        side: Side,
        local: Local,
        remote: SocketAddr,
    ) -> Option<Admitted> {
        let admitted = self.decide_admission(now, side, local, remote);
        if admitted.is_none() {
            self.counts.refused += 1;
        }
        admitted
    }

    fn decide_admission(
        &mut self,
        now: u64,
        side: Side,
        local: Local,
        remote: SocketAddr,
    ) -> Option<Admitted> {
        let of_address = self.accepted_of.get(&origin(remote.ip())).copied().unwrap_or(0);
        if side == Side::Accepted && of_address >= self.connections_per_address_max {
            return None;
        }
        let connection = Connection(self.last.checked_add(1)?);
        let displaced =
            if self.entries.len() >= self.connections_max { Some(self.displace(now)?) } else { None };
        self.last = connection.0;
        match side {
            Side::Accepted => {
                self.counts.accepted += 1;
                *self.accepted_of.entry(origin(remote.ip())).or_default() += 1;
            }
            Side::Opened => self.counts.opened += 1,
        }
        let flow = Flow { protocol: Protocol::Tcp, local, remote, connection };
        let line = Arc::new(Line::new(flow, side, now));
        // An older one with this key can only be a dead one whose port the peer uses again.
        self.by_remote.insert((local, remote), connection);
        let place = (line.has_spoken(), now);
        self.order.insert((place.0, place.1, connection));
        self.entries.insert(connection, Entry { line: Arc::clone(&line), place, alias: None });
        Some(Admitted { line, displaced })
    }

    /// Takes out the connection that is idle longest; one that has not spoken goes before all that have, and one that
    /// has only if it has been idle long enough.
    fn displace(&mut self, now: u64) -> Option<Arc<Line>> {
        loop {
            let (spoken, seen_at, connection) = *self.order.first()?;
            let entry = self.entries.get_mut(&connection).expect("whoever leaves the table leaves the order");
            let place = (entry.line.has_spoken(), entry.line.active_at());
            if place != (spoken, seen_at) {
                entry.place = place;
                self.order.pop_first();
                self.order.insert((place.0, place.1, connection));
                continue;
            }
            if spoken && seen_at.saturating_add(self.evictable_after) > now {
                return None;
            }
            let line = Arc::clone(&entry.line);
            self.counts.displaced += 1;
            self.remove(connection);
            return Some(line);
        }
    }

    /// Frees the place of a connection, if it still has one.
    pub(super) fn remove(&mut self, connection: Connection) {
        let Some(Entry { line, place, alias }) = self.entries.remove(&connection) else { return };
        self.order.remove(&(place.0, place.1, connection));
        let Flow { local, remote, .. } = line.flow;
        if self.by_remote.get(&(local, remote)) == Some(&connection) {
            self.by_remote.remove(&(local, remote));
        }
        if let Some(alias) = alias
            && self.by_alias.get(&(local, alias)) == Some(&connection)
        {
            self.by_alias.remove(&(local, alias));
        }
        if line.side == Side::Accepted
            && let Some(count) = self.accepted_of.get_mut(&origin(remote.ip()))
        {
            *count -= 1;
            if *count == 0 {
                self.accepted_of.remove(&origin(remote.ip()));
            }
        }
    }

    /// The connection of a flow: its own, or one that leads to its remote address.
    pub(super) fn find(&self, flow: Flow) -> Option<Arc<Line>> {
        let key = (flow.local, flow.remote);
        let leads_there = || self.by_remote.get(&key).or_else(|| self.by_alias.get(&key));
        self.get(flow.connection).or_else(|| leads_there().and_then(|connection| self.get(*connection)))
    }

    /// The connection of this number.
    pub(super) fn get(&self, connection: Connection) -> Option<Arc<Line>> {
        self.entries.get(&connection).map(|entry| Arc::clone(&entry.line))
    }

    /// Lets a connection carry messages for `alias` too, in place of what it carried before. The newest one that asks
    /// for an address has it.
    pub(super) fn lend(&mut self, connection: Connection, alias: SocketAddr) {
        let Some(entry) = self.entries.get_mut(&connection) else { return };
        let local = entry.line.flow.local;
        let before = entry.alias.replace(alias);
        if let Some(before) = before.filter(|before| *before != alias)
            && self.by_alias.get(&(local, before)) == Some(&connection)
        {
            self.by_alias.remove(&(local, before));
        }
        self.by_alias.insert((local, alias), connection);
    }

    /// All connections, in the order of their numbers.
    pub(super) fn lines(&self) -> Vec<Arc<Line>> {
        self.entries.values().map(|entry| Arc::clone(&entry.line)).collect()
    }

    pub(super) fn counts(&self) -> StreamCounts {
        StreamCounts { open: self.entries.len(), ..self.counts }
    }
}

/// Whose connections count together: an IPv4 address, or the IPv6 network of 64 bits within which one peer may take any
/// address it likes.
fn origin(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LOCAL: Local = Local(0);

    fn remote(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], port))
    }

    fn table(connections_max: usize, connections_per_address_max: usize) -> Table {
        Table::new(&StreamOptions {
            connections_max,
            connections_per_address_max,
            evictable_after: Duration::from_millis(32),
            ..StreamOptions::default()
        })
    }

    fn accept(table: &mut Table, now: u64, remote: SocketAddr) -> Option<Admitted> {
        table.admit(now, Side::Accepted, LOCAL, remote)
    }

    fn flow(remote: SocketAddr, connection: Connection) -> Flow {
        Flow { protocol: Protocol::Tcp, local: LOCAL, remote, connection }
    }

    fn found(table: &Table, flow: Flow) -> Option<Connection> {
        table.find(flow).map(|line| line.flow.connection)
    }

    #[test]
    fn numbers_are_never_used_twice() {
        let mut table = table(10, 10);
        let first = accept(&mut table, 0, remote(1, 1)).unwrap().line.flow.connection;
        table.remove(first);
        let second = accept(&mut table, 0, remote(1, 1)).unwrap().line.flow.connection;
        assert_eq!((first, second), (Connection(1), Connection(2)));
        table.last = u32::MAX;
        assert!(accept(&mut table, 0, remote(1, 2)).is_none());
    }

    #[test]
    fn one_address_gets_no_more_than_its_share() {
        let mut table = table(10, 2);
        let first = accept(&mut table, 0, remote(1, 1)).unwrap();
        assert!(accept(&mut table, 0, remote(1, 2)).is_some());
        assert!(accept(&mut table, 0, remote(1, 3)).is_none());
        assert!(accept(&mut table, 0, remote(2, 1)).is_some());
        // What we open does not count against the peer.
        assert!(table.admit(0, Side::Opened, LOCAL, remote(1, 5060)).is_some());
        table.remove(first.line.flow.connection);
        assert!(accept(&mut table, 0, remote(1, 3)).is_some());
        assert_eq!((table.counts().open, table.counts().refused), (4, 1));
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_one_limit() {
        let mut table = table(10, 1);
        let mut admitted = |text: &str| accept(&mut table, 0, text.parse().unwrap()).is_some();
        assert!(admitted("[2001:db8:0:1::1]:1"));
        assert!(!admitted("[2001:db8:0:1:ffff::2]:1"));
        assert!(admitted("[2001:db8:0:2::1]:1"));
    }

    #[test]
    fn the_silent_go_first_then_the_one_idle_longest() {
        let mut table = table(3, 10);
        let lines = [1, 2, 3].map(|host| accept(&mut table, u64::from(host), remote(host, 1)).unwrap().line);
        lines[0].spoke(10);
        lines[1].spoke(20);
        let mut displaced = |now, host: u8| {
            let admitted = accept(&mut table, now, remote(host, 1))?;
            admitted.line.spoke(now);
            Some(admitted.displaced.expect("the table was full").flow.remote)
        };
        assert_eq!(displaced(30, 4), Some(remote(3, 1)));
        assert_eq!(displaced(40, 5), None, "all have spoken within 32 ms");
        lines[0].spoke(45);
        assert_eq!(displaced(60, 6), Some(remote(2, 1)));
        assert_eq!(displaced(70, 7), Some(remote(4, 1)));
        assert_eq!(displaced(80, 8), Some(remote(1, 1)));
    }

    #[test]
    fn a_flow_finds_its_connection_or_one_to_the_same_address() {
        let mut table = table(10, 10);
        let accepted = accept(&mut table, 0, remote(1, 40_000)).unwrap().line.flow;
        let opened = table.admit(0, Side::Opened, LOCAL, remote(2, 5060)).unwrap().line.flow;
        assert_eq!(found(&table, accepted), Some(accepted.connection));
        assert_eq!(found(&table, flow(remote(1, 40_000), Connection::NONE)), Some(accepted.connection));
        assert_eq!(found(&table, flow(remote(2, 5060), Connection::NONE)), Some(opened.connection));
        assert_eq!(found(&table, flow(remote(2, 5060), Connection(99))), Some(opened.connection));
        assert_eq!(found(&table, flow(remote(1, 5060), Connection::NONE)), None);
        assert_eq!(found(&table, Flow { local: Local(1), ..flow(remote(2, 5060), Connection::NONE) }), None);
        table.remove(opened.connection);
        assert_eq!(found(&table, opened), None);
    }

    #[test]
    fn an_alias_leads_to_the_newest_lender_until_it_ends() {
        let mut table = table(10, 10);
        let [first, second] =
            [1, 2].map(|port| accept(&mut table, 0, remote(1, port)).unwrap().line.flow.connection);
        let asked = flow(remote(1, 5060), Connection::NONE);
        table.lend(first, remote(1, 5060));
        assert_eq!(found(&table, asked), Some(first));
        table.lend(second, remote(1, 5060));
        table.remove(first);
        assert_eq!(found(&table, asked), Some(second));
        table.lend(second, remote(1, 5070));
        assert_eq!(found(&table, asked), None);
        assert_eq!(found(&table, flow(remote(1, 5070), Connection::NONE)), Some(second));
        table.remove(second);
        assert_eq!(found(&table, flow(remote(1, 5070), Connection::NONE)), None);
        assert!(table.by_alias.is_empty() && table.by_remote.is_empty() && table.order.is_empty());
        assert!(table.accepted_of.is_empty());
    }
}
