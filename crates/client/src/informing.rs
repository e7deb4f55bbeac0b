//! The handle of one who is told who watches: the Watcher Information Subscriber of the enabler.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use documents::watcherinfo::{self, Applied, Table, Watcher, WatcherInfo};
use sip_stack::Timestamp;
use sip_stack::endpoint::{Document, Failure};
use sip_stack::subscriber::{self, Lists, State, Termination, Watch};
use tokio::sync::mpsc;

use crate::Identity;
use crate::engine::Told;
use crate::leash::Subscribed;

/// What one who asked who watches hears.
#[derive(Clone, Debug)]
pub enum WatchersEvent {
    /// The server notified us.
    Told(Watchers),
    /// A notification that is no watcher information, or a broken one.
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

/// Who watches, after one notification.
#[derive(Clone, Debug)]
pub struct Watchers {
    /// All subscriptions of watchers that are known and not over, by their ids. Times in them count from when each was
    /// told.
    pub all: Vec<Watcher>,
    /// Those that are others than before, and those that are over.
    pub changed: Vec<Watcher>,
    /// Those that a full state does not have any more, as they were.
    pub gone: Vec<Watcher>,
    /// Whether nothing was missed. If not, the full state has been asked for.
    pub is_complete: bool,
    /// The state of our own subscription.
    pub state: State,
    /// When it came.
    pub received_at: Timestamp,
}

/// A subscription to watcher information, RFC 3857.
pub type Informing = Subscribed<WatchersEvent>;

/// The watchers of one resource as the engine follows them.
pub(crate) struct Informed {
    table: Table,
    events: mpsc::UnboundedSender<WatchersEvent>,
}

impl Informed {
    /// What to subscribe to, and what follows it.
    pub(crate) fn start(
        target: &Identity,
        expires: Duration,
        events: mpsc::UnboundedSender<WatchersEvent>,
    ) -> (Watch, Self) {
        let watch = Watch {
            target: target.aor().as_str().to_owned(),
            event: "presence.winfo".to_owned(),
            accept: vec![watcherinfo::MEDIA_TYPE.to_owned()],
            expires,
            lists: Lists::Unsupported,
            fields: Vec::new(),
            body: None,
        };
        (watch, Self { table: Table::default(), events })
    }

    /// Takes what the subscription reports, and tells the handle.
    pub(crate) fn tell(&mut self, now: Timestamp, report: subscriber::Report) -> Told {
        let mut told = Told::default();
        let event = match report {
            subscriber::Report::Notice(notice) => {
                let Some(document) = notice.document else { return told };
                match self.apply(now, notice.state, &document) {
                    // One that came late was told before.
                    Ok(None) => return told,
                    Ok(Some(watchers)) => {
                        told.refresh = !watchers.is_complete && notice.state != State::Terminated;
                        WatchersEvent::Told(watchers)
                    }
                    Err(defect) => WatchersEvent::Broken(defect),
                }
            }
            subscriber::Report::Retrying { failure, at, live } => {
                self.lost(live);
                WatchersEvent::Retrying { failure: Some(failure), at, live }
            }
            subscriber::Report::Resubscribing { at } => {
                self.lost(false);
                WatchersEvent::Retrying { failure: None, at, live: false }
            }
            subscriber::Report::Over(why) => {
                told.is_over = true;
                WatchersEvent::Over(why)
            }
        };
        // A handle that is gone has said so by an order of its own.
        let _ = self.events.send(event);
        told
    }

    /// Versions belong to one subscription, RFC 3858 §3: the next one starts anew.
    fn lost(&mut self, live: bool) {
        if !live {
            self.table.forget_version();
        }
    }

    /// What a document changes, RFC 3858 §4; `None` if it is older than what is known.
    fn apply(
        &mut self,
        now: Timestamp,
        state: State,
        document: &Document,
    ) -> Result<Option<Watchers>, String> {
        let is_ours = document.content_type.split(';').next().unwrap_or_default().trim();
        if !is_ours.eq_ignore_ascii_case(watcherinfo::MEDIA_TYPE) {
            return Err(format!("{is_ours} is no watcher information"));
        }
        let limits = xml::Limits { bytes: 1 << 20, nodes: 100_000, ..xml::Limits::default() };
        let info = WatcherInfo::parse(&document.body, &limits).map_err(|error| error.to_string())?;
        let rows = |table: &Table| {
            let rows = table.watchers().map(|(_, watcher)| (Arc::clone(&watcher.id), watcher.clone()));
            rows.collect::<BTreeMap<_, _>>()
        };
        let before = rows(&self.table);
        let applied = self.table.apply(info);
        if applied == Applied::Stale {
            return Ok(None);
        }
        let after = rows(&self.table);
        self.table.forget_terminated();
        let changed =
            after.values().filter(|watcher| before.get(&watcher.id).is_none_or(|it| differs(it, watcher)));
        Ok(Some(Watchers {
            all: self.table.watchers().map(|(_, watcher)| watcher.clone()).collect(),
            changed: changed.cloned().collect(),
            gone: before.into_values().filter(|watcher| !after.contains_key(&watcher.id)).collect(),
            is_complete: applied == Applied::Current,
            state,
            received_at: now,
        }))
    }
}

/// Whether more than the passing of time is told.
fn differs(before: &Watcher, after: &Watcher) -> bool {
    let timeless =
        |watcher: &Watcher| Watcher { expiration: None, duration_subscribed: None, ..watcher.clone() };
    timeless(before) != timeless(after)
}

#[cfg(test)]
mod tests {
    use sip_stack::subscriber::{Notice, Report};

