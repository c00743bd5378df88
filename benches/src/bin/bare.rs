//! The yardstick: hyper answering a constant, as long as the answer it is compared with, and doing nothing else.

use std::convert::Infallible;

use bytes::Bytes;
use clap::Parser;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[derive(Parser)]
struct Options {
    /// Address and port
    #[arg(long)]
    listen: String,
    /// Length of the answers' head, in bytes, about
    #[arg(long)]
    head: usize,
    /// Length of the answers' body, in bytes
    #[arg(long)]
    body: usize,
}

/// What hyper itself writes into a head: the status line, content-length and date.
const HEAD_OF_HYPER: usize = 90;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(&options.listen).await?;
    let body = Bytes::from(vec![b'x'; options.body]);
    let padding = "x".repeat(options.head.saturating_sub(HEAD_OF_HYPER));
    let padding = hyper::header::HeaderValue::from_str(&padding)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (body, padding) = (body.clone(), padding.clone());
        tokio::spawn(async move {
            let service = service_fn(|_: Request<hyper::body::Incoming>| {
                let mut response = Response::new(Full::new(body.clone()));
                response
                    .headers_mut()
                    .insert("x-amzn-requestid", padding.clone());
                async move { Ok::<_, Infallible>(response) }
            });
            let serving = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            let _ = serving.await; // a client that goes is no error
        });
    }
}
