//! What an operator decides, seen from outside: limits of the entrance, the profile, a certificate that is renewed.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use client::web::Trust;
use client::xdm::{Condition, Resource, XdmClient, XdmOptions};
use server::http::tls::{Certificate, Source};

use crate::process::Program;
use crate::web::{Http, INDEX, LISTS, entrance, list, start};

#[test]
fn every_bound_of_the_entrance_says_when_to_come_back() {
    let server = start(&[
        "aggregation-proxy.client-rate=1",
        "aggregation-proxy.at-work=1",
        "aggregation-proxy.connections-per-peer=2",
    ]);
    let address = entrance(&server);
    // One request is at work: its body is awaited, as the leave to send it shows.
    let mut slow = TcpStream::connect(address).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let body = list(&["bob"]);
    let head = format!(
        "PUT {INDEX} HTTP/1.1\r\nHost: x\r\n{LISTS}\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    let mut leave = [0; 25];
    slow.read_exact(&mut leave).unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    let mut http = Http::connect(address);
    let busy = http.ask("GET", INDEX, &[], "");
    assert_eq!((busy.status, busy.field("retry-after")), (503, Some("1")), "{}", busy.text());
    // Two connections are there, and a third has no place.
    let full = Http::connect(address).try_ask("GET", INDEX, &[], "").unwrap();
    assert_eq!(full.status, 503);
    assert!(full.head.to_ascii_lowercase().contains("\nretry-after: "), "{}", full.head);
    slow.write_all(body.as_bytes()).unwrap();
    let mut status = [0; 12];
    slow.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 201");
    // Nothing is at work any more; who asks too often is another matter.
    let statuses: Vec<_> = (0..20).map(|_| http.ask("GET", INDEX, &[], "")).collect();
    assert_eq!(statuses[0].status, 200, "{}", statuses[0].text());
    let refused = &statuses[19];
    assert_eq!((refused.status, refused.field("retry-after")), (429, Some("1")), "{}", refused.text());
    server.stop().unwrap();
}

#[test]
fn the_profile_of_the_oma_refuses_what_the_ietf_allows() {
    let nameless = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list/></resource-lists>";
    for (profile, status) in [("ietf", 201), ("oma", 409)] {
        let server = start(&[&format!("xdm.profile={profile}")]);
        let mut http = Http::connect(entrance(&server));
        let put = http.ask("PUT", INDEX, &[LISTS], nameless);
        assert_eq!(put.status, status, "{}", put.text());
        if status == 409 {
            assert_eq!(put.field("content-type"), Some("application/xcap-error+xml"));
            let phrase = "<constraint-failure phrase=\"Name attribute is required.\"/>";
            assert!(put.text().contains(phrase), "{}", put.text());
            assert_eq!(http.ask("GET", INDEX, &[], "").status, 404, "nothing is kept");
            assert_eq!(http.ask("PUT", INDEX, &[LISTS], &list(&["bob"])).status, 201);
        }
        server.stop().unwrap();
    }
}

#[test]
fn a_document_refers_to_another_by_any_name_of_the_root() {
    let server = start(&[
        "domains=[\"example.com\", \"example.org\"]",
        "xdm.public=https://xcap.example.com",
        "xdm.aliases=[\"https://xcap.example.org/\", \"http://10.0.0.1:8080\"]",
    ]);
    let mut http = Http::connect(entrance(&server));
    let services = |root: &str| {
        format!(
            "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\"><service uri=\"sip:l@example.org\"><resource-list>\
             {root}/xcap-root/resource-lists/users/sip:alice@example.org/index/~~/resource-lists/list</resource-list>\
             </service></rls-services>"
        )
    };
    let path = "/xcap-root/rls-services/users/sip:alice@example.org/index";
    let kind = "Content-Type: application/rls-services+xml";
    for (root, status) in [
        ("https://xcap.example.net", 409),
        ("https://xcap.example.com", 201),
        ("https://xcap.example.org", 200),
        ("http://10.0.0.1:8080", 200),
    ] {
        let put = http.ask("PUT", path, &[kind], &services(root));
        assert_eq!(put.status, status, "{root}: {}", put.text());
    }
    let directory =
        "/xcap-root/org.openmobilealliance.xcap-directory/users/sip:alice@example.org/directory.xml";
    let told = http.ask("GET", directory, &[], "").text();
    let first = "uri=\"https://xcap.example.com/xcap-root/rls-services/users/sip:alice@example.org/index\"";
    assert!(told.contains(first), "{told}");
    server.stop().unwrap();
}

/// A certificate with its key in a folder of its own.
fn certificate(folder: &Path) -> String {
    let source = Source::SelfMade { names: vec!["localhost".to_owned()], folder: Some(folder.to_owned()) };
    Certificate::open(source).unwrap().fingerprint()
}

#[test]
fn a_renewed_certificate_is_shown_from_the_next_connection_on_and_those_before_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (used, next) = (folder.path().join("used"), folder.path().join("next"));
    let (before, after) = (certificate(&used), certificate(&next));
    let settings = [
        "domains=example.com".to_owned(),
        "authentication.users={ alice = \"wonderland\" }".to_owned(),
        "xdm.root=/xcap-root".to_owned(),
        "aggregation-proxy.listen=https:127.0.0.1:0".to_owned(),
        format!("aggregation-proxy.certificate={}", used.join("certificate.pem").display()),
        format!("aggregation-proxy.key={}", used.join("certificate-key.pem").display()),
    ];
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let mut program = Program::start(folder.path(), "127.0.0.1:0", &settings);
    let line = program.line(" serving documents ");
    let address = line.split("listen=https:").nth(1).unwrap().split_whitespace().next().unwrap();
    let client = |fingerprint: &str| {
        let root = format!("https://{address}/xcap-root").parse().unwrap();
        let trust = Trust::Pin(fingerprint.to_owned());
        let mut options = XdmOptions::new("alice@example.com".parse().unwrap(), root, trust);
        options.password = Some("wonderland".to_owned());
        XdmClient::new(options).unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let lists = Resource::own("resource-lists", "index");
    let early = client(&before);
    runtime.block_on(early.put(&lists, list(&["bob"]), &Condition::Absent)).unwrap();
    assert!(runtime.block_on(client(&after).get(&lists)).is_err(), "it is not there yet");

    for name in ["certificate.pem", "certificate-key.pem"] {
        fs::copy(next.join(name), used.join(name)).unwrap();
    }
    program.signal("-HUP");
    let line = program.line(" certificate ");
    assert!(line.contains(&after), "{line}");
    // Who trusts the old one alone could not connect again: it goes on as it is connected.
    assert!(runtime.block_on(early.get(&lists)).unwrap().is_some());
    assert!(runtime.block_on(client(&before).get(&lists)).is_err(), "new connections see the new one");
    assert!(runtime.block_on(client(&after).get(&lists)).unwrap().is_some());

    fs::write(used.join("certificate.pem"), "no certificate").unwrap();
    program.signal("-HUP");
    program.line("the certificate is wrong; the old one stays");
    assert!(runtime.block_on(client(&after).get(&lists)).unwrap().is_some());
    program.stop();
}
