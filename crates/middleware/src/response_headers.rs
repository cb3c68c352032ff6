//! Which headers of an app's answer reach the browser.
//!
//! An app may set what concerns its own host. It may not speak for the platform, for sibling hosts, or
//! for the connection.

use endpoint::http::header::{HeaderMap as ClientHeaders, HeaderName, HeaderValue};
use http::header::HeaderMap;

use crate::request_headers::is_platform_cookie;

/// Two years, as on the platform's own answers.
pub(crate) const TRANSPORT_SECURITY: &str = "max-age=63072000; includeSubDomains";

/// Writes the headers for the browser into those of its response, which are empty. `keep_length` says
/// that `content-length` describes a body that is not sent (HEAD, 304); otherwise the body itself says
/// how long it is.
pub fn pass_on(
    app: &HeaderMap,
    host: &str,
    request_id: &str,
    keep_length: bool,
    headers: &mut ClientHeaders,
) {
    let nominated = nominated(app);
    let mut cache_control = CacheControl::default();
    for (name, value) in app {
        let name = name.as_str();
        let bytes = value.as_bytes();
        match name {
            "cache-control" => {
                cache_control.read(bytes);
                continue;
            }
            "set-cookie" if !cookie_stays_on_host(bytes, host) => continue,
            "content-length" if !keep_length => continue,
            "clear-site-data" => {
                if let Some(value) = own_site_data(bytes) {
                    headers.append(HeaderName::from_static("clear-site-data"), value);
                }
                continue;
            }
            _ => {}
        }
        if withheld(name) || nominated.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            continue;
        }
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(bytes))
        {
            headers.append(name, value);
        }
    }
    headers.insert(HeaderName::from_static("cache-control"), cache_control.private());
    let transport = HeaderValue::from_static(TRANSPORT_SECURITY);
    headers.insert(HeaderName::from_static("strict-transport-security"), transport);
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
}

fn nominated(app: &HeaderMap) -> Vec<&str> {
    app.get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        // What says how to treat a personal answer is not the app's to take back.
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("cache-control"))
        .collect()
}

fn withheld(name: &str) -> bool {
    match name {
        // For this connection only (RFC 9110, section 7.6.1).
        "connection"
        | "keep-alive"
        | "proxy-connection"
        | "proxy-authenticate"
        | "proxy-authentication-info"
        | "te"
        | "trailer"
        | "transfer-encoding"
        | "upgrade" => true,
        // Would speak for the host name as a whole, or for the platform.
        "strict-transport-security"
        | "alt-svc"
        | "public-key-pins"
        | "public-key-pins-report-only"
        | "expect-ct"
        | "service-worker-allowed"
        | "set-cookie2"
        | "x-request-id"
        | "vybe-server-secret" => true,
        // Would have an intermediary store what only this person may see.
        "surrogate-control"
        | "cdn-cache-control"
        | "vercel-cdn-cache-control"
        | "cloudflare-cdn-cache-control"
        | "x-accel-redirect"
        | "x-accel-expires"
        | "x-sendfile" => true,
        _ => {
            let folded = |(a, b): (u8, u8)| a == b || (b == b'-' && (a == b'_' || a == b'.'));
            let ours =
                |prefix: &str| name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(folded);
            ours("x-vybe-") || ours("vybe-server-secret")
        }
    }
}

/// Whether a cookie stays on the app's own host and is not one of the platform's.
fn cookie_stays_on_host(value: &[u8], host: &str) -> bool {
    let mut parts = value.split(|byte| *byte == b';');
    if parts.next().is_none_or(is_platform_cookie) {
        return false;
    }
    let host = host.split(':').next().unwrap_or_default().as_bytes();
    parts.all(|attribute| {
        let mut sides = attribute.splitn(2, |byte| *byte == b'=');
        let name = sides.next().unwrap_or_default().trim_ascii();
        if !name.eq_ignore_ascii_case(b"domain") {
            return true;
        }
        let domain = sides.next().unwrap_or_default().trim_ascii();
        let domain = domain.strip_prefix(b".").unwrap_or(domain);
        // RFC 6265, section 5.2.3: an empty domain means this host only.
        domain.is_empty() || domain.eq_ignore_ascii_case(host)
    })
}

/// The parts of `Clear-Site-Data` that concern this origin only. `"cookies"` and `"*"` would sign the
/// person out of sibling hosts and of the platform.
fn own_site_data(value: &[u8]) -> Option<HeaderValue> {
    let text = std::str::from_utf8(value).ok()?;
    let kept: Vec<&str> =
        text.split(',').map(str::trim).filter(|part| matches!(*part, "\"cache\"" | "\"storage\"")).collect();
    if kept.is_empty() { None } else { HeaderValue::from_str(&kept.join(", ")).ok() }
}

/// `Cache-Control` of an answer that only this person was allowed to see.
#[derive(Default)]
struct CacheControl {
    kept: Vec<u8>,
    closed: bool,
}

