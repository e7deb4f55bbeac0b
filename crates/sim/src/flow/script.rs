//! The text of a flow as lines: what peers do, what the node is expected to say, and the stage directions.

use core::time::Duration;

use super::shorthand;

/// A flow, line by line; the source of each line is kept for rewriting.
#[derive(Debug)]
pub(crate) struct Script {
    /// All lines in order.
    pub lines: Vec<Line>,
}

/// One line of a flow.
#[derive(Debug)]
pub(crate) struct Line {
    /// As written.
    pub source: String,
    /// Counted from one.
    pub number: usize,
    /// What it says.
    pub kind: LineKind,
}

/// What a line says.
#[derive(Debug)]
pub(crate) enum LineKind {
    /// A comment, or nothing.
    Silent,
    /// Something happens, at a time if one is written, else when the last thing happened.
    Action {
        /// Since the start of the flow.
        at: Option<Duration>,
        /// What happens.
        action: Action,
    },
    /// The node says something.
    Expect {
        /// Since the start of the flow; else when the last thing happened.
        at: Option<Duration>,
        /// To whom; else to the peer that the last line named.
        peer: Option<String>,
        /// What.
        expected: Expected,
    },
}

/// What happens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// `set <words>`: changes a setting; before the first message it makes the node, later it reconfigures it.
    Set(Vec<String>),
    /// `peer <name>: <words>`: address, protocol or identity of a peer.
    Peer {
        /// The peer.
        name: String,
        /// What is said about it.
        words: Vec<String>,
    },
    /// `<peer> > <METHOD> <target>`, or `again`, or a status.
    Say {
        /// Who.
        peer: String,
        /// Method, status, `again` or `raw`.
        head: String,
        /// What follows the method.
        target: Option<String>,
        /// `Name: value`, `-Name`, or a bare word.
        parts: Vec<Part>,
        /// Lines after `|`.
        block: Vec<String>,
    },
    /// `<peer> answers <status>` or `nothing`: what it does with NOTIFYs from now on.
    Answers {
        /// Who.
        peer: String,
        /// The status; none at all for `nothing`.
        status: Option<u16>,
        /// Fields of the answer.
        parts: Vec<Part>,
    },
    /// `lose next <peer>`: the peer does not hear the next message of the node.
    Lose(String),
    /// `<peer> takes no stream`: what the node opens towards it from now on fails.
    NoStream(String),
    /// `<peer> opens another stream`: what the peer says goes over a new one; the one before stays open.
    Another(String),
    /// `close <peer>`: the peer's stream ends. `close <peer> before`: the one before its last.
    Close {
        /// Whose.
        peer: String,
        /// Which.
        before: bool,
    },
    /// `crash`, `crash losing 40ms`: the node is gone, with the rows of that last span.
    Crash(Duration),
    /// `restart`: a new node with the rows of the old one.
    Restart,
    /// `storage failing` or `storage healthy`.
    Storage(bool),
    /// `documents <peer>: put <auid>/<name>` with the document in lines after `|`, or `delete <auid>/<name>`; the peer
    /// `global` is the tree of that name.
    Documents {
        /// Whose.
        owner: String,
        /// `put` or `delete`.
        verb: String,
        /// AUID and name.
        path: String,
        /// Lines after `|`.
        block: Vec<String>,
    },
    /// `names example.net: 192.0.2.9:5060 tcp:192.0.2.10:5060`: the places that a host name leads to, best first.
    Names {
        /// The name.
        host: String,
        /// Addresses, of datagrams unless they say `tcp:`.
        places: Vec<String>,
    },
    /// `documents late 2s`, `documents failing`, `documents healthy`: how readers fare.
    Library(Option<Duration>),
    /// `gauges  name: number`: what the metrics must say.
    Gauges(Vec<Part>),
    /// Nothing happens: time passes.
    Quiet,
}

/// A named value, a name that must be absent, or a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// `Name: value`.
    Field(String, String),
    /// `-Name`.
    Without(String),
    /// A bare word.
    Flag(String),
}

/// What the node is expected to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// A status or a method.
    pub head: String,
    /// Whether it repeats something said before.
    pub again: bool,
    /// What is compared.
    pub parts: Vec<Part>,
}

