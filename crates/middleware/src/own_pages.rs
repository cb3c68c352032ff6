//! Which pages may have a request sent that changes something.
//!
//! Apps share a site, so the session cookie goes along with whatever the page of another app sends,
//! `SameSite` or not. The other app's code is not trusted: it must not act here as the person.

use endpoint::http::Method;
use endpoint::http::header::HeaderMap as ClientHeaders;

/// Whether a request was sent by a page of another origin, and is more than a link: links and pictures
/// are `GET`, and an app answers `GET` without changing anything.
pub(crate) fn is_sent_by_a_foreign_page(
    method: &Method,
    headers: &ClientHeaders,
    own: impl FnOnce() -> String,
) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    // No page can set these two. A redirect on the way makes the first one worse, and the second `null`.
    let mut sites = headers.get_all("sec-fetch-site").map(|site| site.as_bytes()).peekable();
    let told = sites.peek().is_some();
    let foreign_site = sites.any(|site| !matches!(site, b"same-origin" | b"none"));
    let own = own();
    let mut origins = headers.get_all("origin").map(|origin| origin.as_bytes());
    // A page that sends no referrer sends `null` to its own host, too.
    let foreign_origin = origins.any(|origin| origin != own.as_bytes() && !(told && origin == b"null"));
    foreign_site || foreign_origin
}

#[cfg(test)]
mod tests {
    use endpoint::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn c08_what_browsers_say_about_a_page_is_read_in_one_way() {
        let check = |pairs: &[(&'static str, &'static str)], foreign: bool| {
            let mut headers = ClientHeaders::new();
            for (name, value) in pairs {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            let own = "https://hello-acme.vybe.test";
            let judged = |method| is_sent_by_a_foreign_page(&method, &headers, || own.to_owned());
            assert_eq!(judged(Method::POST), foreign, "{pairs:?}");
            assert_eq!(judged(Method::DELETE), foreign, "{pairs:?}");
            assert!(!judged(Method::GET) && !judged(Method::HEAD) && !judged(Method::OPTIONS));
        };
        let (own, evil) =
            (("origin", "https://hello-acme.vybe.test"), ("origin", "https://evil-acme.vybe.test"));
        let (same, null) = (("sec-fetch-site", "same-origin"), ("origin", "null"));
        check(&[], false);
        check(&[own], false);
        check(&[own, same], false);
        check(&[null, same], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[evil], true);
        check(&[null], true);
        check(&[("origin", "")], true);
        check(&[("origin", "https://vybe.test")], true);
        check(&[own, evil], true);
        check(&[evil, same], true);
        check(&[own, ("sec-fetch-site", "same-site")], true);
        check(&[null, ("sec-fetch-site", "cross-site")], true);
        check(&[same, ("sec-fetch-site", "same-site")], true);
        check(&[("sec-fetch-site", "")], true);
    }
}
