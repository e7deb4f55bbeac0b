//! One subscription as its notifier holds it: dialog, lifetime, and at most one NOTIFY without an answer.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use sip::{Aor, Decimal, EventHeader, Host, Message, Name, RetryAfter, Uri, Writer};

use crate::bytes::{FieldReader, FieldWriter};
use crate::dialog::{Dialog, DialogDefect};
use crate::flow::{Connection, Flow};
use crate::time::Timestamp;

/// Why a subscription is over, as the Subscription-State field says it, RFC 6665 §4.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Ended by us; the watcher should subscribe again at once.
    Deactivated,
    /// Ended by us for a while.
    Probation,
    /// The watcher may no longer watch.
    Rejected,
    /// It ran out, or the watcher ended it.
    Timeout,
    /// Authorization did not come in time.
    Giveup,
    /// What was watched is no more.
    NoResource,
}

impl Reason {
    /// As printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Giveup => "giveup",
            Self::NoResource => "noresource",
        }
    }
}

/// The state of a subscription, RFC 6665 §4.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Accepted and authorized.
    Active,
    /// Accepted; nobody has said yet whether it may be.
    Pending,
    /// Over; one last NOTIFY says so.
    Terminated(Reason),
}

/// What to do after a NOTIFY has been answered, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Delivered.
    Delivered,
    /// Not delivered; the subscription stays, and the next NOTIFY waits until then.
    RetryAt(Timestamp),
    /// Not delivered; the subscription stays, and the next change is tried again.
    Kept,
    /// Not delivered; there is another way, and what was to be said goes it at once.
    AnotherWay,
    /// Not delivered, for want of a way; the subscription waits for a SUBSCRIBE to bring one.
    Suspended,
    /// The subscription is removed without a further word.
    Removed,
}

/// How a NOTIFY ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A final response, with the seconds of its Retry-After.
    Answered {
        /// 200 to 699.
        status: u16,
        /// Seconds.
        retry_after: Option<u32>,
    },
    /// Nobody answered within timer F.
    TimedOut,
    /// The stream that it went out on, or was to go out on, is no more.
    FlowBroken,
    /// The stream that it went out on is no more, and a SUBSCRIBE has brought another way since.
    FlowLeft,
    /// It was too large for a datagram, and the peer takes no stream, RFC 3261 §18.1.1.
    NoStream,
}

impl Outcome {
    /// What a final response says.
    pub fn of(response: &Message<'_>) -> Option<Self> {
        let status = response.status().filter(|status| *status >= 200)?;
        let retry_after = response.get(Name::RetryAfter).and_then(|value| RetryAfter::parse(value).ok());
        Some(Self::Answered { status, retry_after: retry_after.map(|value| value.seconds) })
    }
}

/// Consecutive NOTIFYs that fail without the peer saying that the subscription is gone; then it is removed.
const FAILURES_MAX: u8 = 3;

/// CSeq numbers are set aside in blocks: the end of a block is stored before the block before it is used up,
/// so that a restart can only jump forward.
const CSEQ_BLOCK: u16 = 1024;

/// Between two identities; no URI holds it.
const SEPARATOR: &str = " ";

/// What one NOTIFY says besides its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its CSeq.
    pub cseq: u32,
    /// Its state.
    pub state: State,
    /// Its `expires`, seconds.
    pub expires: u32,
}

/// A subscription at the notifier, RFC 6665 §4.2. The event package that owns it says what to send and when.
///
/// Small and in one piece, since there are millions of them: all its texts are one allocation, the dialog's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The dialog. With it are kept the Event field's value, the identities of the subscriber, and the remote target of
    /// the NOTIFY without an answer where it is no longer the dialog's.
    dialog: Dialog,
    /// The way of the answer to the last SUBSCRIBE: NOTIFYs go it too. Without rport the source port of a request is
    /// no place where its sender listens, RFC 3581 §4, RFC 3261 §18.2.2.
    flow: Flow,
    expires_at: Timestamp,
    cseq: u32,
    /// The `expires` of the NOTIFY without an answer.
    told_expires: u32,
    /// Numbers that are set aside and not used yet.
    reserved: u16,
    event_length: u16,
    identities_length: u16,
    state: State,
    /// The state in the NOTIFY without an answer, if there is one; its number is `cseq`.
    told_state: Option<State>,
    failures: u8,
    /// Whether the peer has ever answered: until then its address is only what it claims to be.
    verified: bool,
}

