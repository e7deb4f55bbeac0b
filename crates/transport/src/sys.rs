//! System calls that the standard library lacks: datagrams in batches, readiness, event counters. The one unsafe file.
#![expect(
    unsafe_code,
    reason = "recvmmsg, sendmmsg, ppoll and eventfd have no safe wrapper at the same cost"
)]

use std::fs::File;
use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

/// Most datagrams of one system call, either way.
pub(crate) const BATCH: usize = 64;

/// Room for one received datagram, or for several that the kernel joined: nothing larger exists but jumbograms.
const ROOM: usize = 65_536;

/// Distance of two receive buffers. The odd cache lines keep their beginnings out of each other's cache sets.
const STRIDE: usize = ROOM + 17 * 64;

/// A socket address as the kernel has it, of either family.
#[repr(C)]
#[derive(Clone, Copy)]
union Address {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Address {
    fn of(address: SocketAddr) -> (Self, libc::socklen_t) {
        match address {
            SocketAddr::V4(address) => (
                Self {
                    v4: libc::sockaddr_in {
                        sin_family: libc::AF_INET as libc::sa_family_t,
                        sin_port: address.port().to_be(),
                        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
                        sin_zero: [0; 8],
                    },
                },
                size_of::<libc::sockaddr_in>() as libc::socklen_t,
            ),
            SocketAddr::V6(address) => (
                Self {
                    v6: libc::sockaddr_in6 {
                        sin6_family: libc::AF_INET6 as libc::sa_family_t,
                        sin6_port: address.port().to_be(),
                        sin6_flowinfo: address.flowinfo(),
                        sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                        sin6_scope_id: address.scope_id(),
                    },
                },
                size_of::<libc::sockaddr_in6>() as libc::socklen_t,
            ),
        }
    }

    /// The address, if the kernel wrote one of a family we know.
    fn get(&self, len: libc::socklen_t) -> Option<SocketAddr> {
        if (len as usize) < size_of::<libc::sockaddr_in>() {
            return None;
        }
        // SAFETY: both members are plain integers without invalid values, begin with the family, and the whole
        // union was initialized before the kernel wrote into it.
        unsafe {
            match libc::c_int::from(self.v4.sin_family) {
                libc::AF_INET => {
                    let ip = Ipv4Addr::from(u32::from_be(self.v4.sin_addr.s_addr));
                    Some(SocketAddrV4::new(ip, u16::from_be(self.v4.sin_port)).into())
                }
                libc::AF_INET6 => {
                    let ip = Ipv6Addr::from(self.v6.sin6_addr.s6_addr);
                    let port = u16::from_be(self.v6.sin6_port);
                    Some(SocketAddrV6::new(ip, port, 0, self.v6.sin6_scope_id).into())
                }
                _ => None,
            }
        }
    }
}

/// Space for one ancillary integer (`CMSG_SPACE(sizeof(int))` is 24 on all 64-bit Linux), aligned as `cmsghdr` is.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 32]);

/// The arrays that one `recvmmsg` fills; they point at each other and at the buffers, so they stay where they are.
struct Arrays {
    headers: [libc::mmsghdr; BATCH],
    vectors: [libc::iovec; BATCH],
    names: [Address; BATCH],
    controls: [Control; BATCH],
}

/// Receive buffers of one socket, made once. 4 MiB of address space; only pages that datagrams reached are memory.
pub(crate) struct Inbox {
    arrays: NonNull<Arrays>,
    bytes: NonNull<u8>,
}

// SAFETY: the pointers are owned by this value alone and lead to plain memory without thread affinity.
unsafe impl Send for Inbox {}

impl Inbox {
    pub(crate) fn new() -> Self {
        // Zeroed by the allocator, so untouched pages stay unmapped.
        let bytes = Box::into_raw(vec![0_u8; BATCH * STRIDE].into_boxed_slice()).cast::<u8>();
        // SAFETY: every field is made of integers and raw pointers, for which zero is a value.
        let arrays = Box::into_raw(Box::new(unsafe { zeroed::<Arrays>() }));
        for index in 0..BATCH {
            // SAFETY: `arrays` was just made by `Box::into_raw` and nothing else refers to it; `index * STRIDE`
            // plus `ROOM` lies within `bytes`.
            unsafe {
                let vector = &raw mut (*arrays).vectors[index];
                (*vector).iov_base = bytes.add(index * STRIDE).cast();
                (*vector).iov_len = ROOM;
                let header = &raw mut (*arrays).headers[index].msg_hdr;
                (*header).msg_iov = vector;
                (*header).msg_iovlen = 1;
                (*header).msg_name = (&raw mut (*arrays).names[index]).cast();
                (*header).msg_control = (&raw mut (*arrays).controls[index]).cast();
                rearm(&mut *header);
            }
        }
        let arrays = NonNull::new(arrays).expect("a box is never null");
        let bytes = NonNull::new(bytes).expect("a box is never null");
        Self { arrays, bytes }
    }

