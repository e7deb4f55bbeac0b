//! Server side of the non-INVITE transaction: requests seen before get the same answer again.

use core::hash::Hasher;
use core::time::Duration;
use std::collections::HashMap;
use std::collections::VecDeque;

use sip::{Message, Name, Via};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::keys::{IdentityHash, Seed};
use crate::time::Timestamp;

/// 64*T1: how long an answer over an unreliable transport is kept (timer J), RFC 3261 §17.2.2.
pub const TIMER_J: Duration = Duration::from_secs(32);

/// What makes two requests the same one: branch, sent-by and method, RFC 3261 §17.2.3.
///
/// A keyed 128-bit hash: a peer cannot find two requests that collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionKey(u128);

impl TransactionKey {
    /// A tag for the To header field of an answer that keeps no state: the same for each retransmission,
    /// RFC 3261 §8.2.7.
    pub fn stateless_tag(self) -> StatelessTag {
        let mut text = [b's'; 17];
        let mut number = self.0 as u64;
        for digit in text[1..].iter_mut().rev() {
            *digit = b"0123456789abcdef"[(number & 15) as usize];
            number >>= 4;
        }
        StatelessTag(text)
    }
}

/// See [`TransactionKey::stateless_tag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatelessTag([u8; 17]);

impl StatelessTag {
    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

/// The final answers of the last 32 seconds, by transaction.
///
/// Answers lie one after another in chunks that are dropped whole, oldest first: after timer J, or earlier when
/// `limit` octets are reached. A request retransmitted after that is handled anew.
#[derive(Debug)]
pub struct ServerTransactions {
    seed: Seed,
    limit: usize,
    kept: usize,
    /// Number of the first chunk in `chunks`.
    first: u32,
    chunks: VecDeque<Chunk>,
    /// The memory of a chunk that was dropped, for the next one.
    spare: Option<Chunk>,
    places: HashMap<u128, Place, IdentityHash>,
}

#[derive(Debug)]
struct Chunk {
    opened: Timestamp,
    newest: Timestamp,
    bytes: Vec<u8>,
    keys: Vec<u128>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    chunk: u32,
    start: u32,
    end: u32,
    until: Timestamp,
}

const CHUNK: usize = 256 * 1024;
const CHUNK_SPAN: Duration = Duration::from_secs(2);

impl ServerTransactions {
    /// Keeps at most about `limit` octets of answers.
    pub fn new(seed: Seed, limit: usize) -> Self {
        Self {
            seed,
            limit,
            kept: 0,
            first: 0,
            chunks: VecDeque::new(),
            spare: None,
            places: HashMap::with_hasher(IdentityHash),
        }
    }

    /// The transaction that a request belongs to, RFC 3261 §17.2.3; `via` is its topmost Via.
    ///
    /// Without the magic cookie in the branch, the older rule applies: Request-URI, tags, Call-ID and CSeq count too.
    pub fn key(&self, request: &Message<'_>, via: &Via<'_>) -> TransactionKey {
        self.key_as(request.method().map_or("", |method| method.as_str()), request, via)
    }

    /// Whether a CANCEL means a request that is answered already, RFC 3261 §9.2: all but the method is the same.
    pub fn cancels(&self, now: Timestamp, cancel: &Message<'_>, via: &Via<'_>) -> bool {
        ["PUBLISH", "SUBSCRIBE", "OPTIONS"]
            .iter()
            .any(|method| self.find(now, self.key_as(method, cancel, via)).is_some())
    }

    fn key_as(&self, method: &str, request: &Message<'_>, via: &Via<'_>) -> TransactionKey {
        let (high, low) = self.seed.pair();
        let mut hash = SipHasher13::new_with_keys(high, low);
        let branch = via.branch().unwrap_or_default();
        put(&mut hash, branch);
        put(&mut hash, method);
        // Protocol and sent-by, as written: a retransmission is the same octets.
        let field = request.get(Name::Via).unwrap_or_default();
        let sent_by = field.bytes().position(|byte| byte == b';').unwrap_or(field.len());
        put(&mut hash, &field[..sent_by]);
        if !via.has_cookie() {
            put(&mut hash, request.uri().unwrap_or_default());
            for name in [Name::To, Name::From, Name::CallId, Name::CSeq] {
                put(&mut hash, request.get(name).unwrap_or_default());
            }
        }
        TransactionKey(hash.finish128().as_u128())
    }

    /// The answer given to this transaction, if it is still kept.
    pub fn find(&self, now: Timestamp, key: TransactionKey) -> Option<&[u8]> {
        let place = self.places.get(&key.0).filter(|place| now < place.until)?;
        let chunk = self.chunks.get(place.chunk.wrapping_sub(self.first) as usize)?;
        chunk.bytes.get(place.start as usize..place.end as usize)
    }