impl Subscription {
    /// A new subscription, as its SUBSCRIBE asks. `event` is the Event field's value, with its `id` if there is one.
    ///
    /// Refuses texts that are too long to be kept.
    pub fn accept(
        mut dialog: Dialog,
        flow: Flow,
        event: &str,
        identities: &[Aor],
        state: State,
        expires_at: Timestamp,
    ) -> Result<Self, DialogDefect> {
        let mut texts = vec![event];
        for (index, identity) in identities.iter().enumerate() {
            texts.extend((index > 0).then_some(SEPARATOR));
            texts.push(identity.as_str());
        }
        let identities_length = texts[1..].iter().map(|text| text.len()).sum();
        let length = |length: usize| u16::try_from(length).map_err(|_| DialogDefect::Identification);
        let (event_length, identities_length) = (length(event.len())?, length(identities_length)?);
        dialog.keep(&texts)?;
        Ok(Self {
            dialog,
            flow,
            expires_at,
            cseq: 0,
            told_expires: 0,
            reserved: CSEQ_BLOCK,
            event_length,
            identities_length,
            state,
            told_state: None,
            failures: 0,
            verified: false,
        })
    }

    /// A SUBSCRIBE inside the dialog: new lifetime, remote target and flow in one step, RFC 6665 §4.2.1.4.
    ///
    /// A NOTIFY that is under way still is what it was when it is repeated.
    pub fn refresh(
        &mut self,
        request: &Message<'_>,
        flow: Flow,
        expires_at: Timestamp,
    ) -> Result<(), DialogDefect> {
        let told = self.told_state.is_some() && self.told_target().is_empty();
        let told = told.then(|| self.dialog.remote_target().to_owned());
        self.dialog.refresh(request)?;
        if let Some(told) = told.filter(|told| told != self.dialog.remote_target()) {
            let (event, identities) = (self.event().to_owned(), self.identities_text().to_owned());
            self.dialog.keep(&[&event, &identities, &told])?;
        }
        self.flow = flow;
        self.expires_at = expires_at;
        self.failures = 0;
        Ok(())
    }

    /// The dialog.
    pub fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// A request in the dialog uses up its CSeq, refused or not, RFC 3261 §12.2.2.
    pub fn hear(&mut self, cseq: u32) {
        self.dialog.hear(cseq);
    }

    /// The way that NOTIFYs go.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// The state that the next NOTIFY tells.
    pub fn state(&self) -> State {
        self.state
    }

    /// When it runs out.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Changes the state; a terminated subscription stays so.
    pub fn set_state(&mut self, state: State) {
        if !matches!(self.state, State::Terminated(_)) {
            self.state = state;
        }
    }

    /// The Event field's value.
    pub fn event(&self) -> &str {
        &self.dialog.kept()[..usize::from(self.event_length)]
    }

    fn identities_text(&self) -> &str {
        let from = usize::from(self.event_length);
        &self.dialog.kept()[from..from + usize::from(self.identities_length)]
    }

    /// The proven names of the subscriber, canonical; the one that it asserts first.
    pub fn identities(&self) -> impl Iterator<Item = &str> {
        self.identities_text().split(SEPARATOR)
    }

    /// The first of its names.
    pub fn identity(&self) -> &str {
        self.identities().next().unwrap_or_default()
    }

    /// The remote target of the NOTIFY without an answer, if it is no longer the dialog's; else empty.
    fn told_target(&self) -> &str {
        &self.dialog.kept()[usize::from(self.event_length) + usize::from(self.identities_length)..]
    }

    /// The remote target of the NOTIFY without an answer, else of the next one.
    fn target(&self) -> &str {
        match self.told_target() {
            "" => self.dialog.remote_target(),
            told => told,
        }
    }

    /// Whether an Event field means this subscription: of its parameters only `id` counts,
    /// RFC 6665 §8.2.1.
    pub fn is_to(&self, event: &str) -> bool {
        if self.event() == event {
            return true;
        }
        match (EventHeader::parse(self.event()), EventHeader::parse(event)) {
            (Ok(own), Ok(other)) => own.is(other.package) && own.id() == other.id(),
            _ => false,
        }
    }

    /// The NOTIFY without an answer: while there is one, no other leaves.
    pub fn in_flight(&self) -> Option<Sent> {
        let state = self.told_state?;
        Some(Sent { cseq: self.cseq, state, expires: self.told_expires })
    }

    /// The CSeq of the next NOTIFY: one more than how many there have been, and more than that after a restart.
    pub fn next_cseq(&self) -> u32 {
        self.cseq + 1
    }

