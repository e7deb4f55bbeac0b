//! Every reason to take or refuse a caller.

use core::time::Duration;
use std::collections::BTreeMap;

use sip::{Limits, Message, Writer};

use super::*;
use crate::flow::{Connection, Flow, Local, Protocol};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const URI: &str = "sip:alice@example.com";

fn settings() -> Settings {
    let users = [
        ("bob".to_owned(), Secret::Password("zanzibar".into())),
        ("carol@example.org".to_owned(), Secret::Password("sesame".into())),
        (
            "dave".to_owned(),
            Secret::Ha1 {
                md5: Some(Algorithm::Md5.ha1("dave", "example.com", "open").as_str().to_uppercase()),
                sha256: None,
            },
        ),
    ];
    Settings {
        realm: "example.com".into(),
        users: BTreeMap::from(users),
        trusted: vec!["192.0.2.0/24".parse().unwrap()],
        ..Settings::default()
    }
}

fn authenticator() -> Authenticator {
    Authenticator::new(&settings(), [9; 32])
}

fn flow(address: &str) -> Flow {
    let remote = address.parse().unwrap();
    Flow { protocol: Protocol::Udp, local: Local(0), remote, connection: Connection::NONE }
}

fn stranger() -> Flow {
    flow("198.51.100.7:5060")
}

fn peer() -> Flow {
    flow("192.0.2.17:5060")
}

fn subscribe(from: &str, fields: &[String]) -> String {
    let mut text = format!(
        "SUBSCRIBE {URI} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
         From: {from};tag=1\r\nTo: <{URI}>\r\nCall-ID: c1\r\nCSeq: 1 SUBSCRIBE\r\n"
    );
    for field in fields {
        text.push_str(field);
        text.push_str("\r\n");
    }
    text + "Content-Length: 0\r\n\r\n"
}

const BOB: &str = "<sip:bob@example.com>";

/// Credentials as a client sends them; each test changes what it is about.
#[derive(Clone)]
struct Login {
    username: &'static str,
    password: &'static str,
    algorithm: Algorithm,
    realm: &'static str,
    nonce: String,
    uri: &'static str,
    nc: &'static str,
}

impl Login {
    fn bob(nonce: &str) -> Self {
        let (username, password, realm) = ("bob", "zanzibar", "example.com");
        let algorithm = Algorithm::Sha256;
        Self { username, password, algorithm, realm, nonce: nonce.to_owned(), uri: URI, nc: "00000001" }
    }

    fn field(&self) -> String {
        let Self { username, password, algorithm, realm, nonce, uri, nc } = self;
        let ha1 = algorithm.ha1(username, realm, password);
        let ha2 = algorithm.ha2("SUBSCRIBE", uri);
        let response = algorithm.response_with_qop(ha1.as_str(), nonce, nc, "c0ffee", "auth", ha2.as_str());
        let response = response.as_str();
        let algorithm = algorithm.token();
        format!(
            "Authorization: Digest username=\"{username}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={algorithm}, qop=auth, nc={nc}, cnonce=\"c0ffee\""
        )
    }
}

fn authenticate(
    authenticator: &mut Authenticator,
    now: Timestamp,
    flow: &Flow,
    request: &str,
) -> Result<Caller, Challenge> {
    let message = Message::parse(request.as_bytes(), &Limits::default()).unwrap();
    authenticator.authenticate(now, flow, &message)
}

/// The nonce of a first challenge.
fn nonce(authenticator: &mut Authenticator, now: Timestamp) -> String {
    let challenge = authenticate(authenticator, now, &stranger(), &subscribe(BOB, &[])).unwrap_err();
    nonce_of(&challenge)
}

