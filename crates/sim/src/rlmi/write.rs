//! Printing what a list server of others says.

use super::{RLMI, uri_of};
use crate::pidf;

/// The Content-Type and the body that a line describes, of the list with this URI. Boundaries and Content-IDs are made of
/// `token`.
pub fn write(uri: &str, line: &str, token: &str) -> Result<(String, Vec<u8>), String> {
    let (head, members) = line.split_once(':').ok_or("`v0 full: ..` was expected")?;
    let mut words = head.split_whitespace();
    let version = words.next().and_then(|word| word.strip_prefix('v')).ok_or("a version was expected")?;
    let full = words.next() == Some("full");
    let mut root = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<list xmlns=\"{RLMI}\" uri=\"{uri}\" version=\"{version}\" \
         fullState=\"{full}\">\r\n"
    );
    let mut parts = String::new();
    for (place, member) in split(members).into_iter().enumerate() {
        let (head, document) = match member.split_once('[') {
            Some((head, document)) => (head, document.strip_suffix(']')),
            None => (member, None),
        };
        let mut words = head.split_whitespace();
        let member = uri_of(words.next().ok_or("a resource was expected")?);
        root.push_str(&format!("<resource uri=\"{member}\">"));
        if let Some(state) = words.next() {
            let reason = words.next().map_or(String::new(), |reason| format!(" reason=\"{reason}\""));
            let cid = format!("{place}.{token}@there");
            let refers = document.map_or(String::new(), |_| format!(" cid=\"{cid}\""));
            root.push_str(&format!("<instance id=\"i1\" state=\"{state}\"{reason}{refers}/>"));
            if let Some(document) = document {
                let (kind, body) = if document.starts_with('v') {
                    let (kind, body) = write(&member, document, &format!("{place}x{token}"))?;
                    (kind, String::from_utf8(body).map_err(|_| "it is UTF-8")?)
                } else {
                    ("application/pidf+xml".to_owned(), pidf::write(&member, document)?)
                };
                parts.push_str(&part(token, &kind, &cid, &body));
            }
        }
        root.push_str("</resource>\r\n");
    }
    root.push_str("</list>");
    let start = format!("root.{token}@there");
    let body = part(token, "application/rlmi+xml", &start, &root) + &parts + &format!("--{token}--\r\n");
    let kind =
        format!("multipart/related;type=\"application/rlmi+xml\";start=\"<{start}>\";boundary=\"{token}\"");
    Ok((kind, body.into_bytes()))
}

fn part(token: &str, kind: &str, cid: &str, body: &str) -> String {
    format!("--{token}\r\nContent-ID: <{cid}>\r\nContent-Type: {kind}\r\n\r\n{body}\r\n")
}

/// The members of a line: `;` within brackets does not separate them, nor one of a URI.
fn split(line: &str) -> Vec<&str> {
    let (mut members, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in line.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            ';' if depth == 0 && !line[at + 1..].starts_with(|next: char| !next.is_whitespace()) => {
                members.push(&line[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    members.push(&line[from..]);
    members.into_iter().map(str::trim).filter(|member| !member.is_empty()).collect()
}
