//! A whole server as a value: started, reconfigured, stopped.

use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread;

use node::{Partition, Place, Shard, ShardId};
use sip_stack::{Local, Protocol};
use store::StoreError;
use tokio::runtime::{self, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use transport::mailbox::mailbox;
use transport::poll::Poller;
use transport::tcp::{StreamOptions, Streams};
use transport::udp::UdpEnd;

use crate::admin::{self, Sight};
use crate::audit::Audit;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::keys::{Engine, PublishAck};
use crate::config::values::Listen;
use crate::keeper::Keeper;
use crate::library;
use crate::places::Places;
use crate::pump::bind::{BindError, datagram_ends, settle};
use crate::pump::turn::Turn;
use crate::pump::{Address, Order, Post, StreamDoor};
use crate::remote_xdms::{self, RemoteError};
use crate::status::{Phase, Status};
use crate::writer::{self, StoreSlot};
use crate::xdms::entrance::{Entrance, EntranceError};

/// A thread must end this soon after it was told to; else the server ends without it.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);
/// Streams may write what is queued for so long at the end.
const STREAM_PATIENCE: Duration = Duration::from_secs(2);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The store does not open.
    #[error("the store does not open: {0}")]
    Store(#[from] StoreError),
    /// The HTTP entrance does not open.
    #[error(transparent)]
    Entrance(#[from] EntranceError),
    /// Documents elsewhere cannot be followed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The machine has no threads, files or randomness to give.
    #[error("{what}: {error}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

impl StartError {
    fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::System { what, error }
    }
}

/// A thread has ended that must not: what it was, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm(pub String);

/// A running server.
pub struct Server {
    config: Config,
    listen: Vec<Listen>,
    admin: Option<SocketAddr>,
    entrance: Option<Entrance>,
    restored: u64,
    status: Arc<Status>,
    clock: Clock,
    post: Post,
    audit: Audit,
    store: StoreSlot,
    streams: Streams,
    runtime: Runtime,
    threads: Threads,
    alarms: UnboundedReceiver<Alarm>,
}

impl Server {
    /// Starts everything; returns when requests are taken. The rows of the store are back in their shards before the
    /// first socket opens.
    pub fn start(config: Config, keeper: Box<dyn Keeper>) -> Result<Self, StartError> {
        let clock = Clock::new();
        let shards = config.shards();
        let status = Arc::new(Status::new(shards));
        let listen = settle(&config.general.listen)?;
        let settings = config.settings(&listen);
        let mut keeper = keeper;
        let epoch = keeper.epoch();
        let places = (0..shards).map(|shard| Place { shard: ShardId(shard), shards, epoch });
        let mut machines = Vec::with_capacity(usize::from(shards));
        for place in places {
            machines.push(Shard::new(Arc::clone(&settings), place, seed()?));
        }
        let (audit, auditor) = match config.log.audit.as_str() {
            "" => (Audit::off(), None),
            path => {
                let opened = Audit::open(path.into(), Arc::clone(&status.audit));
                let (audit, auditor) =
                    opened.map_err(StartError::system("cannot open the audit trail (log.audit)"))?;
                machines.iter_mut().for_each(Shard::keep_rulings);
                (audit, Some(auditor))
            }
        };
        let restored = keeper.load(&mut |row| machines[owner(row.key.partition, shards)].restore(&row))?;

        let durable = config.store.publish_ack == PublishAck::Durable;
        let (slot, writer) = writer::writer(keeper, durable, at_risk(&config), clock, Arc::clone(&status));
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("streams")
            .enable_all()
            .build()
            .map_err(StartError::system("cannot start the thread of streams"))?;

        let (mut addresses, mut desks) = (Vec::new(), Vec::new());
        for _ in 0..shards {
            let poller = Poller::new().map_err(StartError::system("cannot make a shard's sleeping place"))?;
            let (mail_slot, mail) = mailbox(config.limits.mailbox, poller.waker());
            let (order_sender, orders) = mpsc::channel();
            addresses.push(Address::new(mail_slot, order_sender, poller.waker()));
            desks.push((poller, mail, orders));
        }
        let post = Post::new(addresses, config.limits.mailbox, Arc::clone(&status));
        let mut sockets = datagram_sockets(&listen, shards)?;
        let streams =
            start_streams(&config, &listen, &runtime, StreamDoor::new(post.clone(), Arc::clone(&settings)))?;
        let (admin, admin_listener) = bind_admin(&config, &runtime)?;

        let entrance = if config.roles.has_entrance() {
            let hearer = library::hearer(post.clone());
            Some(Entrance::start(&config, epoch, seed()?, clock, post.clone(), audit.clone(), hearer)?)
        } else {
            None
        };
        let shelves = entrance.as_ref().and_then(Entrance::documents);
        let (remotes, errands, remote_boards) = remote_xdms::open(&config, clock, &post)?;
        let shelves = shelves.unwrap_or_else(|| Arc::new(library::Empty));
        let (library, reader) = library::reader(shelves, remotes);

        let draw = u64::from_be_bytes(*seed()?.first_chunk().expect("32 octets are more than 8"));
        let places = Places::new(&settings.listeners, draw, runtime.handle().clone(), post.clone())
            .map_err(StartError::system("cannot ask name servers"))?;
        let (alarm, alarms) = unbounded_channel();
        let mut threads = Threads::new(alarm);
        let writer_post = post.clone();
        threads.spawn("store", move || writer.run(&writer_post).map_err(|error| error.to_string()))?;
        if let Some(auditor) = auditor {
            threads.spawn("audit", move || {
                auditor.run();
                Ok(())
            })?;
        }
        let follows = !remote_boards.is_empty();
        let _ = status.remotes.set(remote_boards);
        if follows {
            threads.spawn("remote-xdms", move || {
                errands.run();
                Ok(())
            })?;
        }
        let reader_post = post.clone();
        threads.spawn("documents", move || {
            reader.run(&reader_post);
            Ok(())
        })?;
        for (index, (shard, (poller, mailbox, orders))) in machines.into_iter().zip(desks).enumerate() {
            let turn = Turn {
                me: ShardId(u16::try_from(index).expect("the configuration bounds shards")),
                shard,
                settings: Arc::clone(&settings),
                sockets: sockets.remove(0),
                streams: streams.clone(),
                poller,
                mailbox,
                orders,
                post: post.clone(),
                store: slot.clone(),
                library: library.clone(),
                places: places.clone(),
                audit: audit.clone(),
                durable,
                clock,
                status: Arc::clone(&status),
            };
            threads
                .spawn(&format!("shard-{index}"), move || turn.run().map_err(|error| error.to_string()))?;
        }
        for board in &status.shards {
            board.turn(clock.elapsed());
        }
        status.enter(Phase::Serving);
        if let Some(listener) = admin_listener {
            let sight = Sight {
                status: Arc::clone(&status),
                streams: Some(streams.clone()),
                entrance: entrance.as_ref().map(Entrance::view),
                clock,
                post: post.clone(),
            };
            runtime.spawn(async move {
                if let Err(error) = admin::serve(listener, sight).await {
                    tracing::error!(%error, "the admin pages ended");
                }
            });
        }
        Ok(Self {
            config,
            listen,
            admin,
            entrance,
            restored,
            status,
            clock,
            post,
            audit,
            store: slot,
            streams,
            runtime,
            threads,
            alarms,
        })
    }

    /// Says in the log that it serves, and where.
    pub fn announce(&self) {
        let listen: Vec<_> = self.listen.iter().map(ToString::to_string).collect();
        let admin = self.admin.map_or_else(|| "off".to_owned(), |address| address.to_string());
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            listen = %listen.join(","),
            admin = %admin,
            shards = self.post.shards(),
            rows = self.restored,
            "serving"
        );
        if let Some(entrance) = &self.entrance {
            let listen: Vec<_> = entrance.addresses().iter().map(ToString::to_string).collect();
            tracing::info!(
                listen = %listen.join(","),
                root = %self.config.xdm.root,
                fingerprint = %entrance.fingerprint().unwrap_or_else(|| "none".to_owned()),
                "serving documents"
            );
        }
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where it listens: as configured, with ports instead of zeros.
    pub fn listen(&self) -> &[Listen] {
        &self.listen
    }

    /// Where the operator's pages are.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The HTTP entrance for clients, if there is one.
    pub fn entrance(&self) -> Option<&Entrance> {
        self.entrance.as_ref()
    }

    /// How many rows were put back at the start.
    pub fn restored(&self) -> u64 {
        self.restored
    }

    /// What it tells about itself.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// The clock of all its threads.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Takes the reloadable values of a new configuration. Returns the names of the changed keys: those taken, and those
    /// that wait for a restart.
    pub fn reconfigure(&mut self, new: &Config) -> (Vec<String>, Vec<String>) {
        let names = self.config.adopt(new);
        self.post.order_all(&Order::Reconfigure(self.config.settings(&self.listen)));
        self.audit.reopen();
        if let Some(entrance) = &self.entrance {
            entrance.reconfigure(&self.config);
        }
        names
    }

    /// Waits for `event`, or for a thread to end that must not. Blocks the calling thread.
    pub fn wait<T>(&mut self, event: impl Future<Output = T>) -> Result<T, Alarm> {
        let alarms = &mut self.alarms;
        self.runtime.block_on(async {
            tokio::select! {
                alarm = alarms.recv() => Err(alarm.unwrap_or_else(|| Alarm("all threads ended".to_owned()))),
                value = event => Ok(value),
            }
        })
    }

    /// Takes no more requests, finishes what is owed for a short time, brings all rows to the disk, ends.
    ///
    /// The alarm says that a thread failed, or that rows are lost.
    pub fn stop(mut self) -> Result<(), Alarm> {
        self.status.enter(Phase::Stopping);
        if let Some(entrance) = self.entrance.take() {
            entrance.stop();
        }
        self.post.order_all(&Order::Stop);
        let writes = |name: &str| matches!(name, "store" | "audit");
        self.threads.join(|name| !writes(name));
        self.store.end();
        self.audit.end();
        self.threads.join(writes);
        let streams = self.streams.clone();
        self.runtime.block_on(async move {
            // What is not written by then the peers ask for again.
            let _ = tokio::time::timeout(STREAM_PATIENCE, streams.shutdown()).await;
        });
        self.runtime.shutdown_background();
        self.alarms.try_recv().map_or(Ok(()), Err)
    }
}

/// For how long a written row may still be lost by a failing disk: some commit intervals, as the flusher may be late.
/// Rows that were on disk when the write returned, and those that are kept nowhere, need no second writing.
fn at_risk(config: &Config) -> Duration {
    match (config.store.engine, config.store.publish_ack) {
        (Engine::Embedded, PublishAck::Memory) => 4 * config.store.commit_interval,
        (Engine::Embedded, PublishAck::Durable) | (Engine::Memory, _) => Duration::ZERO,
    }
}

fn owner(partition: Partition, shards: u16) -> usize {
    usize::from(ShardId::owner_of(partition, shards).0)
}

/// Randomness for one life of one shard.
fn seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::System {
        what: "the system gives no randomness",
        error: io::Error::other(error.to_string()),
    })?;
    Ok(seed)
}

