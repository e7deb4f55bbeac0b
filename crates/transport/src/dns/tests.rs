//! Tests of the procedures of RFC 3263 §4 over written-down records.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;

/// Records by name, and the questions asked.
#[derive(Default)]
struct Zone {
    naptr: BTreeMap<&'static str, Vec<Naptr>>,
    srv: BTreeMap<&'static str, Vec<Srv>>,
    addresses: BTreeMap<&'static str, Vec<IpAddr>>,
    failing: Vec<&'static str>,
    hanging: bool,
    asked: Mutex<Vec<String>>,
}

impl Zone {
    async fn ask<T: Clone>(
        &self,
        kind: &str,
        name: &str,
        records: &BTreeMap<&str, Vec<T>>,
    ) -> Result<Vec<T>, LookupError> {
        if self.hanging {
            std::future::pending::<()>().await;
        }
        let question = format!("{kind} {name}");
        let fails = self.failing.contains(&question.as_str());
        self.asked.lock().unwrap().push(question);
        let records = records.get(name.trim_end_matches('.')).cloned().unwrap_or_default();
        if fails { Err(LookupError("server failure".into())) } else { Ok(records) }
    }
}

impl Records for Zone {
    async fn naptr(&self, name: &str) -> Result<Vec<Naptr>, LookupError> {
        self.ask("NAPTR", name, &self.naptr).await
    }

    async fn srv(&self, name: &str) -> Result<Vec<Srv>, LookupError> {
        self.ask("SRV", name, &self.srv).await
    }

    async fn ipv4(&self, name: &str) -> Result<Vec<Ipv4Addr>, LookupError> {
        let all = self.ask("A", name, &self.addresses).await?;
        Ok(all.into_iter().filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None }).collect())
    }

    async fn ipv6(&self, name: &str) -> Result<Vec<Ipv6Addr>, LookupError> {
        let all = self.ask("AAAA", name, &self.addresses).await?;
        Ok(all.into_iter().filter_map(|ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None }).collect())
    }
}

const PLAIN: Supported = Supported { udp: true, tcp: true, tls: false, ipv4: true, ipv6: false };
const ALL: Supported = Supported { tls: true, ipv6: true, ..PLAIN };

/// Reads `sip:host:port;transport=tcp`, the part of a URI that matters here.
fn target(uri: &str) -> Target {
    let (scheme, rest) = uri.split_once(':').unwrap();
    let (hostport, transport) = rest.split_once(";transport=").map_or((rest, None), |(h, t)| (h, Some(t)));
    let (host, port) = match hostport.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().unwrap())),
        _ => (hostport, None),
    };
    let transport = transport.map(|name| if name == "tcp" { Protocol::Tcp } else { Protocol::Udp });
    Target { host: host.into(), port, transport, secure: scheme == "sips" }
}

fn naptr(order: u16, service: &str, replacement: &str) -> Naptr {
    let (service, replacement) = (service.into(), replacement.into());
    Naptr { order, preference: 50, flags: "s".into(), service, regexp: String::new(), replacement }
}

fn srv(priority: u16, port: u16, target: &str) -> Srv {
    Srv { priority, weight: 1, port, target: target.into() }
}

fn zone() -> Zone {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    Zone {
        naptr: [(
            "full.example",
            vec![
                naptr(50, "SIPS+D2T", "_sips._tcp.full.example."),
                naptr(90, "SIP+D2T", "_sip._tcp.full.example"),
                naptr(100, "SIP+D2U", "_sip._udp.full.example."),
            ],
        )]
        .into(),
        srv: [
            ("_sips._tcp.full.example", vec![srv(0, 5061, "one.full.example.")]),
            (
                "_sip._tcp.full.example",
                vec![srv(1, 5070, "two.full.example."), srv(0, 5071, "one.full.example")],
            ),
            ("_sip._udp.full.example", vec![srv(0, 5080, "one.full.example.")]),
            ("_sip._tcp.srv.example", vec![srv(0, 5090, "one.full.example.")]),
            ("_sip._udp.declined.example", vec![srv(0, 0, ".")]),
            ("_sip._udp.half.example", vec![srv(0, 1, "gone.example."), srv(1, 2, "two.full.example.")]),
            ("_sip._udp.self.example", vec![srv(0, 5060, "localhost.")]),
        ]
        .into(),
        addresses: [
            ("one.full.example", vec![ip("192.0.2.1"), ip("2001:db8::1")]),
            ("two.full.example", vec![ip("192.0.2.2"), ip("192.0.2.3")]),
            ("bare.example", vec![ip("192.0.2.9"), ip("192.0.2.8")]),
            ("full.example", vec![ip("192.0.2.7")]),
        ]
        .into(),
        ..Zone::default()
    }
}

