//! Texts that come with attempts to connect accounts: what a service says, and where a person goes on. Pure.

use catalogue::{Authentication, Service, Values};

use crate::AccountError;

/// The longest word and sentence of a service that is shown, in characters.
const LONGEST_SHOWN: usize = 300;
/// The longest path on the platform, in bytes.
const LONGEST_PATH: usize = 500;

/// What the service says when it, or the person, refused (RFC 6749, 4.1.2.1; of OAuth 1.0a, what services do).
pub(crate) fn refusal(callback: &Values) -> Option<AccountError> {
    let said = |name: &str| callback.get(name).map(|text| shown(text)).filter(|text| !text.is_empty());
    let word = said("error").or_else(|| said("oauth_problem"));
    let word = word.or_else(|| callback.contains_key("denied").then(|| "denied".to_owned()))?;
    Some(AccountError::RefusedAtService { word, sentence: said("error_description") })
}

/// Refuses what another authorization server sent (RFC 9207, 2.4).
pub(crate) fn check_issuer(service: &Service, callback: &Values) -> Result<(), AccountError> {
    let Authentication::Oauth2Code(code) = &service.authentication else { return Ok(()) };
    let Some(issuer) = &code.issuer else { return Ok(()) };
    match callback.get("iss") {
        Some(said) if said == issuer => Ok(()),
        None if !code.issuer_in_callback => Ok(()),
        _ => Err(AccountError::OtherIssuer),
    }
}

/// A service's text as it can be shown: short, on one line, in one direction.
fn shown(text: &str) -> String {
    let plain = |character: &char| {
        !character.is_control()
            && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().filter(plain).take(LONGEST_SHOWN).collect::<String>().trim().to_owned()
}

/// A path on the platform that every reader takes for one.
pub(crate) fn check_return_to(text: String) -> Result<String, AccountError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_?=&".contains(&byte);
    if text.len() <= LONGEST_PATH && text.starts_with('/') && !text.contains("//") && text.bytes().all(plain)
    {
        Ok(text)
    } else {
        Err(AccountError::invalid("returnTo", "a path on the platform"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_is_shown_on_one_line() {
        let said = |pairs: &[(&str, &str)]| {
            let callback =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            match refusal(&callback) {
                Some(AccountError::RefusedAtService { word, sentence }) => Some((word, sentence)),
                _ => None,
            }
        };
        assert_eq!(said(&[("code", "c")]), None);
        assert_eq!(said(&[("error", "")]), None);
        let denied = [("error", "access_denied"), ("error_description", "No\r\n\u{202e}way")];
        assert_eq!(said(&denied), Some(("access_denied".to_owned(), Some("Noway".to_owned()))));
        assert_eq!(said(&[("denied", "token")]), Some(("denied".to_owned(), None)));
        assert_eq!(said(&[("error", &"x".repeat(1000))]).unwrap().0.len(), LONGEST_SHOWN);
    }

    #[test]
    fn nobody_is_sent_off_the_platform() {
        for fine in ["/", "/organizations/acme/accounts?tab=own"] {
            assert_eq!(check_return_to(fine.to_owned()).unwrap(), fine);
        }
        for bad in ["", "https://evil.test", "//evil.test", "/a//b", "/\\evil.test", "/a%2f", "/\n", "evil"] {
            assert!(check_return_to(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