fn nonce_of(challenge: &Challenge) -> String {
    let field = &challenge.fields()[0];
    field.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// A login from a stranger's address, with the From of the user.
fn login(authenticator: &mut Authenticator, now: Timestamp, login: &Login) -> Result<Caller, Cause> {
    let from = match login.username {
        "carol@example.org" | "carol" => "<sip:carol@example.org>".to_owned(),
        user => format!("<sip:{user}@example.com>"),
    };
    let request = subscribe(&from, &[login.field()]);
    authenticate(authenticator, now, &stranger(), &request).map_err(|challenge| challenge.cause())
}

#[test]
fn without_credentials_each_algorithm_is_challenged_best_first() {
    let challenge = authenticate(&mut authenticator(), NOW, &stranger(), &subscribe(BOB, &[])).unwrap_err();
    assert_eq!((challenge.cause(), challenge.status()), (Cause::NoCredentials, 401));
    let nonce = nonce_of(&challenge);
    let expected = ["SHA-256", "MD5"].map(|algorithm| {
        format!("Digest realm=\"example.com\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"")
    });
    assert_eq!(challenge.fields(), expected);
    let mut out = Vec::new();
    let mut writer = Writer::response(&mut out, challenge.status(), "Unauthorized");
    challenge.write(&mut writer);
    writer.finish(&[]);
    assert_eq!(String::from_utf8(out).unwrap().matches("WWW-Authenticate: Digest").count(), 2);
}

#[test]
fn a_user_is_proven_with_either_algorithm() {
    for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
        let mut authenticator = authenticator();
        let nonce = nonce(&mut authenticator, NOW);
        let caller = login(&mut authenticator, NOW, &Login { algorithm, ..Login::bob(&nonce) }).unwrap();
        assert_eq!(caller.aor().as_str(), "sip:bob@example.com");
        assert_eq!(caller.identities().len(), 1);
        assert_eq!((caller.proof(), caller.is_anonymous()), (Proof::Digest, false));
    }
}

#[test]
fn a_user_of_another_domain_names_it_or_is_found_by_from() {
    for username in ["carol@example.org", "carol"] {
        let mut authenticator = authenticator();
        let nonce = nonce(&mut authenticator, NOW);
        let carol = Login { username, password: "sesame", ..Login::bob(&nonce) };
        let caller = login(&mut authenticator, NOW, &carol).unwrap();
        assert_eq!(caller.aor().as_str(), "sip:carol@example.org");
    }
}

#[test]
fn a_stored_hash_proves_like_a_password_where_it_has_the_algorithm() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let dave = Login { username: "dave", password: "open", algorithm: Algorithm::Md5, ..Login::bob(&nonce) };
    assert_eq!(login(&mut authenticator, NOW, &dave).unwrap().aor().as_str(), "sip:dave@example.com");
    let other = Login { algorithm: Algorithm::Sha256, nc: "00000002", ..dave };
    assert_eq!(login(&mut authenticator, NOW, &other), Err(Cause::WrongCredentials));
    let settings = settings();
    assert_eq!(settings.lacking().collect::<Vec<_>>(), [("dave", Algorithm::Sha256)]);
}

#[test]
fn an_unknown_user_and_a_wrong_password_are_answered_alike() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let wrong = Login { password: "wrong", ..Login::bob(&nonce) };
    let unknown = Login { username: "mallory", ..Login::bob(&nonce) };
    let empty = Login { username: "mallory", password: "", ..Login::bob(&nonce) };
    let texts = [wrong, unknown, empty].map(|login| {
        let request = subscribe(BOB, &[login.field()]);
        let challenge = authenticate(&mut authenticator, NOW, &stranger(), &request).unwrap_err();
        assert_eq!((challenge.cause(), challenge.status()), (Cause::WrongCredentials, 401));
        challenge.fields().join("\n").replace(&nonce_of(&challenge), "*")
    });
    assert!(texts.iter().all(|text| *text == texts[0] && !text.contains("stale")));
}

#[test]
fn a_count_is_taken_once() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let first = Login::bob(&nonce);
    login(&mut authenticator, NOW, &first).unwrap();
    let request = subscribe(BOB, &[first.field()]);
    let challenge = authenticate(&mut authenticator, NOW, &stranger(), &request).unwrap_err();
    assert_eq!((challenge.cause(), challenge.status()), (Cause::StaleNonce, 401));
    assert!(challenge.fields().iter().all(|field| field.ends_with(", stale=true")));
    login(&mut authenticator, NOW, &Login { nc: "00000003", ..first.clone() }).unwrap();
    login(&mut authenticator, NOW, &Login { nc: "00000002", ..first }).unwrap();
}

#[test]
fn a_refused_request_uses_no_count() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let wrong = Login { password: "wrong", ..Login::bob(&nonce) };
    assert_eq!(login(&mut authenticator, NOW, &wrong), Err(Cause::WrongCredentials));
    login(&mut authenticator, NOW, &Login::bob(&nonce)).unwrap();
}

#[test]
fn an_expired_or_foreign_nonce_is_stale_to_who_knows_the_password_only() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let later = NOW + Duration::from_secs(300);
    assert_eq!(login(&mut authenticator, later, &Login::bob(&nonce)), Err(Cause::StaleNonce));
    assert_eq!(login(&mut authenticator, NOW, &Login::bob("invented")), Err(Cause::StaleNonce));
    let wrong = Login { password: "wrong", ..Login::bob("invented") };
    assert_eq!(login(&mut authenticator, NOW, &wrong), Err(Cause::WrongCredentials));
}

