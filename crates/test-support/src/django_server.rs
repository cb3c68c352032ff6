//! An authorization server that is not ours: Django OAuth Toolkit, whose refresh tokens may be sent again for a while.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use url::Url;

use crate::token_server::{CLIENT_ID, CLIENT_SECRET};
use crate::{Authority, Client, python};

/// More redirects than this are a loop.
const MOST_REDIRECTS: usize = 10;

/// A running server; it ends when dropped.
pub struct DjangoServer {
    child: Child,
    address: SocketAddr,
    authority: Authority,
    _folder: tempfile::TempDir,
}

impl DjangoServer {
    /// Starts one that sends browsers back to `redirect`. Access tokens live so many seconds, and a refresh token that was
    /// used may be sent again for `grace` seconds.
    ///
    /// # Panics
    /// Python is missing, or the server does not start.
    #[must_use]
    pub fn start(redirect: &str, lives: u32, grace: u32) -> Self {
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["127.0.0.1"]);
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        fs::write(place("certificate.pem"), certificate.certificate).expect("a certificate");
        fs::write(place("key.pem"), certificate.key).expect("a key");
        let given = json!({
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "redirect": redirect,
            "lives": lives,
            "grace": grace,
            "certificate": place("certificate.pem"),
            "key": place("key.pem"),
            "database": place("database.sqlite"),
        });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/authorization_server.py");
        let mut child = Command::new(python::programs().join("python"))
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let questions = child.stdin.as_mut().expect("standard input");
        writeln!(questions, "{given}").expect("it reads its input");
        let mut line = String::new();
        let answers = child.stdout.take().expect("standard output");
        BufReader::new(answers).read_line(&mut line).expect("a line of text");
        let started: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let address = started["address"].as_str().and_then(|text| text.parse().ok()).expect("an address");
        Self { child, address, authority, _folder: folder }
    }

    /// `https://address:port`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate that its own is signed with.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn root(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.authority.certificate().as_bytes()).expect("a certificate")
    }

    /// Who signed its certificate.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What a person does at its pages, from the redirect that leads there. Answers the address to which they are sent back.
    ///
    /// # Panics
    /// The server does something else than redirect.
    pub async fn authorize(&self, address: &str) -> Url {
        let browser = Client::new(self.address, &self.authority.trust());
        let mut there = Url::parse(address).expect("an address");
        let origin = there.origin();
        for _ in 0..MOST_REDIRECTS {
            let response = browser.get(there.as_str()).await;
            assert_eq!(response.status, 302, "{}", response.text());
            there = there.join(response.location()).expect("a redirect to an address");
            if there.origin() != origin {
                return there;
            }
        }
        panic!("the server does not send back");
    }
}

impl Drop for DjangoServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
