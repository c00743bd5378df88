use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request, Response, StatusCode};
use palisade_core::failures::AuthenticationFailures;
use palisade_core::{Environment, Regions, Services};
use palisade_model::{ServiceModel, catalog};
use palisade_store::Clock;
use palisade_wire::Codec;
use uuid::Uuid;

use crate::body::{ResponseBody, Room};
use crate::caught::{Panicked, caught};
use crate::exchange::Exchange;
use crate::identify::{Identifier, RootKey};
use crate::metrics::Metrics;
use crate::outside::OutsideCalls;
use crate::server::{Connection, Limits};
use crate::workshop::Workshop;

/// How the front behaves.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Reads are durable before their answers, too.
    pub audit_strict: bool,
    /// Denials carry the encoded authorization message.
    pub explain_denials: bool,
    /// The regions that are served.
    pub regions: Regions,
    /// Nothing is open yet: every call is answered that it may come again.
    pub sealed: bool,
    /// What a client may cost.
    pub limits: Limits,
}

/// What the front is made of.
pub struct Parts {
    /// The services, filled before the first request.
    pub services: Arc<Services>,
    /// The seams that handlers get.
    pub env: Environment,
    /// Root credentials that live in this process only.
    pub root_keys: Vec<RootKey>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// How it behaves.
    pub settings: Settings,
    /// Where failed authentications are kept.
    pub failures: Arc<AuthenticationFailures>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// All metrics of the server, as text.
    pub metrics_text: MetricsText,
}

/// Renders the metrics.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// The front.
pub struct Gateway {
    pub(crate) services: Arc<Services>,
    pub(crate) env: Environment,
    pub(crate) identifier: Identifier,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) failures: Arc<AuthenticationFailures>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) room: Room,
    pub(crate) outside_calls: OutsideCalls,
    pub(crate) workshop: Workshop,
    metrics_text: MetricsText,
    codecs: HashMap<&'static str, std::sync::OnceLock<Codec>>,
}

impl Gateway {
    /// Puts the front together.
    pub fn new(parts: Parts) -> Self {
        let codecs = catalog::services()
            .iter()
            .map(|service| (service.name, std::sync::OnceLock::new()));
        Self {
            services: parts.services,
            env: parts.env,
            identifier: Identifier::new(parts.root_keys),
            clock: parts.clock,
            room: Room::new(parts.settings.limits.bodies_bytes_max),
            outside_calls: OutsideCalls::default(),
            workshop: Workshop::default(),
            settings: parts.settings,
            failures: parts.failures,
            metrics: parts.metrics,
            metrics_text: parts.metrics_text,
            codecs: codecs.collect(),
        }
    }

    /// What a client may cost.
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// Waits, `time_max` at most, until the calls that wait for something outside are finished and on record: their clients may have
    /// hung up long ago. Whether they all are; meanwhile no other begins.
    pub async fn outside_calls_ended(&self, time_max: Duration) -> bool {
        self.outside_calls.ended(time_max).await
    }

    /// All metrics of the server, as text.
    pub(crate) fn metrics_text(&self) -> String {
        (self.metrics_text)()
    }

    /// The counters, which outlive a reset.
    pub(crate) fn shared_metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Answers a request.
    pub async fn answer<B>(
        self: &Arc<Self>,
        request: Request<B>,
        connection: &Connection,
    ) -> Response<ResponseBody>
    where
        B: http_body::Body<Data = bytes::Bytes> + Unpin,
    {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let wall_ms = i64::try_from(self.clock.now().0).unwrap_or(i64::MAX);
        // State time, which is what the journal goes by: its record is found by it.
        let request_id = new_request_id(self.env.store.time().0);
        let exchange = Exchange::new(self, connection, &parts, request_id, wall_ms);
        let answering =
            tokio::time::timeout(self.settings.limits.request_time_max, exchange.run(body));
        let mut response = match caught(answering).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the request took too long\n",
            ),
            // A service's panic is caught where it happens and put on record; this is one of the front itself.
            Err(Panicked) => {
                self.metrics.panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%request_id, "the front panicked");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "an internal failure\n")
            }
        };
        // Also where no service was reached; the services' own answers name it as their protocol does.
        let named = ["x-amzn-requestid", "x-amz-request-id"];
        if !named
            .iter()
            .any(|name| response.headers().contains_key(*name))
            && let Ok(id) = HeaderValue::from_str(&request_id.to_string())
        {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        self.metrics.answered(started.elapsed());
        response
    }

    /// The codec of a service, made when the service is first called.
    pub(crate) fn codec(&self, model_name: &'static str) -> Option<&Codec> {
        let place = self.codecs.get(model_name)?;
        Some(place.get_or_init(|| Codec::new(model_of(model_name))))
    }

    /// Whether nothing is open yet.
    pub(crate) fn is_sealed(&self) -> bool {
        self.settings.sealed
    }

    /// Whether it can answer: the one thing that is told to anybody.
    pub(crate) fn health(&self) -> Response<ResponseBody> {
        if self.settings.sealed {
            plain(StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"sealed\"}\n")
        } else if self.env.store.healthy() {
            plain(StatusCode::OK, "{\"status\":\"ready\"}\n")
        } else {
            plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "{\"status\":\"the journal cannot be written\"}\n",
            )
        }
    }
}

pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(bytes::Bytes::from_static(
        text.as_bytes(),
    )));
    *response.status_mut() = status;
    let kind = if text.starts_with('{') {
        "application/json"
    } else {
        "text/plain"
    };
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A UUID of version 7: its time is what makes a record findable by it.
fn new_request_id(time_ms: u64) -> Uuid {
    let mut random = [0; 10];
    palisade_core::Random::fill(&mut palisade_core::OsRandom, &mut random);
    uuid::Builder::from_unix_timestamp_millis(time_ms, &random).into_uuid()
}

fn model_of(name: &str) -> &'static ServiceModel {
    catalog::model(name).expect("codecs are made for the services of the catalog")
}
