//! What a request's header fields say. A field or cookie that came twice has no single reading.

use actix_http::Method;
use actix_http::header::HeaderMap;

/// The only item, if there is exactly one.
pub(crate) fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// Whether a browser goes somewhere with this request, as it says itself.
pub(crate) fn navigates(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
}

/// Whether a browser is about to show the answer as a page.
#[must_use]
pub fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    let accepts_html = headers
        .get("accept")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let fetched = headers.get("sec-fetch-mode").is_some_and(|mode| mode != "navigate");
    (method == Method::GET || method == Method::HEAD) && accepts_html && !fetched
}

/// The value of a cookie that came exactly once. Two of one name have no single reading: a sibling host
/// can add one, so neither counts.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    only(cookies(headers, name)).and_then(|value| std::str::from_utf8(value).ok())
}

/// Whether a cookie of this name came, however often.
pub(crate) fn sends_cookie(headers: &HeaderMap, name: &str) -> bool {
    cookies(headers, name).next().is_some()
}

fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    // Read as bytes: a sibling host can also add one that is no ASCII, and that must not hide the others.
    headers
        .get_all("cookie")
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(move |pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}
