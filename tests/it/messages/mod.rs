//! Messages that are not valid jobs, replies, and messages without a route.

mod rejections;
mod replies;
mod unrouted;
