//! Which request headers reach an app, and which are put there.
//!
//! Order matters: everything a client could use to speak in the platform's name is removed first, then
//! the platform's own headers are set, so that no `Connection` option and no spelling removes or joins
//! them (CVE-2024-45410, CVE-2026-29054, CVE-2025-64484).

use std::borrow::Cow;
use std::net::IpAddr;

use endpoint::http::header::HeaderMap as ClientHeaders;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// What the platform says about a request. Every text is put into exactly one header.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The user token (VUT).
    pub user_token: &'a str,
    /// The person's identifier.
    pub user_id: &'a str,
    /// The person's e-mail address.
    pub email: &'a str,
    /// The person's name, any Unicode.
    pub name: &'a str,
    /// The request's number.
    pub request_id: &'a str,
    /// Where the connection comes from.
    pub peer: IpAddr,
    /// The app's public host, with the port where it is not 443.
    pub host: &'a str,
}

/// A value that is no header value: nothing is forwarded then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identity header could not be written")]
pub struct IdentityHeaderError;

/// What a request is, as far as its headers are concerned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kind {
    /// Below `/_next/data/`, where Next.js sends `x-nextjs-data` itself.
    pub next_data: bool,
    /// A WebSocket handshake that was checked: its `Upgrade` and `Sec-WebSocket-*` headers pass.
    pub web_socket: bool,
}

const USER_TOKEN: HeaderName = HeaderName::from_static("x-vybe-user-token");
const USER_ID: HeaderName = HeaderName::from_static("x-vybe-user-id");
const USER_EMAIL: HeaderName = HeaderName::from_static("x-vybe-user-email");
const USER_NAME: HeaderName = HeaderName::from_static("x-vybe-user-name");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The headers to forward.
///
/// `Host` is the public host, so that an app builds links, redirects and origin checks that are true
/// for the browser.
///
/// # Errors
/// An identity header could not be written.
pub fn forwarded(
    client: &ClientHeaders,
    identity: &Identity<'_>,
    kind: Kind,
) -> Result<HeaderMap, IdentityHeaderError> {
    let nominated: Vec<Cow<'_, str>> = nominated(client);
    let mut headers = HeaderMap::with_capacity(client.len() + 12);
    for (name, value) in client.iter() {
        let name = name.as_str();
        if withheld(name, kind) || nominated.iter().any(|other| **other == *name) {
            continue;
        }
        let value = value.as_bytes();
        if name == "authorization" && is_platform_token(value) {
            continue;
        }
        let value = if name == "cookie" { without_platform_cookies(value) } else { Cow::Borrowed(value) };
        if name == "cookie" && value.is_empty() {
            continue;
        }
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value))
        {
            headers.append(name, value);
        }
    }
    if kind.web_socket {
        headers.insert(http::header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(http::header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    set(&mut headers, identity)?;
    Ok(headers)
}

/// Sets what the app continues. What the client said of a trace goes: neither it nor its vendors' state belong to ours.
pub(crate) fn continue_trace(headers: &mut HeaderMap, trace_parent: &str) {
    for name in ["traceparent", "tracestate"] {
        headers.remove(name);
    }
    if let Ok(value) = HeaderValue::from_str(trace_parent) {
        headers.insert("traceparent", value);
    }
}

fn set(headers: &mut HeaderMap, identity: &Identity<'_>) -> Result<(), IdentityHeaderError> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| IdentityHeaderError);
    let mut token = value(identity.user_token)?;
    token.set_sensitive(true);
    headers.insert(USER_TOKEN, token);
    headers.insert(USER_ID, value(identity.user_id)?);
    headers.insert(USER_EMAIL, value(identity.email)?);
    headers.insert(USER_NAME, value(&percent_encoded(identity.name))?);
    headers.insert(REQUEST_ID, value(identity.request_id)?);
    headers.insert(FORWARDED_FOR, value(&identity.peer.to_canonical().to_string())?);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
    let host = value(identity.host)?;
    headers.insert(FORWARDED_HOST, host.clone());
    headers.insert(http::header::HOST, host);
    Ok(())
}

/// Percent-encodes everything but letters, digits and `-._~`: a name has no way to end the header, to
/// be joined with another, or to be read in another character set.
fn percent_encoded(name: &str) -> Cow<'_, str> {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(name, KEPT).into()
}

/// The names listed in `Connection`, which are for us and not for the app.
fn nominated(client: &ClientHeaders) -> Vec<Cow<'_, str>> {
    client
        .get_all("connection")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| {
            !name.is_empty()
                && !name.eq_ignore_ascii_case("keep-alive")
                && !name.eq_ignore_ascii_case("close")
                && !name.eq_ignore_ascii_case("upgrade")
        })
        .map(|name| {
            if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                Cow::Owned(name.to_ascii_lowercase())
            } else {
                Cow::Borrowed(name)
            }
        })
        .collect()
}

