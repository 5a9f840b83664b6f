//! What stands between a stranger and the clouds. Each of these fails when its guard is removed.

mod rights;
mod rotation;
mod tls;
mod users;
