//! Mutations that respect the format of the inputs. Random bytes mostly break JSON and then test the
//! parser only. So every second mutation changes a value inside a JSON part.

use libfuzzer_sys::fuzzer_mutate;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::properties::{SEPARATOR, parts};

/// Texts with a meaning in some reply or message.
const WORDS: [&str; 36] = [
    "",
    "NONE",
    "success",
    "fail",
    "SUCCESS",
    "FAIL",
    "RUNNING",
    "WARNING",
    "PAUSE",
    "INIT",
    "new",
    "toaudit",
    "approved",
    "processing",
    "closed",
    "reject",
    "PUBLISHED",
    "AUDIT",
    "TO_AUDIT",
    "CANCEL",
    "true",
    "false",
    "0",
    "7",
    "-1",
    "9223372036854775807",
    "1e999",
    "é\u{1}\u{10ffff}",
    "9999-12-31T23:59:59Z",
    "-009999-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "2026-10-10 00:00:00",
    "2026-10-10 00:00:00.0",
    "[tk:0123456789ab]",
    "Throttling.User",
    "DLF.0810",
];

/// Changes the input in place and returns its new length.
pub fn mutate(bytes: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = StdRng::seed_from_u64(seed.into());
    if random.random_bool(0.5)
        && let Some(changed) = mutate_part(&bytes[..size], &mut random)
        && changed.len() <= max_size
    {
        bytes[..changed.len()].copy_from_slice(&changed);
        return changed.len();
    }
    fuzzer_mutate(bytes, size, max_size)
}

fn mutate_part(bytes: &[u8], random: &mut StdRng) -> Option<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = parts(bytes).into_iter().map(<[u8]>::to_vec).collect();
    let index = random.random_range(0..parts.len());
    match random.random_range(0..8) {
        // Whole replies are duplicated, removed or swapped.
        0 if parts.len() < 24 => parts.insert(index, parts[index].clone()),
        1 if parts.len() > 1 => drop(parts.remove(index)),
        2 => {
            let other = random.random_range(0..parts.len());
            parts.swap(index, other);
        }
        _ => {
            let part = &parts[index];
            let start = part.iter().position(|byte| *byte == b'{')?;
            let mut value: Value = serde_json::from_slice(&part[start..]).ok()?;
            for _ in 0..random.random_range(1..4) {
                let donor = value.clone();
                change(pick(&mut value, random), &donor, random);
            }
            let mut changed = part[..start].to_vec();
            changed.extend(value.to_string().into_bytes());
            parts[index] = changed;
        }
    }
    Some(parts.join(SEPARATOR))
}

/// A random value within this one.
fn pick<'a>(value: &'a mut Value, random: &mut StdRng) -> &'a mut Value {
    let count = match value {
        Value::Object(fields) => fields.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    };
    if count == 0 || random.random_bool(0.15) {
        return value;
    }
    let index = random.random_range(0..count);
    match value {
        Value::Object(fields) => pick(fields.values_mut().nth(index).unwrap(), random),
        Value::Array(items) => pick(&mut items[index], random),
        other => other,
    }
}

fn change(value: &mut Value, donor: &Value, random: &mut StdRng) {
    match random.random_range(0..8) {
        0 => *value = json!(WORDS.choose(random).unwrap()),
        1 => *value = number(random),
        2 => {
            *value = [json!(null), json!(true), json!(false), json!([]), json!({})]
                .choose(random)
                .unwrap()
                .clone()
        }
        3 => {
            let mut donor = donor.clone();
            *value = pick(&mut donor, random).take();
        }
        4 => *value = json!([value.take(), value.take()]),
        5 => {
            if let Value::String(text) = value {
                *text = text.repeat(random.random_range(2..600)).chars().take(3_000).collect();
            }
        }
        6 => match value {
            Value::Object(fields) if !fields.is_empty() => {
                let name = fields.keys().nth(random.random_range(0..fields.len())).unwrap().clone();
                let taken = fields.remove(&name);
                if random.random_bool(0.5) {
                    let other =
                        if random.random_bool(0.5) { name.to_lowercase() } else { name + "s" };
                    fields.insert(other, taken.unwrap_or_default());
                }
            }
            Value::Array(items) if !items.is_empty() => {
                items.remove(random.random_range(0..items.len()));
            }
            _ => {}
        },
        _ => match value {
            Value::Array(items) if items.len() < 64 => {
                let mut donor = donor.clone();
                items.push(pick(&mut donor, random).take());
            }
            Value::Number(found) => {
                let near = found.as_i64().unwrap_or(0).wrapping_add(random.random_range(-2..3));
                *value = json!(near);
            }
            _ => {}
        },
    }
}

fn number(random: &mut StdRng) -> Value {
    let known = [0, 1, -1, 3, 5, 9, 7, 17, 50, i64::MAX, i64::MIN, i64::from(u32::MAX)];
    match random.random_range(0..4) {
        0 => json!(random.random::<i64>() >> random.random_range(0..63)),
        1 => [json!(0.5), json!(-1e300), json!(u64::MAX)].choose(random).unwrap().clone(),
        _ => json!(known.choose(random).unwrap()),
    }
}
