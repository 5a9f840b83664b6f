//! What the broker folder promises, against a real RabbitMQ.

pub mod bench;
mod consuming;
mod delaying;
mod following;
mod publishing;
mod recovery;
mod settling;
mod topology;
