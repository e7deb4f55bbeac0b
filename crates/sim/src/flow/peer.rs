//! One of the cast: an address, an identity, its dialogs, and how it answers NOTIFYs.

use core::net::SocketAddr;

use sip_stack::{Connection, Flow, Local, Protocol};

use crate::flow::script::Part;
use crate::wire::{Message, address, compact_name, full_name};

/// A peer of the node. Everything it fills in is made from its name, so that a flow reads the same every time.
#[derive(Debug)]
pub(crate) struct Peer {
    /// As the flow calls it.
    pub name: String,
    /// Who it says it is.
    pub aor: String,
    /// How the node sees it.
    pub flow: Flow,
    /// Status and fields for NOTIFYs; `None` stays silent.
    pub answers: Option<(u16, Vec<Part>)>,
    /// Its streams that have ended.
    pub(crate) closed: Vec<Connection>,
    /// Its streams that are open still, but not the one that it uses.
    pub(crate) left: Vec<Flow>,
    /// Whether the node can open a stream to it.
    pub(crate) takes_streams: bool,
    /// How many messages of the node it will not hear.
    pub deaf: usize,
    /// SUBSCRIBE dialogs in the order they were begun.
    pub dialogs: Vec<Dialog>,
    /// The last request sent, as bytes and as fields.
    pub last: Option<(Vec<u8>, Message)>,
    /// Subscriptions of the node to whom the peer serves, in the order they were begun.
    pub subscribers: Vec<Subscriber>,
    /// Requests heard and not answered, oldest first.
    pub unanswered: Vec<Message>,
    /// The last WWW-Authenticate fields heard.
    pub challenges: Vec<String>,
    branches: u32,
    numbers: Vec<(String, u32)>,
}

/// A dialog that the node began with a SUBSCRIBE.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// The first SUBSCRIBE of its Call-ID.
    subscribe: Message,
    /// The peer's tag.
    tag: String,
    /// Of the last NOTIFY.
    cseq: u32,
}

/// A dialog that the peer began with a SUBSCRIBE.
#[derive(Debug)]
pub(crate) struct Dialog {
    /// Request-URI of the first SUBSCRIBE.
    pub target: String,
    /// Call-ID.
    pub call_id: String,
    /// The peer's tag.
    pub tag: String,
    /// The node's tag and Contact, once heard.
    pub remote: Option<(String, String)>,
    /// Of the last SUBSCRIBE.
    pub cseq: u32,
}

impl Peer {
    /// The peer that a flow calls `name`, the `number`th of its cast.
    pub(crate) fn new(name: &str, number: u8) -> Self {
        Self {
            name: name.to_owned(),
            aor: format!("sip:{name}@example.com"),
            flow: Flow {
                protocol: Protocol::Udp,
                local: Local(0),
                remote: SocketAddr::from(([192, 0, 2, number], 5060)),
                connection: Connection::NONE,
            },
            answers: Some((200, Vec::new())),
            closed: Vec::new(),
            left: Vec::new(),
            takes_streams: true,
            deaf: 0,
            dialogs: Vec::new(),
            subscribers: Vec::new(),
            last: None,
            unanswered: Vec::new(),
            challenges: Vec::new(),
            branches: 0,
            numbers: Vec::new(),
        }
    }

    /// Changes what a `peer` line says: an address, `tcp`, or an identity.
    pub(crate) fn declare(&mut self, word: &str, number: u8) -> Result<(), String> {
        if word == "tcp" {
            self.flow.protocol = Protocol::Tcp;
            self.flow.local = Local(1);
            self.flow.connection = Connection(u32::from(number));
        } else if word == "udp" {
            self.flow.protocol = Protocol::Udp;
        } else if let Ok(remote) = word.parse() {
            self.flow.remote = remote;
        } else if word.contains(':') {
            self.aor = word.to_owned();
        } else {
            return Err(format!("`{word}` is no address, protocol or identity of a peer"));
        }
        Ok(())
    }

    /// Opens another stream, and uses it from now on.
    pub(crate) fn reconnect(&mut self) {
        self.left.push(self.flow);
        self.flow.connection.0 += 100;
    }

