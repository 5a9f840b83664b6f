#![expect(clippy::unwrap_used, reason = "tests")]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const SETTINGS: HttpSettings =
    HttpSettings { connect_timeout: Duration::from_secs(2), timeout: Duration::from_millis(300) };

fn https() -> Https {
    crate::app::install_tls_provider();
    Https::new(SETTINGS).unwrap()
}

fn request(address: &str) -> Signed {
    Signed {
        method: Method::Post,
        url: format!("{address}/?Comment=a%20b~%2A").parse().unwrap(),
        headers: vec![("x-acs-action".into(), "CreateOrder".into())],
        body: b"PluginParam=1".to_vec(),
    }
}

/// Sends one request to a server that handles its one connection with `serve`.
async fn sent_to<F: Future<Output = ()> + Send>(
    scheme: &str,
    serve: impl FnOnce(TcpStream) -> F,
) -> Result<RawReply, TransportError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("{scheme}://{}", listener.local_addr().unwrap());
    let client = https();
    let sending = client.send(request(&address));
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream).await;
    };
    // The server may outlive the client's request.
    tokio::pin!(serving);
    tokio::pin!(sending);
    tokio::select! {
        reply = &mut sending => reply,
        () = &mut serving => sending.await,
    }
}

/// Reads the whole request.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"PluginParam=1") {
        let read = stream.read_buf(&mut text).await.unwrap();
        assert_ne!(read, 0, "the request ended early");
    }
    String::from_utf8(text).unwrap()
}

fn lost(result: Result<RawReply, TransportError>) -> String {
    match result {
        Err(TransportError::Lost { cause, .. }) => cause,
        other => panic!("expected a lost answer, got {other:?}"),
    }
}

fn not_sent(result: Result<RawReply, TransportError>) -> String {
    match result {
        Err(TransportError::NotSent { cause, .. }) => cause,
        other => panic!("expected a request that was not sent, got {other:?}"),
    }
}

#[tokio::test]
async fn a_request_is_sent_as_signed_and_its_reply_returned() {
    let reply = sent_to("http", async |mut stream| {
        let request = read_request(&mut stream).await;
        assert!(request.starts_with("POST /?Comment=a%20b~%2A HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("x-acs-action: CreateOrder\r\n"), "{request}");
        assert!(!request.contains("accept-encoding"), "{request}");
        let reply = b"HTTP/1.1 429 X\r\nX-Request-Id: r1\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(reply).await.unwrap();
    });
    let reply = reply.await.unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (429, b"{}".as_slice()));
    assert_eq!(reply.header("x-request-id"), Some("r1"));
}

#[tokio::test]
async fn a_refused_connection_means_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    not_sent(https().send(request(&address)).await);
}

#[tokio::test]
async fn a_host_that_does_not_resolve_means_not_sent() {
    let reply = https().send(request("http://no-such-host.invalid")).await;
    not_sent(reply);
}

#[tokio::test]
async fn a_failed_tls_handshake_means_not_sent() {
    let garbage = async |mut stream: TcpStream| {
        stream.write_all(b"HTTP/1.1 400 not TLS\r\n\r\n").await.unwrap();
    };
    not_sent(sent_to("https", garbage).await);
}

#[tokio::test]
async fn a_connection_closed_before_the_request_was_read_is_a_lost_answer() {
    lost(sent_to("http", async |stream| drop(stream)).await);
}

#[tokio::test]
async fn a_connection_closed_after_the_request_was_read_is_a_lost_answer() {
    let serve = async |mut stream: TcpStream| {
        read_request(&mut stream).await;
    };
    lost(sent_to("http", serve).await);
}

#[tokio::test]
async fn a_request_lost_on_a_reused_connection_is_not_repeated() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let client = https();
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        read_request(&mut stream).await;
        drop(stream);
        listener.accept().await.unwrap();
    };
    let sending = async {
        assert_eq!(client.send(request(&address)).await.unwrap().status, 200);
        client.send(request(&address)).await
    };
    tokio::select! {
        reply = sending => drop(lost(reply)),
        () = serving => panic!("the request was sent twice"),
    }
}

#[tokio::test]
async fn an_incomplete_body_is_a_lost_answer_with_any_status() {
    for status in ["200 OK", "429 Too Many Requests"] {
        let serve = async |mut stream: TcpStream| {
            read_request(&mut stream).await;
            let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 100\r\n\r\n{{\"Suc");
            stream.write_all(reply.as_bytes()).await.unwrap();
        };
        lost(sent_to("http", serve).await);
    }
}

#[tokio::test]
async fn a_timeout_before_the_reply_is_a_lost_answer() {
    let serve = async |mut stream: TcpStream| {
        read_request(&mut stream).await;
        std::future::pending::<()>().await;
    };
    assert_eq!(lost(sent_to("http", serve).await), "timed out");
}

#[tokio::test]
async fn a_timeout_within_the_body_is_a_lost_answer() {
    let serve = async |mut stream: TcpStream| {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
        std::future::pending::<()>().await;
    };
    assert_eq!(lost(sent_to("http", serve).await), "timed out");
}

#[tokio::test]
async fn an_invalid_http_reply_is_a_lost_answer() {
    let serve = async |mut stream: TcpStream| {
        read_request(&mut stream).await;
        stream.write_all(b"\x00\x01 not a reply\r\n\r\n").await.unwrap();
    };
    lost(sent_to("http", serve).await);
}

#[tokio::test]
async fn a_reply_above_the_size_limit_is_a_lost_answer() {
    let serve = async |mut stream: TcpStream| {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        // Fails once the client hangs up.
        while stream.write_all(&[b' '; 1 << 16]).await.is_ok() {}
    };
    assert!(lost(sent_to("http", serve).await).contains("longer than"));
}

#[tokio::test]
async fn a_redirect_is_returned_and_not_followed() {
    let serve = async |mut stream: TcpStream| {
        read_request(&mut stream).await;
        let reply = b"HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(reply).await.unwrap();
    };
    assert_eq!(sent_to("http", serve).await.unwrap().status, 307);
}

#[test]
fn debug_output_of_a_request_has_no_headers_query_or_body() {
    let shown = format!("{:?}", request("https://dms-enterprise.aliyuncs.com"));
    assert_eq!(shown, "Signed(Post dms-enterprise.aliyuncs.com/)");
}
