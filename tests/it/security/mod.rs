//! Access control. Each of these tests fails if its check is removed.

mod rights;
mod rotation;
mod tls;
mod users;
