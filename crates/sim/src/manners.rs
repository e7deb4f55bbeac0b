//! Watches every message between a node and its peers, and objects to what no node may say.
//!
//! These are the rules that hold in every flow and every simulated run, so that no test needs to repeat them:
//! answers return what the request brought (RFC 3261 §8.2.6.2), a retransmission gets the same answer (§17.2.2),
//! the 200 of a SUBSCRIBE goes before its NOTIFY, the CSeq of a dialog only rises (§12.2.1.1) also over restarts,
//! one NOTIFY at a time is open per dialog, none follows the one that ended the subscription (RFC 6665 §4.4.1),
//! none tells of more time than was granted (§4.2.2), and no entity-tag is given twice (RFC 3903 §6).

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use sip_stack::{Connection, Flow, Timestamp};

use crate::wire::{Message, address, parameter};
use crate::{feed, pidf, rlmi, winfo};

/// Timer F, RFC 3261 §17.1.2.2: a NOTIFY that is not answered stays open that long.
const TIMER_F: Duration = Duration::from_secs(32);

/// Spans are told in whole seconds: what is granted may be told a second later.
const SLACK: Duration = Duration::from_secs(1);

/// What was heard and said so far, as far as the rules need it.
#[derive(Debug, Default)]
pub struct Manners {
    /// By address (answers may go to another port), branch and method.
    requests: BTreeMap<(IpAddr, String, String), Request>,
    dialogs: BTreeMap<(String, String), Dialog>,
    open: BTreeMap<String, (String, String)>,
    entity_tags: BTreeSet<String>,
    /// By Call-ID.
    asked: BTreeMap<String, Asked>,
}

/// What the node has asked for in one dialog.
#[derive(Debug)]
struct Asked {
    tag: String,
    /// The last SUBSCRIBE.
    last: Message,
    /// Of all SUBSCRIBEs with its CSeq: a server that fails is followed by another.
    branches: BTreeSet<String>,
}

#[derive(Debug)]
struct Request {
    message: Message,
    at: Timestamp,
    answer: Option<Message>,
}

#[derive(Debug)]
struct Dialog {
    subscriber_tag: String,
    presentity: String,
    event: String,
    target: String,
    routes: Vec<String>,
    remote: SocketAddr,
    expires_at: Timestamp,
    /// Before the last grant: what a crash may bring back.
    expired_at: Timestamp,
    cseq: u32,
    /// Branch and time of the NOTIFY that is not answered yet.
    open: Option<(String, Timestamp)>,
    /// Where that NOTIFY went: a refresh may have moved the dialog since.
    open_on: Option<Flow>,
    /// The last NOTIFY.
    last: Option<Message>,
    /// The version of the last list, and whether the next one must tell all: the first after a SUBSCRIBE.
    list: Option<u32>,
    /// The lists in it.
    within: Within,
    /// The version of the last watcher information.
    winfo: Option<u32>,
    owes_full: bool,
    /// A crash since: versions may skip numbers once, in a list that tells all.
    crashed: bool,
    ended: Option<Timestamp>,
}

/// What the rules make of a message of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// It was said before, word for word or as the same transaction.
    pub again: bool,
}

impl Manners {
    /// The node hears a message. What it says about it later is judged by it.
    pub fn heard(&mut self, now: Timestamp, flow: Flow, bytes: &[u8]) {
        // What peers send may be broken on purpose: then there is nothing to hold the node to.
        let Some(message) = read_leniently(bytes) else { return };
        if let Some(status) = message.status() {
            if status >= 200
                && let Some(branch) = message.branch()
                && let Some(key) = self.open.remove(branch)
                && let Some(dialog) = self.dialogs.get_mut(&key)
            {
                dialog.open = None;
            }
            return;
        }
        let (Some(branch), Some(method)) = (message.branch(), message.method()) else { return };
        let key = (flow.remote.ip(), branch.to_owned(), method.to_owned());
        self.requests.entry(key).or_insert(Request { message, at: now, answer: None });
    }

