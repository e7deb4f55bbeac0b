//! Reading multipart bodies, RFC 2046 §5.1, within limits.

use core::fmt;

use crate::limits::Limits;
use crate::lines::{self, Line};
use crate::media::MediaType;
use crate::name::Name;

/// One part of a multipart body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Header field lines and the empty line, as they stand.
    head: &'a [u8],
    /// The content, without the CRLF before the next boundary.
    pub body: &'a [u8],
    depth: usize,
}

/// Why a body is no multipart that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultipartError {
    /// The media type is no multipart.
    NotMultipart,
    /// No boundary of 1 to 70 characters from those RFC 2046 §5.1.1 allows.
    BadBoundary,
    /// Multiparts within multiparts beyond the limit.
    TooDeep,
    /// More parts than the limit.
    TooManyParts,
    /// No boundary, or no closing one: the body was cut.
    NotClosed,
    /// A part whose header fields do not end, are no text, or are over the limits.
    BadPart,
}

impl fmt::Display for MultipartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotMultipart => "not a multipart media type",
            Self::BadBoundary => "no usable boundary parameter",
            Self::TooDeep => "multiparts nested too deeply",
            Self::TooManyParts => "too many parts",
            Self::NotClosed => "no closing boundary",
            Self::BadPart => "malformed header fields of a part",
        })
    }
}

impl core::error::Error for MultipartError {}

/// The parts of a message body of this media type, in order; at least one. What stands before the first boundary and
/// after the last is left out. Parts are not unpacked further: see [`Part::parts`]. Cost: linear in the body.
pub fn parts<'a>(
    media_type: &MediaType<'_>,
    body: &'a [u8],
    limits: &Limits,
) -> Result<Vec<Part<'a>>, MultipartError> {
    parts_at(media_type, body, limits, 1)
}

impl<'a> Part<'a> {
    /// The value of the first header field of this name; `None` also if the field is no text.
    pub fn get(&self, name: Name) -> Option<&'a str> {
        self.fields().find(|(raw_name, _)| Name::of(raw_name) == name).map(|(_, value)| value)
    }

    /// The header fields in order, as name and value.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let head = self.head;
        let mut at = 0;
        core::iter::from_fn(move || {
            let Line::Field { name_end, value, end, next } = lines::line(head, at) else { return None };
            let text = |from: usize, to: usize| core::str::from_utf8(&head[from..to]).unwrap_or_default();
            let field = (text(at, name_end), text(value, end));
            at = next;
            Some(field)
        })
    }

    /// The media type; `None` if the part has none (then it is text/plain, RFC 2046 §5.1) or it cannot be read.
    pub fn media_type(&self) -> Option<MediaType<'a>> {
        self.get(Name::ContentType).and_then(|value| MediaType::parse(value).ok())
    }

    /// The Content-ID without its angle brackets.
    pub fn content_id(&self) -> Option<&'a str> {
        let value = self.get(Name::ContentId)?;
        Some(value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(value))
    }

    /// The parts of this part, if its media type is a multipart.
    pub fn parts(&self, limits: &Limits) -> Result<Vec<Part<'a>>, MultipartError> {
        let media_type = self.media_type().ok_or(MultipartError::NotMultipart)?;
        parts_at(&media_type, self.body, limits, self.depth + 1)
    }
}

fn parts_at<'a>(
    media_type: &MediaType<'_>,
    body: &'a [u8],
    limits: &Limits,
    depth: usize,
) -> Result<Vec<Part<'a>>, MultipartError> {
    if !media_type.kind.eq_ignore_ascii_case("multipart") {
        return Err(MultipartError::NotMultipart);
    }
    if depth > limits.multipart_depth {
        return Err(MultipartError::TooDeep);
    }
    let boundary = media_type.params.get("boundary").filter(|text| is_boundary(text));
    let dashed = format!("--{}", boundary.ok_or(MultipartError::BadBoundary)?);
    let mut marks = Marks { body, finder: memchr::memmem::Finder::new(dashed.as_bytes()), at: 0 };
    let mut mark = marks.next_mark().ok_or(MultipartError::NotClosed)?;
    let mut parts = Vec::new();
    while !mark.is_last {
        let next = marks.next_mark().ok_or(MultipartError::NotClosed)?;
        if parts.len() >= limits.multipart_parts {
            return Err(MultipartError::TooManyParts);
        }
        parts.push(part(body, mark.after, next.before, limits, depth)?);
        mark = next;
    }
    if parts.is_empty() { Err(MultipartError::NotClosed) } else { Ok(parts) }
}

/// RFC 2046 §5.1.1 boundary
fn is_boundary(text: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    (1..=70).contains(&text.len()) && text.bytes().all(is_char) && !text.ends_with(' ')
}

/// Splits `body[from..to]`; the CRLF of the boundary at `to` also ends a last header line without content.
fn part<'a>(
    body: &'a [u8],
    from: usize,
    to: usize,
    limits: &Limits,
    depth: usize,
) -> Result<Part<'a>, MultipartError> {
    let with_crlf = &body[from..(to + 2).min(body.len())];
    let to = to.saturating_sub(from);
    let mut at = 0;
    let mut count = 0;
    let content = loop {
        match lines::line(with_crlf, at) {
            Line::Field { next, .. } if next - at <= limits.header && count < limits.headers => {
                at = next;
                count += 1;
            }
            Line::Blank { body } => break body.min(to),
            Line::Cut if at >= to => break to,
            Line::Field { .. } | Line::Junk { .. } | Line::Cut => return Err(MultipartError::BadPart),
        }
    };
    let part = Part { head: &with_crlf[..at], body: &with_crlf[content..to.max(content)], depth };
    let is_text = core::str::from_utf8(part.head).is_ok();
    is_text.then_some(part).ok_or(MultipartError::BadPart)
}

