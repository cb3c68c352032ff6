//! One PostgreSQL server for all tests of this binary, over TLS, and a database for each.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use data_gateway::{GivenConnection, TlsMode};
use local_postgres::{Certificate, Listen, LocalServer, Programs, Protection};
use test_support::Authority;

use crate::office::{given, secret};

/// Of the server's superuser: nothing in it means anything to us.
pub const PASSWORD: &str = "canary p@ss#wo?rd/ :&=%'\"\\";

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
static DATABASES: AtomicU32 = AtomicU32::new(0);

pub struct Server {
    pub local: LocalServer,
    pub port: u16,
    pub authority: Authority,
}

impl Server {
    fn start() -> Self {
        let authority = Authority::new();
        let own = authority.certificate_for(&["localhost"]);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let protection = Protection {
            password: PASSWORD.to_owned(),
            certificate: Some(Certificate { chain: own.certificate, key: own.key }),
        };
        let settings = ["max_connections=300", "shared_buffers=32MB", "fsync=off", "full_page_writes=off"];
        let programs = Programs::find().expect("PostgreSQL is installed: `cargo xtask test` installs it");
        let local = LocalServer::start(programs, &Listen::Loopback(port, protection), &settings).unwrap();
        Self { local, port, authority }
    }
}

/// The server of this binary.
pub fn server() -> &'static Server {
    &SERVER
}

/// A new database on it, in which these statements were run.
pub fn database(statements: &str) -> String {
    let name = format!("d{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    server().local.execute("postgres", &format!("CREATE DATABASE {name}")).unwrap();
    if !statements.is_empty() {
        server().local.execute(&name, statements).unwrap();
    }
    name
}

/// A connection to one of its databases, over verified TLS.
pub fn reachable(name: &str, database: &str) -> GivenConnection {
    let mut given = given(name);
    given.destination.host = "localhost".to_owned();
    given.destination.port = server().port;
    given.destination.database = database.to_owned();
    given.destination.user = "postgres".to_owned();
    given.destination.tls = TlsMode::VerifyFull { authorities: Some(server().authority.certificate()) };
    given.password = secret(PASSWORD);
    given
}
