//! A provider that answers from bytes, in a form people can read and mutations can't break.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use ticketd::cloud::http::{RawReply, Signed, Transport, TransportError};

/// What stands between the parts of an input.
pub const PART: &[u8] = b"\n===\n";

/// The parts of an input.
pub fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(PART.len()).position(|window| window == PART) {
        parts.push(&rest[..at]);
        rest = &rest[at + PART.len()..];
    }
    parts.push(rest);
    parts
}

/// Answers with one part after the other, and remembers whom it was asked to send to.
pub struct Script {
    replies: Mutex<VecDeque<Result<RawReply, TransportError>>>,
    again: bool,
    sent: Mutex<Vec<Signed>>,
}

impl Script {
    /// A script of these parts, from its beginning again when it is over if `again`.
    pub fn new(parts: &[&[u8]], again: bool) -> Self {
        let replies = parts.iter().map(|part| reply(part)).collect();
        Self { replies: Mutex::new(replies), again, sent: Mutex::default() }
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// The requests so far.
    pub fn sent(&self) -> Vec<Signed> {
        self.sent.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Signed) -> Result<RawReply, TransportError> {
        self.sent.lock().unwrap().push(request);
        let mut replies = self.replies.lock().unwrap();
        let next = replies.pop_front().unwrap_or_else(down);
        if self.again {
            replies.push_back(next.clone());
        }
        next
    }
}

fn down() -> Result<RawReply, TransportError> {
    Err(TransportError::NotSent { host: "h".into(), cause: "the script is over".into() })
}

/// `lost`, `down`, or a status, headers, an empty line and a body; anything else is a body.
pub fn reply(part: &[u8]) -> Result<RawReply, TransportError> {
    let (first, rest) = line(part);
    match first {
        b"lost" => Err(TransportError::Lost { host: "h".into(), cause: "timed out".into() }),
        b"down" => down(),
        _ => match std::str::from_utf8(first).ok().and_then(|text| text.parse().ok()) {
            Some(status) if (100..=599).contains(&status) => Ok(headed(status, rest)),
            _ => Ok(RawReply { status: 200, headers: Vec::new(), body: part.to_vec() }),
        },
    }
}

fn headed(status: u16, mut rest: &[u8]) -> RawReply {
    let mut headers = Vec::new();
    loop {
        let (first, below) = line(rest);
        let header = std::str::from_utf8(first).ok().and_then(|text| text.split_once(':'));
        match header {
            // What begins a body can't begin a header.
            Some((name, value)) if !name.starts_with(['{', '<', '[', '"']) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                rest = below;
            }
            _ => {
                let body = if first.is_empty() { below } else { rest };
                return RawReply { status, headers, body: body.to_vec() };
            }
        }
    }
}

fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}
