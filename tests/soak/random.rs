//! Everything random is drawn from the seed before the soak starts: the same seed gives the same
//! plan.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The random numbers for one part of the soak. Each part has its own generator, so that none
/// depends on the speed of another part.
pub(crate) fn generator(seed: u64, part: &str) -> StdRng {
    let part = part.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    StdRng::seed_from_u64(part)
}

/// Times within a span, in order: a random time in each of `count` equal parts.
pub(crate) fn times(random: &mut StdRng, count: u32, span: Duration) -> Vec<Duration> {
    let part = span / count.max(1);
    (0..count).map(|number| part * number + part.mul_f64(random.random())).collect()
}
