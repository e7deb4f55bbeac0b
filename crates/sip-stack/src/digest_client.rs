//! Answers digest challenges and counts the uses of their nonces. RFC 3261 §22.2, RFC 7616 §3.4, RFC 8760 §2.4.

use core::fmt;
use std::collections::BTreeMap;

use sip::digest::Algorithm;
use sip::{Challenge, Credentials, Message, Name, Writer, unquote};

use crate::mac::Random;

/// Who we are to whoever asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The name sent.
    pub username: String,
    /// What proves it. Never printed, never sent.
    pub password: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What a 401 or 407 means for the request it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send the request again, as a new transaction: [`DigestClient::authorize`] now has an answer.
    Retry,
    /// The realm has seen our answer and does not take it: the username or the password is wrong.
    Refused,
    /// Nothing there that we can answer: no account, or no algorithm that we know.
    Unanswerable,
}

/// The challenges met so far, one per realm and header field.
#[derive(Debug)]
pub struct DigestClient {
    account: Option<Account>,
    /// Realm by realm; the flag tells a proxy's (407) from a server's (401).
    sessions: BTreeMap<(bool, String), Session>,
}

#[derive(Debug)]
struct Session {
    algorithm: Algorithm,
    nonce: String,
    opaque: Option<String>,
    qop: bool,
    count: u32,
}

/// More realms than this on one way are a mistake or an attack: the oldest names are dropped.
const REALMS: usize = 8;

impl DigestClient {
    /// Without an account, every challenge is unanswerable.
    pub fn new(account: Option<Account>) -> Self {
        Self { account, sessions: BTreeMap::new() }
    }

    /// Takes the challenges of a 401 or 407. `answered` says whether the request bore an answer from `authorize`.
    ///
    /// Of several challenges of one realm the strongest algorithm we know is taken, the topmost where equal: our
    /// policy in the sense of RFC 8760 §2.4.
    pub fn challenged(&mut self, response: &Message<'_>, answered: bool) -> Outcome {
        let of_server = response.all(Name::WwwAuthenticate).map(|field| (false, field));
        let of_proxy = response.all(Name::ProxyAuthenticate).map(|field| (true, field));
        self.challenged_by(of_server.chain(of_proxy), answered)
    }

    /// The same, of any protocol: the values of WWW-Authenticate, and those of Proxy-Authenticate with `true`.
    pub fn challenged_by<'f>(
        &mut self,
        fields: impl Iterator<Item = (bool, &'f str)>,
        answered: bool,
    ) -> Outcome {
        if self.account.is_none() {
            return Outcome::Unanswerable;
        }
        let mut best: BTreeMap<(bool, String), (Session, bool)> = BTreeMap::new();
        for (proxy, field) in fields {
            let Some((realm, session, stale)) = read(field) else { continue };
            let stronger =
                |known: &(Session, bool)| strength(session.algorithm) > strength(known.0.algorithm);
            let key = (proxy, realm);
            if best.get(&key).is_none_or(stronger) {
                best.insert(key, (session, stale));
            }
        }
        if best.is_empty() {
            return Outcome::Unanswerable;
        }
        // A realm that knew our answer and calls it not stale does not know our password. One whose nonce we have
        // not used yet has not refused anything; and one that took the nonce before and now gives another has let it
        // grow old, though many a server does not say so.
        let refused = |(key, (offered, stale)): (&(bool, String), &(Session, bool))| {
            let known = self.sessions.get(key).filter(|_| answered && !stale);
            known.is_some_and(|known| match known.count {
                0 => false,
                1 => true,
                _ => known.nonce == offered.nonce,
            })
        };
        let is_refused = best.iter().any(refused);
        for (key, (session, _)) in best {
            if is_refused {
                self.sessions.remove(&key);
            } else {
                self.sessions.insert(key, session);
            }
        }
        while self.sessions.len() > REALMS {
            self.sessions.pop_first();
        }
        if is_refused { Outcome::Refused } else { Outcome::Retry }
    }

    /// Adds an answer for each realm met so far to a request that is being written; whether there was any.
    pub fn authorize(
        &mut self,
        method: &str,
        uri: &str,
        random: &mut Random,
        request: &mut Writer<'_>,
    ) -> bool {
        let answers = self.answers(method, uri, random);
        for (proxy, answer) in &answers {
            let name = if *proxy { Name::ProxyAuthorization } else { Name::Authorization };
            request.field(name, answer);
        }
        !answers.is_empty()
    }

