//! SIP messages as a plain list of fields: a second, naive reader and writer, so that the node is read by other eyes.

use core::fmt;

/// One message. Names are kept as written; looking up knows the compact forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Request line or status line, without the line end.
    pub start: String,
    /// Fields in order.
    pub fields: Vec<(String, String)>,
    /// What follows the blank line.
    pub body: Vec<u8>,
}

/// Full and compact names, RFC 3261 §7.3.3, RFC 6665 §8.2, RFC 3515, RFC 3325 have none.
const COMPACT: [(&str, &str); 14] = [
    ("Via", "v"),
    ("From", "f"),
    ("To", "t"),
    ("Call-ID", "i"),
    ("Contact", "m"),
    ("Content-Type", "c"),
    ("Content-Length", "l"),
    ("Content-Encoding", "e"),
    ("Event", "o"),
    ("Allow-Events", "u"),
    ("Supported", "k"),
    ("Subject", "s"),
    ("Refer-To", "r"),
    ("Accept-Contact", "a"),
];

/// The full name of a field, given either form; case is kept for unknown ones.
pub fn full_name(name: &str) -> &str {
    COMPACT.iter().find(|(_, short)| short.eq_ignore_ascii_case(name)).map_or(name, |(full, _)| full)
}

/// The compact name of a field if it has one.
pub fn compact_name(name: &str) -> &str {
    COMPACT.iter().find(|(full, _)| full.eq_ignore_ascii_case(name)).map_or(name, |(_, short)| short)
}

impl Message {
    /// A message without fields.
    pub fn new(start: impl Into<String>) -> Self {
        Self { start: start.into(), fields: Vec::new(), body: Vec::new() }
    }

    /// Reads what the node said, strictly: CRLF line ends, a colon in every field, no folding, a Content-Length that
    /// is exactly the body's.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no blank line")?;
        let head = core::str::from_utf8(&bytes[..end]).map_err(|_| "the head is not UTF-8")?;
        let body = bytes[end + 4..].to_vec();
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let mut fields = Vec::new();
        for line in lines {
            if line.contains(['\r', '\n']) {
                return Err(format!("a bare line end in {line:?}"));
            }
            let (name, value) = line.split_once(':').ok_or_else(|| format!("no colon in {line:?}"))?;
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
        let message = Self { start, fields, body };
        let length = message.get("Content-Length").ok_or("no Content-Length")?;
        if length.parse() != Ok(message.body.len()) {
            return Err(format!("Content-Length {length}, body of {}", message.body.len()));
        }
        Ok(message)
    }

    /// The bytes, fields as they stand: a Content-Length is the caller's doing.
    pub fn print(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512 + self.body.len());
        bytes.extend_from_slice(self.start.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        for (name, value) in &self.fields {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Adds a field at the end.
    pub fn add(&mut self, name: &str, value: impl fmt::Display) -> &mut Self {
        self.fields.push((name.to_owned(), value.to_string()));
        self
    }

    /// Sets the body and its length.
    pub fn close(mut self, body: Vec<u8>) -> Self {
        self.add("Content-Length", body.len());
        self.body = body;
        self
    }

    /// The value of the first field with this name in either form.
    pub fn get(&self, name: &str) -> Option<&str> {
        let name = full_name(name);
        let field = self.fields.iter().find(|(other, _)| full_name(other).eq_ignore_ascii_case(name))?;
        Some(&field.1)
    }

    /// The values of all fields with this name in either form.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let name = full_name(name);
        self.fields
            .iter()
            .filter(move |(other, _)| full_name(other).eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&str> {
        if self.status().is_some() { None } else { self.start.split(' ').next() }
    }

    /// The Request-URI.
    pub fn uri(&self) -> Option<&str> {
        if self.status().is_some() { None } else { self.start.split(' ').nth(1) }
    }

    /// Branch of the topmost Via.
    pub fn branch(&self) -> Option<&str> {
        parameter(self.get("Via")?, "branch")
    }

    /// Tag of From.
    pub fn from_tag(&self) -> Option<&str> {
        parameter(self.get("From")?, "tag")
    }

    /// Tag of To.
    pub fn to_tag(&self) -> Option<&str> {
        parameter(self.get("To")?, "tag")
    }

    /// Number and method of CSeq.
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.get("CSeq")?.split_once(' ')?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// The answer that an honest peer gives: Via, From, To, Call-ID and CSeq returned as they came.
    pub fn answer(&self, status: u16, reason: &str) -> Self {
        let mut answer = Self::new(format!("SIP/2.0 {status} {reason}"));
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.all(name) {
                answer.fields.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.print()))
    }
}

/// A parameter of a field value: behind the angle brackets if there are any.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let behind = value.rfind('>').map_or(value, |at| &value[at + 1..]);
    behind.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The URI of a name-addr or addr-spec.
pub fn address(value: &str) -> &str {
    // A display name may hold a bracket in quotes; ours do not.
    match value.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        Some((uri, _)) => uri,
        None => value.split(';').next().unwrap_or(value).trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        let mut message = Message::new("NOTIFY sip:bob@192.0.2.1 SIP/2.0");
        message.add("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1").add("f", "<sip:a@b;tag=no>;tag=yes");
        let message = message.close(b"hello".to_vec());
        let again = Message::read(&message.print()).expect("it is well formed");
        assert_eq!(again, message);
        assert_eq!(again.branch(), Some("z9hG4bK1"));
        assert_eq!(again.from_tag(), Some("yes"));
        assert_eq!(again.method(), Some("NOTIFY"));
    }

    #[test]
    fn refuses_a_wrong_content_length() {
        let message = b"SIP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nfour";
        assert!(Message::read(message).is_err());
    }
}
