//! Which addresses of a document may get a credential: public ones over TLS. Where a name leads is judged again when it is
//! connected to.

use url::{Host, Url};

use super::ImportError;

/// Names that are no service's on the public internet (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`, and what private
/// networks use).
const PRIVATE: &[&str] = &[
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "arpa",
    "invalid",
    "test",
    "onion",
    "alt",
    "svc",
    "cluster",
];

/// Names that documents write where they mean another (RFC 2606).
const PLACEHOLDERS: &[&str] = &["example", "example.com", "example.org", "example.net"];

/// What is said about an address that gets no credential.
pub(super) const NOT_HTTPS: &str = "not an https URL";
pub(super) const ADDRESS: &str = "an address instead of a name";
pub(super) const PRIVATE_NAME: &str = "a name of a private network";
pub(super) const PLACEHOLDER: &str = "an example's name";
pub(super) const HAS_CREDENTIALS: &str = "a URL with a user name or password";
pub(super) const UNREADABLE: &str = "not a URL";

/// Whether a credential may be sent to this URL, and if not, why.
pub(super) fn unfit(url: &Url) -> Option<&'static str> {
    if url.scheme() != "https" {
        return Some(NOT_HTTPS);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(HAS_CREDENTIALS);
    }
    match url.host() {
        Some(Host::Domain(name)) => unfit_name(name),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => Some(ADDRESS),
        None => Some(UNREADABLE),
    }
}

/// The same for a name in lower case.
pub(super) fn unfit_name(name: &str) -> Option<&'static str> {
    let within = |zones: &[&str]| {
        zones.iter().any(|zone| {
            name.strip_suffix(zone).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
    };
    // A name without a dot is one of the network that it is asked in; one with a dot at its end is another spelling.
    if !name.contains('.') || name.ends_with('.') || within(PRIVATE) {
        return Some(PRIVATE_NAME);
    }
    within(PLACEHOLDERS).then_some(PLACEHOLDER)
}

/// The URL, if a credential may be sent to it.
pub(super) fn public(what: &str, text: &str) -> Result<Url, ImportError> {
    let refused = |reason| ImportError::Address { what: what.to_owned(), url: shortened(text), reason };
    let url = Url::parse(text).map_err(|_| refused(UNREADABLE))?;
    unfit(&url).map_or(Ok(url), |reason| Err(refused(reason)))
}

/// A text of a document, short enough to be shown.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 120;
    let shown: String = text.chars().filter(|character| !character.is_control()).take(LONGEST).collect();
    if shown.len() < text.len() { format!("{shown}…") } else { shown }
}
