//! Who sent a request: digest credentials, trusted peers, or nobody. RFC 3261 §22.4, RFC 7616, RFC 8760, RFC 3325.

mod caller;
mod challenge;
mod digest_server;
mod entitled;
mod network;
mod nonce;
mod settings;
#[cfg(test)]
mod tests;
mod web;

use sip::{Aor, Message, Name, NameAddr, Uri};

pub use caller::{Caller, Proof};
pub use challenge::{Cause, Challenge};
pub use entitled::Entitled;
pub use network::{Network, NetworkError};
pub use settings::{Secret, Settings};
pub use sip::digest::Algorithm;
pub use web::WebRequest;

use crate::flow::Flow;
use crate::time::Timestamp;
use digest_server::{Claim, DigestServer};

/// Proves the senders of requests. State: the counts of the nonces that were used lately, in bounded number.
///
/// Holders of one key take each other's nonces, each with counts of its own: a replay is found where the request
/// goes to the holder that took the original, as it does when requests are dealt out by Request-URI.
pub struct Authenticator {
    open: bool,
    trusted: Vec<Network>,
    digests: DigestServer,
}

impl Authenticator {
    /// `key` signs nonces: keep it from peers, change it at every start.
    pub fn new(settings: &Settings, key: [u8; 32]) -> Self {
        Self {
            open: settings.open,
            trusted: settings.trusted.clone(),
            digests: DigestServer::new(settings, &key),
        }
    }

    /// Takes new settings. Nonces given out stay good, and their counts are kept: a request of before cannot be replayed.
    pub fn reconfigure(&mut self, settings: &Settings) {
        self.open = settings.open;
        self.trusted.clone_from(&settings.trusted);
        self.digests.reconfigure(settings);
    }

    /// Says who sent the SIP request, or how to refuse it.
    ///
    /// A trusted peer is believed first, then open mode believes anybody, then credentials are checked: P-Asserted-Identity
    /// from others counts for nothing (RFC 3325 §5). The credentials of a proxy (`Proxy-Authorization`) are not ours.
    /// Cost of a proof: four to six hash blocks. A retransmission is answered before it comes here, else its count
    /// has been used.
    pub fn authenticate(
        &mut self,
        now: Timestamp,
        flow: &Flow,
        request: &Message<'_>,
    ) -> Result<Caller, Challenge> {
        let proof = self.prove(now, flow, request);
        proof.map_err(|cause| self.challenge(now, flow, request, cause))
    }

    fn prove(&mut self, now: Timestamp, flow: &Flow, request: &Message<'_>) -> Result<Caller, Cause> {
        if self.trusted.iter().any(|network| network.contains(flow.remote.ip())) {
            let asserted = asserted_identities(request);
            let identities = if asserted.is_empty() { vec![from(request)?] } else { asserted };
            let anonymous = is_private(request) || is_anonymous(&identities[0]);
            return Ok(Caller::new(identities, Proof::TrustedPeer, anonymous));
        }
        let from = from(request)?;
        let anonymous = is_private(request) || is_anonymous(&from);
        if self.open {
            return Ok(Caller::new(vec![from], Proof::Open, anonymous));
        }
        let user = self.prove_user(now, request, &from)?;
        if user != from && !is_anonymous(&from) {
            return Err(Cause::ForeignIdentity);
        }
        Ok(Caller::new(vec![user], Proof::Digest, anonymous))
    }

    /// The user whose password the sender knows.
    fn prove_user(&mut self, now: Timestamp, request: &Message<'_>, from: &Aor) -> Result<Aor, Cause> {
        let requested = request.uri().unwrap_or_default();
        let claim = Claim {
            method: request.method().ok_or(Cause::MalformedCredentials)?.as_str(),
            domain: from.domain(),
            is_for: &|named| is_same_resource(named, requested),
        };
        self.digests.prove(now, &claim, request.all(Name::Authorization))
    }

    fn challenge(&mut self, now: Timestamp, flow: &Flow, request: &Message<'_>, cause: Cause) -> Challenge {
        let call_id = request.get(Name::CallId).unwrap_or_default();
        self.digests.challenge(now, cause, format!("{} {call_id}", flow.remote).as_bytes())
    }
}

/// Whom From names.
fn from(request: &Message<'_>) -> Result<Aor, Cause> {
    let uri = request.from().ok_or(Cause::NoIdentity)?.uri;
    let aor = Aor::canonical(uri).or_else(|| Aor::of(&Uri::parse(uri).ok()?));
    aor.ok_or(Cause::NoIdentity)
}

/// The first SIP and the first `tel` identity of P-Asserted-Identity, in this order. RFC 3325 §9.1 has at most one of
/// each and no other schemes.
fn asserted_identities(request: &Message<'_>) -> Vec<Aor> {
    let (mut sip, mut tel) = (None, None);
    for value in request.values(Name::PAssertedIdentity) {
        let Ok(address) = NameAddr::parse(value) else { continue };
        let Ok(uri) = Uri::parse(address.uri) else { continue };
        match uri {
            Uri::Sip(_) => sip = sip.or_else(|| Aor::of(&uri)),
            Uri::Tel(_) => tel = tel.or_else(|| Aor::of(&uri)),
            Uri::Pres(..) | Uri::Im(..) | Uri::Other { .. } => {}
        }
    }
    sip.into_iter().chain(tel).collect()
}

/// Whether `Privacy` asks to keep the asserted identity from others, RFC 3325 §9.3; its values stand between
/// semicolons, RFC 3323 §4.2.
fn is_private(request: &Message<'_>) -> bool {
    let fields = request.all(Name::Privacy);
    fields.flat_map(|field| field.split([';', ','])).any(|value| value.trim().eq_ignore_ascii_case("id"))
}

/// The From of those who want no name in it, RFC 3323 §4.1.1.3: it claims nobody's identity.
fn is_anonymous(aor: &Aor) -> bool {
    aor.as_str() == "sip:anonymous@anonymous.invalid"
}

/// RFC 7616 §3.4.6: credentials are for the Request-URI they name. RFC 8760 §2.6 lets a server take others that were
/// rewritten on the way; we take none, since a replay elsewhere would not be noticed.
fn is_same_resource(named: &str, requested: &str) -> bool {
    if named == requested {
        return true;
    }
    match (Uri::parse(named), Uri::parse(requested)) {
        (Ok(named), Ok(requested)) => named.equivalent(&requested),
        (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}
