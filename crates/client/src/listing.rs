//! The handle of somebody who watches a list.

use core::time::Duration;
use std::sync::Arc;

use documents::pidf::{self, Presence};
use documents::resource_lists::{self, Entry, ResourceLists};
use documents::rlmi::{self, Row, Table};
use rls::aggregate;
use sip::MediaType;
use sip_stack::Timestamp;
use sip_stack::endpoint::{Document, Failure};
use sip_stack::subscriber::{self, Lists, Termination, Watch};
use tokio::sync::mpsc;

use crate::Identity;
use crate::engine::Told;
use crate::leash::Subscribed;

/// Which list is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// One that the server knows by this URI, RFC 4662.
    Stored(String),
    /// One that is sent along, RFC 5367.
    Contained {
        /// The URI of the server that takes it.
        server: String,
        /// The resources in it.
        resources: Vec<String>,
    },
}

/// What is known of a resource in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its URI.
    pub uri: Arc<str>,
    /// What people call it.
    pub name: Option<Arc<str>>,
    /// The state of the subscription to it; `None` while nothing is known.
    pub state: Option<rlmi::State>,
    /// Why it is terminated, in the words of RFC 6665 §4.1.3.
    pub reason: Option<Arc<str>>,
    /// Its presence, if it is active and what came can be read.
    pub presence: Option<Arc<Presence>>,
    /// What is known of those in it, if it is a list itself (RFC 4662 §5.5).
    pub members: Option<Vec<Member>>,
}

/// What somebody who watches a list hears.
#[derive(Clone, Debug)]
pub enum ListEvent {
    /// These members are others now, in the order of their URIs.
    Changed {
        /// What is known of them.
        members: Vec<Member>,
        /// The URIs of those that are in the list no more.
        gone: Vec<Arc<str>>,
        /// How many the server leaves out of the list, as far as it says so.
        omitted: u32,
        /// When that came.
        received_at: Timestamp,
    },
    /// A notification that is no list, or a broken one.
    Broken(String),
    /// The subscription was lost or its refresh failed; another attempt follows.
    Retrying {
        /// Why; `None` if the server asked for a new subscription.
        failure: Option<Failure>,
        /// When.
        at: Timestamp,
        /// Whether the subscription lives on meanwhile.
        live: bool,
    },
    /// Nothing more will come.
    Over(Termination),
}

/// A subscription to a list.
pub type Listing = Subscribed<ListEvent>;

impl Listed {
    /// The list of these users, sent along to `rls` at the domain of who watches.
    pub fn of(users: &[Identity], watcher: &Identity) -> Self {
        Self::Contained {
            server: format!("sip:rls@{}", watcher.domain()),
            resources: users.iter().map(|user| user.aor().as_str().to_owned()).collect(),
        }
    }
}

/// A list as the engine follows it.
pub(crate) struct Roster {
    table: Table,
    events: mpsc::UnboundedSender<ListEvent>,
}

impl Roster {
    /// What to subscribe to, and what follows it.
    pub(crate) fn start(
        list: Listed,
        expires: Duration,
        events: mpsc::UnboundedSender<ListEvent>,
    ) -> (Watch, Self) {
        let (target, lists) = match list {
            Listed::Stored(uri) => (uri, Lists::Supported),
            Listed::Contained { server, resources } => {
                let list = resources.iter().map(|uri| Entry::new(uri)).collect();
                let body = ResourceLists { lists: vec![list] }.print().into();
                let content_type = resource_lists::MEDIA_TYPE.to_owned();
                (server, Lists::Contained(Document { content_type, body }))
            }
        };
        let accept = [pidf::MEDIA_TYPE, rlmi::MEDIA_TYPE, aggregate::MEDIA_TYPE].map(str::to_owned).to_vec();
        let (event, fields) = ("presence".to_owned(), Vec::new());
        let watch = Watch { target, event, accept, expires, lists, fields, body: None };
        (watch, Self { table: Table::default(), events })
    }

    /// Takes what the subscription reports, and tells the handle.
    pub(crate) fn tell(&mut self, now: Timestamp, report: subscriber::Report) -> Told {
        let mut told = Told::default();
        let event = match report {
            subscriber::Report::Notice(notice) => match notice.document {
                Some(document) => match self.apply(now, &document) {
                    Ok((event, refresh)) => {
                        told.refresh = refresh;
                        event
                    }
                    Err(defect) => Some(ListEvent::Broken(defect)),
                },
                None => None,
            },
            subscriber::Report::Retrying { failure, at, live } => {
                self.lost(live);
                Some(ListEvent::Retrying { failure: Some(failure), at, live })
            }
            subscriber::Report::Resubscribing { at } => {
                self.lost(false);
                Some(ListEvent::Retrying { failure: None, at, live: false })
            }
            subscriber::Report::Over(why) => {
                told.is_over = true;
                Some(ListEvent::Over(why))
            }
        };
        if let Some(event) = event {
            // A handle that is gone has said so by an order of its own.
            let _ = self.events.send(event);
        }
        told
    }

