//! Integrations: accounts at services, kept alive, and the calls that apps make with them.
//!
//! Apps name an account and what they want; the credential never leaves this process except towards the service's own
//! hosts. A connection does not break by itself: tokens are refreshed before they end, by one process at a time, with the
//! intent written down first, so that a crash at any moment ends as the service's reuse policy permits.

mod account;
mod reconnect_cause;

pub use account::{Account, AccountHolder, AccountState, UsableBy};
pub use reconnect_cause::{ReconnectCause, ReconnectCauseError};
