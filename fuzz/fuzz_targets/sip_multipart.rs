//! A Content-Type line and a body: the parts lie in the body, in order, within the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::{Limits, MediaType, Part, multipart};

fn walk(parts: &[Part<'_>], depth: usize) {
    assert!(depth <= Limits::DEFAULT.multipart_depth && parts.len() <= Limits::DEFAULT.multipart_parts);
    for part in parts {
        let _ = (part.content_id(), part.media_type(), part.fields().count());
        if let Ok(inner) = part.parts(&Limits::DEFAULT) {
            assert!(inner.iter().map(|part| part.body.len()).sum::<usize>() <= part.body.len());
            walk(&inner, depth + 1);
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let Ok(line) = core::str::from_utf8(&bytes[..end]) else { return };
    let Ok(media_type) = MediaType::parse(line) else { return };
    let body = bytes.get(end + 1..).unwrap_or_default();
    if let Ok(parts) = multipart::parts(&media_type, body, &Limits::DEFAULT) {
        assert!(parts.iter().map(|part| part.body.len()).sum::<usize>() <= body.len());
        walk(&parts, 1);
    }
});
