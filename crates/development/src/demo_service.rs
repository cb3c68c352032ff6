//! A small service to connect accounts at: notes behind OAuth 2.0, over TLS on loopback (RFC 6749, 7636, 7009). Whoever
//! consents there clicks on a name.

mod grants;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use maud::{DOCTYPE, html};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

use self::grants::Grants;
use crate::{Certificates, DevelopmentError, Folder};

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 64 * 1024;
/// Its people.
const PEOPLE: [(&str, &str); 2] = [("ada", "Ada Admin"), ("ben", "Ben Builder")];

/// The running service.
#[derive(Clone)]
pub struct DemoService {
    shared: Arc<Shared>,
}

struct Shared {
    host: String,
    address: SocketAddr,
    /// The one address to which browsers are sent back, exactly.
    redirect: String,
    folder: Folder,
    grants: Mutex<Grants>,
}

type Answer = Response<Full<Bytes>>;
type Form = BTreeMap<String, String>;

impl DemoService {
    /// The name of the one client.
    pub const CLIENT_ID: &'static str = "vybe-demo";
    /// The name of the service in the catalogue.
    pub const SERVICE: &'static str = "demo-notes";

    /// Listens on a free port of 127.0.0.1 until the runtime ends, as `host`, which the certificate has to name. Browsers
    /// are sent back to `redirect`.
    ///
    /// # Errors
    /// The system gives no port, or the certificate cannot be used.
    pub async fn start(
        folder: &Folder,
        certificates: &Certificates,
        host: &str,
        redirect: &str,
    ) -> Result<Self, DevelopmentError> {
        let acceptor = TlsAcceptor::from(Arc::new(tls(certificates)?));
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(DevelopmentError::DemoService)?;
        let address = listener.local_addr().map_err(DevelopmentError::DemoService)?;
        let grants = Mutex::new(Grants::open(folder)?);
        let shared = Shared {
            host: host.to_owned(),
            address,
            redirect: redirect.to_owned(),
            folder: folder.clone(),
            grants,
        };
        let service = Self { shared: Arc::new(shared) };
        tokio::spawn(accept(listener, acceptor, service.clone()));
        Ok(service)
    }

    /// Its host and where that is.
    #[must_use]
    pub fn resolve(&self) -> (String, SocketAddr) {
        (self.shared.host.clone(), self.shared.address)
    }

    /// The secret of [`DemoService::CLIENT_ID`].
    #[must_use]
    pub fn client_secret(&self) -> String {
        self.grants().client_secret.clone()
    }

    /// Entries for the catalogue, in TOML: this service, and any other on this machine that takes a key.
    #[must_use]
    pub fn entries(&self) -> [String; 2] {
        let today = OffsetDateTime::now_utc().date();
        [include_str!("demo_service/notes.toml"), include_str!("demo_service/local.toml")].map(|text| {
            text.replace("ORIGIN", &self.origin())
                .replace("HOST", &self.shared.host)
                .replace("CHECKED", &today.to_string())
        })
    }

