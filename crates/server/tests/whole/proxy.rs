//! The Aggregation Proxy: who is believed, and document servers elsewhere.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Barrier};

use client::web::Trust;
use client::xdm::{Condition, Resource, XdmClient, XdmError, XdmOptions};
use server::server::Server;

use crate::web::{Http, INDEX, LISTS, entrance, list, start};

const USERS: &str = "authentication.users={ alice = \"wonderland\", bob = \"builder\" }";
const CLOSED: [&str; 2] = ["authentication.open=false", USERS];
const ALICE: &str = "X-3GPP-Asserted-Identity: \"sip:alice@example.com\"";
const BOB: &str = "X-XCAP-Asserted-Identity: \"sip:bob@example.com\"";

fn closed(set: &[&str]) -> Server {
    start(&[&CLOSED[..], set].concat())
}

/// What curl prints: the status, or what is asked for with `-w`.
fn curl(arguments: &[&str], url: &str) -> String {
    let ran = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}", "--max-time", "20"])
        .args(arguments)
        .arg(url)
        .output()
        .unwrap();
    String::from_utf8(ran.stdout).unwrap()
}

fn has_curl() -> bool {
    Command::new("curl").arg("--version").output().is_ok()
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}{INDEX}")
}

#[test]
fn curl_proves_its_user_by_either_algorithm() {
    if !has_curl() {
        eprintln!("curl is not installed: nothing is tested");
        return;
    }
    for algorithms in ["[\"SHA-256\"]", "[\"MD5\"]", "[\"SHA-256\", \"MD5\"]"] {
        let server = closed(&[&format!("authentication.algorithms={algorithms}")]);
        let url = url(entrance(&server));
        let body = list(&["bob"]);
        let put = ["-H", LISTS, "-X", "PUT", "--data", &body];
        let digest = |user: &'static str| ["--digest", "-u", user];
        assert_eq!(curl(&put, &url), "401 1");
        assert_eq!(
            curl(&[&digest("alice:wonderland"), &put[..]].concat(), &url),
            "201 1",
            "on one connection"
        );
        assert_eq!(curl(&digest("alice:wrong"), &url), "401 1");
        assert_eq!(curl(&digest("bob:builder"), &url), "403 1");
        assert_eq!(curl(&digest("alice:wonderland"), &url), "200 1");
        server.stop().unwrap();
    }
}

#[test]
fn nobody_is_believed_who_only_asserts() {
    let server = closed(&[]);
    let mut http = Http::connect(entrance(&server));
    for field in [ALICE, BOB, "X-3GPP-Intended-Identity: \"sip:alice@example.com\""] {
        let refused = http.ask("GET", INDEX, &[field], "");
        assert_eq!(refused.status, 401, "{field}");
        assert_eq!(refused.fields("www-authenticate").count(), 2);
    }
    assert_eq!(http.ask("OPTIONS", INDEX, &[], "").status, 200, "what is allowed is no secret");
    server.stop().unwrap();
}

#[test]
fn a_trusted_peer_says_who_asks_and_speaks_for_itself_when_it_does_not() {
    let server = closed(&["aggregation-proxy.trusted-peers=127.0.0.1", "xdm.providers=admin@example.com"]);
    let mut http = Http::connect(entrance(&server));
    let intended = "X-3GPP-Intended-Identity: \"sip:alice@example.com\"";
    assert_eq!(http.ask("PUT", INDEX, &[LISTS, ALICE], &list(&["bob"])).status, 201);
    assert_eq!(http.ask("GET", INDEX, &[BOB], "").status, 403);
    assert_eq!(http.ask("GET", INDEX, &[intended], "").status, 200, "it has checked what it lets through");
    assert_eq!(http.ask("GET", INDEX, &[BOB, intended], "").status, 403, "not one of bob's");
    let both = "X-XCAP-Asserted-Identity: \"tel:+15550100\", \"sip:alice@example.com\"";
    assert_eq!(http.ask("GET", INDEX, &[both], "").status, 200);
    for unreadable in ["nonsense", "", "\"sip:al\u{ef}ce@example.com\""] {
        let field = format!("X-3GPP-Asserted-Identity: {unreadable}");
        assert_eq!(http.ask("GET", INDEX, &[&field], "").status, 400, "{field}");
    }
    assert_eq!(http.ask("GET", INDEX, &[], "").status, 200, "an element of the domain reads");
    assert_eq!(http.ask("PUT", INDEX, &[LISTS], &list(&[])).status, 403, "and does not write");
    let admin = "X-3GPP-Asserted-Identity: \"sip:admin@example.com\"";
    assert_eq!(http.ask("DELETE", INDEX, &[admin], "").status, 200, "the provider does everything");
    server.stop().unwrap();
}