/// The places as text (`udp 192.0.2.1:5060`), and the questions that led there.
async fn locate_in(
    zone: Zone,
    supported: Supported,
    uri: &str,
) -> (Result<Vec<String>, LocateError>, Vec<String>) {
    let locator = Locator::new(zone, supported, 7);
    let found = locator.locate(&target(uri)).await.map(|places| {
        let name = |place: &Location| match (place.protocol, place.secure) {
            (Protocol::Udp, _) => "udp",
            (Protocol::Tcp, false) => "tcp",
            (Protocol::Tcp, true) => "tls",
        };
        places.iter().map(|place| format!("{} {}", name(place), place.address)).collect()
    });
    (found, locator.records.asked.into_inner().unwrap())
}

async fn locate(supported: Supported, uri: &str) -> Result<Vec<String>, LocateError> {
    locate_in(zone(), supported, uri).await.0
}

fn places<const N: usize>(list: [&str; N]) -> Result<Vec<String>, LocateError> {
    Ok(list.map(String::from).into())
}

#[test]
fn a_uri_says_host_port_transport_and_security() {
    let of =
        |uri| Target::of_uri(uri).map(|target| (target.host, target.port, target.transport, target.secure));
    let host = |host: &str| host.to_owned();
    assert_eq!(of("sip:bob@example.net"), Some((host("example.net"), None, None, false)));
    assert_eq!(of("sip:h:5070;transport=TCP;lr"), Some((host("h"), Some(5070), Some(Protocol::Tcp), false)));
    assert_eq!(of("sips:[::1];transport=udp"), Some((host("[::1]"), None, Some(Protocol::Udp), true)));
    assert_eq!(of("sip:a@b;maddr=192.0.2.1"), Some((host("192.0.2.1"), None, None, false)));
    for uri in ["tel:+15550100", "sip:a@b;transport=sctp", "pres:a@b", "x"] {
        assert_eq!(of(uri), None, "{uri}");
    }
}

#[tokio::test]
async fn literal_addresses_and_localhost_ask_nobody() {
    let cases = [
        ("sip:192.0.2.4", places(["udp 192.0.2.4:5060"])),
        ("sip:192.0.2.4:5070", places(["udp 192.0.2.4:5070"])),
        ("sip:192.0.2.4;transport=tcp", places(["tcp 192.0.2.4:5060"])),
        ("sip:[2001:db8::4]", places(["udp [2001:db8::4]:5060"])),
        ("sips:192.0.2.4", places(["tls 192.0.2.4:5061"])),
        ("sips:[2001:db8::4]:9;transport=tcp", places(["tls [2001:db8::4]:9"])),
        ("sip:localhost:5070", places(["udp 127.0.0.1:5070", "udp [::1]:5070"])),
        ("sip:a.LocalHost.;transport=tcp", places(["tcp 127.0.0.1:5060", "tcp [::1]:5060"])),
    ];
    for (uri, expected) in cases {
        assert_eq!(locate_in(zone(), ALL, uri).await, (expected, Vec::new()), "{uri}");
    }
}

#[tokio::test]
async fn naptr_chooses_the_transport_and_srv_the_servers() {
    let (found, asked) = locate_in(zone(), PLAIN, "sip:full.example").await;
    assert_eq!(found, places(["tcp 192.0.2.1:5071", "tcp 192.0.2.2:5070", "tcp 192.0.2.3:5070"]));
    let questions =
        ["NAPTR full.example", "SRV _sip._tcp.full.example", "A one.full.example", "A two.full.example."];
    assert_eq!(asked, questions);
    let secure = places(["tls [2001:db8::1]:5061", "tls 192.0.2.1:5061"]);
    assert_eq!(locate(ALL, "sip:full.example").await, secure);
    assert_eq!(locate(ALL, "sips:full.example").await, secure);
    let only_udp = Supported { tcp: false, ..PLAIN };
    assert_eq!(locate(only_udp, "sip:full.example").await, places(["udp 192.0.2.1:5080"]));
}

#[tokio::test]
async fn a_port_leads_to_addresses_and_nothing_else() {
    let (found, asked) = locate_in(zone(), PLAIN, "sip:full.example:5060").await;
    assert_eq!((found, asked), (places(["udp 192.0.2.7:5060"]), vec!["A full.example".into()]));
}

