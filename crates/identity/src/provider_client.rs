//! How providers are spoken to: https only, no redirects, bounded in time and size.

use std::time::Duration;

use openidconnect::{HttpRequest, HttpResponse};
use rustls::{ClientConfig, RootCertStore};

use crate::{Provider, ProviderError};

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(3);

/// A client for one provider.
#[derive(Clone)]
pub(crate) struct ProviderClient {
    client: reqwest::Client,
}

/// Why a provider gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderClientError {
    #[error("the provider did not answer")]
    Request(#[from] reqwest::Error),
    #[error("the provider's answer is larger than {LARGEST_ANSWER} bytes")]
    TooLarge,
    #[error("the provider's answer is no HTTP answer")]
    Malformed(#[from] openidconnect::http::Error),
}

impl ProviderClient {
    pub(crate) fn new(provider: &Provider) -> Result<Self, ProviderError> {
        let refused = || ProviderError::Roots(provider.id.clone());
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for root in &provider.extra_roots {
            roots.add(root.clone()).map_err(|_| refused())?;
        }
        let ring = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .map_err(|_| refused())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(provider.patience)
            .user_agent("vybe-control-plane");
        for (host, address) in &provider.resolve {
            builder = builder.resolve(host, *address);
        }
        Ok(Self { client: builder.build().map_err(|_| refused())? })
    }

    pub(crate) async fn call(&self, request: HttpRequest) -> Result<HttpResponse, ProviderClientError> {
        let mut answer = self.client.execute(request.try_into()?).await?;
        let mut built = openidconnect::http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            built = built.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(ProviderClientError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(built.body(body)?)
    }
}
