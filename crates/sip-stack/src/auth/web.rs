//! Who sent an HTTP request: what a trusted peer asserts, digest credentials, or a claim that is believed.

use core::net::SocketAddr;

use sip::Aor;

use super::digest_server::Claim;
use super::{Authenticator, Caller, Cause, Challenge, Proof};
use crate::time::Timestamp;

/// What of an HTTP request tells who sent it. Nothing of it is believed yet.
#[derive(Clone, Copy, Debug)]
pub struct WebRequest<'a> {
    /// Where it came from.
    pub peer: SocketAddr,
    /// The method.
    pub method: &'a str,
    /// The request target as it was sent: `/path?query`, or a whole URI.
    pub target: &'a str,
    /// The values of Authorization.
    pub authorization: &'a [&'a str],
    /// Whom the request is asserted to be from, the principal first: for who trusts the peer.
    pub asserted: &'a [Aor],
    /// Whom the sender wants to be: for who believes everybody, and to be compared with the proven user.
    pub intended: Option<&'a Aor>,
}

impl Authenticator {
    /// Says who sent the HTTP request, or how to refuse it.
    ///
    /// A trusted peer that asserts somebody is believed first, then open mode believes whoever is intended (and takes who
    /// names nobody for anonymous), then credentials are checked. The intended identity must be the proven user's own.
    /// The digest-uri is compared byte by byte with the target and, since some clients sign a whole URI and send a path
    /// (RFC 7616 §3.4.6), by its path and query.
    pub fn identify(&mut self, now: Timestamp, request: &WebRequest<'_>) -> Result<Caller, Challenge> {
        let proof = self.identity(now, request);
        proof.map_err(|cause| {
            let salt = format!("{} {}", request.peer, request.target);
            self.digests.challenge(now, cause, salt.as_bytes())
        })
    }

    /// Whether this peer's assertions are believed.
    pub fn trusts(&self, peer: SocketAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(peer.ip()))
    }

    /// Whether everybody is believed.
    pub fn is_open(&self) -> bool {
        self.open
    }

    fn identity(&mut self, now: Timestamp, request: &WebRequest<'_>) -> Result<Caller, Cause> {
        if !request.asserted.is_empty() && self.trusts(request.peer) {
            return Ok(Caller::new(request.asserted.to_vec(), Proof::TrustedPeer, false));
        }
        if self.open {
            let nobody = || Aor::parse("sip:anonymous@anonymous.invalid").map_err(|_| Cause::NoIdentity);
            let identity = request.intended.cloned().map_or_else(nobody, Ok)?;
            let anonymous = request.intended.is_none();
            return Ok(Caller::new(vec![identity], Proof::Open, anonymous));
        }
        let claim = Claim {
            method: request.method,
            domain: request.intended.and_then(Aor::domain),
            is_for: &|named| named == request.target || path_of(named) == path_of(request.target),
        };
        let user = self.digests.prove(now, &claim, request.authorization.iter().copied())?;
        if request.intended.is_some_and(|intended| *intended != user) {
            return Err(Cause::ForeignIdentity);
        }
        Ok(Caller::new(vec![user], Proof::Digest, false))
    }
}