#[test]
fn credentials_are_for_the_uri_that_they_name() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let foreign = Login { uri: "sip:eve@example.com", ..Login::bob(&nonce) };
    assert_eq!(login(&mut authenticator, NOW, &foreign), Err(Cause::ForeignUri));
    let equivalent = Login { uri: "sip:%61lice@EXAMPLE.com", ..Login::bob(&nonce) };
    login(&mut authenticator, NOW, &equivalent).unwrap();
    assert_eq!(Cause::ForeignUri.status(), 400);
}

#[test]
fn a_user_may_not_use_the_identity_of_another() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let request = subscribe("<sip:carol@example.com>", &[Login::bob(&nonce).field()]);
    let challenge = authenticate(&mut authenticator, NOW, &stranger(), &request).unwrap_err();
    assert_eq!((challenge.cause(), challenge.status()), (Cause::ForeignIdentity, 403));
    assert!(challenge.fields().is_empty());
}

#[test]
fn from_may_be_spelled_otherwise() {
    for from in [
        "\"Bob\" <sips:%62ob@EXAMPLE.com:5061;transport=tcp>",
        "sip:bob@example.com",
        "<pres:bob@example.com>",
    ] {
        let mut authenticator = authenticator();
        let nonce = nonce(&mut authenticator, NOW);
        let request = subscribe(from, &[Login::bob(&nonce).field()]);
        let caller = authenticate(&mut authenticator, NOW, &stranger(), &request).unwrap();
        assert_eq!(caller.aor().as_str(), "sip:bob@example.com", "{from}");
    }
}

#[test]
fn an_anonymous_from_claims_nobody() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let from = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    let caller =
        authenticate(&mut authenticator, NOW, &stranger(), &subscribe(from, &[Login::bob(&nonce).field()]));
    let caller = caller.unwrap();
    assert_eq!((caller.aor().as_str(), caller.is_anonymous()), ("sip:bob@example.com", true));
}

#[test]
fn malformed_credentials_are_a_bad_request() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let field = Login::bob(&nonce).field();
    let defects = [
        field.replace("username=\"bob\", ", ""),
        field.replace("cnonce=\"c0ffee\"", "cnonce=\"\""),
        field.replace("nc=00000001", "nc=1"),
        field.replace("nc=00000001", "nc=+0000001"),
        field.replace("nc=00000001, ", ""),
        field.replace(&format!("uri=\"{URI}\", "), ""),
    ];
    for defect in defects {
        let request = subscribe(BOB, std::slice::from_ref(&defect));
        let challenge = authenticate(&mut authenticator, NOW, &stranger(), &request).unwrap_err();
        assert_eq!((challenge.cause(), challenge.status()), (Cause::MalformedCredentials, 400), "{defect}");
    }
}

#[test]
fn credentials_that_cannot_be_checked_are_challenged_again() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let field = Login::bob(&nonce).field();
    let others = [
        field.replace("realm=\"example.com\"", "realm=\"example.net\""),
        field.replace("algorithm=SHA-256", "algorithm=SHA3"),
        field.replace("qop=auth, ", ""),
        field.replace("qop=auth", "qop=auth-int"),
        field.replace(&nonce, ""),
        field.replace("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        "Authorization: Basic Ym9iOnphbnppYmFy".to_owned(),
        field.replace("Authorization:", "Proxy-Authorization:"),
    ];
    for other in others {
        let request = subscribe(BOB, std::slice::from_ref(&other));
        let challenge = authenticate(&mut authenticator, NOW, &stranger(), &request).unwrap_err();
        assert_eq!((challenge.cause(), challenge.status()), (Cause::NoCredentials, 401), "{other}");
    }
}

#[test]
fn credentials_for_other_realms_do_not_hide_ours() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let ours = Login::bob(&nonce);
    let foreign = Login { realm: "example.net", ..ours.clone() };
    let request = subscribe(BOB, &[foreign.field(), ours.field()]);
    authenticate(&mut authenticator, NOW, &stranger(), &request).unwrap();
}

#[test]
fn an_algorithm_that_is_not_offered_proves_nothing() {
    let settings = Settings { algorithms: vec![Algorithm::Sha256], ..settings() };
    let mut authenticator = Authenticator::new(&settings, [9; 32]);
    let nonce = nonce(&mut authenticator, NOW);
    let md5 = Login { algorithm: Algorithm::Md5, ..Login::bob(&nonce) };
    assert_eq!(login(&mut authenticator, NOW, &md5), Err(Cause::NoCredentials));
}

