//! Decisions of the middleware, kept so that each can be opened later and evaluated again.
//!
//! Invariants:
//! - recording never holds up a request: a decision is put into a queue of its worker thread, and one task
//!   writes them in batches;
//! - a refusal is never dropped to make room for something that was allowed;
//! - a record is evaluated by the same walk that decided ([`access_control::explain`]), from the facts that
//!   it holds and the policy snapshot that it names by digest;
//! - neither holds a query string, a cookie, a header or a name of a person.
//!
//! It decides nothing itself, and does not know how requests come in.

mod decision_record;
mod decisions;
mod endpoints;
mod error;
mod policy_snapshot;
mod queue;
mod seen_paths;
mod store;
mod traffic;
mod words;
mod writer;

pub use decision_record::{DecisionRecord, PersonFacts};
pub use decisions::{Decisions, Evaluated, Listed, MOST_LOOKED_AT, Retention, Search};
pub use endpoints::DecisionsApi;
pub use error::DecisionError;
pub use policy_snapshot::PolicySnapshot;
pub use queue::{Decided, Queue, Recorder, Recording, Unrecorded};
pub use store::Store;
pub use traffic::{Seen, SeenRequest, Traffic};
pub use words::in_words;
pub use writer::Writer;
