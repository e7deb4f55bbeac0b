//! Where next hops lead, for the shards: asked of the name servers, off the shards' threads.

use std::net::SocketAddr;
use std::sync::Arc;

use node::{Listener, Locate, ShardId};
use sip_stack::Protocol;
use tokio::runtime::Handle;
use transport::dns::{Dns, LocateError, Locator, Supported, Target};

use crate::pump::{Order, Post};

/// The way of shards to the name servers. Their questions are bounded by what may be under way to each next hop.
#[derive(Clone)]
pub struct Places {
    locator: Arc<Locator<Dns>>,
    runtime: Handle,
    post: Post,
}

impl Places {
    /// Finds places that can be reached from these addresses of ours.
    pub fn new(listeners: &[Listener], draw: u64, runtime: Handle, post: Post) -> std::io::Result<Self> {
        let has = |protocol| listeners.iter().any(|own| own.protocol == protocol);
        let supported = Supported {
            udp: has(Protocol::Udp),
            tcp: has(Protocol::Tcp),
            tls: false,
            ipv4: listeners.iter().any(|own| !own.sent_by.starts_with('[')),
            ipv6: listeners.iter().any(|own| own.sent_by.starts_with('[')),
        };
        // Without name servers, addresses and `localhost` still lead somewhere.
        let dns = Dns::system().or_else(|_| Dns::with_servers(&[]))?;
        Ok(Self { locator: Arc::new(Locator::new(dns, supported, draw)), runtime, post })
    }

    /// Asks where a hop leads; the answer is an order to the shard.
    pub fn ask(&self, shard: ShardId, locate: Locate) {
        let Self { locator, runtime, post } = self.clone();
        runtime.spawn(async move {
            let places = match Target::of_uri(&locate.hop) {
                Some(target) => locator.locate(&target).await,
                None => Err(LocateError::Unsupported),
            };
            let places: Vec<(Protocol, SocketAddr)> = match places {
                Ok(places) => places.into_iter().map(|place| (place.protocol, place.address)).collect(),
                Err(error) => {
                    // A hop may name a user.
                    let host = locate.hop.rsplit('@').next().unwrap_or_default();
                    tracing::debug!(%host, %error, "a next hop leads nowhere");
                    Vec::new()
                }
            };
            post.order(shard, Order::Located(Box::new(locate), places.into()));
        });
    }
}
