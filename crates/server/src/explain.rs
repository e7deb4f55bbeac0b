//! Asking a shard why a watcher sees what it sees: over the admin listener, and from the command line.

use core::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use documents::pidf::Kind;
use node::{Partition, ShardId};
use presence::Explanation;
use presence::rules::{LeftOut, Removal};
use sip::Aor;

use crate::commands::{ConfigArguments, WRONG_CONFIGURATION};
use crate::pump::{Order, Post};
use crate::question::{PATIENCE, Question};

/// Why does somebody see what it sees?
#[derive(Debug)]
pub struct Why {
    /// Who watches, or would.
    pub watcher: Aor,
    /// Whether it asks to stay unknown.
    pub anonymous: bool,
    /// Whom it is about. There is no answer if nobody has asked for the presentity lately.
    pub question: Question<Option<Explanation>>,
}

/// Puts a question to the shard that owns the presentity: what a query string says. The answer is JSON, or why there is
/// none, with a status.
pub(crate) async fn explain(post: &Post, query: &str) -> (u16, String) {
    let value = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    let user = |name: &str| {
        let text = percent_decoded(value(name)?)?;
        Aor::parse(&text).or_else(|_| Aor::parse(&format!("sip:{text}"))).ok()
    };
    let (Some(presentity), Some(watcher)) = (user("presentity"), user("watcher")) else {
        return (400, "watcher and presentity: two users are needed\n".to_owned());
    };
    let shard = ShardId::owner_of(Partition::of_hash(presentity.stable_hash()), post.shards());
    let anonymous = value("anonymous") == Some("1");
    let (question, answer) = Question::new(presentity);
    post.order(shard, Order::Explain(Arc::new(Why { watcher, anonymous, question })));
    match answer.wait().await {
        Some(Some(explanation)) => (200, json(&explanation)),
        Some(None) => {
            (404, "nobody has asked for this presentity lately: its rules have not been read\n".to_owned())
        }
        None => (503, "the shard does not answer\n".to_owned()),
    }
}

fn json(explanation: &Explanation) -> String {
    let handling = explanation.handling.map(|handling| handling.to_string());
    let removed: Vec<_> = explanation.removals.iter().map(removal).collect();
    let value = serde_json::json!({ "handling": handling, "removed": removed, "steps": explanation.steps });
    format!("{value:#}\n")
}

/// `element` and `attributes-of` are null where the whole component is left out; `permission` is what rules would have to grant.
fn removal(removal: &Removal) -> serde_json::Value {
    let component = match removal.kind {
        Kind::Tuple => "service",
        Kind::Person => "person",
        Kind::Device => "device",
        Kind::Note => "note",
        Kind::Other => "extension",
    };
    let (element, attributes) = match &removal.left_out {
        LeftOut::Whole => (None, None),
        LeftOut::Element(name) => (Some(name), None),
        LeftOut::Attributes(name) => (None, Some(name)),
    };
    serde_json::json!({
        "component": component,
        "id": removal.id,
        "element": element,
        "attributes-of": attributes,
        "permission": removal.permission,
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(rest.next()?)? << 4 | digit(rest.next()?)?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// What the command is told.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Who watches, or would: bob@example.com, or a tel URI.
    watcher: String,
    /// Who is watched.
    presentity: String,
    /// The watcher asks to stay unknown.
    #[arg(long)]
    anonymous: bool,
    #[command(flatten)]
    config: ConfigArguments,
}

/// Asks the running server, at the admin address of its configuration, and prints the answer step by step.
pub(crate) fn run(
    arguments: ExplainArguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let config = match arguments.config.sources().load() {
        Ok(config) => config,
        Err(problems) => {
            writeln!(err, "{problems}")?;
            return Ok(ExitCode::from(WRONG_CONFIGURATION));
        }
    };
    let Some(address) = config.admin.listen.0 else {
        writeln!(err, "admin.listen is off: there is nobody to ask")?;
        return Ok(ExitCode::from(WRONG_CONFIGURATION));
    };
    let mut path = "/v1/explain?watcher=".to_owned();
    percent_encode(&arguments.watcher, &mut path);
    path.push_str("&presentity=");
    percent_encode(&arguments.presentity, &mut path);
    path.push_str(if arguments.anonymous { "&anonymous=1" } else { "" });
    let (status, body) = match get(address, &path) {
        Ok(answer) => answer,
        Err(error) => {
            writeln!(err, "{address}: {error}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    if status != 200 {
        write!(err, "{body}")?;
        return Ok(ExitCode::FAILURE);
    }
    let answer: serde_json::Value = serde_json::from_str(&body)?;
    let steps = answer.get("steps").and_then(|steps| steps.as_array());
    for step in steps.into_iter().flatten().filter_map(|step| step.as_str()) {
        // What strangers wrote must not command the terminal.
        let step: String = step.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(out, "{step}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn percent_encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'@') {
            to.push(char::from(byte));
        } else {
            let _ = write!(to, "%{byte:02X}");
        }
    }
}

/// One GET, answered until the connection ends.
fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(2 * PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(1 << 20).read_to_string(&mut answer)?;
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "this is no answer of HTTP");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(wrong)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(wrong)?;
    Ok((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut encoded = String::new();
        percent_encode("sip:a&b=c%20@x.example é", &mut encoded);
        assert_eq!(encoded, "sip:a%26b%3Dc%2520@x.example%20%C3%A9");
        assert_eq!(percent_decoded(&encoded).as_deref(), Some("sip:a&b=c%20@x.example é"));
        for broken in ["%", "%4", "%zz", "%FF"] {
            assert_eq!(percent_decoded(broken), None, "{broken}");
        }
    }
}