/// Path and query of a request target.
fn path_of(target: &str) -> &str {
    let has_scheme =
        |scheme: &str| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let Some(scheme) = ["http://", "https://"].into_iter().find(|scheme| has_scheme(scheme)) else {
        return target;
    };
    let rest = &target[scheme.len()..];
    rest.find(['/', '?']).map_or("", |at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::super::{Algorithm, Secret, Settings};
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const TARGET: &str = "/xcap/resource-lists/users/sip:bob@example.com/index/~~/x%5B1%5D?xmlns(a=b)";

    fn authenticator(open: bool) -> Authenticator {
        let settings = Settings {
            open,
            realm: "example.com".into(),
            users: [("bob".to_owned(), Secret::Password("zanzibar".into()))].into(),
            trusted: vec!["192.0.2.0/24".parse().unwrap()],
            ..Settings::default()
        };
        Authenticator::new(&settings, [9; 32])
    }

    fn aor(text: &str) -> Aor {
        Aor::parse(text).unwrap()
    }

    const PLAIN: WebRequest<'static> = WebRequest {
        peer: SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::new(198, 51, 100, 7)), 40000),
        method: "PUT",
        target: TARGET,
        authorization: &[],
        asserted: &[],
        intended: None,
    };

    fn answer(nonce: &str, uri: &str, nc: &str) -> String {
        let algorithm = Algorithm::Sha256;
        let ha1 = algorithm.ha1("bob", "example.com", "zanzibar");
        let ha2 = algorithm.ha2("PUT", uri);
        let response = algorithm.response_with_qop(ha1.as_str(), nonce, nc, "c0ffee", "auth", ha2.as_str());
        format!(
            "Digest username=\"bob\", realm=\"example.com\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm=SHA-256, \
             response=\"{response}\", qop=auth, nc={nc}, cnonce=\"c0ffee\""
        )
    }

    fn nonce(authenticator: &mut Authenticator) -> String {
        let challenge = authenticator.identify(NOW, &PLAIN).unwrap_err();
        assert_eq!((challenge.status(), challenge.fields().len()), (401, 2));
        challenge.fields()[0].split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    fn login(uri: &str, intended: Option<&str>) -> Result<Caller, Cause> {
        let mut authenticator = authenticator(false);
        let field = answer(&nonce(&mut authenticator), uri, "00000001");
        let intended = intended.map(aor);
        let request = WebRequest { authorization: &[&field], intended: intended.as_ref(), ..PLAIN };
        authenticator.identify(NOW, &request).map_err(|challenge| challenge.cause())
    }

    #[test]
    fn a_password_proves_its_user() {
        let caller = login(TARGET, None).unwrap();
        assert_eq!((caller.aor().as_str(), caller.proof()), ("sip:bob@example.com", Proof::Digest));
        let whole = format!("https://xcap.example.com:8443{TARGET}");
        assert!(login(&whole, Some("sips:bob@EXAMPLE.com")).is_ok());
        assert_eq!(login("/xcap/pres-rules", None), Err(Cause::ForeignUri));
        assert_eq!(login("https://xcap.example.com", None), Err(Cause::ForeignUri));
    }

    #[test]
    fn the_intended_identity_is_the_users_own() {
        assert_eq!(login(TARGET, Some("sip:alice@example.com")), Err(Cause::ForeignIdentity));
        assert_eq!(Cause::ForeignIdentity.status(), 403);
    }

    #[test]
    fn a_count_is_taken_once_and_then_stale() {
        let mut authenticator = authenticator(false);
        let field = answer(&nonce(&mut authenticator), TARGET, "00000001");
        let request = WebRequest { authorization: &[&field], ..PLAIN };
        authenticator.identify(NOW, &request).unwrap();
        let challenge = authenticator.identify(NOW, &request).unwrap_err();
        assert_eq!(challenge.cause(), Cause::StaleNonce);
        assert!(challenge.fields().iter().all(|field| field.ends_with("stale=true")));
    }

    #[test]
    fn only_a_trusted_peer_asserts() {
        let asserted = [aor("tel:+15550100"), aor("sip:alice@example.com")];
        let from_peer = WebRequest { peer: "192.0.2.9:1".parse().unwrap(), asserted: &asserted, ..PLAIN };
        let caller = authenticator(false).identify(NOW, &from_peer).unwrap();
        assert_eq!((caller.identities(), caller.proof()), (&asserted[..], Proof::TrustedPeer));
        let from_stranger = WebRequest { asserted: &asserted, ..PLAIN };
        assert!(authenticator(false).identify(NOW, &from_stranger).is_err());
        let silent = WebRequest { asserted: &[], ..from_peer };
        assert!(authenticator(false).identify(NOW, &silent).is_err(), "who asserts nobody proves itself");
    }

    #[test]
    fn open_mode_believes_whoever_is_intended() {
        let alice = aor("sip:alice@example.com");
        let request = WebRequest { intended: Some(&alice), ..PLAIN };
        let caller = authenticator(true).identify(NOW, &request).unwrap();
        assert_eq!((caller.aor(), caller.proof(), caller.is_anonymous()), (&alice, Proof::Open, false));
        let nobody = authenticator(true).identify(NOW, &PLAIN).unwrap();
        assert!(nobody.is_anonymous());
    }
}
