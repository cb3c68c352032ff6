//! Asks a running platform everything, as everybody, and compares the answers with what it declares.
//!
//! Invariants:
//! - black-box: nothing but HTTPS, and nothing of the product's code, so that a stranger can run it;
//! - what an answer has to be is worked out here a second time, from the declarations in `/openapi.json`;
//! - what could not be asked is reported, never left out in silence;
//! - it works in organizations of its own, and deletes them.
//!
//! It must not know tables, decisions, or any other crate of this repository.

mod app_server;
mod browser;
mod caller;
mod callers_file;
mod client;
mod declared;
mod document;
mod error;
mod example;
mod expectation;
mod identifiers;
mod matrix;
mod people;
mod report;
mod requests;
mod sweep;
mod target;
mod views;
mod witness;
mod world;

pub use caller::Caller;
pub use callers_file::CallersFile;
pub use declared::{Access, Declared, Endpoint, Surface};
pub use document::{compare as compare_document, render as render_document};
pub use error::ProofError;
pub use expectation::{Expected, expected};
pub use matrix::Matrix;
pub use report::Report;
pub use sweep::{Sweep, SweepReport};
pub use target::Target;
pub use witness::Witness;
