//! A browser before servers that may be gone, or go meanwhile.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use test_support::{Client, Request, Response};

use super::processes::{Fleet, ORIGIN};

/// More redirects than this are a loop.
const MOST_REDIRECTS: usize = 12;

/// Why nobody of the platform answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// 502 or 503: the request was not, or perhaps not, done.
    Unavailable(u16),
    /// No connection, or no whole answer on it.
    Connection(ErrorKind),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(status) => write!(formatter, "{status}"),
            Self::Connection(kind) => write!(formatter, "{kind}"),
        }
    }
}

/// How often what failed.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<(&'static str, Failure), usize>>);

impl Tally {
    pub fn add(&self, what: &'static str, failure: Failure) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((what, failure)).or_default() += 1;
    }

    /// Of them all, those that were not a clean 502 or 503.
    pub fn unclean(&self) -> usize {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = |failure: &Failure| matches!(failure, Failure::Connection(_));
        counts.iter().filter(|((_, failure), _)| connection(failure)).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.is_empty() {
            return formatter.write_str("none");
        }
        for (number, ((what, failure), count)) in counts.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(formatter, "{comma}{count} × {failure} ({what})")?;
        }
        Ok(())
    }
}

/// Somebody's browser.
pub struct Visitor {
    pub client: Client,
    /// Who they are at the provider.
    pub login: String,
}

impl Visitor {
    pub fn new(client: Client, login: &str) -> Self {
        Self { client, login: login.to_owned() }
    }

    /// The same browser, with the same cookies, before another server.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self::new(self.client.at(address), &self.login)
    }

    /// The e-mail address that the provider vouches for.
    pub fn email(&self) -> String {
        format!("{}@example.com", self.login)
    }

    /// Types an address and follows no redirect.
    pub async fn open_once(&self, url: &str) -> Result<Response, Failure> {
        let request = self
            .client
            .request("GET", url)
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-site", "none");
        answered(request).await
    }

    /// Types an address and follows every redirect.
    pub async fn open(&self, url: &str) -> Result<Response, Failure> {
        let mut response = self.open_once(url).await?;
        for _ in 0..MOST_REDIRECTS {
            let Some(there) = redirect(&response) else { return Ok(response) };
            response = self.open_once(&there).await?;
        }
        panic!("the redirects do not end: {}", response.location());
    }

    /// Opens an address that needs a sign-in, signs in at the provider, and ends where that leads.
    pub async fn sign_in(&self, fleet: &Fleet, url: &str) -> Result<Response, Failure> {
        let mut response = self.open_once(url).await?;
        for _ in 0..MOST_REDIRECTS {
            let Some(there) = redirect(&response) else { return Ok(response) };
            if there.starts_with(&fleet.provider.issuer()) {
                let back = fleet.provider.authorize(&self.client, &there, &self.login).await;
                return self.open(back.as_str()).await;
            }
            response = self.open_once(&there).await?;
        }
        panic!("{url} does not lead to the provider");
    }

    /// Submits a form of the platform's, and follows no redirect.
    pub async fn submit(&self, url: &str, fields: &[(&str, &str)]) -> Result<Response, Failure> {
        let request = self
            .client
            .request("POST", url)
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-site", "same-origin")
            .header("origin", ORIGIN);
        answered(request.form(fields)).await
    }

    /// Calls the API as one of the platform's own pages.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Result<Response, Failure> {
        let request = self
            .client
            .request(method, &format!("{ORIGIN}{path}"))
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-site", "same-origin")
            .header("origin", ORIGIN);
        answered(if body.is_null() { request } else { request.json(body) }).await
    }

    /// The same, and insists on success.
    pub async fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self
            .call(method, path, body)
            .await
            .unwrap_or_else(|failure| panic!("{method} {path}: {failure}"));
        assert!((200..=299).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }
}

async fn answered(request: Request<'_>) -> Result<Response, Failure> {
    match request.try_send().await {
        Ok(response) if matches!(response.status, 502 | 503) => Err(Failure::Unavailable(response.status)),
        Ok(response) => Ok(response),
        Err(error) => Err(Failure::Connection(error.kind())),
    }
}

fn redirect(response: &Response) -> Option<String> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    Some(response.url.as_ref()?.join(response.location()).unwrap().into())
}
