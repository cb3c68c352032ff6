//! The addresses under which Next.js answers with the content of another page.

use access_control::RequestPath;

use super::{ReachError, query};

/// How deep an address may lie within an address: an image of a data file is two.
const DEEPEST: usize = 4;
/// How many pages one request can be an alias of.
const MOST: usize = 64;

/// The endings that name another form of a page. `.rsc`, `.prefetch.rsc` and `.action` are read by
/// Next.js where it runs behind Vercel's router; `.txt` and `.html` are what a static export is made of.
const ENDINGS: [&str; 5] = [".prefetch.rsc", ".rsc", ".action", ".txt", ".html"];

/// Pages found so far, beside the request's own.
#[derive(Default)]
pub(super) struct Aliases {
    found: Vec<RequestPath<'static>>,
    depth: usize,
}

impl Aliases {
    pub(super) fn into_paths(self) -> Vec<RequestPath<'static>> {
        self.found
    }

    /// Adds what a path, with its query, is an alias of.
    pub(super) fn of_path(&mut self, path: &RequestPath<'_>, query: Option<&str>) -> Result<(), ReachError> {
        if let Some(query) = query {
            query::check(query)?;
        }
        let text = path.forwarded();
        // Next.js cuts at most one trailing slash; a canonical path has no more.
        let text = text.strip_suffix('/').unwrap_or(text);
        // Every alias has one of these; most paths have none.
        if !text.bytes().any(|byte| matches!(byte, b'_' | b'.' | b'(')) {
            return self.of_index(text);
        }
        if text.split('/').any(|segment| segment.starts_with("(.")) && !is_static(text) {
            return Err(ReachError::InternalRoute);
        }
        self.of_internal_prefix(text, query)?;
        self.of_ending(text)
    }

    /// `Next-Url` names the page that the client router leaves. Next.js uses it to choose an
    /// intercepting route, which lies below that page and within its layouts.
    pub(super) fn of_page_left(&mut self, page: &[u8]) -> Result<(), ReachError> {
        self.of_address(page)
    }

    /// `/reports/index` is how Next.js names `/reports` in files.
    fn of_index(&mut self, text: &str) -> Result<(), ReachError> {
        match text.rsplit_once('/') {
            Some((parent, last)) if last.eq_ignore_ascii_case("index") => self.page(parent),
            _ => Ok(()),
        }
    }

    /// What comes after `_next/…`, which may itself lie below the app's base path.
    fn of_internal_prefix(&mut self, text: &str, query: Option<&str>) -> Result<(), ReachError> {
        for (start, _) in text.match_indices('/') {
            let (base, internal) = text.split_at(start);
            let mut segments = internal.split('/').skip(1);
            if !segments.next().is_some_and(|segment| segment.eq_ignore_ascii_case("_next")) {
                continue;
            }
            let Some(kind) = segments.next() else { continue };
            if kind.eq_ignore_ascii_case("data") {
                // The build's name is one segment; what follows is the page.
                self.below(base, internal.splitn(5, '/').nth(4), ".json")?;
            } else if kind.eq_ignore_ascii_case("postponed") {
                self.below(base, internal.splitn(5, '/').nth(4), "")?;
            } else if kind.eq_ignore_ascii_case("image") {
                for address in query.into_iter().flat_map(|query| query::values(query, b"url")) {
                    self.of_address(&address)?;
                }
            }
        }
        Ok(())
    }

    /// A page below a base path, and the same page as if there were no base path.
    fn below(&mut self, base: &str, page: Option<&str>, ending: &str) -> Result<(), ReachError> {
        let Some(page) = page else { return Ok(()) };
        let page = without_ending(page, ending).unwrap_or(page);
        self.page(&format!("/{page}"))?;
        if !base.is_empty() {
            self.page(&format!("{base}/{page}"))?;
        }
        Ok(())
    }

    /// `/admin.rsc`, `/admin.segments/_tree.segment.rsc`, `/admin.txt` and the like.
    fn of_ending(&mut self, text: &str) -> Result<(), ReachError> {
        for (start, ending) in text.match_indices(".segments/") {
            if text.ends_with(".rsc") && start > 0 && !ending.is_empty() {
                self.page(&text[..start])?;
            }
        }
        for ending in ENDINGS {
            if let Some(page) = without_ending(text, ending) {
                self.page(page)?;
            }
        }
        self.of_index(text)
    }

    /// Adds a page, and what it is an alias of.
    fn page(&mut self, text: &str) -> Result<(), ReachError> {
        let path = RequestPath::parse(if text.is_empty() { "/" } else { text })?;
        self.add(path, None)
    }

    /// Adds the page that an address leads to: a path, or the path of a URL on whatever host, since
    /// the app may be reachable under several.
    fn of_address(&mut self, address: &[u8]) -> Result<(), ReachError> {
        let address = std::str::from_utf8(address).map_err(|_| ReachError::Inner)?.trim();
        // URL parsers skip tabs and line ends, others do not.
        if address.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(ReachError::Inner);
        }
        let address = address.split('#').next().unwrap_or_default();
        let (address, query) = match address.split_once('?') {
            Some((address, query)) => (address, Some(encode(query))),
            None => (address, None),
        };
        if address.starts_with('/') {
            let encoded = encode(address);
            let path = RequestPath::parse(&encoded).map_err(|_| ReachError::Inner)?;
            self.add(path, query.as_deref())?;
        }
        match path_of_url(address) {
            Some(path) => {
                let encoded = encode(path);
                // Other hosts have addresses that apps here cannot have; with every second reading
                // applied, what is left is what the app could make of it.
                let plain = match RequestPath::parse(&encoded) {
                    Ok(path) => return self.add(path, query.as_deref()),
                    Err(_) => leniently(&encoded),
                };
                let path = RequestPath::parse(&plain).map_err(|_| ReachError::Inner)?;
                self.add(path, query.as_deref())
            }
            None if address.is_empty() || address.starts_with('/') => Ok(()),
            None => Err(ReachError::Inner),
        }
    }

    fn add(&mut self, path: RequestPath<'_>, query: Option<&str>) -> Result<(), ReachError> {
        // With a query, the same path can lead further.
        let known = self.found.contains(&path);
        if known && query.is_none() {
            return Ok(());
        }
        if self.depth == DEEPEST || self.found.len() == MOST {
            return Err(ReachError::TooDeep);
        }
        let path = path.into_owned();
        if !known {
            self.found.push(path.clone());
        }
        self.depth += 1;
        let added = self.of_path(&path, query);
        self.depth -= 1;
        added
    }
}