    /// Where it is.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://{}:{}", self.shared.host, self.shared.address.port())
    }

    fn grants(&self) -> MutexGuard<'_, Grants> {
        self.shared.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let query = form(request.uri().query().unwrap_or_default().as_bytes());
        let header = |name: HeaderName| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (authorization, media_type) = (header(AUTHORIZATION), header(CONTENT_TYPE));
        let body = match Limited::new(request.into_body(), LARGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return json_answer(StatusCode::PAYLOAD_TOO_LARGE, &json!({ "error": "too_large" })),
        };
        match (method, path.as_str()) {
            (Method::GET, "/authorize") => self.ask(&query),
            (Method::POST, "/authorize") => self.decide(&form(&body)),
            (Method::POST, "/token") => self.token(&authorization, &form(&body)),
            (Method::POST, "/revoke") => self.revoke(&authorization, &form(&body)),
            (method, path) => match path.strip_prefix("/api/") {
                Some(path) => self.api(&method, path, &authorization, &media_type, &body),
                None => json_answer(StatusCode::NOT_FOUND, &json!({ "error": "not_found" })),
            },
        }
    }

    /// Whether a request for consent is the platform's (RFC 6749, 4.1.1).
    fn is_good(&self, asked: &Form) -> bool {
        let is = |name: &str, value: &str| asked.get(name).is_some_and(|given| given == value);
        is("client_id", Self::CLIENT_ID)
            && is("redirect_uri", &self.shared.redirect)
            && is("response_type", "code")
            && is("code_challenge_method", "S256")
            && asked.contains_key("code_challenge")
    }

    fn ask(&self, asked: &Form) -> Answer {
        if !self.is_good(asked) {
            return json_answer(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_request" }));
        }
        let scope = asked.get("scope").map(String::as_str).unwrap_or_default();
        page(html! {
            h1 { "Demo notes" }
            p { "Vybe asks to use your notes: " code { (scope) } }
            form method="post" action="/authorize" {
                @for (name, value) in asked { input type="hidden" name=(name) value=(value); }
                @for (user, name) in PEOPLE { button name="user" value=(user) { "Allow as " (name) } " " }
                button name="user" value="" { "Refuse" }
            }
        })
    }

    fn decide(&self, asked: &Form) -> Answer {
        let Some(mut back) = Url::parse(&self.shared.redirect).ok().filter(|_| self.is_good(asked)) else {
            return json_answer(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_request" }));
        };
        let given = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
        let user = PEOPLE.iter().find(|(user, _)| *user == given("user"));
        let now = now();
        let code = user
            .and_then(|(user, _)| self.grants().permit(user, given("scope"), given("code_challenge"), now));
        {
            let mut query = back.query_pairs_mut();
            query.append_pair("state", given("state"));
            match code {
                Some(code) => query.append_pair("code", &code),
                None => query
                    .append_pair("error", "access_denied")
                    .append_pair("error_description", "The person refused."),
            };
        }
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::SEE_OTHER;
        if let Ok(location) = HeaderValue::from_str(back.as_str()) {
            answer.headers_mut().insert(LOCATION, location);
        }
        answer
    }

    fn token(&self, authorization: &str, asked: &Form) -> Answer {
        if !self.is_client(authorization) {
            return json_answer(StatusCode::UNAUTHORIZED, &json!({ "error": "invalid_client" }));
        }
        let given = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
        let tokens = {
            let mut grants = self.grants();
            let tokens = match given("grant_type") {
                "authorization_code" if given("redirect_uri") == self.shared.redirect => {
                    grants.exchange(given("code"), given("code_verifier"), now())
                }
                "refresh_token" => grants.refresh(given("refresh_token"), now()),
                _ => None,
            };
            grants.keep(&self.shared.folder);
            tokens
        };
        match tokens {
            Some(tokens) => json_answer(StatusCode::OK, &tokens),
            None => json_answer(StatusCode::BAD_REQUEST, &json!({ "error": "invalid_grant" })),
        }
    }

    fn revoke(&self, authorization: &str, asked: &Form) -> Answer {
        if !self.is_client(authorization) {
            return json_answer(StatusCode::UNAUTHORIZED, &json!({ "error": "invalid_client" }));
        }
        let mut grants = self.grants();
        grants.revoke(asked.get("token").map(String::as_str).unwrap_or_default());
        grants.keep(&self.shared.folder);
        json_answer(StatusCode::OK, &json!({}))
    }

    /// RFC 6749, 2.3.1; nothing in these two has to be encoded.
    fn is_client(&self, authorization: &str) -> bool {
        let given = authorization.strip_prefix("Basic ").and_then(|text| STANDARD.decode(text).ok());
        let expected = format!("{}:{}", Self::CLIENT_ID, self.grants().client_secret);
        given.is_some_and(|given| given == expected.as_bytes())
    }

    fn api(&self, method: &Method, path: &str, authorization: &str, media_type: &str, body: &[u8]) -> Answer {
        let token = authorization.strip_prefix("Bearer ").unwrap_or_default();
        let mut grants = self.grants();
        let Some(user) = grants.user(token, now()).map(str::to_owned) else {
            let mut answer = json_answer(StatusCode::UNAUTHORIZED, &json!({ "error": "invalid_token" }));
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return answer;
        };
        match (method.as_str(), path) {
            ("GET", "me") => json_answer(StatusCode::OK, &json!({ "user": user })),
            ("GET", "notes") => json_answer(StatusCode::OK, &json!({ "notes": grants.notes(&user) })),
            ("POST", "notes") if media_type.starts_with("application/json") => {
                let given: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
                let Some(text) = given["text"].as_str() else {
                    return json_answer(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "error": "no_text" }));
                };
                grants.add_note(&user, text);
                grants.keep(&self.shared.folder);
                json_answer(StatusCode::CREATED, &json!({ "notes": grants.notes(&user) }))
            }
            _ => json_answer(StatusCode::NOT_FOUND, &json!({ "error": "not_found" })),
        }
    }
}

fn tls(certificates: &Certificates) -> Result<ServerConfig, DevelopmentError> {
    let unfit = |error: &dyn std::fmt::Display| {
        DevelopmentError::DemoService(std::io::Error::other(error.to_string()))
    };
    let chain = CertificateDer::pem_file_iter(&certificates.chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unfit(&error))?;
    let key = PrivateKeyDer::from_pem_file(&certificates.key).map_err(|error| unfit(&error))?;
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| unfit(&error))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, service: DemoService) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, acceptor.clone(), service.clone()));
            }
            Err(error) => {
                // Out of file descriptors, usually: the next attempt may work.
                tracing::warn!(%error, "the demo service could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, service: DemoService) {
    let _ = stream.set_nodelay(true);
    // A client that trusts nobody or goes away is the client's business.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection to the demo service ended early");
    }
}

fn form(text: &[u8]) -> Form {
    url::form_urlencoded::parse(text).into_owned().collect()
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

fn answer_of(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

fn json_answer(status: StatusCode, body: &impl Serialize) -> Answer {
    answer_of(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
}

fn page(content: maud::Markup) -> Answer {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Demo notes" } }
            body { (content) }
        }
    };
    answer_of(StatusCode::OK, "text/html; charset=utf-8", page.into_string())
}