    /// Whether the subscription must be stored before the next NOTIFY, because its block of CSeq numbers runs low.
    pub fn reserve(&mut self) -> bool {
        let low = self.reserved <= CSEQ_BLOCK / 2;
        if low {
            self.reserved += CSEQ_BLOCK;
        }
        low
    }

    /// A NOTIFY leaves now; its number is one more than that of the one before.
    pub fn send(&mut self, now: Timestamp) -> Sent {
        debug_assert!(self.told_state.is_none(), "one NOTIFY in flight per dialog");
        self.cseq += 1;
        self.reserved = self.reserved.saturating_sub(1);
        let remaining = self.expires_at.since(now).as_millis().div_ceil(1000);
        let expires = u32::try_from(remaining).unwrap_or(u32::MAX);
        (self.told_state, self.told_expires) = (Some(self.state), expires);
        Sent { cseq: self.cseq, state: self.state, expires }
    }

    /// The NOTIFY has ended; what becomes of the subscription, RFC 6665 §4.2.2, RFC 5057 §5.1.
    pub fn ended(&mut self, now: Timestamp, outcome: Outcome, unanswered_max: u8) -> Verdict {
        let Some(told) = self.told_state.take() else { return Verdict::Kept };
        if !self.told_target().is_empty() {
            let (event, identities) = (self.event().to_owned(), self.identities_text().to_owned());
            self.dialog.keep(&[&event, &identities]).expect("shorter than it was");
        }
        match outcome {
            // Also for the last word, and for the only one that a fetch gets.
            Outcome::NoStream | Outcome::FlowLeft => Verdict::AnotherWay,
            Outcome::FlowBroken if self.reroute() => Verdict::AnotherWay,
            _ if matches!(told, State::Terminated(_)) => Verdict::Removed,
            Outcome::Answered { status: 200..=299, .. } => {
                self.verified = true;
                self.failures = 0;
                Verdict::Delivered
            }
            Outcome::Answered { status: 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604, .. } => {
                Verdict::Removed
            }
            // Somebody on the way waited in our stead, RFC 5057 §5.1 note 4.
            Outcome::TimedOut | Outcome::Answered { status: 408, .. } if !self.verified => Verdict::Removed,
            Outcome::TimedOut | Outcome::Answered { status: 408, .. } => self.failed(unanswered_max),
            Outcome::Answered { retry_after: Some(seconds), .. } => {
                self.verified = true;
                Verdict::RetryAt(now + Duration::from_secs(u64::from(seconds)))
            }
            Outcome::Answered { .. } => self.failed(FAILURES_MAX),
            Outcome::FlowBroken => Verdict::Suspended,
        }
    }

    /// The stream is gone: from now on NOTIFYs go where route set and remote target say (RFC 3261 §8.1.2), over a stream
    /// that is opened for them. Whether there is such a way, and it was not the one that has failed.
    ///
    /// Only the port is taken from the URI: the host must be the one that the last SUBSCRIBE came from, so that nobody
    /// can turn NOTIFYs on somebody else (RFC 3856 §9.5), and a private address behind NAT is none.
    fn reroute(&mut self) -> bool {
        let Some(port) = self.dialog.hop().and_then(|hop| stream_port(hop, self.flow.remote.ip())) else {
            return false;
        };
        let remote = SocketAddr::new(self.flow.remote.ip(), port);
        let way = Flow { remote, connection: Connection::NONE, ..self.flow };
        core::mem::replace(&mut self.flow, way) != way
    }

    fn failed(&mut self, max: u8) -> Verdict {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= max { Verdict::Removed } else { Verdict::Kept }
    }

    /// About how many octets the head of a NOTIFY takes; never too few for an ordinary Via and Contact.
    pub fn head_size(&self) -> usize {
        let (uri, routes) = self.dialog.route(self.target());
        uri.len() + routes.len() + self.dialog.identification().len() + self.event().len() + 420
    }

