//! A provider whose replies are the parts of an input, in a readable format in which every mutation is
//! valid.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use ticketd::cloud::http::{RawReply, Signed, Transport, TransportError};

/// Separates the parts of an input.
pub(crate) const SEPARATOR: &[u8] = b"\n===\n";

/// The parts of an input.
pub(crate) fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
        parts.push(&rest[..at]);
        rest = &rest[at + SEPARATOR.len()..];
    }
    parts.push(rest);
    parts
}

/// Replies with one part after the other, and records the requests.
pub(super) struct ScriptedProvider {
    replies: Mutex<VecDeque<Result<RawReply, TransportError>>>,
    repeat: bool,
    sent: Mutex<Vec<Signed>>,
}

impl ScriptedProvider {
    /// `repeat` starts again with the first part after the last one.
    pub(super) fn new(parts: &[&[u8]], repeat: bool) -> Self {
        let replies = parts.iter().map(|part| reply(part)).collect();
        Self { replies: Mutex::new(replies), repeat, sent: Mutex::default() }
    }

    /// Number of requests so far.
    pub(super) fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    /// The requests so far.
    pub(super) fn sent(&self) -> Vec<Signed> {
        self.sent.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for ScriptedProvider {
    async fn send(&self, request: Signed) -> Result<RawReply, TransportError> {
        self.sent.lock().unwrap().push(request);
        let mut replies = self.replies.lock().unwrap();
        let next = replies.pop_front().unwrap_or_else(not_sent);
        if self.repeat {
            replies.push_back(next.clone());
        }
        next
    }
}

fn not_sent() -> Result<RawReply, TransportError> {
    Err(TransportError::NotSent { host: "h".into(), cause: "no reply is left".into() })
}

/// Parses `lost`, `down`, or a status with headers, an empty line and a body. Anything else is a body.
pub(super) fn reply(part: &[u8]) -> Result<RawReply, TransportError> {
    let (first, rest) = line(part);
    match first {
        b"lost" => Err(TransportError::Lost { host: "h".into(), cause: "timed out".into() }),
        b"down" => not_sent(),
        _ => match std::str::from_utf8(first).ok().and_then(|text| text.parse().ok()) {
            Some(status) if (100..=599).contains(&status) => Ok(with_headers(status, rest)),
            _ => Ok(RawReply { status: 200, headers: Vec::new(), body: part.to_vec() }),
        },
    }
}

fn with_headers(status: u16, mut rest: &[u8]) -> RawReply {
    let mut headers = Vec::new();
    loop {
        let (first, below) = line(rest);
        let header = std::str::from_utf8(first).ok().and_then(|text| text.split_once(':'));
        match header {
            // These characters start a body.
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