#[test]
fn who_is_not_entitled_to_documents_gets_none() {
    let entitled = "entitlement.xcap=[\"alice@example.com\"]";
    let server = closed(&["aggregation-proxy.trusted-peers=127.0.0.1", entitled]);
    let mut http = Http::connect(entrance(&server));
    assert_eq!(http.ask("PUT", INDEX, &[LISTS, ALICE], &list(&["bob"])).status, 201);
    assert_eq!(http.ask("GET", "/xcap-root/xcap-caps/global/index", &[ALICE], "").status, 200);
    let refused = http.ask("GET", "/xcap-root/xcap-caps/global/index", &[BOB], "");
    assert_eq!(refused.status, 403, "what every other user may read");
    assert_eq!(http.ask("GET", "/v1/users/sip:bob@example.com/lists", &[BOB], "").status, 403);
    server.stop().unwrap();
}

#[test]
fn a_user_who_asks_too_often_is_told_so_and_others_are_not() {
    let server = start(&["aggregation-proxy.user-rate=1", "aggregation-proxy.trusted-peers=127.0.0.1"]);
    let mut http = Http::connect(entrance(&server));
    let statuses: Vec<_> = (0..30).map(|_| http.ask("GET", INDEX, &[ALICE], "").status).collect();
    assert_eq!(statuses[..10], [404; 10]);
    assert_eq!(statuses[29], 429);
    assert_eq!(http.ask("GET", INDEX, &[ALICE], "").field("retry-after"), Some("1"));
    assert_eq!(http.ask("GET", INDEX, &[BOB], "").status, 403);
    server.stop().unwrap();
}

/// Lists elsewhere, everything else here.
fn two() -> (Server, Server) {
    let there = closed(&["aggregation-proxy.trusted-peers=127.0.0.1"]);
    let routes = format!(
        "aggregation-proxy.routes={{ \"resource-lists\" = \"http://{}/xcap-root\" }}",
        entrance(&there)
    );
    let here = start(&[&routes]);
    (here, there)
}

#[test]
fn a_usage_that_is_elsewhere_is_served_from_there() {
    let (here, there) = two();
    let mut http = Http::connect(entrance(&here));
    let made = http.ask("PUT", INDEX, &[LISTS, "If-None-Match: *"], &list(&["bob"]));
    assert_eq!(made.status, 201, "{}", made.text());
    let got = http.ask("GET", INDEX, &[BOB], "");
    assert_eq!(
        (got.status, got.text(), got.etag()),
        (200, list(&["bob"]), made.etag()),
        "what a client asserts goes no further"
    );
    assert_eq!(got.field("content-type"), Some("application/resource-lists+xml"));
    let asserted = Http::connect(entrance(&there)).ask("GET", INDEX, &[ALICE], "");
    assert_eq!(asserted.text(), list(&["bob"]), "it is there");
    let conflict = http.ask("PUT", INDEX, &[LISTS], "<resource-lists>");
    assert!(conflict.status == 409 && conflict.text().contains("not-well-formed"), "{}", conflict.text());
    assert_eq!(http.ask("PUT", INDEX, &[LISTS, "If-Match: \"old\""], &list(&[])).status, 412);
    let rules = "/xcap-root/pres-rules/users/sip:alice@example.com/index";
    assert_eq!(http.ask("GET", rules, &[], "").status, 404, "not there but here, and empty");
    let directory =
        "/xcap-root/org.openmobilealliance.xcap-directory/users/sip:alice@example.com/directory.xml";
    let whole = http.ask("GET", directory, &[], "");
    let ours = format!("<entry uri=\"http://{}{INDEX}\"", entrance(&here));
    assert!(whole.text().contains(&ours), "{}", whole.text());
    let unchanged = http.ask("GET", directory, &[&format!("If-None-Match: {}", whole.etag())], "");
    assert_eq!(unchanged.status, 304);
    let folder = format!("{directory}/~~/xcap-directory/folder%5B@auid=%22resource-lists%22%5D");
    let part = http.ask("GET", &folder, &[], "");
    assert!(part.text().starts_with("<folder auid=\"resource-lists\">"), "{}", part.text());
    let caps = http.ask("GET", "/xcap-root/xcap-caps/global/index", &[], "");
    assert_eq!(caps.status, 200, "{}", caps.text());
    let caps = caps.text();
    assert_eq!(caps.matches("<auid>resource-lists</auid>").count(), 1, "{caps}");
    // The JSON face looks through as well.
    let lists = http.ask("GET", "/v1/users/alice@example.com/lists", &[], "");
    assert!(lists.text().contains("sip:bob@example.com"), "{}", lists.text());
    there.stop().unwrap();
    let lost = http.ask("GET", INDEX, &[], "");
    assert_eq!(lost.status, 502, "{}", lost.text());
    let partial = http.ask("GET", directory, &[], "");
    assert_eq!(partial.status, 200);
    assert!(
        partial.text().contains("<folder auid=\"resource-lists\"><error-code>502</error-code></folder>"),
        "{}",
        partial.text()
    );
    here.stop().unwrap();
}