    /// One `recvmmsg`, not waiting. Hands on each datagram with its source; `WouldBlock` if there is none.
    /// Datagrams that the kernel joined (`UDP_GRO`) are handed on one by one.
    pub(crate) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        each: &mut dyn FnMut(SocketAddr, &[u8]),
    ) -> io::Result<usize> {
        let arrays = self.arrays.as_ptr();
        // SAFETY: the headers point at the names, controls, vectors and buffers set up by `new`, all of which live
        // as long as `self`, and `&mut self` makes this call their only user.
        let filled = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                (&raw mut (*arrays).headers).cast(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let filled = usize::try_from(filled).map_err(|_| io::Error::last_os_error())?;
        let mut count = 0;
        for index in 0..filled {
            // SAFETY: the kernel is done with the arrays, and this is the only reference into them.
            let (header, name) = unsafe { (&mut (*arrays).headers[index], &(*arrays).names[index]) };
            let len = (header.msg_len as usize).min(ROOM);
            let truncated = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let source = name.get(header.msg_hdr.msg_namelen);
            let segment = segment_size(&header.msg_hdr).unwrap_or(len).max(1);
            rearm(&mut header.msg_hdr);
            let Some(source) = source.filter(|_| !truncated) else { continue };
            // SAFETY: `len` bytes at this offset lie within the buffer and are initialized (zeroed at first).
            let bytes = unsafe { slice::from_raw_parts(self.bytes.as_ptr().add(index * STRIDE), len) };
            for datagram in bytes.chunks(segment) {
                each(source, datagram);
                count += 1;
            }
        }
        Ok(count)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let bytes = ptr::slice_from_raw_parts_mut(self.bytes.as_ptr(), BATCH * STRIDE);
        // SAFETY: both came from `Box::into_raw` in `new`, with this size, and are given back once.
        unsafe {
            drop(Box::from_raw(bytes));
            drop(Box::from_raw(self.arrays.as_ptr()));
        }
    }
}

/// Gives a header back its full rooms, which the kernel shrinks to what it used.
fn rearm(header: &mut libc::msghdr) {
    header.msg_namelen = size_of::<Address>() as libc::socklen_t;
    header.msg_controllen = size_of::<Control>() as _;
}

/// The size of the datagrams that the kernel joined in one buffer, if it did.
fn segment_size(header: &libc::msghdr) -> Option<usize> {
    // SAFETY: the kernel has written `msg_controllen` bytes of well-formed control messages at `msg_control`.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(header);
        let control = first.as_ref()?;
        let ours = control.cmsg_level == libc::SOL_UDP && control.cmsg_type == libc::UDP_GRO;
        let size = ours.then(|| libc::CMSG_DATA(first).cast::<libc::c_int>().read_unaligned())?;
        usize::try_from(size).ok().filter(|size| *size > 0)
    }
}

