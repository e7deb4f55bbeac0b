//! A datagram socket of one shard thread: receives and sends in batches, never waits for the peer.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::sys::{self, BATCH, Datagram, Inbox};

/// How long one [`UdpEnd::send`] waits in all for room in the kernel's send buffer.
const PATIENCE: Duration = Duration::from_millis(5);
/// Largest datagram of a joined run: with headers it fits an Ethernet frame, so no path of that width fragments it.
const SEGMENT_MAX: usize = 1_452;
/// Largest joined run in bytes; with headers it stays below the 65,535 of an IPv4 packet.
const RUN_BYTES_MAX: usize = 65_000;
/// Tries of one message: the kernel reports an ICMP error about an earlier message in place of sending this one.
const TRIES_MAX: u8 = 3;
/// Errors in a row after which receiving is given up: so many ICMP errors do not come between two system calls.
const ERRORS_MAX: usize = 16;
/// Most unreachable addresses kept between two looks at them.
const UNREACHABLE_MAX: usize = 1_024;
/// Refused runs after which a socket stops joining.
const REFUSALS_MAX: u8 = 16;

/// What a socket joins into runs: less, as the kernel refuses more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Joining {
    /// Largest datagram that is joined; 0: none.
    segment_max: usize,
    refusals: u8,
}

impl Joining {
    const fn new(is_able: bool) -> Self {
        Self { segment_max: if is_able { SEGMENT_MAX } else { 0 }, refusals: 0 }
    }

    /// Learns from the refusal of a run of datagrams of this size.
    fn refused(&mut self, error: &io::Error, size: usize) {
        match error.raw_os_error() {
            // Wider than the route: narrower ones may pass.
            Some(libc::EMSGSIZE | libc::EINVAL) => {
                self.segment_max = self.segment_max.min(size.saturating_sub(1));
                self.refusals += 1;
            }
            // The device cannot.
            Some(libc::EIO | libc::EOPNOTSUPP) => self.refusals = REFUSALS_MAX,
            // About the peer or the moment, not about runs.
            _ => {}
        }
        if self.refusals >= REFUSALS_MAX {
            self.segment_max = 0;
        }
    }
}

/// Settings of one datagram socket.
#[derive(Clone, Copy, Debug)]
pub struct UdpOptions {
    /// Lets several sockets share the address (`SO_REUSEPORT`); the kernel spreads the peers over them.
    pub reuse_port: bool,
    /// Receive buffer asked for, in bytes; the kernel may grant less (`net.core.rmem_max`). `None`: its default.
    pub receive_buffer: Option<usize>,
    /// Send buffer asked for, in bytes; the kernel may grant less (`net.core.wmem_max`). `None`: its default.
    pub send_buffer: Option<usize>,
    /// Lets the kernel cut one buffer into datagrams of equal size to one peer, and join received ones
    /// (`UDP_SEGMENT`, `UDP_GRO`). Without effect where the kernel or the route cannot; the datagrams are the same.
    pub segmentation: bool,
    /// Gathers ICMP errors for [`UdpEnd::unreachable`] (`IP_RECVERR`).
    pub icmp_errors: bool,
}

impl Default for UdpOptions {
    /// Not shared, 4 MiB of buffer each way, with segmentation and ICMP errors.
    fn default() -> Self {
        Self {
            reuse_port: false,
            receive_buffer: Some(4 << 20),
            send_buffer: Some(4 << 20),
            segmentation: true,
            icmp_errors: true,
        }
    }
}

/// What became of the messages of one [`UdpEnd::send`].
#[derive(Debug, Default)]
pub struct SendReport {
    /// Datagrams that the kernel took.
    pub sent: usize,
    /// Messages that the kernel refused, in order.
    pub failures: Vec<Failure>,
    /// Index of the first message that was not tried because the send buffer stayed full. It and all after it are
    /// unsent. `None`: all were tried.
    pub unsent: Option<usize>,
}

/// A message that the kernel refused: too long, no route, not permitted, no memory. That a peer does not listen is
/// known only later, see [`UdpEnd::unreachable`].
#[derive(Debug)]
pub struct Failure {
    /// Place of the message among those given, from zero.
    pub index: usize,
    /// What the kernel said.
    pub error: io::Error,
}

