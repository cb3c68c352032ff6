//! What of a service's headers comes back.

use http::header::{CONNECTION, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use url::{Position, Url};

use crate::scrubber::Secrecy;

/// Headers of one connection, of the length that may change, and those that would mean something to a browser about our own
/// origin or to a client about how to prove itself.
const DROPPED: &[&str] = &[
    "alt-svc",
    "authentication-info",
    "authorization",
    "clear-site-data",
    "connection",
    "content-length",
    "content-security-policy",
    "keep-alive",
    "nel",
    "proxy-connection",
    "public-key-pins",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];
const DROPPED_PREFIXES: &[&str] = &["proxy-", "access-control-", "x-vybe-"];

/// The headers that come back from a call to `url`, which is below `base`.
pub(crate) fn kept(headers: &HeaderMap, url: &Url, base: &Url, secrecy: &Secrecy) -> HeaderMap {
    let of_connection: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .collect();
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        let dropped = DROPPED.contains(&name.as_str())
            || DROPPED_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
            || of_connection.iter().any(|known| known == name.as_str())
            || (name == LOCATION && !stays(value, url, base));
        if dropped {
            continue;
        }
        if let Ok(value) = HeaderValue::from_maybe_shared(secrecy.clean(value.as_bytes())) {
            kept.append(HeaderName::clone(name), value);
        }
    }
    kept
}

/// Whether a redirect leads to where the credential may go, so that whoever follows it by another call stays there.
fn stays(value: &HeaderValue, url: &Url, base: &Url) -> bool {
    let target = value.to_str().ok().and_then(|text| url.join(text).ok());
    let prefix = base.path().trim_end_matches('/');
    target.is_some_and(|target| {
        target[..Position::BeforePath] == base[..Position::BeforePath]
            && target.path().strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}
