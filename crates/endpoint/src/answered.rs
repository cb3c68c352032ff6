//! What was answered, for whoever counts and traces.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use actix_http::Method;
use ids::RequestId;

/// Who answered a request of the public listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answerer {
    /// An endpoint on the platform's host.
    Platform,
    /// An endpoint of the platform on an app's host.
    AppHosts,
    /// An app, or the middleware before it.
    App,
    /// The development identity provider.
    DevelopmentIssuer,
    /// Nobody: a host that is not ours, a request that is none, or one too many.
    Nobody,
}

impl Answerer {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Platform, Self::AppHosts, Self::App, Self::DevelopmentIssuer, Self::Nobody];

    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::AppHosts => "app_hosts",
            Self::App => "app",
            Self::DevelopmentIssuer => "development_issuer",
            Self::Nobody => "nobody",
        }
    }
}

/// Instead of a method that HTTP does not know (OpenTelemetry's semantic conventions, `http.request.method`).
pub const OTHER_METHOD: &str = "_OTHER";

/// A request that was answered. It holds nothing that a client wrote: no host, no path, no header, and no method but those
/// that are known.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Its number.
    pub request: RequestId,
    /// Who answered.
    pub by: Answerer,
    /// The method; [`OTHER_METHOD`] for one that HTTP does not know.
    pub method: &'static str,
    /// The path of the endpoint as it is declared, if one of ours answered.
    pub route: Option<&'static str>,
    /// The status of the answer.
    pub status: u16,
    /// When the request's head was read.
    pub began: SystemTime,
    /// From there to the head of the answer.
    pub took: Duration,
}

/// Is told of every answer on the public listener, on the thread that answers: it must not block.
pub trait Observer: Send + Sync {
    /// A request was answered.
    fn answered(&self, answered: &Answered);

    /// What an app is told to continue (W3C Trace Context), if this request is traced or might have been.
    fn trace_parent(&self, request: RequestId) -> Option<String>;
}

/// A request under way.
pub(crate) struct Observed {
    observer: Arc<dyn Observer>,
    by: Answerer,
    method: &'static str,
    began: SystemTime,
    clock: Instant,
}

/// The endpoint that answered, beside its answer.
#[derive(Clone, Copy)]
pub(crate) struct Route(pub(crate) &'static str);

impl Observed {
    pub(crate) fn new(observer: &Arc<dyn Observer>, by: Answerer, method: &Method) -> Self {
        let (began, clock) = (SystemTime::now(), Instant::now());
        Self { observer: Arc::clone(observer), by, method: known(method), began, clock }
    }

    pub(crate) fn answered(self, request: RequestId, status: u16, route: Option<Route>) {
        let Self { by, method, began, .. } = self;
        let route = route.map(|route| route.0);
        let took = self.clock.elapsed();
        self.observer.answered(&Answered { request, by, method, route, status, began, took });
    }
}

fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER_METHOD)
}
