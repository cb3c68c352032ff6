//! What `vybe dev` adds to the platform so that it works on one machine with nothing else: a
//! certificate authority, an OpenID provider, demo apps, a mail server, a service to connect accounts at, and people to sign in as.
//!
//! Invariants:
//! - nothing here is mounted, listened on or written by `vybe serve`;
//! - everything listens on loopback;
//! - the provider is an ordinary OpenID provider: sign-in uses the same code as with any other, and
//!   demo data comes from the same use cases and permits as any other data.
//!
//! It knows no table.

mod authority;
mod demo_database;
mod demo_service;
mod endpoints;
mod error;
mod folder;
mod issuer;
mod mail_catcher;
mod seed;
mod upstream;

pub use authority::{Certificates, certificates};
pub use demo_database::DemoDatabase;
pub use demo_service::DemoService;
pub use endpoints::{endpoints, mail_endpoints};
pub use error::DevelopmentError;
pub use folder::Folder;
pub use issuer::{DemoUser, Issuer, IssuerClient};
pub use mail_catcher::{CaughtLetter, MailCatcher};
pub use seed::{DEMO_USERS, Seed, Seeded, signed_in};
pub use upstream::{AccessLogEntry, Upstream};
