//! Which hosts are ours, and the origins that stand for them.

use ids::HostLabel;

/// The platform's host and the domain below which apps live.
#[derive(Clone, Debug)]
pub struct Sites {
    platform_host: String,
    base_domain: String,
    port: u16,
    issuer_host: Option<String>,
    /// What follows the label in the authority of an app.
    below_label: String,
}

/// Which site a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// The platform itself.
    Platform,
    /// The host of an app, if there is one with this label.
    App(String),
    /// The development identity provider.
    DevelopmentIssuer,
}

impl Sites {
    /// The platform at `platform_host`, apps at `<label>.<base_domain>`, all on one public port.
    #[must_use]
    pub fn new(platform_host: &str, base_domain: &str, port: u16) -> Self {
        let mut sites = Self {
            platform_host: platform_host.to_ascii_lowercase(),
            base_domain: base_domain.to_ascii_lowercase(),
            port,
            issuer_host: None,
            below_label: String::new(),
        };
        sites.below_label = sites.authority(&format!(".{}", sites.base_domain));
        sites
    }

    /// Adds the development identity provider's host.
    #[must_use]
    pub fn with_development_issuer(mut self, host: &str) -> Self {
        self.issuer_host = Some(host.to_ascii_lowercase());
        self
    }

    /// Reads a `Host` header. Upper case is folded; another port, a trailing dot, an address or any
    /// other name belongs to nobody.
    #[must_use]
    pub fn classify(&self, host_header: &str) -> Option<Site> {
        let (host, port) = match host_header.rsplit_once(':') {
            Some((host, port)) => (host, port.parse::<u16>().ok().filter(|_| is_decimal(port))?),
            None => (host_header, 443),
        };
        if port != self.port {
            return None;
        }
        self.site_of_name(host)
    }

    fn site_of_name(&self, host: &str) -> Option<Site> {
        if host.eq_ignore_ascii_case(&self.platform_host) {
            return Some(Site::Platform);
        }
        if self.issuer_host.as_deref().is_some_and(|issuer| host.eq_ignore_ascii_case(issuer)) {
            return Some(Site::DevelopmentIssuer);
        }
        let dot = host.len().checked_sub(self.base_domain.len() + 1)?;
        let (label, rest) = host.split_at_checked(dot)?;
        let below = rest.strip_prefix('.')?.eq_ignore_ascii_case(&self.base_domain);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        // No app has a label of encoded Unicode (`ids::HostLabel`), and browsers refuse some of them.
        let encoded = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
        (below && !label.is_empty() && label.len() <= 63 && label.bytes().all(plain) && !encoded)
            .then(|| Site::App(label.to_ascii_lowercase()))
    }

    /// The HTTPS origin that a plain HTTP request for this host should have gone to.
    pub(crate) fn secure_origin(&self, host_header: &str) -> Option<String> {
        let host = match host_header.rsplit_once(':') {
            Some((host, port)) if is_decimal(port) => host,
            Some(_) => return None,
            None => host_header,
        };
        match self.site_of_name(host)? {
            Site::Platform => Some(self.platform_origin()),
            Site::DevelopmentIssuer => self.issuer_origin(),
            Site::App(label) => Some(self.origin_of(&label)),
        }
    }

    /// The label of the app whose origin this is, spelled exactly as a browser does.
    #[must_use]
    pub fn app_label_of_origin(&self, origin: &str) -> Option<String> {
        let host = origin.strip_prefix("https://")?;
        match self.classify(host)? {
            Site::App(label) if self.origin_of(&label) == origin => Some(label),
            _ => None,
        }
    }

    /// `https://…` of the platform, without a trailing slash.
    #[must_use]
    pub fn platform_origin(&self) -> String {
        self.https(&self.platform_host)
    }

    /// `https://…` of the development identity provider.
    #[must_use]
    pub fn issuer_origin(&self) -> Option<String> {
        self.issuer_host.as_deref().map(|host| self.https(host))
    }

    /// `https://…` of an app.
    #[must_use]
    pub fn app_origin(&self, label: &HostLabel) -> String {
        self.origin_of(label.as_str())
    }

    /// The host of an app, with the port where it is not 443.
    #[must_use]
    pub fn app_authority(&self, label: &str) -> String {
        [label, &self.below_label].concat()
    }

    /// The origin for a label that was read from a request.
    #[must_use]
    pub fn origin_of(&self, label: &str) -> String {
        format!("https://{}", self.app_authority(label))
    }

    fn https(&self, host: &str) -> String {
        format!("https://{}", self.authority(host))
    }

    fn authority(&self, host: &str) -> String {
        if self.port == 443 { host.to_owned() } else { format!("{host}:{}", self.port) }
    }
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v02_v03_v23_only_exact_hosts_are_ours() {
        let sites = Sites::new("vybe.test", "vybe.test", 443);
        let check = |host: &str, expected: Option<Site>| {
            assert_eq!(sites.classify(host), expected, "{host:?}");
        };
        let app = || Some(Site::App("hello-acme".to_owned()));
        check("vybe.test", Some(Site::Platform));
        check("VYBE.test:443", Some(Site::Platform));
        check("hello-acme.vybe.test", app());
        check("Hello-ACME.Vybe.Test", app());
        check("hello-acme.vybe.test:443", app());
        for host in [
            "",
            "hello-acme.vybe.test.",
            "hello-acme.vybe.test:8443",
            "hello-acme.vybe.test:0",
            "hello-acme.vybe.test:0443",
            "hello-acme.vybe.test:",
            "hello-acmevybe.test",
            "hello-acme.vybe.test.evil.test",
            "evilvybe.test",
            "a.b.vybe.test",
            ".vybe.test",
            "127.0.0.1",
            "[::1]",
            "[::1]:443",
            "hello_acme.vybe.test",
            "xn--80ak6aa92e.vybe.test",
            "XN--cm.vybe.test",
            "hello-acme.vybe.test@evil.test",
            "evil.test#.vybe.test",
            "hello-acme.vybe.test:+443",
        ] {
            check(host, None);
        }
    }

    #[test]
    fn c11_an_app_origin_is_recognised_in_one_spelling_only() {
        let sites = Sites::new("vybe.test", "vybe.test", 8443);
        let check = |origin: &str, expected: Option<&str>| {
            assert_eq!(sites.app_label_of_origin(origin).as_deref(), expected, "{origin:?}");
        };
        check("https://hello-acme.vybe.test:8443", Some("hello-acme"));
        for origin in [
            "null",
            "",
            "https://vybe.test:8443",
            "http://hello-acme.vybe.test:8443",
            "https://hello-acme.vybe.test",
            "https://HELLO-acme.vybe.test:8443",
            "https://hello-acme.vybe.test:8443/",
            "https://hello-acme.vybe.test:8443.evil.test",
        ] {
            check(origin, None);
        }
    }
}
