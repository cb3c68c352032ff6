//! What a caller may say in a call, and what not.

use catalogue::{Authentication, Place, Service};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::{Url, form_urlencoded};

use crate::{Call, CallError};

/// Headers of one connection, which end here (RFC 9110, 7.6.1), and those that this client writes itself. A caller that
/// passes on what it got itself has them; they are left out.
const LEFT_OUT: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Headers that say who calls, or for which host.
const REFUSED: &[&str] = &[
    "authorization",
    "cookie",
    "cookie2",
    "forwarded",
    "host",
    "via",
    "vybe-server-secret",
    "x-authorization",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];
const REFUSED_PREFIXES: &[&str] = &["proxy-", "x-forwarded-", "x-vybe-"];
/// Headers that ask for a part of the answer, as servers know them.
const OF_PARTS: &[&str] = &["range", "request-range", "x-ms-range"];
/// Headers of AWS's signatures.
const OF_SIGNATURES: &[&str] = &["x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];

const METHODS: &[Method] =
    &[Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// What of a call is not the caller's to set.
pub(crate) struct Reserved {
    headers: Vec<String>,
    parameters: Vec<String>,
    prefix: Option<&'static str>,
}

impl Reserved {
    pub(crate) fn of(service: &Service) -> Self {
        let named =
            |place: Place| service.api.credential.iter().filter(move |placement| placement.place == place);
        let mut headers: Vec<String> =
            named(Place::Header).map(|placement| header_name(&placement.name)).collect();
        let mut prefix = None;
        match service.authentication {
            Authentication::SignatureV4 { .. } => {
                headers.extend(OF_SIGNATURES.iter().map(|&name| name.to_owned()));
                prefix = Some("x_amz_");
            }
            Authentication::Oauth1(_) => prefix = Some("oauth_"),
            _ => {}
        }
        let parameters = named(Place::Query).map(|placement| parameter_name(&placement.name)).collect();
        Self { headers, parameters, prefix }
    }

    /// The caller's headers that go on.
    pub(crate) fn headers(&self, call: &Call) -> Result<HeaderMap, CallError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &call.headers {
            let refused = || CallError::Header(name.clone());
            let known = header_name(name);
            if LEFT_OUT.contains(&known.as_str()) {
                continue;
            }
            if REFUSED.contains(&known.as_str())
                || REFUSED_PREFIXES.iter().any(|prefix| known.starts_with(prefix))
                || self.headers.contains(&known)
                || (OF_PARTS.contains(&known.as_str()) && is_part(value))
            {
                return Err(refused());
            }
            let name = HeaderName::try_from(name).map_err(|_| refused())?;
            headers.append(name, HeaderValue::try_from(value).map_err(|_| refused())?);
        }
        Ok(headers)
    }

    /// Whether the parameters of the query are the caller's to set.
    pub(crate) fn query(&self, url: &Url) -> Result<(), CallError> {
        self.parameters(url.query().unwrap_or_default())
    }

    /// The parameters of a form body, where the signature covers them.
    pub(crate) fn form(&self, call: &Call, headers: &HeaderMap) -> Result<Vec<(String, String)>, CallError> {
        let is_form = headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .and_then(|kind| kind.split(';').next())
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
        let Some(body) = call.body.as_ref().filter(|_| is_form) else { return Ok(Vec::new()) };
        let text = std::str::from_utf8(body).map_err(|_| CallError::Body("anything but UTF-8".to_owned()))?;
        self.parameters(text)?;
        Ok(form_urlencoded::parse(body).into_owned().collect())
    }

    fn parameters(&self, text: &str) -> Result<(), CallError> {
        if self.parameters.is_empty() && self.prefix.is_none() {
            return Ok(());
        }
        // Some servers divide at semicolons, too.
        for piece in text.split(['&', ';']) {
            for (name, _) in form_urlencoded::parse(piece.as_bytes()) {
                let known = parameter_name(&name);
                if self.parameters.contains(&known)
                    || self.prefix.is_some_and(|prefix| known.starts_with(prefix))
                {
                    return Err(CallError::Query(name.into_owned()));
                }
            }
        }
        Ok(())
    }
}

/// Whether calls have this method.
pub(crate) fn check_method(method: &Method) -> Result<(), CallError> {
    if METHODS.contains(method) { Ok(()) } else { Err(CallError::Method) }
}

/// Whether doing it twice is doing it once (RFC 9110, 9.2.2).
pub(crate) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::PUT, Method::DELETE].contains(method)
}

/// Whether this asks for a part in units such as bytes (RFC 9110, 14.2). A service that echoes the credential could be
/// made to cut it, and its parts are not recognized. Other things are pages of a list: `id a..; max=10`, `0-9`.
fn is_part(range: &str) -> bool {
    let range: String =
        range.chars().filter(|character| !character.is_whitespace()).collect::<String>().to_ascii_lowercase();
    range.contains("bytes=")
        || range.split_once('=').is_some_and(|(unit, _)| {
            unit.chars()
                .all(|character| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character))
        })
}

/// A header's name as servers compare it: some take `_` for `-`.
fn header_name(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('_', "-")
}

/// A parameter's name as servers compare it: some take dots and spaces for `_`, and what stands in brackets for an index.
fn parameter_name(name: &str) -> String {
    let name = name.split(['[', '\0']).next().unwrap_or_default().trim().to_lowercase();
    name.replace(['.', ' ', '-'], "_")
}
