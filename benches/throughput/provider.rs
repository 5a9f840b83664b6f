//! A provider in this process that answers every CreateOrder at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use ticketd::cloud::http::{RawReply, Signed, Transport, TransportError};

#[derive(Debug, Default)]
pub(crate) struct Provider {
    tickets: AtomicUsize,
}

impl Provider {
    /// Number of tickets created.
    pub(crate) fn tickets(&self) -> usize {
        self.tickets.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Transport for Provider {
    async fn send(&self, _request: Signed) -> Result<RawReply, TransportError> {
        let number = 1 + self.tickets.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            r#"{{"RequestId":"0C1CB646-1DE4-4AD0-B4A4-{number:012X}","Success":true,"CreateOrderResult":{{"CreateOrderResult":[{number}]}}}}"#
        );
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(RawReply { status: 200, headers, body: body.into_bytes() })
    }
}
