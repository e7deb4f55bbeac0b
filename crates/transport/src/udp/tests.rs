//! Tests of the datagram end, on loopback.

use super::*;
use crate::poll::Poller;

fn options(segmentation: bool) -> UdpOptions {
    UdpOptions { segmentation, ..UdpOptions::default() }
}

fn end(address: &str, segmentation: bool) -> UdpEnd {
    UdpEnd::bind(address.parse().unwrap(), options(segmentation)).unwrap()
}

/// Loopback addresses of the families that this machine has; says so if IPv6 is not among them.
fn loopbacks() -> Vec<&'static str> {
    let six = std::net::UdpSocket::bind("[::1]:0");
    if let Err(error) = &six {
        eprintln!("IPv6 is left out, this machine has no ::1: {error}");
    }
    ["127.0.0.1:0", "[::1]:0"].into_iter().take(1 + usize::from(six.is_ok())).collect()
}

/// The next `count` datagrams and their sources.
fn take(end: &mut UdpEnd, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut poller = Poller::new().unwrap();
    let mut taken = Vec::new();
    while taken.len() < count {
        poller.wait(&[end.as_fd()], None).unwrap();
        end.receive(|source, bytes| taken.push((source, bytes.to_vec()))).unwrap();
    }
    taken
}

fn send<'a>(end: &mut UdpEnd, remote: SocketAddr, messages: &'a [(&'a [u8], &'a [u8])]) -> SendReport {
    end.send(messages.iter().map(|(head, body)| (remote, *head, *body)))
}

#[test]
fn head_and_body_arrive_as_one_datagram_from_the_bound_address() {
    for address in loopbacks() {
        let (mut alice, mut bob) = (end(address, true), end(address, true));
        let report = send(&mut alice, bob.local_addr(), &[(b"head ", b"body"), (b"bare", b"")]);
        assert_eq!((report.sent, report.unsent), (2, None));
        let taken = take(&mut bob, 2);
        assert_eq!(taken[0], (alice.local_addr(), b"head body".to_vec()));
        assert_eq!(taken[1], (alice.local_addr(), b"bare".to_vec()));
    }
}

#[test]
fn many_messages_of_mixed_sizes_keep_their_order_with_segmentation_and_without() {
    let payload: Vec<u8> = (0..=255).cycle().take(2_000).collect();
    // Runs of equal size, shorter last ones, longer than a segment, and single ones.
    let messages: Vec<(&[u8], &[u8])> = (0..300)
        .map(|index| {
            let size = if index % 7 == 6 { 100 + index } else { [400, 400, 900, 1_600][index / 20 % 4] };
            payload[index % 16..][..size].split_at(index % 90)
        })
        .collect();
    for (sends, receives) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut alice, mut bob) = (end("127.0.0.1:0", sends), end("127.0.0.1:0", receives));
        for batch in messages.chunks(100) {
            let report = send(&mut alice, bob.local_addr(), batch);
            assert_eq!((report.sent, report.failures.len(), report.unsent), (batch.len(), 0, None));
            let taken = take(&mut bob, batch.len());
            assert_eq!(taken.len(), batch.len());
            for ((_, bytes), message) in taken.iter().zip(batch) {
                assert_eq!(*bytes, [message.0, message.1].concat());
            }
        }
    }
}

#[test]
fn one_send_reaches_many_peers() {
    let mut alice = end("127.0.0.1:0", true);
    let mut peers: Vec<UdpEnd> = (0..10).map(|_| end("127.0.0.1:0", true)).collect();
    let remotes: Vec<SocketAddr> = peers.iter().map(UdpEnd::local_addr).collect();
    let bodies: Vec<String> = (0..100).map(|number| format!("notify {number}")).collect();
    let report = alice.send(
        bodies.iter().enumerate().map(|(index, body)| (remotes[index % 10], &b"x "[..], body.as_bytes())),
    );
    assert_eq!(report.sent, 100);
    for (index, peer) in peers.iter_mut().enumerate() {
        let texts: Vec<String> =
            take(peer, 10).into_iter().map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect();
        let expected: Vec<String> = (0..10).map(|turn| format!("x notify {}", turn * 10 + index)).collect();
        assert_eq!(texts, expected);
    }
}

