//! The broker module, against a real RabbitMQ.

mod acks;
mod consuming;
mod delay_ladder;
mod event_stream;
pub(crate) mod fixture;
mod publishing;
mod recovery;
mod topology;
mod version;
