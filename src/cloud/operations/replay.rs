//! Requests and replies as values: a method reads top to bottom and stops at the first request
//! that has no reply yet. Sending is the caller's.

use crate::cloud::request::{Reply, Request};
use crate::job::Failure;

/// A method's value, or why it stops before its end.
pub type Replayed<T> = Result<T, Suspend>;

/// Why a method stops before its end.
#[derive(Clone, Debug, PartialEq)]
pub enum Suspend {
    /// Send this request, then run the method again with the reply added.
    Send(Box<Request>),
    /// The question failed.
    Fail(Failure),
}

impl From<Failure> for Suspend {
    fn from(failure: Failure) -> Self {
        Suspend::Fail(failure)
    }
}

/// Hands a method the replies to its requests, oldest first.
#[derive(Debug)]
pub struct Replay<'a> {
    replies: std::slice::Iter<'a, Result<Reply, Failure>>,
}

impl<'a> Replay<'a> {
    pub fn new(replies: &'a [Result<Reply, Failure>]) -> Self {
        Self { replies: replies.iter() }
    }

    /// The reply to a request. A failed request fails the question.
    pub fn send(&mut self, request: Request) -> Replayed<&'a Reply> {
        self.try_send(request)?.map_err(|failure| Suspend::Fail(failure.clone()))
    }

    /// The reply to a request, or its failure.
    pub fn try_send(&mut self, request: Request) -> Replayed<Result<&'a Reply, &'a Failure>> {
        match self.replies.next() {
            Some(reply) => Ok(reply.as_ref()),
            None => Err(Suspend::Send(Box::new(request))),
        }
    }
}
