//! Writing multipart/related bodies, RFC 2387 over RFC 2046 §5.1.

use crate::chars;

/// Prints a multipart/related body: the root first, then the parts that it refers to by Content-ID.
///
/// The boundary must not occur in any part: give one that nobody who writes a part can guess.
///
/// ```
/// let mut related = sip::Related::new("c7d1", "application/rlmi+xml", "0.c7d1@example.com");
/// related.part("application/rlmi+xml", "0.c7d1@example.com", b"<list/>");
/// related.part("application/pidf+xml", "1.c7d1@example.com", b"<presence/>");
/// let (media_type, body) = related.finish();
/// assert_eq!(media_type, r#"multipart/related;type="application/rlmi+xml";start="<0.c7d1@example.com>";boundary=c7d1"#);
/// assert!(body.ends_with(b"<presence/>\r\n--c7d1--\r\n"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    media_type: String,
    boundary: String,
    body: Vec<u8>,
}

impl Related {
    /// Starts a body. `boundary` is a token of 1 to 70 characters: it is printed without quotes, which some receivers
    /// take for part of it. `root` is the media type of the root and `start` its Content-ID without angle brackets;
    /// neither may hold quotes.
    pub fn new(boundary: &str, root: &str, start: &str) -> Self {
        let is_token = boundary.bytes().all(|byte| chars::is(byte, chars::TOKEN));
        debug_assert!(is_token && (1..=70).contains(&boundary.len()), "RFC 2046 §5.1.1");
        let media_type = format!("multipart/related;type=\"{root}\";start=\"<{start}>\";boundary={boundary}");
        Self { media_type, boundary: boundary.to_owned(), body: Vec::new() }
    }

    /// Makes room for parts of that many octets in all, their heads included.
    pub fn reserve(&mut self, octets: usize) -> &mut Self {
        self.body.reserve(octets);
        self
    }

    /// Appends a part.
    pub fn part(&mut self, media_type: &str, content_id: &str, content: &[u8]) -> &mut Self {
        if !self.body.is_empty() {
            self.body.extend_from_slice(b"\r\n");
        }
        for piece in [
            "--",
            &self.boundary,
            "\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <",
            content_id,
            ">\r\nContent-Type: ",
            media_type,
            "\r\n\r\n",
        ] {
            self.body.extend_from_slice(piece.as_bytes());
        }
        self.body.extend_from_slice(content);
        self
    }

    /// How many octets a part takes with its boundary, from the lengths of boundary, media type, Content-ID and content.
    pub const fn part_size(boundary: usize, media_type: usize, content_id: usize, content: usize) -> usize {
        const FIXED: usize =
            "\r\n--\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <>\r\nContent-Type: \r\n\r\n".len();
        FIXED + boundary + media_type + content_id + content
    }

    /// Ends the body: its media type for the Content-Type field, and its octets.
    pub fn finish(mut self) -> (String, Vec<u8>) {
        for piece in ["\r\n--", &self.boundary, "--\r\n"] {
            self.body.extend_from_slice(piece.as_bytes());
        }
        (self.media_type, self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::media::MediaType;
    use crate::multipart::parts;

    #[test]
    fn what_is_written_is_read_back() {
        let written: [(&str, &str, &[u8]); 4] = [
            ("application/rlmi+xml", "0@h", b"<list/>"),
            ("application/pidf+xml", "1@h", b"\r\n--b\r\n"),
            ("text/plain;charset=utf-8", "2@h", b""),
            ("application/octet-stream", "3@h", b"\x00\xff\r\n"),
        ];
        let mut related = Related::new("boundary-1", "application/rlmi+xml", "0@h");
        let mut size = 0;
        for (media_type, content_id, content) in written {
            related.part(media_type, content_id, content);
            let boundary = "boundary-1".len();
            size += Related::part_size(boundary, media_type.len(), content_id.len(), content.len());
        }
        let (media_type, body) = related.finish();
        assert_eq!(body.len(), size + "--boundary-1--\r\n".len());
        let media_type = MediaType::parse(&media_type).expect("a media type");
        assert!(media_type.is("multipart", "related"));
        let parts = parts(&media_type, &body, &Limits::DEFAULT).expect("parts");
        let read = parts.iter().map(|part| {
            let media_type = part.get(crate::name::Name::ContentType).expect("it is given");
            (media_type, part.content_id().expect("it is given"), part.body)
        });
        assert_eq!(read.collect::<Vec<_>>(), written);
    }
}
