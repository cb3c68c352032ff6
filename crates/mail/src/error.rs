//! What can go wrong with letters.

/// Why letters cannot be sent, or one was not.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The address of the server is none.
    #[error("not a mail server's address: {0}; write smtp://host[:port] or smtps://host[:port]")]
    Address(&'static str),
    /// No TLS, and the server is not this machine.
    #[error("without TLS a letter goes to this machine only: 127.0.0.1, [::1] or localhost")]
    Unencrypted,
    /// The sender is no mailbox.
    #[error("not a mailbox: write name@domain, or a name and then <name@domain>")]
    Sender,
    /// TLS cannot be set up, or a certificate is none.
    #[error("TLS cannot be set up")]
    Tls(#[source] lettre::transport::smtp::Error),
    /// A header would hold a control character, or the letter cannot be written down.
    #[error("the letter cannot be written")]
    Unwritable,
    /// The server refused, or did not answer as SMTP asks.
    #[error("the mail server did not take the letter")]
    NotTaken(#[source] lettre::transport::smtp::Error),
    /// It took too long.
    #[error("the mail server did not take the letter in time")]
    Timeout,
}
