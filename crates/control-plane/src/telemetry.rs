//! Traces (OpenTelemetry), off by default: a span for each request of the public listener.
//!
//! The trace's identifier is the request's number, which logs, answers and apps have, too. What comes from outside is not
//! believed: whoever sends `traceparent` decides neither what is traced nor into whose trace it goes. Apps are told to
//! continue ours. A span holds nothing that a client wrote (`endpoint::Answered`): no host, path, query, header, person, app.

mod export;
mod span;

use std::sync::Arc;

use endpoint::{Answered, Observer};
use ids::RequestId;
use tokio::sync::mpsc;
use url::Url;
use zeroize::Zeroizing;

pub(crate) use export::Exporter;
use span::{Span, TraceId};

use crate::config::{ConfigError, TelemetrySection, reveal};
use crate::metrics::RequestTimes;

/// How many spans wait to be passed on. What comes on top is lost, and counted.
const WAITING: usize = 4096;

/// Where spans go, and how many.
pub struct Traces {
    endpoint: Url,
    authorization: Option<Zeroizing<String>>,
    sampling: Sampling,
    tls: rustls::ClientConfig,
}

/// Which requests are traced, in percent. One number says it for every process and for apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sampling(u8);

impl Sampling {
    /// By that part of the trace's identifier which is random. It has 32 bits: the others would do for the whole of a
    /// millisecond what they do for its first request.
    fn takes(self, trace: TraceId) -> bool {
        u64::from(trace.randomness()) * 100 < u64::from(self.0) << 32
    }
}

impl Traces {
    /// As the configuration says.
    pub(crate) fn of(section: &TelemetrySection, tls: &rustls::ClientConfig) -> Result<Self, ConfigError> {
        let wrong = |message: &str| ConfigError::key("telemetry.otlp_endpoint", message);
        let base =
            Url::parse(&section.otlp_endpoint).map_err(|error| wrong(&format!("not a URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https")
            || !base.username().is_empty()
            || base.password().is_some()
        {
            return Err(wrong("write http://host:4318 or https://host, without a user name"));
        }
        if section.sample_percent > 100 {
            return Err(ConfigError::key("telemetry.sample_percent", "at most 100"));
        }
        let authorization = section
            .otlp_authorization
            .as_ref()
            .map(|secret| reveal("telemetry.otlp_authorization", secret))
            .transpose()?;
        if authorization.is_some() && base.scheme() == "http" {
            return Err(wrong("telemetry.otlp_authorization is sent to https only"));
        }
        // OTLP 1.x, "OTLP/HTTP Request": relative to the base address.
        let path = format!("{}/v1/traces", base.path().trim_end_matches('/'));
        let mut endpoint = base;
        endpoint.set_path(&path);
        Ok(Self { endpoint, authorization, sampling: Sampling(section.sample_percent), tls: tls.clone() })
    }
}

/// Counts and traces what was answered.
pub(crate) struct Observing {
    times: RequestTimes,
    spans: Option<Spans>,
}

struct Spans {
    sampling: Sampling,
    waiting: mpsc::Sender<Span>,
    lost: Arc<export::Lost>,
}

impl Observing {
    /// Counts, and traces if there is anywhere to send traces to.
    pub(crate) fn new(
        times: RequestTimes,
        traces: Option<Traces>,
    ) -> Result<(Self, Option<Exporter>), ConfigError> {
        let Some(traces) = traces else { return Ok((Self { times, spans: None }, None)) };
        let (waiting, coming) = mpsc::channel(WAITING);
        let lost = Arc::<export::Lost>::default();
        let sampling = traces.sampling;
        let exporter =
            Exporter::new(traces.endpoint, traces.authorization, traces.tls, coming, Arc::clone(&lost))
                .map_err(|error| ConfigError::key("telemetry.otlp_endpoint", error.to_string()))?;
        Ok((Self { times, spans: Some(Spans { sampling, waiting, lost }) }, Some(exporter)))
    }
}

impl Observer for Observing {
    fn answered(&self, answered: &Answered) {
        self.times.observe(answered);
        let Some(spans) = &self.spans else { return };
        let trace = TraceId::of(answered.request);
        if spans.sampling.takes(trace) && spans.waiting.try_send(Span::new(trace, answered)).is_err() {
            spans.lost.one();
        }
    }

    fn trace_parent(&self, request: RequestId) -> Option<String> {
        let spans = self.spans.as_ref()?;
        let trace = TraceId::of(request);
        Some(trace.parent(spans.sampling.takes(trace)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_takes_what_it_says() {
        let traces: Vec<TraceId> = (0..20_000).map(|_| TraceId::of(RequestId::generate())).collect();
        for (percent, range) in
            [(0, 0..=0), (10, 1_700..=2_300), (50, 9_500..=10_500), (100, 20_000..=20_000)]
        {
            let taken = traces.iter().filter(|trace| Sampling(percent).takes(**trace)).count();
            assert!(range.contains(&taken), "{percent} %: {taken}");
        }
    }
}
