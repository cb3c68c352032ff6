//! Passes spans on to a collector (OTLP over HTTP), in batches. A collector that is slow or away costs spans, nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use tokio::sync::mpsc;
use url::Url;
use zeroize::Zeroizing;

use super::span::{Span, body};

/// The most spans of one request.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const EVERY: Duration = Duration::from_secs(2);
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many spans were lost.
#[derive(Debug, Default)]
pub(super) struct Lost(AtomicU64);

impl Lost {
    pub(super) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn many(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Why nothing can be passed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The value of `Authorization` is no header value.
    #[error("telemetry.otlp_authorization cannot be sent in a header")]
    Authorization,
    /// The client could not be made.
    #[error("TLS cannot be set up")]
    Tls,
}

/// Passes spans on.
pub(crate) struct Exporter {
    endpoint: Url,
    authorization: Option<HeaderValue>,
    client: reqwest::Client,
    coming: mpsc::Receiver<Span>,
    lost: Arc<Lost>,
}

impl Exporter {
    pub(super) fn new(
        endpoint: Url,
        authorization: Option<Zeroizing<String>>,
        tls: rustls::ClientConfig,
        coming: mpsc::Receiver<Span>,
        lost: Arc<Lost>,
    ) -> Result<Self, ExportError> {
        let authorization = authorization
            .map(|text| {
                let mut value = HeaderValue::from_str(&text).map_err(|_| ExportError::Authorization)?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE)
            .user_agent("vybe-control-plane")
            .build()
            .map_err(|_| ExportError::Tls)?;
        Ok(Self { endpoint, authorization, client, coming, lost })
    }

    /// Passes on what comes, until `stopped`; then what is left, once.
    pub(crate) async fn run(mut self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        let mut failing = false;
        loop {
            let mut batch = Vec::new();
            let mut is_last = tokio::select! {
                () = &mut stopped => true,
                received = self.coming.recv_many(&mut batch, BATCH) => received == 0,
            };
            if !is_last && batch.len() < BATCH {
                is_last = tokio::select! {
                    () = &mut stopped => true,
                    () = tokio::time::sleep(EVERY) => false,
                };
            }
            while let Ok(span) = self.coming.try_recv() {
                batch.push(span);
            }
            for spans in batch.chunks(BATCH) {
                failing = self.pass_on(spans, failing).await;
            }
            if is_last {
                return;
            }
        }
    }

    /// Says whether it failed, and logs the first failure of a row and its end.
    async fn pass_on(&self, batch: &[Span], failing: bool) -> bool {
        let mut request = self
            .client
            .post(self.endpoint.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body(batch).to_string());
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let failure = match request.send().await {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status())),
            Err(error) => Some(error.without_url().to_string()),
        };
        let Some(failure) = failure else {
            if failing {
                let lost = self.lost.0.load(Ordering::Relaxed);
                tracing::info!(lost, "the collector takes traces again");
            }
            return false;
        };
        self.lost.many(batch.len());
        if !failing {
            let lost = self.lost.0.load(Ordering::Relaxed);
            tracing::warn!(failure, lost, "the collector takes no traces; those of now are lost");
        }
        true
    }
}
