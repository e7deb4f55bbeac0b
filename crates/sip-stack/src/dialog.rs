//! The notifier's side of a dialog made by SUBSCRIBE, kept as the text that each NOTIFY repeats.

use std::borrow::Cow;

use sip::{CSeq, Message, Name, NameAddr, Uri};

use crate::bytes::{FieldReader, FieldWriter};

/// Our tag in a dialog: 64 random bits. Its text also says which partition the dialog lives in, so that any node
/// can route a request without a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTag {
    /// The partition.
    pub partition: u16,
    /// The random part; unique in the installation.
    pub number: u64,
}

impl LocalTag {
    /// The length of the text.
    const LENGTH: usize = 20;

    /// The tag that `text` stands for, if it is one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != Self::LENGTH || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let partition = u16::from_str_radix(&text[..4], 16).ok()?;
        let number = u64::from_str_radix(&text[4..], 16).ok()?;
        Some(Self { partition, number })
    }
}

impl core::fmt::Display for LocalTag {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:04x}{:016x}", self.partition, self.number)
    }
}

/// Why a SUBSCRIBE cannot make or change a dialog: always a 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialogDefect {
    /// Not exactly one Contact with a SIP URI, RFC 3261 §12.1.1.
    #[error("exactly one Contact with a SIP URI is needed")]
    Contact,
    /// A Record-Route that is no list of SIP addresses.
    #[error("Record-Route cannot be read")]
    RecordRoute,
    /// From, To, Call-ID or CSeq cannot be read.
    #[error("From, To, Call-ID or CSeq cannot be read")]
    Identification,
}

/// A dialog as its notifier holds it, RFC 3261 §12.1.1, RFC 6665 §4.2.
///
/// All that stays the same from NOTIFY to NOTIFY is one piece of text; about 250 octets for an ordinary phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// Remote target, Route fields, then From, To and Call-ID fields as they go out, one after another; at the end what
    /// the dialog's owner keeps with it, so that all texts of a subscription are one allocation.
    text: Box<str>,
    target_end: u16,
    routes_end: u16,
    identification_end: u16,
    /// Length of the From and To fields: the Call-ID field follows them.
    parties: u16,
    /// The last octets of the To field before its line end are the remote tag, if the peer gave one.
    remote_tag: u16,
    /// The first route does not know loose routing, RFC 3261 §12.2.1.1.
    strict: bool,
    local_tag: LocalTag,
    /// The CSeq of the last SUBSCRIBE, RFC 3261 §12.2.2.
    remote_cseq: u32,
}

const CALL_ID: &str = "Call-ID: ";
const LINE_END: &str = "\r\n";

impl Dialog {
    /// The dialog that an initial SUBSCRIBE makes.
    pub fn accept(subscribe: &Message<'_>, local_tag: LocalTag) -> Result<Self, DialogDefect> {
        let remote_cseq = cseq(subscribe)?;
        let field = |name| subscribe.get(name).ok_or(DialogDefect::Identification);
        let (from, to, call_id) = (field(Name::From)?, field(Name::To)?, field(Name::CallId)?);
        let peer = subscribe.from().ok_or(DialogDefect::Identification)?;
        let remote_tag = peer.tag().unwrap_or_default();
        let mut identification = String::with_capacity(from.len() + to.len() + call_id.len() + 64);
        identification.push_str("From: ");
        push_unfolded(&mut identification, to);
        identification.push_str(";tag=");
        identification.push_str(&local_tag.to_string());
        identification.push_str("\r\nTo: ");
        push_address(&mut identification, from, &peer);
        identification.push_str(LINE_END);
        let parties = small(identification.len())?;
        identification.push_str(CALL_ID);
        push_unfolded(&mut identification, call_id);
        identification.push_str(LINE_END);
        let (routes, strict) = route_set(subscribe)?;
        let mut dialog = Self {
            text: Box::default(),
            target_end: 0,
            routes_end: 0,
            identification_end: 0,
            parties,
            remote_tag: small(remote_tag.len())?,
            strict,
            local_tag,
            remote_cseq,
        };
        dialog.put(contact(subscribe)?, &routes, &identification, "")?;
        Ok(dialog)
    }

