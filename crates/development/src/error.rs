//! What can go wrong while a development platform is made.

use std::path::PathBuf;

/// Why the development platform cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// The data folder or a file in it cannot be used.
    #[error("cannot use {path}: {source}", path = path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key or certificate of the data folder is not what was written there.
    #[error("{path} is damaged ({source}); delete it and start again", path = path.display())]
    Damaged {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: rcgen::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The system has no random numbers, or no key could be made of them.
    #[error("cannot make a key: the system has no random numbers")]
    Key,
    /// The demo upstream cannot listen.
    #[error("the demo upstream cannot listen on 127.0.0.1: {0}")]
    Upstream(#[source] std::io::Error),
    /// The demo service cannot listen.
    #[error("the demo service cannot listen on 127.0.0.1: {0}")]
    DemoService(#[source] std::io::Error),
    /// The mail catcher cannot listen.
    #[error("the mail catcher cannot listen on 127.0.0.1: {0}")]
    MailCatcher(#[source] std::io::Error),
    /// The demo database has no port to listen on.
    #[error("the demo database cannot listen on 127.0.0.1: {0}")]
    Listen(#[source] std::io::Error),
    /// The demo database does not start.
    #[error("the demo database: {0}")]
    Database(#[from] local_postgres::ServerError),
    /// The demo organization could not be made.
    #[error("cannot make the demo organization: {0}")]
    Seed(String),
}