/// A document server that answers every request with this, but none before all of `others` have one.
fn fake(body: &'static str, others: Arc<Barrier>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    return;
                }
                head.push(byte[0]);
            }
            others.wait();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn all_document_servers_are_asked_at_once() {
    let both = Arc::new(Barrier::new(2));
    let one = fake(
        "<xcap-caps xmlns=\"urn:ietf:params:xml:ns:xcap-caps\"><auids><auid>resource-lists</auid></auids></xcap-caps>",
        Arc::clone(&both),
    );
    let two = fake(
        "<xcap-caps xmlns=\"urn:ietf:params:xml:ns:xcap-caps\"><auids><auid>pres-rules</auid></auids></xcap-caps>",
        both,
    );
    let routes = format!(
        "aggregation-proxy.routes={{ \"resource-lists\" = \"http://{one}\", \"pres-rules\" = \"http://{two}\" }}"
    );
    let here = start(&[&routes]);
    let caps = Http::connect(entrance(&here)).ask("GET", "/xcap-root/xcap-caps/global/index", &[], "").text();
    let has = |auid: &str| caps.contains(&format!("<auid>{auid}</auid>"));
    assert!(has("resource-lists") && has("pres-rules") && has("xcap-caps"), "{caps}");
    here.stop().unwrap();
}

#[test]
fn a_search_over_several_servers_finds_as_many_as_are_asked_for() {
    let (here, there) = two();
    let profile = |user: &str| {
        let path = format!(
            "/xcap-root/org.openmobilealliance.user-profile/users/sip:{user}@example.com/user-profile"
        );
        let body = format!(
            "<user-profiles xmlns=\"urn:oma:xml:xdm:user-profile\"><user-profile uri=\"sip:{user}@example.com\"/></user-profiles>"
        );
        (path, body)
    };
    let kind = "Content-Type: application/vnd.oma.user-profile+xml";
    for (server, user) in [(&here, "alice"), (&here, "bob"), (&there, "alice"), (&there, "bob")] {
        let (path, body) = profile(user);
        let who = format!("X-3GPP-Asserted-Identity: \"sip:{user}@example.com\"");
        assert_eq!(Http::connect(entrance(server)).ask("PUT", &path, &[kind, &who], &body).status, 201);
    }
    let search = |most: &str| {
        let body = format!(
            "<search-set xmlns=\"urn:oma:xml:xdm:search\"><search id=\"q1\"{most}><request><query>for $u in \
             collection(\"org.openmobilealliance.user-profile/users/\")/user-profiles/user-profile \
             return &lt;user-profile>{{$u/@uri}}&lt;/user-profile></query></request></search></search-set>"
        );
        let kind = "Content-Type: application/vnd.oma.search+xml";
        let fields = [kind, "X-3GPP-Intended-Identity: \"sip:alice@example.com\""];
        let found = Http::connect(entrance(&here)).ask(
            "POST",
            "/xcap-root/org.openmobilealliance.search",
            &fields,
            &body,
        );
        assert_eq!(found.status, 200, "{}", found.text());
        found.text().matches("uri=\"sip:").count()
    };
    assert_eq!(search(""), 4);
    assert_eq!(search(" max-results=\"3\""), 3);
    assert_eq!(search(" max-results=\"1\""), 1);
    there.stop().unwrap();
    assert_eq!(search(" max-results=\"3\""), 2, "what is here is found");
    here.stop().unwrap();
}