#[test]
fn the_largest_datagram_comes_whole() {
    let (mut alice, mut bob) = (end("127.0.0.1:0", true), end("127.0.0.1:0", true));
    let largest = vec![b'x'; 65_507];
    assert_eq!(send(&mut alice, bob.local_addr(), &[(b"", &largest)]).sent, 1);
    assert_eq!(take(&mut bob, 1)[0].1, largest);
}

#[test]
fn a_message_that_is_too_long_fails_alone() {
    let (mut alice, mut bob) = (end("127.0.0.1:0", true), end("127.0.0.1:0", true));
    let too_long = vec![b'x'; 65_508];
    let report = send(&mut alice, bob.local_addr(), &[(b"1", b""), (b"", &too_long), (b"3", b"")]);
    assert_eq!((report.sent, report.unsent), (2, None));
    let failed: Vec<_> =
        report.failures.iter().map(|failure| (failure.index, failure.error.raw_os_error())).collect();
    assert_eq!(failed, [(1, Some(libc::EMSGSIZE))]);
    let texts: Vec<_> = take(&mut bob, 2).into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(texts, [b"1", b"3"]);
}

#[test]
fn a_run_to_the_wrong_family_fails_message_by_message_and_does_not_stop_the_rest() {
    let (mut alice, mut bob) = (end("127.0.0.1:0", true), end("127.0.0.1:0", true));
    let (there, wrong) = (bob.local_addr(), "[::1]:5060".parse().unwrap());
    let messages = [(wrong, "aa"), (wrong, "bb"), (there, "cc"), (there, "dd")];
    let report = alice.send(messages.iter().map(|(remote, text)| (*remote, text.as_bytes(), &b""[..])));
    assert_eq!(report.sent, 2);
    assert_eq!(report.failures.iter().map(|failure| failure.index).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(take(&mut bob, 2).len(), 2);
}

#[test]
fn who_does_not_listen_is_named_and_the_others_get_theirs() {
    for address in loopbacks() {
        let mut alice = end(address, true);
        let mut bob = end(address, true);
        let (there, gone) = (bob.local_addr(), end(address, true).local_addr());
        // Runs of two to each in turn: every run to the absent one leaves an error in the way of the next message.
        let messages: Vec<SocketAddr> =
            (0..60).map(|index| if index / 2 % 2 == 0 { gone } else { there }).collect();
        let report = alice.send(messages.iter().map(|remote| (*remote, &b"x"[..], &b""[..])));
        assert_eq!((report.sent, report.failures.len(), report.unsent), (60, 0, None));
        assert_eq!(take(&mut bob, 30).len(), 30);
        assert_eq!(alice.receive(|_, _| panic!("nobody answers")).unwrap(), 0);
        let mut named = Vec::new();
        alice.unreachable(|remote| named.push(remote));
        assert!(!named.is_empty() && named.iter().all(|remote| *remote == gone), "{named:?}");
        assert_eq!(alice.joining, Joining::new(true), "errors about peers are no refusals of runs");
        // All errors are taken: the socket is quiet, and says nothing twice.
        let mut poller = Poller::new().unwrap();
        assert!(poller.wait(&[alice.as_fd()], Some(Duration::ZERO)).unwrap().is_timeout());
        alice.unreachable(|remote| panic!("{remote} was named before"));
    }
}

#[test]
fn errors_alone_make_a_socket_ready_and_receiving_makes_it_quiet() {
    let mut alice = end("127.0.0.1:0", true);
    let gone = end("127.0.0.1:0", true).local_addr();
    assert_eq!(send(&mut alice, gone, &[(b"x", b"")]).sent, 1);
    let mut poller = Poller::new().unwrap();
    assert!(poller.wait(&[alice.as_fd()], None).unwrap().socket(0));
    assert_eq!(alice.receive(|_, _| {}).unwrap(), 0);
    assert!(poller.wait(&[alice.as_fd()], Some(Duration::ZERO)).unwrap().is_timeout());
    let mut named = Vec::new();
    alice.unreachable(|remote| named.push(remote));
    assert_eq!(named, [gone]);
}

#[test]
fn without_icmp_errors_silence_is_silence() {
    let options = UdpOptions { icmp_errors: false, ..UdpOptions::default() };
    let mut alice = UdpEnd::bind("127.0.0.1:0".parse().unwrap(), options).unwrap();
    let gone = end("127.0.0.1:0", true).local_addr();
    assert_eq!(send(&mut alice, gone, &[(b"x", b""), (b"y", b"")]).sent, 2);
    assert_eq!(alice.receive(|_, _| {}).unwrap(), 0);
    alice.unreachable(|remote| panic!("{remote} was named"));
}

#[test]
fn an_empty_socket_receives_nothing_and_does_not_wait() {
    let mut bob = end("127.0.0.1:0", true);
    assert_eq!(bob.receive(|_, _| panic!("nothing was sent")).unwrap(), 0);
}

#[test]
fn an_ipv6_socket_leaves_the_port_to_ipv4() {
    if loopbacks().len() < 2 {
        return;
    }
    let six = end("[::]:0", true);
    end(&format!("0.0.0.0:{}", six.local_addr().port()), true);
}

#[test]
fn shared_ports_are_shared_only_when_asked() {
    let shared = UdpOptions { reuse_port: true, ..UdpOptions::default() };
    let first = UdpEnd::bind("127.0.0.1:0".parse().unwrap(), shared).unwrap();
    UdpEnd::bind(first.local_addr(), shared).unwrap();
    assert!(UdpEnd::bind(first.local_addr(), UdpOptions::default()).is_err());
}

#[test]
fn what_the_kernel_drops_is_counted() {
    let small = UdpOptions { receive_buffer: Some(4_096), segmentation: false, ..UdpOptions::default() };
    let mut alice = end("127.0.0.1:0", false);
    let mut bob = UdpEnd::bind("127.0.0.1:0".parse().unwrap(), small).unwrap();
    assert_eq!(bob.dropped().unwrap(), 0);
    let message: (&[u8], &[u8]) = (&[b'x'; 1_000], b"");
    assert_eq!(send(&mut alice, bob.local_addr(), &[message; 50]).sent, 50);
    let mut taken = 0;
    while let more @ 1.. = bob.receive(|_, _| {}).unwrap() {
        taken += more;
    }
    assert_eq!(taken + bob.dropped().unwrap() as usize, 50);
    assert!(bob.dropped().unwrap() > 0);
}

#[test]
fn runs_hold_equal_sizes_and_one_shorter_last() {
    let remote = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let sizes = |list: &[(u16, usize)]| {
        let bytes = [0; 2_000];
        let messages: Vec<Datagram<'_>> = list
            .iter()
            .map(|(port, size)| Datagram { remote: remote(*port), head: &bytes[..*size], body: &[] })
            .collect();
        plan(&messages, SEGMENT_MAX, &mut [0; BATCH]).to_vec()
    };
    assert_eq!(sizes(&[(1, 400), (1, 400), (1, 400)]), [3]);
    assert_eq!(sizes(&[(1, 400), (1, 300), (1, 300)]), [2, 1]);
    assert_eq!(sizes(&[(1, 300), (1, 400)]), [1, 1]);
    assert_eq!(sizes(&[(1, 400), (2, 400), (1, 400)]), [1, 1, 1]);
    assert_eq!(sizes(&[(1, 1_600), (1, 1_600)]), [1, 1]);
    assert_eq!(sizes(&[(1, 0), (1, 0), (1, 400), (1, 0)]), [1, 1, 1, 1]);
    assert_eq!(sizes(&[(1, 1_400); 60]), [46, 14]);
}

#[test]
fn refused_sizes_are_joined_no_more_and_many_refusals_end_joining() {
    let error = io::Error::from_raw_os_error;
    let mut joining = Joining::new(true);
    joining.refused(&error(libc::EHOSTUNREACH), 100);
    assert_eq!(joining, Joining::new(true));
    joining.refused(&error(libc::EMSGSIZE), 1_400);
    assert_eq!(joining.segment_max, 1_399);
    joining.refused(&error(libc::EINVAL), 1_200);
    assert_eq!(joining.segment_max, 1_199);
    (0..16).for_each(|turn| joining.refused(&error(libc::EINVAL), 1_000 - turn));
    assert_eq!(joining.segment_max, 0);
    let mut joining = Joining::new(true);
    joining.refused(&error(libc::EIO), 1_000);
    assert_eq!(joining.segment_max, 0);
}

#[test]
fn empty_datagrams_are_passed_over() {
    let (mut alice, mut bob) = (end("127.0.0.1:0", true), end("127.0.0.1:0", true));
    assert_eq!(send(&mut alice, bob.local_addr(), &[(b"", b""), (b"x", b""), (b"", b"")]).sent, 3);
    assert_eq!(take(&mut bob, 1), [(alice.local_addr(), b"x".to_vec())]);
}