    /// What a SUBSCRIBE inside the dialog changes: CSeq and remote target, RFC 3261 §12.2.2. The route set stays.
    pub fn refresh(&mut self, subscribe: &Message<'_>) -> Result<(), DialogDefect> {
        let remote_cseq = cseq(subscribe)?;
        if subscribe.get(Name::Contact).is_some() {
            let target = contact(subscribe)?;
            if target != self.remote_target() {
                let rest = self.text[usize::from(self.target_end)..].to_owned();
                let (routes, rest) = rest.split_at(self.routes().len());
                let (identification, kept) = rest.split_at(self.identification().len());
                self.put(target, routes, identification, kept)?;
            }
        }
        self.remote_cseq = remote_cseq;
        Ok(())
    }

    /// A request in the dialog uses up its CSeq, refused or not, RFC 3261 §12.2.2.
    pub fn hear(&mut self, cseq: u32) {
        self.remote_cseq = cseq;
    }

    fn put(
        &mut self,
        target: &str,
        routes: &str,
        identification: &str,
        kept: &str,
    ) -> Result<(), DialogDefect> {
        let text = [target, routes, identification, kept].concat();
        small(text.len())?;
        self.target_end = small(target.len())?;
        self.routes_end = small(target.len() + routes.len())?;
        self.identification_end = small(target.len() + routes.len() + identification.len())?;
        self.text = text.into_boxed_str();
        Ok(())
    }

    /// What the dialog's owner keeps with it.
    pub fn kept(&self) -> &str {
        &self.text[usize::from(self.identification_end)..]
    }

    /// Keeps these texts with the dialog, instead of what was kept.
    pub fn keep(&mut self, texts: &[&str]) -> Result<(), DialogDefect> {
        let own = &self.text[..usize::from(self.identification_end)];
        let length = texts.iter().fold(own.len(), |length, text| length + text.len());
        small(length)?;
        let mut text = String::with_capacity(length);
        text.push_str(own);
        texts.iter().for_each(|more| text.push_str(more));
        self.text = text.into_boxed_str();
        Ok(())
    }

