//! A browser's cookies, as far as tests need them (RFC 6265).

use url::Url;

#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: String,
    host: String,
    /// Whether hosts below get it too.
    for_subdomains: bool,
    path: String,
    secure: bool,
}

/// The cookies of all hosts. `SameSite` and lifetimes above zero are not modelled.
#[derive(Clone, Debug, Default)]
pub struct Cookies(Vec<Cookie>);

impl Cookies {
    /// Takes a `Set-Cookie` that came from this address, or ignores it as a browser would.
    pub fn set(&mut self, url: &Url, header: &str) {
        let Some(cookie) = parse(url, header) else { return };
        self.0.retain(|other| {
            !(other.name == cookie.name && other.host == cookie.host && other.path == cookie.path)
        });
        if !is_expired(header) {
            self.0.push(cookie);
        }
    }

    /// The `Cookie` header for this address.
    pub fn header(&self, url: &Url) -> Option<String> {
        let host = url.host_str()?;
        let pairs: Vec<String> = self
            .0
            .iter()
            .filter(|cookie| cookie.applies_to(host, url))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The value a host has set.
    pub fn value(&self, host: &str, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|cookie| cookie.host == host && cookie.name == name)
            .map(|cookie| cookie.value.as_str())
    }
}

impl Cookie {
    fn applies_to(&self, host: &str, url: &Url) -> bool {
        let below = || host.strip_suffix(&self.host).is_some_and(|front| front.ends_with('.'));
        let path = url.path();
        (host == self.host || self.for_subdomains && below())
            && (!self.secure || url.scheme() == "https")
            && (path == self.path
                || path.starts_with(&self.path)
                    && (self.path.ends_with('/') || path[self.path.len()..].starts_with('/')))
    }
}

fn attributes(header: &str) -> impl Iterator<Item = (String, &str)> {
    header.split(';').skip(1).map(|attribute| {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        (name.trim().to_ascii_lowercase(), value.trim())
    })
}

fn parse(url: &Url, header: &str) -> Option<Cookie> {
    let (name, value) = header.split(';').next()?.split_once('=')?;
    let origin = url.host_str()?;
    let mut cookie = Cookie {
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
        host: origin.to_owned(),
        for_subdomains: false,
        path: "/".to_owned(),
        secure: false,
    };
    for (attribute, value) in attributes(header) {
        match attribute.as_str() {
            "domain" => {
                cookie.host = value.trim_start_matches('.').to_ascii_lowercase();
                cookie.for_subdomains = true;
            }
            "path" if value.starts_with('/') => cookie.path = value.to_owned(),
            "secure" => cookie.secure = true,
            _ => {}
        }
    }
    let is_from_here = origin == cookie.host || origin.ends_with(&format!(".{}", cookie.host));
    let keeps_prefix = !cookie.name.starts_with("__Host-")
        || cookie.secure && !cookie.for_subdomains && cookie.path == "/" && url.scheme() == "https";
    (is_from_here && keeps_prefix).then_some(cookie)
}

/// Servers delete a cookie with `Max-Age=0` or an `Expires` at the beginning of time.
fn is_expired(header: &str) -> bool {
    attributes(header).any(|(name, value)| match name.as_str() {
        "max-age" => value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
        "expires" => value.contains("1970"),
        _ => false,
    })
}