impl Script {
    /// Reads a flow; the error names the line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut lines: Vec<Line> = Vec::new();
        for (index, source) in text.lines().enumerate() {
            if let Some(block) = source.trim_start().strip_prefix('|') {
                let block = block.strip_prefix(' ').unwrap_or(block).to_owned();
                match lines.last_mut() {
                    Some(Line {
                        kind:
                            LineKind::Action {
                                action:
                                    Action::Say { block: lines, .. } | Action::Documents { block: lines, .. },
                                ..
                            },
                        source: said,
                        ..
                    }) => {
                        lines.push(block);
                        said.push('\n');
                        said.push_str(source);
                    }
                    _ => {
                        return Err(format!(
                            "line {}: `|` follows neither a message of a peer nor a document",
                            index + 1
                        ));
                    }
                }
                continue;
            }
            let kind = parse_line(source).map_err(|error| format!("line {}: {error}", index + 1))?;
            lines.push(Line { source: source.to_owned(), number: index + 1, kind });
        }
        Ok(Self { lines })
    }
}

fn parse_line(source: &str) -> Result<LineKind, String> {
    let text = source.trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(LineKind::Silent);
    }
    let (at, text) = match text.strip_prefix('+') {
        None => (None, text),
        Some(rest) => {
            let (time, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            (Some(span(time)?), rest.trim())
        }
    };
    let (first, rest) = text.split_once(' ').map_or((text, ""), |(first, rest)| (first, rest.trim_start()));
    if first == "<" {
        return Ok(LineKind::Expect { at, peer: None, expected: expected(rest)? });
    }
    if let Some(rest) = rest.strip_prefix("< ") {
        return Ok(LineKind::Expect { at, peer: Some(first.to_owned()), expected: expected(rest)? });
    }
    let action = if let Some(rest) = rest.strip_prefix("> ") { say(first, rest)? } else { direction(text)? };
    Ok(LineKind::Action { at, action })
}

fn say(peer: &str, text: &str) -> Result<Action, String> {
    let (head, parts) = parts(text)?;
    let (head, target) = match head.split_once(' ') {
        None => (head, None),
        Some((head, target)) => (head.to_owned(), Some(target.trim().to_owned())),
    };
    Ok(Action::Say { peer: peer.to_owned(), head, target, parts, block: Vec::new() })
}

fn expected(text: &str) -> Result<Expected, String> {
    let (head, parts) = parts(text)?;
    let (head, again) = match head.split_once(' ') {
        None => (head, false),
        Some((head, "again")) => (head.to_owned(), true),
        Some((_, word)) => return Err(format!("`{word}` behind what the node says")),
    };
    Ok(Expected { head, again, parts })
}

