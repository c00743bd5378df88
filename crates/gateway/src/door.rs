use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::RwLock;

use crate::Gateway;
use crate::body::ResponseBody;
use crate::front::plain;
use crate::metrics::Metrics;
use crate::server::{Connection, Limits};

/// Puts a server together anew, over a state as of the first start. The old one is closed before.
pub type Rebuild =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Gateway, String>> + Send>> + Send + Sync>;

/// Where requests come in: the front, and the two paths that nobody signs, health and (in development mode) reset.
pub struct Door {
    front: RwLock<Option<Arc<Gateway>>>,
    rebuild: Option<Rebuild>,
    limits: Limits,
    metrics: Arc<Metrics>,
}

impl Door {
    /// A door before `front`. With `rebuild` there is a `POST /_palisade/reset`; without, there is no such path.
    pub fn new(front: impl Into<Arc<Gateway>>, rebuild: Option<Rebuild>) -> Self {
        let front = front.into();
        let (limits, metrics) = (front.limits().clone(), front.shared_metrics());
        Self {
            front: RwLock::new(Some(front)),
            rebuild,
            limits,
            metrics,
        }
    }

    /// What a client may cost.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Answers a request.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
    ) -> Response<ResponseBody> {
        let path = request.uri().path();
        if let (&Method::POST, "/_palisade/reset", Some(rebuild)) =
            (request.method(), path, &self.rebuild)
        {
            return if is_from_this_machine(&request) {
                self.reset(rebuild).await
            } else {
                refused()
            };
        }
        let front = self.front.read().await;
        match &*front {
            Some(front)
                if path == "/_palisade/health"
                    && matches!(request.method(), &Method::GET | &Method::HEAD) =>
            {
                front.health()
            }
            Some(front) => front.answer(request, connection).await,
            None => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "{\"status\":\"the reset failed\"}\n",
            ),
        }
    }

    /// Puts another front in the place of the one that is there, once the requests within have been answered.
    pub async fn replace(&self, front: impl Into<Arc<Gateway>>) {
        *self.front.write().await = Some(front.into());
    }

    /// The metrics of the whole server, as text; empty while it is being reset.
    pub async fn metrics_text(&self) -> String {
        self.front
            .read()
            .await
            .as_ref()
            .map(|front| front.metrics_text())
            .unwrap_or_default()
    }

    /// Waits until the calls that wait for something outside have ended, `time_max` at most; whether they have.
    pub async fn outside_calls_ended(&self, time_max: Duration) -> bool {
        match &*self.front.read().await {
            Some(front) => front.outside_calls_ended(time_max).await,
            None => true,
        }
    }

    /// Waits for running requests, closes the old state, and starts again.
    async fn reset(&self, rebuild: &Rebuild) -> Response<ResponseBody> {
        let mut front = self.front.write().await;
        if front.as_ref().is_some_and(|front| front.is_sealed()) {
            return plain(StatusCode::CONFLICT, "the seal is not open\n");
        }
        if let Some(old) = &*front
            && !old.outside_calls_ended(self.limits.drain_time_max).await
        {
            return plain(
                StatusCode::CONFLICT,
                "a call still waits for something outside\n",
            );
        }
        drop(front.take());
        match rebuild().await {
            Ok(fresh) => {
                *front = Some(Arc::new(fresh));
                plain(StatusCode::OK, "{\"status\":\"reset\"}\n")
            }
            Err(error) => {
                tracing::error!(error, "the reset failed");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "the reset failed\n")
            }
        }
    }
}

/// A page of a browser must not be able to reset the server: no `Origin`, and a `Host` that is loopback.
fn is_from_this_machine(request: &Request<Incoming>) -> bool {
    let host = request
        .headers()
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host
        .or_else(|| request.uri().authority().map(|a| a.as_str()))
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    is_loopback && !request.headers().contains_key(http::header::ORIGIN)
}

fn refused() -> Response<ResponseBody> {
    plain(
        StatusCode::FORBIDDEN,
        "reset is for this machine's own tools\n",
    )
}
