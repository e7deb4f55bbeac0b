//! Nonces of our challenges: made without being remembered, and the counts of those that were used.

use std::collections::BTreeMap;

use core::time::Duration;

use crate::mac::{self, Mac};
use crate::time::Timestamp;

/// When it was made (milliseconds, 6 bytes) and what keeps it apart from others of that instant (6 bytes).
/// The order is that of making.
type Serial = [u8; 12];

const MAC_LENGTH: usize = 12;
const TEXT_LENGTH: usize = 2 * (12 + MAC_LENGTH);

/// Why a nonce does not serve; the answer is the same for all: a new one, with `stale=true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not made under our key: by somebody else, or before our key changed.
    Foreign,
    /// Its lifetime has passed, or we had to forget its counts.
    Expired,
    /// The count was used before, or lies too far behind.
    Counted,
}

/// Makes nonces and judges them. Only nonces that proved a user are remembered, at most `capacity` of them.
pub(super) struct Nonces {
    mac: Mac,
    lifetime: Duration,
    capacity: usize,
    made: u64,
    used: BTreeMap<Serial, Window>,
    /// The youngest whose counts were forgotten: all older ones that are not in `used` are taken as expired, since
    /// a replay could not be told from a first use.
    forgotten: Option<Serial>,
}

impl Nonces {
    pub(super) fn new(key: &[u8; 32], lifetime: Duration, capacity: usize) -> Self {
        Self {
            mac: Mac::new(key),
            lifetime,
            capacity: capacity.max(1),
            made: 0,
            used: BTreeMap::new(),
            forgotten: None,
        }
    }

    /// Takes other bounds. Counts that are kept stay, and what was forgotten by the old ones stays expired by the new.
    pub(super) fn reconfigure(&mut self, lifetime: Duration, capacity: usize) {
        self.lifetime = lifetime;
        self.capacity = capacity.max(1);
    }

    /// A new nonce. `salt` tells apart what several holders of one key make at one instant.
    pub(super) fn issue(&mut self, now: Timestamp, salt: &[u8]) -> String {
        self.made += 1;
        let mut serial = [0; 12];
        serial[..6].copy_from_slice(&now.as_millis().to_be_bytes()[2..]);
        let random =
            self.mac.code(&[b"salt", &now.as_millis().to_be_bytes(), &self.made.to_be_bytes(), salt]);
        serial[6..].copy_from_slice(&random[..6]);
        let mut text = String::with_capacity(TEXT_LENGTH);
        mac::push_hex(&mut text, &serial);
        mac::push_hex(&mut text, &self.code(&serial));
        text
    }

    /// Whether the nonce is ours, young, and not yet used with this count.
    pub(super) fn check(&self, now: Timestamp, nonce: &str, count: u32) -> Result<(), Unfit> {
        let serial = self.serial(nonce).ok_or(Unfit::Foreign)?;
        if made_at(&serial) + self.lifetime <= now {
            return Err(Unfit::Expired);
        }
        match self.used.get(&serial) {
            Some(window) if window.is_new(count) => Ok(()),
            Some(_) => Err(Unfit::Counted),
            None if self.forgotten.is_some_and(|forgotten| serial <= forgotten) => Err(Unfit::Expired),
            None if count == 0 => Err(Unfit::Counted),
            None => Ok(()),
        }
    }

    /// Notes the use of a nonce that `check` has found fit.
    pub(super) fn note(&mut self, now: Timestamp, nonce: &str, count: u32) {
        let Some(serial) = self.serial(nonce) else { return };
        self.used.entry(serial).or_default().note(count);
        while let Some(oldest) = self.used.first_entry() {
            let expired = made_at(oldest.key()) + self.lifetime <= now;
            if !expired && self.used.len() <= self.capacity {
                return;
            }
            let (serial, _) = self.used.pop_first().expect("the map has a first entry");
            self.forgotten = self.forgotten.max(Some(serial));
        }
    }

    fn serial(&self, nonce: &str) -> Option<Serial> {
        let mut bytes = [0; 12 + MAC_LENGTH];
        read_hex(nonce, &mut bytes)?;
        let (serial, code) = bytes.split_first_chunk().expect("the buffer is longer than a serial");
        sip::digest::equal(code, &self.code(serial)).then_some(*serial)
    }

    fn code(&self, serial: &Serial) -> [u8; MAC_LENGTH] {
        *self.mac.code(&[b"nonce", serial]).first_chunk().expect("32 bytes are more than 12")
    }
}

fn made_at(serial: &Serial) -> Timestamp {
    let mut millis = [0; 8];
    millis[2..].copy_from_slice(&serial[..6]);
    Timestamp::from_millis(u64::from_be_bytes(millis))
}

fn read_hex(text: &str, bytes: &mut [u8]) -> Option<()> {
    let digits = text.as_bytes();
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).expect("two digits are one byte");
    }
    Some(())
}

/// Which counts of one nonce were used: the highest, and the 64 below it. Requests of one client may overtake each
/// other by that much; what lies further behind is taken as used.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    highest: u32,
    /// Bit n: `highest - n` was used.
    seen: u64,
}

