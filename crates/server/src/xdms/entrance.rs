//! The entrance of this node: made of the configuration, changed by a reload, closed in order.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use client::web::{Trust, TrustError};
use node::Epoch;
use rls::service::Template;
use sip::{Aor, Uri};
use sip_stack::auth::Authenticator;
use store::docs::{DocStore, EmbeddedDocs, MemoryDocs, Options, Stats};
use store::{OpenError, StoreError};
use tokio::runtime::{self, Runtime};
use tokio_rustls::rustls::pki_types::CertificateDer;
use xdm::{Services, Settings, Tightenings, Users, Xdms};

use super::archive::{Archive, Hearer};
use super::counts::XdmCounts;
use super::declared::declared;
use super::remote::Remotes;
use super::roll::Roll;
use super::site::XdmSite;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::config::Config;
use crate::config::keys::{Engine, Profile};
use crate::config::values::WebListen;
use crate::http::Limits;
use crate::http::connection::House;
use crate::http::counts::Counts;
use crate::http::listener::{Bound, Listeners};
use crate::http::rate::Meter;
use crate::http::tls::{self, Certificate, Source, TlsError};
use crate::keeper;
use crate::library::Shelves;
use crate::pump::Post;

/// Requests at work may end within this time when the server stops.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is no entrance.
#[derive(Debug, thiserror::Error)]
pub enum EntranceError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} (aggregation-proxy.listen): {error}")]
    Bind {
        /// Where.
        address: WebListen,
        /// Why not.
        error: io::Error,
    },
    /// No threads.
    #[error("cannot start the threads of HTTP: {0}")]
    System(#[from] io::Error),
    /// No certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A usage that the operator declares cannot be.
    #[error("xdm: {0}")]
    Usage(String),
    /// Remote document servers cannot be trusted.
    #[error("remote document servers: {0}")]
    Trust(#[from] TrustError),
    /// The documents do not open.
    #[error("the documents do not open: {0}")]
    Open(#[from] OpenError),
    /// The documents cannot be read.
    #[error("the documents cannot be read: {0}")]
    Store(#[from] StoreError),
}

/// What there is to be seen of an entrance.
#[derive(Clone)]
pub struct EntranceView {
    /// Connections and requests.
    pub http: Arc<Counts>,
    /// What the document servers did.
    pub xdm: Arc<XdmCounts>,
    /// Octets of the trees of documents that are kept, where there are documents.
    pub trees: Option<Arc<dyn Fn() -> usize + Send + Sync>>,
    /// The store of the documents in numbers, where it is on disk.
    pub stats: Option<Arc<dyn Fn() -> Stats + Send + Sync>>,
}

/// The running entrance.
pub struct Entrance {
    addresses: Vec<WebListen>,
    certificate: Option<Arc<Certificate>>,
    view: EntranceView,
    documents: Option<Arc<dyn Shelves>>,
    site: Box<dyn Changeable>,
    listeners: Listeners,
    runtime: Runtime,
}

/// What a reload and an end change, whatever keeps the documents.
trait Changeable: Send + Sync {
    fn reconfigure(&self, config: &Config);
    fn stop(&self);
}

impl Entrance {
    /// Opens documents and sockets, and serves. `hearer` is told of every committed change; the shards behind `post` are
    /// asked what rules say.
    pub fn start(
        config: &Config,
        epoch: Epoch,
        key: [u8; 32],
        clock: Clock,
        post: Post,
        audit: Audit,
        hearer: Hearer,
    ) -> Result<Self, EntranceError> {
        let plan = Plan { config, epoch, key, clock, post, audit };
        match config.store.engine {
            Engine::Embedded if config.roles.xdm => {
                let defaults = Options::default();
                let document_max = u32::try_from(config.xdm.document_max.0).unwrap_or(u32::MAX);
                let options = Options {
                    cache_bytes: config.xdm.cache.0,
                    document_bytes_max: defaults.document_bytes_max.max(document_max),
                    ..defaults
                };
                let store = Arc::new(EmbeddedDocs::open(keeper::documents_path(config), options)?);
                if store.found().torn_bytes > 0 {
                    tracing::warn!(
                        bytes = store.found().torn_bytes,
                        "the end of the documents' log was unfinished and is cut: the last stop was a crash"
                    );
                }
                for damage in &store.found().damaged {
                    tracing::error!(%damage, "a document is damaged; it is not served until it is written anew");
                }
                let stats = Arc::clone(&store);
                let mut entrance = plan.start(store, hearer)?;
                entrance.view.stats = Some(Arc::new(move || stats.stats()));
                Ok(entrance)
            }
            // Without the role no documents are here.
            Engine::Embedded | Engine::Memory => plan.start(Arc::new(MemoryDocs::default()), hearer),
        }
    }

    /// Where it listens, with ports in place of zeros.
    pub fn addresses(&self) -> &[WebListen] {
        &self.addresses
    }

    /// The documents, if they are here.
    pub fn documents(&self) -> Option<Arc<dyn Shelves>> {
        self.documents.clone()
    }

    /// The fingerprint of the certificate, where there is one.
    pub fn fingerprint(&self) -> Option<String> {
        self.certificate.as_ref().map(|certificate| certificate.fingerprint())
    }

    /// What there is to be seen.
    pub fn view(&self) -> EntranceView {
        self.view.clone()
    }

    /// Takes the reloadable values of a configuration. A certificate that cannot be read leaves the old one in place.
    pub fn reconfigure(&self, config: &Config) {
        self.site.reconfigure(config);
        let Some(certificate) = &self.certificate else { return };
        match certificate.reload(&source(config, &self.addresses)) {
            Ok(()) => tracing::info!(fingerprint = %certificate.fingerprint(), "certificate"),
            Err(error) => tracing::error!(%error, "the certificate is wrong; the old one stays"),
        }
    }

    /// Accepts no more, lets requests at work end for a short time, and ends.
    pub fn stop(self) {
        self.listeners.close();
        self.site.stop();
        let counts = Arc::clone(&self.view.http);
        self.runtime.block_on(async move {
            let ended = async {
                while counts.at_work.load(Ordering::Relaxed) > 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            // What is not answered by then the client asks for again.
            let _ = tokio::time::timeout(PATIENCE, ended).await;
        });
        self.runtime.shutdown_background();
    }
}

struct Plan<'c> {
    config: &'c Config,
    epoch: Epoch,
    key: [u8; 32],
    clock: Clock,
    post: Post,
    audit: Audit,
}

impl Plan<'_> {
    fn start<D: DocStore>(self, store: Arc<D>, hearer: Hearer) -> Result<Entrance, EntranceError> {
        let (config, proxy) = (self.config, &self.config.aggregation_proxy);
        let threads = match proxy.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => usize::from(threads),
        };
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("http")
            .enable_all()
            .build()?;
        let bound =
            Bound::new(&proxy.listen).map_err(|(address, error)| EntranceError::Bind { address, error })?;
        let addresses = bound.addresses();
        let needs_certificate = addresses.iter().any(|one| one.secure);
        let certificate =
            if needs_certificate { Some(Certificate::open(source(config, &addresses))?) } else { None };
        let tls = certificate.as_ref().map(Certificate::server).transpose()?;
        let own = certificate.as_deref().and_then(Certificate::own);
        let (remotes, routes) = Remotes::new(proxy, &trust(config, own)?, &trust(config, None)?)?;
        let xdm = Arc::new(XdmCounts::default());
        let roll = Arc::new(Roll::new(config));
        let archive = if config.roles.xdm {
            let declared = declared(&config.xdm).map_err(EntranceError::Usage)?;
            let known = Arc::clone(&roll);
            let users = Users::Certain(Arc::new(move |user| known.has(user)));
            let settings = Settings { declared, users, ..settings(config, &addresses) };
            let trees = config.xdm.tree_cache.0;
            let hearer = counting(&xdm, hearer);
            let opened = Archive::open(settings, trees, store, self.epoch, self.clock, self.audit, hearer);
            Some(Arc::new(runtime.block_on(opened)?))
        } else {
            None
        };
        let trees = archive.clone().map(|archive| Arc::new(move || archive.trees_bytes()) as Arc<_>);
        let documents = archive.as_ref().map(|archive| Arc::clone(archive) as Arc<dyn Shelves>);
        let site = XdmSite {
            archive,
            root: config.xdm.root.clone(),
            public_root: config.xcap_roots(&addresses).swap_remove(0),
            authenticator: Mutex::new(Authenticator::new(&config.web_authentication(), self.key)),
            providers: RwLock::new(providers(config)),
            entitled: RwLock::new(config.entitled_to_xcap()),
            users: Meter::new(proxy.user_rate),
            routes,
            domains: config.general.domains.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
            domain_peers: RwLock::new(config.domain_peers()),
            remotes,
            counts: Arc::clone(&xdm),
            clock: self.clock,
            post: self.post,
        };
        let house = Arc::new(House::new(site, limits(config), self.clock));
        let listeners = Listeners::start(runtime.handle(), bound, tls.as_ref(), &house)?;
        let view = EntranceView { http: Arc::clone(&house.counts), xdm, trees, stats: None };
        let site = Box::new(Tenant { house, roll });
        Ok(Entrance { addresses, certificate, view, documents, site, listeners, runtime })
    }
}

/// A house, for whom it does not matter what keeps its documents.
struct Tenant<D> {
    house: Arc<House<XdmSite<D>>>,
    roll: Arc<Roll>,
}

impl<D: DocStore> Changeable for Tenant<D> {
    fn reconfigure(&self, config: &Config) {
        self.roll.reconfigure(config);
        let site = &self.house.site;
        let mut authenticator = site.authenticator.lock().unwrap_or_else(PoisonError::into_inner);
        authenticator.reconfigure(&config.web_authentication());
        *site.providers.write().unwrap_or_else(PoisonError::into_inner) = providers(config);
        *site.domain_peers.write().unwrap_or_else(PoisonError::into_inner) = config.domain_peers();
        *site.entitled.write().unwrap_or_else(PoisonError::into_inner) = config.entitled_to_xcap();
    }

    fn stop(&self) {
        self.house.stopping.store(true, Ordering::Relaxed);
    }
}

/// Counts all changes on their way to who hears of it.
fn counting(counts: &Arc<XdmCounts>, mut hearer: Hearer) -> Hearer {
    let counts = Arc::clone(counts);
    Box::new(move |committed| {
        counts.committed(committed.len());
        hearer(committed);
    })
}

fn limits(config: &Config) -> Limits {
    let proxy = &config.aggregation_proxy;
    Limits {
        header: proxy.header_max.0,
        target: proxy.target_max.0,
        body: proxy.body_max.0,
        header_timeout: proxy.header_timeout,
        body_timeout: proxy.body_timeout,
        idle_timeout: proxy.idle_timeout,
        connections: proxy.connections,
        connections_per_peer: proxy.connections_per_peer,
        client_rate: proxy.client_rate,
        at_work: proxy.at_work,
    }
}

/// The document servers as shards know them: which usages there are, and who may read what. None if this node has none,
/// or if a usage of the operator's is wrong, which the start says.
pub fn servers(config: &Config, addresses: &[WebListen]) -> Option<Xdms> {
    let declared = declared(&config.xdm).ok().filter(|_| config.roles.xdm)?;
    Some(Xdms::new(Settings { declared, ..settings(config, addresses) }))
}

fn settings(config: &Config, addresses: &[WebListen]) -> Settings {
    let xdm = &config.xdm;
    Settings {
        domains: config.general.domains.iter().map(|domain| domain.to_ascii_lowercase().into()).collect(),
        services: shape(config),
        providers: providers(config),
        roots: config.xcap_roots(addresses).into_iter().map(String::into_boxed_str).collect(),
        others: config.remote_xdms.servers.0.values().flat_map(|server| server.names()).collect(),
        limits: xdm::Limits {
            document: xdm.document_max.0,
            documents: xdm.documents_max,
            bytes: xdm.user_max.0,
            ..xdm::Limits::default()
        },
        tightenings: match xdm.profile {
            Profile::Ietf => Tightenings::default(),
            Profile::Oma => Tightenings::OMA,
        },
        ..Settings::default()
    }
}

/// Whose a list is by its URI, as the Resource List Server will read it.
fn shape(config: &Config) -> Services {
    match Template::parse(&config.resource_list_server.service_uri_template) {
        Some(template) => Services::Shaped(Arc::new(move |uri| template.owner(&Uri::parse(uri).ok()?))),
        None => Services::Shapeless,
    }
}

fn providers(config: &Config) -> BTreeSet<Aor> {
    config.xdm.providers.iter().filter_map(|name| xdm::owner(name)).collect()
}

fn source(config: &Config, addresses: &[WebListen]) -> Source {
    let proxy = &config.aggregation_proxy;
    if !proxy.certificate.is_empty() {
        return Source::Files {
            certificate: PathBuf::from(&proxy.certificate),
            key: PathBuf::from(&proxy.key),
        };
    }
    let mut names = vec!["localhost".to_owned()];
    let ours = addresses.iter().filter(|one| !one.address.ip().is_unspecified());
    for name in config.general.domains.iter().cloned().chain(ours.map(|one| one.address.ip().to_string())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let folder = match config.store.engine {
        Engine::Memory => None,
        Engine::Embedded => Some(PathBuf::from(&config.store.path)),
    };
    Source::SelfMade { names, folder }
}

fn trust(config: &Config, own: Option<CertificateDer<'static>>) -> Result<Trust, TlsError> {
    let authorities = &config.aggregation_proxy.route_authorities;
    if !authorities.is_empty() {
        return Ok(Trust::Certificates(tls::certificates(&PathBuf::from(authorities))?));
    }
    Ok(own.map_or(Trust::System, |own| Trust::Certificates(vec![own])))
}
