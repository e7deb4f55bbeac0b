//! The task of one document server: what shards ask, what it says, and the passing of time.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use client::web::{Bounds, Trust};
use client::xdm::{XdmClient, XdmOptions};
use client::{Identity, Options};
use node::{Answer, Enquiry, Question, ShardId};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::sleep;
use xcap::DocumentSelector;
use xdm::remote::{Effect, Follower, Got, Standing, Terms};

use super::fetching::fetch;
use super::subscribing::{Heard, Subscriptions};
use super::{Asked, RemoteBoard, RemoteError};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::values::RemoteServer;
use crate::pump::{Order, Post};

/// How long the server's answers to our leaving are waited for.
const FAREWELL: Duration = Duration::from_secs(1);

/// Everything of one document server.
pub(super) struct Task {
    name: String,
    follower: Follower,
    client: Arc<XdmClient>,
    /// Who asks, where our word is taken.
    asserted: Option<Identity>,
    /// How it is subscribed at, if it is.
    sip: Option<(Options, bool)>,
    retry_max: Duration,
    clock: Clock,
    post: Post,
    board: (Arc<[RemoteBoard]>, usize),
    /// Who waits for what.
    tickets: BTreeMap<u64, (ShardId, Box<Enquiry>)>,
    last_ticket: u64,
    was_away: bool,
}

impl Task {
    pub(super) fn new(
        config: &Config,
        name: &str,
        server: &RemoteServer,
        clock: Clock,
        post: Post,
        board: (Arc<[RemoteBoard]>, usize),
    ) -> Result<Self, RemoteError> {
        let role = &config.remote_xdms;
        let trust = match role.authorities.as_str() {
            "" => Trust::System,
            path => Trust::of_file(Path::new(path))?,
        };
        let ours = || {
            let first = config.general.domains.first().map_or("localhost", String::as_str);
            format!("rls@{first}").parse().expect("the domains of the configuration make users")
        };
        let identity: Identity = server.identity.clone().unwrap_or_else(ours);
        let mut options = XdmOptions::new(identity.clone(), server.root.clone(), trust);
        options.password.clone_from(&server.password);
        options.bounds = Bounds { timeout: role.timeout, body: role.document_max.0, kept: role.requests };
        let client = XdmClient::new(options).map_err(|error| RemoteError::Open(name.to_owned(), error))?;
        let document = xml::Limits { bytes: role.document_max.0, nodes: 1 << 18, ..xml::Limits::default() };
        let terms = Terms {
            subscribes: server.subscribe.is_some(),
            documents: role.documents_max,
            requests: role.requests,
            resources: role.resources,
            poll: role.poll,
            check: role.check,
            stale: role.stale,
            stale_rules: role.stale_rules,
            retry_max: role.retry_max,
            patch: xml::patch::Limits { document, ..xml::patch::Limits::default() },
        };
        let sip = server.subscribe.as_ref().map(|hop| {
            let mut options = Options::new(identity.clone());
            options.password.clone_from(&server.password);
            options.server = Some(hop.server.clone());
            options.protocol = hop.protocol;
            options.subscription = role.expires;
            (options, server.trusted)
        });
        Ok(Self {
            name: name.to_owned(),
            follower: Follower::new(terms),
            client: Arc::new(client),
            asserted: server.trusted.then_some(identity),
            sip,
            retry_max: role.retry_max,
            clock,
            post,
            board,
            tickets: BTreeMap::new(),
            last_ticket: 0,
            was_away: false,
        })
    }

    /// Runs until nobody asks any more.
    pub(super) async fn run(mut self, mut asked: UnboundedReceiver<Asked>) {
        let (hears, mut heard) = unbounded_channel();
        let mut subscriptions = self
            .sip
            .take()
            .map(|(options, trusted)| Subscriptions::new(options, trusted, self.retry_max, hears.clone()));
        let mut fetches: JoinSet<(DocumentSelector, Got)> = JoinSet::new();
        loop {
            let mut effects = Vec::new();
            let pause = self.follower.deadline().map(|at| at.since(self.clock.now()));
            tokio::select! {
                asked = asked.recv() => match asked {
                    Some(asked) => self.take(asked, &mut effects),
                    None => break,
                },
                Some(fetched) = fetches.join_next() => match fetched {
                    Ok((document, got)) => self.follower.got(self.clock.now(), &document, got, &mut effects),
                    Err(error) => {
                        tracing::error!(%error, "a fetch met a bug");
                        break;
                    }
                },
                Some((group, what)) = heard.recv() => self.hear(group, &what, &mut effects),
                () = sleep(pause.unwrap_or_default()), if pause.is_some() => {
                    self.follower.tick(self.clock.now(), &mut effects);
                }
            }
            for effect in effects {
                self.perform(effect, subscriptions.as_mut(), &mut fetches);
            }
            self.show();
        }
        if let Some(subscriptions) = subscriptions {
            subscriptions.close(FAREWELL).await;
        }
    }

    fn take(&mut self, asked: Asked, effects: &mut Vec<Effect>) {
        match asked {
            Asked::Documents(shard, enquiry) => {
                let Question::Documents(want) = &enquiry.question else { return };
                let want = want.clone();
                self.last_ticket += 1;
                self.tickets.insert(self.last_ticket, (shard, enquiry));
                self.follower.ask(self.clock.now(), shard.0, self.last_ticket, &want, effects);
            }
            Asked::Release(shard, tree) => self.follower.release(shard.0, &tree, effects),
        }
    }

    fn hear(&mut self, group: u32, what: &Heard, effects: &mut Vec<Effect>) {
        let now = self.clock.now();
        match what {
            Heard::Told(diff) => self.follower.told(now, group, diff.as_deref(), effects),
            Heard::Lost => self.follower.stands(now, group, Standing::Lost, effects),
            Heard::Refused => self.follower.stands(now, group, Standing::Refused, effects),
        }
    }

    fn perform(
        &mut self,
        effect: Effect,
        subscriptions: Option<&mut Subscriptions>,
        fetches: &mut JoinSet<(DocumentSelector, Got)>,
    ) {
        match effect {
            Effect::Get { document, unless } => {
                let (client, asserted) = (Arc::clone(&self.client), self.asserted.clone());
                fetches.spawn(async move {
                    let got = fetch(&client, &document, unless.as_ref(), asserted.as_ref()).await;
                    (document, got)
                });
            }
            Effect::Subscribe { group, resources } => {
                if let Some(subscriptions) = subscriptions {
                    subscriptions.subscribe(group, resources);
                }
            }
            Effect::Unsubscribe { group } => {
                if let Some(subscriptions) = subscriptions {
                    subscriptions.unsubscribe(group);
                }
            }
            Effect::Answer { ticket, found } => {
                if let Some((shard, enquiry)) = self.tickets.remove(&ticket) {
                    self.post.order(shard, Order::Documents(enquiry, found.map(Answer::Documents)));
                }
            }
            Effect::Changed(change) => self.post.order_all(&Order::ChangedElsewhere(Arc::new(change))),
        }
    }

    fn show(&mut self) {
        let gauges = self.follower.gauges();
        if gauges.away != self.was_away {
            self.was_away = gauges.away;
            let (server, root) = (&self.name, self.client.server());
            if gauges.away {
                tracing::warn!(%server, %root, "a document server is away; what is known of its documents counts on for a time");
            } else {
                tracing::info!(%server, %root, "a document server is back");
            }
        }
        let (boards, number) = &self.board;
        boards[*number].show(gauges, self.follower.take_counts());
    }
}
