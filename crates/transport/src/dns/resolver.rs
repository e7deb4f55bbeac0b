//! Records from the name servers of the system, or of a list. Answers are kept for as long as their records allow.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::{LookupError, Naptr, Records, Srv};

/// Longest negative answer kept, so that a repaired domain is soon found again.
const NEGATIVE_MAX: Duration = Duration::from_secs(300);
/// Answers kept.
const ANSWERS_MAX: u64 = 10_000;

/// A resolver with a cache. Cheap to clone; the clones share the cache.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
}

impl Dns {
    /// Asks the name servers of the system (`/etc/resolv.conf`) and the hosts file. Fails if they cannot be read.
    pub fn system() -> io::Result<Self> {
        let mut builder = TokioResolver::builder_tokio().map_err(io::Error::other)?;
        tune(builder.options_mut());
        Ok(Self { resolver: builder.build().map_err(io::Error::other)? })
    }

    /// Asks these name servers only.
    pub fn with_servers(servers: &[SocketAddr]) -> io::Result<Self> {
        let servers = servers
            .iter()
            .map(|server| {
                let connections = [ProtocolConfig::Udp, ProtocolConfig::Tcp].map(|protocol| {
                    let mut connection = ConnectionConfig::new(protocol);
                    connection.port = server.port();
                    connection
                });
                NameServerConfig::new(server.ip(), true, connections.into())
            })
            .collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        tune(builder.options_mut());
        Ok(Self { resolver: builder.build().map_err(io::Error::other)? })
    }

    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, LookupError> {
        // What is no name has no records. Absolute, so that the search list of the system plays no part.
        let Ok(mut name) = Name::from_ascii(name) else { return Ok(Vec::new()) };
        name.set_fqdn(true);
        match self.resolver.lookup(name, kind).await {
            Ok(lookup) => Ok(lookup.answers().iter().filter_map(|record| read(&record.data)).collect()),
            Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Ok(Vec::new()),
            Err(error) => Err(LookupError(error.to_string())),
        }
    }
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}

fn tune(options: &mut ResolverOpts) {
    options.timeout = Duration::from_secs(2);
    options.attempts = 2;
    options.cache_size = ANSWERS_MAX;
    options.negative_max_ttl = Some(NEGATIVE_MAX);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Records for Dns {
    async fn naptr(&self, name: &str) -> Result<Vec<Naptr>, LookupError> {
        self.ask(name, RecordType::NAPTR, |data| {
            let RData::NAPTR(record) = data else { return None };
            Some(Naptr {
                order: record.order,
                preference: record.preference,
                flags: text(&record.flags),
                service: text(&record.services),
                regexp: text(&record.regexp),
                replacement: record.replacement.to_ascii(),
            })
        })
        .await
    }

    async fn srv(&self, name: &str) -> Result<Vec<Srv>, LookupError> {
        self.ask(name, RecordType::SRV, |data| {
            let RData::SRV(record) = data else { return None };
            Some(Srv {
                priority: record.priority,
                weight: record.weight,
                port: record.port,
                target: record.target.to_ascii(),
            })
        })
        .await
    }

    async fn ipv4(&self, name: &str) -> Result<Vec<Ipv4Addr>, LookupError> {
        self.ask(name, RecordType::A, |data| match data {
            RData::A(address) => Some(address.0),
            _ => None,
        })
        .await
    }

    async fn ipv6(&self, name: &str) -> Result<Vec<Ipv6Addr>, LookupError> {
        self.ask(name, RecordType::AAAA, |data| match data {
            RData::AAAA(address) => Some(address.0),
            _ => None,
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{A, AAAA, NAPTR, SRV};
    use tokio::net::UdpSocket;

    use super::super::{Location, Locator, Supported, Target};
    use super::*;
    use sip_stack::Protocol;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn zone() -> Vec<Record> {
        let text = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
        let tcp = "_sip._tcp.example.com.";
        let naptr = NAPTR::new(90, 50, text("s"), text("SIP+D2T"), text(""), name(tcp));
        let record = |owner: &str, data: RData| Record::from_rdata(name(owner), 300, data);
        vec![
            record("example.com.", RData::NAPTR(naptr)),
            record(tcp, RData::SRV(SRV::new(1, 0, 5070, name("one.example.com.")))),
            record(tcp, RData::SRV(SRV::new(2, 0, 5080, name("two.example.com.")))),
            record("one.example.com.", RData::A(A::new(192, 0, 2, 1))),
            record("one.example.com.", RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
            record("two.example.com.", RData::A(A::new(192, 0, 2, 2))),
        ]
    }

    /// A name server on loopback that knows the zone; counts questions.
    async fn name_server() -> (SocketAddr, Arc<AtomicUsize>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let questions = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&questions);
        tokio::spawn(async move {
            let mut room = [0; 4_096];
            loop {
                let (len, peer) = socket.recv_from(&mut room).await.unwrap();
                let mut message = Message::from_vec(&room[..len]).unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                let query = message.queries[0].clone();
                message.metadata.message_type = MessageType::Response;
                if query.name().to_ascii().starts_with("broken") {
                    message.metadata.response_code = ResponseCode::ServFail;
                } else {
                    message.answers = zone()
                        .into_iter()
                        .filter(|record| record.name == *query.name())
                        .filter(|record| record.record_type() == query.query_type())
                        .collect();
                    if !zone().iter().any(|record| record.name == *query.name()) {
                        message.metadata.response_code = ResponseCode::NXDomain;
                    }
                }
                socket.send_to(&message.to_vec().unwrap(), peer).await.unwrap();
            }
        });
        (address, questions)
    }

    #[tokio::test]
    async fn records_come_from_a_name_server_and_are_kept() {
        let (server, questions) = name_server().await;
        let supported = Supported { udp: true, tcp: true, tls: false, ipv4: true, ipv6: true };
        let locator = Locator::new(Dns::with_servers(&[server]).unwrap(), supported, 1);
        let target = Target { host: "example.com".into(), port: None, transport: None, secure: false };
        let place = |address: &str| Location {
            protocol: Protocol::Tcp,
            secure: false,
            address: address.parse().unwrap(),
        };
        let places = ["[2001:db8::1]:5070", "192.0.2.1:5070", "192.0.2.2:5080"].map(place);
        assert_eq!(locator.locate(&target).await.unwrap(), places);
        let asked = questions.load(Ordering::Relaxed);
        assert_eq!(locator.locate(&target).await.unwrap(), places);
        // The name without an IPv6 address has no SOA record to say for how long that holds, so it is asked again.
        let again = questions.load(Ordering::Relaxed) - asked;
        assert!(again <= 1, "{again} questions for answers that were just given");
    }

    #[tokio::test]
    async fn no_records_are_no_failure_but_a_failing_server_is() {
        let (server, _) = name_server().await;
        let dns = Dns::with_servers(&[server]).unwrap();
        assert_eq!(dns.srv("_sip._udp.nowhere.example").await, Ok(Vec::new()));
        assert_eq!(dns.ipv6("two.example.com").await, Ok(Vec::new()));
        assert_eq!(dns.ipv4("no name at all.").await, Ok(Vec::new()));
        assert!(dns.ipv4("broken.example").await.is_err());
    }
}