    /// The node says a message: `Err` tells which rule it broke.
    pub fn said(&mut self, now: Timestamp, flow: Flow, message: &Message) -> Result<Verdict, String> {
        match message.status() {
            Some(status) => self.answered(now, flow, message, status),
            None => match message.method() {
                Some("NOTIFY") => self.notified(now, flow, message),
                Some("SUBSCRIBE") => self.asked(message),
                other => Err(format!("a request {other:?}, but a node sends NOTIFY and SUBSCRIBE alone")),
            },
        }
    }

    /// The stream ended: what was open on it is over.
    pub fn closed(&mut self, flow: Flow) {
        let unnamed = Flow { connection: Connection::NONE, ..flow };
        let was_on = |dialog: &&mut Dialog| [Some(flow), Some(unnamed)].contains(&dialog.open_on);
        for dialog in self.dialogs.values_mut().filter(was_on) {
            if let Some((branch, _)) = dialog.open.take() {
                self.open.remove(&branch);
                dialog.ended = None; // if it was the last one, it may come once more
            }
        }
    }

    /// The node is gone, and with it what it kept in memory only and the rows of the last `losing`.
    pub fn crashed(&mut self, now: Timestamp, losing: Duration) {
        self.requests.clear();
        self.open.clear();
        for dialog in self.dialogs.values_mut() {
            dialog.open = None;
            dialog.crashed = true;
            dialog.within.skips = true;
            dialog.expires_at = dialog.expires_at.max(dialog.expired_at);
            if dialog.ended.is_some_and(|ended| ended + losing >= now) {
                dialog.ended = None;
            }
        }
    }

    /// How many dialogs have not been ended by a NOTIFY and have time left.
    pub fn live_dialogs(&self, now: Timestamp) -> usize {
        self.dialogs.values().filter(|dialog| dialog.ended.is_none() && dialog.expires_at > now).count()
    }

    fn answered(
        &mut self,
        now: Timestamp,
        flow: Flow,
        answer: &Message,
        status: u16,
    ) -> Result<Verdict, String> {
        let branch = answer.branch().ok_or("an answer without a branch")?.to_owned();
        let from = (flow.remote.ip(), branch.clone(), String::new());
        let mut asked = self
            .requests
            .range_mut(from..)
            .take_while(|((remote, asked, _), _)| (*remote, asked) == (flow.remote.ip(), &branch));
        // A request whose CSeq does not name its method gets it back as it is.
        let named = |request: &Request| {
            let own = request.message.method();
            let method = |message: &Message| message.cseq().map(|(_, method)| method.to_owned());
            method(answer).as_deref() == own || method(&request.message).as_deref() != own
        };
        let ((_, _, method), request) = asked
            .find(|(_, request)| named(request))
            .ok_or("an answer to nothing that was asked on this flow")?;
        let method = method.clone();
        returned(&request.message, answer)?;
        if let Some(first) = &request.answer {
            let same = first.start == answer.start
                && ["To", "SIP-ETag", "Expires"].iter().all(|name| first.get(name) == answer.get(name));
            // RFC 3261 §17.2.2: the same final response is passed on again while Timer J runs.
            if !same && now.since(request.at) < TIMER_F {
                return Err(format!("a retransmission was answered differently; first it was:\n{first}"));
            }
            if same {
                return Ok(Verdict { again: true });
            }
        }
        request.answer = Some(answer.clone());
        if (200..300).contains(&status) {
            let request = request.message.clone();
            match method.as_str() {
                "SUBSCRIBE" => self.subscribed(now, flow, &request, answer, status == 204)?,
                "PUBLISH" => self.published(&request, answer)?,
                _ => {}
            }
        }
        Ok(Verdict { again: false })
    }

