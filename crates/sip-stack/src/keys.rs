//! Seeds and hashers: randomness is handed in, and tables whose keys peers choose are keyed.

use core::hash::{BuildHasher, Hasher};

/// 256 random bits that a machine is born with; everything unpredictable in it grows from here.
#[derive(Clone, Copy)]
pub struct Seed(pub [u8; 32]);

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed(..)") // a secret: nonces and tags grow from it
    }
}

impl Seed {
    /// A seed for another purpose, independent of this one for all that a peer can see.
    pub fn derive(&self, purpose: &str) -> Self {
        let mut bytes = [0; 32];
        for (index, chunk) in bytes.chunks_exact_mut(8).enumerate() {
            let (high, low) = self.pair();
            let mut hash = siphasher::sip::SipHasher24::new_with_keys(high, low);
            hash.write(&self.0[16..]);
            hash.write(purpose.as_bytes());
            hash.write_usize(index);
            chunk.copy_from_slice(&hash.finish().to_le_bytes());
        }
        Self(bytes)
    }

    /// Two words to key a hash with.
    pub fn pair(&self) -> (u64, u64) {
        (self.word(0), self.word(1))
    }

    fn word(&self, index: usize) -> u64 {
        let mut word = [0; 8];
        word.copy_from_slice(&self.0[index * 8..index * 8 + 8]);
        u64::from_le_bytes(word)
    }
}

/// Unpredictable numbers from a seed: a counter through a keyed hash. Reproducible, cheap, not for keys.
#[derive(Debug)]
pub struct Random {
    seed: Seed,
    drawn: u64,
}

impl Random {
    /// Starts the sequence of this seed.
    pub fn new(seed: Seed) -> Self {
        Self { seed, drawn: 0 }
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let (high, low) = self.seed.pair();
        let mut hash = siphasher::sip::SipHasher13::new_with_keys(high, low);
        hash.write_u64(self.drawn);
        hash.finish()
    }
}

/// For keys that already are keyed hashes or our own random numbers: the low bits as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdentityHash;

impl BuildHasher for IdentityHash {
    type Hasher = IdentityHasher;

    fn build_hasher(&self) -> IdentityHasher {
        IdentityHasher(0)
    }
}

/// See [`IdentityHash`].
#[derive(Debug)]
pub struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = number as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
