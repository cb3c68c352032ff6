//! The platform's own pages: which apps and organizations are mine, where I am signed in, accepting an
//! invitation, the first set-up.
//!
//! Invariants:
//! - a page calls the same use cases as the API, with permits of its own; it decides nothing;
//! - pages have no script: links and plain forms, so that the content policy can forbid everything;
//! - a form that changes something is a POST, which the gate takes from the platform's own pages only.
//!
//! It knows no table.

mod endpoints;
mod fields;
mod layout;
mod pages;

pub use endpoints::Console;