#[tokio::test]
async fn a_transport_skips_naptr() {
    let (found, asked) = locate_in(zone(), PLAIN, "sip:full.example;transport=udp").await;
    assert_eq!(found, places(["udp 192.0.2.1:5080"]));
    assert_eq!(asked[0], "SRV _sip._udp.full.example");
    let bare = places(["tcp 192.0.2.9:5060", "tcp 192.0.2.8:5060"]);
    assert_eq!(locate(PLAIN, "sip:bare.example;transport=tcp").await, bare);
}

#[tokio::test]
async fn without_naptr_any_transport_with_servers_will_do() {
    let (found, asked) = locate_in(zone(), PLAIN, "sip:srv.example").await;
    assert_eq!(found, places(["tcp 192.0.2.1:5090"]));
    assert_eq!(asked[..3], ["NAPTR srv.example", "SRV _sip._udp.srv.example", "SRV _sip._tcp.srv.example"]);
}

#[tokio::test]
async fn without_servers_the_addresses_of_the_domain_are_tried_by_udp() {
    let bare = places(["udp 192.0.2.9:5060", "udp 192.0.2.8:5060"]);
    assert_eq!(locate(PLAIN, "sip:bare.example").await, bare);
    assert_eq!(locate(PLAIN, "sip:bare.example.").await, bare);
    assert_eq!(locate(ALL, "sips:bare.example").await, places(["tls 192.0.2.9:5061", "tls 192.0.2.8:5061"]));
}

#[tokio::test]
async fn a_naptr_whose_servers_are_missing_still_decides_the_transport() {
    let mut zone = zone();
    zone.srv.remove("_sip._tcp.full.example");
    let (found, _) = locate_in(zone, PLAIN, "sip:full.example").await;
    assert_eq!(found, places(["tcp 192.0.2.7:5060"]));
}

#[tokio::test]
async fn security_is_never_traded_for_a_connection() {
    for uri in ["sips:full.example", "sips:192.0.2.1", "sips:bare.example:5060", "sips:bare.example"] {
        assert_eq!(locate(PLAIN, uri).await, Err(LocateError::Unsupported), "{uri}");
    }
    assert_eq!(locate(ALL, "sips:full.example;transport=udp").await, Err(LocateError::Unsupported));
}

#[tokio::test]
async fn what_cannot_be_reached_says_why() {
    assert_eq!(locate(PLAIN, "sip:nowhere.example").await, Err(LocateError::NotFound));
    assert_eq!(locate(PLAIN, "sip:declined.example").await, Err(LocateError::Declined));
    assert_eq!(locate(PLAIN, "sip:[2001:db8::4]").await, Err(LocateError::Unsupported));
    assert_eq!(locate(PLAIN, "sip:self.example").await, Err(LocateError::NotFound));
    assert_eq!(locate(PLAIN, &format!("sip:{}", "a".repeat(254))).await, Err(LocateError::NotFound));
    assert_eq!(locate(PLAIN, "sip:.").await, Err(LocateError::NotFound));
}

#[tokio::test]
async fn a_server_without_address_does_not_take_the_others_away() {
    assert_eq!(locate(PLAIN, "sip:half.example").await, places(["udp 192.0.2.2:2", "udp 192.0.2.3:2"]));
}

#[tokio::test]
async fn failing_name_servers_are_told_from_missing_records() {
    let failing = |question| Zone { failing: vec![question], ..zone() };
    let failure = Err(LocateError::Lookup(LookupError("server failure".into())));
    assert_eq!(locate_in(failing("SRV _sip._udp.bare.example"), PLAIN, "sip:bare.example").await.0, failure);
    assert_eq!(locate_in(failing("A bare.example"), PLAIN, "sip:bare.example:1").await.0, failure);
    // Some servers know no NAPTR at all.
    let found = locate_in(failing("NAPTR bare.example"), PLAIN, "sip:bare.example").await.0;
    assert_eq!(found, places(["udp 192.0.2.9:5060", "udp 192.0.2.8:5060"]));
    // One family is enough.
    let found = locate_in(failing("AAAA one.full.example."), ALL, "sip:full.example").await.0;
    assert_eq!(found, places(["tls 192.0.2.1:5061"]));
}

#[tokio::test(start_paused = true)]
async fn name_servers_that_never_answer_are_given_up() {
    let zone = Zone { hanging: true, ..zone() };
    assert_eq!(locate_in(zone, PLAIN, "sip:full.example").await.0, Err(LocateError::TimedOut));
}
