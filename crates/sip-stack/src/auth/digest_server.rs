//! Challenges for digest proofs and checks them, whatever protocol carries the request. RFC 7616, RFC 8760.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sip::digest::Hex;
use sip::{Aor, Credentials, quote, unquote};

use super::nonce::Nonces;
use super::{Algorithm, Cause, Challenge, Secret, Settings};
use crate::time::Timestamp;

/// Knows the users and their secrets, and the counts of the nonces that were used lately, in bounded number.
pub(super) struct DigestServer {
    realm: String,
    algorithms: Vec<Algorithm>,
    /// By `user@domain`, the domain in lower case.
    users: BTreeMap<String, User>,
    nonces: Nonces,
}

struct User {
    aor: Aor,
    secret: Secret,
}

/// The request that a proof is for. Nothing of it is believed yet.
pub(super) struct Claim<'a> {
    /// As hashed.
    pub(super) method: &'a str,
    /// The domain of a username without one, where the request tells: it says which password is asked for, not that it
    /// was known.
    pub(super) domain: Option<&'a str>,
    /// Whether the URI that the credentials name is the one that was asked for.
    pub(super) is_for: &'a dyn Fn(&str) -> bool,
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

impl DigestServer {
    pub(super) fn new(settings: &Settings, key: &[u8; 32]) -> Self {
        Self {
            realm: settings.realm.clone(),
            algorithms: settings.algorithms.clone(),
            users: users(settings),
            nonces: Nonces::new(key, settings.nonce_lifetime, settings.nonces),
        }
    }

    /// Takes new users, realm, algorithms and bounds of nonces. Nonces given out stay good, and their counts are kept: what
    /// was used is used.
    pub(super) fn reconfigure(&mut self, settings: &Settings) {
        self.realm.clone_from(&settings.realm);
        self.algorithms.clone_from(&settings.algorithms);
        self.users = users(settings);
        self.nonces.reconfigure(settings.nonce_lifetime, settings.nonces);
    }

    /// The user whose password the sender knows. `fields` are the values of Authorization.
    ///
    /// A digest is compared before its nonce is judged, so `stale=true` is said only to who knows the password.
    /// Cost: four to six hash blocks.
    pub(super) fn prove<'f>(
        &mut self,
        now: Timestamp,
        request: &Claim<'_>,
        fields: impl Iterator<Item = &'f str>,
    ) -> Result<Aor, Cause> {
        let answer = self.answer(fields)?;
        let user = self.user(&answer.username, request.domain);
        let expected = self.expected(&answer, request.method, user.map(|user| &user.secret));
        let (Some(user), true) = (user, expected.is(answer.response)) else {
            return Err(Cause::WrongCredentials);
        };
        if !(request.is_for)(&answer.uri) {
            return Err(Cause::ForeignUri);
        }
        let aor = user.aor.clone();
        self.nonces.check(now, &answer.nonce, answer.count).map_err(|_| Cause::StaleNonce)?;
        self.nonces.note(now, &answer.nonce, answer.count);
        Ok(aor)
    }

    /// The refusal for a cause, with a challenge for each algorithm where another try may help. `salt` tells apart what
    /// several holders of one key make at one instant.
    pub(super) fn challenge(&mut self, now: Timestamp, cause: Cause, salt: &[u8]) -> Challenge {
        if cause.status() != 401 {
            return Challenge::new(cause, Vec::new());
        }
        let nonce = self.nonces.issue(now, salt);
        let realm = quote(&self.realm);
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
        Challenge::new(cause, self.algorithms.iter().map(field).collect())
    }

    /// The first credentials for our realm with an algorithm that we offer.
    fn answer<'f>(&self, fields: impl Iterator<Item = &'f str>) -> Result<Answer<'f>, Cause> {
        let mut cause = Cause::NoCredentials;
        for field in fields {
            match Credentials::parse(field) {
                Ok(credentials) if unquoted(credentials.realm) == self.realm => {
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
        (!is_session && self.algorithms.contains(&algorithm)).then_some(algorithm)
    }

    /// A username with a domain stands for itself. One without is of the domain that the request tells, else of the
    /// realm.
    fn user(&self, username: &str, domain: Option<&str>) -> Option<&User> {
        if username.contains('@') {
            return self.users.get(&user_key(username, ""));
        }
        let of_request = domain.and_then(|domain| self.users.get(&user_key(username, domain)));
        of_request.or_else(|| self.users.get(&user_key(username, &self.realm)))
    }

    /// The response that `secret` gives. Without a user a response all the same, so that it takes as long.
    fn expected(&self, answer: &Answer<'_>, method: &str, secret: Option<&Secret>) -> Hex {
        let password = match secret {
            Some(Secret::Password(password)) => password.as_str(),
            Some(Secret::Ha1 { .. }) | None => "",
        };
        let algorithm = answer.algorithm;
        let computed = algorithm.ha1(&answer.username, &self.realm, password);
        let stored = match secret {
            // A secret that lacks the algorithm matches nothing: an empty string is no hash.
            Some(Secret::Ha1 { .. }) => secret.and_then(|secret| secret.stored(algorithm)).or(Some("")),
            Some(Secret::Password(_)) | None => None,
        };
        let ha1 =
            stored.map_or(Cow::Borrowed(computed.as_str()), |stored| stored.to_ascii_lowercase().into());
        let ha2 = algorithm.ha2(method, &answer.uri);
        algorithm.response_with_qop(&ha1, &answer.nonce, answer.nc, &answer.cnonce, "auth", ha2.as_str())
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