#[test]
fn a_document_server_that_does_not_trust_the_proxy_or_is_silent_is_told_as_such() {
    let wary = closed(&[]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let routes = format!(
        "aggregation-proxy.routes={{ \"resource-lists\" = \"http://{}/xcap-root\", \"pres-rules\" = \"http://{}\" }}",
        entrance(&wary),
        silent.local_addr().unwrap()
    );
    let here = start(&[&routes, "aggregation-proxy.route-timeout=200ms"]);
    let mut http = Http::connect(entrance(&here));
    assert_eq!(http.ask("GET", INDEX, &[], "").status, 502);
    assert_eq!(
        http.ask("GET", "/xcap-root/pres-rules/users/sip:alice@example.com/index", &[], "").status,
        504
    );
    let directory =
        "/xcap-root/org.openmobilealliance.xcap-directory/users/sip:alice@example.com/directory.xml";
    let whole = http.ask("GET", directory, &[], "").text();
    let failed = |auid: &str, status| {
        whole.contains(&format!("<folder auid=\"{auid}\"><error-code>{status}</error-code></folder>"))
    };
    assert!(failed("resource-lists", 401) && failed("pres-rules", 504), "{whole}");
    assert!(whole.contains("<folder auid=\"rls-services\">"), "{whole}");
    here.stop().unwrap();
    wary.stop().unwrap();
}

#[test]
fn a_self_made_certificate_is_known_by_its_fingerprint_and_between_nodes() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = |name: &str| folder.path().join(name).display().to_string();
    // One node makes the certificate, the others have a copy.
    let path = format!("store.path={}", folder.path().display());
    let tls = ["aggregation-proxy.listen=https:127.0.0.1:0", "store.engine=embedded", &path];
    closed(&tls).stop().unwrap();
    let (pem, key) = (certificate("certificate.pem"), certificate("certificate-key.pem"));
    let copy = [
        format!("aggregation-proxy.certificate={pem}"),
        format!("aggregation-proxy.key={key}"),
        "aggregation-proxy.listen=https:127.0.0.1:0".to_owned(),
    ];
    let copy: Vec<&str> = copy.iter().map(String::as_str).collect();
    let there = closed(&[&copy[..], &["aggregation-proxy.trusted-peers=127.0.0.1"]].concat());
    let routes = format!(
        "aggregation-proxy.routes={{ \"resource-lists\" = \"https://{}/xcap-root\" }}",
        entrance(&there)
    );
    let here = closed(&[&copy[..], &[&routes]].concat());
    let fingerprint = here.entrance().unwrap().fingerprint().unwrap();
    let client = |trust: Trust, password: Option<&str>| {
        let root = format!("https://{}/xcap-root", entrance(&here)).parse().unwrap();
        let mut options = XdmOptions::new("alice@example.com".parse().unwrap(), root, trust);
        options.password = password.map(str::to_owned);
        XdmClient::new(options).unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let lists = Resource::own("resource-lists", "index");
        let alice = client(Trust::Pin(fingerprint.clone()), Some("wonderland"));
        let put = alice.put(&lists, list(&["bob"]), &Condition::Absent).await.unwrap();
        assert!(put.created);
        let found = alice.get(&lists).await.unwrap().unwrap();
        assert_eq!((&found.body[..], found.etag), (list(&["bob"]).as_bytes(), put.etag));
        let known = client(Trust::of_file(pem.as_ref()).unwrap(), Some("wonderland"));
        assert!(known.get(&lists).await.unwrap().is_some());
        let refused =
            client(Trust::Pin(format!("sha256:{}", "0".repeat(64))), Some("wonderland")).get(&lists).await;
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(&fingerprint), "it says what it found: {said}");
        let wrong = client(Trust::Anybody, Some("wrong")).get(&lists).await;
        assert!(matches!(wrong, Err(XdmError::WrongPassword)), "{wrong:?}");
        let asked = client(Trust::Anybody, None).get(&lists).await;
        assert!(matches!(asked, Err(XdmError::Unanswerable)), "{asked:?}");
    });
    here.stop().unwrap();
    there.stop().unwrap();
}