fn local(index: usize) -> Local {
    Local(u8::try_from(index).expect("the configuration bounds listeners"))
}

/// The datagram sockets of each shard, with their place among the listeners.
fn datagram_sockets(listen: &[Listen], shards: u16) -> Result<Vec<Vec<(Local, UdpEnd)>>, BindError> {
    let mut sockets: Vec<Vec<(Local, UdpEnd)>> = (0..shards).map(|_| Vec::new()).collect();
    for (index, one) in listen.iter().enumerate().filter(|(_, one)| one.protocol == Protocol::Udp) {
        for (mine, end) in sockets.iter_mut().zip(datagram_ends(one, shards)?) {
            mine.push((local(index), end));
        }
    }
    Ok(sockets)
}

fn start_streams(
    config: &Config,
    listen: &[Listen],
    runtime: &Runtime,
    door: StreamDoor,
) -> Result<Streams, StartError> {
    let limits = &config.limits;
    let options = StreamOptions {
        message: config.sip_limits(),
        connections_max: limits.connections,
        connections_per_address_max: limits.connections_per_peer,
        outbox_max: limits.write_queue.0,
        first_message_timeout: limits.first_message,
        idle_timeout: limits.connection_idle,
        alias_peers: config.authentication().trusted,
        ..StreamOptions::default()
    };
    let addresses: Vec<_> = listen
        .iter()
        .enumerate()
        .filter(|(_, one)| one.protocol == Protocol::Tcp)
        .map(|(index, one)| (local(index), one.address))
        .collect();
    let myself = Arc::new(OnceLock::<Streams>::new());
    let known = Arc::clone(&myself);
    let streams =
        Streams::start(runtime.handle(), &addresses, options, move |event| door.take(event, known.get()))
            .map_err(StartError::system("cannot listen for streams"))?;
    let _ = myself.set(streams.clone());
    Ok(streams)
}