    /// Keeps the final answer of a transaction until timer J ends.
    pub fn keep(&mut self, now: Timestamp, key: TransactionKey, answer: &[u8]) {
        if answer.len() > self.limit {
            return;
        }
        self.expire(now);
        let full =
            |chunk: &Chunk| chunk.bytes.len() + answer.len() > CHUNK || now.since(chunk.opened) > CHUNK_SPAN;
        if self.chunks.back().is_none_or(full) {
            while self.kept + CHUNK.max(answer.len()) > self.limit && !self.chunks.is_empty() {
                self.drop_oldest();
            }
            let (mut bytes, mut keys) =
                self.spare.take().map_or_else(Default::default, |spare| (spare.bytes, spare.keys));
            bytes.clear();
            keys.clear();
            self.chunks.push_back(Chunk { opened: now, newest: now, bytes, keys });
        }
        let number =
            self.first.wrapping_add(u32::try_from(self.chunks.len() - 1).expect("limit / CHUNK is small"));
        let chunk = self.chunks.back_mut().expect("pushed above if there was none");
        let start = chunk.bytes.len();
        chunk.bytes.extend_from_slice(answer);
        chunk.keys.push(key.0);
        chunk.newest = now;
        self.kept += answer.len();
        let place = Place {
            chunk: number,
            start: u32::try_from(start).expect("below CHUNK or one answer"),
            end: u32::try_from(start + answer.len()).expect("a message is shorter than 4 GiB"),
            until: now + TIMER_J,
        };
        self.places.insert(key.0, place);
    }

    /// How many answers are kept.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Forgets what timer J has ended.
    pub fn expire(&mut self, now: Timestamp) {
        while self.chunks.front().is_some_and(|chunk| chunk.newest + TIMER_J <= now) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(chunk) = self.chunks.pop_front() else { return };
        for key in &chunk.keys {
            if self.places.get(key).is_some_and(|place| place.chunk == self.first) {
                self.places.remove(key);
            }
        }
        self.kept -= chunk.bytes.len();
        self.spare = Some(chunk);
        self.first = self.first.wrapping_add(1);
    }
}

/// A tag for the To header field of an answer to a request that no transaction can be made for: it follows from what the
/// client chose for this request, so that a retransmission gets it again and no other request does, RFC 3261 §8.2.7.
pub fn stateless_tag(request: &Message<'_>) -> String {
    let mut hash = SipHasher13::new();
    for name in [Name::Via, Name::From, Name::CallId, Name::CSeq] {
        put(&mut hash, request.get(name).unwrap_or_default());
    }
    format!("d{:016x}", hash.finish())
}

fn put(hash: &mut SipHasher13, text: &str) {
    hash.write(text.as_bytes());
    hash.write_u8(0xff); // never a byte of UTF-8: texts cannot run into each other
}

#[cfg(test)]
mod tests {
    use sip::Limits;

    use super::*;

    fn key(table: &ServerTransactions, branch: &str, cseq: u32) -> TransactionKey {
        let text = format!(
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h:5060;branch={branch}\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:h>\r\n\
             Call-ID: c\r\nCSeq: {cseq} OPTIONS\r\n\r\n"
        );
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        table.key(&message, &Via::parse_first(message.get(Name::Via).unwrap()).unwrap().0)
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1000 + secs)
    }

    #[test]
    fn the_answer_is_kept_for_timer_j() {
        let mut table = ServerTransactions::new(Seed([1; 32]), 1 << 20);
        let one = key(&table, "z9hG4bKone", 1);
        table.keep(at(0), one, b"first");
        assert_eq!(table.find(at(31), one), Some(&b"first"[..]));
        assert_eq!(table.find(at(32), one), None);
        assert_eq!(table.find(at(1), key(&table, "z9hG4bKtwo", 1)), None);
        table.expire(at(40));
        assert!(table.is_empty());
    }

    #[test]
    fn with_the_cookie_only_branch_sent_by_and_method_count() {
        let table = ServerTransactions::new(Seed([1; 32]), 1 << 20);
        assert_eq!(key(&table, "z9hG4bKone", 1), key(&table, "z9hG4bKone", 2));
        assert_ne!(key(&table, "one", 1), key(&table, "one", 2));
    }

    #[test]
    fn a_tag_without_a_transaction_is_that_of_its_request_alone() {
        let tag = |branch: &str, call_id: &str| {
            let text = format!(
                "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch={branch}\r\nFrom: <sip:b\r\n{call_id}\r\n\r\n"
            );
            stateless_tag(&Message::parse(text.as_bytes(), &Limits::default()).unwrap())
        };
        assert_eq!(tag("z9hG4bKone", "Call-ID: c"), tag("z9hG4bKone", "Call-ID: c"));
        assert_ne!(tag("z9hG4bKone", "Call-ID: c"), tag("z9hG4bKtwo", "Call-ID: c"));
        assert_ne!(tag("z9hG4bKone", "Call-ID: c"), tag("z9hG4bKone", "Call-ID: d"));
    }

    #[test]
    fn the_oldest_are_forgotten_at_the_limit() {
        let mut table = ServerTransactions::new(Seed([1; 32]), 2 * CHUNK);
        let answer = vec![7; CHUNK / 4];
        let keys: Vec<_> = (0..40).map(|number| key(&table, &format!("z9hG4bK{number}"), 1)).collect();
        for key in &keys {
            table.keep(at(0), *key, &answer);
        }
        assert!(table.len() <= 8, "{}", table.len());
        assert_eq!(table.find(at(0), keys[39]), Some(&answer[..]));
        assert_eq!(table.find(at(0), keys[0]), None);
    }
}
