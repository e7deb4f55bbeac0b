//! Document servers elsewhere, and the documents that shards need of them: [`xdm::remote::Follower`] with its sockets and its
//! clock, one task for each server, on a thread of their own.

mod fetching;
mod subscribing;
mod task;

use std::sync::{Arc, Mutex, PoisonError};

use client::web::TrustError;
use client::xdm::OpenError;
use node::{Enquiry, Question, ShardId};
use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use xcap::{Home, Roots, Tree};
use xdm::remote::{Counts, Gauges};

use crate::clock::Clock;
use crate::config::Config;
use crate::config::values::RemoteServer;
use crate::pump::Post;
use task::Task;

/// What a shard wants of a document server.
#[derive(Debug)]
enum Asked {
    /// Documents.
    Documents(ShardId, Box<Enquiry>),
    /// Nothing of a tree any more.
    Release(ShardId, Tree),
}

/// What one document server is doing, for the operator.
#[derive(Debug, Default)]
pub struct RemoteBoard {
    name: String,
    shown: Mutex<(Gauges, Counts)>,
}

impl RemoteBoard {
    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it stands, and what happened since the start.
    pub fn shown(&self) -> (Gauges, Counts) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, gauges: Gauges, counts: Counts) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, sum) = &mut *shown;
        *known = gauges;
        sum.fetches += counts.fetches;
        sum.failures += counts.failures;
        sum.refusals += counts.refusals;
        sum.patched += counts.patched;
        sum.unreadable += counts.unreadable;
        sum.beyond += counts.beyond;
        sum.stale += counts.stale;
    }
}

/// The way of shards to document servers elsewhere. The tasks end when it is dropped.
#[derive(Debug, Default)]
pub struct Remotes {
    roots: Roots,
    desks: Vec<UnboundedSender<Asked>>,
}

impl Remotes {
    /// Takes what is asked of a document server elsewhere; gives back what is to be answered here.
    pub fn take(&self, shard: ShardId, enquiry: Enquiry) -> Option<Enquiry> {
        match &enquiry.question {
            Question::Services(_) => Some(enquiry),
            Question::Release(tree) => {
                for desk in &self.desks {
                    let _ = desk.send(Asked::Release(shard, tree.clone()));
                }
                None
            }
            Question::Documents(want) => match self.roots.home(want.auid(), want.tree()) {
                Home::Here => Some(enquiry),
                Home::Remote(number) => {
                    // One that is asked when all is ending is lost.
                    let desk = self.desks.get(number)?;
                    let _ = desk.send(Asked::Documents(shard, Box::new(enquiry)));
                    None
                }
            },
        }
    }
}

/// Why documents elsewhere cannot be followed at all.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No certificate is there to check servers against.
    #[error("remote-xdms.authorities: {0}")]
    Trust(#[from] TrustError),
    /// A server cannot be spoken to.
    #[error("remote-xdms.servers: {0}: {1}")]
    Open(String, OpenError),
    /// No thread, or no clock.
    #[error("cannot make a thread for document servers elsewhere: {0}")]
    System(#[from] std::io::Error),
}

/// What runs behind [`Remotes`].
pub struct Errands {
    runtime: Runtime,
    tasks: Vec<(Task, UnboundedReceiver<Asked>)>,
}

/// The way to the document servers that the configuration names; what runs behind it, and a board for each.
pub fn open(
    config: &Config,
    clock: Clock,
    post: &Post,
) -> Result<(Remotes, Errands, Arc<[RemoteBoard]>), RemoteError> {
    let servers: Vec<(&String, &RemoteServer)> = config.remote_xdms.servers.0.iter().collect();
    let roots = Roots::default().with_remotes(servers.iter().map(|(_, server)| server.has()).collect());
    let boards: Arc<[RemoteBoard]> = servers
        .iter()
        .map(|(name, _)| RemoteBoard { name: (*name).clone(), ..RemoteBoard::default() })
        .collect();
    let (mut desks, mut tasks) = (Vec::new(), Vec::new());
    for (number, (name, server)) in servers.into_iter().enumerate() {
        let (desk, asked) = unbounded_channel();
        let task = Task::new(config, name, server, clock, post.clone(), (Arc::clone(&boards), number))?;
        tasks.push((task, asked));
        desks.push(desk);
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    Ok((Remotes { roots, desks }, Errands { runtime, tasks }, boards))
}

impl Errands {
    /// Runs until nobody asks any more.
    pub fn run(self) {
        let Self { runtime, tasks } = self;
        runtime.block_on(async {
            let running: Vec<_> =
                tasks.into_iter().map(|(task, asked)| tokio::spawn(task.run(asked))).collect();
            for task in running {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a document server is not followed any more");
                }
            }
        });
    }
}