/// The operator's listener and its address, if there is to be one.
fn bind_admin(
    config: &Config,
    runtime: &Runtime,
) -> Result<(Option<SocketAddr>, Option<tokio::net::TcpListener>), StartError> {
    let Some(address) = config.admin.listen.0 else { return Ok((None, None)) };
    let failed = "cannot listen on admin.listen (choose another with --set admin.listen=..)";
    let listener =
        runtime.block_on(tokio::net::TcpListener::bind(address)).map_err(StartError::system(failed))?;
    let bound = listener.local_addr().map_err(StartError::system(failed))?;
    Ok((Some(bound), Some(listener)))
}

/// The server's own threads. One that ends badly sounds the alarm.
struct Threads {
    alarm: UnboundedSender<Alarm>,
    running: Vec<(String, Receiver<()>)>,
}

impl Threads {
    fn new(alarm: UnboundedSender<Alarm>) -> Self {
        Self { alarm, running: Vec::new() }
    }

    fn spawn(
        &mut self,
        name: &str,
        run: impl FnOnce() -> Result<(), String> + Send + 'static,
    ) -> Result<(), StartError> {
        let (done, ended) = mpsc::channel();
        let alarm = self.alarm.clone();
        let who = name.to_owned();
        thread::Builder::new()
            .name(who.clone())
            .spawn(move || {
                // A thread that panics takes its state with it; what is on disk is sound, so the server ends.
                let why = match catch_unwind(AssertUnwindSafe(run)) {
                    Ok(Ok(())) => None,
                    Ok(Err(why)) => Some(why),
                    Err(panic) => Some(format!("panicked: {}", message(panic.as_ref()))),
                };
                if let Some(why) = why {
                    tracing::error!(thread = %who, %why, "a thread failed; the server ends");
                    let _ = alarm.send(Alarm(format!("{who}: {why}")));
                }
                drop(done);
            })
            .map_err(StartError::system("cannot start a thread"))?;
        self.running.push((name.to_owned(), ended));
        Ok(())
    }

    /// Waits for the threads with these names. One that does not end is left behind, loudly.
    fn join(&mut self, wanted: impl Fn(&str) -> bool) {
        for (name, ended) in self.running.iter().filter(|(name, _)| wanted(name)) {
            if ended.recv_timeout(JOIN_PATIENCE) == Err(RecvTimeoutError::Timeout) {
                tracing::error!(thread = %name, "a thread does not end; it is left behind");
                let _ = self.alarm.send(Alarm(format!("{name}: does not end")));
            }
        }
    }
}

fn message(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
