//! The raw floor: a bare program that moves datagrams of the same number and sizes in batches, and a loop to drive it.
//!
//! The first byte says what a datagram stands for; the rest only has the length of the real thing.

use std::io;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use super::wire::{self, Outbox, Wire};

/// Lengths of the datagrams, as the real exchange had them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) publish: usize,
    pub(crate) published: usize,
    pub(crate) subscribe: usize,
    pub(crate) subscribed: usize,
    pub(crate) notify: usize,
    pub(crate) notified: usize,
}

impl Sizes {
    /// As words of a command line.
    pub(crate) fn words(self) -> String {
        let Self { publish, published, subscribe, subscribed, notify, notified } = self;
        format!("{publish},{published},{subscribe},{subscribed},{notify},{notified}")
    }

    /// From what `words` wrote.
    pub(crate) fn read(words: &str) -> Option<Self> {
        let mut numbers =
            words.split(',').map(|word| word.parse::<usize>().ok().filter(|size| (16..4096).contains(size)));
        let mut next = || numbers.next().flatten();
        Some(Self {
            publish: next()?,
            published: next()?,
            subscribe: next()?,
            subscribed: next()?,
            notify: next()?,
            notified: next()?,
        })
    }
}

/// What one exchange of the floor stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// PUBLISH, 200.
    Publish,
    /// SUBSCRIBE, 200, NOTIFY, 200.
    Subscribe,
    /// NOTIFY, 200.
    Notify,
}

const PUBLISH: u8 = b'P';
const SUBSCRIBE: u8 = b'S';
const NOTIFY: u8 = b'N';
const ANSWER: u8 = b'A';
/// Sets the server sending NOTIFYs for ever; each answer is worth one more.
const FLOOD: u8 = b'F';
const WINDOW: usize = 128;

/// Serves for ever.
pub(crate) fn serve(address: SocketAddrV4, sizes: Sizes) -> io::Result<()> {
    let mut wire = Wire::bind(address)?;
    let mut outbox = Outbox::new();
    let mut flooding = false;
    loop {
        let count = wire.receive(true)?;
        for index in 0..count {
            let (from, message) = wire.message(index);
            match message.first() {
                Some(&PUBLISH) => {
                    outbox.push(from, |out| fill(out, ANSWER, sizes.published));
                }
                Some(&SUBSCRIBE) => {
                    outbox.push(from, |out| fill(out, ANSWER, sizes.subscribed));
                    outbox.push(from, |out| fill(out, NOTIFY, sizes.notify));
                }
                Some(&FLOOD) => {
                    flooding = true;
                    for _ in 0..WINDOW {
                        outbox.push(from, |out| fill(out, NOTIFY, sizes.notify));
                    }
                }
                Some(&ANSWER) if flooding => {
                    outbox.push(from, |out| fill(out, NOTIFY, sizes.notify));
                }
                _ => {}
            }
        }
        wire.send(&mut outbox)?;
    }
}

/// Drives the floor with `WINDOW` exchanges outstanding until `enough` says so; gives how many were finished.
///
/// Nothing is lost on loopback with this window, so a silence of a second is an error.
pub(crate) fn drive(
    server: SocketAddrV4,
    sizes: Sizes,
    exchange: Exchange,
    mut enough: impl FnMut(u64) -> bool,
) -> io::Result<u64> {
    let mut wires = [Wire::bind(SocketAddrV4::new(*server.ip(), 0))?];
    let mut outbox = Outbox::new();
    let begin = |outbox: &mut Outbox| match exchange {
        Exchange::Publish => outbox.push(server.into(), |out| fill(out, PUBLISH, sizes.publish)),
        Exchange::Subscribe => outbox.push(server.into(), |out| fill(out, SUBSCRIBE, sizes.subscribe)),
        Exchange::Notify => 0,
    };
    if exchange == Exchange::Notify {
        outbox.push(server.into(), |out| fill(out, FLOOD, 16));
    }
    (0..WINDOW).for_each(|_| {
        begin(&mut outbox);
    });
    wires[0].send(&mut outbox)?;
    let (mut finished, mut heard) = (0, Instant::now());
    while !enough(finished) {
        let count = wires[0].receive(false)?;
        if count == 0 {
            if heard.elapsed() > Duration::from_secs(1) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the floor fell silent"));
            }
            wire::wait_for(&wires, Duration::from_millis(10))?;
            continue;
        }
        heard = Instant::now();
        for index in 0..count {
            match wires[0].message(index).1.first() {
                Some(&NOTIFY) => {
                    finished += 1;
                    outbox.push(server.into(), |out| fill(out, ANSWER, sizes.notified));
                    begin(&mut outbox);
                }
                Some(&ANSWER) if exchange == Exchange::Publish => {
                    finished += 1;
                    begin(&mut outbox);
                }
                _ => {}
            }
        }
        wires[0].send(&mut outbox)?;
    }
    Ok(finished)
}

fn fill(out: &mut Vec<u8>, kind: u8, size: usize) {
    let end = out.len() + size;
    out.push(kind);
    out.resize(end, b'x');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_back_from_the_command_line() {
        let sizes = Sizes {
            publish: 900,
            published: 350,
            subscribe: 550,
            subscribed: 400,
            notify: 950,
            notified: 350,
        };
        assert_eq!(Sizes::read(&sizes.words()).unwrap().words(), sizes.words());
        assert!(Sizes::read("1,2,3").is_none());
        assert!(Sizes::read("900,350,550,400,950,99999").is_none());
    }
}
