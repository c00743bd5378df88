//! A client's connection that speaks HTTP/2: hyper reads its frames, and each request goes the way of the others.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;

use crate::client::Peer;
use crate::edge::{Answer, Edge};
use crate::framing::{self, Framing};
use crate::head::RequestHead;
use crate::hold::Body;
use crate::message::{self, Own};
use crate::refusal::Refusal;
use crate::upstream::Relay;
use crate::wire::{Stream, WireError};

/// Requests of a connection at once.
const STREAMS_MAX: u32 = 100;
/// Bytes of bodies that a client may send before they are asked for: of one request, of a connection.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;

/// Answers the requests of a connection until it ends, is idle for too long, or `stop` turns true.
pub async fn serve<S: Stream + 'static>(
    stream: S,
    peer: Peer,
    edge: Arc<Edge>,
    mut stop: watch::Receiver<bool>,
) {
    let limits = edge.limits();
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(Some(Duration::from_secs(20)));
    let (activity, peer) = (Arc::new(Activity::default()), Arc::new(peer));
    let service = service_fn(|request| {
        let (peer, edge) = (Arc::clone(&peer), Arc::clone(&edge));
        let running = Running::begin(&activity);
        async move {
            let response = answer(request, &peer, &edge).await;
            drop(running);
            Ok::<_, Infallible>(response)
        }
    });
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    // A broken connection is the client's affair: nobody is left to tell.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = activity.idle(limits.idle_time_max) => {}
        _ = stop.wait_for(|stopping| *stopping) => {}
    }
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}

/// The requests of a connection: how many began, how many run.
#[derive(Debug, Default)]
struct Activity {
    begun: AtomicUsize,
    running: AtomicUsize,
}

struct Running(Arc<Activity>);

impl Running {
    fn begin(activity: &Arc<Activity>) -> Running {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        activity.running.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(activity))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Activity {
    /// Ends when no request has begun for so long, and none runs.
    async fn idle(&self, time_max: Duration) {
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            tokio::time::sleep(time_max).await;
            let none_begun = self.begun.load(Ordering::Relaxed) == before;
            if none_begun && self.running.load(Ordering::Relaxed) == 0 {
                return;
            }
        }
    }
}

async fn answer(request: Request<Incoming>, peer: &Peer, edge: &Edge) -> Response<Outgoing> {
    match read_and_answer(request, peer, edge).await {
        Ok(response) => response,
        Err(error) => {
            edge.metrics().refused.fetch_add(1, Ordering::Relaxed);
            let status = match error {
                WireError::Refused(refusal) => refusal.status(),
                WireError::Io(_) => 400,
            };
            let id = uuid::Uuid::now_v7().to_string();
            tracing::debug!(request = id, client = %peer.address, reason = %error, "refused");
            own(Own::plain(status, &id))
        }
    }
}

async fn read_and_answer(
    request: Request<Incoming>,
    peer: &Peer,
    edge: &Edge,
) -> Result<Response<Outgoing>, WireError> {
    let (parts, incoming) = request.into_parts();
    let head = head(&parts, edge.limits().fields_max)?;
    let framing = match framing::of_request(&head)? {
        Framing::Empty if !incoming.is_end_stream() => Framing::Chunked,
        Framing::Length(_) if incoming.is_end_stream() => return Err(Refusal::Truncated.into()),
        framing => framing,
    };
    let mut body = StreamBody { incoming, framing };
    Ok(match edge.answer(&head, &mut body, peer).await? {
        Answer::Own(answer) => own(answer),
        Answer::Relay(answer) => relay(*answer),
        // No request of HTTP/2 asks for it.
        Answer::Switch(..) => own(Own::plain(502, "")),
    })
}

