//! Reads a broker's version from its first AMQP frame, which lapin does not expose.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// Limit of a plausible version, in bytes.
const MAX_VERSION: usize = 64;

/// Limit until a broker answers.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Waits until a broker answers.
pub(crate) async fn answers(url: &str) -> anyhow::Result<()> {
    let answered = async {
        while version(url).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(TIMEOUT, answered).await.context("the broker did not come back within a minute")
}

/// The version in a broker's `connection.start`, such as `4.0.5`.
pub(crate) async fn version(url: &str) -> anyhow::Result<String> {
    let url = Url::parse(url).context("the broker's URL can't be read")?;
    if url.scheme() != "amqp" {
        bail!("the tests speak plain amqp://, not {}://", url.scheme());
    }
    let address = (url.host_str().unwrap_or("127.0.0.1"), url.port().unwrap_or(5672));
    let mut stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("nothing answers at {}:{}", address.0, address.1))?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;

    // A frame starts with its type, its channel (2 bytes) and its length (4 bytes).
    let mut head = [0; 7];
    stream.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    ensure!(head[0] == 1 && length < 65_536, "what answers there is no AMQP 0-9-1 broker");
    let mut start = vec![0; length];
    stream.read_exact(&mut start).await?;
    version_in(&start).context("the broker does not say its version")
}

/// Finds the long string `version` in the server's properties.
fn version_in(start: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\x07versionS";
    let at = start.windows(KEY.len()).position(|bytes| bytes == KEY)? + KEY.len();
    let length = u32::from_be_bytes(start.get(at..at + 4)?.try_into().ok()?) as usize;
    let text = start.get(at + 4..at + 4 + length.min(MAX_VERSION))?;
    String::from_utf8(text.to_vec()).ok()
}
