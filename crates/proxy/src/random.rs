//! Random numbers for balancing, shares and back-off: one generator per worker, a few cycles each.

use std::cell::Cell;

use rand::RngCore;

/// A generator that is shared by reference inside one worker (wyrand). Not for secrets.
pub struct Random(Cell<u64>);

impl Random {
    /// A generator with a seed from the operating system.
    pub fn new() -> Random {
        Random::seeded(rand::random())
    }

    /// A generator that gives the same numbers for the same seed.
    pub fn seeded(seed: u64) -> Random {
        Random(Cell::new(seed))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0xa076_1d64_78bd_642f);
        self.0.set(state);
        let product = u128::from(state) * u128::from(state ^ 0xe703_7ed1_a0b4_28db);
        (product >> 64) as u64 ^ product as u64
    }

    /// A number from 0 to `bound` - 1; 0 if `bound` is 0. Lemire's method; the bias is below 2^-32.
    pub fn below(&self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// Random bytes in the form of a version 4 UUID, e.g. for x-request-id.
    pub fn uuid(&self) -> [u8; 36] {
        let high = (self.next() & !0xf000) | 0x4000;
        let low = (self.next() & !(0xc0 << 56)) | (0x80 << 56);
        let bytes = (u128::from(high) << 64) | u128::from(low);
        let mut text = [b'-'; 36];
        let mut shift = 128;
        for (at, slot) in text.iter_mut().enumerate() {
            if !matches!(at, 8 | 13 | 18 | 23) {
                shift -= 4;
                *slot = b"0123456789abcdef"[(bytes >> shift) as usize & 0xf];
            }
        }
        text
    }
}

impl Default for Random {
    fn default() -> Self {
        Random::new()
    }
}

impl RngCore for &Random {
    fn next_u32(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.next()
    }

    fn fill_bytes(&mut self, into: &mut [u8]) {
        for chunk in into.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn numbers_below_a_bound_spread_evenly() {
        let random = Random::seeded(7);
        let mut seen = [0u32; 3];
        for _ in 0..30_000 {
            seen[random.below(3) as usize] += 1;
        }
        assert!(seen.iter().all(|n| (9_600..10_400).contains(n)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn a_uuid_says_version_4() {
        let uuid = Random::seeded(1).uuid();
        let text = std::str::from_utf8(&uuid).unwrap();
        assert_eq!((&text[14..15], text.len()), ("4", 36));
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"), "{text}");
        assert_eq!(text.matches('-').count(), 4);
    }
}
