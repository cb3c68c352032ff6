//! Keeping accounts alive: tokens are replaced before they end, by one process at a time, and a crash at any moment ends as
//! the service's reuse policy permits (docs/adr/0049).

mod access_tokens;
mod attempt;
mod keeping;
mod notices;
mod observer;
mod refresher;
mod refreshes;
mod rooms;
pub(crate) mod schedule;
mod store_clock;
mod turns;

pub use access_tokens::{AccessTokens, UseError};
pub use notices::{Notices, ReconnectNotice};
pub use observer::{RefreshCounters, RefreshObserver, RefreshStep};
pub use refresher::Refresher;
pub use refreshes::{RefreshBounds, Refreshes};
pub(crate) use rooms::Room;