    /// Its Contact when the flow gives none.
    pub(crate) fn contact(&self) -> String {
        let user = self.aor.split(['@', ':']).nth(1).unwrap_or(&self.name);
        let transport = if self.flow.protocol == Protocol::Tcp { ";transport=tcp" } else { "" };
        format!("<sip:{user}@{}{transport}>", self.flow.remote)
    }

    /// Builds a request. `target` is a URI, or one of the peer's dialogs.
    pub(crate) fn request(&mut self, method: &str, target: &Target) -> Result<Message, String> {
        if matches!(method, "CANCEL" | "ACK") {
            return self.companion(method);
        }
        self.branches += 1;
        let branch = format!("z9hG4bK{}-{}", self.name, self.branches);
        let (uri, to, tag, call_id, cseq) = match target {
            Target::Uri(uri) if method == "SUBSCRIBE" => {
                let number = self.dialogs.len() + 1;
                let tag = format!("{}-{number}", self.name);
                let call_id = format!("{}-dialog-{number}", self.name);
                self.dialogs.push(Dialog {
                    target: uri.clone(),
                    call_id: call_id.clone(),
                    tag: tag.clone(),
                    remote: None,
                    cseq: 1,
                });
                (uri.clone(), format!("<{uri}>"), tag, call_id, 1)
            }
            Target::Uri(uri) => {
                let call_id = format!("{}-{}-{uri}", self.name, method.to_ascii_lowercase());
                let cseq = self.next_number(&call_id);
                (uri.clone(), format!("<{uri}>"), format!("{}-{method}", self.name), call_id, cseq)
            }
            Target::Subscription(index) => return self.notify(method, *index, &branch),
            Target::Dialog(index) => {
                let dialog = self.dialogs.get_mut(*index).ok_or("no such dialog")?;
                dialog.cseq += 1;
                let (to, uri) = match &dialog.remote {
                    Some((tag, contact)) => (format!("<{}>;tag={tag}", dialog.target), contact.clone()),
                    None => (format!("<{}>", dialog.target), dialog.target.clone()),
                };
                (uri, to, dialog.tag.clone(), dialog.call_id.clone(), dialog.cseq)
            }
        };
        let mut request = Message::new(format!("{method} {uri} SIP/2.0"));
        request
            .add(
                "Via",
                format!("SIP/2.0/{} {};branch={branch};rport", self.flow.protocol.via(), self.flow.remote),
            )
            .add("Max-Forwards", 70)
            .add("From", format!("<{}>;tag={tag}", self.aor))
            .add("To", to)
            .add("Call-ID", call_id)
            .add("CSeq", format!("{cseq} {method}"));
        if method == "SUBSCRIBE" {
            request.add("Contact", self.contact());
        }
        Ok(request)
    }

    /// A request in a dialog that the node began.
    fn notify(&mut self, method: &str, index: usize, branch: &str) -> Result<Message, String> {
        let contact = self.contact();
        let subscriber = self.subscribers.get_mut(index).ok_or("no such subscription")?;
        subscriber.cseq += 1;
        let Subscriber { subscribe, tag, cseq } = subscriber;
        let get = |name: &str| subscribe.get(name).unwrap_or_default();
        let mut request = Message::new(format!("{method} {} SIP/2.0", address(get("Contact"))));
        request
            .add(
                "Via",
                format!("SIP/2.0/{} {};branch={branch};rport", self.flow.protocol.via(), self.flow.remote),
            )
            .add("Max-Forwards", 70)
            .add("From", format!("{};tag={tag}", get("To")))
            .add("To", get("From"))
            .add("Call-ID", get("Call-ID"))
            .add("CSeq", format!("{cseq} {method}"))
            .add("Contact", contact)
            .add("Event", get("Event"));
        Ok(request)
    }

    /// The peer's tag in the dialog of a request.
    pub(crate) fn tag_of(&self, request: &Message) -> Option<String> {
        let call_id = request.get("Call-ID");
        let mut subscribers = self.subscribers.iter();
        subscribers.find(|own| own.subscribe.get("Call-ID") == call_id).map(|own| own.tag.clone())
    }

