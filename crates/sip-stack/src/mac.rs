//! Keyed hashing: HMAC-SHA-256 (RFC 2104), and unguessable numbers that follow from a seed.

use sha2::{Digest, Sha256};

/// HMAC-SHA-256 under one key, with the key's two blocks hashed in advance.
#[derive(Clone)]
pub(crate) struct Mac {
    inner: Sha256,
    outer: Sha256,
}

impl Mac {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut inner_block = [0x36; 64];
        let mut outer_block = [0x5c; 64];
        for (index, byte) in key.iter().enumerate() {
            inner_block[index] ^= byte;
            outer_block[index] ^= byte;
        }
        Self {
            inner: Sha256::new().chain_update(inner_block),
            outer: Sha256::new().chain_update(outer_block),
        }
    }

    /// The code of the parts, one after the other. Parts of variable length belong last, or next to their length.
    pub(crate) fn code(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut inner = self.inner.clone();
        parts.iter().for_each(|part| inner.update(part));
        self.outer.clone().chain_update(inner.finalize()).finalize().into()
    }
}

/// Adds bytes as lower-case hexadecimal digits.
pub(crate) fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).expect("four bits are one digit"));
        }
    }
}

/// A stream of unguessable numbers that follows from its seed alone: tags (RFC 3261 §19.3), branches, Call-IDs, cnonces
/// and jitter.
#[derive(Clone)]
pub struct Random {
    mac: Mac,
    counter: u64,
}

impl Random {
    /// The stream of `seed`. Two streams with one seed are alike.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { mac: Mac::new(&seed), counter: 0 }
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        self.counter += 1;
        let code = self.mac.code(&[&self.counter.to_be_bytes()]);
        u64::from_be_bytes([code[0], code[1], code[2], code[3], code[4], code[5], code[6], code[7]])
    }

    /// The next number in `0..bound`; 0 for an empty range.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.number()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("the upper half of a product of two u64 fits")
    }

    /// The next 64 bits as 16 lower-case hexadecimal digits: a token wherever SIP asks for one.
    pub fn token(&mut self) -> String {
        format!("{:016x}", self.number())
    }
}

impl core::fmt::Debug for Random {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Random").field("counter", &self.counter).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_another_implementation() {
        // Reference value of Python's hmac: key of bytes 0 to 31, data "what do ya want for nothing?".
        let key = core::array::from_fn(|index| u8::try_from(index).unwrap());
        let code = Mac::new(&key).code(&[b"what do ya want ", b"for nothing?"]);
        let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "099805f4ac310786968565c098db515cc50862b420ae31e20238312344bed36a");
    }

    #[test]
    fn one_seed_gives_one_stream() {
        let (mut one, mut same, mut other) =
            (Random::new([1; 32]), Random::new([1; 32]), Random::new([2; 32]));
        let first: Vec<u64> = (0..8).map(|_| one.number()).collect();
        assert_eq!(first, (0..8).map(|_| same.number()).collect::<Vec<_>>());
        assert_ne!(first, (0..8).map(|_| other.number()).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        let mut random = Random::new([3; 32]);
        assert!((0..1000).all(|_| random.below(7) < 7));
        assert_eq!(random.below(0), 0);
        assert_eq!((0..100).map(|_| random.below(3)).collect::<std::collections::BTreeSet<_>>().len(), 3);
    }
}