/// A bound datagram socket with its receive buffers.
///
/// Bound to an unspecified address (`0.0.0.0`, `::`), the kernel chooses the source address of each datagram by
/// route; on hosts with several addresses bind each of them, so that responses come from the address that the request
/// was sent to (RFC 3581 §4).
pub struct UdpEnd {
    socket: Socket,
    local: SocketAddr,
    inbox: Inbox,
    joining: Joining,
    gathers_errors: bool,
    /// Whether the kernel has hinted that its queue of errors is not empty.
    has_errors: bool,
    unreachable: Vec<SocketAddr>,
}

impl UdpEnd {
    /// Binds `address`; port 0 takes a free one. An IPv6 socket carries IPv6 only.
    pub fn bind(address: SocketAddr, options: UdpOptions) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_port(options.reuse_port)?;
        socket.set_nonblocking(true)?;
        if let Some(bytes) = options.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = options.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        socket.bind(&address.into())?;
        let local = socket.local_addr()?.as_socket().expect("an internet socket has an internet address");
        // Kernels that do not know the option would send a run as one datagram, so they are asked first.
        let set = |level, option, value| sys::set_option(socket.as_fd(), level, option, value);
        let joins = options.segmentation && set(libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok();
        if options.segmentation {
            // A kernel without it hands datagrams on singly, which is all that is lost.
            let _ = set(libc::SOL_UDP, libc::UDP_GRO, 1);
        }
        if options.icmp_errors {
            let (level, option) = match local {
                SocketAddr::V4(_) => (libc::SOL_IP, libc::IP_RECVERR),
                SocketAddr::V6(_) => (libc::SOL_IPV6, libc::IPV6_RECVERR),
            };
            set(level, option, 1)?;
        }
        Ok(Self {
            socket,
            local,
            inbox: Inbox::new(),
            joining: Joining::new(joins),
            gathers_errors: options.icmp_errors,
            has_errors: false,
            unreachable: Vec::new(),
        })
    }

    /// The address bound, with its port.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Bytes of receive and send buffer that the kernel granted, in its own count (twice the payload).
    pub fn buffers(&self) -> io::Result<(usize, usize)> {
        Ok((self.socket.recv_buffer_size()?, self.socket.send_buffer_size()?))
    }

    /// Datagrams that the kernel dropped since the bind, most of all because the receive buffer was full.
    /// One system call; wraps at 2³².
    pub fn dropped(&self) -> io::Result<u32> {
        sys::dropped(self.socket.as_fd())
    }