    fn subscribed(
        &mut self,
        now: Timestamp,
        flow: Flow,
        request: &Message,
        answer: &Message,
        suppressed: bool,
    ) -> Result<(), String> {
        let granted: u64 = answer
            .get("Expires")
            .and_then(|value| value.parse().ok())
            .ok_or("RFC 6665 §4.2.1.1: a 2xx to SUBSCRIBE without Expires")?;
        if let Some(asked) = request.get("Expires").and_then(|value| value.parse::<u64>().ok())
            && granted > asked
        {
            return Err(format!("RFC 6665 §4.2.1.1: {granted} s granted, {asked} s asked for"));
        }
        answer.get("Contact").ok_or("RFC 3261 §12.1.1: a 2xx to SUBSCRIBE without Contact")?;
        let node_tag = answer.to_tag().ok_or("no To tag")?.to_owned();
        let call_id = request.get("Call-ID").ok_or("no Call-ID")?.to_owned();
        let expires_at = now + Duration::from_secs(granted);
        // The headers of a URI are none of the target, RFC 3261 §19.1.1; "?" may stand in a user too.
        let contact = address(request.get("Contact").unwrap_or_default());
        let host = contact.find('@').unwrap_or(0);
        let target = contact[host..].find('?').map_or(contact, |at| &contact[..host + at]).to_owned();
        let fresh = request.to_tag().is_none();
        let dialog = self.dialogs.entry((call_id, node_tag)).or_insert_with(|| Dialog {
            subscriber_tag: request.from_tag().unwrap_or_default().to_owned(),
            presentity: address(request.get("To").unwrap_or_default()).to_owned(),
            event: request.get("Event").unwrap_or_default().to_owned(),
            target: String::new(),
            routes: request.all("Record-Route").map(str::to_owned).collect(),
            remote: flow.remote,
            expires_at,
            expired_at: expires_at,
            cseq: 0,
            open: None,
            open_on: None,
            last: None,
            list: None,
            within: Within::default(),
            winfo: None,
            owes_full: true,
            crashed: false,
            ended: None,
        });
        if fresh && dialog.cseq > 0 {
            return Err("RFC 6665 §4.5: a new subscription was put into a dialog that exists".into());
        }
        if let Some(ended) = dialog.ended {
            return Err(format!("a refresh was accepted, but the subscription ended at {ended:?}"));
        }
        dialog.expired_at = dialog.expires_at;
        dialog.expires_at = expires_at;
        dialog.remote = flow.remote;
        dialog.owes_full = !suppressed;
        if suppressed && fresh {
            return Err("RFC 5839 §7.1: 204 to an initial SUBSCRIBE".into());
        }
        let conditions = ["Suppress-If-Match", "Suppress-Notify-If-Match"];
        if suppressed && conditions.iter().all(|name| request.get(name).is_none()) {
            return Err("RFC 5839 §6.3: 204 without a condition".into());
        }
        if suppressed && granted == 0 {
            dialog.ended = Some(now);
        }
        if !target.is_empty() {
            dialog.target = target;
        }
        Ok(())
    }

    fn published(&mut self, request: &Message, answer: &Message) -> Result<(), String> {
        let tag = answer.get("SIP-ETag").ok_or("RFC 3903 §6: a 2xx to PUBLISH without SIP-ETag")?;
        let granted: u64 = answer
            .get("Expires")
            .and_then(|value| value.parse().ok())
            .ok_or("RFC 3903 §6: a 2xx to PUBLISH without Expires")?;
        if let Some(asked) = request.get("Expires").and_then(|value| value.parse::<u64>().ok())
            && granted > asked
        {
            return Err(format!("RFC 3903 §4.2: {granted} s granted, {asked} s asked for"));
        }
        if !self.entity_tags.insert(tag.to_owned()) {
            return Err(format!("RFC 3903 §6: the entity-tag {tag} is given a second time"));
        }
        Ok(())
    }

    /// A SUBSCRIBE of the node: what RFC 6665 §4.1.2.1 and RFC 3261 §8.1.1 want said, and CSeq only rises. The same request
    /// goes out anew, or with another branch to another place (RFC 3263 §4.3).
    fn asked(&mut self, subscribe: &Message) -> Result<Verdict, String> {
        for name in ["Event", "Expires", "Contact", "Max-Forwards", "Accept", "From", "To"] {
            subscribe.get(name).ok_or_else(|| format!("a SUBSCRIBE without {name}"))?;
        }
        let call_id = subscribe.get("Call-ID").ok_or("no Call-ID")?.to_owned();
        let tag = subscribe.from_tag().ok_or("no From tag")?.to_owned();
        let branch = subscribe.branch().ok_or("no branch")?.to_owned();
        let number = |message: &Message| message.cseq().map(|(number, _)| number);
        let (cseq, branches) = (number(subscribe), BTreeSet::from([branch.clone()]));
        let fresh = Asked { tag: tag.clone(), last: subscribe.clone(), branches };
        let Some(asked) = self.asked.get_mut(&call_id) else {
            self.asked.insert(call_id, fresh);
            return Ok(Verdict { again: false });
        };
        if asked.tag != tag {
            return Err(format!("the tag {tag} in a Call-ID whose tag is {}", asked.tag));
        }
        if number(&asked.last) < cseq {
            *asked = fresh;
            return Ok(Verdict { again: false });
        }
        let but_via = |message: &Message| {
            let fields = message.fields.iter().filter(|(name, _)| name != "Via" && name != "Contact");
            (message.start.clone(), fields.cloned().collect::<Vec<_>>())
        };
        if number(&asked.last) != cseq || but_via(&asked.last) != but_via(subscribe) {
            return Err(format!("RFC 3261 §12.2.1.1: another request before had this CSeq:\n{}", asked.last));
        }
        Ok(Verdict { again: !asked.branches.insert(branch) })
    }

