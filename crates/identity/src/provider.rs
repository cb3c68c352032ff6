//! An OpenID provider as the operator configured it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use openidconnect::core::CoreAuthPrompt;
use rustls::pki_types::CertificateDer;
use url::Url;
use zeroize::Zeroizing;

/// Google's issuer.
const GOOGLE_ISSUER: &str = "https://accounts.google.com";
/// How long one answer of a provider may take, unless configured otherwise.
const PATIENCE: Duration = Duration::from_secs(8);

/// What shows that a person has just signed in again at a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reauthentication {
    /// The signed claim `auth_time` (OpenID Connect Core 1.0, section 3.1.3.7, rule 13).
    #[default]
    AuthTime,
    /// That the provider was asked to let nobody through without a person at its page. It says nothing
    /// that would show that it did: for providers that leave `auth_time` out.
    Prompt,
}

/// One way to sign in.
#[derive(Clone)]
pub struct Provider {
    /// Its name in addresses: lower-case letters, digits and hyphens.
    pub id: String,
    /// Its name on the button.
    pub display_name: String,
    /// Its issuer, an https address, exactly as in its discovery document.
    pub issuer: String,
    /// The platform's name at the provider.
    pub client_id: String,
    /// The platform's secret at the provider. `None` for a public client.
    pub client_secret: Option<Zeroizing<String>>,
    /// When not empty, only people whose signed `hd` is one of these get in.
    pub hosted_domains: Vec<String>,
    /// What shows that a person has signed in again.
    pub reauthentication: Reauthentication,
    /// Certificates that are trusted in addition to the public ones.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Hosts that are found at a fixed address instead of by DNS.
    pub resolve: Vec<(String, SocketAddr)>,
    /// How long one answer may take.
    pub patience: Duration,
}

/// Why a provider cannot be used as configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Not usable in an address.
    #[error("the provider id {0:?} must be lower-case letters, digits and hyphens")]
    Id(String),
    /// Used twice.
    #[error("there are two providers with the id {0:?}")]
    Twice(String),
    /// Not an https address.
    #[error("the issuer of provider {0:?} must be an https address without query and fragment")]
    Issuer(String),
    /// Empty.
    #[error("provider {0:?} has no client id")]
    ClientId(String),
    /// A root certificate is none, or TLS cannot be set up.
    #[error("a root certificate of provider {0:?} is not usable")]
    Roots(String),
}

impl Provider {
    /// Any OpenID provider with discovery.
    #[must_use]
    pub fn new(
        id: &str,
        display_name: &str,
        issuer: &str,
        client_id: &str,
        client_secret: Option<&str>,
    ) -> Self {
        Self {
            id: id.to_owned(),
            display_name: display_name.to_owned(),
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: client_secret.map(|secret| Zeroizing::new(secret.to_owned())),
            hosted_domains: Vec::new(),
            reauthentication: Reauthentication::default(),
            extra_roots: Vec::new(),
            resolve: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// Google, which leaves `auth_time` out unless the operator's project asked for it, and takes no
    /// `max_age`.
    #[must_use]
    pub fn google(client_id: &str, client_secret: &str) -> Self {
        Self {
            reauthentication: Reauthentication::Prompt,
            ..Self::new("google", "Google", GOOGLE_ISSUER, client_id, Some(client_secret))
        }
    }

    /// How to ask for a person at the provider's page. Google has no `login`.
    pub(crate) fn prompt(&self) -> CoreAuthPrompt {
        if self.issuer == GOOGLE_ISSUER { CoreAuthPrompt::SelectAccount } else { CoreAuthPrompt::Login }
    }

    pub(crate) fn check(&self) -> Result<(), ProviderError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.id.is_empty() || self.id.len() > 40 || !self.id.bytes().all(plain) {
            return Err(ProviderError::Id(self.id.clone()));
        }
        let https = Url::parse(&self.issuer).is_ok_and(|url| {
            url.scheme() == "https"
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if !https {
            return Err(ProviderError::Issuer(self.id.clone()));
        }
        if self.client_id.is_empty() {
            return Err(ProviderError::ClientId(self.id.clone()));
        }
        Ok(())
    }

    /// Whether a signed hosted domain is let in. The suffix of the e-mail address is not asked.
    pub(crate) fn admits(&self, hosted_domain: Option<&str>) -> bool {
        self.hosted_domains.is_empty()
            || hosted_domain.is_some_and(|domain| {
                self.hosted_domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain))
            })
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Provider")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_https_address() {
        let check = |issuer: &str, expected: bool| {
            let provider = Provider::new("x", "X", issuer, "client", None);
            assert_eq!(provider.check().is_ok(), expected, "{issuer}");
        };
        check("https://accounts.google.com", true);
        check("https://issuer.test:8443/tenant", true);
        check("http://accounts.google.com", false);
        check("https://user@issuer.test", false);
        check("https://issuer.test?x=1", false);
        check("https://issuer.test#x", false);
        check("issuer.test", false);
        check("", false);
    }

    #[test]
    fn o11_the_signed_hosted_domain_decides_and_an_absent_one_is_outside() {
        let mut provider = Provider::google("client", "secret");
        assert!(provider.admits(None));
        provider.hosted_domains = vec!["acme.test".to_owned()];
        assert!(provider.admits(Some("acme.test")));
        assert!(!provider.admits(Some("evil.test")));
        assert!(!provider.admits(Some("acme.test.evil.test")));
        assert!(!provider.admits(Some("sub.acme.test")));
        assert!(!provider.admits(None));
    }
}