    /// CANCEL and ACK belong to the request before them, RFC 3261 §9.1.
    fn companion(&self, method: &str) -> Result<Message, String> {
        let (_, last) = self.last.as_ref().ok_or("nothing was said before")?;
        let mut request = Message::new(format!("{method} {} SIP/2.0", last.uri().unwrap_or_default()));
        for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
            request.add(name, last.get(name).unwrap_or_default());
        }
        let (number, _) = last.cseq().ok_or("the request before had no CSeq")?;
        request.add("CSeq", format!("{number} {method}"));
        Ok(request)
    }

    fn next_number(&mut self, call_id: &str) -> u32 {
        if let Some((_, number)) = self.numbers.iter_mut().find(|(known, _)| known == call_id) {
            *number += 1;
            return *number;
        }
        self.numbers.push((call_id.to_owned(), 1));
        1
    }

    /// Takes in what the node said.
    pub(crate) fn hear(&mut self, message: &Message) {
        let call_id = message.get("Call-ID").unwrap_or_default();
        if let Some(status) = message.status() {
            let challenges: Vec<String> = message.all("WWW-Authenticate").map(str::to_owned).collect();
            if !challenges.is_empty() {
                self.challenges = challenges;
            }
            if !(200..300).contains(&status) {
                return;
            }
            let own = message.from_tag();
            if let (Some(dialog), Some(tag)) = (self.dialog(call_id, own), message.to_tag()) {
                let contact =
                    message.get("Contact").map_or_else(String::new, |value| address(value).to_owned());
                dialog.remote = Some((tag.to_owned(), contact));
            }
        } else if message.method() == Some("NOTIFY") {
            let own = message.to_tag();
            if let (Some(dialog), Some(tag), Some(contact)) =
                (self.dialog(call_id, own), message.from_tag(), message.get("Contact"))
            {
                dialog.remote = Some((tag.to_owned(), address(contact).to_owned()));
            }
            self.unanswered.push(message.clone());
        } else if message.method() == Some("SUBSCRIBE") {
            if self.tag_of(message).is_none() {
                let tag = format!("{}-notifier-{}", self.name, self.subscribers.len() + 1);
                self.subscribers.push(Subscriber { subscribe: message.clone(), tag, cseq: 0 });
            }
            let is_again = |other: &Message| other.branch() == message.branch();
            if !self.unanswered.iter().any(is_again) {
                self.unanswered.push(message.clone());
            }
        }
    }

    fn dialog(&mut self, call_id: &str, tag: Option<&str>) -> Option<&mut Dialog> {
        self.dialogs.iter_mut().find(|dialog| dialog.call_id == call_id && Some(dialog.tag.as_str()) == tag)
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A Request-URI.
    Uri(String),
    /// A dialog of the peer, counted from zero.
    Dialog(usize),
    /// A dialog of the node with the peer, counted from zero.
    Subscription(usize),
}

/// Puts the parts of a line into a request: given fields replace what was filled in, further ones follow.
pub(crate) fn dress(request: &mut Message, parts: &[Part]) {
    let mut given: Vec<&str> = Vec::new();
    for part in parts {
        match part {
            Part::Field(name, value) => {
                let first = !given.iter().any(|known| known.eq_ignore_ascii_case(full_name(name)));
                let filled = request
                    .fields
                    .iter()
                    .position(|(known, _)| full_name(known).eq_ignore_ascii_case(full_name(name)));
                match filled {
                    Some(at) if first => request.fields[at] = (name.clone(), value.clone()),
                    _ => request.fields.push((name.clone(), value.clone())),
                }
                given.push(full_name(name));
            }
            Part::Without(name) => {
                request.fields.retain(|(known, _)| !full_name(known).eq_ignore_ascii_case(full_name(name)));
            }
            Part::Flag(_) => {}
        }
    }
    if parts.contains(&Part::Flag("compact".into())) {
        for (name, _) in &mut request.fields {
            *name = compact_name(name).to_owned();
        }
    }
}
