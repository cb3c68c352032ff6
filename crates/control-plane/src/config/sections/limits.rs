//! How often clients may come, and how much there may be at once.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use endpoint::{Proxies, Rate, RateLimits, Rates};
use outbound::Network;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// `[limits]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Networks of proxies and load balancers that pass connections on. Many clients are behind one of their addresses, so
    /// that nothing is counted by it. Name yours here, or all of its clients count as one.
    pub proxies: Vec<String>,
    /// Connections open at a time, of one address (IPv6: of one /64). Others are closed before TLS.
    pub connections_per_address: NonZeroUsize,
    /// Requests without an answer at a time, per worker. Others get 503; those without any credential at half of it.
    pub requests_per_worker: NonZeroUsize,
    /// Connections opened, by address.
    pub connections_per_minute: NonZeroU32,
    /// The same, at once.
    pub connections_burst: NonZeroU32,
    /// Requests without a session or another credential, by address.
    pub anonymous_per_minute: NonZeroU32,
    /// The same, at once.
    pub anonymous_burst: NonZeroU32,
    /// Steps of sign-ins, by address. A sign-in has five.
    pub sign_in_per_minute: NonZeroU32,
    /// The same, at once.
    pub sign_in_burst: NonZeroU32,
    /// Requests with a secret or token that is not valid, by address.
    pub wrong_credentials_per_minute: NonZeroU32,
    /// The same, at once.
    pub wrong_credentials_burst: NonZeroU32,
    /// Requests for the API and the platform's pages, by session, API token or agent token.
    pub api_per_minute: NonZeroU32,
    /// The same, at once.
    pub api_burst: NonZeroU32,
    /// Queries and calls of services, by server secret, or by the session of the page that asks.
    pub app_calls_per_minute: NonZeroU32,
    /// The same, at once.
    pub app_calls_burst: NonZeroU32,
}

impl Default for LimitsSection {
    fn default() -> Self {
        let size = |size| NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN);
        let count = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self {
            proxies: vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()],
            connections_per_address: size(1000),
            requests_per_worker: size(5000),
            connections_per_minute: count(3000),
            connections_burst: count(600),
            anonymous_per_minute: count(3000),
            anonymous_burst: count(1500),
            sign_in_per_minute: count(600),
            sign_in_burst: count(300),
            wrong_credentials_per_minute: count(60),
            wrong_credentials_burst: count(30),
            api_per_minute: count(3000),
            api_burst: count(1500),
            app_calls_per_minute: count(60_000),
            app_calls_burst: count(5000),
        }
    }
}

impl LimitsSection {
    /// What counts requests as this says.
    ///
    /// # Errors
    /// A text is no network.
    pub(crate) fn rate_limits(&self) -> Result<RateLimits, ConfigError> {
        let networks = self.proxies.iter().map(|text| text.parse::<Network>()).collect::<Result<Vec<_>, _>>();
        let networks = networks.map_err(|error| ConfigError::key("limits.proxies", error.to_string()))?;
        let proxies: Proxies =
            Arc::new(move |address| networks.iter().any(|network| network.contains(address)));
        let rate = |per_minute: NonZeroU32, burst: NonZeroU32| Rate {
            per_minute: per_minute.get(),
            burst: burst.get(),
        };
        let rates = Rates {
            connections: rate(self.connections_per_minute, self.connections_burst),
            anonymous: rate(self.anonymous_per_minute, self.anonymous_burst),
            sign_in: rate(self.sign_in_per_minute, self.sign_in_burst),
            wrong_credentials: rate(self.wrong_credentials_per_minute, self.wrong_credentials_burst),
            api: rate(self.api_per_minute, self.api_burst),
            app_calls: rate(self.app_calls_per_minute, self.app_calls_burst),
        };
        Ok(RateLimits::new(rates, proxies))
    }
}