    fn notified(&mut self, now: Timestamp, flow: Flow, notify: &Message) -> Result<Verdict, String> {
        let call_id = notify.get("Call-ID").ok_or("no Call-ID")?.to_owned();
        let node_tag = notify.from_tag().ok_or("no From tag")?.to_owned();
        let key = (call_id, node_tag);
        let dialog = self
            .dialogs
            .get_mut(&key)
            .ok_or("a NOTIFY in no dialog: the 200 of its SUBSCRIBE must go first")?;
        if notify.to_tag().unwrap_or_default() != dialog.subscriber_tag {
            return Err(format!(
                "To names {:?}, the subscriber's tag is {}",
                notify.to_tag(),
                dialog.subscriber_tag
            ));
        }
        let branch = notify.branch().ok_or("no branch")?.to_owned();
        if !branch.starts_with("z9hG4bK") {
            return Err(format!("RFC 3261 §8.1.1.7: the branch {branch}"));
        }
        let (cseq, method) = notify.cseq().ok_or("no CSeq")?;
        if method != "NOTIFY" {
            return Err(format!("CSeq names {method}"));
        }
        if dialog.open.as_ref().is_some_and(|(open, _)| *open == branch) {
            // RFC 3261 §17.1.2.2: the same request, even if a refresh has moved the remote target meanwhile.
            let same = |last: &Message| {
                last.start == notify.start && last.fields == notify.fields && last.body == notify.body
            };
            return match &dialog.last {
                Some(last) if same(last) => Ok(Verdict { again: true }),
                Some(last) => Err(format!("a retransmission with other words; first it was:\n{last}")),
                None => Err("a retransmission of nothing".into()),
            };
        }
        if let Some((_, since)) = &dialog.open
            && now.since(*since) < TIMER_F
        {
            return Err(format!("a second NOTIFY while one is open since {since:?}"));
        }
        if let Some(ended) = dialog.ended {
            return Err(format!("RFC 6665 §4.4.1: a NOTIFY, but the subscription ended at {ended:?}"));
        }
        if cseq <= dialog.cseq {
            return Err(format!("RFC 3261 §12.2.1.1: CSeq {cseq} follows {}", dialog.cseq));
        }
        dialog.open_on = Some(flow);
        if let Some((open, _)) = dialog.open.replace((branch.clone(), now)) {
            self.open.remove(&open);
        }
        dialog.cseq = cseq;
        dialog.last = Some(notify.clone());
        let terminated = addressed(dialog, now, flow, notify)?;
        carried(dialog, notify)?;
        if terminated {
            dialog.ended = Some(now);
        }
        self.open.insert(branch, key);
        Ok(Verdict { again: false })
    }
}

