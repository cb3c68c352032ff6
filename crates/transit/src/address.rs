//! Where the service is.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::SettingsError;

/// The origin of a server: https, or http on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// The address of an endpoint.
    pub(crate) fn endpoint(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        // An origin always has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push("v1");
            for segment in segments.iter().flat_map(|segment| segment.split('/')) {
                path.push(segment);
            }
        }
        url
    }
}

impl FromStr for Address {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let url = Url::parse(text).map_err(|_| SettingsError::Address)?;
        // A name can be made to mean anything, so only a number counts as this machine.
        let on_this_machine = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(_)) | None => false,
        };
        let is_secure = url.scheme() == "https" || url.scheme() == "http" && on_this_machine;
        let is_origin = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if is_secure && is_origin { Ok(Self(url)) } else { Err(SettingsError::Address) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in
            ["https://kms.example.com:8200", "https://10.0.0.1", "http://127.0.0.1:8200", "http://[::1]"]
        {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in [
            "http://kms.example.com",
            "http://localhost:8200",
            "http://10.0.0.1",
            "http://127.0.0.1.example.com",
            "https://user:password@kms.example.com",
            "https://kms.example.com/v1",
            "https://kms.example.com/?x",
            "kms.example.com:8200",
            "unix:/run/kms",
            "",
        ] {
            assert_eq!(bad.parse::<Address>(), Err(SettingsError::Address), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_is_below_the_mount() {
        let address: Address = "https://kms.example.com".parse().unwrap();
        let url = address.endpoint(&["team/transit", "keys", "vybe"]);
        assert_eq!(url.as_str(), "https://kms.example.com/v1/team/transit/keys/vybe");
    }
}
