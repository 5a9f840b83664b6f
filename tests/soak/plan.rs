//! Everything that is drawn from the seed before it begins: the same seed is the same plan.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The dice of one part of the soak. Each part has its own, so that none depends on how fast
/// another one throws.
pub fn random(seed: u64, part: &str) -> StdRng {
    let part = part.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    StdRng::seed_from_u64(part)
}

/// So many moments within a span, in order: one at a random point of each equal part of it.
pub fn moments(random: &mut StdRng, count: u32, span: Duration) -> Vec<Duration> {
    let part = span / count.max(1);
    (0..count).map(|number| part * number + part.mul_f64(random.random())).collect()
}
