//! A client that behaves like a browser: cookies by host, redirects, forms.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use url::Url;

use crate::cookies::Cookies;
use crate::{RawConnection, Response, Trust};

/// More redirects than this are a loop.
const MOST_REDIRECTS: usize = 20;

/// A client with one set of cookies. Names end at the address it was made with, except IP addresses and
/// `localhost`, which are what they say (an OpenID provider on a port of its own).
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    trust: Trust,
    cookies: Mutex<Cookies>,
}

impl Client {
    /// A client for the server at this address.
    #[must_use]
    pub fn new(address: SocketAddr, trust: &Trust) -> Self {
        Self { address, trust: trust.clone(), cookies: Mutex::default() }
    }

    /// Another one with the same cookies: a second browser with stolen ones.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.copy_for(self.address)
    }

    /// Another one with the same cookies, for a server at another address: a balancer chose another process.
    #[must_use]
    pub fn copy_for(&self, address: SocketAddr) -> Self {
        let copy = Self::new(address, &self.trust);
        *copy.cookies() = self.cookies().clone();
        copy
    }

    /// A GET that follows no redirect.
    ///
    /// # Panics
    /// No response comes.
    pub async fn get(&self, url: &str) -> Response {
        self.request("GET", url).send().await
    }

    /// A request to be filled in.
    ///
    /// # Panics
    /// The address is not one.
    #[must_use]
    pub fn request(&self, method: &str, url: &str) -> Request<'_> {
        let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        Request { client: self, method: method.to_owned(), url, headers: Vec::new(), body: Vec::new() }
    }

    /// Navigates as a browser does: a GET that asks for a page, and then every redirect until one comes,
    /// whose address is [`Response::url`].
    ///
    /// # Panics
    /// No response comes, or the redirects do not end.
    pub async fn visit(&self, url: &str) -> Response {
        let first = self.navigate(url).await;
        self.follow(first).await
    }

    async fn navigate(&self, url: &str) -> Response {
        self.request("GET", url)
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .send()
            .await
    }

    /// Every redirect from this response until a page comes, as [`Client::visit`] does.
    ///
    /// # Panics
    /// No response comes, or the redirects do not end.
    pub async fn follow(&self, mut response: Response) -> Response {
        for _ in 0..MOST_REDIRECTS {
            if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
                return response;
            }
            let here = response.url.clone().expect("a client's response has an address");
            let there = here.join(response.location()).expect("a redirect to an address");
            response = self.navigate(there.as_str()).await;
        }
        panic!("more than {MOST_REDIRECTS} redirects, the last to {}", response.location())
    }

    /// The value of a cookie that a host has set.
    #[must_use]
    pub fn cookie(&self, host: &str, name: &str) -> Option<String> {
        self.cookies().value(host, name).map(str::to_owned)
    }

    /// Puts a cookie in, as if the server at this address had sent this `Set-Cookie`.
    ///
    /// # Panics
    /// The address is not one.
    pub fn set_cookie(&self, url: &str, header: &str) {
        let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        self.cookies().set(&url, header);
    }

    /// The same browser, for the server at another address: names now end there.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.copy() }
    }

    /// Forgets all cookies.
    pub fn forget(&self) {
        *self.cookies() = Cookies::default();
    }

    /// A connection to where this address leads, for bytes by hand.
    ///
    /// # Panics
    /// It cannot be opened.
    pub async fn connect(&self, url: &str) -> RawConnection {
        self.try_connect(url).await.unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    /// The same where the server may be gone.
    ///
    /// # Errors
    /// It cannot be opened.
    ///
    /// # Panics
    /// The address is not one.
    pub async fn try_connect(&self, url: &str) -> std::io::Result<RawConnection> {
        let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        self.open(&url).await
    }

    /// The `Cookie` header it would send to this address.
    ///
    /// # Panics
    /// The address is not one.
    #[must_use]
    pub fn cookie_header(&self, url: &str) -> Option<String> {
        let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        self.cookies().header(&url)
    }

    async fn open(&self, url: &Url) -> std::io::Result<RawConnection> {
        let host = url.host_str().expect("a host").trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().expect("a port");
        let address = match host.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, port),
            Err(_) if host == "localhost" => SocketAddr::from(([127, 0, 0, 1], port)),
            Err(_) => self.address,
        };
        match url.scheme() {
            "https" => RawConnection::open(address, host, &self.trust).await,
            _ => RawConnection::plain(address).await,
        }
    }

    fn cookies(&self) -> MutexGuard<'_, Cookies> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request to be filled in and sent.
#[derive(Debug)]
pub struct Request<'a> {
    client: &'a Client,
    method: String,
    url: Url,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request<'_> {
    /// Adds a header. A `Cookie` of one's own replaces the client's.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body, as it is.
    #[must_use]
    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    /// A JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// An HTML form's body.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// Sends it on a connection of its own and keeps the cookies that come back.
    ///
    /// # Panics
    /// No response comes.
    pub async fn send(self) -> Response {
        let asked = format!("{} {}", self.method, self.url);
        self.try_send().await.unwrap_or_else(|error| panic!("{asked}: {error}"))
    }

    /// The same where the server may be gone, or go meanwhile.
    ///
    /// # Errors
    /// No connection, or no whole response.
    pub async fn try_send(self) -> std::io::Result<Response> {
        let Self { client, method, url, headers, body } = self;
        let has = |name: &str| headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        if !has("host") {
            head += &format!("Host: {authority}\r\n");
        }
        if let Some(cookies) = client.cookies().header(&url).filter(|_| !has("cookie")) {
            head += &format!("Cookie: {cookies}\r\n");
        }
        if !body.is_empty() || !matches!(method.as_str(), "GET" | "HEAD") {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        for (name, value) in &headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "Connection: close\r\n\r\n";

        let mut connection = client.open(&url).await?;
        // A server may answer and close before it has read the body; what counts is what it answers.
        let sent = connection.send([head.as_bytes(), &body].concat()).await;
        let response = if method == "HEAD" {
            connection.response_without_body().await
        } else {
            connection.response().await
        };
        let mut response = response.map_err(|error| match sent {
            Err(sending) if error.kind() == ErrorKind::UnexpectedEof => sending,
            _ => error,
        })?;
        for header in response.headers_named("set-cookie") {
            client.cookies().set(&url, header);
        }
        response.url = Some(url);
        Ok(response)
    }
}
