//! The door: what comes in is read once, refused if it is malformed, and given to the shard that owns it.

use sip::{Limits, Message, Method, Name, ParseErrorKind, Start, Via};
use sip_stack::dialog::LocalTag;
use sip_stack::server_transactions::stateless_tag;
use sip_stack::{Flow, Protocol};

use crate::effects::Effects;
use crate::record::Partition;
use crate::settings::Settings;

/// Index of a shard: the owner of every partition that leaves this remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

impl ShardId {
    /// The shard, of `shards`, that owns a partition.
    pub const fn owner_of(partition: Partition, shards: u16) -> Self {
        Self(partition.0 % shards)
    }
}

/// What the door makes of received octets.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack for one message; a box would be an allocation each"
)]
pub enum Entry<'a> {
    /// A message for this shard.
    Deliver {
        /// Its owner.
        shard: ShardId,
        /// The message, read.
        message: Message<'a>,
    },
    /// A malformed request; the answer is among the effects.
    Answered,
    /// Nothing that is worth an answer: no SIP, a malformed response or ACK, a keep-alive.
    Dropped,
}

/// Reads one datagram, or one message cut from a stream, and finds its owner. Keeps no state.
pub fn enter<'a>(
    bytes: &'a [u8],
    flow: Flow,
    settings: &Settings,
    shards: u16,
    out: &mut Effects,
) -> Entry<'a> {
    let limits = &settings.limits.sip;
    let mut message = match Message::parse(bytes, limits) {
        Ok(message) => message,
        Err(error) if error.kind == ParseErrorKind::TooLarge => return too_large(bytes, flow, out),
        Err(_) => return Entry::Dropped,
    };
    if let Start::Response { .. } = message.start() {
        // It counts only if it fits a transaction and dialog of ours to the letter: no more need be looked at.
        let shard = branch_owner(&message, shards);
        return Entry::Deliver { shard, message };
    }
    if let Err(defect) = message.check(limits) {
        let answerable = message.method().is_some_and(|method| method != Method::Ack);
        if !answerable || !answer(&message, flow, (defect.status, defect.reason), None, out) {
            return Entry::Dropped;
        }
        return Entry::Answered;
    }
    let (Some(method), Some(uri)) = (message.method(), message.uri()) else { return Entry::Dropped };
    let shard = request_owner(&message, method, uri, settings, shards);
    Entry::Deliver { shard, message }
}

/// Above a limit: 513 if the octets are a request at all, RFC 3261 §21.5.7. Costs one reading and no state.
fn too_large<'a>(bytes: &[u8], flow: Flow, out: &mut Effects) -> Entry<'a> {
    let loose = Limits {
        message: bytes.len(),
        headers: Limits::MOST_HEADERS,
        header: bytes.len(),
        ..Limits::default()
    };
    match Message::parse(bytes, &loose) {
        Ok(message)
            if message.method().is_some_and(|method| method != Method::Ack)
                && answer(&message, flow, (513, ""), None, out) =>
        {
            Entry::Answered
        }
        _ => Entry::Dropped,
    }
}

/// The owner's mailbox is full: 503 with Retry-After, RFC 3261 §21.5.4. Responses are dropped; they come again.
pub fn overloaded(bytes: &[u8], flow: Flow, settings: &Settings, out: &mut Effects) {
    if let Ok(message) = Message::parse(bytes, &settings.limits.sip)
        && message.method().is_some_and(|method| method != Method::Ack)
    {
        answer(&message, flow, (503, ""), Some(sip_stack::subscriptions::RETRY_AFTER.as_secs()), out);
    }
}

/// Where the answer to a request goes, RFC 3261 §18.2.2 and RFC 3581 §4: back on the stream, or to the source
/// address at the source port if rport asks for it, else at the port of the Via.
pub fn way_back(via: &Via<'_>, flow: Flow) -> Flow {
    if flow.protocol == Protocol::Tcp || via.rport().is_some() {
        return flow;
    }
    let mut remote = flow.remote;
    remote.set_port(via.port.unwrap_or(5060));
    Flow { remote, ..flow }
}

fn answer(
    request: &Message<'_>,
    flow: Flow,
    (status, phrase): (u16, &str),
    retry_after: Option<u64>,
    out: &mut Effects,
) -> bool {
    let back = match request.via() {
        Some((via, _)) => way_back(&via, flow),
        // The Via of another version cannot be read either, RFC 4475 §3.1.2.16.
        None if status == 505 && request.get(Name::Via).is_some() => flow,
        None => return false,
    };
    let tag = stateless_tag(request);
    out.send(back, None, |bytes| {
        let mut response = sip::respond_with(bytes, request, status, phrase, Some(flow.remote), Some(&tag));
        if let Some(seconds) = retry_after {
            response.number(Name::RetryAfter, seconds);
        }
        response.finish(&[]);
    });
    true
}

fn request_owner(
    request: &Message<'_>,
    method: Method<'_>,
    uri: &str,
    settings: &Settings,
    shards: u16,
) -> ShardId {
    let in_dialog = match method {
        // A PUBLISH never belongs to a dialog, whatever tag it carries: RFC 3903 §4.
        Method::Publish => None,
        _ => to_tag(request).and_then(LocalTag::parse),
    };
    let partition = match in_dialog {
        Some(tag) => Partition(tag.partition),
        None if method == Method::Subscribe => list_partition(request, settings),
        None => sip::aor_hash(uri).map_or(Partition(0), Partition::of_hash),
    };
    ShardId::owner_of(partition, shards)
}

