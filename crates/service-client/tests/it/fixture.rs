//! What a provider's documentation shows of its requests and answers, and how a request is held against it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalogue::Values;
use serde::Deserialize;
use url::Url;

use crate::service_server::Asked;

/// What a provider's documentation shows, with invented values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    #[serde(default)]
    pub variables: Values,
    #[serde(default)]
    pub callback: Values,
    pub connect: Step,
    pub extension: Option<Step>,
    pub refresh: Option<Step>,
    pub refusal: Option<Refusal>,
    pub revoke: Option<Step>,
    #[serde(default)]
    pub discovery: Vec<DiscoveryStep>,
    pub expect: Expect,
}

/// A request for a token, or for its end: what proves it, every parameter and nothing more.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub method: String,
    /// With the whole query, except where `body_format` is `query`.
    pub url: Url,
    /// `Basic user:password` (before encoding), `Bearer token`, or `none`.
    pub authorization: String,
    /// Further headers that have to come.
    #[serde(default)]
    pub headers: Values,
    /// The parameters; `*` is anything, which the end of a grant does not have.
    pub body: BTreeMap<String, toml::Value>,
    pub body_format: BodyFormat,
    /// Parameters that are sent although the documentation does not show them.
    #[serde(default)]
    pub extra: BTreeSet<String>,
    #[serde(default = "ok")]
    pub status: u16,
    pub answer: String,
}

/// Where the parameters of a request are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    Form,
    Json,
    Query,
    /// In `Authorization` (RFC 5849, 3.5.1).
    Oauth1,
    None,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub status: u16,
    pub answer: String,
}

/// A call with the new token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscoveryStep {
    pub url: Url,
    /// Where it is not `Bearer` and the token.
    pub authorization: Option<String>,
    pub answer: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub access_token: Option<String>,
    pub refresh_token: Option<String>,
    pub seconds: Option<f64>,
    pub base: String,
    #[serde(default)]
    pub learned: Values,
}

const fn ok() -> u16 {
    200
}

/// Every fixture of the catalogue, by the name of its service.
pub fn every_fixture() -> BTreeMap<String, Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalogue/fixtures");
    let read = |path: &Path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let fixture = Fixture::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, fixture)
    };
    std::fs::read_dir(folder).unwrap().map(|file| read(&file.unwrap().path())).collect()
}

impl Fixture {
    pub fn parse(text: &str) -> Result<Self, String> {
        let fixture: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        match &fixture.revoke {
            Some(revoke) if !revoke.is_exact() => Err("revoke leaves open what is sent".to_owned()),
            _ => Ok(fixture),
        }
    }

    /// The hosts that it knows.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let steps =
            [Some(&self.connect), self.extension.as_ref(), self.refresh.as_ref(), self.revoke.as_ref()];
        let urls = steps.into_iter().flatten().map(|step| &step.url);
        urls.chain(self.discovery.iter().map(|step| &step.url)).map(|url| url.host_str().unwrap())
    }

    /// The calls with the new token.
    pub fn discoveries(&self) -> impl Iterator<Item = Step> {
        let token = self.expect.access_token.as_deref().unwrap_or("*");
        self.discovery.iter().map(move |call| Step {
            method: "GET".to_owned(),
            url: call.url.clone(),
            authorization: call.authorization.clone().unwrap_or_else(|| format!("Bearer {token}")),
            headers: Values::new(),
            body: BTreeMap::new(),
            body_format: BodyFormat::None,
            extra: BTreeSet::new(),
            status: 200,
            answer: call.answer.clone(),
        })
    }
}

impl Step {
    fn is_exact(&self) -> bool {
        let open = |text: &str| text.ends_with('*');
        !open(&self.authorization)
            && self.extra.is_empty()
            && !self.body.values().any(|value| open(&text(value)))
    }

    /// What of a request is not as the provider documents it.
    pub fn differs(&self, asked: &Asked) -> Vec<String> {
        let mut found = Vec::new();
        let mut expect = |what: &str, expected: &str, sent: &str| {
            if !fits(expected, sent) {
                found.push(format!("{what} is {sent:?}, not {expected:?}"));
            }
        };
        expect("the method", &self.method, &asked.method);
        expect("the host", self.url.host_str().unwrap(), asked.host());
        expect("the path", self.url.path(), asked.path());
        expect("what proves it", &self.authorization, &proof(asked));
        for (name, value) in &self.headers {
            expect(name, value, asked.header(&name.to_ascii_lowercase()).unwrap_or_default());
        }
        let kind = match self.body_format {
            BodyFormat::Form => Some("application/x-www-form-urlencoded"),
            BodyFormat::Json => Some("application/json"),
            BodyFormat::Query | BodyFormat::Oauth1 | BodyFormat::None => None,
        };
        expect("the body's type", kind.unwrap_or_default(), asked.header("content-type").unwrap_or_default());

        let mut shown: BTreeMap<String, String> =
            self.body.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let mut query: BTreeMap<String, String> = self.url.query_pairs().into_owned().collect();
        if self.body_format == BodyFormat::Query {
            query.append(&mut shown);
        }
        let body = match self.body_format {
            BodyFormat::Json => members(&asked.body),
            BodyFormat::Form => asked.form(),
            _ if !asked.body.is_empty() => vec![("a body".to_owned(), String::new())],
            BodyFormat::Oauth1 => asked.oauth1(),
            BodyFormat::Query | BodyFormat::None => Vec::new(),
        };
        let mut unused = self.extra.clone();
        for (what, shown, sent) in [("query", query, asked.query()), ("body", shown, body)] {
            for (name, value) in &shown {
                match sent.iter().filter(|(known, _)| known == name).collect::<Vec<_>>()[..] {
                    [] => found.push(format!("the {what} has no {name}")),
                    [(_, found_value)] if fits(value, found_value) => {}
                    [(_, found_value)] => found.push(format!("{name} is {found_value:?}, not {value:?}")),
                    _ => found.push(format!("the {what} has {name} twice")),
                }
            }
            for (name, _) in sent.iter().filter(|(name, _)| !shown.contains_key(name)) {
                if !unused.remove(name) {
                    found.push(format!("the {what} has {name}, which is not documented"));
                }
            }
        }
        found.extend(unused.iter().map(|name| format!("{name} is an extra that is not sent")));
        found
    }
}

/// What is in `Authorization`, with user name and password as they are.
fn proof(asked: &Asked) -> String {
    let Some(value) = asked.header("authorization") else { return "none".to_owned() };
    let pair = value.strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok());
    let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
    pair.map_or_else(|| value.to_owned(), |pair| format!("Basic {pair}"))
}

/// Whether it is this; `*` at the end is anything but nothing.
fn fits(expected: &str, sent: &str) -> bool {
    match expected.strip_suffix('*') {
        Some(start) => sent.strip_prefix(start).is_some_and(|rest| !rest.is_empty()),
        None => expected == sent,
    }
}

fn text(value: &toml::Value) -> String {
    value.as_str().map_or(value.to_string(), str::to_owned)
}

fn members(body: &[u8]) -> Vec<(String, String)> {
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: serde_json::Value| value.as_str().map_or(value.to_string(), str::to_owned);
    object.into_iter().map(|(name, value)| (name, text(value))).collect()
}