    use super::*;

    struct Heard {
        informed: Informed,
        events: mpsc::UnboundedReceiver<WatchersEvent>,
    }

    impl Heard {
        fn new() -> Self {
            let (sender, events) = mpsc::unbounded_channel();
            let joe = "joe@example.com".parse().unwrap();
            let (watch, informed) = Informed::start(&joe, Duration::from_secs(60), sender);
            assert_eq!(
                (watch.target.as_str(), watch.event.as_str()),
                ("sip:joe@example.com", "presence.winfo")
            );
            Self { informed, events }
        }

        /// A notification with these rows of (id, status, event); whether a refresh is asked for.
        fn notice(&mut self, version: u32, state: &str, rows: &[(&str, &str, &str)]) -> bool {
            let rows: String = rows
                .iter()
                .map(|(id, status, event)| {
                    format!("<watcher id=\"{id}\" status=\"{status}\" event=\"{event}\" duration-subscribed=\"{version}\">sip:{id}@example.com</watcher>")
                })
                .collect();
            let body = format!(
                "<watcherinfo xmlns=\"urn:ietf:params:xml:ns:watcherinfo\" version=\"{version}\" state=\"{state}\">\
                 <watcher-list resource=\"sip:joe@example.com\" package=\"presence\">{rows}</watcher-list></watcherinfo>"
            );
            self.document(watcherinfo::MEDIA_TYPE, &body)
        }

        fn document(&mut self, content_type: &str, body: &str) -> bool {
            let document = Document { content_type: content_type.to_owned(), body: body.as_bytes().into() };
            let notice = Notice { state: State::Active, reason: None, document: Some(document) };
            self.informed.tell(Timestamp::from_secs(7), Report::Notice(notice)).refresh
        }

        fn told(&mut self) -> (String, String, String) {
            let Ok(WatchersEvent::Told(told)) = self.events.try_recv() else { panic!("nothing was told") };
            let ids =
                |rows: &[Watcher]| rows.iter().map(|row| format!("{} {} ", row.id, row.status)).collect();
            (ids(&told.all), ids(&told.changed), ids(&told.gone))
        }
    }

    fn three(all: &str, changed: &str, gone: &str) -> (String, String, String) {
        (all.to_owned(), changed.to_owned(), gone.to_owned())
    }

    #[test]
    fn partial_states_add_up_and_what_is_over_is_told_once() {
        let mut heard = Heard::new();
        assert!(!heard.notice(0, "full", &[("a", "active", "subscribe")]));
        assert_eq!(heard.told(), three("a active ", "a active ", ""));
        assert!(!heard.notice(1, "partial", &[("b", "pending", "subscribe")]));
        assert_eq!(heard.told(), three("a active b pending ", "b pending ", ""));
        assert!(!heard.notice(2, "partial", &[("b", "active", "approved"), ("a", "terminated", "timeout")]));
        assert_eq!(heard.told(), three("b active ", "a terminated b active ", ""));
        assert!(!heard.notice(3, "full", &[("b", "active", "approved")]));
        assert_eq!(heard.told(), three("b active ", "", ""), "only time has passed");
        assert!(!heard.notice(4, "full", &[]));
        assert_eq!(heard.told(), three("", "", "b active "));
    }

    #[test]
    fn a_gap_asks_for_everything_and_what_is_late_is_passed_over() {
        let mut heard = Heard::new();
        heard.notice(0, "full", &[]);
        heard.told();
        assert!(heard.notice(2, "partial", &[("b", "pending", "subscribe")]), "1 is missing");
        assert_eq!(heard.told(), three("b pending ", "b pending ", ""));
        assert!(!heard.notice(1, "partial", &[("a", "pending", "subscribe")]));
        assert!(heard.events.try_recv().is_err(), "what is older than what is known is not told");
        assert!(!heard.notice(3, "full", &[("a", "pending", "subscribe"), ("b", "pending", "subscribe")]));
        assert_eq!(heard.told(), three("a pending b pending ", "a pending ", ""));
    }

    #[test]
    fn another_subscription_counts_anew() {
        let mut heard = Heard::new();
        heard.notice(6, "full", &[("a", "active", "subscribe")]);
        heard.told();
        heard.informed.tell(Timestamp::from_secs(8), Report::Resubscribing { at: Timestamp::from_secs(9) });
        assert!(matches!(heard.events.try_recv(), Ok(WatchersEvent::Retrying { live: false, .. })));
        assert!(!heard.notice(0, "full", &[("c", "waiting", "timeout")]));
        assert_eq!(heard.told(), three("c waiting ", "c waiting ", "a active "));
        let partial_first = heard.informed.tell(
            Timestamp::from_secs(8),
            Report::Retrying { failure: Failure::TimedOut, at: Timestamp::from_secs(9), live: false },
        );
        assert!(!partial_first.refresh);
        heard.events.try_recv().unwrap();
        assert!(heard.notice(0, "partial", &[("d", "pending", "subscribe")]), "the full state is missing");
    }

    #[test]
    fn what_is_no_watcher_information_is_said_to_be_broken() {
        let mut heard = Heard::new();
        for (content_type, body) in [("text/plain", "x"), (watcherinfo::MEDIA_TYPE, "<a/>")] {
            assert!(!heard.document(content_type, body));
            assert!(matches!(heard.events.try_recv(), Ok(WatchersEvent::Broken(_))));
        }
    }
}