    /// Hands on what has been received, each datagram with its source: at most one batch (64 buffers of the kernel),
    /// one system call, no waiting, no allocation. Returns how many; 0 if there was nothing.
    ///
    /// Empty datagrams, with which some peers keep a path open, are passed over and not counted. All others come whole
    /// (RFC 3261 §18.1.1 asks for up to 65,535 bytes).
    pub fn receive(&mut self, mut each: impl FnMut(SocketAddr, &[u8])) -> io::Result<usize> {
        let mut errors = 0;
        loop {
            if self.has_errors {
                self.gather_errors();
            }
            match self.inbox.receive(self.socket.as_fd(), &mut each) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // A socket that is ready without datagrams has errors, and stays ready until they are taken.
                    self.gather_errors();
                    return Ok(0);
                }
                Err(error) => {
                    // Most likely an ICMP error about a datagram that was sent; then it is cleared now.
                    errors += 1;
                    if !self.gathers_errors || errors > ERRORS_MAX {
                        return Err(error);
                    }
                    self.has_errors = true;
                }
            }
        }
    }

    /// Hands on the addresses that ICMP errors have called unreachable since the last call (RFC 3261 §18.4), in the
    /// order of their arrival, perhaps repeatedly; at most 1,024 are kept. They are gathered by [`UdpEnd::receive`].
    ///
    /// An ICMP error is easily forged: good for trying another place, not for believing that a peer has gone.
    pub fn unreachable(&mut self, each: impl FnMut(SocketAddr)) {
        self.unreachable.drain(..).for_each(each);
    }

    fn gather_errors(&mut self) {
        self.has_errors = false;
        if !self.gathers_errors {
            return;
        }
        loop {
            match sys::next_error(self.socket.as_fd()) {
                Ok(Some(remote)) if self.unreachable.len() < UNREACHABLE_MAX => self.unreachable.push(remote),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Sends messages in order, each a remote address, a head and a body that follows it. One system call for up to
    /// 64 messages; neighbors of equal size to one address may go as one buffer.
    ///
    /// If the kernel's send buffer is full, waits for room for at most 5 ms in all, then leaves the rest unsent.
    pub fn send<'a>(
        &mut self,
        messages: impl Iterator<Item = (SocketAddr, &'a [u8], &'a [u8])>,
    ) -> SendReport {
        let mut report = SendReport::default();
        let mut messages = messages.map(|(remote, head, body)| Datagram { remote, head, body });
        let mut batch = [Datagram::NONE; BATCH];
        let mut first = 0;
        let mut patience = None;
        loop {
            let mut count = 0;
            while count < BATCH
                && let Some(message) = messages.next()
            {
                batch[count] = message;
                count += 1;
            }
            if count == 0 {
                return report;
            }
            self.send_batch(&batch[..count], first, &mut patience, &mut report);
            if report.unsent.is_some() {
                return report;
            }
            first += count;
        }
    }

    /// Sends up to [`BATCH`] messages, the first of which is number `first` of the report.
    fn send_batch(
        &mut self,
        batch: &[Datagram<'_>],
        first: usize,
        patience: &mut Option<Instant>,
        report: &mut SendReport,
    ) {
        let mut next = 0;
        // Messages before this one go singly: a run that they were in has been refused.
        let mut single_until = 0;
        let mut tries = 0;
        while next < batch.len() {
            let mut runs = [0; BATCH];
            let runs = if self.joining.segment_max > 0 && next >= single_until {
                plan(&batch[next..], self.joining.segment_max, &mut runs)
            } else {
                let end = if next < single_until { single_until } else { batch.len() };
                runs[..end - next].fill(1);
                &runs[..end - next]
            };
            let error = match sys::send(self.socket.as_fd(), &batch[next..], runs) {
                Ok(sent) => {
                    let messages: usize = runs[..sent].iter().sum();
                    report.sent += messages;
                    next += messages;
                    tries = 0;
                    continue;
                }
                Err(error) => error,
            };
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => {
                    if !self.wait_for_room(patience) {
                        report.unsent = Some(first + next);
                        return;
                    }
                }
                _ if self.gathers_errors && tries + 1 < TRIES_MAX => {
                    // Perhaps an ICMP error about an earlier message; then it is cleared now.
                    self.has_errors = true;
                    tries += 1;
                }
                _ if runs[0] > 1 => {
                    // Singly they may pass, or tell which of them does not.
                    self.joining.refused(&error, batch[next].len());
                    single_until = next + runs[0];
                    tries = 0;
                }
                _ => {
                    report.failures.push(Failure { index: first + next, error });
                    next += 1;
                    tries = 0;
                }
            }
        }
    }

    /// Whether there was room in the send buffer before the patience of this send ended.
    fn wait_for_room(&self, patience: &mut Option<Instant>) -> bool {
        let now = Instant::now();
        let until = *patience.get_or_insert(now + PATIENCE);
        now < until && sys::wait_writable(self.socket.as_fd(), until - now).unwrap_or(false)
    }
}

impl AsFd for UdpEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Divides messages into runs for [`sys::send`]: neighbors to one address, all of the size of the first but the last,
/// which may be shorter. Datagrams over `segment_max` go singly. Returns the lengths of the runs.
fn plan<'r>(messages: &[Datagram<'_>], segment_max: usize, runs: &'r mut [usize; BATCH]) -> &'r [usize] {
    let mut count = 0;
    let mut rest = messages;
    while let Some((head, followers)) = rest.split_first() {
        let size = head.len();
        let (mut run, mut bytes) = (1, size);
        if size > 0 && size <= segment_max {
            for follower in followers {
                let len = follower.len();
                if follower.remote != head.remote || len == 0 || len > size || bytes + len > RUN_BYTES_MAX {
                    break;
                }
                run += 1;
                bytes += len;
                if len < size {
                    break;
                }
            }
        }
        runs[count] = run;
        count += 1;
        rest = &rest[run..];
    }
    &runs[..count]
}

#[cfg(test)]
mod tests;
