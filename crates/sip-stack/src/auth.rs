//! Who sent a request: digest credentials, trusted peers, or nobody. RFC 3261 §22, RFC 7616, RFC 8760, RFC 3325.

mod caller;
mod challenge;
mod network;
mod nonce;
mod settings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use sip::digest::Hex;
use sip::{Aor, Credentials, Message, Method, Name, NameAddr, Uri, quote, unquote};

pub use caller::{Caller, Proof};
pub use challenge::{Cause, Challenge};
pub use network::{Network, NetworkError};
pub use settings::{Secret, Settings};
pub use sip::digest::Algorithm;

use crate::flow::Flow;
use crate::time::Timestamp;
use nonce::Nonces;

/// Proves the senders of requests. State: the counts of the nonces that were used lately, in bounded number.
///
/// Holders of one key take each other's nonces, each with counts of its own: a replay is found where the request
/// goes to the holder that took the original, as it does when requests are dealt out by Request-URI.
pub struct Authenticator {
    settings: Settings,
    /// By `user@domain`, the domain in lower case.
    users: BTreeMap<String, User>,
    nonces: Nonces,
}

struct User {
    aor: Aor,
    secret: Secret,
}

/// What a digest answer says, unquoted; nothing of it is believed yet.
struct Answer<'a> {
    algorithm: Algorithm,
    username: Cow<'a, str>,
    nonce: Cow<'a, str>,
    uri: Cow<'a, str>,
    response: &'a str,
    cnonce: Cow<'a, str>,
    /// As sent, since it is part of what was hashed.
    nc: &'a str,
    count: u32,
}

impl Authenticator {
    /// `key` signs nonces: keep it from peers, change it at every start.
    pub fn new(settings: &Settings, key: [u8; 32]) -> Self {
        let nonces = Nonces::new(&key, settings.nonce_lifetime, settings.nonces);
        Self { settings: without_users(settings), users: users(settings), nonces }
    }

    /// Takes new settings. Nonces given out stay good, under the lifetime and number of the start.
    pub fn reconfigure(&mut self, settings: &Settings) {
        self.settings = without_users(settings);
        self.users = users(settings);
    }

    /// Says who sent the request, or how to refuse it.
    ///
    /// A trusted peer is believed first, then open mode believes anybody, then credentials are checked: P-Asserted-Identity
    /// from others counts for nothing (RFC 3325 §5). The credentials of a proxy (`Proxy-Authorization`) are not ours.
    /// A digest is compared before its nonce is judged, so `stale=true` is said only to who knows the password.
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
        if self.settings.trusted.iter().any(|network| network.contains(flow.remote.ip())) {
            let asserted = asserted_identities(request);
            let identities = if asserted.is_empty() { vec![from(request)?] } else { asserted };
            let anonymous = is_private(request) || is_anonymous(&identities[0]);
            return Ok(Caller::new(identities, Proof::TrustedPeer, anonymous));
        }
        let from = from(request)?;
        let anonymous = is_private(request) || is_anonymous(&from);
        if self.settings.open {
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
        let answer = self.answer(request)?;
        let method = request.method().ok_or(Cause::MalformedCredentials)?;
        let user = self.user(&answer.username, from);
        let expected = self.expected(&answer, method, user.map(|user| &user.secret));
        let (Some(user), true) = (user, expected.is(answer.response)) else {
            return Err(Cause::WrongCredentials);
        };
        if !is_same_resource(&answer.uri, request.uri().unwrap_or_default()) {
            return Err(Cause::ForeignUri);
        }
        let aor = user.aor.clone();
        self.nonces.check(now, &answer.nonce, answer.count).map_err(|_| Cause::StaleNonce)?;
        self.nonces.note(now, &answer.nonce, answer.count);
        Ok(aor)
    }

