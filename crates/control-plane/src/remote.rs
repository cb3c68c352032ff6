//! A running platform, as commands speak to it: its own API, with an API token.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::{StartError, config, trust};

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which platform, and as whom.
#[derive(Args)]
pub(crate) struct RemoteArguments {
    /// The platform's origin, such as https://vybe.example.com.
    #[arg(long, value_name = "ORIGIN")]
    url: String,
    /// The file that holds an API token (vybe_api_…); without it, VYBE_TOKEN holds one.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A certificate authority to trust besides the web's (PEM), such as vybe-data/authority.pem.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// A platform to ask.
pub(crate) struct Remote {
    client: reqwest::Client,
    origin: Url,
    token: Zeroizing<String>,
}

/// What the platform says when it refuses (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

impl Remote {
    /// Makes a client. Nothing is asked yet.
    pub(crate) fn new(arguments: &RemoteArguments) -> Result<Self, StartError> {
        let origin = Url::parse(&arguments.url).ok().filter(is_origin).ok_or_else(|| {
            StartError::Remote(format!("{:?} is no origin: use https://<host>[:<port>]", arguments.url))
        })?;
        let extra = match &arguments.ca_file {
            Some(path) => trust::authorities(path)
                .map_err(|reason| StartError::Remote(format!("--ca-file: {reason}")))?,
            None => Vec::new(),
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(trust::client_config(&extra)?)
            .https_only(true)
            // A token is for one origin.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .user_agent(concat!("vybe/", env!("CARGO_PKG_VERSION")));
        if let Some(Host::Domain(host)) = origin.host()
            && host.ends_with(".localhost")
        {
            // RFC 6761, section 6.3; not every resolver knows it.
            builder = builder.no_proxy().resolve(host, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        }
        let client = builder.build().map_err(|error| StartError::Remote(error.to_string()))?;
        Ok(Self { client, origin, token: token(arguments.token_file.as_deref())? })
    }

    /// `GET`; parameters are added to the path percent-encoded.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, StartError> {
        let mut url = self.address(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.ask(self.client.request(Method::GET, url)).await
    }

    /// `POST` of JSON.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, StartError> {
        self.ask(self.client.request(Method::POST, self.address(path)?).json(body)).await
    }

    /// An address of the API, by the segments of its path.
    fn address(&self, path: &[&str]) -> Result<Url, StartError> {
        let mut url = self.origin.clone();
        let unfit = |()| StartError::Remote(format!("{} is no origin", self.origin));
        url.path_segments_mut().map_err(unfit)?.extend(["api", "v1"]).extend(path);
        Ok(url)
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, StartError> {
        let unanswered = |error: reqwest::Error| StartError::Remote(self.unanswered(&error));
        let mut answer = request.bearer_auth(self.token.as_str()).send().await.map_err(unanswered)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(StartError::Remote("the platform's answer is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(StartError::Remote(match serde_json::from_slice::<Problem>(&body) {
                Ok(Problem { code, .. }) if status == StatusCode::UNAUTHORIZED => format!(
                    "{} does not accept the API token (401 {code}): it has ended, was revoked, or is for another platform",
                    self.origin
                ),
                Ok(Problem { code, detail }) => {
                    format!("{}: {detail} ({} {code})", self.origin, status.as_u16())
                }
                Err(_) => format!("{} answered {status}, and not as a platform does", self.origin),
            }));
        }
        serde_json::from_slice(&body).map_err(|error| {
            StartError::Remote(format!("{} answered what this version does not know: {error}", self.origin))
        })
    }

    /// What happened, with the innermost cause, which is what an operator can do something about.
    fn unanswered(&self, error: &reqwest::Error) -> String {
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        format!("{} did not answer: {cause}; check --url and --ca-file", self.origin)
    }
}

fn is_origin(url: &Url) -> bool {
    url.scheme() == "https"
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

fn token(file: Option<&Path>) -> Result<Zeroizing<String>, StartError> {
    let text = match file {
        Some(path) => Zeroizing::new(
            std::fs::read_to_string(path)
                .map_err(|source| StartError::File { path: path.to_owned(), source })?,
        ),
        None => config::api_token().ok_or_else(|| {
            StartError::Remote(
                "an API token is needed: name its file with --token-file, or set VYBE_TOKEN".to_owned(),
            )
        })?,
    };
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// An organization, as lists name it.
#[derive(Deserialize)]
struct Named {
    id: String,
    slug: String,
}

/// A piece of a list of apps.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Apps {
    apps: Vec<Named>,
    next_cursor: Option<String>,
}

impl Remote {
    /// The identifier of an organization that the token's person belongs to.
    pub(crate) async fn organization(&self, slug: &str) -> Result<String, StartError> {
        let own: Vec<Named> = self.get(&["organizations"], &[]).await?;
        let found = own.into_iter().find(|organization| organization.slug == slug);
        found.map(|organization| organization.id).ok_or_else(|| {
            StartError::Remote(format!("the token's person belongs to no organization called {slug}"))
        })
    }

    /// The identifier of the one organization that the token's person belongs to.
    pub(crate) async fn only_organization(&self) -> Result<String, StartError> {
        let own: Vec<Named> = self.get(&["organizations"], &[]).await?;
        match own.as_slice() {
            [one] => Ok(one.id.clone()),
            [] => Err(StartError::Remote("the token's person belongs to no organization".to_owned())),
            several => Err(StartError::Remote(format!(
                "the token's person belongs to several organizations; name one with --organization: {}",
                several.iter().map(|one| one.slug.as_str()).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// The apps of an organization that the token's person may open, piece by piece.
    async fn apps_of(&self, organization: &str) -> Result<Vec<Named>, StartError> {
        let path = ["organizations", organization, "apps"];
        let mut piece: Apps = self.get(&path, &[("limit", "200")]).await?;
        let mut apps = piece.apps;
        while let Some(cursor) = piece.next_cursor {
            piece = self.get(&path, &[("limit", "200"), ("cursor", &cursor)]).await?;
            apps.append(&mut piece.apps);
        }
        Ok(apps)
    }

    /// The identifier of an app, by its own slug and that of its organization, unless it is one already.
    pub(crate) async fn app(&self, app: &str, organization: Option<&str>) -> Result<String, StartError> {
        if app.parse::<ids::AppId>().is_ok() {
            return Ok(app.to_owned());
        }
        let own: Vec<Named> = self.get(&["organizations"], &[]).await?;
        let mut found = Vec::new();
        for place in own.iter().filter(|own| organization.is_none_or(|wanted| own.slug == wanted)) {
            let apps = self.apps_of(&place.id).await?;
            found.extend(apps.into_iter().filter(|known| known.slug == app).map(|known| known.id));
        }
        match found.as_slice() {
            [id] => Ok(id.clone()),
            [] => Err(StartError::Remote(format!(
                "there is no app called {app} that the token's person may open"
            ))),
            _ => Err(StartError::Remote(format!(
                "several organizations have an app called {app}; name one with --organization"
            ))),
        }
    }
}
