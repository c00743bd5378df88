//! What a client may cost, over real connections: whatever is beyond is refused, and holds up nobody else.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use palisade_core::operation::CallKind;
use palisade_core::{Call, CallError, Handlers, OutsideHandler};
use palisade_gateway::Door;
use palisade_gateway::server::{Limits, serve};
use palisade_model::Value;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::kit::probe::{Probe, row};
use crate::kit::{Ask, HOME, Plan, World, http1, root};

const SHORT: Duration = Duration::from_millis(100);
/// Longer than any test should take; whoever waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a loopback port, until it is dropped.
struct Served {
    world: World,
    address: SocketAddr,
    _stop: watch::Sender<bool>,
}

impl Served {
    async fn new(limits: Limits) -> Self {
        Self::of(limits, Plan::default()).await
    }

    async fn of(limits: Limits, mut plan: Plan) -> Self {
        plan.settings.limits = limits;
        let world = World::of(plan).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopping) = watch::channel(false);
        let door = Arc::new(Door::new(world.gateway.clone(), None));
        tokio::spawn(serve(listener, None, door, stopping));
        Self {
            world,
            address,
            _stop: stop,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    /// Sends raw bytes and reads until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The server may close before it has read all.
        let _ = stream.write_all(bytes).await;
        until_closed(&mut stream).await
    }

    /// A signed call over a connection of its own.
    async fn call(&self) -> u16 {
        let answer = self.exchange(&self.signed_call().await).await;
        status(&answer)
    }

    /// GetCallerIdentity by the root as bytes of HTTP/1.1, closing after.
    async fn signed_call(&self) -> Vec<u8> {
        let input = json!({});
        let ask = Ask::new("sts", "GetCallerIdentity", &input);
        http1(self.world.signed(&root(HOME), &ask)).await
    }
}

async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset connection is closed, too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the server closes");
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> u16 {
    let word = answer.split(' ').nth(1).unwrap_or_default();
    word.parse().unwrap_or_default()
}

#[tokio::test]
async fn a_signed_call_is_answered() {
    let served = Served::new(Limits::default()).await;
    assert_eq!(served.call().await, 200);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let served = Served::new(Limits::default()).await;
    let long = "x".repeat(100 * 1024);
    let answer = served
        .exchange(format!("GET / HTTP/1.1\r\nhost: h\r\nx-long: {long}\r\n\r\n").as_bytes())
        .await;
    assert_eq!(status(&answer), 431, "{answer}");
    let many = "x: y\r\n".repeat(200);
    let answer = served
        .exchange(format!("GET / HTTP/1.1\r\nhost: h\r\n{many}\r\n").as_bytes())
        .await;
    assert_eq!(status(&answer), 431, "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let served = Served::new(Limits {
        head_time_max: SHORT,
        ..Limits::default()
    })
    .await;
    for start in [
        &b""[..],
        b"G",
        b"GET / HTTP/1.1\r\nhost: h\r\n",
        b"PRI * HTTP/2.0\r\n",
    ] {
        let mut stream = served.connect().await;
        stream.write_all(start).await.expect("it takes some");
        until_closed(&mut stream).await;
    }
    assert_eq!(served.call().await, 200);
}

#[tokio::test]
async fn a_body_that_is_too_long_or_too_slow_is_refused_in_the_protocols_form() {
    let served = Served::new(Limits {
        body_time_max: SHORT,
        ..Limits::default()
    })
    .await;
    let head = |length: usize| {
        format!(
            "POST / HTTP/1.1\r\nhost: kms.us-east-1.amazonaws.com\r\nconnection: close\r\n\
             x-amz-target: TrentService.ListKeys\r\ncontent-length: {length}\r\n\r\n{{"
        )
    };
    let long = served.exchange(head(11 << 20).as_bytes()).await;
    assert_eq!(status(&long), 413, "{long}");
    assert!(
        long.contains("RequestEntityTooLarge") && long.contains("__type"),
        "{long}"
    );
    let slow = served.exchange(head(100).as_bytes()).await;
    assert_eq!(status(&slow), 408, "{slow}");
    assert!(slow.contains("RequestTimeout"), "{slow}");
}

#[tokio::test]
async fn connections_beyond_the_bound_are_closed_and_the_others_served() {
    let served = Served::new(Limits {
        connections_max: 2,
        ..Limits::default()
    })
    .await;
    let held = [served.connect().await, served.connect().await];
    let mut third = served.connect().await;
    assert_eq!(until_closed(&mut third).await, "");
    drop(held);
    // Places are given back as soon as the server notices.
    while served.call().await != 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct NeverEnds;

impl OutsideHandler for NeverEnds {
    fn plan(&self, _: &mut Call<'_>, _: &Value) -> Result<Vec<u8>, CallError> {
        Ok(Vec::new())
    }

    fn perform(
        &self,
        _: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    fn finish(
        &self,
        _: &mut Call<'_>,
        _: Value,
        _: &[u8],
        _: Result<Vec<u8>, String>,
    ) -> Result<Value, CallError> {
        unreachable!("it never ends")
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_that() {
    let rows = vec![row("CreateKey", CallKind::Write, "kms:CreateKey")];
    let handlers = Handlers::new().on_outside("CreateKey", NeverEnds);
    let mut plan = Plan {
        services: vec![Probe::service("kms", rows, handlers)],
        ..Plan::default()
    };
    plan.settings.limits.request_time_max = SHORT;
    let world = World::of(plan).await;
    let reply = world.call(&root(HOME), "kms", "CreateKey", json!({})).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(!reply.request_id.is_nil());
}

#[tokio::test]
async fn a_header_that_may_come_once_may_not_come_twice() {
    let served = Served::new(Limits::default()).await;
    let call = String::from_utf8(served.signed_call().await).expect("text");
    for name in ["host", "authorization", "x-amz-date"] {
        let line = call
            .lines()
            .find(|line| line.starts_with(name))
            .expect("it is there");
        let twice = call.replacen(line, &format!("{line}\r\n{line}"), 1);
        let answer = served.exchange(twice.as_bytes()).await;
        assert_eq!(status(&answer), 400, "{name}: {answer}");
        assert!(
            answer.contains("<Code>InvalidRequest</Code>"),
            "{name}: {answer}"
        );
    }
}

#[tokio::test]
async fn http2_names_its_host_in_the_authority() {
    let served = Served::new(Limits::default()).await;
    let stream = TokioIo::new(served.connect().await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .expect("it speaks HTTP/2");
    tokio::spawn(connection);
    let input = json!({});
    let ask = Ask::new("sts", "GetCallerIdentity", &input);
    for (authority, expected) in [("127.0.0.1:4566", 200), ("another.example", 403)] {
        let mut request = served.world.signed(&root(HOME), &ask);
        request.headers_mut().remove("host");
        let uri = format!("http://{authority}{}", request.uri());
        *request.uri_mut() = uri.parse().expect("a URI");
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status().as_u16(), expected);
        let body = response
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        assert_eq!(
            String::from_utf8_lossy(&body).contains(HOME),
            expected == 200
        );
    }
}
