//! `[security_txt]`: whom to tell of a weakness (RFC 9116).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

use crate::config::ConfigError;

/// `[security_txt]`
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityTxtSection {
    /// Where: `mailto:`, `https:` or `tel:` addresses, the preferred one first.
    #[schemars(example = ["mailto:security@example.com"])]
    pub contact: Vec<String>,
    /// Until when that holds (RFC 3339), at most a year from now. Nothing is served afterwards; `vybe doctor` warns a
    /// month before.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", example = &"2027-06-30T00:00:00Z")]
    pub expires: OffsetDateTime,
    /// The languages of whoever reads the reports (RFC 5646), the preferred one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = ["en"])]
    pub preferred_languages: Vec<String>,
    /// How reports are dealt with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://example.com/security")]
    pub policy: Option<String>,
    /// A key to encrypt them with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://example.com/security-key.asc")]
    pub encryption: Option<String>,
    /// Who is thanked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://example.com/security/thanks")]
    pub acknowledgments: Option<String>,
}

impl SecurityTxtSection {
    /// Whether it makes a file that RFC 9116 calls valid, whatever the date. One that has expired is no reason not to
    /// start: it is not served.
    pub(in crate::config) fn check(&self) -> Result<(), ConfigError> {
        let bad = |key: &str, message: &str| Err(ConfigError::key(format!("security_txt.{key}"), message));
        if self.contact.is_empty() {
            return bad("contact", "needs at least one address");
        }
        if !self.contact.iter().all(|text| is_address(text, &["mailto", "https", "tel"])) {
            return bad("contact", "takes addresses that begin with mailto:, https: or tel:");
        }
        for (key, value) in [("policy", &self.policy), ("acknowledgments", &self.acknowledgments)] {
            if value.as_deref().is_some_and(|text| !is_address(text, &["https"])) {
                return bad(key, "takes an https: address");
            }
        }
        if self.encryption.as_deref().is_some_and(|text| !is_address(text, &["https", "dns", "openpgp4fpr"]))
        {
            return bad("encryption", "takes an address that begins with https:, dns: or openpgp4fpr:");
        }
        let is_tag = |text: &String| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !self.preferred_languages.iter().all(is_tag) {
            return bad("preferred_languages", "takes language tags such as en or pt-BR");
        }
        Ok(())
    }
}

/// Whether this is an address with one of these schemes, which cannot begin a line of its own.
fn is_address(text: &str, schemes: &[&str]) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
        && Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()))
}