fn direction(text: &str) -> Result<Action, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match words.as_slice() {
        [] | ["quiet"] => Ok(Action::Quiet),
        ["set", rest @ ..] => Ok(Action::Set(owned(rest))),
        ["peer", name, rest @ ..] => {
            Ok(Action::Peer { name: name.trim_end_matches(':').to_owned(), words: owned(rest) })
        }
        [peer, "answers", status, ..] => {
            let (_, parts) = parts(text)?;
            let status = match *status {
                "nothing" => None,
                status => Some(status.parse().map_err(|_| format!("`{status}` is no status"))?),
            };
            Ok(Action::Answers { peer: (*peer).to_owned(), status, parts })
        }
        ["lose", "next", peer] => Ok(Action::Lose((*peer).to_owned())),
        [peer, "takes", "no", "stream"] => Ok(Action::NoStream((*peer).to_owned())),
        [peer, "opens", "another", "stream"] => Ok(Action::Another((*peer).to_owned())),
        ["close", peer] => Ok(Action::Close { peer: (*peer).to_owned(), before: false }),
        ["close", peer, "before"] => Ok(Action::Close { peer: (*peer).to_owned(), before: true }),
        ["crash"] => Ok(Action::Crash(Duration::ZERO)),
        ["crash", "losing", time] => Ok(Action::Crash(span(time)?)),
        ["restart"] => Ok(Action::Restart),
        ["storage", "failing"] => Ok(Action::Storage(false)),
        ["storage", "healthy"] => Ok(Action::Storage(true)),
        ["names", host, places @ ..] => {
            Ok(Action::Names { host: host.trim_end_matches(':').to_owned(), places: owned(places) })
        }
        ["documents", "late", time] => Ok(Action::Library(Some(span(time)?))),
        ["documents", "failing"] => Ok(Action::Library(None)),
        ["documents", "healthy"] => Ok(Action::Library(Some(Duration::ZERO))),
        ["documents", owner, verb @ ("put" | "delete"), path] => Ok(Action::Documents {
            owner: owner.trim_end_matches(':').to_owned(),
            verb: (*verb).to_owned(),
            path: (*path).to_owned(),
            block: Vec::new(),
        }),
        ["rules" | "lists", owner, ..] if owner.ends_with(':') => {
            let owner = owner.trim_end_matches(':');
            let (_, line) = text.split_once(':').unwrap_or_default();
            let (path, block) = if words[0] == "rules" {
                ("org.openmobilealliance.pres-rules/pres-rules", shorthand::rules(owner, line)?)
            } else {
                ("resource-lists/index", shorthand::lists(owner, line)?)
            };
            let (owner, verb, path) = (owner.to_owned(), "put".to_owned(), path.to_owned());
            Ok(Action::Documents { owner, verb, path, block: vec![block] })
        }
        ["gauges", ..] => Ok(Action::Gauges(parts(text)?.1)),
        [first, ..] => Err(format!("`{first}` is no stage direction")),
    }
}

/// Splits at two spaces or more; the first piece is the head.
fn parts(text: &str) -> Result<(String, Vec<Part>), String> {
    let mut pieces = text.split("  ").map(str::trim).filter(|piece| !piece.is_empty());
    let head = pieces.next().ok_or("nothing is said")?.to_owned();
    let parts = pieces
        .map(|piece| match (piece.strip_prefix('-'), piece.split_once(": ")) {
            (Some(name), _) => Part::Without(name.to_owned()),
            (None, Some((name, value))) => Part::Field(name.trim().to_owned(), value.trim().to_owned()),
            (None, None) => match piece.strip_suffix(':') {
                Some(name) => Part::Field(name.trim().to_owned(), String::new()),
                None => Part::Flag(piece.to_owned()),
            },
        })
        .collect();
    Ok((head, parts))
}

/// `10s`, `0.5s`, `40ms`, `5m`, `2h`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no span of time, such as 10s or 40ms");
    let digits = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64((number * millis).round() / 1000.0).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_read_line_by_line() {
        let script = Script::parse(
            "# Title\n+0s    bob   > SUBSCRIBE alice  Event: presence  -Contact\n             < 200  Expires: 7200\n\
             +1.5s  bob   < NOTIFY again  pidf: (empty)\n       crash losing 40ms\n",
        )
        .expect("it is sound");
        assert_eq!(script.lines.len(), 5);
        let LineKind::Action { at, action: Action::Say { peer, head, target, parts, .. } } =
            &script.lines[1].kind
        else {
            panic!("{:?}", script.lines[1]);
        };
        assert_eq!((*at, peer.as_str(), head.as_str()), (Some(Duration::ZERO), "bob", "SUBSCRIBE"));
        assert_eq!(target.as_deref(), Some("alice"));
        assert_eq!(parts[1], Part::Without("Contact".into()));
        let LineKind::Expect { at, expected, .. } = &script.lines[3].kind else {
            panic!("{:?}", script.lines[3])
        };
        assert_eq!(*at, Some(Duration::from_millis(1500)));
        assert!(expected.again);
        let LineKind::Action { action, .. } = &script.lines[4].kind else { panic!("{:?}", script.lines[4]) };
        assert_eq!(*action, Action::Crash(Duration::from_millis(40)));
    }

    #[test]
    fn a_line_that_says_nothing_known_is_refused_by_number() {
        assert_eq!(
            Script::parse("\n\ndance\n").err().as_deref(),
            Some("line 3: `dance` is no stage direction")
        );
        assert!(Script::parse("+1 day bob > X").is_err());
    }
}