    /// The same, for any protocol: values of Authorization, and of Proxy-Authorization with `true`. `uri` is the target
    /// as it is sent, and is put between quotes as it stands.
    pub fn answers(&mut self, method: &str, uri: &str, random: &mut Random) -> Vec<(bool, String)> {
        let Some(account) = &self.account else { return Vec::new() };
        let answer = |((proxy, realm), session): (&(bool, String), &mut Session)| {
            session.count += 1;
            (*proxy, session.answer(account, realm, method, uri, &random.token()))
        };
        self.sessions.iter_mut().map(answer).collect()
    }
}

impl Session {
    fn answer(&self, account: &Account, realm: &str, method: &str, uri: &str, cnonce: &str) -> String {
        let algorithm = self.algorithm;
        let ha1 = algorithm.ha1(&account.username, realm, &account.password);
        let ha2 = algorithm.ha2(method, uri);
        let (ha1, ha2) = (ha1.as_str(), ha2.as_str());
        let nc = format!("{:08x}", self.count);
        let response = if self.qop {
            algorithm.response_with_qop(ha1, &self.nonce, &nc, cnonce, "auth", ha2)
        } else {
            algorithm.response(ha1, &self.nonce, ha2) // RFC 8760 §2.6: servers older than qop
        };
        let opaque = self.opaque.as_deref().map(escaped);
        let credentials = Credentials {
            username: &escaped(&account.username),
            realm: &escaped(realm),
            nonce: &escaped(&self.nonce),
            uri,
            response: response.as_str(),
            algorithm: Some(algorithm.token()),
            cnonce: self.qop.then_some(cnonce),
            opaque: opaque.as_deref(),
            qop: self.qop.then_some("auth"),
            nc: self.qop.then_some(&nc),
            userhash: false,
        };
        credentials.to_string()
    }
}

/// As it stands between quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn unescaped(inner: &str) -> String {
    unquote(&format!("\"{inner}\"")).into_owned()
}

/// Larger is stronger.
const fn strength(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Md5 => 0,
        Algorithm::Sha256 | Algorithm::Sha512_256 => 1,
    }
}

/// Realm, session and whether the last nonce was stale, of a challenge that we can answer.
fn read(field: &str) -> Option<(String, Session, bool)> {
    let challenge = Challenge::parse(field).ok()?;
    let (algorithm, false) = Algorithm::of(challenge.algorithm)? else { return None };
    let qop = challenge.offers("auth");
    if challenge.qop.is_some() && !qop {
        return None; // auth-int alone
    }
    let (nonce, opaque) = (unescaped(challenge.nonce), challenge.opaque.map(unescaped));
    Some((unescaped(challenge.realm), Session { algorithm, nonce, opaque, qop, count: 0 }, challenge.stale))
}

#[cfg(test)]
mod tests {
    use sip::Limits;

    use super::*;

    fn client() -> DigestClient {
        let account = Account { username: "Mufasa".into(), password: "Circle of Life".into() };
        DigestClient::new(Some(account))
    }

    fn challenge(client: &mut DigestClient, status: u16, fields: &[&str], answered: bool) -> Outcome {
        let mut text = format!("SIP/2.0 {status} x\r\nCSeq: 1 PUBLISH\r\n");
        fields.iter().for_each(|field| text.extend([field, "\r\n"]));
        text += "\r\n";
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        client.challenged(&message, answered)
    }

    fn authorize(client: &mut DigestClient) -> String {
        let mut out = Vec::new();
        let mut writer = Writer::request(&mut out, "GET", "/dir/index.html");
        let mut random = Random::new([4; 32]);
        client.authorize("GET", "/dir/index.html", &mut random, &mut writer);
        writer.finish(&[]);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_answers_are_those_of_rfc_7616() {
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let session = Session {
                algorithm,
                nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
                opaque: Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS".into()),
                qop: true,
                count: 1,
            };
            let account = client().account.unwrap();
            let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
            let answer = session.answer(&account, "http-auth@example.org", "GET", "/dir/index.html", cnonce);
            let read = Credentials::parse(&answer).unwrap();
            assert_eq!(read.response, expected);
            assert_eq!((read.nc, read.qop), (Some("00000001"), Some("auth")));
            assert_eq!(read.opaque, session.opaque.as_deref());
            assert_eq!(read.username, "Mufasa");
        }
    }

