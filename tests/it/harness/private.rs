//! A node with its own configuration and files.

use std::path::Path;

use tokio::task::spawn_blocking;

use crate::support::broker::software;
use crate::support::node::Node;

/// A node for one test with these configuration lines. It is removed on drop.
///
/// # Panics
/// If it cannot be started.
pub(crate) async fn own_node(configuration: impl FnOnce(&Path) -> String) -> Node {
    let folder = std::env::temp_dir().join(super::prefix());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("more.conf"), configuration(&folder)).unwrap();
    let software = software().await.unwrap();
    let started = spawn_blocking(move || Node::start(&software, folder, None));
    started.await.unwrap().unwrap_or_else(|error| panic!("no node for this test: {error:#}"))
}
