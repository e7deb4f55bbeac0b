//! Datagrams in batches: one system call for many, in both directions.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

/// Datagrams per system call.
pub(crate) const BATCH: usize = 64;
/// Longest datagram that the bench expects; a longer one is cut.
const LONGEST: usize = 4096;
/// What is asked of the kernel for each direction.
const BUFFER: usize = 8 << 20;

/// One socket with room for a batch of received datagrams.
pub(crate) struct Wire {
    socket: UdpSocket,
    headers: MultiHeaders<SockaddrIn>,
    buffers: Vec<Vec<u8>>,
    received: Vec<(usize, SockaddrIn)>,
}

impl Wire {
    /// Binds, with buffers as large as the kernel grants.
    pub(crate) fn bind(address: SocketAddrV4) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        // The forced form needs a capability; without it the kernel's own maximum has to do.
        if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &BUFFER)?;
        }
        if setsockopt(&socket, sockopt::SndBufForce, &BUFFER).is_err() {
            setsockopt(&socket, sockopt::SndBuf, &BUFFER)?;
        }
        Ok(Self {
            socket,
            headers: MultiHeaders::preallocate(BATCH, None),
            buffers: (0..BATCH).map(|_| vec![0; LONGEST]).collect(),
            received: Vec::with_capacity(BATCH),
        })
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddrV4> {
        match self.socket.local_addr()? {
            std::net::SocketAddr::V4(address) => Ok(address),
            std::net::SocketAddr::V6(_) => Err(io::Error::other("bound to an IPv4 address")),
        }
    }

    /// Receives what is there, one batch at most; with `wait`, sleeps in the kernel until there is something.
    pub(crate) fn receive(&mut self, wait: bool) -> io::Result<usize> {
        self.received.clear();
        let flags = if wait { MsgFlags::MSG_WAITFORONE } else { MsgFlags::MSG_DONTWAIT };
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        match recvmmsg(self.socket.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(results) => {
                for message in results {
                    let from =
                        message.address.ok_or_else(|| io::Error::other("a datagram without a source"))?;
                    self.received.push((message.bytes, from));
                }
                Ok(self.received.len())
            }
            // A refusal by the peer's port (it was restarted) is the next receive's, not ours.
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// One datagram of the last batch.
    pub(crate) fn message(&self, index: usize) -> (SockaddrIn, &[u8]) {
        let (length, from) = self.received[index];
        (from, &self.buffers[index][..length])
    }

    /// Sends all of `outbox` and empties it. Waits for room in the socket's buffer.
    pub(crate) fn send(&self, outbox: &mut Outbox) -> io::Result<()> {
        let Outbox { bytes, ends, headers } = outbox;
        let mut slices: Vec<[IoSlice<'_>; 1]> = Vec::with_capacity(ends.len());
        let mut start = 0;
        for (end, _) in ends.iter() {
            slices.push([IoSlice::new(&bytes[start..*end])]);
            start = *end;
        }
        let addresses: Vec<Option<SockaddrIn>> = ends.iter().map(|(_, to)| Some(*to)).collect();
        let mut sent = 0;
        while sent < slices.len() {
            let upto = (sent + BATCH).min(slices.len());
            let (batch, to) = (&slices[sent..upto], &addresses[sent..upto]);
            match sendmmsg(self.socket.as_raw_fd(), headers, batch, to, [], MsgFlags::MSG_DONTWAIT) {
                Ok(results) => sent += results.count(),
                Err(Errno::EAGAIN) => {
                    wait(&[(self.socket.as_fd(), PollFlags::POLLOUT)], Duration::from_millis(100))?;
                }
                Err(Errno::EINTR | Errno::ECONNREFUSED) => {}
                Err(error) => return Err(error.into()),
            }
        }
        drop(slices);
        bytes.clear();
        ends.clear();
        Ok(())
    }
}

/// Sleeps until one of the sockets has a datagram, or for this long.
pub(crate) fn wait_for(wires: &[Wire], longest: Duration) -> io::Result<()> {
    let sockets: Vec<_> = wires.iter().map(|wire| (wire.socket.as_fd(), PollFlags::POLLIN)).collect();
    wait(&sockets, longest)
}

/// Sleeps until one of the sockets is ready for what is asked of it, or for this long.
pub(super) fn wait(sockets: &[(BorrowedFd<'_>, PollFlags)], longest: Duration) -> io::Result<()> {
    let mut fds: Vec<PollFd<'_>> = sockets.iter().map(|(socket, what)| PollFd::new(*socket, *what)).collect();
    match nix::poll::ppoll(&mut fds, Some(TimeSpec::from_duration(longest)), None) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Datagrams that wait for the next `send`: their bytes one after the other, and where each ends and goes.
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    ends: Vec<(usize, SockaddrIn)>,
    headers: MultiHeaders<SockaddrIn>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), ends: Vec::new(), headers: MultiHeaders::preallocate(BATCH, None) }
    }

    /// Adds one datagram: what `print` appends.
    pub(crate) fn push(&mut self, to: SockaddrIn, print: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.bytes.len();
        print(&mut self.bytes);
        self.ends.push((self.bytes.len(), to));
        self.bytes.len() - start
    }

    /// Adds what `print` appends, if it appends anything.
    pub(crate) fn push_if_any(&mut self, to: SockaddrIn, print: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        print(&mut self.bytes);
        if self.bytes.len() > start {
            self.ends.push((self.bytes.len(), to));
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of the datagram added last.
    #[cfg(test)]
    pub(crate) fn last(&self) -> &[u8] {
        let start = self.ends.len().checked_sub(2).map_or(0, |before| self.ends[before].0);
        &self.bytes[start..]
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_long_run_of_datagrams_arrives_in_order() {
        let mut one = Wire::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        let other = Wire::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut outbox = Outbox::new();
        for number in 0..150_u32 {
            outbox.push(one.local().unwrap().into(), |out| out.extend_from_slice(&number.to_be_bytes()));
        }
        assert_eq!(outbox.last(), 149_u32.to_be_bytes());
        other.send(&mut outbox).unwrap();
        assert_eq!(outbox.len(), 0);
        let mut got = Vec::new();
        while got.len() < 150 {
            let count = one.receive(true).unwrap();
            for index in 0..count {
                let (from, bytes) = one.message(index);
                assert_eq!(SocketAddrV4::from(from), other.local().unwrap());
                got.push(u32::from_be_bytes(bytes.try_into().unwrap()));
            }
        }
        assert_eq!(got, (0..150).collect::<Vec<u32>>());
        assert_eq!(one.receive(false).unwrap(), 0);
    }
}
