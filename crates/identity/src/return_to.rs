//! Where a person goes after signing in. Pure.
//!
//! Two forms count: a path on the platform, and an address on an app's host in the one spelling that a
//! browser uses. Everything else is the start page, not an error: whoever follows a bad link gets in.

/// The longest target that is looked at, in bytes.
const LONGEST: usize = 4096;

/// A target that cannot lead off the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReturnTo {
    /// A path, with its query, on the platform's host.
    Platform(String),
    /// A path, with its query, on the host of the app with this label, should there be one.
    App {
        /// The host label.
        label: String,
        /// Path and query.
        path: String,
    },
}

impl ReturnTo {
    /// The start page.
    #[must_use]
    pub fn start() -> Self {
        Self::Platform("/".to_owned())
    }

    /// Reads a target. `app_label_of_origin` knows the exact origins below which apps live.
    #[must_use]
    pub fn parse(text: &str, app_label_of_origin: impl Fn(&str) -> Option<String>) -> Self {
        Self::accepted(text, app_label_of_origin).unwrap_or_else(Self::start)
    }

    fn accepted(text: &str, app_label_of_origin: impl Fn(&str) -> Option<String>) -> Option<Self> {
        // Browsers drop tabs and line ends from addresses and read a backslash as a slash.
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        if text.len() > LONGEST || !text.bytes().all(plain) {
            return None;
        }
        if text.starts_with('/') {
            return is_platform_path(text).then(|| Self::Platform(text.to_owned()));
        }
        let rest = text.strip_prefix("https://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let label = app_label_of_origin(&format!("https://{authority}"))?;
        let path = match path.as_bytes().first() {
            None => "/".to_owned(),
            Some(b'/') => path.to_owned(),
            Some(_) => format!("/{path}"),
        };
        Some(Self::App { label, path })
    }
}

/// A path that every reader takes for a path: no empty segment at all, not even one that is decoded
/// into being, and no escape that is put together from others.
fn is_platform_path(text: &str) -> bool {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let lower = path.to_ascii_lowercase();
    let suspicious = ["//", "%2f", "%5c", "%00", "%09", "%0a", "%0d", "%25", "/.", "%2e", ";", "@"];
    let is_escape = |after: &str| after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    path.split('%').skip(1).all(is_escape) && !suspicious.iter().any(|spelling| lower.contains(spelling))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ReturnTo {
        let origins = |origin: &str| {
            let label = origin.strip_prefix("https://")?.strip_suffix(".vybe.test:8443")?;
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            label.bytes().all(plain).then(|| label.to_owned())
        };
        ReturnTo::parse(text, origins)
    }

    #[test]
    fn c06_paths_of_the_platform_are_kept() {
        let check = |text: &str| assert_eq!(read(text), ReturnTo::Platform(text.to_owned()), "{text}");
        for text in [
            "/",
            "/apps",
            "/organizations/acme?tab=members",
            "/apps?next=https%3A%2F%2Fevil.test%2F",
            "/apps?q=a//b",
            "/login?return_to=https%3A%2F%2Fhello-acme.vybe.test%3A8443%2F&hand_off=abc",
            "/a-b_c~d",
        ] {
            check(text);
        }
    }

    #[test]
    fn c06_addresses_of_app_hosts_keep_path_and_query() {
        let check = |text: &str, label: &str, path: &str| {
            let expected = ReturnTo::App { label: label.to_owned(), path: path.to_owned() };
            assert_eq!(read(text), expected, "{text}");
        };
        check("https://hello-acme.vybe.test:8443", "hello-acme", "/");
        check("https://hello-acme.vybe.test:8443/", "hello-acme", "/");
        check("https://hello-acme.vybe.test:8443/a%2Fb?c=d&e=//f", "hello-acme", "/a%2Fb?c=d&e=//f");
        check("https://hello-acme.vybe.test:8443?x=1", "hello-acme", "/?x=1");
        check("https://hello-acme.vybe.test:8443//evil.test", "hello-acme", "//evil.test");
    }
}