/// One datagram to send: the concatenation of its two pieces.
#[derive(Clone, Copy)]
pub(crate) struct Datagram<'a> {
    pub(crate) remote: SocketAddr,
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl Datagram<'_> {
    pub(crate) const NONE: Self =
        Self { remote: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)), head: &[], body: &[] };

    pub(crate) const fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

/// One `sendmmsg`, not waiting. `runs` are the lengths of the runs that `messages` falls into; a run of more than one
/// is handed to the kernel as one buffer to cut into datagrams of the first one's size (`UDP_SEGMENT`).
///
/// Returns the number of runs sent, at least one; an error is that of the first run, and nothing was sent.
///
/// # Panics
/// If `runs` asks for more messages than there are, or for more than [`BATCH`].
pub(crate) fn send(socket: BorrowedFd<'_>, messages: &[Datagram<'_>], runs: &[usize]) -> io::Result<usize> {
    let mut headers: [MaybeUninit<libc::mmsghdr>; BATCH] = [const { MaybeUninit::uninit() }; BATCH];
    let mut vectors: [MaybeUninit<libc::iovec>; 2 * BATCH] = [const { MaybeUninit::uninit() }; 2 * BATCH];
    let mut names: [MaybeUninit<Address>; BATCH] = [const { MaybeUninit::uninit() }; BATCH];
    let mut controls: [MaybeUninit<Control>; BATCH] = [const { MaybeUninit::uninit() }; BATCH];
    let vectors_base = vectors.as_mut_ptr().cast::<libc::iovec>();
    let (mut next, mut used) = (0, 0);
    for (index, run) in runs.iter().enumerate() {
        let run = &messages[next..next + run];
        next += run.len();
        let first_vector = used;
        for piece in run.iter().flat_map(|message| [message.head, message.body]) {
            if !piece.is_empty() {
                assert!(used < 2 * BATCH, "two pieces for each of at most BATCH messages");
                let vector = libc::iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() };
                // SAFETY: `used` is within the array, by the assertion.
                unsafe { vectors_base.add(used).write(vector) };
                used += 1;
            }
        }
        let (name, name_len) = Address::of(run[0].remote);
        // SAFETY: all fields are integers or raw pointers, for which zero is a value.
        let header = headers[index].write(unsafe { zeroed() });
        header.msg_hdr.msg_name = ptr::from_mut(names[index].write(name)).cast();
        header.msg_hdr.msg_namelen = name_len;
        // SAFETY: `first_vector` is at most `used`, which is at most the length of the array.
        header.msg_hdr.msg_iov = unsafe { vectors_base.add(first_vector) };
        header.msg_hdr.msg_iovlen = (used - first_vector) as _;
        if run.len() > 1 {
            let size = u16::try_from(run[0].len()).expect("a run is made of datagrams that fit a frame");
            let control = controls[index].write(Control([0; 32]));
            // SAFETY: `Control` has the room and the alignment of one control message with an integer.
            unsafe {
                header.msg_hdr.msg_control = ptr::from_mut(control).cast();
                header.msg_hdr.msg_controllen = libc::CMSG_SPACE(size_of::<u16>() as u32) as _;
                let first = libc::CMSG_FIRSTHDR(&raw const header.msg_hdr);
                (*first).cmsg_level = libc::SOL_UDP;
                (*first).cmsg_type = libc::UDP_SEGMENT;
                (*first).cmsg_len = libc::CMSG_LEN(size_of::<u16>() as u32) as _;
                libc::CMSG_DATA(first).cast::<u16>().write_unaligned(size);
            }
        }
    }
    // SAFETY: the first `runs.len()` headers are initialized and point at names, controls and vectors on this stack
    // frame and at pieces borrowed by `messages`; the kernel only reads them, and is done when the call returns.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            runs.len() as libc::c_uint,
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Sets an integer option, such as `UDP_GRO` of level `SOL_UDP`.
pub(crate) fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: `value` outlives the call, and its size is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes the next ICMP error out of the queue that `IP_RECVERR` or `IPV6_RECVERR` opened. `WouldBlock` if there is
/// none. The address is where the datagram went, if the error says that it cannot be reached.
pub(crate) fn next_error(socket: BorrowedFd<'_>) -> io::Result<Option<SocketAddr>> {
    let mut name = Address { v6: ZERO_V6 };
    // An extended error and the address of who sent it, in the largest form.
    let mut control = [Control([0; 32]); 4];
    // SAFETY: all fields are integers or raw pointers, for which zero is a value.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = size_of::<Address>() as libc::socklen_t;
    header.msg_control = (&raw mut control).cast();
    header.msg_controllen = size_of_val(&control) as _;
    // SAFETY: the header points at this stack frame, which outlives the call, with the sizes of what is there.
    let result = unsafe {
        libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let is_unreachable = extended_error(&header).is_some_and(|error| {
        // Destination unreachable but for "fragmentation needed", and parameter problem. RFC 3261 §18.4 has the
        // others ignored.
        match error.ee_origin {
            libc::SO_EE_ORIGIN_ICMP => error.ee_type == 3 && error.ee_code != 4 || error.ee_type == 12,
            libc::SO_EE_ORIGIN_ICMP6 => matches!(error.ee_type, 1 | 4),
            _ => false,
        }
    });
    Ok(name.get(header.msg_namelen).filter(|_| is_unreachable))
}

fn extended_error(header: &libc::msghdr) -> Option<libc::sock_extended_err> {
    // SAFETY: the kernel has written `msg_controllen` bytes of well-formed control messages at `msg_control`, and these
    // two kinds begin with an extended error.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(header);
        while let Some(control) = next.as_ref() {
            if matches!(
                (control.cmsg_level, control.cmsg_type),
                (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR)
            ) {
                return Some(libc::CMSG_DATA(next).cast::<libc::sock_extended_err>().read_unaligned());
            }
            next = libc::CMSG_NXTHDR(header, next);
        }
    }
    None
}

