//! A session with a PostgreSQL server, from the first byte to the first statement.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cryptography::SecretBytes;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::{Client, Config, Connection, Error, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::statements::Statements;
use super::wire::{Begun, Stopped, Wire};
use crate::dial::Way;
use crate::{ConnectError, Tls, tls};

/// How long a server may take to agree on TLS, and again to let us in.
const PATIENCE: Duration = Duration::from_secs(10);
/// A message that is shorter is taken under every limit.
const SHORT: usize = 1 << 20;
/// No message that is longer is taken under any limit: it is in memory as a whole before it can be written.
const LONG: usize = 16 << 20;

/// All that opening a session takes.
pub(crate) struct Opener {
    way: Way,
    tls: Result<Option<MakeRustlsConnect>, ConnectError>,
    user: String,
    database: String,
    password: SecretBytes,
    settings: String,
    is_read_only: bool,
    longest: usize,
}

/// What the server is told at the start of a session, and what every reset goes back to.
pub(crate) struct Settings<'a> {
    /// Names and values without blanks.
    pub(crate) settings: &'a [(&'a str, String)],
    /// Whether the session has to say that it is read-only.
    pub(crate) is_read_only: bool,
}

impl Opener {
    /// To a database that is reached this way. An answer of a server may have this many bytes.
    pub(crate) fn new(
        way: Way,
        tls: &Tls,
        (user, database): (&str, &str),
        password: SecretBytes,
        settings: &Settings<'_>,
        most_bytes: u64,
    ) -> Self {
        let options: Vec<String> =
            settings.settings.iter().map(|(name, value)| format!("-c {name}={value}")).collect();
        Self {
            way,
            tls: tls::configuration(tls)
                .map(|configuration| configuration.map(|tls| MakeRustlsConnect::new((*tls).clone()))),
            user: user.to_owned(),
            database: database.to_owned(),
            password,
            settings: options.join(" "),
            is_read_only: settings.is_read_only,
            longest: usize::try_from(most_bytes).unwrap_or(LONG).clamp(SHORT, LONG),
        }
    }

    /// The host behind it.
    pub(crate) fn host(&self) -> String {
        self.way.host().to_string()
    }

    /// The most bytes of a message, and so of a row.
    pub(crate) fn longest(&self) -> u64 {
        self.longest as u64
    }

    /// A connection over which nothing of the protocol has been said.
    ///
    /// # Errors
    /// No way there, or no TLS.
    async fn wire(&self) -> Result<Wire, ConnectError> {
        let tls = self.tls.clone()?;
        let stream = self.way.dial().await?;
        timeout(PATIENCE, Wire::over(stream, tls.as_ref(), &self.host(), self.longest))
            .await
            .map_err(|_| ConnectError::Timeout)?
    }

    /// A session.
    ///
    /// # Errors
    /// The step that failed.
    pub(crate) async fn open(&self) -> Result<Session, ConnectError> {
        let wire = self.wire().await?;
        let connecting = async {
            // Set one by one: there is no text out of which options could be read.
            let mut config = Config::new();
            config
                .user(&self.user)
                .dbname(&self.database)
                .password(self.password.reveal())
                .application_name("vybe")
                .options(&self.settings)
                // TLS has begun, if it was wanted.
                .ssl_mode(if matches!(self.tls, Ok(Some(_))) { SslMode::Require } else { SslMode::Disable })
                .ssl_negotiation(SslNegotiation::Direct);
            let (client, connection) =
                config.connect_raw(wire, Begun).await.map_err(|error| refused(&error))?;
            let session = Session::over(client, connection);
            if self.is_read_only {
                session.confirm_read_only().await?;
            }
            Ok(session)
        };
        timeout(PATIENCE, connecting).await.map_err(|_| ConnectError::Timeout)?
    }

    /// Asks the server to stop what a session is running, on a connection of its own.
    ///
    /// # Errors
    /// The server was not reached.
    pub(crate) async fn cancel(&self, session: &Session) -> Result<(), ConnectError> {
        let wire = self.wire().await?;
        let token = session.client.cancel_token();
        let cancelling = token.cancel_query_raw(wire, Begun);
        timeout(PATIENCE, cancelling).await.map_err(|_| ConnectError::Timeout)?.map_err(|_| ConnectError::Tcp)
    }
}

/// A session. Whatever is not [`clean`](Session::is_clean) when it is dropped, is cut off.
pub(crate) struct Session {
    /// What speaks to the server.
    pub(crate) client: Arc<Client>,
    connection: JoinHandle<()>,
    sent_too_much: Arc<AtomicBool>,
    /// Statements that the server has prepared for us.
    pub(crate) statements: Statements,
    /// The caller that the server was told of last.
    pub(crate) caller: Option<String>,
    /// Whether nothing is running, and nothing is left of what ran.
    pub(crate) is_clean: bool,
}

impl Session {
    fn over(client: Client, mut connection: Connection<Wire, Wire>) -> Self {
        let sent_too_much = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&sent_too_much);
        let connection = tokio::spawn(async move {
            // Notices are for whoever sits at a terminal.
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                if let Err(error) = message {
                    flag.store(stopped(&error) == Some(Stopped::TooLong), Ordering::Release);
                    break;
                }
            }
        });
        Self {
            client: Arc::new(client),
            connection,
            sent_too_much,
            statements: Statements::default(),
            caller: None,
            is_clean: true,
        }
    }

    /// Whether it broke because the server sent a message that is longer than is taken.
    pub(crate) fn sent_too_much(&self) -> bool {
        self.sent_too_much.load(Ordering::Acquire)
    }

    /// Whether it is of no use any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.client.is_closed() || self.connection.is_finished()
    }

    /// The server may have been told through somebody in between who takes no settings.
    async fn confirm_read_only(&self) -> Result<(), ConnectError> {
        let asked = "SHOW default_transaction_read_only";
        let answer = self.client.simple_query(asked).await.map_err(|error| refused(&error))?;
        let is_on = answer.iter().any(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0) == Some("on"),
            _ => false,
        });
        if is_on { Ok(()) } else { Err(ConnectError::ReadOnly) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.is_clean {
            self.connection.abort();
        }
    }
}

/// Why the server was not listened to any more, if that is so.
fn stopped(error: &Error) -> Option<Stopped> {
    let inner = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    inner.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<Stopped>()).copied()
}

/// Why there is no session, by SQLSTATE (PostgreSQL documentation, appendix A).
fn refused(error: &Error) -> ConnectError {
    if stopped(error) == Some(Stopped::ClearPassword) {
        return ConnectError::LoginNeedsTls;
    }
    let Some(said) = error.as_db_error() else {
        let is_io = error.source().is_some_and(|source| source.is::<io::Error>());
        return match is_io || error.is_closed() {
            true => ConnectError::Protocol,
            // It asks for a way to sign in that this client has not, or cannot prove that it knows the password.
            false => ConnectError::Login,
        };
    };
    match said.code().code() {
        "3D000" | "42501" => ConnectError::Database,
        "53300" | "57P03" => ConnectError::Full,
        code if code.starts_with("28") => ConnectError::Login,
        _ => ConnectError::Protocol,
    }
}