    /// The first credentials for our realm with an algorithm that we offer.
    fn answer<'a>(&self, request: &Message<'a>) -> Result<Answer<'a>, Cause> {
        let mut cause = Cause::NoCredentials;
        for field in request.all(Name::Authorization) {
            match Credentials::parse(field) {
                Ok(credentials) if unquoted(credentials.realm) == self.settings.realm => {
                    match self.offered(credentials.algorithm) {
                        Some(algorithm) => return read(&credentials, algorithm),
                        None => continue,
                    }
                }
                Ok(_) => {}
                // Another scheme is no defect of this one; what lacks a part may be of any realm.
                Err(_) if is_digest(field) => cause = Cause::MalformedCredentials,
                Err(_) => {}
            }
        }
        Err(cause)
    }

    fn offered(&self, token: Option<&str>) -> Option<Algorithm> {
        let (algorithm, is_session) = Algorithm::of(token)?;
        (!is_session && self.settings.algorithms.contains(&algorithm)).then_some(algorithm)
    }

    /// A username with a domain stands for itself. One without is of the domain in From, else of the realm: both say
    /// which password is asked for, not that it was known.
    fn user(&self, username: &str, from: &Aor) -> Option<&User> {
        if username.contains('@') {
            return self.users.get(&user_key(username, ""));
        }
        let of_from = from.domain().and_then(|domain| self.users.get(&user_key(username, domain)));
        of_from.or_else(|| self.users.get(&user_key(username, &self.settings.realm)))
    }

    /// The response that `secret` gives. Without a user a response all the same, so that it takes as long.
    fn expected(&self, answer: &Answer<'_>, method: Method<'_>, secret: Option<&Secret>) -> Hex {
        let password = match secret {
            Some(Secret::Password(password)) => password.as_str(),
            Some(Secret::Ha1 { .. }) | None => "",
        };
        let algorithm = answer.algorithm;
        let computed = algorithm.ha1(&answer.username, &self.settings.realm, password);
        let stored = match secret {
            // A secret that lacks the algorithm matches nothing: an empty string is no hash.
            Some(Secret::Ha1 { .. }) => secret.and_then(|secret| secret.stored(algorithm)).or(Some("")),
            Some(Secret::Password(_)) | None => None,
        };
        let ha1 =
            stored.map_or(Cow::Borrowed(computed.as_str()), |stored| stored.to_ascii_lowercase().into());
        let ha2 = algorithm.ha2(method.as_str(), &answer.uri);
        algorithm.response_with_qop(&ha1, &answer.nonce, answer.nc, &answer.cnonce, "auth", ha2.as_str())
    }

    fn challenge(&mut self, now: Timestamp, flow: &Flow, request: &Message<'_>, cause: Cause) -> Challenge {
        if cause.status() != 401 {
            return Challenge::new(cause, Vec::new());
        }
        let call_id = request.get(Name::CallId).unwrap_or_default();
        let nonce = self.nonces.issue(now, format!("{} {call_id}", flow.remote).as_bytes());
        let realm = quote(&self.settings.realm);
        let field = |algorithm: &Algorithm| {
            let field = sip::Challenge {
                realm: &realm[1..realm.len() - 1],
                nonce: &nonce,
                algorithm: Some(algorithm.token()),
                qop: Some("auth"),
                stale: cause == Cause::StaleNonce,
                ..sip::Challenge::default()
            };
            field.to_string()
        };
        Challenge::new(cause, self.settings.algorithms.iter().map(field).collect())
    }
}

fn users(settings: &Settings) -> BTreeMap<String, User> {
    let mut users = BTreeMap::new();
    for (name, secret) in &settings.users {
        let key = user_key(name, &settings.realm);
        // A name that makes no address cannot be whom a request is from.
        let Ok(aor) = Aor::parse(&format!("sip:{key}")) else { continue };
        users.insert(key, User { aor, secret: secret.clone() });
    }
    users
}

fn without_users(settings: &Settings) -> Settings {
    let (open, realm, nonce_lifetime, nonces) =
        (settings.open, settings.realm.clone(), settings.nonce_lifetime, settings.nonces);
    let (trusted, algorithms) = (settings.trusted.clone(), settings.algorithms.clone());
    Settings { open, realm, users: BTreeMap::new(), trusted, algorithms, nonce_lifetime, nonces }
}

fn user_key(username: &str, domain: &str) -> String {
    let (user, domain) = username.rsplit_once('@').unwrap_or((username, domain));
    format!("{user}@{}", domain.to_ascii_lowercase())
}

/// Reads credentials whose realm and algorithm are ours. `qop=auth` must be there: without a count, a replay could not
/// be told. A client that has met no nonce yet may leave nonce and response empty (RFC 8760 §2.7).
fn read<'a>(credentials: &Credentials<'a>, algorithm: Algorithm) -> Result<Answer<'a>, Cause> {
    let is_auth = credentials.qop.is_some_and(|qop| qop.eq_ignore_ascii_case("auth"));
    if !is_auth || credentials.nonce.is_empty() || credentials.response.is_empty() {
        return Err(Cause::NoCredentials);
    }
    let (Some(count), Some(nc), Some(cnonce)) =
        (credentials.nonce_count(), credentials.nc, credentials.cnonce)
    else {
        return Err(Cause::MalformedCredentials);
    };
    if [credentials.username, credentials.uri, cnonce].iter().any(|value| value.is_empty()) {
        return Err(Cause::MalformedCredentials);
    }
    Ok(Answer {
        algorithm,
        username: unquoted(credentials.username),
        nonce: unquoted(credentials.nonce),
        uri: unquoted(credentials.uri),
        response: credentials.response,
        cnonce: unquoted(cnonce),
        nc,
        count,
    })
}

fn is_digest(field: &str) -> bool {
    field.split_whitespace().next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("Digest"))
}

/// What stood between quotes, without its escapes: what is hashed (RFC 7616 §3.4.5).
fn unquoted(inner: &str) -> Cow<'_, str> {
    if inner.contains('\\') { unquote(&format!("\"{inner}\"")).into_owned().into() } else { inner.into() }
}

/// Whom From names.
fn from(request: &Message<'_>) -> Result<Aor, Cause> {
    request.get(Name::From).and_then(aor).ok_or(Cause::NoIdentity)
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

fn aor(value: &str) -> Option<Aor> {
    let address = NameAddr::parse(value).ok()?;
    Aor::of(&Uri::parse(address.uri).ok()?)
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
