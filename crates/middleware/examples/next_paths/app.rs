//! A running Next.js app, and connections to it.

use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::MARKER;
use crate::generator::Request;
use crate::judge::{Forwarded, RULED};

/// One version of Next.js, serving the fixture.
pub struct App {
    pub version: String,
    pub address: SocketAddr,
    /// The name of the build, as in `/_next/data/<build>/`.
    pub build: String,
    /// Server Actions of the ruled pages.
    pub actions: Vec<String>,
    /// Files below `/_next/static/`.
    pub files: Vec<String>,
}

/// What matters of an answer.
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub has_marker: bool,
}

impl App {
    /// Reads `<version>=<address>=<folder>`.
    pub fn open(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '=');
        let (Some(version), Some(address), Some(folder)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("--app {text}: write <version>=<address>=<folder>"));
        };
        let address: SocketAddr = address.parse().map_err(|_| format!("{address}: not an address"))?;
        if !address.ip().is_loopback() {
            return Err(format!("{address}: only loopback addresses"));
        }
        let output = Path::new(folder).join(".next");
        let read = |name: &str| {
            let path = output.join(name);
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let manifest: serde_json::Value =
            serde_json::from_str(&read("server/server-reference-manifest.json")?)
                .map_err(|error| error.to_string())?;
        let actions = manifest["node"].as_object().map(|node| node.keys().cloned().collect());
        let mut files = Vec::new();
        list(&output.join("static"), "/_next/static", &mut files);
        files.sort();
        Ok(Self {
            version: version.to_owned(),
            address,
            build: read("BUILD_ID")?.trim().to_owned(),
            actions: actions.unwrap_or_default(),
            files,
        })
    }

    pub async fn connect(&self) -> Result<Connection, String> {
        Ok(Connection { address: self.address, sender: None })
    }

    /// Every ruled page, asked for directly, must return the marker, or the check would prove nothing.
    pub async fn check_controls(&self) -> Result<(), String> {
        let mut connection = self.connect().await?;
        for page in RULED.iter().copied().chain(["/admin/users/1", "/admin/file.txt", "/admin/logo.svg"]) {
            let answer = connection.control(&Request::get(page)).await?;
            if !answer.is_some_and(|answer| answer.has_marker) {
                return Err(format!("Next.js {}: {page} does not return the marker", self.version));
            }
        }
        if self.actions.is_empty() || self.files.is_empty() {
            return Err(format!("Next.js {}: no Server Action or no static file was built", self.version));
        }
        Ok(())
    }
}

fn list(folder: &Path, below: &str, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{below}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            list(&entry.path(), &name, files);
        } else {
            // `[id]` in a file's name is percent-encoded by the browser.
            files.push(name.replace('[', "%5B").replace(']', "%5D"));
        }
    }
}

/// A keep-alive connection that is opened again when the app closed it.
pub struct Connection {
    address: SocketAddr,
    sender: Option<http1::SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub async fn send(&mut self, request: &Forwarded) -> Result<Answer, String> {
        let build = || build(&request.method, &request.target, &request.headers, &request.body);
        build().ok_or_else(|| format!("what is forwarded is no request: {request}"))?;
        self.exchange(build).await
    }

    /// Sends what was refused as it came; nothing when it cannot be written as a request.
    pub async fn control(&mut self, request: &Request) -> Result<Option<Answer>, String> {
        let build = || build(&request.method, &request.target, &request.headers, &request.body);
        if build().is_none() {
            return Ok(None);
        }
        self.exchange(build).await.map(Some)
    }

    async fn exchange(
        &mut self,
        build: impl Fn() -> Option<http::Request<Full<Bytes>>>,
    ) -> Result<Answer, String> {
        let mut failure = String::new();
        for _ in 0..3 {
            match self.attempt(&build).await {
                Ok(answer) => return Ok(answer),
                Err(error) => failure = error,
            }
            self.sender = None;
        }
        Err(format!("{}: {failure}", self.address))
    }

    async fn attempt(
        &mut self,
        build: &impl Fn() -> Option<http::Request<Full<Bytes>>>,
    ) -> Result<Answer, String> {
        let sender = match &mut self.sender {
            Some(sender) => sender,
            None => {
                let stream = TcpStream::connect(self.address).await.map_err(|error| error.to_string())?;
                stream.set_nodelay(true).map_err(|error| error.to_string())?;
                let (sender, connection) =
                    http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
                tokio::spawn(connection);
                self.sender.insert(sender)
            }
        };
        sender.ready().await.map_err(|error| error.to_string())?;
        let request = build().ok_or("not a request")?;
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
        let location = location.map(str::to_owned);
        let in_headers = answer.headers().values().any(|value| contains_marker(value.as_bytes()));
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer { status, location, has_marker: in_headers || contains_marker(&body) })
    }
}

fn contains_marker(text: &[u8]) -> bool {
    text.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
}

fn build(
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &str,
) -> Option<http::Request<Full<Bytes>>> {
    let mut request = http::Request::builder().method(method).uri(target);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request = request.header("host", "app.example");
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).ok()
}
