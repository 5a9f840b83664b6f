#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use ticketd_fuzz::{mutation, properties};

fuzz_target!(|bytes: &[u8]| properties::check("wakeup", bytes));

fuzz_mutator!(|bytes: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutation::mutate(bytes, size, max_size, seed)
});
