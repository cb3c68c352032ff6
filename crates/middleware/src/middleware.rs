//! What the middleware of all worker threads shares.

use std::sync::Arc;

use audit::Refusals;
use decisions::Recorder;
use directory::Directory;
use endpoint::{RateLimits, Sites};
use identity::{Sessions, UserTokens};
use outbound::AddressPolicy;
use revocations::OpenStreams;

use crate::counters::Counters;
use crate::forward::Patience;
use crate::upstream_pool::PoolLimits;

/// What every worker's gateway is made from.
pub struct Middleware {
    /// Which apps there are, and who may use them.
    pub directory: Directory,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// What apps are told about it.
    pub user_tokens: Arc<UserTokens>,
    /// Which hosts are ours.
    pub sites: Arc<Sites>,
    /// Where refusals go.
    pub refusals: Refusals,
    /// Where every decision goes.
    pub decisions: Recorder,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// How often those may come who are not signed in.
    pub rate_limits: Arc<RateLimits>,
    /// Where apps may run.
    pub addresses: Arc<AddressPolicy>,
    /// Whom to trust when an app is reached over TLS.
    pub tls: Arc<rustls::ClientConfig>,
    /// How connections to apps are kept.
    pub pool: PoolLimits,
    /// How long apps are waited for.
    pub patience: Patience,
    /// Which streams are open.
    pub streams: OpenStreams,
}