/// The request's head in the form of HTTP/1: one host, one cookie field, and the rest as it came.
fn head(parts: &http::request::Parts, fields_max: usize) -> Result<RequestHead, Refusal> {
    let authority = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let mut fields: Vec<(&[u8], &[u8])> = authority
        .map(|host| (&b"host"[..], host))
        .into_iter()
        .collect();
    let mut cookies = Vec::new();
    for (name, value) in &parts.headers {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        match name {
            b"cookie" => cookies.push(value),
            // A second one that says the same is let pass; one that does not makes two, which are refused.
            b"host" if authority.is_some_and(|authority| authority.eq_ignore_ascii_case(value)) => {
            }
            b"connection" | b"transfer-encoding" | b"upgrade" | b"keep-alive"
            | b"proxy-connection" => return Err(Refusal::FieldName),
            _ => fields.push((name, value)),
        }
    }
    // RFC 9113, 8.2.3.
    let cookie = cookies.join(&b"; "[..]);
    if !cookies.is_empty() {
        fields.push((b"cookie", &cookie));
    }
    RequestHead::build(
        parts.method.as_str().as_bytes(),
        target.as_bytes(),
        fields.into_iter(),
        fields_max,
    )
}

/// The body of a request on its stream.
struct StreamBody {
    incoming: Incoming,
    framing: Framing,
}

impl Body for StreamBody {
    fn framing(&self) -> Framing {
        self.framing
    }

    async fn next(&mut self) -> Result<Option<Bytes>, WireError> {
        loop {
            match self.incoming.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(io::Error::other(error).into()),
                Some(Ok(frame)) => {
                    // Trailers are dropped.
                    if let Ok(data) = frame.into_data()
                        && !data.is_empty()
                    {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

fn own(own: Own) -> Response<Outgoing> {
    let fields = own
        .fields
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let body = if own.status == 204 {
        Bytes::new()
    } else {
        own.body.clone()
    };
    response(own.status, fields, Outgoing::Whole(Some(body)))
}

fn relay(relay: Relay) -> Response<Outgoing> {
    let head = relay.head.clone();
    let fields = message::end_to_end(head.fields());
    response(
        head.status(),
        fields,
        Outgoing::Relay(Waiting::Not(Box::new(relay))),
    )
}

fn response<'f>(
    status: u16,
    fields: impl Iterator<Item = (&'f [u8], &'f [u8])>,
    body: Outgoing,
) -> Response<Outgoing> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// The body of a response.
enum Outgoing {
    Whole(Option<Bytes>),
    Relay(Waiting),
}

type Piece = Result<Option<Bytes>, WireError>;

/// A response of a server behind, and whether more of it is waited for.
enum Waiting {
    Not(Box<Relay>),
    For(Pin<Box<dyn Future<Output = (Box<Relay>, Piece)> + Send>>),
    Over,
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let waiting = match &mut *self {
            Outgoing::Whole(body) => {
                let body = body.take().filter(|body| !body.is_empty());
                return Poll::Ready(body.map(|body| Ok(Frame::data(body))));
            }
            Outgoing::Relay(waiting) => waiting,
        };
        let mut next = match std::mem::replace(waiting, Waiting::Over) {
            Waiting::Over => return Poll::Ready(None),
            Waiting::For(next) => next,
            Waiting::Not(mut relay) => Box::pin(async move {
                let piece = relay.next().await;
                (relay, piece)
            }),
        };
        match next.as_mut().poll(cx) {
            Poll::Pending => {
                *waiting = Waiting::For(next);
                Poll::Pending
            }
            Poll::Ready((_, Ok(None))) => Poll::Ready(None),
            Poll::Ready((relay, Ok(Some(piece)))) => {
                *waiting = Waiting::Not(relay);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            // The stream is reset: what broke off does not look whole.
            Poll::Ready((_, Err(error))) => Poll::Ready(Some(Err(io::Error::other(error)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Whole(body) => body.as_ref().is_none_or(Bytes::is_empty),
            Outgoing::Relay(Waiting::Not(relay)) => relay.is_over(),
            Outgoing::Relay(waiting) => matches!(waiting, Waiting::Over),
        }
    }
}