impl CacheControl {
    fn read(&mut self, value: &[u8]) {
        for directive in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
            let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
            if name.is_empty()
                || is(b"public")
                || is(b"s-maxage")
                || is(b"proxy-revalidate")
                || is(b"private")
            {
                continue;
            }
            self.closed |= is(b"no-store");
            if !self.kept.is_empty() {
                self.kept.extend_from_slice(b", ");
            }
            self.kept.extend_from_slice(directive);
        }
    }

    /// The same, for the browser's own cache only.
    fn private(self) -> HeaderValue {
        if self.kept.is_empty() {
            return HeaderValue::from_static("private");
        }
        if self.closed && self.kept.eq_ignore_ascii_case(b"no-store") {
            return HeaderValue::from_static("no-store");
        }
        let mut value = b"private, ".to_vec();
        value.extend_from_slice(&self.kept);
        HeaderValue::from_bytes(&value).unwrap_or_else(|_| HeaderValue::from_static("no-store"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "hello-acme.vybe.test:8443";

    fn answer(pairs: &[(&'static str, &str)]) -> ClientHeaders {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                http::HeaderName::from_static(name),
                http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let mut passed = ClientHeaders::new();
        pass_on(&headers, HOST, "req_1", false, &mut passed);
        passed
    }

    fn text<'a>(headers: &'a ClientHeaders, name: &str) -> Option<&'a str> {
        headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn h07_an_app_cannot_answer_in_the_platforms_name() {
        for name in [
            "x-vybe-user-token",
            "x_vybe_user_id",
            "x.vybe.user-id",
            "vybe_server_secret",
            "alt-svc",
            "upgrade",
        ] {
            assert!(!answer(&[(name, "forged")]).contains_key(name), "{name}");
        }
        let headers = answer(&[("strict-transport-security", "max-age=0; includeSubDomains")]);
        assert_eq!(text(&headers, "strict-transport-security"), Some(TRANSPORT_SECURITY));
        let headers = answer(&[("connection", "close, x-hop"), ("x-hop", "1"), ("x-end", "1")]);
        assert!(!headers.contains_key("x-hop") && !headers.contains_key("connection"));
        assert_eq!(text(&headers, "x-end"), Some("1"));
    }

    #[test]
    fn h07_c07_cookies_for_other_hosts_or_of_the_platform_are_dropped() {
        let check = |cookie: &str, passes: bool| {
            assert_eq!(answer(&[("set-cookie", cookie)]).contains_key("set-cookie"), passes, "{cookie:?}");
        };
        check("a=1", true);
        check("a=1; Path=/; HttpOnly; Secure", true);
        check("a=1; Domain=hello-acme.vybe.test", true);
        check("a=1; domain=.Hello-Acme.vybe.test", true);
        check("a=1; Domain=", true);
        check("domain=vybe.test; Path=/", true);
        check("a=1; Domain=vybe.test", false);
        check("a=1; DOMAIN = .vybe.test", false);
        check("a=1;domain=other-acme.vybe.test", false);
        check("a=1; Domain=hello-acme.vybe.test; Domain=vybe.test", false);
        check("a=1; Domain=vybe.test; Domain=hello-acme.vybe.test", false);
        check("__Host-vybe_session=x; Path=/; Secure", false);
        check("__HOST-vybe_Session=x", false);
        check("=__Host-vybe_session=x", false);
        check(" = __Host-vybe_session=x", false);
        check("__Host-vybe_session", false);
        check("vybe_session=x", false);
    }

    #[test]
    fn h07_clear_site_data_reaches_only_this_origin() {
        let check = |sent: &str, expected: Option<&str>| {
            assert_eq!(text(&answer(&[("clear-site-data", sent)]), "clear-site-data"), expected, "{sent}");
        };
        check("\"cache\", \"cookies\", \"storage\"", Some("\"cache\", \"storage\""));
        check("\"*\"", None);
        check("\"cookies\"", None);
    }

    #[test]
    fn p07_personal_answers_stay_out_of_shared_caches() {
        let check = |sent: Option<&str>, expected: &str| {
            let headers = match sent {
                Some(value) => answer(&[("cache-control", value), ("cdn-cache-control", "max-age=60")]),
                None => answer(&[]),
            };
            assert_eq!(text(&headers, "cache-control"), Some(expected), "{sent:?}");
            assert!(!headers.contains_key("cdn-cache-control"));
        };
        check(None, "private");
        check(Some(""), "private");
        check(Some("public"), "private");
        check(Some("public, max-age=31536000, immutable"), "private, max-age=31536000, immutable");
        check(Some("s-maxage=60, stale-while-revalidate"), "private, stale-while-revalidate");
        check(Some("private, no-cache, no-store"), "private, no-cache, no-store");
        check(Some("no-store"), "no-store");
        check(Some("PUBLIC , Max-Age=5"), "private, Max-Age=5");
        let headers = answer(&[("connection", "cache-control"), ("cache-control", "no-store")]);
        assert_eq!(text(&headers, "cache-control"), Some("no-store"));
    }

    #[test]
    fn what_concerns_the_app_passes() {
        let headers = answer(&[
            ("access-control-allow-origin", "https://x.test"),
            ("vary", "rsc"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("content-length", "5"),
            ("x-powered-by", "Next.js"),
        ]);
        assert_eq!(headers.get_all("set-cookie").count(), 2);
        assert_eq!(text(&headers, "access-control-allow-origin"), Some("https://x.test"));
        assert_eq!(text(&headers, "x-powered-by"), Some("Next.js"));
        assert!(!headers.contains_key("content-length"), "the body says how long it is");
        assert_eq!(text(&headers, "x-request-id"), Some("req_1"));
    }
}