/// Fields of a NOTIFY that follow from its dialog. Whether it ends the subscription.
fn addressed(dialog: &Dialog, now: Timestamp, flow: Flow, notify: &Message) -> Result<bool, String> {
    if notify.uri() != Some(&dialog.target) {
        return Err(format!("Request-URI {:?}, the remote target is {}", notify.uri(), dialog.target));
    }
    if flow.remote.ip() != dialog.remote.ip() {
        return Err(format!("sent to {}, the SUBSCRIBE came from {}", flow.remote, dialog.remote));
    }
    let routes: Vec<&str> = notify.all("Route").collect();
    if routes != dialog.routes {
        return Err(format!("RFC 3261 §12.1.1: Route {routes:?}, the route set is {:?}", dialog.routes));
    }
    if !same_event(notify.get("Event").unwrap_or_default(), &dialog.event) {
        return Err(format!("Event {:?}, the subscription is to {:?}", notify.get("Event"), dialog.event));
    }
    for name in ["Contact", "Max-Forwards"] {
        notify.get(name).ok_or_else(|| format!("a NOTIFY without {name}"))?;
    }
    let state = notify.get("Subscription-State").ok_or("RFC 6665 §4.2.2: no Subscription-State")?;
    if state.split(';').next() == Some("terminated") {
        parameter(state, "reason").ok_or("RFC 6665 §4.2.2: terminated without a reason")?;
        return Ok(true);
    }
    let told: u64 = parameter(state, "expires")
        .and_then(|value| value.parse().ok())
        .ok_or("RFC 6665 §4.2.2: active or pending without expires")?;
    if now + Duration::from_secs(told) > dialog.expires_at + SLACK {
        return Err(format!("RFC 6665 §4.2.2: {told} s are told, it ends at {:?}", dialog.expires_at));
    }
    Ok(false)
}

/// The body is the presentity's, whole and well formed; without one there is no Content-Type.
fn carried(dialog: &mut Dialog, notify: &Message) -> Result<(), String> {
    if notify.get("Content-Type").is_some_and(|kind| kind.starts_with("multipart/related")) {
        return listed(dialog, notify);
    }
    if dialog.list.is_some() {
        return Err("RFC 4662 §4.5: a NOTIFY without a list after one with a list".into());
    }
    if notify.body.is_empty() {
        return match notify.get("Content-Type") {
            None => Ok(()),
            Some(kind) => Err(format!("Content-Type {kind} without a body")),
        };
    }
    match notify.get("Content-Type") {
        Some("application/pidf+xml") => {}
        Some("application/xcap-diff+xml") => return feed::read(&notify.body).map(drop),
        Some("application/watcherinfo+xml") => return informed(dialog, notify),
        other => return Err(format!("Content-Type {other:?}")),
    }
    let (_, entity) = pidf::read(&notify.body)?;
    if user_of(&entity) != user_of(&dialog.presentity) {
        return Err(format!("the document is that of {entity}, not of {}", dialog.presentity));
    }
    Ok(())
}

/// RFC 3858 §3 and RFC 3857 §4.3: what watcher information must be from one NOTIFY to the next.
fn informed(dialog: &mut Dialog, notify: &Message) -> Result<(), String> {
    let (line, resource) = winfo::read(&notify.body)?;
    if resource.as_deref().map(user_of) != Some(user_of(&dialog.presentity)) {
        return Err(format!("the watchers are those of {resource:?}, not of {}", dialog.presentity));
    }
    let mut words = line.split([' ', ';']);
    let version: Option<u32> = words.next().and_then(|version| version.parse().ok());
    let full = words.next() == Some("full");
    let follows = version == dialog.winfo.map_or(Some(0), |last| last.checked_add(1));
    let skips = dialog.crashed && full && version > dialog.winfo;
    if !follows && !skips {
        return Err(format!("RFC 3858 §3: version {version:?} follows {:?}", dialog.winfo));
    }
    if dialog.owes_full && !full {
        return Err("RFC 3857 §4.3: the first NOTIFY after a SUBSCRIBE does not tell everything".into());
    }
    (dialog.winfo, dialog.owes_full, dialog.crashed) = (version, false, false);
    Ok(())
}

/// RFC 4662 §4.1, §4.5, §5.2: what lists must be from one NOTIFY to the next.
fn listed(dialog: &mut Dialog, notify: &Message) -> Result<(), String> {
    if !notify.all("Require").any(|tags| tags.contains("eventlist")) {
        return Err("RFC 4662 §4.1: a list NOTIFY without Require: eventlist".into());
    }
    let list = rlmi::read(notify)?;
    if user_of(&list.uri) != user_of(&dialog.presentity) {
        return Err(format!("the list is {}, not {}", list.uri, dialog.presentity));
    }
    let follows = match dialog.list {
        None => list.version == 0,
        Some(last) => list.version == last + 1,
    };
    let skips = dialog.crashed && list.full && dialog.list.is_none_or(|last| list.version > last);
    if !follows && !skips {
        return Err(format!("RFC 4662 §5.2: version {} follows {:?}", list.version, dialog.list));
    }
    if dialog.owes_full && !list.full {
        return Err("RFC 4662 §5.2: the first NOTIFY after a SUBSCRIBE is not full".into());
    }
    (dialog.list, dialog.owes_full, dialog.crashed) = (Some(list.version), false, false);
    dialog.within.hear(&list, list.full)
}