    /// Prints the head of a NOTIFY up to Subscription-State; the package adds its fields and finishes.
    ///
    /// `via` is sent-by with the protocol before it (`SIP/2.0/UDP host:port`), `contact` our Contact's value.
    pub fn print<'b>(
        &self,
        out: &'b mut Vec<u8>,
        sent: Sent,
        via: &str,
        branch: &str,
        contact: &str,
    ) -> Writer<'b> {
        let (uri, routes) = self.dialog.route(self.target());
        let expires = Decimal::of(u64::from(sent.expires));
        let mut notify = Writer::request(out, "NOTIFY", uri);
        notify.pieces(Name::Via, &[via, ";branch=", branch, ";rport"]);
        notify.lines(&routes);
        notify.lines("Max-Forwards: 70\r\n");
        notify.lines(self.dialog.identification());
        notify.pieces(Name::CSeq, &[Decimal::of(u64::from(sent.cseq)).as_str(), " NOTIFY"]);
        notify.field(Name::Contact, contact);
        notify.field(Name::Event, self.event());
        let state = match sent.state {
            State::Active => ["active;expires=", expires.as_str()],
            State::Pending => ["pending;expires=", expires.as_str()],
            State::Terminated(reason) => ["terminated;reason=", reason.as_str()],
        };
        notify.pieces(Name::SubscriptionState, &state);
        notify
    }

    /// Jumps over the numbers that earlier lives may have used and that no row tells of, because it was lost with the
    /// last moments of a life: a block for each life since the dialog was made.
    pub fn skip(&mut self, lives: u32) {
        const HIGHEST: u32 = (1 << 31) - 4 * CSEQ_BLOCK as u32; // RFC 3261 §8.1.1.5: below 2**31
        let cseq = self.cseq.saturating_add(lives.saturating_mul(u32::from(CSEQ_BLOCK)));
        self.cseq = cseq.min(HIGHEST.max(self.cseq));
        self.reserved = 0;
    }

    /// About how many octets [`Subscription::store`] writes, with a little room for what its owner adds.
    pub fn stored_size(&self) -> usize {
        self.head_size() + self.identities_text().len()
    }

    /// Writes the subscription into a stored row.
    pub fn store(&self, out: &mut FieldWriter) {
        out.bytes(self.identities_text().as_bytes());
        self.dialog.store(out);
        store_flow(&self.flow, out);
        out.bytes(self.event().as_bytes());
        out.number(u64::from(matches!(self.state, State::Pending)));
        out.number(self.expires_at.as_micros())
            .number(u64::from(self.cseq) + u64::from(self.reserved))
            .number(u64::from(self.verified));
    }

    /// Reads what [`Subscription::store`] wrote. CSeq goes on after all numbers that may have been used.
    pub fn restore(from: &mut FieldReader<'_>) -> Option<Self> {
        let identities = from.text()?;
        let mut dialog = Dialog::restore(from)?;
        let flow = restore_flow(from)?;
        let event = from.text()?;
        let state = if from.number()? == 0 { State::Active } else { State::Pending };
        let expires_at = Timestamp::from_micros(from.number()?);
        let cseq = from.small::<u32>()?;
        let verified = from.number()? != 0;
        cseq.checked_add(2 * u32::from(CSEQ_BLOCK))?;
        dialog.keep(&[event, identities]).ok()?;
        Some(Self {
            dialog,
            flow,
            expires_at,
            cseq,
            told_expires: 0,
            // Nothing is set aside yet, see `skip`: the first NOTIFY of this life stores a block of its own before it
            // leaves.
            reserved: 0,
            event_length: u16::try_from(event.len()).ok()?,
            identities_length: u16::try_from(identities.len()).ok()?,
            state,
            told_state: None,
            failures: 0,
            verified,
        })
    }
}

/// The port at which the host of a URI takes streams, if it is `source` for all we know.
fn stream_port(hop: &str, source: IpAddr) -> Option<u16> {
    let Ok(Uri::Sip(uri)) = Uri::parse(hop) else { return None };
    let is_source = match uri.host {
        Host::Name(name) => !name.to_ascii_lowercase().ends_with(".invalid"), // RFC 7118 §5 has such Contacts
        Host::V4(_) | Host::V6(_) => uri.host.address() == Some(source),
    };
    let by_stream = uri.transport().is_none_or(|transport| transport.eq_ignore_ascii_case("tcp"));
    (is_source && by_stream && !uri.secure).then_some(uri.port.unwrap_or(5060))
}

fn store_flow(flow: &Flow, out: &mut FieldWriter) {
    out.number(u64::from(flow.protocol.is_reliable())).number(u64::from(flow.local.0));
    out.bytes(flow.remote.to_string().as_bytes());
}

/// A stream does not outlive the process: its flow comes back without a connection.
fn restore_flow(from: &mut FieldReader<'_>) -> Option<Flow> {
    use crate::flow::{Local, Protocol};
    let protocol = if from.number()? == 0 { Protocol::Udp } else { Protocol::Tcp };
    let local = Local(from.small()?);
    Some(Flow { protocol, local, remote: from.text()?.parse().ok()?, connection: Connection::NONE })
}

