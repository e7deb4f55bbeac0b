//! The arithmetic of digest authentication: RFC 7616 §3.4 with the algorithms of RFC 8760 §2.1. Nonces, and who may do
//! what, are others' concern.

use core::fmt;

use subtle::ConstantTimeEq;

/// A hash algorithm of digest authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// The default, for deployed clients.
    Md5,
    /// SHA-256
    Sha256,
    /// SHA-512/256, with its own initial values (FIPS 180-4), not a SHA-512 cut short.
    Sha512_256,
}

impl Algorithm {
    /// The algorithm of an `algorithm` parameter, and whether it is the `-sess` variant; `None` for an unknown one.
    /// An absent parameter means MD5 (RFC 3261 §22.4).
    pub fn of(token: Option<&str>) -> Option<(Self, bool)> {
        let Some(token) = token else { return Some((Self::Md5, false)) };
        let split = token.len().saturating_sub("-sess".len());
        let is_session = token.get(split..).is_some_and(|end| end.eq_ignore_ascii_case("-sess"));
        let base = if is_session { &token[..split] } else { token };
        let all = [Self::Md5, Self::Sha256, Self::Sha512_256];
        all.into_iter()
            .find(|algorithm| algorithm.token().eq_ignore_ascii_case(base))
            .map(|found| (found, is_session))
    }

    /// As written in an `algorithm` parameter.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// The hash of the parts joined by colons.
    pub fn hash(self, parts: &[&[u8]]) -> Hex {
        match self {
            Self::Md5 => Hex::of(&joined::<md5::Md5>(parts)),
            Self::Sha256 => Hex::of(&joined::<sha2::Sha256>(parts)),
            Self::Sha512_256 => Hex::of(&joined::<sha2::Sha512_256>(parts)),
        }
    }

    /// H(A1), the thing to store instead of a password. RFC 7616 §3.4.2. The same arithmetic with an empty password is
    /// not that of `userhash`, see [`Algorithm::userhash`].
    pub fn ha1(self, user: &str, realm: &str, password: &str) -> Hex {
        self.hash(&[user.as_bytes(), realm.as_bytes(), password.as_bytes()])
    }

    /// H(A1) of the `-sess` variant from the plain one.
    pub fn ha1_session(self, ha1: &str, nonce: &str, cnonce: &str) -> Hex {
        self.hash(&[ha1.as_bytes(), nonce.as_bytes(), cnonce.as_bytes()])
    }

    /// H(A2) without or with `auth`. RFC 7616 §3.4.3.
    pub fn ha2(self, method: &str, uri: &str) -> Hex {
        self.hash(&[method.as_bytes(), uri.as_bytes()])
    }

    /// H(A2) with `auth-int`; `body` is the whole message body, empty if there is none (RFC 8760 §2.6).
    pub fn ha2_with_body(self, method: &str, uri: &str, body: &[u8]) -> Hex {
        let body = self.hash(&[body]);
        self.hash(&[method.as_bytes(), uri.as_bytes(), body.as_str().as_bytes()])
    }

    /// The proof without qop, as RFC 2069 and RFC 3261 §22.4 let old clients give it.
    pub fn response(self, ha1: &str, nonce: &str, ha2: &str) -> Hex {
        self.hash(&[ha1.as_bytes(), nonce.as_bytes(), ha2.as_bytes()])
    }

    /// The proof with a qop. RFC 7616 §3.4.1.
    pub fn response_with_qop(
        self,
        ha1: &str,
        nonce: &str,
        nc: &str,
        cnonce: &str,
        qop: &str,
        ha2: &str,
    ) -> Hex {
        self.hash(&[ha1, nonce, nc, cnonce, qop, ha2].map(str::as_bytes))
    }

    /// What stands for the user when `userhash` is true. RFC 7616 §3.4.4.
    pub fn userhash(self, user: &str, realm: &str) -> Hex {
        self.hash(&[user.as_bytes(), realm.as_bytes()])
    }
}

fn joined<D: md5::Digest>(parts: &[&[u8]]) -> impl AsRef<[u8]> {
    let mut hash = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize()
}

/// A hash in lower-case hexadecimal. Comparing with [`Hex::is`] takes the same time wherever the first difference is.
#[derive(Clone, Copy)]
pub struct Hex {
    digits: [u8; 64],
    length: usize,
}

