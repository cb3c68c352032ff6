//! The audit trail, and the only way to change anything.
//!
//! A change is a database transaction that cannot be committed without its event: who did what to
//! what. Once committed, the event is shown to every [`Follower`], which is how the facts in memory
//! stay current, and only then does the change return. Invariants:
//! - an event and what it reports are in one transaction;
//! - rows are only ever added (triggers refuse the rest);
//! - events form one hash chain per organization and one for the platform, numbered without gaps, so that
//!   an edit, a removal or another order shows;
//! - signed [`Heads`] of the chains leave the database, so that rewriting a whole chain shows, too;
//! - no secret, token or cookie is put into an event;
//! - on PostgreSQL, a change is announced to the other processes in its own transaction, with a number that has no
//!   gaps; [`Currency`] says until when what is kept in memory counts.
//!
//! [`Export`] writes a chain as JSON Lines; [`verify`] needs nothing but these and the public key.
//!
//! This crate does not know what the events mean.

mod announcement;
mod announcements;
mod attestation;
mod chain;
mod currency;
mod error;
mod event;
mod export;
mod fence;
mod finding;
mod growth;
mod head;
mod heads;
mod heads_file;
mod journal;
mod line;
mod lines;
mod occasion;
mod receipt;
mod record;
mod refusals;
mod store;
mod trail;
mod verify;
mod waiting;

pub use announcement::{Announcement, News, Withdrawal};
pub use announcements::{Announced, Announcements, CHANNEL, KEPT_FOR};
pub use attestation::{Attestation, SignedAttestation};
pub use chain::{Chain, ChainError, ChainHash, ChainHashError};
pub use currency::{Currency, TRUSTED_FOR};
pub use error::AuditError;
pub use event::{Actor, Event, Outcome, Target};
pub use export::{Export, FORMAT, Header, HeaderKey};
pub use fence::{Fence, behind};
pub use finding::{Finding, Location, Problem, Report};
pub use growth::Growth;
pub use head::{Head, SignedHead, key_id, parse_public_key, public_key_text};
pub use heads::Heads;
pub use journal::{Change, Follower, Journal};
pub use occasion::Occasion;
pub use receipt::{Destruction, Receipt, Receipts, SignedReceipt};
pub use record::{Party, Record};
pub use refusals::{NOT_WRITTEN, RefusalCounters, RefusalWriter, Refusals, WRITTEN_IN_FULL, WRITTEN_OF_EACH};
pub use store::events::Linked;
pub use trail::{Filter, Found, Trail};
pub use verify::verify;
pub use waiting::{WAITING_OF_A_PERSON, WAITING_OF_PROGRAMS};