    /// Request-URI and Route fields of a request to `target`, by the route set.
    ///
    /// A strict first router is put into the Request-URI and the remote target last, RFC 3261 §12.2.1.1.
    pub fn route<'a>(&'a self, target: &'a str) -> (&'a str, Cow<'a, str>) {
        if !self.strict {
            return (target, Cow::Borrowed(self.routes()));
        }
        let (first, rest) = self.routes().split_once(LINE_END).expect("a strict route set has a first route");
        let first = first.strip_prefix("Route: ").expect("made by `route_set`");
        let address = NameAddr::parse(first).ok();
        let uri = address.and_then(|address| request_uri(address.uri)).unwrap_or(target);
        (uri, Cow::Owned(format!("{rest}Route: <{target}>\r\n")))
    }

    /// The URI that a request in the dialog goes to first: that of the first route, else the remote target.
    pub fn hop(&self) -> Option<&str> {
        let Some((first, _)) = self.routes().split_once(LINE_END) else { return Some(self.remote_target()) };
        NameAddr::parse(first.strip_prefix("Route: ")?).ok().map(|address| address.uri)
    }

    /// Where the peer wants its NOTIFYs: the URI of its Contact.
    pub fn remote_target(&self) -> &str {
        &self.text[..usize::from(self.target_end)]
    }

    fn routes(&self) -> &str {
        &self.text[usize::from(self.target_end)..usize::from(self.routes_end)]
    }

    /// The From, To and Call-ID header fields of a NOTIFY, each with its line end.
    pub fn identification(&self) -> &str {
        &self.text[usize::from(self.routes_end)..usize::from(self.identification_end)]
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &str {
        let field = &self.identification()[usize::from(self.parties)..];
        &field[CALL_ID.len()..field.len() - LINE_END.len()]
    }

    /// Our tag.
    pub fn local_tag(&self) -> LocalTag {
        self.local_tag
    }

    /// The peer's tag; empty if it gave none.
    pub fn remote_tag(&self) -> &str {
        let end = usize::from(self.parties) - LINE_END.len();
        &self.identification()[end - usize::from(self.remote_tag)..end]
    }

    /// CSeq of the last SUBSCRIBE heard in this dialog.
    pub fn remote_cseq(&self) -> u32 {
        self.remote_cseq
    }

    /// Whether a request is one of this dialog, RFC 3261 §12.2.2: Call-ID and the peer's tag (ours was the key).
    pub fn is_of(&self, request: &Message<'_>) -> bool {
        let remote = request.from().and_then(|from| from.tag());
        request.get(Name::CallId) == Some(self.call_id()) && remote.unwrap_or_default() == self.remote_tag()
    }

    /// Writes the dialog into a stored row, without what is kept with it.
    pub fn store(&self, out: &mut FieldWriter) {
        out.bytes(&self.text.as_bytes()[..usize::from(self.identification_end)]);
        for number in
            [self.target_end, self.routes_end, self.parties, self.remote_tag, u16::from(self.strict)]
        {
            out.number(u64::from(number));
        }
        out.number(u64::from(self.local_tag.partition));
        out.number(self.local_tag.number).number(u64::from(self.remote_cseq));
    }

    /// Reads what [`Dialog::store`] wrote.
    pub fn restore(from: &mut FieldReader<'_>) -> Option<Self> {
        let text: Box<str> = from.text()?.into();
        let dialog = Self {
            identification_end: small(text.len()).ok()?,
            text,
            target_end: from.small()?,
            routes_end: from.small()?,
            parties: from.small()?,
            remote_tag: from.small()?,
            strict: from.number()? != 0,
            local_tag: LocalTag { partition: from.small()?, number: from.number()? },
            remote_cseq: from.small()?,
        };
        let at = |at: usize| dialog.text.is_char_boundary(at);
        let (target, routes) = (usize::from(dialog.target_end), usize::from(dialog.routes_end));
        let tag = usize::from(dialog.remote_tag);
        let parties = usize::from(dialog.parties);
        let sound = target <= routes
            && parties >= tag + LINE_END.len()
            && [target, routes, routes + parties].into_iter().all(at)
            && at(routes + parties - LINE_END.len() - tag)
            && dialog.text.len() >= routes + parties + CALL_ID.len() + LINE_END.len()
            && dialog.text.ends_with(LINE_END);
        sound.then_some(dialog)
    }
}

fn cseq(request: &Message<'_>) -> Result<u32, DialogDefect> {
    let field = request.get(Name::CSeq).and_then(|cseq| CSeq::parse(cseq).ok());
    field.map(|cseq| cseq.number).ok_or(DialogDefect::Identification)
}

fn contact<'a>(request: &Message<'a>) -> Result<&'a str, DialogDefect> {
    let mut contacts = request.values(Name::Contact);
    let contact = contacts.next().ok_or(DialogDefect::Contact)?;
    let address = NameAddr::parse(contact).map_err(|_| DialogDefect::Contact)?;
    if contacts.next().is_some() {
        return Err(DialogDefect::Contact);
    }
    request_uri(address.uri).ok_or(DialogDefect::Contact)
}

/// A SIP URI as it may stand in a Request-URI: without headers, RFC 3261 §19.1.1.
fn request_uri(text: &str) -> Option<&str> {
    match Uri::parse(text) {
        Ok(Uri::Sip(uri)) if text.contains('?') => {
            text.strip_suffix(uri.headers)?.strip_suffix('?').or(Some(text))
        }
        Ok(Uri::Sip(_)) => Some(text),
        _ => None,
    }
}

/// The route set as Route fields, in the order of Record-Route (we are the server), and whether its first is strict.
fn route_set(request: &Message<'_>) -> Result<(String, bool), DialogDefect> {
    let mut routes = String::new();
    let mut strict = None;
    for value in request.values(Name::RecordRoute) {
        let address = NameAddr::parse(value).map_err(|_| DialogDefect::RecordRoute)?;
        let Ok(Uri::Sip(uri)) = Uri::parse(address.uri) else { return Err(DialogDefect::RecordRoute) };
        strict.get_or_insert(!uri.is_loose_route());
        routes.push_str("Route: ");
        push_unfolded(&mut routes, value);
        routes.push_str(LINE_END);
    }
    Ok((routes, strict.unwrap_or(false)))
}

