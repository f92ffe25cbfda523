//! Broken bytes: whatever arrives, the answer is a value or a refusal, never a panic.

use outrigger_proto::prost::Message;

use super::messages::*;

/// A small generator with a fixed seed (Numerical Recipes' constants), so that a failure repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len().max(1));
        match random.below(4) {
            _ if bytes.is_empty() => bytes.push(random.below(256) as u8),
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes.truncate(at),
            2 => bytes.insert(at, random.below(256) as u8),
            _ => bytes[at] ^= 1 << random.below(8),
        }
    }
    bytes
}

#[test]
fn broken_bytes_never_panic() {
    let mut random = Random(20261120);
    let mut refused = 0;
    let mut each = |bytes: &[u8], read: &dyn Fn(&[u8]) -> bool| {
        assert!(read(bytes));
        for _ in 0..3000 {
            refused += u32::from(!read(&mutate(bytes, &mut random)));
        }
    };
    each(&listener().encode_to_vec(), &|bytes| crate::listener(bytes).is_ok());
    each(&routes().encode_to_vec(), &|bytes| crate::route(bytes).is_ok());
    each(&cluster().encode_to_vec(), &|bytes| crate::cluster(bytes).is_ok());
    each(&assignment().encode_to_vec(), &|bytes| crate::endpoints(bytes).is_ok());
    assert!(refused > 1000, "the bytes were hardly broken: {refused}");
}