    /// Versions belong to one subscription, RFC 4662 §5.2: the next one starts anew.
    fn lost(&mut self, live: bool) {
        if !live {
            self.table.forget_version();
        }
    }

    /// What a list notification changes, RFC 4662 §5.6; and whether something was missed.
    fn apply(&mut self, now: Timestamp, document: &Document) -> Result<(Option<ListEvent>, bool), String> {
        let limits = aggregate::Limits::default();
        let Document { content_type, body } = document;
        let read = aggregate::read(content_type, body, &limits, &mut |_, _| true);
        let omitted = self.table.omitted();
        let applied = self.table.apply(read.map_err(|defect| defect.to_string())?);
        let (mut members, mut gone) = (Vec::new(), Vec::new());
        for uri in applied.changed {
            match self.table.row(&uri).filter(|row| !is_gone(row)) {
                Some(row) => members.push(member(&uri, row)),
                None => gone.push(uri),
            }
        }
        let is_news = !(members.is_empty() && gone.is_empty()) || omitted != self.table.omitted();
        let omitted = self.table.omitted();
        let changed = ListEvent::Changed { members, gone, omitted, received_at: now };
        Ok((is_news.then_some(changed), applied.refresh))
    }
}

/// Whether a row says that the resource is in the list no more.
fn is_gone(row: &Row) -> bool {
    let is_over = |held: &rlmi::Held| held.reason.as_deref() == Some("noresource");
    !row.instances.is_empty() && row.instances.values().all(is_over)
}

/// Those in a list within.
fn members(table: &Table) -> Vec<Member> {
    table.rows().filter(|(_, row)| !is_gone(row)).map(|(uri, row)| member(uri, row)).collect()
}

fn member(uri: &Arc<str>, row: &Row) -> Member {
    let held = row.instances.values().next();
    let body = held.and_then(|held| held.body.as_ref());
    let is_pidf = |body: &&rlmi::Body| {
        MediaType::parse(&body.media_type).is_ok_and(|media_type| media_type.is("application", "pidf+xml"))
    };
    let presence = body.filter(is_pidf).map(|body| Presence::parse(&body.bytes, &xml::Limits::default()));
    Member {
        uri: Arc::clone(uri),
        name: row.names.first().map(|name| Arc::clone(&name.text)),
        state: held.map(|held| held.state),
        reason: held.and_then(|held| held.reason.clone()),
        presence: presence.and_then(Result::ok).map(Arc::new),
        members: held.and_then(|held| held.list.as_deref()).map(members),
    }
}

#[cfg(test)]
mod tests {
    use sip::Related;
    use sip_stack::subscriber::{Notice, Report, State};

    use super::*;

    fn notice(version: u32, full: bool, resources: &str) -> Report {
        let root = format!(
            "<list xmlns=\"{}\" uri=\"sip:l@x\" version=\"{version}\" fullState=\"{full}\">{resources}</list>",
            rlmi::NAMESPACE
        );
        let pidf = pidf::Status::new("pres:a@x", "t1", pidf::Basic::Open).print();
        let mut related = Related::new("b", rlmi::MEDIA_TYPE, "0@x");
        related.part(rlmi::MEDIA_TYPE, "0@x", root.as_bytes()).part(pidf::MEDIA_TYPE, "1@x", &pidf);
        let (content_type, body) = related.finish();
        let document = Some(Document { content_type, body: body.into() });
        Report::Notice(Notice { state: State::Active, reason: None, document })
    }

