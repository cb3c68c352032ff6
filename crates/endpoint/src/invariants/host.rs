//! Hosts and origins.

use ids::HostLabel;
use url::Url;

use crate::{Site, Sites};

/// A text as a `Host` header, as an origin and as a label. Whoever is ours is ours for a browser, too, in one spelling only.
///
/// # Panics
/// Something does not hold.
pub fn host(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for (platform, base, port) in [
        ("vybe.test", "vybe.test", 443),
        ("vybe.test", "apps.vybe.test", 8443),
        ("a.vybe.test", "vybe.test", 443),
    ] {
        let sites = Sites::new(platform, base, port).with_development_issuer("issuer.vybe.test");
        as_host(&sites, text, port, base);
        as_origin(&sites, text);
        as_label(&sites, text, base);
    }
}

fn as_host(sites: &Sites, text: &str, port: u16, base: &str) {
    let site = sites.classify(text);
    assert_eq!(sites.classify(&text.to_ascii_uppercase()), site, "{text:?} in upper case");
    let Some(site) = site else { return };
    // What a browser reads that was sent to this address.
    let address = Url::parse(&format!("https://{text}/x"));
    let read = address.as_ref().map(|url| (url.host_str(), url.port_or_known_default(), url.path()));
    let lower = text.to_ascii_lowercase();
    let name = lower.split(':').next();
    assert_eq!(read, Ok((name, Some(port), "/x")), "{text:?}");
    assert!(address.is_ok_and(|url| url.username().is_empty() && url.password().is_none()));
    if let Site::App(label) = &site {
        assert_eq!(name, Some(format!("{label}.{base}").as_str()), "{text:?}");
        assert!((1..=63).contains(&label.len()) && !label.contains('.'), "{label:?}");
    }
    // Whoever came without TLS is sent to the same site.
    let origin = sites.secure_origin(text);
    let authority = origin.as_deref().and_then(|origin| origin.strip_prefix("https://"));
    assert_eq!(authority.and_then(|authority| sites.classify(authority)), Some(site), "{text:?}");
}

fn as_origin(sites: &Sites, text: &str) {
    // Without TLS another port was asked for, and the answer leads nowhere but to ours.
    if let Some(origin) = sites.secure_origin(text) {
        let authority = origin.strip_prefix("https://");
        assert!(
            authority.is_some_and(|authority| sites.classify(authority).is_some()),
            "{text:?} to {origin}"
        );
    }
    if let Some(label) = sites.app_label_of_origin(text) {
        let origin = Url::parse(text).map(|url| url.origin().ascii_serialization());
        assert_eq!(origin.as_deref(), Ok(text), "{label}'s origin has two spellings");
    }
}

fn as_label(sites: &Sites, text: &str, base: &str) {
    let Ok(label) = text.parse::<HostLabel>() else { return };
    let authority = sites.app_authority(label.as_str());
    let expected = if label.as_str() == "a" && sites.platform_origin().contains("//a.vybe") {
        // The platform's own name below the domain of apps; such a label is reserved by configuration.
        Site::Platform
    } else {
        Site::App(text.to_owned())
    };
    assert_eq!(sites.classify(&authority), Some(expected), "{authority}");
    let origin = sites.app_origin(&label);
    let url = Url::parse(&origin).map(|url| url.origin().ascii_serialization());
    assert_eq!(url.as_deref(), Ok(origin.as_str()), "a browser reads the app's origin in another way");
    assert!(!text.starts_with("xn--") && text.len() + base.len() < 253, "{text}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn hosts_hold() {
        hostile_input::replay("host", 20_000, super::host);
    }
}