/// One boundary line: where its CRLF starts, and where the line after it does.
#[derive(Clone, Copy)]
struct Mark {
    before: usize,
    after: usize,
    is_last: bool,
}

struct Marks<'a> {
    body: &'a [u8],
    finder: memchr::memmem::Finder<'a>,
    at: usize,
}

impl Marks<'_> {
    /// The next line that is a boundary: nothing but white space may follow it, so that a longer boundary of a nested
    /// multipart is not taken for it.
    fn next_mark(&mut self) -> Option<Mark> {
        loop {
            let found = self.at + self.finder.find(&self.body[self.at..])?;
            self.at = found + self.finder.needle().len();
            if found != 0 && !self.body[..found].ends_with(b"\r\n") {
                continue;
            }
            let rest = &self.body[self.at..];
            let is_last = rest.starts_with(b"--");
            let rest = if is_last { &rest[2..] } else { rest };
            let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let end = &rest[padding..];
            if end.starts_with(b"\r\n") || (is_last && end.is_empty()) {
                let after = self.body.len() - end.len() + 2;
                self.at = if is_last { self.body.len() } else { after - 2 };
                return Some(Mark { before: found.saturating_sub(2), after, is_last });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(media: &str, body: &'a str) -> Result<Vec<Part<'a>>, MultipartError> {
        parts(&MediaType::parse(media).expect("media type"), body.as_bytes(), &Limits::DEFAULT)
    }

    #[test]
    fn the_example_of_rfc_2046_has_two_parts() {
        let body = "This is the preamble.\r\n--simple boundary\r\n\r\nimplicitly typed\r\n--simple boundary  \r\n\
            Content-type: text/plain; charset=us-ascii\r\n\r\nends with a linebreak.\r\n\r\n--simple boundary--\r\nepilogue";
        let parts = read("multipart/mixed; boundary=\"simple boundary\"", body).expect("parts");
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].body, parts[0].fields().count()), (&b"implicitly typed"[..], 0));
        assert_eq!(parts[1].body, b"ends with a linebreak.\r\n");
        assert!(parts[1].media_type().is_some_and(|media| media.is("text", "plain")));
    }

    #[test]
    fn parts_may_be_empty_and_content_ids_lose_their_brackets() {
        let body = "--b\r\n\r\n--b\r\nContent-ID: <1@a>\r\n\r\n--b\r\nX: y\r\n\r\n\r\n--b--";
        let parts = read("multipart/related;boundary=b", body).expect("parts");
        assert_eq!(parts.iter().map(|part| part.body).collect::<Vec<_>>(), [b"", b"", b""]);
        assert_eq!(parts[1].content_id(), Some("1@a"));
    }

    #[test]
    fn a_longer_boundary_is_another() {
        let inner = "--bb\r\n\r\ninner\r\n--bb--";
        let body = format!("--b\r\nContent-Type: multipart/mixed;boundary=bb\r\n\r\n{inner}\r\n--b--\r\n");
        let outer = read("multipart/mixed;boundary=b", &body).expect("parts");
        assert_eq!((outer.len(), outer[0].body), (1, inner.as_bytes()));
        assert_eq!(outer[0].parts(&Limits::DEFAULT).expect("inner")[0].body, b"inner");
    }

    #[test]
    fn nesting_and_parts_have_limits() {
        let mut body = String::from("leaf");
        for depth in 0..6 {
            body = format!(
                "--b{depth}\r\nContent-Type: multipart/mixed;boundary=b{}\r\n\r\n{body}\r\n--b{depth}--",
                depth - 1
            );
        }
        let mut parts = read("multipart/mixed;boundary=b5", &body).expect("outermost");
        for _ in 1..4 {
            parts = parts[0].parts(&Limits::DEFAULT).expect("within the limit");
        }
        assert_eq!(parts[0].parts(&Limits::DEFAULT), Err(MultipartError::TooDeep));
        let many = format!("{}--b--", "--b\r\n\r\n\r\n".repeat(65));
        assert_eq!(read("multipart/mixed;boundary=b", &many), Err(MultipartError::TooManyParts));
    }

    #[test]
    fn what_is_cut_or_malformed_is_refused() {
        let cases = [
            ("text/plain;boundary=b", "--b\r\n\r\n--b--", MultipartError::NotMultipart),
            ("multipart/mixed", "--b\r\n\r\n--b--", MultipartError::BadBoundary),
            ("multipart/mixed;boundary=\"\"", "----", MultipartError::BadBoundary),
            ("multipart/mixed;boundary=\"b \"", "--b --", MultipartError::BadBoundary),
            ("multipart/mixed;boundary=b", "", MultipartError::NotClosed),
            ("multipart/mixed;boundary=b", "--b--", MultipartError::NotClosed),
            ("multipart/mixed;boundary=b", "--b\r\n\r\nx", MultipartError::NotClosed),
            ("multipart/mixed;boundary=b", "--b\r\n\r\nx\r\n--b", MultipartError::NotClosed),
            ("multipart/mixed;boundary=b", "x--b\r\n\r\n--b--", MultipartError::NotClosed),
            ("multipart/mixed;boundary=b", "--b\r\nno field\r\n\r\nx\r\n--b--", MultipartError::BadPart),
            ("multipart/mixed;boundary=b", "--b\r\nX: y\r\nz\r\n--b--", MultipartError::BadPart),
        ];
        for (media, body, error) in cases {
            assert_eq!(read(media, body), Err(error), "{media} {body:?}");
        }
    }
}