    fn heard(events: &mut mpsc::UnboundedReceiver<ListEvent>) -> (Vec<Member>, Vec<Arc<str>>) {
        match events.try_recv() {
            Ok(ListEvent::Changed { members, gone, .. }) => (members, gone),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn changes_are_handed_out_resource_by_resource_and_a_gap_asks_for_all() {
        let (sender, mut events) = mpsc::unbounded_channel();
        let (watch, mut roster) = Roster::start(Listed::Stored("sip:l@x".into()), Duration::ZERO, sender);
        assert_eq!((watch.target.as_str(), watch.lists), ("sip:l@x", Lists::Supported));
        let now = Timestamp::ZERO;
        let first = "<resource uri=\"sip:a@x\"><name>Al</name><instance id=\"1\" state=\"active\" cid=\"1@x\"/></resource>\
                     <resource uri=\"sip:b@x\"/>";
        assert!(!roster.tell(now, notice(0, true, first)).refresh);
        let (members, gone) = heard(&mut events);
        assert_eq!((members.len(), gone.len()), (2, 0));
        assert_eq!((members[0].name.as_deref(), members[0].state), (Some("Al"), Some(rlmi::State::Active)));
        assert!(members[0].presence.is_some() && members[1].state.is_none());

        let over = "<resource uri=\"sip:a@x\"><instance id=\"1\" state=\"terminated\" reason=\"noresource\"/></resource>";
        assert!(roster.tell(now, notice(2, false, over)).refresh, "version 1 was missed");
        assert_eq!(heard(&mut events), (vec![], vec!["sip:a@x".into()]));
        roster.tell(now, notice(2, false, first));
        assert!(events.try_recv().is_err(), "what is old says nothing");
        // Another subscription counts from zero.
        roster.tell(now, Report::Resubscribing { at: now });
        assert!(matches!(events.try_recv(), Ok(ListEvent::Retrying { .. })));
        roster.tell(now, notice(0, true, first));
        assert_eq!(heard(&mut events).0.len(), 1, "b is as it was");
    }

    #[test]
    fn those_in_a_list_within_are_handed_out_with_it() {
        let (sender, mut events) = mpsc::unbounded_channel();
        let (_, mut roster) = Roster::start(Listed::Stored("sip:l@x".into()), Duration::ZERO, sender);
        let mut hear = |version: u32, within: &str| {
            let full = version == 0;
            let list = |uri: &str, resources: &str| {
                format!(
                    "<list xmlns=\"{}\" uri=\"{uri}\" version=\"{version}\" fullState=\"{full}\" \
                     xmlns:x=\"urn:rollcall:rlmi\" x:omitted=\"7\">{resources}</list>",
                    rlmi::NAMESPACE
                )
            };
            let mut inner = Related::new("inner", rlmi::MEDIA_TYPE, "0@i");
            inner.part(rlmi::MEDIA_TYPE, "0@i", list("sip:team@y", within).as_bytes());
            let (inner_type, inner) = inner.finish();
            let mut outer = Related::new("b", rlmi::MEDIA_TYPE, "0@x");
            let team =
                "<resource uri=\"sip:team@y\"><instance id=\"1\" state=\"active\" cid=\"1@x\"/></resource>";
            outer.part(rlmi::MEDIA_TYPE, "0@x", list("sip:l@x", team).as_bytes());
            outer.part(&inner_type, "1@x", &inner);
            let (content_type, body) = outer.finish();
            let document = Some(Document { content_type, body: body.into() });
            roster.tell(
                Timestamp::ZERO,
                Report::Notice(Notice { state: State::Active, reason: None, document }),
            );
            let Ok(ListEvent::Changed { members, omitted: 7, .. }) = events.try_recv() else {
                panic!("a list")
            };
            let within = members[0].members.as_ref().expect("it is a list");
            within.iter().map(|member| (member.uri.to_string(), member.state)).collect::<Vec<_>>()
        };
        let pending =
            |who: &str| format!("<resource uri=\"{who}\"><instance id=\"1\" state=\"pending\"/></resource>");
        let [a, b] = ["sip:a@y", "sip:b@y"].map(|uri| (uri.to_owned(), Some(rlmi::State::Pending)));
        assert_eq!(hear(0, &pending("sip:a@y")), core::slice::from_ref(&a));
        assert_eq!(hear(1, &pending("sip:b@y")), [a, b.clone()]);
        let over = "<resource uri=\"sip:a@y\"><instance id=\"1\" state=\"terminated\" reason=\"noresource\"/></resource>";
        assert_eq!(hear(2, over), [b]);
    }

    #[test]
    fn what_is_no_list_is_said() {
        let (sender, mut events) = mpsc::unbounded_channel();
        let users = ["a@x.example", "b@x.example"].map(|user| user.parse().expect("a user"));
        let list = Listed::of(&users, &users[0]);
        let (watch, mut roster) = Roster::start(list, Duration::ZERO, sender);
        assert_eq!(watch.target, "sip:rls@x.example");
        let Lists::Contained(document) = watch.lists else { panic!("a list is sent along") };
        assert!(String::from_utf8_lossy(&document.body).contains("<entry uri=\"sip:b@x.example\"/>"));
        let document = Some(Document { content_type: "text/plain".into(), body: b"?".as_slice().into() });
        let told = roster
            .tell(Timestamp::ZERO, Report::Notice(Notice { state: State::Active, reason: None, document }));
        assert!(!told.refresh && matches!(events.try_recv(), Ok(ListEvent::Broken(_))));
    }
}