/// A From value with its tag moved to the end, so that the tag is found without a search.
fn push_address(out: &mut String, value: &str, address: &NameAddr<'_>) {
    let Some(tag) = address.tag() else { return push_unfolded(out, value) };
    let uri_end = value.find(address.uri).map_or(0, |at| at + address.uri.len());
    let end = value[uri_end..].find('>').map_or(uri_end, |at| uri_end + at + 1);
    let bracketed = value[uri_end..end].trim() == ">";
    push_unfolded(out, &value[..if bracketed { end } else { uri_end }]);
    for (name, parameter) in address.params.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("tag")) {
        out.push(';');
        out.push_str(name);
        if let Some(parameter) = parameter {
            out.push('=');
            push_unfolded(out, parameter);
        }
    }
    out.push_str(";tag=");
    out.push_str(tag);
}

/// A value on one line: folding becomes one space, RFC 3261 §7.3.1.
fn push_unfolded(out: &mut String, value: &str) {
    if !value.contains(['\r', '\n']) {
        out.push_str(value);
        return;
    }
    for (index, part) in value.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).enumerate()
    {
        if index > 0 {
            out.push(' ');
        }
        out.push_str(part);
    }
}

fn small(number: usize) -> Result<u16, DialogDefect> {
    u16::try_from(number).map_err(|_| DialogDefect::Identification)
}

#[cfg(test)]
mod tests {
    use sip::Limits;

    use super::*;

    const TAG: LocalTag = LocalTag { partition: 0x2a, number: 0x1234 };

    fn subscribe(from: &str, more: &str) -> String {
        format!(
            "SUBSCRIBE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: \"Alice\" <sip:alice@example.com>\r\nCall-ID: c1@host\r\n\
             CSeq: 7 SUBSCRIBE\r\n{more}Event: presence\r\nContent-Length: 0\r\n\r\n"
        )
    }

    fn accept(from: &str, more: &str) -> Result<Dialog, DialogDefect> {
        let text = subscribe(from, more);
        Dialog::accept(&Message::parse(text.as_bytes(), &Limits::default()).unwrap(), TAG)
    }

    const BOB: &str = "Bob <sip:bob@example.com>;tag=b0b";

    #[test]
    fn the_parties_change_places() {
        let dialog = accept(BOB, "Contact: <sip:bob@192.0.2.1:5070>\r\n").unwrap();
        assert_eq!(
            dialog.identification(),
            "From: \"Alice\" <sip:alice@example.com>;tag=002a0000000000001234\r\n\
             To: Bob <sip:bob@example.com>;tag=b0b\r\nCall-ID: c1@host\r\n"
        );
        assert_eq!(dialog.route(dialog.remote_target()), ("sip:bob@192.0.2.1:5070", Cow::Borrowed("")));
        assert_eq!((dialog.call_id(), dialog.remote_tag(), dialog.remote_cseq()), ("c1@host", "b0b", 7));
        assert_eq!(LocalTag::parse("002a0000000000001234"), Some(TAG));
    }

    #[test]
    fn other_parameters_of_from_stay_and_the_tag_is_last() {
        for from in ["<sip:b@h;x=1>;tag=t1;y=2", "sip:b@h;tag=t1;y=2", "\"a>b\" <sip:b@h>; tag = t1 ;y=2"] {
            let dialog = accept(from, "Contact: <sip:b@h>\r\n").unwrap();
            assert_eq!(dialog.remote_tag(), "t1", "{from}");
            assert!(dialog.identification().contains(";y=2;tag=t1\r\n"), "{}", dialog.identification());
        }
        let untagged = accept("<sip:b@h>", "Contact: <sip:b@h>\r\n").unwrap();
        assert_eq!(untagged.remote_tag(), "");
    }

