//! What peers fill into messages: answers to NOTIFYs, bodies, and credentials computed from a challenge.

use std::io::Write as _;

use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::feed;
use crate::flow::labels::quoted;
use crate::flow::peer::dress;
use crate::flow::script::Part;
use crate::rlmi;
use crate::wire::Message;

/// The bytes of a peer's answer to a request; `tag` is its own in a dialog that the request makes.
pub(crate) fn answer(request: &Message, tag: Option<&str>, status: u16, parts: &[Part]) -> Vec<u8> {
    let mut answer = request.answer(status, "Answer");
    if let Some(tag) = tag.filter(|_| request.to_tag().is_none()) {
        for (_, value) in answer.fields.iter_mut().filter(|(name, _)| name == "To") {
            value.push_str(&format!(";tag={tag}"));
        }
    }
    dress(&mut answer, parts);
    answer.close(Vec::new()).print()
}

/// The body of a request: a document in one line (`pidf:`), a list of resources (`list:`), URIs of documents to follow
/// (`follow:`), a text (`body:`) or the lines after `|`; packed if a `coding:` is named. Adds Content-Type for a document
/// and Content-Encoding for a packed body.
pub(crate) fn body(
    request: &mut Message,
    parts: &[Part],
    block: &[String],
    document: impl FnOnce(&str) -> Result<String, String>,
) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let mut coding = None;
    let mut document = Some(document);
    for part in parts {
        let Part::Field(name, value) = part else { continue };
        match name.as_str() {
            "pidf" => {
                let document = document.take().ok_or("one document is enough")?;
                body = document(value)?.into_bytes();
                request.add("Content-Type", "application/pidf+xml");
            }
            "list" if value.starts_with('v') && value.contains(':') => {
                let uri = request.get("From").unwrap_or_default();
                let uri = uri.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
                let kind;
                (kind, body) = rlmi::write(&uri, value, "there")?;
                request.add("Content-Type", kind);
                request.add("Require", "eventlist");
            }
            "list" => {
                body = rlmi::request(value).into_bytes();
                request.add("Content-Type", "application/resource-lists+xml");
                request.add("Content-Disposition", "recipient-list");
            }
            "follow" => {
                body = feed::list(value).into_bytes();
                request.add("Content-Type", "application/resource-lists+xml");
            }
            "body" => body = value.clone().into_bytes(),
            "coding" => coding = Some(value.as_str()),
            _ => {}
        }
    }
    if !block.is_empty() {
        body = block.join("\r\n").into_bytes();
    }
    let Some(coding) = coding else { return Ok(body) };
    request.add("Content-Encoding", coding);
    pack(coding, &body)
}

fn pack(coding: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    let level = flate2::Compression::default();
    let packed = match coding {
        "gzip" => {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), level);
            packer.write_all(body).and_then(|()| packer.finish())
        }
        "deflate" => {
            let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), level);
            packer.write_all(body).and_then(|()| packer.finish())
        }
        _ => return Ok(body.to_vec()),
    };
    packed.map_err(|error| format!("packing failed: {error}"))
}

/// An Authorization value, RFC 7616 §3.4, from `<password> [algorithm=..] [nc=..] [user=..] [uri=..] [nonce=..]`.
pub(crate) fn authorize(
    request: &Message,
    challenges: &[String],
    aor: &str,
    credentials: &str,
) -> Result<String, String> {
    let mut words = credentials.split_whitespace();
    let password = words.next().ok_or("`auth:` wants a password")?;
    let options: Vec<(&str, &str)> = words.filter_map(|word| word.split_once('=')).collect();
    let option = |name: &str| options.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let algorithm_of = |challenge: &str| quoted(challenge, "algorithm").unwrap_or("MD5").to_owned();
    let challenge = challenges
        .iter()
        .find(|challenge| {
            option("algorithm").is_none_or(|wanted| algorithm_of(challenge).eq_ignore_ascii_case(wanted))
        })
        .ok_or("nobody has challenged this peer so")?;
    let algorithm = algorithm_of(challenge);
    let realm = quoted(challenge, "realm").ok_or("a challenge without a realm")?;
    let nonce =
        option("nonce").or_else(|| quoted(challenge, "nonce")).ok_or("a challenge without a nonce")?;
    let user = option("user").unwrap_or_else(|| aor.split(['@', ':']).nth(1).unwrap_or_default());
    let uri = option("uri").or_else(|| request.uri()).ok_or("no Request-URI")?;
    let count = option("nc").unwrap_or("00000001");
    let method = request.method().ok_or("no method")?;
    let secret = Secret { user, realm, password };
    let response = response(&algorithm, &secret, (method, uri), (nonce, count, CNONCE));
    let opaque =
        quoted(challenge, "opaque").map_or_else(String::new, |value| format!(", opaque=\"{value}\""));
    Ok(format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm={algorithm}, cnonce=\"{CNONCE}\", qop=auth, nc={count}{opaque}"
    ))
}

const CNONCE: &str = "0a4f113b";

struct Secret<'a> {
    user: &'a str,
    realm: &'a str,
    password: &'a str,
}

/// RFC 7616 §3.4.1 with qop=auth; nonce, count and cnonce as they are printed.
fn response(
    algorithm: &str,
    secret: &Secret<'_>,
    (method, uri): (&str, &str),
    nonce: (&str, &str, &str),
) -> String {
    let hash = |text: String| match algorithm {
        "SHA-256" => hex(&Sha256::digest(text.as_bytes())),
        _ => hex(&Md5::digest(text.as_bytes())),
    };
    let one = hash(format!("{}:{}:{}", secret.user, secret.realm, secret.password));
    let two = hash(format!("{method}:{uri}"));
    let (nonce, count, cnonce) = nonce;
    hash(format!("{one}:{nonce}:{count}:{cnonce}:auth:{two}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_those_of_the_example_in_rfc_7616() {
        // RFC 7616 §3.9.1.
        let secret = Secret { user: "Mufasa", realm: "http-auth@example.org", password: "Circle of Life" };
        let asked = ("GET", "/dir/index.html");
        let nonce = (
            "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            "00000001",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        );
        assert_eq!(response("MD5", &secret, asked, nonce), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            response("SHA-256", &secret, asked, nonce),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn a_packed_body_says_so() {
        let mut request = Message::new("PUBLISH sip:a@b SIP/2.0");
        let parts = [
            Part::Field("body".into(), "hello hello hello".into()),
            Part::Field("coding".into(), "gzip".into()),
        ];
        let packed = body(&mut request, &parts, &[], |_| Err("none".into())).unwrap();
        assert_eq!(&packed[..2], [0x1f, 0x8b]);
        assert_eq!(request.get("Content-Encoding"), Some("gzip"));
    }
}
