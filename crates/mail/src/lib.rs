//! Sending letters over SMTP (RFC 5321), as multipart text and HTML (RFC 5322, RFC 2046).
//!
//! Invariants:
//! - a letter leaves over TLS with a certificate that proves the server's name; without TLS only to
//!   this machine itself;
//! - no header is made of text that could end it;
//! - what a letter says is never logged and never part of an error: it may hold a one-time secret;
//! - an attempt ends after [`LONGEST_ATTEMPT`].
//!
//! It knows neither who writes letters nor why.

mod error;
mod letter;
mod mail_server;
mod mailer;

pub use error::MailError;
pub use letter::Letter;
pub use mail_server::{Credentials, Encryption, MailServer};
pub use mailer::{LONGEST_ATTEMPT, Mailer};
