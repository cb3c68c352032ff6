//! The policy of an organization as a whole: explained, simulated, read as one file, changed at once.
//!
//! Invariants:
//! - whatever is said of a decision comes from the decision itself ([`access_control::decide`]);
//! - a draft is made whole or not at all, and each of its changes needs the permit that its own endpoint
//!   would need, and leaves its own event;
//! - a draft that comes with a simulation's hash is made only in the world that was simulated;
//! - apps whose access the asker may not see are counted, never named.
//!
//! It has no tables, and does not know how requests come in.

mod changes;
mod comparison;
mod draft;
mod endpoints;
mod error;
mod explanations;
mod policies;
mod policy;
mod policy_file;
mod simulations;
mod world;

pub use changes::{Order, PolicyChanges};
pub use comparison::{Access, Effect, Probe, Probes, Shift, Shifts, compare, probes};
pub use draft::{MOST_CHANGES, PolicyChange, WantedRule};
pub use endpoints::PolicyApi;
pub use error::PolicyError;
pub use explanations::{Explained, Explanations, Question, ReadTarget, Whom};
pub use policies::Policies;
pub use policy::{Policy, PolicyApp, PolicyGrant, PolicyGroup, PolicyMember, PolicyRule};
pub use policy_file::{Difference, PolicyFile, PolicyFileError, Side};
pub use simulations::{Draft, Simulation, Simulations, Totals};
pub use world::{SimulationHash, World};
