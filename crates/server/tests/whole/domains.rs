//! Document servers of two domains, proxy to proxy.

use client::web::Trust;
use client::xdm::{Condition, Resource, XdmClient, XdmOptions};
use server::server::Server;

use crate::web::{Http, INDEX, LISTS, entrance, list, start};

const ALICE: &str = "X-3GPP-Asserted-Identity: \"sip:alice@example.com\"";
const BOB: &str = "X-3GPP-Asserted-Identity: \"sip:bob@example.net\"";
const PROFILE: &str = "/xcap-root/org.openmobilealliance.user-profile/users/sip:bob@example.net/user-profile";
const LIST: &str = "/xcap-root/resource-lists/users/sip:bob@example.net/index";

fn profile(hobby: &str) -> String {
    format!(
        "<user-profiles xmlns=\"urn:oma:xml:xdm:user-profile\"><user-profile uri=\"sip:bob@example.net\">\
         <hobbies><hobby>{hobby}</hobby></hobbies></user-profile></user-profiles>"
    )
}

/// Bob writes his profile at home, by his password.
fn bob_writes(net: &Server, text: &str) {
    let root = format!("http://{}/xcap-root", entrance(net)).parse().unwrap();
    let mut options = XdmOptions::new("bob@example.net".parse().unwrap(), root, Trust::Anybody);
    options.password = Some("builder".to_owned());
    let bob = XdmClient::new(options).unwrap();
    let profile = Resource::own("org.openmobilealliance.user-profile", "user-profile");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bob.put(&profile, text.to_owned(), &Condition::None)).unwrap();
}

/// The domain `example.net`, which believes what is asserted from this machine of users of example.com.
fn net() -> Server {
    start(&[
        "domains=example.net",
        "authentication.open=false",
        "authentication.users={ bob = \"builder\" }",
        "aggregation-proxy.domain-peers={ \"example.com\" = [\"127.0.0.1\"] }",
    ])
}

#[test]
fn documents_of_another_domain_are_asked_of_its_proxy_in_the_name_of_the_user() {
    let net = net();
    let peer =
        format!("aggregation-proxy.domains={{ \"example.net\" = \"http://{}/xcap-root\" }}", entrance(&net));
    let com = start(&[&peer, "authentication.open=false", "aggregation-proxy.trusted-peers=127.0.0.1"]);
    let mut http = Http::connect(entrance(&com));
    // Alice may read what every user may, and write nothing; Bob's documents answer as they are.
    assert_eq!(http.ask("GET", PROFILE, &[ALICE], "").status, 404);
    let type_ = "Content-Type: application/vnd.oma.user-profile+xml";
    assert_eq!(http.ask("PUT", PROFILE, &[ALICE, type_], &profile("chess")).status, 403);
    bob_writes(&net, &profile("chess"));
    let got = http.ask("GET", PROFILE, &[ALICE], "");
    assert_eq!((got.status, got.text()), (200, profile("chess")));
    let same = format!("If-None-Match: {}", got.etag());
    assert_eq!(
        http.ask("GET", &format!("{PROFILE}/~~/user-profiles/user-profile/@uri"), &[ALICE, &same], "").status,
        304
    );
    assert_eq!(http.ask("GET", LIST, &[ALICE], "").status, 403);
    let directory =
        "/xcap-root/org.openmobilealliance.xcap-directory/users/sip:bob@example.net/directory.xml";
    assert_eq!(http.ask("GET", directory, &[ALICE], "").status, 403);
    // Her own are here.
    assert_eq!(http.ask("PUT", INDEX, &[LISTS, ALICE], &list(&["carol"])).status, 201);
    // A search says where.
    let search = "<search-set xmlns=\"urn:oma:xml:xdm:search\"><search id=\"there\"><request><query>\
         for $u in collection(\"org.openmobilealliance.user-profile/users/\")/user-profiles/user-profile \
         return &lt;user-profile>{$u/@uri}&lt;/user-profile></query></request></search></search-set>";
    let found = http.ask(
        "POST",
        "/xcap-root/org.openmobilealliance.search?domain=example.net",
        &[ALICE, "Content-Type: application/vnd.oma.search+xml"],
        search,
    );
    assert_eq!((found.status, found.text().contains("id=\"there\"")), (200, true), "{}", found.text());
    // Who is none of ours is not taken any further, and an element says nobody's name.
    assert_eq!(http.ask("GET", PROFILE, &[BOB], "").status, 404);
    assert_eq!(http.ask("GET", PROFILE, &[], "").status, 404);
    let elsewhere = PROFILE.replace("example.net", "example.org");
    assert_eq!(http.ask("GET", &elsewhere, &[ALICE], "").status, 404);
    com.stop().unwrap();
    net.stop().unwrap();
}

#[test]
fn a_domain_speaks_for_its_own_users_alone() {
    let net = net();
    let mut http = Http::connect(entrance(&net));
    let statuses: Vec<u16> = [
        ALICE,
        BOB,
        "X-XCAP-Asserted-Identity: \"sip:alice@example.com\", \"sip:bob@example.net\"",
        "X-XCAP-Asserted-Identity: \"tel:+15550100\"",
        "X-3GPP-Asserted-Identity: nonsense",
        // What it does not assert it must prove, as everybody.
        "X-3GPP-Intended-Identity: \"sip:alice@example.com\"",
        "X: y",
    ]
    .iter()
    .map(|field| http.ask("GET", PROFILE, &[field], "").status)
    .collect();
    assert_eq!(statuses, [404, 403, 403, 403, 400, 401, 401]);
    net.stop().unwrap();
}