impl Hex {
    fn of(bytes: &impl AsRef<[u8]>) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 64];
        let bytes = bytes.as_ref();
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        Self { digits, length: bytes.len() * 2 }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.digits[..self.length]).expect("hexadecimal digits are ASCII")
    }

    /// Whether `text` is this hash, its letters in either case; in constant time for texts of the right length.
    pub fn is(&self, text: &str) -> bool {
        if text.len() != self.length {
            return false;
        }
        let mut lower = [0_u8; 64];
        lower[..text.len()].copy_from_slice(text.as_bytes());
        lower.make_ascii_lowercase();
        self.digits.ct_eq(&lower).into()
    }
}

impl fmt::Debug for Hex {
    /// Not the digits: they may stand for a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hex({} digits)", self.length)
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether two secrets are equal; the time tells no more than their lengths.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    fn proof(algorithm: Algorithm) -> Hex {
        let ha1 = algorithm.ha1("Mufasa", "http-auth@example.org", "Circle of Life");
        let ha2 = algorithm.ha2("GET", "/dir/index.html");
        algorithm.response_with_qop(ha1.as_str(), NONCE, "00000001", CNONCE, "auth", ha2.as_str())
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        assert!(proof(Algorithm::Md5).is("8ca523f5e9506fed4657c9700eebdbec"));
        let sha256 = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        assert!(proof(Algorithm::Sha256).is(sha256));
        assert!(proof(Algorithm::Sha256).is(&sha256.to_uppercase()));
        assert!(!proof(Algorithm::Sha256).is(&sha256.replace('7', "8")));
        assert!(!proof(Algorithm::Sha256).is(&sha256[1..]));
    }

    /// RFC 7616 §3.9.2 prints values of a SHA-512 cut to 256 bits (its erratum 4897 gives those below). The algorithm is
    /// SHA-512/256; the values were computed apart from this code.
    #[test]
    fn sha_512_256_is_not_a_shortened_sha_512() {
        let algorithm = Algorithm::Sha512_256;
        let (user, realm) = ("J\u{e4}s\u{f8}n Doe", "api@example.org");
        let userhash = "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b";
        assert_eq!(algorithm.userhash(user, realm).as_str(), userhash);
        let ha1 = algorithm.ha1(user, realm, "Secret, or not?");
        let ha2 = algorithm.ha2("GET", "/doe.json");
        let nonce = "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK";
        let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
        let found =
            algorithm.response_with_qop(ha1.as_str(), nonce, "00000001", cnonce, "auth", ha2.as_str());
        assert_eq!(found.as_str(), "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
    }

    #[test]
    fn the_examples_of_rfc_2617_and_rfc_8760_come_out() {
        let md5 = Algorithm::Md5;
        let ha1 = md5.ha1("Mufasa", "testrealm@host.com", "Circle Of Life");
        assert_eq!(ha1.as_str(), "939e7578ed9e3c518a452acee763bce9");
        let ha2 = md5.ha2("GET", "/dir/index.html");
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let with_qop =
            md5.response_with_qop(ha1.as_str(), nonce, "00000001", "0a4f113b", "auth", ha2.as_str());
        assert_eq!(with_qop.as_str(), "6629fae49393a05397450978507c4ef1");
        assert_eq!(
            md5.response(ha1.as_str(), nonce, ha2.as_str()).as_str(),
            "670fd8c2df070c60b045671b8b24ff02"
        );
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Algorithm::Sha256.hash(&[b""]).as_str(), empty);
        let by_hand = Algorithm::Sha256.hash(&[b"M", b"sip:a@b", empty.as_bytes()]);
        assert_eq!(Algorithm::Sha256.ha2_with_body("M", "sip:a@b", b"").as_str(), by_hand.as_str());
    }

    #[test]
    fn algorithms_are_named_by_their_tokens() {
        assert_eq!(Algorithm::of(None), Some((Algorithm::Md5, false)));
        assert_eq!(Algorithm::of(Some("md5-SESS")), Some((Algorithm::Md5, true)));
        assert_eq!(Algorithm::of(Some("SHA-512-256")), Some((Algorithm::Sha512_256, false)));
        assert_eq!(Algorithm::of(Some("SHA-512")), None);
        assert_eq!(Algorithm::of(Some("")), None);
    }

    #[test]
    fn secrets_are_equal_only_whole() {
        assert!(equal(b"abc", b"abc") && !equal(b"abc", b"abd") && !equal(b"abc", b"ab"));
    }
}
