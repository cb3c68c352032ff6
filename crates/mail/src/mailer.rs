//! Handing letters in.

use std::fmt;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::transport::smtp::authentication;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use rustls_pki_types::CertificateDer;

use crate::mail_server::Encryption;
use crate::{Credentials, Letter, MailError, MailServer};

/// How long an attempt to hand a letter in may take, from connecting to the server's last word.
pub const LONGEST_ATTEMPT: Duration = Duration::from_secs(10);

/// Hands letters in at one server, in the name of one sender. Each letter has a connection of its own.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mailer").finish_non_exhaustive()
    }
}

impl Mailer {
    /// A mailer for this server. It trusts Mozilla's authorities and these. `hello` is the name that this
    /// machine introduces itself with.
    ///
    /// # Errors
    /// The sender is no mailbox, or an authority no certificate.
    pub fn new(
        server: MailServer,
        credentials: Option<Credentials>,
        from: &str,
        hello: &str,
        extra_authorities: &[CertificateDer<'static>],
    ) -> Result<Self, MailError> {
        let from: Mailbox = from.parse().map_err(|_| MailError::Sender)?;
        let tls = match server.encryption {
            Encryption::None => Tls::None,
            Encryption::Implicit => Tls::Wrapper(parameters(&server.host, extra_authorities)?),
            Encryption::Upgraded => Tls::Required(parameters(&server.host, extra_authorities)?),
        };
        let mut transport: AsyncSmtpTransportBuilder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host)
                .port(server.port)
                .tls(tls)
                .hello_name(ClientId::Domain(hello.to_owned()))
                .timeout(Some(LONGEST_ATTEMPT));
        if let Some(Credentials { user, password }) = credentials {
            let password = String::clone(&password);
            transport = transport.credentials(authentication::Credentials::new(user, password));
        }
        Ok(Self { transport: transport.build(), from })
    }

    /// Hands a letter in. Taken means that the server answers for it from now on, not that it was read.
    ///
    /// # Errors
    /// It was not taken.
    pub async fn send(&self, letter: &Letter) -> Result<(), MailError> {
        let message = letter.written(&self.from)?;
        match tokio::time::timeout(LONGEST_ATTEMPT, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(MailError::NotTaken(error)),
            Err(_) => Err(MailError::Timeout),
        }
    }
}

fn parameters(host: &str, extra_authorities: &[CertificateDer<'static>]) -> Result<TlsParameters, MailError> {
    let mut parameters =
        TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::WebpkiRoots);
    for authority in extra_authorities {
        let certificate = Certificate::from_der(authority.to_vec()).map_err(MailError::Tls)?;
        parameters = parameters.add_root_certificate(certificate);
    }
    parameters.build_rustls().map_err(MailError::Tls)
}