#[test]
fn a_trusted_peer_says_who_it_is() {
    let fields = ["P-Asserted-Identity: <tel:+1-555-0100>, \"B\" <sip:bob@example.com>".to_owned()];
    let request = subscribe("<sip:other@example.net>", &fields);
    let caller = authenticate(&mut authenticator(), NOW, &peer(), &request).unwrap();
    let identities: Vec<&str> = caller.identities().iter().map(Aor::as_str).collect();
    assert_eq!(identities, ["sip:bob@example.com", "tel:+15550100"]);
    assert_eq!((caller.aor().as_str(), caller.proof()), ("sip:bob@example.com", Proof::TrustedPeer));
}

#[test]
fn a_trusted_peer_that_asserts_nothing_vouches_for_from() {
    for fields in [vec![], vec!["P-Asserted-Identity: <http://example.com>, nonsense<".to_owned()]] {
        let caller = authenticate(&mut authenticator(), NOW, &peer(), &subscribe(BOB, &fields)).unwrap();
        assert_eq!((caller.aor().as_str(), caller.proof()), ("sip:bob@example.com", Proof::TrustedPeer));
    }
}

#[test]
fn a_stranger_asserts_in_vain() {
    let fields = ["P-Asserted-Identity: <sip:bob@example.com>".to_owned()];
    let challenge =
        authenticate(&mut authenticator(), NOW, &stranger(), &subscribe(BOB, &fields)).unwrap_err();
    assert_eq!(challenge.cause(), Cause::NoCredentials);
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let fields = ["P-Asserted-Identity: <sip:alice@example.com>".to_owned(), Login::bob(&nonce).field()];
    let caller = authenticate(&mut authenticator, NOW, &stranger(), &subscribe(BOB, &fields)).unwrap();
    assert_eq!(caller.aor().as_str(), "sip:bob@example.com");
}

#[test]
fn privacy_id_hides_the_caller_from_others() {
    for (value, anonymous) in [("id", true), ("header; ID", true), ("none", false), ("header;user", false)] {
        let fields = ["P-Asserted-Identity: <sip:bob@example.com>".to_owned(), format!("Privacy: {value}")];
        let caller = authenticate(&mut authenticator(), NOW, &peer(), &subscribe(BOB, &fields)).unwrap();
        assert_eq!(caller.is_anonymous(), anonymous, "{value}");
        assert_eq!(caller.aor().as_str(), "sip:bob@example.com");
    }
}

#[test]
fn open_mode_takes_from_at_its_word() {
    let mut authenticator = Authenticator::new(&Settings { open: true, ..settings() }, [9; 32]);
    let caller = authenticate(&mut authenticator, NOW, &stranger(), &subscribe("<sip:eve@example.net>", &[]));
    let caller = caller.unwrap();
    assert_eq!((caller.aor().as_str(), caller.proof()), ("sip:eve@example.net", Proof::Open));
    let fields = ["P-Asserted-Identity: <sip:bob@example.com>".to_owned()];
    let request = subscribe("<sip:eve@example.net>", &fields);
    let caller = authenticate(&mut authenticator, NOW, &stranger(), &request).unwrap();
    assert_eq!(caller.aor().as_str(), "sip:eve@example.net");
}

#[test]
fn who_names_nobody_is_nobody() {
    let mut open = Authenticator::new(&Settings { open: true, ..settings() }, [9; 32]);
    for flow in [stranger(), peer()] {
        let request = subscribe("<http://example.com>", &[]);
        let challenge = authenticate(&mut open, NOW, &flow, &request).unwrap_err();
        assert_eq!((challenge.cause(), challenge.status()), (Cause::NoIdentity, 400));
    }
}

#[test]
fn new_settings_keep_nonces_good() {
    let mut authenticator = authenticator();
    let nonce = nonce(&mut authenticator, NOW);
    let mut settings = settings();
    settings.users.insert("bob".into(), Secret::Password("changed".into()));
    authenticator.reconfigure(&settings);
    let old = Login::bob(&nonce);
    assert_eq!(login(&mut authenticator, NOW, &old), Err(Cause::WrongCredentials));
    login(&mut authenticator, NOW, &Login { password: "changed", ..old }).unwrap();
}

#[test]
fn a_realm_with_quotes_survives_the_challenge() {
    let settings = Settings { realm: "the \"inner\" \\ circle".into(), ..settings() };
    let challenge =
        authenticate(&mut Authenticator::new(&settings, [9; 32]), NOW, &stranger(), &subscribe(BOB, &[]));
    let challenge = challenge.unwrap_err();
    assert!(challenge.fields()[0].starts_with("Digest realm=\"the \\\"inner\\\" \\\\ circle\", nonce="));
}

#[test]
fn secrets_are_not_printed() {
    let printed = format!("{:?}", settings());
    assert!(!printed.contains("zanzibar") && !printed.contains("sesame"));
    assert!(printed.contains("Password(..)") && printed.contains("Ha1(..)"));
}
