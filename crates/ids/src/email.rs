//! E-mail addresses as an identity provider hands them to us.

use std::fmt;
use std::str::FromStr;

use crate::DomainName;
use crate::text::is_text;

/// A text that is not accepted as an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a valid e-mail address: expected name@domain with one @, no quotes, spaces or control characters"
)]
pub struct EmailAddressError;

/// A lower-cased e-mail address with exactly one `@`.
///
/// Narrower than RFC 5321 on purpose: quoted local parts, comments and address literals are where
/// two readers disagree about the domain (CVE-2026-40574), so they are refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

is_text!(EmailAddress);

impl FromStr for EmailAddress {
    type Err = EmailAddressError;

    fn from_str(text: &str) -> Result<Self, EmailAddressError> {
        let (local, domain) = text.split_once('@').ok_or(EmailAddressError)?;
        let local_ok = !local.is_empty()
            && local.len() <= 64
            && local
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte));
        let domain_ok = domain.parse::<DomainName>().is_ok();
        if local_ok && domain_ok { Ok(Self(text.to_ascii_lowercase())) } else { Err(EmailAddressError) }
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_ordinary_addresses_in_lower_case() {
        let address: EmailAddress = "Ada.Lovelace+vybe@Example.COM".parse().unwrap();
        assert_eq!(address.as_str(), "ada.lovelace+vybe@example.com");
    }

    #[test]
    fn o12_refuses_what_two_readers_split_differently() {
        let check = |text: &str| assert!(text.parse::<EmailAddress>().is_err(), "{text:?}");
        for text in [
            "",
            "@corp.com",
            "a@",
            "a@corp",
            "a@evil.com@corp.com",
            "a@corp.com@evil.com",
            "\"a@evil.com\"@corp.com",
            "a b@corp.com",
            "a@corp.com\r\nx: y",
            "a@corp..com",
            "a@-corp.com",
            "a@corp.com.",
            "a@[127.0.0.1]",
            "a(comment)@corp.com",
            "a@c\u{43e}rp.com",
            "<a@corp.com>",
            "a,b@corp.com",
        ] {
            check(text);
        }
    }
}
