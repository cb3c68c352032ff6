//! Who may do what how often: clients by their address until they have shown who they are, then whoever they are.
//!
//! Addresses count as networks: an IPv6 client has a /64 to itself (RFC 6177). A replica counts what it serves itself.

use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use access_control::Principal;
use actix_http::StatusCode;
use ids::{AgentTokenId, ServerSecretId, SessionId};

use crate::Problem;
use crate::allowances::{Allowances, Rate, Spent};

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Allowance {
    /// Connections opened, by address.
    Connections,
    /// Requests of nobody in particular, by address.
    Anonymous,
    /// Steps of sign-ins, by address.
    SignIn,
    /// Requests with a secret or token that is not valid, by address.
    WrongCredentials,
    /// Requests for the platform's pages and its API, by session or token.
    Api,
    /// Queries and calls of services, by server secret, or by the session of the page that asks.
    AppCalls,
}

impl Allowance {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Connections, Self::Anonymous, Self::SignIn, Self::WrongCredentials, Self::Api, Self::AppCalls];

    /// What it is called in header fields, metrics and the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Anonymous => "anonymous",
            Self::SignIn => "sign_in",
            Self::WrongCredentials => "wrong_credentials",
            Self::Api => "api",
            Self::AppCalls => "app_calls",
        }
    }
}

/// How often.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// [`Allowance::Connections`].
    pub connections: Rate,
    /// [`Allowance::Anonymous`].
    pub anonymous: Rate,
    /// [`Allowance::SignIn`].
    pub sign_in: Rate,
    /// [`Allowance::WrongCredentials`].
    pub wrong_credentials: Rate,
    /// [`Allowance::Api`].
    pub api: Rate,
    /// [`Allowance::AppCalls`].
    pub app_calls: Rate,
}

impl Rates {
    /// Nothing is ever too often.
    pub const UNLIMITED: Self = Self {
        connections: Rate::UNLIMITED,
        anonymous: Rate::UNLIMITED,
        sign_in: Rate::UNLIMITED,
        wrong_credentials: Rate::UNLIMITED,
        api: Rate::UNLIMITED,
        app_calls: Rate::UNLIMITED,
    };

    const fn of(&self, allowance: Allowance) -> Rate {
        match allowance {
            Allowance::Connections => self.connections,
            Allowance::Anonymous => self.anonymous,
            Allowance::SignIn => self.sign_in,
            Allowance::WrongCredentials => self.wrong_credentials,
            Allowance::Api => self.api,
            Allowance::AppCalls => self.app_calls,
        }
    }
}

/// A client, by where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClientNetwork {
    V4(u32),
    /// The first 64 bits.
    V6(u64),
}

impl ClientNetwork {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6(u64::try_from(address.to_bits() >> 64).unwrap_or_default()),
        }
    }
}

/// A principal, by what it shows.
#[derive(Hash)]
enum Shown {
    Session(SessionId),
    ServerSecret(ServerSecretId),
    AgentToken(AgentTokenId),
}

impl Shown {
    fn by(principal: &Principal) -> Self {
        match principal {
            Principal::User(person) => Self::Session(person.session),
            Principal::Page(page) => Self::Session(page.person.session),
            Principal::App(credential) => Self::ServerSecret(credential.secret),
            Principal::Agent(credential) => Self::AgentToken(credential.token),
        }
    }
}

/// Which addresses are not clients: those of proxies, behind which there are many.
pub type Proxies = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Where everybody stands.
pub struct RateLimits {
    rates: Rates,
    proxies: Proxies,
    allowances: Allowances,
    refused: [AtomicU64; Allowance::ALL.len()],
}

impl fmt::Debug for RateLimits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RateLimits").field("rates", &self.rates).finish_non_exhaustive()
    }
}

/// Where one stands after a request (draft-ietf-httpapi-ratelimit-headers-11, which is no standard yet).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    allowance: Allowance,
    rate: Rate,
    left: u32,
    /// Until there is more.
    after: Duration,
}

impl Standing {
    /// The header fields that say so.
    pub(crate) fn fields(&self) -> [(&'static str, String); 2] {
        let (name, rate) = (self.allowance.as_str(), self.rate);
        [
            ("ratelimit-policy", format!("\"{name}\";q={};w={}", rate.burst, seconds(rate.window()))),
            ("ratelimit", format!("\"{name}\";r={};t={}", self.left, seconds(self.after))),
        ]
    }
}

/// Rounded up: who comes then is served.
fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

impl RateLimits {
    /// Nobody has done anything yet.
    #[must_use]
    pub fn new(rates: Rates, proxies: Proxies) -> Self {
        Self { rates, proxies, allowances: Allowances::new(), refused: Default::default() }
    }

