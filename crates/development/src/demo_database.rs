//! A database to try the data gateway with: PostgreSQL with a few tables, on loopback, gone when `vybe dev` ends.

use std::net::{Ipv4Addr, TcpListener};

use cryptography::Token;
use local_postgres::{Certificate, Listen, LocalServer, Programs, Protection};
use zeroize::Zeroizing;

use crate::authority::loopback_certificate;
use crate::{DevelopmentError, Folder};

/// The tables, and what is in them.
const TABLES: &str = include_str!("demo_database.sql");

/// A running database.
#[derive(Debug)]
pub struct DemoDatabase {
    port: u16,
    password: Zeroizing<String>,
    _server: LocalServer,
}

impl DemoDatabase {
    /// The database that there is.
    pub const NAME: &'static str = "postgres";
    /// Who signs in. The role may read, and nothing else.
    pub const USER: &'static str = "reporting";

    /// Starts one, if PostgreSQL is installed. It answers over TLS with a certificate of the folder's authority.
    ///
    /// # Errors
    /// It is installed and does not start.
    pub fn start(folder: &Folder, domain: &str) -> Result<Option<Self>, DevelopmentError> {
        let Some(programs) = Programs::find() else { return Ok(None) };
        let (chain, key) = loopback_certificate(folder, domain)?;
        let password = new_password()?;
        let port = free_port()?;
        let protection = Protection {
            password: new_password()?.to_string(),
            certificate: Some(Certificate { chain, key: key.to_string() }),
        };
        let server =
            LocalServer::start(programs, &Listen::Loopback(port, protection), &["shared_buffers=32MB"])?;
        server.execute(Self::NAME, &TABLES.replace("{password}", &password))?;
        Ok(Some(Self { port, password, _server: server }))
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of [`DemoDatabase::USER`].
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

fn new_password() -> Result<Zeroizing<String>, DevelopmentError> {
    Ok(Token::generate().map_err(|_| DevelopmentError::Key)?.reveal())
}

/// A port that nobody listens on now. Somebody else may take it before the server does, which then does not start.
fn free_port() -> Result<u16, DevelopmentError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(DevelopmentError::Listen)?;
    Ok(listener.local_addr().map_err(DevelopmentError::Listen)?.port())
}