/// Whether a path is that of a built file, which is named after its page but shows none.
fn is_static(text: &str) -> bool {
    text.starts_with("/_next/static/")
}

/// The text before an ending, in whatever letter case, unless nothing would be left of the last segment.
fn without_ending<'a>(text: &'a str, ending: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(ending.len())?;
    let (before, last) = text.split_at_checked(at)?;
    (last.eq_ignore_ascii_case(ending) && !before.is_empty() && !before.ends_with('/')).then_some(before)
}

/// The path of `scheme://host/path` and of `//host/path`, with `/` when there is none. Like a URL
/// parser, takes any number of slashes before the host, and backslashes for slashes.
fn path_of_url(address: &str) -> Option<&str> {
    let (scheme, rest) = match address.split_once(':') {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => (scheme, rest),
        _ => ("", address),
    };
    let host = rest.trim_start_matches(['/', '\\']);
    let slashes = rest.len() - host.len();
    if slashes < 2 && (scheme.is_empty() || slashes == 0) {
        return None;
    }
    Some(host.find(['/', '\\']).map_or("/", |start| &host[start..]))
}

/// Percent-encodes what may not stand in a path as it is, and leaves the rest alone.
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'#' && byte != b'?' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Applies every second reading: an encoded slash and a backslash part segments, a parameter ends one.
fn leniently(path: &str) -> String {
    let lower = path.replace("%2f", "/").replace("%2F", "/").replace("%5c", "/").replace("%5C", "/");
    let parted = lower.replace('\\', "/").replace("%3b", ";").replace("%3B", ";");
    let segments: Vec<&str> =
        parted.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
    segments.join("/")
}
