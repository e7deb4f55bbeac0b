//! A stream, cut after every byte that the input's first bytes say: the frames are those of the whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::{Frame, FrameError, Framer, Limits, Message};

/// Messages and pings; pongs depend on the cuts, see `Frame::Pong`.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Option<Vec<u8>>>, Option<FrameError>) {
    let limits = Limits { message: 2_000, ..Limits::DEFAULT };
    let mut framer = Framer::new(limits);
    let mut out = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(bytes))) => {
                    let length = Message::parse(bytes, &Limits::DEFAULT).map(|message| message.bytes().len());
                    assert!(length.is_ok_and(|length| length == bytes.len()) || length.is_err());
                    out.push(Some(bytes.to_vec()));
                }
                Ok(Some(Frame::Ping)) => out.push(None),
                Ok(Some(Frame::Pong)) => {}
                Ok(None) => break,
                Err(error) => return (out, Some(error)),
            }
        }
    }
    (out, None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (step, stream) = input;
    let whole = frames(core::iter::once(stream));
    let cut = frames(stream.chunks(usize::from(step) + 1));
    assert_eq!(whole, cut);
});