/// Whether a header of the client is kept from the app. `name` is lower case.
fn withheld(name: &str, kind: Kind) -> bool {
    // Servers that fold `_` to `-` read `x_vybe_user_id` as ours, some fold every other character, too; no browser sends any.
    if name.bytes().any(|byte| byte == b'_') {
        return true;
    }
    if name.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-') {
        let folded = name.replace(|other: char| !other.is_ascii_alphanumeric(), "-");
        return withheld(&folded, kind);
    }
    match name {
        "connection"
        | "keep-alive"
        | "proxy"
        | "te"
        | "trailer"
        | "transfer-encoding"
        | "upgrade"
        | "http2-settings"
        | "expect"
        | "host"
        | "forwarded"
        | "vybe-server-secret"
        | "client-ip"
        | "true-client-ip"
        | "cf-connecting-ip"
        | "fastly-client-ip"
        | "x-real-ip"
        | "x-client-ip"
        | "x-cluster-client-ip"
        | "x-request-id"
        | "x-host"
        | "x-scheme"
        | "x-matched-path"
        | "x-prerender-revalidate"
        | "x-prerender-bypass"
        | "next-resume"
        | "x-method-override" => true,
        "x-nextjs-data" => !kind.next_data,
        _ => withheld_by_prefix(name, kind),
    }
}

fn withheld_by_prefix(name: &str, kind: Kind) -> bool {
    const ALWAYS: [&str; 13] = [
        "x-vybe-",
        "x-forwarded-",
        "x-original-",
        "x-rewrite-",
        "x-middleware-",
        "x-invoke-",
        "x-nextjs-",
        "x-next-",
        "x-now-",
        "x-vercel-",
        "x-http-method",
        "x-accel-",
        "x-envoy-",
    ];
    if let Some(rest) = name.strip_prefix("sec-websocket-") {
        // Without a handshake of ours they would begin one behind our back.
        return !kind.web_socket || rest.is_empty();
    }
    if !name.starts_with("x-") {
        return name.starts_with("proxy-");
    }
    ALWAYS.iter().any(|prefix| name.starts_with(prefix)) || name == "x-forwarded"
}

/// A `Cookie` header without the platform's cookies; the others pass byte for byte.
pub(crate) fn without_platform_cookies(value: &[u8]) -> Cow<'_, [u8]> {
    if !contains_platform_name(value) {
        return Cow::Borrowed(value);
    }
    let mut kept = Vec::with_capacity(value.len());
    for pair in value.split(|byte| *byte == b';') {
        if is_platform_cookie(pair) {
            continue;
        }
        if kept.is_empty() {
            kept.extend_from_slice(pair.trim_ascii_start());
        } else {
            kept.push(b';');
            kept.extend_from_slice(pair);
        }
    }
    Cow::Owned(kept)
}

/// Whether it holds a token of the platform's API. None counts on an app's host, so it came by mistake, and
/// the app could use it elsewhere.
fn is_platform_token(value: &[u8]) -> bool {
    let holds = |prefix: &[u8]| value.windows(prefix.len()).any(|window| window.eq_ignore_ascii_case(prefix));
    contains_platform_name(value) && (holds(b"vybe_api_") || holds(b"vybe_agent_"))
}

fn contains_platform_name(value: &[u8]) -> bool {
    value.windows(4).any(|window| window.eq_ignore_ascii_case(b"vybe"))
}

/// Whether a cookie (`name=value`, or what a browser would send back as that) is one of the platform's.
pub(crate) fn is_platform_cookie(pair: &[u8]) -> bool {
    // A cookie without a name is sent back as its bare value, so `=__Host-vybe_session=x` is one, too.
    let mut text = pair.trim_ascii();
    while let [b'=', rest @ ..] = text {
        text = rest.trim_ascii_start();
    }
    let starts =
        |prefix: &[u8]| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    starts(b"__host-vybe_") || starts(b"__secure-vybe_") || starts(b"vybe_")
}

#[cfg(test)]
mod tests;
