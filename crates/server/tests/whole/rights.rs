//! Documents of others, as far as the rules of their owner let one: the shards say it, over their threads.

use crate::web::{Http, entrance, start};

const ICON: &str =
    "/xcap-root/org.openmobilealliance.pres-content/users/sip:alice@example.com/oma_status-icon/face";
const RULES: &str = "/xcap-root/org.openmobilealliance.pres-rules/users/sip:alice@example.com/pres-rules";
const PUB_RULES: &str = "/xcap-root/org.openmobilealliance.pub-rules/users/sip:alice@example.com/pub-rules";
const VIEW: &str = "/xcap-root/org.openmobilealliance.pub-rules-view/users/sip:alice@example.com/pub-rules";
const PERMANENT: &str = "/xcap-root/pidf-manipulation/users/sip:alice@example.com/perm-presence";
const CONTENT: &str = "Content-Type: application/vnd.oma.pres-content+xml";
const POLICY: &str = "Content-Type: application/auth-policy+xml";
const PIDF: &str = "Content-Type: application/pidf+xml";
const ALICE: &str = "X-3GPP-Asserted-Identity: \"sip:alice@example.com\"";
const BOB: &str = "X-3GPP-Asserted-Identity: \"sip:bob@example.com\"";

/// Rules for bob alone.
fn ruleset(actions: &str, transformations: &str) -> String {
    format!(
        "<ruleset xmlns=\"urn:ietf:params:xml:ns:common-policy\" xmlns:pr=\"urn:ietf:params:xml:ns:pres-rules\" \
         xmlns:pb=\"urn:oma:xml:prs:pub-rules\"><rule id=\"bob\"><conditions><identity><one id=\"sip:bob@example.com\"/>\
         </identity></conditions><actions>{actions}</actions><transformations>{transformations}</transformations></rule>\
         </ruleset>"
    )
}

fn watchers(handling: &str, transformations: &str) -> String {
    ruleset(&format!("<pr:sub-handling>{handling}</pr:sub-handling>"), transformations)
}

#[test]
fn the_icon_is_read_by_whom_the_presence_rules_show_it_as_soon_as_they_do() {
    let server =
        start(&["aggregation-proxy.trusted-peers=127.0.0.1", "shards=2", "presence-server.watch=oneself"]);
    let mut http = Http::connect(entrance(&server));
    let icon = "<content xmlns=\"urn:oma:xml:prs:pres-content\"><mime-type>image/png</mime-type>\
                <encoding>base64</encoding><data>iVBORw0KGgo=</data></content>";
    assert_eq!(http.ask("PUT", ICON, &[CONTENT, ALICE], icon).status, 201);
    let mut read = |rules: Option<&str>| {
        if let Some(rules) = rules {
            let put = http.ask("PUT", RULES, &[POLICY, ALICE], rules);
            assert!(put.status < 300, "{}", put.text());
        }
        http.ask("GET", ICON, &[BOB], "").status
    };
    assert_eq!(read(None), 403, "without rules the domain decides");
    let shows = "<pr:provide-persons><pr:all-persons/></pr:provide-persons>\
                 <pr:provide-status-icon>true</pr:provide-status-icon>";
    assert_eq!(read(Some(&watchers("allow", shows))), 200);
    assert_eq!(read(Some(&watchers("allow", "<pr:provide-note>true</pr:provide-note>"))), 403);
    assert_eq!(read(Some(&watchers("polite-block", ""))), 404);
    assert_eq!(read(Some(&watchers("confirm", ""))), 403);
    assert_eq!(http.ask("GET", ICON, &[ALICE], "").status, 200, "the owner needs no rule");
    assert_eq!(http.ask("GET", ICON, &[], "").status, 200, "nor does an element of the domain");
    server.stop().unwrap();
}

#[test]
fn the_permanent_state_is_handled_by_whom_the_publication_rules_let_and_everybody_sees_what_he_may() {
    let server = start(&["aggregation-proxy.trusted-peers=127.0.0.1"]);
    let mut http = Http::connect(entrance(&server));
    let presence = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:alice@example.com\"/>";
    assert_eq!(http.ask("PUT", PERMANENT, &[PIDF, BOB], presence).status, 403);
    let view = http.ask("GET", VIEW, &[BOB], "").text();
    assert!(view.contains("<opb:perm-handling>block</opb:perm-handling>"), "{view}");
    let rules = ruleset("<pb:perm-handling>allow</pb:perm-handling>", "");
    assert_eq!(http.ask("PUT", PUB_RULES, &[POLICY, ALICE], &rules).status, 201);
    let view = http.ask("GET", VIEW, &[BOB], "").text();
    assert!(view.contains("<opb:perm-handling>allow</opb:perm-handling>"), "{view}");
    assert_eq!(http.ask("PUT", PERMANENT, &[PIDF, BOB], presence).status, 201);
    assert_eq!(http.ask("GET", PERMANENT, &[BOB], "").text(), presence);
    assert_eq!(http.ask("DELETE", PUB_RULES, &[ALICE], "").status, 200);
    assert_eq!(http.ask("GET", PERMANENT, &[BOB], "").status, 403);
    server.stop().unwrap();
}