const ZERO_V6: libc::sockaddr_in6 = libc::sockaddr_in6 {
    sin6_family: 0,
    sin6_port: 0,
    sin6_flowinfo: 0,
    sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
    sin6_scope_id: 0,
};

/// How many datagrams the kernel has dropped at this socket (`SO_MEMINFO`, item `SK_MEMINFO_DROPS`).
pub(crate) fn dropped(socket: BorrowedFd<'_>) -> io::Result<u32> {
    const DROPS: usize = 8;
    let mut info = [0_u32; DROPS + 1];
    let mut len = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the array and its length outlive the call, which writes at most that length.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            (&raw mut info).cast(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(info[DROPS]) } else { Err(io::Error::last_os_error()) }
}

/// Waits until one of `sockets` has what its `events` name, or `timeout` has passed (`None`: for ever).
/// Returns how many are ready; a signal counts as none.
pub(crate) fn poll(sockets: &mut [libc::pollfd], timeout: Option<Duration>) -> io::Result<usize> {
    let span = timeout.map(|timeout| libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32),
    });
    let span = span.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the slice and the time outlive the call, and the length is that of the slice.
    let ready =
        unsafe { libc::ppoll(sockets.as_mut_ptr(), sockets.len() as libc::nfds_t, span, ptr::null()) };
    match usize::try_from(ready) {
        Ok(ready) => Ok(ready),
        Err(_) => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            error => Err(error),
        },
    }
}

/// Whether the socket can take a datagram before `timeout` has passed.
pub(crate) fn wait_writable(socket: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let mut slot = [libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 }];
    Ok(poll(&mut slot, Some(timeout))? > 0)
}

/// A counter that is readable when it is not zero; reading (8 bytes) takes it back to zero. Never blocks.
pub(crate) fn event_counter() -> io::Result<File> {
    // SAFETY: the call takes no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and ours alone.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}