#[cfg(test)]
mod tests {
    use sip::Limits;

    use super::*;
    use crate::dialog::LocalTag;
    use crate::flow::{Local, Protocol};

    fn subscription() -> Subscription {
        let text = "SUBSCRIBE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:b@h>;tag=1\r\n\
                    To: <sip:a@h>\r\nCall-ID: c\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:b@h>\r\nEvent: presence\r\n\r\n";
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let dialog = Dialog::accept(&message, LocalTag { partition: 1, number: 2 }).unwrap();
        let remote = "192.0.2.1:5060".parse().unwrap();
        let flow = Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE };
        let identities = [Aor::parse("sip:b@h").unwrap(), Aor::parse("tel:+15550100").unwrap()];
        Subscription::accept(dialog, flow, "presence", &identities, State::Active, at(3600)).unwrap()
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1000 + secs)
    }

    fn outcome(status: u16, retry_after: Option<u32>) -> Outcome {
        Outcome::Answered { status, retry_after }
    }

    /// What becomes of a subscription whose peer has answered once, and then lets a NOTIFY end like this.
    fn verdict(last: Outcome) -> Verdict {
        let mut subscription = subscription();
        subscription.send(at(0));
        assert_eq!(subscription.ended(at(0), outcome(200, None), 1), Verdict::Delivered);
        subscription.send(at(1));
        subscription.ended(at(1), last, 1)
    }

    #[test]
    fn failures_end_the_subscription_by_rfc_6665_section_4_2_2() {
        for status in [404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604] {
            assert_eq!(verdict(outcome(status, None)), Verdict::Removed, "{status}");
        }
        for status in [400, 401, 407, 486, 500, 503, 600] {
            assert_eq!(verdict(outcome(status, None)), Verdict::Kept, "{status}");
        }
        assert_eq!(verdict(outcome(503, Some(30))), Verdict::RetryAt(at(31)));
        assert_eq!(verdict(Outcome::TimedOut), Verdict::Removed);
        assert_eq!(verdict(Outcome::FlowBroken), Verdict::Suspended);
    }

    #[test]
    fn patience_keeps_a_silent_watcher_that_once_answered_but_no_other() {
        let mut known = subscription();
        known.send(at(0));
        known.ended(at(0), outcome(200, None), 2);
        known.send(at(1));
        assert_eq!(known.ended(at(33), Outcome::TimedOut, 2), Verdict::Kept);
        known.send(at(34));
        assert_eq!(known.ended(at(66), Outcome::TimedOut, 2), Verdict::Removed);
        let mut stranger = subscription();
        stranger.send(at(0));
        assert_eq!(stranger.ended(at(32), Outcome::TimedOut, 2), Verdict::Removed);
    }

    #[test]
    fn three_failures_in_a_row_are_enough() {
        let mut subscription = subscription();
        let mut verdicts = Vec::new();
        for status in [500, 500, 200, 500, 500, 500] {
            subscription.send(at(0));
            verdicts.push(subscription.ended(at(0), outcome(status, None), 1));
        }
        use Verdict::{Delivered, Kept, Removed};
        assert_eq!(verdicts, [Kept, Kept, Delivered, Kept, Kept, Removed]);
    }

    #[test]
    fn numbers_go_on_after_the_block_that_was_set_aside() {
        let mut live = subscription();
        for _ in 0..5000 {
            live.reserve();
            live.send(at(0));
            live.ended(at(0), outcome(200, None), 1);
            let mut row = FieldWriter::new(1, 0);
            live.store(&mut row);
            let restored = Subscription::restore(&mut FieldReader::new(&row.finish(), 1).unwrap()).unwrap();
            assert!(restored.cseq >= live.cseq && restored.cseq - live.cseq <= 2 * u32::from(CSEQ_BLOCK));
        }
    }

    #[test]
    fn a_notify_is_printed_whole() {
        let mut subscription = subscription();
        let sent = subscription.send(at(1));
        let mut bytes = Vec::new();
        subscription.print(&mut bytes, sent, "SIP/2.0/UDP s:5060", "z9hG4bKx", "<sip:s:5060>").finish(b"");
        let mut notify = Message::parse(&bytes, &Limits::default()).unwrap();
        assert_eq!(notify.check(&Limits::default()), Ok(()));
        assert_eq!(notify.uri(), Some("sip:b@h"));
        assert_eq!(notify.get(Name::SubscriptionState), Some("active;expires=3599"));
        assert_eq!(notify.get(Name::CSeq), Some("1 NOTIFY"));
    }
}
