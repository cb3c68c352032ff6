//! What holds for whatever headers a client sends; for the fuzzer (`xtask/fuzz`) and the tests.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use endpoint::http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::request_headers::{Identity, Kind, forwarded};

/// What reaches the app, by lower-case name.
const OURS: [(&str, &str); 9] = [
    ("x-vybe-user-token", "the.user.token"),
    ("x-vybe-user-id", "usr_1"),
    ("x-vybe-user-email", "ada@acme.test"),
    ("x-vybe-user-name", "Ada"),
    ("x-request-id", "req_1"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "hello-acme.vybe.test"),
    ("host", "hello-acme.vybe.test"),
];

/// Header lines, the first of which says what kind of request it is. Each header of ours is there once, with our value, and in
/// no other spelling that a server could take for it; no cookie and no token of the platform is there; what is nobody's
/// business passes unchanged.
///
/// # Panics
/// Something does not hold.
pub fn request_headers(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next().and_then(|line| line.first()).copied().unwrap_or_default();
    let kind = Kind { next_data: first & 1 != 0, web_socket: first & 2 != 0 };
    let mut client = HeaderMap::new();
    let mut nominated: Vec<String> = Vec::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) else {
            continue;
        };
        if name == "connection" {
            let options = value.to_str().unwrap_or_default().split(',');
            nominated.extend(options.map(|option| option.trim().to_ascii_lowercase()));
        }
        client.append(name, value);
    }
    let identity = Identity {
        user_token: "the.user.token",
        user_id: "usr_1",
        email: "ada@acme.test",
        name: "Ada",
        request_id: "req_1",
        peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        host: "hello-acme.vybe.test",
    };
    let headers = forwarded(&client, &identity, kind);
    assert!(headers.is_ok(), "a client stops the identity of others: {headers:?}");
    let headers = headers.unwrap_or_default();

    for (name, value) in OURS {
        let values: Vec<_> = headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
        assert_eq!(values, [value.as_bytes()], "{name}");
    }
    let mut sent: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for (name, value) in client.iter() {
        sent.entry(name.as_str()).or_default().push(value.as_bytes());
    }
    for (name, value) in &headers {
        let (name, value) = (name.as_str(), value.as_bytes());
        if OURS.iter().any(|(ours, _)| *ours == name) {
            continue;
        }
        let web_socket = kind.web_socket && matches!(name, "connection" | "upgrade");
        assert!(web_socket || !speaks_for_us(name, kind), "{name} reaches the app");
        assert!(web_socket || !nominated.iter().any(|other| other == name), "{name} was for us");
        match name {
            "cookie" => no_platform_cookie(value),
            "authorization" => {
                let text = String::from_utf8_lossy(value).to_ascii_lowercase();
                assert!(!text.contains("vybe_api_") && !text.contains("vybe_agent_"), "{text}");
            }
            _ => {}
        }
        let is_from_client = sent.get(name).is_some_and(|values| name == "cookie" || values.contains(&value));
        assert!(web_socket || is_from_client, "{name} was not sent, and is not ours");
    }
    for (name, values) in sent {
        let harmless =
            matches!(name, "accept" | "content-type" | "user-agent" | "origin" | "range" | "rsc" | "etag");
        if harmless && !nominated.iter().any(|other| other == name) {
            let passed: Vec<_> = headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
            assert_eq!(passed, values, "{name} did not pass as it came");
        }
    }
}

/// Whether a server that takes everything but letters and digits for a hyphen reads a name that only we may say.
fn speaks_for_us(name: &str, kind: Kind) -> bool {
    let folded: String = name
        .chars()
        .map(|next| if next.is_ascii_alphanumeric() { next.to_ascii_lowercase() } else { '-' })
        .collect();
    let begins = |prefix: &str| folded.starts_with(prefix);
    OURS.iter().any(|(ours, _)| *ours == folded)
        || begins("x-vybe-")
        || begins("x-forwarded-")
        || begins("x-original-")
        || begins("x-rewrite-")
        || begins("x-middleware-")
        || begins("x-http-method")
        || begins("proxy-")
        || (begins("sec-websocket-") && !kind.web_socket)
        || (folded == "x-nextjs-data" && !kind.next_data)
        || matches!(
            folded.as_str(),
            "connection"
                | "keep-alive"
                | "te"
                | "trailer"
                | "transfer-encoding"
                | "upgrade"
                | "forwarded"
                | "x-forwarded"
                | "proxy"
                | "vybe-server-secret"
                | "x-real-ip"
                | "expect"
                | "x-method-override"
                | "client-ip"
                | "true-client-ip"
        )
}

/// As an app's reader of cookies sees it (RFC 6265, 5.4): pairs between semicolons, a name before the first `=`.
fn no_platform_cookie(value: &[u8]) {
    assert!(!value.is_empty());
    for pair in value.split(|byte| *byte == b';') {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        for name in
            [&pair[..at], &pair[(at + 1).min(pair.len())..]].into_iter().take(if at == 0 { 2 } else { 1 })
        {
            let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
            let is_ours =
                ["__host-vybe_", "__secure-vybe_", "vybe_"].iter().any(|start| name.starts_with(start));
            assert!(!is_ours, "{:?} reaches the app", String::from_utf8_lossy(value));
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn request_headers_hold() {
        hostile_input::replay("request_headers", 10_000, super::request_headers);
    }
}
