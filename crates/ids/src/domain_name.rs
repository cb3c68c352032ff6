//! DNS names with at least two labels, such as `example.com`.

use std::str::FromStr;

use crate::text::is_text;

/// The longest name and the longest label (RFC 1035, section 2.3.4).
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A text that is no domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a domain name: expected something like example.com")]
pub struct DomainNameError;

/// A domain name in lower case, without a final dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(String);

is_text!(DomainName);

impl FromStr for DomainName {
    type Err = DomainNameError;

    fn from_str(text: &str) -> Result<Self, DomainNameError> {
        let is_label = |label: &str| {
            (1..=LONGEST_LABEL).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if text.len() <= LONGEST && text.contains('.') && text.split('.').all(is_label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(DomainNameError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_in_lower_case_and_nothing_else() {
        assert_eq!("Example.COM".parse::<DomainName>().unwrap().as_str(), "example.com");
        for text in ["", "example", "a..b", "-a.b", "a-.b", "a b.c", "a@b.c", "a.b.", ".a.b", "\u{430}.com"] {
            assert!(text.parse::<DomainName>().is_err(), "{text:?}");
        }
        assert!(format!("{}.com", "a".repeat(63)).parse::<DomainName>().is_ok());
        assert!(format!("{}.com", "a".repeat(64)).parse::<DomainName>().is_err());
    }
}