/// How far lists within a list were told of.
#[derive(Clone, Debug, Default)]
struct Within {
    /// The version of each, and the lists in it.
    lists: BTreeMap<String, (u32, Within)>,
    /// The node has been away, or a list has gone: then versions may be skipped, in a full state.
    skips: bool,
}

impl Within {
    /// The same rules for the lists within: all of them are full where the list around them is.
    fn hear(&mut self, list: &rlmi::List, full: bool) -> Result<(), String> {
        for resource in &list.resources {
            let Some(list) = &resource.within else {
                self.skips |= self.lists.contains_key(&resource.uri) && resource.instance.is_some();
                continue;
            };
            let told = self.lists.remove(&resource.uri);
            let last = told.as_ref().map(|(version, _)| *version);
            let follows = list.version == last.map_or(0, |last| last + 1);
            let skips = self.skips && list.full && last.is_none_or(|last| list.version > last);
            if !follows && !skips {
                return Err(format!(
                    "RFC 4662 §5.2: version {} of {} follows {last:?}",
                    list.version, list.uri
                ));
            }
            if (full || told.is_none()) && !list.full {
                return Err(format!("RFC 4662 §5.2: the first of {} is not full", list.uri));
            }
            let (_, mut within) = told.unwrap_or_default();
            within.skips |= self.skips;
            within.hear(list, list.full)?;
            self.lists.insert(resource.uri.clone(), (list.version, within));
        }
        Ok(())
    }
}

/// Everything behind the scheme, unescaped, without parameters: enough to tell users apart.
fn user_of(uri: &str) -> String {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.split([';', '?']).next().unwrap_or(rest);
    let mut user = String::new();
    let mut bytes = rest.bytes();
    while let Some(byte) = bytes.next() {
        let decoded = if byte == b'%' {
            let hex: String = bytes.by_ref().take(2).map(char::from).collect();
            u8::from_str_radix(&hex, 16).unwrap_or(b'%')
        } else {
            byte
        };
        user.push(char::from(decoded));
    }
    if uri.starts_with("tel:") {
        return user.replace(['-', '.', '(', ')'], ""); // RFC 3966 §4
    }
    let host = user.rfind('@').map_or(0, |at| at + 1);
    let (name, domain) = user.split_at(host);
    format!("{name}{}", domain.to_ascii_lowercase().trim_end_matches(":5060"))
}

/// RFC 6665 §8.2.1: packages and `id` are compared, other parameters are not.
fn same_event(one: &str, other: &str) -> bool {
    let package = |value: &str| value.split(';').next().unwrap_or_default().trim().to_owned();
    package(one) == package(other) && parameter(one, "id") == parameter(other, "id")
}

/// RFC 3261 §8.2.6.2: From, Call-ID, CSeq and the Vias come back as they were, To with a tag.
fn returned(request: &Message, answer: &Message) -> Result<(), String> {
    for name in ["From", "Call-ID", "CSeq"] {
        if request.get(name).map(squeezed) != answer.get(name).map(squeezed) {
            return Err(format!("{name} {:?} came back as {:?}", request.get(name), answer.get(name)));
        }
    }
    let (asked, given) = (request.all("Via").count(), answer.all("Via").count());
    if asked != given {
        return Err(format!("{asked} Via fields came back as {given}"));
    }
    match (request.to_tag(), answer.to_tag()) {
        (_, None) => Err("RFC 3261 §8.2.6.2: no To tag".into()),
        (Some(asked), Some(given)) if asked != given => Err(format!("To tag {asked} came back as {given}")),
        _ => Ok(()),
    }
}

fn squeezed(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read_leniently(bytes: &[u8]) -> Option<Message> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = core::str::from_utf8(&bytes[..end]).ok()?;
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut lines = head.split("\r\n");
    let mut message = Message::new(lines.next()?);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        message.fields.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Some(message)
}
