//! A conversation written as it is spoken: ask, read, ask again. It is replayed from its first
//! line with every new reply, and stops at the first question that has none yet.

use crate::cloud::protocol::{Next, Replies, Reply, Request};
use crate::job::{Answer, Failure};

/// Why a conversation stops before its end.
pub(super) enum Pause {
    /// This has to be sent first.
    Send(Box<Request>),
    /// The question can't be answered.
    Fail(Failure),
}

impl From<Failure> for Pause {
    fn from(failure: Failure) -> Self {
        Pause::Fail(failure)
    }
}

/// The replies that have not been read yet.
pub(super) struct Conversation<'a> {
    replies: std::slice::Iter<'a, Result<Reply, Failure>>,
}

impl<'a> Conversation<'a> {
    /// Asks; a failure ends the conversation with it.
    pub(super) fn ask(&mut self, request: Request) -> Result<&'a Reply, Pause> {
        self.try_ask(request)?.map_err(|failure| Pause::Fail(failure.clone()))
    }

    /// Asks; a failure is something to read, too.
    pub(super) fn try_ask(
        &mut self,
        request: Request,
    ) -> Result<Result<&'a Reply, &'a Failure>, Pause> {
        match self.replies.next() {
            Some(reply) => Ok(reply.as_ref()),
            None => Err(Pause::Send(Box::new(request))),
        }
    }
}

/// Takes a conversation as far as the replies go.
pub(super) fn converse<'a>(
    replies: Replies<'a>,
    speak: impl FnOnce(&mut Conversation<'a>) -> Result<Answer, Pause>,
) -> Result<Next, Failure> {
    match speak(&mut Conversation { replies: replies.iter() }) {
        Ok(answer) => Ok(Next::Tell(answer)),
        Err(Pause::Send(request)) => Ok(Next::Send(*request)),
        Err(Pause::Fail(failure)) => Err(failure),
    }
}
