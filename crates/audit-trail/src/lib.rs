//! Reading the audit trail: search and export for those who may read it, and passing it on to receivers
//! outside (syslog, webhook).
//!
//! Invariants:
//! - reading the trail is itself in the trail;
//! - whoever reads an organization's trail sees that organization's chain and no other;
//! - an export is written while it is sent, in constant memory;
//! - a receiver gets every record of every chain at least once, each chain in its order, however long it
//!   was away; no request ever waits for it.
//!
//! This crate writes no event but those of reading, and does not know what events mean.

mod delivery;
mod endpoints;
mod error;
mod forwarder;
mod reading;
mod receiver;
mod store;
mod syslog;
mod webhook;

pub use delivery::{Deliveries, Delivery, DeliveryError};
pub use endpoints::AuditTrailApi;
pub use error::AuditTrailError;
pub use forwarder::{Forwarder, Pauses};
pub use reading::Reading;
pub use receiver::Receiver;
pub use store::Store;
pub use syslog::{Syslog, SyslogAddress, SyslogAddressError};
pub use webhook::{Webhook, WebhookError};