    #[test]
    fn record_route_becomes_the_route_set_in_its_order() {
        let dialog = accept(
            BOB,
            "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>\r\nContact: <sip:bob@h>\r\n",
        );
        let dialog = dialog.unwrap();
        let (uri, routes) = dialog.route(dialog.remote_target());
        assert_eq!(uri, "sip:bob@h");
        assert_eq!(routes, "Route: <sip:p2.example.com;lr>\r\nRoute: <sip:p1.example.com;lr>\r\n");
    }

    #[test]
    fn a_strict_router_takes_the_request_uri() {
        let routes =
            "Record-Route: <sip:old.example.com>, <sip:p1.example.com;lr>\r\nContact: <sip:bob@h>\r\n";
        let dialog = accept(BOB, routes).unwrap();
        let (uri, routes) = dialog.route(dialog.remote_target());
        assert_eq!(uri, "sip:old.example.com");
        assert_eq!(routes, "Route: <sip:p1.example.com;lr>\r\nRoute: <sip:bob@h>\r\n");
    }

    #[test]
    fn headers_of_a_uri_reach_no_request_uri() {
        for (contact, target) in [
            ("<sip:bob@h;lr?subject=x&to=sip:c%40d>", "sip:bob@h;lr"),
            ("<sip:bo?b@h>", "sip:bo?b@h"),
            ("<sip:bo?b@h?subject=>", "sip:bo?b@h"),
        ] {
            let dialog = accept(BOB, &format!("Contact: {contact}\r\n")).unwrap();
            assert_eq!(dialog.route(dialog.remote_target()), (target, Cow::Borrowed("")), "{contact}");
        }
        let strict =
            accept(BOB, "Record-Route: <sip:old.example.com?a=b>\r\nContact: <sip:bob@h?c=d>\r\n").unwrap();
        assert_eq!(
            strict.route(strict.remote_target()),
            ("sip:old.example.com", "Route: <sip:bob@h>\r\n".into())
        );
    }

    #[test]
    fn a_refresh_moves_the_remote_target_and_nothing_else() {
        let routes = "Record-Route: <sip:p1.example.com;lr>\r\n";
        let mut dialog = accept(BOB, &format!("{routes}Contact: <sip:bob@h>\r\n")).unwrap();
        let before = dialog.identification().to_owned();
        let text = subscribe(BOB, "Contact: <sip:bob@192.0.2.77:5099;transport=tcp>\r\n")
            .replace("CSeq: 7", "CSeq: 8");
        let refresh = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        dialog.refresh(&refresh).unwrap();
        assert_eq!(
            dialog.route(dialog.remote_target()),
            ("sip:bob@192.0.2.77:5099;transport=tcp", "Route: <sip:p1.example.com;lr>\r\n".into())
        );
        assert_eq!((dialog.identification(), dialog.remote_cseq()), (before.as_str(), 8));
        assert!(dialog.is_of(&refresh));
    }

    #[test]
    fn no_dialog_without_one_sip_contact() {
        for contact in ["", "Contact: *\r\n", "Contact: <sip:a@h>, <sip:b@h>\r\n", "Contact: <tel:+1>\r\n"] {
            assert_eq!(accept(BOB, contact), Err(DialogDefect::Contact), "{contact}");
        }
        assert_eq!(
            accept(BOB, "Contact: <sip:a@h>\r\nRecord-Route: <tel:+1>\r\n"),
            Err(DialogDefect::RecordRoute)
        );
    }

    #[test]
    fn restored_equals_stored() {
        let dialog = accept(BOB, "Record-Route: <sip:p>\r\nContact: <sip:bob@h>\r\n").unwrap();
        let mut out = FieldWriter::new(1, 0);
        dialog.store(&mut out);
        let bytes = out.finish();
        assert_eq!(Dialog::restore(&mut FieldReader::new(&bytes, 1).unwrap()), Some(dialog));
        for end in 0..bytes.len() {
            assert_eq!(
                FieldReader::new(&bytes[..end], 1).and_then(|mut cut| Dialog::restore(&mut cut)),
                None
            );
        }
    }
}