    const MD5: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"m\", qop=\"auth,auth-int\"";
    const SHA: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"s\", qop=\"auth\", algorithm=SHA-256";

    #[test]
    fn the_strongest_known_algorithm_is_taken_wherever_it_stands() {
        let unknown = "WWW-Authenticate: Digest realm=\"r\", nonce=\"u\", qop=\"auth\", algorithm=SHA3";
        for fields in [[unknown, MD5, SHA], [SHA, unknown, MD5]] {
            let mut client = client();
            assert_eq!(challenge(&mut client, 401, &fields, false), Outcome::Retry);
            let text = authorize(&mut client);
            assert!(text.contains("nonce=\"s\"") && text.contains("algorithm=SHA-256"), "{text}");
            assert_eq!(text.matches("\r\nAuthorization:").count(), 1);
        }
    }

    #[test]
    fn counts_grow_with_each_use_and_start_anew_with_each_nonce() {
        let mut client = client();
        challenge(&mut client, 401, &[MD5], false);
        assert!(authorize(&mut client).contains("nc=00000001"));
        assert!(authorize(&mut client).contains("nc=00000002"));
        let stale = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", stale=TRUE";
        assert_eq!(challenge(&mut client, 401, &[stale], true), Outcome::Retry);
        let text = authorize(&mut client);
        assert!(text.contains("nc=00000001") && text.contains("nonce=\"n\""));
    }

    #[test]
    fn an_answer_that_is_not_stale_is_wrong() {
        let mut client = client();
        assert_eq!(challenge(&mut client, 401, &[MD5], false), Outcome::Retry);
        authorize(&mut client);
        assert_eq!(challenge(&mut client, 401, &[MD5], true), Outcome::Refused);
        assert!(!authorize(&mut client).contains("Authorization"));
    }

    #[test]
    fn a_nonce_that_served_before_grows_old_without_a_word() {
        let mut client = client();
        let another = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"";
        challenge(&mut client, 401, &[MD5], false);
        authorize(&mut client);
        authorize(&mut client);
        assert_eq!(challenge(&mut client, 401, &[another], true), Outcome::Retry);
        assert!(authorize(&mut client).contains("nonce=\"n\""));
        let third = another.replace("\"n\"", "\"o\"");
        assert_eq!(
            challenge(&mut client, 401, &[&third], true),
            Outcome::Refused,
            "the first answer to it was wrong"
        );
    }

    #[test]
    fn a_nonce_that_served_before_and_is_given_again_refuses() {
        let mut client = client();
        challenge(&mut client, 401, &[MD5], false);
        authorize(&mut client);
        authorize(&mut client);
        assert_eq!(challenge(&mut client, 401, &[MD5], true), Outcome::Refused);
    }

    #[test]
    fn a_proxy_and_a_server_are_answered_each_in_its_field() {
        let mut client = client();
        let proxy = "Proxy-Authenticate: Digest realm=\"r\", nonce=\"p\", qop=\"auth\"";
        assert_eq!(challenge(&mut client, 407, &[proxy], false), Outcome::Retry);
        authorize(&mut client);
        assert_eq!(challenge(&mut client, 401, &[MD5], true), Outcome::Retry);
        let text = authorize(&mut client);
        assert!(
            text.contains("\r\nProxy-Authorization: Digest") && text.contains("\r\nAuthorization: Digest")
        );
    }

    #[test]
    fn what_cannot_be_answered_is_not() {
        let basic = "WWW-Authenticate: Basic realm=\"r\"";
        let integrity = "WWW-Authenticate: Digest realm=\"r\", nonce=\"m\", qop=\"auth-int\"";
        let no_nonce = "WWW-Authenticate: Digest realm=\"r\"";
        for field in [basic, integrity, no_nonce] {
            assert_eq!(challenge(&mut client(), 401, &[field], false), Outcome::Unanswerable);
        }
        assert_eq!(challenge(&mut DigestClient::new(None), 401, &[MD5], false), Outcome::Unanswerable);
    }

    #[test]
    fn a_challenge_without_qop_is_answered_without() {
        let mut client = client();
        challenge(&mut client, 401, &["WWW-Authenticate: Digest realm=\"r\", nonce=\"m\""], false);
        let text = authorize(&mut client);
        assert!(!text.contains("qop") && !text.contains("cnonce") && text.contains("response="));
    }

    #[test]
    fn the_password_is_not_printed() {
        assert!(!format!("{:?}", client()).contains("Circle"));
    }
}