impl Window {
    fn is_new(self, count: u32) -> bool {
        if count > self.highest {
            return true;
        }
        let behind = self.highest - count;
        count > 0 && behind < u64::BITS && self.seen & (1 << behind) == 0
    }

    fn note(&mut self, count: u32) {
        if count > self.highest {
            self.seen = self.seen.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
        } else if self.highest - count < u64::BITS {
            self.seen |= 1 << (self.highest - count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn nonces(capacity: usize) -> Nonces {
        Nonces::new(&[7; 32], Duration::from_secs(300), capacity)
    }

    #[test]
    fn a_count_serves_once_in_any_order() {
        let mut nonces = nonces(10);
        let nonce = nonces.issue(NOW, b"");
        for count in [1, 3, 2, 70, 69, 7] {
            assert_eq!(nonces.check(NOW, &nonce, count), Ok(()), "{count}");
            nonces.note(NOW, &nonce, count);
            assert_eq!(nonces.check(NOW, &nonce, count), Err(Unfit::Counted), "{count}");
        }
        assert_eq!(nonces.check(NOW, &nonce, 6), Err(Unfit::Counted), "64 behind the highest");
        assert_eq!(nonces.check(NOW, &nonce, 0), Err(Unfit::Counted), "counts start at one");
        assert_eq!(nonces.check(NOW, &nonce, u32::MAX), Ok(()));
        nonces.note(NOW, &nonce, u32::MAX);
        assert_eq!(nonces.check(NOW, &nonce, u32::MAX), Err(Unfit::Counted));
    }

    #[test]
    fn a_nonce_lives_for_its_lifetime() {
        let mut nonces = nonces(10);
        let nonce = nonces.issue(NOW, b"");
        assert_eq!(nonces.check(NOW + Duration::from_millis(299_999), &nonce, 1), Ok(()));
        assert_eq!(nonces.check(NOW + Duration::from_secs(300), &nonce, 1), Err(Unfit::Expired));
    }

    #[test]
    fn every_digit_counts_and_every_key() {
        let mut ours = nonces(10);
        let nonce = ours.issue(NOW, b"");
        for at in 0..nonce.len() {
            let mut forged: Vec<u8> = nonce.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(ours.check(NOW, &forged, 1), Err(Unfit::Foreign), "{forged}");
        }
        for nonsense in ["", "0", &nonce[2..], "é", &"z".repeat(TEXT_LENGTH)] {
            assert_eq!(ours.check(NOW, nonsense, 1), Err(Unfit::Foreign));
        }
        let other = Nonces::new(&[8; 32], Duration::from_secs(300), 10);
        assert_eq!(other.check(NOW, &nonce, 1), Err(Unfit::Foreign));
        let same = nonces(10);
        assert_eq!(same.check(NOW, &nonce, 1), Ok(()), "holders of one key take each other's");
    }

    #[test]
    fn nonces_of_one_instant_differ() {
        let (mut one, mut other) = (nonces(10), nonces(10));
        let all = [one.issue(NOW, b"a"), one.issue(NOW, b"a"), other.issue(NOW, b"b")];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
    }

    #[test]
    fn what_was_forgotten_is_not_taken_for_new() {
        let mut nonces = nonces(2);
        let at = |second| NOW + Duration::from_secs(second);
        let all: Vec<String> = (0..4).map(|second| nonces.issue(at(second), b"")).collect();
        for nonce in &all[1..] {
            assert_eq!(nonces.check(at(4), nonce, 1), Ok(()));
            nonces.note(at(4), nonce, 1);
        }
        assert_eq!(nonces.used.len(), 2);
        assert_eq!(nonces.check(at(4), &all[1], 2), Err(Unfit::Expired), "forgotten");
        assert_eq!(nonces.check(at(4), &all[0], 1), Err(Unfit::Expired), "older than what was forgotten");
        assert_eq!(nonces.check(at(4), &all[2], 2), Ok(()));
        assert_eq!(nonces.check(at(4), &all[3], 1), Err(Unfit::Counted));
    }

    #[test]
    fn a_longer_lifetime_gives_no_used_nonce_a_second_one() {
        let mut nonces = nonces(10);
        let used = nonces.issue(NOW, b"");
        nonces.note(NOW, &used, 1);
        let later = NOW + Duration::from_secs(400);
        let young = nonces.issue(later, b"");
        nonces.note(later, &young, 1);
        assert_eq!(nonces.used.len(), 1, "the counts of the first are forgotten");
        nonces.reconfigure(Duration::from_secs(3600), 10);
        assert_eq!(nonces.check(later, &used, 1), Err(Unfit::Expired));
        assert_eq!(nonces.check(later, &young, 1), Err(Unfit::Counted));
        nonces.reconfigure(Duration::from_secs(60), 10);
        assert_eq!(nonces.check(later + Duration::from_secs(60), &young, 2), Err(Unfit::Expired));
    }

    #[test]
    fn expired_counts_are_dropped() {
        let mut nonces = nonces(100);
        let old = nonces.issue(NOW, b"");
        nonces.note(NOW, &old, 1);
        let later = NOW + Duration::from_secs(301);
        let young = nonces.issue(later, b"");
        nonces.note(later, &young, 1);
        assert_eq!(nonces.used.len(), 1);
    }
}
