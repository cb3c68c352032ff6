//! A browser as far as signing in needs one: cookies by host, redirects, one form.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use crate::ProofError;
use crate::client::{Client, Question, Reply};

/// More redirects than this are a loop.
const MOST_REDIRECTS: usize = 20;

pub(crate) struct Browser {
    client: Arc<Client>,
    /// Every cookie that is set is for one host and all its paths.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
}

/// A page, and where it was found after all redirects.
pub(crate) struct Page {
    pub url: Url,
    pub reply: Reply,
}

impl Browser {
    pub fn new(client: &Arc<Client>) -> Self {
        Self { client: Arc::clone(client), cookies: BTreeMap::new() }
    }

    /// Has this cookie of this host.
    pub fn with_cookie(mut self, host: &str, name: &str, value: &str) -> Self {
        self.cookies.entry(host.to_owned()).or_default().insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn cookie(&self, host: &str, name: &str) -> Option<&str> {
        self.cookies.get(host)?.get(name).map(String::as_str)
    }

    /// Types an address and follows every redirect.
    pub async fn open(&mut self, url: &str) -> Result<Page, ProofError> {
        self.follow(Question::new("GET", url)).await
    }

    /// Submits a form and follows every redirect.
    pub async fn submit(&mut self, url: &Url, fields: &[(String, String)]) -> Result<Page, ProofError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut question =
            Question::new("POST", url.as_str()).header("origin", url.origin().ascii_serialization());
        question.body = Some(("application/x-www-form-urlencoded", body));
        self.follow(question).await
    }

    async fn follow(&mut self, mut question: Question) -> Result<Page, ProofError> {
        for _ in 0..MOST_REDIRECTS {
            let unreachable = |reason: String| ProofError::Unreachable { url: question.url.clone(), reason };
            let url = Url::parse(&question.url).map_err(|error| unreachable(error.to_string()))?;
            let host = url.host_str().unwrap_or_default().to_owned();
            let question_sent = self.dressed(question.clone(), &host);
            let reply = self.client.ask(&question_sent).await?;
            self.take_cookies(&host, &reply);
            let location = reply.header("location").filter(|_| (300..400).contains(&reply.status));
            let Some(location) = location else { return Ok(Page { url, reply }) };
            let next = url.join(location).map_err(|error| unreachable(error.to_string()))?;
            question = Question::new("GET", next.as_str());
        }
        Err(ProofError::Unreachable { url: question.url, reason: "the redirects do not end".to_owned() })
    }

    fn dressed(&self, question: Question, host: &str) -> Question {
        let question = question
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("user-agent", "vybe prove");
        let Some(cookies) = self.cookies.get(host).filter(|cookies| !cookies.is_empty()) else {
            return question;
        };
        let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        question.header("cookie", pairs.join("; "))
    }

    fn take_cookies(&mut self, host: &str, reply: &Reply) {
        let cookies = self.cookies.entry(host.to_owned()).or_default();
        for header in reply.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()) {
            let Some((name, value)) = header.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let ends = header.to_ascii_lowercase().contains("max-age=0");
            if ends {
                cookies.remove(name.trim());
            } else {
                cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}