/// The partition of an initial SUBSCRIBE: that of whom its Request-URI names. All lists in requests are sent to one URI:
/// they go to the partition of their sender, as From names it.
pub(crate) fn list_partition(request: &Message<'_>, settings: &Settings) -> Partition {
    let uri = request.uri().unwrap_or_default();
    let is_server = settings.lists.as_ref().is_some_and(|lists| lists.is_server(uri));
    let from = if is_server { request.from() } else { None };
    let hash = sip::aor_hash(from.map_or(uri, |from| from.uri));
    hash.map_or(Partition(0), Partition::of_hash)
}

/// The tag of the To field.
pub fn to_tag<'a>(message: &Message<'a>) -> Option<&'a str> {
    message.to()?.tag()
}

fn branch_owner(response: &Message<'_>, shards: u16) -> ShardId {
    ShardId(Branch::of(response).map_or(0, |branch| branch.shard) % shards)
}

/// The branch of our own requests: which shard, which transaction, and a secret of this life of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The shard.
    pub shard: u16,
    /// The transaction in it.
    pub transaction: u64,
    /// The same for all branches of one life.
    pub life: u32,
}

impl Branch {
    const COOKIE: &'static str = "z9hG4bK";
    const DIGITS: usize = 28;

    /// The branch of the request that `response` answers, if it has the form of ours.
    pub fn of(response: &Message<'_>) -> Option<Self> {
        let via = response.get(Name::Via)?;
        let digits =
            via.get(via.find(Self::COOKIE)? + Self::COOKIE.len()..)?.as_bytes().get(..Self::DIGITS)?;
        let life = u32::try_from(number(&digits[..8])?).ok()?;
        let shard = u16::try_from(number(&digits[8..12])?).ok()?;
        Some(Self { shard, transaction: number(&digits[12..])?, life })
    }

    /// As printed.
    pub fn text(&self) -> BranchText {
        let mut text = *b"z9hG4bK0000000000000000000000000000";
        let digits = &mut text[Self::COOKIE.len()..];
        print(&mut digits[..8], u64::from(self.life));
        print(&mut digits[8..12], u64::from(self.shard));
        print(&mut digits[12..], self.transaction);
        BranchText(text)
    }
}

/// See [`Branch::text`].
#[derive(Clone, Copy, Debug)]
pub struct BranchText([u8; 35]);

impl BranchText {
    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits
        .iter()
        .try_fold(0, |number: u64, digit| Some(number << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}

fn print(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_mailbox_is_told_to_requests_alone() {
        use sip_stack::{Connection, Local};
        let remote = ([192, 0, 2, 1], 5060).into();
        let flow = Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE };
        let told = |text: &str| -> Vec<String> {
            let mut out = Effects::default();
            overloaded(text.as_bytes(), flow, &Settings::default(), &mut out);
            out.outgoing().map(|sent| String::from_utf8(sent.head.to_vec()).unwrap()).collect()
        };
        let message = |start: &str, method: &str| {
            format!(
                "{start}\r\nVia: SIP/2.0/UDP h:5060;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\n\
                 Call-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
            )
        };
        let [answer] = &told(&message("PUBLISH sip:a@h SIP/2.0", "PUBLISH"))[..] else {
            panic!("one answer");
        };
        assert!(answer.starts_with("SIP/2.0 503 Service Unavailable\r\n"), "{answer}");
        assert!(answer.contains("\r\nRetry-After: 30\r\n") && answer.contains(";tag="), "{answer}");
        for nothing in
            [message("ACK sip:a@h SIP/2.0", "ACK"), message("SIP/2.0 200 OK", "NOTIFY"), "x".into()]
        {
            assert_eq!(told(&nothing), [""; 0], "{nothing}");
        }
    }

    #[test]
    fn a_branch_is_found_again_in_the_response() {
        let branch = Branch { shard: 3, transaction: 0x1234_5678_9abc_def0, life: 0xdead_beef };
        let text = branch.text();
        let response = |via: &str| format!("SIP/2.0 200 OK\r\nVia: {via}\r\nCall-ID: c\r\n\r\n");
        for via in [
            format!("SIP/2.0/UDP h:5060;branch={};rport=5", text.as_str()),
            format!("SIP/2.0/UDP h:5060;rport; branch = {}", text.as_str()),
        ] {
            let bytes = response(&via).into_bytes();
            let message = Message::parse(&bytes, &Limits::default()).unwrap();
            assert_eq!(Branch::of(&message), Some(branch), "{via}");
        }
        for via in
            ["SIP/2.0/UDP h;branch=z9hG4bKshort", "SIP/2.0/UDP h;branch=z9hG4bK00000000000000000000000000zz"]
        {
            let bytes = response(via).into_bytes();
            let message = Message::parse(&bytes, &Limits::default()).unwrap();
            assert_eq!(Branch::of(&message), None, "{via}");
        }
    }
}