    /// Nothing is ever too often.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(Rates::UNLIMITED, Arc::new(|_| false))
    }

    /// How often each allowance was exceeded.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.refused.iter().map(|count| count.load(Ordering::Relaxed));
        Allowance::ALL.into_iter().map(Allowance::as_str).zip(counts)
    }

    /// Counts a request by the address that it came from; none that is known is not limited.
    ///
    /// # Errors
    /// 429.
    pub fn admit(&self, client: Option<IpAddr>, allowance: Allowance) -> Result<(), Problem> {
        match client.and_then(|client| self.client(client)) {
            Some(client) => self.take(allowance, &client).map(drop),
            None => Ok(()),
        }
    }

    /// Whether there is anything left, without counting.
    pub(crate) fn check(&self, client: Option<IpAddr>, allowance: Allowance) -> Result<(), Problem> {
        let Some(client) = client.and_then(|client| self.client(client)) else { return Ok(()) };
        let rate = self.rates.of(allowance);
        let checked = self.allowances.check(&(allowance, client), rate, Instant::now());
        checked.map_err(|spent| self.exceeded(allowance, spent))
    }

    /// Counts a request by whose it is.
    pub(crate) fn admit_principal(
        &self,
        principal: &Principal,
        allowance: Allowance,
    ) -> Result<Standing, Problem> {
        self.take(allowance, &Shown::by(principal))
    }

    /// Counts a connection.
    pub(crate) fn admits_connection(&self, client: ClientNetwork) -> bool {
        self.take(Allowance::Connections, &client).is_ok()
    }

    /// What an address counts as, if it is a client's.
    pub(crate) fn client(&self, address: IpAddr) -> Option<ClientNetwork> {
        (!(self.proxies)(address.to_canonical())).then(|| ClientNetwork::of(address))
    }

    fn take(&self, allowance: Allowance, who: &impl Hash) -> Result<Standing, Problem> {
        let rate = self.rates.of(allowance);
        match self.allowances.take(&(allowance, who), rate, Instant::now()) {
            Ok(left) => Ok(Standing { allowance, rate, left, after: rate.window() / rate.burst.max(1) }),
            Err(spent) => Err(self.exceeded(allowance, spent)),
        }
    }

    fn exceeded(&self, allowance: Allowance, spent: Spent) -> Problem {
        let position = Allowance::ALL.iter().position(|other| *other == allowance);
        if let Some(count) = position.and_then(|position| self.refused.get(position)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let standing = Standing { allowance, rate: self.rates.of(allowance), left: 0, after: spent.after };
        let problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            "Too many requests. Wait for as long as Retry-After says.",
        );
        problem.after(seconds(spent.after).max(1)).standing(standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t05_a_network_is_one_client_and_a_proxy_none() {
        let few = Rates { anonymous: Rate { per_minute: 1, burst: 2 }, ..Rates::UNLIMITED };
        let limits = RateLimits::new(few, Arc::new(|address| address.is_loopback()));
        let admitted = |addresses: &[&str]| {
            let admit = |text: &&&str| limits.admit(text.parse().ok(), Allowance::Anonymous).is_ok();
            addresses.iter().filter(admit).count()
        };
        assert_eq!(admitted(&["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3"]), 2, "one /64");
        assert_eq!(admitted(&["2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"]), 3);
        assert_eq!(admitted(&["127.0.0.1", "127.0.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1"]), 5);
        let refused = limits.admit("192.0.2.1".parse().ok(), Allowance::Anonymous).unwrap_err();
        assert_eq!((refused.status().as_u16(), refused.code()), (429, "rate_limited"));
        assert_eq!(limits.refused().find(|(name, _)| *name == "anonymous"), Some(("anonymous", 3)));
    }

    #[test]
    fn a_standing_says_what_the_draft_wants() {
        let rate = Rate { per_minute: 60, burst: 100 };
        let standing =
            Standing { allowance: Allowance::Api, rate, left: 7, after: Duration::from_millis(1500) };
        let fields = standing.fields().map(|(name, value)| format!("{name}: {value}"));
        assert_eq!(fields, ["ratelimit-policy: \"api\";q=100;w=100", "ratelimit: \"api\";r=7;t=2"]);
    }
}
