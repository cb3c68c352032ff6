//! A running platform, as commands speak to it: its own API, with an API token.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ids::ServiceRevocationId;
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

/// The pauses after which something is asked again that a broken connection left open.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];

/// What the platform says when it refuses (RFC 9457).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    code: String,
    detail: String,
    service_revocation_id: Option<ServiceRevocationId>,
}

/// Why there is no answer.
enum Failure {
    /// The connection did not come about, or broke.
    Broken(reqwest::Error),
    /// The platform, or something before it, refused.
    Refused(StatusCode, Option<Problem>),
    /// The answer is nothing that is understood.
    Unfit(String),
}

/// What became of something that was to begin.
pub(crate) enum Begun<T> {
    /// It began.
    New(T),
    /// There is one under way.
    UnderWay(ServiceRevocationId),
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

    /// The same for what is asked again and again: it bears a connection that breaks and a platform that is restarted, for
    /// half a minute.
    pub(crate) async fn get_patiently<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, StartError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let request = self.client.request(Method::GET, self.address(path)?);
            match self.answer(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => match pauses.next().filter(|_| failure.may_pass()) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(self.told(failure)),
                },
            }
        }
    }

    /// `POST` that begins a revocation, unless there is one under way.
    pub(crate) async fn begin<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Begun<T>, StartError> {
        let request = self.client.request(Method::POST, self.address(path)?).json(&serde_json::json!({}));
        match self.answer(request).await {
            Ok(begun) => Ok(Begun::New(begun)),
            Err(Failure::Refused(_, Some(Problem { service_revocation_id: Some(id), .. }))) => {
                Ok(Begun::UnderWay(id))
            }
            Err(failure) => Err(self.told(failure)),
        }
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
        self.answer(request).await.map_err(|failure| self.told(failure))
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let mut answer = request.bearer_auth(self.token.as_str()).send().await.map_err(Failure::Broken)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(Failure::Broken)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Failure::Unfit("the platform's answer is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(Failure::Refused(status, serde_json::from_slice(&body).ok()));
        }
        serde_json::from_slice(&body).map_err(|error| {
            Failure::Unfit(format!("{} answered what this version does not know: {error}", self.origin))
        })
    }

    /// Why there is no answer, for the operator.
    fn told(&self, failure: Failure) -> StartError {
        let origin = &self.origin;
        StartError::Remote(match failure {
            Failure::Broken(error) => self.unanswered(&error),
            Failure::Refused(StatusCode::UNAUTHORIZED, Some(Problem { code, .. })) => format!(
                "{origin} does not accept the API token (401 {code}): it has ended, was revoked, or is for another platform"
            ),
            Failure::Refused(status, Some(Problem { code, detail, .. })) => {
                format!("{origin}: {detail} ({} {code})", status.as_u16())
            }
            Failure::Refused(status, None) => {
                format!("{origin} answered {status}, and not as a platform does")
            }
            Failure::Unfit(said) => said,
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

impl Failure {
    /// Whether the same question may be answered in a moment.
    fn may_pass(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Refused(status, _) => matches!(
                *status,
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            ),
            Self::Unfit(_) => false,
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use test_support::{ServedAnswer, ServiceServer};

    use super::*;

    #[tokio::test]
    async fn what_is_asked_again_and_again_bears_broken_connections_and_restarts() {
        const HOST: &str = "platform.test";
        let server = ServiceServer::start(&[HOST]).await;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(trust::client_config(&[server.root()]).unwrap())
            .resolve(HOST, server.address())
            .build()
            .unwrap();
        let remote = Remote {
            client,
            origin: format!("https://{HOST}:{}", server.address().port()).parse().unwrap(),
            token: Zeroizing::new(String::new()),
        };
        let asked = AtomicUsize::new(0);
        server.answers(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => ServedAnswer { breaks_off: true, ..ServedAnswer::bytes(200, "application/json", "{}") },
            1 => ServedAnswer::bytes(503, "text/plain", "one moment"),
            2 => ServedAnswer::bytes(200, "application/json", "7"),
            _ => ServedAnswer::bytes(
                404,
                "application/problem+json",
                r#"{"code":"not_found","detail":"Gone."}"#,
            ),
        });
        assert_eq!(remote.get_patiently::<u64>(&["organizations"]).await.unwrap(), 7);
        let refused = remote.get_patiently::<u64>(&["organizations"]).await.unwrap_err().to_string();
        assert!(refused.ends_with("Gone. (404 not_found)"), "{refused}");
        assert_eq!(server.take_arrived().len(), 4);
    }
}
